/* SPDX-License-Identifier: Apache-2.0
 * Folds the log into the store's file. SQLite would do so in the middle of commits, which all wait
 * for it: for hundreds of pages, and for the disk twice. Here a thread with a handle of its own
 * begins at half of what the log may hold, while commits go on behind it; it goes round until
 * hardly anything is left, and that little the writer folds in, since only a log that is folded in
 * whole is started anew. Without the thread, and at the log's end, the writer does it all.
 *
 * The order of syncs that makes this safe is SQLite's own, whichever handle asks:
 * https://www.sqlite.org/wal.html, "Checkpointing". */
#include "store/store_sqlite.h"

#include "base/clock.h"
#include "base/log.h"

#include <unistd.h>

enum {
    BEGINS_AT = 2,       /* a half of the log */
    REST = 8,            /* an eighth of that is little */
    NICE = 10,           /* commits, and all they wait for, go first */
    CACHE_BYTES = 4096,  /* a checkpoint goes past the cache */
    READER_WAIT_MS = 20, /* how long a checkpoint that starts the log anew waits for readers */
};

/* Of a sync that failed Linux tells each descriptor once, and takes the pages for written. SQLite
 * would succeed at the next try and start the log anew, though the log alone has what was lost. So
 * nothing is folded in any more: who opens the store next folds in all of it. */
static void see_round_locked(struct store_sqlite_checkpointer *own, int code, int64_t pages,
                             int64_t folded)
{
    if (code == SQLITE_OK && folded == pages)
        own->complete_ms = clock_wall_ms();
    if (code != SQLITE_IOERR_FSYNC && code != SQLITE_IOERR_DIR_FSYNC)
        return;
    if (!own->has_failed)
        log_error("the store's disk failed: its log is kept, and grows, until tenond is started "
                  "anew; see that the disk is sound");
    own->has_failed = true;
}

/* SQLite syncs the file only when the log is folded in whole, and the writer would wait for all
 * that was written by then. */
static int sync_file(struct store_sqlite_db *handle)
{
    sqlite3_file *file = NULL;

    (void)sqlite3_file_control(handle->db, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
    if (file == NULL || file->pMethods == NULL)
        return SQLITE_OK;
    return file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

static void *checkpointer_main(void *argument)
{
    struct store_sqlite_checkpointer *own = argument;

    (void)nice(NICE); /* on Linux, of this thread alone */
    pthread_mutex_lock(&own->lock);
    while (!own->is_closing) {
        if (!own->is_asked) {
            pthread_cond_wait(&own->changed, &own->lock);
            continue;
        }
        pthread_mutex_unlock(&own->lock);
        int pages = 0;
        int folded = 0;
        int code = sqlite3_wal_checkpoint_v2(own->handle.db, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                             &pages, &folded);
        if (code == SQLITE_OK)
            code = sync_file(&own->handle);
        pthread_mutex_lock(&own->lock);
        see_round_locked(own, code, pages, folded);
        own->folded_pages = code == SQLITE_OK ? folded : 0; /* the writer meets what is wrong */
        own->is_asked = false;
        pthread_cond_signal(&own->changed);
    }
    pthread_mutex_unlock(&own->lock);
    return NULL;
}

/* Only a store that is written to in earnest needs the thread. */
static bool start(struct store_sqlite_checkpointer *own, const char *path)
{
    struct err error = {0};
    int64_t version = 0;

    if (own->is_started || own->is_refused)
        return own->is_started;
    int status = store_sqlite_open(&own->handle, path, CACHE_BYTES, &error);
    if (status == 0) /* SQLite knows of the log when it has read something */
        status = store_sqlite_number(&own->handle, "PRAGMA schema_version", &version, &error);
    if (status == 0) {
        int failed = pthread_create(&own->thread, NULL, checkpointer_main, own);
        if (failed != 0)
            status = err_set(&error, -failed, "cannot start a thread: %s", strerror(failed));
    }
    own->is_started = status == 0;
    own->is_refused = status < 0;
    if (status < 0) {
        log_warn("commits wait while the store's log is folded in", F_ERR(&error));
        store_sqlite_close(&own->handle);
    }
    return own->is_started;
}

void store_sqlite_checkpointer_init(struct store_sqlite_checkpointer *own)
{
    pthread_mutex_init(&own->lock, NULL);
    pthread_cond_init(&own->changed, NULL);
}

void store_sqlite_checkpointer_finish(struct store_sqlite_writer *writer)
{
    struct store_sqlite_checkpointer *own = &writer->checkpointer;

    pthread_mutex_lock(&own->lock);
    own->is_closing = true;
    pthread_cond_signal(&own->changed);
    pthread_mutex_unlock(&own->lock);
    if (own->is_started) {
        (void)pthread_join(own->thread, NULL); /* it is ours, and joined once */
        store_sqlite_close(&own->handle);
    }
    if (own->has_failed) /* which else folds in what is left, and removes the log */
        (void)sqlite3_db_config(writer->handle.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    pthread_cond_destroy(&own->changed);
    pthread_mutex_destroy(&own->lock);
}

/* Until the thread is at rest. False: nothing may be folded in any more. */
static bool wait_locked(struct store_sqlite_checkpointer *own)
{
    while (own->is_asked)
        pthread_cond_wait(&own->changed, &own->lock);
    return !own->has_failed;
}

/* Copies the log into the file, as far as no reader needs the old pages. */
static int fold(struct store_sqlite_writer *writer, int how)
{
    struct store_sqlite_checkpointer *own = &writer->checkpointer;
    int pages = 0;
    int folded = 0;
    int code = sqlite3_wal_checkpoint_v2(writer->handle.db, NULL, how, &pages, &folded);

    if (folded < pages) {
        if (writer->held_since_us == 0)
            writer->held_since_us = clock_mono_us();
    } else if (code == SQLITE_OK) {
        writer->held_since_us = 0;
    }
    pthread_mutex_lock(&own->lock);
    see_round_locked(own, code, pages, folded);
    pthread_mutex_unlock(&own->lock);
    return code;
}

/* True: the rest is the writer's, and the thread is at rest. */
static bool is_up_to_writer(struct store_sqlite_writer *writer, int64_t pages)
{
    struct store_sqlite_checkpointer *own = &writer->checkpointer;
    int64_t little = writer->log_pages_max / BEGINS_AT / REST;
    bool has_thread = start(own, writer->handle.path);
    bool is_up = false;

    pthread_mutex_lock(&own->lock);
    if (!has_thread || pages >= writer->log_pages_max) {
        is_up = wait_locked(own);
    } else if (!own->is_asked && !own->has_failed) {
        int64_t rest = pages - own->folded_pages; /* below 0: that was a log before this one */
        is_up = rest >= 0 && rest <= little;
        own->is_asked = !is_up;
        pthread_cond_signal(&own->changed);
    }
    if (is_up)
        own->folded_pages = 0; /* the next log's */
    pthread_mutex_unlock(&own->lock);
    return is_up;
}

void store_sqlite_checkpoint_watch(struct store_sqlite_writer *writer, int64_t pages)
{
    writer->wal_pages = pages;
    if (pages >= writer->log_pages_max / BEGINS_AT && is_up_to_writer(writer, pages))
        (void)fold(writer, SQLITE_CHECKPOINT_PASSIVE); /* tried again next time */
}

/* Without a reader in the way the next write would start the log anew by itself; readers that take
 * turns can put that off forever. */
int store_sqlite_checkpoint(void *pointer, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    struct store_sqlite_checkpointer *own = &writer->checkpointer;

    pthread_mutex_lock(&own->lock);
    bool may_fold = wait_locked(own);
    own->folded_pages = 0;
    pthread_mutex_unlock(&own->lock);
    if (!may_fold)
        return err_set(err, -EIO,
                       "store %s: its disk failed, so its log is kept until tenond is "
                       "started anew",
                       writer->handle.path);
    (void)sqlite3_busy_timeout(writer->handle.db, READER_WAIT_MS);
    int code = fold(writer, SQLITE_CHECKPOINT_TRUNCATE);
    (void)sqlite3_busy_timeout(writer->handle.db, STORE_SQLITE_BUSY_MS);
    if (code == SQLITE_OK) {
        writer->wal_pages = 0;
        return 0;
    }
    return store_sqlite_fail(&writer->handle, "cannot fold its log in", err);
}

int64_t store_sqlite_checkpoint_ms(struct store_sqlite_writer *writer)
{
    struct store_sqlite_checkpointer *own = &writer->checkpointer;

    pthread_mutex_lock(&own->lock);
    int64_t complete_ms = own->complete_ms;
    pthread_mutex_unlock(&own->lock);
    return complete_ms;
}
