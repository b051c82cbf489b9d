/* SPDX-License-Identifier: Apache-2.0
 * The store's own care. A POST begins and is answered at once; how far it has come, and how it
 * ended, is asked of GET /api/v1/store. */
#include "api/api_handlers.h"
#include "api/api_work.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

enum kind { WORK_NONE, WORK_CHECK, WORK_COMPACT, WORK_BACKUP };
static const char *const names[] = {"", "check", "compact", "backup"};

struct api_work {
    union {
        struct store_op op; /* first of both */
        struct store_job job;
        struct store_compact compact;
    };
    enum kind kind;
    bool is_running;
    bool is_released; /* the api is gone */
    int64_t started_ms, ended_ms;
    int status;
    struct err error;
    struct buf path;   /* of a backup */
    struct buf result; /* members */
};

struct api_work *api_work_create(void)
{
    return calloc(1, sizeof(struct api_work));
}

void api_work_release(struct api_work *work)
{
    if (work == NULL)
        return;
    if (work->is_running) {
        work->is_released = true;
        return;
    }
    buf_finish(&work->path);
    buf_finish(&work->result);
    free(work);
}

/* ---- the end ---- */

static void put_problems(struct buf *out, const struct buf *lines)
{
    struct str rest = buf_str(lines);
    struct str line;

    api_put_comma(out);
    buf_puts(out, "\"problems\":[");
    while (rest.len > 0 && str_next(&rest, '\n', &line)) {
        api_put_comma(out);
        json_put_string(out, line);
    }
    buf_putc(out, ']');
}

static void take_result(struct api_work *work)
{
    struct buf *out = &work->result;

    switch (work->kind) {
    case WORK_CHECK:
        api_put_bool(out, "ok", work->job.problem_count == 0);
        json_put_int(out, "problem_count", (int64_t)work->job.problem_count);
        put_problems(out, &work->job.problems);
        break;
    case WORK_COMPACT:
        json_put_int(out, "removed_submissions", (int64_t)work->compact.removed);
        json_put_int(out, "removed_details", (int64_t)work->compact.trimmed);
        json_put_int(out, "freed_bytes", work->compact.freed_bytes);
        break;
    case WORK_BACKUP:
        json_put_member(out, "file", buf_str(&work->path));
        json_put_int(out, "bytes", work->job.bytes);
        break;
    case WORK_NONE:
        break;
    }
}

static void on_done(struct store_op *op)
{
    struct api_work *work = (struct api_work *)(void *)op;

    work->is_running = false;
    work->ended_ms = clock_wall_ms();
    work->status = op->status;
    work->error = op->error;
    if (op->status == 0)
        take_result(work);
    if (op->status < 0)
        log_warn("work on the store failed", F_STR("work", names[work->kind]), F_ERR(&work->error));
    else if (work->kind == WORK_CHECK && work->job.problem_count > 0)
        log_error("the store is not in order: restore a backup, or have it looked at",
                  F_INT("problems", work->job.problem_count),
                  F_TEXT("first", buf_str(&work->job.problems)));
    else
        log_info("work on the store is done", F_STR("work", names[work->kind]),
                 F_INT("took_ms", work->ended_ms - work->started_ms));
    if (work->kind == WORK_CHECK)
        buf_finish(&work->job.problems);
    if (work->is_released)
        api_work_release(work);
}

/* ---- asking ---- */

static void put_work(struct buf *out, const struct api_work *work)
{
    bool is_job = work->kind == WORK_CHECK || work->kind == WORK_BACKUP;

    json_put_member(out, "name", str_of(names[work->kind]));
    json_put_member(out, "state",
                    str_of(work->is_running   ? "running"
                           : work->status < 0 ? "failed"
                                              : "done"));
    api_put_time(out, "started_at", work->started_ms);
    if (!work->is_running)
        api_put_time(out, "ended_at", work->ended_ms);
    if (is_job) {
        json_put_int(out, "done", (int64_t)atomic_load(&work->job.done));
        json_put_int(out, "total", (int64_t)atomic_load(&work->job.total));
    }
    if (!work->is_running && work->status < 0)
        api_put_masked(out, "error", str_of(work->error.text));
    if (work->result.len > 0) {
        api_put_comma(out);
        buf_add_str(out, buf_str(&work->result));
    }
}

void api_store_get(struct api_call *call)
{
    const struct api_work *work = api_work(call->api);
    struct store_figures figures;
    struct buf body = {0};

    store_figures(engine_store(call->engine), &figures);
    buf_putc(&body, '{');
    json_put_int(&body, "bytes", figures.file_bytes);
    json_put_int(&body, "free_bytes", figures.free_bytes);
    json_put_int(&body, "wal_bytes", figures.wal_bytes);
    api_put_bool(&body, "full", figures.is_full);
    json_put_int(&body, "oldest_reader_ms", figures.oldest_reader_ms);
    api_put_time(&body, "checkpoint_at", figures.checkpoint_ms);
    json_put_int(&body, "removed_submissions", (int64_t)figures.removed);
    json_put_int(&body, "removed_details", (int64_t)figures.trimmed);
    json_put_int(&body, "removed_signals", (int64_t)figures.signals);
    json_put_int(&body, "removed_entities", (int64_t)figures.entities);
    if (work != NULL && work->kind != WORK_NONE) {
        buf_puts(&body, ",\"work\":{");
        put_work(&body, work);
        buf_putc(&body, '}');
    }
    buf_puts(&body, "}\n");
    api_reply_json(call, 200, &body);
}

/* NULL: the call is answered. */
static struct api_work *begin(struct api_call *call, enum kind kind)
{
    struct api_work *work = api_work(call->api);

    if (work == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return NULL;
    }
    if (work->is_running) {
        api_reply_problem(call, 409, "busy",
                          "A %s of the store is under way; ask /api/v1/store how far it has come.",
                          names[work->kind]);
        return NULL;
    }
    work->kind = kind;
    work->is_running = true;
    work->started_ms = clock_wall_ms();
    work->status = 0;
    buf_clear(&work->result);
    return work;
}

static void reply_begun(struct api_call *call, const struct api_work *work)
{
    struct buf body = {0};

    buf_putc(&body, '{');
    put_work(&body, work);
    buf_puts(&body, "}\n");
    api_reply(call, 202, "application/json", "Location: /api/v1/store\r\n", &body);
}

static void begin_job(struct api_call *call, enum kind kind, const char *path)
{
    struct api_work *work = begin(call, kind);

    if (work == NULL)
        return;
    buf_clear(&work->path);
    buf_puts(&work->path, path);
    work->job = (struct store_job){
        .op.done = on_done,
        .work = kind == WORK_CHECK ? JOB_CHECK : JOB_BACKUP,
        .path = work->path.ptr,
    };
    store_job(engine_store(call->engine), &work->job);
    reply_begun(call, work);
}

void api_store_check(struct api_call *call)
{
    begin_job(call, WORK_CHECK, "");
}

void api_store_compact(struct api_call *call)
{
    struct api_work *work = begin(call, WORK_COMPACT);

    if (work == NULL)
        return;
    work->compact = (struct store_compact){.op.done = on_done};
    store_compact(engine_store(call->engine), &work->compact);
    reply_begun(call, work);
}

void api_store_backup(struct api_call *call)
{
    static const char *const members[] = {"file"};
    struct str values[1] = {STR_NONE};
    _buf_ struct buf path = {0};
    struct str body = str_trim(http_exchange_body(call->exchange));

    if (!http_exchange_is_local(call->exchange)) {
        api_reply_problem(
            call, 403, "forbidden",
            "A backup writes a file on the daemon's machine: ask by the Unix socket.");
        return;
    }
    if (json_check(body, NULL) < 0 || json_pick(body, members, 1, values) < 0 ||
        json_kind_of(values[0]) != JSON_STRING) {
        api_reply_problem(call, 400, "bad_request",
                          "A backup is {\"file\": \"/an/absolute/path\"}.");
        return;
    }
    json_unquote(values[0], &path);
    begin_job(call, WORK_BACKUP, path.failed ? "" : path.ptr);
}
