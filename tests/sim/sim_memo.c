/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_memo.h"

#include <openssl/x509.h>

#include "base/map.h"
#include "base/mem.h"
#include "pki/key.h"

static struct map by_pem; /* -> struct pki_key, a reference */
static bool is_thorough;

/* The linker's names for what is led here, and for what it was led away from. */
struct err *__real_pki_key_parse(const void *pem, size_t len, struct pki_key **ret_key) MUST_CHECK;
struct err *__wrap_pki_key_parse(const void *pem, size_t len, struct pki_key **ret_key) MUST_CHECK;
struct err *__real_pki_handshake(STACK_OF(X509) * chain, EVP_PKEY *key) MUST_CHECK;
struct err *__wrap_pki_handshake(STACK_OF(X509) * chain, EVP_PKEY *key) MUST_CHECK;

static void free_key(void *key)
{
    pki_key_free(key);
}

void sim_memo_end(void)
{
    map_release(&by_pem);
}

void sim_memo_begin(bool thorough)
{
    sim_memo_end();
    by_pem = MAP_INIT(free_key);
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

/* Key, names, dates and chain were compared before; sim_check.c compares key and certificate again. */
struct err *__wrap_pki_handshake(STACK_OF(X509) * chain, EVP_PKEY *key)
{
    return is_thorough ? __real_pki_handshake(chain, key) : NULL;
}
