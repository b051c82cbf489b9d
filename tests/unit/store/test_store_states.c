/* SPDX-License-Identifier: Apache-2.0
 * The table of states against what the store really does, on every backend and in both directions:
 * each row is reached by an operation; each pair of state and event that has no row leaves the
 * submission as it was; and no operation of a long random run makes a change that the table has
 * not. */
#include "store_fixture.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LATER_MS = 3600 * 1000, LONG_LEASE_MS = 100 * LATER_MS };

static const char *scheme; /* the backend under test */

/* ---- the table alone ---- */

static void test_table_is_a_machine(void **state)
{
    bool is_reached[SUBMISSION_STATES] = {false};

    (void)state;
    for (int event = 0; event < SUBMISSION_EVENTS; event++) {
        size_t rows = 0;
        for (int from = 0; from <= SUBMISSION_NONE; from++) {
            const struct submission_transition *row = submission_transition_find(from, event);
            enum submission_state stepped = from;
            assert_int_equal(submission_step(&stepped, event), row != NULL);
            assert_true(stepped == (row != NULL ? row->to : (enum submission_state)from));
            if (row == NULL)
                continue;
            rows++;
            is_reached[row->to] = true;
            assert_true(strlen(row->needs) > 0);
            /* Only what is in hand gets a verdict, and only what waits or ended is taken in hand.
             */
            assert_true(!submission_event_is_verdict(event) || from == SUBMISSION_IN_FLIGHT);
            assert_true(row->to != SUBMISSION_IN_FLIGHT || from != SUBMISSION_IN_FLIGHT);
        }
        assert_true(rows > 0);
        assert_string_not_equal(submission_event_name(event), "?");
    }
    for (int to = 0; to < SUBMISSION_STATES; to++)
        assert_true(is_reached[to]);
    for (int event = 0; event < SUBMISSION_EVENTS; event++)
        assert_null(submission_transition_find(SUBMISSION_SUPERSEDED, event));
    assert_null(submission_transition_find(SUBMISSION_STATES + 1, EVENT_CLAIMED));
    assert_null(submission_transition_find(SUBMISSION_PENDING, SUBMISSION_EVENTS));
    assert_string_equal(submission_event_name(SUBMISSION_EVENTS), "?");
}

/* ---- every pair of state and event ---- */

/* One submission of entity "a", brought into a state. */
struct subject {
    struct fixture *f;
    uint64_t number; /* 0: not born */
    uint32_t attempt;
};

static struct store_claimed claim_one(struct fixture *f, enum store_walk walk, int64_t lease_ms)
{
    struct store_claim claim = {.op.done = fixture_stop,
                                .integration = f->integration,
                                .walk = walk,
                                .max = 1,
                                .lease_until_ms = clock_wall_ms() + lease_ms};
    struct store_claimed record = {0};

    store_claim(f->store, &claim);
    fixture_wait(f, &claim.op);
    assert_int_equal(claim.op.status, 0);
    if (claim.count > 0)
        record = claim.records[0];
    record.id = record.type = record.data = STR_NONE;
    store_claim_finish(&claim);
    return record;
}

static uint64_t number_of(struct fixture *f, uint64_t version)
{
    const struct kept_row *rows;
    size_t count = ask(f, (struct store_query){.query = QUERY_SUBMISSIONS, .id = STR("a")}, &rows);

    for (size_t i = 0; i < count; i++)
        if (rows[i].row.version == version)
            return rows[i].row.submission;
    return 0;
}

/* A pending one that no claim can take: it stands behind an older version that is in flight. */
static void bring_blocked(struct subject *subject, enum store_walk walk)
{
    struct fixture *f = subject->f;

    put(f, "a", "1");
    (void)claim_one(f, WALK_CHANGED, LONG_LEASE_MS);
    put(f, "a", "2");
    assert_int_equal(claim_one(f, walk, LONG_LEASE_MS).submission, 0);
    subject->number = number_of(f, 2);
}

static void bring(struct subject *subject, enum submission_state to, int64_t lease_ms)
{
    static const enum submission_event verdicts[] = {
        [SUBMISSION_PENDING] = EVENT_RELEASED, [SUBMISSION_SUCCEEDED] = EVENT_ACCEPTED,
        [SUBMISSION_RETRYING] = EVENT_RETRY,   [SUBMISSION_FAILED] = EVENT_REJECTED,
        [SUBMISSION_UNKNOWN] = EVENT_UNSURE,   [SUBMISSION_SKIPPED] = EVENT_SKIPPED,
        [SUBMISSION_SUPERSEDED] = EVENT_RETRY,
    };
    struct fixture *f = subject->f;

    put(f, "a", "1");
    if (to == SUBMISSION_NONE)
        return;
    struct store_claimed record = claim_one(f, WALK_CHANGED, lease_ms);
    subject->number = record.submission;
    subject->attempt = record.attempt;
    if (to == SUBMISSION_IN_FLIGHT)
        return;
    tell_event(f, &record, verdicts[to], NOW_MS + LATER_MS);
    if (to == SUBMISSION_SUPERSEDED) {
        put(f, "a", "2");
        (void)claim_one(f, WALK_CHANGED, LONG_LEASE_MS);
    }
}

static void move_by_hand(struct subject *subject, enum submission_event event);

/* The operation that makes `event` happen, where it may. */
static void fire(struct subject *subject, enum submission_event event)
{
    struct fixture *f = subject->f;
    const struct store_claimed told = {.submission = subject->number != 0 ? subject->number : 1,
                                       .attempt = subject->attempt};
    uint64_t count;

    switch (event) {
    case EVENT_CLAIMED:
        fixture_at(NOW_MS + LATER_MS);
        (void)claim_one(f, WALK_CHANGED, LONG_LEASE_MS);
        break;
    case EVENT_BLOCKED:
    case EVENT_REWOUND:
        assert_int_equal(enqueue(f, NULL, ENQUEUE_ALL, &count), 0);
        (void)claim_one(f, WALK_CHANGED, LONG_LEASE_MS);
        break;
    case EVENT_NEWER_VERSION:
        put(f, "a", "9");
        (void)claim_one(f, WALK_CHANGED, LONG_LEASE_MS);
        break;
    case EVENT_DELIVERED_ONCE:
        tell_event(f, &(struct store_claimed){.submission = number_of(f, 1), .attempt = 1},
                   EVENT_ACCEPTED, 0);
        break;
    case EVENT_ENTITY_DELETED:
        drop(f, "a");
        fixture_at(NOW_MS + LATER_MS);
        (void)claim_one(f, WALK_CHANGED, LONG_LEASE_MS);
        break;
    case EVENT_LEASE_RAN_OUT:
        fixture_at(NOW_MS + LEASE_MS);
        (void)claim_one(f, WALK_NONE, LONG_LEASE_MS);
        break;
    case EVENT_RECOVERED:
        (void)recover(f);
        break;
    case EVENT_ASKED_FOR:
    case EVENT_RETRIED:
    case EVENT_REPLAYED:
    case EVENT_DISCARDED:
        move_by_hand(subject, event);
        break;
    default:
        assert_true(submission_event_is_verdict(event));
        tell_event(f, &told, event, NOW_MS + LATER_MS);
        break;
    }
}

/* Asking for an entity is one operation, which is one of three events by the state that it meets.
 */
static void move_by_hand(struct subject *subject, enum submission_event event)
{
    struct store_move move = {.op.done = fixture_stop,
                              .submissions = &subject->number,
                              .count = 1,
                              .action = event == EVENT_DISCARDED ? MOVE_DISCARD : MOVE_RETRY,
                              .reason = "discarded by hand"};
    uint64_t count;

    if (event == EVENT_ASKED_FOR) {
        assert_int_equal(enqueue(subject->f, "a", 0, &count), 0);
        return;
    }
    store_move(subject->f->store, &move);
    fixture_wait(subject->f, &move.op);
    assert_int_equal(move.op.status, 0);
}

static enum submission_state state_of(struct subject *subject)
{
    if (subject->number == 0)
        subject->number = number_of(subject->f, 1);
    return subject->number != 0 ? ask_submission(subject->f, subject->number).row.state
                                : SUBMISSION_NONE;
}

/* Pairs where the operation meets another row of the table than the one in question: a walk that
 * was set back takes what was never taken as any walk does, what ended is blocked only where it was
 * discarded so, only what is blocked has an older one in flight, and asking by hand is three
 * events.
 */
static bool is_told_apart(enum submission_state from, enum submission_event event)
{
    bool is_asked = event == EVENT_ASKED_FOR || event == EVENT_RETRIED || event == EVENT_REPLAYED;

    if (submission_transition_find(from, event) != NULL)
        return true;
    if (event == EVENT_BLOCKED || event == EVENT_DELIVERED_ONCE ||
        (from == SUBMISSION_NONE && event == EVENT_REWOUND))
        return false;
    return !is_asked || from == SUBMISSION_IN_FLIGHT || from == SUBMISSION_SUPERSEDED;
}

static void check_pair(enum submission_state from, enum submission_event event)
{
    const struct submission_transition *row = submission_transition_find(from, event);
    struct fixture fixture;
    struct subject subject = {.f = &fixture};
    const struct kept_row *rows;
    bool may_wait = from == SUBMISSION_PENDING && event == EVENT_REWOUND; /* else it were claimed */
    bool is_birth = from == SUBMISSION_NONE && event == EVENT_BLOCKED;
    bool was_blocked = from == SUBMISSION_SKIPPED && event == EVENT_BLOCKED;

    fixture_open(&fixture, scheme);
    if (may_wait || is_birth || was_blocked ||
        (from == SUBMISSION_PENDING && event == EVENT_LEASE_RAN_OUT))
        bring_blocked(&subject, WALK_CHANGED);
    else if (event == EVENT_DELIVERED_ONCE)
        bring_blocked(&subject, WALK_UNSUBMITTED);
    else
        bring(&subject, from, event == EVENT_LEASE_RAN_OUT ? LEASE_MS : LONG_LEASE_MS);
    if (was_blocked)
        move_by_hand(&subject, EVENT_DISCARDED);
    enum submission_state before = state_of(&subject);
    if (!is_birth) {
        assert_int_equal(before, from);
        fire(&subject, event);
    }
    enum submission_state after = state_of(&subject);
    enum submission_state expected = row != NULL ? row->to : from;
    if (event == EVENT_LEASE_RAN_OUT && row != NULL) { /* and claimed again by the same claim */
        assert_int_equal(
            ask(&fixture, (struct store_query){.query = QUERY_ATTEMPTS, .number = subject.number},
                &rows),
            1);
        after = rows[0].row.state;
    }
    if (after != expected)
        fail_msg("%s, %s: %s, expected %s", submission_state_name(from),
                 submission_event_name(event), submission_state_name(after),
                 submission_state_name(expected));
    fixture_close(&fixture);
}

static void test_every_pair(void **state)
{
    (void)state;
    for (int from = 0; from <= SUBMISSION_NONE; from++)
        for (int event = 0; event < SUBMISSION_EVENTS; event++)
            if (is_told_apart(from, event))
                check_pair(from, event);
}

/* ---- a random run ---- */

/* Few entities, so that each comes far. */
enum { ENTITIES = 4, HELD_MAX = 64, OPERATIONS = 500, PATH_MAX_STEPS = 3 };

struct world {
    struct fixture *f;
    unsigned seed;
    int64_t now_ms;
    struct store_claimed held[HELD_MAX]; /* also such whose claim is not held any more */
    size_t held_count;
    enum submission_state states[ROWS_MAX];
    size_t changes;
    uint64_t last; /* number */
};

static unsigned roll(struct world *world, unsigned sides)
{
    world->seed = world->seed * 1103515245u + 12345u;
    return (world->seed >> 16) % sides;
}

static bool leads_to(enum submission_state from, enum submission_state to, uint32_t events,
                     int steps)
{
    if (from == to)
        return true;
    for (int event = 0; event < SUBMISSION_EVENTS && steps > 0; event++) {
        enum submission_state next = from;
        if ((events & (1u << event)) != 0 && submission_step(&next, event) &&
            leads_to(next, to, events, steps - 1))
            return true;
    }
    return false;
}

/* Compares all submissions with how they were, and holds each change to the table. */
static void check_changes(struct world *world, uint32_t events, const char *operation)
{
    const struct kept_row *rows;
    size_t count = ask(world->f, (struct store_query){.query = QUERY_SUBMISSIONS}, &rows);
    size_t in_flight[ENTITIES] = {0};
    size_t blocked[ENTITIES] = {0};

    for (size_t i = 0; i < count; i++) {
        uint64_t number = rows[i].row.submission;
        enum submission_state to = rows[i].row.state;
        assert_true(number < ROWS_MAX);
        if (!leads_to(world->states[number], to, events, PATH_MAX_STEPS))
            fail_msg("seed %u: submission %llu went from %s to %s by '%s'", world->seed,
                     (unsigned long long)number, submission_state_name(world->states[number]),
                     submission_state_name(to), operation);
        world->changes += world->states[number] != to;
        world->states[number] = to;
        world->last = number > world->last ? number : world->last;
        in_flight[rows[i].id[0] - 'a'] += to == SUBMISSION_IN_FLIGHT;
        blocked[rows[i].id[0] - 'a'] += to == SUBMISSION_PENDING && rows[i].row.due_ms == 0;
    }
    for (size_t i = 0; i < ENTITIES; i++) {
        if (in_flight[i] > 1)
            fail_msg("seed %u: '%s' has two versions in flight", world->seed, operation);
        if (blocked[i] > in_flight[i])
            fail_msg("seed %u: '%s' leaves one that waits for nobody", world->seed, operation);
    }
}

static void random_id(struct world *world, char out[2])
{
    out[0] = (char)('a' + roll(world, ENTITIES));
    out[1] = '\0';
}

static void random_claim(struct world *world)
{
    static const enum store_walk walks[] = {WALK_NONE, WALK_UNSUBMITTED, WALK_CHANGED, WALK_ALL};
    struct store_claim claim = {.op.done = fixture_stop,
                                .integration = world->f->integration,
                                .walk = walks[roll(world, 4)],
                                .max = 1 + roll(world, 3),
                                .new_first = roll(world, 2) == 0,
                                .lease_until_ms = world->now_ms + (int64_t)roll(world, 2000)};

    store_claim(world->f->store, &claim);
    fixture_wait(world->f, &claim.op);
    assert_int_equal(claim.op.status, 0);
    for (size_t i = 0; i < claim.count; i++) {
        size_t at = world->held_count < HELD_MAX ? world->held_count++ : roll(world, HELD_MAX);
        world->held[at] = claim.records[i];
    }
    store_claim_finish(&claim);
}

static enum submission_event random_verdict(struct world *world)
{
    static const enum submission_event verdicts[] = {
        EVENT_RELEASED, EVENT_ACCEPTED, EVENT_REJECTED,     EVENT_SKIPPED,
        EVENT_RETRY,    EVENT_UNSURE,   EVENT_OUT_OF_TRIES,
    };
    enum submission_event event = verdicts[roll(world, 7)];

    if (world->held_count > 0)
        tell_event(world->f, &world->held[roll(world, (unsigned)world->held_count)], event,
                   world->now_ms + (int64_t)roll(world, 1000));
    return event;
}

static void random_move(struct world *world)
{
    const uint64_t numbers[] = {1 + roll(world, (unsigned)world->last + 1),
                                world->last > 3 ? world->last - roll(world, 3) : 1};
    struct store_move move = {.op.done = fixture_stop,
                              .submissions = numbers,
                              .count = 2,
                              .action = roll(world, 2) == 0 ? MOVE_RETRY : MOVE_DISCARD,
                              .new_key = roll(world, 2) == 0,
                              .reason = "discarded by hand"};

    store_move(world->f->store, &move);
    fixture_wait(world->f, &move.op);
    assert_int_equal(move.op.status, 0);
}

#define BIT(event) (1u << EVENT_##event)
static const uint32_t by_claim = BIT(CLAIMED) | BIT(REWOUND) | BIT(BLOCKED) | BIT(NEWER_VERSION) |
                                 BIT(ENTITY_DELETED) | BIT(LEASE_RAN_OUT);
static const uint32_t by_move = BIT(RETRIED) | BIT(REPLAYED) | BIT(DISCARDED);
static const uint32_t by_enqueue =
    BIT(ASKED_FOR) | BIT(RETRIED) | BIT(REPLAYED) | BIT(NEWER_VERSION);

static void random_operation(struct world *world)
{
    char id[2], data[16];
    uint64_t count;

    random_id(world, id);
    snprintf(data, sizeof data, "%u", roll(world, 1000));
    switch (roll(world, 14)) {
    case 0:
    case 1:
        put(world->f, id, data);
        check_changes(world, 0, "put");
        break;
    case 2:
        if (roll(world, 3) == 0)
            drop(world->f, id);
        check_changes(world, 0, "drop");
        break;
    case 3:
        (void)enqueue(world->f, id, 0, &count); /* there may be no such entity */
        check_changes(world, by_enqueue, "enqueue one");
        break;
    case 4:
        (void)enqueue(world->f, NULL, (int)roll(world, 4), &count);
        check_changes(world, by_enqueue, "enqueue by selector");
        break;
    case 5:
        if (roll(world, 8) == 0)
            (void)recover(world->f);
        check_changes(world, BIT(RECOVERED), "recover");
        break;
    case 6:
    case 7:
    case 8: {
        enum submission_event event = random_verdict(world);
        check_changes(world, 1u << event | BIT(NEWER_VERSION) | BIT(DELIVERED_ONCE),
                      submission_event_name(event));
        break;
    }
    case 9:
    case 10:
        random_move(world);
        check_changes(world, by_move, "move");
        break;
    default:
        world->now_ms += (int64_t)roll(world, 500);
        fixture_at(world->now_ms);
        random_claim(world);
        check_changes(world, by_claim, "claim");
        break;
    }
}
#undef BIT

static void test_random_run_keeps_to_the_table(void **state)
{
    static struct world world;
    struct fixture fixture;

    (void)state;
    for (unsigned seed = 1; seed <= 16; seed++) {
        fixture_open(&fixture, scheme);
        world = (struct world){.f = &fixture, .seed = seed, .now_ms = NOW_MS};
        for (size_t i = 0; i < ROWS_MAX; i++)
            world.states[i] = SUBMISSION_NONE;
        for (int i = 0; i < OPERATIONS; i++)
            random_operation(&world);
        assert_true(world.changes > OPERATIONS / 8);
        fixture_close(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_a_machine),
        cmocka_unit_test(test_every_pair),
        cmocka_unit_test(test_random_run_keeps_to_the_table),
    };
    int failures = 0;

    scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    return failures;
}
