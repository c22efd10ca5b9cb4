/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/indexes.h"

#include "base/str.h"
#include "reconcilers/env.h"

typedef void (*emit_fn)(void *arg, const char *value);

void index_owner(const void *object, emit_fn emit, void *arg)
{
    const struct owner_reference *owner = object_controller(object);
    if (owner != NULL && !str_empty(owner->uid))
        emit(arg, owner->uid);
}

static void emit_secret(const char *ns, const char *name, emit_fn emit, void *arg)
{
    char key[KUBE_KEY_MAX];
    if (str_empty(name))
        return;
    object_key(str_or(ns, ""), name, key);
    emit(arg, key);
}

static void emit_issuer(const struct issuer_ref *ref, const char *ns, emit_fn emit, void *arg)
{
    char key[KUBE_KEY_MAX + 1];
    if (!issuer_ref_is_ours(ref))
        return;
    issuer_key(ref, ns, key);
    emit(arg, key);
}

void index_certificate_secret(const void *object, emit_fn emit, void *arg)
{
    const struct certificate *c = object;
    emit_secret(c->obj.meta.namespace, c->spec.secret_name, emit, arg);
}

void index_certificate_issuer(const void *object, emit_fn emit, void *arg)
{
    const struct certificate *c = object;
    emit_issuer(&c->spec.issuer_ref, c->obj.meta.namespace, emit, arg);
    if (c->spec.preflight != NULL)
        emit_issuer(&c->spec.preflight->issuer_ref, c->obj.meta.namespace, emit, arg);
}

void index_request_issuer(const void *object, emit_fn emit, void *arg)
{
    const struct certificate_request *r = object;
    emit_issuer(&r->spec.issuer_ref, r->obj.meta.namespace, emit, arg);
}

void index_order_issuer(const void *object, emit_fn emit, void *arg)
{
    const struct order *o = object;
    emit_issuer(&o->spec.issuer_ref, o->obj.meta.namespace, emit, arg);
}

void index_challenge_issuer(const void *object, emit_fn emit, void *arg)
{
    const struct challenge *c = object;
    emit_issuer(&c->spec.issuer_ref, c->obj.meta.namespace, emit, arg);
}

void index_challenge_token(const void *object, emit_fn emit, void *arg)
{
    const struct challenge *c = object;
    if (!str_empty(c->spec.token))
        emit(arg, c->spec.token);
}

struct secrets_of {
    const char *ns;
    emit_fn emit;
    void *arg;
};

static struct err *emit_ref(void *arg, const char *field, const struct dns_secret_ref *ref)
{
    const struct secrets_of *s = arg;
    (void)field;
    emit_secret(s->ns, ref->name, s->emit, s->arg);
    return NULL;
}

/* A solver that cannot be read uses none. */
static void emit_solver_secrets(const struct acme_solver *solver, const char *ns, emit_fn emit,
                                void *arg)
{
    struct secrets_of s = {ns, emit, arg};
    AUTO_DNS_CONFIG config = {0};
    if (solver->dns01 == NULL)
        return;
    struct err *e = dns_config_parse(solver->dns01, NULL, &config);
    if (e == NULL)
        e = dns_config_secrets(&config, emit_ref, &s);
    err_free(e);
}

/* A Certificate must not be written into any of them. */
void index_issuer_secret(const void *object, emit_fn emit, void *arg)
{
    const struct issuer *i = object;
    const char *ns = i->obj.meta.namespace;
    const struct acme_issuer *acme = i->spec.acme;
    if (acme == NULL)
        return;
    emit_secret(ns, acme->private_key_secret_ref.name, emit, arg);
    if (acme->external_account_binding != NULL)
        emit_secret(ns, acme->external_account_binding->key_secret_ref.name, emit, arg);
    if (acme->prepare != NULL && acme->prepare->http != NULL)
        emit_secret(ns, acme->prepare->http->headers_from.name, emit, arg);
    for (size_t n = 0; n < acme->solvers.len; n++)
        emit_solver_secrets(&acme->solvers.items[n], ns, emit, arg);
}

void index_workload_secret(const void *object, emit_fn emit, void *arg)
{
    const struct workload *w = object;
    for (size_t i = 0; i < w->secrets.len; i++)
        emit_secret(w->obj.meta.namespace, w->secrets.items[i], emit, arg);
}
