/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosts that a namespace routes by itself: of its Ingresses, HTTPRoutes, Gateways and ListenerSets, without
 * what certroll made there. Who routes a name in its own namespace may have it.
 */
#ifndef CERTROLL_HTTP01_HOSTS_H
#define CERTROLL_HTTP01_HOSTS_H

#include "base/clock.h"
#include "base/list.h"
#include "http01/tier.h"

/* What was read of namespaces in the last moments, so that a thousand orders of one do not read it a thousand
 * times. Thread-safe. */
struct http01_hosts *http01_hosts_new(const struct clock *clock);
void http01_hosts_free(struct http01_hosts *h);

/* Adds the hosts of the namespace, as they were two seconds ago at most, to an empty list: names, and
 * patterns such as "*.example.com". At most 10,000. */
struct err *http01_hosts_of(const struct http01_env *env, const char *ns, struct strlist *ret_hosts)
    MUST_CHECK;

/* Does a host as Ingresses and Gateways write it stand for the name? "*.example.com" stands for one label more,
 * and "*.0.2.1" for no address. */
bool http01_host_covers(const char *host, const char *name);

#endif
