/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "base/mem.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    if (clock_gettime(id, &ts) != 0)
        x_abort("clock_gettime failed");
    return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static int64_t system_wall(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_BOOTTIME);
}

const struct clock *clock_system(void)
{
    static const struct clock system_clock = {.wall = system_wall, .mono = system_mono};
    return &system_clock;
}

int64_t clock_wall(const struct clock *c)
{
    return c->wall(c->ctx);
}

int64_t clock_mono(const struct clock *c)
{
    return c->mono(c->ctx);
}

static int64_t manual_wall(void *ctx)
{
    struct clock_manual *c = ctx;
    return atomic_load(&c->wall_ns);
}

static int64_t manual_mono(void *ctx)
{
    struct clock_manual *c = ctx;
    return atomic_load(&c->mono_ns);
}

void clock_manual_init(struct clock_manual *c, int64_t wall_ns)
{
    c->clock = (struct clock){.wall = manual_wall, .mono = manual_mono, .ctx = c};
    atomic_init(&c->wall_ns, wall_ns);
    atomic_init(&c->mono_ns, NS_PER_HOUR);
}

void clock_manual_advance(struct clock_manual *c, int64_t ns)
{
    atomic_fetch_add(&c->wall_ns, ns);
    atomic_fetch_add(&c->mono_ns, ns);
}

void cond_init_mono(pthread_cond_t *cond)
{
    if (pthread_cond_init(cond, NULL) != 0)
        x_abort("pthread_cond_init failed");
}

/*
 * glibc waits on CLOCK_MONOTONIC or CLOCK_REALTIME only. Monotonic time stands still while the
 * machine sleeps, so the distance to the deadline is measured on BOOTTIME and put onto it.
 */
bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t mono_deadline)
{
    for (;;) {
        int64_t now = read_clock(CLOCK_BOOTTIME);
        if (mono_deadline <= now)
            return false;
        int64_t until;
        if (__builtin_add_overflow(read_clock(CLOCK_MONOTONIC), mono_deadline - now, &until))
            until = INT64_MAX;
        struct timespec ts = {.tv_sec = until / NS_PER_SEC, .tv_nsec = until % NS_PER_SEC};
        int rc = pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, &ts);
        if (rc == 0)
            return true;
        if (rc != ETIMEDOUT)
            x_abort("pthread_cond_clockwait failed");
    }
}
