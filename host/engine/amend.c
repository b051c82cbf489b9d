/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/amend.h"

#include "base/json.h"
#include "base/json_merge.h"
#include "engine/engine.h"

#include <errno.h>
#include <stdlib.h>

/* So often somebody else may be quicker. */
enum { TRIES_MAX = 32 };

struct run {
    struct store_query query; /* first: the query is the run */
    struct engine *engine;
    struct amend asked;
    intake_done_fn done;
    void *user;
    struct str own_type; /* the patch's, with its quotes; empty: it names none */
    struct buf type, merged;
    uint64_t version; /* that was read; 0: none was there */
    int tries;
};

static void look(struct run *run);

static void finish(struct run *run, const struct intake_result *result)
{
    intake_done_fn done = run->done;
    void *user = run->user;

    done(user, result);
    buf_finish(&run->type);
    buf_finish(&run->merged);
    free(run);
}

static void fail(struct run *run, int status, const struct err *err)
{
    const struct intake_result result = {.status = status, .err = err};

    finish(run, &result);
}

static void on_put(void *user, const struct intake_result *result)
{
    struct run *run = user;
    bool is_lost = result->status == 0 && result->count == 1 &&
                   result->results[0].outcome == PUT_CONFLICT && run->asked.if_version == 0;

    if (is_lost && ++run->tries < TRIES_MAX)
        look(run);
    else
        finish(run, result);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The same text but for white space between its parts? A patch that changes nothing is to make no
 * version. */
static bool is_same(struct str a, struct str b)
{
    size_t i = 0;
    size_t j = 0;
    bool is_inside = false; /* of a string */

    for (;;) {
        while (!is_inside && i < a.len && is_space(a.ptr[i]))
            i++;
        while (!is_inside && j < b.len && is_space(b.ptr[j]))
            j++;
        if (i == a.len || j == b.len)
            return i == a.len && j == b.len;
        if (a.ptr[i] != b.ptr[j])
            return false;
        if (is_inside && a.ptr[i] == '\\' && i + 1 < a.len && j + 1 < b.len &&
            a.ptr[i + 1] == b.ptr[j + 1]) {
            i++;
            j++;
        } else if (a.ptr[i] == '"') {
            is_inside = !is_inside;
        }
        i++;
        j++;
    }
}

/* [pool] */
static bool on_row(struct store_query *query, const struct store_row *row)
{
    struct run *run = (struct run *)query;

    if (row->is_deleted)
        return false;
    run->version = row->version;
    if (run->asked.type.len > 0)
        buf_add_str(&run->type, run->asked.type);
    else if (run->own_type.len > 0)
        json_unquote(run->own_type, &run->type);
    else
        buf_add_str(&run->type, row->type);
    json_merge(row->data, str_trim(run->asked.patch), &run->merged);
    if (is_same(row->data, buf_str(&run->merged))) {
        buf_clear(&run->merged);
        buf_add_str(&run->merged, row->data);
    }
    return false;
}

static void on_read(struct store_op *op)
{
    struct run *run = (struct run *)op;
    struct err err = {0};

    if (op->status < 0 && op->status != E_NOT_FOUND) {
        fail(run, op->status, &op->error);
    } else if (run->version == 0) {
        fail(run, err_set(&err, E_NOT_FOUND, "there is no entity '%.*s'", STR_ARG(run->asked.id)),
             &err);
    } else if (run->merged.failed || run->type.failed) {
        fail(run, err_set(&err, -ENOMEM, "no memory to change an entity"), &err);
    } else {
        /* Another version than the one asked for is told by the put. */
        intake_put_as(run->engine, run->asked.id, buf_str(&run->type), buf_str(&run->merged),
                      run->asked.source,
                      run->asked.if_version != 0 ? run->asked.if_version : run->version, on_put,
                      run);
    }
}

static void look(struct run *run)
{
    buf_clear(&run->merged);
    buf_clear(&run->type);
    run->version = 0;
    run->query = (struct store_query){
        .op.done = on_read, .query = QUERY_ENTITY, .id = run->asked.id, .limit = 1, .row = on_row};
    store_query(engine_store(run->engine), &run->query);
}

static int read_patch(struct run *run, struct err *err)
{
    static const char *const names[] = {"type"};
    struct str patch = str_trim(run->asked.patch);
    struct str type;

    if (json_check(patch, err) < 0)
        return err->code;
    if (json_kind_of(patch) != JSON_OBJECT || json_pick(patch, names, 1, &type) < 0)
        return err_set(err, E_SYNTAX,
                       "the patch must be one JSON object: what it names is changed, null "
                       "removes");
    if (type.len > 0 && json_kind_of(type) == JSON_STRING)
        run->own_type = type;
    return 0;
}

void amend_start(struct engine *engine, const struct amend *amend, intake_done_fn done, void *user)
{
    struct err err = {0};
    struct run *run = calloc(1, sizeof(*run));

    if (run == NULL) {
        const struct intake_result result = {
            .status = err_set(&err, -ENOMEM, "no memory to change an entity"), .err = &err};
        done(user, &result);
        return;
    }
    run->engine = engine;
    run->asked = *amend;
    run->done = done;
    run->user = user;
    if (read_patch(run, &err) < 0)
        fail(run, err.code, &err);
    else
        look(run);
}
