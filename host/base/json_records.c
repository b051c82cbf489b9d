/* SPDX-License-Identifier: Apache-2.0
 * The records of a body, one call after the other. */
#include "base/json.h"

#include "base/json_scan.h"

/*            '['                 ']'
 *   FRESH ---------> IN_ARRAY ---------> ENDED
 *     |    otherwise                       ^
 *     +------------> IN_ROW  --------------+  at the end of the text
 */
enum { FRESH, ARRAY_OPENED, IN_ARRAY, IN_ROW, ENDED };

static int tell(const struct json_records *reader, const struct json_scan *scan, size_t number,
                struct err *err)
{
    int status = json_scan_tell(scan, reader->whole, err);

    (void)err_prefix(err, "record %zu, ", number); /* the status stays */
    return status;
}

/* What stands between the records of an array. Gives where the next record starts, the end of the
 * text once the array is closed, or NULL. */
static const char *step_in_array(struct json_records *reader, struct json_scan *scan,
                                 const char *at)
{
    at = json_scan_space(at, scan->end);
    if (at < scan->end && *at == ']') {
        at = json_scan_space(at + 1, scan->end);
        if (at < scan->end)
            return json_scan_wrong(scan, at, "nothing more behind the array of records");
        reader->state = ENDED;
        return at;
    }
    if (reader->state == ARRAY_OPENED) {
        if (at == scan->end || *at != '{')
            return json_scan_wrong(scan, at, "an object ('{') or ']'");
        return at;
    }
    if (at == scan->end || *at != ',')
        return json_scan_wrong(scan, at, "',' or ']' after a record");
    return json_scan_space(at + 1, scan->end);
}

static const char *step(struct json_records *reader, struct json_scan *scan)
{
    const char *at = json_scan_space(reader->rest.ptr, scan->end);

    if (reader->state == FRESH) {
        reader->state = at < scan->end && *at == '[' ? ARRAY_OPENED : IN_ROW;
        if (reader->state == ARRAY_OPENED) {
            at++;
            reader->rest = (struct str){at, (size_t)(scan->end - at)};
        }
    }
    if (reader->state != IN_ROW)
        return step_in_array(reader, scan, at);
    if (at == scan->end)
        reader->state = ENDED;
    return at;
}

/* `rest` does not move past a fault, so every later call meets it again. */
int json_records_next(struct json_records *reader, const char *const *names, size_t count,
                      struct str *out_record, struct str *out_values, struct err *err)
{
    struct json_picks picks = {names, count, out_values};

    if (reader->whole.ptr == NULL) {
        reader->rest = str_or_empty(reader->rest);
        reader->whole = reader->rest;
    }
    if (reader->state == ENDED)
        return 0;
    struct json_scan scan = {.end = reader->rest.ptr + reader->rest.len};
    bool has_given = reader->state == IN_ARRAY ||
                     (reader->state == IN_ROW && reader->rest.ptr != reader->whole.ptr);
    size_t index = has_given ? reader->index + 1 : 0;
    const char *start = step(reader, &scan);
    if (start != NULL && reader->state == ENDED) {
        reader->rest = (struct str){start, 0};
        return 0;
    }
    const char *end = start ? json_scan_object(&scan, start, &picks) : NULL;
    if (end == NULL)
        return tell(reader, &scan, index + 1, err);

    if (reader->state == ARRAY_OPENED)
        reader->state = IN_ARRAY;
    *out_record = (struct str){start, (size_t)(end - start)};
    reader->rest = (struct str){end, (size_t)(scan.end - end)};
    reader->index = index;
    return 1;
}
