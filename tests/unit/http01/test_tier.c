/* SPDX-License-Identifier: Apache-2.0 */
/* Which tier serves a config, and what the pod tier sends. */
#include "http01/tier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "support/scripted_kube.h"

#define THUMBPRINT "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
#define INGRESSES "https://api/apis/networking.k8s.io/v1/namespaces/shop/ingresses"
#define OURS "?limit=500&labelSelector=acme.certroll.dev%2Fhttp01-solver%3Dtrue"

static const struct http01_tier *tier_of(const struct solver_http01 *config)
{
    const struct http01_tier *tier = http01_tier_of(config);
    assert_non_null(tier);
    return tier;
}

static void each_config_has_its_tier(void **state)
{
    (void)state;
    const struct http01_ingress ingress = {.service_type = NULL};
    const struct solver_http01 pod = {.ingress = &ingress}, unknown = {.ingress = NULL},
                               external = {.external = "{}"};
    assert_string_equal(tier_of(&pod)->name, "pod");
    assert_string_equal(tier_of(&external)->name, "external");
    assert_null(http01_tier_of(&unknown));
    assert_null(http01_tier_of(NULL));
}

static void each_tier_has_a_mark(void **state)
{
    (void)state;
    unsigned all = 0;
    for (size_t i = 0; http01_tiers[i] != NULL; i++) {
        unsigned mark = http01_tier_mark(http01_tiers[i]);
        assert_int_not_equal(mark, 0);
        assert_int_equal(all & mark, 0);
        all |= mark;
        /* Whoever makes routes can find and remove them. */
        bool stays = str_eq(http01_tiers[i]->name, "standing");
        assert_true((http01_tiers[i]->present == NULL || stays) ==
                    (http01_tiers[i]->clear == NULL));
    }
}

struct world {
    struct scripted_transport script;
    struct kube_client *kube;
    struct http01_env env;
};

static void world_open(struct world *w)
{
    scripted_init(&w->script);
    w->kube = scripted_kube(&w->script);
    w->env = (struct http01_env){.kube = w->kube};
}

static void world_close(struct world *w)
{
    kube_client_free(w->kube);
    scripted_finish(&w->script);
}
#define WORLD __attribute__((cleanup(world_close))) struct world

static const struct http01_ingress nginx = {.ingress_class_name = "nginx",
                                            .service_type = "NodePort",
                                            .pod_template = "{\"spec\":{}}",
                                            .ingress_template = "{}"};
static const struct solver_http01 by_pod = {.ingress = &nginx};
static const struct http01_order web_1 = {.ns = "shop", .name = "web-1", .uid = "u1"};

static void the_pod_tier_leads_to_the_solver(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    const struct http01_pod_config pod = tier_of(&by_pod)->pod(&by_pod);
    assert_string_equal(pod.service_type, "NodePort");
    assert_string_equal(pod.pod_template, "{\"spec\":{}}");
    assert_string_equal(pod.field, "ingress.podTemplate");
    static const struct http01_route routes[] = {{"a.test", "token-a"}, {"b.test", "token-b"}};
    json_auto_t *owner = parsed("{\"uid\":\"u1\",\"name\":\"web-1\"}");
    const struct http01_presentation p = {.order = web_1,
                                          .name = "web-1-1",
                                          .owner = owner,
                                          .thumbprint = THUMBPRINT,
                                          .config = &by_pod,
                                          .routes = routes,
                                          .count = 2};
    scripted_plan(&w.script, "PATCH " INGRESSES "/web-1-1", 201, "{}");
    expect_ok(tier_of(&by_pod)->present(&w.env, &p));
    json_auto_t *sent = scripted_json(&w.script, 0);
    char service[KUBE_NAME_MAX + 1];
    http01_solver_name(THUMBPRINT, service);
    assert_string_equal(JSTR(sent, "spec", "ingressClassName"), "nginx");
    assert_string_equal(JSTR(sent, "metadata", "ownerReferences", "0", "uid"), "u1");
    assert_int_equal(json_count(JGET(sent, "spec", "rules")), 2);
    assert_string_equal(
        JSTR(sent, "spec", "rules", "1", "http", "paths", "0", "backend", "service", "name"),
        service);
}

static void the_pod_tier_removes_its_own_routes(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, "GET " INGRESSES OURS, 200,
                  "{\"items\":["
                  "{\"metadata\":{\"name\":\"web-1\",\"uid\":\"i1\","
                  "\"ownerReferences\":[{\"uid\":\"u1\"}]}},"
                  "{\"metadata\":{\"name\":\"mail-1\",\"uid\":\"i2\","
                  "\"ownerReferences\":[{\"uid\":\"u2\"}]}},"
                  "{\"metadata\":{\"name\":\"by-hand\",\"uid\":\"i3\"}},"
                  "{\"metadata\":{\"name\":\"web-1-1\",\"uid\":\"i4\","
                  "\"ownerReferences\":[{\"uid\":\"u1\"}]}}]}");
    scripted_plan(&w.script, "DELETE " INGRESSES "/web-1", 200, "{}");
    scripted_plan(&w.script, "DELETE " INGRESSES "/web-1-1", 404, "{}");
    expect_ok(tier_of(&by_pod)->clear(&w.env, &web_1));
    json_auto_t *sent = scripted_json(&w.script, 1);
    assert_string_equal(JSTR(sent, "preconditions", "uid"), "i1");
    /* Those of an Order that is gone went with it. */
    const struct http01_order gone = {.ns = "shop", .name = "web-1"};
    expect_ok(tier_of(&by_pod)->clear(&w.env, &gone));
}

static void note(void *arg, const char *ns, const char *name)
{
    buf_putf(arg, "%s/%s ", ns, name);
}

static void the_pod_tier_finds_what_is_there(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    AUTO(buf_release) struct buf found = BUF_INIT(1024);
    scripted_plan(&w.script, "GET https://api/apis/networking.k8s.io/v1/ingresses" OURS, 200,
                  "{\"items\":["
                  "{\"metadata\":{\"name\":\"web-1-1\",\"namespace\":\"shop\","
                  "\"ownerReferences\":[{\"kind\":\"Order\",\"uid\":\"u1\",\"name\":\"web-1\"}]}},"
                  "{\"metadata\":{\"name\":\"solver\",\"namespace\":\"shop\","
                  "\"ownerReferences\":[{\"kind\":\"Issuer\",\"uid\":\"u2\",\"name\":\"acme\"}]}},"
                  "{\"metadata\":{\"name\":\"by-hand\",\"namespace\":\"shop\"}},{}]}");
    expect_ok(tier_of(&by_pod)->adopt(&w.env, note, &found));
    assert_string_equal(buf_str(&found), "shop/web-1 ");
    w.env.namespace = "shop";
    scripted_plan(&w.script, "GET " INGRESSES OURS, 429, "{}");
    expect_err(tier_of(&by_pod)->adopt(&w.env, note, &found), ERR_RATE_LIMITED, NULL, NULL);
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
        cmocka_unit_test(each_config_has_its_tier),
        cmocka_unit_test(each_tier_has_a_mark),
        cmocka_unit_test(the_pod_tier_leads_to_the_solver),
        cmocka_unit_test(the_pod_tier_removes_its_own_routes),
        cmocka_unit_test(the_pod_tier_finds_what_is_there),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
