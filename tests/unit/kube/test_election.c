/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fake_api.h"
#include "kube/election.h"
#include "lease_server.h"

#define WALL (INT64_C(1790000000) * NS_PER_SEC)

/* One candidate, a clock that the test moves, and a server that holds one Lease. */
struct scene {
    struct clock_manual hands;
    struct rng_seeded dice;
    struct lease_server server;
    struct fake_api api;
    struct kube_client *client;
    struct election e;
    int acquired, lost;
};

static void on_acquired(void *arg)
{
    struct scene *s = arg;
    s->acquired++;
    assert_true(election_is_held(&s->e));
}

static void on_lost(void *arg)
{
    struct scene *s = arg;
    s->lost++;
    assert_false(election_is_held(&s->e));
}

static struct lease_options options_of(struct scene *s)
{
    return (struct lease_options){
        .client = s->client,
        .ns = "certroll",
        .name = "certroll-controller",
        .identity = "me",
        .clock = &s->hands.clock,
        .rng = &s->dice.rng,
        .on_acquired = on_acquired,
        .on_lost = on_lost,
        .arg = s,
    };
}

static void open_scene(struct scene *s)
{
    *s = (struct scene){0};
    clock_manual_init(&s->hands, WALL);
    rng_seeded_init(&s->dice, 1);
    lease_server_init(&s->server);
    fake_api_init(&s->api);
    s->api.handler = lease_server_answer;
    s->api.arg = &s->server;
    s->client = fake_api_client(&s->api, &s->hands.clock);
    const struct lease_options o = options_of(s);
    assert_null(election_init(&s->e, &o));
}

static void close_scene(struct scene *s)
{
    election_release(&s->e);
    kube_client_free(s->client);
    fake_api_release(&s->api);
    lease_server_release(&s->server);
}

static void step(struct scene *s)
{
    assert_null(election_step(&s->e));
}

static void step_fails(struct scene *s, enum err_kind kind)
{
    AUTO_ERR e = election_step(&s->e);
    assert_true(err_is(e, kind));
}

static void wait_for(struct scene *s, int64_t ns)
{
    clock_manual_advance(&s->hands, ns);
}

static const char *spec(struct scene *s, const char *field)
{
    return JSTR(s->server.lease, "spec", field);
}

static void test_creates_and_renews(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    assert_false(election_is_held(&s.e));
    assert_true(election_deadline(&s.e) == INT64_MAX);
    step(&s);
    assert_true(election_is_held(&s.e));
    assert_int_equal(s.acquired, 1);
    assert_string_equal(fake_api_request(&s.api, 0)->line,
                        "GET /apis/coordination.k8s.io/v1/namespaces/certroll/leases/"
                        "certroll-controller");
    assert_string_equal(fake_api_request(&s.api, 1)->line,
                        "POST /apis/coordination.k8s.io/v1/namespaces/certroll/leases");
    assert_true(fake_api_request(&s.api, 0)->timeout < 5 * NS_PER_SEC);
    assert_string_equal(spec(&s, "holderIdentity"), "me");
    assert_string_equal(spec(&s, "acquireTime"), "2026-09-21T14:13:20.000000Z");
    assert_string_equal(spec(&s, "renewTime"), "2026-09-21T14:13:20.000000Z");
    assert_int_equal(JINT(s.server.lease, -1, "spec", "leaseDurationSeconds"), 15);
    assert_int_equal(JINT(s.server.lease, -1, "spec", "leaseTransitions"), 0);

    wait_for(&s, 1500 * NS_PER_MS);
    step(&s);
    assert_int_equal(s.acquired, 1);
    assert_int_equal(s.api.count, 3); /* a renewal is one request */
    assert_string_equal(fake_api_request(&s.api, 2)->line,
                        "PUT /apis/coordination.k8s.io/v1/namespaces/certroll/leases/"
                        "certroll-controller");
    assert_string_equal(spec(&s, "renewTime"), "2026-09-21T14:13:21.500000Z");
    assert_string_equal(spec(&s, "acquireTime"), "2026-09-21T14:13:20.000000Z");
    close_scene(&s);
}

/* The gate closes two seconds before the deadline, whatever the stepping thread does: this is also
 * what a process that was stopped and goes on sees first. */
static void test_gate_closes_by_the_clock_alone(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    step(&s);
    wait_for(&s, 8 * NS_PER_SEC - 1);
    assert_true(election_is_held(&s.e));
    wait_for(&s, 1);
    assert_false(election_is_held(&s.e));
    wait_for(&s, 2 * NS_PER_SEC - 1);
    election_check_deadline(&s.e);
    assert_int_equal(s.lost, 0);
    wait_for(&s, 1);
    election_check_deadline(&s.e);
    election_check_deadline(&s.e);
    assert_int_equal(s.lost, 1);
    close_scene(&s);
}

static void test_a_late_holder_renews_no_more(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    step(&s);
    wait_for(&s, 10 * NS_PER_SEC);
    size_t before = s.api.count;
    step(&s);
    step(&s);
    assert_int_equal(s.api.count, before);
    assert_int_equal(s.lost, 1);
    assert_false(election_is_held(&s.e));
    close_scene(&s);
}

/* A renewal counts from before it was sent: rivals may have seen it from then on. */
static void test_slow_answer(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    s.server.clock = &s.hands;
    step(&s);
    int64_t sent = clock_mono(&s.hands.clock);
    s.server.delay_after = 3 * NS_PER_SEC;
    step(&s);
    assert_int_equal(election_deadline(&s.e), sent + 10 * NS_PER_SEC);
    /* Stopped for so long within a request that the lease it won is no longer ours to use. */
    s.server.delay_after = 20 * NS_PER_SEC;
    step(&s);
    assert_false(election_is_held(&s.e));
    close_scene(&s);
}

static void test_failures_until_the_deadline(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    step(&s);
    for (int i = 0; i < 9; i++) {
        wait_for(&s, NS_PER_SEC);
        s.server.fail = true;
        step_fails(&s, ERR_TRANSIENT);
        assert_int_equal(s.lost, 0);
    }
    wait_for(&s, NS_PER_SEC);
    step(&s);
    assert_int_equal(s.lost, 1);
    close_scene(&s);
}

static void test_one_success_saves_it(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    step(&s);
    for (int i = 0; i < 9; i++) {
        wait_for(&s, NS_PER_SEC);
        s.server.fail = i < 8;
        AUTO_ERR e = election_step(&s.e);
        assert_true((e != NULL) == (i < 8));
    }
    wait_for(&s, 7 * NS_PER_SEC);
    assert_true(election_is_held(&s.e));
    close_scene(&s);
}

/* Only what changes before our eyes keeps us away, not the times in the Lease. */
static void test_takes_over_after_watching(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    lease_server_set(&s.server, "other", 15, "2001-01-01T00:00:00.000000Z", 4);
    step(&s);
    wait_for(&s, 14 * NS_PER_SEC);
    step(&s);
    lease_server_set(&s.server, "other", 15, "2001-01-01T00:00:10.000000Z", 4);
    step(&s); /* sees the renewal: 15 s more */
    wait_for(&s, 15 * NS_PER_SEC - 1);
    step(&s);
    assert_int_equal(s.acquired, 0);
    wait_for(&s, 1);
    step(&s);
    assert_int_equal(s.acquired, 1);
    assert_string_equal(spec(&s, "holderIdentity"), "me");
    assert_int_equal(JINT(s.server.lease, 0, "spec", "leaseTransitions"), 5);
    assert_string_equal(spec(&s, "acquireTime"), "2026-09-21T14:13:49.000000Z");
    assert_string_equal(spec(&s, "strategy"), "kept");
    close_scene(&s);
}

static void test_waits_as_long_as_the_holder_asked(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    lease_server_set(&s.server, "other", 60, "2001-01-01T00:00:00.000000Z", 0);
    step(&s);
    wait_for(&s, 59 * NS_PER_SEC);
    step(&s);
    assert_int_equal(s.acquired, 0);
    wait_for(&s, NS_PER_SEC);
    step(&s);
    assert_int_equal(s.acquired, 1);
    close_scene(&s);
}

/* An edit of labels is no sign of life. */
static void test_only_the_spec_is_life(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    lease_server_set(&s.server, "other", 15, "2001-01-01T00:00:00.000000Z", 0);
    step(&s);
    wait_for(&s, 15 * NS_PER_SEC);
    lease_server_touch(&s.server);
    step(&s);
    assert_int_equal(s.acquired, 1);
    close_scene(&s);
}

/* A Lease deleted under its holder is not free before that one can know. */
static void test_deleted_under_another(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    lease_server_set(&s.server, "other", 15, "2001-01-01T00:00:00.000000Z", 0);
    step(&s);
    lease_server_delete(&s.server);
    wait_for(&s, 14 * NS_PER_SEC);
    step(&s);
    assert_int_equal(s.acquired, 0);
    wait_for(&s, NS_PER_SEC);
    step(&s);
    assert_int_equal(s.acquired, 1);
    close_scene(&s);
}

static void test_deleted_under_us(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    step(&s);
    lease_server_delete(&s.server);
    step(&s);
    assert_int_equal(s.lost, 0);
    assert_string_equal(spec(&s, "holderIdentity"), "me");
    close_scene(&s);
}

static void test_taken_from_us(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    step(&s);
    lease_server_set(&s.server, "other", 15, "2001-01-01T00:00:00.000000Z", 0);
    step_fails(&s, ERR_CONFLICT);
    assert_int_equal(s.lost, 1);
    assert_false(election_is_held(&s.e));
    wait_for(&s, NS_PER_HOUR);
    step(&s);
    assert_int_equal(s.acquired, 1); /* what is lost stays lost */
    close_scene(&s);
}

/* A 409 may also be an edit, or a renewal of ours whose answer got lost. */
static void test_conflict_that_is_none(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    step(&s);
    lease_server_touch(&s.server);
    step(&s);
    s.server.lose_answer = true;
    step_fails(&s, ERR_TRANSIENT);
    wait_for(&s, NS_PER_SEC);
    step(&s);
    assert_int_equal(election_deadline(&s.e), clock_mono(&s.hands.clock) + 10 * NS_PER_SEC);
    assert_int_equal(s.lost, 0);
    close_scene(&s);
}

static void test_acquired_but_not_told(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    lease_server_set(&s.server, "", 1, "2001-01-01T00:00:00.000000Z", 3);
    s.server.lose_answer = true;
    step_fails(&s, ERR_TRANSIENT);
    assert_string_equal(spec(&s, "holderIdentity"), "me");
    assert_false(election_is_held(&s.e));
    wait_for(&s, NS_PER_SEC);
    step(&s);
    assert_int_equal(s.acquired, 1);
    assert_int_equal(JINT(s.server.lease, 0, "spec", "leaseTransitions"), 4);
    assert_string_equal(spec(&s, "acquireTime"), "2026-09-21T14:13:20.000000Z");
    close_scene(&s);
}

static void test_somebody_was_faster(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    lease_server_set(&s.server, "", 1, "2001-01-01T00:00:00.000000Z", 3);
    s.server.rival = "other";
    step(&s);
    assert_int_equal(s.acquired, 0);
    assert_string_equal(spec(&s, "holderIdentity"), "other");
    close_scene(&s);
}

static void test_resign(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    step(&s);
    lease_server_touch(&s.server); /* 409 first */
    assert_null(election_resign(&s.e));
    assert_false(election_is_held(&s.e));
    assert_string_equal(spec(&s, "holderIdentity"), "");
    assert_int_equal(JINT(s.server.lease, 0, "spec", "leaseDurationSeconds"), 1);
    assert_int_equal(JINT(s.server.lease, 0, "spec", "leaseTransitions"), 0);
    assert_int_equal(s.lost, 0);
    size_t before = s.api.count;
    assert_null(election_resign(&s.e));
    step(&s);
    assert_int_equal(s.api.count, before);

    /* The next one need not wait. */
    election_release(&s.e);
    const struct lease_options o = options_of(&s);
    assert_null(election_init(&s.e, &o));
    step(&s);
    assert_int_equal(s.acquired, 2);
    assert_int_equal(JINT(s.server.lease, 0, "spec", "leaseTransitions"), 1);
    close_scene(&s);
}

static void test_resigning_takes_nothing_from_another(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    step(&s);
    lease_server_set(&s.server, "other", 15, "2001-01-01T00:00:00.000000Z", 0);
    assert_null(election_resign(&s.e));
    assert_string_equal(spec(&s, "holderIdentity"), "other");
    close_scene(&s);
}

static void test_bad_answers(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    fake_api_reply(&s.api, 200, NULL, "{}");
    step_fails(&s, ERR_TRANSIENT);
    fake_api_reply(&s.api, 200, NULL, "<html>");
    step_fails(&s, ERR_INVALID);
    fake_api_reply(&s.api, 403, NULL, "{\"reason\":\"Forbidden\"}");
    step_fails(&s, ERR_DENIED);
    lease_server_set(&s.server, "", -5, "never", 0);
    step(&s);
    assert_int_equal(s.acquired, 1);
    close_scene(&s);
}

static void test_pause_has_jitter(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    int64_t now = clock_mono(&s.hands.clock), low = INT64_MAX, high = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t pause = election_next(&s.e) - now;
        low = pause < low ? pause : low;
        high = pause > high ? pause : high;
    }
    assert_in_range(low, NS_PER_SEC, 1010 * NS_PER_MS);
    assert_in_range(high, 1490 * NS_PER_MS, 1500 * NS_PER_MS);
    close_scene(&s);
}

static void expect_refused(struct scene *s, const struct lease_options *o)
{
    struct election e;
    AUTO_ERR err = election_init(&e, o);
    assert_true(err_is(err, ERR_INVALID));
    election_release(&e);
    (void)s;
}

static void test_options_are_checked(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct lease_options o = options_of(&s);
    o.ns = "a/b";
    expect_refused(&s, &o);
    o = options_of(&s);
    o.name = "";
    expect_refused(&s, &o);
    o = options_of(&s);
    o.identity = NULL;
    expect_refused(&s, &o);
    o = options_of(&s);
    o.duration = 10 * NS_PER_SEC; /* not longer than the deadline */
    expect_refused(&s, &o);
    o = options_of(&s);
    o.duration = 15 * NS_PER_SEC + 1;
    expect_refused(&s, &o);
    o = options_of(&s);
    o.retry = 4 * NS_PER_SEC;
    expect_refused(&s, &o);
    o = options_of(&s);
    o.retry = -NS_PER_SEC;
    expect_refused(&s, &o);
    close_scene(&s);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_creates_and_renews),
        cmocka_unit_test(test_gate_closes_by_the_clock_alone),
        cmocka_unit_test(test_a_late_holder_renews_no_more),
        cmocka_unit_test(test_slow_answer),
        cmocka_unit_test(test_failures_until_the_deadline),
        cmocka_unit_test(test_one_success_saves_it),
        cmocka_unit_test(test_takes_over_after_watching),
        cmocka_unit_test(test_waits_as_long_as_the_holder_asked),
        cmocka_unit_test(test_only_the_spec_is_life),
        cmocka_unit_test(test_deleted_under_another),
        cmocka_unit_test(test_deleted_under_us),
        cmocka_unit_test(test_taken_from_us),
        cmocka_unit_test(test_conflict_that_is_none),
        cmocka_unit_test(test_acquired_but_not_told),
        cmocka_unit_test(test_somebody_was_faster),
        cmocka_unit_test(test_resign),
        cmocka_unit_test(test_resigning_takes_nothing_from_another),
        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_pause_has_jitter),
        cmocka_unit_test(test_options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
