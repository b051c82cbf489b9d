/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PLUGIN_H
#define CLI_PLUGIN_H

#include "catalog/catalog.h"

const char *cli_plugin_state_name(enum catalog_state state);

#endif
