/* SPDX-License-Identifier: Apache-2.0
 * A conf.d of our own for each test, and the messages of a config as lines. */
#ifndef TEST_CONFIG_CHECK_H
#define TEST_CONFIG_CHECK_H

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

struct conf {
    char dir[64];
    struct config *config;
    char *messages; /* "file:line CODE text\n", the directory left away */
};

static inline int conf_setup(void **state)
{
    struct conf *conf = calloc(1, sizeof *conf);

    (void)snprintf(conf->dir, sizeof conf->dir, "/tmp/tenon-config-XXXXXX");
    *state = conf;
    return mkdtemp(conf->dir) != NULL ? 0 : -1;
}

static inline int conf_teardown(void **state)
{
    struct conf *conf = *state;
    char command[128];

    config_destroy(conf->config);
    free(conf->messages);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", conf->dir);
    int status = system(command);
    free(conf);
    return status;
}

/* Writes conf.d/NAME; returns its path, which lives until the next call. */
static inline const char *conf_write(const struct conf *conf, const char *name, const char *text,
                                     unsigned mode)
{
    static char path[256];
    struct err err = {0};

    (void)snprintf(path, sizeof path, "%s/%s", conf->dir, name);
    if (file_write(path, str_of(text), mode, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static inline void conf_load(struct conf *conf, config_options_fn options)
{
    _buf_ struct buf lines = {0};
    struct err err = {0};

    config_destroy(conf->config);
    conf->config = config_load(conf->dir, options, NULL, &err);
    if (conf->config == NULL)
        fail_msg("%s", err.text);
    buf_puts(&lines, "");
    for (size_t i = 0; i < config_message_count(conf->config); i++) {
        const struct config_error *message = config_message(conf->config, i);
        const char *name = strrchr(message->file, '/');
        buf_printf(&lines, "%s:%d %s%s %s\n", name != NULL ? name + 1 : message->file,
                   message->line, message->is_warning ? "warning " : "", message->code,
                   message->text);
    }
    free(conf->messages);
    conf->messages = buf_take(&lines);
}

/* One file x.ini, loaded. */
static inline const struct config_file *conf_one(struct conf *conf, const char *text,
                                                 config_options_fn options)
{
    (void)conf_write(conf, "x.ini", text, 0644);
    conf_load(conf, options);
    return config_find(conf->config, "x");
}

static inline void assert_message(const struct conf *conf, const char *wanted)
{
    if (strstr(conf->messages, wanted) == NULL)
        fail_msg("expected '%s' in:\n%s", wanted, conf->messages);
}

static inline void assert_no_messages(const struct conf *conf)
{
    if (conf->messages[0] != '\0')
        fail_msg("expected no messages, got:\n%s", conf->messages);
}

#endif
