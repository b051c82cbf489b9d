/* SPDX-License-Identifier: Apache-2.0
 * What is declared of actions: as lists show it, and as OpenAPI describes it. */
#include "api/api_handlers.h"
#include "api/api_items.h"
#include "api/api_schemas.h"
#include "base/json.h"

static void put_text(struct buf *out, const char *name, struct str text)
{
    if (text.len > 0)
        json_put_member(out, name, text);
}

static void put_parameter(struct buf *out, const struct plugin_parameter *parameter)
{
    const struct option *option = &parameter->option;

    api_put_comma(out);
    buf_putc(out, '{');
    json_put_member(out, "name", parameter->name);
    json_put_member(out, "type", str_of(parameter->type));
    api_put_bool(out, "required", parameter->is_required);
    if (option->is_secret)
        api_put_bool(out, "secret", true);
    put_text(out, "range", option->range);
    put_text(out, "default", option->fallback);
    put_text(out, "help", option->help);
    buf_putc(out, '}');
}

void api_put_action(struct buf *out, const char *integration, const struct plugin_action *action)
{
    buf_putc(out, '{');
    json_put_member(out, "integration", str_of(integration));
    json_put_member(out, "name", action->name);
    put_text(out, "help", action->help);
    api_put_bool(out, "read_only", action->is_read_only);
    api_put_bool(out, "destructive", action->is_destructive);
    buf_puts(out, ",\"parameters\":[");
    for (size_t i = 0; i < action->parameter_count; i++)
        put_parameter(out, &action->parameters[i]);
    buf_puts(out, "]}");
}

/* ---- OpenAPI ---- */

static const char *schema_type(const struct plugin_parameter *parameter)
{
    enum option_type type = parameter->option.type;

    if (parameter->letter == 'I' && type != OPTION_INTEGER)
        return "[\"integer\",\"string\"]"; /* 30000 or "30s" */
    return parameter->letter == 'I'   ? "\"integer\""
           : parameter->letter == 'd' ? "\"number\""
           : parameter->letter == 'b' ? "\"boolean\""
           : parameter->letter == 's' ? "\"string\""
                                      : NULL;
}

static void put_end(struct buf *out, const char *name, struct str number)
{
    if (number.len > 0 && json_check(number, NULL) == 0)
        json_put_raw(out, name, number);
}

static void put_range(struct buf *out, const struct plugin_parameter *parameter)
{
    struct str rest = parameter->option.range;
    struct str word;

    if (parameter->option.type == OPTION_CHOICE) {
        buf_puts(out, ",\"enum\":[");
        while (str_next(&rest, ',', &word)) {
            api_put_comma(out);
            json_put_string(out, word);
        }
        buf_putc(out, ']');
        return;
    }
    if (parameter->option.type != OPTION_INTEGER && parameter->option.type != OPTION_NUMBER)
        return;
    for (size_t i = 0; i + 1 < rest.len; i++) {
        if (rest.ptr[i] != '.' || rest.ptr[i + 1] != '.')
            continue;
        put_end(out, "minimum", (struct str){rest.ptr, i});
        put_end(out, "maximum", (struct str){rest.ptr + i + 2, rest.len - i - 2});
        return;
    }
}

/* The default as a value of the parameter's type. */
static void put_default(struct buf *out, const struct plugin_parameter *parameter)
{
    const struct option *option = &parameter->option;
    struct str text = option->fallback;

    if (text.len == 0 || option->is_secret)
        return;
    if (parameter->letter == 'b')
        api_put_bool(out, "default", str_is(text, "yes") || str_is(text, "true"));
    else if (parameter->letter != 's' && json_check(text, NULL) == 0)
        json_put_raw(out, "default", text);
    else
        json_put_member(out, "default", text);
}

static void put_schema(struct buf *out, const struct plugin_parameter *parameter)
{
    const char *type = schema_type(parameter);

    api_put_comma(out);
    json_put_string(out, parameter->name);
    buf_puts(out, ":{");
    if (type != NULL)
        json_put_raw(out, "type", str_of(type));
    put_range(out, parameter);
    put_default(out, parameter);
    put_text(out, "description", parameter->option.help);
    if (parameter->option.is_secret)
        api_put_bool(out, "writeOnly", true);
    buf_putc(out, '}');
}

void api_put_action_schema(struct buf *out, const struct plugin_action *action, bool with_secrets)
{
    buf_puts(out, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    for (size_t i = 0; i < action->parameter_count; i++)
        if (with_secrets || !action->parameters[i].option.is_secret)
            put_schema(out, &action->parameters[i]);
    buf_puts(out, "},\"required\":[");
    for (size_t i = 0; i < action->parameter_count; i++) {
        if (!action->parameters[i].is_required)
            continue;
        api_put_comma(out);
        json_put_string(out, action->parameters[i].name);
    }
    buf_puts(out, "]}");
}

static void put_body(struct buf *out, const struct plugin_action *action)
{
    buf_puts(out, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":");
    api_put_action_schema(out, action, true);
    buf_puts(out, "}}}");
}

static void put_path(struct buf *out, const char *integration, const struct plugin_action *action)
{
    _buf_ struct buf text = {0};

    buf_printf(&text, "/api/v1/integrations/%s/actions/%.*s", integration, STR_ARG(action->name));
    api_put_comma(out);
    json_put_string(out, buf_str(&text));
    buf_puts(out, ":{\"post\":{");
    buf_clear(&text);
    buf_printf(&text, "action_%s_%.*s", integration, STR_ARG(action->name));
    json_put_member(out, "operationId", buf_str(&text));
    json_put_member(out, "summary", action->help);
    api_put_permission(out, api_action_scope(action));
    api_put_bool(out, "x-read-only", action->is_read_only);
    api_put_bool(out, "x-destructive", action->is_destructive);
    put_body(out, action);
    buf_puts(out,
             ",\"responses\":{\"200\":{\"description\":\"Done\",\"content\":{\"application/json\":"
             "{\"schema\":{\"type\":\"object\",\"required\":[\"result\"],\"properties\":{"
             "\"result\":{}}}}}}");
    api_put_refused_answers(out, api_action_scope(action));
    buf_puts(out, ",\"default\":{\"description\":\"Refused or failed; the code is the "
                  "error class\",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
                  "\"#/components/schemas/Problem\"}}}}}}}");
}

static void put_paths(struct buf *out, const struct engine *engine, const char *integration)
{
    size_t count;
    const struct plugin_action *actions = engine_actions(engine, integration, &count);

    for (size_t i = 0; i < count; i++)
        put_path(out, integration, &actions[i]);
}

void api_put_action_paths(struct buf *out, const struct api_call *call)
{
    api_put_items(out, call, put_paths);
}
