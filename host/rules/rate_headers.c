/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/rate_headers.h"

#include "base/clock.h"

#include <strings.h>

enum { REMAINING_MAX = 1000000000 };
#define UNIX_S_LEAST INT64_C(1000000000) /* a reset beyond 30 years is a time of day */
#define UNIX_MS_LEAST INT64_C(1000000000000)

static bool is_named(struct str name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp(name.ptr, wanted, name.len) == 0;
}

/* "12", "12.5" (the fraction is cut); -1: no such number. */
static int64_t number_of(struct str text)
{
    int64_t number = 0;
    size_t i = 0;

    text = str_trim(text);
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        if (number < INT64_C(1000000000000000))
            number = number * 10 + (text.ptr[i] - '0');
    if (i == 0)
        return -1;
    if (i < text.len && text.ptr[i] == '.')
        for (i++; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9';)
            i++;
    return i == text.len ? number : -1;
}

/* Cuts the next piece off at a separator that stands outside of quotes. */
static bool next_piece(struct str *rest, char separator, struct str *out)
{
    bool is_quoted = false;
    size_t i = 0;

    if (rest->len == 0)
        return false;
    for (; i < rest->len && (is_quoted || rest->ptr[i] != separator); i++) {
        if (is_quoted && rest->ptr[i] == '\\' && i + 1 < rest->len)
            i++;
        else if (rest->ptr[i] == '"')
            is_quoted = !is_quoted;
    }
    *out = str_trim((struct str){rest->ptr, i});
    if (i < rest->len)
        i++;
    rest->ptr += i;
    rest->len -= i;
    return true;
}

static bool split_pair(struct str text, char separator, struct str *out_name, struct str *out_value)
{
    const char *at = text.len > 0 ? memchr(text.ptr, separator, text.len) : NULL;

    if (at == NULL)
        return false;
    *out_name = str_trim((struct str){text.ptr, (size_t)(at - text.ptr)});
    *out_value = str_trim((struct str){at + 1, text.len - (size_t)(at - text.ptr) - 1});
    return true;
}

static int64_t clamp(int64_t number, int64_t most)
{
    return number > most ? most : number;
}

/* Seconds, a Unix time in seconds or milliseconds, or a date: as milliseconds from now. */
static int64_t reset_of(struct str text, int64_t now_ms)
{
    int64_t number = number_of(text);

    if (number < 0) {
        if (clock_parse(str_trim(text), &number) < 0 &&
            clock_parse_http(str_trim(text), &number) < 0)
            return -1;
        number -= now_ms;
    } else if (number >= UNIX_MS_LEAST) {
        number -= now_ms;
    } else if (number >= UNIX_S_LEAST) {
        number = number * 1000 - now_ms;
    } else {
        number *= 1000;
    }
    return number < 0 ? 0 : clamp(number, RATE_HEADERS_RESET_MAX_MS);
}

/* One member of a RateLimit or RateLimit-Policy list: "name";r=50;t=30 or 100;w=60. */
static void read_item(struct str item, int64_t now_ms, struct rate_headers *out)
{
    struct str piece;
    struct str name;
    struct str value;

    *out = (struct rate_headers){-1, -1, -1};
    while (next_piece(&item, ';', &piece)) {
        if (!split_pair(piece, '=', &name, &value))
            continue;
        if (is_named(name, "r") || is_named(name, "remaining"))
            out->remaining = number_of(value);
        else if (is_named(name, "q") || is_named(name, "limit"))
            out->limit = number_of(value);
        else if (is_named(name, "t") || is_named(name, "reset"))
            out->reset_ms = reset_of(value, now_ms);
    }
}

static bool leaves_less(const struct rate_headers *one, const struct rate_headers *other)
{
    if (one->remaining < 0 || other->remaining < 0)
        return one->remaining >= 0;
    return one->remaining < other->remaining ||
           (one->remaining == other->remaining && one->reset_ms > other->reset_ms);
}

static void read_list(struct str value, int64_t now_ms, struct rate_headers *out)
{
    struct rate_headers spread = {-1, -1, -1}; /* limit=100, remaining=50, reset=30 */
    struct str rest = value;
    struct str item;

    while (next_piece(&rest, ',', &item)) {
        struct rate_headers one;

        read_item(item, now_ms, &one);
        if (one.remaining >= 0 && leaves_less(&one, out))
            *out = one;
        spread.limit = one.limit >= 0 ? one.limit : spread.limit;
        spread.remaining = one.remaining >= 0 ? one.remaining : spread.remaining;
        spread.reset_ms = one.reset_ms >= 0 ? one.reset_ms : spread.reset_ms;
    }
    if (out->reset_ms < 0 && spread.remaining >= 0)
        *out = spread;
}

static struct str first_item(struct str value)
{
    struct str item = {NULL, 0};

    (void)next_piece(&value, ',', &item); /* stays empty */
    value = item;
    (void)next_piece(&value, ';', &item);
    return item;
}

/* The three headers of one family: `name` is behind "RateLimit-" or "X-RateLimit-". */
static void read_member(struct str name, struct str value, int64_t now_ms, struct rate_headers *out)
{
    if (is_named(name, "Limit"))
        out->limit = number_of(first_item(value));
    else if (is_named(name, "Remaining"))
        out->remaining = number_of(value);
    else if (is_named(name, "Reset"))
        out->reset_ms = reset_of(value, now_ms);
}

bool rate_headers_read(struct str lines, int64_t now_ms, struct rate_headers *out)
{
    static const char plain[] = "RateLimit-";
    static const char prefixed[] = "X-RateLimit-";
    enum { LIST, PLAIN, PREFIXED, FORMS };
    struct rate_headers found[FORMS] = {{-1, -1, -1}, {-1, -1, -1}, {-1, -1, -1}};
    struct str line;
    struct str name;
    struct str value;

    while (str_next(&lines, '\n', &line)) {
        if (!split_pair(line, ':', &name, &value))
            continue;
        if (is_named(name, "RateLimit")) {
            read_list(value, now_ms, &found[LIST]);
        } else if (name.len > sizeof(plain) - 1 &&
                   strncasecmp(name.ptr, plain, sizeof(plain) - 1) == 0) {
            name = (struct str){name.ptr + sizeof(plain) - 1, name.len - sizeof(plain) + 1};
            read_member(name, value, now_ms, &found[PLAIN]);
        } else if (name.len > sizeof(prefixed) - 1 &&
                   strncasecmp(name.ptr, prefixed, sizeof(prefixed) - 1) == 0) {
            name = (struct str){name.ptr + sizeof(prefixed) - 1, name.len - sizeof(prefixed) + 1};
            read_member(name, value, now_ms, &found[PREFIXED]);
        }
    }
    for (int i = 0; i < FORMS; i++) {
        if (found[i].remaining < 0)
            continue;
        *out = found[i];
        out->remaining = clamp(out->remaining, REMAINING_MAX);
        out->limit = clamp(out->limit, REMAINING_MAX);
        return true;
    }
    return false;
}
