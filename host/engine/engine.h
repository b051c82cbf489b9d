/* SPDX-License-Identifier: Apache-2.0
 * Every integration's lane over the one store: claims what is due, takes it through selector,
 * transformer and client, writes down what became of it. Composition and questions from above; the
 * work is in lane.c. All [loop]. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/err.h"
#include "base/histogram.h"
#include "base/loop.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "config/config.h"
#include "http/http_client.h"
#include "plugin/plugin.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct hub;
struct subscriber;
struct hook_figures;
struct hooks;
struct tap;
struct taps;

/* The rooms below, opened by main/; the engine borrows them until engine_destroy. */
struct engine_rooms {
    struct loop *loop;
    struct store *store;
    struct http_client *http;
    struct plugin_host *plugins;
    struct setup *setup; /* configuration and plugins: engine_create takes what it holds */
    /* News upward, may be NULL: another reading of the configuration counts from now on. `former`
     * is borrowed for the call. */
    void (*configured)(void *user, const struct config *former);
    void *user;
    bool is_safe;        /* opens no integration but those that are activated by hand */
    struct taps *taps;   /* the engine's own, set by it */
    struct hub *hub;     /* the same */
    struct hooks *hooks; /* the same */
};

struct engine *engine_create(const struct engine_rooms *rooms, struct err *err);
/* Recovers what a former life left in flight, then opens every enabled integration. */
void engine_start(struct engine *engine);
/* No new claims; what is in flight ends or is given back after grace_ms; then `done`. */
void engine_stop(struct engine *engine, int64_t grace_ms, void (*done)(void *user), void *user);
/* Hands every verdict that is still in memory to the store: the last thing before store_close. */
void engine_flush(struct engine *engine);
void engine_destroy(struct engine *engine); /* NULL allowed */
void engine_wake(struct engine *engine);    /* entities changed: lanes look again */
struct store *engine_store(const struct engine *engine);
struct hub *engine_hub(const struct engine *engine); /* signals: engine/hub.h */

/* ---- looking ---- */

enum { LANE_ERROR_CLASSES = 11 }; /* TENON_OK and TENON_E_..., negated */
struct lane_figures {
    uint64_t accepted, rejected, retried, skipped, unknown; /* since start, records */
    uint64_t requests;                                      /* since start */
    uint64_t errors[LANE_ERROR_CLASSES]; /* attempts since start by error class */
    uint64_t splits; /* requests and calls since start whose records went again in halves */
    struct histogram request_us; /* of requests that were sent, answered or not */
    uint32_t in_flight;          /* records */
    int64_t next_due_ms;         /* wall; 0: nothing waits */
    int64_t paused_until_ms; /* nothing is claimed before: Retry-After, an open breaker; 0: it is */
};

/* What holds a lane back, and how far. Times are clock_due_ms. */
struct lane_limits {
    const char *breaker; /* closed, open, half-open */
    int64_t breaker_until_ms;
    uint64_t breaker_openings;             /* since start */
    uint32_t concurrency, concurrency_max; /* requests at the same time: the limit now, the ini's */
    uint32_t outstanding;                  /* requests under way or waiting for a connection */
    int64_t latency_us;                    /* moving mean; 0: nothing answered yet */
    bool has_rate;
    uint32_t tokens;    /* requests that [rate_limit] would let go at once */
    int64_t quota_left; /* that the destination's rate headers leave; -1: it said nothing */
    int64_t quota_until_ms;
    bool is_well; /* neither paused nor is the breaker open */
};

/* What goes for all integrations together; written by the rooms' own files, read by those above. */
struct engine_figures {
    struct histogram intake_us;      /* from the request's bytes to the commit that holds them */
    struct histogram intake_records; /* in one request */
};
struct engine_figures *engine_figures(struct engine *engine);

/* What health checks on an interval found ([health]). */
struct engine_health {
    const char *status;     /* unknown, healthy, degraded, unhealthy; NULL: no interval is set */
    const char *words;      /* of the last check; NULL: there was none */
    uint32_t failures;      /* in a row */
    uint64_t checks, badly; /* since the daemon started */
    int64_t checked_ms;     /* wall; 0: not yet */
    int64_t duration_us;
};

/* One configured integration, for lists and questions. Texts borrowed until the next loop round. */
struct engine_integration {
    const char *name;
    const char *plugin;
    uint32_t number; /* the store's; 0: not known yet */
    bool is_enabled;
    const char *state;       /* disabled, inactive, starting, active, paused, breaker-open, probing,
                                rate-limited, restarting, quarantined, failed, stopping */
    bool is_well;            /* active, or at its own pace: rate-limited */
    const char *words;       /* why, when not active or not by its present files; NULL otherwise */
    const char *switched_by; /* who activated or deactivated it by hand; NULL: nobody */
    int64_t switched_at_ms;
    bool is_switched_on;
    bool is_former; /* something is wrong with its present files: it runs by the former ones */
    const struct config_file *file;
    struct plugin_health plugin_health;
    bool has_jq;
    struct plugin_health jq_health;
    const struct subscriber *signals; /* what its plugin hears (signals/subscriber.h) */
    const struct hook_figures *hook;  /* engine/hook.h; NULL: it has none */
    struct lane_figures figures;
    struct lane_limits limits;
    struct engine_health health;
};
size_t engine_integration_count(const struct engine *engine);
void engine_integration_at(const struct engine *engine, size_t index,
                           struct engine_integration *out);
bool engine_integration_find(const struct engine *engine, const char *name,
                             struct engine_integration *out);
/* Where to listen to an integration's records (engine/tap.h); NULL: there is no such integration,
 * or no memory. */
struct tap *engine_tap(const struct engine *engine, const char *integration);
/* Of one that is open, for its parked signals (signals/subscriber.h); NULL: it hears none, or is
 * not open. */
struct subscriber *engine_subscriber(const struct engine *engine, const char *integration);
const struct engine_rooms *engine_rooms(const struct engine *engine);
/* As read last; borrowed until the next loop round. */
const struct config *engine_config(const struct engine *engine);
const struct catalog *engine_catalog(const struct engine *engine); /* or NULL */
const char *engine_conf_dir(const struct engine *engine);
bool engine_is_ready(
    const struct engine *engine); /* every enabled integration is active or has said why not */

/* What a lane says to an entity for which no submission exists: a sentence and whether it will
 * still be looked at. "type 'talk' is not wanted: [select] type = event (conf.d/x.ini:9)". */
void engine_explain(const struct engine *engine, const char *integration, struct str type,
                    uint64_t seq, uint64_t cursor, struct buf *out_words, bool *out_will_look);

/* ---- reloading ---- */

/* What became of one file. */
struct engine_reload_item {
    const char *file;
    const char *integration; /* NULL: a plugin file or tenon.ini */
    const char *change;      /* unchanged, added, replaced, removed, refused, waiting */
    const char *words;       /* why refused or waiting; else "" */
};
struct engine_reload_result {
    int status; /* 0; negative: nothing could be read, nothing changed */
    const struct err *err;
    const struct engine_reload_item *items; /* tenon.ini, integrations, plugin files */
    size_t count;
    size_t changed, refused; /* added, replaced, removed; refused */
};
typedef void (*engine_reload_fn)(void *user, const struct engine_reload_result *result);
/* Looks at conf.d and the plugin path now and takes what changed: the new lane opens beside the old
 * one, which then drains; what cannot be used changes nothing. `done` comes when every lane that
 * was begun is open or has said why not. Files that are still being written are waited for, for a
 * while. With `done` NULL (the watch noticed something) they are looked at again later. */
void engine_reload(struct engine *engine, engine_reload_fn done, void *user);

/* ---- switching ---- */

typedef void (*engine_switch_fn)(void *user, int status, const struct err *err);
/* At run time and over restarts, whatever its ini says of it stays. Off: what is in hand ends, the
 * plugin's instances are closed. On: opens it, also in safe mode; E_REFUSED when the ini disables
 * it. `by`: who, for people. */
void engine_activate(struct engine *engine, const char *integration, bool is_active, struct str by,
                     engine_switch_fn done, void *user);
/* Writes `enabled` into its ini, comments kept, and reloads. */
void engine_enable(struct engine *engine, const char *integration, bool is_enabled,
                   engine_switch_fn done, void *user);

/* ---- testing ---- */

/* The steps on an integration's way to its destination as far as they go: validate (its file and
 * plugin), initialise (the plugin is open), connection (the destination answers, by [health]).
 * Nothing is changed anywhere. Texts are borrowed for the call. */
struct engine_step {
    const char *name;
    const char *words;
    bool is_well;
    int64_t duration_us; /* 0: known without asking */
};
struct engine_test_result {
    int status; /* 0 also when a step failed; E_NOT_FOUND, -ENOMEM */
    const struct err *err;
    const char *failed; /* the step's name; NULL: none */
    struct engine_step steps[3];
    size_t count;
};
typedef void (*engine_test_fn)(void *user, const struct engine_test_result *result);
/* Whoever asks while a test is under way gets its result: the destination is asked once. */
void engine_test(struct engine *engine, const char *integration, engine_test_fn done, void *user);

/* ---- registering ---- */

/* Each changes a file of conf.d, held against the checker before it is touched, written atomically;
 * then reloads, and `done` (as above) comes when the integration runs by it, or does not: what it
 * was before is put back then. One at a time, in order. What a file must not be is E_USAGE, what it
 * cannot become here is E_REFUSED. */

/* A new file with this text; one of that name that is there already is E_REFUSED unless it
 * `overwrites`. */
void engine_register(struct engine *engine, const char *integration, struct str ini,
                     bool overwrites, engine_switch_fn done, void *user);
/* Takes the file away. What is in hand ends by itself, its records stay. */
void engine_unregister(struct engine *engine, const char *integration, engine_switch_fn done,
                       void *user);
/* Sets values in the file, all or none; comments and order stay. `sections` as of
 * config_edit_sections, borrowed for the call. */
void engine_configure(struct engine *engine, const char *integration, struct str sections,
                      engine_switch_fn done, void *user);

/* ---- actions ---- */

/* What an integration's plugin declares (plugin.h); NULL and 0 when there is no such integration or
 * it is not open. Borrowed until the next loop round. */
const struct plugin_action *engine_actions(const struct engine *engine, const char *integration,
                                           size_t *out_count);
enum engine_found { ENGINE_FOUND, ENGINE_NO_INTEGRATION, ENGINE_NO_ACTION, ENGINE_NOT_OPEN };
/* Is there an action of this name? *out is borrowed as above. If not, `words` gets a sentence that
 * says what there is, or why it is not open. */
enum engine_found engine_action_find(const struct engine *engine, const char *integration,
                                     struct str name, const struct plugin_action **out,
                                     struct buf *words);
/* Calls one; `done` gets the plugin's answer, at once or later. False: no such integration, or it
 * is not open; `done` is not called then. */
bool engine_action(struct engine *engine, const char *integration, struct str action,
                   struct str arguments, plugin_reply_fn done, void *user);

/* ---- commands and routes ---- */

/* As engine_actions. */
const struct plugin_command *engine_commands(const struct engine *engine, const char *integration,
                                             size_t *out_count);
const struct plugin_route *engine_routes(const struct engine *engine, const char *integration,
                                         size_t *out_count);
/* As plugin_command and plugin_route; NULL: no such integration, or it is not open. */
struct plugin_aside *engine_command(struct engine *engine, const char *integration,
                                    const struct plugin_command *command,
                                    const struct plugin_run *run,
                                    const struct plugin_aside_events *events, void *user);
struct plugin_aside *engine_route(struct engine *engine, const char *integration,
                                  const struct plugin_route *route,
                                  const struct plugin_serve *serve,
                                  const struct plugin_aside_events *events, void *user);

/* ---- services ---- */

/* Plugin code asks for something (plugin_events.ask). */
void engine_ask(struct engine *engine, struct plugin_ask *take_ask);

/* The same for tools of tenon.mcp/1. */
const struct plugin_tool *engine_tools(const struct engine *engine, const char *integration,
                                       size_t *out_count);
bool engine_tool(struct engine *engine, const char *integration, struct str tool,
                 struct str arguments, plugin_reply_fn done, void *user);

/* ---- doing ---- */

/* Asks by hand. `selector` (unsubmitted, failed, changed, all) or an entity id. The answer tells
 * how many were queued, or with the walk set back, that the lane will find them. */
struct engine_submit_result {
    int status; /* 0, E_NOT_FOUND, E_REFUSED */
    const struct err *err;
    uint64_t count;
    bool rewinds;
};
typedef void (*engine_submit_fn)(void *user, const struct engine_submit_result *result);
void engine_submit(struct engine *engine, const char *integration, struct str entity,
                   struct str selector, engine_submit_fn done, void *user);

/* What would be sent for one entity, as a JSON object: integration, entity, version, wanted, and
 * either refused_by and reason, or requests (method, url, headers, body) and payload where the
 * plugin sends by itself. Secrets masked. Sends nothing, stores nothing. */
typedef void (*engine_dry_run_fn)(void *user, int status, const struct err *err, struct str json);
void engine_dry_run(struct engine *engine, const char *integration, struct str entity,
                    engine_dry_run_fn done, void *user);

#endif
