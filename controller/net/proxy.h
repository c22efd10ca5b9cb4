/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's HTTP proxy (RFC 9110 section 9.3.6, CONNECT), and what goes past it. Only requests with HTTP_PROXIED
 * take it.
 */
#ifndef CERTROLL_NET_PROXY_H
#define CERTROLL_NET_PROXY_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/list.h"
#include "net/guard.h"

#define PROXY_URL_MAX 1024

/* Immutable after proxy_init(): any thread may ask. */
struct proxy {
    char *url;             /* NULL: there is none. It may hold a password */
    struct strlist except; /* lower case, as written in NO_PROXY */
};

/* As HTTPS_PROXY and NO_PROXY have them; NULL or "" for none. ERR_INVALID, reason InvalidProxy, for anything but http or
 * https with a host. */
struct err *proxy_init(struct proxy *p, const char *url, const char *except) MUST_CHECK;
void proxy_release(struct proxy *p);

/* Does a request to this URL take the proxy? NO_PROXY: "*", names with all that is below them, addresses, blocks such as
 * 10.0.0.0/8. */
bool proxy_applies(const struct proxy *p, const char *url);

/* Why a request that takes the proxy, and was never sent, has failed: ERR_TRANSIENT, reason ConnectFailed, when it
 * is for the proxy's sake, else NULL. detail is libcurl's. */
struct err *proxy_judge(CURL *easy, CURLcode code, const char *detail) MUST_CHECK;

/* The guard's rule where the proxy, and not we, look the name up: ERR_DENIED, reason AddressForbidden, for an address that
 * is forbidden and for names of the machine itself. What else a name leads to is the proxy's to judge. */
struct err *proxy_guard(const struct guard *g, const char *url) MUST_CHECK;

#endif
