/* SPDX-License-Identifier: Apache-2.0
 * Up to the first NUL a value, behind it option rows, as they come from a plugin's note. A row that
 * is accepted accepts its own default; a value that is accepted is in range. */
#include "config/config.h"
#include "config/config_options.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool claim)
{
    if (!claim)
        abort();
}

static void try_option(const struct option *option, struct str value)
{
    struct option_value parsed;
    struct err err = {0};

    must(option->name.len > 0 && option->name.len <= OPTION_NAME_MAX);
    must(option_type_name(option->type) != NULL);
    if (option->fallback.len > 0 && !option->is_required)
        must(option_check(option, option->fallback, NULL) == 0);
    if (option_parse(option, value, &parsed, &err) == 0)
        return;
    must(err.text[0] != '\0' && str_is_utf8(str_of(err.text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size > 0 ? memchr(text, '\0', size) : NULL;
    struct str value = {text, end != NULL ? (size_t)(end - text) : 0};
    struct str rows = {text + value.len + (end != NULL), size - value.len - (end != NULL)};
    struct str rest = rows;
    struct option option;
    int status;

    if (!str_is_utf8(value))
        value = STR("");
    while ((status = option_next(&rest, &option, NULL)) != 0)
        if (status > 0)
            try_option(&option, value);
    if (option_rows_check(rows, NULL) == 0) {
        _buf_ struct buf example = {0};
        config_example("fuzzed", rows, false, &example);
        must(!example.failed);
    }
    return 0;
}
