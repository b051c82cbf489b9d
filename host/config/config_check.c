/* SPDX-License-Identifier: Apache-2.0
 * Holds the items of a file against the schema: sections, keys, references, types, the plugin's own
 * rows. What is wrong is complained about and the default stands in, so that one mistake does not
 * hide the next. */
#include "config/config_schema.h"

#include "base/cleanup.h"
#include "base/http_token.h"
#include "base/secret.h"
#include "config/config_reference.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

enum { WORDS_MAX = OPTION_ROWS_MAX };

const struct config_schema *config_schema_of(enum config_kind kind)
{
    return kind == CONFIG_HOST ? &config_schema_host : &config_schema_integration;
}

static const struct config_section *find_section(const struct config_schema *schema,
                                                 const char *name)
{
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->sections[i].name, name) == 0)
            return &schema->sections[i];
    return NULL;
}

const struct config_value *config_value_find(const struct config_file *file, const char *section,
                                             const char *key)
{
    for (size_t i = 0; i < file->value_count; i++)
        if (strcmp(file->values[i].section, section) == 0 && strcmp(file->values[i].key, key) == 0)
            return &file->values[i];
    return NULL;
}

/* The option rows of a section, for the plugin's as well; "" when it has none or they are unknown.
 */
static struct str rows_of(const struct config_file *file, const struct config_section *section)
{
    return str_of(section->form == SECTION_PLUGIN ? file->settings_rows : section->rows);
}

/* ---- sections ---- */

static void unknown_section(struct config *config, struct config_file *file,
                            const struct config_item *heading)
{
    const struct config_schema *schema = config_schema_of(file->kind);
    const char *names[32] = {NULL};
    size_t count = 0;

    for (size_t i = 0; i < schema->count && count < 32; i++)
        if (schema->sections[i].form != SECTION_LATER)
            names[count++] = schema->sections[i].name;
    const char *near = str_nearest(heading->section, names, count);
    if (near != NULL) {
        config_complain(config, file, NULL, heading->line, C008,
                        "[%s] is not a known section; did you mean [%s]?", heading->section, near);
        return;
    }
    _buf_ struct buf list = {0};
    for (size_t i = 0; i < count; i++)
        buf_printf(&list, "%s[%s]", i > 0 ? ", " : "", names[i]);
    config_complain(config, file, NULL, heading->line, C008,
                    "[%s] is not a known section; there are: %s", heading->section,
                    list.failed ? "" : list.ptr);
}

static void check_sections(struct config *config, struct config_file *file)
{
    const struct config_schema *schema = config_schema_of(file->kind);

    for (size_t i = 0; i < file->heading_count; i++) {
        const struct config_item *heading = &file->headings[i];
        const struct config_section *section = find_section(schema, heading->section);
        size_t first = 0;
        while (strcmp(file->headings[first].section, heading->section) != 0)
            first++;
        if (first < i)
            config_complain(config, file, NULL, heading->line, C011,
                            "[%s] is there already, on line %d: put the keys together",
                            heading->section, file->headings[first].line);
        else if (section == NULL)
            unknown_section(config, file, heading);
        else if (section->form == SECTION_LATER)
            config_complain(config, file, NULL, heading->line, C009,
                            "[%s] is not supported by this version", heading->section);
    }
}

/* ---- keys ---- */

bool config_is_header_name(const char *name)
{
    static const char *const framing[] = {
        "connection", "content-length",    "expect",  "host",    "keep-alive",
        "te",         "transfer-encoding", "trailer", "upgrade", "proxy-connection"};

    for (size_t i = 0; i < sizeof framing / sizeof *framing; i++)
        if (strcasecmp(framing[i], name) == 0)
            return false;
    return http_token_is(str_of(name));
}

/* Headers whose value is a credential whoever wrote the file. */
static bool is_secret_header(const char *name)
{
    static const char *const names[] = {
        "authorization", "proxy-authorization", "cookie",  "x-api-key",
        "api-key",       "x-auth-token",        "x-token", "apikey"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

static bool is_pair_key(const char *key)
{
    for (const char *c = key; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("_.-", *c) == NULL)
            return false;
    return *key != '\0';
}

static struct config_value *add_value(struct config *config, struct config_file *file,
                                      const char *section, struct str key)
{
    if (!config_grow((void **)&file->values, file->value_count, &file->value_room,
                     sizeof *file->values)) {
        config->has_failed = true;
        return NULL;
    }
    struct config_value *value = &file->values[file->value_count];
    memset(value, 0, sizeof *value);
    value->section = section;
    value->key = str_dup(key);
    if (value->key == NULL) {
        config->has_failed = true;
        return NULL;
    }
    file->value_count++;
    return value;
}

static bool set_text(struct config *config, char **place, struct str text)
{
    free(*place);
    *place = str_dup(text.ptr != NULL ? text : STR(""));
    if (*place == NULL)
        config->has_failed = true;
    return *place != NULL;
}

/* Every key of a section, at its default. */
static void add_defaults(struct config *config, struct config_file *file,
                         const struct config_section *section)
{
    struct str rows = rows_of(file, section);
    struct option option;

    while (option_next(&rows, &option, NULL) > 0) {
        struct config_value *value = add_value(config, file, section->name, option.name);
        if (value == NULL)
            return;
        value->option = option;
        struct str fallback = option.is_required ? STR("") : option.fallback;
        if (!set_text(config, &value->text, fallback))
            return;
        if (fallback.len > 0)
            (void)option_parse(&option, fallback, &value->parsed,
                               NULL); /* option_next has held it against the row */
    }
}

static void unknown_key(struct config *config, struct config_file *file,
                        const struct config_section *section, const struct config_item *item)
{
    struct str rows = rows_of(file, section);
    char words[WORDS_MAX][OPTION_NAME_MAX + 1];
    const char *names[WORDS_MAX] = {NULL};
    struct option option;
    size_t count = 0;

    while (count < WORDS_MAX && option_next(&rows, &option, NULL) > 0) {
        (void)snprintf(words[count], sizeof words[count], "%.*s", STR_ARG(option.name));
        names[count] = words[count];
        count++;
    }
    const char *near = str_nearest(item->key, names, count);
    if (near != NULL) {
        config_complain(config, file, NULL, item->line, C013,
                        "[%s] %s: not a known key; did you mean '%s'?", item->section, item->key,
                        near);
        return;
    }
    _buf_ struct buf list = {0};
    for (size_t i = 0; i < count && i < 24; i++)
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    if (count > 24)
        buf_puts(&list, ", ...");
    if (count == 0)
        config_complain(config, file, NULL, item->line, C013, "[%s] %s: the plugin has no settings",
                        item->section, item->key);
    else
        config_complain(config, file, NULL, item->line, C013,
                        "[%s] %s: not a known key; there are: %s", item->section, item->key,
                        list.failed ? "" : list.ptr);
}

/* A pair of a free-form section; NULL when its key cannot be used. */
static struct config_value *take_pair(struct config *config, struct config_file *file,
                                      const struct config_section *section,
                                      const struct config_item *item)
{
    size_t count = 0;

    for (size_t i = 0; i < file->value_count; i++)
        count += file->values[i].is_pair && file->values[i].section == section->name;
    if (count == CONFIG_PAIRS_MAX) {
        config_complain(config, file, NULL, item->line, C025,
                        "[%s] %s: more than %d entries in this section", section->name, item->key,
                        CONFIG_PAIRS_MAX);
        return NULL;
    }
    bool is_header = section->form == SECTION_HEADERS;
    if (section->form != SECTION_PLUGIN &&
        !(is_header ? config_is_header_name(item->key) : is_pair_key(item->key))) {
        config_complain(config, file, NULL, item->line, C025, "[%s] %s: %s", section->name,
                        item->key,
                        is_header ? "not a header name that may be set here"
                                  : "a key here is made of letters, digits, '_', '-' and '.'");
        return NULL;
    }
    struct config_value *value = add_value(config, file, section->name, str_of(item->key));
    if (value != NULL) {
        value->is_pair = true;
        value->option.type = OPTION_TEXT;
        value->option.is_secret = is_header && is_secret_header(item->key);
    }
    return value;
}

static struct config_value *place_of(struct config *config, struct config_file *file,
                                     const struct config_section *section,
                                     const struct config_item *item)
{
    bool is_header = section->form == SECTION_HEADERS;
    struct config_value *value = NULL;

    for (size_t i = 0; i < file->value_count && value == NULL; i++)
        if (file->values[i].section == section->name &&
            (is_header ? strcasecmp : strcmp)(file->values[i].key, item->key) == 0)
            value = &file->values[i];
    if (value != NULL && value->line != 0) {
        config_complain(config, file, NULL, item->line, C014, "[%s] %s: is set already, on line %d",
                        item->section, item->key, value->line);
        return NULL;
    }
    if (value != NULL)
        return value;
    /* Without the plugin's rows its settings are taken as they come. */
    if (is_header || section->form == SECTION_PAIRS ||
        (section->form == SECTION_PLUGIN && file->settings_rows == NULL))
        return take_pair(config, file, section, item);
    unknown_key(config, file, section, item);
    return NULL;
}

/* ---- values ---- */

static bool allows_plain_secrets(const struct config *config, const struct config_file *file)
{
    const struct config_file *host = file->kind == CONFIG_HOST ? file : config->host;
    const struct config_value *value =
        host != NULL ? config_value_find(host, "host", "plain_secrets") : NULL;

    return value != NULL && value->parsed.is_true;
}

/* A reference in a header is taken for a secret too: what else would one keep out of the file? */
static bool is_masked(const struct config_section *section, const struct config_value *value)
{
    return value->option.is_secret || (section->form == SECTION_HEADERS && value->has_reference);
}

static bool resolve(struct config *config, struct config_file *file,
                    const struct config_section *section, const struct config_value *value,
                    const struct config_item *item, struct buf *out)
{
    struct reference_problem problem;

    if (config->keeps_references) {
        buf_puts(out, item->text);
        return true;
    }
    bool is_there = reference_resolve(str_of(item->text), is_masked(section, value), out, &problem);
    if (!is_there)
        config_complain(config, file, NULL, item->line, problem.code, "[%s] %s: %s", item->section,
                        item->key, problem.err.text);
    else if (problem.is_warning)
        config_warn(config, file, item->line, problem.code, "[%s] %s: %s", item->section, item->key,
                    problem.err.text);
    return is_there;
}

static bool has_line_break(const char *text)
{
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return true;
    return false;
}

static bool is_acceptable(struct config *config, struct config_file *file,
                          const struct config_section *section, struct config_value *value,
                          const struct config_item *item, struct str text)
{
    struct option option = value->option;
    struct err why = {0};

    /* What a reference led to is not quoted in a complaint either. */
    option.is_secret |= value->has_reference;
    option.is_required = false; /* an empty one is complained about once, with the missing ones */
    if (value->is_pair) {
        if (section->form != SECTION_HEADERS || !has_line_break(text.ptr))
            return true;
        config_complain(config, file, NULL, item->line, C025,
                        "[%s] %s: a header's value is one line without control characters",
                        item->section, item->key);
        return false;
    }
    if (text.len == 0 && value->option.is_required) {
        if (item->text[0] != '\0')
            config_complain(config, file, NULL, item->line, C018,
                            "[%s] %s: is required, and the reference leads to nothing",
                            item->section, item->key);
        return item->text[0] == '\0';
    }
    if (option_parse(&option, text, &value->parsed, &why) == 0)
        return true;
    config_complain(config, file, NULL, item->line, C012, "[%s] %s: %s", item->section, item->key,
                    why.text);
    return false;
}

static void take_item(struct config *config, struct config_file *file,
                      const struct config_section *section, const struct config_item *item)
{
    struct config_value *value = place_of(config, file, section, item);
    _buf_ struct buf text = {0};

    if (value == NULL)
        return;
    value->line = item->line;
    value->has_reference = reference_is_in(str_of(item->text));
    if (!set_text(config, &value->raw, str_of(item->text)))
        return;
    if (value->text == NULL && !set_text(config, &value->text, STR("")))
        return;
    if (value->option.is_secret && item->text[0] != '\0' && !value->has_reference) {
        secret_register(str_of(item->text));
        if (!allows_plain_secrets(config, file)) {
            config_complain(config, file, NULL, item->line, C016,
                            "[%s] %s: a secret in plain text: write %s = ${env:NAME}, "
                            "${file:/path} or ${cred:NAME}, or allow "
                            "it by plain_secrets = yes in [host] of tenon.ini",
                            item->section, item->key, item->key);
            return;
        }
    }
    buf_puts(&text, "");
    if (!resolve(config, file, section, value, item, &text) || text.failed) {
        config->has_failed |= text.failed;
        return;
    }
    if (is_acceptable(config, file, section, value, item, buf_str(&text))) {
        (void)set_text(config, &value->text, buf_str(&text)); /* failure is kept in config */
        if (is_masked(section, value))
            secret_register(buf_str(&text));
    }
}

/* Items of the sections wanted in this round: the plugin's own come after its rows are known. */
static void take_items(struct config *config, struct config_file *file, bool plugin_round)
{
    const struct config_schema *schema = config_schema_of(file->kind);

    for (size_t i = 0; i < file->item_count; i++) {
        const struct config_item *item = &file->items[i];
        const struct config_section *section = find_section(schema, item->section);
        if (item->section[0] == '\0' && !plugin_round)
            config_complain(config, file, NULL, item->line, C023,
                            "%s: this key stands before the first [section]", item->key);
        if (section != NULL && section->form != SECTION_LATER &&
            (section->form == SECTION_PLUGIN) == plugin_round)
            take_item(config, file, section, item);
    }
}

static int heading_line(const struct config_file *file, const char *section)
{
    for (size_t i = 0; i < file->heading_count; i++)
        if (strcmp(file->headings[i].section, section) == 0)
            return file->headings[i].line;
    return 0;
}

static void check_required(struct config *config, struct config_file *file)
{
    for (size_t i = 0; i < file->value_count; i++) {
        const struct config_value *value = &file->values[i];
        /* Set and refused is complained about already. */
        if (!value->option.is_required || value->text[0] != '\0' ||
            (value->line != 0 && value->raw[0] != '\0'))
            continue;
        int line = value->line != 0 ? value->line : heading_line(file, value->section);
        config_complain(config, file, NULL, line, C015, "[%s] %s is required%s%s%.*s",
                        value->section, value->key,
                        value->option.is_secret ? ", for instance as ${env:NAME}" : "",
                        value->option.help.len > 0 ? ": " : "", STR_ARG(value->option.help));
    }
}

/* ---- the plugin ---- */

static void learn_plugin(struct config *config, struct config_file *file)
{
    const struct config_value *plugin = config_value_find(file, "integration", "plugin");
    const struct config_value *allow_net = config_value_find(file, "integration", "allow_net");
    struct config_plugin_facts facts = {STR_NONE, false};
    const char *problem = NULL;
    struct err why = {0};

    if (config->options == NULL || plugin->text[0] == '\0')
        return;
    if (!config->options(config->user, plugin->text, &facts, &problem)) {
        config_complain(config, file, NULL, plugin->line, C021, "[integration] plugin: %s",
                        problem != NULL ? problem : "there is no such plugin");
        return;
    }
    file->needs_net = facts.needs_net;
    if (facts.needs_net && !allow_net->parsed.is_true)
        config_complain(config, file, NULL, plugin->line, C022,
                        "[integration] plugin '%s' opens network connections by itself: if it may, "
                        "set allow_net = yes",
                        plugin->text);
    if (!facts.needs_net && allow_net->parsed.is_true)
        config_warn(
            config, file, allow_net->line, C026,
            "[integration] allow_net has no effect: plugin '%s' does not ask for the network",
            plugin->text);
    if (option_rows_check(facts.settings, &why) < 0) {
        config_complain(config, file, NULL, plugin->line, C024,
                        "[integration] plugin '%s' has a damaged table of settings: %s",
                        plugin->text, why.text);
        return;
    }
    (void)set_text(config, &file->settings_rows, facts.settings); /* failure is kept in config */
}

void config_file_check(struct config *config, struct config_file *file, bool is_known)
{
    const struct config_schema *schema = config_schema_of(file->kind);

    for (size_t i = 0; i < schema->count; i++)
        if (schema->sections[i].form == SECTION_ROWS)
            add_defaults(config, file, &schema->sections[i]);
    if (!is_known || config->has_failed)
        return;
    check_sections(config, file);
    take_items(config, file, false);
    if (file->kind == CONFIG_INTEGRATION && !config->has_failed) {
        learn_plugin(config, file);
        add_defaults(config, file, find_section(schema, "settings"));
        take_items(config, file, true);
    }
    if (config->has_failed)
        return;
    check_required(config, file);
    schema->check(config, file);
}
