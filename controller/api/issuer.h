/* SPDX-License-Identifier: Apache-2.0 */
/* Issuer and ClusterIssuer: one struct, two kinds. */
#ifndef CERTROLL_API_ISSUER_H
#define CERTROLL_API_ISSUER_H

#include "api/common.h"

/* Only what selection and building need is typed; pod templates stay JSON and are merged. */
struct http01_ingress {
    const char *service_type; /* "ClusterIP" (default) or "NodePort" */
    const char *ingress_class_name;
    const char *class_name;       /* the annotation of old */
    const char *name;             /* of an Ingress that is there and is given the paths; or NULL */
    const char *pod_template;     /* JSON: metadata{annotations,labels}, spec{...} */
    const char *ingress_template; /* JSON: metadata{annotations,labels} */
};
/* What an HTTPRoute attaches to (Gateway API, ParentReference). */
struct gateway_parent_ref {
    const char *group;     /* NULL = gateway.networking.k8s.io */
    const char *kind;      /* NULL = Gateway */
    const char *namespace; /* NULL = that of the route */
    const char *name;
    const char *section_name; /* of a listener, NULL for all */
    int64_t port;             /* of listeners, 0 for all */
};
struct http01_gateway {
    const char *service_type; /* as in http01_ingress; pod and Service only where there are any */
    const char *pod_template;
    struct bind_map labels; /* of the HTTPRoute */
    BIND_LIST_OF(struct gateway_parent_ref) parent_refs;
};
/* certroll's own replicas answer; a route in certroll's own namespace leads to them, or one in that of the Certificate:
 * of the Gateway API, or an Ingress with an EndpointSlice. */
struct http01_shared {
    const char *ingress_class_name;
    const char *class_name;
    const char *ingress_template;
    bool standing;       /* the route stays for the next renewal */
    bool endpoint_slice; /* the Ingress is in the Certificate's namespace */
    const struct http01_gateway *gateway;
};
/* Whether the answer is looked at before the CA is asked to, and where. */
struct http01_self_check {
    const char *mode;                /* "dns" (default), "ingressStatus", "wait" or "none" */
    int64_t wait;                    /* ns, for "wait" */
    struct bind_strings nameservers; /* "ADDRESS" or "ADDRESS:PORT" instead of the system's */
};
/* The name's own web server sends the CA on to a host where certroll's replicas answer. */
struct http01_redirect {
    const char *url; /* http or https, a host, port 80 or 443 */
    const char *ingress_class_name;
    const char *ingress_template;
};
struct solver_http01 {
    const struct http01_ingress *ingress;
    const struct http01_gateway *gateway;
    const struct http01_shared *shared;
    const struct http01_redirect *redirect;
    const char *external; /* JSON, an empty object: somebody else's web server answers */
    const struct http01_self_check *self_check;
};
struct solver_selector {
    struct bind_map match_labels;
    struct bind_strings dns_names;
    struct bind_strings dns_zones;
};
struct acme_solver {
    struct solver_selector selector;
    const struct solver_http01 *http01;
    const char *dns01;                      /* JSON: read by dns01/config.h */
    const char *dns_persist01;              /* likewise */
    const char *wait_instead_of_self_check; /* a duration as text, because 0s means something */
};
extern const struct bind_table acme_solver_table;

/* RFC 8555 section 7.3.4. */
struct acme_external_account {
    const char *key_id;
    struct secret_key_selector key_secret_ref; /* the MAC key, as the CA shows it */
    const char *key_algorithm;                 /* "HS256" (default), "HS384" or "HS512" */
};

/* A key that certroll makes; one that is in the Secret already is used as it is. */
struct acme_account_key {
    const char *algorithm; /* "ES256" (default), "ES384", "RS256" or "EdDSA" */
    int64_t size;          /* of RS256: 2048 (default), 3072 or 4096 bits; else 0 */
    int64_t rotate_after;  /* ns after which the account gets another; 0 = never */
};

/* count in each period; 0 = no limit. */
struct acme_limit {
    int64_t count;
    int64_t period; /* ns */
};
/* NULL or 0 = what the server publishes, where we know it. */
struct acme_limits {
    const struct acme_limit *orders_per_account;
    const struct acme_limit *certificates_per_registered_domain;
    const struct acme_limit *certificates_per_exact_set;
    const struct acme_limit *failed_authorizations;
    int64_t max_issuances_per_day; /* 0 = no limit */
};

/* What is done before an order and undone after it: one of the two. */
struct secret_ref {
    const char *name;
};
struct acme_prepare_http {
    const char *url;
    const char *method; /* "POST" (default) or "PUT" */
    struct secret_ref headers_from;
    int64_t timeout; /* ns; 0 = 10 s */
};
struct acme_prepare_job {
    const char *template; /* JSON: metadata, spec */
    const char *undo;     /* the same; NULL = deleting the Job is enough */
    int64_t timeout;      /* ns until it must be ready or complete; 0 = 5 min */
};
struct acme_prepare {
    const struct acme_prepare_http *http;
    const struct acme_prepare_job *job;
};
extern const struct bind_table acme_prepare_table;
extern const struct bind_table acme_prepare_http_table;

struct acme_issuer {
    const char *server;
    const char *email;
    const char *ca_bundle; /* base64 of PEM */
    bool skip_tls_verify;
    const struct acme_external_account *external_account_binding;
    struct secret_key_selector private_key_secret_ref;
    struct acme_account_key account_key;
    bool disable_account_key_generation;
    const char *preferred_chain;
    const char *profile;                      /* required */
    const char *preferred_profile;            /* taken when the CA offers it */
    const char *polling;                      /* "early" (default) or "hint" */
    const char *renewal_info;                 /* "enabled" (default) or "disabled" */
    BIND_LIST_OF(struct issuer_ref) failover; /* who issues when this one does not */
    int64_t failover_attempts;                /* failures in a row before that; default 3 */
    int64_t failover_outage;                  /* ns; default 10 min */
    const char *caa;                          /* "check" (default) or "off" */
    const char *name_ownership; /* "First" or "Any"; NULL = First, in the drop-in Any */
    struct acme_limits limits;
    const struct acme_prepare *prepare;
    BIND_LIST_OF(struct acme_solver) solvers;
};

struct self_signed_issuer {
    struct bind_strings crl_distribution_points;
};

/* These names are for namespaces with these labels. */
struct allowed_names {
    struct label_selector namespace_selector;
    struct bind_strings names; /* "shop.example.com", "*.example.com" for all below it, "*" */
};

struct issuer_spec {
    const struct acme_issuer *acme;
    const struct self_signed_issuer *self_signed;
    BIND_LIST_OF(struct allowed_names) allowed_names;
};

struct acme_issuer_status {
    const char *uri;
    const char *last_registered_email;
    const char *last_private_key_hash;
    const char *thumbprint; /* of the account key (RFC 7638): what answers to challenges end in */
    const char *terms_of_service;
    int64_t key_since;        /* wall ns; 0 = not known */
    const char *key_rotation; /* the value of API_ROTATE_ACCOUNT_KEY that was last acted on */
};
struct issuer_status {
    condition_list conditions;
    struct acme_issuer_status acme;
};

struct issuer {
    struct kube_object obj; /* meta.namespace is NULL for a ClusterIssuer */
    struct issuer_spec spec;
    struct issuer_status status;
};
/* Two issuers with one directory are one CA: an order of either is spent in earnest, or of neither. */
bool issuer_is_same_ca(const struct issuer *a, const struct issuer *b);
extern const struct bind_table issuer_table;
extern const struct bind_table issuer_spec_table;
extern const struct bind_table issuer_status_table;

#endif
