/* SPDX-License-Identifier: Apache-2.0
 * tenond --check: what is wrong with the configuration, and what would keep tenond from starting
 * with it. Opens nothing that a running tenond has open. */
#ifndef MAIN_CHECK_H
#define MAIN_CHECK_H

#include "base/err.h"
#include "main/options.h"

/* Every message on stdout. 0, or E_REFUSED when there are errors. */
int check_configuration(const struct options *options, struct err *err);

#endif
