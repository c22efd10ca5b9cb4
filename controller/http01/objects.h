/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes objects of HTTP-01: one solver Pod and Service per namespace and ACME account, one
 * Ingress per Order. Pure builders: nothing is sent here.
 */
#ifndef CERTROLL_HTTP01_OBJECTS_H
#define CERTROLL_HTTP01_OBJECTS_H

#include "http01/tier.h"
#include "kube/object.h"

#define HTTP01_PORT 8089
#define HTTP01_FIELD_MANAGER "certroll-http01"

extern const struct kube_resource res_pod;
extern const struct kube_resource res_service;
extern const struct kube_resource res_ingress;
extern const struct kube_resource res_endpoint_slice;

struct http01_solver {
    const char *ns;
    const char *thumbprint; /* of the account key */
    const char *image;
    struct http01_pod_config config; /* the Issuer's */
    const json_t *owner;             /* ownerReference, or NULL for a ClusterIssuer's */
};

#define HTTP01_SOLVER "certroll-solver-"
/* "certroll-solver-<hash of the thumbprint>", the name of Pod and Service. */
void http01_solver_name(const char *thumbprint, char out[KUBE_NAME_MAX + 1]);
/* What http01.ingress of a solver says of them. */
struct http01_pod_config http01_ingress_pod(const struct solver_http01 *config);
/* The labels of all that serves HTTP-01: app.kubernetes.io/name, /instance, and ours. Owned. */
json_t *http01_labels(const char *instance);
/* Name, namespace, these labels, and the owner unless it is NULL. Owned. */
json_t *http01_metadata(const char *ns, const char *name, const char *instance, const json_t *owner)
    MUST_CHECK;

/* PSS restricted whatever podTemplate says, no token, tiny requests, readiness probe. Of podTemplate
 * labels, annotations, scheduling, identity and resources are taken, the rest is ignored. ERR_INVALID when
 * podTemplate is not an object. Owned. */
struct err *http01_pod(const struct http01_solver *s, json_t **ret_pod) MUST_CHECK;
struct err *http01_service(const struct http01_solver *s, json_t **ret_service) MUST_CHECK;

/* How the Issuer wants an Ingress. */
struct http01_ingress_config {
    const char *ingress_class_name; /* NULL = the cluster's default */
    const char *class_name;         /* the annotation of old, or NULL */
    const char *field;            /* of ingress_template, for messages: "ingress.ingressTemplate" */
    const char *ingress_template; /* JSON or NULL: labels and annotations are taken */
};
/* The path of a route, to a Service in the same namespace. Owned. */
json_t *http01_ingress_path(const struct http01_route *route, const char *service);
/* One Ingress for all names of a presentation: for each route an Exact path (without a token: all below
 * HTTP01_PATH) to the Service (its port
 * HTTP01_PORT) in the same namespace. ERR_INVALID when the template is not an object. Owned. */
struct err *http01_ingress(const struct http01_presentation *p, const char *service,
                           const struct http01_ingress_config *config, json_t **ret_ingress)
    MUST_CHECK;

#endif
