/* SPDX-License-Identifier: Apache-2.0
 * A line is made on the caller's thread; the lock is held for the write alone. */
#include "base/log.h"

#include "base/clock.h"
#include "base/log_journal.h"
#include "base/log_line.h"
#include "base/log_ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static atomic_int current_level = LOG_INFO;
static atomic_int current_form = LOG_LOGFMT;
static _Thread_local const char *current_integration;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int out_fd = 2;     /* under lock */
static bool is_to_journal; /* under lock */

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

int log_set_target(enum log_target target, struct err *err)
{
    int status = 0;

    pthread_mutex_lock(&lock);
    is_to_journal = target == LOG_TARGET_JOURNALD ||
                    (target == LOG_TARGET_AUTO && log_journal_is_stream(out_fd));
    if (is_to_journal && (status = log_journal_open(err)) < 0)
        is_to_journal = false;
    if (!is_to_journal)
        log_journal_close();
    pthread_mutex_unlock(&lock);
    return status;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
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

const char *log_integration_enter(const char *name)
{
    const char *before = current_integration;

    current_integration = name;
    return before;
}

void log_integration_leave(const char *before)
{
    current_integration = before;
}

bool log_limit_passes(struct log_limit *limit, uint32_t per_second, uint64_t *out_held_back)
{
    int64_t second = clock_mono_us() / 1000000;

    *out_held_back = 0;
    if (second != limit->second) {
        limit->second = second;
        limit->count = 0;
    }
    if (limit->count == per_second) {
        limit->held_back++;
        return false;
    }
    limit->count++;
    *out_held_back = limit->held_back;
    limit->held_back = 0;
    return true;
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

static struct str integration_of(const struct log_field *fields)
{
    for (; fields->kind != LOG_FIELD_END; fields++)
        if (strcmp(fields->name, "integration") == 0)
            return fields->text;
    return str_of(current_integration);
}

static void keep(const struct log_line *line)
{
    _buf_ struct buf members = {0};

    log_line_put_members(line, &members);
    if (!members.failed)
        log_ring_add(line->integration, line->level, line->time_ms, buf_str(&members));
}

/* Standard error also gets what the journal does not take. */
static void send_out(const struct log_line *line)
{
    enum log_form form = (enum log_form)atomic_load_explicit(&current_form, memory_order_relaxed);
    _buf_ struct buf text = {0};

    log_line_put(line, form, &text);
    buf_putc(&text, '\n');
    pthread_mutex_lock(&lock);
    if (!is_to_journal || log_journal_send(line) < 0)
        write_line_locked(text.failed ? STR("level=error msg=\"out of memory for a log line\"\n")
                                      : buf_str(&text));
    pthread_mutex_unlock(&lock);
}

void log_keep(const char *integration, enum log_level level, const char *words,
              const struct log_field *fields)
{
    int saved = errno;
    const struct log_line line = {
        .time_ms = clock_wall_ms(),
        .level = level,
        .words = str_of(words),
        .integration = str_of(integration),
        .fields = fields,
    };

    if (log_is_on(level))
        keep(&line);
    errno = saved;
}

void log_write(enum log_level level, const char *words, const struct log_field *fields)
{
    if (!log_is_on(level))
        return;

    int saved = errno;
    const struct log_line line = {
        .time_ms = clock_wall_ms(),
        .level = level,
        .words = str_of(words),
        .integration = integration_of(fields),
        .fields = fields,
    };
    send_out(&line);
    if (line.integration.len > 0)
        keep(&line);
    errno = saved;
}
