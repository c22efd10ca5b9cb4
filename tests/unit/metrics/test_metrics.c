/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "metrics/metrics.h"
#include "support/aborts.h"

#define TEXT_MAX (8 * 1024 * 1024)

static int make_registry(void **state)
{
    *state = metrics_new();
    return 0;
}

static int free_registry(void **state)
{
    metrics_free(*state);
    return 0;
}

/* All that is exposed, owned. */
static char *text_of(struct metrics *m)
{
    struct buf out = BUF_INIT(TEXT_MAX);
    assert_null(metrics_write(m, &out));
    return buf_take(&out);
}

static void assert_text(struct metrics *m, const char *expected)
{
    auto_free char *text = text_of(m);
    assert_string_equal(text, expected);
}

static void counts(void **state)
{
    struct metric *c = metrics_counter(*state, "a_total", "What a is.", "kind", "result");
    metric_add(c, 1, "order", "ok");
    metric_add(c, 2.5, "order", "ok");
    metric_add(c, 1, "challenge", "failed");
    metric_add(c, 0, "zero", "ok");
    assert_text(*state, "# HELP a_total What a is.\n"
                        "# TYPE a_total counter\n"
                        "a_total{kind=\"challenge\",result=\"failed\"} 1\n"
                        "a_total{kind=\"order\",result=\"ok\"} 3.5\n"
                        "a_total{kind=\"zero\",result=\"ok\"} 0\n");
}

static void counters_only_go_up(void **state)
{
    struct metric *c = metrics_counter(*state, "c_total", "C.");
    metric_add(c, 5);
    metric_add(c, -1);
    metric_add(c, NAN);
    metric_set(c, 0);
    metric_observe(c, 7);
    assert_text(*state, "# HELP c_total C.\n# TYPE c_total counter\nc_total 5\n");
}

static void gauges_go_both_ways(void **state)
{
    struct metric *g = metrics_gauge(*state, "g", "G.");
    assert_text(*state, "# HELP g G.\n# TYPE g gauge\ng 0\n");
    metric_set(g, 10);
    metric_add(g, -12.25);
    assert_text(*state, "# HELP g G.\n# TYPE g gauge\ng -2.25\n");
}

static void histograms_are_cumulative(void **state)
{
    static const double le[] = {0.1, 1, 2.5};
    static const struct metric_bounds bounds = {.le = le, .count = ARRAY_LEN(le)};
    struct metric *h = metrics_histogram(*state, "h_seconds", "H.", &bounds, "verb");
    metric_observe(h, 0.1, "get"); /* a bound belongs to its bucket */
    metric_observe(h, 0.5, "get");
    metric_observe(h, 2, "get");
    metric_observe(h, 1000, "get");
    metric_observe(h, NAN, "get");
    metric_add(h, 1, "get");
    metric_set(h, 1, "get");
    assert_text(*state, "# HELP h_seconds H.\n"
                        "# TYPE h_seconds histogram\n"
                        "h_seconds_bucket{verb=\"get\",le=\"0.1\"} 1\n"
                        "h_seconds_bucket{verb=\"get\",le=\"1\"} 2\n"
                        "h_seconds_bucket{verb=\"get\",le=\"2.5\"} 3\n"
                        "h_seconds_bucket{verb=\"get\",le=\"+Inf\"} 4\n"
                        "h_seconds_sum{verb=\"get\"} 1002.6\n"
                        "h_seconds_count{verb=\"get\"} 4\n");
}

static void a_histogram_without_labels_starts_empty(void **state)
{
    static const double le[] = {1};
    static const struct metric_bounds bounds = {.le = le, .count = 1};
    metrics_histogram(*state, "h", "H.", &bounds);
    assert_text(*state, "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 0\n"
                        "h_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n");
}

static void numbers_read_back_exactly(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {1732181082, "1732181082"},
        {9007199254740992, "9007199254740992"},
        {0.1, "0.1"},
        {1.0 / 3, "0.33333333333333331"},
        {1e300, "1e+300"},
        {5e-324, "4.94065645841247e-324"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
        {NAN, "NaN"},
    };
    struct metric *g = metrics_gauge(*state, "g", "G.");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        metric_set(g, rows[i].value);
        auto_free char *expected = x_printf("# HELP g G.\n# TYPE g gauge\ng %s\n", rows[i].text);
        assert_text(*state, expected);
    }
}

static void hostile_label_values_stay_values(void **state)
{
    struct metric *g = metrics_gauge(*state, "g", "back\\slash\nand line", "a", "b");
    metric_set(g, 1, "\"} 9\ninjected 1", "back\\");
    metric_set(g, 2, "\xff\xC3(\x1b[0m", "\xC3\xA9");
    metric_set(g, 3, "x\",b=\"y", "");
    metric_set(g, 4, "x", "y");
    metric_set(g, 5, "missing");
    assert_text(*state, "# HELP g back\\\\slash\\nand line\n"
                        "# TYPE g gauge\n"
                        "g{a=\"?\?(?[0m\",b=\"\xC3\xA9\"} 2\n"
                        "g{a=\"\\\"} 9?injected 1\",b=\"back\\\\\"} 1\n"
                        "g{a=\"missing\",b=\"\"} 5\n"
                        "g{a=\"x\",b=\"y\"} 4\n"
                        "g{a=\"x\\\",b=\\\"y\",b=\"\"} 3\n");
}

static void label_values_are_cut(void **state)
{
    struct metric *c =
        metrics_counter(*state, "c_total", "C.", "a", "b", "c", "d", "e", "f", "g", "h");
    char big[5000];
    memset(big, '"', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    metric_add(c, 1, big, big, big, big, big, big, big, big);
    metric_add(c, 1, big, big, big, big, big, big, big, big);
    auto_free char *text = text_of(*state);
    assert_non_null(strstr(text, "\"} 2\n"));
    assert_in_range(strlen(text), 8 * 2 * (METRIC_LABEL_VALUE_MAX - 1), 5000);
}

static size_t lines_with(const char *text, const char *needle)
{
    size_t n = 0;
    for (const char *p = strstr(text, needle); p != NULL; p = strstr(p + 1, needle))
        n++;
    return n;
}

static void too_many_series_overflow(void **state)
{
    struct metric *c = metrics_counter(*state, "c_total", "C.", "who", "what");
    char who[16];
    for (int i = 0; i < METRIC_SERIES_MAX + 500; i++) {
        snprintf(who, sizeof(who), "%d", i);
        metric_add(c, 1, who, "x");
    }
    metric_add(c, 1, "7", "x"); /* those that are known go on counting */
    auto_free char *text = text_of(*state);
    assert_int_equal(lines_with(text, "c_total{"), METRIC_SERIES_MAX + 1);
    assert_non_null(strstr(text, "c_total{who=\"overflow\",what=\"overflow\"} 500\n"));
    assert_non_null(strstr(text, "c_total{who=\"7\",what=\"x\"} 2\n"));
    assert_null(strstr(text, "who=\"2001\""));
}

static void the_same_name_is_the_same_metric(void **state)
{
    struct metric *a = metrics_counter(*state, "c_total", "C.", "l");
    assert_ptr_equal(metrics_counter(*state, "c_total", "C.", "l"), a);
    struct metric *h = metrics_histogram(*state, "h", "H.", &metric_seconds);
    assert_ptr_equal(metrics_histogram(*state, "h", "H.", &metric_seconds), h);
    assert_ptr_not_equal(metrics_gauge(*state, "rule:c_total:rate", "O."), a);
}

static void no_metric_does_nothing(void **state)
{
    (void)state;
    metric_add(NULL, 1);
    metric_set(NULL, 1, "x");
    metric_observe(NULL, 1, "x", "y");
    metrics_free(NULL);
}

static void bad_metric_name(void)
{
    metrics_counter(metrics_new(), "a-b", "H.");
}

static void digit_first(void)
{
    metrics_counter(metrics_new(), "0a", "H.");
}

static void bad_label_name(void)
{
    metrics_counter(metrics_new(), "a", "H.", "x:y");
}

static void reserved_label_name(void)
{
    metrics_counter(metrics_new(), "a", "H.", "__name__");
}

static void label_of_the_histogram(void)
{
    metrics_histogram(metrics_new(), "a", "H.", &metric_seconds, "le");
}

static void nine_labels(void)
{
    metrics_counter(metrics_new(), "a", "H.", "a", "b", "c", "d", "e", "f", "g", "h", "i");
}

static void another_type(void)
{
    struct metrics *m = metrics_new();
    metrics_counter(m, "a", "H.");
    metrics_gauge(m, "a", "H.");
}

static void other_labels(void)
{
    struct metrics *m = metrics_new();
    metrics_counter(m, "a", "H.", "x");
    metrics_counter(m, "a", "H.", "y");
}

static void descending_bounds(void)
{
    static const double le[] = {1, 1};
    static const struct metric_bounds bounds = {.le = le, .count = 2};
    metrics_histogram(metrics_new(), "a", "H.", &bounds);
}

static void no_bounds(void)
{
    metrics_register(metrics_new(), METRIC_HISTOGRAM, "a", "H.", (const char *const[]){NULL});
}

static void sample_only(void *arg, struct metrics_scrape *s)
{
    (void)arg;
    metrics_sample(s, 1);
}

static void sample_without_family(void)
{
    struct metrics *m = metrics_new();
    metrics_add_collector(m, sample_only, NULL);
    struct buf out = BUF_INIT(TEXT_MAX);
    err_drop(metrics_write(m, &out));
}

static void wrong_declarations_abort(void **state)
{
    (void)state;
    static void (*const wrong[])(void) = {
        bad_metric_name,        digit_first, bad_label_name,        reserved_label_name,
        label_of_the_histogram, nine_labels, another_type,          other_labels,
        descending_bounds,      no_bounds,   sample_without_family,
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (!aborts(wrong[i]))
            fail_msg("row %zu did not abort", i);
    }
}

struct source {
    int calls;
    double expiry;
    struct metric *counter;
};

static void collect(void *arg, struct metrics_scrape *s)
{
    struct source *source = arg;
    source->calls++;
    metric_add(source->counter, 1); /* allowed, seen by the next scrape */
    metrics_family(s, METRIC_GAUGE, "expiry", "When.", "name", "namespace");
    metrics_sample(s, source->expiry, "web", "shop");
    metrics_sample(s, 2, "a\"b", "shop");
    metrics_family(s, METRIC_COUNTER, "reads_total", "Reads.");
    metrics_sample(s, 3);
}

static char *collected(int expiry)
{
    return x_printf("# HELP expiry When.\n# TYPE expiry gauge\n"
                    "expiry{name=\"web\",namespace=\"shop\"} %d\n"
                    "expiry{name=\"a\\\"b\",namespace=\"shop\"} 2\n"
                    "# HELP reads_total Reads.\n# TYPE reads_total counter\nreads_total 3\n",
                    expiry);
}

static void collectors_compute_at_each_scrape(void **state)
{
    struct source source = {.expiry = 1};
    metrics_add_collector(*state, collect, &source);
    for (int i = 1; i <= 2; i++) {
        source.expiry = 10 * i;
        auto_free char *expected = collected(10 * i);
        assert_text(*state, expected);
        assert_int_equal(source.calls, i);
    }
    auto_free char *expected = collected(20);
    metrics_remove_collector(*state, collect, NULL); /* another one: no effect */
    assert_text(*state, expected);
    metrics_remove_collector(*state, collect, &source);
    assert_text(*state, "");
    assert_int_equal(source.calls, 3);
}

static void a_collector_may_count(void **state)
{
    struct source source = {.counter = metrics_counter(*state, "scrapes_total", "S.")};
    metrics_add_collector(*state, collect, &source);
    auto_free char *first = text_of(*state);
    auto_free char *second = text_of(*state);
    assert_non_null(strstr(first, "\nscrapes_total 0\n"));
    assert_non_null(strstr(second, "\nscrapes_total 1\n"));
}

static void a_full_buffer_is_an_error(void **state)
{
    struct source source = {0};
    metrics_counter(*state, "c_total", "C.");
    metrics_add_collector(*state, collect, &source);
    auto_free char *whole = text_of(*state);
    for (size_t max = 0; max < strlen(whole); max++) {
        AUTO(buf_release) struct buf out = BUF_INIT(max);
        AUTO_ERR e = metrics_write(*state, &out);
        assert_true(err_is(e, ERR_INVALID));
        assert_string_equal(e->reason, "TooLarge");
    }
    AUTO(buf_release) struct buf out = BUF_INIT(strlen(whole));
    assert_null(metrics_write(*state, &out));
}

#define THREADS 4
#define ROUNDS 500

static void *count_and_scrape(void *arg)
{
    struct metric *c = metrics_counter(arg, "c_total", "C.", "who");
    struct metric *h = metrics_histogram(arg, "h", "H.", &metric_seconds);
    char who[16];
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(who, sizeof(who), "%d", i % 10);
        metric_add(c, 1, who);
        metric_observe(h, 0.25);
        if (i % 50 == 0) {
            struct source source = {0};
            metrics_add_collector(arg, collect, &source);
            free(text_of(arg));
            metrics_remove_collector(arg, collect, &source); /* source is on this stack */
        }
    }
    return NULL;
}

static void threads_count_and_scrape_together(void **state)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_and_scrape, *state), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    auto_free char *text = text_of(*state);
    assert_non_null(strstr(text, "c_total{who=\"3\"} 200\n"));
    assert_non_null(strstr(text, "h_count 2000\n"));
    assert_non_null(strstr(text, "h_sum 500\n"));
}

#define WITH_REGISTRY(fn) cmocka_unit_test_setup_teardown(fn, make_registry, free_registry)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(counts),
        WITH_REGISTRY(counters_only_go_up),
        WITH_REGISTRY(gauges_go_both_ways),
        WITH_REGISTRY(histograms_are_cumulative),
        WITH_REGISTRY(a_histogram_without_labels_starts_empty),
        WITH_REGISTRY(numbers_read_back_exactly),
        WITH_REGISTRY(hostile_label_values_stay_values),
        WITH_REGISTRY(label_values_are_cut),
        WITH_REGISTRY(too_many_series_overflow),
        WITH_REGISTRY(the_same_name_is_the_same_metric),
        cmocka_unit_test(no_metric_does_nothing),
        cmocka_unit_test(wrong_declarations_abort),
        WITH_REGISTRY(collectors_compute_at_each_scrape),
        WITH_REGISTRY(a_collector_may_count),
        WITH_REGISTRY(a_full_buffer_is_an_error),
        WITH_REGISTRY(threads_count_and_scrape_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
