/* SPDX-License-Identifier: Apache-2.0 */
/* An Ingress in the Certificate's namespace that leads to certroll's own Service. */
#include "http01/tier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/routes.h"
#include "responder_world.h"
#include "support/scripted_kube.h"

#define OWN "GET https://api/api/v1/namespaces/certroll/services/certroll-http01"
#define SERVICES "https://api/api/v1/namespaces/shop/services"
#define SLICES "https://api/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
#define INGRESSES "https://api/apis/networking.k8s.io/v1/namespaces/shop/ingresses"
#define OURS "?limit=500&labelSelector=acme.certroll.dev%2Fhttp01-solver%3Dtrue"
#define THERE(ip) "{\"spec\":{\"clusterIP\":\"" ip "\"}}"

static const struct http01_shared by_slice = {.ingress_class_name = "own", .endpoint_slice = true};
static const struct solver_http01 config = {.shared = &by_slice};
static const struct http01_order web_1 = {.ns = "shop", .name = "web-1", .uid = "u1"};
static const struct http01_route a_route = {"a.test", "token-a"};
static char name[KUBE_NAME_MAX + 1]; /* of Service and EndpointSlice */

static const struct http01_tier *tier(void)
{
    const struct http01_tier *found = http01_tier_of(&config);
    assert_non_null(found);
    assert_string_equal(found->name, "shared-endpointslice");
    assert_true(found->granted); /* certroll's replicas answer for any account */
    assert_null(found->pod);
    char host[DNS_NAME_MAX + 1];
    found->host(&config, "a.test", host);
    assert_string_equal(host, "a.test");
    return found;
}

static struct http01_presentation presentation(const json_t *owner)
{
    return (struct http01_presentation){.order = web_1,
                                        .name = "web-1",
                                        .owner = owner,
                                        .config = &config,
                                        .routes = &a_route,
                                        .count = 1};
}

/* method and URL of the Service, or of its EndpointSlice. */
static void plan(struct world *w, const char *what, const char *below, int status, const char *body)
{
    auto_free char *expected = x_printf("%s%s%s", what, str_empty(below) ? "" : "/", below);
    scripted_plan(&w->script, expected, status, body);
}

static void expect_slice(const json_t *slice, const char *type, const char *address)
{
    assert_string_equal(JSTR(slice, "metadata", "labels", "kubernetes.io/service-name"), name);
    assert_string_equal(JSTR(slice, "metadata", "ownerReferences", "0", "kind"), "Service");
    assert_string_equal(JSTR(slice, "metadata", "ownerReferences", "0", "uid"), "s1");
    assert_string_equal(JSTR(slice, "addressType"), type);
    assert_int_equal(json_count(JGET(slice, "endpoints")), 1);
    assert_string_equal(JSTR(slice, "endpoints", "0", "addresses", "0"), address);
    assert_int_equal(JINT(slice, 0, "ports", "0", "port"), HTTP01_PORT);
    assert_string_equal(JSTR(slice, "ports", "0", "name"), "http"); /* the Service's, too */
}

static void an_ingress_of_the_namespace_leads_to_our_own_service(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    json_auto_t *owner = parsed("{\"kind\":\"Order\",\"uid\":\"u1\"}");
    const struct http01_presentation p = presentation(owner);
    scripted_plan(&w.script, OWN, 200, THERE("10.96.0.7"));
    plan(&w, "GET " SERVICES, name, 404, "{}");
    plan(&w, "POST " SERVICES, "", 201, "{\"metadata\":{\"uid\":\"s1\"}}");
    plan(&w, "PATCH " SLICES, name, 201, "{}");
    plan(&w, "PATCH " INGRESSES, "web-1", 201, "{}");
    expect_ok(tier()->present(&w.env, &p));
    json_auto_t *service = scripted_json(&w.script, 2);
    assert_string_equal(JSTR(service, "metadata", "name"), name);
    assert_string_equal(JSTR(service, "metadata", "ownerReferences", "0", "uid"), "u1");
    assert_null(JGET(service, "spec", "selector"));
    assert_string_equal(JSTR(service, "spec", "ports", "0", "name"), "http");
    json_auto_t *slice = scripted_json(&w.script, 3);
    expect_slice(slice, "IPv4", "10.96.0.7");
    json_auto_t *ingress = scripted_json(&w.script, 4);
    assert_string_equal(JSTR(ingress, "metadata", "ownerReferences", "0", "uid"), "u1");
    assert_string_equal(JSTR(ingress, "spec", "ingressClassName"), "own");
    const json_t *path = JGET(ingress, "spec", "rules", "0", "http", "paths", "0");
    assert_string_equal(JSTR(path, "path"), "/.well-known/acme-challenge/token-a");
    assert_string_equal(JSTR(path, "backend", "service", "name"), name);
}

/* The address of certroll's own Service may be another one by then. */
static void what_is_there_is_looked_after(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    const struct http01_presentation p = presentation(NULL);
    scripted_plan(&w.script, OWN, 200, THERE("fd00::7"));
    plan(&w, "GET " SERVICES, name, 200, "{\"metadata\":{\"uid\":\"s1\"}}");
    plan(&w, "PATCH " SLICES, name, 200, "{}");
    plan(&w, "PATCH " INGRESSES, "web-1", 200, "{}");
    expect_ok(tier()->present(&w.env, &p));
    json_auto_t *slice = scripted_json(&w.script, 2);
    expect_slice(slice, "IPv6", "fd00::7");
}

static void our_own_service_is_waited_for(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body, *text;
    } rows[] = {{404, "{}", "certroll/certroll-http01 is not there"},
                {200, "{\"spec\":{}}", "has none"},
                {200, THERE("None"), "one with a cluster IP"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WORLD w = {0};
        world_open(&w);
        const struct http01_presentation p = presentation(NULL);
        scripted_plan(&w.script, OWN, rows[i].status, rows[i].body);
        expect_err(tier()->present(&w.env, &p), ERR_TRANSIENT, HTTP01_ROUTE_WAITS, rows[i].text);
    }
}

static void it_says_what_to_set(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    const struct http01_presentation p = presentation(NULL);
    scripted_plan(&w.script, OWN, 200, THERE("10.96.0.7"));
    plan(&w, "GET " SERVICES, name, 200, "{\"metadata\":{\"uid\":\"s1\"}}");
    plan(&w, "PATCH " SLICES, name, 403, "{}");
    expect_err(tier()->present(&w.env, &p), ERR_DENIED, NULL, "responder.endpointSlices.enabled");
    w.env.responder.service = NULL;
    expect_err(tier()->present(&w.env, &p), ERR_INVALID, "InvalidSolver", "--http01-port");
}

#define OF(kind, uid, order)                                                                       \
    "\"namespace\":\"shop\",\"ownerReferences\":[{\"kind\":\"" kind "\",\"uid\":\"" uid            \
    "\",\"name\":\"" order "\"}]"
#define ITEM(item, owner) "{\"metadata\":{\"name\":\"" item "\",\"uid\":\"x\"," owner "}}"

static void what_is_an_orders_is_removed(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, "GET " INGRESSES OURS, 200,
                  "{\"items\":[" ITEM("web-1", OF("Order", "u1", "web-1")) "]}");
    scripted_plan(&w.script, "DELETE " INGRESSES "/web-1", 200, "{}");
    scripted_plan(&w.script, "GET " SERVICES OURS, 200,
                  "{\"items\":[" ITEM("s", OF("Order", "u1", "web-1")) "," ITEM(
                      "solver", OF("Issuer", "u2", "acme")) "]}");
    scripted_plan(&w.script, "DELETE " SERVICES "/s", 200, "{}");
    expect_ok(tier()->clear(&w.env, &web_1));
}

static void note(void *arg, const char *ns, const char *order)
{
    buf_putf(arg, "%s/%s ", ns, order);
}

/* Solver Services have the same label, and an Issuer owns them. */
static void what_an_earlier_process_left_is_found(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    AUTO(buf_release) struct buf found = BUF_INIT(1024);
    scripted_plan(&w.script, "GET https://api/api/v1/services" OURS, 200,
                  "{\"items\":[" ITEM("solver", OF("Issuer", "u2", "acme")) "," ITEM(
                      "s", OF("Order", "u1", "web-1")) "]}");
    expect_ok(tier()->adopt(&w.env, note, &found));
    assert_string_equal(buf_str(&found), "shop/web-1 ");
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    expect_ok(api_init(API_DEFAULT_GROUP));
    const struct http01_presentation p = presentation(NULL);
    http01_moved_name(&p, name);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ingress_of_the_namespace_leads_to_our_own_service),
        cmocka_unit_test(what_is_there_is_looked_after),
        cmocka_unit_test(our_own_service_is_waited_for),
        cmocka_unit_test(it_says_what_to_set),
        cmocka_unit_test(what_is_an_orders_is_removed),
        cmocka_unit_test(what_an_earlier_process_left_is_found),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
