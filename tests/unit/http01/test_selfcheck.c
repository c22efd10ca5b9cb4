/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/selfcheck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/expect.h"
#include "support/scripted_transport.h"

#define PATH "/.well-known/acme-challenge/0123456789abcdef"
#define URL "GET http://a.test" PATH
#define ANSWER "0123456789abcdef.thumbprint"

static struct err *check(const struct scripted_transport *t, const char *host)
{
    return http01_self_check(&t->transport, NULL, host, "0123456789abcdef", ANSWER);
}

static void the_right_answer_passes(void **state)
{
    (void)state;
    static const char *const bodies[] = {ANSWER, ANSWER "\n", ANSWER "\r\n", ANSWER " \t\n\n"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        SCRIPTED t;
        scripted_init(&t);
        scripted_plan(&t, URL, 200, bodies[i]);
        expect_ok(check(&t, "a.test"));
        const struct scripted_exchange *x = scripted_seen(&t, 0);
        assert_int_equal(x->flags, HTTP_FOLLOW | HTTP_GUARDED | HTTP_NO_REUSE);
        assert_true(x->skip_verify);
        assert_int_equal(x->timeout, 2 * NS_PER_SEC);
        assert_int_equal(x->max_body, 4096);
    }
}

static void another_answer_does_not(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", " ", "\n" ANSWER, ANSWER "x", "0123456789abcdef.thumbprin", "<html>secret</html>"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        SCRIPTED t;
        scripted_init(&t);
        scripted_plan(&t, URL, 200, bodies[i]);
        AUTO_ERR e = check(&t, "a.test");
        assert_non_null(e);
        assert_null(strstr(e->message, "secret"));
        expect_err(TAKE(e), ERR_TRANSIENT, "SelfCheckFailed", "another server answers");
    }
}

static void other_statuses_do_not(void **state)
{
    (void)state;
    static const int statuses[] = {201, 204, 301, 403, 404, 500, 503};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        SCRIPTED t;
        scripted_init(&t);
        scripted_plan(&t, URL, statuses[i], ANSWER);
        auto_free char *says = x_printf("answered %d", statuses[i]);
        expect_err(check(&t, "a.test"), ERR_TRANSIENT, "SelfCheckFailed", says);
    }
}

static void errors_of_the_network_say_where(void **state)
{
    (void)state;
    SCRIPTED t;
    scripted_init(&t);
    scripted_plan_error(&t, URL, err_new(ERR_TRANSIENT, "ConnectFailed", "refused"));
    scripted_plan_error(&t, URL, err_new(ERR_DENIED, "AddressForbidden", "loopback"));
    expect_err(check(&t, "a.test"), ERR_TRANSIENT, "ConnectFailed",
               "self-check of http://a.test: refused");
    expect_err(check(&t, "a.test"), ERR_DENIED, "AddressForbidden", "loopback");
}

static void addresses_are_hosts(void **state)
{
    (void)state;
    SCRIPTED t;
    scripted_init(&t);
    scripted_plan(&t, "GET http://192.0.2.1" PATH, 200, ANSWER);
    scripted_plan(&t, "GET http://[2001:db8::1]" PATH, 200, ANSWER);
    expect_ok(check(&t, "192.0.2.1"));
    expect_ok(check(&t, "2001:db8::1"));
}

static void delays_grow_to_two_seconds_then_ten(void **state)
{
    (void)state;
    assert_int_equal(http01_self_check_delay(0), 50 * NS_PER_MS);
    assert_int_equal(http01_self_check_delay(1), 75 * NS_PER_MS);
    assert_int_equal(http01_self_check_delay(2), 112500 * NS_PER_US);
    int64_t total = 0;
    for (unsigned n = 1; n <= 40; n++) {
        assert_true(http01_self_check_delay(n) >= http01_self_check_delay(n - 1));
        total += http01_self_check_delay(n);
    }
    assert_int_equal(http01_self_check_delay(10), 2 * NS_PER_SEC);
    assert_int_equal(http01_self_check_delay(40), 2 * NS_PER_SEC);
    assert_true(total > 55 * NS_PER_SEC && total < 70 * NS_PER_SEC);
    assert_int_equal(http01_self_check_delay(41), 10 * NS_PER_SEC);
    assert_int_equal(http01_self_check_delay(4000000000), 10 * NS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_answer_passes),
        cmocka_unit_test(another_answer_does_not),
        cmocka_unit_test(other_statuses_do_not),
        cmocka_unit_test(errors_of_the_network_say_where),
        cmocka_unit_test(addresses_are_hosts),
        cmocka_unit_test(delays_grow_to_two_seconds_then_ten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
