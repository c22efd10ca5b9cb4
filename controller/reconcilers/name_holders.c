/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/name_holders.h"

#include <string.h>
#include <strings.h>

#include "acme/order.h"
#include "base/log.h"
#include "base/str.h"
#include "pki/cert.h"
#include "pki/names.h"
#include "reconcilers/request.h"

/* A route that works is seen within moments; what takes longer than this waits for a person. */
#define PROVEN_BY (10 * NS_PER_MIN)

bool certificate_names(const struct certificate_spec *spec, const char *name)
{
    bool named = spec->common_name != NULL && pki_name_is(spec->common_name, name);
    for (size_t i = 0; i < spec->dns_names.len && !named; i++)
        named = pki_name_is(spec->dns_names.items[i], name);
    for (size_t i = 0; i < spec->ip_addresses.len && !named; i++)
        named = pki_name_is(spec->ip_addresses.items[i], name);
    return named;
}

/* Calls fn for each object that names a ClusterIssuer of the account. */
static struct err *each_of_account(const struct env *env, const struct issuer *issuer,
                                   struct cache *cache, int by_issuer,
                                   struct err *(*fn)(void *arg, const void *object), void *arg)
{
    AUTO_OBJECT_LIST issuers = {0};
    cache_all(env->cluster_issuers.cache, &issuers);
    for (size_t i = 0; i < issuers.len; i++) {
        const struct issuer *other = issuers.items[i];
        if (!acme_account_is_shared(other, issuer))
            continue;
        const struct issuer_ref ref = {.name = other->obj.meta.name, .kind = "ClusterIssuer"};
        char key[KUBE_KEY_MAX + 1];
        issuer_key(&ref, NULL, key);
        AUTO_OBJECT_LIST found = {0};
        TRY(cache_by_index(cache, by_issuer, key, &found));
        for (size_t o = 0; o < found.len; o++)
            TRY(fn(arg, found.items[o]));
    }
    return NULL;
}

/* ---- who holds a name ---- */

static bool came_before(const struct certificate *a, const struct certificate *b)
{
    const struct object_meta *x = &a->obj.meta, *y = &b->obj.meta;
    if (x->creation_timestamp != y->creation_timestamp)
        return x->creation_timestamp < y->creation_timestamp;
    return strcmp(str_or(x->uid, ""), str_or(y->uid, "")) < 0;
}

static bool leaf_names(const struct pki_cert *leaf, const char *name)
{
    const struct pki_names *n = &leaf->names;
    for (size_t i = 0; i < n->dns.len; i++)
        if (strcasecmp(n->dns.items[i], name) == 0)
            return true;
    return strlist_has(&n->ips, name) ||
           (n->common_name != NULL && strcasecmp(n->common_name, name) == 0);
}

struct search {
    const struct env *env;
    const struct strlist *names;
    int64_t now;
    const struct certificate **first;
};

/* A spec that names what was never issued, and one that does not name it any more, hold nothing. */
static struct err *look_at_request(void *arg, const void *object)
{
    const struct search *s = arg;
    const struct certificate_request *r = object;
    AUTO_OBJECT(struct certificate)
    crt = request_is_issued(r) ? request_certificate(s->env, r) : NULL;
    AUTO(pki_cert_release) struct pki_cert leaf = {0};
    bool read = false;
    for (size_t i = 0; i < s->names->len && crt != NULL; i++) {
        if (!certificate_names(&crt->spec, s->names->items[i]) ||
            (s->first[i] != NULL && !came_before(crt, s->first[i])))
            continue;
        if (!read)
            err_drop(request_leaf(r, &leaf)); /* unreadable: it names nothing */
        read = true;
        if (leaf.not_after <= s->now || !leaf_names(&leaf, s->names->items[i]))
            continue;
        object_unref(s->first[i]);
        s->first[i] = object_ref(crt);
    }
    return NULL;
}

struct err *name_holders(const struct env *env, const struct issuer *issuer,
                         const struct strlist *names, const struct certificate **first)
{
    struct search s = {env, names, clock_wall(env->clock), first};
    return each_of_account(env, issuer, env->requests.cache, env->requests_by_issuer,
                           look_at_request, &s);
}

/* ---- who is about to ---- */

struct rivals {
    const struct env *env;
    const struct acme_chain *chain;
    const struct strlist *names;
    const char *name; /* found; of names */
    const char *url;  /* of an authorization */
    bool shared;      /* found */
};

static bool is_elsewhere(const struct rivals *r, const struct order *o)
{
    return !str_eq(o->obj.meta.namespace, r->chain->request->obj.meta.namespace);
}

/* RFC 8555 section 7.5.2: whoever asks next gets an authorization of his own. What a Challenge says of its URL is what
 * certroll wrote there, and the CA takes only what is the account's. */
static struct err *take_back(const struct rivals *r, const struct order *o, const char *name)
{
    AUTO_OBJECT_LIST challenges = {0};
    TRY(cache_by_index(r->env->challenges.cache, r->env->challenges_by_owner, o->obj.meta.uid,
                       &challenges));
    for (size_t i = 0; i < challenges.len; i++) {
        const struct challenge *c = challenges.items[i];
        if (order_state_is_final(c->status.state) || strcasecmp(c->spec.dns_name, name) != 0)
            continue;
        log_info("an authorization that could not be proven is deactivated for another namespace",
                 L_STR("url", c->spec.authorization_url));
        struct err *e =
            acme_authz_deactivate(&r->chain->account.account, c->spec.authorization_url);
        if (e != NULL && e->kind != ERR_INVALID && e->kind != ERR_NOT_FOUND &&
            e->kind != ERR_DENIED)
            return e;
        err_drop(e); /* it is over already */
    }
    return NULL;
}

/* Does the request not say yet what the CA has issued? Then it does not show who holds the names, and the order, which
 * is over, has to. */
static bool is_unanswered(const struct rivals *r, const struct order *o)
{
    AUTO_OBJECT(struct certificate_request) request = NULL;
    const char *why = NULL;
    err_drop(acme_request_of_order(r->env, o, &request)); /* it is gone: nobody will have them */
    return request != NULL && !request_is_issued(request) && !request_has_failed(request, &why);
}

static struct err *look_at_order(void *arg, const void *object)
{
    struct rivals *r = arg;
    const struct order *o = object;
    bool over = order_state_is_final(o->status.state);
    if (r->name != NULL || str_empty(o->status.url) || !is_elsewhere(r, o) ||
        (over && !str_eq(o->status.state, "valid")))
        return NULL;
    bool young = clock_wall(r->env->clock) - o->obj.meta.creation_timestamp < PROVEN_BY;
    for (size_t i = 0; i < r->names->len && r->name == NULL; i++) {
        const char *name = r->names->items[i];
        bool ordered = bind_strings_has(&o->spec.dns_names, name) ||
                       bind_strings_has(&o->spec.ip_addresses, name) ||
                       str_eq(o->spec.common_name, name);
        if (ordered && (over ? is_unanswered(r, o) : young))
            r->name = name;
        else if (ordered && !over)
            TRY(take_back(r, o, name));
    }
    return NULL;
}

struct err *name_is_ordered(const struct env *env, const struct acme_chain *chain,
                            const struct strlist *names, const char **ret_name)
{
    struct rivals r = {.env = env, .chain = chain, .names = names};
    TRY(each_of_account(env, chain->issuer, env->orders.cache, env->orders_by_issuer, look_at_order,
                        &r));
    *ret_name = r.name;
    return NULL;
}

static struct err *look_for_url(void *arg, const void *object)
{
    struct rivals *r = arg;
    const struct order *o = object;
    for (size_t i = 0; i < o->status.authorizations.len && !r->shared; i++)
        r->shared = is_elsewhere(r, o) && str_eq(o->status.authorizations.items[i].url, r->url);
    return NULL;
}

struct err *name_is_shared(const struct env *env, const struct acme_chain *chain, const char *url,
                           bool *ret_shared)
{
    struct rivals r = {.env = env, .chain = chain, .url = url};
    TRY(each_of_account(env, chain->issuer, env->orders.cache, env->orders_by_issuer, look_for_url,
                        &r));
    *ret_shared = r.shared;
    return NULL;
}
