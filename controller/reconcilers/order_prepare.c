/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/order_prepare.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_share.h"
#include "net/url.h"
#include "pki/key.h"
#include "prepare/job_hook.h"

#define STARTED "Started"
#define UNDONE "Undone"
#define NOT_UNDONE "NotUndone"
#define KIND_HTTP "HTTP"
#define KIND_JOB "Job"
#define HTTP_PATIENCE (2 * NS_PER_MIN)
#define JOB_PATIENCE (5 * NS_PER_MIN)
#define LOOK_AGAIN (2 * NS_PER_SEC)
#define GIVE_UP (10 * NS_PER_MIN)
#define OPEN_MAX NS_PER_MIN /* while nothing comes of it */
#define HOOK_TEXT_MAX (4 * 1024 * 1024)

/* ---- what is asked for ---- */

struct hook {
    struct acme_prepare spec;    /* empty when nobody knows it any more; kept by the pass, or by */
    const struct issuer *issuer; /* one of these */
    struct acme_prepare *held;
    struct acme_prepare_job recorded;
    struct prepare_order order;
    struct strlist names; /* what the order points to */
    char job[KUBE_NAME_MAX + 1];
    char undo_job[KUBE_NAME_MAX + 1];
};

static void hook_release(struct hook *h)
{
    object_unref(h->issuer);
    free(h->held);
    strlist_release(&h->names);
}
#define AUTO_HOOK AUTO(hook_release) struct hook

/* All of it is the Order's own and cannot be changed, so that it is the same when the request and the issuer are gone. */
static struct err *hook_init(const struct order_pass *p, struct hook *h)
{
    const struct object_meta *meta = &p->order->obj.meta;
    const struct issuer_ref *ref = &p->order->spec.issuer_ref;
    bool cluster = str_eq(issuer_ref_kind(ref), "ClusterIssuer");
    h->order = (struct prepare_order){
        .ns = meta->namespace,
        .name = meta->name,
        .issuer = ref->name,
        .secret_ns = cluster ? p->env->config.cluster_resource_namespace : meta->namespace,
        .names = &h->names,
    };
    TRY(order_names(p->order->spec.request, &h->names));
    /* A Job's name becomes a label. */
    name_join(meta->name, "prepare", KUBE_NAMESPACE_MAX, h->job);
    name_join(meta->name, "undo", KUBE_NAMESPACE_MAX, h->undo_job);
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

static struct err *end(struct order_pass *p);

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

static struct err *hook_text(const struct acme_prepare *spec, char **ret_text,
                             char ret_digest[PKI_SHA256_HEX])
{
    json_auto_t *json = bind_encode(&acme_prepare_table, spec);
    TRY(json_to_string(json, HOOK_TEXT_MAX, ret_text));
    pki_sha256_hex(*ret_text, strlen(*ret_text), ret_digest);
    return NULL;
}

/* Orders are read by more people than issuers are. */
static bool may_be_secret(const struct acme_prepare_http *http)
{
    auto_free char *shown = url_shown(http->url);
    return !str_eq(shown, http->url);
}

static char *held_key(const struct order_pass *p)
{
    return x_printf("%s/hook", p->order->obj.meta.uid);
}

/* What may not be recorded is known to this process at least, when the issuer goes. */
static struct err *hold(const struct order_pass *p, const struct acme_prepare *wanted)
{
    const struct order_prepare *begun = &p->order->status.prepare;
    if (!str_eq(begun->state, STARTED) || !str_eq(begun->kind, KIND_HTTP) || begun->http != NULL)
        return NULL;
    char digest[PKI_SHA256_HEX];
    auto_free char *text = NULL;
    TRY(hook_text(wanted, &text, digest));
    auto_free char *key = held_key(p);
    if (str_eq(begun->hook, digest))
        memo_set_text(p->env->polls, key, text);
    return NULL;
}

/* How it is undone stands there with it: the issuer may be another one by then, or none. */
static void record(struct order_pass *p, const struct hook *h, const char *digest)
{
    const struct acme_prepare_http *http = h->spec.http;
    free(p->owned[3]);
    p->owned[3] = x_strdup(digest);
    p->status.prepare = (struct order_prepare){
        .state = STARTED,
        .since = p->now,
        .kind = http != NULL ? KIND_HTTP : KIND_JOB,
        .hook = p->owned[3],
        .http = http != NULL && !may_be_secret(http) ? http : NULL,
        .undo = http == NULL ? h->spec.job->undo : NULL,
    };
}

/* Both are written before anything is done; each write is a pass of its own. What was begun otherwise ends first. */
static struct err *begin(struct order_pass *p, const struct hook *h)
{
    const struct order_prepare *begun = &p->order->status.prepare;
    char digest[PKI_SHA256_HEX];
    auto_free char *text = NULL;
    TRY(hook_text(&h->spec, &text, digest));
    bool started = str_eq(begun->state, STARTED);
    if (started && begun->hook != NULL && !str_eq(begun->hook, digest)) {
        TRY(end(p));
        if (!p->stop)
            order_wait(p, p->now);
        return NULL;
    }
    if (needs_finalizer(&h->spec) && !has_finalizer(p->order)) {
        order_wait(p, p->now);
        return put_finalizer(p, true);
    }
    if (!started) {
        if (h->spec.http == NULL && h->spec.job->undo != NULL)
            TRY(prepare_job_check(h->spec.job->undo), "nothing was ordered");
        record(p, h, digest); /* the pass writes it */
        order_wait(p, p->now);
    }
    return NULL;
}

/* ---- doing it ---- */

static char *memo_key(const struct order_pass *p)
{
    return x_printf("%s/prepare", p->order->obj.meta.uid);
}

/* When the order could have been placed but for the hook and the CA. */
static char *reached_key(const struct order_pass *p)
{
    return x_printf("%s/prepare-reached", p->order->obj.meta.uid);
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
    struct err *e = prepare_http(p->env->kube, p->env->outside, p->env->stop, h->spec.http,
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
    const struct acme_prepare_job *job = h->spec.job;
    if (took_too_long(p, job->timeout > 0 ? job->timeout : JOB_PATIENCE))
        return err_new(ERR_INVALID, "PrepareFailed",
                       "Job %s/%s is neither ready nor complete in time: see its pods", h->order.ns,
                       h->job);
    p->status.reason = "the prepare Job is not ready yet";
    order_wait(p, p->now + LOOK_AGAIN);
    return NULL;
}

/* Not beside one that undoes what was begun before; and the next one that undoes has its name. */
static struct err *create_job(const struct order_pass *p, const struct hook *h)
{
    const struct object_meta *meta = &p->order->obj.meta;
    enum job_state undoing;
    TRY(prepare_job_state(p->env->kube, &h->order, h->undo_job, meta->uid, &undoing));
    if (undoing == JOB_RUNNING || undoing == JOB_READY)
        return NULL;
    if (undoing != JOB_ABSENT)
        TRY(prepare_job_delete(p->env->kube, h->order.ns, h->undo_job));
    return prepare_job_create(p->env->kube, &h->order, h->job, h->spec.job->template,
                              owner_reference_json(&kind_order.res, meta), meta->uid);
}

static struct err *run_job(struct order_pass *p, const struct hook *h)
{
    const struct object_meta *meta = &p->order->obj.meta;
    enum job_state state;
    TRY(prepare_job_state(p->env->kube, &h->order, h->job, meta->uid, &state));
    switch (state) {
    case JOB_ABSENT:
        TRY(create_job(p, h));
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
    const struct acme_prepare *wanted = issuer->spec.acme->prepare;
    const char *ns = p->order->obj.meta.namespace;
    auto_free char *key = memo_key(p);
    if (wanted != NULL && str_empty(p->order->status.url)) {
        auto_free char *reached = reached_key(p);
        memo_set(p->env->polls, reached, p->now);
    }
    if (wanted != NULL)
        TRY(hold(p, wanted));
    if (wanted == NULL || !str_empty(p->order->status.url) ||
        memo_get(p->env->polls, key).count > 0)
        return NULL;
    if (!is_allowed(p->env, ns))
        return err_new(ERR_INVALID, "PrepareNotAllowed",
                       "spec.acme.prepare of issuer %s may not run in namespace %s: add it to the "
                       "chart's prepare.allowedNamespaces; nothing was ordered",
                       issuer->obj.meta.name, ns);
    AUTO_HOOK h = {.spec = *wanted};
    TRY(hook_init(p, &h));
    TRY(begin(p, &h));
    if (p->stop)
        return NULL;
    TRY(h.spec.http != NULL ? call_http(p, &h) : run_job(p, &h), "nothing was ordered");
    if (!p->stop)
        memo_count(p->env->polls, key, p->now);
    return NULL;
}

/* ---- undoing it ---- */

/* With the hook of that digest, or of whatever it has, as an earlier version went by that; else ret_issuer stays NULL. */
static struct err *find_issuer(const struct order_pass *p, const char *digest,
                               const struct issuer **ret_issuer)
{
    AUTO_OBJECT(struct issuer) issuer = NULL;
    const struct issuer_ref *ref = &p->order->spec.issuer_ref;
    char has[PKI_SHA256_HEX];
    TRY(env_issuer(p->env, ref, p->order->obj.meta.namespace, &issuer));
    if (issuer == NULL || issuer->spec.acme == NULL || issuer->spec.acme->prepare == NULL)
        return NULL;
    auto_free char *text = NULL;
    TRY(hook_text(issuer->spec.acme->prepare, &text, has));
    if (digest == NULL || str_eq(digest, has))
        *ret_issuer = TAKE(issuer);
    return NULL;
}

static struct err *find_held(const struct order_pass *p, struct hook *h)
{
    json_auto_t *json = NULL;
    auto_free char *key = held_key(p);
    auto_free char *text = memo_text(p->env->polls, key);
    if (text == NULL)
        return NULL;
    TRY(json_parse(text, strlen(text), &json));
    TRY(bind_decode(&acme_prepare_table, json, (void **)&h->held));
    h->spec = *h->held;
    return NULL;
}

/* What was begun, and not what the issuer wants now. */
static struct err *recall(const struct order_pass *p, struct hook *h)
{
    const struct order_prepare *begun = &p->order->status.prepare;
    if (str_eq(begun->kind, KIND_JOB)) {
        h->recorded.undo = begun->undo;
        h->spec.job = &h->recorded;
        return NULL;
    }
    if (begun->http != NULL) {
        h->spec.http = begun->http;
        return NULL;
    }
    TRY(find_held(p, h));
    if (h->held != NULL)
        return NULL;
    TRY(find_issuer(p, begun->hook, &h->issuer));
    if (h->issuer != NULL)
        h->spec = *h->issuer->spec.acme->prepare;
    return NULL;
}

/* Another's Job of that name is none of ours. */
static struct err *remove_job(const struct order_pass *p, const struct hook *h)
{
    enum job_state state;
    struct err *e =
        prepare_job_state(p->env->kube, &h->order, h->job, p->order->obj.meta.uid, &state);
    if (e != NULL && str_eq(e->reason, "NameTaken"))
        return err_ignore(e, ERR_INVALID);
    TRY(e);
    return state != JOB_ABSENT ? prepare_job_delete(p->env->kube, h->order.ns, h->job) : NULL;
}

static struct err *undo_job(struct order_pass *p, const struct hook *h)
{
    const char *uid = p->order->obj.meta.uid;
    enum job_state state;
    if (h->spec.job->undo == NULL)
        return NULL;
    TRY(prepare_job_state(p->env->kube, &h->order, h->undo_job, uid, &state));
    if (state == JOB_ABSENT)
        TRY(prepare_job_create(p->env->kube, &h->order, h->undo_job, h->spec.job->undo, NULL, uid));
    if (state == JOB_FAILED)
        return err_new(ERR_INVALID, "UndoFailed", "Job %s/%s failed", h->order.ns, h->undo_job);
    if (state != JOB_COMPLETE)
        order_wait(p, p->now + LOOK_AGAIN);
    return NULL;
}

/* Also where the chart allows no hooks any more: it did when this one was begun. */
static struct err *undo(struct order_pass *p)
{
    const char *kind = p->order->status.prepare.kind;
    AUTO_HOOK h = {0};
    TRY(hook_init(p, &h));
    TRY(recall(p, &h));
    if (h.spec.http != NULL)
        return prepare_http(p->env->kube, p->env->outside, p->env->stop, h.spec.http, "undo",
                            &h.order);
    if (!str_eq(kind, KIND_HTTP))
        TRY(remove_job(p, &h));
    if (h.spec.job != NULL)
        return undo_job(p, &h);
    if (!has_finalizer(p->order))
        return NULL; /* the Job was all */
    return err_new(ERR_INVALID, "UndoFailed",
                   "%s %s alone says how, and is gone or was changed: undo it by hand",
                   issuer_ref_kind(&p->order->spec.issuer_ref), h.order.issuer);
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

/* Where the rights went first nothing else says so. */
static bool namespace_is_ending(const struct order_pass *p)
{
    const struct kube_ref ref = {.res = &res_namespace, .name = p->order->obj.meta.namespace};
    json_auto_t *found = NULL;
    AUTO_ERR e = kube_get(p->env->kube, &ref, KUBE_METADATA, &found);
    return e == NULL ? JSTR(found, "metadata", "deletionTimestamp") != NULL
                     : err_is(e, ERR_NOT_FOUND);
}

/* What cannot be undone is told, and holds nothing up: least of all a namespace that is ending, where no Job that undoes it
 * can be made. */
static bool gives_up(const struct order_pass *p, const struct err *e)
{
    int64_t deleted = p->order->obj.meta.deletion_timestamp;
    if (kube_namespace_is_ending(e) ||
        (deleted != 0 && e->kind == ERR_DENIED && e->by_api_server && namespace_is_ending(p)))
        return true;
    if (e->kind == ERR_CANCELLED || e->kind == ERR_CONFLICT)
        return false;
    int64_t since = deleted != 0 ? deleted : failing_since(p);
    return e->kind == ERR_INVALID || (deleted != 0 && e->kind == ERR_DENIED && !e->by_api_server) ||
           p->now - since > GIVE_UP;
}

static struct err *undo_or_give_up(struct order_pass *p, const char **ret_state)
{
    struct err *e = undo(p);
    *ret_state = UNDONE;
    if (e == NULL && !p->stop)
        log_info("what was prepared is undone", L_STR("order", p->order->obj.meta.name));
    if (e == NULL || !gives_up(p, e))
        return e;
    *ret_state = NOT_UNDONE;
    log_warn("what was prepared is not undone", L_STR("order", p->order->obj.meta.name), L_ERR(e));
    auto_free char *note = x_printf("what was prepared is not undone: %s", e->message);
    env_event(p->env, &kind_order, p->order, true, "PrepareNotUndone", note);
    err_free(e);
    return NULL;
}

/* Into the status under construction, unless it takes another pass. What is left to people stays recorded. */
static struct err *end(struct order_pass *p)
{
    const char *state = NULL;
    auto_free char *done = memo_key(p), *failed = undo_key(p), *held = held_key(p),
                   *reached = reached_key(p);
    memo_drop(p->env->polls, done);
    TRY(undo_or_give_up(p, &state));
    if (p->stop)
        return NULL;
    memo_drop(p->env->polls, failed);
    memo_drop(p->env->polls, held);
    memo_drop(p->env->polls, reached);
    if (str_eq(state, UNDONE))
        p->status.prepare = (struct order_prepare){0};
    p->status.prepare.state = state;
    p->status.prepare.since = p->now;
    return NULL;
}

struct err *order_prepare_undo(struct order_pass *p)
{
    bool deleted = p->order->obj.meta.deletion_timestamp != 0;
    if (str_eq(p->order->status.prepare.state, STARTED) && (!deleted || has_finalizer(p->order))) {
        TRY(end(p));
        if (p->stop)
            return NULL;
        if (!deleted)
            return store_put_status(&p->env->orders, p->order, &order_status_table,
                                    &p->order->status, &p->status);
    }
    return has_finalizer(p->order) ? put_finalizer(p, false) : NULL;
}

/* ---- undoing it for a while ---- */

static bool waits_long(const struct order_pass *p)
{
    if (!str_eq(p->order->status.prepare.state, STARTED) || order_is_placed(p->env, p->order))
        return false;
    auto_free char *key = reached_key(p);
    int64_t reached = memo_get(p->env->polls, key).time;
    if (reached == 0) /* by an earlier process, perhaps */
        memo_set(p->env->polls, key, reached = p->now);
    return p->next - p->now > OPEN_MAX || p->now - reached > OPEN_MAX;
}

struct err *order_prepare_pause(struct order_pass *p, struct err *failed)
{
    const struct object_meta *meta = &p->order->obj.meta;
    AUTO_OBJECT(struct order) now = NULL;
    if (!waits_long(p))
        return failed;
    /* As this pass has written it. */
    struct err *e = store_get(&p->env->orders, meta->namespace, meta->name, (const void **)&now);
    struct order_pass q = {.env = p->env, .order = now, .key = p->key, .now = p->now};
    bool is_open = now != NULL && str_eq(now->obj.meta.uid, meta->uid) &&
                   now->obj.meta.deletion_timestamp == 0 &&
                   !order_state_is_final(now->status.state) && !order_is_placed(p->env, now);
    if (e == NULL && is_open) {
        q.status = now->status;
        e = order_prepare_undo(&q);
    }
    p->next = earlier(p->next, q.next);
    if (e == NULL && q.next == 0)
        return failed;
    err_free(failed);
    return e;
}
