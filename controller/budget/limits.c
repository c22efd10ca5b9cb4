/* SPDX-License-Identifier: Apache-2.0 */
#include "budget/limits.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

static const char *const fields[BUDGET_KINDS] = {
    [BUDGET_ORDERS] = "ordersPerAccount",     [BUDGET_DOMAIN] = "certificatesPerRegisteredDomain",
    [BUDGET_SET] = "certificatesPerExactSet", [BUDGET_FAILURES] = "failedAuthorizations",
    [BUDGET_DAY] = "maxIssuancesPerDay",
};

/* As https://letsencrypt.org/docs/rate-limits/ and .../staging-environment/ have them. */
static const struct {
    const char *host;
    struct budget_limits limits;
} published[] = {
    {"acme-v02.api.letsencrypt.org",
     {{
         [BUDGET_ORDERS] = {300, 3 * NS_PER_HOUR},
         [BUDGET_DOMAIN] = {50, 7 * NS_PER_DAY},
         [BUDGET_SET] = {5, 7 * NS_PER_DAY},
         [BUDGET_FAILURES] = {5, NS_PER_HOUR},
     }}},
    {"acme-staging-v02.api.letsencrypt.org",
     {{
         [BUDGET_ORDERS] = {1500, 3 * NS_PER_HOUR},
         [BUDGET_DOMAIN] = {30000, 7 * NS_PER_DAY},
         [BUDGET_SET] = {30000, 7 * NS_PER_DAY},
         [BUDGET_FAILURES] = {60, NS_PER_HOUR},
     }}},
};

const char *budget_kind_field(enum budget_kind kind)
{
    return fields[kind];
}

int budget_kind_of(const char *field)
{
    for (int i = 0; i < BUDGET_KINDS; i++)
        if (str_eq(fields[i], field))
            return i;
    return -1;
}

void budget_host(const char *directory_url, char out[BUDGET_HOST_MAX])
{
    const char *begin = strstr(str_or(directory_url, ""), "://");
    begin = begin != NULL ? begin + 3 : str_or(directory_url, "");
    size_t len = *begin == '[' ? strcspn(begin, "]") : strcspn(begin, ":/?#");
    len = len < BUDGET_HOST_MAX - 1 ? len : BUDGET_HOST_MAX - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = begin[i] >= 'A' && begin[i] <= 'Z' ? (char)(begin[i] - 'A' + 'a') : begin[i];
    out[len] = '\0';
}

struct budget_limits budget_published(const char *host)
{
    for (size_t i = 0; i < ARRAY_LEN(published); i++)
        if (str_eq(published[i].host, host))
            return published[i].limits;
    return (struct budget_limits){0};
}

void budget_scope(const char *host, enum budget_kind kind, struct budget_limit limit,
                  char out[BUDGET_SCOPE_MAX])
{
    const struct budget_limit theirs = budget_published(host).of[kind];
    if (limit.count == theirs.count && limit.period == theirs.period) {
        str_copy(out, BUDGET_SCOPE_MAX, host);
        return;
    }
    char period[DURATION_MAX];
    duration_format(limit.period, period);
    snprintf(out, BUDGET_SCOPE_MAX, "%s;%lld/%s", host, (long long)limit.count, period);
}
