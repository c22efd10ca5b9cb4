/* SPDX-License-Identifier: Apache-2.0 */
/* Where _acme-challenge leads decides on the solver, before an order is spent, and stays what it was. */
#include "reconcilers/order.h"

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
#include "base/turns.h"
#include "pki/csr.h"
#include "support/scripted_kube.h"
#include "support/scripted_zones.h"

#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status"
#define PROVIDER "\"cloudflare\":{\"apiTokenSecretRef\":{\"name\":\"cf\",\"key\":\"token\"}}"
#define DNS01(zones, more) "{\"selector\":{\"dnsZones\":[" zones "]},\"dns01\":{" more PROVIDER "}}"
#define HTTP01 "{\"http01\":{\"ingress\":{}}}"
#define BY_RESOLVER "\"selfCheck\":{\"mode\":\"resolvers\",\"nameservers\":[\"192.0.2.53\"]},"

struct stage {
    struct scene s;
    struct scripted_zones net;
    int64_t next;
    int version; /* of the Order and its request */
};

static void put_order(struct stage *t, const char *const *dns, const char *status)
{
    AUTO_KEY key = NULL;
    AUTO(pki_names_release) struct pki_names names = {0};
    auto_free char *pem = NULL;
    t->version++;
    for (; *dns != NULL; dns++)
        strlist_add(&names.dns, *dns);
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem));
    auto_free char *csr = base64_encode(pem, strlen(pem));
    auto_free char *request =
        x_printf("{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
                 "\"resourceVersion\":\"%d\"},\"spec\":{\"request\":\"%s\",\"issuerRef\":{\"name\":"
                 "\"acme\"}}}",
                 t->version, csr);
    auto_free char *order =
        x_printf("{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                 "\"resourceVersion\":\"%d\",\"ownerReferences\":[{\"apiVersion\":"
                 "\"certroll.dev/v1\",\"kind\":\"CertificateRequest\",\"name\":\"web-1\",\"uid\":"
                 "\"r\",\"controller\":true}]},\"spec\":{\"request\":\"%s\",\"issuerRef\":{"
                 "\"name\":\"acme\"}},\"status\":{%s}}",
                 t->version, csr, status);
    scene_put(&t->s.env->requests, request);
    scene_put(&t->s.env->orders, order);
}

/* a.test and b.test are zones; _acme-challenge.w.a.test is an alias into the other one. */
static void stage_open(struct stage *t, const char *solvers, const char *const *dns)
{
    *t = (struct stage){0};
    scene_open(&t->s);
    scripted_zones_init(&t->net);
    scripted_zones_zone(&t->net, "a.test", "ns1.a.test", "192.0.2.1");
    scripted_zones_zone(&t->net, "b.test", "ns1.b.test", "192.0.2.2");
    scripted_zones_add(&t->net, "_acme-challenge.w.a.test", DNS_CNAME, "w.b.test");
    t->s.dns.transport = t->net.transport;
    auto_free char *more = x_printf(",\"solvers\":[%s]", solvers);
    acme_scene_issuer(&t->s, more);
    put_order(t, dns, "");
}

static void stage_close(struct stage *t)
{
    scene_close(&t->s);
}
#define STAGE(name, solvers, ...)                                                                  \
    AUTO(stage_close) struct stage name;                                                           \
    stage_open(&(name), solvers, (const char *const[]){__VA_ARGS__, NULL})

static void reconcile(struct stage *t)
{
    const struct object_name name = {.ns = "shop", .name = "o"};
    t->next = 0;
    expect_ok(order_reconcile((void *)(uintptr_t)t->s.env, &name, &t->next));
}

static int64_t now(const struct stage *t)
{
    return clock_wall(&t->s.hands.clock);
}

/* One pass with a write of status: what was written. Owned. The Order in the cache stays as it was. */
static json_t *pass(struct stage *t)
{
    const struct order *o = cache_peek(t->s.env->orders.cache, "shop", "o");
    json_auto_t *kept = bind_encode(&order_table, o);
    object_unref(o);
    auto_free char *text = NULL;
    expect_ok(json_to_string(kept, 65536, &text));
    scripted_plan(&t->s.world, STATUS, 200, text);
    reconcile(t);
    json_auto_t *sent = scripted_json(&t->s.world, t->s.world.done - 1);
    return json_copy_deep(JGET(sent, "status"));
}

static void plan_order(struct stage *t)
{
    acme_scene_directory(&t->s, "");
    acme_scene_post(&t->s, "/new-order", 201, "location: " ACME_CA "/order/1\n",
                    "{\"status\":\"pending\",\"finalize\":\"" ACME_CA "/finalize/1\"}");
}

static void an_alias_is_written_down_with_the_order(void **state)
{
    (void)state;
    static const char *const issuers[] = {
        HTTP01 "," DNS01("\"b.test\"", ""),
        DNS01("\"b.test\"", BY_RESOLVER),
        DNS01("\"b.test\"", "\"selfCheck\":{\"mode\":\"none\"},"),
        DNS01("\"c.test\"", "") "," DNS01("\"w.b.test\"", ""),
    };
    for (size_t i = 0; i < ARRAY_LEN(issuers); i++) {
        STAGE(t, issuers[i], "*.w.a.test", "w.a.test");
        plan_order(&t);
        json_auto_t *status = pass(&t);
        assert_string_equal(JSTR(status, "url"), ACME_CA "/order/1");
        assert_string_equal(JSTR(status, "aliases", "0", "name"), "*.w.a.test");
        assert_string_equal(JSTR(status, "aliases", "0", "target"), "w.b.test");
        assert_string_equal(JSTR(status, "aliases", "1", "name"), "w.a.test");
        assert_null(JGET(status, "aliases", "2"));
    }
}

/* Not a question, and not a byte more in status. */
static void nothing_is_asked_where_nothing_could_change(void **state)
{
    (void)state;
    static const char *const issuers[] = {
        HTTP01,
        "{\"dns01\":{" PROVIDER "}}",
        DNS01("\"a.test\"", "") "," DNS01("\"b.test\"", ""),
        HTTP01 "," DNS01("\"b.test\"", "\"cnameStrategy\":\"None\","),
        "{\"selector\":{\"dnsNames\":[\"w.a.test\"]},\"http01\":{\"ingress\":{}}}," DNS01(
            "\"b.test\"", ""),
        HTTP01 ",{\"selector\":{\"matchLabels\":{\"x\":\"y\"},\"dnsZones\":[\"b.test\"]},\"dns01\":"
               "{" PROVIDER "}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(issuers); i++) {
        STAGE(t, issuers[i], "w.a.test");
        plan_order(&t);
        json_auto_t *status = pass(&t);
        assert_null(JGET(status, "aliases"));
        assert_int_equal(t.net.queries + t.net.asks, 0);
    }
}

static void an_alias_to_nowhere_leaves_the_solver_of_the_name(void **state)
{
    (void)state;
    static const char *const names[] = {"x.a.test", "w.a.test", "y.nowhere"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        STAGE(t, HTTP01 "," DNS01("\"c.test\"", ""), names[i]);
        plan_order(&t);
        json_auto_t *status = pass(&t);
        assert_null(JGET(status, "aliases"));
        assert_true(t.net.queries > 0);
    }
}

static void a_name_that_no_solver_serves_spends_no_order(void **state)
{
    (void)state;
    STAGE(t, DNS01("\"b.test\"", ""), "w.a.test", "x.a.test");
    acme_scene_directory(&t.s, "");
    json_auto_t *status = pass(&t); /* and nothing was POSTed to the CA */
    assert_string_equal(JSTR(status, "state"), "errored");
    if (strstr(JSTR(status, "reason"), "nothing was ordered: x.a.test: no solver") == NULL)
        fail_msg("%s", JSTR(status, "reason"));
}

/* ---- DNS that does not answer ---- */

static void silence(struct stage *t, bool silent)
{
    scripted_zones_server(&t->net, "192.0.2.1", silent, false);
}

static void expect_held(json_t *status)
{
    assert_string_equal(JSTR(status, "waiting", "reason"), "SolverNotChosen");
    if (!str_starts(JSTR(status, "reason"), "SolverNotChosen: w.a.test: "))
        fail_msg("%s", JSTR(status, "reason"));
    assert_null(JGET(status, "url"));
}

static void without_a_solver_for_the_name_dns_is_waited_for(void **state)
{
    (void)state;
    STAGE(t, DNS01("\"b.test\"", ""), "w.a.test");
    silence(&t, true);
    for (int i = 0; i < 12; i++) {
        json_auto_t *status = pass(&t); /* the CA hears of nothing */
        expect_held(status);
        assert_true(t.next > now(&t));
        assert_true(t.next <= now(&t) + 330 * NS_PER_SEC);
        unsigned asked = t.net.asks + t.net.queries;
        int64_t next = t.next;
        reconcile(&t); /* as what was written wakes it */
        assert_int_equal(t.net.asks + t.net.queries, asked);
        assert_int_equal(t.next, next);
        clock_manual_advance(&t.s.hands, t.next - now(&t));
    }
    assert_int_equal(t.s.told, 0);
    silence(&t, false);
    clock_manual_advance(&t.s.hands, NS_PER_HOUR);
    put_order(&t, (const char *const[]){"w.a.test", NULL},
              "\"reason\":\"SolverNotChosen: x\",\"waiting\":{\"reason\":\"SolverNotChosen\"}");
    plan_order(&t);
    json_auto_t *status = pass(&t);
    assert_string_equal(JSTR(status, "aliases", "0", "target"), "w.b.test");
    assert_null(JGET(status, "waiting", "reason"));
    assert_null(JGET(status, "reason"));
}

/* Then it stays with that choice, also when DNS is back before the order could be placed. */
static void a_solver_for_the_name_is_taken_after_half_a_minute(void **state)
{
    (void)state;
    STAGE(t, HTTP01 "," DNS01("\"b.test\"", ""), "w.a.test", "w.b.test");
    silence(&t, true);
    int64_t began = now(&t);
    while (now(&t) - began < 30 * NS_PER_SEC) {
        json_auto_t *status = pass(&t);
        expect_held(status);
        assert_int_equal(t.s.told, 0);
        clock_manual_advance(&t.s.hands, t.next - now(&t));
    }
    acme_scene_directory(&t.s, "");
    acme_scene_post(&t.s, "/new-order", 503, "", "");
    const struct object_name name = {.ns = "shop", .name = "o"};
    err_drop(order_reconcile((void *)(uintptr_t)t.s.env, &name, &t.next));
    assert_int_equal(t.s.told, 1);
    silence(&t, false);
    unsigned asks = t.net.asks;
    memo_drop(t.s.env->lost, "o"); /* what order_recall does is not looked at here */
    acme_scene_post(&t.s, "/new-order", 201, "location: " ACME_CA "/order/1\n",
                    "{\"status\":\"pending\",\"finalize\":\"" ACME_CA "/finalize/1\"}");
    json_auto_t *status = pass(&t);
    assert_string_equal(JSTR(status, "url"), ACME_CA "/order/1");
    assert_null(JGET(status, "aliases"));
    assert_int_equal(t.net.asks, asks);
    assert_int_equal(t.s.told, 1);
}

/* ---- the choice stays ---- */

static const struct acme_solver *solver_now(struct stage *t)
{
    AUTO_OBJECT(struct order) o = cache_peek(t->s.env->orders.cache, "shop", "o");
    AUTO(acme_chain_release) struct acme_chain chain = {0};
    expect_ok(acme_chain_of_order(t->s.env, o, &chain));
    const struct acme_solver *s = acme_chain_solver(&chain, "w.a.test");
    assert_non_null(s);
    return s; /* of the Issuer, which the cache has */
}

static void what_was_written_down_decides_afterwards(void **state)
{
    (void)state;
    STAGE(t, HTTP01 "," DNS01("\"b.test\"", ""), "w.a.test");
    assert_non_null(solver_now(&t)->http01);
    put_order(&t, (const char *const[]){"w.a.test", NULL},
              "\"url\":\"" ACME_CA "/order/1\",\"aliases\":[{\"name\":\"w.a.test\",\"target\":"
              "\"w.b.test\"}]");
    assert_non_null(solver_now(&t)->dns01);
    assert_int_equal(t.net.queries + t.net.asks, 0);
}

static void an_edited_issuer_is_looked_at_anew(void **state)
{
    (void)state;
    static const char *const known[] = {"i 0\nw.a.test \n", "i 7\nw.a.test \n", "j 0\nw.a.test \n"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        STAGE(t, HTTP01 "," DNS01("\"b.test\"", ""), "w.a.test");
        memo_set_text(t.s.env->aliases, "o", known[i]);
        plan_order(&t);
        json_auto_t *status = pass(&t);
        if (i == 0)
            assert_null(JGET(status, "aliases"));
        else
            assert_string_equal(JSTR(status, "aliases", "0", "target"), "w.b.test");
    }
}

static void what_no_alias_decides_any_more_is_waited_for_no_longer(void **state)
{
    (void)state;
    static const char *const issuers[] = {HTTP01, DNS01("\"a.test\"", "")};
    for (size_t i = 0; i < ARRAY_LEN(issuers); i++) {
        STAGE(t, issuers[i], "w.a.test");
        put_order(&t, (const char *const[]){"w.a.test", NULL},
                  "\"reason\":\"SolverNotChosen: x\",\"waiting\":{\"reason\":"
                  "\"SolverNotChosen\"}");
        plan_order(&t);
        json_auto_t *status = pass(&t);
        assert_null(JGET(status, "waiting", "reason"));
        assert_null(JGET(status, "reason"));
    }
}

static void looks_take_turns(void **state)
{
    (void)state;
    STAGE(t, DNS01("\"b.test\"", ""), "w.a.test");
    assert_true(turns_take(t.s.env->turns, "look", 1));
    reconcile(&t); /* writes nothing */
    assert_int_equal(t.next, now(&t) + 200 * NS_PER_MS);
    assert_int_equal(t.net.queries + t.net.asks, 0);
    turns_give(t.s.env->turns, "look");
    plan_order(&t);
    json_auto_t *status = pass(&t);
    assert_string_equal(JSTR(status, "aliases", "0", "target"), "w.b.test");
    assert_true(turns_take(t.s.env->turns, "look", 1)); /* it was given back */
    turns_give(t.s.env->turns, "look");
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
        cmocka_unit_test(an_alias_is_written_down_with_the_order),
        cmocka_unit_test(nothing_is_asked_where_nothing_could_change),
        cmocka_unit_test(an_alias_to_nowhere_leaves_the_solver_of_the_name),
        cmocka_unit_test(a_name_that_no_solver_serves_spends_no_order),
        cmocka_unit_test(without_a_solver_for_the_name_dns_is_waited_for),
        cmocka_unit_test(a_solver_for_the_name_is_taken_after_half_a_minute),
        cmocka_unit_test(what_was_written_down_decides_afterwards),
        cmocka_unit_test(an_edited_issuer_is_looked_at_anew),
        cmocka_unit_test(what_no_alias_decides_any_more_is_waited_for_no_longer),
        cmocka_unit_test(looks_take_turns),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
