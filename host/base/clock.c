/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "base/clock_days.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t frozen_wall_ms = -1;
static _Atomic int64_t frozen_mono_us = -1;

#define NO_OFFSET INT64_MIN
static _Atomic int64_t due_offset_ms = NO_OFFSET;

void clock_freeze(int64_t wall_ms, int64_t mono_us)
{
    atomic_store(&frozen_wall_ms, wall_ms);
    atomic_store(&frozen_mono_us, mono_us);
}

static int64_t read_us(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now); /* cannot fail with a clock that exists */
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    int64_t frozen = atomic_load_explicit(&frozen_wall_ms, memory_order_relaxed);

    return frozen >= 0 ? frozen : read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_us(void)
{
    int64_t frozen = atomic_load_explicit(&frozen_mono_us, memory_order_relaxed);

    return frozen >= 0 ? frozen : read_us(CLOCK_MONOTONIC);
}

static int64_t boot_ms(void)
{
    return read_us(CLOCK_BOOTTIME) / 1000;
}

/* What to add to the time since boot; the first look at it sets it, whichever thread's that is. */
static int64_t due_offset(void)
{
    int64_t offset = atomic_load(&due_offset_ms);

    if (offset != NO_OFFSET)
        return offset;
    int64_t mine = clock_wall_ms() - boot_ms();
    return atomic_compare_exchange_strong(&due_offset_ms, &offset, mine) ? mine : offset;
}

int64_t clock_due_ms(void)
{
    int64_t frozen = atomic_load_explicit(&frozen_wall_ms, memory_order_relaxed);

    return frozen >= 0 ? frozen : boot_ms() + due_offset();
}

int64_t clock_due_to_wall(int64_t due_ms)
{
    if (atomic_load_explicit(&frozen_wall_ms, memory_order_relaxed) >= 0)
        return due_ms;
    int64_t apart_us = read_us(CLOCK_REALTIME) - read_us(CLOCK_BOOTTIME);

    /* Rounded from microseconds: the same moment is told the same way each time. */
    return due_ms - due_offset() + (apart_us + 500) / 1000;
}

void clock_due_from(int64_t due_ms)
{
    if (atomic_load_explicit(&frozen_wall_ms, memory_order_relaxed) >= 0)
        return;
    int64_t offset = due_offset();
    int64_t wanted = due_ms - boot_ms();

    while (wanted > offset && !atomic_compare_exchange_weak(&due_offset_ms, &offset, wanted))
        continue;
}

/* The inverse of clock_days: the calendar is counted from 1 March of year 0, so that the leap day
 * is a year's last. */
static void date_of(int64_t days, int *out_year, int *out_month, int *out_day)
{
    int64_t shifted = days + CLOCK_DAYS_BEFORE_1970;
    int64_t era =
        (shifted >= 0 ? shifted : shifted - (CLOCK_DAYS_PER_ERA - 1)) / CLOCK_DAYS_PER_ERA;
    int64_t day_of_era = shifted - era * CLOCK_DAYS_PER_ERA;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                           day_of_era / (CLOCK_DAYS_PER_ERA - 1)) /
                          365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;

    *out_day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *out_month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *out_year = (int)(year_of_era + era * 400 + (*out_month <= 2 ? 1 : 0));
}

static char *put_digits(char *out, unsigned value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits;
}

void clock_format(int64_t wall_ms, char out[25])
{
    /* Four digits hold years 0 to 9999; what lies outside shows as the nearest time inside. */
    if (wall_ms < CLOCK_WALL_MS_MIN)
        wall_ms = CLOCK_WALL_MS_MIN;
    if (wall_ms > CLOCK_WALL_MS_MAX)
        wall_ms = CLOCK_WALL_MS_MAX;
    int64_t days = wall_ms / CLOCK_MS_PER_DAY - (wall_ms % CLOCK_MS_PER_DAY < 0 ? 1 : 0);
    unsigned ms = (unsigned)(wall_ms - days * CLOCK_MS_PER_DAY);
    int year;
    int month;
    int day;
    date_of(days, &year, &month, &day);

    char *at = put_digits(out, (unsigned)year, 4);
    *at++ = '-';
    at = put_digits(at, (unsigned)month, 2);
    *at++ = '-';
    at = put_digits(at, (unsigned)day, 2);
    *at++ = 'T';
    at = put_digits(at, ms / 3600000, 2);
    *at++ = ':';
    at = put_digits(at, ms / 60000 % 60, 2);
    *at++ = ':';
    at = put_digits(at, ms / 1000 % 60, 2);
    *at++ = '.';
    at = put_digits(at, ms % 1000, 3);
    *at++ = 'Z';
    *at = '\0';
}
