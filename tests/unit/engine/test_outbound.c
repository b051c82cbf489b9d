/* SPDX-License-Identifier: Apache-2.0
 * What goes out: URL, headers, credentials, signature; and what a plugin may not ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "engine/outbound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tenon/tenon.h>
#include <unistd.h>

struct fixture {
    char dir[64];
    struct config *config;
    struct outbound_rules *rules;
    struct arena arena;
    struct outbound out;
    struct err err;
    bool is_lookup; /* it delivers nothing */
};

static void load(struct fixture *f, const char *ini)
{
    char path[96];
    struct err err = {0};

    *f = (struct fixture){.dir = "/tmp/tenon-outbound-XXXXXX"};
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(path, sizeof path, "%s/x.ini", f->dir);
    assert_int_equal(file_write(path, str_of(ini), 0600, &err), 0);
    f->config = config_load(f->dir, NULL, NULL, &err);
    assert_non_null(f->config);
    for (size_t i = 0; i < config_message_count(f->config); i++)
        print_message("%s\n", config_message(f->config, i)->text);
    assert_int_equal(config_error_count(f->config), 0);
    f->rules = outbound_rules_create(config_find(f->config, "x"), &err);
    assert_non_null(f->rules);
    (void)unlink(path);
    (void)rmdir(f->dir);
}

static void finish(struct fixture *f)
{
    arena_finish(&f->arena);
    outbound_rules_destroy(f->rules);
    config_destroy(f->config);
}

static int build(struct fixture *f, const char *url, const char *headers, unsigned body_kind,
                 uint32_t count)
{
    static const uint32_t records[] = {0, 1};
    static const struct str payloads[] = {{"{\"a\":1}", 7}, {"{\"b\":2}", 7}};
    static const struct str keys[] = {{"0123456789abcdef0123456789abcdef", 32},
                                      {"ffffffffffffffffffffffffffffffff", 32}};
    const struct plugin_request request = {.body_kind = body_kind,
                                           .records = records,
                                           .record_count = count,
                                           .url = str_of(url),
                                           .headers = str_of(headers)};

    f->err = (struct err){0};
    return outbound_build(f->rules, &request, f->is_lookup ? NULL : keys, payloads, &f->arena,
                          &f->out, &f->err);
}

static const char *header(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->out.header_count; i++)
        if (strncasecmp(f->out.headers[i], name, strlen(name)) == 0 &&
            f->out.headers[i][strlen(name)] == ':')
            return f->out.headers[i] + strlen(name) + 2;
    return NULL;
}

static const char plain[] =
    "[integration]\nplugin = webhook\nbase_url = https://hooks.example.com/v1/\n"
    "allow_hosts = files.example.com\n[headers]\nX-Team = events\n";

static void urls_are_joined_to_the_base(void **state)
{
    struct fixture f;

    (void)state;
    load(&f, plain);
    assert_int_equal(build(&f, "", "", TENON_BODY_RECORD, 1), 0);
    assert_string_equal(f.out.url, "https://hooks.example.com/v1");
    assert_int_equal(build(&f, "/events?x=1", "", TENON_BODY_RECORD, 1), 0);
    assert_string_equal(f.out.url, "https://hooks.example.com/v1/events?x=1");
    assert_int_equal(build(&f, "https://hooks.example.com/other", "", TENON_BODY_RECORD, 1), 0);
    assert_string_equal(f.out.url, "https://hooks.example.com/other");
    assert_int_equal(build(&f, "https://files.example.com/f", "", TENON_BODY_RECORD, 1), 0);
    assert_string_equal(header(&f, "X-Team"), "events");
    assert_string_equal(header(&f, "Idempotency-Key"), "0123456789abcdef0123456789abcdef");
    assert_string_equal(header(&f, "Content-Type"), "application/json");
    finish(&f);
}

/* However the list is written that `config check` takes. */
static void a_plugin_reaches_every_host_of_the_list(void **state)
{
    static const char *const urls[] = {"https://a.example/x", "http://B.example:8080/",
                                       "https://c.example?q", "https://d.example"};
    struct fixture f;

    (void)state;
    load(&f, "[integration]\nplugin = webhook\nbase_url = https://hooks.example.com\n"
             "allow_hosts = a.example b.example:8080,c.example\n    d.example\n");
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        if (build(&f, urls[i], "", TENON_BODY_RECORD, 1) != 0)
            fail_msg("%s: %s", urls[i], f.err.text);
    assert_int_equal(build(&f, "https://a.example b.example:8080/", "", TENON_BODY_RECORD, 1),
                     E_REFUSED);
    assert_int_equal(build(&f, "https://b.example/", "", TENON_BODY_RECORD, 1), E_REFUSED);
    finish(&f);
}

static void a_plugin_reaches_no_other_host(void **state)
{
    static const char *const urls[] = {
        "https://evil.example.com/",
        "https://hooks.example.com.evil.com/",
        "https://hooks.example.com@evil.com/",
        "http://hooks.example.com/v1",
        "https://hooks.example.com:444/v1",
        "https://files.example.com@evil.com/",
        "https://hooks.example.co",
        "/a\r\nHost: evil",
        "/a\tb",
    };
    struct fixture f;

    (void)state;
    load(&f, plain);
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        assert_int_equal(build(&f, urls[i], "", TENON_BODY_RECORD, 1), E_REFUSED);
        assert_true(f.err.text[0] != '\0');
    }
    finish(&f);
}

static void a_plugin_cannot_set_the_hosts_own_headers(void **state)
{
    static const char *const headers[] = {"Authorization: x\n",  "host: y\n",
                                          "Content-Length: 3\n", "Webhook-Signature: v1,x\n",
                                          "no colon\n",          ": x\n",
                                          "A: b\rC: d\n",        "Authorization : x\n",
                                          " Host: y\n",          "Transfer-Encoding\t: chunked\n",
                                          "A(b): c\n",           "\xc3\xa9: x\n"};
    struct fixture f;

    (void)state;
    load(&f, plain);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assert_int_equal(build(&f, "", headers[i], TENON_BODY_RECORD, 1), E_REFUSED);
    assert_int_equal(build(&f, "", "Content-Type: text/plain\nX-A: b\n", TENON_BODY_RECORD, 1), 0);
    assert_string_equal(header(&f, "Content-Type"), "text/plain");
    assert_string_equal(header(&f, "X-A"), "b");
    finish(&f);
}

/* What comes back by TRACE is what went out, credentials included. */
static void a_plugin_cannot_have_its_request_said_back(void **state)
{
    static const char *const taken[] = {"GET", "DELETE", "PROPFIND", "TRACES"};
    static const char *const refused[] = {"TRACE", "TRACK", "CONNECT"};
    struct plugin_request request = {.body_kind = TENON_BODY_INLINE, .url = STR("")};
    struct fixture f;

    (void)state;
    load(&f, plain);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        request.method = str_of(taken[i]);
        assert_int_equal(outbound_build(f.rules, &request, NULL, NULL, &f.arena, &f.out, &f.err),
                         0);
        assert_string_equal(f.out.method, taken[i]);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        request.method = str_of(refused[i]);
        assert_int_equal(outbound_build(f.rules, &request, NULL, NULL, &f.arena, &f.out, &f.err),
                         E_REFUSED);
        assert_non_null(strstr(f.err.text, refused[i]));
    }
    request.method = str_of("trace");
    assert_int_equal(outbound_build(f.rules, &request, NULL, NULL, &f.arena, &f.out, &f.err),
                     E_REFUSED);
    finish(&f);
}

static void bodies_are_put_together_without_copies(void **state)
{
    struct fixture f;
    struct buf body = {0};

    (void)state;
    load(&f, plain);
    assert_int_equal(build(&f, "", "", TENON_BODY_ARRAY, 2), 0);
    for (size_t i = 0; i < f.out.body_part_count; i++)
        buf_add_str(&body, f.out.body_parts[i]);
    assert_string_equal(body.ptr, "[{\"a\":1},{\"b\":2}]");
    buf_clear(&body);
    assert_int_equal(build(&f, "", "", TENON_BODY_LINES, 2), 0);
    for (size_t i = 0; i < f.out.body_part_count; i++)
        buf_add_str(&body, f.out.body_parts[i]);
    assert_string_equal(body.ptr, "{\"a\":1}\n{\"b\":2}\n");
    assert_string_equal(header(&f, "Content-Type"), "application/x-ndjson");
    assert_string_not_equal(header(&f, "Idempotency-Key"), "0123456789abcdef0123456789abcdef");
    assert_int_equal(strlen(header(&f, "Idempotency-Key")), 32);
    buf_finish(&body);
    finish(&f);
}

/* The expected value was made with: printf '%s'
 * 'msg_0123456789abcdef0123456789abcdef.1614265330.{"a":1}' | openssl dgst -sha256 -mac HMAC
 * -macopt hexkey:<hex of the decoded secret> -binary | base64 */
static void signatures_are_those_of_standard_webhooks(void **state)
{
    struct fixture f;

    (void)state;
    assert_int_equal(setenv("HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1), 0);
    load(&f, "[integration]\nplugin = webhook\nbase_url = https://hooks.example.com\n"
             "[signature]\nscheme = standard-webhooks\nsecret = ${env:HOOK}\n");
    clock_freeze(1614265330000, 0);
    assert_int_equal(build(&f, "", "", TENON_BODY_RECORD, 1), 0);
    clock_freeze(-1, -1);
    assert_string_equal(header(&f, "webhook-id"), "msg_0123456789abcdef0123456789abcdef");
    assert_string_equal(header(&f, "webhook-timestamp"), "1614265330");
    assert_string_equal(header(&f, "webhook-signature"),
                        "v1,LMFxWbY5jb9oMfGoi7VtaN3DUv8nUygrzkks9xIKCLU=");
    f.is_lookup = true; /* an endpoint must not take the question for the delivery itself */
    assert_int_equal(build(&f, "/by-key", "", TENON_BODY_INLINE, 2), 0);
    assert_null(header(&f, "webhook-id"));
    assert_null(header(&f, "webhook-signature"));
    assert_null(header(&f, "Idempotency-Key"));
    finish(&f);
}

static void credentials_come_from_the_ini_alone(void **state)
{
    struct fixture f;

    (void)state;
    assert_int_equal(setenv("PASS", "open sesame", 1), 0);
    load(&f, "[integration]\nplugin = webhook\nbase_url = https://hooks.example.com\n"
             "[auth]\ntype = basic\nusername = ali\npassword = ${env:PASS}\n");
    assert_int_equal(build(&f, "", "", TENON_BODY_RECORD, 1), 0);
    assert_string_equal(header(&f, "Authorization"), "Basic YWxpOm9wZW4gc2VzYW1l");
    finish(&f);
    load(&f, "[integration]\nplugin = webhook\nbase_url = https://hooks.example.com\n"
             "[auth]\ntype = bearer\ntoken = ${env:PASS}\n");
    assert_int_equal(build(&f, "", "", TENON_BODY_RECORD, 1), 0);
    assert_string_equal(header(&f, "Authorization"), "Bearer open sesame");
    finish(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_joined_to_the_base),
        cmocka_unit_test(a_plugin_reaches_every_host_of_the_list),
        cmocka_unit_test(a_plugin_reaches_no_other_host),
        cmocka_unit_test(a_plugin_cannot_set_the_hosts_own_headers),
        cmocka_unit_test(a_plugin_cannot_have_its_request_said_back),
        cmocka_unit_test(bodies_are_put_together_without_copies),
        cmocka_unit_test(signatures_are_those_of_standard_webhooks),
        cmocka_unit_test(credentials_come_from_the_ini_alone),
    };

    if (digest_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("outbound", tests, NULL, NULL);
}
