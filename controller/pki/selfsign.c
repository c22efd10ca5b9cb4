/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates signed by their own key. */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "pki/cert.h"
#include "pki/internal.h"

#define SERIAL_BYTES 16

static void set_serial(X509 *cert)
{
    unsigned char random[SERIAL_BYTES];
    openssl_must(RAND_bytes(random, sizeof(random)) == 1);
    AUTO(BN_freep) BIGNUM *n = BN_bin2bn(random, sizeof(random), NULL);
    openssl_must(n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL);
}

static struct err *set_validity(X509 *cert, int64_t not_before, int64_t not_after)
{
    if (not_before < 0 || not_after / NS_PER_SEC <= not_before / NS_PER_SEC)
        return err_new(ERR_INVALID, "InvalidSpec", "the certificate would end before it begins");
    openssl_must(ASN1_TIME_set(X509_getm_notBefore(cert), not_before / NS_PER_SEC) != NULL &&
                 ASN1_TIME_set(X509_getm_notAfter(cert), not_after / NS_PER_SEC) != NULL);
    return NULL;
}

/* RFC 5280 section 4.2.1.2, method 1: SHA-1 of the public key, an identifier and not a proof. */
static void add_subject_key_id(X509 *cert)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    openssl_must(id != NULL && X509_pubkey_digest(cert, EVP_sha1(), sum, &len) == 1 &&
                 ASN1_OCTET_STRING_set(id, sum, (int)len) == 1 &&
                 X509_add1_ext_i2d(cert, NID_subject_key_identifier, id, 0, X509V3_ADD_APPEND) ==
                     1);
    ASN1_OCTET_STRING_free(id);
}

static struct err *add_extensions(X509 *cert, const struct pki_self_sign_spec *spec)
{
    const struct pki_extensions_spec extensions = {
        .names = &spec->csr->names,
        .usages = spec->usages,
        .is_ca = spec->is_ca,
        .not_ca = !spec->is_ca,
        .crl_distribution_points = spec->crl_distribution_points,
    };
    AUTO(x509_extensions_freep) x509_extensions *list = NULL;
    TRY(pki_extensions_build(&extensions, &list));
    for (int i = 0; i < sk_X509_EXTENSION_num(list); i++)
        openssl_must(X509_add_ext(cert, sk_X509_EXTENSION_value(list, i), -1) == 1);
    add_subject_key_id(cert);
    return NULL;
}

struct err *pki_cert_self_sign(const struct pki_self_sign_spec *spec, char **ret_pem)
{
    OPENSSL_SCOPE;
    if (!pki_csr_is_for(spec->csr, spec->key))
        return err_new(ERR_INVALID, "InvalidRequest",
                       "the private key does not belong to the certificate request");
    AUTO(X509_freep) X509 *cert = X509_new();
    AUTO(X509_NAME_freep) X509_NAME *subject = pki_subject_build(&spec->csr->names);
    openssl_must(cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
                 X509_set_subject_name(cert, subject) == 1 &&
                 X509_set_issuer_name(cert, subject) == 1);
    pki_key_put(spec->key, X509_get_X509_PUBKEY(cert));
    set_serial(cert);
    TRY(set_validity(cert, spec->not_before, spec->not_after));
    TRY(add_extensions(cert, spec));
    if (X509_sign(cert, spec->key->evp, pki_key_digest(spec->key)) <= 0)
        return openssl_err(ERR_INVALID, "InvalidKey", "cannot sign the certificate");
    *ret_pem = x509_pem(cert);
    return NULL;
}
