/* SPDX-License-Identifier: Apache-2.0
 * cmocka with what it wants included before it. */
#ifndef TEST_BASE_CHECK_H
#define TEST_BASE_CHECK_H

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define assert_str(got, wanted) assert_str_(got, wanted, __FILE__, __LINE__)

static inline void assert_str_(struct str got, const char *wanted, const char *file, int line)
{
    if (str_is(got, wanted))
        return;
    print_error("\"%.*s\" is not \"%s\"\n", STR_ARG(got), wanted);
    _fail(file, line);
}

#endif
