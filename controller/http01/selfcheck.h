/* SPDX-License-Identifier: Apache-2.0 */
/* The self-check: would the CA get the right answer now? One try; the caller comes again. */
#ifndef CERTROLL_HTTP01_SELFCHECK_H
#define CERTROLL_HTTP01_SELFCHECK_H

#include "base/err.h"
#include "base/stop.h"
#include "net/http.h"

/* GET http://host/.well-known/acme-challenge/token as a CA does it: port 80, redirects followed,
 * certificates not checked, 2 s. NULL when the answer is key_authorization (trailing white space
 * tolerated, RFC 8555 section 8.3). ERR_TRANSIENT says what came instead, without the body. */
struct err *http01_self_check(const struct http_transport *t, const struct stop *stop,
                              const char *host, const char *token, const char *key_authorization)
    MUST_CHECK;

/* When to look again after that many failed tries: 50 ms x 1.5^n, at most 2 s; 10 s after a minute. */
int64_t http01_self_check_delay(unsigned tries);

#endif
