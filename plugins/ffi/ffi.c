/* SPDX-License-Identifier: Apache-2.0
 * ffi: functions of any installed shared library as actions, with no code written. The ini names
 * the library and gives the prototypes of its functions; create() reads them, activate() opens the
 * library and finds them. A transformer adds to each record what functions make of its fields. */
#include "invoke.h"
#include "transform.h"

#include <tenon/json.h>

#include <dlfcn.h>

/* clang-format off: rows of a table */
TENON_SETTINGS(TENON_OPTION("library", "text", "", "", "required",
                            "the shared library: a name such as libz.so.1, or an absolute path")
                   TENON_OPTION("functions", "text", "", "", "required",
                                "its functions, one C prototype a line; see the plugin's README")
                       TENON_OPTION("transform", "text", "", "", "",
                                    "functions whose results a record gets as fields, separated by "
                                    "commas"));
/* clang-format on */

enum { LIBRARY_BYTES = 512 };

struct ffi {
    char library[LIBRARY_BYTES];
    struct function *functions;
    uint32_t count;
    uint32_t transforms[FUNCTIONS_MAX]; /* indexes */
    uint32_t transform_count;
};

/* ---- settings ---- */

static int is_continued(tenon_str before, const char *next)
{
    static const char *const clauses[] = {"read_only", "destructive", "as ",
                                          "fails",     "errno",       "freed_by"};

    while (before.len > 0 &&
           (before.ptr[before.len - 1] == ' ' || before.ptr[before.len - 1] == '\t'))
        before.len--;
    if (before.len > 0 && (before.ptr[before.len - 1] == ',' || before.ptr[before.len - 1] == '('))
        return 1;
    while (*next == ' ' || *next == '\t')
        next++;
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++)
        if (strncmp(next, clauses[i], strlen(clauses[i])) == 0)
            return 1;
    return 0;
}

/* The next prototype: a line, and those below it that go on with it. 0 at the end. */
static int next_prototype(char **rest, tenon_str *out)
{
    char *start = *rest + strspn(*rest, " \t\n");
    char *end = start + strcspn(start, "\n");

    while (*end == '\n' && is_continued((tenon_str){start, (size_t)(end - start)}, end + 1)) {
        *end = ' ';
        end += strcspn(end, "\n");
    }
    *out = (tenon_str){start, (size_t)(end - start)};
    *rest = end;
    return start < end;
}

static int32_t take_function(struct ffi *self, tenon_str line, tenon_err *err)
{
    struct function *function = &self->functions[self->count];

    if (self->count == FUNCTIONS_MAX)
        return tenon_failf(err, TENON_E_VALIDATION,
                           "functions: more than %d; make a second integration of the library",
                           FUNCTIONS_MAX);
    int32_t status = prototype_parse(line, &function->prototype, err);
    if (status != TENON_OK)
        return status;
    for (uint32_t i = 0; i < self->count; i++)
        if (strcmp(self->functions[i].prototype.name, function->prototype.name) == 0)
            return tenon_failf(err, TENON_E_VALIDATION,
                               "functions: two actions are called '%s'; write 'as NAME' behind one "
                               "of the prototypes",
                               function->prototype.name);
    self->count++;
    return function_prepare(function, err);
}

static int32_t take_functions(struct ffi *self, tenon_str settings, tenon_err *err)
{
    tenon_str value = tenon_json_find(settings, "functions");
    char *text = (char *)malloc(value.len + 1);
    int32_t status = TENON_OK;
    char *rest = text;
    tenon_str line;

    self->functions = (struct function *)calloc(FUNCTIONS_MAX, sizeof *self->functions);
    if (text == NULL || self->functions == NULL) {
        free(text);
        return tenon_fail(err, TENON_E_NO_MEMORY, "no memory for the functions");
    }
    if (tenon_json_text(value, text, value.len + 1) < 0)
        status = tenon_fail(err, TENON_E_VALIDATION, "functions: holds a NUL");
    while (status == TENON_OK && next_prototype(&rest, &line))
        status = take_function(self, line, err);
    if (status == TENON_OK && self->count == 0)
        status = tenon_fail(err, TENON_E_VALIDATION,
                            "functions: expected C prototypes, one a line, such as double "
                            "cos(double x)");
    free(text);
    return status;
}

static int32_t take_transforms(struct ffi *self, tenon_str settings, tenon_err *err)
{
    char text[LINE_BYTES];
    char *rest = text;
    char *name;

    if (tenon_setting_text(settings, "transform", text, sizeof text) < 0)
        return tenon_failf(err, TENON_E_VALIDATION, "transform: more than %d bytes", LINE_BYTES);
    while ((name = strtok_r(rest, ", \t\n", &rest)) != NULL) {
        uint32_t at = 0;
        while (at < self->count && strcmp(self->functions[at].prototype.name, name) != 0)
            at++;
        if (at == self->count || self->transform_count == FUNCTIONS_MAX)
            return tenon_failf(err, TENON_E_VALIDATION,
                               "transform: '%.60s' is none of the actions in functions", name);
        if (!self->functions[at].prototype.is_read_only)
            return tenon_failf(err, TENON_E_VALIDATION,
                               "transform: '%.60s' is not declared read_only, and a record may be "
                               "transformed any number of times",
                               name);
        self->transforms[self->transform_count++] = at;
    }
    return TENON_OK;
}

static void destroy(void *arg)
{
    struct ffi *self = (struct ffi *)arg;

    free(self->functions);
    free(self);
}

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    struct ffi *self = (struct ffi *)calloc(1, sizeof *self);
    int32_t status;

    (void)host, (void)integration;
    if (self == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    if (tenon_setting_text(settings, "library", self->library, sizeof self->library) < 0 ||
        (strchr(self->library, '/') != NULL && self->library[0] != '/'))
        status = tenon_failf(err, TENON_E_VALIDATION,
                             "library: expected a name such as libz.so.1 or an absolute path, "
                             "below %d bytes",
                             LIBRARY_BYTES);
    else
        status = take_functions(self, settings, err);
    if (status == TENON_OK)
        status = take_transforms(self, settings, err);
    if (status == TENON_OK)
        *out_self = self;
    else
        destroy(self);
    return status;
}

/* Reading is the check, and it touches nothing but memory. */
static int32_t validate(tenon_str settings, tenon_err *err)
{
    void *self = NULL;
    int32_t status = create(NULL, tenon_text(""), settings, &self, err);

    if (status == TENON_OK)
        destroy(self);
    return status;
}

/* ---- the library ---- */

static int32_t find_symbol(const struct ffi *self, void *library, const char *name,
                           void (**out)(void), tenon_err *err)
{
    union {
        void *object;
        void (*function)(void);
    } cast = {dlsym(library, name)};

    if (cast.object == NULL)
        return tenon_failf(err, TENON_E_VALIDATION,
                           "functions: '%s' has no function '%s'; nm -D --defined-only shows what "
                           "it has",
                           self->library, name);
    *out = cast.function;
    return TENON_OK;
}

/* Never closed: whoever opens it again gets the same. */
static int32_t activate(void *arg, tenon_err *err)
{
    struct ffi *self = (struct ffi *)arg;
    void *library = dlopen(self->library, RTLD_NOW | RTLD_LOCAL);
    int32_t status = TENON_OK;

    if (library == NULL)
        return tenon_failf(err, TENON_E_VALIDATION,
                           "library: %s. A worker sees the system's library directories and the "
                           "one of its plugin",
                           dlerror());
    for (uint32_t i = 0; i < self->count && status == TENON_OK; i++) {
        struct function *function = &self->functions[i];
        status = find_symbol(self, library, function->prototype.symbol, &function->symbol, err);
        if (status == TENON_OK && function->prototype.freed_by[0] != '\0')
            status =
                find_symbol(self, library, function->prototype.freed_by, &function->freeing, err);
    }
    return status;
}

/* ---- actions ---- */

static char letter_of(const struct type *type)
{
    return type->kind == KIND_REAL                       ? 'd'
           : type->kind == KIND_INTEGER && type->is_bool ? 'b'
           : type->kind == KIND_INTEGER                  ? 'I'
                                                         : 's';
}

static void range_of(const struct type *type, char out[64])
{
    size_t bits = type->ffi->size * 8;

    out[0] = '\0';
    if (type->kind == KIND_REAL && type->ffi == &ffi_type_float)
        snprintf(out, 64, "-3.4028235e38..3.4028235e38");
    if (type->kind != KIND_INTEGER || type->is_bool)
        return;
    if (type->is_signed && bits < 64)
        snprintf(out, 64, "%lld..%lld", -(1LL << (bits - 1)), (1LL << (bits - 1)) - 1);
    else if (!type->is_signed)
        snprintf(out, 64, "0..%lld", bits < 64 ? (1LL << bits) - 1 : INT64_MAX);
}

/* The rows of TENON_ACTION_WITH. */
static size_t put_row(char *out, size_t size, const struct parameter *parameter)
{
    static const char *const types[] = {
        ['I'] = "integer", ['d'] = "number", ['b'] = "boolean", ['s'] = "text"};
    char range[64];
    int len;

    range_of(&parameter->type, range);
    len = snprintf(out, size, "%s\t%s\t%s\t%s\t%s\t%s%s\n", parameter->name,
                   types[(int)letter_of(&parameter->type)], range, parameter->fallback,
                   parameter->has_fallback ? "" : "required", parameter->type.words,
                   parameter->type.kind == KIND_TEXT || parameter->type.kind == KIND_BYTES ? " *"
                                                                                           : "");
    return len < 0 || (size_t)len >= size ? 0 : (size_t)len;
}

static int32_t declare_one(const struct prototype *prototype, tenon_action_list *out)
{
    char signature[PARAMETERS_MAX + 1] = "";
    char names[PARAMETERS_MAX * (NAME_BYTES + 1) + 1] = "";
    char rows[PARAMETERS_MAX * 512] = "";
    size_t used = 0;
    size_t count = 0;

    for (uint32_t i = 0; i < prototype->count; i++) {
        const struct parameter *parameter = &prototype->parameters[i];
        if (parameter->role != ROLE_IN)
            continue;
        size_t len = strlen(names);
        snprintf(names + len, sizeof names - len, "%s%s", count > 0 ? "," : "", parameter->name);
        signature[count++] = letter_of(&parameter->type);
        used += put_row(rows + used, sizeof rows - used, parameter);
    }
    tenon_action action = {sizeof action,
                           (prototype->is_read_only ? TENON_ACTION_READ_ONLY : 0) |
                               (prototype->is_destructive ? TENON_ACTION_DESTRUCTIVE : 0),
                           prototype->name,
                           prototype->help,
                           signature,
                           names,
                           NULL,
                           rows};
    return out->add(out, &action);
}

static int32_t declare(void *arg, tenon_action_list *out, tenon_err *err)
{
    const struct ffi *self = (const struct ffi *)arg;
    int32_t status = TENON_OK;

    (void)err;
    for (uint32_t i = 0; i < self->count && status == TENON_OK; i++)
        status = declare_one(&self->functions[i].prototype, out);
    return status;
}

static int32_t call(void *arg, uint32_t index, const tenon_argument *arguments, uint32_t count,
                    tenon_sink *out, tenon_err *err)
{
    const struct ffi *self = (const struct ffi *)arg;

    (void)count; /* the host calls what was declared */
    return function_invoke(&self->functions[index], arguments, out, err);
}

static const tenon_actions own_actions = {sizeof own_actions, 0, declare, call};

static const void *get_capability(const char *id)
{
    return strcmp(id, TENON_ACTIONS_1) == 0 ? &own_actions : NULL;
}

/* ---- records ---- */

/* The record with a field more for each function of `transform`. */
static int32_t transform(void *arg, const tenon_record *record, tenon_sink *out, tenon_err *err)
{
    const struct ffi *self = (const struct ffi *)arg;
    int32_t status = transform_begin(record->data, out, err);

    for (uint32_t i = 0; i < self->transform_count && status == TENON_OK; i++)
        status = transform_add(&self->functions[self->transforms[i]], record->data, out, err);
    return status == TENON_OK ? tenon_puts(out, "}") : status;
}

/* A request to base_url for each record. */
static int32_t prepare(void *arg, const tenon_batch *batch, tenon_requests *out, tenon_err *err)
{
    (void)arg, (void)err;
    for (uint32_t i = 0; i < batch->count; i++) {
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_RECORD);
        request.headers = tenon_text("content-type: application/json\n");
        if (out->add(out, &request) != TENON_OK)
            return TENON_E_NO_MEMORY;
    }
    return TENON_OK;
}

static const tenon_transformer transformer = TENON_TRANSFORMER(transform);
static const tenon_client client = TENON_HTTP_CLIENT(prepare, NULL, NULL);

/* One call at a time in the whole worker: nobody knows which of these libraries know of threads. */
static void describe(tenon_plugin *plugin)
{
    plugin->validate = validate;
    plugin->create = create;
    plugin->activate = activate;
    plugin->destroy = destroy;
    plugin->transformer = &transformer;
    plugin->client = &client;
    plugin->get_capability = get_capability;
}

TENON_PLUGIN("ffi", "1.0.0", "Apache-2.0", describe);
