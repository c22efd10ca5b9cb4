/* SPDX-License-Identifier: Apache-2.0 */
/* U-labels in, A-labels out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pki/names.h"
#include "testca.h"

#define UE "\xC3\xBC" /* u with diaeresis */
#define SZ "\xC3\x9F" /* sharp s */

static void names_become_a_labels(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"b" UE "cher.example", "xn--bcher-kva.example"},
        {"B\xC3\x9C"
         "CHER.Example",
         "xn--bcher-kva.example"},
        {"b"
         "u\xCC\x88"
         "cher.example", /* decomposed */
         "xn--bcher-kva.example"},
        {"*.b" UE "cher.example", "*.xn--bcher-kva.example"},
        {"stra" SZ "e.example", "xn--strae-oqa.example"}, /* not transitional: no ss */
        {"www.\xE4\xBE\x8B\xE3\x81\x88.test", "www.xn--r8jz45g.test"},
        {"a.\xE4\xBE\x8B\xE3\x80\x82test", "a.xn--fsq.test"}, /* ideographic full stop */
        {"plain.Example", "plain.Example"},
        {"_x.xn--bcher-kva.example", "_x.xn--bcher-kva.example"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(pki_names_release) struct pki_names n = {0};
        strlist_add(&n.dns, rows[i][0]);
        assert_ok(pki_names_to_ascii(&n));
        assert_string_equal(n.dns.items[0], rows[i][1]);
        assert_ok(pki_names_normalize(&n));
    }
}

static void what_is_no_name_is_refused(void **state)
{
    (void)state;
    char huge[2000];
    memset(huge, 'a', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    memcpy(huge, UE, 2);
    const char *const bad[] = {
        "b" UE "cher .example",
        "b" UE "..example",
        "\xE2\x98\xBA.example\xE2\x80\x8D-", /* a symbol, and a joiner in the wrong place */
        "a" UE "*.example",
        "\xC3(.example", /* not UTF-8 */
        huge,
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO(pki_names_release) struct pki_names n = {0};
        strlist_add(&n.dns, bad[i]);
        struct err *e = pki_names_to_ascii(&n);
        assert_refused(e != NULL ? e : pki_names_normalize(&n), "InvalidSpec", "DNS name");
    }
}

/* A common name is any text; only one of the names is also put into their form. */
static void a_common_name_follows_its_dns_name(void **state)
{
    (void)state;
    AUTO(pki_names_release) struct pki_names n = {.common_name = x_strdup("b" UE "cher.example")};
    strlist_add(&n.dns, "b" UE "cher.example");
    assert_ok(pki_names_to_ascii(&n));
    assert_string_equal(n.common_name, "xn--bcher-kva.example");
    AUTO(pki_names_release) struct pki_names other = {.common_name = x_strdup("M" UE "ller AG")};
    strlist_add(&other.dns, "b" UE "cher.example");
    assert_ok(pki_names_to_ascii(&other));
    assert_string_equal(other.common_name, "M" UE "ller AG");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_a_labels),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(a_common_name_follows_its_dns_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
