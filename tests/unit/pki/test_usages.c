/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/objects.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pki/names.h"
#include "testca.h"

static void every_usage_has_its_bit_or_oid(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int bit; /* RFC 5280 section 4.2.1.3; -1: extended */
        int nid;
    } cases[] = {
        {"signing", 0, 0},
        {"digital signature", 0, 0},
        {"content commitment", 1, 0},
        {"key encipherment", 2, 0},
        {"data encipherment", 3, 0},
        {"key agreement", 4, 0},
        {"cert sign", 5, 0},
        {"crl sign", 6, 0},
        {"encipher only", 7, 0},
        {"decipher only", 8, 0},
        {"any", -1, NID_anyExtendedKeyUsage},
        {"server auth", -1, NID_server_auth},
        {"client auth", -1, NID_client_auth},
        {"code signing", -1, NID_code_sign},
        {"email protection", -1, NID_email_protect},
        {"s/mime", -1, NID_email_protect},
        {"ipsec end system", -1, NID_ipsecEndSystem},
        {"ipsec tunnel", -1, NID_ipsecTunnel},
        {"ipsec user", -1, NID_ipsecUser},
        {"timestamping", -1, NID_time_stamp},
        {"ocsp signing", -1, NID_OCSP_sign},
        {"microsoft sgc", -1, NID_ms_sgc},
        {"netscape sgc", -1, NID_ns_sgc},
    };
    assert_int_equal(ARRAY_LEN(cases), 23);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(pki_usages_release) struct pki_usages u = {0};
        assert_ok(pki_usages_add(&u, cases[i].name));
        assert_int_equal(u.key_usage, cases[i].bit >= 0 ? 1U << cases[i].bit : 0);
        assert_int_equal(u.extended.len, cases[i].bit < 0);
        if (u.extended.len == 1)
            assert_int_equal(OBJ_txt2nid(u.extended.items[0]), cases[i].nid);
    }
}

static void order_and_repeats_do_not_count(void **state)
{
    (void)state;
    static const char *const one[] = {"server auth", "email protection", "signing", "any"};
    static const char *const other[] = {"any", "digital signature", "s/mime", "server auth",
                                        "email protection"};
    AUTO(pki_usages_release) struct pki_usages a = {0}, b = {0};
    for (size_t i = 0; i < ARRAY_LEN(one); i++)
        assert_ok(pki_usages_add(&a, one[i]));
    assert_false(pki_usages_equal(&a, &b));
    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        assert_ok(pki_usages_add(&b, other[i]));
    assert_true(pki_usages_equal(&a, &b));
    assert_ok(pki_usages_add(&b, "crl sign"));
    assert_false(pki_usages_equal(&a, &b));
}

static void an_unknown_usage_is_named(void **state)
{
    (void)state;
    AUTO(pki_usages_release) struct pki_usages u = {0};
    assert_refused(pki_usages_add(&u, "Server Auth"), "InvalidSpec", "\"Server Auth\"");
    assert_refused(pki_usages_add(&u, ""), "InvalidSpec", "unknown key usage");
    assert_int_equal(u.key_usage, 0);
    assert_int_equal(u.extended.len, 0);
}

static void assert_built(const struct bind_strings *names, bool is_ca, unsigned bits,
                         size_t extended)
{
    AUTO(pki_usages_release) struct pki_usages u = {0};
    assert_ok(pki_usages_build(names, is_ca, &u));
    assert_int_equal(u.key_usage, bits);
    assert_int_equal(u.extended.len, extended);
}

static void defaults_and_the_ca_bit_are_added(void **state)
{
    (void)state;
    static const char *const named[] = {"key agreement", "server auth"};
    static const struct bind_strings none = {NULL, 0}, two = {named, ARRAY_LEN(named)};
    const unsigned cert_sign = 1U << 5;
    assert_built(&none, false, 1U << 0 | 1U << 2, 0);
    assert_built(&none, true, 1U << 0 | 1U << 2 | cert_sign, 0);
    assert_built(&two, false, 1U << 4, 1);
    assert_built(&two, true, 1U << 4 | cert_sign, 1);

    static const char *const wrong[] = {"any", "all"};
    struct pki_usages untouched = {.key_usage = 77};
    assert_refused(pki_usages_build(&(struct bind_strings){wrong, 2}, true, &untouched),
                   "InvalidSpec", "usages[1]: unknown key usage \"all\"");
    assert_int_equal(untouched.key_usage, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_usage_has_its_bit_or_oid),
        cmocka_unit_test(order_and_repeats_do_not_count),
        cmocka_unit_test(an_unknown_usage_is_named),
        cmocka_unit_test(defaults_and_the_ca_bit_are_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
