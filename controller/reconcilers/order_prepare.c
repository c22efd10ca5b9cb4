/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/order_prepare.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_share.h"
#include "prepare/job_hook.h"

#define STARTED "Started"
#define UNDONE "Undone"
#define HTTP_PATIENCE (2 * NS_PER_MIN)
#define JOB_PATIENCE (5 * NS_PER_MIN)
#define LOOK_AGAIN (2 * NS_PER_SEC)
#define GIVE_UP (10 * NS_PER_MIN)

/* ---- what is asked for ---- */

struct hook {
    const struct acme_prepare *spec;
    struct prepare_order order;
    struct strlist names; /* what the order points to */
    char job[KUBE_NAME_MAX + 1];
    char undo_job[KUBE_NAME_MAX + 1];
};

static void hook_release(struct hook *h)
{
    strlist_release(&h->names);
}
#define AUTO_HOOK AUTO(hook_release) struct hook

/* Without an issuer it says only what was made. The names are those of the Order's own CSR: it cannot be changed, and is
 * there when the request is gone. */
static struct err *hook_init(const struct order_pass *p, const struct issuer *issuer,
                             struct hook *h)
{
    const struct object_meta *meta = &p->order->obj.meta;
    h->order =
        (struct prepare_order){.ns = meta->namespace, .name = meta->name, .names = &h->names};
    TRY(order_names(p->order->spec.request, &h->names));
    /* A Job's name becomes a label. */
    name_join(meta->name, "prepare", KUBE_NAMESPACE_MAX, h->job);
    name_join(meta->name, "undo", KUBE_NAMESPACE_MAX, h->undo_job);
    if (issuer == NULL)
        return NULL;
    h->spec = issuer->spec.acme->prepare;
    h->order.secret_ns = issuer_secret_namespace(&p->env->issuer_env, issuer);
    h->order.issuer = issuer->obj.meta.name;
    return NULL;
}

static bool needs_finalizer(const struct acme_prepare *spec)
{
    return spec->http != NULL || spec->job->undo != NULL;
}

/* "a,b": the chart gives rights there. */
static bool is_allowed(const struct env *env, const char *ns)
{
    size_t len = strlen(ns);
    for (const char *at = env->config.prepare_namespaces; !str_empty(at);) {
        size_t n = strcspn(at, ",");
        if (n == len && memcmp(at, ns, n) == 0)
            return true;
        at += at[n] == ',' ? n + 1 : n;
    }
    return false;
}

/* ---- the record ---- */

static bool has_finalizer(const struct order *o)
{
    return bind_strings_has(&o->obj.meta.finalizers, PREPARE_FINALIZER);
}

/* Of the version that was read: others' finalizers are not lost. */
static struct err *put_finalizer(const struct order_pass *p, bool wanted)
{
    const struct object_meta *meta = &p->order->obj.meta;
    json_t *list = json_new_array();
    for (size_t i = 0; i < meta->finalizers.len; i++)
        if (!str_eq(meta->finalizers.items[i], PREPARE_FINALIZER))
            json_push(list, json_new_string(meta->finalizers.items[i]));
    if (wanted)
        json_push(list, json_new_string(PREPARE_FINALIZER));
    json_auto_t *patch = json_build("{s:{s:s,s:o}}", "metadata", "resourceVersion",
                                    meta->resource_version, "finalizers", list);
    const struct kube_ref ref = {.res = &kind_order.res, .ns = meta->namespace, .name = meta->name};
    json_auto_t *answer = NULL;
    TRY(kube_merge_patch(p->env->kube, &ref, patch, &answer));
    if (wanted || meta->deletion_timestamp == 0)
        return cache_note_write(p->env->orders.cache, answer);
    return NULL; /* it is gone, and the stream says so */
}

static struct err *put_state(struct order_pass *p, const char *state)
{
    p->status.prepare = (struct order_prepare){state, p->now};
    return store_put_status(&p->env->orders, p->order, &order_status_table, &p->order->status,
                            &p->status);
}

/* Both are written before anything is done; each write is a pass of its own. */
static struct err *begin(struct order_pass *p, const struct hook *h)
{
    if (needs_finalizer(h->spec) && !has_finalizer(p->order)) {
        order_wait(p, p->now);
        return put_finalizer(p, true);
    }
    if (!str_eq(p->status.prepare.state, STARTED)) {
        order_wait(p, p->now);
        return put_state(p, STARTED);
    }
    return NULL;
}

/* ---- doing it ---- */

static char *memo_key(const struct order_pass *p)
{
    return x_printf("%s/prepare", p->order->obj.meta.uid);
}

static char *undo_key(const struct order_pass *p)
{
    return x_printf("%s/undo", p->order->obj.meta.uid);
}

/* Since this process has tried first: a restart has it done again, perhaps hours later, and one failure then is no more
 * than one failure. */
static bool took_too_long(const struct order_pass *p, int64_t patience)
{
    auto_free char *key = memo_key(p);
    int64_t since = memo_get(p->env->polls, key).time;
    if (since == 0)
        memo_set(p->env->polls, key, since = p->now);
    return p->now - since > patience;
}

static struct err *call_http(struct order_pass *p, const struct hook *h)
{
    struct err *e = prepare_http(p->env->kube, p->env->outside, p->env->stop, h->spec->http,
                                 "prepare", &h->order);
    if (e == NULL || err_is(e, ERR_CANCELLED) || err_is(e, ERR_CONFLICT) ||
        err_is(e, ERR_INVALID) || http_share_held_back(e) || !took_too_long(p, HTTP_PATIENCE))
        return e;
    struct err *final = err_new(ERR_INVALID, "PrepareFailed", "%s", e->message);
    err_free(e);
    return final;
}

static struct err *wait_for_job(struct order_pass *p, const struct hook *h)
{
    const struct acme_prepare_job *job = h->spec->job;
    if (took_too_long(p, job->timeout > 0 ? job->timeout : JOB_PATIENCE))
        return err_new(ERR_INVALID, "PrepareFailed",
                       "Job %s/%s is neither ready nor complete in time: see its pods", h->order.ns,
                       h->job);
    p->status.reason = "the prepare Job is not ready yet";
    order_wait(p, p->now + LOOK_AGAIN);
    return NULL;
}

static struct err *run_job(struct order_pass *p, const struct hook *h)
{
    const struct object_meta *meta = &p->order->obj.meta;
    enum job_state state;
    TRY(prepare_job_state(p->env->kube, &h->order, h->job, meta->uid, &state));
    switch (state) {
    case JOB_ABSENT:
        TRY(prepare_job_create(p->env->kube, &h->order, h->job, h->spec->job->template,
                               owner_reference_json(&kind_order.res, meta), meta->uid));
        return wait_for_job(p, h);
    case JOB_RUNNING:
        return wait_for_job(p, h);
    case JOB_FAILED:
        return err_new(ERR_INVALID, "PrepareFailed", "Job %s/%s failed: see its pods", h->order.ns,
                       h->job);
    case JOB_READY:
    case JOB_COMPLETE:
        p->status.reason = NULL;
        return NULL;
    }
    return NULL;
}

struct err *ensure_prepared(struct order_pass *p)
{
    const struct issuer *issuer = p->chain.issuer;
    const char *ns = p->order->obj.meta.namespace;
    auto_free char *key = memo_key(p);
    if (issuer->spec.acme->prepare == NULL || !str_empty(p->order->status.url) ||
        memo_get(p->env->polls, key).count > 0)
        return NULL;
    if (!is_allowed(p->env, ns))
        return err_new(ERR_INVALID, "PrepareNotAllowed",
                       "spec.acme.prepare of issuer %s may not run in namespace %s: add it to the "
                       "chart's prepare.allowedNamespaces; nothing was ordered",
                       issuer->obj.meta.name, ns);
    AUTO_HOOK h = {0};
    TRY(hook_init(p, issuer, &h));
    TRY(begin(p, &h));
    if (p->stop)
        return NULL;
    TRY(h.spec->http != NULL ? call_http(p, &h) : run_job(p, &h), "nothing was ordered");
    if (!p->stop)
        memo_count(p->env->polls, key, p->now);
    return NULL;
}

/* ---- undoing it ---- */

/* The request may be gone by now: then the Order's copy of its issuerRef, which cannot be changed. */
static struct err *find_issuer(const struct order_pass *p, const struct issuer **ret_issuer)
{
    struct err *e =
        env_issuer(p->env, &p->order->spec.issuer_ref, p->order->obj.meta.namespace, ret_issuer);
    if (e == NULL && *ret_issuer != NULL &&
        ((*ret_issuer)->spec.acme == NULL || (*ret_issuer)->spec.acme->prepare == NULL)) {
        object_unref(*ret_issuer);
        *ret_issuer = NULL;
    }
    return e;
}

static struct err *remove_job(const struct order_pass *p, const struct hook *h)
{
    enum job_state state;
    TRY(prepare_job_state(p->env->kube, &h->order, h->job, p->order->obj.meta.uid, &state));
    return state != JOB_ABSENT ? prepare_job_delete(p->env->kube, h->order.ns, h->job) : NULL;
}

static struct err *undo_job(struct order_pass *p, const struct hook *h)
{
    const char *uid = p->order->obj.meta.uid;
    enum job_state state;
    TRY(remove_job(p, h));
    if (h->spec->job->undo == NULL)
        return NULL;
    TRY(prepare_job_state(p->env->kube, &h->order, h->undo_job, uid, &state));
    if (state == JOB_ABSENT)
        TRY(prepare_job_create(p->env->kube, &h->order, h->undo_job, h->spec->job->undo, NULL,
                               uid));
    if (state == JOB_FAILED)
        return err_new(ERR_INVALID, "UndoFailed", "Job %s/%s failed", h->order.ns, h->undo_job);
    if (state != JOB_COMPLETE)
        order_wait(p, p->now + LOOK_AGAIN);
    return NULL;
}

/* The Job is the Order's: it goes when a deleted one goes, and else nobody but us takes it away while the Order is kept.
 * Only what is more than that, and has a finalizer, takes an issuer that says how. */
static struct err *undo_without_issuer(const struct order_pass *p, const struct hook *h)
{
    if (p->order->obj.meta.deletion_timestamp == 0)
        TRY(remove_job(p, h));
    return has_finalizer(p->order)
               ? err_new(ERR_INVALID, "UndoFailed", "the issuer that says how is gone")
               : NULL;
}

static struct err *undo(struct order_pass *p)
{
    AUTO_OBJECT(struct issuer) issuer = NULL;
    TRY(find_issuer(p, &issuer));
    AUTO_HOOK h = {0};
    TRY(hook_init(p, issuer, &h));
    if (h.spec == NULL)
        return undo_without_issuer(p, &h);
    if (h.spec->http == NULL)
        return undo_job(p, &h);
    return prepare_http(p->env->kube, p->env->outside, p->env->stop, h.spec->http, "undo",
                        &h.order);
}

/* When undoing it has failed first, as far as this process knows. */
static int64_t failing_since(const struct order_pass *p)
{
    auto_free char *key = undo_key(p);
    int64_t since = memo_get(p->env->polls, key).time;
    if (since == 0)
        memo_set(p->env->polls, key, p->now);
    return since != 0 ? since : p->now;
}

/* What cannot be undone is told, and holds nothing up: least of all a namespace that is ending, where no Job that undoes it
 * can be made. */
static bool gives_up(const struct order_pass *p, const struct err *e)
{
    if (kube_namespace_is_ending(e))
        return true;
    if (e->kind == ERR_CANCELLED || e->kind == ERR_CONFLICT)
        return false;
    int64_t deleted = p->order->obj.meta.deletion_timestamp;
    int64_t since = deleted != 0 ? deleted : failing_since(p);
    return e->kind == ERR_INVALID || (deleted != 0 && e->kind == ERR_DENIED && !e->by_api_server) ||
           p->now - since > GIVE_UP;
}

static struct err *undo_or_give_up(struct order_pass *p)
{
    struct err *e = undo(p);
    if (e == NULL && !p->stop)
        log_info("what was prepared is undone", L_STR("order", p->order->obj.meta.name));
    if (e == NULL || !gives_up(p, e))
        return e;
    auto_free char *note = x_printf("what was prepared is not undone: %s", e->message);
    env_event(p->env, &kind_order, p->order, true, "PrepareNotUndone", note);
    err_free(e);
    return NULL;
}

struct err *order_prepare_undo(struct order_pass *p)
{
    auto_free char *key = memo_key(p);
    memo_drop(p->env->polls, key);
    bool deleted = p->order->obj.meta.deletion_timestamp != 0;
    if (str_eq(p->order->status.prepare.state, STARTED) && (!deleted || has_finalizer(p->order))) {
        TRY(undo_or_give_up(p));
        if (p->stop)
            return NULL;
        auto_free char *failed = undo_key(p);
        memo_drop(p->env->polls, failed);
        if (!deleted)
            return put_state(p, UNDONE);
    }
    return has_finalizer(p->order) ? put_finalizer(p, false) : NULL;
}
