/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limits around an order: how it waits, what comes back, what outlives a crash. */
#include "reconcilers/order_budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "budget_scene.h"
#include "kube/workqueue.h"
#include "leaf_scene.h"
#include "reconciler_scene.h"
#include "reconcilers/order_recall.h"
#include "support/scripted_kube.h"

#define MAP_URL "https://api/api/v1/namespaces/certroll/configmaps/certroll-budgets"
#define OTHER "https://ca.test/dir"

/* ---- objects ---- */

static const struct object_name only = {.name = "budgets"};

static struct err *keep(struct scene *s, int64_t *ret_next)
{
    *ret_next = 0;
    return budget_store_reconcile((void *)(uintptr_t)s->env, &only, ret_next);
}

/* As after a start with nothing stored. */
static void load_nothing(struct scene *s)
{
    int64_t next = 0;
    scripted_plan(&s->world, "GET " MAP_URL, 404, "{}");
    expect_ok(keep(s, &next));
    assert_int_equal(next, 0);
}

/* ---- the step ---- */

struct step {
    struct order_pass p;
    const struct order *order;
};

static void step_open(struct scene *s, struct step *t, const char *uid, const char *status)
{
    auto_free char *text = budget_order_text(uid, 5, status);
    t->order = scene_object(&kind_order, text);
    t->p = (struct order_pass){.env = s->env,
                               .order = t->order,
                               .now = clock_wall(&s->hands.clock),
                               .status = t->order->status};
    t->p.chain.issuer = cache_peek(s->env->issuers.cache, "shop", "ca");
    t->p.chain.request = cache_peek(s->env->requests.cache, "shop", "web-2");
}

static void step_close(struct step *t)
{
    for (size_t i = 0; i < ARRAY_LEN(t->p.owned); i++)
        free(t->p.owned[i]);
    object_unref(t->p.chain.issuer);
    object_unref(t->p.chain.request);
    object_unref(t->order);
}
#define STEP __attribute__((cleanup(step_close))) struct step

#define ONE_AN_HOUR "\"ordersPerAccount\":{\"count\":1,\"period\":\"1h\"}"

static void who_has_to_wait_says_for_what(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    load_nothing(&s);
    budget_put_issuer(&s, OTHER, ONE_AN_HOUR);
    budget_put_request(&s, 2, budget_csr, "");
    STEP first = {0}, second = {0}, again = {0};
    step_open(&s, &first, "first", "");
    expect_ok(ensure_budget(&first.p));
    assert_false(first.p.stop);
    step_open(&s, &second, "second", "");
    expect_ok(ensure_budget(&second.p));
    assert_true(second.p.stop);
    assert_int_equal(second.p.next, SCENE_NOW + 10 * NS_PER_MIN);
    assert_string_equal(second.p.status.waiting.reason, "BudgetExhausted");
    assert_int_equal(second.p.status.waiting.until, SCENE_NOW + NS_PER_HOUR);
    assert_string_equal(second.p.status.reason,
                        "the CA's rate limit ordersPerAccount (1 in 1h0m0s) leaves none now");
    assert_string_equal(second.p.status.next_action,
                        "the order to be placed at about 2026-01-01T01:00:00Z");
    /* What was told stands until its time: nothing is written anew. */
    clock_manual_advance(&s.hands, 10 * NS_PER_MIN);
    step_open(&s, &again, "second",
              "\"reason\":\"told\",\"waiting\":{\"reason\":\"BudgetExhausted\",\"until\":"
              "\"2026-01-01T00:30:00Z\"}");
    expect_ok(ensure_budget(&again.p));
    assert_true(again.p.stop);
    assert_string_equal(again.p.status.reason, "told");
    assert_int_equal(again.p.status.waiting.until, SCENE_NOW + 30 * NS_PER_MIN);
}

static void who_may_go_says_nothing_more(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    load_nothing(&s);
    budget_put_issuer(&s, OTHER, ONE_AN_HOUR);
    budget_put_request(&s, 2, budget_csr, "");
    STEP t = {0};
    step_open(&s, &t, "o",
              "\"reason\":\"told\",\"nextAction\":\"told\",\"waiting\":{\"reason\":"
              "\"BudgetExhausted\",\"until\":\"2026-01-01T00:30:00Z\"}");
    expect_ok(ensure_budget(&t.p));
    assert_false(t.p.stop);
    assert_null(t.p.status.reason);
    assert_null(t.p.status.next_action);
    assert_null(t.p.status.waiting.reason);
}

static void the_days_cap_has_its_own_reason(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    load_nothing(&s);
    budget_put_issuer(&s, OTHER, "\"maxIssuancesPerDay\":1");
    budget_put_request(&s, 2, budget_csr, "");
    STEP first = {0}, second = {0};
    step_open(&s, &first, "first", "");
    expect_ok(ensure_budget(&first.p));
    step_open(&s, &second, "second", "");
    expect_ok(ensure_budget(&second.p));
    assert_string_equal(second.p.status.waiting.reason, "DailyCapReached");
    assert_string_equal(second.p.status.reason,
                        "maxIssuancesPerDay of issuer ca is reached: 1 a day (UTC)");
    assert_int_equal(second.p.status.waiting.until, SCENE_NOW + NS_PER_DAY);
}

/* ---- refusals ---- */

#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status"
#define PAUSED_URL "https://portal.test/sfe/v1/unpause?jwt=a.b.c"

static void a_refusal_is_shown_with_its_time(void **state)
{
    (void)state;
    static const struct {
        const char *detail;
        int64_t retry_at, until;
        const char *reason, *starts, *next_action;
    } rows[] = {
        {"rateLimited: too many", SCENE_NOW + 5 * NS_PER_MIN, SCENE_NOW + 5 * NS_PER_MIN,
         "RateLimited", "rateLimited: too many",
         "the CA to be asked again at about 2026-01-01T00:05:00Z"},
        {"rateLimited: prevented for a.test. Please visit: " PAUSED_URL, 0, SCENE_NOW + NS_PER_HOUR,
         "Paused", "paused by the CA: visit " PAUSED_URL " (", "somebody to visit " PAUSED_URL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        load_nothing(&s);
        budget_put_issuer(&s, OTHER, ONE_AN_HOUR);
        budget_put_request(&s, 2, budget_csr, "");
        auto_free char *answer = budget_order_text("o", 6, "");
        scripted_plan(&s.world, STATUS, 200, answer);
        STEP t = {0};
        step_open(&s, &t, "o", "");
        expect_ok(ensure_budget(&t.p));
        struct err *e = err_new(ERR_RATE_LIMITED, "RateLimited", "%s", rows[i].detail);
        e->retry_at = rows[i].retry_at;
        AUTO_ERR shown = budget_failed(&t.p, e);
        assert_int_equal(shown->retry_at, rows[i].until);
        json_auto_t *sent = scripted_json(&s.world, 1);
        assert_string_equal(JSTR(sent, "status", "waiting", "reason"), rows[i].reason);
        assert_true(str_starts(JSTR(sent, "status", "reason"), rows[i].starts));
        assert_string_equal(JSTR(sent, "status", "nextAction"), rows[i].next_action);
    }
}

/* Whoever may not go for another reason, perhaps for long, takes no place from others; who is placed has it, and the CA
 * may have counted what it has not answered. */
static void who_may_not_go_holds_up_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *failed;
        bool others_go;
    } rows[] = {
        {NULL, NULL, true},
        {NULL, "ConnectFailed", true},
        {NULL, "Timeout", false},
        {"https://ca.test/order/1", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        load_nothing(&s);
        budget_put_issuer(&s, OTHER, ONE_AN_HOUR);
        budget_put_request(&s, 2, budget_csr, "");
        STEP first = {0}, other = {0};
        step_open(&s, &first, "first", "");
        expect_ok(ensure_budget(&first.p));
        assert_false(first.p.stop);
        if (rows[i].url != NULL)
            memo_set_text(s.env->placed, "first", rows[i].url);
        AUTO_ERR failed =
            rows[i].failed != NULL ? err_new(ERR_TRANSIENT, rows[i].failed, "x") : NULL;
        if (failed != NULL)
            order_recall_note(&first.p, failed);
        budget_give_way(&first.p);
        step_open(&s, &other, "other", "");
        expect_ok(ensure_budget(&other.p));
        assert_int_equal(!other.p.stop, rows[i].others_go);
    }
}

/* Its end was heard before it was granted. */
static void what_is_removed_during_its_pass_gives_back(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    load_nothing(&s);
    budget_put_issuer(&s, OTHER, ONE_AN_HOUR);
    budget_put_request(&s, 2, budget_csr, "");
    STEP gone = {0}, waits = {0}, goes = {0};
    budget_put_order(&s, "gone", 5, "");
    step_open(&s, &gone, "gone", "");
    expect_ok(ensure_budget(&gone.p));
    budget_end_pass(&gone.p);
    step_open(&s, &waits, "waits", "");
    expect_ok(ensure_budget(&waits.p));
    assert_true(waits.p.stop);
    AUTO_OBJECT(struct order)
    order =
        cache_peek(s.env->orders.cache, gone.order->obj.meta.namespace, gone.order->obj.meta.name);
    cache_delete(s.env->orders.cache, order);
    budget_end_pass(&gone.p);
    clock_manual_advance(&s.hands, NS_PER_SEC);
    step_open(&s, &goes, "waits", "");
    expect_ok(ensure_budget(&goes.p));
    assert_false(goes.p.stop);
}

/* Whether a lost answer was an order, order_recall.c finds out. */
static void other_failures_pass_through(void **state)
{
    (void)state;
    static const struct {
        enum err_kind kind;
        const char *reason;
    } rows[] = {
        {ERR_TRANSIENT, "ConnectFailed"},
        {ERR_TRANSIENT, "Timeout"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        load_nothing(&s);
        budget_put_issuer(&s, OTHER, ONE_AN_HOUR);
        budget_put_request(&s, 2, budget_csr, "");
        STEP t = {0}, again = {0};
        step_open(&s, &t, "o", "");
        expect_ok(ensure_budget(&t.p));
        AUTO_ERR e = budget_failed(&t.p, err_new(rows[i].kind, rows[i].reason, "x"));
        assert_string_equal(e->reason, rows[i].reason);
        step_open(&s, &again, "o", "");
        expect_ok(ensure_budget(&again.p));
        assert_false(again.p.stop); /* without asking anew */
    }
}

/* ---- what came of it ---- */

static int64_t left(struct scene *s, enum budget_kind kind, int64_t count, const char *name)
{
    char key[BUDGET_KEY_MAX], scope[BUDGET_SCOPE_MAX];
    const struct budget_limit limit = {count, 90 * NS_PER_DAY};
    budget_scope("ca.test", kind, limit, scope);
    if (kind == BUDGET_DOMAIN)
        budget_key(scope, name, key);
    else
        budget_key("https://ca.test/account/1", kind == BUDGET_ORDERS ? "all" : name, key);
    const struct budget_need need = {.kind = kind, .key = key, .limit = limit};
    return budgets_left(s->env->budgets, &need);
}

#define LIMITS                                                                                     \
    "\"ordersPerAccount\":{\"count\":9,\"period\":\"2160h\"},\"failedAuthorizations\":{\"count\":" \
    "9,\"period\":\"2160h\"},\"certificatesPerRegisteredDomain\":{\"count\":9,\"period\":"         \
    "\"2160h\"}"

static void the_end_of_an_order_is_heard(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        int64_t orders, domain;
    } rows[] = {{"valid", 8, 8}, {"invalid", 8, 9}, {"errored", 8, 9}, {"ready", 8, 8}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        load_nothing(&s);
        budget_put_issuer(&s, OTHER, LIMITS);
        budget_put_request(&s, 2, budget_csr, "");
        budget_put_order(&s, "o", 5, "");
        STEP t = {0};
        step_open(&s, &t, "o", "");
        expect_ok(ensure_budget(&t.p));
        auto_free char *status =
            x_printf("\"url\":\"https://ca.test/o/1\",\"state\":\"%s\"", rows[i].state);
        budget_put_order(&s, "o", 6, status);
        assert_int_equal(left(&s, BUDGET_ORDERS, 9, NULL), rows[i].orders);
        assert_int_equal(left(&s, BUDGET_DOMAIN, 9, "b.test"), rows[i].domain);
    }
}

/* What the CA has made is counted, also when the Order was deleted before its URL got into status. */
static void what_was_placed_stays_counted(void **state)
{
    (void)state;
    for (int placed = 0; placed <= 1; placed++) {
        SCENE s = {0};
        scene_open(&s);
        load_nothing(&s);
        budget_put_issuer(&s, OTHER, LIMITS);
        budget_put_request(&s, 2, budget_csr, "");
        budget_put_order(&s, "o", 5, "");
        STEP t = {0};
        step_open(&s, &t, "o", "");
        expect_ok(ensure_budget(&t.p));
        if (placed != 0)
            memo_set_text(s.env->placed, "o", "https://ca.test/o/1");
        AUTO_OBJECT(struct order) o = cache_peek(s.env->orders.cache, "shop", "o");
        cache_delete(s.env->orders.cache, o);
        assert_int_equal(left(&s, BUDGET_ORDERS, 9, NULL), placed != 0 ? 8 : 9);
    }
}

static void put_challenge(struct scene *s, int version, const char *state)
{
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"c\",\"namespace\":\"shop\",\"uid\":\"c\",\"resourceVersion\":"
        "\"%d\"},\"spec\":{\"url\":\"https://c\",\"authorizationURL\":\"https://z\",\"dnsName\":"
        "\"b.test\",\"type\":\"HTTP-01\",\"token\":\"t\",\"key\":\"k\",\"solver\":{},\"issuerRef\":"
        "{\"name\":\"ca\"}},\"status\":{\"state\":\"%s\"}}",
        version, state);
    scene_put(&s->env->challenges, text);
}

static void a_failed_challenge_counts_once(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    load_nothing(&s);
    budget_put_issuer(&s, OTHER, LIMITS);
    put_challenge(&s, 5, "pending");
    assert_int_equal(left(&s, BUDGET_FAILURES, 9, "b.test"), 9);
    put_challenge(&s, 6, "invalid");
    put_challenge(&s, 7, "invalid");
    assert_int_equal(left(&s, BUDGET_FAILURES, 9, "b.test"), 8);
    assert_int_equal(left(&s, BUDGET_FAILURES, 9, "a.test"), 9);
}

/* ---- beyond the process ---- */

static void it_is_stored_now_and_then(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    budget_put_issuer(&s, OTHER, LIMITS);
    budget_put_request(&s, 2, budget_csr, "");
    int64_t next = 0;
    STEP a = {0}, b = {0}, c = {0};
    step_open(&s, &a, "a", "");
    expect_ok(ensure_budget(&a.p));
    assert_true(a.p.stop); /* what was spent before is not known yet */
    assert_null(a.p.status.waiting.reason);
    expect_ok(budget_store(s.env)); /* nor overwritten */
    assert_int_equal(workqueue_len(controller_queue(s.env->controllers.budgets)), 1);
    load_nothing(&s);
    step_open(&s, &c, "a", "");
    expect_ok(ensure_budget(&c.p));
    assert_false(c.p.stop);
    expect_ok(keep(&s, &next)); /* nothing is spent before the CA has answered */
    assert_int_not_equal(budgets_placed(s.env->budgets, "a"), 0);
    scripted_plan(&s.world, "PATCH " MAP_URL, 200, "{}");
    expect_ok(keep(&s, &next));
    assert_int_equal(next, 0);
    step_open(&s, &b, "b", "");
    expect_ok(ensure_budget(&b.p));
    assert_int_not_equal(budgets_placed(s.env->budgets, "b"), 0);
    expect_ok(keep(&s, &next));
    assert_int_equal(next, SCENE_NOW + NS_PER_MIN);
    clock_manual_advance(&s.hands, NS_PER_MIN);
    scripted_plan(&s.world, "PATCH " MAP_URL, 500, "{}");
    scripted_plan(&s.world, "PATCH " MAP_URL, 200, "{}");
    struct err *e = budget_store(s.env);
    assert_true(err_is(e, ERR_TRANSIENT));
    err_free(e);
    expect_ok(budget_store(s.env));
    expect_ok(budget_store(s.env)); /* nothing is new */
    json_auto_t *sent = scripted_json(&s.world, 1);
    assert_string_equal(JSTR(sent, "metadata", "name"), "certroll-budgets");
    json_auto_t *spent = parsed(JSTR(sent, "data", "spent"));
    assert_int_equal(JINT(spent, 0, "at"), SCENE_NOW);
}

/* Of the certificate that the Certificate has. */
static void put_renewal(struct scene *s)
{
    LEAF leaf = {0};
    leaf_issue("DNS:b.test", SCENE_NOW + NS_PER_DAY, &leaf);
    auto_free char *status =
        x_printf("\"revision\":1,\"fingerprint\":\"%s\"", leaf.cert.fingerprint);
    budget_put_certificate(s, status);
    leaf_put_request(s, &(struct leaf_request){"shop", "web-1", "crt", "ca", NULL}, &leaf);
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"web-2\",\"namespace\":\"shop\",\"uid\":\"request2\","
        "\"resourceVersion\":\"2\",\"annotations\":{\"certroll.dev/replaces\":\"%s\"},"
        "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"Certificate\","
        "\"name\":\"web\",\"uid\":\"crt\",\"controller\":true}]},"
        "\"spec\":{\"request\":\"%s\",\"issuerRef\":{\"name\":\"ca\"}}}",
        leaf.cert.ari_id, budget_csr);
    scene_put(&s->env->requests, text);
}

/* The ConfigMap was written at midnight; what follows is in the Orders alone. */
static void what_the_text_lacks_is_in_the_orders(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    clock_manual_advance(&s.hands, NS_PER_HOUR);
    budget_put_issuer(&s, OTHER, LIMITS);
    budget_put_request(&s, 2, budget_csr, "");
    budget_put_order(&s, "stored", 5,
                     "\"state\":\"valid\",\"placedTime\":\"2025-12-31T23:59:59Z\"");
    budget_put_order(&s, "since", 5, "\"state\":\"valid\",\"placedTime\":\"2026-01-01T00:00:00Z\"");
    budget_put_order(
        &s, "failed", 5,
        "\"state\":\"invalid\",\"placedTime\":\"2026-01-01T00:01:00Z\",\"failureTime\":"
        "\"2026-01-01T00:02:00Z\"");
    budget_put_order(&s, "open", 5,
                     "\"state\":\"pending\",\"url\":\"u\",\"placedTime\":\"2025-12-31T23:00:00Z\"");
    budget_put_order(&s, "waits", 5, "");
    auto_free char *text =
        x_printf("{\"data\":{\"spent\":\"{\\\"version\\\":1,\\\"at\\\":%lld,"
                 "\\\"spent\\\":[[\\\"certificatesPerRegisteredDomain\\\","
                 "\\\"ca.test;9/2160h0m0s b.test\\\",%lld]]}\"}}",
                 (long long)SCENE_NOW, (long long)(SCENE_NOW + 239 * NS_PER_HOUR)); /* "open" */
    scripted_plan(&s.world, "GET " MAP_URL, 200, text);
    scripted_plan(&s.world, "PATCH " MAP_URL, 200, "{}"); /* at once: the text lacks something */
    int64_t next = 0;
    expect_ok(keep(&s, &next));
    assert_int_equal(left(&s, BUDGET_ORDERS, 9, NULL), 7);
    assert_int_equal(left(&s, BUDGET_DOMAIN, 9, "b.test"), 7);
    assert_int_equal(left(&s, BUDGET_FAILURES, 9, "b.test"), 8);
    /* The open one is settled when it fails: its certificate comes back. */
    budget_put_order(&s, "open", 6,
                     "\"state\":\"invalid\",\"url\":\"u\",\"placedTime\":\"2025-12-31T23:00:00Z\"");
    assert_int_equal(left(&s, BUDGET_DOMAIN, 9, "b.test"), 8);
}

/* What the CA was told when it was placed is not known any more: it is counted, and nothing but the day's cap is given
 * back that may never have been taken. */
static void what_may_have_replaced_is_counted(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    budget_put_issuer(&s, OTHER, LIMITS ",\"maxIssuancesPerDay\":7");
    put_renewal(&s);
    budget_put_order(&s, "open", 5,
                     "\"state\":\"pending\",\"url\":\"u\",\"placedTime\":\"2025-12-31T23:00:00Z\"");
    scripted_plan(&s.world, "GET " MAP_URL, 404, "{}");
    scripted_plan(&s.world, "PATCH " MAP_URL, 200, "{}");
    int64_t next = 0;
    expect_ok(keep(&s, &next));
    assert_int_equal(left(&s, BUDGET_ORDERS, 9, NULL), 8);
    assert_int_equal(left(&s, BUDGET_DOMAIN, 9, "b.test"), 8);
    budget_put_order(&s, "open", 6,
                     "\"state\":\"invalid\",\"url\":\"u\",\"placedTime\":\"2025-12-31T23:00:00Z\"");
    assert_int_equal(left(&s, BUDGET_DOMAIN, 9, "b.test"), 8);
}

static void without_a_text_the_orders_must_do(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
    } rows[] = {
        {404, "{}"}, {403, "{}"}, {200, "{}"}, {200, "{\"data\":{\"spent\":\"nonsense\"}}"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        budget_put_issuer(&s, OTHER, LIMITS);
        budget_put_request(&s, 2, budget_csr, "");
        budget_put_order(&s, "old", 5,
                         "\"state\":\"valid\",\"placedTime\":\"2025-06-01T00:00:00Z\"");
        budget_put_order(&s, "young", 5,
                         "\"state\":\"valid\",\"placedTime\":\"2025-12-31T00:00:00Z\"");
        scripted_plan(&s.world, "GET " MAP_URL, rows[i].status, rows[i].body);
        scripted_plan(&s.world, "PATCH " MAP_URL, 200, "{}");
        int64_t next = 0;
        expect_ok(keep(&s, &next));
        assert_int_equal(left(&s, BUDGET_ORDERS, 9, NULL), 8);
    }
    SCENE s = {0};
    scene_open(&s);
    scripted_plan(&s.world, "GET " MAP_URL, 500, "{}");
    int64_t next = 0;
    expect_err(keep(&s, &next), ERR_TRANSIENT, "InternalError", "what was spent");
}

static int make_csrs(void **state)
{
    (void)state;
    scene_prepare();
    budget_csr = budget_make_csr((const char *const[]){"*.a.co.uk", "b.test", "www.a.co.uk", NULL});
    return 0;
}

static int free_csrs(void **state)
{
    (void)state;
    free(budget_csr);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_to_wait_says_for_what),
        cmocka_unit_test(who_may_go_says_nothing_more),
        cmocka_unit_test(the_days_cap_has_its_own_reason),
        cmocka_unit_test(a_refusal_is_shown_with_its_time),
        cmocka_unit_test(who_may_not_go_holds_up_nobody),
        cmocka_unit_test(what_is_removed_during_its_pass_gives_back),
        cmocka_unit_test(other_failures_pass_through),
        cmocka_unit_test(the_end_of_an_order_is_heard),
        cmocka_unit_test(what_was_placed_stays_counted),
        cmocka_unit_test(a_failed_challenge_counts_once),
        cmocka_unit_test(it_is_stored_now_and_then),
        cmocka_unit_test(what_the_text_lacks_is_in_the_orders),
        cmocka_unit_test(what_may_have_replaced_is_counted),
        cmocka_unit_test(without_a_text_the_orders_must_do),
    };
    return cmocka_run_group_tests(tests, make_csrs, free_csrs);
}
