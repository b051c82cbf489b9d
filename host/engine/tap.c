/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/tap.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/secret.h"

#include <stdlib.h>

/* A listener's share of the loop: a line is some microseconds' work. */
enum { LINES_PER_SECOND = 2000, TELL_LOST_MS = 1000 };

static const char *const stage_names[] = {
    [TAP_CLAIMED] = "claimed",         [TAP_REFUSED] = "refused", [TAP_SELECTED] = "selected",
    [TAP_TRANSFORMED] = "transformed", [TAP_REQUEST] = "request", [TAP_ANSWER] = "answer",
    [TAP_VERDICT] = "verdict",
};

struct taps {
    struct loop *loop;
    struct tap *first;
};

struct tap_listener {
    struct tap *tap; /* NULL: it is gone */
    struct tap_listener *next;
    unsigned stages;
    char *entity; /* NULL: all */
    size_t entity_len;
    tap_line_fn fn;
    void *user;
    bool is_full; /* took no line; none is made until tap_resume */
    uint64_t lost;
    struct loop_timer *teller; /* of what was lost, when no line comes that could */
    int64_t second;
    uint32_t lines; /* in this second */
};

const char *tap_stage_name(enum tap_stage stage)
{
    return stage_names[stage];
}

bool tap_stage_parse(struct str name, enum tap_stage *out)
{
    for (int stage = 0; stage < TAP_STAGES; stage++) {
        if (!str_is(name, stage_names[stage]))
            continue;
        *out = (enum tap_stage)stage;
        return true;
    }
    return false;
}

/* ---- life ---- */

struct taps *taps_create(struct loop *loop)
{
    struct taps *taps = calloc(1, sizeof *taps);

    if (taps != NULL)
        taps->loop = loop;
    return taps;
}

void taps_destroy(struct taps *taps)
{
    if (taps == NULL)
        return;
    while (taps->first != NULL) {
        struct tap *tap = taps->first;

        taps->first = tap->next;
        for (struct tap_listener *at = tap->first; at != NULL; at = at->next)
            at->tap = NULL;
        free(tap->name);
        free(tap);
    }
    free(taps);
}

struct tap *taps_of(struct taps *taps, const char *integration)
{
    struct tap *tap;

    for (tap = taps->first; tap != NULL; tap = tap->next)
        if (strcmp(tap->name, integration) == 0)
            return tap;
    tap = calloc(1, sizeof *tap);
    if (tap == NULL || (tap->name = str_dup(str_of(integration))) == NULL) {
        free(tap);
        return NULL;
    }
    tap->taps = taps;
    tap->next = taps->first;
    taps->first = tap;
    return tap;
}

static void tell_lost(struct tap_listener *listener);

static void on_lost(void *user)
{
    struct tap_listener *listener = user;

    if (!listener->is_full) /* else tap_resume tells it */
        tell_lost(listener);
}

struct tap_listener *tap_listen(struct tap *tap, const struct tap_filter *filter, tap_line_fn fn,
                                void *user)
{
    struct tap_listener *listener = calloc(1, sizeof *listener);

    if (listener == NULL)
        return NULL;
    listener->stages = filter->stages != 0 ? filter->stages : ~0u;
    listener->teller = loop_timer_create(tap->taps->loop, on_lost, listener);
    if (filter->entity.len > 0)
        listener->entity = str_dup(filter->entity);
    if (listener->teller == NULL || (filter->entity.len > 0 && listener->entity == NULL)) {
        tap_leave(listener);
        return NULL;
    }
    listener->entity_len = filter->entity.len;
    listener->fn = fn;
    listener->user = user;
    listener->tap = tap;
    listener->next = tap->first;
    tap->first = listener;
    return listener;
}

void tap_leave(struct tap_listener *listener)
{
    if (listener == NULL)
        return;
    if (listener->tap != NULL) {
        struct tap_listener **at = &listener->tap->first;

        while (*at != listener)
            at = &(*at)->next;
        *at = listener->next;
    }
    loop_timer_destroy(listener->teller);
    free(listener->entity);
    free(listener);
}

/* ---- lines ---- */

void tap_put_text(struct buf *out, const char *name, struct str text, size_t most)
{
    _buf_ struct buf masked = {0};
    size_t len;

    if (text.len == 0)
        return;
    /* Masked before it is cut, since half a secret is one, too; but not megabytes of a record. What
     * is masked grows shorter, so the end of that, too, may come to be shown. */
    if (text.len > most + TAP_MASKED_BYTES) {
        text.len = most + TAP_MASKED_BYTES;
        secret_mask_cut(text, &masked);
    } else {
        secret_mask(text, &masked);
    }
    len = masked.len;
    if (len > most) {
        len = most;
        while (len > 0 && ((unsigned char)masked.ptr[len] & 0xC0) == 0x80)
            len--;
    }
    json_put_member(out, name, (struct str){buf_str(&masked).ptr, len});
}

static bool wants(const struct tap_listener *listener, const struct tap_event *event)
{
    if ((listener->stages & 1u << event->stage) == 0)
        return false;
    if (listener->entity == NULL)
        return true;
    for (size_t i = 0; i < event->count; i++)
        if (event->entities[i].len == listener->entity_len &&
            memcmp(event->entities[i].ptr, listener->entity, listener->entity_len) == 0)
            return true;
    return false;
}

static bool has_room(struct tap_listener *listener)
{
    int64_t second = clock_mono_us() / 1000000;

    if (second != listener->second) {
        listener->second = second;
        listener->lines = 0;
    }
    return !listener->is_full && ++listener->lines <= LINES_PER_SECOND;
}

static void start_line(struct buf *line, const char *stage)
{
    char time[25];

    clock_format(clock_wall_ms(), time);
    buf_putc(line, '{');
    json_put_member(line, "time", str_of(time));
    json_put_member(line, "stage", str_of(stage));
}

static void tell_lost(struct tap_listener *listener)
{
    _buf_ struct buf line = {0};

    if (listener->lost == 0)
        return;
    start_line(&line, "lost");
    json_put_int(&line, "lines", (int64_t)listener->lost);
    buf_putc(&line, '}');
    if (!line.failed && listener->fn(listener->user, buf_str(&line)))
        listener->lost = 0;
    else
        listener->is_full = true;
}

void tap_resume(struct tap_listener *listener)
{
    listener->is_full = false;
    tell_lost(listener);
}

void tap_tell(struct tap *tap, const struct tap_event *event)
{
    _buf_ struct buf line = {0};

    for (struct tap_listener *at = tap->first; at != NULL; at = at->next) {
        if (!wants(at, event))
            continue;
        if (!has_room(at)) {
            if (at->lost++ == 0)
                loop_timer_set(at->teller, TELL_LOST_MS);
            continue;
        }
        if (line.len == 0) {
            start_line(&line, stage_names[event->stage]);
            event->make(event->user, &line);
            buf_putc(&line, '}');
        }
        tell_lost(at);
        if (at->is_full || line.failed || !at->fn(at->user, buf_str(&line))) {
            at->is_full = !line.failed;
            at->lost++;
        }
    }
}
