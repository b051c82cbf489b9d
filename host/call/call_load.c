/* SPDX-License-Identifier: Apache-2.0
 * From a path to a table of functions that is ours: opened, found to be its own, greeted, copied,
 * held against the note. A file that fails here has run its constructors and its entry, nothing
 * more. */
#include "call/call_server.h"

#include <dlfcn.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>

enum { KNOWN_FLAGS = TENON_PER_INTEGRATION | TENON_IDEMPOTENT };

static int refuse(char words[CALL_WORDS_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(char words[CALL_WORDS_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(words, CALL_WORDS_MAX, format, args);
    va_end(args);
    return -1;
}

/* dlsym would also give a symbol of one of the file's dependencies. */
static bool belongs_to(void *symbol, void *handle)
{
    struct link_map *own = NULL;
    struct link_map *found = NULL;
    Dl_info info;

    return dlinfo(handle, RTLD_DI_LINKMAP, &own) == 0 &&
           dladdr1(symbol, &info, (void **)&found, RTLD_DL_LINKMAP) != 0 && own != NULL &&
           own == found;
}

static bool same(const char *theirs, tenon_str note)
{
    return theirs == NULL ? note.len == 0 : tenon_equals(note, theirs);
}

/* Copies what both sides know; the rest of ours stays zero. */
static void copy_table(void *own, size_t own_size, const void *theirs)
{
    uint32_t size;

    memcpy(&size, theirs, sizeof size);
    memset(own, 0, own_size);
    memcpy(own, theirs, size < own_size ? size : own_size);
}

static int check_selectors(const tenon_plugin *plugin, char words[CALL_WORDS_MAX])
{
    if (plugin->n_selectors == 0)
        return 0;
    if (plugin->n_selectors > WIRE_SELECTORS_MAX)
        return refuse(words, "the plugin has %zu selectors; at most %d are possible",
                      plugin->n_selectors, WIRE_SELECTORS_MAX);
    if (plugin->selectors == NULL ||
        plugin->selectors[0].struct_size < offsetof(tenon_selector, select) + 8)
        return refuse(words,
                      "n_selectors is %zu, but the selector table is missing or of no known size",
                      plugin->n_selectors);
    for (size_t i = 0; i < plugin->n_selectors; i++) {
        const tenon_selector *selector =
            (const void *)((const char *)plugin->selectors + i * plugin->selectors[0].struct_size);
        if (selector->name == NULL || selector->name[0] == '\0' || selector->select == NULL)
            return refuse(words, "selector %zu has no name or no function", i + 1);
    }
    return 0;
}

const tenon_selector *call_find_selector(const struct call_server *server, tenon_str name)
{
    const tenon_plugin *plugin = &server->plugin;

    for (size_t i = 0; i < plugin->n_selectors; i++) {
        const tenon_selector *selector =
            (const void *)((const char *)plugin->selectors + i * plugin->selectors[0].struct_size);
        if (tenon_equals(name, selector->name))
            return selector;
    }
    return NULL;
}

static int copy_tables(struct call_server *server, char words[CALL_WORDS_MAX])
{
    const tenon_plugin *plugin = &server->plugin;

    if (plugin->transformer != NULL)
        copy_table(&server->transformer, sizeof server->transformer, plugin->transformer);
    if (plugin->client != NULL)
        copy_table(&server->client, sizeof server->client, plugin->client);
    if (plugin->submitter != NULL)
        copy_table(&server->submitter, sizeof server->submitter, plugin->submitter);
    if (check_selectors(plugin, words) < 0)
        return -1;
    if (call_action_prepare_all(server, words) < 0)
        return -1;
    if (call_webhook_load(server, words) < 0 || call_actions_load(server, words) < 0 ||
        call_command_load(server, words) < 0)
        return -1;
    if (call_route_load(server, words) < 0)
        return -1;
    if (call_signal_load(server, words) < 0)
        return -1;
    return call_mcp_load(server, words);
}

static int greet(struct call_server *server, tenon_entry_fn entry, const struct wire_load *load,
                 char words[CALL_WORDS_MAX])
{
    static const tenon_hello hello = {sizeof hello, TENON_ABI_MINOR, TENON_VERSION};
    uint32_t size = 0;

    call_mark(&server->main, WIRE_AT_ENTRY, UINT32_MAX);
    const tenon_plugin *theirs = entry(&hello);
    if (theirs == NULL)
        return refuse(words, "the plugin's entry refused this host (tenon %s, ABI %d.%d)",
                      TENON_VERSION, TENON_ABI_MAJOR, TENON_ABI_MINOR);
    memcpy(&size, theirs, sizeof size);
    if (size < offsetof(tenon_plugin, validate))
        return refuse(
            words,
            "the plugin's table says it has %u bytes; ABI 1.0 has %zu. Build it with TENON_PLUGIN",
            size, sizeof *theirs);
    copy_table(&server->plugin, sizeof server->plugin, theirs);
    const tenon_plugin *plugin = &server->plugin;
    uint64_t unknown = (plugin->flags & ~(uint64_t)KNOWN_FLAGS) >> 32 << 32;
    if (unknown != 0)
        return refuse(words,
                      "the plugin requires flags 0x%llx, which this host (tenon %s) does not know; "
                      "update tenon",
                      (unsigned long long)unknown, TENON_VERSION);
    if (!same(plugin->name, load->name) || !same(plugin->version, load->version))
        return refuse(words,
                      "the file's note says %s %s, its table says %s %s: note and table do not "
                      "come from one build, or "
                      "the file was replaced while an older one is loaded",
                      load->name.ptr, load->version.ptr, plugin->name ? plugin->name : "(nothing)",
                      plugin->version ? plugin->version : "(nothing)");
    if (!same(plugin->settings, load->settings))
        return refuse(words, "the settings rows in the file's note are not those of its table; "
                             "set plugin->settings = tenon_settings_");
    return copy_tables(server, words);
}

static int open_plugin(struct call_server *server, const struct wire_load *load,
                       char words[CALL_WORDS_MAX])
{
    char symbol[32];

    call_mark(&server->main, WIRE_AT_LOAD, UINT32_MAX);
    void *handle = dlopen(load->path.ptr, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == NULL)
        return refuse(words, "the dynamic linker refused it: %s", dlerror());
    snprintf(symbol, sizeof symbol, "tenon_plugin_v%d", TENON_ABI_MAJOR);
    void *entry = dlsym(handle, symbol);
    if (entry == NULL || !belongs_to(entry, handle))
        return refuse(words,
                      "the file does not define %s itself; write TENON_PLUGIN(...) in its source",
                      symbol);
    union {
        void *object;
        tenon_entry_fn function;
    } cast = {entry};
    return greet(server, cast.function, load, words);
}

static void send_facts(struct call_server *server, const struct wire_header *header,
                       const char *confinement)
{
    struct call_thread *thread = &server->main;
    const tenon_plugin *plugin = &server->plugin;
    struct wire_facts facts = {
        .has = (server->transformer.transform ? WIRE_HAS_TRANSFORMER : 0u) |
               (server->client.prepare ? WIRE_HAS_PREPARE : 0u) |
               (server->client.judge ? WIRE_HAS_JUDGE : 0u) |
               (server->client.submit ? WIRE_HAS_SUBMIT : 0u) |
               (server->client.test ? WIRE_HAS_TEST : 0u) |
               (server->client.reconcile ? WIRE_HAS_RECONCILE : 0u) |
               (server->client.judge_reconcile ? WIRE_HAS_JUDGE_RECONCILE : 0u) |
               (server->submitter.submit ? WIRE_HAS_SUBMITTER : 0u) |
               (server->own_actions.declare ? WIRE_HAS_ACTIONS : 0u) |
               (server->webhook.map ? WIRE_HAS_WEBHOOK : 0u),
        .batch_max = plugin->batch_max,
        .flags = plugin->flags,
        .confinement = tenon_text(confinement),
        .selector_count = (uint32_t)plugin->n_selectors,
    };

    for (size_t i = 0; i < plugin->n_selectors; i++)
        facts.selectors[i] = tenon_text(
            ((const tenon_selector *)(const void *)((const char *)plugin->selectors +
                                                    i * plugin->selectors[0].struct_size))
                ->name);
    call_action_declare(server, &facts);
    call_signal_declare(server, &facts);
    call_command_declare(server, &facts);
    call_route_declare(server, &facts);
    call_mcp_declare(server, &facts);
    size_t begin = wire_out_begin(&thread->out, WIRE_FACTS, header->call, 0);
    wire_put_facts(&thread->out, &facts);
    if (wire_out_end(&thread->out, begin) == 0)
        (void)call_send(server, &thread->out); /* a broken connection ends the serving loop */
    wire_out_clear(&thread->out);
}

void call_load(struct call_server *server, const struct wire_header *header, struct wire_in *in)
{
    char confinement[CALL_WORDS_MAX] = "";
    char words[CALL_WORDS_MAX] = "";
    struct wire_load load;
    const struct call_options *options = &server->options;

    if (wire_get_load(in, &load) < 0 || server->is_loaded) {
        call_send_refusal(&server->main, header, TENON_E_VALIDATION,
                          "not a load order, or a second one");
        return;
    }
    if (options->confine != NULL && options->confine(options->user, &load, confinement) < 0) {
        call_send_refusal(&server->main, header, TENON_E_PERMANENT, confinement);
        return;
    }
    int status = open_plugin(server, &load, words);
    call_mark(&server->main, WIRE_AT_NONE, UINT32_MAX);
    if (status < 0) {
        call_send_refusal(&server->main, header, TENON_E_PERMANENT, words);
        return;
    }
    server->is_loaded = true;
    if (options->tighten != NULL)
        options->tighten(options->user, &load, confinement);
    send_facts(server, header, confinement);
}
