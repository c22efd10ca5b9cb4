/* SPDX-License-Identifier: Apache-2.0 */
/* How often each key is looked at: no hot loop, and hardly at all when everything rests. */
#ifndef CERTROLL_TESTS_SIM_SIM_PACE_H
#define CERTROLL_TESTS_SIM_SIM_PACE_H

#include "base/err.h"
#include "sim/sim.h"

struct sim_pace *sim_pace_new(void);
void sim_pace_free(struct sim_pace *p);

/* goes_on: who looked will look again when it failed. Who is killed, or leads no more, will not; another one looks at all
 * when its turn comes. */
void sim_pace_reconciled(struct sim *s, const char *controller, const char *key,
                         const struct err *err, bool goes_on);
/* Whose last look failed, owned; NULL for nobody's. The next one may be as far away as a back-off of 1000 s, and until then
 * also who may wait without end may say what is true no more. */
char *sim_pace_unfinished(struct sim *s);
/* From now on each key may be looked at but now and then. */
void sim_pace_rest(struct sim_pace *p);
/* Since the start. */
unsigned sim_pace_reconciles(const struct sim_pace *p);

#endif
