/* SPDX-License-Identifier: Apache-2.0
 * Declarations of commands and routes: what makes sense is read, what does not is refused with its
 * reason, and which paths a route serves. */
#include "plugin/plugin_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <tenon/routes.h>

static struct plugin_route *read_route(struct wire_facts *facts, const char *method,
                                       const char *path, const char *schema, struct err *err)
{
    *facts = (struct wire_facts){.route_count = 1};
    *err = (struct err){0};
    facts->routes[0] = (struct wire_route){.method = tenon_text(method),
                                           .path = tenon_text(path),
                                           .help = tenon_text("Help."),
                                           .request_schema = tenon_text(schema),
                                           .response_schema = tenon_text("")};
    return plugin_surface_routes(facts, err);
}

static void routes_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        const char *method, *path, *schema, *words;
    } cases[] = {
        {"FETCH", "/", "", "its method is not"},
        {"get", "/", "", "its method is not"},
        {"GET", "", "", "does not begin with '/'"},
        {"GET", "a", "", "does not begin with '/'"},
        {"GET", "/{}", "", "neither plain"},
        {"GET", "/{a", "", "neither plain"},
        {"GET", "/a{b}", "", "neither plain"},
        {"GET", "/a b", "", "neither plain"},
        {"GET", "/%41", "", "neither plain"},
        {"GET", "/{a...}/b", "", "goes on behind"},
        {"GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", "", "more than 8 parameters"},
        {"POST", "/", "{", "its schema is no JSON"},
    };
    static struct wire_facts facts;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(read_route(&facts, cases[i].method, cases[i].path, cases[i].schema, &err));
        assert_non_null(strstr(err.text, cases[i].words));
        assert_non_null(strstr(err.text, "route 1"));
    }
}

static void a_get_reads_and_the_others_do_not(void **state)
{
    static const struct {
        const char *method;
        uint32_t flags;
        bool is_read_only;
    } cases[] = {
        {"GET", 0, true},
        {"POST", 0, false},
        {"GET", TENON_ROUTE_WRITE, false},
        {"POST", TENON_ROUTE_READ, true},
    };
    static struct wire_facts facts;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        free(read_route(&facts, cases[i].method, "/", "", &err));
        facts.routes[0].flags = cases[i].flags;
        struct plugin_route *routes = plugin_surface_routes(&facts, &err);
        assert_non_null(routes);
        assert_int_equal(routes[0].is_read_only, cases[i].is_read_only);
        free(routes);
    }
}

static void paths_that_a_route_serves(void **state)
{
    static const struct {
        const char *pattern, *path, *parameters; /* NULL: not this one */
    } cases[] = {
        {"/", "/", ""},
        {"/", "/a", NULL},
        {"/a", "/a", ""},
        {"/a", "/a/", NULL},
        {"/a", "/A", NULL},
        {"/a/", "/a/", ""},
        {"/a/", "/a", NULL},
        {"/{x}", "/b", "b,"},
        {"/{x}", "/", NULL},
        {"/{x}", "/b/c", NULL},
        {"/a/{x}/b/{y}", "/a/1/b/2", "1,2,"},
        {"/a/{x}/b/{y}", "/a//b/2", NULL},
        {"/f/{rest...}", "/f/a/b", "a/b,"},
        {"/f/{rest...}", "/f/", ","},
        {"/f/{rest...}", "/f", ","},
        {"/f/{rest...}", "/fa", NULL},
        {"/{rest...}", "/", ","},
        {"/{rest...}", "/a//b", "a//b,"},
    };
    static struct wire_facts facts;
    struct str found[PLUGIN_SEGMENTS_MAX];
    struct err err;
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct plugin_route *routes = read_route(&facts, "GET", cases[i].pattern, "", &err);
        _buf_ struct buf text = {0};
        assert_non_null(routes);
        bool is_served = plugin_route_matches(&routes[0], str_of(cases[i].path), found, &count);
        assert_int_equal(is_served, cases[i].parameters != NULL);
        for (size_t n = 0; is_served && n < count; n++)
            buf_printf(&text, "%.*s,", STR_ARG(found[n]));
        if (is_served)
            assert_string_equal(buf_str(&text).ptr, cases[i].parameters);
        free(routes);
    }
}

static void commands_have_names_of_their_own(void **state)
{
    static struct wire_facts facts;
    struct err err = {0};

    (void)state;
    facts.command_count = 2;
    for (int i = 0; i < 2; i++)
        facts.commands[i] = (struct wire_command){tenon_text("same"), tenon_text(""),
                                                  tenon_text(""), tenon_text(""), 0};
    assert_null(plugin_surface_commands(&facts, &err));
    assert_non_null(strstr(err.text, "command 2 ('same'): it stands there twice"));
    err = (struct err){0};
    facts.commands[1].name = tenon_text("--help");
    assert_null(plugin_surface_commands(&facts, &err));
    assert_non_null(strstr(err.text, "its name is not"));
    facts.commands[1].name = tenon_text("other");
    struct plugin_command *commands = plugin_surface_commands(&facts, &err);
    assert_non_null(commands);
    assert_int_equal(commands[1].index, 1);
    free(commands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_that_make_no_sense_are_refused),
        cmocka_unit_test(a_get_reads_and_the_others_do_not),
        cmocka_unit_test(paths_that_a_route_serves),
        cmocka_unit_test(commands_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
