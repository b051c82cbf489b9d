/* SPDX-License-Identifier: Apache-2.0
 * Every function of tenon.store/1 as an action, and a delivery that writes the entity back, counted
 * up by one, as a plugin would that never comes to rest. */
#include <tenon/json.h>
#include <tenon/store.h>

#include <stdio.h>

TENON_SETTINGS(TENON_OPTION("writes_back", "boolean", "", "no", "", ""));

struct clerk {
    const tenon_host *host;
    const tenon_store *store;
    int writes_back;
};

static int32_t get(void *arg, const tenon_str *id, tenon_sink *out, tenon_err *err)
{
    struct clerk *self = arg;
    return self->store->get(self->host, *id, out, err);
}

static int32_t add(void *arg, const tenon_str *type, const tenon_str *data, tenon_sink *out,
                   tenon_err *err)
{
    struct clerk *self = arg;
    return self->store->add(self->host, *type, *data, out, err);
}

static int32_t change(void *arg, const tenon_str *id, const tenon_str *type, const tenon_str *data,
                      int64_t if_version, int32_t merge, tenon_sink *out, tenon_err *err)
{
    struct clerk *self = arg;
    const tenon_change wanted = {
        sizeof wanted, merge ? TENON_CHANGE_MERGE : 0, *id, *type, *data, (uint64_t)if_version};
    return self->store->update(self->host, &wanted, out, err);
}

static int32_t drop(void *arg, const tenon_str *id, int64_t if_version, tenon_sink *out,
                    tenon_err *err)
{
    struct clerk *self = arg;
    return self->store->remove(self->host, *id, (uint64_t)if_version, out, err);
}

static int32_t search(void *arg, int64_t limit, int64_t after, const tenon_str *type,
                      const tenon_str *text, const tenon_str *fields, const tenon_str *key,
                      tenon_sink *out, tenon_err *err)
{
    struct clerk *self = arg;
    const tenon_search wanted = {
        sizeof wanted, (uint32_t)limit, (uint64_t)after, *type, *text, *fields, *key};
    return self->store->search(self->host, &wanted, out, err);
}

/* `how`: relate, unrelate or relations. */
static int32_t edge(void *arg, const tenon_str *how, const tenon_str *from, const tenon_str *type,
                    const tenon_str *to, const tenon_str *data, int64_t limit, int64_t after,
                    tenon_sink *out, tenon_err *err)
{
    struct clerk *self = arg;
    const tenon_relationship wanted = {
        sizeof wanted, (uint32_t)limit, (uint64_t)after, *from, *type, *to, *data};

    if (tenon_equals(*how, "relate"))
        return self->store->relate(self->host, &wanted, out, err);
    if (tenon_equals(*how, "unrelate"))
        return self->store->unrelate(self->host, &wanted, out, err);
    return self->store->relations(self->host, &wanted, out, err);
}

static int32_t attributes(void *arg, const tenon_str *id, tenon_sink *out, tenon_err *err)
{
    struct clerk *self = arg;
    return self->store->attributes(self->host, *id, out, err);
}

static int32_t set_attribute(void *arg, const tenon_str *id, const tenon_str *name,
                             const tenon_str *value, tenon_sink *out, tenon_err *err)
{
    struct clerk *self = arg;
    int32_t code = self->store->set_attribute(self->host, *id, *name, *value, err);
    return code == TENON_OK ? tenon_puts(out, "true") : code;
}

#define OPTIONAL(name) TENON_OPTION(name, "text", "", "", "", "")
#define NUMBER(name) TENON_OPTION(name, "integer", "", "0", "", "")
static const tenon_action actions[] = {
    TENON_ACTION(attributes, "attributes", "attributes", TENON_ACTION_READ_ONLY, (text, id)),
    TENON_ACTION_WITH(set_attribute, "set", "set_attribute", 0, OPTIONAL("value"), (text, id),
                      (text, name), (text, value)),
    TENON_ACTION(get, "get", "get", TENON_ACTION_READ_ONLY, (text, id)),
    TENON_ACTION_WITH(add, "add", "add", 0, OPTIONAL("type"), (text, type), (text, data)),
    TENON_ACTION_WITH(change, "change", "update", 0,
                      OPTIONAL("type") NUMBER("if_version")
                          TENON_OPTION("merge", "boolean", "", "no", "", ""),
                      (text, id), (text, type), (text, data), (i64, if_version), (flag, merge)),
    TENON_ACTION_WITH(drop, "drop", "remove", 0, NUMBER("if_version"), (text, id),
                      (i64, if_version)),
    TENON_ACTION_WITH(search, "search", "search", TENON_ACTION_READ_ONLY,
                      NUMBER("limit") NUMBER("after") OPTIONAL("type") OPTIONAL("text")
                          OPTIONAL("fields") OPTIONAL("key"),
                      (i64, limit), (i64, after), (text, type), (text, text), (text, fields),
                      (text, key)),
    TENON_ACTION_WITH(edge, "edge", "relate, unrelate, relations", 0,
                      OPTIONAL("from") OPTIONAL("type") OPTIONAL("to") OPTIONAL("data")
                          NUMBER("limit") NUMBER("after"),
                      (text, how), (text, from), (text, type), (text, to), (text, data),
                      (i64, limit), (i64, after)),
};

static int32_t submit(void *arg, const tenon_batch *batch, tenon_verdicts *out, tenon_err *err)
{
    struct clerk *self = arg;

    for (uint32_t i = 0; i < batch->count; i++) {
        const tenon_record *record = tenon_record_at(batch, i);
        tenon_verdict verdict = tenon_verdict_init(i, TENON_ACCEPTED);
        char data[64];
        verdict.external_id = record->id; /* is its key here, too */
        snprintf(data, sizeof data, "{\"n\":%llu}", (unsigned long long)record->version);
        const tenon_change back = {sizeof back, TENON_CHANGE_MERGE, record->id,
                                   {"", 0},     tenon_text(data),   0};
        if (self->writes_back && self->store->update(self->host, &back, NULL, err) != TENON_OK) {
            verdict = tenon_verdict_init(i, TENON_REJECTED);
            verdict.message = tenon_text(err->message);
        }
        out->set(out, &verdict);
    }
    return TENON_OK;
}
static const tenon_client client = TENON_CLIENT(submit, 0, 0);

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    struct clerk *self = calloc(1, sizeof *self);

    (void)integration;
    if (self == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "no memory");
    self->host = host;
    self->store = host->get_service(host, TENON_STORE_1);
    self->writes_back = tenon_equals(tenon_json_find(settings, "writes_back"), "true");
    *out_self = self;
    return TENON_OK;
}
static void destroy(void *self)
{
    free(self);
}
static void describe(tenon_plugin *plugin)
{
    plugin->flags = TENON_PER_INTEGRATION;
    plugin->create = create;
    plugin->destroy = destroy;
    plugin->client = &client;
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof *actions;
}
TENON_PLUGIN("clerk", "1.0", "Apache-2.0", describe);
