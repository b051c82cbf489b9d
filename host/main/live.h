/* SPDX-License-Identifier: Apache-2.0
 * Which settings of tenon.ini take effect while tenond runs: one row each. */
#ifndef MAIN_LIVE_H
#define MAIN_LIVE_H

#include "config/config.h"

struct store;

/* Applies what differs between two readings of tenon.ini; says of the rest that it needs a restart.
 */
void live_apply(const struct config_file *former, const struct config_file *now,
                struct store *store);

#endif
