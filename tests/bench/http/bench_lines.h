/* SPDX-License-Identifier: Apache-2.0
 * What both senders share: the lines of a file, mapped, and the line that is printed at the end. */
#ifndef BENCH_LINES_H
#define BENCH_LINES_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

struct lines {
    const char *at;
    const char *end;
};

static inline struct lines lines_open(const char *path)
{
    struct stat facts;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    const char *bytes;

    if (fd < 0 || fstat(fd, &facts) < 0 || facts.st_size == 0) {
        perror(path);
        exit(1);
    }
    bytes = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (bytes == MAP_FAILED) {
        perror(path);
        exit(1);
    }
    return (struct lines){bytes, bytes + facts.st_size};
}

/* The next line without its line break; 0 at the end. */
static inline int lines_next(struct lines *lines, const char **out_line, size_t *out_len)
{
    const char *stop;

    if (lines->at >= lines->end)
        return 0;
    stop = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    if (stop == NULL)
        stop = lines->end;
    *out_line = lines->at;
    *out_len = (size_t)(stop - lines->at);
    lines->at = stop + 1;
    return 1;
}

static inline double bench_seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* `began` is bench_seconds(CLOCK_MONOTONIC) at the first request. */
static inline void bench_print(const char *who, long requests, long failed, double began)
{
    struct rusage used;
    double wall = bench_seconds(CLOCK_MONOTONIC) - began;
    double cpu = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);

    getrusage(RUSAGE_SELF, &used);
    printf("{\"who\":\"%s\",\"requests\":%ld,\"failed\":%ld,\"s\":%.3f,\"requests_s\":%.0f,\"cpu\":"
           "%.3f,"
           "\"cpu_us_a_request\":%.2f,\"max_rss_kb\":%ld}\n",
           who, requests, failed, wall, (double)requests / wall, cpu, cpu * 1e6 / (double)requests,
           used.ru_maxrss);
}

#endif
