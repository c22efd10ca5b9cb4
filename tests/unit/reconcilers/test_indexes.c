/* SPDX-License-Identifier: Apache-2.0 */
/* What objects can be found by, and the small helpers of env.h. */
#include "reconcilers/indexes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "reconciler_scene.h"
#include "support/expect.h"

#define META "\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\""
#define OWNER(uid, controller)                                                                     \
    "{\"apiVersion\":\"v1\",\"kind\":\"K\",\"name\":\"n\",\"uid\":\"" uid                          \
    "\",\"controller\":" controller "}"

typedef void (*index_fn)(const void *object, void (*emit)(void *arg, const char *value), void *arg);

static void expect_indexed(index_fn fn, const struct kube_kind *kind, const char *text,
                           const char *want)
{
    const void *object = scene_object(kind, text);
    auto_free char *got = scene_indexed(fn, object);
    object_unref(object);
    assert_string_equal(got, want);
}

static void owners_are_found_by_uid(void **state)
{
    (void)state;
#define ORDER(owners)                                                                              \
    "{" META ",\"ownerReferences\":[" owners "]},\"spec\":{\"request\":\"x\",\"issuerRef\":{"      \
    "\"name\":\"ca\"}}}"
    expect_indexed(index_owner, &kind_order, ORDER(OWNER("u1", "true")), "u1");
    expect_indexed(index_owner, &kind_order, ORDER(OWNER("u1", "false") "," OWNER("u2", "true")),
                   "u2");
    expect_indexed(index_owner, &kind_order, ORDER(OWNER("u1", "false")), "");
    expect_indexed(index_owner, &kind_order, ORDER(""), "");
}

static void issuers_are_found_by_scope(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"name\":\"ca\"}", "shop/ca"},
        {"{\"name\":\"ca\",\"kind\":\"Issuer\",\"group\":\"certroll.dev\"}", "shop/ca"},
        {"{\"name\":\"ca\",\"kind\":\"ClusterIssuer\"}", "/ca"},
        {"{\"name\":\"ca\",\"group\":\"foreign.example.org\"}", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *crt =
            x_printf("{" META "},\"spec\":{\"secretName\":\"s\",\"issuerRef\":%s}}", rows[i][0]);
        auto_free char *order =
            x_printf("{" META "},\"spec\":{\"request\":\"x\",\"issuerRef\":%s}}", rows[i][0]);
        expect_indexed(index_certificate_issuer, &kind_certificate, crt, rows[i][1]);
        expect_indexed(index_request_issuer, &kind_certificate_request, order, rows[i][1]);
        expect_indexed(index_order_issuer, &kind_order, order, rows[i][1]);
    }
}

static void a_preflight_waits_for_its_issuer_too(void **state)
{
    (void)state;
    expect_indexed(index_certificate_issuer, &kind_certificate,
                   "{" META "},\"spec\":{\"secretName\":\"s\",\"issuerRef\":{\"name\":\"ca\"},"
                   "\"preflight\":{\"issuerRef\":{\"name\":\"staging\",\"kind\":"
                   "\"ClusterIssuer\"}}}}",
                   "shop/ca /staging");
}

static void secrets_are_found_by_key(void **state)
{
    (void)state;
    expect_indexed(index_certificate_secret, &kind_certificate,
                   "{" META "},\"spec\":{\"secretName\":\"s\",\"issuerRef\":{\"name\":\"i\"}}}",
                   "shop/s");
#define ACME                                                                                       \
    "\"spec\":{\"acme\":{\"server\":\"https://ca\",\"privateKeySecretRef\":{\"name\":\"k\"}}}}"
    expect_indexed(index_issuer_secret, &kind_issuer, "{" META "}," ACME, "shop/k");
    expect_indexed(index_issuer_secret, &kind_cluster_issuer,
                   "{\"metadata\":{\"name\":\"ca\"}," ACME, "k");
    expect_indexed(index_issuer_secret, &kind_issuer, "{" META "},\"spec\":{\"selfSigned\":{}}}",
                   "");
    expect_indexed(index_issuer_secret, &kind_issuer,
                   "{" META
                   "},\"spec\":{\"acme\":{\"server\":\"https://ca\",\"privateKeySecretRef\":{"
                   "\"name\":\"k\"},\"externalAccountBinding\":{\"keyID\":\"1\",\"keySecretRef\":{"
                   "\"name\":\"m\",\"key\":\"x\"}},\"prepare\":{\"http\":{\"url\":\"https://h\","
                   "\"headersFrom\":{\"name\":\"h\"}}},\"solvers\":[{\"dns01\":{\"digitalocean\":{"
                   "\"tokenSecretRef\":{\"name\":\"t\",\"key\":\"x\"}}}}]}}}",
                   "shop/k shop/m shop/h shop/t");
    expect_indexed(index_workload_secret, &workload_kinds[0],
                   "{" META "},\"spec\":{\"template\":{\"spec\":{\"volumes\":[{\"secret\":{"
                   "\"secretName\":\"b\"}},{\"secret\":{\"secretName\":\"a\"}}]}}}}",
                   "shop/a shop/b");
}

static void keys_of_issuers_tell_the_scope(void **state)
{
    (void)state;
    char key[KUBE_KEY_MAX + 1];
    issuer_key(&(struct issuer_ref){.name = "ca"}, "shop", key);
    assert_string_equal(key, "shop/ca");
    issuer_key(&(struct issuer_ref){.name = "ca", .kind = "ClusterIssuer"}, "shop", key);
    assert_string_equal(key, "/ca");
    issuer_key(&(struct issuer_ref){.name = "ca", .kind = "ClusterIssuer"}, NULL, key);
    assert_string_equal(key, "/ca");
    /* The longest that there are: nothing is cut, nothing overflows. */
    char ns[KUBE_NAMESPACE_MAX + 1], name[KUBE_NAME_MAX + 1];
    memset(ns, 'n', KUBE_NAMESPACE_MAX);
    memset(name, 'i', KUBE_NAME_MAX);
    ns[KUBE_NAMESPACE_MAX] = name[KUBE_NAME_MAX] = '\0';
    issuer_key(&(struct issuer_ref){.name = name}, ns, key);
    auto_free char *want = x_printf("%s/%s", ns, name);
    assert_string_equal(key, want);
}

static void the_earlier_time_counts(void **state)
{
    (void)state;
    assert_int_equal(earlier(0, 0), 0);
    assert_int_equal(earlier(0, 5), 5);
    assert_int_equal(earlier(5, 0), 5);
    assert_int_equal(earlier(4, 5), 4);
    assert_int_equal(earlier(5, 4), 4);
}

static void references_are_resolved_in_their_scope(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    scene_put(&s.env->issuers,
              "{\"metadata\":{\"name\":\"ca\",\"namespace\":\"shop\",\"uid\":\"i\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"selfSigned\":{}}}");
    scene_put(&s.env->cluster_issuers,
              "{\"metadata\":{\"name\":\"ca\",\"uid\":\"c\",\"resourceVersion\":\"2\"},"
              "\"spec\":{\"selfSigned\":{}},\"status\":{\"conditions\":[{\"type\":\"Ready\","
              "\"status\":\"True\"}]}}");
    AUTO_OBJECT(struct issuer) here = NULL;
    AUTO_OBJECT(struct issuer) cluster = NULL;
    AUTO_OBJECT(struct issuer) none = NULL;
    expect_ok(env_issuer(s.env, &(struct issuer_ref){.name = "ca"}, "shop", &here));
    assert_string_equal(here->obj.meta.uid, "i");
    assert_false(issuer_is_ready(here));
    const struct issuer_ref to_cluster = {.name = "ca", .kind = "ClusterIssuer"};
    expect_ok(env_issuer(s.env, &to_cluster, "shop", &cluster));
    assert_string_equal(cluster->obj.meta.uid, "c");
    assert_true(issuer_is_ready(cluster));
    expect_ok(env_issuer(s.env, &(struct issuer_ref){.name = "ca"}, "other", &none));
    assert_null(none);
    const struct issuer_ref odd = {.name = "ca", .kind = "Vault"};
    expect_err(env_issuer(s.env, &odd, "shop", &none), ERR_INVALID, "InvalidSpec",
               "write Issuer or ClusterIssuer");
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
        cmocka_unit_test(owners_are_found_by_uid),
        cmocka_unit_test(issuers_are_found_by_scope),
        cmocka_unit_test(a_preflight_waits_for_its_issuer_too),
        cmocka_unit_test(secrets_are_found_by_key),
        cmocka_unit_test(keys_of_issuers_tell_the_scope),
        cmocka_unit_test(the_earlier_time_counts),
        cmocka_unit_test(references_are_resolved_in_their_scope),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
