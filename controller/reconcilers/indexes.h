/* SPDX-License-Identifier: Apache-2.0 */
/* What cached objects can be found by. Each is a cache_index_fn. */
#ifndef CERTROLL_RECONCILERS_INDEXES_H
#define CERTROLL_RECONCILERS_INDEXES_H

/* The uid of the controller owner. */
void index_owner(const void *object, void (*emit)(void *arg, const char *value), void *arg);
/* "ns/secret" of spec.secretName. */
void index_certificate_secret(const void *object, void (*emit)(void *arg, const char *value),
                              void *arg);
/* issuer_key() of spec.issuerRef, and of a Certificate's spec.preflight.issuerRef, when the issuer is one of ours. */
void index_certificate_issuer(const void *object, void (*emit)(void *arg, const char *value),
                              void *arg);
void index_request_issuer(const void *object, void (*emit)(void *arg, const char *value),
                          void *arg);
void index_order_issuer(const void *object, void (*emit)(void *arg, const char *value), void *arg);
void index_challenge_issuer(const void *object, void (*emit)(void *arg, const char *value),
                            void *arg);
/* spec.token. */
void index_challenge_token(const void *object, void (*emit)(void *arg, const char *value),
                           void *arg);
/* "ns/secret" of all credentials: the account key, the binding's, the headers of a hook and what DNS providers need, once
 * for each mention; a ClusterIssuer's are found under "secret". */
void index_issuer_secret(const void *object, void (*emit)(void *arg, const char *value), void *arg);
/* "ns/secret" of each Secret that the pods use. */
void index_workload_secret(const void *object, void (*emit)(void *arg, const char *value),
                           void *arg);

#endif
