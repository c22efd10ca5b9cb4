/* SPDX-License-Identifier: Apache-2.0 */
/* What metrics.c (counting) and text.c (writing) share. */
#ifndef CERTROLL_METRICS_INTERNAL_H
#define CERTROLL_METRICS_INTERNAL_H

#include <pthread.h>
#include <stdint.h>

#include "base/map.h"
#include "metrics/metrics.h"

/* name="value" for METRIC_LABELS_MAX labels, every character escaped. */
#define METRIC_NAME_MAX 128
#define METRIC_LABELS_TEXT_MAX                                                                     \
    (METRIC_LABELS_MAX * (METRIC_NAME_MAX + 2 * METRIC_LABEL_VALUE_MAX + 4))

struct metric_series {
    double value;       /* of a histogram: the sum */
    uint64_t count;     /* the rest is of a histogram only */
    uint64_t buckets[]; /* not cumulative; the last is +Inf */
};

struct metric {
    struct metric *next;
    struct metrics *owner;
    enum metric_type type;
    const char *name;
    const char *help;
    const char *label_names[METRIC_LABELS_MAX];
    size_t label_count;
    const struct metric_bounds *bounds; /* NULL unless a histogram */
    struct map series;                  /* labels as text (metric_labels_text) -> metric_series */
};

struct collector {
    struct collector *next;
    void (*fn)(void *arg, struct metrics_scrape *s);
    void *arg;
};

struct metrics {
    pthread_mutex_t lock; /* metrics and series */
    struct metric *first;
    struct metric **last_link;
    pthread_mutex_t scrape_lock; /* collectors; taken before lock */
    struct collector *collectors;
};

/* a="x",b="y" with the values cut, made one line of UTF-8, and escaped. */
void metric_labels_text(struct buf *out, const char *const *names, size_t count,
                        const char *const *values);

#endif
