/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a DNS provider is to certroll: a way to put one TXT value at a name and to take it away again. A new
 * provider is one file in providers/ that ends in `const struct dns_provider dns_provider_<name> = {`; the
 * build finds it. It sees neither Kubernetes nor ACME: what it may use is in struct dns_env.
 */
#ifndef CERTROLL_DNS01_PROVIDER_H
#define CERTROLL_DNS01_PROVIDER_H

#include "base/clock.h"
#include "base/rand.h"
#include "base/secret.h"
#include "base/stop.h"
#include "json/bind.h"
#include "net/dns.h"
#include "net/http.h"

#define DNS_RECORD_ID_MAX 256 /* characters of what present() returns; longer is an error */

/* A key of a Secret, as users write it: {name, key}. */
struct dns_secret_ref {
    const char *name;
    const char *key;
};
extern const struct bind_table dns_secret_ref_table;
/* The same where there may be none: clients of cert-manager's API then write {name: ""}. */
extern const struct bind_table dns_secret_ref_or_none_table;

/* Whose token, and for whom (TokenRequest). */
struct dns_token_request {
    const char *service_account; /* in the namespace of the issuer's Secrets */
    const char *const *audiences;
    size_t audience_count;
};

struct dns_memory;

/* What providers may use; made by the engine for one issuer. All borrowed. */
struct dns_env {
    const struct clock *clock;
    const struct rng *rng;
    const struct stop *stop;
    const struct http_transport *http; /* call it by dns_http() of dns01/provider_http.h */
    const struct dns_transport *dns;
    struct dns_memory *memory; /* see dns01/provider_memory.h */
    const char *scope;         /* of the memory: another issuer, spec or credential has another */
    const char *resource_namespace; /* where the issuer's Secrets are: told to webhooks */
    bool ambient; /* what the process itself was given (environment, files) may be used */

    /* The bytes of a Secret's key without white space at the end; field names the reference in messages:
     * "apiTokenSecretRef". ERR_NOT_FOUND, reason SecretNotFound; ERR_INVALID, reason InvalidSecret, for an
     * empty one. To be released with secret_release(). */
    struct err *(*secret)(const struct dns_env *env, const struct dns_secret_ref *ref,
                          const char *field, struct secret *ret_secret);
    /* A token of a ServiceAccount, good for 10 minutes at least. */
    struct err *(*token)(const struct dns_env *env, const struct dns_token_request *request,
                         struct secret *ret_token);
    /* POST to the API server as certroll itself (aggregated APIs); any HTTP status is success. */
    struct err *(*cluster_post)(const struct dns_env *env, const char *path, const json_t *body,
                                int *ret_status, json_t **ret_reply);
    /* A variable of the environment, NULL when it is not set or env->ambient is false. */
    const char *(*variable)(const struct dns_env *env, const char *name);
    void *ctx;
};

/* One value at one name. All borrowed. */
struct dns_value {
    const char
        *name; /* "_acme-challenge.example.com": where the CNAMEs end; lower case, no final dot */
    const char *zone; /* "example.com": the zone that DNS shows it in; no final dot */
    const char
        *text; /* of the TXT record: printable ASCII without quotes or backslashes, at most 255 */
    const char *domain; /* whose challenge it is: told to webhooks */
    const char *id;     /* what present() returned to this process: NULL when it was lost, or there
                           was none */
    bool fresh;         /* certroll knows that it has never asked for it to be put there */
};

/* Errors of all three: a message that says which zone, record or credential, and what to do. Kinds and
 * reasons are those of dns01/provider_http.h; the engine waits and repeats whatever the kind, so that a
 * corrected credential is all that a user has to see to. */
struct dns_provider {
    const char *name; /* the member of dns01 in an Issuer: "cloudflare" */
    const struct bind_table
        *config; /* of that member; secret references are struct dns_secret_ref */
    /* What the schema cannot say: ERR_INVALID with the field; NULL when it says all. No I/O. */
    struct err *(*check)(const void *config);
    /* Adds the value beside the others of that name; a value that is there already is success. ret_id: the
     * provider's own id of it, owned, or left NULL. */
    struct err *(*present)(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id);
    /* Is what present() did on its way to the servers no more? NULL where the API does not tell. */
    struct err *(*settled)(const struct dns_env *env, const void *config, const struct dns_value *v,
                           bool *ret_settled);
    /* Takes this value away and leaves the others; one that is not there is success, a zone that is not
     * there too. */
    struct err *(*clean_up)(const struct dns_env *env, const void *config,
                            const struct dns_value *v);
};

/* All providers, NULL-terminated; generated from the files of providers/. */
extern const struct dns_provider *const dns_providers[];
/* By the member's name; NULL for one that this version does not know. */
const struct dns_provider *dns_provider_of(const char *name);

/* The part of name before its zone: "_acme-challenge.www"; "@" for the zone itself; NULL when the name is not in
 * it. Owned. */
char *dns_relative_name(const char *name, const char *zone);
/* The next zone to look for, "example.com" after "www.example.com"; NULL when only one label is left.
 * Points into zone. */
const char *dns_parent_zone(const char *zone);

/* Is content, as APIs show it with or without quotes, this text? NULL is none. */
bool dns_text_is(const char *content, const char *text);
/* With quotes around it. Owned. */
char *dns_text_quoted(const char *text);

#endif
