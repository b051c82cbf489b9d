/* SPDX-License-Identifier: Apache-2.0
 *
 * webhook.h: capability `tenon.webhook/1`: makes entities out of what a service sends to
 * /hooks/NAME. A plugin that knows its service needs no jq mapping in the ini:
 *
 *   static const void *get_capability(const char *id)
 *   {
 *       static const tenon_webhook webhook = TENON_WEBHOOK(map);
 *       return strcmp(id, TENON_WEBHOOK_1) == 0 ? &webhook : NULL;
 *   }
 *
 * The host has checked the signature, and stores a delivery that was here before no second time; it
 * never hands the secret over. What is signed is the body. Of GitHub, Twilio and most plain HMAC
 * schemes `id`, `event` and the headers are not: whoever got hold of a request can send it again
 * with others. So take what matters, an entity's id before all, from the body, so that a replay
 * makes the same entity; `[hook] deduplicate_by = signature` keeps it out altogether. A `[hook] jq`
 * in the ini goes before the plugin's mapping.
 */
#ifndef TENON_WEBHOOK_H
#define TENON_WEBHOOK_H

#include <tenon/tenon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_WEBHOOK_1 "tenon.webhook/1"

/* All texts are borrowed for the call, and may be empty. */
typedef struct tenon_webhook_request {
    uint32_t struct_size;
    uint32_t flags;
    tenon_str id;           /* the delivery's; the same when it comes again */
    tenon_str event;        /* what happened, where the service says it in a header */
    tenon_str content_type; /* as sent, with its parameters */
    tenon_str headers;      /* "name: value\n" lines, names in lower case; no credentials */
    tenon_str body;         /* as it came */
} tenon_webhook_request;

typedef struct tenon_webhook {
    uint32_t struct_size;
    uint32_t flags;
    /* Writes JSON to `out`: {"id": ..., "type": ..., "data": {...}}, or an array of them, each an
     * entity to be stored; all of them, or with an error none. `id` and `type` may be missing: the
     * delivery's id (of a single one) and `[hook] type` stand in. Nothing written, or TENON_SKIP:
     * the delivery is of no interest, and answered as well. TENON_E_VALIDATION, TENON_E_PERMANENT:
     * it cannot be used, which the sender is told with 422; another error: the sender shall send it
     * again. May be called again for the same delivery, when a worker ended under it.  [pool] */
    int32_t (*map)(void *self, const tenon_webhook_request *request, tenon_sink *out,
                   tenon_err *err);
} tenon_webhook;

#define TENON_WEBHOOK(map_)                                                                        \
    {                                                                                              \
        sizeof(tenon_webhook), 0, map_                                                             \
    }

#ifdef __cplusplus
}
#endif

#endif
