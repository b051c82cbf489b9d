/* SPDX-License-Identifier: Apache-2.0
 * bench_client URL FILE [CONNECTIONS]: as curl_bare, through http_client.h. The loop keeps WINDOW
 * requests handed over, as a lane would, and hands over anew what one batch of answers set free. */
#include "bench_lines.h"

#include "http/http_client.h"

enum { WINDOW = 256 };

static struct loop *loop;
static struct http_destination *destination;
static struct lines lines;
static const char *target;
static long in_hand;
static long done;
static long failed;
static struct http_request *again; /* free, to be handed over when the batch is through */

static void refill(struct loop_message *message);
static struct loop_message refill_message = {.fn = refill};

static void on_done(struct http_request *request)
{
    done++;
    in_hand--;
    if (request->failure != HTTP_ANSWERED || request->status < 200 || request->status > 299) {
        if (failed++ == 0)
            fprintf(stderr, "first failure: status %d %s\n", request->status, request->error);
    }
    if (again == NULL)
        loop_post(loop, &refill_message);
    request->next = again;
    again = request;
}

static void refill(struct loop_message *message)
{
    struct http_request *batch = NULL;

    (void)message;
    while (again != NULL) {
        struct http_request *request = again;
        struct str *body = request->user;
        const char *line;
        size_t len;

        if (!lines_next(&lines, &line, &len))
            break;
        again = request->next;
        *body = (struct str){line, len};
        request->next = batch;
        batch = request;
        in_hand++;
    }
    again = NULL;
    if (batch != NULL)
        http_client_send(destination, batch);
    else if (in_hand == 0)
        loop_stop(loop);
}

int main(int argc, char **argv)
{
    static const char *const headers[] = {"Content-Type: application/json"};
    static struct http_request requests[WINDOW];
    static struct str bodies[WINDOW];
    struct http_destination_settings settings = {.verify_tls = true};
    struct http_client *client;
    struct err err = {0};
    double began;

    if (argc < 3) {
        fprintf(stderr, "usage: bench_client URL FILE [CONNECTIONS]\n");
        return 2;
    }
    settings.max_connections = argc > 3 ? atoi(argv[3]) : 16;
    target = argv[1];
    lines = lines_open(argv[2]);
    loop = loop_create(&err);
    client = loop != NULL ? http_client_create(loop, NULL, &err) : NULL;
    destination = client != NULL ? http_destination_create(client, &settings, &err) : NULL;
    if (destination == NULL) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < WINDOW; i++) {
        requests[i] = (struct http_request){.method = "POST",
                                            .url = target,
                                            .headers = headers,
                                            .header_count = 1,
                                            .body_parts = &bodies[i],
                                            .body_part_count = 1,
                                            .done = on_done,
                                            .user = &bodies[i],
                                            .next = again};
        again = &requests[i];
    }
    began = bench_seconds(CLOCK_MONOTONIC);
    loop_post(loop, &refill_message);
    loop_run(loop);
    bench_print("http_client", done, failed, began);
    http_destination_release(destination);
    http_client_destroy(client);
    for (size_t i = 0; i < WINDOW; i++)
        http_request_finish(&requests[i]);
    loop_destroy(loop);
    return failed == 0 ? 0 : 1;
}
