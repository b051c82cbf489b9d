/* SPDX-License-Identifier: Apache-2.0
 * One file of conf.d in memory, and how it complains. Inside the room only: callers use config.h.
 */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "config/config.h"
#include "config/config_errors.h"
#include "config/config_options.h"

enum { CONFIG_FILE_BYTES_MAX = 1024 * 1024, CONFIG_FILES_MAX = 1000, CONFIG_PAIRS_MAX = 100 };

/* A key of a section: set by the file, or the schema's default. */
struct config_value {
    const char *section; /* static, the schema's */
    char *key;
    char *raw;            /* as it stands in the file; NULL when it is the default */
    char *text;           /* with references resolved */
    struct option option; /* of free-form pairs only is_secret counts */
    struct option_value parsed;
    int line;     /* 0: default */
    bool is_pair; /* of a free-form section */
    bool has_reference;
};

/* A key as it was read, before it is held against the schema. */
struct config_item {
    char *section, *key, *text;
    int line;
};

struct config_file {
    enum config_kind kind;
    char *name, *path;
    struct config_item *items;
    size_t item_count, item_room;
    struct config_item *headings; /* sections in order; key and text are NULL */
    size_t heading_count, heading_room;
    struct config_value *values;
    size_t value_count, value_room;
    char *settings_rows; /* the plugin's; NULL: unknown */
    char *settings_json;
    bool needs_net;
    size_t error_count;
    int64_t modified_ms;
};

struct config {
    char *dir;
    struct config_file *host;
    struct config_file **files; /* by name */
    size_t file_count, file_room;
    struct config_error *messages;
    size_t message_count, message_room, error_count;
    config_options_fn options;
    void *user;
    bool keeps_references; /* `${...}` stays as it is: for what must not touch the machine (fuzzing)
                            */
    bool has_failed;       /* out of memory on the way */
};

struct config_file *config_file_create(enum config_kind kind, const char *name, const char *path);
void config_file_destroy(struct config_file *file);

/* `file` may be NULL: then `path` is where. All complaints end here; memory failing is kept in
 * config->has_failed. */
void config_complain(struct config *config, struct config_file *file, const char *path, int line,
                     enum config_code code, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void config_warn(struct config *config, struct config_file *file, int line, enum config_code code,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Is something wrong with this line already? What follows from it need not be said. */
bool config_is_complained(const struct config *config, const struct config_file *file, int line);

/* Reads text into a file's items. */
void config_file_read(struct config *config, struct config_file *file, struct str text);
/* Fills the values with the schema's defaults and, unless the file is of no known kind, holds its
 * items against the schema. */
void config_file_check(struct config *config, struct config_file *file, bool is_known);
/* The settings as the JSON of config_settings_json; NULL: no memory. */
char *config_settings_render(const struct config_file *file);

const struct config_value *config_value_find(const struct config_file *file, const char *section,
                                             const char *key);
/* A field name of RFC 9110, and none of those that frame the message (Content-Length,
 * Transfer-Encoding, ...). */
bool config_is_header_name(const char *name);
/* Room for one more element; false: no memory. */
bool config_grow(void **array, size_t count, size_t *room, size_t size);

#endif
