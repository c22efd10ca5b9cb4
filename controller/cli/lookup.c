/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "api/kinds.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/secret.h"

void chain_release(struct chain *c)
{
    object_unref(c->crt);
    object_unref(c->issuer);
    object_unref(c->request);
    object_unref(c->order);
    object_list_release(&c->challenges);
    free(c->secret.type);
    pki_cert_release(&c->secret.leaf);
    for (size_t i = 0; i < c->events.len; i++)
        json_decref(c->events.items[i].event);
    for (size_t i = 0; i < CHAIN_PARTS; i++)
        err_free(c->errs[i]);
    *c = (struct chain){0};
}

/* ---- single objects ---- */

static struct err *get_json(const struct cli *cli, const struct kube_resource *res, const char *ns,
                            const char *name, json_t **ret_object)
{
    const struct kube_ref ref = {.res = res, .ns = res->namespaced ? ns : NULL, .name = name};
    unsigned flags = res == &res_secret ? KUBE_SECRET : 0;
    struct err *e = kube_get(cli->kube, &ref, flags, ret_object);
    if (!err_is(e, ERR_NOT_FOUND))
        return e;
    err_free(e);
    char key[KUBE_KEY_MAX];
    object_key(ref.ns, name, key);
    return err_new(ERR_NOT_FOUND, "NotFound", "%s %s not found", res->kind, key);
}

struct err *lookup_object(const struct cli *cli, const struct kube_kind *kind, const char *ns,
                          const char *name, const void **ret_object)
{
    json_auto_t *object = NULL;
    TRY(get_json(cli, &kind->res, ns, name, &object));
    return err_wrap(object_decode(kind, object, ret_object), "%s %s", kind->res.kind, name);
}

struct err *lookup_issuer(const struct cli *cli, const struct issuer_ref *ref, const char *ns,
                          const struct issuer **ret_issuer)
{
    if (!issuer_ref_is_ours(ref))
        return NULL;
    bool cluster = str_eq(issuer_ref_kind(ref), "ClusterIssuer");
    return lookup_object(cli, cluster ? &kind_cluster_issuer : &kind_issuer, ns, ref->name,
                         (const void **)ret_issuer);
}

/* What the user named may be elsewhere; what an object names may not. */
static struct err *lookup_named(const struct cli *cli, const struct kube_kind *kind,
                                const char *name, const void **ret_object)
{
    struct err *e = lookup_object(cli, kind, cli->ns, name, ret_object);
    if (!err_is(e, ERR_NOT_FOUND))
        return e;
    err_free(e);
    return err_new(ERR_NOT_FOUND, "NotFound",
                   "%s %s/%s not found: is it in another namespace (-n), or in another API group "
                   "than %s (--api-group)?",
                   kind->res.kind, cli->ns, name, kind->res.group);
}

/* ---- lists ---- */

struct listing {
    const struct kube_kind *kind;
    lookup_keep keep;
    const void *arg;
    struct object_list *list;
};

/* Takes the object. */
static void append(struct object_list *list, const void *object)
{
    list->items = x_realloc(list->items, (list->len + 1) * sizeof(*list->items));
    list->items[list->len++] = object;
}

static struct err *take_item(void *arg, const json_t *item)
{
    const struct listing *l = arg;
    const void *object = NULL;
    TRY(object_decode(l->kind, item, &object), "%s %s/%s", l->kind->res.kind,
        str_or(JSTR(item, "metadata", "namespace"), ""),
        str_or(JSTR(item, "metadata", "name"), ""));
    if (l->keep != NULL && !l->keep(l->arg, object)) {
        object_unref(object);
        return NULL;
    }
    append(l->list, object);
    return NULL;
}

struct err *lookup_list(const struct cli *cli, const struct kube_kind *kind, const char *selector,
                        lookup_keep keep, const void *arg, struct object_list *ret_list)
{
    AUTO_OBJECT_LIST list = {0};
    struct listing l = {kind, keep, arg, &list};
    const struct kube_ref all = {.res = &kind->res, .ns = cli->ns};
    struct err *e = kube_list(cli->kube, &all, selector, take_item, &l);
    if (err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        return err_new(ERR_NOT_FOUND, "NotFound",
                       "the API server has no %s in group %s: apply crds/, or name another group "
                       "with --api-group",
                       kind->res.plural, kind->res.group);
    }
    TRY(e);
    *ret_list = list;
    list = (struct object_list){0};
    return NULL;
}

static bool is_owned_by(const void *uid, const void *object)
{
    const struct owner_reference *owner = object_controller(object);
    return owner != NULL && str_eq(owner->uid, uid);
}

static struct err *lookup_owned(const struct cli *cli, const struct kube_kind *kind,
                                const void *owner, struct object_list *ret_list)
{
    const struct object_meta *meta = &((const struct kube_object *)owner)->meta;
    return lookup_list(cli, kind, NULL, is_owned_by, meta->uid, ret_list);
}

/* ---- the parts ---- */

static struct err *find_issuer(const struct cli *cli, struct chain *c)
{
    return c->crt != NULL ? lookup_issuer(cli, &c->crt->spec.issuer_ref, cli->ns, &c->issuer)
                          : NULL;
}

static struct err *find_secret(const struct cli *cli, struct chain *c)
{
    if (c->crt == NULL)
        return NULL;
    json_auto_t *object = NULL;
    TRY(get_json(cli, &res_secret, cli->ns, c->crt->spec.secret_name, &object));
    c->secret.type = x_strdup(str_or(JSTR(object, "type"), "Opaque"));
    AUTO(secret_release) struct secret chain = {0};
    TRY(secret_json_value(object, "tls.crt", &chain));
    TRY(pki_cert_parse(chain.data, chain.len, &c->secret.leaf), "tls.crt");
    c->secret.has_leaf = true;
    return NULL;
}

static int64_t revision_of(const struct certificate *crt, const struct certificate_request *r)
{
    if (certificate_request_is_preflight(r))
        return crt->status.revision + 1;
    const char *text = bind_map_get(&r->obj.meta.annotations, api_names()->certificate_revision);
    int64_t revision = 0;
    err_drop(str_to_i64(str_or(text, "0"), 0, INT64_MAX, &revision)); /* unreadable: the oldest */
    return revision;
}

/* A preflight comes before the request of the same revision. */
static bool is_later(const struct certificate *crt, const struct certificate_request *a,
                     const struct certificate_request *b)
{
    if (revision_of(crt, a) != revision_of(crt, b))
        return revision_of(crt, a) > revision_of(crt, b);
    if (certificate_request_is_preflight(a) != certificate_request_is_preflight(b))
        return certificate_request_is_preflight(b);
    return a->obj.meta.creation_timestamp > b->obj.meta.creation_timestamp;
}

/* A person's preflight is nobody's attempt. */
static bool is_attempt(const struct certificate_request *r)
{
    return !str_eq(bind_map_get(&r->obj.meta.annotations, API_PREFLIGHT), API_PREFLIGHT_COMMAND);
}

static struct err *find_request(const struct cli *cli, struct chain *c)
{
    if (c->crt == NULL)
        return NULL;
    AUTO_OBJECT_LIST all = {0};
    TRY(lookup_owned(cli, &kind_certificate_request, c->crt, &all));
    const struct certificate_request *latest = NULL;
    for (size_t i = 0; i < all.len; i++)
        if (is_attempt(all.items[i]) && (latest == NULL || is_later(c->crt, all.items[i], latest)))
            latest = all.items[i];
    c->request = object_ref(latest);
    return NULL;
}

static struct err *find_order(const struct cli *cli, struct chain *c)
{
    if (c->request == NULL)
        return NULL;
    AUTO_OBJECT_LIST all = {0};
    TRY(lookup_owned(cli, &kind_order, c->request, &all));
    const struct order *latest = NULL;
    for (size_t i = 0; i < all.len; i++) {
        const struct order *o = all.items[i];
        if (latest == NULL || o->obj.meta.creation_timestamp > latest->obj.meta.creation_timestamp)
            latest = o;
    }
    c->order = object_ref(latest);
    return NULL;
}

static struct err *find_challenges(const struct cli *cli, struct chain *c)
{
    return c->order == NULL ? NULL : lookup_owned(cli, &kind_challenge, c->order, &c->challenges);
}

static struct err *(*const finders[CHAIN_PARTS])(const struct cli *cli, struct chain *c) = {
    [CHAIN_ISSUER] = find_issuer,         [CHAIN_SECRET] = find_secret,
    [CHAIN_REQUEST] = find_request,       [CHAIN_ORDER] = find_order,
    [CHAIN_CHALLENGES] = find_challenges, [CHAIN_EVENTS] = lookup_events,
};

static void find_parts(const struct cli *cli, unsigned parts, struct chain *c)
{
    for (size_t i = 0; i < CHAIN_PARTS; i++)
        if ((parts & (1U << i)) != 0)
            c->errs[i] = finders[i](cli, c);
}

struct err *lookup_certificate(const struct cli *cli, const char *name, unsigned parts,
                               struct chain *ret_chain)
{
    struct chain c = {0};
    TRY(lookup_named(cli, &kind_certificate, name, (const void **)&c.crt));
    find_parts(cli, parts, &c);
    *ret_chain = c;
    return NULL;
}

struct err *lookup_order(const struct cli *cli, const char *name, unsigned parts,
                         struct chain *ret_chain)
{
    struct chain c = {0};
    TRY(lookup_named(cli, &kind_order, name, (const void **)&c.order));
    find_parts(cli, parts & ~(1U << CHAIN_ORDER), &c);
    *ret_chain = c;
    return NULL;
}

/* ---- one or many ---- */

struct err *lookup_check_targets(const struct cli *cli, const char *const *args)
{
    const struct cli_flags *f = &cli->flags;
    int ways = (args[0] != NULL) + (f->selector != NULL) + f->all;
    if (ways != 1)
        return err_new(ERR_INVALID, "InvalidUsage",
                       "write the names of Certificates, --selector or --all");
    return args[0] != NULL ? cli_one_namespace(cli) : NULL;
}

struct err *lookup_targets(struct cli *cli, const char *const *args, struct object_list *ret_list)
{
    for (; *args != NULL; args++) {
        const void *crt = NULL;
        cli_complain(cli, lookup_named(cli, &kind_certificate, *args, &crt));
        if (crt != NULL)
            append(ret_list, crt);
    }
    if (!cli->flags.all && cli->flags.selector == NULL)
        return NULL;
    TRY(lookup_list(cli, &kind_certificate, cli->flags.selector, NULL, NULL, ret_list));
    if (ret_list->len > 0)
        return NULL;
    return err_new(ERR_NOT_FOUND, "NotFound", "no Certificates found%s%s%s%s",
                   cli->ns != NULL ? " in namespace " : "", str_or(cli->ns, ""),
                   cli->flags.selector != NULL ? " with labels " : "",
                   str_or(cli->flags.selector, ""));
}
