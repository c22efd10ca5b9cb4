/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solver Pods and Services of the pod tier: one of each per namespace and ACME account, there while an
 * order needs them and a while longer. Orders say what they need; one reconcile per solver makes it so,
 * so that twenty orders at once make one Pod. Which solver config applies is decided here too.
 */
#ifndef CERTROLL_RECONCILERS_SOLVER_H
#define CERTROLL_RECONCILERS_SOLVER_H

#include "http01/objects.h"
#include "reconcilers/env.h"

struct err *solver_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
    MUST_CHECK;

/* The key of the solver controller that stands for order_sweep_routes(). */
#define SWEEP_KEY "sweep"

struct solver_needs;
struct solver_needs *solver_needs_new(void);
void solver_needs_free(struct solver_needs *n);

/* This namespace needs a solver for the account now; the strings of config are part of issuer, which is
 * referenced. Cheap when nothing is to be done. */
void solver_need(const struct env *env, const char *ns, const struct issuer *issuer,
                 const struct http01_pod_config *config, const char *thumbprint);

/* Why that solver could not be made the last time. Owned, or NULL. */
char *solver_trouble(const struct env *env, const char *ns, const char *thumbprint);

/* What an earlier process left behind is taken under the same care: Pods, Services and routes with our
 * label. On becoming the leader; a key of the solver controller, so that an API server that is busy then is
 * asked again, and looked at every half hour from then on. */
void solver_adopt(const struct env *env);

/* The ownerReference of objects made for an Issuer; NULL for a ClusterIssuer. Owned. */
json_t *solver_owner(const struct issuer *issuer);

/* The Issuer's solver for a name, of those that can prove it (or of all, where none can): dnsNames, then the longest dnsZone,
 * then the longest that alias is in, then the general one; ties go to the one with more matchLabels, then to the first.
 * labels are the Certificate's; alias is where _acme-challenge of the name leads, NULL when it is there itself or nobody has
 * looked. NULL = none fits. */
const struct acme_solver *solver_select(const struct acme_issuer *acme, const char *dns_name,
                                        const char *alias, const struct bind_map *labels);
/* The solvers that an alias of the name could lead to, borrowed; out has room for all that the Issuer has. Returns how
 * many; 0 when the name itself decides. */
size_t solver_by_alias(const struct acme_issuer *acme, const char *dns_name,
                       const struct bind_map *labels, const struct acme_solver **out);
/* ERR_INVALID, reason InvalidSolver, when an Issuer of a namespace asks for what only a ClusterIssuer may: Ingress
 * controllers obey the annotations of an Ingress in certroll's own namespace as certroll's. */
struct err *solver_check(const struct issuer *issuer, const struct solver_http01 *http01)
    MUST_CHECK;

#endif
