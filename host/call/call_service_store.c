/* SPDX-License-Identifier: Apache-2.0
 * tenon.store/1. Each function puts its members into the question in their order, numbers in
 * decimal; the one text of the answer is JSON for the sink. */
#include "call/call_server.h"

#include <stdio.h>

enum { DIGITS = 24 };

static tenon_str number(uint64_t value, char space[DIGITS])
{
    snprintf(space, DIGITS, "%llu", (unsigned long long)value);
    return tenon_text(space);
}

static int32_t ask(const tenon_host *host, struct wire_ask *question, tenon_sink *out,
                   tenon_err *err)
{
    struct call_ask asked;

    question->service = tenon_text(TENON_STORE_1);
    int32_t code = call_service_ask(host, question, &asked, err);
    if (code != TENON_OK)
        return code;
    if (out != NULL)
        code = out->write(out, asked.answer.texts[0].ptr, asked.answer.texts[0].len);
    call_service_done(host, &asked);
    return code;
}

static int32_t get(const tenon_host *host, tenon_str id, tenon_sink *out, tenon_err *err)
{
    struct wire_ask question = {.function = tenon_text("get"), .count = 1, .texts = {id}};

    return ask(host, &question, out, err);
}

static int32_t add(const tenon_host *host, tenon_str type, tenon_str data, tenon_sink *out,
                   tenon_err *err)
{
    struct wire_ask question = {.function = tenon_text("add"), .count = 2, .texts = {type, data}};

    return ask(host, &question, out, err);
}

static int32_t update(const tenon_host *host, const tenon_change *change, tenon_sink *out,
                      tenon_err *err)
{
    char version[DIGITS];
    bool is_merge = (change->flags & TENON_CHANGE_MERGE) != 0;
    struct wire_ask question = {
        .function = tenon_text(is_merge ? "merge" : "put"),
        .count = 4,
        .texts = {change->id, change->type, change->data, number(change->if_version, version)},
    };

    return ask(host, &question, out, err);
}

static int32_t drop(const tenon_host *host, tenon_str id, uint64_t if_version, tenon_sink *out,
                    tenon_err *err)
{
    char version[DIGITS];
    struct wire_ask question = {
        .function = tenon_text("remove"),
        .count = 2,
        .texts = {id, number(if_version, version)},
    };

    return ask(host, &question, out, err);
}

static int32_t search(const tenon_host *host, const tenon_search *search, tenon_sink *out,
                      tenon_err *err)
{
    char limit[DIGITS];
    char after[DIGITS];
    struct wire_ask question = {
        .function = tenon_text("search"),
        .count = 6,
        .texts = {number(search->limit, limit), number(search->after, after), search->type,
                  search->text, search->fields, search->key},
    };

    return ask(host, &question, out, err);
}

static int32_t ask_edge(const tenon_host *host, const char *function,
                        const tenon_relationship *edge, tenon_sink *out, tenon_err *err)
{
    char limit[DIGITS];
    char after[DIGITS];
    struct wire_ask question = {
        .function = tenon_text(function),
        .count = 6,
        .texts = {number(edge->limit, limit), number(edge->after, after), edge->from, edge->type,
                  edge->to, edge->data},
    };

    return ask(host, &question, out, err);
}

static int32_t relate(const tenon_host *host, const tenon_relationship *edge, tenon_sink *out,
                      tenon_err *err)
{
    return ask_edge(host, "relate", edge, out, err);
}

static int32_t unrelate(const tenon_host *host, const tenon_relationship *edge, tenon_sink *out,
                        tenon_err *err)
{
    return ask_edge(host, "unrelate", edge, out, err);
}

static int32_t relations(const tenon_host *host, const tenon_relationship *like, tenon_sink *out,
                         tenon_err *err)
{
    return ask_edge(host, "relations", like, out, err);
}

static int32_t attributes(const tenon_host *host, tenon_str id, tenon_sink *out, tenon_err *err)
{
    struct wire_ask question = {.function = tenon_text("attributes"), .count = 1, .texts = {id}};

    return ask(host, &question, out, err);
}

static int32_t set_attribute(const tenon_host *host, tenon_str id, tenon_str name, tenon_str value,
                             tenon_err *err)
{
    struct wire_ask question = {
        .function = tenon_text("set_attribute"), .count = 3, .texts = {id, name, value}};

    return ask(host, &question, NULL, err);
}

const tenon_store call_service_store = {
    sizeof(tenon_store), 0,          get,           add, update, drop, search, relate, unrelate,
    relations,           attributes, set_attribute,
};
