/* SPDX-License-Identifier: Apache-2.0
 * What the two sides of an HTTP thread share: http_thread.c is what the loop calls,
 * http_thread_run.c what the thread does. */
#ifndef HTTP_THREAD_INNER_H
#define HTTP_THREAD_INNER_H

#include "base/turns.h"
#include "http/http_queue.h"
#include "http/http_thread.h"
#include "http/http_transfer.h"

#include <pthread.h>

struct http_share {
    struct http_thread *thread;
    struct http_destination_settings settings; /* its texts are copies */

    struct http_share *next;       /* under lock: the list of all */
    struct http_share *previous;   /* under lock */
    struct http_queue inbox;       /* under lock */
    int limit;                     /* under lock */
    bool is_released;              /* under lock */
    bool is_dirty;                 /* under lock */
    struct http_share *next_dirty; /* under lock */

    /* The thread's. */
    struct http_queue waiting;
    struct http_transfer **slots; /* all of them */
    size_t slot_count;
    struct http_transfer **idle; /* a stack, so that the warmest is taken */
    size_t idle_count;
    int limit_now;
    int not_reached_in_a_row;
    struct http_transfer *scout; /* opens the first connection; the others wait for it */
    bool is_busy_since_sweep;
    bool may_go; /* released, and the thread has seen it */
    bool is_slotted;
    struct http_share *next_slotted; /* those with slots, for the sweep */
    struct http_share *next_started; /* those whose inbox was just taken */
    struct http_share *next_scouting;
};

/* Outlives the thread when it is still in the loop's queue. */
struct news {
    struct loop_message message;
    struct http_thread *thread; /* NULL: the thread is gone */
};

struct http_thread {
    struct loop *loop;
    const struct http_precedence *precedence;
    CURLM *multi;
    int epoll;
    int wake;            /* an eventfd in `epoll`, whose data is NULL */
    struct turns *turns; /* run the thread; NULL: it has ended */
    struct news *news;

    pthread_mutex_t lock;
    struct http_share *shares;  /* under lock */
    struct http_share *dirty;   /* under lock: with something in the inbox, or released */
    struct http_queue finished; /* under lock */
    bool has_news;              /* under lock: the message is in the loop's queue */
    bool is_asleep;             /* under lock: a wake-up is needed */
    bool is_stopping;           /* under lock */

    /* The thread's. */
    struct http_queue done;
    struct http_share *slotted;
    struct http_share *scouting;
    size_t easy_count;   /* handles in `multi` */
    int64_t deadline_us; /* no transfer in clear has an earlier one; 0: there is none */
    int64_t swept_us;
    bool must_sweep; /* a share was released */
};

/* [http thread] What came, what ended, and a wait for more. False: is_stopping was seen. */
bool http_thread_round(void *thread);
/* Off the list and gone. [http thread], or the loop once the thread has ended. */
void http_share_forget(struct http_share *share);
void http_share_free(struct http_share *share); /* NULL allowed */

#endif
