/* SPDX-License-Identifier: Apache-2.0
 * Where things are on this machine, as far as the configuration decides it. */
#include "config/config.h"

#include "base/cleanup.h"
#include "base/file.h"

/* An environment variable that is set and not empty. */
static const char *from_env(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

char *config_dir(const char *given)
{
    if (given == NULL)
        given = from_env("TENON_CONF");
    if (given != NULL)
        return strdup(given);
    _free_ char *program = file_program_dir();
    if (program == NULL)
        return NULL;
    char *slash = strrchr(program, '/');
    if (slash != NULL)
        *slash = '\0'; /* bin, sbin */
    /* A distribution's programs are below /usr, its configuration is not. */
    return strcmp(program, "/usr") == 0 ? strdup("/etc/tenon/conf.d")
                                        : file_join(program, "etc/tenon/conf.d");
}

/* Of systemd's list, separated by ':', the first. */
static char *systemd_state(const char *list)
{
    struct str rest = str_of(list);
    struct str first = STR_NONE;

    return str_next(&rest, ':', &first) ? str_dup(first) : NULL;
}

char *config_state_dir(const struct config_file *host, const char *given, struct err *err)
{
    const char *configured = config_text(host, "host", "state");
    char *state;

    if (given == NULL)
        given = from_env("TENON_STATE");
    if (given == NULL && configured[0] != '\0')
        given = configured;
    if (given != NULL) {
        state = strdup(given);
    } else if (from_env("STATE_DIRECTORY") != NULL) {
        state = systemd_state(from_env("STATE_DIRECTORY"));
    } else if (geteuid() == 0) {
        state = strdup("/var/lib/tenon");
    } else if (from_env("XDG_STATE_HOME") != NULL) {
        state = file_join(from_env("XDG_STATE_HOME"), "tenon");
    } else if (from_env("HOME") != NULL) {
        state = file_join(from_env("HOME"), ".local/state/tenon");
    } else {
        (void)err_set(err, E_NOT_FOUND,
                      "where is the state? HOME is not set: say [host] state in tenon.ini, or "
                      "TENON_STATE");
        return NULL;
    }
    if (state == NULL)
        (void)err_set(err, -ENOMEM, "out of memory");
    return state;
}

char *config_store_url(const struct config_file *host, const char *state_dir)
{
    const char *configured = config_text(host, "store", "url");
    struct buf url = {0};

    if (configured[0] != '\0')
        return strdup(configured);
    buf_printf(&url, "sqlite:%s/tenon.db", state_dir);
    return buf_take(&url);
}

char *config_socket_path(const struct config_file *host, const char *state_dir)
{
    const char *configured = config_text(host, "api", "socket");

    return configured[0] != '\0' ? strdup(configured) : file_join(state_dir, "tenon.sock");
}
