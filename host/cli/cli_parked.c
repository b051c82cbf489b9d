/* SPDX-License-Identifier: Apache-2.0
 * Parked signals: listed, given to their handler again, given up. */
#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_functions.h"

#include <stdio.h>

/* ---- list ---- */

static void add_row(struct cli_table *table, const struct json_t *item, int64_t now_ms)
{
    bool is_under_way = cli_json_is_true(item, "under_way");
    _buf_ struct buf when = {0};
    _buf_ struct buf seq = {0};

    buf_printf(&seq, "%lld", (long long)cli_json_number(item, "seq"));
    cli_text_put_when(&when, cli_json_text(item, "parked_at"), now_ms);
    cli_table_add_text(table, cli_json_text(item, "integration"));
    cli_table_add(table, buf_str(&seq), COLOR_NONE);
    cli_table_add_text(table, cli_json_text(item, "type"));
    cli_table_add_text(table, cli_json_text(item, "sender"));
    cli_table_add_number(table, cli_json_number(item, "attempts"));
    cli_table_add(table, is_under_way ? STR("under way again") : buf_str(&when), COLOR_NONE);
    cli_table_add_text(table, cli_json_text(item, "reason"));
}

int cli_signal_parked(struct cli *cli)
{
    static const struct cli_column columns[] = {
        {"INTEGRATION", false, false}, {"SEQ", true, false},
        {"TYPE", false, false},        {"SENDER", false, CLI_LEFT_OUT},
        {"TRIES", true, CLI_LEFT_OUT}, {"PARKED", false, CLI_LEFT_OUT},
        {"REASON", false, true},       {NULL, false, false},
    };
    _buf_ struct buf path = {0};

    buf_puts(&path, "/api/v1/signals/parked");
    cli_path_put_argument(&path, "integration", cli_argument(cli, 0));
    return cli_list(cli, buf_str(&path), columns, add_row);
}

/* ---- again, and given up ---- */

static int put_choice(struct buf *body, const struct cli *cli)
{
    bool is_all = cli_option_is_set(cli, "all");
    int64_t number;

    if (is_all == (cli->argument_count > 1))
        return cli_fail(CLI_USAGE, "which ones? Either their numbers (SEQ in 'tenon signal "
                                   "parked'), or --all");
    buf_puts(body, is_all ? "{\"all\":true" : "{\"numbers\":[");
    for (size_t i = 1; i < cli->argument_count; i++) {
        if (str_to_i64(str_of(cli->arguments[i]), &number) < 0 || number < 1)
            return cli_fail(CLI_USAGE, "'%s' is no signal's number", cli->arguments[i]);
        buf_printf(body, "%s%lld", i > 1 ? "," : "", (long long)number);
    }
    buf_puts(body, is_all ? "}" : "]}");
    return CLI_DONE;
}

/* "; 1 not moved: not parked", "; 3 not moved: 2 not parked, 1 removed from store" */
static void put_refused(struct buf *out, int64_t total, const struct json_t *refused)
{
    const struct json_t *count;
    const char *name;

    if (total == 0)
        return;
    buf_puts(out, "; ");
    cli_text_put_count(out, total);
    buf_puts(out, " not moved: ");
    for (size_t i = 0; cli_json_pair(refused, i, &name, &count); i++) {
        int64_t number = cli_json_number(refused, name);

        buf_puts(out, i > 0 ? ", " : "");
        if (number < total) {
            cli_text_put_count(out, number);
            buf_putc(out, ' ');
        }
        for (; *name != '\0'; name++)
            buf_putc(out, *name == '_' ? ' ' : *name);
    }
}

static int tell(const struct cli *cli, const struct cli_answer *answer, const char *verb)
{
    int64_t moved = cli_json_number(answer->json, "moved");
    int64_t matched = cli_json_number(answer->json, "matched");
    _buf_ struct buf out = {0};
    int code;

    if (cli->is_json) {
        code = cli_print_answer(answer);
    } else {
        if (matched == 0)
            buf_puts(&out, "nothing is parked");
        else
            buf_printf(&out, "%lld %s", (long long)moved, verb);
        put_refused(&out, matched - moved, cli_json_member(answer->json, "not_moved"));
        buf_putc(&out, '\n');
        code = cli_print(&out);
    }
    /* Who names numbers means every one of them. */
    if (code == CLI_DONE && cli->argument_count > 1 && moved < matched)
        code = CLI_REFUSED;
    return code;
}

static int move(struct cli *cli, const char *name, const char *verb)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf body = {0};
    _answer_ struct cli_answer answer = {0};
    int code = put_choice(&body, cli);

    if (code != CLI_DONE)
        return code;
    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, cli_argument(cli, 0));
    buf_printf(&path, "/signals/%s", name);
    code = cli_call(cli, "POST", buf_str(&path), buf_str(&body), &answer);
    return code == CLI_DONE ? tell(cli, &answer, verb) : code;
}

int cli_signal_retry(struct cli *cli)
{
    return move(cli, "retry", "given to their handler again");
}

int cli_signal_discard(struct cli *cli)
{
    return move(cli, "discard", "discarded");
}
