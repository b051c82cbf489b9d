/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_process.h"

#include "base/cleanup.h"

#include <string.h>
#include <unistd.h>

/* Fields of /proc/PID/stat are counted from behind the last ')', since the program's name may hold
 * anything. */
void api_process_read(int pid, struct api_process *out)
{
    char path[64];
    char line[1024];
    unsigned long user_ticks;
    unsigned long system_ticks;
    long threads;
    long rss_pages;

    *out = (struct api_process){0};
    (void)snprintf(path, sizeof(path), "/proc/%d/stat",
                   pid); /* fits: a pid has ten digits at most */
    _fclose_ FILE *file = fopen(path, "re");
    if (file == NULL || fgets(line, sizeof(line), file) == NULL)
        return;
    const char *fields = strrchr(line, ')');
    if (fields == NULL || sscanf(fields + 1,
                                 " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d "
                                 "%*d %ld %*d %*u %*u %ld",
                                 &user_ticks, &system_ticks, &threads, &rss_pages) != 4)
        return;
    out->rss_bytes = (int64_t)rss_pages * sysconf(_SC_PAGESIZE);
    out->cpu_seconds = (double)(user_ticks + system_ticks) / (double)sysconf(_SC_CLK_TCK);
    out->threads = threads;
}
