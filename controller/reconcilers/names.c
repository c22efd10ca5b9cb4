/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/names.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/hosts.h"
#include "reconcilers/solver.h"

static const struct kube_resource res_namespace = {"", "v1", "namespaces", "Namespace", false};

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

static bool needs_grant(const struct acme_chain *chain, const char *name)
{
    const struct acme_solver *s =
        solver_select(chain->issuer->spec.acme, name, &chain->request->obj.meta.labels);
    const struct http01_tier *tier = s != NULL ? http01_tier_of(s->http01) : NULL;
    return tier != NULL && tier->granted;
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
    for (size_t i = 0; i < spec->allowed_names.len && !*ret_allowed; i++) {
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

static struct err *judge_grants(const struct env *env, const struct acme_chain *chain,
                                const struct strlist *names, char **ret_why)
{
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
        if (!allowed && !is_routed(&g.hosts, name))
            *ret_why = x_printf(NAME_NOT_ALLOWED
                                ": %s: no Ingress, HTTPRoute or Gateway of namespace %s carries "
                                "it, and spec.allowedNames of ClusterIssuer %s does not allow it: "
                                "route the name there, or have it allowed",
                                name, ns, chain->issuer->obj.meta.name);
    }
    return NULL;
}

/* ---- who holds a name ---- */

bool certificate_names(const struct certificate_spec *spec, const char *name)
{
    if (spec->common_name != NULL && strcasecmp(spec->common_name, name) == 0)
        return true;
    for (size_t i = 0; i < spec->dns_names.len; i++)
        if (strcasecmp(spec->dns_names.items[i], name) == 0)
            return true;
    return bind_strings_has(&spec->ip_addresses, name);
}

/* Issued, and not for an earlier spec that is over. */
static bool holds(const struct certificate *c, const char *name, int64_t now)
{
    return c->status.revision > 0 && c->status.not_after > now && certificate_names(&c->spec, name);
}

static bool came_before(const struct certificate *a, const struct certificate *b)
{
    const struct object_meta *x = &a->obj.meta, *y = &b->obj.meta;
    if (x->creation_timestamp != y->creation_timestamp)
        return x->creation_timestamp < y->creation_timestamp;
    return strcmp(str_or(x->uid, ""), str_or(y->uid, "")) < 0;
}

/* Calls fn for each Certificate of the account, until it is done. */
static struct err *each_of_account(const struct env *env, const struct issuer *issuer,
                                   void (*fn)(void *arg, const struct certificate *c), void *arg)
{
    AUTO_OBJECT_LIST issuers = {0};
    cache_all(env->cluster_issuers.cache, &issuers);
    for (size_t i = 0; i < issuers.len; i++) {
        const struct issuer *other = issuers.items[i];
        if (!str_eq(other->obj.meta.uid, issuer->obj.meta.uid) &&
            (str_empty(other->status.acme.uri) ||
             !str_eq(other->status.acme.uri, issuer->status.acme.uri)))
            continue;
        const struct issuer_ref ref = {.name = other->obj.meta.name, .kind = "ClusterIssuer"};
        char key[KUBE_KEY_MAX + 1];
        issuer_key(&ref, NULL, key);
        AUTO_OBJECT_LIST found = {0};
        TRY(cache_by_index(env->certificates.cache, env->certificates_by_issuer, key, &found));
        for (size_t c = 0; c < found.len; c++)
            fn(arg, found.items[c]);
    }
    return NULL;
}

struct search {
    const struct strlist *names;
    int64_t now;
    const struct certificate **first; /* by name: who came first; referenced */
};

static void look(void *arg, const struct certificate *c)
{
    const struct search *s = arg;
    for (size_t i = 0; i < s->names->len; i++) {
        if (!holds(c, s->names->items[i], s->now) ||
            (s->first[i] != NULL && !came_before(c, s->first[i])))
            continue;
        object_unref(s->first[i]);
        s->first[i] = object_ref(c);
    }
}

static struct err *judge_holders(const struct env *env, const struct acme_chain *chain,
                                 const struct strlist *names, char **ret_why)
{
    auto_free const struct certificate **first = x_calloc(names->len + 1, sizeof(void *));
    struct search s = {names, clock_wall(env->clock), first};
    struct err *e = each_of_account(env, chain->issuer, look, &s);
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

static bool is_held_here(const struct env *env, const struct acme_chain *chain, const char *name)
{
    const char *const one[] = {name};
    const struct strlist names = {.items = (char **)(uintptr_t)one, .len = 1};
    const struct certificate *first[1] = {NULL};
    struct search s = {&names, clock_wall(env->clock), first};
    /* Behind on a write of ours: it is asked again, or the name is proven again. */
    err_drop(each_of_account(env, chain->issuer, look, &s));
    bool here = first[0] != NULL &&
                str_eq(first[0]->obj.meta.namespace, chain->request->obj.meta.namespace);
    object_unref(first[0]);
    return here;
}

struct err *names_judge(const struct env *env, const struct acme_chain *chain,
                        const struct strlist *names, char **ret_why)
{
    *ret_why = NULL;
    if (!is_cluster(chain->issuer))
        return NULL;
    if (names_are_owned(chain->issuer))
        TRY(judge_holders(env, chain, names, ret_why));
    return *ret_why == NULL ? judge_grants(env, chain, names, ret_why) : NULL;
}

/* ---- authorizations that are there ---- */

static char *proof_key(const struct acme_chain *chain, const char *name)
{
    return x_printf("%s %s %s", chain->request->obj.meta.namespace, name,
                    str_or(chain->issuer->status.acme.uri, ""));
}

bool names_may_reuse(const struct env *env, const struct acme_chain *chain, const char *name)
{
    if (!names_are_owned(chain->issuer) || needs_grant(chain, name))
        return true;
    auto_free char *key = proof_key(chain, name);
    return memo_get(env->proven, key).time != 0 || is_held_here(env, chain, name);
}

void names_proven(const struct env *env, const struct acme_chain *chain, const char *name)
{
    auto_free char *key = proof_key(chain, name);
    memo_set(env->proven, key, clock_wall(env->clock));
}
