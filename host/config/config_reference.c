/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_reference.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/secret.h"

#include <errno.h>
#include <sys/stat.h>

enum { REFERENCE_BYTES_MAX = 64 * 1024, NAME_MAX_BYTES = 255 };

static int fail(struct reference_problem *problem, enum config_code code)
{
    problem->code = code;
    problem->is_warning = false;
    return -1;
}

static bool is_name(struct str name, bool allows_dots)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!is_word && !(allows_dots && i > 0 && (c == '.' || c == '-')))
            return false;
    }
    return name.len > 0 && name.len <= NAME_MAX_BYTES;
}

/* Text that can be a value: no control characters but those that a multi-line secret (a key in PEM
 * form) has. */
static int take(struct str found, const char *what, const char *name, bool is_secret,
                struct buf *out, struct reference_problem *problem)
{
    if (!str_is_utf8(found)) {
        (void)err_set(&problem->err, E_SYNTAX, "%s '%s' is not plain UTF-8 text", what, name);
        return fail(problem, C018);
    }
    if (is_secret)
        secret_register(found);
    buf_add_str(out, found);
    return 0;
}

static int resolve_env(const char *name, bool is_secret, struct buf *out,
                       struct reference_problem *problem)
{
    const char *found = getenv(name);

    if (found == NULL) {
        (void)err_set(&problem->err, E_NOT_FOUND,
                      "the environment has no %s; export it, or name another variable", name);
        return fail(problem, C018);
    }
    return take(str_of(found), "the environment variable", name, is_secret, out, problem);
}

/* Links are followed: orchestrators mount secrets as links. So what counts is who may change the
 * file itself. */
static int look_at_mode(const char *path, bool is_secret, struct reference_problem *problem)
{
    struct stat info;

    if (stat(path, &info) < 0)
        return 0; /* reading it will say why */
    if (info.st_mode & S_IWOTH) {
        (void)err_set(&problem->err, E_REFUSED,
                      "anyone may write to '%s' (mode %04o): chmod o-w '%s'", path,
                      (unsigned)info.st_mode & 07777, path);
        return fail(problem, C019);
    }
    if (info.st_uid != 0 && info.st_uid != geteuid()) {
        (void)err_set(&problem->err, E_REFUSED,
                      "'%s' belongs to user %u, expected root or user %u, who runs this: chown it",
                      path, (unsigned)info.st_uid, (unsigned)geteuid());
        return fail(problem, C019);
    }
    if (is_secret && (info.st_mode & S_IROTH)) {
        (void)err_set(&problem->err, E_REFUSED,
                      "anyone may read the secret in '%s' (mode %04o): chmod o-r '%s'", path,
                      (unsigned)info.st_mode & 07777, path);
        problem->code = C019;
        problem->is_warning = true;
    }
    return 0;
}

static int resolve_file(const char *path, bool is_secret, struct buf *out,
                        struct reference_problem *problem)
{
    _buf_ struct buf bytes = {0};

    if (path[0] != '/') {
        (void)err_set(&problem->err, E_SYNTAX,
                      "${file:%s} must name an absolute path, ${file:/...}", path);
        return fail(problem, C017);
    }
    if (look_at_mode(path, is_secret, problem) < 0)
        return -1;
    struct err why = {0};
    if (file_read(path, REFERENCE_BYTES_MAX, &bytes, &why) < 0) {
        problem->err = why;
        return fail(problem, C018);
    }
    struct str found = buf_str(&bytes);
    if (found.len > 0 && found.ptr[found.len - 1] == '\n')
        found.len--;
    if (found.len > 0 && found.ptr[found.len - 1] == '\r')
        found.len--;
    return take(found, "the file", path, is_secret, out, problem);
}

static int resolve_cred(const char *name, bool is_secret, struct buf *out,
                        struct reference_problem *problem)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");

    if (directory == NULL || directory[0] != '/') {
        (void)err_set(
            &problem->err, E_NOT_FOUND,
            "${cred:%s} needs a systemd credential: add LoadCredential=%s:/path to the unit "
            "(CREDENTIALS_DIRECTORY is not set)",
            name, name);
        return fail(problem, C018);
    }
    _free_ char *path = file_join(directory, name);
    if (path == NULL) {
        (void)err_set(&problem->err, -ENOMEM, "out of memory");
        return fail(problem, C018);
    }
    return resolve_file(path, is_secret, out, problem);
}

/* `inside` is what stands between `${` and `}`. */
static int resolve_one(struct str inside, bool is_secret, struct buf *out,
                       struct reference_problem *problem)
{
    static const char *const kinds[] = {"env", "file", "cred"};
    const char *colon = inside.len > 0 ? memchr(inside.ptr, ':', inside.len) : NULL;
    struct str kind = {inside.ptr, colon != NULL ? (size_t)(colon - inside.ptr) : inside.len};
    struct str rest = colon != NULL ? (struct str){colon + 1, inside.len - kind.len - 1} : STR_NONE;
    _free_ char *name = str_dup(rest);
    size_t which = 0;

    while (which < 3 && !str_is(kind, kinds[which]))
        which++;
    if (colon == NULL || which == 3 || name == NULL ||
        (which == 1 ? rest.len == 0 : !is_name(rest, which == 2))) {
        /* A secret pasted between the braces is not repeated. */
        struct str shown = is_secret ? STR("...") : inside;
        (void)err_set(&problem->err, E_SYNTAX,
                      "'${%.*s}' is not a reference: write ${env:NAME}, ${file:/path} or "
                      "${cred:NAME}, and $${ for a plain "
                      "${",
                      (int)(shown.len > 60 ? 60 : shown.len), shown.ptr);
        return fail(problem, C017);
    }
    if (which == 0)
        return resolve_env(name, is_secret, out, problem);
    return which == 1 ? resolve_file(name, is_secret, out, problem)
                      : resolve_cred(name, is_secret, out, problem);
}

bool reference_is_in(struct str raw)
{
    for (size_t i = 0; i + 1 < raw.len; i++) {
        if (raw.ptr[i] != '$')
            continue;
        if (raw.ptr[i + 1] == '{')
            return true;
        if (raw.ptr[i + 1] == '$' && i + 2 < raw.len && raw.ptr[i + 2] == '{')
            i += 2;
    }
    return false;
}

bool reference_resolve(struct str raw, bool is_secret, struct buf *out,
                       struct reference_problem *problem)
{
    memset(problem, 0, sizeof *problem);
    for (size_t i = 0; i < raw.len; i++) {
        struct str rest = {raw.ptr + i, raw.len - i};
        if (str_starts_with(rest, "$${")) {
            buf_puts(out, "${");
            i += 2;
            continue;
        }
        if (!str_starts_with(rest, "${")) {
            buf_putc(out, raw.ptr[i]);
            continue;
        }
        const char *end = memchr(rest.ptr, '}', rest.len);
        if (end == NULL) {
            (void)err_set(&problem->err, E_SYNTAX, "a ${ without its }; write $${ for a plain ${");
            return fail(problem, C017) == 0;
        }
        if (resolve_one((struct str){rest.ptr + 2, (size_t)(end - rest.ptr) - 2}, is_secret, out,
                        problem) < 0)
            return false;
        i += (size_t)(end - rest.ptr);
    }
    return true;
}
