/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/csr.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <string.h>

#include "pki/internal.h"
#include "pki/pem.h"
#include "pki/recent.h"

static struct err *fill_request(const struct pki_csr_spec *spec, const struct pki_key *key,
                                X509_REQ *req)
{
    AUTO(X509_NAME_freep) X509_NAME *subject = pki_subject_build(spec->names);
    const struct pki_extensions_spec extensions = {
        .names = spec->names,
        .usages = spec->usages,
        .is_ca = spec->is_ca,
    };
    AUTO(x509_extensions_freep) x509_extensions *list = NULL;
    TRY(pki_extensions_build(&extensions, &list));
    pki_key_put(key, X509_REQ_get_X509_PUBKEY(req));
    openssl_must(X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
                 X509_REQ_set_subject_name(req, subject) == 1 &&
                 (sk_X509_EXTENSION_num(list) == 0 || X509_REQ_add_extensions(req, list) == 1));
    return NULL;
}

static struct err *read_fields(X509_REQ *req, const struct pki_key *key, struct pki_csr *csr);

/* It is read at each step of an order: what was written here need not be decoded and verified for that. */
static void remember(const struct pki_key *key, X509_REQ *req)
{
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    AUTO_ERR odd = read_fields(req, key, &csr);
    if (odd == NULL)
        recent_csr_add(csr.der, csr.der_len, &csr);
}

struct err *pki_csr_make(const struct pki_csr_spec *spec, const struct pki_key *key, char **ret_pem)
{
    OPENSSL_SCOPE;
    AUTO(X509_REQ_freep) X509_REQ *req = X509_REQ_new();
    openssl_must(req != NULL);
    TRY(fill_request(spec, key, req));
    if (X509_REQ_sign(req, key->evp, pki_key_digest(key)) <= 0)
        return openssl_err(ERR_INVALID, "InvalidKey", "cannot sign the certificate request");
    AUTO(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
    openssl_must(bio != NULL && PEM_write_bio_X509_REQ(bio, req) == 1);
    auto_free char *pem = bio_to_string(bio);
    if (strlen(pem) > PKI_CSR_PEM_MAX)
        return err_new(ERR_INVALID, "InvalidSpec",
                       "the certificate request has %zu bytes, at most %d are accepted: ask for "
                       "fewer names",
                       strlen(pem), PKI_CSR_PEM_MAX);
    remember(key, req);
    *ret_pem = TAKE(pem);
    return NULL;
}

static struct err *read_block(const void *pem, size_t len, struct pem_block *b)
{
    struct pem_reader r = {.what = "certificate request", .reason = "InvalidRequest"};
    TRY(pem_open(&r, pem, len, PKI_CSR_PEM_MAX));
    TRY(pem_next(&r, b));
    if (b->der == NULL ||
        (!pem_is(b, "CERTIFICATE REQUEST") && !pem_is(b, "NEW CERTIFICATE REQUEST")))
        return err_new(ERR_INVALID, "InvalidRequest",
                       "certificate request: the PEM text does not begin with a "
                       "CERTIFICATE REQUEST block");
    AUTO(pem_block_release) struct pem_block more = {0};
    TRY(pem_next(&r, &more));
    if (more.der != NULL)
        return err_new(ERR_INVALID, "InvalidRequest",
                       "certificate request: more than one PEM block");
    return NULL;
}

static struct err *decode_request(const struct pem_block *b, X509_REQ **ret_req)
{
    const unsigned char *p = (const unsigned char *)b->der;
    const unsigned char *end = p + b->der_len;
    AUTO(X509_REQ_freep) X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)b->der_len);
    if (req == NULL || p != end)
        return openssl_err(ERR_INVALID, "InvalidRequest", "certificate request: cannot decode");
    *ret_req = TAKE(req);
    return NULL;
}

/* Of the key stays what it is compared by: OpenSSL's would take 2 kB. */
static struct err *read_fields(X509_REQ *req, const struct pki_key *key, struct pki_csr *csr)
{
    csr->key_spec = (struct pki_key_spec){key->algorithm, key->size};
    pki_key_id(key, csr->key_id);
    TRY(pki_subject_read(X509_REQ_get_subject_name(req), PKI_STRICT, &csr->names));
    AUTO(x509_extensions_freep) x509_extensions *list = X509_REQ_get_extensions(req);
    const struct pki_extensions out = {&csr->names, &csr->usages, &csr->is_ca};
    TRY(pki_extensions_read(list, PKI_STRICT, &out));
    TRY(pki_names_normalize(&csr->names));
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(req, &der);
    openssl_must(len > 0);
    csr->der = x_memdup(der, (size_t)len);
    csr->der_len = (size_t)len;
    OPENSSL_free(der);
    return NULL;
}

static struct err *read_request(X509_REQ *req, struct pki_csr *csr)
{
    AUTO_KEY key = NULL;
    TRY(pki_key_wrap(X509_REQ_get0_pubkey(req), "InvalidRequest", &key));
    if (X509_REQ_verify(req, key->evp) != 1)
        return openssl_err(ERR_INVALID, "InvalidRequest", "its signature does not verify");
    return read_fields(req, key, csr);
}

struct err *pki_csr_parse(const void *pem, size_t len, struct pki_csr *ret_csr)
{
    OPENSSL_SCOPE;
    AUTO(pem_block_release) struct pem_block b = {0};
    TRY(read_block(pem, len, &b));
    if (recent_csr(b.der, b.der_len, ret_csr))
        return NULL;
    AUTO(X509_REQ_freep) X509_REQ *req = NULL;
    TRY(decode_request(&b, &req));
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    TRY(err_as(read_request(req, &csr), "InvalidRequest"), "certificate request");
    recent_csr_add(b.der, b.der_len, &csr);
    *ret_csr = csr;
    csr = (struct pki_csr){0};
    return NULL;
}

void pki_csr_release(struct pki_csr *csr)
{
    pki_names_release(&csr->names);
    pki_usages_release(&csr->usages);
    free(csr->der);
    *csr = (struct pki_csr){0};
}

bool pki_csr_is_for(const struct pki_csr *csr, const struct pki_key *key)
{
    unsigned char id[PKI_KEY_ID];
    pki_key_id(key, id);
    return pki_key_matches(key, &csr->key_spec) && memcmp(id, csr->key_id, sizeof(id)) == 0;
}
