/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The self-check: would the CA get the right answer now, at whichever address of the name it asks? One
 * look; the caller comes again.
 */
#ifndef CERTROLL_HTTP01_SELFCHECK_H
#define CERTROLL_HTTP01_SELFCHECK_H

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/stop.h"
#include "net/dns.h"
#include "net/http.h"

/* All borrowed. */
struct http01_check {
    const struct http_transport *http;
    const struct dns_transport *dns;
    const struct clock *clock;
    const struct stop *stop;
    const char *host; /* a DNS name or an IP address */
    const char *token;
    const char *key_authorization;
    const char *const *nameservers; /* a tenant's; the system's when there are none */
    size_t nameserver_count;
    /* Where to ask instead of where DNS says: addresses, and names that are looked up; NULL = DNS. */
    const struct strlist *places;
};

/* GET http://host/.well-known/acme-challenge/token as a CA does it: port 80, every IPv4 and IPv6 address of the
 * name, up to 10 redirects to http and https, certificates not checked. An address that this machine has no
 * route to is passed over as long as another one answers. NULL when each answer is key_authorization (trailing
 * white space tolerated, RFC 8555 section 8.3). Otherwise ERR_TRANSIENT reason SelfCheckFailed or an error of
 * net/: says what came instead and from which address, never the body. At most 5 s and what is under way. */
struct err *http01_self_check(const struct http01_check *c) MUST_CHECK;

/* When to look again after that many failed tries: 50 ms x 1.5^n, at most 2 s; 10 s after a minute. */
int64_t http01_self_check_delay(unsigned tries);

#endif
