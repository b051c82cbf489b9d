/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_call.h"
#include "api/api_routes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/percent.h"
#include "base/trace.h"

enum { ARGUMENTS_MAX = 16 };

bool api_percent_decode(struct str raw, struct buf *out)
{
    return percent_decode(raw, 0, out) == 0 && !out->failed && str_is_utf8(buf_str(out));
}

static bool find_known(const char *arguments, struct str name, bool *out_is_flag)
{
    struct str rest = str_of(arguments);
    struct str known;

    while (api_route_argument(&rest, &known, out_is_flag))
        if (str_equals(known, name))
            return true;
    return false;
}

static void reply_unknown(struct api_call *call, struct str given)
{
    struct str rest = str_of(call->route->arguments);
    struct str name;
    _buf_ struct buf known = {0};
    _buf_ struct buf copy = {0};
    _free_ char *word = str_dup(given);
    const char *names[ARGUMENTS_MAX];
    size_t count = 0;
    bool is_flag;

    while (api_route_argument(&rest, &name, &is_flag))
        buf_printf(&known, "%s%.*s", known.len > 0 ? "," : "", STR_ARG(name));
    buf_add_str(&copy, buf_str(&known));
    for (char *at = copy.ptr; at != NULL && count < ARGUMENTS_MAX;) {
        char *comma = strchr(at, ',');
        if (comma != NULL)
            *comma = '\0';
        names[count++] = at;
        at = comma != NULL ? comma + 1 : NULL;
    }
    const char *near = word != NULL ? str_nearest(word, names, count) : NULL;
    if (near != NULL)
        api_reply_problem(call, 400, "unknown_argument",
                          "There is no argument '%.*s'; perhaps '%s' was meant.", STR_ARG(given),
                          near);
    else
        api_reply_problem(call, 400, "unknown_argument",
                          "There is no argument '%.*s' here; known: %s.", STR_ARG(given),
                          known.len > 0 ? known.ptr : "none");
}

/* A misspelled argument that is silently ignored would list everything, or delete the wrong thing;
 * so would one whose value is missing, as a script writes it whose variable is not set. */
bool api_arguments_are_good(struct api_call *call)
{
    struct str rest = http_exchange_query(call->exchange);
    struct str pair;

    if (rest.len == 0 || strcmp(call->route->arguments, API_ANY_ARGUMENT) == 0)
        return true;
    while (str_next(&rest, '&', &pair)) {
        struct str name = pair;
        struct str value = pair;
        bool is_flag;
        (void)str_next(&value, '=', &name); /* a pair without '=' is all name */
        if (pair.len == 0)
            continue;
        if (!find_known(call->route->arguments, name, &is_flag)) {
            reply_unknown(call, name);
            return false;
        }
        if (value.len == 0 && !is_flag) {
            api_reply_problem(call, 400, "bad_argument", "Argument %.*s: " API_EMPTY ".",
                              STR_ARG(name));
            return false;
        }
    }
    return true;
}

int api_read_past(const char *name, struct str text, int64_t *out_wall_ms, struct err *err)
{
    if (clock_parse_past(text, out_wall_ms) == 0)
        return 0;
    return err_set(err, E_USAGE,
                   "%s: '%.*s' is neither a time (2026-11-21T05:24:00Z) nor how long ago (90s, "
                   "30m, 2h, 7d)",
                   name, STR_ARG(text));
}

struct str api_call_trace(struct api_call *call)
{
    struct str parent = http_exchange_header(call->exchange, "traceparent");

    if (parent.len > 0)
        trace_accept(parent, http_exchange_header(call->exchange, "tracestate"), &call->trace);
    return call->trace.failed ? STR_NONE : buf_str(&call->trace);
}

bool api_argument_number(struct api_call *call, const char *name, uint64_t min, uint64_t max,
                         uint64_t fallback, uint64_t *out)
{
    _buf_ struct buf text = {0};
    int64_t number;

    if (!http_exchange_argument(call->exchange, name, &text)) {
        *out = fallback;
        return true;
    }
    if (str_to_i64(buf_str(&text), &number) < 0 || number < 0 || (uint64_t)number < min ||
        (uint64_t)number > max) {
        api_reply_problem(call, 400, "bad_argument",
                          "Argument %s: '%s' is not a whole number from %llu to %llu.", name,
                          text.ptr, (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    *out = (uint64_t)number;
    return true;
}

bool api_argument_is_set(struct api_call *call, const char *name)
{
    _buf_ struct buf text = {0};

    if (http_exchange_query(call->exchange).len == 0 ||
        !http_exchange_argument(call->exchange, name, &text))
        return false;
    struct str value = buf_str(&text);
    return !str_is(value, "0") && !str_is(value, "no") && !str_is(value, "false");
}
