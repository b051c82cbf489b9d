/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_access.h"

#include "api/api_routes.h"

#include <string.h>

/* "127.0.0.1:80", "[::1]:80", "localhost" */
bool api_access_is_loopback(struct str host_and_port)
{
    static const char *const names[] = {"127.0.0.1", "[::1]", "localhost"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);
        if (host_and_port.len >= len && strncasecmp(host_and_port.ptr, names[i], len) == 0 &&
            (host_and_port.len == len || host_and_port.ptr[len] == ':'))
            return true;
    }
    return false;
}

int api_access_check_listen(const char *listen, const char *token, struct err *err)
{
    if (listen == NULL || (token != NULL && token[0] != '\0') ||
        api_access_is_loopback(str_of(listen)))
        return 0;
    return err_set(err, E_REFUSED,
                   "[api] listen = %s reaches beyond this machine and there is no [api] token: set "
                   "one, or listen "
                   "on 127.0.0.1",
                   listen);
}

/* Takes the same time wherever the difference is. */
static bool equals_secretly(struct str given, struct str wanted)
{
    unsigned char difference = given.len != wanted.len;

    for (size_t i = 0; i < given.len; i++)
        difference |=
            (unsigned char)(given.ptr[i] ^ wanted.ptr[wanted.len > 0 ? i % wanted.len : 0]);
    return difference == 0;
}

static bool has_token(struct http_exchange *exchange, const char *token)
{
    struct str given = http_exchange_header(exchange, "authorization");

    if (given.len < 7 || strncasecmp(given.ptr, "Bearer ", 7) != 0)
        return false;
    return equals_secretly((struct str){given.ptr + 7, given.len - 7}, str_of(token));
}

int api_access_check(struct http_exchange *exchange, const char *token, const char **out_scopes,
                     struct err *err)
{
    *out_scopes = API_SCOPE_ALL; /* whoever is let in may do everything */
    if (http_exchange_is_local(exchange))
        return 0;
    if (token != NULL && token[0] != '\0') {
        if (has_token(exchange, token))
            return 0;
        (void)err_set(
            err, E_REFUSED,
            "This port wants 'Authorization: Bearer TOKEN' with the token of [api] token.");
        return 401;
    }
    /* A page may send simple requests to 127.0.0.1, or have its own name resolve to it. Both show
     * here. */
    struct str host = http_exchange_header(exchange, "host");
    if (!api_access_is_loopback(host)) {
        (void)err_set(
            err, E_REFUSED,
            "Host '%.*s' is not this machine: without a token, ask 127.0.0.1 or localhost.",
            STR_ARG(host));
        return 403;
    }
    struct str origin = http_exchange_header(exchange, "origin");
    if (origin.len > 0 && !(str_starts_with(origin, "http://") &&
                            str_equals((struct str){origin.ptr + 7, origin.len - 7}, host))) {
        (void)err_set(err, E_REFUSED, "Web pages of '%.*s' may not use this API without a token.",
                      STR_ARG(origin));
        return 403;
    }
    return 0;
}

bool api_may(const struct api_call *call, enum api_scope scope, struct str integration)
{
    return api_scope_allows(str_of(call->scopes), scope, integration);
}

bool api_may_or_reply(struct api_call *call, enum api_scope scope, struct str integration)
{
    if (api_may(call, scope, integration))
        return true;
    if (integration.len > 0)
        api_reply_problem(call, 403, "scope",
                          "This wants the scope %s:%.*s, or %s everywhere; you have '%s'.",
                          api_scope_name(scope), STR_ARG(integration), api_scope_name(scope),
                          call->scopes != NULL ? call->scopes : "");
    else
        api_reply_problem(call, 403, "scope", "This wants the scope %s everywhere; you have '%s'.",
                          api_scope_name(scope), call->scopes != NULL ? call->scopes : "");
    return false;
}

enum api_scope api_action_scope(const struct plugin_action *action)
{
    return action->is_read_only ? API_READ : API_SUBMIT;
}
