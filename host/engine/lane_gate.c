/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lane_gate.h"

#include "base/clock.h"
#include "base/log.h"
#include "rules/judge.h"
#include "rules/rate_headers.h"

#include <sodium.h>
#include <stdio.h>
#include <tenon/tenon.h>

/* One answer of many that asks for quiet speaks for its record: others are answered well all the
 * while. The lane pauses when they are a third or more of the last ones, about. */
enum { QUIET_ANSWERS = 16 };
static const double quiet_most = 1.0 / 3;

int lane_gate_init(struct lane_gate *gate, const struct config_file *file, struct err *err)
{
    const char *rate = config_text(file, "rate_limit", "rate");
    struct bucket_policy bucket = {.burst = config_integer(file, "rate_limit", "burst")};
    const struct breaker_policy breaker = {
        .is_enabled = config_is_true(file, "breaker", "enabled"),
        .window_ms = config_integer(file, "breaker", "window"),
        .ratio = config_real(file, "breaker", "ratio"),
        .min_requests = (uint32_t)config_integer(file, "breaker", "min_requests"),
        .connection_failures = (uint32_t)config_integer(file, "breaker", "connection_failures"),
        .open_ms = config_integer(file, "breaker", "open"),
        .open_max_ms = config_integer(file, "breaker", "open_max"),
        .probes = (uint32_t)config_integer(file, "breaker", "probes"),
    };
    uint32_t ceiling = (uint32_t)config_integer(file, "integration", "concurrency");

    if (rate[0] != '\0' && clock_parse_rate(str_of(rate), &bucket.amount, &bucket.per_ms) < 0)
        return err_set(err, -EINVAL, "[rate_limit] rate: '%.40s' is no rate", rate);
    *gate = (struct lane_gate){
        .retry_after_max_ms = config_integer(file, "retry", "retry_after_max"),
        .heeds_headers = config_is_true(file, "rate_limit", "headers"),
        .quota_left = -1,
        .limit_set = (int)ceiling,
        .requests_per_record = 1,
    };
    bucket_init(&gate->bucket, &bucket, clock_due_ms());
    breaker_init(&gate->breaker, &breaker);
    concurrency_init(&gate->concurrency, ceiling,
                     config_is_true(file, "integration", "adaptive_concurrency"));
    return 0;
}

void lane_gate_finish(struct lane_gate *gate)
{
    buf_finish(&gate->kept.text);
}

static uint64_t random_bits(void)
{
    uint64_t bits;

    randombytes_buf(&bits, sizeof bits);
    return bits;
}

/* ---- before a claim ---- */

static bool has_quota(struct lane_gate *gate, int64_t now_ms)
{
    if (gate->quota_until_ms <= now_ms)
        gate->quota_until_ms = 0;
    return gate->quota_until_ms != 0;
}

bool lane_gate_wants_new(struct lane_gate *gate, int64_t now_ms)
{
    return breaker_state(&gate->breaker, now_ms) == BREAKER_HALF_OPEN &&
           gate->breaker.openings % 2 == 0;
}

bool lane_gate_is_shut(struct lane_gate *gate, int64_t now_ms)
{
    return gate->is_recalling || gate->paused_until_ms > now_ms ||
           breaker_state(&gate->breaker, now_ms) == BREAKER_OPEN ||
           (has_quota(gate, now_ms) && gate->quota_left <= 0);
}

/* Has the destination heed the limit as it is now. */
static void apply_limit(struct lane_gate *gate, int64_t now_ms)
{
    int limit = lane_gate_is_shut(gate, now_ms) ? 0 : (int)concurrency_limit(&gate->concurrency);

    if (limit == gate->limit_set || gate->destination == NULL)
        return;
    gate->limit_set = limit;
    http_destination_limit(gate->destination, limit);
}

void lane_gate_close(struct lane_gate *gate)
{
    if (gate->destination != NULL)
        http_destination_limit(gate->destination, 0);
    gate->destination = NULL;
}

/* A destination that was fast and is slow now has a queue before it that would outlast the leases
 * of its records: somebody else would then send them as well. What waits comes back unused, and is
 * claimed again in the measure that is bearable now. */
static void recall_if_slow(struct lane_gate *gate, int64_t now_ms)
{
    const int64_t most_us = 30000000;
    uint32_t limit = concurrency_limit(&gate->concurrency);
    bool was_recalling = gate->is_recalling;

    if (gate->outstanding <= limit)
        gate->is_recalling = false;
    else if (gate->concurrency.mean_us / limit * gate->outstanding > most_us)
        gate->is_recalling = true;
    if (gate->is_recalling != was_recalling)
        apply_limit(gate, now_ms);
}

static int64_t later_pause(const struct lane_gate *gate)
{
    return gate->away_until_ms > gate->paused_until_ms ? gate->away_until_ms
                                                       : gate->paused_until_ms;
}

/* Looks without changing anything but what time does by itself. */
static enum lane_gate_hold hold_of(struct lane_gate *gate, int64_t now_ms, int64_t *out_until_ms)
{
    int64_t wait_ms;

    *out_until_ms = later_pause(gate);
    if (*out_until_ms > now_ms)
        return GATE_PAUSED;
    *out_until_ms = 0;
    switch (breaker_state(&gate->breaker, now_ms)) {
    case BREAKER_OPEN:
        *out_until_ms = gate->breaker.open_until_ms;
        return GATE_BREAKER;
    case BREAKER_HALF_OPEN:
        if (breaker_admits(&gate->breaker, now_ms) == 0)
            return GATE_PROBING;
        break;
    case BREAKER_CLOSED:
        break;
    }
    if (has_quota(gate, now_ms) && gate->quota_left <= 0) {
        *out_until_ms = gate->quota_until_ms;
        return GATE_QUOTA;
    }
    if (gate->is_recalling)
        return GATE_RECALL;
    wait_ms = bucket_wait_ms(&gate->bucket, now_ms);
    if (wait_ms <= 0)
        return GATE_FREE;
    *out_until_ms = now_ms + wait_ms;
    return GATE_RATE;
}

enum lane_gate_hold lane_gate_look(struct lane_gate *gate, int64_t now_ms, int64_t *out_until_ms)
{
    enum lane_gate_hold hold = hold_of(gate, now_ms, out_until_ms);

    apply_limit(gate, now_ms);
    return hold;
}

/* How many requests may be begun now; UINT32_MAX: any number. */
static uint32_t requests_free(struct lane_gate *gate, int64_t now_ms)
{
    uint32_t most = breaker_admits(&gate->breaker, now_ms);
    uint32_t tokens = bucket_tokens(&gate->bucket, now_ms);

    most = tokens < most ? tokens : most;
    if (has_quota(gate, now_ms) && gate->quota_left < (int64_t)most)
        most = gate->quota_left > 0 ? (uint32_t)gate->quota_left : 0;
    return most;
}

uint32_t lane_gate_reserve(struct lane_gate *gate, uint32_t most, bool is_each_one, int64_t now_ms,
                           struct lane_gate_pass *out)
{
    uint32_t requests = requests_free(gate, now_ms);
    double records;

    *out = (struct lane_gate_pass){0};
    if (requests == UINT32_MAX)
        return most;
    if (requests == 0)
        return 0;
    out->is_limited = true;
    out->left = requests < most ? requests : most;
    for (uint32_t i = 0; i < out->left; i++) {
        out->is_probe = breaker_sent(&gate->breaker);
        (void)bucket_take(&gate->bucket, now_ms); /* there are as many */
    }
    if (has_quota(gate, now_ms))
        gate->quota_left -= out->left;
    if (is_each_one || out->is_probe)
        return out->left;
    records = (double)out->left / gate->requests_per_record;
    return records < (double)most ? (uint32_t)records : most;
}

/* What one request had taken. */
static void give_back(struct lane_gate *gate, bool is_probe)
{
    breaker_forget(&gate->breaker, is_probe);
    bucket_give_back(&gate->bucket);
    if (gate->quota_until_ms != 0)
        gate->quota_left++;
}

void lane_gate_return(struct lane_gate *gate, struct lane_gate_pass *pass, uint32_t records)
{
    const double least = 1.0 / 1024;

    for (; pass->left > 0; pass->left--)
        give_back(gate, pass->is_probe);
    /* How many requests records come to: selectors pass over many, and some plugins put a hundred
     * into one request. What was learned sizes the next claim. */
    if (records > 0)
        gate->requests_per_record +=
            ((double)pass->wanted / records - gate->requests_per_record) / 4;
    if (gate->requests_per_record < least)
        gate->requests_per_record = least;
    if (gate->requests_per_record > 1)
        gate->requests_per_record = 1;
    *pass = (struct lane_gate_pass){0};
}

/* ---- sending ---- */

/* The rate alone holds it back. */
static bool may_overdraw(struct lane_gate *gate, int64_t now_ms)
{
    return breaker_admits(&gate->breaker, now_ms) > 0 &&
           (!has_quota(gate, now_ms) || gate->quota_left > 0);
}

bool lane_gate_enter(struct lane_gate *gate, struct lane_gate_pass *pass, bool is_further,
                     int64_t now_ms)
{
    pass->wanted++;
    if (lane_gate_is_shut(gate, now_ms))
        return false;
    if (pass->left > 0) {
        pass->left--;
    } else if (breaker_state(&gate->breaker, now_ms) != BREAKER_CLOSED ||
               (requests_free(gate, now_ms) == 0 && !(is_further && may_overdraw(gate, now_ms)))) {
        return false; /* it came to more requests than was thought, or things changed meanwhile */
    } else {
        bucket_owe(&gate->bucket, now_ms);
        if (gate->quota_until_ms != 0)
            gate->quota_left--;
    }
    apply_limit(gate, now_ms);
    pass->used++;
    gate->outstanding++;
    return true;
}

void lane_gate_unsent(struct lane_gate *gate, bool is_probe)
{
    gate->outstanding--;
    give_back(gate, is_probe);
    if (gate->is_recalling)
        recall_if_slow(gate, clock_due_ms());
}

void lane_gate_pause(struct lane_gate *gate, int64_t until_ms, const char *words)
{
    enum { WORTH_KEEPING_MS = 3000 };
    int64_t now_ms = clock_due_ms();

    if (until_ms <= gate->paused_until_ms)
        return;
    if (gate->paused_until_ms <= now_ms)
        log_warn("delivery pauses", F_INT("wait_ms", until_ms - now_ms), F_STR("reason", words));
    gate->paused_until_ms = until_ms;
    (void)snprintf(gate->pause_words, sizeof gate->pause_words, "%s", words); /* cut is fine */
    apply_limit(gate, now_ms);
    if (until_ms - now_ms >= WORTH_KEEPING_MS)
        lane_gate_keep(gate);
}

void lane_gate_away(struct lane_gate *gate, int64_t until_ms, const char *words)
{
    char reason[sizeof gate->away_words];

    (void)snprintf(reason, sizeof reason, "%s", words); /* cut is fine */
    gate->away_until_ms = until_ms;
    if (strcmp(reason, gate->away_words) == 0)
        return;
    memcpy(gate->away_words, reason, sizeof reason);
    log_warn("delivery pauses until the plugin is back", F_STR("reason", words));
}

void lane_gate_back(struct lane_gate *gate)
{
    if (gate->away_words[0] == '\0')
        return;
    gate->away_until_ms = 0;
    gate->away_words[0] = '\0';
    log_info("the plugin is back, delivery goes on");
}

/* The state of the breaker is another than before. */
static void breaker_moved(struct lane_gate *gate, int64_t now_ms, const char *words)
{
    const struct breaker *breaker = &gate->breaker;

    if (breaker->state == BREAKER_CLOSED) {
        log_info("the destination is well again, delivery goes on",
                 F_INT("probes", breaker->probes_good));
    } else {
        if (breaker->tripped_of > 0)
            (void)snprintf(gate->breaker_words, sizeof gate->breaker_words,
                           "%u %% of %u requests failed, the last with: %s",
                           breaker->tripped_count * 100 / breaker->tripped_of, breaker->tripped_of,
                           words); /* cut is fine */
        else if (breaker->tripped_count > 1)
            (void)snprintf(gate->breaker_words, sizeof gate->breaker_words,
                           "%u requests in a row without an answer: %s", breaker->tripped_count,
                           words); /* cut is fine */
        else
            (void)snprintf(gate->breaker_words, sizeof gate->breaker_words, "a probe failed: %s",
                           words); /* cut is fine */
        (void)concurrency_halve(&gate->concurrency, clock_mono_us());
        log_warn("the destination fails, delivery stops until it is tried again",
                 F_INT("wait_ms", breaker->open_until_ms - now_ms),
                 F_STR("reason", gate->breaker_words));
    }
    apply_limit(gate, now_ms);
    lane_gate_keep(gate);
}

static enum breaker_outcome outcome_of(const struct http_request *http)
{
    if (http->failure != HTTP_ANSWERED)
        return BREAKER_NO_ANSWER;
    /* What is worth another try is not the record's fault. */
    return judge_status(http->status).verdict == TENON_RETRY ? BREAKER_FAILED : BREAKER_OK;
}

static void heed_retry_after(struct lane_gate *gate, const struct http_request *http,
                             int64_t now_ms)
{
    bool asks = http->failure == HTTP_ANSWERED && (http->status == 429 || http->status == 503) &&
                http->retry_after_ms > 0;
    int64_t wait_ms;
    char words[100];

    if (http->failure != HTTP_ANSWERED)
        return;
    if (gate->answers < QUIET_ANSWERS)
        gate->answers++;
    gate->quiet_share += ((asks ? 1 : 0) - gate->quiet_share) / gate->answers;
    if (!asks || gate->quiet_share < quiet_most)
        return;
    wait_ms = http->retry_after_ms < gate->retry_after_max_ms ? http->retry_after_ms
                                                              : gate->retry_after_max_ms;
    (void)snprintf(words, sizeof words, "the destination answered %d with Retry-After: %lld",
                   http->status, (long long)(http->retry_after_ms / 1000)); /* fits */
    if (wait_ms > 0)
        lane_gate_pause(gate, now_ms + wait_ms, words);
}

static void heed_rate_headers(struct lane_gate *gate, const struct http_request *http,
                              int64_t now_ms)
{
    struct rate_headers told;
    int64_t wait_ms;

    if (!gate->heeds_headers || http->rate_headers.len == 0 ||
        !rate_headers_read(buf_str(&http->rate_headers), clock_wall_ms(), &told) ||
        told.reset_ms <= 0)
        return;
    wait_ms = told.reset_ms < gate->retry_after_max_ms ? told.reset_ms : gate->retry_after_max_ms;
    if (wait_ms <= 0)
        return;
    gate->quota_until_ms = now_ms + wait_ms;
    /* Those under way were not counted yet when this was written, at worst; what of them still
     * waits for a connection comes back when there is none left for it. */
    gate->quota_left = told.remaining - (int64_t)gate->outstanding;
    if (gate->quota_left <= 0)
        apply_limit(gate, now_ms);
}

void lane_gate_answered(struct lane_gate *gate, const struct http_request *http, bool is_probe)
{
    int64_t now_ms = clock_due_ms();
    const struct concurrency_answer answer = {
        .is_overload =
            http->failure == HTTP_NO_ANSWER ||
            (http->failure == HTTP_ANSWERED && (http->status == 429 || http->status == 503)),
        .latency_us = http->duration_us,
        .outstanding = gate->outstanding,
    };
    enum breaker_outcome outcome = outcome_of(http);
    bool is_other_limit = false;

    gate->outstanding--;
    if (http->failure != HTTP_NOT_SENT)
        is_other_limit = concurrency_saw(&gate->concurrency, &answer, clock_mono_us());
    if (breaker_saw(&gate->breaker, outcome, is_probe, now_ms,
                    outcome == BREAKER_OK ? 0 : random_bits())) {
        char words[300];

        (void)snprintf(words, sizeof words, "HTTP %d", http->status); /* fits */
        breaker_moved(gate, now_ms, http->failure == HTTP_ANSWERED ? words : http->error);
    }
    heed_retry_after(gate, http, now_ms);
    if (http->rate_headers.len > 0)
        heed_rate_headers(gate, http, now_ms);
    if (is_other_limit)
        apply_limit(gate, now_ms);
    recall_if_slow(gate, now_ms);
    if (is_other_limit || gate->bucket.policy.amount > 0)
        lane_gate_keep_at_times(gate);
}

void lane_gate_submitted(struct lane_gate *gate, struct lane_gate_pass *pass, int verdict,
                         int error_class, const char *words)
{
    enum breaker_outcome outcome = BREAKER_OK;
    int64_t now_ms = clock_due_ms();
    bool is_probe = pass->is_probe && pass->left > 0;

    if (verdict == TENON_UNSURE || verdict == TENON_RETRY)
        outcome = verdict == TENON_UNSURE || error_class == TENON_E_CONNECTION ? BREAKER_NO_ANSWER
                                                                               : BREAKER_FAILED;
    pass->wanted++;
    if (pass->left > 0)
        pass->left--;
    if (breaker_saw(&gate->breaker, outcome, is_probe, now_ms,
                    outcome == BREAKER_OK ? 0 : random_bits()))
        breaker_moved(gate, now_ms, words);
    if (gate->bucket.policy.amount > 0)
        lane_gate_keep_at_times(gate);
}

/* ---- looking ---- */

/* The gate as it would be `now_ms`, whatever it waits for; nothing of the real one moves. */
static enum lane_gate_hold peek(const struct lane_gate *gate, int64_t now_ms, int64_t *out_until_ms)
{
    struct lane_gate view = *gate;
    enum lane_gate_hold hold = hold_of(&view, now_ms, out_until_ms);

    return hold == GATE_FREE && view.breaker.state == BREAKER_HALF_OPEN ? GATE_PROBING : hold;
}

const char *lane_gate_state(const struct lane_gate *gate, int64_t now_ms)
{
    static const char *const names[] = {
        [GATE_FREE] = NULL,         [GATE_PAUSED] = "paused",      [GATE_BREAKER] = "breaker-open",
        [GATE_PROBING] = "probing", [GATE_QUOTA] = "rate-limited", [GATE_RATE] = "rate-limited",
        [GATE_RECALL] = NULL,
    };
    int64_t until_ms;

    return names[peek(gate, now_ms, &until_ms)];
}

const char *lane_gate_words(struct lane_gate *gate, int64_t now_ms)
{
    int64_t until_ms;
    enum lane_gate_hold hold = peek(gate, now_ms, &until_ms);
    char until[25];

    clock_format(clock_due_to_wall(until_ms), until);
    switch (hold) {
    case GATE_FREE:
    case GATE_RECALL:
        return NULL;
    case GATE_PAUSED:
        (void)snprintf(gate->said, sizeof gate->said, "%s",
                       until_ms == gate->away_until_ms ? gate->away_words
                                                       : gate->pause_words); /* fits */
        break;
    case GATE_BREAKER:
        (void)snprintf(gate->said, sizeof gate->said, "breaker open until %.8s (%s)", until + 11,
                       gate->breaker_words); /* fits */
        break;
    case GATE_PROBING:
        (void)snprintf(gate->said, sizeof gate->said,
                       "breaker half-open, probing: %u of %u answered well (it was opened since "
                       "%s)",
                       gate->breaker.probes_good, gate->breaker.policy.probes,
                       gate->breaker_words); /* fits */
        break;
    case GATE_QUOTA:
        (void)snprintf(gate->said, sizeof gate->said,
                       "rate-limited until %.8s: the destination's rate headers leave nothing "
                       "more",
                       until + 11); /* fits */
        break;
    case GATE_RATE:
        (void)snprintf(gate->said, sizeof gate->said, "rate-limited by [rate_limit] rate");
        break;
    }
    return gate->said;
}

void lane_gate_figures(struct lane_gate *gate, int64_t now_ms, struct lane_limits *out)
{
    int64_t until_ms;
    enum lane_gate_hold hold = peek(gate, now_ms, &until_ms);

    *out = (struct lane_limits){
        .breaker = breaker_state_name(breaker_state(&gate->breaker, now_ms)),
        .breaker_until_ms = hold == GATE_BREAKER ? until_ms : 0,
        .breaker_openings = gate->breaker.openings,
        .concurrency = concurrency_limit(&gate->concurrency),
        .concurrency_max = gate->concurrency.ceiling,
        .outstanding = gate->outstanding,
        .latency_us = gate->concurrency.mean_us,
        .has_rate = gate->bucket.policy.amount > 0,
        .tokens = bucket_tokens(&gate->bucket, now_ms),
        .quota_left = has_quota(gate, now_ms) ? gate->quota_left : -1,
        .quota_until_ms = gate->quota_until_ms,
        .is_well =
            hold == GATE_FREE || hold == GATE_RATE || hold == GATE_QUOTA || hold == GATE_RECALL,
    };
}
