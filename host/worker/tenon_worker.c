/* SPDX-License-Identifier: Apache-2.0
 * The process in which one plugin's code runs. tenond starts it with its descriptors' numbers; it
 * gives up what it does not need and then serves until tenond closes the connection. */
#include "call/call.h"
#include "worker/confine.h"
#include "worker/guilt.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Order: tenon-worker SOCKET PAGE PARENT [SEALED]. */
enum { ARGUMENTS = 4, FIRST_FD = 3 };

/* In a sanitizer build a plugin's crash stays a crash, and the end of a plugin's exit() is not
 * looked at for leaks: that would take calls which are forbidden by then. */
#if defined(__SANITIZE_ADDRESS__)
const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
    return "handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigill=0:handle_sigfpe=0:detect_"
           "leaks=0:"
           "use_sigaltstack=0:allow_user_segv_handler=1";
}
#endif

static int number(const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    return end == text || *end != '\0' || value < 0 || value > 1 << 30 ? -1 : (int)value;
}

/* Keeps 0 to 2 and what we were given. */
static void close_others(int a, int b, int c)
{
    unsigned from = FIRST_FD;

    while (from <= 1024) {
        unsigned next = 1u << 30;
        int kept[] = {a, b, c};
        for (size_t i = 0; i < 3; i++)
            if (kept[i] >= (int)from && (unsigned)kept[i] < next)
                next = (unsigned)kept[i];
        if (next > from)
            (void)syscall(SYS_close_range, from, next - 1,
                          0); /* tenond opens all others close-on-exec too */
        from = next + 1;
    }
}

static void clean_environment(void)
{
    const char *zone = getenv("TZ");
    const char *language = getenv("LANG");
    char *kept_zone = zone != NULL ? strdup(zone) : NULL;
    char *kept_language = language != NULL ? strdup(language) : NULL;

    clearenv();
    if (kept_zone != NULL)
        (void)setenv("TZ", kept_zone, 1); /* without it times are UTC */
    if (kept_language != NULL)
        (void)setenv("LANG", kept_language, 1); /* without it messages are English */
    free(kept_zone);
    free(kept_language);
}

static int settle_in(int parent)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        return -1;
    if (null > STDERR_FILENO)
        close(null);
    (void)signal(SIGPIPE, SIG_IGN); /* a write to a closed pipe is an error like any other */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        return -1; /* tenond ended while we started */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
        chdir("/") < 0)
        return -1;
    umask(077);
    clean_environment();
    (void)mallopt(M_ARENA_MAX, 1); /* an arena per thread would cost more than it brings */
    return 0;
}

int main(int argc, char **argv)
{
    int socket = argc >= ARGUMENTS ? number(argv[1]) : -1;
    int page_fd = argc >= ARGUMENTS ? number(argv[2]) : -1;
    int parent = argc >= ARGUMENTS ? number(argv[3]) : -1;
    int sealed = argc > ARGUMENTS ? number(argv[4]) : -1;

    if (socket < FIRST_FD || page_fd < FIRST_FD || parent < 1) {
        fprintf(stderr, "tenon-worker: runs a plugin for tenond, which starts it; it is not for "
                        "the command line\n");
        return 2;
    }
    close_others(socket, page_fd, sealed);
    if (settle_in(parent) < 0)
        return 1;
    struct wire_page *page =
        mmap(NULL, WIRE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd, 0);
    if (page == MAP_FAILED)
        return 1;
    close(page_fd);
    guilt_watch(page);

    static struct confine_words seen;
    struct call_options options = {
        .fd = socket,
        .page = page,
        .confine = confine_before_load,
        .tighten = confine_after_load,
        .on_thread = guilt_on_thread,
        .user = &seen,
    };
    int status = call_serve(&options, true);
    /* Without exit handlers: they are the plugin's, and the host has already closed its instances.
     */
    _exit(status < 0 ? 1 : 0);
}
