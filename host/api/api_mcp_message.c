/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_mcp_message.h"

#include "base/json.h"

enum { METHOD, ID, PARAMS, VERSION, RESULT, ERROR, MEMBERS };
static const char *const names[MEMBERS] = {"method", "id", "params", "jsonrpc", "result", "error"};

bool api_mcp_text(struct str object, const char *name, size_t max, struct buf *out)
{
    struct str value = json_find(object, name);

    if (value.len == 0 || json_kind_of(value) != JSON_STRING)
        return false;
    json_unquote(value, out);
    return !out->failed && out->len <= max;
}

/* A whole number, or a text of a sensible length. */
static bool is_id(struct str id)
{
    if (id.len == 0 || id.len > MCP_ID_BYTES_MAX)
        return false;
    if (json_kind_of(id) == JSON_STRING)
        return true;
    return json_kind_of(id) == JSON_NUMBER && memchr(id.ptr, '.', id.len) == NULL &&
           memchr(id.ptr, 'e', id.len) == NULL && memchr(id.ptr, 'E', id.len) == NULL;
}

static int read_method(struct str method, struct mcp_message *out, struct err *err)
{
    if (json_kind_of(method) != JSON_STRING || method.len <= 2 ||
        method.len - 2 > MCP_METHOD_BYTES_MAX || memchr(method.ptr, '\\', method.len) != NULL) {
        (void)err_set(err, E_SYNTAX, "'method' is not a string of 1 to %d plain characters",
                      MCP_METHOD_BYTES_MAX);
        return MCP_INVALID_REQUEST;
    }
    out->method = (struct str){method.ptr + 1, method.len - 2};
    return 0;
}

static int read_params(struct str params, struct mcp_message *out, struct err *err)
{
    out->params = params.len > 0 ? params : STR("{}");
    if (json_kind_of(out->params) == JSON_OBJECT)
        return 0;
    (void)err_set(err, E_SYNTAX, "'params' is not an object");
    return MCP_INVALID_REQUEST;
}

int api_mcp_message_read(struct str value, struct mcp_message *out, struct err *err)
{
    struct str members[MEMBERS] = {0};

    *out = (struct mcp_message){.kind = MCP_NOTIFICATION};
    if (json_kind_of(value) != JSON_OBJECT || json_pick(value, names, MEMBERS, members) < 0) {
        (void)err_set(err, E_SYNTAX, "a message is a JSON object");
        return MCP_INVALID_REQUEST;
    }
    if (is_id(members[ID]))
        out->id = members[ID];
    if (!str_is(members[VERSION], "\"2.0\"")) {
        (void)err_set(err, E_SYNTAX, "'jsonrpc' is not \"2.0\"");
        return MCP_INVALID_REQUEST;
    }
    if (members[ID].len > 0 && out->id.len == 0) {
        (void)err_set(err, E_SYNTAX, "'id' is not a whole number or a string of at most %d bytes",
                      MCP_ID_BYTES_MAX);
        return MCP_INVALID_REQUEST;
    }
    if (members[METHOD].len == 0 && (members[RESULT].len > 0 || members[ERROR].len > 0)) {
        out->kind = MCP_ANSWER;
        return 0;
    }
    if (members[METHOD].len == 0) {
        (void)err_set(err, E_SYNTAX, "'method' is missing");
        return MCP_INVALID_REQUEST;
    }
    out->kind = out->id.len > 0 ? MCP_REQUEST : MCP_NOTIFICATION;
    int code = read_method(members[METHOD], out, err);
    return code != 0 ? code : read_params(members[PARAMS], out, err);
}

int api_mcp_body_open(struct str body, struct str *rest, bool *out_is_batch, struct err *err)
{
    struct str first;

    body = str_trim(body);
    if (body.len == 0) {
        (void)err_set(err, E_SYNTAX, "the body is empty; expected a JSON-RPC message");
        return MCP_PARSE_ERROR;
    }
    if (json_check(body, err) < 0)
        return MCP_PARSE_ERROR;
    *out_is_batch = json_kind_of(body) == JSON_ARRAY;
    *rest = body;
    if (!*out_is_batch)
        return 0;
    if (json_next_element(&body, &first))
        return 0;
    (void)err_set(err, E_SYNTAX, "the batch is empty");
    return MCP_INVALID_REQUEST;
}

bool api_mcp_body_next(struct str *rest, bool is_batch, struct str *out_value)
{
    if (rest->len == 0)
        return false;
    if (!is_batch) {
        *out_value = *rest;
        *rest = STR_NONE;
        return true;
    }
    return json_next_element(rest, out_value);
}
