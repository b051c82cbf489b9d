/* SPDX-License-Identifier: Apache-2.0
 * Entities and relationships as JSON: the same over REST and for plugins. [any] */
#ifndef ENGINE_MODEL_H
#define ENGINE_MODEL_H

#include "store/store.h"

/* Members of an object, without its braces. */
void model_put_entity(struct buf *out, const struct store_row *row);
void model_put_relationship(struct buf *out, const struct store_row *row);
const char *model_outcome_name(enum store_put_outcome outcome); /* "created" */

#endif
