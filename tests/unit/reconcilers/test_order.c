/* SPDX-License-Identifier: Apache-2.0 */
/* What is ordered, and what is refused before an order is spent. */
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
#include "leaf_scene.h"
#include "pki/csr.h"
#include "reconcilers/budget_needs.h"
#include "support/scripted_kube.h"

#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status"
#define HTTP01 ",\"solvers\":[{\"http01\":{\"ingress\":{}}}]"
#define DNS_ACCOUNT_01_SOLVER                                                                      \
    ",\"solvers\":[{\"dns01\":{\"challengeType\":\"dns-account-01\",\"cloudflare\":{"              \
    "\"apiTokenSecretRef\":{\"name\":\"cf\",\"key\":\"token\"}}}}]"
#define OF_ISSUER "{\"name\":\"acme\"}"
#define OF_CLUSTER_ISSUER "{\"name\":\"acme\",\"kind\":\"ClusterIssuer\"}"
#define AT_CA                                                                                      \
    "\"state\":\"pending\",\"url\":\"" ACME_CA "/order/1\",\"finalizeURL\":\"" ACME_CA             \
    "/f\",\"authorizations\":[{\"url\":\"" ACME_CA "/authz/1\"}]"
#define PROFILES ",\"meta\":{\"profiles\":{\"classic\":\"90 days\",\"shortlived\":\"6 days\"}}"

/* Puts a request for one name and this key, NULL for a new one, with these annotations, and its Order. */
static void put_order_of(struct scene *s, const struct pki_key *key, const char *name,
                         const char *annotations, const char *issuer, const char *status)
{
    AUTO(pki_names_release) struct pki_names names = {0};
    AUTO_KEY own = NULL;
    auto_free char *pem = NULL;
    if (key == NULL)
        expect_ok(
            pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &own));
    strlist_add(strspn(name, "0123456789.") == strlen(name) ? &names.ips : &names.dns, name);
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key != NULL ? key : own, &pem));
    auto_free char *csr = base64_encode(pem, strlen(pem));
    auto_free char *request = x_printf(
        "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
        "\"resourceVersion\":\"2\",\"annotations\":{%s},\"ownerReferences\":[{\"apiVersion\":"
        "\"certroll.dev/v1\",\"kind\":\"Certificate\",\"name\":\"web\",\"uid\":\"crt\","
        "\"controller\":true}]},\"spec\":{\"request\":\"%s\",\"issuerRef\":%s}}",
        annotations, csr, issuer);
    auto_free char *order =
        x_printf("{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                 "\"resourceVersion\":\"2\",\"ownerReferences\":[{\"apiVersion\":"
                 "\"certroll.dev/v1\",\"kind\":\"CertificateRequest\",\"name\":\"web-1\",\"uid\":"
                 "\"r\",\"controller\":true}]},\"spec\":{\"request\":\"%s\",\"issuerRef\":%s},"
                 "\"status\":{%s}}",
                 csr, issuer, status);
    scene_put(&s->env->requests, request);
    scene_put(&s->env->orders, order);
}

static void put_order(struct scene *s, const char *name, const char *annotations)
{
    put_order_of(s, NULL, name, annotations, OF_ISSUER, "");
}

/* One pass with a write of status, and then a look at an authorization unless that is NULL; what was written. Owned. */
static json_t *pass_and_look(struct scene *s, const char *authz)
{
    const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    scripted_plan(&s->world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                  "\"resourceVersion\":\"3\"},\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{"
                  "\"name\":\"acme\"}}}");
    if (authz != NULL)
        acme_scene_post(
            s, authz, 200, "",
            "{\"status\":\"deactivated\",\"identifier\":{\"type\":\"dns\",\"value\":\"a\"},"
            "\"challenges\":[]}");
    expect_ok(order_reconcile((void *)(uintptr_t)s->env, &name, &next));
    json_auto_t *sent = scripted_json(&s->world, s->world.done - (authz != NULL ? 3 : 1));
    return json_copy_deep(JGET(sent, "status"));
}

static json_t *pass(struct scene *s)
{
    return pass_and_look(s, NULL);
}

/* One pass that ends the Order with this reason; nothing was POSTed to the CA. */
static void pass_refused(struct scene *s, const char *text)
{
    json_auto_t *status = pass(s);
    assert_string_equal(JSTR(status, "state"), "errored");
    if (strstr(JSTR(status, "reason"), text) == NULL)
        fail_msg("%s", JSTR(status, "reason"));
}

static void expect_refused(const char *issuer, const char *annotations, const char *name,
                           const char *directory, const char *text)
{
    SCENE s = {0};
    scene_open(&s);
    acme_scene_issuer(&s, issuer);
    put_order(&s, name, annotations);
    acme_scene_directory(&s, directory);
    pass_refused(&s, text);
}

static void what_must_fail_is_not_ordered(void **state)
{
    (void)state;
    expect_refused(",\"profile\":\"tlsserver\"" HTTP01, "", "a.test", PROFILES,
                   "the profile \"tlsserver\": it offers classic, shortlived; nothing was ordered");
    expect_refused(",\"profile\":\"tlsserver\"" HTTP01, "", "a.test", "", "it offers no profiles");
    expect_refused(",\"preferredProfile\":\"classic\"" HTTP01, "\"certroll.dev/profile\":\"x\"",
                   "a.test", PROFILES, "the profile \"x\"");
    expect_refused(
        ",\"profile\":\"tlsserver\",\"prepare\":{\"http\":{\"url\":\"https://fw.test/\"}}" HTTP01,
        "", "a.test", "", "it offers no profiles"); /* and no firewall was opened */
    expect_refused(HTTP01, "", "*.a.test", "", "*.a.test: a wildcard cannot be proven by HTTP-01");
    expect_refused(DNS_ACCOUNT_01_SOLVER, "", "a.test", "",
                   "nothing was ordered: a.test: dns-account-01 is alpha and off here: start "
                   "certroll with --feature-gates=DNSAccount01=true");
}

static void what_a_record_cannot_prove_is_not_ordered(void **state)
{
    (void)state;
    static const struct {
        const char *config, *name, *told;
    } rows[] = {
        {"", "192.0.2.1", "192.0.2.1: an IP address cannot be proven by DNS-01"},
        {"\"persistUntil\":\"2025-12-31T00:00:00Z\"", "a.test",
         "a.test: spec.acme.solvers[].dnsPersis"},
        {"\"selfCheck\":{\"mode\":\"https\"}", "a.test", "dnsPersist01.selfCheck.url"},
        {"},\"http01\":{\"ingress\":{}", "a.test",
         "more than one of http01, dns01 and dnsPersist01"},
        {NULL, "a.test", "--feature-gates=DNSPersist01=true"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        struct env *env = (struct env *)(uintptr_t)s.env;
        env->config.features.on[FEATURE_DNS_PERSIST_01] = rows[i].config != NULL;
        auto_free char *solvers =
            x_printf(",\"solvers\":[{\"dnsPersist01\":{%s}}]", str_or(rows[i].config, ""));
        acme_scene_issuer(&s, solvers);
        put_order(&s, rows[i].name, "");
        acme_scene_directory(&s, "");
        json_auto_t *status = pass(&s); /* and nothing was POSTed to the CA */
        assert_string_equal(JSTR(status, "state"), "errored");
        if (strstr(JSTR(status, "reason"), rows[i].told) == NULL)
            fail_msg("%s", JSTR(status, "reason"));
    }
}

/* RFC 8555 section 11.1. The account's key is what the scene's Secret holds. */
static void the_accounts_key_gets_no_certificate(void **state)
{
    (void)state;
    SCENE s = {0};
    AUTO_KEY key = NULL;
    auto_free char *pem = NULL;
    scene_open(&s);
    acme_scene_issuer(&s, HTTP01);
    json_auto_t *secret = parsed(s.world.exchanges[0].body);
    const char *text = JSTR(secret, "data", "tls.key");
    size_t len = strlen(text);
    expect_ok(base64_decode(text, len, &pem, &len));
    expect_ok(pki_key_parse(pem, len, &key));
    put_order_of(&s, key, "a.test", "", OF_ISSUER, "");
    pass_refused(&s, "for the key of the ACME account itself");
}

/* Places an order and returns the payload of newOrder. Owned. */
static json_t *ordered(const char *issuer, const char *annotations, const char *name,
                       const char *directory)
{
    SCENE s = {0};
    scene_open(&s);
    acme_scene_issuer(&s, issuer);
    put_order(&s, name, annotations);
    acme_scene_directory(&s, directory);
    acme_scene_post(&s, "/new-order", 201, "location: " ACME_CA "/order/1\n",
                    "{\"status\":\"pending\",\"finalize\":\"" ACME_CA "/finalize/1\"}");
    json_auto_t *status = pass(&s);
    assert_string_equal(JSTR(status, "url"), ACME_CA "/order/1");
    return acme_scene_payload(&s, s.world.done - 2);
}

static void the_profile_is_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *issuer, *annotations, *directory, *want;
    } rows[] = {
        {"", "", PROFILES, NULL},
        {",\"profile\":\"classic\"", "", PROFILES, "classic"},
        {",\"preferredProfile\":\"classic\"", "", PROFILES, "classic"},
        {",\"preferredProfile\":\"tlsserver\"", "", PROFILES, NULL},
        {",\"preferredProfile\":\"tlsserver\"", "", "", NULL},
        {",\"profile\":\"classic\"", "\"certroll.dev/profile\":\"shortlived\"", PROFILES,
         "shortlived"},
        {",\"preferredProfile\":\"classic\"", "\"certroll.dev/profile\":\"shortlived\"", PROFILES,
         "shortlived"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *payload =
            ordered(rows[i].issuer, rows[i].annotations, "a.test", rows[i].directory);
        if (rows[i].want == NULL)
            assert_null(JSTR(payload, "profile"));
        else
            assert_string_equal(JSTR(payload, "profile"), rows[i].want);
    }
}

/* Without a solver the CA may know the name already: it decides. */
static void a_wildcard_without_a_solver_is_ordered(void **state)
{
    (void)state;
    json_auto_t *payload = ordered("", "", "*.a.test", "");
    assert_string_equal(JSTR(payload, "identifiers", "0", "value"), "*.a.test");
}

static void what_is_replaced_comes_from_the_request(void **state)
{
    (void)state;
    json_auto_t *good = ordered("", "\"certroll.dev/replaces\":\"aYhba4dG.AIdlQyE\"", "a.test", "");
    assert_string_equal(JSTR(good, "replaces"), "aYhba4dG.AIdlQyE");
    json_auto_t *bad = ordered("", "\"certroll.dev/replaces\":\"../x\"", "a.test", "");
    assert_null(JSTR(bad, "replaces"));
}

#define ONE_AN_HOUR ",\"limits\":{\"ordersPerAccount\":{\"count\":1,\"period\":\"1h\"}}"
#define RENEWS "\"certroll.dev/replaces\":\"aYhba4dG.AIdlQyE\""

static int64_t orders_left(struct scene *s)
{
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s->env->issuers.cache, "shop", "acme");
    char key[BUDGET_KEY_MAX];
    struct budget_need need;
    const struct budget_limits limits = budget_limits_of(issuer->spec.acme, "");
    budget_account_need(issuer, &limits, key, &need);
    return budgets_left(s->env->budgets, &need);
}

static void plan_order(struct scene *s)
{
    acme_scene_post(s, "/new-order", 201, "location: " ACME_CA "/order/1\n",
                    "{\"status\":\"pending\",\"finalize\":\"" ACME_CA "/finalize/1\"}");
}

/* The Certificate "web" has the leaf, as issued for a request of its own, and the request at hand replaces it. */
static void put_renewal(struct scene *s, const struct leaf *leaf, const char *held)
{
    auto_free char *crt = x_printf(
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
        "\"resourceVersion\":"
        "\"2\"},\"spec\":{\"secretName\":\"s\",\"issuerRef\":{\"name\":\"acme\"}},\"status\":{"
        "\"revision\":1,\"fingerprint\":\"%s\"}}",
        held);
    auto_free char *annotation = x_printf("\"certroll.dev/replaces\":\"%s\"", leaf->cert.ari_id);
    scene_put(&s->env->certificates, crt);
    leaf_put_request(s, &(struct leaf_request){"shop", "web-0", "crt", "acme", NULL}, leaf);
    put_order(s, "a.test", annotation);
}

/* What replaces is exempt from the CA's limits; what the CA does not take for that is an order like any other. */
static void a_refused_replacement_is_ordered_within_limits(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    budgets_set_loaded(s.env->budgets);
    acme_scene_issuer(&s, ONE_AN_HOUR);
    LEAF leaf = {0};
    leaf_issue("DNS:a.test", SCENE_NOW + NS_PER_DAY, &leaf);
    put_renewal(&s, &leaf, leaf.cert.fingerprint);
    acme_scene_directory(&s, "");
    acme_scene_post(&s, "/new-order", 409, "content-type: application/problem+json\n",
                    ACME_PROBLEM("alreadyReplaced"));
    const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    expect_ok(order_reconcile((void *)(uintptr_t)s.env, &name, &next)); /* writes nothing */
    assert_int_equal(next, SCENE_NOW);
    assert_int_equal(orders_left(&s), 1);
    json_auto_t *first = acme_scene_payload(&s, s.world.done - 1);
    assert_string_equal(JSTR(first, "replaces"), leaf.cert.ari_id);
    plan_order(&s);
    json_auto_t *status = pass(&s);
    assert_string_equal(JSTR(status, "url"), ACME_CA "/order/1");
    assert_int_equal(orders_left(&s), 0);
    json_auto_t *second = acme_scene_payload(&s, s.world.done - 2);
    assert_null(JSTR(second, "replaces"));
}

/* Pebble answers so for a certificate that it does not find, among them its own whose serial number has its first bit
 * set (RFC 9773 section 4.1: a zero byte more). */
static void a_replacement_that_the_ca_fails_over_is_left_out(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    acme_scene_issuer(&s, "");
    put_order(&s, "a.test", RENEWS);
    acme_scene_directory(&s, "");
    const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    for (int i = 0; i < 3; i++) {
        acme_scene_post(&s, "/new-order", 500, "content-type: application/problem+json\n",
                        ACME_PROBLEM("serverInternal"));
        expect_err(order_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_TRANSIENT,
                   "ServerInternal", "newOrder");
        json_auto_t *payload = acme_scene_payload(&s, s.world.done - 1);
        assert_non_null(JSTR(payload, "replaces"));
        if (i ==
            0) /* it may have been placed: this CA has no list of orders, and is asked for it once */
            acme_scene_post(&s, "/account/1", 200, "", "{\"status\":\"valid\"}");
    }
    plan_order(&s);
    json_auto_t *status = pass(&s);
    assert_string_equal(JSTR(status, "url"), ACME_CA "/order/1");
    json_auto_t *payload = acme_scene_payload(&s, s.world.done - 2);
    assert_null(JSTR(payload, "replaces"));
}

/* The annotation of a request can be written by hand: only what the Certificate has, and was issued, is renewed. The CA
 * is told all the same. */
static void a_replacement_by_hand_is_within_limits(void **state)
{
    (void)state;
    LEAF leaf = {0};
    leaf_issue("DNS:a.test", SCENE_NOW + NS_PER_DAY, &leaf);
    for (int i = 0; i < 2; i++) {
        SCENE s = {0};
        scene_open(&s);
        budgets_set_loaded(s.env->budgets);
        acme_scene_issuer(&s, ONE_AN_HOUR);
        if (i == 0)
            put_renewal(&s, &leaf, "another certificate by now");
        else
            put_order(&s, "a.test", RENEWS);
        acme_scene_directory(&s, "");
        plan_order(&s);
        json_auto_t *status = pass(&s);
        assert_string_equal(JSTR(status, "url"), ACME_CA "/order/1");
        json_auto_t *payload = acme_scene_payload(&s, s.world.done - 2);
        assert_non_null(JSTR(payload, "replaces"));
        assert_int_equal(orders_left(&s), 0);
    }
}

/* Who waits for people to let the CA issue takes nothing of what others could order meanwhile. */
static void what_is_held_before_the_ca_takes_no_order(void **state)
{
    (void)state;
    static const char nobody[] = "\0\5issue;"; /* RFC 8659 section 4.1: flags, tag, value */
    SCENE s = {0};
    scene_open(&s);
    budgets_set_loaded(s.env->budgets);
    acme_scene_issuer(&s, ONE_AN_HOUR);
    put_order(&s, "a.test", "");
    acme_scene_directory(&s, ",\"meta\":{\"caaIdentities\":[\"ca.test\"]}");
    scripted_dns_record(&s.dns, "a.test", DNS_CAA, nobody, sizeof(nobody) - 1);
    json_auto_t *status = pass(&s);
    assert_null(JSTR(status, "url"));
    assert_string_equal(JSTR(status, "nextAction"), "the CAA records to let the CA issue");
    assert_int_equal(orders_left(&s), 1);
}

static void a_replacement_waits_where_the_ca_does_not_know_of_any(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    budgets_set_loaded(s.env->budgets);
    acme_scene_issuer(&s, ONE_AN_HOUR);
    put_order(&s, "a.test", RENEWS);
    scripted_plan(&s.world, "GET " ACME_CA "/dir", 200,
                  "{\"newNonce\":\"" ACME_CA "/nonce\",\"newAccount\":\"" ACME_CA "/new-account\","
                  "\"newOrder\":\"" ACME_CA "/new-order\"}");
    plan_order(&s);
    json_auto_t *status = pass(&s);
    assert_string_equal(JSTR(status, "url"), ACME_CA "/order/1");
    json_auto_t *payload = acme_scene_payload(&s, s.world.done - 2);
    assert_null(JSTR(payload, "replaces"));
    assert_int_equal(orders_left(&s), 0);
}

/* A tenant may run the CA: what it wants proven is what was judged, or nothing. */
static void what_was_not_ordered_is_not_proven(void **state)
{
    (void)state;
    static const struct {
        const char *ordered, *identifier, *flag, *want;
    } rows[] = {{"a.test", "b.test", "", "\"b.test\" proven, which the request does not name"},
                {"a.test", "test", "", "does not name"},
                {"a.test", "x.a.test", "", "does not name"},
                {"a.test", "192.0.2.1", "", "does not name"},
                {"a.test", "A.test", "", "no http-01 challenge for A.test; it offers tls-alpn-01"},
                {"a.test", "a.test", "\"wildcard\":true,", "\"*.a.test\" proven, which the"},
                {"*.a.test", "a.test", "", "*.a.test: a wildcard cannot be proven by HTTP-01"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        acme_scene_issuer(&s, HTTP01);
        put_order_of(&s, NULL, rows[i].ordered, "", OF_ISSUER, AT_CA);
        auto_free char *authz =
            x_printf("{\"status\":\"pending\",%s\"identifier\":{\"type\":\"dns\",\"value\":\"%s\"},"
                     "\"challenges\":[{\"type\":\"tls-alpn-01\",\"url\":\"" ACME_CA
                     "/c/1\",\"status\":\"pending\"},{\"type\":\"x y\",\"url\":\"" ACME_CA
                     "/c/2\",\"status\":\"pending\"}]}",
                     rows[i].flag, rows[i].identifier);
        acme_scene_directory(&s, "");
        acme_scene_post(&s, "/authz/1", 200, "", authz);
        json_auto_t *status = pass_and_look(&s, "/authz/1"); /* does it stay pending? */
        if (strstr(JSTR(status, "reason"), rows[i].want) == NULL)
            fail_msg("%s: %s", rows[i].identifier, JSTR(status, "reason"));
    }
}

#define ORDER_IS(status) "{\"status\":\"" status "\",\"finalize\":\"" ACME_CA "/f\"}"
#define AUTHZ_OF_A                                                                                 \
    "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},\"challenges\":[]}"

static void open_reused(struct scene *s, const struct pki_key *key, const char *authz,
                        const char *order)
{
    auto_free char *proof = x_printf(AUTHZ_OF_A, authz);
    auto_free char *answer = x_printf("{\"status\":\"%s\",\"finalize\":\"" ACME_CA "/f\"}", order);
    scene_open(s);
    acme_scene_cluster_issuer(s, HTTP01);
    put_order_of(s, key, "a.test", "", OF_CLUSTER_ISSUER, AT_CA);
    acme_scene_directory(s, "");
    acme_scene_post(s, "/authz/1", 200, "", proof);
    acme_scene_post(s, "/order/1", 200, "", answer); /* is it finalized? */
}

/* Who has proven what is known to a process alone: what an earlier one has finalized it has judged. */
static void a_proof_that_is_not_ours_ends_an_order_before_it_is_finalized(void **state)
{
    (void)state;
    static const char *const before[] = {"pending", "ready"};
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        SCENE s = {0};
        open_reused(&s, NULL, "valid", before[i]);
        acme_scene_post(&s, "/authz/1", 200, "", "{\"status\":\"deactivated\"}");
        json_auto_t *status = pass_and_look(&s, "/authz/1");
        assert_string_equal(JSTR(status, "state"), "invalid");
        assert_non_null(strstr(JSTR(status, "reason"), "has not proven"));
    }
    for (int ended = 0; ended < 2; ended++) {
        SCENE s = {0};
        open_reused(&s, NULL, ended ? "deactivated" : "valid", "processing");
        acme_scene_post(&s, "/order/1", 200, "", ORDER_IS("processing"));
        const struct object_name name = {.ns = "shop", .name = "o"};
        int64_t next = 0;
        expect_ok(order_reconcile((void *)(uintptr_t)s.env, &name, &next));
        assert_true(next > SCENE_NOW); /* it is waited for, and nothing is written */
    }
}

/* key: of the request; NULL for another than the certificate's. */
static json_t *download(const struct leaf *leaf, const struct pki_key *key)
{
    SCENE s = {0};
    char *pem = NULL;
    size_t len = 0;
    expect_ok(base64_decode(leaf->text, strlen(leaf->text), &pem, &len));
    open_reused(&s, key, "valid", "valid");
    acme_scene_post(&s, "/order/1", 200, "",
                    "{\"status\":\"valid\",\"finalize\":\"" ACME_CA
                    "/f\",\"certificate\":\"" ACME_CA "/cert/1\"}");
    acme_scene_post(&s, "/cert/1", 200, "content-type: application/pem-certificate-chain\n", pem);
    free(pem);
    return key != NULL ? pass(&s) : pass_and_look(&s, "/authz/1");
}

static void an_order_that_was_issued_is_downloaded_on_whose_proof_ever(void **state)
{
    (void)state;
    LEAF leaf = {0};
    leaf_issue("DNS:a.test", SCENE_NOW + NS_PER_DAY, &leaf);
    json_auto_t *status = download(&leaf, leaf.key);
    assert_string_equal(JSTR(status, "state"), "valid");
    assert_string_equal(JSTR(status, "certificate"), leaf.text);
}

/* The CA gave the order to another cluster with the same account, too. */
static void a_certificate_for_the_key_of_another_is_not_taken(void **state)
{
    (void)state;
    LEAF leaf = {0};
    leaf_issue("DNS:a.test", SCENE_NOW + NS_PER_DAY, &leaf);
    json_auto_t *status = download(&leaf, NULL);
    assert_string_equal(JSTR(status, "state"), "errored");
    assert_non_null(strstr(JSTR(status, "reason"), "for another key"));
    assert_null(JSTR(status, "certificate"));
}

/* An order whose one name was proven a moment ago. */
static void open_proven(struct scene *s)
{
    scene_open(s);
    acme_scene_issuer(s, HTTP01);
    put_order_of(s, NULL, "a.test", "", OF_ISSUER, AT_CA);
    acme_scene_directory(s, "");
    scene_put(&s->env->challenges,
              "{\"metadata\":{\"name\":\"c\",\"namespace\":\"shop\",\"uid\":\"c\","
              "\"resourceVersion\":\"2\",\"ownerReferences\":[{\"apiVersion\":"
              "\"acme.certroll.dev/v1\",\"kind\":\"Order\",\"name\":\"o\",\"uid\":\"o\","
              "\"controller\":true}]},\"spec\":{\"url\":\"" ACME_CA
              "/c\",\"authorizationURL\":\"" ACME_CA
              "/authz/1\",\"dnsName\":\"a.test\",\"type\":\"HTTP-01\",\"token\":\"t\","
              "\"key\":\"k\",\"solver\":{},\"issuerRef\":" OF_ISSUER "}}");
    memo_set(s->env->proven, "c", SCENE_NOW);
}

static int64_t pass_and_wait(struct scene *s)
{
    const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    expect_ok(order_reconcile((void *)(uintptr_t)s->env, &name, &next));
    return next - SCENE_NOW;
}

static void what_is_proven_is_finalized_without_a_question(void **state)
{
    (void)state;
    SCENE s = {0};
    open_proven(&s);
    acme_scene_post(&s, "/f", 200, "", ORDER_IS("processing"));
    assert_int_equal(pass_and_wait(&s), 100 * NS_PER_MS);
    acme_scene_post(&s, "/order/1", 200, "", ORDER_IS("processing")); /* and not again */
    assert_int_equal(pass_and_wait(&s), 400 * NS_PER_MS);
}

static void an_order_that_is_not_ready_after_all_is_read(void **state)
{
    (void)state;
    SCENE s = {0};
    open_proven(&s);
    acme_scene_post(&s, "/f", 403, "content-type: application/problem+json\n",
                    ACME_PROBLEM("orderNotReady"));
    acme_scene_post(&s, "/order/1", 200, "", ORDER_IS("pending"));
    assert_true(pass_and_wait(&s) > 0);
    acme_scene_post(&s, "/order/1", 200, "", ORDER_IS("ready"));
    acme_scene_post(&s, "/f", 200, "", ORDER_IS("processing"));
    assert_true(pass_and_wait(&s) > 0);
}

/* What came of it nobody knows when the answer is lost: then the order is read. */
static void a_finalize_without_an_answer_is_not_repeated_blindly(void **state)
{
    (void)state;
    SCENE s = {0};
    open_proven(&s);
    const struct object_name name = {.ns = "shop", .name = "o"};
    int64_t next = 0;
    acme_scene_post(&s, "/f", 500, "", "");
    expect_err(order_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_TRANSIENT, NULL, NULL);
    acme_scene_post(&s, "/order/1", 200, "", ORDER_IS("processing"));
    assert_true(pass_and_wait(&s) > 0);
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
        cmocka_unit_test(what_must_fail_is_not_ordered),
        cmocka_unit_test(what_a_record_cannot_prove_is_not_ordered),
        cmocka_unit_test(the_accounts_key_gets_no_certificate),
        cmocka_unit_test(the_profile_is_chosen),
        cmocka_unit_test(a_wildcard_without_a_solver_is_ordered),
        cmocka_unit_test(what_is_replaced_comes_from_the_request),
        cmocka_unit_test(a_refused_replacement_is_ordered_within_limits),
        cmocka_unit_test(what_is_held_before_the_ca_takes_no_order),
        cmocka_unit_test(a_replacement_that_the_ca_fails_over_is_left_out),
        cmocka_unit_test(a_replacement_by_hand_is_within_limits),
        cmocka_unit_test(what_was_not_ordered_is_not_proven),
        cmocka_unit_test(a_replacement_waits_where_the_ca_does_not_know_of_any),
        cmocka_unit_test(a_proof_that_is_not_ours_ends_an_order_before_it_is_finalized),
        cmocka_unit_test(what_is_proven_is_finalized_without_a_question),
        cmocka_unit_test(an_order_that_is_not_ready_after_all_is_read),
        cmocka_unit_test(a_finalize_without_an_answer_is_not_repeated_blindly),
        cmocka_unit_test(an_order_that_was_issued_is_downloaded_on_whose_proof_ever),
        cmocka_unit_test(a_certificate_for_the_key_of_another_is_not_taken),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
