/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/check.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "base/clock.h"
#include "base/timefmt.h"
#include "pki/internal.h"

#define CLOCK_SKEW (5 * NS_PER_MIN)

static struct err *refused(const char *why)
{
    return err_new(ERR_INVALID, "InvalidCertificate", "%s", why);
}

static struct err *check_key(const X509 *leaf, const struct pki_key *key)
{
    EVP_PKEY *public_key = X509_get0_pubkey(leaf);
    if (public_key == NULL || EVP_PKEY_eq(public_key, key->evp) != 1)
        return refused("the private key does not belong to the certificate");
    return NULL;
}

static struct err *check_dates(const X509 *cert, const char *what, int64_t now)
{
    char when[RFC3339_MAX];
    int64_t not_before = x509_not_before(cert), not_after = x509_not_after(cert);
    if (not_after <= now) {
        rfc3339_format(not_after, when);
        return err_new(ERR_INVALID, "InvalidCertificate", "the %s expired at %s", what, when);
    }
    /* Another certificate would not help: this one becomes valid, or our clock is set right. */
    if (not_before > now + CLOCK_SKEW) {
        rfc3339_format(not_before, when);
        return err_new(ERR_TRANSIENT, "NotYetValid",
                       "the %s is valid only from %s: compare the clocks", what, when);
    }
    return NULL;
}

static struct err *check_names(const X509 *leaf, const struct pki_names *want)
{
    if (want == NULL)
        return NULL;
    AUTO(pki_names_release) struct pki_names have = {0};
    TRY(x509_names_read(leaf, &have));
    auto_free char *diff = pki_names_sans_difference(want, &have);
    if (diff == NULL)
        return NULL;
    return err_new(ERR_INVALID, "InvalidCertificate",
                   "the certificate does not answer the request: %s", diff);
}

/* RFC 8446 section 4.4.2.2 demands it, and so do TLS 1.2 for all but RSA keys, and browsers. OpenSSL as a TLS 1.3 client
 * does not look, so the handshake does not tell. */
static struct err *check_usage(X509 *leaf)
{
    if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) != 0) /* all bits without the extension */
        return NULL;
    return refused("the certificate's key usage lacks \"digital signature\", which was asked for: "
                   "TLS clients refuse it");
}

static struct err *check_order(x509_chain *chain, int64_t now)
{
    TRY(check_dates(sk_X509_value(chain, 0), "certificate", now));
    for (int i = 1; i < sk_X509_num(chain); i++) {
        X509 *issuer = sk_X509_value(chain, i);
        if (!x509_issued_by(sk_X509_value(chain, i - 1), issuer))
            return err_new(ERR_INVALID, "InvalidCertificate",
                           "the chain is out of order: certificate %d is not signed by the next",
                           i);
        if (X509_check_ca(issuer) == 0)
            return err_new(ERR_INVALID, "InvalidCertificate",
                           "certificate %d of the chain is not a CA", i + 1);
        TRY(check_dates(issuer, "issuer's certificate", now));
    }
    return NULL;
}

struct err *pki_check_pair(const struct pki_check *check)
{
    OPENSSL_SCOPE;
    AUTO(x509_chain_freep) x509_chain *chain = NULL;
    TRY(x509_chain_parse(check->chain_pem, strlen(check->chain_pem), &chain));
    AUTO_KEY key = NULL;
    TRY(err_as(pki_key_parse(check->key_pem, check->key_len, &key), "InvalidCertificate"));
    X509 *leaf = sk_X509_value(chain, 0);
    TRY(check_key(leaf, key));
    TRY(err_as(check_names(leaf, check->names), "InvalidCertificate"));
    TRY(check_order(chain, check->now));
    if (!check->handshake)
        return NULL;
    if (check->signs)
        TRY(check_usage(leaf));
    return pki_handshake(chain, key->evp);
}
