/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process of certroll: the real reconcilers with caches fed by lagging streams, the real election,
 * and a clock of its own that may be wrong. It can be killed between two reconciles or in the middle of
 * one; what starts after that begins from lists and has nothing in memory.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_REPLICA_H
#define CERTROLL_TESTS_SIM_SIM_REPLICA_H

#include "base/buf.h"
#include "base/err.h"
#include "sim/sim.h"

struct sim_replica;

/* With elects it works only while it holds the lease, else always. */
struct sim_replica *sim_replica_new(struct sim *s, unsigned number, bool elects);
void sim_replica_free(struct sim_replica *r);
unsigned sim_replica_number(const struct sim_replica *r);

/* Kills it now, or, within a call, when that returns; it starts again after that time. */
void sim_replica_kill(struct sim_replica *r, int64_t down);
/* When it is down, it starts at once; its clock is right, and it stands still no longer. */
void sim_replica_come_back(struct sim_replica *r);
bool sim_replica_is_dying(const struct sim_replica *r);
unsigned sim_replica_deaths(const struct sim_replica *r);
/* Of orders: those that only a process knew that was killed. */
unsigned sim_replica_lost_urls(const struct sim_replica *r);

/* What the world does to it: its wall clock jumps to be wrong by skew; it does nothing at all until
 * then (wall ns), as on a machine that is suspended; none of its calls arrives until then. */
void sim_replica_skew(struct sim_replica *r, int64_t skew);
void sim_replica_freeze(struct sim_replica *r, int64_t until);
void sim_replica_cut_off(struct sim_replica *r, int64_t until);
int64_t sim_replica_frozen_until(const struct sim_replica *r);
bool sim_replica_is_cut_off(const struct sim_replica *r);

/* What a change of the world has to pass in production: ERR_CANCELLED without the lease. */
struct err *sim_replica_gate(const struct sim_replica *r) MUST_CHECK;
/* May it change the world now? */
bool sim_replica_may_write(const struct sim_replica *r);

/* Has it something to do, and may it? One reconcile, of a controller that has something to do. */
bool sim_replica_is_ready(const struct sim_replica *r);
void sim_replica_step(struct sim_replica *r);
int64_t sim_replica_next(struct sim_replica *r);
void sim_replica_happen(struct sim_replica *r);

/* When it renews the lease or tries to get it, SIM_NEVER when it does not; and that step. */
int64_t sim_replica_next_election(const struct sim_replica *r);
void sim_replica_elect(struct sim_replica *r);
/* A long time has passed in which nothing happened: as if who led at its begin had renewed the lease all
 * the time. */
void sim_replica_carry(struct sim_replica *r, bool leads);
/* Does it lead and nothing disturb it? */
bool sim_replica_leads_calmly(const struct sim_replica *r);

/* What it answers to GET http://host/path, as each replica does, leader or not: the HTTP status with the body of a 200; 0
 * when it is not there. */
int sim_replica_answer(const struct sim_replica *r, const char *host, const char *path,
                       struct buf *body);

/* Does it work, and has it seen everything there is to see? */
bool sim_replica_is_up_to_date(struct sim_replica *r);
/* Will that controller look at that key, now or at some time? */
bool sim_replica_plans(const struct sim_replica *r, const char *controller, const char *key);

#endif
