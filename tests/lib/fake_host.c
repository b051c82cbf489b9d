/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static void keep(char *out, size_t size, tenon_str text)
{
    assert_non_null(text.ptr);
    assert_true(text.len < size);
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
}

/* ---- text ---- */

static int32_t text_write(tenon_sink *sink, const void *bytes, size_t len)
{
    struct fake_text *text = sink->ctx;

    if (text->fail_after > 0 && text->len + len > text->fail_after)
        return TENON_E_NO_MEMORY;
    text->bytes = realloc(text->bytes, text->len + len + 1);
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    text->bytes[text->len] = '\0';
    return TENON_OK;
}

void fake_text_init(struct fake_text *text)
{
    memset(text, 0, sizeof *text);
    text->sink = (tenon_sink){sizeof text->sink, 0, text, text_write};
}

void fake_text_finish(struct fake_text *text)
{
    free(text->bytes);
    text->bytes = NULL;
    text->len = 0;
}

/* ---- requests ---- */

static int32_t requests_add(tenon_requests *self, const tenon_request *request)
{
    struct fake_requests *requests = self->ctx;
    struct fake_request *item = &requests->items[requests->count];

    assert_true(requests->count < FAKE_MAX);
    assert_true(request->struct_size >= sizeof *request);
    assert_true(request->count >= 1);
    if (requests->fail_at == requests->count + 1)
        return TENON_E_NO_MEMORY;
    item->body_kind = request->body_kind;
    item->first = request->first;
    item->count = request->count;
    /* Members that the plugin did not set are {NULL, 0}, which means empty. */
    keep(item->method, sizeof item->method, request->method.ptr ? request->method : tenon_text(""));
    keep(item->url, sizeof item->url, request->url.ptr ? request->url : tenon_text(""));
    keep(item->headers, sizeof item->headers,
         request->headers.ptr ? request->headers : tenon_text(""));
    keep(item->body, sizeof item->body, request->body.ptr ? request->body : tenon_text(""));
    requests->count++;
    return TENON_OK;
}

void fake_requests_init(struct fake_requests *requests)
{
    memset(requests, 0, sizeof *requests);
    requests->items = calloc(FAKE_MAX, sizeof *requests->items);
    requests->requests = (tenon_requests){sizeof requests->requests, 0, requests, requests_add};
}

void fake_requests_finish(struct fake_requests *requests)
{
    free(requests->items);
}

/* ---- verdicts ---- */

static void verdict_keep(struct fake_verdict *items, const tenon_verdict *verdict)
{
    struct fake_verdict *item = &items[verdict->index];

    assert_true(verdict->index < FAKE_MAX);
    assert_true(verdict->struct_size >= sizeof *verdict);
    item->times++;
    item->verdict = verdict->verdict;
    item->error_class = verdict->error_class;
    item->retry_after_ms = verdict->retry_after_ms;
    item->http_status = verdict->http_status;
    keep(item->message, sizeof item->message,
         verdict->message.ptr ? verdict->message : tenon_text(""));
    keep(item->external_id, sizeof item->external_id,
         verdict->external_id.ptr ? verdict->external_id : tenon_text(""));
}

static int32_t verdicts_set(tenon_verdicts *self, const tenon_verdict *verdict)
{
    verdict_keep(((struct fake_verdicts *)self->ctx)->items, verdict);
    return TENON_OK;
}

void fake_verdicts_init(struct fake_verdicts *verdicts)
{
    memset(verdicts, 0, sizeof *verdicts);
    verdicts->verdicts = (tenon_verdicts){sizeof verdicts->verdicts, 0, verdicts, verdicts_set};
}

/* ---- host ---- */

static void host_log(const tenon_host *self, int32_t level, tenon_str message, tenon_str fields)
{
    struct fake_host *host = self->ctx;

    (void)level, (void)fields;
    host->log_lines++;
    keep(host->last_log, sizeof host->last_log, message);
}

static int32_t host_complete(const tenon_host *self, uint64_t job, const tenon_verdict *verdicts,
                             size_t count)
{
    struct fake_host *host = self->ctx;

    pthread_mutex_lock(&host->lock);
    memset(host->last, 0, sizeof host->last);
    for (size_t i = 0; i < count; i++)
        verdict_keep(host->last, &verdicts[i]);
    host->last_job = job;
    host->last_count = count;
    host->completions++;
    pthread_cond_broadcast(&host->completed);
    pthread_mutex_unlock(&host->lock);
    return TENON_OK;
}

static const void *host_service(const tenon_host *self, const char *id)
{
    (void)self, (void)id;
    return NULL;
}

void fake_host_init(struct fake_host *host)
{
    memset(host, 0, sizeof *host);
    pthread_mutex_init(&host->lock, NULL);
    pthread_cond_init(&host->completed, NULL);
    host->host = (tenon_host){sizeof host->host, TENON_ABI_MINOR, host,
                              host_log,          host_complete,   host_service};
}

void fake_host_finish(struct fake_host *host)
{
    pthread_cond_destroy(&host->completed);
    pthread_mutex_destroy(&host->lock);
}

int fake_host_wait(struct fake_host *host, size_t count)
{
    struct timespec until;
    int status = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&host->lock);
    while (host->completions < count && status == 0)
        status = pthread_cond_timedwait(&host->completed, &host->lock, &until);
    pthread_mutex_unlock(&host->lock);
    return status == 0 ? 0 : -1;
}

const tenon_plugin *fake_host_load(const char *path)
{
    static const tenon_hello hello = {sizeof hello, TENON_ABI_MINOR, "fake"};
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    tenon_entry_fn entry;
    void *symbol;

    if (module == NULL)
        fail_msg("%s", dlerror());
    symbol = dlsym(module, "tenon_plugin_v1");
    assert_non_null(symbol);
    memcpy(&entry, &symbol, sizeof entry); /* an object pointer is no function pointer in ISO C */
    return entry(&hello);
}

tenon_err fake_err(void)
{
    tenon_err err;

    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    return err;
}

tenon_record fake_record(const char *id, const char *data)
{
    tenon_record record;

    memset(&record, 0, sizeof record);
    record.struct_size = sizeof record;
    record.attempt = 1;
    record.id = tenon_text(id);
    record.type = tenon_text("event");
    record.version = 1;
    record.key = tenon_text("key-1");
    record.data = tenon_text(data);
    return record;
}

tenon_batch fake_batch(const tenon_record *records, uint32_t count)
{
    return (tenon_batch){sizeof(tenon_batch), count, 7, records};
}
