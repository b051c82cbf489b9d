/* SPDX-License-Identifier: Apache-2.0
 * What differs between two readings of real files: what is taken, what is refused, what is waited
 * for, and that nothing else counts as a change. */
#include "engine/generation.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sys/stat.h>

enum { LATER_MS = 60000 }; /* by then every file is settled */

struct place {
    char dir[64], conf[80], plugins[80];
    struct generation *former, *next;
    struct buf words;
};

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
    char command[600];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

static void put(const char *dir, const char *name, const char *text)
{
    _free_ char *path = file_join(dir, name);
    struct err err = {0};

    if (file_write(path, str_of(text), 0600, &err) < 0)
        fail_msg("%s", err.text);
}

static void build(const struct place *place, const char *name, const char *version)
{
    _buf_ struct buf text = {0};

    buf_printf(&text,
               "#include <tenon/tenon.h>\n"
               "static void describe(tenon_plugin *plugin) { (void)plugin; }\n"
               "TENON_PLUGIN(\"%s\", \"%s\", \"MIT\", describe);\n",
               name, version);
    put(place->dir, "plugin.c", text.ptr);
    run("cc -shared -fPIC -fvisibility=hidden -w -I'%s/sdk/include' '%s/plugin.c' -o '%s/%s.so' && "
        "chmod 755 '%s/%s.so'",
        getenv("TENON_SOURCE"), place->dir, place->plugins, name, place->plugins, name);
}

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    _buf_ struct buf host = {0};

    assert_int_equal(digest_init(), 0);
    (void)snprintf(place->dir, sizeof place->dir, "/tmp/tenon-generation-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->conf, sizeof place->conf, "%s/conf.d", place->dir);
    (void)snprintf(place->plugins, sizeof place->plugins, "%s/plugins", place->dir);
    assert_int_equal(mkdir(place->conf, 0755), 0);
    assert_int_equal(mkdir(place->plugins, 0755), 0);
    buf_printf(&host, "[host]\nplugin_path = %s\n", place->plugins);
    put(place->conf, "tenon.ini", host.ptr);
    build(place, "hook", "1");
    put(place->conf, "x.ini", "[integration]\nplugin = hook\nbase_url = http://127.0.0.1:1\n");
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;

    generation_unref(place->former);
    generation_unref(place->next);
    buf_finish(&place->words);
    run("rm -rf '%s'", place->dir);
    free(place);
    return 0;
}

/* Reads the next generation; what was next is the former. */
static void turn(struct place *place)
{
    struct setup read = {0};
    struct err err = {0};
    int status;

    generation_unref(place->former);
    place->former = place->next;
    status = place->former != NULL ? setup_load_again(generation_setup(place->former), &read, &err)
                                   : setup_load(place->conf, true, &read, &err);
    if (status < 0)
        fail_msg("%s", err.text);
    place->next = generation_create(&read);
    assert_non_null(place->next);
    assert_null(read.config);
}

static struct generation_part part(const struct generation *generation)
{
    return (struct generation_part){
        generation, generation != NULL ? config_find(generation_config(generation), "x") : NULL};
}

static enum change compare(struct place *place, int64_t after_ms)
{
    struct generation_part former = part(place->former);
    struct generation_part next = part(place->next);

    buf_clear(&place->words);
    return generation_compare(&former, &next, clock_wall_ms() + after_ms, &place->words);
}

static enum change compare_plugin(struct place *place, int64_t after_ms)
{
    _free_ char *path = file_join(place->plugins, "hook.so");

    buf_clear(&place->words);
    return generation_compare_plugin(catalog_find_path(generation_catalog(place->former), path),
                                     catalog_find_path(generation_catalog(place->next), path),
                                     clock_wall_ms() + after_ms, &place->words);
}

static void same_words_are_no_change(void **state)
{
    struct place *place = *state;

    turn(place);
    turn(place);
    assert_int_equal(compare(place, 0), CHANGE_NONE);
    assert_int_equal(compare_plugin(place, 0), CHANGE_NONE);
    put(place->conf, "x.ini",
        "; a comment\n[integration]\nbase_url = http://127.0.0.1:1 ; another\nplugin = hook\n");
    run("touch '%s/hook.so'", place->plugins);
    turn(place);
    assert_int_equal(compare(place, 0), CHANGE_NONE);
    assert_int_equal(compare_plugin(place, 0), CHANGE_NONE);
    assert_int_equal(
        generation_compare_host(place->former, place->next, clock_wall_ms(), &place->words),
        CHANGE_NONE);
}

static void a_value_is_a_change_when_it_is_quiet(void **state)
{
    struct place *place = *state;

    turn(place);
    assert_int_equal(compare(place, LATER_MS), CHANGE_ADDED);
    put(place->conf, "x.ini",
        "[integration]\nplugin = hook\nbase_url = http://127.0.0.1:1\n[headers]\nX-A = 1\n");
    turn(place);
    assert_int_equal(compare(place, 0), CHANGE_WAITING);
    assert_int_equal(compare(place, LATER_MS), CHANGE_REPLACED);
    put(place->conf, "x.ini",
        "[integration]\nplugin = hook\nbase_url = http://127.0.0.1:1\n[headers]\nX-A = 2\n");
    turn(place);
    assert_int_equal(compare(place, LATER_MS), CHANGE_REPLACED);
    run("rm '%s/x.ini'", place->conf);
    turn(place);
    assert_int_equal(compare(place, 0), CHANGE_REMOVED);
}

static void a_time_to_come_is_not_waited_for(void **state)
{
    struct place *place = *state;

    turn(place);
    put(place->conf, "x.ini", "[integration]\nplugin = hook\nbase_url = http://127.0.0.1:2\n");
    turn(place);
    assert_int_equal(compare(place, -LATER_MS), CHANGE_REPLACED);
}

static void a_broken_ini_is_refused_with_its_line(void **state)
{
    struct place *place = *state;

    turn(place);
    put(place->conf, "x.ini",
        "[integration]\nplugin = hook\nbase_url = http://127.0.0.1:1\nenabled = perhaps\nx = 1\n");
    turn(place);
    assert_int_equal(compare(place, 0), CHANGE_WAITING);
    assert_int_equal(compare(place, LATER_MS), CHANGE_REFUSED);
    assert_non_null(strstr(place->words.ptr, "x.ini:4: [integration] enabled: 'perhaps'"));
    assert_non_null(strstr(place->words.ptr, "(and 1 more)"));
    turn(place); /* broken as before: still refused, never "the same" */
    assert_int_equal(compare(place, LATER_MS), CHANGE_REFUSED);
}

static void another_build_replaces_what_runs_by_it(void **state)
{
    struct place *place = *state;

    turn(place);
    build(place, "hook", "2");
    turn(place);
    assert_int_equal(compare(place, 0), CHANGE_WAITING);
    assert_int_equal(compare_plugin(place, 0), CHANGE_WAITING);
    assert_int_equal(compare(place, LATER_MS), CHANGE_REPLACED);
    assert_int_equal(compare_plugin(place, LATER_MS), CHANGE_REPLACED);
}

static void a_disabled_one_does_not_care_for_builds(void **state)
{
    struct place *place = *state;

    put(place->conf, "x.ini",
        "[integration]\nplugin = hook\nenabled = no\nbase_url = http://127.0.0.1:1\n");
    turn(place);
    build(place, "hook", "2");
    turn(place);
    assert_int_equal(compare(place, LATER_MS), CHANGE_NONE);
    assert_int_equal(compare_plugin(place, LATER_MS), CHANGE_REPLACED);
}

static void half_a_plugin_is_waited_for_and_then_refused(void **state)
{
    struct place *place = *state;

    turn(place);
    run("truncate -s 60%% '%s/hook.so' 2>/dev/null || truncate -s 6000 '%s/hook.so'",
        place->plugins, place->plugins);
    turn(place);
    assert_int_equal(compare(place, CATALOG_SETTLE_MS / 2), CHANGE_WAITING);
    assert_non_null(strstr(place->words.ptr, "not complete yet"));
    assert_int_equal(compare_plugin(place, CATALOG_SETTLE_MS / 2), CHANGE_WAITING);
    assert_int_equal(compare_plugin(place, CATALOG_SETTLE_MS + 1), CHANGE_REFUSED);
    assert_int_equal(compare(place, CATALOG_SETTLE_MS + 1), CHANGE_REFUSED);
    assert_non_null(strstr(place->words.ptr, "cut short"));
    build(place, "hook", "1");
    turn(place);
    assert_int_equal(compare_plugin(place, LATER_MS), CHANGE_REPLACED);
}

static void a_missing_plugin_is_refused(void **state)
{
    struct place *place = *state;

    turn(place);
    run("rm '%s/hook.so'", place->plugins);
    turn(place);
    assert_int_equal(compare(place, LATER_MS), CHANGE_REFUSED);
    assert_non_null(strstr(place->words.ptr, "there is no plugin 'hook'"));
    assert_int_equal(compare_plugin(place, 0), CHANGE_REMOVED);
}

static void tenon_ini_is_taken_refused_and_missed(void **state)
{
    struct place *place = *state;
    _buf_ struct buf text = {0};
    int64_t later = clock_wall_ms() + LATER_MS;

    buf_printf(&text, "[host]\nplugin_path = %s\n[log]\nlevel = warn\n", place->plugins);
    turn(place);
    put(place->conf, "tenon.ini", text.ptr);
    turn(place);
    assert_int_equal(generation_compare_host(place->former, place->next, later, &place->words),
                     CHANGE_REPLACED);
    buf_puts(&text, "level = 3\n");
    put(place->conf, "tenon.ini", text.ptr);
    turn(place);
    assert_int_equal(generation_compare_host(place->former, place->next, later, &place->words),
                     CHANGE_REFUSED);
    assert_non_null(strstr(place->words.ptr, "tenon.ini:5: "));
    run("rm '%s/tenon.ini'", place->conf);
    turn(place);
    buf_clear(&place->words);
    assert_int_equal(generation_compare_host(place->former, place->next, later, &place->words),
                     CHANGE_REFUSED);
    assert_non_null(strstr(place->words.ptr, "is gone"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_words_are_no_change),
        TEST(a_value_is_a_change_when_it_is_quiet),
        TEST(a_time_to_come_is_not_waited_for),
        TEST(a_broken_ini_is_refused_with_its_line),
        TEST(another_build_replaces_what_runs_by_it),
        TEST(a_disabled_one_does_not_care_for_builds),
        TEST(half_a_plugin_is_waited_for_and_then_refused),
        TEST(a_missing_plugin_is_refused),
        TEST(tenon_ini_is_taken_refused_and_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
