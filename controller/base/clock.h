/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time as a seam: production reads the kernel, tests and the simulator move it by hand.
 * All times are int64_t nanoseconds. "wall" is since the epoch (UTC); "mono" only ever grows and
 * counts sleep (CLOCK_BOOTTIME).
 */
#ifndef CERTROLL_BASE_CLOCK_H
#define CERTROLL_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_SEC INT64_C(1000000000)
#define NS_PER_MIN (60 * NS_PER_SEC)
#define NS_PER_HOUR (3600 * NS_PER_SEC)
#define NS_PER_DAY (24 * NS_PER_HOUR)

struct clock {
    int64_t (*wall)(void *ctx);
    int64_t (*mono)(void *ctx);
    void *ctx;
};

/* The kernel's clocks; static, thread-safe. */
const struct clock *clock_system(void);
/* What the clock says now, in ns. */
int64_t clock_wall(const struct clock *c);
int64_t clock_mono(const struct clock *c);

/* A clock that stands still until moved; thread-safe. Its mono time starts at one hour, so that 0
 * is never "now". */
struct clock_manual {
    struct clock clock;
    _Atomic int64_t wall_ns;
    _Atomic int64_t mono_ns;
};
void clock_manual_init(struct clock_manual *c, int64_t wall_ns);
/* Moves both times. */
void clock_manual_advance(struct clock_manual *c, int64_t ns);

/* A condition variable for cond_wait_until(). */
void cond_init_mono(pthread_cond_t *cond);
/* Waits until signalled (or woken for no reason: test the condition again) or the system's mono
 * clock reaches the deadline; false = time-out. Lock held. */
bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t mono_deadline);

#endif
