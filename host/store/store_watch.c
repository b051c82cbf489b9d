/* SPDX-License-Identifier: Apache-2.0
 * A write gives the numbers of its signals in a row, so those of a put are told from its results
 * and the last number, without a word from the backend about each. */
#include "store/store_watch.h"

#include "store/store_group.h"
#include "store/store_rules.h"

static void tell(const struct store_watcher *watcher, struct store_signal *signal)
{
    if ((watcher->kinds & 1u << signal->kind) == 0)
        return;
    if (signal->kind != SIGNAL_OWN) {
        signal->name = store_signal_name(signal->kind);
        signal->sender = STR("tenon");
    }
    watcher->fn(watcher->user, signal);
}

static bool is_signal(enum store_put_outcome outcome)
{
    return outcome == PUT_CREATED || outcome == PUT_UPDATED || outcome == PUT_DELETED;
}

static void tell_put(const struct store_watcher *watcher, const struct store_put *put)
{
    uint64_t seq = put->last_seq;

    for (size_t i = 0; i < put->count; i++)
        seq -= is_signal(put->results[i].outcome);
    for (size_t i = 0; i < put->count; i++) {
        const struct store_entity *entity = &put->entities[i];
        enum store_put_outcome outcome = put->results[i].outcome;
        if (!is_signal(outcome))
            continue;
        struct store_signal signal = {
            .kind = outcome == PUT_CREATED   ? SIGNAL_CREATED
                    : outcome == PUT_UPDATED ? SIGNAL_UPDATED
                                             : SIGNAL_DELETED,
            .seq = ++seq,
            .entity = entity->id,
            .type = entity->is_delete ? STR_NONE : entity->type,
            .version = put->results[i].version,
            .at_ms = put->at_ms,
        };
        tell(watcher, &signal);
    }
}

static void tell_publish(const struct store_watcher *watcher, const struct store_publish *publish)
{
    for (size_t i = 0; i < publish->count; i++) {
        const struct store_own_signal *own = &publish->signals[i];
        struct store_signal signal = {
            .kind = SIGNAL_OWN,
            .seq = publish->last_seq - publish->count + i + 1,
            .name = own->name,
            .sender = own->sender,
            .data = own->data,
            .hops = own->hops,
            .at_ms = publish->at_ms,
        };
        tell(watcher, &signal);
    }
}

void store_watcher_tell(const struct store_watcher *watcher, const struct store_op *op)
{
    const unsigned of_puts = 1u << SIGNAL_CREATED | 1u << SIGNAL_UPDATED | 1u << SIGNAL_DELETED;

    if (op->status < 0)
        return;
    if (op->kind == OP_PUT && (watcher->kinds & of_puts) != 0 &&
        ((const struct store_put *)op)->last_seq != 0) {
        tell_put(watcher, (const struct store_put *)op);
    } else if (op->kind == OP_PUBLISH) {
        tell_publish(watcher, (const struct store_publish *)op);
    } else if (op->kind == OP_RELATE && ((const struct store_relate *)op)->last_seq != 0) {
        const struct store_relate *relate = (const struct store_relate *)op;
        struct store_signal signal = {
            .kind = relate->is_delete ? SIGNAL_UNRELATED : SIGNAL_RELATED,
            .seq = relate->last_seq,
            .entity = relate->from,
            .version = relate->version,
            .at_ms = relate->at_ms,
        };
        tell(watcher, &signal);
    }
}
