/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have a name through a ClusterIssuer: what is granted, and what another namespace holds. */
#include "reconcilers/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/hosts.h"
#include "reconciler_scene.h"
#include "support/expect.h"

#define NETWORKING "GET https://api/apis/networking.k8s.io/v1/namespaces/b/ingresses"
#define GATEWAY "GET https://api/apis/gateway.networking.k8s.io/v1/namespaces/b/"
#define NOT_OURS "?limit=500&labelSelector=%21acme.certroll.dev%2Fhttp01-solver"
#define NONE "{\"items\":[]}"

#define CLUSTER_ISSUER(name, uri, acme, spec)                                                      \
    "{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name "\",\"resourceVersion\":\"2\"},"        \
    "\"spec\":{\"acme\":{\"server\":\"https://ca\",\"privateKeySecretRef\":{\"name\":\"k\"}" acme  \
    "}" spec "},\"status\":{\"acme\":{\"uri\":\"" uri "\"}}}"
#define POD ",\"solvers\":[{\"http01\":{\"ingress\":{}}}]"
#define SHARED ",\"solvers\":[{\"http01\":{\"shared\":{}}}]"
#define ANY ",\"nameOwnership\":\"Any\""
#define CERTIFICATE(ns, uid, born, issuer, names, until)                                           \
    "{\"metadata\":{\"name\":\"c\",\"namespace\":\"" ns "\",\"uid\":\"" uid                        \
    "\",\"resourceVersion\":\"2\",\"creationTimestamp\":\"" born                                   \
    "\"},\"spec\":{\"secretName\":\"s\","                                                          \
    "\"dnsNames\":[" names "],\"issuerRef\":{\"name\":\"" issuer                                   \
    "\",\"kind\":\"ClusterIssuer\"}},"                                                             \
    "\"status\":{\"revision\":1,\"notAfter\":\"" until "\"}}"
#define OLD "2025-01-01T00:00:00Z"
#define NEW "2025-06-01T00:00:00Z"
#define VALID "2026-03-01T00:00:00Z"
#define OVER "2025-12-01T00:00:00Z"

/* What namespace b is told when it asks for the names through ClusterIssuer ca. Owned. */
static char *judge(struct scene *s, const char *issuer, const char *const *names, size_t count)
{
    if (issuer != NULL)
        scene_put(&s->env->cluster_issuers, issuer);
    AUTO_OBJECT(struct issuer) ca = NULL;
    expect_ok(store_get(&s->env->cluster_issuers, NULL, "ca", (const void **)&ca));
    AUTO_OBJECT(struct certificate_request)
    request = scene_object(&kind_certificate_request,
                           "{\"metadata\":{\"name\":\"r\",\"namespace\":\"b\",\"uid\":\"r\"},"
                           "\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{\"name\":\"ca\"}}}");
    const struct acme_chain chain = {.request = request, .issuer = ca};
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
                        const char *gateways)
{
    scripted_plan(&s->world, NETWORKING NOT_OURS, 200, ingresses);
    scripted_plan(&s->world, GATEWAY "httproutes" NOT_OURS, routes != NULL ? 200 : 404,
                  str_or(routes, "{}"));
    scripted_plan(&s->world, GATEWAY "gateways" NOT_OURS, gateways != NULL ? 200 : 404,
                  str_or(gateways, "{}"));
}

static void a_route_of_the_namespace_grants_a_name(void **state)
{
    (void)state;
    static const char issuer[] = CLUSTER_ISSUER("ca", "u", SHARED, "");
    static const struct {
        const char *ingresses, *routes, *gateways, *name, *want;
    } rows[] = {
        {NONE, NULL, NULL, "a.test", NAME_NOT_ALLOWED},
        {NONE, NONE, NONE, "a.test", NAME_NOT_ALLOWED},
        {"{\"items\":[{\"spec\":{\"rules\":[{},{\"host\":\"b.test\"},{\"host\":\"A.test\"}]}}]}",
         NULL, NULL, "a.test", NULL},
        {"{\"items\":[{\"spec\":{\"rules\":[{\"host\":\"*.a.test\"}]}}]}", NULL, NULL, "x.a.test",
         NULL},
        {"{\"items\":[{\"spec\":{\"rules\":[{\"host\":\"*.a.test\"}]}}]}", NULL, NULL, "x.y.a.test",
         NAME_NOT_ALLOWED},
        {"{\"items\":[{\"spec\":{\"rules\":[{\"host\":\"*.a.test\"}]}}]}", NULL, NULL, "a.test",
         NAME_NOT_ALLOWED},
        {NONE, "{\"items\":[{\"spec\":{\"hostnames\":[\"a.test\"]}}]}", NONE, "a.test", NULL},
        {NONE, NONE, "{\"items\":[{\"spec\":{\"listeners\":[{\"hostname\":\"a.test\"}]}}]}",
         "a.test", NULL},
        {NONE, NONE, "{\"items\":[{\"spec\":{\"listeners\":[{}]}}]}", "a.test", NAME_NOT_ALLOWED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        clock_manual_advance(&s.hands, NS_PER_MIN);
        plan_routes(&s, rows[i].ingresses, rows[i].routes, rows[i].gateways);
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
            plan_routes(&s, NONE, NULL, NULL);
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

static void the_first_keeps_a_name(void **state)
{
    (void)state;
    static const char first[] = CLUSTER_ISSUER("ca", "u", POD, "");
    static const char any[] = CLUSTER_ISSUER("ca", "u", POD ANY, "");
    static const struct {
        const char *what, *issuer, *other, *own, *want;
    } rows[] = {
        {"held elsewhere", first, CERTIFICATE("a", "1", OLD, "ca", "\"A.test\"", VALID), NULL,
         NAME_HELD_ELSEWHERE},
        {"another name", first, CERTIFICATE("a", "1", OLD, "ca", "\"b.test\"", VALID), NULL, NULL},
        {"over", first, CERTIFICATE("a", "1", OLD, "ca", "\"a.test\"", OVER), NULL, NULL},
        {"another account", first, CERTIFICATE("a", "1", OLD, "other", "\"a.test\"", VALID), NULL,
         NULL},
        {"the account by another issuer", first,
         CERTIFICATE("a", "1", OLD, "twin", "\"a.test\"", VALID), NULL, NAME_HELD_ELSEWHERE},
        {"any", any, CERTIFICATE("a", "1", OLD, "ca", "\"a.test\"", VALID), NULL, NULL},
        {"both, here first", first, CERTIFICATE("a", "1", NEW, "ca", "\"a.test\"", VALID),
         CERTIFICATE("b", "2", OLD, "ca", "\"a.test\"", VALID), NULL},
        {"both, there first", first, CERTIFICATE("a", "1", OLD, "ca", "\"a.test\"", VALID),
         CERTIFICATE("b", "2", NEW, "ca", "\"a.test\"", VALID), NAME_HELD_ELSEWHERE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        scene_put(&s.env->cluster_issuers, CLUSTER_ISSUER("other", "v", POD, ""));
        scene_put(&s.env->cluster_issuers, CLUSTER_ISSUER("twin", "u", POD, ""));
        scene_put(&s.env->certificates, rows[i].other);
        if (rows[i].own != NULL)
            scene_put(&s.env->certificates, rows[i].own);
        print_message("%s\n", rows[i].what);
        expect_why(&s, rows[i].issuer, "a.test", rows[i].want);
    }
}

static void an_issuer_of_the_namespace_is_bound_by_its_account(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO_OBJECT(struct issuer)
    own = scene_object(
        &kind_issuer, "{\"metadata\":{\"name\":\"ca\",\"namespace\":\"b\",\"uid\":\"i\"},\"spec\":{"
                      "\"acme\":{\"server\":\"https://ca\",\"privateKeySecretRef\":{\"name\":"
                      "\"k\"}" SHARED "}}}");
    AUTO_OBJECT(struct certificate_request)
    request = scene_object(&kind_certificate_request,
                           "{\"metadata\":{\"name\":\"r\",\"namespace\":\"b\",\"uid\":\"r\"},"
                           "\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{\"name\":\"ca\"}}}");
    const struct acme_chain chain = {.request = request, .issuer = own};
    char name[] = "a.test";
    char *items[] = {name};
    const struct strlist names = {.items = items, .len = 1};
    char *why = NULL;
    expect_ok(names_judge(s.env, &chain, &names, &why));
    assert_null(why);
    assert_true(names_may_reuse(s.env, &chain, name));
}

static void an_authorization_of_others_is_not_built_on(void **state)
{
    (void)state;
    AUTO_OBJECT(struct certificate_request)
    request = scene_object(&kind_certificate_request,
                           "{\"metadata\":{\"name\":\"r\",\"namespace\":\"b\",\"uid\":\"r\"},"
                           "\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{\"name\":\"ca\"}}}");
    SCENE s = {0};
    scene_open(&s);
    static const char *const texts[] = {CLUSTER_ISSUER("ca", "u", POD, ""),
                                        CLUSTER_ISSUER("ca", "u", POD ANY, ""),
                                        CLUSTER_ISSUER("ca", "u", SHARED, "")};
    const struct issuer *issuers[3];
    for (size_t i = 0; i < 3; i++)
        issuers[i] = scene_object(&kind_cluster_issuer, texts[i]);
    const struct acme_chain pod = {.request = request, .issuer = issuers[0]};
    const struct acme_chain any = {.request = request, .issuer = issuers[1]};
    const struct acme_chain shared = {.request = request, .issuer = issuers[2]};
    scene_put(&s.env->cluster_issuers, texts[0]);
    assert_false(names_may_reuse(s.env, &pod, "a.test"));
    assert_true(names_may_reuse(s.env, &any, "a.test"));
    assert_true(names_may_reuse(s.env, &shared, "a.test")); /* a grant was asked for */
    names_proven(s.env, &pod, "a.test");
    assert_true(names_may_reuse(s.env, &pod, "a.test"));
    assert_false(names_may_reuse(s.env, &pod, "b.test"));
    scene_put(&s.env->certificates, CERTIFICATE("b", "2", OLD, "ca", "\"b.test\"", VALID));
    assert_true(names_may_reuse(s.env, &pod, "b.test"));
    for (size_t i = 0; i < 3; i++)
        object_unref(issuers[i]);
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
        cmocka_unit_test(an_issuer_of_the_namespace_is_bound_by_its_account),
        cmocka_unit_test(an_authorization_of_others_is_not_built_on),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
