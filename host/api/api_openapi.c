/* SPDX-License-Identifier: Apache-2.0
 * The API described by its own table. */
#include "api/api_handlers.h"
#include "api/api_routes.h"
#include "api/api_schemas.h"
#include "base/json.h"

#include <string.h>

/* "get_api_v1_entities_id": unique, since method and path are. */
static void put_operation_id(struct buf *out, const struct api_route *route)
{
    _buf_ struct buf id = {0};

    for (const char *at = route->method; *at != '\0'; at++)
        buf_putc(&id, (char)(*at | 0x20));
    for (const char *at = route->path; *at != '\0'; at++) {
        bool is_word = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9');
        if (is_word)
            buf_putc(&id, *at);
        else if (id.ptr[id.len - 1] != '_' && at[1] != '\0')
            buf_putc(&id, '_');
    }
    json_put_member(out, "operationId", buf_str(&id));
}

static void put_parameter(struct buf *out, struct str name, const char *where, bool is_flag)
{
    api_put_comma(out);
    buf_putc(out, '{');
    json_put_member(out, "name", name);
    json_put_member(out, "in", str_of(where));
    api_put_bool(out, "required", strcmp(where, "path") == 0);
    buf_printf(out, ",\"schema\":{\"type\":\"string\"%s}}", is_flag ? "" : ",\"minLength\":1");
}

static void put_parameters(struct buf *out, const struct api_route *route)
{
    struct str rest = str_of(route->arguments);
    struct str name;
    bool is_flag;

    buf_puts(out, ",\"parameters\":[");
    if (strstr(route->path, "{id}") != NULL)
        put_parameter(out, STR("id"), "path", false);
    if (strstr(route->path, "{name}") != NULL)
        put_parameter(out, STR("name"), "path", false);
    while (strcmp(route->arguments, API_ANY_ARGUMENT) != 0 &&
           api_route_argument(&rest, &name, &is_flag))
        put_parameter(out, name, "query", is_flag);
    buf_putc(out, ']');
}

/* "application/json":{"schema":...} */
static void put_content(struct buf *out, const char *type, const char *noun)
{
    json_put_string(out, str_of(type != NULL ? type : "application/json"));
    buf_puts(out, ":{\"schema\":");
    api_put_noun_reference(out, noun);
    buf_putc(out, '}');
}

static void put_body(struct buf *out, const struct api_speech *speech)
{
    if (speech->request == NULL)
        return;
    buf_printf(out, ",\"requestBody\":{\"required\":%s,\"content\":{",
               speech->may_be_empty ? "false" : "true");
    put_content(out, speech->request_type, speech->request);
    buf_puts(out, "}}");
}

static const char *words_of(int status)
{
    switch (status) {
    case 101:
        return "It is a WebSocket from here on";
    case 201:
        return "Made";
    case 202:
        return "Begun";
    case 400:
    case 404:
    case 503:
        return "Not so, and why";
    default:
        return "Done";
    }
}

/* Rows of one status stand together: they are its types. */
static void put_answers(struct buf *out, const struct api_speech *speech, enum api_scope scope)
{
    int open = 0;

    buf_puts(out, ",\"responses\":{");
    for (size_t i = 0; i < API_ANSWERS_MAX && speech->answers[i].status != 0; i++) {
        const struct api_answer *answer = &speech->answers[i];

        if (answer->status == open) {
            buf_putc(out, ',');
        } else {
            buf_puts(out, open != 0 ? "}}," : "");
            open = answer->status;
            buf_printf(out, "\"%d\":{\"description\":\"%s\",\"content\":{", open, words_of(open));
        }
        if (answer->noun != NULL)
            put_content(out, answer->type, answer->noun);
    }
    buf_puts(out, "}}");
    api_put_refused_answers(out, scope);
    buf_puts(out, ",\"default\":{\"description\":\"Refused or failed\",\"content\":{");
    put_content(out, "application/problem+json", "Problem");
    buf_puts(out, "}}}");
}

static void put_operation(struct buf *out, const struct api_route *route)
{
    const struct api_speech *speech = api_speech_of(route->handler); /* tested: each has one */

    api_put_comma(out);
    buf_putc(out, '"');
    for (const char *at = route->method; *at != '\0'; at++)
        buf_putc(out, (char)(*at | 0x20));
    buf_puts(out, "\":{");
    put_operation_id(out, route);
    json_put_member(out, "summary", str_of(route->help));
    api_put_permission(out, route->scope);
    put_parameters(out, route);
    if (speech != NULL) {
        put_body(out, speech);
        put_answers(out, speech, route->scope);
    }
    buf_putc(out, '}');
}

/* Rows of one path need not stand together: the first of them writes all. */
static void put_path(struct buf *out, size_t first)
{
    const char *path = api_routes[first].path;

    for (size_t i = 0; i < first; i++)
        if (strcmp(api_routes[i].path, path) == 0)
            return;
    api_put_comma(out);
    json_put_string(out, str_of(path));
    buf_puts(out, ":{");
    for (size_t i = first; i < api_route_count; i++)
        if (strcmp(api_routes[i].path, path) == 0)
            put_operation(out, &api_routes[i]);
    buf_putc(out, '}');
}

static void put_components(struct buf *out)
{
    buf_puts(out, ",\"components\":{");
    api_put_security_components(out);
    buf_puts(out, ",\"schemas\":{");
    for (size_t i = 0; i < api_noun_count; i++) {
        api_put_comma(out);
        json_put_string(out, str_of(api_nouns[i].name));
        buf_putc(out, ':');
        api_put_noun(out, &api_nouns[i]);
    }
    buf_puts(out, "}}");
}

void api_openapi(struct api_call *call)
{
    struct buf body = {0};

    buf_puts(&body,
             "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Tenon\",\"version\":\"" TENON_VERSION
             "\",\"description\":\"A native integration host. At the Unix socket the kernel says "
             "who asks: "
             "root and the daemon's user may do everything, others what [api] socket_group, "
             "socket_users and socket_scope say. The port goes by tokens; on loopback it wants "
             "none while there are none, or for what [api] without_token allows.\","
             "\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},"
             "\"servers\":[{\"url\":\"/\"}],\"security\":[{},{\"token\":[]}],\"paths\":{");
    for (size_t i = 0; i < api_route_count; i++)
        if (strcmp(api_routes[i].method, "*") != 0) /* described by what they serve */
            put_path(&body, i);
    api_put_action_paths(&body, call);
    api_put_plugin_route_paths(&body, call);
    buf_putc(&body, '}');
    put_components(&body);
    buf_puts(&body, "}\n");
    api_reply_json(call, 200, &body);
}
