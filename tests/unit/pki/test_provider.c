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
#include "testca.h"

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

/* ---- TLS: what a handshake fetches on its way depends on suite and version, and on whether a session is resumed ------ */

static SSL_CTX *make_context(const char *suite, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
    assert_int_equal(version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(ctx, suite)
                                               : SSL_CTX_set_cipher_list(ctx, suite),
                     1);
    return ctx;
}

/* With keys of both kinds, since suites before TLS 1.3 name the one they take. */
static SSL_CTX *make_server(const char *suite, int version, const struct issued *ids, size_t count)
{
    SSL_CTX *ctx = make_context(suite, version);
    SSL_CTX_set_dh_auto(ctx, 1);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, ids[i].cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, ids[i].key), 1);
    }
    return ctx;
}

/* The session of a handshake in memory, which resumes that one unless it is NULL; NULL where it failed. */
static SSL_SESSION *shake_hands(SSL_CTX *client_ctx, SSL_CTX *server_ctx, SSL_SESSION *session)
{
    SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
    BIO *ours = NULL, *theirs = NULL;
    char byte;
    assert_int_equal(BIO_new_bio_pair(&ours, 65536, &theirs, 65536), 1);
    SSL_set_bio(client, ours, ours);
    SSL_set_bio(server, theirs, theirs);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    if (session != NULL)
        assert_int_equal(SSL_set_session(client, session), 1);
    for (int i = 0; i < 4; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    SSL_read(client, &byte, 1); /* the ticket */
    bool done = SSL_is_init_finished(client) && SSL_is_init_finished(server) &&
                (session == NULL || SSL_session_reused(client));
    SSL_SESSION *next = done ? SSL_get1_session(client) : NULL;
    SSL_shutdown(client); /* or the session may not be resumed */
    SSL_free(client);
    SSL_free(server);
    return next;
}

static void expect_suite(const char *suite, int version, const struct issued *ids, size_t count)
{
    SSL_CTX *client = make_context(suite, version);
    SSL_CTX *server = make_server(suite, version, ids, count);
    SSL_SESSION *first = shake_hands(client, server, NULL);
    if (first == NULL)
        fail_msg("no handshake with %s", suite);
    SSL_SESSION *again = shake_hands(client, server, first);
    if (again == NULL)
        fail_msg("a session of %s is not resumed", suite);
    SSL_SESSION_free(again);
    SSL_SESSION_free(first);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void every_suite_is_spoken_and_resumed(void **state)
{
    (void)state;
    struct issued ids[2];
    AUTO(EVP_PKEY_freep) EVP_PKEY *rsa = make_key("RSA");
    issue(&(struct issue_spec){.cn = "ec"}, &ids[0]);
    issue(&(struct issue_spec){.cn = "rsa", .key = rsa}, &ids[1]);
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL *ssl = SSL_new(ctx);
    STACK_OF(SSL_CIPHER) *all = SSL_get1_supported_ciphers(ssl);
    assert_in_range(sk_SSL_CIPHER_num(all), 20, 60);
    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(all, i);
        bool newest = strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3") == 0;
        expect_suite(SSL_CIPHER_get_name(cipher), newest ? TLS1_3_VERSION : TLS1_2_VERSION, ids,
                     ARRAY_LEN(ids));
    }
    sk_SSL_CIPHER_free(all);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        issued_release(&ids[i]);
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
        cmocka_unit_test(every_suite_is_spoken_and_resumed),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
