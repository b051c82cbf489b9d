/* SPDX-License-Identifier: Apache-2.0
 * A request to a hook as anybody may send it: a digit for the scheme, header lines, an empty line,
 * the body. None is genuine, since nobody knows the secret; and what a scheme's own sender sends
 * with the same body is. */
#include "base/digest.h"
#include "base/hex.h"
#include "base/json.h"
#include "http/http_head.h"
#include "rules/hook_form.h"
#include "rules/hook_scheme.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret[] = "the fuzzer does not know this";
static const char *const names[] = {"github", "stripe", "slack", "twilio", "standard-webhooks",
                                    "hmac"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static struct str find_header(void *user, const char *name)
{
    return http_head_header(*(struct str *)user, name);
}

static void try_genuine(struct str body)
{
    struct hook_rules rules = {
        .scheme = *hook_scheme_find("github"), .secrets = {str_of(secret)}, .secret_count = 1};
    uint8_t mac[HMAC_BYTES_MAX];
    char text[2 * HMAC_BYTES_MAX + 1];
    struct buf headers = {0};
    struct hook_proof proof;

    hex_encode(mac, hmac_sign(HMAC_SHA256, str_of(secret), body, mac), text);
    buf_printf(&headers, "X-Hub-Signature-256: sha256=%s\r\n", text);
    struct str lines = buf_str(&headers);
    const struct hook_message message = {.body = body, .header = find_header, .user = &lines};
    assert(hook_verify(&rules, &message, 0, &proof, NULL) == HOOK_GENUINE);
    assert(strcmp(proof.mac, text) == 0);
    buf_finish(&headers);
}

static void try_body(struct str type, struct str body)
{
    struct buf space = {0};
    struct str json = STR_NONE;
    struct err err = {0};

    if (hook_body_json(type, body, &space, &json, &err) == 0)
        assert(json_check(json, NULL) == 0);
    else
        assert(err.text[0] != '\0');
    buf_clear(&space);
    (void)hook_form_put_sorted(body, &space);
    buf_finish(&space);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str lines = {(const char *)data, size};
    struct str body = STR("");
    struct hook_proof proof;
    struct err err = {0};

    if (size == 0 || digest_init() < 0)
        return 0;
    struct hook_rules rules = {.scheme = *hook_scheme_find(names[data[0] % NAMES]),
                               .secrets = {str_of(secret), STR("nor this other one")},
                               .secret_count = 2,
                               .tolerance_s = 300,
                               .url = STR("https://x.example/hooks/a")};
    if (strcmp(rules.scheme.name, "hmac") == 0) {
        rules.scheme.signature = "x-signature";
        rules.scheme.encoding = HOOK_BASE64;
        rules.scheme.hash = HMAC_SHA512;
        rules.scheme.text = "{id}.{timestamp}.{body}{url";
        rules.scheme.timestamp = "x-time";
        rules.scheme.id = "x-id";
    }
    lines = (struct str){lines.ptr + 1, lines.len - 1};
    const char *end = memmem(lines.ptr, lines.len, "\n\n", 2);
    if (end != NULL) {
        body = (struct str){end + 2, lines.len - (size_t)(end - lines.ptr) - 2};
        lines.len = (size_t)(end - lines.ptr) + 1;
    }
    const struct hook_message message = {
        .body = body, .query = STR("bodySHA256=00"), .header = find_header, .user = &lines};
    assert(hook_verify(&rules, &message, 1700000000, &proof, &err) != HOOK_GENUINE);
    assert(err.text[0] != '\0');
    try_body(http_head_header(lines, "content-type"), body);
    try_genuine(body);
    return 0;
}
