/* SPDX-License-Identifier: Apache-2.0
 * Standard input on its way to a command that runs elsewhere: read when the command wants some and
 * not before, on a thread of its own, since a terminal may take its time while output still comes.
 * Inside this room only. */
#ifndef CLI_TYPING_H
#define CLI_TYPING_H

#include "http/http_client.h"

struct cli_typing;

/* Where it goes, by POST, an empty body for the end; copied. NULL: no memory, or no thread. */
struct cli_typing *cli_typing_start(const struct http_call *target);
void cli_typing_want(struct cli_typing *typing); /* a piece, or the end */
/* Nobody wants more. When the thread is waiting for somebody to type, the process ends here with
 * `code`. NULL allowed. */
void cli_typing_stop(struct cli_typing *typing, int code);

#endif
