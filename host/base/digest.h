/* SPDX-License-Identifier: Apache-2.0
 * Digests and base64 (libsodium). digest_init once per process before use. [any] */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

int digest_init(void);
/* BLAKE2b-128 of the parts, each preceded by its length, as 32 hex digits and a NUL. */
void digest_key(const struct str *parts, size_t count, char out[33]);
int digest_file_sha256(int fd, char out[65]); /* reads from the start by pread; 0 or -errno */
void digest_hmac_sha256(struct str key, const struct str *parts, size_t count, uint8_t out[32]);
void digest_sha256(struct str text, uint8_t out[32]);
/* Takes the same time wherever the difference is. */
bool digest_equals(const uint8_t *one, const uint8_t *other, size_t size);
void digest_random(uint8_t *out, size_t size); /* the kernel's, for secrets */
void base64_encode(struct str bytes, struct buf *out);
/* Standard alphabet, padding optional; 0, or -EINVAL and nothing added. */
int base64_decode(struct str text, struct buf *out);

#endif
