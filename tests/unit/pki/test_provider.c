/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL as the program has it: which keys it reads, and that it does not look through more than those. */
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pki/internal.h"
#include "pki/key.h"

static EVP_PKEY *make_key(const char *type)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    if (strcmp(type, "EC") == 0)
        assert_int_equal(EVP_PKEY_CTX_set_group_name(ctx, "P-384"), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Servers on the web have certificates of such keys; clients may have such keys, in PEM. */
static void keys_of_servers_and_clients_are_read(void **state)
{
    static const char *const types[] = {"RSA", "RSA-PSS", "EC", "ED25519", "ED448"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        AUTO(EVP_PKEY_freep) EVP_PKEY *key = make_key(types[i]);
        AUTO(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
        assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
        AUTO(EVP_PKEY_freep) EVP_PKEY *public_key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
        AUTO(EVP_PKEY_freep) EVP_PKEY *private_key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        if (public_key == NULL || private_key == NULL || EVP_PKEY_eq(key, public_key) != 1 ||
            EVP_PKEY_eq(key, private_key) != 1)
            fail_msg("%s is not read as it was written", types[i]);
    }
}

static void count_decoder(OSSL_DECODER *decoder, void *count)
{
    (void)decoder;
    (*(unsigned *)count)++;
}

static void count_encoder(OSSL_ENCODER *encoder, void *count)
{
    (void)encoder;
    (*(unsigned *)count)++;
}

static void there_are_few_of_them(void **state)
{
    (void)state;
    unsigned decoders = 0, encoders = 0;
    OSSL_DECODER_do_all_provided(NULL, count_decoder, &decoders);
    OSSL_ENCODER_do_all_provided(NULL, count_encoder, &encoders);
    assert_in_range(decoders, 10, 20); /* of 40 */
    assert_in_range(encoders, 10, 60); /* of 115 */
}

static void everything_else_is_there(void **state)
{
    (void)state;
    assert_int_equal(OSSL_PROVIDER_available(NULL, "certroll"), 1);
    unsigned char sum[EVP_MAX_MD_SIZE];
    size_t len = 0;
    assert_int_equal(EVP_Q_digest(NULL, "SHA3-256", NULL, "", 0, sum, &len), 1);
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    char groups[] = "X25519:P-256:P-384"; /* the macro casts const away */
    assert_int_equal(SSL_CTX_set1_groups_list(ctx, groups), 1);
    SSL_CTX_free(ctx);
}

static int setup(void **state)
{
    (void)state;
    pki_init();
    pki_init(); /* once is enough */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_servers_and_clients_are_read),
        cmocka_unit_test(there_are_few_of_them),
        cmocka_unit_test(everything_else_is_there),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
