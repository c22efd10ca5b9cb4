/* SPDX-License-Identifier: Apache-2.0 */
/* How a cache takes in our own writes, beside what its stream brings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cache_fixture.h"
#include "json/json.h"

static void test_write_is_visible_at_once_and_told_once(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_cache_sync(c, "10");
    widget_written(c, "a", "12", "red");
    expect_version(c, "a", "12");
    expect_color(c, "red", "a");
    widget_put(c, "other", "11", NULL);
    json_auto_t *event = widget_json("ns", "a", "12", "red");
    assert_null(cache_fill_put_json(cache_fill(c, NULL), event));
    assert_string_equal(cache_fill_rv(cache_fill(c, NULL)), "12");
    widget_written(c, "a", "12", "red");
    expect_told("+a@12 +other@11");
    cache_free(c);
}

static void test_events_from_before_the_write_are_ignored(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_cache_sync(c, "10");
    widget_put(c, "a", "11", "red");
    widget_written(c, "a", "15", "blue");
    widget_put(c, "a", "13", "green");
    expect_color(c, "blue", "a");
    expect_color(c, "green", "");
    /* Deleted and made again by us: the deletion is history. */
    widget_delete(c, "a", "14");
    expect_version(c, "a", "15");
    widget_delete(c, "a", "16");
    expect_version(c, "a", NULL);
    expect_told("+a@11 ~a@11>15 -a@15");
    cache_free(c);
}

static void test_late_answer_does_not_revive(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_cache_sync(c, "10");
    widget_put(c, "a", "12", NULL);
    widget_delete(c, "a", "14");
    widget_written(c, "a", "12", NULL); /* the writer was slow to tell */
    widget_written(c, "a", "14", NULL); /* the write that removed the last finalizer */
    expect_version(c, "a", NULL);
    expect_told("+a@12 -a@12");
    cache_free(c);
}

static void test_answer_of_the_removing_write(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_cache_sync(c, "10");
    widget_put(c, "a", "12", NULL);
    widget_written(c, "a", "14", NULL);
    widget_delete(c, "a", "14");
    expect_version(c, "a", NULL);
    cache_free(c);
}

static void test_writes_during_a_relist(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_cache_sync(c, "10");
    cache_replace_begin(c);
    widget_put(c, "seen", "12", "red");
    widget_written(c, "seen", "12", "red");
    widget_written(c, "after", "25", "red");   /* after the list was made */
    widget_written(c, "deleted", "13", "red"); /* the list says it is gone again */
    widget_written(c, "seen2", "21", "blue");
    widget_put(c, "seen2", "18", "red"); /* older in the list */
    cache_replace_end(c, "20");
    expect_color(c, "red", "after seen");
    expect_color(c, "blue", "seen2");
    expect_told("+seen@12 +after@25 +deleted@13 +seen2@21 -deleted@13");
    cache_free(c);
}

static void test_writes_before_the_first_list(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    cache_fill(c, NULL);
    widget_written(c, "a", "5", NULL);
    cache_replace_begin(c);
    widget_put(c, "a", "5", NULL);
    cache_replace_end(c, "6");
    expect_told("+a@5");
    cache_free(c);
}

static void test_useless_answers(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_cache_sync(c, "10");
    json_auto_t *no_rv = widget_json("ns", "a", NULL, NULL);
    AUTO_ERR err = cache_note_write(c, no_rv);
    assert_true(err_is(err, ERR_INVALID));
    AUTO_ERR err2 = cache_note_write(c, NULL);
    assert_true(err_is(err2, ERR_INVALID));
    /* Written, but unreadable: what we have is known to be old. */
    json_auto_t *bad = widget_json("ns", "a", "12", NULL);
    json_put(bad, "color", json_build("b", 1));
    AUTO_ERR err3 = cache_note_write(c, bad);
    assert_true(err_is(err3, ERR_INVALID));
    expect_behind(c, "a");
    cache_free(c);
}

static void test_expected_version(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_cache_sync(c, "10");
    widget_put(c, "a", "11", "red");
    widget_put(c, "b", "11", "blue");
    cache_expect(c, "ns", "a", "13");
    expect_behind(c, "a");
    AUTO_OBJECT(struct widget) peeked = cache_peek(c, "ns", "a");
    assert_non_null(peeked);
    expect_version(c, "b", "11");
    expect_color(c, "red", "behind");
    expect_color(c, "blue", "b"); /* independent objects do not wait */
    widget_put(c, "a", "12", "red");
    expect_behind(c, "a");
    widget_put(c, "a", "13", "red");
    expect_version(c, "a", "13");
    expect_color(c, "red", "a");
    cache_free(c);
}

static void test_expected_creation(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_cache_sync(c, "10");
    widget_put(c, "b", "11", "blue");
    cache_expect(c, "ns", "new", "14");
    expect_behind(c, "new");
    expect_color(c, "blue", "behind"); /* it may come under any color */
    widget_put(c, "new", "14", "red");
    expect_color(c, "blue", "b");
    expect_color(c, "red", "new");
    cache_expect(c, "ns", "new", "14");
    expect_version(c, "new", "14");
    cache_free(c);
}

static void test_expectations_end_with_the_stream(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_cache_sync(c, "10");
    cache_expect(c, "ns", "by-bookmark", "14");
    cache_progress(c, "13");
    expect_behind(c, "by-bookmark");
    cache_progress(c, "14");
    expect_version(c, "by-bookmark", NULL);
    cache_expect(c, "ns", "by-list", "20");
    cache_replace_begin(c);
    cache_replace_end(c, "25");
    expect_version(c, "by-list", NULL);
    cache_expect(c, "ns", "by-delete", "30");
    widget_delete(c, "by-delete", "31");
    expect_version(c, "by-delete", NULL);
    cache_free(c);
}

static void test_expected_deletion(void **state)
{
    (void)state;
    struct cache *c = widget_cache_new();
    widget_cache_sync(c, "10");
    widget_put(c, "a", "11", "red");
    cache_expect_deleted(c, "ns", "a", "uid-a");
    expect_behind(c, "a");
    expect_color(c, "red", "behind");
    widget_delete(c, "a", "12");
    expect_version(c, "a", NULL);

    widget_put(c, "b", "13", NULL);
    cache_expect_deleted(c, "ns", "b", "uid-of-an-earlier-one");
    expect_version(c, "b", "13");
    cache_expect_deleted(c, "ns", "absent", "uid-absent");
    expect_version(c, "absent", NULL);

    widget_put(c, "d", "14", NULL);
    cache_expect_deleted(c, "ns", "d", "uid-d");
    json_auto_t *dying = widget_json("ns", "d", "15", NULL);
    json_put_str(json_path(dying, (const char *const[]){"metadata", NULL}), "deletionTimestamp",
                 "2026-01-01T00:00:00Z");
    expect_behind(c, "d");
    assert_null(cache_fill_put_json(cache_fill(c, NULL), dying));
    expect_version(c, "d", "15"); /* its finalizers keep it */
    cache_free(c);
}

static void test_safety_net(void **state)
{
    (void)state;
    struct clock_manual hands;
    clock_manual_init(&hands, 0);
    struct cache *c = widget_cache_new();
    cache_set_clock(c, &hands.clock);
    widget_cache_sync(c, "10");
    cache_expect(c, "ns", "a", "11");
    clock_manual_advance(&hands, 59 * NS_PER_SEC);
    expect_behind(c, "a");
    expect_color(c, "red", "behind");
    clock_manual_advance(&hands, NS_PER_SEC);
    expect_version(c, "a", NULL);
    expect_color(c, "red", "");
    cache_free(c);
}

/* ---- threads ---- */

#define WRITES 3000
struct sums {
    atomic_int adds, removes, stop;
    struct cache *c;
};

static void count_change(void *arg, const struct cache_change *change)
{
    struct sums *s = arg;
    if (change->old == NULL)
        atomic_fetch_add(&s->adds, 1);
    if (change->now == NULL)
        atomic_fetch_add(&s->removes, 1);
}

static void *read_on(void *arg)
{
    struct sums *s = arg;
    while (!atomic_load(&s->stop)) {
        AUTO_OBJECT_LIST list = {0};
        AUTO_ERR err = cache_by_index(s->c, 0, "red", &list);
        for (size_t i = 0; i < list.len; i++)
            if (!str_eq(((const struct widget *)list.items[i])->color, "red"))
                abort();
        AUTO_OBJECT(struct widget) w = cache_peek(s->c, "ns", "w7");
    }
    return NULL;
}

/* Our writes, as the answers arrive; the stream brings the same changes, now sooner, now later. */
static void *write_on(void *arg)
{
    struct sums *s = arg;
    for (int i = 1; i <= WRITES; i++) {
        char name[16], rv[16];
        snprintf(name, sizeof(name), "w%d", i % 40);
        snprintf(rv, sizeof(rv), "%d", 100 + 2 * i);
        json_auto_t *answer = widget_json("ns", name, rv, i % 3 == 0 ? "red" : "blue");
        AUTO_ERR err = cache_note_write(s->c, answer);
        if (err != NULL)
            abort();
    }
    return NULL;
}

static void test_streams_writers_and_readers_together(void **state)
{
    (void)state;
    struct sums s = {.c = cache_new(&widget_kind)};
    cache_add_index(s.c, widget_by_color);
    cache_add_handler(s.c, count_change, &s);
    widget_cache_sync(s.c, "100");
    pthread_t readers[2], writer;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &s), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_on, &s), 0);
    for (int i = 1; i <= WRITES; i++) {
        char name[16], rv[16];
        snprintf(name, sizeof(name), "w%d", i % 40);
        snprintf(rv, sizeof(rv), "%d", 100 + 2 * i);
        json_auto_t *event = widget_json("ns", name, rv, i % 3 == 0 ? "red" : "blue");
        assert_null(cache_fill_put_json(cache_fill(s.c, NULL), event));
        if (i % 7 == 0) {
            snprintf(rv, sizeof(rv), "%d", 101 + 2 * i);
            widget_delete(s.c, name, rv);
        }
    }
    pthread_join(writer, NULL);
    atomic_store(&s.stop, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    /* Whoever was first, the end is what the stream said, and each change was told once. */
    size_t alive = 0;
    for (int k = 0; k < 40; k++) {
        int last = WRITES - (WRITES - k) % 40;
        alive += last % 7 != 0;
    }
    assert_int_equal(cache_len(s.c), alive);
    assert_int_equal(s.adds - s.removes, alive);
    cache_free(s.c);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_is_visible_at_once_and_told_once),
        cmocka_unit_test(test_events_from_before_the_write_are_ignored),
        cmocka_unit_test(test_late_answer_does_not_revive),
        cmocka_unit_test(test_answer_of_the_removing_write),
        cmocka_unit_test(test_writes_during_a_relist),
        cmocka_unit_test(test_writes_before_the_first_list),
        cmocka_unit_test(test_useless_answers),
        cmocka_unit_test(test_expected_version),
        cmocka_unit_test(test_expected_creation),
        cmocka_unit_test(test_expectations_end_with_the_stream),
        cmocka_unit_test(test_expected_deletion),
        cmocka_unit_test(test_safety_net),
        cmocka_unit_test(test_streams_writers_and_readers_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
