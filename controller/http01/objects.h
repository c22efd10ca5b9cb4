/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes objects of the pod tier: one solver Pod and Service per namespace and ACME account,
 * one Ingress per Order. Pure builders: nothing is sent here.
 */
#ifndef CERTROLL_HTTP01_OBJECTS_H
#define CERTROLL_HTTP01_OBJECTS_H

#include "api/issuer.h"
#include "base/err.h"
#include "json/json.h"
#include "kube/object.h"

#define HTTP01_PORT 8089
#define HTTP01_FIELD_MANAGER "certroll-http01"

extern const struct kube_resource res_pod;
extern const struct kube_resource res_service;
extern const struct kube_resource res_ingress;

struct http01_solver {
    const char *ns;
    const char *thumbprint; /* of the account key */
    const char *image;
    const struct http01_ingress *config; /* the Issuer's */
    const json_t *owner;                 /* ownerReference, or NULL for a ClusterIssuer's */
};

/* "certroll-solver-<hash of the thumbprint>", the name of Pod and Service. */
void http01_solver_name(const char *thumbprint, char out[KUBE_NAME_MAX + 1]);

/* PSS restricted whatever podTemplate says, no token, tiny requests, readiness probe. Of podTemplate
 * labels, annotations, scheduling, identity and resources are taken, the rest is ignored. ERR_INVALID when
 * podTemplate is not an object. Owned. */
struct err *http01_pod(const struct http01_solver *s, json_t **ret_pod) MUST_CHECK;
struct err *http01_service(const struct http01_solver *s, json_t **ret_service) MUST_CHECK;

struct http01_route {
    const char *host;
    const char *token;
};
/* One Ingress for all names of an order: for each route an Exact path to the solver's Service. Of
 * ingressTemplate labels and annotations are taken. Owned. */
struct err *http01_ingress(const struct http01_solver *s, const char *name,
                           const struct http01_route *routes, size_t count, json_t **ret_ingress)
    MUST_CHECK;

#endif
