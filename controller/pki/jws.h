/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Key and Signature as ACME uses them: RFC 7515, 7517, 7638; RFC 8555 section 6.2. */
#ifndef CERTROLL_PKI_JWS_H
#define CERTROLL_PKI_JWS_H

#include "base/err.h"
#include "json/json.h"
#include "pki/key.h"

/* The public JWK: members crv, kty, x, y (or n, e), required ones only. Owned. */
json_t *pki_jwk(const struct pki_key *key);
/* base64url(SHA-256(canonical JWK)), RFC 7638. Owned. */
char *pki_jwk_thumbprint(const struct pki_key *key);
/* "ES256", "ES384", "ES512", "RS256", "EdDSA"; static. */
const char *pki_jws_alg(const struct pki_key *key);

struct pki_jws {
    const struct pki_key *key;
    const char *kid;   /* account URL, or NULL: then the jwk is sent */
    const char *nonce; /* NULL for an inner JWS */
    const char *url;
    const char *payload; /* JSON text; "" for POST-as-GET */
};
/* The flattened JSON serialization, owned. */
struct err *pki_jws_sign(const struct pki_jws *jws, char **ret_body) MUST_CHECK;

#endif
