/* SPDX-License-Identifier: Apache-2.0
 * How services sign what they send to /hooks/: a row per scheme, and the one check for all of them.
 * Pure functions over outside bytes, with limits; fuzzed by tests/fuzz/hook. [any]
 *
 * Until the signature is found good the body is only hashed; but Twilio signs the fields of a form,
 * so that a form has to be taken apart before (hook_form.h, with its limits). */
#ifndef RULES_HOOK_SCHEME_H
#define RULES_HOOK_SCHEME_H

#include "base/err.h"
#include "base/hmac.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum hook_encoding { HOOK_HEX, HOOK_BASE64 };

/* Header names in lower case; NULL: there is none. */
struct hook_scheme {
    const char *name;
    const char *signature;       /* header; NULL: nothing is signed */
    char separator;              /* between pieces of that header; 0: it holds one signature */
    const char *prefix;          /* of a signature, taken off: "sha256=" */
    const char *timestamp_piece; /* the piece of that header that is the timestamp: "t=" */
    const char *timestamp;       /* header: seconds since 1970 */
    enum hmac_hash hash;
    enum hook_encoding encoding;
    const char *text;       /* what is signed, of {body}, {timestamp}, {id}, {url} and {form} */
    const char *key_prefix; /* behind it the key stands in base64 */
    const char *id;         /* header: the delivery's id */
    const char *id_member;  /* else a member of the JSON body */
    const char *type;       /* header: what happened */
    const char *challenge;  /* value of the body's "type": answered with its "challenge" */
    const char *answer_type, *answer; /* what the service wants to hear; NULL: our own JSON */
};

/* The row of this name, or NULL. */
const struct hook_scheme *hook_scheme_find(const char *name);

enum {
    HOOK_SECRETS_MAX = 8,
    HOOK_SECRET_BYTES_MIN = 8,
    HOOK_WORD_BYTES_MIN = 16, /* of each of several */
    HOOK_SIGNATURES_MAX = 16, /* in one header; those behind are not looked at */
    HOOK_HEADER_BYTES_MAX = 4096,
    HOOK_ID_BYTES_MAX = 255,
};

/* A scheme with what an ini says of it. */
struct hook_rules {
    struct hook_scheme scheme;
    struct str secrets[HOOK_SECRETS_MAX]; /* keys, as they are used */
    size_t secret_count;
    int64_t tolerance_s;
    struct str url; /* as the service calls us, without a query */
};
/* Several secrets stand behind each other with blanks between. As people also choose sentences,
 * only words that are all long enough to be secrets are several; otherwise the whole is one. `keys`
 * holds the bytes, and must live as long as the rules. The sentence of an error never quotes a
 * secret. 0, -EINVAL or -ENOMEM. */
int hook_rules_read_secrets(struct hook_rules *rules, struct str secrets, struct buf *keys,
                            struct err *err);

/* One request. `header` gives the first of a name, STR_NONE when there is none. */
struct hook_message {
    struct str body, query;
    struct str (*header)(void *user, const char *lower_case_name);
    void *user;
};

enum hook_verdict { HOOK_GENUINE, HOOK_UNSIGNED, HOOK_FORGED, HOOK_STALE };
struct hook_proof {
    struct str id; /* from the header; STR_NONE: none. Borrowed from the message */
    char mac[2 * HMAC_BYTES_MAX + 1]; /* of this very request, in hex; "" when nothing is signed */
};
/* Compares every signature with every secret, whatever the first ones give. The window is looked at
 * last, so that only who knows a secret is told of it. Not GENUINE: err says why. */
enum hook_verdict hook_verify(const struct hook_rules *rules, const struct hook_message *message,
                              int64_t now_s, struct hook_proof *out, struct err *err);

#endif
