/* SPDX-License-Identifier: Apache-2.0
 * Logging: one event a line, fixed words first, facts as fields. Knows no configuration: main/
 * pushes level, form, target and secrets into it. Safe on every thread; keeps errno.
 *
 *   log_warn("delivery failed, will retry", F_INT("wait_ms", ms));
 *
 * Lines of an integration carry its name by themselves, see log_integration_enter. What a line
 * holds is bounded: a value longer than LOG_VALUE_MAX bytes is cut and ends with "…", and fields
 * past LOG_LINE_MAX bytes are left out and counted in a field `cut`. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_form { LOG_LOGFMT, LOG_JSON };
enum { LOG_VALUE_MAX = 2048, LOG_LINE_MAX = 16384 };

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
/* Writes nothing, keeps the line for this integration alone: where one line concerns several. */
void log_keep(const char *integration, enum log_level level, const char *words,
              const struct log_field *fields);

/* ---- whose line it is ---- */

/* From here on this thread's lines carry integration=name, are kept for it (base/log_ring.h) and,
 * in the journal, have TENON_INTEGRATION. Entered at the doors where an integration's work begins;
 * nests. `name` is borrowed until the matching leave, so it outlives the block; NULL: nobody's. A
 * field "integration" on a line goes before it. */
const char *log_integration_enter(const char *name); /* what was current, for leave */
void log_integration_leave(const char *before);

static inline void guard_log_integration(const char **before)
{
    log_integration_leave(*before);
}
/* `log_integration_scope(lane->name);` holds to the end of the block. */
#define log_integration_scope(name)                                                                \
    __attribute__((cleanup(guard_log_integration), unused)) const char *log_integration_before_ =  \
        log_integration_enter(name)

/* ---- where lines go ---- */

enum log_target { LOG_TARGET_AUTO, LOG_TARGET_STDERR, LOG_TARGET_JOURNALD };

void log_set_level(enum log_level level);
void log_set_form(enum log_form form);
/* AUTO is the journal when standard error is its stream, else standard error. 0, or a negative
 * status when the journal cannot be had: the target is then standard error. */
int log_set_target(enum log_target target, struct err *err);
void log_set_fd(int fd);                                   /* default 2; not owned */
int log_level_parse(struct str name, enum log_level *out); /* error, warn, info, debug */
const char *log_level_name(enum log_level level);

/* ---- lines that may come in thousands ---- */

/* Lets so many lines a second through; the first one of a later second says how many were held
 * back. Zero-initialised is ready. One thread. */
struct log_limit {
    int64_t second;
    uint32_t count;
    uint64_t held_back;
};
bool log_limit_passes(struct log_limit *limit, uint32_t per_second, uint64_t *out_held_back);

#endif
