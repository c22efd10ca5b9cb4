/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation of a Certificate's certificates (RFC 8555 section 7.6). The certificate reconciler puts the wish, with the
 * serial number that it is about, into status; then the CA is asked here, in the outside pool; how that ended waits in
 * a memo until it is in status as well. Repeating it after a crash is harmless: revoked already is success.
 */
#ifndef CERTROLL_RECONCILERS_REVOCATION_H
#define CERTROLL_RECONCILERS_REVOCATION_H

#include "reconcilers/env.h"

/* A reconciler of Certificates: does what status.revocation asks for and has not got yet. */
struct err *revocation_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
    MUST_CHECK;

/* Is there a wish in status that the CA has not been asked about to the end? */
bool revocation_is_open(const struct certificate *crt);
/* How that wish, and none before it, has ended as far as this process knows: "" when it was done, else why not. Owned;
 * NULL while the CA is to be asked. */
char *revocation_end(const struct env *env, const struct certificate *crt);

#endif
