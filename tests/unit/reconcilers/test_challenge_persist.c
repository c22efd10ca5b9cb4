/* SPDX-License-Identifier: Apache-2.0 */
/* A record that people put into DNS: told once, looked for, and never needed again. */
#include "reconcilers/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "reconcilers/challenge_persist.h"
#include "support/scripted_kube.h"
#include "support/scripted_zones.h"

#define CHALLENGE "https://api/apis/acme.certroll.dev/v1/namespaces/shop/challenges/c"
#define SOLVER(config) ",\"solvers\":[{\"dnsPersist01\":{" config "}}]"
#define RECORD "_validation-persist.a.test"
#define VALUE "ca.test; accounturi=" ACME_ACCOUNT
#define OWNED(kind, name, uid)                                                                     \
    "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"" kind                    \
    "\",\"name\":\"" name "\",\"uid\":\"" uid "\",\"controller\":true}]"
#define META(name, uid) "\"name\":\"" name "\",\"namespace\":\"shop\",\"uid\":\"" uid "\""

struct stage {
    struct scene s;
    struct scripted_zones net;
    int version;
    bool wildcard;
    int64_t next;
};

static char *challenge_text(const struct stage *t, const char *status)
{
    return x_printf(
        "{\"metadata\":{" META(
            "c",
            "c") ",\"resourceVersion\":\"%d\","
                 "\"creationTimestamp\":\"2026-01-01T00:00:00Z\"," OWNED(
                     "Order", "o",
                     "o") "},\"spec\":{\"url\":\"" ACME_CA
                          "/chall/1\",\"authorizationURL\":\"" ACME_CA "/authz/"
                          "1\",\"dnsName\":\"a.test\",\"wildcard\":%s,\"type\":\"DNS-PERSIST-01\","
                          "\"token\":\"\",\"key\":\"k\",\"solver\":{},\"issuerRef\":{\"name\":"
                          "\"acme\"}},"
                          "\"status\":%s}",
        t->version, t->wildcard ? "true" : "false", status);
}

static void put_challenge(struct stage *t, const char *status)
{
    t->version++;
    auto_free char *text = challenge_text(t, status);
    scene_put(&t->s.env->challenges, text);
}

/* names: what the Order asks for. */
static void stage_open(struct stage *t, const char *solvers, const char *names)
{
    *t = (struct stage){.version = 10, .wildcard = names[1] == '*' && strchr(names, ',') == NULL};
    scene_open(&t->s);
    scripted_zones_init(&t->net);
    scripted_zones_zone(&t->net, "a.test", "ns1.a.test", "192.0.2.1");
    t->s.dns.transport = t->net.transport;
    acme_scene_issuer(&t->s, solvers);
    auto_free char *order =
        x_printf("{\"metadata\":{" META("o", "o") ",\"resourceVersion\":\"2\"," OWNED(
                     "CertificateRequest", "web-1",
                     "r") "},\"spec\":{\"request\":\"Q1NS\",\"dnsNames\":["
                          "%s],\"issuerRef\":{\"name\":\"acme\"}},\"status\":{\"url\":\"" ACME_CA
                          "/order/1\",\"authorizations\":[{\"url\":\"" ACME_CA "/authz/1\"}]}}",
                 names);
    scene_put(&t->s.env->orders, order);
    scene_put(&t->s.env->requests,
              "{\"metadata\":{" META(
                  "web-1", "r") ",\"resourceVersion\":\"2\"},\"spec\":{"
                                "\"request\":\"Q1NS\",\"issuerRef\":{\"name\":\"acme\"}}}");
    put_challenge(t, "{}");
    acme_scene_directory(&t->s, "");
}

static void stage_close(struct stage *t)
{
    scene_close(&t->s);
}
#define STAGE(name, solvers, names)                                                                \
    AUTO(stage_close) struct stage name;                                                           \
    stage_open(&(name), solvers, names)

static void reconcile(struct stage *t)
{
    static const struct object_name name = {.ns = "shop", .name = "c"};
    t->next = 0;
    expect_ok(challenge_reconcile((void *)(uintptr_t)t->s.env, &name, &t->next));
}

static void plan_authz(struct stage *t, const char *status, const char *more)
{
    auto_free char *body = x_printf(
        "{\"status\":\"%s\",\"wildcard\":%s,\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},"
        "\"challenges\":[{\"type\":\"dns-persist-01\",\"url\":\"" ACME_CA
        "/chall/1\",\"status\":\"%s\"%s}]}",
        status, t->wildcard ? "true" : "false", status, more);
    acme_scene_post(&t->s, "/authz/1", 200, "", body);
}
#define CALLED ",\"issuer-domain-names\":[\"ca.test\",\"other.test\"]"

/* A pass that writes a status. Owned. */
static json_t *told(struct stage *t)
{
    auto_free char *answer = challenge_text(t, "{}");
    scripted_plan(&t->s.world, "PUT " CHALLENGE "/status", 200, answer);
    reconcile(t);
    json_auto_t *sent = scripted_json(&t->s.world, t->s.world.done - 1);
    auto_free char *status = NULL;
    expect_ok(json_to_string(JGET(sent, "status"), 10000, &status));
    put_challenge(t, status);
    return json_incref(JGET(sent, "status"));
}

static void expect_wanted(const json_t *status, const char *value)
{
    assert_string_equal(JSTR(status, "state"), "pending");
    assert_string_equal(JSTR(status, "dnsPersist01", "name"), RECORD);
    assert_string_equal(JSTR(status, "dnsPersist01", "value"), value);
    auto_free char *line = x_printf(RECORD " \"%s\"", value);
    assert_non_null(strstr(JSTR(status, "nextAction"), line));
}

static void the_record_is_told_once_and_waited_for(void **state)
{
    (void)state;
    STAGE(t, SOLVER(""), "\"a.test\"");
    plan_authz(&t, "pending", CALLED);
    json_auto_t *status = told(&t);
    expect_wanted(status, VALUE);
    assert_non_null(strstr(JSTR(status, "reason"), "192.0.2.1 has no such record"));
    assert_int_equal(t.s.told, 1);
    assert_int_equal(t.next, SCENE_NOW + NS_PER_SEC);
    plan_authz(&t, "pending", CALLED);
    reconcile(&t); /* nothing is written, and nobody told again */
    assert_int_equal(t.s.told, 1);
    assert_true(t.next > SCENE_NOW + NS_PER_SEC);
    scripted_zones_add(&t.net, RECORD, DNS_TXT, "ca.test; accounturi=" ACME_CA "/account/2");
    plan_authz(&t, "pending", CALLED);
    json_auto_t *wrong = told(&t);
    assert_non_null(strstr(JSTR(wrong, "reason"), "192.0.2.1 has a record for another account"));
    assert_int_equal(t.next, SCENE_NOW + NS_PER_SEC); /* somebody is at work */
    assert_int_equal(t.s.told, 1);
    reconcile(&t); /* as what was written wakes it: neither the CA nor DNS is asked */
    assert_int_equal(t.next, SCENE_NOW + NS_PER_SEC);
    clock_manual_advance(&t.s.hands, NS_PER_SEC);
    scripted_zones_add(&t.net, RECORD, DNS_TXT, VALUE);
    plan_authz(&t, "pending", CALLED);
    acme_scene_post(&t.s, "/chall/1", 200, "", "{\"status\":\"processing\"}");
    reconcile(&t);
    plan_authz(&t, "valid", CALLED);
    reconcile(&t); /* the Order is told, and no status is written */
}

static void a_record_that_is_there_costs_no_write(void **state)
{
    (void)state;
    STAGE(t, SOLVER(""), "\"a.test\"");
    scripted_zones_add(&t.net, RECORD, DNS_TXT,
                       "other.test; accounturi=" ACME_ACCOUNT "; persistUntil=1767225601");
    plan_authz(&t, "pending", CALLED);
    acme_scene_post(&t.s, "/chall/1", 200, "", "{\"status\":\"processing\"}");
    reconcile(&t);
    assert_int_equal(t.s.told, 0);
}

/* A CA may have looked by itself. */
static void what_the_ca_has_seen_is_not_looked_for(void **state)
{
    (void)state;
    STAGE(t, SOLVER(""), "\"a.test\"");
    plan_authz(&t, "valid", CALLED);
    reconcile(&t);
    assert_int_equal(t.net.queries + t.net.asks, 0);
}

static void the_record_says_what_the_solver_wants(void **state)
{
    (void)state;
    static const struct {
        const char *solver, *names, *value;
    } rows[] = {
        {SOLVER(""), "\"*.a.test\"", VALUE "; policy=wildcard"},
        {SOLVER(""), "\"a.test\",\"*.a.test\"", VALUE "; policy=wildcard"}, /* one for both */
        {SOLVER("\"wildcardPolicy\":true"), "\"a.test\"", VALUE "; policy=wildcard"},
        {SOLVER("\"persistUntil\":\"2026-01-01T00:00:01Z\""), "\"a.test\"",
         VALUE "; persistUntil=1767225601"},
        {SOLVER("\"issuerDomainName\":\"other.test\""), "\"a.test\"",
         "other.test; accounturi=" ACME_ACCOUNT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        STAGE(t, rows[i].solver, rows[i].names);
        plan_authz(&t, "pending", CALLED);
        json_auto_t *status = told(&t);
        expect_wanted(status, rows[i].value);
    }
}

/* A wildcard is allowed by no record that does not say so. */
static void a_wildcard_wants_the_policy(void **state)
{
    (void)state;
    STAGE(t, SOLVER(""), "\"*.a.test\"");
    scripted_zones_add(&t.net, RECORD, DNS_TXT, VALUE);
    plan_authz(&t, "pending", CALLED);
    json_auto_t *status = told(&t);
    assert_non_null(strstr(JSTR(status, "reason"), "without policy=wildcard"));
}

/* Said, and waited for: the solver or the CA may be put right. */
static void what_nobody_can_answer_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *solver, *challenge, *told;
    } rows[] = {
        {SOLVER(""), "", "lacks issuer-domain-names"},
        {SOLVER(""), ",\"issuer-domain-names\":[]", "lacks issuer-domain-names"},
        {SOLVER("\"issuerDomainName\":\"x.test\""), CALLED,
         "not called x.test: write ca.test, other.test"},
        {SOLVER(""), CALLED ",\"accounturi\":\"https://victim.test/1\"", "to name https://victim"},
        {SOLVER("\"persistUntil\":\"2025-12-31T23:59:59Z\""), CALLED, "persistUntil is over"},
        {",\"solvers\":[{\"http01\":{\"ingress\":{}}}]", CALLED, "no dnsPersist01 solver"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        STAGE(t, rows[i].solver, "\"a.test\"");
        plan_authz(&t, "pending", rows[i].challenge);
        json_auto_t *status = told(&t);
        if (strstr(JSTR(status, "reason"), rows[i].told) == NULL)
            fail_msg("%s", JSTR(status, "reason"));
        assert_null(JGET(status, "dnsPersist01"));
        assert_int_equal(t.s.told, 0);
        assert_true(t.next > SCENE_NOW);
    }
}

static void without_a_look_it_is_waited_or_not(void **state)
{
    (void)state;
    STAGE(t, SOLVER("\"selfCheck\":{\"mode\":\"wait\",\"wait\":\"5m\"}"), "\"a.test\"");
    plan_authz(&t, "pending", CALLED);
    json_auto_t *status = told(&t);
    expect_wanted(status, VALUE);
    assert_int_equal(t.next, SCENE_NOW + 5 * NS_PER_MIN);
    clock_manual_advance(&t.s.hands, 5 * NS_PER_MIN);
    plan_authz(&t, "pending", CALLED);
    acme_scene_post(&t.s, "/chall/1", 200, "", "{\"status\":\"processing\"}");
    reconcile(&t);
    STAGE(none, SOLVER("\"selfCheck\":{\"mode\":\"none\"}"), "\"a.test\"");
    plan_authz(&none, "pending", CALLED);
    acme_scene_post(&none.s, "/chall/1", 200, "", "{\"status\":\"processing\"}");
    reconcile(&none);
    assert_int_equal(none.net.queries + none.net.asks, 0);
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
        cmocka_unit_test(the_record_is_told_once_and_waited_for),
        cmocka_unit_test(a_record_that_is_there_costs_no_write),
        cmocka_unit_test(what_the_ca_has_seen_is_not_looked_for),
        cmocka_unit_test(the_record_says_what_the_solver_wants),
        cmocka_unit_test(a_wildcard_wants_the_policy),
        cmocka_unit_test(what_nobody_can_answer_is_told),
        cmocka_unit_test(without_a_look_it_is_waited_or_not),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
