/* SPDX-License-Identifier: Apache-2.0 */
/* Pending authorizations of an Order that ended without a certificate are deactivated; others never. */
#include "reconcilers/order_abandon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "base/str.h"
#include "support/scripted_kube.h"

#define AUTHZ(name, status)                                                                        \
    "{\"status\":\"" status "\",\"identifier\":{\"type\":\"dns\",\"value\":\"" name                \
    "\"},\"challenges\":[]}"
#define TWO                                                                                        \
    "\"url\":\"" ACME_CA "/order/1\",\"authorizations\":[{\"url\":\"" ACME_CA                      \
    "/authz/1\"},{\"url\":\"" ACME_CA "/authz/2\"}]"

static const struct object_name name = {.ns = "shop", .name = "o"};

static void put(struct scene *s, const char *uid, const char *dns, const char *status)
{
    auto_free char *order = x_printf(
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"%s\",\"resourceVersion\":"
        "\"2\",\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":"
        "\"CertificateRequest\",\"name\":\"web-1\",\"uid\":\"r\",\"controller\":true}]},\"spec\":{"
        "\"request\":\"Q1NS\",\"dnsNames\":[\"%s\"],\"issuerRef\":{\"name\":\"acme\"}},\"status\":"
        "{%s}}",
        uid, uid, dns, status);
    scene_put(&s->env->orders, order);
}

/* The Order "o", which the CA has, and its request. */
static void open_with(struct scene *s, const char *status)
{
    scene_open(s);
    acme_scene_issuer(s, "");
    scene_put(&s->env->requests,
              "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{\"name\":"
              "\"acme\"}}}");
    put(s, "o", "a.test", status);
    acme_scene_directory(s, "");
}

static void reconcile(struct scene *s, int64_t *ret_next)
{
    *ret_next = 0;
    expect_ok(order_reconcile((void *)(uintptr_t)s->env, &name, ret_next));
}

/* The CA says of one authorization that it failed: the Order ends. */
static void plan_failure(struct scene *s)
{
    acme_scene_post(s, "/authz/1", 200, "", AUTHZ("a.test", "invalid"));
    acme_scene_post(s, "/order/1", 200, "",
                    "{\"status\":\"invalid\",\"finalize\":\"" ACME_CA "/f\"}");
    scripted_plan(&s->world,
                  "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status", 200,
                  "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                  "\"resourceVersion\":\"3\"},\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{"
                  "\"name\":\"acme\"}},\"status\":{\"state\":\"invalid\"}}");
}

static void expect_deactivation(struct scene *s, size_t i)
{
    json_auto_t *payload = acme_scene_payload(s, i);
    assert_string_equal(JSTR(payload, "status"), "deactivated");
}

static void what_is_pending_after_a_failure_is_deactivated(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next;
    open_with(&s, TWO);
    plan_failure(&s);
    acme_scene_post(&s, "/authz/1", 200, "", AUTHZ("a.test", "invalid"));
    acme_scene_post(&s, "/authz/2", 200, "", AUTHZ("b.test", "pending"));
    acme_scene_post(&s, "/authz/2", 200, "", AUTHZ("b.test", "deactivated"));
    reconcile(&s, &next);
    expect_deactivation(&s, s.world.done - 1);
}

/* A valid one is good for another order; the script has no place for more. */
static void what_is_valid_stays(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next;
    open_with(&s, TWO);
    plan_failure(&s);
    acme_scene_post(&s, "/authz/1", 200, "", AUTHZ("a.test", "valid"));
    acme_scene_post(&s, "/authz/2", 200, "", AUTHZ("b.test", "valid"));
    reconcile(&s, &next);
}

static void what_another_order_needs_stays(void **state)
{
    (void)state;
    static const struct {
        const char *dns, *status;
    } others[] = {
        {"c.test", TWO},              /* it has that authorization */
        {"b.test", "\"state\":\"\""}, /* it may be given it any moment */
        {"*.b.test", "\"state\":\"pending\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        SCENE s = {0};
        int64_t next;
        open_with(&s, TWO);
        put(&s, "other", others[i].dns, others[i].status);
        plan_failure(&s);
        acme_scene_post(&s, "/authz/1", 200, "", AUTHZ("a.test", "invalid"));
        acme_scene_post(&s, "/authz/2", 200, "", AUTHZ("b.test", "pending"));
        reconcile(&s, &next);
    }
    /* An order that is over needs nothing. */
    SCENE s = {0};
    int64_t next;
    open_with(&s, TWO);
    put(&s, "other", "b.test", TWO ",\"state\":\"invalid\"");
    plan_failure(&s);
    acme_scene_post(&s, "/authz/1", 200, "", AUTHZ("a.test", "invalid"));
    acme_scene_post(&s, "/authz/2", 200, "", AUTHZ("b.test", "pending"));
    acme_scene_post(&s, "/authz/2", 200, "", AUTHZ("b.test", "deactivated"));
    reconcile(&s, &next);
}

/* It is cheap or it is not done. */
static void a_ca_that_fails_is_left_alone(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next;
    open_with(&s, TWO);
    plan_failure(&s);
    acme_scene_post(&s, "/authz/1", 503, "", "");
    reconcile(&s, &next);
    assert_int_equal(next, 0);

    SCENE gone = {0};
    open_with(&gone, TWO);
    plan_failure(&gone);
    acme_scene_post(&gone, "/authz/1", 404, "content-type: application/problem+json\n",
                    ACME_PROBLEM("malformed"));
    acme_scene_post(&gone, "/authz/2", 200, "", AUTHZ("b.test", "pending"));
    acme_scene_post(&gone, "/authz/2", 400, "content-type: application/problem+json\n",
                    ACME_PROBLEM("malformed"));
    reconcile(&gone, &next);
}

/* ---- removed Orders ---- */

static void remove_order(struct scene *s)
{
    cache_fill_delete(cache_fill(s->env->orders.cache, NULL), "shop", "o", "9");
}

/* A pass that walks the chain and finds both authorizations waiting. */
static void walk(struct scene *s)
{
    const struct order_pass p = {.env = s->env,
                                 .order = cache_peek(s->env->orders.cache, "shop", "o")};
    order_abandon_note(&p);
    object_unref(p.order);
}

static void a_removed_order_leaves_nothing_pending(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next;
    open_with(&s, TWO);
    walk(&s);
    remove_order(&s);
    reconcile(&s, &next);
    assert_int_equal(next, SCENE_NOW + 30 * NS_PER_SEC);
    clock_manual_advance(&s.hands, 30 * NS_PER_SEC);
    acme_scene_post(&s, "/authz/1", 200, "", AUTHZ("a.test", "valid"));
    acme_scene_post(&s, "/authz/2", 200, "", AUTHZ("b.test", "pending"));
    acme_scene_post(&s, "/authz/2", 200, "", AUTHZ("b.test", "deactivated"));
    reconcile(&s, &next);
    expect_deactivation(&s, s.world.done - 1);
    reconcile(&s, &next); /* once */
}

static bool is_remembered(struct scene *s)
{
    auto_free char *text = memo_text(s->env->abandoned, "shop/o");
    return text != NULL;
}

/* What a person wrote by hand names URLs of whatever they like. */
static void only_a_chain_that_was_walked_counts(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put(&s, "o", "a.test", TWO);
    remove_order(&s);
    assert_false(is_remembered(&s));

    put(&s, "o", "a.test", TWO ",\"state\":\"valid\"");
    walk(&s);
    remove_order(&s);
    assert_false(is_remembered(&s)); /* it is over */

    put(&s, "o", "a.test", "\"url\":\"" ACME_CA "/order/1\"");
    walk(&s);
    remove_order(&s);
    assert_false(is_remembered(&s)); /* it names none */
}

static void an_issuer_that_is_gone_ends_it(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next = 0;
    scene_open(&s);
    put(&s, "o", "a.test", TWO);
    walk(&s);
    remove_order(&s);
    assert_true(is_remembered(&s));
    clock_manual_advance(&s.hands, NS_PER_MIN);
    expect_ok(order_abandon_removed(s.env, "shop/o", &next));
    assert_false(is_remembered(&s));
    assert_int_equal(next, 0);
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
        cmocka_unit_test(what_is_pending_after_a_failure_is_deactivated),
        cmocka_unit_test(what_is_valid_stays),
        cmocka_unit_test(what_another_order_needs_stays),
        cmocka_unit_test(a_ca_that_fails_is_left_alone),
        cmocka_unit_test(a_removed_order_leaves_nothing_pending),
        cmocka_unit_test(only_a_chain_that_was_walked_counts),
        cmocka_unit_test(an_issuer_that_is_gone_ends_it),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
