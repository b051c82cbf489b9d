/* SPDX-License-Identifier: Apache-2.0
 * The file has a JSON object a line. One write at a time; what changes meanwhile goes with the next
 * one, and everybody who waits is told by the first that holds their change. */
#include "api/api_token_set.h"

#include "api/api_scope.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/log.h"
#include "base/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    FILE_BYTES_MAX = 8 * 1024 * 1024,
    SECRET_BYTES = 32,
    ID_BYTES = 4,
    LOOK_MS = 60000, /* at times that run out, and at uses that are not on disk */
};

static const char token_start[] = "tenon_";

struct waiter {
    void (*done)(void *user, int status, const struct err *err);
    void *user;
    struct waiter *next;
};

struct saving {
    struct work work;          /* first: the work is the saving */
    struct api_token_set *set; /* NULL: closed meanwhile */
    char *path;
    struct buf text;
    struct waiter *waiters;
    int status;
    struct err err;
};

struct api_token_set {
    struct loop *loop;
    char *path;
    struct api_token *first;
    size_t count;
    bool is_begun;
    bool is_used; /* some used_ms is not on disk */
    struct saving *saving;
    struct waiter *waiters; /* for the next one */
    struct loop_timer *look;
    void (*gone)(void *user, const struct api_token *token);
    void *gone_user;
};

/* ---- the file ---- */

static void put_token(struct buf *out, const struct api_token *token)
{
    char hash[2 * sizeof(token->hash) + 1];

    hex_encode(token->hash, sizeof(token->hash), hash);
    buf_putc(out, '{');
    json_put_member(out, "name", str_of(token->name));
    json_put_member(out, "prefix", str_of(token->prefix));
    json_put_member(out, "sha256", str_of(hash));
    json_put_member(out, "scope", str_of(token->scopes));
    json_put_int(out, "created_ms", token->created_ms);
    json_put_int(out, "expires_ms", token->expires_ms);
    json_put_int(out, "used_ms", token->used_ms);
    buf_puts(out, "}\n");
}

static void put_all(struct buf *out, const struct api_token_set *set)
{
    for (const struct api_token *token = set->first; token != NULL; token = token->next)
        put_token(out, token);
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (i > 0 && (c == '-' || c == '_' || c == '.'))))
            return false;
    }
    return name.len > 0 && name.len <= API_TOKEN_NAME_MAX;
}

static bool read_text(struct str value, char *out, size_t size)
{
    _buf_ struct buf text = {0};

    if (value.len == 0 || json_kind_of(value) != JSON_STRING)
        return false;
    json_unquote(value, &text);
    if (text.failed || text.len >= size)
        return false;
    memcpy(out, buf_str(&text).ptr, text.len + 1); /* with its NUL */
    return true;
}

static void token_destroy(struct api_token *token)
{
    if (token == NULL)
        return;
    free(token->scopes);
    free(token);
}
DEFINE_GUARD(token, struct api_token *, token_destroy);

/* NULL: the line is not one of ours. */
static struct api_token *read_token(struct str line)
{
    static const char *const names[] = {"name",       "prefix",     "sha256", "scope",
                                        "created_ms", "expires_ms", "used_ms"};
    struct str values[7] = {0};
    char hash[65];
    char scopes[API_SCOPE_TEXT_MAX + 1];
    _guard_(token) struct api_token *token = calloc(1, sizeof(*token));

    if (token == NULL || json_check(line, NULL) < 0 || json_pick(line, names, 7, values) < 0 ||
        !read_text(values[0], token->name, sizeof(token->name)) || !is_name(str_of(token->name)) ||
        !read_text(values[1], token->prefix, sizeof(token->prefix)) ||
        !read_text(values[2], hash, sizeof(hash)) ||
        !hex_decode(str_of(hash), token->hash, sizeof(token->hash)) ||
        !read_text(values[3], scopes, sizeof(scopes)) ||
        api_scope_check(str_of(scopes), NULL) < 0 ||
        str_to_i64(values[4], &token->created_ms) < 0 ||
        str_to_i64(values[5], &token->expires_ms) < 0 || str_to_i64(values[6], &token->used_ms) < 0)
        return NULL;
    token->scopes = str_dup(str_of(scopes));
    return token->scopes != NULL ? steal(token) : NULL;
}

/* In order of their names. False: one has this name already. */
static bool insert(struct api_token_set *set, struct api_token *token)
{
    struct api_token **place = &set->first;

    while (*place != NULL && strcmp((*place)->name, token->name) < 0)
        place = &(*place)->next;
    if (*place != NULL && strcmp((*place)->name, token->name) == 0)
        return false;
    token->next = *place;
    *place = token;
    set->count++;
    return true;
}

static int read_file(struct api_token_set *set, struct err *err)
{
    _buf_ struct buf text = {0};
    struct stat facts;
    struct str rest;
    struct str line;
    size_t number = 0;

    if (set->path == NULL || (stat(set->path, &facts) < 0 && errno == ENOENT))
        return 0;
    int status = file_read(set->path, FILE_BYTES_MAX, &text, err);
    if (status < 0)
        return status;
    set->is_begun = true;
    rest = buf_str(&text);
    while (str_next(&rest, '\n', &line)) {
        number++;
        if (str_trim(line).len == 0)
            continue;
        struct api_token *token = read_token(line);
        if (token == NULL || !insert(set, token)) {
            token_destroy(token);
            return err_set(err, E_SYNTAX,
                           "%s:%zu: this is not a token as `tenon token create` writes it, or "
                           "there was not enough memory; take the line out, or the file back from "
                           "a backup",
                           set->path, number);
        }
    }
    return 0;
}

/* ---- saving ---- */

static void tell(struct waiter *waiters, int status, const struct err *err)
{
    struct waiter *next;

    for (; waiters != NULL; waiters = next) {
        next = waiters->next;
        if (waiters->done != NULL)
            waiters->done(waiters->user, status, err);
        free(waiters);
    }
}

/* On a thread of its own. */
static void write_down(struct work *work)
{
    struct saving *saving = (struct saving *)(void *)work;

    saving->status = file_write(saving->path, buf_str(&saving->text), 0600, &saving->err);
}

static void saving_destroy(struct saving *saving)
{
    buf_finish(&saving->text);
    free(saving->path);
    free(saving);
}

static void start_saving(struct api_token_set *set);

static void written(struct work *work)
{
    struct saving *saving = (struct saving *)(void *)work;
    struct api_token_set *set = saving->set;

    if (saving->status < 0)
        log_error("the tokens cannot be written, changes to them end with this run",
                  F_ERR(&saving->err));
    if (set != NULL) {
        set->saving = NULL;
        set->is_begun |= saving->status == 0;
        if (set->waiters != NULL)
            start_saving(set);
    }
    tell(saving->waiters, saving->status, &saving->err);
    saving_destroy(saving);
}

static void start_saving(struct api_token_set *set)
{
    struct saving *saving = calloc(1, sizeof(*saving));
    struct waiter *waiters = set->waiters;
    struct err err = {0};

    set->waiters = NULL;
    if (saving != NULL) {
        saving->path = str_dup(str_of(set->path));
        put_all(&saving->text, set);
    }
    if (saving == NULL || saving->path == NULL || saving->text.failed) {
        (void)err_set(&err, -ENOMEM, "out of memory");
    } else {
        saving->work.run = write_down;
        saving->work.done = written;
        saving->set = set;
        saving->waiters = waiters;
        if (work_start(&saving->work, set->loop, &err) == 0) {
            set->saving = saving;
            set->is_used = false;
            return;
        }
    }
    if (saving != NULL)
        saving_destroy(saving);
    tell(waiters, err.code, &err);
}

void api_token_set_save(struct api_token_set *set,
                        void (*done)(void *user, int status, const struct err *err), void *user)
{
    struct waiter **tail = &set->waiters;
    struct waiter *waiter = calloc(1, sizeof(*waiter));

    if (waiter == NULL) {
        struct err err = {0};
        int status = err_set(&err, -ENOMEM, "out of memory");
        if (done != NULL)
            done(user, status, &err);
        return;
    }
    *waiter = (struct waiter){.done = done, .user = user};
    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = waiter;
    if (set->saving == NULL)
        start_saving(set);
}

/* ---- life ---- */

static bool is_over(const struct api_token *token)
{
    return token->expires_ms != 0 && token->expires_ms <= clock_wall_ms();
}

/* Views that are open end with their token's time, not with the next request. */
static void on_look(void *user)
{
    struct api_token_set *set = user;

    for (const struct api_token *token = set->first; token != NULL; token = token->next)
        if (is_over(token) && set->gone != NULL)
            set->gone(set->gone_user, token);
    if (set->is_used)
        api_token_set_save(set, NULL, NULL);
    loop_timer_set(set->look, LOOK_MS);
}

struct api_token_set *api_token_set_open(struct loop *loop, const char *state_dir, struct err *err)
{
    struct api_token_set *set = calloc(1, sizeof(*set));

    if (set == NULL ||
        (state_dir != NULL && (set->path = file_join(state_dir, "tokens")) == NULL) ||
        (set->look = loop_timer_create(loop, on_look, set)) == NULL) {
        api_token_set_close(set);
        (void)err_set(err, -ENOMEM, "no memory for the tokens"); /* NULL tells */
        return NULL;
    }
    set->loop = loop;
    if (read_file(set, err) < 0) {
        api_token_set_close(set);
        return NULL;
    }
    if (set->first != NULL)
        loop_timer_set(set->look, LOOK_MS);
    return set;
}

void api_token_set_close(struct api_token_set *set)
{
    struct err err = {0};
    _buf_ struct buf text = {0};

    if (set == NULL)
        return;
    loop_timer_destroy(set->look);
    if (set->saving != NULL) {
        work_wait(&set->saving->work);
        set->saving->set = NULL;
    }
    if (set->path != NULL && (set->waiters != NULL || set->is_used)) {
        put_all(&text, set);
        int status = text.failed ? err_set(&err, -ENOMEM, "out of memory")
                                 : file_write(set->path, buf_str(&text), 0600, &err);
        tell(set->waiters, status, &err);
    }
    while (set->first != NULL) {
        struct api_token *token = set->first;
        set->first = token->next;
        token_destroy(token);
    }
    free(set->path);
    free(set);
}

void api_token_set_tell(struct api_token_set *set,
                        void (*gone)(void *user, const struct api_token *token), void *user)
{
    set->gone = gone;
    set->gone_user = user;
}

bool api_token_set_is_begun(const struct api_token_set *set)
{
    return set->is_begun || set->first != NULL;
}

const struct api_token *api_token_set_first(const struct api_token_set *set)
{
    return set->first;
}

const struct api_token *api_token_set_named(const struct api_token_set *set, struct str name)
{
    for (const struct api_token *token = set->first; token != NULL; token = token->next)
        if (str_is(name, token->name))
            return token;
    return NULL;
}

const struct api_token *api_token_set_find(struct api_token_set *set, struct str text)
{
    uint8_t hash[32];

    if (!str_starts_with(text, token_start))
        return NULL;
    digest_sha256(text, hash);
    for (struct api_token *token = set->first; token != NULL; token = token->next) {
        /* The prefix is no secret; what stands behind it is compared in constant time. */
        if (!str_starts_with(text, token->prefix) ||
            !digest_equals(token->hash, hash, sizeof(hash)))
            continue;
        if (is_over(token))
            return NULL;
        token->used_ms = clock_wall_ms();
        set->is_used = true;
        return token;
    }
    return NULL;
}

/* tenon_<what it is told by>_<what nobody can guess>, letters and digits of URLs alone. */
static void make_text(struct api_token *token, struct buf *out)
{
    uint8_t id[ID_BYTES];
    uint8_t secret[SECRET_BYTES];
    char digits[2 * ID_BYTES + 1];
    size_t start = out->len;

    digest_random(id, sizeof(id));
    digest_random(secret, sizeof(secret));
    hex_encode(id, sizeof(id), digits);
    (void)snprintf(token->prefix, sizeof(token->prefix), "%s%s", token_start, digits); /* fits */
    buf_printf(out, "%s_", token->prefix);
    base64_encode((struct str){(const char *)secret, sizeof(secret)}, out);
    for (size_t i = start; i < out->len; i++)
        out->ptr[i] = out->ptr[i] == '+' ? '-' : out->ptr[i] == '/' ? '_' : out->ptr[i];
    while (out->len > start && out->ptr[out->len - 1] == '=')
        out->ptr[--out->len] = '\0';
    digest_sha256((struct str){buf_str(out).ptr + start, out->len - start}, token->hash);
    explicit_bzero(secret, sizeof(secret));
}

int api_token_set_add(struct api_token_set *set, struct str name, struct str scopes,
                      int64_t expires_ms, struct buf *out_text, struct err *err)
{
    if (set->path == NULL)
        return err_set(err, E_REFUSED, "there is no state directory to keep tokens in");
    if (!is_name(name))
        return err_set(err, -EINVAL,
                       "'%.*s' is not a name for a token: letters, digits, '-', '_' and '.', at "
                       "most %d",
                       STR_ARG(name), API_TOKEN_NAME_MAX);
    if (api_scope_check(scopes, err) < 0)
        return -EINVAL;
    if (api_token_set_named(set, name) != NULL)
        return err_set(err, E_REFUSED,
                       "there is a token '%.*s' already; revoke it, or take another name",
                       STR_ARG(name));
    if (set->count >= API_TOKENS_MAX)
        return err_set(err, E_REFUSED, "there are %d tokens, and that is the most; revoke one",
                       API_TOKENS_MAX);
    _guard_(token) struct api_token *token = calloc(1, sizeof(*token));
    if (token == NULL || (token->scopes = str_dup(str_trim(scopes))) == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    memcpy(token->name, name.ptr, name.len); /* is_name: it fits */
    token->created_ms = clock_wall_ms();
    token->expires_ms = expires_ms;
    make_text(token, out_text);
    if (out_text->failed)
        return err_set(err, -ENOMEM, "out of memory");
    (void)insert(set, steal(token)); /* the name is free, see above */
    loop_timer_set(set->look, LOOK_MS);
    return 0;
}

bool api_token_set_remove(struct api_token_set *set, struct str name)
{
    for (struct api_token **place = &set->first; *place != NULL; place = &(*place)->next) {
        struct api_token *token = *place;
        if (!str_is(name, token->name))
            continue;
        *place = token->next;
        set->count--;
        if (set->gone != NULL)
            set->gone(set->gone_user, token);
        token_destroy(token);
        return true;
    }
    return false;
}
