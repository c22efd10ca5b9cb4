/* SPDX-License-Identifier: Apache-2.0 */
/* Routes in the namespace of their Order, which owns them: they go with it, whatever becomes of certroll. */
#ifndef CERTROLL_HTTP01_OWNED_H
#define CERTROLL_HTTP01_OWNED_H

#include "http01/tier.h"

/* Calls fn for each route of that kind that the Order owns; an error of fn ends it. */
struct err *http01_owned_each(const struct http01_env *env, const struct kube_resource *res,
                              const struct http01_order *order,
                              struct err *(*fn)(void *arg, const json_t *route), void *arg)
    MUST_CHECK;
/* Removes them; what an Order that is gone has owned went with it. */
struct err *http01_clear_owned(const struct http01_env *env, const struct kube_resource *res,
                               const struct http01_order *order) MUST_CHECK;
/* tier->places() where they are Ingresses. */
struct err *http01_owned_places(const struct http01_env *env, const struct http01_order *order,
                                const char *host, struct strlist *places) MUST_CHECK;
/* tier->adopt() for them; what others than Orders own is passed over. */
struct err *http01_adopt_owned(const struct http01_env *env, const struct kube_resource *res,
                               http01_found_fn found, void *arg) MUST_CHECK;

#endif
