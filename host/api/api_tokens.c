/* SPDX-License-Identifier: Apache-2.0
 * Tokens over REST. What a token is stands in one answer, that of its making. */
#include "api/api_access.h"
#include "api/api_handlers.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <stdlib.h>

/* A change on its way to the disk. */
struct change {
    struct api_call *call;
    struct buf body;
    char name[API_TOKEN_NAME_MAX + 1];
    int status; /* of the answer */
};

static void change_destroy(struct change *change)
{
    buf_finish(&change->body);
    free(change);
}
DEFINE_GUARD(change, struct change *, change_destroy);

static struct change *change_create(struct api_call *call, int status)
{
    struct change *change = calloc(1, sizeof(*change));

    if (change == NULL) {
        api_reply_problem(call, 503, "no_memory", "There is no memory left for this.");
        return NULL;
    }
    change->call = call;
    change->status = status;
    return change;
}

static void on_saved(void *user, int status, const struct err *err)
{
    _guard_(change) struct change *change = user;
    struct api_access *access = api_access_of(change->call);

    if (status < 0 && change->status == 201 && access != NULL)
        (void)api_token_set_remove(api_access_tokens(access), str_of(change->name)); /* unknown */
    if (status < 0)
        api_reply_error(change->call, status, err);
    else
        api_reply(change->call, change->status, "application/json", "cache-control: no-store\r\n",
                  &change->body);
}

static void put_token(struct buf *out, const struct api_token *token)
{
    bool is_over = token->expires_ms != 0 && token->expires_ms <= clock_wall_ms();

    json_put_member(out, "name", str_of(token->name));
    json_put_member(out, "prefix", str_of(token->prefix));
    json_put_member(out, "scope", str_of(token->scopes));
    json_put_member(out, "state", is_over ? STR("expired") : STR("active"));
    api_put_time(out, "created_at", token->created_ms);
    api_put_time(out, "expires_at", token->expires_ms);
    api_put_time(out, "used_at", token->used_ms);
}

void api_tokens_list(struct api_call *call)
{
    const struct api_token_set *set = api_access_tokens(api_access_of(call));
    struct buf body = {0};

    buf_puts(&body, "{\"items\":[");
    for (const struct api_token *token = api_token_set_first(set); token != NULL;
         token = token->next) {
        api_put_comma(&body);
        buf_putc(&body, '{');
        put_token(&body, token);
        buf_putc(&body, '}');
    }
    buf_puts(&body, "]}\n");
    api_reply_json(call, 200, &body);
}

/* "90d" from now, or a time. 0 for none. */
static int read_expiry(struct str text, int64_t *out_ms, struct err *err)
{
    *out_ms = 0;
    if (text.len == 0)
        return 0;
    if (clock_parse_coming(text, out_ms) < 0)
        return err_set(err, E_USAGE,
                       "expires: '%.60s' is not a duration such as 90d, nor a time such as "
                       "2027-01-31",
                       text.ptr);
    return *out_ms > clock_wall_ms()
               ? 0
               : err_set(err, E_USAGE, "expires: '%.60s' is over already", text.ptr);
}

static const char *const members[] = {"name", "scope", "expires"};
enum { MEMBERS = 3 };

static int read_body(struct str body, struct buf texts[MEMBERS], struct err *err)
{
    struct str values[MEMBERS] = {0};
    int status = json_check(body, err);

    if (status == 0 && json_pick(body, members, MEMBERS, values) < 0)
        status = err_set(err, E_USAGE, "Expected an object {\"name\", \"scope\", \"expires\"}.");
    for (size_t i = 0; i < MEMBERS && status == 0; i++) {
        if (values[i].len == 0 || json_kind_of(values[i]) == JSON_NULL)
            continue;
        if (json_kind_of(values[i]) != JSON_STRING)
            return err_set(err, E_USAGE, "%s: expected a text.", members[i]);
        json_unquote(values[i], &texts[i]);
        if (texts[i].failed)
            return err_set(err, -ENOMEM, "out of memory");
        if (texts[i].len == 0) /* "expires" would never be */
            return err_set(err, E_USAGE, "%s: " API_EMPTY, members[i]);
    }
    return status;
}

static void create(struct api_call *call, const struct buf texts[MEMBERS])
{
    struct api_token_set *set = api_access_tokens(api_access_of(call));
    _buf_ struct buf text = {0};
    struct err err = {0};
    int64_t expires_ms;

    struct change *change = change_create(call, 201);
    if (change == NULL)
        return;
    int status = read_expiry(buf_str(&texts[2]), &expires_ms, &err);
    if (status == 0)
        status =
            api_token_set_add(set, buf_str(&texts[0]), buf_str(&texts[1]), expires_ms, &text, &err);
    if (status < 0) {
        api_reply_error(call, status, &err);
        change_destroy(change);
        return;
    }
    const struct api_token *token = api_token_set_named(set, buf_str(&texts[0]));
    (void)snprintf(change->name, sizeof(change->name), "%s", token->name); /* fits */
    log_info("token made", F_STR("token", token->name), F_STR("scope", token->scopes),
             F_STR("by", api_peer_name(&call->peer)));
    buf_putc(&change->body, '{');
    put_token(&change->body, token);
    json_put_member(&change->body, "token", buf_str(&text));
    buf_puts(&change->body, "}\n");
    if (text.len > 0)
        explicit_bzero(text.ptr, text.len);
    api_token_set_save(set, on_saved, change);
}

void api_tokens_post(struct api_call *call)
{
    struct buf texts[MEMBERS] = {0};
    struct err err = {0};
    int status = read_body(http_exchange_body(call->exchange), texts, &err);

    if (status < 0)
        api_reply_error(call, status, &err);
    else
        create(call, texts);
    for (size_t i = 0; i < MEMBERS; i++)
        buf_finish(&texts[i]);
}

static void reply_no_token(struct api_call *call)
{
    const struct api_token_set *set = api_access_tokens(api_access_of(call));
    const char *name = buf_str(&call->id).ptr;
    const char *names[API_TOKENS_MAX];
    size_t count = 0;

    for (const struct api_token *token = api_token_set_first(set); token != NULL;
         token = token->next)
        names[count++] = token->name;
    const char *near = str_nearest(name, names, count);
    if (near != NULL)
        api_reply_problem(call, 404, "not_found",
                          "There is no token '%.64s'; perhaps '%s' was meant.", name, near);
    else
        api_reply_problem(call, 404, "not_found", "There is no token '%.64s'.", name);
}

/* Who revokes the token by which they ask are answered, and let in no more. */
void api_token_delete(struct api_call *call)
{
    struct api_token_set *set = api_access_tokens(api_access_of(call));

    if (api_token_set_named(set, buf_str(&call->id)) == NULL) {
        reply_no_token(call);
        return;
    }
    struct change *change = change_create(call, 200);
    if (change == NULL)
        return;
    log_info("token revoked", F_TEXT("token", buf_str(&call->id)),
             F_STR("by", api_peer_name(&call->peer)));
    buf_putc(&change->body, '{');
    json_put_member(&change->body, "name", buf_str(&call->id));
    api_put_bool(&change->body, "revoked", true);
    buf_puts(&change->body, "}\n");
    (void)api_token_set_remove(set, buf_str(&call->id)); /* it is there, see above */
    api_token_set_save(set, on_saved, change);
}
