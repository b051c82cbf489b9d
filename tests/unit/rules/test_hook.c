/* SPDX-License-Identifier: Apache-2.0
 * Signatures of inbound webhooks: the examples that the services publish, and what is near them. */
#include "rules/hook_form.h"
#include "rules/hook_scheme.h"

#include "base/digest.h"
#include "base/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct header {
    const char *name, *value;
};

/* A published example. */
struct example {
    const char *scheme, *secret, *url, *query, *body;
    int64_t now_s;
    struct header headers[5];
};

#define SLACK_BODY                                                                                 \
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="         \
    "G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-"     \
    "collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%"             \
    "2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."               \
    "803a0bc887a14d10d2c447fce8b6703c"

static const struct example examples[] = {
    {.scheme = "github",
     .secret = "It's a Secret to Everybody",
     .body = "Hello, World!",
     .headers = {{"x-hub-signature-256",
                  "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}}},
    {.scheme = "slack",
     .secret = "8f742231b10e8888abcd99yyyzzz85a5",
     .body = SLACK_BODY,
     .now_s = 1531420618,
     .headers = {{"x-slack-signature",
                  "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
                 {"x-slack-request-timestamp", "1531420618"}}},
    {.scheme = "twilio",
     .secret = "12345",
     .url = "https://mycompany.com/myapp.php",
     .query = "foo=1&bar=2",
     .body = "Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid="
             "CA1234567890ABCDE",
     .headers = {{"content-type", "application/x-www-form-urlencoded; charset=UTF-8"},
                 {"x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="}}},
    {.scheme = "standard-webhooks",
     .secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
     .body = "{\"test\": 2432232314}",
     .now_s = 1614265330,
     .headers = {{"webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"},
                 {"webhook-timestamp", "1614265330"},
                 {"webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}}},
    /* Stripe publishes none; this is its own library's. */
    {.scheme = "stripe",
     .secret = "whsec_test_secret",
     .body = "{\"id\":\"evt_test_webhook\",\"object\":\"event\"}",
     .now_s = 1700000000,
     .headers = {{"stripe-signature",
                  "t=1700000000,"
                  "v1=d95c6b7477fbd7e9f90b1b0ef5f9c7ac25abca5382460e0d988c2b2a5b71b990"}}},
};
enum { EXAMPLES = sizeof(examples) / sizeof(examples[0]) };

static struct str find_header(void *user, const char *name)
{
    const struct header *headers = user;

    for (; headers->name != NULL; headers++)
        if (strcmp(headers->name, name) == 0)
            return str_of(headers->value);
    return STR_NONE;
}

/* Secrets are taken as they stand: some that are published would be too short for an ini. */
static enum hook_verdict verify(const struct example *example, int64_t tolerance_s,
                                struct hook_proof *out)
{
    struct hook_rules rules = {.scheme = *hook_scheme_find(example->scheme),
                               .tolerance_s = tolerance_s,
                               .url = str_of(example->url)};
    struct header headers[6] = {{NULL, NULL}};
    struct buf keys = {0};
    struct err err = {0};

    memcpy(headers, example->headers, sizeof(example->headers));
    if (strlen(example->secret) < HOOK_SECRET_BYTES_MIN) {
        rules.secrets[0] = str_of(example->secret);
        rules.secret_count = 1;
    } else {
        assert_int_equal(hook_rules_read_secrets(&rules, str_of(example->secret), &keys, &err), 0);
    }
    const struct hook_message message = {.body = str_of(example->body),
                                         .query = str_of(example->query),
                                         .header = find_header,
                                         .user = headers};
    enum hook_verdict verdict = hook_verify(&rules, &message, example->now_s, out, &err);
    if (verdict != HOOK_GENUINE)
        assert_true(err.text[0] != '\0' && strstr(err.text, example->secret) == NULL);
    buf_finish(&keys);
    return verdict;
}

static void published_examples_are_genuine(void **state)
{
    struct hook_proof proof;

    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        assert_int_equal(verify(&examples[i], 300, &proof), HOOK_GENUINE);
        assert_true(proof.mac[0] != '\0');
    }
    assert_int_equal(verify(&examples[3], 300, &proof), HOOK_GENUINE);
    assert_true(str_is(proof.id, "msg_p5jXN8AQM9LWM0D4loKWxJek"));
}

/* One byte of the body, of each header, of the secret: each in turn. */
static void every_byte_counts(void **state)
{
    struct hook_proof proof;

    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        const char *const parts[] = {examples[i].body, examples[i].headers[0].value,
                                     examples[i].headers[1].value, examples[i].headers[2].value,
                                     examples[i].query};
        for (size_t part = 0; part < sizeof(parts) / sizeof(parts[0]); part++) {
            bool is_type = part > 0 && part < 4 && examples[i].headers[part - 1].name != NULL &&
                           strcmp(examples[i].headers[part - 1].name, "content-type") == 0;
            for (size_t at = 0; parts[part] != NULL && !is_type && parts[part][at] != '\0'; at++) {
                struct example changed = examples[i];
                char *copy = strdup(parts[part]);
                copy[at] = (char)(copy[at] ^ 1);
                if (part == 0)
                    changed.body = copy;
                else if (part == 4)
                    changed.query = copy;
                else
                    changed.headers[part - 1].value = copy;
                enum hook_verdict verdict = verify(&changed, 300, &proof);
                assert_int_not_equal(verdict, HOOK_GENUINE);
                assert_int_not_equal(verdict, HOOK_STALE);
                free(copy);
            }
        }
    }
}

static void window_is_looked_at_last(void **state)
{
    struct hook_proof proof;

    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        struct example late = examples[i];
        if (late.now_s == 0)
            continue;
        late.now_s += 300;
        assert_int_equal(verify(&late, 300, &proof), HOOK_GENUINE);
        late.now_s += 1;
        assert_int_equal(verify(&late, 300, &proof), HOOK_STALE);
        late.now_s -= 602;
        assert_int_equal(verify(&late, 300, &proof), HOOK_STALE);
        late.body = "forged";
        assert_int_equal(verify(&late, 300, &proof), HOOK_FORGED);
    }
}

static void stripe_says_the_time_once(void **state)
{
    struct example example = examples[4];
    struct hook_proof proof;
    char header[400];

    (void)state;
    const char *good = example.headers[0].value;
    snprintf(header, sizeof(header), "%s,t=1700000001", good);
    example.headers[0].value = header;
    assert_int_equal(verify(&example, 300, &proof), HOOK_FORGED);
    snprintf(header, sizeof(header), "v0=00,v1=00, v1=%064d,%s", 0, good);
    assert_int_equal(verify(&example, 300, &proof), HOOK_GENUINE);
    snprintf(header, sizeof(header), "%s", good + 13); /* no time */
    assert_int_equal(verify(&example, 300, &proof), HOOK_UNSIGNED);
}

static void many_signatures_are_not_looked_at(void **state)
{
    struct example example = examples[3];
    struct hook_proof proof;
    struct buf header = {0};

    (void)state;
    for (int i = 0; i < HOOK_SIGNATURES_MAX; i++)
        buf_puts(&header, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ");
    buf_puts(&header, example.headers[2].value);
    example.headers[2].value = header.ptr;
    assert_int_equal(verify(&example, 300, &proof), HOOK_FORGED);
    buf_finish(&header);
}

/* ---- secrets ---- */

static size_t read_secrets(const char *scheme, const char *text, int wanted, struct buf *keys)
{
    struct hook_rules rules = {.scheme = *hook_scheme_find(scheme)};
    struct err err = {0};

    buf_clear(keys);
    assert_int_equal(hook_rules_read_secrets(&rules, str_of(text), keys, &err), wanted);
    return rules.secret_count;
}

static void secrets_stand_behind_each_other(void **state)
{
    struct buf keys = {0};

    (void)state;
    assert_int_equal(read_secrets("github", "0123456789abcdef  fedcba9876543210\n", 0, &keys), 2);
    assert_true(str_is(buf_str(&keys), "0123456789abcdeffedcba9876543210"));
    assert_int_equal(read_secrets("github", " a sentence of words ", 0, &keys), 1);
    assert_true(str_is(buf_str(&keys), "a sentence of words"));
    assert_int_equal(
        read_secrets("standard-webhooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0, &keys), 1);
    assert_int_equal(keys.len, 24);
    assert_int_equal(read_secrets("stripe", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 0, &keys), 1);
    assert_int_equal(keys.len, 38);
    (void)read_secrets("github", "short", -EINVAL, &keys);
    (void)read_secrets("standard-webhooks", "whsec_!!!!!!!!!!!!!!!!", -EINVAL, &keys);
    (void)read_secrets("github",
                       "0123456789abcdef 0123456789abcdef 0123456789abcdef 0123456789abcdef "
                       "0123456789abcdef 0123456789abcdef 0123456789abcdef 0123456789abcdef "
                       "0123456789abcdef",
                       -EINVAL, &keys);
    buf_finish(&keys);
}

/* ---- forms ---- */

static void fields_come_in_order_and_once(void **state)
{
    struct buf out = {0};

    (void)state;
    assert_int_equal(hook_form_put_sorted(STR("b=2&a=%2B+x&b=1&c&b=2&"), &out), 0);
    assert_true(str_is(buf_str(&out), "a+ xb1b2c"));
    buf_clear(&out);
    assert_int_equal(hook_form_put_sorted(STR("a=%2"), &out), -EINVAL);
    assert_int_equal(hook_form_put_sorted(STR(""), &out), 0);
    assert_int_equal(out.len, 0);
    for (int i = 0; i <= HOOK_FIELDS_MAX; i++)
        buf_puts(&out, "a&");
    struct buf sorted = {0};
    assert_int_equal(hook_form_put_sorted(buf_str(&out), &sorted), -EINVAL);
    buf_finish(&sorted);
    buf_finish(&out);
}

static void check_json(const char *type, const char *body, int status, const char *wanted)
{
    struct buf space = {0};
    struct str json = STR_NONE;
    struct err err = {0};

    assert_int_equal(hook_body_json(str_of(type), str_of(body), &space, &json, &err), status);
    if (status == 0) {
        assert_int_equal(json_check(json, NULL), 0);
        assert_true(str_is(json, wanted));
    } else {
        assert_true(err.text[0] != '\0');
    }
    buf_finish(&space);
}

static void bodies_become_json(void **state)
{
    static const char form[] = "application/x-www-form-urlencoded";

    (void)state;
    check_json("application/json; charset=utf-8", "{\"a\":1}", 0, "{\"a\":1}");
    check_json("application/cloudevents+json", "[]", 0, "[]");
    check_json("", "7", 0, "7");
    check_json(form, "payload=%7B%22a%22%3A1%7D", 0, "{\"a\":1}");
    check_json(form, "payload=plain", 0, "{\"payload\":\"plain\"}");
    check_json(form, "a=1&b=%00%ff&a=2&c", 0,
               "{\"a\":[\"1\",\"2\"],\"b\":\"\xef\xbf\xbd\xef\xbf\xbd\",\"c\":\"\"}");
    check_json(form, "", 0, "{}");
    check_json(form, "%", E_SYNTAX, NULL);
    check_json("application/json", "{", E_SYNTAX, NULL);
    check_json("multipart/form-data; boundary=x", "", E_REFUSED, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_examples_are_genuine),
        cmocka_unit_test(every_byte_counts),
        cmocka_unit_test(window_is_looked_at_last),
        cmocka_unit_test(stripe_says_the_time_once),
        cmocka_unit_test(many_signatures_are_not_looked_at),
        cmocka_unit_test(secrets_stand_behind_each_other),
        cmocka_unit_test(fields_come_in_order_and_once),
        cmocka_unit_test(bodies_become_json),
    };

    if (digest_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
