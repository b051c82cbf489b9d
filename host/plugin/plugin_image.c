/* SPDX-License-Identifier: Apache-2.0
 * The bytes of a plugin file as they were listed: a sealed copy in memory, from which it is loaded.
 * So nobody who copies over the file tears the code from under a process that runs it, what runs is
 * what was listed (or pinned), and a worker that dies can start again although its file was
 * replaced or removed meanwhile. A plugin that finds libraries beside itself ($ORIGIN) is loaded
 * from where it lies and has none of that. */
#include "plugin/plugin_internal.h"

#include "base/cleanup.h"
#include "base/digest.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { SAFE_FD = 10, PLUGIN_BYTES_MAX = 1 << 30 };

/* What was loaded into this very process: it stays for good, as its code does, since the name under
 * which the dynamic linker knows it must not come to mean another file. */
struct loaded {
    struct loaded *next;
    char sha256[65];
    int fd;
};
static pthread_mutex_t loaded_lock = PTHREAD_MUTEX_INITIALIZER;
static struct loaded *loaded; /* under loaded_lock */

int plugin_raise_fd(int fd)
{
    int raised = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD);
    int saved = errno;

    if (fd >= 0)
        close(fd);
    errno = saved;
    return raised;
}

static int copy_sealed(int from, int to)
{
    char bytes[65536];
    off_t at = 0;
    ssize_t count;

    while ((count = pread(from, bytes, sizeof bytes, at)) > 0) {
        if (write(to, bytes, (size_t)count) != count)
            return errno != 0 ? -errno : -EIO;
        at += count;
        if (at > PLUGIN_BYTES_MAX)
            return -EFBIG;
    }
    if (count < 0 ||
        fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -errno;
    return 0;
}

/* Is the file still the one that was listed? `fd` is of it or of its copy. */
static int check_digest(const struct plugin_worker *worker, int fd, struct err *err)
{
    char sha256[65];
    int status = digest_file_sha256(fd, sha256);

    if (status < 0)
        return err_set(err, status, "'%s' cannot be read: %s", worker->path, err_name(status));
    if (worker->sha256[0] != '\0' && strcmp(sha256, worker->sha256) != 0)
        return err_set(
            err, E_CONFLICT,
            "'%s' is no longer the file that was listed (sha256 %.16s..., now %.16s...); "
            "it is loaded when it has been listed again",
            worker->path, worker->sha256, sha256);
    return 0;
}

static int make_image(struct plugin_worker *worker, struct err *err)
{
    _close_ int fd = open(worker->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    _close_ int copy = -1;
    int status;

    if (fd < 0)
        return err_set(err, -errno, "'%s' cannot be opened: %s", worker->path, strerror(errno));
    if (worker->has_origin)
        return check_digest(worker, fd, err);
    copy = plugin_raise_fd(memfd_create(worker->plugin, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    status = copy < 0 ? -errno : copy_sealed(fd, copy);
    if (status < 0)
        return err_set(err, status, "no sealed copy of '%s': %s", worker->path, strerror(-status));
    status = check_digest(worker, copy, err);
    if (status == 0)
        worker->image_fd = steal_fd(copy);
    return status;
}

static const struct loaded *find_loaded_locked(const char *sha256)
{
    const struct loaded *each = loaded;

    while (each != NULL && strcmp(each->sha256, sha256) != 0)
        each = each->next;
    return sha256[0] != '\0' ? each : NULL;
}

static int open_loaded_locked(struct plugin_worker *worker, struct err *err)
{
    const struct loaded *known = find_loaded_locked(worker->sha256);
    struct loaded *new;
    int status;

    if (known != NULL) {
        worker->image_fd = known->fd;
        return 0;
    }
    status = make_image(worker, err);
    if (status < 0 || worker->image_fd < 0)
        return status;
    new = calloc(1, sizeof *new);
    if (new == NULL) {
        close(worker->image_fd);
        worker->image_fd = -1;
        return err_set(err, -ENOMEM, "no memory for the plugin's image");
    }
    (void)snprintf(new->sha256, sizeof new->sha256, "%s", worker->sha256); /* fits */
    new->fd = worker->image_fd;
    new->next = loaded;
    loaded = new;
    return 0;
}

int plugin_image_open(struct plugin_worker *worker, struct err *err)
{
    int status;

    if (worker->image_fd >= 0)
        return 0;
    if (!worker->is_inprocess)
        return make_image(worker, err);
    pthread_mutex_lock(&loaded_lock);
    status = open_loaded_locked(worker, err);
    pthread_mutex_unlock(&loaded_lock);
    return status;
}

void plugin_image_close(struct plugin_worker *worker)
{
    if (worker->image_fd >= 0 && !worker->is_inprocess)
        close(worker->image_fd);
    worker->image_fd = -1;
}

const char *plugin_image_path(const struct plugin_worker *worker, char out[PLUGIN_IMAGE_PATH_MAX])
{
    if (worker->image_fd < 0)
        return worker->path;
    /* In a worker it is the descriptor after the connection and the page; see plugin_process.c. */
    (void)snprintf(out, PLUGIN_IMAGE_PATH_MAX, "/proc/self/fd/%d",
                   worker->is_inprocess ? worker->image_fd : 5); /* fits */
    return out;
}
