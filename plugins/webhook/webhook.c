/* SPDX-License-Identifier: Apache-2.0
 * webhook: sends records to any HTTP endpoint. Method, path, headers and batching come from the
 * settings; the daemon sends, signs and authenticates.
 *
 * It is a submitter and not a client->prepare, because a template may ask for a field that one
 * record of the batch lacks: that record alone is refused. Bodies are never touched: requests name
 * the records they carry. When no template holds a placeholder, which is the usual case, one
 * prepared request is handed out again and again with nothing but `first` changed. */
#include <tenon/json.h>

/* clang-format off: rows of a table */
TENON_SETTINGS(
    TENON_OPTION("method", "choice", "POST,PUT,PATCH,DELETE", "POST", "",
                 "HTTP method; DELETE has no body")
        TENON_OPTION("path", "text", "", "", "",
                     "joined to base_url; may hold {id} {type} {version} {key} {data.FIELD}")
            TENON_OPTION("headers", "text", "", "", "",
                         "'Name: value' pairs separated by |; values may hold placeholders")
                TENON_OPTION("batch", "integer", "1..1000", "1", "", "most records in one request")
                    TENON_OPTION("format", "choice", "json,ndjson", "json", "",
                                 "several records are a JSON array, or lines")
                        TENON_OPTION("reconcile_path", "text", "", "", "",
                                     "GET here tells whether a record without an answer arrived: "
                                     "2xx or 404; placeholders as in path"));
/* clang-format on */

enum {
    HEADERS_MAX = 16,
    PARTS_MAX = 24,
    NAME_MAX_BYTES = 64,
    PATH_MAX_BYTES = 8000,
    VALUE_MAX_BYTES = 4000,
    PROBLEM_MAX_BYTES = 400,
};

/* A template is cut once, when the integration is made: literal text and placeholders in turn. */
enum part_kind { PART_LITERAL, PART_ID, PART_TYPE, PART_VERSION, PART_KEY, PART_FIELD };

struct part {
    enum part_kind kind;
    size_t start; /* of the literal, or of the field's name, in the template's text */
    size_t len;
};

struct template
{
    char text[VALUE_MAX_BYTES];
    size_t text_len;
    struct part parts[PARTS_MAX];
    size_t part_count;
};

struct header {
    char name[NAME_MAX_BYTES];
    struct template value;
};

struct webhook {
    char method[8];
    uint32_t batch;
    uint32_t body_kind;
    struct template path, reconcile_path;
    struct header *headers; /* HEADERS_MAX of them when the settings bring any, else NULL */
    size_t header_count;
    const char *content_type; /* static; NULL: the settings bring their own, or there is no body */
    int is_constant;          /* no placeholder anywhere */
    /* What requests are made of. For a constant webhook filled once, else for each record. */
    char url[PATH_MAX_BYTES + 1];
    size_t url_len;
    char *header_lines;
    size_t header_lines_room, header_lines_len;
};

/* ---- templates ---- */

static int32_t template_add(struct template *self, const char *option, enum part_kind kind,
                            const char *text, size_t len, tenon_err *err)
{
    struct part *last = self->part_count > 0 ? &self->parts[self->part_count - 1] : NULL;

    if (len > sizeof self->text - self->text_len || self->part_count == PARTS_MAX)
        return tenon_failf(err, TENON_E_VALIDATION,
                           "%s: at most %zu bytes and %d placeholders are allowed", option,
                           sizeof self->text, PARTS_MAX / 2);
    memcpy(self->text + self->text_len, text, len);
    if (kind == PART_LITERAL && last != NULL && last->kind == PART_LITERAL) {
        last->len += len;
    } else {
        self->parts[self->part_count].kind = kind;
        self->parts[self->part_count].start = self->text_len;
        self->parts[self->part_count].len = len;
        self->part_count++;
    }
    self->text_len += len;
    return TENON_OK;
}

static int32_t template_add_placeholder(struct template *self, const char *option, const char *name,
                                        size_t len, tenon_err *err)
{
    static const struct {
        const char *name;
        enum part_kind kind;
    } known[] = {
        {"id", PART_ID}, {"type", PART_TYPE}, {"version", PART_VERSION}, {"key", PART_KEY}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (len == strlen(known[i].name) && memcmp(name, known[i].name, len) == 0)
            return template_add(self, option, known[i].kind, "", 0, err);
    if (len > 5 && memcmp(name, "data.", 5) == 0)
        return template_add(self, option, PART_FIELD, name + 5, len - 5, err);
    return tenon_failf(
        err, TENON_E_VALIDATION,
        "%s: {%.*s} is not known; there are {id}, {type}, {version}, {key} and {data.FIELD} "
        "(a brace itself is written {{ or }})",
        option, (int)(len < 60 ? len : 60), name);
}

static int32_t template_parse(struct template *self, const char *option, tenon_str text,
                              tenon_err *err)
{
    const char *p = text.ptr;
    const char *end = p + text.len;
    int32_t status = TENON_OK;

    while (p < end && status == TENON_OK) {
        const char *close;
        if (*p != '{' && *p != '}') {
            const char *start = p;
            while (p < end && *p != '{' && *p != '}')
                p++;
            status = template_add(self, option, PART_LITERAL, start, (size_t)(p - start), err);
            continue;
        }
        if (p + 1 < end && p[1] == *p) {
            status = template_add(self, option, PART_LITERAL, p, 1, err);
            p += 2;
            continue;
        }
        close = *p == '{' ? memchr(p, '}', (size_t)(end - p)) : NULL;
        if (close == NULL)
            return tenon_failf(
                err, TENON_E_VALIDATION,
                "%s: the '%c' at byte %d has no partner (a brace itself is written {{ or }})",
                option, *p, (int)(p - text.ptr) + 1);
        status = template_add_placeholder(self, option, p + 1, (size_t)(close - p - 1), err);
        p = close + 1;
    }
    return status;
}

static int template_is_constant(const struct template *self)
{
    for (size_t i = 0; i < self->part_count; i++)
        if (self->parts[i].kind != PART_LITERAL)
            return 0;
    return 1;
}

/* Where a rendering goes. It stops at the first thing wrong; `problem` says what, for the verdict.
 */
struct rendering {
    char *out;
    size_t size, len;
    int is_path; /* values are percent-encoded; else they must fit a header line */
    char problem[256];
};

static void render_bytes(struct rendering *r, const char *bytes, size_t len)
{
    if (len >= r->size - r->len) {
        snprintf(r->problem, sizeof r->problem, "longer than %zu bytes", r->size - 1);
        return;
    }
    memcpy(r->out + r->len, bytes, len);
    r->len += len;
}

static void render_value(struct rendering *r, const char *name, tenon_str value)
{
    static const char hex[] = "0123456789ABCDEF";

    if (value.len == 0 && r->is_path)
        snprintf(r->problem, sizeof r->problem, "{%.100s} is empty", name);
    for (size_t i = 0; i < value.len && r->problem[0] == '\0'; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        int is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
        if (r->is_path && !is_plain) {
            char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
            render_bytes(r, escape, sizeof escape);
        } else if ((c < ' ' && c != '\t') || c == 0x7f) {
            snprintf(r->problem, sizeof r->problem, "{%.100s} holds the control character 0x%02X",
                     name, c);
        } else {
            render_bytes(r, value.ptr + i, 1);
        }
    }
}

static void render_field(struct rendering *r, const struct template *self, const struct part *part,
                         const tenon_record *record)
{
    const char *field = self->text + part->start;
    tenon_str raw = tenon_json_find_n(record->data, field, part->len);
    char name[128], text[VALUE_MAX_BYTES];
    tenon_str value;
    ptrdiff_t len;

    snprintf(name, sizeof name, "data.%.*s", (int)(part->len < 100 ? part->len : 100), field);
    if (raw.len == 0 || tenon_equals(raw, "null")) {
        snprintf(r->problem, sizeof r->problem, "the record has no field {%.110s}", name);
        return;
    }
    if (raw.ptr[0] == '{' || raw.ptr[0] == '[') {
        snprintf(r->problem, sizeof r->problem,
                 "{%.110s} is an %s; a string, number or boolean is expected", name,
                 raw.ptr[0] == '{' ? "object" : "array");
        return;
    }
    len = tenon_json_text(raw, text, sizeof text);
    if (len < 0) {
        snprintf(r->problem, sizeof r->problem, "{%.110s} is longer than %zu bytes or holds a NUL",
                 name, sizeof text - 1);
        return;
    }
    value.ptr = text;
    value.len = (size_t)len;
    render_value(r, name, value);
}

static void render_template(struct rendering *r, const struct template *self,
                            const tenon_record *record)
{
    for (size_t i = 0; i < self->part_count && r->problem[0] == '\0'; i++) {
        const struct part *part = &self->parts[i];
        char number[24];
        switch (part->kind) {
        case PART_LITERAL:
            render_bytes(r, self->text + part->start, part->len);
            break;
        case PART_ID:
            render_value(r, "id", record->id);
            break;
        case PART_TYPE:
            render_value(r, "type", record->type);
            break;
        case PART_KEY:
            render_value(r, "key", record->key);
            break;
        case PART_FIELD:
            render_field(r, self, part, record);
            break;
        case PART_VERSION:
            snprintf(number, sizeof number, "%llu", (unsigned long long)record->version);
            render_value(r, "version", tenon_text(number));
            break;
        }
    }
}

/* "." and ".." as a whole path segment would be resolved away on the road: the record would land
 * elsewhere. */
static int has_dot_segment(const char *path, size_t len)
{
    const char *end = memchr(path, '?', len);
    const char *start = path;

    if (end == NULL)
        end = path + len;
    for (const char *p = path; p <= end; p++) {
        if (p < end && *p != '/')
            continue;
        if ((p - start == 1 && start[0] == '.') ||
            (p - start == 2 && start[0] == '.' && start[1] == '.'))
            return 1;
        start = p + 1;
    }
    return 0;
}

/* ---- settings ---- */

static int is_token_char(char c)
{
    return c > ' ' && c < 0x7f && strchr("()<>@,;:\\\"/[]?={}", c) == NULL;
}

static int is_name(const char *name, const char *wanted)
{
    for (; *name != '\0' && *wanted != '\0'; name++, wanted++)
        if ((*name | 0x20) != (*wanted | 0x20))
            return 0;
    return *name == *wanted;
}

/* Headers that are the daemon's: a wrong one would break the framing, a secret one would lie in
 * plain text. */
static const char *header_owner(const char *name)
{
    static const struct {
        const char *name, *owner;
    } owned[] = {
        {"host", "it follows from base_url"},
        {"content-length", "the daemon counts"},
        {"transfer-encoding", "the daemon decides"},
        {"connection", "the daemon decides"},
        {"authorization", "credentials go to [auth]"},
        {"proxy-authorization", "credentials go to [auth]"},
    };

    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        if (is_name(name, owned[i].name))
            return owned[i].owner;
    return NULL;
}

static tenon_str trim(const char *start, const char *end)
{
    tenon_str text;

    while (start < end && *start == ' ')
        start++;
    while (end > start && end[-1] == ' ')
        end--;
    text.ptr = start;
    text.len = (size_t)(end - start);
    return text;
}

static int32_t parse_header(struct webhook *self, tenon_str text, tenon_err *err)
{
    const char *colon = memchr(text.ptr, ':', text.len);
    struct header *header = &self->headers[self->header_count];
    tenon_str name;
    const char *owner;

    if (colon == NULL)
        return tenon_failf(err, TENON_E_VALIDATION,
                           "headers: 'Name: value' pairs separated by | are expected, not '%.*s'",
                           (int)(text.len < 80 ? text.len : 80), text.ptr);
    if (self->header_count == HEADERS_MAX)
        return tenon_failf(err, TENON_E_VALIDATION,
                           "headers: more than %d; put fixed ones into [headers]", HEADERS_MAX);
    name = trim(text.ptr, colon);
    for (size_t i = 0; i < name.len; i++)
        if (!is_token_char(name.ptr[i]))
            name.len = 0;
    if (name.len == 0 || name.len >= sizeof header->name)
        return tenon_failf(err, TENON_E_VALIDATION,
                           "headers: '%.*s' is no header name (1 to %d letters, digits, - or _)",
                           (int)(colon - text.ptr < 80 ? colon - text.ptr : 80), text.ptr,
                           NAME_MAX_BYTES - 1);
    memcpy(header->name, name.ptr, name.len);
    header->name[name.len] = '\0';
    owner = header_owner(header->name);
    if (owner != NULL)
        return tenon_failf(err, TENON_E_VALIDATION, "headers: '%s' cannot be set here: %s",
                           header->name, owner);
    if (is_name(header->name, "content-type"))
        self->content_type = NULL;
    self->header_count++;
    return template_parse(&header->value, "headers", trim(colon + 1, text.ptr + text.len), err);
}

static int32_t parse_headers(struct webhook *self, const char *text, tenon_err *err)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return tenon_failf(err, TENON_E_VALIDATION,
                               "headers: byte %d is the control character 0x%02X",
                               (int)(p - text) + 1, (unsigned char)*p);
    while (*text != '\0') {
        const char *end = strchr(text, '|');
        tenon_str pair;
        int32_t status = TENON_OK;

        if (end == NULL)
            end = text + strlen(text);
        pair = trim(text, end);
        if (pair.len > 0)
            status = parse_header(self, pair, err);
        if (status != TENON_OK)
            return status;
        text = *end == '|' ? end + 1 : end;
    }
    return TENON_OK;
}

static int32_t parse_path(struct template *out, const char *option, tenon_str settings,
                          tenon_err *err)
{
    char path[VALUE_MAX_BYTES];

    if (tenon_setting_text(settings, option, path, sizeof path) < 0)
        return tenon_failf(err, TENON_E_VALIDATION, "%s: at most %d bytes are allowed", option,
                           VALUE_MAX_BYTES - 1);
    if (path[0] != '\0' && path[0] != '/' && path[0] != '?')
        return tenon_failf(err, TENON_E_VALIDATION,
                           "%s: it must start with '/' or '?', not '%.80s'", option, path);
    for (const char *p = path; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
            return tenon_failf(
                err, TENON_E_VALIDATION,
                "%s: byte %d is a blank, control or non-ASCII character; write it as %%%02X",
                option, (int)(p - path) + 1, (unsigned char)*p);
    return template_parse(out, option, tenon_text(path), err);
}

/* What a batch of several records rules out. */
static int32_t check_batch(const struct webhook *self, tenon_err *err)
{
    if (self->batch == 1)
        return TENON_OK;
    if (strcmp(self->method, "DELETE") == 0)
        return tenon_failf(
            err, TENON_E_VALIDATION,
            "batch: DELETE has no body, so a request cannot carry %u records; set batch = 1",
            self->batch);
    if (!self->is_constant)
        return tenon_failf(
            err, TENON_E_VALIDATION,
            "batch: a placeholder in %s speaks of one record, but a request may carry %u; "
            "set batch = 1 or leave the placeholder out",
            template_is_constant(&self->path) ? "headers" : "path", self->batch);
    return TENON_OK;
}

static int32_t parse(struct webhook *self, tenon_str settings, tenon_err *err)
{
    char text[VALUE_MAX_BYTES];
    int32_t status = parse_path(&self->path, "path", settings, err);
    int is_ndjson = tenon_equals(tenon_json_find(settings, "format"), "\"ndjson\"");

    if (status == TENON_OK)
        status = parse_path(&self->reconcile_path, "reconcile_path", settings, err);
    if (status != TENON_OK)
        return status;
    if (tenon_setting_text(settings, "method", self->method, sizeof self->method) < 0)
        return tenon_fail(err, TENON_E_VALIDATION,
                          "method: POST, PUT, PATCH or DELETE is expected");
    self->batch = (uint32_t)tenon_setting_integer(settings, "batch");
    if (self->batch < 1 || self->batch > 1000)
        return tenon_fail(err, TENON_E_VALIDATION, "batch: 1 to 1000 is expected");

    self->body_kind = is_ndjson         ? TENON_BODY_LINES
                      : self->batch > 1 ? TENON_BODY_ARRAY
                                        : TENON_BODY_RECORD;
    self->content_type = is_ndjson ? "application/x-ndjson" : "application/json";
    if (strcmp(self->method, "DELETE") == 0) {
        self->body_kind = TENON_BODY_INLINE;
        self->content_type = NULL;
    }
    if (tenon_setting_text(settings, "headers", text, sizeof text) < 0)
        return tenon_failf(err, TENON_E_VALIDATION, "headers: at most %d bytes are allowed",
                           (int)sizeof text - 1);
    status = parse_headers(self, text, err);
    if (status != TENON_OK)
        return status;

    self->is_constant = template_is_constant(&self->path);
    for (size_t i = 0; i < self->header_count; i++)
        self->is_constant = self->is_constant && template_is_constant(&self->headers[i].value);
    return check_batch(self, err);
}

/* ---- requests ---- */

static void render_path(struct rendering *path, const struct template *self,
                        const tenon_record *record)
{
    render_template(path, self, record);
    if (path->problem[0] == '\0' && has_dot_segment(path->out, path->len))
        snprintf(path->problem, sizeof path->problem,
                 "'.' or '..' as a path segment would lead elsewhere");
}

/* Fills url and header_lines for one record; 0, or -1 with `problem`. A constant webhook passes any
 * record. */
static int render(struct webhook *self, const tenon_record *record, char problem[PROBLEM_MAX_BYTES])
{
    struct rendering path = {self->url, sizeof self->url, 0, 1, ""};
    struct rendering lines = {self->header_lines, self->header_lines_room, 0, 0, ""};

    render_path(&path, &self->path, record);
    if (path.problem[0] != '\0') {
        snprintf(problem, PROBLEM_MAX_BYTES, "path: %s", path.problem);
        return -1;
    }
    if (self->content_type != NULL) {
        render_bytes(&lines, "content-type: ", 14);
        render_bytes(&lines, self->content_type, strlen(self->content_type));
        render_bytes(&lines, "\n", 1);
    }
    for (size_t i = 0; i < self->header_count; i++) {
        const struct header *header = &self->headers[i];
        render_bytes(&lines, header->name, strlen(header->name));
        render_bytes(&lines, ": ", 2);
        render_template(&lines, &header->value, record);
        render_bytes(&lines, "\n", 1);
        if (lines.problem[0] != '\0') {
            snprintf(problem, PROBLEM_MAX_BYTES, "header %s: %s", header->name, lines.problem);
            return -1;
        }
    }
    self->url_len = path.len;
    self->header_lines_len = lines.len;
    return 0;
}

static tenon_request request_init(const struct webhook *self, uint32_t first, uint32_t count)
{
    tenon_request request = tenon_request_init(first, count, self->body_kind);

    request.method = tenon_text(self->method);
    request.url.ptr = self->url;
    request.url.len = self->url_len;
    request.headers.ptr = self->header_lines;
    request.headers.len = self->header_lines_len;
    request.body = tenon_text("");
    return request;
}

static int32_t submit_constant(const struct webhook *self, const tenon_batch *batch,
                               tenon_requests *requests)
{
    tenon_request request = request_init(self, 0, 1);

    for (uint32_t first = 0; first < batch->count; first += request.count) {
        request.first = first;
        request.count = batch->count - first < self->batch ? batch->count - first : self->batch;
        if (requests->add(requests, &request) != TENON_OK)
            return TENON_E_NO_MEMORY;
    }
    return TENON_OK;
}

static int32_t submit(void *arg, const tenon_batch *batch, tenon_requests *requests,
                      tenon_verdicts *verdicts, tenon_err *err)
{
    struct webhook *self = arg;

    (void)err;
    if (self->is_constant)
        return submit_constant(self, batch, requests);
    for (uint32_t i = 0; i < batch->count; i++) {
        char problem[PROBLEM_MAX_BYTES];
        int32_t status;
        if (render(self, tenon_record_at(batch, i), problem) == 0) {
            tenon_request request = request_init(self, i, 1);
            status = requests->add(requests, &request);
        } else {
            tenon_verdict verdict = tenon_verdict_init(i, TENON_REJECTED);
            verdict.error_class = TENON_E_VALIDATION;
            verdict.message = tenon_text(problem);
            status = verdicts->set(verdicts, &verdict);
        }
        if (status != TENON_OK)
            return TENON_E_NO_MEMORY;
    }
    return TENON_OK;
}

/* One GET per record. One that has no such path is sent again as if nobody had asked. */
static int32_t reconcile(void *arg, const tenon_batch *batch, tenon_requests *requests,
                         tenon_verdicts *verdicts, tenon_err *err)
{
    const struct webhook *self = arg;
    int32_t status = TENON_OK;

    if (self->reconcile_path.part_count == 0)
        return tenon_fail(err, TENON_E_UNSUPPORTED, "no reconcile_path is set");
    for (uint32_t i = 0; i < batch->count && status == TENON_OK; i++) {
        char url[PATH_MAX_BYTES + 1];
        struct rendering path = {url, sizeof url, 0, 1, ""};
        tenon_request request = tenon_request_init(i, 1, TENON_BODY_INLINE);
        tenon_verdict verdict = tenon_verdict_init(i, TENON_NOT_THERE);

        render_path(&path, &self->reconcile_path, tenon_record_at(batch, i));
        request.method = tenon_text("GET");
        request.url.ptr = url;
        request.url.len = path.len;
        request.headers = request.body = tenon_text("");
        verdict.error_class = TENON_E_UNSUPPORTED;
        verdict.message = tenon_text(path.problem);
        status = path.problem[0] == '\0' ? requests->add(requests, &request)
                                         : verdicts->set(verdicts, &verdict);
    }
    return status == TENON_OK ? TENON_OK : TENON_E_NO_MEMORY;
}

/* ---- plugin ---- */

static void destroy(void *pointer)
{
    struct webhook *self = pointer;

    if (self == NULL)
        return;
    free(self->headers);
    free(self->header_lines);
    free(self);
}

/* The room for headers of one's own is large, and few have any. */
static struct webhook *allocate(int has_headers)
{
    enum { CONTENT_TYPE_LINE = 64 };
    struct webhook *self = calloc(1, sizeof *self);

    if (self == NULL)
        return NULL;
    self->header_lines_room = CONTENT_TYPE_LINE;
    if (has_headers)
        self->header_lines_room += HEADERS_MAX * (NAME_MAX_BYTES + VALUE_MAX_BYTES);
    self->header_lines = malloc(self->header_lines_room);
    if (has_headers)
        self->headers = calloc(HEADERS_MAX, sizeof *self->headers);
    if (self->header_lines != NULL && (self->headers != NULL || !has_headers))
        return self;
    destroy(self);
    return NULL;
}

static int32_t make(tenon_str settings, struct webhook **out_self, tenon_err *err)
{
    static const tenon_record none = {0};
    int has_headers = tenon_json_find(settings, "headers").len > 2; /* more than its quotes */
    struct webhook *self = allocate(has_headers);
    char problem[PROBLEM_MAX_BYTES];
    int32_t status;

    if (self == NULL)
        return tenon_fail(err, TENON_E_NO_MEMORY, "out of memory");
    status = parse(self, settings, err);
    if (status == TENON_OK && self->is_constant && render(self, &none, problem) < 0)
        status = tenon_fail(err, TENON_E_VALIDATION, problem);
    if (status == TENON_OK)
        *out_self = self;
    else
        destroy(self);
    return status;
}

static int32_t validate(tenon_str settings, tenon_err *err)
{
    struct webhook *self = NULL;
    int32_t status = make(settings, &self, err);

    destroy(self);
    return status;
}

static int32_t create(const tenon_host *host, tenon_str integration, tenon_str settings,
                      void **out_self, tenon_err *err)
{
    struct webhook *self = NULL;
    int32_t status = make(settings, &self, err);

    (void)host, (void)integration;
    if (status == TENON_OK)
        *out_self = self;
    return status;
}

static const tenon_submitter submitter = TENON_SUBMITTER(submit);
static const tenon_client client = TENON_CLIENT_OF(0, 0, 0, 0, 0, reconcile, 0);

static void describe(tenon_plugin *plugin)
{
    plugin->flags = TENON_PER_INTEGRATION;
    plugin->validate = validate;
    plugin->create = create;
    plugin->destroy = destroy;
    plugin->submitter = &submitter;
    plugin->client = &client;
}

TENON_PLUGIN("webhook", "1.0.0", "Apache-2.0", describe);
