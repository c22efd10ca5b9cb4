/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/cache_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"

#define SAFETY_NET (60 * NS_PER_SEC)

/* A write of ours that the cache does not show yet. */
struct expectation {
    char *rv;  /* written: this version or a newer one */
    char *uid; /* deleted: gone, or on its way out */
    int64_t deadline;
};

void expectation_free(void *expectation)
{
    struct expectation *e = expectation;
    free(e->rv);
    free(e->uid);
    free(e);
}

static bool is_met(const struct cache *c, const char *key, const struct expectation *e)
{
    const struct object_name n = object_name_parse(key);
    const struct kube_object *o = object_table_get(&c->objects, n.ns, n.name);
    if (clock_mono(c->clock) >= e->deadline)
        return true;
    if (e->uid != NULL)
        return o == NULL || o->meta.deletion_timestamp != 0 || !str_eq(o->meta.uid, e->uid);
    if (o != NULL && resource_version_compare(o->meta.resource_version, e->rv) >= 0)
        return true;
    const struct cache_fill *f = cache_fill_covering(c, n.ns);
    return f == NULL || resource_version_compare(f->rv, e->rv) >= 0;
}

static struct err *behind(const struct cache *c, const char *key)
{
    return err_new(ERR_CONFLICT, "CacheBehind",
                   "%s %s: our last write has not come back from the API server yet",
                   c->kind->res.kind, key);
}

struct err *expected_check_key(const struct cache *c, const char *ns, const char *name)
{
    if (c->expected.len == 0)
        return NULL;
    char key[KUBE_KEY_MAX];
    object_key(ns, name, key);
    const struct expectation *e = map_get(&c->expected, key);
    return e == NULL || is_met(c, key, e) ? NULL : behind(c, key);
}

struct bucket_check {
    const struct cache *cache;
    const struct index_bucket *bucket;
    struct err *err;
};

static bool check_one(void *arg, const char *key, void *value)
{
    struct bucket_check *check = arg;
    if (is_met(check->cache, key, value))
        return true;
    const struct object_name n = object_name_parse(key);
    const void *object = object_table_get(&check->cache->objects, n.ns, n.name);
    /* Of an object not seen yet nobody knows where it will be indexed. */
    if (object == NULL || index_bucket_has(check->bucket, object))
        check->err = behind(check->cache, key);
    return check->err == NULL;
}

struct err *expected_check_bucket(const struct cache *c, const struct index_bucket *b)
{
    struct bucket_check check = {.cache = c, .bucket = b};
    if (c->expected.len > 0)
        map_each(&c->expected, check_one, &check);
    return check.err;
}

void expected_settle(struct cache *c, const char *ns, const char *name)
{
    if (c->expected.len == 0)
        return;
    char key[KUBE_KEY_MAX];
    object_key(ns, name, key);
    const struct expectation *e = map_get(&c->expected, key);
    if (e != NULL && is_met(c, key, e))
        map_remove(&c->expected, key);
}

struct sweep {
    const struct cache *cache;
    struct strlist met;
};

static bool collect_met(void *arg, const char *key, void *value)
{
    struct sweep *s = arg;
    if (is_met(s->cache, key, value))
        strlist_add(&s->met, key);
    return true;
}

void expected_settle_all(struct cache *c)
{
    if (c->expected.len == 0)
        return;
    struct sweep s = {.cache = c};
    map_each(&c->expected, collect_met, &s);
    for (size_t i = 0; i < s.met.len; i++)
        map_remove(&c->expected, s.met.items[i]);
    strlist_release(&s.met);
}

static void expect(struct cache *c, const char *ns, const char *name, struct expectation *e)
{
    char key[KUBE_KEY_MAX];
    object_key(ns, name, key);
    pthread_rwlock_wrlock(&c->lock);
    e->deadline = clock_mono(c->clock) + SAFETY_NET;
    if (is_met(c, key, e))
        expectation_free(e);
    else
        map_put(&c->expected, key, e);
    pthread_rwlock_unlock(&c->lock);
}

void cache_expect(struct cache *c, const char *ns, const char *name, const char *resource_version)
{
    struct expectation *e = x_calloc(1, sizeof(*e));
    e->rv = x_strdup(str_or(resource_version, ""));
    expect(c, ns, name, e);
}

void cache_expect_deleted(struct cache *c, const char *ns, const char *name, const char *uid)
{
    struct expectation *e = x_calloc(1, sizeof(*e));
    e->uid = x_strdup(str_or(uid, ""));
    expect(c, ns, name, e);
}
