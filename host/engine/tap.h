/* SPDX-License-Identifier: Apache-2.0
 * Following the records of one integration stage by stage, live. Costs a look at one pointer while
 * nobody listens, and a bounded share of the lane's time while somebody does: what is too much is
 * not told but counted. Lines are JSON objects, secrets masked; no plugin's code sees any of it.
 * [loop] */
#ifndef ENGINE_TAP_H
#define ENGINE_TAP_H

#include "base/loop.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tap_stage {
    TAP_CLAIMED,     /* in hand */
    TAP_REFUSED,     /* a selector or clause does not want it */
    TAP_SELECTED,    /* none refused it */
    TAP_TRANSFORMED, /* what is to be sent */
    TAP_REQUEST,     /* is being sent, alone or with others */
    TAP_ANSWER,
    TAP_VERDICT, /* what is written down */
    TAP_STAGES
};
const char *tap_stage_name(enum tap_stage stage);
bool tap_stage_parse(struct str name, enum tap_stage *out);

struct taps; /* of all integrations, by name: the engine's */
struct tap;  /* one integration's; outlives its lanes */

struct taps *taps_create(struct loop *loop);
void taps_destroy(struct taps *taps); /* NULL allowed; listeners may still leave, before or after */
/* Made when first asked for; NULL when memory is short, which reads as a tap without listeners. */
struct tap *taps_of(struct taps *taps, const char *integration);

/* ---- listening ---- */

struct tap_filter {
    unsigned stages;   /* bits 1 << enum tap_stage; 0: all */
    struct str entity; /* id; empty: all. Copied */
};

/* A line without its end. False: it cannot be taken just now; it is counted as lost, and no more
 * are made until tap_resume. Must not listen or leave from within. */
typedef bool (*tap_line_fn)(void *user, struct str line);

struct tap_listener;
struct tap_listener *tap_listen(struct tap *tap, const struct tap_filter *filter, tap_line_fn fn,
                                void *user); /* NULL: no memory */
/* There is room again: tells how many lines were lost, {"stage":"lost","lines":42}. */
void tap_resume(struct tap_listener *listener);
void tap_leave(struct tap_listener *listener); /* NULL allowed */

/* ---- telling ---- */

struct tap {
    struct taps *taps;
    struct tap_listener *first;
    struct tap *next;
    char *name;
};

static inline bool tap_is_on(const struct tap *tap)
{
    return tap != NULL && tap->first != NULL;
}

/* A line that is the same for all listeners is made once: the first who wants it calls `make`.
 * `entities`: ids of the records that it concerns. */
struct tap_event {
    enum tap_stage stage;
    const struct str *entities;
    size_t count;
    void (*make)(void *user, struct buf *out); /* the members behind time and stage */
    void *user;
};
void tap_tell(struct tap *tap, const struct tap_event *event);
/* So far behind an excerpt's end a secret may reach. */
enum { TAP_MASKED_BYTES = 16 * 1024 };
/* Member of a line: masked, cut to `most` bytes between characters; nothing when empty. */
void tap_put_text(struct buf *out, const char *name, struct str text, size_t most);

#endif
