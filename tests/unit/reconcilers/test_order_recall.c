/* SPDX-License-Identifier: Apache-2.0 */
/* An order that the CA made and whose URL was lost is found again, or another one is placed. */
#include "reconcilers/order_recall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "leaf_scene.h"
#include "pki/csr.h"
#include "reconcilers/budget_needs.h"
#include "support/scripted_kube.h"

#define OBJECT "https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o"
#define STATUS "PUT " OBJECT "/status"
#define ONE_AN_HOUR ",\"limits\":{\"ordersPerAccount\":{\"count\":1,\"period\":\"1h\"}}"
#define PROFILES ",\"meta\":{\"profiles\":{\"classic\":\"\",\"shortlived\":\"\"}}"
#define RENEWS "\"certroll.dev/replaces\":\"aYhba4dG.AIdlQyE\""
#define NAMES(list) "\"identifiers\":[" list "]"
#define A_TEST "{\"type\":\"dns\",\"value\":\"a.test\"}"
#define WAITING(more)                                                                              \
    "{\"status\":\"pending\",\"finalize\":\"" ACME_CA "/finalize/1\"," NAMES(A_TEST) more "}"

static char *csr_for(const char *name)
{
    AUTO_KEY key = NULL;
    AUTO(pki_names_release) struct pki_names names = {0};
    auto_free char *pem = NULL;
    strlist_add(&names.dns, name);
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem));
    return base64_encode(pem, strlen(pem));
}

/* A request of Certificate "web" for a.test, with these annotations, and its Order. */
static void put_order(struct scene *s, const char *annotations)
{
    auto_free char *csr = csr_for("a.test");
    auto_free char *request =
        x_printf("{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
                 "\"resourceVersion\":\"2\",\"annotations\":{%s},\"ownerReferences\":[{"
                 "\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"Certificate\",\"name\":\"web\","
                 "\"uid\":\"crt\",\"controller\":true}]},\"spec\":{\"request\":\"%s\","
                 "\"issuerRef\":{\"name\":\"acme\"}}}",
                 annotations, csr);
    auto_free char *order = x_printf(
        "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\",\"resourceVersion\":"
        "\"2\",\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":"
        "\"CertificateRequest\",\"name\":\"web-1\",\"uid\":\"r\",\"controller\":true}]},\"spec\":{"
        "\"request\":\"%s\",\"dnsNames\":[\"a.test\"],\"issuerRef\":{\"name\":\"acme\"}}}",
        csr);
    scene_put(&s->env->requests, request);
    scene_put(&s->env->orders, order);
}

/* Another one, for a name, with a status. */
static void put_other(struct scene *s, const char *name, const char *status)
{
    auto_free char *order =
        x_printf("{\"metadata\":{\"name\":\"other\",\"namespace\":\"shop\",\"uid\":\"other\","
                 "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"Q1NS\",\"dnsNames\":[\"%s\"],"
                 "\"issuerRef\":{\"name\":\"acme\"}},\"status\":{%s}}",
                 name, status);
    scene_put(&s->env->orders, order);
}

static void open_with(struct scene *s, const char *issuer, const char *annotations,
                      const char *directory)
{
    scene_open(s);
    budgets_set_loaded(s->env->budgets);
    acme_scene_issuer(s, issuer);
    put_order(s, annotations);
    acme_scene_directory(s, directory);
}

static const struct object_name name = {.ns = "shop", .name = "o"};

/* A pass in which the answer to newOrder does not come. */
static void lose(struct scene *s)
{
    scripted_plan_headers(&s->world, "HEAD " ACME_CA "/nonce", 200, "replay-nonce: n\n", "");
    scripted_plan_error(&s->world, "POST " ACME_CA "/new-order",
                        err_new(ERR_TRANSIENT, "ConnectionLost", "the connection was reset"));
    int64_t next = 0;
    struct err *e = order_reconcile((void *)(uintptr_t)s->env, &name, &next);
    assert_true(err_is(e, ERR_TRANSIENT));
    err_free(e);
}

/* What the CA answers when its list is asked for. */
static void plan_list(struct scene *s, const char *urls)
{
    auto_free char *list = x_printf("{\"orders\":[%s]}", urls);
    acme_scene_post(s, "/account/1", 200, "",
                    "{\"status\":\"valid\",\"orders\":\"" ACME_CA "/orders/1\"}");
    acme_scene_post(s, "/orders/1", 200, "", list);
}

static void plan_new_order(struct scene *s)
{
    acme_scene_post(s, "/new-order", 201, "location: " ACME_CA "/order/9\n", WAITING(""));
}

/* A pass that ends with a URL in status: that URL, owned. */
static char *pass(struct scene *s)
{
    int64_t next = 0;
    scripted_plan(&s->world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                  "\"resourceVersion\":\"3\"},\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{"
                  "\"name\":\"acme\"}}}");
    expect_ok(order_reconcile((void *)(uintptr_t)s->env, &name, &next));
    json_auto_t *sent = scripted_json(&s->world, s->world.done - 1);
    return x_strdup(str_or(JSTR(sent, "status", "url"), ""));
}

static void expect_found(struct scene *s)
{
    acme_scene_post(s, "/order/1", 200, "", WAITING("")); /* once more, to go on with it */
    auto_free char *url = pass(s);
    assert_string_equal(url, ACME_CA "/order/1");
}

static void expect_another(struct scene *s)
{
    plan_new_order(s);
    auto_free char *url = pass(s);
    assert_string_equal(url, ACME_CA "/order/9");
}

static void a_lost_order_is_found_again(void **state)
{
    (void)state;
    SCENE s = {0};
    open_with(&s, "", "", "");
    lose(&s);
    plan_list(&s, "\"" ACME_CA "/order/1\"");
    acme_scene_post(&s, "/order/1", 200, "", WAITING("")); /* what is it for? */
    acme_scene_post(&s, "/order/1", 200, "", WAITING("")); /* and now? */
    expect_found(&s);
}

static int64_t orders_left(struct scene *s)
{
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s->env->issuers.cache, "shop", "acme");
    char key[BUDGET_KEY_MAX];
    struct budget_need need;
    const struct budget_limits limits = budget_limits_of(issuer->spec.acme, "");
    budget_account_need(issuer, &limits, key, &need);
    return budgets_left(s->env->budgets, &need);
}

/* Found, it costs nothing beyond what was counted; not found, the next one waits for the limit. */
static void a_lost_order_is_counted_once(void **state)
{
    (void)state;
    SCENE found = {0};
    open_with(&found, ONE_AN_HOUR, "", "");
    lose(&found);
    plan_list(&found, "\"" ACME_CA "/order/1\"");
    acme_scene_post(&found, "/order/1", 200, "", WAITING(""));
    acme_scene_post(&found, "/order/1", 200, "", WAITING(""));
    expect_found(&found);
    assert_int_equal(orders_left(&found), 0);

    SCENE gone = {0};
    open_with(&gone, ONE_AN_HOUR, "", "");
    lose(&gone);
    plan_list(&gone, "");
    auto_free char *url = pass(&gone); /* its place is taken, and it says for what it waits */
    assert_string_equal(url, "");
    assert_int_equal(orders_left(&gone), 0);
}

/* The CA has counted it, so the next one waits for the limit. */
static void an_order_that_went_before_it_was_stored_is_counted(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next = 0;
    open_with(&s, ONE_AN_HOUR, "", "");
    plan_new_order(&s);
    scripted_plan(&s.world, STATUS, 503, "");
    scripted_plan(&s.world, "GET " OBJECT, 503, "");
    expect_err(order_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_TRANSIENT, NULL,
               "its URL could not be stored");
    acme_scene_post(&s, "/order/9", 404, "content-type: application/problem+json\n",
                    ACME_PROBLEM("malformed"));
    expect_err(order_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_NOT_FOUND, NULL, NULL);
    auto_free char *url = pass(&s);
    assert_string_equal(url, "");
    assert_int_equal(orders_left(&s), 0);
}

/* What an earlier process has placed and not stored is counted when it is found. */
static void an_order_of_an_earlier_process_is_found_and_counted(void **state)
{
    (void)state;
    SCENE s = {0};
    open_with(&s, ONE_AN_HOUR, "", "");
    order_recall_adopt(s.env);
    plan_list(&s, "\"" ACME_CA "/order/1\"");
    acme_scene_post(&s, "/order/1", 200, "", WAITING(""));
    acme_scene_post(&s, "/order/1", 200, "", WAITING(""));
    assert_int_equal(orders_left(&s), 1);
    expect_found(&s);
    assert_int_equal(orders_left(&s), 0);
    json_auto_t *sent = scripted_json(&s.world, s.world.done - 1);
    assert_non_null(JSTR(sent, "status", "placedTime"));
}

/* Certificate "web" has what this fingerprint says, and the leaf was issued for it. */
static void put_certificate(struct scene *s, const char *fingerprint, const struct leaf *leaf)
{
    auto_free char *crt = x_printf(
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
        "\"resourceVersion\":\"2\"},\"spec\":{\"secretName\":\"s\",\"issuerRef\":{\"name\":"
        "\"acme\"}},\"status\":{\"revision\":1,\"fingerprint\":\"%s\"}}",
        fingerprint);
    scene_put(&s->env->certificates, crt);
    leaf_put_request(s, &(struct leaf_request){"shop", "web-0", "crt", "acme", NULL}, leaf);
}

/* The annotation of a request can be written by hand: a found order is exempt by it no more than a new one. */
static void a_found_order_is_exempt_only_if_it_renews(void **state)
{
    (void)state;
    LEAF leaf = {0};
    leaf_issue("DNS:a.test", SCENE_NOW + NS_PER_DAY, &leaf);
    auto_free char *replaces = x_printf("\"certroll.dev/replaces\":\"%s\"", leaf.cert.ari_id);
    const char *const held[] = {leaf.cert.fingerprint, "another certificate by now", NULL};
    for (size_t i = 0; i < ARRAY_LEN(held); i++) {
        SCENE s = {0};
        open_with(&s, ONE_AN_HOUR, replaces, "");
        if (held[i] != NULL)
            put_certificate(&s, held[i], &leaf);
        order_recall_adopt(s.env);
        plan_list(&s, "\"" ACME_CA "/order/1\"");
        acme_scene_post(&s, "/order/1", 200, "", WAITING(""));
        acme_scene_post(&s, "/order/1", 200, "", WAITING(""));
        expect_found(&s);
        assert_int_equal(orders_left(&s), i == 0 ? 1 : 0);
    }
}

static void only_orders_that_may_be_placed_are_looked_for(void **state)
{
    (void)state;
    static const char waits[] = "\"waiting\":{\"reason\":\"BudgetExhausted\",\"until\":"
                                "\"2026-01-01T01:00:00Z\"}";
    static const char *const statuses[] = {"\"url\":\"" ACME_CA "/order/2\"",
                                           "\"state\":\"errored\"", waits};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_other(&s, "b.test", statuses[i]);
        order_recall_adopt(s.env);
        assert_int_equal(memo_get(s.env->lost, "other").marks, 0);
    }
    /* And in the good path nothing at all: the script has no place for it. */
    SCENE s = {0};
    open_with(&s, "", "", "");
    expect_another(&s);
}

/* The CA made it and said where; what else it said was cut: no list is asked for, and no other order placed. */
static void an_order_that_could_not_be_read_is_read_where_it_is(void **state)
{
    (void)state;
    static const char location[] = "location: " ACME_CA "/order/1\n";
    SCENE s = {0};
    open_with(&s, ONE_AN_HOUR, "", "");
    acme_scene_post(&s, "/new-order", 201, location, "{\"status\":\"pending\",");
    int64_t next = 0;
    expect_err(order_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_TRANSIENT,
               "InvalidAnswer", "newOrder");
    acme_scene_post(&s, "/order/1", 503, "", "");
    expect_err(order_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_TRANSIENT, "HTTP503",
               "/order/1");
    expect_found(&s);
    json_auto_t *sent = scripted_json(&s.world, s.world.done - 1);
    assert_non_null(JSTR(sent, "status", "placedTime"));
    /* Where it is not after all, another one is placed. */
    SCENE gone = {0};
    open_with(&gone, "", "", "");
    acme_scene_post(&gone, "/new-order", 201, location, "");
    expect_err(order_reconcile((void *)(uintptr_t)gone.env, &name, &next), ERR_TRANSIENT,
               "InvalidAnswer", NULL);
    acme_scene_post(&gone, "/order/1", 404, "content-type: application/problem+json\n",
                    ACME_PROBLEM("malformed"));
    expect_err(order_reconcile((void *)(uintptr_t)gone.env, &name, &next), ERR_NOT_FOUND, NULL,
               NULL);
    expect_another(&gone);
}

static void nothing_is_found(const char *orders, const char *order)
{
    SCENE s = {0};
    open_with(&s, "", "", "");
    lose(&s);
    plan_list(&s, orders);
    if (order != NULL)
        acme_scene_post(&s, "/order/1", 200, "", order);
    expect_another(&s);
}

static void what_is_not_it_is_left_alone(void **state)
{
    (void)state;
    static const char one[] = "\"" ACME_CA "/order/1\"";
    nothing_is_found("", NULL);
    nothing_is_found("\"https://elsewhere.test/order/1\"", NULL);
    nothing_is_found(one,
                     "{\"status\":\"valid\",\"finalize\":\"" ACME_CA "/f\"," NAMES(A_TEST) "}");
    nothing_is_found(one, "{\"status\":\"processing\",\"finalize\":\"" ACME_CA
                          "/f\"," NAMES(A_TEST) "}");
    nothing_is_found(one,
                     "{\"status\":\"invalid\",\"finalize\":\"" ACME_CA "/f\"," NAMES(A_TEST) "}");
    nothing_is_found(one, "{\"status\":\"pending\",\"finalize\":\"" ACME_CA "/f\"}");
    nothing_is_found(one, "{\"status\":\"pending\",\"finalize\":\"" ACME_CA
                          "/f\"," NAMES(A_TEST ",{\"type\":\"dns\",\"value\":\"b.test\"}") "}");
    nothing_is_found(one, "{\"status\":\"pending\",\"finalize\":\"" ACME_CA
                          "/f\"," NAMES("{\"type\":\"ip\",\"value\":\"a.test\"}") "}");
    nothing_is_found(one, "{\"status\":\"pending\",\"finalize\":\"" ACME_CA
                          "/f\"," NAMES(A_TEST ",{\"type\":7}") "}");
    nothing_is_found(one, WAITING(",\"expires\":\"2026-01-01T00:00:30Z\""));
    nothing_is_found(one, "[]");
}

/* As above, and the order is for these names: profile and what is replaced decide. */
static void judged(const char *issuer, const char *annotations, const char *order, bool is_it)
{
    SCENE s = {0};
    open_with(&s, issuer, annotations, PROFILES);
    lose(&s);
    plan_list(&s, "\"" ACME_CA "/order/1\"");
    acme_scene_post(&s, "/order/1", 200, "", order);
    acme_scene_post(&s, "/order/1", 200, "", order);
    if (is_it)
        expect_found(&s);
    else
        expect_another(&s);
}

static void profile_and_replacement_have_to_be_the_same(void **state)
{
    (void)state;
    judged(",\"profile\":\"classic\"", "", WAITING(",\"profile\":\"classic\""), true);
    judged(",\"profile\":\"classic\"", "", WAITING(""), true);
    judged(",\"profile\":\"classic\"", "", WAITING(",\"profile\":\"shortlived\""), false);
    judged("", "", WAITING(",\"profile\":\"shortlived\""), true);
    judged("", RENEWS, WAITING(",\"replaces\":\"aYhba4dG.AIdlQyE\""), true);
    judged("", RENEWS, WAITING(""), true);
    judged("", RENEWS, WAITING(",\"replaces\":\"aYhba4dG.AIdlQyF\""), false);
    judged("", "", WAITING(",\"replaces\":\"aYhba4dG.AIdlQyE\""), false);
}

static void what_another_order_may_have_is_left_alone(void **state)
{
    (void)state;
    /* It has it: nothing is asked about it. */
    SCENE has = {0};
    open_with(&has, "", "", "");
    put_other(&has, "a.test", "\"url\":\"" ACME_CA "/order/1\",\"state\":\"pending\"");
    lose(&has);
    plan_list(&has, "\"" ACME_CA "/order/1\"");
    expect_another(&has);
    /* It may have placed one for the same name: whose this is nobody knows. */
    SCENE may = {0};
    open_with(&may, "", "", "");
    put_other(&may, "a.test", "\"state\":\"\"");
    lose(&may);
    plan_list(&may, "\"" ACME_CA "/order/1\"");
    acme_scene_post(&may, "/order/1", 200, "", WAITING(""));
    expect_another(&may);
    /* One for another name does not matter. */
    SCENE other = {0};
    open_with(&other, "", "", "");
    put_other(&other, "b.test", "\"state\":\"\"");
    lose(&other);
    plan_list(&other, "\"" ACME_CA "/order/1\"");
    acme_scene_post(&other, "/order/1", 200, "", WAITING(""));
    acme_scene_post(&other, "/order/1", 200, "", WAITING(""));
    expect_found(&other);
}

static void fail_list(struct scene *s)
{
    int64_t next = 0;
    scripted_plan_headers(&s->world, "HEAD " ACME_CA "/nonce", 200, "replay-nonce: n\n", "");
    scripted_plan_error(&s->world, "POST " ACME_CA "/account/1",
                        err_new(ERR_TRANSIENT, "Timeout", "timed out"));
    struct err *e = order_reconcile((void *)(uintptr_t)s->env, &name, &next);
    assert_true(err_is(e, ERR_TRANSIENT));
    err_free(e);
}

/* A CA that does not answer is asked again, but not for ever. */
static void a_list_that_does_not_come_is_waited_for_a_minute(void **state)
{
    (void)state;
    SCENE s = {0};
    open_with(&s, "", "", "");
    lose(&s);
    fail_list(&s);
    clock_manual_advance(&s.hands, 50 * NS_PER_SEC);
    fail_list(&s);
    clock_manual_advance(&s.hands, 10 * NS_PER_SEC);
    scripted_plan_headers(&s.world, "HEAD " ACME_CA "/nonce", 200, "replay-nonce: n\n", "");
    scripted_plan_error(&s.world, "POST " ACME_CA "/account/1",
                        err_new(ERR_TRANSIENT, "Timeout", "timed out"));
    expect_another(&s);
}

static void a_ca_without_a_list_is_asked_for_another_order(void **state)
{
    (void)state;
    SCENE none = {0};
    open_with(&none, "", "", "");
    lose(&none);
    acme_scene_post(&none, "/account/1", 200, "", "{\"status\":\"valid\"}");
    expect_another(&none);
    SCENE refuses = {0};
    open_with(&refuses, "", "", "");
    lose(&refuses);
    acme_scene_post(&refuses, "/account/1", 405, "content-type: application/problem+json\n",
                    ACME_PROBLEM("malformed"));
    expect_another(&refuses);
}

/* Which failures leave it open whether there is an order. */
static void certain_failures_are_not_looked_into(void **state)
{
    (void)state;
    static const struct {
        enum err_kind kind;
        const char *reason;
        int status;
        bool open;
    } rows[] = {
        {ERR_TRANSIENT, "Timeout", 0, true},           {ERR_TRANSIENT, "InvalidAnswer", 0, true},
        {ERR_TRANSIENT, "HTTP502", 502, true},         {ERR_TRANSIENT, "ConnectFailed", 0, false},
        {ERR_TRANSIENT, "TLSFailed", 0, false},        {ERR_TRANSIENT, "HTTP404", 404, false},
        {ERR_RATE_LIMITED, "RateLimited", 429, false}, {ERR_DENIED, "Caa", 403, false},
        {ERR_CANCELLED, "Cancelled", 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_order(&s, "");
        AUTO_OBJECT(struct order) order = cache_peek(s.env->orders.cache, "shop", "o");
        const struct order_pass p = {.env = s.env, .order = order};
        AUTO_ERR e = err_new(rows[i].kind, rows[i].reason, "no");
        e->http_status = rows[i].status;
        order_recall_note(&p, e);
        assert_int_equal(memo_get(s.env->lost, "o").marks != 0, rows[i].open);
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
        cmocka_unit_test(a_lost_order_is_found_again),
        cmocka_unit_test(a_lost_order_is_counted_once),
        cmocka_unit_test(an_order_that_went_before_it_was_stored_is_counted),
        cmocka_unit_test(an_order_of_an_earlier_process_is_found_and_counted),
        cmocka_unit_test(a_found_order_is_exempt_only_if_it_renews),
        cmocka_unit_test(only_orders_that_may_be_placed_are_looked_for),
        cmocka_unit_test(an_order_that_could_not_be_read_is_read_where_it_is),
        cmocka_unit_test(what_is_not_it_is_left_alone),
        cmocka_unit_test(profile_and_replacement_have_to_be_the_same),
        cmocka_unit_test(what_another_order_may_have_is_left_alone),
        cmocka_unit_test(a_list_that_does_not_come_is_waited_for_a_minute),
        cmocka_unit_test(a_ca_without_a_list_is_asked_for_another_order),
        cmocka_unit_test(certain_failures_are_not_looked_into),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
