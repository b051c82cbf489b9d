/* SPDX-License-Identifier: Apache-2.0
 * Actions of an integration's own, by its setting `at`: "none" has none, "two" has two, the others
 * are ways to go wrong in declare(). */
#include <tenon/actions.h>
#include <tenon/json.h>

TENON_SETTINGS(TENON_OPTION("at", "text", "", "two", "", "What it declares."));

enum { AT_BYTES = 32 };

static int32_t create(const tenon_host *host, tenon_str name, tenon_str settings, void **out_self,
                      tenon_err *err)
{
    char *at = (char *)calloc(1, AT_BYTES);

    (void)host, (void)name;
    if (at == NULL || tenon_setting_text(settings, "at", at, AT_BYTES) < 0) {
        free(at);
        return tenon_fail(err, TENON_E_VALIDATION, "at is too long");
    }
    *out_self = at;
    return TENON_OK;
}

static int32_t twice(void *self, int64_t number, tenon_sink *out, tenon_err *err)
{
    (void)self, (void)err;
    return tenon_json_write_integer(out, number * 2);
}

static int32_t shared(void *self, tenon_sink *out, tenon_err *err)
{
    (void)err;
    return tenon_json_write_text(out, tenon_text((const char *)self));
}

static const tenon_action actions[] = {
    TENON_ACTION_PLAIN(shared, "shared", "Every integration has it.", TENON_ACTION_READ_ONLY),
};

static int32_t declare(void *self, tenon_action_list *out, tenon_err *err)
{
    static const tenon_action by_function =
        TENON_ACTION(twice, "twice", "Doubles.", TENON_ACTION_READ_ONLY, (i64, number));
    tenon_str at = tenon_text((const char *)self);
    char name[] = "gather"; /* texts are copied: these are gone when it is called */
    char signature[] = "Idbs";
    tenon_action action = {sizeof action, 0,         name, "Gives back what came.",
                           signature,     "a,b,c,d", NULL, "d\ttext\t\tnone\t\tA word\n"};

    if (tenon_equals(at, "crash"))
        __builtin_trap();
    if (tenon_equals(at, "none"))
        return TENON_OK;
    if (tenon_equals(at, "fails"))
        return tenon_fail(err, TENON_E_CONNECTION, "the description cannot be had");
    if (tenon_equals(at, "signature"))
        action.signature = "x";
    if (tenon_equals(at, "row"))
        action.details = "e\ttext\t\t\t\tOf no parameter\n";
    if (tenon_equals(at, "known"))
        action.name = "shared";
    (void)out->add(out, &action);
    if (tenon_equals(at, "again"))
        (void)out->add(out, &action);
    for (int i = 0; i < 80 && tenon_equals(at, "many"); i++) {
        snprintf(name, sizeof name, "a%d", i);
        (void)out->add(out, &action);
    }
    memset(name, 0, sizeof name);
    memset(signature, 0, sizeof signature);
    return out->add(out, &by_function);
}

static int32_t call(void *self, uint32_t index, const tenon_argument *arguments, uint32_t count,
                    tenon_sink *out, tenon_err *err)
{
    char text[96];

    (void)self;
    if (index != 0 || count != 4)
        return tenon_fail(err, TENON_E_PERMANENT, "another action was meant");
    snprintf(text, sizeof text, "[%lld,%g,%lld,", (long long)arguments[0].integer,
             arguments[1].real, (long long)arguments[2].integer);
    tenon_puts(out, text);
    tenon_json_write_text(out, arguments[3].text);
    return tenon_puts(out, "]");
}

static const tenon_actions own = {sizeof own, 0, declare, call};

static const void *get_capability(const char *id)
{
    return strcmp(id, TENON_ACTIONS_1) == 0 ? &own : NULL;
}

static void describe(tenon_plugin *plugin)
{
    plugin->create = create;
    plugin->destroy = free;
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof *actions;
    plugin->get_capability = get_capability;
}
TENON_PLUGIN("own", "1.0", "Apache-2.0", describe);
