/* SPDX-License-Identifier: Apache-2.0 */
#include "main/watch.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/work.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

enum {
    QUIET_MS = 60,   /* events come in bursts: after the last of one */
    GATHER_MS = 500, /* and no longer than this after the first */
    POLL_MS = 10000,
    FIRST_POLL_MS = 1000, /* for what changed between the reading and the watching */
    DIRECTORIES_MAX = 65,
};

struct directory {
    uv_fs_event_t uv;
    struct watch *watch;
    char *path;
};

/* A look at names and times, on a thread of its own: a file system may take its time. */
struct poll {
    struct work work;    /* first: the poll is the whole */
    struct watch *watch; /* NULL: nobody waits for it any more */
    char *paths[DIRECTORIES_MAX];
    size_t count;
    uint64_t sum;
};

struct watch {
    struct loop *loop;
    void (*changed)(void *user);
    void *user;
    char *conf_dir, *plugin_path;
    struct directory *directories[DIRECTORIES_MAX];
    size_t count;
    struct loop_timer *gather, *poll_timer;
    int64_t first_event_ms; /* mono; 0: none waits */
    struct poll *poll;
    uint64_t sum; /* of the last look */
    bool has_sum;
};

static bool is_ours(const char *name)
{
    size_t len = strlen(name);

    /* A mounted map (Kubernetes) turns this link over when its files change. */
    if (strcmp(name, "..data") == 0)
        return true;
    return name[0] != '.' && ((len > 4 && strcmp(name + len - 4, ".ini") == 0) ||
                              (len > 3 && strcmp(name + len - 3, ".so") == 0));
}

/* ---- events ---- */

static void on_gathered(void *user)
{
    struct watch *watch = user;

    watch->first_event_ms = 0;
    watch->changed(watch->user);
}

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status)
{
    struct directory *directory = uv->data;
    struct watch *watch = directory->watch;
    int64_t now_ms = clock_mono_us() / 1000;

    (void)events;
    (void)status; /* an error is a reason to look, too */
    if (watch == NULL || (name != NULL && !is_ours(name)))
        return;
    if (watch->first_event_ms == 0)
        watch->first_event_ms = now_ms;
    if (now_ms - watch->first_event_ms < GATHER_MS)
        loop_timer_set(watch->gather, QUIET_MS);
}

static void on_closed(uv_handle_t *handle)
{
    struct directory *directory = handle->data;

    free(directory->path);
    free(directory);
}

static void leave(struct watch *watch)
{
    while (watch->count > 0) {
        struct directory *directory = watch->directories[--watch->count];

        directory->watch = NULL;
        uv_close((uv_handle_t *)&directory->uv, on_closed);
    }
}

static void enter(struct watch *watch, struct str path)
{
    struct directory *directory;
    int status;

    if (path.len == 0 || watch->count == DIRECTORIES_MAX)
        return;
    directory = calloc(1, sizeof *directory);
    if (directory == NULL || (directory->path = str_dup(path)) == NULL ||
        uv_fs_event_init(loop_uv(watch->loop), &directory->uv) < 0) {
        if (directory != NULL)
            free(directory->path);
        free(directory);
        return; /* the slow look goes on without it */
    }
    directory->uv.data = directory;
    directory->watch = watch;
    watch->directories[watch->count++] = directory;
    status = uv_fs_event_start(&directory->uv, on_event, directory->path, 0);
    if (status < 0)
        log_warn("a directory cannot be watched, it is looked at now and then",
                 F_STR("path", directory->path), F_STR("error", uv_strerror(status)));
}

static void enter_all(struct watch *watch)
{
    struct str rest = str_of(watch->plugin_path);
    struct str path;

    leave(watch);
    if (watch->conf_dir == NULL)
        return;
    enter(watch, str_of(watch->conf_dir));
    while (str_next(&rest, ':', &path))
        enter(watch, path);
}

/* ---- the slow look ---- */

static void add(uint64_t *sum, uint64_t value)
{
    *sum = (*sum ^ value) * UINT64_C(0x100000001b3);
}

static uint64_t sum_of_file(const char *name, const struct stat *info)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (; *name != '\0'; name++)
        add(&sum, (unsigned char)*name);
    add(&sum, (uint64_t)info->st_ino);
    add(&sum, (uint64_t)info->st_size);
    add(&sum, (uint64_t)info->st_mtim.tv_sec * 1000000000 + (uint64_t)info->st_mtim.tv_nsec);
    add(&sum, (uint64_t)info->st_ctim.tv_sec * 1000000000 + (uint64_t)info->st_ctim.tv_nsec);
    return sum;
}

static uint64_t sum_of_directory(const char *path)
{
    _closedir_ DIR *directory = opendir(path);
    const struct dirent *entry;
    struct stat info;
    uint64_t sum = 0;

    while (directory != NULL && (entry = readdir(directory)) != NULL)
        if (is_ours(entry->d_name) && fstatat(dirfd(directory), entry->d_name, &info, 0) == 0)
            sum += sum_of_file(entry->d_name, &info); /* in any order */
    return sum;
}

/* [its own thread] */
static void look(struct work *work)
{
    struct poll *poll = (struct poll *)(void *)work;

    for (size_t i = 0; i < poll->count; i++)
        add(&poll->sum, sum_of_directory(poll->paths[i]));
}

static void poll_free(struct poll *poll)
{
    for (size_t i = 0; i < poll->count; i++)
        free(poll->paths[i]);
    free(poll);
}

static void looked(struct work *work)
{
    struct poll *poll = (struct poll *)(void *)work;
    struct watch *watch = poll->watch;

    if (watch != NULL) {
        bool is_new = !watch->has_sum || watch->sum != poll->sum;

        watch->poll = NULL;
        watch->sum = poll->sum;
        watch->has_sum = true;
        loop_timer_set(watch->poll_timer, POLL_MS);
        if (is_new && watch->conf_dir != NULL) {
            enter_all(watch); /* a directory may have been made anew, which ends its events */
            watch->changed(watch->user);
        }
    }
    poll_free(poll);
}

static void on_poll_due(void *user)
{
    struct watch *watch = user;
    struct poll *poll = calloc(1, sizeof *poll);

    if (poll == NULL) {
        loop_timer_set(watch->poll_timer, POLL_MS);
        return;
    }
    poll->work.run = look;
    poll->work.done = looked;
    poll->watch = watch;
    for (size_t i = 0; i < watch->count; i++)
        if ((poll->paths[poll->count] = strdup(watch->directories[i]->path)) != NULL)
            poll->count++;
    if (work_start(&poll->work, watch->loop, NULL) < 0) {
        poll_free(poll);
        loop_timer_set(watch->poll_timer, POLL_MS);
        return;
    }
    watch->poll = poll;
}

/* ---- life ---- */

struct watch *watch_create(struct loop *loop, void (*changed)(void *user), void *user,
                           struct err *err)
{
    struct watch *watch = calloc(1, sizeof *watch);

    if (watch != NULL) {
        watch->loop = loop;
        watch->changed = changed;
        watch->user = user;
        watch->gather = loop_timer_create(loop, on_gathered, watch);
        watch->poll_timer = loop_timer_create(loop, on_poll_due, watch);
    }
    if (watch == NULL || watch->gather == NULL || watch->poll_timer == NULL) {
        watch_destroy(watch);
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    return watch;
}

static bool same(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

void watch_set(struct watch *watch, const char *conf_dir, const char *plugin_path)
{
    if (same(watch->conf_dir, conf_dir) && same(watch->plugin_path, plugin_path))
        return;
    free(watch->conf_dir);
    free(watch->plugin_path);
    watch->conf_dir = conf_dir != NULL ? strdup(conf_dir) : NULL;
    watch->plugin_path = plugin_path != NULL ? strdup(plugin_path) : NULL;
    watch->has_sum = false;
    enter_all(watch);
    if (watch->conf_dir == NULL)
        loop_timer_clear(watch->poll_timer);
    else if (watch->poll == NULL)
        loop_timer_set(watch->poll_timer, FIRST_POLL_MS);
}

void watch_destroy(struct watch *watch)
{
    if (watch == NULL)
        return;
    leave(watch);
    if (watch->poll != NULL) {
        work_wait(&watch->poll->work);
        watch->poll->watch = NULL; /* its end is on its way and frees it */
    }
    loop_timer_destroy(watch->gather);
    loop_timer_destroy(watch->poll_timer);
    free(watch->conf_dir);
    free(watch->plugin_path);
    free(watch);
}
