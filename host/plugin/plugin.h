/* SPDX-License-Identifier: Apache-2.0
 * Plugins at work, as the engine sees them: one worker per plugin file, instances (one per
 * integration, or a helper such as a jq program) inside it, calls with deadlines. Whether the code
 * runs in a worker process or in a thread of the daemon (isolation = inprocess) makes no difference
 * to callers: both speak the wire format to host/call, the one door. All [loop]; every call is
 * answered exactly once, also when the worker dies. */
#ifndef PLUGIN_PLUGIN_H
#define PLUGIN_PLUGIN_H

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "config/config_options.h"

#include <stdbool.h>
#include <stdint.h>

struct plugin_host;     /* all workers */
struct plugin_instance; /* one integration's share of a worker */
struct plugin_ask;      /* a question of plugin code to a service of the host */

/* News upward; these must not call back into this room. `integration` is the instance's name, or
 * NULL when the whole worker is meant. */
struct plugin_events {
    void *user;
    /* A line from the plugin (host->log, or its fd 1 and 2, rate-limited). */
    void (*log)(void *user, const char *plugin, const char *integration, enum log_level level,
                struct str message, struct str fields);
    /* The worker of this plugin changed: started, died (words name the signal or exit code, the
     * callback and the integration it was in), restarting (when), quarantined. */
    void (*worker)(void *user, const char *plugin, bool is_trouble, const char *words);
    /* Plugin code asks and waits. Unlike the others this one may call back into this room. */
    void (*ask)(void *user, struct plugin_ask *take_ask);
};

struct plugin_host_settings {
    const char *worker_path;                /* the tenon-worker executable */
    const char *state_dir;                  /* quarantine list lives here: "quarantine.json" */
    int quarantine_after;                   /* crashes in quarantine_window_ms; default 5 */
    int64_t quarantine_window_ms;           /* default 60 s */
    int64_t restart_min_ms, restart_max_ms; /* backoff: default 100 ms to 30 s */
    struct plugin_events events;
};

/* Where tenon-worker is: beside the program (a build directory), else ../libexec/tenon. Caller
 * frees; NULL: no memory. Serves when settings.worker_path is NULL. */
char *plugin_worker_default_path(void);

struct plugin_host *
plugin_host_create(struct loop *loop, const struct plugin_host_settings *settings, struct err *err);
/* Deactivates and ends all workers (grace, then kill); open calls are answered PLUGIN_STOPPED
 * before `done` runs. */
void plugin_host_stop(struct plugin_host *host, int64_t grace_ms, void (*done)(void *user),
                      void *user);
void plugin_host_destroy(
    struct plugin_host *host); /* after done, or at once: then workers are killed */

/* Lets the quarantined files of this plugin run again, now and after a restart. False: none was. */
bool plugin_host_pardon(struct plugin_host *host, const char *plugin);

struct plugin_instance_settings {
    const struct catalog_entry *entry; /* copied as far as needed */
    const char *name;                  /* the integration's; for helpers "name#jq" */
    struct str settings_json;
    bool is_inprocess;
    bool allow_net;                 /* the ini allows what the note needs */
    const char *sha256_pin;         /* NULL: none. A differing file is refused */
    const char *const *write_paths; /* directories (or sockets) that the worker may write to */
    size_t write_path_count;
    int64_t memory_max_bytes; /* RLIMIT_AS-like limit of the worker; the largest of its instances
                                 counts */
    int64_t call_timeout_ms;  /* default deadline */
    bool is_scratch; /* runs what somebody typed: a worker apart from those that deliver, whose
                        crashes say nothing against the file */
};

/* What the plugin has, known once the instance is active. Borrowed from the instance. */
struct plugin_facts {
    bool has_transformer, has_prepare, has_judge, has_submit, has_submitter, has_test, has_webhook;
    bool has_reconcile, has_judge_reconcile;
    uint32_t batch_max;
    size_t selector_count;
    const char *selectors[16];
};

enum plugin_status {
    PLUGIN_OK,
    PLUGIN_FAILED, /* the callback returned an error: error_class, message */
    PLUGIN_DIED, /* the worker died in this call: words name signal or exit, callback, record; or it
                    died in another's while this one was submitting: words name the integration */
    PLUGIN_TIMED_OUT,   /* past its deadline; the worker was killed. A job left pending is given up
                           and the worker lives on: error_class is then TENON_E_UNKNOWN */
    PLUGIN_GARBLED,     /* the worker answered bytes that are not the protocol; it was killed */
    PLUGIN_UNAVAILABLE, /* not running: restarting, quarantined or failed; try again at retry_at_ms,
                           or when plugin_instance_on_return tells */
    PLUGIN_STOPPED,     /* shutting down */
};

/* Opens: starts the worker if need be, validate, create, activate. `opened` gets PLUGIN_OK or why
 * not; it is not tried again then. After a worker's death the host restarts it and opens those that
 * were active again by itself. When that fails it goes on trying, later and later, unless the
 * plugin said that it never will (TENON_E_VALIDATION, _PERMANENT, _UNSUPPORTED); `state` below
 * tells. */
typedef void (*plugin_opened_fn)(void *user, enum plugin_status status, const char *words);
struct plugin_instance *plugin_instance_open(struct plugin_host *host,
                                             const struct plugin_instance_settings *settings,
                                             plugin_opened_fn opened, void *user, struct err *err);
/* Tells each time that it is active again: its worker was restarted or pardoned, or it was tried
 * again. One to be told; from the loop, never within a call to this room. */
typedef void (*plugin_returned_fn)(void *user);
void plugin_instance_on_return(struct plugin_instance *instance, plugin_returned_fn returned,
                               void *user);
/* Open calls are answered PLUGIN_STOPPED first. */
void plugin_instance_close(struct plugin_instance *instance);
/* The same, and tells, perhaps at once, when the worker holds nothing of it any more: a file that
 * the plugin had locked is free then. The instance is gone with that; closing it before forgets
 * whom to tell. */
typedef void (*plugin_closed_fn)(void *user);
void plugin_instance_close_then(struct plugin_instance *instance, plugin_closed_fn closed,
                                void *user);
const struct plugin_facts *plugin_instance_facts(const struct plugin_instance *instance);

/* How it is doing, for `integration show` and /metrics. Texts are borrowed until the next loop
 * round. */
struct plugin_health {
    const char *state; /* starting, active, restarting, quarantined, failed, stopped */
    const char *words; /* why, when not active: "signal 11 (SIGSEGV) in transform, record evt-3" */
    int pid;           /* 0: none or in-process */
    uint64_t starts, crashes, calls;
    int64_t retry_at_ms;    /* by clock_due_ms; 0: none */
    const char *last_crash; /* words of the last crash, kept after recovery; NULL: never */
    int64_t last_crash_ms;
    const char *confinement; /* what confines its worker, and what is missing; "" while unknown */
};
void plugin_instance_health(const struct plugin_instance *instance, struct plugin_health *out);
/* Its state is "failed": nothing but another open mends that. */
bool plugin_instance_has_failed(const struct plugin_instance *instance);

/* ---- calls ---- */

/* A record on its way in. All borrowed until the reply. */
struct plugin_record {
    struct str id, type, key, data;
    uint64_t version;
    uint32_t attempt;
    int64_t created_ms, updated_ms;
};

/* What a batch should go through, in this order, in one crossing. */
enum {
    PLUGIN_STEP_SELECT = 1,    /* `selector` by name */
    PLUGIN_STEP_TRANSFORM = 2, /* the plugin's transformer, when it has one */
    PLUGIN_STEP_PREPARE =
        4, /* client->prepare (or the submitter, which replaces TRANSFORM and PREPARE) */
    PLUGIN_STEP_SUBMIT = 8, /* client->submit: verdicts come back, at once or later by completion */
    PLUGIN_STEP_PAYLOADS = 16, /* send the transformed data back (dry run; or because another plugin
                                  goes on with it) */
    PLUGIN_STEP_RECONCILE = 32, /* client->reconcile, and none of PREPARE and SUBMIT: GOES_ON is
                                   then looked up by its request */
};

enum plugin_outcome_kind {
    OUTCOME_GOES_ON, /* wanted so far: it is in a request, or its payload is back, or its job is
                        pending */
    OUTCOME_ACCEPTED,
    OUTCOME_REJECTED,
    OUTCOME_RETRY,
    OUTCOME_UNSURE,
    OUTCOME_SKIPPED,
    OUTCOME_NOT_THERE, /* of RECONCILE alone; as TENON_... verdicts */
};

struct plugin_outcome {
    enum plugin_outcome_kind kind;
    const char *step; /* static: "selector", "transformer", "client", "submitter" */
    bool is_shared;   /* no verdict of its own: the callback refused all that it was given */
    int error_class;
    uint32_t retry_after_ms;
    int http_status;
    struct str message, external_id;
    struct str payload; /* with PLUGIN_STEP_PAYLOADS, for OUTCOME_GOES_ON */
};

/* A prepared request. first and count speak of the caller's batch (already translated past skipped
 * records); `records` lists the batch indexes it carries. */
struct plugin_request {
    uint32_t body_kind; /* TENON_BODY_... */
    const uint32_t *records;
    uint32_t record_count;
    struct str method, url, headers, body;
};

/* The answer. Reference-counted, since texts point into the frame that came from the worker: keep
 * it as long as requests use it. The callback's reference ends with the callback. */
struct plugin_reply {
    enum plugin_status status;
    const char *words; /* when not OK: for people; names callback and record */
    int error_class;
    int64_t retry_at_ms; /* with PLUGIN_UNAVAILABLE; 0: not by itself */
    int64_t
        culprit; /* PLUGIN_DIED, _TIMED_OUT: index of the record in hand; -1: unknown, or none
                    of these: no proof against a record, be it alone. A hint from hostile memory */
    struct plugin_outcome *outcomes; /* one per record of the batch, when PLUGIN_OK */
    size_t outcome_count;
    struct plugin_request *requests;
    size_t request_count;
    struct str result;          /* of plugin_action: JSON, "null" when the function wrote nothing;
                                   of plugin_route: what of the body is left */
    int number;                 /* the exit code of plugin_command; of plugin_route the status, 0
                                   when its head went ahead */
    struct str headers;         /* of plugin_route, with number: "Name: value\n" lines */
    bool is_later;              /* of plugin_signal: its answer will come by itself */
    uint32_t retry_after_ms;    /* of plugin_action and plugin_signal, when it failed */
    const struct str *payloads; /* per record: the data a body is made of: transformed if a
                                   transformer ran, else the caller's own */
};
struct plugin_reply *plugin_reply_ref(struct plugin_reply *reply);
void plugin_reply_unref(struct plugin_reply *reply); /* NULL allowed */

typedef void (*plugin_reply_fn)(void *user, struct plugin_reply *reply);

struct plugin_batch {
    const struct plugin_record *records; /* borrowed until the reply */
    size_t count;
    unsigned steps;
    const char *selector; /* with PLUGIN_STEP_SELECT */
    int64_t deadline_ms;  /* from now; 0: the instance's call_timeout */
};
/* With PLUGIN_STEP_SUBMIT the reply comes when every verdict is there, pending jobs completed
 * included (deadline counts for the whole). */
void plugin_deliver(struct plugin_instance *instance, const struct plugin_batch *batch,
                    plugin_reply_fn fn, void *user);

/* client->judge on one answer; outcomes are per record given. */
struct plugin_judge {
    const struct plugin_record *records; /* data is not sent over */
    size_t count;
    int status;
    struct str headers, body;
    bool is_reconcile; /* client->judge_reconcile on the answer to a lookup */
};
void plugin_judge(struct plugin_instance *instance, const struct plugin_judge *judge,
                  plugin_reply_fn fn, void *user);

/* tenon.webhook/1: what came in at the integration's hook, on its way to entities. All borrowed for
 * the call to this. The reply's `result` is what the plugin wrote, as JSON. */
struct plugin_webhook {
    struct str id, event, content_type, headers, body;
};
void plugin_webhook(struct plugin_instance *instance, const struct plugin_webhook *webhook,
                    plugin_reply_fn fn, void *user);

/* client->test. */
void plugin_test(struct plugin_instance *instance, plugin_reply_fn fn, void *user);

/* ---- actions ---- */

enum { PLUGIN_PARAMETERS_MAX = 16 };
struct plugin_parameter {
    struct str name;
    char letter;      /* as in tenon_action: I, d, b, s or j */
    const char *type; /* static: integer, number, boolean, text, json, choice, duration, ... */
    bool is_required;
    struct option option; /* its row, or one that says nothing more */
};
struct plugin_action {
    struct str name, help;
    bool is_read_only, is_destructive;
    size_t parameter_count;
    struct plugin_parameter parameters[PLUGIN_PARAMETERS_MAX];
};
/* What the plugin declares, once its worker has loaded it, and the integration by itself, once it
 * was created; NULL and 0 before. Borrowed until the next loop round. */
const struct plugin_action *plugin_instance_actions(const struct plugin_instance *instance,
                                                    size_t *out_count);
/* Calls one with `arguments`, a JSON object or nothing, which are held against the declaration
 * first: the answer is then PLUGIN_FAILED, TENON_E_VALIDATION, and the plugin has seen nothing. One
 * that changes something is never called twice: when the worker ended under it the answer is
 * TENON_E_UNKNOWN; so it is when the instance is closed under it. The deadline is the instance's.
 */
void plugin_action(struct plugin_instance *instance, struct str name, struct str arguments,
                   plugin_reply_fn fn, void *user);
/* Nobody wants the answer any more. A call that has not gone to the worker yet is answered
 * TENON_E_CANCELLED, soon and in the same way; one that has goes on. */
void plugin_action_cancel(struct plugin_instance *instance, plugin_reply_fn fn, const void *user);

/* ---- commands and routes: calls beside the strand, that talk while they run ---- */

enum { PLUGIN_SEGMENTS_MAX = 8, PLUGIN_ASIDES_MAX = 16 };
struct plugin_command {
    struct str name, arguments, help, more;
    int64_t timeout_ms; /* 0: none */
    size_t index;
};
struct plugin_route {
    struct str method, path, help, request_schema, response_schema; /* schemas: JSON, or empty */
    bool is_read_only; /* wants the scope read, else submit */
    int64_t timeout_ms;
    size_t index;
};
/* What the plugin declares, once its worker has loaded it; NULL and 0 before. Borrowed from the
 * instance. */
const struct plugin_command *plugin_instance_commands(const struct plugin_instance *instance,
                                                      size_t *out_count);
const struct plugin_route *plugin_instance_routes(const struct plugin_instance *instance,
                                                  size_t *out_count);
/* Does this route serve `path`? Then the raw pieces for its parameters. */
bool plugin_route_matches(const struct plugin_route *route, struct str path,
                          struct str out_parameters[PLUGIN_SEGMENTS_MAX], size_t *out_count);

struct plugin_aside; /* one that runs */
enum plugin_saying { PLUGIN_SAYS_OUT, PLUGIN_SAYS_ERR, PLUGIN_SAYS_BODY };
/* What such a call has to tell. `said` and `head` are each followed by plugin_aside_taken(), now or
 * later, until which the texts live and the call stands still. `ended` comes once, as the last,
 * with a reply as for other calls (on PLUGIN_OK with number, headers and result), but not behind
 * plugin_aside_cancel. All may call back into this room. */
struct plugin_aside_events {
    void (*said)(void *user, enum plugin_saying what, struct str bytes);
    void (*head)(void *user, int status, struct str headers); /* of a route's long answer */
    void (*wants)(void *user); /* a command reads: plugin_aside_input() answers */
    void (*ended)(void *user, struct plugin_reply *reply);
};
struct plugin_run {
    const struct str *arguments; /* copied, as are all texts here */
    size_t argument_count;
    uint32_t flags, width; /* as in tenon_cli_call */
};
struct plugin_serve {
    struct str method, path, query, headers, body; /* as in tenon_route_request */
    struct str parameters[PLUGIN_SEGMENTS_MAX];    /* decoded */
    size_t parameter_count;
};
/* Never NULL, and valid until ended() or plugin_aside_cancel. At most PLUGIN_ASIDES_MAX run for one
 * instance; one more ends as PLUGIN_UNAVAILABLE, TENON_E_RATE_LIMITED. */
struct plugin_aside *plugin_command(struct plugin_instance *instance,
                                    const struct plugin_command *command,
                                    const struct plugin_run *run,
                                    const struct plugin_aside_events *events, void *user);
struct plugin_aside *plugin_route(struct plugin_instance *instance,
                                  const struct plugin_route *route,
                                  const struct plugin_serve *serve,
                                  const struct plugin_aside_events *events, void *user);
void plugin_aside_taken(struct plugin_aside *aside);
bool plugin_aside_wants(const struct plugin_aside *aside);
void plugin_aside_input(struct plugin_aside *aside, struct str bytes); /* none: the end */
void plugin_aside_cancel(struct plugin_aside *aside); /* the caller is gone; frees */

/* ---- questions: what plugin code asks of a service ---- */

enum { PLUGIN_ASK_TEXTS_MAX = 8 };
struct plugin_question {
    struct plugin_instance *instance; /* as long as somebody waits */
    const char *integration;          /* the instance's name; for helpers "name#jq" */
    uint64_t call; /* of the call in whose course it is asked; 0: a thread of the plugin's own */
    int64_t timeout_ms;           /* then nobody waits any more; below what is left of that call */
    struct str service, function; /* "tenon.http/1", "exchange"; NUL-terminated, as are the texts */
    struct str texts[PLUGIN_ASK_TEXTS_MAX]; /* empty behind text_count */
    size_t text_count;
};
/* Whoever got an ask ends it by exactly one of answer, refuse and fail, now or later, also when
 * nobody waits any more (the time is up, the worker died, the integration was closed), which `gone`
 * tells: set it in the event, it is called at most once, and best cancels what was begun. */
const struct plugin_question *plugin_ask_question(const struct plugin_ask *ask);
void plugin_ask_on_gone(struct plugin_ask *ask, void (*gone)(void *user), void *user);
/* The class of a timeout; TENON_E_CANCELLED unless told: what was begun may have changed things. */
void plugin_ask_late_class(struct plugin_ask *ask, int error_class);
/* Where it is asked from. Looked up at each call, for that may be over by now. */
struct plugin_asking {
    const void *strand; /* which waits for the answer; NULL: a thread of the plugin's own */
    const char *action; /* NUL-terminated: the action that runs there; "" when it is another call */
    plugin_reply_fn fn; /* who waits for that call; NULL: nobody */
    void *user;
};
void plugin_ask_asking(const struct plugin_ask *ask, struct plugin_asking *out);
/* What runs one call at a time: calls to instances of one strand wait for each other. A name to
 * compare and no more; it may change with the worker's next life. */
const void *plugin_instance_strand(const struct plugin_instance *instance);
void plugin_ask_answer(struct plugin_ask *take_ask, const struct str *texts, size_t count);
struct plugin_refusal {
    int error_class; /* TENON_E_... */
    uint32_t retry_after_ms;
    int http_status;
    const char *words;
};
void plugin_ask_refuse(struct plugin_ask *take_ask, const struct plugin_refusal *refusal);
void plugin_ask_fail(struct plugin_ask *take_ask, int error_class, const char *words);

/* ---- signals ---- */

enum { PLUGIN_SUBSCRIPTIONS_MAX = 16 };
struct plugin_subscription {
    struct str pattern, sender; /* checked; sender empty: any */
    bool is_durable;
};
/* What the plugin subscribes to, once its worker has loaded it. How many; texts borrowed from the
 * instance. */
size_t plugin_instance_subscriptions(const struct plugin_instance *instance,
                                     struct plugin_subscription out[PLUGIN_SUBSCRIPTIONS_MAX]);

/* Gives one signal to the handler. reply->result is what it wrote for an answer, JSON; empty when
 * nothing. When the worker ended under it, it may have been handled. Nothing is borrowed. */
struct plugin_signal {
    uint32_t subscription, attempt, timeout_ms;
    uint64_t request, seq, version;
    int64_t at_ms;
    struct str type, sender, data, entity, entity_type;
};
void plugin_signal(struct plugin_instance *instance, const struct plugin_signal *signal,
                   plugin_reply_fn fn, void *user);

/* ---- tools for language models (plugin_mcp.c) ---- */

struct plugin_tool {
    struct str name, title, description;
    struct str schema; /* JSON, taken by json_schema_check */
    bool is_read_only, is_destructive, is_idempotent, is_open_world;
};
/* Like plugin_instance_actions. */
const struct plugin_tool *plugin_instance_tools(const struct plugin_instance *instance,
                                                size_t *out_count);
/* Like plugin_action; the result is {"content": [...]}, maybe with "structuredContent", but for
 * that nothing in it has been looked at. */
void plugin_tool(struct plugin_instance *instance, struct str name, struct str arguments,
                 plugin_reply_fn fn, void *user);

/* All plugins' workers, for status: calls fn once per worker. */
struct plugin_worker_info {
    const char *plugin, *path, *state, *words;
    int pid;
    uint64_t starts, crashes;
    size_t instances;
    bool is_inprocess;
    const char *confinement;
};
/* Is this process one of ours that runs plugin code? */
bool plugin_host_runs(const struct plugin_host *host, int pid);
void plugin_host_each(const struct plugin_host *host,
                      void (*fn)(void *user, const struct plugin_worker_info *info), void *user);

#endif
