/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingresses of people's own, one in each namespace, into which certroll puts its paths in some lives
 * (http01.ingress.name), and which people edit, spoil, delete and put back meanwhile.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_EDIT_H
#define CERTROLL_TESTS_SIM_SIM_EDIT_H

#include "sim/sim_api.h"

#define SIM_EDIT_NAME "web"

/* Decided by the seed alone, so that other lives are as they were. */
static inline bool sim_edit_is_on(const struct sim *s)
{
    return s->seed % 5 == 1;
}

struct sim_edit *sim_edit_new(struct sim *s);
void sim_edit_free(struct sim_edit *e);
void sim_edit_begin(struct sim_edit *e);
/* One edit of one of them, where life has them. */
void sim_edit_happen(struct sim_edit *e);
/* Puts back what is deleted when it is time: people want their sites. Wall time of that, or SIM_NEVER. */
void sim_edit_put_back(struct sim_edit *e);
int64_t sim_edit_next(const struct sim_edit *e);
/* What is not as people left it, or is not theirs: a sentence, owned; NULL when all is well. */
char *sim_edit_fault(const struct sim_edit *e);

#endif
