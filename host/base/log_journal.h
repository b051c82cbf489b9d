/* SPDX-License-Identifier: Apache-2.0
 * systemd-journald's native protocol: one datagram an entry, fields that may hold any byte. Called
 * by log.c under its lock; inside base/ only.
 * https://systemd.io/JOURNAL_NATIVE_PROTOCOL */
#ifndef BASE_LOG_JOURNAL_H
#define BASE_LOG_JOURNAL_H

#include "base/log_line.h"

/* Whether `fd` is the stream to the journal that the service manager named in JOURNAL_STREAM. */
bool log_journal_is_stream(int fd);
/* The socket is /run/systemd/journal/socket, or what TENON_JOURNAL_SOCKET names. */
int log_journal_open(struct err *err);
void log_journal_close(void);
/* 0, or a negative status: the journal did not take it, and the line is to go elsewhere. Waits for
 * a busy journal a moment, and after it was too slow once, not at all until it takes a line. */
int log_journal_send(const struct log_line *line);

#endif
