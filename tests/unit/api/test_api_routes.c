/* SPDX-License-Identifier: Apache-2.0
 * The table of routes: what matches, what is suggested, and that each row is whole. */
#include "api/api_routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct api_route *find(const char *method, const char *path, struct str *out_id,
                                    struct buf *out_allow)
{
    buf_clear(out_allow);
    return api_route_find(str_of(method), str_of(path), out_id, out_allow);
}

static void finds_rows_by_method_and_path(void **state)
{
    static const struct {
        const char *method, *path, *pattern, *id;
    } cases[] = {
        {"POST", "/ingest", "/ingest", ""},
        {"GET", "/api/v1/entities", "/api/v1/entities", ""},
        {"GET", "/api/v1/entities/e-1", "/api/v1/entities/{id}", "e-1"},
        {"HEAD", "/api/v1/entities/e-1", "/api/v1/entities/{id}", "e-1"},
        {"GET", "/api/v1/entities/a%2Fb/relationships", "/api/v1/entities/{id}/relationships",
         "a%2Fb"},
        {"GET", "/api/v1/integrations/health", "/api/v1/integrations/health", ""},
        {"GET", "/api/v1/integrations/healthy", "/api/v1/integrations/{id}", "healthy"},
        {"POST", "/api/v1/integrations/x/trigger", "/api/v1/integrations/{id}/trigger", "x"},
        {"POST", "/api/v1/trigger-integration/x", "/api/v1/trigger-integration/{id}", "x"},
    };
    struct buf allow = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str id = STR_NONE;
        const struct api_route *route = find(cases[i].method, cases[i].path, &id, &allow);
        assert_non_null(route);
        assert_string_equal(route->path, cases[i].pattern);
        assert_true(str_is(id, cases[i].id));
    }
    buf_finish(&allow);
}

static void refuses_what_only_looks_alike(void **state)
{
    static const char *const paths[] = {"",
                                        "/",
                                        "/api/v1/entities/",
                                        "/api/v1/entities/a/b",
                                        "/ingest/",
                                        "/INGEST",
                                        "/api/v1/entities//relationships"};
    struct buf allow = {0};
    struct str id;

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        assert_null(find("GET", paths[i], &id, &allow));
        assert_int_equal(allow.len, 0);
    }
    buf_finish(&allow);
}

static void tells_the_methods_of_a_path(void **state)
{
    struct buf allow = {0};
    struct str id;

    (void)state;
    assert_null(find("POST", "/api/v1/entities/x", &id, &allow));
    assert_string_equal(allow.ptr, "GET, HEAD, PUT, PATCH, DELETE");
    assert_null(find("GET", "/ingest", &id, &allow));
    assert_string_equal(allow.ptr, "POST");
    buf_finish(&allow);
}

static void suggests_the_near_path(void **state)
{
    (void)state;
    assert_string_equal(api_route_nearest(STR("/entities")), "/api/v1/entities");
    assert_string_equal(api_route_nearest(STR("/integrations/x")), "/api/v1/integrations/{id}");
    assert_string_equal(api_route_nearest(STR("/api/v1/submision")), "/api/v1/submissions");
    assert_null(api_route_nearest(STR("/completely/unlike/anything/here")));
}

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];
        assert_non_null(route->handler);
        assert_int_equal(route->path[0], '/');
        assert_non_null(route->arguments);
        assert_true(route->help != NULL && strlen(route->help) > 10);
        assert_int_not_equal(route->help[strlen(route->help) - 1], '.');
        assert_true(route->scope >= API_OPEN && route->scope <= API_MANAGE);
        /* What looks submits nothing, what does not is never read alone. */
        assert_true(strcmp(route->method, "GET") != 0 || route->scope != API_SUBMIT);
        assert_true(strcmp(route->method, "GET") == 0 || route->scope != API_READ);
        for (size_t j = 0; j < i; j++)
            assert_false(strcmp(api_routes[j].path, route->path) == 0 &&
                         strcmp(api_routes[j].method, route->method) == 0);
    }
}

/* A row behind another that takes the same requests would never be reached. */
static void every_row_can_be_reached(void **state)
{
    struct buf allow = {0};
    struct str id;

    (void)state;
    for (size_t i = 0; i < api_route_count; i++)
        assert_ptr_equal(find(api_routes[i].method, api_routes[i].path, &id, &allow),
                         &api_routes[i]);
    buf_finish(&allow);
}

static void decodes_percent_escapes(void **state)
{
    struct buf out = {0};

    (void)state;
    assert_true(api_percent_decode(STR("a%2Fb%20%C3%A9"), &out));
    assert_string_equal(out.ptr, "a/b é");
    static const char *const bad[] = {"%", "%2", "a%zz", "%C3", "%00"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        buf_clear(&out);
        assert_false(api_percent_decode(str_of(bad[i]), &out));
    }
    buf_finish(&out);
}

static void a_path_may_have_a_name_behind_its_id(void **state)
{
    struct str path = STR("/api/v1/integrations/calc/actions/add");
    struct buf allow = {0};
    struct str id;

    (void)state;
    const struct api_route *route = api_route_find(STR("POST"), path, &id, &allow);
    assert_non_null(route);
    assert_true(str_is(id, "calc"));
    assert_true(str_is(api_route_name(route, path), "add"));
    path = STR("/api/v1/integrations/calc/actions");
    route = api_route_find(STR("GET"), path, &id, &allow);
    assert_non_null(route);
    assert_null(api_route_name(route, path).ptr);
    assert_null(
        api_route_find(STR("POST"), STR("/api/v1/integrations/calc/actions/"), &id, &allow));
    buf_finish(&allow);
}

/* Who may use one integration may not do so at others: the row must tell which one it is for. */
static void knows_the_rows_of_integrations(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];
        bool has_id = strstr(route->path, "{id}") != NULL;
        bool is_of_another_noun = strstr(route->path, "/entities/{id}") != NULL ||
                                  strstr(route->path, "/submissions/{id}") != NULL ||
                                  strstr(route->path, "/tokens/{id}") != NULL;
        assert_int_equal(api_route_is_of_integration(route), has_id && !is_of_another_noun);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_rows_by_method_and_path),
        cmocka_unit_test(refuses_what_only_looks_alike),
        cmocka_unit_test(tells_the_methods_of_a_path),
        cmocka_unit_test(suggests_the_near_path),
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(every_row_can_be_reached),
        cmocka_unit_test(decodes_percent_escapes),
        cmocka_unit_test(knows_the_rows_of_integrations),
        cmocka_unit_test(a_path_may_have_a_name_behind_its_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
