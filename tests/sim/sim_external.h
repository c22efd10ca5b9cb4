/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An external issuer and approver, as others run them beside certroll: it approves, denies and answers
 * the CertificateRequests that name an issuer of its group, step by step and late.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_EXTERNAL_H
#define CERTROLL_TESTS_SIM_SIM_EXTERNAL_H

#include "sim/sim.h"

#define SIM_EXTERNAL_GROUP "external.test"
/* Until it approves what is asked for, and as long again until it answers. */
#define SIM_EXTERNAL_LAG_MAX (2 * NS_PER_MIN)

struct sim_external *sim_external_new(struct sim *s);
void sim_external_free(struct sim_external *x);
/* Is a certificate of its own to be renewed by then (wall ns)? */
bool sim_external_renews(struct sim *s, int64_t by);
int64_t sim_external_next(struct sim_external *x);
void sim_external_happen(struct sim_external *x);

#endif
