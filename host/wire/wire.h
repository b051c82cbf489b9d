/* SPDX-License-Identifier: Apache-2.0
 * The bytes between the daemon and plugin code: frames, and the primitive fields in them. Used by
 * host/call (which runs the plugin) and host/plugin (which treats every byte that comes back as
 * hostile). What the fields of each operation are stands in wire_messages.h. Same machine on both
 * ends, so numbers are in host order.
 *
 *   header: u32 length of the payload, u16 op, u16 flags, u64 call, u32 instance, u32 zero; then
 * the payload. text:   u32 length, the bytes, one NUL. A decoded text points into the frame and is
 * NUL-terminated. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tenon/tenon.h>

enum {
    WIRE_PROTOCOL = 5,
    WIRE_HEADER_BYTES = 24,
    WIRE_FRAME_MAX = 64 << 20, /* payload bytes; a longer frame is refused by both sides */
    WIRE_KEEP_BYTES = 1 << 18, /* buffers that a big frame made larger shrink back to this */
};

enum wire_op {
    WIRE_GREETING = 1, /* worker -> host, once, before anything else */
    WIRE_LOAD,         /* confine, dlopen, greet; answered by WIRE_FACTS or WIRE_STATUS */
    WIRE_CREATE,       /* validate and create; answered by WIRE_STATUS or WIRE_ACTIONS */
    WIRE_ACTIVATE,
    WIRE_CLOSE,   /* deactivate and destroy */
    WIRE_DELIVER, /* answered by WIRE_OUTCOMES, maybe after WIRE_PENDING */
    WIRE_JUDGE,   /* answered by WIRE_OUTCOMES */
    WIRE_TEST,
    WIRE_CANCEL, /* a wish, not answered */
    WIRE_STATUS, /* worker -> host: how a call ended that has nothing more to say */
    WIRE_FACTS,
    WIRE_OUTCOMES,
    WIRE_PENDING, /* the call went on by itself; the worker takes the next; WIRE_OUTCOMES follow */
    WIRE_LOG,
    WIRE_ACTION, /* answered by WIRE_RESULT, or by WIRE_STATUS when it failed */
    WIRE_RESULT,
    WIRE_ACTIONS, /* answers WIRE_CREATE when it went well and the integration has actions of its
                     own */
    WIRE_ASK,     /* worker -> host: plugin code wants something of a service, and waits */
    WIRE_ANSWER,  /* host -> worker: to one WIRE_ASK */
    WIRE_WEBHOOK, /* answered by WIRE_RESULT, or by WIRE_STATUS when it failed */
    WIRE_TOOL,    /* the same */
    WIRE_SIGNAL,  /* answered by WIRE_RESULT with the reply, or by WIRE_STATUS: it failed, or
                     TENON_OK: the reply comes later */
    WIRE_RUN,     /* a command beside the strand; answered by WIRE_ENDED or WIRE_STATUS */
    WIRE_SERVE,   /* a route, the same */
    WIRE_ENDED,
    WIRE_OP_END,
};

struct wire_header {
    uint32_t length;
    uint16_t op;
    uint16_t flags;
    uint64_t call;
    uint32_t instance;
    uint32_t reserved;
};

/* ---- writing ---- */

/* A growing buffer. Zero-initialised is empty. When memory runs out `failed` stays set: check once
 * at the end. */
struct wire_out {
    char *ptr;
    size_t len, cap;
    bool failed;
};

void wire_out_bytes(struct wire_out *out, const void *bytes, size_t len);
void wire_out_u32(struct wire_out *out, uint32_t value);
void wire_out_u64(struct wire_out *out, uint64_t value);
void wire_out_text(struct wire_out *out, tenon_str text);
/* Starts a frame; the result goes to wire_out_end, which fills in the length. A payload past
 * WIRE_FRAME_MAX takes the frame back and returns -1; so does lack of memory. */
size_t wire_out_begin(struct wire_out *out, enum wire_op op, uint64_t call, uint32_t instance);
int wire_out_end(struct wire_out *out, size_t begin);
void wire_out_clear(
    struct wire_out *out); /* empty again; a buffer larger than WIRE_KEEP_BYTES is given back */
void wire_out_finish(struct wire_out *out); /* frees */

/* ---- reading ---- */

/* What is left of a payload. Once something did not fit, `failed` is set and all further values are
 * zero. */
struct wire_in {
    const char *at;
    size_t rest;
    bool failed;
};

uint32_t wire_in_u32(struct wire_in *in);
uint64_t wire_in_u64(struct wire_in *in);
const char *wire_in_bytes(struct wire_in *in, size_t len); /* NULL when failed */
tenon_str wire_in_text(struct wire_in *in);                /* never a NULL ptr */
/* A count of things of at least `least_bytes` each: a count that the rest cannot hold fails. */
uint32_t wire_in_count(struct wire_in *in, size_t least_bytes);
/* Everything was read and nothing failed. */
bool wire_in_is_done(const struct wire_in *in);

/* Cuts frames out of a byte stream. Zero-initialised is empty. */
struct wire_reader {
    char *ptr;
    size_t start, end, cap;
};

/* Where to read to, at least one byte; NULL: no memory. *out_room says how many fit. */
char *wire_reader_room(struct wire_reader *reader, size_t *out_room);
void wire_reader_added(struct wire_reader *reader, size_t len);
/* Moves what is not read yet to new memory, so that the frame that was given out last stays where
 * it is: the old memory, the caller's to free, or NULL (no memory; nothing has changed). */
char *wire_reader_detach(struct wire_reader *reader);
/* 1: *header and *in (valid until the next wire_reader_room); 0: more bytes are needed; -1: not a
 * frame. */
int wire_reader_next(struct wire_reader *reader, struct wire_header *header, struct wire_in *in);
void wire_reader_finish(struct wire_reader *reader);

#endif
