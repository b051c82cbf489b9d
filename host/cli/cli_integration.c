/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_integration.h"

#include "base/clock.h"
#include "cli/cli_functions.h"

#include <string.h>

int cli_integration_print(const struct cli *cli, const struct json_t *items)
{
    static const struct cli_column columns[] = {
        {"INTEGRATION", false, false},
        {"STATE", false, false},
        {"BACKLOG", true, CLI_LEFT_OUT},
        {"IN FLIGHT", true, CLI_LEFT_OUT},
        {"DELIVERED", true, CLI_LEFT_OUT},
        {"WAITING", true, false},
        {"FAILED", true, false},
        {"NOTE", false, true},
        {NULL, false, false},
    };
    _table_ struct cli_table *table = cli_table_create(columns);

    for (size_t i = 0; i < cli_json_count(items); i++) {
        const struct json_t *item = cli_json_item(items, i);
        const struct json_t *submissions = cli_json_member(item, "submissions");
        const char *state = cli_json_text(item, "state");
        cli_table_add_text(table, cli_json_text(item, "name"));
        cli_table_add(table, str_of(state), cli_color_of_state(state));
        cli_table_add_number(table, cli_json_number(item, "backlog"));
        cli_table_add_number(table, cli_json_number(item, "in_flight"));
        cli_table_add_number(table, cli_json_number(submissions, "succeeded"));
        cli_table_add_number(table, cli_json_number(submissions, "pending") +
                                        cli_json_number(submissions, "retrying") +
                                        cli_json_number(submissions, "unknown"));
        cli_table_add_number(table, cli_json_number(submissions, "failed"));
        cli_table_add_text(table, cli_json_text(item, "words"));
    }
    return cli_print_table(cli, table);
}

int cli_integration_list(struct cli *cli)
{
    _answer_ struct cli_answer answer = {0};

    int code = cli_get(cli, STR("/api/v1/integrations"), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    const struct json_t *items = cli_json_member(answer.json, "items");
    if (cli_json_count(items) == 0)
        return cli_fail(CLI_DONE,
                        "no integration is configured; 'tenon config example PLUGIN' prints one");
    return cli_integration_print(cli, items);
}

/* ---- one ---- */

enum { SHOWN_PARKED = 5 };

static void put_text(struct buf *out, const char *label, const char *text)
{
    if (text[0] == '\0')
        return;
    buf_printf(out, "%-14s", label);
    cli_text_put(out, str_of(text));
    buf_putc(out, '\n');
}

static void put_when(struct buf *out, const char *label, const char *time)
{
    if (time[0] == '\0')
        return;
    buf_printf(out, "%-14s", label);
    cli_text_put(out, str_of(time));
    buf_puts(out, " (");
    cli_text_put_when(out, time, clock_wall_ms());
    buf_puts(out, ")\n");
}

/* "1,200 succeeded, 3 failed" from an object of numbers. */
static void put_numbers(struct buf *out, const char *label, const struct json_t *numbers,
                        const char *unless)
{
    const char *name;
    const struct json_t *value;
    size_t shown = 0;

    for (size_t i = 0; cli_json_pair(numbers, i, &name, &value); i++) {
        int64_t number = cli_json_number(numbers, name);

        if (number == 0 || strcmp(name, "attempts_ms_sum") == 0)
            continue;
        buf_printf(out, shown == 0 ? "%-14s" : "%.0s, ", label);
        cli_text_put_count(out, number);
        buf_putc(out, ' ');
        cli_text_put(out,
                     number == 1 && strcmp(name, "requests") == 0 ? STR("request") : str_of(name));
        shown++;
    }
    if (shown == 0)
        buf_printf(out, "%-14s%s", label, unless);
    buf_putc(out, '\n');
}

static void put_worker(struct buf *out, const char *label, const struct json_t *worker)
{
    if (worker == NULL)
        return;
    buf_printf(out, "%-14s", label);
    cli_text_put(out, str_of(cli_json_text(worker, "state")));
    if (cli_json_number(worker, "pid") > 0)
        buf_printf(out, ", process %lld", (long long)cli_json_number(worker, "pid"));
    buf_puts(out, ", ");
    cli_text_put_counted(out, cli_json_number(worker, "starts"), "start", "starts");
    buf_puts(out, ", ");
    cli_text_put_counted(out, cli_json_number(worker, "crashes"), "crash", "crashes");
    buf_puts(out, ", ");
    cli_text_put_counted(out, cli_json_number(worker, "calls"), "call\n", "calls\n");
    put_text(out, "  why", cli_json_text(worker, "words"));
    put_when(out, "  restarts", cli_json_text(worker, "retry_at"));
    put_text(out, "  last crash", cli_json_text(worker, "last_crash"));
    put_when(out, "  at", cli_json_text(worker, "last_crash_at"));
}

static void put_mean(struct buf *out, const struct json_t *since_start)
{
    int64_t requests = cli_json_number(since_start, "requests");

    if (requests > 0)
        buf_printf(out, "%-14s%.1f ms a request\n", "",
                   (double)cli_json_number(since_start, "attempts_ms_sum") / (double)requests);
}

static void put_switched(struct buf *out, const struct json_t *switched)
{
    if (switched == NULL)
        return;
    buf_printf(out, "%-14s",
               cli_json_is_true(switched, "active") ? "activated by" : "deactivated by");
    buf_putc(out, ' ');
    cli_text_put(out, str_of(cli_json_text(switched, "by")));
    buf_puts(out, ", ");
    cli_text_put_when(out, cli_json_text(switched, "at"), clock_wall_ms());
    buf_putc(out, '\n');
}

/* What holds it back, and how far. */
static void put_limits(struct buf *out, const struct json_t *limits)
{
    const char *until = cli_json_text(limits, "breaker_until");

    if (limits == NULL)
        return;
    buf_printf(out, "%-14s%s", "breaker", cli_json_text(limits, "breaker"));
    if (until[0] != '\0') {
        buf_puts(out, ", tried again ");
        cli_text_put_when(out, until, clock_wall_ms());
    }
    if (cli_json_number(limits, "breaker_openings") > 0)
        buf_printf(out, "; openings since start: %lld",
                   (long long)cli_json_number(limits, "breaker_openings"));
    buf_printf(out, "\n%-14s", "at a time");
    cli_text_put_counted(out, cli_json_number(limits, "concurrency"), "request", "requests");
    buf_printf(out, " of at most %lld, now %lld out\n",
               (long long)cli_json_number(limits, "concurrency_max"),
               (long long)cli_json_number(limits, "outstanding"));
    if (cli_json_member(limits, "tokens") != NULL) {
        buf_printf(out, "%-14s", "rate limit");
        cli_text_put_counted(out, cli_json_number(limits, "tokens"), "request", "requests");
        buf_puts(out, " could go at once\n");
    }
    if (cli_json_member(limits, "quota_left") != NULL) {
        buf_printf(out, "%-14s", "quota");
        cli_text_put_counted(out, cli_json_number(limits, "quota_left"), "request", "requests");
        buf_puts(out, " left, says the destination, until ");
        cli_text_put(out, str_of(cli_json_text(limits, "quota_until")));
        buf_putc(out, '\n');
    }
}

/* What came in from outside. */
static void put_hook(struct buf *out, const struct json_t *hook)
{
    const char *url = cli_json_text(hook, "url");

    if (hook == NULL)
        return;
    buf_printf(out, "%-14sPOST ", "hook");
    cli_text_put(out, str_of(url[0] != '\0' ? url : cli_json_text(hook, "path")));
    buf_puts(out, ", scheme ");
    cli_text_put(out, str_of(cli_json_text(hook, "scheme")));
    buf_putc(out, '\n');
    put_numbers(out, "  since start", cli_json_member(hook, "since_start"), "nothing");
    put_when(out, "  last taken", cli_json_text(hook, "last_at"));
    put_text(out, "  refused", cli_json_text(hook, "refused"));
    put_when(out, "  at", cli_json_text(hook, "refused_at"));
}

static void put_parked(struct buf *out, const struct json_t *parked)
{
    size_t count = cli_json_count(parked);

    for (size_t i = count > SHOWN_PARKED ? count - SHOWN_PARKED : 0; i < count; i++) {
        const struct json_t *one = cli_json_item(parked, i);

        buf_printf(out, "%-14sparked %lld ", "", (long long)cli_json_number(one, "seq"));
        cli_text_put(out, str_of(cli_json_text(one, "type")));
        buf_puts(out, ": ");
        cli_text_put(out, str_of(cli_json_text(one, "reason")));
        buf_putc(out, '\n');
    }
    if (count > SHOWN_PARKED)
        buf_printf(out, "%-14s%zu parked before these: --json\n", "", count - SHOWN_PARKED);
}

/* The signals it hears. */
static void put_subscriptions(struct buf *out, const struct json_t *subscriptions)
{
    for (size_t i = 0; i < cli_json_count(subscriptions); i++) {
        const struct json_t *one = cli_json_item(subscriptions, i);
        const char *sender = cli_json_text(one, "sender");

        buf_printf(out, "%-14s", "hears");
        cli_text_put(out, str_of(cli_json_text(one, "pattern")));
        buf_puts(out, sender[0] != '\0' ? " from " : "");
        cli_text_put(out, str_of(sender));
        buf_puts(out, cli_json_is_true(one, "durable") ? ", durable, " : ", ");
        buf_puts(out, cli_json_text(one, "state"));
        buf_printf(out, "; handled %lld, failed %lld, dropped %lld\n",
                   (long long)cli_json_number(one, "handled"),
                   (long long)cli_json_number(one, "failed"),
                   (long long)cli_json_number(one, "dropped"));
        put_text(out, "  last error", cli_json_text(one, "last_error"));
        put_parked(out, cli_json_member(one, "parked"));
    }
}

int cli_integration_show(struct cli *cli)
{
    _buf_ struct buf path = {0};
    _buf_ struct buf out = {0};
    _answer_ struct cli_answer answer = {0};

    buf_puts(&path, "/api/v1/integrations/");
    cli_path_put(&path, cli_argument(cli, 0));
    int code = cli_get(cli, buf_str(&path), &answer);
    if (code != CLI_DONE || cli->is_json)
        return code != CLI_DONE ? code : cli_print_answer(&answer);
    const struct json_t *json = answer.json;
    put_text(&out, "integration", cli_json_text(json, "name"));
    put_text(&out, "plugin", cli_json_text(json, "plugin"));
    put_text(&out, "file", cli_json_text(json, "file"));
    put_text(&out, "state", cli_json_text(json, "state"));
    put_text(&out, "  why", cli_json_text(json, "words"));
    put_switched(&out, cli_json_member(json, "switched"));
    put_when(&out, "paused until", cli_json_text(json, "paused_until"));
    put_limits(&out, cli_json_member(json, "limits"));
    buf_printf(&out, "%-14s", "backlog");
    cli_text_put_counted(&out, cli_json_number(json, "backlog"), "entity", "entities");
    buf_puts(&out, " not looked at yet");
    if (cli_json_text(json, "backlog_since")[0] != '\0') {
        buf_puts(&out, ", the first changed ");
        cli_text_put_when(&out, cli_json_text(json, "backlog_since"), clock_wall_ms());
    }
    buf_putc(&out, '\n');
    put_numbers(&out, "submissions", cli_json_member(json, "submissions"), "none");
    put_numbers(&out, "since start", cli_json_member(json, "since_start"), "nothing");
    put_mean(&out, cli_json_member(json, "since_start"));
    put_when(&out, "next try", cli_json_text(json, "next_due_at"));
    put_hook(&out, cli_json_member(json, "hook"));
    put_subscriptions(&out, cli_json_member(json, "subscriptions"));
    put_worker(&out, "worker", cli_json_member(json, "worker"));
    put_worker(&out, "jq worker", cli_json_member(json, "jq_worker"));
    return cli_print(&out);
}
