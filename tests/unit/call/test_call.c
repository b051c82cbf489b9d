/* SPDX-License-Identifier: Apache-2.0
 * The door itself, without a host: frames into a socket, frames out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "call/call.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char SETTINGS[] =
    TENON_OPTION("at", "text", "", "transform", "", "The callback that misbehaves.");

struct served {
    int fd;
    pthread_t thread;
    struct call_options options;
    struct wire_page page;
    struct wire_reader reader;
    int status;
};

static void *serve(void *user)
{
    struct served *served = user;

    served->status = call_serve(&served->options, false);
    return NULL;
}

static struct served *start(int (*confine)(void *, const struct wire_load *, char *))
{
    struct served *served = calloc(1, sizeof *served);
    int sockets[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    served->fd = sockets[0];
    served->options =
        (struct call_options){.fd = sockets[1], .page = &served->page, .confine = confine};
    assert_int_equal(pthread_create(&served->thread, NULL, serve, served), 0);
    return served;
}

static int stop(struct served *served)
{
    shutdown(served->fd, SHUT_WR);
    pthread_join(served->thread, NULL);
    int status = served->status;
    close(served->fd);
    close(served->options.fd);
    wire_reader_finish(&served->reader);
    free(served);
    return status;
}

static void send_frame(const struct served *served, struct wire_out *out, size_t begin)
{
    assert_int_equal(wire_out_end(out, begin), 0);
    assert_int_equal(write(served->fd, out->ptr, out->len), (ssize_t)out->len);
    wire_out_finish(out);
}

/* The next frame that is no log line. */
static struct wire_in next_frame(struct served *served, enum wire_op op)
{
    struct wire_header header;
    struct wire_in in;

    for (;;) {
        if (wire_reader_next(&served->reader, &header, &in) == 1) {
            if (header.op == WIRE_LOG)
                continue;
            assert_int_equal(header.op, op);
            return in;
        }
        size_t room;
        char *place = wire_reader_room(&served->reader, &room);
        ssize_t count = read(served->fd, place, room);
        assert_true(count > 0);
        wire_reader_added(&served->reader, (size_t)count);
    }
}

static struct wire_status next_status(struct served *served)
{
    struct wire_status status;
    struct wire_in in = next_frame(served, WIRE_STATUS);

    assert_int_equal(wire_get_status(&in, &status), 0);
    return status;
}

static void load(const struct served *served, const char *plugin, const char *name,
                 const char *settings)
{
    char path[4096];
    struct wire_out out = {0};
    size_t begin = wire_out_begin(&out, WIRE_LOAD, 1, 0);

    snprintf(path, sizeof path, "%s/%s.so", getenv("TENON_TEST_PLUGINS"), plugin);
    struct wire_load order = {.path = tenon_text(path),
                              .real_path = tenon_text(path),
                              .name = tenon_text(name),
                              .version = tenon_text("1.0"),
                              .settings = tenon_text(settings)};
    wire_put_load(&out, &order);
    send_frame(served, &out, begin);
}

static void create(const struct served *served, uint32_t instance, const char *settings)
{
    struct wire_out out = {0};
    size_t begin = wire_out_begin(&out, WIRE_CREATE, 2, instance);

    wire_put_create(&out, &(struct wire_create){tenon_text("x"), tenon_text(settings)});
    send_frame(served, &out, begin);
}

static void bare(const struct served *served, enum wire_op op, uint32_t instance)
{
    struct wire_out out = {0};
    size_t begin = wire_out_begin(&out, op, 3, instance);

    if (op == WIRE_CLOSE)
        wire_put_close(&out, 0);
    send_frame(served, &out, begin);
}

static void greets_first(void **state)
{
    struct served *served = start(NULL);
    struct wire_in in = next_frame(served, WIRE_GREETING);
    struct wire_greeting greeting;

    (void)state;
    assert_int_equal(wire_get_greeting(&in, &greeting), 0);
    assert_int_equal(greeting.protocol, WIRE_PROTOCOL);
    assert_int_equal(stop(served), 0);
}

static void loads_creates_and_ends_what_was_left_open(void **state)
{
    struct served *served = start(NULL);

    (void)state;
    (void)next_frame(served, WIRE_GREETING);
    load(served, "hostile", "hostile", SETTINGS);
    struct wire_in in = next_frame(served, WIRE_FACTS);
    struct wire_facts facts;
    assert_int_equal(wire_get_facts(&in, &facts), 0);
    assert_int_equal(facts.has & WIRE_HAS_SUBMIT, WIRE_HAS_SUBMIT);
    create(served, 1, "{\"at\":\"none\"}");
    assert_int_equal(next_status(served).code, TENON_OK);
    create(served, 1, "{\"at\":\"none\"}");
    assert_int_equal(next_status(served).code, TENON_E_VALIDATION); /* the number is taken */
    bare(served, WIRE_ACTIVATE, 1);
    assert_int_equal(next_status(served).code, TENON_OK);
    assert_int_equal(stop(served), 0);
}

static void orders_to_nobody_are_refused(void **state)
{
    struct served *served = start(NULL);

    (void)state;
    (void)next_frame(served, WIRE_GREETING);
    create(served, 1, "{}");
    assert_int_equal(next_status(served).code, TENON_E_VALIDATION); /* nothing is loaded */
    bare(served, WIRE_ACTIVATE, 1);
    assert_int_equal(next_status(served).code, TENON_E_VALIDATION);
    assert_int_equal(stop(served), 0);
}

static void refusals_of_a_file_are_sentences(void **state)
{
    static const struct {
        const char *plugin, *name, *settings, *words;
    } cases[] = {
        {"nothing", "x", "", "cannot open shared object file"},
        {"liar", "liar", "", "its table says liar 6.6"},
        {"demanding", "liar", "", "requires flags 0x10000000000"},
        {"hostile", "hostile", "other rows", "set plugin->settings = tenon_settings_"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct served *served = start(NULL);
        (void)next_frame(served, WIRE_GREETING);
        load(served, cases[i].plugin, cases[i].name, cases[i].settings);
        struct wire_status status = next_status(served);
        assert_int_equal(status.code, TENON_E_PERMANENT);
        if (strstr(status.message.ptr, cases[i].words) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].words, status.message.ptr);
        assert_int_equal(stop(served), 0);
    }
}

static int refuse_to_confine(void *user, const struct wire_load *order, char *words)
{
    (void)user;
    (void)order;
    strcpy(words, "no sandbox here");
    return -1;
}

static void nothing_is_opened_unconfined(void **state)
{
    struct served *served = start(refuse_to_confine);

    (void)state;
    (void)next_frame(served, WIRE_GREETING);
    load(served, "constructor", "constructor", ""); /* would abort the test */
    assert_string_equal(next_status(served).message.ptr, "no sandbox here");
    assert_int_equal(stop(served), 0);
}

static void a_batch_that_lies_about_its_count_is_refused(void **state)
{
    struct served *served = start(NULL);
    struct wire_out out = {0};

    (void)state;
    (void)next_frame(served, WIRE_GREETING);
    load(served, "plain", "plain", "");
    (void)next_frame(served, WIRE_FACTS);
    create(served, 1, "{}");
    assert_int_equal(next_status(served).code, TENON_OK);
    size_t begin = wire_out_begin(&out, WIRE_DELIVER, 4, 1);
    wire_put_deliver(&out, &(struct wire_deliver){WIRE_STEP_PREPARE, tenon_text(""), 1});
    for (int i = 0; i < 30; i++)
        wire_out_u32(&out, 0xffffffff);
    send_frame(served, &out, begin);
    assert_int_equal(next_status(served).code, TENON_E_VALIDATION);
    bare(served, WIRE_TEST, 1);
    assert_int_equal(next_status(served).code, TENON_E_UNSUPPORTED);
    bare(served, WIRE_CLOSE, 1);
    assert_int_equal(next_status(served).code, TENON_OK);
    bare(served, WIRE_TEST, 1);
    assert_int_equal(next_status(served).code, TENON_E_VALIDATION); /* gone */
    assert_int_equal(stop(served), 0);
}

/* Has payloads of these sizes made, and gives the outcomes. */
static void transform_sized(struct served *served, const size_t *sizes, uint32_t count,
                            struct wire_outcome *out)
{
    struct wire_out order = {0};
    size_t begin = wire_out_begin(&order, WIRE_DELIVER, 4, 1);

    wire_put_deliver(&order, &(struct wire_deliver){WIRE_STEP_TRANSFORM, tenon_text(""), count});
    for (uint32_t i = 0; i < count; i++) {
        char size[24];
        snprintf(size, sizeof size, "%zu", sizes[i]);
        tenon_record record = {.struct_size = sizeof record,
                               .attempt = 1,
                               .id = tenon_text("evt-1"),
                               .type = tenon_text("sized"),
                               .key = tenon_text("key"),
                               .data = tenon_text(size)};
        wire_put_record(&order, &record);
    }
    send_frame(served, &order, begin);
    struct wire_in in = next_frame(served, WIRE_OUTCOMES);
    assert_int_equal(wire_in_u32(&in), count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(wire_get_outcome(&in, &out[i]), 0);
}

/* A NUL is kept behind each payload: the one behind what just fits must not lift the limit. */
static void payloads_of_a_batch_are_bounded_together(void **state)
{
    enum { MOST = 16 << 20, LEFT = MOST - 2 }; /* two NULs */
    static const struct {
        size_t third;
        uint8_t kinds[2]; /* the third's and the fourth's */
    } cases[] = {
        {LEFT - 2, {WIRE_GOES_ON, WIRE_GOES_ON}},
        {LEFT - 1, {WIRE_GOES_ON, WIRE_RETRY}},
        {LEFT, {WIRE_GOES_ON, WIRE_RETRY}},
        {LEFT + 1, {WIRE_RETRY, WIRE_GOES_ON}},
    };
    struct served *served = start(NULL);

    (void)state;
    (void)next_frame(served, WIRE_GREETING);
    load(served, "hostile", "hostile", SETTINGS);
    (void)next_frame(served, WIRE_FACTS);
    create(served, 1, "{\"at\":\"none\"}");
    assert_int_equal(next_status(served).code, TENON_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t sizes[] = {MOST, MOST, cases[i].third, 1};
        struct wire_outcome outcomes[4];
        transform_sized(served, sizes, 4, outcomes);
        assert_int_equal(outcomes[1].kind, WIRE_GOES_ON);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(outcomes[2 + j].kind, cases[i].kinds[j]);
            if (cases[i].kinds[j] == WIRE_RETRY)
                assert_non_null(strstr(outcomes[2 + j].message.ptr, "passed 48 MiB"));
        }
    }
    assert_int_equal(stop(served), 0);
}

static void order_action(const struct served *served, const struct wire_action *action)
{
    struct wire_out out = {0};
    size_t begin = wire_out_begin(&out, WIRE_ACTION, 4, 1);

    wire_put_action(&out, action);
    send_frame(served, &out, begin);
}

static void an_action_gets_its_arguments_and_no_others(void **state)
{
    struct served *served = start(NULL);
    struct wire_action action = {
        .name = tenon_text("gather"),
        .count = 5,
        .arguments = {{.letter = 'I', .integer = INT64_MIN},
                      {.letter = 'd', .real = 0.5},
                      {.letter = 'b', .flag = 1},
                      {.letter = 's', .text = tenon_text("x")},
                      {.letter = 'j', .text = tenon_text("{}")}},
    };
    struct wire_facts facts;
    tenon_str result;

    (void)state;
    (void)next_frame(served, WIRE_GREETING);
    load(served, "hostile", "hostile", SETTINGS);
    struct wire_in in = next_frame(served, WIRE_FACTS);
    assert_int_equal(wire_get_facts(&in, &facts), 0);
    assert_int_equal(facts.action_count, 4);
    assert_string_equal(facts.actions[0].signature.ptr, "Idbsj");
    assert_string_equal(facts.actions[0].parameters.ptr, "a,b,c,d,e");
    create(served, 1, "{}");
    assert_int_equal(next_status(served).code, TENON_OK);
    order_action(served, &action);
    in = next_frame(served, WIRE_RESULT);
    assert_int_equal(wire_get_result(&in, &result), 0);
    assert_string_equal(result.ptr, "[-9223372036854775808,0.5,true,\"x\",{}]");

    action.arguments[0].letter = 's'; /* would be called as another function */
    order_action(served, &action);
    assert_int_equal(next_status(served).code, TENON_E_VALIDATION);
    action.count = 4;
    order_action(served, &action);
    assert_int_equal(next_status(served).code, TENON_E_VALIDATION);
    action.name = tenon_text("nothing");
    order_action(served, &action);
    assert_int_equal(next_status(served).code, TENON_E_VALIDATION);
    bare(served, WIRE_ACTION, 1);
    assert_int_equal(next_status(served).code, TENON_E_VALIDATION);
    assert_int_equal(stop(served), 0);
}

static void bytes_that_are_no_frames_end_the_serving(void **state)
{
    struct served *served = start(NULL);
    char garbage[64];

    (void)state;
    (void)next_frame(served, WIRE_GREETING);
    memset(garbage, 0xee, sizeof garbage);
    assert_int_equal(write(served->fd, garbage, sizeof garbage), (ssize_t)sizeof garbage);
    assert_true(stop(served) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greets_first),
        cmocka_unit_test(loads_creates_and_ends_what_was_left_open),
        cmocka_unit_test(orders_to_nobody_are_refused),
        cmocka_unit_test(refusals_of_a_file_are_sentences),
        cmocka_unit_test(nothing_is_opened_unconfined),
        cmocka_unit_test(a_batch_that_lies_about_its_count_is_refused),
        cmocka_unit_test(payloads_of_a_batch_are_bounded_together),
        cmocka_unit_test(an_action_gets_its_arguments_and_no_others),
        cmocka_unit_test(bytes_that_are_no_frames_end_the_serving),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
