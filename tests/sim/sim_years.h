/* SPDX-License-Identifier: Apache-2.0 */
/* Three years of renewals, in seconds: certificates of 45 and of 6 days. */
#ifndef CERTROLL_TESTS_SIM_SIM_YEARS_H
#define CERTROLL_TESTS_SIM_SIM_YEARS_H

#include "json/json.h"
#include "sim/sim.h"

/* Only in a life of years, after everything came to rest. Calls fail now and then, certroll is killed, the CA is away
 * for up to a day, and nobody does anything. */
void sim_years_see(struct sim *s);

/* certroll has written a Secret in these years: the certificate before was good, and it was time. */
void sim_years_check_secret(struct sim *s, const json_t *old, const json_t *now);

#endif
