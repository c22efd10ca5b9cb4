/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_linode.h"

#include "base/mem.h"
#include "support/expect.h"

static const struct provider_contract contract = {
    .provider = "linode",
    .config = "{\"tokenSecretRef\":{\"name\":\"linode\",\"key\":\"token\"}}",
    .open = fake_linode_open,
};

/* The same value at another name is another record. */
static void names_are_told_apart(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value a = scene_value("_acme-challenge.a.example.com", "example.com", "text");
    const struct dns_value b = scene_value("_acme-challenge.b.example.com", "example.com", "text");
    expect_ok(scene_present(&s, &a, NULL));
    expect_ok(scene_present(&s, &b, NULL));
    expect_values(&s, "example.com", b.name, "text");
    expect_ok(scene_clean_up(&s, &b));
    expect_values(&s, "example.com", a.name, "text");
    expect_values(&s, "example.com", b.name, "");
}

/* Pages end where the server says so, or after some. */
static void endless_pages_end(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value("_acme-challenge.example.com", "example.com", "text");
    expect_ok(scene_present(&s, &v, NULL));
    s.fake.say_next(s.fake.state, "{\"data\":[],\"page\":1,\"pages\":9223372036854775807}");
    expect_ok(scene_present(&s, &v, NULL));
    assert_in_range(s.fake.calls(s.fake.state), 1, 40);
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
        cmocka_unit_test(names_are_told_apart),
        cmocka_unit_test(endless_pages_end),
        cmocka_unit_test(a_value_that_is_there_twice_goes_altogether),
    };
    return CONTRACT_RUN(&contract, own);
}
