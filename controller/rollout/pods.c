/* SPDX-License-Identifier: Apache-2.0 */
/* Pods are never watched: they are listed by a workload's selector when a question needs them. */
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "rollout/workload.h"

#define SELECTOR_MAX 8192

static const struct kube_resource pods = {"", "v1", "pods", "Pod", true};

struct labels {
    struct buf *out;
    struct err *err; /* a selector that lost a label would select too much */
};

static bool add_label(void *arg, const char *key, json_t *value)
{
    struct labels *l = arg;
    l->err =
        buf_addf(l->out, "%s%s=%s", l->out->len > 0 ? "," : "", key, str_or(json_text(value), ""));
    return l->err == NULL;
}

/* "in (a,b)" and so on, as kubectl writes it. */
static struct err *add_expression(struct buf *b, const json_t *expression)
{
    const char *key = str_or(JSTR(expression, "key"), "");
    const char *op = str_or(JSTR(expression, "operator"), "");
    const char *comma = b->len > 0 ? "," : "";
    if (str_eq(op, "Exists"))
        return buf_addf(b, "%s%s", comma, key);
    if (str_eq(op, "DoesNotExist"))
        return buf_addf(b, "%s!%s", comma, key);
    TRY(buf_addf(b, "%s%s %s (", comma, key, str_eq(op, "In") ? "in" : "notin"));
    const json_t *values = JGET(expression, "values");
    for (size_t i = 0; i < json_count(values); i++)
        TRY(buf_addf(b, "%s%s", i > 0 ? "," : "", str_or(json_text(json_item(values, i)), "")));
    return buf_adds(b, ")");
}

static struct err *selector_of(const json_t *workload, char **ret_selector)
{
    AUTO(buf_release) struct buf b = BUF_INIT(SELECTOR_MAX);
    const json_t *selector = JGET(workload, "spec", "selector");
    struct labels labels = {.out = &b};
    json_each(JGET(selector, "matchLabels"), add_label, &labels);
    TRY(labels.err, "selector");
    const json_t *expressions = JGET(selector, "matchExpressions");
    for (size_t i = 0; i < json_count(expressions); i++)
        TRY(add_expression(&b, json_item(expressions, i)), "selector");
    if (b.len == 0)
        return err_new(ERR_INVALID, "InvalidSelector", "%s has no selector",
                       str_or(JSTR(workload, "metadata", "name"), "workload"));
    *ret_selector = buf_take(&b);
    return NULL;
}

struct question {
    int64_t when;
    bool older;
};

static struct err *look_at_containers(struct question *q, const json_t *statuses)
{
    for (size_t i = 0; i < json_count(statuses); i++) {
        const char *text = JSTR(json_item(statuses, i), "state", "running", "startedAt");
        int64_t started = 0;
        if (text == NULL)
            continue; /* still waiting: it will start with what the Secret holds then */
        TRY(rfc3339_parse(text, &started), "Pod status");
        if (started < q->when)
            q->older = true;
    }
    return NULL;
}

/* A pod that is going away takes its certificate along. A sidecar is an init container that still runs. */
static struct err *look_at_pod(void *arg, const json_t *pod)
{
    if (JGET(pod, "metadata", "deletionTimestamp") != NULL)
        return NULL;
    TRY(look_at_containers(arg, JGET(pod, "status", "containerStatuses")));
    return look_at_containers(arg, JGET(pod, "status", "initContainerStatuses"));
}

struct err *rollout_runs_since_before(struct kube_client *client, const struct kube_resource *res,
                                      const struct object_meta *meta, int64_t when, bool *ret_older)
{
    const struct kube_ref ref = {.res = res, .ns = meta->namespace, .name = meta->name};
    json_auto_t *workload = NULL;
    TRY(kube_get(client, &ref, 0, &workload));
    auto_free char *selector = NULL;
    TRY(selector_of(workload, &selector));
    struct question q = {.when = when};
    const struct kube_ref all = {.res = &pods, .ns = meta->namespace};
    TRY(kube_list(client, &all, selector, look_at_pod, &q));
    *ret_older = q.older;
    return NULL;
}
