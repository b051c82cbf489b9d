/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_vfs.h"

#include <stddef.h>

static struct disk *registered;
static sqlite3_vfs watching;
static sqlite3_io_methods watched; /* the system's are the same for all files of a kind */

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    int code = registered->system->xOpen(registered->system, name, file, flags, out_flags);

    (void)vfs;
    if (code != SQLITE_OK || (flags & registered->kind) == 0)
        return code;
    if (registered->methods == NULL) {
        watched = *file->pMethods;
        registered->replace(&watched);
        registered->methods = file->pMethods;
    }
    file->pMethods = &watched;
    return code;
}

int disk_register(struct disk *disk)
{
    registered = disk;
    disk->system = sqlite3_vfs_find(NULL);
    watching = *disk->system;
    watching.zName = "disk";
    watching.xOpen = disk_open;
    return sqlite3_vfs_register(&watching, 1);
}
