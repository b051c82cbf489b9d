/* SPDX-License-Identifier: Apache-2.0
 * A library like any other: functions of every type that C passes in a register, for the test of
 * the ffi plugin. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define GIVES_BACK(name, type)                                                                     \
    EXPORT type name(type x);                                                                      \
    EXPORT type name(type x)                                                                       \
    {                                                                                              \
        return x;                                                                                  \
    }
GIVES_BACK(a_schar, signed char)
GIVES_BACK(a_uchar, unsigned char)
GIVES_BACK(a_short, short)
GIVES_BACK(a_ushort, unsigned short)
GIVES_BACK(an_int, int)
GIVES_BACK(a_uint, unsigned)
GIVES_BACK(a_long, long)
GIVES_BACK(a_ulong, unsigned long)
GIVES_BACK(a_llong, long long)
GIVES_BACK(a_float, float)
GIVES_BACK(a_double, double)
GIVES_BACK(a_bool, bool)
GIVES_BACK(a_text, const char *)

/* All at once: in registers, and on the stack behind them. */
EXPORT int many(char *out, size_t size, int8_t a, uint16_t b, float c, int64_t d, double e, bool f,
                uint32_t g, const char *h, const void *i, unsigned char n);
EXPORT int many(char *out, size_t size, int8_t a, uint16_t b, float c, int64_t d, double e, bool f,
                uint32_t g, const char *h, const void *i, unsigned char n)
{
    return snprintf(out, size, "%d %u %g %lld %g %d %u %s %.*s", a, b, (double)c, (long long)d, e,
                    f, g, h, (int)n, (const char *)i);
}

EXPORT void nothing(void);
EXPORT void nothing(void)
{
}

EXPORT unsigned long most(void);
EXPORT unsigned long most(void)
{
    return UINT64_MAX;
}

EXPORT void halves(int whole, int *low, short *high, float *ratio);
EXPORT void halves(int whole, int *low, short *high, float *ratio)
{
    *low = whole & 0xffff;
    *high = (short)(whole >> 16);
    *ratio = 0.1f;
}

EXPORT unsigned long sum(const unsigned char *bytes, size_t count);
EXPORT unsigned long sum(const unsigned char *bytes, size_t count)
{
    unsigned long total = 0;

    for (size_t i = 0; i < count; i++)
        total += bytes[i];
    return total;
}

EXPORT int status(int number);
EXPORT int status(int number)
{
    errno = number;
    return number == 0 ? 0 : -1;
}

static unsigned given_back;
EXPORT char *make(const char *of);
EXPORT char *make(const char *of)
{
    return of[0] == '\0' ? NULL : strdup(of);
}
EXPORT void give_back(void *text);
EXPORT void give_back(void *text)
{
    free(text);
    given_back++;
}
EXPORT unsigned count_given_back(void);
EXPORT unsigned count_given_back(void)
{
    return given_back;
}

EXPORT void fill(char *out);
EXPORT void fill(char *out)
{
    memset(out, 'x', 4); /* without an end */
}
EXPORT const char *latin(void);
EXPORT const char *latin(void)
{
    return "a\xe9";
}
