/* SPDX-License-Identifier: Apache-2.0 */
/* When a Certificate wants to be renewed. */
#include "reconcilers/certificate.h"

int64_t renewal_time(const struct certificate_spec *spec, int64_t not_before, int64_t not_after)
{
    int64_t life = not_after - not_before;
    int64_t before = life / 3;
    if (life < 10 * NS_PER_DAY)
        before = life / 2;
    if (spec->renew_before_percentage > 0 && spec->renew_before_percentage < 100)
        before = life / 100 * spec->renew_before_percentage;
    /* A CA may issue for less than was asked: never renew in a loop because of that. */
    if (spec->renew_before > 0 && spec->renew_before < life)
        before = spec->renew_before;
    int64_t at = not_after - before;
    return at - at % NS_PER_SEC;
}
