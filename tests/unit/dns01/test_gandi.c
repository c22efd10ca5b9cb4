/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_gandi.h"

#include "support/expect.h"

#define NAME "_acme-challenge.example.com"

static const struct provider_contract contract = {
    .provider = "gandi",
    .config = "{\"tokenSecretRef\":{\"name\":\"gandi\",\"key\":\"token\"}}",
    .open = fake_gandi_open,
};

static void new_sets_have_the_least_ttl(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    expect_ok(scene_present(&s, &v, NULL));
    struct fake_cloud *c = s.fake.state;
    assert_int_equal(fake_record_with(c, &c->zones[0], NAME, "text")->ttl, 300);
}

static void a_set_keeps_its_ttl(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_foreign(s.fake.state, "example.com", NAME, "other");
    struct fake_cloud *c = s.fake.state;
    c->records[0].ttl = 7200;
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    expect_ok(scene_present(&s, &v, NULL));
    assert_int_equal(fake_record_with(c, &c->zones[0], NAME, "text")->ttl, 7200);
    assert_int_equal(fake_record_with(c, &c->zones[0], NAME, "other")->ttl, 7200);
}

/* Writes are what is scarce. */
static void what_is_there_is_not_written(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    expect_ok(scene_present(&s, &v, NULL));
    unsigned before = s.fake.calls(s.fake.state);
    expect_ok(scene_present(&s, &v, NULL));
    assert_int_equal(s.fake.calls(s.fake.state) - before, 1);
}

static void what_is_wrong_with_a_set_is_told(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    s.fake.fail_next(s.fake.state, 400, NULL, 2);
    expect_err(scene_present(&s, &v, NULL), ERR_INVALID, "InvalidRequest", "As documented.");
    s.fake.fail_next(s.fake.state, 403, NULL, 0);
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "Unauthorized",
               "Forbidden: As documented.");
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(new_sets_have_the_least_ttl),
        cmocka_unit_test(a_set_keeps_its_ttl),
        cmocka_unit_test(what_is_there_is_not_written),
        cmocka_unit_test(what_is_wrong_with_a_set_is_told),
    };
    return CONTRACT_RUN(&contract, own);
}
