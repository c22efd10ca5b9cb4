/* SPDX-License-Identifier: Apache-2.0 */
/* Routes that stay: made once for a set of names of a namespace, and found by it. */
#include "http01/standing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "responder_world.h"
#include "support/scripted_kube.h"

#define INGRESSES "https://api/apis/networking.k8s.io/v1/namespaces/certroll/ingresses"
#define LIST "GET " INGRESSES "?limit=500&labelSelector=certroll.dev%2Fhttp01-standing%3Dtrue"
#define SHOPS LIST "%2Ccertroll.dev%2Fhttp01-standing-for%3Dshop"
/* A hash of "shop", no class, and the names in order. */
#define NAME "/certroll-standing-c2181a3ddc4e7bb8"

static const struct http01_shared stays = {.standing = true};
static const struct solver_http01 config = {.shared = &stays};

static const struct http01_tier *standing(void)
{
    const struct http01_tier *tier = http01_tier_of(&config);
    assert_string_equal(tier->name, "standing");
    assert_true(tier->granted);
    assert_null(tier->clear);
    return tier;
}

static struct err *present(struct world *w, const struct http01_route *routes, size_t count)
{
    const struct http01_presentation p = {.order = {.ns = "shop", .name = "web-1", .uid = "u"},
                                          .name = "web-1",
                                          .config = &config,
                                          .routes = routes,
                                          .count = count};
    return standing()->present(&w->env, &p);
}

static void one_route_for_a_set_of_names(void **state)
{
    (void)state;
    static const struct http01_route once[] = {{"b.test", "t1"}, {"a.test", "t2"}};
    static const struct http01_route again[] = {{"a.test", "t3"}, {"b.test", "t4"}};
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, "GET " INGRESSES NAME, 404, "{}");
    scripted_plan(&w.script, SHOPS, 200, "{\"items\":[]}");
    scripted_plan(&w.script, "PATCH " INGRESSES NAME, 201, "{}");
    expect_ok(present(&w, once, 2));
    json_auto_t *sent = scripted_json(&w.script, 2);
    assert_string_equal(JSTR(sent, "metadata", "labels", HTTP01_STANDING), "true");
    assert_string_equal(JSTR(sent, "metadata", "labels", HTTP01_STANDING_FOR), "shop");
    assert_string_equal(JSTR(sent, "metadata", "annotations", HTTP01_STANDING), "shop");
    assert_null(JGET(sent, "metadata", "ownerReferences"));
    assert_int_equal(json_count(JGET(sent, "spec", "rules")), 2);
    const json_t *rule = JGET(sent, "spec", "rules", "0");
    assert_string_equal(JSTR(rule, "host"), "a.test");
    const json_t *path = JGET(rule, "http", "paths", "0");
    assert_string_equal(JSTR(path, "path"), "/.well-known/acme-challenge/");
    assert_string_equal(JSTR(path, "pathType"), "Prefix");
    /* It stands: nothing is written for other tokens. */
    scripted_plan(&w.script, "GET " INGRESSES NAME, 200, "{\"metadata\":{\"name\":\"x\"}}");
    expect_ok(present(&w, again, 2));
    scripted_plan(&w.script, "GET " INGRESSES NAME, 200,
                  "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}");
    scripted_plan(&w.script, SHOPS, 200, "{\"items\":[]}");
    scripted_plan(&w.script, "PATCH " INGRESSES NAME, 200, "{}");
    expect_ok(present(&w, again, 2));
}

#define STANDS(name, more)                                                                         \
    "{\"items\":[{\"metadata\":{\"name\":\"" name "\"" more "},\"spec\":{\"rules\":["              \
    "{\"host\":\"a.test\"},{\"host\":\"b.test\"}]}}]}"

#define ONE "certroll-standing-00408acc317f18b3"
#define MORE "certroll-standing-e03a37fbffab5585"

/* The CA knew one of two names still: the route of both does. */
static void a_route_for_more_names_will_do(void **state)
{
    (void)state;
    static const struct http01_route one[] = {{"b.test", "t1"}};
    static const struct http01_route more[] = {{"b.test", "t1"}, {"c.test", "t2"}};
    static const struct {
        const char *items;
        const struct http01_route *routes;
        size_t count;
        const char *name;
        bool made;
    } rows[] = {
        {STANDS("certroll-standing-c2181a3ddc4e7bb8", ""), one, 1, ONE, false},
        {STANDS("certroll-standing-c2181a3ddc4e7bb8", ""), more, 2, MORE, true},
        /* Of another class. */
        {STANDS("certroll-standing-0123456789abcdef", ""), one, 1, ONE, true},
        {STANDS("certroll-standing-c2181a3ddc4e7bb8", ",\"deletionTimestamp\":\"x\""), one, 1, ONE,
         true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WORLD w = {0};
        world_open(&w);
        auto_free char *get = x_printf("GET " INGRESSES "/%s", rows[i].name);
        auto_free char *patch = x_printf("PATCH " INGRESSES "/%s", rows[i].name);
        scripted_plan(&w.script, get, 404, "{}");
        scripted_plan(&w.script, SHOPS, 200, rows[i].items);
        if (rows[i].made)
            scripted_plan(&w.script, patch, 201, "{}");
        expect_ok(present(&w, rows[i].routes, rows[i].count));
    }
}

static struct err *note(void *arg, const struct http01_standing *route)
{
    auto_free char *hosts = strlist_join(&route->hosts, ",", 0);
    buf_putf(arg, "%s %s %s;", route->name, str_or(route->ns, "-"), hosts);
    return NULL;
}

static void they_tell_whose_they_are(void **state)
{
    (void)state;
    static const char items[] =
        "{\"items\":[{\"metadata\":{\"name\":\"x\",\"uid\":\"i\",\"annotations\":{"
        "\"certroll.dev/http01-standing\":\"shop\"}},\"spec\":{\"rules\":[{\"host\":\"a.test\"},"
        "{\"host\":\"b.test\"},{}]},\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":"
        "\"192.0.2.9\"}]}}},{\"metadata\":{\"name\":\"y\"}}]}";
    WORLD w = {0};
    world_open(&w);
    AUTO(buf_release) struct buf found = BUF_INIT(1024);
    scripted_plan(&w.script, LIST, 200, items);
    expect_ok(http01_standing_each(&w.env, NULL, note, &found));
    assert_string_equal(buf_str(&found), "x shop a.test,b.test;y - ;");
    AUTO(strlist_release) struct strlist places = {0};
    const struct http01_order order = {.ns = "shop", .name = "web-1", .uid = "u"};
    scripted_plan(&w.script, SHOPS, 200, items);
    expect_ok(standing()->places(&w.env, &order, "b.test", &places));
    assert_int_equal(places.len, 1);
    assert_string_equal(places.items[0], "192.0.2.9");
    scripted_plan(&w.script, "DELETE " INGRESSES "/x", 200, "{}");
    const struct http01_standing route = {.name = "x", .uid = "i"};
    expect_ok(http01_standing_remove(&w.env, &route));
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
        cmocka_unit_test(one_route_for_a_set_of_names),
        cmocka_unit_test(a_route_for_more_names_will_do),
        cmocka_unit_test(they_tell_whose_they_are),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
