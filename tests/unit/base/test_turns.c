/* SPDX-License-Identifier: Apache-2.0 */
#include "base/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void most_have_a_turn_at_once(void **state)
{
    (void)state;
    struct turns *t = turns_new();
    assert_true(turns_take(t, "a", 1));
    assert_false(turns_take(t, "a", 1));
    assert_true(turns_take(t, "b", 2));
    assert_true(turns_take(t, "b", 2));
    assert_false(turns_take(t, "b", 2));
    turns_give(t, "a");
    assert_true(turns_take(t, "a", 1));
    turns_give(t, "b");
    assert_true(turns_take(t, "b", 2));
    assert_false(turns_take(t, "c", 0));
    turns_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(most_have_a_turn_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
