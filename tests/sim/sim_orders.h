/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about orders at the CA and the Orders that have them. */
#ifndef CERTROLL_TESTS_SIM_SIM_ORDERS_H
#define CERTROLL_TESTS_SIM_SIM_ORDERS_H

#include "json/json.h"
#include "sim/sim.h"

struct env;

/* An Order is written: nobody else has its order. One that was lost and is found again is taken from nobody. */
void sim_orders_check_alone(struct sim *s, const json_t *order);
/* Does an Order that is not finished have the CA's order of this number? */
bool sim_orders_awaited(struct sim *s, size_t n);
/* How many are known to this process alone, as their URLs are not stored yet? */
unsigned sim_orders_in_memory(struct sim *s, const struct env *env);
/* At the end: the URL of each order was stored, but for what nobody could store. torn: Orders that were deleted before. */
void sim_orders_check_stored(struct sim *s, unsigned torn);

#endif
