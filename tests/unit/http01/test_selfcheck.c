/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/selfcheck.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "support/expect.h"
#include "support/scripted_dns.h"
#include "support/scripted_transport.h"

#define PATH "/.well-known/acme-challenge/0123456789abcdef"
#define URL "GET http://a.test" PATH
#define ANSWER "0123456789abcdef.thumbprint"
#define V4 "192.0.2.1"
#define V6 "2001:db8::1"

struct world {
    struct scripted_transport web;
    struct scripted_dns dns;
    struct clock_manual hands;
    struct http01_check check;
};

static void world_open(struct world *w)
{
    scripted_init(&w->web);
    scripted_dns_init(&w->dns);
    clock_manual_init(&w->hands, NS_PER_DAY);
    w->check = (struct http01_check){.http = &w->web.transport,
                                     .dns = &w->dns.transport,
                                     .clock = &w->hands.clock,
                                     .host = "a.test",
                                     .token = "0123456789abcdef",
                                     .key_authorization = ANSWER};
}

static void world_close(struct world *w)
{
    scripted_finish(&w->web);
}
#define WORLD(w)                                                                                   \
    __attribute__((cleanup(world_close))) struct world w;                                          \
    world_open(&w)

static void the_right_answer_passes(void **state)
{
    (void)state;
    static const char *const bodies[] = {ANSWER, ANSWER "\n", ANSWER "\r\n", ANSWER " \t\n\n"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        WORLD(w);
        scripted_dns_address(&w.dns, "a.test", V4);
        scripted_plan(&w.web, URL, 200, bodies[i]);
        expect_ok(http01_self_check(&w.check));
        const struct scripted_exchange *x = scripted_seen(&w.web, 0);
        assert_int_equal(x->flags, HTTP_GUARDED | HTTP_NO_REUSE);
        assert_true(x->skip_verify);
        assert_int_equal(x->timeout, 2 * NS_PER_SEC);
        assert_int_equal(x->max_body, 4096);
        assert_string_equal(x->connect_to, V4 ":80");
    }
}

static void another_answer_does_not(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", " ", "\n" ANSWER, ANSWER "x", "0123456789abcdef.thumbprin", "<html>secret</html>"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        WORLD(w);
        scripted_dns_address(&w.dns, "a.test", V4);
        scripted_plan(&w.web, URL, 200, bodies[i]);
        AUTO_ERR e = http01_self_check(&w.check);
        assert_non_null(e);
        assert_null(strstr(e->message, "secret"));
        expect_err(TAKE(e), ERR_TRANSIENT, "SelfCheckFailed",
                   V4 " answered something else than the key authorization");
    }
}

static void other_statuses_do_not(void **state)
{
    (void)state;
    static const int statuses[] = {201, 204, 301, 403, 404, 500, 503};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        WORLD(w);
        scripted_dns_address(&w.dns, "a.test", V4);
        scripted_plan(&w.web, URL, statuses[i], ANSWER);
        auto_free char *says = x_printf(V4 " answered %d", statuses[i]);
        expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "SelfCheckFailed", says);
    }
}

static void each_address_must_answer(void **state)
{
    (void)state;
    WORLD(w);
    scripted_dns_address(&w.dns, "a.test", V4);
    scripted_dns_address(&w.dns, "a.test", "192.0.2.2");
    scripted_dns_address(&w.dns, "a.test", V6);
    for (size_t i = 0; i < 3; i++)
        scripted_plan(&w.web, URL, 200, ANSWER);
    expect_ok(http01_self_check(&w.check));
    assert_string_equal(scripted_seen(&w.web, 1)->connect_to, "192.0.2.2:80");
    assert_string_equal(scripted_seen(&w.web, 2)->connect_to, "[" V6 "]:80");
    /* Whichever is wrong is the one that is named. */
    scripted_plan(&w.web, URL, 200, ANSWER);
    scripted_plan(&w.web, URL, 200, ANSWER);
    scripted_plan(&w.web, URL, 404, "");
    expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "SelfCheckFailed", V6 " answered 404");
    scripted_plan_error(&w.web, URL, err_new(ERR_TRANSIENT, "ConnectFailed", "refused"));
    expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "ConnectFailed",
               "self-check at " V4 ": refused");
    scripted_plan_error(&w.web, URL, err_new(ERR_DENIED, "AddressForbidden", "loopback"));
    expect_err(http01_self_check(&w.check), ERR_DENIED, "AddressForbidden", "loopback");
}

/* As a resolver answers the second time: another sentence would be another write of status. */
static void what_is_said_does_not_turn_round_with_the_addresses(void **state)
{
    (void)state;
    static const char *const answers[][2] = {{"192.0.2.1", "192.0.2.2"},
                                             {"192.0.2.2", "192.0.2.1"}};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        WORLD(w);
        scripted_dns_address(&w.dns, "a.test", answers[i][0]);
        scripted_dns_address(&w.dns, "a.test", V6);
        scripted_dns_address(&w.dns, "a.test", answers[i][1]);
        scripted_plan(&w.web, URL, 404, "");
        expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "SelfCheckFailed",
                   "192.0.2.1 answered 404");
    }
}

static void a_missing_family_is_fine(void **state)
{
    (void)state;
    WORLD(w);
    scripted_dns_address(&w.dns, "a.test", V6);
    scripted_plan(&w.web, URL, 200, ANSWER);
    expect_ok(http01_self_check(&w.check));
    /* So is one that DNS does not tell, as long as the other is there. */
    scripted_dns_fail(&w.dns, "a.test", DNS_A, "answered SERVFAIL");
    scripted_plan(&w.web, URL, 200, ANSWER);
    expect_ok(http01_self_check(&w.check));
    WORLD(none);
    scripted_dns_fail(&none.dns, "a.test", DNS_AAAA, "answered SERVFAIL");
    expect_err(http01_self_check(&none.check), ERR_TRANSIENT, "DNSFailed",
               "DNS query for a.test AAAA: answered SERVFAIL");
}

static void what_cannot_be_reached_from_here_is_passed_over(void **state)
{
    (void)state;
    WORLD(w);
    scripted_dns_address(&w.dns, "a.test", V4);
    scripted_dns_address(&w.dns, "a.test", V6);
    scripted_plan(&w.web, URL, 200, ANSWER);
    scripted_plan_error(&w.web, URL, err_new(ERR_TRANSIENT, "NoRoute", "unreachable"));
    expect_ok(http01_self_check(&w.check));
    scripted_plan_error(&w.web, URL, err_new(ERR_TRANSIENT, "NoRoute", "unreachable"));
    scripted_plan_error(&w.web, URL, err_new(ERR_TRANSIENT, "NoRoute", "unreachable"));
    expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "NoRoute",
               "no address of a.test can be reached from here");
}

static void names_without_addresses_say_so(void **state)
{
    (void)state;
    WORLD(w);
    expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "SelfCheckFailed", "NXDOMAIN");
    scripted_dns_empty(&w.dns, "a.test");
    expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "SelfCheckFailed",
               "a.test has no A and no AAAA record");
}

static void addresses_are_hosts(void **state)
{
    (void)state;
    WORLD(w);
    scripted_plan(&w.web, "GET http://192.0.2.1" PATH, 200, ANSWER);
    scripted_plan(&w.web, "GET http://[2001:db8::1]" PATH, 200, ANSWER);
    w.check.host = V4;
    expect_ok(http01_self_check(&w.check));
    w.check.host = V6;
    expect_ok(http01_self_check(&w.check));
    assert_string_equal(scripted_seen(&w.web, 1)->connect_to, "[" V6 "]:80");
    assert_int_equal(w.dns.queries, 0);
}

static void nameservers_of_a_tenant_are_asked_under_guard(void **state)
{
    (void)state;
    WORLD(w);
    static const char *const servers[] = {"192.0.2.53"};
    w.check.nameservers = servers;
    w.check.nameserver_count = 1;
    expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "SelfCheckFailed", "NXDOMAIN");
    assert_string_equal(w.dns.server, "192.0.2.53");
    assert_int_equal(w.dns.flags, DNS_GUARDED);
}

static void places_stand_for_dns(void **state)
{
    (void)state;
    WORLD(w);
    AUTO(strlist_release) struct strlist places = {0};
    w.check.places = &places;
    expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "SelfCheckFailed", "no address");
    strlist_add(&places, "203.0.113.1");
    strlist_add(&places, "lb.test");
    scripted_dns_address(&w.dns, "lb.test", "203.0.113.2");
    scripted_dns_address(&w.dns, "a.test", V4);
    scripted_plan(&w.web, URL, 200, ANSWER);
    scripted_plan(&w.web, URL, 200, ANSWER);
    expect_ok(http01_self_check(&w.check));
    assert_string_equal(scripted_seen(&w.web, 0)->connect_to, "203.0.113.1:80");
    assert_string_equal(scripted_seen(&w.web, 1)->connect_to, "203.0.113.2:80");
}

static void redirects_are_followed_as_a_ca_does(void **state)
{
    (void)state;
    WORLD(w);
    scripted_dns_address(&w.dns, "a.test", V4);
    scripted_dns_address(&w.dns, "b.test", "192.0.2.9");
    scripted_plan_headers(&w.web, URL, 301, "location: https://a.test" PATH "\n", "");
    scripted_plan_headers(&w.web, "GET https://a.test" PATH, 307, "location: //b.test/x#y\n", "");
    scripted_plan_headers(&w.web, "GET https://b.test/x", 302, "location: y\n", "");
    scripted_plan(&w.web, "GET https://b.test/y", 200, ANSWER);
    expect_ok(http01_self_check(&w.check));
    assert_string_equal(scripted_seen(&w.web, 1)->connect_to, V4 ":443");
    assert_string_equal(scripted_seen(&w.web, 2)->connect_to, "192.0.2.9:443");
    assert_true(scripted_seen(&w.web, 3)->skip_verify);
    assert_int_equal(scripted_seen(&w.web, 3)->flags, HTTP_GUARDED | HTTP_NO_REUSE);
    scripted_plan_headers(&w.web, URL, 301, "location: http://b.test/x?secret\n", "");
    scripted_plan(&w.web, "GET http://b.test/x?secret", 404, "");
    expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "SelfCheckFailed",
               "after a redirect to http://b.test: 192.0.2.9 answered 404");
}

static void redirects_that_a_ca_refuses_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *location;
        const char *reason;
    } rows[] = {
        {"http://b.test:8080/x", "RedirectForbidden"}, {"ftp://b.test/x", "RedirectForbidden"},
        {"http://u:p@b.test/x", "RedirectForbidden"},  {"http://[", "RedirectForbidden"},
        {"http://nowhere.test/", "SelfCheckFailed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WORLD(w);
        scripted_dns_address(&w.dns, "a.test", V4);
        auto_free char *header = x_printf("location: %s\n", rows[i].location);
        scripted_plan_headers(&w.web, URL, 302, header, "");
        AUTO_ERR e = http01_self_check(&w.check);
        assert_non_null(e);
        assert_string_equal(e->reason, rows[i].reason);
    }
    WORLD(w);
    scripted_dns_address(&w.dns, "a.test", V4);
    for (size_t i = 0; i < 11; i++)
        scripted_plan_headers(&w.web, URL, 302, "location: http://a.test" PATH "\n", "");
    expect_err(http01_self_check(&w.check), ERR_TRANSIENT, "SelfCheckFailed", "10 redirects");
}

/* The transport judges each hop's address. */
static void a_redirect_to_an_address_is_under_guard(void **state)
{
    (void)state;
    WORLD(w);
    scripted_dns_address(&w.dns, "a.test", V4);
    scripted_plan_headers(&w.web, URL, 302, "location: http://127.0.0.1/x\n", "");
    scripted_plan_error(&w.web, "GET http://127.0.0.1/x",
                        err_new(ERR_DENIED, "AddressForbidden", "loopback"));
    expect_err(http01_self_check(&w.check), ERR_DENIED, "AddressForbidden", "loopback");
    assert_string_equal(scripted_seen(&w.web, 1)->connect_to, "127.0.0.1:80");
    assert_int_equal(scripted_seen(&w.web, 1)->flags, HTTP_GUARDED | HTTP_NO_REUSE);
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
        cmocka_unit_test(each_address_must_answer),
        cmocka_unit_test(what_is_said_does_not_turn_round_with_the_addresses),
        cmocka_unit_test(a_missing_family_is_fine),
        cmocka_unit_test(what_cannot_be_reached_from_here_is_passed_over),
        cmocka_unit_test(names_without_addresses_say_so),
        cmocka_unit_test(addresses_are_hosts),
        cmocka_unit_test(nameservers_of_a_tenant_are_asked_under_guard),
        cmocka_unit_test(places_stand_for_dns),
        cmocka_unit_test(redirects_are_followed_as_a_ca_does),
        cmocka_unit_test(redirects_that_a_ca_refuses_are_refused),
        cmocka_unit_test(a_redirect_to_an_address_is_under_guard),
        cmocka_unit_test(delays_grow_to_two_seconds_then_ten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
