/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/mem.h"

static void doubles_up_to_the_cap(void **state)
{
    (void)state;
    const struct backoff b = {.base = 5 * NS_PER_MS, .cap = 1000 * NS_PER_SEC};
    assert_true(backoff_delay(&b, 0, NULL) == 5 * NS_PER_MS);
    assert_true(backoff_delay(&b, 1, NULL) == 10 * NS_PER_MS);
    assert_true(backoff_delay(&b, 17, NULL) == 5 * NS_PER_MS << 17);
    assert_true(backoff_delay(&b, 18, NULL) == 1000 * NS_PER_SEC);
    assert_true(backoff_delay(&b, 1000, NULL) == 1000 * NS_PER_SEC);
    assert_true(backoff_delay(&b, UINT32_MAX, NULL) == 1000 * NS_PER_SEC);
}

static void odd_settings_stay_sane(void **state)
{
    (void)state;
    static const struct {
        struct backoff b;
        unsigned attempt;
        int64_t delay;
    } rows[] = {
        {{.base = 10, .cap = 5}, 0, 5},
        {{.base = 10, .cap = 5}, 9, 5},
        {{.base = 3, .cap = 10}, 2, 10},
        {{.base = 0, .cap = 10}, 99, 0},
        {{.base = -5, .cap = 10}, 3, 0},
        {{.base = 5, .cap = 0}, 3, 0},
        {{.base = 5, .cap = -1}, 3, 0},
        {{.base = 1, .cap = INT64_MAX}, 62, INT64_C(1) << 62},
        {{.base = 1, .cap = INT64_MAX}, 63, INT64_MAX},
        {{.base = INT64_MAX, .cap = INT64_MAX}, 5, INT64_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(backoff_delay(&rows[i].b, rows[i].attempt, NULL) == rows[i].delay);
}

static void jitter_only_adds(void **state)
{
    (void)state;
    struct rng_seeded r;
    rng_seeded_init(&r, 3);
    const struct backoff b = {.base = 1000, .cap = 4000, .jitter_percent = 25};
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 10000; i++) {
        int64_t delay = backoff_delay(&b, 9, &r.rng);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_in_range(least, 4000, 4010);
    assert_in_range(most, 4990, 4999);
    assert_int_equal(backoff_delay(&b, 9, NULL), 4000);
}

static void jitter_does_not_overflow(void **state)
{
    (void)state;
    struct rng_seeded r;
    rng_seeded_init(&r, 3);
    const struct backoff b = {.base = INT64_MAX, .cap = INT64_MAX, .jitter_percent = 100000};
    for (int i = 0; i < 100; i++)
        assert_true(backoff_delay(&b, 0, &r.rng) == INT64_MAX);
    const struct backoff none = {.base = 10, .cap = 10, .jitter_percent = -50};
    assert_int_equal(backoff_delay(&none, 0, &r.rng), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_the_cap),
        cmocka_unit_test(odd_settings_stay_sane),
        cmocka_unit_test(jitter_only_adds),
        cmocka_unit_test(jitter_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
