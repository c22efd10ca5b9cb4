/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"
#include "kube/controller.h"
#include "widget.h"

/* A controller whose reconcile returns what the test put in. */
struct scene {
    struct clock_manual hands;
    struct rng_seeded dice;
    struct controller *c;
    struct err *result; /* handed out once */
    int64_t next;
    char seen[1024];
    int observed, reported;
};

static struct err *play(void *ctx, const struct object_name *name, int64_t *ret_next)
{
    struct scene *s = ctx;
    size_t len = strlen(s->seen);
    snprintf(s->seen + len, sizeof(s->seen) - len, "%s%s/%s", len > 0 ? " " : "", name->ns,
             name->name);
    *ret_next = s->next;
    return TAKE(s->result);
}

static void observe(void *arg, const char *controller, const char *key, int64_t duration,
                    const struct err *err)
{
    struct scene *s = arg;
    assert_string_equal(controller, "widget");
    assert_non_null(key);
    assert_true(duration >= 0);
    s->observed++;
    s->reported += err != NULL;
}

static void open_scene(struct scene *s)
{
    *s = (struct scene){0};
    clock_manual_init(&s->hands, NS_PER_DAY);
    rng_seeded_init(&s->dice, 1);
    s->c = controller_new(&(struct controller_options){
        .name = "widget",
        .reconcile = play,
        .ctx = s,
        .clock = &s->hands.clock,
        .rng = &s->dice.rng,
        .backoff = {.base = NS_PER_SEC, .cap = 100 * NS_PER_SEC},
        .observe = observe,
        .observe_arg = s,
    });
}

static void expect_seen(struct scene *s, const char *want)
{
    while (controller_step(s->c))
        continue;
    assert_string_equal(s->seen, want);
    s->seen[0] = '\0';
}

/* How far away the next look is; INT64_MAX: only a change brings one. */
static int64_t until_next(struct scene *s)
{
    int64_t due = workqueue_next_due(controller_queue(s->c));
    return due == INT64_MAX ? due : due - clock_mono(&s->hands.clock);
}

/* One reconcile of ns/a with this result; returns how far away the next look is. */
static int64_t run_with(struct scene *s, struct err *result, int64_t next)
{
    s->result = result;
    s->next = next;
    controller_enqueue(s->c, "ns", "a");
    assert_true(controller_step(s->c));
    assert_null(s->result);
    s->next = 0;
    return until_next(s);
}

static int64_t wall_in(const struct scene *s, int64_t delay)
{
    return clock_wall(&s->hands.clock) + delay;
}

static void test_success_waits_for_a_change(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    assert_string_equal(controller_name(s.c), "widget");
    assert_false(controller_step(s.c));
    assert_int_equal(run_with(&s, NULL, 0), INT64_MAX);
    assert_int_equal(s.observed, 1);
    expect_seen(&s, "ns/a");
    controller_enqueue(s.c, NULL, "cluster-wide");
    expect_seen(&s, "/cluster-wide");
    controller_free(s.c);
}

static void test_success_with_a_next_look(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    assert_int_equal(run_with(&s, NULL, wall_in(&s, 90 * NS_PER_SEC)), 90 * NS_PER_SEC);
    /* The past is now. */
    assert_int_equal(run_with(&s, NULL, 1), INT64_MAX);
    assert_int_equal(workqueue_len(controller_queue(s.c)), 1);
    assert_true(controller_step(s.c));
    int64_t far = run_with(&s, NULL, wall_in(&s, 60 * NS_PER_DAY));
    assert_true(far >= 50 * NS_PER_MIN && far <= NS_PER_HOUR);
    controller_free(s.c);
}

static void test_errors_back_off(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_with(&s, err_new(ERR_TRANSIENT, "X", "x"), 0), (NS_PER_SEC << i));
    assert_int_equal(s.reported, 3);
    assert_int_equal(run_with(&s, NULL, 0), INT64_MAX);
    assert_int_equal(run_with(&s, err_new(ERR_INVALID, "X", "x"), 0), NS_PER_SEC);
    controller_free(s.c);
}

static void test_retry_at_is_a_lower_bound(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct err *later = err_new(ERR_TRANSIENT, "X", "x");
    later->retry_at = wall_in(&s, 30 * NS_PER_SEC);
    assert_int_equal(run_with(&s, later, 0), 30 * NS_PER_SEC);
    struct err *sooner = err_new(ERR_TRANSIENT, "X", "x");
    sooner->retry_at = wall_in(&s, NS_PER_SEC);
    assert_int_equal(run_with(&s, sooner, 0), 2 * NS_PER_SEC);
    controller_free(s.c);
}

static void test_rate_limits_name_the_time(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int i = 0; i < 5; i++) {
        struct err *limited = err_new(ERR_RATE_LIMITED, "X", "x");
        limited->retry_at = wall_in(&s, 3 * NS_PER_SEC);
        assert_int_equal(run_with(&s, limited, 0), 3 * NS_PER_SEC);
    }
    struct err *past = err_new(ERR_RATE_LIMITED, "X", "x");
    past->retry_at = wall_in(&s, -NS_PER_SEC);
    assert_int_equal(run_with(&s, past, 0), 32 * NS_PER_SEC);
    controller_free(s.c);
}

static void test_conflicts_are_not_reported(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_with(&s, err_new(ERR_CONFLICT, "CacheBehind", "x"), 0), NS_PER_SEC);
    assert_int_equal(run_with(&s, err_new(ERR_CONFLICT, "Conflict", "x"), 0), NS_PER_SEC);
    assert_int_equal(run_with(&s, err_new(ERR_CONFLICT, "Conflict", "x"), 0), 2 * NS_PER_SEC);
    assert_int_equal(s.observed, 5);
    assert_int_equal(s.reported, 0);
    controller_free(s.c);
}

static void test_cancelled_is_dropped(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    assert_int_equal(run_with(&s, err_new(ERR_CANCELLED, "Stopping", "x"), 0), INT64_MAX);
    assert_int_equal(workqueue_len(controller_queue(s.c)), 0);
    assert_int_equal(s.reported, 0);
    controller_free(s.c);
}

/* The lease may be renewed after its margin has passed and before the deadline: then the process lives on. */
static void test_refused_by_the_gate_is_tried_again(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_with(&s, err_new(ERR_CANCELLED, "NotLeader", "x"), 0), NS_PER_SEC);
    assert_int_equal(s.reported, 0);
    controller_free(s.c);
}

/* ---- what wakes ---- */

static void test_changes_of_the_object(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    AUTO_OBJECT(struct widget) a = widget_new("ns", "a", "1", NULL);
    AUTO_OBJECT(struct widget) b = widget_new("ns", "b", "1", NULL);
    controller_on_change(s.c, &(struct cache_change){.now = a, .initial = true});
    controller_on_change(s.c, &(struct cache_change){.old = b});
    expect_seen(&s, "ns/b ns/a");
    controller_free(s.c);
}

static const struct widget *child_of(const char *api_version, const char *kind, const char *name)
{
    json_auto_t *object = widget_json("ns", "child", "1", NULL);
    json_put(json_path(object, (const char *const[]){"metadata", NULL}), "ownerReferences",
             json_build("[{s:s,s:s,s:s,s:s,s:b}]", "apiVersion", api_version, "kind", kind, "name",
                        name, "uid", "u", "controller", 1));
    const void *decoded;
    assert_null(object_decode(&widget_kind, object, &decoded));
    return decoded;
}

static void test_changes_of_owned_objects(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct controller_owner_route route = {.controller = s.c, .owner = &widget_kind.res};
    AUTO_OBJECT(struct widget) one = child_of("example.com/v1", "Widget", "one");
    AUTO_OBJECT(struct widget) two = child_of("example.com/v2", "Widget", "two");
    AUTO_OBJECT(struct widget) kind = child_of("example.com/v1", "Gadget", "three");
    AUTO_OBJECT(struct widget) group = child_of("example.org/v1", "Widget", "four");
    AUTO_OBJECT(struct widget) core = child_of("v1", "Widget", "five");
    AUTO_OBJECT(struct widget) orphan = widget_new("ns", "orphan", "1", NULL);
    controller_on_owned_change(&route, &(struct cache_change){.old = one, .now = two});
    controller_on_owned_change(&route, &(struct cache_change){.now = kind});
    controller_on_owned_change(&route, &(struct cache_change){.now = group});
    controller_on_owned_change(&route, &(struct cache_change){.now = core});
    controller_on_owned_change(&route, &(struct cache_change){.now = orphan});
    expect_seen(&s, "ns/one ns/two");

    const struct kube_resource cluster = {.group = "", .version = "v1", .kind = "Widget"};
    struct controller_owner_route up = {.controller = s.c, .owner = &cluster};
    controller_on_owned_change(&up, &(struct cache_change){.now = core});
    expect_seen(&s, "/five");
    controller_free(s.c);
}

/* ---- the pool ---- */

struct load {
    atomic_int done;
    atomic_int inside;
    atomic_bool hold;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

static struct err *count_up(void *ctx, const struct object_name *name, int64_t *ret_next)
{
    (void)name, (void)ret_next;
    struct load *l = ctx;
    pthread_mutex_lock(&l->lock);
    l->inside++;
    pthread_cond_broadcast(&l->changed);
    while (l->hold)
        pthread_cond_wait(&l->changed, &l->lock);
    l->inside--;
    l->done++;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void load_init(struct load *l, bool hold)
{
    *l = (struct load){.hold = hold};
    pthread_mutex_init(&l->lock, NULL);
    cond_init_mono(&l->changed);
}

static void load_release(struct load *l)
{
    pthread_mutex_lock(&l->lock);
    l->hold = false;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static void load_wait(struct load *l, const atomic_int *value, int want)
{
    int64_t deadline = clock_mono(clock_system()) + 30 * NS_PER_SEC;
    pthread_mutex_lock(&l->lock);
    while (*value < want)
        assert_true(cond_wait_until(&l->changed, &l->lock, deadline));
    pthread_mutex_unlock(&l->lock);
}

static struct controller *counting(const char *name, struct load *l)
{
    return controller_new(&(struct controller_options){.name = name,
                                                       .reconcile = count_up,
                                                       .ctx = l,
                                                       .clock = clock_system(),
                                                       .rng = rng_system()});
}

static void enqueue_many(struct controller *c, int count)
{
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "k%d", i);
        controller_enqueue(c, "ns", name);
    }
}

static void test_a_slow_controller_does_not_starve_others(void **state)
{
    (void)state;
    struct load slow, fast;
    load_init(&slow, true);
    load_init(&fast, false);
    struct controller *pair[] = {counting("slow", &slow), counting("fast", &fast)};
    struct worker_pool *p = worker_pool_start(pair, 2, 3);
    enqueue_many(pair[0], 50);
    load_wait(&slow, &slow.inside, 2);
    enqueue_many(pair[1], 50);
    load_wait(&fast, &fast.done, 50);
    assert_int_equal(slow.inside, 2);
    load_release(&slow);
    load_wait(&slow, &slow.done, 50);
    worker_pool_stop(p);
    controller_free(pair[0]);
    controller_free(pair[1]);
}

static void test_delayed_keys_wake_the_pool(void **state)
{
    (void)state;
    struct load l;
    load_init(&l, false);
    struct controller *c = counting("delayed", &l);
    struct worker_pool *p = worker_pool_start(&c, 1, 2);
    workqueue_add_after(controller_queue(c), "ns/later", 30 * NS_PER_SEC);
    workqueue_add_after(controller_queue(c), "ns/soon", 10 * NS_PER_MS);
    load_wait(&l, &l.done, 1);
    worker_pool_stop(p);
    assert_int_equal(l.done, 1);
    controller_free(c);
}

/* Of keys that come due at the same moment nobody is told one by one. */
static void test_keys_due_together_run_together(void **state)
{
    (void)state;
    struct load l;
    load_init(&l, true);
    struct controller *c = counting("together", &l);
    struct workqueue *q = controller_queue(c);
    struct worker_pool *p = worker_pool_start(&c, 1, 3);
    workqueue_add_after(q, "ns/a", 50 * NS_PER_MS);
    workqueue_add_after(q, "ns/b", 50 * NS_PER_MS);
    workqueue_add_after(q, "ns/c", 50 * NS_PER_MS);
    load_wait(&l, &l.inside, 3);
    load_release(&l);
    worker_pool_stop(p);
    assert_int_equal(l.done, 3);
    controller_free(c);
}

static void test_stop_waits_for_what_runs(void **state)
{
    (void)state;
    struct load l;
    load_init(&l, false);
    struct controller *c = counting("busy", &l);
    struct worker_pool *p = worker_pool_start(&c, 1, 4);
    enqueue_many(c, 2000);
    load_wait(&l, &l.done, 10);
    worker_pool_stop(p);
    assert_int_equal(l.inside, 0);
    int done = l.done;
    controller_enqueue(c, "ns", "late");
    assert_int_equal(l.done, done);
    controller_free(c);
    worker_pool_stop(NULL);
}

static struct err *nothing(void *ctx, const struct object_name *name, int64_t *ret_next)
{
    (void)ctx, (void)name, (void)ret_next;
    return NULL;
}

static void test_overhead(void **state)
{
    (void)state;
    const int count = 50000;
    struct controller *c = controller_new(&(struct controller_options){
        .name = "bench", .reconcile = nothing, .clock = clock_system(), .rng = rng_system()});
    clock_t start = clock(); /* processor time: others may be busy */
    enqueue_many(c, count);
    while (controller_step(c))
        continue;
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    print_message("%.0f keys/s\n", count / seconds);
    /* Over a million in a plain build: far below it, for sanitizers and slow machines. */
    assert_true(count / seconds > 5000);
    controller_free(c);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success_waits_for_a_change),
        cmocka_unit_test(test_success_with_a_next_look),
        cmocka_unit_test(test_errors_back_off),
        cmocka_unit_test(test_retry_at_is_a_lower_bound),
        cmocka_unit_test(test_rate_limits_name_the_time),
        cmocka_unit_test(test_conflicts_are_not_reported),
        cmocka_unit_test(test_cancelled_is_dropped),
        cmocka_unit_test(test_refused_by_the_gate_is_tried_again),
        cmocka_unit_test(test_changes_of_the_object),
        cmocka_unit_test(test_changes_of_owned_objects),
        cmocka_unit_test(test_a_slow_controller_does_not_starve_others),
        cmocka_unit_test(test_delayed_keys_wake_the_pool),
        cmocka_unit_test(test_keys_due_together_run_together),
        cmocka_unit_test(test_stop_waits_for_what_runs),
        cmocka_unit_test(test_overhead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
