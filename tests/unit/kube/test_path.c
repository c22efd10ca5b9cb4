/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/json.h"
#include "kube/client.h"

static const struct kube_resource res_widget = {"example.com", "v1", "widgets", "Widget", true};
static const struct kube_resource res_pod = {"", "v1", "pods", "Pod", true};
static const struct kube_resource res_node = {"", "v1", "nodes", "Node", false};

static void expect_path(const struct kube_ref *ref, const char *want)
{
    auto_free char *path = NULL;
    assert_null(kube_path(ref, &path));
    assert_string_equal(path, want);
}

static void test_paths(void **state)
{
    (void)state;
    expect_path(&(struct kube_ref){.res = &res_widget, .ns = "a", .name = "b"},
                "/apis/example.com/v1/namespaces/a/widgets/b");
    expect_path(
        &(struct kube_ref){.res = &res_widget, .ns = "a", .name = "b", .subresource = "status"},
        "/apis/example.com/v1/namespaces/a/widgets/b/status");
    expect_path(&(struct kube_ref){.res = &res_widget, .ns = "a"},
                "/apis/example.com/v1/namespaces/a/widgets");
    expect_path(&(struct kube_ref){.res = &res_widget}, "/apis/example.com/v1/widgets");
    expect_path(&(struct kube_ref){.res = &res_pod, .ns = "a", .name = "b"},
                "/api/v1/namespaces/a/pods/b");
    expect_path(&(struct kube_ref){.res = &res_pod, .ns = ""}, "/api/v1/pods");
    expect_path(&(struct kube_ref){.res = &res_node, .ns = "ignored", .name = "n"},
                "/api/v1/nodes/n");
    /* RBAC allows colons. */
    expect_path(&(struct kube_ref){.res = &res_node, .name = "system:node-1.x"},
                "/api/v1/nodes/system:node-1.x");
}

static void test_longest(void **state)
{
    (void)state;
    char name[KUBE_NAME_MAX + 2];
    memset(name, 'n', sizeof(name));
    name[KUBE_NAME_MAX] = '\0';
    const struct kube_ref ref = {.res = &res_pod, .ns = name, .name = name, .subresource = name};
    auto_free char *path = NULL;
    assert_null(kube_path(&ref, &path));
    assert_int_equal(strlen(path), strlen("/api/v1/namespaces//pods//") + 3 * KUBE_NAME_MAX);
    name[KUBE_NAME_MAX] = 'n';
    name[KUBE_NAME_MAX + 1] = '\0';
    char *unset = NULL;
    AUTO_ERR e = kube_path(&ref, &unset);
    assert_true(err_is(e, ERR_INVALID));
    assert_null(unset);
}

/* Nothing may climb out of its place, in any of the places. */
static void test_hostile_parts(void **state)
{
    (void)state;
    static const char *const hostile[] = {
        ".",      "..",       "../x", "a/b",  "/a",   "a/",     "a?b", "a#b", "a%2fb",
        "%2e%2e", "a b",      "a\\b", "a\nb", "a\tb", "a\r\nb", "a&b", "a;b", "a=b",
        "\x7f",   "\xc3\xa9", "\xff", "a\"b", "a'b",  "a@b",    "a+b", "a,b", "<a>",
    };
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        const struct kube_resource bad_group = {hostile[i], "v1", "x", "X", true};
        const struct kube_resource bad_plural = {"", "v1", hostile[i], "X", true};
        const struct kube_ref refs[] = {
            {.res = &res_widget, .ns = "a", .name = hostile[i]},
            {.res = &res_widget, .ns = hostile[i], .name = "b"},
            {.res = &res_widget, .ns = hostile[i]},
            {.res = &res_widget, .ns = "a", .name = "b", .subresource = hostile[i]},
            {.res = &res_node, .name = hostile[i]},
            {.res = &bad_group, .ns = "a", .name = "b"},
            {.res = &bad_plural, .ns = "a", .name = "b"},
        };
        for (size_t k = 0; k < ARRAY_LEN(refs); k++) {
            char *path = NULL;
            AUTO_ERR e = kube_path(&refs[k], &path);
            assert_true(err_is(e, ERR_INVALID));
            assert_string_equal(e->reason, "InvalidName");
            assert_null(path);
        }
    }
}

/* An empty part would ask for something else: the collection, or another resource. */
static void test_empty_parts(void **state)
{
    (void)state;
    const struct kube_ref refs[] = {
        {.res = &res_widget, .ns = "a", .name = ""},
        {.res = &res_widget, .name = "b"},
        {.res = &res_widget, .ns = "", .name = "b"},
        {.res = &res_widget, .ns = "a", .name = "b", .subresource = ""},
        {.res = &res_node, .name = ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
        char *path = NULL;
        AUTO_ERR e = kube_path(&refs[i], &path);
        assert_true(err_is(e, ERR_INVALID));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_hostile_parts),
        cmocka_unit_test(test_empty_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
