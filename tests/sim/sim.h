/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: the real reconcilers over a world that is made of one seed. One thread, no sockets;
 * everything random is drawn from the seed, so a run replays exactly. README.md tells what is what.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_H
#define CERTROLL_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rand.h"

struct sim_api;
struct sim_ca;
struct sim_check;
struct sim_cluster;
struct sim_edit;
struct sim_external;
struct sim_gateway;
struct sim_hooks;
struct sim_net;
struct sim_pace;
struct sim_process;
struct sim_tenancy;
struct sim_trace;
struct sim_user;
struct sim_zone;

/* How rich lives are: what happened in them. */
struct sim_counts {
    uint64_t lives;
    uint64_t calls, faults; /* of certroll; those that went wrong */
    uint64_t kills;         /* of a replica */
    uint64_t reconciles, writes;
    uint64_t orders; /* at the CA */
};
void sim_counts_add(struct sim_counts *to, const struct sim_counts *from);

/* One world. Its parts know each other only through it. */
struct sim {
    uint64_t seed;
    struct clock_manual clock;
    struct rng_seeded dice;   /* what the world does */
    struct rng_seeded jitter; /* what certroll draws */
    struct sim_trace *trace;
    struct sim_api *api;
    struct sim_cluster *cluster;
    struct sim_ca *ca;
    struct sim_external *external;
    struct sim_gateway *gateway;
    struct sim_hooks *hooks;
    struct sim_net *net;
    struct sim_user *user;
    struct sim_edit *edit;
    struct sim_zone *zone;
    struct sim_tenancy *tenancy;
    struct sim_check *check;
    struct sim_pace *pace;
    struct sim_process *process;
    bool in_years; /* a life of years is at its years of renewals; how many there were */
    unsigned renewals;
    bool calm; /* faults and users have stopped: from here on everything has to come right */
};

#define SIM_NEVER INT64_MAX

/* One life in two thousand lasts for years; most are over after days, for years of looking on the hour at
 * what is well cost a second. */
static inline bool sim_is_long(const struct sim *s)
{
    return s->seed % 2000 == 1500;
}

/* Half of the first twenty thousand lives and all that come after have more in them: tenants, Jobs, the Gateway API and
 * DNS-01. In blocks of a prime, so that whatever else goes by the seed meets both. */
static inline bool sim_is_wide(const struct sim *s)
{
    return s->seed > 20000 || s->seed / 17 % 2 == 1;
}

/* Wall time, ns. */
static inline int64_t sim_now(const struct sim *s)
{
    return clock_wall(&s->clock.clock);
}
/* True in that many of a thousand cases. */
bool sim_chance(struct sim *s, int permille);
/* Uniform in [0, n). */
unsigned sim_pick(struct sim *s, unsigned n);
/* A delay in [0, max], mostly short: a world in which everything is possible, and little usual. */
int64_t sim_delay(struct sim *s, int64_t max);

/* One line of the trace. */
void sim_note(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An invariant is broken: the run ends. The first one counts. */
void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool sim_failed(const struct sim *s);

/* Lets everything happen that is due now, but certroll's own work. */
void sim_happen(struct sim *s);
/* Wall time of the next thing that will happen by itself, SIM_NEVER when nothing will. */
int64_t sim_next(const struct sim *s);

/* Lets the world and certroll go on until then (wall ns), or until something fails. */
void sim_live(struct sim *s, int64_t until);
/* Without faults: until everything is as it should be, which may take two hours. */
void sim_converge(struct sim *s);

/* Runs one seed from an empty cluster to rest. False when it failed: then *ret_why is set, owned. Adds
 * what happened to *counts. */
bool sim_run(uint64_t seed, bool verbose, struct sim_counts *counts, char **ret_why);

#endif
