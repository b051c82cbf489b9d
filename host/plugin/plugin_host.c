/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/plugin_internal.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <pwd.h>
#include <stdlib.h>

enum {
    QUARANTINE_AFTER = 5,
    QUARANTINE_WINDOW_MS = 60000,
    RESTART_MIN_MS = 100,
    RESTART_MAX_MS = 30000,
};

static void on_flush(void *user)
{
    plugin_host_flush(user);
}

static void on_grace_over(void *user)
{
    struct plugin_host *host = user;

    for (struct plugin_worker *worker = host->workers; worker != NULL; worker = worker->next) {
        worker->is_ending = true;
        if (worker->process.fd >= 0)
            plugin_worker_kill_now(worker);
    }
    plugin_host_flush(host);
}

struct plugin_host *plugin_host_create(struct loop *loop,
                                       const struct plugin_host_settings *settings, struct err *err)
{
    struct plugin_host *host = calloc(1, sizeof *host);

    if (host != NULL) {
        host->loop = loop;
        host->settings = *settings;
        host->worker_path = settings->worker_path != NULL ? strdup(settings->worker_path)
                                                          : plugin_worker_default_path();
        host->state_dir = settings->state_dir != NULL ? strdup(settings->state_dir) : NULL;
        host->flush_timer = loop_timer_create(loop, on_flush, host);
        host->stop_timer = loop_timer_create(loop, on_grace_over, host);
    }
    if (host == NULL || host->worker_path == NULL || host->flush_timer == NULL ||
        host->stop_timer == NULL || (settings->state_dir != NULL && host->state_dir == NULL)) {
        plugin_host_destroy(host);
        err_set(err, -ENOMEM, "no memory for the plugin host");
        return NULL;
    }
    struct plugin_host_settings *own = &host->settings;
    own->quarantine_after = own->quarantine_after > 0 ? own->quarantine_after : QUARANTINE_AFTER;
    own->quarantine_window_ms =
        own->quarantine_window_ms > 0 ? own->quarantine_window_ms : QUARANTINE_WINDOW_MS;
    own->restart_min_ms = own->restart_min_ms > 0 ? own->restart_min_ms : RESTART_MIN_MS;
    own->restart_max_ms = own->restart_max_ms > 0 ? own->restart_max_ms : RESTART_MAX_MS;
    host->worker_uid = host->worker_gid = -1;
    const struct passwd *user = geteuid() == 0 ? getpwnam("tenon-worker") : NULL;
    if (user != NULL) {
        host->worker_uid = user->pw_uid;
        host->worker_gid = user->pw_gid;
    }
    plugin_quarantine_load(host);
    return host;
}

char *plugin_worker_default_path(void)
{
    static const char *const places[] = {"tenon-worker", "host/tenon-worker",
                                         "../libexec/tenon/tenon-worker"};
    _free_ char *directory = file_program_dir();
    char *path = NULL;

    for (size_t i = 0; directory != NULL && i < sizeof places / sizeof *places; i++) {
        free(path);
        path = file_join(directory, places[i]);
        if (path == NULL || access(path, X_OK) == 0)
            break;
    }
    return path; /* none there: the installed place, which the error about it then names */
}

void plugin_tell(const struct plugin_worker *worker, bool is_trouble, const char *words)
{
    const struct plugin_events *events = &worker->host->settings.events;

    if (events->worker != NULL)
        events->worker(events->user, worker->plugin, is_trouble, words);
}

/* ---- answers ---- */

static struct plugin_answer *add_answer(struct plugin_host *host, struct plugin_instance *instance,
                                        void *user, struct plugin_reply *take_reply)
{
    struct plugin_answer *answer = calloc(1, sizeof *answer);

    if (answer == NULL)
        abort(); /* a few bytes; whoever waits could not be told otherwise */
    answer->instance = instance;
    answer->user = user;
    answer->reply = take_reply;
    if (host->answers_last != NULL)
        host->answers_last->next = answer;
    else
        host->answers_first = answer;
    host->answers_last = answer;
    return answer;
}

void plugin_answer(struct plugin_host *host, struct plugin_instance *instance, plugin_reply_fn fn,
                   void *user, struct plugin_reply *take_reply)
{
    add_answer(host, instance, user, take_reply)->fn = fn;
}

void plugin_answer_opened(struct plugin_instance *instance, enum plugin_status status,
                          const char *words)
{
    if (instance->opened == NULL)
        return;
    struct plugin_reply *reply = plugin_reply_words(status, 0, -1, words);
    add_answer(instance->host, instance, instance->user, reply)->opened = instance->opened;
    instance->opened = NULL;
}

void plugin_answer_returned(struct plugin_instance *instance)
{
    if (instance->returned != NULL)
        add_answer(instance->host, instance, instance->returned_user, NULL)->returned =
            instance->returned;
}

static void give_out(struct plugin_answer *answer)
{
    if (answer->returned != NULL)
        answer->returned(answer->user);
    else if (answer->opened != NULL)
        answer->opened(answer->user, answer->reply->status, answer->reply->words);
    else if (answer->fn != NULL)
        answer->fn(answer->user, answer->reply);
    plugin_reply_unref(answer->reply);
    free(answer);
}

static struct plugin_answer *take_answer(struct plugin_host *host, const struct plugin_instance *of)
{
    struct plugin_answer *before = NULL;

    for (struct plugin_answer *at = host->answers_first; at != NULL; before = at, at = at->next) {
        if (of != NULL && at->instance != of)
            continue;
        if (before != NULL)
            before->next = at->next;
        else
            host->answers_first = at->next;
        if (host->answers_last == at)
            host->answers_last = before;
        return at;
    }
    return NULL;
}

void plugin_host_answer_now(struct plugin_host *host, const struct plugin_instance *instance)
{
    struct plugin_answer *answer;

    while ((answer = take_answer(host, instance)) != NULL) {
        answer->opened = NULL; /* it was closed before it was told */
        answer->returned = NULL;
        give_out(answer);
    }
}

static void sweep(struct plugin_host *host)
{
    struct plugin_worker **at = &host->workers;

    while (*at != NULL) {
        struct plugin_worker *worker = *at;
        if (worker->state != WORKER_GONE) {
            at = &worker->next;
            continue;
        }
        *at = worker->next;
        plugin_worker_destroy(worker);
    }
}

void plugin_host_flush(struct plugin_host *host)
{
    struct plugin_answer *answer;

    if (host->is_flushing)
        return;
    host->is_flushing = true;
    do {
        while ((answer = take_answer(host, NULL)) != NULL)
            give_out(answer);
        plugin_ask_flush(host);
    } while (host->answers_first != NULL);
    sweep(host);
    host->is_flushing = false;
    if (!host->is_stopping || host->workers != NULL || host->is_done_told)
        return;
    host->is_done_told = true;
    loop_timer_clear(host->stop_timer);
    if (host->done != NULL)
        host->done(host->done_user); /* may destroy the host */
}

void plugin_host_flush_soon(struct plugin_host *host)
{
    loop_timer_set(host->flush_timer, 0);
}

/* ---- the end ---- */

static const char stopping_words[] = "the plugins are being stopped";

static void leave_all(struct plugin_worker *worker, int64_t grace_ms)
{
    struct plugin_instance *next;

    for (struct plugin_instance *instance = worker->instances; instance != NULL; instance = next) {
        next = instance->next;
        plugin_instance_stop_calls(instance);
        plugin_answer_opened(instance, PLUGIN_STOPPED, stopping_words);
        plugin_instance_leave(instance, grace_ms);
    }
    plugin_worker_maybe_end(worker);
}

void plugin_host_stop(struct plugin_host *host, int64_t grace_ms, void (*done)(void *user),
                      void *user)
{
    loop_assert_here(host->loop);
    host->is_stopping = true;
    host->done = done;
    host->done_user = user;
    for (struct plugin_worker *worker = host->workers; worker != NULL; worker = worker->next)
        leave_all(worker, grace_ms);
    loop_timer_set(host->stop_timer, grace_ms);
    plugin_host_flush_soon(host);
}

void plugin_host_destroy(struct plugin_host *host)
{
    struct plugin_answer *answer;

    if (host == NULL)
        return;
    while (host->workers != NULL) {
        struct plugin_worker *worker = host->workers;
        while (worker->instances != NULL) {
            plugin_instance_stop_calls(worker->instances);
            plugin_answer_opened(worker->instances, PLUGIN_STOPPED, stopping_words);
            worker->instances->state = INSTANCE_CLOSING;
            plugin_instance_gone(worker->instances);
        }
        host->workers = worker->next;
        if (worker->process.thread != NULL) { /* it may hang: nobody waits for it here */
            plugin_thread_abandon(worker->process.thread);
            worker->process.thread = NULL;
        }
        plugin_worker_destroy(worker);
    }
    while ((answer = take_answer(host, NULL)) != NULL)
        give_out(answer);
    plugin_ask_flush(host);
    plugin_quarantine_finish(host);
    loop_timer_destroy(host->flush_timer);
    loop_timer_destroy(host->stop_timer);
    free(host->worker_path);
    free(host->state_dir);
    free(host);
}

bool plugin_host_runs(const struct plugin_host *host, int pid)
{
    for (const struct plugin_worker *worker = host->workers; worker != NULL; worker = worker->next)
        if (pid != 0 && worker->process.pid == pid)
            return true;
    return false;
}

void plugin_host_each(const struct plugin_host *host,
                      void (*fn)(void *user, const struct plugin_worker_info *info), void *user)
{
    static const char *const states[] = {
        [WORKER_IDLE] = "idle",          [WORKER_STARTING] = "starting",
        [WORKER_RUNNING] = "running",    [WORKER_DYING] = "restarting",
        [WORKER_BACKOFF] = "restarting", [WORKER_QUARANTINED] = "quarantined",
        [WORKER_FAILED] = "failed",      [WORKER_ENDING] = "ending",
        [WORKER_GONE] = "ending",
    };

    for (const struct plugin_worker *worker = host->workers; worker != NULL;
         worker = worker->next) {
        struct plugin_worker_info info = {
            .plugin = worker->plugin,
            .path = worker->path,
            .state = states[worker->state],
            .words = worker->words,
            .pid = worker->process.pid,
            .starts = worker->starts,
            .crashes = worker->crashes,
            .instances = worker->instance_count,
            .is_inprocess = worker->is_inprocess,
            .confinement = worker->confinement,
        };
        fn(user, &info);
    }
}
