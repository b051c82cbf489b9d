/* SPDX-License-Identifier: Apache-2.0
 * Questions of plugin code: answered now, later, too late and never, while orders wait behind them
 * and while the asker dies. */
#include "plugin_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGE_BYTES = 3 << 20 };

static void start(struct plugin_instance *instance, const char *arguments, struct answer *out)
{
    out->count = 0;
    out->reply = NULL;
    plugin_action(instance, STR("ask"), str_of(arguments), fixture_on_reply, out);
}

static void answer_with(struct plugin_ask *ask, struct str body)
{
    const struct str texts[] = {STR("207"), STR("a: b\n"), body};

    plugin_ask_answer(ask, texts, 3);
}

static void echo_url(struct fixture *fixture, struct plugin_ask *ask)
{
    const struct plugin_question *question = plugin_ask_question(ask);

    (void)fixture;
    assert_true(str_is(question->service, "tenon.http/1"));
    assert_true(str_is(question->function, "exchange"));
    assert_int_equal(question->text_count, 4);
    assert_true(str_is(question->texts[0], "GET"));
    assert_true(question->call > 0);
    answer_with(ask, question->texts[1]);
}

static void on_gone(void *user)
{
    struct fixture *fixture = user;

    fixture->gone++;
    uv_stop(loop_uv(fixture->loop));
}

static void keep(struct fixture *fixture, struct plugin_ask *ask)
{
    fixture->ask = ask;
    plugin_ask_on_gone(ask, on_gone, fixture);
}

static struct plugin_instance *open_kind(struct fixture *fixture, int kind, const char *name,
                                         struct answer *out)
{
    fixture->is_inprocess = (kind & 1) != 0;
    struct plugin_instance *instance =
        fixture_open(fixture, (kind & 2) != 0 ? "hostile_per" : "hostile", name, "none", out);
    assert_int_equal(out->status, PLUGIN_OK);
    return instance;
}

static void check_text(struct answer *answer, const char *wanted)
{
    if (answer->status != PLUGIN_OK)
        fail_msg("%s", answer->words);
    assert_true(str_is(answer->reply->result, wanted));
    fixture_release(answer);
}

static void an_answer_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    fixture->on_ask = echo_url;
    for (int kind = 0; kind < 4; kind++) {
        struct plugin_instance *instance = open_kind(fixture, kind, "x", &answer);
        for (int i = 0; i < 20; i++) {
            start(instance, "{\"url\":\"/here\",\"timeout_ms\":0}", &answer);
            fixture_wait(fixture, &answer.count, 1);
            check_text(&answer, "[207,\"/here\"]");
        }
        plugin_instance_close(instance);
    }
}

static void orders_wait_behind_a_question(void **state)
{
    struct fixture *fixture = *state;
    struct answer asking;
    struct answer next[6];

    fixture->on_ask = keep;
    for (int kind = 0; kind < 4; kind++) {
        struct plugin_instance *instance = open_kind(fixture, kind, "x", &asking);
        unsigned asks = fixture->asks;
        start(instance, "{\"url\":\"a\",\"timeout_ms\":0}", &asking);
        fixture_wait(fixture, &fixture->asks, asks + 1);
        for (int i = 0; i < 6; i++) {
            next[i] = (struct answer){.fixture = fixture};
            plugin_action(instance, STR("look"), STR("{\"what\":\"fine\"}"), fixture_on_reply,
                          &next[i]);
        }
        assert_int_equal(asking.count, 0);
        answer_with(fixture->ask, STR("late"));
        fixture_wait(fixture, &asking.count, 1);
        check_text(&asking, "[207,\"late\"]");
        for (int i = 0; i < 6; i++) {
            fixture_wait(fixture, &next[i].count, 1);
            check_text(&next[i], "null");
        }
        plugin_instance_close(instance);
    }
}

static void a_refusal_keeps_its_class(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = open_kind(fixture, 0, "x", &answer);
    const struct plugin_refusal refusal = {TENON_E_RATE_LIMITED, 1234, 429, "not so fast"};

    fixture->on_ask = keep;
    start(instance, "{\"url\":\"a\",\"timeout_ms\":0}", &answer);
    fixture_wait(fixture, &fixture->asks, 1);
    plugin_ask_refuse(fixture->ask, &refusal);
    fixture_wait(fixture, &answer.count, 1);
    assert_int_equal(answer.status, PLUGIN_FAILED);
    assert_int_equal(answer.reply->error_class, TENON_E_RATE_LIMITED);
    assert_int_equal(answer.reply->retry_after_ms, 1234);
    assert_string_equal(answer.words, "not so fast");
    fixture_release(&answer);
    plugin_instance_close(instance);
}

static void a_large_answer_arrives_whole(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = open_kind(fixture, 0, "x", &answer);
    char *body = malloc(LARGE_BYTES);

    memset(body, 'x', LARGE_BYTES);
    fixture->on_ask = keep;
    start(instance, "{\"url\":\"a\",\"timeout_ms\":0}", &answer);
    fixture_wait(fixture, &fixture->asks, 1);
    answer_with(fixture->ask, (struct str){body, LARGE_BYTES});
    fixture_wait(fixture, &answer.count, 1);
    assert_int_equal(answer.reply->result.len, LARGE_BYTES + strlen("[207,\"\"]"));
    fixture_release(&answer);
    plugin_instance_close(instance);
    free(body);
}

static void nobody_answers_in_time(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_instance *instance = open_kind(fixture, 0, "x", &answer);

    fixture->on_ask = keep;
    start(instance, "{\"url\":\"a\",\"timeout_ms\":30}", &answer);
    fixture_wait(fixture, &fixture->gone, 1);
    fixture_wait(fixture, &answer.count, 1);
    assert_int_equal(answer.reply->error_class, TENON_E_CANCELLED);
    assert_string_equal(answer.words, "tenon.http/1: no answer within 30 ms");
    fixture_release(&answer);
    answer_with(fixture->ask, STR("too late")); /* goes nowhere */
    fixture->on_ask = echo_url;
    start(instance, "{\"url\":\"again\",\"timeout_ms\":0}", &answer);
    fixture_wait(fixture, &answer.count, 1);
    check_text(&answer, "[207,\"again\"]");
    plugin_instance_close(instance);
}

static void a_question_ends_before_its_call(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    fixture->timeout_ms = 400;
    struct plugin_instance *instance = open_kind(fixture, 0, "x", &answer);
    fixture->on_ask = keep;
    start(instance, "{\"url\":\"a\",\"timeout_ms\":60000}", &answer);
    fixture_wait(fixture, &answer.count, 1);
    assert_int_equal(answer.status, PLUGIN_FAILED); /* not PLUGIN_TIMED_OUT: the worker lives */
    assert_int_equal(answer.reply->error_class, TENON_E_CANCELLED);
    fixture_release(&answer);
    plugin_ask_fail(fixture->ask, TENON_E_SERVER, "too late");
    plugin_instance_close(instance);
}

static void the_asker_dies(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;
    struct plugin_health health;
    struct plugin_instance *instance = open_kind(fixture, 0, "x", &answer);

    fixture->on_ask = keep;
    start(instance, "{\"url\":\"a\",\"timeout_ms\":0}", &answer);
    fixture_wait(fixture, &fixture->asks, 1);
    plugin_instance_health(instance, &health);
    assert_int_equal(kill(health.pid, SIGKILL), 0);
    fixture_wait(fixture, &fixture->gone, 1);
    fixture_wait(fixture, &answer.count, 1);
    assert_int_equal(answer.status, PLUGIN_DIED);
    fixture_release(&answer);
    answer_with(fixture->ask, STR("too late"));
    plugin_instance_close(instance);
}

static void the_integration_is_closed(void **state)
{
    struct fixture *fixture = *state;
    struct answer answer;

    fixture->on_ask = keep;
    for (int kind = 0; kind < 4; kind++) {
        unsigned asks = fixture->asks;
        unsigned gone = fixture->gone;
        struct plugin_instance *instance = open_kind(fixture, kind, "x", &answer);
        start(instance, "{\"url\":\"a\",\"timeout_ms\":0}", &answer);
        fixture_wait(fixture, &fixture->asks, asks + 1);
        plugin_instance_close(instance);
        fixture_wait(fixture, &fixture->gone, gone + 1);
        fixture_wait(fixture, &answer.count, 1);
        assert_int_equal(answer.status, PLUGIN_STOPPED);
        fixture_release(&answer);
        plugin_ask_fail(fixture->ask, TENON_E_SERVER, "too late");
    }
}

static void many_integrations_ask_at_once(void **state)
{
    enum { MANY = 12 };
    struct fixture *fixture = *state;
    struct plugin_instance *instances[MANY];
    struct answer answers[MANY];
    char name[16];

    fixture->on_ask = echo_url;
    for (int kind = 2; kind < 4; kind++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(name, sizeof name, "x%d", i);
            instances[i] = open_kind(fixture, kind, name, &answers[i]);
        }
        for (int round = 0; round < 10; round++) {
            for (int i = 0; i < MANY; i++)
                start(instances[i], "{\"url\":\"u\",\"timeout_ms\":0}", &answers[i]);
            for (int i = 0; i < MANY; i++) {
                fixture_wait(fixture, &answers[i].count, 1);
                check_text(&answers[i], "[207,\"u\"]");
            }
        }
        for (int i = 0; i < MANY; i++)
            plugin_instance_close(instances[i]);
    }
}

/* ---- what a worker may cost ---- */

enum { HOARD = 1100 };
static struct plugin_ask *hoarded[HOARD];
static size_t hoarded_count;

static void hoard(struct fixture *fixture, struct plugin_ask *ask)
{
    (void)fixture;
    assert_true(hoarded_count < HOARD);
    hoarded[hoarded_count++] = ask;
}

static void answer_hoarded(struct str body)
{
    while (hoarded_count > 0)
        answer_with(hoarded[--hoarded_count], body);
}

static char *long_question(size_t bytes, int timeout_ms)
{
    char *text = malloc(bytes + 64);
    char *at = text + snprintf(text, 64, "{\"timeout_ms\":%d,\"url\":\"", timeout_ms);

    memset(at, 'u', bytes);
    memcpy(at + bytes, "\"}", 3);
    return text;
}

static void open_many(struct fixture *fixture, struct plugin_instance **instances,
                      struct answer *answers, int count)
{
    char name[16];

    fixture->memory_max_bytes = 4LL << 30;
    fixture->on_ask = hoard;
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "x%d", i);
        instances[i] = open_kind(fixture, 2, name, &answers[i]);
    }
}

static void questions_hold_no_more_than_they_may(void **state)
{
    enum { MANY = 12, FIT = 7, BYTES = 8 << 20 };
    struct fixture *fixture = *state;
    struct plugin_instance *instances[MANY];
    struct answer answers[MANY];
    char *question = long_question(BYTES, 0);

    open_many(fixture, instances, answers, MANY);
    for (int i = 0; i < MANY; i++) {
        start(instances[i], question, &answers[i]);
        if (i < FIT) {
            fixture_wait(fixture, &fixture->asks, (unsigned)i + 1);
            continue;
        }
        fixture_wait(fixture, &answers[i].count, 1);
        assert_int_equal(answers[i].reply->error_class, TENON_E_RATE_LIMITED);
        fixture_release(&answers[i]);
    }
    answer_hoarded(STR("now"));
    for (int i = 0; i < FIT; i++) {
        fixture_wait(fixture, &answers[i].count, 1);
        check_text(&answers[i], "[207,\"now\"]");
    }
    assert_int_equal(fixture->host->ask_bytes, 0);
    for (int i = 0; i < MANY; i++)
        plugin_instance_close(instances[i]);
    free(question);
}

/* Each ends in time for the asker, and stays with whoever is to answer it. */
static void questions_that_nobody_waits_for_count(void **state)
{
    enum { BYTES = 30 << 20, FIT = 8 };
    struct fixture *fixture = *state;
    struct plugin_instance *instance;
    struct answer answer;
    char *question = long_question(BYTES, 1);

    open_many(fixture, &instance, &answer, 1);
    for (int i = 0; i <= FIT; i++) {
        start(instance, question, &answer);
        fixture_wait(fixture, &answer.count, 1);
        assert_int_equal(answer.reply->error_class,
                         i < FIT ? TENON_E_CANCELLED : TENON_E_RATE_LIMITED);
        fixture_release(&answer);
    }
    answer_hoarded(STR("too late"));
    assert_int_equal(fixture->host->ask_bytes, 0);
    plugin_instance_close(instance);
    free(question);
}

/* The same of small ones: each costs its handler a request, a query or a call. */
static void questions_are_held_no_more_than_so_many(void **state)
{
    enum { FIT = 1024 };
    struct fixture *fixture = *state;
    struct plugin_instance *instance;
    struct answer answer;

    open_many(fixture, &instance, &answer, 1);
    for (int i = 0; i <= FIT; i++) {
        start(instance, "{\"url\":\"u\",\"timeout_ms\":1}", &answer);
        fixture_wait(fixture, &answer.count, 1);
        assert_int_equal(answer.reply->error_class,
                         i < FIT ? TENON_E_CANCELLED : TENON_E_RATE_LIMITED);
        fixture_release(&answer);
    }
    answer_hoarded(STR("too late"));
    start(instance, "{\"url\":\"u\",\"timeout_ms\":0}", &answer);
    fixture_wait(fixture, &fixture->asks, FIT + 1);
    answer_hoarded(STR("again"));
    fixture_wait(fixture, &answer.count, 1);
    check_text(&answer, "[207,\"again\"]");
    plugin_instance_close(instance);
}

static void answers_wait_for_no_worker_that_does_not_read(void **state)
{
    enum { MANY = 12, BYTES = 15 << 20, BOUND = 144 << 20 };
    struct fixture *fixture = *state;
    struct plugin_instance *instances[MANY];
    struct answer answers[MANY];
    struct plugin_health health;
    char *body = malloc(BYTES);
    unsigned refused = 0;

    memset(body, 'x', BYTES);
    open_many(fixture, instances, answers, MANY);
    for (int i = 0; i < MANY; i++) {
        start(instances[i], "{\"url\":\"u\",\"timeout_ms\":0}", &answers[i]);
        fixture_wait(fixture, &fixture->asks, (unsigned)i + 1);
    }
    plugin_instance_health(instances[0], &health);
    assert_int_equal(kill(health.pid, SIGSTOP), 0);
    answer_hoarded((struct str){body, BYTES});
    assert_true(instances[0]->worker->out.len < BOUND);
    assert_int_equal(kill(health.pid, SIGCONT), 0);
    for (int i = 0; i < MANY; i++) {
        fixture_wait(fixture, &answers[i].count, 1);
        if (answers[i].status != PLUGIN_OK)
            assert_contains(answers[i].words, "answers that it has not read");
        refused += answers[i].status != PLUGIN_OK;
        fixture_release(&answers[i]);
    }
    assert_in_range(refused, 1, MANY - 4);
    for (int i = 0; i < MANY; i++)
        plugin_instance_close(instances[i]);
    free(body);
}

static void what_a_slow_reader_has_taken_is_forgotten(void **state)
{
    enum { PIECE = 256 * 1024, ROUNDS = 400, BOUND = 8 << 20 };
    struct plugin_worker worker = {.process = {.fd = -1, .pidfd = -1}};
    char *piece = calloc(1, PIECE);
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    worker.process.fd = ends[0];
    for (int i = 0; i < 8; i++) /* ahead of the reader, who keeps that distance */
        wire_out_bytes(&worker.out, piece, PIECE);
    for (int i = 0; i < ROUNDS; i++) {
        wire_out_bytes(&worker.out, piece, PIECE);
        plugin_socket_flush(&worker);
        for (size_t got = 0; got < PIECE;) {
            ssize_t count = recv(ends[1], piece, PIECE - got, 0);
            assert_true(count > 0);
            got += (size_t)count;
            plugin_socket_flush(&worker);
        }
        assert_true(worker.out.len < BOUND);
    }
    wire_out_finish(&worker.out);
    close(ends[0]);
    close(ends[1]);
    free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define ASK_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
        ASK_TEST(an_answer_comes_back),
        ASK_TEST(orders_wait_behind_a_question),
        ASK_TEST(a_refusal_keeps_its_class),
        ASK_TEST(a_large_answer_arrives_whole),
        ASK_TEST(nobody_answers_in_time),
        ASK_TEST(a_question_ends_before_its_call),
        ASK_TEST(the_asker_dies),
        ASK_TEST(the_integration_is_closed),
        ASK_TEST(many_integrations_ask_at_once),
        ASK_TEST(questions_hold_no_more_than_they_may),
        ASK_TEST(questions_that_nobody_waits_for_count),
        ASK_TEST(questions_are_held_no_more_than_so_many),
        ASK_TEST(answers_wait_for_no_worker_that_does_not_read),
        cmocka_unit_test(what_a_slow_reader_has_taken_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
