/* SPDX-License-Identifier: Apache-2.0 */
/* What an order takes of the limits of its Issuer and CA. */
#include "reconcilers/budget_needs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "budget_scene.h"
#include "reconciler_scene.h"
#include "support/scripted_kube.h"

#define LE "https://acme-v02.api.letsencrypt.org/directory"
#define OTHER "https://ca.test/dir"

static char *csr_other;

/* "ordersPerAccount/1 ..." with the second part of keys that name something; owned. */
static char *describe(const struct budget_needs *n)
{
    struct buf b = BUF_INIT(4096);
    for (size_t i = 0; i < n->len; i++) {
        const struct budget_need *need = &n->items[i];
        bool named = need->kind == BUDGET_DOMAIN || need->kind == BUDGET_FAILURES;
        buf_putf(&b, "%s%s%s%s%s", i > 0 ? " " : "", budget_kind_field(need->kind),
                 named ? strchr(need->key, ' ') : "", need->only_looked_at ? "?" : "",
                 need->never_waits ? "!" : "");
    }
    return buf_take(&b);
}

static void find_needs(struct scene *s, bool replaces, struct budget_needs *ret_needs)
{
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s->env->issuers.cache, "shop", "ca");
    AUTO_OBJECT(struct certificate_request)
    request = cache_peek(s->env->requests.cache, "shop", "web-2");
    auto_free char *text = budget_order_text("o", 5, "");
    AUTO_OBJECT(struct order) order = scene_object(&kind_order, text);
    expect_ok(budget_needs_of_order(s->env, issuer, request, order, replaces, ret_needs));
}

static char *needs_of(struct scene *s, bool replaces)
{
    AUTO(budget_needs_release) struct budget_needs needs = {0};
    find_needs(s, replaces, &needs);
    return describe(&needs);
}

#define ALL_KINDS                                                                                  \
    "ordersPerAccount certificatesPerRegisteredDomain a.co.uk certificatesPerRegisteredDomain "    \
    "b.test certificatesPerExactSet"
#define LOOKED_AT                                                                                  \
    " failedAuthorizations a.co.uk? failedAuthorizations b.test? failedAuthorizations "            \
    "www.a.co.uk?"

static void an_order_takes_what_its_server_limits(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    budget_put_issuer(&s, LE, "");
    budget_put_request(&s, 2, budget_csr, "");
    auto_free char *le = needs_of(&s, false);
    assert_string_equal(le, ALL_KINDS LOOKED_AT);
}

/* The order names it, too, when it is not among the DNS names; the CA counts what is ordered. */
static void the_common_name_counts(void **state)
{
    (void)state;
    AUTO(pki_names_release) struct pki_names names = {.common_name = x_strdup("b.test")};
    strlist_add(&names.dns, "www.a.co.uk");
    SCENE s = {0};
    scene_open(&s);
    budget_put_issuer(&s, LE, "");
    auto_free char *csr = budget_csr_of(&names);
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"web-2-x\",\"namespace\":\"shop\",\"uid\":\"o\"},\"spec\":{"
        "\"request\":\"%s\",\"issuerRef\":{\"name\":\"ca\"}}}",
        csr);
    AUTO(budget_needs_release) struct budget_needs needs = {0};
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s.env->issuers.cache, "shop", "ca");
    AUTO_OBJECT(struct order) order = scene_object(&kind_order, text);
    expect_ok(budget_needs_of_order(s.env, issuer, NULL, order, false, &needs));
    auto_free char *described = describe(&needs);
    assert_non_null(strstr(described, "RegisteredDomain a.co.uk"));
    assert_non_null(strstr(described, "RegisteredDomain b.test"));
    assert_non_null(strstr(described, "failedAuthorizations b.test?"));
}

static void other_servers_limit_what_the_issuer_says(void **state)
{
    (void)state;
    static const struct {
        const char *server, *limits, *needs;
    } rows[] = {
        {OTHER, "", ""},
        {OTHER, "\"maxIssuancesPerDay\":7", "maxIssuancesPerDay"},
        {OTHER, "\"ordersPerAccount\":{\"count\":3,\"period\":\"1h\"}", "ordersPerAccount"},
        {LE,
         "\"certificatesPerRegisteredDomain\":{\"count\":0,\"period\":\"1h\"},"
         "\"failedAuthorizations\":{\"count\":0,\"period\":\"1h\"}",
         "ordersPerAccount certificatesPerExactSet"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        budget_put_issuer(&s, rows[i].server, rows[i].limits);
        budget_put_request(&s, 2, budget_csr, "");
        auto_free char *needs = needs_of(&s, false);
        assert_string_equal(needs, rows[i].needs);
    }
}

#define BY_DOMAIN(count, period)                                                                   \
    "\"certificatesPerRegisteredDomain\":{\"count\":" #count ",\"period\":\"" period "\"}"
#define BY_SET(count, period)                                                                      \
    "\"certificatesPerExactSet\":{\"count\":" #count ",\"period\":\"" period "\"}"

static void find_needs_under(const char *server, const char *limits, struct budget_needs *ret_needs)
{
    SCENE s = {0};
    scene_open(&s);
    budget_put_request(&s, 2, budget_csr, "");
    budget_put_issuer(&s, server, limits);
    find_needs(&s, false, ret_needs);
}

/* What was spent under a tenant's own limit says nothing to those who go by another one. */
static void buckets_are_shared_by_who_has_the_same_limit(void **state)
{
    (void)state;
    static const struct {
        const char *server, *one, *other;
        size_t shared; /* of two domains and a set */
    } rows[] = {
        {LE, "", "", 3},
        {LE, "", BY_DOMAIN(50, "168h") "," BY_SET(5, "168h"), 3},
        {LE, "", BY_DOMAIN(1, "8760h"), 1},
        {LE, "", BY_SET(1000000, "1s"), 2},
        {OTHER, BY_DOMAIN(7, "1h") "," BY_SET(3, "1h"), BY_DOMAIN(7, "60m") "," BY_SET(3, "1h"), 3},
        {OTHER, BY_DOMAIN(7, "1h") "," BY_SET(3, "1h"), BY_DOMAIN(7, "2h") "," BY_SET(4, "1h"), 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(budget_needs_release) struct budget_needs one = {0};
        AUTO(budget_needs_release) struct budget_needs other = {0};
        find_needs_under(rows[i].server, rows[i].one, &one);
        find_needs_under(rows[i].server, rows[i].other, &other);
        assert_int_equal(one.len, other.len);
        size_t shared = 0;
        for (size_t n = 0; n < one.len; n++)
            if (one.items[n].kind == BUDGET_DOMAIN || one.items[n].kind == BUDGET_SET)
                shared += strcmp(one.items[n].key, other.items[n].key) == 0 ? 1 : 0;
        assert_int_equal(shared, rows[i].shared);
    }
}

/* Where their account URLs are the same, too: a CA may answer with any. */
static void an_account_at_another_server_is_another(void **state)
{
    (void)state;
    static const char limits[] = "\"ordersPerAccount\":{\"count\":3,\"period\":\"1h\"},"
                                 "\"failedAuthorizations\":{\"count\":3,\"period\":\"1h\"}";
    static const struct {
        const char *server;
        bool shared;
    } rows[] = {{OTHER, true}, {"https://CA.test:443/dir", true}, {"https://evil.test/dir", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(budget_needs_release) struct budget_needs one = {0};
        AUTO(budget_needs_release) struct budget_needs other = {0};
        find_needs_under(OTHER, limits, &one);
        find_needs_under(rows[i].server, limits, &other);
        assert_int_equal(one.len, 4);
        assert_int_equal(other.len, 4);
        for (size_t n = 0; n < one.len; n++)
            assert_int_equal(strcmp(one.items[n].key, other.items[n].key) == 0, rows[i].shared);
    }
}

#define ISSUED                                                                                     \
    "\"certificate\":\"Q1NS\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":" \
    "\"Issued\",\"message\":\"m\"}]"

/* The same names again do not count by domain; near its end nothing of the day's cap counts. */
static void renewals_take_less(void **state)
{
    (void)state;
    static const char urgent[] = "\"revision\":1,\"notBefore\":\"2025-10-10T00:00:00Z\","
                                 "\"notAfter\":\"2026-01-08T00:00:00Z\"";
    static const char due[] = "\"revision\":1,\"notBefore\":\"2025-11-01T00:00:00Z\","
                              "\"notAfter\":\"2026-01-30T00:00:00Z\"";
    const struct {
        const char *before, *status, *crt, *needs;
    } rows[] = {
        {budget_csr, ISSUED, due,
         "ordersPerAccount certificatesPerExactSet" LOOKED_AT " maxIssuancesPerDay"},
        {budget_csr, ISSUED, urgent,
         "ordersPerAccount certificatesPerExactSet" LOOKED_AT " maxIssuancesPerDay!"},
        {csr_other, ISSUED, due, ALL_KINDS LOOKED_AT " maxIssuancesPerDay"},
        {budget_csr, "", due, ALL_KINDS LOOKED_AT " maxIssuancesPerDay"},
        {budget_csr, ISSUED, "", ALL_KINDS LOOKED_AT " maxIssuancesPerDay"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        budget_put_issuer(&s, LE, "\"maxIssuancesPerDay\":7");
        budget_put_certificate(&s, rows[i].crt);
        budget_put_request(&s, 1, rows[i].before, rows[i].status);
        budget_put_request(&s, 2, budget_csr, "");
        auto_free char *needs = needs_of(&s, false);
        assert_string_equal(needs, rows[i].needs);
    }
}

/* What replaces a certificate by the CA's own schedule is no order to its limits. */
static void replacements_are_exempt(void **state)
{
    (void)state;
    static const struct {
        const char *limits, *needs;
    } rows[] = {{"", ""}, {"\"maxIssuancesPerDay\":7", "maxIssuancesPerDay"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        budget_put_issuer(&s, LE, rows[i].limits);
        budget_put_request(&s, 2, budget_csr, "");
        auto_free char *needs = needs_of(&s, true);
        assert_string_equal(needs, rows[i].needs);
    }
}

static int make_csrs(void **state)
{
    (void)state;
    scene_prepare();
    budget_csr = budget_make_csr((const char *const[]){"*.a.co.uk", "b.test", "www.a.co.uk", NULL});
    csr_other = budget_make_csr((const char *const[]){"b.test", NULL});
    return 0;
}

static int free_csrs(void **state)
{
    (void)state;
    free(budget_csr);
    free(csr_other);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_takes_what_its_server_limits),
        cmocka_unit_test(the_common_name_counts),
        cmocka_unit_test(other_servers_limit_what_the_issuer_says),
        cmocka_unit_test(buckets_are_shared_by_who_has_the_same_limit),
        cmocka_unit_test(an_account_at_another_server_is_another),
        cmocka_unit_test(renewals_take_less),
        cmocka_unit_test(replacements_are_exempt),
    };
    return cmocka_run_group_tests(tests, make_csrs, free_csrs);
}
