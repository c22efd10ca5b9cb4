/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdatomic.h>
#include <string.h>

#include "base/secret.h"
#include "base/str.h"
#include "pki/internal.h"
#include "pki/pem.h"

PKI_DEFINE_FREEP(PKCS8_PRIV_KEY_INFO)
PKI_DEFINE_FREEP(EVP_PKEY_CTX)

#define RSA_BITS_DEFAULT 2048
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define RSA_EXPONENT_BITS_MAX 64
#define CURVE_DEFAULT 256
#define POINT_MAX 133           /* P-521, uncompressed */
#define POINT_COMPRESSED_EVEN 2 /* SEC 1 section 2.3.3: and y is odd or even, and x */
#define POINT_COMPRESSED_ODD 3

static const struct pki_curve curves[] = {
    {256, "prime256v1", "P-256", "ES256", 32, EVP_sha256},
    {384, "secp384r1", "P-384", "ES384", 48, EVP_sha384},
    {521, "secp521r1", "P-521", "ES512", 66, EVP_sha512},
};

static const struct pki_curve *curve_by_size(int size)
{
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        if (curves[i].size == size)
            return &curves[i];
    }
    return NULL;
}

const struct pki_curve *pki_curve_named(const char *group)
{
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        if (str_eq(curves[i].group, group))
            return &curves[i];
    }
    return NULL;
}

static const struct pki_curve *curve_of(const EVP_PKEY *evp)
{
    char group[64];
    if (EVP_PKEY_get_group_name(evp, group, sizeof(group), NULL) != 1)
        return NULL;
    return pki_curve_named(group);
}

static bool rsa_bits_ok(int bits)
{
    return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
}

static int spec_size(const struct pki_key_spec *spec)
{
    switch (spec->algorithm) {
    case PKI_RSA:
        return spec->size != 0 ? spec->size : RSA_BITS_DEFAULT;
    case PKI_ECDSA:
        return spec->size != 0 ? spec->size : CURVE_DEFAULT;
    case PKI_ED25519:
        break;
    }
    return 0;
}

/* Odd and short: an exponent as long as the modulus costs time in each use. */
static bool exponent_ok(const EVP_PKEY *evp)
{
    AUTO(BN_freep) BIGNUM *e = NULL;
    return EVP_PKEY_get_bn_param(evp, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
           BN_num_bits(e) > 1 && BN_num_bits(e) <= RSA_EXPONENT_BITS_MAX;
}

/* On the curve and not the point at infinity, which has no coordinates. */
static bool point_ok(EVP_PKEY *evp)
{
    AUTO(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(evp, NULL);
    openssl_must(ctx != NULL);
    return EVP_PKEY_public_check_quick(ctx) == 1;
}

static bool classify(struct pki_key *k)
{
    if (EVP_PKEY_is_a(k->evp, "RSA")) {
        k->algorithm = PKI_RSA;
        k->size = EVP_PKEY_get_bits(k->evp);
        return rsa_bits_ok(k->size) && exponent_ok(k->evp);
    }
    if (EVP_PKEY_is_a(k->evp, "EC")) {
        k->algorithm = PKI_ECDSA;
        k->curve = curve_of(k->evp);
        k->size = k->curve != NULL ? k->curve->size : 0;
        return k->curve != NULL && point_ok(k->evp);
    }
    k->algorithm = PKI_ED25519;
    return EVP_PKEY_is_a(k->evp, "ED25519") == 1;
}

struct err *pki_key_wrap(EVP_PKEY *evp, const char *reason, struct pki_key **ret_key)
{
    struct pki_key k = {.evp = evp};
    if (evp == NULL || !classify(&k))
        return err_new(ERR_INVALID, reason,
                       "unsupported key, or numbers out of range: use RSA of %d to %d bits, ECDSA "
                       "on P-256, P-384 or P-521, "
                       "or Ed25519",
                       RSA_BITS_MIN, RSA_BITS_MAX);
    openssl_must(EVP_PKEY_up_ref(evp) == 1);
    struct pki_key *key = x_calloc(1, sizeof(*key));
    key->evp = evp;
    atomic_init(&key->refs, 1);
    key->algorithm = k.algorithm;
    key->size = k.size;
    key->curve = k.curve;
    key->memos = x_calloc(1, sizeof(*key->memos));
    *ret_key = key;
    return NULL;
}

const char *pki_key_memo(const struct pki_key *key, enum pki_memo which,
                         char *(*make)(const struct pki_key *key))
{
    _Atomic(char *) *text = &key->memos->texts[which];
    char *known = atomic_load_explicit(text, memory_order_acquire);
    if (known != NULL)
        return known;
    char *made = make(key);
    if (atomic_compare_exchange_strong(text, &known, made))
        return made;
    free(made); /* another thread was faster */
    return known;
}

static EVP_MD_CTX *make_signer(const struct pki_key *key)
{
    AUTO(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    openssl_must(ctx != NULL);
    if (EVP_DigestSignInit(ctx, NULL, pki_key_digest(key), NULL, key->evp) != 1)
        return NULL;
    return TAKE(ctx);
}

/* To begin to sign, OpenSSL looks up by name what it needs: a quarter of the time. */
EVP_MD_CTX *pki_key_signer(const struct pki_key *key)
{
    _Atomic(EVP_MD_CTX *) *kept = &key->memos->signer;
    EVP_MD_CTX *first = atomic_load_explicit(kept, memory_order_acquire);
    if (first == NULL) {
        EVP_MD_CTX *made = make_signer(key);
        if (made == NULL)
            return NULL;
        if (atomic_compare_exchange_strong(kept, &first, made))
            first = made;
        else
            EVP_MD_CTX_free(made); /* another thread was faster */
    }
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    openssl_must(copy != NULL && EVP_MD_CTX_copy_ex(copy, first) == 1);
    return copy;
}

static void memos_free(struct pki_memos *memos)
{
    EVP_MD_CTX_free(atomic_load_explicit(&memos->signer, memory_order_relaxed));
    for (size_t i = 0; i < PKI_MEMOS; i++)
        free(atomic_load_explicit(&memos->texts[i], memory_order_relaxed));
    free(memos);
}

const EVP_MD *pki_key_digest(const struct pki_key *key)
{
    switch (key->algorithm) {
    case PKI_RSA:
        return EVP_sha256();
    case PKI_ECDSA:
        return key->curve->digest();
    case PKI_ED25519:
        break;
    }
    return NULL;
}

/* The bytes of the public key, allocated by OpenSSL: RSAPublicKey, a point, or raw. */
static unsigned char *public_bytes(const struct pki_key *key, int *ret_len)
{
    unsigned char *bytes = NULL;
    if (key->algorithm == PKI_RSA) {
        *ret_len = i2d_PublicKey(key->evp, &bytes);
        openssl_must(*ret_len > 0);
        return bytes;
    }
    size_t len = 0;
    bytes = OPENSSL_malloc(POINT_MAX);
    openssl_must(bytes != NULL && EVP_PKEY_get_octet_string_param(key->evp, OSSL_PKEY_PARAM_PUB_KEY,
                                                                  bytes, POINT_MAX, &len) == 1);
    *ret_len = (int)len;
    return bytes;
}

void pki_key_put(const struct pki_key *key, X509_PUBKEY *out)
{
    int nid = EVP_PKEY_RSA, parameter_type = V_ASN1_NULL, len = 0;
    void *parameter = NULL;
    if (key->algorithm == PKI_ECDSA) {
        nid = EVP_PKEY_EC;
        parameter_type = V_ASN1_OBJECT;
        parameter = OBJ_txt2obj(key->curve->group, 0);
        openssl_must(parameter != NULL);
    } else if (key->algorithm == PKI_ED25519) {
        nid = EVP_PKEY_ED25519;
        parameter_type = V_ASN1_UNDEF;
    }
    unsigned char *bytes = public_bytes(key, &len);
    openssl_must(
        X509_PUBKEY_set0_param(out, OBJ_nid2obj(nid), parameter_type, parameter, bytes, len) == 1);
}

void pki_key_id(const struct pki_key *key, unsigned char out[PKI_KEY_ID])
{
    OPENSSL_SCOPE;
    int len = 0;
    unsigned char *bytes = public_bytes(key, &len);
    if (key->algorithm == PKI_ECDSA && bytes[0] > POINT_COMPRESSED_ODD) {
        bytes[0] = POINT_COMPRESSED_EVEN | (bytes[len - 1] & 1);
        len = 1 + (int)key->curve->coordinate;
    }
    pki_sha256(bytes, (size_t)len, out);
    OPENSSL_free(bytes);
}

static struct err *check_spec(const struct pki_key_spec *spec, int size)
{
    if (spec->algorithm == PKI_RSA && !rsa_bits_ok(size))
        return err_new(ERR_INVALID, "InvalidSpec", "RSA key size %d: use %d to %d", size,
                       RSA_BITS_MIN, RSA_BITS_MAX);
    if (spec->algorithm == PKI_ECDSA && curve_by_size(size) == NULL)
        return err_new(ERR_INVALID, "InvalidSpec", "ECDSA key size %d: use 256, 384 or 521", size);
    return NULL;
}

static EVP_PKEY *generate(const struct pki_key_spec *spec, int size)
{
    const struct pki_curve *curve = curve_by_size(size);
    switch (spec->algorithm) {
    case PKI_RSA:
        return EVP_RSA_gen((unsigned)size);
    case PKI_ECDSA:
        return curve != NULL ? EVP_EC_gen(curve->group) : NULL;
    case PKI_ED25519:
        break;
    }
    return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

struct err *pki_key_generate(const struct pki_key_spec *spec, struct pki_key **ret_key)
{
    OPENSSL_SCOPE;
    int size = spec_size(spec);
    TRY(check_spec(spec, size));
    AUTO(EVP_PKEY_freep) EVP_PKEY *evp = generate(spec, size);
    if (evp == NULL)
        return openssl_err(ERR_BUG, "KeyGenerationFailed", "cannot generate a key");
    return pki_key_wrap(evp, "KeyGenerationFailed", ret_key);
}

struct pki_key *pki_key_ref(struct pki_key *key)
{
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void pki_key_free(struct pki_key *key)
{
    if (key == NULL || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(key->evp);
    memos_free(key->memos);
    free(key);
}

void pki_key_freep(struct pki_key **key)
{
    pki_key_free(*key);
}

/* What a PKCS#8 key is; EVP_PKEY_NONE when none of ours. Naming the type spares OpenSSL a search
 * through all its decoders, 0.3 ms. *ret_evp is set when the key could be read on the way. */
static int pkcs8_type(const unsigned char *der, long len, EVP_PKEY **ret_evp)
{
    const unsigned char *end = der + len;
    AUTO(PKCS8_PRIV_KEY_INFO_freep)
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, len);
    const ASN1_OBJECT *oid = NULL;
    if (info == NULL || PKCS8_pkey_get0(&oid, NULL, NULL, NULL, info) != 1)
        return EVP_PKEY_NONE;
    if (der == end)
        *ret_evp = pki_ec_private_decode(info);
    int type = OBJ_obj2nid(oid);
    bool ours = type == EVP_PKEY_RSA || type == EVP_PKEY_EC || type == EVP_PKEY_ED25519;
    return ours ? type : EVP_PKEY_NONE;
}

static struct err *decode_private(const struct pem_block *b, EVP_PKEY **ret_evp)
{
    const unsigned char *p = (const unsigned char *)b->der;
    const unsigned char *end = p + b->der_len;
    long len = (long)b->der_len;
    int type = EVP_PKEY_EC;
    AUTO(EVP_PKEY_freep) EVP_PKEY *evp = NULL;
    if (pem_is(b, "PRIVATE KEY"))
        type = pkcs8_type(p, len, &evp);
    else if (pem_is(b, "RSA PRIVATE KEY"))
        type = EVP_PKEY_RSA;
    else if (pem_is(b, "EC PRIVATE KEY"))
        evp = pki_ec_sec1_decode(p, b->der_len);
    else
        return err_new(ERR_INVALID, "InvalidKey",
                       "private key: the PEM block is not PRIVATE KEY, RSA PRIVATE KEY or "
                       "EC PRIVATE KEY (unencrypted)");
    if (type == EVP_PKEY_NONE)
        return err_new(ERR_INVALID, "InvalidKey",
                       "private key: not an RSA, ECDSA or Ed25519 key in PKCS#8");
    if (evp == NULL)
        evp = d2i_PrivateKey(type, NULL, &p, len);
    else
        p = end;
    if (evp == NULL || p != end)
        return openssl_err(ERR_INVALID, "InvalidKey", "private key: cannot decode");
    *ret_evp = TAKE(evp);
    return NULL;
}

/* "openssl ecparam -genkey" writes the curve in front of the key, which names it again. */
static struct err *skip_ec_parameters(struct pem_reader *r, struct pem_block *b)
{
    if (b->der == NULL || !pem_is(b, "EC PARAMETERS"))
        return NULL;
    pem_block_release(b);
    return pem_next(r, b);
}

struct err *pki_key_parse(const void *pem, size_t len, struct pki_key **ret_key)
{
    OPENSSL_SCOPE;
    struct pem_reader r = {.what = "private key", .reason = "InvalidKey"};
    TRY(pem_open(&r, pem, len, PKI_KEY_PEM_MAX));
    AUTO(pem_block_release) struct pem_block b = {0};
    TRY(pem_next(&r, &b));
    TRY(skip_ec_parameters(&r, &b));
    if (b.der == NULL)
        return err_new(ERR_INVALID, "InvalidKey", "private key: no PEM block found");
    AUTO(pem_block_release) struct pem_block more = {0};
    TRY(pem_next(&r, &more));
    if (more.der != NULL)
        return err_new(ERR_INVALID, "InvalidKey", "private key: more than one PEM block");
    AUTO(EVP_PKEY_freep) EVP_PKEY *evp = NULL;
    TRY(decode_private(&b, &evp));
    return pki_key_wrap(evp, "InvalidKey", ret_key);
}

struct err *pki_key_pem(const struct pki_key *key, enum pki_key_encoding encoding,
                        struct secret *ret_pem)
{
    OPENSSL_SCOPE;
    AUTO(BIO_freep) BIO *bio = BIO_new(BIO_s_mem()); /* wipes its memory when freed */
    openssl_must(bio != NULL);
    /* Ed25519 has no traditional form. */
    bool pkcs8 = encoding == PKI_PKCS8 || key->algorithm == PKI_ED25519;
    int ok = 1;
    if (pkcs8 && key->algorithm == PKI_ECDSA)
        pki_ec_private_write(key, bio);
    else if (key->algorithm == PKI_ECDSA)
        pki_ec_sec1_write(key, bio);
    else if (pkcs8)
        ok = PEM_write_bio_PKCS8PrivateKey(bio, key->evp, NULL, NULL, 0, NULL, NULL);
    else
        ok = PEM_write_bio_PrivateKey_traditional(bio, key->evp, NULL, NULL, 0, NULL, NULL);
    if (ok != 1)
        return openssl_err(ERR_INVALID, "InvalidKey", "cannot encode the private key");
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    *ret_pem = secret_copy(data, (size_t)len);
    return NULL;
}

bool pki_key_equal(const struct pki_key *a, const struct pki_key *b)
{
    OPENSSL_SCOPE;
    return EVP_PKEY_eq(a->evp, b->evp) == 1;
}

bool pki_key_spec_same(const struct pki_key_spec *a, const struct pki_key_spec *b)
{
    return a->algorithm == b->algorithm && spec_size(a) == spec_size(b);
}

bool pki_key_matches(const struct pki_key *key, const struct pki_key_spec *spec)
{
    return pki_key_spec_same(&(struct pki_key_spec){key->algorithm, key->size}, spec);
}

static char *spki_sha256(const struct pki_key *key)
{
    /* i2d_PUBKEY() would search through all encoders, 0.4 ms. */
    X509_PUBKEY *spki = X509_PUBKEY_new();
    openssl_must(spki != NULL);
    pki_key_put(key, spki);
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(spki, &der);
    openssl_must(len > 0);
    char hex[PKI_SHA256_HEX];
    pki_sha256_hex(der, (size_t)len, hex);
    OPENSSL_free(der);
    X509_PUBKEY_free(spki);
    return x_strdup(hex);
}

void pki_key_spki_sha256(const struct pki_key *key, char out[PKI_SHA256_HEX])
{
    OPENSSL_SCOPE;
    str_copy(out, PKI_SHA256_HEX, pki_key_memo(key, PKI_MEMO_SPKI_SHA256, spki_sha256));
}

void pki_sha256(const void *data, size_t len, unsigned char out[32])
{
    OPENSSL_SCOPE;
    openssl_must(EVP_Digest(data, len, out, NULL, EVP_sha256(), NULL) == 1);
}

void pki_sha256_hex(const void *data, size_t len, char out[PKI_SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[SHA256_DIGEST_LENGTH];
    pki_sha256(data, len, sum);
    for (size_t i = 0; i < sizeof(sum); i++) {
        out[2 * i] = digits[sum[i] >> 4];
        out[2 * i + 1] = digits[sum[i] & 15];
    }
    out[2 * sizeof(sum)] = '\0';
}
