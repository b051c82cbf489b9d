/* SPDX-License-Identifier: Apache-2.0
 * The life of one worker: found or made for an instance, started, lost, started again later, ended.
 */
#include "plugin/plugin_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { ENDING_MS = 2000, DYING_MS = 200 };

static bool same_paths(const struct plugin_worker *worker,
                       const struct plugin_instance_settings *settings)
{
    if (worker->write_path_count != settings->write_path_count)
        return false;
    for (size_t i = 0; i < worker->write_path_count; i++)
        if (strcmp(worker->write_paths[i], settings->write_paths[i]) != 0)
            return false;
    return true;
}

/* Instances share a worker when they run the same bytes with the same rights. In this process there
 * is one per file, for its code is there once. */
static bool fits(const struct plugin_worker *worker,
                 const struct plugin_instance_settings *settings)
{
    const struct catalog_entry *entry = settings->entry;

    if (worker->state == WORKER_GONE || worker->is_ending ||
        worker->is_inprocess != settings->is_inprocess || strcmp(worker->path, entry->path) != 0 ||
        strcmp(worker->sha256, entry->sha256) != 0)
        return false;
    return worker->is_inprocess ||
           (worker->allow_net == settings->allow_net &&
            worker->is_scratch == settings->is_scratch &&
            worker->is_pinned == (settings->sha256_pin != NULL) && same_paths(worker, settings));
}

/* A process is ended; a thread cannot be, so it is left alone with what it uses. */
void plugin_worker_kill_now(struct plugin_worker *worker)
{
    if (worker->is_inprocess) {
        worker->is_hanging = true;
        plugin_worker_ended(worker, 0);
        return;
    }
    worker->was_killed = true;
    plugin_process_kill(&worker->process);
}

static void on_restart(void *user)
{
    struct plugin_worker *worker = user;
    struct plugin_host *host = worker->host;

    if (worker->state == WORKER_BACKOFF)
        plugin_worker_start(worker);
    else if (worker->process.fd >= 0 &&
             worker->state != WORKER_RUNNING) /* it does not leave by itself */
        plugin_worker_kill_now(worker);
    plugin_host_flush(host);
}

static int copy_settings(struct plugin_worker *worker,
                         const struct plugin_instance_settings *settings)
{
    const struct catalog_entry *entry = settings->entry;

    worker->path = strdup(entry->path);
    worker->plugin = strdup(entry->note.name);
    worker->version = strdup(entry->note.version);
    worker->settings = strdup(entry->note.settings != NULL ? entry->note.settings : "");
    worker->sha256 = strdup(entry->sha256);
    worker->write_paths = calloc(settings->write_path_count + 1, sizeof *worker->write_paths);
    if (!worker->path || !worker->plugin || !worker->version || !worker->settings ||
        !worker->sha256 || !worker->write_paths)
        return -1;
    for (size_t i = 0; i < settings->write_path_count; i++) {
        worker->write_paths[i] = strdup(settings->write_paths[i]);
        if (worker->write_paths[i] == NULL)
            return -1;
        worker->write_path_count++;
    }
    worker->is_inprocess = settings->is_inprocess;
    worker->allow_net = settings->allow_net;
    worker->is_scratch = settings->is_scratch;
    worker->is_pinned = settings->sha256_pin != NULL && !settings->is_inprocess;
    worker->has_origin = strstr(entry->note.run_path, "$ORIGIN") != NULL;
    return 0;
}

static int check_settings(const struct plugin_host *host,
                          const struct plugin_instance_settings *settings, struct err *err)
{
    const struct catalog_entry *entry = settings->entry;

    if (settings->write_path_count > WIRE_WRITE_PATHS_MAX)
        return err_set(err, -EINVAL, "%zu write paths; at most %d are possible",
                       settings->write_path_count, WIRE_WRITE_PATHS_MAX);
    if (settings->sha256_pin != NULL && strcasecmp(settings->sha256_pin, entry->sha256) != 0)
        return err_set(
            err, E_REFUSED,
            "'%s' has sha256 %s, but the integration pins %s; install the pinned file, or "
            "correct the pin",
            entry->path, entry->sha256, settings->sha256_pin);
    if (settings->sha256_pin != NULL && !settings->is_inprocess &&
        strstr(entry->note.run_path, "$ORIGIN") != NULL)
        return err_set(
            err, E_REFUSED,
            "'%s' finds libraries beside itself (run path %s), which a pinned plugin "
            "cannot: it is loaded from a sealed copy; remove the pin, or link the libraries in",
            entry->path, entry->note.run_path);
    /* The dynamic linker would give the code that is there under that path. */
    for (const struct plugin_worker *each = host->workers;
         settings->is_inprocess && strstr(entry->note.run_path, "$ORIGIN") != NULL && each != NULL;
         each = each->next)
        if (each->is_inprocess && strcmp(each->path, entry->path) == 0 &&
            strcmp(each->sha256, entry->sha256) != 0)
            return err_set(
                err, E_CONFLICT,
                "an older '%s' is in this process, finds libraries beside itself and cannot leave "
                "it; restart tenond, or set isolation = worker",
                entry->path);
    return 0;
}

struct plugin_worker *plugin_worker_get(struct plugin_host *host,
                                        const struct plugin_instance_settings *settings,
                                        struct err *err)
{
    if (check_settings(host, settings, err) < 0)
        return NULL;
    for (struct plugin_worker *worker = host->workers; worker != NULL; worker = worker->next)
        if (fits(worker, settings))
            return worker;
    struct plugin_worker *worker = calloc(1, sizeof *worker);
    if (worker != NULL) {
        worker->host = host;
        worker->process = (struct plugin_process){.fd = -1, .pidfd = -1};
        worker->image_fd = -1;
        worker->deadline_timer = loop_timer_create(host->loop, plugin_call_on_deadline, worker);
        worker->restart_timer = loop_timer_create(host->loop, on_restart, worker);
    }
    if (worker == NULL || worker->deadline_timer == NULL || worker->restart_timer == NULL ||
        copy_settings(worker, settings) < 0) {
        plugin_worker_destroy(worker);
        err_set(err, -ENOMEM, "no memory for a worker");
        return NULL;
    }
    worker->next = host->workers;
    host->workers = worker;
    return worker;
}

/* What was being loaded when it ended; orders of instances have gone with these. */
static void drop_calls(struct plugin_queue *queue)
{
    struct plugin_call *call;

    while ((call = queue->first) != NULL) {
        queue->first = call->next;
        free(call);
    }
}

void plugin_worker_destroy(struct plugin_worker *worker)
{
    if (worker == NULL)
        return;
    plugin_ask_forget(worker);
    drop_calls(&worker->flight);
    drop_calls(&worker->queue);
    plugin_process_finish(worker);
    plugin_image_close(worker);
    loop_timer_destroy(worker->deadline_timer);
    loop_timer_destroy(worker->restart_timer);
    wire_reader_finish(&worker->reader);
    wire_out_finish(&worker->out);
    for (size_t i = 0; i < worker->write_path_count; i++)
        free(worker->write_paths[i]);
    free(worker->write_paths);
    free(worker->path);
    free(worker->plugin);
    free(worker->version);
    free(worker->settings);
    free(worker->sha256);
    free(worker->facts_bytes);
    free(worker->tools);
    free(worker->actions);
    free(worker->commands);
    free(worker->routes);
    free(worker);
}

static void fail_all(struct plugin_worker *worker, enum plugin_status status, const char *words)
{
    for (struct plugin_instance *instance = worker->instances; instance != NULL;
         instance = instance->next)
        plugin_answer_opened(instance, status, words);
}

/* How long until the next start; the one after that waits longer. */
static int64_t take_delay(struct plugin_worker *worker)
{
    const struct plugin_host_settings *settings = &worker->host->settings;
    int64_t delay_ms = worker->backoff_ms > 0 ? worker->backoff_ms : settings->restart_min_ms;

    worker->backoff_ms =
        delay_ms * 2 < settings->restart_max_ms ? delay_ms * 2 : settings->restart_max_ms;
    return delay_ms;
}

/* worker->words say why. */
static void wait_to_start(struct plugin_worker *worker, int64_t delay_ms)
{
    char words[PLUGIN_WORDS_MAX + 64];

    worker->state = WORKER_BACKOFF;
    worker->retry_at_ms = clock_due_ms() + delay_ms;
    loop_timer_set(worker->restart_timer, delay_ms);
    snprintf(words, sizeof words, "%s; it starts again in %lld ms", worker->words,
             (long long)delay_ms);
    plugin_tell(worker, true, words);
    if (delay_ms > PLUGIN_HOLD_MS)
        plugin_call_refuse_queued(worker, NULL, worker->words, worker->retry_at_ms);
}

void plugin_worker_start(struct plugin_worker *worker)
{
    const struct plugin_quarantined *quarantined =
        plugin_quarantine_find(worker->host, worker->sha256);
    struct err err = {0};

    if (quarantined != NULL) {
        worker->state = WORKER_QUARANTINED;
        plugin_quarantine_words(quarantined->reason, worker->words);
        fail_all(worker, PLUGIN_UNAVAILABLE, worker->words);
        plugin_call_refuse_queued(worker, NULL, worker->words, 0);
        return;
    }
    worker->doom = PLUGIN_OK;
    worker->was_killed = worker->is_hanging = worker->is_refused = false;
    worker->doomed_call = 0;
    worker->retry_at_ms = 0;
    worker->flags = 0;
    if (plugin_process_start(worker, &err) < 0) {
        plugin_worker_refused(worker, err.text);
        return;
    }
    worker->starts++;
    worker->started_us = clock_mono_us();
    worker->state = WORKER_STARTING;
    snprintf(worker->words, sizeof worker->words, "starting");
    plugin_call_pump(worker);
}

void plugin_worker_loaded(struct plugin_worker *worker)
{
    char words[PLUGIN_WORDS_MAX + 32];

    if (worker->is_ending) /* nobody waits for it any more */
        return;
    worker->state = WORKER_RUNNING;
    worker->words[0] = '\0';
    snprintf(words, sizeof words, "started%s%s",
             worker->confinement[0] != '\0' ? ", confined by " : "", worker->confinement);
    /* We carry on without what this kernel lacks, but somebody should know. */
    plugin_tell(worker, strstr(worker->confinement, "missing: ") != NULL, words);
    for (struct plugin_instance *instance = worker->instances; instance != NULL;
         instance = instance->next)
        if (instance->state == INSTANCE_WAITING)
            plugin_instance_begin(instance);
}

/* The same bytes ran before, so whatever is missing now (descriptors, memory, a library that is
 * being replaced) may be there later. */
static bool is_worth_another_start(const struct plugin_worker *worker)
{
    bool is_stuck = worker->is_inprocess && (worker->is_hanging || worker->process.fd >= 0);

    for (const struct plugin_instance *instance = worker->instances;
         instance != NULL && !is_stuck && !worker->is_ending; instance = instance->next)
        if (instance->was_active && instance->state == INSTANCE_WAITING)
            return true;
    return false;
}

/* Those that were never open are told now: whoever opened them waits for an answer. */
static void start_again(struct plugin_worker *worker)
{
    for (struct plugin_instance *instance = worker->instances; instance != NULL;
         instance = instance->next)
        if (instance->state == INSTANCE_WAITING && !instance->was_active)
            plugin_instance_fail(instance, PLUGIN_FAILED, worker->words);
    if (worker->process.fd < 0) {
        wait_to_start(worker, take_delay(worker));
        return;
    }
    worker->is_refused = true; /* plugin_worker_ended goes on from there */
    worker->state = WORKER_DYING;
    plugin_worker_kill_now(worker);
}

/* It does not load, or cannot be started. */
void plugin_worker_refused(struct plugin_worker *worker, const char *words)
{
    snprintf(worker->words, sizeof worker->words, "%s", words);
    if (is_worth_another_start(worker)) {
        start_again(worker);
        return;
    }
    for (struct plugin_instance *instance = worker->instances; instance != NULL;
         instance = instance->next)
        if (instance->state != INSTANCE_CLOSING)
            plugin_instance_fail(instance, PLUGIN_FAILED, worker->words);
    plugin_call_refuse_queued(worker, NULL, worker->words, 0);
    worker->state = WORKER_FAILED;
    worker->is_ending = true; /* a later open makes another one, which tries again */
    if (worker->process.fd >= 0)
        (void)shutdown(worker->process.fd,
                       SHUT_WR); /* it then ends by itself; if not, with its last instance */
}

void plugin_worker_kill(struct plugin_worker *worker, enum plugin_status doom, uint64_t call,
                        const char *words)
{
    if (worker->state == WORKER_DYING || worker->doom != PLUGIN_OK)
        return;
    if (worker->state != WORKER_ENDING && worker->state != WORKER_FAILED) {
        worker->doom = doom;
        worker->doomed_call = call;
        snprintf(worker->doom_words, sizeof worker->doom_words, "%s", words);
        worker->state = WORKER_DYING;
    }
    if (doom != PLUGIN_DIED)
        plugin_worker_kill_now(worker);
    else if (worker->is_inprocess)
        plugin_worker_ended(worker, 0); /* the thread is through */
    else {
        /* Most likely its end is a moment away and tells more than we know; if not, it is helped
         * along. */
        plugin_watch_destroy(worker->process.watch);
        worker->process.watch = NULL;
        loop_timer_set(worker->restart_timer, DYING_MS);
    }
}

/* Killed by a person, or by the kernel for want of memory: not the plugin's doing, so it neither
 * counts against it nor delays the next start more than the first time. What it does to itself
 * under this name costs it a restart each time all the same. */
static bool is_killed_from_outside(const struct plugin_worker *worker, int wait_status)
{
    return !worker->is_inprocess && !worker->was_killed && WIFSIGNALED(wait_status) &&
           WTERMSIG(wait_status) == SIGKILL;
}

static size_t crash_limit(const struct plugin_worker *worker)
{
    size_t limit = (size_t)worker->host->settings.quarantine_after;

    return limit < PLUGIN_CRASHES_KEPT ? limit : PLUGIN_CRASHES_KEPT;
}

static size_t count_recent(const struct plugin_worker *worker, const int64_t *times_ms,
                           size_t count)
{
    int64_t now_ms = clock_due_ms();
    size_t recent = 0;

    for (size_t i = 0; i < PLUGIN_CRASHES_KEPT && i < count; i++)
        recent += now_ms - times_ms[i] <= worker->host->settings.quarantine_window_ms;
    return recent;
}

/* Whoever may call it may crash it as often as he likes: that costs the calls, never the
 * deliveries. */
static void count_caller_crash(struct plugin_worker *worker)
{
    int64_t now_ms = clock_due_ms();

    worker->caller_crash_times_ms[worker->caller_crash_count++ % PLUGIN_CRASHES_KEPT] = now_ms;
    if (count_recent(worker, worker->caller_crash_times_ms, worker->caller_crash_count) <
        crash_limit(worker))
        return;
    worker->callers_rest_until_ms = now_ms + worker->host->settings.quarantine_window_ms;
    plugin_tell(worker, true, "it crashed too often when it was called: calls rest a while");
}

/* True when the crash made it one too many. One that a record is to blame for counts until a batch
 * goes well again: then it was the record, which is parked by now, and not the plugin. A plugin
 * that dies of every record stops at the quarantine, before it has failed more than a few: looking
 * for a bad record goes well in between, and takes few crashes in a row where there is none. */
static bool count_crash(struct plugin_worker *worker, enum plugin_blame blame)
{
    if (blame == BLAME_CALLER) {
        count_caller_crash(worker);
        return false;
    }
    if (worker->is_scratch)
        return false;
    worker->bad_in_a_row++;
    if (blame == BLAME_NOBODY)
        return worker->bad_in_a_row >= PLUGIN_CRASHES_KEPT;
    if (blame == BLAME_RECORD)
        worker->record_crashes++;
    else
        worker->crash_times_ms[worker->crash_count++ % PLUGIN_CRASHES_KEPT] = clock_due_ms();
    return count_recent(worker, worker->crash_times_ms, worker->crash_count) +
                   worker->record_crashes >=
               crash_limit(worker) ||
           worker->bad_in_a_row >= PLUGIN_CRASHES_KEPT;
}

static void back_off(struct plugin_worker *worker, enum plugin_blame blame)
{
    const struct plugin_host_settings *settings = &worker->host->settings;
    int64_t lived_ms = (clock_mono_us() - worker->started_us) / 1000;

    /* While a batch is bisected the worker comes back at once; it is no sign that the plugin as a
     * whole is bad. */
    bool is_harmless =
        blame == BLAME_NOBODY || (blame == BLAME_RECORD && worker->record_crashes <= 1);
    if (is_harmless || worker->backoff_ms == 0 || lived_ms > settings->restart_max_ms)
        worker->backoff_ms = settings->restart_min_ms;
    snprintf(worker->words, sizeof worker->words, "%s", worker->last_crash);
    wait_to_start(worker, is_harmless ? worker->backoff_ms : take_delay(worker));
}

/* The instances are as if never opened; those that were being closed are through. */
static void forget_instances(struct plugin_worker *worker)
{
    struct plugin_instance *next;

    for (struct plugin_instance *instance = worker->instances; instance != NULL; instance = next) {
        next = instance->next;
        plugin_again_forget(instance);
        if (instance->state == INSTANCE_CLOSING)
            plugin_instance_gone(instance);
        else if (instance->state != INSTANCE_FAILED)
            instance->state = INSTANCE_WAITING;
    }
}

/* Lifecycle orders that waited are void: they are given anew after the restart. */
static void drop_lifecycle(struct plugin_worker *worker)
{
    struct plugin_call *next;

    for (struct plugin_call *call = worker->queue.first; call != NULL; call = next) {
        next = call->next;
        if (!plugin_call_is_lifecycle(call))
            continue;
        (void)plugin_queue_remove(&worker->queue, call); /* it is there: we walk it */
        free(call);
    }
}

void plugin_worker_ended(struct plugin_worker *worker, int wait_status)
{
    bool is_hanging = worker->is_hanging && worker->process.thread != NULL;
    bool was_wanted = !worker->is_ending;
    char cause[PLUGIN_CAUSE_MAX], former_crash[PLUGIN_WORDS_MAX];

    if (!worker->is_inprocess)
        plugin_socket_drain(worker);
    loop_timer_clear(worker->deadline_timer);
    loop_timer_clear(worker->restart_timer);
    plugin_words_cause(worker, wait_status, cause);
    bool is_outside = is_killed_from_outside(worker, wait_status);
    memcpy(former_crash, worker->last_crash, sizeof former_crash);
    enum plugin_blame blame = plugin_loss_tell(worker, cause);
    plugin_ask_drop(worker, NULL, NULL);
    if (is_outside)
        blame = BLAME_NOBODY;
    drop_lifecycle(worker);
    if (is_hanging) {
        plugin_thread_abandon(worker->process.thread);
        worker->process.thread = NULL;
    }
    plugin_process_finish(worker);
    wire_reader_finish(&worker->reader);
    wire_out_finish(&worker->out);
    worker->out_sent = 0;
    forget_instances(worker);
    if (!was_wanted || worker->instances == NULL) {
        worker->state = worker->instances == NULL ? WORKER_GONE : WORKER_FAILED;
        return;
    }
    if (worker->is_refused) {
        memcpy(worker->last_crash, former_crash, sizeof former_crash);
        wait_to_start(worker, take_delay(worker));
        return;
    }
    worker->crashes++;
    worker->last_crash_ms = clock_wall_ms();
    if (is_hanging) {
        plugin_tell(worker, true, worker->last_crash);
        plugin_worker_refused(worker, worker->last_crash);
    } else if (!is_outside && count_crash(worker, blame)) {
        plugin_quarantine_add(worker, worker->last_crash);
        worker->state = WORKER_QUARANTINED;
        plugin_quarantine_words(worker->last_crash, worker->words);
        plugin_tell(worker, true, worker->words);
        fail_all(worker, PLUGIN_UNAVAILABLE, worker->words);
        plugin_call_refuse_queued(worker, NULL, worker->words, 0);
    } else
        back_off(worker, blame);
}

void plugin_worker_maybe_end(struct plugin_worker *worker)
{
    if (worker->instances != NULL || worker->state == WORKER_GONE)
        return;
    worker->is_ending = true;
    if (worker->process.fd < 0) {
        worker->state = WORKER_GONE;
        return;
    }
    if (worker->state == WORKER_DYING || worker->state == WORKER_ENDING)
        return;
    worker->state = WORKER_ENDING;
    (void)shutdown(worker->process.fd, SHUT_WR); /* the worker reads the end and leaves */
    loop_timer_set(worker->restart_timer, ENDING_MS);
}

bool plugin_worker_takes_calls(const struct plugin_worker *worker)
{
    switch (worker->state) {
    case WORKER_STARTING:
    case WORKER_RUNNING:
    case WORKER_DYING:
        return true;
    case WORKER_BACKOFF:
        return worker->retry_at_ms - clock_due_ms() <= PLUGIN_HOLD_MS;
    default:
        return false;
    }
}
