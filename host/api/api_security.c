/* SPDX-License-Identifier: Apache-2.0
 * What the OpenAPI document says of who may: the ways in, the scope that a route wants, and what
 * is answered to who has it not. See api_access.c for the door itself. */
#include "api/api_schemas.h"
#include "base/json.h"

/* Of kinds of access without roles the standard lets a requirement list roles all the same. */
static void put_requirement(struct buf *out, const char *role, bool with_certificate)
{
    buf_printf(out, ",{\"token\":[%s]%s}", role, with_certificate ? ",\"certificate\":[]" : "");
}

void api_put_permission(struct buf *out, enum api_scope scope)
{
    _buf_ struct buf role = {0};

    json_put_member(out, "x-scope", str_of(api_scope_name(scope)));
    if (scope == API_OPEN) {
        buf_puts(out, ",\"security\":[]");
        return;
    }
    if (scope != API_ANY)
        json_put_string(&role, str_of(api_scope_name(scope)));
    const char *text = role.len > 0 ? role.ptr : "";
    buf_puts(out, ",\"security\":[{}");
    put_requirement(out, text, false);
    put_requirement(out, text, true);
    buf_putc(out, ']');
}

void api_put_refused_answers(struct buf *out, enum api_scope scope)
{
    if (scope != API_OPEN)
        buf_puts(out, ",\"401\":{\"$ref\":\"#/components/responses/NoToken\"},"
                      "\"403\":{\"$ref\":\"#/components/responses/NotAllowed\"}");
}

void api_put_security_components(struct buf *out)
{
    static const char problem[] = "\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
                                  "\"#/components/schemas/Problem\"}}}}";

    buf_puts(out, "\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\","
                  "\"description\":\"What `tenon token create` printed; x-scope is what it must "
                  "allow, at the integration that the path names or everywhere. A WebSocket that "
                  "cannot send the header offers the protocols `tenon` and "
                  "`tenon.token.TOKEN`.\"},"
                  "\"certificate\":{\"type\":\"mutualTLS\",\"description\":\"Besides the token, "
                  "when [api] tls_client_ca asks for one.\"}},\"responses\":{");
    buf_printf(out,
               "\"NoToken\":{\"description\":\"No token (code no_token), or one that is not valid "
               "(bad_token)\",\"headers\":{\"WWW-Authenticate\":{\"required\":true,\"schema\":"
               "{\"type\":\"string\"}}},%s,",
               problem);
    buf_printf(out,
               "\"NotAllowed\":{\"description\":\"Known, but not allowed this (code scope); or "
               "asked by a name (foreign_host), from a page (foreign_origin) or by a user "
               "(foreign_user) that is not let in\",%s}",
               problem);
}
