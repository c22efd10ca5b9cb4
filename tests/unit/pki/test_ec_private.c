/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pki/internal.h"
#include "testca.h"

static const int sizes[] = {256, 384, 521};

/* As OpenSSL writes and reads it, and as we do. der_of(): owned by the caller. */
struct form {
    void (*write)(const struct pki_key *key, BIO *bio);
    char *(*pem)(const EVP_PKEY *evp);
    unsigned char *(*der_of)(const EVP_PKEY *evp, int *ret_len);
    EVP_PKEY *(*decoded)(const unsigned char *der, long len);
};

static unsigned char *pkcs8_of(const EVP_PKEY *evp, int *ret_len)
{
    unsigned char *der = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(evp);
    *ret_len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    PKCS8_PRIV_KEY_INFO_free(info);
    assert_true(*ret_len > 0);
    return der;
}

static EVP_PKEY *pkcs8_decoded(const unsigned char *der, long len)
{
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, len);
    EVP_PKEY *evp = info != NULL ? pki_ec_private_decode(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return evp;
}

static char *sec1_pem(const EVP_PKEY *evp)
{
    AUTO(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, evp, NULL, NULL, 0, NULL, NULL), 1);
    return bio_to_string(bio);
}

static unsigned char *sec1_of(const EVP_PKEY *evp, int *ret_len)
{
    unsigned char *der = NULL;
    *ret_len = i2d_PrivateKey(evp, &der);
    assert_true(*ret_len > 0);
    return der;
}

static EVP_PKEY *sec1_decoded(const unsigned char *der, long len)
{
    return pki_ec_sec1_decode(der, (size_t)len);
}

static struct form forms[] = {
    {pki_ec_private_write, private_pem, pkcs8_of, pkcs8_decoded},
    {pki_ec_sec1_write, sec1_pem, sec1_of, sec1_decoded},
};

static void what_is_written_is_what_openssl_writes(void **state)
{
    const struct form *form = *state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO_KEY key = new_key(PKI_ECDSA, sizes[i]);
        AUTO(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
        form->write(key, bio);
        auto_free char *ours = bio_to_string(bio);
        auto_free char *theirs = form->pem(key->evp);
        assert_string_equal(ours, theirs);
    }
}

/* Both halves: what it signs is verified by the key that it was. */
static void what_openssl_writes_is_read(void **state)
{
    const struct form *form = *state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO_KEY key = new_key(PKI_ECDSA, sizes[i]);
        int len;
        unsigned char *der = form->der_of(key->evp, &len);
        AUTO(EVP_PKEY_freep) EVP_PKEY *evp = form->decoded(der, len);
        assert_non_null(evp);
        assert_int_equal(EVP_PKEY_eq(evp, key->evp), 1);
        auto_free char *again = private_pem(evp);
        auto_free char *before = private_pem(key->evp);
        assert_string_equal(again, before);
        OPENSSL_free(der);
    }
}

/* Whatever byte is another one: it is read as OpenSSL reads it, or left to it. */
static void other_bytes_are_left_to_openssl(void **state)
{
    const struct form *form = *state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    int len;
    unsigned char *der = form->der_of(key->evp, &len);
    for (int at = 0; at < len; at++) {
        unsigned char was = der[at];
        for (unsigned bit = 0; bit < 8; bit++) {
            der[at] = (unsigned char)(was ^ (1U << bit));
            AUTO(EVP_PKEY_freep) EVP_PKEY *ours = form->decoded(der, len);
            const unsigned char *p = der;
            AUTO(EVP_PKEY_freep)
            EVP_PKEY *theirs = ours != NULL ? d2i_PrivateKey(EVP_PKEY_EC, NULL, &p, len) : NULL;
            if (ours != NULL && (theirs == NULL || EVP_PKEY_eq(ours, theirs) != 1))
                fail_msg("byte %d, bit %u: OpenSSL does not read this key", at, bit);
        }
        der[at] = was;
    }
    for (int cut = 0; cut < len; cut++)
        assert_null(form->decoded(der, cut));
    OPENSSL_free(der);
}

static void other_keys_are_left_to_openssl(void **state)
{
    const struct form *form = *state;
    AUTO(EVP_PKEY_freep) EVP_PKEY *koblitz = EVP_EC_gen("secp256k1");
    AUTO(EVP_PKEY_freep) EVP_PKEY *rsa = EVP_RSA_gen(2048);
    const EVP_PKEY *keys[] = {koblitz, rsa};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        int len;
        unsigned char *der = form->der_of(keys[i], &len);
        assert_null(form->decoded(der, len));
        OPENSSL_free(der);
    }
}

/* Within PKCS#8 the algorithm names the curve; alone the key has to. */
static void a_curve_is_named_once(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    int len;
    unsigned char *der = pkcs8_of(key->evp, &len);
    const unsigned char *p = der, *inner = NULL;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, len);
    assert_int_equal(PKCS8_pkey_get0(NULL, &inner, &len, NULL, info), 1);
    assert_null(pki_ec_sec1_decode(inner, (size_t)len));
    PKCS8_PRIV_KEY_INFO_free(info);
    OPENSSL_free(der);
}

static int setup(void **state)
{
    (void)state;
    pki_init();
    return 0;
}

enum { PKCS8, SEC1 };
#define FORM_TEST(test, form)                                                                      \
    {                                                                                              \
        .name = #test " (" #form ")", .test_func = test, .initial_state = &forms[form]             \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        FORM_TEST(what_is_written_is_what_openssl_writes, PKCS8),
        FORM_TEST(what_is_written_is_what_openssl_writes, SEC1),
        FORM_TEST(what_openssl_writes_is_read, PKCS8),
        FORM_TEST(what_openssl_writes_is_read, SEC1),
        FORM_TEST(other_bytes_are_left_to_openssl, PKCS8),
        FORM_TEST(other_bytes_are_left_to_openssl, SEC1),
        FORM_TEST(other_keys_are_left_to_openssl, PKCS8),
        FORM_TEST(other_keys_are_left_to_openssl, SEC1),
        cmocka_unit_test(a_curve_is_named_once),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
