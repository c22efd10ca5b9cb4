/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer that is changed while an order is under way: its new solvers are for no name that they were not judged for. */
#include "reconcilers/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "budget_scene.h"
#include "support/scripted_kube.h"

#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status"
#define NETWORKING "GET https://api/apis/networking.k8s.io/v1/namespaces/shop/ingresses"
#define GATEWAY "GET https://api/apis/gateway.networking.k8s.io/v1/namespaces/shop/"
#define EXTERNAL ",\"solvers\":[{\"http01\":{\"external\":{}}}]"
#define SHARED ",\"solvers\":[{\"http01\":{\"shared\":{}}}]"
#define NONE "{\"items\":[]}"
#define ROUTED "{\"items\":[{\"spec\":{\"rules\":[{\"host\":\"a.test\"}]}}]}"
#define BEFORE "\"judgedBy\":{\"uid\":\"i\",\"generation\":7},"
#define ANOTHER "\"judgedBy\":{\"uid\":\"i0\"},"

/* A placed order for a.test; judged: the member of its status with a comma. Its text, owned. */
static char *order_text(const char *version, const char *judged)
{
    const char *const names[] = {"a.test", NULL};
    auto_free char *csr = budget_make_csr(names);
    return x_printf("{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                    "\"resourceVersion\":\"%s\"," ACME_OWNED(
                        "CertificateRequest", "web-1",
                        "r") "},\"spec\":{\"request\":\"%s\"," ACME_REF
                             "},\"status\":{%s\"state\":\"pending\",\"url\":\"" ACME_CA
                             "/order/1\",\"authorizations\":[{\"url\":\"" ACME_CA "/authz/1\"}]}}",
                    version, csr, judged);
}

static void open_placed(struct scene *s, const char *solvers, const char *judged)
{
    scene_open(s);
    acme_scene_issuer(s, solvers);
    auto_free char *order = order_text("2", judged);
    json_auto_t *json = NULL;
    expect_ok(json_parse(order, strlen(order), &json));
    auto_free char *request =
        x_printf("{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
                 "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"%s\"," ACME_REF "}}",
                 JSTR(json, "spec", "request"));
    scene_put(&s->env->requests, request);
    scene_put(&s->env->orders, order);
}

static void plan_routes(struct scene *s, const char *ingresses)
{
    scripted_plan(&s->world, NETWORKING, 200, ingresses);
    scripted_plan(&s->world, GATEWAY "httproutes", 404, "{}");
    scripted_plan(&s->world, GATEWAY "gateways", 404, "{}");
    scripted_plan(&s->world, GATEWAY "listenersets", 404, "{}");
}

static struct err *reconcile(struct scene *s, int64_t *ret_next)
{
    static const struct object_name name = {.ns = "shop", .name = "o"};
    *ret_next = 0;
    return order_reconcile((void *)(uintptr_t)s->env, &name, ret_next);
}

/* What a pass wrote, which writes the status once; and then, when the order is given up at the CA, is done. Owned. */
static json_t *pass(struct scene *s, bool gives_up)
{
    int64_t next = 0;
    auto_free char *answer = order_text("3", "");
    scripted_plan(&s->world, STATUS, 200, answer);
    if (gives_up) {
        acme_scene_directory(s, "");
        acme_scene_post(s, "/authz/1", 200, "",
                        "{\"status\":\"deactivated\",\"identifier\":{\"type\":\"dns\",\"value\":"
                        "\"a.test\"},\"challenges\":[]}");
    }
    expect_ok(reconcile(s, &next));
    json_auto_t *sent = scripted_json(&s->world, s->world.done - (gives_up ? 4 : 1));
    return json_copy_deep(JGET(sent, "status"));
}

/* External needs no grant of a namespace's own account; what is put in its place does. */
static void a_solver_that_needs_a_grant_is_not_slipped_in(void **state)
{
    (void)state;
    static const char *const judged[] = {BEFORE, ANOTHER};
    for (size_t i = 0; i < ARRAY_LEN(judged); i++) {
        SCENE s = {0};
        open_placed(&s, SHARED, judged[i]);
        plan_routes(&s, NONE);
        json_auto_t *status = pass(&s, true);
        assert_string_equal(JSTR(status, "state"), "invalid");
        assert_non_null(strstr(JSTR(status, "reason"), "the issuer was changed: NameNotAllowed: "
                                                       "a.test: no Ingress"));
    }
}

static void what_may_be_is_judged_once_more(void **state)
{
    (void)state;
    static const struct {
        const char *solvers, *routes;
    } rows[] = {{SHARED, ROUTED}, {EXTERNAL, NULL}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        open_placed(&s, rows[i].solvers, BEFORE);
        if (rows[i].routes != NULL)
            plan_routes(&s, rows[i].routes);
        json_auto_t *status = pass(&s, false);
        assert_string_equal(JSTR(status, "state"), "pending");
        assert_string_equal(JSTR(status, "judgedBy", "uid"), "i");
        assert_int_equal(JINT(status, 0, "judgedBy", "generation"), 0);
    }
}

/* Nor is it where an earlier version had placed the order. */
static void what_was_judged_is_not_judged_again(void **state)
{
    (void)state;
    static const char *const judged[] = {"\"judgedBy\":{\"uid\":\"i\"},", ""};
    for (size_t i = 0; i < ARRAY_LEN(judged); i++) {
        SCENE s = {0};
        int64_t next = 0;
        open_placed(&s, SHARED, judged[i]);
        acme_scene_directory(&s, "");
        acme_scene_post(&s, "/authz/1", 503, "", "{}");
        expect_err(reconcile(&s, &next), ERR_TRANSIENT, NULL, "authz/1");
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
        cmocka_unit_test(a_solver_that_needs_a_grant_is_not_slipped_in),
        cmocka_unit_test(what_may_be_is_judged_once_more),
        cmocka_unit_test(what_was_judged_is_not_judged_again),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
