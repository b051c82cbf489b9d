/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lane.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    WINDOW_LEAST = 1024, /* records in hand at once */
    WINDOW_MOST = 8192,
    CLAIM_LEAST = 256, /* records per claim under load */
    CLAIM_BYTES = 1 << 20,
    LOOK_AGAIN_MS = 1000, /* after a claim that failed */
    LOOK_LATEST_MS = 60000,
    LEASE_SLACK_MS = 60000,
};

static void claim_done(struct store_op *op);

static void on_timer(void *user)
{
    lane_look(user);
}

static void tell(struct lane *lane)
{
    if (lane->changed != NULL)
        lane->changed(lane->changed_user, lane);
}

/* Sets the timer to when something waits to be done. */
static void wait_for_due(struct lane *lane)
{
    int64_t now = clock_wall_ms();
    int64_t until = lane->next_due_ms;

    if (lane->paused_until_ms > now && (until == 0 || until < lane->paused_until_ms))
        until = lane->paused_until_ms;
    if (until == 0)
        return;
    until -= now;
    /* Looked at once a minute at least: the wall clock may have stepped. */
    loop_timer_set(lane->timer, until < 0 ? 0 : until < LOOK_LATEST_MS ? until : LOOK_LATEST_MS);
}

/* A write that fails is tried again and keeps its records out of the window, but then claims fail
 * as well: the store is one. */
static void on_leaving(void *user, size_t count)
{
    struct lane *lane = user;

    lane->in_flight -= (uint32_t)count;
    if (!lane->is_drained)
        lane_look(lane);
}

static void on_written(void *user, size_t count, int64_t next_due_ms)
{
    struct lane *lane = user;

    (void)count;
    lane->next_due_ms = next_due_ms;
    if (lane->state == LANE_STOPPING)
        tell(lane);
    else if (lane->is_drained)
        wait_for_due(lane);
    else
        lane_look(lane);
}

/* ---- life ---- */

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
    lane->concurrency = (int)config_integer(file, "integration", "concurrency");
    lane->policy = (struct retry_policy){
        .max_attempts = (int)config_integer(file, "retry", "max_attempts"),
        .base_ms = config_integer(file, "retry", "base"),
        .max_ms = config_integer(file, "retry", "max"),
        .retry_after_max_ms = config_integer(file, "retry", "retry_after_max"),
    };
    if (!names_init(&lane->types, config_text(file, "select", "type")))
        return err_set(err, -ENOMEM, "out of memory");
    return 0;
}

static int open_destination(struct lane *lane, struct err *err)
{
    const struct config_file *file = lane->file;
    const char *ca_file = config_text(file, "integration", "ca_file");
    const char *proxy = config_text(file, "integration", "proxy");
    const struct http_destination_settings settings = {
        .max_connections = lane->concurrency,
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
    return lane->destination != NULL ? 0 : -EINVAL;
}

struct lane *lane_create(const struct engine_rooms *rooms, const struct config_file *file,
                         struct err *err)
{
    struct lane *lane = calloc(1, sizeof *lane);
    const struct outbox_events events = {lane, on_leaving, on_written};

    if (lane == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    lane->rooms = rooms;
    lane->file = file;
    lane->name = config_file_name(file);
    lane->timer = loop_timer_create(rooms->loop, on_timer, lane);
    if (lane->timer == NULL || outbox_init(&lane->outbox, rooms->loop, rooms->store, &events) < 0) {
        (void)err_set(err, -ENOMEM, "out of memory");
        lane_destroy(lane);
        return NULL;
    }
    if (!config_file_is_valid(file))
        lane_fail(lane, "its ini has errors: see `tenon config check`");
    else if (!config_is_true(file, "integration", "enabled"))
        lane->state = LANE_DISABLED;
    else
        lane->state = LANE_STARTING;
    if (lane->state == LANE_STARTING &&
        (read_ini(lane, err) < 0 || open_destination(lane, err) < 0))
        lane_fail(lane, err->text);
    return lane;
}

void lane_destroy(struct lane *lane)
{
    if (lane == NULL)
        return;
    plugin_instance_close(lane->jq);
    plugin_instance_close(lane->plugin);
    http_destination_release(lane->destination);
    outbound_rules_destroy(lane->outbound);
    outbox_finish(&lane->outbox);
    loop_timer_destroy(lane->timer);
    names_finish(&lane->types);
    free(lane);
}

void lane_fail(struct lane *lane, const char *words)
{
    lane->state = LANE_FAILED;
    (void)snprintf(lane->words, sizeof lane->words, "%s", words); /* cut is fine */
    log_error("integration not started", F_STR("integration", lane->name),
              F_STR("error", lane->words));
    tell(lane);
}

const char *lane_state_name(const struct lane *lane)
{
    static const char *const names[] = {"disabled", "starting", "active", "failed", "stopping"};
    struct plugin_health health;

    if (lane->state != LANE_ACTIVE)
        return names[lane->state];
    plugin_instance_health(lane->plugin, &health);
    if (strcmp(health.state, "active") != 0)
        return health.state;
    return lane->paused_until_ms > clock_wall_ms() ? "paused" : "active";
}

static void became_open(struct lane *lane)
{
    if (lane->state != LANE_STARTING || !lane->is_plugin_open ||
        (lane->jq != NULL && !lane->is_jq_open))
        return;
    lane->facts = *plugin_instance_facts(lane->plugin);
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
    /* A plugin's selector of a built-in's name refines what the built-in finds. */
    for (size_t i = 0; i < lane->facts.selector_count; i++)
        if (strcmp(lane->facts.selectors[i], config_text(lane->file, "select", "selector")) == 0)
            lane->selector = lane->facts.selectors[i];
    lane->state = LANE_ACTIVE;
    log_info("integration active", F_STR("integration", lane->name));
    tell(lane);
    lane_look(lane);
}

/* One of the two is open, or says why not. */
static void opened(struct lane *lane, bool *is_open, enum plugin_status status, const char *words)
{
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

static int open_jq(struct lane *lane, struct err *err)
{
    const struct catalog_entry *entry = catalog_find(lane->rooms->catalog, "jq", err);
    char name[160];
    struct buf settings = {0};
    struct plugin_instance_settings open = {0};

    if (entry == NULL)
        return err_prefix(err, "[select] where and [transform] jq need the plugin 'jq': ");
    buf_putc(&settings, '{');
    json_put_member(&settings, "where", str_of(config_text(lane->file, "select", "where")));
    json_put_member(&settings, "transform", str_of(config_text(lane->file, "transform", "jq")));
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
    const struct catalog_entry *entry =
        catalog_find(lane->rooms->catalog, config_text(file, "integration", "plugin"), err);
    const char *pin = config_text(file, "integration", "sha256");
    struct names paths = {0}; /* the same comma-separated form */
    struct plugin_instance_settings open;

    if (entry == NULL)
        return err->code;
    if (!names_init(&paths, config_text(file, "integration", "allow_paths")))
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

    lane->number = number;
    lane->outbox.integration = number;
    if (lane->state != LANE_STARTING)
        return;
    if ((lane->has_where || lane->has_transform) && open_jq(lane, &err) < 0)
        lane_fail(lane, err.text);
    else if (open_plugin(lane, &err) < 0)
        lane_fail(lane, err.text);
}

/* ---- claiming ---- */

static uint32_t window_of(const struct lane *lane)
{
    uint64_t per_request =
        lane->figures.requests > 0 ? lane->requests_records / lane->figures.requests : 1;
    uint64_t window = per_request * 3 * (uint64_t)lane->concurrency;

    if (window < WINDOW_LEAST)
        return WINDOW_LEAST;
    return window < WINDOW_MOST ? (uint32_t)window : WINDOW_MOST;
}

void lane_look(struct lane *lane)
{
    uint32_t window = window_of(lane);
    uint32_t chunk = window / 4 > CLAIM_LEAST ? window / 4 : CLAIM_LEAST;
    int64_t now = clock_wall_ms();

    if (lane->state != LANE_ACTIVE)
        return;
    if (lane->is_claiming) {
        lane->must_look_again = true;
        return;
    }
    if (lane->paused_until_ms > now) {
        wait_for_due(lane);
        return;
    }
    if (lane->in_flight + chunk > window)
        return; /* on_written looks again */
    lane->is_claiming = true;
    lane->must_look_again = false;
    lane->claim = (struct store_claim){
        .op.done = claim_done,
        .integration = lane->number,
        .walk = lane->walk,
        .types = lane->types.names,
        .type_count = lane->types.count,
        .max = chunk,
        .max_bytes = CLAIM_BYTES,
        .lease_until_ms = now + config_integer(lane->file, "integration", "timeout") +
                          LEASE_SLACK_MS +
                          2 * config_integer(lane->file, "integration", "call_timeout"),
    };
    store_claim(lane->rooms->store, &lane->claim);
}

static void give_back(struct lane *lane, const struct store_claim *claim)
{
    for (size_t i = 0; i < claim->count; i++) {
        const struct store_outcome outcome = {
            .submission = claim->records[i].submission,
            .attempt = claim->records[i].attempt,
            .state = SUBMISSION_PENDING,
            .is_released = true,
        };
        outbox_add(&lane->outbox, &outcome);
    }
}

static void claim_done(struct store_op *op)
{
    struct lane *lane = (struct lane *)(void *)((char *)op - offsetof(struct lane, claim.op));
    struct store_claim *claim = &lane->claim;
    bool has_more;

    lane->is_claiming = false;
    if (op->status < 0) {
        log_error("could not take work from the store, will look again",
                  F_STR("integration", lane->name), F_ERR(&op->error));
        store_claim_finish(claim);
        loop_timer_set(lane->timer, LOOK_AGAIN_MS);
        return;
    }
    has_more = claim->has_more || claim->count > 0 || lane->must_look_again;
    lane->in_flight += (uint32_t)claim->count;
    lane->next_due_ms = claim->next_due_ms;
    if (claim->count == 0) {
        store_claim_finish(claim);
    } else if (lane->state != LANE_ACTIVE || batch_start(lane, claim) < 0) {
        give_back(lane, claim);
        store_claim_finish(claim);
    }
    lane->is_drained = !has_more;
    if (has_more)
        lane_look(lane);
    else
        wait_for_due(lane);
    if (lane->state == LANE_STOPPING)
        tell(lane);
}

void lane_pause(struct lane *lane, int64_t until_ms, const char *words)
{
    if (until_ms <= lane->paused_until_ms)
        return;
    lane->paused_until_ms = until_ms;
    lane->figures.paused_until_ms = until_ms;
    (void)snprintf(lane->words, sizeof lane->words, "%s", words); /* cut is fine */
    wait_for_due(lane);
}

void lane_stop(struct lane *lane)
{
    if (lane->state == LANE_ACTIVE || lane->state == LANE_STARTING)
        lane->state = LANE_STOPPING;
    loop_timer_clear(lane->timer);
}

bool lane_is_idle(const struct lane *lane)
{
    return lane->batches == NULL && !lane->is_claiming && outbox_is_empty(&lane->outbox);
}
