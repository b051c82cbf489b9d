/* SPDX-License-Identifier: Apache-2.0
 * From one generation to the next while everything runs. A look reads conf.d and the plugin path on
 * a thread of its own, is held against what runs, and begins the lanes that differ; each look is a
 * round, which is answered when its lanes are open or have said why not. Looks follow one another,
 * rounds may overlap: a plugin that takes its time to open holds up nobody else's change. */
#include "engine/engine_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/work.h"
#include "engine/reload_round.h"

#include <stdlib.h>

enum {
    LOOK_AGAIN_MS = 150,      /* at a file that is still being written */
    WAIT_FOR_FILES_MS = 5000, /* so long an answer is put off for such a file */
};

/* A reading under way, on its own thread. */
struct reading {
    struct work work;      /* first: the reading is the whole */
    struct reload *reload; /* NULL: nobody waits for it any more */
    struct generation *former;
    struct setup setup;
    int status;
    struct err err;
};

struct reload {
    struct engine *engine;
    struct reading *reading;
    struct reload_waiter *waiters; /* for the next look */
    struct reload_round *rounds;
    struct loop_timer *again;
    bool is_wanted; /* the next look is due as soon as this one is through */
    bool has_begun;
    char host_words[600]; /* what was wrong with tenon.ini when it was said last */
};

static void look(struct reload *reload);

/* One look, held against what runs. */
struct plan {
    struct reload *reload;
    struct reload_round *round;
    struct generation *next;
    int64_t now_ms;
    bool is_waiting;
};

/* ---- one integration ---- */

static void begin_lane(struct engine *engine, struct generation *next,
                       const struct config_file *file, struct reload_item *item)
{
    struct err err = {0};
    struct lane *lane = lane_create(&engine->rooms, next, file, &err);

    if (lane == NULL || item == NULL) {
        log_error("out of memory, a changed integration is not taken",
                  F_STR("integration", config_file_name(file)));
        lane_destroy(lane);
        return;
    }
    reload_item_wait(item, lane);
    (void)engine_add_lane(engine, lane); /* a failure is settled, too */
}

/* It goes on by what it was, and its successor, should one be opening, is of the past as well. */
static void go_on_by_former(struct lane *lane, const char *words)
{
    char text[sizeof lane->former_words];

    (void)snprintf(text, sizeof text, "running the former configuration: %s",
                   words); /* cut is fine */
    if (lane->successor != NULL)
        memcpy(lane->successor->former_words, text, sizeof text);
    if (strcmp(text, lane->former_words) == 0)
        return;
    memcpy(lane->former_words, text, sizeof text);
    log_warn("configuration refused, the former one goes on", F_STR("error", words));
}

/* The file is not usable. Somebody who runs goes on; else there is a lane that says why. */
static void refuse(struct engine *engine, struct lane *lane, struct generation *next,
                   const struct config_file *file, const char *words)
{
    struct err err = {0};
    struct lane *failed;

    log_integration_scope(config_file_name(file));
    if (lane != NULL && !lane_has_failed(lane)) {
        go_on_by_former(lane, words);
        return;
    }
    if (lane != NULL && strncmp(lane->words, words, sizeof lane->words - 1) == 0)
        return;
    failed = lane_create(&engine->rooms, next, file, &err);
    if (failed != NULL)
        (void)engine_add_lane(engine, failed); /* no memory: then nobody says why */
}

/* What a lane would be by now: its successor counts when one is opening. */
static struct generation_part part_of(const struct lane *lane)
{
    const struct lane *last = lane != NULL && lane->successor != NULL ? lane->successor : lane;

    return (struct generation_part){last != NULL ? last->generation : NULL,
                                    last != NULL ? last->file : NULL};
}

static void unchanged(struct engine *engine, struct lane *lane, struct generation *next,
                      struct reload_item *item, bool is_by_hand)
{
    struct lane *last = lane->successor != NULL ? lane->successor : lane;

    if (is_by_hand && lane_has_failed(last)) {
        begin_lane(engine, next, config_find(generation_config(next), lane->name), item);
        return;
    }
    if (last->former_words[0] != '\0') {
        log_integration_scope(last->name);
        log_info("the present configuration is what runs, again");
    }
    lane_rebind(last, next, config_find(generation_config(next), lane->name));
    if (is_by_hand && last->state == LANE_STARTING) {
        item->change = CHANGE_REPLACED; /* a moment ago, by itself */
        reload_item_wait(item, last);
    }
}

static void log_change(const struct reload_item *item)
{
    log_integration_scope(item->integration);
    if (item->change == CHANGE_REFUSED && item->integration == NULL)
        log_warn("file refused, what there was goes on", F_STR("file", item->file),
                 F_STR("error", item->words));
    else if (item->change == CHANGE_ADDED || item->change == CHANGE_REPLACED ||
             item->change == CHANGE_REMOVED)
        log_info("file taken", F_STR("file", item->file),
                 F_STR("change", change_name(item->change)));
}

static void apply(struct plan *plan, struct lane *lane, const struct config_file *file,
                  enum change change, struct str words)
{
    struct engine *engine = plan->reload->engine;
    struct generation *next = plan->next;
    const char *name = lane != NULL ? lane->name : config_file_name(file);
    struct reload_item *item = reload_round_add(
        plan->round, change, config_file_path(file != NULL ? file : lane->file), name, words);

    if (item == NULL)
        return;
    log_change(item);
    switch (change) {
    case CHANGE_NONE:
        unchanged(engine, lane, next, item, plan->round->is_by_hand);
        break;
    case CHANGE_ADDED:
    case CHANGE_REPLACED:
        begin_lane(engine, next, file, item);
        break;
    case CHANGE_REMOVED:
        roster_remove(&engine->roster, lane);
        break;
    case CHANGE_REFUSED:
        refuse(engine, lane, next, file, item->words);
        break;
    case CHANGE_WAITING:
        break;
    }
}

/* ---- one look ---- */

/* It did not open as it is now, and nobody asks for another try. */
static bool was_tried(const struct plan *plan, const struct lane *lane,
                      const struct generation_part *next)
{
    struct generation_part tried = {lane != NULL ? lane->tried : NULL,
                                    lane != NULL ? lane->tried_file : NULL};
    _buf_ struct buf unused = {0};

    return tried.file != NULL && next->file != NULL && !plan->round->is_by_hand &&
           generation_compare(&tried, next, plan->now_ms, &unused) == CHANGE_NONE;
}

static void plan_file(struct plan *plan, struct lane *lane, const struct config_file *file,
                      bool is_dry)
{
    struct generation_part former = part_of(lane);
    struct generation_part next = {plan->next, file};
    _buf_ struct buf words = {0};

    if (was_tried(plan, lane, &next)) {
        if (!is_dry)
            lane_set_tried(lane, plan->next, file);
        return;
    }
    enum change change = generation_compare(&former, &next, plan->now_ms, &words);

    plan->is_waiting |= change == CHANGE_WAITING;
    if (!is_dry)
        apply(plan, lane, file, change, buf_str(&words));
}

static void plan_integrations(struct plan *plan, bool is_dry)
{
    struct roster *roster = &plan->reload->engine->roster;
    const struct config *config = generation_config(plan->next);

    for (size_t i = roster->count; i-- > 0;) /* from behind: some are taken out */
        if (config_find(config, roster->lanes[i]->name) == NULL)
            plan_file(plan, roster->lanes[i], NULL, is_dry);
    for (size_t i = 0; i < config_file_count(config); i++) {
        const struct config_file *file = config_file_at(config, i);

        if (config_file_kind(file) == CONFIG_INTEGRATION)
            plan_file(plan, roster_find(roster, config_file_name(file)), file, is_dry);
    }
}

static void plan_plugin(struct plan *plan, const struct catalog_entry *former,
                        const struct catalog_entry *next, bool is_dry)
{
    _buf_ struct buf words = {0};
    enum change change = generation_compare_plugin(former, next, plan->now_ms, &words);
    const struct reload_item *item;

    plan->is_waiting |= change == CHANGE_WAITING;
    if (is_dry || (next != NULL && next->state == CATALOG_FOREIGN))
        return;
    item = reload_round_add(plan->round, change, (next != NULL ? next : former)->path, NULL,
                            buf_str(&words));
    if (item != NULL)
        log_change(item);
}

static void plan_plugins(struct plan *plan, bool is_dry)
{
    const struct catalog *former = engine_catalog(plan->reload->engine);
    const struct catalog *next = generation_catalog(plan->next);

    for (size_t i = 0; i < catalog_count(next); i++) {
        const struct catalog_entry *entry = catalog_at(next, i);

        plan_plugin(plan, former != NULL ? catalog_find_path(former, entry->path) : NULL, entry,
                    is_dry);
    }
    for (size_t i = 0; former != NULL && i < catalog_count(former); i++)
        if (catalog_find_path(next, catalog_at(former, i)->path) == NULL)
            plan_plugin(plan, catalog_at(former, i), NULL, is_dry);
}

/* False: tenon.ini stands in the way of the whole. */
static bool plan_host(struct plan *plan, bool is_dry)
{
    struct reload *reload = plan->reload;
    _buf_ struct buf words = {0};
    enum change change =
        generation_compare_host(reload->engine->generation, plan->next, plan->now_ms, &words);
    const struct config_file *host = config_host(generation_config(plan->next));
    struct reload_item *item;

    plan->is_waiting |= change == CHANGE_WAITING;
    if (is_dry)
        return true;
    item = reload_round_add(plan->round, change, config_file_path(host), NULL, buf_str(&words));
    if (item != NULL && strcmp(item->words, reload->host_words) != 0) {
        (void)snprintf(reload->host_words, sizeof reload->host_words, "%s",
                       item->words); /* cut is fine */
        log_change(item);
    }
    return change != CHANGE_REFUSED && change != CHANGE_WAITING;
}

/* The answer is put off while somebody writes, unless all who wait ran out of patience. */
static bool is_worth_waiting(struct plan *plan)
{
    int64_t now_ms = clock_mono_us() / 1000;

    if (plan->round->waiters == NULL)
        return false;
    (void)plan_host(plan, true);
    plan_integrations(plan, true);
    plan_plugins(plan, true);
    if (!plan->is_waiting)
        return false;
    for (const struct reload_waiter *waiter = plan->round->waiters; waiter != NULL;
         waiter = waiter->next)
        if (waiter->patience_until_ms > now_ms)
            return true;
    return false;
}

static void give_back_waiters(struct reload *reload, struct reload_round *round)
{
    struct reload_waiter **tail = &round->waiters;

    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = reload->waiters;
    reload->waiters = steal(round->waiters);
}

static void take(struct reload *reload, struct reload_round *round, struct generation *take_next)
{
    struct engine *engine = reload->engine;
    struct plan plan = {
        .reload = reload, .round = round, .next = take_next, .now_ms = clock_wall_ms()};
    struct generation *former = engine->generation;

    if (is_worth_waiting(&plan)) {
        give_back_waiters(reload, round);
    } else if (plan_host(&plan, false)) {
        plan_integrations(&plan, false);
        plan_plugins(&plan, false);
        engine->generation = generation_ref(take_next);
        if (engine->rooms.configured != NULL)
            engine->rooms.configured(engine->rooms.user, generation_config(former));
        generation_unref(former);
    }
    if (plan.is_waiting)
        loop_timer_set(reload->again, LOOK_AGAIN_MS);
    generation_unref(take_next);
}

static void taken(struct work *work)
{
    struct reading *reading = (struct reading *)(void *)work;
    struct reload *reload = reading->reload;
    struct generation *next = NULL;
    struct reload_round *round;

    generation_unref(reading->former);
    if (reload == NULL) {
        setup_finish(&reading->setup);
        free(reading);
        return;
    }
    reload->reading = NULL;
    round = reload->rounds; /* the one of this look is the newest */
    round->status = reading->status;
    round->err = reading->err;
    if (round->status == 0 && reload->engine->is_stopping)
        round->status = err_set(&round->err, E_STOPPED, "the daemon is stopping");
    if (round->status == 0 && (next = generation_create(&reading->setup)) == NULL)
        round->status = err_set(&round->err, -ENOMEM, "out of memory");
    if (next != NULL)
        take(reload, round, next);
    else
        log_warn("the configuration cannot be read, what runs goes on", F_ERR(&round->err));
    setup_finish(&reading->setup);
    free(reading);
    round->is_planned = true;
    reload_round_maybe_end(round);
    if (reload->is_wanted)
        look(reload);
}

/* [its own thread] */
static void read_setup(struct work *work)
{
    struct reading *reading = (struct reading *)(void *)work;

    reading->status =
        setup_load_again(generation_setup(reading->former), &reading->setup, &reading->err);
}

static int start_reading(struct reload *reload, struct err *err)
{
    struct engine *engine = reload->engine;
    struct reading *reading = calloc(1, sizeof *reading);
    int status;

    if (reading == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    reading->work.run = read_setup;
    reading->work.done = taken;
    reading->reload = reload;
    reading->former = generation_ref(engine->generation);
    status = work_start(&reading->work, engine->rooms.loop, err);
    if (status < 0) {
        generation_unref(reading->former);
        free(reading);
        return status;
    }
    reload->reading = reading;
    return 0;
}

static void look(struct reload *reload)
{
    struct reload_round *round;

    if (!reload->has_begun || reload->reading != NULL || reload->engine->is_stopping) {
        reload->is_wanted = true;
        return;
    }
    round = calloc(1, sizeof *round);
    if (round == NULL) {
        loop_timer_set(reload->again, LOOK_AGAIN_MS);
        return;
    }
    reload->is_wanted = false;
    loop_timer_clear(reload->again);
    round->list = &reload->rounds;
    round->waiters = steal(reload->waiters);
    round->is_by_hand = round->waiters != NULL;
    round->next = reload->rounds;
    reload->rounds = round;
    round->status = start_reading(reload, &round->err);
    if (round->status < 0) {
        round->is_planned = true;
        reload_round_maybe_end(round);
    }
}

static void on_again(void *user)
{
    look(user);
}

/* ---- life ---- */

struct reload *reload_create(struct engine *engine, struct err *err)
{
    struct reload *reload = calloc(1, sizeof *reload);

    if (reload != NULL) {
        reload->engine = engine;
        reload->again = loop_timer_create(engine->rooms.loop, on_again, reload);
    }
    if (reload == NULL || reload->again == NULL) {
        reload_destroy(reload);
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    return reload;
}

void reload_begin(struct reload *reload)
{
    reload->has_begun = true;
    if (reload->is_wanted)
        look(reload);
}

void reload_destroy(struct reload *reload)
{
    struct engine_reload_result result = {.status = E_STOPPED};
    struct err err = {0};

    if (reload == NULL)
        return;
    (void)err_set(&err, E_STOPPED, "the daemon is stopping");
    result.err = &err;
    if (reload->reading != NULL) {
        work_wait(&reload->reading->work);
        reload->reading->reload = NULL; /* its end is on its way and frees it */
    }
    reload_answer(steal(reload->waiters), &result);
    while (reload->rounds != NULL) {
        struct reload_round *round = reload->rounds;

        reload->rounds = round->next;
        reload_answer(steal(round->waiters), &result);
        reload_round_destroy(round);
    }
    loop_timer_destroy(reload->again);
    free(reload);
}

void engine_reload(struct engine *engine, engine_reload_fn done, void *user)
{
    struct reload *reload = engine->reload;
    struct reload_waiter *waiter;

    if (done != NULL) {
        waiter = calloc(1, sizeof *waiter);
        if (waiter == NULL) {
            struct err err = {0};
            const struct engine_reload_result result = {
                .status = err_set(&err, -ENOMEM, "out of memory"), .err = &err};

            done(user, &result);
            return;
        }
        *waiter = (struct reload_waiter){reload->waiters, done, user,
                                         clock_mono_us() / 1000 + WAIT_FOR_FILES_MS};
        reload->waiters = waiter;
    }
    look(reload);
}
