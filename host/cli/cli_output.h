/* SPDX-License-Identifier: Apache-2.0
 * Cuts the answer to a running command into its pieces: "KIND BYTES\n", then so many bytes, over
 * and over. Strict: what is anything else is refused. Fuzzed by tests/fuzz/output. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "base/str.h"

enum { CLI_OUTPUT_HEAD_MAX = 24, CLI_OUTPUT_PIECE_MAX = 1 << 20 };

/* `bytes` come as they arrive: of out and err in any portions, of the other kinds whole. False: no
 * more of it. */
typedef bool (*cli_output_fn)(void *user, const char *kind, struct str bytes);

struct cli_output { /* starts zeroed but for fn and user */
    cli_output_fn fn;
    void *user;
    char head[CLI_OUTPUT_HEAD_MAX];
    size_t head_len;
    char kind[8]; /* of the piece under way */
    size_t left;  /* bytes of it that are yet to come */
    bool is_in_piece;
    struct buf whole; /* finish with buf_finish */
};

/* 1: goes on; 0: fn had enough; -EBADMSG; -ENOMEM. */
int cli_output_take(struct cli_output *output, struct str bytes);

#endif
