/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/jws.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <string.h>

#include "base/encode.h"
#include "pki/internal.h"

#define COORDINATE_MAX 66  /* P-521 */
#define SIGNATURE_MAX 1024 /* RSA of 8192 bits */
#define ED25519_BYTES 32
#define JWS_MAX (1024UL * 1024UL) /* the greatest payload is a finalize with its CSR */

PKI_DEFINE_FREEP(ECDSA_SIG)

/* A big number of the key in base64url, padded on the left to width bytes (0: as long as it is). */
static char *number(const struct pki_key *key, const char *param, size_t width)
{
    AUTO(BN_freep) BIGNUM *n = NULL;
    openssl_must(EVP_PKEY_get_bn_param(key->evp, param, &n) == 1);
    unsigned char bytes[SIGNATURE_MAX];
    size_t len = width != 0 ? width : (size_t)BN_num_bytes(n);
    openssl_must(len <= sizeof(bytes) && BN_bn2binpad(n, bytes, (int)len) == (int)len);
    return base64url_encode(bytes, len);
}

/* Members in lexicographic order: printed compactly, this is the canonical form of RFC 7638. */
json_t *pki_jwk(const struct pki_key *key)
{
    OPENSSL_SCOPE;
    if (key->algorithm == PKI_RSA) {
        auto_free char *e = number(key, OSSL_PKEY_PARAM_RSA_E, 0);
        auto_free char *n = number(key, OSSL_PKEY_PARAM_RSA_N, 0);
        return json_build("{s:s, s:s, s:s}", "e", e, "kty", "RSA", "n", n);
    }
    if (key->algorithm == PKI_ECDSA) {
        auto_free char *x = number(key, OSSL_PKEY_PARAM_EC_PUB_X, key->curve->coordinate);
        auto_free char *y = number(key, OSSL_PKEY_PARAM_EC_PUB_Y, key->curve->coordinate);
        return json_build("{s:s, s:s, s:s, s:s}", "crv", key->curve->crv, "kty", "EC", "x", x, "y",
                          y);
    }
    unsigned char raw[ED25519_BYTES];
    size_t len = sizeof(raw);
    openssl_must(EVP_PKEY_get_raw_public_key(key->evp, raw, &len) == 1);
    auto_free char *x = base64url_encode(raw, len);
    return json_build("{s:s, s:s, s:s}", "crv", "Ed25519", "kty", "OKP", "x", x);
}

static char *thumbprint(const struct pki_key *key)
{
    json_auto_t *jwk = pki_jwk(key);
    AUTO(buf_release) struct buf text = BUF_INIT(JWS_MAX);
    AUTO_ERR e = json_print(jwk, &text);
    openssl_must(e == NULL);
    unsigned char sum[32];
    pki_sha256(text.data, text.len, sum);
    return base64url_encode(sum, sizeof(sum));
}

char *pki_jwk_thumbprint(const struct pki_key *key)
{
    return x_strdup(pki_key_memo(key, PKI_MEMO_THUMBPRINT, thumbprint));
}

const char *pki_jws_alg(const struct pki_key *key)
{
    switch (key->algorithm) {
    case PKI_RSA:
        return "RS256";
    case PKI_ECDSA:
        return key->curve->alg;
    case PKI_ED25519:
        break;
    }
    return "EdDSA";
}

/* ECDSA-Sig-Value to r || s of fixed width (RFC 7518 section 3.4), in place. */
static void ecdsa_to_raw(const struct pki_key *key, unsigned char sig[SIGNATURE_MAX],
                         size_t *sig_len)
{
    const unsigned char *p = sig;
    AUTO(ECDSA_SIG_freep) ECDSA_SIG *rs = d2i_ECDSA_SIG(NULL, &p, (long)*sig_len);
    int width = (int)key->curve->coordinate;
    openssl_must(rs != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(rs), sig, width) == width &&
                 BN_bn2binpad(ECDSA_SIG_get0_s(rs), sig + width, width) == width);
    *sig_len = 2 * key->curve->coordinate;
}

static const struct {
    int bits;
    const char *alg, *digest;
} macs[] = {{256, "HS256", "SHA256"}, {384, "HS384", "SHA384"}, {512, "HS512", "SHA512"}};

static size_t mac_row(const struct pki_mac *mac)
{
    size_t i = 0;
    while (i < ARRAY_LEN(macs) - 1 && macs[i].bits != mac->bits)
        i++;
    return i;
}

static struct err *sign_with_mac(const struct pki_mac *mac, const struct buf *input,
                                 char **ret_base64url)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    size_t len = 0;
    if (EVP_Q_mac(NULL, "HMAC", NULL, macs[mac_row(mac)].digest, NULL, mac->secret, mac->len,
                  (const unsigned char *)buf_str(input), input->len, sum, sizeof(sum),
                  &len) == NULL)
        return openssl_err(ERR_INVALID, "InvalidKey", "cannot sign with the MAC key");
    *ret_base64url = base64url_encode(sum, len);
    return NULL;
}

static struct err *sign_with_key(const struct pki_key *key, const struct buf *input,
                                 char **ret_base64url)
{
    AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = pki_key_signer(key);
    unsigned char sig[SIGNATURE_MAX];
    size_t len = sizeof(sig);
    if (ctx == NULL ||
        EVP_DigestSign(ctx, sig, &len, (const unsigned char *)buf_str(input), input->len) != 1)
        return openssl_err(ERR_INVALID, "InvalidKey", "cannot sign with the account key");
    if (key->algorithm == PKI_ECDSA)
        ecdsa_to_raw(key, sig, &len);
    *ret_base64url = base64url_encode(sig, len);
    return NULL;
}

struct err *pki_jws_signature(const struct pki_jws *jws, const struct buf *input,
                              char **ret_base64url)
{
    return jws->mac != NULL ? sign_with_mac(jws->mac, input, ret_base64url)
                            : sign_with_key(jws->key, input, ret_base64url);
}

static struct err *protected_header(const struct pki_jws *jws, char **ret_base64url)
{
    const char *alg = jws->mac != NULL ? macs[mac_row(jws->mac)].alg : pki_jws_alg(jws->key);
    json_auto_t *header = json_build("{s:s}", "alg", alg);
    if (jws->kid != NULL)
        json_put_str(header, "kid", jws->kid);
    else
        json_put(header, "jwk", pki_jwk(jws->key));
    json_put_str(header, "nonce", jws->nonce);
    json_put_str(header, "url", jws->url);
    auto_free char *text = NULL;
    TRY(json_to_string(header, JWS_MAX, &text), "JWS header");
    *ret_base64url = base64url_encode(text, strlen(text));
    return NULL;
}

struct err *pki_jws_sign(const struct pki_jws *jws, char **ret_body)
{
    OPENSSL_SCOPE;
    auto_free char *header = NULL, *signature = NULL;
    TRY(protected_header(jws, &header));
    auto_free char *payload = base64url_encode(jws->payload, strlen(jws->payload));
    AUTO(buf_release) struct buf input = BUF_INIT(JWS_MAX);
    TRY(buf_addf(&input, "%s.%s", header, payload), "JWS payload");
    TRY(pki_jws_signature(jws, &input, &signature));
    /* All three are base64url: nothing to escape. */
    AUTO(buf_release) struct buf body = BUF_INIT(2 * JWS_MAX);
    TRY(buf_addf(&body, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", header,
                 payload, signature));
    *ret_body = buf_take(&body);
    return NULL;
}

struct err *pki_jwt_sign(const struct pki_key *key, const char *kid, const char *claims,
                         char **ret_token)
{
    OPENSSL_SCOPE;
    json_auto_t *header = json_build("{s:s, s:s}", "alg", pki_jws_alg(key), "typ", "JWT");
    json_put_str(header, "kid", kid);
    auto_free char *text = NULL, *signature = NULL;
    TRY(json_to_string(header, JWS_MAX, &text), "JWT header");
    auto_free char *first = base64url_encode(text, strlen(text));
    auto_free char *second = base64url_encode(claims, strlen(claims));
    AUTO(buf_release) struct buf input = BUF_INIT(JWS_MAX);
    TRY(buf_addf(&input, "%s.%s", first, second), "JWT");
    TRY(sign_with_key(key, &input, &signature));
    *ret_token = x_printf("%s.%s", buf_str(&input), signature);
    return NULL;
}
