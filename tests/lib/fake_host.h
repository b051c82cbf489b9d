/* SPDX-License-Identifier: Apache-2.0
 * A host as small as can be, for tests that call a plugin through its vtable: loads the built .so,
 * gives it a host table and sinks, and keeps what it hands out. It uses the plugin's own addresses
 * in one process, so sanitizers see into the plugin. It will not transform, send or retry anything.
 */
#ifndef TESTS_FAKE_HOST_H
#define TESTS_FAKE_HOST_H

#include <tenon/tenon.h>

#include <pthread.h>

enum { FAKE_MAX = 1100, FAKE_TEXT = 1024 };

/* A sink that gathers; `fail_after` bytes it refuses more (0: never). */
struct fake_text {
    tenon_sink sink;
    char *bytes; /* NUL-terminated, NULL before the first write */
    size_t len;
    size_t fail_after;
};
void fake_text_init(struct fake_text *text);
void fake_text_finish(struct fake_text *text);

struct fake_request {
    uint32_t body_kind, first, count;
    char method[16], url[FAKE_TEXT * 8], headers[FAKE_TEXT], body[FAKE_TEXT];
};
struct fake_requests {
    tenon_requests requests;
    struct fake_request *items; /* FAKE_MAX */
    size_t count;
    size_t fail_at; /* the add() that fails, from 1; 0: none */
};
void fake_requests_init(struct fake_requests *requests);
void fake_requests_finish(struct fake_requests *requests);

struct fake_verdict {
    int32_t verdict, error_class; /* verdict 0: none came */
    uint32_t times, retry_after_ms, http_status;
    char message[FAKE_TEXT], external_id[256];
};
struct fake_verdicts {
    tenon_verdicts verdicts;
    struct fake_verdict items[FAKE_MAX];
};
void fake_verdicts_init(struct fake_verdicts *verdicts);

/* The host table, and what came through complete(). */
struct fake_host {
    tenon_host host;
    pthread_mutex_t lock;
    pthread_cond_t completed;
    size_t completions;                 /* under lock */
    uint64_t last_job;                  /* under lock */
    size_t last_count;                  /* under lock */
    struct fake_verdict last[FAKE_MAX]; /* under lock */
    size_t log_lines;
    char last_log[FAKE_TEXT];
};
void fake_host_init(struct fake_host *host);
void fake_host_finish(struct fake_host *host);
/* Waits until `count` jobs are completed; 0, or -1 after ten seconds. */
int fake_host_wait(struct fake_host *host, size_t count);

/* The plugin in file `path`; fails the test when it cannot be loaded. Stays loaded, as with the
 * real host. */
const tenon_plugin *fake_host_load(const char *path);

tenon_err fake_err(void);
/* A record with this id and data; the rest is fixed (type "event", version 1, key "key-1"). */
tenon_record fake_record(const char *id, const char *data);
tenon_batch fake_batch(const tenon_record *records, uint32_t count);

#endif
