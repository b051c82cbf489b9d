/* SPDX-License-Identifier: Apache-2.0
 * Request lines of attempts: most attempts of an integration have the same one, so those that come
 * again and again are kept once and named by number. A line is taken up when it is met twice among
 * the last few; lines that hold their record's id come once, and stay with their attempt. */
#include "store/store_sqlite.h"

#include <errno.h>
#include <stdlib.h>

static uint32_t find(struct store_sqlite_requests *requests, struct str line)
{
    if (requests->last < requests->count && str_is(line, requests->lines[requests->last]))
        return requests->last + 1;
    for (uint32_t i = 0; i < requests->count; i++) {
        if (str_is(line, requests->lines[i])) {
            requests->last = i;
            return i + 1;
        }
    }
    return 0;
}

/* Was it met lately? It is, from now on. */
static bool met_before(struct store_sqlite_requests *requests, struct str line)
{
    uint64_t hash = 1469598103934665603u;

    for (size_t i = 0; i < line.len; i++)
        hash = (hash ^ (uint8_t)line.ptr[i]) * 1099511628211u;
    for (size_t i = 0; i < STORE_SQLITE_LATELY; i++)
        if (requests->lately[i] == hash)
            return true;
    requests->lately[requests->lately_next] = hash;
    requests->lately_next = (requests->lately_next + 1) % STORE_SQLITE_LATELY;
    return false;
}

static bool keep(struct store_sqlite_requests *requests, struct str line)
{
    char *copy = str_dup(line);

    if (copy == NULL)
        return false;
    requests->lines[requests->count++] = copy;
    return true;
}

int store_sqlite_request(struct store_sqlite_writer *writer, struct str line, uint32_t *out,
                         struct err *err)
{
    struct store_sqlite_requests *requests = &writer->requests;

    *out = line.len > 0 ? find(requests, line) : 0;
    if (*out != 0 || line.len == 0 || requests->count == STORE_SQLITE_REQUESTS_MAX ||
        !met_before(requests, line) || !keep(requests, line))
        return 0;
    sqlite3_stmt *add = store_sqlite_use(&writer->handle, S_REQUEST_ADD,
                                         "INSERT INTO requests (num, line) VALUES (?1, ?2)");
    *out = requests->count;
    (void)sqlite3_bind_int64(add, 1, *out);
    store_sqlite_bind_text(add, 2, line);
    return store_sqlite_run(writer, add, "cannot keep a request line", err);
}

void store_sqlite_requests_forget(struct store_sqlite_requests *requests, uint32_t keep_count)
{
    while (requests->count > keep_count)
        free(requests->lines[--requests->count]);
}

int store_sqlite_requests_load(struct store_sqlite_writer *writer, struct str line, uint32_t number,
                               struct err *err)
{
    if (number != writer->requests.count + 1 || number > STORE_SQLITE_REQUESTS_MAX)
        return err_set(err, E_SYNTAX,
                       "store %s: the table of requests is damaged at number %u; restore a backup",
                       writer->handle.path, number);
    return keep(&writer->requests, line) ? 0 : err_set(err, -ENOMEM, "no memory for the store");
}
