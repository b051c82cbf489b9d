/* SPDX-License-Identifier: Apache-2.0
 * [hook]: what an integration takes at /hooks/. */
#include "config/config_schema.h"

#include "base/cleanup.h"

#include <tenon/tenon.h>

/* clang-format off */
const char config_hook_rows[] =
    TENON_OPTION("scheme", "choice", "off,github,stripe,slack,twilio,standard-webhooks,hmac,none",
                 "off", "",
                 "How senders sign: by the rules of one of these services; hmac: as the keys below "
                 "say; none: not at all. off: there is no hook.")
    TENON_OPTION("secret", "text", "", "", "secret",
                 "What the sender signs with. While it changes from one to the other both, of at "
                 "least 16 bytes, with a blank between: ${env:NEW} ${env:OLD}.")
    TENON_OPTION("tolerance", "duration", "1s..1d", "5m", "",
                 "How far a signed timestamp may be from our clock, either way.")
    TENON_OPTION("deduplicate", "duration", "1m..90d", "7d", "",
                 "How long a delivery's id is remembered: it is stored once, and answered 200 when "
                 "it comes again.")
    TENON_OPTION("deduplicate_by", "choice", "id,signature", "id", "",
                 "What is remembered of a delivery. GitHub, Twilio and hmac without {id} do not "
                 "sign its id, so whoever got hold of a request can send it again under another. "
                 "signature: that is stored once, too, and so is what is genuine and says the very "
                 "same twice.")
    TENON_OPTION("max_body", "size", "1KB..64MB", "1MB", "",
                 "The largest body; [api] max_body counts as well.")
    TENON_OPTION("type", "text", "", "", "",
                 "Type of the entities, where the mapping says none. Empty: the event that the "
                 "service names, or else the body's own type.")
    TENON_OPTION("jq", "text", "", "", "",
                 "A jq program that makes {id, type, data}, an array of them, or null for nothing, "
                 "of {id, event, headers, body}. Empty: the body is the entity.")
    TENON_OPTION("url", "url", "", "", "",
                 "Where the sender reaches this hook from outside; shown, and what twilio signs.")
    TENON_OPTION("id_header", "text", "", "", "",
                 "The header with the delivery's id, where the service has none of its own.")
    TENON_OPTION("unsigned", "boolean", "", "no", "",
                 "With scheme none: yes, anybody who reaches it may send.")
    TENON_OPTION("header", "text", "", "", "", "With hmac: the header with the signature.")
    TENON_OPTION("prefix", "text", "", "", "", "With hmac: what stands before it, such as sha256=.")
    TENON_OPTION("algorithm", "choice", "sha1,sha256,sha512", "sha256", "", "With hmac: the hash.")
    TENON_OPTION("encoding", "choice", "hex,base64", "hex", "", "With hmac: how it is written.")
    TENON_OPTION("signed", "text", "", "{body}", "",
                 "With hmac: what is signed, of {body}, {timestamp}, {id} and {url}.")
    TENON_OPTION("timestamp_header", "text", "", "", "",
                 "With hmac: the header with the time in seconds since 1970, if it is signed.");
/* clang-format on */

static const struct config_value *value_of(const struct config_file *file, const char *key)
{
    return config_value_find(file, "hook", key);
}

static bool is_empty(const struct config_file *file, const char *key)
{
    return value_of(file, key)->text[0] == '\0';
}

/* Keys that belong to some schemes only. */
static const struct {
    const char *key, *scheme;
} owned[] = {
    {"header", "hmac"}, {"prefix", "hmac"},           {"algorithm", "hmac"}, {"encoding", "hmac"},
    {"signed", "hmac"}, {"timestamp_header", "hmac"}, {"unsigned", "none"},
};

static void warn_unused(struct config *config, struct config_file *file, const char *scheme)
{
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        if (value_of(file, owned[i].key)->line != 0 && strcmp(scheme, owned[i].scheme) != 0)
            config_warn(config, file, value_of(file, owned[i].key)->line, C026,
                        "[hook] %s has no effect: it belongs to scheme = %s, and scheme is %s",
                        owned[i].key, owned[i].scheme, scheme);
    if (value_of(file, "secret")->line != 0 &&
        (strcmp(scheme, "none") == 0 || strcmp(scheme, "off") == 0))
        config_warn(config, file, value_of(file, "secret")->line, C026,
                    "[hook] secret has no effect with scheme = %s", scheme);
}

static void check_needs(struct config *config, struct config_file *file, const char *scheme)
{
    int line = value_of(file, "scheme")->line;

    if (strcmp(scheme, "none") == 0) {
        if (!value_of(file, "unsigned")->parsed.is_true)
            config_complain(config, file, NULL, line, C020,
                            "[hook] scheme = none takes what anybody sends: name the scheme of "
                            "the sender, or say 'unsigned = yes' if that is meant");
        return;
    }
    if (is_empty(file, "secret") &&
        !config_is_complained(config, file, value_of(file, "secret")->line))
        config_complain(config, file, NULL, line, C020,
                        "[hook] scheme = %s needs 'secret', for instance secret = ${env:NAME}",
                        scheme);
    if (strcmp(scheme, "twilio") == 0 && is_empty(file, "url"))
        config_complain(config, file, NULL, line, C020,
                        "[hook] scheme = twilio needs 'url', the address that Twilio calls, since "
                        "it is part of what is signed");
    if (strcmp(scheme, "hmac") == 0 && is_empty(file, "header"))
        config_complain(config, file, NULL, line, C020,
                        "[hook] scheme = hmac needs 'header', the one with the signature");
}

/* Each word that may stand in `signed`, and the key without which it is empty. */
static const struct {
    const char *word, *key;
} words[] = {
    {"body", NULL}, {"timestamp", "timestamp_header"}, {"id", "id_header"}, {"url", "url"}};

static void check_word(struct config *config, struct config_file *file, struct str word)
{
    int line = value_of(file, "signed")->line;
    size_t which = 0;

    while (which < sizeof words / sizeof *words && !str_is(word, words[which].word))
        which++;
    if (which == sizeof words / sizeof *words)
        config_complain(config, file, NULL, line, C012,
                        "[hook] signed: {%.*s} is none of {body}, {timestamp}, {id} and {url}",
                        (int)(word.len < 40 ? word.len : 40), word.ptr);
    else if (words[which].key != NULL && is_empty(file, words[which].key))
        config_complain(config, file, NULL, line, C020, "[hook] signed: {%s} needs '%s'",
                        words[which].word, words[which].key);
}

/* A service that sends again signs anew where it signs the time. */
static void check_deduplicate_by(struct config *config, struct config_file *file,
                                 const char *scheme)
{
    static const char *const timed[] = {"stripe", "slack", "standard-webhooks"};
    const struct config_value *by = value_of(file, "deduplicate_by");
    bool has_time = strcmp(scheme, "hmac") == 0 && !is_empty(file, "timestamp_header");

    if (strcmp(by->text, "signature") != 0)
        return;
    for (size_t i = 0; i < sizeof timed / sizeof *timed; i++)
        has_time |= strcmp(scheme, timed[i]) == 0;
    if (has_time)
        config_complain(config, file, NULL, by->line, C020,
                        "[hook] deduplicate_by = signature: scheme = %s signs the time, so what "
                        "is sent again has another signature and would be stored twice; id is "
                        "right here",
                        scheme);
    else if (strcmp(scheme, "none") == 0)
        config_complain(config, file, NULL, by->line, C020,
                        "[hook] deduplicate_by = signature: with scheme = none nothing is signed");
}

static void check_signed(struct config *config, struct config_file *file)
{
    const struct config_value *value = value_of(file, "signed");
    const char *end;

    if (strstr(value->text, "{body}") == NULL)
        config_complain(config, file, NULL, value->line, C012,
                        "[hook] signed: '%.60s' leaves {body} out, so that anybody could change it",
                        value->text);
    if (!is_empty(file, "timestamp_header") && strstr(value->text, "{timestamp}") == NULL)
        config_complain(config, file, NULL, value_of(file, "timestamp_header")->line, C020,
                        "[hook] timestamp_header: 'signed' leaves {timestamp} out, so that anybody "
                        "could change it");
    for (const char *at = strchr(value->text, '{'); at != NULL; at = strchr(end, '{')) {
        end = strchr(at, '}');
        if (end == NULL) {
            config_complain(config, file, NULL, value->line, C012,
                            "[hook] signed: a { without its }");
            return;
        }
        check_word(config, file, (struct str){at + 1, (size_t)(end - at) - 1});
    }
}

void config_check_hook(struct config *config, struct config_file *file)
{
    static const char *const headers[] = {"header", "id_header", "timestamp_header"};
    const char *scheme = value_of(file, "scheme")->text;
    const struct config_value *tolerance = value_of(file, "tolerance");

    warn_unused(config, file, scheme);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        if (!is_empty(file, headers[i]) && !config_is_header_name(value_of(file, headers[i])->text))
            config_complain(config, file, NULL, value_of(file, headers[i])->line, C025,
                            "[hook] %s: '%.60s' is not a header name", headers[i],
                            value_of(file, headers[i])->text);
    if (strcmp(scheme, "off") == 0)
        return;
    check_needs(config, file, scheme);
    check_deduplicate_by(config, file, scheme);
    if (strcmp(scheme, "hmac") == 0)
        check_signed(config, file);
    if (tolerance->parsed.integer > value_of(file, "deduplicate")->parsed.integer)
        config_complain(config, file, NULL, tolerance->line, C020,
                        "[hook] tolerance (%s) is longer than deduplicate (%s): a replay would be "
                        "taken for a new delivery",
                        tolerance->text, value_of(file, "deduplicate")->text);
}
