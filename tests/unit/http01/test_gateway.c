/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of the Gateway API: what is built, made, found and removed. */
#include "http01/gateway.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "responder_world.h"
#include "support/scripted_kube.h"

#define THUMBPRINT "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
#define GATEWAY_API "https://api/apis/gateway.networking.k8s.io/"
#define ROUTES GATEWAY_API "v1/namespaces/shop/httproutes"
#define GRANTS GATEWAY_API "v1beta1/namespaces/certroll/referencegrants"
#define OURS "?limit=500&labelSelector=acme.certroll.dev%2Fhttp01-solver%3Dtrue"

static const struct gateway_parent_ref parents[] = {
    {.name = "outer", .namespace = "infra", .section_name = "http", .port = 80},
    {.name = "ours", .kind = "ListenerSet", .group = "gateway.networking.k8s.io"}};
static const struct bind_pair labels[] = {{"acme.certroll.dev/http01-solver", "forged"},
                                          {"gateway", "outer"}};
static const struct http01_gateway outer = {.service_type = "NodePort",
                                            .pod_template = "{\"spec\":{}}",
                                            .labels = {labels, 2},
                                            .parent_refs = {parents, 2}};
static const struct http01_shared shared = {.gateway = &outer};
static const struct solver_http01 by_pod = {.gateway = &outer}, by_us = {.shared = &shared};
static const struct http01_order web_1 = {.ns = "shop", .name = "web-1", .uid = "u1"};
static const struct http01_order gone = {.ns = "shop", .name = "web-1"};
static const struct http01_route two[] = {{"a.test", "token-a"}, {"b.test", "token-b"}};

static const struct http01_tier *tier_of(const struct solver_http01 *config)
{
    const struct http01_tier *tier = http01_tier_of(config);
    assert_non_null(tier);
    return tier;
}

static struct http01_presentation presentation(const struct solver_http01 *config,
                                               const json_t *owner)
{
    return (struct http01_presentation){.order = web_1,
                                        .name = "web-1",
                                        .owner = owner,
                                        .thumbprint = THUMBPRINT,
                                        .config = config,
                                        .routes = two,
                                        .count = 2};
}

static json_t *owner_of(void)
{
    return parsed("{\"uid\":\"u1\",\"name\":\"web-1\"}");
}

static void each_config_has_its_tier(void **state)
{
    (void)state;
    const struct http01_shared both = {.gateway = &outer, .standing = true};
    const struct solver_http01 standing = {.shared = &both};
    assert_string_equal(tier_of(&by_pod)->name, "gateway");
    assert_false(tier_of(&by_pod)->granted);
    assert_string_equal(tier_of(&by_us)->name, "shared-gateway");
    assert_true(tier_of(&by_us)->granted);
    assert_null(tier_of(&by_us)->pod);
    assert_string_equal(tier_of(&standing)->name, "standing");
    char host[DNS_NAME_MAX + 1];
    tier_of(&by_us)->host(&by_us, "a.test", host);
    assert_string_equal(host, "a.test");
    const struct http01_pod_config pod = tier_of(&by_pod)->pod(&by_pod);
    assert_string_equal(pod.service_type, "NodePort");
    assert_string_equal(pod.pod_template, "{\"spec\":{}}");
    assert_string_equal(pod.field, "gatewayHTTPRoute.podTemplate");
}

static void expect_route(const json_t *route)
{
    assert_string_equal(JSTR(route, "metadata", "name"), "web-1");
    assert_string_equal(JSTR(route, "metadata", "namespace"), "shop");
    assert_string_equal(JSTR(route, "metadata", "ownerReferences", "0", "uid"), "u1");
    assert_string_equal(JSTR(route, "metadata", "labels", "gateway"), "outer");
    assert_string_equal(JSTR(route, "metadata", "labels", api_names()->http01_solver), "true");
    json_auto_t *refs =
        parsed("[{\"namespace\":\"infra\",\"name\":\"outer\",\"sectionName\":\"http\",\"port\":80},"
               "{\"group\":\"gateway.networking.k8s.io\",\"kind\":\"ListenerSet\","
               "\"name\":\"ours\"}]");
    assert_true(json_same(JGET(route, "spec", "parentRefs"), refs));
    json_auto_t *hosts = parsed("[\"a.test\",\"b.test\"]");
    assert_true(json_same(JGET(route, "spec", "hostnames"), hosts));
    json_auto_t *matches = parsed(
        "[{\"path\":{\"type\":\"Exact\",\"value\":\"/.well-known/acme-challenge/token-a\"}},"
        "{\"path\":{\"type\":\"Exact\",\"value\":\"/.well-known/acme-challenge/token-b\"}}]");
    assert_int_equal(json_count(JGET(route, "spec", "rules")), 1);
    assert_true(json_same(JGET(route, "spec", "rules", "0", "matches"), matches));
}

static void a_route_leads_to_the_solver(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    json_auto_t *owner = owner_of();
    const struct http01_presentation p = presentation(&by_pod, owner);
    scripted_plan(&w.script, "PATCH " ROUTES "/web-1", 201, "{}");
    expect_ok(tier_of(&by_pod)->present(&w.env, &p));
    json_auto_t *sent = scripted_json(&w.script, 0);
    expect_route(sent);
    char service[KUBE_NAME_MAX + 1];
    http01_solver_name(THUMBPRINT, service);
    const json_t *backend = JGET(sent, "spec", "rules", "0", "backendRefs", "0");
    assert_string_equal(JSTR(backend, "name"), service);
    assert_null(JGET(backend, "namespace"));
    assert_int_equal(JINT(backend, 0, "port"), 8089);
}

#define GRANT "PATCH " GRANTS "/certroll-http01-from-shop"
#define GRANT_OF_SHOP OURS "%2Ccertroll.dev%2Fhttp01-grant%3Dshop"

static void the_grant_comes_before_the_route(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    json_auto_t *owner = owner_of();
    const struct http01_presentation p = presentation(&by_us, owner);
    scripted_plan(&w.script, "GET " GRANTS GRANT_OF_SHOP, 200, "{\"items\":[]}");
    scripted_plan(&w.script, GRANT, 201, "{}");
    scripted_plan(&w.script, "PATCH " ROUTES "/web-1", 201, "{}");
    expect_ok(tier_of(&by_us)->present(&w.env, &p));
    json_auto_t *sent = scripted_json(&w.script, 2);
    expect_route(sent);
    const json_t *backend = JGET(sent, "spec", "rules", "0", "backendRefs", "0");
    assert_string_equal(JSTR(backend, "name"), "certroll-http01");
    assert_string_equal(JSTR(backend, "namespace"), "certroll");
}

static void many_names_take_several_routes(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    char hosts[20][16];
    struct http01_route routes[20];
    for (int i = 0; i < 20; i++) {
        str_copy(hosts[i], sizeof(hosts[i]), i == 3 ? "192.0.2.7" : "a.test");
        hosts[i][0] = i == 3 ? '1' : (char)('a' + i);
        routes[i] = (struct http01_route){hosts[i], "token"};
    }
    struct http01_presentation p = presentation(&by_pod, NULL);
    p.routes = routes;
    p.count = 20;
    scripted_plan(&w.script, "PATCH " ROUTES "/web-1", 201, "{}");
    scripted_plan(&w.script, "PATCH " ROUTES "/web-1-h16", 201, "{}");
    scripted_plan(&w.script, "PATCH " ROUTES "/web-1-h19", 201, "{}");
    expect_ok(tier_of(&by_pod)->present(&w.env, &p));
    static const struct {
        size_t hosts, paths;
    } want[] = {{16, 16}, {3, 3}, {0, 1}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        json_auto_t *sent = scripted_json(&w.script, i);
        assert_int_equal(json_count(JGET(sent, "spec", "hostnames")), want[i].hosts);
        assert_int_equal(json_count(JGET(sent, "spec", "rules", "0", "matches")), want[i].paths);
        /* An empty list and none mean the same, but only none is said so. */
        assert_true((JGET(sent, "spec", "hostnames") == NULL) == (want[i].hosts == 0));
    }
}

static void what_cannot_work_says_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const struct solver_http01 *config;
        const char *first;
        int status;
        enum err_kind kind;
        const char *told;
    } rows[] = {
        {&by_pod, "PATCH " ROUTES "/web-1", 404, ERR_INVALID, "no HTTPRoute (gateway.networking"},
        {&by_us, GRANT, 404, ERR_INVALID, "install the Gateway API"},
        {&by_pod, "PATCH " ROUTES "/web-1", 403, ERR_DENIED, "gatewayAPI.enabled"},
        {&by_us, GRANT, 403, ERR_DENIED, "gatewayAPI.enabled"},
        {&by_pod, "PATCH " ROUTES "/web-1", 422, ERR_INVALID, "HTTPRoute"},
        {&by_pod, "PATCH " ROUTES "/web-1", 500, ERR_TRANSIENT, "HTTPRoute"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WORLD w = {0};
        world_open(&w);
        const struct http01_presentation p = presentation(rows[i].config, NULL);
        if (rows[i].config == &by_us)
            scripted_plan(&w.script, "GET " GRANTS GRANT_OF_SHOP, rows[i].status, "{}");
        scripted_plan(&w.script, rows[i].first, rows[i].status, "{}");
        expect_err(tier_of(rows[i].config)->present(&w.env, &p), rows[i].kind, NULL, rows[i].told);
    }
    WORLD w = {0};
    world_open(&w);
    w.env.responder.service = NULL;
    const struct http01_presentation p = presentation(&by_us, NULL);
    expect_err(tier_of(&by_us)->present(&w.env, &p), ERR_INVALID, "InvalidSolver", "--http01-port");
}

#define ROUTE(name, uid) "{\"metadata\":{\"name\":\"" name "\",\"uid\":\"i-" name "\"," uid "}}"
#define OF(uid) "\"ownerReferences\":[{\"kind\":\"Order\",\"uid\":\"" uid "\",\"name\":\"web-1\"}]"

static void what_is_an_orders_is_removed(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, "GET " ROUTES OURS, 200,
                  "{\"items\":[" ROUTE("web-1", OF("u1")) "," ROUTE("mail-1", OF("u2")) "," ROUTE(
                      "by-hand", "\"x\":1") "," ROUTE("web-1-h16", OF("u1")) "]}");
    scripted_plan(&w.script, "DELETE " ROUTES "/web-1", 200, "{}");
    scripted_plan(&w.script, "DELETE " ROUTES "/web-1-h16", 404, "{}");
    expect_ok(tier_of(&by_us)->clear(&w.env, &web_1));
    json_auto_t *sent = scripted_json(&w.script, 1);
    assert_string_equal(JSTR(sent, "preconditions", "uid"), "i-web-1");
    /* Those of an Order that is gone went with it. */
    expect_ok(tier_of(&by_us)->clear(&w.env, &gone));
    expect_ok(tier_of(&by_pod)->clear(&w.env, &gone));
}

static void note(void *arg, const char *ns, const char *name)
{
    buf_putf(arg, "%s/%s ", ns, name);
}

/* Neither must keep the other tiers from their work. */
static void without_the_kinds_or_rights_nothing_is_there(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool fine;
    } rows[] = {{404, true}, {403, true}, {429, false}, {500, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WORLD w = {0};
        world_open(&w);
        AUTO(buf_release) struct buf found = BUF_INIT(64);
        scripted_plan(&w.script, "GET " ROUTES OURS, rows[i].status, "{}");
        struct err *e = tier_of(&by_pod)->clear(&w.env, &web_1);
        assert_true((e == NULL) == rows[i].fine);
        err_free(e);
        scripted_plan(&w.script, "GET " GATEWAY_API "v1/httproutes" OURS, rows[i].status, "{}");
        e = tier_of(&by_pod)->adopt(&w.env, note, &found);
        assert_true((e == NULL) == rows[i].fine);
        err_free(e);
        scripted_plan(&w.script, "GET " GRANTS OURS, rows[i].status, "{}");
        e = tier_of(&by_us)->adopt(&w.env, note, &found);
        assert_true((e == NULL) == rows[i].fine);
        err_free(e);
    }
}

static void what_an_earlier_process_left_is_found(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    AUTO(buf_release) struct buf found = BUF_INIT(1024);
    scripted_plan(&w.script, "GET " GATEWAY_API "v1/httproutes" OURS, 200,
                  "{\"items\":[{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\"," OF(
                      "u1") "}},{\"metadata\":{\"name\":\"by-hand\",\"namespace\":\"shop\"}}]}");
    expect_ok(tier_of(&by_pod)->adopt(&w.env, note, &found));
    assert_string_equal(buf_str(&found), "shop/web-1 ");
}

#define PARENTS                                                                                    \
    "\"parentRefs\":[{\"name\":\"outer\",\"namespace\":\"infra\"},"                                \
    "{\"name\":\"ours\",\"kind\":\"ListenerSet\"},{\"name\":\"mesh\",\"kind\":\"Service\"},"       \
    "{\"name\":\"lost\"}]"
#define OWNED(spec)                                                                                \
    "{\"metadata\":{\"name\":\"r\",\"namespace\":\"shop\"," OF("u1") "},\"spec\":{" spec "}}"
#define OTHERS "\"hostnames\":[\"b.test\"],\"parentRefs\":[{\"name\":\"other\"}]"

static void requests_enter_where_the_gateways_are(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    AUTO(strlist_release) struct strlist places = {0};
    scripted_plan(&w.script, "GET " ROUTES OURS, 200,
                  "{\"items\":[" OWNED("\"hostnames\":[\"a.test\"]," PARENTS) "," OWNED(
                      OTHERS) "," OWNED("\"parentRefs\":[{\"name\":\"other\"}]") "]}");
    scripted_plan(&w.script, "GET " GATEWAY_API "v1/namespaces/infra/gateways/outer", 200,
                  "{\"status\":{\"addresses\":[{\"value\":\"192.0.2.1\"},{\"type\":\"Hostname\","
                  "\"value\":\"lb.test\"},{\"value\":\"http://x/\"},{\"value\":7},{}]}}");
    scripted_plan(&w.script, "GET " GATEWAY_API "v1/namespaces/shop/listenersets/ours", 200,
                  "{\"spec\":{\"parentRef\":{\"name\":\"inner\",\"namespace\":\"infra\"}}}");
    scripted_plan(&w.script, "GET " GATEWAY_API "v1/namespaces/infra/gateways/inner", 200,
                  "{\"status\":{\"addresses\":[{\"value\":\"2001:db8::1\"}]}}");
    scripted_plan(&w.script, "GET " GATEWAY_API "v1/namespaces/shop/gateways/lost", 404, "{}");
    expect_ok(tier_of(&by_us)->places(&w.env, &web_1, "a.test", &places));
    auto_free char *got = strlist_join(&places, " ", 0);
    assert_string_equal(got, "192.0.2.1 lb.test 2001:db8::1");
    /* The route without hostnames is for addresses. */
    scripted_plan(&w.script, "GET " ROUTES OURS, 200,
                  "{\"items\":[" OWNED(OTHERS) "," OWNED("\"parentRefs\":[{\"name\":\"x\"}]") "]}");
    scripted_plan(&w.script, "GET " GATEWAY_API "v1/namespaces/shop/gateways/x", 403, "{}");
    expect_err(tier_of(&by_pod)->places(&w.env, &web_1, "192.0.2.7", &places), ERR_DENIED, NULL,
               NULL);
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
        cmocka_unit_test(a_route_leads_to_the_solver),
        cmocka_unit_test(the_grant_comes_before_the_route),
        cmocka_unit_test(many_names_take_several_routes),
        cmocka_unit_test(what_cannot_work_says_what_to_do),
        cmocka_unit_test(what_is_an_orders_is_removed),
        cmocka_unit_test(without_the_kinds_or_rights_nothing_is_there),
        cmocka_unit_test(what_an_earlier_process_left_is_found),
        cmocka_unit_test(requests_enter_where_the_gateways_are),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
