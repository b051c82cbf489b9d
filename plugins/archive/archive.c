/* SPDX-License-Identifier: Apache-2.0
 * archive: appends records to rotated files of NDJSON, one line a record.
 *
 * The promise: a record is accepted when its whole line is in the file and, with `sync`, on the
 * disk. A line is never left half written: what a full disk or a kill tore is cut off again, either
 * at once or when the file is next opened. The file is reopened when somebody moved it away, so
 * logrotate may do the rotating too.
 *
 * A file is locked (flock) while it is open: cutting back a torn line would otherwise cut another
 * writer's. */
#include <tenon/json.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off: rows of a table */
TENON_SETTINGS(TENON_OPTION("directory", "path", "", "", "required",
                            "where the files go; list it in allow_paths too")
                   TENON_OPTION("file", "text", "", "archive.ndjson", "",
                                "name of the file; {type} is the record's type")
                       TENON_OPTION("rotate_size", "size", "", "64M", "",
                                    "a file that would grow beyond is rotated; 0: never")
                           TENON_OPTION("rotate_keep", "integer", "0..1000", "10", "",
                                        "rotated files kept: FILE.1 is the newest")
                               TENON_OPTION("sync", "boolean", "", "yes", "",
                                            "a record is accepted only when it is on the disk")
                                   TENON_OPTION("wrap", "choice", "data,envelope", "data", "",
                                                "envelope adds id, type, version and key"));
/* clang-format on */

/* Types rarely are many; with more of them than this, files are closed and opened again. */
enum { OPEN_MAX_FILES = 16, NAME_BYTES = 200 };

struct file {
    char name[NAME_BYTES + 1];
    int fd; /* -1: not open */
    dev_t device;
    ino_t inode;
    off_t size;
    uint64_t used; /* the higher, the later */
};

/* Lines gathered for one write. */
struct pending {
    char *bytes;
    size_t len, room;
    size_t *ends;               /* behind the line of each record */
    uint32_t *indexes;          /* of the record in its batch */
    uint32_t count, lines_room; /* of ends, indexes and is_done */
    char *is_done;              /* of each record in the batch: its file has been looked after */
};

struct archive {
    const tenon_host *host;
    char directory[PATH_MAX - NAME_BYTES - 32];
    char pattern[NAME_BYTES + 1];
    int64_t rotate_size;
    int64_t rotate_keep;
    int is_synced;
    int has_envelope;
    struct file files[OPEN_MAX_FILES];
    uint64_t clock;
    struct pending pending;
};

/* ---- files ---- */

static void path_of(const struct archive *self, const char *name, int64_t number,
                    char out[PATH_MAX])
{
    if (number == 0)
        snprintf(out, PATH_MAX, "%s/%s", self->directory, name);
    else
        snprintf(out, PATH_MAX, "%s/%s.%lld", self->directory, name, (long long)number);
}

/* From errno to who is to blame. A full disk is the other side's failure: it passes. */
static int32_t fail_errno(tenon_err *err, const char *verb, const char *path)
{
    int code = errno;
    int32_t class = TENON_E_SERVER;
    const char *fix = "";

    if (code == EACCES || code == EPERM || code == EROFS) {
        class = TENON_E_AUTH;
        fix = "; the worker may write only where the file system and allow_paths let it";
    } else if (code == ENOENT || code == ENOTDIR) {
        class = TENON_E_CONNECTION;
        fix = "; make the directory, or correct `directory`";
    } else if (code == ENOSPC || code == EDQUOT) {
        fix = "; make room, delivery goes on by itself";
    }
    return tenon_failf(err, class, "cannot %s %.300s: %s%s", verb, path, strerror(code), fix);
}

static void file_close(struct file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

/* A new or renamed name is on the disk only when its directory is. */
static int32_t sync_directory(const struct archive *self, tenon_err *err)
{
    int fd = open(self->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;

    if (failed)
        fail_errno(err, "sync", self->directory);
    if (fd >= 0)
        close(fd);
    return failed ? err->code : TENON_OK;
}

/* Cuts a line without end, left by a writer that was killed: it was never accepted. Looks back one
 * line only, in steps; *size is the file's. */
static int cut_torn_line(int fd, off_t *size)
{
    char block[65536];
    off_t end = *size;

    while (end > 0) {
        size_t len = end < (off_t)sizeof block ? (size_t)end : sizeof block;
        ssize_t n = pread(fd, block, len, end - (off_t)len);
        const char *newline;
        if (n != (ssize_t)len) {
            errno = n < 0 ? errno : EIO;
            return -1;
        }
        newline = memrchr(block, '\n', len);
        if (newline != NULL) {
            end = end - (off_t)len + (newline - block) + 1;
            break;
        }
        end -= (off_t)len;
    }
    if (end == *size)
        return 0;
    if (ftruncate(fd, end) != 0)
        return -1;
    *size = end;
    return 1;
}

static int32_t file_open(struct archive *self, struct file *file, tenon_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    int cut;

    path_of(self, file->name, 0, path);
    file->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (file->fd < 0)
        return fail_errno(err, "open", path);
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
        file_close(file);
        return tenon_failf(
            err, TENON_E_CONNECTION,
            "%.300s is being written by another integration; give each its own `file`", path);
    }
    /* Under the lock: until then another writer may still end the line that is cut below. */
    if (fstat(file->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        file_close(file);
        return tenon_failf(err, TENON_E_CONNECTION,
                           "%.300s is not a regular file; choose another `file`", path);
    }
    file->device = st.st_dev;
    file->inode = st.st_ino;
    file->size = st.st_size;
    cut = cut_torn_line(file->fd, &file->size);
    if (cut < 0) {
        fail_errno(err, "mend the last line of", path);
        file_close(file);
        return err->code;
    }
    if (cut > 0)
        self->host->log(self->host, TENON_LOG_WARN,
                        tenon_text("cut a torn last line, which was never accepted"),
                        tenon_text(""));
    if (self->is_synced && sync_directory(self, err) != TENON_OK) {
        file_close(file);
        return err->code;
    }
    return TENON_OK;
}

static int is_still_there(const struct archive *self, const struct file *file)
{
    char path[PATH_MAX];
    struct stat st;

    path_of(self, file->name, 0, path);
    return lstat(path, &st) == 0 && st.st_dev == file->device && st.st_ino == file->inode;
}

/* The open file of this name; NULL with err. Takes the place of the one that was not used longest.
 */
static struct file *file_find(struct archive *self, const char *name, tenon_err *err)
{
    struct file *file = &self->files[0];

    for (size_t i = 0; i < OPEN_MAX_FILES; i++) {
        struct file *other = &self->files[i];
        if (other->fd >= 0 && strcmp(other->name, name) == 0) {
            file = other;
            break;
        }
        if (other->fd < 0 ? file->fd >= 0 : file->fd >= 0 && other->used < file->used)
            file = other;
    }
    if (file->fd >= 0 && (strcmp(file->name, name) != 0 || !is_still_there(self, file)))
        file_close(file);
    if (file->fd < 0) {
        snprintf(file->name, sizeof file->name, "%s", name);
        if (file_open(self, file, err) != TENON_OK)
            return NULL;
    }
    file->used = ++self->clock;
    return file;
}

/* FILE becomes FILE.1, FILE.1 becomes FILE.2, the oldest goes. The new FILE is opened by the
 * caller. */
static int32_t rotate(struct archive *self, struct file *file, tenon_err *err)
{
    char from[PATH_MAX];
    char to[PATH_MAX];

    if (self->rotate_keep == 0) {
        if (ftruncate(file->fd, 0) == 0) {
            file->size = 0;
            return TENON_OK;
        }
        path_of(self, file->name, 0, from);
        return fail_errno(err, "empty", from);
    }
    for (int64_t number = self->rotate_keep; number > 0; number--) {
        path_of(self, file->name, number - 1, from);
        path_of(self, file->name, number, to);
        if (rename(from, to) != 0 && errno != ENOENT)
            return fail_errno(err, "rotate", from);
    }
    file_close(file);
    return file_open(self, file, err);
}

/* ---- lines ---- */

static int pending_reserve(struct pending *pending, size_t more)
{
    size_t room = pending->room ? pending->room : 65536;
    char *bytes;

    while (room - pending->len < more)
        room *= 2;
    if (room == pending->room)
        return 0;
    bytes = realloc(pending->bytes, room);
    if (bytes == NULL)
        return -1;
    pending->bytes = bytes;
    pending->room = room;
    return 0;
}

static int32_t sink_write(tenon_sink *sink, const void *bytes, size_t len)
{
    struct pending *pending = sink->ctx;

    if (pending_reserve(pending, len) < 0)
        return TENON_E_NO_MEMORY;
    memcpy(pending->bytes + pending->len, bytes, len);
    pending->len += len;
    return TENON_OK;
}

/* Pretty-printed data would break the line. JSON has no raw line break inside a text, so each is
 * white space. */
static void flatten(char *bytes, size_t len)
{
    for (char *p = bytes; (p = memchr(p, '\n', len - (size_t)(p - bytes))) != NULL; p++)
        *p = ' ';
    for (char *p = bytes; (p = memchr(p, '\r', len - (size_t)(p - bytes))) != NULL; p++)
        *p = ' ';
}

/* Room for all of it is made first, so that a line is whole or not there. An escaped byte takes at
 * most six. */
static int32_t write_line(struct archive *self, const tenon_record *record)
{
    tenon_sink sink = {sizeof sink, 0, &self->pending, sink_write};
    size_t texts = record->id.len + record->type.len + record->key.len;
    size_t start = self->pending.len;
    char version[48];

    if (pending_reserve(&self->pending, record->data.len + 6 * texts + 128) < 0)
        return TENON_E_NO_MEMORY;
    if (self->has_envelope) {
        snprintf(version, sizeof version,
                 ",\"version\":%llu,\"key\":", (unsigned long long)record->version);
        tenon_puts(&sink, "{\"id\":");
        tenon_json_write_text(&sink, record->id);
        tenon_puts(&sink, ",\"type\":");
        tenon_json_write_text(&sink, record->type);
        tenon_puts(&sink, version);
        tenon_json_write_text(&sink, record->key);
        tenon_puts(&sink, ",\"data\":");
    }
    tenon_write(&sink, record->data);
    flatten(self->pending.bytes + start, self->pending.len - start);
    tenon_puts(&sink, self->has_envelope ? "}\n" : "\n");
    return TENON_OK;
}

/* ---- writing ---- */

static int32_t set_verdict(tenon_verdicts *out, uint32_t index, int32_t code, const tenon_err *err)
{
    int32_t kind = code == TENON_OK             ? TENON_ACCEPTED
                   : code == TENON_E_VALIDATION ? TENON_REJECTED
                                                : TENON_RETRY;
    tenon_verdict verdict = tenon_verdict_init(index, kind);

    verdict.error_class = code;
    verdict.message = tenon_text(code == TENON_OK ? "" : err->message);
    return out->set(out, &verdict);
}

static size_t write_all(int fd, const char *bytes, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = write(fd, bytes + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

/* Writes the first `count` gathered lines and says what became of each; the others move to the
 * front. On an error the lines that are whole in the file are accepted and what follows them is cut
 * off again. */
static int32_t flush(struct archive *self, struct file *file, uint32_t count, tenon_verdicts *out,
                     tenon_err *err)
{
    struct pending *pending = &self->pending;
    size_t len = count > 0 ? pending->ends[count - 1] : 0;
    size_t kept = 0;
    uint32_t whole = 0;
    int32_t status = TENON_OK;
    char path[PATH_MAX];
    size_t written;

    if (count == 0)
        return TENON_OK;
    path_of(self, file->name, 0, path);
    written = write_all(file->fd, pending->bytes, len);
    if (written < len)
        status = fail_errno(err, "write", path);
    while (whole < count && pending->ends[whole] <= written)
        kept = pending->ends[whole++];
    if (self->is_synced && whole > 0 && fdatasync(file->fd) != 0) {
        status = fail_errno(err, "sync", path);
        whole = 0;
        kept = 0;
    }
    if (status != TENON_OK && ftruncate(file->fd, file->size + (off_t)kept) != 0)
        file_close(file); /* opening it again cuts the torn line */
    file->size += (off_t)kept;

    for (uint32_t i = 0; i < count; i++)
        if (set_verdict(out, pending->indexes[i], i < whole ? TENON_OK : status, err) != TENON_OK)
            return TENON_E_NO_MEMORY;
    memmove(pending->bytes, pending->bytes + len, pending->len - len);
    pending->len -= len;
    pending->count -= count;
    for (uint32_t i = 0; i < pending->count; i++) {
        pending->ends[i] = pending->ends[i + count] - len;
        pending->indexes[i] = pending->indexes[i + count];
    }
    return status;
}

static int is_beyond(const struct archive *self, const struct file *file)
{
    return self->rotate_size > 0 && file->size + (off_t)self->pending.len > self->rotate_size;
}

/* Gathers a record's line; on an error, too, the record counts as gathered, and the caller answers
 * it. When the file would grow beyond its size by it, what is there is written and the file rotated
 * first; a line that is too long by itself gets a file of its own. */
static int32_t append(struct archive *self, struct file *file, const tenon_record *record,
                      uint32_t index, tenon_verdicts *out, tenon_err *err)
{
    struct pending *pending = &self->pending;
    int32_t status = write_line(self, record);

    pending->indexes[pending->count] = index;
    pending->ends[pending->count++] = pending->len;
    if (status != TENON_OK)
        return tenon_fail(err, status, "out of memory");
    if (!is_beyond(self, file) || (file->size == 0 && pending->count == 1))
        return TENON_OK;
    status = flush(self, file, pending->count - 1, out, err);
    if (status == TENON_OK && file->size > 0)
        status = rotate(self, file, err);
    return status;
}

/* The file's name for a type: what is not a plain character is percent-encoded, so a type cannot
 * leave the directory, and two types never share a file. */
static int32_t name_of(const struct archive *self, const tenon_record *record,
                       char out[NAME_BYTES + 1], tenon_err *err)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *place = strstr(self->pattern, "{type}");
    size_t len = place != NULL ? (size_t)(place - self->pattern) : strlen(self->pattern);
    const char *rest = place != NULL ? place + 6 : "";

    memcpy(out, self->pattern, len);
    for (size_t i = 0; place != NULL && i < record->type.len; i++) {
        unsigned char c = (unsigned char)record->type.ptr[i];
        int is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && len > 0);
        if (len + 3 + strlen(rest) > NAME_BYTES)
            return tenon_failf(err, TENON_E_VALIDATION,
                               "type '%.80s...' is too long for a file name", record->type.ptr);
        if (is_plain) {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = hex[c >> 4];
            out[len++] = hex[c & 15];
        }
    }
    memcpy(out + len, rest, strlen(rest) + 1);
    return TENON_OK;
}

static int is_same_file(const struct archive *self, const tenon_record *a, const tenon_record *b)
{
    return strstr(self->pattern, "{type}") == NULL ||
           (a->type.len == b->type.len && memcmp(a->type.ptr, b->type.ptr, a->type.len) == 0);
}

/* Answers what is gathered but could not be written. */
static int32_t give_up(struct archive *self, int32_t status, tenon_verdicts *out,
                       const tenon_err *err)
{
    for (uint32_t i = 0; i < self->pending.count; i++)
        if (set_verdict(out, self->pending.indexes[i], status, err) != TENON_OK)
            return TENON_E_NO_MEMORY;
    self->pending.count = 0;
    return TENON_OK;
}

/* All records of the batch from `first` on that go to its file. After an error the others of this
 * file are not tried: they would only fail one by one. */
static int32_t write_group(struct archive *self, const tenon_batch *batch, uint32_t first,
                           tenon_verdicts *out, tenon_err *err)
{
    const tenon_record *leader = tenon_record_at(batch, first);
    struct pending *pending = &self->pending;
    char name[NAME_BYTES + 1];
    struct file *file = NULL;
    int32_t status = name_of(self, leader, name, err);

    if (status == TENON_OK && (file = file_find(self, name, err)) == NULL)
        status = err->code;
    pending->len = 0;
    pending->count = 0;
    for (uint32_t i = first; i < batch->count; i++) {
        const tenon_record *record = tenon_record_at(batch, i);
        if (pending->is_done[i] || !is_same_file(self, leader, record))
            continue;
        pending->is_done[i] = 1;
        if (status == TENON_OK)
            status = append(self, file, record, i, out, err);
        else
            pending->indexes[pending->count++] = i;
    }
    if (status == TENON_OK)
        status = flush(self, file, pending->count, out, err);
    return status == TENON_OK ? TENON_OK : give_up(self, status, out, err);
}

static int pending_start(struct pending *pending, uint32_t count)
{
    if (count > pending->lines_room) {
        size_t *ends = realloc(pending->ends, count * sizeof *ends);
        uint32_t *indexes = NULL;
        char *is_done = NULL;
        if (ends != NULL)
            pending->ends = ends;
        if (ends != NULL && (indexes = realloc(pending->indexes, count * sizeof *indexes)) != NULL)
            pending->indexes = indexes;
        if (indexes != NULL && (is_done = realloc(pending->is_done, count)) != NULL)
            pending->is_done = is_done;
        if (is_done == NULL)
            return -1;
        pending->lines_room = count;
    }
    memset(pending->is_done, 0, count);
    return 0;
}

static int32_t submit(void *arg, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err)
{
    struct archive *self = arg;

    if (pending_start(&self->pending, batch->count) < 0)
        return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    for (uint32_t i = 0; i < batch->count; i++)
        if (!self->pending.is_done[i] && write_group(self, batch, i, out, err) != TENON_OK)
            return TENON_E_NO_MEMORY;
    return TENON_OK;
}

/* A file without a name shows that the directory takes files, and leaves nothing behind. */
static int32_t test(void *arg, tenon_err *err)
{
    const struct archive *self = arg;
    int fd = open(self->directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0640);

    if (fd >= 0) {
        close(fd);
        return TENON_OK;
    }
    if ((errno == EOPNOTSUPP || errno == EISDIR) && access(self->directory, W_OK | X_OK) == 0)
        return TENON_OK;
    return fail_errno(err, "write into", self->directory);
}

/* ---- plugin ---- */

static int32_t parse(struct archive *self, tenon_str settings, tenon_err *err)
{
    const char *place;

    if (tenon_setting_text(settings, "directory", self->directory, sizeof self->directory) < 0)
        return tenon_fail(err, TENON_E_VALIDATION, "directory: the path is too long");
    if (self->directory[0] != '/')
        return tenon_failf(err, TENON_E_VALIDATION,
                           "directory: a path from / is expected, not '%.200s'", self->directory);
    if (tenon_setting_text(settings, "file", self->pattern, sizeof self->pattern) < 0 ||
        self->pattern[0] == '\0')
        return tenon_failf(err, TENON_E_VALIDATION, "file: a name of 1 to %d bytes is expected",
                           NAME_BYTES);
    if (strchr(self->pattern, '/') != NULL || self->pattern[0] == '.')
        return tenon_failf(
            err, TENON_E_VALIDATION,
            "file: '%s' must be a name without '/' and not start with '.'; the place is "
            "`directory`",
            self->pattern);
    place = strstr(self->pattern, "{type}");
    for (const char *p = self->pattern; *p != '\0'; p++) {
        if ((*p == '{' || *p == '}') && p != place && p != (place != NULL ? place + 5 : NULL))
            return tenon_failf(
                err, TENON_E_VALIDATION,
                "file: '%s' has a brace at byte %d; the only placeholder is {type}, once",
                self->pattern, (int)(p - self->pattern) + 1);
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return tenon_fail(err, TENON_E_VALIDATION, "file: the name holds a control character");
    }
    self->rotate_size = tenon_setting_integer(settings, "rotate_size");
    self->rotate_keep = tenon_setting_integer(settings, "rotate_keep");
    self->is_synced = tenon_setting_is(settings, "sync");
    self->has_envelope = tenon_equals(tenon_json_find(settings, "wrap"), "\"envelope\"");
    return TENON_OK;
}

static int32_t validate(tenon_str settings, tenon_err *err)
{
    struct archive *self = calloc(1, sizeof *self);
    int32_t status;

    if (self == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    status = parse(self, settings, err);
    free(self);
    return status;
}

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    struct archive *self = calloc(1, sizeof *self);
    int32_t status;

    (void)integration;
    if (self == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    self->host = host;
    for (size_t i = 0; i < OPEN_MAX_FILES; i++)
        self->files[i].fd = -1;
    status = parse(self, settings, err);
    if (status == TENON_OK)
        *out_self = self;
    else
        free(self);
    return status;
}

/* Lets go of the files, so that a successor of this worker can lock them. */
static void deactivate(void *arg, uint32_t grace_ms)
{
    struct archive *self = arg;

    (void)grace_ms;
    for (size_t i = 0; i < OPEN_MAX_FILES; i++)
        file_close(&self->files[i]);
}

static void destroy(void *arg)
{
    struct archive *self = arg;

    deactivate(self, 0);
    free(self->pending.bytes);
    free(self->pending.ends);
    free(self->pending.indexes);
    free(self->pending.is_done);
    free(self);
}

static const tenon_client client = TENON_CLIENT(submit, NULL, test);

static void describe(tenon_plugin *plugin)
{
    plugin->flags = TENON_PER_INTEGRATION;
    plugin->validate = validate;
    plugin->create = create;
    plugin->deactivate = deactivate;
    plugin->destroy = destroy;
    plugin->client = &client;
}

TENON_PLUGIN("archive", "1.0.0", "Apache-2.0", describe);
