/* SPDX-License-Identifier: Apache-2.0
 * Keyed digests by name, for signatures that others chose the hash of (OpenSSL has SHA-1, which
 * libsodium does not). [any] */
#ifndef BASE_HMAC_H
#define BASE_HMAC_H

#include "base/str.h"

#include <stdint.h>

enum hmac_hash { HMAC_SHA1, HMAC_SHA256, HMAC_SHA512 };
enum { HMAC_BYTES_MAX = 64 };

/* How many bytes it gave; 0: the hash is not to be had here, as SHA-1 under a strict policy. */
size_t hmac_sign(enum hmac_hash hash, struct str key, struct str message,
                 uint8_t out[HMAC_BYTES_MAX]);
size_t hmac_bytes(enum hmac_hash hash);
/* Takes as long whatever differs. */
bool hmac_equals(const void *one, const void *other, size_t bytes);
/* SHA-256 of some bytes as 64 hex digits and a NUL. */
void hmac_plain_sha256(struct str bytes, char out[65]);

#endif
