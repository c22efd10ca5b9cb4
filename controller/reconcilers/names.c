/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/names.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/hosts.h"
#include "reconcilers/name_holders.h"
#include "reconcilers/solver.h"

static bool is_cluster(const struct issuer *issuer)
{
    return issuer->obj.meta.namespace == NULL;
}

static bool names_are_owned(const struct issuer *issuer)
{
    bool drop_in = !str_eq(api_names()->group, API_DEFAULT_GROUP);
    const char *dflt = drop_in ? "Any" : "First";
    return is_cluster(issuer) && str_eq(str_or(issuer->spec.acme->name_ownership, dflt), "First");
}

/* ---- grants ---- */

/* An account of the namespace's own binds it to its own answers. It binds nobody where certroll's replicas answer: they do so
 * for any account, and their route is certroll's. */
static bool needs_grant(const struct acme_chain *chain, const char *name)
{
    const struct acme_solver *s = acme_chain_solver(chain, name);
    if (s != NULL && s->dns_persist01 != NULL)
        return is_cluster(chain->issuer); /* the record is for the account, whoever uses it */
    const struct http01_tier *tier = s != NULL ? http01_tier_of(s->http01) : NULL;
    return tier != NULL && tier->granted && (is_cluster(chain->issuer) || tier->host != NULL);
}

/* "*.example.com" stands for all names below it, as deep as they are. */
static bool pattern_covers(const char *pattern, const char *name)
{
    if (str_eq(pattern, "*"))
        return true;
    if (!str_starts(pattern, "*."))
        return strcasecmp(pattern, name) == 0;
    size_t suffix = strlen(pattern) - 1;
    size_t len = strlen(name);
    return len > suffix && strcasecmp(name + len - suffix, pattern + 1) == 0;
}

/* The namespace's labels are asked for only when a pattern fits. */
static struct err *read_labels(const struct env *env, const char *ns, const void **labels)
{
    if (*labels != NULL)
        return NULL;
    static const struct kube_kind kind = {.table = &object_meta_table};
    const struct kube_ref ref = {.res = &res_namespace, .name = ns};
    json_auto_t *found = NULL;
    TRY(kube_get(env->kube, &ref, KUBE_METADATA, &found), "labels of namespace %s", ns);
    void *block = NULL;
    TRY(bind_decode(kind.table, JGET(found, "metadata"), &block));
    *labels = block;
    return NULL;
}

static struct err *is_allowed(const struct env *env, const struct acme_chain *chain,
                              const char *name, const void **labels, bool *ret_allowed)
{
    const struct issuer_spec *spec = &chain->issuer->spec;
    size_t count =
        is_cluster(chain->issuer) ? spec->allowed_names.len : 0; /* or it is self-service */
    for (size_t i = 0; i < count && !*ret_allowed; i++) {
        const struct allowed_names *a = &spec->allowed_names.items[i];
        bool covered = false;
        for (size_t n = 0; n < a->names.len && !covered; n++)
            covered = pattern_covers(a->names.items[n], name);
        if (!covered)
            continue;
        TRY(read_labels(env, chain->request->obj.meta.namespace, labels));
        const struct object_meta *m = *labels;
        *ret_allowed = label_selector_fits(&a->namespace_selector, &m->labels);
    }
    return NULL;
}

static bool is_routed(const struct strlist *hosts, const char *name)
{
    for (size_t i = 0; i < hosts->len; i++)
        if (http01_host_covers(hosts->items[i], name))
            return true;
    return false;
}

struct grants {
    struct strlist hosts; /* that the namespace routes */
    const void *labels;   /* struct object_meta, owned */
};

static void grants_release(struct grants *g)
{
    strlist_release(&g->hosts);
    free((void *)(uintptr_t)g->labels);
}

static char *not_allowed(const struct acme_chain *chain, const char *name)
{
    const char *ns = chain->request->obj.meta.namespace;
    const char *issuer = chain->issuer->obj.meta.name;
    if (is_cluster(chain->issuer))
        return x_printf(
            NAME_NOT_ALLOWED
            ": %s: no Ingress, HTTPRoute, Gateway or ListenerSet of namespace %s carries it, and "
            "spec.allowedNames of ClusterIssuer %s does not allow it: route the name there, or "
            "have it allowed",
            name, ns, issuer);
    return x_printf(
        NAME_NOT_ALLOWED
        ": %s: no Ingress, HTTPRoute, Gateway or ListenerSet of namespace %s carries it, and "
        "certroll's own replicas answer for no other name: route the name there, use "
        "http01.ingress in Issuer %s, or a ClusterIssuer whose spec.allowedNames allows "
        "the name",
        name, ns, issuer);
}

/* Where certroll's replicas answer under another host than the name, its route is certroll's as well. The host in a
 * ClusterIssuer is its administrator's choice. */
static bool has_central_host(const struct acme_chain *chain, const char *name,
                             char out[DNS_NAME_MAX + 1])
{
    const struct acme_solver *s = acme_chain_solver(chain, name);
    const struct http01_tier *tier = s != NULL ? http01_tier_of(s->http01) : NULL;
    if (is_cluster(chain->issuer) || tier == NULL || tier->host == NULL)
        return false;
    tier->host(s->http01, name, out);
    return strcasecmp(out, name) != 0;
}

static char *central_host_not_allowed(const struct acme_chain *chain, const char *name,
                                      const char *host)
{
    return x_printf(
        NAME_NOT_ALLOWED
        ": %s: no Ingress, HTTPRoute, Gateway or ListenerSet of namespace %s carries "
        "%s, the host of http01.redirect.url in Issuer %s, where certroll's own replicas would "
        "answer: route it there, or have a ClusterIssuer with that URL",
        name, chain->request->obj.meta.namespace, host, chain->issuer->obj.meta.name);
}

struct err *names_judge_grants(const struct env *env, const struct acme_chain *chain,
                               const struct strlist *names, char **ret_why)
{
    *ret_why = NULL;
    AUTO(grants_release) struct grants g = {0};
    const char *ns = chain->request->obj.meta.namespace;
    bool read = false;
    for (size_t i = 0; i < names->len && *ret_why == NULL; i++) {
        const char *name = names->items[i];
        bool allowed = !needs_grant(chain, name);
        if (!allowed)
            TRY(is_allowed(env, chain, name, &g.labels, &allowed));
        if (!allowed && !read)
            TRY(http01_hosts_of(&env->http01, ns, &g.hosts));
        read = read || !allowed;
        char host[DNS_NAME_MAX + 1];
        if (!allowed && !is_routed(&g.hosts, name))
            *ret_why = not_allowed(chain, name);
        else if (has_central_host(chain, name, host) && !is_routed(&g.hosts, host))
            *ret_why = central_host_not_allowed(chain, name, host);
    }
    return NULL;
}

/* ---- who holds a name ---- */

static struct err *judge_holders(const struct env *env, const struct acme_chain *chain,
                                 const struct strlist *names, char **ret_why)
{
    auto_free const struct certificate **first = x_calloc(names->len + 1, sizeof(void *));
    struct err *e = name_holders(env, chain->issuer, names, first);
    const char *ns = chain->request->obj.meta.namespace;
    for (size_t i = 0; i < names->len; i++) {
        if (e == NULL && *ret_why == NULL && first[i] != NULL &&
            !str_eq(first[i]->obj.meta.namespace, ns))
            *ret_why = x_printf(NAME_HELD_ELSEWHERE
                                ": %s: a Certificate of another namespace holds it with the same "
                                "account: remove it there, use an Issuer of your own, or have "
                                "spec.acme.nameOwnership of ClusterIssuer %s set to Any",
                                names->items[i], chain->issuer->obj.meta.name);
        object_unref(first[i]);
    }
    return e;
}

static struct err *judge_rivals(const struct env *env, const struct acme_chain *chain,
                                const struct strlist *names, char **ret_why)
{
    const char *name = NULL;
    TRY(name_is_ordered(env, chain, names, &name));
    if (name != NULL)
        *ret_why = x_printf(NAME_HELD_ELSEWHERE
                            ": %s: another namespace has an order for it under way with the same "
                            "account: it is waited for",
                            name);
    return NULL;
}

static struct err *is_held_here(const struct env *env, const struct acme_chain *chain,
                                const char *name, bool *ret_here)
{
    const char *const one[] = {name};
    const struct strlist names = {.items = (char **)(uintptr_t)one, .len = 1};
    const struct certificate *first[1] = {NULL};
    struct err *e = name_holders(env, chain->issuer, &names, first);
    *ret_here = e == NULL && first[0] != NULL &&
                str_eq(first[0]->obj.meta.namespace, chain->request->obj.meta.namespace);
    object_unref(first[0]);
    return e;
}

struct err *names_judge(const struct env *env, const struct acme_chain *chain,
                        const struct strlist *names, char **ret_why)
{
    *ret_why = NULL;
    bool owned = names_are_owned(chain->issuer);
    if (owned)
        TRY(judge_holders(env, chain, names, ret_why));
    if (*ret_why == NULL)
        TRY(names_judge_grants(env, chain, names, ret_why));
    if (*ret_why == NULL && owned)
        TRY(judge_rivals(env, chain, names, ret_why));
    return NULL;
}

/* ---- authorizations that are there ---- */

static char *proof_key(const struct acme_chain *chain, const char *name)
{
    auto_free char *account = acme_account_name(chain->issuer);
    return x_printf("%s %s %s", chain->request->obj.meta.namespace, name, str_or(account, ""));
}

static void remember_proof(const struct env *env, const struct acme_chain *chain, const char *name)
{
    auto_free char *key = proof_key(chain, name);
    memo_set(env->proven, key, clock_wall(env->clock));
}

/* Whoever needs a grant was asked for it before there was an order. */
static bool proof_is_free(const struct acme_chain *chain, const char *name)
{
    return !names_are_owned(chain->issuer) || needs_grant(chain, name);
}

struct err *names_may_reuse(const struct env *env, const struct acme_chain *chain, const char *name,
                            bool *ret_may)
{
    auto_free char *key = proof_key(chain, name);
    *ret_may = proof_is_free(chain, name) || memo_get(env->proven, key).time != 0;
    return *ret_may ? NULL : is_held_here(env, chain, name, ret_may);
}

struct err *names_proven(const struct env *env, const struct acme_chain *chain, const char *name,
                         const char *url, bool *ret_may)
{
    bool shared = false;
    if (!proof_is_free(chain, name))
        TRY(name_is_shared(env, chain, url, &shared));
    if (shared)
        return is_held_here(env, chain, name, ret_may);
    remember_proof(env, chain, name);
    *ret_may = true;
    return NULL;
}
