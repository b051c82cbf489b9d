/* SPDX-License-Identifier: Apache-2.0
 * Listeners, and what they hear. Requests are in hub_request.c. */
#include "signals/hub_internal.h"

#include "base/pattern.h"

#include <errno.h>
#include <stdlib.h>

enum { TELL_PUBLISHED_MS = 1000 };

struct hub_listener {
    struct hub *hub; /* NULL: it is gone */
    struct hub_listener *next;
    char *pattern, *sender; /* sender NULL: any */
    unsigned kinds;         /* of the built-in signals, those that the pattern fits; SIGNAL_OWN */
    bool answers;
    bool is_gone; /* left while it was told: freed after that */
    hub_signal_fn fn;
    void *user;
};

static void on_committed(void *user, const struct store_signal *signal)
{
    struct hub *hub = user;

    if (signal != NULL)
        hub_spread(hub, &(struct hub_signal){.signal = signal});
    else
        hub->store = NULL;
}

static void tell_published(void *user)
{
    struct hub *hub = user;

    hub->is_telling_soon = false;
    hub->published(hub->user);
}

/* ---- life ---- */

struct hub *hub_create(struct loop *loop, struct store *store, void (*published)(void *user),
                       void *user)
{
    struct hub *hub = calloc(1, sizeof *hub);

    if (hub == NULL)
        return NULL;
    *hub = (struct hub){.loop = loop, .store = store, .published = published, .user = user};
    hub->teller = loop_timer_create(loop, tell_published, hub);
    if (hub->teller == NULL) {
        free(hub);
        return NULL;
    }
    store_watch(store, 0, on_committed, hub);
    return hub;
}

static void listener_free(struct hub_listener *listener)
{
    free(listener->pattern);
    free(listener->sender);
    free(listener);
}

/* The store is asked for no more than somebody wants. */
static void watch(struct hub *hub)
{
    unsigned kinds = 0;

    for (const struct hub_listener *at = hub->first; at != NULL; at = at->next)
        kinds |= at->is_gone ? 0 : at->kinds;
    if (kinds != hub->kinds && hub->store != NULL)
        store_watch(hub->store, kinds, on_committed, hub);
    hub->kinds = kinds;
    hub->hears_submissions = hub_is_wanted(hub, STR("submission.succeeded")) ||
                             hub_is_wanted(hub, STR("submission.failed"));
}

bool hub_hears_submissions(const struct hub *hub)
{
    return hub->hears_submissions;
}

void hub_destroy(struct hub *hub)
{
    if (hub == NULL)
        return;
    hub_end_requests(hub);
    for (struct hub_listener *at = hub->first; at != NULL; at = at->next)
        at->hub = NULL;
    if (hub->store != NULL)
        store_watch(hub->store, 0, NULL, NULL);
    loop_timer_destroy(hub->teller);
    free(hub);
}

/* ---- listening ---- */

unsigned hub_kinds_of(struct str pattern, struct str sender)
{
    unsigned kinds = 1u << SIGNAL_OWN;

    for (unsigned kind = 0; kind < SIGNAL_KINDS; kind++)
        if (kind != SIGNAL_OWN && (sender.len == 0 || str_is(sender, HUB_SENDER)) &&
            pattern_matches(pattern, store_signal_name((int)kind)))
            kinds |= 1u << kind;
    return kinds;
}

struct hub_listener *hub_listen(struct hub *hub, const struct hub_filter *filter, hub_signal_fn fn,
                                void *user, struct err *err)
{
    struct hub_listener **end = &hub->first;
    struct hub_listener *listener;

    if (pattern_check(filter->pattern, err) < 0 ||
        (filter->sender.len > 0 && pattern_check_name(filter->sender, "the sender", err) < 0))
        return NULL;
    listener = calloc(1, sizeof *listener);
    if (listener != NULL) {
        listener->pattern = str_dup(filter->pattern);
        listener->sender = filter->sender.len > 0 ? str_dup(filter->sender) : NULL;
    }
    if (listener == NULL || listener->pattern == NULL ||
        (filter->sender.len > 0 && listener->sender == NULL)) {
        if (listener != NULL)
            listener_free(listener);
        (void)err_set(err, -ENOMEM, "no memory for a listener");
        return NULL;
    }
    listener->hub = hub;
    listener->kinds = hub_kinds_of(filter->pattern, filter->sender);
    listener->answers = filter->answers;
    listener->fn = fn;
    listener->user = user;
    while (*end != NULL)
        end = &(*end)->next;
    *end = listener;
    hub->listeners++;
    watch(hub);
    return listener;
}

/* Frees those that left, unless one is just being told. */
static void sweep(struct hub *hub)
{
    struct hub_listener **at = &hub->first;

    if (hub->telling > 0 || !hub->has_gone)
        return;
    hub->has_gone = false;
    while (*at != NULL) {
        struct hub_listener *listener = *at;
        if (!listener->is_gone) {
            at = &listener->next;
            continue;
        }
        *at = listener->next;
        listener_free(listener);
    }
}

void hub_leave(struct hub_listener *listener)
{
    struct hub *hub = listener != NULL ? listener->hub : NULL;

    if (listener == NULL)
        return;
    if (hub == NULL) {
        listener_free(listener);
        return;
    }
    listener->is_gone = true;
    hub->has_gone = true;
    hub->listeners--;
    watch(hub);
    sweep(hub);
}

size_t hub_listener_count(const struct hub *hub)
{
    return hub->listeners;
}

bool hub_is_wanted(const struct hub *hub, struct str name)
{
    for (const struct hub_listener *at = hub->first; at != NULL; at = at->next)
        if (!at->is_gone && pattern_matches(str_of(at->pattern), name))
            return true;
    return false;
}

static bool hears(const struct hub_listener *listener, const struct store_signal *signal)
{
    if (listener->is_gone || (listener->kinds & 1u << signal->kind) == 0)
        return false;
    if (signal->kind != SIGNAL_OWN)
        return true; /* its kinds say so */
    return pattern_matches(str_of(listener->pattern), signal->name) &&
           (listener->sender == NULL || str_is(signal->sender, listener->sender));
}

size_t hub_count_answering(const struct hub *hub, const struct store_signal *signal)
{
    size_t count = 0;

    for (const struct hub_listener *at = hub->first; at != NULL; at = at->next)
        count += at->answers && hears(at, signal);
    return count;
}

/* Line ends between JSON's members become blanks (inside strings it has none): a signal is a line
 * wherever it is told. */
void hub_copy_line(char *to, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        to[i] = text.ptr[i] == '\n' || text.ptr[i] == '\r' ? ' ' : text.ptr[i];
}

void hub_spread(struct hub *hub, const struct hub_signal *signal)
{
    hub->telling++;
    for (struct hub_listener *at = hub->first; at != NULL; at = at->next)
        if (hears(at, signal->signal))
            at->fn(at->user, signal);
    hub->telling--;
    sweep(hub);
}

struct store_signal hub_signal_of(const struct store_row *row)
{
    return (struct store_signal){
        .kind = SIGNAL_OWN,
        .name = row->name,
        .sender = row->sender,
        .entity = row->id,
        .type = row->type,
        .data = row->data,
        .seq = row->seq,
        .version = row->version,
        .at_ms = row->created_ms,
        .hops = row->hops,
    };
}

/* ---- publishing ---- */

struct publishing {
    struct store_publish publish; /* first: the op is the whole */
    struct store_own_signal signal;
    struct hub *hub;
    hub_published_fn done;
    void *user;
    char texts[]; /* name, sender, data */
};

int hub_check(const struct store_own_signal *signal, struct err *err)
{
    static const char *const own[] = {"entity.", "relationship.", "submission.", "integration."};

    if (pattern_check_name(signal->name, "the signal's type", err) < 0 ||
        pattern_check_name(signal->sender, "the signal's sender", err) < 0)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (str_starts_with(signal->name, own[i]))
            return err_set(err, E_REFUSED,
                           "signals of type %s* are the host's own: publish under another first "
                           "word",
                           own[i]);
    if (str_is(signal->sender, HUB_SENDER))
        return err_set(err, E_REFUSED, "the sender 'tenon' is the host itself: name another");
    if (signal->data.len > STORE_SIGNAL_MAX)
        return err_set(err, E_TOO_LARGE, "the signal's data has %zu bytes; the most is %d",
                       signal->data.len, (int)STORE_SIGNAL_MAX);
    if (signal->hops > HUB_HOPS_MAX)
        return err_set(err, E_REFUSED,
                       "signal '%.*s' of '%.*s' is cut off: it was published in answer to a signal "
                       "that was published in answer to another, %d in a row; a handler listens "
                       "to what it brings about",
                       STR_ARG(signal->name), STR_ARG(signal->sender), HUB_HOPS_MAX);
    return 0;
}

static void on_published(struct store_op *op)
{
    struct publishing *publishing = (struct publishing *)op;
    struct hub *hub = publishing->hub;

    if (op->status == 0 && !hub->is_telling_soon && hub->store != NULL) {
        hub->is_telling_soon = true;
        loop_timer_set(hub->teller, TELL_PUBLISHED_MS);
    }
    if (publishing->done != NULL)
        publishing->done(publishing->user, op->status, &op->error, publishing->publish.last_seq);
    free(publishing);
}

static struct str keep(char **at, struct str text)
{
    struct str kept = {*at, text.len};

    hub_copy_line(*at, text);
    *at += text.len;
    return kept;
}

static void store_signal(struct hub *hub, const struct store_own_signal *signal,
                         hub_published_fn done, void *user)
{
    struct publishing *publishing =
        calloc(1, sizeof *publishing + signal->name.len + signal->sender.len + signal->data.len);
    struct err err = {0};
    char *at;

    if (publishing == NULL || hub->store == NULL) {
        int status = publishing == NULL ? err_set(&err, -ENOMEM, "no memory for a signal")
                                        : err_set(&err, E_STOPPED, "the daemon is stopping");
        free(publishing);
        if (done != NULL)
            done(user, status, &err, 0);
        return;
    }
    at = publishing->texts;
    publishing->hub = hub;
    publishing->done = done;
    publishing->user = user;
    publishing->signal = (struct store_own_signal){
        .name = keep(&at, signal->name),
        .sender = keep(&at, signal->sender),
        .data = keep(&at, signal->data),
        .hops = signal->hops,
    };
    publishing->publish =
        (struct store_publish){.op.done = on_published, .signals = &publishing->signal, .count = 1};
    hub->figures.published++;
    store_publish(hub->store, &publishing->publish);
}

void hub_publish(struct hub *hub, const struct store_own_signal *signal, hub_published_fn done,
                 void *user)
{
    struct err err = {0};
    int status = hub_check(signal, &err);

    if (status == 0) {
        store_signal(hub, signal, done, user);
        return;
    }
    hub->figures.refused++;
    if (done != NULL)
        done(user, status, &err, 0);
}

void hub_tell(struct hub *hub, const char *name, struct str data)
{
    const struct store_own_signal signal = {str_of(name), STR(HUB_SENDER), data, 0};

    store_signal(hub, &signal, NULL, NULL);
}

void hub_figures(const struct hub *hub, struct hub_figures *out)
{
    *out = hub->figures;
}
