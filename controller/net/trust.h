/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which CAs a server's certificate has to come from: those that the request names, and no others; else those of the
 * system, or what the operator wants in their place.
 */
#ifndef CERTROLL_NET_TRUST_H
#define CERTROLL_NET_TRUST_H

#include <curl/curl.h>

#include "base/err.h"

/* Immutable after trust_init(): any thread may ask. */
struct trust {
    char *file;    /* NULL: the system's bundle */
    char *folders; /* NULL: the system's folder */
};

/* As SSL_CERT_FILE and SSL_CERT_DIR have them; NULL or "" for the system's. The file is read again for each connection,
 * here only to see that it is one: ERR_INVALID, reason InvalidTrust, for one that cannot be read or has no
 * certificate. */
struct err *trust_init(struct trust *t, const char *file, const char *folders) MUST_CHECK;
void trust_release(struct trust *t);

/* Sets what easy trusts, which must be new or reset. ca_pem: the request's own, borrowed until easy is done; NULL =
 * none. */
void trust_set(const struct trust *t, CURL *easy, const char *ca_pem);

#endif
