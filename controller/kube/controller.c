/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/controller.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_share.h"

#define LOOK_MAX NS_PER_HOUR
#define SOON NS_PER_SEC

struct controller {
    struct controller_options o;
    struct workqueue *queue;
};

/* For the log only: which lines belong together. */
static _Atomic uint64_t reconcile_ids;

struct controller *controller_new(const struct controller_options *o)
{
    struct controller *c = x_calloc(1, sizeof(*c));
    c->o = *o;
    c->queue = workqueue_new(
        &(struct workqueue_options){.clock = o->clock, .rng = o->rng, .backoff = o->backoff});
    return c;
}

void controller_free(struct controller *c)
{
    if (c == NULL)
        return;
    workqueue_free(c->queue);
    free(c);
}

struct workqueue *controller_queue(struct controller *c)
{
    return c->queue;
}

const char *controller_name(const struct controller *c)
{
    return c->o.name;
}

/* ---- what wakes a key ------------------------------------------------------------------------ */

static void enqueue(struct controller *c, const char *ns, const char *name, bool initial)
{
    char key[KUBE_KEY_MAX];
    object_key(ns, name, key);
    workqueue_add(c->queue, key, initial ? WORKQUEUE_LOW : WORKQUEUE_NORMAL);
}

void controller_enqueue(struct controller *c, const char *ns, const char *name)
{
    enqueue(c, ns, name, false);
}

static const struct kube_object *changed_object(const struct cache_change *change)
{
    return change->now != NULL ? change->now : change->old;
}

void controller_on_change(void *controller, const struct cache_change *change)
{
    const struct kube_object *o = changed_object(change);
    enqueue(controller, o->meta.namespace, o->meta.name, change->initial);
}

/* Versions may differ: an owner keeps its identity when its kind is served under a newer one. */
static bool owner_is(const struct owner_reference *owner, const struct kube_resource *res)
{
    if (owner == NULL || !str_eq(owner->kind, res->kind))
        return false;
    const char *slash = strchr(owner->api_version, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - owner->api_version);
    const char *group = str_or(res->group, "");
    return strlen(group) == len && memcmp(group, owner->api_version, len) == 0;
}

static void enqueue_owner(const struct controller_owner_route *r, const struct kube_object *child,
                          bool initial)
{
    const struct owner_reference *owner = child == NULL ? NULL : object_controller(child);
    if (owner_is(owner, r->owner))
        enqueue(r->controller, r->owner->namespaced ? child->meta.namespace : NULL, owner->name,
                initial);
}

void controller_on_owned_change(void *route, const struct cache_change *change)
{
    enqueue_owner(route, change->old, change->initial);
    enqueue_owner(route, change->now, change->initial);
}

/* ---- one reconcile --------------------------------------------------------------------------- */

static void look_at(struct controller *c, const char *key, int64_t next)
{
    /* Far looks are made in hops of at most an hour, spread out so that what started together does
     * not come back together; each hop is a full look, so nothing stays missed for longer. */
    int64_t delay = next - clock_wall(c->o.clock);
    if (delay > LOOK_MAX)
        delay = rng_between(c->o.rng, LOOK_MAX - LOOK_MAX / 6, LOOK_MAX);
    workqueue_add_after(c->queue, key, delay);
}

static void look_after_error(struct controller *c, const char *key, const struct err *err)
{
    /* Refused by the gate: the process ends when the lease is lost. When a late renewal saves it, nothing
     * else would wake this key again. */
    bool no_lease = err->kind == ERR_CANCELLED && strcmp(err->reason, "NotLeader") == 0;
    bool behind = err->kind == ERR_CONFLICT && strcmp(err->reason, "CacheBehind") == 0;
    if (no_lease || behind)
        workqueue_add_after(c->queue, key, SOON);
    if (no_lease || behind || err->kind == ERR_CANCELLED)
        return;
    int64_t asked = err->retry_at == 0 ? 0 : err->retry_at - clock_wall(c->o.clock);
    if (http_share_held_back(err)) { /* nothing was tried */
        workqueue_add_after(c->queue, key, asked);
        return;
    }
    int64_t delay = workqueue_failed(c->queue, key);
    /* A rate limit names the time itself; elsewhere the peer's wish is only a lower bound. */
    bool exact = err->kind == ERR_RATE_LIMITED && asked > 0;
    workqueue_add_after(c->queue, key, exact || asked > delay ? asked : delay);
}

/* Conflicts are how optimistic concurrency works and a cancelled step says nothing: neither is
 * reported. */
static bool is_reported(const struct err *err)
{
    return err != NULL && err->kind != ERR_CONFLICT && err->kind != ERR_CANCELLED;
}

static void process(struct controller *c, const char *key)
{
    const struct object_name name = object_name_parse(key);
    int64_t next = 0;
    int64_t start = clock_mono(c->o.clock);
    log_scope_set(c->o.name, key, atomic_fetch_add(&reconcile_ids, 1) + 1);
    AUTO_ERR err = c->o.reconcile(c->o.ctx, &name, &next);
    if (c->o.observe != NULL)
        c->o.observe(c->o.observe_arg, c->o.name, key, clock_mono(c->o.clock) - start,
                     is_reported(err) ? err : NULL);
    log_scope_clear();
    if (err != NULL) {
        look_after_error(c, key, err);
    } else {
        workqueue_forget(c->queue, key);
        if (next > 0)
            look_at(c, key, next);
    }
    workqueue_done(c->queue, key);
}

bool controller_step(struct controller *c)
{
    char key[KUBE_KEY_MAX];
    if (!workqueue_try_take(c->queue, key))
        return false;
    process(c, key);
    return true;
}
