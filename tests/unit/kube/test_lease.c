/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of a lease, in real time. What is decided is tested in test_election.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/lease.h"
#include "lease_server.h"

struct told {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int acquired, lost, errors;
};

struct scene {
    struct lease_server server;
    struct fake_api api;
    struct kube_client *client;
    struct told told;
    bool is_stuck; /* under told.lock: requests get no answer */
};

static void tell(struct told *t, int *counter)
{
    pthread_mutex_lock(&t->lock);
    (*counter)++;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

static void on_acquired(void *arg)
{
    struct scene *s = arg;
    tell(&s->told, &s->told.acquired);
}

static void on_lost(void *arg)
{
    struct scene *s = arg;
    tell(&s->told, &s->told.lost);
}

static void on_error(void *arg, const struct err *e)
{
    struct scene *s = arg;
    assert_non_null(e);
    tell(&s->told, &s->told.errors);
}

/* Until the counter is there; false after 10 s. */
static bool wait_told(struct told *t, const int *counter, int count)
{
    int64_t deadline = clock_mono(clock_system()) + 10 * NS_PER_SEC;
    pthread_mutex_lock(&t->lock);
    while (*counter < count && cond_wait_until(&t->changed, &t->lock, deadline))
        continue;
    bool there = *counter == count;
    pthread_mutex_unlock(&t->lock);
    return there;
}

static void set_stuck(struct scene *s, bool stuck)
{
    pthread_mutex_lock(&s->told.lock);
    s->is_stuck = stuck;
    pthread_cond_broadcast(&s->told.changed);
    pthread_mutex_unlock(&s->told.lock);
}

static void set_failing(struct scene *s)
{
    pthread_mutex_lock(&s->server.lock);
    s->server.fail = true;
    pthread_mutex_unlock(&s->server.lock);
}

static struct err *answer(void *arg, const struct fake_request *req, struct http_response *ret)
{
    struct scene *s = arg;
    pthread_mutex_lock(&s->told.lock);
    while (s->is_stuck)
        pthread_cond_wait(&s->told.changed, &s->told.lock);
    pthread_mutex_unlock(&s->told.lock);
    return lease_server_answer(&s->server, req, ret);
}

static void open_scene(struct scene *s)
{
    *s = (struct scene){0};
    pthread_mutex_init(&s->told.lock, NULL);
    cond_init_mono(&s->told.changed);
    lease_server_init(&s->server);
    fake_api_init(&s->api);
    s->api.handler = answer;
    s->api.arg = s;
    s->client = fake_api_client(&s->api, NULL);
}

static void close_scene(struct scene *s)
{
    kube_client_free(s->client);
    fake_api_release(&s->api);
    lease_server_release(&s->server);
    pthread_cond_destroy(&s->told.changed);
    pthread_mutex_destroy(&s->told.lock);
}

static struct lease *start(struct scene *s, int64_t deadline)
{
    const struct lease_options o = {
        .client = s->client,
        .ns = "certroll",
        .name = "certroll-controller",
        .identity = "me",
        .clock = clock_system(),
        .rng = rng_system(),
        .duration = 60 * NS_PER_SEC,
        .renew_deadline = deadline,
        .retry = 20 * NS_PER_MS,
        .on_acquired = on_acquired,
        .on_lost = on_lost,
        .on_error = on_error,
        .arg = s,
    };
    struct lease *l = NULL;
    assert_null(lease_start(&o, &l));
    return l;
}

static void expect_holder(struct scene *s, const char *holder)
{
    auto_free char *is = lease_server_holder(&s->server);
    assert_string_equal(is, holder);
}

static void expect_not_held(struct lease *l)
{
    assert_false(lease_held(l));
    AUTO_ERR e = lease_gate(l);
    assert_true(err_is(e, ERR_CANCELLED));
    assert_string_equal(e->reason, "NotLeader");
}

static void test_life(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct lease *l = start(&s, 30 * NS_PER_SEC);
    assert_true(wait_told(&s.told, &s.told.acquired, 1));
    assert_true(lease_held(l));
    assert_null(lease_gate(l));
    assert_true(fake_api_wait(&s.api, 5)); /* GET, POST, three renewals */
    expect_holder(&s, "me");
    lease_stop(l, true);
    expect_not_held(l);
    expect_holder(&s, "");
    size_t before = s.api.count;
    lease_stop(l, true);
    assert_int_equal(s.api.count, before);
    lease_free(l);
    assert_int_equal(s.told.acquired, 1);
    assert_int_equal(s.told.lost, 0);
    assert_int_equal(s.told.errors, 0);
    close_scene(&s);
}

static void test_stop_without_release(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct lease *l = start(&s, 30 * NS_PER_SEC);
    assert_true(wait_told(&s.told, &s.told.acquired, 1));
    lease_stop(l, false);
    expect_not_held(l);
    expect_holder(&s, "me");
    lease_free(l);
    close_scene(&s);
}

static void test_free_stops(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    lease_free(start(&s, 30 * NS_PER_SEC));
    lease_free(NULL);
    close_scene(&s);
}

/* The thread that renews hangs: another one sees the deadline pass. */
static void test_watchdog(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct lease *l = start(&s, 300 * NS_PER_MS);
    assert_true(wait_told(&s.told, &s.told.acquired, 1));
    set_stuck(&s, true);
    assert_true(wait_told(&s.told, &s.told.lost, 1));
    expect_not_held(l);
    set_stuck(&s, false);
    lease_stop(l, true);
    expect_not_held(l);
    expect_holder(&s, "me"); /* what is lost is not given up */
    lease_free(l);
    assert_int_equal(s.told.lost, 1);
    close_scene(&s);
}

static void test_lost_by_failures(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct lease *l = start(&s, NS_PER_SEC);
    assert_true(wait_told(&s.told, &s.told.acquired, 1));
    set_failing(&s);
    assert_true(wait_told(&s.told, &s.told.lost, 1));
    expect_not_held(l);
    lease_free(l);
    assert_int_equal(s.told.lost, 1);
    assert_true(s.told.errors > 0);
    close_scene(&s);
}

static void test_taken(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct lease *l = start(&s, 30 * NS_PER_SEC);
    assert_true(wait_told(&s.told, &s.told.acquired, 1));
    lease_server_set(&s.server, "other", 15, "2001-01-01T00:00:00.000000Z", 1);
    assert_true(wait_told(&s.told, &s.told.lost, 1));
    expect_not_held(l);
    lease_free(l);
    expect_holder(&s, "other");
    close_scene(&s);
}

static void test_cannot_resign(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct lease *l = start(&s, 30 * NS_PER_SEC);
    assert_true(wait_told(&s.told, &s.told.acquired, 1));
    set_failing(&s);
    lease_stop(l, true);
    expect_not_held(l);
    assert_true(s.told.errors > 0);
    lease_free(l);
    close_scene(&s);
}

static void test_hand_over(void **state)
{
    (void)state;
    struct scene a, b;
    open_scene(&a);
    open_scene(&b);
    struct lease *first = start(&a, 30 * NS_PER_SEC);
    assert_true(wait_told(&a.told, &a.told.acquired, 1));
    b.api.handler = lease_server_answer;
    b.api.arg = &a.server;
    const struct lease_options o = {
        .client = b.client,
        .ns = "certroll",
        .name = "certroll-controller",
        .identity = "successor",
        .clock = clock_system(),
        .rng = rng_system(),
        .retry = 20 * NS_PER_MS,
        .on_acquired = on_acquired,
        .on_lost = on_lost,
        .arg = &b,
    };
    struct lease *second = NULL;
    assert_null(lease_start(&o, &second));
    assert_true(fake_api_wait(&b.api, 5));
    assert_false(lease_held(second));
    lease_stop(first, true);
    assert_true(wait_told(&b.told, &b.told.acquired, 1)); /* long before the 60 s are over */
    expect_holder(&a, "successor");
    lease_free(second);
    lease_free(first);
    close_scene(&b);
    close_scene(&a);
}

static void test_bad_options(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    const struct lease_options o = {.client = s.client, .ns = "..", .name = "x", .identity = "me"};
    struct lease *l = NULL;
    AUTO_ERR e = lease_start(&o, &l);
    assert_true(err_is(e, ERR_INVALID));
    assert_null(l);
    close_scene(&s);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_stop_without_release),
        cmocka_unit_test(test_free_stops),
        cmocka_unit_test(test_watchdog),
        cmocka_unit_test(test_lost_by_failures),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_cannot_resign),
        cmocka_unit_test(test_hand_over),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
