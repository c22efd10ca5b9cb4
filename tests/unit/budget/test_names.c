/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "budget/names.h"

static void registered_domains_follow_the_public_suffix_list(void **state)
{
    (void)state;
    static const struct {
        const char *name, *domain;
    } rows[] = {
        {"example.com", "example.com"},
        {"a.b.c.example.com", "example.com"},
        {"*.example.com", "example.com"},
        {"A.Example.COM", "example.com"},
        {"new.blog.example.co.uk", "example.co.uk"},
        {"someone.github.io", "someone.github.io"},
        {"www.ck", "www.ck"},         /* an exception of a wildcard rule */
        {"a.b.test.ck", "b.test.ck"}, /* the wildcard rule itself */
        {"co.uk", "co.uk"},           /* a suffix is its own */
        {"com", "com"},
        {"web.shop.internal", "shop.internal"}, /* no rule: the last label is the suffix */
        {"localhost", "localhost"},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"192.0.2.7", "192.0.2.7"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *domain = budget_registered_domain(rows[i].name);
        assert_string_equal(domain, rows[i].domain);
    }
}

static void keys_are_short_and_apart(void **state)
{
    (void)state;
    char a[BUDGET_KEY_MAX], b[BUDGET_KEY_MAX], c[BUDGET_KEY_MAX];
    budget_key("ca.test", "example.com", a);
    assert_string_equal(a, "ca.test example.com");
    char name[254];
    memset(name, 'x', sizeof(name) - 1);
    name[253] = '\0';
    budget_key("ca.test", name, a);
    name[252] = 'y';
    budget_key("ca.test", name, b);
    assert_string_not_equal(a, b);
    assert_true(strlen(a) < BUDGET_KEY_MAX);
    assert_memory_equal(a, "ca.test sha256:", 15);
    /* A name cannot pose as another scope and name. */
    budget_key("ca.test", "a b", c);
    assert_memory_equal(c, "ca.test sha256:", 15);
}

static void a_set_has_one_key(void **state)
{
    (void)state;
    AUTO(strlist_release) struct strlist one = {0}, two = {0}, three = {0};
    strlist_add(&one, "a.test");
    strlist_add(&one, "b.test");
    strlist_add(&two, "B.test");
    strlist_add(&two, "a.test");
    strlist_add(&two, "b.test");
    strlist_add(&three, "a.test");
    char a[BUDGET_KEY_MAX], b[BUDGET_KEY_MAX], c[BUDGET_KEY_MAX], d[BUDGET_KEY_MAX];
    budget_set_key("ca.test", &one, a);
    budget_set_key("ca.test", &two, b);
    budget_set_key("ca.test", &three, c);
    budget_set_key("other.test", &one, d);
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    assert_string_not_equal(a, d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registered_domains_follow_the_public_suffix_list),
        cmocka_unit_test(keys_are_short_and_apart),
        cmocka_unit_test(a_set_has_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
