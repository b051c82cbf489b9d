/* SPDX-License-Identifier: Apache-2.0
 *
 * action.h: host service `tenon.action/1`: an action of another integration, called by name, in
 * whatever worker it is.
 *
 *   tenon_buffer sum;
 *   tenon_buffer_init(&sum);
 *   status = tenon_call(host, "calc.add", tenon_text("{\"a\":1,\"b\":2}"), &sum.sink, err);
 *
 * Arguments are held against the declaration like everybody's. What the called one refuses or fails
 * with comes back as it was: class, words, retry_after_ms.
 */
#ifndef TENON_ACTION_H
#define TENON_ACTION_H

#include <tenon/buffer.h>
#include <tenon/tenon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_ACTION_1 "tenon.action/1"

#define TENON_CALL_READ_ONLY 1u /* refuse an action that is not declared read-only */

/* All texts are borrowed for the call. */
typedef struct tenon_action_call {
    uint32_t struct_size;
    uint32_t flags;      /* TENON_CALL_... */
    uint32_t timeout_ms; /* 0: as long as the call in hand has left. Never longer than that */
    uint32_t reserved;
    tenon_str name;      /* INTEGRATION.ACTION */
    tenon_str arguments; /* a JSON object; empty: none */
} tenon_action_call;

/* Valid as long as the host table. */
typedef struct tenon_action_service {
    uint32_t struct_size;
    uint32_t flags;
    /* Calls an action and waits. TENON_OK: its result, one JSON value, went to `result` (NULL: it
     * is not wanted). Besides what the called one says: TENON_E_UNSUPPORTED: there is no such
     * integration or action; TENON_E_CONNECTION: it is not open; TENON_E_PERMANENT: the call would
     * wait for itself (each action waits for the one it calls, and a plugin without
     * TENON_PER_INTEGRATION runs one call at a time), or is the ninth inside one another;
     * TENON_E_CANCELLED: the time is up, and the answer is dropped when it comes; of an action that
     * is not read-only TENON_E_UNKNOWN then. There from activate() on.  [any; blocks] */
    int32_t (*call)(const tenon_host *host, const tenon_action_call *call, tenon_sink *result,
                    tenon_err *err);
} tenon_action_service;

static inline int32_t tenon_call(const tenon_host *host, const char *name, tenon_str arguments,
                                 tenon_sink *result, tenon_err *err)
{
    const tenon_action_service *service =
        (const tenon_action_service *)host->get_service(host, TENON_ACTION_1);
    tenon_action_call call;

    if (service == NULL)
        return tenon_fail(err, TENON_E_UNSUPPORTED, "this host has no " TENON_ACTION_1);
    memset(&call, 0, sizeof call);
    call.struct_size = sizeof call;
    call.name = tenon_text(name);
    call.arguments = arguments;
    return service->call(host, &call, result, err);
}

#ifdef __cplusplus
}
#endif

#endif
