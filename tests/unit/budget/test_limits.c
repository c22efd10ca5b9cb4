/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "budget/limits.h"

static void the_host_of_a_directory(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host;
    } rows[] = {
        {"https://acme-v02.api.letsencrypt.org/directory", "acme-v02.api.letsencrypt.org"},
        {"https://ACME-v02.API.letsencrypt.org:443/directory", "acme-v02.api.letsencrypt.org"},
        {"https://[2001:db8::1]:14000/dir", "[2001:db8::1"},
        {"https://ca.test?x", "ca.test"},
        {"nonsense", "nonsense"},
        {"", ""},
        {NULL, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char host[BUDGET_HOST_MAX];
        budget_host(rows[i].url, host);
        assert_string_equal(host, rows[i].host);
    }
    char long_url[1000] = "https://";
    memset(long_url + 8, 'a', sizeof(long_url) - 9);
    char host[BUDGET_HOST_MAX];
    budget_host(long_url, host);
    assert_int_equal(strlen(host), BUDGET_HOST_MAX - 1);
}

/* As https://letsencrypt.org/docs/rate-limits/ and .../staging-environment/ have them. */
static void only_known_servers_have_limits(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int64_t counts[BUDGET_KINDS]; /* orders, domain, set, failures, day */
        bool known;
    } rows[] = {
        {"acme-v02.api.letsencrypt.org", {300, 50, 5, 5, 0}, true},
        {"acme-staging-v02.api.letsencrypt.org", {1500, 30000, 30000, 60, 0}, true},
        {"acme.zerossl.com", {0}, false},
        {"letsencrypt.org", {0}, false},
        {"", {0}, false},
    };
    static const int64_t periods[BUDGET_KINDS] = {3 * NS_PER_HOUR, 7 * NS_PER_DAY, 7 * NS_PER_DAY,
                                                  NS_PER_HOUR, 0};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct budget_limits l = budget_published(rows[i].host);
        for (int kind = 0; kind < BUDGET_KINDS; kind++) {
            assert_int_equal(l.of[kind].count, rows[i].counts[kind]);
            assert_int_equal(l.of[kind].period, rows[i].known ? periods[kind] : 0);
        }
    }
}

/* What is published keeps the key that it was stored by. */
static void a_limit_of_its_own_is_in_the_scope(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        struct budget_limit limit;
        const char *scope;
    } rows[] = {
        {"acme-v02.api.letsencrypt.org", {50, 7 * NS_PER_DAY}, "acme-v02.api.letsencrypt.org"},
        {"acme-v02.api.letsencrypt.org",
         {50, 8 * NS_PER_DAY},
         "acme-v02.api.letsencrypt.org;50/192h0m0s"},
        {"ca.test", {0, 0}, "ca.test"},
        {"ca.test", {1, 1}, "ca.test;1/1ns"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char scope[BUDGET_SCOPE_MAX];
        budget_scope(rows[i].host, BUDGET_DOMAIN, rows[i].limit, scope);
        assert_string_equal(scope, rows[i].scope);
    }
}

static void kinds_have_the_names_of_fields(void **state)
{
    (void)state;
    for (int i = 0; i < BUDGET_KINDS; i++)
        assert_int_equal(budget_kind_of(budget_kind_field((enum budget_kind)i)), i);
    assert_int_equal(budget_kind_of("nonsense"), -1);
    assert_int_equal(budget_kind_of(NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_of_a_directory),
        cmocka_unit_test(only_known_servers_have_limits),
        cmocka_unit_test(a_limit_of_its_own_is_in_the_scope),
        cmocka_unit_test(kinds_have_the_names_of_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
