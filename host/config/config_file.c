/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_file.h"

#include "base/cleanup.h"
#include "config/config_ini.h"

#include <stdio.h>
#include <string.h>

bool config_grow(void **array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return true;
    size_t wanted = *room == 0 ? 16 : *room * 2;
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *room = wanted;
    return true;
}

static void items_free(struct config_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(items[i].section);
        free(items[i].key);
        free(items[i].text);
    }
    free(items);
}

void config_file_destroy(struct config_file *file)
{
    if (file == NULL)
        return;
    items_free(file->items, file->item_count);
    items_free(file->headings, file->heading_count);
    for (size_t i = 0; i < file->value_count; i++) {
        free(file->values[i].key);
        free(file->values[i].raw);
        free(file->values[i].text);
    }
    free(file->values);
    free(file->settings_rows);
    free(file->settings_json);
    free(file->name);
    free(file->path);
    free(file);
}

DEFINE_GUARD(config_file, struct config_file *, config_file_destroy);

struct config_file *config_file_create(enum config_kind kind, const char *name, const char *path)
{
    _guard_(config_file) struct config_file *file = calloc(1, sizeof *file);

    if (file == NULL)
        return NULL;
    file->kind = kind;
    file->name = strdup(name);
    file->path = strdup(path);
    return file->name != NULL && file->path != NULL ? steal(file) : NULL;
}

/* ---- complaints ---- */

static void add_message(struct config *config, struct config_file *file, const char *path, int line,
                        enum config_code code, bool is_warning, const char *format, va_list args)
{
    char *text = NULL;

    if (!config_grow((void **)&config->messages, config->message_count, &config->message_room,
                     sizeof *config->messages) ||
        vasprintf(&text, format, args) < 0) {
        config->has_failed = true;
        return;
    }
    config->messages[config->message_count++] = (struct config_error){
        .file = file != NULL ? file->path : path,
        .line = line,
        .code = config_code_name(code),
        .text = text,
        .is_warning = is_warning,
    };
    if (is_warning)
        return;
    config->error_count++;
    if (file != NULL)
        file->error_count++;
}

void config_complain(struct config *config, struct config_file *file, const char *path, int line,
                     enum config_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_message(config, file, path, line, code, false, format, args);
    va_end(args);
}

void config_warn(struct config *config, struct config_file *file, int line, enum config_code code,
                 const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_message(config, file, NULL, line, code, true, format, args);
    va_end(args);
}

bool config_is_complained(const struct config *config, const struct config_file *file, int line)
{
    for (size_t i = 0; i < config->message_count; i++) {
        const struct config_error *message = &config->messages[i];
        if (!message->is_warning && message->line == line && line != 0 &&
            strcmp(message->file, file->path) == 0)
            return true;
    }
    return false;
}

/* ---- reading ---- */

struct reading {
    struct config *config;
    struct config_file *file;
};

static void take_heading(void *user, const char *name, int line)
{
    struct reading *reading = user;
    struct config_file *file = reading->file;
    char *section = strdup(name);

    if (section == NULL || !config_grow((void **)&file->headings, file->heading_count,
                                        &file->heading_room, sizeof *file->headings)) {
        free(section);
        reading->config->has_failed = true;
        return;
    }
    file->headings[file->heading_count++] = (struct config_item){.section = section, .line = line};
}

static void take_item(void *user, const char *section, const char *key, struct str value, int line)
{
    struct reading *reading = user;
    struct config_file *file = reading->file;

    if (!config_grow((void **)&file->items, file->item_count, &file->item_room,
                     sizeof *file->items)) {
        reading->config->has_failed = true;
        return;
    }
    struct config_item *item = &file->items[file->item_count++];
    *item = (struct config_item){
        .section = strdup(section), .key = strdup(key), .text = str_dup(value), .line = line};
    if (item->section == NULL || item->key == NULL || item->text == NULL) {
        free(item->section);
        free(item->key);
        free(item->text);
        file->item_count--;
        reading->config->has_failed = true;
    }
}

static void take_bad(void *user, int line, enum config_code code, const char *words)
{
    struct reading *reading = user;

    config_complain(reading->config, reading->file, NULL, line, code, "%s", words);
}

void config_file_read(struct config *config, struct config_file *file, struct str text)
{
    struct reading reading = {config, file};
    const struct ini_events events = {&reading, take_heading, take_item, take_bad};

    if (ini_read(text, &events) < 0)
        config->has_failed = true;
}
