/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an account that namespaces share has to do with a name: who holds a certificate for it, and who is about to get
 * one. Told by what only certroll writes, the status of requests and Orders: specs, Secrets and owner references are the
 * tenants' own.
 */
#ifndef CERTROLL_RECONCILERS_NAME_HOLDERS_H
#define CERTROLL_RECONCILERS_NAME_HOLDERS_H

#include "reconcilers/acme_chain.h"

/* Does the spec name it: as its common name, a DNS name or an IP address? */
bool certificate_names(const struct certificate_spec *spec, const char *name);

/* first[i]: the oldest Certificate that names names[i] and was issued for it with the account of the ClusterIssuer, by a
 * certificate that is valid still; NULL for none, else referenced, also after an error. */
struct err *name_holders(const struct env *env, const struct issuer *issuer,
                         const struct strlist *names, const struct certificate **first) MUST_CHECK;

/* *ret_name: the first of the names that another namespace has a young order for, at the CA and not over, with the same
 * account, or one whose certificate the request does not have yet; borrowed, NULL for none. CAs hand a pending order or
 * authorization to whoever asks with its account, so what one proves the other would get. What could not be proven for
 * long stands in nobody's way: it is deactivated. */
struct err *name_is_ordered(const struct env *env, const struct acme_chain *chain,
                            const struct strlist *names, const char **ret_name) MUST_CHECK;
/* Is the authorization one of an Order of another namespace, too? */
struct err *name_is_shared(const struct env *env, const struct acme_chain *chain, const char *url,
                           bool *ret_shared) MUST_CHECK;

#endif
