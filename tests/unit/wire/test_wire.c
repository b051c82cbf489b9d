/* SPDX-License-Identifier: Apache-2.0 */
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

/* Every shorter prefix of a message, in memory of exactly that size, must be refused and not
 * overread. */
#define REFUSES_EVERY_PREFIX(out, type, get)                                                       \
    for (size_t len = 0; len < (out)->len; len++) {                                                \
        char *copy = malloc(len > 0 ? len : 1);                                                    \
        type cut_got;                                                                              \
        memcpy(copy, (out)->ptr, len);                                                             \
        struct wire_in cut = {copy, len, false};                                                   \
        assert_int_equal(get(&cut, &cut_got), -1);                                                 \
        free(copy);                                                                                \
    }

static void texts_keep_their_nul_and_length(void **state)
{
    struct wire_out out = {0};

    (void)state;
    wire_out_text(&out, (tenon_str){"a\0b", 3});
    wire_out_text(&out, (tenon_str){NULL, 0});
    struct wire_in in = whole(&out);
    tenon_str text = wire_in_text(&in);
    assert_int_equal(text.len, 3);
    assert_memory_equal(text.ptr, "a\0b", 4);
    text = wire_in_text(&in);
    assert_int_equal(text.len, 0);
    assert_int_equal(text.ptr[0], '\0');
    assert_true(wire_in_is_done(&in));
    out.ptr[4 + 3] = 'x'; /* no NUL behind it */
    in = whole(&out);
    (void)wire_in_text(&in);
    assert_true(in.failed);
    wire_out_finish(&out);
}

static void lengths_past_the_end_fail(void **state)
{
    struct wire_out out = {0};

    (void)state;
    wire_out_u32(&out, UINT32_MAX);
    wire_out_u32(&out, 0);
    struct wire_in in = whole(&out);
    (void)wire_in_text(&in);
    assert_true(in.failed);
    in = whole(&out);
    assert_int_equal(wire_in_count(&in, 1), 0);
    assert_true(in.failed);
    wire_out_finish(&out);
}

static void load_comes_through(void **state)
{
    struct wire_out out = {0};
    struct wire_load load = {.path = tenon_text("/p/x.so"),
                             .real_path = tenon_text("/p/x.so"),
                             .name = tenon_text("x"),
                             .version = tenon_text("1"),
                             .settings = tenon_text("rows"),
                             .allow_net = 1,
                             .uid = 7,
                             .gid = 8,
                             .memory_max_bytes = UINT64_C(1) << 40,
                             .write_path_count = 2,
                             .write_paths = {tenon_text("/a"), tenon_text("/b")}};
    struct wire_load got;

    (void)state;
    wire_put_load(&out, &load);
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_load(&in, &got), 0);
    assert_string_equal(got.settings.ptr, "rows");
    assert_int_equal(got.memory_max_bytes, UINT64_C(1) << 40);
    assert_string_equal(got.write_paths[1].ptr, "/b");
    REFUSES_EVERY_PREFIX(&out, struct wire_load, wire_get_load);
    wire_out_finish(&out);
}

static void tool_calls_come_through(void **state)
{
    struct wire_out out = {0};
    const struct wire_tool_call call = {tenon_text("roll"), tenon_text("{\"a\":1}")};
    struct wire_tool_call got;

    (void)state;
    wire_put_tool_call(&out, &call);
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_tool_call(&in, &got), 0);
    assert_string_equal(got.name.ptr, "roll");
    assert_string_equal(got.arguments.ptr, "{\"a\":1}");
    REFUSES_EVERY_PREFIX(&out, struct wire_tool_call, wire_get_tool_call);
    wire_out_finish(&out);
}

static void facts_status_and_log_come_through(void **state)
{
    struct wire_out out = {0};
    struct wire_facts facts = {.has = 5,
                               .batch_max = 9,
                               .flags = 1,
                               .confinement = tenon_text("c"),
                               .selector_count = 1,
                               .selectors = {tenon_text("even")},
                               .tool_count = 1,
                               .tools = {{3, tenon_text("roll"), tenon_text("Roll"),
                                          tenon_text("Rolls."), tenon_text("{}")}}};
    struct wire_facts got;
    struct wire_status status = {-3, WIRE_AT_TEST, 10, 503, tenon_text("why")}, got_status;
    struct wire_log log = {TENON_LOG_DEBUG + 1, tenon_text("m"), tenon_text("{}")}, got_log;

    (void)state;
    wire_put_facts(&out, &facts);
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_facts(&in, &got), 0);
    assert_string_equal(got.selectors[0].ptr, "even");
    assert_int_equal(got.tools[0].flags, 3);
    assert_string_equal(got.tools[0].name.ptr, "roll");
    assert_string_equal(got.tools[0].schema.ptr, "{}");
    REFUSES_EVERY_PREFIX(&out, struct wire_facts, wire_get_facts);
    wire_out_clear(&out);
    wire_put_status(&out, &status);
    in = whole(&out);
    assert_int_equal(wire_get_status(&in, &got_status), 0);
    assert_int_equal(got_status.code, -3);
    assert_int_equal(got_status.http_status, 503);
    REFUSES_EVERY_PREFIX(&out, struct wire_status, wire_get_status);
    wire_out_clear(&out);
    wire_put_log(&out, &log);
    in = whole(&out);
    assert_int_equal(wire_get_log(&in, &got_log), -1); /* no such level */
    wire_out_finish(&out);
}

static void an_action_and_its_declaration_come_through(void **state)
{
    struct wire_out out = {0};
    struct wire_facts facts = {
        .confinement = {"", 0},
        .action_count = 1,
        .actions = {{3, tenon_text("add"), tenon_text("Adds."), tenon_text("Id"), tenon_text("a,b"),
                     tenon_text("")}},
    };
    struct wire_facts told;
    struct wire_action action = {
        .name = tenon_text("add"),
        .count = 3,
        .arguments = {{.letter = 'I', .integer = -7},
                      {.letter = 'd', .real = 2.5},
                      {.letter = 's', .text = tenon_text("words")}},
    };
    struct wire_action got;
    tenon_str result;

    (void)state;
    wire_put_facts(&out, &facts);
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_facts(&in, &told), 0);
    assert_string_equal(told.actions[0].parameters.ptr, "a,b");
    assert_int_equal(told.actions[0].flags, 3);
    REFUSES_EVERY_PREFIX(&out, struct wire_facts, wire_get_facts);
    wire_out_clear(&out);
    struct wire_actions own = {.count = 1};
    struct wire_actions own_told;
    own.actions[0] = facts.actions[0];
    wire_put_actions(&out, &own);
    in = whole(&out);
    assert_int_equal(wire_get_actions(&in, &own_told), 0);
    assert_int_equal(own_told.count, 1);
    assert_string_equal(own_told.actions[0].signature.ptr, "Id");
    REFUSES_EVERY_PREFIX(&out, struct wire_actions, wire_get_actions);
    wire_out_clear(&out);
    wire_put_action(&out, &action);
    in = whole(&out);
    assert_int_equal(wire_get_action(&in, &got), 0);
    assert_int_equal(got.arguments[0].integer, -7);
    assert_true(got.arguments[1].real == 2.5);
    assert_string_equal(got.arguments[2].text.ptr, "words");
    REFUSES_EVERY_PREFIX(&out, struct wire_action, wire_get_action);
    wire_out_clear(&out);
    action.arguments[1].letter = 'x';
    wire_put_action(&out, &action);
    in = whole(&out);
    assert_int_equal(wire_get_action(&in, &got), -1);
    wire_out_clear(&out);
    wire_put_result(&out, tenon_text("{}"));
    in = whole(&out);
    assert_int_equal(wire_get_result(&in, &result), 0);
    assert_string_equal(result.ptr, "{}");
    REFUSES_EVERY_PREFIX(&out, tenon_str, wire_get_result);
    wire_out_finish(&out);
}

static void a_delivery_to_a_hook_comes_through(void **state)
{
    struct wire_out out = {0};
    const struct wire_webhook webhook = {.id = tenon_text("d-1"),
                                         .event = tenon_text("push"),
                                         .content_type = tenon_text("text/csv"),
                                         .headers = tenon_text("a: b\n"),
                                         .body = tenon_text("1,2")};
    struct wire_webhook got;

    (void)state;
    wire_put_webhook(&out, &webhook);
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_webhook(&in, &got), 0);
    assert_string_equal(got.id.ptr, "d-1");
    assert_string_equal(got.event.ptr, "push");
    assert_string_equal(got.content_type.ptr, "text/csv");
    assert_string_equal(got.headers.ptr, "a: b\n");
    assert_string_equal(got.body.ptr, "1,2");
    REFUSES_EVERY_PREFIX(&out, struct wire_webhook, wire_get_webhook);
    wire_out_finish(&out);
}

static void a_batch_comes_through(void **state)
{
    struct wire_out out = {0};
    struct wire_deliver deliver = {WIRE_STEP_TRANSFORM, tenon_text("all"), 1}, got;
    tenon_record record = {.struct_size = sizeof record,
                           .attempt = 2,
                           .id = tenon_text("e"),
                           .type = tenon_text("t"),
                           .version = 3,
                           .created_ms = -4,
                           .updated_ms = 5,
                           .key = tenon_text("k"),
                           .data = tenon_text("{}")};
    tenon_record back;

    (void)state;
    wire_put_deliver(&out, &deliver);
    wire_put_record(&out, &record);
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_deliver(&in, &got), 0);
    assert_int_equal(wire_get_record(&in, &back), 0);
    assert_true(wire_in_is_done(&in));
    assert_int_equal(back.created_ms, -4);
    assert_int_equal(back.attempt, 2);
    assert_string_equal(back.data.ptr, "{}");
    /* A count that the frame cannot hold, and a step nobody knows. */
    wire_out_clear(&out);
    wire_put_deliver(&out, &(struct wire_deliver){0, tenon_text(""), 60000});
    in = whole(&out);
    assert_int_equal(wire_get_deliver(&in, &got), -1);
    wire_out_clear(&out);
    wire_put_deliver(&out, &(struct wire_deliver){64, tenon_text(""), 0});
    in = whole(&out);
    assert_int_equal(wire_get_deliver(&in, &got), -1);
    wire_out_finish(&out);
}

static void outcomes_and_requests_come_through(void **state)
{
    struct wire_out out = {0};
    uint32_t indexes[] = {4, 7};
    struct wire_outcome outcome = {.kind = WIRE_RETRY,
                                   .step = WIRE_IN_CLIENT,
                                   .error_class = -5,
                                   .retry_after_ms = 9,
                                   .message = tenon_text("busy"),
                                   .has_payload = true,
                                   .payload = tenon_text("")};
    struct wire_outcome got;
    struct wire_request request = {.body_kind = TENON_BODY_LINES,
                                   .record_count = 2,
                                   .records = (char *)indexes,
                                   .url = tenon_text("/x")};
    struct wire_request back;

    (void)state;
    wire_put_outcome(&out, &outcome);
    REFUSES_EVERY_PREFIX(&out, struct wire_outcome, wire_get_outcome);
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_outcome(&in, &got), 0);
    assert_string_equal(got.message.ptr, "busy");
    assert_true(got.has_payload);
    assert_int_equal(got.external_id.len, 0);
    out.ptr[0] = WIRE_KIND_END;
    in = whole(&out);
    assert_int_equal(wire_get_outcome(&in, &got), -1);
    wire_out_clear(&out);
    wire_put_request(&out, &request);
    REFUSES_EVERY_PREFIX(&out, struct wire_request, wire_get_request);
    in = whole(&out);
    assert_int_equal(wire_get_request(&in, &back), 0);
    assert_int_equal(wire_request_record(&back, 1), 7);
    assert_null(wire_request_problem(&back));
    wire_out_finish(&out);
}

static void requests_that_would_start_lines_of_their_own_are_problems(void **state)
{
    static const struct {
        const char *method, *url, *headers;
        bool is_problem;
    } cases[] = {
        {"PUT", "/a?b=%20", "x-y: z\nother: 1\n", false},
        {"", "", "", false},
        {"PUT /x", "", "", true},
        {"", "/a b", "", true},
        {"", "/a\r\nhost: x", "", true},
        {"", "", "x: y\r\nz: w\n", true},
        {"", "", "x: \x7f\n", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wire_request request = {.method = tenon_text(cases[i].method),
                                       .url = tenon_text(cases[i].url),
                                       .headers = tenon_text(cases[i].headers),
                                       .body = {"", 0}};
        assert_int_equal(wire_request_problem(&request) != NULL, cases[i].is_problem);
    }
}

/* Frames cut out of a stream that comes one byte at a time; a large one makes the buffer grow, then
 * shrink. */
static void the_reader_cuts_frames_at_any_split(void **state)
{
    struct wire_out out = {0};
    struct wire_reader reader = {0};
    struct wire_header header;
    struct wire_in in;
    unsigned found = 0;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        size_t begin = wire_out_begin(&out, WIRE_STATUS, i, 0);
        for (unsigned n = 0; n < 3000 * i; n++)
            wire_out_u32(&out, n);
        assert_int_equal(wire_out_end(&out, begin), 0);
    }
    for (size_t at = 0; at < out.len; at++) {
        size_t room;
        char *place = wire_reader_room(&reader, &room);
        assert_true(room > 0);
        *place = out.ptr[at];
        wire_reader_added(&reader, 1);
        while (wire_reader_next(&reader, &header, &in) == 1) {
            assert_int_equal(header.call, found);
            assert_int_equal(in.rest, 12000 * found);
            found++;
        }
    }
    assert_int_equal(found, 3);
    wire_reader_finish(&reader);
    wire_out_finish(&out);
}

static void the_reader_refuses_what_is_no_frame(void **state)
{
    static const struct wire_header bad[] = {
        {.length = WIRE_FRAME_MAX + 1, .op = WIRE_LOG},
        {.op = 0},
        {.op = WIRE_OP_END},
        {.op = WIRE_LOG, .flags = 1},
        {.op = WIRE_LOG, .reserved = 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wire_reader reader = {0};
        struct wire_header header;
        struct wire_in in;
        size_t room;
        memcpy(wire_reader_room(&reader, &room), &bad[i], sizeof bad[i]);
        wire_reader_added(&reader, sizeof bad[i]);
        assert_int_equal(wire_reader_next(&reader, &header, &in), -1);
        wire_reader_finish(&reader);
    }
}

static void a_frame_too_large_is_taken_back(void **state)
{
    struct wire_out out = {0};
    char *block = calloc(1, WIRE_FRAME_MAX / 2);

    (void)state;
    size_t first = wire_out_begin(&out, WIRE_LOG, 1, 0);
    assert_int_equal(wire_out_end(&out, first), 0);
    size_t before = out.len;
    size_t second = wire_out_begin(&out, WIRE_LOG, 2, 0);
    for (int i = 0; i < 3; i++)
        wire_out_text(&out, (tenon_str){block, WIRE_FRAME_MAX / 2});
    assert_int_equal(wire_out_end(&out, second), -1);
    assert_int_equal(out.len, before);
    wire_out_clear(&out);
    assert_int_equal(out.cap, 0);
    free(block);
}

static void subscriptions_and_signals_come_through(void **state)
{
    struct wire_out out = {0};
    struct wire_facts facts = {
        .confinement = {"", 0},
        .subscription_count = 1,
        .subscriptions = {{1, tenon_text("order.*"), tenon_text("shop")}},
    };
    struct wire_facts told;
    const struct wire_signal signal = {
        .subscription = 3,
        .attempt = 2,
        .timeout_ms = 500,
        .request = 1ull << 40,
        .seq = 17,
        .version = 4,
        .at_ms = -1,
        .type = tenon_text("order.paid"),
        .sender = tenon_text("shop"),
        .data = tenon_text("{}"),
        .entity = {"", 0},
        .entity_type = tenon_text("event"),
    };
    struct wire_signal got;

    (void)state;
    wire_put_facts(&out, &facts);
    struct wire_in in = whole(&out);
    assert_int_equal(wire_get_facts(&in, &told), 0);
    assert_int_equal(told.subscriptions[0].flags, 1);
    assert_string_equal(told.subscriptions[0].pattern.ptr, "order.*");
    assert_string_equal(told.subscriptions[0].sender.ptr, "shop");
    REFUSES_EVERY_PREFIX(&out, struct wire_facts, wire_get_facts);
    wire_out_clear(&out);
    wire_put_signal(&out, &signal);
    in = whole(&out);
    assert_int_equal(wire_get_signal(&in, &got), 0);
    assert_int_equal(got.subscription, 3);
    assert_int_equal(got.attempt, 2);
    assert_int_equal(got.timeout_ms, 500);
    assert_true(got.request == 1ull << 40 && got.seq == 17 && got.version == 4 && got.at_ms == -1);
    assert_string_equal(got.type.ptr, "order.paid");
    assert_string_equal(got.sender.ptr, "shop");
    assert_string_equal(got.data.ptr, "{}");
    assert_string_equal(got.entity.ptr, "");
    assert_string_equal(got.entity_type.ptr, "event");
    REFUSES_EVERY_PREFIX(&out, struct wire_signal, wire_get_signal);
    wire_out_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_keep_their_nul_and_length),
        cmocka_unit_test(lengths_past_the_end_fail),
        cmocka_unit_test(load_comes_through),
        cmocka_unit_test(facts_status_and_log_come_through),
        cmocka_unit_test(subscriptions_and_signals_come_through),
        cmocka_unit_test(tool_calls_come_through),
        cmocka_unit_test(an_action_and_its_declaration_come_through),
        cmocka_unit_test(a_delivery_to_a_hook_comes_through),
        cmocka_unit_test(a_batch_comes_through),
        cmocka_unit_test(outcomes_and_requests_come_through),
        cmocka_unit_test(requests_that_would_start_lines_of_their_own_are_problems),
        cmocka_unit_test(the_reader_cuts_frames_at_any_split),
        cmocka_unit_test(the_reader_refuses_what_is_no_frame),
        cmocka_unit_test(a_frame_too_large_is_taken_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
