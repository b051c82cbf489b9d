/* SPDX-License-Identifier: Apache-2.0 */
#include "main/starts.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"

#include <stdlib.h>

enum { LONG_ENOUGH_MS = 60000, TOO_OFTEN = 3, FILE_BYTES_MAX = 32 };

struct starts {
    char *path;
    struct loop_timer *timer;
};

static void on_timer(void *user)
{
    starts_went_well(user);
}

static int64_t read_count(const char *path)
{
    _buf_ struct buf text = {0};
    int64_t count = 0;

    if (access(path, F_OK) < 0 || file_read(path, FILE_BYTES_MAX, &text, NULL) < 0 ||
        str_to_i64(str_trim(buf_str(&text)), &count) < 0 || count < 0)
        return 0;
    return count;
}

static void count_start(const struct starts *starts, bool is_safe)
{
    int64_t count = read_count(starts->path);
    _buf_ struct buf text = {0};

    if (count >= TOO_OFTEN && !is_safe)
        log_warn("tenond ended within a minute of its start, time after time; `tenond --safe` "
                 "starts it without running any plugin",
                 F_INT("times", count));
    buf_printf(&text, "%lld\n", (long long)count + 1);
    /* Without it nobody is warned, that is all. */
    (void)file_write(starts->path, buf_str(&text), 0600, NULL);
}

struct starts *starts_create(struct loop *loop, const char *state_dir, bool is_safe)
{
    struct starts *starts = calloc(1, sizeof *starts);

    if (starts == NULL)
        return NULL;
    starts->path = file_join(state_dir, "starts");
    starts->timer = loop_timer_create(loop, on_timer, starts);
    if (starts->path == NULL || starts->timer == NULL) {
        starts_destroy(starts);
        return NULL;
    }
    count_start(starts, is_safe);
    loop_timer_set(starts->timer, LONG_ENOUGH_MS);
    return starts;
}

void starts_went_well(struct starts *starts)
{
    if (starts != NULL)
        (void)unlink(starts->path); /* else the next start counts one too many */
}

void starts_destroy(struct starts *starts)
{
    if (starts == NULL)
        return;
    loop_timer_destroy(starts->timer);
    free(starts->path);
    free(starts);
}
