/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/secret.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends `text` with "..." when it was cut, and never in the middle of a UTF-8 character. */
static void mark_cut(char *text, size_t size)
{
    size_t end = size - sizeof("...");

    while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    memcpy(text + end, "...", sizeof("..."));
}

/* Masked before it is cut, since what is left of a secret is known for one no more. */
static void put_cut(char *text, size_t size, const char *format, va_list args)
{
    char *whole = NULL;

    if (vasprintf(&whole, format, args) < 0) {
        (void)snprintf(text, size, "out of memory"); /* fits */
        return;
    }
    (void)secret_mask_in_place(whole, strlen(whole)); /* masked or not: both fine */
    memcpy(text, whole, size - 1);
    text[size - 1] = '\0';
    mark_cut(text, size);
    free(whole);
}

/* The arguments may point into err->text, so the sentence is made beside it. */
static int set(struct err *err, int code, const char *format, va_list args)
{
    if (err == NULL)
        return code;

    int saved = errno;
    char text[sizeof(err->text)];
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(text, sizeof(text), format, args);
    if (len < 0)
        text[0] = '\0';
    else if ((size_t)len >= sizeof(text))
        put_cut(text, sizeof(text), format, again);
    va_end(again);
    memcpy(err->text, text, strlen(text) + 1);
    err->code = code;
    errno = saved;
    return code;
}

int err_set(struct err *err, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)set(err, code, format, args); /* gives back `code` */
    va_end(args);
    return code;
}

int err_prefix(struct err *err, const char *format, ...)
{
    if (err == NULL)
        return 0;

    int saved = errno;
    char prefix[sizeof(err->text)];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(prefix, sizeof(prefix), format, args);
    va_end(args);
    errno = saved;
    if (len < 0)
        return err->code;
    return err_set(err, err->code, "%s%s", prefix, err->text);
}

const char *err_name(int code)
{
    switch (code) {
    case 0:
        return "success";
    case E_USAGE:
        return "wrong usage";
    case E_REFUSED:
        return "refused";
    case E_NOT_FOUND:
        return "not found";
    case E_UNREACHABLE:
        return "unreachable";
    case E_TOO_LARGE:
        return "too large";
    case E_SYNTAX:
        return "wrong syntax";
    case E_CONFLICT:
        return "conflict";
    case E_STOPPED:
        return "stopped";
    default:
        break;
    }
    const char *name = code < 0 && code > -1000 ? strerrorname_np(-code) : NULL;
    return name ? name : "unknown status";
}
