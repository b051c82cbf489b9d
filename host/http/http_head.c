/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_head.h"

#include "base/hex.h"
#include "base/http_token.h"

static bool is_printable(struct str text, bool with_blanks)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == 0x7f || c < 0x20 || c == ' ' || (c >= 0x80 && !with_blanks)) {
            if (!with_blanks || (c != ' ' && c != '\t' && c < 0x80))
                return false;
        }
    }
    return true;
}

/* RFC 9112: spaces and tabs may stand around a value, and nothing else. Whoever takes a vertical
 * tab off as well reads "chunked" where the next one reads a coding that it does not know. */
static struct str trim_blanks(struct str text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static bool equals_nocase(struct str text, const char *wanted)
{
    return text.len == strlen(wanted) && strncasecmp(text.ptr, wanted, text.len) == 0;
}

/* Cuts a line with its CRLF off *rest. False: there is none, or a bare line break stands in it. */
static bool next_line(struct str *rest, struct str *out)
{
    const char *stop = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;

    if (stop == NULL || stop == rest->ptr || stop[-1] != '\r')
        return false;
    *out = (struct str){rest->ptr, (size_t)(stop - rest->ptr) - 1};
    rest->len -= (size_t)(stop - rest->ptr) + 1;
    rest->ptr = stop + 1;
    return memchr(out->ptr, '\r', out->len) == NULL;
}

/* "/path?query", "http://host/path" and "*". */
static bool read_target(struct str target, struct http_head *out)
{
    const char *question;

    if (!is_printable(target, false))
        return false;
    if (str_starts_with(target, "http://")) {
        struct str rest = {target.ptr + 7, target.len - 7};
        const char *slash = rest.len > 0 ? memchr(rest.ptr, '/', rest.len) : NULL;

        if (slash == NULL)
            return false;
        target = (struct str){slash, rest.len - (size_t)(slash - rest.ptr)};
    }
    if (target.len == 0 || (target.ptr[0] != '/' && !str_is(target, "*")))
        return false;
    question = memchr(target.ptr, '?', target.len);
    out->query = STR_NONE;
    out->path = target;
    if (question != NULL) {
        out->path.len = (size_t)(question - target.ptr);
        out->query = (struct str){question + 1, target.len - out->path.len - 1};
    }
    return true;
}

static int read_request_line(struct str line, struct http_head *out)
{
    struct str target;

    if (!str_next(&line, ' ', &out->method) || !http_token_is(out->method) ||
        !str_next(&line, ' ', &target) || !read_target(target, out))
        return -400;
    if (str_is(line, "HTTP/1.1"))
        out->must_close = false;
    else if (str_is(line, "HTTP/1.0"))
        out->must_close = out->is_http10 = true;
    else
        return str_starts_with(line, "HTTP/") ? -505 : -400;
    return 0;
}

static int read_length(struct str value, struct http_head *out)
{
    int64_t length;

    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return -400;
    }
    if (out->content_length >= 0 || str_to_i64(value, &length) < 0)
        return -400; /* a second one is refused even when it agrees */
    out->content_length = length;
    return 0;
}

static int read_header(struct str line, struct http_head *out)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    struct str name = {line.ptr, colon != NULL ? (size_t)(colon - line.ptr) : 0};
    struct str value;

    if (!http_token_is(name)) /* also a folded line, and a blank before the colon */
        return -400;
    value = trim_blanks((struct str){colon + 1, line.len - name.len - 1});
    if (!is_printable(value, true))
        return -400;
    if (equals_nocase(name, "content-length"))
        return read_length(value, out);
    if (equals_nocase(name, "transfer-encoding")) {
        if (!equals_nocase(value, "chunked"))
            return -501;
        if (out->is_chunked)
            return -400;
        out->is_chunked = true;
    } else if (equals_nocase(name, "connection")) {
        struct str item;

        while (str_next(&value, ',', &item)) {
            if (equals_nocase(trim_blanks(item), "close"))
                out->must_close = true;
        }
    } else if (equals_nocase(name, "expect")) {
        out->expects_continue = equals_nocase(value, "100-continue");
    }
    return 0;
}

int http_head_parse(struct str bytes, struct http_head *out)
{
    struct str rest = bytes;
    struct str line;
    const char *stop;
    int status;

    *out = (struct http_head){.content_length = -1};
    while (rest.len >= 2 &&
           memcmp(rest.ptr, "\r\n", 2) == 0) { /* some clients end a body with one too many */
        rest.ptr += 2;
        rest.len -= 2;
    }
    stop = rest.len > 0 ? memmem(rest.ptr, rest.len, "\r\n\r\n", 4) : NULL;
    if (stop == NULL || stop + 4 - bytes.ptr > HTTP_HEAD_BYTES_MAX) {
        if (bytes.len >= HTTP_HEAD_BYTES_MAX)
            return -431;
        if (rest.len > 0 && !http_token_has(rest.ptr[0]) && rest.ptr[0] != '\r')
            return -400; /* not HTTP at all, such as a TLS greeting: no use in waiting for more */
        return 0;
    }
    rest.len = (size_t)(stop - rest.ptr) + 2;
    if (!next_line(&rest, &line))
        return -400;
    status = read_request_line(line, out);
    if (status < 0)
        return status;
    out->headers = rest;
    for (int count = 0; rest.len > 0; count++) {
        if (count == HTTP_HEAD_HEADERS_MAX)
            return -431;
        if (!next_line(&rest, &line) || line.len == 0)
            return -400;
        status = read_header(line, out);
        if (status < 0)
            return status;
    }
    if (out->is_chunked && out->content_length >= 0)
        return -400;
    return (int)(stop + 4 - bytes.ptr);
}

static void move(struct str *text, const char *from, const char *to)
{
    if (text->ptr != NULL)
        text->ptr = to + (text->ptr - from);
}

void http_head_move(struct http_head *head, const char *from, const char *to)
{
    move(&head->method, from, to);
    move(&head->path, from, to);
    move(&head->query, from, to);
    move(&head->headers, from, to);
}

struct str http_head_header(struct str headers, const char *lower_case_name)
{
    size_t name_len = strlen(lower_case_name);
    struct str line;

    while (next_line(&headers, &line)) {
        if (line.len > name_len && line.ptr[name_len] == ':' &&
            strncasecmp(line.ptr, lower_case_name, name_len) == 0)
            return trim_blanks((struct str){line.ptr + name_len + 1, line.len - name_len - 1});
    }
    return STR_NONE;
}

enum {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER,
    CHUNK_TRAILER_LF,
    CHUNK_DONE
};

static int read_size(struct http_chunks *chunks, char c)
{
    int digit = hex_digit(c);

    if (digit >= 0) {
        if (++chunks->digits > 15)
            return -400;
        chunks->left = chunks->left * 16 + (uint64_t)digit;
        return 0;
    }
    if (chunks->digits == 0)
        return -400;
    if (c == '\r')
        chunks->state = CHUNK_SIZE_LF;
    else if (c == ';' || c == ' ' || c == '\t')
        chunks->state = CHUNK_EXTENSION;
    else
        return -400;
    return 0;
}

/* One byte that is not data. */
static int read_frame(struct http_chunks *chunks, char c)
{
    switch (chunks->state) {
    case CHUNK_SIZE:
        return read_size(chunks, c);
    case CHUNK_EXTENSION:
        if (c == '\r')
            chunks->state = CHUNK_SIZE_LF;
        return c == '\n' || ++chunks->trailer_bytes > HTTP_HEAD_BYTES_MAX ? -400 : 0;
    case CHUNK_SIZE_LF:
        chunks->state = chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        chunks->digits = 0;
        chunks->is_line_empty = true;
        return c == '\n' ? 0 : -400;
    case CHUNK_DATA_CR:
        chunks->state = CHUNK_DATA_LF;
        return c == '\r' ? 0 : -400;
    case CHUNK_DATA_LF:
        chunks->state = CHUNK_SIZE;
        return c == '\n' ? 0 : -400;
    case CHUNK_TRAILER: /* read and forgotten */
        if (c == '\r')
            chunks->state = CHUNK_TRAILER_LF;
        else
            chunks->is_line_empty = false;
        return c == '\n' || ++chunks->trailer_bytes > HTTP_HEAD_BYTES_MAX ? -400 : 0;
    default: /* CHUNK_TRAILER_LF */
        chunks->state = chunks->is_line_empty ? CHUNK_DONE : CHUNK_TRAILER;
        chunks->is_line_empty = true;
        return c == '\n' ? 0 : -400;
    }
}

int http_chunks_read(struct http_chunks *chunks, struct str *bytes, size_t max_bytes,
                     struct buf *out)
{
    while (bytes->len > 0 && chunks->state != CHUNK_DONE) {
        if (chunks->state == CHUNK_DATA) {
            size_t take = bytes->len < chunks->left ? bytes->len : (size_t)chunks->left;

            if (chunks->left > max_bytes || out->len > max_bytes - chunks->left)
                return -413;
            buf_add(out, bytes->ptr, take);
            bytes->ptr += take;
            bytes->len -= take;
            chunks->left -= take;
            if (chunks->left == 0)
                chunks->state = CHUNK_DATA_CR;
        } else {
            int status = read_frame(chunks, bytes->ptr[0]);

            if (status < 0)
                return status;
            bytes->ptr++;
            bytes->len--;
        }
    }
    return chunks->state == CHUNK_DONE ? 1 : 0;
}
