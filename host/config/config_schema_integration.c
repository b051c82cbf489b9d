/* SPDX-License-Identifier: Apache-2.0
 * The file of one integration. */
#include "config/config_schema.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/hex.h"

#include <tenon/tenon.h>

/* clang-format off */
static const char integration_rows[] =
    TENON_OPTION("plugin", "text", "", "", "required",
                 "The plugin that serves this integration, by name.")
    TENON_OPTION("enabled", "boolean", "", "yes", "",
                 "no: known and shown, but nothing is submitted.")
    TENON_OPTION("isolation", "choice", "worker,inprocess", "worker", "",
                 "worker: a process of its own, which may crash. inprocess: inside tenond, for "
                 "plugins you trust like it.")
    TENON_OPTION("base_url", "url", "", "", "",
                 "Where HTTP requests go; a plugin's paths are joined to it.")
    TENON_OPTION("allow_hosts", "text", "", "", "",
                 "Other hosts that requests may name, as host or host:port, separated by commas.")
    TENON_OPTION("allow_net", "boolean", "", "no", "",
                 "Let the plugin open connections by itself, if its note says that it needs to. "
                 "tenond's own `listen` is then open to it as to any program on this machine.")
    TENON_OPTION("allow_paths", "text", "", "", "",
                 "Directories that the plugin may write to, absolute, separated by commas.")
    TENON_OPTION("sha256", "text", "", "", "",
                 "The plugin file's SHA-256 as 64 hex digits: any other file is refused.")
    TENON_OPTION("memory_max", "size", "16MB..1TB", "256MB", "", "Memory that the worker may use.")
    TENON_OPTION("concurrency", "integer", "1..1000", "16", "",
                 "Requests under way at the same time.")
    TENON_OPTION("adaptive_concurrency", "boolean", "", "yes", "",
                 "Fewer at the same time while the destination answers 429 or 503 or runs into the "
                 "time limit, and again up to concurrency while it answers as fast as ever.")
    TENON_OPTION("timeout", "duration", "100ms..1h", "30s", "", "How long one request may take.")
    TENON_OPTION("connect_timeout", "duration", "100ms..10m", "10s", "",
                 "How long connecting may take.")
    TENON_OPTION("max_response", "size", "1KB..64MB", "64KB", "", "How much of an answer is kept.")
    TENON_OPTION("call_timeout", "duration", "100ms..1h", "10s", "",
                 "How long one call into the plugin may take.")
    TENON_OPTION("verify_tls", "boolean", "", "yes", "",
                 "no: take any certificate. For tests only.")
    TENON_OPTION("ca_file", "path", "", "", "",
                 "Certificates to trust instead of the system's, as PEM.")
    TENON_OPTION("proxy", "url", "", "", "", "HTTP proxy to go through.")
    TENON_OPTION("store", "choice", "none,read,write", "none", "",
                 "What the plugin may do in the store by itself, beyond the entities it is given. "
                 "read: get and search. write: add, change, delete and relate, too.")
    TENON_OPTION("mcp", "choice", "off,read,write", "read", "",
                 "What MCP clients may do with it, as far as [mcp] access of tenon.ini lets them. "
                 "read: call actions that change nothing. write: all its actions, submit, retry. "
                 "off: none.");

static const char select_rows[] =
    TENON_OPTION("selector", "text", "", "changed", "",
                 "Which entities: unsubmitted, changed, failed, all, or a selector of the plugin.")
    TENON_OPTION("type", "text", "", "", "",
                 "Entity types that are wanted, separated by commas. Empty: every type.")
    TENON_OPTION("where", "text", "", "", "",
                 "A jq expression that must be true for the entity. Write f(a; b): a ';' behind a "
                 "blank is a comment.");

static const char transform_rows[] =
    TENON_OPTION("jq", "text", "", "", "",
                 "A jq program that makes the payload: in place of the plugin's own transformer, "
                 "or before it.");

static const char auth_rows[] =
    TENON_OPTION("type", "choice", "none,api_key,basic,bearer", "none", "",
                 "How requests prove who sends them.")
    TENON_OPTION("header", "text", "", "X-API-Key", "",
                 "With api_key: the header that carries the key.")
    TENON_OPTION("key", "text", "", "", "secret", "With api_key: the key.")
    TENON_OPTION("username", "text", "", "", "", "With basic: the user's name.")
    TENON_OPTION("password", "text", "", "", "secret", "With basic: the password.")
    TENON_OPTION("token", "text", "", "", "secret", "With bearer: the token.");

static const char signature_rows[] =
    TENON_OPTION("scheme", "choice", "none,standard-webhooks", "none", "", "How bodies are signed.")
    TENON_OPTION("secret", "text", "", "", "secret",
                 "The signing secret: whsec_ and base64, or plain text.");

static const char retry_rows[] =
    TENON_OPTION("max_attempts", "integer", "1..100", "12", "",
                 "Tries before a submission ends as failed. One that found nobody there is none.")
    TENON_OPTION("base", "duration", "1ms..1h", "1s", "",
                 "The first wait; each further one doubles, with jitter.")
    TENON_OPTION("max", "duration", "1ms..7d", "1h", "", "The longest wait between two tries.")
    TENON_OPTION("retry_after_max", "duration", "0..7d", "1h", "",
                 "The longest Retry-After that is honoured.");

static const char rate_limit_rows[] =
    TENON_OPTION("rate", "text", "", "", "",
                 "Requests per time, such as 100/s, 6000/m, 5000/h or 10/5s; of a plugin that "
                 "sends by itself, records. Empty: no limit of ours.")
    TENON_OPTION("burst", "integer", "0..1000000", "0", "",
                 "How many may go at once after a rest. 0: what falls due in a tenth of a second, "
                 "at least one.")
    TENON_OPTION("headers", "boolean", "", "yes", "",
                 "Keep to what the destination says in RateLimit and X-RateLimit headers, for at "
                 "most [retry] retry_after_max at a time.");

static const char breaker_rows[] =
    TENON_OPTION("enabled", "boolean", "", "yes", "",
                 "no: send on whatever happens; every try of a record then counts.")
    TENON_OPTION("window", "duration", "1s..1h", "30s", "",
                 "Over how long failures are counted: answers that are the destination's fault "
                 "(401, 403, 407, 408, 425, 429, 5xx), and no answer at all.")
    TENON_OPTION("ratio", "number", "0.01..1", "0.5", "",
                 "At which share of failures it opens, and nothing more is sent.")
    TENON_OPTION("min_requests", "integer", "1..100000", "20", "",
                 "So many requests in the window, before their share means anything; so many "
                 "failures in a row open it whatever the share.")
    TENON_OPTION("connection_failures", "integer", "1..1000", "5", "",
                 "It also opens after so many requests in a row that got no connection or no "
                 "answer.")
    TENON_OPTION("open", "duration", "10ms..1h", "1s", "",
                 "How long it stays open the first time, less up to half of it by chance; doubles "
                 "each time a probe fails.")
    TENON_OPTION("open_max", "duration", "10ms..24h", "1m", "", "The longest time open.")
    TENON_OPTION("probes", "integer", "1..100", "3", "",
                 "So many requests try the destination then; when all are answered it closes.");

static const char health_rows[] =
    TENON_OPTION("interval", "duration", "0s..24h", "0s", "",
                 "How often the destination is tried, give or take a tenth; 0s: only when somebody "
                 "asks.")
    TENON_OPTION("timeout", "duration", "100ms..5m", "10s", "", "How long a check may take.")
    TENON_OPTION("failures", "integer", "1..100", "3", "",
                 "So many failed checks in a row make it unhealthy; fewer, degraded.")
    TENON_OPTION("method", "choice", "GET,HEAD,OPTIONS", "HEAD", "",
                 "What an HTTP destination is asked. Of others the plugin's own test tells.")
    TENON_OPTION("path", "text", "", "", "", "Where, behind base_url.")
    TENON_OPTION("expect", "text", "", "", "",
                 "Statuses that are well, as 200 or 2xx, separated by commas. Empty: all below 500 "
                 "but 401, 403 and 407, and 501 (no such method).");

static const char idempotency_rows[] =
    TENON_OPTION("header", "text", "", "Idempotency-Key", "",
                 "The header with the key that all tries of one submission share. Empty: none is "
                 "sent.");
/* clang-format on */

static const struct config_section sections[] = {
    {"integration", SECTION_ROWS, "What it is and what it may do.", integration_rows},
    {"select", SECTION_ROWS, "Which entities it gets.", select_rows},
    {"transform", SECTION_ROWS, "What becomes of them on the way.", transform_rows},
    {"auth", SECTION_ROWS,
     "Credentials; tenond adds them, the plugin never sees them. Secrets are written as "
     "${env:NAME}, ${file:/path} or "
     "${cred:NAME}.",
     auth_rows},
    {"signature", SECTION_ROWS, "Signed requests, by which the receiver knows that they are ours.",
     signature_rows},
    {"retry", SECTION_ROWS, "What happens after a failed try.", retry_rows},
    {"rate_limit", SECTION_ROWS, "How fast it may go at most.", rate_limit_rows},
    {"breaker", SECTION_ROWS,
     "When sending stops because the destination fails: an outage then costs no record its tries.",
     breaker_rows},
    {"idempotency", SECTION_ROWS, "How the receiver can tell a second try from a second record.",
     idempotency_rows},
    {"health", SECTION_ROWS, "How it is found out whether the destination is there.", health_rows},
    {"hook", SECTION_ROWS,
     "What services send to POST /hooks/NAME, NAME being this file's: entities, once the signature "
     "is found good.",
     config_hook_rows},
    {"headers", SECTION_HEADERS, "Headers that every request carries: Name = value.", NULL},
    {"metadata", SECTION_PAIRS,
     "Your own notes about the integration: key = value; shown by tenon integration show.", NULL},
    {"settings", SECTION_PLUGIN, "The plugin's own settings.", NULL},
    {"cache", SECTION_LATER, NULL, NULL},
    {"schedule", SECTION_LATER, NULL, NULL},
};

static bool is_hex64(const char *text)
{
    uint8_t bytes[32];

    return hex_decode(str_of(text), bytes, sizeof(bytes));
}

static void check_lists(struct config *config, struct config_file *file)
{
    const struct config_value *hosts = config_value_find(file, "integration", "allow_hosts");
    const struct config_value *paths = config_value_find(file, "integration", "allow_paths");
    struct str rest = str_of(hosts->text);
    struct str part;

    while (config_list_next(&rest, &part)) {
        _free_ char *host = str_dup(part);
        if (host != NULL && strpbrk(host, "/@?# *") == NULL)
            continue;
        config_complain(config, file, NULL, hosts->line, C012,
                        "[integration] allow_hosts: '%.*s' is not a host or host:port; leave "
                        "scheme and path away",
                        STR_ARG(part));
    }
    rest = str_of(paths->text);
    while (config_list_next(&rest, &part))
        if (part.ptr[0] != '/' || part.len == 1)
            config_complain(config, file, NULL, paths->line, C012,
                            "[integration] allow_paths: '%.*s' is not an absolute path below '/'",
                            STR_ARG(part));
}

/* `key` must be set when [section] `what` says `choice`. */
static void need(struct config *config, struct config_file *file, const char *section,
                 const char *what, const char *choice, const char *key)
{
    const struct config_value *chosen = config_value_find(file, section, what);
    const struct config_value *value = config_value_find(file, section, key);

    if (strcmp(chosen->text, choice) != 0 || value->text[0] != '\0' ||
        config_is_complained(config, file, value->line))
        return;
    if (value->option.is_secret)
        config_complain(config, file, NULL, value->line != 0 ? value->line : chosen->line, C020,
                        "[%s] %s = %s needs '%s', for instance %s = ${env:NAME}", section, what,
                        choice, key, key);
    else
        config_complain(config, file, NULL, value->line != 0 ? value->line : chosen->line, C020,
                        "[%s] %s = %s needs '%s'", section, what, choice, key);
}

/* A credential that is set and not used is most likely a wrong `type`. */
static void warn_unused(struct config *config, struct config_file *file, const char *section,
                        const char *what, const char *choice, const char *key)
{
    const struct config_value *chosen = config_value_find(file, section, what);
    const struct config_value *value = config_value_find(file, section, key);

    if (value->line != 0 && strcmp(chosen->text, choice) != 0)
        config_warn(config, file, value->line, C026,
                    "[%s] %s has no effect: it belongs to %s = %s, and %s is %s", section, key,
                    what, choice, what, chosen->text);
}

static void check_auth(struct config *config, struct config_file *file)
{
    static const struct {
        const char *type, *key;
        bool is_needed;
    } rules[] = {{"api_key", "key", true},
                 {"api_key", "header", false},
                 {"basic", "username", true},
                 {"basic", "password", true},
                 {"bearer", "token", true}};

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].is_needed)
            need(config, file, "auth", "type", rules[i].type, rules[i].key);
        warn_unused(config, file, "auth", "type", rules[i].type, rules[i].key);
    }
}

static void check_signature(struct config *config, struct config_file *file)
{
    enum { KEY_BYTES_MIN = 16 };
    const struct config_value *value = config_value_find(file, "signature", "secret");
    struct str secret = str_of(value->text);
    _buf_ struct buf key = {0};

    need(config, file, "signature", "scheme", "standard-webhooks", "secret");
    warn_unused(config, file, "signature", "scheme", "standard-webhooks", "secret");
    if (!str_starts_with(secret, "whsec_"))
        return;
    secret.ptr += 6;
    secret.len -= 6;
    if (base64_decode(secret, &key) < 0 || key.len < KEY_BYTES_MIN)
        config_complain(config, file, NULL, value->line, C012,
                        "[signature] secret: begins with whsec_ but is not at least %d bytes in "
                        "base64 behind it",
                        KEY_BYTES_MIN);
}

static void check_header_name(struct config *config, struct config_file *file, const char *section)
{
    const struct config_value *value = config_value_find(file, section, "header");

    if (value->text[0] != '\0' && !config_is_header_name(value->text))
        config_complain(config, file, NULL, value->line, C025,
                        "[%s] header: '%s' is not a header name", section, value->text);
}

static void check_rate(struct config *config, struct config_file *file)
{
    const struct config_value *rate = config_value_find(file, "rate_limit", "rate");
    const struct config_value *burst = config_value_find(file, "rate_limit", "burst");
    int64_t amount;
    int64_t per_ms;

    if (rate->text[0] == '\0' && burst->line != 0)
        config_warn(config, file, burst->line, C026,
                    "[rate_limit] burst has no effect without a rate");
    if (rate->text[0] != '\0' && clock_parse_rate(str_of(rate->text), &amount, &per_ms) < 0)
        config_complain(config, file, NULL, rate->line, C012,
                        "[rate_limit] rate: '%.40s' is not a number of requests per time, such as "
                        "100/s, 6000/m or 10/5s",
                        rate->text);
}

static void check_expect(struct config *config, struct config_file *file)
{
    const struct config_value *expect = config_value_find(file, "health", "expect");
    struct str rest = str_of(expect->text);
    struct str word;

    while (config_list_next(&rest, &word)) {
        bool is_status = word.len == 3 && word.ptr[0] >= '1' && word.ptr[0] <= '5';

        for (size_t i = 1; i < 3 && is_status; i++)
            is_status = (word.ptr[i] >= '0' && word.ptr[i] <= '9') || (word.ptr[i] | 0x20) == 'x';
        if (!is_status)
            config_complain(config, file, NULL, expect->line, C012,
                            "[health] expect: '%.*s' is not a status such as 200 or 2xx",
                            STR_ARG(word));
    }
}

/* Two keys of which the first may not be longer than the second. */
static void check_order(struct config *config, struct config_file *file, const char *section,
                        const char *shorter, const char *longer)
{
    const struct config_value *least = config_value_find(file, section, shorter);
    const struct config_value *most = config_value_find(file, section, longer);

    if (least->parsed.integer > most->parsed.integer)
        config_complain(config, file, NULL, most->line != 0 ? most->line : least->line, C020,
                        "[%s] %s (%s) is longer than %s (%s)", section, shorter, least->text,
                        longer, most->text);
}

static void check_integration(struct config *config, struct config_file *file)
{
    const struct config_value *pin = config_value_find(file, "integration", "sha256");
    const struct config_value *ca = config_value_find(file, "integration", "ca_file");

    if (pin->text[0] != '\0' && !is_hex64(pin->text))
        config_complain(
            config, file, NULL, pin->line, C012,
            "[integration] sha256: '%.70s' is not 64 hex digits, as sha256sum prints them",
            pin->text);
    check_order(config, file, "retry", "base", "max");
    check_order(config, file, "breaker", "open", "open_max");
    check_rate(config, file);
    check_expect(config, file);
    if (ca->line != 0 && !config_value_find(file, "integration", "verify_tls")->parsed.is_true)
        config_warn(config, file, ca->line, C026,
                    "[integration] ca_file has no effect while verify_tls = no");
    check_lists(config, file);
    check_auth(config, file);
    check_signature(config, file);
    check_header_name(config, file, "auth");
    check_header_name(config, file, "idempotency");
    config_check_hook(config, file);
}

const struct config_schema config_schema_integration = {
    sections, sizeof sections / sizeof *sections, check_integration};
