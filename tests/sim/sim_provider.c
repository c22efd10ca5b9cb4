/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* OpenSSL has some 90 encoders and as many decoders; these are the ones for keys of the kind in use. */
#define KEPT_MAX 64

struct kept {
    OSSL_ALGORITHM items[KEPT_MAX + 1]; /* ended by an empty one */
};

static OSSL_PROVIDER *whole; /* OpenSSL's own, in a context of its own */
static struct kept encoders, decoders, keys;

static bool is_kept(const char *names)
{
    return strcmp(names, "EC") == 0 || strncmp(names, "EC:", 3) == 0 || strcmp(names, "DER") == 0;
}

static void keep(struct kept *k, int operation)
{
    int no_cache = 0;
    size_t n = 0;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, operation, &no_cache);
    for (; all != NULL && all->algorithm_names != NULL; all++) {
        if (!is_kept(all->algorithm_names))
            continue;
        if (n == KEPT_MAX)
            x_abort("sim_provider: too many algorithms");
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
    if (operation == OSSL_OP_KEYMGMT)
        return keys.items;
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

void sim_provider_init(void)
{
    setenv("OPENSSL_CONF", "/dev/null", 1); /* then the program brings none of its own */
    OSSL_LIB_CTX *own = OSSL_LIB_CTX_new();
    whole = own != NULL ? OSSL_PROVIDER_load(own, "default") : NULL;
    if (whole == NULL)
        x_abort("sim_provider: no default provider");
    keep(&encoders, OSSL_OP_ENCODER);
    keep(&decoders, OSSL_OP_DECODER);
    keep(&keys, OSSL_OP_KEYMGMT);
    if (OSSL_PROVIDER_add_builtin(NULL, "sim", start) != 1 ||
        OSSL_PROVIDER_load(NULL, "sim") == NULL)
        x_abort("sim_provider: cannot be loaded");
}
