/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at a value: every authoritative server, resolvers, a wait, and servers that are silent. */
#include "dns01/propagation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "fake_doh.h"
#include "support/expect.h"
#include "support/scripted_zones.h"

#define NAME "_acme-challenge.a.test"
#define VALUE "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
#define NOW (1000 * NS_PER_DAY)

struct world {
    struct scripted_zones net;
    struct clock_manual hands;
    struct dns_zones *zones;
    struct dns_finder f;
    struct dns_config config;
    struct dns_place place;
    struct dns_look look;
};

static void world_open(struct world *w)
{
    *w = (struct world){.config = {.follow = true}};
    scripted_zones_init(&w->net);
    clock_manual_init(&w->hands, NOW);
    w->zones = dns_zones_new();
    w->f =
        (struct dns_finder){.dns = &w->net.transport, .clock = &w->hands.clock, .zones = w->zones};
    scripted_zones_zone(&w->net, "a.test", "ns1.a.test", "192.0.2.1");
    scripted_zones_zone(&w->net, "a.test", "ns2.a.test", "2001:db8::2");
    expect_ok(dns_place_find(&w->f, &w->config, NAME, &w->place));
    w->look =
        (struct dns_look){.config = &w->config, .place = &w->place, .text = VALUE, .since = NOW};
}

static void world_close(struct world *w)
{
    dns_place_release(&w->place);
    dns_zones_free(w->zones);
}
#define WORLD(name)                                                                                \
    AUTO(world_close) struct world name;                                                           \
    world_open(&(name))

static struct err *look(struct world *w)
{
    return dns_look(&w->f, &w->look);
}

static void each_server_has_to_have_it(void **state)
{
    (void)state;
    WORLD(w);
    expect_err(look(&w), ERR_TRANSIENT, "NotPropagated",
               "2 of 2 servers do not show the value yet: 192.0.2.1 has no such record");
    scripted_zones_add_at(&w.net, "192.0.2.1", NAME, DNS_TXT, VALUE);
    scripted_zones_add_at(&w.net, "2001:db8::2", NAME, DNS_TXT, "another");
    expect_err(look(&w), ERR_TRANSIENT, "NotPropagated",
               "1 of 2 servers do not show the value yet: 2001:db8::2 has another value");
    scripted_zones_add_at(&w.net, "2001:db8::2", NAME, DNS_TXT, VALUE);
    unsigned queries = w.net.queries;
    expect_ok(look(&w));
    assert_int_equal(w.net.queries, queries); /* no resolver is asked */
    assert_true((w.net.flags & DNS_GUARDED) != 0);
}

/* As long as nobody answers, nothing is known; when another does, the silent one counts for three looks. */
static void a_silent_server_does_not_hold_it_up_for_ever(void **state)
{
    (void)state;
    WORLD(w);
    scripted_zones_add(&w.net, NAME, DNS_TXT, VALUE);
    scripted_zones_server(&w.net, "192.0.2.1", true, false);
    scripted_zones_server(&w.net, "2001:db8::2", true, false);
    for (int i = 0; i < 5; i++)
        expect_err(look(&w), ERR_TRANSIENT, "NotPropagated", "192.0.2.1 does not answer");
    scripted_zones_server(&w.net, "2001:db8::2", false, false);
    clock_manual_advance(&w.hands, 2 * NS_PER_MIN);
    expect_ok(look(&w));
    WORLD(other);
    scripted_zones_add(&other.net, NAME, DNS_TXT, VALUE);
    scripted_zones_server(&other.net, "192.0.2.1", true, false);
    expect_err(look(&other), ERR_TRANSIENT, "NotPropagated", "1 of 2");
    expect_err(look(&other), ERR_TRANSIENT, "NotPropagated", "1 of 2");
    expect_ok(look(&other));
    expect_ok(look(&other)); /* it is not even asked */
}

static void a_lame_server_is_told(void **state)
{
    (void)state;
    WORLD(w);
    scripted_zones_add(&w.net, NAME, DNS_TXT, VALUE);
    scripted_zones_server(&w.net, "192.0.2.1", false, true);
    expect_err(look(&w), ERR_TRANSIENT, "NotPropagated",
               "192.0.2.1 is not authoritative for the zone");
}

static void each_resolver_has_to_have_it(void **state)
{
    (void)state;
    static const char *const resolvers[] = {"192.0.2.53", "192.0.2.54"};
    WORLD(w);
    w.config.mode = DNS_CHECK_RESOLVERS;
    w.config.nameservers = (struct bind_strings){resolvers, 2};
    w.net.ttl = 40 * NS_PER_SEC;
    AUTO_ERR absent = look(&w);
    assert_int_equal(absent->retry_at, NOW + 40 * NS_PER_SEC); /* it says so until then */
    scripted_zones_add(&w.net, NAME, DNS_TXT, VALUE);
    expect_ok(look(&w));
    scripted_zones_server(&w.net, "192.0.2.54", true, false);
    AUTO_ERR silent = look(&w);
    assert_int_equal(silent->retry_at, 0);
    expect_err(TAKE(silent), ERR_TRANSIENT, "NotPropagated", "1 of 2 servers");
}

static void a_resolver_over_https_has_to_have_it(void **state)
{
    (void)state;
    WORLD(w);
    struct fake_doh doh;
    fake_doh_init(&doh, &w.net);
    w.f.http = &doh.transport;
    w.f.dns = NULL; /* port 53 is asked of nobody */
    w.config.mode = DNS_CHECK_HTTPS;
    w.config.url = FAKE_DOH_URL;
    w.net.ttl = 40 * NS_PER_SEC;
    AUTO_ERR absent = look(&w);
    assert_int_equal(absent->retry_at, NOW + 40 * NS_PER_SEC);
    expect_err(TAKE(absent), ERR_TRANSIENT, "NotPropagated",
               "1 of 1 servers do not show the value yet: " FAKE_DOH_URL " has no such record");
    scripted_zones_add(&w.net, NAME, DNS_TXT, "another");
    expect_err(look(&w), ERR_TRANSIENT, "NotPropagated", FAKE_DOH_URL " has another value");
    doh.status = 502;
    expect_err(look(&w), ERR_TRANSIENT, "NotPropagated", FAKE_DOH_URL " does not answer");
    doh.status = 200;
    scripted_zones_add(&w.net, NAME, DNS_TXT, VALUE);
    expect_ok(look(&w));
    assert_int_equal(doh.calls, 4);
    assert_true((doh.flags & HTTP_GUARDED) != 0);
}

static void a_wait_is_waited_out(void **state)
{
    (void)state;
    WORLD(w);
    w.config.mode = DNS_CHECK_WAIT;
    w.config.wait = NS_PER_MIN;
    AUTO_ERR e = look(&w);
    assert_int_equal(e->retry_at, NOW + NS_PER_MIN);
    clock_manual_advance(&w.hands, NS_PER_MIN);
    expect_ok(look(&w));
    w.config.mode = DNS_CHECK_NONE;
    w.look.since = NOW + NS_PER_DAY;
    expect_ok(look(&w));
}

static void looks_become_rarer(void **state)
{
    (void)state;
    assert_int_equal(dns_look_delay(0), 100 * NS_PER_MS);
    assert_int_equal(dns_look_delay(1), 200 * NS_PER_MS);
    assert_int_equal(dns_look_delay(1000), 10 * NS_PER_SEC);
}

/* dns-persist-01: not one value, but a record that allows what is asked for. */
static void a_record_that_allows_it_is_looked_for(void **state)
{
    (void)state;
    WORLD(w);
    static const char *const ca[] = {"ca.test"};
    const struct strlist issuers = {.items = (char **)(uintptr_t)ca, .len = 1};
    const struct dns_persist_want want = {
        .issuers = &issuers, .account_url = "https://ca.test/1", .wildcard = true, .now = NOW};
    w.look.persist = &want;
    w.look.text = NULL;
    expect_err(look(&w), ERR_TRANSIENT, "NotPropagated", "192.0.2.1 has no such record");
    scripted_zones_add(&w.net, NAME, DNS_TXT, "other.test; accounturi=https://ca.test/1");
    expect_err(look(&w), ERR_TRANSIENT, "NotPropagated", "192.0.2.1 has no record for this CA");
    scripted_zones_add(&w.net, NAME, DNS_TXT, "ca.test; accounturi=https://ca.test/2");
    expect_err(look(&w), ERR_TRANSIENT, "NotPropagated", "192.0.2.1 has a record for another acc");
    scripted_zones_add(&w.net, NAME, DNS_TXT, "ca.test; accounturi=https://ca.test/1");
    expect_err(look(&w), ERR_TRANSIENT, "NotPropagated", "has a record without policy=wildcard");
    static const char right[] = "ca.test; accounturi=https://ca.test/1; policy=wildcard";
    scripted_zones_add_at(&w.net, "192.0.2.1", NAME, DNS_TXT, right);
    expect_err(look(&w), ERR_TRANSIENT, "NotPropagated", "1 of 2 servers");
    scripted_zones_add(&w.net, NAME, DNS_TXT, right);
    expect_ok(look(&w));
    scripted_zones_remove(&w.net, NAME, DNS_TXT);
    scripted_zones_add(&w.net, NAME, DNS_TXT, right);
    w.config.mode = DNS_CHECK_RESOLVERS;
    const char *const resolver[] = {"192.0.2.53"};
    w.config.nameservers = (struct bind_strings){resolver, 1};
    expect_ok(look(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_server_has_to_have_it),
        cmocka_unit_test(a_silent_server_does_not_hold_it_up_for_ever),
        cmocka_unit_test(a_lame_server_is_told),
        cmocka_unit_test(each_resolver_has_to_have_it),
        cmocka_unit_test(a_resolver_over_https_has_to_have_it),
        cmocka_unit_test(a_wait_is_waited_out),
        cmocka_unit_test(looks_become_rarer),
        cmocka_unit_test(a_record_that_allows_it_is_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
