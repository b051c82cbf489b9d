/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/dry_run.h"
#include "engine/engine_internal.h"
#include "signals/hub.h"

#include <stdlib.h>

static void lanes_changed(void *user);
static void grace_over(void *user);

/* ---- life ---- */

int engine_add_lane(struct engine *engine, struct lane *lane)
{
    const struct lane *former = roster_find(&engine->roster, lane->name);

    if (former != NULL)
        lane->is_released |= former->is_released;
    if (roster_add(&engine->roster, lane) < 0)
        return -ENOMEM;
    if (engine->is_recovered)
        activation_open(engine, lane);
    return 0;
}

static int add_lanes(struct engine *engine, struct err *err)
{
    const struct config *config = engine_config(engine);

    for (size_t i = 0; i < config_file_count(config); i++) {
        const struct config_file *file = config_file_at(config, i);
        struct lane *lane;

        if (config_file_kind(file) != CONFIG_INTEGRATION)
            continue;
        lane = lane_create(&engine->rooms, engine->generation, file, err);
        if (lane == NULL || engine_add_lane(engine, lane) < 0)
            return err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

/* Signals took numbers of the sequence that every lane walks along: what is behind a cursor is
 * counted by them, so idle lanes pass them now and then. */
static void published(void *user)
{
    engine_wake(user);
}

static int fill(struct engine *engine, const struct engine_rooms *rooms, struct err *err)
{
    engine->rooms = *rooms;
    engine->generation = generation_create(rooms->setup);
    engine->rooms.setup = NULL;
    engine->rooms.taps = taps_create(rooms->loop);
    engine->rooms.hooks = hooks_create();
    engine->rooms.hub = hub_create(rooms->loop, rooms->store, published, engine);
    engine->grace = loop_timer_create(rooms->loop, grace_over, engine);
    if (engine->generation == NULL || engine->rooms.taps == NULL || engine->rooms.hub == NULL ||
        engine->rooms.hooks == NULL || engine->grace == NULL ||
        roster_init(&engine->roster, rooms->loop, lanes_changed, engine) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    engine->reload = reload_create(engine, err);
    return engine->reload != NULL ? add_lanes(engine, err) : err->code;
}

struct engine *engine_create(const struct engine_rooms *rooms, struct err *err)
{
    struct engine *engine = calloc(1, sizeof *engine);

    if (engine == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    if (fill(engine, rooms, err) < 0) {
        engine_destroy(engine);
        return NULL;
    }
    return engine;
}

void engine_destroy(struct engine *engine)
{
    if (engine == NULL)
        return;
    activation_end(engine);
    registration_end(engine);
    roster_finish(&engine->roster); /* whoever waits for a lane is told */
    reload_destroy(engine->reload);
    generation_unref(engine->generation);
    loop_timer_destroy(engine->grace);
    hub_destroy(engine->rooms.hub);
    taps_destroy(engine->rooms.taps);
    hooks_destroy(engine->rooms.hooks);
    free(engine);
}

void engine_flush(struct engine *engine)
{
    roster_flush(&engine->roster);
}

static void recovered(struct store_op *op)
{
    struct engine *engine =
        (struct engine *)(void *)((char *)op - offsetof(struct engine, recover.op));

    if (op->status < 0)
        log_error("could not look through what was in flight", F_ERR(&op->error));
    else if (engine->recover.count > 0)
        log_warn("found submissions whose answer was never seen, will send them again under the "
                 "same key",
                 F_INT("count", engine->recover.count));
    engine->is_recovered = true;
    for (size_t i = 0; i < engine->roster.count; i++)
        activation_open(engine, engine->roster.lanes[i]);
    reload_begin(engine->reload);
}

void engine_start(struct engine *engine)
{
    engine->recover.op.done = recovered;
    store_recover(engine->rooms.store, &engine->recover);
}

void engine_wake(struct engine *engine)
{
    for (size_t i = 0; i < engine->roster.count; i++)
        lane_look(engine->roster.lanes[i]);
}

/* ---- stopping ---- */

static void end_stop(struct engine *engine)
{
    void (*stopped)(void *user) = engine->stopped;

    loop_timer_clear(engine->grace);
    engine->stopped = NULL;
    if (stopped != NULL)
        stopped(engine->stopped_user);
}

static void lanes_changed(void *user)
{
    struct engine *engine = user;

    if (engine->is_stopping && roster_is_idle(&engine->roster))
        loop_timer_set(engine->grace, 0);
}

static void grace_over(void *user)
{
    struct engine *engine = user;

    if (engine->is_stopping && !roster_is_idle(&engine->roster))
        log_warn("stopping with submissions in flight, they will be sent again under the same key");
    end_stop(engine);
}

void engine_stop(struct engine *engine, int64_t grace_ms, void (*done)(void *user), void *user)
{
    engine->is_stopping = true;
    engine->stopped = done;
    engine->stopped_user = user;
    roster_stop(&engine->roster);
    loop_timer_set(engine->grace, roster_is_idle(&engine->roster) ? 0 : grace_ms);
}

/* ---- looking ---- */

struct store *engine_store(const struct engine *engine)
{
    return engine->rooms.store;
}

struct hub *engine_hub(const struct engine *engine)
{
    return engine->rooms.hub;
}

const struct engine_rooms *engine_rooms(const struct engine *engine)
{
    return &engine->rooms;
}

const struct config *engine_config(const struct engine *engine)
{
    return generation_config(engine->generation);
}

const struct catalog *engine_catalog(const struct engine *engine)
{
    return generation_catalog(engine->generation);
}

const char *engine_conf_dir(const struct engine *engine)
{
    return generation_setup(engine->generation)->dir;
}

size_t engine_integration_count(const struct engine *engine)
{
    return engine->roster.count;
}

static void put_health(const struct health *health, struct engine_health *out)
{
    if (health->timer == NULL)
        return;
    *out = (struct engine_health){
        .status = health_status_name(health->status),
        .words = health->words[0] != '\0' ? health->words : NULL,
        .failures = health->failures,
        .checks = health->checks,
        .badly = health->badly,
        .checked_ms = health->checked_ms,
        .duration_us = health->duration_us,
    };
}

void engine_integration_at(const struct engine *engine, size_t index,
                           struct engine_integration *out)
{
    struct lane *lane = engine->roster.lanes[index];
    int64_t free_ms;

    *out = (struct engine_integration){
        .name = lane->name,
        .plugin = config_text(lane->file, "integration", "plugin"),
        .number = lane->number,
        .is_enabled = lane->state != LANE_DISABLED && lane->state != LANE_INACTIVE,
        .state = lane_state_name(lane),
        .file = lane->file,
        .has_jq = lane->jq != NULL,
        .figures = lane->figures,
        .signals = lane->signals,
    };
    out->figures.in_flight = lane->in_flight + (uint32_t)lane->outbox.writing.count +
                             roster_draining(&engine->roster, lane->name);
    out->figures.next_due_ms = lane->next_due_ms;
    if (lane->plugin != NULL)
        plugin_instance_health(lane->plugin, &out->plugin_health);
    if (lane->jq != NULL)
        plugin_instance_health(lane->jq, &out->jq_health);
    if (lane->hook != NULL)
        out->hook = lane->hook->figures;
    put_health(&lane->health, &out->health);
    out->is_former = lane->former_words[0] != '\0';
    if (lane->activation.is_set) {
        out->switched_by = lane->activation.by;
        out->switched_at_ms = lane->activation.at_ms;
        out->is_switched_on = lane->activation.is_active;
    }
    out->words = lane_words(lane);
    out->is_well = strcmp(out->state, "active") == 0 || strcmp(out->state, "rate-limited") == 0;
    if (lane->state != LANE_ACTIVE)
        return;
    lane_gate_figures(&lane->gate, clock_due_ms(), &out->limits);
    if (!out->limits.is_well && lane_gate_look(&lane->gate, clock_due_ms(), &free_ms) != GATE_FREE)
        out->figures.paused_until_ms = free_ms;
}

bool engine_integration_find(const struct engine *engine, const char *name,
                             struct engine_integration *out)
{
    for (size_t i = 0; i < engine->roster.count; i++)
        if (strcmp(engine->roster.lanes[i]->name, name) == 0) {
            engine_integration_at(engine, i, out);
            return true;
        }
    return false;
}

struct engine_figures *engine_figures(struct engine *engine)
{
    return &engine->figures;
}

struct tap *engine_tap(const struct engine *engine, const char *integration)
{
    return roster_find(&engine->roster, integration) != NULL
               ? taps_of(engine->rooms.taps, integration)
               : NULL;
}

struct subscriber *engine_subscriber(const struct engine *engine, const char *integration)
{
    const struct lane *lane = roster_find(&engine->roster, integration);

    return lane != NULL ? lane->signals : NULL;
}

bool engine_is_ready(const struct engine *engine)
{
    if (!engine->is_recovered || engine->opening > 0)
        return false;
    for (size_t i = 0; i < engine->roster.count; i++)
        if (engine->roster.lanes[i]->state == LANE_STARTING)
            return false;
    return true;
}

void engine_explain(const struct engine *engine, const char *integration, struct str type,
                    uint64_t seq, uint64_t cursor, struct buf *out_words, bool *out_will_look)
{
    struct lane *lane = roster_find(&engine->roster, integration);

    *out_will_look = false;
    if (lane == NULL) {
        buf_printf(out_words, "there is no integration '%s'", integration);
    } else if (lane->state == LANE_DISABLED) {
        buf_printf(out_words, "the integration is disabled: [integration] enabled = no (%s:%d)",
                   config_file_path(lane->file), config_line(lane->file, "integration", "enabled"));
    } else if (lane->state == LANE_FAILED) {
        buf_printf(out_words, "the integration did not start: %s", lane->words);
    } else if (!names_want(&lane->types, type)) {
        buf_printf(out_words, "type '%.*s' is not wanted: [select] type = %s (%s:%d)",
                   STR_ARG(type), config_text(lane->file, "select", "type"),
                   config_file_path(lane->file), config_line(lane->file, "select", "type"));
    } else if (lane->walk == WALK_NONE) {
        buf_printf(out_words,
                   "[select] selector = %s takes only what is asked for by hand: tenon submit %s "
                   "--entity ...",
                   config_text(lane->file, "select", "selector"), lane->name);
    } else if (seq > cursor) {
        *out_will_look = true;
        const char *words = lane_words(lane);

        buf_printf(out_words, "not looked at yet: the integration is %s%s%s", lane_state_name(lane),
                   words != NULL ? ": " : "", words != NULL ? words : "");
    } else {
        buf_printf(
            out_words,
            "looked at and passed over by selector '%s': it had been delivered, or was deleted",
            config_text(lane->file, "select", "selector"));
    }
}

/* ---- doing ---- */

struct submit {
    struct store_enqueue enqueue;
    struct engine *engine;
    engine_submit_fn done;
    void *user;
    char *integration, *entity;
    uint64_t count; /* queued so far */
};

/* A million failed ones are queued in pieces, so that intake gets its turn in between. */
static bool submit_goes_on(struct submit *submit)
{
    submit->count += submit->enqueue.count;
    if (submit->enqueue.op.status < 0 || submit->enqueue.after == 0)
        return false;
    store_enqueue(submit->engine->rooms.store, &submit->enqueue);
    return true;
}

static void submit_done(struct store_op *op)
{
    struct submit *submit =
        (struct submit *)(void *)((char *)op - offsetof(struct submit, enqueue.op));
    if (submit_goes_on(submit))
        return;
    const struct engine_submit_result result = {
        .status = op->status,
        .err = &op->error,
        .count = submit->count,
        .rewinds = submit->enqueue.rewinds,
    };
    struct lane *lane = roster_find(&submit->engine->roster, submit->integration);

    if (lane != NULL)
        lane_look(lane);
    submit->done(submit->user, &result);
    free(submit->integration);
    free(submit->entity);
    free(submit);
}

static int selector_of(struct str name, struct store_enqueue *enqueue)
{
    if (name.len == 0 || str_is(name, "unsubmitted"))
        enqueue->selector = ENQUEUE_UNSUBMITTED;
    else if (str_is(name, "failed"))
        enqueue->selector = ENQUEUE_FAILED;
    else if (str_is(name, "changed"))
        enqueue->selector = ENQUEUE_CHANGED;
    else if (str_is(name, "all"))
        enqueue->selector = ENQUEUE_ALL;
    else
        return -EINVAL;
    return 0;
}

static int check_submit(const struct engine *engine, const char *integration, struct str selector,
                        struct lane **out, struct store_enqueue *enqueue, struct err *err)
{
    *out = roster_find(&engine->roster, integration);
    if (*out == NULL)
        return err_set(err, E_NOT_FOUND,
                       "there is no integration '%s'; `tenon integration list` shows them",
                       integration);
    if ((*out)->state != LANE_ACTIVE)
        return err_set(err, E_REFUSED, "integration '%s' is %s%s%s", integration,
                       lane_state_name(*out), (*out)->words[0] != '\0' ? ": " : "", (*out)->words);
    if (selector_of(selector, enqueue) < 0)
        return err_set(err, E_USAGE,
                       "selector '%.*s' is not one of unsubmitted, failed, changed, all",
                       STR_ARG(selector));
    return 0;
}

void engine_submit(struct engine *engine, const char *integration, struct str entity,
                   struct str selector, engine_submit_fn done, void *user)
{
    struct submit *submit = calloc(1, sizeof *submit);
    struct engine_submit_result result = {0};
    struct lane *lane = NULL;
    struct err err = {0};

    if (submit == NULL)
        result.status = err_set(&err, -ENOMEM, "out of memory");
    else
        result.status = check_submit(engine, integration, selector, &lane, &submit->enqueue, &err);
    if (result.status == 0) {
        submit->entity = str_dup(entity.len > 0 ? entity : STR(""));
        submit->integration = strdup(integration);
        if (submit->entity == NULL || submit->integration == NULL)
            result.status = err_set(&err, -ENOMEM, "out of memory");
    }
    if (result.status < 0) {
        result.err = &err;
        done(user, &result);
        if (submit != NULL) {
            free(submit->entity);
            free(submit->integration);
        }
        free(submit);
        return;
    }
    submit->engine = engine;
    submit->done = done;
    submit->user = user;
    submit->enqueue.op.done = submit_done;
    submit->enqueue.integration = lane->number;
    submit->enqueue.entity = str_of(submit->entity);
    store_enqueue(engine->rooms.store, &submit->enqueue);
}

void engine_dry_run(struct engine *engine, const char *integration, struct str entity,
                    engine_dry_run_fn done, void *user)
{
    struct store_enqueue unused = {0};
    struct lane *lane;
    struct err err = {0};
    int status = check_submit(engine, integration, STR_NONE, &lane, &unused, &err);

    if (status < 0)
        done(user, status, &err, STR_NONE);
    else
        dry_run_start(lane, entity, done, user);
}
