/* SPDX-License-Identifier: Apache-2.0
 *
 * actions.h: capability "tenon.actions/1": actions that an integration has because of its settings,
 * besides those in the plugin's table, which every integration of it has. A plugin that reads an
 * API description, or the functions of a library that its ini names, tells here what it found.
 *
 *   static const tenon_actions own = {sizeof own, 0, declare, call};
 *   static const void *get_capability(const char *id)
 *   {
 *       return strcmp(id, TENON_ACTIONS_1) == 0 ? &own : NULL;
 *   }
 *
 * What is declared here is checked, listed, described and called like any other action. A name that
 * the plugin's table has already is refused. Diary: 1 first.
 */
#ifndef TENON_ACTIONS_H
#define TENON_ACTIONS_H

#include <tenon/tenon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_ACTIONS_1 "tenon.actions/1"

/* One argument, held against the declaration; the letter of the signature says which member. A left
 * out one is its default. Frozen. */
typedef struct tenon_argument {
    int64_t integer; /* I; b as 0 or 1 */
    double real;     /* d */
    tenon_str text;  /* s, j; borrowed for the call */
} tenon_argument;

/* Takes declarations during declare(). The host owns it; add() copies action and texts. */
typedef struct tenon_action_list tenon_action_list;
struct tenon_action_list {
    uint32_t struct_size;
    uint32_t flags;
    void *ctx;
    /* With `function` NULL the action is run by call(); otherwise by that function, as TENON_ACTION
     * has it. TENON_E_VALIDATION: this host cannot call such a signature, or these are too many;
     * TENON_E_NO_MEMORY.  [any] */
    int32_t (*add)(tenon_action_list *list, const tenon_action *action);
};

typedef struct tenon_actions {
    uint32_t struct_size;
    uint32_t flags; /* 0 */
    /* Tells the integration's actions, once, right behind create(), whose rules are for it as well.
     * On a negative status the integration does not open, and destroy() follows.  [init] */
    int32_t (*declare)(void *self, tenon_action_list *out, tenon_err *err);
    /* Runs action number `index`, as declare() told them, from 0. What it writes to `out` is one
     * JSON value; nothing is null. NULL: every action has a function.  [pool] */
    int32_t (*call)(void *self, uint32_t index, const tenon_argument *arguments, uint32_t count,
                    tenon_sink *out, tenon_err *err);
} tenon_actions;

TENON_ASSERT_(offsetof(tenon_argument, text) == 16 && sizeof(tenon_argument) == 32,
              "tenon_argument is frozen");
TENON_ASSERT_(offsetof(tenon_action_list, add) == 16, "tenon_action_list is frozen");
TENON_ASSERT_(offsetof(tenon_actions, declare) == 8 && offsetof(tenon_actions, call) == 16,
              "tenon_actions is frozen");

#ifdef __cplusplus
}
#endif
#endif
