/* SPDX-License-Identifier: Apache-2.0
 * Searches and relationships of the contract in store.h, run against every backend. */
#include "store_fixture.h"

#include "base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static size_t found;

static const char *search(struct fixture *f, const char *text, const char *path, const char *value)
{
    const struct kept_row *rows;
    const struct store_field field = {str_of(path), str_of(value)};
    static char ids[256];
    size_t used = 0;

    found = ask(f,
                (struct store_query){.query = QUERY_ENTITIES,
                                     .text = str_of(text),
                                     .fields = &field,
                                     .field_count = path != NULL},
                &rows);
    ids[0] = '\0';
    for (size_t i = 0; i < found; i++)
        used +=
            (size_t)snprintf(ids + used, sizeof(ids) - used, "%s%s", i > 0 ? " " : "", rows[i].id);
    return ids;
}

static void test_text_is_words_of_strings(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "{\"title\":\"Open Stage\",\"city\":\"Berlin\",\"n\":42}");
    put(f, "b", "{\"title\":\"A \\\"quoted\\\" talk\",\"tags\":[\"stage\",\"caf\\u00e9\"]}");
    put(f, "c", "{\"city\":\"B\\u0065rlin\",\"open\":true}");
    assert_string_equal(search(f, "berlin", NULL, NULL), "a c");
    assert_string_equal(search(f, "STAGE", NULL, NULL), "a b");
    assert_string_equal(search(f, "stage  open", NULL, NULL), "a"); /* names are no strings */
    assert_string_equal(search(f, "\"quoted\"", NULL, NULL), "b");
    assert_string_equal(search(f, "café", NULL, NULL), "b");
    assert_string_equal(search(f, "42", NULL, NULL), "");
    assert_string_equal(search(f, " ", NULL, NULL), "a b c");
}

static void test_fields_lead_to_values(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "{\"price\":10,\"at\":{\"city\":\"Berlin\"},\"tags\":[\"x\",\"y\"],\"no\":null}");
    put(f, "b",
        "{\"price\":\"10\",\"at\":{\"city\":\"B\\u0065rlin\"},\"rows\":[{\"k\":1},{\"k\":2}]}");
    put(f, "c", "{\"price\":1e1,\"is\":true,\"deep\":[[1,2],[3]],\"at.city\":\"Berlin\"}");
    assert_string_equal(search(f, NULL, "price", "10"), "a b c");
    assert_string_equal(search(f, NULL, "price", "10.0"), "a c");
    assert_string_equal(search(f, NULL, "at.city", "Berlin"), "a b");
    assert_string_equal(search(f, NULL, "at", "Berlin"), "");
    assert_string_equal(search(f, NULL, "tags", "y"), "a");
    assert_string_equal(search(f, NULL, "tags.1", "y"), "a");
    assert_string_equal(search(f, NULL, "tags.0", "y"), "");
    assert_string_equal(search(f, NULL, "rows.k", "2"), "b");
    assert_string_equal(search(f, NULL, "rows.0.k", "2"), "");
    assert_string_equal(search(f, NULL, "deep.1", "3"), "c");
    assert_string_equal(search(f, NULL, "deep", "2"), "c");
    assert_string_equal(search(f, NULL, "is", "true"), "c");
    assert_string_equal(search(f, NULL, "no", "null"), "a");
    assert_string_equal(search(f, NULL, "price.x", "10"), "");
    assert_string_equal(search(f, "berlin", "price", "10"), "a b c");
}

enum { MANY = STORE_SEARCH_MAX + 50 };

static bool count_row(struct store_query *query, const struct store_row *row)
{
    (void)row;
    ++*(size_t *)query->user;
    return true;
}

/* One look; what `next` says. */
static uint64_t look(struct fixture *f, struct store_query *query, size_t *out_count)
{
    query->op.done = fixture_stop;
    query->row = count_row;
    query->user = out_count;
    *out_count = 0;
    store_query(f->store, query);
    fixture_wait(f, &query->op);
    assert_int_equal(query->op.status, 0);
    return query->next;
}

static void test_a_search_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct store_entity *entities = calloc(MANY, sizeof(*entities));
    struct store_put_result *results = calloc(MANY, sizeof(*results));
    char(*ids)[8] = calloc(MANY, sizeof(*ids));
    struct store_query query = {.query = QUERY_ENTITIES, .type = STR("rare")};
    size_t count;

    assert_true(entities != NULL && results != NULL && ids != NULL);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%zu", i);
        entities[i] = (struct store_entity){.id = str_of(ids[i]),
                                            .type = i == MANY - 1 ? STR("rare") : STR("event"),
                                            .data = STR("{}")};
    }
    assert_int_equal(put_many(f, entities, MANY, results), 0);
    query.after = look(f, &query, &count);
    assert_int_equal(count, 0);
    assert_int_equal(query.after, STORE_SEARCH_MAX);
    assert_int_equal(look(f, &query, &count), 0);
    assert_int_equal(count, 1);
    query = (struct store_query){.query = QUERY_ENTITIES};
    assert_int_equal(look(f, &query, &count), 0); /* what is not narrow is as long as its limit */
    assert_int_equal(count, MANY);
    free(entities);
    free(results);
    free(ids);
}

static void test_a_search_is_bounded_by_bytes(void **state)
{
    struct fixture *f = *state;
    enum { LARGE = 1 << 20 };
    char *data = malloc(LARGE + 16);
    struct store_query query = {.query = QUERY_ENTITIES, .text = STR("zebra")};
    size_t count;

    assert_non_null(data);
    memset(data, 'x', LARGE);
    memcpy(data, "{\"a\":\"", 6);
    memcpy(data + LARGE, "\"}", 3);
    for (int i = 0; i < 6; i++) {
        char id[8];
        snprintf(id, sizeof(id), "%d", i);
        put(f, id, data);
    }
    put(f, "last", "{\"a\":\"zebra\"}");
    query.after = look(f, &query, &count);
    assert_int_equal(count, 0);
    assert_int_equal(query.after, 4);
    assert_int_equal(look(f, &query, &count), 0);
    assert_int_equal(count, 1);
    free(data);
}

static void test_pages_miss_nothing_that_changes(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    struct store_query query = {.query = QUERY_ENTITIES, .type = STR("event"), .limit = 2};

    put(f, "a", "{}");
    put(f, "b", "{}");
    put(f, "c", "{}");
    assert_int_equal(ask(f, query, &rows), 2);
    query.after = rows[1].row.seq;
    put(f, "a", "{\"n\":1}"); /* moves to the end */
    drop(f, "b");
    put(f, "d", "{}");
    query.limit = 9;
    assert_int_equal(ask(f, query, &rows), 3);
    assert_string_equal(rows[0].id, "c");
    assert_string_equal(rows[1].id, "a");
    assert_string_equal(rows[2].id, "d");
}

static void test_an_integration_key_leads_to_its_entity(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    struct store_query query = {
        .query = QUERY_KEY, .integration = f->integration, .text = STR("ext-1")};

    put(f, "a", "{}");
    struct store_claimed record = take_one(f, WALK_CHANGED, "a", 1);
    const struct store_outcome outcome = {.submission = record.submission,
                                          .attempt = record.attempt,
                                          .event = EVENT_ACCEPTED,
                                          .external_id = STR("ext-1")};
    assert_int_equal(tell(f, &outcome, 1), 0);
    assert_int_equal(ask(f, query, &rows), 1);
    assert_string_equal(rows[0].id, "a");
    query.text = STR("ext-2");
    assert_int_equal(ask(f, query, &rows), 0);
    query.text = STR("ext-1");
    query.integration = add_integration(f, "other");
    assert_int_equal(ask(f, query, &rows), 0);
    drop(f, "a");
    query.integration = f->integration;
    assert_int_equal(ask(f, query, &rows), 0);
}

/* ---- relationships ---- */

static int relate(struct fixture *f, const char *from, const char *type, const char *to,
                  const char *data, enum store_put_outcome *out)
{
    struct store_relate relate = {.op.done = fixture_stop,
                                  .from = str_of(from),
                                  .type = str_of(type),
                                  .to = str_of(to),
                                  .data = str_of(data),
                                  .is_delete = data == NULL};

    store_relate(f->store, &relate);
    fixture_wait(f, &relate.op);
    *out = relate.outcome;
    return relate.op.status;
}

static void add_edge(struct fixture *f, const char *from, const char *type, const char *to)
{
    enum store_put_outcome outcome;

    assert_int_equal(relate(f, from, type, to, "", &outcome), 0);
    assert_int_equal(outcome, PUT_CREATED);
}

static void test_relating_tells_what_changed(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    enum store_put_outcome outcome;

    put(f, "a", "{}");
    put(f, "b", "{}");
    add_edge(f, "a", "at", "b");
    assert_int_equal(relate(f, "a", "at", "b", "", &outcome), 0);
    assert_int_equal(outcome, PUT_UNCHANGED);
    assert_int_equal(relate(f, "a", "at", "b", "{\"n\":1}", &outcome), 0);
    assert_int_equal(outcome, PUT_UPDATED);
    assert_int_equal(relate(f, "b", "at", "a", NULL, &outcome), E_NOT_FOUND);
    assert_int_equal(relate(f, "a", "new", "b", NULL, &outcome), E_NOT_FOUND);
    assert_int_equal(relate(f, "a", "at", "b", NULL, &outcome), 0);
    assert_int_equal(outcome, PUT_DELETED);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_RELATIONSHIPS}, NULL), 0);
    assert_int_equal(relate(f, "a", "at", "b", NULL, &outcome), E_NOT_FOUND);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_SIGNALS, .after = 2}, &rows), 3);
    assert_string_equal(rows[0].name, "relationship.created");
    assert_string_equal(rows[2].name, "relationship.deleted");
}

static size_t edges(struct fixture *f, struct store_query query, const struct kept_row **rows)
{
    query.query = QUERY_RELATIONSHIPS;
    return ask(f, query, rows);
}

static void test_relationships_are_found_from_both_ends(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    struct store_query both = {.id = STR("a")};

    put(f, "a", "{}");
    put(f, "b", "{}");
    put(f, "c", "{}");
    add_edge(f, "a", "at", "b");
    add_edge(f, "c", "by", "a");
    add_edge(f, "a", "at", "c");
    add_edge(f, "a", "like", "a");
    add_edge(f, "b", "at", "c");
    assert_int_equal(edges(f, both, &rows), 4);
    assert_string_equal(rows[1].id, "c");
    assert_string_equal(rows[3].type, "like"); /* once */
    both.limit = 3;
    assert_int_equal(edges(f, both, &rows), 3);
    both.after = rows[2].row.seq;
    assert_int_equal(edges(f, both, &rows), 1);
    assert_int_equal(
        edges(f, (struct store_query){.id = STR("a"), .direction = DIRECTION_OUT}, &rows), 3);
    assert_int_equal(
        edges(f, (struct store_query){.id = STR("a"), .direction = DIRECTION_IN}, &rows), 2);
    assert_int_equal(edges(f, (struct store_query){.id = STR("a"), .type = STR("at")}, &rows), 2);
    assert_int_equal(edges(f, (struct store_query){.id = STR("a"), .type = STR("none")}, &rows), 0);
    assert_int_equal(edges(f, (struct store_query){.id = STR("a"), .other = STR("c")}, &rows), 2);
    assert_int_equal(edges(f, (struct store_query){.id = STR("nobody")}, &rows), 0);
    assert_int_equal(edges(f, (struct store_query){.type = STR("at")}, &rows), 3);
    assert_int_equal(edges(f, (struct store_query){.limit = 2}, &rows), 2);
    assert_int_equal(edges(f, (struct store_query){.after = rows[1].row.seq}, &rows), 3);
    drop(f, "c");
    assert_int_equal(edges(f, (struct store_query){.limit = 9}, &rows), 2);
    assert_int_equal(edges(f, (struct store_query){.id = STR("a")}, &rows), 2);
    enum store_put_outcome outcome;
    assert_int_equal(relate(f, "b", "at", "c", NULL, &outcome),
                     0); /* a deleted end is no hindrance */
    put(f, "c", "{}");
    assert_int_equal(edges(f, (struct store_query){.limit = 9}, &rows), 4);
}

static void test_no_number_of_a_relationship_comes_again(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    enum store_put_outcome outcome;

    put(f, "a", "{}");
    put(f, "b", "{}");
    add_edge(f, "a", "at", "b");
    assert_int_equal(edges(f, (struct store_query){.limit = 9}, &rows), 1);
    uint64_t after = rows[0].row.seq;
    assert_int_equal(relate(f, "a", "at", "b", NULL, &outcome), 0);
    add_edge(f, "b", "at", "a");
    assert_int_equal(edges(f, (struct store_query){.after = after}, &rows), 1);
}

/* ---- attributes ---- */

static int set(struct fixture *f, uint32_t integration, const char *entity, const char *name,
               const char *value)
{
    struct store_attribute attribute = {.op.done = fixture_stop,
                                        .integration = integration,
                                        .entity = str_of(entity),
                                        .name = str_of(name),
                                        .value = str_of(value)};

    store_attribute(f->store, &attribute);
    fixture_wait(f, &attribute.op);
    return attribute.op.status;
}

static void test_attributes_stand_on_an_entity(void **state)
{
    struct fixture *f = *state;
    const struct kept_row *rows;
    uint32_t other = add_integration(f, "other");
    struct store_query query = {.query = QUERY_ATTRIBUTES, .id = STR("a")};

    put(f, "a", "{}");
    put(f, "b", "{}");
    assert_int_equal(set(f, other, "a", "tier", "3"), 0);
    assert_int_equal(set(f, f->integration, "a", "tier", "1"), 0);
    assert_int_equal(set(f, f->integration, "a", "label", "\"x\""), 0);
    assert_int_equal(set(f, f->integration, "a", "tier", "2"), 0);
    assert_int_equal(set(f, f->integration, "b", "tier", "9"), 0);
    assert_int_equal(ask(f, query, &rows), 3);
    assert_string_equal(rows[0].key, "label");
    assert_string_equal(rows[1].key, "tier");
    assert_string_equal(rows[1].name, "hook");
    assert_string_equal(rows[1].data, "2");
    assert_string_equal(rows[2].name, "other");
    query.integration = other;
    assert_int_equal(ask(f, query, &rows), 1);
    assert_int_equal(set(f, other, "a", "tier", ""), 0);
    assert_int_equal(set(f, other, "a", "tier", ""), E_NOT_FOUND);
    assert_int_equal(ask(f, query, &rows), 0);
    assert_int_equal(set(f, other, "nobody", "tier", "1"), E_NOT_FOUND);
    assert_int_equal(set(f, 99, "a", "tier", "1"), E_NOT_FOUND);
    assert_int_equal(set(f, other, "a", "", "1"), -EINVAL);
    drop(f, "a");
    query.integration = 0;
    assert_int_equal(ask(f, query, &rows), 0);
    assert_int_equal(set(f, other, "a", "tier", "1"), E_NOT_FOUND);
}

static void test_attributes_go_with_their_entity(void **state)
{
    struct fixture *f = *state;
    enum { DAY_MS = 86400000 };
    const struct store_retention retention = {.keep_ms = {[SUBMISSION_SUCCEEDED] = DAY_MS},
                                              .entities_ms = DAY_MS};
    const struct kept_row *rows;

    (void)compact(f, &retention); /* from here on it counts */
    put(f, "a", "{}");
    assert_int_equal(set(f, f->integration, "a", "tier", "1"), 0);
    struct store_claimed record = take_one(f, WALK_CHANGED, "a", 1);
    tell_event(f, &record, EVENT_ACCEPTED, 0);
    take_none(f, WALK_CHANGED);
    fixture_at(NOW_MS + 3 * (int64_t)DAY_MS);
    (void)compact(f, &retention);
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ENTITY, .id = STR("a")}, &rows), 0);
    put(f, "a", "{}");
    assert_int_equal(ask(f, (struct store_query){.query = QUERY_ATTRIBUTES, .id = STR("a")}, &rows),
                     0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_text_is_words_of_strings),
        CASE(test_fields_lead_to_values),
        CASE(test_a_search_is_bounded),
        CASE(test_a_search_is_bounded_by_bytes),
        CASE(test_pages_miss_nothing_that_changes),
        CASE(test_an_integration_key_leads_to_its_entity),
        CASE(test_attributes_stand_on_an_entity),
        CASE(test_attributes_go_with_their_entity),
        CASE(test_relating_tells_what_changed),
        CASE(test_relationships_are_found_from_both_ends),
        CASE(test_no_number_of_a_relationship_comes_again),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    fixture_scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    return failures;
}
