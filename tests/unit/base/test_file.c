/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "base/cleanup.h"
#include "check.h"

#include <sys/stat.h>

static char dir[] = "/tmp/tenon-test-file-XXXXXX";

static int make_scratch(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_scratch(void **state)
{
    _buf_ struct buf command = {0};

    (void)state;
    buf_printf(&command, "rm -r '%s'", dir);
    return system(command.ptr);
}

static void written_is_read_back(void **state)
{
    _free_ char *path = file_join(dir, "a");
    _buf_ struct buf text = {0};
    struct stat info;
    struct err err;

    (void)state;
    assert_int_equal(file_write(path, STR("first, and longer"), 0600, &err), 0);
    assert_int_equal(file_write(path, STR("one\0two"), 0640, &err), 0);
    buf_puts(&text, ">");
    assert_int_equal(file_read(path, 7, &text, &err), 0);
    assert_int_equal(text.len, 8);
    assert_memory_equal(text.ptr, ">one\0two", 9);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void writing_leaves_no_other_file(void **state)
{
    _free_ char *sub = file_join(dir, "alone");
    _free_ char *path = file_join(sub, "only");
    _free_ char *in_the_way = file_join(sub, "dir");
    struct err err;
    int files = 0;

    (void)state;
    assert_int_equal(file_make_dirs(in_the_way, 0700, &err), 0);
    assert_int_equal(file_write(path, STR("x"), 0600, &err), 0);
    assert_int_equal(file_write(in_the_way, STR("x"), 0600, &err), -EISDIR);
    assert_non_null(strstr(err.text, in_the_way));
    _closedir_ DIR *listing = opendir(sub);
    assert_non_null(listing);
    for (const struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        files += entry->d_name[0] != '.' ? 1 : 0;
    assert_int_equal(files, 2);
}

static void reading_refuses(void **state)
{
    _free_ char *path = file_join(dir, "large");
    _free_ char *missing = file_join(dir, "missing");
    _free_ char *fifo = file_join(dir, "fifo");
    _buf_ struct buf text = {0};
    struct err err;

    (void)state;
    assert_int_equal(file_write(path, STR("12345678"), 0600, &err), 0);
    assert_int_equal(file_read(path, 7, &text, &err), E_TOO_LARGE);
    assert_int_equal(file_read("/proc/self/status", 7, &text, &err),
                     E_TOO_LARGE); /* stat claims 0 bytes */
    assert_int_equal(text.len, 0);
    assert_int_equal(file_read(missing, 7, &text, &err), -ENOENT);
    assert_non_null(strstr(err.text, missing));
    assert_int_equal(file_read(dir, 7, &text, &err), -EISDIR);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_read(fifo, 7, &text, NULL), -EINVAL); /* and does not wait for a writer */
    assert_int_equal(text.len, 0);
}

static void directories_are_made(void **state)
{
    _free_ char *deep = file_join(dir, "x//y/z/");
    _free_ char *file = file_join(dir, "plain");
    _free_ char *below = file_join(file, "sub");
    struct stat info;
    struct err err;

    (void)state;
    assert_int_equal(file_make_dirs(deep, 0700, &err), 0);
    assert_int_equal(file_make_dirs(deep, 0700, &err), 0);
    assert_int_equal(stat(deep, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(file_write(file, STR(""), 0600, &err), 0);
    assert_int_equal(file_make_dirs(below, 0700, &err), -ENOTDIR);
    assert_int_equal(file_make_dirs(file, 0700, &err), -ENOTDIR);
    assert_int_equal(file_make_dirs("/", 0700, &err), 0);
}

static void join_puts_one_slash(void **state)
{
    _free_ char *plain = file_join("a/b", "c");
    _free_ char *slash = file_join("a/", "c");
    _free_ char *root = file_join("/", "c");
    _free_ char *none = file_join("", "c");

    (void)state;
    assert_string_equal(plain, "a/b/c");
    assert_string_equal(slash, "a/c");
    assert_string_equal(root, "/c");
    assert_string_equal(none, "c");
}

static void program_dir_holds_this_program(void **state)
{
    _free_ char *place = file_program_dir();

    (void)state;
    assert_non_null(place);
    _free_ char *path = file_join(place, program_invocation_short_name);
    assert_int_equal(access(path, X_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_is_read_back), cmocka_unit_test(writing_leaves_no_other_file),
        cmocka_unit_test(reading_refuses),      cmocka_unit_test(directories_are_made),
        cmocka_unit_test(join_puts_one_slash),  cmocka_unit_test(program_dir_holds_this_program),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
