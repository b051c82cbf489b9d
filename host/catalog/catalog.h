/* SPDX-License-Identifier: Apache-2.0
 * Which plugins are there, told by reading files and running none of their code. The note reader
 * treats every byte as hostile; the trust check looks at opened descriptors. Used by the daemon and
 * by `tenon plugin`. */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the note and the ELF headers say of a file. Texts are inside the struct; `settings` is
 * owned. */
struct plugin_note {
    uint32_t abi_major, abi_minor, flags;
    char name[64]; /* a-z 0-9 - _, starts with a letter */
    char version[64];
    char license[64];
    char sdk[32];
    bool needs_net;
    char unknown_needs[64]; /* needs this host does not know; not empty: refuse */
    char *settings;         /* option rows, "" when none */
    size_t needed_count;    /* DT_NEEDED names, at most 32 kept */
    char needed[32][64];
    char run_path[256];
    bool exports_entry; /* tenon_plugin_v<major> is defined in this very file's dynamic symbols */
    uint32_t other_exports; /* exported symbols besides the entry */
    uint32_t other_major;   /* a tenon_plugin_v<N> of another major that is exported too or instead;
                               0: none */
    bool has_exec_stack, has_text_relocations, uses_static_tls;
};

/* Reads an opened file by pread. 0; E_NOT_FOUND: an ELF file that is no plugin of ours; E_SYNTAX:
 * not a usable ELF file or a damaged note, with the place. Does not judge ABI versions. [any] */
int plugin_note_read(int fd, struct plugin_note *out, struct err *err);
/* The same over bytes in memory: for the fuzz target and tests. */
int plugin_note_parse(const uint8_t *bytes, size_t len, struct plugin_note *out, struct err *err);
void plugin_note_finish(struct plugin_note *note);
/* Can this host load it? 0 or E_REFUSED with a sentence that names both versions and the fix. The
 * rule: the major must be ours. A newer minor is welcome: structs carry their size and everything
 * else is asked for by name, so a plugin built with a newer SDK finds the newer things absent; one
 * that cannot live without them says so in the upper half of `flags`, and a bit there that we do
 * not know is refused. */
int plugin_note_judge(const struct plugin_note *note, struct err *err);

/* Opens `path` without following any symbolic link and looks at the file and every directory from /
 * to it: owned by root or by us, not writable by group or others, regular file. A directory above
 * the last one may be writable by all when it is root's and sticky (/tmp): nobody can rename our
 * part of it. E_REFUSED names the exact path, what is wrong and the chmod or chown that mends it;
 * E_NOT_FOUND when there is no such file. *out_fd is the caller's. */
int plugin_trust_open(const char *path, int *out_fd, struct err *err);

enum catalog_state { CATALOG_USABLE, CATALOG_REFUSED, CATALOG_FOREIGN };
const char *catalog_state_name(enum catalog_state state); /* "usable" */

/* One file of the plugin path. */
struct catalog_entry {
    char *path;
    enum catalog_state state;
    char *reason;            /* why not usable, with the fix; NULL when usable */
    struct plugin_note note; /* valid when usable, as far as read otherwise */
    char sha256[65];         /* of usable files */
    int64_t size_bytes, mtime_ms;
    /* Which file this was, to tell that it is untouched. */
    uint64_t device, inode;
    int64_t mtime_ns, ctime_ns, looked_ms; /* wall */
};

/* It was written to so lately that the writer may not be through: a usable file a moment ago, one
 * that cannot be used for CATALOG_SETTLE_MS. Such a file is looked at again before anything is
 * concluded from it. */
enum { CATALOG_QUIET_MS = 200, CATALOG_SETTLE_MS = 2000 };
bool catalog_entry_is_settling(const struct catalog_entry *entry, int64_t now_ms);

struct catalog;
/* Scans directories separated by ':' for *.so (hidden ones are left out), in order, each directory
 * by name. Two files with one plugin name: the first directory wins, within one directory both are
 * refused, each with the other's path. A directory that cannot be read is noted (catalog_problems),
 * not fatal. Digests of `former` (NULL: none) serve for files that nobody touched since. NULL: no
 * memory. */
struct catalog *catalog_scan(const char *plugin_path, const struct catalog *former,
                             struct err *err);
/* Directories of the path that are missing or cannot be read, a sentence per line; "" when all is
 * well. */
const char *catalog_problems(const struct catalog *catalog);
void catalog_destroy(struct catalog *catalog);
size_t catalog_count(const struct catalog *catalog);
const struct catalog_entry *catalog_at(const struct catalog *catalog, size_t index);
/* The usable plugin of this name, or NULL with *out_problem: what was found instead and what to do.
 */
const struct catalog_entry *catalog_find(const struct catalog *catalog, const char *name,
                                         struct err *out_problem);
/* Is a file that goes by this name settling? Also when its note cannot be read yet. */
const struct catalog_entry *catalog_find_settling(const struct catalog *catalog, const char *name,
                                                  const char *former_path, int64_t now_ms);
/* By path; or NULL. */
const struct catalog_entry *catalog_find_path(const struct catalog *catalog, const char *path);
/* The directories it read, absolute, separated by ':'. */
const char *catalog_path(const struct catalog *catalog);
/* Where plugins are when `[host] plugin_path` is empty: the installed directory, relative to the
 * program. Caller frees; NULL: no memory. */
char *catalog_default_path(void);

#endif
