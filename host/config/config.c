/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "config/config_memory.h"
#include "config/config_schema.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static const char host_file[] = "tenon.ini";

void config_destroy(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->message_count; i++)
        free(config->messages[i].text);
    free(config->messages);
    for (size_t i = 0; i < config->file_count; i++)
        config_file_destroy(config->files[i]);
    free(config->files);
    config_file_destroy(config->host);
    free(config->dir);
    free(config);
}

DEFINE_GUARD(config, struct config *, config_destroy);

/* ---- the names of files ---- */

static bool is_integration_name(struct str name)
{
    enum { NAME_BYTES_MAX = 63 };

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !(c == '-' && i > 0))
            return false;
    }
    return name.len > 0 && name.len <= NAME_BYTES_MAX;
}

/* Words that stand where an integration's name could: `tenon NAME ...` and
 * /api/v1/integrations/NAME. */
static bool is_reserved(const char *name)
{
    static const char *const words[] = {
        "action", "call",       "config",      "entity",       "health",  "help",
        "host",   "import",     "integration", "list",         "mcp",     "pipeline",
        "plugin", "register",   "reload",      "relationship", "signal",  "status",
        "store",  "submission", "submit",      "tenon",        "version", "why"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], name) == 0)
            return true;
    return false;
}

int config_check_name(const char *name, struct err *err)
{
    if (!is_integration_name(str_of(name)))
        return err_set(err, E_USAGE,
                       "the file's name names the integration: at most 63 of a-z 0-9 and '-' (not "
                       "first), then .ini");
    if (is_reserved(name))
        return err_set(err, E_USAGE,
                       "'%s' is a word of the command line and the API: name the file otherwise",
                       name);
    return 0;
}

static void check_name(struct config *config, struct config_file *file)
{
    struct err err = {0};

    if (config_check_name(file->name, &err) < 0)
        config_complain(config, file, NULL, 0, C005, "%s", err.text);
}

/* The first section says what the file is. False: nothing more can be said of it. */
static bool check_kind(struct config *config, struct config_file *file)
{
    const char *first = file->heading_count > 0 ? file->headings[0].section : NULL;
    int line = first != NULL ? file->headings[0].line : 0;

    if (first == NULL && file->error_count == 0)
        config_complain(config, file, NULL, 0, C010,
                        "expected [integration] as the first section; the file has no section");
    if (first == NULL)
        return false;
    if (strcmp(first, "pipeline") == 0) {
        file->kind = CONFIG_PIPELINE;
        config_complain(config, file, NULL, line, C009,
                        "[pipeline] is not supported by this version");
        return false;
    }
    if (strcmp(first, "integration") != 0)
        config_complain(config, file, NULL, line, C010,
                        "expected [integration] as the first section, [%s] came", first);
    return true;
}

/* ---- loading ---- */

/* Takes `file` into the config, checked. */
static void take_file(struct config *config, struct config_file *file, struct str text)
{
    if (file->kind == CONFIG_HOST) {
        config->host = file;
    } else {
        if (!config_grow((void **)&config->files, config->file_count, &config->file_room,
                         sizeof *config->files)) {
            config_file_destroy(file);
            config->has_failed = true;
            return;
        }
        config->files[config->file_count++] = file;
        check_name(config, file);
    }
    config_file_read(config, file, text);
    bool is_known = config->has_failed || file->kind == CONFIG_HOST || check_kind(config, file);
    if (!config->has_failed)
        config_file_check(config, file, is_known);
    if (config->has_failed)
        return;
    file->settings_json = config_settings_render(file);
    config->has_failed = file->settings_json == NULL;
}

static struct config_file *new_file(struct config *config, const char *base)
{
    _free_ char *path = file_join(config->dir, base);
    _free_ char *name = str_dup((struct str){base, strlen(base) - strlen(".ini")});
    bool is_host = strcmp(base, host_file) == 0;

    if (path == NULL || name == NULL)
        return NULL;
    return config_file_create(is_host ? CONFIG_HOST : CONFIG_INTEGRATION, name, path);
}

static void load_file(struct config *config, const char *base, bool may_be_missing)
{
    struct config_file *file = new_file(config, base);
    _buf_ struct buf text = {0};
    struct err why = {0};
    struct stat info;

    if (file == NULL) {
        config->has_failed = true;
        return;
    }
    if (stat(file->path, &info) == 0) /* before it is read: what comes later is another look's */
        file->modified_ms = (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
    int status = file_read(file->path, CONFIG_FILE_BYTES_MAX, &text, &why);
    if (status < 0 && !(may_be_missing && status == -ENOENT))
        config_complain(config, file, NULL, 0, status == E_TOO_LARGE ? C002 : C001, "%s", why.text);
    /* A file that cannot be read is there all the same, so that config_find knows it: bad, with all
     * defaults. */
    take_file(config, file, buf_str(&text));
}

static int is_ini(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".ini") == 0 &&
           strcmp(entry->d_name, host_file) != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int by_place(const void *a, const void *b)
{
    const struct config_error *one = a;
    const struct config_error *other = b;
    int order = strcmp(one->file, other->file);

    if (order == 0)
        order = (one->line > other->line) - (one->line < other->line);
    if (order == 0)
        order = strcmp(one->code, other->code);
    return order != 0 ? order : strcmp(one->text, other->text);
}

static struct config *finish_load(struct config *config, struct err *err)
{
    if (config->has_failed) {
        config_destroy(config);
        (void)err_set(err, -ENOMEM, "out of memory while reading the configuration");
        return NULL;
    }
    if (config->message_count > 0)
        qsort(config->messages, config->message_count, sizeof *config->messages, by_place);
    return config;
}

static struct config *config_create(const char *dir, config_options_fn options, void *user,
                                    struct err *err)
{
    struct config *config = calloc(1, sizeof *config);

    if (config != NULL)
        config->dir = strdup(dir);
    if (config == NULL || config->dir == NULL) {
        config_destroy(config);
        (void)err_set(err, -ENOMEM, "out of memory");
        return NULL;
    }
    config->options = options;
    config->user = user;
    return config;
}

struct config *config_load(const char *dir, config_options_fn options, void *user, struct err *err)
{
    struct dirent **entries = NULL;

    int count = scandir(dir, &entries, is_ini, by_name);
    if (count < 0) {
        int code = errno;
        (void)err_set(err, -code, "cannot read the configuration directory '%s': %s", dir,
                      strerror(code));
        return NULL;
    }
    struct config *config = config_create(dir, options, user, err);
    if (config != NULL)
        load_file(config, host_file, true); /* first: it decides what the others may do */
    if (config != NULL && count > CONFIG_FILES_MAX)
        config_complain(config, NULL, config->dir, 0, C003, "%d files; at most %d are read", count,
                        CONFIG_FILES_MAX);
    for (int i = 0; i < count; i++) {
        if (config != NULL && i < CONFIG_FILES_MAX && !config->has_failed)
            load_file(config, entries[i]->d_name, false);
        free(entries[i]);
    }
    free(entries);
    return config != NULL ? finish_load(config, err) : NULL;
}

struct config *config_load_text(const char *dir, const char *base, struct str text,
                                config_options_fn options, void *user, struct err *err)
{
    struct config *config = config_create(dir, options, user, err);
    struct config_file *file;

    if (config == NULL)
        return NULL;
    load_file(config, host_file, true);
    file = new_file(config, base);
    if (file != NULL && text.len > CONFIG_FILE_BYTES_MAX)
        config_complain(config, file, NULL, 0, C002, "more than %d bytes", CONFIG_FILE_BYTES_MAX);
    if (file != NULL)
        take_file(config, file, text.len > CONFIG_FILE_BYTES_MAX ? STR("") : text);
    else
        config->has_failed = true;
    return finish_load(config, err);
}

struct config *config_load_memory(const char *base, struct str text, config_options_fn options,
                                  void *user, struct err *err)
{
    _guard_(config) struct config *config = config_create("conf.d", options, user, err);

    if (config == NULL)
        return NULL;
    config->keeps_references = true;
    if (strcmp(base, host_file) != 0) {
        struct config_file *host = new_file(config, host_file);
        if (host != NULL)
            take_file(config, host, STR(""));
    }
    struct config_file *file = new_file(config, base);
    if (file != NULL)
        take_file(config, file, text);
    if (file == NULL || config->host == NULL)
        config->has_failed = true;
    return finish_load(steal(config), err);
}

/* ---- asking ---- */

size_t config_error_count(const struct config *config)
{
    return config->error_count;
}

size_t config_message_count(const struct config *config)
{
    return config->message_count;
}

const struct config_error *config_message(const struct config *config, size_t index)
{
    assert(index < config->message_count);
    return &config->messages[index];
}

const struct config_file *config_host(const struct config *config)
{
    return config->host;
}

size_t config_file_count(const struct config *config)
{
    return config->file_count;
}

const struct config_file *config_file_at(const struct config *config, size_t index)
{
    assert(index < config->file_count);
    return config->files[index];
}

const struct config_file *config_find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->file_count; i++)
        if (strcmp(config->files[i]->name, name) == 0)
            return config->files[i];
    return NULL;
}

const char *config_file_name(const struct config_file *file)
{
    return file->name;
}

const char *config_file_path(const struct config_file *file)
{
    return file->path;
}

enum config_kind config_file_kind(const struct config_file *file)
{
    return file->kind;
}

bool config_file_is_valid(const struct config_file *file)
{
    return file->error_count == 0;
}

static const struct config_value *value_of(const struct config_file *file, const char *section,
                                           const char *key)
{
    const struct config_value *value = config_value_find(file, section, key);

    assert(value != NULL && "the schema has no such key, or the file was not valid");
    return value;
}

const char *config_text(const struct config_file *file, const char *section, const char *key)
{
    return value_of(file, section, key)->text;
}

int64_t config_integer(const struct config_file *file, const char *section, const char *key)
{
    return value_of(file, section, key)->parsed.integer;
}

double config_real(const struct config_file *file, const char *section, const char *key)
{
    return value_of(file, section, key)->parsed.real;
}

bool config_is_true(const struct config_file *file, const char *section, const char *key)
{
    return value_of(file, section, key)->parsed.is_true;
}

bool config_is_set(const struct config_file *file, const char *section, const char *key)
{
    const struct config_value *value = config_value_find(file, section, key);

    return value != NULL && value->line != 0;
}

int config_line(const struct config_file *file, const char *section, const char *key)
{
    const struct config_value *value = config_value_find(file, section, key);

    return value != NULL ? value->line : 0;
}

bool config_list_next(struct str *rest, struct str *out_item)
{
    return str_next_word(rest, CONFIG_LIST_BETWEEN, out_item);
}

bool config_pair(const struct config_file *file, const char *section, size_t index,
                 const char **out_key, const char **out_value)
{
    for (size_t i = 0; i < file->value_count; i++) {
        const struct config_value *value = &file->values[i];
        if (!value->is_pair || strcmp(value->section, section) != 0 || index-- > 0)
            continue;
        *out_key = value->key;
        *out_value = value->text;
        return true;
    }
    return false;
}

const char *config_settings_json(const struct config_file *file)
{
    return file->settings_json != NULL ? file->settings_json : "{}";
}
