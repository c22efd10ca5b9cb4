/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "budget/budgets.h"

#define NOW (20000 * NS_PER_DAY + 5 * NS_PER_HOUR)
#define EACH (36 * NS_PER_SEC)

struct scene {
    struct clock_manual clock;
    struct budgets *b;
};

static int setup(void **state)
{
    struct scene *s = x_calloc(1, sizeof(*s));
    clock_manual_init(&s->clock, NOW);
    s->b = budgets_new(&s->clock.clock);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    budgets_free(s->b);
    free(s);
    return 0;
}

static struct budget_need account(int64_t count)
{
    return (struct budget_need){
        .kind = BUDGET_ORDERS, .key = "account", .limit = {count, count * EACH}};
}

static struct budget_answer ask(struct scene *s, const char *ns, const char *id,
                                const struct budget_need *needs, size_t count)
{
    struct budget_answer a;
    budgets_ask(s->b,
                &(struct budget_ask){
                    .id = id, .ns = ns, .server = "ca.test", .needs = needs, .count = count},
                &a);
    return a;
}

static struct budget_answer ask_number(struct scene *s, const char *ns, int n,
                                       const struct budget_need *needs, size_t count)
{
    char id[64];
    snprintf(id, sizeof(id), "%s-%d", ns, n);
    return ask(s, ns, id, needs, count);
}

/* Granted and counted by the server at once. */
static bool place(struct scene *s, const char *id, const struct budget_need *need)
{
    bool granted = ask(s, "ns", id, need, 1).granted;
    if (granted)
        assert_int_equal(budgets_placed(s->b, id), clock_wall(&s->clock.clock));
    return granted;
}

static void asking_twice_takes_once(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(2);
    struct budget_answer a = ask(s, "ns", "1", &need, 1);
    assert_true(a.granted && a.at == NOW);
    clock_manual_advance(&s->clock, NS_PER_SEC);
    a = ask(s, "ns", "1", &need, 1);
    assert_true(a.granted && a.at == NOW);
    assert_int_equal(budgets_left(s->b, &need), 1);
}

/* Somebody who waits hears of it when the limit is raised. */
static void a_raised_limit_lets_go(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(1);
    assert_true(ask(s, "ns", "1", &need, 1).granted);
    assert_false(ask(s, "ns", "2", &need, 1).granted);
    need = account(2);
    assert_true(ask(s, "ns", "2", &need, 1).granted);
}

/* What was granted was for another account: it is given back, and asked for anew. */
static void a_grant_is_for_its_account(void **state)
{
    struct scene *s = *state;
    struct budget_need one = account(5);
    struct budget_need other = account(5);
    other.key = "other";
    assert_true(ask(s, "ns", "1", &one, 1).granted);
    assert_true(ask(s, "ns", "1", &other, 1).granted);
    assert_int_equal(budgets_left(s->b, &one), 5);
    assert_int_equal(budgets_left(s->b, &other), 4);
}

/* An order that was lost is found, or a name fails, between two tries to place what was granted: who has no room any more
 * waits, and only that one. */
static void what_is_heard_of_meanwhile_goes_before_a_grant(void **state)
{
    struct scene *s = *state;
    struct budget_need needs[] = {account(2),
                                  {.kind = BUDGET_FAILURES,
                                   .key = "name",
                                   .limit = {1, NS_PER_HOUR},
                                   .only_looked_at = true}};
    assert_true(ask(s, "ns", "1", needs, 1).granted);
    assert_true(ask(s, "ns", "2", needs, 2).granted);
    budgets_count(s->b, needs, 1, 0);
    struct budget_answer a = ask(s, "ns", "1", needs, 1);
    assert_false(a.granted);
    assert_int_equal(a.kind, BUDGET_ORDERS);
    assert_int_equal(a.at, NOW + EACH);
    assert_int_equal(budgets_left(s->b, &needs[0]), 0);
    assert_true(ask(s, "ns", "2", needs, 2).granted);
    budgets_count(s->b, &needs[1], 1, 0);
    a = ask(s, "ns", "2", needs, 2);
    assert_false(a.granted);
    assert_int_equal(a.kind, BUDGET_FAILURES);
    assert_int_equal(budgets_left(s->b, &needs[0]), 1);
}

/* What the server counted two seconds later comes back two seconds later. */
static void an_order_counts_when_it_is_answered(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(2);
    assert_int_equal(budgets_placed(s->b, "1"), 0);
    assert_true(ask(s, "ns", "1", &need, 1).granted);
    assert_true(ask(s, "ns", "2", &need, 1).granted);
    clock_manual_advance(&s->clock, 2 * NS_PER_SEC);
    assert_int_equal(budgets_placed(s->b, "2"), NOW + 2 * NS_PER_SEC);
    assert_int_equal(budgets_placed(s->b, "1"), NOW + 2 * NS_PER_SEC);
    struct budget_answer a = ask(s, "ns", "3", &need, 1);
    assert_int_equal(a.at, NOW + 2 * NS_PER_SEC + EACH);
    clock_manual_advance(&s->clock, NS_PER_SEC);
    assert_int_equal(budgets_placed(s->b, "1"), NOW + 2 * NS_PER_SEC);
    assert_int_equal(ask(s, "ns", "3", &need, 1).at, a.at);
}

/* The server may count it at any time until it has answered, so nothing of it comes back before. */
static void what_is_being_placed_does_not_come_back(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(2);
    assert_true(ask(s, "ns", "slow", &need, 1).granted);
    clock_manual_advance(&s->clock, 2 * EACH);
    auto_free char *text = budgets_text(s->b); /* which forgets what is full again */
    assert_int_equal(budgets_left(s->b, &need), 1);
    assert_true(place(s, "quick", &need));
    assert_int_equal(budgets_placed(s->b, "slow"), NOW + 2 * EACH);
    struct budget_answer a = ask(s, "ns", "next", &need, 1);
    assert_false(a.granted);
    assert_int_equal(a.at, NOW + 3 * EACH);
}

/* Not even when it was lost: it may have been counted just before that was known. */
static void what_was_lost_counts_from_then(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(1);
    assert_true(ask(s, "ns", "lost", &need, 1).granted);
    clock_manual_advance(&s->clock, EACH);
    budgets_settle(s->b, "lost", BUDGET_FAILED);
    assert_int_equal(ask(s, "ns", "next", &need, 1).at, NOW + 2 * EACH);
}

/* Whoever cannot be placed after all takes nothing. */
static void what_was_not_placed_is_free_at_once(void **state)
{
    struct scene *s = *state;
    struct budget_need needs[] = {account(1),
                                  {.kind = BUDGET_DAY, .key = "i", .limit = {1, 0}},
                                  {.kind = BUDGET_SET, .key = "any", .limit = {0, 0}}};
    for (int i = 0; i < 10; i++) {
        assert_true(ask_number(s, "ns", i, needs, 3).granted);
        assert_false(ask(s, "ns", "other", needs, 3).granted);
        budgets_settle(s->b, "other", BUDGET_NOT_PLACED);
        char id[32];
        snprintf(id, sizeof(id), "ns-%d", i);
        budgets_settle(s->b, id, BUDGET_NOT_PLACED);
        for (int n = 0; n < 2; n++)
            assert_int_equal(budgets_left(s->b, &needs[n]), 1);
    }
}

/* A call to the server: 0 = there is none, or it has been counted. */
struct call {
    char id[16];
    int64_t counts_at, answers_at;
};

/* True when it has been answered. */
static bool go_on(struct scene *s, struct call *c, int64_t *server_full_at)
{
    int64_t now = clock_wall(&s->clock.clock);
    if (c->counts_at != 0 && c->counts_at <= now) {
        int64_t from = *server_full_at > now ? *server_full_at : now;
        assert_true(from - now <= 2 * EACH); /* of three: else it refuses */
        *server_full_at = from + EACH;
        c->counts_at = 0;
    }
    if (c->answers_at == 0 || c->answers_at > now || c->counts_at != 0)
        return false;
    assert_int_equal(budgets_placed(s->b, c->id), now);
    budgets_settle(s->b, c->id, BUDGET_ISSUED);
    c->answers_at = 0;
    return true;
}

/* Whenever within a call it counts, and however long that takes: a server never has to refuse. */
static void a_slow_server_never_has_to_refuse(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(3);
    struct rng_seeded dice;
    rng_seeded_init(&dice, 11);
    struct call calls[3] = {0};
    int64_t server_full_at = 0;
    int answered = 0;
    for (int i = 0; i < 20000; i++) {
        clock_manual_advance(&s->clock, rng_between(&dice.rng, 0, 20 * NS_PER_SEC));
        int64_t now = clock_wall(&s->clock.clock);
        for (size_t n = 0; n < ARRAY_LEN(calls); n++)
            answered += go_on(s, &calls[n], &server_full_at) ? 1 : 0;
        struct call *c = &calls[i % 3];
        if (c->answers_at != 0)
            continue;
        snprintf(c->id, sizeof(c->id), "%d", i);
        if (!ask(s, "ns", c->id, &need, 1).granted) {
            budgets_settle(s->b, c->id, BUDGET_NOT_PLACED);
            continue;
        }
        c->counts_at = rng_between(&dice.rng, now, now + NS_PER_MIN);
        c->answers_at = rng_between(&dice.rng, c->counts_at, c->counts_at + NS_PER_MIN);
    }
    assert_in_range(answered, 1000, 20000);
}

static void who_waits_is_told_for_what_and_until_when(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(1);
    assert_true(place(s, "1", &need));
    struct budget_answer a = ask(s, "ns", "2", &need, 1);
    assert_false(a.granted);
    assert_int_equal(a.kind, BUDGET_ORDERS);
    assert_string_equal(a.key, "account");
    assert_int_equal(a.at, NOW + EACH);
    assert_int_equal(a.look_at, NOW + EACH);
    assert_int_equal(budgets_waiting(s->b, BUDGET_ORDERS), 1);
    assert_int_equal(budgets_waiting(s->b, BUDGET_SET), 0);
    clock_manual_advance(&s->clock, EACH);
    assert_true(ask(s, "ns", "2", &need, 1).granted);
    assert_int_equal(budgets_waiting(s->b, BUDGET_ORDERS), 0);
}

static void nothing_is_taken_when_one_need_is_missing(void **state)
{
    struct scene *s = *state;
    struct budget_need needs[2] = {account(5),
                                   {.kind = BUDGET_SET, .key = "set", .limit = {1, NS_PER_DAY}}};
    assert_true(ask(s, "ns", "1", needs, 2).granted);
    struct budget_answer a = ask(s, "ns", "2", needs, 2);
    assert_false(a.granted);
    assert_int_equal(a.kind, BUDGET_SET);
    assert_int_equal(a.at, NOW + NS_PER_DAY);
    assert_int_equal(a.look_at, NOW + 10 * NS_PER_MIN);
    assert_int_equal(budgets_left(s->b, &needs[0]), 4);
    /* Who lacks nothing does not wait for him who does. */
    clock_manual_advance(&s->clock, 2 * NS_PER_SEC);
    struct budget_need only = account(5);
    ask(s, "other", "3", &only, 1);
    clock_manual_advance(&s->clock, NS_PER_SEC);
    assert_true(ask(s, "other", "3", &only, 1).granted);
}

/* 1,000 of one namespace wait when another comes with one: it is the second to go. */
static void a_thousand_do_not_starve_one(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(1);
    assert_true(place(s, "greedy-0", &need));
    for (int i = 1; i <= 1000; i++)
        assert_false(ask_number(s, "greedy", i, &need, 1).granted);
    clock_manual_advance(&s->clock, 2 * NS_PER_SEC);
    assert_false(ask_number(s, "modest", 0, &need, 1).granted);
    int went = 0;
    bool served = false;
    for (int round = 0; round < 3 && !served; round++) {
        clock_manual_advance(&s->clock, EACH);
        for (int i = 1; i <= 1000; i++)
            went += ask_number(s, "greedy", i, &need, 1).granted ? 1 : 0;
        served = ask_number(s, "modest", 0, &need, 1).granted;
        for (int i = 1; i <= went; i++) {
            char id[32];
            snprintf(id, sizeof(id), "greedy-%d", i);
            budgets_settle(s->b, id, BUDGET_ISSUED);
        }
    }
    assert_true(served);
    assert_true(went <= 1);
}

/* Namespaces that always have somebody waiting get the same number of turns, and each its own in the
 * order they came. */
static void turns_are_even(void **state)
{
    struct scene *s = *state;
    static const char *const spaces[] = {"a", "b", "c"};
    static const int many[] = {300, 30, 60};
    struct budget_need need = account(1);
    assert_true(place(s, "first", &need));
    for (int n = 0; n < 3; n++)
        for (int i = 0; i < many[n]; i++)
            ask_number(s, spaces[n], i, &need, 1);
    int got[3] = {0};
    for (int round = 0; round < 60; round++) {
        clock_manual_advance(&s->clock, EACH);
        for (int n = 0; n < 3; n++)
            for (int i = got[n]; i < many[n]; i++) {
                if (!ask_number(s, spaces[n], i, &need, 1).granted)
                    continue;
                assert_int_equal(i, got[n]);
                char id[32];
                snprintf(id, sizeof(id), "%s-%d", spaces[n], i);
                budgets_placed(s->b, id);
                got[n]++;
            }
    }
    for (int n = 0; n < 3; n++)
        assert_int_equal(got[n], 20);
}

static void who_does_not_come_loses_the_place(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(1);
    assert_true(place(s, "1", &need));
    assert_false(ask(s, "ns", "dead", &need, 1).granted);
    clock_manual_advance(&s->clock, 2 * NS_PER_SEC);
    assert_false(ask(s, "ns", "alive", &need, 1).granted);
    clock_manual_advance(&s->clock, EACH);
    assert_false(ask(s, "ns", "alive", &need, 1).granted);
    clock_manual_advance(&s->clock, 3 * NS_PER_MIN);
    assert_true(ask(s, "ns", "alive", &need, 1).granted);
}

static void who_leaves_makes_room_at_once(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(1);
    assert_true(place(s, "1", &need));
    assert_false(ask(s, "ns", "leaves", &need, 1).granted);
    clock_manual_advance(&s->clock, EACH);
    assert_false(ask(s, "ns", "next", &need, 1).granted);
    budgets_settle(s->b, "leaves", BUDGET_NOT_PLACED);
    assert_true(ask(s, "ns", "next", &need, 1).granted);
}

static void what_failed_comes_back_but_for_the_order(void **state)
{
    struct scene *s = *state;
    struct budget_need needs[] = {account(5),
                                  {.kind = BUDGET_DOMAIN, .key = "d", .limit = {5, NS_PER_DAY}},
                                  {.kind = BUDGET_DAY, .key = "i", .limit = {5, 0}}};
    static const struct {
        enum budget_outcome outcome;
        int64_t left[3];
    } rows[] = {
        {BUDGET_ISSUED, {4, 4, 4}}, {BUDGET_FAILED, {3, 4, 4}}, {BUDGET_NOT_PLACED, {3, 4, 4}}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(ask_number(s, "ns", (int)i, needs, 3).granted);
        char id[32];
        snprintf(id, sizeof(id), "ns-%zu", i);
        budgets_settle(s->b, id, rows[i].outcome);
        budgets_settle(s->b, id, rows[i].outcome); /* once only */
        for (int n = 0; n < 3; n++)
            assert_int_equal(budgets_left(s->b, &needs[n]), rows[i].left[n]);
    }
}

static void failures_stop_and_are_not_taken(void **state)
{
    struct scene *s = *state;
    struct budget_need needs[] = {account(100),
                                  {.kind = BUDGET_FAILURES,
                                   .key = "account a.test",
                                   .limit = {2, NS_PER_HOUR},
                                   .only_looked_at = true}};
    for (int i = 0; i < 5; i++)
        assert_true(ask_number(s, "ns", i, needs, 2).granted);
    budgets_count(s->b, &needs[1], 1, 0);
    assert_true(ask_number(s, "ns", 5, needs, 2).granted);
    budgets_count(s->b, &needs[1], 1, 0);
    struct budget_answer a = ask_number(s, "ns", 6, needs, 2);
    assert_false(a.granted);
    assert_int_equal(a.kind, BUDGET_FAILURES);
    assert_int_equal(a.at, NOW + NS_PER_HOUR / 2);
}

static void who_cannot_wait_passes_and_counts(void **state)
{
    struct scene *s = *state;
    struct budget_need day = {.kind = BUDGET_DAY, .key = "i", .limit = {1, 0}};
    assert_true(ask(s, "ns", "1", &day, 1).granted);
    struct budget_answer a = ask(s, "ns", "2", &day, 1);
    assert_false(a.granted);
    assert_int_equal(a.at, 20001 * NS_PER_DAY);
    day.never_waits = true;
    clock_manual_advance(&s->clock, 2 * NS_PER_SEC);
    ask(s, "ns", "3", &day, 1);
    clock_manual_advance(&s->clock, 2 * NS_PER_SEC);
    assert_true(ask(s, "ns", "3", &day, 1).granted);
    assert_int_equal(budgets_left(s->b, &day), -1);
}

static void a_refusal_lets_the_account_pause(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(100);
    assert_true(ask(s, "ns", "1", &need, 1).granted);
    budgets_refused(s->b, "1");
    struct budget_answer a = ask(s, "ns", "2", &need, 1);
    assert_false(a.granted);
    assert_int_equal(a.at, NOW + NS_PER_MIN);
    clock_manual_advance(&s->clock, NS_PER_MIN);
    assert_true(ask(s, "ns", "2", &need, 1).granted);
}

static void the_text_brings_all_back(void **state)
{
    struct scene *s = *state;
    struct budget_need need = account(3);
    int64_t at = 7;
    assert_false(budgets_changed(s->b, &at));
    assert_int_equal(at, 0);
    assert_false(budgets_has_news(s->b));
    assert_true(ask(s, "ns", "1", &need, 1).granted);
    assert_false(budgets_has_news(s->b)); /* nothing is spent yet */
    assert_true(place(s, "1", &need));
    assert_true(budgets_changed(s->b, &at));
    assert_true(budgets_has_news(s->b));
    assert_false(budgets_has_news(s->b));
    auto_free char *text = budgets_text(s->b);
    assert_false(budgets_changed(s->b, &at));
    assert_int_equal(at, NOW);
    budgets_not_stored(s->b);
    assert_true(budgets_has_news(s->b));
    assert_true(ask(s, "ns", "2", &need, 1).granted);
    at = 0;
    assert_null(budgets_load(s->b, text, &at));
    assert_int_equal(at, NOW);
    assert_int_equal(budgets_left(s->b, &need), 2);
    budgets_adopt(s->b, "1", &need, 1, NOW - 5);
    struct budget_answer a = ask(s, "ns", "1", &need, 1);
    assert_true(a.granted && a.at == NOW - 5);
    assert_int_equal(budgets_left(s->b, &need), 2);
    assert_null(budgets_load(s->b, NULL, &at));
    assert_int_equal(at, 0);
    assert_int_equal(budgets_left(s->b, &need), 3);
}

/* An order of last week takes nothing of today's. */
static void what_was_long_ago_has_come_back(void **state)
{
    struct scene *s = *state;
    struct budget_need needs[] = {account(3), {.kind = BUDGET_DAY, .key = "i", .limit = {3, 0}}};
    for (int i = 0; i < 100; i++)
        budgets_count(s->b, needs, 2, NOW - 7 * NS_PER_DAY + i * NS_PER_HOUR);
    assert_int_equal(budgets_left(s->b, &needs[0]), 3);
    assert_int_equal(budgets_left(s->b, &needs[1]), 3);
    budgets_count(s->b, needs, 2, NOW - NS_PER_SEC);
    budgets_count(s->b, &needs[1], 1, NOW - NS_PER_DAY);
    assert_int_equal(budgets_left(s->b, &needs[0]), 2);
    assert_int_equal(budgets_left(s->b, &needs[1]), 2);
}

static void a_bad_text_is_refused(void **state)
{
    struct scene *s = *state;
    static const char *const texts[] = {
        "", "[", "[]", "{}", "{\"version\":2}", "{\"version\":\"1\",\"spent\":[]}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int64_t at = 7;
        AUTO_ERR e = budgets_load(s->b, texts[i], &at);
        assert_true(err_is(e, ERR_INVALID));
        assert_int_equal(at, 0);
    }
}

static void *hammer(void *arg)
{
    struct scene *s = arg;
    struct budget_need need = account(50);
    for (int i = 0; i < 200; i++) {
        ask_number(s, "threads", i, &need, 1);
        budgets_waiting(s->b, BUDGET_ORDERS);
    }
    return NULL;
}

static void threads_share_one_budget(void **state)
{
    struct scene *s = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, s), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    struct budget_need need = account(50);
    assert_int_equal(budgets_left(s->b, &need), 0);
    assert_int_equal(budgets_waiting(s->b, BUDGET_ORDERS), 150);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        TEST(asking_twice_takes_once),
        TEST(a_raised_limit_lets_go),
        TEST(a_grant_is_for_its_account),
        TEST(what_is_heard_of_meanwhile_goes_before_a_grant),
        TEST(an_order_counts_when_it_is_answered),
        TEST(what_is_being_placed_does_not_come_back),
        TEST(what_was_lost_counts_from_then),
        TEST(what_was_not_placed_is_free_at_once),
        TEST(a_slow_server_never_has_to_refuse),
        TEST(who_waits_is_told_for_what_and_until_when),
        TEST(nothing_is_taken_when_one_need_is_missing),
        TEST(a_thousand_do_not_starve_one),
        TEST(turns_are_even),
        TEST(who_does_not_come_loses_the_place),
        TEST(who_leaves_makes_room_at_once),
        TEST(what_failed_comes_back_but_for_the_order),
        TEST(failures_stop_and_are_not_taken),
        TEST(who_cannot_wait_passes_and_counts),
        TEST(a_refusal_lets_the_account_pause),
        TEST(the_text_brings_all_back),
        TEST(what_was_long_ago_has_come_back),
        TEST(a_bad_text_is_refused),
        TEST(threads_share_one_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
