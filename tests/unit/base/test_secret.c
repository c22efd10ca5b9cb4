/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/secret.h"

static void copies_bytes_and_terminates(void **state)
{
    (void)state;
    AUTO(secret_release) struct secret s = secret_copy("a\0b", 3);
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.data, "a\0b", 4);
    AUTO(secret_release) struct secret empty = secret_copy(NULL, 0);
    assert_int_equal(empty.len, 0);
    assert_string_equal(empty.data, "");
}

static void compares(void **state)
{
    (void)state;
    AUTO(secret_release) struct secret a = secret_copy("abcd", 4);
    AUTO(secret_release) struct secret same = secret_copy("abcd", 4);
    AUTO(secret_release) struct secret first = secret_copy("Xbcd", 4);
    AUTO(secret_release) struct secret last = secret_copy("abc\xE4", 4);
    AUTO(secret_release) struct secret shorter = secret_copy("abc", 3);
    const struct secret none = {0}, none_either = {0};
    assert_true(secret_equal(&a, &same));
    assert_false(secret_equal(&a, &first));
    assert_false(secret_equal(&a, &last));
    assert_false(secret_equal(&a, &shorter));
    assert_false(secret_equal(&a, &none));
    assert_true(secret_equal(&none, &none_either));
}

static void release_empties(void **state)
{
    (void)state;
    struct secret s = secret_copy("key", 3);
    secret_release(&s);
    assert_null(s.data);
    assert_int_equal(s.len, 0);
    secret_release(&s);
}

static void wipes(void **state)
{
    (void)state;
    char bytes[] = "private";
    wipe(bytes + 1, 3);
    assert_memory_equal(bytes, "p\0\0\0ate", 8);
    wipe(NULL, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_bytes_and_terminates),
        cmocka_unit_test(compares),
        cmocka_unit_test(release_empties),
        cmocka_unit_test(wipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
