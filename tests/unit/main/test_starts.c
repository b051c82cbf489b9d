/* SPDX-License-Identifier: Apache-2.0
 * Starts that end badly are counted, good ones wipe the slate. */
#include "main/starts.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check_count(const char *path, const char *expected)
{
    _buf_ struct buf text = {0};

    if (expected == NULL) {
        assert_int_not_equal(access(path, F_OK), 0);
        return;
    }
    assert_int_equal(file_read(path, 100, &text, NULL), 0);
    assert_string_equal(text.ptr, expected);
}

static void starts_are_counted_until_one_goes_well(void **state)
{
    char dir[] = "/tmp/tenon-starts-XXXXXX";
    struct err err = {0};
    struct loop *loop = loop_create(&err);
    struct starts *starts;

    (void)state;
    assert_non_null(mkdtemp(dir));
    _free_ char *path = file_join(dir, "starts");
    starts = starts_create(loop, dir, false);
    check_count(path, "1\n");
    starts_destroy(starts);
    starts = starts_create(loop, dir, false);
    check_count(path, "2\n");
    starts_went_well(starts);
    check_count(path, NULL);
    starts_destroy(starts);
    assert_int_equal(file_write(path, STR("nonsense"), 0600, &err), 0);
    starts = starts_create(loop, dir, false);
    check_count(path, "1\n");
    starts_went_well(starts);
    starts_destroy(starts);
    starts_went_well(NULL);
    starts_destroy(NULL);
    loop_destroy(loop);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_are_counted_until_one_goes_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
