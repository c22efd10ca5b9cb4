/* SPDX-License-Identifier: Apache-2.0 */
/* What a spec asks for, in the terms of pki/, and the request that asks for it. */
#include "api/wanted.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "api/group.h"
#include "api/kinds.h"
#include "api/order.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "pki/csr.h"
#include "support/expect.h"

#define D NS_PER_DAY
#define H NS_PER_HOUR

/* A minimal spec for the rows to change. */
static struct certificate_spec spec_of(const struct bind_strings *dns)
{
    return (struct certificate_spec){
        .secret_name = "s",
        .dns_names = *dns,
        .private_key = {.rotation_policy = "Always", .encoding = "PKCS1", .algorithm = "RSA"}};
}

static const char *const one_name[] = {"A.test"};
static const struct bind_strings dns = {one_name, 1};

static void defaults_are_filled_in(void **state)
{
    (void)state;
    const struct certificate_spec spec = spec_of(&dns);
    AUTO(wanted_release) struct wanted w = {0};
    expect_ok(wanted_from_spec(&spec, &w));
    assert_string_equal(w.names.dns.items[0], "a.test");
    assert_null(w.names.common_name);
    assert_int_equal(w.key.algorithm, PKI_RSA);
    assert_int_equal(w.encoding, PKI_PKCS1);
    assert_true(w.rotate);
    assert_int_equal(w.duration, 90 * D);
    assert_int_equal(wanted_usages(&spec).len, 2);
    assert_string_equal(wanted_usages(&spec).items[0], "digital signature");
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    const struct bind_strings words = wanted_usages(&spec);
    expect_ok(pki_usages_build(&words, false, &usages));
    assert_true(pki_usages_equal(&usages, &w.usages));
}

static void what_is_said_is_kept(void **state)
{
    (void)state;
    static const char *const orgs[] = {"o2", "o1"}, *const words[] = {"server auth"};
    struct certificate_spec spec = spec_of(&dns);
    spec.common_name = "cn.test";
    spec.subject.organizations = (struct bind_strings){orgs, 2};
    spec.subject.serial_number = "sn";
    spec.usages = (struct bind_strings){words, 1};
    spec.duration = 48 * H;
    spec.private_key = (struct certificate_private_key){"Never", "PKCS8", "ECDSA", 384};
    AUTO(wanted_release) struct wanted w = {0};
    expect_ok(wanted_from_spec(&spec, &w));
    assert_string_equal(w.names.common_name, "cn.test");
    assert_string_equal(w.names.organizations.items[0], "o1");
    assert_string_equal(w.names.serial_number, "sn");
    assert_int_equal(w.key.algorithm, PKI_ECDSA);
    assert_int_equal(w.key.size, 384);
    assert_int_equal(w.encoding, PKI_PKCS8);
    assert_false(w.rotate);
    assert_int_equal(w.duration, 48 * H);
    assert_int_equal(w.usages.key_usage, 0);
    assert_int_equal(wanted_usages(&spec).len, 1);
    spec.private_key.algorithm = "Ed25519";
    AUTO(wanted_release) struct wanted ed = {0};
    expect_ok(wanted_from_spec(&spec, &ed));
    assert_int_equal(ed.key.algorithm, PKI_ED25519);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const bad_name[] = {"not a name"}, *const bad_usage[] = {"fly"};
    struct certificate_spec specs[8];
    const char *const texts[] = {
        "spec",          "spec.usages",   "spec.privateKey.size", "privateKey.size",
        "spec.duration", "spec.duration", "spec.renewBefore",     "spec.renewBefore"};
    for (size_t i = 0; i < ARRAY_LEN(specs); i++)
        specs[i] = spec_of(&dns);
    specs[0].dns_names = (struct bind_strings){bad_name, 1};
    specs[1].usages = (struct bind_strings){bad_usage, 1};
    specs[2].private_key.size = -1;
    specs[3].private_key.size = 8193;
    specs[4].duration = H - 1;
    specs[5].duration = -H;
    specs[6].duration = 2 * H;
    specs[6].renew_before = 2 * H;
    specs[7].renew_before = 91 * D;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        struct wanted w = {.duration = 7};
        expect_err(wanted_from_spec(&specs[i], &w), ERR_INVALID, NULL, texts[i]);
        assert_int_equal(w.duration, 7);
    }
}

/* The API server would refuse the Secret, when the certificate is issued already. */
static void a_secret_that_cannot_be_is_refused(void **state)
{
    (void)state;
    auto_free char *big = x_calloc(1, 65537);
    memset(big, 'x', 65536);
    const struct bind_pair fine[] = {{"Example.com/A", "any \n text"}, {"b", big}, {"c", big}};
    const struct bind_pair many[] = {{"a", big}, {"b", big}, {"c", big}, {"d", big}};
    static const struct bind_pair value[] = {{"team", "a b"}}, key[] = {{"a b", "x"}},
                                  slash[] = {{"a/b/c", "x"}},
                                  good[] = {{"a.b/c", ""}, {"d", "E_f"}};
    const struct {
        struct metadata_template template;
        const char *text;
    } rows[] = {
        {{.labels = {value, 1}}, "spec.secretTemplate.labels: \"team\""},
        {{.labels = {key, 1}}, "\"a b\""},
        {{.annotations = {slash, 1}}, "spec.secretTemplate.annotations: \"a/b/c\""},
        {{.annotations = {many, 4}}, "256 KiB"},
        {{.labels = {good, 2}, .annotations = {fine, 3}}, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct certificate_spec spec = spec_of(&dns);
        AUTO(wanted_release) struct wanted w = {0};
        spec.secret_template = rows[i].template;
        struct err *e = wanted_from_spec(&spec, &w);
        if (rows[i].text == NULL)
            expect_ok(e);
        else
            expect_err(e, ERR_INVALID, "InvalidSpec", rows[i].text);
    }
}

/* ---- the request ---- */

static const void *certificate_of(const char *text)
{
    json_auto_t *json = NULL;
    const void *crt = NULL;
    expect_ok(json_parse(text, strlen(text), &json));
    expect_ok(object_decode(&kind_certificate, json, &crt));
    return crt;
}

static void a_request_asks_for_what_the_spec_says(void **state)
{
    (void)state;
    AUTO_OBJECT(struct certificate)
    crt = certificate_of(
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"u\",\"labels\":{"
        "\"team\":\"web\"},\"annotations\":{\"a\":\"b\"}},\"spec\":{\"secretName\":\"s\","
        "\"dnsNames\":[\"a.test\"],\"duration\":\"48h\",\"isCA\":true,\"issuerRef\":{\"name\":"
        "\"real\"},\"privateKey\":{\"algorithm\":\"ECDSA\"}}}");
    AUTO(wanted_release) struct wanted w = {0};
    expect_ok(wanted_from_spec(&crt->spec, &w));
    AUTO_KEY key = NULL;
    expect_ok(pki_key_generate(&w.key, &key));
    const struct issuer_ref issuer = {.name = "other", .kind = "ClusterIssuer"};
    json_auto_t *body = NULL;
    expect_ok(wanted_request(crt, &w, key, "web-1", &issuer, &body));
    assert_string_equal(JSTR(body, "metadata", "name"), "web-1");
    assert_string_equal(JSTR(body, "metadata", "namespace"), "shop");
    assert_string_equal(JSTR(body, "metadata", "labels", "team"), "web");
    const json_t *annotations = JGET(body, "metadata", "annotations");
    assert_int_equal(json_count(annotations), 1); /* none of the Certificate's own */
    assert_string_equal(JSTR(annotations, "certroll.dev/certificate-name"), "web");
    const json_t *owner = JGET(body, "metadata", "ownerReferences", "0");
    assert_string_equal(JSTR(owner, "kind"), "Certificate");
    assert_string_equal(JSTR(owner, "uid"), "u");
    assert_true(JBOOL(owner, "controller"));
    assert_string_equal(JSTR(body, "spec", "issuerRef", "name"), "other");
    assert_string_equal(JSTR(body, "spec", "issuerRef", "kind"), "ClusterIssuer");
    assert_string_equal(JSTR(body, "spec", "duration"), "48h0m0s");
    assert_true(JBOOL(body, "spec", "isCA"));
    assert_int_equal(json_count(JGET(body, "spec", "usages")), 2);
    const char *request = JSTR(body, "spec", "request");
    auto_free char *pem = NULL;
    size_t len = 0;
    expect_ok(base64_decode(request, strlen(request), &pem, &len));
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    expect_ok(pki_csr_parse(pem, len, &csr));
    assert_true(pki_csr_is_for(&csr, key));
    assert_true(csr.is_ca);
    assert_string_equal(csr.names.dns.items[0], "a.test");
}

static void the_order_of_a_request_has_one_name(void **state)
{
    (void)state;
    const struct object_meta first = {.name = "web-1", .uid = "1"};
    const struct object_meta second = {.name = "web-1", .uid = "2"};
    char a[KUBE_NAME_MAX + 1], b[KUBE_NAME_MAX + 1];
    order_name(&first, a);
    order_name(&first, b);
    assert_string_equal(a, b);
    assert_string_equal(a, "web-1-6b86b273ff"); /* SHA-256 of "1" */
    order_name(&second, b);
    assert_string_not_equal(a, b);
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    pki_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(what_is_said_is_kept),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_secret_that_cannot_be_is_refused),
        cmocka_unit_test(a_request_asks_for_what_the_spec_says),
        cmocka_unit_test(the_order_of_a_request_has_one_name),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
