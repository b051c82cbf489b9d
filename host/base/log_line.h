/* SPDX-License-Identifier: Apache-2.0
 * One line before it is text, and the texts that are made of it. Inside base/ only. [any] */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include "base/log.h"

struct log_line {
    int64_t time_ms; /* wall */
    enum log_level level;
    struct str words, integration;  /* integration: none when it has no length */
    const struct log_field *fields; /* one named "integration" is passed over */
};

/* "time=... level=... msg=..." or the same as a JSON object; no line end. */
void log_line_put(const struct log_line *line, enum log_form form, struct buf *out);
/* The members "msg" and fields of a JSON object, without its braces, time and integration. */
void log_line_put_members(const struct log_line *line, struct buf *out);
/* The words and then name=value: for people who see time and level beside it. */
void log_line_put_message(const struct log_line *line, struct buf *out);
/* A field's value as it stands, masked and cut. */
void log_line_put_value(const struct log_field *field, struct buf *out);

#endif
