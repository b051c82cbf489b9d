/* SPDX-License-Identifier: Apache-2.0
 * An escape is read in one of two ways: as what was escaped once, or as what was escaped again and
 * again. The ways differ where an escape's own sign is meant: "%2525" is "%25" or "%". And a sign
 * need not be one: a value with "%25" in it stands so in JSON. */
#include "base/escaped.h"

#include "base/hex.h"
#include "base/utf8.h"

enum {
    ONCE,
    AGAIN,
    TIMES_MAX = 4,                    /* of escaping what is escaped already */
    BACKSLASHES_MAX = 1 << TIMES_MAX, /* so text of nothing else is not read over and over */
    BEGINNING_MAX = BACKSLASHES_MAX + 5,
};

enum { IN_JSON = 1, IN_URL = 2, IN_HTML = 4, ANYWHERE = IN_JSON | IN_URL | IN_HTML };

/* How text is read, and what was met on the way. */
struct way {
    int reading;
    unsigned where;   /* whose escapes count */
    unsigned has_met; /* whose signs there were, read or not */
};

struct spelled {
    size_t taken; /* of the text; 0: no escape */
    size_t len;
    char bytes[4];
};

static struct spelled spells_byte(char c, size_t taken)
{
    return (struct spelled){.taken = taken, .len = 1, .bytes = {c}};
}

static struct spelled spells_code(unsigned code, size_t taken)
{
    struct spelled spelled = {.taken = taken};

    if (code > 0x10ffff)
        return (struct spelled){0};
    spelled.len = utf8_put(code, spelled.bytes);
    return spelled;
}

static struct str from(struct str text, size_t at)
{
    return at < text.len ? (struct str){text.ptr + at, text.len - at} : STR_NONE;
}

static bool begins(struct str text, struct str with)
{
    return text.len >= with.len && memcmp(text.ptr, with.ptr, with.len) == 0;
}

/* The number that `count` hexadecimal digits write; -1: there are not so many. */
static int digits(struct str text, size_t count)
{
    int number = 0;

    if (text.len < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0)
            return -1;
        number = number << 4 | digit;
    }
    return number;
}

/* Counts one more than is read, and no further. */
static size_t backslashes(struct str text)
{
    size_t count = 0;

    while (count <= BACKSLASHES_MAX && count < text.len && text.ptr[count] == '\\')
        count++;
    return count;
}

/* ---- JSON ---- */

/* "\u" and four digits, after any number of backslashes. */
static struct spelled read_code(struct str text, size_t run)
{
    int high = digits(from(text, run + 1), 4);
    size_t taken = run + 5;

    if (high < 0)
        return (struct spelled){0};
    if (high >= 0xd800 && high < 0xdc00) {
        struct str rest = from(text, taken);
        size_t again = backslashes(rest);
        struct str low_digits = from(rest, again + 1);
        int low = again > 0 && begins(from(rest, again), STR("u")) ? digits(low_digits, 4) : -1;

        if (low >= 0xdc00 && low < 0xe000)
            return spells_code(0x10000u +
                                   ((unsigned)(high & 0x3ff) << 10 | (unsigned)(low & 0x3ff)),
                               taken + again + 5);
    }
    return spells_code((unsigned)high, taken);
}

/* Whatever is behind backslashes, and however many they are: quoting again doubles them. */
static struct spelled read_backslashes(struct str text, int reading)
{
    static const char letters[] = "nrtbf";
    static const char controls[] = "\n\r\t\b\f";
    size_t run = backslashes(text);

    if (run == 0 || run == text.len || run > BACKSLASHES_MAX)
        return (struct spelled){0};
    char c = text.ptr[run];
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    if (reading == ONCE && letter != NULL)
        return spells_byte(controls[letter - letters], run + 1);
    if (reading == ONCE && c == 'u')
        return read_code(text, run);
    return spells_byte(c, run + 1);
}

/* ---- URLs ---- */

static struct spelled read_percent(struct str text, int reading)
{
    size_t at = 1;

    if (reading == AGAIN)
        for (int i = 0; i < TIMES_MAX && digits(from(text, at + 2), 2) >= 0 &&
                        begins(from(text, at), STR("25"));
             i++)
            at += 2;
    int byte = digits(from(text, at), 2);
    return byte >= 0 ? spells_byte((char)byte, at + 2) : (struct spelled){0};
}

/* ---- HTML ---- */

/* "#38;", "#x26;" */
static struct spelled read_number(struct str text, size_t at)
{
    unsigned code = 0;
    bool is_hex = begins(from(text, at + 1), STR("x")) || begins(from(text, at + 1), STR("X"));
    size_t first = at + (is_hex ? 2 : 1);
    size_t i = first;

    for (; i < text.len && i < first + 7; i++) {
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0 || (digit > 9 && !is_hex))
            break;
        code = code * (is_hex ? 16 : 10) + (unsigned)digit;
    }
    return i > first && i < text.len && text.ptr[i] == ';' ? spells_code(code, i + 1)
                                                           : (struct spelled){0};
}

static struct spelled read_entity(struct str text, int reading)
{
    static const char *const names[] = {"amp;", "lt;", "gt;", "quot;", "apos;"};
    static const char meant[] = "&<>\"'";
    size_t at = 1;

    if (reading == AGAIN)
        for (int i = 0; i < TIMES_MAX && begins(from(text, at), STR("amp;")); i++)
            at += strlen("amp;");
    if (begins(from(text, at), STR("#")))
        return read_number(text, at);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (begins(from(text, at), str_of(names[i])))
            return spells_byte(meant[i], at + strlen(names[i]));
    return at > 1 ? spells_byte('&', at) : (struct spelled){0};
}

/* ---- all ---- */

static struct spelled read_escape(struct str text, int reading)
{
    switch (text.ptr[0]) {
    case '\\':
        return read_backslashes(text, reading);
    case '%':
        return read_percent(text, reading);
    case '&':
        return read_entity(text, reading);
    case '+':
        return spells_byte(' ', 1); /* as forms are sent */
    default:
        return (struct spelled){0};
    }
}

static unsigned sign_of(char c)
{
    return c == '\\' ? IN_JSON : c == '&' ? IN_HTML : c == '%' || c == '+' ? IN_URL : 0;
}

bool escaped_can_differ(struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (!is_plain)
            return true;
    }
    return false;
}

int escaped_first(struct str text, int reading)
{
    struct spelled spelled = read_escape(text, reading);

    return spelled.taken > 0 ? (unsigned char)spelled.bytes[0] : -1;
}

/* The bytes of `text` that spell those at the start of `value`; 0: they do not. */
static size_t take_one(struct str text, struct str value, const struct way *way, size_t *out_len)
{
    bool is_read = (sign_of(text.ptr[0]) & way->where) != 0;

    for (int i = 0; i < ESCAPED_READINGS && is_read; i++) {
        struct spelled spelled = read_escape(text, i == 0 ? way->reading : !way->reading);

        if (spelled.taken > 0 && spelled.bytes[0] == '\\') {
            *out_len = 0; /* in the value it was passed over */
            return spelled.taken;
        }
        if (spelled.taken > 0 && begins(value, (struct str){spelled.bytes, spelled.len})) {
            *out_len = spelled.len;
            return spelled.taken;
        }
    }
    *out_len = 1;
    return text.ptr[0] == value.ptr[0] ? 1 : 0;
}

/* A value's own backslashes at its end are doubled as often as it was quoted. In pairs: what is
 * left of an odd number escapes what follows. */
static size_t take_last(struct str text, struct str value)
{
    size_t run = value.ptr[value.len - 1] == '\\' ? backslashes(text) : 0;

    return run > BACKSLASHES_MAX ? BACKSLASHES_MAX : run - run % 2;
}

/* Text that was cut may end in the middle of an escape, or of one that was escaped again. */
static bool may_go_on(struct str text)
{
    if (text.len == 0 || text.len > BEGINNING_MAX || text.ptr[0] == '+')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (escaped_can_differ((struct str){text.ptr + i, 1}) && !strchr("\\%&#;", text.ptr[i]))
            return false;
    return true;
}

static size_t match(struct str text, struct str value, bool is_cut, struct way *way)
{
    size_t at = 0;
    size_t sign_at = 0;     /* where an escape may have begun last; one at 0 is whole */
    size_t passed_over = 0; /* backslashes in a row */

    for (size_t i = 0;;) {
        size_t len;

        while (i < value.len && value.ptr[i] == '\\')
            i++;
        if (i == value.len)
            return at + take_last(from(text, at), value);
        if (at == text.len)
            return is_cut ? at : 0;
        if (escaped_may_begin(text.ptr[at])) {
            way->has_met |= sign_of(text.ptr[at]);
            sign_at = at;
        }
        size_t taken = take_one(from(text, at), from(value, i), way, &len);
        passed_over = len == 0 ? passed_over + 1 : 0;
        if (taken == 0 || passed_over > BACKSLASHES_MAX)
            return is_cut && sign_at > 0 && may_go_on(from(text, sign_at)) ? text.len : 0;
        at += taken;
        i += len;
    }
}

size_t escaped_match(struct str text, struct str value, bool is_cut)
{
    static const unsigned places[] = {ANYWHERE, IN_JSON, IN_URL, IN_HTML};
    unsigned has_met = 0;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (i > 0 && (has_met & ~places[i]) == 0) /* the same again */
            continue;
        for (int reading = ONCE; reading <= AGAIN; reading++) {
            struct way way = {.reading = reading, .where = places[i]};
            size_t len = match(text, value, is_cut, &way);

            has_met |= way.has_met;
            if (len > 0 || has_met == 0)
                return len;
        }
    }
    return 0;
}
