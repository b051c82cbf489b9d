/* SPDX-License-Identifier: Apache-2.0
 * jq: runs jq programs on records, as a selector (`where`) and as a transformer (`transform`). The
 * daemon also uses it for `[select] where` and `[transform] jq` of other integrations.
 *
 * Programs are compiled once, in create(). They see the record's data and nothing else: no
 * environment, no files, no further input. What cannot be taken away by libjq's settings is taken
 * away by a prelude that stands in front of the program and defines the words anew. Being in front,
 * it also makes `import`, `include` and `module` syntax errors, since these must come first. It has
 * no line break, so line numbers stay right.
 *
 * libjq lets nobody add functions in C, but it asks two callbacks: `debug` hands a value out, and
 * `input` takes one in. action($name; $arguments) is one behind the other, bound before the prelude
 * takes both words away. */
#include <jq.h>
#include <jv.h>

#include <limits.h>

#include <tenon/action.h>
#include <tenon/json.h>

/* clang-format off: rows of a table */
TENON_SETTINGS(TENON_OPTION("where", "text", "", "", "",
                            "jq program: a record is wanted when its first output is true")
                   TENON_OPTION("transform", "text", "", "", "",
                                "jq program: its one output is the payload")
                       TENON_OPTION("actions", "boolean", "", "no", "",
                                    "programs may call read-only actions of integrations: "
                                    "action(\"zlib.crc32\"; {data: .title})"));
/* clang-format on */

#define ACTION "def action($name; $arguments): [$name, $arguments] | debug | input; "
#define NO_ACTION                                                                                  \
    "def action($name; $arguments): error(\"action is not available: set actions = yes\"); "
#define PRELUDE                                                                                    \
    "{} as $ENV | def env: {}; "                                                                   \
    "def input: error(\"input is not available: a record is looked at alone\"); "                  \
    "def inputs: input; def debug: .; def stderr: .; "                                             \
    "def input_filename: null; def input_line_number: 0; "                                         \
    "def halt: error(\"halt is not available\"); "                                                 \
    "def halt_error: halt; def halt_error($code): halt; "                                          \
    "def modulemeta: error(\"modulemeta is not available\"); def get_search_list: []; "

enum { PROGRAM_MAX_BYTES = 64 * 1024, SHOWN_BYTES = 120 };

/* What libjq said, gathered by its callback; the first message is the one that counts. */
struct complaint {
    char text[400];
};

struct program {
    jq_state *jq; /* NULL: the setting is empty */
    char *text;
    struct complaint complaint;
    const tenon_host *host; /* NULL: actions are not called */
    jv question;            /* what `debug` handed out for `input`; or invalid */
    tenon_err failed;       /* of the last action that failed; code 0: none did */
};

struct jq_plugin {
    struct program where;
    struct program transform;
};

/* ---- programs ---- */

/* "jq: error: WHAT (Unix shell quoting issues?) at <top-level>, line 1:\n<program>": only WHAT and
 * the line are of use to somebody who writes an ini, and the prelude must not show. */
static void remember(void *user, jv message)
{
    struct complaint *complaint = user;
    jv formatted = jq_format_error(message);
    const char *text = jv_get_kind(formatted) == JV_KIND_STRING ? jv_string_value(formatted) : "";
    const char *line = strstr(text, "<top-level>, ");
    const char *end;

    if (strncmp(text, "jq: error: ", 11) == 0)
        text += 11;
    end = strstr(text, " (Unix shell quoting");
    if (end == NULL && line != NULL)
        end = line - 4; /* " at " */
    if (end == NULL || end < text)
        end = text + strcspn(text, "\n");
    if (complaint->text[0] == '\0' && line != NULL)
        snprintf(complaint->text, sizeof complaint->text, "%.*s, %.*s", (int)(end - text), text,
                 (int)strcspn(line + 13, ":\n"), line + 13);
    else if (complaint->text[0] == '\0')
        snprintf(complaint->text, sizeof complaint->text, "%.*s", (int)(end - text), text);
    jv_free(formatted);
}

static void program_finish(struct program *self)
{
    if (self->jq != NULL)
        jq_teardown(&self->jq);
    free(self->text);
    self->text = NULL;
    jv_free(self->question);
    self->question = jv_invalid();
}

/* ---- actions ---- */

static void take_question(void *user, jv question)
{
    struct program *program = user;

    jv_free(program->question);
    program->question = question;
}

static int32_t call_action(const struct program *program, const char *name, tenon_str arguments,
                           tenon_sink *result, tenon_err *err)
{
    const tenon_action_service *service = program->host->get_service(program->host, TENON_ACTION_1);
    tenon_action_call call = {.struct_size = sizeof call,
                              .flags = TENON_CALL_READ_ONLY,
                              .name = tenon_text(name),
                              .arguments = arguments};

    return service == NULL ? tenon_fail(err, TENON_E_UNSUPPORTED, "this host cannot call actions")
                           : service->call(program->host, &call, result, err);
}

/* The result, or an error that the program may catch; if it does not, the record's is of its class.
 */
static jv give_answer(jq_state *jq, void *user)
{
    struct program *program = user;
    jv name = jv_array_get(jv_copy(program->question), 0);
    jv arguments = jv_dump_string(jv_array_get(jv_copy(program->question), 1), 0);
    tenon_buffer result;
    jv answer;

    (void)jq;
    tenon_buffer_init(&result);
    program->failed = (tenon_err){.struct_size = sizeof program->failed};
    tenon_str text = {jv_string_value(arguments),
                      (size_t)jv_string_length_bytes(jv_copy(arguments))};
    int32_t code =
        jv_get_kind(name) != JV_KIND_STRING
            ? tenon_fail(&program->failed, TENON_E_VALIDATION,
                         "action(NAME; ARGUMENTS): the name is no text")
            : call_action(program, jv_string_value(name), text, &result.sink, &program->failed);
    program->failed.code = code;
    answer = code == TENON_OK ? jv_parse_sized(result.text.ptr, (int)result.text.len)
                              : jv_invalid_with_msg(jv_string(program->failed.message));
    tenon_buffer_free(&result);
    jv_free(arguments);
    jv_free(name);
    return answer;
}

static int32_t program_init(struct program *self, const char *option, tenon_str settings,
                            tenon_err *err)
{
    int may_call = tenon_setting_is(settings, "actions");
    const char *before = may_call ? ACTION PRELUDE : NO_ACTION PRELUDE;
    tenon_str value = tenon_json_find(settings, option);
    size_t before_len = strlen(before);
    char *whole;

    self->question = jv_invalid();
    if (value.len <= 2)
        return TENON_OK;
    if (value.len > PROGRAM_MAX_BYTES)
        return tenon_failf(err, TENON_E_VALIDATION, "%s: a program may have %d bytes", option,
                           PROGRAM_MAX_BYTES);
    whole = malloc(before_len + value.len + 1);
    if (whole == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    memcpy(whole, before, before_len);
    if (tenon_json_text(value, whole + before_len, value.len + 1) < 0) {
        free(whole);
        return tenon_failf(err, TENON_E_VALIDATION, "%s: the program holds a NUL", option);
    }
    self->text = strdup(whole + before_len);
    self->jq = jq_init();
    if (self->jq == NULL || self->text == NULL) {
        free(whole);
        program_finish(self);
        return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    }
    jq_set_error_cb(self->jq, remember, &self->complaint);
    if (may_call) {
        jq_set_debug_cb(self->jq, take_question, self);
        jq_set_input_cb(self->jq, give_answer, self);
    }
    jq_set_attr(self->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
    if (!jq_compile(self->jq, whole)) {
        tenon_failf(err, TENON_E_VALIDATION, "%s: jq does not take `%.*s`: %s", option, SHOWN_BYTES,
                    self->text, self->complaint.text);
        free(whole);
        program_finish(self);
        return err->code;
    }
    free(whole);
    return TENON_OK;
}

/* An invalid value is the end of the outputs, or an error when it brings a message. What an action
 * failed with keeps its class. */
static int32_t fail_output(jv output, const char *option, const struct program *program,
                           tenon_err *err)
{
    jv message = jv_invalid_get_msg(output);

    if (jv_get_kind(message) != JV_KIND_STRING)
        message = jv_dump_string(message, 0);
    tenon_failf(err, TENON_E_VALIDATION, "%s `%.*s`: %.300s", option, SHOWN_BYTES, program->text,
                jv_string_value(message));
    const tenon_err *failed = &program->failed;
    if (failed->code != TENON_OK && strcmp(failed->message, jv_string_value(message)) == 0) {
        err->code = failed->code;
        err->retry_after_ms = failed->retry_after_ms;
        err->http_status = failed->http_status;
    }
    jv_free(message);
    return err->code;
}

/* Starts the program on a record's data. */
static int32_t start(struct program *program, const tenon_record *record, const char *option,
                     tenon_err *err)
{
    jv input;

    if (record->data.len > INT_MAX)
        return tenon_failf(err, TENON_E_VALIDATION, "%s: the record has more than 2 GiB", option);
    input = jv_parse_sized(record->data.ptr, (int)record->data.len);
    if (!jv_is_valid(input)) {
        if (!jv_invalid_has_msg(jv_copy(input))) {
            jv_free(input);
            return tenon_failf(err, TENON_E_VALIDATION, "%s: the record's data is empty", option);
        }
        return fail_output(input, option, program, err);
    }
    program->failed.code = TENON_OK;
    jq_start(program->jq, input, 0);
    return TENON_OK;
}

/* Drops what the last record left; between two starts the state must not keep its values. */
static void stop(struct program *program)
{
    jq_start(program->jq, jv_null(), 0);
}

/* ---- selector ---- */

static int32_t refuse(const struct program *program, const char *gave, tenon_sink *reason)
{
    char text[SHOWN_BYTES + 64];
    int is_long = strlen(program->text) > SHOWN_BYTES;

    snprintf(text, sizeof text, "where `%.*s%s` gave %s", SHOWN_BYTES, program->text,
             is_long ? "..." : "", gave);
    return tenon_puts(reason, text) == TENON_OK ? TENON_SKIP : TENON_E_NO_MEMORY;
}

static int32_t select_where(void *arg, const tenon_record *record, tenon_sink *reason,
                            tenon_err *err)
{
    struct program *program = &((struct jq_plugin *)arg)->where;
    int32_t status;
    jv output;

    if (program->jq == NULL)
        return TENON_OK;
    status = start(program, record, "where", err);
    if (status != TENON_OK)
        return status;
    output = jq_next(program->jq);
    if (!jv_is_valid(output)) {
        if (jv_invalid_has_msg(jv_copy(output))) {
            status = fail_output(output, "where", program, err);
        } else {
            jv_free(output);
            status = refuse(program, "nothing", reason);
        }
    } else {
        jv_kind kind = jv_get_kind(output);
        jv_free(output);
        if (kind == JV_KIND_FALSE || kind == JV_KIND_NULL)
            status = refuse(program, kind == JV_KIND_NULL ? "null" : "false", reason);
    }
    stop(program);
    return status;
}

/* ---- transformer ---- */

static int32_t write_json(tenon_sink *out, jv value)
{
    jv text = jv_dump_string(value, 0);
    int32_t status =
        out->write(out, jv_string_value(text), (size_t)jv_string_length_bytes(jv_copy(text)));

    jv_free(text);
    return status;
}

static int32_t transform(void *arg, const tenon_record *record, tenon_sink *out, tenon_err *err)
{
    struct program *program = &((struct jq_plugin *)arg)->transform;
    int32_t status;
    jv output, more;

    if (program->jq == NULL)
        return tenon_write(out, record->data);
    status = start(program, record, "transform", err);
    if (status != TENON_OK)
        return status;
    output = jq_next(program->jq);
    if (!jv_is_valid(output)) {
        if (jv_invalid_has_msg(jv_copy(output))) {
            status = fail_output(output, "transform", program, err);
        } else {
            jv_free(output);
            status = TENON_SKIP;
        }
        stop(program);
        return status;
    }
    more = jq_next(program->jq);
    if (jv_is_valid(more)) {
        jv_free(more);
        jv_free(output);
        status = tenon_failf(err, TENON_E_VALIDATION,
                             "transform `%.*s`: more than one output; gather them with [ ]",
                             SHOWN_BYTES, program->text);
    } else if (jv_invalid_has_msg(jv_copy(more))) {
        jv_free(output);
        status = fail_output(more, "transform", program, err);
    } else {
        jv_free(more);
        status = write_json(out, output);
    }
    stop(program);
    return status;
}

/* ---- plugin ---- */

static void destroy(void *arg)
{
    struct jq_plugin *self = arg;

    program_finish(&self->where);
    program_finish(&self->transform);
    free(self);
}

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    struct jq_plugin *self = calloc(1, sizeof *self);
    int32_t status;

    (void)integration;
    if (self == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    self->where.host = self->transform.host = host;
    status = program_init(&self->where, "where", settings, err);
    if (status == TENON_OK)
        status = program_init(&self->transform, "transform", settings, err);
    if (status == TENON_OK && self->where.jq == NULL && self->transform.jq == NULL)
        status = tenon_fail(err, TENON_E_VALIDATION, "where or transform must hold a jq program");
    if (status == TENON_OK)
        *out_self = self;
    else
        destroy(self);
    return status;
}

/* Compiling is the check, and it touches nothing but memory. */
static int32_t validate(tenon_str settings, tenon_err *err)
{
    void *self = NULL;
    int32_t status = create(NULL, tenon_text(""), settings, &self, err);

    if (status == TENON_OK)
        destroy(self);
    return status;
}

static const tenon_selector selectors[] = {
    TENON_SELECTOR("where", "wants the records for which `where` gives true", select_where),
};
static const tenon_transformer transformer = TENON_TRANSFORMER(transform);

static void describe(tenon_plugin *plugin)
{
    plugin->flags = TENON_PER_INTEGRATION;
    plugin->validate = validate;
    plugin->create = create;
    plugin->destroy = destroy;
    plugin->selectors = selectors;
    plugin->n_selectors = sizeof selectors / sizeof selectors[0];
    plugin->transformer = &transformer;
}

TENON_PLUGIN("jq", "1.0.0", "Apache-2.0", describe);
