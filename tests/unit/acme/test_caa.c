/* SPDX-License-Identifier: Apache-2.0 */
/* Which CAA records let a CA issue, where they are found, and how long they are kept. */
#include "acme/caa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"
#include "support/scripted_dns.h"

#define ACCOUNT "https://ca.test/account/1"
#define RECORDS_MAX 4

static char first_identity[] = "ca.test", second_identity[] = "ca2.test";
static char *identity_items[] = {first_identity, second_identity};
static const struct strlist identities = {identity_items, 2, 2};

static struct acme_caa_ask ask_for(bool wildcard)
{
    return (struct acme_caa_ask){.identities = &identities,
                                 .account_url = ACCOUNT,
                                 .method = "http-01",
                                 .wildcard = wildcard};
}

/* "0 issue ca.test" as RDATA. */
static struct dns_record record(const char *text)
{
    unsigned flags = (unsigned)strtoul(text, NULL, 10);
    const char *tag = strchr(text, ' ') + 1;
    size_t tag_len = strcspn(tag, " ");
    const char *value = tag + tag_len + 1;
    size_t len = 2 + tag_len + strlen(value);
    unsigned char *data = x_alloc(len);
    data[0] = (unsigned char)flags;
    data[1] = (unsigned char)tag_len;
    memcpy(data + 2, tag, tag_len);
    memcpy(data + 2 + tag_len, value, strlen(value));
    return (struct dns_record){data, len};
}

static const struct {
    const char *records[RECORDS_MAX];
    bool wildcard;
    const char *against; /* NULL: permitted */
} permissions[] = {
    {{NULL}, false, NULL},
    {{"0 issue ca.test"}, false, NULL},
    {{"0 issue CA.Test"}, false, NULL},
    {{"0 ISSUE ca2.test"}, false, NULL},
    {{"0 issue  \tca.test \t"}, false, NULL},
    {{"0 issue other.test"}, false, "0 issue \"other.test\""},
    {{"0 issue other.test", "0 issue ca.test"}, false, NULL},
    {{"0 issue ;"}, false, "0 issue \";\""},
    {{"0 issue "}, false, "0 issue \"\""},
    {{"0 issue xca.test"}, false, "0 issue \"xca.test\""},
    {{"0 issue ca.test.evil"}, false, "0 issue \"ca.test.evil\""},
    /* Only what is about issuing. */
    {{"0 iodef mailto:x@other.test"}, false, NULL},
    {{"0 unknown x"}, false, NULL},
    {{"128 unknown x", "0 issue ca.test"}, false, "128 unknown \"x\""},
    {{"128 issue ca.test"}, false, NULL},
    {{"128 issue other.test"}, false, "128 issue \"other.test\""},
    /* issuewild is for wildcards, and then alone. */
    {{"0 issuewild other.test"}, false, NULL},
    {{"0 issuewild other.test"}, true, "0 issuewild \"other.test\""},
    {{"0 issue ca.test", "0 issuewild ;"}, true, "0 issuewild \";\""},
    {{"0 issue ca.test", "0 issuewild ;"}, false, NULL},
    {{"0 issue ;", "0 issuewild ca.test"}, true, NULL},
    {{"0 issue other.test"}, true, "0 issue \"other.test\""},
    {{"0 issue ca.test"}, true, NULL},
    /* RFC 8657. */
    {{"0 issue ca.test; accounturi=" ACCOUNT}, false, NULL},
    {{"0 issue ca.test ;accounturi = " ACCOUNT " ; "}, false, NULL},
    {{"0 issue ca.test; accounturi=https://ca.test/account/2"}, false, "account/2"},
    {{"0 issue ca.test; accounturi=" ACCOUNT "; accounturi=" ACCOUNT}, false, "accounturi"},
    {{"0 issue ca.test; accounturi=https://ca.test/account/2", "0 issue ca.test"}, false, NULL},
    {{"0 issue ca.test; validationmethods=http-01"}, false, NULL},
    {{"0 issue ca.test; validationmethods=dns-01,http-01"}, false, NULL},
    {{"0 issue ca.test; validationmethods=dns-01"}, false, "dns-01"},
    {{"0 issue ca.test; validationmethods=http-0"}, false, "http-0"},
    {{"0 issue ca.test; validationmethods="}, false, "validationmethods"},
    {{"0 issue ca.test; cansignhttpexchanges=yes"}, false, NULL},
    /* What is malformed allows nobody. */
    {{"0 issue ca.test; accounturi"}, false, "accounturi"},
    {{"0 issue ca.test; =x"}, false, "=x"},
};

static void the_rfcs_say_who_may(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(permissions); i++) {
        struct dns_record records[RECORDS_MAX];
        size_t count = 0;
        while (count < RECORDS_MAX && permissions[i].records[count] != NULL) {
            records[count] = record(permissions[i].records[count]);
            count++;
        }
        const struct acme_caa_ask ask = ask_for(permissions[i].wildcard);
        auto_free char *why = NULL;
        bool permitted = acme_caa_judge(records, count, &ask, &why) == ACME_CAA_PERMITS;
        if (permitted != (permissions[i].against == NULL) ||
            (!permitted && strstr(why, permissions[i].against) == NULL))
            fail_msg("row %zu, %s: %s", i, permissions[i].records[0],
                     permitted ? "permitted" : why);
        while (count > 0)
            free(records[--count].data);
    }
}

static void hostile_records_are_bounded(void **state)
{
    (void)state;
    static const unsigned char zero[] = "\0\5issueca.test\0.evil";
    static const unsigned char shorts[][3] = {{0, 5, 'i'}, {0, 0, 'x'}, {0, 255, 'x'}};
    const struct acme_caa_ask ask = ask_for(false);
    auto_free char *why = NULL;
    for (size_t i = 0; i < ARRAY_LEN(shorts); i++)
        for (size_t len = 0; len <= 3; len++) {
            auto_free unsigned char *exact = x_memdup(shorts[i], len);
            const struct dns_record r = {exact, len};
            assert_int_equal(acme_caa_judge(&r, 1, &ask, &why), ACME_CAA_PERMITS);
        }
    auto_free unsigned char *copy = x_memdup(zero, sizeof(zero) - 1);
    const struct dns_record with_zero = {copy, sizeof(zero) - 1};
    assert_int_equal(acme_caa_judge(&with_zero, 1, &ask, &why), ACME_CAA_MALFORMED);
    auto_free char *value = x_calloc(1, 4000);
    memset(value, '\x07', 3000);
    auto_free char *text = x_printf("0 issue %s", value);
    struct dns_record big = record(text);
    auto_free char *shown = NULL;
    assert_int_equal(acme_caa_judge(&big, 1, &ask, &shown), ACME_CAA_OTHER_CA);
    assert_true(strlen(shown) < 300);
    assert_null(strchr(shown, '\x07'));
    free(big.data);
}

struct world {
    struct scripted_dns dns;
    struct clock_manual hands;
    struct acme_caa *caa;
};

static void world_open(struct world *w)
{
    scripted_dns_init(&w->dns);
    clock_manual_init(&w->hands, NS_PER_DAY);
    w->caa = acme_caa_new(&w->dns.transport, &w->hands.clock);
}

static void world_close(struct world *w)
{
    acme_caa_free(w->caa);
}
#define WORLD(w)                                                                                   \
    AUTO(world_close) struct world w;                                                              \
    world_open(&w)

static void put(struct world *w, const char *name, const char *text)
{
    struct dns_record r = record(text);
    scripted_dns_record(&w->dns, name, DNS_CAA, r.data, r.len);
    free(r.data);
}

static struct err *check(struct world *w, const char *name, bool wildcard)
{
    const struct acme_caa_ask ask = ask_for(wildcard);
    return acme_caa_check(w->caa, NULL, name, &ask);
}

static void the_nearest_records_count(void **state)
{
    (void)state;
    WORLD(w);
    put(&w, "example.test", "0 issue other.test");
    put(&w, "good.example.test", "0 issue ca.test");
    AUTO_ERR e = check(&w, "a.b.example.test", false);
    assert_non_null(e);
    assert_int_equal(e->retry_at, NS_PER_DAY + NS_PER_MIN);
    expect_err(TAKE(e), ERR_DENIED, "CAAForbids",
               "the CAA record 0 issue \"other.test\" at example.test keeps this CA from issuing "
               "for a.b.example.test: add a record 0 issue \"ca.test\" there");
    assert_int_equal(w.dns.queries, 3);
    expect_ok(check(&w, "x.good.example.test", false));
    expect_ok(check(&w, "elsewhere.test", false));
    /* An empty set is none. */
    scripted_dns_empty(&w.dns, "empty.example.test");
    expect_err(check(&w, "empty.example.test", true), ERR_DENIED, "CAAForbids",
               "*.empty.example.test");
}

/* Another record beside it helps against the first of them alone. */
static void it_is_said_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *records[RECORDS_MAX];
        const char *told;
    } rows[] = {
        {{"0 issue other.test"}, ": add a record 0 issue \"ca.test\" there, or set spec.acme.caa"},
        {{"0 issue ca.test", "128 tbs x"},
         "128 tbs \"x\" at a.test keeps this CA from issuing for a.test: it is critical and not "
         "known here"},
        {{"128 tbs x"}, "or set spec.acme.caa: off on the issuer if the CA knows it"},
        {{"0 issue ca.test; accounturi=https://ca.test/account/2"},
         "for another account: write one accounturi=" ACCOUNT " into it"},
        {{"0 issue ca.test; accounturi=" ACCOUNT "; accounturi=" ACCOUNT},
         "write one accounturi=" ACCOUNT},
        {{"0 issue other.test", "0 issue ca.test; validationmethods=dns-01"},
         "validationmethods=dns-01\" at a.test keeps this CA from issuing for a.test: it names "
         "this "
         "CA for other validationmethods: add http-01 to them"},
        {{"0 issue ca.test; =x"}, "not well-formed (RFC 8659 section 4.2)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WORLD(w);
        for (size_t n = 0; n < RECORDS_MAX && rows[i].records[n] != NULL; n++)
            put(&w, "a.test", rows[i].records[n]);
        expect_err(check(&w, "a.test", false), ERR_DENIED, "CAAForbids", rows[i].told);
    }
}

static void records_at_the_end_of_an_alias_count(void **state)
{
    (void)state;
    WORLD(w);
    scripted_dns_cname(&w.dns, "www.example.test", "target.test");
    put(&w, "target.test", "0 issue other.test");
    expect_err(check(&w, "www.example.test", false), ERR_DENIED, "CAAForbids",
               "at www.example.test");
}

static void what_dns_does_not_tell_is_no_obstacle(void **state)
{
    (void)state;
    WORLD(w);
    put(&w, "example.test", "0 issue other.test");
    scripted_dns_fail(&w.dns, "a.example.test", DNS_CAA, "answered SERVFAIL");
    expect_ok(check(&w, "a.example.test", false));
    expect_ok(check(&w, "not a name", false));
    struct stop *stop = stop_new();
    stop_set(stop);
    const struct acme_caa_ask ask = ask_for(false);
    expect_err(acme_caa_check(w.caa, stop, "b.example.test", &ask), ERR_CANCELLED, NULL, NULL);
    stop_free(stop);
}

static void answers_are_kept_for_their_ttl(void **state)
{
    (void)state;
    static const struct {
        int64_t ttl, kept;
    } rows[] = {{1, NS_PER_MIN}, {10 * NS_PER_MIN, 10 * NS_PER_MIN}, {NS_PER_DAY, NS_PER_HOUR}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WORLD(w);
        w.dns.ttl = rows[i].ttl;
        put(&w, "example.test", "0 issue ca.test");
        expect_ok(check(&w, "example.test", false));
        clock_manual_advance(&w.hands, rows[i].kept - 1);
        expect_ok(check(&w, "EXAMPLE.test", false));
        assert_int_equal(w.dns.queries, 1);
        clock_manual_advance(&w.hands, 1);
        expect_ok(check(&w, "example.test", false));
        assert_int_equal(w.dns.queries, 2);
    }
}

static void what_is_kept_is_bounded(void **state)
{
    (void)state;
    WORLD(w);
    for (unsigned i = 0; i < 5000; i++) {
        auto_free char *name = x_printf("n%u", i);
        expect_ok(check(&w, name, false));
    }
    expect_ok(check(&w, "n0", false)); /* forgotten, and asked for again */
    assert_int_equal(w.dns.queries, 5001);
}

/* Each label of a name costs a question, and a zone of a tenant's may be slow. */
static struct err *slow_query(void *ctx, const struct dns_question *q, const struct stop *stop,
                              struct dns_answer *ret_answer)
{
    struct world *w = ctx;
    (void)stop;
    w->dns.queries++;
    clock_manual_advance(&w->hands, q->timeout - NS_PER_MS);
    *ret_answer = (struct dns_answer){.exists = true, .ttl = NS_PER_MIN};
    return NULL;
}

static void a_slow_zone_is_not_climbed_for_long(void **state)
{
    (void)state;
    WORLD(w);
    const struct dns_transport slow = {.query = slow_query, .ctx = &w};
    struct acme_caa *caa = acme_caa_new(&slow, &w.hands.clock);
    char name[201] = "";
    for (size_t i = 0; i + 1 < sizeof(name); i += 2)
        memcpy(name + i, "a.", 3);
    const struct acme_caa_ask ask = ask_for(false);
    expect_ok(acme_caa_check(caa, NULL, name, &ask));
    assert_in_range(w.dns.queries, 2, 4);
    assert_true(clock_mono(&w.hands.clock) < NS_PER_HOUR + 10 * NS_PER_SEC);
    acme_caa_free(caa);
}

/* "big.test" has one record of almost 3 kB, any other name many small ones; each forbids. */
static struct err *big_query(void *ctx, const struct dns_question *q, const struct stop *stop,
                             struct dns_answer *ret_answer)
{
    struct world *w = ctx;
    (void)stop;
    w->dns.queries++;
    bool is_big = str_eq(q->name, "big.test");
    auto_free char *value = x_calloc(1, 2901);
    memset(value, 'x', is_big ? 2900 : 10);
    auto_free char *text = x_printf("0 issue %s", value);
    struct dns_answer a = {.exists = true, .ttl = NS_PER_MIN, .count = is_big ? 1 : 40};
    a.records = x_calloc(a.count, sizeof(*a.records));
    for (size_t i = 0; i < a.count; i++)
        a.records[i] = record(text);
    *ret_answer = a;
    return NULL;
}

/* 4,096 names of 64 KiB each would be more memory than there is. */
static void a_set_that_is_too_big_is_not_kept(void **state)
{
    (void)state;
    WORLD(w);
    const struct dns_transport big = {.query = big_query, .ctx = &w};
    struct acme_caa *caa = acme_caa_new(&big, &w.hands.clock);
    const struct acme_caa_ask ask = ask_for(false);
    static const char *const names[] = {"big.test", "many.test"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        expect_ok(acme_caa_check(caa, NULL, names[i], &ask)); /* the CA decides */
        expect_ok(acme_caa_check(caa, NULL, names[i], &ask));
        assert_int_equal(w.dns.queries, 2 * (i + 1));
    }
    acme_caa_free(caa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_say_who_may),
        cmocka_unit_test(hostile_records_are_bounded),
        cmocka_unit_test(the_nearest_records_count),
        cmocka_unit_test(it_is_said_what_to_do),
        cmocka_unit_test(records_at_the_end_of_an_alias_count),
        cmocka_unit_test(what_dns_does_not_tell_is_no_obstacle),
        cmocka_unit_test(answers_are_kept_for_their_ttl),
        cmocka_unit_test(what_is_kept_is_bounded),
        cmocka_unit_test(a_slow_zone_is_not_climbed_for_long),
        cmocka_unit_test(a_set_that_is_too_big_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
