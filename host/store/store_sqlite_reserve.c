/* SPDX-License-Identifier: Apache-2.0
 * A file beside the store that holds nothing but room. On a full disk it goes, so that verdicts of
 * what is under way can still be written; it is taken again when there is room, and that is how it
 * is known. */
#include "store/store_sqlite.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    SHARE = 8,            /* of the whole disk at most: a small one is not for us alone */
    LOG_PAGES_LEAST = 16, /* of which the half begins to be folded in */
    ROOM_LEAST = 1 << 20  /* or half of that share: with less it would be full again at once */
};

/* The reserve is there already, or there is room for it and some more. */
static bool has_room(const char *path, int64_t bytes, int64_t share, const struct statvfs *disk)
{
    struct stat found;
    int64_t more = share / 2 < ROOM_LEAST ? share / 2 : ROOM_LEAST;

    if (bytes > 0 && stat(path, &found) == 0 && found.st_size >= bytes)
        return true;
    return (int64_t)(disk->f_bavail * disk->f_frsize) >= bytes + more;
}

static int take(const char *path, int64_t bytes, struct err *err)
{
    _close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(err, -errno, "store reserve %s: %s", path, strerror(errno));
    int code = posix_fallocate(fd, 0, bytes);
    if (code == 0)
        return 0;
    (void)unlink(path); /* a part of it helps nobody */
    return err_set(err, -code, "store reserve %s: %lld bytes: %s", path, (long long)bytes,
                   strerror(code));
}

int store_sqlite_reserve(void *pointer, bool must_take, struct err *err)
{
    struct store_sqlite_writer *writer = pointer;
    char path[4200];
    struct statvfs disk;
    int64_t bytes = writer->reserve_bytes;

    if (snprintf(path, sizeof(path), "%s-reserve", writer->handle.path) >= (int)sizeof(path))
        return err_set(err, -ENAMETOOLONG, "store %s: the path is too long", writer->handle.path);
    if (!must_take || bytes <= 0)
        (void)unlink(path); /* it may not be there */
    if (!must_take)
        return 0;
    if (statvfs(writer->handle.path, &disk) == 0) {
        int64_t share = (int64_t)(disk.f_blocks * disk.f_frsize) / SHARE;
        bytes = bytes < share ? bytes : share;
        if (!has_room(path, bytes, share, &disk))
            return err_set(err, -ENOSPC, "store %s: its disk has hardly any room left",
                           writer->handle.path);
    }
    if (bytes <= 0)
        return 0;
    int status = take(path, bytes, err);
    if (status == 0) { /* folding the log in needs as much room as it has pages */
        int64_t pages = bytes / 2 / writer->page_bytes;
        if (pages < STORE_SQLITE_LOG_PAGES_MAX)
            writer->log_pages_max = pages > LOG_PAGES_LEAST ? pages : LOG_PAGES_LEAST;
    }
    return status;
}
