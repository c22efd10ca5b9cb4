/* SPDX-License-Identifier: Apache-2.0 */
/* Routes in certroll's own namespace: made, found and removed by the Order's key. */
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

#define INGRESSES "https://api/apis/networking.k8s.io/v1/namespaces/certroll/ingresses"
#define OURS "?limit=500&labelSelector=acme.certroll.dev%2Fhttp01-solver%3Dtrue%2C"

static const struct http01_shared haproxy = {
    .ingress_class_name = "haproxy",
    .ingress_template = "{\"metadata\":{\"annotations\":{\"a\":\"b\"},\"labels\":{"
                        "\"certroll.dev/http01-order\":\"forged\"}}}"};
static const struct solver_http01 by_us = {.shared = &haproxy};
static const struct http01_order web_1 = {.ns = "shop", .name = "web-1", .uid = "u1"};

static const struct http01_tier *shared(void)
{
    const struct http01_tier *tier = http01_tier_of(&by_us);
    assert_non_null(tier);
    assert_string_equal(tier->name, "shared");
    assert_null(tier->pod);
    char host[DNS_NAME_MAX + 1];
    tier->host(&by_us, "a.test", host);
    assert_string_equal(host, "a.test");
    return tier;
}

static void the_route_is_ours_and_knows_its_order(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    static const struct http01_route routes[] = {{"a.test", "token-a"}, {"b.test", "token-b"}};
    json_auto_t *owner = parsed("{\"uid\":\"u1\"}");
    const struct http01_presentation p = {.order = web_1,
                                          .name = "web-1",
                                          .owner = owner,
                                          .config = &by_us,
                                          .routes = routes,
                                          .count = 2};
    char name[KUBE_NAME_MAX + 1];
    http01_moved_name(&p, name);
    auto_free char *expected = x_printf("PATCH " INGRESSES "/%s", name);
    scripted_plan(&w.script, expected, 201, "{}");
    expect_ok(shared()->present(&w.env, &p));
    json_auto_t *sent = scripted_json(&w.script, 0);
    const json_t *meta = JGET(sent, "metadata");
    assert_string_equal(JSTR(meta, "namespace"), "certroll");
    assert_null(JGET(meta, "ownerReferences"));
    assert_string_equal(JSTR(meta, "annotations", HTTP01_ORDER), "shop/web-1");
    assert_string_equal(JSTR(meta, "annotations", "a"), "b");
    assert_string_not_equal(JSTR(meta, "labels", HTTP01_ORDER), "forged");
    assert_string_equal(JSTR(sent, "spec", "ingressClassName"), "haproxy");
    assert_int_equal(json_count(JGET(sent, "spec", "rules")), 2);
    const json_t *path = JGET(sent, "spec", "rules", "0", "http", "paths", "0");
    assert_string_equal(JSTR(path, "path"), "/.well-known/acme-challenge/token-a");
    assert_string_equal(JSTR(path, "pathType"), "Exact");
    assert_string_equal(JSTR(path, "backend", "service", "name"), "certroll-http01");
}

static void no_two_orders_share_a_name(void **state)
{
    (void)state;
    const struct http01_presentation a = {.order = {.ns = "a-b"}, .name = "c"};
    const struct http01_presentation b = {.order = {.ns = "a"}, .name = "b-c"};
    const struct http01_presentation second = {.order = {.ns = "a-b"}, .name = "c-1"};
    char one[KUBE_NAME_MAX + 1], two[KUBE_NAME_MAX + 1], three[KUBE_NAME_MAX + 1];
    http01_moved_name(&a, one);
    http01_moved_name(&b, two);
    http01_moved_name(&second, three);
    assert_string_not_equal(one, two);
    assert_string_not_equal(one, three);
    assert_true(name_is_label(one));
}

static void it_needs_a_responder(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    w.env.responder.service = NULL;
    const struct http01_presentation p = {.order = web_1, .name = "web-1", .config = &by_us};
    expect_err(shared()->present(&w.env, &p), ERR_INVALID, "InvalidSolver", "--http01-port");
}

static char *label_of_web_1(void)
{
    json_auto_t *body = parsed("{\"metadata\":{\"labels\":{}}}");
    http01_mark_moved(body, &web_1);
    return x_strdup(JSTR(body, "metadata", "labels", HTTP01_ORDER));
}

/* Whether the Order is there or gone: nobody else would remove them. */
static void its_routes_are_removed(void **state)
{
    (void)state;
    const struct http01_order gone = {.ns = "shop", .name = "web-1"};
    const struct http01_order *const orders[] = {&web_1, &gone};
    auto_free char *label = label_of_web_1();
    auto_free char *list =
        x_printf("%s%s", "GET " INGRESSES OURS "certroll.dev%2Fhttp01-order%3D", label);
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        WORLD w = {0};
        world_open(&w);
        scripted_plan(&w.script, list, 200,
                      "{\"items\":[{\"metadata\":{\"name\":\"x\",\"uid\":\"i1\"}}]}");
        scripted_plan(&w.script, "DELETE " INGRESSES "/x", 200, "{}");
        expect_ok(shared()->clear(&w.env, orders[i]));
    }
}

static void the_route_of_one_name_is_removed_by_its_own(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    const struct http01_order order = {
        .ns = "shop", .name = "web-1", .uid = "u1", .one_name = true};
    const struct http01_presentation p = {.order = order, .name = "web-1"};
    char name[KUBE_NAME_MAX + 1];
    http01_moved_name(&p, name);
    auto_free char *expected = x_printf("DELETE " INGRESSES "/%s", name);
    scripted_plan(&w.script, expected, 200, "{}");
    expect_ok(shared()->clear(&w.env, &order));
    scripted_plan(&w.script, expected, 404, "{}"); /* nothing there is success */
    expect_ok(shared()->clear(&w.env, &order));
}

static void note(void *arg, const char *ns, const char *name)
{
    buf_putf(arg, "%s/%s ", ns, name);
}

static void routes_lead_back_to_their_orders(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    AUTO(buf_release) struct buf found = BUF_INIT(1024);
    scripted_plan(&w.script, "GET " INGRESSES OURS "certroll.dev%2Fhttp01-order", 200,
                  "{\"items\":["
                  "{\"metadata\":{\"annotations\":{\"certroll.dev/http01-order\":\"shop/a\"}}},"
                  "{\"metadata\":{\"annotations\":{\"certroll.dev/http01-order\":\"odd\"}}},"
                  "{\"metadata\":{\"annotations\":{\"certroll.dev/http01-order\":\"/b\"}}},"
                  "{\"metadata\":{\"annotations\":{\"certroll.dev/http01-order\":\"shop/\"}}},"
                  "{\"metadata\":{}},"
                  "{\"metadata\":{\"annotations\":{\"certroll.dev/http01-order\":\"mail/c\"}}}]}");
    expect_ok(shared()->adopt(&w.env, note, &found));
    assert_string_equal(buf_str(&found), "shop/a mail/c ");
    w.env.responder.ns = NULL;
    expect_ok(shared()->adopt(&w.env, note, &found));
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
        cmocka_unit_test(the_route_is_ours_and_knows_its_order),
        cmocka_unit_test(no_two_orders_share_a_name),
        cmocka_unit_test(it_needs_a_responder),
        cmocka_unit_test(its_routes_are_removed),
        cmocka_unit_test(the_route_of_one_name_is_removed_by_its_own),
        cmocka_unit_test(routes_lead_back_to_their_orders),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
