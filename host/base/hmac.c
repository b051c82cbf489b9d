/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hmac.h"

#include "base/digest.h"
#include "base/hex.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

size_t hmac_bytes(enum hmac_hash hash)
{
    static const size_t bytes[] = {[HMAC_SHA1] = 20, [HMAC_SHA256] = 32, [HMAC_SHA512] = 64};

    return bytes[hash];
}

static const EVP_MD *find_hash(enum hmac_hash hash)
{
    switch (hash) {
    case HMAC_SHA1:
        return EVP_sha1();
    case HMAC_SHA256:
        return EVP_sha256();
    default:
        return EVP_sha512();
    }
}

size_t hmac_sign(enum hmac_hash hash, struct str key, struct str message,
                 uint8_t out[HMAC_BYTES_MAX])
{
    unsigned len = 0;

    if (key.len > INT_MAX ||
        HMAC(find_hash(hash), key.ptr != NULL ? key.ptr : "", (int)key.len,
             (const unsigned char *)str_or_empty(message).ptr, message.len, out, &len) == NULL)
        return 0;
    return len;
}

bool hmac_equals(const void *one, const void *other, size_t bytes)
{
    return sodium_memcmp(one, other, bytes) == 0;
}

void hmac_plain_sha256(struct str bytes, char out[65])
{
    uint8_t digest[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256(digest, (const uint8_t *)str_or_empty(bytes).ptr,
                             bytes.len); /* cannot fail */
    hex_encode(digest, sizeof(digest), out);
}
