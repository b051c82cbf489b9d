/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const tenon_plugin *plugin;
static void *shop;
static struct fake_text out;
static tenon_err err;

static const char settings[] = "{\"currency\":\"CHF\",\"default_quantity\":7,\"free_events\":true,"
                               "\"ticket_name\":\"Eintritt\"}";

static const char full_event[] =
    "{\"title\":\"Concert\",\"start\":\"2026-03-04T18:00:00Z\",\"end\":\"2026-03-04T20:00:00Z\","
    "\"venue\":{\"name\":\"Halle\",\"street\":\"Weg "
    "1\",\"zip\":\"10017\",\"city\":\"K\xc3\xb6ln\"},"
    "\"price\":{\"amount\":19.99,\"currency\":\"EUR\"},\"status\":\"confirmed\",\"capacity\":250,"
    "\"url\":\"https://events.example.org/e/1\",\"description\":\"Come!\"}";

static int32_t select_record(const char *data)
{
    tenon_record record = fake_record("evt-1", data);

    fake_text_finish(&out);
    fake_text_init(&out);
    err = fake_err();
    return plugin->selectors[0].select(shop, &record, &out.sink, &err);
}

static int32_t transform(const char *data)
{
    tenon_record record = fake_record("evt-1", data);

    fake_text_finish(&out);
    fake_text_init(&out);
    err = fake_err();
    return plugin->transformer->transform(shop, &record, &out.sink, &err);
}

static void selects_what_is_fit_for_sale(void **state)
{
    static const char *const cases[][2] = {
        {"{\"title\":\"a\",\"start\":\"b\",\"status\":\"cancelled\"}", "the event is cancelled"},
        {"{\"title\":\"a\",\"start\":\"b\",\"status\":\"draft\"}", "the event is a draft"},
        {"{\"title\":\"\",\"start\":\"b\"}", "the event has no title"},
        {"{\"title\":\"a\"}", "the event has no start"},
        {"{\"title\":\"a\",\"start\":\"b\",\"ticket_shop_id\":\"7\"}",
         "the event was put on sale by hand: it has a ticket_shop_id"},
    };

    (void)state;
    assert_int_equal(select_record(full_event), TENON_OK);
    assert_int_equal(select_record("{\"title\":\"a\",\"start\":\"b\",\"price\":null}"), TENON_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(select_record(cases[i][0]), TENON_SKIP);
        assert_string_equal(out.bytes, cases[i][1]);
    }
    assert_int_equal(select_record("[1]"), TENON_E_VALIDATION);
    assert_int_equal(select_record("{"), TENON_E_VALIDATION);
}

static void transforms_into_the_shops_words(void **state)
{
    (void)state;
    assert_int_equal(transform(full_event), TENON_OK);
    assert_string_equal(
        out.bytes, "{\"external_ref\":\"evt-1\",\"venue\":{\"name\":\"Halle\",\"address\":\"Weg "
                   "1\",\"postcode\":\"10017\","
                   "\"city\":\"K\xc3\xb6ln\"},\"tickets\":[{\"name\":\"Eintritt\",\"price_cents\":"
                   "1999,\"currency\":\"EUR\","
                   "\"quantity\":250}],\"name\":\"Concert\",\"starts_at\":\"2026-03-04T18:00:00Z\","
                   "\"ends_at\":\"2026-03-04T20:00:00Z\",\"description\":\"Come!\","
                   "\"url\":\"https://events.example.org/e/1\"}");
    assert_int_equal(
        transform("{\"title\":\"a\",\"start\":\"b\",\"venue\":null,\"capacity\":null}"), TENON_OK);
    assert_string_equal(
        out.bytes, "{\"external_ref\":\"evt-1\",\"venue\":{},\"tickets\":[{\"name\":\"Eintritt\","
                   "\"price_cents\":0,\"currency\":\"CHF\",\"quantity\":7}],\"name\":\"a\","
                   "\"starts_at\":\"b\"}");
    assert_int_equal(transform("{\"price\":{\"amount\":\"12\"}}"), TENON_E_VALIDATION);
    assert_int_equal(transform("{\"price\":{\"amount\":-1}}"), TENON_E_VALIDATION);
}

static void passes_on_that_memory_ran_out(void **state)
{
    tenon_record record = fake_record("evt-1", full_event);

    (void)state;
    fake_text_finish(&out);
    fake_text_init(&out);
    out.fail_after = 20;
    assert_int_equal(plugin->transformer->transform(shop, &record, &out.sink, &err),
                     TENON_E_NO_MEMORY);
}

static void posts_first_and_puts_later(void **state)
{
    tenon_record records[] = {fake_record("evt-1", "{}"), fake_record("evt/2 b", "{}")};
    tenon_batch batch = fake_batch(records, 2);
    struct fake_requests requests;

    (void)state;
    records[1].version = 2;
    fake_requests_init(&requests);
    assert_int_equal(plugin->client->prepare(shop, &batch, &requests.requests, &err), TENON_OK);
    assert_int_equal(requests.count, 2);
    assert_string_equal(requests.items[0].method, "POST");
    assert_string_equal(requests.items[0].url, "/v1/events");
    assert_string_equal(requests.items[1].method, "PUT");
    assert_string_equal(requests.items[1].url, "/v1/events/evt%2F2%20b");
    assert_int_equal(requests.items[1].body_kind, TENON_BODY_RECORD);
    fake_requests_finish(&requests);
}

static struct fake_verdict judge(uint32_t status, const char *headers, const char *body)
{
    static struct fake_verdicts verdicts;
    tenon_record record = fake_record("evt-1", "");
    tenon_batch batch = fake_batch(&record, 1);
    tenon_exchange exchange = {sizeof exchange, status, &batch, tenon_text(headers),
                               tenon_text(body)};

    fake_verdicts_init(&verdicts);
    assert_int_equal(plugin->client->judge(shop, &exchange, &verdicts.verdicts, &err), TENON_OK);
    assert_int_equal(verdicts.items[0].times, 1);
    return verdicts.items[0];
}

static void reads_the_shops_answers(void **state)
{
    struct fake_verdict v = judge(201, "", "{\"id\":\"shop-9\"}");

    (void)state;
    assert_int_equal(v.verdict, TENON_ACCEPTED);
    assert_string_equal(v.external_id, "shop-9");
    v = judge(409, "", "{\"id\":\"shop-9\"}");
    assert_int_equal(v.verdict, TENON_ACCEPTED);
    assert_int_equal(v.error_class, TENON_OK);
    assert_string_equal(v.external_id, "shop-9");
    v = judge(409, "", "{}");
    assert_int_equal(v.verdict, TENON_REJECTED);
    v = judge(422, "", "{\"errors\":{\"starts_at\":\"is in the past\",\"name\":\"is too long\"}}");
    assert_int_equal(v.verdict, TENON_REJECTED);
    assert_int_equal(v.error_class, TENON_E_VALIDATION);
    assert_string_equal(v.message, "starts_at: is in the past; name: is too long");
    v = judge(422, "", "oops");
    assert_string_equal(v.message, "the shop refused it and did not say why");
    v = judge(429, "x-a: b\nretry-after: 12\n", "");
    assert_int_equal(v.verdict, TENON_RETRY);
    assert_int_equal(v.error_class, TENON_E_RATE_LIMITED);
    assert_int_equal(v.retry_after_ms, 12000);
    v = judge(503, "", "<html>");
    assert_int_equal(v.verdict, TENON_RETRY);
    assert_int_equal(v.error_class, TENON_E_SERVER);
    v = judge(401, "", "");
    assert_int_equal(v.error_class, TENON_E_AUTH);
}

static void action_tells_a_price(void **state)
{
    int32_t (*price)(void *, double, tenon_sink *, tenon_err *);

    (void)state;
    assert_string_equal(plugin->actions[0].signature, "d");
    assert_string_equal(plugin->actions[0].parameters, "amount");
    memcpy(&price, &plugin->actions[0].function, sizeof price);
    fake_text_finish(&out);
    fake_text_init(&out);
    assert_int_equal(price(shop, 12.345, &out.sink, &err), TENON_OK);
    assert_string_equal(out.bytes, "{\"price_cents\":1235,\"currency\":\"CHF\"}");
    assert_int_equal(price(shop, -1, &out.sink, &err), TENON_E_VALIDATION);
}

static void says_what_is_wrong_with_settings(void **state)
{
    (void)state;
    assert_int_equal(plugin->validate(tenon_text("{\"currency\":\"euro\"}"), &err),
                     TENON_E_VALIDATION);
    assert_string_equal(err.message, "currency: three capital letters are expected, such as EUR");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selects_what_is_fit_for_sale),
        cmocka_unit_test(transforms_into_the_shops_words),
        cmocka_unit_test(passes_on_that_memory_ran_out),
        cmocka_unit_test(posts_first_and_puts_later),
        cmocka_unit_test(reads_the_shops_answers),
        cmocka_unit_test(action_tells_a_price),
        cmocka_unit_test(says_what_is_wrong_with_settings),
    };
    int failed;

    plugin = fake_host_load(argv[argc - 1]);
    err = fake_err();
    if (plugin->create(NULL, tenon_text("shop"), tenon_text(settings), &shop, &err) != TENON_OK)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    plugin->destroy(shop);
    fake_text_finish(&out);
    return failed;
}
