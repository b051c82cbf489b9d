/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/breaker.h"

void breaker_init(struct breaker *breaker, const struct breaker_policy *policy)
{
    *breaker = (struct breaker){.policy = *policy};
}

void breaker_restore(struct breaker *breaker, int64_t open_for_ms, int64_t left_ms, int64_t now_ms)
{
    int64_t most_ms = breaker->policy.open_max_ms;

    if (!breaker->policy.is_enabled)
        return;
    breaker->state = BREAKER_OPEN;
    breaker->open_for_ms = open_for_ms < breaker->policy.open_ms ? breaker->policy.open_ms
                           : open_for_ms > most_ms               ? most_ms
                                                                 : open_for_ms;
    breaker->open_until_ms = now_ms + (left_ms < 0 ? 0 : left_ms > most_ms ? most_ms : left_ms);
}

enum breaker_state breaker_state(struct breaker *breaker, int64_t now_ms)
{
    if (breaker->state == BREAKER_OPEN && now_ms >= breaker->open_until_ms) {
        breaker->state = BREAKER_HALF_OPEN;
        breaker->probes_out = breaker->probes_good = 0;
    }
    return breaker->state;
}

uint32_t breaker_admits(struct breaker *breaker, int64_t now_ms)
{
    uint32_t taken;

    switch (breaker_state(breaker, now_ms)) {
    case BREAKER_CLOSED:
        return UINT32_MAX;
    case BREAKER_OPEN:
        return 0;
    default:
        taken = breaker->probes_out + breaker->probes_good;
        return taken < breaker->policy.probes ? breaker->policy.probes - taken : 0;
    }
}

bool breaker_sent(struct breaker *breaker)
{
    if (breaker->state != BREAKER_HALF_OPEN)
        return false;
    breaker->probes_out++;
    return true;
}

void breaker_forget(struct breaker *breaker, bool is_probe)
{
    if (is_probe && breaker->probes_out > 0)
        breaker->probes_out--;
}

static void count(struct breaker *breaker, bool is_failure, int64_t now_ms)
{
    int64_t number = now_ms * BREAKER_SLOTS / breaker->policy.window_ms;
    struct breaker_slot *slot = &breaker->slots[number % BREAKER_SLOTS];

    if (slot->number != number)
        *slot = (struct breaker_slot){.number = number};
    slot->requests++;
    slot->failures += is_failure;
}

/* Full jitter would let it come back at once; half of the time is sure, the rest is drawn. */
static void open_up(struct breaker *breaker, int64_t now_ms, uint64_t random)
{
    int64_t half_ms;

    /* A destination that fails again soon after it was let back in is not well yet: the times go on
     * doubling. One that held as long as it had been away begins anew. */
    if (breaker->open_for_ms == 0 || (breaker->state == BREAKER_CLOSED &&
                                      now_ms - breaker->closed_at_ms >= breaker->open_for_ms))
        breaker->open_for_ms = breaker->policy.open_ms;
    else
        breaker->open_for_ms *= 2;
    if (breaker->open_for_ms > breaker->policy.open_max_ms)
        breaker->open_for_ms = breaker->policy.open_max_ms;
    half_ms = breaker->open_for_ms / 2;
    breaker->open_until_ms =
        now_ms + breaker->open_for_ms - (int64_t)(random % (uint64_t)(half_ms + 1));
    breaker->state = BREAKER_OPEN;
    breaker->openings++;
}

static bool trips(struct breaker *breaker, int64_t now_ms)
{
    int64_t oldest = now_ms * BREAKER_SLOTS / breaker->policy.window_ms - BREAKER_SLOTS;
    uint32_t requests = 0;
    uint32_t failures = 0;

    if (breaker->unanswered_in_a_row >= breaker->policy.connection_failures) {
        breaker->tripped_of = 0;
        breaker->tripped_count = breaker->unanswered_in_a_row;
        return true;
    }
    /* After a good half minute at thousands a second their share would take as long to turn. */
    if (breaker->failed_in_a_row >= breaker->policy.min_requests) {
        breaker->tripped_of = breaker->tripped_count = breaker->failed_in_a_row;
        return true;
    }
    for (int i = 0; i < BREAKER_SLOTS; i++) {
        if (breaker->slots[i].number <= oldest)
            continue;
        requests += breaker->slots[i].requests;
        failures += breaker->slots[i].failures;
    }
    breaker->tripped_of = requests;
    breaker->tripped_count = failures;
    return requests >= breaker->policy.min_requests &&
           (double)failures >= breaker->policy.ratio * (double)requests;
}

static void close_down(struct breaker *breaker, int64_t now_ms)
{
    breaker->state = BREAKER_CLOSED;
    breaker->closed_at_ms = now_ms;
    breaker->failed_in_a_row = breaker->unanswered_in_a_row = 0;
    for (int i = 0; i < BREAKER_SLOTS; i++)
        breaker->slots[i] = (struct breaker_slot){0};
}

static bool probe_saw(struct breaker *breaker, enum breaker_outcome outcome, int64_t now_ms,
                      uint64_t random)
{
    breaker_forget(breaker, true);
    if (outcome != BREAKER_OK) {
        breaker->tripped_of = 0;
        breaker->tripped_count = 1;
        open_up(breaker, now_ms, random);
        return true;
    }
    if (++breaker->probes_good < breaker->policy.probes)
        return false;
    close_down(breaker, now_ms);
    return true;
}

bool breaker_saw(struct breaker *breaker, enum breaker_outcome outcome, bool is_probe,
                 int64_t now_ms, uint64_t random)
{
    if (!breaker->policy.is_enabled)
        return false;
    if (breaker->state != BREAKER_CLOSED)
        return breaker->state == BREAKER_HALF_OPEN && is_probe &&
               probe_saw(breaker, outcome, now_ms, random);
    count(breaker, outcome != BREAKER_OK, now_ms);
    if (outcome == BREAKER_OK) {
        breaker->failed_in_a_row = breaker->unanswered_in_a_row = 0;
        return false;
    }
    breaker->failed_in_a_row++;
    breaker->unanswered_in_a_row =
        outcome == BREAKER_NO_ANSWER ? breaker->unanswered_in_a_row + 1 : 0;
    if (!trips(breaker, now_ms))
        return false;
    open_up(breaker, now_ms, random);
    return true;
}

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {"closed", "open", "half-open"};

    return names[state];
}
