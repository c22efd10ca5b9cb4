/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_digitalocean.h"

#include "support/expect.h"

static const struct provider_contract contract = {
    .provider = "digitalocean",
    .config = "{\"tokenSecretRef\":{\"name\":\"digitalocean\",\"key\":\"token\"}}",
    .open = fake_digitalocean_open,
};

static void a_token_is_required(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_err(scene_configure(&s, "{}"), ERR_INVALID, "InvalidField", "tokenSecretRef: required");
}

/* Whoever looks after 30 s sees what is new. */
static void values_live_shortly(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value("_acme-challenge.example.com", "example.com", "text");
    expect_ok(scene_present(&s, &v, NULL));
    struct fake_cloud *c = s.fake.state;
    assert_int_equal(fake_record_with(c, &c->zones[0], v.name, "text")->ttl, 30);
}

static void its_own_words_are_told(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value("_acme-challenge.example.com", "example.com", "text");
    s.fake.fail_next(s.fake.state, 403, NULL, 0);
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized", "Forbidden: as documented");
}

/* A list that lagged behind let the value in again. */
static void a_value_that_is_there_twice_goes_altogether(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value("_acme-challenge.example.com", "example.com", "text");
    for (int i = 0; i < 3; i++)
        s.fake.add_foreign(s.fake.state, "example.com", v.name, i == 1 ? "other" : "text");
    expect_ok(scene_clean_up(&s, &v));
    expect_values(&s, "example.com", v.name, "other");
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_token_is_required),
        cmocka_unit_test(values_live_shortly),
        cmocka_unit_test(its_own_words_are_told),
        cmocka_unit_test(a_value_that_is_there_twice_goes_altogether),
    };
    return CONTRACT_RUN(&contract, own);
}
