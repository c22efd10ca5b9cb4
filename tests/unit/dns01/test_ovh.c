/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_ovh.h"

#include "base/mem.h"
#include "base/str.h"
#include "fake_front.h"
#include "support/expect.h"

#define ZONE "example.com"
#define NAME "_acme-challenge.example.com"
#define KEYS                                                                                       \
    "\"applicationKeySecretRef\":{\"name\":\"ovh\",\"key\":\"application-key\"},"                  \
    "\"applicationSecretSecretRef\":{\"name\":\"ovh\",\"key\":\"application-secret\"},"            \
    "\"consumerKeySecretRef\":{\"name\":\"ovh\",\"key\":\"consumer-key\"}"
#define CLIENT                                                                                     \
    "\"clientID\":\"" FAKE_OVH_CLIENT "\","                                                        \
    "\"clientSecretSecretRef\":{\"name\":\"ovh\",\"key\":\"client-secret\"}"

static const struct provider_contract contract = {
    .provider = "ovh",
    .config = "{" KEYS "}",
    .open = fake_ovh_open,
};

static void another_endpoint_is_another_host(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_err(scene_configure(&s, "{\"endpoint\":\"ovh-mars\"," KEYS "}"), ERR_INVALID, NULL,
               "endpoint");
    expect_ok(scene_configure(&s, "{\"endpoint\":\"ovh-eu\"," KEYS "}"));
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, ZONE, NAME, "text");
}

static void keys_or_a_client_are_asked_for(void **state)
{
    static const char *const configs[] = {
        "{}",
        "{\"clientID\":\"" FAKE_OVH_CLIENT "\"}",
        "{" KEYS "," CLIENT "}",
        "{\"applicationKeySecretRef\":{\"name\":\"ovh\",\"key\":\"application-key\"}}",
    };
    SCENE s;
    scene_open(&s, state);
    for (size_t i = 0; i < ARRAY_LEN(configs); i++)
        expect_err(scene_configure(&s, configs[i]), ERR_INVALID, "InvalidSolver",
                   "of a service account");
}

static void a_service_account_s_token_is_fetched_once(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_ok(scene_configure(&s, "{" CLIENT "}"));
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, ZONE, NAME, "text");
    expect_ok(scene_clean_up(&s, &v));
    expect_values(&s, ZONE, NAME, "");
    assert_int_equal(fake_front_answered(), 1);
    clock_manual_advance(&s.clock, 55 * NS_PER_MIN); /* it ends in less than 5 minutes */
    expect_ok(scene_present(&s, &v, NULL));
    assert_int_equal(fake_front_answered(), 2);
    s.fake.revoke_credentials(s.fake.state);
    expect_err(scene_clean_up(&s, &v), ERR_DENIED, "Unauthorized", "INVALID_CREDENTIAL");
    expect_err(scene_clean_up(&s, &v), ERR_DENIED, "Unauthorized",
               "service account " FAKE_OVH_CLIENT);
}

/* Signatures are for the server's time; it is asked again when one is refused. */
static void a_clock_that_drifts_is_read_again(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_present(&s, &v, NULL));
    fake_ovh_clock(90000);
    const struct dns_value w = scene_value(NAME, ZONE, "other");
    expect_err(scene_present(&s, &w, NULL), ERR_DENIED, "Unauthorized", "INVALID_SIGNATURE");
    expect_ok(scene_present(&s, &w, NULL));
    expect_values(&s, ZONE, NAME, "other, text");
}

static void a_wrong_secret_is_said_so(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.secret_value = "EXEgWIz07P0HYwtQDs7cNIqCiQaWSOther";
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized", "INVALID_CREDENTIAL");
}

static void a_value_that_is_there_twice_goes(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_foreign(s.fake.state, ZONE, NAME, "text");
    s.fake.add_foreign(s.fake.state, ZONE, NAME, "other");
    s.fake.add_foreign(s.fake.state, ZONE, NAME, "text");
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_clean_up(&s, &v));
    expect_values(&s, ZONE, NAME, "other");
}

static void a_name_with_too_many_values_is_said_so(void **state)
{
    SCENE s;
    scene_open(&s, state);
    for (unsigned i = 0; i < 25; i++) {
        auto_free char *text = x_printf("left over %u", i);
        s.fake.add_foreign(s.fake.state, ZONE, NAME, text);
    }
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_err(scene_present(&s, &v, NULL), ERR_INVALID, "RecordUnusable", "25 values");
}

/* The fake judges by what OVH's first steps with the API print for these keys. */
static void the_fake_knows_the_published_signature(void **state)
{
    (void)state;
    char signature[FAKE_OVH_SIGNATURE];
    fake_ovh_signature("GET", "https://eu.api.ovh.com/1.0/domains/", "", "1366560945", signature);
    assert_string_equal(signature, "$1$d3705e8afb27a0d2970a322b96550abfc67bb798");
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(the_fake_knows_the_published_signature),
        cmocka_unit_test(another_endpoint_is_another_host),
        cmocka_unit_test(keys_or_a_client_are_asked_for),
        cmocka_unit_test(a_service_account_s_token_is_fetched_once),
        cmocka_unit_test(a_clock_that_drifts_is_read_again),
        cmocka_unit_test(a_wrong_secret_is_said_so),
        cmocka_unit_test(a_value_that_is_there_twice_goes),
        cmocka_unit_test(a_name_with_too_many_values_is_said_so),
    };
    return CONTRACT_RUN(&contract, own);
}
