/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "support/temp.h"

static int set_up(void **state)
{
    struct temp *t = x_alloc(sizeof(*t));
    temp_init(t);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    temp_release(*state);
    free(*state);
    return 0;
}

static void expect_refused(const char *path, size_t max, enum err_kind kind)
{
    char *text = NULL;
    AUTO_ERR e = file_read(path, max, &text);
    assert_true(err_is(e, kind));
    assert_non_null(strstr(e->message, path));
    assert_null(text);
    struct secret secret = {0};
    AUTO_ERR same = file_read_secret(path, max, &secret);
    assert_true(err_is(same, kind));
    assert_null(secret.data);
}

static void test_content(void **state)
{
    auto_free char *path = temp_puts(*state, "f", "line\n\xff");
    auto_free char *text = NULL;
    assert_null(file_read(path, 100, &text));
    assert_string_equal(text, "line\n\xff");
    AUTO(secret_release) struct secret secret = {0};
    assert_null(file_read_secret(path, 100, &secret));
    assert_int_equal(secret.len, 6);
    assert_string_equal(secret.data, "line\n\xff");
}

static void test_empty(void **state)
{
    auto_free char *path = temp_puts(*state, "f", "");
    auto_free char *text = NULL;
    assert_null(file_read(path, 0, &text));
    assert_string_equal(text, "");
}

static void test_maximum(void **state)
{
    auto_free char *path = temp_puts(*state, "f", "12345");
    auto_free char *text = NULL;
    assert_null(file_read(path, 5, &text));
    assert_string_equal(text, "12345");
    expect_refused(path, 4, ERR_INVALID);
    expect_refused(path, 0, ERR_INVALID);
    expect_refused("/dev/zero", 65536, ERR_INVALID); /* without an end */
}

static void test_nul(void **state)
{
    auto_free char *path = temp_write(*state, "f", "a\0b", 3);
    expect_refused(path, 100, ERR_INVALID);
}

static void test_what_is_no_file(void **state)
{
    const struct temp *t = *state;
    auto_free char *gone = temp_path(t, "gone");
    expect_refused(gone, 100, ERR_NOT_FOUND);
    auto_free char *file = temp_puts(t, "f", "x");
    auto_free char *below = x_printf("%s/x", file);
    expect_refused(below, 100, ERR_NOT_FOUND);
    expect_refused(t->dir, 100, ERR_INVALID);
    auto_free char *loop = temp_path(t, "loop");
    assert_int_equal(symlink("loop", loop), 0);
    expect_refused(loop, 100, ERR_INVALID);
}

static void test_not_allowed(void **state)
{
    auto_free char *path = temp_puts(*state, "f", "x");
    assert_int_equal(chmod(path, 0), 0);
    uid_t us = geteuid(); /* root may read everything */
    if (us == 0)
        assert_int_equal(seteuid(65534), 0);
    expect_refused(path, 100, ERR_DENIED);
    assert_int_equal(seteuid(us), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_content), TEST(test_empty),           TEST(test_maximum),
        TEST(test_nul),     TEST(test_what_is_no_file), TEST(test_not_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
