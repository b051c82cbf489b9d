/* SPDX-License-Identifier: Apache-2.0 */
#include <tenon/json.h>
#include <tenon/store.h>
static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    (void)integration, (void)settings, (void)err;
    *out_self = (void *)(uintptr_t)host;
    return TENON_OK;
}
static const tenon_store *store_of(const tenon_host *host)
{
    return (const tenon_store *)host->get_service(host, TENON_STORE_1);
}
/* A note is an entity of its own, related to the one that it is about. */
static int32_t note(void *self, const tenon_str *entity, const tenon_str *text, tenon_sink *out,
                    tenon_err *err)
{
    const tenon_host *host = (const tenon_host *)self;
    tenon_buffer data, answer;
    tenon_buffer_init(&data);
    tenon_buffer_init(&answer);
    tenon_puts(&data.sink, "{\"text\":");
    tenon_json_write_text(&data.sink, *text);
    tenon_puts(&data.sink, "}");
    int32_t code = store_of(host)->add(host, tenon_text("note"), data.text, &answer.sink, err);
    if (code == TENON_OK) {
        tenon_str ids = tenon_json_find(answer.text, "ids"); /* ["c-..."] */
        tenon_relationship about;
        memset(&about, 0, sizeof about);
        about.struct_size = sizeof about;
        about.from.ptr = ids.ptr + 2;
        about.from.len = ids.len - 4;
        about.type = tenon_text("about");
        about.to = *entity;
        code = store_of(host)->relate(host, &about, out, err);
    }
    tenon_buffer_free(&data);
    tenon_buffer_free(&answer);
    return code;
}
static int32_t notes(void *self, const tenon_str *entity, tenon_sink *out, tenon_err *err)
{
    const tenon_host *host = (const tenon_host *)self;
    tenon_relationship about;
    memset(&about, 0, sizeof about);
    about.struct_size = sizeof about;
    about.type = tenon_text("about");
    about.to = *entity;
    return store_of(host)->relations(host, &about, out, err);
}
static const tenon_action actions[] = {
    TENON_ACTION(note, "note", "Takes a note about an entity.", 0, (text, entity), (text, text)),
    TENON_ACTION(notes, "notes", "Lists the notes about an entity.", TENON_ACTION_READ_ONLY,
                 (text, entity)),
};
static void describe(tenon_plugin *plugin)
{
    plugin->create = create;
    plugin->actions = actions;
    plugin->n_actions = sizeof actions / sizeof *actions;
}
TENON_PLUGIN("diary", "1.0", "Apache-2.0", describe);
