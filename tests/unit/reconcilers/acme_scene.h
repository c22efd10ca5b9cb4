/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An Issuer "acme" in namespace "shop" with an account that is registered at https://ca.test, for scenes in which
 * reconcilers talk to its CA. What the CA answers is planned by each test.
 */
#ifndef CERTROLL_TESTS_RECONCILERS_ACME_SCENE_H
#define CERTROLL_TESTS_RECONCILERS_ACME_SCENE_H

#include "reconciler_scene.h"

#define ACME_CA "https://ca.test"
#define ACME_ACCOUNT ACME_CA "/account/1"
#define ACME_ENDPOINTS                                                                             \
    "\"newNonce\":\"" ACME_CA "/nonce\",\"newAccount\":\"" ACME_CA "/new-account\","               \
    "\"newOrder\":\"" ACME_CA "/new-order\",\"renewalInfo\":\"" ACME_CA "/ari\","                  \
    "\"revokeCert\":\"" ACME_CA "/revoke\""
#define ACME_REF "\"issuerRef\":{\"name\":\"acme\"}"
#define ACME_OWNED(kind, name, uid)                                                                \
    "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"" kind                    \
    "\",\"name\":\"" name "\",\"uid\":\"" uid "\",\"controller\":true}]"
#define ACME_PROBLEM(type) "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"no\"}"

/* Puts the Issuer, with more members of spec.acme (each begins with a comma), and plans that its key is read
 * once. */
void acme_scene_issuer(struct scene *s, const char *more);
/* A ClusterIssuer "acme" instead. */
void acme_scene_cluster_issuer(struct scene *s, const char *more);
/* Puts the CertificateRequest "web-1" and its Order "o": pending at the CA, with one authorization. */
void acme_scene_pending_order(struct scene *s);
/* Plans an answer to GET /dir: the endpoints and more members. */
void acme_scene_directory(struct scene *s, const char *more);
/* Plans a nonce and the answer to one signed POST. */
void acme_scene_post(struct scene *s, const char *path, int status, const char *headers,
                     const char *body);
/* What the i-th request said: the payload of its JWS. Owned; NULL for POST-as-GET. */
json_t *acme_scene_payload(struct scene *s, size_t i);

#endif
