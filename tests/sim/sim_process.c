/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_process.h"

#include <stdlib.h>

#include "base/mem.h"

#define REPLICAS_MAX 2
#define SKEW_MAX (10 * NS_PER_MIN)
#define FROZEN_MAX NS_PER_MIN
#define CUT_OFF_MAX (2 * NS_PER_MIN)
/* A shorter time passes with each step of the election, a longer one without. */
#define STEPPED_MAX (5 * NS_PER_SEC)

struct sim_process {
    struct sim *sim;
    struct sim_replica *replicas[REPLICAS_MAX];
    unsigned count;
    bool skews; /* clocks go wrong in this life */
    int64_t greatest_skew;
    int64_t jumped_at; /* wall ns, the last time */
};

struct sim_process *sim_process_new(struct sim *s)
{
    struct sim_process *p = x_calloc(1, sizeof(*p));
    p->sim = s;
    p->count = sim_chance(s, 250) ? 2 : 1;
    p->skews = sim_chance(s, 200);
    for (unsigned i = 0; i < p->count; i++)
        p->replicas[i] = sim_replica_new(s, i, p->count > 1);
    return p;
}

void sim_process_free(struct sim_process *p)
{
    for (unsigned i = 0; i < p->count; i++)
        sim_replica_free(p->replicas[i]);
    free(p);
}

void sim_process_kill(struct sim_process *p, int64_t down)
{
    for (unsigned i = 0; i < p->count; i++)
        sim_replica_kill(p->replicas[i], down);
}

void sim_process_come_back(struct sim_process *p)
{
    for (unsigned i = 0; i < p->count; i++)
        sim_replica_come_back(p->replicas[i]);
    p->jumped_at = sim_now(p->sim); /* to be right again */
}

unsigned sim_process_deaths(const struct sim_process *p)
{
    unsigned deaths = 0;
    for (unsigned i = 0; i < p->count; i++)
        deaths += sim_replica_deaths(p->replicas[i]);
    return deaths;
}

unsigned sim_process_lost_urls(const struct sim_process *p)
{
    unsigned urls = 0;
    for (unsigned i = 0; i < p->count; i++)
        urls += sim_replica_lost_urls(p->replicas[i]);
    return urls;
}

int64_t sim_process_greatest_skew(const struct sim_process *p)
{
    return p->greatest_skew;
}

bool sim_process_clock_held(const struct sim_process *p, int64_t since)
{
    return p->greatest_skew == 0 || (p->count == 1 && p->jumped_at < since);
}

struct sim_replica *sim_process_replica(const struct sim_process *p, unsigned n)
{
    return n < p->count ? p->replicas[n] : NULL;
}

const struct sim_replica *sim_process_rival(const struct sim_process *p,
                                            const struct sim_replica *r)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->replicas[i] != r && sim_replica_may_write(p->replicas[i]))
            return p->replicas[i];
    return NULL;
}

/* ---- working ---- */

bool sim_process_step(struct sim_process *p)
{
    struct sim_replica *ready[REPLICAS_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < p->count; i++)
        if (sim_replica_is_ready(p->replicas[i]))
            ready[n++] = p->replicas[i];
    if (n == 0)
        return false;
    sim_replica_step(ready[n > 1 ? sim_pick(p->sim, n) : 0]);
    return true;
}

int64_t sim_process_next(struct sim_process *p)
{
    int64_t next = SIM_NEVER;
    for (unsigned i = 0; i < p->count; i++) {
        int64_t at = sim_replica_next(p->replicas[i]);
        next = at < next ? at : next;
    }
    return next;
}

/* ---- what befalls replicas ---- */

static void disturb(struct sim_process *p)
{
    struct sim *s = p->sim;
    struct sim_replica *r = p->replicas[sim_pick(s, p->count)];
    if (p->skews && sim_chance(s, 500)) {
        int64_t skew = rng_between(&s->dice.rng, -SKEW_MAX, SKEW_MAX);
        int64_t size = skew < 0 ? -skew : skew;
        p->greatest_skew = size > p->greatest_skew ? size : p->greatest_skew;
        p->jumped_at = sim_now(s);
        sim_replica_skew(r, skew);
    } else if (p->count > 1 && sim_chance(s, 500)) {
        sim_replica_freeze(r, sim_now(s) + sim_delay(s, FROZEN_MAX));
    } else if (p->count > 1) {
        sim_replica_cut_off(r, sim_now(s) + sim_delay(s, CUT_OFF_MAX));
    }
}

void sim_process_happen(struct sim_process *p)
{
    if ((p->count > 1 || p->skews) && !p->sim->calm && sim_chance(p->sim, 5))
        disturb(p);
    for (unsigned i = 0; i < p->count; i++)
        sim_replica_happen(p->replicas[i]);
}

/* ---- time ---- */

static struct sim_replica *next_to_elect(const struct sim_process *p, int64_t *ret_at)
{
    struct sim_replica *first = NULL;
    *ret_at = SIM_NEVER;
    for (unsigned i = 0; i < p->count; i++) {
        int64_t at = sim_replica_next_election(p->replicas[i]);
        first = at < *ret_at ? p->replicas[i] : first;
        *ret_at = at < *ret_at ? at : *ret_at;
    }
    return first;
}

static void move_to(struct sim *s, int64_t until)
{
    if (until > sim_now(s))
        clock_manual_advance(&s->clock, until - sim_now(s));
}

/* Whoever leads goes on to do so, and nothing is being decided. */
static bool is_settled(const struct sim_process *p)
{
    for (unsigned i = 0; i < p->count; i++)
        if (sim_replica_leads_calmly(p->replicas[i]))
            return true;
    return p->count == 1;
}

void sim_process_wait(struct sim_process *p, int64_t until, bool idle)
{
    struct sim *s = p->sim;
    if (idle && until - sim_now(s) > STEPPED_MAX && is_settled(p)) {
        bool leads[REPLICAS_MAX] = {false};
        for (unsigned i = 0; i < p->count; i++)
            leads[i] = sim_replica_leads_calmly(p->replicas[i]);
        move_to(s, until);
        for (unsigned i = 0; i < p->count; i++)
            sim_replica_carry(p->replicas[i], leads[i]);
        return;
    }
    int64_t at;
    struct sim_replica *r = next_to_elect(p, &at);
    /* Idle: one step may change everything, and whoever waits looks again. */
    for (bool more = true; r != NULL && at <= until && more && !sim_failed(s); more = !idle) {
        move_to(s, at);
        sim_replica_elect(r);
        r = next_to_elect(p, &at);
        if (idle)
            return;
    }
    move_to(s, until);
}

void sim_process_stand_still(struct sim_process *p, const struct sim_replica *r)
{
    struct sim *s = p->sim;
    while (sim_now(s) < sim_replica_frozen_until(r) && !sim_failed(s)) {
        sim_happen(s);
        if (sim_process_step(p))
            continue;
        int64_t next = sim_next(s), until = sim_replica_frozen_until(r);
        next = next < until ? next : until;
        sim_process_wait(p, next > sim_now(s) ? next : sim_now(s) + NS_PER_MS, true);
    }
}
