/* SPDX-License-Identifier: Apache-2.0
 * The registered values, the longest first, and a small filter over their first four bytes: masking
 * text costs about the same with one secret as with a hundred. Where text may be escaped, the
 * values that would look different there are found by their first byte. */
#include "base/secret.h"

#include "base/digest.h"
#include "base/escaped.h"
#include "base/json.h"
#include "base/percent.h"
#include "base/utf8.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SHORTEST = 4, SHORTEST_INNER = 6, FILTER_BITS = 4096 };

static const char mask[] = "********";

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
struct form {
    struct form *next_escaped; /* those that begin with the same byte and can be escaped */
    struct str text;
};

static struct form **forms;               /* under lock; each owned, the longest first */
static size_t count;                      /* under lock */
static struct form *escaped[256];         /* under lock; by the first byte that is no backslash */
static uint64_t filter[FILTER_BITS / 64]; /* under lock */
static atomic_bool is_any;   /* lets text pass without the lock when there is nothing to hide */
static atomic_bool is_blind; /* a value could not be kept: nothing may pass any more */

static unsigned filter_bit(const char *at)
{
    uint32_t four;

    memcpy(&four, at, sizeof(four));
    return four * UINT32_C(2654435761) >> 20;
}

/* Backslashes do not count in the search for escaped text, so they are not enough to find. */
static void add_escaped_locked(struct form *form)
{
    const char *first = NULL;
    size_t found = 0;

    for (size_t i = 0; i < form->text.len; i++) {
        if (form->text.ptr[i] == '\\')
            continue;
        first = first != NULL ? first : form->text.ptr + i;
        found++;
    }
    if (found < SHORTEST || !escaped_can_differ(form->text))
        return;
    form->next_escaped = escaped[(unsigned char)*first];
    escaped[(unsigned char)*first] = form;
}

static struct form *form_create(struct str value)
{
    struct form *form = calloc(1, sizeof(*form));
    char *copy = str_dup(value);

    if (form == NULL || copy == NULL) {
        free(form);
        free(copy);
        return NULL;
    }
    form->text = (struct str){copy, value.len};
    return form;
}

static void form_destroy(struct form *form)
{
    explicit_bzero((char *)form->text.ptr, form->text.len); /* ours, from str_dup */
    free((char *)form->text.ptr);
    free(form);
}

static void add_locked(struct str value)
{
    size_t at = 0;

    if (value.len < SHORTEST)
        return;
    for (size_t i = 0; i < count; i++)
        if (str_equals(forms[i]->text, value))
            return;
    struct form *form = form_create(value);
    struct form **grown = form ? realloc(forms, (count + 1) * sizeof(*forms)) : NULL;
    if (grown == NULL) {
        if (form != NULL)
            form_destroy(form);
        atomic_store(&is_blind, true);
        return;
    }
    forms = grown;
    while (at < count && forms[at]->text.len >= value.len)
        at++;
    memmove(forms + at + 1, forms + at, (count - at) * sizeof(*forms));
    forms[at] = form;
    count++;
    unsigned bit = filter_bit(form->text.ptr);
    filter[bit / 64] |= UINT64_C(1) << bit % 64;
    add_escaped_locked(form);
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

/* Backslashes do not count in the search for what is escaped, so they are not enough to find. */
static void add_percent_locked(struct str value)
{
    struct buf form = {0};

    percent_encode(value, "", &form);
    add_form_locked(&form);
}

/* Bytes that are not UTF-8 have no escape in JSON: others stand for them. And backslashes do not
 * count in the search for what is escaped. */
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
    if (!str_is_utf8(value) || memchr(value.ptr, '\\', value.len) != NULL)
        add_json_locked(value);
    if (memchr(value.ptr, '\\', value.len) != NULL)
        add_percent_locked(value);
    atomic_store(&is_any, true);
    pthread_rwlock_unlock(&lock);
}

void secret_forget_all(void)
{
    pthread_rwlock_wrlock(&lock);
    atomic_store(&is_any, false);
    atomic_store(&is_blind, false);
    for (size_t i = 0; i < count; i++)
        form_destroy(forms[i]);
    free(forms);
    forms = NULL;
    count = 0;
    memset(escaped, 0, sizeof(escaped));
    memset(filter, 0, sizeof(filter));
    pthread_rwlock_unlock(&lock);
}

/* The length of the longest value that stands here as it was registered, or 0. Text that was cut
 * may end before the value does. */
static size_t longest_plain_locked(struct str text, bool is_cut)
{
    for (size_t i = 0; i < count; i++) {
        struct str value = forms[i]->text;
        size_t len = is_cut && text.len < value.len ? text.len : value.len;

        if (len <= text.len && memcmp(value.ptr, text.ptr, len) == 0)
            return len;
    }
    return 0;
}

static size_t longest_of_locked(int first, struct str text, bool is_cut)
{
    size_t longest = 0;

    for (const struct form *form = first >= 0 ? escaped[first] : NULL; form != NULL;
         form = form->next_escaped) {
        size_t len = escaped_match(text, form->text, is_cut);

        longest = len > longest ? len : longest;
    }
    return longest;
}

/* The same for values that stand here escaped, wholly or in part. */
static size_t longest_escaped_locked(struct str text, bool is_cut)
{
    int tried[1 + ESCAPED_READINGS] = {(unsigned char)text.ptr[0], -1, -1};
    size_t longest = longest_of_locked(tried[0], text, is_cut);

    for (int i = 0; i < ESCAPED_READINGS && escaped_may_begin(text.ptr[0]); i++) {
        int first = escaped_first(text, i);

        if (first == tried[0] || first == tried[1])
            continue;
        tried[1 + i] = first;
        size_t len = longest_of_locked(first, text, is_cut);
        longest = len > longest ? len : longest;
    }
    return longest >= SHORTEST ? longest : 0;
}

static size_t longest_locked(struct str text, bool is_cut, bool may_be_escaped)
{
    unsigned bit = filter_bit(text.ptr);
    bool is_known = (filter[bit / 64] >> bit % 64 & 1) != 0;

    if (!is_known && !may_be_escaped)
        return 0;
    size_t plain = is_known ? longest_plain_locked(text, is_cut) : 0;
    size_t other = longest_escaped_locked(text, is_cut);
    return plain > other ? plain : other;
}

/* The next stretch at or behind `from` that holds secrets; those that overlap make one stretch. */
static bool next_stretch_locked(struct str text, size_t from, bool is_cut, size_t *out_start,
                                size_t *out_end)
{
    size_t start = 0;
    size_t end = 0;
    size_t escape_end = from; /* behind the last escape sign seen */

    for (size_t i = from; i < from + SHORTEST - 1 && i < text.len; i++)
        if (escaped_may_begin(text.ptr[i]))
            escape_end = i + 1;
    for (size_t i = from; i + SHORTEST <= text.len; i++) {
        if (end > 0 && i >= end)
            break;
        if (escaped_may_begin(text.ptr[i + SHORTEST - 1]))
            escape_end = i + SHORTEST;
        struct str rest = {text.ptr + i, text.len - i};
        size_t len = longest_locked(rest, is_cut, i < escape_end);
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

static void put_masked(struct str text, bool is_cut, struct buf *out)
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
    while (next_stretch_locked(text, at, is_cut, &start, &end)) {
        buf_add(out, text.ptr + at, start - at);
        buf_puts(out, mask);
        at = end;
    }
    pthread_rwlock_unlock(&lock);
    buf_add(out, text.ptr + at, text.len - at);
}

static bool mask_in_place(char *text, size_t len, bool is_cut)
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
    while (next_stretch_locked((struct str){text, len}, at, is_cut, &start, &end)) {
        memset(text + start, '*', end - start);
        at = end;
        is_masked = true;
    }
    pthread_rwlock_unlock(&lock);
    return is_masked;
}

void secret_mask(struct str text, struct buf *out)
{
    put_masked(text, false, out);
}

void secret_mask_cut(struct str text, struct buf *out)
{
    put_masked(text, true, out);
}

bool secret_mask_in_place(char *text, size_t len)
{
    return mask_in_place(text, len, false);
}

bool secret_mask_cut_in_place(char *text, size_t len)
{
    return mask_in_place(text, len, true);
}

void secret_copy(char *out, size_t size, struct str text)
{
    _buf_ struct buf masked = {0};
    size_t len;

    put_masked(text, false, &masked);
    len = masked.failed ? 0 : masked.len;
    if (len >= size) {
        len = size - 1;
        while (len > 0 && utf8_is_tail(masked.ptr[len]))
            len--;
    }
    if (len > 0)
        memcpy(out, masked.ptr, len);
    out[len] = '\0';
}
