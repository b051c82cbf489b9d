/* SPDX-License-Identifier: Apache-2.0
 * What the rows of api_routes.c point at; one file per noun. */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/api_call.h"

/* api_entities.c, api_relationships.c, api_attributes.c */
void api_entities_post(struct api_call *call);
void api_entities_list(struct api_call *call);
void api_entity_get(struct api_call *call);
void api_entity_put(struct api_call *call);
void api_entity_patch(struct api_call *call);
void api_entity_delete(struct api_call *call);
void api_relationships_post(struct api_call *call);
void api_relationships_list(struct api_call *call);
void api_attributes_list(struct api_call *call);
void api_attribute_put(struct api_call *call);
void api_attribute_delete(struct api_call *call);
void api_relationships_delete(struct api_call *call);
void api_entity_relationships(struct api_call *call);

/* api_integrations.c, api_logs.c, api_tap.c, api_trigger.c */
void api_integrations_list(struct api_call *call);
void api_integrations_health(struct api_call *call);
void api_integration_get(struct api_call *call);
void api_integration_logs(struct api_call *call);
void api_integration_tap(struct api_call *call);
void api_integration_trigger(struct api_call *call);
void api_reply_no_integration(struct api_call *call,
                              const char *name); /* 404 with the names that there are */

/* api_submissions.c, api_moves.c, api_why.c, api_signals.c */
void api_submissions_list(struct api_call *call);
void api_submissions_retry(struct api_call *call);
void api_submissions_discard(struct api_call *call);
void api_submission_get(struct api_call *call);
void api_why(struct api_call *call);
void api_signals_list(struct api_call *call);
void api_signals_post(struct api_call *call);
void api_signals_request(struct api_call *call);
void api_signals_reply(struct api_call *call);
void api_parked_list(struct api_call *call); /* api_parked.c */
void api_parked_retry(struct api_call *call);
void api_parked_discard(struct api_call *call);
void api_signals_listen(struct api_call *call);                          /* api_listen.c */
void api_put_signal(struct buf *out, const struct store_signal *signal); /* members, no braces */
void api_put_signal_metrics(struct buf *out,
                            const struct engine *engine); /* api_signals_metric.c */
/* Arguments type (a pattern), sender and since. False: the call has been answered. */
bool api_signal_filter(struct api_call *call, struct buf *out_pattern, struct buf *out_sender,
                       int64_t *out_since_ms);

/* api_switch.c */
void api_integration_activate(struct api_call *call);
void api_integration_deactivate(struct api_call *call);
void api_integration_enable(struct api_call *call);
void api_integration_disable(struct api_call *call);

/* api_actions.c, api_actions_show.c */
int api_status_of_reply(const struct plugin_reply *reply); /* of one that is not PLUGIN_OK */
void api_reply_not_open(struct api_call *call, const struct engine_integration *integration,
                        const char *what); /* 503; "its actions can be called" */
void api_actions_list(struct api_call *call);
void api_integration_actions(struct api_call *call);
void api_action_call(struct api_call *call);
void api_put_action(struct buf *out, const char *integration,
                    const struct plugin_action *action); /* a whole object */
/* What the plugin's function failed with, as a problem whose code is the error class. */
void api_reply_failed(struct api_call *call, const struct plugin_reply *reply);
/* What its arguments must be, as JSON Schema. */
void api_put_action_schema(struct buf *out, const struct plugin_action *action, bool with_secrets);
/* The OpenAPI paths of all actions that there are now, each behind a comma. */
void api_put_action_paths(struct buf *out, const struct api_call *call);

/* api_register.c, api_manage.c, api_test.c */
void api_integration_register(struct api_call *call);
void api_integration_unregister(struct api_call *call);
void api_integration_manage(struct api_call *call);
void api_integration_test(struct api_call *call);
/* Answers with the integration as it is and the steps of its test as "steps". */
void api_reply_tested(struct api_call *call);

/* api_hooks.c */
void api_hook_post(struct api_call *call);
void api_put_hook(struct buf *out, const struct engine_integration *integration);

/* api_mcp.c */
void api_mcp_post(struct api_call *call);
void api_mcp_get(struct api_call *call);
void api_mcp_delete(struct api_call *call);

/* api_commands.c */
void api_commands_list(struct api_call *call);
void api_integration_commands(struct api_call *call);
void api_command_run(struct api_call *call);
void api_command_input(struct api_call *call);

/* api_plugin_routes.c, api_plugin_routes_show.c */
void api_plugin_route(struct api_call *call);
/* "routes":[...] of an integration, and the OpenAPI paths of all, each behind a comma. */
void api_put_plugin_routes(struct buf *out, const struct engine *engine, const char *integration);
void api_put_plugin_route_paths(struct buf *out, const struct api_call *call);

/* api_tools.c */
void api_integration_tools(struct api_call *call);
void api_tool_call(struct api_call *call);

/* api_reload.c */
void api_reload(struct api_call *call);

/* api_tokens.c */
void api_tokens_list(struct api_call *call);
void api_tokens_post(struct api_call *call);
void api_token_delete(struct api_call *call);

/* api_store.c */
void api_store_get(struct api_call *call);
void api_store_check(struct api_call *call);
void api_store_compact(struct api_call *call);
void api_store_backup(struct api_call *call);

/* api_live.c */
void api_live(struct api_call *call);

/* api_plugins.c, api_status.c, api_metrics.c, api_openapi.c */
void api_plugins_list(struct api_call *call);
void api_status(struct api_call *call);
void api_health(struct api_call *call);
void api_metrics(struct api_call *call);
void api_integration_metrics(struct api_call *call);
void api_openapi(struct api_call *call);

#endif
