/* SPDX-License-Identifier: Apache-2.0
 * Capability tenon.actions/1: actions that one integration has because of its settings. They are
 * told once, right behind create(), copied here, and sent with the answer to it. */
#include "call/call_server.h"

#include <stdio.h>
#include <stdlib.h>

struct call_own_actions {
    uint32_t count;
    struct call_action actions[WIRE_ACTIONS_MAX];
    char *texts[WIRE_ACTIONS_MAX]; /* those of an action, one behind the other */
};

/* What declare() tells into. */
struct list {
    tenon_action_list public;
    struct call_own_actions *own;
    const char *problem; /* static; NULL: none yet */
    char name[64];
};

int call_actions_load(struct call_server *server, char words[CALL_WORDS_MAX])
{
    const tenon_plugin *plugin = &server->plugin;
    uint32_t size = 0;

    if (plugin->get_capability == NULL)
        return 0;
    const tenon_actions *theirs = plugin->get_capability(TENON_ACTIONS_1);
    if (theirs == NULL)
        return 0;
    memcpy(&size, theirs, sizeof size);
    if (size < sizeof server->own_actions || theirs->declare == NULL) {
        snprintf(words, CALL_WORDS_MAX,
                 "its capability " TENON_ACTIONS_1
                 " has %u bytes (%zu are expected) or no declare()",
                 size, sizeof server->own_actions);
        return -1;
    }
    server->own_actions = *theirs;
    return 0;
}

void call_actions_destroy(struct call_own_actions *own)
{
    for (uint32_t i = 0; own != NULL && i < own->count; i++)
        free(own->texts[i]);
    free(own);
}

static const char *copy_text(const char **at, char **to)
{
    size_t size = strlen(*at != NULL ? *at : "") + 1;

    memcpy(*to, *at != NULL ? *at : "", size);
    *at = *to;
    *to += size;
    return *at;
}

/* All texts of a declaration in one allocation; NULL: no memory. */
static char *copy_texts(tenon_action *declared)
{
    const char **texts[] = {&declared->name, &declared->help, &declared->signature,
                            &declared->parameters, &declared->details};
    size_t size = 0;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        size += strlen(*texts[i] != NULL ? *texts[i] : "") + 1;
    char *copy = malloc(size);
    char *to = copy;
    for (size_t i = 0; copy != NULL && i < sizeof texts / sizeof *texts; i++)
        (void)copy_text(texts[i], &to);
    return copy;
}

static int32_t refuse(struct list *list, const char *name, const char *problem)
{
    if (list->problem == NULL) {
        snprintf(list->name, sizeof list->name, "%.48s", name != NULL ? name : "no name");
        list->problem = problem;
    }
    return TENON_E_VALIDATION;
}

static int32_t add(tenon_action_list *public, const tenon_action *theirs)
{
    struct list *list = (struct list *)public->ctx;
    struct call_own_actions *own = list->own;
    size_t size = theirs->struct_size;

    if (size < offsetof(tenon_action, details) + sizeof(char *))
        return refuse(list, NULL, "is of no known size");
    if (own->count == WIRE_ACTIONS_MAX)
        return refuse(list, theirs->name, "is one too many: an integration may have 64");
    struct call_action *action = &own->actions[own->count];
    memset(action, 0, sizeof *action);
    memcpy(&action->declared, theirs,
           size < sizeof action->declared ? size : sizeof action->declared);
    const char *problem = call_action_prepare(action);
    if (problem != NULL)
        return refuse(list, theirs->name, problem);
    own->texts[own->count] = copy_texts(&action->declared);
    if (own->texts[own->count] == NULL)
        return TENON_E_NO_MEMORY;
    action->index = own->count++;
    return TENON_OK;
}

int32_t call_actions_declare(struct call_thread *thread, struct call_instance *instance,
                             tenon_err *err)
{
    const tenon_actions *capability = &thread->server->own_actions;
    struct call_own_actions *own = calloc(1, sizeof *own);
    struct list list = {.public = {sizeof list.public, 0, &list, add}, .own = own};

    if (own == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "no memory for the integration's actions");
    call_mark(thread, WIRE_AT_DECLARE, UINT32_MAX);
    int32_t code = capability->declare(instance->self, &list.public, err);
    call_mark(thread, WIRE_AT_NONE, UINT32_MAX);
    for (uint32_t i = 0; i < own->count && list.problem == NULL; i++)
        if (own->actions[i].declared.function == NULL && capability->call == NULL)
            (void)refuse(&list, own->actions[i].declared.name,
                         "has no function, and the capability no call()");
    if (list.problem != NULL && (code == TENON_OK || err->message[0] == '\0'))
        code = tenon_failf(err, TENON_E_VALIDATION, "action '%s' %s", list.name, list.problem);
    if (code != TENON_OK || own->count == 0) {
        call_actions_destroy(own);
        return code;
    }
    instance->own_actions = own;
    return TENON_OK;
}

void call_actions_send(struct call_thread *thread, const struct call_instance *instance,
                       const struct wire_header *to)
{
    const struct call_own_actions *own = instance->own_actions;
    struct wire_actions told = {.count = own->count};

    for (uint32_t i = 0; i < own->count; i++)
        call_action_declare_one(&own->actions[i], &told.actions[i]);
    size_t begin = wire_out_begin(&thread->out, WIRE_ACTIONS, to->call, to->instance);
    wire_put_actions(&thread->out, &told);
    if (wire_out_end(&thread->out, begin) == 0)
        (void)call_send(thread->server,
                        &thread->out); /* a broken connection ends the serving loop */
    wire_out_clear(&thread->out);
}

const struct call_action *call_actions_find(const struct call_instance *instance, tenon_str name)
{
    const struct call_own_actions *own = instance->own_actions;

    for (uint32_t i = 0; own != NULL && i < own->count; i++)
        if (tenon_equals(name, own->actions[i].declared.name))
            return &own->actions[i];
    return NULL;
}

int32_t call_actions_invoke(const struct call_action *action, const struct call_instance *instance,
                            const struct wire_action *order, tenon_sink *out, tenon_err *err)
{
    tenon_argument arguments[WIRE_PARAMETERS_MAX] = {{0, 0, {NULL, 0}}};

    for (uint32_t i = 0; i < order->count; i++) {
        const struct wire_argument *from = &order->arguments[i];
        arguments[i] = (tenon_argument){
            .integer = from->letter == 'b' ? from->flag : from->integer,
            .real = from->real,
            .text = from->text,
        };
    }
    return instance->server->own_actions.call(instance->self, action->index, arguments,
                                              order->count, out, err);
}
