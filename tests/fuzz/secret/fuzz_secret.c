/* SPDX-License-Identifier: Apache-2.0
 * A secret and behind a line end what a destination answers, which may be the secret in any form.
 */
#include "base/secret.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/percent.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_masked(struct str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '*';
    return count;
}

/* What of `form` stays after masking: nothing. */
static void expect_masked(struct str form)
{
    _buf_ struct buf masked = {0};

    secret_mask(form, &masked);
    assert(str_is(buf_str(&masked), "********"));
}

static void check_forms(struct str value)
{
    _buf_ struct buf quoted = {0};
    _buf_ struct buf percent = {0};

    expect_masked(value);
    json_put_string(&quoted, value);
    expect_masked((struct str){quoted.ptr + 1, quoted.len - 2});
    if (memchr(value.ptr, '\\', value.len) != NULL)
        return; /* those at its end may stay */
    percent_encode(value, "", &percent);
    expect_masked(buf_str(&percent));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str value = STR_NONE;
    _buf_ struct buf whole = {0};
    _buf_ struct buf cut = {0};

    (void)str_next(&rest, '\n', &value);
    rest = str_or_empty(rest);
    secret_register(value);
    if (value.len >= 4)
        check_forms(value);
    buf_add_str(&whole, rest);
    buf_add_str(&cut, rest);
    (void)secret_mask_in_place(whole.ptr, whole.len);
    (void)secret_mask_cut_in_place(cut.ptr, cut.len);
    assert(count_masked(buf_str(&cut)) >= count_masked(buf_str(&whole)));
    if (value.len >= 4 && memchr(value.ptr, '*', value.len) == NULL && whole.len > 0)
        assert(memmem(whole.ptr, whole.len, value.ptr, value.len) == NULL);
    secret_forget_all();
    return 0;
}
