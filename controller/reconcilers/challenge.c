/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One challenge: what the CA says of it, what is done so that the answer can be seen, the request to validate,
 * and polling until the CA has decided. What is done is the type's: challenge_http01.c, challenge_dns01.c,
 * challenge_persist.c.
 *
 * From the object only URLs are taken; token, type and identifier are read again from the CA.
 */
#include "reconcilers/challenge.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/acme_wait.h"
#include "reconcilers/challenge_pass.h"
#include "reconcilers/challenge_record.h"
#include "reconcilers/challenge_type.h"
#include "reconcilers/names.h"
#include "reconcilers/order.h"

/* A valid one whose Order has not taken it by then says so in its status. */
#define TOLD_AGAIN (30 * NS_PER_SEC)

static void pass_release(struct challenge_pass *p)
{
    acme_chain_release(&p->chain);
    object_unref(p->order);
    acme_authz_release(&p->authz);
    free(p->reason);
    free(p->check_key);
    free(p->accept_key);
    for (size_t i = 0; i < ARRAY_LEN(p->record); i++)
        free(p->record[i]);
}

bool challenge_is_dns01(const struct challenge *c)
{
    return challenge_type_of(c)->recorded;
}

void challenge_say(struct challenge_pass *p, const char *reason)
{
    char *said = x_strdup_or_null(reason);
    free(p->reason);
    p->reason = said;
    p->status.reason = said;
}

void challenge_wait(struct challenge_pass *p, int64_t next)
{
    p->next = next;
    p->stop = true;
}

void challenge_settle(struct challenge_pass *p, const char *state, const char *reason)
{
    challenge_say(p, reason);
    p->status.state = state;
    p->status.processing = false;
    p->status.next_action = NULL;
    p->stop = true;
    memo_drop(p->env->polls, p->check_key);
    memo_drop(p->env->polls, p->accept_key);
}

/* ---- what the CA says ---- */

static struct err *heard(const struct challenge_pass *p, struct err *e)
{
    return acme_chain_heard(p->env, &p->chain, e);
}

static struct err *take_proof(struct challenge_pass *p)
{
    const struct challenge_spec *spec = &p->challenge->spec;
    auto_free char *name = x_printf("%s%s", p->authz.wildcard ? "*." : "", p->authz.identifier);
    bool may = false;
    TRY(names_proven(p->env, &p->chain, name, spec->authorization_url, &may));
    if (may) {
        challenge_settle(p, "valid", "Successfully authorized domain");
        return NULL;
    }
    TRY(heard(p, acme_authz_deactivate(&p->chain.account.account, spec->authorization_url)));
    challenge_settle(
        p, "invalid",
        "the CA gave the same authorization to another namespace, which may be who has proven "
        "it: it is deactivated, and the next attempt proves the name anew");
    return NULL;
}

static bool is_same(const struct challenge *c, const struct acme_challenge *at_ca)
{
    return at_ca != NULL && str_eq(at_ca->url, c->spec.url) &&
           (challenge_type_of(c)->persistent || str_eq(at_ca->token, c->spec.token));
}

struct err *challenge_read_authorization(struct challenge_pass *p)
{
    const struct challenge_spec *spec = &p->challenge->spec;
    const char *type = challenge_type_of(p->challenge)->at_ca;
    const struct acme_account *account = &p->chain.account.account;
    TRY(heard(p, acme_authz_get(account, spec->authorization_url, &p->authz)));
    if (!str_eq(p->authz.identifier, spec->dns_name))
        return err_new(ERR_INVALID, "NotOurs", "the authorization is for %s, not for %s",
                       p->authz.identifier, spec->dns_name);
    const struct acme_challenge *at_ca = acme_authz_challenge(&p->authz, type);
    if (str_eq(p->authz.status, "valid"))
        return take_proof(p);
    if (!str_eq(p->authz.status, "pending")) {
        const char *why = at_ca != NULL ? at_ca->error : NULL;
        challenge_settle(p, str_eq(p->authz.status, "expired") ? "expired" : "invalid",
                         str_or(why, "the CA gives no reason"));
        return NULL;
    }
    if (!is_same(p->challenge, at_ca))
        return err_new(ERR_INVALID, "NotOurs", "the authorization has no such %s challenge", type);
    if (str_eq(at_ca->status, "processing"))
        p->accepted = true;
    return NULL;
}

/* ---- accept ---- */

/* Asked again, because the first answer was lost, a CA may refuse: it has validated since. Then what the
 * authorization says counts. */
static struct err *ask_ca(struct challenge_pass *p)
{
    const struct acme_account *account = &p->chain.account.account;
    struct err *refused = heard(p, acme_challenge_accept(account, p->challenge->spec.url));
    if (!err_is(refused, ERR_INVALID))
        return refused;
    acme_authz_release(&p->authz);
    struct err *e = challenge_read_authorization(p);
    if (e == NULL && !p->stop && !p->accepted)
        return refused;
    err_free(refused);
    return e;
}

struct err *challenge_accept(struct challenge_pass *p)
{
    TRY(ask_ca(p));
    if (!p->stop)
        challenge_wait(p, acme_next_poll(p->env, p->chain.issuer, p->accept_key, 0));
    return NULL;
}

/* ---- one pass ---- */

static struct err *poll_ca(struct challenge_pass *p)
{
    if (p->authz.status == NULL)
        TRY(challenge_read_authorization(p));
    if (!p->stop)
        challenge_wait(p,
                       acme_next_poll(p->env, p->chain.issuer, p->accept_key, p->authz.retry_at));
    return NULL;
}

static struct err *prove(struct challenge_pass *p)
{
    const struct challenge_type *t = challenge_type_of(p->challenge);
    if (t->persistent)
        return challenge_persist(p);
    return t->recorded ? challenge_dns01(p) : challenge_http01(p);
}

static struct err *run(struct challenge_pass *p)
{
    TRY(acme_order_of_challenge(p->env, p->challenge, &p->order));
    if (order_state_is_final(p->order->status.state)) {
        p->stop = true; /* the Order removes its Challenges */
        return challenge_record_end(p);
    }
    TRY(acme_chain_of_order(p->env, p->order, &p->chain));
    p->accepted = memo_get(p->env->polls, p->accept_key).count > 0;
    if (!p->accepted)
        TRY(prove(p));
    return p->stop ? NULL : poll_ca(p);
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
 * worth a write. The Order is told directly; should that be forgotten, the CA says it again. An Order that has other
 * troubles does not take it: then it is written, and the CA is asked no more. */
static bool told_order(struct challenge_pass *p)
{
    const struct env *env = p->env;
    const struct object_meta *m = &p->challenge->obj.meta;
    const struct owner_reference *owner = object_controller(p->challenge);
    int64_t told = memo_get(env->proven, m->uid).time;
    if (!str_eq(p->status.state, "valid") || owner == NULL ||
        !is_last(env, p->challenge, owner->uid) || (told != 0 && p->now >= told + TOLD_AGAIN))
        return false;
    if (told == 0)
        memo_set(env->proven, m->uid, told = p->now);
    controller_enqueue(env->controllers.order, m->namespace, owner->name);
    p->next = challenge_record_is_held(p->challenge) ? p->now : told + TOLD_AGAIN;
    return true;
}

static struct err *finish(struct challenge_pass *p, struct err *failed)
{
    failed = acme_chain_judge(p->env, &p->chain, failed);
    if (failed != NULL && failed->by_api_server) /* the CA has not refused; the Order tells of it */
        return failed;
    if (failed != NULL && failed->kind == ERR_NOT_FOUND &&
        !str_eq(failed->reason, "IssuerNotReady")) {
        challenge_settle(p, "expired", failed->message);
        err_free(failed);
        failed = NULL;
    }
    if (failed != NULL && failed->kind != ERR_INVALID && failed->kind != ERR_DENIED)
        return failed;
    if (failed != NULL) {
        challenge_settle(p, "errored", failed->message);
        err_free(failed);
    }
    if (told_order(p))
        return NULL;
    return store_put_status(&p->env->challenges, p->challenge, &challenge_status_table,
                            &p->challenge->status, &p->status);
}

/* Nothing is to be proven any more. *ret_next: when the Order, which was told, is told again. */
static bool is_over(const struct env *env, const struct challenge *c, int64_t *ret_next)
{
    if (c->obj.meta.deletion_timestamp != 0 || order_state_is_final(c->status.state))
        return true;
    int64_t told = memo_get(env->proven, c->obj.meta.uid).time;
    if (!challenge_is_dns01(c) || told == 0)
        return false;
    *ret_next = told + TOLD_AGAIN;
    return challenge_record_is_held(c) || clock_wall(env->clock) < *ret_next;
}

/* With its finalizer taken away by hand it may have gone before its record was taken out. */
static void challenge_gone(const struct env *env, const struct object_name *name)
{
    char key[KUBE_KEY_MAX];
    object_key(name->ns, name->name, key);
    dns_held_drop(env->dns_held, key);
}

static struct err *reconcile(struct challenge_pass *p)
{
    const char *uid = p->challenge->obj.meta.uid;
    if (is_over(p->env, p->challenge, &p->next)) {
        TRY(challenge_record_end(p));
        return store_put_status(&p->env->challenges, p->challenge, &challenge_status_table,
                                &p->challenge->status, &p->status);
    }
    p->next = 0;
    if (acme_is_held(p->env, uid, &p->next))
        return NULL;
    return acme_hold(p->env, uid, finish(p, run(p)));
}

struct err *challenge_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    const struct env *env = arg;
    AUTO_OBJECT(struct challenge) c = NULL;
    TRY(store_get(&env->challenges, name->ns, name->name, (const void **)&c));
    if (c == NULL)
        challenge_gone(env, name);
    if (c == NULL || !issuer_ref_is_ours(&c->spec.issuer_ref))
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
    TRY(reconcile(&p));
    *ret_next = p.next;
    return NULL;
}
