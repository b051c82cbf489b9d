/* SPDX-License-Identifier: Apache-2.0
 * What happens to inis and plugins is noticed, in bursts as one; what happens beside them is not.
 */
#include "main/watch.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <sys/stat.h>

enum { PATIENCE_MS = 30000, LONGER_THAN_A_BURST_MS = 800 };

struct place {
    char dir[64], conf[80], plugins[80];
    struct loop *loop;
    struct loop_timer *timer;
    struct watch *watch;
    int changes;
};

static void changed(void *user)
{
    struct place *place = user;

    place->changes++;
    loop_stop(place->loop);
}

static void over(void *user)
{
    struct place *place = user;

    loop_stop(place->loop);
}

/* Runs until something is noticed, or for so long. */
static void wait(struct place *place, int64_t most_ms)
{
    loop_timer_set(place->timer, most_ms);
    loop_run(place->loop);
    loop_timer_clear(place->timer);
}

static void put(const char *dir, const char *name)
{
    _free_ char *path = file_join(dir, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    (void)fputs("x", file);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    struct err err = {0};

    (void)snprintf(place->dir, sizeof place->dir, "/tmp/tenon-watch-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->conf, sizeof place->conf, "%s/conf.d", place->dir);
    (void)snprintf(place->plugins, sizeof place->plugins, "%s/plugins", place->dir);
    assert_int_equal(mkdir(place->conf, 0755), 0);
    assert_int_equal(mkdir(place->plugins, 0755), 0);
    place->loop = loop_create(&err);
    place->timer = loop_timer_create(place->loop, over, place);
    place->watch = watch_create(place->loop, changed, place, &err);
    assert_non_null(place->watch);
    watch_set(place->watch, place->conf, place->plugins);
    wait(place, PATIENCE_MS); /* the first look: for what changed before the watch stood */
    assert_int_equal(place->changes, 1);
    place->changes = 0;
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    char command[100];

    watch_destroy(place->watch);
    loop_timer_destroy(place->timer);
    loop_drain(place->loop);
    loop_destroy(place->loop);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", place->dir);
    assert_int_equal(system(command), 0);
    free(place);
    return 0;
}

static void a_burst_is_noticed_once(void **state)
{
    struct place *place = *state;

    put(place->conf, "a.ini");
    put(place->conf, "b.ini");
    put(place->conf, "a.ini");
    put(place->plugins, "c.so");
    wait(place, PATIENCE_MS);
    assert_int_equal(place->changes, 1);
    wait(place, LONGER_THAN_A_BURST_MS);
    assert_int_equal(place->changes, 1);
}

static void files_that_go_or_come_by_another_name_are_noticed(void **state)
{
    struct place *place = *state;
    _free_ char *from = file_join(place->plugins, ".a.so.new");
    _free_ char *to = file_join(place->plugins, "a.so");

    put(place->plugins, ".a.so.new");
    assert_int_equal(rename(from, to), 0);
    wait(place, PATIENCE_MS);
    assert_int_equal(place->changes, 1);
    assert_int_equal(unlink(to), 0);
    wait(place, PATIENCE_MS);
    assert_int_equal(place->changes, 2);
}

static void a_turned_link_of_a_mounted_map_is_noticed(void **state)
{
    struct place *place = *state;
    _free_ char *from = file_join(place->conf, "..data_tmp");
    _free_ char *to = file_join(place->conf, "..data");

    assert_int_equal(symlink("..2026", from), 0);
    assert_int_equal(rename(from, to), 0);
    wait(place, PATIENCE_MS);
    assert_int_equal(place->changes, 1);
}

static void other_names_are_left_alone(void **state)
{
    struct place *place = *state;

    put(place->conf, "a.ini~");
    put(place->conf, ".a.ini.swp");
    put(place->conf, "notes.txt");
    put(place->plugins, ".c.so");
    wait(place, LONGER_THAN_A_BURST_MS);
    assert_int_equal(place->changes, 0);
}

static void nothing_is_noticed_when_it_is_off(void **state)
{
    struct place *place = *state;

    watch_set(place->watch, NULL, NULL);
    put(place->conf, "a.ini");
    wait(place, LONGER_THAN_A_BURST_MS);
    assert_int_equal(place->changes, 0);
    watch_set(place->watch, place->conf, place->plugins);
    wait(place, PATIENCE_MS); /* what came meanwhile is looked at */
    assert_int_equal(place->changes, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_burst_is_noticed_once),
        TEST(files_that_go_or_come_by_another_name_are_noticed),
        TEST(a_turned_link_of_a_mounted_map_is_noticed),
        TEST(other_names_are_left_alone),
        TEST(nothing_is_noticed_when_it_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
