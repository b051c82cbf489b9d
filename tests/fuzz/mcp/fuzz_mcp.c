/* SPDX-License-Identifier: Apache-2.0
 * A POST of /mcp; with a line of dashes in it, a schema and arguments for it. What is taken is
 * within its limits; what is refused says why. */
#include "api/api_mcp_message.h"
#include "base/json.h"
#include "base/json_schema.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool claim)
{
    if (!claim)
        abort();
}

static void read_messages(struct str body)
{
    struct err err = {0};
    struct str rest;
    struct str value;
    bool is_batch = false;
    size_t count = 0;

    int code = api_mcp_body_open(body, &rest, &is_batch, &err);
    must((code == 0) == (err.text[0] == '\0'));
    while (code == 0 && api_mcp_body_next(&rest, is_batch, &value)) {
        struct mcp_message message;
        struct err own = {0};
        must(++count <= body.len);
        int fault = api_mcp_message_read(value, &message, &own);
        must((fault == 0) == (own.text[0] == '\0'));
        must(message.id.len <= MCP_ID_BYTES_MAX);
        if (fault != 0 || message.kind == MCP_ANSWER)
            continue;
        must(message.method.len > 0 && message.method.len <= MCP_METHOD_BYTES_MAX);
        must(json_kind_of(message.params) == JSON_OBJECT);
        must((message.kind == MCP_REQUEST) == (message.id.len > 0));
    }
}

static void match(struct str schema, struct str value)
{
    struct err err = {0};

    if (json_schema_check(schema, &err) < 0) {
        must(err.text[0] != '\0');
        return;
    }
    value = str_trim(value);
    if (json_check(value, NULL) == 0 && json_schema_match(schema, value, &err) < 0)
        must(err.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str all = {(const char *)data, size};
    const char *cut = memmem(data, size, "\n---\n", 5);

    if (cut == NULL) {
        read_messages(all);
        return 0;
    }
    size_t front = (size_t)(cut - all.ptr);
    match((struct str){all.ptr, front}, (struct str){cut + 5, size - front - 5});
    return 0;
}
