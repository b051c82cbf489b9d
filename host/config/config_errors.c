/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_errors.h"

#define NAME_(code, meaning) #code,
#define MEANING_(code, meaning) meaning,
static const char *const names[] = {CONFIG_CODES(NAME_)};
static const char *const meanings[] = {CONFIG_CODES(MEANING_)};
#undef NAME_
#undef MEANING_

const char *config_code_name(enum config_code code)
{
    return names[code];
}

const char *config_code_meaning(enum config_code code)
{
    return meanings[code];
}
