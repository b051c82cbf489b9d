/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_options.h"

#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

enum { QUOTED_MAX = 60, COLUMNS = 6 };

static const char *const type_names[] = {
    [OPTION_TEXT] = "text",       [OPTION_INTEGER] = "integer", [OPTION_NUMBER] = "number",
    [OPTION_BOOLEAN] = "boolean", [OPTION_CHOICE] = "choice",   [OPTION_DURATION] = "duration",
    [OPTION_SIZE] = "size",       [OPTION_URL] = "url",         [OPTION_PATH] = "path",
};
enum { TYPE_COUNT = sizeof type_names / sizeof *type_names };

const char *option_type_name(enum option_type type)
{
    return type_names[type];
}

/* ---- values ---- */

static bool parse_boolean(struct str value, bool *out)
{
    static const char *const words[] = {"yes", "true", "on", "1", "no", "false", "off", "0"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (str_is(value, words[i])) {
            *out = i < 4;
            return true;
        }
    }
    return false;
}

static int size_unit(struct str unit)
{
    static const struct {
        const char *word;
        int shift;
    } units[] = {{"", 0},     {"B", 0},   {"K", 10},   {"KB", 10}, {"KiB", 10},
                 {"M", 20},   {"MB", 20}, {"MiB", 20}, {"G", 30},  {"GB", 30},
                 {"GiB", 30}, {"T", 40},  {"TB", 40},  {"TiB", 40}};

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (str_is(unit, units[i].word))
            return units[i].shift;
    return -1;
}

static int parse_size(struct str value, int64_t *out)
{
    size_t digits = 0;
    int64_t number;

    while (digits < value.len && value.ptr[digits] >= '0' && value.ptr[digits] <= '9')
        digits++;
    struct str unit = str_trim((struct str){value.ptr + digits, value.len - digits});
    int shift = size_unit(unit);
    if (digits == 0 || shift < 0)
        return -EINVAL;
    int status = str_to_i64((struct str){value.ptr, digits}, &number);
    if (status < 0)
        return status;
    if (number > INT64_MAX >> shift)
        return -ERANGE;
    *out = number << shift;
    return 0;
}

/* A value of the four measured types. 0, -EINVAL or -ERANGE. */
static int parse_measure(enum option_type type, struct str value, struct option_value *out)
{
    int status = 0;

    if (type == OPTION_NUMBER) {
        status = str_to_double(value, &out->real);
        if (status == 0 && !isfinite(out->real))
            return -ERANGE;
        /* Kept inside int64: the conversion of anything larger is undefined. */
        if (status == 0)
            out->integer = fabs(out->real) < 9.0e18 ? (int64_t)out->real : 0;
        return status;
    }
    if (type == OPTION_INTEGER)
        status = str_to_i64(value, &out->integer);
    else if (type == OPTION_DURATION)
        status = clock_parse_duration(value, &out->integer);
    else
        status = parse_size(value, &out->integer);
    if (status == 0)
        out->real = (double)out->integer;
    return status;
}

static bool is_measured(enum option_type type)
{
    return type == OPTION_INTEGER || type == OPTION_NUMBER || type == OPTION_DURATION ||
           type == OPTION_SIZE;
}

/* ---- ranges ---- */

/* Splits "LOW..HIGH"; an end may be empty. */
static bool range_split(struct str range, struct str *out_low, struct str *out_high)
{
    for (size_t i = 0; i + 1 < range.len; i++) {
        if (range.ptr[i] != '.' || range.ptr[i + 1] != '.')
            continue;
        *out_low = (struct str){range.ptr, i};
        *out_high = (struct str){range.ptr + i + 2, range.len - i - 2};
        return true;
    }
    return false;
}

static bool is_below(enum option_type type, const struct option_value *a,
                     const struct option_value *b)
{
    return type == OPTION_NUMBER ? a->real < b->real : a->integer < b->integer;
}

static bool range_holds(const struct option *option, const struct option_value *value)
{
    struct option_value end = {0};
    struct str low;
    struct str high;

    if (!range_split(option->range, &low, &high))
        return true;
    if (low.len > 0 && parse_measure(option->type, low, &end) == 0 &&
        is_below(option->type, value, &end))
        return false;
    if (high.len > 0 && parse_measure(option->type, high, &end) == 0 &&
        is_below(option->type, &end, value))
        return false;
    return true;
}

/* " (1 to 100)", " (at least 1)" or nothing. */
static void range_words(const struct option *option, char *out, size_t size)
{
    struct str low;
    struct str high;

    *out = '\0';
    if (option->range.len == 0 || !range_split(option->range, &low, &high))
        return;
    if (low.len > 0 && high.len > 0)
        (void)snprintf(out, size, " (%.*s to %.*s)", STR_ARG(low), STR_ARG(high));
    else if (low.len > 0)
        (void)snprintf(out, size, " (at least %.*s)", STR_ARG(low));
    else if (high.len > 0)
        (void)snprintf(out, size, " (at most %.*s)", STR_ARG(high));
}

static size_t range_choices(struct str range, struct str *out, size_t max)
{
    struct str word;
    size_t count = 0;

    while (count < max && str_next(&range, ',', &word))
        out[count++] = word;
    return count;
}

static int range_check(const struct option *option, struct err *err)
{
    struct str choices[OPTION_CHOICES_MAX + 1];
    struct option_value low_value = {0};
    struct option_value high_value = {0};
    struct str low;
    struct str high;

    if (option->type == OPTION_CHOICE) {
        size_t count = range_choices(option->range, choices, OPTION_CHOICES_MAX + 1);
        for (size_t i = 0; i < count; i++)
            if (choices[i].len == 0 || choices[i].len > OPTION_NAME_MAX)
                return err_set(err, E_SYNTAX, "a choice has 1 to %d characters", OPTION_NAME_MAX);
        if (count == 0 || count > OPTION_CHOICES_MAX)
            return err_set(err, E_SYNTAX,
                           "a choice needs 1 to %d words in its range, separated by commas",
                           OPTION_CHOICES_MAX);
        return 0;
    }
    if (option->range.len == 0)
        return 0;
    if (!is_measured(option->type))
        return err_set(err, E_SYNTAX, "type %s takes no range, '%.*s' came",
                       option_type_name(option->type), STR_ARG(option->range));
    if (!range_split(option->range, &low, &high) || (low.len == 0 && high.len == 0) ||
        (low.len > 0 && parse_measure(option->type, low, &low_value) < 0) ||
        (high.len > 0 && parse_measure(option->type, high, &high_value) < 0) ||
        (low.len > 0 && high.len > 0 && is_below(option->type, &high_value, &low_value)))
        return err_set(err, E_SYNTAX, "range '%.*s' is not LOW..HIGH of type %s",
                       STR_ARG(option->range), option_type_name(option->type));
    return 0;
}

/* ---- what is wrong with a value ---- */

struct quoted {
    char text[QUOTED_MAX + 8];
};

/* 'value', cut when long; a secret's value is only called "the value". */
static struct quoted quote(const struct option *option, struct str value)
{
    struct quoted quoted;
    size_t len = value.len;

    if (option->is_secret) {
        (void)snprintf(quoted.text, sizeof quoted.text, "the value");
        return quoted;
    }
    if (len > QUOTED_MAX) {
        len = QUOTED_MAX;
        while (len > 0 && ((unsigned char)value.ptr[len] & 0xc0) == 0x80)
            len--;
    }
    (void)snprintf(quoted.text, sizeof quoted.text, "'%.*s%s'", (int)len,
                   value.ptr ? value.ptr : "", len < value.len ? "..." : "");
    for (char *c = quoted.text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    return quoted;
}

static int wrong_choice(const struct option *option, struct str value, struct err *err)
{
    struct str choices[OPTION_CHOICES_MAX];
    char words[OPTION_CHOICES_MAX][OPTION_NAME_MAX + 1];
    const char *names[OPTION_CHOICES_MAX];
    struct quoted quoted = quote(option, value);
    char given[QUOTED_MAX + 1];
    size_t count = range_choices(option->range, choices, OPTION_CHOICES_MAX);

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(words[i], sizeof words[i], "%.*s", STR_ARG(choices[i]));
        names[i] = words[i];
    }
    (void)snprintf(given, sizeof given, "%.*s", STR_ARG(value));
    const char *near = str_nearest(given, names, count);
    (void)err_set(err, -EINVAL, "%s is not one of %.*s", quoted.text, STR_ARG(option->range));
    if (near != NULL && err != NULL) {
        size_t used = strlen(err->text);
        (void)snprintf(err->text + used, sizeof err->text - used, "; did you mean '%s'?", near);
    }
    return -EINVAL;
}

static int wrong_measure(const struct option *option, struct str value, int status, struct err *err)
{
    static const char *const expected[] = {
        [OPTION_INTEGER] = "a number",
        [OPTION_NUMBER] = "a number",
        [OPTION_DURATION] = "a duration such as 500ms, 30s, 5m, 2h",
        [OPTION_SIZE] = "a size such as 512, 64KB, 16MB",
    };
    struct quoted quoted = quote(option, value);
    char range[120];

    range_words(option, range, sizeof range);
    if (status == -ERANGE)
        return err_set(err, status, "%s is out of range%s", quoted.text, range);
    if (option->type == OPTION_INTEGER && range[0] == '\0')
        return err_set(err, status, "%s is not a whole number", quoted.text);
    return err_set(err, status, "%s is not %s%s", quoted.text, expected[option->type], range);
}

static bool has_blank(struct str value)
{
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.ptr[i] <= ' ' || value.ptr[i] == 0x7f)
            return true;
    return false;
}

static int check_url(const struct option *option, struct str value, struct err *err)
{
    struct quoted quoted = quote(option, value);
    size_t scheme = str_starts_with(value, "https://")  ? 8
                    : str_starts_with(value, "http://") ? 7
                                                        : 0;
    size_t end = scheme;

    if (scheme == 0)
        return err_set(err, -EINVAL, "%s is not a URL that begins with http:// or https://",
                       quoted.text);
    while (end < value.len && strchr("/?#", value.ptr[end]) == NULL)
        end++;
    struct str authority = {value.ptr + scheme, end - scheme};
    if (authority.len == 0 || authority.ptr[0] == ':')
        return err_set(err, -EINVAL, "%s names no host behind its scheme", quoted.text);
    if (has_blank(value))
        return err_set(err, -EINVAL, "%s has white space or control characters in it", quoted.text);
    /* Not quoted: what stands before the @ is a password. */
    if (memchr(authority.ptr, '@', authority.len) != NULL)
        return err_set(
            err, -EINVAL,
            "a URL must not carry a user or password (name:password@host): put them into [auth]");
    return 0;
}

static int check_path(const struct option *option, struct str value, struct err *err)
{
    if (value.ptr[0] == '/' && value.len < 4096)
        return 0;
    return err_set(err, -EINVAL,
                   "%s is not an absolute path (it begins with '/', below 4096 characters)",
                   quote(option, value).text);
}

int option_parse(const struct option *option, struct str value, struct option_value *out,
                 struct err *err)
{
    struct str choices[OPTION_CHOICES_MAX];
    struct option_value parsed = {0};

    if (value.len == 0) {
        *out = parsed;
        if (option->is_required || is_measured(option->type) || option->type == OPTION_BOOLEAN)
            return err_set(err, -EINVAL, "no value; expected %s", option_type_name(option->type));
        return 0;
    }
    int status = 0;
    if (is_measured(option->type)) {
        status = parse_measure(option->type, value, &parsed);
        if (status == 0 && !range_holds(option, &parsed))
            status = -ERANGE;
        if (status < 0)
            return wrong_measure(option, value, status, err);
    } else if (option->type == OPTION_BOOLEAN) {
        if (!parse_boolean(value, &parsed.is_true))
            return err_set(err, -EINVAL, "%s is not yes or no", quote(option, value).text);
        parsed.integer = parsed.is_true;
    } else if (option->type == OPTION_CHOICE) {
        size_t count = range_choices(option->range, choices, OPTION_CHOICES_MAX);
        size_t i = 0;
        while (i < count && !str_equals(choices[i], value))
            i++;
        if (i == count)
            return wrong_choice(option, value, err);
        parsed.integer = (int64_t)i;
    } else if (option->type == OPTION_URL) {
        status = check_url(option, value, err);
    } else if (option->type == OPTION_PATH) {
        status = check_path(option, value, err);
    }
    if (status == 0)
        *out = parsed;
    return status;
}

int option_check(const struct option *option, struct str value, struct err *err)
{
    struct option_value ignored;

    return option_parse(option, value, &ignored, err);
}

/* ---- rows ---- */

bool option_is_name(struct str name)
{
    if (name.len == 0 || name.len > OPTION_NAME_MAX || name.ptr[0] < 'a' || name.ptr[0] > 'z')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return true;
}

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return true;
    return false;
}

static int parse_flags(struct str flags, struct option *option, struct err *err)
{
    struct str rest = flags;
    struct str flag;

    while (str_next(&rest, ',', &flag)) {
        if (str_is(flag, "required"))
            option->is_required = true;
        else if (str_is(flag, "secret"))
            option->is_secret = true;
        else
            return err_set(err, E_SYNTAX, "flag '%.*s' is not 'required' or 'secret'",
                           STR_ARG(flag));
    }
    return 0;
}

static int parse_type(struct str word, enum option_type *out, struct err *err)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (str_is(word, type_names[i])) {
            *out = (enum option_type)i;
            return 0;
        }
    }
    return err_set(
        err, E_SYNTAX,
        "type '%.*s' is not text, integer, number, boolean, choice, duration, size, url or path",
        STR_ARG(word));
}

/* An empty default is "" or 0, whatever the range says. */
static int check_fallback(const struct option *option, struct err *err)
{
    if (option->is_required || option->fallback.len == 0)
        return 0;
    if (option_check(option, option->fallback, err) < 0) {
        (void)err_prefix(err, "the default: "); /* without err it has no status to give back */
        return E_SYNTAX;
    }
    return 0;
}

static int parse_row(struct str line, struct option *out, struct err *err)
{
    struct str columns[COLUMNS] = {STR_NONE};
    struct option option = {0};
    size_t count = 0;
    size_t start = 0;

    if (!str_is_utf8(line))
        return err_set(err, E_SYNTAX, "not valid UTF-8");
    for (size_t i = 0; i <= line.len; i++) {
        if (i < line.len && line.ptr[i] != '\t')
            continue;
        if (count < COLUMNS)
            columns[count] = (struct str){line.ptr + start, i - start};
        count++;
        start = i + 1;
    }
    if (count != COLUMNS)
        return err_set(
            err, E_SYNTAX,
            "expected %d columns separated by tabs (name, type, range, default, flags, help), "
            "%zu came",
            COLUMNS, count);
    if (!option_is_name(columns[0]))
        return err_set(err, E_SYNTAX,
                       "name '%.*s' is not 1 to %d of a-z 0-9 _ - with a letter first",
                       (int)(columns[0].len > QUOTED_MAX ? QUOTED_MAX : columns[0].len),
                       columns[0].ptr, OPTION_NAME_MAX);
    for (size_t i = 1; i < COLUMNS; i++)
        if (has_control(columns[i]))
            return err_set(err, E_SYNTAX, "option '%.*s' has control characters in it",
                           STR_ARG(columns[0]));
    option.name = columns[0];
    option.range = columns[2];
    option.fallback = columns[3];
    option.help = columns[5];
    if (parse_type(columns[1], &option.type, err) < 0 ||
        parse_flags(columns[4], &option, err) < 0 || range_check(&option, err) < 0 ||
        check_fallback(&option, err) < 0) {
        (void)err_prefix(err, "option '%.*s': ", STR_ARG(option.name)); /* the status is ours */
        return E_SYNTAX;
    }
    *out = option;
    return 1;
}

int option_next(struct str *rest, struct option *out, struct err *err)
{
    if (rest->len == 0)
        return 0;
    const char *end = memchr(rest->ptr, '\n', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
    struct str line = {rest->ptr, len};
    size_t used = end != NULL ? len + 1 : len;
    rest->ptr += used;
    rest->len -= used;
    if (end == NULL)
        return err_set(err, E_SYNTAX, "the last option row does not end with a newline");
    return parse_row(line, out, err);
}

int option_rows_check(struct str rows, struct err *err)
{
    struct str names[OPTION_ROWS_MAX];
    struct option option;
    size_t count = 0;
    int status;

    while ((status = option_next(&rows, &option, err)) > 0) {
        if (count == OPTION_ROWS_MAX)
            return err_set(err, E_SYNTAX, "more than %d options", OPTION_ROWS_MAX);
        for (size_t i = 0; i < count; i++)
            if (str_equals(names[i], option.name))
                return err_set(err, E_SYNTAX, "option '%.*s' stands there twice",
                               STR_ARG(option.name));
        names[count++] = option.name;
    }
    return status;
}

bool option_find(struct str rows, struct str name, struct option *out)
{
    struct option option;
    int status;

    while ((status = option_next(&rows, &option, NULL)) != 0) {
        if (status > 0 && str_equals(option.name, name)) {
            *out = option;
            return true;
        }
    }
    return false;
}
