/* SPDX-License-Identifier: Apache-2.0 */
/* All tokens of an Order at one central host, in certroll's namespace. */
#include "http01/tier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/group.h"
#include "base/mem.h"
#include "http01/routes.h"
#include "support/scripted_kube.h"

#define INGRESSES "https://api/apis/networking.k8s.io/v1/namespaces/certroll/ingresses"

static struct err *present(const char *url, struct scripted_transport *script)
{
    const struct http01_redirect redirect = {.url = url, .ingress_class_name = "haproxy"};
    const struct solver_http01 config = {.redirect = &redirect};
    const struct http01_tier *tier = http01_tier_of(&config);
    assert_non_null(tier);
    assert_string_equal(tier->name, "redirect");
    assert_null(tier->pod);
    assert_true(
        tier->granted); /* certroll answers: a ClusterIssuer's names must be their namespace's */
    static const struct http01_route routes[] = {{"a.test", "token-a"}, {"b.test", "token-b"}};
    const struct http01_presentation p = {.order = {.ns = "shop", .name = "web-1", .uid = "u1"},
                                          .name = "web-1",
                                          .config = &config,
                                          .routes = routes,
                                          .count = 2};
    char name[KUBE_NAME_MAX + 1];
    http01_moved_name(&p, name);
    auto_free char *expected = x_printf("PATCH " INGRESSES "/%s", name);
    if (script->planned == 0)
        scripted_plan(script, expected, 201, "{}");
    struct kube_client *kube = scripted_kube(script);
    const struct http01_env env = {.kube = kube,
                                   .responder = {.ns = "certroll", .service = "certroll-http01"}};
    struct err *e = tier->present(&env, &p);
    kube_client_free(kube);
    return e;
}

static void all_tokens_are_at_the_central_host(void **state)
{
    (void)state;
    SCRIPTED script;
    scripted_init(&script);
    expect_ok(present("https://ACME.example.com:443", &script));
    json_auto_t *sent = scripted_json(&script, 0);
    const json_t *rules = JGET(sent, "spec", "rules");
    assert_int_equal(json_count(rules), 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(JSTR(json_item(rules, i), "host"), "acme.example.com");
    const json_t *second = JGET(rules, "1", "http", "paths", "0");
    assert_string_equal(JSTR(second, "path"), "/.well-known/acme-challenge/token-b");
    assert_string_equal(JSTR(second, "backend", "service", "name"), "certroll-http01");
    assert_string_equal(JSTR(sent, "spec", "ingressClassName"), "haproxy");
    assert_string_equal(JSTR(sent, "metadata", "annotations", HTTP01_ORDER), "shop/web-1");
}

static void a_url_that_no_ca_follows_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://acme.test:8080", "http://acme.test/x", "acme.test"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct scripted_transport script;
        scripted_init(&script);
        script.planned = 0;
        const struct http01_redirect redirect = {.url = urls[i]};
        const struct solver_http01 config = {.redirect = &redirect};
        const struct http01_env env = {.responder = {.ns = "certroll", .service = "x"}};
        const struct http01_presentation p = {.name = "web-1", .config = &config};
        expect_err(http01_tier_of(&config)->present(&env, &p), ERR_INVALID, "InvalidURL",
                   "http01.redirect.url");
    }
}

static void replicas_are_asked_as_the_central_host(void **state)
{
    (void)state;
    const struct http01_redirect redirect = {.url = "http://Acme.test"};
    const struct solver_http01 config = {.redirect = &redirect};
    char host[DNS_NAME_MAX + 1];
    http01_tier_of(&config)->host(&config, "a.test", host);
    assert_string_equal(host, "acme.test");
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    return api_init(API_DEFAULT_GROUP) == NULL ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_tokens_are_at_the_central_host),
        cmocka_unit_test(a_url_that_no_ca_follows_is_refused),
        cmocka_unit_test(replicas_are_asked_as_the_central_host),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
