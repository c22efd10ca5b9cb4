/* SPDX-License-Identifier: Apache-2.0 */
/* The rate limit of the simulated CA: orders per account, in some lives. The Issuers know it, so the CA must
 * never have to refuse but for orders that certroll cannot know of. */
#ifndef CERTROLL_TESTS_SIM_SIM_LIMITS_H
#define CERTROLL_TESTS_SIM_SIM_LIMITS_H

#include "json/json.h"
#include "sim/sim.h"

struct sim_bucket {
    int64_t full_at;
    int64_t spent_since; /* when it was full the last time; both in wall ns */
};

struct sim_limits {
    int64_t count;              /* 0: none in this life */
    int64_t each;               /* ns in which one comes back */
    struct sim_bucket *buckets; /* of each account */
    size_t accounts;
};
void sim_limits_init(struct sim_limits *l, struct sim *s);
void sim_limits_release(struct sim_limits *l);

/* spec.acme.limits of the Issuers, owned; NULL for none. */
json_t *sim_limits_spec(const struct sim_limits *l);
/* An order of that account. When it is one too many: the time at which the CA wants to be asked again, and a
 * failed run unless so many orders (unknown) of this period are known to nobody but the CA, or a clock jumped. */
int64_t sim_limits_order(struct sim_limits *l, struct sim *s, size_t account, unsigned unknown);

#endif
