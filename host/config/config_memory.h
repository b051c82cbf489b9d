/* SPDX-License-Identifier: Apache-2.0
 * A configuration of one file that never was on disk: for the fuzz target, tests and editors. */
#ifndef CONFIG_MEMORY_H
#define CONFIG_MEMORY_H

#include "config/config.h"

/* As config_load of a directory "conf.d" with this one file ("x.ini"). `${...}` references are left
 * as they are, so nothing of the machine is touched. */
struct config *config_load_memory(const char *base, struct str text, config_options_fn options,
                                  void *user, struct err *err);

#endif
