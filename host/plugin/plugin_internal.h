/* SPDX-License-Identifier: Apache-2.0
 * What the files of this room share. All [loop].
 *
 *   worker:   idle -> starting -> running -> dying -> backoff -> starting ...
 *             (or quarantined, failed)
 *             running -> ending (its last instance closed) -> gone
 *   instance: waiting -> creating -> activating -> active; after a worker's death waiting again,
 *             and when it does not open then: retrying -> creating ...; or failed
 *
 * No callback of a caller runs while a list is walked: answers are queued with plugin_answer and
 * given out at the end of the event (plugin_host_flush), so a caller may open, call and close from
 * inside a callback. */
#ifndef PLUGIN_INTERNAL_H
#define PLUGIN_INTERNAL_H

#include "plugin/plugin.h"
#include "wire/wire_messages.h"

enum {
    PLUGIN_WORDS_MAX = 1024,
    PLUGIN_CAUSE_MAX = 448,
    PLUGIN_IN_HAND_MAX = 2, /* sent and not answered, per strand: one runs, one waits in the pipe */
    PLUGIN_PENDING_MAX = 64, /* per instance */
    PLUGIN_ABANDONED_MAX =
        32, /* jobs past their deadline that a worker may still hold before it is replaced */
    PLUGIN_TIMEOUT_MS = 30000, /* when the instance names none */
    PLUGIN_START_MS = 10000,   /* least deadline of load, create, activate */
    PLUGIN_CLOSE_MS = 5000,
    PLUGIN_HOLD_MS = 1000, /* calls wait for what is back by then, else they are refused */
    PLUGIN_CRASHES_KEPT = 32,
    PLUGIN_IMAGE_PATH_MAX = 32,
    PLUGIN_DECLARED_BYTES_MAX = 4 << 20, /* it is kept, and shown in every list */
};

struct plugin_call;
struct plugin_worker;

enum worker_state {
    WORKER_IDLE,
    WORKER_STARTING,
    WORKER_RUNNING,
    WORKER_DYING, /* killed, or its connection ended: the exit status is awaited */
    WORKER_BACKOFF,
    WORKER_QUARANTINED,
    WORKER_FAILED, /* does not load, or hangs in this process: no restart */
    WORKER_ENDING,
    WORKER_GONE, /* freed at the next flush */
};

enum instance_state {
    INSTANCE_WAITING,
    INSTANCE_CREATING,
    INSTANCE_ACTIVATING,
    INSTANCE_ACTIVE,
    INSTANCE_RETRYING, /* was active, did not open again: plugin_again.c */
    INSTANCE_FAILED,
    INSTANCE_CLOSING,
};

struct plugin_instance {
    struct plugin_instance *next; /* in its worker */
    struct plugin_worker *worker; /* NULL once the worker has forgotten it */
    struct plugin_host *host;
    uint32_t id;     /* in its worker */
    bool is_owned;   /* the caller has not closed it */
    bool was_active; /* once: what keeps it from that again may pass */
    bool is_left;    /* retrying: a failed activate left an object in the worker */
    enum instance_state state;
    char *name, *settings_json;
    int64_t call_timeout_ms, grace_ms, memory_max_bytes;
    int64_t retry_at_ms, backoff_ms;
    struct loop_timer *retry_timer; /* NULL: never needed */
    plugin_opened_fn opened;        /* NULL once it was told */
    void *user;
    plugin_returned_fn returned; /* NULL: nobody wants to know */
    void *returned_user;
    plugin_closed_fn closed; /* NULL: nobody waits for its end */
    void *closed_user;
    struct plugin_facts facts;
    /* When it has actions of its own: the worker's, then those; texts in the worker's facts_bytes
     * and in action_bytes. */
    struct plugin_action *actions;
    size_t action_count, action_bytes_len;
    char *action_bytes;
    char words[PLUGIN_WORDS_MAX];
    uint64_t calls;
    unsigned in_hand, pending, asides; /* in the worker; asides are in neither of the others */
    uint64_t front_round;
};

struct plugin_call {
    struct plugin_call *next;
    enum wire_op op;
    uint64_t id;
    struct plugin_instance *instance; /* NULL: WIRE_LOAD */
    plugin_reply_fn fn;               /* NULL: nobody waits (any more) */
    void *user;
    const struct plugin_record *records;
    size_t count;
    unsigned steps;
    struct plugin_judge judge;
    int64_t deadline_ms, started_us; /* started: 0 while another call is before it */
    bool is_pending, is_abandoned;
    bool is_once;               /* an order that changes something: not to be begun again */
    struct plugin_aside *aside; /* WIRE_RUN, WIRE_SERVE; NULL: its caller is gone */
    size_t order_bytes; /* of what WIRE_RESULT or WIRE_ENDED answers: its payload, behind the
                           selector's end */
    char selector[];    /* or the action's or tool's name, "command x", "route GET /x" */
};

/* One that a caller gave, of an action or a tool. */
static inline bool plugin_call_is_order(const struct plugin_call *call)
{
    return call->op == WIRE_ACTION || call->op == WIRE_TOOL;
}

struct plugin_queue {
    struct plugin_call *first, *last;
};

/* What the room needs of an operating system process, or of a thread that stands in for it. */
struct plugin_process {
    int fd; /* our end of the connection; -1: none */
    struct plugin_watch *watch, *exit_watch;
    int pid, pidfd;
    struct wire_page *page;
    struct plugin_output *output;
    struct plugin_thread *thread;
};

struct plugin_worker {
    struct plugin_worker *next;
    struct plugin_host *host;
    char *path, *plugin, *version, *settings, *sha256;
    bool is_inprocess, allow_net, is_pinned, is_scratch, has_origin;
    char **write_paths;
    size_t write_path_count;

    enum worker_state state;
    char words[PLUGIN_WORDS_MAX], last_crash[PLUGIN_WORDS_MAX];
    int64_t last_crash_ms, retry_at_ms, backoff_ms, started_us;
    int64_t crash_times_ms[PLUGIN_CRASHES_KEPT];
    size_t crash_count;
    /* Crashes that callers asked for, and how long nobody may ask for more; the due clock. */
    int64_t caller_crash_times_ms[PLUGIN_CRASHES_KEPT], callers_rest_until_ms;
    size_t caller_crash_count;
    uint64_t starts, crashes;
    size_t record_crashes, bad_in_a_row; /* since a batch went well: by one record; all */

    int image_fd; /* what it is loaded from; -1: not opened yet, or the file itself */
    struct plugin_process process;
    bool is_ending;          /* no instance needs it; stays set while it dies */
    enum plugin_status doom; /* why we killed it; PLUGIN_OK: we did not */
    bool was_killed;         /* by us: the exit status then says nothing */
    bool is_hanging;         /* a thread that does not come back */
    bool is_refused;         /* it loaded before and did not now: no crash, it starts again */
    uint64_t doomed_call;
    char doom_words[256];
    struct wire_reader reader;
    struct wire_out out;
    size_t out_sent;

    bool has_facts;
    uint64_t flags;
    struct wire_facts facts; /* texts in facts_bytes */
    char *facts_bytes;
    struct plugin_action *actions;   /* facts.action_count of them, texts in facts_bytes */
    struct plugin_command *commands; /* the same of commands and routes */
    struct plugin_route *routes;
    struct plugin_tool *tools;
    char confinement[PLUGIN_WORDS_MAX];

    struct plugin_instance *instances;
    struct plugin_ask *asks; /* that somebody waits for */
    size_t ask_count, ask_bytes;
    struct plugin_ask *held; /* also those that nobody waits for, until their handler is through */
    size_t held_count;
    size_t instance_count;
    uint32_t last_instance;
    uint64_t last_call, front_round;
    struct plugin_queue queue, flight;
    unsigned in_hand, abandoned;
    struct loop_timer *deadline_timer, *restart_timer;
    int64_t log_second;
    unsigned log_lines;
    uint64_t log_dropped;
};

struct plugin_answer {
    struct plugin_answer *next;
    struct plugin_instance *instance;
    plugin_reply_fn fn;
    plugin_opened_fn opened;
    plugin_returned_fn returned;
    void *user;
    struct plugin_reply *reply; /* NULL: of returned */
};

struct plugin_quarantined {
    struct plugin_quarantined *next;
    char sha256[65];
    char *plugin, *reason;
    int64_t at_ms;
};

struct plugin_host {
    struct loop *loop;
    char *worker_path, *state_dir;
    struct plugin_host_settings settings;
    struct plugin_worker *workers;
    struct plugin_answer *answers_first, *answers_last;
    struct plugin_ask *asks; /* to be handed up, or told to be gone, at the next flush */
    size_t ask_bytes;        /* of all questions that there are */
    struct loop_timer *flush_timer, *stop_timer;
    bool is_flushing, is_stopping, is_done_told;
    void (*done)(void *user);
    void *done_user;
    struct plugin_quarantined *quarantined;
    int64_t worker_uid, worker_gid; /* of the user "tenon-worker"; -1: none, or we are not root */
};

/* plugin_host.c */
void plugin_answer(struct plugin_host *host, struct plugin_instance *instance, plugin_reply_fn fn,
                   void *user, struct plugin_reply *take_reply);
void plugin_answer_opened(struct plugin_instance *instance, enum plugin_status status,
                          const char *words);
void plugin_answer_returned(struct plugin_instance *instance);
void plugin_host_flush(struct plugin_host *host);
void plugin_host_flush_soon(struct plugin_host *host);
void plugin_host_answer_now(struct plugin_host *host, const struct plugin_instance *instance);
void plugin_tell(const struct plugin_worker *worker, bool is_trouble, const char *words);

/* plugin_mcp.c: NULL with words when one makes no sense. */
struct plugin_tool *plugin_mcp_read(const struct wire_facts *facts, struct err *err);

/* plugin_instance.c */
void plugin_instance_begin(struct plugin_instance *instance); /* the worker runs: create it there */
void plugin_instance_created(struct plugin_instance *instance, enum wire_op op,
                             const struct wire_status *status);
void plugin_instance_fail(struct plugin_instance *instance, enum plugin_status status,
                          const char *words);
void plugin_instance_leave(struct plugin_instance *instance,
                           int64_t grace_ms); /* close it in the worker */
void plugin_instance_order(struct plugin_instance *instance, enum wire_op op, int64_t deadline_ms);
void plugin_instance_gone(struct plugin_instance *instance);
void plugin_instance_stop_calls(struct plugin_instance *instance);

/* plugin_again.c */
/* create or activate failed. False: it stays so, and the caller says it. */
bool plugin_again_takes(struct plugin_instance *instance, const struct wire_status *status,
                        const char *words);
bool plugin_again_left(struct plugin_instance *instance);   /* the order to close was answered */
void plugin_again_forget(struct plugin_instance *instance); /* its worker is no more */
bool plugin_again_is_near(const struct plugin_instance *instance); /* calls may wait for it */

/* plugin_call.c */
struct plugin_call *plugin_call_make(struct plugin_instance *instance, enum wire_op op,
                                     const char *selector);
/* With the order's bytes, which go as they are; they have not failed, and are empty after it. */
struct plugin_call *plugin_call_make_order(struct plugin_instance *instance, enum wire_op op,
                                           const char *name, struct wire_out *take_order);
/* Can this instance take a call? If not, it has been answered. */
bool plugin_call_is_taken(struct plugin_instance *instance, plugin_reply_fn fn, void *user);
/* The same for what callers ask of it besides deliveries. */
bool plugin_call_is_served(struct plugin_instance *instance, plugin_reply_fn fn, void *user);
void plugin_call_submit(struct plugin_call *take_call, plugin_reply_fn fn, void *user,
                        int64_t deadline_ms); /* 0: the instance's */
void plugin_queue_add(struct plugin_queue *queue, struct plugin_call *call);
bool plugin_queue_remove(struct plugin_queue *queue, const struct plugin_call *call);
void plugin_call_first(struct plugin_worker *worker,
                       struct plugin_call *call); /* before all but its kind */
void plugin_call_pump(struct plugin_worker *worker);
void plugin_call_frame(struct plugin_worker *worker, const struct wire_header *header,
                       struct wire_in *in);
/* plugin_deadline.c */
void plugin_call_deadlines(struct plugin_worker *worker);
void plugin_call_on_deadline(void *user);
/* plugin_call.c */
void plugin_call_fail(struct plugin_call *take_call, enum plugin_status status, int error_class,
                      int64_t culprit, const char *words);
void plugin_call_refuse_queued(struct plugin_worker *worker,
                               const struct plugin_instance *instance, /* NULL: of all */
                               const char *words, int64_t retry_at_ms);
/* Orders of this room's own, given anew to each worker. */
static inline bool plugin_call_is_lifecycle(const struct plugin_call *call)
{
    return call->op == WIRE_CREATE || call->op == WIRE_ACTIVATE || call->op == WIRE_CLOSE;
}

/* plugin_action.c */
/* What was declared, behind room for `before` actions; NULL with the reason when one makes no
 * sense. The texts stay where they are. */
struct plugin_action *plugin_action_read(const struct wire_declared *declared, uint32_t count,
                                         size_t before, struct err *err);
/* WIRE_ACTIONS of an instance. 0; -ENOMEM; E_SYNTAX: a declaration makes no sense; -EPROTO: these
 * are not the bytes of any. On failure the instance's actions are as before. */
int plugin_action_take(struct plugin_instance *instance, const struct wire_in *in, struct err *err);
/* Holds arguments against the declaration and fills the order. Texts of `out` point into
 * `arguments`, the declaration or `texts`. 0, or -EINVAL with what was expected and what came. */
int plugin_action_fill(const struct plugin_action *action, struct str arguments,
                       struct wire_action *out, struct buf *texts, struct err *err);

static inline bool plugin_call_is_aside(const struct plugin_call *call)
{
    return call->op == WIRE_RUN || call->op == WIRE_SERVE;
}

/* plugin_surface.c: the declarations of what a worker has loaded; NULL with the reason when one
 * makes no sense. The texts stay where they are. */
struct plugin_command *plugin_surface_commands(const struct wire_facts *facts, struct err *err);
struct plugin_route *plugin_surface_routes(const struct wire_facts *facts, struct err *err);

/* plugin_aside.c */
/* How long a question that speaks for a command or route may wait for its caller; 0: it does not.
 */
int64_t plugin_aside_patience(const struct plugin_worker *worker,
                              const struct plugin_question *question);
/* True when the question was one of those, and is settled or being settled. */
bool plugin_aside_takes(struct plugin_ask *ask, struct plugin_worker *worker);
void plugin_aside_sent(struct plugin_call *call);             /* it has its id */
bool plugin_aside_is_waiting(const struct plugin_call *call); /* for its caller: no time passes */
void plugin_aside_overdue(struct plugin_worker *worker, struct plugin_call *call);
void plugin_aside_leave(struct plugin_worker *worker, struct plugin_call *call);
/* WIRE_ENDED; NULL: not what an honest worker sends. */
struct plugin_reply *plugin_aside_read_end(const struct plugin_call *call, struct wire_in *in);

/* plugin_ask.c */
void plugin_ask_frame(struct plugin_worker *worker, const struct wire_header *header,
                      const struct wire_in *in);
/* Nobody waits any more. `instance` NULL: all of the worker's. `words`: the plugin is told so;
 * NULL: there is nobody left to tell. */
void plugin_ask_drop(struct plugin_worker *worker, const struct plugin_instance *instance,
                     const char *words);
void plugin_ask_flush(struct plugin_host *host);
void plugin_ask_forget(struct plugin_worker *worker); /* it is about to be freed */

/* plugin_signal.c */
/* -EINVAL with words when a subscription makes no sense. */
int plugin_signal_check(const struct wire_facts *facts, struct err *err);

/* plugin_loss.c */
/* The worker is no more: whoever was in hand is told, the rest waits for the next one. Words of the
 * loss go to worker->last_crash. */
enum plugin_blame {
    BLAME_NOBODY, /* not yet: the caller goes on looking */
    BLAME_RECORD, /* one record was in hand, alone */
    BLAME_CALLER, /* somebody asked for an action, tool, command, route or webhook */
    BLAME_PLUGIN,
};
enum plugin_blame plugin_loss_tell(struct plugin_worker *worker, const char *cause);

/* plugin_worker.c */
struct plugin_worker *plugin_worker_get(struct plugin_host *host,
                                        const struct plugin_instance_settings *settings,
                                        struct err *err);
void plugin_worker_destroy(struct plugin_worker *worker);
void plugin_worker_start(struct plugin_worker *worker);
void plugin_worker_loaded(struct plugin_worker *worker);
void plugin_worker_refused(struct plugin_worker *worker, const char *words);
void plugin_worker_kill(struct plugin_worker *worker, enum plugin_status doom, uint64_t call,
                        const char *words);
void plugin_worker_kill_now(struct plugin_worker *worker);
void plugin_worker_ended(struct plugin_worker *worker,
                         int wait_status);                  /* the process or thread is no more */
void plugin_worker_maybe_end(struct plugin_worker *worker); /* nobody needs it: end it */
bool plugin_worker_takes_calls(const struct plugin_worker *worker);

/* plugin_process.c: starts what the worker runs in. 0 or negative with err. */
int plugin_process_start(struct plugin_worker *worker, struct err *err);
void plugin_process_kill(struct plugin_process *process);
void plugin_process_finish(
    struct plugin_worker *worker); /* closes everything; a live process is killed */

/* plugin_image.c */
int plugin_image_open(struct plugin_worker *worker, struct err *err); /* once is enough */
void plugin_image_close(struct plugin_worker *worker);
/* What to dlopen, seen from where the code runs. */
const char *plugin_image_path(const struct plugin_worker *worker, char out[PLUGIN_IMAGE_PATH_MAX]);
/* Above the numbers that a child's descriptors get, so that no dup2 there runs over one still
 * needed. Close-on-exec; `take_fd` is closed. */
int plugin_raise_fd(int take_fd);

/* plugin_thread.c: isolation = inprocess. */
int plugin_thread_start(struct plugin_worker *worker, int take_fd, struct err *err);
const struct wire_page *plugin_thread_page(const struct plugin_thread *thread);
void plugin_thread_join(struct plugin_thread *thread);    /* after its connection ended */
void plugin_thread_abandon(struct plugin_thread *thread); /* it hangs: it keeps what it uses */

/* plugin_socket.c */
struct plugin_watch *plugin_watch_create(struct loop *loop, int fd, int events,
                                         void (*fn)(void *user, int events), void *user);
void plugin_watch_destroy(
    struct plugin_watch *watch); /* NULL allowed; the descriptor may be closed at once */
void plugin_socket_event(void *worker, int events);
void plugin_socket_flush(struct plugin_worker *worker);
void plugin_socket_drain(struct plugin_worker *worker); /* what a dead worker had still said */

/* plugin_output.c: fd 1 and 2 of a worker. */
struct plugin_output *plugin_output_create(struct plugin_worker *worker, int take_fd);
void plugin_output_destroy(struct plugin_output *output); /* gives out what is left; NULL allowed */
bool plugin_log_allowed(struct plugin_worker *worker); /* 100 lines a second, the rest is counted */

/* plugin_reply.c */
struct plugin_reply *plugin_reply_words(enum plugin_status status, int error_class, int64_t culprit,
                                        const char *words);
struct plugin_reply *plugin_reply_result(struct str result);
struct plugin_reply *plugin_reply_ended(const struct wire_ended *ended);
/* A WIRE_OUTCOMES payload for a call; NULL with err when it is not what an honest worker sends. */
struct plugin_reply *plugin_reply_parse(struct str bytes, const struct plugin_record *records,
                                        size_t count, unsigned steps, struct err *err);

/* plugin_words.c */
void plugin_words_cause(const struct plugin_worker *worker, int wait_status,
                        char out[PLUGIN_CAUSE_MAX]);
/* "in transform, integration x, record y (2 of 100)" from the shared page; -1 or the record's
 * index. */
int64_t plugin_words_place(const struct plugin_worker *worker, const struct plugin_call *call,
                           char *out, size_t size);

/* plugin_quarantine.c */
void plugin_quarantine_load(struct plugin_host *host);
void plugin_quarantine_finish(struct plugin_host *host);
const struct plugin_quarantined *plugin_quarantine_find(const struct plugin_host *host,
                                                        const char *sha256);
void plugin_quarantine_add(struct plugin_worker *worker, const char *reason);
void plugin_quarantine_words(const char *reason, char out[PLUGIN_WORDS_MAX]);

static inline tenon_str plugin_str(struct str s)
{
    return (tenon_str){s.ptr, s.len};
}
static inline struct str plugin_text(tenon_str s)
{
    return (struct str){s.ptr, s.len};
}

#endif
