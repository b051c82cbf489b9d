/* SPDX-License-Identifier: Apache-2.0
 * Reading the daemon's answers. jansson stays behind this header: its names and those of
 * base/json.h collide. Numbers that do not fit int64 are kept as they are written: cli_json_put
 * gives the same text, cli_json_number reads 0. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "base/cleanup.h"
#include "base/str.h"

struct json_t;

struct json_t *cli_json_parse(struct str text); /* caller releases; NULL: no JSON */
void cli_json_release(struct json_t *json);     /* NULL allowed */

/* A missing member reads as empty: "", 0, false, NULL, no items. What is given back belongs to the
 * parent. */
const char *cli_json_text(const struct json_t *object, const char *name);
int64_t cli_json_number(const struct json_t *object, const char *name);
double cli_json_real(const struct json_t *object, const char *name);
bool cli_json_is_true(const struct json_t *object, const char *name);
const struct json_t *cli_json_member(const struct json_t *object, const char *name);
bool cli_json_has_number(const struct json_t *object, const char *name);
size_t cli_json_count(const struct json_t *array);
const struct json_t *cli_json_item(const struct json_t *array, size_t index);
const char *cli_json_own_text(const struct json_t *string);
/* Members of an object in order: `index` from 0, false past the end. */
bool cli_json_pair(const struct json_t *object, size_t index, const char **out_name,
                   const struct json_t **out_value);
/* indent 0: one line. */
void cli_json_put(struct buf *out, const struct json_t *json, int indent);

#endif
