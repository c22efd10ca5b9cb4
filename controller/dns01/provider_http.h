/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the HTTP APIs of DNS providers, and their answers as errors: one mapping for all.
 *
 * ERR_DENIED     Unauthorized (401, 403: the credential), QuotaReached
 * ERR_NOT_FOUND  ZoneNotFound, RecordNotFound (404)
 * ERR_CONFLICT   Changed (409, 412: somebody else wrote meanwhile)
 * ERR_RATE_LIMITED  RateLimited (429), with retry_at from Retry-After in both forms
 * ERR_TRANSIENT  ProviderFailed (5xx, and what is no answer), and what net/http.h says
 * ERR_INVALID    InvalidRequest (other 4xx)
 */
#ifndef CERTROLL_DNS01_PROVIDER_HTTP_H
#define CERTROLL_DNS01_PROVIDER_HTTP_H

#include "dns01/provider.h"

#define DNS_HTTP_HEADERS_MAX 8
#define DNS_HTTP_TIMEOUT (20 * NS_PER_SEC)

/* Borrowed; the body is sent as it is. */
struct dns_http_request {
    const char *method;
    const char *url;
    const struct http_header
        *headers;             /* beside User-Agent, Accept: application/json and Content-Type */
    size_t header_count;      /* at most DNS_HTTP_HEADERS_MAX */
    const char *content_type; /* NULL = application/json, when there is a body */
    const void *body;
    size_t body_len;
    const struct http_tls *tls;
};
/* Any HTTP status is success: read it, or hand the response to dns_http_error(). Bodies are wiped, at most
 * 1 MiB. The address is guarded: link-local, loopback and the API server's are refused. */
struct err *dns_http(const struct dns_env *env, const struct dns_http_request *r,
                     struct http_response *ret_response) MUST_CHECK;

/* The same with JSON both ways: body may be NULL; ret_reply is NULL unless the status is 2xx and there is a
 * body. A status other than 2xx is the error of the table above, with what said; the provider's own code and
 * message are not known here: use dns_http() and dns_http_error() where users need them. */
struct err *dns_http_json(const struct dns_env *env, const struct dns_http_request *r,
                          const json_t *body, const char *what, json_t **ret_reply) MUST_CHECK;

/* The answer as an error, NULL for 2xx. what: "zone example.com"; code and message: parsed from the answer by
 * the provider, may be NULL, printed bounded (64, 200) and only printable ASCII of them. Pass NULL for both where a
 * tenant names the host: nothing of what stands there may be read through us. */
struct err *dns_http_error(const struct dns_env *env, const struct http_response *r,
                           const char *what, const char *code, const char *message) MUST_CHECK;

/* "Bearer TOKEN" in a buffer that is wiped with secret_release(); the token must be printable ASCII, ERR_INVALID else
 * (field says whose). */
struct err *dns_http_authorization(const char *scheme, const struct secret *token,
                                   const char *field, struct secret *ret_value) MUST_CHECK;

/* A path segment or query value: all but letters, digits and "-._~" as %XX. Owned. */
char *dns_url_escape(const char *text);

#endif
