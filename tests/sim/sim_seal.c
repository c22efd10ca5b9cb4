/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_seal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"

#define NAME_MAX_LEN 20
/* ECDSA-Sig-Value: a sequence of two integers, which are seen to be positive and of full length. */
#define DER_SIZE (SIM_SEAL_SIZE + 6)

/* The linker's names for what is led here, and for what it was led away from. */
int __real_EVP_DigestSign(EVP_MD_CTX *ctx, unsigned char *out, size_t *len,
                          const unsigned char *text, size_t text_len);
int __wrap_EVP_DigestSign(EVP_MD_CTX *ctx, unsigned char *out, size_t *len,
                          const unsigned char *text, size_t text_len);
int __real_X509_sign(X509 *cert, EVP_PKEY *key, const EVP_MD *digest);
int __wrap_X509_sign(X509 *cert, EVP_PKEY *key, const EVP_MD *digest);
int __real_X509_verify(X509 *cert, EVP_PKEY *key);
int __wrap_X509_verify(X509 *cert, EVP_PKEY *key);
int __real_X509_REQ_sign(X509_REQ *request, EVP_PKEY *key, const EVP_MD *digest);
int __wrap_X509_REQ_sign(X509_REQ *request, EVP_PKEY *key, const EVP_MD *digest);
int __real_X509_REQ_verify(X509_REQ *request, EVP_PKEY *key);
int __wrap_X509_REQ_verify(X509_REQ *request, EVP_PKEY *key);

struct point {
    EVP_PKEY *key; /* a reference, so that no other key gets its place */
    unsigned char bytes[SIM_SEAL_SIZE];
};

static bool is_thorough = true; /* before the first life */
static bool has_begun;
static struct map always;  /* what the CA's own certificates are signed with */
static struct map signers; /* of this life: hash of the DER -> EVP_PKEY, a reference */
static struct point *points;
static size_t point_count;

static void free_key(void *key)
{
    EVP_PKEY_free(key);
}

void sim_seal_end(void)
{
    for (size_t i = 0; i < point_count; i++)
        EVP_PKEY_free(points[i].key);
    free(points);
    points = NULL;
    point_count = 0;
    map_release(&signers);
}

void sim_seal_begin(bool thorough)
{
    sim_seal_end();
    signers = MAP_INIT(free_key);
    is_thorough = thorough;
    has_begun = true;
}

/* FNV-1a: nobody here forges anything. */
static uint64_t hash(uint64_t seed, const void *data, size_t len)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++)
        seed = (seed ^ p[i]) * 1099511628211U;
    return seed;
}

#define HASH_SEED 14695981039346656037U

/* ---- JWS ---- */

static void seal(const void *text, size_t len, const unsigned char point[SIM_SEAL_SIZE],
                 unsigned char out[SIM_SEAL_SIZE])
{
    struct rng_seeded bytes;
    rng_seeded_init(&bytes, hash(hash(HASH_SEED, text, len), point, SIM_SEAL_SIZE));
    bytes.rng.fill(bytes.rng.ctx, out, SIM_SEAL_SIZE);
    for (size_t i = 0; i < SIM_SEAL_SIZE; i += SIM_SEAL_COORDINATE)
        out[i] = (out[i] & 0x3f) | 0x40;
}

bool sim_seal_verifies(const unsigned char signature[SIM_SEAL_SIZE], const char *text,
                       const unsigned char point[SIM_SEAL_SIZE])
{
    unsigned char expected[SIM_SEAL_SIZE];
    seal(text, strlen(text), point, expected);
    return !is_thorough && memcmp(signature, expected, sizeof(expected)) == 0;
}

/* x and y of the public key, borrowed; NULL for one of another kind. */
static const unsigned char *point_of(EVP_PKEY *key)
{
    for (size_t i = 0; i < point_count; i++)
        if (points[i].key == key)
            return points[i].bytes;
    unsigned char form[1 + SIM_SEAL_SIZE];
    size_t len = 0;
    if (EVP_PKEY_get_bits(key) != 8 * SIM_SEAL_COORDINATE ||
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, form, sizeof(form),
                                        &len) != 1 ||
        len != sizeof(form) || form[0] != 4)
        return NULL;
    points = x_realloc(points, (point_count + 1) * sizeof(*points));
    struct point *p = &points[point_count++];
    EVP_PKEY_up_ref(key);
    p->key = key;
    memcpy(p->bytes, form + 1, SIM_SEAL_SIZE);
    return p->bytes;
}

int __wrap_EVP_DigestSign(EVP_MD_CTX *ctx, unsigned char *out, size_t *len,
                          const unsigned char *text, size_t text_len)
{
    EVP_PKEY *key = EVP_PKEY_CTX_get0_pkey(EVP_MD_CTX_get_pkey_ctx(ctx));
    const unsigned char *point =
        !is_thorough && out != NULL && *len >= DER_SIZE ? point_of(key) : NULL;
    if (point == NULL)
        return __real_EVP_DigestSign(ctx, out, len, text, text_len);
    unsigned char sealed[SIM_SEAL_SIZE];
    seal(text, text_len, point, sealed);
    const unsigned char sequence[] = {0x30, DER_SIZE - 2, 0x02, SIM_SEAL_COORDINATE};
    memcpy(out, sequence, sizeof(sequence));
    memcpy(out + sizeof(sequence), sealed, SIM_SEAL_COORDINATE);
    memcpy(out + sizeof(sequence) + SIM_SEAL_COORDINATE, sequence + 2, 2);
    memcpy(out + DER_SIZE - SIM_SEAL_COORDINATE, sealed + SIM_SEAL_COORDINATE, SIM_SEAL_COORDINATE);
    *len = DER_SIZE;
    return 1;
}

/* ---- certificates and requests ---- */

/* By what a signed object is known, from its DER, which is freed. */
static void name_of(unsigned char *der, int len, char name[NAME_MAX_LEN])
{
    uint64_t sum = der != NULL && len > 0 ? hash(HASH_SEED, der, (size_t)len) : 0;
    snprintf(name, NAME_MAX_LEN, "%016llx", (unsigned long long)sum);
    OPENSSL_free(der);
}

static void remember(const char *name, EVP_PKEY *key)
{
    EVP_PKEY_up_ref(key);
    map_put(has_begun ? &signers : &always, name, key);
}

static bool is_known(const char *name, EVP_PKEY *key)
{
    const EVP_PKEY *signer = map_get(&signers, name);
    if (signer == NULL)
        signer = map_get(&always, name);
    return !is_thorough && signer != NULL && EVP_PKEY_eq(signer, key) == 1;
}

static void name_cert(X509 *cert, char name[NAME_MAX_LEN])
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    name_of(der, len, name);
}

static void name_request(X509_REQ *request, char name[NAME_MAX_LEN])
{
    unsigned char *der = NULL;
    int len = i2d_X509_REQ(request, &der);
    name_of(der, len, name);
}

int __wrap_X509_sign(X509 *cert, EVP_PKEY *key, const EVP_MD *digest)
{
    char name[NAME_MAX_LEN];
    int len = __real_X509_sign(cert, key, digest);
    name_cert(cert, name);
    if (len > 0)
        remember(name, key);
    return len;
}

int __wrap_X509_verify(X509 *cert, EVP_PKEY *key)
{
    char name[NAME_MAX_LEN];
    name_cert(cert, name);
    return is_known(name, key) ? 1 : __real_X509_verify(cert, key);
}

int __wrap_X509_REQ_sign(X509_REQ *request, EVP_PKEY *key, const EVP_MD *digest)
{
    char name[NAME_MAX_LEN];
    int len = __real_X509_REQ_sign(request, key, digest);
    name_request(request, name);
    if (len > 0)
        remember(name, key);
    return len;
}

int __wrap_X509_REQ_verify(X509_REQ *request, EVP_PKEY *key)
{
    char name[NAME_MAX_LEN];
    name_request(request, name);
    return is_known(name, key) ? 1 : __real_X509_REQ_verify(request, key);
}
