/* SPDX-License-Identifier: Apache-2.0
 * ticketfairy: puts calendar events on sale at a ticket shop. A whole integration in one file, and
 * meant to be copied: take it, and change what is said about the two sides.
 *
 *     record (calendar event)                                              the shop
 *        |                                                                   ^  |
 *        v                                                                   |  v
 *     selector "unsubmitted"  ->  transformer  ->  client: prepare  ->  (the daemon sends)  ->
 * judge is it fit for sale?         our words into   which request        adds credentials, what
 * became if not, says why            theirs           carries it?          retries, limits of it?
 *
 * Who reads it for the first time begins at the bottom: describe() lists what the plugin has.
 * Nothing here opens a connection, keeps a secret or waits, so the worker needs no rights at all.
 * jansson reads and writes the JSON; a plugin brings the libraries it likes. */
#include <jansson.h>

#include <tenon/json.h>

/* Settings are a table: the sample ini, `tenon config check`, the REST answer and the README come
 * from it. When create() is called, every one is there, of its type and in its range. */
/* clang-format off: rows of a table */
TENON_SETTINGS(TENON_OPTION("currency", "text", "", "EUR", "", "currency of prices that name none")
                   TENON_OPTION("default_quantity", "integer", "0..100000", "100", "",
                                "tickets when the event names no capacity")
                       TENON_OPTION("free_events", "boolean", "", "yes", "",
                                    "offer events without a price, for nothing")
                           TENON_OPTION("ticket_name", "text", "", "Admission", "",
                                        "name of the one kind of ticket"));
/* clang-format on */

enum { ID_MAX_BYTES = 500 };

/* The state of one integration. There may be several in this process, each with its own: no
 * file-scope variables. */
struct shop {
    char currency[8];
    char ticket_name[128];
    int64_t default_quantity;
    int offers_free_events;
};

/* ---- reading a record ---- */

/* The record's data as a tree, or NULL with err. The caller gives it back with json_decref(). */
static json_t *load(const tenon_record *record, tenon_err *err)
{
    json_error_t problem;
    json_t *event = json_loadb(record->data.ptr, record->data.len, 0, &problem);

    if (event == NULL)
        tenon_failf(err, TENON_E_VALIDATION, "the record is not JSON: %s at byte %d", problem.text,
                    problem.position);
    else if (!json_is_object(event))
        tenon_fail(err, TENON_E_VALIDATION, "the record is not a JSON object");
    if (!json_is_object(event)) {
        json_decref(event);
        return NULL;
    }
    return event;
}

/* A text of the event, or NULL when it is missing, empty or something else: sources differ, and a
 * gap in a field that we can do without is no reason to fail. */
static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* ---- selector ---- */

/* Why this event is not for sale, in the words that `tenon why` shows; NULL when it is. */
static const char *obstacle(const struct shop *shop, const json_t *event)
{
    const char *status = text_of(event, "status");

    if (status != NULL && strcmp(status, "cancelled") == 0)
        return "the event is cancelled";
    if (status != NULL && (strcmp(status, "draft") == 0 || strcmp(status, "tentative") == 0))
        return "the event is a draft";
    if (text_of(event, "title") == NULL)
        return "the event has no title";
    if (text_of(event, "start") == NULL)
        return "the event has no start";
    if (text_of(event, "ticket_shop_id") != NULL)
        return "the event was put on sale by hand: it has a ticket_shop_id";
    if (!shop->offers_free_events && !json_is_object(json_object_get(event, "price")))
        return "the event has no price, and free_events = no";
    return NULL;
}

/* The host has a selector `unsubmitted` too, which knows what was delivered already. Where the
 * names are the same, the host's picks first, and this one sees the rest. */
static int32_t select_unsubmitted(void *self, const tenon_record *record, tenon_sink *reason,
                                  tenon_err *err)
{
    json_t *event = load(record, err);
    const char *words;

    if (event == NULL)
        return err->code;
    words = obstacle(self, event);
    if (words != NULL)
        tenon_puts(reason, words);
    json_decref(event);
    return words != NULL ? TENON_SKIP : TENON_OK;
}

/* ---- transformer ---- */

/* Sets `to` of the payload to field `from` of the event, if that is there. */
static void carry(json_t *payload, const char *to, const json_t *event, const char *from)
{
    const char *text = text_of(event, from);

    if (text != NULL)
        json_object_set_new(payload, to, json_string(text));
}

static json_t *make_venue(const json_t *venue)
{
    json_t *out = json_object();

    carry(out, "name", venue, "name");
    carry(out, "address", venue, "street");
    carry(out, "postcode", venue, "zip");
    carry(out, "city", venue, "city");
    return out;
}

/* Prices are decimal numbers at our side and whole cents at theirs: 19.99 is no exact binary
 * number, so it is rounded and not cut. -1: nobody can pay that. */
static int64_t cents_of(double amount)
{
    return amount >= 0 && amount < 1e9 ? (int64_t)(amount * 100 + 0.5) : -1;
}

/* No price is free; but a price that we cannot read must not become one. */
static int64_t price_of(const json_t *event)
{
    const json_t *price = json_object_get(event, "price");
    const json_t *amount = json_object_get(price, "amount");

    if (price == NULL || json_is_null(price))
        return 0;
    return json_is_number(amount) ? cents_of(json_number_value(amount)) : -1;
}

static json_t *make_ticket(const struct shop *shop, const json_t *event, int64_t price_cents)
{
    const char *currency = text_of(json_object_get(event, "price"), "currency");
    const json_t *capacity = json_object_get(event, "capacity");
    int64_t quantity =
        json_is_integer(capacity) ? json_integer_value(capacity) : shop->default_quantity;

    if (quantity < 0)
        quantity = 0;
    return json_pack(
        "{s:s, s:I, s:s, s:I}", "name", shop->ticket_name, "price_cents", (json_int_t)price_cents,
        "currency", currency != NULL ? currency : shop->currency, "quantity", (json_int_t)quantity);
}

static int sink_write(const char *bytes, size_t len, void *sink)
{
    return tenon_write(sink, (tenon_str){bytes, len}) == TENON_OK ? 0 : -1;
}

/* Event in, the shop's payload out. */
static int32_t transform(void *self, const tenon_record *record, tenon_sink *out, tenon_err *err)
{
    const struct shop *shop = self;
    json_t *event = load(record, err);
    json_t *payload;
    int64_t price_cents;
    int32_t status = TENON_OK;

    if (event == NULL)
        return err->code;
    price_cents = price_of(event);
    if (price_cents < 0 || record->id.len > ID_MAX_BYTES) {
        json_decref(event);
        if (price_cents < 0)
            return tenon_fail(err, TENON_E_VALIDATION,
                              "price.amount: a number from 0 to 1e9 is expected");
        return tenon_failf(err, TENON_E_VALIDATION, "the id has %zu bytes; the shop's URLs hold %d",
                           record->id.len, ID_MAX_BYTES);
    }
    payload = json_pack("{s:s%, s:o, s:[o]}", "external_ref", record->id.ptr, record->id.len,
                        "venue", make_venue(json_object_get(event, "venue")), "tickets",
                        make_ticket(shop, event, price_cents));
    carry(payload, "name", event, "title");
    carry(payload, "starts_at", event, "start");
    carry(payload, "ends_at", event, "end");
    carry(payload, "description", event, "description");
    carry(payload, "url", event, "url");
    if (payload == NULL)
        status = tenon_fail(err, TENON_E_NO_MEMORY, "out of memory, or a text that is not UTF-8");
    else if (json_dump_callback(payload, sink_write, out, JSON_COMPACT) != 0)
        status = tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    json_decref(payload);
    json_decref(event);
    return status;
}

/* ---- client ---- */

/* "/v1/events/" and the record's id, percent-encoded: our id is the shop's external_ref, by which
 * it can be addressed. `out` holds the longest id that transform() lets through. */
static tenon_str path_of(const tenon_record *record, char out[3 * ID_MAX_BYTES + 16])
{
    static const char hex[] = "0123456789ABCDEF";
    tenon_str path = {out, strlen("/v1/events/")};

    memcpy(out, "/v1/events/", path.len);
    for (size_t i = 0; i < record->id.len && i < ID_MAX_BYTES; i++) {
        unsigned char c = (unsigned char)record->id.ptr[i];
        int is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
        if (is_plain) {
            out[path.len++] = (char)c;
        } else {
            out[path.len++] = '%';
            out[path.len++] = hex[c >> 4];
            out[path.len++] = hex[c & 15];
        }
    }
    return path;
}

/* One request a record. The body is named, not copied: it is what transform() made. A first version
 * is posted, a later one replaces what is there. A record that cannot be sent is refused earlier,
 * by the selector or the transformer: an error from here would be the whole batch's. */
static int32_t prepare(void *self, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)self;
    for (uint32_t i = 0; i < batch->count; i++) {
        const tenon_record *record = tenon_record_at(batch, i);
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        char path[3 * ID_MAX_BYTES + 16];

        request.headers = tenon_text("content-type: application/json\n");
        request.method = tenon_text("POST");
        request.url = tenon_text("/v1/events");
        if (record->version > 1) {
            request.method = tenon_text("PUT");
            request.url = path_of(record, path);
        }
        if (out->add(out, &request) != TENON_OK) /* copies: `path` may go */
            return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    }
    return TENON_OK;
}

/* {"errors": {"FIELD": "what is wrong", ...}} as "FIELD: what is wrong; ...". */
static void list_errors(const json_t *answer, char *out, size_t size)
{
    json_t *errors = json_object_get(answer, "errors");
    const char *field;
    json_t *value;
    size_t len = 0;

    out[0] = '\0';
    json_object_foreach(errors, field, value)
    {
        const char *words = json_is_string(value) ? json_string_value(value) : "is wrong";
        int n = snprintf(out + len, size - len, "%s%s: %s", len > 0 ? "; " : "", field, words);
        if (n < 0 || (size_t)n >= size - len)
            return;
        len += (size_t)n;
    }
}

/* What the shop's answer means. Only what is special about this shop stands here; the rest is read
 * as everywhere, by tenon_verdict_of_status():
 *
 *   200, 201  its id becomes the record's integration key
 *   409       it has this external_ref already, since we died before the answer came, say: a
 *             success, with that id
 *   422       refused for good, and the answer names the fields */
static int32_t judge(void *self, const tenon_exchange *exchange, tenon_verdicts *out,
                     tenon_err *err)
{
    json_t *answer = json_loadb(exchange->body.ptr, exchange->body.len, 0, NULL);
    const char *id = text_of(answer, "id");
    int32_t status = TENON_OK;

    (void)self, (void)err;
    for (uint32_t i = 0; i < exchange->batch->count && status == TENON_OK; i++) {
        tenon_verdict verdict = tenon_verdict_of_status(exchange, i);
        char words[400];

        if (exchange->status == 409 && id != NULL) {
            verdict.verdict = TENON_ACCEPTED;
            verdict.error_class = TENON_OK;
            verdict.message = tenon_text("the shop had it already");
        } else if (exchange->status == 422) {
            list_errors(answer, words, sizeof words);
            verdict.error_class = TENON_E_VALIDATION;
            verdict.message =
                tenon_text(words[0] != '\0' ? words : "the shop refused it and did not say why");
        }
        if (id != NULL && verdict.verdict == TENON_ACCEPTED)
            verdict.external_id = tenon_text(id);
        status = out->set(out, &verdict);
    }
    json_decref(answer);
    return status;
}

/* ---- action ---- */

/* What a price of ours is over there. One declaration, and it is a CLI command, an HTTP route and
 * an MCP tool. */
static int32_t price(void *self, double amount, tenon_sink *out, tenon_err *err)
{
    const struct shop *shop = self;
    int64_t cents = cents_of(amount);
    char text[64];

    if (cents < 0)
        return tenon_fail(err, TENON_E_VALIDATION, "amount: a number from 0 to 1e9 is expected");
    snprintf(text, sizeof text, "{\"price_cents\":%lld,\"currency\":", (long long)cents);
    tenon_puts(out, text);
    tenon_json_write_text(out, tenon_text(shop->currency));
    return tenon_puts(out, "}");
}

/* ---- plugin ---- */

/* What no row of the table can say. Pure, so that `tenon config check` may ask at any time. */
static int32_t validate(tenon_str settings, tenon_err *err)
{
    char currency[8];

    if (tenon_setting_text(settings, "currency", currency, sizeof currency) < 0 ||
        strlen(currency) != 3 || strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return tenon_fail(err, TENON_E_VALIDATION,
                          "currency: three capital letters are expected, such as EUR");
    return TENON_OK;
}

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    struct shop *shop = calloc(1, sizeof *shop);
    int32_t status = validate(settings, err);

    (void)host, (void)integration;
    if (shop == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    tenon_setting_text(settings, "currency", shop->currency, sizeof shop->currency);
    shop->default_quantity = tenon_setting_integer(settings, "default_quantity");
    shop->offers_free_events = tenon_setting_is(settings, "free_events");
    if (status == TENON_OK && tenon_setting_text(settings, "ticket_name", shop->ticket_name,
                                                 sizeof shop->ticket_name) < 0)
        status = tenon_fail(err, TENON_E_VALIDATION, "ticket_name: at most 127 bytes are expected");
    if (status == TENON_OK)
        *out_self = shop;
    else
        free(shop);
    return status;
}

static const tenon_selector selectors[] = {
    TENON_SELECTOR("unsubmitted", "events that are fit for sale and not at the shop yet",
                   select_unsubmitted),
};
static const tenon_transformer transformer = TENON_TRANSFORMER(transform);
static const tenon_client client = TENON_HTTP_CLIENT(prepare, judge, NULL);
static const tenon_action actions[] = {
    TENON_ACTION(price, "price", "What an amount costs at the shop", TENON_ACTION_READ_ONLY,
                 (f64, amount)),
};

static void describe(tenon_plugin *plugin)
{
    plugin->flags = TENON_PER_INTEGRATION | TENON_IDEMPOTENT;
    plugin->validate = validate;
    plugin->create = create;
    plugin->destroy = free;
    plugin->selectors = selectors;
    plugin->n_selectors = sizeof selectors / sizeof selectors[0];
    plugin->transformer = &transformer;
    plugin->client = &client;
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof actions[0];
}

TENON_PLUGIN("ticketfairy", "1.0.0", "Apache-2.0", describe);
