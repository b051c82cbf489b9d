/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_access.h"

#include "base/authority.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "config/config.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

enum { USERS_MAX = 64 };

const struct api_refusal_facts api_refusals[API_REFUSALS] = {
    [API_LET_IN] = {"none", 200, NULL},
    [API_NO_TOKEN] = {"no_token", 401, "WWW-Authenticate: Bearer\r\n"},
    [API_BAD_TOKEN] = {"bad_token", 401, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"},
    [API_FOREIGN_HOST] = {"foreign_host", 403, NULL},
    [API_FOREIGN_ORIGIN] = {"foreign_origin", 403, NULL},
    [API_FOREIGN_USER] = {"foreign_user", 403, NULL},
    [API_NO_SCOPE] = {"scope", 403, NULL},
};

/* What follows from the settings. */
struct rules {
    char *hosts, *origins, *socket_scope;
    char *without_token; /* NULL: not set; "": nothing */
    uint8_t token_hash[32];
    uid_t own_uid;
    bool has_token;
    bool is_loopback;
    bool has_group;
    gid_t group;
    uid_t users[USERS_MAX];
    size_t user_count;
};

struct api_access {
    struct rules rules;
    struct api_token_set *tokens;
    bool (*is_plugin)(void *user, pid_t pid);
    void *user;
};

/* ---- settings ---- */

static void rules_finish(struct rules *rules)
{
    free(rules->hosts);
    free(rules->origins);
    free(rules->socket_scope);
    free(rules->without_token);
}

static int find_group(struct rules *rules, const char *name, struct err *err)
{
    int64_t number;
    const struct group *group;

    if (name == NULL)
        return 0;
    rules->has_group = true;
    if (str_to_i64(str_of(name), &number) == 0) {
        rules->group = (gid_t)number;
        return 0;
    }
    group = getgrnam(name);
    if (group == NULL)
        return err_set(err, E_NOT_FOUND, "[api] socket_group: there is no group '%s'", name);
    rules->group = group->gr_gid;
    return 0;
}

static int find_users(struct rules *rules, const char *list, struct err *err)
{
    struct str rest = str_of(list);
    struct str item;

    while (config_list_next(&rest, &item)) {
        _free_ char *name = str_dup(item);
        int64_t number;
        if (name == NULL)
            return err_set(err, -ENOMEM, "out of memory");
        if (rules->user_count == USERS_MAX)
            return err_set(err, E_TOO_LARGE,
                           "[api] socket_users: more than %d; use socket_group instead", USERS_MAX);
        if (str_to_i64(item, &number) < 0) {
            const struct passwd *user = getpwnam(name);
            if (user == NULL)
                return err_set(err, E_NOT_FOUND, "[api] socket_users: there is no user '%s'", name);
            number = user->pw_uid;
        }
        rules->users[rules->user_count++] = (uid_t)number;
    }
    return 0;
}

static int copy(const char *text, char **out, struct err *err)
{
    *out = text != NULL ? str_dup(str_of(text)) : NULL;
    return text != NULL && *out == NULL ? err_set(err, -ENOMEM, "out of memory") : 0;
}

static int rules_read(struct rules *rules, const struct api_access_settings *settings,
                      struct err *err)
{
    const char *without = settings->without_token;

    *rules = (struct rules){.own_uid = geteuid()};
    if (without != NULL && strcmp(without, "none") == 0)
        without = "";
    else if (without != NULL && api_scope_check(str_of(without), err) < 0)
        return err_prefix(err, "[api] without_token: ");
    if (settings->socket_scope != NULL && api_scope_check(str_of(settings->socket_scope), err) < 0)
        return err_prefix(err, "[api] socket_scope: ");
    rules->is_loopback =
        settings->listen == NULL || authority_is_loopback(str_of(settings->listen));
    rules->has_token = settings->token != NULL && settings->token[0] != '\0';
    if (rules->has_token)
        digest_sha256(str_of(settings->token), rules->token_hash);
    if (copy(without, &rules->without_token, err) < 0 ||
        copy(settings->hosts, &rules->hosts, err) < 0 ||
        copy(settings->origins, &rules->origins, err) < 0 ||
        copy(settings->socket_scope, &rules->socket_scope, err) < 0 ||
        find_group(rules, settings->socket_group, err) < 0)
        return -EINVAL;
    return find_users(rules, settings->socket_users, err);
}

int api_access_check_settings(const struct api_access_settings *settings, struct err *err)
{
    struct rules rules;
    int status = rules_read(&rules, settings, err);

    rules_finish(&rules);
    return status;
}

struct api_access *api_access_create(struct loop *loop, const struct api_access_settings *settings,
                                     struct err *err)
{
    struct api_access *access = calloc(1, sizeof(*access));

    if (access == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory"); /* NULL tells */
        return NULL;
    }
    if (rules_read(&access->rules, settings, err) < 0 ||
        (access->tokens = api_token_set_open(loop, settings->state_dir, err)) == NULL) {
        api_access_destroy(access);
        return NULL;
    }
    return access;
}

void api_access_destroy(struct api_access *access)
{
    if (access == NULL)
        return;
    rules_finish(&access->rules);
    api_token_set_close(access->tokens);
    free(access);
}

void api_access_know_plugins(struct api_access *access, bool (*is_plugin)(void *user, pid_t pid),
                             void *user)
{
    access->is_plugin = is_plugin;
    access->user = user;
}

static bool is_same_text(const char *one, const char *other)
{
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

/* Who may do what without a token of the set. */
static bool is_same(const struct rules *one, const struct rules *other)
{
    return is_same_text(one->without_token, other->without_token) &&
           is_same_text(one->socket_scope, other->socket_scope) &&
           one->has_token == other->has_token &&
           memcmp(one->token_hash, other->token_hash, sizeof(one->token_hash)) == 0 &&
           one->has_group == other->has_group && one->group == other->group &&
           one->user_count == other->user_count &&
           memcmp(one->users, other->users, sizeof(one->users)) == 0;
}

static void swap(char **one, char **other)
{
    char *kept = *one;

    *one = *other;
    *other = kept;
}

int api_access_configure(struct api_access *access, const struct api_access_settings *settings,
                         bool *out_is_changed, struct err *err)
{
    struct rules rules;
    int status = rules_read(&rules, settings, err);

    /* What is open stays open until a restart, whatever `listen` says by now. */
    rules.is_loopback = access->rules.is_loopback;
    if (status == 0 && !rules.is_loopback && rules.without_token != NULL &&
        rules.without_token[0] != '\0')
        status = err_set(err, -EINVAL,
                         "[api] without_token: until tenond is restarted the port is open to other "
                         "machines, and every request there needs a token");
    if (status < 0) {
        rules_finish(&rules);
        return -EINVAL;
    }
    *out_is_changed = !is_same(&rules, &access->rules);
    if (!*out_is_changed) { /* peers hold these */
        swap(&rules.without_token, &access->rules.without_token);
        swap(&rules.socket_scope, &access->rules.socket_scope);
    }
    rules_finish(&access->rules);
    access->rules = rules;
    return 0;
}

struct api_token_set *api_access_tokens(struct api_access *access)
{
    return access->tokens;
}

void api_access_socket(const struct api_access *access, unsigned *out_mode, int *out_gid)
{
    const struct rules *rules = &access->rules;

    *out_mode = rules->user_count > 0 ? 0666 : rules->has_group ? 0660 : 0600;
    *out_gid = rules->has_group ? (int)rules->group : -1;
}

const char *api_peer_name(const struct api_peer *peer)
{
    return peer->token != NULL ? peer->token->name : "the API";
}

/* ---- hosts and origins ---- */

static bool list_has(const char *list, struct str wanted)
{
    struct str rest = str_of(list);
    struct str item;

    while (config_list_next(&rest, &item))
        if (authority_is_same_host(item, wanted))
            return true;
    return false;
}

/* A page may have its own name lead to this machine, and then asks by that name: what asks by a
 * name that is not ours is turned away. An address is no name; but who is let in without a token is
 * to be on this machine. */
static bool is_our_host(const struct rules *rules, struct str host_and_port, bool has_token)
{
    struct str host;

    return authority_is_loopback(host_and_port) ||
           (has_token && authority_is_address(host_and_port)) ||
           (authority_host(host_and_port, &host) && list_has(rules->hosts, host));
}

/* From one of our own pages, or one that was named. */
static bool is_our_origin(const struct rules *rules, struct str origin, struct str host)
{
    size_t scheme = str_starts_with(origin, "https://")  ? 8
                    : str_starts_with(origin, "http://") ? 7
                                                         : 0;

    return list_has(rules->origins, origin) ||
           (scheme > 0 &&
            authority_is_same_host((struct str){origin.ptr + scheme, origin.len - scheme}, host));
}

static enum api_refusal check_pages(const struct rules *rules, struct http_exchange *exchange,
                                    bool is_open, bool has_token, struct err *err)
{
    struct str host = http_exchange_header(exchange, "host");
    struct str origin = http_exchange_header(exchange, "origin");

    if (is_open && origin.len == 0)
        return API_LET_IN; /* no page: whatever name the sender was given is fine */
    if (!is_our_host(rules, host, has_token)) {
        (void)err_set(err, E_REFUSED,
                      "Host '%.*s' is not a name of this machine: ask 127.0.0.1 or localhost, or "
                      "have [api] hosts name it.",
                      STR_ARG(host));
        return API_FOREIGN_HOST;
    }
    if (origin.len > 0 && !is_our_origin(rules, origin, host)) {
        (void)err_set(err, E_REFUSED,
                      "Web pages of '%.*s' may not use this API unless [api] origins names them.",
                      STR_ARG(origin));
        return API_FOREIGN_ORIGIN;
    }
    return API_LET_IN;
}

/* ---- tokens ---- */

/* A page cannot give a WebSocket an Authorization header, but names of protocols: "tenon" and
 * "tenon.token.<the token>". */
static struct str token_of_protocols(struct http_exchange *exchange)
{
    static const char start[] = "tenon.token.";
    struct str rest = http_exchange_header(exchange, "sec-websocket-protocol");
    struct str item;

    while (str_next_word(&rest, ", \t", &item))
        if (str_starts_with(item, start))
            return (struct str){item.ptr + sizeof(start) - 1, item.len - sizeof(start) + 1};
    return STR_NONE;
}

static struct str bearer_of(struct http_exchange *exchange)
{
    struct str given = http_exchange_header(exchange, "authorization");

    if (given.len == 0)
        return token_of_protocols(exchange);
    if (given.len < 7 || strncasecmp(given.ptr, "Bearer ", 7) != 0)
        return STR_NONE;
    return str_trim((struct str){given.ptr + 7, given.len - 7});
}

static bool is_operators(const struct rules *rules, struct str given)
{
    uint8_t hash[32];

    digest_sha256(given, hash);
    return rules->has_token && digest_equals(hash, rules->token_hash, sizeof(hash));
}

static enum api_refusal check_token(struct api_access *access, struct str given,
                                    struct api_peer *out, struct err *err)
{
    if (is_operators(&access->rules, given)) {
        out->scopes = API_SCOPE_ALL;
        return API_LET_IN;
    }
    out->token = api_token_set_find(access->tokens, given);
    if (out->token != NULL) {
        out->scopes = out->token->scopes;
        return API_LET_IN;
    }
    (void)err_set(err, E_REFUSED,
                  "This token is not known here: it was revoked, its time is over, or it is of "
                  "another tenond; `tenon token list` shows those that are.");
    return API_BAD_TOKEN;
}

static enum api_refusal check_nobody(const struct api_access *access, struct api_peer *out,
                                     struct err *err)
{
    const struct rules *rules = &access->rules;

    if (rules->without_token != NULL)
        out->scopes = rules->without_token;
    else if (rules->is_loopback && !rules->has_token && !api_token_set_is_begun(access->tokens))
        out->scopes = API_SCOPE_ALL;
    if (out->scopes != NULL && out->scopes[0] != '\0')
        return API_LET_IN;
    (void)err_set(err, E_REFUSED,
                  "This port wants 'Authorization: Bearer TOKEN', with one that `tenon token "
                  "create` made, or that of [api] token.");
    return API_NO_TOKEN;
}

/* ---- the Unix socket ---- */

static enum api_refusal check_user(const struct api_access *access, struct http_exchange *exchange,
                                   struct api_peer *out, struct err *err)
{
    const struct rules *rules = &access->rules;
    uid_t uid = http_exchange_peer_uid(exchange);
    bool is_named = rules->has_group && http_exchange_peer_has_group(exchange, rules->group);

    if (access->is_plugin != NULL &&
        access->is_plugin(access->user, http_exchange_peer_pid(exchange))) {
        (void)err_set(
            err, E_REFUSED,
            "This socket is not for plugin code: a plugin asks the host by its services.");
        return API_FOREIGN_USER;
    }
    if (uid == 0 || uid == rules->own_uid) {
        out->scopes = API_SCOPE_ALL;
        return API_LET_IN;
    }
    for (size_t i = 0; i < rules->user_count; i++)
        is_named |= rules->users[i] == uid;
    if (is_named) {
        out->scopes = rules->socket_scope != NULL ? rules->socket_scope : API_SCOPE_ALL;
        return API_LET_IN;
    }
    (void)err_set(err, E_REFUSED,
                  "User %u may not use this socket: it is for root, for user %u who runs tenond, "
                  "and for those that [api] socket_users and socket_group name.",
                  (unsigned)uid, (unsigned)rules->own_uid);
    return API_FOREIGN_USER;
}

enum api_refusal api_access_check(struct api_access *access, struct http_exchange *exchange,
                                  enum api_scope scope, struct api_peer *out, struct err *err)
{
    const struct rules *rules = &access->rules;
    bool is_open = scope == API_OPEN;
    enum api_refusal refusal;

    *out = (struct api_peer){0};
    if (http_exchange_is_local(exchange))
        return check_user(access, exchange, out, err);

    struct str given = is_open ? STR_NONE : bearer_of(exchange);
    refusal = check_pages(rules, exchange, is_open, given.len > 0, err);
    if (refusal != API_LET_IN || is_open)
        return refusal;
    return given.len > 0 ? check_token(access, given, out, err) : check_nobody(access, out, err);
}
