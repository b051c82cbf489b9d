/* SPDX-License-Identifier: Apache-2.0
 * What the files of this room share. The serving thread reads frames; without TENON_PER_INTEGRATION
 * it also runs them, with it each instance has a thread of its own for its strand and pool calls.
 * Locks, in this order: server.jobs_lock, thread.queue_lock, inbox.lock, server.send_lock. None is
 * held while a callback runs. */
#ifndef CALL_CALL_SERVER_H
#define CALL_CALL_SERVER_H

#include "call/call.h"

#include <tenon/action.h>
#include <tenon/actions.h>
#include <tenon/cli.h>
#include <tenon/http.h>
#include <tenon/mcp.h>
#include <tenon/routes.h>
#include <tenon/signals.h>
#include <tenon/store.h>
#include <tenon/webhook.h>

#include <ffi.h>
#include <pthread.h>

struct call_server;
struct call_instance;
struct call_sink;

/* One record's outcome while its batch is worked on. Texts are offsets, because their buffers move
 * as they grow. */
struct call_outcome {
    uint8_t kind, step; /* enum wire_kind, enum wire_step */
    bool is_set;        /* has a verdict */
    bool is_requested;  /* is in a request */
    bool has_payload;
    bool is_shared; /* the callback's status, for all it had in hand */
    int32_t error_class;
    uint32_t retry_after_ms, http_status;
    uint32_t message_at, message_len, external_id_at, external_id_len, payload_at, payload_len;
};

/* A batch in hand. Reused from call to call; a pending job takes it along. */
struct call_batch {
    uint32_t count, cap;
    tenon_record *records; /* [0, live_count): those that go on, closed up */
    uint32_t *live;        /* their indexes in the host's batch */
    uint32_t live_count;
    struct call_outcome *outcomes; /* count of them, by the host's index */
    enum wire_step step;           /* who is asked just now */
    struct wire_out texts, payloads, requests;
    uint32_t request_count;
    bool is_body_record; /* some request refers to record data */
};

/* A thread that calls plugin code, and what it works with. */
struct call_thread {
    struct call_server *server;
    struct wire_place *place; /* others read it at any time: written by atomic stores alone */
    struct call_batch *batch; /* NULL until first needed */
    struct wire_out out;
};

struct call_item { /* a frame on its way to an instance's thread */
    struct call_item *next;
    struct wire_header header;
    char bytes[];
};

struct call_instance {
    struct call_instance *next;
    struct call_server *server;
    uint32_t id;
    void *self;
    _Atomic bool is_created;
    bool is_active;
    struct call_own_actions *own_actions; /* NULL: none but the plugin's */
    tenon_host host; /* never freed while the process lives: a late thread of the plugin may still
                        hold it */
    /* With TENON_PER_INTEGRATION: */
    bool has_thread;          /* serving thread only */
    unsigned place;           /* of the shared page; 0: none, or the serving thread's */
    _Atomic bool is_finished; /* the thread has seen CLOSE and can be joined */
    pthread_t pthread;
    struct call_thread thread;
    struct wire_place own_place; /* when the page has none left: the host does not see it */
    pthread_mutex_t queue_lock;
    pthread_cond_t queue_news;
    struct call_item *queue_first, *queue_last; /* under queue_lock */
    bool is_ending;                             /* under queue_lock */
};

/* A batch that submit() is working on, or left pending. */
struct call_job {
    struct call_job *next;
    uint64_t id, call;
    uint32_t steps;
    struct call_instance *instance;
    struct call_batch *batch;
    bool is_submitting, is_completed;
};

/* An action and how it is called. self comes before the parameters, out and err behind them. */
enum { CALL_AROUND = 3 };
struct call_action {
    tenon_action declared; /* our copy; function NULL: run by the capability's call() */
    uint32_t count;        /* of parameters */
    uint32_t index;        /* among the integration's own */
    ffi_cif cif;
    ffi_type *types[WIRE_PARAMETERS_MAX + CALL_AROUND];
};

struct call_aside;       /* call_aside.h: a command or a route that runs */
struct call_own_actions; /* call_actions.c: those of one integration */

/* Plugin code that waits for an answer of the host; on the waiting thread's stack. */
struct call_ask {
    struct call_ask *next;
    uint64_t id;
    bool is_answered;
    struct wire_answer answer; /* texts in bytes */
    char *bytes;
};

/* What the host sent. Whoever wants something of it reads for all: the serving thread its next
 * order, an asking thread its answer. Orders that an asking thread meets wait in the backlog. */
struct call_inbox {
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct wire_reader reader;
    bool is_read;   /* a thread is in recv, without the lock */
    bool is_pinned; /* the frame in hand lies in the reader's memory */
    char *detached; /* the memory of the frame in hand, no longer the reader's */
    int status;     /* 0: goes on; 1: the host closed it; negative errno */
    struct call_item *backlog_first, *backlog_last, *in_hand;
    struct call_ask *asks;
    uint64_t last_ask;
};

struct call_server {
    struct call_options options;
    struct wire_place no_page[1];
    uint64_t places_used; /* bit per place of the page; serving thread only */
    struct call_thread main;
    tenon_plugin plugin; /* our copy; zero where the plugin's table is older */
    tenon_transformer transformer;
    tenon_client client;
    tenon_submitter submitter;
    struct call_action *actions;  /* as many as plugin.n_actions; never freed, like the plugin */
    tenon_actions own_actions;    /* its capability; zero: the plugin has none */
    tenon_webhook webhook;        /* the same */
    tenon_signal_handler signals; /* the same */
    tenon_cli cli;                /* the same */
    tenon_routes routes;          /* the same */
    struct call_aside *asides;    /* serving thread only */
    tenon_mcp mcp;                /* the same */
    bool is_loaded;
    struct call_instance *instances; /* serving thread only */
    struct call_inbox inbox;
    pthread_mutex_t send_lock;
    bool is_broken; /* under send_lock */
    pthread_mutex_t jobs_lock;
    struct call_job *jobs; /* under jobs_lock */
    uint64_t last_job;     /* under jobs_lock */
};

/* call_serve.c */
void call_thread_begins(struct call_thread *thread); /* on it */
void call_thread_ends(const struct call_thread *thread);
int call_send(struct call_server *server, const struct wire_out *frame); /* [any] */
void call_send_status(struct call_thread *thread, const struct wire_header *to,
                      const struct wire_status *status);
/* The status of a callback that returned `code`. */
void call_send_result(struct call_thread *thread, const struct wire_header *to,
                      enum wire_callback callback, int32_t code, tenon_err *err);
void call_send_refusal(struct call_thread *thread, const struct wire_header *to, int32_t code,
                       const char *words);
void call_run(struct call_thread *thread, struct call_instance *instance,
              const struct wire_header *header, struct wire_in *in);

static inline void call_mark(struct call_thread *thread, enum wire_callback callback,
                             uint32_t record)
{
    __atomic_store_n(&thread->place->record, record, __ATOMIC_RELAXED);
    __atomic_store_n(&thread->place->callback, (uint32_t)callback, __ATOMIC_RELAXED);
}
/* Whose code runs from here on; 0: nobody's. */
static inline void call_mark_call(struct call_thread *thread, uint64_t call, uint32_t instance)
{
    __atomic_store_n(&thread->place->call, call, __ATOMIC_RELAXED);
    __atomic_store_n(&thread->place->instance, instance, __ATOMIC_RELAXED);
}
static inline tenon_err call_err(void)
{
    tenon_err err;

    memset(&err, 0, sizeof err);
    err.struct_size = sizeof err;
    return err;
}
/* A text that came from a plugin: ptr may be NULL when it is empty. */
static inline tenon_str call_text(tenon_str text)
{
    return text.ptr == NULL || text.len == 0 ? (tenon_str){"", 0} : text;
}

/* call_inbox.c */
void call_inbox_init(struct call_inbox *inbox);
/* The next order, valid until the next call; the serving thread alone. 1, or 0 at the end of the
 * connection, or negative errno. */
int call_inbox_next(struct call_server *server, struct wire_header *header, struct wire_in *in);
/* An ask is known from add on, so its answer cannot come too early; it must be removed. */
void call_inbox_add(struct call_server *server, struct call_ask *ask);
void call_inbox_wait(struct call_server *server, struct call_ask *ask);
void call_inbox_remove(struct call_server *server, struct call_ask *ask); /* frees ask->bytes */
void call_inbox_end(struct call_inbox *inbox, int status); /* whoever still waits is told */

/* call_service.c: what plugin code asks the host for; blocks until the answer is there.  [any] */
/* Fills ask->service, function, texts, timeout_ms before. TENON_OK: `answer`, whose texts live
 * until call_service_done; else err says why not. */
int32_t call_service_ask(const tenon_host *host, struct wire_ask *ask, struct call_ask *answer,
                         tenon_err *err);
void call_service_done(const tenon_host *host, struct call_ask *answer);
const void *call_service_find(const tenon_host *host, const char *id);
extern _Thread_local const struct call_thread *call_service_thread; /* NULL: the plugin's own */
extern const tenon_action_service call_service_action;
extern const tenon_http call_service_http;
extern const tenon_signals call_service_signals;
extern const tenon_store call_service_store;

/* call_command.c, call_route.c */
/* Read the capabilities "tenon.cli/1" and "tenon.routes/1". Negative with words. */
int call_command_load(struct call_server *server, char words[CALL_WORDS_MAX]);
int call_route_load(struct call_server *server, char words[CALL_WORDS_MAX]);
void call_command_declare(const struct call_server *server, struct wire_facts *facts);
void call_route_declare(const struct call_server *server, struct wire_facts *facts);

/* call_load.c */
void call_load(struct call_server *server, const struct wire_header *header, struct wire_in *in);
const tenon_selector *call_find_selector(const struct call_server *server, tenon_str name);

/* call_instance.c */
void call_create(struct call_server *server, const struct wire_header *header, struct wire_in *in);
void call_activate(struct call_thread *thread, struct call_instance *instance,
                   const struct wire_header *header);
void call_close(struct call_thread *thread, struct call_instance *instance, uint32_t grace_ms);
struct call_instance *call_find_instance(struct call_server *server, uint32_t id);
/* A place of the shared page that no other thread writes, and its number; 0 with *place as it was:
 * there are more threads than places. Serving thread. */
unsigned call_place_take(struct call_server *server, struct wire_place **place);
void call_place_give(struct call_server *server, unsigned number);
int call_enqueue(struct call_instance *instance, const struct wire_header *header,
                 const struct wire_in *in);
void call_end_instances(struct call_server *server);

/* call_deliver.c */
void call_deliver(struct call_thread *thread, struct call_instance *instance,
                  const struct wire_header *header, struct wire_in *in);
void call_judge(struct call_thread *thread, struct call_instance *instance,
                const struct wire_header *header, struct wire_in *in);

/* call_mcp.c */
int call_mcp_load(struct call_server *server, char words[CALL_WORDS_MAX]);
void call_mcp_declare(const struct call_server *server, struct wire_facts *facts);
void call_mcp(struct call_thread *thread, struct call_instance *instance,
              const struct wire_header *header, struct wire_in *in);

/* call_action.c */
/* Looks at the plugin's actions and prepares their calls. Negative with words. */
int call_action_prepare_all(struct call_server *server, char words[CALL_WORDS_MAX]);
void call_action_declare(const struct call_server *server, struct wire_facts *facts);
/* Prepares the call of an action whose `declared` is filled, all texts there. NULL, or what is
 * wrong with it (static). */
const char *call_action_prepare(struct call_action *action);
void call_action_declare_one(const struct call_action *action, struct wire_declared *out);
const struct call_action *call_action_find(const struct call_server *server, tenon_str name);
/* The arguments must be of the action's signature. The function's own status. */
int32_t call_action_invoke(const struct call_action *action, void *self,
                           const struct wire_argument *arguments, tenon_sink *out, tenon_err *err);
void call_action(struct call_thread *thread, struct call_instance *instance,
                 const struct wire_header *header, struct wire_in *in);

/* Answers with what the sink got; `what` it is goes into the sentence when it was too much. */
void call_send_written(struct call_thread *thread, const struct wire_header *to,
                       const struct call_sink *sink, const char *what);

/* call_webhook.c */
int call_webhook_load(struct call_server *server, char words[CALL_WORDS_MAX]); /* as of actions */
void call_webhook(struct call_thread *thread, struct call_instance *instance,
                  const struct wire_header *header, struct wire_in *in);

/* call_actions.c */
/* Reads the capability "tenon.actions/1". Negative with words. */
int call_actions_load(struct call_server *server, char words[CALL_WORDS_MAX]);
/* Asks a new instance for the actions of its own. The status of its declare(), with err's words. */
int32_t call_actions_declare(struct call_thread *thread, struct call_instance *instance,
                             tenon_err *err);
/* Answers WIRE_CREATE with what was declared. */
void call_actions_send(struct call_thread *thread, const struct call_instance *instance,
                       const struct wire_header *to);
void call_actions_destroy(struct call_own_actions *own); /* NULL allowed */
const struct call_action *call_actions_find(const struct call_instance *instance, tenon_str name);
int32_t call_actions_invoke(const struct call_action *action, const struct call_instance *instance,
                            const struct wire_action *order, tenon_sink *out, tenon_err *err);

/* call_signal.c */
/* Takes over the plugin's subscriptions and handler, if it has them. Negative with words. */
int call_signal_load(struct call_server *server, char words[CALL_WORDS_MAX]);
void call_signal_declare(const struct call_server *server, struct wire_facts *facts);
void call_signal(struct call_thread *thread, struct call_instance *instance,
                 const struct wire_header *header, struct wire_in *in);

/* call_batch.c */
struct call_batch *call_batch_get(struct call_thread *thread, uint32_t count); /* NULL: no memory */
void call_batch_destroy(struct call_batch *batch);
void call_batch_close_up(struct call_batch *batch); /* drops records that no longer go on */
/* The outcome of the record at `live_index` from what a callback returned, with err's words. */
void call_batch_fail(struct call_batch *batch, uint32_t live_index, enum wire_callback callback,
                     int32_t code, const tenon_err *err);
void call_batch_settle(struct call_batch *batch, uint32_t live_index, enum wire_kind kind,
                       int32_t error_class, tenon_str message);
/* Applies a plugin's verdict; TENON_E_VALIDATION when it makes no sense. */
int32_t call_batch_verdict(struct call_batch *batch, const tenon_verdict *verdict);
int32_t call_batch_request(struct call_batch *batch, const tenon_request *request);
/* The WIRE_OUTCOMES frame. */
int call_batch_encode(struct call_batch *batch, uint32_t steps, uint64_t call, uint32_t instance,
                      struct wire_out *out);

/* Output of a selector or transformer, appended to one of the batch's buffers. */
struct call_sink {
    tenon_sink sink;
    struct wire_out *to;
    size_t start, max;
    bool is_over;
};
void call_sink_init(struct call_sink *sink, struct wire_out *to, size_t max);

/* call_job.c */
struct call_job *call_job_start(struct call_server *server, struct call_instance *instance,
                                uint64_t call, uint32_t steps, struct call_batch *batch);
/* After submit() returned PENDING: true when it goes on by itself (the host has been told), false
 * when it was completed already and the caller answers. */
bool call_job_leave_pending(struct call_thread *thread, struct call_job *job);
void call_job_end(struct call_server *server,
                  struct call_job *job); /* forgets it; the batch stays the caller's */
int32_t call_job_complete(const tenon_host *host, uint64_t id, const tenon_verdict *verdicts,
                          size_t count);
void call_job_cancel(struct call_server *server, uint64_t call);
void call_job_drop_all(struct call_server *server,
                       const struct call_instance *instance); /* NULL: everybody's */

#endif
