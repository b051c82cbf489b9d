/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon.h: the contract between a Tenon plugin and its host. The whole of it; a plugin needs this
 * file and nothing else, links against nothing of ours, and keeps loading in every later host of
 * the same major version.
 *
 * A plugin is one shared object. It exports one function, made by TENON_PLUGIN(), that returns a
 * table of functions and data. The host reads the file's ELF note first (name, version, ABI) and
 * runs no code of it before that note has been read, checked and trusted. By default the code then
 * runs in a worker process of its own, which has no network, no secret and no more rights than it
 * asked for.
 *
 * ABI diary (rule: append only. A field goes to the end of its struct, a new behaviour is a new
 * field or a new capability revision, never a new parameter, never a new meaning. What breaks this
 * raises MAJOR, which is part of the entry symbol's name, so that an old host cannot even find the
 * new entry.)
 *
 *   1.0  first.
 *   1.1  client: reconcile, judge_reconcile; verdict TENON_NOT_THERE, which only they may give.
 *
 * Thread marks, one behind every function:
 *   [init]    the loading thread; nothing else of this plugin runs. No I/O, no threads, no host
 *             calls but log.
 *   [strand]  never together with another [strand] or [pool] call of the same integration.
 *   [pool]    where records are worked on; may block. Without flags one call at a time in the
 *             whole plugin; see TENON_PER_INTEGRATION.
 *   [any]     any thread, the plugin's own included. Must not block.
 *
 * Lifetimes: what a pointer argument shows is borrowed until the function returns, unless it says
 * more; keep it, and you copy it. Output goes through sinks, which copy. No memory changes owners,
 * so there is nothing to free across the border. Plugins do not fork, do not install signal
 * handlers, do not change the working directory, the locale, the umask or the environment, and do
 * not write to descriptors 0 to 2.
 */
#ifndef TENON_TENON_H
#define TENON_TENON_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_ABI_MAJOR 1
#define TENON_ABI_MINOR 1

/* ---- status ---- */

/* What a plugin's function returns. Negative numbers say who is to blame and so what the host does
 * next. They are the error classes that `tenon why` shows. */
#define TENON_OK 0
#define TENON_PENDING 1 /* client->submit: host->complete() will follow; see also signals.h */
#define TENON_SKIP 2    /* selector only: this record is not wanted */
#define TENON_E_CONNECTION (-1)   /* not reached, or lost on the way: tried again */
#define TENON_E_AUTH (-2)         /* credentials refused: tried again, slowly */
#define TENON_E_VALIDATION (-3)   /* this record or setting is wrong: not tried again */
#define TENON_E_RATE_LIMITED (-4) /* too fast: tried again after retry_after_ms */
#define TENON_E_SERVER (-5)       /* the other side failed: tried again */
#define TENON_E_PERMANENT (-6)    /* will never work: not tried again */
#define TENON_E_CANCELLED (-7)    /* the host asked to stop: tried again */
#define TENON_E_UNKNOWN (-8)      /* sent, and nobody knows what became of it */
#define TENON_E_NO_MEMORY (-9)    /* out of memory: tried again */
#define TENON_E_UNSUPPORTED (-10) /* this host or plugin does not have it */

/* ---- words ---- */

/* Text or JSON: UTF-8, `len` bytes. What the host passes also has a NUL at ptr[len]; what a plugin
 * passes need not. ptr is never NULL when it comes from the host. */
typedef struct tenon_str {
    const char *ptr;
    size_t len;
} tenon_str;

/* Why something failed. The caller owns it and has filled struct_size; the plugin fills the rest,
 * best with tenon_fail(). `message` is for a person: what was expected, what came, what to do. No
 * secrets. */
typedef struct tenon_err {
    uint32_t struct_size;
    int32_t code;            /* TENON_E_... */
    uint32_t retry_after_ms; /* with TENON_E_RATE_LIMITED; 0: the host's own backoff */
    uint32_t http_status;    /* 0: not HTTP */
    char message[512];       /* NUL-terminated */
} tenon_err;

/* Where output goes. The host owns it; valid during the call that got it. write() copies. */
typedef struct tenon_sink tenon_sink;
struct tenon_sink {
    uint32_t struct_size;
    uint32_t flags;
    void *ctx; /* the host's */
    /* TENON_OK, or TENON_E_NO_MEMORY.  [any] */
    int32_t (*write)(tenon_sink *sink, const void *bytes, size_t len);
};

/* One version of one entity on its way out. All pointers are borrowed for the call. */
typedef struct tenon_record {
    uint32_t struct_size;
    uint32_t attempt;   /* 1 for the first try of this submission */
    tenon_str id;       /* the entity's id */
    tenon_str type;     /* the entity's type */
    uint64_t version;   /* from 1 */
    int64_t created_ms; /* Unix time, milliseconds */
    int64_t updated_ms;
    tenon_str key;  /* idempotency key: the same for every attempt of this submission */
    tenon_str data; /* JSON. In a client this is what the transformer made of it. */
} tenon_record;

/* Several records in one call. Walk it with tenon_record_at(): a newer host's records may be
 * larger. */
typedef struct tenon_batch {
    uint32_t struct_size;
    uint32_t count;
    uint64_t job; /* names this batch in host->complete() and client->cancel() */
    const tenon_record *records;
} tenon_batch;

/* ---- verdicts ---- */

#define TENON_ACCEPTED 1  /* delivered */
#define TENON_REJECTED 2  /* refused for good: the submission is failed, kept and replayable */
#define TENON_RETRY 3     /* later */
#define TENON_UNSURE 4    /* sent, answer never seen: the submission becomes `unknown` */
#define TENON_SKIPPED 5   /* not sent, and rightly so; message says why */
#define TENON_NOT_THERE 6 /* reconcile only: no earlier try arrived; it is sent now */

/* What became of one record. Exactly one per record; a record without one is taken as TENON_UNSURE.
 */
typedef struct tenon_verdict {
    uint32_t struct_size;
    uint32_t index;          /* of the record in its batch */
    int32_t verdict;         /* TENON_ACCEPTED ... */
    int32_t error_class;     /* TENON_E_..., or TENON_OK */
    uint32_t retry_after_ms; /* with TENON_RETRY; 0: the host's own backoff */
    uint32_t http_status;    /* 0: not HTTP */
    tenon_str message;       /* for `tenon why`; may be empty */
    tenon_str external_id;   /* its id over there: kept as the integration key; may be empty */
} tenon_verdict;

/* Takes verdicts during a call. The host owns it; set() copies. */
typedef struct tenon_verdicts tenon_verdicts;
struct tenon_verdicts {
    uint32_t struct_size;
    uint32_t flags;
    void *ctx;
    int32_t (*set)(tenon_verdicts *verdicts, const tenon_verdict *verdict); /* [any] */
};

/* ---- HTTP, prepared by the plugin and sent by the host ---- */

#define TENON_BODY_INLINE 0 /* `body` is the body */
#define TENON_BODY_RECORD 1 /* the data of record `first`; nothing is copied through the pipe */
#define TENON_BODY_LINES 2  /* the data of records first ... first+count-1, one a line (NDJSON) */
#define TENON_BODY_ARRAY 3  /* the same as one JSON array */

/* One request. The host adds credentials, signature, idempotency key and the ini's [headers]; the
 * plugin never sees them. A path is joined to the integration's base_url; an absolute URL must name
 * the same scheme, host and port, or a host in `allow_hosts`, else the records are refused. */
typedef struct tenon_request {
    uint32_t struct_size;
    uint32_t body_kind; /* TENON_BODY_... */
    uint32_t first;     /* the records that this request carries: */
    uint32_t count;     /*   first ... first+count-1 of the batch; at least 1 */
    tenon_str method;   /* empty: POST. A word of capital letters but TRACE, TRACK and CONNECT */
    tenon_str url;      /* empty: base_url itself; "/path?query"; or absolute */
    tenon_str headers;  /* "Name: value\n" lines; may be empty */
    tenon_str body;     /* with TENON_BODY_INLINE */
} tenon_request;

/* Takes requests during a call. The host owns it; add() copies. */
typedef struct tenon_requests tenon_requests;
struct tenon_requests {
    uint32_t struct_size;
    uint32_t flags;
    void *ctx;
    int32_t (*add)(tenon_requests *requests, const tenon_request *request); /* [any] */
};

/* A request and its answer. `batch` holds the records of this request alone; their data is empty.
 */
typedef struct tenon_exchange {
    uint32_t struct_size;
    uint32_t status; /* HTTP status code, RFC 9110; never 0: a lost connection is not judged */
    const tenon_batch *batch;
    tenon_str headers; /* the answer's, "name: value\n" lines, names in lower case */
    tenon_str body;    /* the answer's, cut at the integration's max_response */
} tenon_exchange;

/* ---- host ---- */

#define TENON_LOG_ERROR 0
#define TENON_LOG_WARN 1
#define TENON_LOG_INFO 2
#define TENON_LOG_DEBUG 3

/* What the host offers to one integration. Valid from create() until destroy() has returned. */
typedef struct tenon_host tenon_host;
struct tenon_host {
    uint32_t struct_size;
    uint32_t abi_minor;
    void *ctx; /* the host's */
    /* One line into the integration's log; `fields` is a JSON object or empty.  [any] */
    void (*log)(const tenon_host *host, int32_t level, tenon_str message, tenon_str fields);
    /* Ends a job that submit() left pending: one verdict per record, exactly once, at any time
     * after submit() was entered. TENON_E_VALIDATION: no such job, or completed before.  [any] */
    int32_t (*complete)(const tenon_host *host, uint64_t job, const tenon_verdict *verdicts,
                        size_t count);
    /* A table of further functions, by id and revision ("tenon.http/1"); NULL when this host has
     * none of that name. Valid as long as the host table.  [any] */
    const void *(*get_service)(const tenon_host *host, const char *id);
};

/* ---- what an integration is made of ---- */

/* Says which records an integration wants. `[select] selector = NAME` switches it on; where the
 * host has a selector of the same name (unsubmitted, failed, changed, all), the host's picks first,
 * then this one. */
typedef struct tenon_selector {
    uint32_t struct_size;
    uint32_t flags;
    const char *name; /* static */
    const char *help; /* static, one line */
    /* TENON_OK: wanted. TENON_SKIP: not wanted; write to `reason` why, `tenon why` shows it.
     * [pool] */
    int32_t (*select)(void *self, const tenon_record *record, tenon_sink *reason, tenon_err *err);
} tenon_selector;

/* Entity in, the destination's payload out (JSON, unless the client wants it otherwise). */
typedef struct tenon_transformer {
    uint32_t struct_size;
    uint32_t flags;
    /* TENON_OK: `out` holds the payload. TENON_SKIP: this record has nothing to send.  [pool] */
    int32_t (*transform)(void *self, const tenon_record *record, tenon_sink *out, tenon_err *err);
} tenon_transformer;

/* Talks to the destination. An HTTP client fills prepare (and judge, if the usual reading of status
 * codes does not do); a client of another protocol fills submit. Others are NULL. */
typedef struct tenon_client {
    uint32_t struct_size;
    uint32_t flags;
    /* Makes the requests for a batch. Every record must be in exactly one of them. On a negative
     * status the whole batch has that verdict.  [pool] */
    int32_t (*prepare)(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err);
    /* Reads one answer and sets a verdict for each record of exchange->batch. NULL: 2xx accepted;
     * 408, 425, 429 and 5xx retry; 401, 403 and 407 retry as TENON_E_AUTH; other 4xx and 3xx
     * rejected.  [pool] */
    int32_t (*judge)(void *self, const tenon_exchange *exchange, tenon_verdicts *out,
                     tenon_err *err);
    /* Sends a batch itself. TENON_OK: verdicts are set. TENON_PENDING: host->complete(batch->job)
     * follows, also from another thread; the batch itself is gone on return.  [pool] */
    int32_t (*submit)(void *self, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err);
    /* A wish: the host no longer waits for this job. It must still be completed.  [any] */
    void (*cancel)(void *self, uint64_t job);
    /* Reaches the destination without changing anything there.  [pool] */
    int32_t (*test)(void *self, tenon_err *err);
    /* Since 1.1. Records that were sent before without an answer: did they arrive? Called before
     * one is sent again; must change nothing anywhere. Answers each record with a request that
     * looks it up, or with a verdict: TENON_ACCEPTED it had arrived (external_id, if it has one, is
     * kept), TENON_NOT_THERE, TENON_UNSURE or TENON_RETRY ask again later, TENON_REJECTED.
     * TENON_E_UNSUPPORTED: these cannot be looked up, and are sent again. So are all when this is
     * NULL.  [pool] */
    int32_t (*reconcile)(void *self, const tenon_batch *batch, tenon_requests *requests,
                         tenon_verdicts *verdicts, tenon_err *err);
    /* Since 1.1. Reads the answer to a request of reconcile. NULL: 2xx it had arrived; 404 and 410
     * not there; anything else: ask again later.  [pool] */
    int32_t (*judge_reconcile)(void *self, const tenon_exchange *exchange, tenon_verdicts *out,
                               tenon_err *err);
} tenon_client;

/* Ties selector, transformer and client together when the host's own way does not do: it gets the
 * records as they are stored (or as a [transform] of the ini made them) and answers each with a
 * request or a verdict; the plugin's own transformer and client->prepare are not called then. Use
 * it too when a single record may have to be refused while requests are made. The answers are
 * judged as ever, by client->judge or the host's reading of status codes. On a negative status the
 * whole batch has that verdict. NULL in the plugin: the host's own. */
typedef struct tenon_submitter {
    uint32_t struct_size;
    uint32_t flags;
    int32_t (*submit)(void *self, const tenon_batch *batch, tenon_requests *requests,
                      tenon_verdicts *verdicts, tenon_err *err); /* [pool] */
} tenon_submitter;

/* A typed function that is CLI command, HTTP route and MCP tool at once. Written by TENON_ACTION(),
 * which has the compiler check the function against the declared parameters. Letters of
 * `signature`: I int64_t, d double, b int32_t (0 or 1), s text and j JSON (const tenon_str *). */
typedef struct tenon_action {
    uint32_t struct_size;
    uint32_t flags;         /* TENON_ACTION_... */
    const char *name;       /* static */
    const char *help;       /* static */
    const char *signature;  /* static, a letter per parameter */
    const char *parameters; /* static, names separated by commas */
    /* int32_t f(void *self, <parameters>, tenon_sink *out, tenon_err *err)  [pool] */
    void (*function)(void);
    const char *details; /* static, option rows as of TENON_OPTION, or NULL */
} tenon_action;

#define TENON_ACTION_READ_ONLY 1u   /* changes nothing anywhere */
#define TENON_ACTION_DESTRUCTIVE 2u /* may remove or overwrite */

/* ---- plugin ---- */

/* Flags. The upper 32 bits are "must understand": a host that does not know one refuses the plugin.
 */
#define TENON_PER_INTEGRATION 1u /* calls for different integrations may run at the same time */
#define TENON_IDEMPOTENT 2u      /* sending a record twice does no harm */

/* The table. Static in the plugin and constant after the entry returned it; the host copies what it
 * knows. NULL members are things that the plugin does not have. */
typedef struct tenon_plugin {
    uint32_t struct_size;
    uint32_t abi_minor;
    uint64_t flags;
    const char *name;     /* equals the note's */
    const char *version;  /* equals the note's */
    const char *settings; /* equals the note's; TENON_PLUGIN sets it; NULL: none */
    /* Is this a usable set of settings? Pure: no I/O, nothing kept. Settings are a JSON object in
     * which every option of the table is present, of its type and in its range.  [init] */
    int32_t (*validate)(tenon_str settings, tenon_err *err);
    /* Makes the state of one integration. Pure but for memory. NULL: self is NULL everywhere.
     * `host` stays valid until destroy() returned.  [init] */
    int32_t (*create)(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err);
    int32_t (*activate)(void *self, tenon_err *err); /* may open things, start threads  [strand] */
    void (*deactivate)(void *self, uint32_t grace_ms); /* close, join, finish jobs  [strand] */
    void (*destroy)(void *self);                       /* also after a failed activate  [strand] */
    const tenon_selector *selectors;                   /* n_selectors of them, stride struct_size */
    size_t n_selectors;
    const tenon_transformer *transformer;
    const tenon_client *client;
    const tenon_submitter *submitter;
    const tenon_action *actions; /* n_actions of them, stride struct_size */
    size_t n_actions;
    /* A further table by id and revision ("tenon.cli/1"); NULL for ids it does not know.  [any] */
    const void *(*get_capability)(const char *id);
    uint32_t batch_max; /* most records per call that help; 0: the host decides */
    uint32_t reserved;
} tenon_plugin;

/* What the host tells at the door. */
typedef struct tenon_hello {
    uint32_t struct_size;
    uint32_t abi_minor;
    const char *host_version; /* static */
} tenon_hello;

/* The entry, made by TENON_PLUGIN. Pure. NULL refuses this host.  [init] */
typedef const tenon_plugin *(*tenon_entry_fn)(const tenon_hello *hello);

/* The layout of 1.0 is frozen; a build where one of these fails is not this ABI (64-bit targets
 * only). */
#ifdef __cplusplus
#define TENON_ASSERT_(claim, words) static_assert(claim, words)
#else
#define TENON_ASSERT_(claim, words) _Static_assert(claim, words)
#endif
TENON_ASSERT_(sizeof(void *) == 8 && sizeof(size_t) == 8, "tenon needs a 64-bit target");
TENON_ASSERT_(sizeof(tenon_str) == 16, "tenon_str is frozen");
TENON_ASSERT_(offsetof(tenon_err, message) == 16 && sizeof(tenon_err) == 528,
              "tenon_err is frozen");
TENON_ASSERT_(offsetof(tenon_sink, write) == 16, "tenon_sink is frozen");
TENON_ASSERT_(offsetof(tenon_record, version) == 40 && offsetof(tenon_record, data) == 80,
              "tenon_record is frozen");
TENON_ASSERT_(offsetof(tenon_batch, records) == 16, "tenon_batch is frozen");
TENON_ASSERT_(offsetof(tenon_verdict, message) == 24 && offsetof(tenon_verdict, external_id) == 40,
              "tenon_verdict is frozen");
TENON_ASSERT_(offsetof(tenon_verdicts, set) == 16, "tenon_verdicts is frozen");
TENON_ASSERT_(offsetof(tenon_request, method) == 16 && offsetof(tenon_request, body) == 64,
              "tenon_request is frozen");
TENON_ASSERT_(offsetof(tenon_requests, add) == 16, "tenon_requests is frozen");
TENON_ASSERT_(offsetof(tenon_exchange, headers) == 16 && offsetof(tenon_exchange, body) == 32,
              "tenon_exchange is frozen");
TENON_ASSERT_(offsetof(tenon_host, log) == 16 && offsetof(tenon_host, get_service) == 32,
              "tenon_host is frozen");
TENON_ASSERT_(offsetof(tenon_selector, select) == 24, "tenon_selector is frozen");
TENON_ASSERT_(offsetof(tenon_transformer, transform) == 8, "tenon_transformer is frozen");
TENON_ASSERT_(offsetof(tenon_client, prepare) == 8 && offsetof(tenon_client, test) == 40 &&
                  offsetof(tenon_client, reconcile) == 48 && sizeof(tenon_client) == 64,
              "tenon_client is frozen");
TENON_ASSERT_(offsetof(tenon_submitter, submit) == 8, "tenon_submitter is frozen");
TENON_ASSERT_(offsetof(tenon_action, name) == 8 && offsetof(tenon_action, details) == 48,
              "tenon_action is frozen");
TENON_ASSERT_(offsetof(tenon_plugin, name) == 16 && offsetof(tenon_plugin, validate) == 40 &&
                  offsetof(tenon_plugin, selectors) == 80 &&
                  offsetof(tenon_plugin, get_capability) == 136 &&
                  offsetof(tenon_plugin, batch_max) == 144 && sizeof(tenon_plugin) == 152,
              "tenon_plugin is frozen");
TENON_ASSERT_(offsetof(tenon_hello, host_version) == 8, "tenon_hello is frozen");

/* ---- the note ---- */

/* Two ELF notes in section .note.tenon, owner "Tenon" (see the ELF specification, "Note Section").
 * The description of the first is four little-endian uint32_t (format, ABI major, ABI minor, flags;
 * the upper 16 bits of flags must be understood) and `key=value` texts, each ended by a NUL: name,
 * version, license, needs, sdk. The second holds the settings rows. strip keeps both. */
#define TENON_NOTE_DESCRIPTION 0x544e0001u
#define TENON_NOTE_SETTINGS 0x544e0002u
#define TENON_NOTE_FORMAT 1u

/* Settings are rows, one TENON_OPTION behind the other, given to TENON_SETTINGS once per plugin,
 * above TENON_PLUGIN, which then finds them by itself:
 *
 *   type      text, integer, number, boolean, choice, duration (ms), size (bytes), url, path
 *   range     "1..100" for numbers, "a,b,c" for choice, "" for any
 *   fallback  the default as text; "" means empty (or 0); with flag `required` it is not used
 *   flags     "", "required", "secret", "required,secret"
 *   help      one line
 *
 * The sample ini, `config check`, REST and the README all come from these rows. */
#define TENON_OPTION(name, type, range, fallback, flags, help)                                     \
    name "\t" type "\t" range "\t" fallback "\t" flags "\t" help "\n"

#define TENON_NOTE_PLACE_ __attribute__((section(".note.tenon"), used, aligned(4)))

/* How TENON_PLUGIN finds the rows of a TENON_SETTINGS above it, or NULL when there is none: in C by
 * a tentative definition, in C++ by a specialised template. */
#ifdef __cplusplus
} /* extern "C" */
template <int> struct tenon_settings_of_ {
    static const char *rows()
    {
        return NULL;
    }
};
extern "C" {
#define TENON_SETTINGS_REMEMBER_                                                                   \
    template <> struct tenon_settings_of_<0> {                                                     \
        static const char *rows()                                                                  \
        {                                                                                          \
            return tenon_note_settings_.text;                                                      \
        }                                                                                          \
    }
#define TENON_SETTINGS_FOUND_ tenon_settings_of_<0>::rows()
#else
static const char *const tenon_settings_ __attribute__((unused));
#define TENON_SETTINGS_REMEMBER_                                                                   \
    static const char *const tenon_settings_ = tenon_note_settings_.text
#define TENON_SETTINGS_FOUND_ tenon_settings_
#endif

#define TENON_SETTINGS(rows)                                                                       \
    static const struct {                                                                          \
        uint32_t owner_size, text_size, type;                                                      \
        char owner[8];                                                                             \
        char text[(sizeof(rows) + 3) / 4 * 4];                                                     \
    } tenon_note_settings_ TENON_NOTE_PLACE_ = {6, sizeof(rows), TENON_NOTE_SETTINGS, "Tenon",     \
                                                rows};                                             \
    TENON_SETTINGS_REMEMBER_

/* Writes the note and the entry of a plugin; one plugin per shared object. `needs` lists what the
 * worker must allow, separated by commas: "" or "net". `describe`, a `void f(tenon_plugin *)`,
 * fills in what the plugin has; it must be pure. */
#define TENON_PLUGIN_NEEDS(plugin_name, plugin_version, plugin_license, needs, describe)           \
    static const struct {                                                                          \
        uint32_t owner_size, text_size, type;                                                      \
        char owner[8];                                                                             \
        uint32_t format, abi_major, abi_minor, flags;                                              \
        char text[(sizeof(TENON_NOTE_TEXT_(plugin_name, plugin_version, plugin_license, needs)) +  \
                   3) /                                                                            \
                  4 * 4];                                                                          \
    } tenon_note_ TENON_NOTE_PLACE_ = {                                                            \
        6,                                                                                         \
        16 + sizeof(TENON_NOTE_TEXT_(plugin_name, plugin_version, plugin_license, needs)),         \
        TENON_NOTE_DESCRIPTION,                                                                    \
        "Tenon",                                                                                   \
        TENON_NOTE_FORMAT,                                                                         \
        TENON_ABI_MAJOR,                                                                           \
        TENON_ABI_MINOR,                                                                           \
        0,                                                                                         \
        TENON_NOTE_TEXT_(plugin_name, plugin_version, plugin_license, needs)};                     \
    TENON_ENTRY_ const tenon_plugin *tenon_plugin_v1(const tenon_hello *hello);                    \
    TENON_ENTRY_ const tenon_plugin *tenon_plugin_v1(const tenon_hello *hello)                     \
    {                                                                                              \
        static tenon_plugin plugin;                                                                \
        (void)hello;                                                                               \
        plugin.struct_size = sizeof plugin;                                                        \
        plugin.abi_minor = TENON_ABI_MINOR;                                                        \
        plugin.name = plugin_name;                                                                 \
        plugin.version = plugin_version;                                                           \
        plugin.settings = TENON_SETTINGS_FOUND_;                                                   \
        describe(&plugin);                                                                         \
        return &plugin;                                                                            \
    }                                                                                              \
    TENON_ASSERT_(sizeof(plugin_name) > 1 && sizeof(plugin_version) > 1,                           \
                  "a plugin has a name and a version")

#define TENON_PLUGIN(plugin_name, plugin_version, plugin_license, describe)                        \
    TENON_PLUGIN_NEEDS(plugin_name, plugin_version, plugin_license, "", describe)

#define TENON_NOTE_TEXT_(name, version, license, needs)                                            \
    "name=" name "\0version=" version "\0license=" license "\0needs=" needs "\0sdk=1.1"

#ifdef __cplusplus
#define TENON_ENTRY_ extern "C" __attribute__((visibility("default")))
#else
#define TENON_ENTRY_ __attribute__((visibility("default")))
#endif

/* Initialisers for the small tables; they stay right when a table grows. */
#define TENON_SELECTOR(name, help, select)                                                         \
    {                                                                                              \
        sizeof(tenon_selector), 0, name, help, select                                              \
    }
#define TENON_TRANSFORMER(transform)                                                               \
    {                                                                                              \
        sizeof(tenon_transformer), 0, transform                                                    \
    }
#define TENON_HTTP_CLIENT(prepare, judge, test)                                                    \
    {                                                                                              \
        sizeof(tenon_client), 0, prepare, judge, 0, 0, test, 0, 0                                  \
    }
#define TENON_CLIENT(submit, cancel, test)                                                         \
    {                                                                                              \
        sizeof(tenon_client), 0, 0, 0, submit, cancel, test, 0, 0                                  \
    }
/* Either of the two forms in full; what it does not have is 0. */
#define TENON_CLIENT_OF(prepare, judge, submit, cancel, test, reconcile, judge_reconcile)          \
    {                                                                                              \
        sizeof(tenon_client), 0, prepare, judge, submit, cancel, test, reconcile, judge_reconcile  \
    }
#define TENON_SUBMITTER(submit)                                                                    \
    {                                                                                              \
        sizeof(tenon_submitter), 0, submit                                                         \
    }

/* ---- actions ---- */

/* One element of the actions table, and the proof that the function fits it:
 *
 *   static int32_t add(void *self, int64_t a, int64_t b, tenon_sink *out, tenon_err *err);
 *   static const tenon_action actions[] = {
 *       TENON_ACTION(add, "add", "Adds two numbers.", TENON_ACTION_READ_ONLY, (i64, a), (i64, b)),
 *   };
 *
 * Types: i64 int64_t, f64 double, flag int32_t (0 or 1), text and json const tenon_str *. One to
 * eight parameters; TENON_ACTION_PLAIN is for none. A function of another type does not compile.
 * TENON_ACTION_WITH also tells of the parameters, a TENON_OPTION row for each that has something to
 * tell: a range, a default, `secret`, a help line. A parameter without a row is required; one with
 * a row is optional unless the row says `required`: when it is left out the function gets the
 * default, and an empty default is 0, empty text, or JSON's null. Rows of an i64 are of type
 * integer, duration or size; of an f64 number; of a flag boolean; of a text text, choice, url or
 * path; of a json text.
 * The host holds arguments against all this first. What the function writes to `out` is one JSON
 * value; nothing is null. */
#define TENON_ACTION(function, name, help, flags, ...)                                             \
    TENON_ACTION_WITH(function, name, help, flags, 0, __VA_ARGS__)
#define TENON_ACTION_WITH(function, name, help, flags, rows, ...)                                  \
    {                                                                                              \
        sizeof(tenon_action), flags, name, help, TENON_EACH_(TENON_LETTER_, __VA_ARGS__),          \
            &(TENON_EACH_(TENON_COMMA_NAME_, __VA_ARGS__))[1],                                     \
            TENON_CHECKED_(function, (void *TENON_EACH_(TENON_TYPE_, __VA_ARGS__), tenon_sink *,   \
                                      tenon_err *)),                                               \
            rows                                                                                   \
    }
#define TENON_ACTION_PLAIN(function, name, help, flags)                                            \
    {                                                                                              \
        sizeof(tenon_action), flags, name, help, "", "",                                           \
            TENON_CHECKED_(function, (void *, tenon_sink *, tenon_err *)), 0                       \
    }

#ifdef __cplusplus
#define TENON_CHECKED_(function, parameters)                                                       \
    reinterpret_cast<void (*)(void)>(static_cast<int32_t(*) parameters>(function))
#else
#define TENON_CHECKED_(function, parameters)                                                       \
    (void (*)(void)) _Generic(&(function), int32_t(*) parameters : &(function))
#endif
#define TENON_LETTER_(pair) TENON_LETTER_OF_ pair
#define TENON_LETTER_OF_(type, name) TENON_LETTER_##type
#define TENON_LETTER_i64 "I"
#define TENON_LETTER_f64 "d"
#define TENON_LETTER_flag "b"
#define TENON_LETTER_text "s"
#define TENON_LETTER_json "j"
#define TENON_COMMA_NAME_(pair) TENON_COMMA_NAME_OF_ pair
#define TENON_COMMA_NAME_OF_(type, name) "," #name
#define TENON_TYPE_(pair) TENON_TYPE_OF_ pair
#define TENON_TYPE_OF_(type, name) , TENON_TYPE_##type
#define TENON_TYPE_i64 int64_t
#define TENON_TYPE_f64 double
#define TENON_TYPE_flag int32_t
#define TENON_TYPE_text const tenon_str *
#define TENON_TYPE_json const tenon_str *
#define TENON_EACH_(m, ...)                                                                        \
    TENON_PICK_(__VA_ARGS__, TENON_8_, TENON_7_, TENON_6_, TENON_5_, TENON_4_, TENON_3_, TENON_2_, \
                TENON_1_, 0)                                                                       \
    (m, __VA_ARGS__)
#define TENON_PICK_(a, b, c, d, e, f, g, h, picked, ...) picked
#define TENON_1_(m, a) m(a)
#define TENON_2_(m, a, ...) m(a) TENON_1_(m, __VA_ARGS__)
#define TENON_3_(m, a, ...) m(a) TENON_2_(m, __VA_ARGS__)
#define TENON_4_(m, a, ...) m(a) TENON_3_(m, __VA_ARGS__)
#define TENON_5_(m, a, ...) m(a) TENON_4_(m, __VA_ARGS__)
#define TENON_6_(m, a, ...) m(a) TENON_5_(m, __VA_ARGS__)
#define TENON_7_(m, a, ...) m(a) TENON_6_(m, __VA_ARGS__)
#define TENON_8_(m, a, ...) m(a) TENON_7_(m, __VA_ARGS__)

/* ---- small helpers ---- */

/* A NUL-terminated text as a tenon_str; borrows. */
static inline tenon_str tenon_text(const char *text)
{
    tenon_str s;
    s.ptr = text;
    s.len = strlen(text);
    return s;
}

static inline int tenon_equals(tenon_str s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.ptr, text, s.len) == 0;
}

static inline int32_t tenon_write(tenon_sink *out, tenon_str s)
{
    return out->write(out, s.ptr, s.len);
}

static inline int32_t tenon_puts(tenon_sink *out, const char *text)
{
    return out->write(out, text, strlen(text));
}

/* Fills err and gives its code back: `return tenon_fail(err, TENON_E_VALIDATION, "no venue");` */
static inline int32_t tenon_fail(tenon_err *err, int32_t code, const char *message)
{
    size_t len = strlen(message);
    err->code = code;
    if (len >= sizeof err->message)
        len = sizeof err->message - 1;
    memcpy(err->message, message, len);
    err->message[len] = '\0';
    return code;
}

/* The same with a format: `return tenon_failf(err, TENON_E_VALIDATION, "no %s", name);` */
__attribute__((format(printf, 3, 4))) static inline int32_t
tenon_failf(tenon_err *err, int32_t code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->code = code;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return code;
}

/* Record `index` of a batch; index < batch->count. */
static inline const tenon_record *tenon_record_at(const tenon_batch *batch, uint32_t index)
{
    const char *base = (const char *)batch->records;
    return (const tenon_record *)(const void *)(base +
                                                (size_t)index * batch->records[0].struct_size);
}

static inline tenon_request tenon_request_init(uint32_t first, uint32_t count, uint32_t body_kind)
{
    tenon_request request;
    memset(&request, 0, sizeof request);
    request.struct_size = sizeof request;
    request.first = first;
    request.count = count;
    request.body_kind = body_kind;
    return request;
}

static inline tenon_verdict tenon_verdict_init(uint32_t index, int32_t verdict)
{
    tenon_verdict v;
    memset(&v, 0, sizeof v);
    v.struct_size = sizeof v;
    v.index = index;
    v.verdict = verdict;
    return v;
}

/* The value of an answer's header, `name` in lower case; empty when it is not there. Borrows. */
static inline tenon_str tenon_header(const tenon_exchange *exchange, const char *name)
{
    tenon_str found = {"", 0};
    size_t name_len = strlen(name);
    const char *line = exchange->headers.ptr;
    const char *end = line + exchange->headers.len;

    while (line < end) {
        const char *stop = (const char *)memchr(line, '\n', (size_t)(end - line));
        if (stop == NULL)
            stop = end;
        if ((size_t)(stop - line) > name_len && memcmp(line, name, name_len) == 0 &&
            line[name_len] == ':') {
            found.ptr = line + name_len + 1;
            while (found.ptr < stop && *found.ptr == ' ')
                found.ptr++;
            found.len = (size_t)(stop - found.ptr);
            break;
        }
        line = stop + 1;
    }
    return found;
}

/* What the host would say of an HTTP status (see tenon_client.judge), for the answers that a judge
 * of one's own has nothing to add to. Retry-After is read in its form of seconds. See also
 * host/rules/judge.c; a test holds the two together. */
static inline tenon_verdict tenon_verdict_of_status(const tenon_exchange *exchange, uint32_t index)
{
    uint32_t status = exchange->status;
    tenon_verdict v = tenon_verdict_init(index, TENON_REJECTED);
    v.http_status = status;

    if (status >= 200 && status <= 299) {
        v.verdict = TENON_ACCEPTED;
    } else if (status == 401 || status == 403 || status == 407) {
        v.verdict = TENON_RETRY;
        v.error_class = TENON_E_AUTH;
    } else if (status == 408 || status == 425 || status == 429 ||
               (status >= 500 && status <= 599)) {
        tenon_str after = tenon_header(exchange, "retry-after");
        uint64_t seconds = 0;
        for (size_t i = 0; i < after.len && i < 9 && after.ptr[i] >= '0' && after.ptr[i] <= '9';
             i++)
            seconds = seconds * 10 + (uint64_t)(after.ptr[i] - '0');
        v.verdict = TENON_RETRY;
        v.error_class = status == 429 ? TENON_E_RATE_LIMITED : TENON_E_SERVER;
        v.retry_after_ms = seconds > 4000000 ? 4000000000u : (uint32_t)(seconds * 1000);
    } else if (status == 400 || status == 413 || status == 415 || status == 422) {
        v.error_class = TENON_E_VALIDATION;
    } else {
        v.error_class = TENON_E_PERMANENT;
    }
    return v;
}

#ifdef __cplusplus
}
#endif
#endif
