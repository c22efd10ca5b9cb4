/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certroll as it is deployed: one replica, or two of which one holds the lease; and what befalls them.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_PROCESS_H
#define CERTROLL_TESTS_SIM_SIM_PROCESS_H

#include "sim/sim.h"
#include "sim/sim_replica.h"

struct sim_process *sim_process_new(struct sim *s);
void sim_process_free(struct sim_process *p);

/* Takes all replicas down for that time. */
void sim_process_kill(struct sim_process *p, int64_t down);
/* What is down starts at once, and nothing is wrong with any replica any more. */
void sim_process_come_back(struct sim_process *p);
unsigned sim_process_deaths(const struct sim_process *p);
unsigned sim_process_lost_urls(const struct sim_process *p);
/* Was a clock ever wrong, and by how much at most (ns)? */
int64_t sim_process_greatest_skew(const struct sim_process *p);
/* Has whoever worked since then (wall ns) gone by one clock that did not jump? */
bool sim_process_clock_held(const struct sim_process *p, int64_t since);

/* One reconcile, of a replica that has something to do; false when none has. */
bool sim_process_step(struct sim_process *p);
/* Without the election, which never rests. */
int64_t sim_process_next(struct sim_process *p);
void sim_process_happen(struct sim_process *p);
/* Lets time pass until then (wall ns); the lease is renewed meanwhile, as by a thread of its own. With
 * idle nothing else happens in that time: then a long one passes at once. */
void sim_process_wait(struct sim_process *p, int64_t until, bool idle);
/* Lets the world go on while this replica stands still in the middle of a call. */
void sim_process_stand_still(struct sim_process *p, const struct sim_replica *r);

/* Another replica than this that may change the world, or NULL. */
const struct sim_replica *sim_process_rival(const struct sim_process *p,
                                            const struct sim_replica *r);
/* The n-th replica, or NULL. */
struct sim_replica *sim_process_replica(const struct sim_process *p, unsigned n);

#endif
