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

/* A shared secret that signs in place of a key: HS256, HS384 or HS512 (RFC 7518 section 3.2). ACME
 * allows that for external account bindings only (RFC 8555 section 7.3.4). */
struct pki_mac {
    int bits; /* 256, 384 or 512 */
    const void *secret;
    size_t len;
};

struct pki_jws {
    const struct pki_key *key; /* NULL when mac signs */
    const struct pki_mac *mac; /* with it comes a kid */
    const char *kid;           /* account URL, or NULL: then the jwk is sent */
    const char *nonce;         /* NULL for an inner JWS */
    const char *url;
    const char *payload; /* JSON text; "" for POST-as-GET */
};
/* The flattened JSON serialization, owned. */
struct err *pki_jws_sign(const struct pki_jws *jws, char **ret_body) MUST_CHECK;

/* A JSON Web Token of these claims (JSON text) in the compact serialization (RFC 7515 section 7.1, RFC 7519), signed
 * with the key's algorithm; kid may be NULL. Owned. */
struct err *pki_jwt_sign(const struct pki_key *key, const char *kid, const char *claims,
                         char **ret_token) MUST_CHECK;

#endif
