/* SPDX-License-Identifier: Apache-2.0
 * A protocol of one's own: each record goes into a Unix socket as "<length>\n<JSON>", and the peer
 * answers each with a line, "+" for taken, anything else for refused. submit() sends and leaves the
 * job pending; a thread waits for the answers and completes it. One job, one connection, one thread
 * at a time. */
#include <tenon/json.h>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

TENON_SETTINGS(TENON_OPTION("socket", "path", "", "", "required", "Unix socket of the peer"));

struct copier {
    const tenon_host *host;
    struct sockaddr_un peer;
    pthread_t thread;
    pthread_mutex_t lock; /* keeps cancel() from a descriptor that is being closed */
    int fd;               /* -1: no job is on its way, and no thread runs */
    uint64_t job;
    uint32_t count;
};

static void *read_answers(void *arg)
{
    struct copier *self = (struct copier *)arg;
    tenon_verdict *verdicts = (tenon_verdict *)calloc(self->count, sizeof *verdicts);
    uint32_t done = 0;
    char first = 0, c;

    while (verdicts != NULL && done < self->count && recv(self->fd, &c, 1, 0) == 1) {
        first = first == 0 ? c : first;
        if (c != '\n')
            continue;
        verdicts[done] = tenon_verdict_init(done, first == '+' ? TENON_ACCEPTED : TENON_REJECTED);
        first = 0;
        done++;
    } /* A record without an answer gets no verdict: the host takes it as sent and unsure. */
    self->host->complete(self->host, self->job, verdicts, done);
    free(verdicts);
    return NULL;
}

/* Hanging up makes recv() return, and so the thread completes the job. */
static void cancel(void *arg, uint64_t job)
{
    struct copier *self = (struct copier *)arg;
    pthread_mutex_lock(&self->lock);
    if (self->fd >= 0 && job == self->job)
        shutdown(self->fd, SHUT_RDWR);
    pthread_mutex_unlock(&self->lock);
}

static int32_t hang_up(struct copier *self, int32_t status)
{
    pthread_mutex_lock(&self->lock);
    close(self->fd);
    self->fd = -1;
    pthread_mutex_unlock(&self->lock);
    return status;
}

static void end_job(struct copier *self)
{
    if (self->fd >= 0 && pthread_join(self->thread, NULL) == 0)
        hang_up(self, TENON_OK);
}

static int32_t submit(void *arg, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err)
{
    struct copier *self = (struct copier *)arg;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)out;

    end_job(self);
    if (connect(fd, (struct sockaddr *)&self->peer, sizeof self->peer) != 0) {
        close(fd);
        return tenon_failf(err, TENON_E_CONNECTION, "nobody listens at %s", self->peer.sun_path);
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        const tenon_record *record = tenon_record_at(batch, i);
        char head[32];
        int len = snprintf(head, sizeof head, "%zu\n", record->data.len);
        if (send(fd, head, (size_t)len, MSG_NOSIGNAL) > 0) /* if not, no answer will come either */
            send(fd, record->data.ptr, record->data.len, MSG_NOSIGNAL);
    }
    pthread_mutex_lock(&self->lock);
    self->fd = fd;
    self->job = batch->job;
    self->count = batch->count;
    pthread_mutex_unlock(&self->lock);
    if (pthread_create(&self->thread, NULL, read_answers, self) != 0)
        return hang_up(self,
                       tenon_fail(err, TENON_E_UNKNOWN, "sent, but no thread to wait for answers"));
    return TENON_PENDING;
}

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    struct copier *self = (struct copier *)calloc(1, sizeof *self);

    (void)integration;
    if (self == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    *out_self = self;
    self->host = host;
    self->fd = -1;
    self->peer.sun_family = AF_UNIX;
    pthread_mutex_init(&self->lock, NULL);
    if (tenon_setting_text(settings, "socket", self->peer.sun_path, sizeof self->peer.sun_path) ==
        0)
        return TENON_OK;
    free(self);
    return tenon_fail(err, TENON_E_VALIDATION, "socket: a path of at most 107 bytes is expected");
}

static void deactivate(void *arg, uint32_t grace_ms)
{
    (void)grace_ms;
    cancel(arg, ((struct copier *)arg)->job);
    end_job((struct copier *)arg);
}

static const tenon_client client = TENON_CLIENT(submit, cancel, NULL);

static void describe(tenon_plugin *plugin)
{
    plugin->flags = TENON_PER_INTEGRATION;
    plugin->create = create;
    plugin->deactivate = deactivate;
    plugin->destroy = free;
    plugin->client = &client;
}
TENON_PLUGIN_NEEDS("copier", "1.0", "Apache-2.0", "net", describe);
