/* SPDX-License-Identifier: Apache-2.0
 * tenond's command line as a struct. */
#ifndef MAIN_OPTIONS_H
#define MAIN_OPTIONS_H

#include <stdbool.h>

struct options {
    const char *conf;  /* NULL: TENON_CONF, else the installed one */
    const char *state; /* NULL: [host] state */
    bool is_check, is_safe, is_help, is_version;
};

/* 0 or E_USAGE with the sentence already on stderr. */
int options_parse(int argc, char **argv, struct options *out);
void options_help(void);

#endif
