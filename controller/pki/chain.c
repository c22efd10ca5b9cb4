/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: read from PEM, brought into order. */
#include <openssl/x509v3.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "pki/cert.h"
#include "pki/internal.h"
#include "pki/pem.h"
#include "pki/recent.h"

static struct err *decode_block(const struct pem_block *b, size_t number, X509 **ret_cert)
{
    if (!pem_is(b, "CERTIFICATE"))
        return err_new(ERR_INVALID, "InvalidCertificate",
                       "certificate: PEM block %zu is not a CERTIFICATE", number);
    if (b->pem_len > PKI_CERT_PEM_MAX)
        return err_new(ERR_INVALID, "InvalidCertificate",
                       "certificate: PEM block %zu has %zu bytes, at most %d are accepted", number,
                       b->pem_len, PKI_CERT_PEM_MAX);
    *ret_cert = recent_cert(b->der, b->der_len);
    if (*ret_cert != NULL)
        return NULL;
    const unsigned char *p = (const unsigned char *)b->der;
    const unsigned char *end = p + b->der_len;
    AUTO(X509_freep) X509 *cert = d2i_X509(NULL, &p, (long)b->der_len);
    if (cert == NULL || p != end)
        return openssl_err(ERR_INVALID, "InvalidCertificate", "certificate: cannot decode");
    recent_cert_add(b->der, b->der_len, cert);
    *ret_cert = TAKE(cert);
    return NULL;
}

struct err *x509_chain_parse(const void *pem, size_t len, x509_chain **ret_chain)
{
    struct pem_reader r = {.what = "certificate", .reason = "InvalidCertificate"};
    TRY(pem_open(&r, pem, len, PKI_CHAIN_PEM_MAX));
    AUTO(x509_chain_freep) x509_chain *chain = sk_X509_new_null();
    openssl_must(chain != NULL);
    for (;;) {
        AUTO(pem_block_release) struct pem_block b = {0};
        TRY(pem_next(&r, &b));
        if (b.der == NULL)
            break;
        if (r.blocks > PKI_CHAIN_MAX)
            return err_new(ERR_INVALID, "InvalidCertificate",
                           "certificate: more than %d certificates in the chain", PKI_CHAIN_MAX);
        X509 *cert;
        TRY(decode_block(&b, r.blocks, &cert));
        openssl_must(sk_X509_push(chain, cert) > 0);
    }
    if (sk_X509_num(chain) == 0)
        return err_new(ERR_INVALID, "InvalidCertificate", "certificate: no PEM block found");
    *ret_chain = TAKE(chain);
    return NULL;
}

bool x509_issued_by(X509 *cert, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    return key != NULL && X509_check_issued(issuer, cert) == X509_V_OK &&
           X509_verify(cert, key) == 1;
}

static bool contains(const x509_chain *chain, const X509 *cert)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if (X509_cmp(sk_X509_value(chain, i), cert) == 0)
            return true;
    }
    return false;
}

/* A certificate sent twice counts once. */
static void drop_repeats(x509_chain **chain)
{
    x509_chain *once = sk_X509_new_null();
    openssl_must(once != NULL);
    for (X509 *cert; (cert = sk_X509_shift(*chain)) != NULL;) {
        if (contains(once, cert))
            X509_free(cert);
        else
            openssl_must(sk_X509_push(once, cert) > 0);
    }
    sk_X509_free(*chain);
    *chain = once;
}

/* parent[i]: the position of the issuer of certificate i in the chain, i itself for a root, or -1. */
static void find_parents(const x509_chain *chain, int parent[PKI_CHAIN_MAX])
{
    int n = sk_X509_num(chain);
    for (int i = 0; i < n; i++) {
        X509 *cert = sk_X509_value(chain, i);
        parent[i] = X509_self_signed(cert, 1) == 1 ? i : -1;
        for (int k = 0; k < n && parent[i] < 0; k++) {
            if (k != i && x509_issued_by(cert, sk_X509_value(chain, k)))
                parent[i] = k;
        }
    }
}

/* The one certificate that issued none of the others, or -1. */
static int find_leaf(const int parent[PKI_CHAIN_MAX], int n)
{
    bool is_issuer[PKI_CHAIN_MAX] = {false};
    for (int i = 0; i < n; i++) {
        if (parent[i] >= 0 && parent[i] != i)
            is_issuer[parent[i]] = true;
    }
    int leaf = -1;
    for (int i = 0; i < n; i++) {
        if (is_issuer[i])
            continue;
        if (leaf >= 0)
            return -1;
        leaf = i;
    }
    return leaf;
}

static void append_pem(struct buf *out, const X509 *cert)
{
    auto_free char *pem = x509_pem(cert);
    buf_puts(out, pem);
}

/* Writes the chain from the leaf upwards; *ret_root is the position of the root, or -1. */
static struct err *walk(const x509_chain *chain, struct buf *out, int *ret_root)
{
    int parent[PKI_CHAIN_MAX] = {0};
    int n = sk_X509_num(chain);
    find_parents(chain, parent);
    int i = find_leaf(parent, n), seen = 0, root = -1;
    for (; i >= 0 && seen < n; seen++) {
        bool is_root = parent[i] == i;
        if (!is_root || seen == 0) /* a self-signed leaf is served all the same */
            append_pem(out, sk_X509_value(chain, i));
        root = is_root ? i : root;
        i = is_root ? -1 : parent[i];
    }
    if (seen != n)
        return err_new(ERR_INVALID, "InvalidCertificate",
                       "the %d certificates do not form one chain in which each is signed by the "
                       "next",
                       n);
    *ret_root = root;
    return NULL;
}

struct err *pki_chain_arrange(const void *pem, size_t len, char **ret_chain, char **ret_ca)
{
    OPENSSL_SCOPE;
    AUTO(x509_chain_freep) x509_chain *chain = NULL;
    TRY(x509_chain_parse(pem, len, &chain));
    drop_repeats(&chain);
    AUTO(buf_release) struct buf out = BUF_INIT(2 * PKI_CHAIN_PEM_MAX);
    int root;
    TRY(walk(chain, &out, &root));
    *ret_chain = buf_take(&out);
    *ret_ca = root >= 0 ? x509_pem(sk_X509_value(chain, root)) : NULL;
    return NULL;
}

/* ---- which chain ---- */

static bool has_common_name(const X509_NAME *name, const char *wanted)
{
    for (int i = -1; (i = X509_NAME_get_index_by_NID(name, NID_commonName, i)) >= 0;) {
        auto_free char *text = NULL;
        AUTO_ERR unreadable =
            pki_asn1_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)), &text);
        if (unreadable == NULL && str_eq(text, wanted))
            return true;
    }
    return false;
}

static bool has_spki(const X509 *cert, const char *wanted)
{
    unsigned char *der = NULL;
    char hex[PKI_SHA256_HEX];
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    openssl_must(len > 0);
    pki_sha256_hex(der, (size_t)len, hex);
    OPENSSL_free(der);
    return strcasecmp(hex, wanted) == 0;
}

bool pki_chain_is_preferred(const void *pem, size_t len, const char *preferred)
{
    OPENSSL_SCOPE;
    AUTO(x509_chain_freep) x509_chain *chain = NULL;
    AUTO_ERR unreadable = x509_chain_parse(pem, len, &chain);
    bool by_key = str_starts(preferred, PKI_PREFERRED_SPKI);
    bool found = false;
    /* The leaf's own name is the user's: a CA is preferred, not a site that is called like one. */
    for (int i = 0; unreadable == NULL && i < sk_X509_num(chain) && !found; i++) {
        const X509 *cert = sk_X509_value(chain, i);
        if (by_key)
            found = i > 0 && has_spki(cert, preferred + strlen(PKI_PREFERRED_SPKI));
        else
            found = has_common_name(X509_get_issuer_name(cert), preferred) ||
                    (i > 0 && has_common_name(X509_get_subject_name(cert), preferred));
    }
    return found;
}
