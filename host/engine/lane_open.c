/* SPDX-License-Identifier: Apache-2.0
 * A lane's life: made from its ini, opened with the instances of its plugin, destroyed. */
#include "engine/lane.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret.h"
#include "signals/hub.h"

#include <stdlib.h>

static void on_timer(void *user)
{
    struct lane *lane = user;

    log_integration_scope(lane->name);
    lane_look(lane);
}

static enum store_walk walk_of(const char *selector, const char **out_plugin_selector)
{
    *out_plugin_selector = NULL;
    if (strcmp(selector, "unsubmitted") == 0)
        return WALK_UNSUBMITTED;
    if (strcmp(selector, "all") == 0)
        return WALK_ALL;
    if (strcmp(selector, "failed") == 0 || strcmp(selector, "none") == 0)
        return WALK_NONE; /* only what is asked for by hand */
    if (strcmp(selector, "changed") != 0)
        *out_plugin_selector = selector;
    return WALK_CHANGED;
}

static int read_ini(struct lane *lane, struct err *err)
{
    const struct config_file *file = lane->file;

    lane->walk = walk_of(config_text(file, "select", "selector"), &lane->selector);
    lane->has_where = config_text(file, "select", "where")[0] != '\0';
    lane->has_transform = config_text(file, "transform", "jq")[0] != '\0';
    lane->policy = (struct retry_policy){
        .max_attempts = (int)config_integer(file, "retry", "max_attempts"),
        .base_ms = config_integer(file, "retry", "base"),
        .max_ms = config_integer(file, "retry", "max"),
        .retry_after_max_ms = config_integer(file, "retry", "retry_after_max"),
    };
    if (!names_init(&lane->types, config_text(file, "select", "type"), ",") ||
        health_init(&lane->health, lane) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    if (hook_create(lane, &lane->hook, err) < 0)
        return err->code;
    return lane_gate_init(&lane->gate, file, err);
}

static int open_destination(struct lane *lane, struct err *err)
{
    const struct config_file *file = lane->file;
    const char *ca_file = config_text(file, "integration", "ca_file");
    const char *proxy = config_text(file, "integration", "proxy");
    const struct http_destination_settings settings = {
        .max_connections = (int)config_integer(file, "integration", "concurrency"),
        .not_reached_max = (int)config_integer(file, "breaker", "connection_failures"),
        .timeout_ms = config_integer(file, "integration", "timeout"),
        .connect_timeout_ms = config_integer(file, "integration", "connect_timeout"),
        .max_response_bytes = config_integer(file, "integration", "max_response"),
        .is_tls = strncmp(config_text(file, "integration", "base_url"), "https:", 6) == 0,
        .verify_tls = config_is_true(file, "integration", "verify_tls"),
        .ca_file = ca_file[0] != '\0' ? ca_file : NULL,
        .proxy = proxy[0] != '\0' ? proxy : NULL,
    };

    lane->outbound = outbound_rules_create(file, err);
    if (lane->outbound == NULL)
        return -EINVAL;
    lane->destination = http_destination_create(lane->rooms->http, &settings, err);
    lane->gate.destination = lane->destination;
    return lane->destination != NULL ? 0 : -EINVAL;
}

static void fail_with_problem(struct lane *lane)
{
    _buf_ struct buf words = {0};

    config_file_problem(generation_config(lane->generation), lane->file, &words);
    lane_fail(lane, words.ptr != NULL ? words.ptr : "its ini has errors");
}

struct lane *lane_create(const struct engine_rooms *rooms, struct generation *generation,
                         const struct config_file *file, struct err *err)
{
    struct lane *lane = calloc(1, sizeof *lane);
    const struct outbox_events events = {lane, lane_leaving, lane_written};

    if (lane == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    lane->rooms = rooms;
    lane->generation = generation_ref(generation);
    lane->file = file;
    lane->name = strdup(config_file_name(file));
    lane->tap = taps_of(rooms->taps, config_file_name(file));
    lane->timer = loop_timer_create(rooms->loop, on_timer, lane);
    if (lane->name == NULL || lane->timer == NULL ||
        outbox_init(&lane->outbox, rooms->loop, rooms->store, &events) < 0) {
        (void)err_set(err, -ENOMEM, "out of memory");
        lane_destroy(lane);
        return NULL;
    }
    if (!config_file_is_valid(file))
        fail_with_problem(lane);
    else if (!config_is_true(file, "integration", "enabled"))
        lane->state = LANE_DISABLED;
    else
        lane->state = LANE_STARTING;
    if (lane->state == LANE_STARTING &&
        (read_ini(lane, err) < 0 || open_destination(lane, err) < 0))
        lane_fail(lane, err->text);
    return lane;
}

static void plugin_closed(void *user)
{
    struct lane *lane = user;

    lane->plugin = NULL;
    lane_tell(lane);
}

void lane_close(struct lane *lane)
{
    if (lane->is_closing)
        return;
    lane->is_closing = true;
    if (lane->plugin != NULL)
        plugin_instance_close_then(lane->plugin, plugin_closed, lane);
}

bool lane_is_closed(const struct lane *lane)
{
    return lane->is_closing && lane->plugin == NULL;
}

void lane_destroy(struct lane *lane)
{
    if (lane == NULL)
        return;
    hook_destroy(lane->hook);
    plugin_instance_close(lane->jq);
    plugin_instance_close(lane->plugin);
    subscriber_destroy(lane->signals);
    http_destination_release(lane->destination);
    outbound_rules_destroy(lane->outbound);
    lane_gate_finish(&lane->gate);
    health_finish(&lane->health);
    outbox_finish(&lane->outbox);
    loop_timer_destroy(lane->timer);
    names_finish(&lane->types);
    generation_unref(lane->tried);
    generation_unref(lane->generation);
    free(lane->name);
    free(lane);
}

void lane_rebind(struct lane *lane, struct generation *generation, const struct config_file *file)
{
    struct generation *former = lane->generation;

    if (lane->selector != NULL && config_file_is_valid(lane->file) &&
        lane->selector == config_text(lane->file, "select", "selector"))
        lane->selector = config_text(file, "select", "selector");
    lane->generation = generation_ref(generation);
    lane->file = file;
    lane->test = NULL; /* it was begun by the former one */
    hook_rebind(lane);
    lane->former_words[0] = '\0';
    lane_set_tried(lane, NULL, NULL);
    generation_unref(former);
}

void lane_set_tried(struct lane *lane, struct generation *generation,
                    const struct config_file *file)
{
    struct generation *former = lane->tried;

    lane->tried = generation != NULL ? generation_ref(generation) : NULL;
    lane->tried_file = file;
    generation_unref(former);
}

void lane_take_figures(struct lane *lane, struct lane *former)
{
    struct lane_figures *to = &lane->figures;
    struct lane_figures *from = &former->figures;

    to->accepted += from->accepted;
    to->rejected += from->rejected;
    to->retried += from->retried;
    to->skipped += from->skipped;
    to->unknown += from->unknown;
    to->requests += from->requests;
    to->splits += from->splits;
    for (int i = 0; i < LANE_ERROR_CLASSES; i++)
        to->errors[i] += from->errors[i];
    histogram_merge(&to->request_us, &from->request_us);
    *from = (struct lane_figures){0};
    lane->requests_records += former->requests_records;
    former->requests_records = 0;
}

static bool has_same_destination(const struct lane *lane, const struct lane *other)
{
    return config_file_is_valid(lane->file) && config_file_is_valid(other->file) &&
           strcmp(config_text(lane->file, "integration", "base_url"),
                  config_text(other->file, "integration", "base_url")) == 0;
}

void lane_inherit(struct lane *lane, struct lane *former)
{
    lane_take_figures(lane, former);
    /* A lane that never opened knows nothing; the store may. */
    if (former->is_gate_open && has_same_destination(lane, former))
        lane_gate_inherit(&lane->gate, &former->gate);
    if (has_same_destination(lane, former))
        health_inherit(&lane->health, &former->health);
}

void lane_hold(struct lane *lane)
{
    lane->holds++;
}

void lane_release(struct lane *lane)
{
    lane->holds--;
    if (lane->state == LANE_STOPPING || lane->state == LANE_FAILED)
        lane_tell(lane);
}

void lane_fail(struct lane *lane, const char *words)
{
    lane->state = LANE_FAILED;
    secret_copy(lane->words, sizeof lane->words, str_of(words));
    log_integration_scope(lane->name);
    log_error("integration not started", F_STR("error", lane->words));
    lane_tell(lane);
}

bool lane_has_failed(const struct lane *lane)
{
    const struct plugin_instance *instances[] = {lane->plugin, lane->jq,
                                                 lane->hook != NULL ? lane->hook->jq : NULL};

    for (size_t i = 0; lane->state == LANE_ACTIVE && i < sizeof instances / sizeof *instances; i++)
        if (instances[i] != NULL && plugin_instance_has_failed(instances[i]))
            return true;
    return lane->state == LANE_FAILED;
}

void lane_hold_back(struct lane *lane, const char *format, ...)
{
    va_list args;

    lane->state = LANE_INACTIVE;
    va_start(args, format);
    (void)vsnprintf(lane->words, sizeof lane->words, format, args); /* cut is fine */
    va_end(args);
    lane_tell(lane);
}

/* That of the plugin, or of the jq that reads records for it, when that one is away. */
static void read_health(const struct lane *lane, struct plugin_health *out)
{
    plugin_instance_health(lane->plugin, out);
    if (lane->jq != NULL && strcmp(out->state, "active") == 0)
        plugin_instance_health(lane->jq, out);
}

const char *lane_state_name(const struct lane *lane)
{
    static const char *const names[] = {"disabled", "inactive", "starting",
                                        "active",   "failed",   "stopping"};
    struct plugin_health health;
    const char *held;

    if (lane->state != LANE_ACTIVE)
        return names[lane->state];
    read_health(lane, &health);
    if (strcmp(health.state, "active") != 0)
        return health.state;
    held = lane_gate_state(&lane->gate, clock_due_ms());
    return held != NULL ? held : "active";
}

const char *lane_words(struct lane *lane)
{
    struct plugin_health health;
    const char *held;

    if (lane->state == LANE_FAILED || lane->state == LANE_INACTIVE)
        return lane->words;
    if (lane->state != LANE_ACTIVE)
        return NULL;
    if (lane->waits_for_former)
        return "begins when what its former self has in hand is through";
    read_health(lane, &health);
    if (strcmp(health.state, "active") != 0)
        return health.words;
    held = lane_gate_words(&lane->gate, clock_due_ms());
    return held == NULL && lane->former_words[0] != '\0' ? lane->former_words : held;
}

static void signals_idle(void *user)
{
    lane_tell(user);
}

void lane_subscribe(struct lane *lane)
{
    const struct subscriber_settings settings = {
        .hub = lane->rooms->hub,
        .store = lane->rooms->store,
        .loop = lane->rooms->loop,
        .plugin = lane->plugin,
        .integration = lane->number,
        .name = lane->name,
        .idle = signals_idle,
        .user = lane,
    };

    if (lane->state == LANE_ACTIVE && lane->signals == NULL)
        lane->signals = subscriber_start(&settings);
}

static void tell_activated(const struct lane *lane)
{
    _buf_ struct buf data = {0};

    buf_putc(&data, '{');
    json_put_member(&data, "integration", str_of(lane->name));
    buf_putc(&data, '}');
    if (!data.failed)
        hub_tell(lane->rooms->hub, "integration.activated", buf_str(&data));
}

/* Every record would fail for good, one by one. */
static bool has_nowhere_to_go(const struct lane *lane)
{
    return (lane->facts.has_prepare || lane->facts.has_submitter) && lane->walk != WALK_NONE &&
           config_text(lane->file, "integration", "base_url")[0] == '\0' &&
           config_text(lane->file, "integration", "allow_hosts")[0] == '\0';
}

/* One of its instances is, after a restart or a pardon. */
static void plugin_returned(void *user)
{
    struct lane *lane = user;

    log_integration_scope(lane->name);
    lane_gate_back(&lane->gate);
    lane_look(lane);
}

static void became_open(struct lane *lane)
{
    if (lane->state != LANE_STARTING || !lane->is_plugin_open || !lane->is_gate_open ||
        (lane->jq != NULL && !lane->is_jq_open) || !hook_is_open(lane->hook))
        return;
    lane->facts = *plugin_instance_facts(lane->plugin);
    lane->can_ask = lane->facts.has_reconcile;
    if (lane->selector != NULL) {
        bool is_known = false;

        for (size_t i = 0; i < lane->facts.selector_count; i++)
            is_known |= strcmp(lane->facts.selectors[i], lane->selector) == 0;
        if (!is_known) {
            char words[400];

            (void)snprintf(words, sizeof words,
                           "[select] selector = %s: neither built in (unsubmitted, changed, all, "
                           "failed, none) nor one of "
                           "the plugin's own",
                           lane->selector); /* cut is fine */
            lane_fail(lane, words);
            return;
        }
    }
    if (has_nowhere_to_go(lane)) {
        lane_fail(lane, "no destination: set [integration] base_url to where requests go, or "
                        "allow_hosts to those that the plugin names");
        return;
    }
    /* A plugin's selector of a built-in's name refines what the built-in finds. */
    for (size_t i = 0; i < lane->facts.selector_count; i++)
        if (strcmp(lane->facts.selectors[i], config_text(lane->file, "select", "selector")) == 0)
            lane->selector = lane->facts.selectors[i];
    plugin_instance_on_return(lane->plugin, plugin_returned, lane);
    if (lane->jq != NULL)
        plugin_instance_on_return(lane->jq, plugin_returned, lane);
    lane->state = LANE_ACTIVE;
    log_info("integration active");
    tell_activated(lane);
    health_start(&lane->health);
    lane_tell(lane);
    lane_look(lane);
}

/* One of its instances is open, or says why not. */
static void opened(struct lane *lane, bool *is_open, enum plugin_status status, const char *words)
{
    log_integration_scope(lane->name);
    if (lane->state != LANE_STARTING)
        return;
    if (status != PLUGIN_OK) {
        lane_fail(lane, words);
        return;
    }
    *is_open = true;
    became_open(lane);
}

static void plugin_opened(void *user, enum plugin_status status, const char *words)
{
    struct lane *lane = user;

    opened(lane, &lane->is_plugin_open, status, words);
}

static void jq_opened(void *user, enum plugin_status status, const char *words)
{
    struct lane *lane = user;

    opened(lane, &lane->is_jq_open, status, words);
}

static void hook_opened(void *user, enum plugin_status status, const char *words)
{
    struct lane *lane = user;

    opened(lane, &lane->hook->is_jq_open, status, words);
}

static void gate_idle(void *user)
{
    struct lane *lane = user;

    if (lane->state == LANE_STOPPING || lane->state == LANE_FAILED)
        lane_tell(lane);
}

static void gate_loaded(void *user)
{
    struct lane *lane = user;

    log_integration_scope(lane->name);
    lane->is_gate_open = true;
    became_open(lane);
    lane_tell(lane);
}

static int open_jq(struct lane *lane, struct err *err)
{
    const struct catalog_entry *entry =
        catalog_find(generation_catalog(lane->generation), "jq", err);
    char name[160];
    struct buf settings = {0};
    struct plugin_instance_settings open = {0};

    if (entry == NULL)
        return err_prefix(err, "[select] where and [transform] jq need the plugin 'jq': ");
    buf_putc(&settings, '{');
    json_put_member(&settings, "where", str_of(config_text(lane->file, "select", "where")));
    json_put_member(&settings, "transform", str_of(config_text(lane->file, "transform", "jq")));
    json_put_raw(&settings, "actions", STR("true")); /* who writes the ini may call what it names */
    buf_putc(&settings, '}');
    (void)snprintf(name, sizeof name, "%s#jq", lane->name); /* names are at most 64 bytes */
    open = (struct plugin_instance_settings){
        .entry = entry,
        .name = name,
        .settings_json = buf_str(&settings),
        .memory_max_bytes = config_integer(lane->file, "integration", "memory_max"),
        .call_timeout_ms = config_integer(lane->file, "integration", "call_timeout"),
    };
    lane->jq = plugin_instance_open(lane->rooms->plugins, &open, jq_opened, lane, err);
    buf_finish(&settings);
    return lane->jq != NULL ? 0 : err->code;
}

static int open_plugin(struct lane *lane, struct err *err)
{
    const struct config_file *file = lane->file;
    const struct catalog_entry *entry = catalog_find(
        generation_catalog(lane->generation), config_text(file, "integration", "plugin"), err);
    const char *pin = config_text(file, "integration", "sha256");
    struct names paths = {0};
    struct plugin_instance_settings open;

    if (entry == NULL)
        return err->code;
    if (!names_init(&paths, config_text(file, "integration", "allow_paths"), CONFIG_LIST_BETWEEN))
        return err_set(err, -ENOMEM, "out of memory");
    open = (struct plugin_instance_settings){
        .entry = entry,
        .name = lane->name,
        .settings_json = str_of(config_settings_json(file)),
        .is_inprocess = strcmp(config_text(file, "integration", "isolation"), "inprocess") == 0,
        .allow_net = config_is_true(file, "integration", "allow_net"),
        .sha256_pin = pin[0] != '\0' ? pin : NULL,
        .write_paths = paths.names,
        .write_path_count = paths.count,
        .memory_max_bytes = config_integer(file, "integration", "memory_max"),
        .call_timeout_ms = config_integer(file, "integration", "call_timeout"),
    };
    lane->plugin = plugin_instance_open(lane->rooms->plugins, &open, plugin_opened, lane, err);
    names_finish(&paths);
    return lane->plugin != NULL ? 0 : err->code;
}

void lane_open(struct lane *lane, uint32_t number)
{
    struct err err = {0};

    log_integration_scope(lane->name);
    lane->number = number;
    lane->outbox.integration = number;
    lane->outbox.name = lane->name;
    if (lane->state != LANE_STARTING)
        return;
    lane_gate_load(&lane->gate, lane->rooms->store, number, lane->name, gate_loaded, gate_idle,
                   lane);
    if ((lane->has_where || lane->has_transform) && open_jq(lane, &err) < 0)
        lane_fail(lane, err.text);
    else if (hook_open(lane, hook_opened, &err) < 0 || open_plugin(lane, &err) < 0)
        lane_fail(lane, err.text);
}
