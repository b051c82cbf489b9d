/* SPDX-License-Identifier: Apache-2.0
 * Running a plugin's command: the daemon runs it in its worker, and its output comes here as it is
 * written. Its exit code is ours. */
#include "cli/cli_run.h"

#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_functions.h"
#include "cli/cli_output.h"
#include "cli/cli_target.h"
#include "cli/cli_typing.h"
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH_MAX = 10000 };

struct running {
    struct cli *cli;
    const char *integration, *command;
    struct cli_output output;
    struct cli_typing *typing; /* NULL: nothing was asked of standard input */
    char run[40];
    bool is_ended;
    int code;
    int problem; /* what came is no such answer, or could not be written */
};

/* ---- help ---- */

static int print_commands(const char *integration, const struct json_t *items)
{
    _buf_ struct buf out = {0};

    if (cli_json_count(items) == 0)
        return cli_fail(CLI_REFUSED, "integration '%s' has no commands of its own", integration);
    buf_printf(&out, "Commands of integration %s:\n", integration);
    for (size_t i = 0; i < cli_json_count(items); i++) {
        const struct json_t *item = cli_json_item(items, i);
        _buf_ struct buf left = {0};
        buf_printf(&left, "%s %s", cli_json_text(item, "name"), cli_json_text(item, "arguments"));
        buf_printf(&out, "  %-34s ", buf_str(&left).ptr);
        cli_text_put(&out, str_of(cli_json_text(item, "help")));
        buf_putc(&out, '\n');
    }
    buf_printf(&out, "\n'tenon %s COMMAND --help' tells more.\n", integration);
    return cli_print(&out);
}

static int print_command(const char *integration, const struct json_t *command)
{
    _buf_ struct buf out = {0};
    struct str more = str_of(cli_json_text(command, "more"));
    struct str line;

    buf_printf(&out, "tenon %s %s %s\n\n", integration, cli_json_text(command, "name"),
               cli_json_text(command, "arguments"));
    cli_text_put(&out, str_of(cli_json_text(command, "help")));
    buf_putc(&out, '\n');
    while (more.len > 0 && str_next(&more, '\n', &line)) {
        cli_text_put(&out, line);
        buf_putc(&out, '\n');
    }
    return cli_print(&out);
}

static const struct json_t *find(const struct json_t *items, const char *name)
{
    for (size_t i = 0; i < cli_json_count(items); i++)
        if (strcmp(cli_json_text(cli_json_item(items, i), "name"), name) == 0)
            return cli_json_item(items, i);
    return NULL;
}

static int no_command(const char *integration, const struct json_t *items, const char *name)
{
    const char *names[64];
    size_t count = 0;

    while (count < 64 && count < cli_json_count(items)) {
        names[count] = cli_json_text(cli_json_item(items, count), "name");
        count++;
    }
    const char *near = str_nearest(name, names, count);
    if (near != NULL)
        return cli_fail(CLI_USAGE,
                        "integration '%s' has no command '%s'; perhaps 'tenon %s %s' was meant",
                        integration, name, integration, near);
    return cli_fail(CLI_USAGE, "integration '%s' has no command '%s'; 'tenon %s --help' lists them",
                    integration, name, integration);
}

/* ---- the run ---- */

static bool write_all(struct running *running, int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t len = write(fd, bytes.ptr, bytes.len);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0) {
            running->problem = errno;
            return false;
        }
        bytes = (struct str){bytes.ptr + len, bytes.len - (size_t)len};
    }
    return true;
}

static bool on_end(struct running *running, struct str text)
{
    struct json_t *end = cli_json_parse(text);
    const struct json_t *error = cli_json_member(end, "error");

    running->is_ended = cli_json_has_number(end, "code");
    running->code = (int)cli_json_number(end, "code");
    running->problem = running->is_ended ? 0 : EBADMSG;
    if (error != NULL)
        (void)cli_fail(CLI_REFUSED, "%s", cli_json_text(error, "message")); /* the code is known */
    cli_json_release(end);
    return false;
}

static bool on_want(struct running *running)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf url = {0};
    struct http_call target = {0};
    struct err err = {0};

    if (running->typing == NULL) {
        buf_puts(&path, "/api/v1/integrations/");
        cli_path_put(&path, running->integration);
        buf_puts(&path, "/commands/");
        cli_path_put(&path, running->command);
        buf_printf(&path, "/input?run=%s", running->run);
        if (cli_target(running->cli, buf_str(&path), &url, &target, &err) == 0)
            running->typing = cli_typing_start(&target);
    }
    if (running->typing != NULL) {
        cli_typing_want(running->typing);
        return true;
    }
    running->problem = ENOMEM;
    return false;
}

static bool on_piece(void *user, const char *kind, struct str bytes)
{
    struct running *running = user;

    if (strcmp(kind, "out") == 0)
        return write_all(running, STDOUT_FILENO, bytes);
    if (strcmp(kind, "err") == 0)
        return write_all(running, STDERR_FILENO, bytes);
    if (strcmp(kind, "want") == 0)
        return on_want(running);
    if (strcmp(kind, "end") == 0)
        return on_end(running, bytes);
    (void)snprintf(running->run, sizeof(running->run), "%.*s", STR_ARG(bytes));
    return true;
}

static bool take(void *user, struct str piece)
{
    struct running *running = user;
    int status = cli_output_take(&running->output, piece);

    if (status < 0)
        running->problem = -status;
    return status > 0;
}

static void put_terminal(struct buf *out, const struct cli *cli)
{
    const struct {
        const char *name;
        bool is_so;
    } facts[] = {{"in", isatty(STDIN_FILENO)},
                 {"out", isatty(STDOUT_FILENO)},
                 {"err", isatty(STDERR_FILENO)},
                 {"color", cli->is_coloured}};
    const char *comma = "";

    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (!facts[i].is_so)
            continue;
        buf_printf(out, "%s\"%s\"", comma, facts[i].name);
        comma = ",";
    }
}

static int put_order(struct buf *out, const struct cli *cli, const char *const *words, size_t count)
{
    buf_puts(out, "{\"args\":[");
    for (size_t i = 0; i < count; i++) {
        if (!str_is_utf8(str_of(words[i])))
            return cli_fail(CLI_USAGE, "argument %zu is not UTF-8", i + 1);
        buf_puts(out, i > 0 ? "," : "");
        json_put_string(out, str_of(words[i]));
    }
    buf_printf(out, "],\"input\":true,\"width\":%zu,\"terminal\":[",
               cli->width < WIDTH_MAX ? cli->width : WIDTH_MAX);
    put_terminal(out, cli);
    buf_puts(out, "]}");
    return out->failed ? cli_fail(CLI_REFUSED, "out of memory") : CLI_DONE;
}

static int ended(const struct running *running, const struct cli_answer *answer, int status,
                 const struct err *err)
{
    if (running->is_ended)
        return running->code;
    if (running->problem == EBADMSG)
        return cli_fail(CLI_REFUSED, "the answer is no command's output; is something else "
                                     "listening at the socket?");
    if (running->problem != 0)
        return cli_fail(CLI_REFUSED, "cannot write the output: %s", strerror(running->problem));
    if (status < 0 && running->run[0] == '\0')
        return cli_fail(cli_exit_of(status), "%s", err->text);
    if (status == 0 && (answer->status < 200 || answer->status > 299))
        return cli_exchange_failed(running->cli, answer);
    return cli_fail(CLI_UNREACHABLE, "tenond has stopped while the command ran");
}

static int run(struct cli *cli, const char *integration, const char *const *words, size_t count)
{
    struct running running = {.cli = cli, .integration = integration, .command = words[0]};
    _answer_ struct cli_answer answer = {0};
    _buf_ struct buf path = {0};
    _buf_ struct buf body = {0};
    struct err err = {0};

    running.output = (struct cli_output){.fn = on_piece, .user = &running};
    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, integration);
    buf_puts(&path, "/commands/");
    cli_path_put(&path, words[0]);
    int code = put_order(&body, cli, words + 1, count - 1);
    if (code != CLI_DONE)
        return code;
    int status =
        cli_stream_bytes(cli, buf_str(&path), buf_str(&body), take, &running, &answer, &err);
    code = ended(&running, &answer, status, &err);
    buf_finish(&running.output.whole);
    cli_typing_stop(running.typing, code);
    return code;
}

/* ---- which ---- */

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run_listed(struct cli *cli, const char *integration, const struct cli_answer *listed,
                      const char *const *words, size_t count)
{
    const struct json_t *items = cli_json_member(listed->json, "items");
    bool is_json = cli->is_json || (count == 1 && strcmp(words[0], "--json") == 0);

    if (is_json && (count == 0 || words[0][0] == '-'))
        return cli_print_answer(listed);
    if (count == 0 || is_help(words[0]))
        return print_commands(integration, items);
    const struct json_t *command = find(items, words[0]);
    if (command == NULL && cli_json_count(items) > 0)
        return no_command(integration, items, words[0]);
    if (command != NULL && count == 2 && is_help(words[1]))
        return print_command(integration, command);
    return run(cli, integration, words, count); /* the daemon says why there are none */
}

static int list(struct cli *cli, const char *integration, struct cli_answer *answer,
                struct err *err)
{
    _buf_ struct buf path = {0};

    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, integration);
    buf_puts(&path, "/commands");
    return cli_exchange(cli, "GET", buf_str(&path), NULL, STR_NONE, answer, err);
}

int cli_integration_run(struct cli *cli)
{
    const char *integration = cli_argument(cli, 0);
    _answer_ struct cli_answer answer = {0};
    struct err err = {0};

    int status = list(cli, integration, &answer, &err);
    if (status < 0)
        return cli_fail(cli_exit_of(status), "%s", err.text);
    if (answer.status != 200)
        return cli_exchange_failed(cli, &answer);
    return run_listed(cli, integration, &answer, cli->arguments + 1, cli->argument_count - 1);
}

/* Without a daemon the files tell whether it was meant as an integration. */
static bool is_configured(const struct cli *cli, const char *name)
{
    _free_ char *dir = config_dir(cli_option_text(cli, "conf"));
    struct config *config = dir != NULL ? config_load(dir, NULL, NULL, NULL) : NULL;
    bool is_there = config != NULL && config_find(config, name) != NULL;

    config_destroy(config);
    return is_there;
}

int cli_run_words(struct cli *cli, const char *const *words, size_t count, const char *unknown)
{
    _answer_ struct cli_answer answer = {0};
    struct err err = {0};

    int status = list(cli, words[0], &answer, &err);
    if (status < 0 && is_configured(cli, words[0]))
        return cli_fail(cli_exit_of(status), "%s", err.text);
    if (status < 0 || answer.status == 404)
        return cli_fail(CLI_USAGE, "%s", unknown);
    if (answer.status != 200)
        return cli_exchange_failed(cli, &answer);
    return run_listed(cli, words[0], &answer, words + 1, count - 1);
}
