/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.h: capability "tenon.cli/1": commands of a plugin's own, `tenon INTEGRATION COMMAND ...`.
 *
 *   static int32_t greet(void *self, tenon_cli_call *call, tenon_err *err)
 *   {
 *       tenon_puts(call->out, "hello\n");
 *       return 0;
 *   }
 *   static const tenon_command commands[] = {TENON_COMMAND("greet", "[NAME]", "Greets.", greet)};
 *   static const tenon_cli cli = TENON_CLI(commands);
 *   static const void *get_capability(const char *id)
 *   {
 *       return strcmp(id, TENON_CLI_1) == 0 ? &cli : NULL;
 *   }
 *
 * A command runs in the plugin's worker, at the integration that was named, while its caller's
 * terminal is elsewhere: what it writes goes there as it is written, what it reads comes from
 * there. It runs on a thread of its own, beside all else that the integration does, other commands
 * and its routes included: what `self` shares with them needs a lock. Its stack has 1 MiB. Long
 * commands look at is_cancelled() now and then; one that does not end within 15 s of being
 * cancelled costs its worker a restart. Thread mark of such code:
 *
 *   [aside]   a thread for this call alone, together with any other call of the integration,
 *             between activate() and deactivate(). May block. validate() and create() of another
 *             integration of the same plugin may run meanwhile.
 *
 * Diary: 1 first.
 */
#ifndef TENON_CLI_H
#define TENON_CLI_H

#include <tenon/tenon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TENON_CLI_1 "tenon.cli/1"

#define TENON_CLI_IN_TERMINAL 1u  /* standard input is a terminal */
#define TENON_CLI_OUT_TERMINAL 2u /* and standard output */
#define TENON_CLI_ERR_TERMINAL 4u
#define TENON_CLI_COLOR 8u /* standard output is one that wants colour */

/* One run. The host owns it; valid until run() returns. */
typedef struct tenon_cli_call tenon_cli_call;
struct tenon_cli_call {
    uint32_t struct_size;
    uint32_t flags;        /* TENON_CLI_... */
    uint32_t width;        /* columns to keep to; 0: no limit */
    uint32_t n_args;       /* behind the command's name; options stand among them as they came */
    const tenon_str *args; /* UTF-8 */
    void *ctx;             /* the host's */
    /* Standard output and error. write() hands over at once, whole pieces at a time, and returns
     * when there is room for more: a caller that reads slowly slows it down. TENON_E_CANCELLED: the
     * caller is gone, clean up and return.  [any; blocks] */
    tenon_sink *out;
    tenon_sink *err;
    /* At most `size` bytes of the caller's standard input; nothing of it is taken before this asks.
     * *out_len 0: its end. TENON_E_CANCELLED.  [any; blocks] */
    int32_t (*read)(tenon_cli_call *call, void *buffer, size_t size, size_t *out_len);
    /* 1: the caller pressed Ctrl-C or went away, the integration is being closed, or the time is
     * up.  [any] */
    int32_t (*is_cancelled)(const tenon_cli_call *call);
};

/* A command, a row of a table. `run` returns the exit code, 0 to 255; or a TENON_E_..., whose
 * message goes to the caller's standard error, and the exit code is 1. */
typedef struct tenon_command {
    uint32_t struct_size;
    uint32_t flags;        /* 0 */
    const char *name;      /* static; a-z 0-9 _ -, a letter first */
    const char *arguments; /* static, how help shows them: "FILE [--force]"; "": none */
    const char *help;      /* static, one line */
    const char *more;      /* static, what --help shows besides; or NULL */
    int32_t (*run)(void *self, tenon_cli_call *call, tenon_err *err); /* [aside] */
    /* Time limit; what the caller takes to read and to type does not count. 0: none. */
    uint32_t timeout_ms;
    uint32_t reserved;
} tenon_command;

typedef struct tenon_cli {
    uint32_t struct_size;
    uint32_t n_commands; /* at most 64, stride struct_size */
    const tenon_command *commands;
} tenon_cli;

#define TENON_COMMAND(name, arguments, help, run)                                                  \
    {                                                                                              \
        sizeof(tenon_command), 0, name, arguments, help, 0, run, 0, 0                              \
    }
#define TENON_CLI(commands)                                                                        \
    {                                                                                              \
        sizeof(tenon_cli), sizeof(commands) / sizeof((commands)[0]), commands                      \
    }

TENON_ASSERT_(offsetof(tenon_cli_call, args) == 16 && offsetof(tenon_cli_call, out) == 32 &&
                  offsetof(tenon_cli_call, is_cancelled) == 56,
              "tenon_cli_call is frozen");
TENON_ASSERT_(offsetof(tenon_command, run) == 40 && sizeof(tenon_command) == 56,
              "tenon_command is frozen");
TENON_ASSERT_(offsetof(tenon_cli, commands) == 8, "tenon_cli is frozen");

#ifdef __cplusplus
}
#endif
#endif
