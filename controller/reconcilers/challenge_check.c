/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/challenge_check.h"

#include "acme/order.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "http01/selfcheck.h"
#include "http01/tier.h"
#include "reconcilers/solver.h"

/* A creation timestamp may be that much older than the object. */
#define TIMESTAMP_STEP NS_PER_SEC
/* The Order makes the route in the pass that made the Challenge: it is a matter of moments. */
#define UNROUTED_DELAY (100 * NS_PER_MS)

enum mode { MODE_DNS, MODE_INGRESS_STATUS, MODE_WAIT, MODE_NONE };

struct plan {
    enum mode mode;
    int64_t wait;
    const struct solver_http01 *http01;
    const struct bind_strings *nameservers; /* or NULL */
};

/* cert-manager's waitInsteadOfSelfCheck is mode wait under another name; 0s of it is mode none. */
static struct err *read_plan(const struct acme_solver *s, struct plan *ret_plan)
{
    static const char *const modes[] = {
        [MODE_DNS] = "dns",
        [MODE_INGRESS_STATUS] = "ingressStatus",
        [MODE_WAIT] = "wait",
        [MODE_NONE] = "none",
    };
    const struct http01_self_check *sc = s->http01->self_check;
    struct plan plan = {.http01 = s->http01};
    if (s->wait_instead_of_self_check != NULL) {
        TRY(duration_parse(s->wait_instead_of_self_check, &plan.wait), "waitInsteadOfSelfCheck");
        plan.mode = MODE_WAIT;
    } else if (sc != NULL) {
        for (size_t i = 0; i < ARRAY_LEN(modes); i++)
            if (str_eq(sc->mode, modes[i]))
                plan.mode = (enum mode)i;
        plan.wait = sc->wait;
        plan.nameservers = &sc->nameservers;
    }
    *ret_plan = plan;
    return NULL;
}

static struct err *not_before(int64_t when, const char *what)
{
    struct err *e = err_new(ERR_TRANSIENT, "SelfCheckWaits", "%s", what);
    e->retry_at = when;
    return e;
}

/* ---- without looking ---- */

static struct err *check_routed(const struct env *env, const struct order *order)
{
    char key[KUBE_KEY_MAX];
    object_key(order->obj.meta.namespace, order->obj.meta.name, key);
    if (memo_get(env->presented, key).time != 0)
        return NULL;
    return not_before(clock_wall(env->clock) + UNROUTED_DELAY, "the route is not made yet");
}

static struct err *wait_out(const struct env *env, const struct plan *plan,
                            const struct challenge *c)
{
    int64_t until = c->obj.meta.creation_timestamp + plan->wait;
    if (plan->wait > 0)
        until += TIMESTAMP_STEP;
    if (clock_wall(env->clock) >= until)
        return NULL;
    return not_before(until, "the solver waits instead of a self-check");
}

/* ---- looking ---- */

static struct err *find_places(const struct env *env, const struct plan *plan,
                               const struct order *order, const char *host, struct strlist *places)
{
    const struct http01_tier *tier = http01_tier_of(plan->http01);
    const struct http01_order o = {
        .ns = order->obj.meta.namespace, .name = order->obj.meta.name, .uid = order->obj.meta.uid};
    if (tier == NULL || tier->places == NULL)
        return err_new(ERR_TRANSIENT, "SelfCheckFailed",
                       "selfCheck.mode ingressStatus: this solver makes nothing whose status could "
                       "be looked at: write mode dns, wait or none");
    return err_wrap(tier->places(&env->http01, &o, host, places), "selfCheck.mode ingressStatus");
}

static struct err *look(const struct env *env, const struct plan *plan,
                        const struct acme_chain *chain, const struct order *order,
                        const struct challenge *c)
{
    auto_free char *expected = acme_key_authorization(chain->account.account.key, c->spec.token);
    AUTO(strlist_release) struct strlist places = {0};
    bool by_status = plan->mode == MODE_INGRESS_STATUS;
    if (by_status)
        TRY(find_places(env, plan, order, c->spec.dns_name, &places));
    const struct http01_check check = {
        .http = env->outside,
        .dns = env->dns,
        .clock = env->clock,
        .stop = env->stop,
        .host = c->spec.dns_name,
        .token = c->spec.token,
        .key_authorization = expected,
        .nameservers = plan->nameservers != NULL ? plan->nameservers->items : NULL,
        .nameserver_count = plan->nameservers != NULL ? plan->nameservers->len : 0,
        .places = by_status ? &places : NULL,
    };
    return http01_self_check(&check);
}

struct err *challenge_check(const struct env *env, const struct acme_chain *chain,
                            const struct order *order, const struct challenge *c)
{
    const struct acme_solver *s = acme_chain_solver(chain, c->spec.dns_name);
    if (s == NULL || s->http01 == NULL)
        return err_new(ERR_TRANSIENT, "NoSolver", "no http01 solver of the issuer fits %s any more",
                       c->spec.dns_name);
    struct plan plan = {0};
    TRY(read_plan(s, &plan));
    if (plan.mode == MODE_DNS || plan.mode == MODE_INGRESS_STATUS)
        return look(env, &plan, chain, order, c);
    TRY(check_routed(env, order));
    return plan.mode == MODE_WAIT ? wait_out(env, &plan, c) : NULL;
}
