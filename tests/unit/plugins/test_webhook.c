/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const tenon_plugin *plugin;
static struct fake_requests requests;
static struct fake_verdicts verdicts;

static const char *reconcile_path = "";

/* Settings as the host makes them: all present. */
static const char *settings(const char *method, const char *path, const char *headers, int batch,
                            const char *format)
{
    static char text[16384];

    snprintf(text, sizeof text,
             "{\"method\":\"%s\",\"path\":\"%s\",\"headers\":\"%s\",\"batch\":%d,\"format\":\"%s\","
             "\"reconcile_path\":\"%s\"}",
             method, path, headers, batch, format, reconcile_path);
    return text;
}

static void *create(const char *text)
{
    tenon_err err = fake_err();
    void *self = NULL;

    if (plugin->create(NULL, tenon_text("hooks"), tenon_text(text), &self, &err) != TENON_OK)
        fail_msg("%s", err.message);
    return self;
}

static void submit(void *self, const tenon_record *records, uint32_t count)
{
    tenon_err err = fake_err();
    tenon_batch batch = fake_batch(records, count);

    fake_requests_finish(&requests);
    fake_requests_init(&requests);
    fake_verdicts_init(&verdicts);
    assert_int_equal(
        plugin->submitter->submit(self, &batch, &requests.requests, &verdicts.verdicts, &err),
        TENON_OK);
    plugin->destroy(self);
}

static void sends_each_record_by_itself(void **state)
{
    tenon_record records[] = {fake_record("a", "{}"), fake_record("b", "{}")};

    (void)state;
    submit(create(settings("POST", "", "", 1, "json")), records, 2);
    assert_int_equal(requests.count, 2);
    assert_int_equal(requests.items[1].first, 1);
    assert_int_equal(requests.items[1].count, 1);
    assert_int_equal(requests.items[1].body_kind, TENON_BODY_RECORD);
    assert_string_equal(requests.items[1].method, "POST");
    assert_string_equal(requests.items[1].url, "");
    assert_string_equal(requests.items[1].headers, "content-type: application/json\n");
}

static void gathers_batches(void **state)
{
    static tenon_record records[250];

    (void)state;
    for (int i = 0; i < 250; i++)
        records[i] = fake_record("a", "{}");
    submit(create(settings("PUT", "/in", "", 100, "json")), records, 250);
    assert_int_equal(requests.count, 3);
    assert_int_equal(requests.items[2].first, 200);
    assert_int_equal(requests.items[2].count, 50);
    assert_int_equal(requests.items[0].body_kind, TENON_BODY_ARRAY);
    assert_string_equal(requests.items[0].method, "PUT");
    submit(create(settings("PUT", "/in", "", 100, "ndjson")), records, 1);
    assert_int_equal(requests.items[0].body_kind, TENON_BODY_LINES);
    assert_string_equal(requests.items[0].headers, "content-type: application/x-ndjson\n");
    submit(create(settings("POST", "/in", "", 2, "json")), records, 1);
    assert_int_equal(requests.items[0].body_kind,
                     TENON_BODY_ARRAY); /* one record is an array of one */
}

static void fills_templates(void **state)
{
    tenon_record record = fake_record(
        "a/b c", "{\"x\":{\"slug\":\"no\"},\"slug\":\"caf\\u00e9 \\\"1\\\"\",\"n\":-1.5,"
                 "\"yes\":true,\"e\\u0078\":\"escaped name\"}");

    (void)state;
    record.version = 3;
    submit(
        create(settings("POST", "/{type}/{id}?s={data.slug}&n={data.n}&y={data.yes}&{{{version}}}",
                        "X-Key: k={key} | X-Slug:{data.slug}|X-E: {data.ex}", 1, "json")),
        &record, 1);
    assert_int_equal(requests.count, 1);
    assert_string_equal(requests.items[0].url,
                        "/event/a%2Fb%20c?s=caf%C3%A9%20%221%22&n=-1.5&y=true&{3}");
    assert_string_equal(
        requests.items[0].headers,
        "content-type: application/json\nX-Key: k=key-1\nX-Slug: caf\xc3\xa9 \"1\"\n"
        "X-E: escaped name\n");
}

static void refuses_one_record_and_sends_the_others(void **state)
{
    static const struct {
        const char *data, *words;
    } cases[] = {
        {"{}", "path: the record has no field {data.f}"},
        {"{\"f\":null}", "path: the record has no field {data.f}"},
        {"{\"f\":{}}", "path: {data.f} is an object; a string, number or boolean is expected"},
        {"{\"f\":[1]}", "path: {data.f} is an array; a string, number or boolean is expected"},
        {"{\"f\":\"\"}", "path: {data.f} is empty"},
        {"{\"f\":\"..\"}", "path: '.' or '..' as a path segment would lead elsewhere"},
        {"{\"f\":\"a\\u0000b\"}", "path: {data.f} is longer than 3999 bytes or holds a NUL"},
        {"{\"f\":\"a\\r\\nX-Evil: 1\"}", "header X-F: {data.f} holds the control character 0x0D"},
        {"not json", "path: the record has no field {data.f}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tenon_record records[] = {fake_record("1", "{\"f\":\"x\"}"),
                                  fake_record("2", cases[i].data),
                                  fake_record("3", "{\"f\":\"y\"}")};
        submit(create(settings("POST", "/{data.f}", "X-F: {data.f}", 1, "json")), records, 3);
        assert_int_equal(requests.count, 2);
        assert_string_equal(requests.items[0].url, "/x");
        assert_int_equal(requests.items[1].first, 2);
        assert_string_equal(requests.items[1].url, "/y");
        assert_string_equal(requests.items[1].headers, "content-type: application/json\nX-F: y\n");
        assert_int_equal(verdicts.items[0].times, 0);
        assert_int_equal(verdicts.items[1].times, 1);
        assert_int_equal(verdicts.items[1].verdict, TENON_REJECTED);
        assert_int_equal(verdicts.items[1].error_class, TENON_E_VALIDATION);
        assert_string_equal(verdicts.items[1].message, cases[i].words);
    }
}

static void delete_has_no_body(void **state)
{
    tenon_record record = fake_record("9", "{}");

    (void)state;
    submit(create(settings("DELETE", "/{id}", "", 1, "json")), &record, 1);
    assert_int_equal(requests.items[0].body_kind, TENON_BODY_INLINE);
    assert_string_equal(requests.items[0].body, "");
    assert_string_equal(requests.items[0].headers, "");
    submit(create(settings("POST", "", "Content-Type: application/vnd.x+json", 1, "json")), &record,
           1);
    assert_string_equal(requests.items[0].headers, "Content-Type: application/vnd.x+json\n");
}

static void says_what_is_wrong_with_settings(void **state)
{
    static const struct {
        const char *method, *path, *headers;
        int batch;
        const char *words;
    } cases[] = {
        {"POST", "x", "", 1, "path: it must start with '/' or '?', not 'x'"},
        {"POST", "/a b", "", 1,
         "path: byte 3 is a blank, control or non-ASCII character; write it as %20"},
        {"POST", "/{nope}", "", 1,
         "path: {nope} is not known; there are {id}, {type}, {version}, {key} and {data.FIELD} (a "
         "brace itself "
         "is written {{ or }})"},
        {"POST", "/{id", "", 1,
         "path: the '{' at byte 2 has no partner (a brace itself is written {{ or }})"},
        {"POST", "/a/../b", "", 1, "path: '.' or '..' as a path segment would lead elsewhere"},
        {"POST", "/{id}", "", 2,
         "batch: a placeholder in path speaks of one record, but a request may carry 2; set batch "
         "= 1 or leave "
         "the placeholder out"},
        {"POST", "/", "X: {key}", 2,
         "batch: a placeholder in headers speaks of one record, but a request may carry 2; set "
         "batch = 1 or "
         "leave the placeholder out"},
        {"DELETE", "/", "", 2,
         "batch: DELETE has no body, so a request cannot carry 2 records; set batch = 1"},
        {"POST", "/", "nonsense", 1,
         "headers: 'Name: value' pairs separated by | are expected, not 'nonsense'"},
        {"POST", "/", "A b: c", 1,
         "headers: 'A b' is no header name (1 to 63 letters, digits, - or _)"},
        {"POST", "/", "authorization: Bearer x", 1,
         "headers: 'authorization' cannot be set here: credentials go to [auth]"},
        {"POST", "/", "X: a\\nB: c", 1, "headers: byte 5 is the control character 0x0A"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tenon_err err = fake_err();
        const char *text =
            settings(cases[i].method, cases[i].path, cases[i].headers, cases[i].batch, "json");
        assert_int_equal(plugin->validate(tenon_text(text), &err), TENON_E_VALIDATION);
        assert_string_equal(err.message, cases[i].words);
    }
}

static void passes_on_that_memory_ran_out(void **state)
{
    tenon_record records[] = {fake_record("a", "{}"), fake_record("b", "{}")};
    tenon_batch batch = fake_batch(records, 2);
    tenon_err err = fake_err();
    void *self = create(settings("POST", "/{id}", "", 1, "json"));

    (void)state;
    fake_requests_finish(&requests);
    fake_requests_init(&requests);
    requests.fail_at = 2;
    assert_int_equal(
        plugin->submitter->submit(self, &batch, &requests.requests, &verdicts.verdicts, &err),
        TENON_E_NO_MEMORY);
    plugin->destroy(self);
}

static void looks_up_by_the_path_for_it(void **state)
{
    tenon_record records[] = {fake_record("a", "{\"ref\":\"x/1\"}"), fake_record("b", "{}")};
    tenon_batch batch = fake_batch(records, 2);
    tenon_err err = fake_err();
    void *self = create(settings("POST", "/in", "", 100, "json"));

    (void)state;
    fake_requests_finish(&requests);
    fake_requests_init(&requests);
    fake_verdicts_init(&verdicts);
    assert_int_equal(
        plugin->client->reconcile(self, &batch, &requests.requests, &verdicts.verdicts, &err),
        TENON_E_UNSUPPORTED);
    plugin->destroy(self);
    reconcile_path = "/by/{data.ref}?key={key}";
    self = create(settings("POST", "/in", "", 100, "json"));
    assert_int_equal(
        plugin->client->reconcile(self, &batch, &requests.requests, &verdicts.verdicts, &err),
        TENON_OK);
    assert_int_equal(requests.count, 1);
    assert_string_equal(requests.items[0].method, "GET");
    assert_string_equal(requests.items[0].url, "/by/x%2F1?key=key-1");
    assert_int_equal(requests.items[0].count, 1);
    /* What cannot be asked about is sent again. */
    assert_int_equal(verdicts.items[1].verdict, TENON_NOT_THERE);
    assert_int_equal(verdicts.items[1].error_class, TENON_E_UNSUPPORTED);
    assert_non_null(strstr(verdicts.items[1].message, "{data.ref}"));
    plugin->destroy(self);
    reconcile_path = "by/{key}";
    assert_int_equal(plugin->validate(tenon_text(settings("POST", "/in", "", 1, "json")), &err),
                     TENON_E_VALIDATION);
    assert_string_equal(err.message,
                        "reconcile_path: it must start with '/' or '?', not 'by/{key}'");
    reconcile_path = "";
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_each_record_by_itself),
        cmocka_unit_test(gathers_batches),
        cmocka_unit_test(fills_templates),
        cmocka_unit_test(refuses_one_record_and_sends_the_others),
        cmocka_unit_test(delete_has_no_body),
        cmocka_unit_test(says_what_is_wrong_with_settings),
        cmocka_unit_test(passes_on_that_memory_ran_out),
        cmocka_unit_test(looks_up_by_the_path_for_it),
    };
    int failed;

    plugin = fake_host_load(argv[argc - 1]);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_requests_finish(&requests);
    return failed;
}
