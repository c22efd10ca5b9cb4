/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's default provider without the encoders and decoders of keys that nobody has here.
 *
 * OpenSSL 3.0 keeps no table of decoders by key type: for each key, certificate and request that is read, its 40 decoders
 * are fetched and their names compared with those of the key types, 0.9 M instructions; the TLS client of a handshake
 * reads a whole chain.
 */
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pki/internal.h"

#define KEPT_MAX 96

struct kept {
    OSSL_ALGORITHM items[KEPT_MAX + 1]; /* ended by an empty one */
};

static OSSL_PROVIDER *whole;  /* OpenSSL's own, in a context of its own */
static OSSL_PROVIDER *narrow; /* what is left of it for everybody */
static struct kept encoders, decoders;

/* Keys of certificates on the web and of private keys that users may have; DER is what opens PEM and PKCS#8. names is
 * "EC:id-ecPublicKey:1.2.840.10045.2.1". */
static bool is_kept(const char *names)
{
    static const char *const kept[] = {"DER", "EC", "RSA", "RSA-PSS", "ED25519", "ED448"};
    size_t len = strcspn(names, ":");
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (strlen(kept[i]) == len && memcmp(kept[i], names, len) == 0)
            return true;
    return false;
}

static void keep(struct kept *k, int operation)
{
    int no_cache = 0;
    size_t n = 0;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, operation, &no_cache);
    for (; all != NULL && all->algorithm_names != NULL; all++) {
        if (!is_kept(all->algorithm_names))
            continue;
        openssl_must(n < KEPT_MAX);
        k->items[n++] = *all;
    }
}

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
    (void)ctx;
    *no_cache = 0;
    if (operation == OSSL_OP_ENCODER)
        return encoders.items;
    if (operation == OSSL_OP_DECODER)
        return decoders.items;
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
    keep(&encoders, OSSL_OP_ENCODER);
    keep(&decoders, OSSL_OP_DECODER);
    openssl_must(OSSL_PROVIDER_add_builtin(NULL, "certroll", start) == 1);
    narrow = OSSL_PROVIDER_load(NULL, "certroll");
    openssl_must(narrow != NULL);
}
