/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens that a credential is traded for (OAuth 2.0, RFC 6749 sections 4 and 5), and form bodies. */
#ifndef CERTROLL_DNS01_PROVIDER_TOKEN_H
#define CERTROLL_DNS01_PROVIDER_TOKEN_H

#include "dns01/provider_http.h"

#define DNS_FORM "application/x-www-form-urlencoded"
#define DNS_FORM_MAX 65536

/* Appends "name=value", after a "&" where there is something before; value is escaped. */
struct err *dns_form_add(struct buf *form, const char *name, const char *value) MUST_CHECK;

/* A ServiceAccount whose token a cloud trusts, as in an Issuer: {name, audiences}. */
struct dns_service_account_ref {
    const char *name;
    struct bind_strings audiences;
};
extern const struct bind_table dns_service_account_ref_table;
/* Its token, for its audiences, else for the cloud's usual one. */
struct err *dns_service_account_token(const struct dns_env *env,
                                      const struct dns_service_account_ref *ref,
                                      const char *usual_audience, struct secret *ret_token)
    MUST_CHECK;

/* The token that is remembered under that key; false when there is none. */
bool dns_token_known(const struct dns_env *env, const char *key, struct secret *ret_token);

struct dns_token_source {
    const char *key;  /* in the memory, until 5 minutes before it ends */
    const char *url;  /* of the token endpoint */
    const char *what; /* for messages: "tenant contoso" */
    const struct buf *form;
};
/* Posts the form. What the endpoint refuses (400, 401) is ERR_DENIED, reason Unauthorized, with its own code and
 * description. */
struct err *dns_token_fetch(const struct dns_env *env, const struct dns_token_source *source,
                            struct secret *ret_token) MUST_CHECK;

struct dns_machine_request {
    const char *method, *url;
    const char *what;          /* for messages */
    struct http_header header; /* one that such servers want, so that no redirect leads to them */
};
/* A call to who tells the machine or workload that certroll itself runs as about itself: link-local, so the one call that is
 * not guarded. url is a constant of the provider or of certroll's environment, never of a tenant; ERR_DENIED, reason
 * CredentialsMissing, unless env->ambient. A status other than 2xx is an error. At most 2 s: where there is no such
 * server nothing answers. */
struct err *dns_machine_ask(const struct dns_env *env, const struct dns_machine_request *r,
                            struct http_response *ret_response) MUST_CHECK;
/* The token that such a server answers with, remembered as source says. */
struct err *dns_token_of_machine(const struct dns_env *env, const struct dns_token_source *source,
                                 const struct http_header *header, struct secret *ret_token)
    MUST_CHECK;

#endif
