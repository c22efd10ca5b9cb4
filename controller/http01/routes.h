/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that are not in their Order's namespace but in certroll's own: named after the Order's key, labelled
 * with a hash of it, and annotated with the key itself, so that they are found again from either side.
 */
#ifndef CERTROLL_HTTP01_ROUTES_H
#define CERTROLL_HTTP01_ROUTES_H

#include "http01/objects.h"
#include "kube/object.h"

/* "certroll.dev/http01-order": the label holds the hash of the Order's key, the annotation the key. */
#define HTTP01_ORDER "certroll.dev/http01-order"

/* ERR_INVALID, reason InvalidSolver, where certroll's replicas do not answer. */
struct err *http01_need_responder(const struct http01_env *env) MUST_CHECK;

/* Of a presentation's route: "certroll-http01-<hash>". */
void http01_moved_name(const struct http01_presentation *p, char out[KUBE_NAME_MAX + 1]);
/* Applies one Ingress in certroll's namespace for all routes of a presentation. ERR_INVALID, reason
 * InvalidSolver, where certroll's replicas do not answer. */
struct err *http01_present_moved(const struct http01_env *env, const struct http01_presentation *p,
                                 const struct http01_ingress_config *config) MUST_CHECK;
/* Puts label and annotation on the body of a route. */
void http01_mark_moved(json_t *route, const struct http01_order *order);
/* Removes all that the Order has in certroll's namespace. */
struct err *http01_clear_moved(const struct http01_env *env, const struct http01_order *order)
    MUST_CHECK;
/* tier->places() for them. */
struct err *http01_moved_places(const struct http01_env *env, const struct http01_order *order,
                                const char *host, struct strlist *places) MUST_CHECK;
struct err *http01_adopt_moved(const struct http01_env *env, http01_found_fn found, void *arg)
    MUST_CHECK;

#endif
