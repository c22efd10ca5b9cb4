/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/cert.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "testca.h"

static struct pki_csr request(const struct pki_key *key, const char *cn, const char *dns)
{
    AUTO(pki_names_release) struct pki_names names = new_names(cn, dns);
    auto_free char *pem = NULL;
    assert_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem));
    struct pki_csr csr;
    assert_ok(pki_csr_parse(pem, strlen(pem), &csr));
    return csr;
}

static struct pki_cert parse(const char *pem)
{
    struct pki_cert cert;
    assert_ok(pki_cert_parse(pem, strlen(pem), &cert));
    return cert;
}

static struct pki_self_sign_spec spec_of(const struct pki_csr *csr, const struct pki_key *key,
                                         const struct pki_usages *usages)
{
    return (struct pki_self_sign_spec){
        .csr = csr,
        .key = key,
        .usages = usages,
        .not_before = TEST_NOW + 123456789, /* is cut to seconds */
        .not_after = TEST_NOW + 90 * NS_PER_DAY + 999,
    };
}

static void a_self_signed_certificate_says_what_was_asked(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    AUTO(pki_csr_release) struct pki_csr csr = request(key, "a.example.com", "b.example.com");
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    assert_ok(pki_usages_add(&usages, "digital signature"));
    assert_ok(pki_usages_add(&usages, "server auth"));
    struct pki_self_sign_spec spec = spec_of(&csr, key, &usages);
    auto_free char *pem = NULL;
    assert_ok(pki_cert_self_sign(&spec, &pem));

    AUTO(pki_cert_release) struct pki_cert cert = parse(pem);
    assert_null(pki_names_difference(&csr.names, &cert.names));
    assert_true(pki_usages_equal(&cert.usages, &usages));
    assert_false(cert.is_ca);
    assert_true(cert.self_issued);
    assert_string_equal(cert.issuer, "CN=a.example.com");
    assert_true(cert.not_before == TEST_NOW);
    assert_true(cert.not_after == TEST_NOW + 90 * NS_PER_DAY);
    assert_true(pki_key_equal(cert.public_key, key));
}

static int criticality(const X509 *cert, int nid)
{
    int at = X509_get_ext_by_NID(cert, nid, -1);
    return at < 0 ? -1 : X509_EXTENSION_get_critical(X509_get_ext(cert, at));
}

static void its_extensions_follow_rfc_5280(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    AUTO(pki_csr_release) struct pki_csr csr = request(key, NULL, "b.example.com");
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    assert_ok(pki_usages_add(&usages, "cert sign"));
    AUTO(strlist_release) struct strlist crl = {0};
    strlist_add(&crl, "http://crl.example.com/1");
    strlist_add(&crl, "http://crl.example.com/2");
    struct pki_self_sign_spec spec = spec_of(&csr, key, &usages);
    spec.is_ca = true;
    spec.crl_distribution_points = &crl;
    auto_free char *pem = NULL;
    assert_ok(pki_cert_self_sign(&spec, &pem));
    X509 *cert = cert_from_pem(pem);
    assert_int_equal(X509_get_version(cert), X509_VERSION_3);
    assert_int_equal(criticality(cert, NID_basic_constraints), 1);
    assert_int_equal(criticality(cert, NID_key_usage), 1);
    assert_int_equal(criticality(cert, NID_subject_alt_name), 1); /* the subject is empty */
    assert_int_equal(criticality(cert, NID_subject_key_identifier), 0);
    assert_int_equal(criticality(cert, NID_crl_distribution_points), 0);
    assert_int_equal(criticality(cert, NID_ext_key_usage), -1);
    assert_int_equal(X509_check_ca(cert), 1);
    assert_int_equal(X509_verify(cert, X509_get0_pubkey(cert)), 1);
    CRL_DIST_POINTS *points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
    assert_int_equal(sk_DIST_POINT_num(points), 2);
    const GENERAL_NAME *second =
        sk_GENERAL_NAME_value(sk_DIST_POINT_value(points, 1)->distpoint->name.fullname, 0);
    assert_int_equal(second->type, GEN_URI);
    assert_string_equal((const char *)ASN1_STRING_get0_data(second->d.ia5), crl.items[1]);
    CRL_DIST_POINTS_free(points);
    X509_free(cert);
}

static void every_kind_of_key_signs_itself(void **state)
{
    (void)state;
    static const struct {
        struct pki_key_spec spec;
        int signature;
    } cases[] = {
        {{PKI_RSA, 2048}, NID_sha256WithRSAEncryption},
        {{PKI_ECDSA, 256}, NID_ecdsa_with_SHA256},
        {{PKI_ECDSA, 384}, NID_ecdsa_with_SHA384},
        {{PKI_ECDSA, 521}, NID_ecdsa_with_SHA512},
        {{PKI_ED25519, 0}, NID_ED25519},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_KEY key = new_key(cases[i].spec.algorithm, cases[i].spec.size);
        AUTO(pki_csr_release) struct pki_csr csr = request(key, "a", NULL);
        struct pki_self_sign_spec spec = spec_of(&csr, key, NULL);
        auto_free char *pem = NULL;
        assert_ok(pki_cert_self_sign(&spec, &pem));
        X509 *cert = cert_from_pem(pem);
        assert_int_equal(X509_get_signature_nid(cert), cases[i].signature);
        assert_int_equal(X509_verify(cert, X509_get0_pubkey(cert)), 1);
        assert_int_equal(criticality(cert, NID_basic_constraints), 1);
        assert_int_equal(X509_check_ca(cert), 0);
        X509_free(cert);
    }
}

static void serial_numbers_are_positive_and_differ(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ED25519, 0);
    AUTO(pki_csr_release) struct pki_csr csr = request(key, "a", NULL);
    struct pki_self_sign_spec spec = spec_of(&csr, key, NULL);
    auto_free char *one = NULL, *other = NULL;
    assert_ok(pki_cert_self_sign(&spec, &one));
    assert_ok(pki_cert_self_sign(&spec, &other));
    AUTO(pki_cert_release) struct pki_cert a = parse(one), b = parse(other);
    assert_string_not_equal(a.serial, b.serial);
    assert_true(strlen(a.serial) >= 24 && strlen(a.serial) <= 32);
    assert_int_equal(strspn(a.serial, "0123456789abcdef"), strlen(a.serial));
}

static void a_foreign_key_and_impossible_dates_are_refused(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ED25519, 0);
    AUTO_KEY other = new_key(PKI_ED25519, 0);
    AUTO(pki_csr_release) struct pki_csr csr = request(key, "a", NULL);
    char *pem = NULL;
    struct pki_self_sign_spec spec = spec_of(&csr, other, NULL);
    assert_refused(pki_cert_self_sign(&spec, &pem), "InvalidRequest", "does not belong");
    spec = spec_of(&csr, key, NULL);
    spec.not_after = spec.not_before + 1;
    assert_refused(pki_cert_self_sign(&spec, &pem), "InvalidSpec", "end before it begins");
    spec.not_before = -1;
    assert_refused(pki_cert_self_sign(&spec, &pem), "InvalidSpec", "end before it begins");
    assert_null(pem);
}

static void years_from_2050_are_written_and_read(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ED25519, 0);
    AUTO(pki_csr_release) struct pki_csr csr = request(key, "a", NULL);
    struct pki_self_sign_spec spec = spec_of(&csr, key, NULL);
    spec.not_after = TEST_NOW + 100 * 365 * NS_PER_DAY;
    auto_free char *pem = NULL;
    assert_ok(pki_cert_self_sign(&spec, &pem));
    AUTO(pki_cert_release) struct pki_cert cert = parse(pem);
    assert_true(cert.not_after == spec.not_after);
}

static void the_year_9999_is_the_end_of_time(void **state)
{
    (void)state;
    struct issued i;
    issue(&(struct issue_spec){.cn = "forever"}, &i);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(i.cert), "99991231235959Z"), 1);
    assert_true(X509_sign(i.cert, i.key, EVP_sha256()) > 0);
    auto_free char *pem = cert_pem(i.cert);
    AUTO(pki_cert_release) struct pki_cert cert = parse(pem);
    assert_true(cert.not_after == INT64_MAX);
    issued_release(&i);
}

/* Before that API objects have no times. */
static void time_begins_with_1970(void **state)
{
    (void)state;
    struct issued i;
    issue(&(struct issue_spec){.cn = "old"}, &i);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notBefore(i.cert), "500101000000Z"), 1);
    assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(i.cert), "19691231235959Z"), 1);
    assert_true(X509_sign(i.cert, i.key, EVP_sha256()) > 0);
    auto_free char *pem = cert_pem(i.cert);
    AUTO(pki_cert_release) struct pki_cert cert = parse(pem);
    assert_true(cert.not_before == NS_PER_SEC);
    assert_true(cert.not_after == NS_PER_SEC);
    issued_release(&i);
}

static void the_first_certificate_is_the_one_read(void **state)
{
    (void)state;
    struct issued ca, leaf;
    issue(&(struct issue_spec){.cn = "Test, CA", .is_ca = true}, &ca);
    issue(&(struct issue_spec){.cn = "leaf",
                               .issuer = &ca,
                               .sans = "DNS:Leaf.example.com,IP:2001:db8::1,otherName:1.2.3;UTF8:x",
                               .key_usage = "digitalSignature,keyAgreement"},
          &leaf);
    auto_free char *chain = join(leaf.pem, ca.pem);
    AUTO(pki_cert_release) struct pki_cert cert = parse(chain);
    assert_string_equal(cert.names.common_name, "leaf");
    assert_string_equal(cert.names.dns.items[0], "leaf.example.com");
    assert_string_equal(cert.names.ips.items[0], "2001:db8::1");
    assert_string_equal(cert.issuer, "CN=Test\\, CA");
    assert_int_equal(cert.usages.key_usage, 1U << 0 | 1U << 4);
    assert_false(cert.self_issued);
    assert_false(cert.is_ca);

    unsigned char *der = NULL;
    int len = i2d_X509(leaf.cert, &der);
    char expected[PKI_SHA256_HEX];
    pki_sha256_hex(der, (size_t)len, expected);
    assert_string_equal(cert.fingerprint, expected);
    OPENSSL_free(der);

    AUTO(pki_cert_release) struct pki_cert ca_cert = parse(ca.pem);
    assert_true(ca_cert.is_ca);
    issued_release(&ca);
    issued_release(&leaf);
}

static void assert_cert_refused(const char *pem, const char *message)
{
    struct pki_cert cert = {0};
    assert_refused(pki_cert_parse(pem, strlen(pem), &cert), "InvalidCertificate", message);
    assert_null(cert.public_key);
}

static void hostile_text_is_refused(void **state)
{
    (void)state;
    struct issued i;
    issue(&(struct issue_spec){.cn = "a"}, &i);
    auto_free char *with_key = join(i.pem, i.key_pem);
    assert_cert_refused(with_key, "PEM block 2 is not a CERTIFICATE");
    assert_cert_refused("", "no PEM block found");
    assert_cert_refused("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
                        "cannot decode");
    assert_cert_refused("-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n",
                        "cannot decode");
    assert_cert_refused("-----BEGIN X509 CRL-----\nMAAA\n-----END X509 CRL-----\n",
                        "is not a CERTIFICATE");
    size_t len = (size_t)10 << 20;
    auto_free char *big = x_alloc(len);
    memset(big, '-', len);
    struct pki_cert cert = {0};
    assert_refused(pki_cert_parse(big, len, &cert), "InvalidCertificate", "at most 95000");
    issued_release(&i);
}

static void one_certificate_may_not_fill_the_chain(void **state)
{
    (void)state;
    char body[40000];
    memset(body, 'A', sizeof(body));
    body[sizeof(body) - 1] = '\0';
    auto_free char *pem =
        x_printf("-----BEGIN CERTIFICATE-----\n%sA\n-----END CERTIFICATE-----\n", body);
    assert_cert_refused(pem, "at most 36500 are accepted");
}

static void a_weak_key_and_a_nul_in_a_name_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    struct issued i;
    issue(&(struct issue_spec){.cn = "a", .key = weak}, &i);
    assert_cert_refused(i.pem, "unsupported key");
    EVP_PKEY_free(weak);
    issued_release(&i);

    issue(&(struct issue_spec){.cn = "a"}, &i);
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, "a.example\0.evil.example", 23);
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, name);
    X509_add1_ext_i2d(i.cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
    GENERAL_NAMES_free(names);
    X509_sign(i.cert, i.key, EVP_sha256());
    auto_free char *pem = cert_pem(i.cert);
    assert_cert_refused(pem, "control characters");
    issued_release(&i);
}

/* The vector of RFC 9773 section 4.1: the serial's leading zero octet counts. */
static void a_certificate_has_its_name_for_renewal_information(void **state)
{
    (void)state;
    static const unsigned char aki[] = {0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3,
                                        0x7b, 0x84, 0x7b, 0xa0, 0xae, 0x2c, 0xde, 0x01, 0xc8, 0xd4};
    struct issued i;
    issue(&(struct issue_spec){.cn = "a"}, &i);
    AUTO(pki_cert_release) struct pki_cert plain = parse(i.pem);
    assert_null(plain.ari_id);
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
    id->keyid = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(id->keyid, aki, sizeof(aki));
    X509_add1_ext_i2d(i.cert, NID_authority_key_identifier, id, 0, X509V3_ADD_DEFAULT);
    AUTHORITY_KEYID_free(id);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(i.cert), 0x87654321);
    X509_sign(i.cert, i.key, EVP_sha256());
    auto_free char *pem = cert_pem(i.cert);
    AUTO(pki_cert_release) struct pki_cert cert = parse(pem);
    assert_string_equal(cert.ari_id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    assert_string_equal(cert.serial, "87654321");
    issued_release(&i);
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
        cmocka_unit_test(a_self_signed_certificate_says_what_was_asked),
        cmocka_unit_test(its_extensions_follow_rfc_5280),
        cmocka_unit_test(every_kind_of_key_signs_itself),
        cmocka_unit_test(serial_numbers_are_positive_and_differ),
        cmocka_unit_test(a_foreign_key_and_impossible_dates_are_refused),
        cmocka_unit_test(years_from_2050_are_written_and_read),
        cmocka_unit_test(the_year_9999_is_the_end_of_time),
        cmocka_unit_test(time_begins_with_1970),
        cmocka_unit_test(the_first_certificate_is_the_one_read),
        cmocka_unit_test(hostile_text_is_refused),
        cmocka_unit_test(one_certificate_may_not_fill_the_chain),
        cmocka_unit_test(a_certificate_has_its_name_for_renewal_information),
        cmocka_unit_test(a_weak_key_and_a_nul_in_a_name_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
