/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's default provider without what nobody has or speaks here: keys, and ciphers.
 *
 * OpenSSL 3.0 keeps no table of decoders by key type: for each key, certificate and request that is read, its decoders
 * are fetched and their names compared with those of the key types, and all that the provider has, 124 ciphers too, is
 * copied on the way. With all of it that is 0.9 M instructions; the TLS client of a handshake reads a whole chain.
 */
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "pki/internal.h"

#define NAMES_MAX 16
#define KEPT_MAX 96

/* Keys of certificates on the web and of private keys that users may have; DER is what opens PEM and PKCS#8. */
#define KEYS "EC", "RSA", "RSA-PSS", "ED25519", "ED448"

/* Of the other operations everything is kept. */
static struct kept {
    int operation;
    const char *names[NAMES_MAX];       /* the first of OpenSSL's for each */
    OSSL_ALGORITHM items[KEPT_MAX + 1]; /* ended by an empty one */
} kept[] = {
    {.operation = OSSL_OP_ENCODER, .names = {KEYS, "DER"}},
    {.operation = OSSL_OP_DECODER, .names = {KEYS, "DER"}},
    /* and what TLS agrees on keys with */
    {.operation = OSSL_OP_KEYMGMT, .names = {KEYS, "X25519", "X448", "DH", "HKDF", "TLS1-PRF"}},
    /* of TLS, and CTR and ECB of the random number generator */
    {.operation = OSSL_OP_CIPHER,
     .names = {"AES-128-GCM", "AES-256-GCM", "AES-128-CCM", "AES-256-CCM", "AES-128-CBC",
               "AES-256-CBC", "AES-128-CBC-HMAC-SHA1", "AES-256-CBC-HMAC-SHA1",
               "AES-128-CBC-HMAC-SHA256", "AES-256-CBC-HMAC-SHA256", "ChaCha20-Poly1305",
               "AES-256-CTR", "AES-256-ECB", "NULL"}},
};

static OSSL_PROVIDER *whole;  /* OpenSSL's own, in a context of its own */
static OSSL_PROVIDER *narrow; /* what is left of it for everybody */

/* all is "EC:id-ecPublicKey:1.2.840.10045.2.1". */
static bool is_kept(const struct kept *k, const char *all)
{
    size_t len = strcspn(all, ":");
    for (size_t i = 0; i < NAMES_MAX && k->names[i] != NULL; i++)
        if (strlen(k->names[i]) == len && memcmp(k->names[i], all, len) == 0)
            return true;
    return false;
}

static void keep(struct kept *k)
{
    int no_cache = 0;
    size_t n = 0;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, k->operation, &no_cache);
    for (; all != NULL && all->algorithm_names != NULL; all++) {
        if (!is_kept(k, all->algorithm_names))
            continue;
        openssl_must(n < KEPT_MAX);
        k->items[n++] = *all;
    }
}

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
    (void)ctx;
    *no_cache = 0;
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (kept[i].operation == operation)
            return kept[i].items;
    return OSSL_PROVIDER_query_operation(whole, operation, no_cache);
}

/* TLS groups. */
static int tell_capabilities(void *ctx, const char *what, OSSL_CALLBACK *tell, void *arg)
{
    (void)ctx;
    return OSSL_PROVIDER_get_capabilities(whole, what, tell, arg);
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                 void **ret_ctx)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))tell_capabilities},
        {0, NULL}};
    (void)handle;
    (void)in;
    *out = functions;
    *ret_ctx = OSSL_PROVIDER_get0_provider_ctx(whole);
    return 1;
}

/* Who names a configuration of OpenSSL's decides which providers there are. To ask OpenSSL whether one is loaded would
 * load the default one. */
static bool is_configured(void)
{
    const char *file = getenv("OPENSSL_CONF");
    return file != NULL && *file != '\0';
}

void pki_provider_init(void)
{
    if (narrow != NULL || is_configured())
        return;
    OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();
    whole = own != NULL ? OSSL_PROVIDER_load(own, "default") : NULL;
    openssl_must(whole != NULL);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        keep(&kept[i]);
    openssl_must(OSSL_PROVIDER_add_builtin(NULL, "certroll", start) == 1);
    narrow = OSSL_PROVIDER_load(NULL, "certroll");
    openssl_must(narrow != NULL);
}
