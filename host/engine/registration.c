/* SPDX-License-Identifier: Apache-2.0
 * Files of conf.d that the API writes, changes and takes away. The way of each:
 *
 *   queued -> changes the file (own thread) -> reload -> answered
 *                                                |
 *                     its lane did not open: puts back what was there -> reload -> answered
 */
#include "engine/engine_internal.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/work.h"
#include "config/config_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1024 * 1024, NEW_FILE_MODE = 0640 };

struct registration {
    struct work work;      /* first: the registration is the whole */
    struct engine *engine; /* NULL: it ended meanwhile */
    struct registration *next;
    engine_switch_fn done;
    void *user;
    enum { WRITES_FILE, EDITS_FILE, REMOVES_FILE } kind;
    bool overwrites;
    struct generation *generation; /* held while the thread reads it */
    char *name, *path;
    struct buf sections; /* EDITS_FILE: as JSON */
    struct buf text;     /* what it is to say, or says by now */
    struct buf former;   /* what it said before */
    bool had_former;
    bool is_at_work;    /* on its thread */
    bool is_written;    /* the file is changed */
    bool is_taken_back; /* and that is undone */
    struct err err;
};

/* ---- life ---- */

static void registration_destroy(struct registration *registration)
{
    if (registration == NULL)
        return;
    generation_unref(registration->generation);
    free(registration->name);
    free(registration->path);
    buf_finish(&registration->sections);
    buf_finish(&registration->text);
    buf_finish(&registration->former);
    free(registration);
}

static void start_next(struct engine *engine);

/* Answers, and lets the next one begin. */
static void finish(struct registration *registration)
{
    struct engine *engine = registration->engine;

    if (engine != NULL && engine->registrations == registration)
        engine->registrations = registration->next;
    registration->done(registration->user, registration->err.code, &registration->err);
    registration_destroy(registration);
    if (engine != NULL)
        start_next(engine);
}

/* ---- on its thread ---- */

static int check_text(struct registration *registration)
{
    struct err *err = &registration->err;
    struct config *config = setup_check_text(generation_setup(registration->generation),
                                             registration->name, buf_str(&registration->text), err);
    const struct config_file *file;
    _buf_ struct buf words = {0};

    if (config == NULL)
        return err->code;
    file = config_find(config, registration->name);
    if (file == NULL)
        (void)err_set(err, -ENOMEM, "out of memory");
    else if (!config_file_is_valid(file)) {
        config_file_problem(config, file, &words);
        (void)err_set(err, E_USAGE, "%s", words.ptr != NULL ? words.ptr : "the file has errors");
    }
    config_destroy(config);
    return err->code;
}

static int check_writable(struct registration *registration)
{
    const char *dir = generation_setup(registration->generation)->dir;

    if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0)
        return 0;
    return err_set(&registration->err, E_REFUSED,
                   "the configuration directory '%s' cannot be written to by tenond (user %u): %s; "
                   "let it, or put the file there yourself",
                   dir, (unsigned)geteuid(), strerror(errno));
}

/* The file as it is now, if there is one. */
static int read_former(struct registration *registration, struct buf *out, bool *out_is_there)
{
    struct err err = {0};
    int status = file_read(registration->path, FILE_BYTES_MAX, out, &err);

    *out_is_there = status == 0;
    if (status == 0 || status == -ENOENT)
        return 0;
    registration->err = err;
    return status;
}

static int write_text(struct registration *registration, struct str text, bool is_there)
{
    struct err *err = &registration->err;

    return is_there ? config_edit_write(registration->path, text, err)
                    : file_write(registration->path, text, NEW_FILE_MODE, err);
}

static int write_file(struct registration *registration)
{
    if (registration->had_former && !registration->overwrites)
        return err_set(
            &registration->err, E_REFUSED,
            "'%s' is there already and stays as it is; --overwrite (\"overwrite\": true) "
            "replaces it, or take another name",
            registration->path);
    return check_text(registration) < 0
               ? registration->err.code
               : write_text(registration, buf_str(&registration->text), registration->had_former);
}

static int edit_file(struct registration *registration)
{
    struct err *err = &registration->err;

    if (!registration->had_former)
        return err_set(err, E_REFUSED, "'%s' is not there any more", registration->path);
    if (config_edit_sections(buf_str(&registration->former), buf_str(&registration->sections),
                             &registration->text, err) < 0)
        return err_prefix(err, "%s: ", registration->path);
    if (check_text(registration) < 0)
        return err->code;
    if (str_equals(buf_str(&registration->text), buf_str(&registration->former)))
        return 0;
    return write_text(registration, buf_str(&registration->text), true);
}

static int remove_file(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    _free_ char *dir = slash != NULL && slash > path
                           ? str_dup((struct str){path, (size_t)(slash - path)})
                           : strdup(slash != NULL ? "/" : ".");

    if (dir == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    if (unlink(path) < 0 && errno != ENOENT)
        return err_set(err, E_REFUSED, "cannot remove '%s': %s", path, strerror(errno));
    _close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_set(err, -errno, "cannot sync the directory of '%s': %s", path, strerror(errno));
    return 0;
}

static void change_file(struct work *work)
{
    struct registration *registration = (struct registration *)(void *)work;
    int status = check_writable(registration);

    if (status == 0)
        status = read_former(registration, &registration->former, &registration->had_former);
    if (status == 0 && registration->kind == WRITES_FILE)
        status = write_file(registration);
    else if (status == 0 && registration->kind == EDITS_FILE)
        status = edit_file(registration);
    else if (status == 0)
        status = remove_file(registration->path, &registration->err);
    registration->is_written = status == 0;
}

/* Unless somebody else has written it meanwhile. */
static void take_back(struct work *work)
{
    struct registration *registration = (struct registration *)(void *)work;
    struct err err = {0};
    _buf_ struct buf now = {0};
    int status;

    if (file_read(registration->path, FILE_BYTES_MAX, &now, &err) < 0 ||
        !str_equals(buf_str(&now), buf_str(&registration->text)))
        return;
    status = registration->had_former
                 ? config_edit_write(registration->path, buf_str(&registration->former), &err)
                 : remove_file(registration->path, &err);
    registration->is_taken_back = status == 0;
    if (status < 0)
        (void)err_prefix(&registration->err, "(and what was there could not be put back: %s) ",
                         err.text);
}

/* ---- on the loop ---- */

static void taken_back(void *user, const struct engine_reload_result *result)
{
    (void)result; /* what goes on by then is what went on before */
    finish(user);
}

static void on_taken_back(struct work *work)
{
    struct registration *registration = (struct registration *)(void *)work;

    registration->is_at_work = false;
    log_integration_scope(registration->name);
    log_warn("the file that was registered is not used", F_STR("file", registration->path),
             F_STR("put_back", registration->is_taken_back ? "yes" : "no"),
             F_ERR(&registration->err));
    if (registration->engine == NULL || !registration->is_taken_back)
        finish(registration);
    else
        engine_reload(registration->engine, taken_back, registration);
}

/* With its work ready; false: it is answered. */
static bool start_work(struct registration *registration, void (*run)(struct work *work),
                       void (*done)(struct work *work))
{
    struct err err = {0};

    registration->work = (struct work){.run = run, .done = done};
    if (work_start(&registration->work, registration->engine->rooms.loop, &err) == 0) {
        registration->is_at_work = true;
        return true;
    }
    if (registration->err.code == 0)
        registration->err = err;
    finish(registration);
    return false;
}

static void reloaded(void *user, const struct engine_reload_result *result)
{
    struct registration *registration = user;
    struct err *err = &registration->err;

    if (result->status < 0)
        *err = *result->err;
    for (size_t i = 0; result->status == 0 && i < result->count; i++)
        if (result->items[i].integration != NULL && result->items[i].words[0] != '\0' &&
            strcmp(result->items[i].integration, registration->name) == 0)
            (void)err_set(err, E_REFUSED, "%s", result->items[i].words);
    if (err->code == E_REFUSED && registration->kind != REMOVES_FILE &&
        registration->engine != NULL)
        (void)start_work(registration, take_back, on_taken_back);
    else
        finish(registration);
}

static void on_changed(struct work *work)
{
    struct registration *registration = (struct registration *)(void *)work;

    registration->is_at_work = false;
    if (registration->engine == NULL && registration->err.code == 0)
        (void)err_set(&registration->err, E_STOPPED, "the daemon is stopping");
    if (registration->err.code < 0 || registration->engine == NULL)
        finish(registration);
    else
        engine_reload(registration->engine, reloaded, registration);
}

static void start_next(struct engine *engine)
{
    struct registration *first = engine->registrations;

    if (first == NULL || first->is_at_work || first->generation != NULL)
        return;
    first->generation = generation_ref(engine->generation);
    (void)start_work(first, change_file, on_changed);
}

void registration_end(struct engine *engine)
{
    struct registration *first = engine->registrations;

    engine->registrations = NULL;
    if (first != NULL && first->is_at_work) {
        struct registration *working = first;

        first = working->next;
        work_wait(&working->work);
        working->engine = NULL; /* its end is on its way */
    } else if (first != NULL && first->generation != NULL) {
        struct registration *waiting = first;

        first = waiting->next;
        waiting->engine = NULL; /* the reload's end answers it */
    }
    while (first != NULL) {
        struct registration *next = first->next;

        first->engine = NULL;
        (void)err_set(&first->err, E_STOPPED, "the daemon is stopping");
        finish(first);
        first = next;
    }
}

/* ---- doors ---- */

static void queue(struct engine *engine, struct registration *registration)
{
    struct registration **at = &engine->registrations;

    while (*at != NULL)
        at = &(*at)->next;
    *at = registration;
    start_next(engine);
}

/* NULL: `done` was told. */
static struct registration *create(struct engine *engine, const char *integration,
                                   engine_switch_fn done, void *user)
{
    struct registration *registration = calloc(1, sizeof *registration);
    struct err err = {0};

    if (registration != NULL) {
        registration->engine = engine;
        registration->done = done;
        registration->user = user;
        registration->name = strdup(integration);
    }
    if (registration == NULL || registration->name == NULL) {
        registration_destroy(registration);
        done(user, err_set(&err, -ENOMEM, "out of memory"), &err);
        return NULL;
    }
    return registration;
}

/* The file of one that there is; NULL: `done` was told. */
static struct registration *create_for(struct engine *engine, const char *integration,
                                       engine_switch_fn done, void *user)
{
    const struct lane *lane = roster_find(&engine->roster, integration);
    struct registration *registration;
    struct err err = {0};

    if (lane == NULL) {
        done(user,
             err_set(&err, E_NOT_FOUND,
                     "there is no integration '%s'; `tenon integration list` shows them",
                     integration),
             &err);
        return NULL;
    }
    registration = create(engine, integration, done, user);
    if (registration != NULL)
        registration->path = strdup(config_file_path(lane->file));
    return registration;
}

/* False: out of memory, and that was said. */
static bool is_whole(struct registration *registration)
{
    if (registration->path != NULL && !registration->text.failed && !registration->sections.failed)
        return true;
    (void)err_set(&registration->err, -ENOMEM, "out of memory");
    registration->engine = NULL;
    finish(registration);
    return false;
}

void engine_register(struct engine *engine, const char *integration, struct str ini,
                     bool overwrites, engine_switch_fn done, void *user)
{
    struct registration *registration;
    _buf_ struct buf base = {0};
    struct err err = {0};

    if (config_check_name(integration, &err) < 0) {
        done(user, err.code, &err);
        return;
    }
    registration = create(engine, integration, done, user);
    if (registration == NULL)
        return;
    registration->kind = WRITES_FILE;
    registration->overwrites = overwrites;
    buf_add_str(&registration->text, ini);
    buf_printf(&base, "%s.ini", integration);
    if (!base.failed)
        registration->path = file_join(engine_conf_dir(engine), base.ptr);
    if (is_whole(registration))
        queue(engine, registration);
}

void engine_unregister(struct engine *engine, const char *integration, engine_switch_fn done,
                       void *user)
{
    struct registration *registration = create_for(engine, integration, done, user);

    if (registration == NULL)
        return;
    registration->kind = REMOVES_FILE;
    if (is_whole(registration))
        queue(engine, registration);
}

void engine_configure(struct engine *engine, const char *integration, struct str sections,
                      engine_switch_fn done, void *user)
{
    struct registration *registration = create_for(engine, integration, done, user);

    if (registration == NULL)
        return;
    registration->kind = EDITS_FILE;
    buf_add_str(&registration->sections, sections);
    if (is_whole(registration))
        queue(engine, registration);
}
