/* SPDX-License-Identifier: Apache-2.0
 * What requests and answers look like, for the OpenAPI document: a JSON Schema per noun, and which
 * route speaks of which. The tests hold every answer against it. A new route is a row here too; a
 * new noun a row in api_nouns.c. Inside this room only. [any] */
#ifndef API_SCHEMAS_H
#define API_SCHEMAS_H

#include "api/api_call.h"
#include "api/api_scope.h"

/* Members are words "name:type", or "name?:type" for one that may be missing; no others may be
 * there unless the last is "*:any". Types: text, time (RFC 3339), int, number, bool, null, any,
 * object; a noun by its name; TYPE[] a list; {TYPE} an object with values of it under any name;
 * TYPE~ or null; a|b|c one of these texts, A|B one of these nouns. "=TYPE" alone: the noun is no
 * object. */
struct api_noun {
    const char *name;
    const char *help;
    const char *members;
};
extern const struct api_noun api_nouns[]; /* api_nouns.c */
extern const size_t api_noun_count;

void api_put_noun(struct buf *out, const struct api_noun *noun); /* its JSON Schema */
void api_put_noun_reference(struct buf *out, const char *name);  /* {"$ref":...} */

enum { API_ANSWERS_MAX = 5 };

struct api_answer {
    int status; /* 0: no more */
    const char *noun;
    const char *type; /* NULL: application/json */
};

/* By handler: routes of two names say the same. Failures are Problem, always. */
struct api_speech {
    api_handler_fn handler;
    const char *request;      /* a noun, or NULL: takes no body */
    const char *request_type; /* NULL: application/json */
    bool may_be_empty;        /* a request without a body is fine, too */
    struct api_answer answers[API_ANSWERS_MAX];
};
const struct api_speech *api_speech_of(api_handler_fn handler); /* NULL: there is no row */

/* ---- who may (api_security.c) ---- */

/* Members of an operation: x-scope, and the ways in. */
void api_put_permission(struct buf *out, enum api_scope scope);
/* Among its answers, each behind a comma; nothing where nobody is asked who he is. */
void api_put_refused_answers(struct buf *out, enum api_scope scope);
/* Members of the components that the two refer to. */
void api_put_security_components(struct buf *out);

#endif
