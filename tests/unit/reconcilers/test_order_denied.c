/* SPDX-License-Identifier: Apache-2.0 */
/* Rights are given, and quotas raised, a minute later: that is worth no attempt at the CA. */
#include "reconcilers/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "support/scripted_kube.h"

#define OBJECT "https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o"
#define STATUS "PUT " OBJECT "/status"
#define INGRESS                                                                                    \
    "PATCH https://api/apis/networking.k8s.io/v1/namespaces/shop/ingresses/"                       \
    "o?fieldManager=certroll-http01&force=true"

static void put_order(struct scene *s, int version, const char *status)
{
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\",\"resourceVersion\":"
        "\"%d\"," ACME_OWNED("CertificateRequest", "web-1",
                             "r") "},\"spec\":{\"request\":\"" ACME_CSR "\"," ACME_REF
                                  "},\"status\":%s}",
        version, status);
    scene_put(&s->env->orders, text);
}

/* An order whose one name is to be proven: its route is made next. */
static void open_pending(struct scene *s)
{
    scene_open(s);
    acme_scene_issuer(s, ",\"solvers\":[{\"http01\":{\"ingress\":{}}}]");
    scene_put(&s->env->requests,
              "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"" ACME_CSR "\"," ACME_REF "}}");
    put_order(s, 2,
              "{\"state\":\"pending\",\"url\":\"" ACME_CA "/order/1\",\"authorizations\":[{"
              "\"url\":\"" ACME_CA "/authz/1\"}]}");
    scene_put(&s->env->challenges,
              "{\"metadata\":{\"name\":\"" ACME_CHALLENGE "\",\"namespace\":\"shop\",\"uid\":\"c\","
              "\"resourceVersion\":\"2\"," ACME_OWNED(
                  "Order", "o",
                  "o") "},\"spec\":{\"url\":\"" ACME_CA "/c\",\"authorizationURL\":\"" ACME_CA
                       "/authz/1\",\"dnsName\":\"a.test\",\"type\":\"HTTP-01\",\"token\":\"t\","
                       "\"key\":\"k\",\"solver\":{}," ACME_REF "}}");
}

static void reconcile(struct scene *s, enum err_kind kind)
{
    static const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    expect_err(order_reconcile((void *)(uintptr_t)s->env, &name, &next), kind, NULL, NULL);
}

/* Twice: a 401 is asked again with another token. Told in the words of the first time. */
static void a_right_that_lacks_is_told_once(void **state)
{
    (void)state;
    static const int statuses[] = {403, 401};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        SCENE s = {0};
        open_pending(&s);
        for (int n = statuses[i] == 401 ? 0 : 1; n < 2; n++)
            scripted_plan(&s.world, INGRESS, statuses[i], "{\"message\":\"used 9 of 9\"}");
        scripted_plan(&s.world, STATUS, 500, "{}"); /* that may fail */
        scripted_plan(&s.world, "GET " OBJECT, 503, "{}");
        reconcile(&s, ERR_DENIED);
        json_auto_t *sent = scripted_json(&s.world, s.world.done - 2);
        const char *told = JSTR(sent, "status", "reason");
        assert_string_equal(JSTR(sent, "status", "state"), "pending");
        assert_non_null(strstr(told, "Kubernetes does not allow it"));
        assert_non_null(strstr(told, "used 9 of 9"));
        json_auto_t *status = json_copy_deep(JGET(sent, "status"));
        auto_free char *text = NULL;
        expect_ok(json_to_string(status, 4096, &text));
        put_order(&s, 3, text);
        for (int n = statuses[i] == 401 ? 0 : 1; n < 2; n++)
            scripted_plan(&s.world, INGRESS, statuses[i], "{\"message\":\"used 8 of 8\"}");
        reconcile(&s, ERR_DENIED);
    }
}

static void what_passes_is_not_told(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum err_kind kind;
    } rows[] = {{404, ERR_NOT_FOUND}, {409, ERR_CONFLICT}, {429, ERR_RATE_LIMITED}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        open_pending(&s);
        scripted_plan(&s.world, INGRESS, rows[i].status, "{}");
        reconcile(&s, rows[i].kind);
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
        cmocka_unit_test(a_right_that_lacks_is_told_once),
        cmocka_unit_test(what_passes_is_not_told),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
