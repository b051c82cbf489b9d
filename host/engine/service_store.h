/* SPDX-License-Identifier: Apache-2.0
 * What the files of tenon.store/1 share: service_store.c changes entities and says who may,
 * service_store_read.c looks. Private to the engine room. [loop] */
#ifndef ENGINE_SERVICE_STORE_H
#define ENGINE_SERVICE_STORE_H

#include "engine/service.h"

/* Ends the ask: with the JSON, which is freed, or with the words of a status of a room below. */
void service_store_answer(struct plugin_ask *take_ask, struct buf *json);
void service_store_fail(struct plugin_ask *take_ask, int status, const struct err *err);
void service_store_refuse(struct plugin_ask *take_ask, int error_class, int http_status,
                          const char *words);
/* A decimal text of the question, 0 to `most`. False: it is none, and the ask has ended. */
bool service_store_number(struct plugin_ask *ask, size_t index, uint64_t most, uint64_t *out);

void service_store_get(struct engine *engine, struct lane *lane, struct plugin_ask *take_ask);
void service_store_search(struct engine *engine, struct lane *lane, struct plugin_ask *take_ask);
void service_store_attributes(struct engine *engine, struct lane *lane,
                              struct plugin_ask *take_ask);
void service_store_relations(struct engine *engine, struct lane *lane, struct plugin_ask *take_ask);

#endif
