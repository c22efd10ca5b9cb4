/* SPDX-License-Identifier: Apache-2.0 */
/* An Order's authorizations: a Challenge for each that is pending. */
#include <string.h>
#include <strings.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/tier.h"
#include "pki/key.h"
#include "reconcilers/challenge_persist.h"
#include "reconcilers/challenge_type.h"
#include "reconcilers/names.h"
#include "reconcilers/order.h"
#include "reconcilers/request.h"
#include "reconcilers/solver.h"

static const struct challenge *find_challenge(const struct order_pass *p, const char *authz_url)
{
    for (size_t i = 0; i < p->challenges.len; i++) {
        const struct challenge *c = p->challenges.items[i];
        if (str_eq(c->spec.authorization_url, authz_url))
            return c;
    }
    return NULL;
}

const char *challenge_state(const struct env *env, const struct challenge *c)
{
    if (memo_get(env->proven, c->obj.meta.uid).time != 0)
        return "valid";
    return str_or(c->status.state, "pending");
}

static struct err *heard(const struct order_pass *p, struct err *e)
{
    return acme_chain_heard(p->env, &p->chain, e);
}

/* ---- a Challenge for an authorization ---- */

/* What there is to choose from, as far as it reads like a type. */
static char *offered(const struct acme_authz *a)
{
    AUTO(strlist_release) struct strlist types = {0};
    for (size_t i = 0; i < a->challenge_count; i++) {
        const char *type = a->challenges[i].type;
        if (strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(type))
            strlist_add(&types, type);
    }
    return types.len > 0 ? strlist_join(&types, ", ", 10) : x_strdup("none");
}

static struct err *pick_challenge(const struct acme_authz *a, const struct challenge_type *type,
                                  const char *name, const struct acme_challenge **ret_challenge)
{
    const struct acme_challenge *c = acme_authz_challenge(a, type->at_ca);
    *ret_challenge = c;
    if (c != NULL && (c->token != NULL || type->persistent))
        return NULL;
    auto_free char *others = offered(a);
    return err_new(ERR_INVALID, "InvalidSolver",
                   "the CA offers no %s challenge for %s; it offers %s", type->at_ca, name, others);
}

static struct err *pick_solver(struct order_pass *p, const struct acme_authz *a,
                               const struct acme_challenge **ret_challenge,
                               const struct acme_solver **ret_solver)
{
    auto_free char *name = x_printf("%s%s", a->wildcard ? "*." : "", a->identifier);
    const struct acme_solver *s = acme_chain_solver(&p->chain, name);
    if (s == NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "no solver of the issuer fits %s: add one to spec.acme.solvers", name);
    const struct challenge_type *type = challenge_type_of_solver(s);
    bool http01 = !type->recorded && !type->persistent;
    if (http01 && http01_tier_of(s->http01) == NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "the solver for %s has no http01 tier that this version knows: write "
                       "http01.ingress",
                       name);
    if (a->wildcard && http01)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "%s: a wildcard cannot be proven by HTTP-01 (RFC 8555 section 7.1.3): use "
                       "a dns01 solver",
                       name);
    *ret_solver = s;
    return pick_challenge(a, type, name, ret_challenge);
}

/* A DNS-01 challenge is held from the start, which costs no write: its record is taken out before it goes. */
static json_t *challenge_meta(const struct order_pass *p, const char *name, bool dns01)
{
    const struct object_meta *owner = &p->order->obj.meta;
    json_t *meta = json_build("{s:s,s:s,s:[o]}", "name", name, "namespace", owner->namespace,
                              "ownerReferences", owner_reference_json(&kind_order.res, owner));
    if (dns01)
        json_put(meta, "finalizers", json_build("[s]", api_names()->dns01_finalizer));
    return meta;
}

static void challenge_name(const struct order *o, const char *authz_url,
                           char out[KUBE_NAME_MAX + 1])
{
    char hex[PKI_SHA256_HEX];
    pki_sha256_hex(authz_url, strlen(authz_url), hex);
    hex[10] = '\0';
    name_join(o->obj.meta.name, hex, KUBE_NAME_MAX, out);
}

/* ---- what was read of it just now ---- */

static char *read_key(const char *authz_url)
{
    return x_printf("read %zx", map_hash(authz_url, strlen(authz_url)));
}

/* The hash is seeded: nobody finds another text for it. */
static int64_t read_hash(const char *dns_name, const char *url, const char *token)
{
    auto_free char *text = x_printf("%s %s %s", dns_name, url, token);
    return (int64_t)(map_hash(text, strlen(text)) | 1);
}

static void note_read(const struct order_pass *p, const struct challenge_spec *spec)
{
    auto_free char *key = read_key(spec->authorization_url);
    memo_set(p->env->polls, key, read_hash(spec->dns_name, spec->url, spec->token));
}

bool order_has_read(const struct env *env, const struct challenge_spec *spec)
{
    auto_free char *key = read_key(spec->authorization_url);
    int64_t hash = memo_get(env->polls, key).time;
    memo_drop(env->polls, key);
    return hash == read_hash(spec->dns_name, spec->url, spec->token);
}

/* What is shown as the answer. */
static struct err *answer_of(const struct order_pass *p, const struct acme_authz *a,
                             const struct acme_challenge *c, const struct acme_solver *solver,
                             char **ret_answer)
{
    const struct challenge_type *type = challenge_type_of_solver(solver);
    const struct acme_account *account = &p->chain.account.account;
    if (!type->persistent) {
        *ret_answer = type->recorded ? acme_dns_value(account->key, c->token)
                                     : acme_key_authorization(account->key, c->token);
        return NULL;
    }
    AUTO(dns_persist_config_release) struct dns_persist_config config = {0};
    bool wildcard = a->wildcard || challenge_persist_wildcard(p->order, a->identifier);
    TRY(challenge_persist_config(solver, p->now, &config));
    return challenge_persist_value(&config, c, account->url, wildcard, ret_answer);
}

static struct err *create_challenge(struct order_pass *p, const char *authz_url,
                                    const struct acme_authz *a)
{
    const struct acme_challenge *c = NULL;
    const struct acme_solver *solver = NULL;
    TRY(pick_solver(p, a, &c, &solver));
    const struct challenge_type *type = challenge_type_of_solver(solver);
    auto_free char *key = NULL;
    TRY(answer_of(p, a, c, solver, &key));
    json_auto_t *solver_json = bind_encode(&acme_solver_table, solver);
    auto_free char *solver_text = NULL;
    TRY(json_to_string(solver_json, 1024 * 1024, &solver_text));
    const struct challenge_spec spec = {
        .url = c->url,
        .authorization_url = authz_url,
        .dns_name = a->identifier,
        .wildcard = a->wildcard,
        .type = type->name,
        .token = str_or(c->token, ""),
        .key = key,
        .solver = solver_text,
        .issuer_ref = p->chain.request->spec.issuer_ref,
    };
    char name[KUBE_NAME_MAX + 1];
    challenge_name(p->order, authz_url, name);
    json_auto_t *body = json_build("{s:o,s:o}", "metadata", challenge_meta(p, name, type->recorded),
                                   "spec", bind_encode(&challenge_spec_table, &spec));
    if (!type->persistent) /* what that asks the CA is asked at each look */
        note_read(p, &spec);
    return store_create(&p->env->challenges, p->order->obj.meta.namespace, name, body);
}

/* An order that is finalized was judged before that, by a process that knew what had been proven; its certificate is not
 * thrown away, whatever became of its authorizations since. Nobody but certroll finalizes it. */
static struct err *was_finalized(const struct order_pass *p, bool *ret_finalized)
{
    AUTO(acme_order_release) struct acme_order o = {0};
    const char *url = p->order->status.url;
    struct err *e = heard(p, acme_order_get(&p->chain.account.account, url, &o));
    *ret_finalized = str_eq(o.status, "processing") || str_eq(o.status, "valid");
    if (!err_is(e, ERR_NOT_FOUND))
        return e;
    err_free(e); /* the CA has forgotten it: then its authorizations say why it failed */
    return NULL;
}

/* Unless it was proven before: another namespace's Order may have ended it since. */
static struct err *fail_authz(struct order_pass *p, const char *identifier, const char *state,
                              const char *why)
{
    bool finalized = false;
    TRY(was_finalized(p, &finalized));
    if (finalized)
        return NULL;
    auto_free char *reason = x_printf("authorization of %s is %s: %s", identifier, state,
                                      str_or(why, "the CA gives no reason"));
    order_fail(p, "invalid", reason);
    return NULL;
}

/* ---- authorizations that the CA has reused ---- */

/* With the Order's uid: no CA can name the authorizations of another one's order. */
static char *reused_key(const struct order_pass *p, const char *authz_url)
{
    return x_printf("%s %s", p->order->obj.meta.uid, authz_url);
}

static char *ordered_name(const struct acme_authz *a)
{
    return x_printf("%s%s", a->wildcard ? "*." : "", a->identifier);
}

static void note_reused(const struct order_pass *p, const char *authz_url,
                        const struct acme_authz *a)
{
    auto_free char *key = reused_key(p, authz_url), *name = ordered_name(a);
    memo_set_text(p->env->reused, key, name);
}

/* What was found valid is not read again at each look: an Order waits for its other names, and a CA in trouble would
 * have to answer for all of them in one pass. Whether this namespace may build on it is asked each time. */
static struct err *is_reused(const struct order_pass *p, const char *authz_url, bool *ret_reused)
{
    auto_free char *key = reused_key(p, authz_url);
    auto_free char *name = memo_text(p->env->reused, key);
    *ret_reused = false;
    return name != NULL ? names_may_reuse(p->env, &p->chain, name, ret_reused) : NULL;
}

void order_challenges_forget(const struct order_pass *p)
{
    for (size_t i = 0; i < p->order->status.authorizations.len; i++) {
        auto_free char *key = reused_key(p, p->order->status.authorizations.items[i].url);
        memo_drop(p->env->reused, key);
    }
}

static struct err *may_build_on(const struct order_pass *p, const struct acme_authz *a,
                                bool *ret_may)
{
    auto_free char *name = ordered_name(a);
    return names_may_reuse(p->env, &p->chain, name, ret_may);
}

/* The next order gets a pending one. What follows in this order and is not ours goes with it, from the end, so that this
 * one is found again if not all is done now: else each name would take an attempt of its own, and its back-off. */
static struct err *refuse_reuse(struct order_pass *p, size_t index, const struct acme_authz *a)
{
    const struct acme_account *account = &p->chain.account.account;
    for (size_t i = p->order->status.authorizations.len - 1; i > index; i--) {
        const char *url = p->order->status.authorizations.items[i].url;
        AUTO(acme_authz_release) struct acme_authz other = {0};
        bool may = true;
        if (find_challenge(p, url) != NULL)
            continue;
        TRY(heard(p, acme_authz_get(account, url, &other)));
        if (str_eq(other.status, "valid"))
            TRY(may_build_on(p, &other, &may));
        if (!may)
            TRY(heard(p, acme_authz_deactivate(account, url)));
    }
    const char *first = p->order->status.authorizations.items[index].url;
    TRY(heard(p, acme_authz_deactivate(account, first)));
    auto_free char *reason =
        x_printf("the CA builds on an authorization of %s that this namespace has not proven: it "
                 "is deactivated, and the next attempt proves the name anew",
                 a->identifier);
    order_fail(p, "invalid", reason);
    return NULL;
}

static bool names_it(const struct pki_names *n, const char *name)
{
    bool named = n->common_name != NULL && strcasecmp(n->common_name, name) == 0;
    for (size_t i = 0; i < n->dns.len && !named; i++)
        named = strcasecmp(n->dns.items[i], name) == 0;
    return named;
}

/* A wildcard's authorization is for the name below it and has a flag (RFC 8555 section 7.1.4). */
static bool is_ordered(const struct pki_names *n, const char *identifier, bool wildcard)
{
    auto_free char *ip = NULL, *name = x_printf("%s%s", wildcard ? "*." : "", identifier);
    err_drop(pki_ip_canonical(identifier, &ip)); /* a name, then */
    return ip != NULL ? !wildcard && strlist_has(&n->ips, ip) : names_it(n, name);
}

/* A CA, which may be of a tenant's choice, has nothing else proven than what was judged. Without its flag a wildcard's
 * authorization is the wildcard's where only that was ordered, for which another solver was judged. */
static struct err *check_is_ordered(const struct order_pass *p, struct acme_authz *a)
{
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    TRY(request_csr(p->chain.request, &csr));
    bool below = is_ordered(&csr.names, a->identifier, true);
    bool bare = is_ordered(&csr.names, a->identifier, false);
    a->wildcard = a->wildcard || (below && !bare);
    if (a->wildcard ? below : bare)
        return NULL;
    return err_new(ERR_INVALID, "NotOrdered",
                   "the CA wants \"%s%.253s\" proven, which the request does not name",
                   a->wildcard ? "*." : "", a->identifier);
}

static bool has_authorization(const struct order *o, const char *url)
{
    for (size_t i = 0; i < o->status.authorizations.len; i++)
        if (str_eq(o->status.authorizations.items[i].url, url))
            return true;
    return false;
}

bool order_made(const struct order *o, const struct pki_names *ordered, const struct challenge *c)
{
    const struct challenge_spec *spec = &c->spec;
    char name[KUBE_NAME_MAX + 1];
    if (str_empty(spec->authorization_url) || str_empty(spec->dns_name) ||
        !has_authorization(o, spec->authorization_url))
        return false;
    challenge_name(o, spec->authorization_url, name);
    return str_eq(c->obj.meta.name, name) && is_ordered(ordered, spec->dns_name, spec->wildcard);
}

/* An authorization without a Challenge: valid ones (reused by the CA) need none. */
static struct err *look_at_authz(struct order_pass *p, size_t index, bool *ret_created)
{
    const char *url = p->order->status.authorizations.items[index].url;
    bool may = false;
    TRY(is_reused(p, url, &may));
    if (may)
        return NULL;
    AUTO(acme_authz_release) struct acme_authz a = {0};
    TRY(heard(p, acme_authz_get(&p->chain.account.account, url, &a)));
    if (str_eq(a.status, "valid")) {
        TRY(may_build_on(p, &a, &may));
        if (may)
            note_reused(p, url, &a);
        else
            TRY(was_finalized(p, &may));
        return may ? NULL : refuse_reuse(p, index, &a);
    }
    if (!str_eq(a.status, "pending"))
        return fail_authz(p, a.identifier, a.status, NULL);
    TRY(check_is_ordered(p, &a));
    *ret_created = true;
    return create_challenge(p, url, &a);
}

struct err *ensure_challenges(struct order_pass *p)
{
    bool created = false;
    for (size_t i = 0; i < p->order->status.authorizations.len && !p->stop; i++) {
        const char *url = p->order->status.authorizations.items[i].url;
        const struct challenge *c = find_challenge(p, url);
        const char *state = c != NULL ? challenge_state(p->env, c) : NULL;
        if (c == NULL)
            TRY(look_at_authz(p, i, &created));
        else if (order_state_is_final(state) && !str_eq(state, "valid"))
            TRY(fail_authz(p, c->spec.dns_name, state, c->status.reason));
    }
    if (!created)
        return NULL;
    /* The list was read before they were made. */
    object_list_release(&p->challenges);
    return cache_by_index(p->env->challenges.cache, p->env->challenges_by_owner,
                          p->order->obj.meta.uid, &p->challenges);
}
