/* SPDX-License-Identifier: Apache-2.0
 * Requests that wait for their answer. Numbers begin at a random one, so that an answer to a
 * request of a former life finds nobody. */
#include "signals/hub_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

struct hub_request {
    struct hub *hub;
    struct hub_request *next;
    uint64_t number;
    size_t answering; /* who have not declined yet */
    struct loop_timer *timer;
    hub_answer_fn done;
    void *user;
    int64_t timeout_ms;
    char name[];
};

static struct hub_request **place_of(struct hub *hub, uint64_t number)
{
    struct hub_request **at = &hub->requests;

    while (*at != NULL && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

/* Takes it off the list, frees it, tells. */
static void end(struct hub_request **place, const struct hub_answer *answer)
{
    struct hub_request *request = *place;
    hub_answer_fn done = request->done;
    void *user = request->user;

    *place = request->next;
    request->hub->request_count--;
    loop_timer_destroy(request->timer);
    free(request);
    if (answer != NULL)
        done(user, answer);
}

static void end_with(struct hub_request **place, int status, const struct err *err)
{
    end(place, &(struct hub_answer){.status = status, .err = err});
}

static void on_timeout(void *user)
{
    struct hub_request *request = user;
    struct err err = {0};

    request->hub->figures.timeouts++;
    (void)err_set(&err, -ETIMEDOUT, "nobody answered '%s' in %lld ms; %zu could have",
                  request->name, (long long)request->timeout_ms, request->answering);
    end_with(place_of(request->hub, request->number), -ETIMEDOUT, &err);
}

static struct hub_request *create(struct hub *hub, struct str name, int64_t timeout_ms,
                                  hub_answer_fn done, void *user)
{
    struct hub_request *request = calloc(1, sizeof *request + name.len + 1);

    if (request == NULL)
        return NULL;
    request->timer = loop_timer_create(hub->loop, on_timeout, request);
    if (request->timer == NULL) {
        free(request);
        return NULL;
    }
    memcpy(request->name, name.ptr, name.len);
    request->hub = hub;
    request->done = done;
    request->user = user;
    request->timeout_ms = timeout_ms;
    while (hub->last_request == 0) /* below 2^53: exact in everybody's JSON */
        if (getrandom(&hub->last_request, 6, 0) != 6)
            hub->last_request = (uint64_t)clock_wall_ms();
    request->number = ++hub->last_request;
    request->next = hub->requests;
    hub->requests = request;
    hub->request_count++;
    loop_timer_set(request->timer, timeout_ms);
    return request;
}

static int check(const struct hub *hub, const struct store_own_signal *signal, int64_t timeout_ms,
                 struct err *err)
{
    int status = hub_check(signal, err);

    if (status < 0)
        return status;
    if (timeout_ms < 1 || timeout_ms > HUB_TIMEOUT_MAX_MS)
        return err_set(err, -EINVAL, "the timeout is %lld ms; expected 1 to %d",
                       (long long)timeout_ms, HUB_TIMEOUT_MAX_MS);
    if (hub->request_count >= HUB_REQUESTS_MAX)
        return err_set(err, -EAGAIN, "%d requests wait for their answer, and that is the most",
                       HUB_REQUESTS_MAX);
    return 0;
}

/* Its texts go over to the end of `to`: whoever asks may free them with the answer, while others
 * still hear the question. */
static void keep_texts(struct store_signal *signal, char *to)
{
    struct str *texts[] = {&signal->name, &signal->sender, &signal->data};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        hub_copy_line(to, *texts[i]);
        texts[i]->ptr = to;
        to += texts[i]->len;
    }
}

uint64_t hub_ask(struct hub *hub, const struct store_own_signal *own, int64_t timeout_ms,
                 hub_answer_fn done, void *user)
{
    struct store_signal signal = {
        .kind = SIGNAL_OWN,
        .name = own->name,
        .sender = own->sender,
        .data = own->data,
        .hops = own->hops,
        .at_ms = clock_wall_ms(),
    };
    struct hub_request *request = NULL;
    _free_ char *texts = malloc(own->name.len + own->sender.len + own->data.len + 1);
    struct err err = {0};
    int status = check(hub, own, timeout_ms, &err);
    size_t answering = status == 0 ? hub_count_answering(hub, &signal) : 0;

    hub->figures.requests++;
    if (status == 0 && answering == 0)
        status = err_set(&err, E_NOT_FOUND,
                         "nobody is there to answer '%.*s': no integration subscribes to it now",
                         STR_ARG(own->name));
    if (status == 0 && texts != NULL)
        request = create(hub, own->name, timeout_ms, done, user);
    if (status == 0 && request == NULL)
        status = err_set(&err, -ENOMEM, "no memory for a request");
    if (status < 0) {
        done(user, &(struct hub_answer){.status = status, .err = &err});
        return 0;
    }
    uint64_t number = request->number;
    keep_texts(&signal, texts);
    request->answering = answering;
    hub_spread(
        hub, &(struct hub_signal){.signal = &signal, .request = number, .timeout_ms = timeout_ms});
    return *place_of(hub, number) != NULL ? number : 0;
}

void hub_forget(struct hub *hub, uint64_t number)
{
    struct hub_request **place = place_of(hub, number);

    if (*place != NULL)
        end(place, NULL);
}

int hub_reply(struct hub *hub, uint64_t number, struct str sender, struct str data, struct err *err)
{
    struct hub_request **place = place_of(hub, number);

    if (*place == NULL)
        return err_set(err, E_NOT_FOUND,
                       "nobody waits for this answer: the request has been answered, or ran out "
                       "of time");
    if (data.len > STORE_SIGNAL_MAX)
        return err_set(err, E_TOO_LARGE, "the answer has %zu bytes; the most is %d", data.len,
                       (int)STORE_SIGNAL_MAX);
    if (data.len > 0 && json_check(data, err) < 0) {
        (void)err_prefix(err, "the answer is no JSON: "); /* err may be NULL */
        return E_SYNTAX;
    }
    hub->figures.replies++;
    end(place, &(struct hub_answer){.sender = sender, .data = data});
    return 0;
}

void hub_decline(struct hub *hub, uint64_t number, struct str sender, const char *words)
{
    struct hub_request **place = place_of(hub, number);
    struct err err = {0};

    if (*place == NULL || --(*place)->answering > 0)
        return;
    (void)err_set(&err, E_UNREACHABLE, "'%.*s' did not answer '%s': %s", STR_ARG(sender),
                  (*place)->name, words);
    end_with(place, E_UNREACHABLE, &err);
}

void hub_end_requests(struct hub *hub)
{
    struct err err = {0};

    (void)err_set(&err, E_STOPPED, "the daemon is stopping");
    while (hub->requests != NULL)
        end_with(&hub->requests, E_STOPPED, &err);
}
