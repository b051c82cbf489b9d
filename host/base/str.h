/* SPDX-License-Identifier: Apache-2.0
 * Borrowed text (struct str) and growing text (struct buf). */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed; not necessarily NUL-terminated. {NULL, 0} is "none". */
struct str {
    const char *ptr;
    size_t len;
};

#define STR(literal) ((struct str){("" literal), sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

static inline struct str str_of(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_equals(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_is(struct str s, const char *text)
{
    return str_equals(s, str_of(text));
}

/* "" for "none": arithmetic on NULL is undefined even when nothing is added. */
static inline struct str str_or_empty(struct str s)
{
    return s.ptr ? s : STR("");
}

bool str_starts_with(struct str s, const char *prefix);
struct str str_trim(struct str s); /* ASCII white space off both ends */
char *str_dup(struct str s);       /* NUL-terminated; caller frees; NULL: no memory */
/* Cuts the next piece off *rest at `separator`; false when nothing is left. */
bool str_next(struct str *rest, char separator, struct str *out);
/* Cuts the next word off *rest: what has none of the characters of `between` in it, as long as it
 * goes. Words are never empty; false when there is none left. */
bool str_next_word(struct str *rest, const char *between, struct str *out);
/* Is `wanted` one of the pieces between separators, to the letter? */
bool str_list_has(struct str list, char separator, struct str wanted);
/* Whole text to number; 0, -EINVAL or -ERANGE. */
int str_to_i64(struct str s, int64_t *out);
int str_to_double(struct str s, double *out);
struct str str_of_u64(uint64_t number, char space[24]); /* decimal, in `space` */
/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to be a guess.
 */
const char *str_nearest(const char *word, const char *const *candidates, size_t count);
bool str_is_utf8(struct str s); /* RFC 3629; NUL bytes are refused too */

/* Growing text. Zero-initialised is empty and valid. ptr has a NUL behind len once anything was
 * added. When memory runs out `failed` stays set and nothing more is added: check once at the end.
 */
struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    bool failed;
};

void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_add_str(struct buf *buf, struct str s);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_put_int(struct buf *buf, int64_t number); /* decimal; a fifth of what buf_printf costs */
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args);
bool buf_reserve(struct buf *buf, size_t more); /* room for `more` bytes and a NUL behind len */
void buf_clear(struct buf *buf);                /* keeps the memory */
void buf_finish(struct buf *buf);               /* frees; the buf is empty and valid again */
char *buf_take(struct buf *buf);                /* the text, now the caller's; NULL when failed */

static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){buf->ptr ? buf->ptr : "", buf->len};
}

static inline void guard_buf(struct buf *buf)
{
    buf_finish(buf);
}
#define _buf_ __attribute__((cleanup(guard_buf)))

#endif
