/* SPDX-License-Identifier: Apache-2.0
 * Who may ask. The Unix socket is guarded by its file mode; the port by loopback, by a token when
 * there is one, and against web pages that a browser on this machine has open. [loop] */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include "base/err.h"
#include "http/http_server.h"

/* 0, or E_REFUSED when `listen` reaches beyond this machine and there is no token. */
int api_access_check_listen(const char *listen, const char *token, struct err *err);
/* 0 with what the peer may do (static), or the HTTP status of the refusal with words in err.
 * `token` NULL: none is asked for. */
int api_access_check(struct http_exchange *exchange, const char *token, const char **out_scopes,
                     struct err *err);
bool api_access_is_loopback(struct str host_and_port);

#endif
