/* SPDX-License-Identifier: Apache-2.0
 * Real shared objects, made by the system's compiler while the test runs, then damaged. Each plugin
 * has a constructor that writes a file, which nothing here may ever bring about. */
#include "catalog/catalog.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <tenon/tenon.h>

struct place {
    char dir[64];
};

static void path_in(const struct place *place, const char *name, char *out)
{
    (void)snprintf(out, 160, "%s/%s", place->dir, name);
}

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

/* Compiles `source` to NAME; `prelude` stands before the SDK header, `flags` behind the usual ones.
 */
static void build(const struct place *place, const char *name, const char *prelude,
                  const char *source, const char *flags)
{
    char path[160];
    _buf_ struct buf text = {0};
    _buf_ struct buf command = {0};
    struct err err = {0};

    path_in(place, "plugin.c", path);
    buf_printf(&text, "%s\n#include <tenon/tenon.h>\n%s\n", prelude, source);
    if (file_write(path, buf_str(&text), 0644, &err) < 0)
        fail_msg("%s", err.text);
    buf_printf(&command,
               "cc -shared -fPIC -fvisibility=hidden -w -I'%s/sdk/include' '%s' -o '%s/%s' %s",
               getenv("TENON_SOURCE"), path, place->dir, name, flags);
    run(command.ptr);
    path_in(place, name, path);
    assert_int_equal(chmod(path, 0755), 0);
}

static void build_plugin(const struct place *place, const char *file, const char *name,
                         const char *needs, const char *prelude, const char *flags)
{
    _buf_ struct buf source = {0};

    buf_printf(
        &source,
        "#include <fcntl.h>\n"
        "__attribute__((constructor)) static void ran(void) { open(\"%s/ran\", O_CREAT | O_WRONLY, "
        "0644); }\n"
        "static void describe(tenon_plugin *plugin) { (void)plugin; }\n"
        "TENON_SETTINGS(TENON_OPTION(\"room\", \"text\", \"\", \"\", \"required\", \"Which.\"));\n"
        "TENON_PLUGIN_NEEDS(\"%s\", \"1.2\", \"MIT\", \"%s\", describe);\n",
        place->dir, name, needs);
    build(place, file, prelude, source.ptr, flags);
}

static void assert_not_run(const struct place *place)
{
    char path[160];

    path_in(place, "ran", path);
    assert_int_equal(access(path, F_OK), -1);
}

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    (void)snprintf(place->dir, sizeof place->dir, "/tmp/tenon-catalog-XXXXXX");
    *state = place;
    return mkdtemp(place->dir) != NULL ? chmod(place->dir, 0755) : -1;
}

static int teardown(void **state)
{
    struct place *place = *state;
    char command[128];

    assert_not_run(place);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", place->dir);
    int status = system(command);
    free(place);
    return status;
}

static void load(const struct place *place, const char *name, struct buf *out)
{
    char path[160];
    struct err err = {0};

    path_in(place, name, path);
    buf_clear(out);
    if (file_read(path, 1 << 24, out, &err) < 0)
        fail_msg("%s", err.text);
}

static int parse(struct str bytes, struct plugin_note *out, struct err *err)
{
    /* A copy of just this size, so that the sanitizer sees a step over the end. */
    uint8_t *copy = malloc(bytes.len + (bytes.len == 0));
    memcpy(copy, bytes.ptr, bytes.len);
    int status = plugin_note_parse(copy, bytes.len, out, err);
    free(copy);
    return status;
}

/* What reading and judging the file NAME ends in. */
static void assert_verdict(const struct place *place, const char *name, int status,
                           const char *words)
{
    char path[160];
    struct plugin_note note;
    struct err err = {0};

    path_in(place, name, path);
    _close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    int got = plugin_note_read(fd, &note, &err);
    if (got == 0)
        got = plugin_note_judge(&note, &err);
    plugin_note_finish(&note);
    if (got != status || strcmp(err.text, words) != 0)
        fail_msg("%s: %d '%s', expected %d '%s'", name, got, err.text, status, words);
}

/* ---- the note ---- */

static void good_plugin_is_read(void **state)
{
    const struct place *place = *state;
    static const char *const variants[] = {"", "-Wl,--hash-style=sysv", "-s",
                                           "-O2 -Wl,--gc-sections -Wl,-z,now",
                                           "-Wl,-rpath,/opt/lib -Wl,--no-as-needed -lm"};

    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        struct plugin_note note;
        struct err err = {0};
        char path[160];
        build_plugin(place, "good.so", "good", "net", "", variants[i]);
        path_in(place, "good.so", path);
        _close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (plugin_note_read(fd, &note, &err) < 0 || plugin_note_judge(&note, &err) < 0)
            fail_msg("'%s': %s", variants[i], err.text);
        assert_string_equal(note.name, "good");
        assert_string_equal(note.version, "1.2");
        assert_string_equal(note.license, "MIT");
        assert_string_equal(note.sdk, "1.1");
        assert_int_equal(note.abi_major, TENON_ABI_MAJOR);
        assert_true(note.needs_net);
        assert_string_equal(note.unknown_needs, "");
        assert_string_equal(note.settings, "room\ttext\t\t\trequired\tWhich.\n");
        assert_true(note.exports_entry);
        assert_int_equal(note.other_exports, 0);
        assert_false(note.has_exec_stack || note.has_text_relocations);
        assert_true(note.needed_count >= 1);
        if (i == 4) {
            assert_string_equal(note.run_path, "/opt/lib");
            assert_string_equal(note.needed[0], "libm.so.6");
        }
        plugin_note_finish(&note);
    }
}

static void other_versions_are_refused_with_both(void **state)
{
    const struct place *place = *state;
    static const char next[] = "#define tenon_plugin_v1 tenon_plugin_v2\n";
    _buf_ struct buf bytes = {0};

    /* The numbers of the note are the header's, which the prelude cannot change; they are patched
     * into the file. */
    build_plugin(place, "old.so", "aged", "", next, "");
    assert_verdict(place, "old.so", E_REFUSED,
                   "plugin 'aged' 1.2 exports tenon_plugin_v2, its note says ABI 1.1, which needs "
                   "tenon_plugin_v1: the file is "
                   "put together from two builds, rebuild it");
    load(place, "old.so", &bytes);
    const uint32_t head[] = {TENON_NOTE_FORMAT, TENON_ABI_MAJOR, TENON_ABI_MINOR, 0};
    char *at = memmem(bytes.ptr, bytes.len, head, sizeof head);
    assert_non_null(at);
    uint32_t *numbers = (uint32_t *)(void *)at;
    struct plugin_note note;
    struct err err = {0};
    numbers[1] = 2;
    numbers[2] = 3;
    assert_int_equal(parse(buf_str(&bytes), &note, &err), 0);
    assert_true(note.exports_entry);
    assert_int_equal(plugin_note_judge(&note, &err), E_REFUSED);
    assert_string_equal(err.text, "plugin 'aged' 1.2 is built for plugin ABI 2.3, this host has "
                                  "ABI 1.1: install a tenon with ABI "
                                  "2.x, or rebuild the plugin with the tenon-sdk of this host");
    plugin_note_finish(&note);
    numbers[1] = 0;
    assert_int_equal(parse(buf_str(&bytes), &note, &err), 0);
    assert_int_equal(plugin_note_judge(&note, &err), E_REFUSED);
    assert_string_equal(
        err.text,
        "plugin 'aged' 1.2 is built for plugin ABI 0.3, which this host with ABI 1.1 no longer "
        "loads: "
        "install a newer version of the plugin, or rebuild it with the tenon-sdk of this host");
    plugin_note_finish(&note);
    numbers[0] = 7;
    assert_int_equal(parse(buf_str(&bytes), &note, &err), E_SYNTAX);
    assert_non_null(strstr(err.text, "the plugin note has format 7, this host reads format 1"));
}

static void newer_minor_is_welcome_unless_it_demands(void **state)
{
    const struct place *place = *state;
    _buf_ struct buf bytes = {0};
    const uint32_t head[] = {TENON_NOTE_FORMAT, TENON_ABI_MAJOR, TENON_ABI_MINOR, 0};
    struct plugin_note note;
    struct err err = {0};

    build_plugin(place, "new.so", "new", "", "", "");
    load(place, "new.so", &bytes);
    uint32_t *numbers = memmem(bytes.ptr, bytes.len, head, sizeof head);
    assert_non_null(numbers);
    numbers[2] = 9;
    numbers[3] = 1; /* advice */
    assert_int_equal(parse(buf_str(&bytes), &note, &err), 0);
    assert_int_equal(plugin_note_judge(&note, &err), 0);
    plugin_note_finish(&note);
    numbers[3] = 1u << 16;
    assert_int_equal(parse(buf_str(&bytes), &note, &err), 0);
    assert_int_equal(plugin_note_judge(&note, &err), E_REFUSED);
    assert_string_equal(err.text, "plugin 'new' 1.2 (ABI 1.9) demands features (flags 0x10000) "
                                  "that this host (ABI 1.1) does not "
                                  "know: install a newer tenon");
    plugin_note_finish(&note);
}

static void what_cannot_be_loaded_is_named(void **state)
{
    const struct place *place = *state;

    build_plugin(place, "gpu.so", "gpu", "net,gpu", "", "");
    assert_verdict(place, "gpu.so", E_REFUSED,
                   "plugin 'gpu' 1.2 (ABI 1.1) needs 'gpu', this host (ABI 1.1) knows only 'net': "
                   "install a newer tenon, or "
                   "mend the needs in TENON_PLUGIN_NEEDS");
    build_plugin(place, "stack.so", "stack", "", "", "-Wl,-z,execstack");
    assert_verdict(place, "stack.so", E_REFUSED,
                   "plugin 'stack' 1.2 asks for an executable stack: link it with "
                   "-Wl,-z,noexecstack (often an assembler file "
                   "without .note.GNU-stack)");
    /* An absolute address in the code, which the loader would have to write there. */
    build_plugin(place, "reloc.so", "reloc", "", "__asm__(\".text\\n.quad ran\\n\");",
                 "-Wl,-z,notext");
    assert_verdict(
        place, "reloc.so", E_REFUSED,
        "plugin 'reloc' 1.2 has text relocations, which need writable code: compile all of "
        "it with -fPIC");
    char script[160];
    struct err err = {0};
    path_in(place, "hide.map", script);
    assert_int_equal(file_write(script, STR("{ local: *; };\n"), 0644, &err), 0);
    _buf_ struct buf flags = {0};
    buf_printf(&flags, "-Wl,--version-script='%s'", script);
    build_plugin(place, "hidden.so", "hidden", "", "", flags.ptr);
    assert_verdict(place, "hidden.so", E_REFUSED,
                   "plugin 'hidden' 1.2 does not export tenon_plugin_v1: TENON_PLUGIN defines it, "
                   "look for a version script or "
                   "linker option that hides it");
    build(
        place, "bare.so", "",
        "__attribute__((visibility(\"default\"))) const void *tenon_plugin_v1(void) { return 0; }",
        "");
    assert_verdict(place, "bare.so", E_SYNTAX,
                   "exports tenon_plugin_v1 but has no .note.tenon: build it with gcc or clang, "
                   "with TENON_PLUGIN in the file of "
                   "the entry (gcc -flto with lld, and tcc, lose the note)");
    build_plugin(place, "Upper.so", "Upper", "", "", "");
    assert_verdict(place, "Upper.so", E_SYNTAX,
                   "the plugin note's name 'Upper' is not made of a-z 0-9 - _ with a letter first: "
                   "mend TENON_PLUGIN");
    build(place, "foreign.so", "", "int zlib_like(void) { return 1; }", "");
    assert_verdict(place, "foreign.so", E_NOT_FOUND,
                   "not a plugin: a shared object without .note.tenon");
    path_in(place, "text.so", script);
    assert_int_equal(file_write(script, STR("INPUT(-lc)\n"), 0755, &err), 0);
    assert_verdict(place, "text.so", E_SYNTAX,
                   "not an ELF file: a plugin is a shared object made by a C or C++ compiler");
}

static void other_machines_are_named(void **state)
{
    const struct place *place = *state;
    _buf_ struct buf bytes = {0};
    struct plugin_note note;
    struct err err = {0};

    build_plugin(place, "good.so", "good", "", "", "");
    load(place, "good.so", &bytes);
    Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)bytes.ptr;
    uint16_t ours = header->e_machine;
    header->e_machine = ours == EM_RISCV ? EM_X86_64 : EM_RISCV;
    assert_int_equal(parse(buf_str(&bytes), &note, &err), E_SYNTAX);
    assert_non_null(strstr(err.text, "plugin 'good' is built for riscv, this host runs on "));
    header->e_machine = ours;
    header->e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(parse(buf_str(&bytes), &note, &err), E_SYNTAX);
    assert_non_null(strstr(err.text, "expected a 64-bit ELF file, this one is 32-bit"));
    header->e_ident[EI_CLASS] = ELFCLASS64;
    header->e_ident[EI_DATA] = ELFDATA2MSB;
    assert_int_equal(parse(buf_str(&bytes), &note, &err), E_SYNTAX);
    assert_non_null(strstr(err.text, "expected a little-endian ELF file"));
    header->e_ident[EI_DATA] = ELFDATA2LSB;
    header->e_type = ET_EXEC;
    assert_int_equal(parse(buf_str(&bytes), &note, &err), E_SYNTAX);
    assert_non_null(strstr(err.text, "expected a shared object (ELF type 3), this is ELF type 2"));
}

static void two_plugins_in_one_file_are_refused(void **state)
{
    const struct place *place = *state;

    build(place, "two.so", "",
          "static void d(tenon_plugin *p) { (void)p; }\nTENON_PLUGIN(\"one\", \"1\", \"MIT\", d);\n"
          "#define tenon_note_ tenon_note_2_\n#define tenon_plugin_v1 "
          "tenon_plugin_v9\nTENON_PLUGIN(\"two\", \"1\", \"MIT\", d);",
          "");
    assert_verdict(place, "two.so", E_SYNTAX,
                   "damaged: two description notes; one plugin per shared object");
}

/* ---- damage ---- */

static void every_truncation_is_survived(void **state)
{
    const struct place *place = *state;
    _buf_ struct buf bytes = {0};
    size_t refused = 0;

    build_plugin(place, "good.so", "good", "", "", "-s");
    load(place, "good.so", &bytes);
    for (size_t len = 0; len < bytes.len; len += 64) {
        struct plugin_note note;
        struct err err = {0};
        int status = parse((struct str){bytes.ptr, len}, &note, &err);
        assert_true(status == 0 || status == E_SYNTAX || status == E_NOT_FOUND);
        if (status < 0) {
            assert_true(err.text[0] != '\0');
            assert_null(note.settings);
            refused++;
        }
        plugin_note_finish(&note);
    }
    assert_true(refused > 100);
}

static void every_bit_flip_is_survived(void **state)
{
    const struct place *place = *state;
    _buf_ struct buf bytes = {0};
    size_t refused = 0;

    build_plugin(place, "good.so", "good", "", "", "-s -Wl,-z,noseparate-code");
    load(place, "good.so", &bytes);
    for (size_t bit = 0; bit < bytes.len * 8; bit += bit < 2048 * 8 ? 1 : 61) {
        struct plugin_note note;
        struct err err = {0};
        bytes.ptr[bit / 8] ^= (char)(1 << bit % 8);
        int status = plugin_note_parse((const uint8_t *)bytes.ptr, bytes.len, &note, &err);
        assert_true(status == 0 || err.text[0] != '\0');
        refused += status < 0 || plugin_note_judge(&note, &err) < 0;
        plugin_note_finish(&note);
        bytes.ptr[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(refused > 200);
}

/* ---- trust ---- */

static void assert_trust(const char *path, int status, const char *words)
{
    struct err err = {0};
    int fd = -1;

    int got = plugin_trust_open(path, &fd, &err);
    if (got != status || (words != NULL && strstr(err.text, words) == NULL))
        fail_msg("%s: %d '%s', expected %d '%s'", path, got, err.text, status,
                 words != NULL ? words : "");
    if (got == 0)
        assert_int_equal(close(fd), 0);
    else
        assert_int_equal(fd, -1);
}

static void trust_follows_the_whole_chain(void **state)
{
    const struct place *place = *state;
    char file[160];
    char sub[160];
    char link[160];
    char inner[200];
    char words[600];
    struct err err = {0};

    path_in(place, "a.so", file);
    assert_int_equal(file_write(file, STR("x"), 0644, &err), 0);
    assert_trust(file, 0, NULL);
    (void)snprintf(inner, sizeof inner, "%s/./nothing/..//a.so", place->dir);
    assert_trust(inner, 0, NULL);
    assert_int_equal(chmod(file, 0664), 0);
    (void)snprintf(words, sizeof words,
                   "not trusted: its group may write to '%s' (mode 0664): chmod go-w '%s'", file,
                   file);
    assert_trust(file, E_REFUSED, words);
    assert_int_equal(chmod(file, 0646), 0);
    assert_trust(file, E_REFUSED, "others may write to");
    assert_int_equal(chmod(file, 0644), 0);

    path_in(place, "sub", sub);
    assert_int_equal(mkdir(sub, 0755), 0);
    (void)snprintf(inner, sizeof inner, "%s/b.so", sub);
    assert_int_equal(file_write(inner, STR("x"), 0644, &err), 0);
    assert_trust(inner, 0, NULL);
    assert_int_equal(chmod(place->dir, 0775), 0);
    (void)snprintf(words, sizeof words, "(mode 0775): chmod go-w");
    assert_trust(inner, E_REFUSED, words);
    assert_int_equal(chmod(place->dir, 0755), 0);
    assert_int_equal(chmod(sub, 01777), 0);
    assert_trust(inner, E_REFUSED,
                 "so anyone can add a plugin: put plugins into a directory of their own");
    assert_int_equal(chmod(sub, 0755), 0);

    path_in(place, "link.so", link);
    assert_int_equal(symlink(file, link), 0);
    (void)snprintf(words, sizeof words,
                   "'%s' is a symbolic link, which is not followed: name the real path '%s'", link,
                   file);
    assert_trust(link, E_REFUSED, words);
    path_in(place, "linked", link);
    assert_int_equal(symlink(sub, link), 0);
    (void)snprintf(inner, sizeof inner, "%s/b.so", link);
    assert_trust(inner, E_REFUSED, "is a symbolic link");
    assert_trust(sub, E_REFUSED, "is not a regular file");
    (void)snprintf(inner, sizeof inner, "%s/none.so", sub);
    assert_trust(inner, E_NOT_FOUND, "there is no '");
    assert_trust("/", E_NOT_FOUND, NULL);
}

static void trust_asks_for_the_owner(void **state)
{
    const struct place *place = *state;
    char file[160];
    char words[600];
    struct err err = {0};

    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    path_in(place, "a.so", file);
    assert_int_equal(file_write(file, STR("x"), 0644, &err), 0);
    assert_int_equal(chown(file, 12345, 0), 0);
    (void)snprintf(words, sizeof words,
                   "not trusted: '%s' belongs to user 12345, expected root or user 0, who runs "
                   "this: chown root '%s'",
                   file, file);
    assert_trust(file, E_REFUSED, words);
}

/* ---- the catalog ---- */

static const struct catalog_entry *entry_of(const struct catalog *catalog, const char *file)
{
    for (size_t i = 0; i < catalog_count(catalog); i++) {
        const struct catalog_entry *entry = catalog_at(catalog, i);
        if (strcmp(strrchr(entry->path, '/') + 1, file) == 0)
            return entry;
    }
    fail_msg("%s is not in the catalog", file);
    return NULL;
}

static void catalog_sorts_files(void **state)
{
    const struct place *place = *state;
    char path[160];
    char command[600];
    struct err err = {0};

    build_plugin(place, "good.so", "good", "", "", "");
    build_plugin(place, "loose.so", "loose", "", "", "");
    build(place, "foreign.so", "", "int f(void) { return 1; }", "");
    path_in(place, "loose.so", path);
    assert_int_equal(chmod(path, 0777), 0);
    (void)snprintf(command, sizeof command,
                   "cd '%s' && cp good.so .hidden.so && cp good.so part.so.tmp && head -c 3000 "
                   "good.so > cut.so",
                   place->dir);
    run(command);
    (void)snprintf(command, sizeof command, "%s/missing:%s:%s", place->dir, place->dir, place->dir);
    struct catalog *catalog = catalog_scan(command, NULL, &err);
    assert_non_null(catalog);
    assert_int_equal(catalog_count(catalog), 4);
    assert_non_null(strstr(catalog_problems(catalog), "/missing': No such file or directory\n"));
    const struct catalog_entry *entry = entry_of(catalog, "good.so");
    assert_int_equal(entry->state, CATALOG_USABLE);
    assert_null(entry->reason);
    (void)snprintf(command, sizeof command, "test \"$(sha256sum < '%s' | cut -d' ' -f1)\" = %s",
                   entry->path, entry->sha256);
    run(command);
    assert_true(entry->size_bytes > 1000 && entry->mtime_ms > 0);
    assert_int_equal(entry_of(catalog, "foreign.so")->state, CATALOG_FOREIGN);
    assert_int_equal(entry_of(catalog, "cut.so")->state, CATALOG_REFUSED);
    assert_non_null(strstr(entry_of(catalog, "cut.so")->reason, "cut short"));
    entry = entry_of(catalog, "loose.so");
    assert_int_equal(entry->state, CATALOG_REFUSED);
    assert_non_null(strstr(entry->reason, "chmod go-w"));
    assert_string_equal(entry->note.name, "loose");

    assert_ptr_equal(catalog_find(catalog, "good", &err), entry_of(catalog, "good.so"));
    assert_null(catalog_find(catalog, "loose", &err));
    assert_non_null(strstr(err.text, "chmod go-w"));
    assert_null(catalog_find(catalog, "goood", &err));
    assert_non_null(strstr(err.text, "there is no plugin 'goood' in '"));
    assert_non_null(strstr(err.text, "did you mean 'good'?"));
    assert_null(catalog_find(catalog, "zzzzzzzz", &err));
    assert_non_null(strstr(err.text, "; there are: good"));
    assert_null(catalog_find(catalog, "foreign", &err));
    assert_non_null(strstr(err.text, "not a plugin"));
    catalog_destroy(catalog);
}

static void one_name_twice(void **state)
{
    const struct place *place = *state;
    char command[600];
    struct err err = {0};

    build_plugin(place, "one.so", "same", "", "", "");
    build_plugin(place, "only.so", "only", "", "", "");
    (void)snprintf(command, sizeof command,
                   "cd '%s' && mkdir -m 755 a b c && mv only.so a/ && cp a/only.so b/ && cp one.so "
                   "b/one.so && cp one.so b/two.so && "
                   "cp one.so b/three.so && mv one.so c/",
                   place->dir);
    run(command);
    (void)snprintf(command, sizeof command, "%s/a:%s/b:%s/c", place->dir, place->dir, place->dir);
    struct catalog *catalog = catalog_scan(command, NULL, &err);
    assert_int_equal(catalog_count(catalog), 6);
    size_t refused = 0;
    for (size_t i = 0; i < catalog_count(catalog); i++) {
        const struct catalog_entry *entry = catalog_at(catalog, i);
        if (strstr(entry->path, "/b/") == NULL) {
            assert_int_equal(entry->state, CATALOG_USABLE);
            continue;
        }
        refused++;
        assert_int_equal(entry->state, CATALOG_REFUSED);
        bool is_hidden = strcmp(entry->note.name, "only") == 0;
        assert_non_null(strstr(entry->reason, is_hidden ? "is taken from '"
                                                        : "is in this directory twice, also as '"));
        assert_null(strstr(entry->reason, entry->path)); /* the other's path, not its own */
    }
    assert_int_equal(refused, 4);
    assert_non_null(strstr(catalog_find(catalog, "same", &err)->path, "/c/one.so"));
    assert_non_null(strstr(catalog_find(catalog, "only", &err)->path, "/a/only.so"));
    catalog_destroy(catalog);
}

static void empty_path(void **state)
{
    struct err err = {0};

    (void)state;
    struct catalog *catalog = catalog_scan("", NULL, &err);
    assert_int_equal(catalog_count(catalog), 0);
    assert_string_equal(catalog_problems(catalog), "");
    assert_null(catalog_find(catalog, "x", &err));
    catalog_destroy(catalog);
    _free_ char *path = catalog_default_path();
    assert_non_null(strstr(path, "/tenon/plugins"));
}

static void reading_again_sees_what_changed_at_once(void **state)
{
    const struct place *place = *state;
    char path[160];
    struct err err = {0};

    build_plugin(place, "again.so", "again", "", "", "");
    path_in(place, "again.so", path);
    struct catalog *former = catalog_scan(place->dir, NULL, &err);
    _close_ int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    for (int i = 0; i < 20; i++) { /* many within one tick of the file's clock */
        char byte = (char)('a' + i);
        assert_int_equal(pwrite(fd, &byte, 1, info.st_size - 1), 1);
        struct catalog *next = catalog_scan(place->dir, former, &err);
        assert_string_not_equal(catalog_find_path(next, path)->sha256,
                                catalog_find_path(former, path)->sha256);
        catalog_destroy(former);
        former = next;
    }
    struct catalog *same = catalog_scan(place->dir, former, &err);
    assert_string_equal(catalog_find_path(same, path)->sha256,
                        catalog_find_path(former, path)->sha256);
    catalog_destroy(same);
    catalog_destroy(former);
}

static void a_file_settles_sooner_when_it_is_whole(void **state)
{
    const struct place *place = *state;
    char path[160];
    struct err err = {0};

    build_plugin(place, "whole.so", "whole", "", "", "");
    path_in(place, "cut.so", path);
    assert_int_equal(file_write(path, STR("\177ELF and no more"), 0755, &err), 0);
    struct catalog *catalog = catalog_scan(place->dir, NULL, &err);
    const struct catalog_entry *cut = catalog_find_path(catalog, path);
    int64_t at_ms = cut->mtime_ms;
    assert_true(catalog_entry_is_settling(cut, at_ms + CATALOG_SETTLE_MS - 1));
    assert_false(catalog_entry_is_settling(cut, at_ms + CATALOG_SETTLE_MS));
    assert_false(catalog_entry_is_settling(cut, at_ms - 1)); /* a time to come was set by hand */
    assert_ptr_equal(catalog_find_settling(catalog, "cut", NULL, at_ms), cut);
    assert_ptr_equal(catalog_find_settling(catalog, "other", path, at_ms), cut);
    assert_null(catalog_find_settling(catalog, "other", NULL, at_ms));
    const struct catalog_entry *whole = catalog_find(catalog, "whole", &err);
    assert_true(catalog_entry_is_settling(whole, whole->mtime_ms + CATALOG_QUIET_MS - 1));
    assert_false(catalog_entry_is_settling(whole, whole->mtime_ms + CATALOG_QUIET_MS));
    catalog_destroy(catalog);
}

static void what_is_cut_behind_its_segments_is_told(void **state)
{
    const struct place *place = *state;
    char path[160];
    struct err err = {0};
    struct plugin_note note;
    struct stat info;

    build_plugin(place, "end.so", "end", "", "", "");
    path_in(place, "end.so", path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(truncate(path, info.st_size - 1), 0); /* the last section header's last byte */
    _close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(plugin_note_read(fd, &note, &err), E_SYNTAX);
    assert_non_null(strstr(err.text, "cut short: the section headers"));
    plugin_note_finish(&note);
}

#define place_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(good_plugin_is_read),
        place_test(other_versions_are_refused_with_both),
        place_test(newer_minor_is_welcome_unless_it_demands),
        place_test(what_cannot_be_loaded_is_named),
        place_test(other_machines_are_named),
        place_test(two_plugins_in_one_file_are_refused),
        place_test(every_truncation_is_survived),
        place_test(every_bit_flip_is_survived),
        place_test(trust_follows_the_whole_chain),
        place_test(trust_asks_for_the_owner),
        place_test(catalog_sorts_files),
        place_test(one_name_twice),
        place_test(reading_again_sees_what_changed_at_once),
        place_test(a_file_settles_sooner_when_it_is_whole),
        place_test(what_is_cut_behind_its_segments_is_told),
        cmocka_unit_test(empty_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
