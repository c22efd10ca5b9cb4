/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#define LONG_REL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define BASE "https://ca.test/acme/cert/7?x=1"
#define LINKS AUTO(acme_links_release) struct acme_links

static void references_are_resolved(void **state)
{
    (void)state;
    static const struct {
        const char *base, *reference, *url;
    } rows[] = {
        {BASE, "https://other.test/a", "https://other.test/a"},
        {BASE, "HTTPS://other.test/a", "HTTPS://other.test/a"},
        {BASE, "//other.test/a", "https://other.test/a"},
        {BASE, "/a?b", "https://ca.test/a?b"},
        {BASE, "8/1", "https://ca.test/acme/cert/8/1"},
        {BASE, "?cursor=2", "https://ca.test/acme/cert/7?cursor=2"},
        {BASE, "a.b..c/...", "https://ca.test/acme/cert/a.b..c/..."},
        {"https://ca.test", "a", "https://ca.test/a"},
        {"https://ca.test:8443", "/a", "https://ca.test:8443/a"},
        {"https://ca.test?x=/y", "a", "https://ca.test/a"},
        {BASE, "", NULL},
        {BASE, "http://ca.test/a", NULL},
        {BASE, "ftp:a", NULL},
        {BASE, "javascript:alert(1)", NULL},
        {BASE, "../7", NULL},
        {BASE, "a/./b", NULL},
        {BASE, "..", NULL},
        {BASE, "a b", NULL},
        {BASE, "#a", NULL},
        {BASE, "//user@ca.test/", NULL},
        {BASE, "//", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *url = acme_url_resolve(rows[i].base, rows[i].reference);
        if (!str_eq(url, rows[i].url))
            fail_msg("%s: %s", rows[i].reference, str_or(url, "(NULL)"));
    }
    char far[4000];
    memset(far, 'a', sizeof(far));
    far[sizeof(far) - 1] = '\0';
    assert_null(acme_url_resolve(BASE, far));
    far[2040] = '\0';
    assert_null(acme_url_resolve(BASE, far)); /* with the base */
}

static void links_are_found_by_relation(void **state)
{
    (void)state;
    LINKS l = {0};
    acme_links_add(&l, BASE, "</dir>;rel=\"index\"");
    acme_links_add(&l, BASE,
                   "<7/1>; title=\"a, \\\"b\\\"; rel=x\"; rel=\"alternate\" , "
                   "<https://ca.test/c2> ; REL = Alternate;type=pem,"
                   ",<?page=2>;rel=\"next  last\";rel=first");
    assert_string_equal(acme_links_get(&l, "index", 0), "https://ca.test/dir");
    assert_string_equal(acme_links_get(&l, "alternate", 0), "https://ca.test/acme/cert/7/1");
    assert_string_equal(acme_links_get(&l, "alternate", 1), "https://ca.test/c2");
    assert_null(acme_links_get(&l, "alternate", 2));
    assert_string_equal(acme_links_get(&l, "next", 0), "https://ca.test/acme/cert/7?page=2");
    assert_string_equal(acme_links_get(&l, "last", 0), "https://ca.test/acme/cert/7?page=2");
    assert_null(acme_links_get(&l, "first", 0));
    assert_null(acme_links_get(&l, "help", 0));
    assert_int_equal(l.count, 5);
}

static void what_is_no_link_is_left_out(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "",
        " ",
        "https://ca.test/a; rel=next",
        "<https://ca.test/a",
        "<https://ca.test/a>",
        "<https://ca.test/a>; rel",
        "<https://ca.test/a>; rel=",
        "<https://ca.test/a>; rel=\"\"",
        "<https://ca.test/a>; rel=\" \"",
        "<http://ca.test/a>; rel=next",
        "<>; rel=next",
        "<https://ca.test/a>; rel=next; anchor=\"/b\"",
        "<https://ca.test/a>; relation=next; xrel=next",
        "<https://ca.test/a> rel=next",
        "x <https://ca.test/a>; rel=next",
        ";;;===\"\"\"",
        ("<https://ca.test/a>; rel=" LONG_REL),
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        LINKS l = {0};
        acme_links_add(&l, BASE, headers[i]);
        if (l.count > 0)
            fail_msg("%s: %s %s", headers[i], l.items[0].rel, l.items[0].url);
    }
    LINKS open = {0};
    acme_links_add(&open, BASE, "</a>; rel=next, </b>; rel=\"alternate");
    assert_string_equal(acme_links_get(&open, "next", 0), "https://ca.test/a");
    assert_string_equal(acme_links_get(&open, "alternate", 0), "https://ca.test/b");
}

static void there_is_an_end(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf many = BUF_INIT(1 << 20);
    for (int i = 0; i < 100; i++)
        buf_putf(&many, "</a%d>; rel=\"alternate next\",", i);
    LINKS l = {0};
    acme_links_add(&l, BASE, buf_str(&many));
    acme_links_add(&l, BASE, "</b>; rel=next");
    assert_int_equal(l.count, ACME_LINKS_MAX);
    while (many.len <= 16384)
        buf_puts(&many, " ");
    LINKS none = {0};
    acme_links_add(&none, BASE, buf_str(&many));
    assert_int_equal(none.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_resolved),
        cmocka_unit_test(links_are_found_by_relation),
        cmocka_unit_test(what_is_no_link_is_left_out),
        cmocka_unit_test(there_is_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
