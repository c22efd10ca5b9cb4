/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/csr.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "pki/internal.h"
#include "testca.h"

static char *make(const struct pki_csr_spec *spec, const struct pki_key *key)
{
    char *pem = NULL;
    assert_ok(pki_csr_make(spec, key, &pem));
    return pem;
}

static struct pki_csr parse(const char *pem)
{
    struct pki_csr csr;
    assert_ok(pki_csr_parse(pem, strlen(pem), &csr));
    return csr;
}

static void full_names(struct pki_names *n)
{
    *n = (struct pki_names){0};
    n->common_name = x_strdup("*.Example.com");
    n->serial_number = x_strdup("42");
    strlist_add(&n->dns, "b.example.com");
    strlist_add(&n->dns, "a.example.com");
    strlist_add(&n->ips, "2001:db8::1");
    strlist_add(&n->ips, "192.0.2.1");
    strlist_add(&n->uris, "spiffe://example.org/a");
    strlist_add(&n->emails, "me@example.com");
    strlist_add(&n->organizations, "B\xC3\xBC"
                                   "cher");
    strlist_add(&n->organizations, "Alpha & Co");
    strlist_add(&n->countries, "FI");
    strlist_add(&n->organizational_units, "Unit");
    strlist_add(&n->localities, "Place");
    strlist_add(&n->provinces, "Province");
    strlist_add(&n->street_addresses, "Street 1");
    strlist_add(&n->postal_codes, "00100");
    assert_ok(pki_names_normalize(n));
}

static void what_is_asked_is_what_is_read(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    AUTO(pki_names_release) struct pki_names names;
    full_names(&names);
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    assert_ok(pki_usages_add(&usages, "digital signature"));
    assert_ok(pki_usages_add(&usages, "decipher only"));
    assert_ok(pki_usages_add(&usages, "client auth"));
    assert_ok(pki_usages_add(&usages, "server auth"));
    auto_free char *pem = make(&(struct pki_csr_spec){&names, true, &usages}, key);
    AUTO(pki_csr_release) struct pki_csr csr = parse(pem);
    assert_null(pki_names_difference(&names, &csr.names));
    assert_string_equal(csr.names.common_name, "*.Example.com");
    assert_true(csr.is_ca);
    assert_true(pki_usages_equal(&csr.usages, &usages));
    assert_true(pki_csr_is_for(&csr, key));

    X509_REQ *req = request_from_pem(pem);
    unsigned char *der = NULL;
    assert_int_equal(i2d_X509_REQ(req, &der), csr.der_len);
    assert_memory_equal(der, csr.der, csr.der_len);
    OPENSSL_free(der);
    X509_REQ_free(req);
}

static char *subject_text(const char *pem)
{
    X509_REQ *req = request_from_pem(pem);
    BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME_print_ex(bio, X509_REQ_get_subject_name(req), 0,
                       XN_FLAG_SEP_COMMA_PLUS | ASN1_STRFLGS_SHOW_TYPE | ASN1_STRFLGS_UTF8_CONVERT);
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    char *text = x_strndup(data, (size_t)len);
    BIO_free(bio);
    X509_REQ_free(req);
    return text;
}

static void the_subject_has_the_order_and_types_of_go(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    AUTO(pki_names_release) struct pki_names names;
    full_names(&names);
    auto_free char *pem = make(&(struct pki_csr_spec){.names = &names}, key);
    auto_free char *text = subject_text(pem);
    assert_string_equal(
        text, "C=PRINTABLESTRING:FI,O=UTF8STRING:B\xC3\xBC"
              "cher+O=UTF8STRING:Alpha & Co,"
              "OU=PRINTABLESTRING:Unit,L=PRINTABLESTRING:Place,ST=PRINTABLESTRING:Province,"
              "street=PRINTABLESTRING:Street 1,postalCode=PRINTABLESTRING:00100,"
              "CN=UTF8STRING:*.Example.com,serialNumber=PRINTABLESTRING:42");
}

/* Whether the extension is there and critical: -1 absent, 0 not critical, 1 critical. */
static int criticality(const char *pem, int nid)
{
    X509_REQ *req = request_from_pem(pem);
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(req);
    int at = X509v3_get_ext_by_NID(list, nid, -1);
    int critical = at < 0 ? -1 : X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(list, at));
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(req);
    return critical;
}

static void extensions_are_there_only_when_asked_for(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    AUTO(pki_names_release) struct pki_names cn = new_names("a.example.com", NULL);
    auto_free char *plain = make(&(struct pki_csr_spec){.names = &cn}, key);
    assert_int_equal(criticality(plain, NID_subject_alt_name), -1); /* CN is not a SAN */
    assert_int_equal(criticality(plain, NID_basic_constraints), -1);
    assert_int_equal(criticality(plain, NID_key_usage), -1);
    assert_int_equal(criticality(plain, NID_ext_key_usage), -1);

    AUTO(pki_names_release) struct pki_names both = new_names("a", "a.example.com");
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    assert_ok(pki_usages_add(&usages, "cert sign"));
    assert_ok(pki_usages_add(&usages, "any"));
    auto_free char *full = make(&(struct pki_csr_spec){&both, true, &usages}, key);
    assert_int_equal(criticality(full, NID_subject_alt_name), 0);
    assert_int_equal(criticality(full, NID_basic_constraints), 1);
    assert_int_equal(criticality(full, NID_key_usage), 1);
    assert_int_equal(criticality(full, NID_ext_key_usage), 0);

    AUTO(pki_names_release) struct pki_names sans = new_names(NULL, "a.example.com");
    auto_free char *no_subject = make(&(struct pki_csr_spec){.names = &sans}, key);
    assert_int_equal(criticality(no_subject, NID_subject_alt_name), 1);
}

static void every_kind_of_key_signs_with_its_digest(void **state)
{
    (void)state;
    static const struct {
        struct pki_key_spec spec;
        int signature;
    } cases[] = {
        {{PKI_RSA, 2048}, NID_sha256WithRSAEncryption},
        {{PKI_RSA, 3072}, NID_sha256WithRSAEncryption},
        {{PKI_ECDSA, 256}, NID_ecdsa_with_SHA256},
        {{PKI_ECDSA, 384}, NID_ecdsa_with_SHA384},
        {{PKI_ECDSA, 521}, NID_ecdsa_with_SHA512},
        {{PKI_ED25519, 0}, NID_ED25519},
    };
    AUTO(pki_names_release) struct pki_names names = new_names(NULL, "a.example.com");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_KEY key = new_key(cases[i].spec.algorithm, cases[i].spec.size);
        auto_free char *pem = make(&(struct pki_csr_spec){.names = &names}, key);
        AUTO(pki_csr_release) struct pki_csr csr = parse(pem);
        assert_true(pki_key_spec_same(&csr.key_spec, &cases[i].spec));
        X509_REQ *req = request_from_pem(pem);
        assert_int_equal(X509_REQ_get_signature_nid(req), cases[i].signature);
        /* The public key was written by our own hand: is it what OpenSSL writes? */
        assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
        unsigned char *ours = NULL, *theirs = NULL;
        int ours_len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &ours);
        assert_int_equal(i2d_PUBKEY(X509_REQ_get0_pubkey(req), &theirs), ours_len);
        assert_memory_equal(ours, theirs, ours_len);
        OPENSSL_free(ours);
        OPENSSL_free(theirs);
        X509_REQ_free(req);
    }
}

static void a_request_is_for_its_key_alone(void **state)
{
    (void)state;
    static const struct pki_key_spec specs[] = {
        {PKI_RSA, 2048}, {PKI_ECDSA, 256}, {PKI_ED25519, 0}};
    AUTO(pki_names_release) struct pki_names names = new_names(NULL, "a.example.com");
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        AUTO_KEY key = new_key(specs[i].algorithm, specs[i].size);
        AUTO_KEY other = new_key(specs[i].algorithm, specs[i].size);
        AUTO(secret_release) struct secret text = {0};
        assert_ok(pki_key_pem(key, PKI_PKCS8, &text));
        AUTO_KEY again = NULL;
        assert_ok(pki_key_parse(text.data, text.len, &again));
        auto_free char *pem = make(&(struct pki_csr_spec){.names = &names}, key);
        AUTO(pki_csr_release) struct pki_csr csr = parse(pem);
        assert_true(pki_csr_is_for(&csr, again));
        assert_false(pki_csr_is_for(&csr, other));
    }
}

static void a_request_that_grows_too_big_is_refused(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    AUTO(pki_names_release) struct pki_names names = {0};
    for (int i = 0; i < 2000; i++)
        strlist_add_take(&names.dns, x_printf("host-%d.some.long.domain.example.com", i));
    assert_ok(pki_names_normalize(&names));
    char *pem = NULL;
    assert_refused(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem), "InvalidSpec",
                   "ask for fewer names");
    assert_null(pem);
}

static void assert_request_refused(const char *pem, const char *message)
{
    struct pki_csr csr = {0};
    assert_refused(pki_csr_parse(pem, strlen(pem), &csr), "InvalidRequest", message);
    assert_null(csr.der);
}

static void hostile_text_is_refused(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    AUTO(pki_names_release) struct pki_names names = new_names(NULL, "a.example.com");
    auto_free char *pem = make(&(struct pki_csr_spec){.names = &names}, key);
    auto_free char *twice = join(pem, pem);
    auto_free char *with_garbage = join(pem, "trailing garbage");
    AUTO(pki_csr_release) struct pki_csr fine = parse(with_garbage);
    assert_request_refused(twice, "more than one PEM block");
    assert_request_refused("", "does not begin with");
    assert_request_refused("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
                           "does not begin with");
    assert_request_refused("-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n"
                           "-----END CERTIFICATE REQUEST-----\n",
                           "cannot decode");
    size_t len = (size_t)10 << 20;
    auto_free char *big = x_alloc(len);
    memset(big, '\n', len);
    struct pki_csr csr = {0};
    assert_refused(pki_csr_parse(big, len, &csr), "InvalidRequest", "at most 65536");
    assert_refused(pki_csr_parse("\0\0", 2, &csr), "InvalidRequest", "a NUL byte");
}

static char *request_pem(X509_REQ *req)
{
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_REQ(bio, req);
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    char *text = x_strndup(data, (size_t)len);
    BIO_free(bio);
    return text;
}

static X509_REQ *bare_request(EVP_PKEY *key)
{
    X509_REQ *req = X509_REQ_new();
    X509_REQ_set_version(req, X509_REQ_VERSION_1);
    X509_REQ_set_pubkey(req, key);
    return req;
}

/* Signs, writes, frees. */
static char *finish(X509_REQ *req, EVP_PKEY *key)
{
    assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
    char *pem = request_pem(req);
    X509_REQ_free(req);
    return pem;
}

static void a_false_signature_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
    X509_REQ *req = bare_request(key);
    auto_free char *pem = finish(req, other);
    assert_request_refused(pem, "certificate request: its signature does not verify");
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

static void keys_we_do_not_use_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *weak = EVP_RSA_gen(1024);
    auto_free char *pem = finish(bare_request(weak), weak);
    assert_request_refused(pem, "unsupported key");
    EVP_PKEY_free(weak);
}

static void what_we_cannot_hold_is_refused_and_not_dropped(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    static const struct {
        const char *attribute, *value, *message;
    } subjects[] = {
        {"emailAddress", "a@example.com", "attribute emailAddress, which is not supported"},
        {"DC", "example", "attribute DC"},
        {"1.2.3.4.5", "x", "of an unknown type"},
        {"CN", "line\nbreak", "control characters"},
        {"O", "", "subject organization: empty"},
    };
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        X509_REQ *req = bare_request(key);
        X509_NAME *name = X509_NAME_new();
        assert_int_equal(X509_NAME_add_entry_by_txt(name, subjects[i].attribute, V_ASN1_UTF8STRING,
                                                    (const unsigned char *)subjects[i].value, -1,
                                                    -1, 0),
                         1);
        X509_REQ_set_subject_name(req, name);
        X509_NAME_free(name);
        auto_free char *pem = finish(req, key);
        assert_request_refused(pem, subjects[i].message);
    }
    EVP_PKEY_free(key);
}

static char *request_with_sans(EVP_PKEY *key, const char *sans)
{
    X509_REQ *req = bare_request(key);
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, sans);
    assert_non_null(ext);
    sk_X509_EXTENSION_push(list, ext);
    X509_REQ_add_extensions(req, list);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return finish(req, key);
}

static void odd_sans_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"otherName:1.2.3.4;UTF8:x", "is none of DNS name, IP address, URI and e-mail address"},
        {"RID:1.2.3.4", "is none of DNS name"},
        {"DNS:a b.example.com", "DNS name \"a b.example.com\""},
        {"email:not-an-address", "e-mail address"},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_free char *pem = request_with_sans(key, cases[i][0]);
        assert_request_refused(pem, cases[i][1]);
    }
    auto_free char *good = request_with_sans(key, "DNS:B.example.com,DNS:a.example.com");
    AUTO(pki_csr_release) struct pki_csr csr = parse(good);
    assert_string_equal(csr.names.dns.items[0], "a.example.com");
    assert_string_equal(csr.names.dns.items[1], "b.example.com");
    EVP_PKEY_free(key);
}

/* A request with the extension given once or twice. */
static char *request_with_names(EVP_PKEY *key, GENERAL_NAMES *names, int times)
{
    X509_REQ *req = bare_request(key);
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    for (int i = 0; i < times; i++)
        assert_int_equal(X509V3_add1_i2d(&list, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND),
                         1);
    X509_REQ_add_extensions(req, list);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return finish(req, key);
}

static void malformed_extensions_are_refused(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OCTET_STRING *address = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(address, (const unsigned char *)"\xC0\x00\x02\x01\x00", 5);
    GENERAL_NAME_set0_value(name, GEN_IPADD, address);
    sk_GENERAL_NAME_push(names, name);
    auto_free char *five = request_with_names(key, names, 1);
    assert_request_refused(five, "an IP address of 5 bytes");
    ASN1_OCTET_STRING_set(address, (const unsigned char *)"\xC0\x00\x02\x01", 4);
    auto_free char *four = request_with_names(key, names, 1);
    AUTO(pki_csr_release) struct pki_csr csr = parse(four);
    assert_string_equal(csr.names.ips.items[0], "192.0.2.1");
    auto_free char *twice = request_with_names(key, names, 2);
    assert_request_refused(twice, "an extension occurs twice");
    GENERAL_NAMES_free(names);
    EVP_PKEY_free(key);
}

static void a_nul_within_a_name_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *req = bare_request(key);
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_UTF8STRING,
                               (const unsigned char *)"a.example.com\0.evil.example", 27, -1, 0);
    X509_REQ_set_subject_name(req, name);
    X509_NAME_free(name);
    auto_free char *pem = finish(req, key);
    assert_request_refused(pem, "control characters");
    EVP_PKEY_free(key);
}

/* A point may be written with x and one bit of y. */
static void a_request_is_for_its_key_however_it_writes_the_point(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        EVP_PKEY *evp = EVP_EC_gen("P-256");
        AUTO_KEY key = NULL;
        assert_ok(pki_key_wrap(evp, "InvalidKey", &key));
        AUTO(secret_release) struct secret text = {0};
        assert_ok(pki_key_pem(key, PKI_PKCS8, &text));
        AUTO_KEY plain = NULL;
        assert_ok(pki_key_parse(text.data, text.len, &plain));
        assert_int_equal(EVP_PKEY_set_utf8_string_param(evp,
                                                        OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                                        i % 2 == 0 ? "compressed" : "hybrid"),
                         1);
        auto_free char *pem = finish(bare_request(evp), evp);
        AUTO(pki_csr_release) struct pki_csr csr = parse(pem);
        assert_true(pki_csr_is_for(&csr, plain));
        AUTO_KEY other = new_key(PKI_ECDSA, 256);
        assert_false(pki_csr_is_for(&csr, other));
        EVP_PKEY_free(evp);
    }
}

static void a_second_common_name_is_refused(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_REQ *req = bare_request(key);
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"a", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"b", -1, -1, 0);
    X509_REQ_set_subject_name(req, name);
    X509_NAME_free(name);
    auto_free char *pem = finish(req, key);
    assert_request_refused(pem, "more than one common name");
    EVP_PKEY_free(key);
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
        cmocka_unit_test(what_is_asked_is_what_is_read),
        cmocka_unit_test(the_subject_has_the_order_and_types_of_go),
        cmocka_unit_test(extensions_are_there_only_when_asked_for),
        cmocka_unit_test(every_kind_of_key_signs_with_its_digest),
        cmocka_unit_test(a_request_is_for_its_key_alone),
        cmocka_unit_test(a_request_is_for_its_key_however_it_writes_the_point),
        cmocka_unit_test(a_request_that_grows_too_big_is_refused),
        cmocka_unit_test(hostile_text_is_refused),
        cmocka_unit_test(a_false_signature_is_refused),
        cmocka_unit_test(keys_we_do_not_use_are_refused),
        cmocka_unit_test(what_we_cannot_hold_is_refused_and_not_dropped),
        cmocka_unit_test(odd_sans_are_refused),
        cmocka_unit_test(malformed_extensions_are_refused),
        cmocka_unit_test(a_nul_within_a_name_is_refused),
        cmocka_unit_test(a_second_common_name_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
