/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/acme_wait.h"

#include "base/backoff.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

/* So many looks are as far apart as each other, then the next ones twice as far. */
#define LOOKS_ALIKE 8
/* The CA's clock may be another than ours. */
#define EXPIRED_SLACK NS_PER_HOUR
#define WORKS_MAX NS_PER_DAY

struct err *acme_hold(const struct env *env, const char *uid, struct err *failed)
{
    bool binds = failed != NULL && failed->retry_at != 0 &&
                 (failed->http_status == 429 || failed->http_status >= 500);
    if (binds) {
        auto_free char *key = x_printf("%s/held", uid);
        memo_set(env->polls, key, failed->retry_at);
    }
    return failed;
}

bool acme_is_held(const struct env *env, const char *uid, int64_t *ret_next)
{
    auto_free char *key = x_printf("%s/held", uid);
    int64_t until = memo_get(env->polls, key).time;
    if (until > clock_wall(env->clock)) {
        *ret_next = until;
        return true;
    }
    if (until != 0)
        memo_drop(env->polls, key);
    return false;
}

int64_t acme_next_poll(const struct env *env, const struct issuer *issuer, const char *key,
                       int64_t retry_at)
{
    int64_t now = clock_wall(env->clock);
    unsigned looks = memo_count(env->polls, key, now).count;
    const struct backoff own = {.base = 3 * NS_PER_SEC, .cap = NS_PER_MIN};
    int64_t hint = retry_at > now ? retry_at : now + backoff_delay(&own, looks / LOOKS_ALIKE, NULL);
    if (str_eq(issuer->spec.acme->polling, "hint"))
        return hint;
    switch (looks) {
    case 0:
        return now + 100 * NS_PER_MS;
    case 1:
        return now + 400 * NS_PER_MS;
    default:
        return hint;
    }
}

char *acme_overdue(const struct env *env, const char *key, const struct acme_order *o)
{
    int64_t now = clock_wall(env->clock);
    /* Written down nowhere: who is started anew waits longer, and no CA is given up early. */
    int64_t end =
        o->expires != 0 ? o->expires + EXPIRED_SLACK : memo_since(env->polls, key, now) + WORKS_MAX;
    if (now < end)
        return NULL;
    char when[RFC3339_MAX];
    rfc3339_format(o->expires, when);
    return o->expires != 0
               ? x_printf(
                     "the CA's order is %s still, and expired at %s (its own \"expires\"): ask "
                     "the CA what keeps it; the next attempt places another one",
                     o->status, when)
               : x_printf("the CA's order is %s still, after a day: ask the CA what keeps it; the "
                          "next attempt places another one",
                          o->status);
}
