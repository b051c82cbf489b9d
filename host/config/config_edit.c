/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_edit.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "config/config_file.h"
#include "config/config_ini.h"

#include <string.h>
#include <sys/stat.h>

/* Where things stand in a text, and what it says apart from the one value. */
struct places {
    int heading; /* line of [integration]; 0: none */
    int key;     /* line of its `enabled`; 0: none */
    size_t keys, headings, bad, others;
    char value[8];
    struct buf rest; /* every other section, key and value, one behind the other */
};

static void on_section(void *user, const char *name, int line)
{
    struct places *places = user;

    if (strcmp(name, "integration") == 0) {
        places->headings++;
        if (places->heading == 0)
            places->heading = line;
    }
    buf_printf(&places->rest, "[%s]\n", name);
}

static void on_value(void *user, const char *section, const char *key, struct str value, int line)
{
    struct places *places = user;

    if (strcmp(section, "integration") != 0 || strcmp(key, "enabled") != 0) {
        buf_printf(&places->rest, "%s=%.*s\n", key, STR_ARG(value));
        return;
    }
    places->keys++;
    places->key = line;
    (void)snprintf(places->value, sizeof places->value, "%.*s", STR_ARG(value)); /* cut is fine */
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

    return status < 0 || out->rest.failed ? -ENOMEM : 0;
}

/* The value of `key = value ; comment` is replaced, the rest of the line stays. */
static bool put_line(struct buf *out, struct str line, const char *word)
{
    const char *equals = line.len > 0 ? memchr(line.ptr, '=', line.len) : NULL;
    const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
    const char *split = equals == NULL || (colon != NULL && colon < equals) ? colon : equals;
    const char *end = line.ptr + line.len;
    const char *at;

    if (split == NULL)
        return false;
    at = split + 1;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    buf_add(out, line.ptr, (size_t)(at - line.ptr));
    if (at == split + 1 && (at == end || *at == '\r'))
        buf_putc(out, ' ');
    buf_puts(out, word);
    while (at < end && *at != ' ' && *at != '\t' && *at != '\r')
        at++;
    buf_add(out, at, (size_t)(end - at));
    return true;
}

static bool put_text(struct buf *out, struct str text, const struct places *places,
                     const char *word)
{
    struct str rest = text;
    struct str line;

    for (int number = 1; rest.len > 0; number++) {
        const char *start = rest.ptr;
        bool is_whole;

        (void)str_next(&rest, '\n', &line); /* there is a rest */
        is_whole = start + line.len < text.ptr + text.len;
        if (number != places->key)
            buf_add_str(out, line);
        else if (!put_line(out, line, word))
            return false;
        if (is_whole)
            buf_putc(out, '\n');
        if (number != places->heading || places->key != 0)
            continue;
        if (!is_whole)
            buf_putc(out, '\n');
        buf_printf(out, "enabled = %s%s\n", word,
                   line.len > 0 && line.ptr[line.len - 1] == '\r' ? "\r" : "");
    }
    return true;
}

/* Read again, it says the same but for the one word. */
static bool is_as_meant(struct str text, const struct places *before, const char *word)
{
    struct places after = {0};
    bool is_so = find_places(text, &after) == 0 && after.bad == 0 && after.keys == 1 &&
                 strcmp(after.value, word) == 0 &&
                 str_equals(buf_str(&before->rest), buf_str(&after.rest));

    buf_finish(&after.rest);
    return is_so;
}

int config_edit_enabled_text(struct str text, bool is_enabled, struct buf *out, struct err *err)
{
    const char *word = is_enabled ? "yes" : "no";
    struct places places = {0};
    _buf_ struct buf edited = {0};
    int status = find_places(text, &places);

    if (status < 0)
        status = err_set(err, -ENOMEM, "out of memory");
    else if (places.bad > 0 || places.headings != 1 || places.keys > 1 ||
             !put_text(&edited, text, &places, word) ||
             !is_as_meant(buf_str(&edited), &places, word))
        status = err_set(err, E_REFUSED,
                         "it is not clear where `enabled = %s` goes: mend what `tenon config "
                         "check` says of the file, or write it there by hand",
                         word);
    else if (edited.failed)
        status = err_set(err, -ENOMEM, "out of memory");
    else
        buf_add_str(out, buf_str(&edited));
    buf_finish(&places.rest);
    return status;
}

int config_edit_enabled(const char *path, bool is_enabled, struct err *err)
{
    _free_ char *real = realpath(path, NULL);
    _buf_ struct buf text = {0};
    _buf_ struct buf edited = {0};
    struct stat info;
    int status;

    if (real == NULL || stat(real, &info) < 0)
        return err_set(err, -errno, "cannot open '%s': %s", path, strerror(errno));
    status = file_read(real, CONFIG_FILE_BYTES_MAX, &text, err);
    if (status == 0)
        status = config_edit_enabled_text(buf_str(&text), is_enabled, &edited, err);
    if (status < 0)
        return err_prefix(err, "%s: ", path);
    if (str_equals(buf_str(&text), buf_str(&edited)))
        return 0;
    status = file_write(real, buf_str(&edited), info.st_mode & 07777, err);
    if (status == 0 && info.st_uid != geteuid() && chown(real, info.st_uid, info.st_gid) < 0)
        return err_set(err, -errno, "'%s' is written, but belongs to another user now: %s", real,
                       strerror(errno));
    return status;
}
