/* SPDX-License-Identifier: Apache-2.0
 * A line is made on the caller's thread; the lock is held for the write and the tap alone. */
#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static atomic_int current_level = LOG_INFO;
static atomic_int current_form = LOG_LOGFMT;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out_fd = 2;      /* under lock */
static log_tap_fn line_tap; /* under lock */
static void *tap_user;      /* under lock */

bool log_is_on(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&current_level, memory_order_relaxed);
}

void log_set_level(enum log_level level)
{
    atomic_store(&current_level, (int)level);
}

void log_set_form(enum log_form form)
{
    atomic_store(&current_form, (int)form);
}

void log_set_fd(int fd)
{
    pthread_mutex_lock(&lock);
    out_fd = fd;
    pthread_mutex_unlock(&lock);
}

void log_set_tap(log_tap_fn tap, void *user)
{
    pthread_mutex_lock(&lock);
    line_tap = tap;
    tap_user = user;
    pthread_mutex_unlock(&lock);
}

int log_level_parse(struct str name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (str_is(name, level_names[i])) {
            *out = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* A logfmt value stands bare when no reader could take it for anything else. */
static bool is_bare(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return text.len > 0;
}

static void put_text(struct buf *line, enum log_form form, const char *name, struct str text)
{
    if (form == LOG_JSON) {
        json_put_member(line, name, text);
        return;
    }
    if (line->len > 0)
        buf_putc(line, ' ');
    buf_puts(line, name);
    buf_putc(line, '=');
    if (is_bare(text))
        buf_add_str(line, text);
    else
        json_put_string(line, text);
}

static void put_number(struct buf *line, enum log_form form, const char *name, const char *digits)
{
    if (form == LOG_JSON)
        json_put_raw(line, name, str_of(digits));
    else
        put_text(line, form, name, str_of(digits));
}

/* Masked before it is quoted: an escape in the middle would hide a secret from the search. */
static void put_masked(struct buf *line, enum log_form form, const char *name, struct str text)
{
    _buf_ struct buf masked = {0};

    secret_mask(text, &masked);
    put_text(line, form, name, masked.failed ? STR("(out of memory)") : buf_str(&masked));
}

static void put_field(struct buf *line, enum log_form form, const struct log_field *field)
{
    char digits[40];

    if (field->kind == LOG_FIELD_STR) {
        put_masked(line, form, field->name, field->text);
        return;
    }
    if (field->kind == LOG_FIELD_INT)
        (void)snprintf(digits, sizeof(digits), "%" PRId64, field->number); /* fits */
    else
        (void)snprintf(digits, sizeof(digits), "%.15g", field->real); /* fits */
    bool is_number = field->kind == LOG_FIELD_INT || isfinite(field->real);
    if (is_number && !secret_mask_in_place(digits, strlen(digits)))
        put_number(line, form, field->name, digits);
    else
        put_text(line, form, field->name, str_of(digits));
}

/* A log that cannot be written has nobody left to tell; the program goes on. */
static void write_line_locked(struct str line)
{
    while (line.len > 0) {
        ssize_t put = write(out_fd, line.ptr, line.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return;
        line.ptr += put;
        line.len -= (size_t)put;
    }
}

void log_write(enum log_level level, const char *words, const struct log_field *fields)
{
    if (!log_is_on(level))
        return;

    int saved = errno;
    enum log_form form = (enum log_form)atomic_load_explicit(&current_form, memory_order_relaxed);
    _buf_ struct buf line = {0};
    char time[25];
    clock_format(clock_wall_ms(), time);
    if (form == LOG_JSON)
        buf_putc(&line, '{');
    put_text(&line, form, "time", str_of(time));
    put_text(&line, form, "level", str_of(level_names[level]));
    put_masked(&line, form, "msg", str_of(words));
    for (const struct log_field *field = fields; field->kind != LOG_FIELD_END; field++)
        put_field(&line, form, field);
    if (form == LOG_JSON)
        buf_putc(&line, '}');
    buf_putc(&line, '\n');

    struct str whole =
        line.failed ? STR("level=error msg=\"out of memory for a log line\"\n") : buf_str(&line);
    pthread_mutex_lock(&lock);
    write_line_locked(whole);
    if (line_tap != NULL)
        line_tap(tap_user, level, (struct str){whole.ptr, whole.len - 1});
    pthread_mutex_unlock(&lock);
    errno = saved;
}
