/* SPDX-License-Identifier: Apache-2.0
 * Frames of RFC 6455, one rule a case, along the lines of the Autobahn test suite. */
#include "http/http_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};

/* A frame of a client: `first` byte as it is, the shortest length. */
static void put(struct buf *out, int first, struct str payload)
{
    unsigned char head[10] = {(unsigned char)first};
    size_t count = 2;

    if (payload.len < 126) {
        head[1] = (unsigned char)(0x80 | payload.len);
    } else if (payload.len < 65536) {
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(payload.len >> 8);
        head[3] = (unsigned char)payload.len;
        count = 4;
    } else {
        head[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            head[2 + i] = (unsigned char)((uint64_t)payload.len >> (56 - 8 * i));
        count = 10;
    }
    buf_add(out, head, count);
    buf_add(out, mask, 4);
    for (size_t i = 0; i < payload.len; i++)
        buf_putc(out, (char)((unsigned char)payload.ptr[i] ^ mask[i % 4]));
}

/* What is told of the bytes, given in pieces of `step`: "text:hello ping:x close:1000:bye " and at
 * the end the code when refused. */
static void tell(struct str bytes, size_t step, struct buf *out)
{
    struct http_frames frames = {0};
    struct http_frame frame;
    struct buf kept = {0};
    size_t at = 0;
    int status = 0;

    while (status >= 0 && at < bytes.len) {
        size_t take = bytes.len - at < step ? bytes.len - at : step;
        struct str rest;

        buf_add(&kept, bytes.ptr + at, take);
        at += take;
        rest = buf_str(&kept);
        while ((status = http_frames_read(&frames, &rest, &frame)) > 0) {
            const char *kind = frame.kind == HTTP_FRAME_TEXT    ? "text"
                               : frame.kind == HTTP_FRAME_PING  ? "ping"
                               : frame.kind == HTTP_FRAME_PONG  ? "pong"
                               : frame.kind == HTTP_FRAME_CLOSE ? "close"
                                                                : "?";
            buf_puts(out, kind);
            if (frame.kind == HTTP_FRAME_CLOSE)
                buf_printf(out, ":%d", frame.close_code);
            buf_printf(out, ":%.*s ", STR_ARG(frame.payload));
        }
        memmove(kept.ptr, rest.ptr, rest.len);
        kept.len = rest.len;
    }
    if (status < 0)
        buf_printf(out, "%d", status);
    http_frames_finish(&frames);
    buf_finish(&kept);
}

static void check_bytes(struct str bytes, const char *expected)
{
    const size_t steps[] = {1, 2, 7, bytes.len};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct buf told = {0};

        tell(bytes, steps[i], &told);
        assert_string_equal(told.ptr != NULL ? told.ptr : "", expected);
        buf_finish(&told);
    }
}

/* Frames one behind the other: first byte, payload. */
struct given {
    int first;
    const char *payload;
};

static void check(const struct given *given, size_t count, const char *expected)
{
    struct buf bytes = {0};

    for (size_t i = 0; i < count; i++)
        put(&bytes, given[i].first, str_of(given[i].payload));
    check_bytes(buf_str(&bytes), expected);
    buf_finish(&bytes);
}

#define CHECK(expected, ...)                                                                       \
    check((const struct given[]){__VA_ARGS__},                                                     \
          sizeof((const struct given[]){__VA_ARGS__}) / sizeof(struct given), expected)

static void messages_come_whole(void **state)
{
    (void)state;
    CHECK("text:hello ", {0x81, "hello"});
    CHECK("text: ", {0x81, ""});
    CHECK("text:\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 ",
          {0x81, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"});
    CHECK("text:hello text:you ", {0x81, "hello"}, {0x81, "you"});
    CHECK("text:hello ", {0x01, "he"}, {0x00, "l"}, {0x80, "lo"});
    CHECK("text: ", {0x01, ""}, {0x00, ""}, {0x80, ""});
    /* A character may be cut by fragments. */
    CHECK("text:\xc3\xa4 ", {0x01, "\xc3"}, {0x80, "\xa4"});
    /* Control frames may stand between fragments. */
    CHECK("ping:x text:hello ", {0x01, "he"}, {0x89, "x"}, {0x80, "llo"});
    CHECK("ping: pong:unasked ", {0x89, ""}, {0x8a, "unasked"});
}

static void closes_have_codes(void **state)
{
    (void)state;
    CHECK("close:1005: ", {0x88, ""});
    CHECK("close:1000: ", {0x88, "\x03\xe8"});
    CHECK("close:1000:bye ", {0x88, "\x03\xe8"
                                    "bye"});
    CHECK("close:3000: ", {0x88, "\x0b\xb8"});
    CHECK("close:4999: ", {0x88, "\x13\x87"});
    CHECK("-1002", {0x88, "\x03"});
    CHECK("-1002", {0x88, "\x03\xe7"});     /* 999 */
    CHECK("-1002", {0x88, "\x03\xec"});     /* 1004 */
    CHECK("-1002", {0x88, "\x03\xed"});     /* 1005 */
    CHECK("-1002", {0x88, "\x03\xee"});     /* 1006 */
    CHECK("-1002", {0x88, "\x03\xf7"});     /* 1015 */
    CHECK("-1002", {0x88, "\x07\xd0"});     /* 2000 */
    CHECK("-1002", {0x88, "\x13\x88"});     /* 5000 */
    CHECK("-1007", {0x88, "\x03\xe8\xff"}); /* the reason is text */
}

static void what_breaks_a_rule_is_refused(void **state)
{
    (void)state;
    CHECK("-1002", {0xc1, "x"}); /* reserved bits: no extension was agreed on */
    CHECK("-1002", {0xa1, "x"});
    CHECK("-1002", {0x91, "x"});
    for (int opcode = 3; opcode < 8; opcode++)
        CHECK("-1002", {0x80 | opcode, "x"});
    for (int opcode = 11; opcode < 16; opcode++)
        CHECK("-1002", {0x80 | opcode, "x"});
    CHECK("-1002", {0x80, "goes on with nothing"});
    CHECK("-1002", {0x01, "a"}, {0x81, "b"});
    CHECK("text:a -1002", {0x81, "a"}, {0x80, "b"});
    CHECK("-1002", {0x09, "a ping in parts"});
    CHECK("-1002", {0x08, ""});
    CHECK("-1003", {0x82, "binary"});
    CHECK("-1003", {0x02, "binary"});
    CHECK("-1007", {0x81, "\xff"});
    CHECK("-1007", {0x81, "\xc3"});
    CHECK("-1007", {0x81, "\xed\xa0\x80"});     /* a surrogate */
    CHECK("-1007", {0x81, "\xf4\x90\x80\x80"}); /* above U+10FFFF */
    CHECK("-1007", {0x81, "\xc0\xaf"});         /* too long a form */
    CHECK("-1007", {0x01, "a"}, {0x80, "\xe2\x82"});
}

static void lengths_are_the_shortest_and_bounded(void **state)
{
    const struct {
        struct str bytes;
        const char *expected;
    } cases[] = {
        {STR("\x81\x05hello"), "-1002"},                        /* not masked */
        {STR("\x89\xfe\x00\x7e\0\0\0\0"), "-1002"},             /* a ping of 126 */
        {STR("\x81\xfe\x00\x7d\0\0\0\0"), "-1002"},             /* 125 in two bytes */
        {STR("\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0"), "-1002"}, /* 65535 in eight */
        {STR("\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0"), "-1002"},   /* the top bit */
        {STR("\x81\xff\0\0\0\0\0\x01\0\x01\0\0\0\0"), "-1009"}, /* 65537 */
        {STR("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"), "-1009"},
        {STR("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "text:Hello "}, /* of RFC 6455, 5.7 */
    };
    static const size_t sizes[] = {125, 126, 127, 1000, 65535, 65536};
    char *long_text = malloc(HTTP_FRAME_MESSAGE_MAX + 2);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_bytes(cases[i].bytes, cases[i].expected);
    memset(long_text, 'x', HTTP_FRAME_MESSAGE_MAX + 2);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buf bytes = {0};
        struct buf told = {0};

        put(&bytes, 0x81, (struct str){long_text, sizes[i]});
        tell(buf_str(&bytes), 4096, &told);
        assert_int_equal(told.len, sizes[i] + 6);
        buf_finish(&bytes);
        buf_finish(&told);
    }
    /* Fragments count together. */
    struct buf bytes = {0};
    struct buf told = {0};
    put(&bytes, 0x01, (struct str){long_text, HTTP_FRAME_MESSAGE_MAX});
    put(&bytes, 0x80, STR("x"));
    tell(buf_str(&bytes), 4096, &told);
    assert_string_equal(told.ptr, "-1009");
    buf_finish(&bytes);
    buf_finish(&told);
    free(long_text);
}

static void what_is_written_is_framed(void **state)
{
    static const char text[70000] = "x";
    struct buf out = {0};

    (void)state;
    http_frame_put(&out, HTTP_FRAME_TEXT, STR("hi"));
    assert_memory_equal(out.ptr, "\x81\x02hi", 4);
    buf_clear(&out);
    http_frame_put(&out, HTTP_FRAME_PING, STR_NONE);
    assert_memory_equal(out.ptr, "\x89\0", 2);
    buf_clear(&out);
    http_frame_put(&out, HTTP_FRAME_TEXT, (struct str){text, 126});
    assert_memory_equal(out.ptr,
                        "\x81\x7e\0\x7e"
                        "x",
                        5);
    buf_clear(&out);
    http_frame_put(&out, HTTP_FRAME_TEXT, (struct str){text, 70000});
    assert_memory_equal(out.ptr,
                        "\x81\x7f\0\0\0\0\0\x01\x11\x70"
                        "x",
                        11);
    assert_int_equal(out.len, 70010);
    buf_clear(&out);
    http_frame_put_close(&out, HTTP_CLOSE_PROTOCOL, STR("no"));
    assert_memory_equal(out.ptr,
                        "\x88\x04\x03\xea"
                        "no",
                        6);
    buf_clear(&out);
    http_frame_put_close(&out, HTTP_CLOSE_NONE, STR("not sent"));
    assert_int_equal(out.len, 2);
    buf_clear(&out);
    /* A reason that is too long is cut between characters. */
    struct buf reason = {0};
    for (int i = 0; i < 100; i++)
        buf_puts(&reason, "\xe2\x82\xac");
    http_frame_put_close(&out, HTTP_CLOSE_NORMAL, buf_str(&reason));
    assert_int_equal(out.len, 2 + 2 + 123);
    assert_true(str_is_utf8((struct str){out.ptr + 4, 123}));
    buf_finish(&reason);
    buf_finish(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_whole),
        cmocka_unit_test(closes_have_codes),
        cmocka_unit_test(what_breaks_a_rule_is_refused),
        cmocka_unit_test(lengths_are_the_shortest_and_bounded),
        cmocka_unit_test(what_is_written_is_framed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
