/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certroll itself: the real reconcilers with caches fed by lagging streams. It can be killed between
 * two reconciles or in the middle of one; a new one starts from lists and has nothing in memory.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_PROCESS_H
#define CERTROLL_TESTS_SIM_SIM_PROCESS_H

#include "sim/sim.h"

struct sim_process *sim_process_new(struct sim *s);
void sim_process_free(struct sim_process *p);

/* Kills it now, within a reconcile as sim_process_die(); it starts again after that time. */
void sim_process_kill(struct sim_process *p, int64_t down);
/* When it is down, it starts at once. */
void sim_process_come_back(struct sim_process *p);
/* It is killed within a reconcile: no call gets through any more, and it is gone when that returns. */
void sim_process_die(struct sim_process *p);
bool sim_process_is_dying(const struct sim_process *p);
unsigned sim_process_deaths(const struct sim_process *p);

/* One reconcile, of a controller that has something to do; false when none has. */
bool sim_process_step(struct sim_process *p);
int64_t sim_process_next(struct sim_process *p);
void sim_process_happen(struct sim_process *p);

#endif
