/* SPDX-License-Identifier: Apache-2.0
 * The SQLite backend: files, handles, transactions. WAL, so that the reader sees the last commit
 * while the next one is written. */
#include "store/store_sqlite.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
    CACHE_BYTES_DEFAULT = 2 << 20,
    READER_CACHE_MIN = 256 << 10,
    WAL_KEEP_BYTES = 32 << 20, /* what a burst left behind is given back */
};

static int status_of(const struct store_sqlite_db *handle)
{
    int system_errno = sqlite3_system_errno(handle->db);

    switch (sqlite3_errcode(handle->db) & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return E_SYNTAX;
    case SQLITE_TOOBIG:
        return E_TOO_LARGE;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return system_errno > 0 ? -system_errno : -EIO;
    default:
        return -EIO;
    }
}

int store_sqlite_fail(struct store_sqlite_db *handle, const char *doing, struct err *err)
{
    int status = status_of(handle);
    int system_errno = sqlite3_system_errno(handle->db);
    const char *why = "";

    if (status == 0)
        status = -EIO;
    if (status == -ENOSPC)
        why = "make room on its disk";
    else if (status == -EFBIG)
        why = "a file may not grow further; raise the file size limit";
    else if (status == E_SYNTAX)
        why = "the file is damaged, or no database; restore a backup";
    else if (system_errno > 0 && status == -system_errno)
        why = strerror(system_errno);
    return err_set(err, status, "store %s: %s: %s%s%s", handle->path, doing,
                   sqlite3_errmsg(handle->db), why[0] != '\0' ? ": " : "", why);
}

int store_sqlite_spoil(struct store_sqlite_writer *writer, const char *doing, struct err *err)
{
    writer->is_spoiled = true;
    return store_sqlite_fail(&writer->handle, doing, err);
}

sqlite3_stmt *store_sqlite_use(struct store_sqlite_db *handle, enum store_sqlite_statement which,
                               const char *sql)
{
    if (handle->kept[which] == NULL)
        (void)sqlite3_prepare_v3(handle->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                 &handle->kept[which], NULL);
    return handle->kept[which];
}

int store_sqlite_run(struct store_sqlite_writer *writer, sqlite3_stmt *statement, const char *doing,
                     struct err *err)
{
    int status = 0;

    if (statement == NULL || sqlite3_step(statement) != SQLITE_DONE)
        status = store_sqlite_spoil(writer, doing, err);
    (void)sqlite3_reset(statement); /* repeats the step's code */
    return status;
}

int store_sqlite_exec(struct store_sqlite_db *handle, const char *sql, const char *doing,
                      struct err *err)
{
    if (sqlite3_exec(handle->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return store_sqlite_fail(handle, doing, err);
    return 0;
}

void store_sqlite_bind_text(sqlite3_stmt *statement, int index, struct str text)
{
    if (text.len == 0)
        (void)sqlite3_bind_null(statement,
                                index); /* a wrong index would be our mistake, and fail the step */
    else
        (void)sqlite3_bind_text64(statement, index, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

struct str store_sqlite_column(sqlite3_stmt *statement, int index)
{
    const char *text = (const char *)sqlite3_column_text(statement, index);
    return (struct str){text, text != NULL ? (size_t)sqlite3_column_bytes(statement, index) : 0};
}

static void configure_library(void)
{
    /* Each handle stays on one thread and nobody asks for SQLite's own memory statistics: no mutex
     * on the way. Refused when SQLite is in use already, and then merely slower. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_initialize();
    (void)store_sqlite_log_register(); /* without it no handle opens, and says so */
}

int store_sqlite_open(struct store_sqlite_db *handle, const char *path, int64_t cache_bytes,
                      struct err *err)
{
    char pragmas[320];

    /* The size of a page is fixed by the first handle, but told by each before the size of its
     * cache: SQLite counts the cache in pages of the size that it knows then. */
    handle->path = strdup(path);
    if (handle->path == NULL)
        return err_set(err, -ENOMEM, "no memory for the store");
    if (sqlite3_open_v2(path, &handle->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        STORE_SQLITE_LOG_VFS) != SQLITE_OK)
        return store_sqlite_fail(handle, "cannot be opened", err);
    (void)sqlite3_extended_result_codes(handle->db, 1);
    (void)sqlite3_busy_timeout(handle->db, STORE_SQLITE_BUSY_MS);
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA page_size = %d; PRAGMA automatic_index = 0; PRAGMA cache_size = -%d; PRAGMA "
             "mmap_size = 0; PRAGMA "
             "temp_store = MEMORY; PRAGMA "
             "trusted_schema = 0;",
             (int)STORE_SQLITE_PAGE_BYTES, (int)(cache_bytes / 1024));
    return store_sqlite_exec(handle, pragmas, "cannot be set up", err);
}

void store_sqlite_close(struct store_sqlite_db *handle)
{
    for (size_t i = 0; i < S_STATEMENTS; i++)
        (void)sqlite3_finalize(handle->kept[i]); /* repeats an old error */
    if (handle->db != NULL)
        (void)sqlite3_close(handle->db); /* all statements are gone, so it cannot refuse */
    free(handle->path);
}

/* A lock file of our own: SQLite's locks come and go with transactions, and would let a second
 * daemon in between. It names who holds it, and stays behind empty of meaning. */
static int take_lock(const char *path, int *out_fd, struct err *err)
{
    char lock_path[4096];
    char owner[32] = "";

    if (snprintf(lock_path, sizeof(lock_path), "%s-lock", path) >= (int)sizeof(lock_path))
        return err_set(err, -ENAMETOOLONG, "store %s: the path is too long", path);
    _close_ int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(err, -errno, "store %s: cannot create its lock file: %s", lock_path,
                       strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int code = errno;
        ssize_t len = pread(fd, owner, sizeof(owner) - 1, 0);
        if (code != EWOULDBLOCK)
            return err_set(err, -code, "store %s: cannot lock it: %s", lock_path, strerror(code));
        owner[len > 0 ? strspn(owner, "0123456789") : 0] = '\0';
        return err_set(err, -EBUSY,
                       "store %s is in use by process %s: one tenond per file; stop that one or "
                       "set [store] url"
                       " to another file",
                       path, owner[0] != '\0' ? owner : "unknown");
    }
    int len = snprintf(owner, sizeof(owner), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, owner, (size_t)len, 0) != len) {
        /* The number is a courtesy to the next one's error text; the lock holds without it, also on
         * a full disk. */
    }
    *out_fd = steal_fd(fd);
    return 0;
}

/* The directory, the lock, and an empty file with the right mode before SQLite would make one with
 * the umask's. */
static int prepare_place(const char *path, int *out_lock_fd, struct err *err)
{
    const char *slash = strrchr(path, '/');

    if (path[0] == '\0')
        return err_set(err, -EINVAL, "[store] url 'sqlite:' names no file: expected sqlite:PATH");
    if (slash != NULL && slash != path) {
        _free_ char *directory = strndup(path, (size_t)(slash - path));
        if (directory == NULL)
            return err_set(err, -ENOMEM, "no memory for the store");
        int status = file_make_dirs(directory, 0700, err);
        if (status < 0)
            return status;
    }
    int status = take_lock(path, out_lock_fd, err);
    if (status < 0)
        return status;
    struct stat found;
    if (stat(path, &found) == 0)
        return S_ISREG(found.st_mode)
                   ? store_sqlite_drop_foreign_log(path, err)
                   : err_set(err, -EINVAL, "store %s is not a regular file", path);
    _close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, -errno, "store %s: cannot create it: %s", path, strerror(errno));
    return 0;
}

/* After each commit, with the log's length. */
static int on_wal(void *user, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    store_sqlite_checkpoint_watch(user, pages);
    return SQLITE_OK;
}

static void sql_wanted(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct store_sqlite_writer *writer = sqlite3_user_data(context);
    int64_t type = sqlite3_value_int64(values[0]);

    (void)count;
    sqlite3_result_int(context, type >= 0 && type <= STORE_TYPES_MAX &&
                                    (writer->wanted[type / 8] & (1u << (type % 8))) != 0);
}

static int set_up_writer(struct store_sqlite_writer *writer, bool is_sync_full, struct err *err)
{
    char pragmas[320];
    struct store_sqlite_db *handle = &writer->handle;

    /* Before the first table, as it cannot be changed later: what retention frees can be given back
     * bit by bit. */
    int status =
        store_sqlite_exec(handle, "PRAGMA auto_vacuum = INCREMENTAL", "cannot be opened", err);
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = %s; PRAGMA journal_size_limit = %d;",
             is_sync_full ? "FULL" : "NORMAL", (int)WAL_KEEP_BYTES);
    if (status == 0)
        status = store_sqlite_exec(handle, pragmas, "cannot be opened", err);
    if (status == 0)
        status = store_sqlite_migrate(handle, err);
    if (status == 0)
        status = store_sqlite_number(handle, "PRAGMA page_size", &writer->page_bytes, err);
    if (status < 0)
        return status;
    (void)sqlite3_wal_hook(handle->db, on_wal,
                           writer); /* gives the former hook, which is SQLite's own */
    if (sqlite3_create_function_v2(handle->db, "wanted", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                   writer, sql_wanted, NULL, NULL, NULL) != SQLITE_OK)
        return store_sqlite_fail(handle, "cannot be set up", err);
    return store_sqlite_cache_load(writer, err);
}

static void sqlite_close(void *pointer)
{
    struct store_sqlite_writer *writer = pointer;

    store_sqlite_checkpointer_finish(writer);
    store_sqlite_cache_finish(writer);
    store_sqlite_close(&writer->handle);
    if (writer->lock_fd >= 0)
        (void)close(writer->lock_fd); /* releases the lock; nothing was written behind SQLite */
    free(writer);
}

static int sqlite_open(const struct store_settings *settings, const char *place, void **out_writer,
                       struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct store_sqlite_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL)
        return err_set(err, -ENOMEM, "no memory for the store");
    (void)pthread_once(&once, configure_library); /* fails only for a broken `once` */
    writer->lock_fd = -1;
    writer->is_sync_full = settings->is_sync_full;
    writer->reserve_bytes = settings->reserve_bytes;
    writer->log_pages_max = STORE_SQLITE_LOG_PAGES_MAX;
    store_sqlite_checkpointer_init(&writer->checkpointer);
    writer->cache_bytes = settings->cache_bytes > 0 ? settings->cache_bytes : CACHE_BYTES_DEFAULT;
    int status = digest_init() < 0 ? err_set(err, -EIO, "libsodium does not start") : 0;
    if (status == 0)
        status = prepare_place(place, &writer->lock_fd, err);
    if (status == 0)
        status = store_sqlite_open(&writer->handle, place, writer->cache_bytes, err);
    if (status == 0)
        status = set_up_writer(writer, settings->is_sync_full, err);
    if (status < 0) {
        sqlite_close(writer);
        return status;
    }
    *out_writer = writer;
    return 0;
}

static void sqlite_close_reader(void *pointer)
{
    store_sqlite_close(pointer);
    free(pointer);
}

static int sqlite_open_reader(void *pointer, void **out_reader, struct err *err)
{
    const struct store_sqlite_writer *writer = pointer;
    struct store_sqlite_db *reader = calloc(1, sizeof(*reader));
    int64_t cache_bytes = writer->cache_bytes / 4;

    if (reader == NULL)
        return err_set(err, -ENOMEM, "no memory for the store");
    memcpy(reader->uuid, writer->handle.uuid, sizeof(reader->uuid));
    int status =
        store_sqlite_open(reader, writer->handle.path,
                          cache_bytes > READER_CACHE_MIN ? cache_bytes : READER_CACHE_MIN, err);
    if (status == 0)
        status = store_sqlite_exec(reader, "PRAGMA query_only = 1", "cannot be set up", err);
    if (status < 0) {
        sqlite_close_reader(reader);
        return status;
    }
    *out_reader = reader;
    return 0;
}

static int sqlite_begin(void *pointer, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;

    writer->is_spoiled = false;
    if (writer->must_reload) {
        int status = store_sqlite_cache_rollback(writer, err);
        if (status < 0)
            return status;
        writer->must_reload = false;
    }
    return store_sqlite_run(writer, store_sqlite_use(&writer->handle, S_BEGIN, "BEGIN IMMEDIATE"),
                            "cannot begin to write", err);
}

static int sqlite_commit(void *pointer, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    int status = store_sqlite_cache_flush(writer, err);

    if (status == 0)
        status = store_sqlite_run(writer, store_sqlite_use(&writer->handle, S_COMMIT, "COMMIT"),
                                  "cannot commit", err);
    if (status == 0)
        store_sqlite_cache_committed(writer);
    return status;
}

static void sqlite_rollback(void *pointer)
{
    struct store_sqlite_writer *writer = pointer;

    /* Some errors have rolled back already, and then there is nothing to do and no harm in it. */
    if (sqlite3_get_autocommit(writer->handle.db) == 0)
        (void)store_sqlite_exec(&writer->handle, "ROLLBACK", "cannot roll back", NULL);
    writer->is_spoiled = false;
    /* What cannot be read back from a sick disk is tried again before the next write. */
    writer->must_reload = store_sqlite_cache_rollback(writer, NULL) < 0;
}

static bool sqlite_is_spoiled(void *writer)
{
    return ((struct store_sqlite_writer *)writer)->is_spoiled;
}

static int64_t sqlite_wal_bytes(void *pointer)
{
    const struct store_sqlite_writer *writer = pointer;

    return writer->wal_pages * writer->page_bytes;
}

const struct store_backend sqlite_backend = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .open_reader = sqlite_open_reader,
    .close_reader = sqlite_close_reader,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .is_spoiled = sqlite_is_spoiled,
    .wal_bytes = sqlite_wal_bytes,
    .put = store_sqlite_put,
    .relate = store_sqlite_relate,
    .publish = store_sqlite_publish,
    .integration = store_sqlite_integration,
    .claim = store_sqlite_claim,
    .record = store_sqlite_record,
    .enqueue = store_sqlite_enqueue,
    .keep = store_sqlite_keep,
    .attribute = store_sqlite_attribute,
    .move = store_sqlite_move,
    .recover = store_sqlite_recover,
    .clean = store_sqlite_clean,
    .shrink = store_sqlite_shrink,
    .checkpoint = store_sqlite_checkpoint,
    .space = store_sqlite_space,
    .reserve = store_sqlite_reserve,
    .check = store_sqlite_check,
    .backup = store_sqlite_backup,
    .query = store_sqlite_query,
};
