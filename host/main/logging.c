/* SPDX-License-Identifier: Apache-2.0 */
#include "main/logging.h"

#include "base/log.h"
#include "engine/engine.h"

void logging_apply(const struct config_file *host)
{
    const char *target = config_text(host, "log", "target");
    enum log_level level;
    struct err err = {0};

    if (log_level_parse(str_of(config_text(host, "log", "level")), &level) == 0)
        log_set_level(level);
    log_set_form(strcmp(config_text(host, "log", "form"), "json") == 0 ? LOG_JSON : LOG_LOGFMT);
    if (log_set_target(strcmp(target, "journald") == 0 ? LOG_TARGET_JOURNALD
                       : strcmp(target, "stderr") == 0 ? LOG_TARGET_STDERR
                                                       : LOG_TARGET_AUTO,
                       &err) < 0)
        log_warn("log goes to standard error", F_ERR(&err));
}

/* "conf.d/stripe-eu.ini" is stripe-eu's; tenon.ini is nobody's. */
static struct str integration_of_file(const char *file)
{
    const char *slash = strrchr(file, '/');
    struct str name = str_of(slash != NULL ? slash + 1 : file);

    if (name.len <= 4 || str_is(name, "tenon.ini"))
        return STR_NONE;
    return (struct str){name.ptr, name.len - 4};
}

void logging_config_messages(const struct config *config)
{
    for (size_t i = 0; i < config_message_count(config); i++) {
        const struct config_error *message = config_message(config, i);
        const struct log_field fields[] = {
            F_TEXT("integration", integration_of_file(message->file)),
            F_STR("file", message->file),
            F_INT("line", message->line),
            F_STR("code", message->code),
            F_STR("error", message->text),
            {.kind = LOG_FIELD_END},
        };

        log_write(message->is_warning ? LOG_WARN : LOG_ERROR, "configuration", fields);
    }
}

/* "NAME#jq" is the helper that runs NAME's jq programs. */
static struct str integration_of(const char *instance)
{
    struct str name = str_of(instance);
    const char *mark = name.len > 0 ? memchr(name.ptr, '#', name.len) : NULL;

    return mark != NULL ? (struct str){name.ptr, (size_t)(mark - name.ptr)} : name;
}

/* The n-th integration that this plugin serves, as its own or as the jq of its ini. */
static const char *served(const struct engine *engine, const char *plugin, size_t n)
{
    size_t count = engine != NULL ? engine_integration_count(engine) : 0;

    for (size_t i = 0; i < count; i++) {
        struct engine_integration integration;

        engine_integration_at(engine, i, &integration);
        if (strcmp(integration.plugin, plugin) != 0 &&
            (!integration.has_jq || strcmp(plugin, "jq") != 0))
            continue;
        if (n-- == 0)
            return integration.name;
    }
    return NULL;
}

/* A line about a whole worker is its one integration's; of several, each keeps it. */
static void write_for_worker(const struct engine *engine, const char *plugin, enum log_level level,
                             const char *words, const struct log_field *fields)
{
    const char *name = served(engine, plugin, 0);

    if (name != NULL && served(engine, plugin, 1) == NULL) {
        log_integration_scope(name);
        log_write(level, words, fields);
        return;
    }
    log_write(level, words, fields);
    for (size_t n = 0; (name = served(engine, plugin, n)) != NULL; n++)
        log_keep(name, level, words, fields);
}

static void on_log(void *user, const char *plugin, const char *instance, enum log_level level,
                   struct str message, struct str details)
{
    struct engine *const *engine = user;
    struct log_field fields[5] = {F_STR("plugin", plugin), F_TEXT("message", message)};
    size_t count = 2;

    if (!log_is_on(level))
        return;
    if (details.len > 0)
        fields[count++] = F_TEXT("fields", details);
    if (instance == NULL) {
        fields[count].kind = LOG_FIELD_END;
        write_for_worker(*engine, plugin, level, "plugin says", fields);
        return;
    }
    fields[count++] = F_TEXT("integration", integration_of(instance));
    fields[count].kind = LOG_FIELD_END;
    log_write(level, "plugin says", fields);
}

static void on_worker(void *user, const char *plugin, bool is_trouble, const char *words)
{
    struct engine *const *engine = user;
    const struct log_field fields[] = {
        F_STR("plugin", plugin), F_STR("state", words), {.kind = LOG_FIELD_END}};

    write_for_worker(*engine, plugin, is_trouble ? LOG_WARN : LOG_INFO, "plugin worker", fields);
}

struct plugin_events logging_plugin_events(struct engine **engine)
{
    return (struct plugin_events){.user = engine, .log = on_log, .worker = on_worker};
}
