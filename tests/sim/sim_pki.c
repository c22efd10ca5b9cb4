/* SPDX-License-Identifier: Apache-2.0 */
/* RAND_METHOD is old, and the one way to make OpenSSL repeat itself. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "sim/sim_pki.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "sim/sim_seal.h"

static struct rng_seeded source;
static EVP_PKEY *root_key, *intermediate_key;
static X509 *root, *intermediate;
static bool is_thorough;
static struct map chains, keys; /* PEM -> STACK_OF(X509), EVP_PKEY: of this life */
static struct map verified;     /* PEM of chains whose signatures are good */

/* ---- randomness ---- */

static int draw(unsigned char *out, int len)
{
    source.rng.fill(source.rng.ctx, out, (size_t)len);
    return 1;
}

static int is_seeded(void)
{
    return 1;
}

static void free_chain(void *chain)
{
    sk_X509_pop_free(chain, X509_free);
}

static void free_key(void *key)
{
    EVP_PKEY_free(key);
}

void sim_pki_seed(uint64_t seed, bool thorough)
{
    static const RAND_METHOD method = {.bytes = draw, .pseudorand = draw, .status = is_seeded};
    map_release(&chains);
    map_release(&keys);
    map_release(&verified);
    chains = MAP_INIT(free_chain);
    verified = MAP_INIT(NULL);
    keys = MAP_INIT(free_key);
    rng_seeded_init(&source, seed);
    is_thorough = thorough;
    RAND_set_rand_method(&method);
}

/* ---- signing ---- */

static void need(bool ok)
{
    if (!ok)
        x_abort("sim_pki: OpenSSL failed");
}

static void add_extension(X509 *cert, const X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, (X509 *)(uintptr_t)issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    need(e != NULL && X509_add_ext(cert, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static X509 *make_cert(const char *name, EVP_PKEY *key, int64_t not_before, int64_t not_after)
{
    X509 *cert = X509_new();
    unsigned char serial[15];
    draw(serial, sizeof(serial));
    serial[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);
    need(X509_set_version(cert, 2) == 1);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
    BN_free(number);
    X509_NAME *subject = X509_get_subject_name(cert);
    if (name != NULL)
        need(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
                                        -1, -1, 0) == 1);
    ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(not_before / NS_PER_SEC));
    ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(not_after / NS_PER_SEC));
    need(X509_set_pubkey(cert, key) == 1);
    return cert;
}

static void sign(X509 *cert, const X509 *issuer, EVP_PKEY *key)
{
    need(X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1);
    need(X509_sign(cert, key, EVP_sha256()) > 0);
}

static X509 *make_ca(const char *name, EVP_PKEY *key)
{
    X509 *ca = make_cert(name, key, 0, INT64_C(4102444800) * NS_PER_SEC); /* to 2100 */
    add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign");
    add_extension(ca, ca, NID_subject_key_identifier, "hash");
    return ca;
}

void sim_pki_init(void)
{
    sim_pki_seed(0, true);
    root_key = EVP_EC_gen("P-256");
    intermediate_key = EVP_EC_gen("P-256");
    need(root_key != NULL && intermediate_key != NULL);
    root = make_ca("Simulated Root", root_key);
    sign(root, root, root_key);
    intermediate = make_ca("Simulated Intermediate", intermediate_key);
    sign(intermediate, root, root_key);
}

static char *pem_of(X509 *first, X509 *second)
{
    BIO *bio = BIO_new(BIO_s_mem());
    need(PEM_write_bio_X509(bio, first) == 1 && PEM_write_bio_X509(bio, second) == 1);
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *pem = x_strndup(data, (size_t)len);
    BIO_free(bio);
    return pem;
}

static char *san_text(const struct strlist *names)
{
    AUTO(strlist_release) struct strlist parts = {0};
    for (size_t i = 0; i < names->len; i++)
        strlist_add_take(&parts, x_printf("DNS:%s", names->items[i]));
    auto_free char *all = strlist_join(&parts, ",", 0);
    return x_printf("critical,%s", all); /* the subject is empty (RFC 5280 section 4.2.1.6) */
}

/* What was made need not be read. Takes over leaf. */
static void know_chain(const char *pem, X509 *leaf)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    need(chain != NULL && sk_X509_push(chain, leaf) > 0);
    need(X509_up_ref(intermediate) == 1 && sk_X509_push(chain, intermediate) > 0);
    map_put(&chains, pem, chain);
}

/* For a subject alternative name that is a list of names, or an extension taken over (borrowed). */
static char *issue(X509_REQ *csr, const char *san, X509_EXTENSION *taken, int64_t not_before,
                   int64_t not_after)
{
    EVP_PKEY *key = csr != NULL ? X509_REQ_get0_pubkey(csr) : NULL;
    if (key == NULL || X509_REQ_verify(csr, key) != 1)
        return NULL;
    X509 *leaf = make_cert(NULL, key, not_before, not_after);
    if (taken != NULL)
        need(X509_add_ext(leaf, taken, -1) == 1);
    else
        add_extension(leaf, intermediate, NID_subject_alt_name, san);
    add_extension(leaf, intermediate, NID_key_usage, "critical,digitalSignature,keyEncipherment");
    add_extension(leaf, intermediate, NID_ext_key_usage, "serverAuth");
    add_extension(leaf, intermediate, NID_authority_key_identifier, "keyid:always");
    sign(leaf, intermediate, intermediate_key);
    char *pem = pem_of(leaf, intermediate);
    know_chain(pem, leaf);
    return pem;
}

char *sim_pki_issue(const void *csr_der, size_t len, const struct strlist *names,
                    int64_t not_before, int64_t not_after)
{
    const unsigned char *at = csr_der;
    X509_REQ *csr = d2i_X509_REQ(NULL, &at, (long)len);
    auto_free char *san = san_text(names);
    char *pem = issue(csr, san, NULL, not_before, not_after);
    X509_REQ_free(csr);
    return pem;
}

char *sim_pki_issue_as_asked(const char *csr_pem, int64_t not_before, int64_t not_after)
{
    BIO *bio = BIO_new_mem_buf(csr_pem, -1);
    X509_REQ *csr = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    STACK_OF(X509_EXTENSION) *asked = csr != NULL ? X509_REQ_get_extensions(csr) : NULL;
    int at = X509v3_get_ext_by_NID(asked, NID_subject_alt_name, -1);
    char *pem = NULL;
    if (at >= 0)
        pem = issue(csr, NULL, X509v3_get_ext(asked, at), not_before, not_after);
    sk_X509_EXTENSION_pop_free(asked, X509_EXTENSION_free);
    X509_REQ_free(csr);
    ERR_clear_error();
    return pem;
}

/* ---- JWS ---- */

static bool read_base64url(const char *text, unsigned char *out, size_t len)
{
    auto_free char *raw = NULL;
    size_t got = 0;
    err_drop(base64url_decode(text, strlen(text), &raw, &got)); /* then there is none */
    if (raw == NULL || got != len)
        return false;
    memcpy(out, raw, len);
    return true;
}

/* x and y of the public key. */
static bool read_point(const json_t *jwk, unsigned char point[SIM_SEAL_SIZE])
{
    return read_base64url(str_or(JSTR(jwk, "x"), ""), point, SIM_SEAL_COORDINATE) &&
           read_base64url(str_or(JSTR(jwk, "y"), ""), point + SIM_SEAL_COORDINATE,
                          SIM_SEAL_COORDINATE);
}

static EVP_PKEY *key_of_jwk(const json_t *jwk)
{
    unsigned char point[1 + SIM_SEAL_SIZE] = {4};
    if (!read_point(jwk, point + 1))
        return NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"P-256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    need(EVP_PKEY_fromdata_init(ctx) == 1);
    if (EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return key;
}

bool sim_pki_jwk_is_of(const json_t *jwk, const char *der)
{
    auto_free char *raw = NULL;
    size_t len = 0;
    err_drop(base64url_decode(der, strlen(der), &raw, &len)); /* then there is none */
    const unsigned char *p = (const unsigned char *)raw;
    X509 *cert = raw != NULL ? d2i_X509(NULL, &p, (long)len) : NULL;
    EVP_PKEY *key = key_of_jwk(jwk);
    bool same = cert != NULL && key != NULL && EVP_PKEY_eq(X509_get0_pubkey(cert), key) == 1;
    EVP_PKEY_free(key);
    X509_free(cert);
    ERR_clear_error();
    return same;
}

static int der_of_raw(const unsigned char raw[SIM_SEAL_SIZE], unsigned char **ret_der)
{
    const unsigned char *r = raw, *second = raw + SIM_SEAL_COORDINATE;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    need(sig != NULL && ECDSA_SIG_set0(sig, BN_bin2bn(r, SIM_SEAL_COORDINATE, NULL),
                                       BN_bin2bn(second, SIM_SEAL_COORDINATE, NULL)) == 1);
    int len = i2d_ECDSA_SIG(sig, ret_der);
    ECDSA_SIG_free(sig);
    return len;
}

static bool is_signed_by(const json_t *jwk, const unsigned char raw[SIM_SEAL_SIZE],
                         const char *input)
{
    EVP_PKEY *key = key_of_jwk(jwk);
    unsigned char *der = NULL;
    int len = der_of_raw(raw, &der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good =
        key != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestVerify(ctx, der, (size_t)len, (const unsigned char *)input, strlen(input)) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    ERR_clear_error();
    return good;
}

bool sim_pki_jws_verifies(const json_t *jws, const json_t *jwk)
{
    unsigned char raw[SIM_SEAL_SIZE], point[SIM_SEAL_SIZE];
    if (!read_base64url(str_or(JSTR(jws, "signature"), ""), raw, sizeof(raw)))
        return false;
    auto_free char *input = x_printf("%s.%s", JSTR(jws, "protected"), JSTR(jws, "payload"));
    if (is_thorough)
        return is_signed_by(jwk, raw, input);
    return read_point(jwk, point) && sim_seal_verifies(raw, input, point);
}

/* ---- checking ---- */

/* What was read in this life: each Secret is looked at many times, and OpenSSL takes a millisecond to
 * read a key. */
static void *recall(struct map *known, const char *pem, void *(*read)(BIO *bio))
{
    void *value = map_get(known, pem);
    if (value != NULL)
        return value;
    BIO *bio = BIO_new_mem_buf(pem, -1);
    value = read(bio);
    BIO_free(bio);
    if (value != NULL)
        map_put(known, pem, value);
    return value;
}

static void *read_chain(BIO *bio)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    need(chain != NULL);
    for (X509 *cert; (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL;)
        need(sk_X509_push(chain, cert) > 0);
    ERR_clear_error(); /* the end */
    return chain;
}

/* Told the type, OpenSSL does not try all the decoders that it has. */
static void *read_key(BIO *bio)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    void *key = NULL;
    if (PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
        const unsigned char *at = der;
        key = d2i_PrivateKey(EVP_PKEY_EC, NULL, &at, len);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(der);
    ERR_clear_error(); /* it may be garbage */
    return key;
}

/* Borrowed; NULL beyond the end. */
static X509 *cert_of(const char *pem, int n)
{
    STACK_OF(X509) *chain = recall(&chains, pem, read_chain);
    return n < sk_X509_num(chain) ? sk_X509_value(chain, n) : NULL;
}

bool sim_pki_pair_matches(const char *crt_pem, const char *key_pem)
{
    const X509 *crt = cert_of(crt_pem, 0);
    EVP_PKEY *key = recall(&keys, key_pem, read_key);
    return crt != NULL && key != NULL && X509_check_private_key(crt, key) == 1;
}

bool sim_pki_chain_verifies(const char *chain_pem, int64_t now)
{
    X509 *leaf = cert_of(chain_pem, 0), *next = cert_of(chain_pem, 1);
    time_t when = (time_t)(now / NS_PER_SEC);
    if (leaf == NULL || X509_cmp_time(X509_get0_notBefore(leaf), &when) >= 0 ||
        X509_cmp_time(X509_get0_notAfter(leaf), &when) <= 0)
        return false;
    if (map_has(&verified, chain_pem))
        return true;
    bool good = next == NULL ? X509_verify(leaf, X509_get0_pubkey(leaf)) == 1
                             : X509_verify(leaf, X509_get0_pubkey(next)) == 1 &&
                                   X509_verify(next, X509_get0_pubkey(root)) == 1;
    if (good)
        map_put(&verified, chain_pem, NULL);
    return good;
}

/* RFC 9773 section 4.1: the bytes of the authority's key identifier, and of the serial number as it is encoded. */
char *sim_pki_renewal_id(const char *crt_pem)
{
    const X509 *crt = cert_of(crt_pem, 0);
    const ASN1_OCTET_STRING *authority =
        crt != NULL ? X509_get0_authority_key_id((X509 *)(uintptr_t)crt) : NULL;
    unsigned char *der = NULL;
    int len = crt != NULL ? i2d_ASN1_INTEGER(X509_get0_serialNumber(crt), &der) : 0;
    if (authority == NULL || len <= 2)
        return NULL;
    auto_free char *first =
        base64url_encode(ASN1_STRING_get0_data(authority), (size_t)ASN1_STRING_length(authority));
    auto_free char *second =
        base64url_encode(der + 2, (size_t)len - 2); /* short: one byte of length */
    OPENSSL_free(der);
    return x_printf("%s.%s", first, second);
}

static int64_t wall_of(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * NS_PER_SEC : 0;
}

int64_t sim_pki_read(const char *crt_pem, struct strlist *dns_names)
{
    const X509 *crt = cert_of(crt_pem, 0);
    if (crt == NULL)
        return 0;
    GENERAL_NAMES *names = X509_get_ext_d2i(crt, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
        if (n->type == GEN_DNS)
            strlist_add(dns_names, (const char *)ASN1_STRING_get0_data(n->d.dNSName));
    }
    GENERAL_NAMES_free(names);
    strlist_sort(dns_names);
    return wall_of(X509_get0_notAfter(crt));
}
