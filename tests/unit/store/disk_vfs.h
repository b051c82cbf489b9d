/* SPDX-License-Identifier: Apache-2.0
 * A disk to be watched, and to fail: SQLite's own VFS, with some methods of one kind of file
 * replaced. One a process. */
#ifndef DISK_VFS_H
#define DISK_VFS_H

#include <sqlite3.h>

struct disk {
    int kind;                                     /* SQLITE_OPEN_MAIN_DB or another of that row */
    void (*replace)(sqlite3_io_methods *methods); /* puts the test's own in */
    sqlite3_vfs *system;                          /* filled in, as what follows */
    const sqlite3_io_methods *methods; /* the system's; NULL until such a file was opened */
};

/* Becomes the default VFS; before the first file is opened. `disk` outlives the process's last
 * file. SQLite's code. */
int disk_register(struct disk *disk);

#endif
