/* SPDX-License-Identifier: Apache-2.0
 * What /proc says of a process: ours or a worker. Inside this room only. */
#ifndef API_PROCESS_H
#define API_PROCESS_H

#include <stdint.h>

struct api_process {
    int64_t rss_bytes; /* all 0 when the process is gone */
    double cpu_seconds;
    int64_t threads;
};
void api_process_read(int pid, struct api_process *out);

#endif
