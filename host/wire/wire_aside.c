/* SPDX-License-Identifier: Apache-2.0
 * The messages of commands and routes: what is declared, ordered and answered. */
#include "wire/wire_messages.h"

#include <strings.h>

enum { HEADERS_BYTES_MAX = 16 << 10 };

void wire_put_command(struct wire_out *out, const struct wire_command *command)
{
    wire_out_text(out, command->name);
    wire_out_text(out, command->arguments);
    wire_out_text(out, command->help);
    wire_out_text(out, command->more);
    wire_out_u32(out, command->timeout_ms);
}

void wire_get_command(struct wire_in *in, struct wire_command *out)
{
    out->name = wire_in_text(in);
    out->arguments = wire_in_text(in);
    out->help = wire_in_text(in);
    out->more = wire_in_text(in);
    out->timeout_ms = wire_in_u32(in);
}

void wire_put_route(struct wire_out *out, const struct wire_route *route)
{
    wire_out_text(out, route->method);
    wire_out_text(out, route->path);
    wire_out_text(out, route->help);
    wire_out_text(out, route->request_schema);
    wire_out_text(out, route->response_schema);
    wire_out_u32(out, route->flags);
    wire_out_u32(out, route->timeout_ms);
}

void wire_get_route(struct wire_in *in, struct wire_route *out)
{
    out->method = wire_in_text(in);
    out->path = wire_in_text(in);
    out->help = wire_in_text(in);
    out->request_schema = wire_in_text(in);
    out->response_schema = wire_in_text(in);
    out->flags = wire_in_u32(in);
    out->timeout_ms = wire_in_u32(in);
}

void wire_put_run(struct wire_out *out, const struct wire_run *run)
{
    wire_out_u32(out, run->command);
    wire_out_u32(out, run->flags);
    wire_out_u32(out, run->width);
    wire_out_u32(out, run->count);
    for (uint32_t i = 0; i < run->count; i++)
        wire_out_text(out, run->arguments[i]);
}

int wire_get_run(struct wire_in *in, struct wire_run *out)
{
    out->command = wire_in_u32(in);
    out->flags = wire_in_u32(in);
    out->width = wire_in_u32(in);
    out->count = wire_in_count(in, 5);
    if (out->count > WIRE_ARGUMENTS_MAX)
        return -1;
    for (uint32_t i = 0; i < out->count; i++)
        out->arguments[i] = wire_in_text(in);
    return wire_in_is_done(in) ? 0 : -1;
}

void wire_put_serve(struct wire_out *out, const struct wire_serve *serve)
{
    wire_out_u32(out, serve->route);
    wire_out_text(out, serve->method);
    wire_out_text(out, serve->path);
    wire_out_text(out, serve->query);
    wire_out_text(out, serve->headers);
    wire_out_text(out, serve->body);
    wire_out_u32(out, serve->count);
    for (uint32_t i = 0; i < serve->count; i++)
        wire_out_text(out, serve->parameters[i]);
}

int wire_get_serve(struct wire_in *in, struct wire_serve *out)
{
    out->route = wire_in_u32(in);
    out->method = wire_in_text(in);
    out->path = wire_in_text(in);
    out->query = wire_in_text(in);
    out->headers = wire_in_text(in);
    out->body = wire_in_text(in);
    out->count = wire_in_count(in, 5);
    if (out->count > WIRE_SEGMENTS_MAX)
        return -1;
    for (uint32_t i = 0; i < out->count; i++)
        out->parameters[i] = wire_in_text(in);
    return wire_in_is_done(in) ? 0 : -1;
}

void wire_put_ended(struct wire_out *out, const struct wire_ended *ended)
{
    wire_out_u32(out, ended->number);
    wire_out_text(out, ended->headers);
    wire_out_text(out, ended->body);
}

int wire_get_ended(struct wire_in *in, struct wire_ended *out)
{
    out->number = wire_in_u32(in);
    out->headers = wire_in_text(in);
    out->body = wire_in_text(in);
    return wire_in_is_done(in) ? 0 : -1;
}

/* As base/http_token.h has it, which this room does not see. */
static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_ours(tenon_str name)
{
    static const char *const ours[] = {
        "connection", "content-length", "keep-alive",        "proxy-connection",
        "te",         "trailer",        "transfer-encoding", "upgrade"};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strlen(ours[i]) == name.len && strncasecmp(ours[i], name.ptr, name.len) == 0)
            return true;
    return false;
}

static const char *line_problem(tenon_str line)
{
    size_t name_len = 0;

    while (name_len < line.len && is_token_char((unsigned char)line.ptr[name_len]))
        name_len++;
    if (name_len == 0 || name_len == line.len || line.ptr[name_len] != ':')
        return "a header is not \"Name: value\"";
    if (is_ours((tenon_str){line.ptr, name_len}))
        return "a header of how the message is framed is the host's to say";
    for (size_t i = name_len + 1; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return "a header's value has a control character";
    }
    return NULL;
}

const char *wire_response_problem(uint32_t status, tenon_str headers)
{
    const char *at = headers.ptr;
    const char *end = at + headers.len;

    if (status < 200 || status > 599)
        return "the status is not 200 to 599";
    if (headers.len > HEADERS_BYTES_MAX)
        return "the headers are longer than 16 KiB";
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        const char *problem = line_problem((tenon_str){at, (size_t)(stop - at)});
        if (problem != NULL)
            return problem;
        at = stop + 1;
    }
    return NULL;
}
