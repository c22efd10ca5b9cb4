/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/mac.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "pki/internal.h"

static const struct {
    const char *name; /* OpenSSL's */
    size_t size;
} hashes[] = {
    [PKI_MD5] = {"MD5", 16},       [PKI_SHA1] = {"SHA1", 20},     [PKI_SHA224] = {"SHA224", 28},
    [PKI_SHA256] = {"SHA256", 32}, [PKI_SHA384] = {"SHA384", 48}, [PKI_SHA512] = {"SHA512", 64},
};

static struct err *unavailable(enum pki_hash hash)
{
    return err_new(ERR_INVALID, "HashUnavailable",
                   "OpenSSL is set up without %s: use another algorithm", hashes[hash].name);
}

size_t pki_hash_size(enum pki_hash hash)
{
    return hashes[hash].size;
}

struct err *pki_digest(enum pki_hash hash, struct pki_bytes data, unsigned char out[PKI_HASH_MAX])
{
    OPENSSL_SCOPE;
    size_t len = 0;
    if (EVP_Q_digest(NULL, hashes[hash].name, NULL, data.data, data.len, out, &len) != 1)
        return unavailable(hash);
    return NULL;
}

struct err *pki_hmac(enum pki_hash hash, struct pki_bytes key, struct pki_bytes data,
                     unsigned char out[PKI_HASH_MAX])
{
    OPENSSL_SCOPE;
    unsigned char mac[PKI_HASH_MAX];
    size_t len = 0;
    /* An empty key has to be some bytes all the same. */
    const void *bytes = key.len > 0 ? key.data : "";
    if (EVP_Q_mac(NULL, "HMAC", NULL, hashes[hash].name, NULL, bytes, key.len, data.data, data.len,
                  mac, sizeof(mac), &len) == NULL)
        return unavailable(hash);
    memcpy(out, mac, len);
    wipe(mac, sizeof(mac));
    return NULL;
}
