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
#include "kube/object.h"
#include "widget.h"

static void test_decode_reads_metadata(void **state)
{
    (void)state;
    static const char text[] =
        "{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\",\"uid\":\"u\",\"generation\":3,"
        "\"resourceVersion\":\"12\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\","
        "\"labels\":{\"x\":\"y\"},\"finalizers\":[\"f\"],\"managedFields\":[{\"manager\":\"m\"}],"
        "\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"P\",\"name\":\"p\",\"uid\":\"1\"},"
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Q\",\"name\":\"q\",\"uid\":\"2\","
        "\"controller\":true}]},\"color\":\"red\"}";
    json_auto_t *object = NULL;
    assert_null(json_parse(text, strlen(text), &object));
    const void *decoded = NULL;
    assert_null(object_decode(&widget_kind, object, &decoded));
    AUTO_OBJECT(struct widget) w = decoded;
    assert_string_equal(w->obj.meta.name, "a");
    assert_string_equal(w->obj.meta.resource_version, "12");
    assert_int_equal(w->obj.meta.generation, 3);
    assert_true(w->obj.meta.creation_timestamp > 0);
    assert_int_equal(w->obj.meta.deletion_timestamp, 0);
    assert_string_equal(bind_map_get(&w->obj.meta.labels, "x"), "y");
    assert_true(bind_strings_has(&w->obj.meta.finalizers, "f"));
    assert_string_equal(object_controller(w)->name, "q");
    assert_string_equal(w->color, "red");
}

static void expect_refused(const char *text)
{
    json_auto_t *object = NULL;
    assert_null(json_parse(text, strlen(text), &object));
    const void *decoded = NULL;
    AUTO_ERR err = object_decode(&widget_kind, object, &decoded);
    assert_true(err_is(err, ERR_INVALID));
    assert_null(decoded);
}

static void test_decode_refuses_what_has_no_usable_key(void **state)
{
    (void)state;
    expect_refused("{}");
    expect_refused("{\"metadata\":{\"name\":\"\"}}");
    expect_refused("{\"metadata\":{\"name\":7}}");
    expect_refused("{\"metadata\":{\"name\":\"a/b\"}}");
    expect_refused("{\"metadata\":{\"name\":\"a\",\"namespace\":\"b/c\"}}");
    char long_name[KUBE_NAME_MAX + 2];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    auto_free char *name_text = x_printf("{\"metadata\":{\"name\":\"%s\"}}", long_name);
    expect_refused(name_text);
    auto_free char *ns_text =
        x_printf("{\"metadata\":{\"name\":\"a\",\"namespace\":\"%.64s\"}}", long_name);
    expect_refused(ns_text);
}

static void test_references_keep_the_block(void **state)
{
    (void)state;
    const struct widget *w = widget_new("ns", "a", "1", "red");
    assert_ptr_equal(object_ref(w), w);
    object_unref(w);
    assert_string_equal(w->color, "red");
    object_unref(w);
    assert_null(object_ref(NULL));
    object_unref(NULL);
}

static void test_keys_round_trip(void **state)
{
    (void)state;
    char key[KUBE_KEY_MAX];
    object_key("ns", "a.b", key);
    assert_string_equal(key, "ns/a.b");
    struct object_name n = object_name_parse(key);
    assert_string_equal(n.ns, "ns");
    assert_string_equal(n.name, "a.b");
    object_key(NULL, "x", key);
    assert_string_equal(key, "x");
    n = object_name_parse("x");
    assert_string_equal(n.ns, "");
    assert_string_equal(n.name, "x");

    AUTO_OBJECT(struct widget) w = widget_new("ns", "a", "1", NULL);
    object_key_of(w, key);
    assert_string_equal(key, "ns/a");
}

static void test_keys_of_any_length_fit(void **state)
{
    (void)state;
    char big[1000];
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    char key[KUBE_KEY_MAX];
    object_key(big, big, key);
    assert_int_equal(strlen(key), KUBE_NAMESPACE_MAX + 1 + KUBE_NAME_MAX);
    struct object_name n = object_name_parse(big);
    assert_int_equal(strlen(n.name), KUBE_NAME_MAX);
    big[500] = '/';
    n = object_name_parse(big);
    assert_int_equal(strlen(n.ns), KUBE_NAMESPACE_MAX);
}

static void test_owner_reference(void **state)
{
    (void)state;
    AUTO_OBJECT(struct widget) w = widget_new("ns", "a", "1", NULL);
    json_auto_t *ref = owner_reference_json(&widget_kind.res, &w->obj.meta);
    json_auto_t *want =
        json_build("{s:s,s:s,s:s,s:s,s:b,s:b}", "apiVersion", "example.com/v1", "kind", "Widget",
                   "name", "a", "uid", "uid-a", "controller", 1, "blockOwnerDeletion", 1);
    assert_true(json_same(ref, want));

    char version[KUBE_NAME_MAX];
    resource_api_version(&(struct kube_resource){.group = "", .version = "v1"}, version);
    assert_string_equal(version, "v1");
}

static void test_resource_versions_compare_as_numbers(void **state)
{
    (void)state;
    assert_true(resource_version_compare("9", "10") < 0);
    assert_true(resource_version_compare("10", "9") > 0);
    assert_int_equal(resource_version_compare("10", "10"), 0);
    assert_int_equal(resource_version_compare("010", "10"), 0);
    assert_true(resource_version_compare(NULL, "1") < 0);
    assert_int_equal(resource_version_compare(NULL, ""), 0);
    /* Beyond 64 bits. */
    assert_true(resource_version_compare("18446744073709551616", "18446744073709551617") < 0);
}

static void test_labels(void **state)
{
    (void)state;
    static const char *const good[] = {"team", "a", "A_b.c-9", "example.com/Team", "a/b"};
    static const char *const bad[] = {"",   "a b", "-a",    "a-",  "_a",     "a.",
                                      "/a", "a/",  "a/b/c", "A/b", "a..b/c", "a\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(name_is_qualified(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(name_is_qualified(bad[i]));
    char longest[KUBE_NAMESPACE_MAX + 2];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_false(name_is_qualified(longest));
    assert_false(label_value_is_valid(longest));
    longest[KUBE_NAMESPACE_MAX] = '\0';
    assert_true(name_is_qualified(longest));
    assert_true(label_value_is_valid(longest));
    assert_true(label_value_is_valid(""));
    assert_false(label_value_is_valid("a/b"));
    assert_false(label_value_is_valid("a b"));
    assert_false(label_value_is_valid(NULL));
    assert_false(name_is_qualified(NULL));
}

static void test_names(void **state)
{
    (void)state;
    assert_true(name_is_label("a-1"));
    assert_false(name_is_label(""));
    assert_false(name_is_label(NULL));
    assert_false(name_is_label("-a"));
    assert_false(name_is_label("a-"));
    assert_false(name_is_label("A"));
    assert_false(name_is_label("a.b"));
    assert_true(name_is_subdomain("a.b-c.d"));
    assert_false(name_is_subdomain("a..b"));
    assert_false(name_is_subdomain("a."));
    assert_false(name_is_subdomain("a/b"));
    char big[KUBE_NAME_MAX + 2];
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_false(name_is_subdomain(big));
    big[KUBE_NAME_MAX] = '\0';
    assert_true(name_is_subdomain(big));
    assert_false(name_is_label(big));
    big[KUBE_NAMESPACE_MAX] = '\0';
    assert_true(name_is_label(big));
}

static void test_joined_names_stay_names(void **state)
{
    (void)state;
    char out[64];
    name_join("web", "1", 63, out);
    assert_string_equal(out, "web-1");

    static const char prefix[] = "a-rather-long-name-that-does-not-fit.example.com";
    char again[64];
    name_join(prefix, "0123456789abcdef", 63, out);
    name_join(prefix, "0123456789abcdef", 63, again);
    assert_string_equal(out, again);
    assert_true(strlen(out) <= 63);
    assert_true(name_is_subdomain(out));
    name_join(prefix, "0123456789abcdee", 63, again);
    assert_string_not_equal(out, again);
    /* Other releases must find the same objects. */
    assert_string_equal(out, "a-rather-long-name-that-does-not-fit.example.c-a8eb6f15fa881f36");

    /* The cut falls on punctuation. */
    name_join("abc.-.-.-.-.-.-.-.-.-.-.-", "xyz", 24, out);
    assert_true(name_is_subdomain(out));
    assert_memory_equal(out, "abc-", 4);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_reads_metadata),
        cmocka_unit_test(test_decode_refuses_what_has_no_usable_key),
        cmocka_unit_test(test_references_keep_the_block),
        cmocka_unit_test(test_keys_round_trip),
        cmocka_unit_test(test_keys_of_any_length_fit),
        cmocka_unit_test(test_owner_reference),
        cmocka_unit_test(test_resource_versions_compare_as_numbers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_joined_names_stay_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
