/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tell.h"

#include "base/clock.h"
#include "base/log.h"

enum { LINES_PER_SECOND = 10 };

static void log_outcome(enum log_level level, const char *words, uint64_t held_back,
                        const struct batch *batch, uint32_t index,
                        const struct store_outcome *outcome)
{
    struct log_field fields[9] = {
        F_TEXT("entity", batch->records[index].id),
        F_INT("version", batch->records[index].version),
        F_INT("submission", outcome->submission),
        F_INT("attempt", outcome->attempt),
    };
    size_t count = 4;

    if (outcome->http_status > 0)
        fields[count++] = F_INT("status", outcome->http_status);
    if (outcome->due_ms > 0)
        fields[count++] = F_INT("wait_ms", outcome->due_ms - clock_wall_ms());
    if (outcome->reason.len > 0)
        fields[count++] = F_TEXT("reason", outcome->reason);
    if (held_back > 0)
        fields[count++] = F_INT("held_back", held_back);
    fields[count].kind = LOG_FIELD_END;
    log_write(level, words, fields);
}

void tell_verdict(const struct batch *batch, uint32_t index, const struct store_outcome *outcome)
{
    struct lane *lane = batch->lane;
    enum submission_state state = SUBMISSION_IN_FLIGHT;
    uint64_t held_back;

    (void)submission_step(&state, outcome->event); /* the table has every verdict */
    if (state == SUBMISSION_FAILED && log_is_on(LOG_WARN) &&
        log_limit_passes(&lane->failures_told, LINES_PER_SECOND, &held_back))
        log_outcome(LOG_WARN, "record failed and is parked", held_back, batch, index, outcome);
    else if ((state == SUBMISSION_RETRYING || state == SUBMISSION_UNKNOWN) &&
             log_is_on(LOG_DEBUG) &&
             log_limit_passes(&lane->retries_told, LINES_PER_SECOND, &held_back))
        log_outcome(LOG_DEBUG, "record will be tried again", held_back, batch, index, outcome);
}
