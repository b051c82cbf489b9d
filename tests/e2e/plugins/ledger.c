/* SPDX-License-Identifier: Apache-2.0
 * A client of a protocol of its own: submit appends each record's id to the file `ledger`, one a
 * line, and waits `pause_ms` behind each line. It then says UNSURE for a record whose data holds
 * "unsure", and ends the worker at one that holds "evil", or hangs at one that holds "hang",
 * before anything of it is written.
 * reconcile looks for the id in the file; -DDEAF leaves it out. */
#include <tenon/json.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

TENON_SETTINGS(TENON_OPTION("ledger", "path", "", "", "required", "the file to write to")
                   TENON_OPTION("pause_ms", "integer", "0..60000", "0", "", "waits so long"));

struct ledger {
    char path[512];
    int64_t pause_ms;
};

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    struct ledger *self = calloc(1, sizeof *self);

    (void)host, (void)integration;
    if (self == NULL || tenon_setting_text(settings, "ledger", self->path, sizeof self->path) < 0)
        return tenon_fail(err, TENON_E_VALIDATION, "no memory, or the path is too long");
    self->pause_ms = tenon_setting_integer(settings, "pause_ms");
    *out_self = self;
    return TENON_OK;
}

static int holds(const tenon_record *record, const char *word)
{
    return memmem(record->data.ptr, record->data.len, word, strlen(word)) != NULL;
}

static int32_t submit(void *arg, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err)
{
    const struct ledger *self = arg;
    int fd = open(self->path, O_WRONLY | O_APPEND | O_CREAT, 0600);

    if (fd < 0)
        return tenon_failf(err, TENON_E_CONNECTION, "cannot open %s", self->path);
    for (uint32_t i = 0; i < batch->count; i++) {
        const tenon_record *record = tenon_record_at(batch, i);
        tenon_verdict verdict = tenon_verdict_init(i, TENON_ACCEPTED);

        if (holds(record, "evil"))
            abort();
        while (holds(record, "hang"))
            usleep(10000);
        if (dprintf(fd, "%.*s\n", (int)record->id.len, record->id.ptr) < 0)
            verdict.verdict = TENON_RETRY;
        if (self->pause_ms > 0)
            usleep((useconds_t)self->pause_ms * 1000);
        if (holds(record, "unsure")) {
            verdict.verdict = TENON_UNSURE;
            verdict.error_class = TENON_E_UNKNOWN;
        }
        (void)out->set(out, &verdict);
    }
    close(fd);
    return TENON_OK;
}

static int32_t reconcile(void *arg, const tenon_batch *batch, tenon_requests *requests,
                         tenon_verdicts *out, tenon_err *err)
{
    const struct ledger *self = arg;
    static char text[1 << 20];
    int fd = open(self->path, O_RDONLY);
    ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    (void)requests;
    if (len < 0)
        return tenon_failf(err, TENON_E_CONNECTION, "cannot read %s", self->path);
    text[len] = '\0';
    for (uint32_t i = 0; i < batch->count; i++) {
        const tenon_record *record = tenon_record_at(batch, i);
        tenon_verdict verdict = tenon_verdict_init(i, TENON_NOT_THERE);
        char line[300];

        snprintf(line, sizeof line, "%.250s\n", record->id.ptr);
        if (strstr(text, line) != NULL) {
            verdict.verdict = TENON_ACCEPTED;
            verdict.external_id = record->id;
            verdict.message = tenon_text("it is in the ledger");
        }
        (void)out->set(out, &verdict);
    }
    if (fd >= 0)
        close(fd);
    return TENON_OK;
}

#ifdef DEAF
static const tenon_client client = TENON_CLIENT(submit, 0, 0);
#else
static const tenon_client client = TENON_CLIENT_OF(0, 0, submit, 0, 0, reconcile, 0);
#endif

static void describe(tenon_plugin *plugin)
{
    plugin->create = create;
    plugin->destroy = free;
    plugin->client = &client;
    (void)reconcile;
}
TENON_PLUGIN("ledger", "1.0", "Apache-2.0", describe);
