/* SPDX-License-Identifier: Apache-2.0
 * curl_bare URL FILE [CONNECTIONS]: the measure for http_client.h. Posts each line of FILE to URL
 * with nothing but libcurl: one thread, one multi handle, no queue, no hand-over, answers thrown
 * away. */
#include "bench_lines.h"

#include <curl/curl.h>

struct sender {
    CURLM *multi;
    struct lines lines;
    struct curl_slist *headers;
    long done;
    long failed;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    (void)bytes;
    (void)user;
    return size * count;
}

static CURL *make_handle(const struct sender *sender, const char *url)
{
    CURL *easy = curl_easy_init();

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, sender->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    return easy;
}

static int send_next(struct sender *sender, CURL *easy)
{
    const char *line;
    size_t len;

    if (!lines_next(&sender->lines, &line, &len))
        return 0;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, line);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    curl_multi_add_handle(sender->multi, easy);
    return 1;
}

static int collect(struct sender *sender)
{
    CURLMsg *message;
    int left;
    int ended = 0;

    while ((message = curl_multi_info_read(sender->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        long status = 0;

        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        sender->done++;
        sender->failed += message->data.result != CURLE_OK || status < 200 || status > 299;
        curl_multi_remove_handle(sender->multi, easy);
        if (!send_next(sender, easy)) {
            curl_easy_cleanup(easy);
            ended++;
        }
    }
    return ended;
}

int main(int argc, char **argv)
{
    struct sender sender = {0};
    int open_handles = 0;
    int connections;
    double began;

    if (argc < 3) {
        fprintf(stderr, "usage: curl_bare URL FILE [CONNECTIONS]\n");
        return 2;
    }
    connections = argc > 3 ? atoi(argv[3]) : 16;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    sender.multi = curl_multi_init();
    sender.lines = lines_open(argv[2]);
    sender.headers = curl_slist_append(NULL, "Content-Type: application/json");
    sender.headers = curl_slist_append(sender.headers, "Expect:");
    began = bench_seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < connections; i++)
        open_handles += send_next(&sender, make_handle(&sender, argv[1]));
    while (open_handles > 0) {
        int running;

        curl_multi_perform(sender.multi, &running);
        open_handles -= collect(&sender);
        curl_multi_poll(sender.multi, NULL, 0, 1000, NULL);
    }
    bench_print("curl_bare", sender.done, sender.failed, began);
    curl_multi_cleanup(sender.multi);
    curl_slist_free_all(sender.headers);
    return sender.failed == 0 ? 0 : 1;
}
