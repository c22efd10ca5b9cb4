/* SPDX-License-Identifier: Apache-2.0 */
/* For which names an Order puts up routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "reconcilers/order.h"
#include "support/scripted_kube.h"

#define INGRESS                                                                                    \
    "PATCH https://api/apis/networking.k8s.io/v1/namespaces/shop/ingresses/"                       \
    "o?fieldManager=certroll-http01&force=true"

#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status"

/* The Order of *.a.test, by dns01, whose apex would be the http01 solver's; one Challenge. */
static void open_pending(struct scene *s, const char *type)
{
    scene_open(s);
    acme_scene_issuer(s, ",\"solvers\":[{\"http01\":{\"ingress\":{}}},{\"selector\":{\"dnsNames\":["
                         "\"*.a.test\"]},\"dns01\":{\"cloudflare\":{\"apiTokenSecretRef\":{"
                         "\"name\":\"cf\",\"key\":\"token\"}}}}]");
    acme_scene_pending_order(s);
    auto_free char *challenge = x_printf(
        "{\"metadata\":{\"name\":\"c\",\"namespace\":\"shop\",\"uid\":\"c\","
        "\"resourceVersion\":\"2\"," ACME_OWNED(
            "Order", "o",
            "o") "},\"spec\":{\"url\":\"" ACME_CA "/c\",\"authorizationURL\":\"" ACME_CA
                 "/authz/1\",\"dnsName\":\"a.test\",\"wildcard\":true,\"type\":\"%s\",\"token\":"
                 "\"0123456789abcdef\",\"key\":\"k\",\"solver\":{}," ACME_REF "}}",
        type);
    scene_put(&s->env->challenges, challenge);
}

static void reconcile(struct scene *s)
{
    static const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    expect_ok(order_reconcile((void *)(uintptr_t)s->env, &name, &next));
    assert_int_equal(next, clock_wall(&s->hands.clock) + 10 * NS_PER_SEC);
}

static void what_dns_proves_has_no_route(void **state)
{
    (void)state;
    static const char *const types[] = {"HTTP-01", "DNS-01", "DNS-ACCOUNT-01", "DNS-PERSIST-01"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        SCENE s = {0};
        open_pending(&s, types[i]);
        if (i == 0)
            scripted_plan(&s.world, INGRESS, 200, "{}");
        reconcile(&s);
    }
}

/* The route is there, and nobody answers behind it. */
static void the_trouble_of_a_solver_is_told_here(void **state)
{
    (void)state;
    SCENE s = {0};
    open_pending(&s, "HTTP-01");
    scripted_plan(&s.world, INGRESS, 200, "{}");
    reconcile(&s);
    json_auto_t *route = scripted_json(&s.world, s.world.done - 1);
    auto_free char *pod = x_printf(
        "GET https://api/api/v1/namespaces/shop/pods/%s",
        JSTR(route, "spec", "rules", "0", "http", "paths", "0", "backend", "service", "name"));
    scripted_plan_error(&s.world, pod, err_new(ERR_TRANSIENT, "Timeout", "no answer"));
    assert_true(controller_step(s.env->controllers.solver));
    clock_manual_advance(&s.hands, 10 * NS_PER_SEC);
    scripted_plan(&s.world, INGRESS, 200, "{}");
    scripted_plan(&s.world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                  "\"resourceVersion\":\"3\"},\"spec\":{\"request\":\"Q1NS\"," ACME_REF "}}");
    reconcile(&s);
    json_auto_t *sent = scripted_json(&s.world, s.world.done - 1);
    assert_non_null(strstr(JSTR(sent, "status", "reason"), "no answer"));
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
        cmocka_unit_test(what_dns_proves_has_no_route),
        cmocka_unit_test(the_trouble_of_a_solver_is_told_here),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
