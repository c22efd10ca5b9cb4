/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/acme_wait.h"

#include "base/mem.h"
#include "base/str.h"

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
    int64_t hint = retry_at > now ? retry_at : now + 3 * NS_PER_SEC;
    unsigned looks = memo_count(env->polls, key, now).count;
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
