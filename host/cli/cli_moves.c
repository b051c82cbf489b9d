/* SPDX-License-Identifier: Apache-2.0
 * `submission retry` and `submission discard`. The daemon does a piece a request and says where the
 * next begins; this asks until there is none, so breaking off loses nothing and leaves nothing
 * running. */
#include "cli/cli_functions.h"

#include "base/json.h"
#include "cli/cli_filter.h"
#include "cli/cli_progress.h"

#include <stdio.h>
#include <unistd.h>

enum { PIECE = 5000, KINDS_MAX = 8 };

struct kind {
    char name[32];
    int64_t count;
};

struct moving {
    struct cli *cli;
    bool is_retry, is_dry_run;
    int64_t matched, moved, where_failed;
    struct kind kinds[KINDS_MAX]; /* of those not moved, by why */
    size_t kind_count;
    struct buf where_words;
    struct cli_progress progress;
};

/* ---- asking ---- */

static void put_flag(struct buf *body, const struct cli *cli, const char *option, const char *name)
{
    if (cli_option_is_set(cli, option))
        json_put_raw(body, name, STR("true"));
}

static int put_numbers(struct buf *body, const struct cli *cli)
{
    if (cli->argument_count == 0)
        return CLI_DONE;
    buf_puts(body, ",\"numbers\":[");
    for (size_t i = 0; i < cli->argument_count; i++) {
        int64_t number;
        if (str_to_i64(str_of(cli->arguments[i]), &number) < 0 || number < 1)
            return cli_fail(CLI_USAGE, "'%s' is no submission's number", cli->arguments[i]);
        buf_printf(body, "%s%lld", i > 0 ? "," : "", (long long)number);
    }
    buf_putc(body, ']');
    return CLI_DONE;
}

/* All but "after", and without its closing brace. */
static int put_request(struct buf *body, const struct cli *cli)
{
    buf_printf(body, "{\"limit\":%d", (int)PIECE);
    cli_filter_put_members(body, cli);
    put_flag(body, cli, "all", "all");
    put_flag(body, cli, "new-key", "new_key");
    put_flag(body, cli, "dry-run", "dry_run");
    return put_numbers(body, cli);
}

static void add_kind(struct moving *moving, const char *name, int64_t count)
{
    size_t i = 0;

    while (i < moving->kind_count && strcmp(moving->kinds[i].name, name) != 0)
        i++;
    if (i == KINDS_MAX)
        return;
    if (i == moving->kind_count)
        (void)snprintf(moving->kinds[moving->kind_count++].name, sizeof(moving->kinds[0].name),
                       "%s", name); /* names are short */
    moving->kinds[i].count += count;
}

static void add_piece(struct moving *moving, const struct json_t *piece)
{
    const char *name;
    const struct json_t *count;
    const struct json_t *kinds = cli_json_member(piece, "not_moved");

    moving->matched += cli_json_number(piece, "matched");
    moving->moved += cli_json_number(piece, "moved");
    moving->where_failed += cli_json_number(piece, "where_failed");
    if (moving->where_words.len == 0)
        buf_puts(&moving->where_words, cli_json_text(piece, "where_words"));
    for (size_t i = 0; cli_json_pair(kinds, i, &name, &count); i++)
        add_kind(moving, name, cli_json_number(kinds, name));
}

/* ---- telling ---- */

static void put_words(struct buf *out, const char *name)
{
    for (; *name != '\0'; name++)
        buf_putc(out, *name == '_' ? ' ' : *name);
}

static void put_refused(const struct moving *moving, struct buf *out)
{
    if (moving->matched == moving->moved)
        return;
    buf_puts(out, "; ");
    cli_text_put_count(out, moving->matched - moving->moved);
    buf_puts(out, " not moved: ");
    for (size_t i = 0; i < moving->kind_count; i++) {
        buf_puts(out, i > 0 ? ", " : "");
        if (moving->kind_count > 1) {
            cli_text_put_count(out, moving->kinds[i].count);
            buf_putc(out, ' ');
        }
        put_words(out, moving->kinds[i].name);
    }
}

static void put_sentence(const struct moving *moving, struct buf *out)
{
    if (moving->matched == 0)
        buf_puts(out, "nothing matches");
    else
        cli_text_put_count(out, moving->moved);
    if (moving->matched > 0 && moving->is_dry_run)
        buf_puts(out, moving->is_retry ? " would be tried again" : " would be discarded");
    else if (moving->matched > 0)
        buf_puts(out, moving->is_retry ? " queued to be tried again" : " discarded");
    put_refused(moving, out);
    buf_putc(out, '\n');
    if (moving->where_failed > 0) {
        buf_puts(out, "on ");
        cli_text_put_count(out, moving->where_failed);
        buf_puts(out, moving->where_failed == 1
                          ? " the expression itself failed, so it does not match: "
                          : " the expression itself failed, so they do not match: ");
        cli_text_put(out, buf_str(&moving->where_words));
        buf_putc(out, '\n');
    }
}

static int print_json(const struct moving *moving, const struct json_t *first)
{
    _buf_ struct buf out = {0};

    buf_putc(&out, '{');
    json_put_raw(&out, "dry_run", moving->is_dry_run ? STR("true") : STR("false"));
    json_put_int(&out, "matched", moving->matched);
    json_put_int(&out, "moved", moving->moved);
    buf_puts(&out, ",\"not_moved\":{");
    for (size_t i = 0; i < moving->kind_count; i++)
        json_put_int(&out, moving->kinds[i].name, moving->kinds[i].count);
    buf_putc(&out, '}');
    if (moving->where_failed > 0) {
        json_put_int(&out, "where_failed", moving->where_failed);
        json_put_member(&out, "where_words", buf_str(&moving->where_words));
    }
    buf_puts(&out, ",\"first\":");
    cli_json_put(&out, first, 0);
    buf_puts(&out, "}\n");
    return cli_print(&out);
}

static int tell(const struct moving *moving, const struct json_t *first)
{
    _buf_ struct buf out = {0};
    const struct cli *cli = moving->cli;
    int code;

    if (cli->is_json) {
        code = print_json(moving, first);
    } else {
        put_sentence(moving, &out);
        code = cli_print(&out);
        if (code == CLI_DONE && cli_json_count(first) > 0)
            code = cli_submission_print(cli, first);
    }
    /* Who names numbers means every one of them. */
    if (code == CLI_DONE && cli->argument_count > 0 && moving->moved < moving->matched)
        code = CLI_REFUSED;
    return code;
}

/* ---- the command ---- */

static int move_all(struct moving *moving, const char *path, struct buf *body)
{
    struct cli *cli = moving->cli;
    size_t fixed_len = body->len;
    _answer_ struct cli_answer answer = {0};
    _answer_ struct cli_answer first = {0};
    bool has_first = false;

    for (;;) {
        struct cli_answer *piece = has_first ? &answer : &first;
        buf_putc(body, '}');
        int code = cli_call(cli, "POST", str_of(path), buf_str(body), piece);
        cli_progress_clear(&moving->progress);
        if (code != CLI_DONE) {
            if (moving->matched > 0)
                (void)cli_fail(code, "broke off with %lld moved", (long long)moving->moved);
            return code;
        }
        add_piece(moving, piece->json);
        has_first |= cli_json_count(cli_json_member(first.json, "first")) > 0;
        if (!cli_json_has_number(piece->json, "next"))
            break;
        cli_progress_show(&moving->progress, 0, moving->matched);
        body->len = fixed_len;
        json_put_int(body, "after", cli_json_number(piece->json, "next"));
    }
    return tell(moving, cli_json_member(first.json, "first"));
}

static int move(struct cli *cli, bool is_retry)
{
    _buf_ struct buf body = {0};
    struct moving moving = {
        .cli = cli, .is_retry = is_retry, .is_dry_run = cli_option_is_set(cli, "dry-run")};
    bool is_shown = isatty(STDERR_FILENO) && !cli->is_json;

    if (cli->argument_count == 0 && !cli_filter_is_set(cli) && !cli_option_is_set(cli, "all"))
        return cli_fail(CLI_USAGE,
                        "which ones? Give numbers, or a filter such as --integration NAME, or "
                        "--all for every failed one");
    if (cli->argument_count > 0 && (cli_filter_is_set(cli) || cli_option_is_set(cli, "all")))
        return cli_fail(CLI_USAGE, "either numbers or a filter, not both");
    int code = put_request(&body, cli);
    if (code != CLI_DONE)
        return code;
    cli_progress_start(&moving.progress, is_shown, 0, cli->width);
    code = move_all(&moving, is_retry ? "/api/v1/submissions/retry" : "/api/v1/submissions/discard",
                    &body);
    buf_finish(&moving.where_words);
    return code;
}

int cli_submission_retry(struct cli *cli)
{
    return move(cli, true);
}

int cli_submission_discard(struct cli *cli)
{
    return move(cli, false);
}
