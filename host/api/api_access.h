/* SPDX-License-Identifier: Apache-2.0
 * The one door: who asks, and what they may do. The Unix socket tells by the kernel who is at its
 * other end; the port goes by tokens, or lets this machine in while there are none; and web pages
 * that a browser has open get nowhere by an address of their own that leads here. [loop] */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include "api/api_scope.h"
#include "api/api_token_set.h"
#include "http/http_server.h"

struct api_access;

/* Texts are as [api] of tenon.ini has them, NULL for what is not set, and are copied. */
struct api_access_settings {
    const char *listen;
    const char *token;         /* the operator's own: everything is allowed with it */
    const char *without_token; /* scopes, or "none"; NULL: see api_access_check */
    const char *hosts;         /* names under which the port is asked for, besides this machine's */
    const char *origins;       /* web pages that may ask: "https://dash.example.com" */
    const char *socket_group;  /* these besides root and our own user, who may do everything */
    const char *socket_users;
    const char *socket_scope; /* what they may do */
    const char *state_dir;    /* where the tokens are */
};

enum api_refusal {
    API_LET_IN,
    API_NO_TOKEN,
    API_BAD_TOKEN,
    API_FOREIGN_HOST,
    API_FOREIGN_ORIGIN,
    API_FOREIGN_USER,
    API_NO_SCOPE, /* let in, but not to this */
    API_REFUSALS,
};

/* Of a refusal: "bad_token", in answers and metrics; its status; the headers that go with it. */
struct api_refusal_facts {
    const char *code;
    int status;
    const char *headers; /* or NULL */
};
extern const struct api_refusal_facts api_refusals[API_REFUSALS];

/* Who asks. Both members live until the token is gone (api_token_set_tell). */
struct api_peer {
    const char *scopes; /* NULL: nothing but what is open */
    const struct api_token *token;
};

/* What a person calls who asks: the token's name, else "the API". */
const char *api_peer_name(const struct api_peer *peer);

/* 0, or the reason for which api_access_create would refuse them. */
int api_access_check_settings(const struct api_access_settings *settings, struct err *err);
/* NULL with the reason: a group or user that does not exist, a tokens file that is damaged. */
struct api_access *api_access_create(struct loop *loop, const struct api_access_settings *settings,
                                     struct err *err);
void api_access_destroy(struct api_access *access); /* NULL allowed */
/* Plugin code that may use the network can get at the socket, and may have our own user: its
 * processes are told from people by `is_plugin`. */
void api_access_know_plugins(struct api_access *access, bool (*is_plugin)(void *user, pid_t pid),
                             void *user);
/* Other settings from now on. Where the tokens are stays, and so does the port's socket: whether it
 * is on loopback is what it was at the start. On failure all stays as it was. What was said to be
 * allowed without a token of the set is then void if *out_is_changed. */
int api_access_configure(struct api_access *access, const struct api_access_settings *settings,
                         bool *out_is_changed, struct err *err);
struct api_token_set *api_access_tokens(struct api_access *access);
/* How the socket file is to be: its mode, and its group (-1: as it comes). */
void api_access_socket(const struct api_access *access, unsigned *out_mode, int *out_gid);

/* Is the peer let in, for a route that wants `scope`? Words in err when not. Without a token the
 * port allows what without_token says; where that says nothing, everything as long as the port is
 * on loopback and there was never a token, else nothing. */
enum api_refusal api_access_check(struct api_access *access, struct http_exchange *exchange,
                                  enum api_scope scope, struct api_peer *out, struct err *err);

#endif
