/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an Issuer wants done before an order (spec.acme.prepare): a firewall that is opened for an Order, and
 * that has to be closed again whatever happens. A call does it, or a Job, which another one undoes or its own end.
 */
#ifndef CERTROLL_TESTS_SIM_SIM_HOOKS_H
#define CERTROLL_TESTS_SIM_SIM_HOOKS_H

#include "json/json.h"
#include "net/http.h"
#include "sim/sim.h"

#define SIM_HOOKS_HOST "hooks.test"
/* By the seed alone, in lives that have hooks. */
enum sim_hooks_by { SIM_HOOKS_BY_CALL, SIM_HOOKS_BY_JOBS, SIM_HOOKS_BY_ONE_JOB };
static inline enum sim_hooks_by sim_hooks_by(const struct sim *s)
{
    return sim_is_wide(s) ? (enum sim_hooks_by)(s->seed / 7 % 3) : SIM_HOOKS_BY_CALL;
}
#define SIM_HOOKS_NAMESPACES "red,blue" /* where they may run; issuers called acme have one */

struct sim_hooks *sim_hooks_new(struct sim *s);
void sim_hooks_free(struct sim_hooks *h);

/* spec.acme.prepare, owned. */
json_t *sim_hooks_spec(const struct sim *s);
/* Jobs end in their time. */
int64_t sim_hooks_next(struct sim_hooks *h);
void sim_hooks_happen(struct sim_hooks *h);

void sim_hooks_serve(struct sim_hooks *h, const struct http_request *req,
                     struct http_response *res);
/* certroll has told that it could not undo what it did for this Order. */
void sim_hooks_excuse(struct sim_hooks *h, const char *ns, const char *order);

/* A new version of an Order: its URL may be stored only once the hook is done, and it may say that it is undone only when
 * it is. old may be NULL. */
void sim_hooks_check_order(struct sim *s, const json_t *old, const json_t *now);
/* The CA was asked to act on that order of its: what was prepared is still there. */
void sim_hooks_check_used(struct sim *s, size_t order);
/* What is still open, owned; NULL when nothing is. */
char *sim_hooks_unfinished(const struct sim *s);

#endif
