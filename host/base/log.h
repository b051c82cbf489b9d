/* SPDX-License-Identifier: Apache-2.0
 * Logging: one event a line, fixed words first, facts as fields. Knows no configuration: main/
 * pushes level, form and secrets into it. Safe on every thread; keeps errno.
 *
 *   log_warn("delivery failed, will retry", F_STR("integration", name), F_INT("wait_ms", ms));
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_form { LOG_LOGFMT, LOG_JSON };

struct log_field {
    const char *name;
    enum { LOG_FIELD_END, LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_DOUBLE } kind;
    struct str text;
    int64_t number;
    double real;
};

#define F_STR(name_, text_)                                                                        \
    ((struct log_field){.name = (name_), .kind = LOG_FIELD_STR, .text = str_of(text_)})
#define F_TEXT(name_, str_)                                                                        \
    ((struct log_field){.name = (name_), .kind = LOG_FIELD_STR, .text = (str_)})
#define F_INT(name_, value_)                                                                       \
    ((struct log_field){.name = (name_), .kind = LOG_FIELD_INT, .number = (int64_t)(value_)})
#define F_DOUBLE(name_, value_)                                                                    \
    ((struct log_field){.name = (name_), .kind = LOG_FIELD_DOUBLE, .real = (value_)})
#define F_ERR(err_)                                                                                \
    ((struct log_field){.name = "error", .kind = LOG_FIELD_STR, .text = str_of((err_)->text)})

#define log_error(...) LOG_AT_(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) LOG_AT_(LOG_WARN, __VA_ARGS__)
#define log_info(...) LOG_AT_(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT_(LOG_DEBUG, __VA_ARGS__)
#define LOG_AT_(level, ...)                                                                        \
    LOG_PICK_(level, __VA_ARGS__, ((struct log_field){.kind = LOG_FIELD_END}))
#define LOG_PICK_(level, words, ...)                                                               \
    (log_is_on(level)                                                                              \
         ? log_write(level, words,                                                                 \
                     (const struct log_field[]){__VA_ARGS__, {.kind = LOG_FIELD_END}})             \
         : (void)0)

/* The macros above make no field of a line that is held back. `fields` ends with a LOG_FIELD_END.
 * Secrets known to base/secret.h are masked in words and values, before quoting. [any] */
void log_write(enum log_level level, const char *words, const struct log_field *fields);
bool log_is_on(enum log_level level);

void log_set_level(enum log_level level);
void log_set_form(enum log_form form);
void log_set_fd(int fd);                                   /* default 2; not owned */
int log_level_parse(struct str name, enum log_level *out); /* error, warn, info, debug */
/* Whoever else wants the lines (tests, `integration logs`): called under the log's lock, must not
 * log. `line` comes without its line end. */
typedef void (*log_tap_fn)(void *user, enum log_level level, struct str line);
void log_set_tap(log_tap_fn tap, void *user);

#endif
