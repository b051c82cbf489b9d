/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static int fail(struct err *err, const char *doing, const char *path)
{
    int code = errno;

    return err_set(err, -code, "cannot %s '%s': %s", doing, path, strerror(code));
}

static int too_large(struct err *err, const char *path, size_t max_bytes)
{
    return err_set(err, E_TOO_LARGE, "'%s' is larger than the %zu bytes allowed here", path,
                   max_bytes);
}

/* The size told by stat is a hint only: files in /proc claim 0, and a file may grow while it is
 * read. */
static int read_all(int fd, const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    size_t start = out->len;

    for (;;) {
        if (!buf_reserve(out, 4096))
            return err_set(err, -ENOMEM, "out of memory while reading '%s'", path);
        ssize_t got = read(fd, out->ptr + out->len, out->cap - out->len - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, "read", path);
        if (got == 0)
            return 0;
        out->len += (size_t)got;
        out->ptr[out->len] = '\0';
        if (out->len - start > max_bytes)
            return too_large(err, path, max_bytes);
    }
}

int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    struct stat info;
    size_t start = out->len;

    /* Without O_NONBLOCK a FIFO of that name would hold us until somebody writes to it. */
    _close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(err, "open", path);
    if (fstat(fd, &info) < 0)
        return fail(err, "look at", path);
    if (!S_ISREG(info.st_mode))
        return err_set(err, S_ISDIR(info.st_mode) ? -EISDIR : -EINVAL,
                       "expected a regular file, '%s' is %s", path,
                       S_ISDIR(info.st_mode) ? "a directory" : "something else");
    if (info.st_size > 0 && (uintmax_t)info.st_size > max_bytes)
        return too_large(err, path, max_bytes);
    if (info.st_size > 0)
        (void)buf_reserve(out, (size_t)info.st_size + 1); /* read_all looks at `failed` */

    int status = read_all(fd, path, max_bytes, out, err);
    if (status < 0 && out->len > start) {
        out->len = start;
        out->ptr[start] = '\0';
    }
    return status;
}

static int write_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.ptr, bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        bytes.ptr += put;
        bytes.len -= (size_t)put;
    }
    return 0;
}

static int sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str dir = STR(".");

    if (slash != NULL)
        dir = (struct str){path, slash == path ? 1 : (size_t)(slash - path)};
    _free_ char *name = str_dup(dir);
    if (name == NULL)
        return -1;
    _close_ int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

int file_write(const char *path, struct str bytes, unsigned mode, struct err *err)
{
    _buf_ struct buf place = {0};
    buf_printf(&place, "%s.XXXXXX", path);
    _free_ char *temporary = buf_take(&place);
    if (temporary == NULL)
        return err_set(err, -ENOMEM, "out of memory while writing '%s'", path);

    _close_ int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return fail(err, "write beside", path);
    if (fchmod(fd, (mode_t)mode) < 0 || write_all(fd, bytes) < 0 || fsync(fd) < 0 ||
        rename(temporary, path) < 0) {
        int status = fail(err, "write", path);
        (void)unlink(temporary); /* the first failure is the one to tell */
        return status;
    }
    if (sync_directory_of(path) < 0)
        return fail(err, "sync the directory of", path);
    return 0;
}

static int make_dir(const char *path, unsigned mode, struct err *err)
{
    struct stat info;

    if (mkdir(path, (mode_t)mode) == 0)
        return 0;
    if (errno != EEXIST)
        return fail(err, "make the directory", path);
    if (stat(path, &info) < 0)
        return fail(err, "look at", path);
    if (!S_ISDIR(info.st_mode))
        return err_set(err, -ENOTDIR, "expected a directory, '%s' is a file", path);
    return 0;
}

int file_make_dirs(const char *path, unsigned mode, struct err *err)
{
    _free_ char *copy = str_dup(str_of(path));
    if (copy == NULL)
        return err_set(err, -ENOMEM, "out of memory while making the directory '%s'", path);

    for (char *at = copy; *at != '\0'; at++) {
        if (*at != '/' || at == copy)
            continue;
        *at = '\0';
        int status = make_dir(copy, mode, err);
        if (status < 0)
            return status;
        *at = '/';
    }
    return make_dir(copy, mode, err);
}

char *file_join(const char *dir, const char *name)
{
    struct buf path = {0};
    size_t len = strlen(dir);

    buf_puts(&path, dir);
    if (len > 0 && dir[len - 1] != '/')
        buf_putc(&path, '/');
    buf_puts(&path, name);
    return buf_take(&path);
}

char *file_program_dir(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path));

    if (len <= 0 || (size_t)len >= sizeof(path))
        return NULL;
    const char *slash = memrchr(path, '/', (size_t)len);
    if (slash == NULL)
        return NULL;
    return str_dup((struct str){path, slash == path ? 1 : (size_t)(slash - path)});
}
