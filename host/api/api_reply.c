/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_call.h"
#include "api/api_figures.h"
#include "base/json.h"
#include "base/secret.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {504, "Gateway Timeout"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {411, "Length Required"},
    {415, "Unsupported Media Type"},
    {426, "Upgrade Required"},
    {431, "Request Header Fields Too Large"},
};

/* What the rooms below say, in HTTP's words. */
static const struct {
    int error;
    int status;
    const char *code;
} errors[] = {
    {E_SYNTAX, 400, "bad_json"},     {E_USAGE, 400, "bad_request"},
    {-EINVAL, 400, "bad_request"},   {-ERANGE, 400, "bad_request"},
    {E_TOO_LARGE, 413, "too_large"}, {E_NOT_FOUND, 404, "not_found"},
    {E_REFUSED, 409, "refused"},     {E_CONFLICT, 412, "version_conflict"},
    {E_STOPPED, 503, "stopping"},    {E_UNREACHABLE, 503, "unreachable"},
    {-ENOMEM, 503, "no_memory"},     {-EAGAIN, 503, "busy"},
    {-ENOSPC, 507, "no_space"},      {-EDQUOT, 507, "no_space"},
};

static const char *phrase_of(int status)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return "Error";
}

static void problem_body(struct buf *out, int status, const char *code, struct str detail)
{
    buf_printf(out, "{\"type\":\"urn:tenon:problem:%s\"", code);
    json_put_member(out, "title", str_of(phrase_of(status)));
    json_put_int(out, "status", status);
    api_put_masked(out, "detail", detail);
    json_put_member(out, "code", str_of(code));
    buf_puts(out, "}\n");
}

void api_reply_bare(struct http_exchange *exchange, int status, const char *code,
                    const char *detail)
{
    _buf_ struct buf body = {0};

    problem_body(&body, status, code, str_of(detail));
    http_exchange_reply(exchange, status, "application/problem+json", NULL, &body);
}

void api_reply(struct api_call *call, int status, const char *content_type, const char *headers,
               struct buf *body)
{
    struct http_exchange *exchange = call->exchange;

    if (body->failed) {
        buf_finish(body);
        status = 503;
        content_type = "application/problem+json";
        headers = NULL;
        buf_puts(body, "{\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"no_memory\","
                       "\"detail\":\"There was no memory left to build the answer.\"}\n");
    }
    if (exchange != NULL) {
        /* The exchange must not call us any more: the call ends here. */
        http_exchange_set_user(exchange, NULL, NULL);
        call->exchange = NULL;
        http_exchange_reply(exchange, status, content_type, headers, body);
    }
    buf_finish(body);
    api_call_end(call, status);
}

void api_reply_json(struct api_call *call, int status, struct buf *body)
{
    api_reply(call, status, "application/json", NULL, body);
}

static void reply_problem(struct api_call *call, int status, const char *code, const char *headers,
                          struct str detail)
{
    _buf_ struct buf body = {0};

    problem_body(&body, status, code, detail);
    api_reply(call, status, "application/problem+json", headers, &body);
}

void api_reply_problem(struct api_call *call, int status, const char *code, const char *format, ...)
{
    _buf_ struct buf detail = {0};
    va_list args;

    va_start(args, format);
    buf_vprintf(&detail, format, args);
    va_end(args);
    reply_problem(call, status, code, NULL, buf_str(&detail));
}

void api_reply_problem_with(struct api_call *call, int status, const char *code,
                            const char *headers, const char *format, ...)
{
    _buf_ struct buf detail = {0};
    va_list args;

    va_start(args, format);
    buf_vprintf(&detail, format, args);
    va_end(args);
    reply_problem(call, status, code, headers, buf_str(&detail));
}

void api_reply_error(struct api_call *call, int status, const struct err *err)
{
    const char *code = "failed";
    int http_status = 500;
    const char *text = err != NULL && err->text[0] != '\0' ? err->text : err_name(status);

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].error == status) {
            http_status = errors[i].status;
            code = errors[i].code;
        }
    }
    reply_problem(call, http_status, code, http_status == 503 ? "Retry-After: 1\r\n" : NULL,
                  str_of(text));
}

bool api_reply_if_over(struct api_call *call)
{
    if (call->exchange != NULL)
        return false;
    api_reply_problem(call, 503, "stopping", "The daemon is stopping.");
    return true;
}
