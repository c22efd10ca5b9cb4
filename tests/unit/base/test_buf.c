/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "support/aborts.h"

static void appends_and_terminates(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf b = BUF_INIT(1000);
    assert_string_equal(buf_str(&b), "");
    assert_null(buf_adds(&b, "ab"));
    assert_null(buf_add(&b, "c\0d", 3));
    assert_null(buf_addf(&b, "%03d", 7));
    buf_puts(&b, "x");
    buf_putf(&b, "%s!", "y");
    assert_int_equal(b.len, 11);
    assert_memory_equal(b.data, "abc\0d007xy!", 12);
    assert_int_equal(b.data[b.len], '\0');
}

static void grows_up_to_exactly_its_maximum(void **state)
{
    (void)state;
    static const size_t maxima[] = {1, 63, 64, 65, 1000};
    for (size_t i = 0; i < ARRAY_LEN(maxima); i++) {
        AUTO(buf_release) struct buf b = BUF_INIT(maxima[i]);
        for (size_t n = 0; n < maxima[i]; n++)
            assert_null(buf_adds(&b, "x"));
        AUTO_ERR e = buf_adds(&b, "x");
        assert_true(err_is(e, ERR_INVALID));
        assert_string_equal(e->reason, "TooLarge");
        assert_int_equal(strlen(buf_str(&b)), maxima[i]);
        assert_true(b.cap <= maxima[i] + 1);
        assert_null(buf_adds(&b, ""));
    }
}

static void a_refused_append_changes_nothing(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf b = BUF_INIT(8);
    assert_null(buf_adds(&b, "abcd"));
    AUTO_ERR e1 = buf_addf(&b, "%s", "12345");
    AUTO_ERR e2 = buf_add(&b, "12345", 5);
    AUTO_ERR e3 = buf_add(&b, "", SIZE_MAX); /* must not be read, nor wrap around */
    assert_non_null(e1);
    assert_non_null(e2);
    assert_non_null(e3);
    assert_string_equal(buf_str(&b), "abcd");
    assert_null(buf_adds(&b, "1234"));
    assert_string_equal(buf_str(&b), "abcd1234");
}

static void a_buffer_without_maximum_holds_nothing(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf b = {0};
    assert_null(buf_add(&b, NULL, 0));
    AUTO_ERR e = buf_adds(&b, "x");
    assert_non_null(e);
    assert_string_equal(buf_str(&b), "");
}

static void the_greatest_maximum_does_not_wrap(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf b = BUF_INIT(SIZE_MAX);
    for (int i = 0; i < 1000; i++)
        buf_puts(&b, "0123456789");
    assert_int_equal(b.len, 10000);
    AUTO_ERR e = buf_add(&b, "", SIZE_MAX - b.len);
    assert_non_null(e);
}

static void clears_and_consumes(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf b = BUF_INIT(100);
    buf_clear(&b);
    buf_consume(&b, 0);
    buf_puts(&b, "line one\nrest");
    buf_consume(&b, 9);
    assert_string_equal(buf_str(&b), "rest");
    buf_consume(&b, 4);
    assert_string_equal(buf_str(&b), "");
    buf_puts(&b, "again");
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(buf_str(&b), "");
}

static void takes_ownership(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100);
    auto_free char *empty = buf_take(&b);
    assert_string_equal(empty, "");
    buf_puts(&b, "content");
    auto_free char *s = buf_take(&b);
    assert_string_equal(s, "content");
    assert_int_equal(b.len, 0);
    assert_string_equal(buf_str(&b), "");
    buf_puts(&b, "more");
    assert_string_equal(buf_str(&b), "more");
    buf_release(&b);
    buf_release(&b);
}

static void a_secret_buffer_keeps_nothing(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf b = BUF_INIT_SECRET(10000);
    for (int i = 0; i < 100; i++)
        buf_puts(&b, "0123456789"); /* grows, and moves, several times */
    assert_int_equal(b.len, 1000);
    for (int i = 0; i < 100; i++)
        assert_memory_equal(b.data + 10 * i, "0123456789", 10);
    buf_consume(&b, 990);
    for (size_t i = b.len; i < 1000; i++)
        assert_int_equal(b.data[i], 0);
    buf_clear(&b);
    for (size_t i = 0; i < b.cap; i++)
        assert_int_equal(b.data[i], 0);
}

static void puts_too_much(void)
{
    struct buf b = BUF_INIT(3);
    buf_puts(&b, "1234");
}

static void putf_too_much(void)
{
    struct buf b = BUF_INIT(3);
    buf_putf(&b, "%d", 1234);
}

static void consume_too_much(void)
{
    struct buf b = BUF_INIT(3);
    buf_puts(&b, "12");
    buf_consume(&b, 3);
}

static void broken_promises_abort(void **state)
{
    (void)state;
    assert_true(aborts(puts_too_much));
    assert_true(aborts(putf_too_much));
    assert_true(aborts(consume_too_much));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_terminates),
        cmocka_unit_test(grows_up_to_exactly_its_maximum),
        cmocka_unit_test(a_refused_append_changes_nothing),
        cmocka_unit_test(a_buffer_without_maximum_holds_nothing),
        cmocka_unit_test(the_greatest_maximum_does_not_wrap),
        cmocka_unit_test(clears_and_consumes),
        cmocka_unit_test(takes_ownership),
        cmocka_unit_test(a_secret_buffer_keeps_nothing),
        cmocka_unit_test(broken_promises_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
