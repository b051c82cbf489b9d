/* SPDX-License-Identifier: Apache-2.0
 * One socket, several threads that wait for something of it. There is no thread that only reads:
 * whoever has nothing better to do is in recv, and what it finds for others it leaves to them. So a
 * plugin that never asks pays one uncontended lock a frame, and code that asks on the serving
 * thread, which then reads no orders, still gets its answer. */
#include "call/call_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

void call_inbox_init(struct call_inbox *inbox)
{
    pthread_mutex_init(&inbox->lock, NULL);
    pthread_cond_init(&inbox->news, NULL);
}

static void end_locked(struct call_inbox *inbox, int status)
{
    if (inbox->status == 0)
        inbox->status = status;
    pthread_cond_broadcast(&inbox->news);
}

/* More bytes, or the end. */
static void read_locked(struct call_server *server)
{
    struct call_inbox *inbox = &server->inbox;
    size_t room;

    char *place = wire_reader_room(&inbox->reader, &room);
    if (place == NULL) {
        end_locked(inbox, -ENOMEM);
        return;
    }
    inbox->is_read = true;
    pthread_mutex_unlock(&inbox->lock);
    ssize_t count = recv(server->options.fd, place, room, 0);
    int error = count < 0 ? errno : 0;
    pthread_mutex_lock(&inbox->lock);
    inbox->is_read = false;
    if (count > 0)
        wire_reader_added(&inbox->reader, (size_t)count);
    else if (count == 0 || error == ECONNRESET)
        end_locked(inbox, 1);
    else if (error != EINTR)
        end_locked(inbox, -error);
    pthread_cond_broadcast(&inbox->news);
}

/* An answer that nobody waits for is dropped: its asker was told of a timeout by itself. */
static void answer_locked(struct call_inbox *inbox, const struct wire_in *in)
{
    struct wire_in peek = *in;
    uint64_t id = wire_in_u64(&peek);
    struct call_ask *ask = inbox->asks;

    while (ask != NULL && ask->id != id)
        ask = ask->next;
    if (ask == NULL || ask->is_answered)
        return;
    ask->bytes = malloc(in->rest + 1);
    struct wire_in own = {ask->bytes, in->rest, ask->bytes == NULL};
    if (ask->bytes != NULL)
        memcpy(ask->bytes, in->at, in->rest);
    if (wire_get_answer(&own, &ask->answer) < 0)
        ask->answer = (struct wire_answer){
            .code = TENON_E_NO_MEMORY,
            .message = tenon_text("the host's answer cannot be read, or there is no memory for it"),
        };
    ask->is_answered = true;
    pthread_cond_broadcast(&inbox->news);
}

static void keep_locked(struct call_inbox *inbox, const struct wire_header *header,
                        const struct wire_in *in)
{
    struct call_item *item = malloc(sizeof *item + in->rest);

    if (item == NULL) {
        end_locked(inbox, -ENOMEM);
        return;
    }
    item->next = NULL;
    item->header = *header;
    if (in->rest > 0)
        memcpy(item->bytes, in->at, in->rest);
    if (inbox->backlog_last != NULL)
        inbox->backlog_last->next = item;
    else
        inbox->backlog_first = item;
    inbox->backlog_last = item;
    pthread_cond_broadcast(&inbox->news);
}

static void let_go_locked(struct call_inbox *inbox)
{
    free(inbox->detached);
    free(inbox->in_hand);
    inbox->detached = NULL;
    inbox->in_hand = NULL;
    inbox->is_pinned = false;
}

static bool take_backlog_locked(struct call_inbox *inbox, struct wire_header *header,
                                struct wire_in *in)
{
    struct call_item *item = inbox->backlog_first;

    if (item == NULL)
        return false;
    inbox->backlog_first = item->next;
    if (inbox->backlog_first == NULL)
        inbox->backlog_last = NULL;
    inbox->in_hand = item;
    *header = item->header;
    *in = (struct wire_in){item->bytes, item->header.length, false};
    return true;
}

int call_inbox_next(struct call_server *server, struct wire_header *header, struct wire_in *in)
{
    struct call_inbox *inbox = &server->inbox;
    bool has_order = false;

    pthread_mutex_lock(&inbox->lock);
    let_go_locked(inbox);
    while (!has_order) {
        has_order = take_backlog_locked(inbox, header, in);
        if (has_order)
            break;
        if (inbox->is_read) { /* an asking thread is at it */
            pthread_cond_wait(&inbox->news, &inbox->lock);
            continue;
        }
        int found = wire_reader_next(&inbox->reader, header, in);
        if (found < 0)
            end_locked(inbox, -EPROTO);
        if (found > 0 && header->op == WIRE_ANSWER) {
            answer_locked(inbox, in);
            continue;
        }
        has_order = inbox->is_pinned = found > 0;
        if (inbox->status != 0)
            break;
        if (!has_order)
            read_locked(server);
    }
    int status = has_order ? 1 : inbox->status > 0 ? 0 : inbox->status;
    pthread_mutex_unlock(&inbox->lock);
    return status;
}

void call_inbox_add(struct call_server *server, struct call_ask *ask)
{
    struct call_inbox *inbox = &server->inbox;

    *ask = (struct call_ask){0};
    pthread_mutex_lock(&inbox->lock);
    ask->id = ++inbox->last_ask;
    ask->next = inbox->asks;
    inbox->asks = ask;
    pthread_mutex_unlock(&inbox->lock);
}

/* One frame of what was read, if there is a whole one; else more bytes. The frame that the serving
 * thread works on keeps its memory. */
static void look_for_answer_locked(struct call_server *server)
{
    struct call_inbox *inbox = &server->inbox;
    struct wire_header header;
    struct wire_in in;

    if (inbox->is_pinned) {
        inbox->detached = wire_reader_detach(&inbox->reader);
        if (inbox->detached == NULL) {
            end_locked(inbox, -ENOMEM);
            return;
        }
        inbox->is_pinned = false;
    }
    int found = wire_reader_next(&inbox->reader, &header, &in);
    if (found < 0)
        end_locked(inbox, -EPROTO);
    else if (found == 0)
        read_locked(server);
    else if (header.op == WIRE_ANSWER)
        answer_locked(inbox, &in);
    else
        keep_locked(inbox, &header, &in);
}

void call_inbox_wait(struct call_server *server, struct call_ask *ask)
{
    struct call_inbox *inbox = &server->inbox;

    pthread_mutex_lock(&inbox->lock);
    while (!ask->is_answered && inbox->status == 0) {
        if (inbox->is_read)
            pthread_cond_wait(&inbox->news, &inbox->lock);
        else
            look_for_answer_locked(server);
    }
    if (!ask->is_answered)
        ask->answer = (struct wire_answer){
            .code = TENON_E_CANCELLED,
            .message = tenon_text("the host has closed the connection"),
        };
    pthread_mutex_unlock(&inbox->lock);
}

void call_inbox_remove(struct call_server *server, struct call_ask *ask)
{
    struct call_inbox *inbox = &server->inbox;

    pthread_mutex_lock(&inbox->lock);
    for (struct call_ask **at = &inbox->asks; *at != NULL; at = &(*at)->next) {
        if (*at == ask) {
            *at = ask->next;
            break;
        }
    }
    pthread_cond_broadcast(&inbox->news); /* somebody else reads now */
    pthread_mutex_unlock(&inbox->lock);
    free(ask->bytes);
    ask->bytes = NULL;
}

void call_inbox_end(struct call_inbox *inbox, int status)
{
    pthread_mutex_lock(&inbox->lock);
    end_locked(inbox, status != 0 ? status : 1);
    let_go_locked(inbox);
    while (inbox->backlog_first != NULL) {
        struct call_item *item = inbox->backlog_first;
        inbox->backlog_first = item->next;
        free(item);
    }
    inbox->backlog_last = NULL;
    if (!inbox->is_read)
        wire_reader_finish(&inbox->reader);
    pthread_mutex_unlock(&inbox->lock);
}
