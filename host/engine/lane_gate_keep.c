/* SPDX-License-Identifier: Apache-2.0
 * What a gate learned, as one JSON text in the store: written when a state changes and every few
 * seconds while figures do, read when the lane opens. What is read is clamped to what the ini
 * allows now, so neither another clock nor another ini turns it into nonsense. */
#include "engine/lane_gate.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <stdio.h>

enum { KEEP_EVERY_MS = 5000 };

static const char kept_name[] = "lane";

static void put_real(struct buf *out, const char *name, double number)
{
    char text[40];

    (void)snprintf(text, sizeof text, "%.3f", number); /* fits: limits and tokens are small */
    json_put_raw(out, name, str_of(text));
}

void lane_gate_write(const struct lane_gate *gate, int64_t now_ms, struct buf *out)
{
    const struct breaker *breaker = &gate->breaker;

    buf_putc(out, '{');
    json_put_int(out, "at", now_ms);
    put_real(out, "limit", gate->concurrency.limit);
    if (gate->bucket.policy.amount > 0) {
        put_real(out, "tokens", gate->bucket.tokens);
        json_put_int(out, "tokens_at", gate->bucket.at_ms);
    }
    if (breaker->state != BREAKER_CLOSED) {
        json_put_int(out, "open_for", breaker->open_for_ms);
        json_put_int(out, "open_until", breaker->open_until_ms);
        json_put_member(out, "why", str_of(gate->breaker_words));
    }
    if (gate->paused_until_ms > now_ms) {
        json_put_int(out, "paused_until", gate->paused_until_ms);
        json_put_member(out, "pause", str_of(gate->pause_words));
    }
    if (gate->quota_until_ms > now_ms) {
        json_put_int(out, "quota", gate->quota_left);
        json_put_int(out, "quota_until", gate->quota_until_ms);
    }
    buf_putc(out, '}');
}

static int64_t clamped(int64_t number, int64_t most)
{
    return number < 0 ? 0 : number > most ? most : number;
}

static void read_words(struct str value, char *out, size_t size)
{
    _buf_ struct buf words = {0};

    if (value.len == 0 || json_kind_of(value) != JSON_STRING)
        return;
    json_unquote(value, &words);
    (void)snprintf(out, size, "%.*s", STR_ARG(buf_str(&words))); /* cut is fine */
}

void lane_gate_read(struct lane_gate *gate, struct str text, int64_t now_ms)
{
    enum {
        AT,
        LIMIT,
        TOKENS,
        TOKENS_AT,
        OPEN_FOR,
        OPEN_UNTIL,
        WHY,
        PAUSED,
        PAUSE,
        QUOTA,
        UNTIL,
        NAMES
    };
    static const char *const names[NAMES] = {"at",       "limit",      "tokens",     "tokens_at",
                                             "open_for", "open_until", "why",        "paused_until",
                                             "pause",    "quota",      "quota_until"};
    struct str values[NAMES];
    int64_t numbers[NAMES] = {0};
    double limit = 0;
    double tokens = 0;

    if (json_pick(text, names, NAMES, values) < 0)
        return;
    for (int i = 0; i < NAMES; i++)
        if (values[i].len > 0 && str_to_i64(values[i], &numbers[i]) < 0)
            numbers[i] = 0;
    if (values[LIMIT].len > 0 && str_to_double(values[LIMIT], &limit) == 0)
        concurrency_restore(&gate->concurrency, limit);
    if (values[TOKENS].len > 0 && str_to_double(values[TOKENS], &tokens) == 0)
        bucket_restore(&gate->bucket, tokens, clamped(now_ms - numbers[TOKENS_AT], INT64_MAX),
                       now_ms);
    if (values[OPEN_UNTIL].len > 0) {
        breaker_restore(&gate->breaker, numbers[OPEN_FOR], numbers[OPEN_UNTIL] - now_ms, now_ms);
        read_words(values[WHY], gate->breaker_words, sizeof gate->breaker_words);
    }
    if (numbers[PAUSED] > now_ms) {
        gate->paused_until_ms =
            now_ms + clamped(numbers[PAUSED] - now_ms, gate->retry_after_max_ms);
        read_words(values[PAUSE], gate->pause_words, sizeof gate->pause_words);
    }
    if (numbers[UNTIL] > now_ms && gate->heeds_headers) {
        gate->quota_until_ms = now_ms + clamped(numbers[UNTIL] - now_ms, gate->retry_after_max_ms);
        gate->quota_left = numbers[QUOTA];
    }
}

void lane_gate_inherit(struct lane_gate *gate, const struct lane_gate *former)
{
    _buf_ struct buf text = {0};
    int64_t now_ms = clock_due_ms();

    lane_gate_write(former, now_ms, &text);
    lane_gate_read(gate, buf_str(&text), now_ms);
    gate->quiet_share = former->quiet_share;
    gate->answers = former->answers;
    gate->requests_per_record = former->requests_per_record;
}

static void keep_done(struct store_op *op)
{
    struct lane_gate_kept *kept =
        (struct lane_gate_kept *)(void *)((char *)op - offsetof(struct lane_gate_kept, write.op));
    struct lane_gate *gate =
        (struct lane_gate *)(void *)((char *)kept - offsetof(struct lane_gate, kept));

    log_integration_scope(kept->name);
    kept->is_busy = false;
    if (op->status < 0 && op->status != E_STOPPED)
        log_warn("could not keep the lane's state, a restart would forget it", F_ERR(&op->error));
    else if (op->status == 0 && kept->must_write)
        lane_gate_keep(gate);
    if (!kept->is_busy)
        kept->idle(kept->user);
}

void lane_gate_keep(struct lane_gate *gate)
{
    struct lane_gate_kept *kept = &gate->kept;

    kept->must_write = kept->is_busy;
    if (kept->is_busy || kept->store == NULL)
        return;
    kept->is_busy = true;
    kept->at_ms = clock_due_ms();
    kept->limit = gate->concurrency.limit;
    buf_clear(&kept->text);
    lane_gate_write(gate, kept->at_ms, &kept->text);
    kept->write.value = buf_str(&kept->text);
    store_keep(kept->store, &kept->write);
}

void lane_gate_keep_at_times(struct lane_gate *gate)
{
    if (clock_due_ms() - gate->kept.at_ms >= KEEP_EVERY_MS)
        lane_gate_keep(gate);
}

void lane_gate_keep_changed(struct lane_gate *gate)
{
    if (gate->concurrency.limit != gate->kept.limit || gate->bucket.policy.amount > 0)
        lane_gate_keep(gate);
}

bool lane_gate_is_idle(const struct lane_gate *gate)
{
    return !gate->kept.is_busy;
}

/* ---- reading ---- */

static bool take_row(struct store_query *query, const struct store_row *row)
{
    struct lane_gate *gate = query->user;

    if (!str_is(row->name, kept_name))
        return true;
    buf_add_str(&gate->kept.text, row->data);
    return false;
}

static void read_done(struct store_op *op)
{
    struct lane_gate_kept *kept =
        (struct lane_gate_kept *)(void *)((char *)op - offsetof(struct lane_gate_kept, read.op));
    struct lane_gate *gate = kept->read.user;

    log_integration_scope(kept->name);
    kept->is_busy = false;
    if (op->status < 0)
        log_warn("could not read what the lane learned, it begins anew", F_ERR(&op->error));
    else if (kept->text.len > 0)
        lane_gate_read(gate, buf_str(&kept->text), clock_due_ms());
    kept->loaded(kept->user);
}

void lane_gate_load(struct lane_gate *gate, struct store *store, uint32_t integration,
                    const char *name, void (*loaded)(void *user), void (*idle)(void *user),
                    void *user)
{
    struct lane_gate_kept *kept = &gate->kept;

    *kept = (struct lane_gate_kept){
        .store = store,
        .name = name,
        .write = {.op.done = keep_done, .integration = integration, .name = str_of(kept_name)},
        .read = {.op.done = read_done,
                 .query = QUERY_KEPT,
                 .integration = integration,
                 .row = take_row,
                 .user = gate},
        .is_busy = true,
        .loaded = loaded,
        .idle = idle,
        .user = user,
    };
    store_query(store, &kept->read);
}
