/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EC private keys in PKCS#8 and alone (SEC1), in the form that everybody writes (RFC 5915: version, key, the curve where
 * nothing around names it, public point). OpenSSL 3.0 reads and writes the same bytes, but looks for an implementation
 * each time, which takes ten times as long as the key.
 */
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/secret.h"
#include "pki/internal.h"

#define COORDINATE_MAX 66
#define POINT_MAX (2 * COORDINATE_MAX + 1)
#define DER_MAX 256
#define ERROR 0x80 /* what ASN1_get_object() returns, beside V_ASN1_CONSTRUCTED */
#define VERSION 1
#define CURVE_TAG 0
#define POINT_TAG 1

PKI_DEFINE_FREEP(EVP_PKEY_CTX)
PKI_DEFINE_FREEP(PKCS8_PRIV_KEY_INFO)

/* ---- reading ---- */

struct bytes {
    const unsigned char *p, *end;
};

/* The next value, which has to have this tag and form; b moves behind it. */
static bool take(struct bytes *b, int tag, int class_and_form, struct bytes *ret_content)
{
    long len = 0;
    int got_tag = 0, class = 0;
    const unsigned char *p = b->p;
    int form = ASN1_get_object(&p, &len, &got_tag, &class, b->end - p);
    if ((form & ERROR) != 0 || got_tag != tag || (form | class) != class_and_form)
        return false;
    *ret_content = (struct bytes){p, p + len};
    b->p = p + len;
    return true;
}

struct parts {
    const struct pki_curve *curve;
    struct bytes key, point;
};

/* The one value of [tag]. */
static bool take_tagged(struct bytes *b, int tag, struct bytes *ret_value)
{
    return take(b, tag, V_ASN1_CONSTRUCTED | V_ASN1_CONTEXT_SPECIFIC, ret_value);
}

static bool take_curve(struct bytes *b, const struct pki_curve **ret_curve)
{
    struct bytes oid, value;
    if (!take_tagged(b, CURVE_TAG, &oid))
        return false;
    const unsigned char *der = oid.p;
    if (!take(&oid, V_ASN1_OBJECT, 0, &value) || oid.p != oid.end)
        return false;
    ASN1_OBJECT *name = d2i_ASN1_OBJECT(NULL, &der, oid.end - der);
    *ret_curve = name != NULL ? pki_curve_named(OBJ_nid2sn(OBJ_obj2nid(name))) : NULL;
    ASN1_OBJECT_free(name);
    return *ret_curve != NULL;
}

static bool take_point(struct bytes *b, struct parts *parts)
{
    struct bytes tagged;
    size_t len = 2 * parts->curve->coordinate + 1;
    if (!take_tagged(b, POINT_TAG, &tagged) ||
        !take(&tagged, V_ASN1_BIT_STRING, 0, &parts->point) || tagged.p != tagged.end ||
        (size_t)(parts->point.end - parts->point.p) != len + 1 || *parts->point.p != 0)
        return false;
    parts->point.p++; /* no unused bits */
    return *parts->point.p == POINT_CONVERSION_UNCOMPRESSED;
}

/* parts->curve: what the algorithm around it names; NULL: it has to be named here. */
static bool read_parts(struct bytes der, struct parts *parts)
{
    struct bytes all, version;
    if (!take(&der, V_ASN1_SEQUENCE, V_ASN1_CONSTRUCTED, &all) || der.p != der.end ||
        !take(&all, V_ASN1_INTEGER, 0, &version) || version.end - version.p != 1 ||
        *version.p != VERSION || !take(&all, V_ASN1_OCTET_STRING, 0, &parts->key) ||
        (parts->curve == NULL && !take_curve(&all, &parts->curve)))
        return false;
    return (size_t)(parts->key.end - parts->key.p) == parts->curve->coordinate &&
           take_point(&all, parts) && all.p == all.end;
}

/* native: the private number in the machine's byte order. */
static EVP_PKEY *make(const struct parts *parts, unsigned char *native)
{
    AUTO(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    openssl_must(ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1);
    /* OpenSSL only reads them; the fields are not const because others are written through them. */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                         (char *)(uintptr_t)parts->curve->group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                          (void *)(uintptr_t)parts->point.p,
                                          (size_t)(parts->point.end - parts->point.p)),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, parts->curve->coordinate),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *evp = NULL;
    return EVP_PKEY_fromdata(ctx, &evp, EVP_PKEY_KEYPAIR, params) == 1 ? evp : NULL;
}

static EVP_PKEY *import(const struct parts *parts)
{
    const struct pki_curve *curve = parts->curve;
    BIGNUM *n = BN_bin2bn(parts->key.p, (int)curve->coordinate, NULL);
    unsigned char native[COORDINATE_MAX];
    openssl_must(n != NULL &&
                 BN_bn2nativepad(n, native, (int)curve->coordinate) == (int)curve->coordinate);
    EVP_PKEY *evp = make(parts, native);
    wipe(native, sizeof(native));
    BN_clear_free(n);
    return evp;
}

EVP_PKEY *pki_ec_private_decode(const PKCS8_PRIV_KEY_INFO *info)
{
    const ASN1_OBJECT *oid = NULL;
    const X509_ALGOR *algorithm = NULL;
    const unsigned char *der = NULL;
    const void *parameter = NULL;
    int len = 0, type = V_ASN1_UNDEF;
    if (PKCS8_pkey_get0(&oid, &der, &len, &algorithm, info) != 1 || OBJ_obj2nid(oid) != EVP_PKEY_EC)
        return NULL;
    X509_ALGOR_get0(NULL, &type, &parameter, algorithm);
    struct parts parts = {0};
    if (type == V_ASN1_OBJECT)
        parts.curve = pki_curve_named(OBJ_nid2sn(OBJ_obj2nid(parameter)));
    if (parts.curve == NULL || !read_parts((struct bytes){der, der + len}, &parts))
        return NULL;
    return import(&parts);
}

EVP_PKEY *pki_ec_sec1_decode(const unsigned char *der, size_t len)
{
    struct parts parts = {0};
    return read_parts((struct bytes){der, der + len}, &parts) ? import(&parts) : NULL;
}

/* ---- writing ---- */

static void read_point(const struct pki_key *key, unsigned char point[POINT_MAX])
{
    size_t len = 0;
    openssl_must(EVP_PKEY_get_octet_string_param(key->evp, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                 POINT_MAX, &len) == 1 &&
                 len == 2 * key->curve->coordinate + 1);
}

/* curve: its OID, of curve_len bytes with its header; none where the algorithm around it names it. */
struct content {
    const unsigned char *key, *curve, *point;
    int key_len, curve_len, point_len;
};

static int write_content(const struct content *c, unsigned char der[DER_MAX])
{
    int bits = ASN1_object_size(0, c->point_len + 1, V_ASN1_BIT_STRING);
    int content = 3 + ASN1_object_size(0, c->key_len, V_ASN1_OCTET_STRING) +
                  (c->curve_len > 0 ? ASN1_object_size(1, c->curve_len, CURVE_TAG) : 0) +
                  ASN1_object_size(1, bits, POINT_TAG);
    unsigned char *p = der;
    ASN1_put_object(&p, 1, content, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    ASN1_put_object(&p, 0, 1, V_ASN1_INTEGER, V_ASN1_UNIVERSAL);
    *p++ = VERSION;
    ASN1_put_object(&p, 0, c->key_len, V_ASN1_OCTET_STRING, V_ASN1_UNIVERSAL);
    p = mempcpy(p, c->key, (size_t)c->key_len);
    if (c->curve_len > 0) {
        ASN1_put_object(&p, 1, c->curve_len, CURVE_TAG, V_ASN1_CONTEXT_SPECIFIC);
        p = mempcpy(p, c->curve, (size_t)c->curve_len);
    }
    ASN1_put_object(&p, 1, bits, POINT_TAG, V_ASN1_CONTEXT_SPECIFIC);
    ASN1_put_object(&p, 0, c->point_len + 1, V_ASN1_BIT_STRING, V_ASN1_UNIVERSAL);
    *p++ = 0; /* no unused bits */
    p = mempcpy(p, c->point, (size_t)c->point_len);
    return (int)(p - der);
}

/* der is to be wiped. */
static int write_private(const struct pki_key *key, bool with_curve, unsigned char der[DER_MAX])
{
    int width = (int)key->curve->coordinate;
    unsigned char number[COORDINATE_MAX], point[POINT_MAX], *oid = NULL;
    BIGNUM *n = NULL;
    read_point(key, point);
    openssl_must(EVP_PKEY_get_bn_param(key->evp, OSSL_PKEY_PARAM_PRIV_KEY, &n) == 1 &&
                 BN_bn2binpad(n, number, width) > 0);
    struct content c = {
        .key = number, .key_len = width, .point = point, .point_len = 2 * width + 1};
    if (with_curve)
        c.curve_len = i2d_ASN1_OBJECT(OBJ_nid2obj(OBJ_sn2nid(key->curve->group)), &oid);
    c.curve = oid;
    openssl_must(!with_curve || c.curve_len > 0);
    int len = write_content(&c, der);
    OPENSSL_free(oid);
    wipe(number, sizeof(number));
    BN_clear_free(n);
    return len;
}

void pki_ec_private_write(const struct pki_key *key, BIO *bio)
{
    unsigned char der[DER_MAX];
    int len = write_private(key, false, der);
    AUTO(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *info = PKCS8_PRIV_KEY_INFO_new();
    unsigned char *copy = OPENSSL_memdup(der, (size_t)len); /* the info's, which wipes it */
    openssl_must(info != NULL && copy != NULL &&
                 PKCS8_pkey_set0(info, OBJ_nid2obj(EVP_PKEY_EC), 0, V_ASN1_OBJECT,
                                 OBJ_txt2obj(key->curve->group, 0), copy, len) == 1 &&
                 PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, info) == 1);
    wipe(der, sizeof(der));
}

void pki_ec_sec1_write(const struct pki_key *key, BIO *bio)
{
    unsigned char der[DER_MAX];
    int len = write_private(key, true, der);
    openssl_must(PEM_write_bio(bio, PEM_STRING_ECPRIVATEKEY, "", der, len) > 0);
    wipe(der, sizeof(der));
}
