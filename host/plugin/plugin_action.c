/* SPDX-License-Identifier: Apache-2.0
 * Actions: what a plugin declares, and arguments held against it. All callers of actions (REST, the
 * command line, other integrations) pass here, so they meet the same checks and the same words. */
#include "plugin/plugin_internal.h"

#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { QUOTED_MAX = 60 };

/* ---- declarations ---- */

static enum option_type plain_type(char letter)
{
    return letter == 'I'   ? OPTION_INTEGER
           : letter == 'd' ? OPTION_NUMBER
           : letter == 'b' ? OPTION_BOOLEAN
                           : OPTION_TEXT;
}

static bool type_fits(char letter, enum option_type type)
{
    bool is_measure = type == OPTION_INTEGER || type == OPTION_DURATION || type == OPTION_SIZE;
    bool is_text =
        type == OPTION_TEXT || type == OPTION_CHOICE || type == OPTION_URL || type == OPTION_PATH;

    switch (letter) {
    case 'I':
        return is_measure;
    case 'd':
        return type == OPTION_NUMBER;
    case 'b':
        return type == OPTION_BOOLEAN;
    case 's':
        return is_text;
    default:
        return letter == 'j' && type == OPTION_TEXT;
    }
}

static int read_parameter(struct str rows, struct str name, char letter,
                          struct plugin_parameter *out, struct err *err)
{
    *out = (struct plugin_parameter){.name = name, .letter = letter, .is_required = true};
    if (!option_is_name(name) || !type_fits(letter, plain_type(letter)))
        return err_set(err, E_SYNTAX, "parameter '%.*s' has no usable name or type",
                       name.len > QUOTED_MAX ? QUOTED_MAX : (int)name.len, name.ptr);
    if (option_find(rows, name, &out->option)) {
        out->is_required = out->option.is_required;
        if (!type_fits(letter, out->option.type))
            return err_set(err, E_SYNTAX,
                           "parameter '%.*s': its row is of type %s, its function "
                           "takes another",
                           STR_ARG(name), option_type_name(out->option.type));
    } else {
        out->option = (struct option){.name = name, .type = plain_type(letter)};
    }
    out->type = letter == 'j' ? "json" : option_type_name(out->option.type);
    if (letter == 'j' && !out->is_required && out->option.fallback.len > 0 &&
        json_check(out->option.fallback, err) < 0)
        return err_prefix(err, "parameter '%.*s': the default: ", STR_ARG(name));
    return 0;
}

static bool has_parameter(const struct plugin_action *action, struct str name)
{
    for (size_t i = 0; i < action->parameter_count; i++)
        if (str_equals(action->parameters[i].name, name))
            return true;
    return false;
}

static int read_action(const struct wire_declared *declared, struct plugin_action *out,
                       struct err *err)
{
    struct str rows = plugin_text(declared->details);
    struct str names = plugin_text(declared->parameters);
    struct str signature = plugin_text(declared->signature);
    struct str name;
    struct option row;

    *out = (struct plugin_action){
        .name = plugin_text(declared->name),
        .help = plugin_text(declared->help),
        .is_read_only = declared->flags & TENON_ACTION_READ_ONLY,
        .is_destructive = declared->flags & TENON_ACTION_DESTRUCTIVE,
    };
    if (!option_is_name(out->name) || !str_is_utf8(out->help) ||
        signature.len > PLUGIN_PARAMETERS_MAX)
        return err_set(err, E_SYNTAX,
                       "its name is not 1 to %d of a-z 0-9 _ - with a letter first, or it has more "
                       "than %d parameters",
                       OPTION_NAME_MAX, PLUGIN_PARAMETERS_MAX);
    if (option_rows_check(rows, err) < 0)
        return err->code;
    for (size_t i = 0; i < signature.len; i++) {
        if (!str_next(&names, ',', &name) || has_parameter(out, name))
            return err_set(err, E_SYNTAX, "its parameters have not a name each");
        if (read_parameter(rows, name, signature.ptr[i], &out->parameters[i], err) < 0)
            return err->code;
        out->parameter_count++;
    }
    if (names.len > 0)
        return err_set(err, E_SYNTAX, "it names more parameters than its function has");
    while (option_next(&rows, &row, NULL) > 0)
        if (!has_parameter(out, row.name))
            return err_set(err, E_SYNTAX, "its row '%.*s' is of no parameter", STR_ARG(row.name));
    return 0;
}

static const struct plugin_action *find_action(const struct plugin_action *actions, size_t count,
                                               struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_equals(actions[i].name, name))
            return &actions[i];
    return NULL;
}

struct plugin_action *plugin_action_read(const struct wire_declared *declared, uint32_t count,
                                         size_t before, struct err *err)
{
    struct plugin_action *actions = calloc(before + count + 1, sizeof *actions);

    if (actions == NULL) {
        err_set(err, -ENOMEM, "no memory for the plugin's actions");
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct plugin_action *action = &actions[before + i];
        bool is_read = read_action(&declared[i], action, err) == 0;
        if (is_read && find_action(&actions[before], i, action->name) != NULL)
            is_read = err_set(err, E_SYNTAX, "it stands there twice") == 0;
        if (!is_read) {
            (void)err_prefix(err, "action %u of %u ('%.48s'): ", i + 1, count,
                             declared[i].name.ptr); /* the status is read from err */
            free(actions);
            return NULL;
        }
    }
    return actions;
}

/* The worker's actions go before the instance's own. */
static int take_declared(struct plugin_instance *instance, const struct wire_actions *told,
                         struct err *err)
{
    const struct plugin_worker *worker = instance->worker;
    size_t before = worker->facts.action_count;
    struct plugin_action *actions = plugin_action_read(told->actions, told->count, before, err);

    if (actions == NULL)
        return err->code;
    if (before > 0)
        memcpy(actions, worker->actions, before * sizeof *actions);
    for (size_t i = 0; i < told->count; i++) {
        if (find_action(actions, before, actions[before + i].name) == NULL)
            continue;
        (void)err_set(err, E_SYNTAX, "action '%.*s': the plugin has one of this name already",
                      STR_ARG(actions[before + i].name)); /* its code is returned */
        free(actions);
        return E_SYNTAX;
    }
    free(instance->actions);
    instance->actions = actions;
    instance->action_count = before + told->count;
    return 0;
}

int plugin_action_take(struct plugin_instance *instance, const struct wire_in *in, struct err *err)
{
    struct wire_actions told;
    size_t len = in->rest;

    /* After a restart the same settings make the same actions. */
    if (instance->actions != NULL && len == instance->action_bytes_len &&
        memcmp(in->at, instance->action_bytes, len) == 0)
        return 0;
    if (len > PLUGIN_DECLARED_BYTES_MAX)
        return err_set(err, E_SYNTAX, "the integration's actions are larger than 4 MiB");
    char *bytes = malloc(len + 1);
    if (bytes == NULL)
        return err_set(err, -ENOMEM, "no memory for the integration's actions");
    memcpy(bytes, in->at, len);
    struct wire_in own = {bytes, len, false};
    int status = wire_get_actions(&own, &told) < 0
                     ? err_set(err, -EPROTO, "its actions cannot be read")
                     : take_declared(instance, &told, err);
    if (status < 0) {
        free(bytes);
        return status;
    }
    free(instance->action_bytes);
    instance->action_bytes = bytes;
    instance->action_bytes_len = len;
    return 0;
}

const struct plugin_action *plugin_instance_actions(const struct plugin_instance *instance,
                                                    size_t *out_count)
{
    const struct plugin_worker *worker = instance->worker;

    bool is_own = worker != NULL && instance->actions != NULL;

    *out_count = is_own                                ? instance->action_count
                 : worker != NULL && worker->has_facts ? worker->facts.action_count
                                                       : 0;
    return *out_count == 0 ? NULL : is_own ? instance->actions : worker->actions;
}

/* ---- arguments ---- */

/* "integer (1 to 100)" in the words of the type. */
static void put_expected(struct buf *out, const struct plugin_parameter *parameter)
{
    buf_puts(out, parameter->type);
    if (parameter->option.range.len > 0)
        buf_printf(out, " (%.*s)", STR_ARG(parameter->option.range));
}

static void put_came(struct buf *out, const struct plugin_parameter *parameter, struct str value)
{
    static const char *const kinds[] = {
        [JSON_NULL] = "null",        [JSON_FALSE] = "false", [JSON_TRUE] = "true",
        [JSON_NUMBER] = "number",    [JSON_STRING] = "text", [JSON_ARRAY] = "an array",
        [JSON_OBJECT] = "an object",
    };
    enum json_kind kind = json_kind_of(value);
    bool is_shown = !parameter->option.is_secret && (kind == JSON_NUMBER || kind == JSON_STRING) &&
                    value.len <= QUOTED_MAX;

    buf_puts(out, kinds[kind]);
    if (is_shown)
        buf_printf(out, " %.*s", STR_ARG(value));
}

static int wrong_type(const struct plugin_parameter *parameter, struct str value, struct err *err)
{
    _buf_ struct buf expected = {0};
    _buf_ struct buf came = {0};

    put_expected(&expected, parameter);
    put_came(&came, parameter, value);
    return err_set(err, -EINVAL, "parameter '%.*s': expected %s, came %s", STR_ARG(parameter->name),
                   buf_str(&expected).ptr, buf_str(&came).ptr);
}

static int missing(const struct plugin_parameter *parameter, struct err *err)
{
    _buf_ struct buf expected = {0};

    put_expected(&expected, parameter);
    return err_set(err, -EINVAL, "parameter '%.*s' is missing; expected %s%s%.*s",
                   STR_ARG(parameter->name), buf_str(&expected).ptr,
                   parameter->option.help.len > 0 ? ": " : "", STR_ARG(parameter->option.help));
}

static int unknown(const struct plugin_action *action, struct str name, struct err *err)
{
    _buf_ struct buf list = {0};
    _buf_ struct buf given = {0};
    char words[PLUGIN_PARAMETERS_MAX][OPTION_NAME_MAX + 1];
    const char *names[PLUGIN_PARAMETERS_MAX];

    for (size_t i = 0; i < action->parameter_count; i++) {
        snprintf(words[i], sizeof words[i], "%.*s", STR_ARG(action->parameters[i].name));
        names[i] = words[i];
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    buf_add(&given, name.ptr, name.len < QUOTED_MAX ? name.len : QUOTED_MAX);
    const char *near = given.failed || given.len == 0
                           ? NULL
                           : str_nearest(given.ptr, names, action->parameter_count);
    return err_set(err, -EINVAL, "there is no parameter '%s'%s%s%s; %.*s takes %s",
                   buf_str(&given).ptr, near != NULL ? ", perhaps '" : "", near != NULL ? near : "",
                   near != NULL ? "' was meant" : "", STR_ARG(action->name),
                   list.len > 0 ? list.ptr : "none");
}

/* A value in the words of its row: a number as it stands, a string's text. */
static int take_words(const struct plugin_parameter *parameter, struct str words,
                      struct wire_argument *out, struct err *err)
{
    struct option option = parameter->option;
    struct option_value value;

    option.is_required = false; /* it is there; an empty text is one too */
    int status = option_parse(&option, words, &value, err);
    if (status < 0) {
        (void)err_prefix(err, "parameter '%.*s': ", STR_ARG(parameter->name)); /* status is known */
        return status;
    }
    out->integer = value.integer;
    out->real = value.real;
    out->flag = value.is_true;
    out->text = plugin_str(str_or_empty(words));
    return 0;
}

static int take_value(const struct plugin_parameter *parameter, struct str value, struct buf *texts,
                      struct wire_argument *out, struct err *err)
{
    enum json_kind kind = json_kind_of(value);
    enum option_type type = parameter->option.type;
    bool is_spelled = type == OPTION_DURATION || type == OPTION_SIZE; /* "30s", "64KB" */

    if (parameter->letter == 'j') {
        out->text = plugin_str(value);
        return 0;
    }
    if (parameter->letter == 'b' && (kind == JSON_TRUE || kind == JSON_FALSE)) {
        out->flag = kind == JSON_TRUE;
        return 0;
    }
    if ((parameter->letter == 'I' || parameter->letter == 'd') && kind == JSON_NUMBER) {
        bool is_whole = memchr(value.ptr, '.', value.len) == NULL &&
                        memchr(value.ptr, 'e', value.len) == NULL &&
                        memchr(value.ptr, 'E', value.len) == NULL;
        return is_whole || parameter->letter == 'd' ? take_words(parameter, value, out, err)
                                                    : wrong_type(parameter, value, err);
    }
    if (kind != JSON_STRING || (parameter->letter != 's' && !is_spelled))
        return wrong_type(parameter, value, err);
    size_t start = texts->len;
    json_unquote(value, texts);
    if (texts->failed)
        return err_set(err, -ENOMEM, "no memory for the arguments");
    return take_words(parameter, (struct str){texts->ptr + start, texts->len - start}, out, err);
}

static int take_default(const struct plugin_parameter *parameter, struct wire_argument *out,
                        struct err *err)
{
    struct str fallback = parameter->option.fallback;

    if (parameter->is_required)
        return missing(parameter, err);
    if (parameter->letter == 'j')
        out->text = fallback.len > 0 ? plugin_str(fallback) : tenon_text("null");
    return fallback.len > 0 && parameter->letter != 'j' ? take_words(parameter, fallback, out, err)
                                                        : 0;
}

/* The values by parameter; STR_NONE where none came. */
static int sort_arguments(const struct plugin_action *action, struct str arguments,
                          struct str values[PLUGIN_PARAMETERS_MAX], struct err *err)
{
    struct str name;
    struct str value;

    while (json_next_member(&arguments, &name, &value)) {
        size_t at = 0;
        while (at < action->parameter_count && !str_equals(action->parameters[at].name, name))
            at++;
        if (at == action->parameter_count)
            return unknown(action, name, err);
        if (values[at].ptr != NULL)
            return err_set(err, -EINVAL, "parameter '%.*s' came twice", STR_ARG(name));
        values[at] = value;
    }
    return 0;
}

int plugin_action_fill(const struct plugin_action *action, struct str arguments,
                       struct wire_action *out, struct buf *texts, struct err *err)
{
    struct str values[PLUGIN_PARAMETERS_MAX] = {STR_NONE};

    arguments = str_trim(arguments);
    if (arguments.len > 0 && json_check(arguments, err) < 0)
        return err_prefix(err, "the arguments are no JSON: ");
    if (arguments.len > 0 && json_kind_of(arguments) != JSON_OBJECT)
        return err_set(err, -EINVAL, "expected the arguments as a JSON object, {\"name\": value}");
    int status = sort_arguments(action, arguments, values, err);
    if (status < 0)
        return status;
    /* One allocation: the texts of several arguments point into it. */
    if (!buf_reserve(texts, arguments.len + PLUGIN_PARAMETERS_MAX))
        return err_set(err, -ENOMEM, "no memory for the arguments");
    out->name = plugin_str(action->name);
    out->count = (uint32_t)action->parameter_count;
    for (size_t i = 0; i < action->parameter_count; i++) {
        const struct plugin_parameter *parameter = &action->parameters[i];
        bool is_given = values[i].ptr != NULL &&
                        (parameter->letter == 'j' || json_kind_of(values[i]) != JSON_NULL);
        out->arguments[i] = (struct wire_argument){.letter = parameter->letter, .text = {"", 0}};
        status = is_given ? take_value(parameter, values[i], texts, &out->arguments[i], err)
                          : take_default(parameter, &out->arguments[i], err);
        if (status < 0)
            return status;
    }
    return 0;
}

/* ---- calls ---- */

static void refuse(struct plugin_instance *instance, enum plugin_status status, int error_class,
                   const char *words, plugin_reply_fn fn, void *user)
{
    plugin_answer(instance->host, instance, fn, user,
                  plugin_reply_words(status, error_class, -1, words));
    plugin_host_flush_soon(instance->host);
}

static const struct plugin_action *find(const struct plugin_instance *instance, struct str name)
{
    size_t count;
    const struct plugin_action *actions = plugin_instance_actions(instance, &count);

    return find_action(actions, count, name);
}

/* Whether all of its actions have been told. */
static bool is_declared(const struct plugin_instance *instance)
{
    const struct plugin_worker *worker = instance->worker;

    return worker->has_facts &&
           (!(worker->facts.has & WIRE_HAS_ACTIONS) || instance->actions != NULL ||
            instance->state == INSTANCE_ACTIVATING || instance->state == INSTANCE_ACTIVE);
}

void plugin_action(struct plugin_instance *instance, struct str name, struct str arguments,
                   plugin_reply_fn fn, void *user)
{
    _buf_ struct buf texts = {0};
    struct wire_action order;
    struct wire_out bytes = {0};
    struct err err = {0};
    char own_name[OPTION_NAME_MAX + 1];

    if (!plugin_call_is_served(instance, fn, user))
        return;
    const struct plugin_action *action = find(instance, name);
    if (action == NULL) {
        bool is_loaded = is_declared(instance);
        refuse(instance, is_loaded ? PLUGIN_FAILED : PLUGIN_UNAVAILABLE,
               is_loaded ? TENON_E_UNSUPPORTED : TENON_E_CONNECTION,
               is_loaded ? "the plugin has no action of this name"
                         : "the plugin is still being loaded; try again",
               fn, user);
        return;
    }
    if (plugin_action_fill(action, arguments, &order, &texts, &err) < 0) {
        refuse(instance, PLUGIN_FAILED,
               err.code == -ENOMEM ? TENON_E_NO_MEMORY : TENON_E_VALIDATION, err.text, fn, user);
        return;
    }
    wire_put_action(&bytes, &order);
    if (bytes.failed) {
        wire_out_finish(&bytes);
        refuse(instance, PLUGIN_FAILED, TENON_E_NO_MEMORY, "no memory for the arguments", fn, user);
        return;
    }
    snprintf(own_name, sizeof own_name, "%.*s", STR_ARG(name));
    struct plugin_call *call = plugin_call_make_order(instance, WIRE_ACTION, own_name, &bytes);
    call->is_once = !action->is_read_only;
    plugin_call_submit(call, fn, user, 0);
}

void plugin_action_cancel(struct plugin_instance *instance, plugin_reply_fn fn, const void *user)
{
    struct plugin_worker *worker = instance->worker;
    struct plugin_call *call = worker != NULL ? worker->queue.first : NULL;

    while (call != NULL && (call->instance != instance || call->fn != fn || call->user != user))
        call = call->next;
    if (call == NULL)
        return;
    (void)plugin_queue_remove(&worker->queue, call); /* it is there: we found it there */
    plugin_call_fail(call, PLUGIN_FAILED, TENON_E_CANCELLED, -1, "the caller waits no longer");
    plugin_host_flush_soon(instance->host);
}
