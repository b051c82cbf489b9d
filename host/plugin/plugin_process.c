/* SPDX-License-Identifier: Apache-2.0
 * Starts a tenon-worker: a socket pair, a shared page, a pipe for what it prints, and the plugin's
 * image. posix_spawn copies no page tables. */
#include "plugin/plugin_internal.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { SOCKET_FD = 3, PAGE_FD = 4, IMAGE_FD = 5 };

static int make_page(struct plugin_process *process, int *out_fd, struct err *err)
{
    _close_ int fd = plugin_raise_fd(memfd_create("tenon-page", MFD_CLOEXEC | MFD_ALLOW_SEALING));

    /* Sealed: a worker that shrinks the file would have us read past its end. */
    if (fd < 0 || ftruncate(fd, WIRE_PAGE_BYTES) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return err_set(err, -errno, "no shared page for the worker: %s", strerror(errno));
    void *page = mmap(NULL, WIRE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return err_set(err, -errno, "no shared page for the worker: %s", strerror(errno));
    process->page = page;
    if (out_fd != NULL)
        *out_fd = steal_fd(fd);
    return 0;
}

static int spawn(struct plugin_worker *worker, int socket, int page, int output, struct err *err)
{
    char program[] = "tenon-worker", socket_number[] = "3", page_number[] = "4",
         image_number[] = "5";
    char parent[16], zone[128], language[128];
    const char *tz = getenv("TZ");
    const char *lang = getenv("LANG");
    char *argv[] = {
        program, socket_number, page_number, parent, worker->image_fd >= 0 ? image_number : NULL,
        NULL};
    char *envp[3] = {NULL, NULL, NULL};
    size_t variables = 0;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    snprintf(parent, sizeof parent, "%d", (int)getpid());
    if (tz != NULL && snprintf(zone, sizeof zone, "TZ=%s", tz) < (int)sizeof zone)
        envp[variables++] = zone;
    if (lang != NULL && snprintf(language, sizeof language, "LANG=%s", lang) < (int)sizeof language)
        envp[variables++] = language;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, socket, SOCKET_FD);
    posix_spawn_file_actions_adddup2(&actions, page, PAGE_FD);
    if (worker->image_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, worker->image_fd, IMAGE_FD);
    pid_t pid = 0;
    int status = posix_spawn(&pid, worker->host->worker_path, &actions, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (status != 0)
        return err_set(err, -status,
                       "the worker program '%s' cannot be started: %s; see [host] worker_path",
                       worker->host->worker_path, strerror(status));
    worker->process.pid = pid;
    return 0;
}

static void on_exit_event(void *user, int events)
{
    struct plugin_worker *worker = user;
    struct plugin_host *host = worker->host;
    int status = 0;

    (void)events;
    if (waitpid(worker->process.pid, &status, WNOHANG) != worker->process.pid)
        return;
    worker->process.pid = 0;
    plugin_worker_ended(worker, status);
    plugin_host_flush(host);
}

/* Watches for its end. On failure the caller kills and reaps. */
static int watch_process(struct plugin_worker *worker, struct err *err)
{
    struct plugin_process *process = &worker->process;

    process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
    if (process->pidfd < 0)
        return err_set(err, -errno,
                       "the worker cannot be watched: %s (Linux 5.3 or later is needed)",
                       strerror(errno));
    (void)fcntl(process->pidfd, F_SETFD, FD_CLOEXEC); /* the kernel sets it anyway */
    process->exit_watch =
        plugin_watch_create(worker->host->loop, process->pidfd, UV_READABLE, on_exit_event, worker);
    return process->exit_watch != NULL ? 0 : err_set(err, -ENOMEM, "the worker cannot be watched");
}

static int start_process(struct plugin_worker *worker, int socket, struct err *err)
{
    int pipes[2] = {-1, -1};
    _close_ int page = -1;
    _close_ int theirs = plugin_raise_fd(socket);

    int status = plugin_image_open(worker, err);
    if (status < 0)
        return status;
    if (theirs < 0 || pipe2(pipes, O_CLOEXEC) < 0)
        return err_set(err, -errno, "no pipe for the worker: %s", strerror(errno));
    _close_ int output = plugin_raise_fd(pipes[1]);
    (void)fcntl(pipes[0], F_SETFL, O_NONBLOCK); /* a fresh pipe: cannot fail */
    worker->process.output = plugin_output_create(worker, pipes[0]);
    if (output < 0 || worker->process.output == NULL)
        return err_set(err, -ENOMEM, "no pipe for the worker");
    if ((status = make_page(&worker->process, &page, err)) < 0 ||
        (status = spawn(worker, theirs, page, output, err)) < 0)
        return status;
    return watch_process(worker, err);
}

int plugin_process_start(struct plugin_worker *worker, struct err *err)
{
    struct plugin_process *process = &worker->process;
    int sockets[2];

    *process = (struct plugin_process){.fd = -1, .pidfd = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        return err_set(err, -errno, "no connection for the worker: %s", strerror(errno));
    int bytes = 1 << 20; /* a whole batch in one write; the system may give less */
    (void)setsockopt(sockets[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    (void)setsockopt(sockets[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    process->fd = sockets[0];
    int status = worker->is_inprocess ? plugin_thread_start(worker, sockets[1], err)
                                      : start_process(worker, sockets[1], err);
    if (status == 0) {
        process->watch = plugin_watch_create(worker->host->loop, process->fd, UV_READABLE,
                                             plugin_socket_event, worker);
        if (process->watch == NULL)
            status = err_set(err, -ENOMEM, "the connection to the worker cannot be watched");
    }
    if (status < 0)
        plugin_process_finish(worker);
    return status;
}

void plugin_process_kill(struct plugin_process *process)
{
    plugin_watch_destroy(process->watch);
    process->watch = NULL;
    if (process->pid > 0)
        (void)kill(process->pid, SIGKILL); /* ours and not yet reaped: it is there */
}

void plugin_process_finish(struct plugin_worker *worker)
{
    struct plugin_process *process = &worker->process;

    plugin_process_kill(process);
    plugin_watch_destroy(process->exit_watch);
    if (process->pid > 0)
        (void)waitpid(process->pid, NULL, 0); /* it was killed: this is short */
    if (process->pidfd >= 0)
        close(process->pidfd);
    if (process->fd >= 0)
        close(process->fd);
    if (process->thread != NULL)
        plugin_thread_join(process->thread);
    plugin_output_destroy(process->output);
    if (process->page != NULL)
        (void)munmap(process->page, WIRE_PAGE_BYTES); /* our own mapping */
    *process = (struct plugin_process){.fd = -1, .pidfd = -1};
}
