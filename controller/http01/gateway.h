/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes of the Gateway API: HTTPRoutes in the namespace of their Order, which owns them. So a Gateway judges them
 * by the Certificate's namespace (allowedRoutes), as it judges what people make there, and a parentRef without a
 * namespace means a Gateway of that namespace. A Service in certroll's own namespace takes a ReferenceGrant there: grants.h.
 */
#ifndef CERTROLL_HTTP01_GATEWAY_H
#define CERTROLL_HTTP01_GATEWAY_H

#include "http01/tier.h"

#define HTTP01_GATEWAY_GROUP "gateway.networking.k8s.io"

extern const struct kube_resource res_http_route;
extern const struct kube_resource res_gateway;
extern const struct kube_resource res_listener_set;

/* So many hostnames fit into one HTTPRoute. */
#define HTTP01_ROUTE_HOSTS 16

struct http01_backend {
    const char *ns; /* NULL = that of the route */
    const char *service;
};

/* One HTTPRoute for all routes of a presentation, of which there are HTTP01_ROUTE_HOSTS at most, with an Exact path for
 * each: all are DNS names, or all are IP addresses, for which it has no hostnames. Owned. */
json_t *http01_http_route(const struct http01_presentation *p, const struct http01_gateway *config,
                          const struct http01_backend *backend) MUST_CHECK;

/* Server-side apply; the error says what to do where the cluster has no Gateway API (ERR_INVALID, reason InvalidSolver),
 * or certroll no rights on it (ERR_DENIED). */
struct err *http01_gateway_apply(const struct http01_env *env, const struct kube_ref *ref,
                                 const json_t *body) MUST_CHECK;
/* Applies as many HTTPRoutes as the presentation's names need. */
struct err *http01_present_gateway(const struct http01_env *env,
                                   const struct http01_presentation *p,
                                   const struct http01_gateway *config,
                                   const struct http01_backend *backend) MUST_CHECK;
struct err *http01_clear_gateway(const struct http01_env *env, const struct http01_order *order)
    MUST_CHECK;
struct err *http01_adopt_gateway(const struct http01_env *env, http01_found_fn found, void *arg)
    MUST_CHECK;
/* tier->places() for them: the status.addresses of the Gateways. */
struct err *http01_gateway_places(const struct http01_env *env, const struct http01_order *order,
                                  const char *host, struct strlist *places) MUST_CHECK;

/* Without the Gateway API, or without rights there, nothing of ours is there. */
struct err *http01_gateway_absent(struct err *e) MUST_CHECK;

#endif
