/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CertificateRequests that people make by hand, in some wide lives: there is no Certificate behind them, their key is the
 * people's, and some name what a Certificate of the namespace names, too.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_REQUESTS_H
#define CERTROLL_TESTS_SIM_SIM_REQUESTS_H

#include "sim/sim_api.h"
#include "sim/sim_tenants.h"

/* By the seed alone, so that other lives are as they were. Whoever waits for a name is told by its Certificate. */
static inline bool sim_requests_are_made(const struct sim *s)
{
    return sim_is_wide(s) && s->seed % 11 == 5 && sim_tenants(s) == SIM_TENANTS_OFF;
}

/* Now and then people make one, or delete it. */
void sim_requests_happen(struct sim *s);
/* certroll has deleted that request: what people made is theirs. */
void sim_requests_check_gone(struct sim *s, const json_t *request);
/* What is not answered, or not as it was asked for: a sentence, owned; NULL when all is well. */
char *sim_requests_unfinished(struct sim *s);

#endif
