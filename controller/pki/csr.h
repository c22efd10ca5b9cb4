/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate signing requests, PKCS#10 (RFC 2986). */
#ifndef CERTROLL_PKI_CSR_H
#define CERTROLL_PKI_CSR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "pki/key.h"
#include "pki/names.h"

#define PKI_CSR_PEM_MAX 65536

struct pki_csr_spec {
    const struct pki_names *names;   /* normalized */
    bool is_ca;                      /* basicConstraints CA:TRUE is asked for */
    const struct pki_usages *usages; /* NULL: no usages in the request */
};

/* PEM, owned, signed by key. */
struct err *pki_csr_make(const struct pki_csr_spec *spec, const struct pki_key *key, char **ret_pem)
    MUST_CHECK;

struct pki_csr {
    struct pki_names names; /* normalized */
    bool is_ca;
    struct pki_usages usages;
    struct pki_key_spec key_spec;
    unsigned char key_id[PKI_KEY_ID]; /* which key of these; for pki_csr_is_for() */
    char *der;                        /* owned, der_len bytes: what ACME's finalize sends */
    size_t der_len;
};
/* Parses and verifies the self-signature; ERR_INVALID, reason InvalidRequest. Subject attributes and
 * SANs that struct pki_names cannot hold are refused, never dropped. */
struct err *pki_csr_parse(const void *pem, size_t len, struct pki_csr *ret_csr) MUST_CHECK;
void pki_csr_release(struct pki_csr *csr);
/* Is it for this key, or its public half? */
bool pki_csr_is_for(const struct pki_csr *csr, const struct pki_key *key);

#endif
