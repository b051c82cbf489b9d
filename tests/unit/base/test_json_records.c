/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "check.h"

static const char *const names[] = {"id"};

/* Reads all records; their ids, joined, must be `wanted`. Gives the last answer. */
static int read_all(const char *body, const char *wanted, struct err *err)
{
    struct json_records reader = {.rest = str_of(body)};
    _buf_ struct buf ids = {0};
    struct str record;
    struct str id;
    size_t index = 0;
    int status;

    while ((status = json_records_next(&reader, names, 1, &record, &id, err)) == 1) {
        assert_int_equal(reader.index, index++);
        assert_int_equal(json_kind_of(record), JSON_OBJECT);
        assert_int_equal(json_check(record, NULL), 0);
        buf_add_str(&ids, id.ptr ? id : STR("-"));
    }
    assert_str(buf_str(&ids), wanted);
    assert_int_equal(json_records_next(&reader, names, 1, &record, &id, err), status);
    return status;
}

static void all_three_forms(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(read_all("{\"id\":1}", "1", &err), 0);
    assert_int_equal(read_all(" [ {\"id\":1} ,\n{\"id\":2},{} ] \n", "12-", &err), 0);
    assert_int_equal(read_all("{\"id\":1}\n{\"id\":2}\r\n\n{\"id\":3}{}\n", "123-", &err), 0);
    assert_int_equal(read_all("[]", "", &err), 0);
    assert_int_equal(read_all(" [ ]", "", &err), 0);
    assert_int_equal(read_all("", "", &err), 0);
    assert_int_equal(read_all(" \n", "", &err), 0);
    assert_int_equal(read_all(NULL, "", &err), 0);
}

static void assert_fault(const char *body, const char *before, const char *wanted)
{
    struct err err = {0};

    assert_int_equal(read_all(body, before, &err), E_SYNTAX);
    assert_string_equal(err.text, wanted);
}

static void faults_tell_the_place_in_the_whole_body(void **state)
{
    (void)state;
    assert_fault("{\"id\":1}\n{\"id\":2}\n{\"id\":x}\n", "12",
                 "record 3, line 3, column 7: expected a value, got 'x'");
    assert_fault("[{\"id\":1},\n {\"id\":2]]", "1",
                 "record 2, line 2, column 9: expected ',' or '}' after a member, got ']'");
    assert_fault("[{\"id\":1} {}]", "1",
                 "record 2, line 1, column 11: expected ',' or ']' after a record, got '{'");
    assert_fault("[{\"id\":1},]", "1",
                 "record 2, line 1, column 11: expected an object ('{'), got ']'");
    assert_fault(
        "[{\"id\":1}", "1",
        "record 2, line 1, column 10: expected ',' or ']' after a record, got the end of the text");
    assert_fault(
        "[", "",
        "record 1, line 1, column 2: expected an object ('{') or ']', got the end of the text");
    assert_fault("[,{}]", "",
                 "record 1, line 1, column 2: expected an object ('{') or ']', got ','");
    assert_fault("[{\"id\":1},5]", "1",
                 "record 2, line 1, column 11: expected an object ('{'), got '5'");
    assert_fault(
        "[{\"id\":1}]\n{}", "1",
        "record 2, line 2, column 1: expected nothing more behind the array of records, got '{'");
    assert_fault("{\"id\":1},{}", "1",
                 "record 2, line 1, column 9: expected an object ('{'), got ','");
    assert_fault("\n7", "", "record 1, line 2, column 1: expected an object ('{'), got '7'");
    assert_fault("{\"id\":1}\n[{}]", "1",
                 "record 2, line 2, column 1: expected an object ('{'), got '['");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_three_forms),
        cmocka_unit_test(faults_tell_the_place_in_the_whole_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
