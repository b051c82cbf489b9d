/* SPDX-License-Identifier: Apache-2.0
 *
 * routes.h: capability "tenon.routes/1": HTTP routes of a plugin's own, under
 * /api/v1/integrations/INTEGRATION/routes.
 *
 *   static int32_t greet(void *self, const tenon_route_request *request, tenon_response *response,
 *                        tenon_err *err)
 *   {
 *       response->start(response, 200, tenon_text("content-type: text/plain\n"));
 *       tenon_response_puts(response, "hello ");
 *       return tenon_response_write(response, request->parameters[0]);
 *   }
 *   static const tenon_route routes[] = {TENON_ROUTE("GET", "/hello/{name}", "Greets.", greet)};
 *   static const tenon_routes table = TENON_ROUTES(routes);
 *   static const void *get_capability(const char *id)
 *   {
 *       return strcmp(id, TENON_ROUTES_1) == 0 ? &table : NULL;
 *   }
 *
 * The daemon has the socket, checks who may, and knows the paths; the plugin gets requests that fit
 * one of its routes. Each runs on a thread of its own, beside all else that the integration does:
 * [aside], as told in cli.h, with the same stack and the same 15 s to end when it is cancelled. At
 * most 16 commands and requests of an integration run at once; more are answered 429.
 *
 * A request that is not answered in time is a 504, one whose worker dies a 502. Diary: 1 first.
 */
#ifndef TENON_ROUTES_H
#define TENON_ROUTES_H

#include <tenon/tenon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_ROUTES_1 "tenon.routes/1"

/* All texts are borrowed until handle() returns. */
typedef struct tenon_route_request {
    uint32_t struct_size;
    uint32_t n_parameters;
    tenon_str method;            /* "GET"; HEAD comes to a GET route as "HEAD" */
    tenon_str path;              /* behind .../routes, "/hello/world", as it was sent */
    tenon_str query;             /* raw, without the '?' */
    tenon_str headers;           /* "name: value\n" lines, names in lower case, no credentials */
    tenon_str body;              /* whole; at most [api] max_body */
    const tenon_str *parameters; /* of the path, in its order, decoded */
} tenon_route_request;

/* Takes the answer. The host owns it; valid until handle() returns. Small answers go out as a whole
 * when handle() returns, with their length; larger ones piece by piece. */
typedef struct tenon_response tenon_response;
struct tenon_response {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    void *ctx;      /* the host's */
    /* Status (200 to 599) and header lines ("Name: value\n"), once, before the first write; without
     * it they are 200 and none. TENON_E_VALIDATION: not a status, or a header that a response may
     * not have: what frames it (content-length, transfer-encoding, connection, ...) is the host's.
     * [any] */
    int32_t (*start)(tenon_response *response, uint32_t status, tenon_str headers);
    /* Adds to the body; copies. Waits when the client reads slowly. TENON_E_CANCELLED: the client
     * is gone, or the time is up: clean up and return.  [any; blocks] */
    int32_t (*write)(tenon_response *response, const void *bytes, size_t len);
    /* What was written goes out now. For an answer that goes on.  [any; blocks] */
    int32_t (*flush)(tenon_response *response);
    int32_t (*is_cancelled)(const tenon_response *response); /* [any] */
};

/* `path` begins with '/'. A segment "{name}" stands for one segment, "{name...}" at the end for all
 * that follows, which may be nothing: "/files/{path...}". Where several routes fit, the first of
 * the table serves. Decoded parameters have no NUL, and no "." or ".." among their segments. */
typedef struct tenon_route {
    uint32_t struct_size;
    uint32_t flags;              /* TENON_ROUTE_... */
    const char *method;          /* static: GET, POST, PUT, PATCH or DELETE. GET serves HEAD too */
    const char *path;            /* static */
    const char *help;            /* static, one line */
    const char *request_schema;  /* static, JSON schema of the body, for OpenAPI; or NULL */
    const char *response_schema; /* static, the same of the answer; or NULL */
    /* Writes the answer. On a negative status before the first byte went out the answer is a
     * problem with err's message: TENON_E_VALIDATION 422, TENON_E_UNSUPPORTED 501,
     * TENON_E_RATE_LIMITED 429, TENON_E_NO_MEMORY 503, others 502. [aside] */
    int32_t (*handle)(void *self, const tenon_route_request *request, tenon_response *response,
                      tenon_err *err);
    /* Longest time without a sign of it (its end, or bytes for a client that takes them); 0:
     * [integration] call_timeout. */
    uint32_t timeout_ms;
    uint32_t reserved;
} tenon_route;

#define TENON_ROUTE_READ 1u  /* wants the scope `read`; so does GET */
#define TENON_ROUTE_WRITE 2u /* wants the scope `submit`; so does everything but GET */

typedef struct tenon_routes {
    uint32_t struct_size;
    uint32_t n_routes; /* at most 64, stride struct_size */
    const tenon_route *routes;
} tenon_routes;

#define TENON_ROUTE(method, path, help, handle)                                                    \
    {                                                                                              \
        sizeof(tenon_route), 0, method, path, help, 0, 0, handle, 0, 0                             \
    }
#define TENON_ROUTES(routes)                                                                       \
    {                                                                                              \
        sizeof(tenon_routes), sizeof(routes) / sizeof((routes)[0]), routes                         \
    }

static inline int32_t tenon_response_write(tenon_response *response, tenon_str s)
{
    return response->write(response, s.ptr, s.len);
}

static inline int32_t tenon_response_puts(tenon_response *response, const char *text)
{
    return response->write(response, text, strlen(text));
}

TENON_ASSERT_(offsetof(tenon_route_request, method) == 8 &&
                  offsetof(tenon_route_request, parameters) == 88,
              "tenon_route_request is frozen");
TENON_ASSERT_(offsetof(tenon_response, start) == 16 && offsetof(tenon_response, is_cancelled) == 40,
              "tenon_response is frozen");
TENON_ASSERT_(offsetof(tenon_route, handle) == 48 && sizeof(tenon_route) == 64,
              "tenon_route is frozen");
TENON_ASSERT_(offsetof(tenon_routes, routes) == 8, "tenon_routes is frozen");

#ifdef __cplusplus
}
#endif
#endif
