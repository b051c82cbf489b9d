/* SPDX-License-Identifier: Apache-2.0
 * The calendar arithmetic that clock.c and clock_parse.c share. */
#ifndef BASE_CLOCK_DAYS_H
#define BASE_CLOCK_DAYS_H

#include <stdint.h>

#define CLOCK_MS_PER_DAY INT64_C(86400000)
#define CLOCK_DAYS_PER_ERA INT64_C(146097)     /* 400 years */
#define CLOCK_DAYS_BEFORE_1970 INT64_C(719468) /* since 1 March of year 0 */
#define CLOCK_WALL_MS_MIN INT64_C(-62167219200000)
#define CLOCK_WALL_MS_MAX INT64_C(253402300799999)

/* Days since 1 January 1970 of a date in the Gregorian calendar, years from 0. */
static inline int64_t clock_days(int year, int month, int day)
{
    int64_t from_march = month > 2 ? month - 3 : month + 9;
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * CLOCK_DAYS_PER_ERA + day_of_era - CLOCK_DAYS_BEFORE_1970;
}

#endif
