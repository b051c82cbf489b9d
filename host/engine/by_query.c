/* SPDX-License-Identifier: Apache-2.0
 * A page at a time: candidates from the store, `where` on them in a worker, then the move. A
 * million failed ones never stand in memory, and a program that never ends costs its own query. */
#include "engine/by_query.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PAGE_RECORDS = 500,
    PAGE_BYTES = 4 << 20, /* of entities' data */
    TIME_US = 1000000,    /* then the next piece */
    WHERE_MS = 5000,      /* one page's time in the worker */
};

struct candidate {
    uint64_t number;
    struct str shown;
    struct plugin_record record; /* with `where` */
};

struct run {
    struct store_query query; /* first: the query is the run */
    struct store_move move;
    struct engine *engine;
    struct by_query *asked;
    struct plugin_instance *jq;
    int64_t started_us;
    size_t shown_count, looked_up;
    bool is_cancelled; /* nobody waits: no further step begins */
    bool is_in_worker;

    struct arena arena; /* this page's */
    struct candidate *page;
    size_t count, bytes;
    bool is_out_of_memory;
    uint64_t *matches;
    size_t match_count;
    struct plugin_record *records;
};

static void next_page(struct run *run);

/* Late: a run that waits for its worker is small. */
static bool make_page(struct run *run)
{
    const struct by_query *asked = run->asked;
    size_t size = asked->number_count > 0 ? 1 : PAGE_RECORDS;

    if (run->page == NULL)
        run->page = calloc(size, sizeof *run->page);
    if (run->matches == NULL)
        run->matches = calloc(size, sizeof *run->matches);
    if (run->records == NULL && asked->where.len > 0)
        run->records = calloc(size, sizeof *run->records);
    return run->page != NULL && run->matches != NULL &&
           (run->records != NULL || asked->where.len == 0);
}

static void page_clear(struct run *run)
{
    arena_finish(&run->arena);
    run->arena = (struct arena){0};
    run->count = run->bytes = run->match_count = 0;
}

static void finish(struct run *run, int status, const struct err *err)
{
    struct by_query *asked = run->asked;

    asked->run = NULL;
    asked->status = status;
    if (status < 0 && err != NULL)
        asked->error = *err;
    plugin_instance_close(run->jq);
    page_clear(run);
    free(run->page);
    free(run->matches);
    free(run->records);
    free(run);
    asked->done(asked);
}

static void finish_without_memory(struct run *run)
{
    struct err err = {0};

    finish(run, err_set(&err, -ENOMEM, "no memory for a page of submissions"), &err);
}

/* Nobody waits for the page in hand: it counts as not looked at. */
static void give_up(struct run *run)
{
    struct err err = {0};

    if (run->asked->next != 0)
        finish(run, 0, NULL);
    else
        finish(run, err_set(&err, E_STOPPED, "the query was ended before its first page"), &err);
}

/* ---- after the page ---- */

static void page_done(struct run *run)
{
    struct by_query *asked = run->asked;
    bool is_late = clock_mono_us() - run->started_us > TIME_US;
    bool is_over = asked->number_count > 0 || asked->next == 0 || asked->matched >= asked->limit;

    page_clear(run);
    if (is_over || is_late || run->is_cancelled)
        finish(run, 0, NULL);
    else
        next_page(run);
}

static void moved(struct store_op *op)
{
    struct run *run = (struct run *)(void *)((char *)op - offsetof(struct run, move.op));
    struct by_query *asked = run->asked;

    if (op->status < 0) {
        finish(run, op->status, &op->error);
        return;
    }
    asked->moved += run->move.moved;
    if (run->move.moved > 0 && asked->action == BY_QUERY_RETRY && !asked->is_dry_run)
        engine_wake(run->engine); /* here, since the engine may be gone when the plugin answers */
    for (int i = 0; i < REFUSALS; i++)
        asked->refused[i] += run->move.refused[i];
    page_done(run);
}

static void move(struct run *run, const uint64_t *numbers, size_t count)
{
    const struct by_query *asked = run->asked;

    if (asked->action == BY_QUERY_LOOK || count == 0) {
        page_done(run);
        return;
    }
    run->move = (struct store_move){
        .op.done = moved,
        .submissions = numbers,
        .count = count,
        .new_key = asked->new_key,
        .is_dry_run = asked->is_dry_run,
        .reason = "discarded by hand",
    };
    run->move.action = asked->action == BY_QUERY_RETRY ? MOVE_RETRY : MOVE_DISCARD;
    store_move(engine_store(run->engine), &run->move);
}

static void match(struct run *run, const struct candidate *candidate)
{
    struct by_query *asked = run->asked;

    run->matches[run->match_count++] = candidate->number;
    asked->matched++;
    if (run->shown_count >= asked->show_max || candidate->shown.ptr == NULL)
        return;
    if (run->shown_count++ > 0)
        buf_putc(&asked->shown, ',');
    buf_add_str(&asked->shown, candidate->shown);
}

/* ---- where ---- */

static void keep_failure(struct by_query *asked, struct str words)
{
    if (asked->where_failed++ == 0)
        secret_copy(asked->where_words, sizeof asked->where_words, words);
}

static void where_done(void *user, struct plugin_reply *reply)
{
    struct run *run = user;
    struct err err = {0};

    run->is_in_worker = false;
    if (run->is_cancelled) {
        give_up(run);
        return;
    }
    if (reply->status != PLUGIN_OK || reply->outcome_count != run->count) {
        bool is_theirs = reply->status == PLUGIN_TIMED_OUT || reply->status == PLUGIN_DIED;
        err_set(&err, is_theirs ? E_USAGE : -EIO, "where `%.*s`: %s", STR_ARG(run->asked->where),
                reply->words != NULL ? reply->words : "the jq plugin gave no answer");
        finish(run, err.code, &err);
        return;
    }
    run->asked->next = run->query.next;
    for (size_t i = 0; i < run->count; i++) {
        const struct plugin_outcome *outcome = &reply->outcomes[i];

        if (run->asked->matched == run->asked->limit) { /* the rest is the next call's */
            run->asked->next = run->page[i].number + 1;
            break;
        }
        if (outcome->kind == OUTCOME_GOES_ON)
            match(run, &run->page[i]);
        else if (outcome->kind != OUTCOME_SKIPPED)
            keep_failure(run->asked, outcome->message);
    }
    move(run, run->matches, run->match_count);
}

static void ask_where(struct run *run)
{
    for (size_t i = 0; i < run->count; i++)
        run->records[i] = run->page[i].record;
    const struct plugin_batch call = {
        .records = run->records,
        .count = run->count,
        .steps = PLUGIN_STEP_SELECT,
        .selector = "where",
        .deadline_ms = WHERE_MS,
    };
    run->is_in_worker = true;
    plugin_deliver(run->jq, &call, where_done, run);
}

/* "create: where: jq does not take ...": the callback's name is of no use to who wrote the
 * expression. */
static void where_opened(void *user, enum plugin_status status, const char *words)
{
    struct run *run = user;
    struct err err = {0};

    if (run->is_cancelled) {
        give_up(run);
        return;
    }
    if (status == PLUGIN_OK) {
        next_page(run);
        return;
    }
    const char *own = strstr(words, "where: ");
    err_set(&err, status == PLUGIN_FAILED ? E_USAGE : E_REFUSED, "%s", own != NULL ? own : words);
    finish(run, err.code, &err);
}

/* Pinned to its own bytes, since those do not share a worker with the lanes' jq: what an expression
 * typed by hand does to its worker is nothing to them. */
static int open_where(struct run *run, struct err *err)
{
    const struct engine_rooms *rooms = engine_rooms(run->engine);
    const struct catalog *catalog = engine_catalog(run->engine);
    const struct catalog_entry *entry = NULL;
    struct buf settings = {0};

    if (catalog != NULL)
        entry = catalog_find(catalog, "jq", err);
    if (entry == NULL) {
        (void)err_prefix(err, "a jq expression needs the plugin 'jq': "); /* told as refused */
        return err->code = E_REFUSED;
    }
    buf_putc(&settings, '{');
    json_put_member(&settings, "where", run->asked->where);
    buf_putc(&settings, '}');
    const struct plugin_instance_settings open = {
        .entry = entry,
        .name = "query#jq",
        .settings_json = buf_str(&settings),
        .sha256_pin = entry->sha256,
        .call_timeout_ms = WHERE_MS,
        .is_scratch = true,
    };
    run->jq = plugin_instance_open(rooms->plugins, &open, where_opened, run, err);
    buf_finish(&settings);
    return run->jq != NULL ? 0 : err->code;
}

/* ---- candidates ---- */

static struct str shown_of(struct run *run, const struct store_row *row)
{
    _buf_ struct buf text = {0};

    buf_putc(&text, '{');
    run->asked->show(&text, row);
    buf_putc(&text, '}');
    return arena_copy(&run->arena, buf_str(&text));
}

/* [pool] */
static bool take_row(struct store_query *query, const struct store_row *row)
{
    struct run *run = (struct run *)query;
    struct candidate *candidate = &run->page[run->count++];
    bool is_shown = run->shown_count < run->asked->show_max;

    *candidate = (struct candidate){.number = row->submission};
    if (is_shown)
        candidate->shown = shown_of(run, row);
    if (run->asked->where.len > 0)
        candidate->record = (struct plugin_record){
            .id = arena_copy(&run->arena, row->id),
            .type = arena_copy(&run->arena, row->type),
            .data = arena_copy(&run->arena, row->data),
            .version = row->version,
            .attempt = 1,
        };
    run->bytes += row->data.len;
    run->is_out_of_memory |=
        (is_shown && candidate->shown.ptr == NULL) ||
        (run->asked->where.len > 0 && candidate->record.data.ptr == NULL && row->data.len > 0);
    return run->bytes < PAGE_BYTES && run->count < PAGE_RECORDS && !run->is_out_of_memory;
}

static void page_here(struct store_op *op)
{
    struct run *run = (struct run *)op;
    struct by_query *asked = run->asked;
    struct err err = {0};

    if (op->status < 0) {
        err = op->error;
        finish(run, op->status, &err);
        return;
    }
    if (run->is_out_of_memory) {
        finish_without_memory(run);
        return;
    }
    if (run->is_cancelled) {
        give_up(run);
        return;
    }
    if (asked->where.len > 0 && run->count > 0) {
        ask_where(run);
        return;
    }
    asked->next = run->query.next;
    for (size_t i = 0; i < run->count; i++)
        match(run, &run->page[i]);
    move(run, run->matches, run->match_count);
}

static void next_page(struct run *run)
{
    const struct by_query *asked = run->asked;
    bool has_where = asked->where.len > 0;
    uint64_t wanted = asked->limit - asked->matched;

    if (!make_page(run)) {
        finish_without_memory(run);
        return;
    }
    run->query = (struct store_query){
        .op.done = page_here,
        .query = QUERY_SUBMISSIONS,
        .integration = asked->integration,
        .id = asked->entity,
        .filter = asked->filter,
        .with_data = has_where,
        .after = asked->next != 0 ? asked->next : asked->after,
        .limit = wanted < PAGE_RECORDS && !has_where ? (uint32_t)wanted : PAGE_RECORDS,
        .row = take_row,
    };
    store_query(engine_store(run->engine), &run->query);
}

/* ---- by number ---- */

static void next_number(struct run *run);

static void number_here(struct store_op *op)
{
    struct run *run = (struct run *)op;

    if (op->status < 0) {
        struct err err = op->error;
        finish(run, op->status, &err);
        return;
    }
    for (size_t i = 0; i < run->count; i++)
        match(run, &run->page[i]);
    page_clear(run);
    next_number(run);
}

/* Looks up what is to be shown; the move tells by itself which of them are not there. */
static void next_number(struct run *run)
{
    struct by_query *asked = run->asked;

    if (run->looked_up == asked->number_count || run->shown_count >= asked->show_max) {
        asked->matched = asked->number_count;
        move(run, asked->numbers, asked->number_count);
        return;
    }
    if (!make_page(run)) {
        finish_without_memory(run);
        return;
    }
    run->query = (struct store_query){
        .op.done = number_here,
        .query = QUERY_SUBMISSION,
        .number = asked->numbers[run->looked_up++],
        .row = take_row,
    };
    store_query(engine_store(run->engine), &run->query);
}

/* ---- start ---- */

void by_query_start(struct engine *engine, struct by_query *asked)
{
    struct err err = {0};
    struct run *run = calloc(1, sizeof *run);

    asked->run = run;
    if (run == NULL) {
        asked->status = err_set(&asked->error, -ENOMEM, "out of memory");
        asked->done(asked);
        return;
    }
    run->engine = engine;
    run->asked = asked;
    run->started_us = clock_mono_us();
    if (asked->number_count > 0)
        next_number(run);
    else if (asked->where.len == 0)
        next_page(run);
    else if (open_where(run, &err) < 0)
        finish(run, err.code, &err);
}

/* An opening is let end: without it the worker would have nobody, and end, and whoever asks and
 * goes could have one started each time. */
void by_query_cancel(struct by_query *asked)
{
    struct run *run = asked->run;
    struct plugin_instance *jq = run->jq;

    run->is_cancelled = true;
    if (!run->is_in_worker)
        return;
    run->jq = NULL;
    plugin_instance_close(jq); /* where_done ends it from within */
}
