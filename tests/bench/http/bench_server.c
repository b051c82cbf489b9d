/* SPDX-License-Identifier: Apache-2.0
 * bench_server ADDRESS|SOCKET [SECONDS]: answers every request with its body's length, and prints
 * at the end what that cost. Feed it with any load generator; idle connections show in rss_kb. */
#include "bench_lines.h"

#include "http/http_server.h"

static long answered;

static void on_request(void *user, struct http_exchange *exchange)
{
    struct buf body = {0};

    (void)user;
    answered++;
    buf_printf(&body, "{\"bytes\":%zu}\n", http_exchange_body(exchange).len);
    http_exchange_reply(exchange, 200, "application/json", NULL, &body);
}

static long rss_kb(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file != NULL) {
        if (fscanf(file, "%*d %ld", &pages) != 1)
            pages = 0;
        fclose(file);
    }
    return pages * 4;
}

static void on_end(void *user)
{
    double cpu = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);

    printf("{\"who\":\"http_server\",\"requests\":%ld,\"cpu\":%.3f,\"cpu_us_a_request\":%.2f,\"rss_"
           "kb\":%ld}\n",
           answered, cpu, answered > 0 ? cpu * 1e6 / (double)answered : 0.0, rss_kb());
    loop_stop(user);
}

int main(int argc, char **argv)
{
    struct http_server_settings settings = {.max_connections = 20000,
                                            .max_body_bytes = 64 * 1024 * 1024};
    struct err err = {0};
    struct loop *loop;
    struct http_server *server;
    struct loop_timer *timer;

    if (argc < 2) {
        fprintf(stderr, "usage: bench_server ADDRESS|SOCKET [SECONDS]\n");
        return 2;
    }
    if (argv[1][0] == '/')
        settings.unix_socket = argv[1];
    else
        settings.listen = argv[1];
    loop = loop_create(&err);
    server = loop != NULL ? http_server_create(loop, &settings, on_request, NULL, &err) : NULL;
    if (server == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    timer = loop_timer_create(loop, on_end, loop);
    loop_timer_set(timer, (argc > 2 ? atoi(argv[2]) : 10) * 1000);
    fprintf(stderr, "listening, rss %ld kB\n", rss_kb());
    loop_run(loop);
    http_server_destroy(server);
    loop_timer_destroy(timer);
    loop_destroy(loop);
    return 0;
}
