/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "issuer_scene.h"
#include "pki/cert.h"
#include "support/expect.h"

#define SECRET "GET https://api/api/v1/namespaces/shop/secrets/my-key"

static const struct self_signed_issuer self = {{0}};
static const struct issuer issuer = {.obj.meta = {.name = "self", .namespace = "shop"},
                                     .spec.self_signed = &self};
static const struct bind_pair key_annotation[] = {
    {"certroll.dev/private-key-secret-name", "my-key"}};

/* A request for a.test that is signed by key, its own or another. */
struct attempt {
    struct certificate_request request;
    struct pki_csr csr;
    struct issuance issuance;
    struct issuance_result result;
};

static void attempt_init(struct attempt *a, const struct pki_key *key, bool is_ca)
{
    struct pki_names names = {0};
    strlist_add(&names.dns, "a.test");
    a->csr = scene_csr(&names, key, is_ca);
    a->request.obj.meta = (struct object_meta){.name = "web-1", .namespace = "shop"};
    a->request.spec.is_ca = is_ca;
    a->issuance = (struct issuance){
        .issuer = &issuer, .request = &a->request, .csr = &a->csr, .duration = 30 * NS_PER_DAY};
}

static void attempt_release(struct attempt *a)
{
    pki_csr_release(&a->csr);
    issuance_result_release(&a->result);
}
#define ATTEMPT __attribute__((cleanup(attempt_release))) struct attempt

static struct err *ask(struct issuer_scene *s, struct attempt *a)
{
    return issuer_driver_of(&issuer.spec)->issue(&s->env, &a->issuance, &a->result);
}

static void it_is_always_ready(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO(issuer_readiness_release) struct issuer_readiness r = {0};
    expect_ok(issuer_driver_of(&issuer.spec)->ensure_ready(&s.env, &issuer, &r));
    assert_true(r.ready);
    assert_string_equal(r.reason, "IsReady");
    assert_null(r.acme.uri);
}

static void a_certificates_key_is_in_memory(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = scene_key();
    ATTEMPT a = {0};
    attempt_init(&a, key, false);
    keyring_put(s.env.keyring, "crt", 3, key);
    a.issuance.certificate_uid = "crt";
    a.issuance.revision = 3;
    expect_ok(ask(&s, &a));
    assert_int_equal(a.result.state, ISSUANCE_ISSUED);
    assert_string_equal(a.result.chain_pem, a.result.ca_pem);
    AUTO(pki_cert_release) struct pki_cert cert = {0};
    expect_ok(pki_cert_parse(a.result.chain_pem, strlen(a.result.chain_pem), &cert));
    assert_true(strlist_equal(&cert.names.dns, &a.csr.names.dns));
    assert_true(pki_key_equal(cert.public_key, key));
    assert_true(cert.self_issued);
    assert_false(cert.is_ca);
    assert_int_equal(cert.not_before, SCENE_NOW);
    assert_int_equal(cert.not_after, SCENE_NOW + 30 * NS_PER_DAY);
}

/* A duration may have up to 292 years. */
static void the_end_is_one_that_can_be_held(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = scene_key();
    ATTEMPT a = {0};
    attempt_init(&a, key, false);
    keyring_put(s.env.keyring, "crt", 1, key);
    a.issuance.certificate_uid = "crt";
    a.issuance.revision = 1;
    a.issuance.duration = INT64_MAX;
    expect_ok(ask(&s, &a));
    AUTO(pki_cert_release) struct pki_cert cert = {0};
    expect_ok(pki_cert_parse(a.result.chain_pem, strlen(a.result.chain_pem), &cert));
    assert_true(cert.not_after == INT64_MAX - INT64_MAX % NS_PER_SEC);
}

static void the_request_says_which_usages(void **state)
{
    (void)state;
    static const char *const words[] = {"digital signature", "server auth", "client auth"};
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = scene_key();
    for (int is_ca = 0; is_ca < 2; is_ca++) {
        ATTEMPT a = {0};
        attempt_init(&a, key, is_ca == 1);
        keyring_put(s.env.keyring, "crt", 1, key);
        a.issuance.certificate_uid = "crt";
        a.issuance.revision = 1;
        a.request.spec.usages = (struct bind_strings){words, ARRAY_LEN(words)};
        expect_ok(ask(&s, &a));
        AUTO(pki_cert_release) struct pki_cert cert = {0};
        AUTO(pki_usages_release) struct pki_usages want = {0};
        expect_ok(pki_cert_parse(a.result.chain_pem, strlen(a.result.chain_pem), &cert));
        expect_ok(pki_usages_build(&a.request.spec.usages, is_ca == 1, &want));
        assert_true(pki_usages_equal(&cert.usages, &want));
        assert_int_equal(cert.is_ca, is_ca);
    }
}

static void unknown_usages_are_refused(void **state)
{
    (void)state;
    static const char *const words[] = {"world domination"};
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = scene_key();
    ATTEMPT a = {0};
    attempt_init(&a, key, false);
    keyring_put(s.env.keyring, "crt", 1, key);
    a.issuance.certificate_uid = "crt";
    a.issuance.revision = 1;
    a.request.spec.usages = (struct bind_strings){words, 1};
    expect_err(ask(&s, &a), ERR_INVALID, NULL, "spec.usages");
    assert_null(a.result.chain_pem);
}

static void another_key_is_no_answer(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = scene_key();
    AUTO_KEY other = scene_key();
    ATTEMPT a = {0};
    attempt_init(&a, key, false);
    keyring_put(s.env.keyring, "crt", 1, other);
    a.issuance.certificate_uid = "crt";
    a.issuance.revision = 1;
    expect_ok(ask(&s, &a));
    assert_int_equal(a.result.state, ISSUANCE_FAILED);
    assert_null(a.result.chain_pem);
}

/* After a restart the request is there before its Certificate has made it anew: that is no failure. */
static void a_lost_key_is_waited_for(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = scene_key();
    ATTEMPT a = {0};
    attempt_init(&a, key, false);
    keyring_put(s.env.keyring, "crt", 2, key);
    a.issuance.certificate_uid = "crt";
    a.issuance.revision = 1;
    expect_ok(ask(&s, &a));
    assert_int_equal(a.result.state, ISSUANCE_PENDING);
    assert_null(a.result.chain_pem);
}

static void a_persons_key_is_in_a_secret(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = scene_key();
    auto_free char *secret = scene_key_secret(key, "tls.key");
    ATTEMPT a = {0};
    attempt_init(&a, key, false);
    a.request.obj.meta.annotations = (struct bind_map){key_annotation, 1};
    scripted_plan(&s.world, SECRET, 200, secret);
    expect_ok(ask(&s, &a));
    assert_int_equal(a.result.state, ISSUANCE_ISSUED);
    assert_true(scripted_seen(&s.world, 0)->flags & HTTP_SECRET);
}

static void a_preflight_has_no_key(void **state)
{
    (void)state;
    static const struct bind_pair trial[] = {{API_PREFLIGHT, API_PREFLIGHT_ATTEMPT}};
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = scene_key();
    ATTEMPT a = {0};
    attempt_init(&a, key, false);
    a.request.obj.meta.annotations = (struct bind_map){trial, 1};
    expect_err(ask(&s, &a), ERR_INVALID, "InvalidPreflight", "name the issuer of a CA");
}

static void a_person_is_told_what_is_missing(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = scene_key();
    ATTEMPT a = {0};
    attempt_init(&a, key, false);
    expect_err(ask(&s, &a), ERR_INVALID, "MissingAnnotation",
               "certroll.dev/private-key-secret-name");
    a.request.obj.meta.annotations = (struct bind_map){key_annotation, 1};
    scripted_plan(&s.world, SECRET, 404, "{}");
    expect_err(ask(&s, &a), ERR_NOT_FOUND, NULL, NULL);
    scripted_plan(&s.world, SECRET, 200, "{\"data\":{\"tls.key\":\"bm8ga2V5\"}}");
    expect_err(ask(&s, &a), ERR_INVALID, NULL, NULL);
    auto_free char *elsewhere = scene_key_secret(key, "other");
    scripted_plan(&s.world, SECRET, 200, elsewhere);
    expect_err(ask(&s, &a), ERR_NOT_FOUND, "MissingData", "tls.key");
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_always_ready),
        cmocka_unit_test(a_certificates_key_is_in_memory),
        cmocka_unit_test(the_end_is_one_that_can_be_held),
        cmocka_unit_test(the_request_says_which_usages),
        cmocka_unit_test(unknown_usages_are_refused),
        cmocka_unit_test(another_key_is_no_answer),
        cmocka_unit_test(a_lost_key_is_waited_for),
        cmocka_unit_test(a_persons_key_is_in_a_secret),
        cmocka_unit_test(a_person_is_told_what_is_missing),
        cmocka_unit_test(a_preflight_has_no_key),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
