/* SPDX-License-Identifier: Apache-2.0
 * Actions: listed, shown, called. What an argument must be is the host's to say; here a word only
 * becomes the JSON that its parameter's type asks for. */
#include "base/file.h"
#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_functions.h"

#include <string.h>
#include <unistd.h>

enum { VALUE_BYTES_MAX = 16 * 1024 * 1024 };

static const char *effect_of(const struct json_t *action)
{
    return cli_json_is_true(action, "read_only")     ? "reads"
           : cli_json_is_true(action, "destructive") ? "may remove"
                                                     : "changes";
}

static void put_synopsis(struct buf *out, const struct json_t *action)
{
    const struct json_t *parameters = cli_json_member(action, "parameters");

    for (size_t i = 0; i < cli_json_count(parameters); i++) {
        const struct json_t *parameter = cli_json_item(parameters, i);
        bool is_required = cli_json_is_true(parameter, "required");
        buf_puts(out, i > 0 ? " " : "");
        buf_puts(out, is_required ? "" : "[");
        buf_printf(out, "%s=%s", cli_json_text(parameter, "name"),
                   cli_json_text(parameter, "type"));
        buf_puts(out, is_required ? "" : "]");
    }
}

static int say_none(struct cli *cli, const char *integration)
{
    _buf_ struct buf path = {0};
    _answer_ struct cli_answer answer = {0};

    if (integration == NULL)
        return cli_fail(CLI_DONE, "no open integration has actions");
    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, integration);
    int code = cli_get(cli, buf_str(&path), &answer);
    if (code != CLI_DONE)
        return code;
    const char *state = cli_json_text(answer.json, "state");
    if (strcmp(state, "active") == 0)
        return cli_fail(CLI_DONE, "integration '%s' has no actions", integration);
    return cli_fail(CLI_DONE, "integration '%s' is %s; its actions are known while it is open",
                    integration, state);
}

int cli_action_list(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"ACTION", false, false}, {"ARGUMENTS", false, true}, {"EFFECT", false, CLI_LEFT_OUT},
        {"HELP", false, true},    {NULL, false, false},
    };
    _buf_ struct buf path = {0};
    _answer_ struct cli_answer answer = {0};

    buf_puts(&path, cli_argument(cli, 0) != NULL ? "/api/v1/integrations/" : "/api/v1");
    if (cli_argument(cli, 0) != NULL)
        cli_path_put(&path, cli_argument(cli, 0));
    buf_puts(&path, "/actions");
    int code = cli_get(cli, buf_str(&path), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    const struct json_t *items = cli_json_member(answer.json, "items");
    if (cli_json_count(items) == 0)
        return say_none(cli, cli_argument(cli, 0));
    _table_ struct cli_table *table = cli_table_create(columns);
    for (size_t i = 0; i < cli_json_count(items); i++) {
        const struct json_t *item = cli_json_item(items, i);
        _buf_ struct buf name = {0};
        _buf_ struct buf synopsis = {0};
        buf_printf(&name, "%s.%s", cli_json_text(item, "integration"), cli_json_text(item, "name"));
        put_synopsis(&synopsis, item);
        cli_table_add(table, buf_str(&name), COLOR_NONE);
        cli_table_add(table, buf_str(&synopsis), COLOR_NONE);
        cli_table_add_text(table, effect_of(item));
        cli_table_add_text(table, cli_json_text(item, "help"));
    }
    return cli_print_table(cli, table);
}

/* ---- one ---- */

/* Splits INTEGRATION.ACTION at its last dot: an action has none in its name. */
static int split(const char *given, struct buf *out_integration, const char **out_action)
{
    const char *dot = strrchr(given, '.');

    if (dot == NULL || dot == given || dot[1] == '\0')
        return cli_fail(CLI_USAGE, "'%s' is not INTEGRATION.ACTION; 'tenon action list' shows them",
                        given);
    buf_add(out_integration, given, (size_t)(dot - given));
    *out_action = dot + 1;
    return out_integration->failed ? cli_fail(CLI_REFUSED, "out of memory") : CLI_DONE;
}

/* Its declaration; `out_action` NULL when there is none. */
static int get_declared(struct cli *cli, const char *integration, const char *name,
                        struct cli_answer *answer, const struct json_t **out_action)
{
    _buf_ struct buf path = {0};

    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, integration);
    buf_puts(&path, "/actions");
    int code = cli_get(cli, buf_str(&path), answer);
    const struct json_t *items = cli_json_member(answer->json, "items");
    *out_action = NULL;
    for (size_t i = 0; code == CLI_DONE && i < cli_json_count(items); i++)
        if (strcmp(cli_json_text(cli_json_item(items, i), "name"), name) == 0)
            *out_action = cli_json_item(items, i);
    return code;
}

static void put_line(struct buf *out, const struct json_t *parameter)
{
    const char *range = cli_json_text(parameter, "range");
    const char *fallback = cli_json_text(parameter, "default");

    buf_puts(out, "  ");
    cli_text_put(out, str_of(cli_json_text(parameter, "name")));
    buf_printf(out, "=%s", cli_json_text(parameter, "type"));
    if (range[0] != '\0')
        buf_printf(out, " (%s)", range);
    buf_puts(out, cli_json_is_true(parameter, "required") ? ", required" : ", optional");
    if (cli_json_is_true(parameter, "secret"))
        buf_puts(out, ", secret");
    if (fallback[0] != '\0')
        buf_printf(out, ", default %s", fallback);
    if (cli_json_text(parameter, "help")[0] != '\0') {
        buf_puts(out, ": ");
        cli_text_put(out, str_of(cli_json_text(parameter, "help")));
    }
    buf_putc(out, '\n');
}

static int print_declared(const struct json_t *action)
{
    const struct json_t *parameters = cli_json_member(action, "parameters");
    _buf_ struct buf out = {0};

    buf_printf(&out, "tenon call %s.%s ", cli_json_text(action, "integration"),
               cli_json_text(action, "name"));
    put_synopsis(&out, action);
    buf_puts(&out, "\n\n");
    cli_text_put(&out, str_of(cli_json_text(action, "help")));
    buf_printf(&out, "\nEffect: %s.\n", effect_of(action));
    if (cli_json_count(parameters) > 0)
        buf_puts(&out, "\nArguments:\n");
    for (size_t i = 0; i < cli_json_count(parameters); i++)
        put_line(&out, cli_json_item(parameters, i));
    return cli_print(&out);
}

int cli_action_show(struct cli *cli)
{
    _buf_ struct buf integration = {0};
    _answer_ struct cli_answer answer = {0};
    const struct json_t *action;
    const char *name;

    int code = split(cli_argument(cli, 0), &integration, &name);
    if (code != CLI_DONE)
        return code;
    code = get_declared(cli, buf_str(&integration).ptr, name, &answer, &action);
    if (code != CLI_DONE)
        return code;
    if (action == NULL)
        return cli_fail(CLI_REFUSED,
                        "integration '%s' has no action '%s'; 'tenon action list %s' shows what it "
                        "has",
                        buf_str(&integration).ptr, name, buf_str(&integration).ptr);
    return cli->is_json ? cli_print_json(action) : print_declared(action);
}

/* ---- calling ---- */

static const char *type_of(const struct json_t *action, struct str name)
{
    const struct json_t *parameters = cli_json_member(action, "parameters");

    for (size_t i = 0; i < cli_json_count(parameters); i++)
        if (str_is(name, cli_json_text(cli_json_item(parameters, i), "name")))
            return cli_json_text(cli_json_item(parameters, i), "type");
    return "text"; /* the daemon says that there is none of this name */
}

static bool is_number(struct str text)
{
    return text.len > 0 && json_check(text, NULL) == 0 &&
           json_kind_of(str_trim(text)) == JSON_NUMBER;
}

static void put_value(struct buf *out, const char *type, struct str value)
{
    static const char *const words[] = {"yes", "true", "on", "1", "no", "false", "off", "0"};
    bool is_measure = strcmp(type, "integer") == 0 || strcmp(type, "number") == 0 ||
                      strcmp(type, "duration") == 0 || strcmp(type, "size") == 0;

    for (size_t i = 0; strcmp(type, "boolean") == 0 && i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_is(value, words[i])) {
            buf_puts(out, i < 4 ? "true" : "false");
            return;
        }
    }
    if ((is_measure && is_number(value)) ||
        (strcmp(type, "json") == 0 && json_check(value, NULL) == 0))
        buf_add_str(out, value);
    else
        json_put_string(out, value);
}

/* "name=value", "name=@FILE", "name=@@text that begins with one". */
static int put_argument(struct buf *out, const struct json_t *action, const char *given)
{
    const char *equals = strchr(given, '=');
    struct err err = {0};
    _buf_ struct buf content = {0};

    if (equals == NULL || equals == given)
        return cli_fail(CLI_USAGE, "'%s' is not name=value", given);
    struct str name = {given, (size_t)(equals - given)};
    struct str value = str_of(equals + 1);
    if (str_starts_with(value, "@@")) {
        value = str_of(equals + 2);
    } else if (str_starts_with(value, "@")) {
        if (file_read(equals + 2, VALUE_BYTES_MAX, &content, &err) < 0)
            return cli_fail(CLI_REFUSED, "%s", err.text);
        value = buf_str(&content);
    }
    if (out->ptr[out->len - 1] != '{')
        buf_putc(out, ',');
    json_put_string(out, name);
    buf_putc(out, ':');
    put_value(out, type_of(action, name), value);
    return out->failed ? cli_fail(CLI_REFUSED, "out of memory") : CLI_DONE;
}

/* As it came; what json_find does not follow to its depth, as the tree has it. A text goes without
 * its quotes; on a terminal nothing of it may steer that. */
static int print_result(const struct cli_answer *answer)
{
    struct str result = json_find(buf_str(&answer->body), "result");
    const struct json_t *member = cli_json_member(answer->json, "result");
    _buf_ struct buf deep = {0};
    _buf_ struct buf text = {0};
    _buf_ struct buf out = {0};

    if (member == NULL)
        return cli_fail(CLI_REFUSED, "the daemon's answer holds no result");
    if (result.len == 0) {
        cli_json_put(&deep, member, 0);
        result = buf_str(&deep);
    }
    if (json_kind_of(result) != JSON_STRING) {
        buf_add_str(&out, result);
    } else {
        json_unquote(result, &text);
        if (isatty(STDOUT_FILENO))
            cli_text_put(&out, buf_str(&text));
        else
            buf_add_str(&out, buf_str(&text));
    }
    buf_putc(&out, '\n');
    return cli_print(&out);
}

int cli_action_call(struct cli *cli)
{
    _buf_ struct buf integration = {0};
    _buf_ struct buf path = {0};
    _buf_ struct buf body = {0};
    _answer_ struct cli_answer declared = {0};
    _answer_ struct cli_answer answer = {0};
    const struct json_t *action;
    const char *name;

    int code = split(cli_argument(cli, 0), &integration, &name);
    if (code == CLI_DONE && cli_arguments_once(cli, 1) < 0)
        code = CLI_USAGE;
    if (code == CLI_DONE)
        code = get_declared(cli, buf_str(&integration).ptr, name, &declared, &action);
    buf_putc(&body, '{');
    for (size_t i = 1; code == CLI_DONE && i < cli->argument_count; i++)
        code = put_argument(&body, action, cli_argument(cli, i));
    if (code != CLI_DONE)
        return code;
    buf_putc(&body, '}');
    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, buf_str(&integration).ptr);
    buf_puts(&path, "/actions/");
    cli_path_put(&path, name);
    code = cli_call(cli, "POST", buf_str(&path), buf_str(&body), &answer);
    if (code != CLI_DONE)
        return code;
    return cli->is_json ? cli_print_answer(&answer) : print_result(&answer);
}
