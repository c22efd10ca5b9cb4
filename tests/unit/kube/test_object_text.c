/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/object_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kube/secret.h"

#define FIELDS                                                                                     \
    "\"managedFields\":[{\"manager\":\"m\",\"fieldsV1\":{\"f:spec\":{\"f:x]\":{},\"f:\\\"}\":[]}}" \
    "},{}]"

static const struct kube_resource widgets = {"example.com", "v1", "widgets", "Widget", true};

static char *parsed(const struct kube_resource *res, const char *text)
{
    json_auto_t *value = NULL;
    /* A copy without a NUL behind it: a sanitizer sees who reads on. */
    size_t len = strlen(text);
    auto_free char *exact = x_memdup(text, len > 0 ? len : 1);
    AUTO_ERR e = object_text_parse(res, exact, len, &value);
    if (e != NULL)
        return x_strdup("refused");
    char *out = NULL;
    assert_null(json_to_string(value, 4096, &out));
    return out;
}

static void who_wrote_what_is_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"{\"metadata\":{\"name\":\"a\"," FIELDS ",\"uid\":\"u\"},\"spec\":{\"n\":[1]}}",
         "{\"metadata\":{\"name\":\"a\",\"managedFields\":[],\"uid\":\"u\"},\"spec\":{\"n\":[1]}}"},
        {"{\"items\":[{\"metadata\":{" FIELDS "}},{\"metadata\":{" FIELDS "}}]}",
         "{\"items\":[{\"metadata\":{\"managedFields\":[]}},{\"metadata\":{\"managedFields\":[]}}]"
         "}"},
        {"{\"metadata\":{\"managedFields\":[]}}", "{\"metadata\":{\"managedFields\":[]}}"},
        {"{\"metadata\":{\"name\":\"b\"}}", "{\"metadata\":{\"name\":\"b\"}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = parsed(&widgets, rows[i].text);
        assert_string_equal(text, rows[i].want);
    }
}

static void text_that_looks_like_it_stays(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"a\":\"\\\"managedFields\\\":[1,2]\"}", /* in a string */
        "{\"x\\\"managedFields\":[1,2]}",          /* the end of a longer name */
        "{\"managedFields\":\"[1]\"}",
        "{\"managedFields\":{\"a\":[1]}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = parsed(&widgets, rows[i]);
        assert_string_equal(text, rows[i]);
    }
}

static void text_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"metadata\":{\"name\":\"a\"," FIELDS ",\"uid\":\"u\"}}";
    for (size_t len = 0; len + 1 < sizeof(text); len++) {
        auto_free char *cut = x_strndup(text, len);
        auto_free char *got = parsed(&widgets, cut);
        assert_string_equal(got, "refused");
    }
    auto_free char *nothing_before = parsed(&widgets, "\"managedFields\":[]");
    assert_string_equal(nothing_before, "refused");
}

static void secrets_keep_them(void **state)
{
    (void)state;
    static const char text[] = "{\"metadata\":{\"managedFields\":[{\"manager\":\"m\"}]}}";
    auto_free char *got = parsed(&res_secret, text);
    assert_string_equal(got, text);
}

static bool identified(const char *text, struct object_text_id *id)
{
    size_t len = strlen(text);
    auto_free char *exact = x_memdup(text, len > 0 ? len : 1);
    return object_text_identify(exact, len, id);
}

#define META(more)                                                                                 \
    "\"metadata\":{" FIELDS ",\"name\":\"web\",\"namespace\":\"ns\"," more                         \
    "\"resourceVersion\":\"17\",\"uid\":\"u\"}"

static void an_object_is_identified_by_its_text(void **state)
{
    (void)state;
    struct object_text_id id;
    assert_true(identified("{\"kind\":\"Widget\"," META("") ",\"spec\":{\"n\":1}}}\n", &id));
    assert_string_equal(id.ns, "ns");
    assert_string_equal(id.name, "web");
    assert_string_equal(id.resource_version, "17");
    /* What lies deeper, or in a string, is not it. */
    assert_true(
        identified("{\"a\":{\"metadata\":{\"name\":\"x\"}},\"b\":\"\\\"metadata\\\":{\"," META(
                       "\"labels\":{\"name\":\"y\"},\"n\":1,") "}",
                   &id));
    assert_string_equal(id.name, "web");
    assert_true(identified("{\"metadata\":{\"name\":\"c\",\"resourceVersion\":\"1\"}}", &id));
    assert_string_equal(id.ns, "");
}

static void other_texts_are_left_to_the_parser(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "{",
        "{}",
        "[]",
        "{\"metadata\":{}}",
        "{\"metadata\":\"name\"}",
        "{\"metadata\":{\"name\":\"a\"}}",
        "{\"metadata\":{\"resourceVersion\":\"1\"}}",
        "{\"metadata\":{\"name\":\"\",\"resourceVersion\":\"1\"}}",
        "{\"metadata\":{\"name\":\"\\u0061\",\"resourceVersion\":\"1\"}}",
        "{\"metadata\":{\"name\":7,\"resourceVersion\":\"1\"}}",
        "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"123456789012345678901234567890123\"}}",
        "{ \"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"}}",
        "{\"metadata\": {\"name\":\"a\",\"resourceVersion\":\"1\"}}",
        "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\", \"namespace\":\"ns\"}}",
        "{\"x\\\":1,\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"}}",
    };
    struct object_text_id id;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (identified(rows[i], &id))
            fail_msg("row %zu is taken for %s", i, id.name);
}

/* Whatever is cut off: no other object than the one that it is. */
static void a_cut_text_is_nobody_else(void **state)
{
    (void)state;
    static const char text[] = "{\"kind\":\"Widget\"," META("") ",\"spec\":{\"n\":1}}";
    for (size_t len = 0; len < sizeof(text); len++) {
        auto_free char *cut = x_strndup(text, len);
        struct object_text_id id;
        if (!identified(cut, &id))
            continue;
        assert_string_equal(id.ns, "ns");
        assert_string_equal(id.resource_version, "17");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_wrote_what_is_left_out),
        cmocka_unit_test(text_that_looks_like_it_stays),
        cmocka_unit_test(text_cut_anywhere_is_refused),
        cmocka_unit_test(secrets_keep_them),
        cmocka_unit_test(an_object_is_identified_by_its_text),
        cmocka_unit_test(other_texts_are_left_to_the_parser),
        cmocka_unit_test(a_cut_text_is_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
