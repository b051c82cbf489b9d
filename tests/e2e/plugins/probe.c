/* SPDX-License-Identifier: Apache-2.0
 * A transformer that tries what a worker must not be able to do, and answers with what it could:
 * {"connect":"EPERM",...}. "ok" is a hole in the confinement. */
#include <tenon/tenon.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The same by every architecture; not every header has them. */
enum { CALL_MEMFD_SECRET = 447, CALL_FCHMODAT2 = 452, CALL_FILE_SETATTR = 469 };

TENON_SETTINGS(
    TENON_OPTION("outside", "path", "", "", "required", "a file that it should not read or write")
        TENON_OPTION("readable", "path", "", "", "required",
                     "a file that it may read and not write")
            TENON_OPTION("inside", "path", "", "", "required", "a file that it may write"));

extern char **environ;

static void say(tenon_sink *out, const char *what, int could)
{
    char line[128];
    snprintf(line, sizeof line, "\"%s\":\"%s\",", what, could ? "ok" : strerrorname_np(errno));
    tenon_puts(out, line);
}

static int try_connect(int family)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0)
        return 0;
    int could = family != AF_INET ||
                connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ||
                errno == ECONNREFUSED;
    close(fd);
    return could;
}

static int try_open(const char *path, int flags)
{
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* The path options are found by their names' order in the settings; good enough for a test. */
static void setting(const char *settings, const char *name, char *out, size_t size)
{
    const char *at = strstr(settings, name);
    at = at ? strchr(at, ':') : NULL;
    at = at ? strchr(at, '"') : NULL;
    snprintf(out, size, "%.*s", at ? (int)strcspn(at + 1, "\"") : 0, at ? at + 1 : "");
}

struct probe {
    char outside[512], readable[512], inside[512];
};

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    static struct probe probe;
    (void)host, (void)integration, (void)err;
    setting(settings.ptr, "\"outside\"", probe.outside, sizeof probe.outside);
    setting(settings.ptr, "\"readable\"", probe.readable, sizeof probe.readable);
    setting(settings.ptr, "\"inside\"", probe.inside, sizeof probe.inside);
    *out_self = &probe;
    return TENON_OK;
}

/* ---- tenond, whose uid may be the worker's: all without effect where they can be done ---- */

static int limit_parent(const struct probe *probe)
{
    struct rlimit none = {0, 0};
    (void)probe;
    return syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, &none, NULL) == 0;
}

/* With the limits at one of some addresses, of which half is zeros: NULL to whom looks at that. */
static int limit_parent_from(uintptr_t address, uintptr_t end)
{
    struct rlimit *none = MAP_FAILED;
    for (; none == MAP_FAILED && address < end; address <<= 1)
        none = mmap((void *)address, 4096, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (none == MAP_FAILED)
        return 0;
    *none = (struct rlimit){0, 0};
    int could = syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, none, NULL) == 0;
    int saved = errno;
    munmap(none, 4096);
    errno = saved;
    return could;
}

static int limit_parent_from_afar(const struct probe *probe)
{
    (void)probe;
    return limit_parent_from(1ULL << 32, 1ULL << 47);
}

static int limit_parent_from_below(const struct probe *probe)
{
    (void)probe;
    return limit_parent_from(1 << 20, 1ULL << 31);
}

static int pin(pid_t pid)
{
    cpu_set_t all;
    return sched_getaffinity(pid, sizeof all, &all) == 0 &&
           sched_setaffinity(pid, sizeof all, &all) == 0;
}

static int pin_parent(const struct probe *probe)
{
    (void)probe;
    return pin(getppid());
}

/* Of the parent a kernel says EPERM by itself when it has rights that the worker lacks. */
static int pin_nobody(const struct probe *probe)
{
    cpu_set_t all = {0};
    (void)probe;
    return sched_setaffinity(INT_MAX, sizeof all, &all) == 0;
}

static int pin_self(const struct probe *probe)
{
    (void)probe;
    return pin(0);
}

static int slow_parent(const struct probe *probe)
{
    (void)probe;
    return setpriority(PRIO_PROCESS, (id_t)getppid(), 0) == 0;
}

/* ---- what their owner may do to files without writing them ---- */

static int by_descriptor(const char *path, int flags, int (*change)(int fd))
{
    int fd = open(path, flags, 0600);
    if (fd < 0)
        return 0;
    int could = change(fd) >= 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return could;
}

static int open_up(int fd)
{
    return fchmod(fd, 0666);
}
static int give_away(int fd)
{
    return fchown(fd, getuid(), (gid_t)-1);
}
static int touch(int fd)
{
    return futimens(fd, NULL);
}
static int lease(int fd)
{
    int status = fcntl(fd, F_SETLEASE, F_RDLCK);
    if (status == 0)
        (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    return status;
}
static int mark(int fd)
{
    int flags = FS_NODUMP_FL;
    return ioctl(fd, FS_IOC_SETFLAGS, &flags);
}
static int cut(int fd)
{
    return ftruncate(fd, 0);
}
static int lock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB);
}

static int chmod_outside(const struct probe *probe)
{
    return chmod(probe->outside, 0666) == 0;
}
static int fchmodat2_outside(const struct probe *probe)
{
    return syscall(CALL_FCHMODAT2, AT_FDCWD, probe->outside, 0666, 0) == 0;
}
static int chown_outside(const struct probe *probe)
{
    return chown(probe->outside, getuid(), (gid_t)-1) == 0;
}
static int attribute_outside(const struct probe *probe)
{
    return setxattr(probe->outside, "user.probe", "x", 1, 0) == 0;
}
static int no_attribute_outside(const struct probe *probe)
{
    return removexattr(probe->outside, "user.probe") == 0;
}
static int file_setattr_outside(const struct probe *probe)
{
    char attributes[24] = {0};
    return syscall(CALL_FILE_SETATTR, AT_FDCWD, probe->outside, attributes, sizeof attributes, 0) ==
           0;
}
static int touch_outside(const struct probe *probe)
{
    return utimensat(AT_FDCWD, probe->outside, NULL, 0) == 0;
}
static int truncate_outside(const struct probe *probe)
{
    return truncate(probe->outside, 0) == 0;
}
static int empty_readable(const struct probe *probe)
{
    return try_open(probe->readable, O_RDONLY | O_TRUNC);
}
/* Neither for reading nor for writing: Landlock lets it through. */
static int open_for_nothing(const struct probe *probe)
{
    return try_open(probe->outside, O_ACCMODE);
}
static int chmod_readable(const struct probe *probe)
{
    return by_descriptor(probe->readable, O_RDONLY, open_up);
}
static int chown_readable(const struct probe *probe)
{
    return by_descriptor(probe->readable, O_RDONLY, give_away);
}
static int touch_readable(const struct probe *probe)
{
    return by_descriptor(probe->readable, O_RDONLY, touch);
}
static int lease_readable(const struct probe *probe)
{
    return by_descriptor(probe->readable, O_RDONLY, lease);
}
static int mark_readable(const struct probe *probe)
{
    return by_descriptor(probe->readable, O_RDONLY, mark);
}
static int cut_inside(const struct probe *probe)
{
    return by_descriptor(probe->inside, O_WRONLY | O_CREAT | O_TRUNC, cut);
}
static int lock_inside(const struct probe *probe)
{
    return by_descriptor(probe->inside, O_RDWR | O_CREAT, lock);
}

/* ---- memory that no limit counts, and ways to others ---- */

static int shared_memory(const struct probe *probe)
{
    int id = shmget(IPC_PRIVATE, 4096, 0600);
    (void)probe;
    if (id >= 0)
        (void)shmctl(id, IPC_RMID, NULL);
    return id >= 0;
}
static int semaphores(const struct probe *probe)
{
    int id = semget(IPC_PRIVATE, 1, 0600);
    (void)probe;
    if (id >= 0)
        (void)semctl(id, 0, IPC_RMID);
    return id >= 0;
}
static int messages(const struct probe *probe)
{
    int id = msgget(IPC_PRIVATE, 0600);
    (void)probe;
    if (id >= 0)
        (void)msgctl(id, IPC_RMID, NULL);
    return id >= 0;
}
static int message_queue(const struct probe *probe)
{
    long fd = syscall(SYS_mq_open, "tenon-probe", O_RDWR | O_CREAT, 0600, NULL);
    (void)probe;
    if (fd < 0)
        return 0;
    close((int)fd);
    return syscall(SYS_mq_unlink, "tenon-probe") == 0;
}
static int memory_file(const struct probe *probe)
{
    int fd = memfd_create("probe", 0);
    (void)probe;
    return fd >= 0 && close(fd) == 0;
}
static int secret_memory(const struct probe *probe)
{
    long fd = syscall(CALL_MEMFD_SECRET, 0);
    (void)probe;
    return fd >= 0 && close((int)fd) == 0;
}
static int socket_pair(const struct probe *probe)
{
    int sockets[2];
    (void)probe;
    return socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) == 0 && close(sockets[0]) == 0 &&
           close(sockets[1]) == 0;
}

static const struct {
    const char *what;
    int (*could)(const struct probe *probe);
} tries[] = {
    {"limit parent", limit_parent},
    {"limit parent from afar", limit_parent_from_afar},
    {"limit parent from below", limit_parent_from_below},
    {"pin parent", pin_parent},
    {"pin nobody", pin_nobody},
    {"slow parent", slow_parent},
    {"chmod outside", chmod_outside},
    {"fchmodat2 outside", fchmodat2_outside},
    {"chown outside", chown_outside},
    {"attribute outside", attribute_outside},
    {"no attribute outside", no_attribute_outside},
    {"file_setattr outside", file_setattr_outside},
    {"touch outside", touch_outside},
    {"truncate outside", truncate_outside},
    {"open for nothing", open_for_nothing},
    {"empty readable", empty_readable},
    {"chmod readable", chmod_readable},
    {"chown readable", chown_readable},
    {"touch readable", touch_readable},
    {"lease readable", lease_readable},
    {"mark readable", mark_readable},
    {"shared memory", shared_memory},
    {"semaphores", semaphores},
    {"messages", messages},
    {"message queue", message_queue},
    {"memory file", memory_file},
    {"secret memory", secret_memory},
    {"socket pair", socket_pair},
    {"pin self", pin_self},
    {"cut inside", cut_inside},
    {"lock inside", lock_inside},
};

static void list_descriptors(tenon_sink *out)
{
    char line[64];
    int first = 1;
    tenon_puts(out, "\"descriptors\":[");
    for (int fd = 0; fd < 256; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            continue;
        snprintf(line, sizeof line, "%s%d", first ? "" : ",", fd);
        tenon_puts(out, line);
        first = 0;
    }
    tenon_puts(out, "],");
}

static void list_environment(tenon_sink *out)
{
    tenon_puts(out, "\"environment\":[");
    for (char **one = environ; one && *one; one++) {
        char line[256];
        snprintf(line, sizeof line, "%s\"%.*s\"", one == environ ? "" : ",",
                 (int)strcspn(*one, "="), *one);
        tenon_puts(out, line);
    }
    tenon_puts(out, "]");
}

static int32_t transform(void *self, const tenon_record *record, tenon_sink *out, tenon_err *err)
{
    struct probe *probe = self;
    (void)record, (void)err;
    tenon_puts(out, "{");
    say(out, "connect", try_connect(AF_INET));
    say(out, "unix socket", try_connect(AF_UNIX));
    say(out, "netlink", try_connect(AF_NETLINK));
    say(out, "read outside", try_open(probe->outside, O_RDONLY));
    say(out, "write outside", try_open(probe->outside, O_WRONLY | O_CREAT));
    say(out, "write inside", try_open(probe->inside, O_WRONLY | O_CREAT));
    say(out, "signal parent", kill(getppid(), 0) == 0);
    say(out, "trace parent", ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    say(out, "fork", child > 0);
    execl("/bin/true", "true", (char *)NULL);
    say(out, "exec", 0);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
        say(out, tries[i].what, tries[i].could(probe));
    list_descriptors(out);
    list_environment(out);
    return tenon_puts(out, "}");
}

static const tenon_transformer transformer = TENON_TRANSFORMER(transform);
static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)self, (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        out->add(out, &request);
    }
    return TENON_OK;
}
static const tenon_client client = TENON_HTTP_CLIENT(prepare, 0, 0);
static void describe(tenon_plugin *plugin)
{
    plugin->settings = tenon_settings_;
    plugin->create = create;
    plugin->transformer = &transformer;
    plugin->client = &client;
}
TENON_PLUGIN("probe", "1.0", "Apache-2.0", describe);
