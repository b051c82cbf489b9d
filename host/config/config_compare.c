/* SPDX-License-Identifier: Apache-2.0
 * Two readings of one file, by what they say: comments, order and times do not count. */
#include "config/config_file.h"

static bool same_value(const struct config_value *one, const struct config_value *other)
{
    return one->is_pair == other->is_pair && strcmp(one->text, other->text) == 0;
}

/* Most often it has the same place. */
static const struct config_value *twin_of(const struct config_file *file, size_t at,
                                          const struct config_file *other)
{
    const struct config_value *value = &file->values[at];
    const struct config_value *guess = at < other->value_count ? &other->values[at] : NULL;

    if (guess != NULL && strcmp(guess->key, value->key) == 0 &&
        strcmp(guess->section, value->section) == 0)
        return guess;
    return config_value_find(other, value->section, value->key);
}

/* What the other file sets differently, or sets and this one does not. */
static const struct config_value *find_difference(const struct config_file *file,
                                                  const struct config_file *other, size_t *at)
{
    for (; *at < file->value_count; ++*at) {
        const struct config_value *value = &file->values[*at];
        const struct config_value *twin = twin_of(file, *at, other);

        if (twin == NULL || !same_value(value, twin))
            return value;
    }
    return NULL;
}

bool config_file_difference(const struct config_file *one, const struct config_file *other,
                            size_t *at, const char **out_section, const char **out_key)
{
    const struct config_value *value = find_difference(one, other, at);

    if (value == NULL)
        return false;
    *out_section = value->section;
    *out_key = value->key;
    ++*at;
    return true;
}

bool config_file_same(const struct config_file *one, const struct config_file *other)
{
    size_t at = 0;

    return one->kind == other->kind && one->value_count == other->value_count &&
           strcmp(config_settings_json(one), config_settings_json(other)) == 0 &&
           find_difference(one, other, &at) == NULL;
}

void config_file_problem(const struct config *config, const struct config_file *file,
                         struct buf *out)
{
    size_t more = 0;

    for (size_t i = 0; i < config->message_count; i++) {
        const struct config_error *message = &config->messages[i];

        if (message->is_warning || strcmp(message->file, file->path) != 0)
            continue;
        if (more++ > 0)
            continue;
        buf_puts(out, message->file);
        if (message->line > 0)
            buf_printf(out, ":%d", message->line);
        buf_printf(out, ": %s", message->text);
    }
    if (more > 1)
        buf_printf(out, " (and %zu more)", more - 1);
}

int64_t config_file_modified_ms(const struct config_file *file)
{
    return file->modified_ms;
}
