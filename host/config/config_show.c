/* SPDX-License-Identifier: Apache-2.0
 * The configuration as text again: what is in effect, and examples made from the schema and a
 * plugin's rows. */
#include "config/config_schema.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/secret.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

enum { COLUMNS = 100 };

static const char mask[] = "********";

/* ---- config show ---- */

/* A value as it would be written: a plain `${` doubled, further lines indented. A secret that
 * stands in it is masked, though nothing says that the key may hold one. */
static void put_value(struct buf *out, const char *value)
{
    _buf_ struct buf masked = {0};

    secret_mask(str_of(value), &masked);
    for (const char *text = masked.len > 0 ? masked.ptr : ""; *text != '\0'; text++) {
        if (text[0] == '$' && text[1] == '{')
            buf_putc(out, '$');
        buf_putc(out, *text);
        if (*text == '\n')
            buf_puts(out, "    ");
    }
}

static void show_value(const struct config_value *value, bool is_header, struct buf *out)
{
    bool is_hidden = value->option.is_secret || (is_header && value->has_reference);

    buf_printf(out, "%s%s =", value->line == 0 ? "# " : "", value->key);
    if (value->text[0] != '\0' || (is_hidden && value->line != 0)) {
        buf_putc(out, ' ');
        if (is_hidden)
            buf_puts(out, mask);
        else
            put_value(out, value->text);
    }
    buf_putc(out, '\n');
}

void config_show(const struct config_file *file, bool all, struct buf *out)
{
    const struct config_schema *schema = config_schema_of(file->kind);
    bool is_first = true;

    for (size_t i = 0; i < schema->count; i++) {
        const struct config_section *section = &schema->sections[i];
        bool has_heading = false;
        for (size_t k = 0; k < file->value_count; k++) {
            const struct config_value *value = &file->values[k];
            if (strcmp(value->section, section->name) != 0 || (!all && value->line == 0))
                continue;
            if (!has_heading)
                buf_printf(out, "%s[%s]\n", is_first ? "" : "\n", section->name);
            has_heading = true;
            is_first = false;
            show_value(value, section->form == SECTION_HEADERS, out);
        }
    }
}

/* ---- config example ---- */

/* Words wrapped behind "# ". */
static void put_comment(struct buf *out, struct str text)
{
    size_t column = 0;
    struct str word;

    while (str_next(&text, ' ', &word)) {
        if (word.len == 0)
            continue;
        if (column > 0 && column + 1 + word.len > COLUMNS) {
            buf_putc(out, '\n');
            column = 0;
        }
        buf_puts(out, column == 0 ? "# " : " ");
        buf_add_str(out, word);
        column += word.len + (column == 0 ? 2 : 1);
    }
    buf_putc(out, '\n');
}

static void put_help(struct buf *out, const struct option *option)
{
    _buf_ struct buf words = {0};

    buf_add_str(&words, option->help);
    buf_printf(&words, "%s(%s", option->help.len > 0 ? " " : "", option_type_name(option->type));
    if (option->type == OPTION_CHOICE)
        buf_printf(&words, ": %.*s", STR_ARG(option->range));
    else if (option->range.len > 0)
        buf_printf(&words, ", %.*s", STR_ARG(option->range));
    if (option->is_secret)
        buf_puts(&words, ", secret");
    if (option->is_required)
        buf_puts(&words, ", required");
    buf_putc(&words, ')');
    put_comment(out, buf_str(&words));
}

/* The variable that an example takes a secret from: "stripe" and "api_key" give STRIPE_API_KEY. */
static void put_variable(struct buf *out, const char *plugin, struct str name)
{
    buf_puts(out, "${env:");
    for (; *plugin != '\0'; plugin++)
        buf_putc(out,
                 isalnum((unsigned char)*plugin) ? (char)toupper((unsigned char)*plugin) : '_');
    buf_putc(out, '_');
    for (size_t i = 0; i < name.len; i++)
        buf_putc(out, isalnum((unsigned char)name.ptr[i])
                          ? (char)toupper((unsigned char)name.ptr[i])
                          : '_');
    buf_putc(out, '}');
}

static void put_option(struct buf *out, const char *plugin, const struct option *option,
                       const char *set_to)
{
    bool is_active = set_to != NULL || option->is_required;

    put_help(out, option);
    buf_printf(out, "%s%.*s =", is_active ? "" : "# ", STR_ARG(option->name));
    if (set_to != NULL) {
        buf_printf(out, " %s", set_to);
    } else if (option->is_secret) {
        buf_putc(out, ' ');
        put_variable(out, plugin, option->name);
    } else if (option->fallback.len > 0) {
        buf_printf(out, " %.*s", STR_ARG(option->fallback));
    }
    buf_putc(out, '\n');
}

static void put_section(struct buf *out, const char *plugin, const struct config_section *section,
                        struct str rows, bool needs_net)
{
    struct option option;

    buf_putc(out, '\n');
    if (section->help != NULL)
        put_comment(out, str_of(section->help));
    buf_printf(out, "[%s]\n", section->name);
    if (section->form == SECTION_HEADERS)
        buf_puts(out, "# X-Source = tenon\n");
    if (section->form == SECTION_PAIRS)
        buf_puts(out, "# owner = somebody@example.com\n");
    if (section->form == SECTION_PLUGIN && rows.len == 0)
        buf_puts(out, "# This plugin has none.\n");
    while (option_next(&rows, &option, NULL) > 0) {
        bool is_host_row = section->form == SECTION_ROWS;
        const char *set_to = NULL;
        if (is_host_row && str_is(option.name, "plugin"))
            set_to = plugin;
        if (is_host_row && needs_net && str_is(option.name, "allow_net"))
            set_to = "yes";
        put_option(out, plugin, &option, set_to);
    }
}

static void put_rules_of_writing(struct buf *out)
{
    put_comment(
        out,
        STR("A line that begins with # or ; is a comment, and so is what follows a ; behind a "
            "blank, except "
            "inside \"double quotes\". Quotes stay part of the value. A line indented deeper than "
            "its key goes "
            "on with the value. Any value may hold ${env:NAME}, ${file:/path} or ${cred:NAME} (a "
            "systemd "
            "credential); $${ is a plain ${. Keys that are commented out show their defaults."));
}

void config_example(const char *plugin, struct str settings_rows, bool needs_net, struct buf *out)
{
    _buf_ struct buf title = {0};

    buf_printf(&title,
               "An integration served by the plugin '%s'. The file's name is the integration's: "
               "conf.d/NAME.ini, of "
               "a-z 0-9 and '-'.",
               plugin);
    put_comment(out, buf_str(&title));
    put_rules_of_writing(out);
    for (size_t i = 0; i < config_schema_integration.count; i++) {
        const struct config_section *section = &config_schema_integration.sections[i];
        if (section->form != SECTION_LATER)
            put_section(out, plugin, section,
                        section->form == SECTION_PLUGIN ? settings_rows : str_of(section->rows),
                        needs_net);
    }
}

void config_example_host(struct buf *out)
{
    put_comment(out, STR("tenon.ini: the daemon. Every other file in this directory is one "
                         "integration. Without this file "
                         "all is at its default."));
    put_rules_of_writing(out);
    for (size_t i = 0; i < config_schema_host.count; i++)
        put_section(out, "tenon", &config_schema_host.sections[i],
                    str_of(config_schema_host.sections[i].rows), false);
}

/* ---- settings as JSON ---- */

static void put_json(struct buf *out, const struct config_file *file,
                     const struct config_value *value)
{
    char number[40];

    if (value->option.is_secret && !file->needs_net) {
        json_put_raw(out, value->key, STR("null"));
        return;
    }
    switch (value->option.type) {
    case OPTION_INTEGER:
    case OPTION_DURATION:
    case OPTION_SIZE:
        json_put_int(out, value->key, value->parsed.integer);
        break;
    case OPTION_NUMBER:
        (void)snprintf(number, sizeof number, "%.17g", value->parsed.real);
        json_put_raw(out, value->key, str_of(number));
        break;
    case OPTION_BOOLEAN:
        json_put_raw(out, value->key, value->parsed.is_true ? STR("true") : STR("false"));
        break;
    default:
        json_put_member(out, value->key, str_of(value->text));
        break;
    }
}

char *config_settings_render(const struct config_file *file)
{
    struct buf out = {0};

    buf_putc(&out, '{');
    for (size_t i = 0; i < file->value_count; i++)
        if (strcmp(file->values[i].section, "settings") == 0)
            put_json(&out, file, &file->values[i]);
    buf_putc(&out, '}');
    return buf_take(&out);
}
