/* SPDX-License-Identifier: Apache-2.0 */
#include "contract.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static void providers_are_found_by_the_member(void **state)
{
    (void)state;
    assert_non_null(dns_providers[0]);
    for (size_t i = 0; dns_providers[i] != NULL; i++) {
        const struct dns_provider *p = dns_providers[i];
        assert_ptr_equal(dns_provider_of(p->name), p);
        assert_non_null(p->config);
        assert_non_null(p->present);
        assert_non_null(p->clean_up);
    }
    assert_null(dns_provider_of("nosuch"));
    assert_null(dns_provider_of(""));
    assert_null(dns_provider_of(NULL));
}

static void a_name_is_relative_to_its_zone(void **state)
{
    (void)state;
    static const struct {
        const char *name, *zone, *relative;
    } rows[] = {
        {"_acme-challenge.www.example.com", "example.com", "_acme-challenge.www"},
        {"_acme-challenge.example.com", "example.com", "_acme-challenge"},
        {"example.com", "example.com", "@"},
        {"a.com", "com", "a"},
        {"badexample.com", "example.com", NULL},
        {"example.com", "www.example.com", NULL},
        {"example.org", "example.com", NULL},
        {".example.com", "example.com", NULL},
        {"com", "example.com", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *relative = dns_relative_name(rows[i].name, rows[i].zone);
        assert_true(str_eq(relative, rows[i].relative));
    }
}

static void zones_are_climbed_to_two_labels(void **state)
{
    (void)state;
    assert_string_equal(dns_parent_zone("a.www.example.com"), "www.example.com");
    assert_string_equal(dns_parent_zone("www.example.com"), "example.com");
    assert_null(dns_parent_zone("example.com"));
    assert_null(dns_parent_zone("com"));
    assert_null(dns_parent_zone(""));
}

static void quotes_make_no_difference(void **state)
{
    (void)state;
    assert_true(dns_text_is("abc", "abc"));
    assert_true(dns_text_is("\"abc\"", "abc"));
    assert_false(dns_text_is("\"abc", "abc"));
    assert_false(dns_text_is("abcd", "abc"));
    assert_false(dns_text_is("\"\"", "abc"));
    assert_false(dns_text_is("", "abc"));
    assert_false(dns_text_is(NULL, "abc"));
    auto_free char *quoted = dns_text_quoted("abc");
    assert_string_equal(quoted, "\"abc\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(providers_are_found_by_the_member),
        cmocka_unit_test(a_name_is_relative_to_its_zone),
        cmocka_unit_test(zones_are_climbed_to_two_labels),
        cmocka_unit_test(quotes_make_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
