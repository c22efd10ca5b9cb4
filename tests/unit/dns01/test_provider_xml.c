/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"

/* What the element a of a text says. */
static const struct {
    const char *xml, *text; /* NULL: there is none that can be read */
} rows[] = {
    {"<a>b</a>", "b"},
    {"<x><a>b</a><a>c</a></x>", "b"},
    {"<?xml version=\"1.0\"?>\n<!-- <a>no</a> --><r xmlns=\"y\"><a k=\"v\" l='>'>b</a></r>", "b"},
    {"<aa>no</aa><a>b</a>", "b"},
    {"<a/>", ""},
    {"<a />", ""},
    {"<a></a>", ""},
    {"<a >b</a >", "b"},
    {"<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x00043;</a>", NULL},
    {"<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;</a>", "<>&\"'AB"},
    {"<a>&amp;lt;</a>", "&lt;"},
    {"<![CDATA[<a>no</a>]]><a>b</a>", "b"},
    {"", NULL},
    {"<", NULL},
    {"<a", NULL},
    {"<a>", NULL},
    {"<a>b", NULL},
    {"<a>b</b>", NULL},
    {"<a><b>c</b></a>", NULL},
    {"<a><a>b</a>", NULL},
    {"<a>&nbsp;</a>", NULL},
    {"<a>&#7;</a>", NULL},
    {"<a>&#-65;</a>", NULL},
    {"<a>&#;</a>", NULL},
    {"<a>&#x;</a>", NULL},
    {"<a>&#65</a>", NULL},
    {"<a>&</a>", NULL},
    {"<a>\xc3\xa4</a>", NULL},
    {"<a>x\ny</a>", NULL},
    {"<!DOCTYPE r [<!ENTITY e \"x\">]><a>b</a>", NULL},
    {"<!-- <a>b</a>", NULL},
    {"</a><a>b</a>", "b"},
    {"<b x=\"<a>no</a>\"><a>b</a></b>", "b"},
    {"<a>0123456789012345</a>", "0123456789012345"},
    {"<a>01234567890123456</a>", NULL},
};

static void texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct xml in = {rows[i].xml, strlen(rows[i].xml)};
        auto_free char *text = xml_text(&in, "a", 16);
        if (!str_eq(text, rows[i].text))
            fail_msg("%s: %s", rows[i].xml, str_or(text, "(none)"));
    }
}

static void one_after_the_other(void **state)
{
    (void)state;
    static const char text[] = "<l><e>1</e><f><e>2</e></f><e/><e><g><e>no</e></g></e></l><e>3</e>";
    static const char *const expected[] = {"1", "2", "", "<g><e>no</e></g>", "3"};
    struct xml rest = {text, strlen(text)}, in;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(xml_next(&rest, "e", &in));
        assert_int_equal(in.len, strlen(expected[i]));
        assert_memory_equal(in.data, expected[i], in.len);
    }
    assert_false(xml_next(&rest, "e", &in));
}

/* Nothing beyond the end of a part is looked at. */
static void a_part_ends_where_it_ends(void **state)
{
    (void)state;
    static const char text[] = "<a>b</a>";
    for (size_t len = 0; len < strlen(text); len++) {
        auto_free char *part = x_memdup(text, len + 1); /* the sanitizer watches its end */
        part = x_realloc(part, len > 0 ? len : 1);
        struct xml rest = {part, len}, in;
        assert_false(xml_next(&rest, "a", &in));
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const char text[] = "\"v=1; <a>&amp;'b'\"";
    AUTO(buf_release) struct buf b = BUF_INIT(256);
    expect_ok(buf_adds(&b, "<x>"));
    expect_ok(xml_add(&b, text));
    expect_ok(buf_adds(&b, "</x>"));
    const struct xml in = {b.data, b.len};
    auto_free char *read = xml_text(&in, "x", 64);
    assert_string_equal(read, text);
    AUTO(buf_release) struct buf small = BUF_INIT(3);
    expect_err(xml_add(&small, "<"), ERR_INVALID, "TooLarge", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(a_part_ends_where_it_ends),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
