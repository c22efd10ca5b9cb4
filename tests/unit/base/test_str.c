/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

static void compares(void **state)
{
    (void)state;
    assert_true(str_eq("a", "a"));
    assert_false(str_eq("a", "b"));
    assert_false(str_eq("a", NULL));
    assert_false(str_eq(NULL, "a"));
    assert_true(str_eq(NULL, NULL));
    assert_true(str_empty(NULL));
    assert_true(str_empty(""));
    assert_false(str_empty(" "));
    assert_string_equal(str_or(NULL, "d"), "d");
    assert_string_equal(str_or("", "d"), "d");
    assert_string_equal(str_or("s", "d"), "s");
}

static void finds_prefix_and_suffix(void **state)
{
    (void)state;
    assert_true(str_starts("abc", "ab"));
    assert_true(str_starts("abc", ""));
    assert_true(str_starts("abc", "abc"));
    assert_false(str_starts("abc", "abcd"));
    assert_false(str_starts("abc", "b"));
    assert_false(str_starts(NULL, ""));
    assert_true(str_ends("abc", "bc"));
    assert_true(str_ends("abc", ""));
    assert_true(str_ends("abc", "abc"));
    assert_false(str_ends("abc", "zabc"));
    assert_false(str_ends("abc", "b"));
    assert_false(str_ends(NULL, ""));
}

static void reads_whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int64_t value;
    } rows[] = {
        {"0", 0},
        {"-0", 0},
        {"007", 7},
        {"-12", -12},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = -77;
        assert_null(str_to_i64(rows[i].s, INT64_MIN, INT64_MAX, &value));
        assert_true(value == rows[i].value);
    }
}

static void refuses_all_but_whole_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {
        NULL,
        "",
        " ",
        "-",
        "--1",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "0x10",
        "1e3",
        "1a",
        "1\n",
        "１",
        "9223372036854775808",
        "-9223372036854775809",
        "5-",
        "1,0",
        "\xff",
        "99999999999999999999999999999999999999999",
        "-1-1",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t value = -77;
        AUTO_ERR e = str_to_i64(bad[i], INT64_MIN, INT64_MAX, &value);
        assert_true(err_is(e, ERR_INVALID));
        assert_true(value == -77);
    }
}

static void keeps_numbers_in_range(void **state)
{
    (void)state;
    int64_t value = -77;
    assert_null(str_to_i64("1", 1, 3, &value));
    assert_null(str_to_i64("3", 1, 3, &value));
    AUTO_ERR low = str_to_i64("0", 1, 3, &value);
    AUTO_ERR high = str_to_i64("4", 1, 3, &value);
    assert_string_equal(low->message, "\"0\" is not a whole number from 1 to 3");
    assert_non_null(high);
    assert_true(value == 3);
}

static void copies_with_truncation(void **state)
{
    (void)state;
    char out[6];
    str_copy(out, sizeof(out), "abc");
    assert_string_equal(out, "abc");
    str_copy(out, sizeof(out), "abcdefgh");
    assert_string_equal(out, "abcde");
    str_copy(out, sizeof(out), "abcd\xC3\xA9");
    assert_string_equal(out, "abcd");
    str_copy(out, sizeof(out), "abc\xC3\xA9");
    assert_string_equal(out, "abc\xC3\xA9");
    str_copy(out, 1, "abc");
    assert_string_equal(out, "");
}

static void sanitizes(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"plain text, \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
         "plain text, \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
        {"a\nb\tc\r\x01\x7f", "a?b?c???"},
        {"\x1b]0;title\x07", "?]0;title?"},
        {"c1 \xC2\x85 \xC2\x9B", "c1 ?\? ?\?"},
        {"nbsp \xC2\xA0", "nbsp \xC2\xA0"},
        {"\xC0\xAF overlong", "?\? overlong"},
        {"\xE0\x80\xAF overlong", "?\?? overlong"},
        {"\xED\xA0\x80 surrogate", "?\?? surrogate"},
        {"\xF4\x90\x80\x80 too high", "?\??? too high"},
        {"\xF8\x88\x80\x80\x80", "?\????"},
        {"cut \xE2\x82", "cut ?\?"},
        {"cut \xF0\x9F\x98", "cut ?\??"},
        {"\x80\xBF", "?\?"},
        {"\xC3\n", "?\?"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *s = x_strdup(rows[i].in);
        str_sanitize(s);
        assert_string_equal(s, rows[i].out);
    }
}

/* Decodes and encodes: what utf8_char() takes must be exactly what encoding gives. */
static void knows_every_code_point(void **state)
{
    (void)state;
    for (uint32_t cp = 1; cp <= 0x110100; cp++) {
        char s[5] = {0};
        size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
        static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
        for (size_t i = n; i-- > 0;) {
            uint32_t six = cp >> (6 * (n - 1 - i));
            s[i] = (char)(i > 0 ? 0x80 | (six & 0x3F) : leads[n] | six);
        }
        bool valid = cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF);
        if (utf8_char(s, n) != (valid ? n : 0) || (n > 1 && utf8_char(s, n - 1) != 0))
            fail_msg("code point U+%04X", (unsigned)cp);
        bool control = cp < 0x20 || (cp >= 0x7F && cp < 0xA0);
        if (valid && utf8_is_control(s, n) != control)
            fail_msg("control U+%04X", (unsigned)cp);
    }
    assert_int_equal(utf8_char("", 0), 0);
    assert_int_equal(utf8_char("\0", 1), 1);
}

static void cuts_between_characters(void **state)
{
    (void)state;
    const char *s = "a\xF0\x9F\x98\x80"
                    "b";
    static const size_t cuts[] = {0, 1, 1, 1, 1, 5, 6};
    for (size_t len = 0; len < ARRAY_LEN(cuts); len++)
        assert_int_equal(utf8_cut(s, len), cuts[len]);
    assert_int_equal(utf8_cut("\x80\x80\x80\x80\x80", 5), 5);
    assert_int_equal(utf8_cut("\x80\x80", 2), 2);
    assert_int_equal(utf8_cut("ab\xFF", 3), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(finds_prefix_and_suffix),
        cmocka_unit_test(reads_whole_numbers),
        cmocka_unit_test(refuses_all_but_whole_numbers),
        cmocka_unit_test(keeps_numbers_in_range),
        cmocka_unit_test(copies_with_truncation),
        cmocka_unit_test(sanitizes),
        cmocka_unit_test(knows_every_code_point),
        cmocka_unit_test(cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
