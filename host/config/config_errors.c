/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_errors.h"

#define NAME_(code, meaning) #code,
static const char *const names[] = {CONFIG_CODES(NAME_)};
#undef NAME_

const char *config_code_name(enum config_code code)
{
    return names[code];
}
