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

enum { LINES_PER_SECOND = 10 };

/* What goes on while the lane may go: nothing in it is the lane's. */
struct delivery {
    struct engine *engine;
    struct hook_figures *figures; /* the engine's */
    const struct hook_scheme *scheme;
    hook_done_fn done;
    void *user;
    struct hook_request request;
    struct intake_delivery intake;
    char *name;
    struct buf id, type, body, input, mapped;
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

static void put_headers(struct buf *out, const struct hook_scheme *scheme, struct str headers)
{
    struct str rest = headers;
    struct str line;

    buf_puts(out, ",\"headers\":{");
    while (str_next(&rest, '\n', &line)) {
        const char *colon = line.len > 0 ? memchr(line.ptr, ':', line.len) : NULL;
        if (colon == NULL)
            continue;
        _free_ char *name = str_dup((struct str){line.ptr, (size_t)(colon - line.ptr)});
        if (name == NULL) {
            out->failed = true;
            return;
        }
        for (char *c = name; *c != '\0'; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c | 0x20);
        struct str value = str_trim((struct str){colon + 1, line.len - strlen(name) - 1});
        /* Of several of one name the first counts, as it does for the check. */
        if (!is_secret_header(scheme, name) && http_head_header(headers, name).ptr == value.ptr)
            json_put_member(out, name, value);
    }
    buf_putc(out, '}');
}

static void map(struct delivery *delivery, const struct hook *hook, struct str json)
{
    struct buf *input = &delivery->input;

    buf_putc(input, '{');
    json_put_member(input, "id", buf_str(&delivery->id));
    json_put_member(input, "event", buf_str(&delivery->type));
    put_headers(input, &hook->rules.scheme, delivery->request.headers);
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
    struct str value = STR_NONE;

    if (json_pick(str_trim(json), &name, 1, &value) < 0 || value.ptr == NULL ||
        json_kind_of(value) != JSON_STRING)
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

/* The service's own id, else one that the same request has when it comes again. */
static void read_id(struct delivery *delivery, const struct hook_scheme *scheme,
                    const struct hook_proof *proof, struct str json)
{
    struct buf *id = &delivery->id;

    buf_add_str(id, proof->id);
    if (id->len == 0 && scheme->id_member != NULL)
        (void)find_text(json, scheme->id_member, id); /* there may be none */
    delivery->intake.has_own_id = id->len > 0;
    if (id->len == 0)
        buf_puts(id, proof->mac);
    delivery->intake.id = buf_str(id);
}

static void read_type(struct delivery *delivery, const struct lane *lane)
{
    const struct hook_scheme *scheme = &lane->hook->rules.scheme;

    buf_puts(&delivery->type, config_text(lane->file, "hook", "type"));
    if (delivery->type.len == 0 && scheme->type != NULL)
        buf_add_str(&delivery->type, http_head_header(delivery->request.headers, scheme->type));
    delivery->intake.type = buf_str(&delivery->type);
}

static void go_on(struct delivery *delivery, const struct lane *lane,
                  const struct hook_proof *proof)
{
    const struct hook *hook = lane->hook;
    struct str content = http_head_header(delivery->request.headers, "content-type");
    struct str json = STR_NONE;
    struct err err = {0};
    _buf_ struct buf challenge = {0};

    int status = hook_body_json(content, delivery->request.body, &delivery->body, &json, &err);
    if (status == -ENOMEM) {
        fail(delivery, status, err.text);
    } else if (status < 0) {
        refuse(delivery, status == E_REFUSED ? HOOK_END_BAD_CONTENT : HOOK_END_UNREADABLE,
               err.text);
    } else if (is_challenge(&hook->rules.scheme, json, &challenge)) {
        struct hook_result result = {.end = HOOK_END_CHALLENGED, .challenge = buf_str(&challenge)};
        finish(delivery, &result);
    } else {
        read_id(delivery, &hook->rules.scheme, proof, json);
        read_type(delivery, lane);
        if (delivery->id.len > HOOK_ID_BYTES_MAX || !str_is_utf8(buf_str(&delivery->id)))
            refuse(delivery, HOOK_END_UNREADABLE,
                   "the delivery's id is not 1 to 255 bytes of text");
        else if (hook->jq != NULL)
            map(delivery, hook, json);
        else
            store(delivery, json, false);
    }
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
    if (verdict == HOOK_GENUINE)
        go_on(delivery, lane, &proof);
    else
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
