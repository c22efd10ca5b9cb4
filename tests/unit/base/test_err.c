/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

static void carries_kind_reason_and_message(void **state)
{
    (void)state;
    AUTO_ERR e = err_new(ERR_DENIED, "Forbidden", "secret %s/%s", "ns", "tls");
    assert_int_equal(e->kind, ERR_DENIED);
    assert_string_equal(e->reason, "Forbidden");
    assert_string_equal(e->message, "secret ns/tls");
    assert_int_equal(e->http_status, 0);
    assert_int_equal(e->retry_at, 0);
    assert_true(err_is(e, ERR_DENIED));
    assert_false(err_is(e, ERR_INVALID));
    assert_false(err_is(NULL, ERR_INVALID));
}

static void wraps_outside_in(void **state)
{
    (void)state;
    struct err *inner = err_new(ERR_TRANSIENT, "Timeout", "no answer");
    inner->http_status = 504;
    inner->retry_at = 42;
    struct err *wrapped = err_wrap(inner, "order %d", 7);
    assert_ptr_equal(wrapped, inner);
    AUTO_ERR e = err_wrap(wrapped, "certificate %s", "a/b");
    assert_string_equal(e->message, "certificate a/b: order 7: no answer");
    assert_string_equal(e->reason, "Timeout");
    assert_int_equal(e->http_status, 504);
    assert_int_equal(e->retry_at, 42);
    assert_null(err_wrap(NULL, "context"));
}

static void messages_are_bounded_and_cut_between_characters(void **state)
{
    (void)state;
    char big[3 * ERR_MESSAGE_MAX];
    /* One byte first, so that a two-byte character straddles the limit. */
    big[0] = 'x';
    for (size_t i = 1; i + 1 < sizeof(big); i += 2)
        memcpy(big + i, "\xC3\xA9", 2);
    big[sizeof(big) - 1] = '\0';
    for (int shift = 0; shift < 2; shift++) {
        AUTO_ERR e = err_new(ERR_INVALID, "Big", "%s", big + shift);
        size_t len = strlen(e->message);
        assert_in_range(len, ERR_MESSAGE_MAX - 2, ERR_MESSAGE_MAX - 1);
        assert_memory_equal(e->message + len - 2, "\xC3\xA9", 2);
        e = err_wrap(e, "é%s", shift == 0 ? "" : "é");
        len = strlen(e->message);
        assert_in_range(len, ERR_MESSAGE_MAX - 2, ERR_MESSAGE_MAX - 1);
        assert_memory_equal(e->message + len - 2, "\xC3\xA9", 2);
    }
    AUTO_ERR e = err_new(ERR_INVALID, "Big", "%s", "");
    assert_string_equal(e->message, "");
    e = err_wrap(e, "%s", big);
    assert_true(strlen(e->message) < ERR_MESSAGE_MAX);
}

static void wrapping_cuts_at_exactly_the_limit(void **state)
{
    (void)state;
    for (size_t len = ERR_MESSAGE_MAX - 8; len < ERR_MESSAGE_MAX; len++) {
        char inner[ERR_MESSAGE_MAX];
        memset(inner, 'i', len);
        inner[len] = '\0';
        AUTO_ERR e = err_wrap(err_new(ERR_INVALID, "Big", "%s", inner), "o");
        size_t whole = len + strlen("o: ");
        assert_int_equal(strlen(e->message), whole < ERR_MESSAGE_MAX ? whole : ERR_MESSAGE_MAX - 1);
    }
}

static void messages_are_one_line_of_utf8(void **state)
{
    (void)state;
    AUTO_ERR e = err_new(ERR_INVALID, "Peer", "it said %s", "a\nb\x1b[31m\xff\xC3 z");
    assert_string_equal(e->message, "it said a?b?[31m?? z");
    e = err_wrap(e, "from\r%s", "\x80");
    assert_string_equal(e->message, "from??: it said a?b?[31m?? z");
}

static void reasons_are_cut(void **state)
{
    (void)state;
    char reason[200];
    memset(reason, 'R', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    AUTO_ERR e = err_new(ERR_BUG, reason, "x");
    assert_int_equal(strlen(e->reason), ERR_REASON_MAX - 1);
}

static void copies_are_deep(void **state)
{
    (void)state;
    struct err *e = err_new(ERR_RATE_LIMITED, "Slow", "later");
    e->retry_at = 99;
    AUTO_ERR copy = err_dup(e);
    assert_ptr_not_equal(copy->message, e->message);
    err_free(e);
    assert_int_equal(copy->kind, ERR_RATE_LIMITED);
    assert_string_equal(copy->reason, "Slow");
    assert_string_equal(copy->message, "later");
    assert_int_equal(copy->retry_at, 99);
    assert_null(err_dup(NULL));
}

static void ignores_only_the_kind(void **state)
{
    (void)state;
    assert_null(err_ignore(err_new(ERR_NOT_FOUND, "NotFound", "gone"), ERR_NOT_FOUND));
    assert_null(err_ignore(NULL, ERR_NOT_FOUND));
    AUTO_ERR e = err_ignore(err_new(ERR_CONFLICT, "Conflict", "x"), ERR_NOT_FOUND);
    assert_true(err_is(e, ERR_CONFLICT));
    err_drop(err_new(ERR_BUG, "Dropped", "x"));
    err_free(NULL);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = ERR_INVALID; i <= ERR_BUG; i++) {
        assert_string_not_equal(err_kind_str((enum err_kind)i), "unknown");
        for (int j = ERR_INVALID; j < i; j++)
            assert_string_not_equal(err_kind_str((enum err_kind)i), err_kind_str((enum err_kind)j));
    }
    assert_string_equal(err_kind_str(ERR_RATE_LIMITED), "rate_limited");
    assert_string_equal(err_kind_str((enum err_kind)(ERR_BUG + 1)), "unknown");
    assert_string_equal(err_kind_str((enum err_kind)99), "unknown");
}

static int evaluated;

static struct err *step(bool fails)
{
    evaluated++;
    return fails ? err_new(ERR_TRANSIENT, "Step", "failed") : NULL;
}

static struct err *three_steps(int failing, const char *name)
{
    TRY(step(failing == 0));
    TRY(step(failing == 1), "second");
    TRY(step(failing == 2), "third of %s (%d)", name, failing);
    return NULL;
}

static void try_returns_early_and_wraps(void **state)
{
    (void)state;
    static const char *const messages[] = {"failed", "second: failed", "third of x (2): failed"};
    for (int failing = 0; failing < 3; failing++) {
        evaluated = 0;
        AUTO_ERR e = three_steps(failing, "x");
        assert_non_null(e);
        assert_string_equal(e->message, messages[failing]);
        assert_int_equal(evaluated, failing + 1);
    }
    evaluated = 0;
    assert_null(three_steps(3, "x"));
    assert_int_equal(evaluated, 3);
}

static int cleaned;

static void clean(int *p)
{
    cleaned += *p;
}

static struct err *releases_on_the_way_out(int *ret_value)
{
    AUTO(clean) int one = 1;
    auto_free char *memory = x_strdup("freed on either way");
    TRY(step(str_empty(memory)));
    AUTO(clean) int two = 10;
    TRY(step(one == 1 && two == 10), "with %s", memory);
    *ret_value = 5;
    return NULL;
}

static void try_runs_cleanups_and_leaves_results_alone(void **state)
{
    (void)state;
    cleaned = 0;
    int value = -1;
    AUTO_ERR e = releases_on_the_way_out(&value);
    assert_string_equal(e->message, "with freed on either way: failed");
    assert_int_equal(cleaned, 11);
    assert_int_equal(value, -1);
}

static struct err *hands_over(void)
{
    AUTO_ERR kept = step(true);
    return TAKE(kept);
}

static void auto_err_frees_and_hands_over(void **state)
{
    (void)state;
    {
        AUTO_ERR freed = step(true); /* a leak otherwise */
        AUTO_ERR empty = NULL;
        assert_non_null(freed);
        assert_null(empty);
    }
    AUTO_ERR e = hands_over();
    assert_string_equal(e->message, "failed");
}

static struct err *try_as_a_branch(bool first)
{
    if (first)
        TRY(step(true), "then");
    else
        TRY(step(true), "else");
    return NULL;
}

static void try_is_one_statement(void **state)
{
    (void)state;
    AUTO_ERR a = try_as_a_branch(true);
    AUTO_ERR b = try_as_a_branch(false);
    assert_string_equal(a->message, "then: failed");
    assert_string_equal(b->message, "else: failed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_kind_reason_and_message),
        cmocka_unit_test(wraps_outside_in),
        cmocka_unit_test(messages_are_bounded_and_cut_between_characters),
        cmocka_unit_test(wrapping_cuts_at_exactly_the_limit),
        cmocka_unit_test(messages_are_one_line_of_utf8),
        cmocka_unit_test(reasons_are_cut),
        cmocka_unit_test(copies_are_deep),
        cmocka_unit_test(ignores_only_the_kind),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
        cmocka_unit_test(try_returns_early_and_wraps),
        cmocka_unit_test(try_runs_cleanups_and_leaves_results_alone),
        cmocka_unit_test(auto_err_frees_and_hands_over),
        cmocka_unit_test(try_is_one_statement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
