/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/outage.h"

#include "base/mem.h"
#include "base/str.h"

#define FORGOTTEN_AFTER NS_PER_HOUR

/* The uid is for the first silence, this for the last. */
static char *last_key(const struct issuer *issuer)
{
    return x_printf("%s/last", issuer->obj.meta.uid);
}

/* 0 = it is forgotten. */
static int64_t last_silence(const struct env *env, const char *last)
{
    int64_t at = memo_get(env->outages, last).time;
    return at != 0 && clock_wall(env->clock) - at < FORGOTTEN_AFTER ? at : 0;
}

/* An answer without one of ACME's types and without a nonce may be of something before the CA that is away: its page
 * for that, or a redirect to it. Those are transient, and named by their status (acme/problem.c). */
static bool is_answer_of_ca(const struct err *e)
{
    bool anyones = e->kind == ERR_TRANSIENT && str_starts(e->reason, "HTTP");
    return e->http_status > 0 && e->http_status < 500 && !anyones;
}

void outage_note(const struct env *env, const struct issuer *issuer, const struct err *e)
{
    auto_free char *last = last_key(issuer);
    if (e == NULL || is_answer_of_ca(e)) {
        memo_drop(env->outages, issuer->obj.meta.uid);
        memo_drop(env->outages, last);
    } else if (e->kind == ERR_TRANSIENT) {
        int64_t now = clock_wall(env->clock);
        if (last_silence(env, last) == 0)
            memo_set(env->outages, issuer->obj.meta.uid, now);
        memo_set(env->outages, last, now);
    }
}

int64_t outage_since(const struct env *env, const struct issuer *issuer)
{
    auto_free char *last = last_key(issuer);
    return last_silence(env, last) != 0 ? memo_get(env->outages, issuer->obj.meta.uid).time : 0;
}

int64_t outage_last(const struct env *env, const struct issuer *issuer)
{
    auto_free char *last = last_key(issuer);
    return last_silence(env, last);
}

/* ---- CAA ---- */

static char *caa_key(const struct issuer *issuer, const char *ns, const char *name)
{
    const struct object_meta *m = &issuer->obj.meta;
    return x_printf("%s/%lld %s/%s", m->uid, (long long)m->generation, ns, name);
}

void outage_note_caa(const struct env *env, const struct issuer *issuer, const char *ns,
                     const char *name, bool forbids)
{
    auto_free char *key = caa_key(issuer, ns, name);
    if (forbids)
        memo_set(env->forbidden, key, clock_wall(env->clock));
    else
        memo_drop(env->forbidden, key);
}

static int64_t last_forbidden(const struct env *env, const struct issuer *issuer, const char *ns,
                              const char *name)
{
    auto_free char *key = caa_key(issuer, ns, name);
    return memo_get(env->forbidden, key).time;
}

int64_t outage_forbidden(const struct env *env, const struct issuer *issuer, const char *ns,
                         const struct pki_names *names)
{
    int64_t last =
        names->common_name != NULL ? last_forbidden(env, issuer, ns, names->common_name) : 0;
    for (size_t i = 0; i < names->dns.len; i++) {
        int64_t at = last_forbidden(env, issuer, ns, names->dns.items[i]);
        last = at > last ? at : last;
    }
    return last;
}
