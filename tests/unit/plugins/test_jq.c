/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <time.h>

#include <cmocka.h>

static const tenon_plugin *plugin;
static struct fake_text out;
static tenon_err err;

static int32_t create(const char *where, const char *transform, void **out_self)
{
    char text[4096];

    err = fake_err();
    *out_self = NULL;
    snprintf(text, sizeof text, "{\"where\":\"%s\",\"transform\":\"%s\"}", where, transform);
    return plugin->create(NULL, tenon_text("x#jq"), tenon_text(text), out_self, &err);
}

/* What `where` says of the data: status, and the reason in `out`. */
static int32_t where(const char *program, const char *data)
{
    tenon_record record = fake_record("1", data);
    void *self;
    int32_t status;

    if (create(program, "", &self) != TENON_OK)
        fail_msg("%s", err.message);
    fake_text_finish(&out);
    fake_text_init(&out);
    status = plugin->selectors[0].select(self, &record, &out.sink, &err);
    plugin->destroy(self);
    return status;
}

static int32_t transform(const char *program, const char *data)
{
    tenon_record record = fake_record("1", data);
    void *self;
    int32_t status;

    if (create("", program, &self) != TENON_OK)
        fail_msg("%s", err.message);
    fake_text_finish(&out);
    fake_text_init(&out);
    status = plugin->transformer->transform(self, &record, &out.sink, &err);
    plugin->destroy(self);
    return status;
}

static void where_wants_what_is_true(void **state)
{
    (void)state;
    assert_int_equal(where(".price > 10", "{\"price\":11}"), TENON_OK);
    assert_int_equal(where(".name", "{\"name\":\"\"}"), TENON_OK);
    assert_int_equal(where("0", "null"), TENON_OK);
    assert_int_equal(where(".price > 10", "{\"price\":10}"), TENON_SKIP);
    assert_string_equal(out.bytes, "where `.price > 10` gave false");
    assert_int_equal(where(".a", "{}"), TENON_SKIP);
    assert_string_equal(out.bytes, "where `.a` gave null");
    assert_int_equal(where("empty", "{}"), TENON_SKIP);
    assert_string_equal(out.bytes, "where `empty` gave nothing");
    assert_int_equal(where(".[]", "[true,false]"), TENON_OK);
}

static void a_record_that_does_not_fit_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(where(".a.b", "{\"a\":1}"), TENON_E_VALIDATION);
    assert_string_equal(err.message, "where `.a.b`: Cannot index number with string \"b\"");
    assert_int_equal(where(".", "{\"a\":"), TENON_E_VALIDATION);
    assert_int_equal(where(".", ""), TENON_E_VALIDATION);
    assert_int_equal(transform("error({a:1})", "{}"), TENON_E_VALIDATION);
    assert_string_equal(err.message, "transform `error({a:1})`: {\"a\":1}");
}

static void transform_has_one_output(void **state)
{
    (void)state;
    assert_int_equal(transform("{title, at: .start}", "{\"title\":\"Caf\xc3\xa9\",\"start\":1.5}"),
                     TENON_OK);
    assert_string_equal(out.bytes, "{\"title\":\"Caf\xc3\xa9\",\"at\":1.5}");
    assert_int_equal(transform("empty", "{}"), TENON_SKIP);
    assert_int_equal(transform(".[]", "[1,2]"), TENON_E_VALIDATION);
    assert_string_equal(err.message, "transform `.[]`: more than one output; gather them with [ ]");
    assert_int_equal(transform("1, error(\\\"late\\\")", "{}"), TENON_E_VALIDATION);
}

/* The same integration goes on after a record that failed in the middle of its outputs. */
static void a_failed_record_does_not_spoil_the_next(void **state)
{
    tenon_record bad = fake_record("1", "[1,2]");
    tenon_record good = fake_record("2", "[3]");
    void *self;

    (void)state;
    assert_int_equal(create("", ".[] | if . == 2 then error else . end", &self), TENON_OK);
    for (int i = 0; i < 3; i++) {
        fake_text_finish(&out);
        fake_text_init(&out);
        assert_int_equal(plugin->transformer->transform(self, &bad, &out.sink, &err),
                         TENON_E_VALIDATION);
        assert_int_equal(plugin->transformer->transform(self, &good, &out.sink, &err), TENON_OK);
        assert_string_equal(out.bytes, "3");
    }
    plugin->destroy(self);
}

static void an_empty_program_passes_all(void **state)
{
    tenon_record record = fake_record("1", "{ \"kept\" : \"as it is\" }");
    void *self;

    (void)state;
    assert_int_equal(create(".kept", "", &self), TENON_OK);
    fake_text_finish(&out);
    fake_text_init(&out);
    assert_int_equal(plugin->transformer->transform(self, &record, &out.sink, &err), TENON_OK);
    assert_string_equal(out.bytes, "{ \"kept\" : \"as it is\" }");
    plugin->destroy(self);
}

static void programs_that_do_not_compile_are_explained(void **state)
{
    static const char *const cases[][2] = {
        {".a +", "where: jq does not take `.a +`: syntax error, unexpected $end, line 1"},
        {".a\\n| nope", "where: jq does not take `.a\n| nope`: nope/0 is not defined, line 2"},
        {"import \\\"x\\\" as x; 1",
         "where: jq does not take `import \"x\" as x; 1`: syntax error, unexpected import, line 1"},
        {"include \\\"x\\\"; 1",
         "where: jq does not take `include \"x\"; 1`: syntax error, unexpected include, line 1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *self;
        assert_int_equal(create(cases[i][0], "", &self), TENON_E_VALIDATION);
        assert_string_equal(err.message, cases[i][1]);
        assert_null(self);
    }
    assert_int_equal(plugin->validate(tenon_text("{\"where\":\"(\",\"transform\":\"\"}"), &err),
                     TENON_E_VALIDATION);
    assert_int_equal(plugin->validate(tenon_text("{\"where\":\"\",\"transform\":\"\"}"), &err),
                     TENON_E_VALIDATION);
    assert_string_equal(err.message, "where or transform must hold a jq program");
}

static void programs_see_the_record_and_nothing_else(void **state)
{
    static const char *const refused[] = {"input", "[inputs]", "halt", "halt_error",
                                          "\\\"a\\\"|modulemeta"};

    (void)state;
    setenv("TENON_TEST_SECRET", "leak", 1);
    assert_int_equal(transform("[env, $ENV, env.TENON_TEST_SECRET, $ENV.TENON_TEST_SECRET]", "{}"),
                     TENON_OK);
    assert_string_equal(out.bytes, "[{},{},null,null]");
    assert_int_equal(transform("[get_search_list, input_filename]", "{}"), TENON_OK);
    assert_string_equal(out.bytes, "[[],null]");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(transform(refused[i], "{}"), TENON_E_VALIDATION);
}

/* Said, and not judged: what a record costs. */
static void tells_its_speed(void **state)
{
    static const char data[] =
        "{\"id\":\"evt-000000001\",\"title\":\"Concert: jazz quartet "
        "open\",\"start\":\"2026-03-04T18:00:00Z\","
        "\"end\":\"2026-03-04T20:00:00Z\",\"all_day\":false,\"venue\":{\"ref\":\"v-17\",\"name\":"
        "\"old town\","
        "\"street\":\"Berlin-Strasse "
        "5\",\"zip\":\"10017\",\"city\":\"Berlin\",\"geo\":{\"lat\":47.1,\"lon\":6.2}},"
        "\"price\":{\"amount\":19.99,\"currency\":\"EUR\"},\"tags\":[\"music\",\"art\"],\"status\":"
        "\"confirmed\","
        "\"capacity\":250,\"url\":\"https://events.example.org/e/1\",\"description\":\"evening "
        "concert river "
        "guided tour workshop families jazz quartet open air market lecture history of the old "
        "town children "
        "welcome tickets at door bring warm clothes limited places register online\"}";
    enum { ROUNDS = 5000 };
    tenon_record record = fake_record("1", data);
    struct timespec start, end;
    void *self;

    (void)state;
    assert_int_equal(
        create(".price.amount > 10", "{title, starts: .start, city: .venue.city}", &self),
        TENON_OK);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < ROUNDS; i++) {
        fake_text_finish(&out);
        fake_text_init(&out);
        assert_int_equal(plugin->selectors[0].select(self, &record, &out.sink, &err), TENON_OK);
        assert_int_equal(plugin->transformer->transform(self, &record, &out.sink, &err), TENON_OK);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    print_message(
        "where and transform: %.1f us a record of %zu bytes\n",
        ((double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3) /
            ROUNDS,
        sizeof data - 1);
    plugin->destroy(self);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_wants_what_is_true),
        cmocka_unit_test(a_record_that_does_not_fit_is_an_error),
        cmocka_unit_test(transform_has_one_output),
        cmocka_unit_test(a_failed_record_does_not_spoil_the_next),
        cmocka_unit_test(an_empty_program_passes_all),
        cmocka_unit_test(programs_that_do_not_compile_are_explained),
        cmocka_unit_test(programs_see_the_record_and_nothing_else),
        cmocka_unit_test(tells_its_speed),
    };
    int failed;

    plugin = fake_host_load(argv[argc - 1]);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_text_finish(&out);
    return failed;
}
