/* SPDX-License-Identifier: Apache-2.0 */
/* For which names an Order puts up routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "reconcilers/order.h"
#include "support/expect.h"

#define INGRESS                                                                                    \
    "PATCH https://api/apis/networking.k8s.io/v1/namespaces/shop/ingresses/"                       \
    "o?fieldManager=certroll-http01&force=true"
#define REF "\"issuerRef\":{\"name\":\"acme\"}"
#define OWNED(kind, name, uid)                                                                     \
    "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"" kind                    \
    "\",\"name\":\"" name "\",\"uid\":\"" uid "\",\"controller\":true}]"

/* The Order of *.a.test, by dns01, whose apex would be the http01 solver's; one Challenge. */
static void pass(const char *type, bool routed)
{
    SCENE s = {0};
    scene_open(&s);
    acme_scene_issuer(&s,
                      ",\"solvers\":[{\"http01\":{\"ingress\":{}}},{\"selector\":{\"dnsNames\":["
                      "\"*.a.test\"]},\"dns01\":{\"cloudflare\":{\"apiTokenSecretRef\":{"
                      "\"name\":\"cf\",\"key\":\"token\"}}}}]");
    scene_put(&s.env->requests,
              "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"Q1NS\"," REF "}}");
    scene_put(&s.env->orders,
              "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
              "\"resourceVersion\":\"2\"," OWNED(
                  "CertificateRequest", "web-1",
                  "r") "},\"spec\":{\"request\":\"Q1NS\"," REF
                       "},\"status\":{\"state\":\"pending\",\"url\":\"" ACME_CA
                       "/order/1\",\"authorizations\":[{\"url\":\"" ACME_CA "/authz/1\"}]}}");
    auto_free char *challenge = x_printf(
        "{\"metadata\":{\"name\":\"c\",\"namespace\":\"shop\",\"uid\":\"c\","
        "\"resourceVersion\":\"2\"," OWNED(
            "Order", "o",
            "o") "},\"spec\":{\"url\":\"" ACME_CA "/c\",\"authorizationURL\":\"" ACME_CA
                 "/authz/1\",\"dnsName\":\"a.test\",\"wildcard\":true,\"type\":\"%s\",\"token\":"
                 "\"0123456789abcdef\",\"key\":\"k\",\"solver\":{}," REF "}}",
        type);
    scene_put(&s.env->challenges, challenge);
    if (routed)
        scripted_plan(&s.world, INGRESS, 200, "{}");
    static const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    expect_ok(order_reconcile((void *)(uintptr_t)s.env, &name, &next));
    assert_int_equal(next, SCENE_NOW + 10 * NS_PER_SEC);
}

static void what_dns_proves_has_no_route(void **state)
{
    (void)state;
    pass("HTTP-01", true);
    pass("DNS-01", false);
    pass("DNS-ACCOUNT-01", false);
    pass("DNS-PERSIST-01", false);
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_dns_proves_has_no_route)};
    return cmocka_run_group_tests(tests, prepare, NULL);
}
