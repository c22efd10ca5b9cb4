/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an issuer is to certroll: a driver with three functions. A new issuer is one file in this
 * folder that ends in a `const struct issuer_driver issuer_driver_<name>`; the build finds it.
 */
#ifndef CERTROLL_ISSUERS_ISSUER_H
#define CERTROLL_ISSUERS_ISSUER_H

#include "api/certificate_request.h"
#include "api/issuer.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/stop.h"
#include "issuers/keyring.h"
#include "kube/client.h"
#include "kube/store.h"
#include "net/http.h"
#include "pki/csr.h"

struct acme_accounts;

/* What drivers may use. */
struct issuer_env {
    const struct clock *clock;
    const struct rng *rng;
    const struct stop *stop;
    struct kube_client *kube;
    const struct http_transport *outside; /* to CAs */
    struct store secrets;                 /* metadata only */
    struct store orders;
    int orders_by_owner;  /* index: uid of the controller owner */
    int orders_by_issuer; /* index: "ns/name" of the issuer, "/name" of a ClusterIssuer */
    struct store issuers, cluster_issuers;
    int issuers_by_secret;         /* indexes: "ns/name" of Secrets in their specs */
    int cluster_issuers_by_secret; /* the name alone */
    struct keyring *keyring;
    struct acme_accounts *accounts;
    const char *cluster_resource_namespace; /* where a ClusterIssuer's Secrets are */
};

/* One request to be answered. All borrowed. */
struct issuance {
    const struct issuer *issuer;
    const struct certificate_request *request;
    const struct pki_csr *csr;
    bool may_begin;   /* the issuer is Ready; else only what is under way is looked at */
    int64_t duration; /* ns, defaulted */
    /* The Certificate behind the request, when its controller owner is one of ours: uid and revision
     * find the key in the keyring. */
    const char *certificate_uid;
    int64_t revision;
};

enum issuance_state { ISSUANCE_PENDING, ISSUANCE_ISSUED, ISSUANCE_FAILED };
struct issuance_result {
    enum issuance_state state;
    const char
        *reason;     /* static; of the Ready condition: "Pending", "Issued", "Failed" when NULL */
    char *message;   /* for people; owned */
    char *chain_pem; /* issued: leaf first; owned */
    char *ca_pem;    /* issued: may be NULL; owned */
    int64_t next;    /* pending: wall ns of the next look, 0 = a watched object will change */
};
void issuance_result_release(struct issuance_result *r);

/* What ensure_ready() found; strings are owned. */
struct issuer_readiness {
    bool ready;
    const char *reason; /* static */
    char *message;
    int64_t next;                   /* wall ns of the next look, 0 = none */
    bool has_acme;                  /* acme is to be put into the status, also when not ready */
    struct acme_issuer_status acme; /* owned strings */
};
void issuer_readiness_release(struct issuer_readiness *r);

struct issuer_driver {
    const char *name; /* the member of spec: "acme" */
    bool in_process;  /* answers at once and in this process: the key need not be stored first */
    bool (*configured)(const struct issuer_spec *spec);
    /* Makes the issuer usable (accounts, credentials). An error means "not ready, try again". */
    struct err *(*ensure_ready)(const struct issuer_env *env, const struct issuer *issuer,
                                struct issuer_readiness *ret_readiness);
    /* One step towards a certificate; idempotent. */
    struct err *(*issue)(const struct issuer_env *env, const struct issuance *issuance,
                         struct issuance_result *ret_result);
};

/* All drivers, NULL-terminated; generated from the files of this folder. */
extern const struct issuer_driver *const issuer_drivers[];

/* The driver that the spec names, or NULL: a kind this version does not know. */
const struct issuer_driver *issuer_driver_of(const struct issuer_spec *spec);

/* Where an issuer's own Secrets are: its namespace, or the cluster resource namespace. */
const char *issuer_secret_namespace(const struct issuer_env *env, const struct issuer *issuer);

#endif
