/* SPDX-License-Identifier: Apache-2.0
 * Arguments against a schema: the keywords of JSON Schema 2020-12 that say what a value is. What
 * else a schema may hold is refused when it is declared, so that nothing is promised that is not
 * checked. Both are bytes of a stranger; fuzzed by tests/fuzz/mcp. [any] */
#ifndef BASE_JSON_SCHEMA_H
#define BASE_JSON_SCHEMA_H

#include "base/err.h"
#include "base/str.h"

/* Is `schema` one for arguments: an object whose type is object, in the keywords that are known?
 * 0, or E_SYNTAX with the place and what to do. */
int json_schema_check(struct str schema, struct err *err);
/* Does `value`, checked JSON, fit `schema`, which json_schema_check took? 0, or E_USAGE with the
 * place, what was expected and what came. */
int json_schema_match(struct str schema, struct str value, struct err *err);

#endif
