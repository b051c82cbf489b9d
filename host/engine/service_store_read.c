/* SPDX-License-Identifier: Apache-2.0
 * tenon.store/1: the functions that look. A search goes on for a while where one look at the store
 * found too little, and leaves off early enough for its answer to be in time. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "engine/lane.h"
#include "engine/model.h"
#include "engine/service_store.h"

#include <errno.h>
#include <stdlib.h>
#include <tenon/tenon.h>

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, FIELDS_MAX = 8, LOOK_US = 1000000 };
enum { ANSWER_BYTES = 32 << 20 }; /* an answer is at most 64 MiB, and one more entity has to fit */

struct page {
    struct store_query query; /* first: the query is the page */
    struct engine *engine;
    struct plugin_ask *ask;
    struct buf json;
    struct store_field fields[FIELDS_MAX];
    uint64_t limit, seen, last;
    bool is_full; /* by bytes */
    int64_t until_us;
    void (*put)(struct buf *out, const struct store_row *row); /* [pool] */
};

static struct page *page_create(struct engine *engine, struct plugin_ask *ask)
{
    struct page *page = calloc(1, sizeof *page);

    if (page == NULL) {
        service_store_fail(ask, -ENOMEM, NULL);
        return NULL;
    }
    page->engine = engine;
    page->ask = ask;
    return page;
}

static void page_destroy(struct page *page)
{
    if (page == NULL)
        return;
    buf_finish(&page->json);
    free(page);
}
DEFINE_GUARD(page, struct page *, page_destroy);

/* ---- one ---- */

/* [pool] */
static bool on_entity(struct store_query *query, const struct store_row *row)
{
    struct page *page = (struct page *)query;

    if (row->is_deleted)
        return false;
    buf_putc(&page->json, '{');
    model_put_entity(&page->json, row);
    buf_putc(&page->json, '}');
    page->seen++;
    return false;
}

static void on_got(struct store_op *op)
{
    struct page *page = (struct page *)op;
    struct err err = {0};

    if (op->status < 0) {
        service_store_fail(page->ask, op->status, &op->error);
    } else if (page->seen == 0) {
        err_set(&err, E_NOT_FOUND, "there is no entity '%.*s'", STR_ARG(page->query.id));
        service_store_fail(page->ask, E_NOT_FOUND, &err);
    } else {
        service_store_answer(page->ask, &page->json);
    }
    page_destroy(page);
}

void service_store_get(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    struct page *page = page_create(engine, ask);

    (void)lane;
    if (page == NULL)
        return;
    page->query = (struct store_query){.op.done = on_got,
                                       .query = QUERY_ENTITY,
                                       .id = plugin_ask_question(ask)->texts[0],
                                       .limit = 1,
                                       .row = on_entity};
    store_query(engine_store(engine), &page->query);
}

/* ---- attributes ---- */

/* [pool] */
static bool on_attribute(struct store_query *query, const struct store_row *row)
{
    struct page *page = (struct page *)query;

    if (page->seen++ > 0)
        buf_putc(&page->json, ',');
    json_put_string(&page->json, row->key);
    buf_putc(&page->json, ':');
    buf_add_str(&page->json, row->data);
    return !page->json.failed;
}

static void on_attributes(struct store_op *op)
{
    struct page *page = (struct page *)op;

    buf_putc(&page->json, '}');
    if (op->status < 0)
        service_store_fail(page->ask, op->status, &op->error);
    else
        service_store_answer(page->ask, &page->json);
    page_destroy(page);
}

void service_store_attributes(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    struct page *page = page_create(engine, ask);

    if (page == NULL)
        return;
    buf_putc(&page->json, '{');
    page->query = (struct store_query){.op.done = on_attributes,
                                       .query = QUERY_ATTRIBUTES,
                                       .id = plugin_ask_question(ask)->texts[0],
                                       .integration = lane->number,
                                       .row = on_attribute};
    store_query(engine_store(engine), &page->query);
}

/* ---- many ---- */

/* [pool] One row more than asked for tells whether there is a next page. */
static bool on_row(struct store_query *query, const struct store_row *row)
{
    struct page *page = (struct page *)query;

    if (page->seen == page->limit || page->is_full) {
        page->seen = page->limit + 1;
        return false;
    }
    if (page->seen > 0)
        buf_putc(&page->json, ',');
    buf_putc(&page->json, '{');
    page->put(&page->json, row);
    buf_putc(&page->json, '}');
    page->seen++;
    page->last = row->seq;
    page->is_full = page->json.len > ANSWER_BYTES;
    return !page->json.failed;
}

static void on_page(struct store_op *op)
{
    struct page *page = (struct page *)op;
    bool is_over = page->seen > page->limit || page->query.next == 0;

    if (op->status < 0) {
        service_store_fail(page->ask, op->status, &op->error);
        page_destroy(page);
        return;
    }
    if (!is_over && !page->is_full && clock_mono_us() < page->until_us) {
        page->query.after = page->query.next;
        page->query.limit = (uint32_t)(page->limit + 1 - page->seen);
        store_query(engine_store(page->engine), &page->query);
        return;
    }
    buf_putc(&page->json, ']');
    if (page->seen > page->limit)
        json_put_int(&page->json, "next", (int64_t)page->last);
    else if (page->query.next != 0)
        json_put_int(&page->json, "next", (int64_t)page->query.next);
    else
        json_put_raw(&page->json, "next", STR("null"));
    buf_putc(&page->json, '}');
    service_store_answer(page->ask, &page->json);
    page_destroy(page);
}

/* With limit and after read, the first two texts; NULL: the ask has ended. */
static struct page *many_create(struct engine *engine, struct plugin_ask *ask,
                                enum store_query_kind kind)
{
    int64_t look_us = plugin_ask_question(ask)->timeout_ms * 1000 / 2;
    uint64_t limit;
    uint64_t after;

    if (!service_store_number(ask, 0, LIMIT_MAX, &limit) ||
        !service_store_number(ask, 1, INT64_MAX, &after))
        return NULL;
    struct page *page = page_create(engine, ask);
    if (page == NULL)
        return NULL;
    page->limit = limit > 0 ? limit : LIMIT_DEFAULT;
    page->until_us = clock_mono_us() + (look_us < LOOK_US ? look_us : LOOK_US);
    page->query = (struct store_query){
        .op.done = on_page,
        .query = kind,
        .after = after,
        .limit = (uint32_t)page->limit + 1,
        .row = on_row,
    };
    buf_puts(&page->json, "{\"items\":[");
    return page;
}

static int add_fields(struct page *page, struct str lines, struct err *err)
{
    struct str line;

    while (str_next(&lines, '\n', &line)) {
        const char *equals = line.len > 0 ? memchr(line.ptr, '=', line.len) : NULL;
        if (line.len == 0)
            continue;
        if (equals == NULL || equals == line.ptr || page->query.field_count == FIELDS_MAX)
            return err_set(err, E_USAGE,
                           "the field '%.*s' is not PATH=VALUE, such as city=Berlin, or it is one "
                           "of more than %d",
                           STR_ARG(line), (int)FIELDS_MAX);
        size_t path_len = (size_t)(equals - line.ptr);
        page->fields[page->query.field_count++] = (struct store_field){
            .path = {line.ptr, path_len}, .value = {equals + 1, line.len - path_len - 1}};
    }
    page->query.fields = page->fields;
    return 0;
}

void service_store_search(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    const struct str *texts = plugin_ask_question(ask)->texts;
    bool has_key = texts[5].len > 0;
    struct err err = {0};

    if (has_key && texts[2].len + texts[3].len + texts[4].len > 0) {
        service_store_refuse(ask, TENON_E_VALIDATION, 400,
                             "a key names one entity: type, text and fields do not go with it");
        return;
    }
    _guard_(page) struct page *page =
        many_create(engine, ask, has_key ? QUERY_KEY : QUERY_ENTITIES);
    if (page == NULL)
        return;
    if (add_fields(page, texts[4], &err) < 0) {
        service_store_fail(ask, err.code, &err);
        return;
    }
    page->put = model_put_entity;
    page->query.type = texts[2];
    page->query.text = has_key ? texts[5] : texts[3];
    page->query.integration = has_key ? lane->number : 0;
    struct page *asked = steal(page);
    store_query(engine_store(engine), &asked->query);
}

void service_store_relations(struct engine *engine, struct lane *lane, struct plugin_ask *ask)
{
    const struct str *texts = plugin_ask_question(ask)->texts;
    struct page *page = many_create(engine, ask, QUERY_RELATIONSHIPS);
    bool is_out = texts[2].len > 0;

    (void)lane;
    if (page == NULL)
        return;
    page->put = model_put_relationship;
    page->query.id = is_out ? texts[2] : texts[4];
    page->query.other = is_out ? texts[4] : STR_NONE;
    page->query.direction = is_out ? DIRECTION_OUT : DIRECTION_IN;
    page->query.type = texts[3];
    store_query(engine_store(engine), &page->query);
}
