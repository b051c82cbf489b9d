/* SPDX-License-Identifier: Apache-2.0
 * Capability tenon.cli/1: what a plugin declares of commands, and one of them running. */
#include "call/call_aside.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE_BYTES = 64 << 10, LEAST_BYTES = offsetof(tenon_command, timeout_ms), CODE_MAX = 255 };

static const tenon_command *command_at(const struct call_server *server, uint32_t index)
{
    const tenon_cli *cli = &server->cli;

    return (const void *)((const char *)cli->commands + index * (size_t)cli->commands->struct_size);
}

int call_command_load(struct call_server *server, char words[CALL_WORDS_MAX])
{
    const tenon_plugin *plugin = &server->plugin;
    const tenon_cli *theirs =
        plugin->get_capability != NULL ? plugin->get_capability(TENON_CLI_1) : NULL;

    if (theirs == NULL)
        return 0;
    if (theirs->struct_size < sizeof *theirs || theirs->n_commands > WIRE_COMMANDS_MAX ||
        (theirs->n_commands > 0 &&
         (theirs->commands == NULL || theirs->commands->struct_size < LEAST_BYTES))) {
        snprintf(words, CALL_WORDS_MAX,
                 "its capability " TENON_CLI_1 " is of no known size, or has more than %d commands",
                 WIRE_COMMANDS_MAX);
        return -1;
    }
    server->cli = *theirs;
    for (uint32_t i = 0; i < theirs->n_commands; i++) {
        const tenon_command *command = command_at(server, i);
        if (command->name != NULL && command->run != NULL)
            continue;
        snprintf(words, CALL_WORDS_MAX, "command %u has no name or no function", i + 1);
        return -1;
    }
    return 0;
}

void call_command_declare(const struct call_server *server, struct wire_facts *facts)
{
    facts->command_count = server->cli.n_commands;
    for (uint32_t i = 0; i < facts->command_count; i++) {
        const tenon_command *from = command_at(server, i);
        bool has_timeout = from->struct_size >= LEAST_BYTES + sizeof from->timeout_ms;
        facts->commands[i] = (struct wire_command){
            .name = tenon_text(from->name),
            .arguments = tenon_text(from->arguments != NULL ? from->arguments : ""),
            .help = tenon_text(from->help != NULL ? from->help : ""),
            .more = tenon_text(from->more != NULL ? from->more : ""),
            .timeout_ms = has_timeout ? from->timeout_ms : 0,
        };
    }
}

struct running {
    tenon_cli_call call;
    tenon_sink out, err;
    struct call_aside *aside;
    struct call_ask answer; /* of the host to the last read */
    bool has_answer;
    tenon_str heard; /* what of it was not read yet */
};

static void drop_heard(struct running *running)
{
    if (running->has_answer)
        call_aside_heard(running->aside, &running->answer);
    running->has_answer = false;
    running->heard = (tenon_str){"", 0};
}

static int32_t say(struct running *running, const char *what, const char *bytes, size_t len)
{
    struct call_aside *aside = running->aside;
    int32_t status = aside->is_cancelled ? TENON_E_CANCELLED : TENON_OK;

    pthread_mutex_lock(&aside->say_lock);
    while (len > 0 && status == TENON_OK) {
        size_t piece = len < PIECE_BYTES ? len : PIECE_BYTES;
        status = call_aside_say(aside, what, (tenon_str){bytes, piece}, (tenon_str){"", 0}, NULL);
        bytes += piece;
        len -= piece;
    }
    pthread_mutex_unlock(&aside->say_lock);
    return status;
}

static int32_t write_out(tenon_sink *sink, const void *bytes, size_t len)
{
    return say(sink->ctx, "out", bytes, len);
}

static int32_t write_err(tenon_sink *sink, const void *bytes, size_t len)
{
    return say(sink->ctx, "err", bytes, len);
}

/* What came and was not read yet goes before anything new. */
static int32_t read_in(tenon_cli_call *call, void *buffer, size_t size, size_t *out_len)
{
    struct running *running = call->ctx;
    struct call_aside *aside = running->aside;
    int32_t status = TENON_OK;

    *out_len = 0;
    if (size == 0)
        return TENON_OK;
    pthread_mutex_lock(&aside->hear_lock);
    if (running->heard.len == 0) {
        drop_heard(running);
        status =
            call_aside_say(aside, "in", (tenon_str){"", 0}, (tenon_str){"", 0}, &running->answer);
        running->has_answer = status == TENON_OK;
        if (running->has_answer && running->answer.answer.count > 0)
            running->heard = running->answer.answer.texts[0];
    }
    *out_len = running->heard.len < size ? running->heard.len : size;
    memcpy(buffer, running->heard.ptr, *out_len);
    running->heard.ptr += *out_len;
    running->heard.len -= *out_len;
    pthread_mutex_unlock(&aside->hear_lock);
    return status;
}

static int32_t is_cancelled(const tenon_cli_call *call)
{
    return ((const struct running *)call->ctx)->aside->is_cancelled;
}

static void run(struct call_aside *aside, const struct wire_run *order)
{
    struct call_thread *thread = &aside->thread;
    const tenon_command *command = command_at(thread->server, order->command);
    struct running running = {.aside = aside, .heard = {"", 0}};
    tenon_err err = call_err();

    running.out = (tenon_sink){sizeof running.out, 0, &running, write_out};
    running.err = (tenon_sink){sizeof running.err, 0, &running, write_err};
    running.call = (tenon_cli_call){
        sizeof running.call, order->flags, order->width, order->count, order->arguments, &running,
        &running.out,        &running.err, read_in,      is_cancelled};
    call_mark(thread, WIRE_AT_COMMAND, UINT32_MAX);
    int32_t code = command->run(aside->instance->self, &running.call, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    drop_heard(&running);
    if (code >= 0 && code <= CODE_MAX)
        call_aside_send_ended(aside, &(struct wire_ended){(uint32_t)code, {"", 0}, {"", 0}});
    else
        call_send_result(thread, &aside->header, WIRE_AT_COMMAND, code, &err);
}

void call_command(struct call_aside *aside, struct wire_in *in)
{
    struct wire_run *order = malloc(sizeof *order); /* large for a stack */

    if (order == NULL)
        call_send_refusal(&aside->thread, &aside->header, TENON_E_NO_MEMORY,
                          "no memory for the command");
    else if (wire_get_run(in, order) < 0 || order->command >= aside->thread.server->cli.n_commands)
        call_send_refusal(&aside->thread, &aside->header, TENON_E_VALIDATION,
                          "no such command in this plugin");
    else
        run(aside, order);
    free(order);
}
