/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/acme_chain.h"

#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/outage.h"
#include "reconcilers/solver.h"

void acme_chain_release(struct acme_chain *c)
{
    object_unref(c->order);
    object_unref(c->request);
    object_unref(c->issuer);
    acme_handle_release(&c->account);
    *c = (struct acme_chain){0};
}

const struct acme_solver *acme_chain_solver(const struct acme_chain *c, const char *name)
{
    return solver_select(c->issuer->spec.acme, name, order_alias_of(&c->aliases, name),
                         &c->order->obj.meta.labels);
}

static struct err *not_ours(const char *kind, const char *name, const char *owner)
{
    return err_new(ERR_INVALID, "NotOurs",
                   "%s %s is not owned by %s that exists: it was not made by certroll, nothing is "
                   "done for it",
                   kind, name, owner);
}

struct err *acme_request_of_order(const struct env *env, const struct order *order,
                                  const struct certificate_request **ret_request)
{
    const struct owner_reference *owner = object_controller(order);
    if (owner == NULL || !str_eq(owner->kind, "CertificateRequest"))
        return not_ours("Order", order->obj.meta.name, "a CertificateRequest");
    AUTO_OBJECT(struct certificate_request) r = NULL;
    TRY(store_get(&env->requests, order->obj.meta.namespace, owner->name, (const void **)&r));
    if (r == NULL || !str_eq(r->obj.meta.uid, owner->uid) ||
        !str_eq(r->spec.request, order->spec.request))
        return not_ours("Order", order->obj.meta.name, "a CertificateRequest");
    *ret_request = TAKE(r);
    return NULL;
}

static struct err *fill_chain(const struct env *env, const struct order *order,
                              struct acme_chain *c)
{
    c->order = object_ref(order);
    c->aliases = order->status.aliases;
    TRY(acme_request_of_order(env, order, &c->request));
    /* The request's issuer, not the Order's copy of it. */
    const struct issuer_ref *ref = &c->request->spec.issuer_ref;
    TRY(env_issuer(env, ref, order->obj.meta.namespace, &c->issuer));
    if (c->issuer == NULL || c->issuer->spec.acme == NULL)
        return err_new(ERR_NOT_FOUND, "IssuerNotReady", "%s %s does not exist or is not acme",
                       issuer_ref_kind(ref), ref->name);
    return acme_account_get(&env->issuer_env, c->issuer, &c->account);
}

struct err *acme_chain_of_order(const struct env *env, const struct order *order,
                                struct acme_chain *ret_chain)
{
    struct acme_chain c = {0};
    struct err *e = fill_chain(env, order, &c);
    if (e == NULL)
        *ret_chain = c;
    else
        acme_chain_release(&c);
    return e;
}

struct err *acme_chain_judge(const struct env *env, const struct acme_chain *c, struct err *failed)
{
    bool refused = err_is(failed, ERR_INVALID) || err_is(failed, ERR_DENIED);
    if (!refused || c->issuer == NULL ||
        !acme_account_key_changed(&env->issuer_env, c->issuer, &c->account))
        return failed;
    struct err *e = err_new(ERR_TRANSIENT, "AccountKeyChanged", "%s", failed->message);
    err_free(failed);
    return e;
}

struct err *acme_chain_heard(const struct env *env, const struct acme_chain *c, struct err *e)
{
    outage_note(env, c->issuer, e);
    return e;
}

struct err *acme_chain_directory(const struct env *env, const struct acme_chain *c,
                                 struct acme_directory *ret_directory)
{
    struct err *e = acme_ca_directory(c->account.account.ca, ret_directory);
    return e != NULL ? acme_chain_heard(env, c, e) : NULL;
}

struct err *acme_order_of_challenge(const struct env *env, const struct challenge *challenge,
                                    const struct order **ret_order)
{
    const struct owner_reference *owner = object_controller(challenge);
    if (owner == NULL || !str_eq(owner->kind, "Order"))
        return not_ours("Challenge", challenge->obj.meta.name, "an Order");
    AUTO_OBJECT(struct order) order = NULL;
    TRY(store_get(&env->orders, challenge->obj.meta.namespace, owner->name, (const void **)&order));
    if (order == NULL || !str_eq(order->obj.meta.uid, owner->uid))
        return not_ours("Challenge", challenge->obj.meta.name, "an Order");
    *ret_order = TAKE(order);
    return NULL;
}
