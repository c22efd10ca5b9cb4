/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

static void looks_are_counted(void **state)
{
    (void)state;
    struct memo *m = memo_new();
    assert_int_equal(memo_get(m, "a").count, 0);
    assert_int_equal(memo_get(m, "a").time, 0);
    assert_int_equal(memo_count(m, "a", 10).count, 0);
    struct memo_entry before = memo_count(m, "a", 20);
    assert_int_equal(before.count, 1);
    assert_int_equal(before.time, 10);
    assert_int_equal(memo_get(m, "a").count, 2);
    assert_int_equal(memo_get(m, "a").time, 20);
    assert_int_equal(memo_get(m, "b").count, 0);
    memo_set(m, "a", 5);
    assert_int_equal(memo_get(m, "a").time, 5);
    assert_int_equal(memo_get(m, "a").count, 2);
    assert_int_equal(memo_since(m, "c", 6), 6);
    assert_int_equal(memo_since(m, "c", 9), 6);
    memo_set(m, "c", 7);
    assert_int_equal(memo_get(m, "c").time, 7);
    assert_int_equal(memo_get(m, "c").count, 0);
    memo_drop(m, "a");
    memo_drop(m, "a");
    assert_int_equal(memo_get(m, "a").count, 0);
    assert_int_equal(memo_get(m, "c").time, 7);
    memo_free(m);
    memo_free(NULL);
}

static void marks_add_up(void **state)
{
    (void)state;
    struct memo *m = memo_new();
    assert_int_equal(memo_get(m, "a").marks, 0);
    memo_mark(m, "a", 1);
    memo_set(m, "a", 7);
    memo_mark(m, "a", 4);
    memo_mark(m, "a", 4);
    assert_int_equal(memo_get(m, "a").marks, 5);
    assert_int_equal(memo_get(m, "a").time, 7);
    assert_int_equal(memo_get(m, "b").marks, 0);
    memo_unmark(m, "a", 1 | 2);
    assert_int_equal(memo_get(m, "a").marks, 4);
    assert_int_equal(memo_get(m, "a").time, 7);
    memo_unmark(m, "a", 4);
    assert_int_equal(memo_get(m, "a").marks, 0);
    assert_int_equal(memo_get(m, "a").time, 0);
    memo_unmark(m, "a", 4);
    memo_mark(m, "a", 1);
    memo_drop(m, "a");
    assert_int_equal(memo_get(m, "a").marks, 0);
    memo_free(m);
}

/* It forgets rather than grows: 65,536 keys are kept, one more starts over. */
static void it_is_bounded(void **state)
{
    (void)state;
    struct memo *m = memo_new();
    char key[16];
    for (int i = 0; i < 65536; i++) {
        snprintf(key, sizeof(key), "%d", i);
        memo_set(m, key, 1);
    }
    assert_int_equal(memo_get(m, "0").time, 1);
    memo_set(m, "0", 2); /* known: nothing is forgotten for it */
    assert_int_equal(memo_get(m, "65535").time, 1);
    memo_set(m, "one more", 3);
    assert_int_equal(memo_get(m, "0").time, 0);
    assert_int_equal(memo_get(m, "65535").time, 0);
    assert_int_equal(memo_get(m, "one more").time, 3);
    memo_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_are_counted),
        cmocka_unit_test(marks_add_up),
        cmocka_unit_test(it_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
