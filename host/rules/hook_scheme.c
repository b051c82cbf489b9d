/* SPDX-License-Identifier: Apache-2.0 */
#include "rules/hook_scheme.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/hex.h"
#include "rules/hook_form.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static const struct hook_scheme schemes[] = {
    {.name = "github",
     .signature = "x-hub-signature-256",
     .prefix = "sha256=",
     .hash = HMAC_SHA256,
     .text = "{body}",
     .id = "x-github-delivery",
     .type = "x-github-event"},
    {.name = "stripe",
     .signature = "stripe-signature",
     .separator = ',',
     .prefix = "v1=",
     .timestamp_piece = "t=",
     .hash = HMAC_SHA256,
     .text = "{timestamp}.{body}",
     .id_member = "id"},
    {.name = "slack",
     .signature = "x-slack-signature",
     .prefix = "v0=",
     .timestamp = "x-slack-request-timestamp",
     .hash = HMAC_SHA256,
     .text = "v0:{timestamp}:{body}",
     .id_member = "event_id",
     .challenge = "url_verification"},
    {.name = "twilio",
     .signature = "x-twilio-signature",
     .prefix = "",
     .hash = HMAC_SHA1,
     .encoding = HOOK_BASE64,
     .text = "{url}{form}",
     .id = "i-twilio-idempotency-token",
     .answer_type = "text/xml",
     .answer = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>\n"},
    {.name = "standard-webhooks",
     .signature = "webhook-signature",
     .separator = ' ',
     .prefix = "v1,",
     .timestamp = "webhook-timestamp",
     .hash = HMAC_SHA256,
     .encoding = HOOK_BASE64,
     .text = "{id}.{timestamp}.{body}",
     .key_prefix = "whsec_",
     .id = "webhook-id"},
    {.name = "hmac", .prefix = "", .hash = HMAC_SHA256, .text = "{body}"},
    {.name = "none"},
};

const struct hook_scheme *hook_scheme_find(const char *name)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strcmp(schemes[i].name, name) == 0)
            return &schemes[i];
    return NULL;
}

/* ---- secrets ---- */

static bool next_word(struct str *rest, struct str *out)
{
    return str_next_word(rest, " \t\r\n", out);
}

static int add_key(struct hook_rules *rules, struct str word, struct buf *keys, struct err *err)
{
    const char *prefix = rules->scheme.key_prefix;
    size_t start = keys->len;

    if (prefix == NULL || !str_starts_with(word, prefix)) {
        buf_add_str(keys, word);
    } else {
        struct str letters = {word.ptr + strlen(prefix), word.len - strlen(prefix)};
        if (base64_decode(letters, keys) < 0)
            return err_set(err, -EINVAL, "one begins with %s and is not base64 behind it", prefix);
    }
    if (keys->failed)
        return err_set(err, -ENOMEM, "out of memory");
    rules->secrets[rules->secret_count++].len = keys->len - start;
    if (keys->len - start < HOOK_SECRET_BYTES_MIN)
        return err_set(err, -EINVAL, "one has %zu bytes; expected at least %d", keys->len - start,
                       (int)HOOK_SECRET_BYTES_MIN);
    return 0;
}

/* How many secrets these are. */
static size_t count_words(struct str secrets)
{
    struct str word;
    size_t count = 0;

    while (next_word(&secrets, &word)) {
        if (word.len < HOOK_WORD_BYTES_MIN)
            return 1;
        count++;
    }
    return count;
}

int hook_rules_read_secrets(struct hook_rules *rules, struct str secrets, struct buf *keys,
                            struct err *err)
{
    size_t count = count_words(secrets);
    struct str word = str_trim(secrets);
    size_t start = 0;
    int status = 0;

    rules->secret_count = 0;
    if (count > HOOK_SECRETS_MAX)
        return err_set(err, -EINVAL, "there are %zu secrets; at most %d are taken", count,
                       (int)HOOK_SECRETS_MAX);
    if (count == 1)
        status = add_key(rules, word, keys, err);
    while (status == 0 && count > 1 && next_word(&secrets, &word))
        status = add_key(rules, word, keys, err);
    for (size_t i = 0; i < rules->secret_count && status == 0; i++) {
        rules->secrets[i].ptr = keys->ptr + start;
        start += rules->secrets[i].len;
    }
    return status;
}

/* ---- the header's pieces ---- */

struct signatures {
    uint8_t macs[HOOK_SIGNATURES_MAX][HMAC_BYTES_MAX];
    size_t count;
    struct str timestamp; /* of the piece that is one */
    bool is_ambiguous;    /* two of those */
};

/* Only what has the hash's length, padding included, can be a signature: it has one spelling. */
static bool decode(const struct hook_scheme *scheme, struct str text, uint8_t *out)
{
    size_t wanted = hmac_bytes(scheme->hash);
    _buf_ struct buf bytes = {0};

    if (scheme->encoding == HOOK_HEX)
        return hex_decode(text, out, wanted);
    if (text.len != (wanted + 2) / 3 * 4 || base64_decode(text, &bytes) < 0 || bytes.len != wanted)
        return false;
    memcpy(out, bytes.ptr, wanted);
    return true;
}

static void take_piece(const struct hook_scheme *scheme, struct str piece, struct signatures *out)
{
    const char *own = scheme->timestamp_piece;

    if (own != NULL && str_starts_with(piece, own)) {
        out->is_ambiguous |= out->timestamp.ptr != NULL;
        out->timestamp = (struct str){piece.ptr + strlen(own), piece.len - strlen(own)};
    } else if (str_starts_with(piece, scheme->prefix) && out->count < HOOK_SIGNATURES_MAX) {
        struct str text = {piece.ptr + strlen(scheme->prefix), piece.len - strlen(scheme->prefix)};
        out->count += decode(scheme, text, out->macs[out->count]);
    }
}

static void take_pieces(const struct hook_scheme *scheme, struct str header, struct signatures *out)
{
    struct str piece;

    if (header.len > HOOK_HEADER_BYTES_MAX)
        return;
    if (scheme->separator == '\0') {
        take_piece(scheme, str_trim(header), out);
        return;
    }
    while (str_next(&header, scheme->separator, &piece))
        take_piece(scheme, str_trim(piece), out);
}

/* ---- what is signed ---- */

struct signed_parts {
    struct str id, timestamp;
    bool is_form_bad;
};

/* A form's fields are signed by name; any other body by its digest in the address. */
static void put_form(const struct hook_message *message, struct signed_parts *parts,
                     struct buf *out)
{
    struct str content = message->header(message->user, "content-type");

    if (hook_form_is(content)) {
        parts->is_form_bad = hook_form_put_sorted(message->body, out) < 0;
    } else if (message->body.len > 0) {
        char digest[65];
        struct str named;
        hmac_plain_sha256(message->body, digest);
        parts->is_form_bad = !hook_form_find(message->query, "bodySHA256", &named) ||
                             named.len != 64 || !hmac_equals(named.ptr, digest, 64);
    }
}

static void put_word(const struct hook_rules *rules, const struct hook_message *message,
                     struct str word, struct signed_parts *parts, struct buf *out)
{
    if (str_is(word, "body")) {
        buf_add_str(out, message->body);
    } else if (str_is(word, "timestamp")) {
        buf_add_str(out, parts->timestamp);
    } else if (str_is(word, "id")) {
        buf_add_str(out, parts->id);
    } else if (str_is(word, "form")) {
        put_form(message, parts, out);
    } else if (str_is(word, "url")) {
        buf_add_str(out, rules->url);
        if (message->query.len > 0)
            buf_putc(out, '?');
        buf_add_str(out, message->query);
    }
}

static void put_signed(const struct hook_rules *rules, const struct hook_message *message,
                       struct signed_parts *parts, struct buf *out)
{
    const char *at = rules->scheme.text;

    while (*at != '\0') {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end == NULL) {
            buf_putc(out, *at++);
            continue;
        }
        put_word(rules, message, (struct str){at + 1, (size_t)(end - at) - 1}, parts, out);
        at = end + 1;
    }
}

/* ---- the check ---- */

static bool matches(const struct hook_rules *rules, const struct signatures *signatures,
                    struct str text, struct hook_proof *out)
{
    size_t bytes = hmac_bytes(rules->scheme.hash);
    unsigned found = 0;

    for (size_t i = 0; i < rules->secret_count; i++) {
        uint8_t mac[HMAC_BYTES_MAX];
        if (hmac_sign(rules->scheme.hash, rules->secrets[i], text, mac) != bytes)
            continue;
        for (size_t at = 0; at < signatures->count; at++) {
            bool is_equal = hmac_equals(mac, signatures->macs[at], bytes);
            if (is_equal)
                hex_encode(mac, bytes, out->mac);
            found |= is_equal;
        }
    }
    return found != 0;
}

static enum hook_verdict check_window(const struct hook_rules *rules, struct str timestamp,
                                      int64_t now_s, struct err *err)
{
    int64_t sent_s;

    if (timestamp.len > 15 || str_to_i64(timestamp, &sent_s) < 0 || sent_s < 0) {
        (void)err_set(err, E_REFUSED, "its timestamp is not a number of seconds since 1970");
        return HOOK_STALE;
    }
    if (llabs(now_s - sent_s) <= rules->tolerance_s)
        return HOOK_GENUINE;
    (void)err_set(err, E_REFUSED,
                  "its timestamp %" PRId64 " is %" PRId64
                  " s %s ours; [hook] tolerance lets %" PRId64
                  " s pass. It was held up or is a replay, or a clock is wrong",
                  sent_s, (int64_t)llabs(now_s - sent_s), sent_s < now_s ? "behind" : "ahead of",
                  rules->tolerance_s);
    return HOOK_STALE;
}

static enum hook_verdict lacks(const char *header, const struct hook_scheme *scheme,
                               struct err *err)
{
    (void)err_set(err, E_REFUSED, "there is no header %s, which scheme = %s needs", header,
                  scheme->name);
    return HOOK_UNSIGNED;
}

enum hook_verdict hook_verify(const struct hook_rules *rules, const struct hook_message *message,
                              int64_t now_s, struct hook_proof *out, struct err *err)
{
    const struct hook_scheme *scheme = &rules->scheme;
    struct signatures signatures = {.count = 0};
    struct signed_parts parts = {.is_form_bad = false};
    _buf_ struct buf text = {0};

    *out = (struct hook_proof){.id = STR_NONE};
    if (scheme->id != NULL)
        out->id = parts.id = str_trim(message->header(message->user, scheme->id));
    if (scheme->signature == NULL)
        return HOOK_GENUINE;
    struct str header = message->header(message->user, scheme->signature);
    if (header.ptr == NULL)
        return lacks(scheme->signature, scheme, err);
    take_pieces(scheme, header, &signatures);
    parts.timestamp = signatures.timestamp;
    if (scheme->timestamp != NULL)
        parts.timestamp = str_trim(message->header(message->user, scheme->timestamp));
    bool is_timed = scheme->timestamp != NULL || scheme->timestamp_piece != NULL;
    if (is_timed && parts.timestamp.len == 0)
        return lacks(scheme->timestamp != NULL ? scheme->timestamp : scheme->signature, scheme,
                     err);
    put_signed(rules, message, &parts, &text);
    bool is_good = matches(rules, &signatures, buf_str(&text), out);
    if (!is_good || text.failed || parts.is_form_bad || signatures.is_ambiguous) {
        (void)err_set(err, E_REFUSED,
                      "%s does not sign this request with %s of [hook] secret: another secret, or "
                      "something on the way changed it",
                      scheme->signature, rules->secret_count > 1 ? "any" : "the one");
        return HOOK_FORGED;
    }
    return is_timed ? check_window(rules, parts.timestamp, now_s, err) : HOOK_GENUINE;
}
