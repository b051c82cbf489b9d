/* SPDX-License-Identifier: Apache-2.0
 * `plugin inspect`: all that can be known of a file without running any of its code. */
#include "catalog/catalog.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_functions.h"
#include "cli/cli_write.h"
#include "config/config_options.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct inspection {
    const char *path;
    struct plugin_note note;
    int read_status, abi_status, trust_status;
    struct err read_err, abi_err, trust_err;
    char sha256[65];
};

static int inspect(const char *path, struct inspection *out)
{
    _close_ int trusted = -1;
    struct stat facts;

    out->path = path;
    _close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO waits for a writer */
    if (fd < 0 || fstat(fd, &facts) < 0)
        return cli_fail(CLI_REFUSED, "%s: %s", path, strerror(errno));
    if (!S_ISREG(facts.st_mode))
        return cli_fail(CLI_REFUSED, "%s: it is not a regular file, as a plugin is", path);
    out->trust_status = plugin_trust_open(path, &trusted, &out->trust_err);
    out->read_status = plugin_note_read(fd, &out->note, &out->read_err);
    if (out->read_status == 0)
        out->abi_status = plugin_note_judge(&out->note, &out->abi_err);
    (void)digest_init(); /* without it the digest stays empty */
    if (digest_file_sha256(fd, out->sha256) < 0)
        out->sha256[0] = '\0';
    return CLI_DONE;
}

static bool is_taken(const struct inspection *inspection)
{
    return inspection->read_status == 0 && inspection->abi_status == 0 &&
           inspection->trust_status == 0;
}

/* ---- JSON ---- */

static void put_flag(struct buf *out, const char *name, bool is_true)
{
    json_put_raw(out, name, is_true ? STR("true") : STR("false"));
}

static void put_verdict(struct buf *out, const char *name, int status, const struct err *err)
{
    buf_printf(out, ",\"%s\":{", name);
    put_flag(out, "ok", status == 0);
    if (status != 0)
        json_put_member(out, "reason", str_of(err->text));
    buf_putc(out, '}');
}

static void put_settings(struct buf *out, const char *rows)
{
    struct str rest = str_of(rows);
    struct option option;

    buf_puts(out, ",\"settings\":[");
    while (option_next(&rest, &option, NULL) > 0) {
        buf_puts(out, out->ptr[out->len - 1] == '[' ? "{" : ",{");
        json_put_member(out, "name", option.name);
        json_put_member(out, "type", str_of(option_type_name(option.type)));
        json_put_member(out, "range", option.range);
        json_put_member(out, "default", option.fallback);
        put_flag(out, "required", option.is_required);
        put_flag(out, "secret", option.is_secret);
        json_put_member(out, "help", option.help);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void put_note(struct buf *out, const struct plugin_note *note)
{
    json_put_member(out, "name", str_of(note->name));
    json_put_member(out, "version", str_of(note->version));
    json_put_member(out, "license", str_of(note->license));
    json_put_member(out, "sdk", str_of(note->sdk));
    json_put_int(out, "abi_major", note->abi_major);
    json_put_int(out, "abi_minor", note->abi_minor);
    json_put_int(out, "flags", note->flags);
    put_flag(out, "needs_net", note->needs_net);
    json_put_member(out, "unknown_needs", str_of(note->unknown_needs));
    put_flag(out, "exports_entry", note->exports_entry);
    json_put_int(out, "other_exports", note->other_exports);
    put_flag(out, "executable_stack", note->has_exec_stack);
    put_flag(out, "text_relocations", note->has_text_relocations);
    put_flag(out, "static_tls", note->uses_static_tls);
    json_put_member(out, "run_path", str_of(note->run_path));
    buf_puts(out, ",\"libraries\":[");
    for (size_t i = 0; i < note->needed_count && i < 32; i++) {
        buf_puts(out, i > 0 ? "," : "");
        json_put_string(out, str_of(note->needed[i]));
    }
    buf_putc(out, ']');
    put_settings(out, note->settings != NULL ? note->settings : "");
}

static int print_json(const struct inspection *inspection)
{
    _buf_ struct buf out = {0};

    buf_putc(&out, '{');
    json_put_member(&out, "path", str_of(inspection->path));
    put_flag(&out, "usable", is_taken(inspection));
    json_put_member(&out, "sha256", str_of(inspection->sha256));
    put_verdict(&out, "note", inspection->read_status, &inspection->read_err);
    put_verdict(&out, "trust", inspection->trust_status, &inspection->trust_err);
    if (inspection->read_status == 0) {
        put_verdict(&out, "abi", inspection->abi_status, &inspection->abi_err);
        put_note(&out, &inspection->note);
    }
    buf_puts(&out, "}\n");
    return cli_print(&out);
}

/* ---- text ---- */

static void put_line(struct buf *out, const char *label, const char *text)
{
    buf_printf(out, "%-12s", label);
    cli_text_put(out, str_of(text));
    buf_putc(out, '\n');
}

static void put_judgement(const struct cli *cli, struct buf *out, const char *label, int status,
                          const struct err *err)
{
    enum cli_color color = !cli->is_coloured ? COLOR_NONE : status == 0 ? COLOR_GOOD : COLOR_BAD;

    buf_printf(out, "%-12s", label);
    cli_color_start(out, color);
    buf_puts(out, status == 0 ? "ok" : "refused");
    cli_color_end(out, color);
    if (status != 0) {
        buf_puts(out, ": ");
        cli_text_put(out, str_of(err->text));
    }
    buf_putc(out, '\n');
}

static void put_oddities(struct buf *out, const struct plugin_note *note)
{
    const struct {
        bool is_there;
        const char *words;
    } oddities[] = {
        {!note->exports_entry, "exports no entry symbol"},
        {note->other_exports > 0, "exports more than its entry"},
        {note->has_exec_stack, "wants an executable stack"},
        {note->has_text_relocations, "has text relocations"},
        {note->uses_static_tls, "uses static thread-local storage"},
        {note->run_path[0] != '\0', "has a run path"},
    };

    for (size_t i = 0; i < sizeof(oddities) / sizeof(oddities[0]); i++)
        if (oddities[i].is_there)
            put_line(out, "odd", oddities[i].words);
}

static void put_libraries(struct buf *out, const struct plugin_note *note)
{
    buf_printf(out, "%-12s", "libraries");
    for (size_t i = 0; i < note->needed_count && i < 32; i++) {
        buf_puts(out, i > 0 ? ", " : "");
        cli_text_put(out, str_of(note->needed[i]));
    }
    buf_puts(out, note->needed_count == 0 ? "none\n" : "\n");
}

static int print_settings(const struct cli *cli, const char *rows)
{
    static const struct cli_column columns[] = {
        {"SETTING", false, false}, {"TYPE", false, false}, {"RANGE", false, true},
        {"DEFAULT", false, true},  {"HELP", false, true},  {NULL, false, false},
    };
    struct str rest = str_of(rows);
    struct option option;
    _table_ struct cli_table *table = cli_table_create(columns);

    if (rest.len == 0)
        return CLI_DONE;
    while (option_next(&rest, &option, NULL) > 0) {
        _buf_ struct buf type = {0};
        buf_printf(&type, "%s%s%s", option_type_name(option.type),
                   option.is_required ? ", required" : "", option.is_secret ? ", secret" : "");
        cli_table_add(table, option.name, COLOR_NONE);
        cli_table_add(table, buf_str(&type), COLOR_NONE);
        cli_table_add(table, option.range, COLOR_NONE);
        cli_table_add(table, option.fallback, COLOR_NONE);
        cli_table_add(table, option.help, COLOR_NONE);
    }
    int code = cli_write(STR("\n"));
    return code != CLI_DONE ? code : cli_print_table(cli, table);
}

static int print_text(const struct cli *cli, const struct inspection *inspection)
{
    _buf_ struct buf out = {0};
    const struct plugin_note *note = &inspection->note;

    put_line(&out, "file", inspection->path);
    put_line(&out, "sha256", inspection->sha256);
    put_judgement(cli, &out, "trust", inspection->trust_status, &inspection->trust_err);
    put_judgement(cli, &out, "note", inspection->read_status, &inspection->read_err);
    if (inspection->read_status != 0)
        return cli_print(&out);
    put_judgement(cli, &out, "abi", inspection->abi_status, &inspection->abi_err);
    put_line(&out, "plugin", note->name);
    put_line(&out, "version", note->version);
    put_line(&out, "license", note->license);
    buf_printf(&out, "%-12s%u.%u", "built for", note->abi_major, note->abi_minor);
    buf_puts(&out, note->sdk[0] != '\0' ? ", SDK " : "");
    cli_text_put(&out, str_of(note->sdk));
    buf_putc(&out, '\n');
    put_line(&out, "needs",
             note->unknown_needs[0] != '\0' ? note->unknown_needs
             : note->needs_net              ? "net"
                                            : "nothing");
    put_libraries(&out, note);
    put_oddities(&out, note);
    int code = cli_print(&out);
    return code != CLI_DONE ? code
                            : print_settings(cli, note->settings != NULL ? note->settings : "");
}

int cli_plugin_inspect(struct cli *cli)
{
    struct inspection inspection = {0};

    int code = inspect(cli_argument(cli, 0), &inspection);
    if (code != CLI_DONE)
        return code;
    code = cli->is_json ? print_json(&inspection) : print_text(cli, &inspection);
    if (code == CLI_DONE && !is_taken(&inspection))
        code = CLI_REFUSED;
    plugin_note_finish(&inspection.note);
    return code;
}
