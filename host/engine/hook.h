/* SPDX-License-Identifier: Apache-2.0
 * Inbound webhooks: what a service sends to /hooks/NAME, from its bytes to committed entities. The
 * signature is checked before anything else is looked at (rules/hook_scheme.h), a delivery that
 * comes again is stored once, and the answer comes when all is on disk. hook.c goes that way;
 * hook_open.c makes what a lane has of its ini for it. [loop] */
#ifndef ENGINE_HOOK_H
#define ENGINE_HOOK_H

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/intake.h"
#include "plugin/plugin.h"
#include "rules/hook_scheme.h"

struct engine;
struct lane;

/* How a request ended. */
enum hook_end {
    HOOK_END_STORED,     /* committed; perhaps nothing, when the mapping wants nothing of it */
    HOOK_END_DUPLICATE,  /* was stored before */
    HOOK_END_CHALLENGED, /* no event: the service asks whether somebody is there */
    HOOK_END_UNSIGNED,
    HOOK_END_FORGED,
    HOOK_END_STALE,
    HOOK_END_TOO_LARGE,
    HOOK_END_BAD_CONTENT, /* a content type that is not understood */
    HOOK_END_UNREADABLE,  /* not what its content type says */
    HOOK_END_NOT_MAPPED,  /* the mapping refused it, or gave what is no entity */
    HOOK_END_FAILED,      /* our fault, or the disk's: to be sent again */
    HOOK_END_CLOSED,      /* the integration is not active */
    HOOK_ENDS,
    HOOK_END_UNKNOWN = HOOK_ENDS, /* there is no such hook; not counted */
};
const char *hook_end_name(enum hook_end end); /* "bad_signature"; a word */

/* Since start, of one name: reloads do not set it back. */
struct hook_figures {
    uint64_t ends[HOOK_ENDS];
    uint64_t entities;  /* stored */
    int64_t last_ms;    /* wall; 0: none yet */
    int64_t refused_ms; /* the last one that was not taken; 0: none yet */
    char refused[400];  /* why */
    struct log_limit told;
};
/* All integrations' figures, by name: the engine's. */
struct hooks;
struct hooks *hooks_create(void);
void hooks_destroy(struct hooks *hooks); /* NULL allowed */

struct hook_request {
    struct str body, query;
    struct str headers; /* lines, as for http_head_header */
    struct str trace;   /* base/trace.h, or none */
};

/* Borrowed during `done`. */
struct hook_result {
    enum hook_end end;
    const char *words;                  /* why, when it was not taken */
    int status;                         /* of HOOK_END_FAILED: as of an intake */
    const struct intake_result *intake; /* of HOOK_END_STORED */
    struct str challenge;               /* of HOOK_END_CHALLENGED: the answer */
    const struct hook_scheme *scheme;   /* NULL with HOOK_END_UNKNOWN */
};
typedef void (*hook_done_fn)(void *user, const struct hook_result *result);

/* The texts of `request` are borrowed until done, which comes once, at once or later. */
void hook_take(struct engine *engine, const char *integration, const struct hook_request *request,
               hook_done_fn done, void *user);

/* [hook] max_body; 0: there is no such hook. */
int64_t hook_body_max(const struct engine *engine, struct str integration);

/* ---- a lane's part ---- */

struct hook {
    struct hook_rules rules;
    struct buf keys;
    struct hook_figures *figures;
    struct plugin_instance *jq; /* runs the mapping; NULL: there is none */
    bool has_jq, is_jq_open;
};

/* *out is NULL when the ini has no hook. */
int hook_create(struct lane *lane, struct hook **out, struct err *err);
void hook_destroy(struct hook *hook); /* NULL allowed */
/* The lane's file is another now that says the same; its texts are what the hook goes by. */
void hook_rebind(struct lane *lane);
/* Opens what the mapping needs; `opened` is a lane's. */
int hook_open(struct lane *lane, plugin_opened_fn opened, struct err *err);
bool hook_is_open(const struct hook *hook); /* NULL: yes */

#endif
