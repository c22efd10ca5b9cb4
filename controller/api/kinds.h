/* SPDX-License-Identifier: Apache-2.0 */
/* Our kinds, for caches and clients. Their group is set by api_init(). */
#ifndef CERTROLL_API_KINDS_H
#define CERTROLL_API_KINDS_H

#include "kube/object.h"

extern struct kube_kind kind_certificate;
extern struct kube_kind kind_certificate_request;
extern struct kube_kind kind_issuer;
extern struct kube_kind kind_cluster_issuer;
extern struct kube_kind kind_order;
extern struct kube_kind kind_challenge;

/* Called by api_init() only. */
void kinds_set_group(const char *group, const char *acme_group);

/* All of ours, NULL-terminated: for the schema test and the docs. */
extern struct kube_kind *const api_kinds[];

#endif
