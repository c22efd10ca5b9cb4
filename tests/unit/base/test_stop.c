/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/stop.h"

static void count(void *arg)
{
    atomic_int *calls = arg;
    atomic_fetch_add(calls, 1);
}

static void is_set_once_and_for_all(void **state)
{
    (void)state;
    AUTO_ERR none = stop_check(NULL);
    assert_null(none);
    assert_false(stop_is_set(NULL));
    struct stop *s = stop_new();
    assert_false(stop_is_set(s));
    assert_null(stop_check(s));
    stop_set(s);
    stop_set(s);
    assert_true(stop_is_set(s));
    AUTO_ERR e = stop_check(s);
    assert_true(err_is(e, ERR_CANCELLED));
    stop_free(s);
    stop_free(NULL);
}

static void calls_each_listener_once(void **state)
{
    (void)state;
    struct stop *s = stop_new();
    atomic_int a = 0, b = 0, removed = 0, late = 0;
    struct stop_listener l[6] = {0};
    stop_listen(s, &l[0], count, &a);
    stop_listen(s, &l[1], count, &removed); /* the last, one within, the first of the list */
    stop_listen(s, &l[2], count, &b);
    stop_listen(s, &l[3], count, &removed);
    stop_listen(s, &l[4], count, &b);
    stop_unlisten(s, &l[3]);
    stop_unlisten(s, &l[3]);
    stop_unlisten(s, &l[1]);
    stop_unlisten(s, &l[5]);
    stop_listen(s, &l[3], count, &removed);
    stop_unlisten(s, &l[3]);
    stop_set(s);
    stop_set(s);
    assert_int_equal(a, 1);
    assert_int_equal(b, 2);
    assert_int_equal(removed, 0);
    stop_listen(s, &l[5], count, &late);
    assert_int_equal(late, 1);
    stop_unlisten(s, &l[5]);
    stop_unlisten(s, &l[0]);
    stop_free(s);
}

static void freeing_calls_nobody(void **state)
{
    (void)state;
    struct stop *s = stop_new();
    struct stop_listener l;
    atomic_int calls = 0;
    stop_listen(s, &l, count, &calls);
    stop_free(s);
    assert_int_equal(calls, 0);
}

struct asker {
    struct stop *stop;
    bool was_set;
};

static void ask_and_set_again(void *arg)
{
    struct asker *a = arg;
    a->was_set = stop_is_set(a->stop);
    stop_set(a->stop);
}

static void a_listener_may_ask_and_set(void **state)
{
    (void)state;
    struct stop *s = stop_new();
    struct asker a = {.stop = s};
    struct stop_listener l;
    stop_listen(s, &l, ask_and_set_again, &a);
    stop_set(s);
    assert_true(a.was_set);
    stop_free(s);
}

struct waiter {
    struct stop *stop;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;
};

static void wake(void *arg)
{
    struct waiter *w = arg;
    pthread_mutex_lock(&w->lock);
    w->woken = true;
    pthread_cond_broadcast(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

static void *wait_for_stop(void *arg)
{
    struct waiter w = {.stop = arg, .lock = PTHREAD_MUTEX_INITIALIZER};
    cond_init_mono(&w.cond);
    struct stop_listener l;
    stop_listen(w.stop, &l, wake, &w);
    pthread_mutex_lock(&w.lock);
    while (!w.woken)
        cond_wait_until(&w.cond, &w.lock, INT64_MAX);
    pthread_mutex_unlock(&w.lock);
    stop_unlisten(w.stop, &l); /* w is on this stack: the listener must be over */
    pthread_cond_destroy(&w.cond);
    pthread_mutex_destroy(&w.lock);
    return NULL;
}

static void *set_it(void *arg)
{
    stop_set(arg);
    return NULL;
}

static void wakes_blocked_threads(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        struct stop *s = stop_new();
        pthread_t waiters[4], setters[2];
        for (size_t i = 0; i < ARRAY_LEN(waiters); i++)
            assert_int_equal(pthread_create(&waiters[i], NULL, wait_for_stop, s), 0);
        for (size_t i = 0; i < ARRAY_LEN(setters); i++)
            assert_int_equal(pthread_create(&setters[i], NULL, set_it, s), 0);
        for (size_t i = 0; i < ARRAY_LEN(waiters); i++)
            pthread_join(waiters[i], NULL);
        for (size_t i = 0; i < ARRAY_LEN(setters); i++)
            pthread_join(setters[i], NULL);
        assert_true(stop_is_set(s));
        stop_free(s);
    }
}

static void *come_and_go(void *arg)
{
    atomic_int calls = 0;
    for (int i = 0; i < 500; i++) {
        struct stop_listener l;
        stop_listen(arg, &l, count, &calls);
        stop_unlisten(arg, &l);
    }
    return NULL;
}

static void listeners_come_and_go_while_it_is_set(void **state)
{
    (void)state;
    struct stop *s = stop_new();
    pthread_t threads[3], setter;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, s), 0);
    assert_int_equal(pthread_create(&setter, NULL, set_it, s), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    pthread_join(setter, NULL);
    assert_true(stop_is_set(s));
    stop_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_set_once_and_for_all),
        cmocka_unit_test(calls_each_listener_once),
        cmocka_unit_test(freeing_calls_nobody),
        cmocka_unit_test(a_listener_may_ask_and_set),
        cmocka_unit_test(wakes_blocked_threads),
        cmocka_unit_test(listeners_come_and_go_while_it_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
