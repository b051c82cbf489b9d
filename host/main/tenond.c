/* SPDX-License-Identifier: Apache-2.0
 * tenond: the daemon. */
#include "main/check.h"
#include "main/daemon.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct options options;
    struct err err = {0};
    struct daemon *daemon;

    if (options_parse(argc, argv, &options) < 0)
        return 2;
    if (options.is_help) {
        options_help();
        return 0;
    }
    if (options.is_version) {
        (void)puts("tenond " TENON_VERSION);
        return 0;
    }
    if (options.is_check) {
        int status = check_configuration(&options, &err);

        if (status < 0 && status != E_REFUSED)
            (void)fprintf(stderr, "tenond: %s\n", err.text);
        return status < 0;
    }
    daemon = daemon_open(&options, &err);
    if (daemon == NULL) {
        (void)fprintf(stderr, "tenond: %s\n", err.text);
        return 1;
    }
    daemon_run(daemon);
    daemon_close(daemon);
    return 0;
}
