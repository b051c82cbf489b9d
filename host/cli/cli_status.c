/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_functions.h"

#include "base/clock.h"
#include "cli/cli_call.h"
#include "cli/cli_integration.h"

static void put_overview(const struct cli *cli, const struct json_t *json, struct buf *out)
{
    const struct json_t *store = cli_json_member(json, "store");

    buf_puts(out, "tenond ");
    cli_text_put(out, str_of(cli_json_text(json, "version")));
    buf_printf(out, ", process %lld, started ", (long long)cli_json_number(json, "pid"));
    cli_text_put_when(out, cli_json_text(json, "started_at"), clock_wall_ms());
    buf_puts(out, cli_json_is_true(json, "ready") ? "" : ", still starting");
    buf_puts(out, cli_json_is_true(json, "safe_mode") ? ", safe mode" : "");
    buf_puts(out, ", memory ");
    cli_text_put_bytes(out, cli_json_number(json, "memory_bytes"));
    buf_puts(out, "\nstore: ");
    cli_text_put_counted(out, cli_json_number(store, "entities"), "entity, ", "entities, ");
    cli_text_put_bytes(out, cli_json_number(store, "bytes"));
    if (cli_json_number(store, "wal_bytes") > 0) {
        buf_puts(out, ", log ");
        cli_text_put_bytes(out, cli_json_number(store, "wal_bytes"));
    }
    if (cli_json_is_true(store, "full"))
        buf_puts(out, "; ITS DISK IS FULL: intake is refused until there is room");
    buf_puts(out, cli->is_url ? "\nurl: " : "\nsocket: ");
    cli_text_put(out, buf_str(&cli->socket));
    buf_puts(out, "\n");
}

static void put_messages(const struct cli *cli, const struct json_t *configuration, struct buf *out)
{
    const struct json_t *messages = cli_json_member(configuration, "messages");

    for (size_t i = 0; i < cli_json_count(messages); i++) {
        const struct json_t *message = cli_json_item(messages, i);
        enum cli_color color = cli_json_is_true(message, "warning") ? COLOR_WAIT : COLOR_BAD;
        cli_color_start(out, cli->is_coloured ? color : COLOR_NONE);
        buf_puts(out, cli_json_is_true(message, "warning") ? "warning: " : "error: ");
        cli_color_end(out, cli->is_coloured ? color : COLOR_NONE);
        cli_text_put(out, str_of(cli_json_text(message, "file")));
        if (cli_json_number(message, "line") > 0)
            buf_printf(out, ":%lld", (long long)cli_json_number(message, "line"));
        buf_puts(out, ": ");
        cli_text_put(out, str_of(cli_json_text(message, "text")));
        buf_putc(out, '\n');
    }
}

int cli_status(struct cli *cli)
{
    _answer_ struct cli_answer answer = {0};
    _buf_ struct buf out = {0};

    int code = cli_get(cli, STR("/api/v1/status"), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    put_overview(cli, answer.json, &out);
    put_messages(cli, cli_json_member(answer.json, "configuration"), &out);
    const struct json_t *integrations = cli_json_member(answer.json, "integrations");
    if (cli_json_count(integrations) == 0) {
        buf_puts(&out, "no integration is configured; 'tenon config example PLUGIN' prints one\n");
        return cli_print(&out);
    }
    buf_putc(&out, '\n');
    code = cli_print(&out);
    return code != CLI_DONE ? code : cli_integration_print(cli, integrations);
}
