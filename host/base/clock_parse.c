/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "base/clock_days.h"

#include <errno.h>

struct moment {
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int64_t ms;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_digits(struct str *rest, size_t digits, int *out)
{
    int value = 0;

    if (rest->len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (!is_digit(rest->ptr[i]))
            return false;
        value = value * 10 + (rest->ptr[i] - '0');
    }
    rest->ptr += digits;
    rest->len -= digits;
    *out = value;
    return true;
}

static bool take_text(struct str *rest, const char *text)
{
    if (!str_starts_with(*rest, text))
        return false;
    rest->ptr += strlen(text);
    rest->len -= strlen(text);
    return true;
}

/* 1 to `count`, or 0 when none of the names comes next. */
static int take_name(struct str *rest, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (take_text(rest, names[i]))
            return i + 1;
    return 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* A leap second (60) becomes the second after it, as Unix time has it. */
static int finish_moment(const struct moment *when, int64_t *out_wall_ms)
{
    if (when->month < 1 || when->month > 12 || when->day < 1 ||
        when->day > days_in_month(when->year, when->month))
        return -EINVAL;
    if (when->hour > 23 || when->minute > 59 || when->second > 60)
        return -EINVAL;
    int64_t seconds = when->hour * INT64_C(3600) + when->minute * INT64_C(60) + when->second;
    *out_wall_ms = clock_days(when->year, when->month, when->day) * CLOCK_MS_PER_DAY +
                   seconds * 1000 + when->ms;
    return 0;
}

/* ".25" as milliseconds; digits beyond the third are cut off. */
static bool take_fraction(struct str *rest, int64_t *out_ms)
{
    int64_t ms = 0;
    int64_t weight = 100;

    if (!take_text(rest, "."))
        return true;
    if (rest->len == 0 || !is_digit(rest->ptr[0]))
        return false;
    while (rest->len > 0 && is_digit(rest->ptr[0])) {
        ms += (rest->ptr[0] - '0') * weight;
        weight /= 10;
        rest->ptr++;
        rest->len--;
    }
    *out_ms = ms;
    return true;
}

static bool take_offset(struct str *rest, int64_t *out_ms)
{
    int hours;
    int minutes;

    if (take_text(rest, "Z") || take_text(rest, "z")) {
        *out_ms = 0;
        return true;
    }
    bool is_behind = take_text(rest, "-");
    if (!is_behind && !take_text(rest, "+"))
        return false;
    if (!take_digits(rest, 2, &hours) || !take_text(rest, ":") || !take_digits(rest, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *out_ms = (hours * INT64_C(60) + minutes) * 60000 * (is_behind ? -1 : 1);
    return true;
}

static bool take_time(struct str *rest, struct moment *when)
{
    return take_digits(rest, 2, &when->hour) && take_text(rest, ":") &&
           take_digits(rest, 2, &when->minute) && take_text(rest, ":") &&
           take_digits(rest, 2, &when->second);
}

int clock_parse(struct str text, int64_t *out_wall_ms)
{
    struct str rest = str_trim(text);
    struct moment when = {0};
    int64_t offset_ms = 0;
    int64_t wall_ms;

    if (!take_digits(&rest, 4, &when.year) || !take_text(&rest, "-") ||
        !take_digits(&rest, 2, &when.month) || !take_text(&rest, "-") ||
        !take_digits(&rest, 2, &when.day))
        return -EINVAL;
    if (rest.len > 0) {
        if (!take_text(&rest, "T") && !take_text(&rest, "t") && !take_text(&rest, " "))
            return -EINVAL;
        if (!take_time(&rest, &when) || !take_fraction(&rest, &when.ms) ||
            !take_offset(&rest, &offset_ms))
            return -EINVAL;
    }
    if (rest.len > 0 || finish_moment(&when, &wall_ms) < 0)
        return -EINVAL;
    *out_wall_ms = wall_ms - offset_ms;
    return 0;
}

static const char *const weekdays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
static const char *const long_weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                            "Friday", "Saturday", "Sunday"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* "06 Nov 1994 08:49:37 GMT", what follows the weekday in the form everybody should send. */
static bool take_imf_date(struct str *rest, struct moment *when)
{
    return take_digits(rest, 2, &when->day) && take_text(rest, " ") &&
           (when->month = take_name(rest, months, 12)) != 0 && take_text(rest, " ") &&
           take_digits(rest, 4, &when->year) && take_text(rest, " ") && take_time(rest, when) &&
           take_text(rest, " GMT");
}

/* "06-Nov-94 08:49:37 GMT": a year that seems over 50 years ahead was in the century before. */
static bool take_rfc850_date(struct str *rest, struct moment *when)
{
    if (!take_digits(rest, 2, &when->day) || !take_text(rest, "-") ||
        (when->month = take_name(rest, months, 12)) == 0 || !take_text(rest, "-") ||
        !take_digits(rest, 2, &when->year) || !take_text(rest, " ") || !take_time(rest, when) ||
        !take_text(rest, " GMT"))
        return false;
    int this_year = (int)(1970 + clock_wall_ms() / (CLOCK_MS_PER_DAY * 1461 / 4));
    when->year += this_year / 100 * 100;
    if (when->year > this_year + 50)
        when->year -= 100;
    return true;
}

/* "Nov  6 08:49:37 1994", as asctime() writes it. */
static bool take_asctime_date(struct str *rest, struct moment *when)
{
    if ((when->month = take_name(rest, months, 12)) == 0 || !take_text(rest, " "))
        return false;
    size_t digits = take_text(rest, " ") ? 1 : 2;
    return take_digits(rest, digits, &when->day) && take_text(rest, " ") && take_time(rest, when) &&
           take_text(rest, " ") && take_digits(rest, 4, &when->year);
}

int clock_parse_http(struct str text, int64_t *out_wall_ms)
{
    struct str rest = str_trim(text);
    struct moment when = {0};
    bool is_read = false;

    /* The long names first: "Mon" is the beginning of "Monday". */
    if (take_name(&rest, long_weekdays, 7) != 0)
        is_read = take_text(&rest, ", ") && take_rfc850_date(&rest, &when);
    else if (take_name(&rest, weekdays, 7) != 0)
        is_read = take_text(&rest, ", ") ? take_imf_date(&rest, &when)
                                         : take_text(&rest, " ") && take_asctime_date(&rest, &when);
    if (!is_read || rest.len > 0)
        return -EINVAL;
    return finish_moment(&when, out_wall_ms);
}

int clock_parse_duration(struct str text, int64_t *out_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    struct str rest = str_trim(text);
    struct str digits = {rest.ptr, 0};
    int64_t number;
    int64_t ms;

    while (digits.len < rest.len && is_digit(rest.ptr[digits.len]))
        digits.len++;
    if (str_to_i64(digits, &number) < 0)
        return -EINVAL;
    struct str unit = str_trim((struct str){rest.ptr + digits.len, rest.len - digits.len});
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!str_is(unit, units[i].unit))
            continue;
        if (__builtin_mul_overflow(number, units[i].ms, &ms))
            return -EINVAL;
        *out_ms = ms;
        return 0;
    }
    return -EINVAL;
}

int clock_parse_past(struct str text, int64_t *out_wall_ms)
{
    int64_t ago_ms;

    if (clock_parse(text, out_wall_ms) == 0)
        return 0;
    if (clock_parse_duration(text, &ago_ms) < 0)
        return -EINVAL;
    *out_wall_ms = clock_wall_ms() - ago_ms;
    return 0;
}

int clock_parse_coming(struct str text, int64_t *out_wall_ms)
{
    int64_t now_ms = clock_wall_ms();
    int64_t in_ms;

    if (clock_parse(text, out_wall_ms) == 0)
        return 0;
    if (clock_parse_duration(text, &in_ms) < 0)
        return -EINVAL;
    *out_wall_ms = in_ms < CLOCK_WALL_MS_MAX - now_ms ? now_ms + in_ms : CLOCK_WALL_MS_MAX;
    return 0;
}

int clock_parse_rate(struct str text, int64_t *out_amount, int64_t *out_per_ms)
{
    const int64_t most_ms = 365 * CLOCK_MS_PER_DAY;
    struct str rest = str_trim(text);
    struct str digits = {rest.ptr, 0};
    struct str unit;
    char one[8] = "1";
    int64_t amount;
    int64_t per_ms;

    while (digits.len < rest.len && is_digit(rest.ptr[digits.len]))
        digits.len++;
    unit = str_trim((struct str){rest.ptr + digits.len, rest.len - digits.len});
    if (str_to_i64(digits, &amount) < 0 || unit.len < 2 || unit.ptr[0] != '/')
        return -EINVAL;
    unit = str_trim((struct str){unit.ptr + 1, unit.len - 1});
    if (unit.len == 0 || is_digit(unit.ptr[unit.len - 1])) /* a time without a unit is a slip */
        return -EINVAL;
    if (!is_digit(unit.ptr[0]) && unit.len < sizeof(one) - 1) { /* "/s" is "/1s" */
        memcpy(one + 1, unit.ptr, unit.len);
        unit = (struct str){one, unit.len + 1};
    }
    if (clock_parse_duration(unit, &per_ms) < 0)
        return -EINVAL;
    if (amount < 1 || amount > 1000000000 || per_ms < 1 || per_ms > most_ms)
        return -EINVAL;
    *out_amount = amount;
    *out_per_ms = per_ms;
    return 0;
}
