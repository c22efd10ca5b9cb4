/* SPDX-License-Identifier: Apache-2.0 */
/* Two Orders for the same names with one account: one after the other. */
#include "reconcilers/order_alone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/encode.h"
#include "base/mem.h"
#include "kube/workqueue.h"
#include "pki/csr.h"
#include "support/scripted_kube.h"

#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status"
#define YOUNG "2026-01-01T00:00:00Z"
#define OLD "2025-12-31T23:49:59Z"
#define SAME "\"dnsNames\":[\"a.test\"]"
#define AT_CA "\"state\":\"pending\",\"url\":\"" ACME_CA "/order/7\""

/* A request for a.test, and its Order "o". */
static void put_order(struct scene *s)
{
    AUTO(pki_names_release) struct pki_names names = {0};
    AUTO_KEY key = NULL;
    auto_free char *pem = NULL;
    strlist_add(&names.dns, "a.test");
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem));
    auto_free char *csr = base64_encode(pem, strlen(pem));
    auto_free char *request =
        x_printf("{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
                 "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"%s\",\"issuerRef\":{\"name\":"
                 "\"acme\"}}}",
                 csr);
    auto_free char *order =
        x_printf("{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                 "\"creationTimestamp\":\"" YOUNG "\",\"resourceVersion\":\"2\","
                 "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":"
                 "\"CertificateRequest\",\"name\":\"web-1\",\"uid\":\"r\",\"controller\":true}]},"
                 "\"spec\":{\"request\":\"%s\"," SAME ",\"issuerRef\":{\"name\":\"acme\"}}}",
                 csr);
    scene_put(&s->env->requests, request);
    scene_put(&s->env->orders, order);
}

/* Another one, or what has become of it. */
static void put_other(struct scene *s, const char *made, const char *names, const char *issuer,
                      const char *status)
{
    static unsigned version = 2;
    auto_free char *order =
        x_printf("{\"metadata\":{\"name\":\"x\",\"namespace\":\"shop\",\"uid\":\"x\","
                 "\"creationTimestamp\":\"%s\",\"resourceVersion\":\"%u\"},\"spec\":{\"request\":"
                 "\"Q1NS\",%s,\"issuerRef\":{\"name\":\"%s\"}},\"status\":{%s}}",
                 made, version++, names, issuer, status);
    scene_put(&s->env->orders, order);
}

static void open_scene(struct scene *s)
{
    scene_open(s);
    acme_scene_issuer(s, "");
    scene_put(
        &s->env->issuers,
        "{\"metadata\":{\"name\":\"other\",\"namespace\":\"shop\",\"uid\":\"other\"},\"spec\":{"
        "\"acme\":{\"server\":\"" ACME_CA "/dir\",\"privateKeySecretRef\":{\"name\":\"k\"}}}}");
    scene_put(
        &s->env->issuers,
        "{\"metadata\":{\"name\":\"copy\",\"namespace\":\"shop\",\"uid\":\"copy\"},\"spec\":{"
        "\"acme\":{\"server\":\"https://evil.test/dir\",\"privateKeySecretRef\":{\"name\":\"k\"}}},"
        "\"status\":{\"acme\":{\"uri\":\"" ACME_ACCOUNT "\"}}}");
    put_order(s);
}

static int64_t pass(struct scene *s)
{
    const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    expect_ok(order_reconcile((void *)(uintptr_t)s->env, &name, &next));
    return next - SCENE_NOW;
}

static void plan_new_order(struct scene *s, const char *url)
{
    auto_free char *location = x_printf("location: %s\n", url);
    acme_scene_post(s, "/new-order", 201, location,
                    "{\"status\":\"pending\",\"finalize\":\"" ACME_CA "/finalize/1\"}");
}

static void plan_order(struct scene *s, const char *url)
{
    acme_scene_directory(s, "");
    plan_new_order(s, url);
}

static void plan_status(struct scene *s)
{
    scripted_plan(&s->world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                  "\"resourceVersion\":\"3\"},\"spec\":{\"request\":\"Q1NS\"," SAME
                  ",\"issuerRef\":{\"name\":\"acme\"}}}");
}

static void whoever_comes_second_waits(void **state)
{
    (void)state;
    SCENE s = {0};
    open_scene(&s);
    put_other(&s, YOUNG, SAME, "acme", AT_CA);
    assert_int_equal(pass(&s), 5 * NS_PER_SEC);
    assert_int_equal(pass(&s), 10 * NS_PER_SEC);
    plan_status(&s); /* told once it takes long */
    assert_int_equal(pass(&s), 20 * NS_PER_SEC);
    json_auto_t *sent = scripted_json(&s.world, s.world.done - 1);
    const char *reason = JSTR(sent, "status", "reason");
    assert_non_null(strstr(reason, "OrderUnderWay: Order x has an order for the same names"));
}

/* Its URL is not in status yet. */
static void what_is_on_its_way_into_status_counts(void **state)
{
    (void)state;
    SCENE s = {0};
    open_scene(&s);
    put_other(&s, YOUNG, SAME, "acme", "");
    memo_set_text(s.env->placed, "x", ACME_CA "/order/7");
    assert_int_equal(pass(&s), 5 * NS_PER_SEC);
}

static void others_stand_in_nobodys_way(void **state)
{
    (void)state;
    static const struct {
        const char *made, *names, *issuer, *status;
    } rows[] = {
        {YOUNG, SAME, "acme", "\"state\":\"valid\",\"url\":\"" ACME_CA "/order/7\""},
        {YOUNG, SAME, "acme", ""},
        {YOUNG, "\"dnsNames\":[\"a.test\",\"b.test\"]", "acme", AT_CA},
        {YOUNG, "\"commonName\":\"b.test\",\"dnsNames\":[\"a.test\"]", "acme", AT_CA},
        {YOUNG, SAME, "other", AT_CA},
        {YOUNG, SAME, "copy", AT_CA}, /* whose CA answers with the account of another */
        {YOUNG, SAME, "gone", AT_CA},
        {OLD, SAME, "acme", AT_CA}, /* it waits for a person */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        open_scene(&s);
        put_other(&s, rows[i].made, rows[i].names, rows[i].issuer, rows[i].status);
        plan_order(&s, ACME_CA "/order/8");
        plan_status(&s);
        assert_int_equal(pass(&s), 0);
        json_auto_t *sent = scripted_json(&s.world, s.world.done - 1);
        assert_string_equal(JSTR(sent, "status", "url"), ACME_CA "/order/8");
    }
}

/* Nor is the CA asked again, whoever wakes it, before that is over. */
static void the_order_of_another_is_not_taken(void **state)
{
    (void)state;
    for (int unread = 0; unread < 2; unread++) { /* what is at the URL, the CA could not tell */
        SCENE s = {0};
        open_scene(&s);
        put_other(&s, OLD, SAME, "acme", AT_CA);
        acme_scene_directory(&s, "");
        if (unread)
            acme_scene_post(&s, "/new-order", 201, "location: " ACME_CA "/order/7\n", "{");
        else
            plan_new_order(&s, ACME_CA "/order/7");
        assert_int_equal(pass(&s), 5 * NS_PER_SEC);
        auto_free char *placed = memo_text(s.env->placed, "o");
        assert_null(placed);
        assert_int_equal(pass(&s), 10 * NS_PER_SEC);
        put_other(&s, OLD, SAME, "acme", "\"state\":\"invalid\",\"url\":\"" ACME_CA "/order/7\"");
        plan_new_order(&s, ACME_CA "/order/8");
        plan_status(&s);
        assert_int_equal(pass(&s), 0);
    }
}

/* Meanwhile another one turned out to be deleted: what the CA has made is kept all the same. */
static void a_cache_that_is_behind_loses_no_order(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_order(&s);
    AUTO_OBJECT(struct order) o = cache_peek(s.env->orders.cache, "shop", "o");
    put_other(&s, OLD, SAME, "acme", AT_CA);
    cache_expect_deleted(s.env->orders.cache, "shop", "x", "x");
    struct order_pass p = {.env = s.env, .order = o, .now = SCENE_NOW};
    AUTO_ERR behind = ensure_alone(&p);
    assert_true(err_is(behind, ERR_CONFLICT));
    order_alone_check(&p, ACME_CA "/order/8");
    assert_false(p.stop);
}

/* Between the look and the CA's answer: a lock that nobody waits for. */
static void two_do_not_place_at_once(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_order(&s);
    AUTO_OBJECT(struct order) o = cache_peek(s.env->orders.cache, "shop", "o");
    struct order_pass p = {.env = s.env, .order = o, .now = SCENE_NOW};
    char *first = NULL, *second = NULL;
    expect_ok(order_alone_begin(&p, &first));
    assert_non_null(first);
    expect_ok(order_alone_begin(&p, &second));
    assert_null(second);
    assert_true(p.stop);
    assert_int_equal(p.next, SCENE_NOW + 200 * NS_PER_MS);
    order_alone_end(&p, first);
    p.stop = false;
    expect_ok(order_alone_begin(&p, &second));
    assert_non_null(second);
    order_alone_end(&p, second);
}

/* "x" has no request, and is failed for that. */
static void whoever_is_over_wakes_the_next(void **state)
{
    (void)state;
    SCENE s = {0};
    open_scene(&s);
    put_other(&s, YOUNG, SAME, "acme", AT_CA);
    struct workqueue *q = controller_queue(s.env->controllers.order);
    assert_true(controller_step(s.env->controllers.order)); /* "o" */
    assert_int_equal(workqueue_len(q), 1);
    scripted_plan(&s.world,
                  "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/x/status", 200,
                  "{\"metadata\":{\"name\":\"x\",\"namespace\":\"shop\",\"uid\":\"x\","
                  "\"resourceVersion\":\"1000\"},\"spec\":{\"request\":\"Q1NS\"," SAME
                  ",\"issuerRef\":{\"name\":\"acme\"}},\"status\":{\"state\":\"errored\"}}");
    assert_true(controller_step(s.env->controllers.order)); /* "x" */
    assert_int_equal(workqueue_len(q), 2);                  /* both */
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
        cmocka_unit_test(whoever_comes_second_waits),
        cmocka_unit_test(what_is_on_its_way_into_status_counts),
        cmocka_unit_test(others_stand_in_nobodys_way),
        cmocka_unit_test(the_order_of_another_is_not_taken),
        cmocka_unit_test(a_cache_that_is_behind_loses_no_order),
        cmocka_unit_test(two_do_not_place_at_once),
        cmocka_unit_test(whoever_is_over_wakes_the_next),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
