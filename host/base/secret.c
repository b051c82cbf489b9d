/* SPDX-License-Identifier: Apache-2.0
 * The registered values, the longest first, and a small filter over their first four bytes: masking
 * text costs about the same with one secret as with a hundred. */
#include "base/secret.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/percent.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SHORTEST = 4, SHORTEST_INNER = 6, FILTER_BITS = 4096 };

static const char mask[] = "********";

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct str *values;                /* under lock; each owned, the longest first */
static size_t count;                      /* under lock */
static uint64_t filter[FILTER_BITS / 64]; /* under lock */
static atomic_bool is_any;   /* lets text pass without the lock when there is nothing to hide */
static atomic_bool is_blind; /* a value could not be kept: nothing may pass any more */

static unsigned filter_bit(const char *at)
{
    uint32_t four;

    memcpy(&four, at, sizeof(four));
    return four * UINT32_C(2654435761) >> 20;
}

static void add_locked(struct str value)
{
    size_t at = 0;

    if (value.len < SHORTEST)
        return;
    for (size_t i = 0; i < count; i++)
        if (str_equals(values[i], value))
            return;
    char *copy = str_dup(value);
    struct str *grown = copy ? realloc(values, (count + 1) * sizeof(*values)) : NULL;
    if (grown == NULL) {
        free(copy);
        atomic_store(&is_blind, true);
        return;
    }
    values = grown;
    while (at < count && values[at].len >= value.len)
        at++;
    memmove(values + at + 1, values + at, (count - at) * sizeof(*values));
    values[at] = (struct str){copy, value.len};
    count++;
    unsigned bit = filter_bit(copy);
    filter[bit / 64] |= UINT64_C(1) << bit % 64;
}

static void finish_form(struct buf *form)
{
    if (form->failed)
        atomic_store(&is_blind, true);
    if (form->ptr)
        explicit_bzero(form->ptr, form->cap);
    buf_finish(form);
}

static void add_form_locked(struct buf *form)
{
    if (!form->failed)
        add_locked(buf_str(form));
    finish_form(form);
}

/* The same letters as they stand in URLs and JWTs. */
static void add_url_form_locked(struct str letters)
{
    struct buf form = {0};

    buf_add_str(&form, letters);
    for (size_t i = 0; !form.failed && i < form.len; i++) {
        if (form.ptr[i] == '+')
            form.ptr[i] = '-';
        else if (form.ptr[i] == '/')
            form.ptr[i] = '_';
    }
    add_form_locked(&form);
}

/* Base64 of the value where it stands `before` bytes (modulo 3) into something longer, such as
 * "user:value": only the letters that hold no bits of the neighbours. */
static void add_inner_base64_locked(struct str value, size_t before)
{
    struct buf padded = {0};
    struct buf letters = {0};

    buf_add(&padded, "\0\0", before);
    buf_add_str(&padded, value);
    base64_encode(buf_str(&padded), &letters);
    size_t first = (before * 8 + 5) / 6;
    size_t last = padded.len * 8 / 6;
    if (!letters.failed && last >= first + SHORTEST_INNER) {
        struct str inner = {letters.ptr + first, last - first};
        add_locked(inner);
        add_url_form_locked(inner);
    }
    finish_form(&padded);
    finish_form(&letters);
}

static void add_base64_locked(struct str value)
{
    struct buf form = {0};

    base64_encode(value, &form);
    add_url_form_locked(buf_str(&form));
    add_form_locked(&form);
    for (size_t before = 0; before < 3; before++)
        add_inner_base64_locked(value, before);
}

static void add_percent_locked(struct str value)
{
    struct buf form = {0};

    percent_encode(value, "", &form);
    add_form_locked(&form);
}

/* A private key has line ends, which a JSON body writes as \n. */
static void add_json_locked(struct str value)
{
    struct buf quoted = {0};
    struct buf form = {0};

    json_put_string(&quoted, value);
    if (!quoted.failed)
        buf_add(&form, quoted.ptr + 1, quoted.len - 2);
    add_form_locked(&form);
    finish_form(&quoted);
}

void secret_register(struct str value)
{
    if (value.len < SHORTEST)
        return;
    pthread_rwlock_wrlock(&lock);
    add_locked(value);
    add_base64_locked(value);
    add_percent_locked(value);
    add_json_locked(value);
    atomic_store(&is_any, true);
    pthread_rwlock_unlock(&lock);
}

void secret_forget_all(void)
{
    pthread_rwlock_wrlock(&lock);
    atomic_store(&is_any, false);
    atomic_store(&is_blind, false);
    for (size_t i = 0; i < count; i++) {
        explicit_bzero((char *)values[i].ptr, values[i].len); /* ours, from str_dup */
        free((char *)values[i].ptr);
    }
    free(values);
    values = NULL;
    count = 0;
    memset(filter, 0, sizeof(filter));
    pthread_rwlock_unlock(&lock);
}

/* The length of the longest value that starts here, or 0. */
static size_t longest_locked(const char *at, size_t left)
{
    unsigned bit = filter_bit(at);

    if ((filter[bit / 64] >> bit % 64 & 1) == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (values[i].len <= left && memcmp(values[i].ptr, at, values[i].len) == 0)
            return values[i].len;
    return 0;
}

/* The next stretch at or behind `from` that holds secrets; those that overlap make one stretch. */
static bool next_stretch_locked(struct str text, size_t from, size_t *out_start, size_t *out_end)
{
    size_t start = 0;
    size_t end = 0;

    for (size_t i = from; i + SHORTEST <= text.len; i++) {
        if (end > 0 && i >= end)
            break;
        size_t len = longest_locked(text.ptr + i, text.len - i);
        if (len == 0)
            continue;
        if (end == 0)
            start = i;
        if (i + len > end)
            end = i + len;
    }
    *out_start = start;
    *out_end = end;
    return end > 0;
}

void secret_mask(struct str text, struct buf *out)
{
    size_t at = 0;
    size_t start;
    size_t end;

    text = str_or_empty(text);
    if (atomic_load(&is_blind)) {
        buf_puts(out, mask);
        return;
    }
    if (!atomic_load(&is_any)) {
        buf_add_str(out, text);
        return;
    }
    pthread_rwlock_rdlock(&lock);
    while (next_stretch_locked(text, at, &start, &end)) {
        buf_add(out, text.ptr + at, start - at);
        buf_puts(out, mask);
        at = end;
    }
    pthread_rwlock_unlock(&lock);
    buf_add(out, text.ptr + at, text.len - at);
}

bool secret_mask_in_place(char *text, size_t len)
{
    bool is_masked = false;
    size_t at = 0;
    size_t start;
    size_t end;

    if (atomic_load(&is_blind)) {
        memset(text, '*', len);
        return len > 0;
    }
    if (!atomic_load(&is_any))
        return false;
    pthread_rwlock_rdlock(&lock);
    while (next_stretch_locked((struct str){text, len}, at, &start, &end)) {
        memset(text + start, '*', end - start);
        at = end;
        is_masked = true;
    }
    pthread_rwlock_unlock(&lock);
    return is_masked;
}
