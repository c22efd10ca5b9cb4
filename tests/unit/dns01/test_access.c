/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider is given of Kubernetes: bytes of Secrets, tokens, aggregated APIs, and nothing else. */
#include "dns01/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "support/scripted_kube.h"

#define SOLVER "{\"cloudflare\":{\"apiTokenSecretRef\":{\"name\":\"cf\",\"key\":\"token\"}}}"
#define SECRET "GET https://api/api/v1/namespaces/shop/secrets/cf"

struct world {
    struct scripted_transport net;
    struct kube_client *kube;
    struct dns_services services;
    struct dns_tenant tenant;
};

static void world_open(struct world *w)
{
    *w = (struct world){.tenant = {.issuer_uid = "i", .secret_namespace = "shop"}};
    scripted_init(&w->net);
    w->kube = scripted_kube(&w->net);
    w->services = (struct dns_services){.clock = clock_system(), .kube = w->kube};
}

static void world_close(struct world *w)
{
    kube_client_free(w->kube);
    scripted_finish(&w->net);
}
#define WORLD(name)                                                                                \
    AUTO(world_close) struct world name;                                                           \
    world_open(&(name))
#define AUTO_ACCESS AUTO(dns_access_freep) struct dns_access

static void open_with(struct world *w, const char *data, struct dns_access **ret_access)
{
    auto_free char *body = x_printf("{\"data\":{%s}}", data);
    scripted_plan(&w->net, SECRET, 200, body);
    expect_ok(dns_access_new(&w->services, &w->tenant, SOLVER, NULL, ret_access));
}

static void a_secret_is_read_once_and_trimmed(void **state)
{
    (void)state;
    static const struct dns_secret_ref token = {"cf", "token"}, other = {"cf", "other"};
    WORLD(w);
    AUTO_ACCESS *a = NULL;
    open_with(&w, "\"token\":\"c2VjcmV0IAoK\"", &a); /* "secret \n\n" */
    const struct dns_env *env = dns_access_env(a);
    for (int i = 0; i < 2; i++) {
        AUTO(secret_release) struct secret s = {0};
        expect_ok(env->secret(env, &token, "apiTokenSecretRef", &s));
        assert_string_equal(s.data, "secret");
        assert_int_equal(s.len, 6);
    }
    AUTO(secret_release) struct secret none = {0};
    expect_err(env->secret(env, &other, "apiTokenSecretRef", &none), ERR_NOT_FOUND,
               "SecretNotFound", "apiTokenSecretRef");
    assert_string_equal(env->resource_namespace, "shop");
}

static void what_is_wrong_with_a_secret_is_told(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum err_kind kind;
        const char *reason, *told;
    } rows[] = {
        {404, "{\"kind\":\"Status\",\"reason\":\"NotFound\"}", ERR_NOT_FOUND, "SecretNotFound",
         "cloudflare: apiTokenSecretRef: there is no Secret shop/cf with a value under \"token\""},
        {200, "{\"data\":{\"other\":\"eA==\"}}", ERR_NOT_FOUND, "SecretNotFound",
         "under \"token\""},
        {200, "{\"data\":{\"token\":\"IAo=\"}}", ERR_INVALID, "InvalidSecret", "is white space"},
        {403, "{\"kind\":\"Status\",\"reason\":\"Forbidden\"}", ERR_DENIED, "Forbidden", "shop/cf"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WORLD(w);
        AUTO_ACCESS *a = NULL;
        scripted_plan(&w.net, SECRET, rows[i].status, rows[i].body);
        expect_err(dns_access_new(&w.services, &w.tenant, SOLVER, NULL, &a), rows[i].kind,
                   rows[i].reason, rows[i].told);
        assert_null(a);
    }
}

/* Nothing that one credential, issuer or spec led to is remembered for another. */
static void another_credential_is_another_scope(void **state)
{
    (void)state;
    WORLD(w);
    AUTO_ACCESS *one = NULL, *same = NULL, *rotated = NULL, *other = NULL;
    open_with(&w, "\"token\":\"YQ==\"", &one);
    open_with(&w, "\"token\":\"YQ==\"", &same);
    open_with(&w, "\"token\":\"Yg==\"", &rotated);
    w.tenant.issuer_uid = "j";
    open_with(&w, "\"token\":\"YQ==\"", &other);
    assert_string_equal(dns_access_env(one)->scope, dns_access_env(same)->scope);
    assert_string_not_equal(dns_access_env(one)->scope, dns_access_env(rotated)->scope);
    assert_string_not_equal(dns_access_env(one)->scope, dns_access_env(other)->scope);
    assert_null(strstr(dns_access_env(one)->scope, "YQ"));
}

static void the_environment_is_for_whom_it_is_given(void **state)
{
    (void)state;
    WORLD(w);
    AUTO_ACCESS *without = NULL, *with = NULL;
    open_with(&w, "\"token\":\"YQ==\"", &without);
    w.tenant.ambient = true;
    open_with(&w, "\"token\":\"YQ==\"", &with);
    assert_int_equal(setenv("CERTROLL_TEST_AMBIENT", "x", 1), 0);
    const struct dns_env *env = dns_access_env(without);
    assert_null(env->variable(env, "CERTROLL_TEST_AMBIENT"));
    env = dns_access_env(with);
    assert_string_equal(env->variable(env, "CERTROLL_TEST_AMBIENT"), "x");
}

static void tokens_are_of_the_issuers_namespace(void **state)
{
    (void)state;
    static const char *const audiences[] = {"sts.amazonaws.com"};
    const struct dns_token_request r = {"dns", audiences, 1};
    WORLD(w);
    AUTO_ACCESS *a = NULL;
    open_with(&w, "\"token\":\"YQ==\"", &a);
    const struct dns_env *env = dns_access_env(a);
    AUTO(secret_release) struct secret token = {0};
    scripted_plan(&w.net, "POST https://api/api/v1/namespaces/shop/serviceaccounts/dns/token", 201,
                  "{\"status\":{\"token\":\"jwt\"}}");
    expect_ok(env->token(env, &r, &token));
    assert_string_equal(token.data, "jwt");
    json_auto_t *sent = scripted_json(&w.net, 1);
    assert_string_equal(JSTR(sent, "spec", "audiences", "0"), "sts.amazonaws.com");
    scripted_plan(&w.net, "POST https://api/api/v1/namespaces/shop/serviceaccounts/dns/token", 403,
                  "{\"kind\":\"Status\",\"reason\":\"Forbidden\"}");
    AUTO(secret_release) struct secret none = {0};
    expect_err(env->token(env, &r, &none), ERR_DENIED, "Forbidden", "dns01.serviceAccountTokens");
}

static void only_aggregated_apis_are_posted_to(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "/api/v1/namespaces",
        "/apis/acme.test/v1alpha1/namespaces/x/secrets",
        "/apis/acme.test/v1alpha1/a?x=y",
        "/apis/apps/v1/deployments",
        "/apis/acme.test/../x",
        "/apis/acme.test/v1alpha1/",
        "/apis/acme.test/v1alpha1/A",
        "/apis//v1alpha1/a",
    };
    WORLD(w);
    AUTO_ACCESS *a = NULL;
    open_with(&w, "\"token\":\"YQ==\"", &a);
    const struct dns_env *env = dns_access_env(a);
    json_auto_t *body = json_new_object();
    int status = 0;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        json_auto_t *none = NULL;
        expect_err(env->cluster_post(env, refused[i], body, &status, &none), ERR_INVALID,
                   "InvalidSolver", "no path of an aggregated API");
    }
    json_auto_t *reply = NULL;
    scripted_plan(&w.net, "POST https://api/apis/acme.test/v1alpha1/solver", 500, "{\"a\":1}");
    expect_ok(env->cluster_post(env, "/apis/acme.test/v1alpha1/solver", body, &status, &reply));
    assert_int_equal(status, 500);
    assert_int_equal(JINT(reply, 0, "a"), 1);
}

static void what_is_held_is_found_by_who_holds_it(void **state)
{
    (void)state;
    WORLD(w);
    struct dns_held *h = dns_held_new();
    struct dns_access *a = NULL, *b = NULL;
    open_with(&w, "\"token\":\"YQ==\"", &a);
    open_with(&w, "\"token\":\"YQ==\"", &b);
    assert_null(dns_held_get(h, "shop/c", "1"));
    dns_held_put(h, "shop/c", "1", a);
    assert_ptr_equal(dns_held_get(h, "shop/c", "1"), a);
    assert_null(dns_held_get(h, "shop/c", "2")); /* another of that name */
    dns_held_put(h, "shop/c", "2", b);           /* frees the other */
    assert_null(dns_held_get(h, "shop/c", "1"));
    assert_ptr_equal(dns_held_get(h, "shop/c", "2"), b);
    dns_held_drop(h, "shop/c");
    assert_null(dns_held_get(h, "shop/c", "2"));
    dns_held_free(h);
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_read_once_and_trimmed),
        cmocka_unit_test(what_is_wrong_with_a_secret_is_told),
        cmocka_unit_test(another_credential_is_another_scope),
        cmocka_unit_test(the_environment_is_for_whom_it_is_given),
        cmocka_unit_test(tokens_are_of_the_issuers_namespace),
        cmocka_unit_test(only_aggregated_apis_are_posted_to),
        cmocka_unit_test(what_is_held_is_found_by_who_holds_it),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
