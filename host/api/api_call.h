/* SPDX-License-Identifier: Apache-2.0
 * One request on its way through this room. A handler gets a call and answers it exactly once with
 * an api_reply_... function, at once or later; that frees the call, also when the peer or the whole
 * api has gone meanwhile. [loop] */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/api_access.h"
#include "base/err.h"
#include "base/str.h"
#include "engine/engine.h"
#include "http/http_server.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct api;
struct api_route;
struct api_stream_events;

struct api_call {
    struct api *api; /* NULL: gone; the call lives on until its answer */
    struct engine *engine;
    struct http_exchange *exchange; /* NULL: the peer's connection is gone for good */
    struct http_exchange *left;     /* then, without an api: what may still be read of it */
    const struct api_route *route;
    struct api_peer peer;
    struct buf id;    /* the decoded {id} of the path */
    struct buf name;  /* the decoded {name}, where the path has one */
    struct buf type;  /* ?type=, kept for whoever borrows it until done */
    struct buf trace; /* what traceparent and tracestate say, the same */
    struct buf more;  /* members that go into the answer, each behind a comma */
    bool is_created;  /* what it answers with is new: 201 */
    bool is_live;     /* has become a WebSocket */
    const struct api_stream_events *stream; /* NULL: not answered by a stream (api_stream.h) */
    void *stream_user;                      /* also of who asked to hear that the peer has gone */
    bool is_view;                           /* counted among the live views */
    int place;                              /* enum api_place, held until its end */
    /* The api stops: the call, which waits for what may last, ends soon, perhaps from within. Told
     * once; NULL: it ends by itself soon enough. */
    void (*stop)(struct api_call *call);
    struct api_call *previous, *next; /* the api's list */
};

typedef void (*api_handler_fn)(struct api_call *call);

/* ---- who may (api_may.c) ---- */

/* May the peer do this at `integration` (STR_NONE: at the host as a whole)? The route's own scope
 * was asked for before the handler ran; a handler asks where one route does several things (lists
 * that leave out what may not be seen, tools, topics), and again before each of a stream's. */
bool api_may(const struct api_call *call, enum api_scope scope, struct str integration);
/* Whether anything of it is theirs: what is described to them then. */
bool api_may_use(const struct api_call *call, const char *integration);
/* The same, answering the call with a 403 that says what is missing; the call is then gone. */
bool api_may_or_reply(struct api_call *call, enum api_scope scope, struct str integration);
bool api_may_use_or_reply(struct api_call *call, const char *integration);
/* Answers with a refusal of the door, and counts it. */
void api_refuse(struct api_call *call, enum api_refusal refusal, const char *words);
/* What calling an action wants: read when it changes nothing, else submit. */
enum api_scope api_action_scope(const struct plugin_action *action);

/* Serves a request from within, made by http_exchange_within: it may do what the peer of `outer`
 * may. [loop] */
void api_call_within(struct api_call *outer, struct http_exchange *exchange);

/* ---- answers (api_reply.c) ---- */

/* Takes over `body`. `headers`: extra "Name: value\r\n" text or NULL. */
void api_reply(struct api_call *call, int status, const char *content_type, const char *headers,
               struct buf *body);
void api_reply_json(struct api_call *call, int status, struct buf *body);
/* RFC 9457. `code` is stable and a word; secrets in the sentence are masked. */
void api_reply_problem(struct api_call *call, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void api_reply_problem_with(struct api_call *call, int status, const char *code,
                            const char *headers, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* A negative status of a room below as a problem; `err` gives the sentence (NULL or empty: the
 * status' name). */
void api_reply_error(struct api_call *call, int status, const struct err *err);
/* True, and answered, when nobody is there any more to answer: then the store may be gone as well,
 * and a handler whose wait has ended must not begin anything new. */
bool api_reply_if_over(struct api_call *call);
/* Takes one of the few places for calls of this kind (enum api_place), until the call ends. False,
 * and answered: none is free, or the daemon stops. */
bool api_take_place_or_reply(struct api_call *call, int place);
/* For a request that never became a call (out of memory). */
void api_reply_bare(struct http_exchange *exchange, int status, const char *code,
                    const char *detail);

/* Why [api] of tenon.ini was not taken when it was read last; "" when it was. */
const char *api_problem(const struct api *api);
/* NULL: the api is gone. */
struct api_access *api_access_of(const struct api_call *call);

/* ---- arguments (api_argument.c) ---- */

/* What is said of an argument, or of a body's member, that has no value: no filter at all is
 * another wish than a filter by nothing. */
#define API_EMPTY "it is empty; give it a value, or leave it out"

/* Each answers the call with a 400 that names the argument and returns false when the value is not
 * usable; the call is then gone. */
bool api_argument_number(struct api_call *call, const char *name, uint64_t min, uint64_t max,
                         uint64_t fallback, uint64_t *out);
/* All known to the route, and none empty that is no flag. */
bool api_arguments_are_good(struct api_call *call);
bool api_argument_is_set(struct api_call *call,
                         const char *name); /* present and not "0", "no", "false" */
/* The value of `name`: a time, or how long ago. 0, or E_USAGE with words that name it. */
int api_read_past(const char *name, struct str text, int64_t *out_wall_ms, struct err *err);
/* The trace that the request is part of, kept until the call ends; or none. */
struct str api_call_trace(struct api_call *call);
bool api_percent_decode(struct str raw, struct buf *out); /* false: bad escape or not UTF-8 */

/* ---- JSON of what several handlers show (api_show.c); also on the reader thread: [any] ---- */

void api_put_time(struct buf *out, const char *name,
                  int64_t wall_ms); /* RFC 3339; nothing when 0 */
/* The same for a time by clock_due_ms, shown as the wall clock will show it then. */
void api_put_due(struct buf *out, const char *name, int64_t due_ms);
void api_put_bool(struct buf *out, const char *name, bool is_true);
void api_put_masked(struct buf *out, const char *name, struct str text); /* nothing when empty */
void api_put_integration(struct buf *out,
                         const struct engine_integration *integration); /* members, no braces */
void api_put_trace(struct buf *out, struct str trace, bool with_span);  /* nothing when none */
void api_put_submission(struct buf *out, const struct store_row *row);  /* members, no braces */
void api_put_attempt(struct buf *out, const struct store_row *row);     /* a whole object */
void api_put_comma(struct buf *out);                                    /* unless after { or [ */

#endif
