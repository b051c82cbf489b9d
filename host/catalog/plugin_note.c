/* SPDX-License-Identifier: Apache-2.0
 * Reads the note of section 3 of the ABI page: owner "Tenon", type 1 with four numbers and
 * key=value texts, type 2 with the option rows. Whether the versions suit us is plugin_judge.c's
 * business. */
#include "catalog/catalog.h"

#include "base/cleanup.h"
#include "catalog/catalog_elf.h"

#include <tenon/tenon.h>

#include <errno.h>
#include <stdio.h>

enum { DESCRIPTION_BYTES_MAX = 4096 };

static const char owner[] = "Tenon";
static const char entry_prefix[] = "tenon_plugin_v";

/* What the walk over the PT_NOTE segments has found. */
struct found {
    uint8_t *description;
    size_t description_bytes;
    uint8_t *settings;
    size_t settings_bytes;
};

static void found_finish(struct found *found)
{
    free(found->description);
    free(found->settings);
}

#define _found_ __attribute__((cleanup(found_finish)))

static int keep(uint8_t **place, size_t *place_bytes, const uint8_t *bytes, size_t count,
                const char *what, struct err *err)
{
    if (*place != NULL)
        return err_set(err, E_SYNTAX, "damaged: two %s notes; one plugin per shared object", what);
    *place = malloc(count + 1);
    if (*place == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    memcpy(*place, bytes, count);
    (*place)[count] = '\0';
    *place_bytes = count;
    return 0;
}

static int take_note(uint32_t type, const uint8_t *bytes, size_t count, struct found *found,
                     struct err *err)
{
    if (type == TENON_NOTE_DESCRIPTION) {
        if (count > DESCRIPTION_BYTES_MAX)
            return err_set(err, E_SYNTAX,
                           "damaged: the plugin note has %zu bytes, at most %d are allowed", count,
                           DESCRIPTION_BYTES_MAX);
        return keep(&found->description, &found->description_bytes, bytes, count, "description",
                    err);
    }
    if (type == TENON_NOTE_SETTINGS)
        return keep(&found->settings, &found->settings_bytes, bytes, count, "settings", err);
    return 0; /* of a later host: what must be understood is said by flags */
}

/* Rounds up to a multiple of `align`; false past `size`. */
static bool round_up(size_t value, size_t align, size_t size, size_t *out)
{
    size_t rounded = (value + align - 1) / align * align;

    *out = rounded;
    return rounded <= size;
}

/* The notes of one segment. Notes of others that are damaged are their business: the walk just ends
 * there. */
static int walk_segment(const uint8_t *bytes, size_t size, size_t align, struct found *found,
                        struct err *err)
{
    size_t at = 0;

    while (size - at >= 12) {
        uint32_t head[3]; /* owner bytes, description bytes, type */
        size_t start;
        size_t end;
        memcpy(head, bytes + at, sizeof head);
        if (head[0] > size - at - 12 || !round_up(at + 12 + head[0], align, size, &start))
            break;
        bool is_ours = head[0] == sizeof owner && memcmp(bytes + at + 12, owner, sizeof owner) == 0;
        if (head[1] > size - start) {
            if (!is_ours)
                break;
            return err_set(err, E_SYNTAX,
                           "damaged: the plugin note claims %u bytes where %zu are left", head[1],
                           size - start);
        }
        if (is_ours) {
            int status = take_note(head[2], bytes + start, head[1], found, err);
            if (status < 0)
                return status;
        }
        if (!round_up(start + head[1], align, size, &end))
            break;
        at = end;
    }
    return 0;
}

static int find_notes(const struct elf *elf, struct found *found, struct err *err)
{
    for (size_t i = 0; i < elf->segment_count; i++) {
        const Elf64_Phdr *segment = &elf->segments[i];
        if (segment->p_type != PT_NOTE)
            continue;
        if (segment->p_filesz > ELF_NOTE_BYTES_MAX)
            return err_set(err, E_SYNTAX,
                           "damaged: a note segment of %llu bytes, at most %d are read",
                           (unsigned long long)segment->p_filesz, ELF_NOTE_BYTES_MAX);
        size_t size = (size_t)segment->p_filesz;
        _free_ uint8_t *bytes = malloc(size + 1);
        if (bytes == NULL)
            return err_set(err, -ENOMEM, "out of memory");
        if (!elf_read(elf, segment->p_offset, bytes, size))
            return err_set(err, E_SYNTAX, "cut short: the note segment is not in the file");
        int status = walk_segment(bytes, size, segment->p_align == 8 ? 8 : 4, found, err);
        if (status < 0)
            return status;
    }
    return 0;
}

/* ---- the description's texts ---- */

static bool is_plugin_name(struct str name)
{
    if (name.len == 0 || name.ptr[0] < 'a' || name.ptr[0] > 'z')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return true;
}

static bool is_plain(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    return str_is_utf8(text);
}

static int take_text(const char *key, struct str value, char *out, size_t size, struct err *err)
{
    if (out[0] != '\0')
        return err_set(err, E_SYNTAX, "damaged: '%s' stands twice in the plugin note", key);
    if (value.len >= size)
        return err_set(err, E_SYNTAX,
                       "damaged: '%s' of the plugin note has %zu bytes, at most %zu are allowed",
                       key, value.len, size - 1);
    memcpy(out, value.ptr, value.len);
    out[value.len] = '\0';
    return 0;
}

static void take_needs(struct str value, struct plugin_note *note)
{
    struct str word;

    while (str_next(&value, ',', &word)) {
        word = str_trim(word);
        size_t used = strlen(note->unknown_needs);
        if (str_is(word, "net"))
            note->needs_net = true;
        else if (word.len > 0)
            (void)snprintf(note->unknown_needs + used, sizeof note->unknown_needs - used, "%s%.*s",
                           used > 0 ? "," : "", STR_ARG(word));
    }
    /* Cut to fit, but not inside a letter. */
    while (!str_is_utf8(str_of(note->unknown_needs)))
        note->unknown_needs[strlen(note->unknown_needs) - 1] = '\0';
}

static int take_pair(struct str key, struct str value, struct plugin_note *note, struct err *err)
{
    if (str_is(key, "name"))
        return take_text("name", value, note->name, sizeof note->name, err);
    if (str_is(key, "version"))
        return take_text("version", value, note->version, sizeof note->version, err);
    if (str_is(key, "license"))
        return take_text("license", value, note->license, sizeof note->license, err);
    if (str_is(key, "sdk"))
        return take_text("sdk", value, note->sdk, sizeof note->sdk, err);
    if (str_is(key, "needs"))
        take_needs(value, note);
    return 0; /* keys of a later SDK are information, not conditions */
}

static int take_pairs(const char *text, size_t size, struct plugin_note *note, struct err *err)
{
    size_t at = 0;

    while (at < size) {
        const char *end = memchr(text + at, '\0', size - at);
        if (end == NULL)
            return err_set(err, E_SYNTAX, "damaged: a text of the plugin note has no end");
        struct str pair = {text + at, (size_t)(end - text) - at};
        const char *equals = pair.len > 0 ? memchr(pair.ptr, '=', pair.len) : NULL;
        at += pair.len + 1;
        if (pair.len == 0)
            continue;
        if (equals == NULL || !is_plain(pair))
            return err_set(err, E_SYNTAX,
                           "damaged: a text of the plugin note is not key=value in plain UTF-8");
        struct str key = {pair.ptr, (size_t)(equals - pair.ptr)};
        struct str value = {equals + 1, pair.len - key.len - 1};
        int status = take_pair(key, value, note, err);
        if (status < 0)
            return status;
    }
    if (!is_plugin_name(str_of(note->name)))
        return err_set(err, E_SYNTAX,
                       "the plugin note's name '%s' is not made of a-z 0-9 - _ with a letter "
                       "first: mend TENON_PLUGIN",
                       note->name);
    if (note->version[0] == '\0')
        return err_set(err, E_SYNTAX, "the plugin note of '%s' has no version: mend TENON_PLUGIN",
                       note->name);
    return 0;
}

static int parse_description(const struct found *found, struct plugin_note *note, struct err *err)
{
    uint32_t head[4]; /* format, major, minor, flags */

    if (found->description_bytes < sizeof head)
        return err_set(err, E_SYNTAX,
                       "damaged: the plugin note has %zu bytes, at least %zu are needed",
                       found->description_bytes, sizeof head);
    memcpy(head, found->description, sizeof head);
    if (head[0] != TENON_NOTE_FORMAT)
        return err_set(err, E_SYNTAX,
                       "the plugin note has format %u, this host reads format %u: rebuild the "
                       "plugin with the SDK of "
                       "this host (tenon-sdk %d.%d), or install a newer tenon",
                       head[0], TENON_NOTE_FORMAT, TENON_ABI_MAJOR, TENON_ABI_MINOR);
    note->abi_major = head[1];
    note->abi_minor = head[2];
    note->flags = head[3];
    return take_pairs((const char *)found->description + sizeof head,
                      found->description_bytes - sizeof head, note, err);
}

static int parse_settings(struct found *found, struct plugin_note *note, struct err *err)
{
    size_t len = found->settings_bytes;

    while (len > 0 && found->settings[len - 1] == '\0')
        len--;
    if (found->settings != NULL) {
        if (!str_is_utf8((struct str){(const char *)found->settings, len}))
            return err_set(err, E_SYNTAX, "damaged: the settings note of '%s' is not plain UTF-8",
                           note->name);
        note->settings = (char *)steal(found->settings);
        note->settings[len] = '\0';
        return 0;
    }
    note->settings = calloc(1, 1);
    return note->settings != NULL ? 0 : err_set(err, -ENOMEM, "out of memory");
}

/* ---- symbols ---- */

struct exports {
    struct plugin_note *note;
    bool has_note;
};

/* Symbols that linkers add by themselves are nobody's doing. */
static bool is_from_linker(const char *name)
{
    static const char *const names[] = {"_init", "_fini",       "_edata",
                                        "_end",  "__bss_start", "_etext"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void take_export(void *user, const char *name, bool is_function)
{
    struct exports *exports = user;
    struct str rest = str_of(name);
    int64_t major = 0;

    if (str_starts_with(rest, entry_prefix)) {
        rest.ptr += strlen(entry_prefix);
        rest.len -= strlen(entry_prefix);
        if (is_function && str_to_i64(rest, &major) == 0 && major > 0 && major <= UINT32_MAX) {
            if (exports->has_note && (uint32_t)major == exports->note->abi_major)
                exports->note->exports_entry = true;
            else
                exports->note->other_major = (uint32_t)major;
            return;
        }
    }
    if (!is_from_linker(name) && exports->note->other_exports < UINT32_MAX)
        exports->note->other_exports++;
}

static int read_dynamic_facts(const struct elf *elf, bool has_note, struct plugin_note *note,
                              struct err *err)
{
    struct elf_dynamic dynamic;
    struct exports exports = {.note = note, .has_note = has_note};

    int status = elf_read_dynamic(elf, &dynamic, err);
    if (status < 0)
        return status;
    note->has_exec_stack = elf_has_exec_stack(elf);
    note->has_text_relocations = dynamic.has_text_relocations;
    note->uses_static_tls = dynamic.uses_static_tls;
    for (size_t i = 0; i < dynamic.needed_count; i++) {
        size_t size = sizeof note->needed[0];
        if (!elf_string(elf, &dynamic, dynamic.needed[i], note->needed[note->needed_count], size))
            return err_set(err, E_SYNTAX,
                           "damaged: the name of a needed library is not in the file");
        if (!str_is_utf8(str_of(note->needed[note->needed_count])))
            (void)snprintf(note->needed[note->needed_count], size, "(not plain text)");
        note->needed_count++;
    }
    if (dynamic.run_path != 0 &&
        elf_string(elf, &dynamic, dynamic.run_path, note->run_path, sizeof note->run_path) &&
        !str_is_utf8(str_of(note->run_path)))
        (void)snprintf(note->run_path, sizeof note->run_path, "(not plain text)");
    return elf_each_export(elf, &dynamic, take_export, &exports, err);
}

/* ---- the whole ---- */

static int no_note(const struct elf *elf, struct err *err)
{
    struct plugin_note note = {0};

    /* A file that is foreign and damaged besides is still only foreign. */
    if (read_dynamic_facts(elf, false, &note, NULL) == 0 && note.other_major != 0)
        return err_set(err, E_SYNTAX,
                       "exports tenon_plugin_v%u but has no .note.tenon: build it with gcc or "
                       "clang, with TENON_PLUGIN in the "
                       "file of the entry (gcc -flto with lld, and tcc, lose the note)",
                       note.other_major);
    return err_set(err, E_NOT_FOUND, "not a plugin: a shared object without .note.tenon");
}

static int note_read(const struct elf *elf, struct plugin_note *out, struct err *err)
{
    _found_ struct found found = {0};

    int status = find_notes(elf, &found, err);
    if (status < 0)
        return status;
    if (found.description == NULL)
        return no_note(elf, err);
    status = parse_description(&found, out, err);
    if (status < 0)
        return status;
    if (!elf->is_our_machine)
        return err_set(err, E_SYNTAX,
                       "plugin '%s' is built for %s, this host runs on %s: build it for %s",
                       out->name, elf->machine, elf_host_machine(), elf_host_machine());
    status = parse_settings(&found, out, err);
    if (status < 0)
        return status;
    return read_dynamic_facts(elf, true, out, err);
}

/* Failure leaves what was read as far as texts go, and no settings. */
static int finish_read(const struct elf *elf, struct plugin_note *out, struct err *err)
{
    int status = note_read(elf, out, err);

    if (status < 0) {
        free(out->settings);
        out->settings = NULL;
    }
    return status;
}

int plugin_note_read(int fd, struct plugin_note *out, struct err *err)
{
    struct elf elf;

    memset(out, 0, sizeof *out);
    int status = elf_open_fd(&elf, fd, err);
    return status < 0 ? status : finish_read(&elf, out, err);
}

int plugin_note_parse(const uint8_t *bytes, size_t len, struct plugin_note *out, struct err *err)
{
    struct elf elf;

    memset(out, 0, sizeof *out);
    int status = elf_open_bytes(&elf, bytes, len, err);
    return status < 0 ? status : finish_read(&elf, out, err);
}

void plugin_note_finish(struct plugin_note *note)
{
    free(note->settings);
    note->settings = NULL;
}
