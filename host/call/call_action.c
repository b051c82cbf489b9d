/* SPDX-License-Identifier: Apache-2.0
 * Actions: plain C functions of many types behind one call. Each one's call interface is prepared
 * once, when the plugin is loaded; no closures, so no memory that is both written and run. The host
 * has held the arguments against the declaration; here only their types are looked at again. */
#include "call/call_server.h"

#include <stdio.h>
#include <stdlib.h>

enum { AROUND = CALL_AROUND, NAME_MAX_BYTES = 48 };

static ffi_type *type_of(char letter)
{
    switch (letter) {
    case 'I':
        return &ffi_type_sint64;
    case 'd':
        return &ffi_type_double;
    case 'b':
        return &ffi_type_sint32;
    case 's':
    case 'j':
        return &ffi_type_pointer;
    default:
        return NULL;
    }
}

static int prepare(struct call_action *action)
{
    const char *signature = action->declared.signature;
    size_t count = strlen(signature);

    if (count > WIRE_PARAMETERS_MAX)
        return -1;
    action->types[0] = &ffi_type_pointer;
    for (size_t i = 0; i < count; i++) {
        action->types[i + 1] = type_of(signature[i]);
        if (action->types[i + 1] == NULL)
            return -1;
    }
    action->types[count + 1] = &ffi_type_pointer;
    action->types[count + 2] = &ffi_type_pointer;
    action->count = (uint32_t)count;
    return ffi_prep_cif(&action->cif, FFI_DEFAULT_ABI, (unsigned)count + AROUND, &ffi_type_sint32,
                        action->types) == FFI_OK
               ? 0
               : -1;
}

const char *call_action_prepare(struct call_action *action)
{
    const tenon_action *declared = &action->declared;

    if (declared->name == NULL || declared->name[0] == '\0' ||
        strlen(declared->name) > NAME_MAX_BYTES)
        return "has no name, or one above 48 bytes";
    if (declared->signature == NULL || declared->parameters == NULL || prepare(action) < 0)
        return "has a signature that this host cannot call";
    return NULL;
}

static int refuse(char words[CALL_WORDS_MAX], size_t at, const char *name, const char *what)
{
    snprintf(words, CALL_WORDS_MAX, "action %zu (%.48s) %s; declare it with TENON_ACTION", at + 1,
             name != NULL ? name : "no name", what);
    return -1;
}

static int prepare_one(const tenon_plugin *plugin, size_t at, struct call_action *action,
                       char words[CALL_WORDS_MAX])
{
    size_t stride = plugin->actions[0].struct_size;
    size_t size = stride < sizeof action->declared ? stride : sizeof action->declared;
    tenon_action *declared = &action->declared;

    memcpy(declared, (const char *)plugin->actions + at * stride, size);
    const char *problem =
        declared->function == NULL ? "has no function" : call_action_prepare(action);
    return problem == NULL ? 0 : refuse(words, at, declared->name, problem);
}

int call_action_prepare_all(struct call_server *server, char words[CALL_WORDS_MAX])
{
    const tenon_plugin *plugin = &server->plugin;

    if (plugin->n_actions == 0)
        return 0;
    if (plugin->n_actions > WIRE_ACTIONS_MAX || plugin->actions == NULL ||
        plugin->actions[0].struct_size < offsetof(tenon_action, details) + sizeof(char *)) {
        snprintf(words, CALL_WORDS_MAX,
                 "n_actions is %zu (at most %d are possible), but the table is missing or of no "
                 "known size",
                 plugin->n_actions, WIRE_ACTIONS_MAX);
        return -1;
    }
    server->actions = calloc(plugin->n_actions, sizeof *server->actions);
    if (server->actions == NULL) {
        snprintf(words, CALL_WORDS_MAX, "no memory for %zu actions", plugin->n_actions);
        return -1;
    }
    for (size_t i = 0; i < plugin->n_actions; i++)
        if (prepare_one(plugin, i, &server->actions[i], words) < 0)
            return -1;
    return 0;
}

static tenon_str text_or_empty(const char *text)
{
    return tenon_text(text != NULL ? text : "");
}

void call_action_declare_one(const struct call_action *action, struct wire_declared *out)
{
    const tenon_action *declared = &action->declared;

    *out = (struct wire_declared){
        .flags = declared->flags,
        .name = tenon_text(declared->name),
        .help = text_or_empty(declared->help),
        .signature = tenon_text(declared->signature),
        .parameters = tenon_text(declared->parameters),
        .details = text_or_empty(declared->details),
    };
}

void call_action_declare(const struct call_server *server, struct wire_facts *facts)
{
    facts->action_count = (uint32_t)server->plugin.n_actions;
    for (uint32_t i = 0; i < facts->action_count; i++)
        call_action_declare_one(&server->actions[i], &facts->actions[i]);
}

const struct call_action *call_action_find(const struct call_server *server, tenon_str name)
{
    for (size_t i = 0; i < server->plugin.n_actions; i++)
        if (tenon_equals(name, server->actions[i].declared.name))
            return &server->actions[i];
    return NULL;
}

int32_t call_action_invoke(const struct call_action *action, void *self,
                           const struct wire_argument *arguments, tenon_sink *out, tenon_err *err)
{
    const tenon_str *texts[WIRE_PARAMETERS_MAX];
    void *values[WIRE_PARAMETERS_MAX + AROUND];
    ffi_arg status = 0; /* libffi widens what is narrower than a register */

    values[0] = &self;
    for (uint32_t i = 0; i < action->count; i++) {
        const struct wire_argument *argument = &arguments[i];
        texts[i] = &argument->text;
        values[i + 1] = argument->letter == 'I'   ? (void *)&argument->integer
                        : argument->letter == 'd' ? (void *)&argument->real
                        : argument->letter == 'b' ? (void *)&argument->flag
                                                  : (void *)&texts[i];
    }
    values[action->count + 1] = &out;
    values[action->count + 2] = &err;
    ffi_call((ffi_cif *)&action->cif, action->declared.function, &status, values);
    return (int32_t)status;
}

static bool fits(const struct call_action *action, const struct wire_action *order)
{
    if (order->count != action->count)
        return false;
    for (uint32_t i = 0; i < order->count; i++)
        if (order->arguments[i].letter != action->declared.signature[i])
            return false;
    return true;
}

void call_send_written(struct call_thread *thread, const struct wire_header *to,
                       const struct call_sink *sink, const char *what)
{
    const struct wire_out *written = sink->to;
    char words[CALL_WORDS_MAX];

    if (sink->is_over) {
        snprintf(words, sizeof words, "%s is larger than 16 MiB", what);
        call_send_refusal(thread, to, TENON_E_PERMANENT, words);
        return;
    }
    size_t begin = wire_out_begin(&thread->out, WIRE_RESULT, to->call, to->instance);
    wire_put_result(&thread->out,
                    (tenon_str){written->ptr != NULL ? written->ptr : "", written->len});
    if (wire_out_end(&thread->out, begin) == 0)
        (void)call_send(thread->server,
                        &thread->out); /* a broken connection ends the serving loop */
    else
        call_send_refusal(thread, to, TENON_E_NO_MEMORY, "no memory for what the plugin wrote");
    wire_out_clear(&thread->out);
}

void call_action(struct call_thread *thread, struct call_instance *instance,
                 const struct wire_header *header, struct wire_in *in)
{
    tenon_err err = call_err();
    struct wire_action order;
    struct wire_out result = {0};
    struct call_sink sink;

    const struct call_action *action = NULL;
    if (wire_get_action(in, &order) == 0) {
        action = call_actions_find(instance, order.name);
        if (action == NULL)
            action = call_action_find(thread->server, order.name);
    }
    if (action == NULL || !fits(action, &order)) {
        call_send_refusal(thread, header, TENON_E_VALIDATION,
                          "no such action in this plugin, or arguments of other types");
        return;
    }
    call_sink_init(&sink, &result, WIRE_PAYLOAD_MAX);
    call_mark(thread, WIRE_AT_ACTION, UINT32_MAX);
    int32_t code =
        action->declared.function != NULL
            ? call_action_invoke(action, instance->self, order.arguments, &sink.sink, &err)
            : call_actions_invoke(action, instance, &order, &sink.sink, &err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    if (code != TENON_OK)
        call_send_result(thread, header, WIRE_AT_ACTION, code, &err);
    else
        call_send_written(thread, header, &sink, "the action's result");
    wire_out_finish(&result);
}
