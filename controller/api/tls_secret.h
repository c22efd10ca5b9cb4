/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept in memory of a Secret: metadata only, of our own Secrets the annotations we wrote, of
 * foreign ones just that they exist.
 */
#ifndef CERTROLL_API_TLS_SECRET_H
#define CERTROLL_API_TLS_SECRET_H

#include "kube/object.h"

struct tls_secret {
    struct kube_object obj; /* labels and annotations are kept for ours only */
    bool ours;              /* carries the certificate-name annotation or one of our labels */
    bool sole_owner; /* managedFields: nobody but our field manager owns tls.crt and tls.key */
};
extern struct kube_kind kind_secret; /* metadata only */

/* The annotation's value, or NULL. */
const char *tls_secret_annotation(const struct tls_secret *s, const char *name);

#endif
