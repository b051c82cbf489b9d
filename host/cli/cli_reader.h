/* SPDX-License-Identifier: Apache-2.0
 * Who reads our standard output by a pipe may go while nothing is to be written: `head` has its
 * lines, and no next one comes for an hour. Writing would tell; this tells without.
 * Inside this room only. */
#ifndef CLI_READER_H
#define CLI_READER_H

/* From now on the process ends as by SIGPIPE once nobody reads its standard output any more. For
 * output that goes on; may be called again. Without a thread to watch things stay as they are. */
void cli_reader_watch(void);

#endif
