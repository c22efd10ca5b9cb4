/* SPDX-License-Identifier: Apache-2.0 */
/* What a start finds in Orders whose surroundings have changed since. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "budget_scene.h"
#include "reconciler_scene.h"
#include "reconcilers/order_budget.h"
#include "support/scripted_kube.h"

#define MAP_URL "https://api/api/v1/namespaces/certroll/configmaps/certroll-budgets"

/* The issuer was changed and the request made anew under its name, for an issuer that knows no orders. */
static void an_order_counts_for_the_issuer_that_placed_it(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    budget_put_issuer(&s, "https://ca.test/dir",
                      "\"ordersPerAccount\":{\"count\":9,\"period\":\"2160h\"}");
    scene_put(&s.env->issuers, "{\"metadata\":{\"name\":\"self\",\"namespace\":\"shop\",\"uid\":"
                               "\"self\",\"resourceVersion\":\"2\"},\"spec\":{\"selfSigned\":{}}}");
    scene_put(&s.env->requests,
              "{\"metadata\":{\"name\":\"web-2\",\"namespace\":\"shop\",\"uid\":\"anew\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"\",\"issuerRef\":{\"name\":"
              "\"self\"}}}");
    budget_put_order(&s, "o", 5, "\"state\":\"valid\",\"placedTime\":\"2025-12-31T00:00:00Z\"");
    scripted_plan(&s.world, "GET " MAP_URL, 404, "{}");
    scripted_plan(&s.world, "PATCH " MAP_URL, 200, "{}");
    int64_t next = 0;
    expect_ok(budget_store_reconcile((void *)(uintptr_t)s.env,
                                     &(struct object_name){.name = "budgets"}, &next));
    char key[BUDGET_KEY_MAX];
    budget_key("https://ca.test/account/1", "all", key);
    const struct budget_need need = {
        .kind = BUDGET_ORDERS, .key = key, .limit = {9, 90 * NS_PER_DAY}};
    assert_int_equal(budgets_left(s.env->budgets, &need), 8);
}

static int make_csr(void **state)
{
    (void)state;
    scene_prepare();
    budget_csr = budget_make_csr((const char *const[]){"b.test", NULL});
    return 0;
}

static int free_csr(void **state)
{
    (void)state;
    free(budget_csr);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_counts_for_the_issuer_that_placed_it),
    };
    return cmocka_run_group_tests(tests, make_csr, free_csr);
}
