/* SPDX-License-Identifier: Apache-2.0
 * A store with its loop, and the ops of store.h as plain calls that wait for their end. The clock
 * stands still at NOW_MS unless a test moves it. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "base/loop.h"
#include "store/store.h"

enum { NOW_MS = 1000000, LEASE_MS = 30000, ROWS_MAX = 4096 };

struct fixture {
    struct loop *loop;
    struct store *store;
    char directory[64];
    char path[96];
    char url[128];
    uint32_t integration; /* "hook" */
    struct err err;       /* of the last op */
    int64_t next_due_ms;  /* of the last claim or record */
    bool has_more;        /* of the last claim */
};

/* One row, its texts copied. */
struct kept_row {
    struct store_row row;
    char id[80], type[80], name[80], reason[96], external_id[80], key[40], data[80], request[80],
        answer[80], trace[96], sender[80];
};

void fixture_open(struct fixture *fixture, const char *scheme); /* "sqlite" or "memory" */
void fixture_reopen(struct fixture *fixture);                   /* sqlite: the same file */
void fixture_close(struct fixture *fixture);
/* For cmocka: a fixture of the backend under test as the state. */
extern const char *fixture_scheme; /* "sqlite", unless a test names another */
int fixture_setup(void **state);
int fixture_teardown(void **state);
void fixture_wait(struct fixture *fixture, struct store_op *op);
void fixture_stop(struct store_op *op); /* a done() that ends the wait */
void fixture_at(int64_t wall_ms);

struct store_put_result put(struct fixture *fixture, const char *id, const char *data);
int put_many(struct fixture *fixture, const struct store_entity *entities, size_t count,
             struct store_put_result *results);
struct store_put_result drop(struct fixture *fixture, const char *id);
uint32_t add_integration(struct fixture *fixture, const char *name);
/* The caller finishes the claim. */
void take(struct fixture *fixture, enum store_walk walk, uint32_t max, struct store_claim *out);
/* Takes one, checks its id and version, and copies what a verdict needs. */
struct store_claimed take_one(struct fixture *fixture, enum store_walk walk, const char *id,
                              uint64_t version);
void take_none(struct fixture *fixture, enum store_walk walk);
int tell(struct fixture *fixture, const struct store_outcome *outcomes, size_t count);
void tell_event(struct fixture *fixture, const struct store_claimed *record,
                enum submission_event event, int64_t due_ms);
int enqueue(struct fixture *fixture, const char *entity, int selector, uint64_t *out_count);
int keep_text(struct fixture *fixture, uint32_t integration, const char *name, const char *value);
uint64_t recover(struct fixture *fixture);
/* Sets these ages, and removes all that is due by now. */
struct store_compact compact(struct fixture *fixture, const struct store_retention *retention);
/* Rows into a static array; `query` is filled but for its row(). */
size_t ask(struct fixture *fixture, struct store_query query, const struct kept_row **out);
struct kept_row ask_submission(struct fixture *fixture, uint64_t number);
uint64_t count_of(struct fixture *fixture,
                  enum submission_state state); /* checked against the rows themselves */
/* Behind the store's back, on a handle of its own. */
void fixture_sql(const char *path, const char *sql);
int64_t fixture_number(const char *path,
                       const char *sql); /* what a question with one answer says */

#endif
