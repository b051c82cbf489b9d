/* SPDX-License-Identifier: Apache-2.0
 * What the rows of cli_commands.c point at; one file per noun. Each gives an enum cli_exit. */
#ifndef CLI_FUNCTIONS_H
#define CLI_FUNCTIONS_H

#include "cli/cli.h"

/* cli_status.c, cli_plugin.c, cli_inspect.c, cli_integration.c, cli_logs.c */
int cli_status(struct cli *cli);
int cli_plugin_list(struct cli *cli);
int cli_plugin_inspect(struct cli *cli);
int cli_integration_list(struct cli *cli);
int cli_integration_show(struct cli *cli);
int cli_integration_logs(struct cli *cli);

/* cli_entity.c, cli_relate.c, cli_attribute.c, cli_import.c */
int cli_entity_add(struct cli *cli);
int cli_entity_get(struct cli *cli);
int cli_entity_search(struct cli *cli);
int cli_entity_update(struct cli *cli);
int cli_entity_delete(struct cli *cli);
int cli_entity_relate(struct cli *cli);
int cli_entity_unrelate(struct cli *cli);
int cli_entity_relations(struct cli *cli);
int cli_entity_attributes(struct cli *cli);
int cli_entity_attribute(struct cli *cli);
int cli_entity_import(struct cli *cli);

/* cli_tap.c */
int cli_tap(struct cli *cli);

/* cli_submit.c, cli_submission.c, cli_moves.c, cli_why.c */
int cli_submit(struct cli *cli);
int cli_submission_retry(struct cli *cli);
int cli_submission_discard(struct cli *cli);
int cli_submission_list(struct cli *cli);
int cli_submission_show(struct cli *cli);
int cli_why(struct cli *cli);

/* cli_signal.c */
int cli_signal_publish(struct cli *cli);
int cli_signal_request(struct cli *cli);
int cli_signal_listen(struct cli *cli);
int cli_signal_parked(struct cli *cli); /* cli_parked.c */
int cli_signal_retry(struct cli *cli);
int cli_signal_discard(struct cli *cli);

/* cli_switch.c */
int cli_integration_enable(struct cli *cli);
int cli_integration_disable(struct cli *cli);
int cli_integration_activate(struct cli *cli);
int cli_integration_deactivate(struct cli *cli);

/* cli_register.c, cli_manage.c */
int cli_integration_add(struct cli *cli);
int cli_integration_set(struct cli *cli);
int cli_integration_remove(struct cli *cli);
int cli_integration_test(struct cli *cli);
int cli_integration_health(struct cli *cli);
int cli_integration_manage(struct cli *cli);

/* cli_action.c */
int cli_action_list(struct cli *cli);
int cli_action_show(struct cli *cli);
int cli_action_call(struct cli *cli);

/* cli_run.c */
int cli_integration_run(struct cli *cli);

/* cli_completion.c */
int cli_completion_script(struct cli *cli);
int cli_completion_words(struct cli *cli);

/* cli_mcp.c */
int cli_mcp(struct cli *cli);

/* cli_reload.c */
int cli_reload(struct cli *cli);

/* cli_token.c */
int cli_token_create(struct cli *cli);
int cli_token_list(struct cli *cli);
int cli_token_revoke(struct cli *cli);

/* cli_store.c */
int cli_store_check(struct cli *cli);
int cli_store_compact(struct cli *cli);
int cli_store_backup(struct cli *cli);

/* cli_config.c */
int cli_config_check(struct cli *cli);
int cli_config_show(struct cli *cli);
int cli_config_example(struct cli *cli);

#endif
