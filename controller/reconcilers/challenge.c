/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP-01 challenge: what the CA says of it, a self-check until the answer can be seen, the
 * request to validate, and polling until the CA has decided. Solver and route are the Order's.
 *
 * From the object only URLs are taken; token, type and identifier are read again from the CA.
 */
#include "reconcilers/challenge.h"

#include <stdlib.h>

#include "acme/order.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/replicas.h"
#include "http01/selfcheck.h"
#include "reconcilers/acme_wait.h"
#include "reconcilers/challenge_check.h"
#include "reconcilers/names.h"
#include "reconcilers/order.h"
#include "reconcilers/solver.h"

/* A self-check that fails for this long is worth a status write. */
#define PATIENCE (10 * NS_PER_SEC)
/* A valid one whose Order does not take it is looked at again after this. */
#define TOLD_AGAIN (30 * NS_PER_SEC)
/* Between self-checks the CA is asked only now and then whether the authorization still stands. */
#define CHECKS_PER_READ 30

struct challenge_pass {
    const struct env *env;
    const struct challenge *challenge;
    const struct order *order; /* referenced, when it was found */
    int64_t now;
    int64_t next;
    struct acme_chain chain;
    struct acme_authz authz; /* as the CA has it now, when it was read */
    struct challenge_status status;
    char *reason; /* owned; status.reason */
    char *check_key;
    char *accept_key;
    bool accepted; /* the CA has been asked to validate */
    bool stop;
};

static void pass_release(struct challenge_pass *p)
{
    acme_chain_release(&p->chain);
    object_unref(p->order);
    acme_authz_release(&p->authz);
    free(p->reason);
    free(p->check_key);
    free(p->accept_key);
}

static void settle(struct challenge_pass *p, const char *state, const char *reason)
{
    free(p->reason);
    p->reason = x_strdup_or_null(reason);
    p->status.state = state;
    p->status.reason = p->reason;
    p->status.processing = false;
    p->status.next_action = NULL;
    p->stop = true;
    memo_drop(p->env->polls, p->check_key);
    memo_drop(p->env->polls, p->accept_key);
}

/* ---- what the CA says ---- */

static struct err *take_proof(struct challenge_pass *p)
{
    const struct challenge_spec *spec = &p->challenge->spec;
    bool may = false;
    TRY(names_proven(p->env, &p->chain, spec->dns_name, spec->authorization_url, &may));
    if (may) {
        settle(p, "valid", "Successfully authorized domain");
        return NULL;
    }
    TRY(acme_authz_deactivate(&p->chain.account.account, spec->authorization_url));
    settle(p, "invalid",
           "the CA gave the same authorization to another namespace, which may be who has proven "
           "it: it is deactivated, and the next attempt proves the name anew");
    return NULL;
}

static struct err *read_authorization(struct challenge_pass *p)
{
    const struct challenge_spec *spec = &p->challenge->spec;
    TRY(acme_authz_get(&p->chain.account.account, spec->authorization_url, &p->authz));
    if (!str_eq(p->authz.identifier, spec->dns_name))
        return err_new(ERR_INVALID, "NotOurs", "the authorization is for %s, not for %s",
                       p->authz.identifier, spec->dns_name);
    const struct acme_challenge *at_ca = acme_authz_challenge(&p->authz, "http-01");
    if (str_eq(p->authz.status, "valid"))
        return take_proof(p);
    if (!str_eq(p->authz.status, "pending")) {
        const char *why = at_ca != NULL ? at_ca->error : NULL;
        settle(p, str_eq(p->authz.status, "expired") ? "expired" : "invalid",
               str_or(why, "the CA gives no reason"));
        return NULL;
    }
    if (at_ca == NULL || !str_eq(at_ca->url, spec->url) || !str_eq(at_ca->token, spec->token))
        return err_new(ERR_INVALID, "NotOurs", "the authorization has no such http-01 challenge");
    if (str_eq(at_ca->status, "processing"))
        p->accepted = true;
    return NULL;
}

/* ---- accept ---- */

static void say_waiting(struct challenge_pass *p, const struct err *e, int64_t since)
{
    if (p->now - since < PATIENCE)
        return;
    free(p->reason);
    p->reason = x_printf("Waiting for HTTP-01 challenge propagation: %s", e->message);
    p->status.reason = p->reason;
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

/* Asked again, because the first answer was lost, a CA may refuse: it has validated since. Then what the
 * authorization says counts. */
static struct err *ask_ca(struct challenge_pass *p)
{
    struct err *refused = acme_challenge_accept(&p->chain.account.account, p->challenge->spec.url);
    if (!err_is(refused, ERR_INVALID))
        return refused;
    acme_authz_release(&p->authz);
    struct err *e = read_authorization(p);
    if (e == NULL && !p->stop && !p->accepted)
        return refused;
    err_free(refused);
    return e;
}

/* URL and token were compared with the CA's when the authorization was read. */
static struct err *accept(struct challenge_pass *p)
{
    const struct challenge_spec *spec = &p->challenge->spec;
    auto_free char *expected = acme_key_authorization(p->chain.account.account.key, spec->token);
    struct err *e = challenge_check(p->env, &p->chain, p->order, p->challenge);
    if (e == NULL)
        e = ask_replicas(p, expected);
    unsigned tries = memo_count(p->env->polls, p->check_key, p->now).count;
    if (err_is(e, ERR_CANCELLED) || err_is(e, ERR_CONFLICT))
        return e;
    if (e != NULL) {
        say_waiting(p, e, p->challenge->obj.meta.creation_timestamp);
        p->next = e->retry_at != 0 ? e->retry_at : p->now + http01_self_check_delay(tries);
        err_free(e);
        return NULL;
    }
    TRY(ask_ca(p));
    if (!p->stop)
        p->next = acme_next_poll(p->env, p->chain.issuer, p->accept_key, 0);
    return NULL;
}

/* ---- one pass ---- */

static struct err *run(struct challenge_pass *p)
{
    TRY(acme_order_of_challenge(p->env, p->challenge, &p->order));
    if (order_state_is_final(p->order->status.state)) {
        p->stop = true; /* the Order removes its Challenges */
        return NULL;
    }
    TRY(acme_chain_of_order(p->env, p->order, &p->chain));
    unsigned checks = memo_get(p->env->polls, p->check_key).count;
    p->accepted = memo_get(p->env->polls, p->accept_key).count > 0;
    if (p->accepted || checks % CHECKS_PER_READ == 0)
        TRY(read_authorization(p));
    if (p->stop)
        return NULL;
    if (!p->accepted)
        return accept(p);
    p->next = acme_next_poll(p->env, p->chain.issuer, p->accept_key, p->authz.retry_at);
    return NULL;
}

/* ---- the end of a pass ---- */

/* Are all others of the Order settled? */
static bool is_last(const struct env *env, const struct challenge *c, const char *order_uid)
{
    AUTO_OBJECT_LIST siblings = {0};
    struct err *e =
        cache_by_index(env->challenges.cache, env->challenges_by_owner, order_uid, &siblings);
    bool last = e == NULL;
    err_free(e); /* then it is written down */
    for (size_t i = 0; i < siblings.len && last; i++) {
        const struct challenge *other = siblings.items[i];
        last = str_eq(other->obj.meta.uid, c->obj.meta.uid) ||
               order_state_is_final(challenge_state(env, other));
    }
    return last;
}

/* The last one to become valid goes with its Order in a moment: a status that nobody can read before is not
 * worth a write. The Order is told directly; should that be forgotten, the CA says it again. */
static bool told_order(struct challenge_pass *p)
{
    const struct env *env = p->env;
    const struct object_meta *m = &p->challenge->obj.meta;
    const struct owner_reference *owner = object_controller(p->challenge);
    if (!str_eq(p->status.state, "valid") || owner == NULL ||
        !is_last(env, p->challenge, owner->uid))
        return false;
    memo_set(env->proven, m->uid, p->now);
    controller_enqueue(env->controllers.order, m->namespace, owner->name);
    p->next = p->now + TOLD_AGAIN;
    return true;
}

static struct err *finish(struct challenge_pass *p, struct err *failed)
{
    failed = acme_chain_judge(p->env, &p->chain, failed);
    if (failed != NULL && failed->kind == ERR_NOT_FOUND &&
        !str_eq(failed->reason, "IssuerNotReady")) {
        settle(p, "expired", failed->message);
        err_free(failed);
        failed = NULL;
    }
    if (failed != NULL && failed->kind != ERR_INVALID && failed->kind != ERR_DENIED)
        return failed;
    if (failed != NULL) {
        settle(p, "errored", failed->message);
        err_free(failed);
    }
    if (told_order(p))
        return NULL;
    return store_put_status(&p->env->challenges, p->challenge, &challenge_status_table,
                            &p->challenge->status, &p->status);
}

struct err *challenge_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    const struct env *env = arg;
    AUTO_OBJECT(struct challenge) c = NULL;
    TRY(store_get(&env->challenges, name->ns, name->name, (const void **)&c));
    if (c == NULL || c->obj.meta.deletion_timestamp != 0 || order_state_is_final(c->status.state) ||
        !issuer_ref_is_ours(&c->spec.issuer_ref))
        return NULL;
    AUTO(pass_release)
    struct challenge_pass p = {
        .env = env,
        .challenge = c,
        .now = clock_wall(env->clock),
        .status = c->status,
        .check_key = x_printf("%s/check", c->obj.meta.uid),
        .accept_key = x_printf("%s/accept", c->obj.meta.uid),
    };
    if (acme_is_held(env, c->obj.meta.uid, ret_next))
        return NULL;
    TRY(acme_hold(env, c->obj.meta.uid, finish(&p, run(&p))));
    *ret_next = p.next;
    return NULL;
}
