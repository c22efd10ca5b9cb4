/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "testca.h"

static void assert_list(const struct strlist *l, const char *expected)
{
    auto_free char *text = strlist_join(l, " ", 0);
    assert_string_equal(text, expected);
}

static void names_take_their_canonical_form(void **state)
{
    (void)state;
    AUTO(pki_names_release) struct pki_names n = {0};
    strlist_add(&n.dns, "b.Example.COM");
    strlist_add(&n.dns, "*.a.example.com");
    strlist_add(&n.dns, "B.example.com");
    strlist_add(&n.ips, "2001:DB8:0:0::1");
    strlist_add(&n.ips, "192.0.2.1");
    strlist_add(&n.ips, "::ffff:192.0.2.1");
    strlist_add(&n.emails, "Me@Example.com");
    strlist_add(&n.organizations, "Zeta");
    strlist_add(&n.organizations, "Alpha");
    n.common_name = x_strdup("");
    n.serial_number = x_strdup("");
    assert_ok(pki_names_normalize(&n));
    assert_list(&n.dns, "*.a.example.com b.example.com");
    assert_list(&n.ips, "192.0.2.1 2001:db8::1");
    assert_list(&n.emails, "Me@Example.com");
    assert_list(&n.organizations, "Alpha Zeta");
    assert_null(n.common_name);
    assert_null(n.serial_number);
}

static void addresses_are_written_as_rfc_5952_says(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"2001:0db8::0001", "2001:db8::1"},               /* section 4.1 */
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},        /* 4.2.1 */
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* 4.2.2 */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* 4.2.3 */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* 4.2.3 */
        {"2001:DB8:AAAA::", "2001:db8:aaaa::"},           /* 4.3 */
        {"::", "::"},
        {"::1", "::1"},
        {"10.0.0.1", "10.0.0.1"},
        {"::ffff:10.0.0.1", "10.0.0.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_free char *text = NULL;
        assert_ok(pki_ip_canonical(cases[i][0], &text));
        assert_string_equal(text, cases[i][1]);
    }
    static const char *const bad[] = {
        "", "10.0.0", "10.0.0.256", "010.0.0.1", "1.2.3.4 ", "[::1]", "::1%eth0", "12345::", "a",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *text = NULL;
        assert_refused(pki_ip_canonical(bad[i], &text), "InvalidSpec", "IP address");
        assert_null(text);
    }
}

struct one_name {
    size_t offset;
    const char *name;
};

static struct err *normalize_one(size_t offset, const char *name)
{
    AUTO(pki_names_release) struct pki_names n = {0};
    strlist_add((struct strlist *)(void *)((char *)&n + offset), name);
    return pki_names_normalize(&n);
}

#define IN(member) offsetof(struct pki_names, member)
#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static void good_names_pass(void **state)
{
    (void)state;
    static const struct one_name good[] = {
        {IN(dns), "localhost"},
        {IN(dns), "*.example.com"},
        {IN(dns), "xn--bcher-kva.example"},
        {IN(dns), "_dmarc.example.com"},
        {IN(dns), "www.shop.example.com"},
        {IN(dns), "1.2.3.4.example"},
        {IN(dns), LABEL_63 ".example.com"},
        {IN(uris), "spiffe://example.org/ns/a/sa/b"},
        {IN(uris), "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
        {IN(emails), "a@b"},
        {IN(organizations), "B\xC3\xBC"
                            "cher & S\xC3\xB6hne"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_ok(normalize_one(good[i].offset, good[i].name));
}

static void bad_names_are_named(void **state)
{
    (void)state;
    static const struct one_name bad[] = {
        {IN(dns), ""},
        {IN(dns), "."},
        {IN(dns), "*"},
        {IN(dns), "*."},
        {IN(dns), "a.*.example.com"},
        {IN(dns), "w*.example.com"},
        {IN(dns), "example.com."},
        {IN(dns), "a..example.com"},
        {IN(dns), "-a.example.com"},
        {IN(dns), "a-.example.com"},
        {IN(dns), "a b.example.com"},
        {IN(dns), "a/../b"},
        {IN(dns), "192.0.2.1"},
        {IN(dns), "b\xC3\xBC"
                  "cher.example"},
        {IN(dns), LABEL_63 "4.example.com"},
        {IN(dns), LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63},
        {IN(ips), "example.com"},
        {IN(uris), "no-scheme"},
        {IN(uris), "1http://example.com"},
        {IN(uris), "http:"},
        {IN(uris), "http://exa mple.com"},
        {IN(uris), "http://b\xC3\xBC"
                   "cher.example"},
        {IN(emails), "nobody"},
        {IN(emails), "@example.com"},
        {IN(emails), "a@"},
        {IN(emails), "a@b@c"},
        {IN(emails), "a b@example.com"},
        {IN(organizations), ""},
        {IN(organizations), "new\nline"},
        {IN(organizations), "bad\xFF utf8"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_refused(normalize_one(bad[i].offset, bad[i].name), "InvalidSpec", " ");
    assert_refused(normalize_one(IN(dns), "a b"), "InvalidSpec", "DNS name \"a b\"");
    assert_refused(normalize_one(IN(dns), "a\tb"), "InvalidSpec", "DNS name \"a?b\"");
}

static void long_texts_are_refused(void **state)
{
    (void)state;
    char text[4096];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text, "a@b:", 4);
    static const size_t lists[] = {IN(dns), IN(uris), IN(emails), IN(organizations), IN(countries)};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        AUTO_ERR e = normalize_one(lists[i], text);
        assert_non_null(e);
        assert_true(strlen(e->message) < 400);
    }
}

static void a_common_name_has_64_characters(void **state)
{
    (void)state;
    for (size_t len = 64; len <= 65; len++) {
        char text[3 * 65 + 1] = "";
        for (size_t i = 0; i < len; i++)
            memcpy(text + 3 * i, "\xE2\x82\xAC", 3);
        AUTO(pki_names_release) struct pki_names n = {.common_name = x_strdup(text)};
        AUTO_ERR e = pki_names_normalize(&n);
        assert_int_equal(e == NULL, len == 64);
    }
}

/* What is wrong with have; "" when nothing. */
static void assert_difference(const char *want_cn, const char *want_dns, const char *have_cn,
                              const char *have_dns, const char *expected)
{
    AUTO(pki_names_release) struct pki_names want = new_names(want_cn, want_dns);
    AUTO(pki_names_release) struct pki_names have = new_names(have_cn, have_dns);
    auto_free char *diff = pki_names_difference(&want, &have);
    if (*expected == '\0')
        assert_null(diff);
    else
        assert_string_equal(diff, expected);
}

static void a_host_name_may_move_between_common_name_and_sans(void **state)
{
    (void)state;
    assert_difference(NULL, "a.example,b.example", NULL, "B.example,a.example", "");
    assert_difference("a.example", "b.example", "a.example", "b.example", "");
    assert_difference("A.example", NULL, NULL, "a.example", "");
    assert_difference(NULL, "a.example", "a.example", "a.example", "");
    assert_difference("a.example", "a.example,b.example", "b.example", "a.example", "");
    assert_difference(NULL, "a.example,b.example", NULL, "a.example",
                      "DNS name \"b.example\" is missing");
    assert_difference(NULL, "a.example", NULL, "a.example,b.example",
                      "DNS name \"b.example\" was not asked for");
    assert_difference(NULL, "a.example", "c.example", "a.example",
                      "DNS name \"c.example\" was not asked for");
    assert_difference(NULL, "b.example", NULL, "a.example",
                      "DNS name \"a.example\" was not asked for");
}

static void another_common_name_must_be_the_same(void **state)
{
    (void)state;
    assert_difference("My CA", NULL, "My CA", NULL, "");
    assert_difference("My CA", NULL, NULL, NULL, "subject common name \"My CA\" is missing");
    assert_difference(NULL, "a.example", "My CA", "a.example",
                      "subject common name \"My CA\" was not asked for");
    assert_difference("192.0.2.1", NULL, NULL, NULL,
                      "subject common name \"192.0.2.1\" is missing");
}

static void the_sans_alone_may_be_compared(void **state)
{
    (void)state;
    AUTO(pki_names_release) struct pki_names want = new_names("My CA", "a.example");
    AUTO(pki_names_release) struct pki_names have = new_names(NULL, "a.example");
    AUTO(pki_names_release) struct pki_names other = new_names("My CA", "b.example");
    strlist_add(&want.organizations, "Org");
    assert_null(pki_names_sans_difference(&want, &have));
    auto_free char *diff = pki_names_sans_difference(&want, &other);
    assert_string_equal(diff, "DNS name \"a.example\" is missing");
}

static void a_cut_name_is_still_utf8(void **state)
{
    (void)state;
    /* 2 + 3 * 100 bytes: 300 of them end within a character */
    struct pki_names want = {0}, have = {0};
    char text[303] = "ab";
    for (size_t i = 0; i < 100; i++)
        memcpy(text + 2 + 3 * i, "\xE2\x82\xAC", 3);
    strlist_add(&have.organizations, text);
    auto_free char *diff = pki_names_difference(&want, &have);
    assert_non_null(strstr(diff, "\xE2\x82\xAC?\" was not asked for"));
    pki_names_release(&have);
}

static void every_list_is_compared(void **state)
{
    (void)state;
    static const struct {
        size_t offset;
        const char *value, *expected;
    } cases[] = {
        {IN(ips), "192.0.2.1", "IP address \"192.0.2.1\" is missing"},
        {IN(uris), "spiffe://a/b", "URI \"spiffe://a/b\" is missing"},
        {IN(emails), "a@b", "e-mail address \"a@b\" is missing"},
        {IN(organizations), "O1", "subject organization \"O1\" is missing"},
        {IN(countries), "FI", "subject country \"FI\" is missing"},
        {IN(organizational_units), "OU1", "subject organizational unit \"OU1\" is missing"},
        {IN(localities), "L1", "subject locality \"L1\" is missing"},
        {IN(provinces), "P1", "subject province \"P1\" is missing"},
        {IN(street_addresses), "S1", "subject street address \"S1\" is missing"},
        {IN(postal_codes), "1", "subject postal code \"1\" is missing"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(pki_names_release) struct pki_names with = {0}, without = {0};
        strlist_add((struct strlist *)(void *)((char *)&with + cases[i].offset), cases[i].value);
        assert_ok(pki_names_normalize(&with));
        assert_null(pki_names_difference(&with, &with));
        auto_free char *diff = pki_names_difference(&with, &without);
        assert_string_equal(diff, cases[i].expected);
        auto_free char *reverse = pki_names_difference(&without, &with);
        assert_non_null(strstr(reverse, "was not asked for"));
    }
    AUTO(pki_names_release) struct pki_names serial = {.serial_number = x_strdup("7")}, none = {0};
    auto_free char *diff = pki_names_difference(&serial, &none);
    assert_string_equal(diff, "subject serial number \"7\" is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_take_their_canonical_form),
        cmocka_unit_test(addresses_are_written_as_rfc_5952_says),
        cmocka_unit_test(good_names_pass),
        cmocka_unit_test(bad_names_are_named),
        cmocka_unit_test(long_texts_are_refused),
        cmocka_unit_test(a_common_name_has_64_characters),
        cmocka_unit_test(a_host_name_may_move_between_common_name_and_sans),
        cmocka_unit_test(another_common_name_must_be_the_same),
        cmocka_unit_test(every_list_is_compared),
        cmocka_unit_test(the_sans_alone_may_be_compared),
        cmocka_unit_test(a_cut_name_is_still_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
