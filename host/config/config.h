/* SPDX-License-Identifier: Apache-2.0
 * The folder conf.d as one value: every file read, held against the schema tables, all errors of
 * all files collected, secrets resolved. Does not know plugins: what a plugin's option table says
 * comes in through config_options_fn. Reads files and the environment, starts nothing. [any], one
 * thread at a time. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum config_kind { CONFIG_HOST, CONFIG_INTEGRATION, CONFIG_PIPELINE };

/* One thing wrong: "conf.d/x.ini:14: [retry] max_attempts: 'three' is not a number (1 to 100)".
 * `code` is stable
 * ("C012"); codes are listed in config_errors.h. */
struct config_error {
    const char *file; /* as shown to people: conf dir + "/" + name */
    int line;         /* 0: the file as a whole */
    const char *code;
    char *text; /* without file and line */
    bool is_warning;
};

struct config;      /* all of conf.d */
struct config_file; /* one file: tenon.ini, an integration or a pipeline */

/* The option rows of a plugin (text of TENON_OPTION lines) and its selectors; false: no such
 * plugin, and *out_problem (static or owned by the callee until the next call) says what to do. */
struct config_plugin_facts {
    struct str settings; /* option rows; may be empty; borrowed until the next call */
    bool needs_net;
};
typedef bool (*config_options_fn)(void *user, const char *plugin, struct config_plugin_facts *out,
                                  const char **out_problem);

/* Reads all .ini files of `dir`. Always gives a value, also when files are bad: look at
 * config_errors. NULL only when the directory cannot be read or memory is out (err). `options` may
 * be NULL: [settings] is then not checked. */
struct config *config_load(const char *dir, config_options_fn options, void *user, struct err *err);
/* The same of one file that is not on disk yet, `base` its name with .ini: what config_load would
 * say of it, beside the tenon.ini of `dir`. */
struct config *config_load_text(const char *dir, const char *base, struct str text,
                                config_options_fn options, void *user, struct err *err);
void config_destroy(struct config *config);
size_t config_error_count(const struct config *config); /* errors alone, without warnings */
size_t
config_message_count(const struct config *config); /* errors and warnings, in file and line order */
const struct config_error *config_message(const struct config *config, size_t index);

/* Whether an integration may be called so: 0, or E_USAGE with the rule. */
int config_check_name(const char *name, struct err *err);

const struct config_file *
config_host(const struct config *config);              /* tenon.ini, or all defaults; never NULL */
size_t config_file_count(const struct config *config); /* integrations and pipelines, by name */
const struct config_file *config_file_at(const struct config *config, size_t index);
const struct config_file *config_find(const struct config *config, const char *name); /* or NULL */

const char *config_file_name(const struct config_file *file); /* "stripe-eu" */
const char *config_file_path(const struct config_file *file);
enum config_kind config_file_kind(const struct config_file *file);
bool config_file_is_valid(const struct config_file *file);       /* no errors in it */
int64_t config_file_modified_ms(const struct config_file *file); /* wall; 0: it is not there */

/* ---- two readings of one file (config_compare.c) ---- */

/* They say the same: effective values, secrets and [settings] included; comments do not count. */
bool config_file_same(const struct config_file *one, const struct config_file *other);
/* The next key from *at on (start with 0) that `other` has otherwise, or not; false: no more. */
bool config_file_difference(const struct config_file *one, const struct config_file *other,
                            size_t *at, const char **out_section, const char **out_key);
/* Its first error as "conf.d/x.ini:14: ..." and how many more there are; nothing when valid. */
void config_file_problem(const struct config *config, const struct config_file *file,
                         struct buf *out);

/* Values by section and key of the schema; the schema's default when the file does not set it.
 * Asking for a key that no schema row has is our own mistake (assert). Text belongs to the config;
 * secrets come resolved. */
const char *config_text(const struct config_file *file, const char *section, const char *key);
int64_t config_integer(const struct config_file *file, const char *section,
                       const char *key); /* also bytes, ms */
double config_real(const struct config_file *file, const char *section, const char *key);
bool config_is_true(const struct config_file *file, const char *section, const char *key);
bool config_is_set(const struct config_file *file, const char *section, const char *key);
int config_line(const struct config_file *file, const char *section,
                const char *key); /* 0: default */
/* Walks a list value such as allow_hosts: pieces between commas, white space or lines, empty ones
 * left out. Types of entities may have blanks in them: [select] type has commas alone between. */
#define CONFIG_LIST_BETWEEN ", \t\r\n"
bool config_list_next(struct str *rest, struct str *out_item);
/* Free-form sections ([headers], [metadata]): pair `index`, or false past the end. */
bool config_pair(const struct config_file *file, const char *section, size_t index,
                 const char **out_key, const char **out_value);
/* [settings] as the JSON object that create() gets: every option of the plugin's table, defaults
 * filled in. Secret options carry their value only when the plugin needs net; else null (the host
 * holds them). */
const char *config_settings_json(const struct config_file *file);

/* `config show`: the effective values as ini text, secrets as ********; defaults as comments when
 * `all`. */
void config_show(const struct config_file *file, bool all, struct buf *out);
/* `config example PLUGIN`: a commented integration ini from the schema and the plugin's rows. */
void config_example(const char *plugin, struct str settings_rows, bool needs_net, struct buf *out);
/* A commented tenon.ini from the schema: conf.d/tenon.ini in the tree is exactly this. */
void config_example_host(struct buf *out);

/* Where conf.d is: `given` (--conf), else TENON_CONF, else the installed one: /etc/tenon/conf.d for
 * a program below /usr, PREFIX/etc/tenon/conf.d for one in PREFIX/bin. Caller frees; NULL: no
 * memory. */
char *config_dir(const char *given);
/* What depends on where we run. `host` is config_host(). Callers free; NULL: no memory, or, with
 * the reason, no home to put the state. State: `given` (--state), else TENON_STATE, else [host]
 * state, else $STATE_DIRECTORY of systemd, else /var/lib/tenon for root and $XDG_STATE_HOME/tenon
 * or ~/.local/state/tenon for others. The others default into that directory. */
char *config_state_dir(const struct config_file *host, const char *given, struct err *err);
char *config_store_url(const struct config_file *host,
                       const char *state_dir); /* "sqlite:<state>/tenon.db" */
char *config_socket_path(const struct config_file *host,
                         const char *state_dir); /* "<state>/tenon.sock" */

#endif
