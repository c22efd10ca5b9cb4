/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/rollout.h"

#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "rollout/workload.h"

#define ROLLOUT_FIELD_MANAGER "certroll-rollout"
#define ANNOTATION_MAX 65536

/* The fingerprint of a certificate's Secret that this workload follows, or NULL: the Secret is a
 * certificate's, and workload or Certificate opted in. */
static struct err *followed_print(const struct env *env, const struct workload *w,
                                  const char *secret_name, const struct tls_secret **ret_secret)
{
    const char *ns = w->obj.meta.namespace;
    AUTO_OBJECT(struct tls_secret) s = NULL;
    TRY(store_get(&env->secrets, ns, secret_name, (const void **)&s));
    const char *owner = tls_secret_annotation(s, api_names()->certificate_name);
    const char *print = tls_secret_annotation(s, API_FINGERPRINT);
    if (str_empty(owner) || strlen(str_or(print, "")) < ROLLOUT_PRINT_LEN)
        return NULL;
    if (!str_eq(w->opt, "true")) {
        AUTO_OBJECT(struct certificate) crt = NULL;
        crt = cache_peek(env->certificates.cache, ns, owner);
        if (crt == NULL || !crt->spec.rollout.enabled ||
            !str_eq(crt->spec.secret_name, secret_name))
            return NULL;
    }
    *ret_secret = TAKE(s);
    return NULL;
}

enum need { NEED_NOTHING, NEED_BASELINE, NEED_ROLL };

/* A Secret that the workload was never seen with: if no container runs since before it was issued,
 * all of them have it, and there is nothing to restart (a first issuance, a new workload). */
static struct err *judge_unseen(const struct rollout_ctx *ctx, const struct workload *w,
                                const struct tls_secret *s, enum need *need)
{
    int64_t issued = 0;
    const char *text = tls_secret_annotation(s, API_ISSUED_AT);
    if (text != NULL)
        TRY(rfc3339_parse(text, &issued), "Secret %s, annotation " API_ISSUED_AT, s->obj.meta.name);
    bool older = false;
    TRY(rollout_runs_since_before(ctx->env->kube, &workload_kinds[ctx->kind].res, &w->obj.meta,
                                  issued, &older));
    *need = older ? NEED_ROLL : NEED_BASELINE;
    return NULL;
}

/* What is in the Secrets now, as the annotation writes it, and what follows from it. */
static struct err *compare(const struct rollout_ctx *ctx, const struct workload *w,
                           struct buf *desired, enum need *ret_need)
{
    enum need worst = NEED_NOTHING;
    for (size_t i = 0; i < w->secrets.len; i++) {
        AUTO_OBJECT(struct tls_secret) s = NULL;
        TRY(followed_print(ctx->env, w, w->secrets.items[i], &s));
        if (s == NULL)
            continue;
        const char *print = tls_secret_annotation(s, API_FINGERPRINT);
        TRY(buf_addf(desired, "%s%s=%.*s", desired->len > 0 ? "," : "", w->secrets.items[i],
                     ROLLOUT_PRINT_LEN, print));
        char seen[ROLLOUT_PRINT_LEN + 1];
        enum need need = NEED_NOTHING;
        if (!rollout_seen(w->seen, w->secrets.items[i], seen))
            TRY(judge_unseen(ctx, w, s, &need));
        else if (strncmp(seen, print, ROLLOUT_PRINT_LEN) != 0)
            need = NEED_ROLL;
        worst = need > worst ? need : worst;
    }
    *ret_need = worst;
    return NULL;
}

static void tell(const struct rollout_ctx *ctx, const struct workload *w)
{
    log_info("rolling workload", L_STR("kind", workload_kinds[ctx->kind].res.kind));
    env_event(ctx->env, &workload_kinds[ctx->kind], w, false, "CertificateRollout",
              "Rolling the pods to serve a new certificate");
}

/* One apply of all that is ours: a crash leaves either the old state or the new one. */
static struct err *apply(const struct rollout_ctx *ctx, const struct workload *w,
                         const char *desired, bool roll)
{
    const struct store *store = &ctx->env->workloads[ctx->kind];
    const struct kube_resource *res = &workload_kinds[ctx->kind].res;
    const char *template_value = roll ? desired : w->rolled;
    json_auto_t *body = rollout_patch(res, &w->obj.meta, desired, template_value);
    const struct kube_ref ref = {.res = res, .ns = w->obj.meta.namespace, .name = w->obj.meta.name};
    json_auto_t *answer = NULL;
    TRY(kube_apply(store->client, &ref, 0, ROLLOUT_FIELD_MANAGER, body, &answer));
    if (roll)
        tell(ctx, w);
    return cache_note_write(store->cache, answer);
}

struct err *rollout_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    (void)ret_next;
    const struct rollout_ctx *ctx = arg;
    AUTO_OBJECT(struct workload) w = NULL;
    TRY(store_get(&ctx->env->workloads[ctx->kind], name->ns, name->name, (const void **)&w));
    if (w == NULL || w->obj.meta.deletion_timestamp != 0 || str_eq(w->opt, "false"))
        return NULL;
    AUTO(buf_release) struct buf desired = BUF_INIT(ANNOTATION_MAX);
    enum need need = NEED_NOTHING;
    TRY(compare(ctx, w, &desired, &need));
    if (need == NEED_NOTHING)
        return NULL;
    return apply(ctx, w, buf_str(&desired), need == NEED_ROLL);
}

/* ---- for the Certificate's status ---- */

static bool follows(const struct workload *w, const struct certificate *crt)
{
    return !str_eq(w->opt, "false") && (str_eq(w->opt, "true") || crt->spec.rollout.enabled);
}

static bool is_at(const struct workload *w, const char *secret, const char *fingerprint)
{
    char seen[ROLLOUT_PRINT_LEN + 1];
    return rollout_seen(w->seen, secret, seen) &&
           strncmp(seen, fingerprint, ROLLOUT_PRINT_LEN) == 0 && workload_is_rolled_out(w);
}

struct err *rollout_progress(const struct env *env, const struct certificate *crt,
                             const char *fingerprint, struct certificate_rollout_status *ret_status)
{
    char key[KUBE_KEY_MAX];
    object_key(crt->obj.meta.namespace, crt->spec.secret_name, key);
    struct certificate_rollout_status s = {0};
    for (size_t kind = 0; kind < WORKLOAD_KINDS; kind++) {
        AUTO_OBJECT_LIST users = {0};
        TRY(cache_by_index(env->workloads[kind].cache, env->workloads_by_secret[kind], key,
                           &users));
        for (size_t i = 0; i < users.len; i++) {
            const struct workload *w = users.items[i];
            if (!follows(w, crt))
                continue;
            s.fingerprint = fingerprint;
            if (is_at(w, crt->spec.secret_name, fingerprint))
                s.updated++;
            else
                s.pending++;
        }
    }
    *ret_status = s;
    return NULL;
}
