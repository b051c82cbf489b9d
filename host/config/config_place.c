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

char *config_state_dir(const struct config_file *host, const char *given)
{
    const char *configured = config_text(host, "host", "state");

    if (given == NULL)
        given = from_env("TENON_STATE");
    if (given == NULL && configured[0] != '\0')
        given = configured;
    if (given != NULL)
        return strdup(given);
    if (from_env("STATE_DIRECTORY") != NULL)
        return systemd_state(from_env("STATE_DIRECTORY"));
    if (geteuid() == 0)
        return strdup("/var/lib/tenon");
    if (from_env("XDG_STATE_HOME") != NULL)
        return file_join(from_env("XDG_STATE_HOME"), "tenon");
    return from_env("HOME") != NULL ? file_join(from_env("HOME"), ".local/state/tenon") : NULL;
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
