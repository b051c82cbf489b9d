/* SPDX-License-Identifier: Apache-2.0
 * Is an entity's data what a search wants? The same for every backend. Data is read as it lies:
 * there is no index of words, as keeping one would cost every record of intake more than all else
 * that is written of it. [any]; no state. */
#ifndef STORE_SEARCH_H
#define STORE_SEARCH_H

#include "store/store.h"

/* QUERY_ENTITIES: by its text and its fields. `data` is JSON that was checked. */
bool store_search_fits(const struct store_query *query, struct str data);
/* Does it look at some of the entities alone, so that it must be bounded? */
bool store_search_is_narrow(const struct store_query *query);

#endif
