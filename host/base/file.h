/* SPDX-License-Identifier: Apache-2.0
 * Whole files. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/err.h"
#include "base/str.h"

/* The file's bytes into buf; E_TOO_LARGE past max_bytes. Regular files only. */
int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err);
/* Atomically: a temporary name beside it, fsync, rename, fsync of the directory. */
int file_write(const char *path, struct str bytes, unsigned mode, struct err *err);
int file_make_dirs(const char *path, unsigned mode, struct err *err);
/* dir + "/" + name, caller frees. */
char *file_join(const char *dir, const char *name);
/* The directory of the running program, resolved; for the relocatable layout. Caller frees; NULL on
 * failure. */
char *file_program_dir(void);

#endif
