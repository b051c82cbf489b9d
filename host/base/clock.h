/* SPDX-License-Identifier: Apache-2.0
 * Time, replaceable in tests. [any] */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/str.h"

#include <stdint.h>

int64_t clock_wall_ms(void); /* Unix time in milliseconds; may step */
int64_t clock_mono_us(void); /* microseconds since some start; never steps */
/* What is due, leased or paused until then is told by this one: the wall clock as this process
 * first read it, carried on by a clock that never steps but goes on while the machine sleeps. It is
 * ahead of the wall or behind it after a step; clock_due_to_wall turns such a time into one to
 * show. */
int64_t clock_due_ms(void);
int64_t clock_due_to_wall(int64_t due_ms);
/* Sets it forward to `due_ms`, never back: the store has times of a former life whose wall clock
 * was set back since. Before the first such time is told. */
void clock_due_from(int64_t due_ms);
/* RFC 3339 in UTC with milliseconds, "2026-11-21T05:24:00.000Z"; out holds 25 bytes. Times
 * outside years 0 to 9999 show as the nearest inside. */
void clock_format(int64_t wall_ms, char out[25]);
/* RFC 3339 ("2026-11-21T05:24:00Z", offsets, fractions) or a date alone; 0 or -EINVAL. */
int clock_parse(struct str text, int64_t *out_wall_ms);
/* "Sun, 06 Nov 1994 08:49:37 GMT" and the two obsolete forms of RFC 9110 section 5.6.7; 0 or
 * -EINVAL. */
int clock_parse_http(struct str text, int64_t *out_wall_ms);
/* Durations as people write them: "500ms", "30s", "5m", "2h", "7d", a bare number is ms; never
 * negative. 0 or -EINVAL. */
int clock_parse_duration(struct str text, int64_t *out_ms);
/* A time as clock_parse has it, or how long ago: "2h" is two hours before now. 0 or -EINVAL. */
int clock_parse_past(struct str text, int64_t *out_wall_ms);
/* The same ahead: "90d" is that long from now, the end of year 9999 at most. */
int clock_parse_coming(struct str text, int64_t *out_wall_ms);
/* "100/s", "6000/m", "5/10s": so many (1 to a billion) per time (1 ms to 365 days). 0 or -EINVAL.
 */
int clock_parse_rate(struct str text, int64_t *out_amount, int64_t *out_per_ms);
/* Tests only: the clocks stand still at these values (the due clock at the wall's) until the next
 * call; (-1, -1) lets them run. */
void clock_freeze(int64_t wall_ms, int64_t mono_us);

#endif
