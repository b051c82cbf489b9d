/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a plugin file. Whatever is accepted has texts that can be shown to a person. */
#include "catalog/catalog.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool claim)
{
    if (!claim)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plugin_note note;
    struct err err = {0};

    if (plugin_note_parse(data, size, &note, &err) == 0) {
        must(note.name[0] >= 'a' && note.name[0] <= 'z' && note.version[0] != '\0');
        must(note.settings != NULL && str_is_utf8(str_of(note.settings)));
        must(str_is_utf8(str_of(note.version)) && str_is_utf8(str_of(note.license)) &&
             str_is_utf8(str_of(note.sdk)));
        must(str_is_utf8(str_of(note.unknown_needs)) && str_is_utf8(str_of(note.run_path)));
        for (size_t i = 0; i < note.needed_count; i++)
            must(str_is_utf8(str_of(note.needed[i])));
    } else {
        must(note.settings == NULL && err.text[0] != '\0');
    }
    if (plugin_note_judge(&note, &err) < 0)
        must(err.text[0] != '\0');
    plugin_note_finish(&note);
    return 0;
}
