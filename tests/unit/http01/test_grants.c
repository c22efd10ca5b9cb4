/* SPDX-License-Identifier: Apache-2.0 */
/* One ReferenceGrant for each namespace: made once, mended, removed when nobody needs it, found again. */
#include "http01/grants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/group.h"
#include "base/mem.h"
#include "responder_world.h"
#include "support/scripted_kube.h"

#define GRANTS                                                                                     \
    "https://api/apis/gateway.networking.k8s.io/v1beta1/namespaces/certroll/referencegrants"
#define OURS "?limit=500&labelSelector=acme.certroll.dev%2Fhttp01-solver%3Dtrue"
#define LOOK(ns) "GET " GRANTS OURS "%2Ccertroll.dev%2Fhttp01-grant%3D" ns
#define APPLY(ns) "PATCH " GRANTS "/certroll-http01-from-" ns
#define DELETE(ns) "DELETE " GRANTS "/certroll-http01-from-" ns
#define NONE "{\"items\":[]}"
#define LINGER (2 * NS_PER_MIN)

/* {"items":[GRANT]} with what http01_reference_grant() makes. */
static char *there(const struct world *w, const char *ns, const char *more)
{
    json_auto_t *grant = http01_reference_grant(&w->env.responder, ns);
    json_auto_t *patch = parsed(more);
    json_merge_patch(grant, patch);
    auto_free char *text = NULL;
    expect_ok(json_to_string(grant, 4096, &text));
    return x_printf("{\"items\":[%s]}", text);
}

static void make(struct world *w)
{
    scripted_plan(&w->script, LOOK("shop"), 200, NONE);
    scripted_plan(&w->script, APPLY("shop"), 201, "{}");
    expect_ok(http01_grant_need(&w->env, "shop"));
}

static int64_t sweep(struct world *w)
{
    int64_t next = 0;
    expect_ok(http01_grants_sweep(&w->env, LINGER, &next));
    return next;
}

static void it_lets_one_namespace_lead_to_one_service(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    make(&w);
    json_auto_t *sent = scripted_json(&w.script, 1);
    assert_string_equal(JSTR(sent, "metadata", "labels", HTTP01_GRANT), "shop");
    assert_string_equal(JSTR(sent, "metadata", "labels", api_names()->http01_solver), "true");
    assert_null(JGET(sent, "metadata", "ownerReferences"));
    json_auto_t *spec =
        parsed("{\"from\":[{\"group\":\"gateway.networking.k8s.io\",\"kind\":\"HTTPRoute\","
               "\"namespace\":\"shop\"}],"
               "\"to\":[{\"group\":\"\",\"kind\":\"Service\",\"name\":\"certroll-http01\"}]}");
    assert_true(json_same(JGET(sent, "spec"), spec));
}

static void a_thousand_orders_write_it_once(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    make(&w);
    for (int i = 0; i < 1000; i++)
        expect_ok(http01_grant_need(&w.env, "shop"));
    clock_manual_advance(&w.hands, 5 * NS_PER_SEC);
    auto_free char *items = there(&w, "shop", "{}");
    scripted_plan(&w.script, LOOK("shop"), 200, items);
    expect_ok(http01_grant_need(&w.env, "shop"));
    expect_ok(http01_grant_need(&w.env, "shop"));
    /* Another namespace's is another one. */
    scripted_plan(&w.script, LOOK("mail"), 200, NONE);
    scripted_plan(&w.script, APPLY("mail"), 201, "{}");
    expect_ok(http01_grant_need(&w.env, "mail"));
}

static void what_is_not_as_it_has_to_be_is_mended(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "{\"spec\":{\"to\":[{\"group\":\"\",\"kind\":\"Service\",\"name\":\"elsewhere\"}]}}",
        "{\"spec\":{\"from\":[]}}", "{\"metadata\":{\"name\":\"by-hand\"}}",
        "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}"};
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        WORLD w = {0};
        world_open(&w);
        auto_free char *items = there(&w, "shop", changes[i]);
        scripted_plan(&w.script, LOOK("shop"), 200, items);
        scripted_plan(&w.script, APPLY("shop"), 200, "{}");
        expect_ok(http01_grant_need(&w.env, "shop"));
    }
}

static void a_failed_look_is_looked_again(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, LOOK("shop"), 500, "{}");
    expect_err(http01_grant_need(&w.env, "shop"), ERR_TRANSIENT, NULL, NULL);
    scripted_plan(&w.script, LOOK("shop"), 200, NONE);
    scripted_plan(&w.script, APPLY("shop"), 500, "{}");
    expect_err(http01_grant_need(&w.env, "shop"), ERR_TRANSIENT, NULL, NULL);
    make(&w);
}

static void it_goes_when_nobody_has_needed_it_for_a_while(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    assert_int_equal(sweep(&w), 0);
    make(&w);
    assert_int_equal(sweep(&w), clock_wall(&w.hands.clock) + LINGER);
    clock_manual_advance(&w.hands, LINGER - 4 * NS_PER_SEC);
    auto_free char *items = there(&w, "shop", "{}");
    scripted_plan(&w.script, LOOK("shop"), 200, items);
    expect_ok(http01_grant_need(&w.env, "shop"));
    clock_manual_advance(&w.hands, 4 * NS_PER_SEC);
    assert_int_equal(sweep(&w), clock_wall(&w.hands.clock) + LINGER - 4 * NS_PER_SEC);
    clock_manual_advance(&w.hands, LINGER);
    int64_t next = 0;
    scripted_plan(&w.script, DELETE("shop"), 500, "{}");
    expect_err(http01_grants_sweep(&w.env, LINGER, &next), ERR_TRANSIENT, NULL, "from-shop");
    scripted_plan(&w.script, DELETE("shop"), 404, "{}");
    assert_int_equal(sweep(&w), 0);
    make(&w);
}

/* A wall clock that jumps, by an hour either way, is not a while. */
static void clocks_that_jump_change_nothing(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    make(&w);
    w.hands.wall_ns += NS_PER_HOUR;
    assert_int_equal(sweep(&w), clock_wall(&w.hands.clock) + LINGER);
    w.hands.wall_ns -= 2 * NS_PER_HOUR;
    assert_int_equal(sweep(&w), clock_wall(&w.hands.clock) + LINGER);
}

static void what_an_earlier_process_left_goes_too(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    auto_free char *items = there(&w, "shop", "{}");
    scripted_plan(&w.script, "GET " GRANTS OURS, 200, items);
    expect_ok(http01_grants_adopt(&w.env));
    assert_int_equal(sweep(&w), clock_wall(&w.hands.clock) + LINGER);
    /* Found again, it is as old as before. */
    clock_manual_advance(&w.hands, LINGER);
    scripted_plan(&w.script, "GET " GRANTS OURS, 200, items);
    expect_ok(http01_grants_adopt(&w.env));
    scripted_plan(&w.script, DELETE("shop"), 200, "{}");
    assert_int_equal(sweep(&w), 0);
    w.env.responder.ns = NULL;
    expect_ok(http01_grants_adopt(&w.env));
}

static void without_the_kind_or_rights_none_is_there(void **state)
{
    (void)state;
    for (int status = 403; status <= 404; status++) {
        WORLD w = {0};
        world_open(&w);
        scripted_plan(&w.script, "GET " GRANTS OURS, status, "{}");
        expect_ok(http01_grants_adopt(&w.env));
        make(&w);
        clock_manual_advance(&w.hands, LINGER);
        scripted_plan(&w.script, DELETE("shop"), status, "{}");
        assert_int_equal(sweep(&w), 0);
    }
}

/* ---- while a call is under way ---- */

struct meanwhile {
    struct world *w;
    struct http_transport real;
    size_t at; /* before the answer to which request */
};

static struct err *call_and_need(void *ctx, const struct http_request *req, const struct stop *stop,
                                 struct http_response *ret_response)
{
    struct meanwhile *m = ctx;
    struct err *e = http_call(&m->real, req, stop, ret_response);
    if (m->w->script.done != m->at)
        return e;
    m->at = 0; /* once */
    expect_ok(http01_grant_need(&m->w->env, "shop"));
    return e;
}

static void need_meanwhile(struct meanwhile *m, struct world *w, size_t at)
{
    *m = (struct meanwhile){.w = w, .real = w->script.transport, .at = at};
    w->script.transport = (struct http_transport){.call = call_and_need, .ctx = m};
}

static void one_thread_looks_for_all(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    struct meanwhile m;
    need_meanwhile(&m, &w, 1);
    make(&w);
}

static void what_is_needed_while_it_goes_comes_back(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    make(&w);
    clock_manual_advance(&w.hands, LINGER);
    struct meanwhile m;
    need_meanwhile(&m, &w, 3);
    scripted_plan(&w.script, DELETE("shop"), 200, "{}");
    auto_free char *items = there(&w, "shop", "{}");
    scripted_plan(&w.script, LOOK("shop"), 200, items); /* read before it was gone */
    scripted_plan(&w.script, LOOK("shop"), 200, NONE);
    scripted_plan(&w.script, APPLY("shop"), 201, "{}");
    sweep(&w);
    assert_int_equal(sweep(&w), clock_wall(&w.hands.clock) + LINGER);
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_lets_one_namespace_lead_to_one_service),
        cmocka_unit_test(a_thousand_orders_write_it_once),
        cmocka_unit_test(what_is_not_as_it_has_to_be_is_mended),
        cmocka_unit_test(a_failed_look_is_looked_again),
        cmocka_unit_test(it_goes_when_nobody_has_needed_it_for_a_while),
        cmocka_unit_test(clocks_that_jump_change_nothing),
        cmocka_unit_test(what_an_earlier_process_left_goes_too),
        cmocka_unit_test(without_the_kind_or_rights_none_is_there),
        cmocka_unit_test(one_thread_looks_for_all),
        cmocka_unit_test(what_is_needed_while_it_goes_comes_back),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
