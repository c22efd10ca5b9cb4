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

static void what_is_written_is_what_openssl_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO_KEY key = new_key(PKI_ECDSA, sizes[i]);
        AUTO(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
        pki_ec_private_write(key, bio);
        auto_free char *ours = bio_to_string(bio);
        auto_free char *theirs = private_pem(key->evp);
        assert_string_equal(ours, theirs);
    }
}

/* The PKCS#8 of a key, owned by the caller. */
static unsigned char *der_of(const EVP_PKEY *evp, int *ret_len)
{
    unsigned char *der = NULL;
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(evp);
    *ret_len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    PKCS8_PRIV_KEY_INFO_free(info);
    assert_true(*ret_len > 0);
    return der;
}

static EVP_PKEY *decoded(const unsigned char *der, long len)
{
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, len);
    EVP_PKEY *evp = info != NULL ? pki_ec_private_decode(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return evp;
}

/* Both halves: what it signs is verified by the key that it was. */
static void what_openssl_writes_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO_KEY key = new_key(PKI_ECDSA, sizes[i]);
        int len;
        unsigned char *der = der_of(key->evp, &len);
        AUTO(EVP_PKEY_freep) EVP_PKEY *evp = decoded(der, len);
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
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    int len;
    unsigned char *der = der_of(key->evp, &len);
    for (int at = 0; at < len; at++) {
        unsigned char was = der[at];
        for (unsigned bit = 0; bit < 8; bit++) {
            der[at] = (unsigned char)(was ^ (1U << bit));
            AUTO(EVP_PKEY_freep) EVP_PKEY *ours = decoded(der, len);
            const unsigned char *p = der;
            AUTO(EVP_PKEY_freep)
            EVP_PKEY *theirs = ours != NULL ? d2i_PrivateKey(EVP_PKEY_EC, NULL, &p, len) : NULL;
            if (ours != NULL && (theirs == NULL || EVP_PKEY_eq(ours, theirs) != 1))
                fail_msg("byte %d, bit %u: OpenSSL does not read this key", at, bit);
        }
        der[at] = was;
    }
    for (int cut = 0; cut < len; cut++)
        assert_null(decoded(der, cut));
    OPENSSL_free(der);
}

static void other_keys_are_left_to_openssl(void **state)
{
    (void)state;
    AUTO(EVP_PKEY_freep) EVP_PKEY *koblitz = EVP_EC_gen("secp256k1");
    AUTO(EVP_PKEY_freep) EVP_PKEY *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    const EVP_PKEY *keys[] = {koblitz, edwards};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        int len;
        unsigned char *der = der_of(keys[i], &len);
        assert_null(decoded(der, len));
        OPENSSL_free(der);
    }
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
        cmocka_unit_test(what_is_written_is_what_openssl_writes),
        cmocka_unit_test(what_openssl_writes_is_read),
        cmocka_unit_test(other_bytes_are_left_to_openssl),
        cmocka_unit_test(other_keys_are_left_to_openssl),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
