/* SPDX-License-Identifier: Apache-2.0
 * The order matters: identity first (it resets other marks), then files, then system calls, which
 * would forbid the rest. */
#include "worker/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SHADOW_MEMORY 1 /* a sanitizer maps terabytes; a limit would end it at once */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SHADOW_MEMORY 1
#endif
#endif
#ifndef HAS_SHADOW_MEMORY
#define HAS_SHADOW_MEMORY 0
#endif

enum { FILES_MAX = 64, FILES_MAX_NET = 1024 };

void confine_note(char *list, size_t size, const char *format, ...)
{
    size_t len = strlen(list);
    va_list args;

    if (len > 0 && len + 3 < size) {
        memcpy(list + len, ", ", 3);
        len += 2;
    }
    va_start(args, format);
    vsnprintf(list + len, size - len, format, args);
    va_end(args);
}

static int fail(char words[CALL_WORDS_MAX], const char *what)
{
    snprintf(words, CALL_WORDS_MAX, "the worker could not confine itself: %s: %s", what,
             strerror(errno));
    return -1;
}

static int limit(int resource, uint64_t value)
{
    struct rlimit old;
    rlim_t want = (rlim_t)value;

    if (getrlimit(resource, &old) == 0 && old.rlim_max != RLIM_INFINITY && old.rlim_max < want)
        want = old.rlim_max;
    return setrlimit(resource, &(struct rlimit){want, want});
}

static int limit_resources(const struct wire_load *load, struct confine_words *seen,
                           char words[CALL_WORDS_MAX])
{
    if (limit(RLIMIT_CORE, 0) < 0 ||
        limit(RLIMIT_NOFILE, load->allow_net ? FILES_MAX_NET : FILES_MAX) < 0)
        return fail(words, "limits on core files and open files");
    if (load->write_path_count == 0 && limit(RLIMIT_FSIZE, 0) < 0)
        return fail(words, "limit on written files");
    if (load->memory_max_bytes == 0)
        return 0;
    if (HAS_SHADOW_MEMORY) {
        confine_note(seen->missing, sizeof seen->missing, "memory limit (sanitizer build)");
        return 0;
    }
    /* DATA counts what the plugin writes to; AS stops shared mappings, and leaves room for
     * libraries. */
    if (limit(RLIMIT_DATA, load->memory_max_bytes) < 0 ||
        limit(RLIMIT_AS, load->memory_max_bytes + (UINT64_C(512) << 20)) < 0)
        return fail(words, "memory limit");
    confine_note(seen->in_force, sizeof seen->in_force, "memory %llu MiB",
                 (unsigned long long)(load->memory_max_bytes >> 20));
    return 0;
}

static int drop_rights(const struct wire_load *load, struct confine_words *seen,
                       char words[CALL_WORDS_MAX])
{
    if (geteuid() == 0) {
        for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
            if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EPERM)
                return fail(words, "bounding set");
        if (load->gid != UINT32_MAX &&
            (setgroups(0, NULL) < 0 || setresgid(load->gid, load->gid, load->gid) < 0))
            return fail(words, "group of the worker");
        if (load->uid != UINT32_MAX && setresuid(load->uid, load->uid, load->uid) < 0)
            return fail(words, "user of the worker");
    }
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    if (syscall(SYS_capset, &header, none) < 0)
        return fail(words, "capabilities");
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0,
                0); /* empty already where it is unknown */
    /* A change of identity clears these two. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return fail(words, "privileges");
    confine_note(seen->in_force, sizeof seen->in_force, "user %u without capabilities",
                 (unsigned)geteuid());
    return 0;
}

int confine_before_load(void *user, const struct wire_load *load, char words[CALL_WORDS_MAX])
{
    struct confine_words *seen = user;

    if (limit_resources(load, seen, words) < 0 || drop_rights(load, seen, words) < 0 ||
        confine_files(load, seen, words) < 0 || confine_calls(load->allow_net, seen, words) < 0)
        return -1;
    return 0;
}

void confine_after_load(void *user, const struct wire_load *load, char words[CALL_WORDS_MAX])
{
    struct confine_words *seen = user;

    if (load->allow_net) /* client libraries load modules and may compile as they go */
        confine_note(seen->in_force, sizeof seen->in_force, "network allowed");
    else if (confine_code() == 0)
        confine_note(seen->in_force, sizeof seen->in_force, "no new code");
    else
        confine_note(seen->missing, sizeof seen->missing, "ban on new code");
    snprintf(words, CALL_WORDS_MAX, "%s%s%s", seen->in_force,
             seen->missing[0] != '\0' ? "; missing: " : "", seen->missing);
}
