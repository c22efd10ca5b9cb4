/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/check.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "testca.h"

static struct issued root, intermediate, leaf;

static struct err *check_with(const char *chain, const char *key, const struct pki_names *names,
                              bool handshake)
{
    const struct pki_check check = {
        .chain_pem = chain,
        .key_pem = key,
        .key_len = strlen(key),
        .names = names,
        .now = TEST_NOW,
        .handshake = handshake,
    };
    return pki_check_pair(&check);
}

static struct err *check(const char *chain, const char *key)
{
    return check_with(chain, key, NULL, true);
}

static void good_pairs_pass(void **state)
{
    (void)state;
    auto_free char *two = join(leaf.pem, intermediate.pem);
    auto_free char *with_root = join(two, root.pem);
    AUTO(pki_names_release) struct pki_names names = new_names("a.example.com", "a.example.com");
    assert_ok(check_with(leaf.pem, leaf.key_pem, &names, true));
    assert_ok(check_with(two, leaf.key_pem, &names, true));
    assert_ok(check_with(with_root, leaf.key_pem, &names, true));
    assert_ok(check_with(root.pem, root.key_pem, NULL, false));
}

static void every_kind_of_key_shakes_hands(void **state)
{
    (void)state;
    EVP_PKEY *keys[] = {
        EVP_RSA_gen(2048),   EVP_RSA_gen(3072),   EVP_EC_gen("P-256"),
        EVP_EC_gen("P-384"), EVP_EC_gen("P-521"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct issued one;
        issue(&(struct issue_spec){.cn = "a",
                                   .sans = "DNS:a.example.com",
                                   .key = keys[i],
                                   .key_usage = "digitalSignature",
                                   .issuer = &intermediate},
              &one);
        auto_free char *chain = join(one.pem, intermediate.pem);
        assert_ok(check(chain, one.key_pem));
        issued_release(&one);
        EVP_PKEY_free(keys[i]);
    }
}

static void another_key_is_refused(void **state)
{
    (void)state;
    assert_refused(check(leaf.pem, root.key_pem), "InvalidCertificate",
                   "the private key does not belong to the certificate");
    assert_refused(check(leaf.pem, ""), "InvalidCertificate", "private key: no PEM block found");
    assert_refused(check("", leaf.key_pem), "InvalidCertificate", "no PEM block found");
    assert_refused(check(leaf.key_pem, leaf.key_pem), "InvalidCertificate", "is not a CERTIFICATE");
}

/* A key file whose public half is not that of its private half. */
static EVP_PKEY *lying_key(const EVP_PKEY *shown, const EVP_PKEY *hidden)
{
    unsigned char point[65];
    size_t len = 0;
    BIGNUM *d = NULL;
    EVP_PKEY_get_octet_string_param(shown, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len);
    EVP_PKEY_get_bn_param(hidden, OSSL_PKEY_PARAM_PRIV_KEY, &d);
    unsigned char secret[32];
    BN_bn2nativepad(d, secret, sizeof(secret));
    BN_free(d);
    char group[] = "P-256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, secret, sizeof(secret)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void the_handshake_finds_a_key_that_lies(void **state)
{
    (void)state;
    EVP_PKEY *liar = lying_key(leaf.key, root.key);
    auto_free char *pem = private_pem(liar);
    assert_ok(check_with(leaf.pem, pem, NULL, false)); /* the public half alone does not tell */
    assert_refused(check(leaf.pem, pem), "InvalidCertificate", "a TLS 1.3 handshake");
    EVP_PKEY_free(liar);
}

/* As of OpenSSL 3.0: a TLS 1.3 client does not look, one of TLS 1.2 does but for RSA keys, browsers do. */
static void a_key_that_may_not_sign_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key_usage;
        bool fine;
    } rows[] = {{NULL, true},
                {"digitalSignature", true},
                {"digitalSignature,keyEncipherment", true},
                {"keyEncipherment", false},
                {"keyAgreement", false}};
    EVP_PKEY *keys[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-256"),
                        EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(keys); i++) {
        bool fine = rows[i / ARRAY_LEN(keys)].fine;
        struct issued one;
        issue(&(struct issue_spec){.cn = "a",
                                   .key = keys[i % ARRAY_LEN(keys)],
                                   .key_usage = rows[i / ARRAY_LEN(keys)].key_usage,
                                   .issuer = &intermediate},
              &one);
        struct pki_check c = {.chain_pem = one.pem,
                              .key_pem = one.key_pem,
                              .key_len = strlen(one.key_pem),
                              .now = TEST_NOW,
                              .handshake = true,
                              .signs = true};
        if (fine)
            assert_ok(pki_check_pair(&c));
        else
            assert_refused(pki_check_pair(&c), "InvalidCertificate", "digital signature");
        c.signs = false; /* nobody has asked for it */
        assert_ok(pki_check_pair(&c));
        c.signs = true;
        c.handshake = false; /* of a CA */
        assert_ok(pki_check_pair(&c));
        issued_release(&one);
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        EVP_PKEY_free(keys[i]);
}

static void dates_are_checked(void **state)
{
    (void)state;
    static const struct {
        int64_t from, until;
        const char *message; /* NULL: fine */
    } cases[] = {
        {-2 * NS_PER_DAY, -NS_PER_DAY, "the certificate expired at 2025-12-31T00:00:00Z"},
        {-NS_PER_DAY, NS_PER_SEC, NULL},
        {5 * NS_PER_MIN, NS_PER_DAY, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct issued one;
        issue(&(struct issue_spec){.cn = "a", .from = cases[i].from, .until = cases[i].until},
              &one);
        if (cases[i].message == NULL)
            assert_ok(check(one.pem, one.key_pem));
        else
            assert_refused(check(one.pem, one.key_pem), "InvalidCertificate", cases[i].message);
        issued_release(&one);
    }
}

/* Not the certificate's fault, most likely: it is kept, and tried again. */
static void one_that_is_not_valid_yet_is_no_failure(void **state)
{
    (void)state;
    struct issued one;
    issue(&(struct issue_spec){.cn = "a", .from = 5 * NS_PER_MIN + NS_PER_SEC, .until = NS_PER_DAY},
          &one);
    AUTO_ERR e = check(one.pem, one.key_pem);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_TRANSIENT);
    assert_string_equal(e->reason, "NotYetValid");
    assert_non_null(strstr(e->message, "is valid only from 2026-01-01T00:05:01Z"));
    issued_release(&one);
}

static void the_moment_of_expiry_is_too_late(void **state)
{
    (void)state;
    struct pki_check c = {.chain_pem = leaf.pem,
                          .key_pem = leaf.key_pem,
                          .key_len = strlen(leaf.key_pem),
                          .now = TEST_NOW + 90 * NS_PER_DAY};
    assert_refused(pki_check_pair(&c), "InvalidCertificate", "expired");
    c.now--;
    assert_ok(pki_check_pair(&c));
}

static void an_expired_issuer_is_refused(void **state)
{
    (void)state;
    struct issued old, one;
    issue(
        &(struct issue_spec){
            .cn = "old", .is_ca = true, .from = -2 * NS_PER_DAY, .until = -NS_PER_DAY},
        &old);
    issue(&(struct issue_spec){.cn = "a", .issuer = &old}, &one);
    auto_free char *chain = join(one.pem, old.pem);
    assert_refused(check(chain, one.key_pem), "InvalidCertificate",
                   "the issuer's certificate expired");
    issued_release(&old);
    issued_release(&one);
}

static void names_must_answer_the_request(void **state)
{
    (void)state;
    AUTO(pki_names_release) struct pki_names more = new_names(NULL, "a.example.com,b.example.com");
    assert_refused(check_with(leaf.pem, leaf.key_pem, &more, true), "InvalidCertificate",
                   "does not answer the request: DNS name \"b.example.com\" is missing");
    AUTO(pki_names_release) struct pki_names other = new_names(NULL, "0.example.com");
    assert_refused(check_with(leaf.pem, leaf.key_pem, &other, true), "InvalidCertificate",
                   "DNS name \"0.example.com\" is missing");
}

static void a_chain_out_of_order_is_refused(void **state)
{
    (void)state;
    auto_free char *skipped = join(leaf.pem, root.pem);
    assert_refused(check(skipped, leaf.key_pem), "InvalidCertificate",
                   "certificate 1 is not signed by the next");
    auto_free char *swapped = x_printf("%s%s%s", leaf.pem, root.pem, intermediate.pem);
    assert_refused(check(swapped, leaf.key_pem), "InvalidCertificate", "out of order");
    auto_free char *reversed = join(intermediate.pem, leaf.pem);
    assert_refused(check(reversed, leaf.key_pem), "InvalidCertificate", "does not belong");
    auto_free char *repeated = x_printf("%s%s%s", leaf.pem, leaf.pem, intermediate.pem);
    assert_refused(check(repeated, leaf.key_pem), "InvalidCertificate", "out of order");
}

static void an_issuer_must_be_a_ca(void **state)
{
    (void)state;
    struct issued plain, one;
    issue(&(struct issue_spec){.cn = "plain"}, &plain);
    issue(&(struct issue_spec){.cn = "a", .issuer = &plain}, &one);
    auto_free char *chain = join(one.pem, plain.pem);
    assert_refused(check(chain, one.key_pem), "InvalidCertificate",
                   "certificate 2 of the chain is not a CA");
    issued_release(&plain);
    issued_release(&one);
}

static void an_issuer_signed_with_sha1_is_refused(void **state)
{
    (void)state;
    struct issued old, one;
    issue(&(struct issue_spec){.cn = "old", .is_ca = true, .sha1 = true, .issuer = &root}, &old);
    issue(&(struct issue_spec){.cn = "a", .issuer = &old}, &one);
    auto_free char *chain = join(one.pem, old.pem);
    assert_ok(check_with(chain, one.key_pem, NULL, false));
    assert_refused(check(chain, one.key_pem), "InvalidCertificate", "a TLS server cannot use");
    issued_release(&old);
    issued_release(&one);
}

static void the_greatest_chain_shakes_hands(void **state)
{
    (void)state;
    /* Nine intermediates under a root, with names enough to fill TLS records. */
    struct issued links[10];
    auto_free char *sans = x_strdup("DNS:first.example.com");
    for (int i = 0; i < 100; i++) {
        char *longer = x_printf("%s,DNS:host-%d.department.example.com", sans, i);
        free(sans);
        sans = longer;
    }
    auto_free char *chain = x_strdup("");
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        auto_free char *cn = x_printf("link %zu", i);
        issue(
            &(struct issue_spec){
                .cn = cn, .is_ca = true, .sans = sans, .issuer = i > 0 ? &links[i - 1] : NULL},
            &links[i]);
        char *longer = join(links[i].pem, chain);
        free(chain);
        chain = longer;
    }
    assert_true(strlen(chain) > 40000);
    assert_ok(check(chain, links[9].key_pem));
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        issued_release(&links[i]);
}

static void *check_often(void *arg)
{
    for (int i = 0; i < 10; i++) {
        AUTO_ERR e = check(leaf.pem, leaf.key_pem);
        AUTO_ERR wrong = check(leaf.pem, root.key_pem);
        if (e != NULL || wrong == NULL)
            abort();
    }
    return arg;
}

static void threads_check_side_by_side(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_often, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
}

static int setup(void **state)
{
    (void)state;
    pki_init();
    issue(&(struct issue_spec){.cn = "root", .is_ca = true}, &root);
    issue(&(struct issue_spec){.cn = "intermediate", .is_ca = true, .issuer = &root},
          &intermediate);
    issue(&(struct issue_spec){.cn = "a.example.com",
                               .sans = "DNS:a.example.com",
                               .issuer = &intermediate},
          &leaf);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    issued_release(&root);
    issued_release(&intermediate);
    issued_release(&leaf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_check_side_by_side), /* first: the context is made by a race */
        cmocka_unit_test(good_pairs_pass),
        cmocka_unit_test(every_kind_of_key_shakes_hands),
        cmocka_unit_test(another_key_is_refused),
        cmocka_unit_test(the_handshake_finds_a_key_that_lies),
        cmocka_unit_test(a_key_that_may_not_sign_is_refused),
        cmocka_unit_test(dates_are_checked),
        cmocka_unit_test(one_that_is_not_valid_yet_is_no_failure),
        cmocka_unit_test(the_moment_of_expiry_is_too_late),
        cmocka_unit_test(an_expired_issuer_is_refused),
        cmocka_unit_test(names_must_answer_the_request),
        cmocka_unit_test(a_chain_out_of_order_is_refused),
        cmocka_unit_test(an_issuer_must_be_a_ca),
        cmocka_unit_test(an_issuer_signed_with_sha1_is_refused),
        cmocka_unit_test(the_greatest_chain_shakes_hands),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
