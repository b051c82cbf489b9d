/* SPDX-License-Identifier: Apache-2.0 */
#include "main/options.h"

#include "base/err.h"

#include <getopt.h>
#include <stdio.h>

void options_help(void)
{
    (void)puts(
        "tenond: the Tenon integration host\n"
        "\n"
        "  tenond [--conf DIR] [--state DIR] [--safe] [--check]\n"
        "\n"
        "  --conf DIR    where tenon.ini and the integrations are (else TENON_CONF, else the "
        "installed one)\n"
        "  --state DIR   where the store and the socket are (else TENON_STATE, else [host] state)\n"
        "  --safe        open no integration and run no plugin; `tenon integration activate "
        "NAME` opens one\n"
        "  --check       check the whole configuration, print what is wrong, start nothing\n"
        "  --version     print the version\n"
        "  --help        this\n"
        "\n"
        "It stays in the foreground and logs to stderr, or to the journal when systemd runs it.\n"
        "SIGTERM and SIGINT stop it: what is in flight ends first. SIGHUP: look at the\n"
        "configuration and the plugins now. Talk to it with `tenon`.");
}

int options_parse(int argc, char **argv, struct options *out)
{
    static const struct option rows[] = {
        {"conf", required_argument, NULL, 'c'},
        {"state", required_argument, NULL, 's'},
        {"check", no_argument, NULL, 'k'},
        {"safe", no_argument, NULL, 'S'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {0};
    int letter;

    while ((letter = getopt_long(argc, argv, "h", rows, NULL)) != -1) {
        switch (letter) {
        case 'c':
            options.conf = optarg;
            break;
        case 's':
            options.state = optarg;
            break;
        case 'S':
            options.is_safe = true;
            break;
        case 'k':
            options.is_check = true;
            break;
        case 'h':
            options.is_help = true;
            break;
        case 'v':
            options.is_version = true;
            break;
        default:
            (void)fprintf(stderr, "tenond: see `tenond --help`\n");
            return E_USAGE;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "tenond: '%s' is not an option; see `tenond --help`\n", argv[optind]);
        return E_USAGE;
    }
    *out = options;
    return 0;
}
