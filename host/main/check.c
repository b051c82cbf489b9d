/* SPDX-License-Identifier: Apache-2.0 */
#include "main/check.h"

#include "api/api.h"
#include "main/settings.h"
#include "store/store.h"

#include <stdio.h>

static void show(const struct config_error *message)
{
    (void)printf("%s", message->file);
    if (message->line > 0)
        (void)printf(":%d", message->line);
    (void)printf(": %s%s: %s\n", message->is_warning ? "warning " : "", message->code,
                 message->text);
}

/* What the rooms themselves make of their settings: users, certificates, stores. */
static size_t check_rooms(const struct settings *settings)
{
    const struct config_file *host = config_host(settings->setup.config);
    const struct api_settings api = settings_api(settings, host);
    struct err problem = {0};
    size_t errors = 0;

    if (api_check(&api, &problem) < 0) {
        errors++;
        (void)printf("%s: %s\n", config_file_path(host), problem.text);
    }
    if (store_check_url(settings->store_url, &problem) < 0) {
        errors++;
        (void)printf("%s: %s\n", config_file_path(host), problem.text);
    }
    return errors;
}

int check_configuration(const struct options *options, struct err *err)
{
    struct settings settings;
    size_t errors;
    size_t files;
    int status = settings_load(options->conf, options->state, &settings, err);

    if (status < 0)
        return status;
    for (size_t i = 0; i < config_message_count(settings.setup.config); i++)
        show(config_message(settings.setup.config, i));
    errors = config_error_count(settings.setup.config);
    if (config_file_is_valid(config_host(settings.setup.config)))
        errors += check_rooms(&settings);
    files = config_file_count(settings.setup.config) + 1;
    (void)printf("%zu file%s, %zu error%s\n", files, files == 1 ? "" : "s", errors,
                 errors == 1 ? "" : "s");
    settings_finish(&settings);
    return errors == 0 ? 0 : err_set(err, E_REFUSED, "the configuration has errors");
}
