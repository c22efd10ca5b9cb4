/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/feature.h"
#include "base/mem.h"

static void all_are_off_until_they_are_turned_on(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool account, persist;
    } rows[] = {
        {NULL, false, false},
        {"", false, false},
        {"DNSAccount01=true", true, false},
        {"DNSAccount01=false,DNSPersist01=true", false, true},
        {"DNSPersist01=true,DNSAccount01=true", true, true},
        {"DNSAccount01=true,DNSAccount01=false", false, false}, /* the last one counts */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct features f = {.on = {!rows[i].account}};
        assert_null(features_parse(rows[i].text, &f));
        assert_int_equal(f.on[FEATURE_DNS_ACCOUNT_01], rows[i].account);
        assert_int_equal(f.on[FEATURE_DNS_PERSIST_01], rows[i].persist);
    }
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *told;
    } rows[] = {
        {"Unheard=true", "\"Unheard\": there is no such feature: write DNSAccount01, DNSPersist01"},
        {"dnsaccount01=true", "no such feature"},
        {"DNSAccount0=true", "no such feature"},
        {"DNSAccount01", "write DNSAccount01=true or DNSAccount01=false"},
        {"DNSAccount01=", "write DNSAccount01=true"},
        {"DNSAccount01=1", "write DNSAccount01=true"},
        {"DNSAccount01=truer", "write DNSAccount01=true"},
        {"DNSAccount01=true,", "\"\": there is no such feature"},
        {"DNSAccount01=true, DNSAccount01=true", "\" DNSAccount01\""},
        {",", "\"\": there"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct features f = {.on = {true}};
        AUTO_ERR e = features_parse(rows[i].text, &f);
        assert_true(err_is(e, ERR_INVALID));
        assert_string_equal(e->reason, "InvalidFlag");
        if (strstr(e->message, rows[i].told) == NULL)
            fail_msg("%s", e->message);
        assert_true(f.on[FEATURE_DNS_ACCOUNT_01]); /* untouched */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_off_until_they_are_turned_on),
        cmocka_unit_test(what_is_wrong_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
