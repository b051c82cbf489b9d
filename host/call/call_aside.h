/* SPDX-License-Identifier: Apache-2.0
 * Calls beside the strand: commands and routes, each on a thread of its own, that talk with their
 * caller while they run. What they say goes to the host as questions, which it answers when the
 * caller has room for more. Inside this room only. */
#ifndef CALL_CALL_ASIDE_H
#define CALL_CALL_ASIDE_H

#include "call/call_server.h"

struct call_aside {
    struct call_aside *next;
    struct call_instance *instance;
    struct call_thread thread;
    struct wire_place own_place; /* when the page has none left: the host does not see it */
    unsigned place;              /* of the shared page; 0: none */
    pthread_t pthread;
    struct wire_header header;
    _Atomic bool is_cancelled;
    _Atomic bool is_finished;  /* it can be joined */
    pthread_mutex_t say_lock;  /* one says something at a time */
    pthread_mutex_t hear_lock; /* and one listens */
    char bytes[];
};

/* Serving thread. Starts one for WIRE_RUN or WIRE_SERVE; a failure has been answered. */
void call_aside_start(struct call_instance *instance, const struct wire_header *header,
                      const struct wire_in *in);
void call_aside_cancel(struct call_server *server, uint64_t call); /* serving thread */
/* Cancels those of an instance and waits for them; NULL: everybody's. Serving thread. */
void call_aside_end(struct call_server *server, const struct call_instance *instance);

/* [any] Tells the host something of this call and waits until it takes more. TENON_OK, or
 * TENON_E_CANCELLED, from then on always. `answer` NULL: none is wanted; else call_aside_heard()
 * frees it. */
int32_t call_aside_say(struct call_aside *aside, const char *what, tenon_str first,
                       tenon_str second, struct call_ask *answer);
void call_aside_heard(struct call_aside *aside, struct call_ask *answer);
void call_aside_send_ended(struct call_aside *aside, const struct wire_ended *ended);

/* On the aside's thread: runs it and answers. */
void call_command(struct call_aside *aside, struct wire_in *in); /* call_command.c */
void call_route(struct call_aside *aside, struct wire_in *in);   /* call_route.c */

#endif
