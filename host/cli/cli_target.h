/* SPDX-License-Identifier: Apache-2.0
 * Which daemon is asked, and as whom. */
#ifndef CLI_TARGET_H
#define CLI_TARGET_H

#include "cli/cli.h"
#include "http/http_client.h"

/* Fills in where `path` (encoded) is asked for, and the token; found out once. `url` is filled, and
 * must live as long as the call. 0, E_USAGE, E_UNREACHABLE or -ENOMEM. */
int cli_target(struct cli *cli, struct str path, struct buf *url, struct http_call *out,
               struct err *err);

#endif
