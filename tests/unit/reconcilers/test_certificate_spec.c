/* SPDX-License-Identifier: Apache-2.0 */
/* What a spec asks for, in the terms of pki/, and when it wants to be renewed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "reconciler_scene.h"
#include "reconcilers/certificate.h"
#include "support/expect.h"

#define D NS_PER_DAY
#define H NS_PER_HOUR

static void renewal_follows_the_spec(void **state)
{
    (void)state;
    static const struct {
        int64_t life;
        int64_t before;
        int64_t percentage;
        int64_t want; /* after not-before */
    } rows[] = {
        /* 2/3 of it, 1/2 when it is shorter than 10 days. */
        {90 * D, 0, 0, 60 * D},
        {10 * D, 0, 0, 10 * D - 10 * D / 3},
        {10 * D - NS_PER_SEC, 0, 0, 5 * D - NS_PER_SEC},
        {6 * D, 0, 0, 3 * D},
        {H, 0, 0, H / 2},
        /* As it says. */
        {90 * D, 30 * D, 0, 60 * D},
        {90 * D, H, 0, 90 * D - H},
        {90 * D, 0, 20, 72 * D},
        {90 * D, 0, 99, 90 * D / 100},
        {90 * D, 0, 1, 90 * D - 90 * D / 100},
        {5 * D, D, 0, 4 * D},
        {5 * D, 0, 20, 4 * D},
        /* The CA gave less than was asked for: never at once, or it would be renewed in a loop. */
        {5 * D, 5 * D, 0, 5 * D / 2},
        {5 * D, 30 * D, 0, 5 * D / 2},
        {90 * D, 100 * D, 0, 60 * D},
        {90 * D, 0, 100, 60 * D},
        {90 * D, 0, 150, 60 * D},
        {90 * D, -H, -5, 60 * D},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct certificate_spec spec = {.renew_before = rows[i].before,
                                              .renew_before_percentage = rows[i].percentage};
        int64_t at = renewal_time(&spec, SCENE_NOW, SCENE_NOW + rows[i].life);
        int64_t want = SCENE_NOW + rows[i].want;
        if (at != want - want % NS_PER_SEC || at % NS_PER_SEC != 0)
            fail_msg("row %zu: %lld s off", i, (long long)((at - want) / NS_PER_SEC));
    }
}

/* A minimal spec for the rows to change. */
static struct certificate_spec spec_of(const struct bind_strings *dns)
{
    return (struct certificate_spec){
        .secret_name = "s",
        .dns_names = *dns,
        .private_key = {.rotation_policy = "Always", .encoding = "PKCS1", .algorithm = "RSA"}};
}

static const char *const one_name[] = {"A.test"};
static const struct bind_strings dns = {one_name, 1};

static void defaults_are_filled_in(void **state)
{
    (void)state;
    const struct certificate_spec spec = spec_of(&dns);
    AUTO(wanted_release) struct wanted w = {0};
    expect_ok(wanted_from_spec(&spec, &w));
    assert_string_equal(w.names.dns.items[0], "a.test");
    assert_null(w.names.common_name);
    assert_int_equal(w.key.algorithm, PKI_RSA);
    assert_int_equal(w.encoding, PKI_PKCS1);
    assert_true(w.rotate);
    assert_int_equal(w.duration, 90 * D);
    assert_int_equal(wanted_usages(&spec).len, 2);
    assert_string_equal(wanted_usages(&spec).items[0], "digital signature");
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    const struct bind_strings words = wanted_usages(&spec);
    expect_ok(pki_usages_build(&words, false, &usages));
    assert_true(pki_usages_equal(&usages, &w.usages));
}

static void what_is_said_is_kept(void **state)
{
    (void)state;
    static const char *const orgs[] = {"o2", "o1"}, *const words[] = {"server auth"};
    struct certificate_spec spec = spec_of(&dns);
    spec.common_name = "cn.test";
    spec.subject.organizations = (struct bind_strings){orgs, 2};
    spec.subject.serial_number = "sn";
    spec.usages = (struct bind_strings){words, 1};
    spec.duration = 48 * H;
    spec.private_key = (struct certificate_private_key){"Never", "PKCS8", "ECDSA", 384};
    AUTO(wanted_release) struct wanted w = {0};
    expect_ok(wanted_from_spec(&spec, &w));
    assert_string_equal(w.names.common_name, "cn.test");
    assert_string_equal(w.names.organizations.items[0], "o1");
    assert_string_equal(w.names.serial_number, "sn");
    assert_int_equal(w.key.algorithm, PKI_ECDSA);
    assert_int_equal(w.key.size, 384);
    assert_int_equal(w.encoding, PKI_PKCS8);
    assert_false(w.rotate);
    assert_int_equal(w.duration, 48 * H);
    assert_int_equal(w.usages.key_usage, 0);
    assert_int_equal(wanted_usages(&spec).len, 1);
    spec.private_key.algorithm = "Ed25519";
    AUTO(wanted_release) struct wanted ed = {0};
    expect_ok(wanted_from_spec(&spec, &ed));
    assert_int_equal(ed.key.algorithm, PKI_ED25519);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const char *const bad_name[] = {"not a name"}, *const bad_usage[] = {"fly"};
    struct certificate_spec specs[8];
    const char *const texts[] = {
        "spec",          "spec.usages",   "spec.privateKey.size", "privateKey.size",
        "spec.duration", "spec.duration", "spec.renewBefore",     "spec.renewBefore"};
    for (size_t i = 0; i < ARRAY_LEN(specs); i++)
        specs[i] = spec_of(&dns);
    specs[0].dns_names = (struct bind_strings){bad_name, 1};
    specs[1].usages = (struct bind_strings){bad_usage, 1};
    specs[2].private_key.size = -1;
    specs[3].private_key.size = 8193;
    specs[4].duration = H - 1;
    specs[5].duration = -H;
    specs[6].duration = 2 * H;
    specs[6].renew_before = 2 * H;
    specs[7].renew_before = 91 * D;
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        struct wanted w = {.duration = 7};
        expect_err(wanted_from_spec(&specs[i], &w), ERR_INVALID, NULL, texts[i]);
        assert_int_equal(w.duration, 7);
    }
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
        cmocka_unit_test(renewal_follows_the_spec),
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(what_is_said_is_kept),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
