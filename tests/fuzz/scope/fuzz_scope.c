/* SPDX-License-Identifier: Apache-2.0
 * What a peer may say of itself at the door: scopes as they come over REST, and behind a line end a
 * Host header. */
#include "api/api_scope.h"
#include "base/authority.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* "a" for "read:b,a": some name of the text, to ask for. */
static struct str last_name(struct str scopes)
{
    size_t start = scopes.len;

    while (start > 0 && strchr(" ,:", scopes.ptr[start - 1]) == NULL)
        start--;
    return (struct str){scopes.ptr + start, scopes.len - start};
}

static void try_scopes(struct str scopes)
{
    struct str name = scopes.len > 0 ? last_name(scopes) : STR_NONE;
    bool is_good = api_scope_check(scopes, NULL) == 0;

    for (int wanted = API_ANY; wanted <= API_MANAGE; wanted++) {
        bool everywhere = api_scope_allows(scopes, (enum api_scope)wanted, STR_NONE);
        bool there = api_scope_allows(scopes, (enum api_scope)wanted, name);

        /* Who may everywhere may there, and who may manage may all. */
        assert(!everywhere || there);
        if (wanted != API_MANAGE && is_good)
            assert(!api_scope_allows(scopes, API_MANAGE, name) || there);
        /* An integration that is named nowhere is reached by nobody but those who may all. */
        if (wanted != API_ANY)
            assert(everywhere ||
                   !api_scope_allows(scopes, (enum api_scope)wanted, STR("\x01 not a name")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = {(const char *)data, size};
    struct str scopes = STR_NONE;

    (void)str_next(&rest, '\n', &scopes);
    try_scopes(scopes);
    /* What is of this machine is an address of it, or its one name. */
    if (authority_is_loopback(rest))
        assert(authority_is_address(rest) || strncasecmp(rest.ptr, "localhost", 9) == 0);
    return 0;
}
