/* SPDX-License-Identifier: Apache-2.0 */
/* Orders: one ACME order each, walked from newOrder to the certificate; steps in order.c. */
#ifndef CERTROLL_RECONCILERS_ORDER_H
#define CERTROLL_RECONCILERS_ORDER_H

#include "acme/order.h"
#include "http01/tier.h"
#include "pki/csr.h"
#include "pki/names.h"
#include "reconcilers/acme_chain.h"
#include "reconcilers/env.h"

struct err *order_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
    MUST_CHECK;

/* What tiers of an earlier process left behind is taken under the care of its Orders again. */
struct err *order_adopt_routes(const struct env *env) MUST_CHECK;

/* Where names lead, as order_solvers.c has found. */
struct order_found {
    struct strlist texts; /* what the items point to */
    struct order_alias *items;
};

/* What tiers keep for several Orders goes when none has needed it for as long as a solver lingers; wall ns of the next
 * look, 0 = none. */
struct err *order_sweep_routes(const struct env *env, int64_t *ret_next) MUST_CHECK;

/* Shared by order.c, order_challenges.c and order_routes.c. */
struct order_pass {
    const struct env *env;
    const struct order *order;
    const char *key; /* "ns/name" */
    int64_t now;
    struct acme_chain chain;
    struct object_list challenges; /* of this Order */
    struct order_status status;    /* under construction */
    char *owned[4];                /* strings of status that this pass made */
    struct order_found found;      /* what chain.aliases points into before the order is placed */
    const char *replaces;          /* borrowed; what newOrder names (RFC 9773 section 5), or NULL */
    struct acme_order_spec ask; /* what newOrder says, once it is checked; kept by the chain and */
    struct pki_csr csr;         /* these */
    struct acme_identifier *identifiers;
    int64_t next;
    bool stop;
};

/* The URL of the order that it has at the CA, in status or on the way there; owned, NULL for none. */
char *order_url(const struct env *env, const struct order *o);
bool order_is_placed(const struct env *env, const struct order *o);
/* The state of a Challenge: its status, or what its reconcile knows beyond that; "pending" at first. */
const char *challenge_state(const struct env *env, const struct challenge *c);
/* Did certroll make the Challenge, for one of the names that are ordered (the CSR's)? Whoever may create Challenges
 * can write an Order's uid into one. */
bool order_made(const struct order *o, const struct pki_names *ordered, const struct challenge *c);
/* Did the Order's pass that made this Challenge read its authorization, with this name, URL and token? Told once. */
bool order_has_read(const struct env *env, const struct challenge_spec *spec);

/* What is ordered: from the request's CSR, not from the Order's fields. Borrowed from names; out has room for all and
 * one more. Returns how many. */
size_t order_identifiers(const struct pki_names *names, struct acme_identifier *out);
/* The same of a spec.request: DNS names and IP addresses, added to a list. ERR_INVALID when its CSR cannot be read. */
struct err *order_names(const char *request, struct strlist *ret_names) MUST_CHECK;
/* To the status under construction: the namespace was judged by the issuer of this pass. */
void order_note_judged(struct order_pass *p);
/* The profile to name, NULL for none; borrowed from the issuer or the request. ERR_INVALID for one that the CA does not
 * list. */
struct err *order_profile(const struct order_pass *p, const struct acme_directory *d,
                          const char **ret_profile) MUST_CHECK;

struct err *ensure_solvers(struct order_pass *p) MUST_CHECK;
struct err *ensure_allowed(struct order_pass *p) MUST_CHECK;
/* Before newOrder, which says p->ask then; see order_preflight.c. */
struct err *ensure_checked(struct order_pass *p) MUST_CHECK;
struct err *ensure_challenges(struct order_pass *p) MUST_CHECK;
/* What is remembered of the authorizations of an Order that is over. */
void order_challenges_forget(const struct order_pass *p);
struct err *ensure_presented(struct order_pass *p) MUST_CHECK;
/* Removes routes and Challenges of an Order that needs them no more. */
struct err *order_clean_up(struct order_pass *p) MUST_CHECK;
/* Removes the routes alone; key is "ns/name". */
struct err *order_clear_routes(const struct env *env, const char *key,
                               const struct http01_order *order) MUST_CHECK;

/* Ends the pass; the Order goes to a final state with a reason (copied). */
void order_fail(struct order_pass *p, const char *state, const char *reason);
void order_wait(struct order_pass *p, int64_t next);

#endif
