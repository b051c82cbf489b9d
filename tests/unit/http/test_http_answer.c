/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/http_answer.h"

struct expected {
    const char *bytes;
    bool is_to_head;
    bool is_at_end; /* whole only with the end of the connection */
    int status;
    const char *body;
    bool must_close;
    size_t left; /* bytes behind it */
};

static const struct expected answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", .status = 200, .body = "hi"},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", .status = 200, .body = ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", .status = 200, .body = "hi",
     .left = 9},
    {"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nhi", .status = 200,
     .body = "hi", .must_close = true},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", .status = 200, .body = "hi",
     .must_close = true},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", .status = 200,
     .body = "hi"},
    {"HTTP/1.1 204 No\r\n\r\n", .status = 204, .body = ""},
    {"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", .status = 304, .body = ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", .is_to_head = true, .status = 200, .body = ""},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\nHTTP/1.1 201 Made\r\n"
     "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x\r\n!\r\n0\r\nT: t\r\n\r\n",
     .status = 201, .body = "hi!"},
    {"HTTP/1.1 200 OK\r\n\r\nto the end", .is_at_end = true, .status = 200, .body = "to the end",
     .must_close = true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: "
     "3\r\n\r\n1\r\nx\r\n0\r\n\r\n",
     .status = 200, .body = "x", .must_close = true},
    {"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", .status = 200, .body = "hi", .must_close = true},
    {"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nhi", .status = 200, .body = "hi",
     .must_close = true},
};

/* In pieces of `step` bytes, as http_plain.c gives them. */
static int read_in_steps(struct http_answer *answer, struct str bytes, size_t step, size_t *left)
{
    struct buf pending = {0};
    int status = 0;

    while (bytes.len > 0 && status == 0) {
        size_t take = bytes.len < step ? bytes.len : step;
        struct str rest;

        buf_add(&pending, bytes.ptr, take);
        bytes.ptr += take;
        bytes.len -= take;
        rest = buf_str(&pending);
        status = http_answer_read(answer, &rest);
        memmove(pending.ptr, rest.ptr, rest.len);
        pending.len = rest.len;
    }
    *left = pending.len + bytes.len;
    buf_finish(&pending);
    return status;
}

static void read_as(const struct expected *expected, size_t step)
{
    struct buf body = {0};
    struct http_answer answer = {
        .is_to_head = expected->is_to_head, .body_max = 100, .body = &body};
    size_t left = 0;
    int status = read_in_steps(&answer, str_of(expected->bytes), step, &left);

    assert_int_equal(status, expected->is_at_end ? 0 : 1);
    assert_true(http_answer_ends(&answer));
    assert_int_equal(answer.status, expected->status);
    assert_true(str_is(buf_str(&body), expected->body));
    assert_int_equal(answer.must_close, expected->must_close);
    assert_int_equal(left, expected->left);
    buf_finish(&body);
}

static void test_answers_are_read_however_they_are_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        for (size_t step = 1; step < 40; step++)
            read_as(&answers[i], step);
}

static void test_what_is_no_answer(void **state)
{
    static const char *const wrong[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct buf body = {0};
        struct http_answer answer = {.body_max = 100, .body = &body};
        size_t left;

        assert_int_equal(read_in_steps(&answer, str_of(wrong[i]), SIZE_MAX, &left), -EBADMSG);
        buf_finish(&body);
    }
}

static void test_limits(void **state)
{
    struct buf body = {0};
    struct buf headers = {0};
    struct buf endless = {0};
    struct http_answer answer = {.body_max = 4, .body = &body, .headers = &headers};
    size_t left;

    (void)state;
    assert_int_equal(read_in_steps(&answer,
                                   STR("HTTP/1.1 429 Slow\r\nRetry-After:  7 \r\nX-Mixed: Case\r\n"
                                       "Transfer-Encoding: chunked\r\n\r\n9\r\nlong body\r\n"),
                                   3, &left),
                     1);
    assert_true(answer.is_cut && answer.must_close);
    assert_true(str_is(buf_str(&body), "long"));
    assert_string_equal(answer.retry_after, "7");
    assert_non_null(strstr(headers.ptr, "x-mixed: Case\n"));
    buf_puts(&endless, "HTTP/1.1 200 OK\r\n");
    while (endless.len <= HTTP_ANSWER_HEAD_MAX)
        buf_puts(&endless, "X: 0123456789\r\n");
    answer = (struct http_answer){.body_max = 4, .body = &body};
    assert_int_equal(read_in_steps(&answer, buf_str(&endless), 1000, &left), -E2BIG);
    buf_clear(&endless);
    for (int i = 0; i <= HTTP_ANSWER_INTERIM_MAX; i++)
        buf_puts(&endless, "HTTP/1.1 102 Processing\r\n\r\n");
    answer = (struct http_answer){.body_max = 4, .body = &body};
    assert_int_equal(read_in_steps(&answer, buf_str(&endless), SIZE_MAX, &left), -EBADMSG);
    buf_finish(&endless);
    buf_finish(&body);
    buf_finish(&headers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_read_however_they_are_cut),
        cmocka_unit_test(test_what_is_no_answer),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
