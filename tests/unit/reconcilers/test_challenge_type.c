/* SPDX-License-Identifier: Apache-2.0 */
/* Which type of challenge a solver answers, and which of them have to be turned on. */
#include "reconcilers/challenge_type.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "reconciler_scene.h"
#include "support/expect.h"

static const struct features off = {0};
static const struct features on = {
    .on = {[FEATURE_DNS_ACCOUNT_01] = true, [FEATURE_DNS_PERSIST_01] = true}};

static void a_solver_has_a_type(void **state)
{
    (void)state;
    static const struct solver_http01 http01 = {0};
    static const struct {
        struct acme_solver solver;
        const char *name, *at_ca;
    } rows[] = {
        {{.http01 = &http01}, "HTTP-01", "http-01"},
        {{.dns01 = "{\"cloudflare\":{}}"}, "DNS-01", "dns-01"},
        {{.dns01 = "{\"challengeType\":\"dns-01\"}"}, "DNS-01", "dns-01"},
        {{.dns01 = "{\"challengeType\":\"dns-account-01\"}"}, "DNS-ACCOUNT-01", "dns-account-01"},
        {{.dns_persist01 = "{}"}, "DNS-PERSIST-01", "dns-persist-01"},
    };
    assert_string_equal(challenge_type_of_solver(NULL)->at_ca, "http-01");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct challenge_type *t = challenge_type_of_solver(&rows[i].solver);
        assert_string_equal(t->name, rows[i].name);
        assert_string_equal(t->at_ca, rows[i].at_ca);
        const struct challenge c = {.spec = {.type = rows[i].name}};
        assert_ptr_equal(challenge_type_of(&c), t);
        expect_ok(challenge_type_check(&on, &rows[i].solver));
    }
}

static void what_is_alpha_has_to_be_turned_on(void **state)
{
    (void)state;
    const struct acme_solver usual = {.dns01 = "{\"cloudflare\":{}}"};
    const struct acme_solver account = {.dns01 = "{\"challengeType\":\"dns-account-01\"}"};
    expect_ok(challenge_type_check(&off, &usual));
    expect_err(challenge_type_check(&off, &account), ERR_INVALID, "InvalidSolver",
               "--feature-gates=DNSAccount01=true");
    const struct acme_solver persist = {.dns_persist01 = "{}"};
    expect_err(challenge_type_check(&off, &persist), ERR_INVALID, "InvalidSolver",
               "--feature-gates=DNSPersist01=true");
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_solver_has_a_type),
        cmocka_unit_test(what_is_alpha_has_to_be_turned_on),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
