/* SPDX-License-Identifier: Apache-2.0
 * A transformer that tries what a worker must not be able to do, and answers with what it could:
 * {"connect":"EPERM",...}. "ok" is a hole in the confinement. */
#include <tenon/tenon.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

TENON_SETTINGS(TENON_OPTION("outside", "path", "", "", "required",
                            "a file that it should not read or write")
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
    char outside[512], inside[512];
};

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    static struct probe probe;
    (void)host, (void)integration, (void)err;
    setting(settings.ptr, "\"outside\"", probe.outside, sizeof probe.outside);
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
    {"pin self", pin_self},
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
