/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have a name over HTTP-01 or DNS-PERSIST-01. The account of a ClusterIssuer is shared by all namespaces, and where the route is not
 * in the Certificate's namespace (tiers that are `granted`) nothing shows whose name it is. With an Issuer of the
 * namespace that goes for the tiers where certroll's own replicas answer: anybody can have an account. A record of
 * dns-persist-01 is for the account, and whoever uses that has to prove nothing more.
 *
 * A name is granted by an Ingress, HTTPRoute, Gateway or ListenerSet of the Certificate's own namespace that carries
 * it, or by spec.allowedNames of the ClusterIssuer. And within one account the namespace that came first keeps a name
 * while its certificate is valid, or its order under way, unless spec.acme.nameOwnership is Any.
 */
#ifndef CERTROLL_RECONCILERS_NAMES_H
#define CERTROLL_RECONCILERS_NAMES_H

#include "reconcilers/acme_chain.h"
#include "reconcilers/env.h"

#define NAME_NOT_ALLOWED "NameNotAllowed"
#define NAME_HELD_ELSEWHERE "NameHeldElsewhere"

/* *ret_why: NULL when the request's namespace may have all names, else "<reason>: <name>: ..." for people, owned. */
struct err *names_judge(const struct env *env, const struct acme_chain *chain,
                        const struct strlist *names, char **ret_why) MUST_CHECK;

/* The same of what the issuer's solvers need a grant for, and not of who holds a name: that is judged once. */
struct err *names_judge_grants(const struct env *env, const struct acme_chain *chain,
                               const struct strlist *names, char **ret_why) MUST_CHECK;

/* May an authorization that is valid already be built on? The account's may stem from another namespace: this one
 * must have proven the name itself, hold it, or have it granted. */
struct err *names_may_reuse(const struct env *env, const struct acme_chain *chain, const char *name,
                            bool *ret_may) MUST_CHECK;
/* The authorization became valid while a Challenge of this namespace was pending: may it be built on? Not when another
 * namespace was given the same one, as either may have proven it. What is this namespace's is remembered as long as the
 * process lives. */
struct err *names_proven(const struct env *env, const struct acme_chain *chain, const char *name,
                         const char *url, bool *ret_may) MUST_CHECK;

#endif
