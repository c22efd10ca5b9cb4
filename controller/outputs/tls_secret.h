/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Secret of a Certificate as cert-manager writes it: type kubernetes.io/tls, tls.crt, tls.key,
 * ca.crt, the annotations that tell where it came from, by server-side apply.
 */
#ifndef CERTROLL_OUTPUTS_TLS_SECRET_H
#define CERTROLL_OUTPUTS_TLS_SECRET_H

#include "api/certificate.h"
#include "base/secret.h"
#include "kube/store.h"
#include "pki/cert.h"

struct tls_secret_content {
    const struct certificate *crt;
    const struct issuer_ref *issuer; /* who issued it; NULL: the Certificate's */
    const char *chain;               /* PEM, leaf first */
    const struct pki_cert *leaf;     /* of the chain, where that was read; NULL: it is read here */
    const struct secret *key;
    const char *ca;      /* PEM, or NULL */
    const char *type;    /* of the Secret that is there (immutable), or NULL */
    int64_t issued_at;   /* wall ns */
    const char *account; /* URL of the ACME account that ordered it, or NULL */
    const char *renew;   /* value of the renew annotation that this certificate answers, or NULL */
};

/* The whole body to apply. Owned; wiped when freed. */
struct err *tls_secret_build(const struct tls_secret_content *c, json_t **ret_body) MUST_CHECK;

/* Does the existing Secret carry all labels and annotations of the body, and none that we applied before
 * and the body no longer has? */
bool tls_secret_metadata_is_current(const json_t *secret, const json_t *body);

/* Applies; the cache learns of it. */
struct err *tls_secret_apply(const struct store *secrets, const struct object_meta *crt,
                             const char *name, const json_t *body) MUST_CHECK;

#endif
