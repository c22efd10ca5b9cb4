/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_seeds.h"

#include "base/mem.h"

/*
 * A seed is a life only together with the simulator that draws it: when that changes, an old seed is a
 * life like any other. What a bug has taught is therefore written down here, and where it can be, a unit
 * test or a rule of sim_check.c holds it for good.
 */
const struct sim_named_seed sim_named_seeds[] = {
    {1, "the first life: an empty run would not go unnoticed"},
};
const size_t sim_named_seed_count = ARRAY_LEN(sim_named_seeds);
