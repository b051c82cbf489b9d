/* SPDX-License-Identifier: Apache-2.0
 * Parked signals by hand: given to their handler again, or given up.
 *
 *   retry:   look the signal up in the store --> line --> handler --> off the list, or parked anew
 *   discard: off the list --> told once the store has it
 *
 * A signal stays on the list until it is handled, so a crash in between loses none. */
#include "base/err.h"
#include "signals/subscriber_internal.h"

#include <stdlib.h>

struct wanted {
    struct subscription *one;
    uint64_t seq;
    uint32_t attempts;
};

struct parked_move {
    struct store_query query; /* first: a query is its move */
    struct parked_move *next; /* of those that wait for a write */
    struct subscriber *subscriber;
    struct parked_result result;
    struct err err;
    parked_fn done;
    void *user;
    struct heard *found;
    bool is_out_of_memory;
    size_t count, at;
    struct wanted wanted[];
};

static const char *const refusal_names[PARKED_REFUSALS] = {
    [PARKED_NOT_THERE] = "not_parked",
    [PARKED_UNDER_WAY] = "under_way",
    [PARKED_REMOVED] = "removed_from_store",
    [PARKED_NO_ROOM] = "no_room",
};

const char *parked_refusal_name(enum parked_refusal refusal)
{
    return refusal_names[refusal];
}

/* ---- which ---- */

static bool is_chosen(const struct parked_choice *choice, uint64_t seq)
{
    for (size_t i = 0; i < choice->count; i++)
        if (choice->seqs[i] == seq)
            return true;
    return choice->count == 0;
}

/* In line, in hand or being tried again. */
static bool is_under_way(const struct subscription *one, uint64_t seq)
{
    for (const struct heard *heard = one->first; heard != NULL; heard = heard->next)
        if (heard->signal.seq == seq)
            return true;
    return one->in_hand != NULL && one->in_hand->signal.seq == seq;
}

bool subscriber_is_under_way(const struct subscriber *subscriber, size_t index, uint64_t seq)
{
    return is_under_way(&subscriber->subscriptions[index], seq);
}

static size_t count_parked(const struct subscriber *subscriber)
{
    size_t count = 0;

    for (size_t i = 0; i < subscriber->count; i++)
        count += subscriber_kept_count(&subscriber->subscriptions[i].parked_kept);
    return count;
}

/* Each that is chosen, in every subscription that parked it. */
static void choose(struct parked_move *move, const struct parked_choice *choice)
{
    struct subscriber *subscriber = move->subscriber;

    for (size_t i = 0; i < subscriber->count; i++) {
        struct subscription *one = &subscriber->subscriptions[i];
        struct str rest = STR_NONE;
        struct parked_facts facts;
        while (subscriber_kept_next(&one->parked_kept, &rest, &facts))
            if (is_chosen(choice, facts.seq))
                move->wanted[move->count++] = (struct wanted){one, facts.seq, facts.attempts};
    }
    move->result.matched = move->count;
    for (size_t i = 0; i < choice->count; i++) {
        size_t n = 0;
        while (n < move->count && move->wanted[n].seq != choice->seqs[i])
            n++;
        move->result.refused[PARKED_NOT_THERE] += n == move->count;
    }
    move->result.matched += move->result.refused[PARKED_NOT_THERE];
}

/* NULL: done was told why. */
static struct parked_move *begin(struct subscriber *subscriber, const struct parked_choice *choice,
                                 parked_fn done, void *user)
{
    struct err err = {0};
    struct parked_result failed = {.err = &err};
    struct parked_move *move = NULL;

    if (subscriber->is_reading || subscriber->is_stopping)
        failed.status = err_set(&err, E_STOPPED, "the integration is just %s",
                                subscriber->is_reading ? "opening" : "closing");
    else
        move = calloc(1, sizeof *move + count_parked(subscriber) * sizeof(struct wanted));
    if (move == NULL) {
        if (failed.status == 0)
            failed.status = err_set(&err, -ENOMEM, "out of memory");
        done(user, &failed);
        return NULL;
    }
    move->subscriber = subscriber;
    move->done = done;
    move->user = user;
    subscriber->moves++;
    choose(move, choice);
    return move;
}

static void end(struct parked_move *move)
{
    struct subscriber *subscriber = move->subscriber;

    move->result.err = &move->err;
    move->done(move->user, &move->result);
    free(move->found);
    free(move);
    subscriber->moves--;
    subscriber_look_idle(subscriber);
}

/* ---- again ---- */

/* [pool] */
static bool on_row(struct store_query *query, const struct store_row *row)
{
    struct parked_move *move = (struct parked_move *)query;
    const struct store_signal signal = hub_signal_of(row);

    if (row->seq != move->wanted[move->at].seq)
        return false;
    move->found = subscriber_copy(&(struct hub_signal){.signal = &signal});
    move->is_out_of_memory = move->found == NULL;
    return false;
}

static void on_read(struct store_op *op);

static void look_up_next(struct parked_move *move)
{
    if (move->at == move->count) {
        end(move);
        return;
    }
    move->query = (struct store_query){
        .op.done = on_read,
        .query = QUERY_SIGNALS,
        .after = move->wanted[move->at].seq - 1,
        .limit = 1,
        .row = on_row,
    };
    store_query(move->subscriber->settings.store, &move->query);
}

static void line_up(struct parked_move *move)
{
    const struct wanted *wanted = &move->wanted[move->at];
    struct heard *heard = move->found;
    struct parked_facts facts;
    enum parked_refusal refusal = PARKED_REFUSALS;

    move->found = NULL;
    if (heard == NULL)
        refusal = PARKED_REMOVED;
    else if (is_under_way(wanted->one, wanted->seq))
        refusal = PARKED_UNDER_WAY;
    else if (!subscriber_kept_find(&wanted->one->parked_kept, wanted->seq, &facts))
        refusal = PARKED_NOT_THERE;
    if (refusal == PARKED_REFUSALS) {
        heard->is_parked = true;
        heard->before = wanted->attempts;
        if (subscriber_take_in_line(wanted->one, heard))
            move->result.moved++;
        else
            move->result.refused[PARKED_NO_ROOM]++;
        return;
    }
    free(heard);
    move->result.refused[refusal]++;
}

static void on_read(struct store_op *op)
{
    struct parked_move *move = (struct parked_move *)op;

    if (op->status == 0 && move->is_out_of_memory)
        op->status = err_set(&op->error, -ENOMEM, "out of memory");
    if (op->status == 0 && move->subscriber->is_stopping)
        op->status = err_set(&op->error, E_STOPPED, "the integration is just closing");
    if (op->status < 0) {
        move->result.status = op->status;
        move->err = op->error;
        end(move);
        return;
    }
    line_up(move);
    move->at++;
    look_up_next(move);
}

void subscriber_retry(struct subscriber *subscriber, const struct parked_choice *choice,
                      parked_fn done, void *user)
{
    struct parked_move *move = begin(subscriber, choice, done, user);

    if (move != NULL)
        look_up_next(move);
}

/* ---- given up ---- */

static bool is_being_written(const struct parked_move *move)
{
    for (size_t i = 0; i < move->count; i++)
        if (move->wanted[i].one->parked_kept.is_busy)
            return true;
    return false;
}

/* The newest value stands, so what its write says holds for all before. */
static void note_failure(struct parked_move *move)
{
    for (size_t i = 0; i < move->count && move->result.status == 0; i++) {
        const struct store_op *op = &move->wanted[i].one->parked_kept.op.op;
        move->result.status = op->status;
        move->err = op->error;
    }
}

void subscriber_parked_written(struct subscriber *subscriber)
{
    struct parked_move **at = &subscriber->unwritten;

    while (*at != NULL) {
        struct parked_move *move = *at;
        if (is_being_written(move)) {
            at = &move->next;
            continue;
        }
        *at = move->next;
        note_failure(move);
        end(move);
        at = &subscriber->unwritten; /* whoever was told may have done anything */
    }
}

void subscriber_discard(struct subscriber *subscriber, const struct parked_choice *choice,
                        parked_fn done, void *user)
{
    struct parked_move *move = begin(subscriber, choice, done, user);
    uint32_t touched = 0; /* a bit per subscription: the move may end with the first write */

    if (move == NULL)
        return;
    for (size_t i = 0; i < move->count; i++) {
        struct subscription *one = move->wanted[i].one;
        if (is_under_way(one, move->wanted[i].seq)) {
            move->result.refused[PARKED_UNDER_WAY]++;
            continue;
        }
        (void)subscriber_kept_drop(&one->parked_kept, move->wanted[i].seq); /* it is there */
        move->result.moved++;
        touched |= 1u << one->index;
    }
    if (move->result.moved == 0) {
        end(move);
        return;
    }
    move->next = subscriber->unwritten;
    subscriber->unwritten = move;
    for (uint32_t i = 0; i < subscriber->count; i++)
        if ((touched & 1u << i) != 0)
            subscriber_kept_write(&subscriber->subscriptions[i].parked_kept);
}
