/* SPDX-License-Identifier: Apache-2.0
 * A protocol of one's own: each record goes into a Unix socket as a line of JSON, and the peer
 * answers each with a line, "+" for taken, anything else for refused. submit() sends and leaves the
 * job pending; a thread waits for the answers and completes it. One job at a time. */
#define _POSIX_C_SOURCE 200809L
#include <tenon/json.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

TENON_SETTINGS(TENON_OPTION("socket", "path", "", "", "required", "Unix socket of the peer"));

struct copier {
    const tenon_host *host;
    struct sockaddr_un address;
    FILE *peer; /* NULL: no job is on its way, and no thread runs */
    pthread_t thread;
    tenon_batch job; /* its records are gone when submit() has returned */
};

static void *read_answers(void *arg)
{
    struct copier *self = (struct copier *)arg;
    tenon_verdict *verdicts = (tenon_verdict *)calloc(self->job.count, sizeof *verdicts);
    uint32_t done = 0;
    char line[256];

    for (; verdicts != NULL && done < self->job.count && fgets(line, sizeof line, self->peer);
         done++)
        verdicts[done] = tenon_verdict_init(done, line[0] == '+' ? TENON_ACCEPTED : TENON_REJECTED);
    /* A record without an answer gets no verdict: the host takes it as sent and unsure. */
    self->host->complete(self->host, self->job.job, verdicts, done);
    free(verdicts);
    return NULL;
}

static void end_job(struct copier *self)
{
    if (self->peer != NULL && pthread_join(self->thread, NULL) == 0)
        fclose(self->peer);
    self->peer = NULL;
}

static int32_t submit(void *arg, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err)
{
    struct copier *self = (struct copier *)arg;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)out;
    end_job(self);
    self->job = *batch;
    if (connect(fd, (struct sockaddr *)&self->address, sizeof self->address) != 0 ||
        (self->peer = fdopen(fd, "r")) == NULL ||
        pthread_create(&self->thread, NULL, read_answers, self) != 0) {
        close(fd);
        self->peer = NULL;
        return tenon_failf(err, TENON_E_CONNECTION, "no one at %s", self->address.sun_path);
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_str data = tenon_record_at(batch, i)->data;
        send(fd, data.ptr, data.len, MSG_NOSIGNAL); /* what does not get through is not answered */
        send(fd, "\n", 1, MSG_NOSIGNAL);
    }
    return TENON_PENDING;
}

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    struct copier *self = (struct copier *)calloc(1, sizeof *self);
    (void)integration;
    if (self == NULL || tenon_setting_text(settings, "socket", self->address.sun_path,
                                           sizeof self->address.sun_path) != 0) {
        free(self);
        return tenon_fail(err, TENON_E_VALIDATION, "socket: a path of at most 107 bytes is needed");
    }
    self->address.sun_family = AF_UNIX;
    self->host = host;
    *out_self = self;
    return TENON_OK;
}

static void deactivate(void *arg, uint32_t grace_ms)
{
    struct copier *self = (struct copier *)arg;
    (void)grace_ms;
    if (self->peer != NULL) /* the thread reads the end, and completes its job */
        shutdown(fileno(self->peer), SHUT_RDWR);
    end_job(self);
}

static const tenon_client client = TENON_CLIENT(submit, NULL, NULL);

static void describe(tenon_plugin *plugin)
{
    plugin->create = create;
    plugin->deactivate = deactivate;
    plugin->destroy = free;
    plugin->client = &client;
}
TENON_PLUGIN_NEEDS("copier", "1.0", "Apache-2.0", "net", describe);
