/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/json.h"
#include "kube/list_items.h"

#define ITEM_MAX 1000

/* The items as "<text>|". */
static char got[8192];

static struct err *collect(void *arg, const char *text, size_t len)
{
    int *left = arg;
    if (left != NULL && (*left)-- == 0)
        return err_new(ERR_BUG, "Enough", "enough");
    size_t at = strlen(got);
    snprintf(got + at, sizeof(got) - at, "%.*s|", (int)len, text);
    return NULL;
}

static struct err *feed_in(struct list_items *l, const char *text, size_t piece)
{
    got[0] = '\0';
    list_items_init(l, ITEM_MAX, collect, NULL);
    for (size_t at = 0, len = strlen(text); at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        /* A copy of its own, so that a read behind the chunk is seen. */
        auto_free char *chunk = x_memdup(text + at, n);
        TRY(list_items_feed(l, chunk, n));
    }
    return list_items_end(l);
}

static void expect_items(const char *text, const char *want, const char *rv, const char *next)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        AUTO(list_items_release) struct list_items l = {0};
        AUTO_ERR err = feed_in(&l, text, piece);
        assert_null(err);
        assert_string_equal(got, want);
        assert_string_equal(l.rv, rv);
        if (next == NULL)
            assert_null(l.next);
        else
            assert_string_equal(l.next, next);
    }
}

static void expect_bad(const char *text)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        AUTO(list_items_release) struct list_items l = {0};
        AUTO_ERR err = feed_in(&l, text, piece);
        assert_true(err_is(err, ERR_TRANSIENT) || err_is(err, ERR_INVALID));
    }
}

static void test_typed_list(void **state)
{
    (void)state;
    expect_items("{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":"
                 "\"7\",\"continue\":\"abc\"},\"items\":[{\"a\":1},{\"b\":{\"c\":[1,{}]}}]}\n",
                 "{\"a\":1}|{\"b\":{\"c\":[1,{}]}}|", "7", "abc");
}

static void test_custom_list_has_another_order(void **state)
{
    (void)state;
    expect_items("{\"apiVersion\":\"x/v1\",\"items\":[{\"a\":1}],\"kind\":\"XList\","
                 "\"metadata\":{\"continue\":\"\",\"resourceVersion\":\"12\"}}",
                 "{\"a\":1}|", "12", NULL);
}

static void test_punctuation_within_strings(void **state)
{
    (void)state;
    expect_items("{\"metadata\":{\"resourceVersion\":\"1\",\"x\":\"]}\\\"{\"},"
                 "\"items\" : [ {\"a\":\"}],\\\\\"} ,\n {\"b\":\"\\\"}\"} ] }",
                 "{\"a\":\"}],\\\\\"}|{\"b\":\"\\\"}\"}|", "1", NULL);
}

static void test_values_of_all_kinds_are_skipped(void **state)
{
    (void)state;
    expect_items("{\"n\":-1.5e3,\"t\":true,\"z\":null,\"s\":\"x\",\"l\":[[],[1]],"
                 "\"items-of-another-name\":[{}],\"items\":[],\"metadata\":"
                 "{\"resourceVersion\":\"3\"},\"last\":0}",
                 "", "3", NULL);
    expect_items("{\"items\":null,\"metadata\":{\"resourceVersion\":\"3\"}}", "", "3", NULL);
}

static void test_what_is_no_list(void **state)
{
    (void)state;
    expect_bad("<html>");
    expect_bad("[]");
    expect_bad("{}");
    expect_bad("{\"items\":[]}");
    expect_bad("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"a\":1}");
    expect_bad("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[1]}");
    expect_bad("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[\"a\"]}");
    expect_bad("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]]}");
    expect_bad("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]} {");
    expect_bad("{\"metadata\":{\"resourceVersion\":1},\"items\":[]}");
    expect_bad("{\"metadata\":{bad},\"items\":[]}");
    expect_bad("{\"metadata\" {}}");
    expect_bad("{\"meta\\u0064ata\":{\"resourceVersion\":\"1\"}}");
    expect_bad("{metadata:{}}");
    expect_bad("{\"a\":]");
}

static void test_items_have_a_maximum(void **state)
{
    (void)state;
    auto_free char *filler = x_alloc(ITEM_MAX + 1);
    memset(filler, 'x', ITEM_MAX);
    filler[ITEM_MAX] = '\0';
    auto_free char *text =
        x_printf("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"a\":\"%s\"}]}", filler);
    AUTO(list_items_release) struct list_items l = {0};
    AUTO_ERR err = feed_in(&l, text, 100);
    assert_true(err_is(err, ERR_TRANSIENT));
    assert_string_equal(err->reason, "BadList");
    assert_string_equal(got, "");
    /* Only items and metadata are kept, so the rest may be long. */
    auto_free char *other =
        x_printf("{\"x\":\"%s\",\"metadata\":{\"resourceVersion\":\"1\"}}", filler);
    AUTO(list_items_release) struct list_items l2 = {0};
    assert_null(feed_in(&l2, other, 100));
}

static void test_the_receiver_may_stop(void **state)
{
    (void)state;
    got[0] = '\0';
    int left = 1;
    AUTO(list_items_release) struct list_items l = {0};
    list_items_init(&l, ITEM_MAX, collect, &left);
    const char *text = "{\"items\":[{},{},{}]}";
    AUTO_ERR err = list_items_feed(&l, text, strlen(text));
    assert_true(err_is(err, ERR_BUG));
    assert_string_equal(got, "{}|");
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typed_list),
        cmocka_unit_test(test_custom_list_has_another_order),
        cmocka_unit_test(test_punctuation_within_strings),
        cmocka_unit_test(test_values_of_all_kinds_are_skipped),
        cmocka_unit_test(test_what_is_no_list),
        cmocka_unit_test(test_items_have_a_maximum),
        cmocka_unit_test(test_the_receiver_may_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
