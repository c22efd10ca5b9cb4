/* SPDX-License-Identifier: Apache-2.0 */
/* An Issuer of an ACME CA and what the script of issuer_scene.h plans for it; include cmocka.h and what it needs first. */
#ifndef CERTROLL_TESTS_ISSUERS_ACCOUNT_SCENE_H
#define CERTROLL_TESTS_ISSUERS_ACCOUNT_SCENE_H

#include "issuer_scene.h"

#define CA "https://ca.test"
#define GET_KEY "GET https://api/api/v1/namespaces/shop/secrets/account"
#define POST_KEY "POST https://api/api/v1/namespaces/shop/secrets"
#define EXISTS "{\"kind\":\"Status\",\"reason\":\"AlreadyExists\",\"code\":409}"
#define JSON "content-type: application/json\n"
#define VALID "{\"status\":\"valid\"}"
#define PROBLEM(type, detail)                                                                      \
    "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"" detail "\"}"

/* An Issuer under test: acme and status are changed by the tests. */
struct subject {
    struct acme_issuer acme;
    struct issuer issuer;
};
void subject_init(struct subject *s);
/* What the reconciler does with a result; the strings stay the result's. */
void adopt(struct subject *s, const struct issuer_readiness *r);

/* The Secret of the account key is read. */
void plan_key(struct issuer_scene *s, const struct pki_key *key);
/* Directory and nonce; meta is JSON of the directory's meta, NULL for one with terms. */
void plan_directory_meta(struct issuer_scene *s, const char *ca, const char *meta);
void plan_directory(struct issuer_scene *s, const char *ca);
/* An answer to newAccount; CA "/acct/1" is its Location. */
void plan_account(struct issuer_scene *s, const char *ca, int status, const char *body);

/* The payload of the JWS that the i-th request sent. Owned. */
json_t *payload(const struct issuer_scene *s, size_t i);

/* acme_account_ensure() ends well. */
void ensured(struct issuer_scene *s, const struct subject *x, struct issuer_readiness *r);
#define READINESS AUTO(issuer_readiness_release) struct issuer_readiness
/* Registers x with key; r holds what the status says from then on. */
void registered(struct issuer_scene *s, struct subject *x, const struct pki_key *key,
                struct issuer_readiness *r);

#endif
