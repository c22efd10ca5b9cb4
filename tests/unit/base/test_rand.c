/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

static void the_system_gives_fresh_numbers(void **state)
{
    (void)state;
    const struct rng *r = rng_system();
    assert_int_not_equal(rng_u64(r), rng_u64(r));
    unsigned char bytes[1000] = {0}, zeros[100] = {0};
    r->fill(r->ctx, bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i += sizeof(zeros))
        assert_memory_not_equal(bytes + i, zeros, sizeof(zeros));
}

static void a_seed_decides_everything(void **state)
{
    (void)state;
    struct rng_seeded a, b, c;
    rng_seeded_init(&a, 1234567);
    rng_seeded_init(&b, 1234567);
    rng_seeded_init(&c, 1234568);
    /* The first output of splitmix64 for this seed, as its author published it. */
    uint64_t first = rng_u64(&a.rng);
    assert_true(first == UINT64_C(6457827717110365317));
    assert_true(rng_u64(&b.rng) == first);
    assert_false(rng_u64(&c.rng) == first);
    char odd[13], same[13];
    a.rng.fill(&a, odd, sizeof(odd));
    b.rng.fill(&b, same, sizeof(same));
    assert_memory_equal(odd, same, sizeof(odd));
}

static void below_is_in_range_and_even(void **state)
{
    (void)state;
    struct rng_seeded r;
    rng_seeded_init(&r, 7);
    int seen[6] = {0};
    for (int i = 0; i < 60000; i++) {
        uint64_t x = rng_below(&r.rng, 6);
        assert_true(x < 6);
        seen[x]++;
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_int_equal(rng_below(&r.rng, 1), 0);
    assert_int_equal(rng_below(&r.rng, 0), 0);
    /* With plain modulo two thirds of the draws would land in the lower half here. */
    const uint64_t bound = UINT64_MAX / 3 * 2;
    int low = 0;
    for (int i = 0; i < 3000; i++)
        low += rng_below(&r.rng, bound) < bound / 2;
    assert_in_range(low, 1350, 1650);
}

static void between_covers_the_whole_range(void **state)
{
    (void)state;
    struct rng_seeded r;
    rng_seeded_init(&r, 9);
    bool seen[5] = {0};
    for (int i = 0; i < 1000; i++) {
        int64_t x = rng_between(&r.rng, -2, 3);
        assert_true(x >= -2 && x < 3);
        seen[x + 2] = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_true(seen[i]);
    assert_int_equal(rng_between(&r.rng, 5, 5), 5);
    assert_int_equal(rng_between(&r.rng, 5, -5), 5);
    bool negative = false, positive = false;
    for (int i = 0; i < 100; i++) {
        int64_t x = rng_between(&r.rng, INT64_MIN, INT64_MAX);
        negative |= x < 0;
        positive |= x > 0;
    }
    assert_true(negative && positive);
}

static void stuck_fill(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 0, len);
}

static void a_stuck_generator_does_not_hang(void **state)
{
    (void)state;
    const struct rng stuck = {.fill = stuck_fill};
    assert_true(rng_below(&stuck, 3) < 3);
    assert_true(rng_below(&stuck, UINT64_MAX) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_system_gives_fresh_numbers),
        cmocka_unit_test(a_seed_decides_everything),
        cmocka_unit_test(below_is_in_range_and_even),
        cmocka_unit_test(between_covers_the_whole_range),
        cmocka_unit_test(a_stuck_generator_does_not_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
