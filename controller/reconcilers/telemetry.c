/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/telemetry.h"

#include "base/log.h"
#include "base/str.h"
#include "metrics/metrics.h"
#include "reconcilers/order_budget.h"

static struct metric *sync_seconds(void)
{
    return metrics_histogram(metrics_default(), "certroll_reconcile_duration_seconds",
                             "Time of one reconcile.", &metric_seconds, "controller");
}

static struct metric *sync_errors(void)
{
    return metrics_counter(metrics_default(), "certroll_reconcile_errors_total",
                           "Reconciles that failed.", "controller", "reason");
}

void telemetry_observe(void *arg, const char *controller, const char *key, int64_t duration,
                       const struct err *err)
{
    (void)arg;
    (void)key; /* in the log scope */
    metric_observe(sync_seconds(), (double)duration / (double)NS_PER_SEC, controller);
    if (err == NULL)
        return;
    metric_add(sync_errors(), 1, controller, err->reason);
    log_warn("reconcile failed", L_ERR(err));
}

static void collect_certificates(struct metrics_scrape *s, struct cache *cache)
{
    AUTO_OBJECT_LIST all = {0};
    cache_all(cache, &all);
    metrics_family(s, METRIC_GAUGE, "certroll_certificate_ready_status",
                   "1 when the Certificate is Ready.", "namespace", "name");
    for (size_t i = 0; i < all.len; i++) {
        const struct certificate *c = all.items[i];
        bool ready =
            condition_is_true(c->status.conditions.items, c->status.conditions.len, "Ready");
        metrics_sample(s, ready ? 1 : 0, c->obj.meta.namespace, c->obj.meta.name);
    }
    metrics_family(s, METRIC_GAUGE, "certroll_certificate_not_after_timestamp_seconds",
                   "When the certificate in the Secret expires.", "namespace", "name");
    for (size_t i = 0; i < all.len; i++) {
        const struct certificate *c = all.items[i];
        if (c->status.not_after != 0)
            metrics_sample(s, (double)(c->status.not_after / NS_PER_SEC), c->obj.meta.namespace,
                           c->obj.meta.name);
    }
}

static void collect(void *arg, struct metrics_scrape *s)
{
    struct reconcilers *r = arg;
    metrics_family(s, METRIC_GAUGE, "certroll_queue_length", "Keys that are due.", "controller");
    for (struct controller *const *c = reconcilers_controllers(r); *c != NULL; c++)
        metrics_sample(s, (double)workqueue_len(controller_queue(*c)), controller_name(*c));
    collect_certificates(s, reconcilers_env(r)->certificates.cache);
    budget_metrics(reconcilers_env(r), s);
}

void telemetry_add(struct reconcilers *r)
{
    metrics_add_collector(metrics_default(), collect, r);
}

void telemetry_remove(struct reconcilers *r)
{
    metrics_remove_collector(metrics_default(), collect, r);
}
