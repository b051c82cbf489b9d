/* SPDX-License-Identifier: Apache-2.0
 * jansson reads the body here; base/json.h must stay out of this file, since their names collide.
 */
#include "api/api_filter.h"

#include "api/api_counts.h"
#include "api/api_handlers.h"
#include "base/cleanup.h"
#include "rules/judge.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <tenon/tenon.h>

enum { NUMBERS_MAX = 1000, LIMIT_DEFAULT = 1000 };

void api_filter_destroy(struct api_filter *filter)
{
    if (filter == NULL)
        return;
    buf_finish(&filter->integration);
    buf_finish(&filter->entity);
    buf_finish(&filter->where);
    buf_finish(&filter->query.shown);
    free(filter->numbers);
    free(filter);
}
DEFINE_GUARD(filter, struct api_filter *, api_filter_destroy);

/* ---- one value each ---- */

static int set_states(struct api_filter *filter, struct str text, struct err *err)
{
    _buf_ struct buf known = {0};
    enum submission_state state;
    struct str name;

    while (str_next(&text, ',', &name)) {
        if (submission_state_parse(str_trim(name), &state)) {
            filter->query.filter.states |= submission_state_bit(state);
            continue;
        }
        for (int i = 0; i < SUBMISSION_STATES; i++)
            buf_printf(&known, "%s%s", i > 0 ? ", " : "",
                       submission_state_name((enum submission_state)i));
        return err_set(err, E_USAGE, "state: '%.*s' is none of %s", STR_ARG(name), known.ptr);
    }
    return 0;
}

static int set_class(struct api_filter *filter, struct str text, struct err *err)
{
    _buf_ struct buf known = {0};

    for (int code = TENON_E_CONNECTION; code >= TENON_E_UNSUPPORTED; code--) {
        if (str_is(text, judge_class_name(code))) {
            filter->query.filter.error_class = code;
            return 0;
        }
        buf_printf(&known, "%s%s", known.len > 0 ? ", " : "", judge_class_name(code));
    }
    return err_set(err, E_USAGE, "class: '%.*s' is none of %s", STR_ARG(text), known.ptr);
}

static const char *const text_names[] = {"integration", "entity", "state", "since",
                                         "until",       "class",  "where"};

/* 0, E_NOT_FOUND when there is no such name, or E_USAGE. An empty value is refused: it is what a
 * script writes whose variable is not set, and without the filter more would be meant. */
static int set_text(struct api_filter *filter, const char *name, struct str text, struct err *err)
{
    size_t which = 0;

    while (which < 7 && strcmp(name, text_names[which]) != 0)
        which++;
    if (which == 7)
        return E_NOT_FOUND;
    if (text.len == 0)
        return err_set(err, E_USAGE, "%s: " API_EMPTY, name);
    filter->is_narrow = true;
    switch (which) {
    case 0:
        buf_add_str(&filter->integration, text);
        return 0;
    case 1:
        buf_add_str(&filter->entity, text);
        return 0;
    case 2:
        return set_states(filter, text, err);
    case 3:
        return api_read_past(name, text, &filter->query.filter.since_ms, err);
    case 4:
        return api_read_past(name, text, &filter->query.filter.until_ms, err);
    case 5:
        return set_class(filter, text, err);
    default:
        buf_add_str(&filter->where, text);
        return 0;
    }
}

static struct api_filter *filter_create(struct api_call *call)
{
    struct api_filter *filter = calloc(1, sizeof(*filter));

    if (filter == NULL)
        api_reply_error(call, -ENOMEM, NULL);
    else
        filter->call = call;
    return filter;
}

static void borrow(struct api_filter *filter)
{
    filter->query.entity = buf_str(&filter->entity);
    filter->query.where = buf_str(&filter->where);
    filter->query.numbers = filter->numbers;
}

struct api_filter *api_filter_of_arguments(struct api_call *call)
{
    _guard_(filter) struct api_filter *filter = filter_create(call);
    struct err err = {0};

    for (size_t i = 0; i < 7 && filter != NULL; i++) {
        _buf_ struct buf text = {0};
        if (!http_exchange_argument(call->exchange, text_names[i], &text))
            continue;
        int status = set_text(filter, text_names[i], buf_str(&text), &err);
        if (status < 0) {
            err_prefix(&err, "Argument ");
            api_reply_error(call, status, &err);
            return NULL;
        }
    }
    if (filter != NULL)
        borrow(filter);
    return steal(filter);
}

struct api_filter *api_filter_of_integration(struct api_call *call, struct str name)
{
    struct api_filter *filter = filter_create(call);

    if (filter != NULL)
        buf_add_str(&filter->integration, name);
    return filter;
}

/* ---- a body ---- */

static int set_numbers(struct api_filter *filter, const json_t *array, struct err *err)
{
    size_t count = json_array_size(array);

    if (count == 0 || count > NUMBERS_MAX)
        return err_set(err, E_USAGE, "numbers: a list of 1 to %d submissions is expected",
                       (int)NUMBERS_MAX);
    filter->numbers = calloc(count, sizeof(*filter->numbers));
    if (filter->numbers == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        json_int_t number = json_integer_value(json_array_get(array, i));
        if (number < 1)
            return err_set(err, E_USAGE, "numbers: element %zu is no submission's number", i + 1);
        filter->numbers[i] = (uint64_t)number;
    }
    filter->query.number_count = count;
    return 0;
}

static int set_flag(struct api_filter *filter, const char *name, bool is_true)
{
    if (strcmp(name, "all") == 0)
        filter->is_all = is_true;
    else if (strcmp(name, "new_key") == 0)
        filter->query.new_key = is_true;
    else if (strcmp(name, "dry_run") == 0)
        filter->query.is_dry_run = is_true;
    else
        return E_NOT_FOUND;
    return 0;
}

static int set_number(struct api_filter *filter, const char *name, json_int_t number,
                      struct err *err)
{
    if (strcmp(name, "after") == 0) {
        if (number < 0)
            return err_set(err, E_USAGE, "after: a number from 0 is expected");
        filter->query.after = (uint64_t)number;
    } else if (strcmp(name, "limit") == 0) {
        if (number < 1 || number > BY_QUERY_LIMIT_MAX)
            return err_set(err, E_USAGE, "limit: a number from 1 to %d is expected",
                           (int)BY_QUERY_LIMIT_MAX);
        filter->query.limit = (uint32_t)number;
    } else {
        return E_NOT_FOUND;
    }
    return 0;
}

static int set_member(struct api_filter *filter, const char *name, const json_t *value,
                      struct err *err)
{
    int status = E_NOT_FOUND;

    if (json_is_null(value))
        return 0;
    if (json_is_string(value))
        status = set_text(filter, name,
                          (struct str){json_string_value(value), json_string_length(value)}, err);
    else if (json_is_boolean(value))
        status = set_flag(filter, name, json_is_true(value));
    else if (json_is_integer(value))
        status = set_number(filter, name, json_integer_value(value), err);
    else if (json_is_array(value) && strcmp(name, "numbers") == 0)
        status = set_numbers(filter, value, err);
    if (status == E_NOT_FOUND)
        return err_set(err, E_USAGE,
                       "'%s' is no member of this request, or not of this type; it takes "
                       "integration, entity, state, since, until, class, where (texts), numbers "
                       "(a list), all, new_key, dry_run (true or false), limit, after (numbers)",
                       name);
    return status;
}

int api_filter_read(struct api_filter *filter, struct str body, struct err *err)
{
    json_error_t problem;
    const char *name;
    json_t *value;
    int status = 0;
    body = str_trim(body);
    filter->query.limit = LIMIT_DEFAULT;
    json_t *json = json_loadb(body.len > 0 ? body.ptr : "{}", body.len > 0 ? body.len : 2,
                              JSON_REJECT_DUPLICATES, &problem);

    if (json == NULL)
        return err_set(err, E_SYNTAX, "The body is no JSON: line %d, column %d: %s", problem.line,
                       problem.column, problem.text);
    if (!json_is_object(json))
        status = err_set(err, E_USAGE, "The body is no JSON object.");
    json_object_foreach(json, name, value)
    {
        if (status == 0)
            status = set_member(filter, name, value, err);
    }
    json_decref(json);
    borrow(filter);
    return status;
}

struct api_filter *api_filter_of_body(struct api_call *call)
{
    _guard_(filter) struct api_filter *filter = filter_create(call);
    struct err err = {0};

    if (filter == NULL)
        return NULL;
    int status = api_filter_read(filter, http_exchange_body(call->exchange), &err);
    if (status < 0) {
        api_reply_error(call, status, &err);
        return NULL;
    }
    return steal(filter);
}

/* ---- whose ---- */

struct resolving {
    struct store_query query; /* first: the query is the whole */
    struct api_filter *filter;
    void (*then)(struct api_filter *filter);
};

/* [pool] */
static bool on_integration(struct store_query *query, const struct store_row *row)
{
    struct api_filter *filter = ((struct resolving *)query)->filter;

    if (str_equals(row->name, buf_str(&filter->integration)))
        filter->query.integration = row->integration;
    return filter->query.integration == 0;
}

static void on_resolved(struct store_op *op)
{
    struct resolving *resolving = (struct resolving *)op;
    struct api_filter *filter = resolving->filter;
    void (*then)(struct api_filter * filter) = resolving->then;

    struct err err = op->error;
    int status = op->status;
    free(resolving);
    if (status == 0 && filter->query.integration != 0) {
        then(filter);
        return;
    }
    if (status < 0)
        api_reply_error(filter->call, status, &err);
    else
        api_reply_no_integration(filter->call, buf_str(&filter->integration).ptr);
    api_filter_destroy(filter);
}

void api_filter_resolve(struct api_filter *filter, void (*then)(struct api_filter *filter))
{
    struct engine_integration integration;

    if (filter->integration.len == 0) {
        then(filter);
        return;
    }
    if (engine_integration_find(filter->call->engine, filter->integration.ptr, &integration) &&
        integration.number != 0) {
        filter->query.integration = integration.number;
        then(filter);
        return;
    }
    /* Its ini may be gone while the store still has its submissions. */
    struct resolving *resolving = calloc(1, sizeof(*resolving));
    if (resolving == NULL) {
        api_reply_error(filter->call, -ENOMEM, NULL);
        api_filter_destroy(filter);
        return;
    }
    resolving->filter = filter;
    resolving->then = then;
    resolving->query = (struct store_query){
        .op.done = on_resolved, .query = QUERY_INTEGRATIONS, .row = on_integration};
    store_query(engine_store(filter->call->engine), &resolving->query);
}
