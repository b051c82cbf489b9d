/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/health.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "engine/lane.h"
#include "engine/probe.h"
#include "signals/hub.h"

#include <errno.h>
#include <sodium.h>

enum { FIRST_MS_MAX = 5000 };

static const char *const names[] = {
    [HEALTH_UNKNOWN] = "unknown",
    [HEALTH_HEALTHY] = "healthy",
    [HEALTH_DEGRADED] = "degraded",
    [HEALTH_UNHEALTHY] = "unhealthy",
};

const char *health_status_name(enum health_status status)
{
    return names[status];
}

static int64_t random_below(int64_t ms)
{
    return ms > 0 ? (int64_t)randombytes_uniform((uint32_t)(ms < UINT32_MAX ? ms : UINT32_MAX)) : 0;
}

/* Give or take a tenth: lanes that began together do not stay together. */
static int64_t next_ms(const struct health *health)
{
    int64_t tenth_ms = health->interval_ms / 10;

    return health->interval_ms - tenth_ms + random_below(2 * tenth_ms + 1);
}

static void tell(struct lane *lane, const char *name)
{
    _buf_ struct buf data = {0};

    buf_putc(&data, '{');
    json_put_member(&data, "integration", str_of(lane->name));
    json_put_member(&data, "status", str_of(names[lane->health.status]));
    json_put_member(&data, "words", str_of(lane->health.words));
    buf_putc(&data, '}');
    if (!data.failed)
        hub_tell(lane->rooms->hub, name, buf_str(&data));
}

static void change(struct lane *lane, enum health_status status)
{
    struct health *health = &lane->health;
    enum health_status former = health->status;

    health->status = status;
    if (status == former)
        return;
    if (status == HEALTH_UNHEALTHY) {
        log_warn("destination is unhealthy", F_INT("failures", health->failures),
                 F_STR("error", health->words));
        tell(lane, "integration.unhealthy");
    } else if (status == HEALTH_DEGRADED) {
        log_info("a health check failed", F_STR("error", health->words));
    } else if (former == HEALTH_UNHEALTHY) {
        log_info("destination is healthy again");
        tell(lane, "integration.healthy");
    }
}

void health_take(struct lane *lane, const struct probe_result *result)
{
    struct health *health = &lane->health;

    if (health->timer == NULL)
        return;
    log_integration_scope(lane->name);
    health->checks++;
    health->checked_ms = clock_wall_ms();
    health->duration_us = result->duration_us;
    (void)snprintf(health->words, sizeof health->words, "%s", result->words); /* cut is fine */
    if (result->is_well) {
        health->failures = 0;
        change(lane, HEALTH_HEALTHY);
        return;
    }
    health->badly++;
    health->failures++;
    if (health->status != HEALTH_UNHEALTHY)
        change(lane, health->failures >= health->failures_max ? HEALTH_UNHEALTHY : HEALTH_DEGRADED);
}

static void asked(void *user, const struct probe_result *result)
{
    struct lane *lane = user;

    lane->health.is_asking = false;
    if (lane->state != LANE_ACTIVE)
        return;
    health_take(lane, result);
    loop_timer_set(lane->health.timer, next_ms(&lane->health));
}

static void on_timer(void *user)
{
    struct lane *lane = user;

    if (lane->state != LANE_ACTIVE || lane->health.is_asking)
        return;
    lane->health.is_asking = true;
    probe_start(lane, asked, lane);
}

/* ---- life ---- */

int health_init(struct health *health, struct lane *lane)
{
    health->interval_ms = config_integer(lane->file, "health", "interval");
    health->failures_max = (uint32_t)config_integer(lane->file, "health", "failures");
    if (health->interval_ms == 0)
        return 0;
    health->timer = loop_timer_create(lane->rooms->loop, on_timer, lane);
    return health->timer != NULL ? 0 : -ENOMEM;
}

void health_finish(struct health *health)
{
    loop_timer_destroy(health->timer);
    health->timer = NULL;
}

void health_start(struct health *health)
{
    int64_t most_ms = health->interval_ms < FIRST_MS_MAX ? health->interval_ms : FIRST_MS_MAX;

    if (health->timer != NULL)
        loop_timer_set(health->timer, random_below(most_ms + 1));
}

void health_stop(struct health *health)
{
    if (health->timer != NULL)
        loop_timer_clear(health->timer);
}

void health_inherit(struct health *health, const struct health *former)
{
    if (health->timer == NULL || former->timer == NULL || health->checked_ms != 0)
        return;
    health->status = former->status;
    health->failures = former->failures;
    health->checks = former->checks;
    health->badly = former->badly;
    health->checked_ms = former->checked_ms;
    health->duration_us = former->duration_us;
    memcpy(health->words, former->words, sizeof health->words);
}
