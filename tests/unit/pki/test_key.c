/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/internal.h"
#include "pki/jws.h"
#include "testca.h"

static const struct pki_key_spec all_specs[] = {
    {PKI_RSA, 2048}, {PKI_ECDSA, 256}, {PKI_ECDSA, 384}, {PKI_ECDSA, 521}, {PKI_ED25519, 0},
};

static void keys_have_the_algorithm_and_size_asked_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all_specs); i++) {
        AUTO_KEY key = NULL;
        assert_ok(pki_key_generate(&all_specs[i], &key));
        for (size_t k = 0; k < ARRAY_LEN(all_specs); k++)
            assert_int_equal(pki_key_matches(key, &all_specs[k]), i == k);
    }
}

static void size_zero_is_the_default_and_ed25519_has_none(void **state)
{
    (void)state;
    AUTO_KEY rsa = new_key(PKI_RSA, 0);
    AUTO_KEY ecdsa = new_key(PKI_ECDSA, 0);
    AUTO_KEY ed = new_key(PKI_ED25519, 4096);
    assert_true(pki_key_matches(rsa, &(struct pki_key_spec){PKI_RSA, 2048}));
    assert_false(pki_key_matches(rsa, &(struct pki_key_spec){PKI_RSA, 3072}));
    assert_true(pki_key_matches(ecdsa, &(struct pki_key_spec){PKI_ECDSA, 256}));
    assert_true(pki_key_matches(ed, &(struct pki_key_spec){PKI_ED25519, 0}));
}

static void other_sizes_are_refused(void **state)
{
    (void)state;
    static const struct pki_key_spec bad[] = {
        {PKI_RSA, 1024},  {PKI_RSA, 2047},   {PKI_RSA, 8193},      {PKI_RSA, -1},
        {PKI_ECDSA, 255}, {PKI_ECDSA, 2048}, {PKI_ECDSA, 1 << 30},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct pki_key *key = NULL;
        assert_refused(pki_key_generate(&bad[i], &key), "InvalidSpec", "key size");
        assert_null(key);
    }
}

static void a_written_key_is_read_again(void **state)
{
    (void)state;
    static const char *const labels[][2] = {
        {"-----BEGIN RSA PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\n"},
        {"-----BEGIN EC PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\n"},
        {"-----BEGIN EC PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\n"},
        {"-----BEGIN EC PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\n"},
        {"-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\n"},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(all_specs); i++) {
        enum pki_key_encoding encoding = i % 2 == 0 ? PKI_PKCS1 : PKI_PKCS8;
        AUTO_KEY key = new_key(all_specs[i / 2].algorithm, all_specs[i / 2].size);
        AUTO(secret_release) struct secret pem = {0};
        assert_ok(pki_key_pem(key, encoding, &pem));
        assert_true(str_starts(pem.data, labels[i / 2][i % 2]));
        AUTO_KEY again = NULL;
        assert_ok(pki_key_parse(pem.data, pem.len, &again));
        assert_true(pki_key_equal(key, again));
        assert_true(pki_key_matches(again, &all_specs[i / 2]));
        /* An independent reader sees the private half, too. */
        EVP_PKEY *seen = private_from_pem(pem.data, pem.len);
        auto_free char *theirs = private_pem(seen);
        AUTO(secret_release) struct secret ours = {0};
        assert_ok(pki_key_pem(again, PKI_PKCS8, &ours));
        assert_string_equal(theirs, ours.data);
        EVP_PKEY_free(seen);
    }
}

static void text_around_the_key_and_its_parameters_are_skipped(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    AUTO(secret_release) struct secret pem = {0};
    assert_ok(pki_key_pem(key, PKI_PKCS1, &pem));
    /* prime256v1, as "openssl ecparam -genkey" writes it */
    auto_free char *text = x_printf("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                                    "-----END EC PARAMETERS-----\n%strailing garbage\n",
                                    pem.data);
    AUTO_KEY again = NULL;
    assert_ok(pki_key_parse(text, strlen(text), &again));
    assert_true(pki_key_equal(key, again));
}

static void assert_key_refused(const char *pem, const char *message)
{
    struct pki_key *key = NULL;
    assert_refused(pki_key_parse(pem, strlen(pem), &key), "InvalidKey", message);
    assert_null(key);
}

static void hostile_text_is_refused(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ED25519, 0);
    AUTO(secret_release) struct secret pem = {0};
    assert_ok(pki_key_pem(key, PKI_PKCS8, &pem));
    auto_free char *twice = join(pem.data, pem.data);
    assert_key_refused(twice, "more than one PEM block");
    assert_key_refused("", "no PEM block found");
    assert_key_refused("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                       "-----END EC PARAMETERS-----\n",
                       "no PEM block found");
    assert_key_refused("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                       "the PEM block is not PRIVATE KEY");
    assert_key_refused("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                       "-----END ENCRYPTED PRIVATE KEY-----\n",
                       "(unencrypted)");
    assert_key_refused("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
                       "not an RSA, ECDSA or Ed25519 key");
    assert_key_refused("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
                       "cannot decode");
    assert_key_refused("-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n",
                       "cannot decode");
}

static void ten_megabytes_are_refused(void **state)
{
    (void)state;
    size_t len = (size_t)10 << 20;
    auto_free char *big = x_alloc(len);
    memset(big, 'A', len);
    struct pki_key *key = NULL;
    assert_refused(pki_key_parse(big, len, &key), "InvalidKey", "at most 13000");
    assert_null(key);
}

static void bytes_after_the_der_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *evp = EVP_EC_gen("P-256");
    unsigned char der[256] = {0};
    unsigned char *p = der;
    int len = i2d_PrivateKey(evp, &p);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio(bio, "EC PRIVATE KEY", "", der, len + 1);
    char *pem = NULL;
    long pem_len = BIO_get_mem_data(bio, &pem);
    struct pki_key *key = NULL;
    assert_refused(pki_key_parse(pem, (size_t)pem_len, &key), "InvalidKey", "cannot decode");
    BIO_free(bio);
    EVP_PKEY_free(evp);
}

static void keys_we_do_not_use_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {
        EVP_EC_gen("secp256k1"),
        EVP_RSA_gen(1024),
        EVP_PKEY_Q_keygen(NULL, NULL, "ED448"),
    };
    static const char *const messages[] = {
        "numbers out of range: use RSA of 2048 to 8192 bits",
        "unsupported key",
        "not an RSA, ECDSA or Ed25519 key",
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_non_null(keys[i]);
        auto_free char *pem = private_pem(keys[i]);
        assert_key_refused(pem, messages[i]);
        EVP_PKEY_free(keys[i]);
    }
}

/* A P-256 key with the number 0: its public half is the point at infinity. */
static void the_key_zero_is_refused(void **state)
{
    (void)state;
    unsigned char der[51] = {0x30, 49, 0x02, 1, 1, 0x04, 32};
    static const unsigned char curve[] = {0xa0, 10,   0x06, 8,    0x2a, 0x86,
                                          0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    memcpy(der + 39, curve, sizeof(curve));
    auto_free char *body = base64_encode(der, sizeof(der));
    auto_free char *pem =
        x_printf("-----BEGIN EC PRIVATE KEY-----\n%s\n-----END EC PRIVATE KEY-----\n", body);
    assert_key_refused(pem, "unsupported key");
    /* The same form with the number 1 is a key. */
    der[38] = 1;
    auto_free char *one_body = base64_encode(der, sizeof(der));
    auto_free char *one =
        x_printf("-----BEGIN EC PRIVATE KEY-----\n%s\n-----END EC PRIVATE KEY-----\n", one_body);
    AUTO_KEY key = NULL;
    assert_ok(pki_key_parse(one, strlen(one), &key));
}

static EVP_PKEY *rsa_with_exponent(const EVP_PKEY *modulus_of, const unsigned char *little,
                                   size_t len)
{
    BIGNUM *n = NULL;
    EVP_PKEY_get_bn_param(modulus_of, OSSL_PKEY_PARAM_RSA_N, &n);
    unsigned char modulus[256], exponent[16];
    assert_int_equal(BN_bn2nativepad(n, modulus, sizeof(modulus)), sizeof(modulus));
    BN_free(n);
    memcpy(exponent, little, len);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, modulus, sizeof(modulus)),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, exponent, len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void odd_rsa_exponents_are_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned char little[16];
        size_t len;
        bool ok;
    } cases[] = {
        {{3}, 1, true},
        {{1, 0, 1}, 3, true},
        {{1, 0, 0, 0, 0, 0, 0, 0x80}, 8, true},
        {{1, 0, 0, 0, 0, 0, 0, 0, 1}, 9, false},
        {{1}, 1, false},
        {{2}, 1, false},
    };
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        EVP_PKEY *evp = rsa_with_exponent(rsa, cases[i].little, cases[i].len);
        AUTO_KEY key = NULL;
        AUTO_ERR e = pki_key_wrap(evp, "InvalidKey", &key);
        assert_int_equal(e == NULL, cases[i].ok);
        EVP_PKEY_free(evp);
    }
    EVP_PKEY_free(rsa);
}

static void only_the_public_half_decides_equality(void **state)
{
    (void)state;
    AUTO_KEY a = new_key(PKI_ECDSA, 256);
    AUTO_KEY b = new_key(PKI_ECDSA, 256);
    AUTO_KEY other_kind = new_key(PKI_ED25519, 0);
    assert_true(pki_key_equal(a, a));
    assert_false(pki_key_equal(a, b));
    assert_false(pki_key_equal(a, other_kind));
    assert_int_equal(ERR_peek_error(), 0);
}

static void sha256_has_the_values_of_fips_180(void **state)
{
    (void)state;
    char hex[PKI_SHA256_HEX];
    pki_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    pki_sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void the_spki_hash_is_that_of_the_der(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 384);
    AUTO(secret_release) struct secret pem = {0};
    assert_ok(pki_key_pem(key, PKI_PKCS8, &pem));
    EVP_PKEY *evp = private_from_pem(pem.data, pem.len);
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(evp, &der);
    char want[PKI_SHA256_HEX], have[PKI_SHA256_HEX];
    pki_sha256_hex(der, (size_t)len, want);
    pki_key_spki_sha256(key, have);
    assert_string_equal(have, want);
    OPENSSL_free(der);
    EVP_PKEY_free(evp);
}

static void *use_shared_key(void *arg)
{
    struct pki_key *key = pki_key_ref(arg);
    for (int i = 0; i < 20; i++) {
        AUTO(secret_release) struct secret pem = {0};
        AUTO_KEY again = NULL;
        AUTO_ERR written = pki_key_pem(key, PKI_PKCS8, &pem);
        AUTO_ERR read = written == NULL ? pki_key_parse(pem.data, pem.len, &again) : NULL;
        if (written != NULL || read != NULL || !pki_key_equal(key, again))
            abort();
    }
    pki_key_free(key);
    return NULL;
}

static void a_key_may_be_shared_by_threads(void **state)
{
    (void)state;
    struct pki_key *key = new_key(PKI_ECDSA, 256);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_shared_key, key), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    pki_key_free(key);
    pki_key_free(NULL);
}

static void *ask_for_texts(void *arg)
{
    char spki[PKI_SHA256_HEX];
    pki_key_spki_sha256(arg, spki);
    auto_free char *thumbprint = pki_jwk_thumbprint(arg);
    return x_printf("%s %s", spki, thumbprint);
}

static void texts_of_a_key_are_made_once(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    AUTO_KEY other = new_key(PKI_ECDSA, 256);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for_texts, key), 0);
    auto_free char *others = ask_for_texts(other);
    char *first = ask_for_texts(key);
    assert_string_not_equal(first, others);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *text = NULL;
        pthread_join(threads[i], &text);
        assert_string_equal(text, first);
        free(text);
    }
    free(first);
    assert_ptr_equal(pki_key_memo(key, PKI_MEMO_THUMBPRINT, NULL),
                     pki_key_memo(key, PKI_MEMO_THUMBPRINT, NULL));
}

static void there_are_no_core_dumps_with_keys(void **state)
{
    (void)state;
#ifdef CERTROLL_SANITIZED
    skip(); /* the leak checker needs a dumpable process */
#endif
    assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
}

static int setup(void **state)
{
    (void)state;
    pki_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_the_algorithm_and_size_asked_for),
        cmocka_unit_test(size_zero_is_the_default_and_ed25519_has_none),
        cmocka_unit_test(other_sizes_are_refused),
        cmocka_unit_test(a_written_key_is_read_again),
        cmocka_unit_test(text_around_the_key_and_its_parameters_are_skipped),
        cmocka_unit_test(hostile_text_is_refused),
        cmocka_unit_test(ten_megabytes_are_refused),
        cmocka_unit_test(bytes_after_the_der_are_refused),
        cmocka_unit_test(keys_we_do_not_use_are_refused),
        cmocka_unit_test(the_key_zero_is_refused),
        cmocka_unit_test(odd_rsa_exponents_are_refused),
        cmocka_unit_test(only_the_public_half_decides_equality),
        cmocka_unit_test(sha256_has_the_values_of_fips_180),
        cmocka_unit_test(the_spki_hash_is_that_of_the_der),
        cmocka_unit_test(a_key_may_be_shared_by_threads),
        cmocka_unit_test(texts_of_a_key_are_made_once),
        cmocka_unit_test(there_are_no_core_dumps_with_keys),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
