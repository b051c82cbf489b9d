/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http_answer.h"

#include <errno.h>
#include <strings.h>

const char *const http_rate_names[HTTP_RATE_FAMILIES][HTTP_RATE_NAMES] = {
    {"RateLimit", "", ""},
    {"RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Limit"},
    {"X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Limit"},
};

enum { RATE_BYTES_MAX = 200 };

struct framing {
    int64_t length; /* -1: none given */
    bool is_chunked;
    bool is_coded; /* some transfer coding was named */
    bool keeps_alive;
    bool has_rate; /* some header of http_rate_names may be there */
};

static bool name_is(struct str name, const char *lower_case)
{
    return name.len == strlen(lower_case) && strncasecmp(name.ptr, lower_case, name.len) == 0;
}

/* Behind the empty line; NULL: it is not here yet. Lines may end in LF alone. */
static const char *head_end(struct http_answer *answer, struct str bytes)
{
    const char *end = bytes.ptr + bytes.len;
    const char *at = bytes.ptr + answer->searched;

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        if (end - at >= 2 && at[1] == '\n')
            return at + 2;
        if (end - at >= 3 && at[1] == '\r' && at[2] == '\n')
            return at + 3;
        if (end - at < 3)
            break; /* the next piece tells */
        at++;
    }
    answer->searched = (size_t)((at != NULL ? at : end) - bytes.ptr);
    return NULL;
}

static struct str take_line(struct http_answer *answer, struct str *rest)
{
    struct str line;

    if (!str_next(rest, '\n', &line))
        return STR_NONE;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    else
        answer->must_close = true;
    return line;
}

/* "HTTP/1.1 200 OK"; the words may be missing. */
static bool read_status(struct http_answer *answer, struct str line, struct framing *framing)
{
    const char *digits = line.ptr + 9;

    if (line.len < 12 || memcmp(line.ptr, "HTTP/1.", 7) != 0 ||
        (line.ptr[7] != '0' && line.ptr[7] != '1') || line.ptr[8] != ' ')
        return false;
    for (int i = 0; i < 3; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return false;
    if (digits[0] == '0' || (line.len > 12 && digits[3] != ' '))
        return false;
    answer->status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
    framing->keeps_alive = line.ptr[7] == '1';
    return true;
}

static void read_connection(struct str value, struct framing *framing)
{
    struct str word;

    while (str_next(&value, ',', &word)) {
        word = str_trim(word);
        if (name_is(word, "close"))
            framing->keeps_alive = false;
        else if (name_is(word, "keep-alive"))
            framing->keeps_alive = true;
    }
}

static bool read_length(struct http_answer *answer, struct str value, struct framing *framing)
{
    int64_t length;

    if (value.len == 0 || value.ptr[0] < '0' || value.ptr[0] > '9' ||
        str_to_i64(value, &length) < 0 || (framing->length >= 0 && framing->length != length))
        return false;
    if (framing->length >= 0)
        answer->must_close = true;
    framing->length = length;
    return true;
}

static void keep_header(struct http_answer *answer, struct str name, struct str value)
{
    struct buf *out = answer->headers;
    size_t start;

    if (out == NULL)
        return;
    start = out->len;
    buf_add_str(out, name);
    for (size_t i = start; i < out->len; i++)
        if (out->ptr[i] >= 'A' && out->ptr[i] <= 'Z')
            out->ptr[i] = (char)(out->ptr[i] + ('a' - 'A'));
    buf_puts(out, ": ");
    buf_add_str(out, value);
    buf_putc(out, '\n');
}

static bool read_header(struct http_answer *answer, struct str line, struct framing *framing)
{
    const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
    struct str name;
    struct str value;

    if (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t')) {
        answer->must_close = true; /* folded: goes with the line before, whose tail we can miss */
        return true;
    }
    if (colon == NULL || colon == line.ptr)
        return false;
    name = (struct str){line.ptr, (size_t)(colon - line.ptr)};
    value = str_trim((struct str){colon + 1, line.len - name.len - 1});
    if (name.ptr[name.len - 1] == ' ' || name.ptr[name.len - 1] == '\t') {
        answer->must_close = true;
        name = str_trim(name);
    }
    if (name_is(name, "content-length") && !read_length(answer, value, framing))
        return false;
    if (name_is(name, "transfer-encoding")) {
        framing->is_chunked = name_is(value, "chunked");
        answer->must_close |= framing->is_coded || !framing->is_chunked;
        framing->is_coded = true;
    } else if (name_is(name, "connection")) {
        read_connection(value, framing);
    } else if (name_is(name, "retry-after") && value.len < sizeof(answer->retry_after)) {
        memcpy(answer->retry_after, value.ptr, value.len);
        answer->retry_after[value.len] = '\0';
    }
    framing->has_rate |= name.len >= 9 && (name_is((struct str){name.ptr, 9}, "ratelimit") ||
                                           name_is((struct str){name.ptr, 9}, "x-ratelim"));
    keep_header(answer, name, value);
    return true;
}

static bool find_header(struct str head, const char *name, struct str *out)
{
    struct str line;
    size_t len = strlen(name);

    while (str_next(&head, '\n', &line))
        if (line.len > len && line.ptr[len] == ':' && strncasecmp(line.ptr, name, len) == 0) {
            *out = str_trim((struct str){line.ptr + len + 1, line.len - len - 1});
            return true;
        }
    return false;
}

static void keep_rates(struct http_answer *answer, struct str head)
{
    struct str value;

    for (size_t family = 0; family < HTTP_RATE_FAMILIES; family++)
        for (size_t i = 0; i < HTTP_RATE_NAMES; i++) {
            const char *name = http_rate_names[family][i];

            if (name[0] == '\0' || !find_header(head, name, &value))
                break;
            buf_printf(answer->rate_headers, "%s: %.*s\n", name,
                       (int)(value.len < RATE_BYTES_MAX ? value.len : RATE_BYTES_MAX), value.ptr);
        }
}

/* What the head says of the body (RFC 9112, 6.3). */
static void start_body(struct http_answer *answer, const struct framing *framing)
{
    if (framing->is_coded && framing->length >= 0)
        answer->must_close = true;
    if (answer->is_to_head || answer->status == 204 || answer->status == 304) {
        answer->state = ANSWER_WHOLE;
    } else if (framing->is_coded && framing->is_chunked) {
        answer->state = ANSWER_BODY_CHUNKS;
    } else if (!framing->is_coded && framing->length >= 0) {
        answer->left = (uint64_t)framing->length;
        answer->state = answer->left > 0 ? ANSWER_BODY_LENGTH : ANSWER_WHOLE;
    } else {
        answer->must_close = true;
        answer->state = ANSWER_BODY_TO_END;
    }
    if (!framing->keeps_alive)
        answer->must_close = true;
}

/* 1: read, the state says what comes; 0: more bytes are needed. */
static int read_head(struct http_answer *answer, struct str *bytes)
{
    const char *end = head_end(answer, *bytes);
    struct framing framing = {.length = -1};
    struct str head;
    struct str rest;

    if (end == NULL && bytes->len >= 5 && memcmp(bytes->ptr, "HTTP/", 5) != 0)
        return -EBADMSG; /* no use in waiting for more */
    if ((end == NULL ? bytes->len : (size_t)(end - bytes->ptr)) > HTTP_ANSWER_HEAD_MAX)
        return -E2BIG;
    if (end == NULL)
        return 0;
    head = rest = (struct str){bytes->ptr, (size_t)(end - bytes->ptr)};
    bytes->len -= rest.len;
    bytes->ptr = end;
    answer->searched = 0;
    answer->retry_after[0] = '\0';
    if (answer->headers != NULL)
        buf_clear(answer->headers); /* those of an interim answer */
    if (!read_status(answer, take_line(answer, &rest), &framing))
        return -EBADMSG;
    for (struct str line = take_line(answer, &rest); line.len > 0; line = take_line(answer, &rest))
        if (!read_header(answer, line, &framing))
            return -EBADMSG;
    if (framing.has_rate && answer->rate_headers != NULL && answer->status >= 200)
        keep_rates(answer, head);
    if (answer->headers != NULL && answer->headers->failed)
        return -ENOMEM;
    if (answer->status >= 200) {
        start_body(answer, &framing);
        return 1;
    }
    /* 101 would be the answer to a question that is never asked here. */
    return answer->status == 101 || ++answer->interim > HTTP_ANSWER_INTERIM_MAX ? -EBADMSG : 1;
}

static void cut(struct http_answer *answer)
{
    answer->is_cut = true;
    answer->must_close = true;
    answer->state = ANSWER_WHOLE;
}

static void read_plain(struct http_answer *answer, struct str *bytes)
{
    bool has_end = answer->state == ANSWER_BODY_LENGTH;
    size_t room = answer->body_max - answer->body->len;
    size_t take = has_end && answer->left < bytes->len ? (size_t)answer->left : bytes->len;

    buf_add(answer->body, bytes->ptr, take < room ? take : room);
    bytes->ptr += take;
    bytes->len -= take;
    answer->left -= has_end ? take : 0;
    if (take > room)
        cut(answer);
    else if (has_end && answer->left == 0)
        answer->state = ANSWER_WHOLE;
}

/* A chunk that does not fit is given in the part that does. */
static int read_chunks(struct http_answer *answer, struct str *bytes)
{
    int status = http_chunks_read(&answer->chunks, bytes, answer->body_max, answer->body);

    if (status == -413) {
        size_t room = answer->body_max - answer->body->len;
        size_t take = bytes->len < room ? bytes->len : room;

        buf_add(answer->body, bytes->ptr, take);
        answer->chunks.left -= take;
        bytes->ptr += take;
        bytes->len -= take;
        if (take < room)
            return 0;
        cut(answer);
        return 1;
    }
    if (status < 0)
        return -EBADMSG;
    if (status == 1)
        answer->state = ANSWER_WHOLE;
    return status;
}

int http_answer_read(struct http_answer *answer, struct str *bytes)
{
    int status = 1;

    while (answer->state != ANSWER_WHOLE && bytes->len > 0 && status > 0) {
        if (answer->state == ANSWER_HEAD) {
            status = read_head(answer, bytes);
        } else if (answer->state == ANSWER_BODY_CHUNKS) {
            status = read_chunks(answer, bytes);
        } else {
            read_plain(answer, bytes);
        }
        if (status >= 0 && answer->body->failed)
            status = -ENOMEM;
    }
    if (status < 0)
        return status;
    return answer->state == ANSWER_WHOLE ? 1 : 0;
}

bool http_answer_ends(struct http_answer *answer)
{
    if (answer->state == ANSWER_BODY_TO_END)
        answer->state = ANSWER_WHOLE;
    return answer->state == ANSWER_WHOLE;
}
