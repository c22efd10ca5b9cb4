/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry. One lock is enough: a reconcile counts a dozen times between calls that take
 * milliseconds.
 */
#include "metrics/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "metrics/internal.h"

static const double seconds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
                                 2.5,   5,    10,    30,   60,  120,  300, 600};
const struct metric_bounds metric_seconds = {.le = seconds, .count = ARRAY_LEN(seconds)};

struct metrics *metrics_new(void)
{
    struct metrics *m = x_calloc(1, sizeof(*m));
    pthread_mutex_init(&m->lock, NULL);
    pthread_mutex_init(&m->scrape_lock, NULL);
    m->last_link = &m->first;
    return m;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    while (m->first != NULL) {
        struct metric *metric = m->first;
        m->first = metric->next;
        map_release(&metric->series);
        free(metric);
    }
    while (m->collectors != NULL) {
        struct collector *c = m->collectors;
        m->collectors = c->next;
        free(c);
    }
    pthread_mutex_destroy(&m->lock);
    pthread_mutex_destroy(&m->scrape_lock);
    free(m);
}

static struct metrics *process_wide;

static void make_default(void)
{
    process_wide = metrics_new();
    metrics_add_process(process_wide);
}

struct metrics *metrics_default(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_default);
    return process_wide;
}

/* Letters, digits and underscores, no digit first; metric names may have colons as well. */
static bool name_valid(const char *name, bool colons)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789:";
    size_t len = strlen(name);
    return len > 0 && len < METRIC_NAME_MAX && strspn(name, letters) == len &&
           (name[0] < '0' || name[0] > '9') && (colons || strchr(name, ':') == NULL);
}

/* The names are in the code, so a wrong one is found by the first run of anything. */
static void set_label_names(struct metric *metric, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (metric->label_count == METRIC_LABELS_MAX)
            x_abort("a metric has too many labels");
        if (!name_valid(*names, false) || str_starts(*names, "__") || str_eq(*names, "le"))
            x_abort("a metric has a label whose name is not allowed");
        metric->label_names[metric->label_count++] = *names;
    }
}

static void check_bounds(const struct metric_bounds *bounds)
{
    for (size_t i = 0; i < bounds->count; i++) {
        if (!isfinite(bounds->le[i]) || (i > 0 && bounds->le[i] <= bounds->le[i - 1]))
            x_abort("the bounds of a histogram do not ascend");
    }
}

static bool same_labels(const struct metric *a, const struct metric *b)
{
    if (a->label_count != b->label_count)
        return false;
    for (size_t i = 0; i < a->label_count; i++) {
        if (!str_eq(a->label_names[i], b->label_names[i]))
            return false;
    }
    return true;
}

/* Lock held. The series of these labels, made when there is room for it, else the overflow one. */
static struct metric_series *series_of(struct metric *metric, const char *const *values)
{
    static const char *const overflow[METRIC_LABELS_MAX] = {
        "overflow", "overflow", "overflow", "overflow",
        "overflow", "overflow", "overflow", "overflow",
    };
    AUTO(buf_release) struct buf key = BUF_INIT(METRIC_LABELS_TEXT_MAX);
    metric_labels_text(&key, metric->label_names, metric->label_count, values);
    struct metric_series *s = map_get(&metric->series, buf_str(&key));
    if (s != NULL)
        return s;
    if (metric->series.len >= METRIC_SERIES_MAX) {
        buf_clear(&key);
        metric_labels_text(&key, metric->label_names, metric->label_count, overflow);
        s = map_get(&metric->series, buf_str(&key));
    }
    if (s != NULL)
        return s;
    size_t buckets = metric->bounds != NULL ? metric->bounds->count + 1 : 0;
    s = x_calloc(1, sizeof(*s) + buckets * sizeof(s->buckets[0]));
    map_put(&metric->series, buf_str(&key), s);
    return s;
}

static struct metric *find(const struct metrics *m, const char *name)
{
    for (struct metric *metric = m->first; metric != NULL; metric = metric->next) {
        if (str_eq(metric->name, name))
            return metric;
    }
    return NULL;
}

/* Takes over the new metric, or frees it when there is one of that name already. */
static struct metric *add(struct metrics *m, struct metric *metric)
{
    pthread_mutex_lock(&m->lock);
    struct metric *known = find(m, metric->name);
    if (known == NULL) {
        *m->last_link = metric;
        m->last_link = &metric->next;
        if (metric->label_count == 0)
            series_of(metric, METRIC_STRINGS_());
    }
    pthread_mutex_unlock(&m->lock);
    if (known == NULL)
        return metric;
    if (known->type != metric->type || known->bounds != metric->bounds ||
        !same_labels(known, metric))
        x_abort("two different metrics have the same name");
    free(metric);
    return known;
}

static struct metric *make(struct metrics *m, const char *name, const char *help,
                           const char *const *label_names)
{
    if (!name_valid(name, true))
        x_abort("a metric has a name that is not allowed");
    struct metric *metric = x_calloc(1, sizeof(*metric));
    metric->owner = m;
    metric->name = name;
    metric->help = help;
    metric->series = MAP_INIT(free);
    set_label_names(metric, label_names);
    return metric;
}

struct metric *metrics_register(struct metrics *m, enum metric_type type, const char *name,
                                const char *help, const char *const *label_names)
{
    if (type == METRIC_HISTOGRAM)
        x_abort("a histogram needs bounds: metrics_register_histogram");
    struct metric *metric = make(m, name, help, label_names);
    metric->type = type;
    return add(m, metric);
}

struct metric *metrics_register_histogram(struct metrics *m, const char *name, const char *help,
                                          const struct metric_bounds *bounds,
                                          const char *const *label_names)
{
    check_bounds(bounds);
    struct metric *metric = make(m, name, help, label_names);
    metric->type = METRIC_HISTOGRAM;
    metric->bounds = bounds;
    return add(m, metric);
}

void metric_add_labels(struct metric *metric, double delta, const char *const *label_values)
{
    if (metric == NULL || metric->type == METRIC_HISTOGRAM)
        return;
    if (metric->type == METRIC_COUNTER && !(delta >= 0))
        return;
    pthread_mutex_lock(&metric->owner->lock);
    series_of(metric, label_values)->value += delta;
    pthread_mutex_unlock(&metric->owner->lock);
}

void metric_set_labels(struct metric *metric, double value, const char *const *label_values)
{
    if (metric == NULL || metric->type != METRIC_GAUGE)
        return;
    pthread_mutex_lock(&metric->owner->lock);
    series_of(metric, label_values)->value = value;
    pthread_mutex_unlock(&metric->owner->lock);
}

void metric_observe_labels(struct metric *metric, double value, const char *const *label_values)
{
    if (metric == NULL || metric->type != METRIC_HISTOGRAM || isnan(value))
        return;
    size_t bucket = 0;
    while (bucket < metric->bounds->count && value > metric->bounds->le[bucket])
        bucket++;
    pthread_mutex_lock(&metric->owner->lock);
    struct metric_series *s = series_of(metric, label_values);
    s->value += value;
    s->count++;
    s->buckets[bucket]++;
    pthread_mutex_unlock(&metric->owner->lock);
}

void metrics_add_collector(struct metrics *m, void (*fn)(void *arg, struct metrics_scrape *s),
                           void *arg)
{
    struct collector *c = x_alloc(sizeof(*c));
    *c = (struct collector){.fn = fn, .arg = arg};
    pthread_mutex_lock(&m->scrape_lock);
    struct collector **link = &m->collectors;
    while (*link != NULL)
        link = &(*link)->next;
    *link = c;
    pthread_mutex_unlock(&m->scrape_lock);
}

void metrics_remove_collector(struct metrics *m, void (*fn)(void *arg, struct metrics_scrape *s),
                              void *arg)
{
    pthread_mutex_lock(&m->scrape_lock);
    struct collector **link = &m->collectors;
    while (*link != NULL && ((*link)->fn != fn || (*link)->arg != arg))
        link = &(*link)->next;
    struct collector *c = *link;
    if (c != NULL) {
        *link = c->next;
        free(c);
    }
    pthread_mutex_unlock(&m->scrape_lock);
}
