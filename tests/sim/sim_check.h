/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants: looked at with each write, and when everything should be at rest. */
#ifndef CERTROLL_TESTS_SIM_SIM_CHECK_H
#define CERTROLL_TESTS_SIM_SIM_CHECK_H

#include "sim/sim_api.h"

struct sim_check *sim_check_new(struct sim *s);
void sim_check_free(struct sim_check *c);

/* Each new version; old is NULL for a new object, now for one that is gone. */
void sim_check_write(struct sim *s, const struct sim_resource *res, const json_t *old,
                     const json_t *now, const struct sim_writer *writer);
/* A PUT that changed nothing. */
void sim_check_no_change(struct sim *s, const struct sim_object *o);
/* Was the URL of the CA's n-th order ever in the status of an Order? */
bool sim_check_order_is_stored(struct sim *s, size_t n);
/* The CA was asked to act on its n-th order. */
void sim_check_order_used(struct sim *s, size_t n);
/* A user changed what a Certificate is about: an attempt of before may be given up. */
void sim_check_disturbed(struct sim *s, const char *ns, const char *certificate);

/* certroll's own writes since the start. */
unsigned sim_check_writes(const struct sim_check *c);
/* From now on nothing may be written. */
void sim_check_rest(struct sim_check *c);

/* The earliest renewalTime of all Certificates (wall ns), SIM_NEVER without any. */
int64_t sim_check_next_renewal(struct sim *s);
/* The name of a Certificate whose status does not show yet that its CA would have it renewed in a window that begins
 * before then (wall ns); borrowed, NULL when there is none. */
const char *sim_check_unheard(struct sim *s, int64_t before);
/* What is not yet as it should be when all is done: a sentence, owned; NULL when all is well. */
char *sim_check_unfinished(struct sim *s);

#endif
