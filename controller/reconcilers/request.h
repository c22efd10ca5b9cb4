/* SPDX-License-Identifier: Apache-2.0 */
/* CertificateRequests: reading one, and the reconciler that approves and answers them. */
#ifndef CERTROLL_RECONCILERS_REQUEST_H
#define CERTROLL_RECONCILERS_REQUEST_H

#include "pki/cert.h"
#include "pki/csr.h"
#include "reconcilers/env.h"

struct err *request_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
    MUST_CHECK;

/* The CSR of spec.request, parsed and verified. */
struct err *request_csr(const struct certificate_request *request, struct pki_csr *ret_csr)
    MUST_CHECK;
/* The leaf of status.certificate. */
struct err *request_leaf(const struct certificate_request *request, struct pki_cert *ret_leaf)
    MUST_CHECK;
/* The Certificate that controls the request, known by its uid, referenced; NULL for none. */
const struct certificate *request_certificate(const struct env *env,
                                              const struct certificate_request *request);

#endif
