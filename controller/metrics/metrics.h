/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters, gauges and histograms, written in the Prometheus text format 0.0.4.
 *
 * What happens in the program is counted in a metric that is registered once and kept:
 *
 *   struct metric *c = metrics_counter(m, "certroll_reconcile_total", "Reconciles.", "controller");
 *   metric_add(c, 1, "certificate");
 *
 * What is a property of things that come and go (when each certificate expires) is not stored here
 * at all: a collector computes it for each scrape.
 *
 * Names, help texts, label names and bounds are literals: they are borrowed for good, and wrong
 * ones abort at registration. Label values may come from anywhere. All functions may be called from
 * any thread.
 */
#ifndef CERTROLL_METRICS_METRICS_H
#define CERTROLL_METRICS_METRICS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

#define METRIC_LABELS_MAX 8
#define METRIC_LABEL_VALUE_MAX 256 /* with the NUL; longer values are cut */
#define METRIC_SERIES_MAX 2000     /* of one metric; further label values count as "overflow" */

struct metrics;
struct metric;
struct metrics_scrape;

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* The upper bounds of a histogram's buckets, ascending, without +Inf. */
struct metric_bounds {
    const double *le;
    size_t count;
};

/* 5 ms to 10 min: for calls and reconciles as well as for issuing a certificate. */
extern const struct metric_bounds metric_seconds;

/* An empty registry; owned. */
struct metrics *metrics_new(void);
/* Frees the registry with its metrics; nobody may use them any more. Accepts NULL. */
void metrics_free(struct metrics *m);
/* The registry of the process, with the process metrics; made on first use and never freed. */
struct metrics *metrics_default(void) NEVER_NULL;

#define METRIC_STRINGS_(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* metrics_counter(m, "x_total", "Help.", "label", ...) and so on return a metric that lives as long
 * as the registry. The same name again returns the same metric. Without labels it starts at 0. */
#define metrics_counter(m, name, help, ...)                                                        \
    metrics_register(m, METRIC_COUNTER, name, help, METRIC_STRINGS_(__VA_ARGS__))
#define metrics_gauge(m, name, help, ...)                                                          \
    metrics_register(m, METRIC_GAUGE, name, help, METRIC_STRINGS_(__VA_ARGS__))
#define metrics_histogram(m, name, help, bounds, ...)                                              \
    metrics_register_histogram(m, name, help, bounds, METRIC_STRINGS_(__VA_ARGS__))

/* A counter or a gauge; label_names end with NULL. */
struct metric *metrics_register(struct metrics *m, enum metric_type type, const char *name,
                                const char *help, const char *const *label_names) NEVER_NULL;
/* A histogram; bounds are borrowed for good. */
struct metric *metrics_register_histogram(struct metrics *m, const char *name, const char *help,
                                          const struct metric_bounds *bounds,
                                          const char *const *label_names) NEVER_NULL;

/* metric_add(metric, 1, "value of the first label", ...), in the order of the label names; values
 * that are missing are "". A NULL metric does nothing. */
#define metric_add(metric, delta, ...)                                                             \
    metric_add_labels(metric, delta, METRIC_STRINGS_(__VA_ARGS__))
#define metric_set(metric, value, ...)                                                             \
    metric_set_labels(metric, value, METRIC_STRINGS_(__VA_ARGS__))
#define metric_observe(metric, value, ...)                                                         \
    metric_observe_labels(metric, value, METRIC_STRINGS_(__VA_ARGS__))

/* Counters and gauges; a counter ignores what is negative or not a number. */
void metric_add_labels(struct metric *metric, double delta, const char *const *label_values);
/* Gauges only. */
void metric_set_labels(struct metric *metric, double value, const char *const *label_values);
/* Histograms only; what is not a number is ignored. */
void metric_observe_labels(struct metric *metric, double value, const char *const *label_values);

/* Calls fn at each scrape, in the order of adding and never at the same time in two threads. fn may
 * not write, add or remove. */
void metrics_add_collector(struct metrics *m, void (*fn)(void *arg, struct metrics_scrape *s),
                           void *arg);
/* Removes that collector; returns only when it is not running. */
void metrics_remove_collector(struct metrics *m, void (*fn)(void *arg, struct metrics_scrape *s),
                              void *arg);

/* In a collector: begins a family, metrics_family(s, METRIC_GAUGE, "x", "Help.", "label", ...); the
 * samples that follow belong to it. Not for histograms. */
#define metrics_family(s, type, name, help, ...)                                                   \
    metrics_family_begin(s, type, name, help, METRIC_STRINGS_(__VA_ARGS__))
void metrics_family_begin(struct metrics_scrape *s, enum metric_type type, const char *name,
                          const char *help, const char *const *label_names);
/* In a collector: one sample, metrics_sample(s, 1, "value of the first label", ...). */
#define metrics_sample(s, value, ...) metrics_sample_labels(s, value, METRIC_STRINGS_(__VA_ARGS__))
void metrics_sample_labels(struct metrics_scrape *s, double value, const char *const *label_values);

/* Adds resident memory, CPU time, start time and open files (process_...) to the registry. */
void metrics_add_process(struct metrics *m);

/* Appends everything; fails when out's maximum is too small. */
struct err *metrics_write(struct metrics *m, struct buf *out) MUST_CHECK;

#endif
