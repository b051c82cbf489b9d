/* SPDX-License-Identifier: Apache-2.0
 * Remembers whether tenond comes to grief soon after its start, time after time, and then says
 * that there is a safe mode. A file in the state directory counts; it goes when a start went well.
 */
#ifndef MAIN_STARTS_H
#define MAIN_STARTS_H

#include "base/loop.h"

#include <stdbool.h>

struct starts;

/* Counts this start, and says so when the ones before ended badly. NULL: no memory. [loop] */
struct starts *starts_create(struct loop *loop, const char *state_dir, bool is_safe);
void starts_went_well(
    struct starts *starts);                 /* stopped in order, or ran for a while; NULL allowed */
void starts_destroy(struct starts *starts); /* NULL allowed; leaves the count as it is */

#endif
