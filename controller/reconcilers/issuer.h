/* SPDX-License-Identifier: Apache-2.0 */
/* Issuers and ClusterIssuers: made ready by their driver, and shown so. */
#ifndef CERTROLL_RECONCILERS_ISSUER_H
#define CERTROLL_RECONCILERS_ISSUER_H

#include "reconcilers/env.h"

/* A name without namespace is a ClusterIssuer. */
struct err *issuer_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
    MUST_CHECK;

#endif
