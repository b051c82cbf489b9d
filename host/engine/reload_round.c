/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/reload_round.h"

#include "base/cleanup.h"

#include <stdlib.h>

struct reload_item *reload_round_add(struct reload_round *round, enum change change,
                                     const char *file, const char *integration, struct str words)
{
    struct reload_item *item = calloc(1, sizeof *item);

    if (round->count == round->room) {
        size_t room = round->room > 0 ? round->room * 2 : 16;
        struct reload_item **items = realloc(round->items, room * sizeof(struct reload_item *));

        if (items == NULL) {
            free(item);
            item = NULL;
        } else {
            round->items = items;
            round->room = room;
        }
    }
    if (item == NULL) {
        round->is_out_of_memory = true;
        return NULL;
    }
    item->round = round;
    item->change = change;
    item->file = strdup(file);
    item->integration = integration != NULL ? strdup(integration) : NULL;
    item->words = str_dup(words.len > 0 ? words : STR(""));
    round->items[round->count++] = item;
    if (item->file == NULL || item->words == NULL ||
        (integration != NULL && item->integration == NULL))
        round->is_out_of_memory = true;
    return item;
}

void reload_round_destroy(struct reload_round *round)
{
    for (size_t i = 0; i < round->count; i++) {
        free(round->items[i]->file);
        free(round->items[i]->integration);
        free(round->items[i]->words);
        free(round->items[i]);
    }
    free(round->items);
    free(round);
}

void reload_answer(struct reload_waiter *waiters, const struct engine_reload_result *result)
{
    while (waiters != NULL) {
        struct reload_waiter *waiter = waiters;

        waiters = waiter->next;
        waiter->done(waiter->user, result);
        free(waiter);
    }
}

static void answer(struct reload_round *round)
{
    _free_ struct engine_reload_item *items = calloc(round->count + 1, sizeof *items);
    struct engine_reload_result result = {.status = round->status, .err = &round->err};

    if (items == NULL || round->is_out_of_memory)
        result.status = err_set(&round->err, -ENOMEM, "out of memory");
    for (size_t i = 0; result.status == 0 && i < round->count; i++) {
        const struct reload_item *item = round->items[i];

        items[i] = (struct engine_reload_item){item->file, item->integration,
                                               change_name(item->change), item->words};
        result.refused += item->change == CHANGE_REFUSED;
        result.changed += item->change == CHANGE_ADDED || item->change == CHANGE_REPLACED ||
                          item->change == CHANGE_REMOVED;
    }
    result.items = items;
    result.count = result.status == 0 ? round->count : 0;
    reload_answer(steal(round->waiters), &result);
}

void reload_round_maybe_end(struct reload_round *round)
{
    struct reload_round **at = round->list;

    if (!round->is_planned || round->pending > 0)
        return;
    while (*at != round)
        at = &(*at)->next;
    *at = round->next;
    answer(round);
    reload_round_destroy(round);
}

static void lane_settled(struct lane_waiter *waiter, const char *problem)
{
    struct reload_item *item = (struct reload_item *)(void *)waiter;
    struct reload_round *round = item->round;

    if (problem != NULL) {
        char *words = strdup(problem);

        item->change = CHANGE_REFUSED;
        if (words != NULL) {
            free(item->words);
            item->words = words;
        }
    }
    round->pending--;
    reload_round_maybe_end(round);
}

void reload_item_wait(struct reload_item *item, struct lane *lane)
{
    item->waiter.settled = lane_settled;
    item->round->pending++;
    roster_wait(lane, &item->waiter);
}
