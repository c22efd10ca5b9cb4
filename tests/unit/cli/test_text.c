/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/text.h"

#define NOW "2026-11-21T12:00:00Z"

static int64_t now(void)
{
    int64_t t = 0;
    assert_null(rfc3339_parse(NOW, &t));
    return t;
}

static void test_clean(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t max;
        const char *out;
    } rows[] = {
        {NULL, 10, ""},
        {"plain", 10, "plain"},
        {"0123456789", 10, "0123456789"},
        {"0123456789x", 10, "0123456..."},
        {"a\x1b[31mred\x07\n\tb\x7f", 100, "a?[31mred???b?"}, /* no terminal is steered */
        {"\xc2\x9b"
         "31m",
         100, "??31m"}, /* nor by a C1 control */
        {"bad \xff\xfe", 100, "bad ??"},
        {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 10, "\xc3\xa9\xc3\xa9\xc3\xa9..."},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *got = text_clean(rows[i].in, rows[i].max);
        assert_string_equal(got, rows[i].out);
    }
}

static void test_times(void **state)
{
    (void)state;
    char out[TEXT_TIME_MAX];
    text_time(0, now(), out);
    assert_string_equal(out, "-");
    text_time(now() + 3 * NS_PER_DAY + 4 * NS_PER_HOUR, now(), out);
    assert_string_equal(out, "2026-11-24T16:00:00Z (in 3 d 4 h)");
    text_time(now() - 12 * NS_PER_MIN, now(), out);
    assert_string_equal(out, "2026-11-21T11:48:00Z (12 min ago)");
    text_time(now(), now(), out);
    assert_string_equal(out, NOW " (in 1 s)");
    text_time(INT64_MAX, INT64_MIN, out); /* no overflow, whatever it says */
    text_time(INT64_MIN, INT64_MAX, out);
}

static void outlines(const char *json, const char *expected)
{
    json_auto_t *object = NULL;
    assert_null(json_parse(json, strlen(json), &object));
    AUTO(buf_release) struct buf out = BUF_INIT(1 << 20);
    text_outline(&out, object, now());
    assert_string_equal(buf_str(&out), expected);
}

static void test_outline(void **state)
{
    (void)state;
    outlines("{\"name\":\"web\",\"notAfter\":\"2026-11-21T13:00:00Z\",\"dnsNames\":[\"a\",\"b\"],"
             "\"count\":3,\"presented\":true,\"isCA\":false,\"nothing\":null,\"none\":[],"
             "\"empty\":{},\"issuer\":{\"kind\":\"Issuer\",\"conditions\":[{\"type\":\"Ready\","
             "\"status\":\"True\"},{\"type\":\"X\"}]}}",
             "Name: web\n"
             "Not after: 2026-11-21T13:00:00Z (in 1 h)\n"
             "DNS names:\n"
             "  - a\n"
             "  - b\n"
             "Count: 3\n"
             "Presented: yes\n"
             "Is c a: no\n"
             "Issuer:\n"
             "  Kind: Issuer\n"
             "  Conditions:\n"
             "    - Type: Ready\n"
             "      Status: True\n"
             "    - Type: X\n");
    outlines("{\"url\":\"u\",\"uris\":[\"x\"],\"ipAddresses\":[\"1\"],\"dns\":\"d\"}",
             "URL: u\nUris:\n  - x\nIP addresses:\n  - 1\nDNS: d\n");
}

static void test_outline_of_hostile_text(void **state)
{
    (void)state;
    outlines("{\"message\":\"a\\u001b[2J\\nReady: True\",\"list\":[\"\\u0007\"]}",
             "Message: a?[2J?Ready: True\nList:\n  - ?\n");
}

static void test_long_lists_are_counted(void **state)
{
    (void)state;
    json_t *list = json_new_array();
    for (size_t i = 0; i < TEXT_ITEMS_MAX + 7; i++)
        json_push(list, json_new_string("x"));
    json_auto_t *object = json_build("{s:o}", "names", list);
    AUTO(buf_release) struct buf out = BUF_INIT(1 << 20);
    text_outline(&out, object, now());
    assert_non_null(strstr(buf_str(&out), "  - x\n  - and 7 more\n"));
}

static void test_table(void **state)
{
    (void)state;
    static const struct column columns[] = {
        {.head = "NAME", .key = "name", .max = 8},
        {.head = "EXPIRES IN", .key = "notAfter", .type = COLUMN_UNTIL},
        {.head = "NEXT", .key = "next"},
    };
    static const char json[] =
        "[{\"name\":\"a\",\"notAfter\":\"2026-11-24T12:00:00Z\",\"next\":\"wait\"},"
        "{\"name\":\"m\xc3\xbcnch\",\"notAfter\":\"2026-11-21T11:00:00Z\"},"
        "{\"name\":\"0123456789\",\"notAfter\":\"nonsense\",\"next\":\"\\u001b\"},{}]";
    json_auto_t *rows = NULL;
    assert_null(json_parse(json, strlen(json), &rows));
    AUTO(buf_release) struct buf out = BUF_INIT(1 << 20);
    text_table(&out, columns, ARRAY_LEN(columns), rows, now());
    assert_string_equal(buf_str(&out), "NAME       EXPIRES IN   NEXT\n"
                                       "a          3 d          wait\n"
                                       "m\xc3\xbcnch      1 h ago      -\n"
                                       "01234...   -            ?\n"
                                       "-          -            -\n");
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_outline),
        cmocka_unit_test(test_outline_of_hostile_text),
        cmocka_unit_test(test_long_lists_are_counted),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
