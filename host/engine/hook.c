/* SPDX-License-Identifier: Apache-2.0
 * One request's way: open? -> not too large? -> signature -> content -> challenge? -> mapping ->
 * store. */
#include "engine/hook.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "engine/engine_internal.h"
#include "engine/lane.h"
#include "http/http_head.h"
#include "rules/hook_form.h"

#include <errno.h>
#include <stdlib.h>

#include <tenon/tenon.h>

enum { LINES_PER_SECOND = 10 };

/* What goes on while the lane may go: nothing in it is the lane's. */
struct delivery {
    struct engine *engine;
    struct hook_figures *figures;     /* the engine's */
    const struct hook_scheme *scheme; /* the row; of `hmac` without what the ini says */
    hook_done_fn done;
    void *user;
    struct hook_request request;
    struct intake_delivery intake;
    char *name;
    struct buf id, mac, event, type, body, input, mapped;
    struct plugin_record record;
};

static const char *const end_names[] = {
    [HOOK_END_STORED] = "stored",        [HOOK_END_DUPLICATE] = "duplicate",
    [HOOK_END_CHALLENGED] = "challenge", [HOOK_END_UNSIGNED] = "no_signature",
    [HOOK_END_FORGED] = "bad_signature", [HOOK_END_STALE] = "stale_timestamp",
    [HOOK_END_TOO_LARGE] = "too_large",  [HOOK_END_BAD_CONTENT] = "bad_content_type",
    [HOOK_END_UNREADABLE] = "bad_body",  [HOOK_END_NOT_MAPPED] = "not_mapped",
    [HOOK_END_FAILED] = "failed",        [HOOK_END_CLOSED] = "not_active",
    [HOOK_END_UNKNOWN] = "not_found",
};

const char *hook_end_name(enum hook_end end)
{
    return end_names[end];
}

/* ---- ends ---- */

static bool is_taken(enum hook_end end)
{
    return end <= HOOK_END_CHALLENGED;
}

static void count(struct hook_figures *figures, const struct hook_result *result)
{
    figures->ends[result->end]++;
    if (result->end == HOOK_END_STORED)
        figures->entities += result->intake->created + result->intake->updated;
    if (is_taken(result->end)) {
        figures->last_ms = clock_wall_ms();
        return;
    }
    figures->refused_ms = clock_wall_ms();
    (void)snprintf(figures->refused, sizeof figures->refused, "%s",
                   result->words); /* cut is fine */
}

/* Whoever asks the operator about a delivery has its id, and the line has the rest. */
static void log_end(struct log_limit *told, struct str id, const struct hook_result *result)
{
    uint64_t held_back = 0;

    if (is_taken(result->end) || !log_limit_passes(told, LINES_PER_SECOND, &held_back))
        return;
    log_warn("delivery to the hook was not taken", F_STR("end", hook_end_name(result->end)),
             F_TEXT("delivery", id), F_STR("error", result->words),
             F_INT("held_back", (int64_t)held_back));
}

static void delivery_destroy(struct delivery *delivery)
{
    if (delivery == NULL)
        return;
    buf_finish(&delivery->id);
    buf_finish(&delivery->mac);
    buf_finish(&delivery->event);
    buf_finish(&delivery->type);
    buf_finish(&delivery->body);
    buf_finish(&delivery->input);
    buf_finish(&delivery->mapped);
    free(delivery->name);
    free(delivery);
}

static void finish(struct delivery *take_delivery, struct hook_result *result)
{
    struct delivery *delivery = take_delivery;

    result->scheme = delivery->scheme;
    log_integration_scope(delivery->name);
    count(delivery->figures, result);
    log_end(&delivery->figures->told, buf_str(&delivery->id), result);
    delivery->done(delivery->user, result);
    delivery_destroy(delivery);
}

static void refuse(struct delivery *take_delivery, enum hook_end end, const char *words)
{
    struct hook_result result = {.end = end, .words = words, .status = E_REFUSED};

    finish(take_delivery, &result);
}

static void fail(struct delivery *take_delivery, int status, const char *words)
{
    struct hook_result result = {.end = HOOK_END_FAILED, .words = words, .status = status};

    finish(take_delivery, &result);
}

/* ---- store ---- */

static void on_stored(void *user, const struct intake_result *intake)
{
    struct delivery *delivery = user;
    struct hook_result result = {.intake = intake, .status = intake->status};

    if (intake->status == 0) {
        result.end = intake->is_duplicate ? HOOK_END_DUPLICATE : HOOK_END_STORED;
    } else {
        bool is_theirs = intake->status == E_SYNTAX || intake->status == E_TOO_LARGE;
        result.end = is_theirs ? HOOK_END_NOT_MAPPED : HOOK_END_FAILED;
        result.words = intake->err->text;
    }
    finish(delivery, &result);
}

static void store(struct delivery *delivery, struct str json, bool is_mapped)
{
    delivery->intake.is_mapped = is_mapped;
    intake_put_delivery(delivery->engine, json, &delivery->intake, delivery->request.trace,
                        on_stored, delivery);
}

/* ---- mapping ---- */

static void on_mapped(void *user, struct plugin_reply *reply)
{
    struct delivery *delivery = user;
    const struct plugin_outcome *outcome = reply->outcomes;
    _buf_ struct buf words = {0};

    if (reply->status != PLUGIN_OK || reply->outcome_count != 1) {
        fail(delivery, E_REFUSED, reply->words != NULL ? reply->words : "the mapping gave nothing");
    } else if (outcome->kind == OUTCOME_GOES_ON) {
        buf_add_str(&delivery->mapped, outcome->payload);
        if (delivery->mapped.failed)
            fail(delivery, -ENOMEM, "out of memory");
        else
            store(delivery, buf_str(&delivery->mapped), true);
    } else if (outcome->kind == OUTCOME_SKIPPED) {
        store(delivery, STR("[]"), true);
    } else {
        buf_printf(&words, "[hook] jq: %.*s", STR_ARG(outcome->message));
        refuse(delivery, outcome->kind == OUTCOME_REJECTED ? HOOK_END_NOT_MAPPED : HOOK_END_FAILED,
               buf_str(&words).ptr);
    }
}

/* What proves who somebody is has no business in a mapping. */
static bool is_secret_header(const struct hook_scheme *scheme, const char *name)
{
    return strcmp(name, "authorization") == 0 || strcmp(name, "proxy-authorization") == 0 ||
           strcmp(name, "cookie") == 0 ||
           (scheme->signature != NULL && strcasecmp(name, scheme->signature) == 0);
}

/* The next header that a mapping sees, its name in lower case. Of several of one name the first
 * counts, as it does for the check. */
static bool next_header(const struct delivery *delivery, struct str *rest, struct buf *out_name,
                        struct str *out_value)
{
    struct str line;

    while (str_next(rest, '\n', &line)) {
        const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
        buf_clear(out_name);
        for (const char *c = line.ptr; colon != NULL && c < colon; c++)
            buf_putc(out_name, *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c);
        if (out_name->len == 0 || out_name->failed)
            continue;
        *out_value = str_trim((struct str){colon + 1, (size_t)(line.ptr + line.len - colon) - 1});
        if (!is_secret_header(delivery->scheme, out_name->ptr) &&
            http_head_header(delivery->request.headers, out_name->ptr).ptr == out_value->ptr)
            return true;
    }
    return false;
}

static void put_headers(struct buf *out, const struct delivery *delivery)
{
    struct str rest = delivery->request.headers;
    _buf_ struct buf name = {0};
    struct str value;

    buf_puts(out, ",\"headers\":{");
    while (next_header(delivery, &rest, &name, &value))
        json_put_member(out, name.ptr, value);
    buf_putc(out, '}');
    out->failed |= name.failed;
}

/* What the plugin wrote goes on as what a jq program gives. */
static void on_plugin_mapped(void *user, struct plugin_reply *reply)
{
    struct delivery *delivery = user;
    bool is_theirs =
        reply->error_class == TENON_E_VALIDATION || reply->error_class == TENON_E_PERMANENT;

    if (reply->status == PLUGIN_FAILED && is_theirs) {
        refuse(delivery, HOOK_END_NOT_MAPPED, reply->words);
    } else if (reply->status != PLUGIN_OK) {
        fail(delivery, E_REFUSED, reply->words != NULL ? reply->words : "the plugin gave nothing");
    } else {
        buf_add_str(&delivery->mapped, reply->result);
        if (delivery->mapped.failed)
            fail(delivery, -ENOMEM, "out of memory");
        else
            store(delivery, buf_str(&delivery->mapped), true);
    }
}

static void map_by_plugin(struct delivery *delivery, struct plugin_instance *plugin,
                          struct str content)
{
    struct str rest = delivery->request.headers;
    struct buf *lines = &delivery->input;
    _buf_ struct buf name = {0};
    struct str value;

    while (next_header(delivery, &rest, &name, &value)) {
        buf_add_str(lines, buf_str(&name));
        buf_puts(lines, ": ");
        buf_add_str(lines, value);
        buf_putc(lines, '\n');
    }
    if (lines->failed || name.failed) {
        fail(delivery, -ENOMEM, "out of memory");
        return;
    }
    const struct plugin_webhook webhook = {
        .id = buf_str(&delivery->id),
        .event = buf_str(&delivery->event),
        .content_type = content,
        .headers = buf_str(lines),
        .body = delivery->request.body,
    };
    plugin_webhook(plugin, &webhook, on_plugin_mapped, delivery);
}

static void map_by_jq(struct delivery *delivery, const struct hook *hook, struct str json)
{
    struct buf *input = &delivery->input;

    buf_putc(input, '{');
    json_put_member(input, "id", buf_str(&delivery->id));
    json_put_member(input, "event", buf_str(&delivery->event));
    put_headers(input, delivery);
    json_put_raw(input, "body", json);
    buf_putc(input, '}');
    if (input->failed) {
        fail(delivery, -ENOMEM, "out of memory");
        return;
    }
    delivery->record = (struct plugin_record){
        .id = delivery->id.len > 0 ? buf_str(&delivery->id) : STR("delivery"),
        .type = STR("delivery"),
        .data = buf_str(input),
        .version = 1,
        .attempt = 1,
    };
    const struct plugin_batch call = {
        .records = &delivery->record,
        .count = 1,
        .steps = PLUGIN_STEP_TRANSFORM | PLUGIN_STEP_PAYLOADS,
    };
    plugin_deliver(hook->jq, &call, on_mapped, delivery);
}

/* ---- content ---- */

/* A member of the body as text; false: it has none, or it is no string. */
static bool find_text(struct str json, const char *name, struct buf *out)
{
    struct str value = json_find(json, name);

    if (value.len == 0 || json_kind_of(value) != JSON_STRING)
        return false;
    json_unquote(value, out);
    return !out->failed;
}

static bool is_challenge(const struct hook_scheme *scheme, struct str json, struct buf *out)
{
    _buf_ struct buf type = {0};

    return scheme->challenge != NULL && find_text(json, "type", &type) &&
           str_is(buf_str(&type), scheme->challenge) && find_text(json, "challenge", out);
}

/* The service's own id, else one that the same request has when it comes again. What is remembered
 * is that, or what was signed: where the id is not part of it, anybody could send the same again
 * under another. */
static void read_id(struct delivery *delivery, const struct lane *lane,
                    const struct hook_proof *proof, struct str json)
{
    const struct hook_scheme *scheme = delivery->scheme;
    const char *by = config_text(lane->file, "hook", "deduplicate_by");
    struct buf *id = &delivery->id;

    buf_add_str(id, proof->id);
    if (id->len == 0 && scheme->id_member != NULL)
        (void)find_text(json, scheme->id_member, id); /* there may be none */
    bool is_own = id->len > 0;
    buf_puts(&delivery->mac, proof->mac);
    if (!is_own)
        buf_puts(id, proof->mac);
    delivery->intake.entity = is_own ? buf_str(id) : STR_NONE;
    delivery->intake.id = buf_str(strcmp(by, "signature") == 0 ? &delivery->mac : id);
}

/* What the ini says, else what the service says in a header. */
static void read_type(struct delivery *delivery, const struct lane *lane)
{
    const struct hook_scheme *scheme = delivery->scheme;

    if (scheme->type != NULL)
        buf_add_str(&delivery->event, http_head_header(delivery->request.headers, scheme->type));
    buf_puts(&delivery->type, config_text(lane->file, "hook", "type"));
    if (delivery->type.len == 0)
        buf_add_str(&delivery->type, buf_str(&delivery->event));
    delivery->intake.type = buf_str(&delivery->type);
}

/* It is genuine: what is in it, and who makes entities of it. */
static void go_on(struct delivery *delivery, const struct lane *lane,
                  const struct hook_proof *proof)
{
    struct str content = http_head_header(delivery->request.headers, "content-type");
    bool is_raw = lane->hook->jq == NULL && lane->facts.has_webhook;
    struct str json = STR("");
    struct err err = {0};
    _buf_ struct buf challenge = {0};

    int status = hook_body_json(content, delivery->request.body, &delivery->body, &json, &err);
    if (status == -ENOMEM) {
        fail(delivery, status, err.text);
        return;
    }
    if (status < 0 && !is_raw) {
        refuse(delivery, status == E_REFUSED ? HOOK_END_BAD_CONTENT : HOOK_END_UNREADABLE,
               err.text);
        return;
    }
    if (is_challenge(delivery->scheme, json, &challenge)) {
        struct hook_result result = {.end = HOOK_END_CHALLENGED, .challenge = buf_str(&challenge)};
        finish(delivery, &result);
        return;
    }
    read_id(delivery, lane, proof, json);
    read_type(delivery, lane);
    if (delivery->id.len > HOOK_ID_BYTES_MAX || !str_is_utf8(buf_str(&delivery->id)))
        refuse(delivery, HOOK_END_UNREADABLE, "the delivery's id is not 1 to 255 bytes of text");
    else if (is_raw)
        map_by_plugin(delivery, lane->plugin, content);
    else if (lane->hook->jq != NULL)
        map_by_jq(delivery, lane->hook, json);
    else
        store(delivery, json, false);
}

/* ---- the door ---- */

static struct str find_header(void *user, const char *lower_case_name)
{
    const struct hook_request *request = user;

    return http_head_header(request->headers, lower_case_name);
}

static void check(struct delivery *delivery, const struct lane *lane)
{
    static const enum hook_end ends[] = {[HOOK_UNSIGNED] = HOOK_END_UNSIGNED,
                                         [HOOK_FORGED] = HOOK_END_FORGED,
                                         [HOOK_STALE] = HOOK_END_STALE};
    const struct hook_message message = {
        .body = delivery->request.body,
        .query = delivery->request.query,
        .header = find_header,
        .user = &delivery->request,
    };
    struct hook_proof proof;
    struct err err = {0};

    enum hook_verdict verdict =
        hook_verify(&lane->hook->rules, &message, clock_wall_ms() / 1000, &proof, &err);
    if (verdict == HOOK_GENUINE) {
        go_on(delivery, lane, &proof);
        return;
    }
    if (proof.id.len <= HOOK_ID_BYTES_MAX)
        buf_add_str(&delivery->id, proof.id); /* not proved, but it finds the line in the log */
    refuse(delivery, ends[verdict], err.text);
}

static struct delivery *delivery_create(struct engine *engine, const struct lane *lane,
                                        const struct hook_request *request, hook_done_fn done,
                                        void *user)
{
    struct delivery *delivery = calloc(1, sizeof *delivery);

    if (delivery == NULL)
        return NULL;
    delivery->engine = engine;
    delivery->figures = lane->hook->figures;
    delivery->scheme = hook_scheme_find(lane->hook->rules.scheme.name);
    delivery->request = *request;
    delivery->intake.integration = lane->number;
    delivery->intake.keep_ms = config_integer(lane->file, "hook", "deduplicate");
    delivery->done = done;
    delivery->user = user;
    delivery->name = strdup(lane->name);
    if (delivery->name != NULL)
        return delivery;
    free(delivery);
    return NULL;
}

int64_t hook_body_max(const struct engine *engine, struct str integration)
{
    _free_ char *name = str_dup(integration);
    const struct lane *lane = name != NULL ? roster_find(&engine->roster, name) : NULL;

    return lane != NULL && lane->hook != NULL ? config_integer(lane->file, "hook", "max_body") : 0;
}

void hook_take(struct engine *engine, const char *integration, const struct hook_request *request,
               hook_done_fn done, void *user)
{
    struct lane *lane = roster_find(&engine->roster, integration);
    _buf_ struct buf words = {0};

    if (lane == NULL || lane->hook == NULL) {
        const struct hook_result unknown = {
            .end = HOOK_END_UNKNOWN,
            .words = "There is no such hook; an integration has one with [hook] scheme in its ini.",
        };
        done(user, &unknown);
        return;
    }
    struct delivery *delivery = delivery_create(engine, lane, request, done, user);
    if (delivery == NULL) {
        const struct hook_result failed = {
            .end = HOOK_END_FAILED, .status = -ENOMEM, .words = "out of memory"};
        done(user, &failed);
    } else if (lane->state != LANE_ACTIVE) {
        buf_printf(&words, "integration '%s' is %s; its hook is open once it is active", lane->name,
                   lane_state_name(lane));
        refuse(delivery, HOOK_END_CLOSED, buf_str(&words).ptr);
    } else if ((int64_t)request->body.len > config_integer(lane->file, "hook", "max_body")) {
        buf_printf(&words, "the body has %zu bytes; [hook] max_body lets %lld pass",
                   request->body.len, (long long)config_integer(lane->file, "hook", "max_body"));
        refuse(delivery, HOOK_END_TOO_LARGE, buf_str(&words).ptr);
    } else {
        check(delivery, lane);
    }
}
