/* SPDX-License-Identifier: Apache-2.0
 * What may stand in which file: one table per kind of file, a row per section, the keys as option
 * rows. A new key is a new row there and nothing else. Inside the room only. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/config_file.h"

enum section_form {
    SECTION_ROWS,    /* the keys of `rows` */
    SECTION_HEADERS, /* any key that can be a header field */
    SECTION_PAIRS,   /* any plain key */
    SECTION_PLUGIN,  /* the plugin's own rows */
    SECTION_LATER    /* a known word that this version does not support */
};

struct config_section {
    const char *name;
    enum section_form form;
    const char *help;
    const char *rows; /* SECTION_ROWS: TENON_OPTION lines */
};

struct config_schema {
    const struct config_section *sections;
    size_t count;
    void (*check)(struct config *config,
                  struct config_file *file); /* rules across keys; after all values are known */
};

/* [hook] (config_schema_hook.c) */
extern const char config_hook_rows[];
void config_check_hook(struct config *config, struct config_file *file);

extern const struct config_schema config_schema_host;
extern const struct config_schema config_schema_integration;

const struct config_schema *config_schema_of(enum config_kind kind);

#endif
