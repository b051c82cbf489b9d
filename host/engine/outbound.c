/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/outbound.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/http_token.h"
#include "base/secret.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <tenon/tenon.h>

enum { HEADERS_MAX = 64, HEADER_BYTES_MAX = 8192, URL_BYTES_MAX = 8192, METHOD_MAX = 16 };

struct outbound_rules {
    char *base_url;         /* without a trailing slash; "" when the ini has none */
    size_t origin_len;      /* of base_url: scheme://host:port */
    char *allow_hosts;      /* a list as in an ini, or "" */
    char *idempotency_name; /* header name; "" for none */
    char **fixed;           /* ready header lines: credentials, [headers], user agent */
    size_t fixed_count;
    struct buf signing_key; /* raw bytes; empty: requests are not signed */
};

static size_t origin_length(const char *url)
{
    const char *host = strstr(url, "://");
    const char *end;

    if (host == NULL)
        return 0;
    end = strpbrk(host + 3, "/?#");
    return end != NULL ? (size_t)(end - url) : strlen(url);
}

static int add_fixed(struct outbound_rules *rules, const char *name, const char *value)
{
    struct buf line = {0};
    char **more = realloc(rules->fixed, (rules->fixed_count + 1) * sizeof *more);

    if (more == NULL)
        return -ENOMEM;
    rules->fixed = more;
    buf_printf(&line, "%s: %s", name, value);
    rules->fixed[rules->fixed_count] = buf_take(&line);
    if (rules->fixed[rules->fixed_count] == NULL)
        return -ENOMEM;
    rules->fixed_count++;
    return 0;
}

static int add_credentials(struct outbound_rules *rules, const struct config_file *file)
{
    const char *type = config_text(file, "auth", "type");
    _buf_ struct buf value = {0};
    _buf_ struct buf pair = {0};

    if (strcmp(type, "api_key") == 0)
        return add_fixed(rules, config_text(file, "auth", "header"),
                         config_text(file, "auth", "key"));
    if (strcmp(type, "bearer") == 0) {
        buf_printf(&value, "Bearer %s", config_text(file, "auth", "token"));
    } else if (strcmp(type, "basic") == 0) {
        buf_printf(&pair, "%s:%s", config_text(file, "auth", "username"),
                   config_text(file, "auth", "password"));
        buf_puts(&value, "Basic ");
        base64_encode(buf_str(&pair), &value);
    } else {
        return 0;
    }
    return value.failed || pair.failed ? -ENOMEM : add_fixed(rules, "Authorization", value.ptr);
}

/* Standard Webhooks: "whsec_" and base64; anything else is taken as the key's bytes. */
static int read_signing_key(struct outbound_rules *rules, const struct config_file *file,
                            struct err *err)
{
    struct str secret = str_of(config_text(file, "signature", "secret"));

    if (strcmp(config_text(file, "signature", "scheme"), "standard-webhooks") != 0)
        return 0;
    if (str_starts_with(secret, "whsec_")) {
        if (base64_decode((struct str){secret.ptr + 6, secret.len - 6}, &rules->signing_key) < 0)
            return err_set(
                err, -EINVAL,
                "[signature] secret: what follows whsec_ is not base64; take the secret as "
                "the receiver shows it");
    } else {
        buf_add_str(&rules->signing_key, secret);
    }
    if (rules->signing_key.len == 0)
        return err_set(err, -EINVAL, "[signature] secret is empty");
    return 0;
}

static int read_headers(struct outbound_rules *rules, const struct config_file *file)
{
    const char *name;
    const char *value;
    bool has_agent = false;

    for (size_t i = 0; config_pair(file, "headers", i, &name, &value); i++) {
        has_agent |= strcasecmp(name, "user-agent") == 0;
        if (add_fixed(rules, name, value) < 0)
            return -ENOMEM;
    }
    return has_agent ? 0 : add_fixed(rules, "User-Agent", "Tenon/" TENON_VERSION);
}

struct outbound_rules *outbound_rules_create(const struct config_file *file, struct err *err)
{
    struct outbound_rules *rules = calloc(1, sizeof *rules);
    struct str base = str_of(config_text(file, "integration", "base_url"));
    int status;

    if (rules == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    while (base.len > 0 && base.ptr[base.len - 1] == '/')
        base.len--;
    rules->base_url = str_dup(base);
    rules->allow_hosts = str_dup(str_of(config_text(file, "integration", "allow_hosts")));
    rules->idempotency_name = str_dup(str_of(config_text(file, "idempotency", "header")));
    status = rules->base_url && rules->allow_hosts && rules->idempotency_name ? 0 : -ENOMEM;
    if (status == 0) {
        rules->origin_len = origin_length(rules->base_url);
        status = add_credentials(rules, file);
    }
    if (status == 0)
        status = read_headers(rules, file);
    if (status == 0)
        status = read_signing_key(rules, file, err);
    if (status < 0) {
        if (status == -ENOMEM)
            (void)err_set(err, -ENOMEM, "out of memory");
        outbound_rules_destroy(rules);
        return NULL;
    }
    return rules;
}

void outbound_rules_destroy(struct outbound_rules *rules)
{
    if (rules == NULL)
        return;
    for (size_t i = 0; i < rules->fixed_count; i++)
        free(rules->fixed[i]);
    free(rules->fixed);
    free(rules->base_url);
    free(rules->allow_hosts);
    free(rules->idempotency_name);
    buf_finish(&rules->signing_key);
    free(rules);
}

static bool is_allowed_host(const struct outbound_rules *rules, struct str host)
{
    struct str rest = str_of(rules->allow_hosts);
    struct str one;

    while (config_list_next(&rest, &one))
        if (one.len == host.len && strncasecmp(one.ptr, host.ptr, host.len) == 0)
            return true;
    return false;
}

static bool has_control_bytes(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return true;
    return false;
}

/* Holds an absolute URL to the hosts of the ini. User names in it are refused: "https://good@evil/"
 * misleads. */
static int check_absolute(const struct outbound_rules *rules, struct str url, struct err *err)
{
    size_t scheme = str_starts_with(url, "https://") ? 8 : 7;
    struct str host = {url.ptr + scheme, url.len - scheme};
    size_t origin;

    for (size_t i = 0; i < host.len; i++)
        if (strchr("/?#", host.ptr[i]) != NULL)
            host.len = i;
    origin = scheme + host.len;
    if (memchr(host.ptr, '@', host.len) != NULL)
        return err_set(
            err, E_REFUSED,
            "the plugin asked for a URL with credentials in it; credentials belong in [auth]");
    if (origin == rules->origin_len && strncasecmp(url.ptr, rules->base_url, origin) == 0)
        return 0;
    if (is_allowed_host(rules, host))
        return 0;
    return err_set(
        err, E_REFUSED,
        "the plugin asked for host '%.*s', which is neither that of base_url (%s) nor in "
        "[integration] allow_hosts",
        STR_ARG(host), rules->base_url[0] != '\0' ? rules->base_url : "not set");
}

static int build_url(const struct outbound_rules *rules, struct str url, struct arena *arena,
                     const char **out, struct err *err)
{
    struct str built;
    int status;

    if (has_control_bytes(url) || memchr(url.ptr, ' ', url.len) != NULL || url.len > URL_BYTES_MAX)
        return err_set(err, E_REFUSED,
                       "the plugin's URL holds a space or control characters, or is longer than "
                       "%d bytes",
                       URL_BYTES_MAX);
    if (str_starts_with(url, "http://") || str_starts_with(url, "https://")) {
        status = check_absolute(rules, url, err);
        if (status < 0)
            return status;
        built = arena_copy(arena, url);
    } else {
        if (rules->base_url[0] == '\0')
            return err_set(err, E_REFUSED,
                           "no base_url: set [integration] base_url to where requests go");
        if (url.len == 0)
            built = (struct str){rules->base_url, strlen(rules->base_url)};
        else
            built =
                arena_join(arena,
                           (const struct str[]){
                               str_of(rules->base_url),
                               url.ptr[0] == '/' || url.ptr[0] == '?' ? STR("") : STR("/"), url},
                           3);
    }
    if (built.ptr == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    *out = built.ptr;
    return 0;
}

struct header_list {
    const char **lines;
    size_t count;
};

static bool has_header(const struct header_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (http_token_leads(list->lines[i], name))
            return true;
    return false;
}

/* The plugin's lines. What the host itself answers for cannot be set by a plugin. */
static int add_plugin_headers(struct str text, struct header_list *list, struct arena *arena,
                              struct err *err)
{
    static const char *const own[] = {
        "host",          "content-length", "transfer-encoding", "connection",
        "authorization", "webhook-id",     "webhook-timestamp", "webhook-signature"};
    struct str line;

    while (str_next(&text, '\n', &line)) {
        struct str copy;
        const char *colon = memchr(line.ptr, ':', line.len);

        if (str_trim(line).len == 0)
            continue;
        /* "Content-Length : 5" is one to some who read it, and to others not. */
        bool has_name =
            colon != NULL && http_token_is((struct str){line.ptr, (size_t)(colon - line.ptr)});
        if (!has_name || has_control_bytes(line) || line.len > HEADER_BYTES_MAX)
            return err_set(err, E_REFUSED, "the plugin's header line is not 'Name: value'");
        if (list->count >= HEADERS_MAX / 2)
            return err_set(err, E_REFUSED, "the plugin set more than %d headers", HEADERS_MAX / 2);
        copy = arena_copy(arena, line);
        if (copy.ptr == NULL)
            return err_set(err, -ENOMEM, "out of memory");
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            if (http_token_leads(copy.ptr, own[i]))
                return err_set(err, E_REFUSED,
                               "the plugin set the header '%s', which the host sets itself",
                               own[i]);
        list->lines[list->count++] = copy.ptr;
    }
    return 0;
}

static int add_line(struct header_list *list, struct str line, struct err *err)
{
    if (line.ptr == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    list->lines[list->count++] = line.ptr;
    return 0;
}

/* https://www.standardwebhooks.com: base64 of HMAC-SHA256 over "id.timestamp.body". */
static int sign(const struct outbound_rules *rules, const char *key, const struct outbound *out,
                struct header_list *list, struct arena *arena, struct err *err)
{
    int64_t now_s = clock_wall_ms() / 1000;
    struct str lead = arena_printf(arena, "msg_%s.%" PRId64 ".", key, now_s);
    struct str *parts = arena_take(arena, (out->body_part_count + 1) * sizeof *parts);
    _buf_ struct buf code = {0};
    uint8_t mac[32];
    int status;

    if (lead.ptr == NULL || parts == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    parts[0] = lead;
    if (out->body_part_count > 0)
        memcpy(parts + 1, out->body_parts, out->body_part_count * sizeof *parts);
    digest_hmac_sha256(buf_str(&rules->signing_key), parts, out->body_part_count + 1, mac);
    base64_encode((struct str){(const char *)mac, sizeof mac}, &code);
    if (code.failed)
        return err_set(err, -ENOMEM, "out of memory");
    status = add_line(list, arena_printf(arena, "webhook-id: msg_%s", key), err);
    if (status == 0)
        status = add_line(list, arena_printf(arena, "webhook-timestamp: %" PRId64, now_s), err);
    if (status == 0)
        status = add_line(list, arena_printf(arena, "webhook-signature: v1,%s", code.ptr), err);
    return status;
}

static int build_headers(const struct outbound_rules *rules, const struct plugin_request *request,
                         const char *key, struct arena *arena, struct outbound *out,
                         struct err *err)
{
    struct header_list list = {
        .lines = arena_take(arena, (HEADERS_MAX + rules->fixed_count) * sizeof *list.lines)};
    int status;

    if (list.lines == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    status = add_plugin_headers(request->headers, &list, arena, err);
    if (status < 0)
        return status;
    if (!has_header(&list, "content-type"))
        list.lines[list.count++] = request->body_kind == TENON_BODY_LINES
                                       ? "Content-Type: application/x-ndjson"
                                       : "Content-Type: application/json";
    for (size_t i = 0; i < rules->fixed_count; i++)
        list.lines[list.count++] = rules->fixed[i];
    if (key != NULL && rules->idempotency_name[0] != '\0')
        status = add_line(&list,
                          arena_join(arena,
                                     (const struct str[]){str_of(rules->idempotency_name),
                                                          STR(": "), str_of(key)},
                                     3),
                          err);
    if (status == 0 && key != NULL && rules->signing_key.len > 0)
        status = sign(rules, key, out, &list, arena, err);
    out->headers = list.lines;
    out->header_count = list.count;
    out->header_room = HEADERS_MAX + rules->fixed_count;
    return status;
}

static int build_body(const struct plugin_request *request, const struct str *payloads,
                      struct arena *arena, struct outbound *out, struct err *err)
{
    size_t most = 2 * (size_t)request->record_count + 1;
    struct str *parts = arena_take(arena, most * sizeof *parts);
    size_t n = 0;

    if (parts == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    switch (request->body_kind) {
    case TENON_BODY_RECORD:
        parts[n++] = payloads[request->records[0]];
        break;
    case TENON_BODY_LINES:
        for (uint32_t i = 0; i < request->record_count; i++) {
            parts[n++] = payloads[request->records[i]];
            parts[n++] = STR("\n");
        }
        break;
    case TENON_BODY_ARRAY:
        for (uint32_t i = 0; i < request->record_count; i++) {
            parts[n++] = i == 0 ? STR("[") : STR(",");
            parts[n++] = payloads[request->records[i]];
        }
        parts[n++] = STR("]");
        break;
    default:
        if (request->body.len > 0)
            parts[n++] = request->body;
        break;
    }
    out->body_parts = parts;
    out->body_part_count = n;
    return 0;
}

/* TRACE has the destination say back what it got, credentials included, in whatever form they are
 * sent; TRACK is its other name. CONNECT asks for a tunnel past every rule here. */
static int check_method(struct str method, struct err *err)
{
    static const char *const refused[] = {"TRACE", "TRACK", "CONNECT"};

    for (size_t i = 0; i < method.len; i++)
        if (!isupper((unsigned char)method.ptr[i]) || method.len > METHOD_MAX)
            return err_set(err, E_REFUSED, "the plugin's method is not a word of capital letters");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (str_is(method, refused[i]))
            return err_set(err, E_REFUSED,
                           "the plugin's method is %s, which no destination is asked for",
                           refused[i]);
    return 0;
}

int outbound_build(const struct outbound_rules *rules, const struct plugin_request *request,
                   const struct str *keys, const struct str *payloads, struct arena *arena,
                   struct outbound *out, struct err *err)
{
    struct outbound built = {.method = "POST"};
    char joined[33];
    const char *key = keys != NULL ? keys[0].ptr : NULL;
    int status;

    if (request->method.len > 0) {
        status = check_method(request->method, err);
        if (status < 0)
            return status;
        built.method = arena_copy(arena, request->method).ptr;
    }
    if (keys != NULL && request->record_count > 1) {
        digest_key(keys, request->record_count, joined);
        key = joined;
    }
    status = build_url(rules, request->url, arena, &built.url, err);
    if (status == 0)
        status = build_body(request, payloads, arena, &built, err);
    if (status == 0)
        status = build_headers(rules, request, key, arena, &built, err);
    if (status == 0 && built.method == NULL)
        status = err_set(err, -ENOMEM, "out of memory");
    if (status == 0)
        *out = built;
    return status;
}

static int keep(const char **text, struct arena *arena, struct err *err)
{
    *text = arena_copy(arena, str_of(*text)).ptr;
    return *text != NULL ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int outbound_keep(struct outbound *out, struct arena *arena, struct err *err)
{
    int status = keep(&out->method, arena, err);

    if (status == 0)
        status = keep(&out->url, arena, err);
    for (size_t i = 0; i < out->header_count && status == 0; i++)
        status = keep(&out->headers[i], arena, err);
    for (size_t i = 0; i < out->body_part_count && status == 0; i++) {
        out->body_parts[i] = arena_copy(arena, out->body_parts[i]);
        if (out->body_parts[i].ptr == NULL)
            status = err_set(err, -ENOMEM, "out of memory");
    }
    return status;
}

struct http_request outbound_request(const struct outbound *out)
{
    return (struct http_request){
        .method = out->method,
        .url = out->url,
        .headers = out->headers,
        .header_count = out->header_count,
        .body_parts = out->body_parts,
        .body_part_count = out->body_part_count,
    };
}

void outbound_mask_answer(struct http_request *http)
{
    struct buf *answer = &http->answer;

    /* Not HTTP_ANSWERED: it may have broken off. The headers are whole or none. */
    if (http->is_cut || http->failure != HTTP_ANSWERED)
        (void)secret_mask_cut_in_place(answer->ptr, answer->len); /* masked or not: both fine */
    else
        (void)secret_mask_in_place(answer->ptr, answer->len);
    (void)secret_mask_in_place(http->answer_headers.ptr, http->answer_headers.len);
}
