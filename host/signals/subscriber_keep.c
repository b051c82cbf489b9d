/* SPDX-License-Identifier: Apache-2.0 */
#include "signals/subscriber_keep.h"

#include "base/json.h"
#include "base/log.h"

#include <stdio.h>

/* A value in the store has at most 64 KiB. */
enum { PARKED_BYTES_MAX = 60 << 10 };

void subscriber_kept_init(struct subscriber_kept *kept, const struct subscriber_settings *settings,
                          const char *what, const char *pattern, const char *sender,
                          void (*ended)(void *user), void *user)
{
    *kept = (struct subscriber_kept){.settings = settings, .ended = ended, .user = user};
    (void)snprintf(kept->name, sizeof kept->name, "%s %s %s", what, pattern,
                   sender); /* it fits: both are checked */
}

static void write_done(struct store_op *op)
{
    struct subscriber_kept *kept = (struct subscriber_kept *)op;

    log_integration_scope(kept->settings->name);
    kept->is_busy = false;
    if (op->status < 0 && op->status != E_STOPPED)
        log_warn("could not keep how far a subscription is, signals would come again",
                 F_ERR(&op->error));
    if (kept->must_write)
        subscriber_kept_write(kept);
    kept->ended(kept->user);
}

void subscriber_kept_write(struct subscriber_kept *kept)
{
    kept->must_write = kept->is_busy;
    if (kept->is_busy)
        return;
    kept->is_busy = true;
    buf_clear(&kept->writing);
    buf_add_str(&kept->writing, buf_str(&kept->now));
    kept->op = (struct store_keep){
        .op.done = write_done,
        .integration = kept->settings->integration,
        .name = str_of(kept->name),
        .value = buf_str(&kept->writing),
    };
    store_keep(kept->settings->store, &kept->op);
}

struct str subscriber_kept_array(const struct subscriber_kept *kept)
{
    struct str array = buf_str(&kept->now);

    return array.len > 2 ? array : STR_NONE;
}

bool subscriber_kept_next(const struct subscriber_kept *kept, struct str *rest,
                          struct parked_facts *out)
{
    static const char *const names[] = {"seq", "attempts"};
    struct str values[2];
    int64_t numbers[2] = {0, 0};

    if (rest->ptr == NULL)
        *rest = subscriber_kept_array(kept);
    if (rest->ptr == NULL || !json_next_element(rest, &out->object) ||
        json_pick(out->object, names, 2, values) < 0)
        return false;
    for (int i = 0; i < 2; i++)
        if (str_to_i64(values[i], &numbers[i]) < 0 || numbers[i] < 0)
            numbers[i] = 0; /* no signal has it */
    out->seq = (uint64_t)numbers[0];
    out->attempts = (uint32_t)numbers[1];
    return true;
}

size_t subscriber_kept_count(const struct subscriber_kept *kept)
{
    struct str rest = STR_NONE;
    struct parked_facts one;
    size_t count = 0;

    while (subscriber_kept_next(kept, &rest, &one))
        count++;
    return count;
}

/* The array with `object` at its end and without what is of `seq`, as much of its end as fits. */
static void rebuild(struct subscriber_kept *kept, uint64_t without, struct str object)
{
    struct buf grown = {0};
    struct parked_facts one;
    size_t bytes = object.len + 2;
    size_t count = subscriber_kept_count(kept) + (object.len > 0);

    for (struct str rest = STR_NONE; subscriber_kept_next(kept, &rest, &one);)
        bytes += one.object.len + 1;
    buf_putc(&grown, '[');
    for (struct str rest = STR_NONE; subscriber_kept_next(kept, &rest, &one);) {
        bool is_left_out =
            one.seq == without || count > SUBSCRIBER_PARKED_MAX || bytes > PARKED_BYTES_MAX;
        if (is_left_out) {
            bytes -= one.object.len + 1;
            count--;
            continue;
        }
        buf_puts(&grown, grown.len > 1 ? "," : "");
        buf_add_str(&grown, one.object);
    }
    if (object.len > 0) {
        buf_puts(&grown, grown.len > 1 ? "," : "");
        buf_add_str(&grown, object);
    }
    buf_putc(&grown, ']');
    if (grown.failed) { /* it stays as it was; the log has what is new */
        buf_finish(&grown);
        return;
    }
    buf_finish(&kept->now);
    kept->now = grown;
}

void subscriber_kept_add(struct subscriber_kept *kept, struct str object)
{
    rebuild(kept, 0, object);
    subscriber_kept_write(kept);
}

bool subscriber_kept_find(const struct subscriber_kept *kept, uint64_t seq,
                          struct parked_facts *out)
{
    struct str rest = STR_NONE;

    while (subscriber_kept_next(kept, &rest, out))
        if (out->seq == seq)
            return true;
    return false;
}

bool subscriber_kept_drop(struct subscriber_kept *kept, uint64_t seq)
{
    struct parked_facts one;

    if (!subscriber_kept_find(kept, seq, &one))
        return false;
    rebuild(kept, seq, STR_NONE);
    return true;
}

void subscriber_kept_finish(struct subscriber_kept *kept)
{
    buf_finish(&kept->now);
    buf_finish(&kept->writing);
}

bool subscriber_kept_is(const struct subscriber_kept *kept, struct str name)
{
    return str_is(name, kept->name);
}
