/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_cloudflare.h"

#include <stdlib.h>

#include "base/mem.h"
#include "support/expect.h"

#define NAME "_acme-challenge.example.com"

static const struct provider_contract contract = {
    .provider = "cloudflare",
    .config = "{\"apiTokenSecretRef\":{\"name\":\"cloudflare\",\"key\":\"api-token\"}}",
    .open = fake_cloudflare_open,
};

static void one_credential_is_named(void **state)
{
    static const struct {
        const char *config, *complaint; /* NULL: fine */
    } configs[] = {
        {"{\"email\":\"a@b.test\",\"apiKeySecretRef\":{\"name\":\"s\",\"key\":\"k\"}}", NULL},
        {"{\"email\":\"a@b.test\",\"apiTokenSecretRef\":{\"name\":\"s\",\"key\":\"k\"}}", NULL},
        {"{}", "one of apiTokenSecretRef and apiKeySecretRef"},
        {"{\"apiKeySecretRef\":{\"name\":\"s\",\"key\":\"k\"}}", "email: required"},
        {"{\"apiTokenSecretRef\":{\"name\":\"s\",\"key\":\"k\"},"
         "\"apiKeySecretRef\":{\"name\":\"s\",\"key\":\"k\"}}",
         "one of apiTokenSecretRef and apiKeySecretRef"},
        {"{\"apiTokenSecretRef\":{\"name\":\"s\"}}", "key: required"},
    };
    SCENE s;
    scene_open(&s, state);
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        struct err *e = scene_configure(&s, configs[i].config);
        if (configs[i].complaint == NULL)
            expect_ok(e);
        else
            expect_err(e, ERR_INVALID, NULL, configs[i].complaint);
    }
}

static void a_key_goes_with_its_email(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_ok(
        scene_configure(&s, "{\"email\":\"dns@example.com\","
                            "\"apiKeySecretRef\":{\"name\":\"cloudflare\",\"key\":\"api-key\"}}"));
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, "example.com", NAME, "text");
}

static void permissions_are_named(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    s.fake.fail_next(s.fake.state, 403, NULL, 0);
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized", "needs Zone:Read");
    s.fake.fail_next(s.fake.state, 403, NULL, 1);
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized", "needs DNS:Edit");
}

static void a_token_of_another_form_is_a_bad_credential(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    s.fake.fail_next(s.fake.state, 400, NULL, 0);
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized",
               "6003: Invalid format for Authorization header");
}

static void the_active_one_of_two_zones_is_used(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_zone(s.fake.state, "twice.test", "moved-1");
    s.fake.add_zone(s.fake.state, "twice.test", "active-1");
    const struct dns_value v = scene_value("_acme-challenge.twice.test", "twice.test", "text");
    expect_ok(scene_present(&s, &v, NULL));
    struct fake_cloud *c = s.fake.state;
    assert_non_null(fake_record_with(c, fake_zone_of(c, "active-1"), v.name, "text"));
}

static void a_full_zone_is_said_so(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_foreign(s.fake.state, "example.com", NAME, "full");
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "QuotaReached", "81045");
}

/* What was remembered of a zone that was made anew is forgotten with the first refusal. */
static void a_zone_with_a_new_id_is_found_again(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    expect_ok(scene_present(&s, &v, NULL));
    struct fake_cloud *c = s.fake.state;
    struct fake_zone *zone = fake_zone_named(c, "example.com");
    free(zone->id);
    zone->id = x_strdup("anew");
    const struct dns_value w = scene_value(NAME, "example.com", "other");
    expect_err(scene_present(&s, &w, NULL), ERR_NOT_FOUND, "RecordNotFound", NULL);
    expect_ok(scene_present(&s, &w, NULL));
    expect_values(&s, "example.com", NAME, "other, text");
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(one_credential_is_named),
        cmocka_unit_test(a_key_goes_with_its_email),
        cmocka_unit_test(permissions_are_named),
        cmocka_unit_test(a_token_of_another_form_is_a_bad_credential),
        cmocka_unit_test(the_active_one_of_two_zones_is_used),
        cmocka_unit_test(a_full_zone_is_said_so),
        cmocka_unit_test(a_zone_with_a_new_id_is_found_again),
    };
    return CONTRACT_RUN(&contract, own);
}
