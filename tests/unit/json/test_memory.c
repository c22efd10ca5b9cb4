/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "json/internal.h"
#include "json/json.h"

#define MOST 1024
#define PIECES 20000

static size_t size_of(unsigned i)
{
    return i % 97 == 0 ? MOST + i : i % 300 + 1;
}

/* Each keeps what was written into it, wherever the others begin and end. */
static void pieces_do_not_touch_each_other(void **state)
{
    (void)state;
    static unsigned char *pieces[PIECES];
    for (unsigned i = 0; i < PIECES; i++) {
        pieces[i] = json_memory(size_of(i));
        assert_int_equal((uintptr_t)pieces[i] % 8, 0);
        memset(pieces[i], (int)(i & 0xff), size_of(i));
        /* In between some go, so that blocks empty in any order. */
        if (i % 3 == 0)
            json_memory_free(TAKE(pieces[i / 2]));
    }
    for (unsigned i = 0; i < PIECES; i++) {
        for (size_t k = 0; pieces[i] != NULL && k < size_of(i); k++)
            assert_int_equal(pieces[i][k], i & 0xff);
        json_memory_free(pieces[i]);
    }
    json_memory_free(NULL);
}

/* The next object lies where the last one was. */
static void an_empty_block_is_filled_again(void **state)
{
    (void)state;
    void *first = json_memory(100);
    void *second = json_memory(100);
    assert_ptr_not_equal(first, second);
    json_memory_free(first);
    json_memory_free(second);
    for (unsigned i = 0; i < PIECES; i++) {
        void *again = json_memory(100);
        assert_ptr_equal(again, first);
        json_memory_free(again);
    }
}

static void pieces_are_wiped(void **state)
{
    (void)state;
    char *kept = json_memory(8); /* the block stays */
    char *piece = json_memory(100);
    memset(piece, 'S', 100);
    json_memory_free(piece);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(piece[i], 0);
    json_memory_free(kept);
}

/* Half of what a thread makes is freed by another one, after the first has ended. */
#define THREADS 4
#define MADE 4000
static char *made[THREADS][MADE];

static void *make_and_free(void *arg)
{
    char **mine = arg;
    for (unsigned i = 0; i < MADE; i++) {
        mine[i] = json_memory(i % 200 + 1);
        memset(mine[i], 'x', i % 200 + 1);
        if (i % 2 == 0)
            json_memory_free(TAKE(mine[i]));
    }
    return NULL;
}

static void *free_others(void *arg)
{
    char **theirs = arg;
    for (unsigned i = 0; i < MADE; i++)
        json_memory_free(theirs[i]);
    return NULL;
}

static void in_all_threads(void *(*fn)(void *arg))
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fn, made[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void any_thread_frees_them(void **state)
{
    (void)state;
    in_all_threads(make_and_free);
    in_all_threads(free_others);
}

static int setup(void **state)
{
    (void)state;
    json_room_init();
    json_memory_init(MOST); /* under sanitizers, too */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_block_is_filled_again),
        cmocka_unit_test(pieces_do_not_touch_each_other),
        cmocka_unit_test(pieces_are_wiped),
        cmocka_unit_test(any_thread_frees_them),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
