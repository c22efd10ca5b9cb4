/* SPDX-License-Identifier: Apache-2.0 */
/* Where a value goes: zones by SOA, aliases, delegations, and servers that are lame, silent or hostile. */
#include "dns01/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "fake_doh.h"
#include "support/expect.h"
#include "support/scripted_zones.h"

#define NAME "_acme-challenge.www.a.test"

struct world {
    struct scripted_zones net;
    struct clock_manual hands;
    struct dns_zones *zones;
    struct dns_finder f;
    struct dns_config config;
    struct dns_place place;
};

static void world_open(struct world *w)
{
    *w = (struct world){.config = {.follow = true}};
    scripted_zones_init(&w->net);
    clock_manual_init(&w->hands, NS_PER_DAY);
    w->zones = dns_zones_new();
    w->f =
        (struct dns_finder){.dns = &w->net.transport, .clock = &w->hands.clock, .zones = w->zones};
    scripted_zones_zone(&w->net, "a.test", "ns1.a.test", "192.0.2.1");
    scripted_zones_zone(&w->net, "a.test", "ns2.a.test", "192.0.2.2");
}

static void world_close(struct world *w)
{
    dns_place_release(&w->place);
    dns_zones_free(w->zones);
}
#define WORLD(name)                                                                                \
    AUTO(world_close) struct world name;                                                           \
    world_open(&(name))

static struct err *find(struct world *w, const char *name)
{
    dns_place_release(&w->place);
    return dns_place_find(&w->f, &w->config, name, &w->place);
}

static void expect_place(struct world *w, const char *name, const char *where, const char *zone,
                         const char *servers)
{
    expect_ok(find(w, name));
    assert_string_equal(w->place.name, where);
    assert_string_equal(w->place.zone, zone);
    auto_free char *list = strlist_join(&w->place.servers, " ", 0);
    assert_string_equal(list, servers);
}

/* ---- zones ---- */

static void the_zone_is_found_upwards(void **state)
{
    (void)state;
    WORLD(w);
    expect_place(&w, "_acme-Challenge.WWW.a.test.", NAME, "a.test", "192.0.2.1 192.0.2.2");
    expect_place(&w, "_acme-challenge.a.test", "_acme-challenge.a.test", "a.test",
                 "192.0.2.1 192.0.2.2");
    assert_string_equal(w.net.asked_first, ""); /* no resolver heard of the name itself */
    assert_true((w.net.flags & DNS_GUARDED) != 0);
    expect_err(find(&w, "_acme-challenge.b.test"), ERR_NOT_FOUND, "ZoneNotFound", "b.test");
    expect_err(find(&w, "no name"), ERR_INVALID, "InvalidName", "no name");
}

/* dns-account-01: what a resolver says is absent is absent with all that is below it. */
static void no_resolver_hears_of_what_is_above_an_account_s_label(void **state)
{
    (void)state;
    WORLD(w);
    static const char name[] = "_ujmmovf2vn55tgye._acme-challenge.www.a.test";
    expect_place(&w, name, name, "a.test", "192.0.2.1 192.0.2.2");
    assert_string_equal(w.net.asked_first, "");
    unsigned queries = w.net.queries;
    dns_zones_forget(w.zones, name);
    expect_ok(find(&w, name));
    assert_true(w.net.queries > queries);
    scripted_zones_zone(&w.net, NAME, "ns.b.test", "192.0.2.9"); /* where it is a zone of its own */
    dns_zones_forget(w.zones, name);
    expect_place(&w, name, name, NAME, "192.0.2.9");
    assert_string_equal(w.net.asked_first, "");
}

static void a_zone_is_asked_for_once_in_its_ttl(void **state)
{
    (void)state;
    WORLD(w);
    w.net.ttl = 10 * NS_PER_MIN;
    expect_ok(find(&w, NAME));
    unsigned queries = w.net.queries;
    expect_ok(find(&w, NAME));
    assert_int_equal(w.net.queries, queries);
    clock_manual_advance(&w.hands, 11 * NS_PER_MIN);
    expect_ok(find(&w, NAME));
    assert_true(w.net.queries > queries);
    queries = w.net.queries;
    dns_zones_forget(w.zones, NAME);
    expect_ok(find(&w, NAME));
    assert_true(w.net.queries > queries);
}

static void what_was_found_is_recalled(void **state)
{
    (void)state;
    WORLD(w);
    struct dns_place place = {0};
    assert_false(dns_place_recall(&w.f, &w.config, NAME, &place));
    scripted_zones_add(&w.net, NAME, DNS_CNAME, "x.a.test");
    expect_ok(find(&w, NAME));
    assert_true(dns_place_recall(&w.f, &w.config, NAME, &place));
    assert_string_equal(place.name, "x.a.test");
    assert_int_equal(place.servers.len, 2);
    dns_place_release(&place);
    struct dns_config other = w.config;
    other.follow = false;
    assert_false(dns_place_recall(&w.f, &other, NAME, &place));
    dns_zones_forget(w.zones, NAME);
    assert_false(dns_place_recall(&w.f, &w.config, NAME, &place));
}

static void a_zone_below_is_found(void **state)
{
    (void)state;
    WORLD(w);
    /* Delegated to others: _acme-challenge as a zone of its own. */
    scripted_zones_zone(&w.net, NAME, "ns.x.test", "192.0.2.9");
    expect_place(&w, NAME, NAME, NAME, "192.0.2.9");
    /* On the same servers. */
    scripted_zones_zone(&w.net, "_acme-challenge.a.test", "ns1.a.test", "192.0.2.1");
    expect_place(&w, "_acme-challenge.a.test", "_acme-challenge.a.test", "_acme-challenge.a.test",
                 "192.0.2.1");
}

/* ---- aliases ---- */

static void aliases_are_followed(void **state)
{
    (void)state;
    WORLD(w);
    scripted_zones_zone(&w.net, "b.test", "ns.b.test", "192.0.2.7");
    scripted_zones_add(&w.net, NAME, DNS_CNAME, "there.b.test");
    expect_place(&w, NAME, "there.b.test", "b.test", "192.0.2.7");
    w.config.follow = false;
    expect_place(&w, NAME, NAME, "a.test", "192.0.2.1 192.0.2.2");
}

static void an_endless_alias_ends(void **state)
{
    (void)state;
    WORLD(w);
    scripted_zones_zone(&w.net, "b.test", "ns.b.test", "192.0.2.7");
    scripted_zones_add(&w.net, NAME, DNS_CNAME, "one.b.test");
    scripted_zones_add(&w.net, "one.b.test", DNS_CNAME, NAME);
    struct err *e = find(&w, NAME);
    /* The servers of each zone know one step only. */
    expect_err(e, ERR_TRANSIENT, "AliasLoop", NAME);
}

/* ---- servers that do not help ---- */

static void a_server_that_does_not_help_is_passed_over(void **state)
{
    (void)state;
    WORLD(w);
    scripted_zones_server(&w.net, "192.0.2.1", true, false);
    expect_ok(find(&w, NAME));
    scripted_zones_server(&w.net, "192.0.2.1", false, true);
    expect_ok(find(&w, NAME));
    scripted_zones_server(&w.net, "192.0.2.2", false, true);
    expect_err(find(&w, NAME), ERR_TRANSIENT, "LameDelegation", "is not authoritative");
    scripted_zones_server(&w.net, "192.0.2.1", true, false);
    scripted_zones_server(&w.net, "192.0.2.2", true, false);
    expect_err(find(&w, NAME), ERR_TRANSIENT, "LameDelegation", "no answer");
}

/* What resolvers answer in another order each time is no other reason, which would be written again. */
static void the_same_server_is_named_each_time(void **state)
{
    (void)state;
    WORLD(w);
    scripted_zones_zone(&w.net, "b.test", "ns2.b.test", "192.0.2.9");
    scripted_zones_zone(&w.net, "b.test", "ns1.b.test", "192.0.2.8");
    expect_place(&w, "_acme-challenge.b.test", "_acme-challenge.b.test", "b.test",
                 "192.0.2.8 192.0.2.9");
    scripted_zones_server(&w.net, "192.0.2.8", false, true);
    scripted_zones_server(&w.net, "192.0.2.9", false, true);
    expect_err(find(&w, "_acme-challenge.b.test"), ERR_TRANSIENT, "LameDelegation",
               "answers for it: 192.0.2.8: it is not authoritative");
}

/* A CA asks the server that a failed look-up would leave out. */
static void a_look_up_that_fails_leaves_nobody_out(void **state)
{
    (void)state;
    WORLD(w);
    w.net.broken = "ns2.a.test";
    expect_err(find(&w, NAME), ERR_TRANSIENT, "DNSFailed",
               "an address of the name servers of zone a.test: DNS query for ns2.a.test A");
    w.net.broken = NULL;
    expect_place(&w, NAME, NAME, "a.test", "192.0.2.1 192.0.2.2");
    dns_zones_forget(w.zones, NAME);
    w.net.broken = "ns2.a.test";
    for (unsigned i = 1; i < DNS_SILENT_LOOKS; i++)
        expect_err(find(&w, NAME), ERR_TRANSIENT, "DNSFailed", "ns2.a.test");
    expect_place(&w, NAME, NAME, "a.test", "192.0.2.1");
}

static void a_zone_without_addresses_is_lame(void **state)
{
    (void)state;
    WORLD(w);
    scripted_zones_add(&w.net, "b.test", DNS_SOA, "ns.b.test");
    scripted_zones_add(&w.net, "b.test", DNS_NS, "ns.b.test");
    expect_err(find(&w, "_acme-challenge.b.test"), ERR_TRANSIENT, "LameDelegation",
               "no name server of zone b.test has an address");
}

static void silence_is_counted_and_ends(void **state)
{
    (void)state;
    WORLD(w);
    int64_t now = clock_mono(&w.hands.clock);
    assert_false(dns_zones_is_silent(w.zones, "192.0.2.1", now));
    for (unsigned i = 1; i <= DNS_SILENT_LOOKS; i++)
        assert_int_equal(dns_zones_heard(w.zones, "192.0.2.1", false, now), i);
    assert_true(dns_zones_is_silent(w.zones, "192.0.2.1", now));
    assert_false(dns_zones_is_silent(w.zones, "192.0.2.1", now + NS_PER_MIN));
    now += 11 * NS_PER_MIN; /* so long after the others, it may be by chance */
    assert_int_equal(dns_zones_heard(w.zones, "192.0.2.1", false, now), 1);
    assert_int_equal(dns_zones_heard(w.zones, "192.0.2.1", true, now), 0);
    assert_false(dns_zones_is_silent(w.zones, "192.0.2.1", now));
}

static void time_is_limited(void **state)
{
    (void)state;
    WORLD(w);
    w.net.hands = &w.hands;
    w.net.takes = 2 * NS_PER_SEC;
    expect_err(find(&w, NAME), ERR_TRANSIENT, "Timeout", "are slow");
}

/* ---- resolvers ---- */

static void resolvers_are_asked_where_servers_cannot_be(void **state)
{
    (void)state;
    static const char *const resolvers[] = {"192.0.2.53"};
    WORLD(w);
    w.config.mode = DNS_CHECK_RESOLVERS;
    w.config.nameservers = (struct bind_strings){resolvers, 1};
    scripted_zones_zone(&w.net, "b.test", "ns.b.test", "192.0.2.7");
    scripted_zones_add(&w.net, NAME, DNS_CNAME, "there.b.test");
    expect_place(&w, NAME, "there.b.test", "b.test", "");
    assert_int_equal(w.net.asks, 0);
    assert_string_equal(w.net.resolver, "192.0.2.53");
    assert_true((w.net.flags & DNS_GUARDED) != 0);
}

/* Where port 53 is closed: zone and aliases come over HTTPS, and nothing else is asked. */
static void https_finds_the_place_alone(void **state)
{
    (void)state;
    WORLD(w);
    struct fake_doh doh;
    fake_doh_init(&doh, &w.net);
    w.f.http = &doh.transport;
    w.f.dns = NULL;
    w.config.mode = DNS_CHECK_HTTPS;
    w.config.url = FAKE_DOH_URL;
    expect_place(&w, NAME, NAME, "a.test", "");
    assert_int_equal(doh.calls, 3); /* the name, www.a.test, a.test */
    assert_true((doh.flags & HTTP_GUARDED) != 0);
    scripted_zones_zone(&w.net, "b.test", "ns.b.test", "192.0.2.7");
    scripted_zones_add(&w.net, NAME, DNS_CNAME, "there.b.test");
    expect_place(&w, NAME, "there.b.test", "b.test", "");
    scripted_zones_remove(&w.net, NAME, DNS_CNAME);
    scripted_zones_zone(&w.net, NAME, "ns.b.test", "192.0.2.7");
    expect_place(&w, NAME, NAME, NAME, "");
    doh.status = 502;
    expect_err(find(&w, NAME), ERR_TRANSIENT, "DNSFailed", "over HTTPS: answered HTTP status 502");
}

static void without_aliases_a_resolver_does_not_hear_of_the_name(void **state)
{
    (void)state;
    WORLD(w);
    w.config.mode = DNS_CHECK_NONE;
    w.config.follow = false;
    expect_place(&w, NAME, NAME, "a.test", "");
    assert_string_equal(w.net.asked_first, "");
    assert_int_equal(w.net.flags, 0); /* the system's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_zone_is_found_upwards),
        cmocka_unit_test(no_resolver_hears_of_what_is_above_an_account_s_label),
        cmocka_unit_test(a_zone_is_asked_for_once_in_its_ttl),
        cmocka_unit_test(what_was_found_is_recalled),
        cmocka_unit_test(a_zone_below_is_found),
        cmocka_unit_test(aliases_are_followed),
        cmocka_unit_test(an_endless_alias_ends),
        cmocka_unit_test(a_server_that_does_not_help_is_passed_over),
        cmocka_unit_test(the_same_server_is_named_each_time),
        cmocka_unit_test(a_look_up_that_fails_leaves_nobody_out),
        cmocka_unit_test(a_zone_without_addresses_is_lame),
        cmocka_unit_test(silence_is_counted_and_ends),
        cmocka_unit_test(time_is_limited),
        cmocka_unit_test(resolvers_are_asked_where_servers_cannot_be),
        cmocka_unit_test(https_finds_the_place_alone),
        cmocka_unit_test(without_aliases_a_resolver_does_not_hear_of_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
