/* SPDX-License-Identifier: Apache-2.0
 * Hears signals and appends "subscription type seq attempt data" to the file `path`, a line each,
 * before anything else. What it then does stands in the signal's data: "refuse" fails for good,
 * "later" fails three times, "never" fails always, "crash" ends the worker, "hang" does not return,
 * "garbage" answers no JSON, "unless" fails for good unless there is a file `path`.told.
 * Requests of ask.echo are answered with their data, ask.late from a
 * thread of its own, ask.none by nobody. loop.* is published again as it came. */
#include <tenon/signals.h>

#include <fcntl.h>
#include <pthread.h>
#include <tenon/json.h>
#include <unistd.h>

TENON_SETTINGS(TENON_OPTION("path", "path", "", "", "required", "the file to write to"));

struct hearer {
    const tenon_host *host;
    char path[512];
    pthread_t thread;
    int has_thread;
    uint64_t request;
};

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    struct hearer *self = calloc(1, sizeof *self);

    (void)integration;
    if (self == NULL || tenon_setting_text(settings, "path", self->path, sizeof self->path) < 0)
        return tenon_fail(err, TENON_E_VALIDATION, "no memory, or the path is too long");
    self->host = host;
    *out_self = self;
    return TENON_OK;
}

static void deactivate(void *arg, uint32_t grace_ms)
{
    struct hearer *self = arg;

    (void)grace_ms;
    if (self->has_thread)
        pthread_join(self->thread, NULL);
    self->has_thread = 0;
}

static const tenon_signals *signals_of(const struct hearer *self)
{
    return self->host->get_service(self->host, TENON_SIGNALS_1);
}

static void *answer_late(void *arg)
{
    struct hearer *self = arg;

    usleep(20000);
    (void)signals_of(self)->reply(self->host, self->request, tenon_text("\"late\""), NULL);
    return NULL;
}

static int holds(const tenon_signal *signal, const char *word)
{
    return memmem(signal->data.ptr, signal->data.len, word, strlen(word)) != NULL;
}

static int32_t note(const struct hearer *self, const tenon_signal *signal, tenon_err *err)
{
    int fd = open(self->path, O_WRONLY | O_APPEND | O_CREAT, 0600);

    if (fd < 0)
        return tenon_failf(err, TENON_E_CONNECTION, "cannot open %s", self->path);
    dprintf(fd, "%u %s %llu %u %s\n", signal->subscription, signal->type.ptr,
            (unsigned long long)signal->seq, signal->attempt, signal->data.ptr);
    close(fd);
    return TENON_OK;
}

static int is_told(const struct hearer *self)
{
    char path[600];

    snprintf(path, sizeof path, "%s.told", self->path);
    return access(path, F_OK) == 0;
}

static int32_t obey(const struct hearer *self, const tenon_signal *signal, tenon_err *err)
{
    if (holds(signal, "unless") && !is_told(self))
        return tenon_fail(err, TENON_E_VALIDATION, "it is told to wait for a file");
    if (holds(signal, "refuse"))
        return tenon_fail(err, TENON_E_VALIDATION, "it is told to refuse");
    if (holds(signal, "never") || (holds(signal, "later") && signal->attempt <= 3))
        return tenon_fail(err, TENON_E_SERVER, "not now");
    if (holds(signal, "crash"))
        abort();
    while (holds(signal, "hang"))
        usleep(10000);
    return TENON_OK;
}

static int32_t on_signal(void *arg, const tenon_signal *signal, tenon_sink *reply, tenon_err *err)
{
    struct hearer *self = arg;
    int32_t code = note(self, signal, err);

    if (code == TENON_OK)
        code = obey(self, signal, err);
    if (code != TENON_OK)
        return code;
    if (signal->type.len > 5 && memcmp(signal->type.ptr, "loop.", 5) == 0)
        return signals_of(self)->publish(self->host, signal->type, signal->data, err);
    if (holds(signal, "garbage"))
        return tenon_puts(reply, "{");
    if (tenon_equals(signal->type, "ask.echo"))
        return tenon_write(reply, signal->data);
    if (tenon_equals(signal->type, "ask.late") && !self->has_thread) {
        self->request = signal->request;
        self->has_thread = pthread_create(&self->thread, NULL, answer_late, self) == 0;
        return TENON_PENDING;
    }
    return TENON_OK;
}

/* Asks by the service: "type" and "data", the answer as it came. */
static int32_t ask(void *arg, const tenon_str *type, const tenon_str *data, int64_t timeout_ms,
                   tenon_sink *out, tenon_err *err)
{
    struct hearer *self = arg;

    return signals_of(self)->request(self->host, *type, *data, (uint32_t)timeout_ms, out, err);
}

static int32_t publish(void *arg, const tenon_str *type, const tenon_str *data, tenon_sink *out,
                       tenon_err *err)
{
    struct hearer *self = arg;

    (void)out;
    return signals_of(self)->publish(self->host, *type, *data, err);
}

static const tenon_action actions[] = {
    TENON_ACTION(ask, "ask", "Asks.", 0, (text, type), (json, data), (i64, timeout_ms)),
    TENON_ACTION(publish, "publish", "Publishes.", 0, (text, type), (json, data)),
};

static const tenon_subscription subscriptions[] = {
    {sizeof(tenon_subscription), TENON_SIGNAL_DURABLE, "work.**", NULL},
    {sizeof(tenon_subscription), 0, "live.*", "friend"},
    {sizeof(tenon_subscription), 0, "ask.*", NULL},
    {sizeof(tenon_subscription), TENON_SIGNAL_DURABLE, "loop.*", NULL},
};
static const tenon_signal_handler handler = {sizeof handler, 0, subscriptions, 4, on_signal};

static const void *get_capability(const char *id)
{
    return strcmp(id, TENON_SIGNALS_1) == 0 ? &handler : NULL;
}

static void describe(tenon_plugin *plugin)
{
    plugin->create = create;
    plugin->deactivate = deactivate;
    plugin->destroy = free;
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof *actions;
    plugin->get_capability = get_capability;
}
TENON_PLUGIN("hearer", "1.0", "Apache-2.0", describe);
