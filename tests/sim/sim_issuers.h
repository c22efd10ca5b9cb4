/* SPDX-License-Identifier: Apache-2.0 */
/* The issuers that people have made, and their choice among them. */
#ifndef CERTROLL_TESTS_SIM_SIM_ISSUERS_H
#define CERTROLL_TESTS_SIM_SIM_ISSUERS_H

#include "json/json.h"
#include "sim/sim.h"

/* What kind of life it is, by the seed alone, so that other lives are as they were: some Certificates have a preflight;
 * ACME issuers have another one that takes over; they have a hook that is called before orders. */
bool sim_issuers_stages(const struct sim *s);
bool sim_issuers_fail_over(const struct sim *s);
bool sim_issuers_prepare(const struct sim *s);

/* All of them, in each namespace and in the cluster. */
void sim_issuers_create(struct sim *s);
const char *sim_issuers_some_namespace(struct sim *s);
/* spec.issuerRef of a Certificate; owned. */
json_t *sim_issuers_some_ref(struct sim *s);

#endif
