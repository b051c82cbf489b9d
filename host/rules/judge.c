/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/judge.h"

#include <stddef.h>
#include <tenon/tenon.h>

struct judgement judge_status(int http_status)
{
    if (http_status >= 200 && http_status < 300)
        return (struct judgement){TENON_ACCEPTED, TENON_OK};
    switch (http_status) {
    case 401: /* a key may be mended meanwhile: the record is not to blame */
    case 403:
    case 407:
        return (struct judgement){TENON_RETRY, TENON_E_AUTH};
    case 408: /* the server gave up waiting for us */
    case 425:
        return (struct judgement){TENON_RETRY, TENON_E_SERVER};
    case 429:
        return (struct judgement){TENON_RETRY, TENON_E_RATE_LIMITED};
    default:
        break;
    }
    if (http_status >= 500 && http_status < 600)
        return (struct judgement){TENON_RETRY, TENON_E_SERVER};
    if (http_status == 400 || http_status == 413 || http_status == 415 || http_status == 422)
        return (struct judgement){TENON_REJECTED, TENON_E_VALIDATION};
    return (struct judgement){TENON_REJECTED, TENON_E_PERMANENT};
}

struct judgement judge_lookup(int http_status)
{
    struct judgement judged = judge_status(http_status);

    if (http_status == 404 || http_status == 410)
        return (struct judgement){TENON_NOT_THERE, TENON_OK};
    if (judged.verdict != TENON_ACCEPTED)
        judged.verdict = TENON_UNSURE;
    return judged;
}

const char *judge_class_name(int error_class)
{
    static const char *const names[] = {
        "none",      "connection", "authentication", "validation", "rate-limited", "server",
        "permanent", "cancelled",  "unknown",        "no-memory",  "unsupported",
    };
    int index = -error_class;

    if (index < 0 || (size_t)index >= sizeof names / sizeof *names)
        return "unknown";
    return names[index];
}
