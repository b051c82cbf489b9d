/* SPDX-License-Identifier: Apache-2.0
 * What a plugin declares of commands and routes, read and looked up. */
#include "plugin/plugin_internal.h"

#include "base/json.h"

#include <stdlib.h>
#include <tenon/routes.h>

enum { PATH_BYTES_MAX = 256 };

static int read_command(const struct wire_command *from, struct plugin_command *out,
                        struct err *err)
{
    *out = (struct plugin_command){
        .name = plugin_text(from->name),
        .arguments = plugin_text(from->arguments),
        .help = plugin_text(from->help),
        .more = plugin_text(from->more),
        .timeout_ms = from->timeout_ms,
    };
    if (!option_is_name(out->name) || !str_is_utf8(out->arguments) || !str_is_utf8(out->help) ||
        !str_is_utf8(out->more))
        return err_set(err, E_SYNTAX,
                       "its name is not 1 to %d of a-z 0-9 _ - with a letter first, or its help "
                       "is not UTF-8",
                       OPTION_NAME_MAX);
    return 0;
}

static bool is_parameter(struct str segment, bool *out_is_rest)
{
    if (segment.len < 3 || segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}')
        return false;
    segment = (struct str){segment.ptr + 1, segment.len - 2};
    *out_is_rest = segment.len > 3 && memcmp(segment.ptr + segment.len - 3, "...", 3) == 0;
    segment.len -= *out_is_rest ? 3 : 0;
    return option_is_name(segment);
}

/* "/a//b/" is "a", "", "b" and "". */
static bool next_segment(struct str *path, struct str *out)
{
    const char *end;

    if (path->len == 0 || path->ptr[0] != '/')
        return false;
    end = path->len > 1 ? memchr(path->ptr + 1, '/', path->len - 1) : NULL;
    *out = (struct str){path->ptr + 1, end != NULL ? (size_t)(end - path->ptr) - 1 : path->len - 1};
    path->ptr += out->len + 1;
    path->len -= out->len + 1;
    return true;
}

/* Literal segments need no escape in a URL, parameters are whole segments. */
static int check_path(struct str path, struct err *err)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    struct str rest = path;
    struct str segment;
    size_t parameters = 0;
    bool is_rest = false;

    if (path.len == 0 || path.len > PATH_BYTES_MAX || path.ptr[0] != '/')
        return err_set(err, E_SYNTAX, "its path does not begin with '/', or is above %d bytes",
                       PATH_BYTES_MAX);
    while (next_segment(&rest, &segment)) {
        if (is_rest)
            return err_set(err, E_SYNTAX, "its path goes on behind a parameter that takes all");
        if (is_parameter(segment, &is_rest)) {
            if (++parameters > PLUGIN_SEGMENTS_MAX)
                return err_set(err, E_SYNTAX, "its path has more than %d parameters",
                               PLUGIN_SEGMENTS_MAX);
            continue;
        }
        for (size_t i = 0; i < segment.len; i++)
            if (strchr(plain, segment.ptr[i]) == NULL)
                return err_set(err, E_SYNTAX,
                               "its path has a segment that is neither plain (letters, digits, "
                               "-._~) nor {name} nor, at the end, {name...}");
    }
    return 0;
}

static int read_route(const struct wire_route *from, struct plugin_route *out, struct err *err)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    struct err why = {0};
    bool is_method = false;

    *out = (struct plugin_route){
        .method = plugin_text(from->method),
        .path = plugin_text(from->path),
        .help = plugin_text(from->help),
        .request_schema = plugin_text(from->request_schema),
        .response_schema = plugin_text(from->response_schema),
        .timeout_ms = from->timeout_ms,
    };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        is_method |= str_is(out->method, methods[i]);
    if (!is_method || !str_is_utf8(out->help))
        return err_set(err, E_SYNTAX,
                       "its method is not GET, POST, PUT, PATCH or DELETE, or its help not UTF-8");
    if (check_path(out->path, err) < 0)
        return err->code;
    if ((out->request_schema.len > 0 && json_check(out->request_schema, &why) < 0) ||
        (out->response_schema.len > 0 && json_check(out->response_schema, &why) < 0))
        return err_set(err, E_SYNTAX, "its schema is no JSON: %s", why.text);
    out->is_read_only = (str_is(out->method, "GET") && !(from->flags & TENON_ROUTE_WRITE)) ||
                        (from->flags & TENON_ROUTE_READ);
    return 0;
}

struct plugin_command *plugin_surface_commands(const struct wire_facts *facts, struct err *err)
{
    struct plugin_command *commands = calloc(facts->command_count + 1, sizeof *commands);

    for (uint32_t i = 0; commands != NULL && i < facts->command_count; i++) {
        bool is_read = read_command(&facts->commands[i], &commands[i], err) == 0;
        for (uint32_t n = 0; is_read && n < i; n++)
            if (str_equals(commands[n].name, commands[i].name))
                is_read = err_set(err, E_SYNTAX, "it stands there twice") == 0;
        commands[i].index = i;
        if (is_read)
            continue;
        (void)err_prefix(err, "command %u ('%.48s'): ", i + 1,
                         facts->commands[i].name.ptr); /* the status is read from err */
        free(commands);
        return NULL;
    }
    if (commands == NULL)
        (void)err_set(err, -ENOMEM, "no memory for the plugin's commands");
    return commands;
}

struct plugin_route *plugin_surface_routes(const struct wire_facts *facts, struct err *err)
{
    struct plugin_route *routes = calloc(facts->route_count + 1, sizeof *routes);

    for (uint32_t i = 0; routes != NULL && i < facts->route_count; i++) {
        bool is_read = read_route(&facts->routes[i], &routes[i], err) == 0;
        for (uint32_t n = 0; is_read && n < i; n++)
            if (str_equals(routes[n].path, routes[i].path) &&
                str_equals(routes[n].method, routes[i].method))
                is_read = err_set(err, E_SYNTAX, "it stands there twice") == 0;
        routes[i].index = i;
        if (is_read)
            continue;
        (void)err_prefix(err, "route %u ('%.48s'): ", i + 1,
                         facts->routes[i].path.ptr); /* the status is read from err */
        free(routes);
        return NULL;
    }
    if (routes == NULL)
        (void)err_set(err, -ENOMEM, "no memory for the plugin's routes");
    return routes;
}

const struct plugin_command *plugin_instance_commands(const struct plugin_instance *instance,
                                                      size_t *out_count)
{
    const struct plugin_worker *worker = instance->worker;

    *out_count = worker != NULL && worker->has_facts ? worker->facts.command_count : 0;
    return *out_count > 0 ? worker->commands : NULL;
}

const struct plugin_route *plugin_instance_routes(const struct plugin_instance *instance,
                                                  size_t *out_count)
{
    const struct plugin_worker *worker = instance->worker;

    *out_count = worker != NULL && worker->has_facts ? worker->facts.route_count : 0;
    return *out_count > 0 ? worker->routes : NULL;
}

bool plugin_route_matches(const struct plugin_route *route, struct str path,
                          struct str out_parameters[PLUGIN_SEGMENTS_MAX], size_t *out_count)
{
    struct str pattern = route->path;
    struct str wanted;
    struct str segment;

    *out_count = 0;
    while (next_segment(&pattern, &wanted)) {
        bool is_rest = false;
        bool is_name = is_parameter(wanted, &is_rest);
        if (is_rest) { /* without the '/' before it */
            size_t skip = path.len > 0;
            out_parameters[(*out_count)++] =
                str_or_empty((struct str){path.ptr + skip, path.len - skip});
            return true;
        }
        if (!next_segment(&path, &segment) || (is_name && segment.len == 0) ||
            (!is_name && !str_equals(segment, wanted)))
            return false;
        if (is_name)
            out_parameters[(*out_count)++] = segment;
    }
    return path.len == 0;
}
