/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static const tenon_plugin *plugin;
static struct fake_host host;
static struct fake_verdicts verdicts;
static char directory[] = "/tmp/tenon-archive-XXXXXX";

static void (*before_lock)(void); /* once */

/* Being the program's, this one goes before the C library's, for the plugin too: what another
 * writer does at the last moment before the lock is done in here. No timing could bring that about.
 */
__attribute__((visibility("default"))) int flock(int fd, int operation)
{
    void (*act)(void) = before_lock;

    before_lock = NULL;
    if (act != NULL)
        act();
    return (int)syscall(SYS_flock, fd, operation);
}

static void *create(const char *file, int rotate_size, int rotate_keep, const char *wrap)
{
    tenon_err err = fake_err();
    void *self = NULL;
    char text[1024];

    snprintf(
        text, sizeof text,
        "{\"directory\":\"%s\",\"file\":\"%s\",\"rotate_size\":%d,\"rotate_keep\":%d,\"sync\":true,"
        "\"wrap\":\"%s\"}",
        directory, file, rotate_size, rotate_keep, wrap);
    assert_int_equal(plugin->validate(tenon_text(text), &err), TENON_OK);
    assert_int_equal(
        plugin->create(&host.host, tenon_text("archive"), tenon_text(text), &self, &err), TENON_OK);
    return self;
}

static void submit(void *self, const tenon_record *records, uint32_t count)
{
    tenon_err err = fake_err();
    tenon_batch batch = fake_batch(records, count);

    fake_verdicts_init(&verdicts);
    assert_int_equal(plugin->client->submit(self, &batch, &verdicts.verdicts, &err), TENON_OK);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(verdicts.items[i].times, 1);
}

static void submit_accepted(void *self, const tenon_record *records, uint32_t count)
{
    submit(self, records, count);
    for (uint32_t i = 0; i < count; i++)
        if (verdicts.items[i].verdict != TENON_ACCEPTED)
            fail_msg("%s", verdicts.items[i].message);
}

static const char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* What is in the file, or NULL when there is none. */
static const char *contents(const char *name)
{
    static char text[65536];
    FILE *file = fopen(path_of(name), "r");
    size_t len;

    if (file == NULL)
        return NULL;
    len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    return text;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void writes_a_line_per_record(void **state)
{
    tenon_record records[] = {fake_record("a", "{\"n\":1}"),
                              fake_record("b", "{\n  \"n\": 2\r\n}")};
    void *self = create("plain.ndjson", 0, 0, "data");

    (void)state;
    submit_accepted(self, records, 2);
    assert_string_equal(contents("plain.ndjson"), "{\"n\":1}\n{   \"n\": 2  }\n");
    submit_accepted(self, records, 1);
    assert_string_equal(contents("plain.ndjson"), "{\"n\":1}\n{   \"n\": 2  }\n{\"n\":1}\n");
    plugin->deactivate(self, 0);
    plugin->destroy(self);
}

static void wraps_in_an_envelope(void **state)
{
    tenon_record record = fake_record("a\"\x01", "{}");
    void *self = create("envelope.ndjson", 0, 0, "envelope");

    (void)state;
    record.version = 12;
    submit_accepted(self, &record, 1);
    assert_string_equal(contents("envelope.ndjson"),
                        "{\"id\":\"a\\\"\\u0001\",\"type\":\"event\",\"version\":12,"
                        "\"key\":\"key-1\",\"data\":{}}\n");
    plugin->destroy(self);
}

static void names_files_by_type(void **state)
{
    tenon_record records[40];
    char types[40][16];
    void *self = create("t-{type}.ndjson", 0, 0, "data");

    (void)state;
    for (int i = 0; i < 40; i++) {
        records[i] = fake_record("x", "{}");
        snprintf(types[i], sizeof types[i], "k%d", i % 20);
        records[i].type = tenon_text(types[i]);
    }
    submit_accepted(self, records, 40); /* more types than files are kept open */
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "t-k%d.ndjson", i);
        assert_string_equal(contents(name), "{}\n{}\n");
    }
    records[0].type = tenon_text("../../etc/x");
    submit_accepted(self, records, 1);
    assert_string_equal(contents("t-..%2F..%2Fetc%2Fx.ndjson"), "{}\n");
    plugin->destroy(self);
}

static void rotates_between_lines(void **state)
{
    tenon_record records[7];
    void *self = create("r", 10, 2, "data");

    (void)state;
    for (int i = 0; i < 7; i++)
        records[i] =
            fake_record("x", i == 3 ? "\"longer than a file\"" : "\"12\""); /* 5 bytes a line */
    submit_accepted(self, records, 7);
    /* {12,12} {12} {longer} {12,12} {12}; the first two have gone */
    assert_string_equal(contents("r"), "\"12\"\n");
    assert_string_equal(contents("r.1"), "\"12\"\n\"12\"\n");
    assert_string_equal(contents("r.2"), "\"longer than a file\"\n");
    assert_null(contents("r.3"));
    plugin->destroy(self);
}

static void rotating_to_nothing_starts_anew(void **state)
{
    tenon_record records[] = {fake_record("x", "\"12\""), fake_record("x", "\"13\""),
                              fake_record("x", "\"14\"")};
    void *self = create("none", 10, 0, "data");

    (void)state;
    submit_accepted(self, records, 3);
    assert_string_equal(contents("none"), "\"14\"\n");
    assert_null(contents("none.1"));
    plugin->destroy(self);
}

static void follows_a_file_that_was_moved(void **state)
{
    tenon_record record = fake_record("x", "{}");
    void *self = create("moved", 0, 0, "data");
    char from[512];

    (void)state;
    submit_accepted(self, &record, 1);
    snprintf(from, sizeof from, "%s", path_of("moved"));
    assert_int_equal(rename(from, path_of("moved.old")), 0);
    submit_accepted(self, &record, 1);
    assert_string_equal(contents("moved"), "{}\n");
    assert_string_equal(contents("moved.old"), "{}\n");
    plugin->destroy(self);
}

static void cuts_a_torn_line(void **state)
{
    tenon_record record = fake_record("x", "{}");
    void *self = create("torn", 0, 0, "data");

    (void)state;
    put("torn", "{\"whole\":1}\n{\"torn\":");
    submit_accepted(self, &record, 1);
    assert_string_equal(contents("torn"), "{\"whole\":1}\n{}\n");
    assert_string_equal(host.last_log, "cut a torn last line, which was never accepted");
    plugin->destroy(self);
}

/* The limit on a file's size stands for a full disk: write() takes a part, then fails. */
static void a_full_disk_leaves_whole_lines(void **state)
{
    tenon_record records[5];
    struct rlimit old, small;
    void *self = create("full", 0, 0, "data");

    (void)state;
    for (int i = 0; i < 5; i++)
        records[i] = fake_record("x", "\"12345678\""); /* 11 bytes a line */
    submit_accepted(self, records, 1);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 38; /* three lines and a half */
    setrlimit(RLIMIT_FSIZE, &small);
    submit(self, records, 5);
    setrlimit(RLIMIT_FSIZE, &old);
    for (int i = 0; i < 5; i++)
        assert_int_equal(verdicts.items[i].verdict, i < 2 ? TENON_ACCEPTED : TENON_RETRY);
    assert_int_equal(verdicts.items[4].error_class, TENON_E_SERVER);
    assert_non_null(strstr(verdicts.items[4].message, "cannot write"));
    assert_string_equal(contents("full"), "\"12345678\"\n\"12345678\"\n\"12345678\"\n");
    submit_accepted(self, records + 2, 3);
    assert_int_equal(strlen(contents("full")), 66);
    plugin->destroy(self);
}

static void two_writers_do_not_share_a_file(void **state)
{
    tenon_record record = fake_record("x", "{}");
    void *one = create("shared", 0, 0, "data");
    void *two = create("shared", 0, 0, "data");

    (void)state;
    submit_accepted(one, &record, 1);
    submit(two, &record, 1);
    assert_int_equal(verdicts.items[0].verdict, TENON_RETRY);
    assert_non_null(strstr(verdicts.items[0].message, "being written by another integration"));
    plugin->deactivate(one, 0);
    submit_accepted(two, &record, 1);
    plugin->destroy(one);
    plugin->destroy(two);
}

static int other_writer = -1;

static void end_line_and_unlock(void)
{
    assert_int_equal(write(other_writer, "1}\n", 3), 3);
    close(other_writer);
}

/* What the last writer added before it let go was accepted, and is no torn line. */
static void keeps_what_was_written_until_the_lock(void **state)
{
    tenon_record record = fake_record("x", "{}");
    void *self = create("handed_over", 0, 0, "data");

    (void)state;
    put("handed_over", "{\"n\":");
    other_writer = open(path_of("handed_over"), O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(flock(other_writer, LOCK_EX), 0);
    before_lock = end_line_and_unlock;
    submit_accepted(self, &record, 1);
    assert_null(before_lock);
    assert_string_equal(contents("handed_over"), "{\"n\":1}\n{}\n");
    plugin->destroy(self);
}

static void does_not_write_through_a_link(void **state)
{
    tenon_record record = fake_record("x", "{}");
    void *self = create("link", 0, 0, "data");

    (void)state;
    put("target", "");
    assert_int_equal(symlink("target", path_of("link")), 0);
    submit(self, &record, 1);
    assert_int_equal(verdicts.items[0].verdict, TENON_RETRY);
    assert_string_equal(contents("target"), "");
    plugin->destroy(self);
}

static void tells_a_missing_directory(void **state)
{
    tenon_record record = fake_record("x", "{}");
    tenon_err err = fake_err();
    void *self;

    (void)state;
    self = create("sub", 0, 0, "data");
    assert_int_equal(plugin->client->test(self, &err), TENON_OK);
    plugin->destroy(self);
    directory[strlen(directory) - 1] ^= 1;
    self = create("sub", 0, 0, "data");
    assert_int_equal(plugin->client->test(self, &err), TENON_E_CONNECTION);
    assert_non_null(strstr(err.message, "make the directory"));
    submit(self, &record, 1);
    assert_int_equal(verdicts.items[0].verdict, TENON_RETRY);
    assert_int_equal(verdicts.items[0].error_class, TENON_E_CONNECTION);
    plugin->destroy(self);
    directory[strlen(directory) - 1] ^= 1;
}

static void says_what_is_wrong_with_settings(void **state)
{
    static const char *const cases[][2] = {
        {"{\"directory\":\"rel\",\"file\":\"a\"}",
         "directory: a path from / is expected, not 'rel'"},
        {"{\"directory\":\"/d\",\"file\":\"\"}", "file: a name of 1 to 200 bytes is expected"},
        {"{\"directory\":\"/d\",\"file\":\"../a\"}",
         "file: '../a' must be a name without '/' and not start with '.'; the place is "
         "`directory`"},
        {"{\"directory\":\"/d\",\"file\":\"{id}\"}",
         "file: '{id}' has a brace at byte 1; the only placeholder is {type}, once"},
        {"{\"directory\":\"/d\",\"file\":\"{type}{type}\"}",
         "file: '{type}{type}' has a brace at byte 7; the only placeholder is {type}, once"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tenon_err err = fake_err();
        assert_int_equal(plugin->validate(tenon_text(cases[i][0]), &err), TENON_E_VALIDATION);
        assert_string_equal(err.message, cases[i][1]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_line_per_record),
        cmocka_unit_test(wraps_in_an_envelope),
        cmocka_unit_test(names_files_by_type),
        cmocka_unit_test(rotates_between_lines),
        cmocka_unit_test(rotating_to_nothing_starts_anew),
        cmocka_unit_test(follows_a_file_that_was_moved),
        cmocka_unit_test(cuts_a_torn_line),
        cmocka_unit_test(a_full_disk_leaves_whole_lines),
        cmocka_unit_test(two_writers_do_not_share_a_file),
        cmocka_unit_test(keeps_what_was_written_until_the_lock),
        cmocka_unit_test(does_not_write_through_a_link),
        cmocka_unit_test(tells_a_missing_directory),
        cmocka_unit_test(says_what_is_wrong_with_settings),
    };
    char command[256];
    int failed;

    plugin = fake_host_load(argv[argc - 1]);
    fake_host_init(&host);
    if (mkdtemp(directory) == NULL)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_host_finish(&host);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command) == 0 ? failed : 1;
}
