/* SPDX-License-Identifier: Apache-2.0
 * The table of store backends. A new one is a file and a row here. */
#include "store/store_backend.h"

static const struct store_backend *const backends[] = {
    &sqlite_backend,
    &memory_backend,
};

const struct store_backend *store_backend_find(const char *url, const char **out_place,
                                               struct err *err)
{
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        size_t len = strlen(backends[i]->scheme);
        if (url != NULL && strncmp(url, backends[i]->scheme, len) == 0 && url[len] == ':') {
            *out_place = url + len + 1;
            return backends[i];
        }
    }
    err_set(err, -EINVAL, "store url '%s' names no known store: expected sqlite:PATH or memory:",
            url != NULL ? url : "");
    return NULL;
}

int store_check_url(const char *url, struct err *err)
{
    const char *place;

    return store_backend_find(url, &place, err) != NULL ? 0 : -EINVAL;
}
