/* SPDX-License-Identifier: Apache-2.0 */
/* When a CA is away for days: another one takes over, and gives back. */
#ifndef CERTROLL_TESTS_SIM_SIM_FAILOVER_H
#define CERTROLL_TESTS_SIM_SIM_FAILOVER_H

#include "json/json.h"
#include "sim/sim.h"

/* Only in a life whose issuers fail over, with no other faults. */
void sim_failover_see(struct sim *s);

/* A new CertificateRequest of ours: is there a reason when it is for the CA that takes over? */
void sim_failover_check_request(struct sim *s, const json_t *request);

/* May an order be given up wherever it stands? When its CA has been silent for so long that another one takes
 * over, nobody knows what became of it. */
bool sim_failover_gives_up(struct sim *s, const char *order_url);

#endif
