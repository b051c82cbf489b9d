/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include "check.h"

#include <pthread.h>
#include <stdlib.h>

enum { POSTERS = 4, POSTS = 5000 };

struct count {
    struct loop *loop;
    int total;
    int wrong_order;
    int last[POSTERS];
};

struct note {
    struct loop_message message; /* first: a message is its note */
    struct count *count;
    int poster;
    int number;
};

static void on_note(struct loop_message *message)
{
    struct note *note = (struct note *)message;
    struct count *count = note->count;

    loop_assert_here(count->loop);
    if (note->number != count->last[note->poster] + 1)
        count->wrong_order++;
    count->last[note->poster] = note->number;
    count->total++;
    free(note);
    if (count->total == POSTERS * POSTS)
        loop_stop(count->loop);
}

static void post_note(struct count *count, int poster, int number)
{
    struct note *note = calloc(1, sizeof(*note));

    assert_non_null(note);
    *note = (struct note){
        .message = {.fn = on_note}, .count = count, .poster = poster, .number = number};
    loop_post(count->loop, &note->message);
}

struct poster {
    pthread_t thread;
    struct count *count;
    int index;
};

static void *post_many(void *arg)
{
    struct poster *poster = arg;

    for (int i = 1; i <= POSTS; i++)
        post_note(poster->count, poster->index, i);
    return NULL;
}

static void posts_arrive_once_and_in_order(void **state)
{
    struct count count = {.loop = loop_create(NULL)};
    struct poster posters[POSTERS];

    (void)state;
    assert_non_null(count.loop);
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.count = &count, .index = i};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
    }
    loop_run(count.loop);
    for (int i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
    assert_int_equal(count.total, POSTERS * POSTS);
    assert_int_equal(count.wrong_order, 0);
    loop_destroy(count.loop);
}

static void stop_runs_what_was_posted_before(void **state)
{
    struct count count = {.loop = loop_create(NULL)};

    (void)state;
    assert_non_null(count.loop);
    for (int round = 0; round < 2; round++) {
        count.total = 0;
        count.last[0] = 0;
        for (int i = 1; i <= 10; i++)
            post_note(&count, 0, i);
        loop_stop(count.loop);
        loop_run(count.loop); /* the second round: a loop that was stopped runs again */
        assert_int_equal(count.total, 10);
    }
    post_note(&count, 0, 11);
    post_note(&count, 0, 12);
    loop_drain(count.loop);
    assert_int_equal(count.total, 12);
    assert_int_equal(count.wrong_order, 0);
    loop_destroy(count.loop);
}

struct ticker {
    struct loop *loop;
    struct loop_timer *timer;
    int ticks;
};

static void tick(void *user)
{
    struct ticker *ticker = user;

    if (++ticker->ticks < 3)
        loop_timer_set(ticker->timer, 1);
    else
        loop_stop(ticker->loop);
}

static void timers_fire_once_per_set(void **state)
{
    struct ticker ticker = {.loop = loop_create(NULL)};

    (void)state;
    ticker.timer = loop_timer_create(ticker.loop, tick, &ticker);
    assert_non_null(ticker.timer);
    loop_timer_set(ticker.timer, 1000000);
    loop_timer_set(ticker.timer, 0); /* moves it */
    loop_run(ticker.loop);
    assert_int_equal(ticker.ticks, 3);
    loop_timer_destroy(ticker.timer);
    loop_timer_destroy(NULL);
    loop_destroy(ticker.loop);
}

static void destroy_itself(void *user)
{
    struct ticker *ticker = user;

    ticker->ticks++;
    loop_timer_destroy(ticker->timer);
    ticker->timer = NULL;
}

static void stop_loop(void *user)
{
    loop_stop(user);
}

static void a_timer_may_destroy_itself_and_cleared_ones_stay_silent(void **state)
{
    struct ticker once = {.loop = loop_create(NULL)};
    struct ticker silent = {.loop = once.loop};

    (void)state;
    once.timer = loop_timer_create(once.loop, destroy_itself, &once);
    silent.timer = loop_timer_create(once.loop, tick, &silent);
    struct loop_timer *end = loop_timer_create(once.loop, stop_loop, once.loop);
    loop_timer_set(once.timer, 0);
    loop_timer_set(silent.timer, 0);
    loop_timer_clear(silent.timer);
    loop_timer_set(end, 5);
    loop_run(once.loop);
    assert_int_equal(once.ticks, 1);
    assert_int_equal(silent.ticks, 0);
    loop_destroy(once.loop); /* closes the two that are left */
}

static void destroy_closes_foreign_handles(void **state)
{
    struct loop *loop = loop_create(NULL);
    uv_idle_t idle;
    uv_timer_t timer;

    (void)state;
    assert_int_equal(uv_idle_init(loop_uv(loop), &idle), 0);
    assert_int_equal(uv_timer_init(loop_uv(loop), &timer), 0);
    loop_destroy(loop);
    loop_destroy(NULL);
}

struct chore {
    struct loop_task task; /* first: a task is its chore */
    struct loop *loop;
    struct chore *next; /* asked for from within */
    int runs;
};

static void do_chore(struct loop_task *task)
{
    struct chore *chore = (struct chore *)task;

    chore->runs++;
    if (chore->next != NULL)
        loop_at_end(chore->loop, &chore->next->task);
    else
        loop_stop(chore->loop);
}

static void tasks_run_once_at_the_end_of_the_round(void **state)
{
    struct loop *loop = loop_create(NULL);
    struct chore chores[4] = {0};

    (void)state;
    for (int i = 0; i < 4; i++)
        chores[i] = (struct chore){.task.fn = do_chore, .loop = loop};
    chores[0].next = &chores[1]; /* in the same round */
    loop_at_end(loop, &chores[0].task);
    loop_at_end(loop, &chores[0].task);
    loop_at_end(loop, &chores[2].task);
    loop_at_end(loop, &chores[3].task);
    loop_forget(loop, &chores[3].task);
    loop_forget(loop, &chores[3].task);
    assert_int_equal(chores[0].runs, 0);
    loop_run(loop);
    assert_int_equal(chores[0].runs, 1);
    assert_int_equal(chores[1].runs, 1);
    assert_int_equal(chores[2].runs, 1);
    assert_int_equal(chores[3].runs, 0);
    loop_at_end(loop, &chores[3].task);
    loop_drain(loop);
    assert_int_equal(chores[3].runs, 1);
    loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_arrive_once_and_in_order),
        cmocka_unit_test(stop_runs_what_was_posted_before),
        cmocka_unit_test(timers_fire_once_per_set),
        cmocka_unit_test(a_timer_may_destroy_itself_and_cleared_ones_stay_silent),
        cmocka_unit_test(tasks_run_once_at_the_end_of_the_round),
        cmocka_unit_test(destroy_closes_foreign_handles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
