/* SPDX-License-Identifier: Apache-2.0
 * Walks from / to the file, opening each directory in the one before it without following links,
 * and looks at what it has opened: nobody can swap a name between the look and the use, since
 * nobody may write to the chain. */
#include "catalog/catalog.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

/* An absolute path without ".", ".." and double slashes. Cutting ".." as text is right here: no
 * part may be a link. */
static char *normal_path(const char *path)
{
    _free_ char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
    _buf_ struct buf whole = {0};
    _buf_ struct buf out = {0};
    struct str part;

    if (path[0] != '/' && here == NULL)
        return NULL;
    buf_printf(&whole, "%s/%s", here != NULL ? here : "", path);
    struct str rest = buf_str(&whole);
    if (whole.failed)
        return NULL;
    buf_puts(&out, "");
    while (str_next(&rest, '/', &part)) {
        if (part.len == 0 || str_is(part, "."))
            continue;
        if (!str_is(part, "..")) {
            buf_putc(&out, '/');
            buf_add_str(&out, part);
            continue;
        }
        while (out.len > 0 && out.ptr[--out.len] != '/')
            ;
        if (out.ptr != NULL)
            out.ptr[out.len] = '\0';
    }
    if (out.len == 0)
        buf_putc(&out, '/');
    return buf_take(&out);
}

static int refuse_link(const char *path, struct err *err)
{
    char real[PATH_MAX];

    if (realpath(path, real) != NULL)
        return err_set(
            err, E_REFUSED,
            "not trusted: '%s' is a symbolic link, which is not followed: name the real path '%s'",
            path, real);
    return err_set(err, E_REFUSED, "not trusted: '%s' is a symbolic link, which is not followed",
                   path);
}

static int cannot_open(const char *path, int code, struct err *err)
{
    struct stat info;

    if ((code == ELOOP || code == ENOTDIR) && lstat(path, &info) == 0 && S_ISLNK(info.st_mode))
        return refuse_link(path, err);
    if (code == ENOENT)
        return err_set(err, E_NOT_FOUND, "there is no '%s'", path);
    return err_set(err, E_REFUSED, "cannot open '%s': %s", path, strerror(code));
}

/* `is_above`: a directory that the plugin directory lies in. */
static int check_owner_and_mode(const char *path, const struct stat *info, bool is_above,
                                struct err *err)
{
    uid_t us = geteuid();

    if (info->st_uid != 0 && info->st_uid != us)
        return err_set(err, E_REFUSED,
                       "not trusted: '%s' belongs to user %u, expected root or user %u, who runs "
                       "this: chown %s '%s'",
                       path, (unsigned)info->st_uid, (unsigned)us, us == 0 ? "root" : "$(id -u)",
                       path);
    if ((info->st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return 0;
    if (is_above && info->st_uid == 0 && (info->st_mode & S_ISVTX))
        return 0;
    if (S_ISDIR(info->st_mode) && (info->st_mode & S_ISVTX))
        return err_set(err, E_REFUSED,
                       "not trusted: others may write to the directory '%s' (mode %04o), so anyone "
                       "can add a plugin: put "
                       "plugins into a directory of their own, made by mkdir -m 755, and name that "
                       "in plugin_path",
                       path, (unsigned)info->st_mode & 07777);
    return err_set(err, E_REFUSED, "not trusted: %s may write to '%s' (mode %04o): chmod go-w '%s'",
                   info->st_mode & S_IWOTH ? "others" : "its group", path,
                   (unsigned)info->st_mode & 07777, path);
}

static int open_part(int parent, const char *name, const char *path, bool is_last, bool is_above,
                     int *out_fd, struct err *err)
{
    int flags = is_last ? O_RDONLY | O_NONBLOCK : O_PATH | O_DIRECTORY;
    struct stat info;

    _close_ int fd = openat(parent, name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return cannot_open(path, errno, err);
    if (fstat(fd, &info) < 0)
        return err_set(err, E_REFUSED, "cannot look at '%s': %s", path, strerror(errno));
    if (is_last && !S_ISREG(info.st_mode))
        return err_set(err, E_REFUSED, "not trusted: '%s' is not a regular file", path);
    int status = check_owner_and_mode(path, &info, is_above, err);
    if (status == 0)
        *out_fd = steal_fd(fd);
    return status;
}

int plugin_trust_open(const char *path, int *out_fd, struct err *err)
{
    _free_ char *whole = normal_path(path);
    _close_ int at = -1;

    if (whole == NULL)
        return err_set(err, -ENOMEM, "cannot make '%s' an absolute path", path);
    char *last = strrchr(whole, '/');
    int status = open_part(AT_FDCWD, "/", "/", false, last != whole, &at, err);
    for (char *name = whole + 1; status == 0;) {
        char *end = strchr(name, '/');
        int fd = -1;
        if (end != NULL)
            *end = '\0'; /* `whole` is the path so far */
        status = open_part(at, name, whole, end == NULL, end != NULL && end != last, &fd, err);
        if (status < 0)
            break;
        (void)close(at); /* read only: nothing can fail that matters */
        at = fd;
        if (end == NULL)
            break;
        *end = '/';
        name = end + 1;
    }
    if (status == 0)
        *out_fd = steal_fd(at);
    return status;
}
