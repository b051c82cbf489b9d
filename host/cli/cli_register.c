/* SPDX-License-Identifier: Apache-2.0
 * Integrations that come, change and go: their files in the daemon's conf.d. */
#include "cli/cli_register.h"

#include "base/json.h"
#include "cli/cli_functions.h"
#include "cli/cli_input.h"

#include <string.h>

/* ---- values ---- */

/* "retry.max=5s" in its three parts; false: it is not. */
static bool split(const char *argument, struct str *out_section, struct str *out_key,
                  const char **out_value)
{
    const char *dot = strchr(argument, '.');
    const char *equals = dot != NULL ? strchr(dot, '=') : NULL;

    if (equals == NULL || dot == argument || equals == dot + 1)
        return false;
    *out_section = (struct str){argument, (size_t)(dot - argument)};
    *out_key = (struct str){dot + 1, (size_t)(equals - dot - 1)};
    *out_value = equals + 1;
    return true;
}

static void put_pair(struct buf *out, struct str key, const char *value)
{
    if (out->ptr[out->len - 1] != '{')
        buf_putc(out, ',');
    json_put_string(out, key);
    buf_putc(out, ':');
    if (value[0] != '\0')
        json_put_string(out, str_of(value));
    else
        buf_puts(out, "null");
}

static bool has_been(const struct cli *cli, size_t first, size_t i, struct str section)
{
    struct str other;
    struct str key;
    const char *value;

    for (size_t at = first; at < i; at++)
        if (split(cli->arguments[at], &other, &key, &value) && str_equals(other, section))
            return true;
    return false;
}

/* The arguments from `first` on, each SECTION.KEY=VALUE, as the members of an object of sections;
 * nothing behind the '=' is null. CLI_DONE, or CLI_USAGE with the sentence printed. */
static int put_sections(const struct cli *cli, size_t first, struct buf *out)
{
    struct str section;
    struct str other;
    struct str key;
    const char *value;

    for (size_t i = first; i < cli->argument_count; i++)
        if (!split(cli->arguments[i], &section, &key, &value))
            return cli_fail(CLI_USAGE, "'%s' is not SECTION.KEY=VALUE, such as retry.max=5m",
                            cli->arguments[i]);
    if (cli_arguments_once(cli, first) < 0)
        return CLI_USAGE;
    for (size_t i = first; i < cli->argument_count; i++) {
        (void)split(cli->arguments[i], &section, &key, &value); /* as above */
        if (has_been(cli, first, i, section))
            continue;
        if (out->len > 0 && out->ptr[out->len - 1] != '{')
            buf_putc(out, ',');
        json_put_string(out, section);
        buf_puts(out, ":{");
        for (size_t at = i; at < cli->argument_count; at++)
            if (split(cli->arguments[at], &other, &key, &value) && str_equals(other, section))
                put_pair(out, key, value);
        buf_putc(out, '}');
    }
    return CLI_DONE;
}

/* ---- commands ---- */

void cli_register_put_state(struct buf *out, const struct json_t *json)
{
    const char *words = cli_json_text(json, "words");

    cli_text_put(out, str_of(cli_json_text(json, "name")));
    buf_puts(out, " is ");
    cli_text_put(out, str_of(cli_json_text(json, "state")));
    if (words[0] != '\0') {
        buf_puts(out, ": ");
        cli_text_put(out, str_of(words));
    }
}

static int print_state(const struct json_t *json)
{
    _buf_ struct buf out = {0};

    cli_register_put_state(&out, json);
    buf_puts(&out, " (");
    cli_text_put(&out, str_of(cli_json_text(json, "file")));
    buf_puts(&out, ")\n");
    return cli_print(&out);
}

/* `"ini": TEXT` or `"sections": {...}`. */
static int put_file(const struct cli *cli, struct buf *body)
{
    const char *plugin = cli_option_text(cli, "plugin");
    _buf_ struct buf text = {0};
    _buf_ struct buf sections = {0};
    int code;

    bool is_value = cli->argument_count > 1 && strchr(cli->arguments[1], '=') != NULL;
    if (plugin == NULL && cli->argument_count == 2 && !is_value) {
        code = cli_input_read(cli->arguments[1], &text);
        if (code == CLI_DONE)
            json_put_member(body, "ini", buf_str(&text));
        return code;
    }
    if (plugin == NULL)
        return cli_fail(CLI_USAGE, "from what? Give an ini, '-' and pipe it in, or --plugin PLUGIN "
                                   "and SECTION.KEY=VALUE...");
    code = put_sections(cli, 1, &sections);
    buf_puts(body, ",\"sections\":{\"integration\":{\"plugin\":");
    json_put_string(body, str_of(plugin));
    buf_puts(body, "}");
    if (sections.len > 0)
        buf_putc(body, ',');
    buf_add_str(body, buf_str(&sections));
    buf_putc(body, '}');
    return code;
}

int cli_integration_add(struct cli *cli)
{
    _buf_ struct buf body = {0};
    _answer_ struct cli_answer answer = {0};

    buf_putc(&body, '{');
    json_put_member(&body, "name", str_of(cli_argument(cli, 0)));
    int code = put_file(cli, &body);
    if (code != CLI_DONE)
        return code;
    json_put_raw(&body, "overwrite",
                 cli_option_is_set(cli, "overwrite") ? STR("true") : STR("false"));
    buf_putc(&body, '}');
    code = cli_call(cli, "POST", STR("/api/v1/integrations/register"), buf_str(&body), &answer);
    if (code != CLI_DONE)
        return code;
    return cli->is_json ? cli_print_answer(&answer) : print_state(answer.json);
}

int cli_integration_set(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf body = {0};
    _answer_ struct cli_answer answer = {0};

    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, cli_argument(cli, 0));
    buf_puts(&path, "/manage");
    buf_puts(&body, "{\"operation\":\"update\",\"sections\":{");
    int code = put_sections(cli, 1, &body);
    buf_puts(&body, "}}");
    if (code == CLI_DONE)
        code = cli_call(cli, "POST", buf_str(&path), buf_str(&body), &answer);
    if (code != CLI_DONE)
        return code;
    return cli->is_json ? cli_print_answer(&answer) : print_state(answer.json);
}

int cli_integration_remove(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};

    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, cli_argument(cli, 0));
    int code = cli_call(cli, "DELETE", buf_str(&path), STR_NONE, &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    cli_text_put(&out, str_of(cli_json_text(answer.json, "name")));
    buf_puts(&out, " is removed; its records stay\n");
    return cli_print(&out);
}
