/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_scope.h"

#include <errno.h>

static const char *const names[] = {
    [API_OPEN] = "open",     [API_ANY] = "any",       [API_READ] = "read",
    [API_SUBMIT] = "submit", [API_MANAGE] = "manage",
};

const char *api_scope_name(enum api_scope scope)
{
    return names[scope];
}

/* "submit:a,b" is "submit" and "a,b"; without a colon the names are STR_NONE: everywhere. */
static void split(struct str grant, struct str *out_scope, struct str *out_integrations)
{
    const char *colon = grant.len > 0 ? memchr(grant.ptr, ':', grant.len) : NULL;

    *out_scope = grant;
    *out_integrations = STR_NONE;
    if (colon == NULL)
        return;
    out_scope->len = (size_t)(colon - grant.ptr);
    *out_integrations = (struct str){colon + 1, grant.len - out_scope->len - 1};
}

/* As in names of integrations, which are names of files. */
static bool is_plain(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c <= ' ' || c == 0x7f || c == '"' || c == '\\' || c == '/')
            return false;
    }
    return name.len > 0;
}

static int check_grant(struct str grant, struct err *err)
{
    struct str scope;
    struct str integrations;
    struct str name;

    split(grant, &scope, &integrations);
    if (!str_is(scope, names[API_READ]) && !str_is(scope, names[API_SUBMIT]) &&
        !str_is(scope, names[API_MANAGE]))
        return err_set(err, -EINVAL,
                       "scope '%.*s' is not read, submit or manage, each alone or for some "
                       "integrations, such as submit:stripe-eu",
                       STR_ARG(grant));
    if (integrations.ptr == NULL)
        return 0;
    if (integrations.len == 0 || integrations.ptr[integrations.len - 1] == ',')
        return err_set(err, -EINVAL,
                       "scope '%.*s' names no integration behind its ':'; submit:stripe-eu,shop "
                       "is for two, submit alone for all",
                       STR_ARG(grant));
    while (str_next(&integrations, ',', &name))
        if (!is_plain(name))
            return err_set(err, -EINVAL, "scope '%.*s': '%.*s' is not the name of an integration",
                           STR_ARG(grant), STR_ARG(name));
    return 0;
}

int api_scope_check(struct str scopes, struct err *err)
{
    struct str grant;
    size_t count = 0;

    if (scopes.len > API_SCOPE_TEXT_MAX)
        return err_set(err, -EINVAL, "the scopes are %zu bytes long; at most %d are taken",
                       scopes.len, API_SCOPE_TEXT_MAX);
    while (str_next_word(&scopes, " ", &grant)) {
        count++;
        if (check_grant(grant, err) < 0)
            return -EINVAL;
    }
    if (count == 0)
        return err_set(err, -EINVAL,
                       "no scope is given; expected read, submit or manage, each alone or for some "
                       "integrations, such as submit:stripe-eu");
    return 0;
}

static bool covers(struct str scope, enum api_scope wanted)
{
    return str_is(scope, names[API_MANAGE]) || str_is(scope, names[wanted]);
}

bool api_scope_allows(struct str scopes, enum api_scope wanted, struct str integration)
{
    struct str grant;

    if (wanted == API_OPEN)
        return true;
    while (str_next_word(&scopes, " ", &grant)) {
        struct str scope;
        struct str integrations;

        split(grant, &scope, &integrations);
        if (wanted == API_ANY)
            return true;
        if (covers(scope, wanted) &&
            (integrations.ptr == NULL ||
             (integration.len > 0 && str_list_has(integrations, ',', integration))))
            return true;
    }
    return false;
}
