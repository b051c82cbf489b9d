/* SPDX-License-Identifier: Apache-2.0
 * Records of a file into the store, in requests of about a thousand lines. The file streams; it may
 * be larger than memory, and so may a line that is none. A request that the daemon refuses is
 * halved until the bad record stands alone and can be named by its line. */
#include "cli/cli_functions.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli_call.h"
#include "cli/cli_progress.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BATCH_RECORDS = 1000,
    BATCH_BYTES = 500000,
    WHOLE_BYTES_MAX = 512 * 1024 * 1024,
    READ_BYTES = 65536,
    RECORD_BYTES_MAX = 4 << 20,             /* the daemon takes no larger one: INTAKE_RECORD_MAX */
    LINE_BYTES_MAX = RECORD_BYTES_MAX + 64, /* and a little white space around it */
};

struct import {
    struct cli *cli;
    const char *name; /* of the file, for people */
    int in;
    char bytes[READ_BYTES];
    struct str ahead; /* of bytes: read, and not looked at yet */
    struct buf line;  /* without its end */
    bool is_cut;      /* line is longer than a record may be: its rest is ahead */
    struct buf path;
    bool is_skipping;
    const char *unit;                 /* what is counted: "line", or "record" in an array */
    struct buf batch;                 /* records, each with a line end behind it */
    size_t starts[BATCH_RECORDS + 1]; /* of each record in batch, and the end */
    uint64_t places[BATCH_RECORDS];   /* its line or number in the file */
    size_t count;
    uint64_t place; /* line or number read last */
    int64_t received, created, updated, unchanged, bad;
    int64_t bytes_read;
    struct cli_progress progress;
};

/* Why a record was not taken: what the daemon said, or would have, had it been sent. */
struct refusal {
    int status;
    const char *code, *title;
    struct str why;
};

static struct refusal is_no_record(const char *why)
{
    return (struct refusal){400, "bad_json", "Bad Request", str_of(why)};
}

static void tell(const struct import *import, const struct refusal *refusal, const char *detail)
{
    _buf_ struct buf problem = {0};

    if (!import->cli->is_json) {
        (void)cli_fail(CLI_REFUSED, "%s", detail); /* the caller knows what follows from it */
        return;
    }
    buf_printf(&problem, "{\"type\":\"urn:tenon:problem:%s\"", refusal->code);
    json_put_member(&problem, "title", str_of(refusal->title));
    json_put_int(&problem, "status", refusal->status);
    json_put_member(&problem, "detail", str_of(detail));
    json_put_member(&problem, "code", str_of(refusal->code));
    buf_puts(&problem, "}\n");
    (void)fputs(buf_str(&problem).ptr, stderr); /* nobody else to tell */
}

/* CLI_DONE when the import goes on without this record. `place` 0: it has none of its own. */
static int refuse(struct import *import, uint64_t place, const struct refusal *refusal)
{
    _buf_ struct buf detail = {0};

    import->bad++;
    cli_progress_clear(&import->progress);
    buf_printf(&detail, "%s: ", import->name);
    if (place > 0)
        buf_printf(&detail, "%s %llu: ", import->unit, (unsigned long long)place);
    buf_add_str(&detail, refusal->why);
    tell(import, refusal, buf_str(&detail).ptr);
    return import->is_skipping ? CLI_DONE : CLI_REFUSED;
}

static int send_range(struct import *import, size_t first, size_t count)
{
    _answer_ struct cli_answer answer = {0};
    struct err err = {0};
    struct str body = {import->batch.ptr + import->starts[first],
                       import->starts[first + count] - import->starts[first]};

    int status = cli_exchange(import->cli, "POST", buf_str(&import->path), "application/x-ndjson",
                              body, &answer, &err);
    if (status < 0) {
        cli_progress_clear(&import->progress);
        return cli_fail(status == E_UNREACHABLE ? CLI_UNREACHABLE : CLI_REFUSED, "%s", err.text);
    }
    if (answer.status >= 200 && answer.status <= 299) {
        import->received += cli_json_number(answer.json, "received");
        import->created += cli_json_number(answer.json, "created");
        import->updated += cli_json_number(answer.json, "updated");
        import->unchanged += cli_json_number(answer.json, "unchanged");
        return CLI_DONE;
    }
    if (answer.status != 400 && answer.status != 413) {
        cli_progress_clear(&import->progress);
        return cli_exchange_failed(import->cli, &answer);
    }
    if (count == 1) {
        struct refusal refusal = {answer.status, cli_json_text(answer.json, "code"),
                                  cli_json_text(answer.json, "title"), cli_answer_detail(&answer)};
        if (str_starts_with(refusal.why, "record 1: "))
            refusal.why = (struct str){refusal.why.ptr + 10, refusal.why.len - 10};
        return refuse(import, import->places[first], &refusal);
    }
    int code = send_range(import, first, count / 2);
    return code != CLI_DONE ? code : send_range(import, first + count / 2, count - count / 2);
}

static int flush_batch(struct import *import)
{
    int code = CLI_DONE;

    if (import->count > 0)
        code = send_range(import, 0, import->count);
    import->count = 0;
    buf_clear(&import->batch);
    cli_progress_show(&import->progress, import->bytes_read, import->received);
    return code;
}

static int add_record(struct import *import, struct str record)
{
    struct err err = {0};
    struct str trimmed = str_trim(record);

    if (json_check(trimmed, &err) < 0) {
        const char *words = strncmp(err.text, "line 1, ", 8) == 0 ? err.text + 8 : err.text;
        struct refusal refusal = is_no_record(words);
        return refuse(import, import->place, &refusal);
    }
    if (json_kind_of(trimmed) != JSON_OBJECT) {
        struct refusal refusal = is_no_record("a record is a JSON object; this is none");
        return refuse(import, import->place, &refusal);
    }
    import->starts[import->count] = import->batch.len;
    import->places[import->count++] = import->place;
    buf_add_str(&import->batch, trimmed);
    buf_putc(&import->batch, '\n');
    import->starts[import->count] = import->batch.len;
    if (import->batch.failed)
        return cli_fail(CLI_REFUSED, "out of memory");
    if (import->count == BATCH_RECORDS || import->batch.len >= BATCH_BYTES)
        return flush_batch(import);
    return CLI_DONE;
}

/* ---- the file ---- */

/* 1; 0 at the end of the file; -1 when it cannot be read, which was said. */
static int read_more(struct import *import)
{
    ssize_t len;

    do
        len = read(import->in, import->bytes, sizeof(import->bytes));
    while (len < 0 && errno == EINTR);
    if (len < 0) {
        int error = errno;
        cli_progress_clear(&import->progress);
        (void)cli_fail(CLI_REFUSED, "%s: cannot be read: %s", import->name, strerror(error));
        return -1;
    }
    import->ahead = (struct str){import->bytes, (size_t)len};
    import->bytes_read += len;
    return len > 0;
}

static void advance(struct import *import, size_t len)
{
    import->ahead = (struct str){import->ahead.ptr + len, import->ahead.len - len};
}

/* The next line, or as much of it as may be kept; as read_more. */
static int read_line(struct import *import)
{
    const char *end = NULL;
    int more = 1;

    buf_clear(&import->line);
    import->is_cut = false;
    while (end == NULL && !import->is_cut) {
        if (import->ahead.len == 0 && (more = read_more(import)) <= 0)
            break;
        end = memchr(import->ahead.ptr, '\n', import->ahead.len);
        size_t len = end != NULL ? (size_t)(end - import->ahead.ptr) : import->ahead.len;
        import->is_cut = len > LINE_BYTES_MAX - import->line.len;
        if (import->is_cut)
            len = LINE_BYTES_MAX - import->line.len;
        buf_add(&import->line, import->ahead.ptr, len);
        advance(import, len + (end != NULL && !import->is_cut));
    }
    if (import->line.failed) {
        (void)cli_fail(CLI_REFUSED, "out of memory");
        return -1;
    }
    return more < 0 ? -1 : end != NULL || import->line.len > 0;
}

static int skip_rest_of_line(struct import *import)
{
    const char *end;
    int more = 1;

    while ((end = memchr(import->ahead.ptr, '\n', import->ahead.len)) == NULL && more > 0)
        more = read_more(import);
    if (end != NULL)
        advance(import, (size_t)(end + 1 - import->ahead.ptr));
    return more;
}

/* ---- its two forms ---- */

/* An array, or objects over several lines: the file as one. `first` has been read already. */
static int read_whole(struct import *import, struct str first)
{
    _buf_ struct buf whole = {0};
    struct err err = {0};
    struct str record;
    int more = 1;

    buf_add_str(&whole, first);
    buf_puts(&whole, import->is_cut ? "" : "\n");
    for (; more > 0 && !whole.failed && whole.len < WHOLE_BYTES_MAX; more = read_more(import))
        buf_add_str(&whole, import->ahead);
    if (more < 0)
        return CLI_REFUSED;
    if (whole.failed)
        return cli_fail(CLI_REFUSED, "out of memory");
    if (whole.len >= WHOLE_BYTES_MAX)
        return cli_fail(CLI_REFUSED,
                        "%s: an array of more than %d MB; give one object a line instead",
                        import->name, WHOLE_BYTES_MAX >> 20);
    struct json_records reader = {.rest = buf_str(&whole)};
    import->unit = "record";
    import->place = 0;
    while ((more = json_records_next(&reader, NULL, 0, &record, NULL, &err)) > 0) {
        import->place++;
        import->bytes_read = (int64_t)(record.ptr + record.len - whole.ptr);
        int code = add_record(import, record);
        if (code != CLI_DONE)
            return code;
    }
    if (more < 0) { /* nothing behind this place can be told apart, so skipping cannot help */
        struct refusal refusal = is_no_record(err.text);
        (void)refuse(import, 0, &refusal);
        return CLI_REFUSED;
    }
    return flush_batch(import);
}

static bool is_whole_form(struct str line)
{
    struct str trimmed = str_trim(line);

    return trimmed.len > 0 && (trimmed.ptr[0] == '[' || str_is(trimmed, "{"));
}

/* CLI_DONE when the import goes on behind it. */
static int refuse_long_line(struct import *import)
{
    _buf_ struct buf why = {0};

    buf_printf(&why, "more than %d bytes, the most that a record may have", RECORD_BYTES_MAX);
    struct refusal refusal = {413, "too_large", "Content Too Large", buf_str(&why)};
    int code = refuse(import, import->place, &refusal);
    return code == CLI_DONE && skip_rest_of_line(import) < 0 ? CLI_REFUSED : code;
}

static int read_lines(struct import *import)
{
    bool has_begun = false;
    int code = CLI_DONE;
    int more = 1;

    while (code == CLI_DONE && (more = read_line(import)) > 0) {
        struct str text = buf_str(&import->line);
        import->place++;
        if (import->place == 1 &&
            str_starts_with(text, "\xef\xbb\xbf")) /* a byte order mark is no JSON */
            text = (struct str){text.ptr + 3, text.len - 3};
        if (!has_begun && is_whole_form(text))
            return read_whole(import, text);
        if (!import->is_cut && str_trim(text).len == 0)
            continue;
        has_begun = true;
        code = import->is_cut ? refuse_long_line(import) : add_record(import, text);
    }
    if (code == CLI_DONE && more < 0)
        code = CLI_REFUSED;
    return code == CLI_DONE ? flush_batch(import) : code;
}

/* ---- the command ---- */

static int print_summary(const struct import *import)
{
    _buf_ struct buf out = {0};

    if (import->cli->is_json) {
        buf_putc(&out, '{');
        json_put_int(&out, "received", import->received);
        json_put_int(&out, "created", import->created);
        json_put_int(&out, "updated", import->updated);
        json_put_int(&out, "unchanged", import->unchanged);
        json_put_int(&out, "bad", import->bad);
        buf_puts(&out, "}\n");
        return cli_print(&out);
    }
    const struct {
        int64_t number;
        const char *words;
    } parts[] = {{import->received, " in ("},
                 {import->created, " created, "},
                 {import->updated, " updated, "},
                 {import->unchanged, import->bad > 0 ? " unchanged), " : " unchanged)\n"},
                 {import->bad, " bad\n"}};
    for (size_t i = 0; i < (import->bad > 0 ? 5 : 4); i++) {
        cli_text_put_count(&out, parts[i].number);
        buf_puts(&out, parts[i].words);
    }
    return cli_print(&out);
}

static int open_input(struct import *import)
{
    struct stat info = {0};

    if (strcmp(import->name, "-") == 0) {
        import->name = "standard input";
        import->in = STDIN_FILENO;
    } else {
        import->in = open(import->name, O_RDONLY | O_CLOEXEC);
    }
    if (import->in < 0)
        return cli_fail(CLI_REFUSED, "%s: cannot be opened: %s", import->name, strerror(errno));
    if (fstat(import->in, &info) == 0 && S_ISDIR(info.st_mode))
        return cli_fail(CLI_REFUSED, "%s is a directory; give a file of JSON records",
                        import->name);
    bool is_shown =
        isatty(STDERR_FILENO) && !cli_option_is_set(import->cli, "quiet") && !import->cli->is_json;
    cli_progress_start(&import->progress, is_shown,
                       S_ISREG(info.st_mode) ? (int64_t)info.st_size : 0, import->cli->width);
    return CLI_DONE;
}

int cli_entity_import(struct cli *cli)
{
    struct import *import = calloc(1, sizeof(*import));

    if (import == NULL)
        return cli_fail(CLI_REFUSED, "out of memory");
    import->cli = cli;
    import->unit = "line";
    import->name = cli_argument(cli, 0);
    import->is_skipping = cli_option_is_set(cli, "skip-bad");
    buf_puts(&import->path, "/api/v1/entities");
    cli_path_put_argument(&import->path, "type", cli_option_text(cli, "type"));
    int code = open_input(import);
    if (code == CLI_DONE) {
        code = read_lines(import);
        if (code == CLI_REFUSED) /* what was read before the bad record goes in: the message says
                                    where it stopped */
            (void)flush_batch(import);
        cli_progress_clear(&import->progress);
        int printed = print_summary(import);
        code = code == CLI_DONE ? printed : code;
        if (code == CLI_DONE && import->bad > 0)
            code = CLI_REFUSED;
    }
    if (import->in > STDIN_FILENO)
        (void)close(import->in); /* only read */
    buf_finish(&import->line);
    buf_finish(&import->path);
    buf_finish(&import->batch);
    free(import);
    return code;
}
