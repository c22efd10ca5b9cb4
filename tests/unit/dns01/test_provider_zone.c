/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_memory.h"
#include "support/expect.h"

struct scene {
    struct clock_manual hands;
    struct dns_env env;
    const char *zone, *id; /* the one that the provider has */
    char asked[256];       /* "a, b" */
    const char *fails;
};

static void scene_open(struct scene *s, const char *zone, const char *id)
{
    *s = (struct scene){.env = {.clock = &s->hands.clock, .scope = "one"}, .zone = zone, .id = id};
    clock_manual_init(&s->hands, 1000 * NS_PER_SEC);
    s->env.memory = dns_memory_new();
}

static void scene_close(struct scene *s)
{
    dns_memory_free(s->env.memory);
}
#define SCENE AUTO(scene_close) struct scene

static struct err *lookup(void *arg, const char *zone, char **ret_id)
{
    struct scene *s = arg;
    size_t len = strlen(s->asked);
    str_copy(s->asked + len, sizeof(s->asked) - len, len > 0 ? ", " : "");
    len = strlen(s->asked);
    str_copy(s->asked + len, sizeof(s->asked) - len, zone);
    if (s->fails != NULL)
        return err_new(ERR_TRANSIENT, "ProviderFailed", "%s", s->fails);
    if (str_eq(zone, s->zone))
        *ret_id = x_strdup(s->id);
    return NULL;
}

static const struct dns_value value = {.name = "_acme-challenge.a.b.example.com",
                                       .zone = "a.b.example.com"};

static struct err *find(struct scene *s, struct dns_hosted_zone *ret_zone)
{
    s->asked[0] = '\0';
    return dns_hosted_zone_find(&s->env, &value, lookup, s, ret_zone);
}

static void a_zone_is_looked_up_once(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s, "a.b.example.com", "Z1");
    struct dns_hosted_zone zone;
    expect_ok(find(&s, &zone));
    assert_string_equal(zone.name, "a.b.example.com");
    assert_string_equal(zone.id, "Z1");
    assert_string_equal(s.asked, "a.b.example.com");
    s.id = "Z2";
    memset(&zone, 0, sizeof(zone));
    expect_ok(find(&s, &zone));
    assert_string_equal(zone.name, "a.b.example.com");
    assert_string_equal(zone.id, "Z1");
    assert_string_equal(s.asked, "");
    clock_manual_advance(&s.hands, DNS_ZONE_KEPT);
    expect_ok(find(&s, &zone));
    assert_string_equal(zone.id, "Z2");
}

static void the_nearest_one_above_is_taken(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s, "example.com", "Z1");
    struct dns_hosted_zone zone;
    expect_ok(find(&s, &zone));
    assert_string_equal(zone.name, "example.com");
    assert_string_equal(s.asked, "a.b.example.com, b.example.com, example.com");
    expect_ok(find(&s, &zone));
    assert_string_equal(zone.name, "example.com");
    assert_string_equal(s.asked, "");
}

static void absence_is_not_remembered(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s, "other.test", "Z1");
    struct dns_hosted_zone zone;
    expect_err(find(&s, &zone), ERR_NOT_FOUND, "ZoneNotFound", "no zone a.b.example.com");
    s.fails = "down";
    expect_err(find(&s, &zone), ERR_TRANSIENT, "ProviderFailed", "down");
    assert_string_equal(s.asked, "a.b.example.com");
    s.fails = NULL;
    s.zone = "a.b.example.com";
    expect_ok(find(&s, &zone));
}

static void an_id_without_bounds_is_refused(void **state)
{
    (void)state;
    char id[DNS_ZONE_ID_MAX + 2];
    memset(id, 'x', sizeof(id));
    id[DNS_ZONE_ID_MAX] = '\0';
    SCENE s;
    scene_open(&s, "example.com", id);
    struct dns_hosted_zone zone;
    expect_ok(find(&s, &zone));
    assert_string_equal(zone.id, id);
    id[DNS_ZONE_ID_MAX] = 'x';
    id[DNS_ZONE_ID_MAX + 1] = '\0';
    s.env.scope = "two";
    expect_err(find(&s, &zone), ERR_TRANSIENT, "ProviderFailed", "zone example.com");
    s.id = "";
    expect_err(find(&s, &zone), ERR_TRANSIENT, "ProviderFailed", "zone example.com");
}

static void a_refusal_makes_it_look_again(void **state)
{
    (void)state;
    static const struct {
        enum err_kind kind;
        bool asks;
    } rows[] = {
        {ERR_NOT_FOUND, true}, {ERR_DENIED, true},        {ERR_INVALID, true},
        {ERR_CONFLICT, false}, {ERR_RATE_LIMITED, false}, {ERR_TRANSIENT, false},
    };
    SCENE s;
    scene_open(&s, "a.b.example.com", "Z1");
    struct dns_hosted_zone zone;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_ok(find(&s, &zone));
        struct err *e = err_new(rows[i].kind, "Reason", "text");
        expect_err(dns_hosted_zone_doubt(&s.env, &value, e), rows[i].kind, "Reason", "text");
        expect_ok(find(&s, &zone));
        assert_string_equal(s.asked, rows[i].asks ? "a.b.example.com" : "");
    }
    assert_null(dns_hosted_zone_doubt(&s.env, &value, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zone_is_looked_up_once),
        cmocka_unit_test(the_nearest_one_above_is_taken),
        cmocka_unit_test(absence_is_not_remembered),
        cmocka_unit_test(an_id_without_bounds_is_refused),
        cmocka_unit_test(a_refusal_makes_it_look_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
