/* SPDX-License-Identifier: Apache-2.0 */
#include "signals/subscriber_keep.h"

#include "base/json.h"
#include "base/log.h"

#include <stdio.h>

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

void subscriber_kept_add(struct subscriber_kept *kept, struct str object)
{
    struct buf grown = {0};
    struct str former = buf_str(&kept->now);
    struct str value;
    size_t count = 0;

    for (struct str rest = former; json_next_element(&rest, &value);)
        count++;
    buf_putc(&grown, '[');
    for (struct str rest = former; json_next_element(&rest, &value); count--) {
        if (count >= SUBSCRIBER_PARKED_MAX)
            continue;
        buf_add_str(&grown, value);
        buf_putc(&grown, ',');
    }
    buf_add_str(&grown, object);
    buf_putc(&grown, ']');
    if (grown.failed) { /* the log has it */
        buf_finish(&grown);
        return;
    }
    buf_finish(&kept->now);
    kept->now = grown;
    subscriber_kept_write(kept);
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
