/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_google.h"

#include "base/mem.h"
#include "base/str.h"
#include "fake_front.h"
#include "support/expect.h"

#define ZONE "example.com"
#define NAME "_acme-challenge.example.com"
#define SECRET_REF "\"serviceAccountSecretRef\":{\"name\":\"google\",\"key\":\"key.json\"}"
#define FEDERATED                                                                                  \
    "\"serviceAccountRef\":{\"name\":\"dns\"},"                                                    \
    "\"workloadIdentityProvider\":\"" FAKE_GOOGLE_POOL "\""

static const struct provider_contract contract = {
    .provider = "cloudDNS",
    .config = "{\"project\":\"my-project\"," SECRET_REF "}",
    .open = fake_google_open,
};

static void a_token_is_fetched_once(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_present(&s, &v, NULL));
    expect_ok(scene_clean_up(&s, &v));
    assert_int_equal(fake_front_answered(), 1);
    clock_manual_advance(&s.clock, 55 * NS_PER_MIN); /* it ends in less than 5 minutes */
    expect_ok(scene_present(&s, &v, NULL));
    assert_int_equal(fake_front_answered(), 2);
}

static void a_pod_s_own_account_is_used_when_it_may_be(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_configure(&s, "{\"project\":\"my-project\"}"));
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, ZONE, NAME, "text");
    assert_int_equal(fake_front_answered(), 1);
    s.env.ambient = false;
    s.env.scope = "another";
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "CredentialsMissing",
               "serviceAccountSecretRef");
    assert_int_equal(fake_front_answered(), 1);
}

static void a_token_of_the_cluster_is_traded(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_ok(scene_configure(&s, "{\"project\":\"my-project\"," FEDERATED "}"));
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_present(&s, &v, NULL));
    expect_ok(scene_clean_up(&s, &v));
    expect_values(&s, ZONE, NAME, "");
    assert_int_equal(fake_front_answered(), 1);
    s.env.scope = "another";
    s.fake.token = "eyJhbGciOiJub25lIn0.e30.";
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized",
               "ServiceAccount dns at " FAKE_GOOGLE_POOL);
}

static void what_belongs_together_is_asked_for(void **state)
{
    static const char *const configs[] = {
        "{\"project\":\"my-project\"," FEDERATED "," SECRET_REF "}",
        "{\"project\":\"my-project\",\"serviceAccountRef\":{\"name\":\"dns\"}}",
        "{\"project\":\"my-project\",\"workloadIdentityProvider\":\"" FAKE_GOOGLE_POOL "\"}",
    };
    SCENE s;
    scene_open(&s, state);
    for (size_t i = 0; i < ARRAY_LEN(configs); i++)
        expect_err(scene_configure(&s, configs[i]), ERR_INVALID, "InvalidSolver",
                   "serviceAccountRef");
}

static void a_secret_that_is_no_account_is_said_so(void **state)
{
    static const char *const values[] = {
        "ya29.token", "{}", "{\"client_email\":\"a@b\"}",
        "{\"client_email\":\"a@b\",\"private_key\":\"-----BEGIN PRIVATE KEY-----\"}"};
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        s.secret_value = values[i];
        expect_err(scene_present(&s, &v, NULL), ERR_INVALID, "InvalidSecret",
                   "no service account key in JSON");
    }
    assert_int_equal(fake_front_answered(), 0);
}

static void a_private_zone_is_not_ours(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct fake_cloud *c = s.fake.state;
    s.fake.add_zone(c, "twice.test", "private-1");
    s.fake.add_zone(c, "twice.test", "private-2");
    s.fake.add_zone(c, "twice.test", "public-1");
    const struct dns_value v = scene_value("_acme-challenge.twice.test", "twice.test", "text");
    expect_ok(scene_present(&s, &v, NULL));
    assert_non_null(fake_record_with(c, fake_zone_of(c, "public-1"), v.name, "text"));
}

static void of_two_public_zones_one_is_to_be_named(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct fake_cloud *c = s.fake.state;
    s.fake.add_zone(c, "twice.test", "public-1");
    s.fake.add_zone(c, "twice.test", "public-2");
    const struct dns_value v = scene_value("_acme-challenge.twice.test", "twice.test", "text");
    expect_err(scene_present(&s, &v, NULL), ERR_INVALID, "ZoneAmbiguous", "hostedZoneName");
    expect_ok(scene_configure(
        &s, "{\"project\":\"my-project\",\"hostedZoneName\":\"public-2\"," SECRET_REF "}"));
    expect_ok(scene_present(&s, &v, NULL));
    assert_non_null(fake_record_with(c, fake_zone_of(c, "public-2"), v.name, "text"));
}

static void no_value_of_a_rival_is_lost(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    fake_google_rival("first");
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, ZONE, NAME, "first, text");
    fake_google_rival("second");
    expect_ok(scene_clean_up(&s, &v));
    expect_values(&s, ZONE, NAME, "first, second");
}

static void quotas_are_no_matter_of_credentials(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    fake_google_exhaust("quotaExceeded");
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "QuotaReached", "said by Google");
    s.fake.fail_next(s.fake.state, 413, NULL, 0);
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "QuotaReached", "said by Google");
    fake_google_exhaust("rateLimitExceeded");
    expect_err(scene_present(&s, &v, NULL), ERR_RATE_LIMITED, "RateLimited", NULL);
    expect_ok(scene_present(&s, &v, NULL));
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_token_is_fetched_once),
        cmocka_unit_test(a_pod_s_own_account_is_used_when_it_may_be),
        cmocka_unit_test(a_token_of_the_cluster_is_traded),
        cmocka_unit_test(what_belongs_together_is_asked_for),
        cmocka_unit_test(a_secret_that_is_no_account_is_said_so),
        cmocka_unit_test(a_private_zone_is_not_ours),
        cmocka_unit_test(of_two_public_zones_one_is_to_be_named),
        cmocka_unit_test(no_value_of_a_rival_is_lost),
        cmocka_unit_test(quotas_are_no_matter_of_credentials),
    };
    return CONTRACT_RUN(&contract, own);
}
