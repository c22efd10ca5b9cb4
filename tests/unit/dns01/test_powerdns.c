/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_powerdns.h"

#include "base/mem.h"
#include "support/expect.h"

#define KEY "\"apiKeySecretRef\":{\"name\":\"pdns\",\"key\":\"api-key\"}"

static const struct provider_contract contract = {
    .provider = "powerdns",
    .config = FAKE_POWERDNS_CONFIG,
    .open = fake_powerdns_open,
};

static void secondaries_hear_of_it_where_there_are_some(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_zone(s.fake.state, "primary.test", "Master");
    struct dns_value v = scene_value("_acme-challenge.example.com", "example.com", "one");
    expect_ok(scene_present(&s, &v, NULL));
    assert_int_equal(fake_powerdns_notified(), 0);
    v = scene_value("_acme-challenge.primary.test", "primary.test", "one");
    expect_ok(scene_present(&s, &v, NULL));
    assert_int_equal(fake_powerdns_notified(), 1);
    unsigned before = s.fake.calls(s.fake.state);
    expect_ok(scene_clean_up(&s, &v));
    assert_int_equal(fake_powerdns_notified(), 2);
    assert_int_equal(s.fake.calls(s.fake.state) - before, 2);
    /* One that fails is no failure of the change. */
    s.fake.fail_next(s.fake.state, 500, NULL, 1);
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, "primary.test", "_acme-challenge.primary.test", "one");
}

/* A proxy may hide why the server would not: the change of the whole set is tried, and says it where it fails as well. */
static void a_refusal_is_explained_by_the_whole_set(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value("_acme-challenge.example.com", "example.com", "one");
    s.fake.fail_next(s.fake.state, 422, NULL, 1); /* after the zone's look-up */
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, "example.com", "_acme-challenge.example.com", "one");
    unsigned before = s.fake.calls(s.fake.state);
    expect_ok(scene_clean_up(&s, &v));
    assert_int_equal(s.fake.calls(s.fake.state) - before, 1); /* it is no older server */
    const struct dns_value outside = scene_value("_acme-challenge.a.test", "example.com", "one");
    expect_err(scene_present(&s, &outside, NULL), ERR_INVALID, "InvalidRequest", "422");
}

static void a_copy_is_not_written_to(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_zone(s.fake.state, "copy.test", "Slave");
    const struct dns_value v = scene_value("_acme-challenge.copy.test", "copy.test", "one");
    expect_err(scene_present(&s, &v, NULL), ERR_INVALID, "InvalidRequest",
               "zone copy.test is a copy (kind Slave)");
    expect_values(&s, "copy.test", "_acme-challenge.copy.test", "");
}

static void what_a_person_writes_is_checked(void **state)
{
    static const struct {
        const char *config, *complaint; /* NULL: good */
    } rows[] = {
        {"{\"url\":\"http://10.0.0.1:8081\"," KEY "}", NULL},
        {"{\"url\":\"https://pdns.test/behind/a/proxy/\"," KEY ",\"ttl\":1}", NULL},
        {"{" KEY "}", "url: required"},
        {"{\"url\":\"https://pdns.test\"}", "apiKeySecretRef: required"},
        {"{\"url\":\"pdns.test:8081\"," KEY "}", "url: write where the API is"},
        {"{\"url\":\"ftp://pdns.test\"," KEY "}", "url: write where the API is"},
        {"{\"url\":\"https://pdns.test/?a=b\"," KEY "}", "url: write where the API is"},
        {"{\"url\":\"https://user@pdns.test/\"," KEY "}", "url: write where the API is"},
        {"{\"url\":\"https://pdns.test\",\"serverID\":\"../x\"," KEY "}", "serverID: write"},
        {"{\"url\":\"https://pdns.test\",\"ttl\":0," KEY "}", "ttl: write 1 to 86400"},
        {"{\"url\":\"https://pdns.test\",\"ttl\":86401," KEY "}", "ttl: write 1 to 86400"},
        {"{\"url\":\"https://pdns.test\",\"caBundle\":\"%\"," KEY "}", "caBundle"},
        {"{\"url\":\"https://pdns.test\",\"caBundle\":\"QUJD\"," KEY "}", "PEM certificates"},
    };
    SCENE s;
    scene_open(&s, state);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err *e = scene_configure(&s, rows[i].config);
        if (rows[i].complaint == NULL)
            expect_ok(e);
        else
            expect_err(e, ERR_INVALID, NULL, rows[i].complaint);
    }
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(secondaries_hear_of_it_where_there_are_some),
        cmocka_unit_test(a_refusal_is_explained_by_the_whole_set),
        cmocka_unit_test(a_copy_is_not_written_to),
        cmocka_unit_test(what_a_person_writes_is_checked),
    };
    return CONTRACT_RUN(&contract, own);
}
