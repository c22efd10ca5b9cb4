/* SPDX-License-Identifier: Apache-2.0 */
/* What holds an Order: a CA that asks to wait, and another Order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/encode.h"
#include "base/mem.h"
#include "pki/csr.h"
#include "reconcilers/order.h"
#include "reconcilers/outage.h"
#include "support/scripted_kube.h"

#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status"
#define META(name, uid, version)                                                                   \
    "\"metadata\":{\"name\":\"" name "\",\"namespace\":\"shop\",\"uid\":\"" uid                    \
    "\",\"resourceVersion\":\"" version "\""
#define OWNER                                                                                      \
    ",\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"CertificateRequest\","   \
    "\"name\":\"web-1\",\"uid\":\"r\",\"controller\":true}]"

/* As the API server has it after a write. Owned. */
static char *order_text(const char *csr, const char *version)
{
    return x_printf("{" META("o", "o", "%s") OWNER
                    "},\"spec\":{\"request\":\"%s\",\"issuerRef\":{\"name\":\"acme\"}}}",
                    version, csr);
}

static char *request_text(const char *csr)
{
    return x_printf("{" META("web-1", "r", "2") "},\"spec\":{\"request\":\"%s\",\"issuerRef\":{"
                                                "\"name\":\"acme\"}}}",
                    csr);
}

static char *csr_text(void)
{
    AUTO(pki_names_release) struct pki_names names = {0};
    AUTO_KEY key = NULL;
    auto_free char *pem = NULL;
    strlist_add(&names.dns, "a.test");
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem));
    return base64_encode(pem, strlen(pem));
}

/* The request and its Order, which is not placed yet; csr is owned by the caller. */
static void open_order(struct scene *s, const char *csr)
{
    scene_open(s);
    acme_scene_issuer(s, "");
    auto_free char *request = request_text(csr);
    auto_free char *order = order_text(csr, "2");
    scene_put(&s->env->requests, request);
    scene_put(&s->env->orders, order);
}

static struct err *reconcile(struct scene *s, int64_t *ret_next)
{
    static const struct object_name name = {.ns = "shop", .name = "o"};
    *ret_next = 0;
    return order_reconcile((void *)(uintptr_t)s->env, &name, ret_next);
}

/* For a day, say, until somebody names another CA. */
static void another_issuer_is_not_waited_for(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next = 0;
    auto_free char *csr = csr_text();
    open_order(&s, csr);
    auto_free char *told = order_text(csr, "3");
    acme_scene_directory(&s, "");
    acme_scene_post(&s, "/new-order", 429,
                    "content-type: application/problem+json\nretry-after: 80000\n",
                    ACME_PROBLEM("rateLimited"));
    scripted_plan(&s.world, STATUS, 200, told);
    expect_err(reconcile(&s, &next), ERR_RATE_LIMITED, "RateLimited", NULL);
    expect_ok(reconcile(&s, &next));
    assert_int_equal(next, SCENE_NOW + 80000 * NS_PER_SEC);
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s.env->issuers.cache, "shop", "acme");
    ((struct issuer *)(uintptr_t)issuer)->obj.meta.generation = 2;
    acme_scene_post(&s, "/new-order", 201, "location: " ACME_CA "/order/1\n",
                    "{\"status\":\"pending\",\"finalize\":\"" ACME_CA "/finalize/1\"}");
    auto_free char *placed = order_text(csr, "4");
    scripted_plan(&s.world, STATUS, 200, placed);
    expect_ok(reconcile(&s, &next));
    assert_int_not_equal(next, SCENE_NOW + 80000 * NS_PER_SEC);
    json_auto_t *sent = scripted_json(&s.world, s.world.done - 1);
    assert_string_equal(JSTR(sent, "status", "url"), ACME_CA "/order/1");
}

/* It waits before newOrder: what was noted of the CA stands, as only the directory was looked at, which is kept. That CAA
 * forbids is noted, as long as it does. */
static void what_caa_holds_has_not_heard_the_ca(void **state)
{
    (void)state;
    static const char nobody[] = "\0\5issue;"; /* RFC 8659 section 4.1: flags, tag, value */
    static const char ours[] = "\0\5issueca.test";
    SCENE s = {0};
    int64_t next = 0;
    auto_free char *csr = csr_text();
    open_order(&s, csr);
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s.env->issuers.cache, "shop", "acme");
    AUTO_ERR timeout = err_new(ERR_TRANSIENT, "Timeout", "nobody there");
    outage_note(s.env, issuer, timeout);
    acme_scene_directory(&s, ",\"meta\":{\"caaIdentities\":[\"ca.test\"]}");
    scripted_dns_record(&s.dns, "a.test", DNS_CAA, nobody, sizeof(nobody) - 1);
    auto_free char *told = order_text(csr, "3");
    scripted_plan(&s.world, STATUS, 200, told);
    expect_ok(reconcile(&s, &next));
    assert_int_equal(outage_since(s.env, issuer), SCENE_NOW);
    AUTO(pki_names_release) struct pki_names names = {0};
    strlist_add(&names.dns, "a.test");
    assert_int_equal(outage_forbidden(s.env, issuer, "shop", &names), SCENE_NOW);
    /* A record for the CA beside that one, which is busy. */
    clock_manual_advance(&s.hands, NS_PER_MIN);
    scripted_dns_record(&s.dns, "a.test", DNS_CAA, ours, sizeof(ours) - 1);
    acme_scene_post(&s, "/new-order", 503, "", "");
    expect_err(reconcile(&s, &next), ERR_TRANSIENT, NULL, NULL);
    assert_int_equal(outage_forbidden(s.env, issuer, "shop", &names), 0);
}

/* A CA that never comes to an end with it would be asked for ever, and no other attempt be made. */
static void an_order_that_the_ca_works_on_without_end_fails(void **state)
{
    (void)state;
    static const char *const at_ca[] = {"processing", "valid"}; /* without a certificate */
    for (size_t i = 0; i < ARRAY_LEN(at_ca); i++) {
        SCENE s = {0};
        int64_t next = 0;
        auto_free char *csr = csr_text();
        scene_open(&s);
        acme_scene_issuer(&s, "");
        auto_free char *request = request_text(csr);
        auto_free char *order =
            x_printf("{" META("o", "o", "2") OWNER
                     "},\"spec\":{\"request\":\"%s\",\"issuerRef\":{\"name\":\"acme\"}},"
                     "\"status\":{\"state\":\"pending\",\"url\":\"" ACME_CA "/order/1\"}}",
                     csr);
        auto_free char *answer = x_printf("{\"status\":\"%s\",\"finalize\":\"" ACME_CA
                                          "/f\",\"expires\":\"2025-12-31T22:59:59Z\"}",
                                          at_ca[i]);
        scene_put(&s.env->requests, request);
        scene_put(&s.env->orders, order);
        acme_scene_directory(&s, "");
        acme_scene_post(&s, "/order/1", 200, "", answer);
        scripted_plan(&s.world, STATUS, 200, order);
        expect_ok(reconcile(&s, &next));
        json_auto_t *sent = scripted_json(&s.world, s.world.done - 1);
        assert_string_equal(JSTR(sent, "status", "state"), "expired");
        assert_non_null(strstr(JSTR(sent, "status", "reason"), at_ca[i]));
    }
}

#define RIVAL                                                                                      \
    "{" META(                                                                                      \
        "rival", "rival",                                                                          \
        "2") ",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{\"request\":\"Q1NS\","    \
             "\"issuerRef\":{\"name\":\"acme\"}},\"status\":{\"state\":"                           \
             "\"pending\",\"url\":\"" ACME_CA "/order/2\"}}"

/* It was granted, did not reach the CA, and by now it waits for something else, perhaps for days. */
static void what_waits_keeps_nothing_of_a_limit(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next = 0;
    auto_free char *csr = csr_text();
    open_order(&s, csr);
    scene_put(&s.env->orders, RIVAL);
    const struct budget_need need = {.kind = BUDGET_ORDERS, .key = "k", .limit = {1, NS_PER_HOUR}};
    const struct budget_ask ask = {
        .id = "o", .ns = "shop", .server = "ca.test", .needs = &need, .count = 1};
    struct budget_answer answer;
    budgets_ask(s.env->budgets, &ask, &answer);
    assert_true(answer.granted);
    assert_int_equal(budgets_left(s.env->budgets, &need), 0);
    expect_ok(reconcile(&s, &next));
    assert_int_equal(budgets_left(s.env->budgets, &need), 1);
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
        cmocka_unit_test(another_issuer_is_not_waited_for),
        cmocka_unit_test(what_caa_holds_has_not_heard_the_ca),
        cmocka_unit_test(an_order_that_the_ca_works_on_without_end_fails),
        cmocka_unit_test(what_waits_keeps_nothing_of_a_limit),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
