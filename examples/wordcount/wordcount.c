/* SPDX-License-Identifier: Apache-2.0
 * Counts lines, words and bytes: as a command, `tenon wordcount count < FILE`, and as routes, a
 * page and what it asks. No records, no settings: a plugin may be for people alone. */
#include <tenon/cli.h>
#include <tenon/routes.h>

typedef struct tally {
    uint64_t lines, words, bytes;
    int is_in_word;
} tally;

static void tally_add(tally *to, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        int is_blank = bytes[i] == ' ' || bytes[i] == '\n' || bytes[i] == '\t' || bytes[i] == '\r';
        to->lines += bytes[i] == '\n';
        to->words += !is_blank && !to->is_in_word;
        to->is_in_word = !is_blank;
    }
    to->bytes += len;
}

/* ---- the command ---- */

static int32_t run_count(void *self, tenon_cli_call *call, tenon_err *err)
{
    char buffer[16384], line[96];
    size_t len = 1;
    tally total = {0, 0, 0, 0};
    int is_lines_only = call->n_args == 1 && tenon_equals(call->args[0], "--lines");

    (void)self, (void)err;
    if (call->n_args > 0 && !is_lines_only) {
        tenon_puts(call->err, "count: only --lines is known\n");
        return 2;
    }
    while (len > 0) {
        if (call->read(call, buffer, sizeof buffer, &len) != TENON_OK)
            return TENON_E_CANCELLED;
        tally_add(&total, buffer, len);
    }
    if (is_lines_only)
        snprintf(line, sizeof line, "%llu\n", (unsigned long long)total.lines);
    else
        snprintf(line, sizeof line, "%llu lines, %llu words, %llu bytes\n",
                 (unsigned long long)total.lines, (unsigned long long)total.words,
                 (unsigned long long)total.bytes);
    tenon_puts(call->out, line);
    return 0;
}

/* ---- the routes ---- */

static const char page[] =
    "<!doctype html><title>wordcount</title><textarea id=t rows=8 cols=60></textarea>"
    "<p id=n></p><script>t.oninput=async()=>{n.textContent=JSON.stringify(await(await "
    "fetch('count',{method:'POST',body:t.value})).json())}</script>\n";

/* An answer that the browser has already is not sent again. */
static int32_t serve_page(void *self, const tenon_route_request *request, tenon_response *response,
                          tenon_err *err)
{
    static const char head[] = "content-type: text/html; charset=utf-8\netag: \"1\"\n";
    int is_known = strstr(request->headers.ptr, "if-none-match: \"1\"\n") != NULL;

    (void)self, (void)err;
    response->start(response, is_known ? 304 : 200, tenon_text(head));
    return is_known ? TENON_OK : tenon_response_puts(response, page);
}

static int32_t serve_count(void *self, const tenon_route_request *request, tenon_response *response,
                           tenon_err *err)
{
    char text[128];
    tally total = {0, 0, 0, 0};

    (void)self;
    if (request->body.len == 0)
        return tenon_fail(err, TENON_E_VALIDATION, "expected a text as the body, came nothing");
    tally_add(&total, request->body.ptr, request->body.len);
    snprintf(text, sizeof text, "{\"lines\":%llu,\"words\":%llu,\"bytes\":%llu}\n",
             (unsigned long long)total.lines, (unsigned long long)total.words,
             (unsigned long long)total.bytes);
    response->start(response, 200, tenon_text("content-type: application/json\n"));
    return tenon_response_puts(response, text);
}

/* ---- what it is made of ---- */

static const tenon_command commands[] = {
    TENON_COMMAND("count", "[--lines]", "Counts standard input.", run_count),
};
static const tenon_route routes[] = {
    TENON_ROUTE("GET", "/", "A page to count a text with.", serve_page),
    TENON_ROUTE("POST", "/count", "Counts the body.", serve_count),
};
static const tenon_cli cli = TENON_CLI(commands);
static const tenon_routes table = TENON_ROUTES(routes);

static const void *get_capability(const char *id)
{
    return strcmp(id, TENON_CLI_1) == 0      ? (const void *)&cli
           : strcmp(id, TENON_ROUTES_1) == 0 ? (const void *)&table
                                             : NULL;
}

static void describe(tenon_plugin *plugin)
{
    plugin->get_capability = get_capability;
}

TENON_PLUGIN("wordcount", "1.0.0", "Apache-2.0", describe);
