/* SPDX-License-Identifier: Apache-2.0
 * The store's care: begun by one request, followed by asking how far it has come. */
#include "cli/cli_call.h"
#include "cli/cli_functions.h"
#include "cli/cli_text.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ASK_EVERY_MS = 200 };

static void show_progress(const struct cli *cli, const struct json_t *work, bool *is_shown)
{
    int64_t done = cli_json_number(work, "done");
    int64_t total = cli_json_number(work, "total");

    if (cli->is_json || isatty(STDERR_FILENO) == 0)
        return;
    *is_shown = true; /* a progress line that cannot be written is no loss */
    if (total > 0)
        (void)fprintf(stderr, "\r%s: %d %%\033[K", cli_json_text(work, "name"),
                      (int)(done * 100 / total));
    else
        (void)fprintf(stderr, "\r%s ...\033[K", cli_json_text(work, "name"));
}

/* Begins, waits for the end, and leaves the daemon's word on it in `out`, whose "work" is the
 * member to look at. */
static int follow(struct cli *cli, const char *path, struct str body, struct cli_answer *out)
{
    const struct timespec pause = {0, ASK_EVERY_MS * 1000000L};
    bool is_shown = false;
    _answer_ struct cli_answer begun = {0};
    int code = cli_call(cli, "POST", str_of(path), body, &begun);

    while (code == CLI_DONE) {
        guard_answer(out);
        *out = (struct cli_answer){0};
        code = cli_get(cli, STR("/api/v1/store"), out);
        const struct json_t *work = cli_json_member(out->json, "work");
        if (code != CLI_DONE || strcmp(cli_json_text(work, "state"), "running") != 0)
            break;
        show_progress(cli, work, &is_shown);
        (void)nanosleep(&pause, NULL); /* woken early it asks early */
    }
    if (is_shown)
        (void)fputs("\r\033[K", stderr); /* as above */
    if (code != CLI_DONE)
        return code;
    const struct json_t *work = cli_json_member(out->json, "work");
    if (strcmp(cli_json_text(work, "state"), "done") != 0)
        return cli_fail(CLI_REFUSED, "%s", cli_json_text(work, "error"));
    return CLI_DONE;
}

int cli_store_check(struct cli *cli)
{
    _answer_ struct cli_answer answer = {0};
    _buf_ struct buf out = {0};
    _buf_ struct buf count = {0};
    int code = follow(cli, "/api/v1/store/check", STR_NONE, &answer);
    const struct json_t *work = cli_json_member(answer.json, "work");
    const struct json_t *problems = cli_json_member(work, "problems");

    if (code != CLI_DONE)
        return code;
    bool is_ok = cli_json_is_true(work, "ok");
    if (cli->is_json) {
        code = cli_print_json(work);
    } else if (is_ok) {
        buf_puts(&out, "the store is in order\n");
        code = cli_print(&out);
    } else {
        for (size_t i = 0; i < cli_json_count(problems); i++) {
            cli_text_put(&out, str_of(cli_json_own_text(cli_json_item(problems, i))));
            buf_putc(&out, '\n');
        }
        code = cli_print(&out);
        cli_text_put_counted(&count, cli_json_number(work, "problem_count"), "problem", "problems");
        (void)cli_fail(CLI_REFUSED, "%s: restore a backup, or have the file looked at",
                       buf_str(&count).ptr); /* told below */
    }
    return code == CLI_DONE && !is_ok ? CLI_REFUSED : code;
}

int cli_store_compact(struct cli *cli)
{
    _answer_ struct cli_answer answer = {0};
    _buf_ struct buf out = {0};
    int code = follow(cli, "/api/v1/store/compact", STR_NONE, &answer);
    const struct json_t *work = cli_json_member(answer.json, "work");

    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_json(work);
    cli_text_put_bytes(&out, cli_json_number(work, "freed_bytes"));
    buf_puts(&out, " given back; ");
    cli_text_put_counted(&out, cli_json_number(work, "removed_submissions"), "submission",
                         "submissions");
    buf_puts(&out, " and the details of ");
    cli_text_put_count(&out, cli_json_number(work, "removed_details"));
    buf_puts(&out, " were of age; the file has ");
    cli_text_put_bytes(&out, cli_json_number(answer.json, "bytes"));
    buf_putc(&out, '\n');
    return cli_print(&out);
}

/* The daemon has another directory to start from. */
static int put_absolute(struct buf *out, const char *path)
{
    char here[4096];

    if (path[0] != '/') {
        if (getcwd(here, sizeof(here)) == NULL)
            return -1;
        buf_puts(out, here);
        buf_putc(out, '/');
    }
    buf_puts(out, path);
    return out->failed ? -1 : 0;
}

int cli_store_backup(struct cli *cli)
{
    _answer_ struct cli_answer answer = {0};
    _buf_ struct buf path = {0};
    _buf_ struct buf body = {0};
    _buf_ struct buf out = {0};

    if (put_absolute(&path, cli_argument(cli, 0)) < 0)
        return cli_fail(CLI_REFUSED, "cannot tell the present directory: give an absolute path");
    buf_putc(&body, '{');
    json_put_member(&body, "file", buf_str(&path));
    buf_putc(&body, '}');
    int code = follow(cli, "/api/v1/store/backup", buf_str(&body), &answer);
    const struct json_t *work = cli_json_member(answer.json, "work");
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_json(work);
    cli_text_put(&out, buf_str(&path));
    buf_puts(&out, ": ");
    cli_text_put_bytes(&out, cli_json_number(work, "bytes"));
    buf_puts(&out, "; to use it, stop tenond and put it in the place of the store's file\n");
    return cli_print(&out);
}
