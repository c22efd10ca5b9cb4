/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one solver of one issuer lets a provider use: its configuration and the bytes of its Secrets, read once.
 * While a challenge is pending it is held in memory, so that what was put into a zone can be taken out of it when
 * Issuer and Secret are gone already.
 */
#ifndef CERTROLL_DNS01_ACCESS_H
#define CERTROLL_DNS01_ACCESS_H

#include "dns01/config.h"
#include "kube/client.h"

/* Of the process; all borrowed. */
struct dns_services {
    const struct clock *clock;
    const struct rng *rng;
    const struct stop *stop;
    struct kube_client *kube;
    const struct http_transport *http;
    const struct dns_transport *dns;
    struct dns_memory *memory;
};

/* Whose solver it is; borrowed. */
struct dns_tenant {
    const char *issuer_uid;
    const char *secret_namespace; /* of the issuer's Secrets and ServiceAccounts */
    bool ambient;                 /* may use what the process itself was given */
};

struct dns_access;
/* Parses text (see dns_config_parse()) and reads the Secrets that it names: one GET for each. Owned.
 * ERR_INVALID (InvalidSolver, InvalidSecret), ERR_NOT_FOUND (SecretNotFound), and what kube/client.h says. */
struct err *dns_access_new(const struct dns_services *services, const struct dns_tenant *tenant,
                           const char *text, const char *wait_instead,
                           struct dns_access **ret_access) MUST_CHECK;
/* Wipes. Accepts NULL. */
void dns_access_free(struct dns_access *a);
void dns_access_freep(struct dns_access **a);

/* Borrowed, as long as the access. */
const struct dns_config *dns_access_config(const struct dns_access *a);
const struct dns_env *dns_access_env(const struct dns_access *a);

/* Accesses by the key ("ns/name") of what holds them, which may be gone when they are dropped; for the object of that uid
 * alone, as another may come under its name. Thread-safe. What is got is borrowed until that key's next put or drop,
 * so only whoever works on that key may call these. */
struct dns_held;
struct dns_held *dns_held_new(void);
void dns_held_free(struct dns_held *h);
/* Takes over the access; one that the key had is freed. */
void dns_held_put(struct dns_held *h, const char *key, const char *uid, struct dns_access *access);
struct dns_access *dns_held_get(struct dns_held *h, const char *key, const char *uid);
void dns_held_drop(struct dns_held *h, const char *key);

#endif
