/* SPDX-License-Identifier: Apache-2.0
 * Commands of plugins: listed, and run with their output as the answer. It goes out in pieces, each
 * behind a line "KIND BYTES\n": run (the name for more input), out, err, want (input is waited
 * for), and as the last end, {"code": N} with an "error" when it did not come to its own end. */
#include "api/api_command_order.h"
#include "api/api_figures.h"
#include "api/api_handlers.h"
#include "api/api_items.h"
#include "api/api_stream.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "rules/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct running {
    struct api_call *call; /* gone already when on_gone runs */
    struct plugin_aside *aside;
    char run[17];
    bool is_input_sent;
    struct str input; /* in the order, until it was given */
    struct api_command_order *order;
    struct buf piece; /* found no room yet */
    bool is_said;     /* the piece is what the plugin said */
    bool is_ended;    /* and it is the last */
};

static void running_destroy(struct running *running)
{
    api_command_order_destroy(running->order);
    buf_finish(&running->piece);
    free(running);
}

/* ---- to the peer ---- */

static void put_piece(struct buf *out, const char *kind, struct str bytes)
{
    buf_printf(out, "%s %zu\n", kind, bytes.len);
    buf_add_str(out, bytes);
}

/* What waits goes before everything else; true: nothing waits any more. */
static bool send_waiting(struct running *running)
{
    if (running->piece.len == 0)
        return true;
    if (running->piece.failed || api_stream_send(running->call, buf_str(&running->piece)) < 0)
        return false;
    buf_finish(&running->piece);
    return true;
}

static void end_if_done(struct running *running)
{
    if (!running->is_ended || running->piece.len > 0)
        return;
    api_stream_end(running->call);
    running_destroy(running);
}

static void on_drained(void *user)
{
    struct running *running = user;

    if (!send_waiting(running))
        return;
    if (running->is_said && !running->is_ended) {
        running->is_said = false;
        plugin_aside_taken(running->aside);
    }
    end_if_done(running);
}

static void on_gone(void *user)
{
    struct running *running = user;

    if (!running->is_ended)
        plugin_aside_cancel(running->aside);
    running_destroy(running);
}

static const struct api_stream_events stream_events = {on_drained, on_gone};

/* ---- from the plugin ---- */

static void on_said(void *user, enum plugin_saying what, struct str bytes)
{
    struct running *running = user;

    put_piece(&running->piece, what == PLUGIN_SAYS_ERR ? "err" : "out", bytes);
    running->is_said = true;
    on_drained(running);
}

static void on_wants(void *user)
{
    struct running *running = user;

    if (!running->is_input_sent) {
        struct str input = running->input;
        running->input = STR("");
        plugin_aside_input(running->aside, input);
        return;
    }
    put_piece(&running->piece, "want", STR(""));
    (void)send_waiting(running); /* else when there is room */
}

static void put_end(struct running *running, const struct plugin_reply *reply)
{
    _buf_ struct buf end = {0};

    buf_putc(&end, '{');
    json_put_int(&end, "code", reply->status == PLUGIN_OK ? reply->number : 1);
    if (reply->status != PLUGIN_OK) {
        buf_puts(&end, ",\"error\":{");
        json_put_member(&end, "class", str_of(judge_class_name(reply->error_class)));
        api_put_masked(&end, "message", str_of(reply->words));
        buf_putc(&end, '}');
    }
    buf_putc(&end, '}');
    put_piece(&running->piece, "end", buf_str(&end));
}

static void on_ended(void *user, struct plugin_reply *reply)
{
    struct running *running = user;

    if (reply->status != PLUGIN_OK && reply->status != PLUGIN_FAILED)
        log_warn("a command was cut short", F_STR("integration", running->call->id.ptr),
                 F_STR("command", running->call->name.ptr), F_STR("reason", reply->words));
    running->is_ended = true;
    if (running->is_said) /* what it said last is lost with it */
        buf_clear(&running->piece);
    put_end(running, reply);
    (void)send_waiting(running); /* else when there is room */
    end_if_done(running);
}

static const struct plugin_aside_events aside_events = {
    .said = on_said, .wants = on_wants, .ended = on_ended};

/* ---- requests ---- */

static const struct plugin_command *find(const struct plugin_command *commands, size_t count,
                                         struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_equals(commands[i].name, name))
            return &commands[i];
    return NULL;
}

/* NULL: the call has been answered. */
static const struct plugin_command *find_command(struct api_call *call)
{
    struct engine_integration integration;
    const char *name = buf_str(&call->id).ptr;
    _buf_ struct buf known = {0};
    size_t count;

    if (!engine_integration_find(call->engine, name, &integration)) {
        api_reply_no_integration(call, name);
        return NULL;
    }
    const struct plugin_command *commands = engine_commands(call->engine, name, &count);
    const struct plugin_command *command = find(commands, count, buf_str(&call->name));
    if (command == NULL && count == 0 && !integration.is_well) {
        api_reply_not_open(call, &integration, "its commands can be run");
        return NULL;
    }
    if (command != NULL)
        return command;
    for (size_t i = 0; i < count; i++)
        buf_printf(&known, "%s%.*s", i > 0 ? ", " : "", STR_ARG(commands[i].name));
    api_reply_problem(call, 404, "not_found", "Integration '%s' has no command '%.60s'; it has %s.",
                      name, buf_str(&call->name).ptr, count > 0 ? buf_str(&known).ptr : "none");
    return NULL;
}

static bool make_name(char out[17])
{
    uint64_t number;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return false;
    (void)snprintf(out, 17, "%016llx", (unsigned long long)number);
    return true;
}

static void start(struct api_call *call, const struct plugin_command *command,
                  struct running *running)
{
    running->call = call;
    running->input = running->order->input;
    running->is_input_sent = running->order->is_input_sent;
    running->aside = engine_command(call->engine, buf_str(&call->id).ptr, command,
                                    &running->order->run, &aside_events, running);
    if (running->aside == NULL) {
        running_destroy(running);
        api_reply_problem(call, 503, "stopping", "The integration is being closed.");
        return;
    }
    api_stream_begin(call, 200, "application/vnd.tenon.output", "cache-control: no-store\r\n",
                     &stream_events, running);
    put_piece(&running->piece, "run", str_of(running->run));
    (void)send_waiting(running); /* it is the first */
}

void api_command_run(struct api_call *call)
{
    struct err err = {0};

    const struct plugin_command *command = find_command(call);
    if (command == NULL)
        return;
    struct running *running = calloc(1, sizeof(*running));
    if (running == NULL || !make_name(running->run)) {
        free(running);
        api_reply_error(call, -ENOMEM, NULL);
        return;
    }
    running->order = api_command_order_read(http_exchange_body(call->exchange), &err);
    if (running->order != NULL) {
        start(call, command, running);
        return;
    }
    running_destroy(running);
    api_reply_error(call, err.code, &err);
}

void api_command_input(struct api_call *call)
{
    _buf_ struct buf run = {0};
    struct buf none = {0};
    struct running *running = NULL;

    (void)http_exchange_argument(call->exchange, "run", &run); /* absent: found nowhere */
    for (struct api_call *each = api_first_call(call->api); each != NULL; each = each->next) {
        struct running *one = each->stream == &stream_events ? each->stream_user : NULL;
        if (one != NULL && str_is(buf_str(&run), one->run) && !one->is_ended &&
            str_equals(buf_str(&each->id), buf_str(&call->id)))
            running = one;
    }
    if (running == NULL) {
        api_reply_problem(call, 404, "not_found", "No command runs under this name any more.");
        return;
    }
    if (!running->is_input_sent || !plugin_aside_wants(running->aside)) {
        api_reply_problem(call, 409, "not_wanted", "The command does not wait for input just now.");
        return;
    }
    plugin_aside_input(running->aside, http_exchange_body(call->exchange));
    api_reply(call, 204, NULL, NULL, &none);
}

/* ---- lists ---- */

static void put_commands(struct buf *out, const struct engine *engine, const char *integration)
{
    size_t count;
    const struct plugin_command *commands = engine_commands(engine, integration, &count);

    for (size_t i = 0; i < count; i++) {
        api_put_comma(out);
        buf_putc(out, '{');
        json_put_member(out, "integration", str_of(integration));
        json_put_member(out, "name", commands[i].name);
        json_put_member(out, "arguments", commands[i].arguments);
        json_put_member(out, "help", commands[i].help);
        if (commands[i].more.len > 0)
            json_put_member(out, "more", commands[i].more);
        buf_putc(out, '}');
    }
}

void api_commands_list(struct api_call *call)
{
    api_items_of_all(call, put_commands);
}

void api_integration_commands(struct api_call *call)
{
    api_items_of_one(call, put_commands);
}
