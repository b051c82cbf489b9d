/* SPDX-License-Identifier: Apache-2.0
 * Landlock: which files can be reached at all. The numbers are the kernel's; older system headers
 * lack some. */
#include "worker/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum {
    FILE_EXECUTE = 1 << 0,
    FILE_WRITE = 1 << 1,
    FILE_READ = 1 << 2,
    DIR_READ = 1 << 3,
    FILE_TRUNCATE = 1 << 14, /* since 3 */
    FILE_IOCTL = 1 << 15,    /* since 5 */
    ALL_1 = (1 << 13) - 1,
    ALL_2 = (1 << 14) - 1,
    ALL_3 = (1 << 15) - 1,
    ALL_5 = (1 << 16) - 1,
    LOOK = FILE_READ | DIR_READ,
    RUN = FILE_READ | DIR_READ | FILE_EXECUTE,
    OF_FILES = FILE_EXECUTE | FILE_WRITE | FILE_READ | FILE_TRUNCATE | FILE_IOCTL,
    NOT_FOR_WRITERS = FILE_EXECUTE | FILE_IOCTL | 1 << 6 | 1 << 11, /* no device nodes either */
    NET_ALL = 3,
    SCOPE_ABSTRACT_SOCKETS = 1,
    SCOPE_SIGNALS = 2,
};

struct ruleset_attr {
    uint64_t files, net, scoped;
};
struct path_attr {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

struct grant {
    const char *path;
    uint64_t rights;
    bool only_net;
};

/* Missing ones are passed over. */
static const struct grant grants[] = {
    {"/lib", RUN, false},
    {"/lib64", RUN, false},
    {"/usr/lib", RUN, false},
    {"/usr/lib64", RUN, false},
    {"/usr/local/lib", RUN, false},
    {"/etc/ld.so.cache", FILE_READ, false},
    {"/etc/localtime", FILE_READ, false},
    {"/usr/share/zoneinfo", LOOK, false},
    {"/usr/share/locale", LOOK, false},
    {"/dev/null", FILE_READ | FILE_WRITE, false},
    {"/dev/zero", FILE_READ, false},
    {"/dev/urandom", FILE_READ, false},
    {"/dev/random", FILE_READ, false},
    {"/etc/resolv.conf", FILE_READ, true},
    {"/etc/hosts", FILE_READ, true},
    {"/etc/host.conf", FILE_READ, true},
    {"/etc/nsswitch.conf", FILE_READ, true},
    {"/etc/gai.conf", FILE_READ, true},
    {"/etc/services", FILE_READ, true},
    {"/etc/protocols", FILE_READ, true},
    {"/etc/passwd", FILE_READ, true},
    {"/etc/ssl", LOOK, true},
    {"/etc/pki", LOOK, true},
    {"/etc/ca-certificates", LOOK, true},
    {"/usr/share/ca-certificates", LOOK, true},
    {"/run/systemd/resolve", LOOK, true},
};

static int allow(int ruleset, const char *path, uint64_t rights, uint64_t handled)
{
    struct stat info;
    int fd = open(path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return -1;
    int status = fstat(fd, &info);
    if (status == 0) {
        if (!S_ISDIR(info.st_mode))
            rights &= OF_FILES;
        struct path_attr attr = {rights & handled, fd};
        status = (int)syscall(SYS_landlock_add_rule, ruleset, 1, &attr, 0);
    }
    int saved = errno;
    close(fd);
    errno = saved;
    return status;
}

static int allow_all(int ruleset, const struct wire_load *load, uint64_t handled,
                     char words[CALL_WORDS_MAX])
{
    char directory[4096];

    for (size_t i = 0; i < sizeof grants / sizeof *grants; i++) {
        const struct grant *grant = &grants[i];
        if ((!grant->only_net || load->allow_net) &&
            allow(ruleset, grant->path, grant->rights, handled) < 0 && errno != ENOENT &&
            errno != EACCES && errno != ENOTDIR)
            goto failed;
    }
    const char *slash = strrchr(load->real_path.ptr, '/');
    if (slash != NULL) {
        int len = slash == load->real_path.ptr ? 1 : (int)(slash - load->real_path.ptr);
        snprintf(directory, sizeof directory, "%.*s", len, load->real_path.ptr);
        if (allow(ruleset, directory, RUN, handled) < 0)
            goto failed;
    }
    for (uint32_t i = 0; i < load->write_path_count; i++) {
        if (allow(ruleset, load->write_paths[i].ptr, handled & ~(uint64_t)NOT_FOR_WRITERS,
                  handled) < 0) {
            snprintf(words, CALL_WORDS_MAX,
                     "'%.512s', which this integration may write to, cannot be opened: %s; "
                     "make it, or correct the ini",
                     load->write_paths[i].ptr, strerror(errno));
            return -1;
        }
    }
    return 0;
failed:
    snprintf(words, CALL_WORDS_MAX, "the worker could not confine its files: %s", strerror(errno));
    return -1;
}

int confine_files(const struct wire_load *load, struct confine_words *seen,
                  char words[CALL_WORDS_MAX])
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* tell the version */);

    if (abi < 1) {
        confine_note(seen->missing, sizeof seen->missing, "landlock (%s)", strerror(errno));
        return 0;
    }
    struct ruleset_attr attr = {
        .files = abi >= 5   ? ALL_5
                 : abi >= 3 ? ALL_3
                 : abi == 2 ? ALL_2
                            : ALL_1,
        .net = abi >= 4 && !load->allow_net ? NET_ALL : 0,
        .scoped = abi < 6           ? 0u
                  : load->allow_net ? SCOPE_SIGNALS
                                    : SCOPE_SIGNALS | SCOPE_ABSTRACT_SOCKETS,
    };
    size_t size = abi >= 6   ? sizeof attr
                  : abi >= 4 ? offsetof(struct ruleset_attr, scoped)
                             : offsetof(struct ruleset_attr, net);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0) {
        snprintf(words, CALL_WORDS_MAX, "the worker could not confine its files: %s",
                 strerror(errno));
        return -1;
    }
    int status = allow_all(ruleset, load, attr.files, words);
    if (status == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) {
        snprintf(words, CALL_WORDS_MAX, "the worker could not confine its files: %s",
                 strerror(errno));
        status = -1;
    }
    close(ruleset);
    if (status == 0)
        confine_note(seen->in_force, sizeof seen->in_force, "landlock %ld (files%s%s)", abi,
                     attr.net != 0 ? ", tcp" : "", attr.scoped != 0 ? ", signals" : "");
    return status;
}
