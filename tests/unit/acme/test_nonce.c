/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_ca.h"

static void assert_taken(struct fake_ca *f, const char *expected)
{
    auto_free char *nonce = NULL;
    assert_ok(acme_nonce_take(f->ca, &nonce));
    assert_string_equal(nonce, expected);
}

static void only_base64url_is_a_nonce(void **state)
{
    (void)state;
    assert_true(acme_nonce_is_valid("a"));
    assert_true(acme_nonce_is_valid("oFvnlFP1wIhRlYS2jTaXbA"));
    assert_true(acme_nonce_is_valid("-_09azAZ"));
    static const char *const bad[] = {"", "a=", "a+b", "a/b", "a b", "a\"b", "a\r\nb", "\xc3\xa4"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(acme_nonce_is_valid(bad[i]));
    assert_false(acme_nonce_is_valid(NULL));
    char longest[1026];
    memset(longest, 'a', sizeof(longest));
    longest[1025] = '\0';
    assert_false(acme_nonce_is_valid(longest));
    longest[1024] = '\0';
    assert_true(acme_nonce_is_valid(longest));
}

static void the_freshest_is_taken_first(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    acme_nonce_put(f.ca, "a");
    acme_nonce_put(f.ca, "b");
    acme_nonce_put(f.ca, "not base64url");
    acme_nonce_put(f.ca, NULL);
    assert_taken(&f, "b");
    assert_taken(&f, "a");
    assert_int_equal(f.nonces, 0);
    assert_taken(&f, "n1");
    assert_int_equal(f.nonces, 1);
}

static void the_pool_is_bounded(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (int i = 0; i < 1000; i++) {
        auto_free char *nonce = x_printf("a%d", i);
        acme_nonce_put(f.ca, nonce);
    }
    for (int i = 0; i < ACME_NONCES_MAX; i++) {
        auto_free char *expected = x_printf("a%d", 999 - i);
        assert_taken(&f, expected);
    }
    assert_taken(&f, "n1");
}

static void old_ones_are_not_used(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    acme_nonce_put(f.ca, "old");
    clock_manual_advance(&f.clock, NS_PER_SEC);
    acme_nonce_put(f.ca, "young");
    clock_manual_advance(&f.clock, ACME_NONCE_MAX_AGE);
    assert_taken(&f, "young");
    assert_taken(&f, "n1");
    acme_nonce_put(f.ca, "a");
    acme_nonce_put(f.ca, "b");
    clock_manual_advance(&f.clock, ACME_NONCE_MAX_AGE + 1);
    assert_taken(&f, "n2");
    assert_taken(&f, "n3");
}

static void new_nonce_is_asked_with_head(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    assert_taken(&f, "n1");
    assert_string_equal(f.method, "HEAD");
    assert_string_equal(f.url, FAKE_HOST "/nonce");
    assert_int_equal(f.flags, HTTP_PROXIED);
}

static void answers_without_a_nonce_are_errors(void **state)
{
    (void)state;
    FAKE_CA f = {.queue_nonces = true, .no_nonces = true};
    fake_ca_init(&f);
    static const char *const headers[] = {"", "replay-nonce: \n", "replay-nonce: a b\n",
                                          "replay-nonce: <script>\n", "x-replay-nonce: abc\n"};
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        char *nonce = NULL;
        fake_answer(&f, 200, headers[i], "");
        assert_error(acme_nonce_take(f.ca, &nonce), ERR_TRANSIENT, "InvalidAnswer", "Replay-Nonce");
        assert_null(nonce);
    }
    char *nonce = NULL;
    fake_answer(&f, 503, "retry-after: 7\nreplay-nonce: abc\n", "");
    struct err *e = acme_nonce_take(f.ca, &nonce);
    assert_int_equal(e->retry_at, FAKE_NOW + 7 * NS_PER_SEC);
    assert_error(e, ERR_TRANSIENT, "HTTP503", "newNonce");
    fake_fail(&f, err_new(ERR_TRANSIENT, "Timeout", "no answer"));
    assert_error(acme_nonce_take(f.ca, &nonce), ERR_TRANSIENT, "Timeout", "newNonce: no answer");
    assert_null(nonce);
}

static void without_a_directory_none_is_asked_for(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = ""};
    fake_ca_init(&f);
    char *nonce = NULL;
    fake_answer(&f, 502, "", "");
    assert_error(acme_nonce_take(f.ca, &nonce), ERR_TRANSIENT, "HTTP502", "directory");
    assert_null(nonce);
    assert_int_equal(f.nonces, 0);
}

static void a_404_has_the_directory_read_again(void **state)
{
    (void)state;
    FAKE_CA f = {.queue_nonces = true};
    fake_ca_init(&f);
    char *nonce = NULL;
    fake_answer(&f, 404, "", "");
    assert_error(acme_nonce_take(f.ca, &nonce), ERR_NOT_FOUND, NULL, "newNonce");
    f.queue_nonces = false;
    assert_ok(acme_nonce_take(f.ca, &nonce));
    free(nonce);
    assert_int_equal(f.directories, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_base64url_is_a_nonce),
        cmocka_unit_test(the_freshest_is_taken_first),
        cmocka_unit_test(the_pool_is_bounded),
        cmocka_unit_test(old_ones_are_not_used),
        cmocka_unit_test(new_nonce_is_asked_with_head),
        cmocka_unit_test(answers_without_a_nonce_are_errors),
        cmocka_unit_test(without_a_directory_none_is_asked_for),
        cmocka_unit_test(a_404_has_the_directory_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
