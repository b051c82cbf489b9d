/* SPDX-License-Identifier: Apache-2.0
 * The order in which verdicts are written: by submission, as far as that costs little. */
#include "engine/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int open_loop(void **state)
{
    struct err err;

    *state = loop_create(&err);
    return *state != NULL ? 0 : -1;
}

static int close_loop(void **state)
{
    loop_destroy(*state);
    return 0;
}

static void add(struct outbox *outbox, uint64_t submission, uint32_t attempt)
{
    outbox_add(outbox, &(struct store_outcome){.submission = submission, .attempt = attempt});
}

static void test_verdicts_stand_by_submission(void **state)
{
    static const struct outbox_events none;
    struct outbox outbox;

    assert_int_equal(outbox_init(&outbox, *state, NULL, &none), 0);
    srandom(1);
    for (uint64_t i = 0; i < 1000; i += 10) /* as sixteen requests under way answer */
        for (uint64_t k = 0; k < 10; k++)
            add(&outbox, 1 + i + (k * 7 + (uint64_t)random() % 2 * 5) % 10, 1);
    assert_int_equal(outbox.filling.count, 1000);
    for (size_t i = 1; i < 1000; i++)
        assert_true(outbox.filling.outcomes[i - 1].submission <=
                    outbox.filling.outcomes[i].submission);
    outbox_finish(&outbox);
}

static void test_those_of_one_submission_keep_their_order(void **state)
{
    static const struct outbox_events none;
    struct outbox outbox;

    assert_int_equal(outbox_init(&outbox, *state, NULL, &none), 0);
    for (uint32_t attempt = 1; attempt <= 3; attempt++)
        for (uint64_t submission = 9; submission > 4; submission--)
            add(&outbox, submission, attempt);
    for (size_t i = 0; i < 15; i++) {
        assert_int_equal(outbox.filling.outcomes[i].submission, 5 + i / 3);
        assert_int_equal(outbox.filling.outcomes[i].attempt, 1 + i % 3);
    }
    outbox_finish(&outbox);
}

/* A straggler is not taken past hundreds. */
static void test_a_late_one_stays_near_the_end(void **state)
{
    static const struct outbox_events none;
    struct outbox outbox;

    assert_int_equal(outbox_init(&outbox, *state, NULL, &none), 0);
    for (uint64_t submission = 2; submission < 102; submission++)
        add(&outbox, submission, 1);
    add(&outbox, 1, 1);
    assert_int_equal(outbox.filling.outcomes[0].submission, 2);
    assert_int_equal(outbox.filling.outcomes[100].submission, 101);
    assert_int_equal(outbox.filling.count, 101);
    outbox_finish(&outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_verdicts_stand_by_submission, open_loop, close_loop),
        cmocka_unit_test_setup_teardown(test_those_of_one_submission_keep_their_order, open_loop,
                                        close_loop),
        cmocka_unit_test_setup_teardown(test_a_late_one_stays_near_the_end, open_loop, close_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
