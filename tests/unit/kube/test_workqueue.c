/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/workqueue.h"

static struct clock_manual hands;

static struct workqueue *new_queue(void)
{
    clock_manual_init(&hands, 0);
    return workqueue_new(&(struct workqueue_options){.clock = &hands.clock});
}

static void expect_take(struct workqueue *q, const char *want)
{
    char key[KUBE_KEY_MAX];
    if (want == NULL) {
        assert_false(workqueue_try_take(q, key));
        return;
    }
    assert_true(workqueue_try_take(q, key));
    assert_string_equal(key, want);
}

static void test_first_in_first_out_and_once(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    workqueue_add(q, "a", WORKQUEUE_NORMAL);
    workqueue_add(q, "b", WORKQUEUE_NORMAL);
    workqueue_add(q, "a", WORKQUEUE_NORMAL);
    assert_int_equal(workqueue_len(q), 2);
    expect_take(q, "a");
    expect_take(q, "b");
    expect_take(q, NULL);
    workqueue_free(q);
}

static void test_key_added_while_processing_runs_again(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    workqueue_add(q, "a", WORKQUEUE_NORMAL);
    expect_take(q, "a");
    workqueue_add(q, "a", WORKQUEUE_NORMAL);
    workqueue_add(q, "a", WORKQUEUE_LOW);
    expect_take(q, NULL);
    workqueue_done(q, "a");
    expect_take(q, "a");
    workqueue_done(q, "a");
    expect_take(q, NULL);
    workqueue_done(q, "a");
    workqueue_done(q, "never seen");
    workqueue_free(q);
}

static void test_changes_overtake_the_initial_list(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    workqueue_add(q, "l1", WORKQUEUE_LOW);
    workqueue_add(q, "l2", WORKQUEUE_LOW);
    workqueue_add(q, "n1", WORKQUEUE_NORMAL);
    workqueue_add(q, "l2", WORKQUEUE_NORMAL); /* a change makes it urgent */
    expect_take(q, "n1");
    expect_take(q, "l2");
    expect_take(q, "l1");
    expect_take(q, NULL);
    workqueue_free(q);
}

static void test_low_keys_do_not_starve(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    workqueue_add(q, "low", WORKQUEUE_LOW);
    char key[KUBE_KEY_MAX] = "";
    int taken = 0;
    while (strcmp(key, "low") != 0) {
        workqueue_add(q, "busy", WORKQUEUE_NORMAL);
        assert_true(workqueue_try_take(q, key));
        workqueue_done(q, key);
        assert_true(++taken <= 16);
    }
    workqueue_free(q);
}

static void test_a_key_is_known_while_it_will_be_taken(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    assert_false(workqueue_has(q, "k"));
    workqueue_add_after(q, "k", NS_PER_SEC);
    assert_true(workqueue_has(q, "k")); /* delayed */
    clock_manual_advance(&hands, NS_PER_SEC);
    assert_true(workqueue_has(q, "k")); /* due */
    expect_take(q, "k");
    assert_true(workqueue_has(q, "k")); /* running */
    workqueue_failed(q, "k");
    workqueue_done(q, "k");
    assert_false(workqueue_has(q, "k")); /* only its failures are remembered */
    workqueue_free(q);
}

static void test_delayed_keys_come_when_due_and_in_order(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    assert_int_equal(workqueue_next_due(q), INT64_MAX);
    static const int seconds[] = {5, 3, 8, 1, 7, 2, 6, 4};
    char key[KUBE_KEY_MAX];
    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        snprintf(key, sizeof(key), "k%d", seconds[i]);
        workqueue_add_after(q, key, seconds[i] * NS_PER_SEC);
    }
    int64_t start = clock_mono(&hands.clock);
    for (int i = 1; i <= 8; i++) {
        expect_take(q, NULL);
        assert_int_equal(workqueue_next_due(q), start + i * NS_PER_SEC);
        clock_manual_advance(&hands, NS_PER_SEC);
        snprintf(key, sizeof(key), "k%d", i);
        expect_take(q, key);
    }
    assert_int_equal(workqueue_next_due(q), INT64_MAX);
    workqueue_free(q);
}

static void test_the_earlier_time_stays(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    int64_t start = clock_mono(&hands.clock);
    workqueue_add_after(q, "a", 10 * NS_PER_SEC);
    workqueue_add_after(q, "b", 4 * NS_PER_SEC);
    workqueue_add_after(q, "a", 20 * NS_PER_SEC);
    workqueue_add_after(q, "a", 2 * NS_PER_SEC);
    assert_int_equal(workqueue_next_due(q), start + 2 * NS_PER_SEC);
    clock_manual_advance(&hands, 30 * NS_PER_SEC);
    expect_take(q, "a");
    expect_take(q, "b");
    expect_take(q, NULL);
    workqueue_add_after(q, "c", INT64_MAX);
    assert_int_equal(workqueue_next_due(q), INT64_MAX);
    workqueue_add_after(q, "d", -1);
    expect_take(q, "d");
    workqueue_free(q);
}

static void test_a_run_drops_the_look_planned_before_it(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    workqueue_add_after(q, "a", NS_PER_SEC);
    workqueue_add_after(q, "other", 5 * NS_PER_SEC);
    workqueue_add(q, "a", WORKQUEUE_NORMAL);
    expect_take(q, "a");
    workqueue_done(q, "a");
    clock_manual_advance(&hands, 2 * NS_PER_SEC);
    expect_take(q, NULL);
    clock_manual_advance(&hands, 3 * NS_PER_SEC);
    expect_take(q, "other");
    workqueue_free(q);
}

static void test_due_while_processing_waits_for_done(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    workqueue_add(q, "a", WORKQUEUE_NORMAL);
    expect_take(q, "a");
    workqueue_add_after(q, "a", NS_PER_SEC);
    clock_manual_advance(&hands, 2 * NS_PER_SEC);
    expect_take(q, NULL);
    workqueue_done(q, "a");
    expect_take(q, "a");
    workqueue_free(q);
}

static void test_failures_back_off_per_key(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    assert_int_equal(workqueue_failed(q, "a"), 5 * NS_PER_MS);
    assert_int_equal(workqueue_failed(q, "a"), 10 * NS_PER_MS);
    assert_int_equal(workqueue_failed(q, "b"), 5 * NS_PER_MS);
    for (int i = 0; i < 40; i++)
        assert_true(workqueue_failed(q, "a") <= 1000 * NS_PER_SEC);
    assert_int_equal(workqueue_failed(q, "a"), 1000 * NS_PER_SEC);
    workqueue_forget(q, "a");
    assert_int_equal(workqueue_failed(q, "a"), 5 * NS_PER_MS);
    workqueue_free(q);
}

/* ---- threads ---- */

#define KEYS 50
#define ROUNDS 400

struct crowd {
    struct workqueue *q;
    atomic_int running[KEYS];
    atomic_int overlaps;
    atomic_int runs;
    atomic_bool over;
};

static void *taker(void *arg)
{
    struct crowd *c = arg;
    char key[KUBE_KEY_MAX];
    while (!atomic_load(&c->over)) {
        if (!workqueue_try_take(c->q, key)) {
            sched_yield();
            continue;
        }
        int n = (int)strtol(key, NULL, 10);
        if (atomic_fetch_add(&c->running[n], 1) != 0)
            atomic_fetch_add(&c->overlaps, 1);
        atomic_fetch_add(&c->runs, 1);
        atomic_fetch_sub(&c->running[n], 1);
        workqueue_done(c->q, key);
    }
    return NULL;
}

static void *adder(void *arg)
{
    struct crowd *c = arg;
    char key[KUBE_KEY_MAX];
    for (int i = 0; i < ROUNDS * KEYS; i++) {
        snprintf(key, sizeof(key), "%d", i % KEYS);
        if (i % 3 == 0)
            workqueue_add_after(c->q, key, NS_PER_MS);
        else
            workqueue_add(c->q, key, i % 2 == 0 ? WORKQUEUE_NORMAL : WORKQUEUE_LOW);
    }
    return NULL;
}

static void test_no_key_runs_twice_at_once(void **state)
{
    (void)state;
    static struct crowd c;
    c.q = workqueue_new(&(struct workqueue_options){.clock = clock_system()});
    pthread_t takers[3];
    pthread_t adders[2];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&takers[i], NULL, taker, &c), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&adders[i], NULL, adder, &c), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(adders[i], NULL);
    /* The last keys were added with a delay: wait until they have run. */
    while (workqueue_next_due(c.q) != INT64_MAX || workqueue_len(c.q) > 0)
        sched_yield();
    atomic_store(&c.over, true);
    for (int i = 0; i < 3; i++)
        pthread_join(takers[i], NULL);
    assert_int_equal(c.overlaps, 0);
    assert_true(c.runs >= KEYS);
    char key[KUBE_KEY_MAX];
    workqueue_shutdown(c.q);
    workqueue_add(c.q, "1", WORKQUEUE_NORMAL);
    assert_false(workqueue_try_take(c.q, key));
    workqueue_free(c.q);
}

static void count_call(void *arg)
{
    (*(int *)arg)++;
}

static void test_a_watcher_is_told(void **state)
{
    (void)state;
    struct workqueue *q = new_queue();
    int calls = 0;
    workqueue_on_change(q, count_call, &calls);
    workqueue_add(q, "a", WORKQUEUE_NORMAL);
    assert_int_equal(calls, 1);
    workqueue_add_after(q, "b", NS_PER_SEC);
    assert_int_equal(calls, 2);
    expect_take(q, "a");
    workqueue_add(q, "a", WORKQUEUE_NORMAL);
    calls = 0;
    workqueue_done(q, "a");
    assert_int_equal(calls, 1);
    workqueue_on_change(q, NULL, NULL);
    workqueue_shutdown(q);
    assert_int_equal(calls, 1);
    workqueue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_in_first_out_and_once),
        cmocka_unit_test(test_key_added_while_processing_runs_again),
        cmocka_unit_test(test_changes_overtake_the_initial_list),
        cmocka_unit_test(test_low_keys_do_not_starve),
        cmocka_unit_test(test_a_key_is_known_while_it_will_be_taken),
        cmocka_unit_test(test_delayed_keys_come_when_due_and_in_order),
        cmocka_unit_test(test_the_earlier_time_stays),
        cmocka_unit_test(test_a_run_drops_the_look_planned_before_it),
        cmocka_unit_test(test_due_while_processing_waits_for_done),
        cmocka_unit_test(test_failures_back_off_per_key),
        cmocka_unit_test(test_no_key_runs_twice_at_once),
        cmocka_unit_test(test_a_watcher_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
