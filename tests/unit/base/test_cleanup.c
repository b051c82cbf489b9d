/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cleanup.h"

#include "check.h"

#include <fcntl.h>

struct thing {
    int *destroyed;
};

static void thing_destroy(struct thing *thing)
{
    (*thing->destroyed)++;
    errno = EIO;
}
DEFINE_GUARD(thing, struct thing *, thing_destroy);

static struct thing *hand_on(struct thing *thing)
{
    _guard_(thing) struct thing *mine = thing;
    return steal(mine);
}

static void guard_runs_at_the_end_and_keeps_errno(void **state)
{
    int destroyed = 0;
    struct thing thing = {&destroyed};

    (void)state;
    errno = 0;
    {
        _guard_(thing) struct thing *mine = &thing;
        _guard_(thing) struct thing *none = NULL;
        assert_null(none);
        assert_int_equal(*mine->destroyed, 0);
    }
    assert_int_equal(destroyed, 1);
    assert_int_equal(errno, 0);
}

static void steal_takes_past_the_guard(void **state)
{
    int destroyed = 0;
    struct thing thing = {&destroyed};

    (void)state;
    assert_ptr_equal(hand_on(&thing), &thing);
    assert_int_equal(destroyed, 0);
}

static void descriptors_are_closed(void **state)
{
    int closed;
    int kept;

    (void)state;
    {
        _close_ int a = open("/dev/null", O_RDONLY | O_CLOEXEC);
        _close_ int b = open("/dev/null", O_RDONLY | O_CLOEXEC);
        closed = a;
        kept = steal_fd(b);
        assert_int_equal(b, -1);
    }
    assert_int_equal(fcntl(closed, F_GETFD), -1);
    assert_int_not_equal(fcntl(kept, F_GETFD), -1);
    assert_int_equal(close(kept), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard_runs_at_the_end_and_keeps_errno),
        cmocka_unit_test(steal_takes_past_the_guard),
        cmocka_unit_test(descriptors_are_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
