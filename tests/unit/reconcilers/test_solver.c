/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier process left behind: found, and asked for again while the API server is busy. */
#include "reconcilers/solver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "http01/grants.h"
#include "kube/workqueue.h"
#include "reconciler_scene.h"
#include "support/expect.h"

#define OURS "?limit=500&labelSelector=acme.certroll.dev%2Fhttp01-solver%3Dtrue"
#define PODS "GET https://api/api/v1/pods" OURS
#define SERVICES "GET https://api/api/v1/services" OURS
#define EDITED                                                                                     \
    "GET "                                                                                         \
    "https://api/apis/networking.k8s.io/v1/"                                                       \
    "ingresses?limit=500&labelSelector=certroll.dev%2Fhttp01-paths%3Dtrue"
#define ROUTES "GET https://api/apis/gateway.networking.k8s.io/v1/httproutes" OURS
#define GRANTS                                                                                     \
    "https://api/apis/gateway.networking.k8s.io/v1beta1/namespaces/certroll/referencegrants"
#define INGRESSES "GET https://api/apis/networking.k8s.io/v1/ingresses" OURS

static const struct object_name adopt = {.ns = "", .name = "adopt"};

static void what_is_there_comes_under_care(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    scripted_plan(
        &s.world, PODS, 200,
        "{\"items\":[{\"metadata\":{\"name\":\"certroll-solver-p\",\"namespace\":\"shop\"}}]}");
    scripted_plan(
        &s.world, SERVICES, 200,
        "{\"items\":[{\"metadata\":{\"name\":\"certroll-solver-p\",\"namespace\":"
        "\"shop\"}},{\"metadata\":{\"name\":\"certroll-http01-a\",\"namespace\":\"shop\"}}]}");
    scripted_plan(&s.world, EDITED, 200, "{\"items\":[]}");
    scripted_plan(&s.world, ROUTES, 404, "{}"); /* a cluster without the Gateway API */
    scripted_plan(
        &s.world, INGRESSES, 200,
        "{\"items\":[{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\","
        "\"ownerReferences\":[{\"kind\":\"Order\",\"uid\":\"u1\",\"name\":\"web-1\"}]}}]}");
    scripted_plan(&s.world, SERVICES, 200, "{\"items\":[]}"); /* that lead to our own */
    int64_t next = 0;
    expect_ok(solver_reconcile((void *)(uintptr_t)s.env, &adopt, &next));
    assert_int_equal(next, SCENE_NOW + 30 * NS_PER_MIN);
    /* The solver, and what Orders share. */
    assert_int_equal(workqueue_len(controller_queue(s.env->controllers.solver)), 2);
    assert_int_equal(workqueue_len(controller_queue(s.env->controllers.order)), 1);
    assert_int_not_equal(memo_get(s.env->presented, "shop/web-1").marks, 0);
}

static void a_busy_api_server_is_asked_again(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    solver_adopt(s.env);
    scripted_plan(&s.world, PODS, 429, "{}");
    assert_true(controller_step(s.env->controllers.solver));
    assert_false(controller_step(s.env->controllers.solver));
    clock_manual_advance(&s.hands, NS_PER_MIN);
    scripted_plan(&s.world, PODS, 200, "{\"items\":[]}");
    scripted_plan(&s.world, SERVICES, 200, "{\"items\":[]}");
    scripted_plan(&s.world, EDITED, 200, "{\"items\":[]}");
    scripted_plan(&s.world, ROUTES, 403, "{}"); /* the chart gives no rights on it */
    scripted_plan(&s.world, INGRESSES, 200, "{\"items\":[]}");
    scripted_plan(&s.world, SERVICES, 200, "{\"items\":[]}");
    assert_true(controller_step(s.env->controllers.solver));
}

/* The process runs with replicas that answer: the scene's do not. */
static void what_orders_share_goes_as_solvers_do(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct env env = *s.env;
    env.http01.responder = (struct http01_responder){.ns = "certroll", .service = "answers"};
    const struct object_name sweep = {.ns = "", .name = SWEEP_KEY};
    int64_t next = 0;
    expect_ok(solver_reconcile(&env, &sweep, &next));
    assert_int_equal(next, 0);
    scripted_plan(&s.world, "GET " GRANTS OURS "%2Ccertroll.dev%2Fhttp01-grant%3Dshop", 200,
                  "{\"items\":[]}");
    scripted_plan(&s.world, "PATCH " GRANTS "/certroll-http01-from-shop", 201, "{}");
    expect_ok(http01_grant_need(&env.http01, "shop"));
    expect_ok(solver_reconcile(&env, &sweep, &next));
    assert_int_equal(next, SCENE_NOW + env.config.solver_linger);
    clock_manual_advance(&s.hands, env.config.solver_linger);
    scripted_plan(&s.world, "DELETE " GRANTS "/certroll-http01-from-shop", 200, "{}");
    next = 0;
    expect_ok(solver_reconcile(&env, &sweep, &next));
    assert_int_equal(next, 0);
}

#define THUMBPRINT "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"

/* One look, as the order asks for it; what there is to tell then. Owned. */
static char *looked(struct scene *s, const struct issuer *issuer)
{
    static const struct http01_pod_config config = {.field = "ingress.podTemplate"};
    clock_manual_advance(&s->hands, 10 * NS_PER_SEC);
    solver_need(s->env, "shop", issuer, &config, THUMBPRINT);
    assert_true(controller_step(s->env->controllers.solver));
    return solver_trouble(s->env, "shop", THUMBPRINT);
}

static void what_keeps_a_solver_from_being_made_is_known(void **state)
{
    (void)state;
    SCENE s = {0};
    char name[KUBE_NAME_MAX + 1];
    scene_open(&s);
    http01_solver_name(THUMBPRINT, name);
    auto_free char *pod = x_printf("GET https://api/api/v1/namespaces/shop/pods/%s", name);
    auto_free char *service = x_printf("GET https://api/api/v1/namespaces/shop/services/%s", name);
    AUTO_OBJECT(struct issuer)
    issuer = scene_object(&kind_cluster_issuer, "{\"metadata\":{\"name\":\"ca\"},\"spec\":{}}");
    scripted_plan(&s.world, pod, 404, "{}");
    scripted_plan(&s.world, "POST https://api/api/v1/namespaces/shop/pods", 403,
                  "{\"message\":\"violates PodSecurity\"}");
    auto_free char *denied = looked(&s, issuer);
    assert_non_null(strstr(denied, "solver Pod: "));
    assert_non_null(strstr(denied, "violates PodSecurity"));
    scripted_plan(&s.world, pod, 200, "{}");
    scripted_plan(&s.world, service, 200, "{}");
    assert_null(looked(&s, issuer));
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
        cmocka_unit_test(what_is_there_comes_under_care),
        cmocka_unit_test(a_busy_api_server_is_asked_again),
        cmocka_unit_test(what_orders_share_goes_as_solvers_do),
        cmocka_unit_test(what_keeps_a_solver_from_being_made_is_known),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
