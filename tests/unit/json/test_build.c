/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static json_t *parsed(const char *text)
{
    json_t *value = NULL;
    assert_null(json_parse(text, strlen(text), &value));
    return value;
}

static void assert_printed(const json_t *value, const char *expected)
{
    auto_free char *text = NULL;
    assert_null(json_to_string(value, 1 << 20, &text));
    assert_string_equal(text, expected);
}

static void build_knows_every_format(void **state)
{
    (void)state;
    json_auto_t *kept = json_build("[i]", 1);
    json_auto_t *value =
        json_build("{s:s, s:s?, s:i, s:I, s:f, s:b, s:b, s:n, s:[s, {}, []], s:o, s:O}", "s",
                   "text", "none", NULL, "i", -3, "I", (json_int_t)1 << 40, "f", 0.5, "t", 1, "f2",
                   0, "n", "l", "item", "o", json_build("[]"), "O", kept);
    assert_printed(value, "{\"s\":\"text\",\"none\":null,\"i\":-3,\"I\":1099511627776,\"f\":0.5,"
                          "\"t\":true,\"f2\":false,\"n\":null,\"l\":[\"item\",{},[]],\"o\":[],"
                          "\"O\":[1]}");
    assert_ptr_equal(JGET(value, "O"), kept);
}

static void build_leaves_out_or_nulls_what_is_missing(void **state)
{
    (void)state;
    json_auto_t *value = json_build("{s:s*, s:s*, s:o*, s:o?, s:O*, s:[s*, o?]}", "a", NULL, "b",
                                    "there", "c", NULL, "d", NULL, "e", NULL, "l", NULL, NULL);
    assert_printed(value, "{\"b\":\"there\",\"d\":null,\"l\":[null]}");
}

static void build_takes_any_value_at_the_top(void **state)
{
    (void)state;
    json_auto_t *text = json_build(" s ", "x");
    assert_printed(text, "\"x\"");
    json_auto_t *list = json_build("[i,i]", 1, 2);
    assert_printed(list, "[1,2]");
}

static void text_that_is_not_utf8_is_cleaned(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *out;
    } rows[] = {
        {"", ""},
        {"M\xC3\xBCller \xE2\x82\xAC \xF0\x9F\x98\x80",
         "M\xC3\xBCller \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"M\xFCller", "M?ller"},                  /* Latin-1, as in old certificates */
        {"cut \xE2\x82", "cut ??"},               /* a message cut within a character */
        {"\xC0\x80 \xED\xA0\x80", "?? ???"},      /* overlong NUL, surrogate */
        {"\xF4\x90\x80\x80|\xFF\xFE", "????|??"}, /* beyond Unicode */
        {"two\nlines\ttab", "two\nlines\ttab"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *built = json_build("{s:s}", rows[i].in, rows[i].in);
        assert_string_equal(JSTR(built, rows[i].out), rows[i].out);
        json_auto_t *put = json_new_object();
        json_put_str(put, rows[i].in, rows[i].in);
        assert_true(json_same(built, put));
    }
}

static void put_push_and_drop(void **state)
{
    (void)state;
    json_auto_t *object = json_new_object();
    json_put_str(object, "skipped", NULL);
    json_put_str(object, "a", "1");
    json_put_str(object, "a", "2");
    json_put(object, "list", json_new_array());
    json_push(JGET(object, "list"), json_new_string("x"));
    json_put_str(object, "gone", "x");
    json_drop(object, "gone");
    json_drop(object, "never there");
    assert_printed(object, "{\"a\":\"2\",\"list\":[\"x\"]}");
}

static void lists_become_arrays(void **state)
{
    (void)state;
    AUTO(strlist_release) struct strlist l = {0};
    json_auto_t *empty = json_from_strlist(&l);
    assert_printed(empty, "[]");
    strlist_add(&l, "a");
    strlist_add(&l, "b\xFF");
    json_auto_t *array = json_from_strlist(&l);
    assert_printed(array, "[\"a\",\"b?\"]");
}

static void copies_are_independent(void **state)
{
    (void)state;
    json_auto_t *a = parsed("{\"x\": {\"y\": [1]}}");
    json_auto_t *b = json_copy_deep(a);
    json_put_str(JGET(b, "x"), "z", "new");
    assert_printed(a, "{\"x\":{\"y\":[1]}}");
}

/* The rows of RFC 7386 appendix A whose target and patch are objects. */
static void merge_patch_as_in_the_rfc(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *patch;
        const char *result;
    } rows[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"a\":1}", "[\"not an object\"]", "{\"a\":1}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *target = parsed(rows[i].target);
        json_auto_t *patch = parsed(rows[i].patch);
        json_merge_patch(target, patch);
        assert_printed(target, rows[i].result);
        assert_printed(patch, rows[i].patch);
    }
}

static void merge_patch_shares_nothing(void **state)
{
    (void)state;
    json_auto_t *target = json_new_object();
    json_auto_t *patch = parsed("{\"a\": {\"b\": 1}, \"l\": [{\"c\": 1}]}");
    json_merge_patch(target, patch);
    json_put_str(JGET(target, "a"), "new", "x");
    json_put_str(JGET(target, "l", "0"), "new", "x");
    assert_printed(patch, "{\"a\":{\"b\":1},\"l\":[{\"c\":1}]}");
}

static void misuse(size_t i)
{
    json_t *text = json_new_string("x");
    json_t *value = NULL;
    switch (i) {
    case 0:
        value = json_build("{s:s}", "key", NULL);
        break;
    case 1:
        value = json_build("{s:i", "key", 1);
        break;
    case 2:
        value = json_build("{i:i}", 1, 1);
        break;
    case 3:
        value = json_build("i i", 1, 1);
        break;
    case 4:
        value = json_build("x");
        break;
    case 5:
        json_put(text, "key", json_new_string("y"));
        break;
    default:
        json_push(text, json_new_string("y"));
    }
    json_decref(value);
    json_decref(text);
}

/* A wrong format or container is our bug: it must not go on with half an object. */
static void misuse_aborts(void **state)
{
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            fclose(stderr);
            misuse(i);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(build_knows_every_format),
        cmocka_unit_test(build_leaves_out_or_nulls_what_is_missing),
        cmocka_unit_test(build_takes_any_value_at_the_top),
        cmocka_unit_test(text_that_is_not_utf8_is_cleaned),
        cmocka_unit_test(put_push_and_drop),
        cmocka_unit_test(lists_become_arrays),
        cmocka_unit_test(copies_are_independent),
        cmocka_unit_test(merge_patch_as_in_the_rfc),
        cmocka_unit_test(merge_patch_shares_nothing),
        cmocka_unit_test(misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
