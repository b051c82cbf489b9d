/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_merge.h"

#include "base/json.h"

#include <stdlib.h>

/* One of an object's members. Names are compared as they read, not as they are written. */
struct member {
    struct str written, value; /* the name as it stands in the text, without its quotes */
    struct str name;
    size_t place;
    bool is_used;
};

struct members {
    struct member *rows; /* by name, and of one name by place */
    size_t count;
    struct buf names; /* of those that have escapes */
};

static void members_finish(struct members *members)
{
    free(members->rows);
    buf_finish(&members->names);
}

static int compare_names(const struct member *a, const struct member *b)
{
    size_t common = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = common > 0 ? memcmp(a->name.ptr, b->name.ptr, common) : 0;

    return order != 0 ? order : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

static int compare(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;
    int order = compare_names(left, right);

    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

static size_t count_members(struct str object)
{
    struct str rest = object;
    struct str name;
    struct str value;
    size_t count = 0;

    while (json_next_member(&rest, &name, &value))
        count++;
    return count;
}

/* Names with escapes are written out behind each other, into room that does not move. */
static void read_name(struct members *members, struct member *row)
{
    const struct str quoted = {row->written.ptr - 1, row->written.len + 2};
    size_t start = members->names.len;

    row->name = row->written;
    if (row->written.len == 0 || memchr(row->written.ptr, '\\', row->written.len) == NULL)
        return;
    json_unquote(quoted, &members->names);
    row->name = (struct str){members->names.ptr + start, members->names.len - start};
}

/* Nothing when the value is no object. False: no memory. */
static bool read_members(struct str object, struct members *out)
{
    struct str rest = object;

    *out = (struct members){.count = 0};
    if (object.len == 0 || json_kind_of(object) != JSON_OBJECT)
        return true;
    size_t count = count_members(object);
    out->rows = calloc(count + 1, sizeof(*out->rows));
    /* What is unquoted is never longer than it was. */
    if (out->rows == NULL || !buf_reserve(&out->names, object.len))
        return false;
    for (; out->count < count; out->count++) {
        struct member *row = &out->rows[out->count];
        row->place = out->count;
        if (!json_next_member(&rest, &row->written, &row->value))
            break;
        read_name(out, row);
    }
    qsort(out->rows, out->count, sizeof(*out->rows), compare);
    return !out->names.failed;
}

static bool is_last(const struct members *members, size_t index)
{
    return index + 1 == members->count ||
           compare_names(&members->rows[index], &members->rows[index + 1]) != 0;
}

/* The last member of that name, or NULL. */
static struct member *find(const struct members *members, const struct member *like)
{
    size_t low = 0;
    size_t high = members->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_names(&members->rows[middle], like) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || compare_names(&members->rows[low - 1], like) != 0)
        return NULL;
    return &members->rows[low - 1];
}

static void put(struct buf *out, bool *is_first, const struct member *member)
{
    if (!*is_first)
        buf_putc(out, ',');
    *is_first = false;
    buf_putc(out, '"');
    buf_add_str(out, member->written);
    buf_puts(out, "\":");
}

static int by_place(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;

    return (left->place > right->place) - (left->place < right->place);
}

/* Only the last of each name, in the order they were written. */
static void keep_last(struct members *members)
{
    size_t kept = 0;

    for (size_t i = 0; i < members->count; i++)
        if (is_last(members, i))
            members->rows[kept++] = members->rows[i];
    members->count = kept;
}

static void put_merged(const struct members *target, struct members *patch, struct buf *out)
{
    bool is_first = true;

    buf_putc(out, '{');
    for (size_t i = 0; i < target->count; i++) {
        const struct member *old = &target->rows[i];
        struct member *new = find(patch, old);
        if (new != NULL)
            new->is_used = true;
        if (new != NULL && json_kind_of(new->value) == JSON_NULL)
            continue;
        put(out, &is_first, old);
        if (new != NULL)
            json_merge(old->value, new->value, out);
        else
            buf_add_str(out, old->value);
    }
    qsort(patch->rows, patch->count, sizeof(*patch->rows), by_place);
    for (size_t i = 0; i < patch->count; i++) {
        const struct member *new = &patch->rows[i];
        if (new->is_used || json_kind_of(new->value) == JSON_NULL)
            continue;
        put(out, &is_first, new);
        json_merge(STR_NONE, new->value, out);
    }
    buf_putc(out, '}');
}

void json_merge(struct str target, struct str patch, struct buf *out)
{
    struct members old;
    struct members new;

    if (json_kind_of(patch) != JSON_OBJECT) {
        buf_add_str(out, patch);
        return;
    }
    bool is_read = read_members(target, &old);
    is_read &= read_members(patch, &new);
    if (is_read) {
        keep_last(&old);
        keep_last(&new);
        if (old.count > 0)
            qsort(old.rows, old.count, sizeof(*old.rows), by_place);
        put_merged(&old, &new, out);
    } else {
        out->failed = true;
    }
    members_finish(&old);
    members_finish(&new);
}
