/* SPDX-License-Identifier: Apache-2.0 */
#include "main/settings.h"

#include <errno.h>
#include <stdlib.h>

static int read_paths(struct settings *settings, const char *state, struct err *err)
{
    const struct config_file *host = config_host(settings->setup.config);

    settings->state_dir = config_state_dir(host, state, err);
    if (settings->state_dir == NULL)
        return -ENOENT;
    settings->store_url = config_store_url(host, settings->state_dir);
    settings->socket = config_socket_path(host, settings->state_dir);
    if (settings->store_url == NULL || settings->socket == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    return 0;
}

int settings_load(const char *conf, const char *state, struct settings *out, struct err *err)
{
    int status;

    *out = (struct settings){0};
    status = setup_load(conf, true, &out->setup, err);
    if (status == 0)
        status = read_paths(out, state, err);
    if (status < 0)
        settings_finish(out);
    return status;
}

struct store_retention settings_retention(const struct config_file *host)
{
    return (struct store_retention){
        .keep_ms = {[SUBMISSION_SUCCEEDED] = config_integer(host, "store", "keep_succeeded"),
                    [SUBMISSION_FAILED] = config_integer(host, "store", "keep_failed"),
                    [SUBMISSION_SKIPPED] = config_integer(host, "store", "keep_skipped"),
                    [SUBMISSION_SUPERSEDED] = config_integer(host, "store", "keep_superseded")},
        .signals_ms = config_integer(host, "store", "keep_signals"),
        .entities_ms = config_integer(host, "store", "keep_entities"),
    };
}

/* NULL for what is not set. */
static const char *text_or_null(const struct config_file *host, const char *key)
{
    const char *text = config_text(host, "api", key);

    return text[0] != '\0' ? text : NULL;
}

struct api_settings settings_api(const struct settings *settings, const struct config_file *host)
{
    return (struct api_settings){
        .unix_socket = settings->socket,
        .access = {.listen = text_or_null(host, "listen"),
                   .token = text_or_null(host, "token"),
                   .without_token = text_or_null(host, "without_token"),
                   .hosts = text_or_null(host, "hosts"),
                   .origins = text_or_null(host, "origins"),
                   .socket_group = text_or_null(host, "socket_group"),
                   .socket_users = text_or_null(host, "socket_users"),
                   .socket_scope = text_or_null(host, "socket_scope"),
                   .state_dir = settings->state_dir},
        .tls = {.certificate = text_or_null(host, "tls_certificate"),
                .key = text_or_null(host, "tls_key"),
                .client_ca = text_or_null(host, "tls_client_ca")},
        .max_body_bytes = config_integer(host, "api", "max_body"),
        .max_connections = (int)config_integer(host, "api", "max_connections"),
        .max_connections_per_peer = (int)config_integer(host, "api", "max_connections_per_peer"),
        .idle_timeout_ms = config_integer(host, "api", "idle_timeout"),
        .request_timeout_ms = config_integer(host, "api", "request_timeout"),
    };
}

void settings_finish(struct settings *settings)
{
    setup_finish(&settings->setup);
    free(settings->state_dir);
    free(settings->store_url);
    free(settings->socket);
    *settings = (struct settings){0};
}
