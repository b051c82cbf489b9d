/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tap.h"

#include "base/clock.h"
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct ear {
    struct buf heard; /* lines, each behind its time, with ';' */
    size_t lines;
    size_t room; /* lines that it still takes */
};

static bool hear(void *user, struct str line)
{
    struct ear *ear = user;
    static const char lead[] = "{\"time\":\"1970-01-01T00:00:01.000Z\",\"stage\":";

    if (ear->room == 0)
        return false;
    ear->room--;
    ear->lines++;
    assert_true(str_starts_with(line, lead));
    buf_add(&ear->heard, line.ptr + sizeof(lead) - 1, line.len - sizeof(lead) + 1);
    buf_putc(&ear->heard, ';');
    return true;
}

static struct loop *loop;
static struct taps *taps;
static int made;
static bool is_waiting; /* for a line: it ends the loop */

static int start(void **state)
{
    (void)state;
    loop = loop_create(NULL);
    taps = taps_create(loop);
    made = 0;
    is_waiting = false;
    clock_freeze(1000, 1000000);
    return taps == NULL ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    taps_destroy(taps);
    loop_destroy(loop);
    secret_forget_all();
    clock_freeze(-1, -1);
    return 0;
}

static void make(void *user, struct buf *out)
{
    made++;
    tap_put_text(out, "text", str_of(user), 8);
}

static void tell(struct tap *tap, enum tap_stage stage, const char *entity, const char *text)
{
    struct str id = str_of(entity);

    if (tap_is_on(tap))
        tap_tell(tap, &(struct tap_event){stage, &id, 1, make, (void *)(uintptr_t)text});
}

static void nobody_listens_nothing_is_made(void **state)
{
    struct tap *tap = taps_of(taps, "a");
    struct ear ear = {.room = 10};
    const struct tap_filter all = {0};

    (void)state;
    assert_ptr_equal(taps_of(taps, "a"), tap);
    assert_ptr_not_equal(taps_of(taps, "b"), tap);
    tell(tap, TAP_CLAIMED, "x", "text");
    struct tap_listener *listener = tap_listen(taps_of(taps, "b"), &all, hear, &ear);
    tell(tap, TAP_CLAIMED, "x", "text");
    assert_int_equal(made, 0);
    assert_false(tap_is_on(NULL));
    tap_leave(listener);
    assert_false(tap_is_on(taps_of(taps, "b")));
}

static void filters_hold_and_a_line_is_made_once(void **state)
{
    struct tap *tap = taps_of(taps, "a");
    struct ear all = {.room = 10};
    struct ear one = {.room = 10};
    struct ear answers = {.room = 10};
    struct tap_listener *listeners[] = {
        tap_listen(tap, &(struct tap_filter){0}, hear, &all),
        tap_listen(tap, &(struct tap_filter){.entity = STR("y")}, hear, &one),
        tap_listen(tap, &(struct tap_filter){.stages = 1u << TAP_ANSWER}, hear, &answers),
    };
    const struct str both[] = {STR("x"), STR("y")};

    (void)state;
    secret_register(STR("hunter22"));
    tell(tap, TAP_CLAIMED, "x", "text");
    assert_int_equal(made, 1);
    tap_tell(tap, &(struct tap_event){TAP_ANSWER, both, 2, make, (void *)(uintptr_t) "a hunter22"});
    assert_int_equal(made, 2);
    assert_string_equal(all.heard.ptr,
                        "\"claimed\",\"text\":\"text\"};\"answer\",\"text\":\"a ******\"};");
    assert_string_equal(one.heard.ptr, "\"answer\",\"text\":\"a ******\"};");
    assert_string_equal(answers.heard.ptr, one.heard.ptr);
    tap_leave(listeners[1]);
    tell(tap, TAP_ANSWER, "y", "text");
    assert_int_equal(one.lines, 1);
    assert_int_equal(all.lines, 3);
    tap_leave(listeners[0]);
    tap_leave(listeners[2]);
    buf_finish(&all.heard);
    buf_finish(&one.heard);
    buf_finish(&answers.heard);
}

static void a_full_ear_is_told_what_it_missed(void **state)
{
    struct tap *tap = taps_of(taps, "a");
    struct ear ear = {.room = 1};
    struct tap_listener *listener = tap_listen(tap, &(struct tap_filter){0}, hear, &ear);

    (void)state;
    tell(tap, TAP_CLAIMED, "x", "1");
    for (int i = 0; i < 5; i++)
        tell(tap, TAP_CLAIMED, "x", "lost");
    assert_int_equal(made, 2); /* no line is made for an ear that is known to be full */
    ear.room = 1;
    tap_resume(listener); /* there is room for one line, which is this news */
    tell(tap, TAP_CLAIMED, "x", "lost");
    ear.room = 10;
    tap_resume(listener);
    tell(tap, TAP_CLAIMED, "x", "2");
    assert_string_equal(ear.heard.ptr, "\"claimed\",\"text\":\"1\"};\"lost\",\"lines\":5};"
                                       "\"lost\",\"lines\":1};\"claimed\",\"text\":\"2\"};");
    tap_leave(listener);
    buf_finish(&ear.heard);
}

static void a_flood_takes_a_bounded_share(void **state)
{
    struct tap *tap = taps_of(taps, "a");
    struct ear ear = {.room = SIZE_MAX};
    struct tap_listener *listener = tap_listen(tap, &(struct tap_filter){0}, hear, &ear);

    (void)state;
    for (int i = 0; i < 100000; i++)
        tell(tap, TAP_CLAIMED, "x", "flood");
    assert_int_equal(made, 2000);
    clock_freeze(1000, 2000000);
    buf_clear(&ear.heard);
    tell(tap, TAP_CLAIMED, "x", "next");
    assert_string_equal(ear.heard.ptr, "\"lost\",\"lines\":98000};\"claimed\",\"text\":\"next\"};");
    tap_leave(listener);
    buf_finish(&ear.heard);
}

static bool hear_and_stop(void *user, struct str line)
{
    bool is_taken = hear(user, line);

    if (is_waiting)
        loop_stop(loop);
    return is_taken;
}

static void what_was_lost_is_told_though_nothing_follows(void **state)
{
    struct tap *tap = taps_of(taps, "a");
    struct ear ear = {.room = SIZE_MAX};
    struct tap_listener *listener = tap_listen(tap, &(struct tap_filter){0}, hear_and_stop, &ear);

    (void)state;
    for (int i = 0; i < 2005; i++)
        tell(tap, TAP_CLAIMED, "x", "flood");
    buf_clear(&ear.heard);
    is_waiting = true;
    loop_run(loop);
    assert_string_equal(ear.heard.ptr, "\"lost\",\"lines\":5};");
    tap_leave(listener);
    buf_finish(&ear.heard);
}

static void a_listener_may_outlive_the_taps(void **state)
{
    struct ear ear = {.room = 1};
    struct taps *short_lived = taps_create(loop);
    struct tap_listener *listener =
        tap_listen(taps_of(short_lived, "a"), &(struct tap_filter){0}, hear, &ear);

    (void)state;
    taps_destroy(short_lived);
    tap_leave(listener);
}

static void stages_have_names(void **state)
{
    enum tap_stage stage;

    (void)state;
    for (int i = 0; i < TAP_STAGES; i++) {
        assert_true(tap_stage_parse(str_of(tap_stage_name((enum tap_stage)i)), &stage));
        assert_int_equal(stage, i);
    }
    assert_false(tap_stage_parse(STR("lost"), &stage));
}

#define TAP_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

/* Masking makes text shorter, so what stood at the far end of what is looked at may be shown. */
static void a_value_that_was_cut_is_not_shown(void **state)
{
    static char text[8 + TAP_MASKED_BYTES + 100];
    struct str value = {text, 8 + TAP_MASKED_BYTES - 10};
    _buf_ struct buf out = {0};

    (void)state;
    memset(text, 'x', sizeof(text));
    secret_register(value);
    secret_register(STR("hunter22hunter22"));
    memcpy(text + value.len, "hunter22hunter22", 16);
    tap_put_text(&out, "text", (struct str){text, sizeof(text)}, 12);
    assert_string_equal(out.ptr, "\"text\":\"************\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TAP_TEST(nobody_listens_nothing_is_made),
        TAP_TEST(filters_hold_and_a_line_is_made_once),
        TAP_TEST(a_value_that_was_cut_is_not_shown),
        TAP_TEST(a_full_ear_is_told_what_it_missed),
        TAP_TEST(a_flood_takes_a_bounded_share),
        TAP_TEST(what_was_lost_is_told_though_nothing_follows),
        TAP_TEST(a_listener_may_outlive_the_taps),
        TAP_TEST(stages_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
