/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/catalog.h"

#include <tenon/tenon.h>

/* The lower half of a note's flags is advice, the upper half must be understood. This host knows
 * none of either. */
enum { FLAGS_TO_UNDERSTAND_SHIFT = 16 };

static int judge_version(const struct plugin_note *note, struct err *err)
{
    if (note->abi_major == TENON_ABI_MAJOR)
        return 0;
    if (note->abi_major > TENON_ABI_MAJOR)
        return err_set(err, E_REFUSED,
                       "plugin '%s' %s is built for plugin ABI %u.%u, this host has ABI %d.%d: "
                       "install a tenon with ABI "
                       "%u.x, or rebuild the plugin with the tenon-sdk of this host",
                       note->name, note->version, note->abi_major, note->abi_minor, TENON_ABI_MAJOR,
                       TENON_ABI_MINOR, note->abi_major);
    return err_set(err, E_REFUSED,
                   "plugin '%s' %s is built for plugin ABI %u.%u, which this host with ABI %d.%d "
                   "no longer loads: install a "
                   "newer version of the plugin, or rebuild it with the tenon-sdk of this host",
                   note->name, note->version, note->abi_major, note->abi_minor, TENON_ABI_MAJOR,
                   TENON_ABI_MINOR);
}

static int judge_needs(const struct plugin_note *note, struct err *err)
{
    uint32_t unknown = note->flags >> FLAGS_TO_UNDERSTAND_SHIFT;

    if (unknown != 0)
        return err_set(err, E_REFUSED,
                       "plugin '%s' %s (ABI %u.%u) demands features (flags 0x%x) that this host "
                       "(ABI %d.%d) does not know: "
                       "install a newer tenon",
                       note->name, note->version, note->abi_major, note->abi_minor, note->flags,
                       TENON_ABI_MAJOR, TENON_ABI_MINOR);
    if (note->unknown_needs[0] != '\0')
        return err_set(err, E_REFUSED,
                       "plugin '%s' %s (ABI %u.%u) needs '%s', this host (ABI %d.%d) knows only "
                       "'net': install a newer tenon, "
                       "or mend the needs in TENON_PLUGIN_NEEDS",
                       note->name, note->version, note->abi_major, note->abi_minor,
                       note->unknown_needs, TENON_ABI_MAJOR, TENON_ABI_MINOR);
    return 0;
}

static int judge_build(const struct plugin_note *note, struct err *err)
{
    if (!note->exports_entry && note->other_major != 0)
        return err_set(err, E_REFUSED,
                       "plugin '%s' %s exports tenon_plugin_v%u, its note says ABI %u.%u, which "
                       "needs tenon_plugin_v%u: the "
                       "file is put together from two builds, rebuild it",
                       note->name, note->version, note->other_major, note->abi_major,
                       note->abi_minor, note->abi_major);
    if (!note->exports_entry)
        return err_set(err, E_REFUSED,
                       "plugin '%s' %s does not export tenon_plugin_v%u: TENON_PLUGIN defines it, "
                       "look for a version script or "
                       "linker option that hides it",
                       note->name, note->version, note->abi_major);
    if (note->has_text_relocations)
        return err_set(
            err, E_REFUSED,
            "plugin '%s' %s has text relocations, which need writable code: compile all of it "
            "with -fPIC",
            note->name, note->version);
    if (note->has_exec_stack)
        return err_set(
            err, E_REFUSED,
            "plugin '%s' %s asks for an executable stack: link it with -Wl,-z,noexecstack (often "
            "an assembler file without .note.GNU-stack)",
            note->name, note->version);
    return 0;
}

int plugin_note_judge(const struct plugin_note *note, struct err *err)
{
    int status = judge_version(note, err);

    if (status == 0)
        status = judge_needs(note, err);
    if (status == 0)
        status = judge_build(note, err);
    return status;
}
