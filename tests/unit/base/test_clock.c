/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

static void reads_the_kernels_clocks(void **state)
{
    (void)state;
    const struct clock *c = clock_system();
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    int64_t wall = clock_wall(c);
    clock_gettime(CLOCK_REALTIME, &after);
    assert_true(wall >= before.tv_sec * NS_PER_SEC + before.tv_nsec);
    assert_true(wall <= after.tv_sec * NS_PER_SEC + after.tv_nsec);
    clock_gettime(CLOCK_BOOTTIME, &before);
    int64_t mono = clock_mono(c);
    assert_true(mono >= before.tv_sec * NS_PER_SEC + before.tv_nsec);
    assert_true(clock_mono(c) >= mono);
}

static void a_manual_clock_moves_by_hand(void **state)
{
    (void)state;
    struct clock_manual c;
    clock_manual_init(&c, 1000);
    int64_t mono = clock_mono(&c.clock);
    assert_int_equal(clock_wall(&c.clock), 1000);
    assert_true(mono > 0);
    clock_manual_advance(&c, NS_PER_DAY);
    assert_int_equal(clock_wall(&c.clock), 1000 + NS_PER_DAY);
    assert_int_equal(clock_mono(&c.clock), mono + NS_PER_DAY);
}

static void *advance(void *arg)
{
    for (int i = 0; i < 1000; i++)
        clock_manual_advance(arg, 1);
    return NULL;
}

static void a_manual_clock_is_thread_safe(void **state)
{
    (void)state;
    struct clock_manual c;
    clock_manual_init(&c, 0);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, advance, &c), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(clock_wall(&c.clock), 4000);
}

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool open;
};

static void *open_gate(void *arg)
{
    struct gate *g = arg;
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_signal(&g->cond);
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

static void waits_until_signalled(void **state)
{
    (void)state;
    struct gate g = {.lock = PTHREAD_MUTEX_INITIALIZER};
    cond_init_mono(&g.cond);
    pthread_mutex_lock(&g.lock);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, open_gate, &g), 0);
    while (!g.open)
        assert_true(cond_wait_until(&g.cond, &g.lock, INT64_MAX));
    pthread_mutex_unlock(&g.lock);
    pthread_join(thread, NULL);
    pthread_cond_destroy(&g.cond);
}

static void times_out_at_the_deadline(void **state)
{
    (void)state;
    struct gate g = {.lock = PTHREAD_MUTEX_INITIALIZER};
    cond_init_mono(&g.cond);
    pthread_mutex_lock(&g.lock);
    int64_t start = clock_mono(clock_system());
    assert_false(cond_wait_until(&g.cond, &g.lock, start));
    assert_false(cond_wait_until(&g.cond, &g.lock, INT64_MIN));
    int64_t deadline = start + 20 * NS_PER_MS;
    while (cond_wait_until(&g.cond, &g.lock, deadline))
        ;
    assert_true(clock_mono(clock_system()) >= deadline);
    assert_int_equal(pthread_mutex_trylock(&g.lock), EBUSY);
    pthread_mutex_unlock(&g.lock);
    pthread_cond_destroy(&g.cond);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_kernels_clocks),
        cmocka_unit_test(a_manual_clock_moves_by_hand),
        cmocka_unit_test(a_manual_clock_is_thread_safe),
        cmocka_unit_test(waits_until_signalled),
        cmocka_unit_test(times_out_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
