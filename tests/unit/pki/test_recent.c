/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "testca.h"

/* More than are kept, so that whatever was there before is forgotten. */
#define MANY 200

static X509 *new_cert(void)
{
    struct issued i;
    issue(&(struct issue_spec){.cn = "a"}, &i);
    X509 *cert = i.cert;
    X509_up_ref(cert);
    issued_release(&i);
    return cert;
}

static void a_certificate_is_the_same_until_it_is_forgotten(void **state)
{
    (void)state;
    X509 *cert = new_cert();
    assert_null(recent_cert("one", 3));
    recent_cert_add("one", 3, cert);
    recent_cert_add("one", 3, cert);
    X509 *found = recent_cert("one", 3);
    assert_ptr_equal(found, cert);
    X509_free(found);
    assert_null(recent_cert("on", 2));
    assert_null(recent_cert("One", 3));
    for (int i = 0; i < MANY; i++) {
        recent_cert_add(&i, sizeof(i), cert);
        X509_free(recent_cert("one", 3)); /* in use: it stays */
    }
    found = recent_cert("one", 3);
    assert_ptr_equal(found, cert);
    X509_free(found);
    for (int i = 0; i < MANY; i++)
        recent_cert_add(&i, sizeof(i), cert);
    assert_null(recent_cert("one", 3));
    X509_free(cert);
}

static void what_is_unused_is_forgotten(void **state)
{
    (void)state;
    X509 *cert = new_cert();
    recent_cert_add("one", 3, cert);
    recent_cert_add("two", 3, cert);
    int64_t before = clock_mono(clock_system());
    X509_free(recent_cert("one", 3));
    recent_forget(before);
    assert_null(recent_cert("two", 3));
    pki_trim(); /* not yet */
    X509_free(recent_cert("one", 3));
    recent_forget(clock_mono(clock_system()) + 1);
    assert_null(recent_cert("one", 3));
    X509_free(cert);
}

static void what_is_big_is_not_kept(void **state)
{
    (void)state;
    X509 *cert = new_cert();
    char *big = x_calloc(1, 64 * 1024);
    recent_cert_add(big, 64 * 1024, cert);
    assert_null(recent_cert(big, 64 * 1024));
    free(big);
    X509_free(cert);
}

static char *make_request(struct pki_names *names)
{
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    assert_ok(pki_usages_add(&usages, "server auth"));
    char *pem = NULL;
    assert_ok(pki_csr_make(&(struct pki_csr_spec){.names = names, .usages = &usages}, key, &pem));
    return pem;
}

/* Every field of the second reading, which is a copy, against the first. */
static void a_request_is_read_alike_each_time(void **state)
{
    (void)state;
    AUTO(pki_names_release)
    struct pki_names names = new_names("a.example.com", "a.example.com,b.c");
    names.serial_number = x_strdup("42");
    strlist_add(&names.organizations, "Alpha");
    strlist_add(&names.ips, "192.0.2.1");
    strlist_add(&names.uris, "spiffe://a/b");
    auto_free char *pem = make_request(&names);
    AUTO(pki_csr_release) struct pki_csr first = {0};
    AUTO(pki_csr_release) struct pki_csr second = {0};
    assert_ok(pki_csr_parse(pem, strlen(pem), &first));
    assert_true(recent_csr(first.der, first.der_len, &second));
    assert_null(pki_names_difference(&first.names, &second.names));
    assert_string_equal(second.names.serial_number, "42");
    assert_true(pki_usages_equal(&first.usages, &second.usages));
    assert_true(strlist_equal(&first.usages.extended, &second.usages.extended));
    assert_true(pki_key_spec_same(&first.key_spec, &second.key_spec));
    assert_memory_equal(first.key_id, second.key_id, sizeof(first.key_id));
    assert_int_equal(first.is_ca, second.is_ca);
    assert_int_equal(first.der_len, second.der_len);
    assert_memory_equal(first.der, second.der, first.der_len);
}

/* One wrong bit is another request: it is not answered with the right one. */
static void a_request_that_was_tampered_with_is_still_refused(void **state)
{
    (void)state;
    AUTO(pki_names_release) struct pki_names names = new_names(NULL, "a.example.com");
    auto_free char *pem = make_request(&names);
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    assert_ok(pki_csr_parse(pem, strlen(pem), &csr));
    csr.der[csr.der_len - 1] ^= 1; /* of the signature */
    struct pki_csr found;
    assert_false(recent_csr(csr.der, csr.der_len, &found));
}

static int setup(void **state)
{
    (void)state;
    pki_init();
    return 0;
}

static bool is_kept(const void *der, size_t len)
{
    AUTO(pki_csr_release) struct pki_csr found = {0};
    return recent_csr(der, len, &found);
}

/* Hundreds of requests are kept, and of great ones fewer: 512 KiB, at most 2048. */
static void requests_are_forgotten_by_number_and_by_size(void **state)
{
    (void)state;
    AUTO(pki_names_release) struct pki_names names = new_names("a", "a.example.com");
    auto_free char *pem = make_request(&names);
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    assert_ok(pki_csr_parse(pem, strlen(pem), &csr));
    for (uint32_t i = 0; i < 2048; i++)
        recent_csr_add(&i, sizeof(i), &csr);
    for (uint32_t i = 0; i < 2048; i++)
        assert_true(is_kept(&i, sizeof(i)));
    recent_csr_add("one more", 8, &csr);
    assert_false(is_kept(&(uint32_t){0}, sizeof(uint32_t)));
    assert_true(is_kept(&(uint32_t){1}, sizeof(uint32_t)));
    auto_free char *big = x_calloc(1, 4096);
    for (int i = 0; i < 128; i++) {
        memcpy(big, &i, sizeof(i));
        recent_csr_add(big, 4096, &csr);
    }
    assert_false(is_kept("one more", 8));
    memset(big, 0, sizeof(int));
    assert_true(is_kept(big, 4096));
    recent_csr_add("one", 3, &csr);
    recent_csr_add("two", 3, &csr);
    assert_true(is_kept("one", 3) && is_kept("two", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_the_same_until_it_is_forgotten),
        cmocka_unit_test(what_is_unused_is_forgotten),
        cmocka_unit_test(what_is_big_is_not_kept),
        cmocka_unit_test(a_request_is_read_alike_each_time),
        cmocka_unit_test(a_request_that_was_tampered_with_is_still_refused),
        cmocka_unit_test(requests_are_forgotten_by_number_and_by_size),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
