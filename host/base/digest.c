/* SPDX-License-Identifier: Apache-2.0 */
#include "base/digest.h"

#include "base/hex.h"

#include <errno.h>
#include <sodium.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024 };

int digest_init(void)
{
    return sodium_init() < 0 ? -EIO : 0;
}

/* The lengths keep {"ab", "c"} and {"a", "bc"} apart. */
void digest_key(const struct str *parts, size_t count, char out[33])
{
    crypto_generichash_state state;
    uint8_t digest[16];

    (void)crypto_generichash_init(&state, NULL, 0,
                                  sizeof(digest)); /* fails for impossible lengths only */
    for (size_t i = 0; i < count; i++) {
        uint8_t len[8];
        for (size_t byte = 0; byte < sizeof(len); byte++)
            len[byte] = (uint8_t)((uint64_t)parts[i].len >> (8 * byte));
        (void)crypto_generichash_update(&state, len, sizeof(len)); /* cannot fail */
        if (parts[i].len > 0)
            (void)crypto_generichash_update(&state, (const uint8_t *)parts[i].ptr,
                                            parts[i].len); /* as above */
    }
    (void)crypto_generichash_final(&state, digest, sizeof(digest)); /* as above */
    hex_encode(digest, sizeof(digest), out);
}

int digest_file_sha256(int fd, char out[65])
{
    crypto_hash_sha256_state state;
    uint8_t piece[PIECE_BYTES];
    uint8_t digest[crypto_hash_sha256_BYTES];
    off_t at = 0;

    (void)crypto_hash_sha256_init(&state); /* cannot fail */
    for (;;) {
        ssize_t got = pread(fd, piece, sizeof(piece), at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        (void)crypto_hash_sha256_update(&state, piece, (size_t)got); /* cannot fail */
        at += got;
    }
    (void)crypto_hash_sha256_final(&state, digest); /* cannot fail */
    hex_encode(digest, sizeof(digest), out);
    return 0;
}

void digest_hmac_sha256(struct str key, const struct str *parts, size_t count, uint8_t out[32])
{
    crypto_auth_hmacsha256_state state;

    (void)crypto_auth_hmacsha256_init(&state, (const uint8_t *)(key.ptr ? key.ptr : ""),
                                      key.len); /* cannot fail */
    for (size_t i = 0; i < count; i++)
        if (parts[i].len > 0)
            (void)crypto_auth_hmacsha256_update(&state, (const uint8_t *)parts[i].ptr,
                                                parts[i].len); /* as above */
    (void)crypto_auth_hmacsha256_final(&state, out);           /* as above */
    sodium_memzero(&state, sizeof(state));
}

void digest_sha256(struct str text, uint8_t out[32])
{
    (void)crypto_hash_sha256(out, (const uint8_t *)(text.ptr ? text.ptr : ""),
                             text.len); /* cannot fail */
}

bool digest_equals(const uint8_t *one, const uint8_t *other, size_t size)
{
    return sodium_memcmp(one, other, size) == 0;
}

void digest_random(uint8_t *out, size_t size)
{
    randombytes_buf(out, size);
}

void base64_encode(struct str bytes, struct buf *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (bytes.len > SIZE_MAX / 2 || !buf_reserve(out, (bytes.len + 2) / 3 * 4)) {
        out->failed = true;
        return;
    }
    char *to = out->ptr + out->len;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t bits = (uint32_t)(uint8_t)bytes.ptr[i] << 16;
        if (left > 1)
            bits |= (uint32_t)(uint8_t)bytes.ptr[i + 1] << 8;
        if (left > 2)
            bits |= (uint8_t)bytes.ptr[i + 2];
        *to++ = letters[bits >> 18];
        *to++ = letters[bits >> 12 & 63];
        *to++ = left > 1 ? letters[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? letters[bits & 63] : '=';
    }
    *to = '\0';
    out->len = (size_t)(to - out->ptr);
}

static int letter_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Adds what it can read, and tells whether that was all. Bits left over at the end must be zero, so
 * that one value has one spelling. */
static bool decode_letters(struct str text, struct buf *out)
{
    uint32_t bits = 0;
    unsigned held = 0;

    for (size_t i = 0; i < text.len; i++) {
        int value = letter_value(text.ptr[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            buf_putc(out, (char)(bits >> held));
            bits &= (1u << held) - 1;
        }
    }
    return bits == 0;
}

int base64_decode(struct str text, struct buf *out)
{
    size_t start = out->len;

    if (text.len > 0 && text.len % 4 == 0 && text.ptr[text.len - 1] == '=')
        text.len -= text.ptr[text.len - 2] == '=' ? 2 : 1;
    if (text.len % 4 != 1 && decode_letters(text, out))
        return 0;
    if (out->len > start) {
        out->len = start;
        out->ptr[start] = '\0';
    }
    return -EINVAL;
}
