/* SPDX-License-Identifier: Apache-2.0 */
/* An order that the CA has built on what was proven before. What others have proven goes with the first attempt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "reconcilers/names.h"
#include "reconcilers/order.h"
#include "reconcilers/outage.h"
#include "support/scripted_kube.h"

#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o/status"
#define OF "\"issuerRef\":{\"name\":\"acme\",\"kind\":\"ClusterIssuer\"}"
#define AUTHZ(name, status)                                                                        \
    "{\"status\":\"" status "\",\"identifier\":{\"type\":\"dns\",\"value\":\"" name                \
    "\"},\"challenges\":[]}"
#define URL(n) "{\"url\":\"" ACME_CA "/authz/" n "\"}"

static const struct object_name name = {.ns = "shop", .name = "o"};

/* An Order of a.test, b.test and c.test, at the CA. */
static void open_order(struct scene *s)
{
    scene_open(s);
    acme_scene_cluster_issuer(s, ",\"solvers\":[{\"http01\":{\"ingress\":{}}}]");
    scene_put(&s->env->requests,
              "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"Q1NS\"," OF "}}");
    scene_put(&s->env->orders,
              "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
              "\"resourceVersion\":\"2\"," ACME_OWNED(
                  "CertificateRequest", "web-1",
                  "r") "},\"spec\":{\"request\":\"Q1NS\",\"dnsNames\":[\"a.test\",\"b.test\","
                       "\"c.test\"]," OF "},\"status\":{\"state\":\"pending\",\"url\":\"" ACME_CA
                       "/order/1\",\"authorizations\":[" URL("1") "," URL("2") "," URL("3") "]}}");
    acme_scene_directory(s, "");
}

static void plan_first(struct scene *s)
{
    acme_scene_post(s, "/authz/1", 200, "", AUTHZ("a.test", "valid"));
    acme_scene_post(s, "/order/1", 200, "",
                    "{\"status\":\"pending\",\"finalize\":\"" ACME_CA
                    "/f\"}"); /* is it finalized? */
}

static void plan_rest(struct scene *s)
{
    acme_scene_post(s, "/authz/2", 200, "", AUTHZ("b.test", "pending"));
    acme_scene_post(s, "/authz/1", 200, "", AUTHZ("a.test", "deactivated"));
    scripted_plan(&s->world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
                  "\"resourceVersion\":\"3\"},\"spec\":{\"request\":\"Q1NS\"," OF
                  "},\"status\":{\"state\":\"invalid\"}}");
    /* what was pending is nobody's now */
    acme_scene_post(s, "/authz/1", 200, "", AUTHZ("a.test", "deactivated"));
    acme_scene_post(s, "/authz/2", 200, "", AUTHZ("b.test", "pending"));
    acme_scene_post(s, "/authz/2", 200, "", AUTHZ("b.test", "deactivated"));
    acme_scene_post(s, "/authz/3", 200, "", AUTHZ("c.test", "deactivated"));
}

static void expect_deactivation(struct scene *s, size_t i, const char *url)
{
    json_auto_t *payload = acme_scene_payload(s, i);
    assert_non_null(strstr(scripted_seen(&s->world, i)->expected, url));
    assert_string_equal(JSTR(payload, "status"), "deactivated");
}

static void all_that_others_have_proven_goes_at_once(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next = 0;
    open_order(&s);
    plan_first(&s);
    acme_scene_post(&s, "/authz/3", 200, "", AUTHZ("c.test", "valid"));
    acme_scene_post(&s, "/authz/3", 200, "", AUTHZ("c.test", "deactivated"));
    size_t last = s.world.planned - 1;
    plan_rest(&s);
    expect_ok(order_reconcile((void *)(uintptr_t)s.env, &name, &next));
    expect_deactivation(&s, last, "/authz/3");
    expect_deactivation(&s, last + 4, "/authz/1");
}

/* Of an Issuer of the namespace's own, who may build on all that its account has proven: what was found valid is not asked for
 * again, or a CA in trouble would have to answer for all names in one pass. */
static void what_is_valid_is_asked_for_once(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next = 0;
    scene_open(&s);
    acme_scene_issuer(&s, "");
    acme_scene_pending_order(&s);
    acme_scene_directory(&s, "");
    acme_scene_post(&s, "/authz/1", 200, "", AUTHZ("a.test", "valid"));
    acme_scene_post(&s, "/order/1", 503, "", "");
    expect_err(order_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_TRANSIENT, NULL, "503");
    acme_scene_post(&s, "/order/1", 503, "", "");
    expect_err(order_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_TRANSIENT, NULL, "503");
}

/* Fail-over goes by it. */
static void who_does_not_tell_of_an_authorization_is_silent(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next = 0;
    scene_open(&s);
    acme_scene_issuer(&s, "");
    acme_scene_pending_order(&s);
    acme_scene_directory(&s, "");
    acme_scene_post(&s, "/authz/1", 503, "", "");
    expect_err(order_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_TRANSIENT, NULL, "503");
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s.env->issuers.cache, "shop", "acme");
    assert_int_equal(outage_since(s.env, issuer), SCENE_NOW);
}

/* The first one is the last to go: it says what is to be done. */
static void a_pass_that_is_cut_short_is_made_again(void **state)
{
    (void)state;
    SCENE s = {0};
    int64_t next = 0;
    open_order(&s);
    plan_first(&s);
    acme_scene_post(&s, "/authz/3", 200, "", AUTHZ("c.test", "valid"));
    acme_scene_post(&s, "/authz/3", 503, "", "");
    expect_err(order_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_TRANSIENT, NULL, "503");
    plan_first(&s);
    acme_scene_post(&s, "/authz/3", 200, "", AUTHZ("c.test", "deactivated"));
    plan_rest(&s);
    expect_ok(order_reconcile((void *)(uintptr_t)s.env, &name, &next));
}

static bool reuse_or_prove(struct scene *s, const char *server, bool cluster, bool prove)
{
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"acme\",%s\"uid\":\"i\"},\"spec\":{\"acme\":{\"server\":\"%s\","
        "\"privateKeySecretRef\":{\"name\":\"k\"},\"solvers\":[{\"http01\":{\"ingress\":{}}}]}},"
        "\"status\":{\"acme\":{\"uri\":\"" ACME_ACCOUNT "\"}}}",
        cluster ? "" : "\"namespace\":\"shop\",", server);
    AUTO_OBJECT(struct issuer)
    issuer = scene_object(cluster ? &kind_cluster_issuer : &kind_issuer, text);
    AUTO_OBJECT(struct certificate_request)
    request = cache_peek(s->env->requests.cache, "shop", "web-1");
    AUTO_OBJECT(struct order) order = cache_peek(s->env->orders.cache, "shop", "o");
    const struct acme_chain chain = {.order = order, .request = request, .issuer = issuer};
    bool may = false;
    expect_ok(prove ? names_proven(s->env, &chain, "a.test", "https://evil.test/z", &may)
                    : names_may_reuse(s->env, &chain, "a.test", &may));
    return may;
}

/* A tenant's CA may say that its account is the ClusterIssuer's, and that anything is proven. */
static void what_another_ca_has_proven_is_not_built_on(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    acme_scene_pending_order(&s);
    assert_true(reuse_or_prove(&s, "https://evil.test/dir", false, true));
    assert_false(reuse_or_prove(&s, ACME_CA "/dir", true, false));
    assert_true(reuse_or_prove(&s, ACME_CA "/dir", true, true));
    assert_true(reuse_or_prove(&s, ACME_CA "/dir", true, false));
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
        cmocka_unit_test(all_that_others_have_proven_goes_at_once),
        cmocka_unit_test(a_pass_that_is_cut_short_is_made_again),
        cmocka_unit_test(what_is_valid_is_asked_for_once),
        cmocka_unit_test(who_does_not_tell_of_an_authorization_is_silent),
        cmocka_unit_test(what_another_ca_has_proven_is_not_built_on),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
