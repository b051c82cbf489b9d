/* SPDX-License-Identifier: Apache-2.0
 * The write-ahead log's file, written a commit at a time. SQLite writes a log frame by frame, each
 * in two pieces: its header, then its page. That is some forty small writes for a commit of ours,
 * and each costs more than its copy. A VFS between SQLite and the system's own gathers what is
 * appended, and writes it at once when the frame that ends the commit is whole. That is before
 * SQLite syncs the file, and before it tells any reader that the frames are there. Everything but
 * that, and every file but the log, goes to the system's VFS unchanged.
 *
 * The layout is https://www.sqlite.org/fileformat2.html, "The Write-Ahead Log". */
#include "store/store_sqlite.h"

#include <stdlib.h>

enum {
    HEADER_BYTES = 32,         /* of the log */
    HEADER_PAGE_BYTES_AT = 8,  /* big-endian, as all of it */
    FRAME_HEADER_BYTES = 24,   /* of a frame */
    FRAME_DATABASE_PAGES = 4,  /* the size after the commit that this frame ends; else 0 */
    GATHERED_BYTES = 128 << 10 /* so much is written at once at most */
};

struct log_file {
    sqlite3_file base; /* first: the same address serves both */
    sqlite3_file *system;
    unsigned char *gathered;
    int gathered_bytes;
    int64_t end;         /* behind what was written last, gathered or not */
    int64_t lost_at;     /* from here on nothing counts, as writing it failed */
    int lost_code;       /* 0: nothing is lost */
    int page_bytes;      /* 0: no header of the log was seen yet */
    bool is_page_next;   /* the last write was a frame's header */
    bool is_commit_next; /* and that frame ends a commit */
};

static uint32_t read_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* After a failure every write fails, until SQLite has gone back to where the lost ones began. */
static int flush(struct log_file *file)
{
    if (file->gathered_bytes == 0)
        return SQLITE_OK;
    int64_t start = file->end - file->gathered_bytes;
    int code =
        file->system->pMethods->xWrite(file->system, file->gathered, file->gathered_bytes, start);
    file->gathered_bytes = 0;
    if (code != SQLITE_OK) {
        file->lost_code = code;
        file->lost_at = start;
    }
    return code;
}

static void see_header(struct log_file *file, const void *bytes, int count, int64_t at)
{
    if (at == 0 && count >= HEADER_BYTES)
        file->page_bytes = (int)read_u32((const unsigned char *)bytes + HEADER_PAGE_BYTES_AT);
}

static bool is_frame_header(const struct log_file *file, int count, int64_t at)
{
    return file->page_bytes > 0 && count == FRAME_HEADER_BYTES && at >= HEADER_BYTES &&
           (at - HEADER_BYTES) % (FRAME_HEADER_BYTES + file->page_bytes) == 0;
}

static int gather(struct log_file *file, const void *bytes, int count)
{
    int code = SQLITE_OK;

    if (file->gathered_bytes + count > GATHERED_BYTES)
        code = flush(file);
    if (code != SQLITE_OK)
        return code;
    memcpy(file->gathered + file->gathered_bytes, bytes, (size_t)count);
    file->gathered_bytes += count;
    file->end += count;
    return SQLITE_OK;
}

static int log_write(sqlite3_file *base, const void *bytes, int count, sqlite3_int64 at)
{
    struct log_file *file = (struct log_file *)base;
    bool is_header = is_frame_header(file, count, at);
    bool is_page = file->is_page_next && count == file->page_bytes;
    bool is_appended = at == file->end;
    bool ends_commit = is_page && is_appended && file->is_commit_next;
    int code = SQLITE_OK;

    if (file->lost_code != SQLITE_OK && at > file->lost_at)
        return file->lost_code;
    file->lost_code = SQLITE_OK;
    if (file->gathered == NULL)
        file->gathered = malloc(GATHERED_BYTES); /* without it nothing is gathered */
    file->is_page_next = is_header;
    file->is_commit_next =
        is_header && read_u32((const unsigned char *)bytes + FRAME_DATABASE_PAGES) != 0;
    if (is_appended && (is_header || is_page) && file->gathered != NULL &&
        count <= GATHERED_BYTES) {
        code = gather(file, bytes, count);
        return code == SQLITE_OK && ends_commit ? flush(file) : code;
    }
    code = flush(file);
    if (code == SQLITE_OK)
        code = file->system->pMethods->xWrite(file->system, bytes, count, at);
    see_header(file, bytes, count, at);
    file->end = at + count;
    return code;
}

static int log_read(sqlite3_file *base, void *bytes, int count, sqlite3_int64 at)
{
    struct log_file *file = (struct log_file *)base;
    int code = flush(file);

    if (code == SQLITE_OK)
        code = file->system->pMethods->xRead(file->system, bytes, count, at);
    if (code == SQLITE_OK)
        see_header(file, bytes, count, at);
    return code;
}

static int log_close(sqlite3_file *base)
{
    struct log_file *file = (struct log_file *)base;

    free(file->gathered); /* no commit is in it */
    return file->system->pMethods->xClose(file->system);
}

static int log_truncate(sqlite3_file *base, sqlite3_int64 bytes)
{
    struct log_file *file = (struct log_file *)base;
    int code = flush(file);

    return code != SQLITE_OK ? code : file->system->pMethods->xTruncate(file->system, bytes);
}

static int log_sync(sqlite3_file *base, int flags)
{
    struct log_file *file = (struct log_file *)base;
    int code = flush(file);

    return code != SQLITE_OK ? code : file->system->pMethods->xSync(file->system, flags);
}

static int log_size(sqlite3_file *base, sqlite3_int64 *out)
{
    struct log_file *file = (struct log_file *)base;
    int code = flush(file);

    return code != SQLITE_OK ? code : file->system->pMethods->xFileSize(file->system, out);
}

static int log_lock(sqlite3_file *base, int level)
{
    struct log_file *file = (struct log_file *)base;

    return file->system->pMethods->xLock(file->system, level);
}

static int log_unlock(sqlite3_file *base, int level)
{
    struct log_file *file = (struct log_file *)base;

    return file->system->pMethods->xUnlock(file->system, level);
}

static int log_check_reserved(sqlite3_file *base, int *out)
{
    struct log_file *file = (struct log_file *)base;

    return file->system->pMethods->xCheckReservedLock(file->system, out);
}

static int log_control(sqlite3_file *base, int op, void *argument)
{
    struct log_file *file = (struct log_file *)base;

    return file->system->pMethods->xFileControl(file->system, op, argument);
}

static int log_sector_bytes(sqlite3_file *base)
{
    struct log_file *file = (struct log_file *)base;

    return file->system->pMethods->xSectorSize(file->system);
}

static int log_device(sqlite3_file *base)
{
    struct log_file *file = (struct log_file *)base;

    return file->system->pMethods->xDeviceCharacteristics(file->system);
}

/* Of version 1: a log is neither mapped nor does it hold the index in shared memory. */
static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector_bytes,
    .xDeviceCharacteristics = log_device,
};

/* SQLite's own VFS functions know theirs by pAppData, so that must stay as it is. */
struct log_vfs {
    sqlite3_vfs base; /* first: the same address serves both */
    sqlite3_vfs *system;
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                     int *out_flags)
{
    sqlite3_vfs *system = ((struct log_vfs *)vfs)->system;
    struct log_file *file = (struct log_file *)base;

    if ((flags & SQLITE_OPEN_WAL) == 0)
        return system->xOpen(system, name, base, flags, out_flags);
    *file = (struct log_file){.system = (sqlite3_file *)(file + 1)};
    int code = system->xOpen(system, name, file->system, flags, out_flags);
    if (file->system->pMethods != NULL)
        file->base.pMethods = &log_methods;
    return code;
}

int store_sqlite_log_register(void)
{
    static struct log_vfs vfs;

    vfs.system = sqlite3_vfs_find(NULL);
    if (vfs.system == NULL)
        return SQLITE_ERROR;
    vfs.base = *vfs.system;
    vfs.base.zName = STORE_SQLITE_LOG_VFS;
    vfs.base.szOsFile += (int)sizeof(struct log_file);
    vfs.base.xOpen = open_file;
    return sqlite3_vfs_register(&vfs.base, 0);
}
