/* SPDX-License-Identifier: Apache-2.0 */
/* When a Certificate wants to be renewed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "reconciler_scene.h"
#include "reconcilers/certificate.h"
#include "support/expect.h"

#define D NS_PER_DAY
#define H NS_PER_HOUR

static void renewal_follows_the_spec(void **state)
{
    (void)state;
    static const struct {
        int64_t life;
        int64_t before;
        int64_t percentage;
        int64_t want; /* after not-before */
    } rows[] = {
        /* 2/3 of it, 1/2 when it is shorter than 10 days. */
        {90 * D, 0, 0, 60 * D},
        {10 * D, 0, 0, 10 * D - 10 * D / 3},
        {10 * D - NS_PER_SEC, 0, 0, 5 * D - NS_PER_SEC},
        {6 * D, 0, 0, 3 * D},
        {H, 0, 0, H / 2},
        /* As it says. */
        {90 * D, 30 * D, 0, 60 * D},
        {90 * D, H, 0, 90 * D - H},
        {90 * D, 0, 20, 72 * D},
        {90 * D, 0, 99, 90 * D / 100},
        {90 * D, 0, 1, 90 * D - 90 * D / 100},
        {5 * D, D, 0, 4 * D},
        {5 * D, 0, 20, 4 * D},
        /* The CA gave less than was asked for: never at once, or it would be renewed in a loop. */
        {5 * D, 5 * D, 0, 5 * D / 2},
        {5 * D, 30 * D, 0, 5 * D / 2},
        {90 * D, 100 * D, 0, 60 * D},
        {90 * D, 0, 100, 60 * D},
        {90 * D, 0, 150, 60 * D},
        {90 * D, -H, -5, 60 * D},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct certificate_spec spec = {.renew_before = rows[i].before,
                                              .renew_before_percentage = rows[i].percentage};
        int64_t at = renewal_time(&spec, SCENE_NOW, SCENE_NOW + rows[i].life);
        int64_t want = SCENE_NOW + rows[i].want;
        if (at != want - want % NS_PER_SEC || at % NS_PER_SEC != 0)
            fail_msg("row %zu: %lld s off", i, (long long)((at - want) / NS_PER_SEC));
    }
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renewal_follows_the_spec),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
