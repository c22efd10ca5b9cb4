/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

static json_t *parsed(const char *text)
{
    json_t *value = NULL;
    struct err *e = json_parse(text, strlen(text), &value);
    if (e != NULL)
        fail_msg("%s", e->message);
    return value;
}

static void assert_printed(const json_t *value, const char *expected)
{
    auto_free char *text = NULL;
    assert_null(json_to_string(value, 1 << 20, &text));
    assert_string_equal(text, expected);
}

static void assert_refused(const char *data, size_t len, const char *message)
{
    json_t *value = NULL;
    AUTO_ERR e = json_parse(data, len, &value);
    assert_non_null(e);
    assert_null(value);
    assert_int_equal(e->kind, ERR_INVALID);
    assert_string_equal(e->reason, "BadJSON");
    assert_string_equal(e->message, message);
}

static void parse_takes_any_one_value(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",
        "true",
        "-9223372036854775808",
        "\"\xE2\x82\xAC\"",
        "[]",
        "{\"a\":[1,{\"b\":null}]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_auto_t *value = parsed(texts[i]);
        assert_printed(value, texts[i]);
    }
}

static void parse_errors_say_where_but_not_what(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"", "line 1, column 0: unexpected end"},
        {"{\"password\": \"s3cret", "line 1, column 20: unexpected end"},
        {"{\"a\": s3cret}", "line 1, column 7: not JSON"},
        {"{\n \"a\": 1,\n \"a\": 2}", "line 3, column 4: duplicate key"},
        {"[1] s3cret", "line 1, column 5: text after the end of the value"},
        {"\"s3cret\\u0000\"", "line 1, column 14: NUL in a string"},
        {"{\"s3\\u0000cret\":1}", "line 1, column 15: NUL in a string"},
        {"\"s3cret\xC3\"", "line 1, column 7: not UTF-8"},
        {"9223372036854775808", "line 1, column 19: number out of range"},
        {"1e999", "line 1, column 5: number out of range"},
        {"NaN", "line 1, column 3: not JSON"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_refused(rows[i].text, strlen(rows[i].text), rows[i].message);
    assert_refused(NULL, 0, "line 1, column 0: unexpected end");
    assert_refused("1\0", 2, "byte 2: NUL");
    assert_refused("{\"a\0\": 1}", 9, "byte 4: NUL");
}

static void parse_bounds_the_depth(void **state)
{
    (void)state;
    const size_t depth = 100000;
    auto_free char *text = x_alloc(depth);
    memset(text, '[', depth);
    json_t *value = NULL;
    AUTO_ERR e = json_parse(text, depth, &value);
    assert_true(err_is(e, ERR_INVALID));
    assert_true(str_ends(e->message, "nested too deeply"));
}

static void print_appends_or_leaves_the_buffer(void **state)
{
    (void)state;
    json_auto_t *value = parsed("{\"key\": \"0123456789\", \"list\": [1, 2]}");
    AUTO(buf_release) struct buf b = BUF_INIT(40);
    assert_null(buf_adds(&b, "x="));
    assert_null(json_print(value, &b));
    assert_string_equal(buf_str(&b), "x={\"key\":\"0123456789\",\"list\":[1,2]}");
    AUTO_ERR e = json_print(value, &b);
    assert_true(err_is(e, ERR_INVALID));
    assert_string_equal(e->reason, "TooLarge");
    assert_string_equal(buf_str(&b), "x={\"key\":\"0123456789\",\"list\":[1,2]}");
    assert_int_equal(b.len, strlen(buf_str(&b)));

    AUTO(buf_release) struct buf fresh = BUF_INIT(3);
    AUTO_ERR too_large = json_print(value, &fresh);
    assert_non_null(too_large);
    assert_string_equal(buf_str(&fresh), "");
}

static void to_string_has_a_maximum(void **state)
{
    (void)state;
    json_auto_t *value = parsed("[1,2,3]");
    char *text = NULL;
    assert_null(json_to_string(value, 7, &text));
    assert_string_equal(text, "[1,2,3]");
    free(text);
    text = NULL;
    AUTO_ERR e = json_to_string(value, 6, &text);
    assert_non_null(e);
    assert_null(text);
}

static void readers_follow_paths(void **state)
{
    (void)state;
    json_auto_t *pod = parsed("{\"status\": {\"phase\": \"Running\", \"ready\": true, \"n\": -5,"
                              " \"ips\": [\"a\", {\"b\": \"c\"}], \"0\": \"key\"}}");
    assert_string_equal(JSTR(pod, "status", "phase"), "Running");
    assert_string_equal(JSTR(pod, "status", "ips", "0"), "a");
    assert_string_equal(JSTR(pod, "status", "ips", "1", "b"), "c");
    assert_string_equal(JSTR(pod, "status", "0"), "key");
    assert_true(JBOOL(pod, "status", "ready"));
    assert_int_equal(JINT(pod, 7, "status", "n"), -5);
    assert_int_equal(json_count(JGET(pod, "status", "ips")), 2);
    assert_int_equal(json_count(JGET(pod, "status")), 5);
    assert_string_equal(json_text(json_item(JGET(pod, "status", "ips"), 0)), "a");
}

static void readers_forgive_absent_and_other_types(void **state)
{
    (void)state;
    json_auto_t *pod = parsed("{\"s\": \"text\", \"n\": 1.5, \"l\": [1], \"z\": null}");
    assert_null(JSTR(pod, "x"));
    assert_null(JSTR(pod, "s", "deeper"));
    assert_null(JSTR(pod, "n"));
    assert_null(JSTR(NULL, "s"));
    assert_int_equal(JINT(pod, 7, "n"), 7);
    assert_int_equal(JINT(pod, 7, "s"), 7);
    assert_false(JBOOL(pod, "s"));
    assert_false(JBOOL(pod, "z"));
    static const char *const not_indexes[] = {
        "1", "-1", "", "0x0", "+0", " 0", "0 ", "18446744073709551616", "4294967296",
    };
    for (size_t i = 0; i < ARRAY_LEN(not_indexes); i++)
        assert_null(JGET(pod, "l", not_indexes[i]));
    assert_int_equal(json_count(NULL), 0);
    assert_int_equal(json_count(JGET(pod, "s")), 0);
    assert_null(json_item(pod, 0));
    assert_null(json_item(JGET(pod, "l"), 1));
}

static bool append_key(void *arg, const char *key, json_t *value)
{
    struct buf *b = arg;
    buf_putf(b, "%s=%d ", key, (int)json_number(value, -1));
    return json_number(value, 0) < 2;
}

static void each_visits_in_order_until_told_to_stop(void **state)
{
    (void)state;
    json_auto_t *object = parsed("{\"z\": 0, \"a\": 1, \"m\": 2, \"never\": 0}");
    AUTO(buf_release) struct buf b = BUF_INIT(100);
    json_each(object, append_key, &b);
    assert_string_equal(buf_str(&b), "z=0 a=1 m=2 ");
    json_each(NULL, append_key, &b);
    json_each(JGET(object, "z"), append_key, &b);
    assert_string_equal(buf_str(&b), "z=0 a=1 m=2 ");
}

static void same_ignores_the_order_of_members_only(void **state)
{
    (void)state;
    json_auto_t *a = parsed("{\"x\": 1, \"y\": [1, 2]}");
    json_auto_t *b = parsed("{\"y\": [1, 2], \"x\": 1}");
    json_auto_t *c = parsed("{\"y\": [2, 1], \"x\": 1}");
    assert_true(json_same(a, b));
    assert_false(json_same(a, c));
    assert_true(json_same(NULL, NULL));
    assert_false(json_same(a, NULL));
}

/* Reads memory that may have been freed: through the kernel, which neither traps nor is instrumented. */
static void read_raw(uintptr_t address, char *out, size_t len)
{
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, out, len, (off_t)address), (ssize_t)len);
    close(fd);
}

static void freed_values_are_wiped(void **state)
{
    (void)state;
    enum { LEN = 200 };
    char secret[LEN + 1];
    memset(secret, 'S', LEN);
    secret[LEN] = '\0';
    json_t *value = json_build("{s:s}", "tls.key", secret);
    const uintptr_t address = (uintptr_t)JSTR(value, "tls.key");

    char before[LEN];
    char after[LEN];
    read_raw(address, before, LEN);
    json_decref(value);
    read_raw(address, after, LEN);
    assert_memory_equal(before, secret, LEN);
    /* The heap may keep its own links in freed memory; nothing of the text may be left. */
    assert_null(memchr(after, 'S', LEN));
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_takes_any_one_value),
        cmocka_unit_test(parse_errors_say_where_but_not_what),
        cmocka_unit_test(parse_bounds_the_depth),
        cmocka_unit_test(print_appends_or_leaves_the_buffer),
        cmocka_unit_test(to_string_has_a_maximum),
        cmocka_unit_test(readers_follow_paths),
        cmocka_unit_test(readers_forgive_absent_and_other_types),
        cmocka_unit_test(each_visits_in_order_until_told_to_stop),
        cmocka_unit_test(same_ignores_the_order_of_members_only),
        cmocka_unit_test(freed_values_are_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
