/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is, where not all wait for the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "budget/waiters.h"

#define NOW (20000 * NS_PER_DAY + 5 * NS_PER_HOUR)
#define EACH (36 * NS_PER_SEC)

struct scene {
    struct waiters t;
    struct budget_ledger l;
    int64_t now;
};

static int setup(void **state)
{
    struct scene *s = x_calloc(1, sizeof(*s));
    waiters_init(&s->t);
    budget_ledger_init(&s->l);
    s->now = NOW;
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    waiters_release(&s->t);
    budget_ledger_release(&s->l);
    free(s);
    return 0;
}

/* One of each comes in EACH. */
static const struct budget_need one = {.kind = BUDGET_ORDERS, .key = "one", .limit = {1, EACH}};
static const struct budget_need two = {.kind = BUDGET_ORDERS, .key = "two", .limit = {1, EACH}};
static const struct budget_need plenty = {
    .kind = BUDGET_ORDERS, .key = "plenty", .limit = {9, 9 * EACH}};

/* So many of a namespace come, "ns-0" first. */
static void come(struct scene *s, const char *ns, int count, const struct budget_need *need)
{
    for (int i = 0; i < count; i++) {
        auto_free char *id = x_printf("%s-%s-%d", ns, need->key, i);
        assert_non_null(waiters_add(&s->t, id, ns, need, 1));
    }
}

static void go(struct scene *s)
{
    waiters_walk(&s->t, &s->l, s->now);
    for (size_t i = 0; i < s->t.len;) {
        struct waiter *w = s->t.waiting[i];
        if (!w->may_go) {
            i++;
            continue;
        }
        for (size_t n = 0; n < w->count; n++)
            budget_take(&s->l, &w->needs[n], s->now);
        waiters_remove(&s->t, w, true);
    }
}

/* How many turns go by until nobody of the namespace waits for it. */
static int turns_of(struct scene *s, const char *ns, const struct budget_need *need)
{
    auto_free char *id = x_printf("%s-%s-0", ns, need->key);
    int turns = 0;
    for (; waiters_find(&s->t, id) != NULL && turns < 1000; turns++) {
        s->now += EACH;
        go(s);
    }
    return turns;
}

/* Whoever lacks nothing, or something else for a moment, passes by those who wait; who comes then is no farther from what
 * they wait for. */
static void who_passes_others_by_sets_nobody_back(void **state)
{
    (void)state;
    static const struct budget_need *const others[] = {&plenty, &two};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        void *fresh = NULL;
        setup(&fresh);
        struct scene *s = fresh;
        budget_take(&s->l, &one, s->now);
        budget_take(&s->l, &two, s->now - NS_PER_SEC);
        come(s, "greedy", 100, &one);
        come(s, "greedy", 1, others[i]);
        go(s);
        s->now += EACH - NS_PER_SEC;
        go(s);
        assert_int_equal(s->t.len, 100);
        come(s, "modest", 1, &one);
        assert_in_range(turns_of(s, "modest", &one), 1, 3);
        teardown(&fresh);
    }
}

static void come_for_any(struct scene *s, struct rng_seeded *dice, const char *ns)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};
    const struct budget_need needs[] = {
        one,
        {.kind = BUDGET_DOMAIN, .key = keys[rng_below(&dice->rng, 6)], .limit = {2, 6 * EACH}}};
    auto_free char *id = x_printf("%s-%zu", ns, (size_t)s->t.arrivals);
    assert_non_null(waiters_add(&s->t, id, ns, needs, 2));
}

static size_t count_of(const struct scene *s, const char *ns)
{
    size_t n = 0;
    for (size_t i = 0; i < s->t.len; i++)
        n += str_eq(s->t.waiting[i]->ns, ns) ? 1 : 0;
    return n;
}

/* All need one thing and each one of six others. A hundred of one namespace always wait, of the other one at a time. */
static void a_flood_for_many_things_leaves_others_their_turns(void **state)
{
    struct scene *s = *state;
    struct rng_seeded dice;
    rng_seeded_init(&dice, 5);
    int64_t served = 0, since = s->now;
    for (int i = 0; i < 6000; i++, s->now += 6 * NS_PER_SEC) {
        while (count_of(s, "flood") < 100)
            come_for_any(s, &dice, "flood");
        if (count_of(s, "modest") == 0) {
            come_for_any(s, &dice, "modest");
            served++;
            since = s->now;
        }
        go(s);
        assert_true(s->now - since <= 10 * EACH);
    }
    assert_in_range(served, 350, 500); /* of 1000 */
}

/* Each of two things is taken by others the moment it comes, and never do both come at once. */
static void who_needs_two_things_gets_them(void **state)
{
    (void)state;
    static const int64_t phases[] = {0, 6, 18, 30};
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        void *fresh = NULL;
        setup(&fresh);
        struct scene *s = fresh;
        const struct budget_need both[] = {one, two};
        budget_take(&s->l, &one, s->now);
        budget_take(&s->l, &two, s->now + phases[i] * NS_PER_SEC);
        come(s, "ones", 100, &one);
        come(s, "twos", 100, &two);
        assert_non_null(waiters_add(&s->t, "both", "both", both, 2));
        int64_t from = s->now;
        for (; waiters_find(&s->t, "both") != NULL; s->now += 6 * NS_PER_SEC) {
            go(s);
            assert_true(s->now - from <= 4 * EACH);
        }
        /* And nothing is lost by that, but what others would have had meanwhile. */
        for (; s->now - from <= 20 * EACH; s->now += 6 * NS_PER_SEC)
            go(s);
        assert_in_range(count_of(s, "ones"), 79, 82);
        assert_in_range(count_of(s, "twos"), 79, 82);
        teardown(&fresh);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        TEST(who_passes_others_by_sets_nobody_back),
        TEST(who_needs_two_things_gets_them),
        TEST(a_flood_for_many_things_leaves_others_their_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
