/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_filter.h"

#include "base/clock.h"
#include "base/json.h"

#include <string.h>

static const char *const names[] = {"integration", "entity", "state", "since",
                                    "until",       "class",  "where"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

bool cli_filter_is_set(const struct cli *cli)
{
    for (size_t i = 0; i < NAMES; i++)
        if (cli_option_is_set(cli, names[i]))
            return true;
    return false;
}

/* "2h" becomes the moment that was two hours ago; what is no duration stays for the daemon to read
 * or to refuse. */
static const char *value_of(const struct cli *cli, size_t which, char space[25])
{
    const char *text = cli_option_text(cli, names[which]);
    bool is_time = strcmp(names[which], "since") == 0 || strcmp(names[which], "until") == 0;
    int64_t ago_ms;

    if (text == NULL || !is_time || clock_parse_duration(str_of(text), &ago_ms) < 0)
        return text;
    clock_format(clock_wall_ms() - ago_ms, space);
    return space;
}

void cli_filter_put_arguments(struct buf *path, const struct cli *cli)
{
    char space[25];

    for (size_t i = 0; i < NAMES; i++)
        cli_path_put_argument(path, names[i], value_of(cli, i, space));
}

void cli_filter_put_members(struct buf *body, const struct cli *cli)
{
    char space[25];

    for (size_t i = 0; i < NAMES; i++) {
        const char *text = value_of(cli, i, space);
        if (text != NULL)
            json_put_member(body, names[i], str_of(text));
    }
}
