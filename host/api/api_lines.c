/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api_lines.h"

#include "base/loop.h"

static void on_end(void *user)
{
    struct api_lines *lines = user;

    api_stream_end(lines->call);
    lines->ended(lines->user);
}

bool api_lines_init(struct api_lines *lines, struct api_call *call, uint64_t limit,
                    void (*ended)(void *user), void *user)
{
    lines->call = call;
    lines->left = limit > 0 ? limit : UINT64_MAX;
    lines->ended = ended;
    lines->user = user;
    lines->ender = loop_timer_create(engine_rooms(call->engine)->loop, on_end, lines);
    return lines->ender != NULL;
}

void api_lines_finish(struct api_lines *lines)
{
    loop_timer_destroy(lines->ender);
    buf_finish(&lines->line);
}

bool api_lines_is_full(const struct api_lines *lines)
{
    return lines->left == 0;
}

bool api_lines_send(struct api_lines *lines)
{
    buf_putc(&lines->line, '\n');
    return !lines->line.failed && api_stream_send(lines->call, buf_str(&lines->line)) == 0;
}

bool api_lines_send_one(struct api_lines *lines)
{
    if (!api_lines_send(lines))
        return false;
    if (lines->left != UINT64_MAX && --lines->left == 0)
        loop_timer_set(lines->ender, 0);
    return true;
}
