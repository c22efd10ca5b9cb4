/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a test, made on the spot with the OpenSSL API. */
#ifndef CERTROLL_TESTS_SUPPORT_TLS_IDENTITY_H
#define CERTROLL_TESTS_SUPPORT_TLS_IDENTITY_H

struct tls_identity {
    char *cert_pem;
    char *key_pem; /* PKCS#8, P-256 */
};

/* A CA when issuer is NULL (then san is not looked at), else a leaf of it. san is an OpenSSL
 * subjectAltName value such as "IP:127.0.0.1,DNS:localhost". Valid for an hour. */
struct tls_identity tls_identity_new(const struct tls_identity *issuer, const char *common_name,
                                     const char *san);
void tls_identity_release(struct tls_identity *id);

/* A leaf for the key of a PEM CSR and that san, valid from 2020 to 2100. PEM, owned. */
char *tls_identity_sign(const struct tls_identity *issuer, const char *csr_pem, const char *san);

#endif
