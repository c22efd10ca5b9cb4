/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_memo.h"

#include <openssl/x509.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/jws.h"
#include "pki/key.h"

/* A key, and what is asked of it. Keeping it keeps its address from becoming another key's. */
struct known_key {
    struct pki_key *key;
    char *thumbprint; /* NULL: not asked yet */
    char spki[PKI_SHA256_HEX];
};

static struct map by_pem;     /* -> struct pki_key, a reference */
static struct map by_address; /* -> struct known_key */
static bool is_thorough;

/* The linker's names for what is led here, and for what it was led away from. */
struct err *__real_pki_key_parse(const void *pem, size_t len, struct pki_key **ret_key) MUST_CHECK;
struct err *__wrap_pki_key_parse(const void *pem, size_t len, struct pki_key **ret_key) MUST_CHECK;
char *__real_pki_jwk_thumbprint(const struct pki_key *key);
char *__wrap_pki_jwk_thumbprint(const struct pki_key *key);
void __real_pki_key_spki_sha256(const struct pki_key *key, char out[PKI_SHA256_HEX]);
void __wrap_pki_key_spki_sha256(const struct pki_key *key, char out[PKI_SHA256_HEX]);
struct err *__real_pki_handshake(STACK_OF(X509) * chain, EVP_PKEY *key) MUST_CHECK;
struct err *__wrap_pki_handshake(STACK_OF(X509) * chain, EVP_PKEY *key) MUST_CHECK;

static void free_key(void *key)
{
    pki_key_free(key);
}

static void free_known(void *value)
{
    struct known_key *k = value;
    pki_key_free(k->key);
    free(k->thumbprint);
    free(k);
}

void sim_memo_end(void)
{
    map_release(&by_pem);
    map_release(&by_address);
}

void sim_memo_begin(bool thorough)
{
    sim_memo_end();
    by_pem = MAP_INIT(free_key);
    by_address = MAP_INIT(free_known);
    is_thorough = thorough;
}

struct err *__wrap_pki_key_parse(const void *pem, size_t len, struct pki_key **ret_key)
{
    auto_free char *text = x_strndup(pem, len);
    struct pki_key *key = map_get(&by_pem, text);
    if (key == NULL) {
        TRY(__real_pki_key_parse(pem, len, &key));
        map_put(&by_pem, text, key);
    }
    *ret_key = pki_key_ref(key);
    return NULL;
}

static struct known_key *known(const struct pki_key *key)
{
    auto_free char *address = x_printf("%p", (const void *)key);
    struct known_key *k = map_get(&by_address, address);
    if (k != NULL)
        return k;
    k = x_calloc(1, sizeof(*k));
    k->key = pki_key_ref((struct pki_key *)(uintptr_t)key);
    map_put(&by_address, address, k);
    return k;
}

char *__wrap_pki_jwk_thumbprint(const struct pki_key *key)
{
    struct known_key *k = known(key);
    if (k->thumbprint == NULL)
        k->thumbprint = __real_pki_jwk_thumbprint(key);
    return x_strdup(k->thumbprint);
}

void __wrap_pki_key_spki_sha256(const struct pki_key *key, char out[PKI_SHA256_HEX])
{
    struct known_key *k = known(key);
    if (k->spki[0] == '\0')
        __real_pki_key_spki_sha256(key, k->spki);
    str_copy(out, PKI_SHA256_HEX, k->spki);
}

/* Key, names, dates and chain were compared before; sim_check.c compares key and certificate again. */
struct err *__wrap_pki_handshake(STACK_OF(X509) * chain, EVP_PKEY *key)
{
    return is_thorough ? __real_pki_handshake(chain, key) : NULL;
}
