/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reconcilers see of the world: caches, clients and seams. Made once by setup.c; the same in
 * production and in the simulator.
 */
#ifndef CERTROLL_RECONCILERS_ENV_H
#define CERTROLL_RECONCILERS_ENV_H

#include "acme/caa.h"
#include "api/certificate.h"
#include "api/certificate_request.h"
#include "api/challenge.h"
#include "api/group.h"
#include "api/issuer.h"
#include "api/kinds.h"
#include "api/order.h"
#include "api/tls_secret.h"
#include "base/feature.h"
#include "budget/budgets.h"
#include "dns01/access.h"
#include "dns01/zone.h"
#include "http01/tier.h"
#include "issuers/acme_account.h"
#include "issuers/issuer.h"
#include "kube/controller.h"
#include "kube/events.h"
#include "kube/store.h"
#include "net/dns.h"
#include "reconcilers/fresh_keys.h"
#include "reconcilers/memo.h"
#include "rollout/workload.h"

/* How status begins to say that the API server refuses what is needed. */
#define DENIED_HERE "Kubernetes does not allow it, grant the right or raise the quota: "

struct turns;
struct renewal_board;
struct solver_needs;

struct env_config {
    const char *namespace;                  /* the only one that is watched, NULL for all */
    const char *cluster_resource_namespace; /* where a ClusterIssuer's Secrets are */
    const char *own_namespace;              /* where we keep what is ours; NULL = nowhere */
    const char *prepare_namespaces;         /* "a,b": where prepare hooks may run; NULL = nowhere */
    const char *solver_image;
    struct features features;
    struct http01_responder responder; /* where our own replicas answer */
    bool cluster_issuer_ambient; /* a ClusterIssuer's DNS providers may use what certroll itself */
    bool issuer_ambient;         /* has: environment, files; and those of an Issuer */
    bool trust_requesters;       /* an admission policy checks whom requests name as requester */
    int64_t solver_linger;       /* ns a solver stays after it was last needed */
    int64_t failure_backoff_min; /* ns after the first failed issuance, doubling */
    int64_t failure_backoff_max;
    int64_t renewal_jitter; /* ns over which renewals are spread; 0 = not at all */
};

struct env_controllers {
    struct controller *certificate;
    struct controller *request;
    struct controller *issuer; /* both scopes: a ClusterIssuer's key has no namespace */
    struct controller *order;
    struct controller *challenge;
    struct controller *renewal_info;
    struct controller *revocation;
    struct controller *budgets; /* one key: stores what was spent */
    struct controller *solver;
    struct controller *rollout[WORKLOAD_KINDS];
};

struct env {
    struct env_config config;
    const struct clock *clock;
    const struct rng *rng;
    const struct stop *stop;
    struct kube_client *kube;
    const struct http_transport *outside; /* CAs and self-checks */
    const struct dns_transport *dns;
    struct acme_caa *caa;
    const struct event_sink *events;

    struct store certificates;
    struct store requests;
    struct store issuers;
    struct store cluster_issuers;
    struct store orders;
    struct store challenges;
    struct store secrets;
    struct store workloads[WORKLOAD_KINDS];

    /* Indexes; see setup.c for their values. */
    int certificates_by_secret;
    int certificates_by_issuer;
    int requests_by_owner;
    int requests_by_issuer;
    int orders_by_owner;
    int orders_by_issuer;
    int orders_by_names; /* those that are not over */
    int challenges_by_owner;
    int challenges_by_token;
    int challenges_by_issuer;
    int secrets_by_owner;
    int issuers_by_secret;
    int cluster_issuers_by_secret;
    int workloads_by_secret[WORKLOAD_KINDS];

    struct issuer_env issuer_env;
    struct fresh_keys *fresh_keys;
    struct memo *polls; /* by uid: how often an order or challenge was looked at */
    struct memo
        *proven; /* Challenges by uid that are valid, and names that a namespace has proven */
    struct memo *reused;  /* see order_challenges.c: authorizations that the CA has reused */
    struct memo *placed;  /* by uid of the Order: URL of an ACME order that is not in status yet */
    struct memo *aliases; /* see order_solvers.c: where names lead, of Orders that are not placed */
    struct memo *lost;    /* see order_recall.c: orders that the CA may have, without a URL here */
    struct memo *abandoned; /* see order_abandon.c: authorizations that nobody needs */
    struct memo *presented; /* by key of the Order: when, by which tiers, and what is waited for */
    struct http01_env http01;
    struct dns_services dns01;
    struct dns_zones *dns_zones;
    struct memo *dns_notes;    /* see challenge_record.h */
    struct dns_held *dns_held; /* by key of the Challenge: with what its record was made */
    struct turns *turns;       /* "record NAME", "zone ZONE", "look", "large key", "order DIGEST" */
    unsigned dns_looks;        /* at once, so that there are threads for others */
    struct renewal_board *renewal_board;
    struct memo *outages;   /* see outage.h */
    struct memo *forbidden; /* as well */
    struct memo
        *revoked; /* by uid of the Certificate: how its wish ended, until that is in status */
    struct solver_needs *solver_needs;
    struct budgets *budgets;

    struct env_controllers controllers;
};

/* "ns/name" of what an issuerRef in namespace ns means: "/name" for a ClusterIssuer. */
void issuer_key(const struct issuer_ref *ref, const char *ns, char out[KUBE_KEY_MAX + 1]);

/* The issuer behind a reference, referenced; NULL when it does not exist. */
struct err *env_issuer(const struct env *env, const struct issuer_ref *ref, const char *ns,
                       const struct issuer **ret_issuer) MUST_CHECK;
bool issuer_is_ready(const struct issuer *issuer);

/* Emits an event about an object of ours. */
void env_event(const struct env *env, const struct kube_kind *kind, const void *object,
               bool warning, const char *reason, const char *note);

/* The earlier of two wall times, where 0 means never. */
int64_t earlier(int64_t a, int64_t b);

#endif
