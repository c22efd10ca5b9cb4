/* SPDX-License-Identifier: Apache-2.0 */
/* The text exposition format 0.0.4. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "metrics/internal.h"

#define NUMBER_MAX 32

/* The state of one metrics_write(); after an error nothing more is written. */
struct metrics_scrape {
    struct buf *out;
    struct err *err;
    const char *name; /* the family that a collector began */
    const char *label_names[METRIC_LABELS_MAX];
    size_t label_count;
};

static const char *const type_names[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

/* The shortest text that reads back as the same number. */
static void format_number(double value, char out[NUMBER_MAX])
{
    if (isnan(value)) {
        str_copy(out, NUMBER_MAX, "NaN");
    } else if (isinf(value)) {
        str_copy(out, NUMBER_MAX, value > 0 ? "+Inf" : "-Inf");
    } else {
        snprintf(out, NUMBER_MAX, "%.15g", value);
        if (strtod(out, NULL) < value || strtod(out, NULL) > value)
            snprintf(out, NUMBER_MAX, "%.17g", value);
    }
}

/* A backslash before each of the special characters, and \n for a line feed. */
static void put_escaped(struct buf *out, const char *s, const char *special)
{
    while (*s != '\0') {
        size_t plain = strcspn(s, special);
        buf_putf(out, "%.*s", (int)plain, s);
        s += plain;
        if (*s == '\0')
            break;
        buf_putf(out, "\\%c", *s == '\n' ? 'n' : *s);
        s++;
    }
}

void metric_labels_text(struct buf *out, const char *const *names, size_t count,
                        const char *const *values)
{
    for (size_t i = 0; i < count; i++) {
        char value[METRIC_LABEL_VALUE_MAX];
        str_copy(value, sizeof(value), *values != NULL ? *values : "");
        str_sanitize(value);
        buf_putf(out, "%s%s=\"", i > 0 ? "," : "", names[i]);
        put_escaped(out, value, "\\\"\n");
        buf_puts(out, "\"");
        if (*values != NULL)
            values++;
    }
}

static void put_header(struct metrics_scrape *s, enum metric_type type, const char *name,
                       const char *help)
{
    AUTO(buf_release) struct buf text = BUF_INIT(2 * strlen(help));
    put_escaped(&text, help, "\\\n");
    if (s->err == NULL)
        s->err = buf_addf(s->out, "# HELP %s %s\n# TYPE %s %s\n", name, buf_str(&text), name,
                          type_names[type]);
}

/* name_suffix{labels,extra} value; labels and extra may be empty. */
static void put_sample(struct metrics_scrape *s, const char *const name[2], const char *labels,
                       const char *extra, double value)
{
    char number[NUMBER_MAX];
    format_number(value, number);
    bool both = *labels != '\0' && *extra != '\0', any = *labels != '\0' || *extra != '\0';
    if (s->err == NULL)
        s->err = buf_addf(s->out, "%s%s%s%s%s%s%s %s\n", name[0], name[1], any ? "{" : "", labels,
                          both ? "," : "", extra, any ? "}" : "", number);
}

static void put_histogram(struct metrics_scrape *s, const struct metric *metric, const char *labels,
                          const struct metric_series *series)
{
    uint64_t below = 0;
    for (size_t i = 0; i <= metric->bounds->count; i++) {
        char bound[NUMBER_MAX], extra[NUMBER_MAX + 8];
        format_number(i < metric->bounds->count ? metric->bounds->le[i] : INFINITY, bound);
        snprintf(extra, sizeof(extra), "le=\"%s\"", bound);
        below += series->buckets[i];
        put_sample(s, (const char *const[]){metric->name, "_bucket"}, labels, extra, (double)below);
    }
    put_sample(s, (const char *const[]){metric->name, "_sum"}, labels, "", series->value);
    put_sample(s, (const char *const[]){metric->name, "_count"}, labels, "", (double)series->count);
}

struct labelled {
    const char *labels;
    const struct metric_series *series;
};

struct listing {
    struct labelled *items;
    size_t len;
};

static bool list_series(void *arg, const char *key, void *value)
{
    struct listing *l = arg;
    l->items[l->len++] = (struct labelled){.labels = key, .series = value};
    return true;
}

static int compare_labels(const void *a, const void *b)
{
    const struct labelled *x = a, *y = b;
    return strcmp(x->labels, y->labels);
}

/* Sorted, so that two scrapes can be compared. */
static void put_metric(struct metrics_scrape *s, const struct metric *metric)
{
    put_header(s, metric->type, metric->name, metric->help);
    struct listing l = {.items = x_calloc(metric->series.len, sizeof(struct labelled))};
    map_each(&metric->series, list_series, &l);
    qsort(l.items, l.len, sizeof(*l.items), compare_labels);
    for (size_t i = 0; i < l.len; i++) {
        if (metric->type == METRIC_HISTOGRAM)
            put_histogram(s, metric, l.items[i].labels, l.items[i].series);
        else
            put_sample(s, (const char *const[]){metric->name, ""}, l.items[i].labels, "",
                       l.items[i].series->value);
    }
    free(l.items);
}

void metrics_family_begin(struct metrics_scrape *s, enum metric_type type, const char *name,
                          const char *help, const char *const *label_names)
{
    s->name = name;
    s->label_count = 0;
    for (; *label_names != NULL && s->label_count < METRIC_LABELS_MAX; label_names++)
        s->label_names[s->label_count++] = *label_names;
    put_header(s, type, name, help);
}

void metrics_sample_labels(struct metrics_scrape *s, double value, const char *const *label_values)
{
    if (s->name == NULL)
        x_abort("a collector wrote a sample before it began a family");
    AUTO(buf_release) struct buf labels = BUF_INIT(METRIC_LABELS_TEXT_MAX);
    metric_labels_text(&labels, s->label_names, s->label_count, label_values);
    put_sample(s, (const char *const[]){s->name, ""}, buf_str(&labels), "", value);
}

struct err *metrics_write(struct metrics *m, struct buf *out)
{
    struct metrics_scrape s = {.out = out};
    pthread_mutex_lock(&m->lock);
    for (const struct metric *metric = m->first; metric != NULL; metric = metric->next)
        put_metric(&s, metric);
    pthread_mutex_unlock(&m->lock);

    pthread_mutex_lock(&m->scrape_lock);
    for (struct collector *c = m->collectors; c != NULL; c = c->next) {
        s.name = NULL;
        c->fn(c->arg, &s);
    }
    pthread_mutex_unlock(&m->scrape_lock);
    return err_wrap(s.err, "writing the metrics");
}
