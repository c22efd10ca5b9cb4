/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "support/aborts.h"

static void copies_strings(void **state)
{
    (void)state;
    auto_free char *a = x_strdup("abc");
    auto_free char *b = x_strndup("abcdef", 3);
    auto_free char *c = x_strndup("ab", 10);
    auto_free char *d = x_printf("%s-%d", "ab", 7);
    assert_string_equal(a, "abc");
    assert_string_equal(b, "abc");
    assert_string_equal(c, "ab");
    assert_string_equal(d, "ab-7");
    assert_null(x_strdup_or_null(NULL));
    auto_free char *e = x_strdup_or_null("");
    assert_string_equal(e, "");
}

static void sizes_of_zero_are_memory_too(void **state)
{
    (void)state;
    auto_free char *a = x_alloc(0);
    auto_free char *b = x_calloc(0, 8);
    auto_free char *c = x_calloc(8, 0);
    auto_free char *d = x_memdup(NULL, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_non_null(d);
    a = x_realloc(a, 0);
    assert_non_null(a);
}

static void calloc_zeroes_and_realloc_keeps(void **state)
{
    (void)state;
    auto_free unsigned char *p = x_calloc(16, 4);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(p[i], 0);
    memset(p, 7, 64);
    p = x_realloc(p, 4096);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(p[i], 7);
    auto_free unsigned char *copy = x_memdup(p, 64);
    assert_memory_equal(copy, p, 64);
}

static void too_much(void)
{
    volatile size_t all = SIZE_MAX / 2;
    free(x_calloc(all, 16));
}

static void realloc_too_much(void)
{
    volatile size_t all = PTRDIFF_MAX;
    free(x_realloc(NULL, all));
}

static void said_so(void)
{
    x_abort("a test said so");
}

static void out_of_memory_aborts(void **state)
{
    (void)state;
    assert_true(aborts(said_so));
#ifndef CERTROLL_SANITIZED /* sanitizers have allocation limits, and ends, of their own */
    assert_true(aborts(too_much));
    assert_true(aborts(realloc_too_much));
#else
    (void)too_much;
    (void)realloc_too_much;
#endif
}

static int released;

static void count_release(int *value)
{
    released += *value;
}

static char *moved_out(void)
{
    auto_free char *s = x_strdup("moved");
    return TAKE(s);
}

static void auto_variables_are_released_and_moved(void **state)
{
    (void)state;
    released = 0;
    {
        AUTO(count_release) int value = 3;
        assert_int_equal(released, 0);
        value += 2;
        assert_int_equal(value, 5);
    }
    assert_int_equal(released, 5);
    auto_free char *s = moved_out(); /* a use after free here is the sanitizer's to find */
    assert_string_equal(s, "moved");
    char *other = TAKE(s);
    assert_null(s);
    free(other);
}

static void wipe_free_accepts_null(void **state)
{
    (void)state;
    x_wipe_free(NULL, 10);
    x_wipe_free(x_strdup("secret"), 6);
    assert_int_equal(ARRAY_LEN(((int[]){1, 2, 3})), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_strings),
        cmocka_unit_test(sizes_of_zero_are_memory_too),
        cmocka_unit_test(calloc_zeroes_and_realloc_keeps),
        cmocka_unit_test(out_of_memory_aborts),
        cmocka_unit_test(auto_variables_are_released_and_moved),
        cmocka_unit_test(wipe_free_accepts_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
