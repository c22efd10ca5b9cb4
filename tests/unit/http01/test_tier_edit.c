/* SPDX-License-Identifier: Apache-2.0 */
/* What the tier that edits an Ingress asks and sends: of one version, again after a conflict, patiently. */
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
#include "http01/edit.h"
#include "support/scripted_kube.h"

#define INGRESSES "https://api/apis/networking.k8s.io/v1/namespaces/shop/ingresses"
#define EDITED "?limit=500&labelSelector=certroll.dev%2Fhttp01-paths%3Dtrue"
#define WEB INGRESSES "/web"
#define TOKEN "token-that-is-long-enough"

#define INGRESS(version, annotations, paths)                                                       \
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"resourceVersion\":\"" version        \
    "\",\"annotations\":{" annotations "}},\"spec\":{\"rules\":[{\"host\":\"a.test\",\"http\":"    \
    "{\"paths\":[" paths                                                                           \
    "]}}]},\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.1\"}]}}}"
#define THEIRS "{\"path\":\"/\"}"
#define OURS                                                                                       \
    "{\"path\":\"/.well-known/acme-challenge/" TOKEN "\",\"pathType\":\"Exact\",\"backend\":"      \
    "{\"service\":{\"name\":\"certroll-solver-0123456789\",\"port\":{\"number\":8089}}}}"
#define RECORD                                                                                     \
    "\"certroll.dev/http01-paths\":\"{\\\"orders\\\":{\\\"certroll.dev/web-1\\\":[\\\"" TOKEN      \
    "\\\"]}}\""
#define PLAIN(version) INGRESS(version, "", THEIRS)
#define FULL(version) INGRESS(version, RECORD, OURS "," THEIRS)

static const struct http01_ingress by_name = {.name = "web", .service_type = "NodePort"};
static const struct solver_http01 config = {.ingress = &by_name};
static const struct http01_order web_1 = {.ns = "shop", .name = "web-1"};
static const struct http01_route route = {"a.test", TOKEN};

struct world {
    struct scripted_transport script;
    struct kube_client *kube;
    struct http01_env env;
    const struct http01_tier *tier;
};

static void world_open(struct world *w)
{
    scripted_init(&w->script);
    w->kube = scripted_kube(&w->script);
    w->env = (struct http01_env){.kube = w->kube};
    w->tier = http01_tier_of(&config);
    assert_string_equal(w->tier->name, "edit");
    assert_false(w->tier->granted);
}

static void world_close(struct world *w)
{
    kube_client_free(w->kube);
    scripted_finish(&w->script);
}
#define WORLD __attribute__((cleanup(world_close))) struct world

static struct err *present(const struct world *w)
{
    const struct http01_presentation p = {.order = web_1,
                                          .name = "web-1",
                                          .thumbprint = "t",
                                          .config = &config,
                                          .routes = &route,
                                          .count = 1};
    return w->tier->present(&w->env, &p);
}

static void a_pod_answers(void **state)
{
    (void)state;
    const struct http01_tier *tier = http01_tier_of(&config);
    assert_string_equal(tier->pod(&config).service_type, "NodePort");
}

static void it_is_one_patch_of_the_version_that_was_read(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, "GET " WEB, 200, PLAIN("7"));
    scripted_plan(&w.script, "PATCH " WEB, 200, "{}");
    expect_ok(present(&w));
    json_auto_t *sent = scripted_json(&w.script, 1);
    assert_string_equal(JSTR(sent, "metadata", "resourceVersion"), "7");
    assert_int_equal(json_count(JGET(sent, "spec", "rules", "0", "http", "paths")), 2);
    assert_non_null(strstr(JSTR(sent, "metadata", "annotations", HTTP01_PATHS), TOKEN));
}

static void a_conflict_is_read_again(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    for (int i = 0; i < 2; i++) {
        scripted_plan(&w.script, "GET " WEB, 200, i == 0 ? PLAIN("7") : PLAIN("8"));
        scripted_plan(&w.script, "PATCH " WEB, i == 0 ? 409 : 200, "{}");
    }
    expect_ok(present(&w));
    json_auto_t *sent = scripted_json(&w.script, 3);
    assert_string_equal(JSTR(sent, "metadata", "resourceVersion"), "8");
}

static void endless_conflicts_end(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    for (int i = 0; i < 4; i++) {
        scripted_plan(&w.script, "GET " WEB, 200, PLAIN("7"));
        scripted_plan(&w.script, "PATCH " WEB, 409, "{}");
    }
    expect_err(present(&w), ERR_CONFLICT, NULL, NULL);
}

static void an_ingress_that_is_not_there_is_waited_for(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, "GET " WEB, 404, "{}");
    expect_err(present(&w), ERR_TRANSIENT, HTTP01_ROUTE_WAITS, "shop/web");
    scripted_plan(&w.script, "GET " WEB, 200,
                  "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}");
    expect_err(present(&w), ERR_TRANSIENT, HTTP01_ROUTE_WAITS, "shop/web");
    scripted_plan(&w.script, "GET " WEB, 403, "{}");
    expect_err(present(&w), ERR_DENIED, NULL, NULL);
}

static void it_is_taken_out_by_one_patch(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, "GET " INGRESSES EDITED, 200, "{\"items\":[" FULL("7") "]}");
    scripted_plan(&w.script, "PATCH " WEB, 409, "{}");
    scripted_plan(&w.script, "GET " WEB, 200, FULL("8"));
    scripted_plan(&w.script, "PATCH " WEB, 200, "{}");
    expect_ok(w.tier->clear(&w.env, &web_1));
    json_auto_t *sent = scripted_json(&w.script, 3);
    assert_string_equal(JSTR(sent, "metadata", "resourceVersion"), "8");
    assert_int_equal(json_count(JGET(sent, "spec", "rules", "0", "http", "paths")), 1);
    assert_true(json_is_null(JGET(sent, "metadata", "annotations", HTTP01_PATHS)));
    assert_true(json_is_null(JGET(sent, "metadata", "labels", HTTP01_PATHS)));
}

static void what_is_gone_needs_no_clearing(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    scripted_plan(&w.script, "GET " INGRESSES EDITED, 200, "{\"items\":[" FULL("7") "]}");
    scripted_plan(&w.script, "PATCH " WEB, 404, "{}");
    expect_ok(w.tier->clear(&w.env, &web_1));
    scripted_plan(&w.script, "GET " INGRESSES EDITED, 200, "{\"items\":[" FULL("7") "]}");
    scripted_plan(&w.script, "PATCH " WEB, 409, "{}");
    scripted_plan(&w.script, "GET " WEB, 404, "{}");
    expect_ok(w.tier->clear(&w.env, &web_1));
    scripted_plan(&w.script, "GET " INGRESSES EDITED, 200, "{\"items\":[]}");
    expect_ok(w.tier->clear(&w.env, &web_1));
    scripted_plan(&w.script, "GET " INGRESSES EDITED, 503, "{}");
    expect_err(w.tier->clear(&w.env, &web_1), ERR_TRANSIENT, NULL, NULL);
}

static void its_addresses_are_those_of_the_ingress(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    AUTO(strlist_release) struct strlist found = {0};
    scripted_plan(&w.script, "GET " INGRESSES EDITED, 200, "{\"items\":[" FULL("7") "]}");
    expect_ok(w.tier->places(&w.env, &web_1, "sub.a.test", &found));
    assert_int_equal(found.len, 1);
    assert_string_equal(found.items[0], "192.0.2.1");
}

static void note(void *arg, const char *ns, const char *name)
{
    buf_putf(arg, "%s/%s ", ns, name);
}

static void what_an_earlier_process_left_is_found(void **state)
{
    (void)state;
    WORLD w = {0};
    world_open(&w);
    AUTO(buf_release) struct buf found = BUF_INIT(1024);
    scripted_plan(&w.script, "GET https://api/apis/networking.k8s.io/v1/ingresses" EDITED, 200,
                  "{\"items\":[" FULL("7") ",{}]}");
    expect_ok(w.tier->adopt(&w.env, note, &found));
    assert_string_equal(buf_str(&found), "shop/web-1 ");
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
        cmocka_unit_test(a_pod_answers),
        cmocka_unit_test(it_is_one_patch_of_the_version_that_was_read),
        cmocka_unit_test(a_conflict_is_read_again),
        cmocka_unit_test(endless_conflicts_end),
        cmocka_unit_test(an_ingress_that_is_not_there_is_waited_for),
        cmocka_unit_test(it_is_taken_out_by_one_patch),
        cmocka_unit_test(what_is_gone_needs_no_clearing),
        cmocka_unit_test(its_addresses_are_those_of_the_ingress),
        cmocka_unit_test(what_an_earlier_process_left_is_found),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
