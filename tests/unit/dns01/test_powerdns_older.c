/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that know whole record sets only, such as Debian 12's. */
#include "fake_powerdns.h"

#include "base/mem.h"
#include "support/expect.h"

#define ZONE "primary.test"
#define NAME "_acme-challenge.primary.test"

static const struct provider_contract contract = {
    .provider = "powerdns",
    .config = FAKE_POWERDNS_CONFIG,
    .open = fake_powerdns_open_older,
};

static unsigned calls_of(struct contract_scene *s,
                         struct err *(*operation)(struct contract_scene *s))
{
    unsigned before = s->fake.calls(s->fake.state);
    expect_ok(operation(s));
    return s->fake.calls(s->fake.state) - before;
}

static struct err *put(struct contract_scene *s)
{
    const struct dns_value v = scene_value(NAME, ZONE, "one");
    return scene_present(s, &v, NULL);
}

static struct err *take(struct contract_scene *s)
{
    const struct dns_value v = scene_value(NAME, ZONE, "one");
    return scene_clean_up(s, &v);
}

/* It is found out once an hour; a set is read, written, and told of. */
static void that_it_is_older_is_remembered(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_zone(s.fake.state, ZONE, "Master");
    s.fake.add_foreign(s.fake.state, ZONE, NAME, "other");
    assert_int_equal(calls_of(&s, put), 1 + 1 + 3); /* the zone, a change that it does not know */
    assert_int_equal(calls_of(&s, put), 1);         /* it is there */
    assert_int_equal(calls_of(&s, take), 3);
    assert_int_equal(calls_of(&s, put), 3);
    assert_int_equal(fake_powerdns_notified(), 3);
    expect_values(&s, ZONE, NAME, "one, other");
    clock_manual_advance(&s.clock, NS_PER_HOUR);
    assert_int_equal(calls_of(&s, take), 1 + 1 + 3);
    expect_values(&s, ZONE, NAME, "other");
}

int main(void)
{
    static const struct CMUnitTest own[] = {
        cmocka_unit_test(that_it_is_older_is_remembered),
    };
    return CONTRACT_RUN(&contract, own);
}
