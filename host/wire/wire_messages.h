/* SPDX-License-Identifier: Apache-2.0
 * What each operation carries. One put and one get per message, used by both ends, so there is one
 * truth. A get returns 0, or -1 when the bytes are not that message; texts point into the frame.
 * Whether the values make sense (an index in range, every record in one request) is for the
 * receiver to check. */
#ifndef WIRE_MESSAGES_H
#define WIRE_MESSAGES_H

#include "wire/wire.h"

enum {
    WIRE_WRITE_PATHS_MAX = 32,
    WIRE_SELECTORS_MAX = 16,
    WIRE_ACTIONS_MAX = 64,
    WIRE_SUBSCRIPTIONS_MAX = 16,
    WIRE_TOOLS_MAX = 64,
    WIRE_PARAMETERS_MAX = 16, /* of one action */
    WIRE_COMMANDS_MAX = 64,
    WIRE_ARGUMENTS_MAX = 1024, /* of one command */
    WIRE_ROUTES_MAX = 64,
    WIRE_SEGMENTS_MAX = 8,    /* parameters in a route's path */
    WIRE_RECORDS_MAX = 65536, /* in one batch */
    WIRE_PAYLOAD_MAX = 16 << 20,
};

/* The page that both ends share: where plugin code is just now. The worker writes it before each
 * call into the plugin; the host reads it when the worker has died. Whoever runs there can write
 * anything: a hint. */
enum wire_callback {
    WIRE_AT_NONE,
    WIRE_AT_LOAD,
    WIRE_AT_ENTRY,
    WIRE_AT_VALIDATE,
    WIRE_AT_CREATE,
    WIRE_AT_ACTIVATE,
    WIRE_AT_DEACTIVATE,
    WIRE_AT_DESTROY,
    WIRE_AT_SELECT,
    WIRE_AT_TRANSFORM,
    WIRE_AT_PREPARE,
    WIRE_AT_JUDGE,
    WIRE_AT_SUBMIT,
    WIRE_AT_SUBMITTER,
    WIRE_AT_TEST,
    WIRE_AT_CANCEL,
    WIRE_AT_RECONCILE,
    WIRE_AT_JUDGE_RECONCILE,
    WIRE_AT_ACTION,
    WIRE_AT_DECLARE,
    WIRE_AT_WEBHOOK,
    WIRE_AT_SIGNAL,
    WIRE_AT_COMMAND,
    WIRE_AT_ROUTE,
    WIRE_AT_TOOL,
    WIRE_AT_END,
};
struct wire_place {
    uint64_t call;
    uint32_t instance;
    uint32_t callback; /* enum wire_callback */
    uint32_t record;   /* index in the host's batch; UINT32_MAX: none in particular */
    uint32_t is_used;
    uint64_t reserved;
};
enum { WIRE_PLACES = 64, WIRE_PAGE_BYTES = 4096 };
struct wire_page {
    struct wire_place places[WIRE_PLACES]; /* one per thread that calls the plugin */
    uint64_t guilty; /* the call whose code ended the process, as it ended; 0: nobody knows */
};
_Static_assert(sizeof(struct wire_page) <= WIRE_PAGE_BYTES, "both ends map so much");
const char *wire_callback_name(uint32_t callback); /* "?" for what is none */

/* WIRE_GREETING: what confines the worker's process until now, and what is missing, for people. */
struct wire_greeting {
    uint32_t protocol;
    tenon_str words;
};
void wire_put_greeting(struct wire_out *out, const struct wire_greeting *greeting);
int wire_get_greeting(struct wire_in *in, struct wire_greeting *out);

/* WIRE_LOAD. */
struct wire_load {
    tenon_str path;                    /* to dlopen; "/proc/self/fd/N" for a sealed copy */
    tenon_str real_path;               /* whose directory may be read */
    tenon_str name, version, settings; /* the note's: the vtable must say the same */
    uint32_t allow_net;
    uint32_t uid, gid;         /* UINT32_MAX: stay who we are */
    uint64_t memory_max_bytes; /* 0: no limit */
    uint32_t write_path_count;
    tenon_str write_paths[WIRE_WRITE_PATHS_MAX];
};
void wire_put_load(struct wire_out *out, const struct wire_load *load);
int wire_get_load(struct wire_in *in, struct wire_load *out);

/* WIRE_FACTS: what the loaded plugin has. */
enum {
    WIRE_HAS_TRANSFORMER = 1,
    WIRE_HAS_PREPARE = 2,
    WIRE_HAS_JUDGE = 4,
    WIRE_HAS_SUBMIT = 8,
    WIRE_HAS_SUBMITTER = 16,
    WIRE_HAS_TEST = 32,
    WIRE_HAS_RECONCILE = 64,
    WIRE_HAS_JUDGE_RECONCILE = 128,
    WIRE_HAS_ACTIONS = 256, /* of an integration's own: they come with its WIRE_CREATE */
    WIRE_HAS_WEBHOOK = 512,
};
/* An action as it is declared: tenon_action without its function. */
struct wire_declared {
    uint32_t flags;
    tenon_str name, help, signature, parameters, details;
};
struct wire_subscription {
    uint32_t flags;
    tenon_str pattern, sender;
};
/* tenon_command and tenon_route without their functions. */
struct wire_command {
    tenon_str name, arguments, help, more;
    uint32_t timeout_ms;
};
struct wire_route {
    tenon_str method, path, help, request_schema, response_schema;
    uint32_t flags, timeout_ms;
};
void wire_put_command(struct wire_out *out, const struct wire_command *command);
void wire_get_command(struct wire_in *in, struct wire_command *out);
void wire_put_route(struct wire_out *out, const struct wire_route *route);
void wire_get_route(struct wire_in *in, struct wire_route *out);
/* The same of a tool: tenon_tool without its function. */
struct wire_tool {
    uint32_t flags;
    tenon_str name, title, description, schema;
};
struct wire_facts {
    uint32_t has;
    uint32_t batch_max;
    uint64_t flags;        /* the plugin's */
    tenon_str confinement; /* what is in force, for people */
    uint32_t selector_count;
    tenon_str selectors[WIRE_SELECTORS_MAX];
    uint32_t action_count;
    struct wire_declared actions[WIRE_ACTIONS_MAX];
    uint32_t subscription_count;
    struct wire_subscription subscriptions[WIRE_SUBSCRIPTIONS_MAX];
    uint32_t command_count;
    struct wire_command commands[WIRE_COMMANDS_MAX];
    uint32_t route_count;
    struct wire_route routes[WIRE_ROUTES_MAX];
    uint32_t tool_count;
    struct wire_tool tools[WIRE_TOOLS_MAX];
};
void wire_put_facts(struct wire_out *out, const struct wire_facts *facts);
int wire_get_facts(struct wire_in *in, struct wire_facts *out);

/* WIRE_ACTIONS: what one integration has besides its plugin's. */
struct wire_actions {
    uint32_t count;
    struct wire_declared actions[WIRE_ACTIONS_MAX];
};
void wire_put_actions(struct wire_out *out, const struct wire_actions *actions);
int wire_get_actions(struct wire_in *in, struct wire_actions *out);

/* WIRE_CREATE. */
struct wire_create {
    tenon_str name, settings;
};
void wire_put_create(struct wire_out *out, const struct wire_create *create);
int wire_get_create(struct wire_in *in, struct wire_create *out);

/* WIRE_CLOSE. */
void wire_put_close(struct wire_out *out, uint32_t grace_ms);
int wire_get_close(struct wire_in *in, uint32_t *out_grace_ms);

/* WIRE_STATUS. */
struct wire_status {
    int32_t code; /* TENON_OK or TENON_E_... */
    uint32_t callback;
    uint32_t retry_after_ms, http_status;
    tenon_str message;
};
void wire_put_status(struct wire_out *out, const struct wire_status *status);
int wire_get_status(struct wire_in *in, struct wire_status *out);

/* WIRE_DELIVER: the head, then `count` records. The same steps as in plugin.h. */
enum {
    WIRE_STEP_SELECT = 1,
    WIRE_STEP_TRANSFORM = 2,
    WIRE_STEP_PREPARE = 4,
    WIRE_STEP_SUBMIT = 8,
    WIRE_STEP_PAYLOADS = 16,
    WIRE_STEP_RECONCILE = 32,
    WIRE_STEP_ALL = 63,
};
struct wire_deliver {
    uint32_t steps;
    tenon_str selector;
    uint32_t count;
};
void wire_put_deliver(struct wire_out *out, const struct wire_deliver *deliver);
int wire_get_deliver(struct wire_in *in, struct wire_deliver *out);
void wire_put_record(struct wire_out *out, const tenon_record *record);
int wire_get_record(struct wire_in *in, tenon_record *out);

/* WIRE_JUDGE: the head, then `count` records without data. */
struct wire_judge {
    uint32_t is_reconcile; /* 1: the answer to a request of reconcile */
    uint32_t status;
    tenon_str headers, body;
    uint32_t count;
};
void wire_put_judge(struct wire_out *out, const struct wire_judge *judge);
int wire_get_judge(struct wire_in *in, struct wire_judge *out);

/* WIRE_OUTCOMES: u32 how many, the outcomes (one per record of the batch); u32 how many, the
 * requests. */
enum wire_kind {
    WIRE_GOES_ON,
    WIRE_ACCEPTED,
    WIRE_REJECTED,
    WIRE_RETRY,
    WIRE_UNSURE,
    WIRE_SKIPPED,
    WIRE_NOT_THERE,
    WIRE_KIND_END
};
enum wire_step {
    WIRE_IN_SELECTOR,
    WIRE_IN_TRANSFORMER,
    WIRE_IN_CLIENT,
    WIRE_IN_SUBMITTER,
    WIRE_IN_RECONCILE,
    WIRE_IN_END
};
enum { WIRE_OUTCOME_LEAST = 16, WIRE_REQUEST_LEAST = 28 };
struct wire_outcome {
    uint8_t kind, step; /* enum wire_kind, enum wire_step; checked by get */
    bool has_payload;   /* transformed, and sent back */
    bool is_shared;     /* the status of a callback that refused all that it was given */
    int32_t error_class;
    uint32_t retry_after_ms, http_status;
    tenon_str message, external_id, payload;
};
void wire_put_outcome(struct wire_out *out, const struct wire_outcome *outcome);
int wire_get_outcome(struct wire_in *in, struct wire_outcome *out);

struct wire_request {
    uint32_t body_kind;
    uint32_t record_count;
    const char *records; /* record_count u32 without alignment; read with wire_request_record */
    tenon_str method, url, headers, body;
};
void wire_put_request(struct wire_out *out, const struct wire_request *request);
int wire_get_request(struct wire_in *in, struct wire_request *out);
static inline uint32_t wire_request_record(const struct wire_request *request, uint32_t at)
{
    uint32_t index;

    memcpy(&index, request->records + (size_t)at * sizeof index, sizeof index);
    return index;
}
/* Method, URL and headers are what HTTP can carry: no control characters that would start a line of
 * their own, sane lengths. NULL, or static words saying what is wrong. */
const char *wire_request_problem(const struct wire_request *request);

/* WIRE_LOG. */
struct wire_log {
    uint32_t level; /* TENON_LOG_..., checked by get */
    tenon_str message, fields;
};
void wire_put_log(struct wire_out *out, const struct wire_log *log);
int wire_get_log(struct wire_in *in, struct wire_log *out);

/* WIRE_ACTION: an argument for each parameter, in order; `letter` as in a signature, checked by
 * get. */
struct wire_argument {
    char letter;
    int64_t integer; /* I */
    double real;     /* d */
    int32_t flag;    /* b */
    tenon_str text;  /* s, j */
};
struct wire_action {
    tenon_str name;
    uint32_t count;
    struct wire_argument arguments[WIRE_PARAMETERS_MAX];
};
void wire_put_action(struct wire_out *out, const struct wire_action *action);
int wire_get_action(struct wire_in *in, struct wire_action *out);

/* WIRE_TOOL: a tool of tenon.mcp/1. */
struct wire_tool_call {
    tenon_str name, arguments;
};
void wire_put_tool_call(struct wire_out *out, const struct wire_tool_call *call);
int wire_get_tool_call(struct wire_in *in, struct wire_tool_call *out);

/* WIRE_RESULT: what the action or the tool wrote. Whether it is JSON is for the receiver to check.
 */
void wire_put_result(struct wire_out *out, tenon_str result);
int wire_get_result(struct wire_in *in, tenon_str *out_result);

/* WIRE_ASK. The header's call is the one in whose course it is asked; 0: a thread of the plugin's
 * own. What the texts mean is the service's. */
enum { WIRE_ASK_TEXTS_MAX = 8 };
struct wire_ask {
    uint64_t ask;        /* names it in its process; the answer has it, too */
    uint32_t timeout_ms; /* 0: as long as the integration's calls may take */
    tenon_str service;   /* "tenon.http/1" */
    tenon_str function;
    uint32_t count;
    tenon_str texts[WIRE_ASK_TEXTS_MAX];
};
void wire_put_ask(struct wire_out *out, const struct wire_ask *ask);
int wire_get_ask(struct wire_in *in, struct wire_ask *out);

/* WIRE_ANSWER. */
struct wire_answer {
    uint64_t ask;
    int32_t code; /* TENON_OK or TENON_E_... */
    uint32_t retry_after_ms, http_status;
    tenon_str message; /* when it failed */
    uint32_t count;
    tenon_str texts[WIRE_ASK_TEXTS_MAX]; /* when it did not */
};
void wire_put_answer(struct wire_out *out, const struct wire_answer *answer);
int wire_get_answer(struct wire_in *in, struct wire_answer *out);

/* WIRE_WEBHOOK: what came in at an integration's hook. */
struct wire_webhook {
    tenon_str id, event, content_type, headers, body;
};
void wire_put_webhook(struct wire_out *out, const struct wire_webhook *webhook);
int wire_get_webhook(struct wire_in *in, struct wire_webhook *out);

/* WIRE_SIGNAL. */
struct wire_signal {
    uint32_t subscription, attempt, timeout_ms;
    uint64_t request, seq, version;
    int64_t at_ms;
    tenon_str type, sender, data, entity, entity_type;
};
void wire_put_signal(struct wire_out *out, const struct wire_signal *signal);
int wire_get_signal(struct wire_in *in, struct wire_signal *out);

/* The service that commands and routes speak with while they run. Its functions: "out", "err", "in"
 * (the answer has bytes, none: the end), "head" (status, header lines),
 * "body"; the first text is always the number of the call. */
#define WIRE_ASIDE "tenon.aside"

/* WIRE_RUN: a command by its number in the facts. */
struct wire_run {
    uint32_t command, flags, width;
    uint32_t count;
    tenon_str arguments[WIRE_ARGUMENTS_MAX];
};
void wire_put_run(struct wire_out *out, const struct wire_run *run);
int wire_get_run(struct wire_in *in, struct wire_run *out);

/* WIRE_SERVE: a route by its number in the facts. */
struct wire_serve {
    uint32_t route;
    tenon_str method, path, query, headers, body;
    uint32_t count;
    tenon_str parameters[WIRE_SEGMENTS_MAX];
};
void wire_put_serve(struct wire_out *out, const struct wire_serve *serve);
int wire_get_serve(struct wire_in *in, struct wire_serve *out);

/* WIRE_ENDED: how a command or a route ended that returned well: its exit code, or the status of
 * its answer (0: that went ahead) and what of the answer is left. */
struct wire_ended {
    uint32_t number;
    tenon_str headers, body;
};
void wire_put_ended(struct wire_out *out, const struct wire_ended *ended);
int wire_get_ended(struct wire_in *in, struct wire_ended *out);
/* Header lines that a response may have: names are tokens, values without control characters,
 * nothing that frames the message. NULL, or static words saying what is wrong. */
const char *wire_response_problem(uint32_t status, tenon_str headers);

#endif
