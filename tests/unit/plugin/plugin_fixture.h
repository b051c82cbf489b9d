/* SPDX-License-Identifier: Apache-2.0
 * A plugin host with real workers, and calls that run the loop until they are answered. */
#ifndef PLUGIN_FIXTURE_H
#define PLUGIN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugin/plugin_internal.h"

enum { FIXTURE_TEXT_MAX = 65536, FIXTURE_RECORDS_MAX = 512 };

struct fixture {
    struct loop *loop;
    struct plugin_host *host;
    struct loop_timer *watchdog;
    char state_dir[64];
    bool is_inprocess, is_done;
    int64_t timeout_ms, memory_max_bytes;
    const char *pin;
    const char *write_path;
    char events[FIXTURE_TEXT_MAX]; /* what the worker event said, a line each */
    char logs[FIXTURE_TEXT_MAX];   /* level, integration: message fields */
    unsigned log_lines;
    struct plugin_record records[FIXTURE_RECORDS_MAX];
    void (*on_ask)(struct fixture *fixture, struct plugin_ask *ask); /* NULL: nobody answers */
    struct plugin_ask *ask;                                          /* the test's */
    unsigned asks, gone;
};

/* What a call ended with. */
struct answer {
    struct fixture *fixture;
    unsigned count;
    enum plugin_status status;
    char words[PLUGIN_WORDS_MAX];
    struct plugin_reply *reply; /* the test unrefs */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* A catalog entry made by the real note reader; freed with the test. */
void fixture_entry(const char *plugin, struct catalog_entry *out);
void fixture_entry_finish(struct catalog_entry *entry);
/* Opens and waits; the instance is NULL only when the room refused at once (answer.words says why).
 */
struct plugin_instance *fixture_open(struct fixture *fixture, const char *plugin, const char *name,
                                     const char *at, struct answer *out);
struct plugin_instance *fixture_open_entry(struct fixture *fixture,
                                           const struct catalog_entry *entry, const char *name,
                                           const char *at, struct answer *out);
/* `types` are the records' types, separated by spaces. Fills fixture->records from `first`. */
size_t fixture_records(struct fixture *fixture, const char *types);
void fixture_deliver_start(struct plugin_instance *instance, const struct plugin_record *records,
                           size_t count, unsigned steps, struct answer *out);
struct plugin_reply *fixture_deliver(struct plugin_instance *instance, const char *types,
                                     unsigned steps, struct answer *out);
/* Runs the loop until `*count` has reached `least`. */
void fixture_wait(struct fixture *fixture, const unsigned *count, unsigned least);
void fixture_wait_text(struct fixture *fixture, const char *text, const char *needle);
void fixture_release(struct answer *answer);
void fixture_on_reply(void *user, struct plugin_reply *reply);

#define assert_contains(text, needle)                                                              \
    do {                                                                                           \
        if (strstr((text), (needle)) == NULL)                                                      \
            fail_msg("'%s' is not in '%s'", (needle), (text));                                     \
    } while (0)

#endif
