/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "budget/ledger.h"

#define NOW (20000 * NS_PER_DAY + 5 * NS_PER_HOUR)

static int setup(void **state)
{
    struct budget_ledger *l = x_calloc(1, sizeof(*l));
    budget_ledger_init(l);
    *state = l;
    return 0;
}

static int teardown(void **state)
{
    budget_ledger_release(*state);
    free(*state);
    return 0;
}

static const struct budget_need orders = {
    .kind = BUDGET_ORDERS, .key = "a", .limit = {3, 30 * NS_PER_SEC}};
static const struct budget_need day = {.kind = BUDGET_DAY, .key = "a", .limit = {2, 0}};

static void a_bucket_empties_and_fills_again(void **state)
{
    struct budget_ledger *l = *state;
    assert_int_equal(budget_left(l, &orders, NOW), 3);
    for (int left = 2; left >= 0; left--) {
        assert_int_equal(budget_time_of(l, &orders, 1, NOW), NOW);
        budget_take(l, &orders, NOW);
        assert_int_equal(budget_left(l, &orders, NOW), left);
    }
    assert_int_equal(budget_time_of(l, &orders, 1, NOW), NOW + 10 * NS_PER_SEC);
    assert_int_equal(budget_time_of(l, &orders, 3, NOW), NOW + 30 * NS_PER_SEC);
    assert_int_equal(budget_left(l, &orders, NOW + 10 * NS_PER_SEC - 1), 0);
    assert_int_equal(budget_left(l, &orders, NOW + 10 * NS_PER_SEC), 1);
    assert_int_equal(budget_left(l, &orders, NOW + NS_PER_HOUR), 3);
    budget_give_back(l, &orders, NOW, NOW);
    assert_int_equal(budget_left(l, &orders, NOW), 1);
}

static void another_limit_holds_at_once(void **state)
{
    struct budget_ledger *l = *state;
    struct budget_need more = orders;
    for (int i = 0; i < 3; i++)
        budget_take(l, &orders, NOW);
    more.limit = (struct budget_limit){30, 300 * NS_PER_SEC};
    assert_int_equal(budget_left(l, &more, NOW), 27);
    more.limit = (struct budget_limit){0, 0};
    assert_int_equal(budget_time_of(l, &more, 1, NOW), NOW);
    budget_take(l, &more, NOW);
    assert_int_equal(budget_left(l, &orders, NOW), 0);
}

static void a_day_ends_at_midnight_utc(void **state)
{
    struct budget_ledger *l = *state;
    budget_take(l, &day, NOW);
    assert_int_equal(budget_left(l, &day, NOW), 1);
    budget_take(l, &day, NOW);
    budget_take(l, &day, NOW); /* one that could not wait */
    assert_int_equal(budget_left(l, &day, NOW), -1);
    int64_t midnight = (NOW / NS_PER_DAY + 1) * NS_PER_DAY;
    assert_int_equal(budget_time_of(l, &day, 1, NOW), midnight);
    assert_int_equal(budget_time_of(l, &day, 2, NOW), midnight); /* what was too much is no debt */
    assert_int_equal(budget_time_of(l, &day, 3, NOW), midnight + NS_PER_DAY);
    assert_int_equal(budget_left(l, &day, midnight), 2);
    assert_int_equal(budget_left(l, &day, midnight - 1), -1);
    budget_give_back(l, &day, NOW, NOW);
    assert_int_equal(budget_left(l, &day, NOW), 0);
    budget_take(l, &day, midnight);
    budget_give_back(l, &day, NOW, midnight); /* yesterday's does not make today's more */
    assert_int_equal(budget_left(l, &day, midnight), 1);
    budget_give_back(l, &day, midnight, midnight + 1);
    assert_int_equal(budget_left(l, &day, midnight), 2);
}

/* Nothing comes back twice, by itself and by hand. */
static void what_has_come_back_is_not_given_back(void **state)
{
    (void)state;
    static const struct {
        int64_t later;  /* in s, of the 10 that one needs: others take two, and it is given back */
        int64_t left;   /* then */
        int64_t all_in; /* s until all are there */
    } rows[] = {{0, 1, 20}, {4, 1, 20}, {10, 1, 20}, {100, 1, 20}, {-3, 0, 23}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct budget_ledger l;
        budget_ledger_init(&l);
        int64_t now = NOW + rows[i].later * NS_PER_SEC;
        budget_take(&l, &orders, NOW);
        budget_take(&l, &orders, now);
        budget_take(&l, &orders, now);
        budget_give_back(&l, &orders, NOW, now);
        assert_int_equal(budget_left(&l, &orders, now), rows[i].left);
        assert_int_equal(budget_time_of(&l, &orders, 3, now) - now, rows[i].all_in * NS_PER_SEC);
        budget_ledger_release(&l);
    }
}

static void what_is_held_waits(void **state)
{
    struct budget_ledger *l = *state;
    budget_hold(l, &orders, NOW + NS_PER_MIN);
    assert_int_equal(budget_time_of(l, &orders, 1, NOW), NOW + NS_PER_MIN);
    assert_int_equal(budget_time_of(l, &orders, 1, NOW + NS_PER_MIN), NOW + NS_PER_MIN);
}

/* Whatever is asked when: what the server's bucket would refuse is never taken. */
static void a_servers_own_bucket_is_never_overdrawn(void **state)
{
    struct budget_ledger *l = *state;
    struct rng_seeded dice;
    rng_seeded_init(&dice, 7);
    int64_t now = NOW, server_full_at = 0;
    const int64_t each = orders.limit.period / orders.limit.count;
    for (int i = 0; i < 20000; i++) {
        now += (int64_t)rng_below(&dice.rng, (uint64_t)(15 * NS_PER_SEC));
        if (budget_time_of(l, &orders, 1, now) > now)
            continue;
        budget_take(l, &orders, now);
        server_full_at = (server_full_at > now ? server_full_at : now) + each;
        assert_true(server_full_at - now <= orders.limit.period);
    }
}

static void only_so_many_are_kept(void **state)
{
    struct budget_ledger *l = *state;
    budget_take(l, &orders, NOW);
    for (int i = 0; i < BUDGET_BUCKETS_MAX + 100; i++) {
        char key[32];
        snprintf(key, sizeof(key), "ca name%d", i);
        const struct budget_need need = {
            .kind = BUDGET_DOMAIN, .key = key, .limit = {5, NS_PER_DAY + i * NS_PER_SEC}};
        budget_take(l, &need, NOW);
        assert_true(l->buckets.len <= BUDGET_BUCKETS_MAX);
    }
    assert_int_equal(budget_left(l, &orders, NOW), 2); /* accounts are not forgotten for names */
    json_auto_t *rows = budget_ledger_encode(l, NOW + 30 * NS_PER_DAY);
    assert_int_equal(json_count(rows), 0);
}

/* The longest keys, all buckets: a ConfigMap holds 1 MiB. */
static void the_text_fits_where_it_is_kept(void **state)
{
    struct budget_ledger *l = *state;
    char scope[79], name[79], key[BUDGET_KEY_MAX];
    memset(scope, 's', sizeof(scope) - 1);
    scope[78] = '\0';
    for (int i = 0; i < BUDGET_BUCKETS_MAX + 10; i++) {
        snprintf(name, sizeof(name), "%078d", i);
        budget_key(scope, name, key);
        assert_int_equal(strlen(key), 157);
        const struct budget_need need = {
            .kind = BUDGET_DOMAIN, .key = key, .limit = {5, 300 * NS_PER_DAY}};
        budget_take(l, &need, NOW);
    }
    json_auto_t *rows = budget_ledger_encode(l, NOW);
    assert_int_equal(json_count(rows), BUDGET_BUCKETS_MAX);
    auto_free char *text = NULL;
    assert_null(json_to_string(rows, 1024 * 1024 - 4096, &text));
}

static void the_fewest_left_of_a_scope(void **state)
{
    struct budget_ledger *l = *state;
    struct budget_need need = {.kind = BUDGET_DOMAIN, .limit = {5, NS_PER_DAY}};
    static const char *const keys[] = {"ca a.test",    "ca b.test",    "ca b.test",
                                       "other b.test", "other b.test", "other b.test"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        need.key = keys[i];
        budget_take(l, &need, NOW);
    }
    assert_int_equal(budget_least_left(l, BUDGET_DOMAIN, "ca", need.limit, NOW), 3);
    assert_int_equal(budget_least_left(l, BUDGET_DOMAIN, "other", need.limit, NOW), 2);
    assert_int_equal(budget_least_left(l, BUDGET_DOMAIN, "c", need.limit, NOW), 5);
    assert_int_equal(budget_least_left(l, BUDGET_SET, "ca", need.limit, NOW), 5);
}

static void it_comes_back_as_it_was(void **state)
{
    struct budget_ledger *l = *state;
    budget_take(l, &orders, NOW);
    budget_take(l, &orders, NOW);
    budget_take(l, &day, NOW);
    json_auto_t *rows = budget_ledger_encode(l, NOW);
    struct budget_ledger other;
    budget_ledger_init(&other);
    assert_null(budget_ledger_decode(&other, rows, NOW));
    assert_int_equal(budget_left(&other, &orders, NOW), 1);
    assert_int_equal(budget_left(&other, &day, NOW), 1);
    budget_ledger_release(&other);
}

/* What was taken after the rows were written is counted on them, also when it comes so late that they are full again. */
static void what_is_full_by_now_is_counted_on(void **state)
{
    struct budget_ledger *l = *state;
    for (int i = 0; i < 3; i++)
        budget_take(l, &orders, NOW);
    json_auto_t *rows = budget_ledger_encode(l, NOW);
    struct budget_ledger other;
    budget_ledger_init(&other);
    int64_t full = NOW + orders.limit.period;
    assert_null(budget_ledger_decode(&other, rows, full));
    assert_int_equal(budget_left(&other, &orders, full), 3);
    budget_take(&other, &orders, NOW + orders.limit.period / 3);
    assert_int_equal(budget_left(&other, &orders, full), 2);
    budget_ledger_release(&other);
}

static void senseless_rows_are_left_out(void **state)
{
    struct budget_ledger *l = *state;
    static const char text[] =
        "[1, null, [], {}, [\"ordersPerAccount\"], [\"ordersPerAccount\", 7, 8], "
        "[\"nonsense\", \"a\", 1728018000000000001], [\"ordersPerAccount\", \"\", "
        "1728018000000000001],"
        "[\"ordersPerAccount\", \"a\", 9223372036854775807], [\"ordersPerAccount\", \"a\", -5],"
        "[\"ordersPerAccount\", \"a\", 12], [\"maxIssuancesPerDay\", \"a\", 20000, -7],"
        "[\"maxIssuancesPerDay\", \"a\", 19999, 7], [\"ordersPerAccount\", \"a\", \"x\"]]";
    json_auto_t *rows = NULL;
    assert_null(json_parse(text, strlen(text), &rows));
    assert_null(budget_ledger_decode(l, rows, NOW));
    assert_int_equal(l->buckets.len, 0);
    assert_null(budget_ledger_decode(l, NULL, NOW));
    json_auto_t *many = json_new_array();
    for (int i = 0; i <= BUDGET_BUCKETS_MAX; i++)
        json_push(many, json_new_array());
    AUTO_ERR e = budget_ledger_decode(l, many, NOW);
    assert_true(err_is(e, ERR_INVALID));
    assert_string_equal(e->reason, "BadLedger");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        TEST(a_bucket_empties_and_fills_again),
        TEST(another_limit_holds_at_once),
        TEST(a_day_ends_at_midnight_utc),
        TEST(what_has_come_back_is_not_given_back),
        TEST(what_is_held_waits),
        TEST(a_servers_own_bucket_is_never_overdrawn),
        TEST(only_so_many_are_kept),
        TEST(the_text_fits_where_it_is_kept),
        TEST(the_fewest_left_of_a_scope),
        TEST(it_comes_back_as_it_was),
        TEST(what_is_full_by_now_is_counted_on),
        TEST(senseless_rows_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
