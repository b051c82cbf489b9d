/* SPDX-License-Identifier: Apache-2.0
 * Reading JSON-RPC 2.0 messages of MCP clients: bytes of a stranger, so everything is bounded and
 * nothing is taken that could be read in two ways. Pure functions, fuzzed by tests/fuzz/mcp. [any]
 */
#ifndef API_MCP_MESSAGE_H
#define API_MCP_MESSAGE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

enum {
    MCP_BATCH_MAX = 64, /* messages in one body */
    MCP_METHOD_BYTES_MAX = 128,
    MCP_ID_BYTES_MAX = 256,
    MCP_NAME_BYTES_MAX = 256, /* of a tool */
};

/* JSON-RPC's codes and MCP's own. */
enum {
    MCP_PARSE_ERROR = -32700,
    MCP_INVALID_REQUEST = -32600,
    MCP_METHOD_NOT_FOUND = -32601,
    MCP_INVALID_PARAMS = -32602,
    MCP_INTERNAL_ERROR = -32603,
    MCP_NO_RESOURCE = -32002, /* up to 2025-11-25; later INVALID_PARAMS */
    MCP_HEADER_MISMATCH = -32020,
    MCP_UNSUPPORTED_VERSION = -32022,
};

enum mcp_kind { MCP_REQUEST, MCP_NOTIFICATION, MCP_ANSWER };

/* Texts point into what was read. */
struct mcp_message {
    enum mcp_kind kind;
    struct str id;     /* raw JSON: a string or a whole number; STR_NONE unless a request */
    struct str method; /* without its quotes; has no escapes. STR_NONE for an answer */
    struct str params; /* raw JSON, an object; "{}" when there are none */
};

/* One value that was checked to be JSON. 0, or the code of the error with words in err; the id, as
 * far as one could be read, is set all the same. */
int api_mcp_message_read(struct str value, struct mcp_message *out, struct err *err);

/* A body: one message, or an array of them. *out_is_batch tells; `*rest` then stands on the first.
 * 0, or MCP_PARSE_ERROR or MCP_INVALID_REQUEST with words. */
int api_mcp_body_open(struct str body, struct str *rest, bool *out_is_batch, struct err *err);
/* The next message of it; false at the end. */
bool api_mcp_body_next(struct str *rest, bool is_batch, struct str *out_value);

/* The text of a member that is a string; false when it is none, or not there, or has more than
 * `max` bytes. */
bool api_mcp_text(struct str object, const char *name, size_t max, struct buf *out);

#endif
