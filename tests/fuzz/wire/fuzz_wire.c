/* SPDX-License-Identifier: Apache-2.0
 * Both directions of the worker's pipe. The first byte chooses: worker -> host bytes go through the
 * real reader and the real reply parser; host -> worker bytes through the decoders that the call
 * room uses. Results are walked, so that a wrong length shows under the address sanitizer. */
#include "plugin/plugin_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sum;

static void touch(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        sum += (unsigned char)text.ptr[i];
}

/* What a worker says of its actions, and the rest of the frame as arguments for each. */
static void declared(struct wire_in in)
{
    struct wire_facts facts;
    struct wire_action order;
    struct err err = {0};

    if (wire_get_facts(&in, &facts) < 0)
        return;
    (void)plugin_signal_check(&facts, &err); /* what it says is not looked at */
    err = (struct err){0};
    struct plugin_tool *tools = plugin_mcp_read(&facts, &err);
    for (uint32_t i = 0; tools != NULL && i < facts.tool_count; i++)
        touch(tools[i].schema);
    free(tools);
    err = (struct err){0};
    struct plugin_action *actions = plugin_action_read(facts.actions, facts.action_count, 0, &err);
    for (uint32_t i = 0; actions != NULL && i < facts.action_count; i++) {
        _buf_ struct buf texts = {0};
        touch(actions[i].help);
        if (plugin_action_fill(&actions[i], plugin_text(facts.confinement), &order, &texts, &err) <
            0)
            continue;
        for (uint32_t n = 0; n < order.count; n++)
            touch(plugin_text(order.arguments[n].text));
    }
    free(actions);
}

/* What a worker says of its commands and routes, and the rest as a path. */
static void surface(struct wire_in in)
{
    struct str parameters[PLUGIN_SEGMENTS_MAX];
    struct wire_facts facts;
    struct err err = {0};
    size_t count;

    if (wire_get_facts(&in, &facts) < 0)
        return;
    free(plugin_surface_commands(&facts, &err));
    struct plugin_route *routes = plugin_surface_routes(&facts, &err);
    for (uint32_t i = 0; routes != NULL && i < facts.route_count; i++)
        if (plugin_route_matches(&routes[i], plugin_text(facts.confinement), parameters, &count))
            for (size_t n = 0; n < count; n++)
                touch(parameters[n]);
    free(routes);
}

static void ended(const struct wire_header *header, struct wire_in in)
{
    struct plugin_call call = {.op = header->call & 1 ? WIRE_RUN : WIRE_SERVE};
    struct plugin_reply *reply = plugin_aside_read_end(&call, &in);

    if (reply != NULL) {
        touch(reply->headers);
        touch(reply->result);
    }
    plugin_reply_unref(reply);
}

static void own_declared(struct wire_in in)
{
    struct plugin_worker worker = {.has_facts = true};
    struct plugin_instance instance = {.worker = &worker};
    struct err err = {0};
    size_t count;

    (void)plugin_action_take(&instance, &in, &err);
    const struct plugin_action *actions = plugin_instance_actions(&instance, &count);
    for (size_t i = 0; i < count; i++)
        touch(actions[i].help);
    free(instance.actions);
    free(instance.action_bytes);
}

static void host_side(const struct wire_header *header, struct wire_in in)
{
    enum { RECORDS = 4 };
    static const struct plugin_record record = {.id = {"e", 1}, .data = {"{}", 2}};
    const struct plugin_record records[RECORDS] = {record, record, record, record};
    unsigned steps = header->instance & WIRE_STEP_ALL;
    size_t count = header->call % (RECORDS + 1);
    struct err err;
    struct wire_in copy = in;
    struct wire_status status;
    struct wire_facts facts;
    struct wire_log log;
    struct wire_greeting greeting;
    tenon_str result;

    if (header->op == WIRE_FACTS)
        declared(in);
    if (header->op == WIRE_FACTS)
        surface(in);
    if (header->op == WIRE_ENDED)
        ended(header, in);
    if (header->op == WIRE_ACTIONS)
        own_declared(in);
    if (header->op == WIRE_STATUS && wire_get_status(&copy, &status) == 0)
        touch(plugin_text(status.message));
    else if (header->op == WIRE_FACTS && wire_get_facts(&copy, &facts) == 0)
        for (uint32_t i = 0; i < facts.selector_count; i++)
            touch(plugin_text(facts.selectors[i]));
    else if (header->op == WIRE_RESULT && wire_get_result(&copy, &result) == 0)
        touch(plugin_text(result));
    else if (header->op == WIRE_LOG && wire_get_log(&copy, &log) == 0)
        touch(plugin_text(log.fields));
    else if (header->op == WIRE_GREETING && wire_get_greeting(&copy, &greeting) == 0)
        touch(plugin_text(greeting.words));
    else if (header->op == WIRE_OUTCOMES) {
        struct plugin_reply *reply =
            plugin_reply_parse((struct str){in.at, in.rest}, records, count, steps, &err);
        if (reply == NULL)
            return;
        for (size_t i = 0; i < reply->outcome_count; i++) {
            touch(reply->outcomes[i].message);
            touch(reply->outcomes[i].external_id);
            touch(reply->payloads[i]);
        }
        for (size_t i = 0; i < reply->request_count; i++) {
            touch(reply->requests[i].url);
            touch(reply->requests[i].body);
            for (uint32_t n = 0; n < reply->requests[i].record_count; n++)
                if (reply->requests[i].records[n] >= count)
                    abort();
        }
        plugin_reply_unref(reply);
    }
}

static void worker_side(const struct wire_header *header, struct wire_in in)
{
    struct wire_load load;
    struct wire_create create;
    struct wire_deliver deliver;
    struct wire_judge judge;
    struct wire_action action;
    struct wire_webhook webhook;
    static struct wire_run run;
    struct wire_serve serve;
    struct wire_signal signal;
    struct wire_tool_call tool_call;
    tenon_record record;
    uint32_t count = 0;

    if (header->op == WIRE_LOAD && wire_get_load(&in, &load) == 0)
        for (uint32_t i = 0; i < load.write_path_count; i++)
            touch(plugin_text(load.write_paths[i]));
    else if (header->op == WIRE_CREATE && wire_get_create(&in, &create) == 0)
        touch(plugin_text(create.settings));
    else if (header->op == WIRE_DELIVER && wire_get_deliver(&in, &deliver) == 0)
        count = deliver.count;
    else if (header->op == WIRE_ACTION && wire_get_action(&in, &action) == 0)
        for (uint32_t i = 0; i < action.count; i++)
            touch(plugin_text(action.arguments[i].text));
    else if (header->op == WIRE_TOOL && wire_get_tool_call(&in, &tool_call) == 0)
        touch(plugin_text(tool_call.arguments));
    else if (header->op == WIRE_WEBHOOK && wire_get_webhook(&in, &webhook) == 0)
        touch(plugin_text(webhook.body));
    else if (header->op == WIRE_RUN && wire_get_run(&in, &run) == 0)
        for (uint32_t i = 0; i < run.count; i++)
            touch(plugin_text(run.arguments[i]));
    else if (header->op == WIRE_SERVE && wire_get_serve(&in, &serve) == 0)
        for (uint32_t i = 0; i < serve.count; i++)
            touch(plugin_text(serve.parameters[i]));
    else if (header->op == WIRE_SIGNAL && wire_get_signal(&in, &signal) == 0)
        touch(plugin_text(signal.data));
    else if (header->op == WIRE_JUDGE && wire_get_judge(&in, &judge) == 0)
        count = judge.count;
    for (uint32_t i = 0; i < count && wire_get_record(&in, &record) == 0; i++)
        touch(plugin_text(record.data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_reader reader = {0};
    struct wire_header header;
    struct wire_in in;
    size_t at = 1;
    int found = 0;

    while (size > 0 && at < size && found >= 0) {
        size_t room;
        char *place = wire_reader_room(&reader, &room);
        if (place == NULL)
            break;
        size_t piece = size - at < room ? size - at : room;
        memcpy(place, data + at, piece);
        wire_reader_added(&reader, piece);
        at += piece;
        while ((found = wire_reader_next(&reader, &header, &in)) == 1) {
            if (data[0] & 1)
                worker_side(&header, in);
            else
                host_side(&header, in);
        }
    }
    wire_reader_finish(&reader);
    return 0;
}
