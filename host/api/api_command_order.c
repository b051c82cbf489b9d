/* SPDX-License-Identifier: Apache-2.0
 * jansson reads the body here; base/json.h must stay out of this file, since their names collide.
 */
#include "api/api_command_order.h"

#include "base/cleanup.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <tenon/cli.h>

enum { ARGUMENTS_MAX = sizeof(((struct api_command_order *)NULL)->arguments) / sizeof(struct str) };

DEFINE_GUARD(order, struct api_command_order *, api_command_order_destroy);

void api_command_order_destroy(struct api_command_order *order)
{
    if (order == NULL)
        return;
    json_decref(order->root);
    free(order);
}

static struct str text_of(const json_t *value)
{
    return (struct str){json_string_value(value), json_string_length(value)};
}

static int read_arguments(struct api_command_order *order, const json_t *list, struct err *err)
{
    size_t count = json_array_size(list);

    if (list != NULL && !json_is_array(list))
        return err_set(err, E_USAGE, "args: expected an array of texts");
    if (count > ARGUMENTS_MAX)
        return err_set(err, E_USAGE, "args: at most %d are possible, these are %zu", ARGUMENTS_MAX,
                       count);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i);
        if (!json_is_string(one))
            return err_set(err, E_USAGE, "args: number %zu is no text", i + 1);
        order->arguments[i] = text_of(one);
    }
    order->run.arguments = order->arguments;
    order->run.argument_count = count;
    return 0;
}

static int read_terminal(struct api_command_order *order, const json_t *list, struct err *err)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } flags[] = {{"in", TENON_CLI_IN_TERMINAL},
                 {"out", TENON_CLI_OUT_TERMINAL},
                 {"err", TENON_CLI_ERR_TERMINAL},
                 {"color", TENON_CLI_COLOR}};

    if (list != NULL && !json_is_array(list))
        return err_set(err, E_USAGE, "terminal: expected an array of in, out, err and color");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        size_t at = 0;
        while (name != NULL && at < 4 && strcmp(flags[at].name, name) != 0)
            at++;
        if (name == NULL || at == 4)
            return err_set(err, E_USAGE, "terminal: '%.20s' is none of in, out, err and color",
                           name != NULL ? name : "?");
        order->run.flags |= flags[at].flag;
    }
    return 0;
}

/* "text": that is all of it. true: asked for when it is wanted. Nothing: none. */
static int read_input(struct api_command_order *order, const json_t *value, struct err *err)
{
    if (value != NULL && !json_is_string(value) && !json_is_boolean(value))
        return err_set(err, E_USAGE,
                       "input: expected a text, or true when it is sent as it is wanted");
    order->input = json_is_string(value) ? text_of(value) : STR("");
    order->is_input_sent = json_is_true(value);
    return 0;
}

static int read_width(struct api_command_order *order, const json_t *value, struct err *err)
{
    json_int_t width = json_integer_value(value);

    if (value != NULL && (!json_is_integer(value) || width < 0 || width > 10000))
        return err_set(err, E_USAGE, "width: expected a whole number from 0 to 10000");
    order->run.width = (uint32_t)width;
    return 0;
}

static int read_members(struct api_command_order *order, struct err *err)
{
    static const struct {
        const char *name;
        int (*read)(struct api_command_order *order, const json_t *value, struct err *err);
    } members[] = {{"args", read_arguments},
                   {"terminal", read_terminal},
                   {"input", read_input},
                   {"width", read_width}};
    enum { MEMBERS = sizeof(members) / sizeof(members[0]) };
    const char *name;
    json_t *value;

    json_object_foreach(order->root, name, value)
    {
        size_t at = 0;
        while (at < MEMBERS && strcmp(members[at].name, name) != 0)
            at++;
        if (at == MEMBERS)
            return err_set(err, E_USAGE,
                           "there is no member '%.40s' here; known: args, terminal, input, width",
                           name);
    }
    for (size_t i = 0; i < MEMBERS; i++)
        if (members[i].read(order, json_object_get(order->root, members[i].name), err) < 0)
            return err->code;
    return 0;
}

struct api_command_order *api_command_order_read(struct str body, struct err *err)
{
    _guard_(order) struct api_command_order *order = calloc(1, sizeof(*order));
    json_error_t problem;

    if (order == NULL) {
        (void)err_set(err, -ENOMEM, "no memory for the command");
        return NULL;
    }
    order->root = body.len > 0 ? json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, &problem)
                               : json_object();
    if (!json_is_object(order->root)) {
        (void)err_set(err, E_SYNTAX, "expected a JSON object, {\"args\": [...]}%s%s",
                      order->root == NULL ? ": " : "", order->root == NULL ? problem.text : "");
        return NULL;
    }
    return read_members(order, err) < 0 ? NULL : steal(order);
}
