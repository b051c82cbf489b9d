/* SPDX-License-Identifier: Apache-2.0
 * The contract of a group: what is refused is refused alone, however many stand in it with others.
 * Run here, and not by a store's thread, a group is what the test says. Every backend. */
#include "store_fixture.h"

#include "base/digest.h"
#include "store/store_group.h"
#include "store/store_rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char directory[64];
static char url[128];
static struct store_group group;

static void open_writer(void)
{
    const struct store_settings settings = {.url = url};
    struct err err = {0};
    const char *place;
    void *writer = NULL;

    const struct store_backend *backend = store_backend_find(url, &place, &err);
    assert_non_null(backend);
    if (backend->open(&settings, place, &writer, &err) < 0)
        fail_msg("%s", err.text);
    store_group_start(&group, backend, writer);
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(digest_init(), 0);
    snprintf(directory, sizeof(directory), "/tmp/test_store.XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(url, sizeof(url), "%s:%s/t.db", fixture_scheme, directory);
    open_writer();
    return 0;
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    group.backend->close(group.writer);
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    assert_int_equal(system(command), 0);
    return 0;
}

/* ---- one op each; the texts outlive it ---- */

struct one_put {
    struct store_put put;
    struct store_entity entity;
    struct store_put_result result;
};

static struct store_op *make_put(struct one_put *one, const char *id, const char *type)
{
    *one = (struct one_put){
        .entity = {.id = str_of(id), .type = str_of(type), .data = STR("{}")},
        .put = {.op.kind = OP_PUT, .count = 1},
    };
    one->put.entities = &one->entity;
    one->put.results = &one->result;
    return &one->put.op;
}

static void run(struct store_op *const *ops, size_t count)
{
    struct op_queue queue = {NULL, NULL};

    for (size_t i = 0; i < count; i++)
        op_queue_add(&queue, ops[i]);
    store_group_run(&group, queue.head);
}

static int put_alone(const char *id, const char *type)
{
    struct one_put one;
    struct store_op *op = make_put(&one, id, type);

    run(&op, 1);
    return op->status;
}

/* Is the entity there? Asked by a delete, which takes it away. */
static bool was_there(const char *id)
{
    struct one_put one;
    struct store_op *op = make_put(&one, id, "");

    one.entity.is_delete = true;
    run(&op, 1);
    assert_int_equal(op->status, 0);
    return one.result.outcome == PUT_DELETED;
}

/* All but `left` of the types that a store can have are named then, "t0" and so on. */
static void fill_types(size_t left)
{
    static char names[STORE_TYPES_MAX][24];
    static struct store_entity entities[STORE_TYPES_MAX];
    static struct store_put_result results[STORE_TYPES_MAX];
    struct store_put put = {.op.kind = OP_PUT,
                            .entities = entities,
                            .count = STORE_TYPES_MAX - left,
                            .results = results};
    struct store_op *op = &put.op;

    for (size_t i = 0; i < put.count; i++) {
        snprintf(names[i], sizeof(names[i]), "t%zu", i);
        entities[i] = (struct store_entity){
            .id = str_of(names[i]), .type = str_of(names[i]), .data = STR("{}")};
    }
    run(&op, 1);
    if (op->status < 0)
        fail_msg("%s", op->error.text);
}

static uint32_t add_hook(void)
{
    struct store_integration hook = {.op.kind = OP_INTEGRATION, .name = STR("hook")};
    struct store_op *op = &hook.op;

    run(&op, 1);
    assert_int_equal(op->status, 0);
    return hook.number;
}

static void test_a_type_too_many_is_refused_alone(void **state)
{
    struct one_put good;
    struct one_put bad;
    struct one_put last;
    struct store_relate relate = {
        .op.kind = OP_RELATE, .from = STR("t0"), .type = STR("fresh"), .to = STR("t1")};
    struct store_claim claim = {.op.kind = OP_CLAIM, .walk = WALK_CHANGED, .max = 1};
    struct store_op *const ops[] = {make_put(&good, "good", "t1"), make_put(&bad, "bad", "fresh"),
                                    &relate.op, &claim.op, make_put(&last, "last", "t2")};

    (void)state;
    fill_types(0);
    claim.integration = add_hook();
    run(ops, 5);
    assert_int_equal(good.put.op.status, 0);
    assert_int_equal(bad.put.op.status, E_TOO_LARGE);
    assert_non_null(strstr(bad.put.op.error.text, "type 'fresh' would be one more than the 4096"));
    assert_int_equal(relate.op.status, E_TOO_LARGE);
    assert_int_equal(claim.op.status, 0);
    assert_int_equal(claim.count, 1);
    assert_int_equal(last.put.op.status, 0);
    assert_true(was_there("good"));
    assert_false(was_there("bad"));
    assert_true(was_there("last"));
    store_claim_finish(&claim);
}

/* Three entities, of which the first would fit and the third is one type too many. */
static int put_of_fresh_types(void)
{
    const struct store_entity entities[] = {
        {.id = STR("a"), .type = STR("t0"), .data = STR("{}")},
        {.id = STR("b"), .type = STR("fresh"), .data = STR("{}")},
        {.id = STR("c"), .type = STR("fresher"), .data = STR("{}")},
    };
    struct store_put_result results[3];
    struct store_put put = {
        .op.kind = OP_PUT, .entities = entities, .count = 3, .results = results};
    struct store_op *op = &put.op;

    run(&op, 1);
    return op->status;
}

static void test_what_is_refused_for_its_types_leaves_none(void **state)
{
    (void)state;
    fill_types(1);
    assert_int_equal(put_of_fresh_types(), E_TOO_LARGE);
    assert_false(was_there("a"));
    assert_false(was_there("b"));
    assert_int_equal(put_alone("d", "other"), 0); /* the last type is not taken yet */
    assert_int_equal(put_alone("e", "fresh"), E_TOO_LARGE);
    assert_int_equal(put_alone("f", "other"), 0);
}

/* The types in memory are those of the file, whatever became of the group. */
static void test_types_go_with_their_group(void **state)
{
    struct one_put one;

    (void)state;
    fill_types(2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(group.backend->begin(group.writer, NULL), 0);
        (void)make_put(&one, "a", "fresh");
        assert_int_equal(group.backend->put(group.writer, &one.put, NULL), 0);
        (void)make_put(&one, "b", "fresher");
        assert_int_equal(group.backend->put(group.writer, &one.put, NULL), 0);
        (void)make_put(&one, "c", "freshest");
        assert_int_equal(group.backend->put(group.writer, &one.put, NULL), E_TOO_LARGE);
        assert_false(group.backend->is_spoiled(group.writer));
        group.backend->rollback(group.writer);
    }
    assert_false(was_there("a"));
    assert_int_equal(put_alone("d", "other"), 0);
    assert_int_equal(put_of_fresh_types(), E_TOO_LARGE);
    assert_int_equal(put_alone("c", "freshest"), 0);
    assert_int_equal(put_alone("b", "fresher"), E_TOO_LARGE);

    group.backend->close(group.writer);
    open_writer();
    assert_int_equal(put_alone("c", "freshest"), 0);
    assert_int_equal(put_alone("d", "other"), 0);
    assert_int_equal(put_alone("b", "fresher"), E_TOO_LARGE);
}

/* ---- whatever else a caller can get wrong ---- */

/* In a group with others, of which each is stored. */
static void refuse(struct store_op *op, enum op_kind kind, int status)
{
    struct one_put before;
    struct one_put after;
    struct store_op *const ops[] = {make_put(&before, "before", "t"), op,
                                    make_put(&after, "after", "t")};

    op->kind = (int)kind;
    run(ops, 3);
    assert_int_equal(op->status, status);
    assert_int_equal(before.put.op.status, 0);
    assert_int_equal(after.put.op.status, 0);
    assert_true(was_there("before"));
    assert_true(was_there("after"));
}

static void test_a_bad_put_is_refused_alone(void **state)
{
    struct one_put one;
    struct store_delivery unnamed = {.integration = 1};

    (void)state;
    refuse(make_put(&one, "", "t"), OP_PUT, -EINVAL);
    refuse(make_put(&one, "a", ""), OP_PUT, -EINVAL);
    (void)make_put(&one, "a", "t");
    one.entity.data.len = (size_t)STORE_DATA_MAX + 1; /* never looked at */
    refuse(&one.put.op, OP_PUT, E_TOO_LARGE);
    (void)make_put(&one, "a", "t");
    one.put.delivery = &unnamed;
    refuse(&one.put.op, OP_PUT, -EINVAL);
    assert_false(was_there("a"));
}

static void test_a_bad_relationship_is_refused_alone(void **state)
{
    struct store_relate one = {.from = STR("a"), .type = STR("t"), .to = STR("b")};

    (void)state;
    assert_int_equal(put_alone("a", "t"), 0);
    refuse(&one.op, OP_RELATE, E_NOT_FOUND);
    one.to = STR("a");
    one.is_delete = true;
    refuse(&one.op, OP_RELATE, E_NOT_FOUND);
    one.type = STR("fresh");
    refuse(&one.op, OP_RELATE, E_NOT_FOUND);
    one.is_delete = false;
    one.type = STR("");
    refuse(&one.op, OP_RELATE, -EINVAL);
    one.type = STR("t");
    one.data = (struct str){"", (size_t)STORE_DATA_MAX + 1}; /* never looked at */
    refuse(&one.op, OP_RELATE, E_TOO_LARGE);
}

static void test_a_bad_signal_is_refused_alone(void **state)
{
    struct store_own_signal signals[2] = {{.name = STR("mine"), .sender = STR("me")},
                                          {.name = STR(""), .sender = STR("me")}};
    struct store_publish publish = {.signals = signals, .count = 2};

    (void)state;
    refuse(&publish.op, OP_PUBLISH, -EINVAL);
    signals[1] = signals[0];
    signals[1].sender = STR("");
    refuse(&publish.op, OP_PUBLISH, -EINVAL);
    signals[1] = signals[0];
    signals[1].data = (struct str){"", STORE_SIGNAL_MAX + 1}; /* never looked at */
    refuse(&publish.op, OP_PUBLISH, E_TOO_LARGE);
}

static void test_bad_texts_of_an_integration_are_refused_alone(void **state)
{
    const struct str too_long = {"", STORE_KEPT_MAX + 1}; /* never looked at */
    struct store_integration unnamed = {.name = STR("")};
    struct store_integration long_name = {.name = too_long};
    struct store_keep keep = {.integration = add_hook(), .name = STR("n"), .value = too_long};
    struct store_attribute attribute = {
        .integration = keep.integration, .entity = STR("b"), .name = STR("n"), .value = STR("1")};

    (void)state;
    assert_int_equal(put_alone("a", "t"), 0);
    refuse(&unnamed.op, OP_INTEGRATION, -EINVAL);
    refuse(&long_name.op, OP_INTEGRATION, E_TOO_LARGE);
    refuse(&keep.op, OP_KEEP, E_TOO_LARGE);
    keep = (struct store_keep){.integration = 99, .name = STR("n"), .value = STR("v")};
    refuse(&keep.op, OP_KEEP, E_NOT_FOUND);
    refuse(&attribute.op, OP_ATTRIBUTE, E_NOT_FOUND);
    attribute.entity = STR("a");
    attribute.value = too_long;
    refuse(&attribute.op, OP_ATTRIBUTE, E_TOO_LARGE);
    attribute.value = STR_NONE;
    refuse(&attribute.op, OP_ATTRIBUTE, E_NOT_FOUND);
    attribute.integration = 99;
    refuse(&attribute.op, OP_ATTRIBUTE, E_NOT_FOUND);
}

static void test_bad_work_is_refused_alone(void **state)
{
    uint32_t hook = add_hook();
    const struct store_outcome no_verdict = {.event = EVENT_CLAIMED};
    struct store_claim claim = {.integration = 99, .max = 1};
    struct store_record stranger = {.integration = 99};
    struct store_record record = {.integration = hook, .outcomes = &no_verdict, .count = 1};
    struct store_enqueue enqueue = {.integration = hook, .entity = STR("nobody")};
    struct store_enqueue lost = {.integration = 99, .entity = STR("nobody")};

    (void)state;
    refuse(&claim.op, OP_CLAIM, E_NOT_FOUND);
    refuse(&stranger.op, OP_RECORD, E_NOT_FOUND);
    refuse(&record.op, OP_RECORD, -EINVAL);
    refuse(&enqueue.op, OP_ENQUEUE, E_NOT_FOUND);
    refuse(&lost.op, OP_ENQUEUE, E_NOT_FOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest every[] = {
        CASE(test_a_type_too_many_is_refused_alone),
        CASE(test_what_is_refused_for_its_types_leaves_none),
        CASE(test_a_bad_put_is_refused_alone),
        CASE(test_a_bad_relationship_is_refused_alone),
        CASE(test_a_bad_signal_is_refused_alone),
        CASE(test_bad_texts_of_an_integration_are_refused_alone),
        CASE(test_bad_work_is_refused_alone),
    };
    const struct CMUnitTest of_a_file[] = {
        CASE(test_types_go_with_their_group),
    };
    int failures = 0;

    fixture_scheme = "sqlite";
    failures += cmocka_run_group_tests_name("sqlite", every, NULL, NULL);
    failures += cmocka_run_group_tests_name("sqlite alone", of_a_file, NULL, NULL);
    fixture_scheme = "memory";
    failures += cmocka_run_group_tests_name("memory", every, NULL, NULL);
    return failures;
}
