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
/* The base64 of a CSR for a.test, *.a.test and 2001:db8::1. */
#define ACME_CSR                                                                                   \
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIN01JR2lBZ0VBTUFBd1dUQVRCZ2NxaGtqT1BR"     \
    "SUJCZ2dxaGtqT1BRTUJCd05DQUFUMGRiMlIzRkswV2NSUwpCTlhHZnlsTnYrMzlUNUxFOWZKZG1NZzVEODNORXpM"     \
    "eUxXNVFpamRISVdueVhBY0w5OUUrY0VCdUlwSnM5N0ptCnA1ZXB4bHd3b0VBd1BnWUpLb1pJaHZjTkFRa09NVEV3"     \
    "THpBdEJnTlZIUkVFSmpBa2dnWmhMblJsYzNTQ0NDb3UKWVM1MFpYTjBoeEFnQVEyNEFBQUFBQUFBQUFBQUFBQUJN"     \
    "QW9HQ0NxR1NNNDlCQU1DQTBnQU1FVUNJUUN2NFFOUQo4N2xwSzZPb1RselpMbHJvSVd6MERyNmF6VkhiS3gwbUZk"     \
    "aG5aZ0lnYy8rTUoxYnNmc1Mya0VyT1ovY2M2ckZBCkRHaHZxdTJRUzhiYmxvNitIalk9Ci0tLS0tRU5EIENFUlRJ"     \
    "RklDQVRFIFJFUVVFU1QtLS0tLQo="
/* What the Order "o" calls the Challenge of ACME_CA "/authz/1". */
#define ACME_CHALLENGE "o-c3c844c653"
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
