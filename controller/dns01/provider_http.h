/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to the HTTP APIs of DNS providers, and their answers as errors: one mapping for all.
 *
 * ERR_DENIED     Unauthorized (401, 403: the credential), QuotaReached
 * ERR_NOT_FOUND  ZoneNotFound, RecordNotFound (404)
 * ERR_CONFLICT   Changed (409, 412, 423: somebody else writes, or wrote meanwhile)
 * ERR_RATE_LIMITED  RateLimited (429), with retry_at from Retry-After in both forms
 * ERR_TRANSIENT  ProviderFailed (408, 5xx, and what is no answer), and what net/http.h says; retry_at with a 503
 * ERR_INVALID    InvalidRequest (other 4xx)
 */
#ifndef CERTROLL_DNS01_PROVIDER_HTTP_H
#define CERTROLL_DNS01_PROVIDER_HTTP_H

#include "base/list.h"
#include "dns01/provider.h"

#define DNS_HTTP_CHANGED "Changed"
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
 * 1 MiB. The address is guarded: link-local, loopback and the API server's are refused. All but GET and HEAD ask the
 * gate first; a POST is sent once. */
struct err *dns_http(const struct dns_env *env, const struct dns_http_request *r,
                     struct http_response *ret_response) MUST_CHECK;

/* JSON both ways, any status: for providers whose own codes and messages users need. */
struct dns_http_answer {
    struct http_response response; /* for its status and headers */
    json_t *json;                  /* NULL: there was no body, or none that is JSON */
};
void dns_http_answer_release(struct dns_http_answer *a);
#define AUTO_DNS_HTTP_ANSWER AUTO(dns_http_answer_release) struct dns_http_answer
/* body may be NULL. A 2xx whose body is not JSON is ERR_TRANSIENT ProviderFailed. */
struct err *dns_http_ask(const struct dns_env *env, const struct dns_http_request *r,
                         const json_t *body, struct dns_http_answer *ret_answer) MUST_CHECK;

/* The same with JSON both ways: body may be NULL; ret_reply is NULL unless the status is 2xx and there is a
 * body. A status other than 2xx is the error of the table above, with what said; the provider's own code and
 * message are not known here: use dns_http_ask() and dns_http_error() where users need them. */
struct err *dns_http_json(const struct dns_env *env, const struct dns_http_request *r,
                          const json_t *body, const char *what, json_t **ret_reply) MUST_CHECK;

/* The answer as an error, NULL for 2xx. what: "zone example.com"; code and message: parsed from the answer by
 * the provider, may be NULL, printed bounded (64, 200) and only printable ASCII of them. Pass NULL for both where a
 * tenant names the host: nothing of what stands there may be read through us. */
struct err *dns_http_error(const struct dns_env *env, const struct http_response *r,
                           const char *what, const char *code, const char *message) MUST_CHECK;

/* For a 2xx: NULL, or ERR_TRANSIENT ProviderFailed when value, a part of the answer, is not there or of another type. What
 * an answer lacks is never taken for "there are none". */
struct err *dns_http_expect(const json_t *value, json_type type, const char *what) MUST_CHECK;

/* ERR_DENIED QuotaReached: the provider takes no more. said: its code or message, shown as dns_http_error() shows one. */
struct err *dns_http_quota(const char *what, const char *said) MUST_CHECK;

/* "Bearer TOKEN" in a buffer that is wiped with secret_release(), the token alone when scheme is NULL; it must be 1 to
 * 4096 printable ASCII characters, ERR_INVALID, reason InvalidSecret, else (field says whose). */
struct err *dns_http_authorization(const char *scheme, const struct secret *token,
                                   const char *field, struct secret *ret_value) MUST_CHECK;

/* The value of a Secret alone, where it is part of what is signed or posted: env->secret(), and the characters of
 * dns_http_authorization(). */
struct err *dns_http_secret(const struct dns_env *env, const struct dns_secret_ref *ref,
                            const char *field, struct secret *ret_value) MUST_CHECK;

/* ---- for APIs whose credential is a header ---- */

struct dns_credential {
    const struct dns_secret_ref *ref;
    const char *field;  /* "apiTokenSecretRef" */
    const char *header; /* NULL = Authorization */
    const char *scheme; /* "Bearer"; NULL = the value alone */
};
/* The provider's own words for an answer that is not a 2xx, by dns_http_error(); NULL from it means that the answer
 * is as good as one. */
typedef struct err *(*dns_refusal)(const struct dns_env *env, const struct dns_http_answer *a,
                                   const char *what);
struct dns_session {
    const struct dns_env *env;
    struct http_header headers[2]; /* the credential's; a provider may add one */
    size_t header_count;
    struct secret value;
    dns_refusal refusal; /* NULL: the status alone */
};
void dns_session_release(struct dns_session *s);
#define AUTO_DNS_SESSION AUTO(dns_session_release) struct dns_session
/* Reads the Secret. Its errors, and those of dns_http_authorization(). */
struct err *dns_session_open(const struct dns_env *env, const struct dns_credential *c,
                             struct dns_session *ret_session) MUST_CHECK;

/* The config of providers that need a token and nothing else: {tokenSecretRef}. */
struct dns_token_config {
    struct dns_secret_ref token;
};
extern const struct bind_table dns_token_config_table;
/* dns_session_open() of such a config, with the provider's own words. */
struct err *dns_session_open_token(const struct dns_env *env, const void *config,
                                   const char *scheme, dns_refusal refusal,
                                   struct dns_session *ret_session) MUST_CHECK;

/* One call with JSON both ways; body and ret_reply may be NULL, and *ret_reply is where the answer has none. Owned. A 404
 * without JSON is somebody else's, ERR_TRANSIENT ProviderFailed: it is not believed that something is gone. */
struct err *dns_session_call(const struct dns_session *s, const char *method, const char *url,
                             const json_t *body, const char *what, json_t **ret_reply) MUST_CHECK;
/* DELETE; what is not there is success. */
struct err *dns_session_delete(const struct dns_session *s, const char *url, const char *what)
    MUST_CHECK;

/* The first object of the list whose member is the text, with or without quotes; NULL when there is none. */
const json_t *dns_record_with(const json_t *records, const char *member, const char *text);

#define DNS_RECORD_IDS_MAX 16

/* Adds the ids, which are numbers, of all objects whose member is the text. ERR_TRANSIENT ProviderFailed when one of those
 * has none, or when there are more than DNS_RECORD_IDS_MAX: no value is there that often. */
struct err *dns_record_ids(const json_t *records, const char *member, const char *text,
                           struct strlist *ret_ids) MUST_CHECK;

/* For APIs that replace all values of a name at once: the list of texts with this one in quotes at its end, and without it;
 * the others stay as they are. NULL when nothing is to be changed. Owned. */
json_t *dns_values_with(const json_t *values, const char *text);
json_t *dns_values_without(const json_t *values, const char *text);

#endif
