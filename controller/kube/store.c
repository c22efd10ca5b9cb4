/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/store.h"

#include "base/str.h"
#include "net/http_share.h"

static struct kube_ref ref_to(const struct store *s, const char *ns, const char *name)
{
    return (struct kube_ref){.res = &cache_kind(s->cache)->res, .ns = ns, .name = name};
}

struct err *store_get(const struct store *s, const char *ns, const char *name,
                      const void **ret_object)
{
    return cache_get(s->cache, ns, name, ret_object);
}

static void put_type(const struct store *s, json_t *object)
{
    const struct kube_resource *res = &cache_kind(s->cache)->res;
    char version[KUBE_NAME_MAX];
    resource_api_version(res, version);
    json_put_str(object, "apiVersion", version);
    json_put_str(object, "kind", res->kind);
}

struct err *store_create(const struct store *s, const char *ns, const char *name, json_t *object)
{
    put_type(s, object);
    json_auto_t *answer = NULL;
    struct kube_ref ref = ref_to(s, ns, name);
    TRY(kube_create(s->client, &ref, 0, object, &answer));
    return cache_note_write(s->cache, answer);
}

static bool may_be_stored(const struct err *failed)
{
    return failed->kind == ERR_TRANSIENT && !http_share_held_back(failed) &&
           !str_eq(failed->reason, "ConnectFailed");
}

/* Another version is there, or perhaps ours: until the stream brings it, passes would go on from one that is not the
 * last. An answer that does not come either leaves it at that. */
static void look_again(const struct store *s, const struct object_meta *meta)
{
    struct kube_ref ref = ref_to(s, meta->namespace, meta->name);
    json_auto_t *now = NULL;
    AUTO_ERR e = kube_get(s->client, &ref, 0, &now);
    if (err_is(e, ERR_NOT_FOUND))
        cache_expect_deleted(s->cache, meta->namespace, meta->name, meta->uid);
    else if (e == NULL)
        err_drop(cache_note_write(s->cache, now)); /* it is expected then */
}

struct err *store_put_status(const struct store *s, const void *object,
                             const struct bind_table *table, const void *old, const void *now)
{
    if (bind_equal(table, old, now))
        return NULL;
    const struct object_meta *meta = &((const struct kube_object *)object)->meta;
    json_auto_t *body =
        json_build("{s:{s:s,s:s*,s:s,s:s},s:o}", "metadata", "name", meta->name, "namespace",
                   meta->namespace, "uid", meta->uid, "resourceVersion", meta->resource_version,
                   "status", bind_encode(table, now));
    put_type(s, body);
    json_auto_t *answer = NULL;
    struct kube_ref ref = ref_to(s, meta->namespace, meta->name);
    ref.subresource = "status";
    struct err *e = kube_update(s->client, &ref, body, &answer);
    if (err_is(e, ERR_CONFLICT) || (e != NULL && may_be_stored(e)))
        look_again(s, meta);
    TRY(e);
    return cache_note_write(s->cache, answer);
}

struct err *store_delete(const struct store *s, const void *object)
{
    const struct object_meta *meta = &((const struct kube_object *)object)->meta;
    struct kube_ref ref = ref_to(s, meta->namespace, meta->name);
    TRY(kube_delete(s->client, &ref, meta->uid));
    cache_expect_deleted(s->cache, meta->namespace, meta->name, meta->uid);
    return NULL;
}
