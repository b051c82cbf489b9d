/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/roster.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

static void tend(void *user);

int roster_init(struct roster *roster, struct loop *loop, void (*changed)(void *user), void *user)
{
    *roster = (struct roster){.changed = changed, .changed_user = user};
    roster->timer = loop_timer_create(loop, tend, roster);
    return roster->timer != NULL ? 0 : -ENOMEM;
}

static void settled(struct lane *lane, const char *problem)
{
    struct lane_waiter *waiter = lane->waiters;

    lane->waiters = NULL;
    while (waiter != NULL) {
        struct lane_waiter *next = waiter->next;

        waiter->settled(waiter, problem);
        waiter = next;
    }
}

static void destroy(struct lane *lane)
{
    if (lane == NULL)
        return;
    lane->changed = NULL;
    destroy(lane->successor);
    settled(lane, "given up: tenond stops, or is out of memory");
    lane_destroy(lane);
}

void roster_finish(struct roster *roster)
{
    while (roster->draining != NULL) {
        struct lane *lane = roster->draining;

        roster->draining = lane->next;
        destroy(lane);
    }
    while (roster->count > 0) /* one by one: their ends are told to who looks at the others */
        destroy(roster->lanes[--roster->count]);
    free(roster->lanes);
    loop_timer_destroy(roster->timer);
    *roster = (struct roster){0};
}

struct lane *roster_find(const struct roster *roster, const char *name)
{
    size_t low = 0;
    size_t high = roster->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(roster->lanes[middle]->name, name);

        if (order == 0)
            return roster->lanes[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct lane *roster_find_plugin(const struct roster *roster, const struct plugin_instance *instance)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct lane *lane = roster->lanes[i];
        if (lane->plugin == instance)
            return lane;
        if (lane->successor != NULL && lane->successor->plugin == instance)
            return lane->successor;
    }
    for (struct lane *lane = roster->draining; lane != NULL; lane = lane->next)
        if (lane->plugin == instance)
            return lane;
    return NULL;
}

/* A lane says that its state changed; it may be in the midst of its own callback. */
static void lane_changed(void *user, struct lane *lane)
{
    struct roster *roster = user;

    (void)lane;
    loop_timer_set(roster->timer, 0);
}

static void drain(struct roster *roster, struct lane *lane)
{
    settled(lane, "given up before it was open: it was changed again");
    lane_stop(lane);
    lane->next = roster->draining;
    roster->draining = lane;
    loop_timer_set(roster->timer, 0);
}

static int grow(struct roster *roster)
{
    size_t room = roster->room > 0 ? roster->room * 2 : 16;
    struct lane **lanes;

    if (roster->count < roster->room)
        return 0;
    lanes = realloc(roster->lanes, room * sizeof(struct lane *));
    if (lanes == NULL)
        return -ENOMEM;
    roster->lanes = lanes;
    roster->room = room;
    return 0;
}

void roster_wait(struct lane *lane, struct lane_waiter *waiter)
{
    waiter->next = lane->waiters;
    lane->waiters = waiter;
}

/* A plugin that sends by itself may hold a file or a place in a queue that is not for two. */
static bool is_submitted_by_former(const struct roster *roster, const char *name)
{
    for (const struct lane *lane = roster->draining; lane != NULL; lane = lane->next)
        if (lane->facts.has_submit && strcmp(lane->name, name) == 0)
            return true;
    return false;
}

int roster_add(struct roster *roster, struct lane *lane)
{
    struct lane *former = roster_find(roster, lane->name);
    size_t at = roster->count;

    lane->changed = lane_changed;
    lane->changed_user = roster;
    loop_timer_set(roster->timer, 0);
    if (former != NULL) {
        if (former->successor != NULL)
            drain(roster, former->successor);
        former->successor = lane;
        lane->waits_for_former = true;
        return 0;
    }
    if (grow(roster) < 0) {
        destroy(lane);
        return -ENOMEM;
    }
    lane->waits_for_former = is_submitted_by_former(roster, lane->name);
    for (; at > 0 && strcmp(roster->lanes[at - 1]->name, lane->name) > 0; at--)
        roster->lanes[at] = roster->lanes[at - 1];
    roster->lanes[at] = lane;
    roster->count++;
    return 0;
}

static struct lane *take_successor(struct lane *lane)
{
    struct lane *next = lane->successor;

    lane->successor = NULL;
    return next;
}

void roster_remove(struct roster *roster, struct lane *lane)
{
    struct lane *successor = take_successor(lane);
    size_t at = 0;

    while (at < roster->count && roster->lanes[at] != lane)
        at++;
    for (; at + 1 < roster->count; at++)
        roster->lanes[at] = roster->lanes[at + 1];
    roster->count--;
    if (successor != NULL)
        drain(roster, successor);
    drain(roster, lane);
}

/* ---- changes of place ---- */

static bool is_at_work(const struct lane *lane)
{
    return !lane_has_failed(lane) && (lane->state == LANE_ACTIVE || lane->state == LANE_STARTING);
}

/* The successor is open, or is not to be opened, or cannot be. */
static void follow(struct roster *roster, size_t at)
{
    struct lane *lane = roster->lanes[at];
    struct lane *next = take_successor(lane);

    if (next->state == LANE_FAILED && is_at_work(lane)) {
        (void)snprintf(lane->former_words, sizeof lane->former_words,
                       "running the former configuration: %s", next->words); /* cut is fine */
        log_integration_scope(lane->name);
        log_warn("the present configuration does not start, the former one goes on",
                 F_STR("error", next->words));
        lane_set_tried(lane, next->generation, next->file);
        settled(next, next->words);
        drain(roster, next);
        return;
    }
    roster->lanes[at] = next;
    lane_inherit(next, lane);
    drain(roster, lane);
    next->waits_for_former = next->facts.has_submit && is_submitted_by_former(roster, next->name);
    lane_look(next);
    settled(next, next->state == LANE_FAILED ? next->words : NULL);
}

/* Two that hear the same signals at once would hear them twice, and tread on one cursor. */
static bool is_heard_by_former(const struct roster *roster, const char *name)
{
    for (const struct lane *lane = roster->draining; lane != NULL; lane = lane->next)
        if (lane->signals != NULL && !subscriber_is_idle(lane->signals) &&
            strcmp(lane->name, name) == 0)
            return true;
    return false;
}

static void sweep(struct roster *roster)
{
    struct lane **at = &roster->draining;

    while (*at != NULL) {
        struct lane *lane = *at;
        struct lane *heir = roster_find(roster, lane->name);

        if (heir != NULL)
            lane_look(heir); /* what the other gave back may wait for it */
        if (lane_is_idle(lane))
            lane_close(lane);
        if (!lane_is_idle(lane) || !lane_is_closed(lane)) {
            at = &lane->next;
            continue;
        }
        *at = lane->next;
        if (heir != NULL)
            lane_take_figures(heir, lane);
        destroy(lane);
        if (heir != NULL && heir->waits_for_former && !is_submitted_by_former(roster, heir->name)) {
            heir->waits_for_former = false;
            lane_look(heir);
        }
    }
}

static void tend(void *user)
{
    struct roster *roster = user;

    for (size_t i = 0; i < roster->count; i++) {
        struct lane *lane = roster->lanes[i];

        if (lane->successor != NULL && lane->successor->state != LANE_STARTING)
            follow(roster, i);
        else if (lane->state != LANE_STARTING)
            settled(lane, lane->state == LANE_FAILED ? lane->words : NULL);
    }
    sweep(roster);
    for (size_t i = 0; i < roster->count; i++)
        if (roster->lanes[i]->signals == NULL &&
            !is_heard_by_former(roster, roster->lanes[i]->name))
            lane_subscribe(roster->lanes[i]);
    roster->changed(roster->changed_user);
}

/* ---- all of them ---- */

void roster_stop(struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct lane *successor = take_successor(roster->lanes[i]);

        if (successor != NULL)
            drain(roster, successor);
        lane_stop(roster->lanes[i]);
    }
}

bool roster_is_idle(const struct roster *roster)
{
    for (const struct lane *lane = roster->draining; lane != NULL; lane = lane->next)
        if (!lane_is_idle(lane))
            return false;
    for (size_t i = 0; i < roster->count; i++)
        if (!lane_is_idle(roster->lanes[i]) ||
            (roster->lanes[i]->successor != NULL && !lane_is_idle(roster->lanes[i]->successor)))
            return false;
    return true;
}

uint32_t roster_draining(const struct roster *roster, const char *name)
{
    uint32_t records = 0;

    for (const struct lane *lane = roster->draining; lane != NULL; lane = lane->next)
        if (strcmp(lane->name, name) == 0)
            records += lane->in_flight + (uint32_t)lane->outbox.writing.count;
    return records;
}

void roster_flush(struct roster *roster)
{
    for (struct lane *lane = roster->draining; lane != NULL; lane = lane->next)
        outbox_flush(&lane->outbox);
    for (size_t i = 0; i < roster->count; i++)
        outbox_flush(&roster->lanes[i]->outbox);
}
