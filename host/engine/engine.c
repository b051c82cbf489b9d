/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/dry_run.h"
#include "engine/lane.h"

#include <stdlib.h>

struct engine {
    struct engine_rooms rooms;
    struct lane **lanes;
    size_t lane_count;
    struct store_recover recover;
    struct opening *openings; /* one per lane: its number asked of the store */
    size_t opened;
    bool is_stopping;
    struct loop_timer *grace;
    void (*stopped)(void *user);
    void *stopped_user;
};

struct opening {
    struct store_integration ask;
    struct engine *engine;
    struct lane *lane;
};

static void lane_changed(void *user, struct lane *lane);
static void grace_over(void *user);

/* ---- life ---- */

static int add_lane(struct engine *engine, const struct config_file *file, struct err *err)
{
    struct lane *lane = lane_create(&engine->rooms, file, err);

    if (lane == NULL)
        return err->code;
    lane->changed = lane_changed;
    lane->changed_user = engine;
    engine->lanes[engine->lane_count++] = lane;
    return 0;
}

struct engine *engine_create(const struct engine_rooms *rooms, struct err *err)
{
    struct engine *engine = calloc(1, sizeof *engine);
    size_t most = config_file_count(rooms->config);

    if (engine != NULL) {
        engine->rooms = *rooms;
        engine->lanes = calloc(most + 1, sizeof(struct lane *));
        engine->openings = calloc(most + 1, sizeof *engine->openings);
        engine->grace = loop_timer_create(rooms->loop, grace_over, engine);
    }
    if (engine == NULL || engine->lanes == NULL || engine->openings == NULL ||
        engine->grace == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        engine_destroy(engine);
        return NULL;
    }
    for (size_t i = 0; i < most; i++) {
        const struct config_file *file = config_file_at(rooms->config, i);

        if (config_file_kind(file) == CONFIG_INTEGRATION && add_lane(engine, file, err) < 0) {
            engine_destroy(engine);
            return NULL;
        }
    }
    return engine;
}

void engine_destroy(struct engine *engine)
{
    if (engine == NULL)
        return;
    for (size_t i = 0; i < engine->lane_count; i++)
        lane_destroy(engine->lanes[i]);
    loop_timer_destroy(engine->grace);
    free(engine->openings);
    free(engine->lanes);
    free(engine);
}

void engine_flush(struct engine *engine)
{
    for (size_t i = 0; i < engine->lane_count; i++)
        outbox_flush(&engine->lanes[i]->outbox);
}

static void number_known(struct store_op *op)
{
    struct opening *opening =
        (struct opening *)(void *)((char *)op - offsetof(struct opening, ask.op));

    opening->engine->opened++;
    if (op->status < 0)
        lane_fail(opening->lane, op->error.text);
    else
        lane_open(opening->lane, opening->ask.number);
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
    for (size_t i = 0; i < engine->lane_count; i++) {
        struct opening *opening = &engine->openings[i];

        *opening = (struct opening){.engine = engine, .lane = engine->lanes[i]};
        opening->ask.op.done = number_known;
        opening->ask.name = str_of(engine->lanes[i]->name);
        store_integration(engine->rooms.store, &opening->ask);
    }
}

void engine_start(struct engine *engine)
{
    engine->recover.op.done = recovered;
    store_recover(engine->rooms.store, &engine->recover);
}

void engine_wake(struct engine *engine)
{
    for (size_t i = 0; i < engine->lane_count; i++)
        lane_look(engine->lanes[i]);
}

/* ---- stopping ---- */

static bool is_idle(const struct engine *engine)
{
    for (size_t i = 0; i < engine->lane_count; i++)
        if (!lane_is_idle(engine->lanes[i]))
            return false;
    return true;
}

static void end_stop(struct engine *engine)
{
    void (*stopped)(void *user) = engine->stopped;

    loop_timer_clear(engine->grace);
    engine->stopped = NULL;
    if (stopped != NULL)
        stopped(engine->stopped_user);
}

static void lane_changed(void *user, struct lane *lane)
{
    struct engine *engine = user;

    (void)lane;
    /* By way of the timer: a lane may be in the midst of its own callback. */
    if (engine->is_stopping && is_idle(engine))
        loop_timer_set(engine->grace, 0);
}

static void grace_over(void *user)
{
    struct engine *engine = user;

    if (engine->is_stopping && !is_idle(engine))
        log_warn("stopping with submissions in flight, they will be sent again under the same key");
    end_stop(engine);
}

void engine_stop(struct engine *engine, int64_t grace_ms, void (*done)(void *user), void *user)
{
    engine->is_stopping = true;
    engine->stopped = done;
    engine->stopped_user = user;
    for (size_t i = 0; i < engine->lane_count; i++)
        lane_stop(engine->lanes[i]);
    loop_timer_set(engine->grace, is_idle(engine) ? 0 : grace_ms);
}

/* ---- looking ---- */

struct store *engine_store(const struct engine *engine)
{
    return engine->rooms.store;
}

const struct engine_rooms *engine_rooms(const struct engine *engine)
{
    return &engine->rooms;
}

size_t engine_integration_count(const struct engine *engine)
{
    return engine->lane_count;
}

void engine_integration_at(const struct engine *engine, size_t index,
                           struct engine_integration *out)
{
    const struct lane *lane = engine->lanes[index];

    *out = (struct engine_integration){
        .name = lane->name,
        .plugin = config_text(lane->file, "integration", "plugin"),
        .number = lane->number,
        .is_enabled = lane->state != LANE_DISABLED,
        .state = lane_state_name(lane),
        .file = lane->file,
        .has_jq = lane->jq != NULL,
        .figures = lane->figures,
    };
    out->figures.in_flight = lane->in_flight + (uint32_t)lane->outbox.writing.count;
    out->figures.next_due_ms = lane->next_due_ms;
    if (lane->plugin != NULL)
        plugin_instance_health(lane->plugin, &out->plugin_health);
    if (lane->jq != NULL)
        plugin_instance_health(lane->jq, &out->jq_health);
    if (lane->state == LANE_FAILED || lane->paused_until_ms > clock_due_ms())
        out->words = lane->words;
    else if (lane->plugin != NULL && strcmp(out->plugin_health.state, "active") != 0)
        out->words = out->plugin_health.words;
}

static struct lane *find_lane(const struct engine *engine, const char *name)
{
    for (size_t i = 0; i < engine->lane_count; i++)
        if (strcmp(engine->lanes[i]->name, name) == 0)
            return engine->lanes[i];
    return NULL;
}

bool engine_integration_find(const struct engine *engine, const char *name,
                             struct engine_integration *out)
{
    for (size_t i = 0; i < engine->lane_count; i++)
        if (strcmp(engine->lanes[i]->name, name) == 0) {
            engine_integration_at(engine, i, out);
            return true;
        }
    return false;
}

bool engine_is_ready(const struct engine *engine)
{
    if (engine->opened < engine->lane_count)
        return false;
    for (size_t i = 0; i < engine->lane_count; i++)
        if (engine->lanes[i]->state == LANE_STARTING)
            return false;
    return true;
}

void engine_explain(const struct engine *engine, const char *integration, struct str type,
                    uint64_t seq, uint64_t cursor, struct buf *out_words, bool *out_will_look)
{
    const struct lane *lane = find_lane(engine, integration);

    *out_will_look = false;
    if (lane == NULL) {
        buf_printf(out_words, "there is no integration '%s'", integration);
    } else if (lane->state == LANE_DISABLED) {
        buf_printf(out_words, "the integration is disabled: [integration] enabled = no (%s:%d)",
                   config_file_path(lane->file), config_line(lane->file, "integration", "enabled"));
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
        buf_printf(out_words, "not looked at yet: the integration is %s%s%s", lane_state_name(lane),
                   lane->words[0] != '\0' ? ": " : "", lane->words);
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
    struct lane *lane;
    engine_submit_fn done;
    void *user;
    char *entity;
};

static void submit_done(struct store_op *op)
{
    struct submit *submit =
        (struct submit *)(void *)((char *)op - offsetof(struct submit, enqueue.op));
    const struct engine_submit_result result = {
        .status = op->status,
        .err = &op->error,
        .count = submit->enqueue.count,
        .rewinds = submit->enqueue.rewinds,
    };

    lane_look(submit->lane);
    submit->done(submit->user, &result);
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
    *out = find_lane(engine, integration);
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
    struct err err = {0};

    if (submit == NULL)
        result.status = err_set(&err, -ENOMEM, "out of memory");
    else
        result.status =
            check_submit(engine, integration, selector, &submit->lane, &submit->enqueue, &err);
    if (result.status == 0 && (submit->entity = str_dup(entity.len > 0 ? entity : STR(""))) == NULL)
        result.status = err_set(&err, -ENOMEM, "out of memory");
    if (result.status < 0) {
        result.err = &err;
        done(user, &result);
        free(submit);
        return;
    }
    submit->engine = engine;
    submit->done = done;
    submit->user = user;
    submit->enqueue.op.done = submit_done;
    submit->enqueue.integration = submit->lane->number;
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
