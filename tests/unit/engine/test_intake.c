/* SPDX-License-Identifier: Apache-2.0
 * Bytes to committed entities: what is taken, what is refused, and that a refusal stores nothing.
 * The engine stands on the in-memory store and has no integrations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"
#include "engine/engine.h"
#include "catalog/setup.h"
#include "engine/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    struct loop *loop;
    struct store *store;
    struct engine *engine;
    /* of the last intake */
    int status;
    char words[1024];
    size_t count, created, updated, unchanged;
    char ids[4][64], types[4][64], data[4][128];
    uint64_t entities;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char dir[] = "/tmp/tenon-intake-XXXXXX";
    const struct store_settings settings = {.url = "memory:"};
    struct err err = {0};
    struct engine_rooms rooms;
    struct setup found = {0};

    assert_non_null(f);
    assert_non_null(mkdtemp(dir));
    f->loop = loop_create(&err);
    f->store = store_open(&settings, f->loop, &err);
    found.config = config_load(dir, NULL, NULL, &err);
    (void)rmdir(dir);
    rooms = (struct engine_rooms){.loop = f->loop, .store = f->store, .setup = &found};
    f->engine = engine_create(&rooms, &err);
    assert_non_null(f->engine);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_close(f->store);
    engine_destroy(f->engine);
    loop_destroy(f->loop);
    free(f);
    return 0;
}

static void copy(char *to, size_t size, struct str from)
{
    (void)snprintf(to, size, "%.*s", STR_ARG(from));
}

static void taken(void *user, const struct intake_result *result)
{
    struct fixture *f = user;

    f->status = result->status;
    f->words[0] = '\0';
    if (result->err != NULL)
        (void)snprintf(f->words, sizeof f->words, "%s", result->err->text);
    f->count = result->count;
    f->created = result->created;
    f->updated = result->updated;
    f->unchanged = result->unchanged;
    for (size_t i = 0; i < result->count && i < 4; i++) {
        copy(f->ids[i], sizeof f->ids[i], result->entities[i].id);
        copy(f->types[i], sizeof f->types[i], result->entities[i].type);
        copy(f->data[i], sizeof f->data[i], result->entities[i].data);
    }
    loop_stop(f->loop);
}

static void take(struct fixture *f, struct str body, const char *type)
{
    f->status = 1;
    intake_put(f->engine, body, str_of(type), (struct intake_source){.origin = 0}, taken, f);
    loop_run(f->loop);
    assert_int_not_equal(f->status, 1);
}

static void one_object_an_array_and_lines_are_all_records(void **state)
{
    struct fixture *f = *state;

    take(f, STR("{\"id\":\"a\",\"n\":1}"), "event");
    assert_int_equal(f->status, 0);
    assert_int_equal(f->created, 1);
    assert_string_equal(f->ids[0], "a");
    assert_string_equal(f->types[0], "event");
    take(f, STR(" [ {\"id\":\"b\"} , {\"id\":7,\"type\":\"talk\"} ] "), "");
    assert_int_equal(f->created, 2);
    assert_string_equal(f->ids[1], "7");
    assert_string_equal(f->types[0], "record");
    assert_string_equal(f->types[1], "talk");
    take(f, STR("{\"id\":\"c\"}\n\n{\"id\":\"a\",\"n\":2}\r\n{\"id\":\"b\"}"), "");
    assert_int_equal(f->count, 3);
    assert_int_equal(f->created, 1);
    assert_int_equal(f->updated, 2 - f->unchanged);
}

static void a_record_without_id_gets_one_from_its_content(void **state)
{
    struct fixture *f = *state;
    char first[64];

    take(f, STR("{\"n\":1}"), "event");
    assert_int_equal(f->created, 1);
    (void)snprintf(first, sizeof first, "%s", f->ids[0]);
    assert_int_equal(strncmp(first, "c-", 2), 0);
    take(f, STR("{\"n\":1}"), "event");
    assert_int_equal(f->unchanged, 1);
    assert_string_equal(f->ids[0], first);
    take(f, STR("{\"n\":2}"), "event");
    assert_int_equal(f->created, 1);
}

static void a_record_is_kept_on_one_line(void **state)
{
    struct fixture *f = *state;

    take(f, STR("{\n  \"id\": \"x\",\r\n  \"t\": \"a\\nb\"\n}"), "event");
    assert_int_equal(f->status, 0);
    assert_null(strchr(f->data[0], '\n'));
    assert_non_null(strstr(f->data[0], "a\\nb"));
}

static void escapes_in_an_id_are_read(void **state)
{
    struct fixture *f = *state;

    take(f, STR("{\"id\":\"a\\u002db\"}"), "event");
    assert_string_equal(f->ids[0], "a-b");
}

static void bad_input_is_refused_whole_with_its_place(void **state)
{
    static const struct {
        struct str body;
        const char *words;
    } rows[] = {
        {{"", 0}, "no record"},
        {{"[]", 2}, "no record"},
        {{"{\"id\":\"ok\"}\n{\"id\":", 18}, "line 2"},
        {{"{\"id\":\"ok\"}\n{\"id\":\"\xff\"}", 22}, "line 2"},
        {{"{\"id\":\"ok\"}\n{\"id\":\"a\0b\"}", 24}, "line 2"},
        {{"{\"id\":\"\"}", 9}, "empty"},
        {{"{\"id\":true}", 11}, "neither a string nor a number"},
        {{"42", 2}, ""},
        {{"[1]", 3}, ""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        take(f, rows[i].body, "event");
        assert_true(f->status < 0);
        if (strstr(f->words, rows[i].words) == NULL)
            fail_msg("'%s' does not say '%s'", f->words, rows[i].words);
    }
    take(f, STR("{\"id\":\"ok\"}"), "event");
    assert_int_equal(f->created, 1); /* none of the refused bodies left it behind */
}

static void an_id_of_ten_kilobytes_is_refused(void **state)
{
    struct fixture *f = *state;
    struct buf body = {0};

    buf_puts(&body, "{\"id\":\"");
    for (int i = 0; i < 10000; i++)
        buf_putc(&body, 'x');
    buf_puts(&body, "\"}");
    take(f, buf_str(&body), "event");
    assert_int_equal(f->status, E_TOO_LARGE);
    assert_non_null(strstr(f->words, "10000 bytes"));
    buf_finish(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_object_an_array_and_lines_are_all_records, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_record_without_id_gets_one_from_its_content, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_record_is_kept_on_one_line, setup, teardown),
        cmocka_unit_test_setup_teardown(escapes_in_an_id_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_input_is_refused_whole_with_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(an_id_of_ten_kilobytes_is_refused, setup, teardown),
    };

    if (digest_init() < 0)
        return 1;
    return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
