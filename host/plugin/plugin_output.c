/* SPDX-License-Identifier: Apache-2.0
 * What a plugin prints where it should not: fd 1 and 2 of its worker become log lines, bounded in
 * length and number. */
#include "plugin/plugin_internal.h"

#include "base/clock.h"
#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1000, LINES_PER_SECOND = 20, LOGS_PER_SECOND = 100 };

struct plugin_output {
    struct plugin_worker *worker;
    struct plugin_watch *watch;
    int fd;
    int64_t second;
    unsigned lines;
    uint64_t dropped;
    size_t len;
    bool is_overlong; /* the rest of the line is passed over */
    char line[LINE_MAX_BYTES];
};

static void emit(const struct plugin_worker *worker, enum log_level level, struct str text)
{
    const struct plugin_events *events = &worker->host->settings.events;

    if (events->log != NULL)
        events->log(events->user, worker->plugin, NULL, level, text, STR_NONE);
}

static void report_dropped(const struct plugin_worker *worker, const char *what, uint64_t *dropped)
{
    char words[128];

    if (*dropped == 0)
        return;
    snprintf(words, sizeof words, "%llu %s of this plugin were dropped: too many in a second",
             (unsigned long long)*dropped, what);
    *dropped = 0;
    emit(worker, LOG_WARN, str_of(words));
}

bool plugin_log_allowed(struct plugin_worker *worker)
{
    int64_t second = clock_mono_us() / 1000000;

    if (second != worker->log_second) {
        report_dropped(worker, "log lines", &worker->log_dropped);
        worker->log_second = second;
        worker->log_lines = 0;
    }
    if (++worker->log_lines <= LOGS_PER_SECOND)
        return true;
    worker->log_dropped++;
    return false;
}

static void end_line(struct plugin_output *output)
{
    int64_t second = clock_mono_us() / 1000000;

    if (second != output->second) {
        report_dropped(output->worker, "printed lines", &output->dropped);
        output->second = second;
        output->lines = 0;
    }
    if (output->len > 0 && ++output->lines <= LINES_PER_SECOND)
        emit(output->worker, LOG_INFO, (struct str){output->line, output->len});
    else if (output->len > 0)
        output->dropped++;
    output->len = 0;
    output->is_overlong = false;
}

static void take_bytes(struct plugin_output *output, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            end_line(output);
            continue;
        }
        if (output->is_overlong)
            continue;
        output->line[output->len++] = bytes[i];
        if (output->len == LINE_MAX_BYTES) {
            (void)secret_mask_cut_in_place(output->line, output->len); /* the rest is for the log */
            end_line(output);
            output->is_overlong = true;
        }
    }
}

static void on_output(void *user, int events)
{
    struct plugin_output *output = user;
    char bytes[4096];

    (void)events;
    ssize_t count = read(output->fd, bytes, sizeof bytes);
    if (count > 0)
        take_bytes(output, bytes, (size_t)count);
    else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        plugin_watch_destroy(output->watch); /* closed: nothing more will come */
        output->watch = NULL;
    }
}

struct plugin_output *plugin_output_create(struct plugin_worker *worker, int take_fd)
{
    struct plugin_output *output = calloc(1, sizeof *output);

    if (output == NULL) {
        close(take_fd);
        return NULL;
    }
    output->worker = worker;
    output->fd = take_fd;
    output->watch =
        plugin_watch_create(worker->host->loop, take_fd, UV_READABLE, on_output, output);
    return output;
}

void plugin_output_destroy(struct plugin_output *output)
{
    enum { LAST_READS = 16 };
    char bytes[4096];
    ssize_t count = 1;

    if (output == NULL)
        return;
    for (int i = 0; i < LAST_READS && count > 0; i++) {
        count = read(output->fd, bytes, sizeof bytes);
        if (count > 0)
            take_bytes(output, bytes, (size_t)count);
    }
    end_line(output);
    report_dropped(output->worker, "printed lines", &output->dropped);
    plugin_watch_destroy(output->watch);
    close(output->fd);
    free(output);
}
