/* SPDX-License-Identifier: Apache-2.0
 * Does one bad thing to each record that holds the word "evil", and passes all others on. -DNAME
 * and -DHOW choose: NULL_POINTER, EXIT, GARBAGE, ALLOCATE, STACK, ABORT in transform; LOOP in
 * prepare. */
#include <tenon/tenon.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NULL_POINTER, EXIT, GARBAGE, ALLOCATE, STACK, ABORT, LOOP };

static int is_evil(const tenon_record *record)
{
    return memmem(record->data.ptr, record->data.len, "evil", 4) != NULL;
}

static int recurse(volatile char *above)
{
    volatile char here[4096];
    here[0] = above[0];
    return above[0] == 'e' ? 0 : recurse(here) + here[0];
}

static void misbehave(void)
{
    static const char noise[512] = "\377\377\377\377 not the protocol \0\1\2";
    static char *volatile nowhere;
    char start = 0;

    switch (HOW) {
    case NULL_POINTER:
        *nowhere = 1;
        break;
    case EXIT:
        exit(0);
    case GARBAGE:
        for (int fd = 0; fd < 1024; fd++)
            for (int times = 0; times < 64; times++)
                if (write(fd, noise, sizeof noise) < 0)
                    break;
        break;
    case ALLOCATE:
        for (;;) {
            char *more = malloc(1 << 20);
            if (more == NULL)
                abort();
            memset(more, 1, 1 << 20);
        }
    case STACK:
        start = (char)recurse(&start);
        break;
    case ABORT:
        abort();
    case LOOP:
        for (;;)
            start++;
    }
}

static int32_t transform(void *self, const tenon_record *record, tenon_sink *out, tenon_err *err)
{
    (void)self, (void)err;
    if (HOW != LOOP && is_evil(record))
        misbehave();
    return tenon_write(out, record->data);
}

static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)self, (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        if (HOW == LOOP && is_evil(tenon_record_at(batch, i)))
            misbehave();
        out->add(out, &request);
    }
    return TENON_OK;
}

static const tenon_transformer transformer = TENON_TRANSFORMER(transform);
static const tenon_client client = TENON_HTTP_CLIENT(prepare, 0, 0);

static void describe(tenon_plugin *plugin)
{
    plugin->transformer = &transformer;
    plugin->client = &client;
}
TENON_PLUGIN(NAME, "1.0", "Apache-2.0", describe);
