/* SPDX-License-Identifier: Apache-2.0
 * Names that arguments and options' values may have. A daemon that answers at once is asked;
 * without one the files tell what they can. */
#include "cli/cli_completion.h"

#include "catalog/setup.h"
#include "cli/cli_call.h"
#include "cli/cli_setup.h"

#include <string.h>

/* Somebody waits at a prompt. */
enum { ASK_MS = 700 };

/* The list at `path`; false: nobody answers. */
static bool ask(struct cli_completion *completion, const char *path, struct cli_answer *answer)
{
    struct err err = {0};

    completion->cli->timeout_ms = ASK_MS;
    return cli_exchange(completion->cli, "GET", str_of(path), NULL, STR_NONE, answer, &err) == 0 &&
           answer->status == 200;
}

static void put_integrations(struct cli_completion *completion)
{
    _answer_ struct cli_answer answer = {0};
    _setup_ struct setup setup = {0};
    struct err err = {0};

    if (ask(completion, "/api/v1/integrations", &answer)) {
        const struct json_t *items = cli_json_member(answer.json, "items");
        for (size_t i = 0; i < cli_json_count(items); i++) {
            const struct json_t *item = cli_json_item(items, i);
            cli_completion_put(completion, str_of(cli_json_text(item, "name")),
                               cli_json_text(item, "plugin"));
        }
        return;
    }
    if (setup_load(cli_option_text(completion->cli, "conf"), true, &setup, &err) < 0)
        return;
    for (size_t i = 0; i < config_file_count(setup.config); i++) {
        const struct config_file *file = config_file_at(setup.config, i);
        if (config_file_kind(file) == CONFIG_INTEGRATION)
            cli_completion_put(completion, str_of(config_file_name(file)),
                               config_text(file, "integration", "plugin"));
    }
}

static void put_tokens(struct cli_completion *completion)
{
    _answer_ struct cli_answer answer = {0};

    if (!ask(completion, "/api/v1/tokens", &answer))
        return;
    const struct json_t *items = cli_json_member(answer.json, "items");
    for (size_t i = 0; i < cli_json_count(items); i++)
        cli_completion_put(completion, str_of(cli_json_text(cli_json_item(items, i), "name")),
                           cli_json_text(cli_json_item(items, i), "scope"));
}

static void put_plugins(struct cli_completion *completion)
{
    _setup_ struct setup setup = {0};
    struct err err = {0};

    if (setup_load(cli_option_text(completion->cli, "conf"), false, &setup, &err) < 0)
        return;
    for (size_t i = 0; i < catalog_count(setup.catalog); i++) {
        const struct catalog_entry *entry = catalog_at(setup.catalog, i);
        if (entry->state == CATALOG_USABLE)
            cli_completion_put(completion, str_of(entry->note.name), entry->note.version);
    }
}

/* INTEGRATION.ACTION */
static void put_actions(struct cli_completion *completion)
{
    _answer_ struct cli_answer answer = {0};

    if (!ask(completion, "/api/v1/actions", &answer))
        return;
    const struct json_t *items = cli_json_member(answer.json, "items");
    for (size_t i = 0; i < cli_json_count(items); i++) {
        const struct json_t *item = cli_json_item(items, i);
        _buf_ struct buf name = {0};
        buf_printf(&name, "%s.%s", cli_json_text(item, "integration"), cli_json_text(item, "name"));
        cli_completion_put(completion, buf_str(&name), cli_json_text(item, "help"));
    }
}

static bool is_of(const struct json_t *command, const char *integration)
{
    return strcmp(cli_json_text(command, "integration"), integration) == 0;
}

void cli_completion_commands(struct cli_completion *completion, const char *integration)
{
    _answer_ struct cli_answer answer = {0};

    if (!ask(completion, "/api/v1/commands", &answer))
        return;
    const struct json_t *items = cli_json_member(answer.json, "items");
    for (size_t i = 0; i < cli_json_count(items); i++) {
        const struct json_t *item = cli_json_item(items, i);
        bool is_new =
            i == 0 || !is_of(cli_json_item(items, i - 1), cli_json_text(item, "integration"));
        if (integration == NULL && is_new)
            cli_completion_put(completion, str_of(cli_json_text(item, "integration")),
                               "an integration with commands");
        else if (integration != NULL && is_of(item, integration))
            cli_completion_put(completion, str_of(cli_json_text(item, "name")),
                               cli_json_text(item, "help"));
    }
}

/* The commands of the integration that the first argument names. */
static void put_commands(struct cli_completion *completion)
{
    if (completion->first != NULL)
        cli_completion_commands(completion, completion->first);
}

static bool is_named(const struct json_t *action, const char *name)
{
    const char *integration = cli_json_text(action, "integration");
    size_t len = strlen(integration);

    return strncmp(name, integration, len) == 0 && name[len] == '.' &&
           strcmp(name + len + 1, cli_json_text(action, "name")) == 0;
}

/* "true" and "false", or the words of a choice, behind "name=". */
static void put_choices(struct cli_completion *completion, const struct json_t *parameter)
{
    const char *type = cli_json_text(parameter, "type");
    bool is_choice = strcmp(type, "choice") == 0;
    struct str rest = is_choice                      ? str_of(cli_json_text(parameter, "range"))
                      : strcmp(type, "boolean") == 0 ? STR("true,false")
                                                     : STR("");
    struct str choice;

    while (str_next(&rest, ',', &choice)) {
        _buf_ struct buf word = {0};
        buf_printf(&word, "%s=%.*s", cli_json_text(parameter, "name"), STR_ARG(str_trim(choice)));
        cli_completion_put(completion, buf_str(&word), NULL);
    }
}

/* NAME=VALUE of the action that the first argument names. */
static void put_parameters(struct cli_completion *completion)
{
    _answer_ struct cli_answer answer = {0};
    const struct json_t *parameters = NULL;
    bool has_value = memchr(completion->prefix.ptr, '=', completion->prefix.len) != NULL;

    if (completion->first == NULL || !ask(completion, "/api/v1/actions", &answer))
        return;
    const struct json_t *items = cli_json_member(answer.json, "items");
    for (size_t i = 0; i < cli_json_count(items); i++)
        if (is_named(cli_json_item(items, i), completion->first))
            parameters = cli_json_member(cli_json_item(items, i), "parameters");
    for (size_t i = 0; i < cli_json_count(parameters); i++) {
        const struct json_t *parameter = cli_json_item(parameters, i);
        _buf_ struct buf word = {0};
        buf_printf(&word, "%s=", cli_json_text(parameter, "name"));
        if (has_value)
            put_choices(completion, parameter);
        else
            cli_completion_put(completion, buf_str(&word), cli_json_text(parameter, "help"));
    }
    if (!has_value)
        cli_completion_ask(completion, "nospace");
}

static void put_list(struct cli_completion *completion, const char *words)
{
    struct str rest = str_of(words);
    struct str word;

    while (str_next(&rest, ' ', &word))
        cli_completion_put(completion, word, NULL);
}

void cli_completion_values(struct cli_completion *completion, struct str name)
{
    static const struct {
        const char *name;
        void (*put)(struct cli_completion *completion);
        const char *list, *ask;
    } values[] = {
        {"NAME", put_integrations, NULL, NULL},
        {"INTEGRATION", put_integrations, NULL, NULL},
        {"INTEGRATION.ACTION", put_actions, NULL, NULL},
        {"NAME=VALUE", put_parameters, NULL, NULL},
        {"COMMAND", put_commands, NULL, NULL},
        {"PLUGIN", put_plugins, NULL, NULL},
        {"TOKEN", put_tokens, NULL, NULL},
        {"OPERATION", NULL, "sync test update", NULL},
        {"SCOPE", NULL, "read submit manage", NULL},
        {"WAY", NULL, "out in both", NULL},
        {"FILE", NULL, NULL, "files"},
        {"PATH", NULL, NULL, "files"},
        {"DIR", NULL, NULL, "directories"},
        {"STATES", NULL, "pending in_flight succeeded retrying failed unknown skipped superseded",
         NULL},
        {"selector", NULL, "unsubmitted failed changed all", NULL},
        {"level", NULL, "error warn info debug", NULL},
        {"stage", NULL, "claimed refused selected transformed request answer verdict", NULL},
        {"class", NULL,
         "connection authentication validation rate-limited server permanent cancelled unknown "
         "no-memory unsupported",
         NULL},
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (!str_is(name, values[i].name))
            continue;
        if (values[i].put != NULL)
            values[i].put(completion);
        if (values[i].list != NULL)
            put_list(completion, values[i].list);
        if (values[i].ask != NULL)
            cli_completion_ask(completion, values[i].ask);
    }
}
