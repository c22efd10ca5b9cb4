/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 certificates (RFC 5280): read, self-signed, and chains of them. */
#ifndef CERTROLL_PKI_CERT_H
#define CERTROLL_PKI_CERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "pki/csr.h"
#include "pki/key.h"
#include "pki/names.h"

#define PKI_CERT_PEM_MAX 36500 /* one certificate */
#define PKI_CHAIN_PEM_MAX 95000

/* What we need to know of a certificate. */
struct pki_cert {
    struct pki_names names; /* normalized */
    char *issuer;           /* RFC 2253 text, for messages */
    char *serial;           /* lower-case hex */
    char *ari_id;           /* its name in RFC 9773 section 4.1; NULL without an AKI */
    int64_t not_before;     /* wall ns */
    int64_t not_after;
    bool is_ca;
    bool self_issued; /* issuer equals subject */
    struct pki_usages usages;
    char fingerprint[PKI_SHA256_HEX]; /* SHA-256 of the DER */
    struct pki_key *public_key;
};
void pki_cert_release(struct pki_cert *c);

/* Reads the first certificate (the leaf) of a PEM text of at most PKI_CHAIN_PEM_MAX bytes; any other
 * PEM label than CERTIFICATE is ERR_INVALID (RFC 8555 section 9.1). */
struct err *pki_cert_parse(const void *pem, size_t len, struct pki_cert *ret_cert) MUST_CHECK;

/* The DER of the first certificate of a PEM text, owned. */
struct err *pki_cert_der(const void *pem, size_t len, unsigned char **ret_der, size_t *ret_len)
    MUST_CHECK;

/* Checks a chain and brings it into order: leaf first, each signed by the next, the root (signed by
 * itself) cut off into ret_ca when there is one. ret_chain and ret_ca are owned PEM; ret_ca is NULL
 * when the chain holds no root. A self-signed leaf is both. */
struct err *pki_chain_arrange(const void *pem, size_t len, char **ret_chain, char **ret_ca)
    MUST_CHECK;

/* Does the chain lead to what is preferred: a certificate of it, or the issuer of one, has that common name, or, with
 * "spki:" before 64 hex digits, a certificate of it has a public key with that SHA-256? False also for what is no
 * chain. */
#define PKI_PREFERRED_SPKI "spki:"
bool pki_chain_is_preferred(const void *pem, size_t len, const char *preferred);

struct pki_self_sign_spec {
    const struct pki_csr *csr;
    const struct pki_key *key;       /* the private half of the CSR's key */
    const struct pki_usages *usages; /* what the certificate shall carry */
    bool is_ca;
    int64_t not_before; /* wall ns, cut to seconds */
    int64_t not_after;
    const struct strlist *crl_distribution_points; /* may be NULL */
};
/* A certificate signed by its own key: PEM, owned. Serial: 128 random bits. */
struct err *pki_cert_self_sign(const struct pki_self_sign_spec *spec, char **ret_pem) MUST_CHECK;

#endif
