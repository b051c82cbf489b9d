/* SPDX-License-Identifier: Apache-2.0
 * A copy of one commit, made while others go on. It gets its name when it is whole and on the disk;
 * what broke off leaves nothing behind. It says of itself that it has no log, which a store in use
 * never does: so the log of the store in whose place it is put is told from its own. */
#include "store/store_sqlite.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_PAGES = 64 };

static int copy_pages(struct store_sqlite_db *reader, sqlite3 *target, struct store_job *job,
                      struct err *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(target, "main", reader->db, "main");
    int code = SQLITE_OK;

    if (backup == NULL)
        return err_set(err, -EIO, "backup %s: %s", job->path, sqlite3_errmsg(target));
    while (code == SQLITE_OK && !store_job_is_over(job)) {
        code = sqlite3_backup_step(backup, STEP_PAGES);
        int64_t total = sqlite3_backup_pagecount(backup);
        atomic_store(&job->total, (uint64_t)total * STORE_SQLITE_PAGE_BYTES);
        atomic_store(&job->done, (uint64_t)(total - sqlite3_backup_remaining(backup)) *
                                     STORE_SQLITE_PAGE_BYTES);
    }
    (void)sqlite3_backup_finish(backup); /* repeats the step's code */
    if (code == SQLITE_DONE)
        return 0;
    if (code == SQLITE_OK)
        return err_set(err, E_STOPPED, "the backup was broken off");
    int status = code == SQLITE_FULL ? -ENOSPC : -EIO;
    return err_set(err, status, "backup %s: %s%s", job->path, sqlite3_errstr(code),
                   status == -ENOSPC ? ": make room on its disk, or name a file on another" : "");
}

/* The source stays on one commit while its transaction is open, so no step has to begin again. */
static int copy(struct store_sqlite_db *reader, const char *part, struct store_job *job,
                struct err *err)
{
    sqlite3 *target = NULL;
    int status =
        store_sqlite_exec(reader, "BEGIN; SELECT count(*) FROM life", "cannot be read", err);

    if (status < 0)
        return status;
    if (sqlite3_open_v2(part, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(target, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF", NULL, NULL,
                     NULL) != SQLITE_OK)
        status = err_set(err, -EIO, "backup %s: %s", job->path, sqlite3_errmsg(target));
    if (status == 0)
        status = copy_pages(reader, target, job, err);
    (void)sqlite3_close(target); /* nothing is under way there */
    (void)store_sqlite_exec(reader, "COMMIT", "cannot be read", NULL); /* it only read */
    return status;
}

/* As the copied page has it, the copy had a log. */
static int leave_no_log(const char *part, struct store_job *job, struct err *err)
{
    sqlite3 *target = NULL;
    int status = 0;

    if (sqlite3_open_v2(part, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_exec(target, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
        status = err_set(err, -EIO, "backup %s: %s", job->path, sqlite3_errmsg(target));
    (void)sqlite3_close(target); /* nothing is under way there */
    return status;
}

/* Byte 18 of the file says which version writes it: 2 has a log (www.sqlite.org/fileformat2.html,
 * 1.3). It is set, and on the disk, before the log gets its first page. */
static bool says_it_has_no_log(const char *path)
{
    _close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char head[19];

    return fd >= 0 && pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
           memcmp(head, "SQLite format 3", 16) == 0 && head[18] == 1;
}

int store_sqlite_drop_foreign_log(const char *path, struct err *err)
{
    static const char *const endings[] = {"-wal", "-shm"};

    if (!says_it_has_no_log(path))
        return 0;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        char log[4200];

        if (snprintf(log, sizeof(log), "%s%s", path, endings[i]) >= (int)sizeof(log))
            return err_set(err, -ENAMETOOLONG, "store %s: the path is too long", path);
        if (unlink(log) == 0)
            log_warn("removed what another store had left beside this copy", F_STR("file", log));
        else if (errno != ENOENT)
            return err_set(err, -errno, "store %s: %s is another store's and cannot be removed: %s",
                           path, log, strerror(errno));
    }
    return 0;
}

static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    _free_ char *directory = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (directory == NULL)
        return -ENOMEM;
    _close_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
}

/* A link takes no name that is there already, and so overwrites nothing. */
static int publish(int fd, const char *part, struct store_job *job, struct err *err)
{
    struct stat found;
    int status = fsync(fd) == 0 && fstat(fd, &found) == 0 ? 0 : -errno;

    if (status == 0 && link(part, job->path) < 0)
        status = -errno;
    if (status == 0)
        status = sync_directory(job->path);
    if (status < 0)
        return err_set(err, status == -EEXIST ? E_REFUSED : status, "backup %s: %s", job->path,
                       strerror(-status));
    job->bytes = found.st_size;
    return 0;
}

int store_sqlite_backup(void *pointer, struct store_job *job, struct err *err)
{
    char part[4200];

    if (job->path == NULL || job->path[0] != '/')
        return err_set(err, -EINVAL,
                       "backup '%s': expected an absolute path, such as /var/backups/"
                       "tenon.db",
                       job->path != NULL ? job->path : "");
    if (snprintf(part, sizeof(part), "%s.part", job->path) >= (int)sizeof(part))
        return err_set(err, -ENAMETOOLONG, "backup %s: the path is too long", job->path);
    if (access(job->path, F_OK) == 0)
        return err_set(err, E_REFUSED,
                       "backup %s: it is there already, and is not overwritten: "
                       "name a new file",
                       job->path);
    _close_ int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(err, errno == EEXIST ? E_REFUSED : -errno, "backup %s: %s%s", part,
                       strerror(errno),
                       errno == EEXIST ? ": left by one that broke off; remove it" : "");
    int status = copy(pointer, part, job, err);
    if (status == 0)
        status = leave_no_log(part, job, err);
    if (status == 0)
        status = publish(fd, part, job, err);
    (void)unlink(part); /* the copy has its name by now, or is of no use */
    return status;
}
