/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"

static struct strlist list_of(const char *const *items)
{
    struct strlist l = {0};
    for (; *items != NULL; items++)
        strlist_add(&l, *items);
    return l;
}

#define LIST(...) list_of((const char *const[]){__VA_ARGS__, NULL})

static void owns_what_is_added(void **state)
{
    (void)state;
    AUTO(strlist_release) struct strlist l = {0};
    char text[] = "first";
    strlist_add(&l, text);
    text[0] = 'X';
    char *taken = x_strdup("second");
    strlist_add_take(&l, taken);
    for (int i = 0; i < 100; i++)
        strlist_add(&l, "more");
    assert_int_equal(l.len, 102);
    assert_string_equal(l.items[0], "first");
    assert_ptr_equal(l.items[1], taken);
    assert_true(strlist_has(&l, "second"));
    assert_false(strlist_has(&l, "secon"));
    strlist_release(&l);
    assert_int_equal(l.len, 0);
    assert_false(strlist_has(&l, "second"));
    strlist_add(&l, "usable again");
}

static void compares_in_order(void **state)
{
    (void)state;
    AUTO(strlist_release) struct strlist a = LIST("a", "b");
    AUTO(strlist_release) struct strlist same = LIST("a", "b");
    AUTO(strlist_release) struct strlist turned = LIST("b", "a");
    AUTO(strlist_release) struct strlist longer = LIST("a", "b", "c");
    const struct strlist none = {0}, none_either = {0};
    assert_true(strlist_equal(&a, &same));
    assert_false(strlist_equal(&a, &turned));
    assert_false(strlist_equal(&a, &longer));
    assert_false(strlist_equal(&longer, &a));
    assert_false(strlist_equal(&a, &none));
    assert_true(strlist_equal(&none, &none_either));
}

static void sorts_bytewise(void **state)
{
    (void)state;
    AUTO(strlist_release) struct strlist l = LIST("b", "\xC3\xA9", "", "B", "a", "b");
    AUTO(strlist_release) struct strlist sorted = LIST("", "B", "a", "b", "b", "\xC3\xA9");
    AUTO(strlist_release) struct strlist unique = LIST("", "B", "a", "b", "\xC3\xA9");
    strlist_sort(&l);
    assert_true(strlist_equal(&l, &sorted));
    strlist_uniq(&l);
    assert_true(strlist_equal(&l, &unique));
    struct strlist none = {0};
    strlist_sort(&none);
    strlist_uniq(&none);
    assert_int_equal(none.len, 0);
}

static void uniq_of_repeats_only(void **state)
{
    (void)state;
    AUTO(strlist_release) struct strlist l = LIST("x", "x", "x");
    strlist_uniq(&l);
    assert_int_equal(l.len, 1);
    strlist_add(&l, "y");
    assert_string_equal(l.items[1], "y");
}

static void joins(void **state)
{
    (void)state;
    AUTO(strlist_release) struct strlist l = LIST("a", "b", "c");
    static const struct {
        size_t max;
        const char *text;
    } rows[] = {
        {0, "a, b, c"}, {1, "a and 2 more"}, {2, "a, b and 1 more"}, {3, "a, b, c"}, {9, "a, b, c"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *s = strlist_join(&l, ", ", rows[i].max);
        assert_string_equal(s, rows[i].text);
    }
    const struct strlist none = {0};
    auto_free char *s = strlist_join(&none, ", ", 2);
    assert_string_equal(s, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owns_what_is_added),
        cmocka_unit_test(compares_in_order),
        cmocka_unit_test(sorts_bytewise),
        cmocka_unit_test(uniq_of_repeats_only),
        cmocka_unit_test(joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
