/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cache_fixture.h"
#include "json/json.h"

/* ---- a single stream ---- */

static void test_put_get_delete(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    assert_false(cache_synced(c));
    widget_put(c, "a", "1", "red");
    expect_version(c, "a", "1");
    widget_put(c, "a", "2", "red");
    widget_put(c, "a", "1", "red");
    widget_put(c, "a", "2", "red");
    expect_version(c, "a", "2");
    widget_delete(c, "a", "3");
    widget_delete(c, "a", "3");
    expect_version(c, "a", NULL);
    assert_null(cache_peek(c, "ns", "a"));
    assert_null(cache_peek(c, "other", "a"));
    expect_told("+a@1 ~a@1>2 -a@2");
    assert_int_equal(cache_len(c), 0);
    cache_free(c);
    cache_free(NULL);
}

static void test_an_old_delete_is_ignored(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_put(c, "a", "5", NULL);
    widget_delete(c, "a", "4");
    expect_version(c, "a", "5");
    widget_delete(c, "a", "5");
    expect_version(c, "a", NULL);
    cache_free(c);
}

static void test_many_keys_survive_each_other(void **state)
{
    (void)state;
    struct cache *c = cache_new(&widget_kind);
    char name[32];
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "w%d", i);
        widget_put(c, name, "1", NULL);
    }
    for (int i = 0; i < 3000; i += 2) {
        snprintf(name, sizeof(name), "w%d", i);
        widget_delete(c, name, "2");
    }
    assert_int_equal(cache_len(c), 1500);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof(name), "w%d", i);
        expect_version(c, name, i % 2 == 0 ? NULL : "1");
    }
    cache_free(c);
}

static void test_readers_keep_what_they_hold(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_put(c, "a", "1", "red");
    AUTO_OBJECT(struct widget) w = cache_peek(c, "ns", "a");
    widget_put(c, "a", "2", "blue");
    assert_string_equal(w->color, "red");
    cache_free(c);
    assert_string_equal(w->color, "red");
}

static void test_index_follows_the_objects(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_put(c, "b", "1", "red");
    widget_put(c, "c", "2", "red");
    widget_put(c, "a", "3", "red");
    widget_put(c, "x", "4", NULL);
    expect_color(c, "red", "a b c");
    widget_put(c, "b", "5", "blue");
    expect_color(c, "red", "a c");
    expect_color(c, "blue", "b");
    widget_put(c, "a", "6", "red");
    expect_color(c, "red", "a c");
    widget_delete(c, "a", "7");
    widget_delete(c, "c", "8");
    expect_color(c, "red", "");
    widget_put(c, "b", "9", NULL);
    expect_color(c, "blue", "");
    AUTO_OBJECT_LIST list = {0};
    AUTO_ERR err = cache_by_index(c, 1, "red", &list);
    assert_true(err_is(err, ERR_BUG));
    cache_free(c);
}

static void test_all_is_in_the_order_of_keys(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    cache_put(c, widget_new("a", "z", "1", NULL));
    cache_put(c, widget_new("a-b", "a", "1", NULL));
    cache_put(c, widget_new("a", "b", "1", NULL));
    AUTO_OBJECT_LIST list = {0};
    cache_all(c, &list);
    char last[KUBE_KEY_MAX] = "";
    for (size_t i = 0; i < list.len; i++) {
        char key[KUBE_KEY_MAX];
        object_key_of(list.items[i], key);
        assert_true(strcmp(last, key) < 0);
        str_copy(last, sizeof(last), key);
    }
    assert_int_equal(list.len, 3);
    cache_free(c);
}

/* ---- lists ---- */

static void test_first_list_is_initial_and_syncs(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    cache_replace_begin(c);
    widget_put(c, "a", "1", NULL);
    expect_version(c, "a", NULL);
    expect_told("");
    assert_false(cache_synced(c));
    cache_replace_end(c, "10");
    assert_true(cache_synced(c));
    expect_told("!+a@1");
    assert_string_equal(cache_fill_rv(cache_fill(c, NULL)), "10");
    cache_free(c);
}

static void test_relist_tells_only_differences(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    cache_replace_begin(c);
    widget_put(c, "same", "1", "red");
    widget_put(c, "changed", "2", "red");
    widget_put(c, "gone", "3", "red");
    cache_replace_end(c, "3");
    cache_told[0] = '\0';
    AUTO_OBJECT(struct widget) before = cache_peek(c, "ns", "same");

    cache_replace_begin(c);
    json_auto_t *same = widget_json("ns", "same", "1", "red");
    assert_null(cache_fill_put_json(cache_fill(c, NULL), same));
    widget_put(c, "changed", "7", "blue");
    cache_replace_end(c, "8");
    expect_told("-gone@3 ~changed@2>7");
    AUTO_OBJECT(struct widget) after = cache_peek(c, "ns", "same");
    assert_ptr_equal(before, after); /* not copied */
    expect_color(c, "red", "same");
    cache_free(c);
}

static void test_deletes_within_a_list_count(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    cache_replace_begin(c);
    widget_put(c, "a", "1", NULL);
    widget_put(c, "b", "2", NULL);
    widget_delete(c, "a", "3");
    widget_put(c, "b", "4", NULL);
    widget_put(c, "b", "2", NULL);
    cache_progress(c, "9"); /* means nothing before the end */
    cache_replace_end(c, "5");
    expect_told("!+b@4");
    assert_string_equal(cache_fill_rv(cache_fill(c, NULL)), "5");
    cache_free(c);
}

static void test_aborted_list_leaves_everything(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_put(c, "a", "1", NULL);
    cache_replace_begin(c);
    widget_put(c, "b", "2", NULL);
    cache_replace_abort(c);
    expect_version(c, "a", "1");
    expect_version(c, "b", NULL);
    widget_put(c, "b", "2", NULL);
    expect_version(c, "b", "2");
    cache_free(c);
}

static void test_history_from_a_backup_wins(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    cache_replace_begin(c);
    widget_put(c, "a", "100", "red");
    widget_put(c, "b", "101", "red");
    cache_replace_end(c, "101");
    cache_told[0] = '\0';
    cache_replace_begin(c);
    widget_put(c, "a", "50", "blue");
    cache_replace_end(c, "60");
    expect_told("-b@101 ~a@100>50");
    assert_string_equal(cache_fill_rv(cache_fill(c, NULL)), "60");
    cache_free(c);
}

static void test_streams_of_two_namespaces(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    struct cache_fill *x = cache_fill(c, "x");
    struct cache_fill *y = cache_fill(c, "y");
    assert_ptr_equal(cache_fill(c, "x"), x);
    cache_fill_replace_begin(x);
    cache_fill_put(x, widget_new("x", "a", "1", "red"));
    cache_fill_replace_begin(y);
    cache_fill_put(y, widget_new("y", "b", "2", "red"));
    cache_fill_replace_end(x, "5");
    assert_false(cache_synced(c));
    cache_fill_replace_end(y, "6");
    assert_true(cache_synced(c));
    expect_told("!+a@1 !+b@2");
    expect_color(c, "red", "a b");
    cache_fill_replace_begin(x);
    cache_fill_replace_end(x, "9");
    expect_color(c, "red", "b");

    /* Writes elsewhere are nobody's business. */
    json_auto_t *answer = widget_json("z", "c", "20", NULL);
    assert_null(cache_note_write(c, answer));
    cache_expect(c, "z", "c", "20");
    const void *object = NULL;
    assert_null(cache_get(c, "z", "c", &object));
    assert_null(object);
    cache_free(c);
}

static void test_unreadable_objects_are_absent(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_put(c, "a", "1", "red");
    json_auto_t *bad = widget_json("ns", "a", "2", NULL);
    json_put(bad, "color", json_build("i", 7));
    AUTO_ERR err = cache_fill_put_json(cache_fill(c, NULL), bad);
    assert_true(err_is(err, ERR_INVALID));
    expect_version(c, "a", NULL);
    assert_string_equal(cache_fill_rv(cache_fill(c, NULL)), "2");
    json_auto_t *nameless = json_build("{s:{}}", "metadata");
    AUTO_ERR err2 = cache_fill_put_json(cache_fill(c, NULL), nameless);
    assert_true(err_is(err2, ERR_INVALID));
    cache_free(c);
}

/* ---- size ---- */

/* A cluster may hold 50,000 Secrets that are none of our business: name, namespace and version. */
static void test_foreign_objects_are_small(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    struct cache *c = cache_new(&widget_kind);
    char name[32];
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "database-password-%d", i);
        json_auto_t *object = widget_json("team-blue", name, "1000000", NULL);
        json_drop(json_path(object, (const char *const[]){"metadata", NULL}), "uid");
        assert_null(cache_fill_put_json(cache_fill(c, NULL), object));
    }
    AUTO_OBJECT_LIST list = {0};
    cache_all(c, &list);
    size_t total = 0;
    for (size_t i = 0; i < list.len; i++)
        total += malloc_usable_size((void *)(uintptr_t)list.items[i]);
    assert_int_equal(list.len, COUNT);
    assert_true(total / COUNT <= 192); /* beside it there is only a pointer in a table */
    cache_free(c);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_delete),
        cmocka_unit_test(test_an_old_delete_is_ignored),
        cmocka_unit_test(test_many_keys_survive_each_other),
        cmocka_unit_test(test_readers_keep_what_they_hold),
        cmocka_unit_test(test_index_follows_the_objects),
        cmocka_unit_test(test_all_is_in_the_order_of_keys),
        cmocka_unit_test(test_first_list_is_initial_and_syncs),
        cmocka_unit_test(test_relist_tells_only_differences),
        cmocka_unit_test(test_deletes_within_a_list_count),
        cmocka_unit_test(test_aborted_list_leaves_everything),
        cmocka_unit_test(test_history_from_a_backup_wins),
        cmocka_unit_test(test_streams_of_two_namespaces),
        cmocka_unit_test(test_unreadable_objects_are_absent),
        cmocka_unit_test(test_foreign_objects_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
