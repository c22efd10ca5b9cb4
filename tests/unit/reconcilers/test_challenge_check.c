/* SPDX-License-Identifier: Apache-2.0 */
/* What the solver's selfCheck wants to have seen before the CA is asked. */
#include "reconcilers/challenge_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "acme/order.h"
#include "base/mem.h"
#include "reconciler_scene.h"
#include "support/expect.h"

#define TOKEN "0123456789abcdef"
#define URL "GET http://a.test/.well-known/acme-challenge/" TOKEN
#define INGRESSES                                                                                  \
    "GET https://api/apis/networking.k8s.io/v1/namespaces/shop/"                                   \
    "ingresses?limit=500&labelSelector=acme.certroll.dev%2Fhttp01-solver%3Dtrue"

static struct pki_key *key;

struct stage {
    struct scene scene;
    const struct certificate_request *request;
    const struct issuer *issuer;
    const struct order *order;
    const struct challenge *challenge;
    char *answer;
};

static void stage_open(struct stage *st, const char *solver)
{
    *st = (struct stage){0};
    scene_open(&st->scene);
    auto_free char *issuer =
        x_printf("{\"metadata\":{\"name\":\"ca\"},\"spec\":{\"acme\":{\"server\":\"https://ca\","
                 "\"privateKeySecretRef\":{\"name\":\"k\"},\"solvers\":[%s]}}}",
                 solver);
    st->issuer = scene_object(&kind_cluster_issuer, issuer);
    st->request = scene_object(&kind_certificate_request,
                               "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\"},\"spec\":"
                               "{\"request\":\"Q1NS\",\"issuerRef\":{\"name\":\"ca\"}}}");
    st->order = scene_object(&kind_order,
                             "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"u\"},"
                             "\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{\"name\":\"ca\"}}}");
    st->challenge = scene_object(
        &kind_challenge,
        "{\"metadata\":{\"name\":\"c\",\"namespace\":\"shop\",\"uid\":\"c\","
        "\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{\"url\":\"https://c\","
        "\"authorizationURL\":\"https://z\",\"dnsName\":\"a.test\",\"type\":\"HTTP-01\","
        "\"token\":\"" TOKEN "\",\"key\":\"k\",\"solver\":{},\"issuerRef\":{\"name\":\"ca\"}}}");
    st->answer = acme_key_authorization(key, TOKEN);
}

static void stage_close(struct stage *st)
{
    object_unref(st->issuer);
    object_unref(st->request);
    object_unref(st->order);
    object_unref(st->challenge);
    free(st->answer);
    scene_close(&st->scene);
}
#define STAGE(name, solver)                                                                        \
    AUTO(stage_close) struct stage name;                                                           \
    stage_open(&(name), solver)

static struct err *check(struct stage *st)
{
    const struct acme_chain chain = {.order = st->order,
                                     .request = st->request,
                                     .issuer = st->issuer,
                                     .account.account.key = key};
    return challenge_check(st->scene.env, &chain, st->order, st->challenge);
}

static void expect_later(struct err *e, int64_t after)
{
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_TRANSIENT);
    assert_int_equal(e->retry_at, SCENE_NOW + after);
    err_free(e);
}

static void dns_is_the_default(void **state)
{
    (void)state;
    static const char *const solvers[] = {
        "{\"http01\":{\"ingress\":{}}}", "{\"http01\":{\"external\":{}}}",
        "{\"http01\":{\"ingress\":{},\"selfCheck\":{}}}",
        "{\"http01\":{\"ingress\":{},\"selfCheck\":{\"mode\":\"dns\"}}}"};
    for (size_t i = 0; i < ARRAY_LEN(solvers); i++) {
        STAGE(st, solvers[i]);
        scripted_dns_address(&st.scene.dns, "a.test", "192.0.2.1");
        scripted_plan(&st.scene.world, URL, 404, "");
        scripted_plan(&st.scene.world, URL, 200, st.answer);
        AUTO_ERR e = check(&st);
        assert_int_equal(e->retry_at, 0);
        expect_err(TAKE(e), ERR_TRANSIENT, "SelfCheckFailed", "192.0.2.1 answered 404");
        expect_ok(check(&st));
        assert_string_equal(st.scene.dns.server, "");
    }
}

static void nameservers_are_the_solvers(void **state)
{
    (void)state;
    STAGE(st, "{\"http01\":{\"ingress\":{},\"selfCheck\":{\"nameservers\":[\"192.0.2.53\"]}}}");
    expect_err(check(&st), ERR_TRANSIENT, "SelfCheckFailed", "NXDOMAIN");
    assert_string_equal(st.scene.dns.server, "192.0.2.53");
}

static void ingress_status_stands_for_dns(void **state)
{
    (void)state;
#define RULE "\"spec\":{\"rules\":[{\"host\":\"a.test\"}]}"
#define OWNED(uid)                                                                                 \
    "\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"ownerReferences\":[{\"uid\":\"" uid     \
    "\"}]}"
    STAGE(st, "{\"http01\":{\"ingress\":{},\"selfCheck\":{\"mode\":\"ingressStatus\"}}}");
    scripted_plan(&st.scene.world, INGRESSES, 200,
                  "{\"kind\":\"List\",\"metadata\":{},\"items\":[{" OWNED("u") "," RULE "}]}");
    expect_err(check(&st), ERR_TRANSIENT, "SelfCheckFailed", "has no address in its status yet");
    scripted_plan(
        &st.scene.world, INGRESSES, 200,
        "{\"kind\":\"List\",\"metadata\":{},\"items\":["
        "{" OWNED(
            "other") "," RULE
                     ",\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"203.0.113.9\"}]}}},"
                     "{" OWNED("u") "," RULE ",\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":"
                                    "\"203.0.113.1\"}]}}}]}");
    scripted_plan(&st.scene.world, URL, 200, st.answer);
    expect_ok(check(&st));
    assert_string_equal(scripted_seen(&st.scene.world, 2)->connect_to, "203.0.113.1:80");
    assert_int_equal(st.scene.dns.queries, 0);
    STAGE(external, "{\"http01\":{\"external\":{},\"selfCheck\":{\"mode\":\"ingressStatus\"}}}");
    expect_err(check(&external), ERR_TRANSIENT, "SelfCheckFailed", "write mode dns, wait or none");
}

static void waiting_starts_with_the_challenge(void **state)
{
    (void)state;
    static const char *const solvers[] = {
        "{\"http01\":{\"ingress\":{},\"selfCheck\":{\"mode\":\"wait\",\"wait\":\"30s\"}}}",
        "{\"http01\":{\"ingress\":{}},\"waitInsteadOfSelfCheck\":\"30s\"}"};
    for (size_t i = 0; i < ARRAY_LEN(solvers); i++) {
        STAGE(st, solvers[i]);
        expect_later(check(&st), 100 * NS_PER_MS); /* no route yet */
        memo_set(st.scene.env->presented, "shop/o", SCENE_NOW);
        expect_later(check(&st), 31 * NS_PER_SEC);
        clock_manual_advance(&st.scene.hands, 31 * NS_PER_SEC - 1);
        expect_later(check(&st), 31 * NS_PER_SEC);
        clock_manual_advance(&st.scene.hands, 1);
        expect_ok(check(&st));
    }
}

static void none_needs_the_route_only(void **state)
{
    (void)state;
    static const char *const solvers[] = {
        "{\"http01\":{\"ingress\":{},\"selfCheck\":{\"mode\":\"none\"}}}",
        "{\"http01\":{\"ingress\":{}},\"waitInsteadOfSelfCheck\":\"0s\"}"};
    for (size_t i = 0; i < ARRAY_LEN(solvers); i++) {
        STAGE(st, solvers[i]);
        expect_later(check(&st), 100 * NS_PER_MS);
        memo_set(st.scene.env->presented, "shop/o", SCENE_NOW);
        expect_ok(check(&st));
    }
}

static void a_solver_that_is_gone_is_missed(void **state)
{
    (void)state;
    STAGE(st, "{\"selector\":{\"dnsNames\":[\"b.test\"]},\"http01\":{\"ingress\":{}}}");
    expect_err(check(&st), ERR_TRANSIENT, "NoSolver", "a.test");
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    return 0;
}

static int finish(void **state)
{
    (void)state;
    pki_key_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dns_is_the_default),
        cmocka_unit_test(nameservers_are_the_solvers),
        cmocka_unit_test(ingress_status_stands_for_dns),
        cmocka_unit_test(waiting_starts_with_the_challenge),
        cmocka_unit_test(none_needs_the_route_only),
        cmocka_unit_test(a_solver_that_is_gone_is_missed),
    };
    return cmocka_run_group_tests(tests, prepare, finish);
}
