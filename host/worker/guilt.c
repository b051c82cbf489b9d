/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/guilt.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { HANDLER_BYTES = 16 << 10 };

static struct wire_page *shared_page;
static _Thread_local const struct wire_place *own_place;
static _Thread_local void *own_stack;

/* The first to die is the one: what dies after it may do so because of it. Async-signal-safe. */
static void leave_word(void)
{
    uint64_t call = own_place != NULL ? __atomic_load_n(&own_place->call, __ATOMIC_RELAXED) : 0;
    uint64_t nobody = 0;

    if (call != 0)
        (void)__atomic_compare_exchange_n(&shared_page->guilty, &nobody, call, false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED); /* told already */
}

/* exit() is fatal only when it was a callback that called it; our own leaves by _exit. */
static void on_exit_called(void)
{
    if (own_place != NULL &&
        __atomic_load_n(&own_place->callback, __ATOMIC_RELAXED) != WIRE_AT_NONE)
        leave_word();
}

/* ThreadSanitizer holds signals back and runs handlers at a time of its choosing. */
#if defined(__SANITIZE_THREAD__)
#define HAS_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_THREAD_SANITIZER 1
#endif
#endif

#ifndef HAS_THREAD_SANITIZER
/* The action is the default one again by now, so raising the signal ends the process. Returning
 * alone would not do: a breakpoint, or a signal that somebody sent, does not come a second time. */
static void on_fatal_signal(int number)
{
    leave_word();
    (void)raise(number); /* should it be forbidden, a fault repeats itself on return */
}
#endif

void guilt_watch(struct wire_page *page)
{
    shared_page = page;
    (void)atexit(on_exit_called);        /* without memory for it the hint is lost */
    (void)at_quick_exit(on_exit_called); /* as above */
#ifndef HAS_THREAD_SANITIZER
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
    struct sigaction action = {.sa_handler = on_fatal_signal,
                               .sa_flags = SA_ONSTACK | (int)SA_RESETHAND | SA_NODEFER};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        (void)sigaction(fatal[i], &action, NULL); /* all of these can be caught */
#endif
}

void guilt_on_thread(void *user, const struct wire_place *place)
{
    long least = sysconf(_SC_MINSIGSTKSZ); /* what this processor's registers take */
    size_t bytes = HANDLER_BYTES + (least > 0 ? (size_t)least : 0);
    stack_t stack = {.ss_flags = SS_DISABLE};

    (void)user;
    own_place = place;
    if (place != NULL && own_stack == NULL && (own_stack = malloc(bytes)) != NULL)
        stack = (stack_t){.ss_sp = own_stack, .ss_size = bytes};
    (void)sigaltstack(&stack, NULL); /* without it an overflow dies as ever, and is not told */
    if (place == NULL) {
        free(own_stack);
        own_stack = NULL;
    }
}
