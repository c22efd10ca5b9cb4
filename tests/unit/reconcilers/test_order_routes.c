/* SPDX-License-Identifier: Apache-2.0 */
/* For which names an Order puts up routes, and that all of them go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/order.h"
#include "support/scripted_kube.h"

#define INGRESS                                                                                    \
    "PATCH https://api/apis/networking.k8s.io/v1/namespaces/shop/ingresses/"                       \
    "o?fieldManager=certroll-http01&force=true"

#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status"

/* What differs from the Challenge that certroll made. */
struct made {
    const char *type;
    const char *name;     /* NULL = as certroll calls it */
    const char *dns_name; /* NULL = a.test */
};

/* The Order of *.a.test, by dns01, whose apex would be the http01 solver's; one Challenge. */
static void open_pending(struct scene *s, const struct made *made)
{
    scene_open(s);
    acme_scene_issuer(s, ",\"solvers\":[{\"http01\":{\"ingress\":{}}},{\"selector\":{\"dnsNames\":["
                         "\"*.a.test\"]},\"dns01\":{\"cloudflare\":{\"apiTokenSecretRef\":{"
                         "\"name\":\"cf\",\"key\":\"token\"}}}}]");
    acme_scene_pending_order(s);
    auto_free char *challenge = x_printf(
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"c\","
        "\"resourceVersion\":\"2\"," ACME_OWNED(
            "Order", "o",
            "o") "},\"spec\":{\"url\":\"" ACME_CA "/c\",\"authorizationURL\":\"" ACME_CA
                 "/authz/1\",\"dnsName\":\"%s\",\"wildcard\":true,\"type\":\"%s\",\"token\":"
                 "\"0123456789abcdef\",\"key\":\"k\",\"solver\":{}," ACME_REF "}}",
        str_or(made->name, ACME_CHALLENGE), str_or(made->dns_name, "a.test"), made->type);
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
        open_pending(&s, &(struct made){.type = types[i]});
        if (i == 0)
            scripted_plan(&s.world, INGRESS, 200, "{}");
        reconcile(&s);
    }
}

/* Of the Order, by its uid, and its authorization. */
static void what_others_made_has_no_route(void **state)
{
    (void)state;
    static const struct made rows[] = {
        {"HTTP-01", "o-0123456789", NULL}, {"HTTP-01", "c", NULL}, {"HTTP-01", NULL, "b.test"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        open_pending(&s, &rows[i]);
        reconcile(&s);
    }
}

/* The route is there, and nobody answers behind it. */
static void the_trouble_of_a_solver_is_told_here(void **state)
{
    (void)state;
    SCENE s = {0};
    open_pending(&s, &(struct made){.type = "HTTP-01"});
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
                  "\"resourceVersion\":\"3\"},\"spec\":{\"request\":\"" ACME_CSR "\"," ACME_REF
                  "}}");
    reconcile(&s);
    json_auto_t *sent = scripted_json(&s.world, s.world.done - 1);
    assert_non_null(strstr(JSTR(sent, "status", "reason"), "no answer"));
}

#define INGRESSES "GET https://api/apis/networking.k8s.io/v1/namespaces/"
#define PATHS_OF_GONE                                                                              \
    INGRESSES "shop/ingresses?limit=500&labelSelector=certroll.dev%2Fhttp01-paths%3Dtrue"
#define ROUTES_OF_GONE /* the hash of "shop/gone" */                                               \
    INGRESSES "certroll/ingresses?limit=500&labelSelector=acme.certroll.dev%2Fhttp01-solver%3D"    \
              "true%2Ccertroll.dev%2Fhttp01-order%3D4cb418df9ea094f7"

static const struct object_name gone = {.ns = "shop", .name = "gone"};

static void found(const struct env *env, const char *tier)
{
    for (size_t i = 0; http01_tiers[i] != NULL; i++)
        if (strcmp(http01_tiers[i]->name, tier) == 0)
            memo_mark(env->presented, "shop/gone", http01_tier_mark(http01_tiers[i]));
}

struct meanwhile {
    struct scene *scene;
    struct http_transport world;
};

/* Before the first answer another route of the Order is found. */
static struct err *find_another(void *ctx, const struct http_request *req, const struct stop *stop,
                                struct http_response *ret)
{
    const struct meanwhile *m = ctx;
    found(m->scene->env, "shared");
    m->scene->world.transport = m->world;
    return m->world.call(m->world.ctx, req, stop, ret);
}

/* Who starts to lead looks for routes tier by tier, while Orders are worked on. */
static void what_is_found_while_another_goes_goes_too(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    int64_t next = 0;
    struct env env = *s.env;
    env.http01.responder = (struct http01_responder){.ns = "certroll", .service = "answers"};
    struct meanwhile m = {.scene = &s, .world = s.world.transport};
    s.world.transport.call = find_another;
    s.world.transport.ctx = &m;
    found(&env, "edit");
    scripted_plan(&s.world, PATHS_OF_GONE, 200, "{\"items\":[]}");
    expect_ok(order_reconcile(&env, &gone, &next));
    scripted_plan(&s.world, ROUTES_OF_GONE, 200, "{\"items\":[]}");
    expect_ok(order_reconcile(&env, &gone, &next));
    expect_ok(order_reconcile(&env, &gone, &next)); /* nothing is left to ask for */
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
        cmocka_unit_test(what_others_made_has_no_route),
        cmocka_unit_test(the_trouble_of_a_solver_is_told_here),
        cmocka_unit_test(what_is_found_while_another_goes_goes_too),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
