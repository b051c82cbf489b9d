/* SPDX-License-Identifier: Apache-2.0
 * Scope guards. `_free_ char *text = ...` frees text when the scope ends; steal() hands it past the
 * guard. Guards keep errno. A room adds its own with DEFINE_GUARD beside the destroyer. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFINE_GUARD(name, type, destroy)                                                          \
    static inline void guard_##name(type *place)                                                   \
    {                                                                                              \
        int saved = errno;                                                                         \
        if (*place)                                                                                \
            destroy(*place);                                                                       \
        errno = saved;                                                                             \
    }                                                                                              \
    struct guard_##name##_needs_semicolon

static inline void guard_free(void *place)
{
    int saved = errno;
    free(*(void **)place);
    errno = saved;
}

static inline void guard_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        (void)close(*fd); /* nothing to do about it in a guard */
    errno = saved;
}

static inline void guard_file(FILE **file)
{
    int saved = errno;
    if (*file)
        (void)fclose(*file); /* readers only: writers close by hand and look */
    errno = saved;
}

static inline void guard_dir(DIR **dir)
{
    int saved = errno;
    if (*dir)
        (void)closedir(*dir); /* nothing was written */
    errno = saved;
}

#define _guard_(name) __attribute__((cleanup(guard_##name)))
#define _free_ _guard_(free)
#define _close_ _guard_(close)
#define _fclose_ _guard_(file)
#define _closedir_ _guard_(dir)

/* The pointer's value; the variable becomes NULL, so its guard does nothing. */
#define steal(pointer)                                                                             \
    __extension__({                                                                                \
        __typeof__(pointer) *place_ = &(pointer);                                                  \
        __typeof__(pointer) value_ = *place_;                                                      \
        *place_ = NULL;                                                                            \
        value_;                                                                                    \
    })

#define steal_fd(fd)                                                                               \
    __extension__({                                                                                \
        int *place_ = &(fd);                                                                       \
        int value_ = *place_;                                                                      \
        *place_ = -1;                                                                              \
        value_;                                                                                    \
    })

#endif
