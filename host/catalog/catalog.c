/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/catalog.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "catalog/catalog_paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

enum { FILES_MAX = 10000 };

struct slot {
    struct catalog_entry entry;
    size_t directory;  /* which of the path's directories */
    bool is_candidate; /* while twins are settled: was usable before this round */
};

struct catalog {
    struct slot *slots;
    size_t count, room;
    char *path;
    struct buf problems;
    const struct catalog *former; /* while it is scanned; or NULL */
};

static void entry_finish(struct catalog_entry *entry)
{
    free(entry->path);
    free(entry->reason);
    plugin_note_finish(&entry->note);
}

void catalog_destroy(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    for (size_t i = 0; i < catalog->count; i++)
        entry_finish(&catalog->slots[i].entry);
    free(catalog->slots);
    free(catalog->path);
    buf_finish(&catalog->problems);
    free(catalog);
}

DEFINE_GUARD(catalog, struct catalog *, catalog_destroy);

static struct slot *add_slot(struct catalog *catalog)
{
    if (catalog->count == catalog->room) {
        size_t room = catalog->room == 0 ? 16 : catalog->room * 2;
        struct slot *slots = realloc(catalog->slots, room * sizeof *slots);
        if (slots == NULL)
            return NULL;
        catalog->slots = slots;
        catalog->room = room;
    }
    struct slot *slot = &catalog->slots[catalog->count++];
    memset(slot, 0, sizeof *slot);
    return slot;
}

/* The first reason stays: it is the one to mend first. */
static int refuse(struct catalog_entry *entry, enum catalog_state state, const char *reason)
{
    if (entry->state != CATALOG_USABLE)
        return 0;
    entry->reason = strdup(reason);
    if (entry->reason == NULL)
        return -ENOMEM;
    entry->state = state;
    return 0;
}

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void note_file(struct catalog_entry *entry, const struct stat *info)
{
    entry->size_bytes = info->st_size;
    entry->device = info->st_dev;
    entry->inode = info->st_ino;
    entry->mtime_ns = nanoseconds(info->st_mtim);
    entry->ctime_ns = nanoseconds(info->st_ctim);
    entry->mtime_ms = entry->mtime_ns / 1000000;
    entry->looked_ms = clock_wall_ms();
}

/* The digest of a file that was not touched since it was taken. A file changed shortly before the
 * former look may have changed again within one tick of its clock, so it is read anew. */
static bool has_known_digest(const struct catalog *former, struct catalog_entry *entry)
{
    enum { TICK_MS = 1000 };
    const struct catalog_entry *known =
        former != NULL ? catalog_find_path(former, entry->path) : NULL;

    if (known == NULL || known->sha256[0] == '\0' || known->device != entry->device ||
        known->inode != entry->inode || known->size_bytes != entry->size_bytes ||
        known->mtime_ns != entry->mtime_ns || known->ctime_ns != entry->ctime_ns ||
        known->looked_ms - known->ctime_ns / 1000000 < TICK_MS)
        return false;
    memcpy(entry->sha256, known->sha256, sizeof entry->sha256);
    return true;
}

/* Everything is read from the one descriptor that the trust check has opened. */
static int inspect(const struct catalog *catalog, struct catalog_entry *entry)
{
    struct err why = {0};
    struct stat info;
    _close_ int fd = -1;

    int trusted = plugin_trust_open(entry->path, &fd, &why);
    if (trusted < 0) {
        /* Untrusted is not unreadable: what the file is still helps a person. No code of it runs.
         */
        fd = open(entry->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
            return refuse(entry, CATALOG_REFUSED, why.text);
    }
    if (fstat(fd, &info) == 0)
        note_file(entry, &info);
    struct err problem = {0};
    int status = plugin_note_read(fd, &entry->note, &problem);
    if (status == -ENOMEM)
        return status;
    if (status == E_NOT_FOUND)
        return refuse(entry, CATALOG_FOREIGN, problem.text);
    if (trusted < 0)
        return refuse(entry, CATALOG_REFUSED, why.text);
    if (status == 0)
        status = plugin_note_judge(&entry->note, &problem);
    if (status == 0 && !has_known_digest(catalog->former, entry) &&
        digest_file_sha256(fd, entry->sha256) < 0)
        status = err_set(&problem, E_REFUSED, "cannot be read to its end");
    return status < 0 ? refuse(entry, CATALOG_REFUSED, problem.text) : 0;
}

static int is_plugin_file(const struct dirent *file)
{
    size_t len = strlen(file->d_name);

    return file->d_name[0] != '.' && len > 3 && strcmp(file->d_name + len - 3, ".so") == 0;
}

static int add_file(struct catalog *catalog, size_t directory, const char *path, const char *name)
{
    struct slot *slot = add_slot(catalog);

    if (slot == NULL)
        return -ENOMEM;
    slot->directory = directory;
    slot->entry.path = file_join(path, name);
    if (slot->entry.path == NULL)
        return -ENOMEM;
    return inspect(catalog, &slot->entry);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int scan_directory(struct catalog *catalog, size_t directory, const char *path)
{
    struct dirent **files = NULL;
    int status = 0;

    int count = scandir(path, &files, is_plugin_file, by_name);
    if (count < 0 && errno == ENOMEM)
        return -ENOMEM;
    if (count < 0) {
        buf_printf(&catalog->problems, "plugin directory '%s': %s\n", path, strerror(errno));
        return 0;
    }
    if (count > FILES_MAX)
        buf_printf(&catalog->problems,
                   "plugin directory '%s': only the first %d of %d files are read\n", path,
                   FILES_MAX, count);
    for (int i = 0; i < count; i++) {
        if (status == 0 && i < FILES_MAX)
            status = add_file(catalog, directory, path, files[i]->d_name);
        free(files[i]);
    }
    free(files);
    return status;
}

/* ---- one name, two files ---- */

static int refuse_twin(struct catalog_entry *entry, const char *other, bool is_same_directory)
{
    _buf_ struct buf words = {0};

    if (is_same_directory)
        buf_printf(&words,
                   "plugin '%s' is in this directory twice, also as '%s': remove one of the two",
                   entry->note.name, other);
    else
        buf_printf(&words,
                   "plugin '%s' is taken from '%s', whose directory comes first in the plugin path",
                   entry->note.name, other);
    return words.failed ? -ENOMEM : refuse(entry, CATALOG_REFUSED, words.ptr);
}

static struct slot *find_twin(struct catalog *catalog, size_t of, bool within_directory)
{
    struct slot *a = &catalog->slots[of];

    for (size_t i = 0; i < catalog->count; i++) {
        struct slot *b = &catalog->slots[i];
        if (i != of && b->is_candidate && (a->directory == b->directory) == within_directory &&
            (within_directory || b->directory < a->directory) &&
            strcmp(a->entry.note.name, b->entry.note.name) == 0)
            return b;
    }
    return NULL;
}

/* Twins within a directory first: both fall out, and then neither hides one of a later directory.
 * Who was a candidate before the round counts, so that of three alike all three fall. */
static int settle_twins(struct catalog *catalog, bool within_directory)
{
    for (size_t i = 0; i < catalog->count; i++)
        catalog->slots[i].is_candidate = catalog->slots[i].entry.state == CATALOG_USABLE;
    for (size_t i = 0; i < catalog->count; i++) {
        if (!catalog->slots[i].is_candidate)
            continue;
        const struct slot *twin = find_twin(catalog, i, within_directory);
        if (twin != NULL &&
            refuse_twin(&catalog->slots[i].entry, twin->entry.path, within_directory) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* ---- the whole ---- */

static char *absolute(struct str directory)
{
    _free_ char *text = str_dup(directory);

    if (text == NULL || text[0] == '/')
        return steal(text);
    _free_ char *here = getcwd(NULL, 0);
    return here != NULL ? file_join(here, text) : NULL;
}

static bool came_before(char *const *paths, size_t count, const char *path)
{
    struct stat one;
    struct stat other;

    for (size_t i = 0; i < count; i++)
        if (strcmp(paths[i], path) == 0 ||
            (stat(paths[i], &one) == 0 && stat(path, &other) == 0 && one.st_dev == other.st_dev &&
             one.st_ino == other.st_ino))
            return true;
    return false;
}

static int scan_all(struct catalog *catalog, const char *plugin_path)
{
    enum { DIRECTORIES_MAX = 64 };
    char *seen[DIRECTORIES_MAX];
    struct str rest = str_of(plugin_path);
    struct str directory;
    size_t count = 0;
    int status = 0;

    while (status == 0 && count < DIRECTORIES_MAX && str_next(&rest, ':', &directory)) {
        if (directory.len == 0)
            continue;
        char *path = absolute(directory);
        if (path == NULL) {
            status = -ENOMEM;
            break;
        }
        if (came_before(seen, count, path)) {
            free(path);
            continue;
        }
        seen[count++] = path;
        status = scan_directory(catalog, count, path);
    }
    for (size_t i = 0; i < count; i++)
        free(seen[i]);
    return status;
}

struct catalog *catalog_scan(const char *plugin_path, const struct catalog *former, struct err *err)
{
    _guard_(catalog) struct catalog *catalog = calloc(1, sizeof *catalog);

    if (catalog != NULL) {
        catalog->former = former;
        catalog->path = strdup(plugin_path);
    }
    if (catalog == NULL || catalog->path == NULL || scan_all(catalog, plugin_path) < 0 ||
        settle_twins(catalog, true) < 0 || settle_twins(catalog, false) < 0 ||
        catalog->problems.failed) {
        (void)err_set(err, -ENOMEM, "out of memory while reading the plugin path");
        return NULL;
    }
    catalog->former = NULL;
    return steal(catalog);
}

const char *catalog_state_name(enum catalog_state state)
{
    static const char *const names[] = {
        [CATALOG_USABLE] = "usable", [CATALOG_REFUSED] = "refused", [CATALOG_FOREIGN] = "foreign"};

    return names[state];
}

const char *catalog_path(const struct catalog *catalog)
{
    return catalog->path;
}

const char *catalog_problems(const struct catalog *catalog)
{
    return catalog->problems.ptr != NULL ? catalog->problems.ptr : "";
}

size_t catalog_count(const struct catalog *catalog)
{
    return catalog->count;
}

const struct catalog_entry *catalog_at(const struct catalog *catalog, size_t index)
{
    return &catalog->slots[index].entry;
}

/* ---- looking one up ---- */

/* Is this refused file the plugin that was asked for? By its note, else by its file name. */
static bool goes_by(const struct catalog_entry *entry, const char *name)
{
    const char *base = strrchr(entry->path, '/') + 1;

    if (entry->note.name[0] != '\0')
        return strcmp(entry->note.name, name) == 0;
    return strlen(base) == strlen(name) + 3 && strncmp(base, name, strlen(name)) == 0;
}

const struct catalog_entry *catalog_find_path(const struct catalog *catalog, const char *path)
{
    for (size_t i = 0; i < catalog->count; i++)
        if (strcmp(catalog->slots[i].entry.path, path) == 0)
            return &catalog->slots[i].entry;
    return NULL;
}

bool catalog_entry_is_settling(const struct catalog_entry *entry, int64_t now_ms)
{
    int64_t age_ms = now_ms - entry->mtime_ms;

    /* A time to come was set by hand, which is done last. */
    return age_ms >= 0 &&
           age_ms < (entry->state == CATALOG_USABLE ? CATALOG_QUIET_MS : CATALOG_SETTLE_MS);
}

const struct catalog_entry *catalog_find_settling(const struct catalog *catalog, const char *name,
                                                  const char *former_path, int64_t now_ms)
{
    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_entry *entry = catalog_at(catalog, i);

        if (catalog_entry_is_settling(entry, now_ms) &&
            (goes_by(entry, name) ||
             (former_path != NULL && strcmp(entry->path, former_path) == 0)))
            return entry;
    }
    return NULL;
}

static void say_what_there_is(const struct catalog *catalog, const char *name, struct err *out)
{
    _free_ const char **names = calloc(catalog->count + 1, sizeof *names);
    _buf_ struct buf list = {0};
    size_t count = 0;

    for (size_t i = 0; names != NULL && i < catalog->count; i++) {
        const struct catalog_entry *entry = catalog_at(catalog, i);
        if (entry->state != CATALOG_USABLE)
            continue;
        names[count++] = entry->note.name;
        if (count <= 12)
            buf_printf(&list, "%s%s", count > 1 ? ", " : "", entry->note.name);
        else if (count == 13)
            buf_puts(&list, ", ...");
    }
    const char *near = names != NULL ? str_nearest(name, names, count) : NULL;
    if (near != NULL)
        (void)err_set(out, E_NOT_FOUND, "there is no plugin '%s' in '%s'; did you mean '%s'?", name,
                      catalog->path, near);
    else if (count > 0)
        (void)err_set(out, E_NOT_FOUND, "there is no plugin '%s' in '%s'; there are: %s", name,
                      catalog->path, list.ptr != NULL ? list.ptr : "");
    else
        (void)err_set(out, E_NOT_FOUND, "there is no plugin '%s': no usable plugin is in '%s'",
                      name, catalog->path);
}

const struct catalog_entry *catalog_find(const struct catalog *catalog, const char *name,
                                         struct err *out_problem)
{
    const struct catalog_entry *refused = NULL;

    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_entry *entry = catalog_at(catalog, i);
        if (entry->state == CATALOG_USABLE && strcmp(entry->note.name, name) == 0)
            return entry;
        if (entry->state != CATALOG_USABLE && refused == NULL && goes_by(entry, name))
            refused = entry;
    }
    if (refused != NULL)
        (void)err_set(out_problem, refused->state == CATALOG_FOREIGN ? E_NOT_FOUND : E_REFUSED,
                      "'%s': %s", refused->path, refused->reason);
    else
        say_what_there_is(catalog, name, out_problem);
    return NULL;
}

/* CATALOG_LIBDIR comes from the build: "lib" or "lib/x86_64-linux-gnu", seen from the prefix. */
char *catalog_default_path(void)
{
    if (CATALOG_LIBDIR[0] == '/')
        return strdup(CATALOG_LIBDIR "/tenon/plugins");
    _free_ char *program = file_program_dir();
    if (program == NULL)
        return NULL;
    char *slash = strrchr(program, '/');
    if (slash != NULL && slash != program)
        *slash = '\0'; /* bin, sbin */
    return file_join(program, CATALOG_LIBDIR "/tenon/plugins");
}
