/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/wire_messages.h"

_Static_assert(sizeof(struct wire_page) <= WIRE_PAGE_BYTES, "the shared page is one page");

const char *wire_callback_name(uint32_t callback)
{
    static const char *const names[WIRE_AT_END] = {
        [WIRE_AT_NONE] = "between calls",
        [WIRE_AT_LOAD] = "dlopen (a constructor)",
        [WIRE_AT_ENTRY] = "tenon_plugin_v1",
        [WIRE_AT_VALIDATE] = "validate",
        [WIRE_AT_CREATE] = "create",
        [WIRE_AT_ACTIVATE] = "activate",
        [WIRE_AT_DEACTIVATE] = "deactivate",
        [WIRE_AT_DESTROY] = "destroy",
        [WIRE_AT_SELECT] = "select",
        [WIRE_AT_TRANSFORM] = "transform",
        [WIRE_AT_PREPARE] = "prepare",
        [WIRE_AT_JUDGE] = "judge",
        [WIRE_AT_SUBMIT] = "submit",
        [WIRE_AT_SUBMITTER] = "submitter",
        [WIRE_AT_TEST] = "test",
        [WIRE_AT_CANCEL] = "cancel",
        [WIRE_AT_RECONCILE] = "reconcile",
        [WIRE_AT_JUDGE_RECONCILE] = "judge_reconcile",
        [WIRE_AT_ACTION] = "action",
        [WIRE_AT_DECLARE] = "declare",
        [WIRE_AT_WEBHOOK] = "webhook's map",
        [WIRE_AT_SIGNAL] = "on_signal",
        [WIRE_AT_COMMAND] = "command",
        [WIRE_AT_ROUTE] = "route",
        [WIRE_AT_TOOL] = "tool",
    };

    return callback < WIRE_AT_END ? names[callback] : "?";
}

static int done(const struct wire_in *in)
{
    return wire_in_is_done(in) ? 0 : -1;
}

void wire_put_greeting(struct wire_out *out, const struct wire_greeting *greeting)
{
    wire_out_u32(out, greeting->protocol);
    wire_out_text(out, greeting->words);
}

int wire_get_greeting(struct wire_in *in, struct wire_greeting *out)
{
    out->protocol = wire_in_u32(in);
    out->words = wire_in_text(in);
    return done(in);
}

void wire_put_load(struct wire_out *out, const struct wire_load *load)
{
    wire_out_text(out, load->path);
    wire_out_text(out, load->real_path);
    wire_out_text(out, load->name);
    wire_out_text(out, load->version);
    wire_out_text(out, load->settings);
    wire_out_u32(out, load->allow_net);
    wire_out_u32(out, load->uid);
    wire_out_u32(out, load->gid);
    wire_out_u64(out, load->memory_max_bytes);
    wire_out_u32(out, load->write_path_count);
    for (uint32_t i = 0; i < load->write_path_count; i++)
        wire_out_text(out, load->write_paths[i]);
}

int wire_get_load(struct wire_in *in, struct wire_load *out)
{
    out->path = wire_in_text(in);
    out->real_path = wire_in_text(in);
    out->name = wire_in_text(in);
    out->version = wire_in_text(in);
    out->settings = wire_in_text(in);
    out->allow_net = wire_in_u32(in);
    out->uid = wire_in_u32(in);
    out->gid = wire_in_u32(in);
    out->memory_max_bytes = wire_in_u64(in);
    out->write_path_count = wire_in_count(in, 5);
    if (out->write_path_count > WIRE_WRITE_PATHS_MAX)
        return -1;
    for (uint32_t i = 0; i < out->write_path_count; i++)
        out->write_paths[i] = wire_in_text(in);
    return done(in);
}

static void put_declared(struct wire_out *out, const struct wire_declared *action)
{
    wire_out_u32(out, action->flags);
    wire_out_text(out, action->name);
    wire_out_text(out, action->help);
    wire_out_text(out, action->signature);
    wire_out_text(out, action->parameters);
    wire_out_text(out, action->details);
}

static void get_declared(struct wire_in *in, struct wire_declared *out)
{
    out->flags = wire_in_u32(in);
    out->name = wire_in_text(in);
    out->help = wire_in_text(in);
    out->signature = wire_in_text(in);
    out->parameters = wire_in_text(in);
    out->details = wire_in_text(in);
}

static void put_tool(struct wire_out *out, const struct wire_tool *tool)
{
    wire_out_u32(out, tool->flags);
    wire_out_text(out, tool->name);
    wire_out_text(out, tool->title);
    wire_out_text(out, tool->description);
    wire_out_text(out, tool->schema);
}

static void get_tool(struct wire_in *in, struct wire_tool *out)
{
    out->flags = wire_in_u32(in);
    out->name = wire_in_text(in);
    out->title = wire_in_text(in);
    out->description = wire_in_text(in);
    out->schema = wire_in_text(in);
}

void wire_put_facts(struct wire_out *out, const struct wire_facts *facts)
{
    wire_out_u32(out, facts->has);
    wire_out_u32(out, facts->batch_max);
    wire_out_u64(out, facts->flags);
    wire_out_text(out, facts->confinement);
    wire_out_u32(out, facts->selector_count);
    for (uint32_t i = 0; i < facts->selector_count; i++)
        wire_out_text(out, facts->selectors[i]);
    wire_out_u32(out, facts->action_count);
    for (uint32_t i = 0; i < facts->action_count; i++)
        put_declared(out, &facts->actions[i]);
    wire_out_u32(out, facts->subscription_count);
    for (uint32_t i = 0; i < facts->subscription_count; i++) {
        wire_out_u32(out, facts->subscriptions[i].flags);
        wire_out_text(out, facts->subscriptions[i].pattern);
        wire_out_text(out, facts->subscriptions[i].sender);
    }
    wire_out_u32(out, facts->command_count);
    for (uint32_t i = 0; i < facts->command_count; i++)
        wire_put_command(out, &facts->commands[i]);
    wire_out_u32(out, facts->route_count);
    for (uint32_t i = 0; i < facts->route_count; i++)
        wire_put_route(out, &facts->routes[i]);
    wire_out_u32(out, facts->tool_count);
    for (uint32_t i = 0; i < facts->tool_count; i++)
        put_tool(out, &facts->tools[i]);
}

int wire_get_facts(struct wire_in *in, struct wire_facts *out)
{
    out->has = wire_in_u32(in);
    out->batch_max = wire_in_u32(in);
    out->flags = wire_in_u64(in);
    out->confinement = wire_in_text(in);
    out->selector_count = wire_in_count(in, 5);
    if (out->selector_count > WIRE_SELECTORS_MAX)
        return -1;
    for (uint32_t i = 0; i < out->selector_count; i++)
        out->selectors[i] = wire_in_text(in);
    out->action_count = wire_in_count(in, 4 + 5 * 5);
    if (out->action_count > WIRE_ACTIONS_MAX)
        return -1;
    for (uint32_t i = 0; i < out->action_count; i++)
        get_declared(in, &out->actions[i]);
    out->subscription_count = wire_in_count(in, 4 + 2 * 5);
    if (out->subscription_count > WIRE_SUBSCRIPTIONS_MAX)
        return -1;
    for (uint32_t i = 0; i < out->subscription_count; i++) {
        out->subscriptions[i].flags = wire_in_u32(in);
        out->subscriptions[i].pattern = wire_in_text(in);
        out->subscriptions[i].sender = wire_in_text(in);
    }
    out->command_count = wire_in_count(in, 4 + 4 * 5);
    if (out->command_count > WIRE_COMMANDS_MAX)
        return -1;
    for (uint32_t i = 0; i < out->command_count; i++)
        wire_get_command(in, &out->commands[i]);
    out->route_count = wire_in_count(in, 2 * 4 + 5 * 5);
    if (out->route_count > WIRE_ROUTES_MAX)
        return -1;
    for (uint32_t i = 0; i < out->route_count; i++)
        wire_get_route(in, &out->routes[i]);
    out->tool_count = wire_in_count(in, 4 + 4 * 5);
    if (out->tool_count > WIRE_TOOLS_MAX)
        return -1;
    for (uint32_t i = 0; i < out->tool_count; i++)
        get_tool(in, &out->tools[i]);
    return done(in);
}

void wire_put_actions(struct wire_out *out, const struct wire_actions *actions)
{
    wire_out_u32(out, actions->count);
    for (uint32_t i = 0; i < actions->count; i++)
        put_declared(out, &actions->actions[i]);
}

int wire_get_actions(struct wire_in *in, struct wire_actions *out)
{
    out->count = wire_in_count(in, 4 + 5 * 5);
    if (out->count > WIRE_ACTIONS_MAX)
        return -1;
    for (uint32_t i = 0; i < out->count; i++)
        get_declared(in, &out->actions[i]);
    return done(in);
}

void wire_put_create(struct wire_out *out, const struct wire_create *create)
{
    wire_out_text(out, create->name);
    wire_out_text(out, create->settings);
}

int wire_get_create(struct wire_in *in, struct wire_create *out)
{
    out->name = wire_in_text(in);
    out->settings = wire_in_text(in);
    return done(in);
}

void wire_put_close(struct wire_out *out, uint32_t grace_ms)
{
    wire_out_u32(out, grace_ms);
}

int wire_get_close(struct wire_in *in, uint32_t *out_grace_ms)
{
    *out_grace_ms = wire_in_u32(in);
    return done(in);
}

void wire_put_status(struct wire_out *out, const struct wire_status *status)
{
    wire_out_u32(out, (uint32_t)status->code);
    wire_out_u32(out, status->callback);
    wire_out_u32(out, status->retry_after_ms);
    wire_out_u32(out, status->http_status);
    wire_out_text(out, status->message);
}

int wire_get_status(struct wire_in *in, struct wire_status *out)
{
    out->code = (int32_t)wire_in_u32(in);
    out->callback = wire_in_u32(in);
    out->retry_after_ms = wire_in_u32(in);
    out->http_status = wire_in_u32(in);
    out->message = wire_in_text(in);
    return done(in);
}

void wire_put_deliver(struct wire_out *out, const struct wire_deliver *deliver)
{
    wire_out_u32(out, deliver->steps);
    wire_out_text(out, deliver->selector);
    wire_out_u32(out, deliver->count);
}

/* What a record has besides its four texts. */
struct fixed_record {
    uint64_t version;
    int64_t created_ms, updated_ms;
    uint32_t attempt, reserved;
};
enum { RECORD_LEAST = sizeof(struct fixed_record) + 4 * 5 };

int wire_get_deliver(struct wire_in *in, struct wire_deliver *out)
{
    out->steps = wire_in_u32(in);
    out->selector = wire_in_text(in);
    out->count = wire_in_count(in, RECORD_LEAST);
    return in->failed || out->count > WIRE_RECORDS_MAX || (out->steps & ~(uint32_t)WIRE_STEP_ALL)
               ? -1
               : 0;
}

void wire_put_record(struct wire_out *out, const tenon_record *record)
{
    struct fixed_record fixed = {record->version, record->created_ms, record->updated_ms,
                                 record->attempt, 0};

    wire_out_bytes(out, &fixed, sizeof fixed);
    wire_out_text(out, record->id);
    wire_out_text(out, record->type);
    wire_out_text(out, record->key);
    wire_out_text(out, record->data);
}

int wire_get_record(struct wire_in *in, tenon_record *out)
{
    struct fixed_record fixed = {0};
    const char *bytes = wire_in_bytes(in, sizeof fixed);

    if (bytes != NULL)
        memcpy(&fixed, bytes, sizeof fixed);
    out->struct_size = sizeof *out;
    out->attempt = fixed.attempt;
    out->version = fixed.version;
    out->created_ms = fixed.created_ms;
    out->updated_ms = fixed.updated_ms;
    out->id = wire_in_text(in);
    out->type = wire_in_text(in);
    out->key = wire_in_text(in);
    out->data = wire_in_text(in);
    return in->failed ? -1 : 0;
}

void wire_put_judge(struct wire_out *out, const struct wire_judge *judge)
{
    wire_out_u32(out, judge->is_reconcile);
    wire_out_u32(out, judge->status);
    wire_out_text(out, judge->headers);
    wire_out_text(out, judge->body);
    wire_out_u32(out, judge->count);
}

int wire_get_judge(struct wire_in *in, struct wire_judge *out)
{
    out->is_reconcile = wire_in_u32(in);
    out->status = wire_in_u32(in);
    out->headers = wire_in_text(in);
    out->body = wire_in_text(in);
    out->count = wire_in_count(in, RECORD_LEAST);
    return in->failed || out->is_reconcile > 1 || out->count > WIRE_RECORDS_MAX ? -1 : 0;
}

/* What an outcome has besides its texts, which are there only when `texts` says so: most have none.
 */
struct fixed_outcome {
    uint8_t kind, step, texts, is_shared;
    int32_t error_class;
    uint32_t retry_after_ms, http_status;
};
_Static_assert(sizeof(struct fixed_outcome) == WIRE_OUTCOME_LEAST, "as counted by the receiver");
enum { HAS_MESSAGE = 1, HAS_EXTERNAL_ID = 2, HAS_PAYLOAD = 4 };

void wire_put_outcome(struct wire_out *out, const struct wire_outcome *outcome)
{
    struct fixed_outcome fixed = {
        .kind = outcome->kind,
        .step = outcome->step,
        .texts = (uint8_t)((outcome->message.len > 0 ? HAS_MESSAGE : 0) |
                           (outcome->external_id.len > 0 ? HAS_EXTERNAL_ID : 0) |
                           (outcome->has_payload ? HAS_PAYLOAD : 0)),
        .is_shared = outcome->is_shared,
        .error_class = outcome->error_class,
        .retry_after_ms = outcome->retry_after_ms,
        .http_status = outcome->http_status,
    };

    wire_out_bytes(out, &fixed, sizeof fixed);
    if (fixed.texts & HAS_MESSAGE)
        wire_out_text(out, outcome->message);
    if (fixed.texts & HAS_EXTERNAL_ID)
        wire_out_text(out, outcome->external_id);
    if (fixed.texts & HAS_PAYLOAD)
        wire_out_text(out, outcome->payload);
}

int wire_get_outcome(struct wire_in *in, struct wire_outcome *out)
{
    struct fixed_outcome fixed;
    const char *bytes = wire_in_bytes(in, sizeof fixed);

    if (bytes == NULL)
        return -1;
    memcpy(&fixed, bytes, sizeof fixed);
    if (fixed.kind >= WIRE_KIND_END || fixed.step >= WIRE_IN_END || fixed.texts > 7 ||
        fixed.is_shared > 1)
        return -1;
    *out = (struct wire_outcome){
        .kind = fixed.kind,
        .step = fixed.step,
        .has_payload = fixed.texts & HAS_PAYLOAD,
        .is_shared = fixed.is_shared != 0,
        .error_class = fixed.error_class,
        .retry_after_ms = fixed.retry_after_ms,
        .http_status = fixed.http_status,
        .message = {"", 0},
        .external_id = {"", 0},
        .payload = {"", 0},
    };
    if (fixed.texts & HAS_MESSAGE)
        out->message = wire_in_text(in);
    if (fixed.texts & HAS_EXTERNAL_ID)
        out->external_id = wire_in_text(in);
    if (fixed.texts & HAS_PAYLOAD)
        out->payload = wire_in_text(in);
    return in->failed ? -1 : 0;
}

void wire_put_request(struct wire_out *out, const struct wire_request *request)
{
    wire_out_u32(out, request->body_kind);
    wire_out_u32(out, request->record_count);
    wire_out_bytes(out, request->records, (size_t)request->record_count * sizeof(uint32_t));
    wire_out_text(out, request->method);
    wire_out_text(out, request->url);
    wire_out_text(out, request->headers);
    wire_out_text(out, request->body);
}

int wire_get_request(struct wire_in *in, struct wire_request *out)
{
    out->body_kind = wire_in_u32(in);
    out->record_count = wire_in_count(in, sizeof(uint32_t));
    out->records = wire_in_bytes(in, (size_t)out->record_count * sizeof(uint32_t));
    out->method = wire_in_text(in);
    out->url = wire_in_text(in);
    out->headers = wire_in_text(in);
    out->body = wire_in_text(in);
    return in->failed || out->body_kind > TENON_BODY_ARRAY ? -1 : 0;
}

static bool has_control(tenon_str text, bool lines_allowed)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < 0x20 && c != '\t' && !(lines_allowed && c == '\n')) || c == 0x7f)
            return true;
    }
    return false;
}

const char *wire_request_problem(const struct wire_request *request)
{
    for (size_t i = 0; i < request->method.len; i++) {
        char c = request->method.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-'))
            return "the method is not letters";
    }
    if (request->method.len > 32)
        return "the method is longer than 32 bytes";
    if (request->url.len > 8192)
        return "the URL is longer than 8192 bytes";
    bool has_space =
        request->url.len > 0 && memchr(request->url.ptr, ' ', request->url.len) != NULL;
    if (has_space || has_control(request->url, false))
        return "the URL holds a space or a control character; percent-encode it";
    if (request->headers.len > 65536)
        return "the headers are longer than 65536 bytes";
    if (has_control(request->headers, true))
        return "the headers hold a control character; lines end with \\n alone";
    return NULL;
}

void wire_put_log(struct wire_out *out, const struct wire_log *log)
{
    wire_out_u32(out, log->level);
    wire_out_text(out, log->message);
    wire_out_text(out, log->fields);
}

int wire_get_log(struct wire_in *in, struct wire_log *out)
{
    out->level = wire_in_u32(in);
    out->message = wire_in_text(in);
    out->fields = wire_in_text(in);
    return done(in) < 0 || out->level > TENON_LOG_DEBUG ? -1 : 0;
}

void wire_put_action(struct wire_out *out, const struct wire_action *action)
{
    wire_out_text(out, action->name);
    wire_out_u32(out, action->count);
    for (uint32_t i = 0; i < action->count; i++) {
        const struct wire_argument *argument = &action->arguments[i];
        uint64_t bits = (uint64_t)argument->integer;
        wire_out_u32(out, (uint32_t)argument->letter);
        if (argument->letter == 'd')
            memcpy(&bits, &argument->real, sizeof bits);
        if (argument->letter == 'b')
            wire_out_u32(out, argument->flag != 0);
        else if (argument->letter == 's' || argument->letter == 'j')
            wire_out_text(out, argument->text);
        else
            wire_out_u64(out, bits);
    }
}

static int get_argument(struct wire_in *in, struct wire_argument *out)
{
    uint32_t letter = wire_in_u32(in);
    uint64_t bits;

    *out = (struct wire_argument){.letter = (char)letter, .text = {"", 0}};
    switch (letter) {
    case 'I':
        out->integer = (int64_t)wire_in_u64(in);
        return 0;
    case 'd':
        bits = wire_in_u64(in);
        memcpy(&out->real, &bits, sizeof bits);
        return 0;
    case 'b':
        out->flag = wire_in_u32(in) != 0;
        return 0;
    case 's':
    case 'j':
        out->text = wire_in_text(in);
        return 0;
    default:
        return -1;
    }
}

int wire_get_action(struct wire_in *in, struct wire_action *out)
{
    out->name = wire_in_text(in);
    out->count = wire_in_count(in, 8);
    if (out->count > WIRE_PARAMETERS_MAX)
        return -1;
    for (uint32_t i = 0; i < out->count; i++)
        if (get_argument(in, &out->arguments[i]) < 0)
            return -1;
    return done(in);
}

void wire_put_tool_call(struct wire_out *out, const struct wire_tool_call *call)
{
    wire_out_text(out, call->name);
    wire_out_text(out, call->arguments);
}

int wire_get_tool_call(struct wire_in *in, struct wire_tool_call *out)
{
    out->name = wire_in_text(in);
    out->arguments = wire_in_text(in);
    return done(in);
}

void wire_put_result(struct wire_out *out, tenon_str result)
{
    wire_out_text(out, result);
}

int wire_get_result(struct wire_in *in, tenon_str *out_result)
{
    *out_result = wire_in_text(in);
    return done(in);
}

static void put_texts(struct wire_out *out, uint32_t count, const tenon_str *texts)
{
    wire_out_u32(out, count);
    for (uint32_t i = 0; i < count; i++)
        wire_out_text(out, texts[i]);
}

static int get_texts(struct wire_in *in, uint32_t *out_count, tenon_str *out_texts)
{
    *out_count = wire_in_count(in, 5);
    if (*out_count > WIRE_ASK_TEXTS_MAX)
        return -1;
    for (uint32_t i = 0; i < WIRE_ASK_TEXTS_MAX; i++)
        out_texts[i] = i < *out_count ? wire_in_text(in) : (tenon_str){"", 0};
    return done(in);
}

void wire_put_ask(struct wire_out *out, const struct wire_ask *ask)
{
    wire_out_u64(out, ask->ask);
    wire_out_u32(out, ask->timeout_ms);
    wire_out_text(out, ask->service);
    wire_out_text(out, ask->function);
    put_texts(out, ask->count, ask->texts);
}

int wire_get_ask(struct wire_in *in, struct wire_ask *out)
{
    out->ask = wire_in_u64(in);
    out->timeout_ms = wire_in_u32(in);
    out->service = wire_in_text(in);
    out->function = wire_in_text(in);
    return get_texts(in, &out->count, out->texts);
}

void wire_put_answer(struct wire_out *out, const struct wire_answer *answer)
{
    wire_out_u64(out, answer->ask);
    wire_out_u32(out, (uint32_t)answer->code);
    wire_out_u32(out, answer->retry_after_ms);
    wire_out_u32(out, answer->http_status);
    wire_out_text(out, answer->message);
    put_texts(out, answer->count, answer->texts);
}

int wire_get_answer(struct wire_in *in, struct wire_answer *out)
{
    out->ask = wire_in_u64(in);
    out->code = (int32_t)wire_in_u32(in);
    out->retry_after_ms = wire_in_u32(in);
    out->http_status = wire_in_u32(in);
    out->message = wire_in_text(in);
    return get_texts(in, &out->count, out->texts);
}

void wire_put_webhook(struct wire_out *out, const struct wire_webhook *webhook)
{
    wire_out_text(out, webhook->id);
    wire_out_text(out, webhook->event);
    wire_out_text(out, webhook->content_type);
    wire_out_text(out, webhook->headers);
    wire_out_text(out, webhook->body);
}

int wire_get_webhook(struct wire_in *in, struct wire_webhook *out)
{
    out->id = wire_in_text(in);
    out->event = wire_in_text(in);
    out->content_type = wire_in_text(in);
    out->headers = wire_in_text(in);
    out->body = wire_in_text(in);
    return done(in);
}

void wire_put_signal(struct wire_out *out, const struct wire_signal *signal)
{
    wire_out_u32(out, signal->subscription);
    wire_out_u32(out, signal->attempt);
    wire_out_u32(out, signal->timeout_ms);
    wire_out_u64(out, signal->request);
    wire_out_u64(out, signal->seq);
    wire_out_u64(out, signal->version);
    wire_out_u64(out, (uint64_t)signal->at_ms);
    wire_out_text(out, signal->type);
    wire_out_text(out, signal->sender);
    wire_out_text(out, signal->data);
    wire_out_text(out, signal->entity);
    wire_out_text(out, signal->entity_type);
}

int wire_get_signal(struct wire_in *in, struct wire_signal *out)
{
    out->subscription = wire_in_u32(in);
    out->attempt = wire_in_u32(in);
    out->timeout_ms = wire_in_u32(in);
    out->request = wire_in_u64(in);
    out->seq = wire_in_u64(in);
    out->version = wire_in_u64(in);
    out->at_ms = (int64_t)wire_in_u64(in);
    out->type = wire_in_text(in);
    out->sender = wire_in_text(in);
    out->data = wire_in_text(in);
    out->entity = wire_in_text(in);
    out->entity_type = wire_in_text(in);
    return done(in);
}
