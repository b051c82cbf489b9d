/* SPDX-License-Identifier: Apache-2.0
 * inih asks for lines, and here it gets them: cleaned of comments by our rule, in pieces that fit
 * its buffer, and with the value's blanks, `;` and `#` in disguise, so that it neither trims nor
 * cuts inside a value. Control characters are refused beforehand, which is why four of them can
 * serve as the disguise. */
#include "config/config_ini.h"

#include "base/cleanup.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>

enum { BAD_LINES_SHOWN = 20, PIECE_ROOM_MIN = 160 };

static const char plain[] = ";# \t";
static const char disguised[] = "\x01\x02\x03\x04";

struct feed {
    const struct ini_events *events;
    struct str rest;    /* lines not yet looked at */
    int line;           /* of the line looked at last, from 1 */
    struct buf pending; /* what inih still has to get of this line, disguised */
    size_t pending_at;
    bool is_continuation; /* this line goes on with the value before */
    bool is_piece;        /* inih reads a further piece of one line */
    bool is_lost;         /* below a section line that could not be read */
    bool has_failed;
    /* The key whose value is being put together. */
    bool has_key;
    size_t key_indent;
    int key_line;
    char section[CONFIG_SECTION_MAX + 1];
    char key[CONFIG_KEY_MAX + 1];
    struct buf value;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The end of what `"` at `at` opens, or `at` itself when it does not close on this line. */
static size_t skip_quoted(struct str line, size_t at)
{
    for (size_t i = at + 1; i < line.len; i++) {
        if (line.ptr[i] == '\\')
            i++;
        else if (line.ptr[i] == '"')
            return i;
    }
    return at;
}

struct str ini_without_comment(struct str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == ';' && i > 0 && is_blank(line.ptr[i - 1]))
            return str_trim((struct str){line.ptr, i});
        if (line.ptr[i] == '"')
            i = skip_quoted(line, i);
        else if (line.ptr[i] == '\\')
            i++;
    }
    return str_trim(line);
}

static void put_disguised(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char *place = strchr(plain, text.ptr[i]);
        buf_putc(out, place != NULL ? disguised[place - plain] : text.ptr[i]);
    }
}

static char undisguised(char c)
{
    const char *place = strchr(disguised, c);

    return place != NULL && c != '\0' ? plain[place - disguised] : c;
}

static void complain(struct feed *feed, enum config_code code, const char *words)
{
    feed->events->bad(feed->events->user, feed->line, code, words);
}

/* The value is whole: hand it on. */
static void flush(struct feed *feed)
{
    if (feed->has_key && feed->value.failed)
        feed->has_failed = true;
    else if (feed->has_key && !feed->is_lost)
        feed->events->value(feed->events->user, feed->section, feed->key, buf_str(&feed->value),
                            feed->key_line);
    feed->has_key = false;
    buf_clear(&feed->value);
}

/* ---- one line, made ready for inih; false: nothing of it goes there ---- */

static bool is_section_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_' && c != '-' && c != '.')
            return false;
    }
    return name.len > 0;
}

static bool take_section(struct feed *feed, struct str line)
{
    const char *end = memchr(line.ptr, ']', line.len);

    flush(feed);
    feed->is_lost = true;
    if (end == NULL || end != line.ptr + line.len - 1) {
        complain(feed, C006,
                 end == NULL ? "a section is written [name]; the ']' is missing"
                             : "a section stands alone on its line; there is more behind the ']'");
        return false;
    }
    struct str name = str_trim((struct str){line.ptr + 1, line.len - 2});
    if (name.len > CONFIG_SECTION_MAX) {
        complain(feed, C007, "the section's name has more than 48 characters");
        return false;
    }
    if (!is_section_name(name)) {
        complain(feed, C006, "a section's name is made of letters, digits, '-', '_' and '.'");
        return false;
    }
    feed->is_lost = false;
    buf_printf(&feed->pending, "[%.*s]", STR_ARG(name));
    char text[CONFIG_SECTION_MAX + 1];
    (void)snprintf(text, sizeof text, "%.*s", STR_ARG(name));
    feed->events->section(feed->events->user, text, feed->line);
    return true;
}

static bool take_key(struct feed *feed, struct str line, size_t indent)
{
    size_t split = 0;

    flush(feed);
    while (split < line.len && line.ptr[split] != '=' && line.ptr[split] != ':')
        split++;
    struct str key = str_trim((struct str){line.ptr, split});
    if (split == line.len || key.len == 0) {
        complain(feed, C006,
                 split == line.len ? "expected [section], key = value or a comment; there is no '='"
                                   : "expected key = value; there is nothing before the '='");
        return false;
    }
    if (key.len > CONFIG_KEY_MAX) {
        complain(feed, C007, "the key has more than 100 characters");
        return false;
    }
    feed->key_indent = indent;
    feed->key_line = feed->line;
    put_disguised(&feed->pending, key);
    buf_putc(&feed->pending, '=');
    put_disguised(&feed->pending,
                  str_trim((struct str){line.ptr + split + 1, line.len - split - 1}));
    return true;
}

static bool take_line(struct feed *feed, struct str line)
{
    size_t indent = 0;

    while (indent < line.len && is_blank(line.ptr[indent]))
        indent++;
    line = str_trim(line);
    if (line.len == 0 || line.ptr[0] == ';' || line.ptr[0] == '#')
        return false;
    if (line.len > CONFIG_LINE_MAX) {
        complain(feed, C007, "the line has more than 65536 bytes");
        return false;
    }
    buf_clear(&feed->pending);
    feed->pending_at = 0;
    line = ini_without_comment(line);
    feed->is_continuation = feed->has_key && indent > feed->key_indent;
    if (feed->is_continuation) {
        buf_putc(&feed->pending, ' ');
        put_disguised(&feed->pending, line);
        return true;
    }
    return line.ptr[0] == '[' ? take_section(feed, line) : take_key(feed, line, indent);
}

/* ---- the two ends of inih ---- */

static char *give_piece(struct feed *feed, char *out, size_t size)
{
    size_t used = 0;
    size_t left = feed->pending.len - feed->pending_at;

    feed->is_piece = feed->pending_at > 0;
    if (feed->is_piece)
        out[used++] = ' ';
    size_t count = left < size - used - 2 ? left : size - used - 2;
    memcpy(out + used, feed->pending.ptr + feed->pending_at, count);
    feed->pending_at += count;
    used += count;
    out[used++] = '\n';
    out[used] = '\0';
    return out;
}

static char *next_line(char *out, int size, void *user)
{
    struct feed *feed = user;

    if (size < PIECE_ROOM_MIN || feed->pending.failed) {
        feed->has_failed = true;
        return NULL;
    }
    if (feed->pending_at < feed->pending.len)
        return give_piece(feed, out, (size_t)size);
    while (feed->rest.len > 0) {
        struct str line;
        (void)str_next(&feed->rest, '\n', &line); /* there is a rest */
        feed->line++;
        if (take_line(feed, line))
            return feed->pending.failed ? NULL : give_piece(feed, out, (size_t)size);
    }
    return NULL;
}

static int take_value(void *user, const char *section, const char *key, const char *value)
{
    struct feed *feed = user;

    if (!feed->is_piece && !feed->is_continuation) {
        (void)snprintf(feed->section, sizeof feed->section, "%s", section);
        (void)snprintf(feed->key, sizeof feed->key, "%s", key);
        for (char *c = feed->key; *c != '\0'; c++)
            *c = undisguised(*c);
        feed->has_key = true;
    } else if (!feed->is_piece) {
        buf_putc(&feed->value, '\n');
    }
    for (; *value != '\0'; value++)
        buf_putc(&feed->value, undisguised(*value));
    return 1;
}

/* ---- what inih never sees ---- */

static bool has_control(struct str line)
{
    for (size_t i = 0; i < line.len; i++)
        if (((unsigned char)line.ptr[i] < ' ' && line.ptr[i] != '\t') || line.ptr[i] == 0x7f)
            return true;
    return false;
}

static int count_bad_bytes(struct str text, const struct ini_events *events)
{
    struct str line;
    int number = 0;
    int bad = 0;

    while (bad < BAD_LINES_SHOWN && text.len > 0) {
        (void)str_next(&text, '\n', &line); /* there is a rest */
        number++;
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        const char *words = has_control(line)    ? "a control character; expected plain text"
                            : !str_is_utf8(line) ? "not valid UTF-8; save the file as UTF-8"
                                                 : NULL;
        if (words == NULL)
            continue;
        events->bad(events->user, number, C004, words);
        bad++;
    }
    return bad;
}

int ini_read(struct str text, const struct ini_events *events)
{
    struct feed feed = {.events = events};

    if (str_starts_with(text, "\xef\xbb\xbf")) {
        text.ptr += 3;
        text.len -= 3;
    }
    if (count_bad_bytes(text, events) > 0)
        return 0;
    feed.rest = text;
    (void)ini_parse_stream(next_line, &feed, take_value, &feed); /* bad lines never reach it */
    flush(&feed);
    buf_finish(&feed.pending);
    buf_finish(&feed.value);
    return feed.has_failed ? -ENOMEM : 0;
}
