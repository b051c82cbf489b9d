/* SPDX-License-Identifier: Apache-2.0
 * Commands and routes on the wire: what is declared, ordered and answered comes through whole or
 * not at all, and the heads that a response may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire_messages.h"

#include <stdlib.h>

static struct wire_in whole(const struct wire_out *out)
{
    return (struct wire_in){out->ptr, out->len, false};
}

/* In memory of exactly that size, so that an overread shows. */
#define REFUSES_EVERY_PREFIX(out, got, get)                                                        \
    for (size_t len = 0; len < (out)->len; len++) {                                                \
        char *copy = malloc(len > 0 ? len : 1);                                                    \
        memcpy(copy, (out)->ptr, len);                                                             \
        struct wire_in cut = {copy, len, false};                                                   \
        assert_int_equal(get(&cut, got), -1);                                                      \
        free(copy);                                                                                \
    }

static void declarations_come_through(void **state)
{
    static struct wire_facts facts, got;
    struct wire_out out = {0};

    (void)state;
    facts.confinement = tenon_text("");
    facts.command_count = facts.route_count = 1;
    facts.commands[0] = (struct wire_command){tenon_text("count"), tenon_text("FILE"),
                                              tenon_text("Counts."), tenon_text("More."), 500};
    facts.routes[0] = (struct wire_route){.method = tenon_text("GET"),
                                          .path = tenon_text("/a/{b}"),
                                          .help = tenon_text("Shows."),
                                          .request_schema = tenon_text(""),
                                          .response_schema = tenon_text("{}"),
                                          .flags = 2,
                                          .timeout_ms = 7};
    wire_put_facts(&out, &facts);
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_facts(&in, &got), 0);
    assert_string_equal(got.commands[0].arguments.ptr, "FILE");
    assert_int_equal(got.commands[0].timeout_ms, 500);
    assert_string_equal(got.routes[0].path.ptr, "/a/{b}");
    assert_string_equal(got.routes[0].response_schema.ptr, "{}");
    assert_int_equal(got.routes[0].flags, 2);
    assert_int_equal(got.routes[0].timeout_ms, 7);
    REFUSES_EVERY_PREFIX(&out, &got, wire_get_facts);
    wire_out_finish(&out);
}

static void orders_and_ends_come_through(void **state)
{
    static struct wire_run run, got_run;
    struct wire_serve got_serve;
    struct wire_ended got_ended;
    struct wire_out out = {0};
    const struct wire_serve serve = {.route = 3,
                                     .method = tenon_text("PUT"),
                                     .path = tenon_text("/x"),
                                     .query = tenon_text("q"),
                                     .headers = tenon_text("a: b\n"),
                                     .body = {"b\0d", 3},
                                     .count = 1,
                                     .parameters = {tenon_text("p")}};

    (void)state;
    run = (struct wire_run){.command = 1, .flags = 2, .width = 80, .count = 2};
    run.arguments[0] = tenon_text("-x");
    run.arguments[1] = tenon_text("");
    wire_put_run(&out, &run);
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_run(&in, &got_run), 0);
    assert_int_equal(got_run.width, 80);
    assert_string_equal(got_run.arguments[0].ptr, "-x");
    REFUSES_EVERY_PREFIX(&out, &got_run, wire_get_run);
    wire_out_clear(&out);

    wire_put_serve(&out, &serve);
    in = whole(&out);
    assert_int_equal(wire_get_serve(&in, &got_serve), 0);
    assert_int_equal(got_serve.body.len, 3);
    assert_string_equal(got_serve.parameters[0].ptr, "p");
    REFUSES_EVERY_PREFIX(&out, &got_serve, wire_get_serve);
    wire_out_clear(&out);

    wire_put_ended(&out, &(struct wire_ended){404, tenon_text("a: b\n"), tenon_text("gone")});
    in = whole(&out);
    assert_int_equal(wire_get_ended(&in, &got_ended), 0);
    assert_int_equal(got_ended.number, 404);
    assert_string_equal(got_ended.body.ptr, "gone");
    REFUSES_EVERY_PREFIX(&out, &got_ended, wire_get_ended);
    wire_out_finish(&out);
}

static void counts_above_the_limits_are_refused(void **state)
{
    struct wire_out out = {0};
    static struct wire_run run;
    struct wire_serve serve;

    (void)state;
    for (int i = 0; i < 3; i++)
        wire_out_u32(&out, 0);
    wire_out_u32(&out, WIRE_ARGUMENTS_MAX + 1);
    for (int i = 0; i <= WIRE_ARGUMENTS_MAX; i++)
        wire_out_text(&out, tenon_text(""));
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_run(&in, &run), -1);
    wire_out_clear(&out);
    wire_out_u32(&out, 0);
    for (int i = 0; i < 5; i++)
        wire_out_text(&out, tenon_text(""));
    wire_out_u32(&out, WIRE_SEGMENTS_MAX + 1);
    for (int i = 0; i <= WIRE_SEGMENTS_MAX; i++)
        wire_out_text(&out, tenon_text(""));
    in = whole(&out);
    assert_int_equal(wire_get_serve(&in, &serve), -1);
    wire_out_finish(&out);
}

static void heads_that_a_response_may_have(void **state)
{
    static const struct {
        uint32_t status;
        const char *headers;
        bool is_fine;
    } cases[] = {
        {200, "", true},
        {599, "A: b\nC:d", true},
        {304, "ETag: \"\xc3\xa4\"\n", true},
        {199, "", false},
        {600, "", false},
        {0, "", false},
        {200, "A b\n", false},
        {200, ": b\n", false},
        {200, "A: b\r\nC: d\n", false},
        {200, "A: b\n\nbody", false},
        {200, "A: \x01\n", false},
        {200, "A : b\n", false},
        {200, "content-LENGTH: 3\n", false},
        {200, "A: b\nTransfer-Encoding: chunked\n", false},
        {200, "Connection: close\n", false},
        {200, "upgrade: websocket\n", false},
    };
    char *large = calloc(1, 20000);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *problem = wire_response_problem(cases[i].status, tenon_text(cases[i].headers));
        assert_int_equal(problem == NULL, cases[i].is_fine);
    }
    memset(large, 'a', 19999);
    assert_non_null(wire_response_problem(200, tenon_text(large)));
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declarations_come_through),
        cmocka_unit_test(orders_and_ends_come_through),
        cmocka_unit_test(counts_above_the_limits_are_refused),
        cmocka_unit_test(heads_that_a_response_may_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
