/* SPDX-License-Identifier: Apache-2.0 */
/* Digests and HMACs (RFC 2104) of bytes: TSIG, and the signatures of cloud APIs. */
#ifndef CERTROLL_PKI_MAC_H
#define CERTROLL_PKI_MAC_H

#include <stddef.h>

#include "base/err.h"

/* MD5 and SHA-1 are here because peers ask for them. */
enum pki_hash { PKI_MD5, PKI_SHA1, PKI_SHA224, PKI_SHA256, PKI_SHA384, PKI_SHA512 };
#define PKI_HASH_MAX 64 /* bytes */

/* Borrowed. */
struct pki_bytes {
    const void *data;
    size_t len;
};

/* Bytes of the digest and so of the HMAC. */
size_t pki_hash_size(enum pki_hash hash);

/* out gets pki_hash_size() bytes. ERR_INVALID, reason HashUnavailable, when OpenSSL is set up without that hash (FIPS
 * knows no MD5). Any thread. */
struct err *pki_digest(enum pki_hash hash, struct pki_bytes data, unsigned char out[PKI_HASH_MAX])
    MUST_CHECK;
/* The same; a key of any length. The key and out may be the same bytes: chains of HMACs. */
struct err *pki_hmac(enum pki_hash hash, struct pki_bytes key, struct pki_bytes data,
                     unsigned char out[PKI_HASH_MAX]) MUST_CHECK;

#endif
