/* SPDX-License-Identifier: Apache-2.0
 * The composition: opens the rooms from the ground up, closes them from the top down. The only
 * place that knows them all. */
#ifndef MAIN_DAEMON_H
#define MAIN_DAEMON_H

#include "base/err.h"
#include "main/options.h"

struct daemon;

/* Reads and checks the configuration and opens everything. A configuration error in tenon.ini is
 * fatal; one in an integration's file keeps that integration from starting and is logged. */
struct daemon *daemon_open(const struct options *options, struct err *err);
void daemon_run(struct daemon *daemon);   /* until SIGTERM or SIGINT, and the drain after it */
void daemon_close(struct daemon *daemon); /* NULL and half-opened allowed */


#endif
