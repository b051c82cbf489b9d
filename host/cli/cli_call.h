/* SPDX-License-Identifier: Apache-2.0
 * Asking the daemon, and showing what it said. */
#ifndef CLI_CALL_H
#define CLI_CALL_H

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/cli_json.h"
#include "cli/cli_table.h"

struct cli_answer {
    int status;
    struct buf body;
    struct json_t *json; /* owned; NULL when the body is no JSON */
};

static inline void guard_answer(struct cli_answer *answer)
{
    buf_finish(&answer->body);
    cli_json_release(answer->json);
}
#define _answer_ __attribute__((cleanup(guard_answer)))

/* One exchange. CLI_DONE with a 2xx answer; else the daemon's sentence has been printed. `path` is
 * encoded. */
int cli_call(struct cli *cli, const char *method, struct str path, struct str body,
             struct cli_answer *out);
int cli_get(struct cli *cli, struct str path, struct cli_answer *out);
/* The same without printing: 0 for any answer, E_UNREACHABLE. */
int cli_exchange(struct cli *cli, const char *method, struct str path, const char *content_type,
                 struct str body, struct cli_answer *out, struct err *err);
/* Prints the problem's sentence, or with --json the problem; CLI_REFUSED. */
int cli_exchange_failed(const struct cli *cli, const struct cli_answer *answer);
struct str cli_answer_detail(const struct cli_answer *answer);

/* An answer that goes on: `line` gets each line of it, without its end, and adds to `out` what is
 * to be printed, until it says false, the daemon ends, or nothing can be printed any more. The exit
 * code; CLI_DONE when `line` had enough. */
typedef bool (*cli_line_fn)(void *user, struct str line, struct buf *out);
int cli_stream(struct cli *cli, struct str path, cli_line_fn line, void *user);
/* The same, but why it failed is in `err`; empty when it has been said. */
int cli_stream_once(struct cli *cli, struct str path, cli_line_fn line, void *user,
                    struct err *err);

/* The same for bytes, given as they come, of an answer to a POST of JSON; nothing is printed. 0 for
 * any answer, or when `take` had enough; E_UNREACHABLE. */
int cli_stream_bytes(struct cli *cli, struct str path, struct str body,
                     bool (*take)(void *user, struct str piece), void *user, struct cli_answer *out,
                     struct err *err);

enum cli_exit cli_exit_of(int status); /* of a failed exchange */

/* Path pieces: percent-encodes `text`; `argument` gives "?name=" or "&name=" before it, nothing
 * when NULL. */
void cli_path_put(struct buf *path, const char *text);
void cli_path_put_argument(struct buf *path, const char *name, const char *text);

/* To standard output, all at once; CLI_REFUSED when it cannot be written. */
int cli_print(const struct buf *text);
int cli_print_json(const struct json_t *json); /* indented */
int cli_print_answer(const struct cli_answer *answer);
int cli_print_table(const struct cli *cli, const struct cli_table *table);
DEFINE_GUARD(table, struct cli_table *, cli_table_destroy);
#define _table_ _guard_(table)

/* GETs a page of items and prints it as a table, a row an item, or with --json as it came. Says on
 * stderr when there is a next page. The exit code. */
typedef void (*cli_row_fn)(struct cli_table *table, const struct json_t *item, int64_t now_ms);
int cli_list(struct cli *cli, struct str path, const struct cli_column *columns,
             cli_row_fn add_row);

#endif
