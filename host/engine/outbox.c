/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/outbox.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

enum {
    WAIT_MS = 5,  /* for more verdicts to share a commit with: nobody waits for one */
    ENOUGH = 256, /* verdicts that are worth a commit of their own */
    WRITE_AGAIN_MS = 1000,
    KEEP_OUTCOMES = 1024,
    LOOK_BACK = 32, /* so far a verdict overtakes those that came before it */
};

static void write_done(struct store_op *op);

static void on_timer(void *user)
{
    struct outbox *outbox = user;

    log_integration_scope(outbox->name);
    outbox_flush(outbox);
}

int outbox_init(struct outbox *outbox, struct loop *loop, struct store *store,
                const struct outbox_events *events)
{
    *outbox = (struct outbox){.store = store, .events = *events};
    outbox->timer = loop_timer_create(loop, on_timer, outbox);
    return outbox->timer != NULL ? 0 : -ENOMEM;
}

static void side_finish(struct outbox_side *side)
{
    free(side->outcomes);
    arena_finish(&side->texts);
    *side = (struct outbox_side){0};
}

void outbox_finish(struct outbox *outbox)
{
    loop_timer_destroy(outbox->timer);
    outbox->timer = NULL;
    side_finish(&outbox->filling);
    side_finish(&outbox->writing);
}

bool outbox_is_empty(const struct outbox *outbox)
{
    return !outbox->is_writing && outbox->filling.count == 0 && outbox->writing.count == 0;
}

static struct str keep(struct arena *texts, struct str text)
{
    return text.len > 0 ? arena_copy(texts, text) : STR_NONE;
}

/* In about the order of submissions, as verdicts come in another: a store that appends what it
 * writes has less to move then. Those of one submission stay in their own. */
static struct store_outcome *place_of(struct outbox_side *side, uint64_t submission)
{
    size_t least = side->count > LOOK_BACK ? side->count - LOOK_BACK : 0;
    size_t at = side->count++;

    while (at > least && side->outcomes[at - 1].submission > submission) {
        side->outcomes[at] = side->outcomes[at - 1];
        at--;
    }
    return &side->outcomes[at];
}

void outbox_add(struct outbox *outbox, const struct store_outcome *outcome)
{
    struct outbox_side *side = &outbox->filling;
    struct store_outcome *place;

    if (side->count == side->room) {
        size_t room = side->room > 0 ? side->room * 2 : 64;
        struct store_outcome *more = realloc(side->outcomes, room * sizeof *more);

        if (more == NULL) {
            /* The lease runs out and the record is tried again: late, not lost. */
            log_error("out of memory, a verdict is not written down",
                      F_INT("submission", outcome->submission));
            return;
        }
        side->outcomes = more;
        side->room = room;
    }
    place = place_of(side, outcome->submission);
    *place = *outcome;
    place->reason = keep(&side->texts, outcome->reason);
    place->request = keep(&side->texts, outcome->request);
    place->answer = keep(&side->texts, outcome->answer);
    place->trace = keep(&side->texts, outcome->trace);
    place->external_id = keep(&side->texts, outcome->external_id);
    if (outbox->is_writing)
        return;
    if (side->count == 1 && outbox->writing.count == 0)
        loop_timer_set(outbox->timer, WAIT_MS);
    else if (side->count == ENOUGH)
        loop_timer_set(outbox->timer, 0);
}

static void write_side(struct outbox *outbox)
{
    outbox->record = (struct store_record){
        .op.done = write_done,
        .integration = outbox->integration,
        .outcomes = outbox->writing.outcomes,
        .count = outbox->writing.count,
    };
    outbox->is_writing = true;
    store_record(outbox->store, &outbox->record);
}

static void write_done(struct store_op *op)
{
    struct outbox *outbox =
        (struct outbox *)(void *)((char *)op - offsetof(struct outbox, record.op));
    size_t count = outbox->writing.count;

    log_integration_scope(outbox->name);
    outbox->is_writing = false;
    if (op->status < 0) {
        log_error("verdicts could not be written, will try again", F_INT("count", count),
                  F_INT("wait_ms", WRITE_AGAIN_MS), F_ERR(&op->error));
        loop_timer_set(outbox->timer, WRITE_AGAIN_MS);
        return;
    }
    outbox->writing.count = 0;
    arena_finish(&outbox->writing.texts);
    if (outbox->writing.room > KEEP_OUTCOMES)
        side_finish(&outbox->writing);
    if (outbox->filling.count > 0)
        loop_timer_set(outbox->timer, outbox->filling.count < ENOUGH ? WAIT_MS : 0);
    outbox->events.written(outbox->events.user, count, outbox->record.next_due_ms);
}

void outbox_flush(struct outbox *outbox)
{
    struct outbox_side empty;

    if (outbox->is_writing)
        return;
    if (outbox->writing.count == 0) {
        if (outbox->filling.count == 0)
            return;
        empty = outbox->writing;
        outbox->writing = outbox->filling;
        outbox->filling = empty;
        write_side(outbox);
        outbox->events.leaving(outbox->events.user, outbox->writing.count);
        return;
    }
    write_side(outbox); /* again */
}
