/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4, as the query and REST APIs but S3's ask for it. */
#ifndef CERTROLL_DNS01_PROVIDER_SIGV4_H
#define CERTROLL_DNS01_PROVIDER_SIGV4_H

#include "dns01/provider.h"

struct sigv4_keys {
    struct secret id;      /* access key id: letters, digits and "_" */
    struct secret secret;  /* secret access key */
    struct secret session; /* session token of temporary keys; empty for others */
};
void sigv4_keys_release(struct sigv4_keys *k);
#define AUTO_SIGV4_KEYS AUTO(sigv4_keys_release) struct sigv4_keys

/* What is signed, exactly as it is sent. Borrowed. */
struct sigv4_request {
    const char *service, *region; /* "route53", "us-east-1" */
    const char *method;
    const char *host; /* the Host header: without the scheme's own port */
    const char *path; /* "/a/b": nothing in it that would have to be escaped */
    const char
        *query; /* "a=b&c=d", escaped by percent_encode(), in the order of the names; "" = none */
    const char *content_type; /* NULL = none is sent */
    const void *body;
    size_t body_len;
};

/* To be sent beside what was signed, and X-Amz-Security-Token when there is a session. */
struct sigv4_headers {
    char date[17];       /* X-Amz-Date */
    char *authorization; /* Authorization */
};
void sigv4_headers_release(struct sigv4_headers *h);

/* Signs for the wall time now; the service refuses it 5 minutes later. ERR_INVALID, reason InvalidSecret, for keys
 * that fit into no header. */
struct err *sigv4_sign(const struct sigv4_keys *keys, const struct sigv4_request *r, int64_t now,
                       struct sigv4_headers *ret_headers) MUST_CHECK;

#endif
