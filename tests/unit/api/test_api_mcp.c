/* SPDX-License-Identifier: Apache-2.0
 * MCP's bytes: JSON-RPC messages, arguments against schemas, and the host's tools as requests. */
#include "api/api_mcp_host.h"
#include "api/api_mcp_message.h"
#include "api/api_mcp_watch.h"
#include "api/api_routes.h"
#include "base/json.h"
#include "base/json_schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void messages_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        int code;
        enum mcp_kind kind;
        const char *id, *method;
    } cases[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", 0, MCP_REQUEST, "1", "ping"},
        {"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"x/y\",\"params\":{}}", 0, MCP_REQUEST,
         "\"a\"", "x/y"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"x\"}", 0, MCP_NOTIFICATION, "", "x"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", 0, MCP_ANSWER, "1", ""},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}", 0, MCP_ANSWER, "1", ""},
        {"{\"jsonrpc\":\"2.0\",\"id\":-7,\"method\":\"\"}", MCP_INVALID_REQUEST, MCP_REQUEST, "-7",
         ""},
        {"{\"jsonrpc\":\"2.0\",\"id\":1e3,\"method\":\"x\"}", MCP_INVALID_REQUEST, MCP_REQUEST, "",
         ""},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\\u0062\"}", MCP_INVALID_REQUEST, MCP_REQUEST,
         "1", ""},
        {"[]", MCP_INVALID_REQUEST, MCP_REQUEST, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mcp_message message;
        struct err err = {0};
        int code = api_mcp_message_read(str_of(cases[i].text), &message, &err);
        assert_int_equal(code, cases[i].code);
        assert_true(str_is(message.id, cases[i].id));
        assert_true((code == 0) == (err.text[0] == '\0'));
        if (code != 0)
            continue;
        assert_int_equal(message.kind, cases[i].kind);
        assert_true(str_is(message.method, cases[i].method));
        assert_true(cases[i].kind == MCP_ANSWER || str_is(message.params, "{}"));
    }
}

static void bodies_are_walked(void **state)
{
    struct err err = {0};
    struct str rest;
    struct str value;
    bool is_batch;

    (void)state;
    assert_int_equal(api_mcp_body_open(STR(" {} "), &rest, &is_batch, &err), 0);
    assert_false(is_batch);
    assert_true(api_mcp_body_next(&rest, is_batch, &value));
    assert_true(str_is(value, "{}"));
    assert_false(api_mcp_body_next(&rest, is_batch, &value));
    assert_int_equal(api_mcp_body_open(STR("[1 , [2],{\"a\":[3,4]} ]"), &rest, &is_batch, &err), 0);
    assert_true(is_batch);
    static const char *const parts[] = {"1", "[2]", "{\"a\":[3,4]}"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(api_mcp_body_next(&rest, is_batch, &value));
        assert_true(str_is(value, parts[i]));
    }
    assert_false(api_mcp_body_next(&rest, is_batch, &value));
    assert_int_equal(api_mcp_body_open(STR("[ ]"), &rest, &is_batch, &err), MCP_INVALID_REQUEST);
    assert_int_equal(api_mcp_body_open(STR("{} {}"), &rest, &is_batch, &err), MCP_PARSE_ERROR);
}

static const char schema[] =
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"minLength\":2,"
    "\"maxLength\":3},\"count\":{\"type\":\"integer\",\"minimum\":1,\"exclusiveMaximum\":10},"
    "\"kind\":{\"enum\":[\"a\",1,null]},\"one\":{\"const\":true},\"either\":{\"type\":[\"string\","
    "\"null\"]},\"list\":{\"type\":\"array\",\"maxItems\":2,\"items\":{\"type\":\"object\","
    "\"properties\":{\"x\":{\"type\":\"number\"}},\"required\":[\"x\"]}},\"map\":{\"type\":"
    "\"object\",\"additionalProperties\":{\"type\":\"boolean\"}}},\"required\":[\"name\"],"
    "\"additionalProperties\":false}";

static void arguments_are_held_against_a_schema(void **state)
{
    static const struct {
        const char *value, *words; /* NULL: it fits */
    } cases[] = {
        {"{\"name\":\"ab\"}", NULL},
        {"{\"name\":\"\\u00fc\\u00fc\\u00fc\"}", NULL}, /* characters, not bytes */
        {"{\"n\\u0061me\":\"ab\",\"count\":9.0}", NULL},
        {"{\"name\":\"ab\",\"kind\":null,\"one\":true,\"either\":null}", NULL},
        {"{\"name\":\"ab\",\"list\":[{\"x\":1.5},{\"x\":2}],\"map\":{\"p\":true}}", NULL},
        {"{}", "argument 'name' is missing"},
        {"{\"name\":\"a\"}", "argument 'name': expected a length of at least 2"},
        {"{\"name\":\"abcd\"}", "a length of at most 3"},
        {"{\"name\":1}", "argument 'name': expected \"string\", came 1"},
        {"{\"name\":\"ab\",\"c\\u006funt\":\"x\"}", "expected \"integer\""}, /* not hidden by it */
        {"{\"name\":\"ab\",\"count\":1.5}", "expected \"integer\", came 1.5"},
        {"{\"name\":\"ab\",\"count\":0}", "expected at least 1, came 0"},
        {"{\"name\":\"ab\",\"count\":10}", "expected less than 10, came 10"},
        {"{\"name\":\"ab\",\"count\":1e400}", "argument 'count'"},
        {"{\"name\":\"ab\",\"kind\":\"b\"}", "one of [\"a\",1,null]"},
        {"{\"name\":\"ab\",\"one\":false}", "one of true"},
        {"{\"name\":\"ab\",\"either\":7}", "[\"string\",\"null\"]"},
        {"{\"name\":\"ab\",\"list\":[{\"x\":1},{\"x\":1},{\"x\":1}]}", "a count of at most 2"},
        {"{\"name\":\"ab\",\"list\":[{\"x\":1},{}]}", "argument 'x' is missing"},
        {"{\"name\":\"ab\",\"list\":[{\"x\":\"1\"}]}", "argument 'list.[].x': expected \"number\""},
        {"{\"name\":\"ab\",\"map\":{\"p\":1}}", "argument 'map.p': expected \"boolean\""},
        {"{\"name\":\"ab\",\"nam\":1}", "there is no argument 'nam'"},
        {"[]", "expected \"object\""},
    };

    (void)state;
    assert_int_equal(json_schema_check(str_of(schema), NULL), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        int status = json_schema_match(str_of(schema), str_of(cases[i].value), &err);
        if (cases[i].words == NULL)
            assert_int_equal(status, 0);
        else if (status == 0 || strstr(err.text, cases[i].words) == NULL)
            fail_msg("%s: %d '%s'", cases[i].value, status, err.text);
    }
}

static void schemas_that_cannot_be_checked_are_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{", "line 1"},
        {"{}", "type is not \"object\""},
        {"{\"type\":\"string\"}", "type is not \"object\""},
        {"{\"type\":\"objekt\"}", "'type' cannot be"},
        {"{\"type\":\"object\",\"oneOf\":[]}", "keyword 'oneOf'"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"pattern\":\"x\"}}}", "keyword 'pattern'"},
        {"{\"type\":\"object\",\"properties\":{\"a\":7}}", "a schema is an object, not '7'"},
        {"{\"type\":\"object\",\"required\":[1]}", "'required' cannot be"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"minLength\":-1}}}", "'minLength' cannot"},
        {"{\"type\":\"object\",\"additionalProperties\":1}", "a schema is an object"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = {0};
        assert_true(json_schema_check(str_of(cases[i].text), &err) < 0);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("%s: '%s'", cases[i].text, err.text);
    }
}

static const struct mcp_host_tool *find(const char *name)
{
    for (size_t i = 0; i < api_mcp_host_tool_count; i++)
        if (strcmp(api_mcp_host_tools[i].name, name) == 0)
            return &api_mcp_host_tools[i];
    return NULL;
}

static void tools_become_requests(void **state)
{
    static const struct {
        const char *tool, *arguments, *target, *body;
    } cases[] = {
        {"tenon_get_entity", "{\"id\":\"a/b \\u00fc?\"}", "/api/v1/entities/a%2Fb%20%C3%BC%3F", ""},
        {"tenon_search_entities", "{\"limit\":5,\"text\":\"a&b=c\"}",
         "/api/v1/entities?text=a%26b%3Dc&limit=5", ""},
        {"tenon_search_entities", "{}", "/api/v1/entities", ""},
        {"tenon_add_entities", "{\"entities\":[{\"a\":1}],\"type\":\"t\"}",
         "/api/v1/entities?ids=1&type=t", "[{\"a\":1}]"},
        {"tenon_submit", "{\"entity\":\"e\",\"integration\":\"shop\",\"dry_run\":true}",
         "/api/v1/integrations/shop/trigger", "{\"entity\":\"e\",\"dry_run\":true}"},
        {"tenon_retry_submissions", "{\"integration\":\"shop\"}", "/api/v1/submissions/retry",
         "{\"integration\":\"shop\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf target = {0};
        struct buf body = {0};
        const struct mcp_host_tool *tool = find(cases[i].tool);
        assert_non_null(tool);
        assert_true(api_mcp_host_request(tool, str_of(cases[i].arguments), &target, &body));
        assert_string_equal(buf_str(&target).ptr, cases[i].target);
        assert_string_equal(buf_str(&body).ptr, cases[i].body);
        buf_finish(&target);
        buf_finish(&body);
    }
}

/* Every row has a schema that can be checked, and a route that takes its arguments. */
static void every_tool_is_a_route(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_mcp_host_tool_count; i++) {
        const struct mcp_host_tool *tool = &api_mcp_host_tools[i];
        struct str whole = str_of(tool->path);
        struct str path;
        struct str rest = str_of(tool->query);
        struct buf allow = {0};
        struct str id;
        struct str name;
        assert_int_equal(json_schema_check(str_of(tool->schema), NULL), 0);
        assert_true(str_starts_with(str_of(tool->name), "tenon_") && strlen(tool->name) <= 64);
        assert_true(str_next(&whole, '?', &path));
        const struct api_route *route = api_route_find(str_of(tool->method), path, &id, &allow);
        assert_non_null(route);
        assert_int_equal(tool->scope, route->scope == API_ANY ? API_READ : route->scope);
        while (str_next(&rest, ',', &name)) {
            char text[32] = {0};
            memcpy(text, name.ptr, name.len);
            assert_non_null(strstr(route->arguments, text));
            assert_non_null(strstr(tool->schema, text));
        }
        buf_finish(&allow);
    }
}

static void changes_of_watched_entities_are_told_once(void **state)
{
    static const char *const bad[] = {"",
                                      "tenon://entity/",
                                      "tenon://entity/a/b",
                                      "tenon://entity/%2",
                                      "tenon://entity/a%00b",
                                      "tenon://why/a",
                                      "tenon://entity"};
    struct mcp_watches watches = {0};
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(api_mcp_watch_add(&watches, str_of(bad[i]), &err), -EINVAL);
    assert_int_equal(api_mcp_watch_add(&watches, STR("tenon://entity/a%2Fb"), &err), 0);
    assert_int_equal(api_mcp_watch_add(&watches, STR("tenon://entity/a%2Fb"), &err), 0);
    assert_int_equal(api_mcp_watch_add(&watches, STR("tenon://entity/c"), &err), 0);
    assert_int_equal(watches.count, 2);
    assert_null(api_mcp_watch_due(&watches));
    assert_false(api_mcp_watch_note(&watches, STR("a%2Fb"))); /* the id, not its form */
    assert_true(api_mcp_watch_note(&watches, STR("a/b")));
    assert_true(api_mcp_watch_note(&watches, STR("a/b")));
    assert_string_equal(api_mcp_watch_due(&watches)->uri, "tenon://entity/a%2Fb");
    api_mcp_watch_due(&watches)->is_due = false;
    assert_null(api_mcp_watch_due(&watches));
    assert_true(api_mcp_watch_note(&watches, STR("c")));
    api_mcp_watch_drop(&watches, STR("tenon://entity/c"));
    api_mcp_watch_drop(&watches, STR("tenon://entity/never"));
    assert_null(api_mcp_watch_due(&watches));
    assert_int_equal(watches.count, 1);
    while (watches.count < MCP_WATCHES_MAX) {
        char uri[40];
        snprintf(uri, sizeof uri, "tenon://entity/%zu", watches.count);
        assert_int_equal(api_mcp_watch_add(&watches, str_of(uri), &err), 0);
    }
    assert_int_equal(api_mcp_watch_add(&watches, STR("tenon://entity/more"), &err), -ERANGE);
    api_mcp_watch_finish(&watches);
    assert_int_equal(watches.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_told_apart),
        cmocka_unit_test(bodies_are_walked),
        cmocka_unit_test(arguments_are_held_against_a_schema),
        cmocka_unit_test(schemas_that_cannot_be_checked_are_refused),
        cmocka_unit_test(tools_become_requests),
        cmocka_unit_test(every_tool_is_a_route),
        cmocka_unit_test(changes_of_watched_entities_are_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
