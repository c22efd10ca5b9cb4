/* SPDX-License-Identifier: Apache-2.0 */
/* Digests and HMACs: the vectors of their standards. */
#include "pki/mac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/encode.h"
#include "base/mem.h"
#include "support/expect.h"

static void digests_are_those_of_the_standards(void **state)
{
    (void)state;
    static const struct {
        enum pki_hash hash;
        const char *want;
    } rows[] = {
        /* RFC 1321 section A.5, FIPS 180-4: "abc" */
        {PKI_MD5, "900150983cd24fb0d6963f7d28e17f72"},
        {PKI_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {PKI_SHA224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
        {PKI_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {PKI_SHA384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                     "8086072ba1e7cc2358baeca134c825a7"},
        {PKI_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned char out[PKI_HASH_MAX];
        expect_ok(pki_digest(rows[i].hash, (struct pki_bytes){"abc", 3}, out));
        auto_free char *hex = hex_encode(out, pki_hash_size(rows[i].hash));
        assert_string_equal(hex, rows[i].want);
    }
}

static void hmacs_are_those_of_the_standards(void **state)
{
    (void)state;
    static const struct {
        enum pki_hash hash;
        const char *want;
    } rows[] = {
        /* RFC 2202 and RFC 4231, test case 2: key "Jefe" */
        {PKI_MD5, "750c783e6ab0b503eaa86e310a5db738"},
        {PKI_SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {PKI_SHA224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"},
        {PKI_SHA256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {PKI_SHA384, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                     "8e2240ca5e69e2c78b3239ecfab21649"},
        {PKI_SHA512, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                     "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
    };
    static const char text[] = "what do ya want for nothing?";
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned char out[PKI_HASH_MAX];
        expect_ok(pki_hmac(rows[i].hash, (struct pki_bytes){"Jefe", 4},
                           (struct pki_bytes){text, strlen(text)}, out));
        auto_free char *hex = hex_encode(out, pki_hash_size(rows[i].hash));
        assert_string_equal(hex, rows[i].want);
    }
}

static void a_mac_may_be_the_key_of_the_next(void **state)
{
    (void)state;
    unsigned char chained[PKI_HASH_MAX], first[PKI_HASH_MAX], second[PKI_HASH_MAX];
    const struct pki_bytes data = {"20150830", 8};
    expect_ok(pki_hmac(PKI_SHA256, (struct pki_bytes){"key", 3}, data, first));
    expect_ok(pki_hmac(PKI_SHA256, (struct pki_bytes){first, 32}, data, second));
    expect_ok(pki_hmac(PKI_SHA256, (struct pki_bytes){"key", 3}, data, chained));
    expect_ok(pki_hmac(PKI_SHA256, (struct pki_bytes){chained, 32}, data, chained));
    assert_memory_equal(chained, second, 32);
    /* An empty key, and keys longer than a block (RFC 4231 test case 6). */
    expect_ok(pki_hmac(PKI_SHA256, (struct pki_bytes){NULL, 0}, (struct pki_bytes){"", 0}, first));
    auto_free char *empty = hex_encode(first, 32);
    assert_string_equal(empty, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    unsigned char key[131];
    memset(key, 0xaa, sizeof(key));
    static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
    expect_ok(pki_hmac(PKI_SHA256, (struct pki_bytes){key, sizeof(key)},
                       (struct pki_bytes){text, strlen(text)}, first));
    auto_free char *hex = hex_encode(first, 32);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_standards),
        cmocka_unit_test(hmacs_are_those_of_the_standards),
        cmocka_unit_test(a_mac_may_be_the_key_of_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
