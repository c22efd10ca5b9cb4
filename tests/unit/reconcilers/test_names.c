/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have a name: what is granted, what another namespace holds, and what it is about to have. */
#include "reconcilers/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/hosts.h"
#include "leaf_scene.h"
#include "reconciler_scene.h"
#include "reconcilers/name_holders.h"
#include "support/expect.h"
#include "support/scripted_kube.h"

#define NETWORKING "GET https://api/apis/networking.k8s.io/v1/namespaces/b/ingresses"
#define GATEWAY "GET https://api/apis/gateway.networking.k8s.io/v1/namespaces/b/"
#define NOT_OURS "?limit=500&labelSelector=%21acme.certroll.dev%2Fhttp01-solver"
#define NONE "{\"items\":[]}"
#define HOST(host) "{\"host\":\"" host "\"}"
#define ROUTES(rules) "{\"items\":[{\"spec\":{\"rules\":[" rules "]}}]}"
#define LISTENERS(listeners) "{\"items\":[{\"spec\":{\"listeners\":[" listeners "]}}]}"

#define CLUSTER_ISSUER(name, uri, acme, spec)                                                      \
    "{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name "\",\"resourceVersion\":\"2\"},"        \
    "\"spec\":{\"acme\":{\"server\":\"https://ca\",\"privateKeySecretRef\":{\"name\":\"k\"}" acme  \
    "}" spec "},\"status\":{\"acme\":{\"uri\":\"" uri "\"}}}"
#define POD ",\"solvers\":[{\"http01\":{\"ingress\":{}}}]"
#define SHARED ",\"solvers\":[{\"http01\":{\"shared\":{}}}]"
#define PERSIST ",\"solvers\":[{\"dnsPersist01\":{}}]"
#define ANY ",\"nameOwnership\":\"Any\""
#define CERTIFICATE(ns, uid, born, issuer, names, until)                                           \
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"" ns "\",\"uid\":\"" uid                      \
    "\",\"resourceVersion\":\"2\",\"creationTimestamp\":\"" born                                   \
    "\"},\"spec\":{\"secretName\":\"s\","                                                          \
    "\"dnsNames\":[" names "],\"issuerRef\":{\"name\":\"" issuer                                   \
    "\",\"kind\":\"ClusterIssuer\"}},"                                                             \
    "\"status\":{\"revision\":1,\"notAfter\":\"" until "\"}}"
#define OF_REQUEST ACME_OWNED("CertificateRequest", "web-1", "web-1")
#define ORDER(ns, uid, names, status)                                                              \
    "{\"metadata\":{\"name\":\"" uid "\",\"namespace\":\"" ns "\",\"uid\":\"" uid                  \
    "\",\"resourceVersion\":\"2\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"," OF_REQUEST      \
    "},\"spec\":{\"request\":\"Q1NS\",\"dnsNames\":[" names "],\"issuerRef\":{\"name\":\"ca\","    \
    "\"kind\":\"ClusterIssuer\"}},\"status\":{" status "}}"
#define REQUEST                                                                                    \
    "{\"metadata\":{\"name\":\"r\",\"namespace\":\"b\",\"uid\":\"r\"},"                            \
    "\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{\"name\":\"ca\"}}}"
#define OLD "2025-01-01T00:00:00Z"
#define NEW "2025-06-01T00:00:00Z"
#define VALID "2026-03-01T00:00:00Z"

/* What namespace b is told when it asks for the names through ClusterIssuer ca. Owned. */
static char *judge(struct scene *s, const char *issuer, const char *const *names, size_t count)
{
    if (issuer != NULL)
        scene_put(&s->env->cluster_issuers, issuer);
    AUTO_OBJECT(struct issuer) ca = NULL;
    expect_ok(store_get(&s->env->cluster_issuers, NULL, "ca", (const void **)&ca));
    AUTO_OBJECT(struct certificate_request)
    request = scene_object(&kind_certificate_request, REQUEST);
    AUTO_OBJECT(struct order) order = scene_object(&kind_order, ORDER("b", "mine", "", ""));
    const struct acme_chain chain = {.order = order, .request = request, .issuer = ca};
    const struct strlist list = {.items = (char **)(uintptr_t)names, .len = count};
    char *why = NULL;
    expect_ok(names_judge(s->env, &chain, &list, &why));
    return why;
}

static void expect_why(struct scene *s, const char *issuer, const char *name, const char *want)
{
    const char *const names[] = {name};
    auto_free char *why = judge(s, issuer, names, 1);
    if (want == NULL ? why != NULL : why == NULL || !str_starts(why, want))
        fail_msg("%s: %s, expected %s", name, str_or(why, "allowed"), str_or(want, "allowed"));
}

static void plan_routes(struct scene *s, const char *ingresses, const char *routes,
                        const char *gateways, const char *sets)
{
    scripted_plan(&s->world, NETWORKING NOT_OURS, 200, ingresses);
    scripted_plan(&s->world, GATEWAY "httproutes" NOT_OURS, routes != NULL ? 200 : 404,
                  str_or(routes, "{}"));
    scripted_plan(&s->world, GATEWAY "gateways" NOT_OURS, gateways != NULL ? 200 : 404,
                  str_or(gateways, "{}"));
    scripted_plan(&s->world, GATEWAY "listenersets" NOT_OURS, sets != NULL ? 200 : 404,
                  str_or(sets, "{}"));
}

static void a_route_of_the_namespace_grants_a_name(void **state)
{
    (void)state;
    static const char issuer[] = CLUSTER_ISSUER("ca", "u", SHARED, "");
    static const struct {
        const char *ingresses, *routes, *gateways, *sets, *name, *want;
    } rows[] = {
        {NONE, NULL, NULL, NULL, "a.test", NAME_NOT_ALLOWED},
        {NONE, NONE, NONE, NONE, "a.test", NAME_NOT_ALLOWED},
        {ROUTES("{}," HOST("b.test") "," HOST("A.test")), NULL, NULL, NULL, "a.test", NULL},
        {ROUTES(HOST("*.a.test")), NULL, NULL, NULL, "x.a.test", NULL},
        {ROUTES(HOST("*.a.test")), NULL, NULL, NULL, "x.y.a.test", NAME_NOT_ALLOWED},
        {ROUTES(HOST("*.a.test")), NULL, NULL, NULL, "a.test", NAME_NOT_ALLOWED},
        {ROUTES(HOST("*.0.2.1")), NULL, NULL, NULL, "192.0.2.1", NAME_NOT_ALLOWED},
        {NONE, "{\"items\":[{\"spec\":{\"hostnames\":[\"a.test\"]}}]}", NONE, NULL, "a.test", NULL},
        {NONE, NONE, LISTENERS("{\"hostname\":\"a.test\"}"), NULL, "a.test", NULL},
        {NONE, NONE, LISTENERS("{}"), NONE, "a.test", NAME_NOT_ALLOWED},
        {NONE, NONE, NONE, LISTENERS("{},{\"hostname\":\"*.a.test\"}"), "x.a.test", NULL},
        {NONE, NONE, NONE, LISTENERS("{}"), "a.test", NAME_NOT_ALLOWED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        clock_manual_advance(&s.hands, NS_PER_MIN);
        plan_routes(&s, rows[i].ingresses, rows[i].routes, rows[i].gateways, rows[i].sets);
        expect_why(&s, issuer, rows[i].name, rows[i].want);
        /* For two seconds what was read is enough. */
        expect_why(&s, NULL, rows[i].name, rows[i].want);
    }
}

static void the_issuer_grants_names(void **state)
{
    (void)state;
#define ALLOW(selector, names) ",\"allowedNames\":[{" selector "\"names\":[" names "]}]"
#define TEAM "\"namespaceSelector\":{\"matchLabels\":{\"team\":\"b\"}},"
    static const struct {
        const char *issuer, *name;
        bool asks, allowed; /* for the labels */
    } rows[] = {
        {CLUSTER_ISSUER("ca", "u", SHARED, ALLOW("", "\"*\"")), "a.test", true, true},
        {CLUSTER_ISSUER("ca", "u", SHARED, ALLOW(TEAM, "\"a.test\"")), "A.TEST", true, true},
        {CLUSTER_ISSUER("ca", "u", SHARED, ALLOW(TEAM, "\"*.test\"")), "x.y.test", true, true},
        {CLUSTER_ISSUER("ca", "u", SHARED, ALLOW(TEAM, "\"*.test\"")), "test", false, false},
        {CLUSTER_ISSUER("ca", "u", SHARED, ALLOW(TEAM, "\"*.test\"")), "xtest", false, false},
        {CLUSTER_ISSUER(
             "ca", "u", SHARED,
             ALLOW("\"namespaceSelector\":{\"matchLabels\":{\"team\":\"a\"}},", "\"a.test\"")),
         "a.test", true, false},
        {CLUSTER_ISSUER("ca", "u", SHARED,
                        ALLOW("\"namespaceSelector\":{\"matchExpressions\":[{\"key\":\"team\","
                              "\"operator\":\"In\",\"values\":[\"b\"]},{\"key\":\"x\","
                              "\"operator\":\"DoesNotExist\"}]},",
                              "\"a.test\"")),
         "a.test", true, true},
        {CLUSTER_ISSUER("ca", "u", SHARED,
                        ALLOW("\"namespaceSelector\":{\"matchExpressions\":[{\"key\":\"team\","
                              "\"operator\":\"NotIn\",\"values\":[\"b\"]}]},",
                              "\"a.test\"")),
         "a.test", true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        if (rows[i].asks)
            scripted_plan(&s.world, "GET https://api/api/v1/namespaces/b", 200,
                          "{\"metadata\":{\"name\":\"b\",\"labels\":{\"team\":\"b\"}}}");
        if (!rows[i].allowed)
            plan_routes(&s, NONE, NULL, NULL, NULL);
        expect_why(&s, rows[i].issuer, rows[i].name, rows[i].allowed ? NULL : NAME_NOT_ALLOWED);
    }
}

/* The pod tier's route is in the namespace itself. */
static void a_pod_needs_no_grant(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    expect_why(&s, CLUSTER_ISSUER("ca", "u", POD, ""), "a.test", NULL);
}

/* Puts a Certificate "web" and the request that was answered for it. */
static void put_held(struct scene *s, const char *certificate, const struct leaf_request *r,
                     const struct leaf *leaf)
{
    scene_put(&s->env->certificates, certificate);
    leaf_put_request(s, r, leaf);
}

static void put_issuers(struct scene *s)
{
    scene_put(&s->env->cluster_issuers, CLUSTER_ISSUER("other", "v", POD, ""));
    scene_put(&s->env->cluster_issuers, CLUSTER_ISSUER("twin", "u", POD, ""));
}

static void the_first_keeps_a_name(void **state)
{
    (void)state;
    static const char first[] = CLUSTER_ISSUER("ca", "u", POD, "");
    static const char any[] = CLUSTER_ISSUER("ca", "u", POD ANY, "");
    static const struct {
        const char *what, *issuer, *by, *other, *own, *want;
    } rows[] = {
        {"held elsewhere", first, "ca", CERTIFICATE("a", "1", OLD, "ca", "\"A.test\"", VALID), NULL,
         NAME_HELD_ELSEWHERE},
        {"another name", first, "ca", CERTIFICATE("a", "1", OLD, "ca", "\"b.test\"", VALID), NULL,
         NULL},
        {"another account", first, "other", CERTIFICATE("a", "1", OLD, "ca", "\"a.test\"", VALID),
         NULL, NULL},
        {"the account by another issuer", first, "twin",
         CERTIFICATE("a", "1", OLD, "twin", "\"a.test\"", VALID), NULL, NAME_HELD_ELSEWHERE},
        {"after a fail-over", first, "ca", CERTIFICATE("a", "1", OLD, "other", "\"a.test\"", VALID),
         NULL, NAME_HELD_ELSEWHERE},
        {"any", any, "ca", CERTIFICATE("a", "1", OLD, "ca", "\"a.test\"", VALID), NULL, NULL},
        {"both, here first", first, "ca", CERTIFICATE("a", "1", NEW, "ca", "\"a.test\"", VALID),
         CERTIFICATE("b", "2", OLD, "ca", "\"a.test\"", VALID), NULL},
        {"both, there first", first, "ca", CERTIFICATE("a", "1", OLD, "ca", "\"a.test\"", VALID),
         CERTIFICATE("b", "2", NEW, "ca", "\"a.test\"", VALID), NAME_HELD_ELSEWHERE},
    };
    LEAF leaf = {0};
    leaf_issue("DNS:a.test", SCENE_NOW + NS_PER_DAY, &leaf);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_issuers(&s);
        print_message("%s\n", rows[i].what);
        put_held(&s, rows[i].other, &(struct leaf_request){"a", "web-1", "1", rows[i].by, NULL},
                 &leaf);
        if (rows[i].own != NULL)
            put_held(&s, rows[i].own, &(struct leaf_request){"b", "web-2", "2", "ca", NULL}, &leaf);
        expect_why(&s, rows[i].issuer, "a.test", rows[i].want);
    }
}

/* People write U-labels, and IPv6 in many ways; certificates do not. */
static void a_name_is_held_however_it_is_written(void **state)
{
    (void)state;
    static const char issuer[] = CLUSTER_ISSUER("ca", "u", POD, "");
    static const struct {
        const char *written, *sans, *name, *want;
    } rows[] = {
        {"b\xc3\xbc"
         "cher.test",
         "DNS:xn--bcher-kva.test", "xn--bcher-kva.test", NAME_HELD_ELSEWHERE},
        {"B\xc3\x9c"
         "CHER.test",
         "DNS:xn--bcher-kva.test", "xn--bcher-kva.test", NAME_HELD_ELSEWHERE},
        {"2001:0DB8:0::7", "IP:2001:db8::7", "2001:db8::7", NAME_HELD_ELSEWHERE},
        {"2001:db8::8", "IP:2001:db8::7", "2001:db8::7", NULL},
        {"b\xc3\xa4"
         "cher.test",
         "DNS:xn--bcher-kva.test", "xn--bcher-kva.test", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_issuers(&s);
        LEAF leaf = {0};
        leaf_issue(rows[i].sans, SCENE_NOW + NS_PER_DAY, &leaf);
        auto_free char *certificate = x_printf(
            "{\"metadata\":{\"name\":\"web\",\"namespace\":\"a\",\"uid\":\"1\",\"resourceVersion\":"
            "\"2\",\"creationTimestamp\":\"" OLD
            "\"},\"spec\":{\"secretName\":\"s\",\"%s\":[\"%s\"],"
            "\"issuerRef\":{\"name\":\"ca\",\"kind\":\"ClusterIssuer\"}}}",
            str_starts(rows[i].sans, "IP:") ? "ipAddresses" : "dnsNames", rows[i].written);
        put_held(&s, certificate, &(struct leaf_request){"a", "web-1", "1", "ca", NULL}, &leaf);
        expect_why(&s, issuer, rows[i].name, rows[i].want);
    }
}

/* What a tenant writes into a spec, a Secret (and so into notAfter) or an owner reference holds no name: neither against its
 * owner, nor so that the owner's authorization could be built on. */
static void only_what_was_issued_is_held(void **state)
{
    (void)state;
    static const char issuer[] = CLUSTER_ISSUER("ca", "u", POD, "");
    static const struct {
        const char *what, *sans;
        int64_t until; /* from now */
        struct leaf_request request;
    } rows[] = {
        {"issued for another name", "DNS:mine.test", NS_PER_DAY, {"a", "web-1", "1", "ca", NULL}},
        {"issued by another CA", "DNS:a.test", NS_PER_DAY, {"a", "web-1", "1", "other", NULL}},
        {"expired", "DNS:a.test", -NS_PER_SEC, {"a", "web-1", "1", "ca", NULL}},
        {"not issued", "DNS:a.test", NS_PER_DAY, {"a", "web-1", "1", "ca", "False"}},
        {"of a Certificate before", "DNS:a.test", NS_PER_DAY, {"a", "web-1", "0", "ca", NULL}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_issuers(&s);
        print_message("%s\n", rows[i].what);
        LEAF leaf = {0};
        leaf_issue(rows[i].sans, SCENE_NOW + rows[i].until, &leaf);
        put_held(&s, CERTIFICATE("a", "1", OLD, "ca", "\"a.test\"", VALID), &rows[i].request,
                 &leaf);
        expect_why(&s, issuer, "a.test", NULL);
    }
}

static void what_another_orders_is_waited_for(void **state)
{
    (void)state;
#define AT_CA "\"state\":\"pending\",\"url\":\"u\""
    static const struct {
        const char *what, *order, *want;
    } rows[] = {
        {"elsewhere", ORDER("a", "o", "\"x.test\",\"a.test\"", AT_CA), NAME_HELD_ELSEWHERE},
        {"here", ORDER("b", "o", "\"a.test\"", AT_CA), NULL},
        {"another name", ORDER("a", "o", "\"x.test\"", AT_CA), NULL},
        {"over", ORDER("a", "o", "\"a.test\"", "\"state\":\"invalid\",\"url\":\"u\""), NULL},
        {"not at the CA", ORDER("a", "o", "\"a.test\"", "\"state\":\"pending\""), NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        scene_put(&s.env->orders, rows[i].order);
        print_message("%s\n", rows[i].what);
        expect_why(&s, CLUSTER_ISSUER("ca", "u", POD, ""), "a.test", rows[i].want);
        clock_manual_advance(&s.hands, 10 * NS_PER_MIN);
        expect_why(&s, NULL, "a.test", NULL);
    }
}

/* However old its order: what proves it is there. */
static void what_was_issued_is_waited_for_until_the_request_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *what, *ready, *owner, *want;
    } rows[] = {
        {"not said yet", "False", "1", NAME_HELD_ELSEWHERE},
        {"said", "True", "1", NAME_HELD_ELSEWHERE},
        {"said, for a Certificate before", "True", "0", NULL},
        {"no request", NULL, NULL, NULL},
    };
    LEAF leaf = {0};
    leaf_issue("DNS:a.test", SCENE_NOW + NS_PER_DAY, &leaf);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        print_message("%s\n", rows[i].what);
        scene_put(&s.env->certificates, CERTIFICATE("a", "1", OLD, "ca", "\"a.test\"", VALID));
        scene_put(&s.env->orders,
                  ORDER("a", "o", "\"a.test\"", "\"state\":\"valid\",\"url\":\"u\""));
        const struct leaf_request request = {"a", "web-1", rows[i].owner, "ca", rows[i].ready};
        if (rows[i].ready != NULL)
            leaf_put_request(&s, &request, &leaf);
        clock_manual_advance(&s.hands, 10 * NS_PER_MIN);
        expect_why(&s, CLUSTER_ISSUER("ca", "u", POD, ""), "a.test", rows[i].want);
    }
}

/* Who could not prove a name for ten minutes must not keep others from it, nor get what they prove: its authorization is
 * deactivated, and that of other names stays. */
static void what_stays_unproven_is_taken_back(void **state)
{
    (void)state;
#define CHALLENGE(name, state)                                                                     \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"a\",\"uid\":\"" name                     \
    "\",\"resourceVersion\":\"2\",\"ownerReferences\":[{\"apiVersion\":\"acme.certroll.dev/v1\","  \
    "\"kind\":\"Order\",\"name\":\"o\",\"uid\":\"o\",\"controller\":true}]},\"spec\":{\"url\":"    \
    "\"" ACME_CA "/c\",\"authorizationURL\":\"" ACME_CA "/z/" name "\",\"dnsName\":\"" name        \
    "\",\"type\":\"HTTP-01\",\"token\":\"t\",\"key\":\"k\",\"solver\":{},\"issuerRef\":{"          \
    "\"name\":\"ca\"}},\"status\":{\"state\":\"" state "\"}}"
    SCENE s = {0};
    scene_open(&s);
    AUTO_KEY key = NULL;
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    struct acme_ca *ca = acme_ca_new(&(struct acme_ca_options){
        .directory_url = ACME_CA "/dir", .transport = &s.world.transport, .clock = &s.hands.clock});
    scene_put(&s.env->cluster_issuers, CLUSTER_ISSUER("ca", "u", POD, ""));
    AUTO_OBJECT(struct issuer)
    issuer = scene_object(&kind_cluster_issuer, CLUSTER_ISSUER("ca", "u", POD, ""));
    AUTO_OBJECT(struct certificate_request)
    request = scene_object(&kind_certificate_request, REQUEST);
    const struct acme_chain chain = {
        .request = request, .issuer = issuer, .account.account = {ca, key, ACME_ACCOUNT}};
    scene_put(&s.env->orders, ORDER("a", "o", "\"a.test\",\"b.test\",\"c.test\"", AT_CA));
    scene_put(&s.env->challenges, CHALLENGE("a.test", "pending"));
    scene_put(&s.env->challenges, CHALLENGE("b.test", "pending"));
    scene_put(&s.env->challenges, CHALLENGE("c.test", "valid"));
    char a[] = "a.test", c[] = "c.test";
    char *items[] = {a, c};
    const struct strlist names = {.items = items, .len = 2};
    const char *ordered = NULL;
    expect_ok(name_is_ordered(s.env, &chain, &names, &ordered));
    assert_string_equal(ordered, "a.test");
    clock_manual_advance(&s.hands, 10 * NS_PER_MIN);
    acme_scene_directory(&s, "");
    acme_scene_post(&s, "/z/a.test", 200, "", "{}");
    expect_ok(name_is_ordered(s.env, &chain, &names, &ordered));
    assert_null(ordered);
    json_auto_t *said = acme_scene_payload(&s, s.world.done - 1);
    assert_string_equal(JSTR(said, "status"), "deactivated");
    acme_ca_free(ca);
}

/* A record that stays is for the account, and so for all who use it. */
static void a_record_that_stays_needs_a_grant_for_an_account_that_is_shared(void **state)
{
    (void)state;
    static const char shared[] = CLUSTER_ISSUER("ca", "u", PERSIST ANY, "");
    static const char granted[] =
        CLUSTER_ISSUER("ca", "u", PERSIST ANY, ",\"allowedNames\":[{\"names\":[\"*.a.test\"]}]");
    SCENE s = {0};
    scene_open(&s);
    plan_routes(&s, NONE, NULL, NULL, NULL);
    expect_why(&s, shared, "x.a.test", NAME_NOT_ALLOWED);
    SCENE of = {0};
    scene_open(&of);
    scripted_plan(&of.world, "GET https://api/api/v1/namespaces/b", 200, "{\"metadata\":{}}");
    expect_why(&of, granted, "*.a.test", NULL);
    json_auto_t *own = parsed(granted);
    json_put_str(JGET(own, "metadata"), "namespace", "b");
    const void *issuer = NULL;
    expect_ok(object_decode(&kind_issuer, own, &issuer));
    AUTO_OBJECT(struct issuer) of_namespace = issuer;
    AUTO_OBJECT(struct certificate_request)
    request = scene_object(&kind_certificate_request, REQUEST);
    AUTO_OBJECT(struct order) order = scene_object(&kind_order, ORDER("b", "mine", "", ""));
    const struct acme_chain chain = {.order = order, .request = request, .issuer = of_namespace};
    char name[] = "other.test", *items[] = {name}, *why = NULL;
    expect_ok(names_judge(s.env, &chain, &(struct strlist){.items = items, .len = 1}, &why));
    assert_null(why); /* an account of its own, which the record names */
}

/* An account of the namespace's own binds it, but where certroll's replicas answer for any account. */
static void an_issuer_of_the_namespace_needs_a_route_where_replicas_answer(void **state)
{
    (void)state;
#define REDIRECT "\"redirect\":{\"url\":\"http://Central.test:80/\"}"
    static const struct {
        const char *http01, *ingresses;
        bool allowed;
    } rows[] = {
        {"\"ingress\":{}", NULL, true},
        {"\"external\":{}", NULL, true},
        {"\"shared\":{}", NONE, false},
        {"\"shared\":{\"standing\":true}", NONE, false},
        {"\"shared\":{}", ROUTES("{\"host\":\"a.test\"}"), true},
        {REDIRECT, ROUTES("{\"host\":\"a.test\"}"), false},
        {REDIRECT, ROUTES("{\"host\":\"a.test\"},{\"host\":\"central.test\"}"), true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        auto_free char *text =
            x_printf("{\"metadata\":{\"name\":\"ca\",\"namespace\":\"b\",\"uid\":\"i\"},\"spec\":{"
                     "\"allowedNames\":[{\"names\":[\"*\"]}],\"acme\":{\"server\":\"https://ca\","
                     "\"privateKeySecretRef\":{\"name\":\"k\"},\"solvers\":[{\"http01\":{%s}}]}}}",
                     rows[i].http01);
        AUTO_OBJECT(struct issuer) own = scene_object(&kind_issuer, text);
        AUTO_OBJECT(struct certificate_request)
        request = scene_object(&kind_certificate_request, REQUEST);
        AUTO_OBJECT(struct order) order = scene_object(&kind_order, ORDER("b", "mine", "", ""));
        const struct acme_chain chain = {.order = order, .request = request, .issuer = own};
        char name[] = "a.test", *items[] = {name};
        const struct strlist names = {.items = items, .len = 1};
        auto_free char *why = NULL;
        if (rows[i].ingresses != NULL)
            plan_routes(&s, rows[i].ingresses, NULL, NULL, NULL);
        expect_ok(names_judge(s.env, &chain, &names, &why));
        if (rows[i].allowed != (why == NULL))
            fail_msg("%s: %s", rows[i].http01, str_or(why, "allowed"));
        bool may = false;
        expect_ok(names_may_reuse(s.env, &chain, name, &may));
        assert_true(may);
    }
}

/* A request's labels can be written at any time: those of its Order lead to the solver that is judged. */
static void labels_written_later_change_nothing(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO_OBJECT(struct issuer)
    ca = scene_object(&kind_cluster_issuer,
                      CLUSTER_ISSUER("ca", "u",
                                     ",\"solvers\":[{\"http01\":{\"ingress\":{}}},{\"selector\":{"
                                     "\"matchLabels\":{\"use\":\"shared\"}},\"http01\":{\"shared\":"
                                     "{}}}]",
                                     ""));
    AUTO_OBJECT(struct certificate_request)
    request = scene_object(&kind_certificate_request,
                           "{\"metadata\":{\"name\":\"r\",\"namespace\":\"b\",\"uid\":\"r\","
                           "\"labels\":{\"use\":\"shared\"}},"
                           "\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{\"name\":\"ca\"}}}");
    AUTO_OBJECT(struct order) order = scene_object(&kind_order, ORDER("b", "mine", "", ""));
    const struct acme_chain chain = {.order = order, .request = request, .issuer = ca};
    assert_non_null(acme_chain_solver(&chain, "a.test")->http01->ingress);
}

struct may {
    struct scene scene;
    const struct issuer *issuer;
    const struct certificate_request *request;
    const struct order *order;
    struct acme_chain chain;
};

static void may_open(struct may *m, const char *issuer)
{
    scene_open(&m->scene);
    m->issuer = scene_object(&kind_cluster_issuer, issuer);
    m->request = scene_object(&kind_certificate_request, REQUEST);
    m->order = scene_object(&kind_order, ORDER("b", "mine", "", ""));
    m->chain = (struct acme_chain){.order = m->order, .request = m->request, .issuer = m->issuer};
    scene_put(&m->scene.env->cluster_issuers, issuer);
}

static void may_close(struct may *m)
{
    object_unref(m->issuer);
    object_unref(m->request);
    object_unref(m->order);
    scene_close(&m->scene);
}

static bool may_reuse(const struct may *m, const char *name)
{
    bool may = false;
    expect_ok(names_may_reuse(m->scene.env, &m->chain, name, &may));
    return may;
}

static bool proven(const struct may *m, const char *name)
{
    bool may = false;
    expect_ok(names_proven(m->scene.env, &m->chain, name, "https://ca/z", &may));
    return may;
}

static void an_authorization_of_others_is_not_built_on(void **state)
{
    (void)state;
    struct may pod = {0}, any = {0}, shared = {0};
    may_open(&pod, CLUSTER_ISSUER("ca", "u", POD, ""));
    may_open(&any, CLUSTER_ISSUER("ca", "u", POD ANY, ""));
    may_open(&shared, CLUSTER_ISSUER("ca", "u", SHARED, ""));
    LEAF leaf = {0};
    leaf_issue("DNS:b.test", SCENE_NOW + NS_PER_DAY, &leaf);
    assert_true(may_reuse(&any, "a.test"));
    assert_true(may_reuse(&shared, "a.test")); /* a grant was asked for */
    assert_false(may_reuse(&pod, "a.test"));
    assert_true(proven(&pod, "a.test"));
    assert_true(may_reuse(&pod, "a.test"));
    assert_false(may_reuse(&pod, "b.test"));
    scene_put(&pod.scene.env->certificates, CERTIFICATE("b", "2", OLD, "ca", "\"b.test\"", VALID));
    assert_false(may_reuse(&pod, "b.test")); /* that is but a wish */
    leaf_put_request(&pod.scene, &(struct leaf_request){"b", "web-2", "2", "ca", NULL}, &leaf);
    assert_true(may_reuse(&pod, "b.test"));
    may_close(&pod);
    may_close(&any);
    may_close(&shared);
}

/* CAs hand out what is pending to each order of an account: either namespace may have proven it. */
static void what_two_were_given_is_nobody_s(void **state)
{
    (void)state;
    static const char given[] =
        ORDER("a", "o", "\"a.test\"",
              AT_CA ",\"authorizations\":[{\"url\":\"https://ca/y\"},{\"url\":\"https://ca/z\"}]");
    struct may pod = {0}, any = {0};
    may_open(&pod, CLUSTER_ISSUER("ca", "u", POD, ""));
    may_open(&any, CLUSTER_ISSUER("ca", "u", POD ANY, ""));
    scene_put(&pod.scene.env->orders, given);
    scene_put(&any.scene.env->orders, given);
    assert_false(proven(&pod, "a.test"));
    assert_false(may_reuse(&pod, "a.test"));
    assert_true(proven(&any, "a.test"));
    may_close(&pod);
    may_close(&any);
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
        cmocka_unit_test(a_route_of_the_namespace_grants_a_name),
        cmocka_unit_test(the_issuer_grants_names),
        cmocka_unit_test(a_pod_needs_no_grant),
        cmocka_unit_test(the_first_keeps_a_name),
        cmocka_unit_test(a_name_is_held_however_it_is_written),
        cmocka_unit_test(only_what_was_issued_is_held),
        cmocka_unit_test(what_another_orders_is_waited_for),
        cmocka_unit_test(what_was_issued_is_waited_for_until_the_request_says_so),
        cmocka_unit_test(what_stays_unproven_is_taken_back),
        cmocka_unit_test(a_record_that_stays_needs_a_grant_for_an_account_that_is_shared),
        cmocka_unit_test(an_issuer_of_the_namespace_needs_a_route_where_replicas_answer),
        cmocka_unit_test(labels_written_later_change_nothing),
        cmocka_unit_test(an_authorization_of_others_is_not_built_on),
        cmocka_unit_test(what_two_were_given_is_nobody_s),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
