/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may have a name through a ClusterIssuer over HTTP-01. Its account is shared by all namespaces, and where
 * the route is not in the Certificate's namespace (tiers that are `granted`) nothing shows whose name it is.
 *
 * A name is granted by an Ingress, HTTPRoute or Gateway of the Certificate's own namespace that carries it, or
 * by spec.allowedNames. And within one account the namespace that came first keeps a name while its certificate is
 * valid, unless spec.acme.nameOwnership is Any.
 */
#ifndef CERTROLL_RECONCILERS_NAMES_H
#define CERTROLL_RECONCILERS_NAMES_H

#include "reconcilers/acme_chain.h"
#include "reconcilers/env.h"

#define NAME_NOT_ALLOWED "NameNotAllowed"
#define NAME_HELD_ELSEWHERE "NameHeldElsewhere"

/* *ret_why: NULL when the request's namespace may have all names, else "<reason>: <name>: ..." for people,
 * owned. An Issuer of the namespace is bound by its own account: all is allowed. */
struct err *names_judge(const struct env *env, const struct acme_chain *chain,
                        const struct strlist *names, char **ret_why) MUST_CHECK;

/* Does the spec name it: as its common name, a DNS name or an IP address? */
bool certificate_names(const struct certificate_spec *spec, const char *name);

/* May an authorization that is valid already be built on? The account's may stem from another namespace: this one
 * must have proven the name itself, hold it, or have it granted. */
bool names_may_reuse(const struct env *env, const struct acme_chain *chain, const char *name);
/* This namespace has proven the name: remembered as long as the process lives. */
void names_proven(const struct env *env, const struct acme_chain *chain, const char *name);

#endif
