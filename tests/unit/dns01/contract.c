/* SPDX-License-Identifier: Apache-2.0 */
#include "contract.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"

#define ZONE "example.com"
#define NAME "_acme-challenge.www.example.com"
#define ONE "one-mOaBrk0fAWzMqZcXUcT1zGnQmXv0Tn2dJmJ8vJf5rCw"
#define TWO "two-5cJpFvM0B2h0u3dYk8ZQ9rT1xW7nLsE6gAiKqHbVtNy"
#define OTHER "google-site-verification=mine"
#define CALLS_MAX 12       /* of one present() or clean_up(), the zone's look-up included */
#define CALLS_OF_A_VALUE 2 /* of what is done without a failure, in a zone that is known */

struct row {
    const char *name;
    void (*test)(void **state);
    unsigned needs; /* enum contract_without: left out with any of them */
};
#define ROW(test, needs)                                                                           \
    {                                                                                              \
#test, test, (needs)                                                                       \
    }

static bool lacks(const struct contract_scene *s, unsigned without)
{
    return (s->contract->without & without) != 0;
}

static void present(struct contract_scene *s, const struct dns_value *v)
{
    expect_ok(scene_present(s, v, NULL));
}

static void clean_up(struct contract_scene *s, const struct dns_value *v)
{
    expect_ok(scene_clean_up(s, v));
}

/* ---- values ---- */

static void a_value_is_added(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, ONE);
    present(&s, &v);
    expect_values(&s, ZONE, NAME, ONE);
}

/* A wildcard and its base name have one name. */
static void values_of_one_name_come_and_go_one_by_one(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct dns_value one = scene_value(NAME, ZONE, ONE);
    struct dns_value two = scene_value(NAME, ZONE, TWO);
    auto_free char *first = NULL;
    auto_free char *second = NULL;
    expect_ok(scene_present(&s, &one, &first));
    expect_ok(scene_present(&s, &two, &second));
    expect_values(&s, ZONE, NAME, ONE ", " TWO);
    if (lacks(&s, CONTRACT_NO_CLEAN_UP))
        return;
    one.id = first;
    two.id = second;
    clean_up(&s, &one);
    expect_values(&s, ZONE, NAME, TWO);
    clean_up(&s, &two);
    expect_values(&s, ZONE, NAME, "");
}

static void a_value_is_there_once(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct dns_value v = scene_value(NAME, ZONE, ONE);
    auto_free char *first = NULL;
    auto_free char *again = NULL;
    expect_ok(scene_present(&s, &v, &first));
    v.id = first;
    expect_ok(scene_present(&s, &v, &again));
    expect_values(&s, ZONE, NAME, ONE);
    if (lacks(&s, CONTRACT_NO_CLEAN_UP))
        return;
    v.id = again;
    clean_up(&s, &v);
    expect_values(&s, ZONE, NAME, "");
}

/* A crash between create and the status write. */
static void an_id_that_was_lost_is_not_missed(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, ONE);
    present(&s, &v);
    present(&s, &v);
    expect_values(&s, ZONE, NAME, ONE);
    if (lacks(&s, CONTRACT_NO_CLEAN_UP))
        return;
    clean_up(&s, &v);
    expect_values(&s, ZONE, NAME, "");
}

static void values_of_others_stay(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_foreign(s.fake.state, ZONE, NAME, OTHER);
    s.fake.add_foreign(s.fake.state, ZONE, "www.example.com", OTHER);
    struct dns_value v = scene_value(NAME, ZONE, ONE);
    auto_free char *id = NULL;
    expect_ok(scene_present(&s, &v, &id));
    expect_values(&s, ZONE, NAME, OTHER ", " ONE);
    if (lacks(&s, CONTRACT_NO_CLEAN_UP))
        return;
    v.id = id;
    clean_up(&s, &v);
    expect_values(&s, ZONE, NAME, OTHER);
    v.id = NULL;
    clean_up(&s, &v);
    expect_values(&s, ZONE, NAME, OTHER);
    expect_values(&s, ZONE, "www.example.com", OTHER);
}

static void what_is_gone_is_no_error(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct dns_value v = scene_value(NAME, ZONE, ONE);
    clean_up(&s, &v); /* never was there */
    auto_free char *id = NULL;
    expect_ok(scene_present(&s, &v, &id));
    v.id = id;
    clean_up(&s, &v);
    clean_up(&s, &v);
    v.id = NULL;
    clean_up(&s, &v);
    expect_values(&s, ZONE, NAME, "");
    present(&s, &v);
    expect_values(&s, ZONE, NAME, ONE);
}

/* ---- zones ---- */

static void a_zone_that_is_not_there_is_named(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value("_acme-challenge.missing.test", "missing.test", ONE);
    expect_err(scene_present(&s, &v, NULL), ERR_NOT_FOUND, "ZoneNotFound", "missing.test");
    if (!lacks(&s, CONTRACT_NO_CLEAN_UP))
        clean_up(&s, &v);
    s.fake.add_zone(s.fake.state, "missing.test", NULL);
    present(&s, &v);
    expect_values(&s, "missing.test", "_acme-challenge.missing.test", ONE);
}

static void the_longest_zone_wins(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_zone(s.fake.state, "dept.example.com", NULL);
    s.fake.add_zone(s.fake.state, "a.dept.example.com", NULL);
    static const char name[] = "_acme-challenge.x.y.a.dept.example.com";
    const struct dns_value v = scene_value(name, "a.dept.example.com", ONE);
    present(&s, &v);
    expect_values(&s, "a.dept.example.com", name, ONE);
    if (lacks(&s, CONTRACT_NO_CLEAN_UP))
        return;
    clean_up(&s, &v);
    expect_values(&s, "a.dept.example.com", name, "");
}

/* DNS as seen from here has a zone that the provider has not: a split horizon. */
static void the_zone_above_serves_too(void **state)
{
    SCENE s;
    scene_open(&s, state);
    static const char name[] = "_acme-challenge.x.corp.example.com";
    const struct dns_value v = scene_value(name, "corp.example.com", ONE);
    present(&s, &v);
    expect_values(&s, ZONE, name, ONE);
    if (lacks(&s, CONTRACT_NO_CLEAN_UP))
        return;
    clean_up(&s, &v);
    expect_values(&s, ZONE, name, "");
}

static void a_zone_of_its_own_has_the_value_at_its_top(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_zone(s.fake.state, NAME, NULL);
    const struct dns_value v = scene_value(NAME, NAME, ONE);
    present(&s, &v);
    expect_values(&s, NAME, NAME, ONE);
    if (lacks(&s, CONTRACT_NO_CLEAN_UP))
        return;
    clean_up(&s, &v);
    expect_values(&s, NAME, NAME, "");
}

/* The end of a CNAME: a name that has nothing in common with the domain. */
static void an_alias_ends_in_another_zone(void **state)
{
    SCENE s;
    scene_open(&s, state);
    s.fake.add_zone(s.fake.state, "validation.test", NULL);
    const struct dns_value v =
        scene_value("www.example.com.validation.test", "validation.test", ONE);
    present(&s, &v);
    expect_values(&s, "validation.test", v.name, ONE);
    expect_values(&s, ZONE, NAME, "");
    if (lacks(&s, CONTRACT_NO_CLEAN_UP))
        return;
    clean_up(&s, &v);
    expect_values(&s, "validation.test", v.name, "");
}

static void what_is_on_the_last_page_is_found(void **state)
{
    SCENE s;
    scene_open(&s, state);
    for (unsigned i = 0; i < 9 && !lacks(&s, CONTRACT_NO_ZONES); i++) {
        auto_free char *zone = x_printf("zone%u.test", i);
        s.fake.add_zone(s.fake.state, zone, NULL);
    }
    const char *zone = ZONE;
    if (!lacks(&s, CONTRACT_NO_ZONES))
        s.fake.add_zone(s.fake.state, zone = "last.test", NULL);
    auto_free char *name = x_printf("_acme-challenge.%s", zone);
    for (unsigned i = 0; i < 9 && !lacks(&s, CONTRACT_NO_OTHERS); i++) {
        auto_free char *value = x_printf("other%u", i);
        s.fake.add_foreign(s.fake.state, zone, name, value);
    }
    const struct dns_value v = scene_value(name, zone, "zzz");
    present(&s, &v);
    present(&s, &v);
    AUTO(strlist_release) struct strlist found = {0};
    s.fake.values(s.fake.state, zone, name, &found);
    strlist_sort(&found);
    assert_string_equal(found.items[found.len - 1], "zzz");
    assert_int_equal(found.len, lacks(&s, CONTRACT_NO_OTHERS) ? 1 : 10);
    if (lacks(&s, CONTRACT_NO_CLEAN_UP))
        return;
    clean_up(&s, &v);
    strlist_release(&found);
    s.fake.values(s.fake.state, zone, name, &found);
    assert_false(strlist_has(&found, "zzz"));
    assert_int_equal(found.len, lacks(&s, CONTRACT_NO_OTHERS) ? 0 : 9);
}

static void a_known_zone_costs_no_call(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct dns_value one = scene_value(NAME, ZONE, ONE);
    struct dns_value two = scene_value(NAME, ZONE, TWO);
    present(&s, &one);
    auto_free char *id = NULL;
    two.fresh = true;
    unsigned before = s.fake.calls(s.fake.state);
    expect_ok(scene_present(&s, &two, &id));
    unsigned after = s.fake.calls(s.fake.state);
    assert_in_range(after - before, 1, CALLS_OF_A_VALUE);
    if (lacks(&s, CONTRACT_NO_CLEAN_UP))
        return;
    two.id = id;
    before = after;
    clean_up(&s, &two);
    after = s.fake.calls(s.fake.state);
    assert_in_range(after - before, 1, CALLS_OF_A_VALUE);
    /* Ten minutes later it is looked up again, which is all that is forgotten. */
    clock_manual_advance(&s.clock, DNS_ZONE_KEPT);
    clean_up(&s, &one);
    expect_values(&s, ZONE, NAME, "");
}

/* ---- credentials ---- */

static void a_credential_that_is_refused_is_said_so(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, ONE);
    present(&s, &v);
    s.fake.revoke_credentials(s.fake.state);
    const struct dns_value w = scene_value(NAME, ZONE, TWO);
    expect_err(scene_present(&s, &w, NULL), ERR_DENIED, "Unauthorized", NULL);
    if (!lacks(&s, CONTRACT_NO_CLEAN_UP))
        expect_err(scene_clean_up(&s, &v), ERR_DENIED, "Unauthorized", NULL);
    s.env.scope = "another"; /* nothing is remembered there */
    expect_err(scene_present(&s, &w, NULL), ERR_DENIED, "Unauthorized", NULL);
    if (!lacks(&s, CONTRACT_NO_CLEAN_UP))
        expect_err(scene_clean_up(&s, &v), ERR_DENIED, "Unauthorized", NULL);
    expect_values(&s, ZONE, NAME, ONE);
}

static void a_secret_that_is_missing_is_named(void **state)
{
    SCENE s;
    scene_open(&s, state);
    if (s.fake.secrets == NULL || s.fake.secrets->name == NULL)
        return;
    const struct dns_value v = scene_value(NAME, ZONE, ONE);
    s.secrets_gone = true;
    expect_err(scene_present(&s, &v, NULL), ERR_NOT_FOUND, "SecretNotFound", "Ref");
    if (!lacks(&s, CONTRACT_NO_CLEAN_UP))
        expect_err(scene_clean_up(&s, &v), ERR_NOT_FOUND, "SecretNotFound", "Ref");
    assert_int_equal(s.fake.calls(s.fake.state), 0);
}

static void a_secret_adds_no_header_of_its_own(void **state)
{
    SCENE s;
    scene_open(&s, state);
    if (s.fake.secrets == NULL || s.fake.secrets->name == NULL)
        return;
    const struct dns_value v = scene_value(NAME, ZONE, ONE);
    s.secret_value = "token\r\nX-Admin: yes";
    expect_err(scene_present(&s, &v, NULL), ERR_INVALID, NULL, NULL);
    expect_values(&s, ZONE, NAME, "");
}

/* ---- failures: at each call of an operation in turn ---- */

enum operation {
    PRESENT,
    PRESENT_FRESH,  /* what is repeated is fresh no more */
    CLEAN_UP,       /* the id was lost */
    CLEAN_UP_BY_ID, /* it is known when it is repeated, too */
};

static bool is_clean_up(enum operation op)
{
    return op == CLEAN_UP || op == CLEAN_UP_BY_ID;
}

/* What the operation returns; NULL when it has come to its end before the call that fails. */
static struct err *operation_failing(struct contract_scene *s, enum operation op,
                                     struct dns_value *v)
{
    if (is_clean_up(op))
        return scene_clean_up(s, v);
    struct err *e = scene_present(s, v, NULL);
    v->fresh = false;
    return e;
}

struct failure {
    int status; /* 0: the answer is lost */
    const char *retry_after;
    enum err_kind kind;
    const char *reason;
    int64_t wait; /* ns until retry_at; 0 = none */
};

static const struct failure failures[] = {
    {429, "7", ERR_RATE_LIMITED, "RateLimited", 7 * NS_PER_SEC},
    {429, "Thu, 01 Jan 2026 00:01:00 GMT", ERR_RATE_LIMITED, "RateLimited", 60 * NS_PER_SEC},
    {429, NULL, ERR_RATE_LIMITED, "RateLimited", 0},
    {500, NULL, ERR_TRANSIENT, "ProviderFailed", 0},
    {503, "30", ERR_TRANSIENT, "ProviderFailed", 30 * NS_PER_SEC},
    {0, NULL, ERR_TRANSIENT, "ConnectionLost", 0},
};

/* Fails call number n of the operation, then repeats it as the engine does. False: there is no call n. */
static bool fail_call(void **state, enum operation op, const struct failure *f, unsigned n)
{
    SCENE s;
    scene_open(&s, state);
    bool others = !lacks(&s, CONTRACT_NO_OTHERS);
    if (others)
        s.fake.add_foreign(s.fake.state, ZONE, NAME, OTHER);
    struct dns_value v = scene_value(NAME, ZONE, ONE);
    auto_free char *id = NULL;
    if (is_clean_up(op))
        expect_ok(scene_present(&s, &v, &id));
    v.id = op == CLEAN_UP_BY_ID ? id : NULL;
    v.fresh = op == PRESENT_FRESH;
    s.env.scope = "afterwards"; /* the zone is looked up again, by a call that may fail as well */
    s.fake.fail_next(s.fake.state, f->status, f->retry_after, n);
    unsigned before = s.fake.calls(s.fake.state);
    AUTO_ERR e = operation_failing(&s, op, &v);
    bool failed = s.fake.calls(s.fake.state) - before > n;
    if (failed) {
        if (e == NULL)
            fail_msg("call %u failed with %d, and all is well", n, f->status);
        if (e->kind != f->kind || strcmp(e->reason, f->reason) != 0)
            fail_msg("call %u, status %d: %s %s: %s", n, f->status, err_kind_str(e->kind),
                     e->reason, e->message);
        assert_int_equal(e->retry_at, f->wait > 0 ? CONTRACT_NOW + f->wait : 0);
        expect_ok(operation_failing(&s, op, &v));
    } else {
        assert_null(e);
    }
    const char *left = others ? OTHER ", " ONE : ONE;
    if (is_clean_up(op))
        left = others ? OTHER : "";
    expect_values(&s, ZONE, NAME, left);
    return failed;
}

static void each_call_may_fail(void **state, enum operation op)
{
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        unsigned n = 0;
        while (n < CALLS_MAX && fail_call(state, op, &failures[i], n))
            n++;
        assert_in_range(n, 1, CALLS_MAX - 1);
    }
}

static void each_call_of_present_may_fail(void **state)
{
    each_call_may_fail(state, PRESENT);
    each_call_may_fail(state, PRESENT_FRESH);
}

static void each_call_of_clean_up_may_fail(void **state)
{
    each_call_may_fail(state, CLEAN_UP);
    each_call_may_fail(state, CLEAN_UP_BY_ID);
}

/* What is no answer of the API is not taken for "there is nothing". */
static void garbage_is_no_answer(void **state)
{
    static const char *const bodies[] = {
        "<html>busy</html>", "{}",          "[]",     "null", "{\"errors\":[]}",   "\"text\"",
        "[[[[[[[[]]]]]]]]",  "{\"a\":[1]}", "[null]", "0",    "{\"result\":null}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        SCENE s;
        scene_open(&s, state);
        if (s.fake.say_next == NULL)
            return;
        const struct dns_value v = scene_value(NAME, ZONE, ONE);
        s.fake.say_next(s.fake.state, bodies[i]);
        err_free(scene_present(&s, &v, NULL)); /* an error or not: the next one is what counts */
        present(&s, &v);
        expect_values(&s, ZONE, NAME, ONE);
        if (lacks(&s, CONTRACT_NO_CLEAN_UP))
            continue;
        s.env.scope = "another";
        s.fake.say_next(s.fake.state, bodies[i]);
        AUTO_ERR e = scene_clean_up(&s, &v);
        if (e == NULL)
            expect_values(&s, ZONE, NAME, "");
    }
}

static void what_is_stopped_sends_nothing(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct stop *stop = stop_new();
    stop_set(stop);
    s.env.stop = stop;
    const struct dns_value v = scene_value(NAME, ZONE, ONE);
    expect_err(scene_present(&s, &v, NULL), ERR_CANCELLED, NULL, NULL);
    expect_values(&s, ZONE, NAME, "");
    stop_free(stop);
}

/* Eventual consistency, where the API tells of it. */
static void a_change_settles(void **state)
{
    SCENE s;
    scene_open(&s, state);
    if (s.provider->settled == NULL)
        return;
    struct dns_value v = scene_value(NAME, ZONE, ONE);
    auto_free char *id = NULL;
    expect_ok(scene_present(&s, &v, &id));
    v.id = id;
    bool settled = true;
    expect_ok(s.provider->settled(&s.env, s.config, &v, &settled));
    if (s.fake.settle == NULL)
        return;
    assert_false(settled);
    s.fake.settle(s.fake.state);
    expect_ok(s.provider->settled(&s.env, s.config, &v, &settled));
    assert_true(settled);
    v.id = NULL; /* it was lost: nobody waits for ever */
    settled = false;
    expect_ok(s.provider->settled(&s.env, s.config, &v, &settled));
    assert_true(settled);
}

static const struct row rows[] = {
    ROW(a_value_is_added, 0),
    ROW(values_of_one_name_come_and_go_one_by_one, 0),
    ROW(a_value_is_there_once, 0),
    ROW(an_id_that_was_lost_is_not_missed, 0),
    ROW(values_of_others_stay, CONTRACT_NO_OTHERS),
    ROW(what_is_gone_is_no_error, CONTRACT_NO_CLEAN_UP),
    ROW(a_zone_that_is_not_there_is_named, CONTRACT_NO_ZONES),
    ROW(the_longest_zone_wins, CONTRACT_NO_ZONES),
    ROW(the_zone_above_serves_too, CONTRACT_NO_ZONES),
    ROW(a_zone_of_its_own_has_the_value_at_its_top, CONTRACT_NO_ZONES),
    ROW(an_alias_ends_in_another_zone, CONTRACT_NO_ZONES),
    ROW(what_is_on_the_last_page_is_found, 0),
    ROW(a_known_zone_costs_no_call, 0),
    ROW(a_credential_that_is_refused_is_said_so, CONTRACT_NO_CREDENTIALS),
    ROW(a_secret_that_is_missing_is_named, CONTRACT_NO_CREDENTIALS),
    ROW(a_secret_adds_no_header_of_its_own, CONTRACT_NO_CREDENTIALS),
    ROW(each_call_of_present_may_fail, 0),
    ROW(each_call_of_clean_up_may_fail, CONTRACT_NO_CLEAN_UP),
    ROW(garbage_is_no_answer, 0),
    ROW(what_is_stopped_sends_nothing, 0),
    ROW(a_change_settles, 0),
};

int contract_run(const struct provider_contract *c, const struct CMUnitTest *own, size_t own_count)
{
    json_room_init();
    struct CMUnitTest *tests = x_calloc(ARRAY_LEN(rows) + own_count, sizeof(*tests));
    void *state = (void *)(uintptr_t)c; /* cmocka's state is not const; the rows only read it */
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if ((rows[i].needs & c->without) == 0)
            tests[n++] = (struct CMUnitTest){
                .name = rows[i].name, .test_func = rows[i].test, .initial_state = state};
    for (size_t i = 0; i < own_count; i++) {
        tests[n] = own[i];
        tests[n++].initial_state = state;
    }
    int failed = _cmocka_run_group_tests(c->provider, tests, n, NULL, NULL);
    free(tests);
    return failed;
}
