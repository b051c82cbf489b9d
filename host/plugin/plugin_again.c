/* SPDX-License-Identifier: Apache-2.0
 * An instance that was active does not open in the worker's next life: what keeps it from that (a
 * broker that is down, a name that does not resolve) passes, so it is tried again, later and later.
 * What a failed activate left is destroyed first; each try is a new create().
 *
 *   creating, activating --failed--> retrying --closed in the worker--> (waits) --> creating
 *
 * One that was never active is not tried again: whoever opens it is told why it does not open. */
#include "plugin/plugin_internal.h"

#include "base/clock.h"

#include <inttypes.h>

enum { ASKED_MAX_MS = 3600000 };

/* The answer would be the same. As engine/batch.c has it for records. */
static bool is_final(int32_t code)
{
    return code == TENON_E_VALIDATION || code == TENON_E_PERMANENT || code == TENON_E_UNSUPPORTED;
}

static int64_t take_delay(struct plugin_instance *instance, const struct wire_status *status)
{
    const struct plugin_host_settings *settings = &instance->host->settings;
    int64_t asked_ms =
        status->retry_after_ms < ASKED_MAX_MS ? status->retry_after_ms : ASKED_MAX_MS;
    int64_t delay_ms = instance->backoff_ms > 0 ? instance->backoff_ms : settings->restart_min_ms;

    instance->backoff_ms =
        delay_ms * 2 < settings->restart_max_ms ? delay_ms * 2 : settings->restart_max_ms;
    if (status->code == TENON_E_AUTH) /* slowly: tries may lock an account */
        delay_ms = settings->restart_max_ms;
    return delay_ms > asked_ms ? delay_ms : asked_ms;
}

static void on_retry(void *user)
{
    struct plugin_instance *instance = user;
    struct plugin_worker *worker = instance->worker;

    if (instance->state != INSTANCE_RETRYING || worker->state != WORKER_RUNNING)
        return; /* a worker that is ending has it begin anew by itself */
    instance->id = ++worker->last_instance; /* what the last try left behind is not taken for it */
    plugin_instance_begin(instance);
    plugin_host_flush(worker->host);
}

static void wait_for_retry(struct plugin_instance *instance)
{
    int64_t wait_ms = instance->retry_at_ms - clock_due_ms();

    loop_timer_set(instance->retry_timer, wait_ms > 0 ? wait_ms : 0);
}

bool plugin_again_takes(struct plugin_instance *instance, const struct wire_status *status,
                        const char *words)
{
    bool was_activating = instance->state == INSTANCE_ACTIVATING;
    char told[PLUGIN_WORDS_MAX + 128];

    if (!instance->was_active || is_final(status->code))
        return false;
    if (instance->retry_timer == NULL)
        instance->retry_timer = loop_timer_create(instance->host->loop, on_retry, instance);
    if (instance->retry_timer == NULL)
        return false;
    int64_t delay_ms = take_delay(instance, status);
    instance->state = INSTANCE_RETRYING;
    instance->retry_at_ms = clock_due_ms() + delay_ms;
    (void)snprintf(instance->words, sizeof instance->words, "%s", words); /* cut is fine */
    (void)snprintf(told, sizeof told, "integration %.64s: %s; it is tried again in %" PRId64 " ms",
                   instance->name, words, delay_ms); /* cut is fine */
    plugin_tell(instance->worker, true, told);
    if (!plugin_again_is_near(instance))
        plugin_call_refuse_queued(instance->worker, instance, instance->words,
                                  instance->retry_at_ms);
    instance->is_left = was_activating;
    if (was_activating)
        plugin_instance_order(instance, WIRE_CLOSE, PLUGIN_CLOSE_MS);
    else
        wait_for_retry(instance);
    return true;
}

bool plugin_again_left(struct plugin_instance *instance)
{
    instance->is_left = false;
    if (instance->state != INSTANCE_RETRYING)
        return false;
    wait_for_retry(instance);
    return true;
}

void plugin_again_forget(struct plugin_instance *instance)
{
    instance->is_left = false;
    if (instance->retry_timer != NULL)
        loop_timer_clear(instance->retry_timer);
}

bool plugin_again_is_near(const struct plugin_instance *instance)
{
    return instance->state != INSTANCE_RETRYING ||
           instance->retry_at_ms - clock_due_ms() <= PLUGIN_HOLD_MS;
}
