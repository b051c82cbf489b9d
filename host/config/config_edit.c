/* SPDX-License-Identifier: Apache-2.0
 * An edit finds its lines by reading the text as it is read elsewhere, changes those lines, and
 * reads the result again: it must then say what it said before but for the one value. Whatever a
 * value holds, it cannot become a key or a section of its own that way. */
#include "config/config_edit.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "config/config_file.h"
#include "config/config_ini.h"

#include <string.h>
#include <sys/stat.h>

/* Where things stand in a text, and what it says apart from the one value. */
struct places {
    const struct config_edit *edit;
    int heading; /* line of the section; 0: none */
    int key;     /* line of the key; 0: none */
    size_t keys, headings, bad;
    struct buf value;
    struct buf rest; /* every other section, key and value, one behind the other */
};

static void places_finish(struct places *places)
{
    buf_finish(&places->value);
    buf_finish(&places->rest);
}
#define _places_ __attribute__((cleanup(places_finish)))

static void on_section(void *user, const char *name, int line)
{
    struct places *places = user;

    if (strcmp(name, places->edit->section) != 0)
        return;
    places->headings++;
    if (places->heading == 0)
        places->heading = line;
}

static void on_value(void *user, const char *section, const char *key, struct str value, int line)
{
    struct places *places = user;

    if (strcmp(section, places->edit->section) != 0 || strcmp(key, places->edit->key) != 0) {
        buf_printf(&places->rest, "[%s]%s=%zu:%.*s\n", section, key, value.len, STR_ARG(value));
        return;
    }
    places->keys++;
    places->key = line;
    buf_clear(&places->value);
    buf_add_str(&places->value, value);
}

static void on_bad(void *user, int line, enum config_code code, const char *words)
{
    struct places *places = user;

    (void)line;
    (void)code;
    (void)words;
    places->bad++;
}

static int find_places(struct str text, struct places *out)
{
    const struct ini_events events = {out, on_section, on_value, on_bad};
    int status = ini_read(text, &events);

    return status < 0 || out->rest.failed || out->value.failed ? -ENOMEM : 0;
}

/* ---- lines ---- */

static size_t indent_of(struct str line)
{
    size_t indent = 0;

    while (indent < line.len && (line.ptr[indent] == ' ' || line.ptr[indent] == '\t'))
        indent++;
    return indent;
}

/* Further lines of a value are indented deeper than its key. */
static void put_value(struct buf *out, const char *value, size_t indent, const char *line_end)
{
    struct str rest = str_of(value);
    struct str piece;

    for (bool is_first = true; str_next(&rest, '\n', &piece); is_first = false) {
        if (!is_first)
            buf_printf(out, "%s\n%*s", line_end, (int)indent + 4, "");
        buf_add_str(out, piece);
    }
}

/* The value of `key = value ; comment` is replaced, the rest of the line stays. */
static bool put_line(struct buf *out, struct str line, const char *value)
{
    struct str code = ini_without_comment(line);
    const char *end = line.ptr + line.len;
    const char *value_end = code.ptr + code.len;
    const char *at = line.ptr;

    while (at < value_end && *at != '=' && *at != ':')
        at++;
    if (at == value_end)
        return false;
    at++;
    while (at < value_end && (*at == ' ' || *at == '\t'))
        at++;
    buf_add(out, line.ptr, (size_t)(at - line.ptr));
    if (at == value_end && (at[-1] == '=' || at[-1] == ':'))
        buf_putc(out, ' ');
    put_value(out, value, indent_of(line), line.len > 0 && end[-1] == '\r' ? "\r" : "");
    /* Behind a value that goes on below, a comment would stand between its lines. */
    if (strchr(value, '\n') == NULL)
        buf_add(out, value_end, (size_t)(end - value_end));
    else if (line.len > 0 && end[-1] == '\r')
        buf_putc(out, '\r');
    return true;
}

static bool goes_on(struct str line, size_t key_indent)
{
    size_t indent = indent_of(line);

    line = str_trim(line);
    return line.len > 0 && line.ptr[0] != ';' && line.ptr[0] != '#' && indent > key_indent;
}

static bool says_nothing(struct str line)
{
    line = str_trim(line);
    return line.len == 0 || line.ptr[0] == ';' || line.ptr[0] == '#';
}

static void put_below_heading(struct buf *out, struct str heading, bool is_whole,
                              const struct config_edit *edit)
{
    const char *line_end = heading.len > 0 && heading.ptr[heading.len - 1] == '\r' ? "\r" : "";

    if (!is_whole)
        buf_putc(out, '\n');
    buf_printf(out, "%s = ", edit->key);
    put_value(out, edit->value, 0, line_end);
    buf_printf(out, "%s\n", line_end);
}

static bool put_text(struct buf *out, struct str text, const struct places *places)
{
    const struct config_edit *edit = places->edit;
    struct str rest = text;
    struct str line;
    bool is_in_value = false; /* behind the key's own line */
    size_t key_indent = 0;

    for (int number = 1; rest.len > 0; number++) {
        const char *start = rest.ptr;
        bool is_whole;

        (void)str_next(&rest, '\n', &line); /* there is a rest */
        is_whole = start + line.len < text.ptr + text.len;
        if (is_in_value && goes_on(line, key_indent))
            continue;
        is_in_value &= says_nothing(line);
        if (number == places->key) {
            is_in_value = true;
            key_indent = indent_of(line);
            if (edit->value == NULL)
                continue;
            if (!put_line(out, line, edit->value))
                return false;
        } else {
            buf_add_str(out, line);
        }
        if (is_whole)
            buf_putc(out, '\n');
        if (number == places->heading && places->key == 0 && edit->value != NULL)
            put_below_heading(out, line, is_whole, edit);
    }
    if (places->heading != 0 || edit->value == NULL)
        return true;
    if (out->len > 0 && out->ptr[out->len - 1] != '\n')
        buf_putc(out, '\n');
    buf_printf(out, "%s[%s]\n%s = ", out->len > 0 ? "\n" : "", edit->section, edit->key);
    put_value(out, edit->value, 0, "");
    buf_putc(out, '\n');
    return true;
}

/* ---- one edit ---- */

/* Read again, it says the same but for the one value. */
static bool is_as_meant(struct str text, const struct places *before)
{
    const struct config_edit *edit = before->edit;
    _places_ struct places after = {.edit = edit};

    if (find_places(text, &after) < 0 || after.bad > 0 ||
        !str_equals(buf_str(&before->rest), buf_str(&after.rest)))
        return false;
    if (edit->value == NULL)
        return after.keys == 0;
    return after.headings == 1 && after.keys == 1 && str_is(buf_str(&after.value), edit->value);
}

/* A word that stands in an ini as it is. */
static bool is_word(const char *text, size_t max)
{
    size_t len = strlen(text);

    return len > 0 && len <= max && text[0] != '[' && text[0] != ';' && text[0] != '#' &&
           strpbrk(text, "=:\"\\] \t\r\n") == NULL;
}

static int edit_once(struct str text, const struct config_edit *edit, struct buf *out,
                     struct err *err)
{
    _places_ struct places places = {.edit = edit};

    if (!is_word(edit->section, CONFIG_SECTION_MAX) || !is_word(edit->key, CONFIG_KEY_MAX))
        return err_set(err, E_USAGE, "'%.60s' and '%.120s' cannot name a section and a key of it",
                       edit->section, edit->key);
    if (find_places(text, &places) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    if (places.bad > 0 || places.headings > 1 || places.keys > 1 || !put_text(out, text, &places))
        return err_set(err, E_REFUSED,
                       "it is not clear where `%s` of [%s] goes: mend what `tenon config check` "
                       "says of the file, or write it there by hand",
                       edit->key, edit->section);
    if (out->failed)
        return err_set(err, -ENOMEM, "out of memory");
    if (!is_as_meant(buf_str(out), &places))
        return err_set(err, E_USAGE,
                       "[%s] %s: this value cannot be written into an ini: no control characters, "
                       "no ';' behind white space but inside \"double quotes\", no white space at "
                       "the ends, no empty lines",
                       edit->section, edit->key);
    return 0;
}

int config_edit_text(struct str text, const struct config_edit *edits, size_t count,
                     struct buf *out, struct err *err)
{
    _buf_ struct buf now = {0};

    buf_add_str(&now, text);
    for (size_t i = 0; i < count; i++) {
        struct buf next = {0};
        int status = edit_once(buf_str(&now), &edits[i], &next, err);

        if (status < 0) {
            buf_finish(&next);
            return status;
        }
        buf_finish(&now);
        now = next;
    }
    if (now.failed)
        return err_set(err, -ENOMEM, "out of memory");
    buf_add_str(out, buf_str(&now));
    return 0;
}

int config_edit_enabled_text(struct str text, bool is_enabled, struct buf *out, struct err *err)
{
    const char *word = is_enabled ? "yes" : "no";
    const struct config_edit edit = {"integration", "enabled", word};
    _places_ struct places places = {.edit = &edit};
    int status = find_places(text, &places);

    /* A file without [integration] is none of an integration. */
    if (status == 0 && places.headings == 1)
        status = config_edit_text(text, &edit, 1, out, err);
    else if (status == 0)
        status = E_REFUSED;
    if (status == -ENOMEM || status == 0)
        return status == 0 ? 0 : err_set(err, -ENOMEM, "out of memory");
    return err_set(err, E_REFUSED,
                   "it is not clear where `enabled = %s` goes: mend what `tenon config "
                   "check` says of the file, or write it there by hand",
                   word);
}

/* ---- files ---- */

static int write_over(const char *real, struct str text, struct err *err)
{
    struct stat info;
    int status;

    if (stat(real, &info) < 0)
        return err_set(err, -errno, "cannot open '%s': %s", real, strerror(errno));
    status = file_write(real, text, info.st_mode & 07777, err);
    if (status == 0 && info.st_uid != geteuid() && chown(real, info.st_uid, info.st_gid) < 0)
        return err_set(err, -errno, "'%s' is written, but belongs to another user now: %s", real,
                       strerror(errno));
    return status;
}

int config_edit_write(const char *path, struct str text, struct err *err)
{
    _free_ char *real = realpath(path, NULL);

    if (real == NULL)
        return err_set(err, -errno, "cannot open '%s': %s", path, strerror(errno));
    return write_over(real, text, err);
}

int config_edit_enabled(const char *path, bool is_enabled, struct err *err)
{
    _free_ char *real = realpath(path, NULL);
    _buf_ struct buf text = {0};
    _buf_ struct buf edited = {0};
    int status;

    if (real == NULL)
        return err_set(err, -errno, "cannot open '%s': %s", path, strerror(errno));
    status = file_read(real, CONFIG_FILE_BYTES_MAX, &text, err);
    if (status == 0)
        status = config_edit_enabled_text(buf_str(&text), is_enabled, &edited, err);
    if (status < 0)
        return err_prefix(err, "%s: ", path);
    return str_equals(buf_str(&text), buf_str(&edited)) ? 0
                                                        : write_over(real, buf_str(&edited), err);
}
