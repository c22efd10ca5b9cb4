/* SPDX-License-Identifier: Apache-2.0 */
/* The people: what they create, change, break and delete, one act after the other. */
#ifndef CERTROLL_TESTS_SIM_SIM_USER_H
#define CERTROLL_TESTS_SIM_SIM_USER_H

#include "sim/sim.h"

struct sim_user *sim_user_new(struct sim *s);
void sim_user_free(struct sim_user *u);
/* Issuers and the first Certificates. */
void sim_user_begin(struct sim_user *u);
bool sim_user_is_done(const struct sim_user *u);
int64_t sim_user_next(const struct sim_user *u);
void sim_user_happen(struct sim_user *u);

#endif
