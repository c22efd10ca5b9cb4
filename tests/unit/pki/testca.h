/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate authority for tests, written with OpenSSL alone: independent of what is tested. */
#ifndef CERTROLL_TEST_PKI_TESTCA_H
#define CERTROLL_TEST_PKI_TESTCA_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "pki/key.h"
#include "pki/names.h"

/* The present of all tests: 2026-01-01T00:00:00Z. */
#define TEST_NOW (INT64_C(1767225600) * NS_PER_SEC)

struct issued {
    EVP_PKEY *key;
    X509 *cert;
    char *pem;
    char *key_pem; /* PKCS#8 */
};
struct issue_spec {
    const char *cn;        /* NULL: empty subject */
    const char *sans;      /* "DNS:a.example.com,IP:192.0.2.1"; may be NULL */
    const char *key_usage; /* "digitalSignature"; may be NULL */
    bool is_ca;
    bool sha1;                   /* signed with what TLS no longer trusts */
    int64_t from;                /* ns after TEST_NOW */
    int64_t until;               /* 0: 90 days */
    const struct issued *issuer; /* NULL: self-signed */
    EVP_PKEY *key;               /* NULL: a fresh P-256 key; borrowed */
};
void issue(const struct issue_spec *spec, struct issued *ret_issued);
void issued_release(struct issued *i);

/* A text of PEM joined together, owned. */
char *join(const char *a, const char *b);
char *cert_pem(const X509 *cert);
char *private_pem(const EVP_PKEY *key);
EVP_PKEY *private_from_pem(const char *pem, size_t len);
/* The first certificate or request of a text. */
X509 *cert_from_pem(const char *pem);
X509_REQ *request_from_pem(const char *pem);

struct pki_key *new_key(enum pki_key_algorithm algorithm, int size);
/* Normalized names: one common name (or NULL) and comma-separated DNS names (or NULL). */
struct pki_names new_names(const char *cn, const char *dns);

/* Fails the test with the message of e, or does nothing. */
void assert_ok(struct err *e);
/* e is ERR_INVALID with that reason and has this text in its message; it is freed. OpenSSL's error
 * queue is empty. */
void assert_refused(struct err *e, const char *reason, const char *text);

#endif
