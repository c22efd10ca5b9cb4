/* SPDX-License-Identifier: Apache-2.0 */
/* From a Challenge and an Order up, by UID. */
#include "reconcilers/acme_chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "reconciler_scene.h"
#include "support/expect.h"

#define REQUEST(uid, csr)                                                                          \
    "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"" uid                      \
    "\",\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"" csr                                   \
    "\",\"issuerRef\":{\"name\":\"ca\"}}}"
#define OWNED_BY(kind, name, uid)                                                                  \
    ",\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"" kind                   \
    "\",\"name\":\"" name "\",\"uid\":\"" uid "\",\"controller\":true}]"
#define ORDER(owner, csr)                                                                          \
    "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"order\","                      \
    "\"resourceVersion\":\"2\"" owner "},\"spec\":{\"request\":\"" csr                             \
    "\",\"issuerRef\":{\"name\":\"another-issuer\"}}}"
#define ISSUER(spec)                                                                               \
    "{\"metadata\":{\"name\":\"ca\",\"namespace\":\"shop\",\"uid\":\"i\","                         \
    "\"resourceVersion\":\"2\"},\"spec\":{" spec "}}"
#define ACME "\"acme\":{\"server\":\"https://ca\",\"privateKeySecretRef\":{\"name\":\"k\"}}"

static struct err *chain_of(struct scene *s, const char *order)
{
    AUTO_OBJECT(struct order) o = scene_object(&kind_order, order);
    AUTO(acme_chain_release) struct acme_chain chain = {0};
    struct err *e = acme_chain_of_order(s->env, o, &chain);
    assert_true(e != NULL || chain.request != NULL);
    return e;
}

/* What was written by hand hangs on nothing, and nothing is done for it. */
static void foreign_orders_are_refused(void **state)
{
    (void)state;
    static const char *const orders[] = {
        ORDER("", "Q1NS"),
        ORDER(OWNED_BY("Certificate", "web-1", "request"), "Q1NS"),
        ORDER(OWNED_BY("CertificateRequest", "gone", "request"), "Q1NS"),
        ORDER(OWNED_BY("CertificateRequest", "web-1", "another"), "Q1NS"),
        ORDER(OWNED_BY("CertificateRequest", "web-1", "request"), "b3RoZXI="),
    };
    SCENE s = {0};
    scene_open(&s);
    scene_put(&s.env->requests, REQUEST("request", "Q1NS"));
    scene_put(&s.env->issuers, ISSUER(ACME));
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        expect_err(chain_of(&s, orders[i]), ERR_INVALID, "NotOurs", "nothing is done for it");
}

/* An issuer that is not there, or not ready, is waited for: the order is not given up. */
static void issuers_are_waited_for(void **state)
{
    (void)state;
    static const char order[] = ORDER(OWNED_BY("CertificateRequest", "web-1", "request"), "Q1NS");
    static const char *const issuers[] = {NULL, ISSUER("\"selfSigned\":{}"), ISSUER(ACME)};
    for (size_t i = 0; i < ARRAY_LEN(issuers); i++) {
        SCENE s = {0};
        scene_open(&s);
        scene_put(&s.env->requests, REQUEST("request", "Q1NS"));
        if (issuers[i] != NULL)
            scene_put(&s.env->issuers, issuers[i]);
        expect_err(chain_of(&s, order), ERR_NOT_FOUND, "IssuerNotReady", "ca");
    }
}

static struct err *order_of(struct scene *s, const char *owner, const struct order **ret_order)
{
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"c\",\"namespace\":\"shop\",\"uid\":\"challenge\"%s},\"spec\":{"
        "\"url\":\"https://c\",\"authorizationURL\":\"https://z\",\"dnsName\":\"a.test\","
        "\"type\":\"HTTP-01\",\"token\":\"t\",\"key\":\"k\",\"solver\":{},"
        "\"issuerRef\":{\"name\":\"ca\"}}}",
        owner);
    AUTO_OBJECT(struct challenge) c = scene_object(&kind_challenge, text);
    return acme_order_of_challenge(s->env, c, ret_order);
}

static void challenges_belong_to_an_order(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    scene_put(&s.env->orders, ORDER("", "Q1NS"));
    AUTO_OBJECT(struct order) order = NULL;
    expect_ok(order_of(&s, OWNED_BY("Order", "o", "order"), &order));
    assert_string_equal(order->obj.meta.uid, "order");
    static const char *const owners[] = {"", OWNED_BY("Order", "o", "another"),
                                         OWNED_BY("Order", "gone", "order"),
                                         OWNED_BY("CertificateRequest", "o", "order")};
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        const struct order *none = NULL;
        expect_err(order_of(&s, owners[i], &none), ERR_INVALID, "NotOurs", NULL);
        assert_null(none);
    }
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
        cmocka_unit_test(foreign_orders_are_refused),
        cmocka_unit_test(issuers_are_waited_for),
        cmocka_unit_test(challenges_belong_to_an_order),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
