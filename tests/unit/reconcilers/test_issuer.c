/* SPDX-License-Identifier: Apache-2.0 */
/* What makes an issuer unusable before its CA is asked. */
#include "reconcilers/issuer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "support/scripted_kube.h"

#define STATUS "PUT https://api/apis/certroll.dev/v1/namespaces/shop/issuers/acme/status"
#define SOLVERS                                                                                    \
    ",\"solvers\":[{\"http01\":{\"ingress\":{}}},{\"dns01\":{\"challengeType\":\"dns-account-"     \
    "01\","                                                                                        \
    "\"cloudflare\":{\"apiTokenSecretRef\":{\"name\":\"cf\",\"key\":\"token\"}}}}]"

static void reconcile(struct scene *s)
{
    static const struct object_name name = {.ns = "shop", .name = "acme"};
    int64_t next = 0;
    expect_ok(issuer_reconcile((void *)(uintptr_t)s->env, &name, &next));
}

/* It was Ready when the feature was on: nothing of that stays, and it is told once. */
static void a_solver_that_is_off_makes_it_unusable(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    acme_scene_issuer(&s, SOLVERS);
    s.world.done = s.world.planned; /* the account's key is not read */
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s.env->issuers.cache, "shop", "acme");
    json_auto_t *text = bind_encode(&issuer_table, issuer);
    auto_free char *answer = NULL;
    expect_ok(json_to_string(text, 10000, &answer));
    scripted_plan(&s.world, STATUS, 200, answer);
    reconcile(&s);
    json_auto_t *sent = scripted_json(&s.world, s.world.done - 1);
    const json_t *ready = JGET(sent, "status", "conditions", "0");
    assert_string_equal(JSTR(ready, "status"), "False");
    assert_string_equal(JSTR(ready, "reason"), "InvalidSolver");
    assert_non_null(
        strstr(JSTR(ready, "message"), "spec.acme.solvers[1]: dns-account-01 is alpha"));
    assert_string_equal(JSTR(sent, "status", "acme", "uri"), ACME_ACCOUNT); /* which stays */
    assert_int_equal(s.told, 1);
    auto_free char *told = NULL;
    json_put_str(JGET(text, "metadata"), "resourceVersion", "9");
    json_put(text, "status", json_copy_deep(JGET(sent, "status")));
    expect_ok(json_to_string(text, 10000, &told));
    scene_put(&s.env->issuers, told);
    reconcile(&s); /* nothing is written */
    assert_int_equal(s.told, 1);
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
        cmocka_unit_test(a_solver_that_is_off_makes_it_unusable),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
