/* SPDX-License-Identifier: Apache-2.0
 * Commands and routes that show how such calls go, and how they go wrong. */
#include <tenon/cli.h>
#include <tenon/routes.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const char zeros[65536];

static void pause_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

/* ---- commands ---- */

static int32_t run_facts(void *self, tenon_cli_call *call, tenon_err *err)
{
    char line[128];

    (void)self, (void)err;
    snprintf(line, sizeof line, "width=%u flags=%u args=%u\n", call->width, call->flags,
             call->n_args);
    tenon_puts(call->out, line);
    for (uint32_t i = 0; i < call->n_args; i++) {
        tenon_write(call->out, call->args[i]);
        tenon_puts(call->out, "\n");
    }
    tenon_puts(call->err, "to stderr\n");
    return 0;
}

static int32_t run_exit(void *self, tenon_cli_call *call, tenon_err *err)
{
    (void)self;
    if (call->n_args == 0)
        return tenon_fail(err, TENON_E_VALIDATION, "expected an exit code, came nothing");
    return atoi(call->args[0].ptr);
}

static int32_t run_echo(void *self, tenon_cli_call *call, tenon_err *err)
{
    char buffer[100];
    size_t len;

    (void)self, (void)err;
    while (call->read(call, buffer, sizeof buffer, &len) == TENON_OK && len > 0)
        call->out->write(call->out, buffer, len);
    return 0;
}

static int32_t run_steps(void *self, tenon_cli_call *call, tenon_err *err)
{
    (void)self, (void)err;
    tenon_puts(call->out, "one\n");
    while (!call->is_cancelled(call))
        pause_ms(10);
    return TENON_E_CANCELLED;
}

static int32_t run_flood(void *self, tenon_cli_call *call, tenon_err *err)
{
    long left = call->n_args > 0 ? atol(call->args[0].ptr) : 0;

    (void)self, (void)err;
    for (; left > 0; left -= (long)sizeof zeros) {
        size_t len = left < (long)sizeof zeros ? (size_t)left : sizeof zeros;
        if (call->out->write(call->out, zeros, len) != TENON_OK)
            return TENON_E_CANCELLED;
    }
    return 0;
}

static int32_t run_crash(void *self, tenon_cli_call *call, tenon_err *err)
{
    (void)self, (void)err;
    tenon_puts(call->out, "before\n");
    raise(SIGSEGV);
    return 0;
}

static int32_t run_deaf(void *self, tenon_cli_call *call, tenon_err *err)
{
    (void)self, (void)err;
    tenon_puts(call->out, "deaf\n");
    while (self == NULL) /* it always is */
        pause_ms(1000);
    return 0;
}

static int32_t run_slow(void *self, tenon_cli_call *call, tenon_err *err)
{
    (void)self, (void)err;
    while (!call->is_cancelled(call))
        pause_ms(10);
    return 0;
}

/* ---- routes ---- */

static int32_t serve_mirror(void *self, const tenon_route_request *request, tenon_response *out,
                            tenon_err *err)
{
    (void)self, (void)err;
    out->start(out, 200, tenon_text("Content-Type: text/plain\nX-Own: yes\n"));
    tenon_response_write(out, request->method);
    tenon_response_puts(out, " ");
    tenon_response_write(out, request->path);
    tenon_response_puts(out, " ?");
    tenon_response_write(out, request->query);
    for (uint32_t i = 0; i < request->n_parameters; i++) {
        tenon_response_puts(out, " [");
        tenon_response_write(out, request->parameters[i]);
        tenon_response_puts(out, "]");
    }
    tenon_response_puts(out, "\n");
    tenon_response_write(out, request->headers);
    return tenon_response_write(out, request->body);
}

static int32_t serve_bytes(void *self, const tenon_route_request *request, tenon_response *out,
                           tenon_err *err)
{
    long left = atol(request->parameters[0].ptr);

    (void)self, (void)err;
    for (; left > 0; left -= (long)sizeof zeros) {
        size_t len = left < (long)sizeof zeros ? (size_t)left : sizeof zeros;
        if (out->write(out, zeros, len) != TENON_OK)
            return TENON_E_CANCELLED;
    }
    return TENON_OK;
}

/* Never mind what writing says. */
static int32_t serve_stubborn(void *self, const tenon_route_request *request, tenon_response *out,
                              tenon_err *err)
{
    (void)self, (void)request, (void)err;
    for (int i = 0; i < 200; i++)
        (void)out->write(out, zeros, sizeof zeros);
    return TENON_OK;
}

static int32_t serve_events(void *self, const tenon_route_request *request, tenon_response *out,
                            tenon_err *err)
{
    (void)self, (void)request, (void)err;
    out->start(out, 200, tenon_text("content-type: text/event-stream\n"));
    while (!out->is_cancelled(out)) {
        tenon_response_puts(out, "data: tick\n\n");
        if (out->flush(out) != TENON_OK)
            break;
        pause_ms(20);
    }
    return TENON_OK;
}

static int32_t serve_hang(void *self, const tenon_route_request *request, tenon_response *out,
                          tenon_err *err)
{
    (void)self, (void)request, (void)err;
    while (!out->is_cancelled(out))
        pause_ms(10);
    return TENON_E_CANCELLED;
}

static int32_t serve_crash(void *self, const tenon_route_request *request, tenon_response *out,
                           tenon_err *err)
{
    (void)self, (void)request, (void)out, (void)err;
    raise(SIGSEGV);
    return TENON_OK;
}

static int32_t serve_half(void *self, const tenon_route_request *request, tenon_response *out,
                          tenon_err *err)
{
    (void)self, (void)request;
    tenon_response_puts(out, "half");
    out->flush(out);
    return tenon_fail(err, TENON_E_SERVER, "the other half is missing");
}

/* Says which of its attempts at a bad head the host took: none. */
static int32_t serve_inject(void *self, const tenon_route_request *request, tenon_response *out,
                            tenon_err *err)
{
    static const char *const heads[] = {"X-A: b\r\nX-Evil: c\n",
                                        "Content-Length: 3\n",
                                        "Transfer-Encoding: chunked\n",
                                        "no colon\n",
                                        "Bad Name: x\n",
                                        "X-A: b\n\nbody",
                                        "Connection: close\n"};
    char line[32];
    int taken = 0;

    (void)self, (void)request, (void)err;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        taken += out->start(out, 200, tenon_text(heads[i])) == TENON_OK;
    taken += out->start(out, 99, tenon_text("")) == TENON_OK;
    taken += out->start(out, 600, tenon_text("")) == TENON_OK;
    snprintf(line, sizeof line, "taken=%d", taken);
    return tenon_response_puts(out, line);
}

static int32_t serve_refusal(void *self, const tenon_route_request *request, tenon_response *out,
                             tenon_err *err)
{
    (void)self, (void)out;
    if (tenon_equals(request->parameters[0], "unsupported"))
        return tenon_fail(err, TENON_E_UNSUPPORTED, "not here");
    err->retry_after_ms = 2500;
    return tenon_fail(err, TENON_E_RATE_LIMITED, "too fast");
}

/* ---- tables ---- */

static const tenon_command commands[] = {
    TENON_COMMAND("facts", "[ARG...]", "Tells what it was given.", run_facts),
    TENON_COMMAND("exit", "CODE", "Ends with this code.", run_exit),
    TENON_COMMAND("echo", "", "Gives standard input back.", run_echo),
    TENON_COMMAND("steps", "", "Waits to be cancelled.", run_steps),
    TENON_COMMAND("flood", "BYTES", "Writes so many zeros.", run_flood),
    TENON_COMMAND("crash", "", "Dies of a signal.", run_crash),
    TENON_COMMAND("deaf", "", "Never ends.", run_deaf),
    {sizeof(tenon_command), 0, "slow", "", "Has half a second.", "It needs more.", run_slow, 500,
     0},
};
static const tenon_cli cli = TENON_CLI(commands);

#define QUICK(path, handle)                                                                        \
    {                                                                                              \
        sizeof(tenon_route), 0, "GET", path, "For tests.", 0, "{\"type\":\"string\"}", handle,     \
            500, 0                                                                                 \
    }
static const tenon_route routes[] = {
    TENON_ROUTE("GET", "/mirror", "Tells what came.", serve_mirror),
    TENON_ROUTE("POST", "/mirror", "Tells what came.", serve_mirror),
    TENON_ROUTE("GET", "/files/{path...}", "Tells what came.", serve_mirror),
    TENON_ROUTE("GET", "/two/{first}/and/{second}", "Tells what came.", serve_mirror),
    TENON_ROUTE("GET", "/bytes/{count}", "So many zeros.", serve_bytes),
    TENON_ROUTE("GET", "/events", "Goes on.", serve_events),
    QUICK("/hang", serve_hang),
    QUICK("/stubborn", serve_stubborn),
    TENON_ROUTE("POST", "/crash", "Dies of a signal.", serve_crash),
    TENON_ROUTE("GET", "/half", "Breaks off.", serve_half),
    TENON_ROUTE("GET", "/inject", "Tries bad heads.", serve_inject),
    TENON_ROUTE("GET", "/refusal/{kind}", "Refuses.", serve_refusal),
};
static const tenon_routes table = TENON_ROUTES(routes);

static const void *get_capability(const char *id)
{
    if (strcmp(id, TENON_CLI_1) == 0)
        return &cli;
    return strcmp(id, TENON_ROUTES_1) == 0 ? &table : NULL;
}

static int32_t add(void *self, int64_t a, int64_t b, tenon_sink *out, tenon_err *err)
{
    char text[32];

    (void)self, (void)err;
    snprintf(text, sizeof text, "%lld", (long long)(a + b));
    return tenon_puts(out, text);
}

static const tenon_action actions[] = {
    TENON_ACTION(add, "add", "Adds.", TENON_ACTION_READ_ONLY, (i64, a), (i64, b)),
};

static void describe(tenon_plugin *plugin)
{
    plugin->get_capability = get_capability;
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof *actions;
}

TENON_PLUGIN("talker", "1.0.0", "Apache-2.0", describe);
