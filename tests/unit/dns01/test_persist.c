/* SPDX-License-Identifier: Apache-2.0 */
/* The record of dns-persist-01: what is printed, and what is taken for it. */
#include "dns01/persist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "support/expect.h"

#define NOW INT64_C(1767225600)
#define URL "https://ca.example/acct/123"
#define ACCOUNT "accounturi=" URL

static const char *const issuers[] = {"authority.example", "ca.example.net"};
static const struct strlist called = {.items = (char **)(uintptr_t)issuers, .len = 2};

static struct dns_persist_want wants(bool wildcard)
{
    return (struct dns_persist_want){
        .issuers = &called, .account_url = URL, .wildcard = wildcard, .now = NOW * NS_PER_SEC};
}

static void a_record_is_printed(void **state)
{
    (void)state;
    static const struct {
        bool wildcard;
        int64_t until;
        const char *value;
    } rows[] = {
        {false, 0, "authority.example; " ACCOUNT},
        {true, 0, "authority.example; " ACCOUNT "; policy=wildcard"},
        {false, NOW + 1, "authority.example; " ACCOUNT "; persistUntil=1767225601"},
        {true, NOW + 1, "authority.example; " ACCOUNT "; policy=wildcard; persistUntil=1767225601"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct dns_persist_record r = {.issuer = issuers[0],
                                             .account_url = URL,
                                             .wildcard = rows[i].wildcard,
                                             .until = rows[i].until * NS_PER_SEC};
        auto_free char *value = NULL;
        expect_ok(dns_persist_value(&r, &value));
        assert_string_equal(value, rows[i].value);
        const struct dns_persist_want want = wants(rows[i].wildcard);
        assert_int_equal(dns_persist_judge(&want, value), DNS_PERSIST_FITS);
    }
}

static void a_url_that_would_say_something_else_is_not_printed(void **state)
{
    (void)state;
    char endless[DNS_PERSIST_VALUE_MAX];
    memset(endless, 'a', sizeof(endless));
    endless[sizeof(endless) - 1] = '\0';
    const char *const urls[] = {URL "; policy=wildcard", URL " x", URL "\n", "",
                                "https://\xc3\xa4",      endless};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        char *value = NULL;
        const struct dns_persist_record r = {.issuer = issuers[0], .account_url = urls[i]};
        expect_err(dns_persist_value(&r, &value), ERR_INVALID, "InvalidSolver", "does not fit");
        assert_null(value);
    }
}

/* What Pebble and Boulder refuse does not fit, nor does what one of them refuses. */
static const struct {
    const char *record;
    enum dns_persist_fit fit, wildcard;
} rows[] = {
#define SAME(record, fit)                                                                          \
    {                                                                                              \
        record, DNS_PERSIST_##fit, DNS_PERSIST_##fit                                               \
    }
    {"authority.example; " ACCOUNT, DNS_PERSIST_FITS, DNS_PERSIST_WILDCARD},
    {"authority.example;" ACCOUNT, DNS_PERSIST_FITS, DNS_PERSIST_WILDCARD},
    {" \tca.example.net ;\taccounturi = " URL " ", DNS_PERSIST_FITS, DNS_PERSIST_WILDCARD},
    {"authority.example; ACCOUNTURI=" URL, DNS_PERSIST_FITS, DNS_PERSIST_WILDCARD},
    {"authority.example; " ACCOUNT "; policy=other", DNS_PERSIST_FITS, DNS_PERSIST_WILDCARD},
    {"authority.example; " ACCOUNT "; policy=", DNS_PERSIST_FITS, DNS_PERSIST_WILDCARD},
    SAME("authority.example; policy=wildcard; " ACCOUNT, FITS),
    SAME("authority.example; " ACCOUNT "; Policy=WildCard", FITS),
    SAME("authority.example; " ACCOUNT "; policy=wildcard; of-the-2nd-draft=yes", FITS),
    SAME("authority.example; " ACCOUNT "; policy=wildcard; persistUntil=1767225601", FITS),
    SAME("authority.example; " ACCOUNT "; policy=wildcard; PERSISTUNTIL=99999999999", FITS),
    SAME("authority.example; " ACCOUNT "; policy=wildcard; persistUntil=1767225600", OVER),
    SAME("authority.example; " ACCOUNT "; policy=wildcard; persistUntil=0", OVER),
    SAME("authority.example; " ACCOUNT "; policy=wildcard; persistUntil=-1", OVER),
    SAME("authority.example; accounturi=https://ca.example/acct/124; policy=wildcard", ACCOUNT),
    SAME("authority.example; accounturi=HTTPS://ca.example/acct/123; policy=wildcard", ACCOUNT),
    SAME("authority.example; accounturi=" URL "/; policy=wildcard", ACCOUNT),
    SAME("authority.example; accounturi=https://ca.example/acct/12; policy=wildcard", ACCOUNT),
    /* Not well-formed. */
    SAME("authority.example", MALFORMED),
    SAME("authority.example;", MALFORMED),
    SAME("authority.example; ", MALFORMED),
    SAME("authority.example; policy=wildcard", MALFORMED),
    SAME("authority.example; accounturi=", MALFORMED),
    SAME("authority.example; accounturi", MALFORMED),
    SAME("authority.example; =" URL, MALFORMED),
    SAME("authority.example; " ACCOUNT ";", MALFORMED),
    SAME("authority.example; " ACCOUNT "; ; policy=wildcard", MALFORMED),
    SAME("authority.example; " ACCOUNT "; " ACCOUNT, MALFORMED),
    SAME("authority.example; " ACCOUNT "; AccountURI=" URL, MALFORMED),
    SAME("authority.example; " ACCOUNT "; x=1; X=2", MALFORMED),
    SAME("authority.example; " ACCOUNT "; x=a b", MALFORMED),
    SAME("authority.example; " ACCOUNT "; x=\xc3\xa4", MALFORMED),
    SAME("authority.example; " ACCOUNT "; x=\x01", MALFORMED),
    SAME("authority.example; " ACCOUNT "; -x=1", MALFORMED),
    SAME("authority.example; " ACCOUNT "; x-=1", MALFORMED),
    SAME("authority.example; " ACCOUNT "; x_y=1", MALFORMED),
    SAME("authority.example; " ACCOUNT "; persistUntil=tomorrow", MALFORMED),
    SAME("authority.example; " ACCOUNT "; persistUntil=", MALFORMED),
    SAME("authority.example; " ACCOUNT "; persistUntil=1e9", MALFORMED),
    SAME("authority.example; " ACCOUNT "; persistUntil=99999999999999999999", MALFORMED),
    SAME("authority.example; " ACCOUNT "; persistUntil=000000000000001767225601", MALFORMED),
    SAME("Authority.example; " ACCOUNT, MALFORMED),
    SAME("authority.example.; " ACCOUNT, MALFORMED),
    /* Of nobody, or of another CA. */
    SAME("", OTHER),
    SAME(";", OTHER),
    SAME("; " ACCOUNT, OTHER),
    SAME("other.example; " ACCOUNT, OTHER),
    SAME("authority.example.org; " ACCOUNT, OTHER),
    SAME("authority.exampl; " ACCOUNT, OTHER),
    SAME("x authority.example; " ACCOUNT, OTHER),
    SAME("v=spf1 -all", OTHER),
    SAME(NULL, OTHER),
};

static void records_are_judged(void **state)
{
    (void)state;
    const struct dns_persist_want usual = wants(false), wildcard = wants(true);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (dns_persist_judge(&usual, rows[i].record) != rows[i].fit ||
            dns_persist_judge(&wildcard, rows[i].record) != rows[i].wildcard)
            fail_msg("%s: %s", rows[i].record,
                     dns_persist_lack(dns_persist_judge(&usual, rows[i].record)));
}

static void records_are_bounded(void **state)
{
    (void)state;
    const struct dns_persist_want want = wants(false);
    AUTO(buf_release) struct buf b = BUF_INIT(10000);
    buf_puts(&b, "authority.example; " ACCOUNT);
    for (int i = 1; i < 32; i++)
        buf_putf(&b, "; t%d=", i);
    assert_int_equal(dns_persist_judge(&want, buf_str(&b)), DNS_PERSIST_FITS);
    buf_puts(&b, "; t32=");
    assert_int_equal(dns_persist_judge(&want, buf_str(&b)), DNS_PERSIST_MALFORMED);
    AUTO(buf_release) struct buf wide = BUF_INIT(10000);
    buf_puts(&wide, "authority.example; " ACCOUNT "; x=");
    while (wide.len < DNS_PERSIST_VALUE_MAX)
        buf_puts(&wide, "y");
    assert_int_equal(dns_persist_judge(&want, buf_str(&wide)), DNS_PERSIST_FITS);
    buf_puts(&wide, "y");
    assert_int_equal(dns_persist_judge(&want, buf_str(&wide)), DNS_PERSIST_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_printed),
        cmocka_unit_test(a_url_that_would_say_something_else_is_not_printed),
        cmocka_unit_test(records_are_judged),
        cmocka_unit_test(records_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
