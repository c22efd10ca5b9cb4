/* SPDX-License-Identifier: Apache-2.0 */
/* The rule that nothing waits for nothing. */
#ifndef CERTROLL_TESTS_SIM_SIM_PENDING_H
#define CERTROLL_TESTS_SIM_SIM_PENDING_H

#include "sim/sim.h"

/* Whatever is not finished will be looked at at some time, or waits for something that is not finished
 * itself. Meant for a moment in which nothing is under way; looks now and then only, unless always. */
void sim_check_pending(struct sim *s, bool always);

#endif
