/* SPDX-License-Identifier: Apache-2.0 */
#include "json/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

static void assert_reads(const char *yaml, const char *expected)
{
    json_t *value = NULL;
    struct err *e = yaml_parse("test", yaml, strlen(yaml), &value);
    if (e != NULL)
        fail_msg("%s: %s", yaml, e->message);
    auto_free char *text = NULL;
    assert_null(json_to_string(value, 1 << 20, &text));
    assert_string_equal(text, expected);
    json_decref(value);
}

static void assert_refused(const char *data, size_t len, const char *message)
{
    json_t *value = NULL;
    AUTO_ERR e = yaml_parse("kubeconfig", data, len, &value);
    if (e == NULL)
        fail_msg("accepted: %s", data);
    assert_null(value);
    assert_int_equal(e->kind, ERR_INVALID);
    assert_string_equal(e->reason, "BadYAML");
    assert_string_equal(e->message, message);
}

static void a_kubeconfig(void **state)
{
    (void)state;
    assert_reads("# written by hand\n"
                 "apiVersion: v1\n"
                 "kind: Config\n"
                 "clusters:\n"
                 "- name: \"local\"\n"
                 "  cluster: {server: 'https://127.0.0.1:6443', insecure-skip-tls-verify: true}\n"
                 "users:\n"
                 "- name: admin\n"
                 "  user:\n"
                 "    token: |\n"
                 "      line one\n"
                 "      line two\n"
                 "    note: >-\n"
                 "      folded\n"
                 "      text\n"
                 "current-context:\n",
                 "{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"clusters\":[{\"name\":\"local\","
                 "\"cluster\":{\"server\":\"https://127.0.0.1:6443\","
                 "\"insecure-skip-tls-verify\":true}}],\"users\":[{\"name\":\"admin\",\"user\":{"
                 "\"token\":\"line one\\nline two\\n\",\"note\":\"folded text\"}}],"
                 "\"current-context\":null}");
}

static void json_is_yaml(void **state)
{
    (void)state;
    assert_reads("{\"a\": [1, -2.5e3, true, null, \"\\u20AC\"], \"b\": {}}",
                 "{\"a\":[1,-2500.0,true,null,\"\xE2\x82\xAC\"],\"b\":{}}");
}

static void plain_scalars_follow_the_core_schema(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *json;
    } rows[] = {
        {"~", "null"},
        {"Null", "null"},
        {"", "null"},
        {"''", "\"\""},
        {"True", "true"},
        {"FALSE", "false"},
        {"yes", "\"yes\""},
        {"tRUE", "\"tRUE\""},
        {"0", "0"},
        {"-12", "-12"},
        {"0o17", "15"},
        {"0xfF", "255"},
        {"0o8", "\"0o8\""},
        {"0x", "\"0x\""},
        {"1.5", "1.5"},
        {"1e3", "1000.0"},
        {"1.2.3", "\"1.2.3\""},
        {"1e", "\"1e\""},
        {".", "\".\""},
        {"-", "[null]"},
        {"+", "\"+\""},
        {"12:30", "\"12:30\""},
        {"1_000", "\"1_000\""},
        {"2026-11-21", "\"2026-11-21\""},
        {"'12'", "\"12\""},
        {"\"true\"", "\"true\""},
        {"9223372036854775807", "9223372036854775807"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *yaml = x_printf("- %s\n", rows[i].yaml);
        auto_free char *json = x_printf("[%s]", rows[i].json);
        assert_reads(yaml, json);
    }
}

static void numbers_that_json_cannot_hold_are_refused(void **state)
{
    (void)state;
    static const char *const numbers[] = {
        "9223372036854775808",
        "0xffffffffffffffff",
        "1e999",
        ".inf",
        "-.Inf",
        ".NaN",
        "0644",
        "+1",
        ".5",
        "1.",
        "-007",
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        auto_free char *yaml = x_printf("port: %s\n", numbers[i]);
        assert_refused(
            yaml, strlen(yaml),
            "kubeconfig: line 1, column 7: a number that JSON cannot hold: write it as in "
            "JSON, or quote it");
    }
}

static void what_is_not_supported_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *problem;
    } rows[] = {
        {"", "line 1, column 1: the file is empty"},
        {"# nothing\n", "line 2, column 1: the file is empty"},
        {"a: &x 1\nb: *x\n", "line 1, column 4: anchors and aliases are not allowed"},
        {"a: &x [1]\n", "line 1, column 4: anchors and aliases are not allowed"},
        {"a: &x {b: 1}\n", "line 1, column 4: anchors and aliases are not allowed"},
        {"&x a: 1\n", "line 1, column 1: anchors and aliases are not allowed"},
        {"a: *x\n", "line 1, column 4: anchors and aliases are not allowed"},
        {"*x : 1\n", "line 1, column 1: a key must be a string"},
        {"a: !!str 1\n", "line 1, column 4: tags are not allowed"},
        {"a: ! 1\n", "line 1, column 4: tags are not allowed"},
        {"- !foo [1]\n", "line 1, column 3: tags are not allowed"},
        {"- !foo {a: 1}\n", "line 1, column 3: tags are not allowed"},
        {"!foo a: 1\n", "line 1, column 1: tags are not allowed"},
        {"? [a]\n: 1\n", "line 1, column 3: a key must be a string"},
        {"? {a: b}\n: 1\n", "line 1, column 3: a key must be a string"},
        {"a: 1\nb: 2\n'a': 3\n", "line 3, column 1: duplicate key"},
        {"a: {b: null, b: 1}\n", "line 1, column 14: duplicate key"},
        {"a: 1\n---\nb: 2\n", "line 2, column 1: more than one document"},
        {"a: \"x\\0y\"\n", "line 1, column 4: NUL in a string"},
        {"\"x\\0y\": 1\n", "line 1, column 1: NUL in a string"},
        {"a: [1, 2\n", "line 2, column 1: did not find expected ',' or ']'"},
        {"a: b: c\n", "line 1, column 5: mapping values are not allowed in this context"},
        {"a: 'open\n", "line 2, column 1: found unexpected end of stream"},
        {"\ta: 1\n", "line 1, column 1: found character that cannot start any token"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *message = x_printf("kubeconfig: %s", rows[i].problem);
        assert_refused(rows[i].yaml, strlen(rows[i].yaml), message);
    }
    assert_refused(NULL, 0, "kubeconfig: line 1, column 1: the file is empty");
}

static void bytes_that_are_not_utf8_text_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
    } rows[] = {
        {"a: \xFF\n", 5},
        {"a: \0\n", 5},
        {"a: \xED\xA0\x80\n", 7},
        {"\xFF\xFE"
         "a\0:\0 \0b\0",
         10},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_t *value = NULL;
        AUTO_ERR e = yaml_parse("x", rows[i].data, rows[i].len, &value);
        assert_true(err_is(e, ERR_INVALID));
    }
}

static void one_document_with_markers_is_fine(void **state)
{
    (void)state;
    assert_reads("%YAML 1.1\n---\na: 1\n...\n", "{\"a\":1}");
}

static void depth_is_at_most_64(void **state)
{
    (void)state;
    char text[2 * 65 + 1];
    for (size_t depth = 64; depth <= 65; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        if (depth == 64)
            assert_reads(text, text);
        else
            assert_refused(text, 2 * depth, "kubeconfig: line 1, column 65: nested too deeply");
    }
    AUTO(buf_release) struct buf siblings = BUF_INIT(1 << 20);
    for (int i = 0; i < 100; i++)
        buf_puts(&siblings, i == 0 ? "[[]" : ",[]");
    buf_puts(&siblings, "]");
    assert_reads(buf_str(&siblings), buf_str(&siblings));

    AUTO(buf_release) struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < 65; i++)
        buf_putf(&b, "%*s\n", i + 2, "k:");
    assert_refused(buf_str(&b), b.len, "kubeconfig: line 65, column 65: nested too deeply");
}

static void size_is_at_most_1_mib(void **state)
{
    (void)state;
    const size_t max = (size_t)1 << 20;
    auto_free char *text = x_alloc(max + 1);
    memset(text, 'a', max + 1);
    json_auto_t *value = NULL;
    assert_null(yaml_parse("x", text, max, &value));
    assert_int_equal(strlen(json_text(value)), max);
    assert_refused(text, max + 1, "kubeconfig: 1048577 bytes, more than 1048576");
}

/* One megabyte of what costs a parser most must not take long: the test's own time-out would tell. */
static void hostile_text_is_cheap(void **state)
{
    (void)state;
    static const char *const patterns[] = {"[",  "{",   "- ",  "? ",  "a: {",
                                           "\"", "&a ", "[a,", "a\n", "!"};
    const size_t max = (size_t)1 << 20;
    auto_free char *text = x_alloc(max);
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        const size_t len = strlen(patterns[i]);
        for (size_t at = 0; at < max; at++)
            text[at] = patterns[i][at % len];
        json_auto_t *value = NULL;
        AUTO_ERR e = yaml_parse("x", text, max, &value);
        assert_true((e == NULL) == (strcmp(patterns[i], "a\n") == 0));
    }
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kubeconfig),
        cmocka_unit_test(json_is_yaml),
        cmocka_unit_test(plain_scalars_follow_the_core_schema),
        cmocka_unit_test(numbers_that_json_cannot_hold_are_refused),
        cmocka_unit_test(what_is_not_supported_is_refused_with_its_place),
        cmocka_unit_test(bytes_that_are_not_utf8_text_are_refused),
        cmocka_unit_test(one_document_with_markers_is_fine),
        cmocka_unit_test(depth_is_at_most_64),
        cmocka_unit_test(size_is_at_most_1_mib),
        cmocka_unit_test(hostile_text_is_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
