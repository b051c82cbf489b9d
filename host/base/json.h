/* SPDX-License-Identifier: Apache-2.0
 * JSON on a record's way: checked and picked apart in one pass, with no tree and no copies. RFC
 * 8259. What is off that way (API answers, CLI tables) uses jansson. [any] */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/err.h"
#include "base/str.h"

enum { JSON_DEPTH_MAX = 64 };

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* Checks one whole value, white space around it allowed: syntax, UTF-8 (also in escapes: no lone
 * surrogates, no \u0000), nesting. On failure err says "line 3, column 17: expected ',' or '}'
 * after a member, got 'x'"; columns count characters. 0 or E_SYNTAX. */
int json_check(struct str text, struct err *err);

/* The first value of `*rest` (leading white space skipped), checked as by json_check; `*rest` moves
 * behind it. Returns 1 with *out_value trimmed, 0 when only white space was left, E_SYNTAX. */
int json_next_value(struct str *rest, struct str *out_value, struct err *err);

/* Same walk as json_next_value over one *object* value, and picks its top-level members named in
 * `names` on the way (last one wins); values come raw, strings with their quotes; a missing one is
 * STR_NONE. 0, or E_SYNTAX (with the values undefined) when it is no object. */
int json_pick(struct str object, const char *const *names, size_t count, struct str *out_values);
/* json_next_value and json_pick in a single pass: the hot path of intake. What is no object is
 * E_SYNTAX; on failure *rest stays and the values are undefined. */
int json_next_picked(struct str *rest, const char *const *names, size_t count,
                     struct str *out_value, struct str *out_values, struct err *err);

/* Members of an object that was checked, in order. `*rest` starts as the object and moves on; the
 * name comes without its quotes, its escapes as they stand. False at the end. */
bool json_next_member(struct str *rest, struct str *out_name, struct str *out_value);
/* Elements of an array that was checked, likewise; what is no array has none. */
bool json_next_element(struct str *rest, struct str *out);
/* One member of an object, raw; STR_NONE when it is not there, or `object` is none. For several at
 * once there is json_pick, for which one walk is enough. */
struct str json_find(struct str object, const char *name);

/* Records in a body: one object, an array of objects, or objects behind each other (NDJSON). A
 * `*reader` starts zeroed but for `rest`. Each call gives the next record. 1, 0 at the end,
 * E_SYNTAX with the place in the whole body ("record 3, line 3, column 7: expected ..."; records
 * count from 1 there). A reader that met a fault meets it again. */
struct json_records {
    struct str rest;
    struct str whole; /* set by the first call; for line and column in errors */
    int state;
    size_t index; /* of the record given last, from 0 */
};
int json_records_next(struct json_records *reader, const char *const *names, size_t count,
                      struct str *out_record, struct str *out_values, struct err *err);

enum json_kind json_kind_of(struct str value); /* of a checked value */
/* Un-escapes a checked string value (with its quotes) into buf. */
void json_unquote(struct str value, struct buf *out);
/* `"text"` with escapes. Invalid UTF-8 and NUL become U+FFFD, so json_check accepts the result. */
void json_put_string(struct buf *out, struct str text);
/* ,"name":"text" (no comma after { or [, nor at the start) */
void json_put_member(struct buf *out, const char *name, struct str text);
void json_put_int(struct buf *out, const char *name, int64_t number);
void json_put_raw(struct buf *out, const char *name, struct str json);

#endif
