/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "check.h"

static void keys_tell_parts_apart(void **state)
{
    struct str one[] = {STR("ab"), STR("c")};
    struct str two[] = {STR("a"), STR("bc")};
    char a[33];
    char b[33];
    char again[33];

    (void)state;
    digest_key(one, 2, a);
    digest_key(two, 2, b);
    digest_key(one, 2, again);
    assert_int_equal(strlen(a), 32);
    assert_string_equal(a, again);
    assert_string_not_equal(a, b);
    digest_key(NULL, 0, b);
    assert_string_equal(b, "cae66941d9efbd404e4d88758ea67670"); /* BLAKE2b-128 of nothing */
}

static void file_digest(void **state)
{
    char hex[65];

    (void)state;
    _fclose_ FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(digest_file_sha256(fileno(file), hex), 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (int i = 0; i < 1000000; i++)
        (void)fputc('a', file);
    assert_int_equal(fflush(file), 0);
    assert_int_equal(digest_file_sha256(fileno(file), hex), 0);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_int_equal(digest_file_sha256(-1, hex), -EBADF);
}

/* RFC 4231, test case 2, in one piece and in three. */
static void hmac(void **state)
{
    struct str whole[] = {STR("what do ya want for nothing?")};
    struct str pieces[] = {STR("what do ya "), STR_NONE, STR("want for nothing?")};
    uint8_t mac[32];
    char hex[65];
    const char *wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    (void)state;
    digest_hmac_sha256(STR("Jefe"), whole, 1, mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, wanted);
    digest_hmac_sha256(STR("Jefe"), pieces, 3, mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, wanted);
    digest_hmac_sha256(STR_NONE, NULL, 0, mac);
    hex_encode(mac, sizeof(mac), hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 4648, section 10. */
static void base64_both_ways(void **state)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        _buf_ struct buf letters = {0};
        _buf_ struct buf bytes = {0};
        buf_putc(&letters, '>');
        base64_encode(str_of(pairs[i][0]), &letters);
        assert_string_equal(letters.ptr + 1, pairs[i][1]);
        assert_int_equal(base64_decode(str_of(pairs[i][1]), &bytes), 0);
        assert_str(buf_str(&bytes), pairs[i][0]);
    }
    _buf_ struct buf all = {0};
    _buf_ struct buf letters = {0};
    _buf_ struct buf back = {0};
    for (int i = 0; i < 256; i++)
        buf_putc(&all, (char)i);
    base64_encode(buf_str(&all), &letters);
    assert_int_equal(base64_decode(buf_str(&letters), &back), 0);
    assert_int_equal(back.len, 256);
    assert_memory_equal(back.ptr, all.ptr, 256);
}

static void base64_refuses(void **state)
{
    static const char *const wrong[] = {
        "A", "====", "=", "Zg=", "Zm9v=", "Zh==", "Zm9=", "Zm 9v", "Z===", "Zm-_", "Zm9vA"};
    _buf_ struct buf out = {0};

    (void)state;
    buf_puts(&out, "kept");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (base64_decode(str_of(wrong[i]), &out) != -EINVAL)
            fail_msg("\"%s\" is not refused", wrong[i]);
        assert_str(buf_str(&out), "kept");
    }
    assert_int_equal(base64_decode(STR("Zg"), &out), 0); /* padding is optional */
    assert_str(buf_str(&out), "keptf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_tell_parts_apart),
        cmocka_unit_test(file_digest),
        cmocka_unit_test(hmac),
        cmocka_unit_test(base64_both_ways),
        cmocka_unit_test(base64_refuses),
    };
    return digest_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
