/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_functions.h"

#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_setup.h"

#include <string.h>

static void put_message(const struct cli *cli, const struct config_error *message, struct buf *out)
{
    enum cli_color color = !cli->is_coloured     ? COLOR_NONE
                           : message->is_warning ? COLOR_WAIT
                                                 : COLOR_BAD;

    cli_text_put(out, str_of(message->file));
    if (message->line > 0)
        buf_printf(out, ":%d", message->line);
    buf_puts(out, ": ");
    cli_color_start(out, color);
    buf_puts(out, message->is_warning ? "warning " : "");
    buf_puts(out, message->code);
    cli_color_end(out, color);
    buf_puts(out, ": ");
    cli_text_put(out, str_of(message->text));
    buf_putc(out, '\n');
}

static void put_json(const struct config *config, struct buf *out)
{
    size_t errors = config_error_count(config);

    buf_printf(out, "{\"integrations\":%zu,\"errors\":%zu,\"warnings\":%zu,\"messages\":[",
               config_file_count(config), errors, config_message_count(config) - errors);
    for (size_t i = 0; i < config_message_count(config); i++) {
        const struct config_error *message = config_message(config, i);
        buf_puts(out, i > 0 ? ",{" : "{");
        json_put_member(out, "file", str_of(message->file));
        json_put_int(out, "line", message->line);
        json_put_member(out, "code", str_of(message->code));
        json_put_member(out, "text", str_of(message->text));
        json_put_raw(out, "warning", message->is_warning ? STR("true") : STR("false"));
        buf_putc(out, '}');
    }
    buf_puts(out, "]}\n");
}

int cli_config_check(struct cli *cli)
{
    _setup_ struct setup setup = {0};
    _buf_ struct buf out = {0};

    int code = cli_setup_read(cli, true, &setup);
    if (code != CLI_DONE)
        return code;
    const struct config *config = setup.config;
    if (cli->is_json) {
        put_json(config, &out);
    } else {
        for (size_t i = 0; i < config_message_count(config); i++)
            put_message(cli, config_message(config, i), &out);
        size_t errors = config_error_count(config);
        size_t warnings = config_message_count(config) - errors;
        buf_printf(&out, "%zu integration%s", config_file_count(config),
                   config_file_count(config) == 1 ? "" : "s");
        buf_printf(&out, ", %zu error%s, %zu warning%s\n", errors, errors == 1 ? "" : "s", warnings,
                   warnings == 1 ? "" : "s");
    }
    code = cli_print(&out);
    return code == CLI_DONE && config_error_count(config) > 0 ? CLI_REFUSED : code;
}

static void put_file(const struct config_file *file, bool all, struct buf *out)
{
    buf_puts(out, out->len > 0 ? "\n" : "");
    buf_printf(out, "; %s\n", config_file_path(file));
    config_show(file, all, out);
}

static int unknown_file(const struct config *config, const char *name)
{
    const char *names[64] = {"tenon"};
    size_t count = 1;

    for (size_t i = 0; i < config_file_count(config) && count < 64; i++)
        names[count++] = config_file_name(config_file_at(config, i));
    const char *near = str_nearest(name, names, count);
    if (near != NULL)
        return cli_fail(CLI_REFUSED, "there is no integration '%s'; perhaps '%s' was meant", name,
                        near);
    return cli_fail(CLI_REFUSED, "there is no integration '%s'; 'tenon config show' lists all",
                    name);
}

int cli_config_show(struct cli *cli)
{
    _setup_ struct setup setup = {0};
    _buf_ struct buf out = {0};
    const char *name = cli_argument(cli, 0);
    bool all = cli_option_is_set(cli, "all");

    int code = cli_setup_read(cli, true, &setup);
    if (code != CLI_DONE)
        return code;
    const struct config_file *file = name != NULL ? config_find(setup.config, name) : NULL;
    if (file != NULL) {
        put_file(file, all, &out);
    } else if (name != NULL && strcmp(name, "tenon") != 0 && strcmp(name, "tenon.ini") != 0) {
        return unknown_file(setup.config, name);
    } else {
        put_file(config_host(setup.config), all, &out);
        for (size_t i = 0; name == NULL && i < config_file_count(setup.config); i++)
            put_file(config_file_at(setup.config, i), all, &out);
    }
    if (!cli->is_json)
        return cli_print(&out);
    _buf_ struct buf json = {0};
    buf_putc(&json, '{');
    json_put_member(&json, "ini", buf_str(&out));
    buf_puts(&json, "}\n");
    return cli_print(&json);
}

int cli_config_example(struct cli *cli)
{
    _setup_ struct setup setup = {0};
    _buf_ struct buf out = {0};
    struct err err = {0};
    const char *plugin = cli_argument(cli, 0);

    if (plugin == NULL) {
        config_example_host(&out);
        return cli_print(&out);
    }
    int code = cli_setup_read(cli, false, &setup);
    if (code != CLI_DONE)
        return code;
    const struct catalog_entry *entry = catalog_find(setup.catalog, plugin, &err);
    if (entry == NULL)
        return cli_fail(CLI_REFUSED, "%s", err.text);
    config_example(plugin, str_of(entry->note.settings), entry->note.needs_net, &out);
    return cli_print(&out);
}
