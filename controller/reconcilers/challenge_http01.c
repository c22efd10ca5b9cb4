/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP-01: a self-check until the answer can be seen. Solver and route are the Order's. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/replicas.h"
#include "http01/selfcheck.h"
#include "net/http_share.h"
#include "reconcilers/challenge_check.h"
#include "reconcilers/challenge_pass.h"
#include "reconcilers/order.h"

/* What the self-check has seen is not looked at again while the CA has no time to be told. */
#define SEEN_FOR (10 * NS_PER_SEC)

/* No look is planned later, unless the clock was set back or the solver waits. */
#define DELAY_MAX (10 * NS_PER_SEC)

/* Between self-checks the CA is asked only now and then whether the authorization still stands. */
#define CHECKS_PER_READ 30

static void say_waiting(struct challenge_pass *p, const struct err *e, int64_t since)
{
    if (p->now - since < CHALLENGE_PATIENCE)
        return;
    auto_free char *reason = x_printf("Waiting for HTTP-01 challenge propagation: %s", e->message);
    challenge_say(p, reason);
    p->status.next_action = "the self-check to see the key authorization";
    p->status.state = "pending";
    p->status.processing = true;
    p->status.presented = true;
    if (p->status.presented_at == 0)
        p->status.presented_at = since;
}

/* Where certroll's own replicas answer, the CA may meet any of them. */
static struct err *ask_replicas(const struct challenge_pass *p, const char *expected)
{
    const struct challenge_spec *spec = &p->challenge->spec;
    const struct acme_solver *s = acme_chain_solver(&p->chain, spec->dns_name);
    const struct http01_tier *tier = s != NULL ? http01_tier_of(s->http01) : NULL;
    if (tier == NULL || tier->host == NULL)
        return NULL;
    char host[DNS_NAME_MAX + 1];
    tier->host(s->http01, spec->dns_name, host);
    const struct http01_question q = {
        .host = host, .token = spec->token, .key_authorization = expected};
    return http01_replicas_answer(&p->env->http01, p->env->outside, p->env->stop, &q);
}

static struct err *look(const struct challenge_pass *p)
{
    const struct challenge_spec *spec = &p->challenge->spec;
    auto_free char *expected = acme_key_authorization(p->chain.account.account.key, spec->token);
    TRY(challenge_check(p->env, &p->chain, p->order, p->challenge));
    return ask_replicas(p, expected);
}

static struct err *accept(struct challenge_pass *p, const char *seen_key)
{
    struct err *e = challenge_accept(p);
    if (http_share_held_back(e))
        memo_set(p->env->polls, seen_key, p->now);
    else
        memo_drop(p->env->polls, seen_key);
    return e;
}

/* URL and token were compared with the CA's when the authorization was read. */
static struct err *check(struct challenge_pass *p)
{
    auto_free char *seen_key = x_printf("%s/seen", p->challenge->obj.meta.uid);
    if (p->now - memo_get(p->env->polls, seen_key).time < SEEN_FOR)
        return accept(p, seen_key);
    struct err *e = look(p);
    unsigned tries = memo_count(p->env->polls, p->check_key, p->now).count;
    if (e == NULL)
        return accept(p, seen_key);
    if (err_is(e, ERR_CANCELLED) || err_is(e, ERR_CONFLICT))
        return e;
    say_waiting(p, e, p->challenge->obj.meta.creation_timestamp);
    challenge_wait(p, e->retry_at != 0 ? e->retry_at : p->now + http01_self_check_delay(tries));
    memo_set(p->env->polls, p->check_key, p->next);
    err_free(e);
    return NULL;
}

/* What the last look said may have been written: that brings the key back at once, and nothing has changed since. A name
 * whose servers fail in different ways would be looked at without end. */
static bool is_early(struct challenge_pass *p)
{
    int64_t next = memo_get(p->env->polls, p->check_key).time;
    if (next <= p->now || next - p->now > DELAY_MAX)
        return false;
    challenge_wait(p, next);
    return true;
}

struct err *challenge_http01(struct challenge_pass *p)
{
    if (is_early(p))
        return NULL;
    unsigned checks = memo_get(p->env->polls, p->check_key).count;
    bool was_read = checks == 0 && order_has_read(p->env, &p->challenge->spec);
    if (checks % CHECKS_PER_READ == 0 && !was_read)
        TRY(challenge_read_authorization(p));
    return p->stop || p->accepted ? NULL : check(p);
}
