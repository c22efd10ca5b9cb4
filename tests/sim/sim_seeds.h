/* SPDX-License-Identifier: Apache-2.0 */
/* Seeds that once failed, and what they found. */
#ifndef CERTROLL_TESTS_SIM_SIM_SEEDS_H
#define CERTROLL_TESTS_SIM_SIM_SEEDS_H

#include <stddef.h>
#include <stdint.h>

struct sim_named_seed {
    uint64_t seed;
    const char *found; /* for those who read the table */
};
extern const struct sim_named_seed sim_named_seeds[];
extern const size_t sim_named_seed_count;

#endif
