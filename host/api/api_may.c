/* SPDX-License-Identifier: Apache-2.0
 * What handlers ask of the door. */
#include "api/api_access.h"
#include "api/api_call.h"
#include "api/api_figures.h"

bool api_may(const struct api_call *call, enum api_scope scope, struct str integration)
{
    return api_scope_allows(str_of(call->peer.scopes), scope, integration);
}

bool api_may_use(const struct api_call *call, const char *integration)
{
    return api_may(call, API_READ, str_of(integration)) ||
           api_may(call, API_SUBMIT, str_of(integration));
}

void api_refuse(struct api_call *call, enum api_refusal refusal, const char *words)
{
    const struct api_refusal_facts *facts = &api_refusals[refusal];

    api_call_refused(call, refusal);
    api_reply_problem_with(call, facts->status, facts->code, facts->headers, "%s", words);
}

bool api_may_or_reply(struct api_call *call, enum api_scope scope, struct str integration)
{
    const char *name = api_scope_name(scope);
    const char *has = call->peer.scopes != NULL ? call->peer.scopes : "";
    struct err err = {0};

    if (api_may(call, scope, integration))
        return true;
    if (integration.len > 0)
        (void)err_set(&err, E_REFUSED,
                      "This wants the scope %s:%.*s, or %s everywhere; you have '%s'.", name,
                      STR_ARG(integration), name, has);
    else
        (void)err_set(&err, E_REFUSED, "This wants the scope %s everywhere; you have '%s'.", name,
                      has);
    api_refuse(call, API_NO_SCOPE, err.text);
    return false;
}

bool api_may_use_or_reply(struct api_call *call, const char *integration)
{
    return api_may_use(call, integration) ||
           api_may_or_reply(call, API_READ, str_of(integration)); /* which says no */
}

enum api_scope api_action_scope(const struct plugin_action *action)
{
    return action->is_read_only ? API_READ : API_SUBMIT;
}
