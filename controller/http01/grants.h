/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReferenceGrants in certroll's own namespace, one for each namespace whose HTTPRoutes lead to the replicas that
 * answer there. All orders of the namespace share it: it comes with the first and goes when none has needed it for
 * a while. What is remembered here is only when that was; which there are is found again by their label.
 */
#ifndef CERTROLL_HTTP01_GRANTS_H
#define CERTROLL_HTTP01_GRANTS_H

#include "base/clock.h"
#include "http01/tier.h"

extern const struct kube_resource res_reference_grant;

/* "certroll.dev/http01-grant": a label, the namespace of the routes. */
#define HTTP01_GRANT "certroll.dev/http01-grant"

struct http01_grants;
struct http01_grants *http01_grants_new(const struct clock *clock);
void http01_grants_free(struct http01_grants *g);

/* Lets HTTPRoutes of that namespace lead to the responder. Owned. */
json_t *http01_reference_grant(const struct http01_responder *responder, const char *route_ns)
    MUST_CHECK;

/* An order of that namespace needs the grant now. It is looked at every few seconds, by one thread, and written only
 * when it is not there as it has to be; errors as http01_gateway_apply(). Any thread. */
struct err *http01_grant_need(const struct http01_env *env, const char *route_ns) MUST_CHECK;
/* What an earlier process has made counts as needed now. */
struct err *http01_grants_adopt(const struct http01_env *env) MUST_CHECK;
/* As tier->sweep(). */
struct err *http01_grants_sweep(const struct http01_env *env, int64_t linger, int64_t *ret_next)
    MUST_CHECK;

#endif
