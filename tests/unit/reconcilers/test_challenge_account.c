/* SPDX-License-Identifier: Apache-2.0 */
/* dns-account-01 is DNS-01 at another name, which has a label of the account: what that changes. */
#include "reconcilers/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "acme/order.h"
#include "acme_scene.h"
#include "base/mem.h"
#include "support/scripted_kube.h"
#include "support/scripted_zones.h"

#define CHALLENGE "https://api/apis/acme.certroll.dev/v1/namespaces/shop/challenges/c"
#define API "https://api.cloudflare.com/client/v4"
#define TOKEN "0123456789abcdef"
#define SOLVERS                                                                                    \
    ",\"solvers\":[{\"dns01\":{\"challengeType\":\"dns-account-01\",\"cloudflare\":{"              \
    "\"apiTokenSecretRef\":{\"name\":\"cf\",\"key\":\"token\"}}}}]"
#define OWNED(kind, name, uid)                                                                     \
    "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"" kind                    \
    "\",\"name\":\"" name "\",\"uid\":\"" uid "\",\"controller\":true}]"
#define META(name, uid) "\"name\":\"" name "\",\"namespace\":\"shop\",\"uid\":\"" uid "\""

struct stage {
    struct scene s;
    struct scripted_zones net;
    int version;
};

static char *challenge_text(int version, const char *status)
{
    return x_printf(
        "{\"metadata\":{" META(
            "c", "c") ",\"resourceVersion\":\"%d\",\"finalizers\":["
                      "\"acme.certroll.dev/finalizer\"]," OWNED(
                          "Order", "o",
                          "o") "},\"spec\":{"
                               "\"url\":\"" ACME_CA "/chall/1\",\"authorizationURL\":\"" ACME_CA
                               "/authz/"
                               "1\",\"dnsName\":\"a.test\",\"type\":\"DNS-ACCOUNT-01\",\"token\":"
                               "\"" TOKEN
                               "\",\"key\":\"k\",\"solver\":{},\"issuerRef\":{\"name\":\"acme\"}},"
                               "\"status\":%s}",
        version, status);
}

static void stage_open(struct stage *t)
{
    *t = (struct stage){.version = 10};
    scene_open(&t->s);
    scripted_zones_init(&t->net);
    scripted_zones_zone(&t->net, "a.test", "ns1.a.test", "192.0.2.1");
    t->s.dns.transport = t->net.transport;
    acme_scene_issuer(&t->s, SOLVERS);
    scene_put(&t->s.env->orders,
              "{\"metadata\":{" META("o", "o") ",\"resourceVersion\":\"2\"," OWNED(
                  "CertificateRequest", "web-1",
                  "r") "},\"spec\":{\"request\":\"Q1NS\","
                       "\"dnsNames\":[\"a.test\"],\"issuerRef\":{\"name\":\"acme\"}},\"status\":{"
                       "\"url\":\"" ACME_CA "/order/1\",\"authorizations\":[{\"url\":\"" ACME_CA
                       "/authz/1\"}]}}");
    scene_put(&t->s.env->requests,
              "{\"metadata\":{" META(
                  "web-1", "r") ",\"resourceVersion\":\"2\"},\"spec\":{"
                                "\"request\":\"Q1NS\",\"issuerRef\":{\"name\":\"acme\"}}}");
    auto_free char *text = challenge_text(2, "{}");
    scene_put(&t->s.env->challenges, text);
}

static void stage_close(struct stage *t)
{
    scene_close(&t->s);
}
#define STAGE(name)                                                                                \
    AUTO(stage_close) struct stage name;                                                           \
    stage_open(&(name))

static void reconcile(struct stage *t)
{
    static const struct object_name name = {.ns = "shop", .name = "c"};
    int64_t next = 0;
    expect_ok(challenge_reconcile((void *)(uintptr_t)t->s.env, &name, &next));
}

static void plan_authz(struct stage *t)
{
    acme_scene_post(
        &t->s, "/authz/1", 200, "",
        "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},"
        "\"challenges\":[{\"type\":\"dns-01\",\"url\":\"" ACME_CA "/chall/0\",\"token\":\"" TOKEN
        "\",\"status\":\"pending\"},{\"type\":\"dns-account-01\",\"url\":\"" ACME_CA
        "/chall/1\",\"token\":\"" TOKEN "\",\"status\":\"pending\"}]}");
}

static void plan_records(struct stage *t, const char *result)
{
    auto_free char *body =
        x_printf("{\"success\":true,\"result\":%s,\"result_info\":{\"total_pages\":1}}", result);
    scripted_plan(&t->s.world, "GET " API "/zones/z1/dns_records", 200, body);
}

/* A pass that writes the record into status; where it is to be. Owned. */
static json_t *recorded(struct stage *t)
{
    auto_free char *answer = challenge_text(++t->version, "{}");
    scripted_plan(&t->s.world, "PUT " CHALLENGE "/status", 200, answer);
    reconcile(t);
    json_auto_t *sent = scripted_json(&t->s.world, t->s.world.done - 1);
    auto_free char *status = NULL;
    expect_ok(json_to_string(JGET(sent, "status"), 10000, &status));
    auto_free char *text = challenge_text(++t->version, status);
    scene_put(&t->s.env->challenges, text);
    return json_incref(JGET(sent, "status", "dns01"));
}

static void present(struct stage *t)
{
    scripted_plan(&t->s.world, "GET https://api/api/v1/namespaces/shop/secrets/cf", 200,
                  "{\"data\":{\"token\":\"c2VjcmV0Cg==\"}}");
    scripted_plan(&t->s.world, "GET " API "/zones", 200,
                  "{\"success\":true,\"result\":[{\"id\":\"z1\",\"name\":\"a.test\"}],"
                  "\"result_info\":{\"total_pages\":1}}");
    scripted_plan(&t->s.world, "POST " API "/zones/z1/dns_records", 200,
                  "{\"success\":true,\"result\":{\"id\":\"r1\"}}");
    reconcile(t);
}

static void move_to_account(struct stage *t, const char *url)
{
    AUTO_OBJECT(struct issuer) issuer = cache_peek(t->s.env->issuers.cache, "shop", "acme");
    json_auto_t *json = bind_encode(&issuer_table, issuer);
    json_put_str(JGET(json, "metadata"), "resourceVersion", "9");
    json_put_str(JGET(json, "status", "acme"), "uri", url);
    auto_free char *text = NULL;
    expect_ok(json_to_string(json, 10000, &text));
    scene_put(&t->s.env->issuers, text);
}

static void expect_at(const json_t *record, const char *account)
{
    auto_free char *label = acme_dns_account_label(account);
    auto_free char *name = x_printf("%s._acme-challenge.a.test", label);
    assert_string_equal(JSTR(record, "name"), name);
    assert_string_equal(JSTR(record, "zone"), "a.test");
}

static void its_record_has_the_label_of_the_account(void **state)
{
    (void)state;
    STAGE(t);
    acme_scene_directory(&t.s, "");
    plan_authz(&t);
    json_auto_t *record = recorded(&t);
    expect_at(record, ACME_ACCOUNT);
    present(&t);
    scripted_zones_add(&t.net, JSTR(record, "name"), DNS_TXT, JSTR(record, "value"));
    acme_scene_post(&t.s, "/chall/1", 200, "", "{\"status\":\"processing\"}");
    reconcile(&t);
}

/* It is taken away from where the old one's was, which status tells, before the new one's is written down. */
static void another_account_has_another_record(void **state)
{
    (void)state;
    STAGE(t);
    acme_scene_directory(&t.s, "");
    plan_authz(&t);
    json_auto_t *old = recorded(&t);
    present(&t);
    move_to_account(&t, ACME_CA "/account/2");
    reconcile(&t); /* its place is another one now */
    auto_free char *there =
        x_printf("[{\"id\":\"r1\",\"content\":\"\\\"%s\\\"\"}]", JSTR(old, "value"));
    plan_records(&t, there);
    scripted_plan(&t.s.world, "DELETE " API "/zones/z1/dns_records/r1", 200,
                  "{\"success\":true,\"result\":{\"id\":\"r1\"}}");
    json_auto_t *record = recorded(&t);
    expect_at(record, ACME_CA "/account/2");
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
        cmocka_unit_test(its_record_has_the_label_of_the_account),
        cmocka_unit_test(another_account_has_another_record),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
