/* SPDX-License-Identifier: Apache-2.0
 * Integrations that come and go by the API: their files in conf.d. The answer waits until the
 * integration runs by its file, or has said why it does not. */
#include "api/api_handlers.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "config/config_edit.h"

/* ---- a new one ---- */

enum { NAME, INI, SECTIONS, OVERWRITE, MEMBERS };
static const char *const names[MEMBERS] = {"name", "ini", "sections", "overwrite"};

static void on_registered(void *user, int status, const struct err *err)
{
    struct api_call *call = user;

    if (api_reply_if_over(call))
        return;
    if (status < 0) {
        api_reply_error(call, status, err);
        return;
    }
    call->is_created = true;
    api_integration_get(call);
}

static int text_of(struct str value, const char *name, struct buf *out, struct err *err)
{
    if (value.len == 0 || json_kind_of(value) != JSON_STRING)
        return err_set(err, E_USAGE, "'%s': expected a text", name);
    json_unquote(value, out);
    return 0;
}

static int read_flag(struct str value, const char *name, bool *out, struct err *err)
{
    *out = value.len > 0 && json_kind_of(value) == JSON_TRUE;
    if (value.len > 0 && !*out && json_kind_of(value) != JSON_FALSE)
        return err_set(err, E_USAGE, "'%s': expected true or false", name);
    return 0;
}

/* The name into call->id, the file's text into `out`. */
static int read_body(struct api_call *call, struct buf *out, bool *out_overwrites, struct err *err)
{
    struct str body = str_trim(http_exchange_body(call->exchange));
    struct str values[MEMBERS] = {0};

    if (json_check(body, err) < 0)
        return err->code;
    if (json_pick(body, names, MEMBERS, values) < 0 ||
        (values[INI].len == 0) == (values[SECTIONS].len == 0))
        return err_set(err, E_USAGE,
                       "expected {\"name\": NAME, \"ini\": TEXT} or {\"name\": NAME, \"sections\": "
                       "{\"integration\": {\"plugin\": PLUGIN}, ...}}, and \"overwrite\": true to "
                       "replace a file");
    if (text_of(values[NAME], "name", &call->id, err) < 0 ||
        read_flag(values[OVERWRITE], "overwrite", out_overwrites, err) < 0)
        return err->code;
    if (values[INI].len > 0)
        return text_of(values[INI], "ini", out, err);
    return config_edit_sections(STR(""), values[SECTIONS], out, err);
}

void api_integration_register(struct api_call *call)
{
    _buf_ struct buf text = {0};
    bool overwrites = false;
    struct err err = {0};
    int status = read_body(call, &text, &overwrites, &err);

    if (status < 0)
        api_reply_error(call, status, &err);
    else
        engine_register(call->engine, buf_str(&call->id).ptr, buf_str(&text), overwrites,
                        on_registered, call);
}

/* ---- one that goes ---- */

static void on_unregistered(void *user, int status, const struct err *err)
{
    struct api_call *call = user;
    struct buf body = {0};

    if (api_reply_if_over(call))
        return;
    if (status == E_NOT_FOUND) {
        api_reply_no_integration(call, buf_str(&call->id).ptr);
        return;
    }
    if (status < 0) {
        api_reply_error(call, status, err);
        return;
    }
    buf_putc(&body, '{');
    json_put_member(&body, "name", buf_str(&call->id));
    api_put_bool(&body, "removed", true);
    buf_puts(&body, "}\n");
    api_reply_json(call, 200, &body);
}

void api_integration_unregister(struct api_call *call)
{
    engine_unregister(call->engine, buf_str(&call->id).ptr, on_unregistered, call);
}
