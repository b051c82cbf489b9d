/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

#include "check.h"

static void every_byte_has_one_value(void **state)
{
    static const char digits[] = "0123456789abcdefABCDEF";

    (void)state;
    for (int c = -128; c < 128; c++) {
        const char *at = c != 0 ? strchr(digits, c) : NULL;
        int wanted = at == NULL         ? -1
                     : at - digits < 16 ? (int)(at - digits)
                                        : (int)(at - digits) - 6;
        if (hex_digit((char)c) != wanted)
            fail_msg("%d has the value %d", c, hex_digit((char)c));
    }
}

static void both_ways(void **state)
{
    const uint8_t bytes[] = {0x00, 0x7f, 0x80, 0xff, 0xa5};
    uint8_t back[sizeof(bytes)];
    char text[2 * sizeof(bytes) + 1];

    (void)state;
    hex_encode(bytes, sizeof(bytes), text);
    assert_string_equal(text, "007f80ffa5");
    assert_true(hex_decode(STR("007F80ffA5"), back, sizeof(back)));
    assert_memory_equal(back, bytes, sizeof(bytes));
    hex_encode(NULL, 0, text);
    assert_string_equal(text, "");
    assert_true(hex_decode(STR_NONE, NULL, 0));
}

static void decode_takes_digits_of_the_length_alone(void **state)
{
    static const char *const wrong[] = {"",     "0",    "00",   "000",  "00000", "000000",
                                        "0g00", "000g", "g000", "00 0", "0x00",  "+000"};
    uint8_t out[2];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (hex_decode(str_of(wrong[i]), out, sizeof(out)))
            fail_msg("\"%s\" is taken for two bytes", wrong[i]);
    assert_false(hex_decode((struct str){"00\0000", 4}, out, 2)); /* a NUL is no digit */
    assert_false(hex_decode(STR("0"), out, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_has_one_value),
        cmocka_unit_test(both_ways),
        cmocka_unit_test(decode_takes_digits_of_the_length_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
