/* SPDX-License-Identifier: Apache-2.0
 * From a POST's body to its answer: each message a request of its own, the answers together. */
#include "api/api_mcp.h"
#include "base/cleanup.h"
#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

struct mcp_post {
    struct mcp *mcp;
    struct api_call *call; /* NULL: handed on as a stream */
    struct mcp_post *next, **place;
    struct mcp_request *requests; /* not answered yet */
    struct mcp_session *session;
    struct buf out;     /* the answers so far */
    struct buf headers; /* of the reply */
    int status;
    bool is_batch;
    bool is_reading; /* messages are still being taken: the reply waits */
};

static void request_destroy(struct mcp_request *request)
{
    if (request->inner != NULL)
        http_exchange_drop(request->inner);
    buf_finish(&request->id);
    buf_finish(&request->subject);
    free(request);
}

static void post_destroy(struct mcp_post *post)
{
    while (post->requests != NULL) {
        struct mcp_request *request = post->requests;
        post->requests = request->next;
        request_destroy(request);
    }
    *post->place = post->next;
    if (post->next != NULL)
        post->next->place = post->place;
    buf_finish(&post->out);
    buf_finish(&post->headers);
    free(post);
}

/* Everything is answered: so is the POST. */
static void finish(struct mcp_post *post)
{
    struct api_call *call = post->call;
    struct buf body = {0};

    if (post->is_reading || post->requests != NULL)
        return;
    if (call != NULL) {
        if (post->out.len == 0) {
            api_reply(call, 202, NULL, NULL, &body);
        } else {
            if (post->is_batch)
                buf_putc(&post->out, ']');
            body = post->out;
            post->out = (struct buf){0};
            api_reply(call, post->is_batch ? 200 : post->status, "application/json",
                      post->headers.len > 0 ? post->headers.ptr : NULL, &body);
        }
    }
    post_destroy(post);
}

/* The peer went before all was answered: for MCP, that is how a request is cancelled. */
static void on_gone(void *user)
{
    struct api_call *call = user;
    struct mcp_post *post = call->stream_user;
    struct buf body = {0};

    post_destroy(post);
    api_reply(call, 202, NULL, NULL, &body); /* nobody reads it; the call ends */
}

static void drop(struct mcp_request *request)
{
    struct mcp_post *post = request->post;

    for (struct mcp_request **at = &post->requests; *at != NULL; at = &(*at)->next) {
        if (*at != request)
            continue;
        *at = request->next;
        break;
    }
    request_destroy(request);
    finish(post);
}

struct api_call *api_mcp_call(const struct mcp_request *request)
{
    return request->post->call;
}

struct mcp *api_mcp_of(const struct mcp_request *request)
{
    return request->post->mcp;
}

/* ---- answers ---- */

/* A line break between tokens is JSON, but would end an event or a line of stdio. */
static void add_answer(struct mcp_post *post, struct buf *answer)
{
    for (size_t i = 0; i < answer->len; i++)
        if (answer->ptr[i] == '\n' || answer->ptr[i] == '\r')
            answer->ptr[i] = ' ';
    if (post->is_batch)
        buf_putc(&post->out, post->out.len > 0 ? ',' : '[');
    buf_add_str(&post->out, buf_str(answer));
    post->out.failed |= answer->failed;
}

/* An id that could not be read is left out: MCP knows no null there. */
static void start_answer(struct buf *out, struct str id)
{
    buf_puts(out, "{\"jsonrpc\":\"2.0\"");
    if (id.len > 0)
        json_put_raw(out, "id", id);
}

void api_mcp_reply(struct mcp_request *request, struct buf *members, int ttl_ms)
{
    struct mcp_post *post = request->post;
    _buf_ struct buf answer = {0};

    start_answer(&answer, buf_str(&request->id));
    buf_puts(&answer, ",\"result\":{");
    buf_add_str(&answer, buf_str(members));
    if (request->is_modern) {
        json_put_member(&answer, "resultType", STR("complete"));
        if (ttl_ms >= 0) {
            json_put_int(&answer, "ttlMs", ttl_ms);
            json_put_member(&answer, "cacheScope", STR("private"));
        }
        buf_puts(&answer, ",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"tenon\","
                          "\"version\":\"" TENON_VERSION "\"}}");
    }
    buf_puts(&answer, "}}");
    answer.failed |= members->failed;
    buf_finish(members);
    add_answer(post, &answer);
    drop(request);
}

static void put_error(struct buf *out, struct str id, int code, struct str words, struct str data)
{
    start_answer(out, id);
    buf_puts(out, ",\"error\":{");
    json_put_int(out, "code", code);
    api_put_masked(out, "message", words);
    if (data.len > 0)
        json_put_raw(out, "data", data);
    buf_puts(out, "}}");
}

void api_mcp_fail_with(struct mcp_request *request, int code, int http_status, struct str data,
                       const char *format, ...)
{
    struct mcp_post *post = request->post;
    _buf_ struct buf answer = {0};
    _buf_ struct buf words = {0};
    va_list args;

    va_start(args, format);
    buf_vprintf(&words, format, args);
    va_end(args);
    put_error(&answer, buf_str(&request->id), code, buf_str(&words), data);
    post->status = http_status;
    add_answer(post, &answer);
    drop(request);
}

void api_mcp_fail(struct mcp_request *request, int code, const char *format, ...)
{
    _buf_ struct buf words = {0};
    va_list args;

    va_start(args, format);
    buf_vprintf(&words, format, args);
    va_end(args);
    api_mcp_fail_with(request, code, 200, STR_NONE, "%s", buf_str(&words).ptr);
}

/* ---- asking a route ---- */

static void on_inner(void *user, int status, struct buf *body)
{
    struct mcp_request *request = user;

    request->inner = NULL;
    request->answered(request, status, buf_str(body));
}

void api_mcp_ask(struct mcp_request *request, const char *method, struct str target,
                 struct buf *body, mcp_answered_fn answered)
{
    request->answered = answered;
    request->inner = http_exchange_within(method, target, body, on_inner, request);
    buf_finish(body);
    if (request->inner == NULL)
        api_mcp_fail(request, MCP_INVALID_PARAMS,
                     "the arguments are too long for a request's head, or memory ran out");
    else
        api_call_within(request->post->call, request->inner);
}

/* ---- taking messages ---- */

static struct mcp_request *request_create(struct mcp_post *post, struct str id)
{
    struct mcp_request *request = calloc(1, sizeof(*request));

    if (request == NULL)
        return NULL;
    request->post = post;
    request->session = post->session;
    request->next = post->requests;
    post->requests = request;
    buf_add_str(&request->id, id);
    return request;
}

/* What cannot be told to a request, since none could be read. */
static void refuse(struct mcp_post *post, struct str id, int code, const char *words)
{
    _buf_ struct buf answer = {0};

    put_error(&answer, id, code, str_of(words), STR_NONE);
    post->status = 400;
    add_answer(post, &answer);
}

static void take(struct mcp_post *post, struct str value)
{
    struct mcp_message message;
    struct err err = {0};
    int code = api_mcp_message_read(value, &message, &err);

    if (code != 0) {
        refuse(post, message.id, code, err.text);
        return;
    }
    if (message.kind == MCP_NOTIFICATION)
        api_mcp_note(post->mcp, post->session, message.method, message.params);
    if (message.kind != MCP_REQUEST)
        return; /* we ask clients nothing, so no answer of theirs means anything */
    struct mcp_request *request = request_create(post, message.id);
    if (request == NULL)
        refuse(post, message.id, MCP_INTERNAL_ERROR, "out of memory");
    else
        api_mcp_run(request, message.method, message.params);
}

static bool batches(const struct mcp_session *session)
{
    return session != NULL && strcmp(api_mcp_session_version(session), "2025-03-26") == 0;
}

static void take_all(struct mcp_post *post, struct str body)
{
    struct err err = {0};
    struct str value;
    struct str rest;
    size_t count = 0;
    bool is_batch = false;
    int code = api_mcp_body_open(body, &rest, &is_batch, &err);

    if (code == 0 && is_batch && !batches(post->session)) {
        code = MCP_INVALID_REQUEST;
        (void)err_set(&err, E_SYNTAX,
                      "batches are part of 2025-03-26 alone; send one message a request");
    }
    if (code != 0) {
        refuse(post, STR_NONE, code, err.text);
        return;
    }
    post->is_batch = is_batch;
    while (api_mcp_body_next(&rest, is_batch, &value)) {
        if (++count > MCP_BATCH_MAX) {
            refuse(post, STR_NONE, MCP_INVALID_REQUEST, "a batch has at most 64 messages");
            return;
        }
        take(post, value);
    }
}

void api_mcp_post_take(struct mcp *mcp, struct api_call *call, struct mcp_session *session)
{
    struct mcp_post *post = calloc(1, sizeof(*post));
    struct mcp_post **first = api_mcp_posts(mcp);

    if (post == NULL) {
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    post->mcp = mcp;
    post->call = call;
    post->session = session;
    post->status = 200;
    post->place = first;
    post->next = *first;
    if (*first != NULL)
        (*first)->place = &post->next;
    *first = post;
    call->stream_user = post;
    http_exchange_on_gone(call->exchange, on_gone);
    post->is_reading = true;
    take_all(post, http_exchange_body(call->exchange));
    post->is_reading = false;
    finish(post);
}

/* ---- around a request ---- */

struct api_call *api_mcp_post_stream(struct mcp_request *request, struct buf *out_id)
{
    struct mcp_post *post = request->post;
    struct api_call *call = post->call;

    if (post->is_batch) {
        api_mcp_fail(request, MCP_INVALID_REQUEST, "a stream cannot be opened in a batch");
        return NULL;
    }
    buf_add_str(out_id, buf_str(&request->id));
    http_exchange_on_gone(call->exchange, NULL);
    post->call = NULL;
    drop(request);
    return call;
}

void api_mcp_post_cancel(struct mcp *mcp, const struct mcp_session *session, struct str id)
{
    for (struct mcp_post *post = *api_mcp_posts(mcp); post != NULL; post = post->next) {
        for (struct mcp_request *request = post->requests; request != NULL;
             request = request->next) {
            if (request->session != session || !str_equals(buf_str(&request->id), id))
                continue;
            drop(request);
            return;
        }
    }
}

void api_mcp_post_session_ends(struct mcp *mcp, const struct mcp_session *session)
{
    for (struct mcp_post *post = *api_mcp_posts(mcp); post != NULL; post = post->next) {
        if (post->session == session)
            post->session = NULL;
        for (struct mcp_request *request = post->requests; request != NULL; request = request->next)
            if (request->session == session)
                request->session = NULL;
    }
}

void api_mcp_post_set_session(struct mcp_request *request, struct mcp_session *session)
{
    request->session = session;
    buf_printf(&request->post->headers, "Mcp-Session-Id: %s\r\n", api_mcp_session_id(session));
}
