/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_hetzner.h"

#include <stdlib.h>

#include "base/mem.h"
#include "support/expect.h"

#define NAME "_acme-challenge.example.com"

static const struct provider_contract contract = {
    .provider = "hetzner",
    .config = "{\"tokenSecretRef\":{\"name\":\"hetzner\",\"key\":\"token\"}}",
    .open = fake_hetzner_open,
};

static void an_action_that_fails_is_no_success(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct dns_value v = scene_value(NAME, "example.com", "unlucky");
    auto_free char *id = NULL;
    expect_ok(scene_present(&s, &v, &id));
    v.id = id;
    bool settled = false;
    expect_err(s.provider->settled(&s.env, s.config, &v, &settled), ERR_TRANSIENT, "ProviderFailed",
               NAME);
    assert_false(settled);
}

static void an_action_that_nobody_knows_holds_nothing_up(void **state)
{
    SCENE s;
    scene_open(&s, state);
    static const char *const ids[] = {"99999", "", "-1", "../zones", "99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct dns_value v = scene_value(NAME, "example.com", "text");
        v.id = ids[i];
        bool settled = false;
        expect_ok(s.provider->settled(&s.env, s.config, &v, &settled));
        assert_true(settled);
    }
    assert_int_equal(s.fake.calls(s.fake.state), 1);
}

/* A set that is there keeps its TTL: the API takes no other. */
static void a_set_keeps_its_ttl(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_foreign(s.fake.state, "example.com", NAME, "other");
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    expect_ok(scene_present(&s, &v, NULL));
    struct fake_cloud *c = s.fake.state;
    assert_int_equal(fake_record_with(c, &c->zones[0], NAME, "text")->ttl, 3600);
    const struct dns_value w = scene_value("_acme-challenge.b.example.com", "example.com", "text");
    expect_ok(scene_present(&s, &w, NULL));
    assert_int_equal(fake_record_with(c, &c->zones[0], w.name, "text")->ttl, 60);
}

static void a_full_zone_is_said_so(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_foreign(s.fake.state, "example.com", NAME, "full");
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    expect_err(scene_present(&s, &v, NULL), ERR_DENIED, "QuotaReached", "resource_limit_exceeded");
}

static void a_locked_zone_is_asked_again(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    s.fake.fail_next(s.fake.state, 423, NULL, 2);
    expect_err(scene_present(&s, &v, NULL), ERR_CONFLICT, "Changed", "locked");
    expect_ok(scene_present(&s, &v, NULL));
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(an_action_that_fails_is_no_success),
        cmocka_unit_test(an_action_that_nobody_knows_holds_nothing_up),
        cmocka_unit_test(a_set_keeps_its_ttl),
        cmocka_unit_test(a_full_zone_is_said_so),
        cmocka_unit_test(a_locked_zone_is_asked_again),
    };
    return CONTRACT_RUN(&contract, own);
}
