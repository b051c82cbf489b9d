/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/activation.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/work.h"
#include "config/config_edit.h"
#include "engine/engine_internal.h"

#include <stdlib.h>

static const char kept_name[] = "activation";

/* ---- the kept text ---- */

/* What put_activation did not give leaves *out as "never switched". */
static void parse_activation(struct str json, struct activation *out)
{
    static const char *const names[] = {"active", "by", "at_ms"};
    struct str values[3] = {0};
    _buf_ struct buf by = {0};
    int64_t at_ms = 0;

    *out = (struct activation){0};
    if (json_check(json, NULL) < 0 || json_pick(json, names, 3, values) < 0 || values[0].len == 0 ||
        values[1].len == 0 || values[2].len == 0 || json_kind_of(values[1]) != JSON_STRING ||
        str_to_i64(values[2], &at_ms) < 0)
        return;
    json_unquote(values[1], &by);
    out->is_set = true;
    out->is_active = json_kind_of(values[0]) == JSON_TRUE;
    out->at_ms = at_ms;
    (void)snprintf(out->by, sizeof out->by, "%.*s", STR_ARG(buf_str(&by))); /* cut is fine */
}

static void put_activation(const struct activation *activation, struct buf *out)
{
    buf_putc(out, '{');
    json_put_raw(out, "active", activation->is_active ? STR("true") : STR("false"));
    json_put_member(out, "by", str_of(activation->by));
    json_put_int(out, "at_ms", activation->at_ms);
    buf_putc(out, '}');
}

/* ---- opening ---- */

struct opening {
    struct store_integration ask;
    struct store_query kept;
    struct engine *engine;
    struct lane *lane;
    struct activation activation;
};

static void hold_back(struct lane *lane, bool is_safe)
{
    const struct activation *activation = &lane->activation;
    char when[25];

    if (lane->state != LANE_STARTING)
        return;
    if (activation->is_set && !activation->is_active) {
        clock_format(activation->at_ms, when);
        lane_hold_back(lane, "deactivated by %s at %s: `tenon integration activate %s` starts it",
                       activation->by, when, lane->name);
    } else if (is_safe && !lane->is_released) {
        lane_hold_back(lane, "safe mode: `tenon integration activate %s` starts it", lane->name);
    }
}

static void end(struct opening *opening)
{
    struct lane *lane = opening->lane;

    opening->engine->opening--;
    lane->activation = opening->activation;
    hold_back(lane, opening->engine->rooms.is_safe);
    lane_open(lane, opening->ask.number);
    lane_release(lane);
    free(opening);
}

static void fail(struct opening *opening, const char *words)
{
    opening->engine->opening--;
    lane_fail(opening->lane, words);
    lane_release(opening->lane);
    free(opening);
}

/* [pool] */
static bool take_kept(struct store_query *query, const struct store_row *row)
{
    struct opening *opening = query->user;

    if (str_is(row->name, kept_name))
        parse_activation(row->data, &opening->activation);
    return true;
}

static void kept_known(struct store_op *op)
{
    struct opening *opening =
        (struct opening *)(void *)((char *)op - offsetof(struct opening, kept.op));

    if (op->status < 0)
        fail(opening, op->error.text);
    else
        end(opening);
}

static void number_known(struct store_op *op)
{
    struct opening *opening =
        (struct opening *)(void *)((char *)op - offsetof(struct opening, ask.op));

    if (op->status < 0) {
        fail(opening, op->error.text);
        return;
    }
    opening->kept = (struct store_query){
        .op.done = kept_known,
        .query = QUERY_KEPT,
        .integration = opening->ask.number,
        .row = take_kept,
        .user = opening,
    };
    store_query(opening->engine->rooms.store, &opening->kept);
}

void activation_open(struct engine *engine, struct lane *lane)
{
    struct opening *opening = calloc(1, sizeof *opening);

    if (opening == NULL) {
        lane_fail(lane, "out of memory");
        return;
    }
    *opening = (struct opening){.engine = engine, .lane = lane};
    opening->ask.op.done = number_known;
    opening->ask.name = str_of(lane->name);
    engine->opening++;
    lane_hold(lane);
    store_integration(engine->rooms.store, &opening->ask);
}

/* ---- switching ---- */

struct switching {
    struct work work; /* first: of the edit, the switching is the whole */
    struct lane_waiter waiter;
    struct store_keep keep;
    struct engine *engine;  /* NULL: it ended meanwhile */
    struct switching *next; /* of those at their file */
    engine_switch_fn done;
    void *user;
    char *name, *path;
    struct buf value;
    struct activation activation;
    bool is_enabled;
    struct err err;
};

static void finish(struct switching *switching, int status, const char *words)
{
    if (status < 0 && words != NULL)
        (void)err_set(&switching->err, status, "%s", words);
    switching->done(switching->user, status, &switching->err);
    free(switching->name);
    free(switching->path);
    buf_finish(&switching->value);
    free(switching);
}

static struct switching *switching_create(struct engine *engine, const struct lane *lane,
                                          engine_switch_fn done, void *user)
{
    struct switching *switching = calloc(1, sizeof *switching);

    if (switching == NULL)
        return NULL;
    switching->engine = engine;
    switching->done = done;
    switching->user = user;
    switching->name = strdup(lane->name);
    switching->path = strdup(config_file_path(lane->file));
    if (switching->name != NULL && switching->path != NULL)
        return switching;
    free(switching->name);
    free(switching->path);
    free(switching);
    return NULL;
}

static void lane_settled(struct lane_waiter *waiter, const char *problem)
{
    struct switching *switching =
        (struct switching *)(void *)((char *)waiter - offsetof(struct switching, waiter));

    finish(switching, problem != NULL ? E_REFUSED : 0, problem);
}

/* The same files once more, in another state. */
static void begin_again(struct switching *switching, struct lane *lane)
{
    const struct lane *last = lane->successor != NULL ? lane->successor : lane;
    struct engine *engine = switching->engine;
    struct lane *next = lane_create(&engine->rooms, last->generation, last->file, &switching->err);

    if (next == NULL) {
        finish(switching, -ENOMEM, NULL);
        return;
    }
    memcpy(next->former_words, last->former_words, sizeof next->former_words);
    switching->waiter.settled = lane_settled;
    roster_wait(next, &switching->waiter);
    next->is_released = switching->activation.is_active;
    (void)engine_add_lane(engine, next); /* a failure is settled, too */
}

/* By hand is also how a plugin leaves quarantine that nobody mended. */
static void pardon(struct engine *engine, const struct lane *lane)
{
    const char *plugin = config_text(lane->file, "integration", "plugin");

    if (config_file_is_valid(lane->file) && plugin_host_pardon(engine->rooms.plugins, plugin))
        log_info("the plugin's quarantine ends", F_STR("plugin", plugin));
}

static void kept(struct store_op *op)
{
    struct switching *switching =
        (struct switching *)(void *)((char *)op - offsetof(struct switching, keep.op));
    struct lane *lane = roster_find(&switching->engine->roster, switching->name);
    bool is_active = switching->activation.is_active;

    if (op->status < 0) {
        finish(switching, op->status, op->error.text);
    } else if (lane == NULL) {
        finish(switching, E_NOT_FOUND, "the integration was removed meanwhile");
    } else if (switching->engine->is_stopping) {
        finish(switching, 0, NULL); /* it is kept, for the next start */
    } else if (lane->successor == NULL && lane->state == LANE_ACTIVE && is_active &&
               !lane_has_failed(lane)) {
        lane->activation = switching->activation;
        pardon(switching->engine, lane);
        finish(switching, 0, NULL);
    } else {
        log_integration_scope(lane->name);
        log_info(is_active ? "activated by hand" : "deactivated by hand",
                 F_STR("by", switching->activation.by));
        if (is_active)
            pardon(switching->engine, lane);
        begin_again(switching, lane);
    }
}

static struct lane *find(struct engine *engine, const char *integration, engine_switch_fn done,
                         void *user)
{
    struct lane *lane = roster_find(&engine->roster, integration);
    struct err err = {0};

    if (lane == NULL)
        done(user,
             err_set(&err, E_NOT_FOUND,
                     "there is no integration '%s'; `tenon integration list` shows them",
                     integration),
             &err);
    return lane;
}

void engine_activate(struct engine *engine, const char *integration, bool is_active, struct str by,
                     engine_switch_fn done, void *user)
{
    struct lane *lane = find(engine, integration, done, user);
    struct switching *switching;
    struct err err = {0};

    if (lane == NULL)
        return;
    if (lane->number == 0 || (is_active && lane->state == LANE_DISABLED)) {
        done(user,
             lane->number == 0
                 ? err_set(&err, E_REFUSED, "integration '%s' is not known to the store yet: %s",
                           lane->name, lane->words)
                 : err_set(&err, E_REFUSED,
                           "integration '%s' is disabled in its ini: `tenon integration enable %s`",
                           lane->name, lane->name),
             &err);
        return;
    }
    switching = switching_create(engine, lane, done, user);
    if (switching == NULL) {
        done(user, err_set(&err, -ENOMEM, "out of memory"), &err);
        return;
    }
    switching->activation =
        (struct activation){.is_set = true, .is_active = is_active, .at_ms = clock_wall_ms()};
    (void)snprintf(switching->activation.by, sizeof switching->activation.by, "%.*s",
                   STR_ARG(by)); /* cut is fine */
    put_activation(&switching->activation, &switching->value);
    switching->keep = (struct store_keep){
        .op.done = kept,
        .integration = lane->number,
        .name = str_of(kept_name),
        .value = buf_str(&switching->value),
    };
    store_keep(engine->rooms.store, &switching->keep);
}

/* ---- enabling ---- */

static void reloaded(void *user, const struct engine_reload_result *result)
{
    struct switching *switching = user;

    for (size_t i = 0; result->status == 0 && i < result->count; i++)
        if (result->items[i].integration != NULL && result->items[i].words[0] != '\0' &&
            strcmp(result->items[i].integration, switching->name) == 0) {
            finish(switching, E_REFUSED, result->items[i].words);
            return;
        }
    finish(switching, result->status, result->status < 0 ? result->err->text : NULL);
}

static void edited(struct work *work)
{
    struct switching *switching = (struct switching *)(void *)work;
    struct switching **at = switching->engine != NULL ? &switching->engine->switchings : NULL;

    while (at != NULL && *at != switching)
        at = &(*at)->next;
    if (at != NULL)
        *at = switching->next;
    if (switching->err.code < 0)
        finish(switching, switching->err.code, NULL);
    else if (switching->engine == NULL)
        finish(switching, E_STOPPED, "the daemon is stopping");
    else
        engine_reload(switching->engine, reloaded, switching);
}

void activation_end(struct engine *engine)
{
    for (struct switching *each = engine->switchings; each != NULL; each = each->next) {
        work_wait(&each->work);
        each->engine = NULL; /* its end is on its way */
    }
}

/* [its own thread] */
static void edit(struct work *work)
{
    struct switching *switching = (struct switching *)(void *)work;

    (void)config_edit_enabled(switching->path, switching->is_enabled,
                              &switching->err); /* looked at when it is back */
}

void engine_enable(struct engine *engine, const char *integration, bool is_enabled,
                   engine_switch_fn done, void *user)
{
    struct lane *lane = find(engine, integration, done, user);
    struct switching *switching;
    struct err err = {0};

    if (lane == NULL)
        return;
    switching = switching_create(engine, lane, done, user);
    if (switching == NULL) {
        done(user, err_set(&err, -ENOMEM, "out of memory"), &err);
        return;
    }
    switching->is_enabled = is_enabled;
    switching->work.run = edit;
    switching->work.done = edited;
    if (work_start(&switching->work, engine->rooms.loop, &switching->err) < 0) {
        finish(switching, switching->err.code, NULL);
        return;
    }
    switching->next = engine->switchings;
    engine->switchings = switching;
}
