/* SPDX-License-Identifier: Apache-2.0
 * What the log is told: the settings of tenon.ini, and the news that plugins and their workers
 * give. [loop] */
#ifndef MAIN_LOGGING_H
#define MAIN_LOGGING_H

#include "config/config.h"
#include "plugin/plugin.h"

struct engine;

/* Level, form and target as [log] has them now: at start, and again when tenon.ini changed. What
 * cannot be had (no journal) is said in a line, and standard error stands in. */
void logging_apply(const struct config_file *host);

/* A line for each complaint about the files, as their integrations' when they are one's. */
void logging_config_messages(const struct config *config);

/* Plugins' lines become log lines of their integrations. What a worker of several integrations says
 * without naming one counts for each of them; `engine` knows them, and *engine may be NULL yet. */
struct plugin_events logging_plugin_events(struct engine **engine);

#endif
