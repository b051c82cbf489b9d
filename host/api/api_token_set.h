/* SPDX-License-Identifier: Apache-2.0
 * The tokens that were made with `tenon token create`: who they are for, what they allow, and the
 * hash by which one is known again. They stand in one file of the state directory, mode 0600,
 * written whole and put in the place of the former one; the tokens themselves are nowhere. Not in
 * the store: a copy of it is no copy of the keys, and a store put back does not bring back a token
 * that was revoked. Inside this room only. [loop] */
#ifndef API_TOKEN_SET_H
#define API_TOKEN_SET_H

#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum { API_TOKEN_NAME_MAX = 64, API_TOKENS_MAX = 1000 };

struct api_token {
    char name[API_TOKEN_NAME_MAX + 1];
    char prefix[15]; /* "tenon_1a2b3c4d", the token's own beginning, to tell it by */
    uint8_t hash[32];
    char *scopes; /* see api_scope.h */
    int64_t created_ms;
    int64_t expires_ms; /* wall; 0: never */
    int64_t used_ms;    /* wall, last; 0: never. On disk a minute late */
    struct api_token *next;
};

struct api_token_set;

/* Reads <state_dir>/tokens; none there is an empty set, and so it stays where state_dir is NULL.
 * NULL with the reason, and the line, when it
 * is not to be read. */
struct api_token_set *api_token_set_open(struct loop *loop, const char *state_dir, struct err *err);
/* Writes what is not on disk yet. NULL allowed. */
void api_token_set_close(struct api_token_set *set);
/* `gone` runs when a token ends for having been revoked, or for its time, before it is freed. */
void api_token_set_tell(struct api_token_set *set,
                        void (*gone)(void *user, const struct api_token *token), void *user);

/* Some token was made once, though it may be revoked: whoever made it wants to know who asks. */
bool api_token_set_is_begun(const struct api_token_set *set);
const struct api_token *api_token_set_first(const struct api_token_set *set); /* by name */
const struct api_token *api_token_set_named(const struct api_token_set *set, struct str name);
/* The token that `text` is, if it is one whose time is not over; its use is noted. */
const struct api_token *api_token_set_find(struct api_token_set *set, struct str text);

/* In memory; api_token_set_save puts it on disk. E_CONFLICT: the name is taken. `out_text` gets the
 * token, which nobody can tell later. */
int api_token_set_add(struct api_token_set *set, struct str name, struct str scopes,
                      int64_t expires_ms, struct buf *out_text, struct err *err);
/* At once, in memory as above; false when there is none. */
bool api_token_set_remove(struct api_token_set *set, struct str name);
/* `done` runs when all of the above is on disk, or cannot be; also when the set has closed. */
void api_token_set_save(struct api_token_set *set,
                        void (*done)(void *user, int status, const struct err *err), void *user);

#endif
