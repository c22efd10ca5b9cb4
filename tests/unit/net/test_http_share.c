/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call whom at once, and who is given a pause. */
#include "net/http_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "support/expect.h"

/* A call in flight is a call from within a call: the peer's answer makes the next one. */
struct scene {
    struct http_transport under;
    struct clock_manual hands;
    struct http_share *share;
    unsigned calls;
    int64_t timeout; /* of the last */
    enum { ANSWERS, HANGS, IS_DOWN, IS_CANCELLED } peer;
    struct err *(*meanwhile)(struct scene *s); /* NULL = nothing happens */
};

static struct err *answer(void *ctx, const struct http_request *req, const struct stop *stop,
                          struct http_response *ret_response)
{
    (void)stop;
    struct scene *s = ctx;
    s->calls++;
    s->timeout = req->timeout;
    if (s->meanwhile != NULL) {
        struct err *(*fn)(struct scene *) = s->meanwhile;
        s->meanwhile = NULL;
        TRY(fn(s));
    }
    switch (s->peer) {
    case HANGS:
        return err_new(ERR_TRANSIENT, "Timeout", "no answer");
    case IS_DOWN:
        return err_new(ERR_TRANSIENT, "ConnectFailed", "refused");
    case IS_CANCELLED:
        return err_new(ERR_CANCELLED, "Cancelled", "stopping");
    case ANSWERS:
        break;
    }
    ret_response->status = 200;
    return NULL;
}

static void scene_open(struct scene *s)
{
    *s = (struct scene){.under = {.call = answer, .ctx = s}};
    clock_manual_init(&s->hands, 1000 * NS_PER_SEC);
    s->share = http_share_new(&s->under, &s->hands.clock);
}

static void scene_close(struct scene *s)
{
    http_share_free(s->share);
}

#define SCENE AUTO(scene_close) struct scene

static struct err *get_within(struct scene *s, const char *url, unsigned flags, int64_t timeout)
{
    const struct http_request req = {.url = url, .flags = flags, .timeout = timeout};
    AUTO_RESPONSE response = {0};
    return http_call(http_share_transport(s->share), &req, NULL, &response);
}

static struct err *get(struct scene *s, const char *url, unsigned flags)
{
    return get_within(s, url, flags, 0);
}

#define CA "https://ca.test/dir"
#define OTHER "https://other.test/dir"

/* ---- in flight ---- */

static struct err *third_to_ca(struct scene *s)
{
    AUTO_ERR e = get(s, "https://CA.test:443/other", HTTP_GUARDED);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CONFLICT);
    assert_string_equal(e->reason, "Busy");
    assert_true(http_share_held_back(e));
    assert_int_equal(e->retry_at, 1000 * NS_PER_SEC + 50 * NS_PER_MS);
    AUTO_ERR later = get(s, CA, HTTP_GUARDED);
    assert_int_equal(later->retry_at, 1000 * NS_PER_SEC + 100 * NS_PER_MS);
    expect_ok(get(s, OTHER, HTTP_GUARDED));
    expect_ok(get(s, CA, 0)); /* named by the operator */
    return NULL;
}

static struct err *turn_of_ca(struct scene *s)
{
    const struct http_request req = {.url = CA, .flags = HTTP_GUARDED};
    return http_call_turn(http_share_transport(s->share), &req);
}

static struct err *ask_in_vain(struct scene *s)
{
    expect_err(turn_of_ca(s), ERR_CONFLICT, "Busy", "other calls go first");
    return NULL;
}

static struct err *ask_and_call(struct scene *s)
{
    expect_ok(turn_of_ca(s)); /* which takes no place */
    expect_ok(turn_of_ca(s));
    s->meanwhile = ask_in_vain;
    return get(s, CA, HTTP_GUARDED);
}

static void it_is_known_before_a_call(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    expect_ok(turn_of_ca(&s));
    s.meanwhile = ask_and_call;
    expect_ok(get(&s, CA, HTTP_GUARDED));
    assert_int_equal(s.calls, 2);
}

static struct err *second_to_ca(struct scene *s)
{
    s->meanwhile = third_to_ca;
    return get(s, CA, HTTP_GUARDED);
}

static void a_host_of_tenants_has_two_calls(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    s.meanwhile = second_to_ca;
    expect_ok(get(&s, CA, HTTP_GUARDED));
    assert_int_equal(s.calls, 4);
    expect_ok(get(&s, CA, HTTP_GUARDED)); /* both have left */
}

static struct err *many(struct scene *s)
{
    static const char *const urls[] = {"https://a.test", "https://b.test", "https://c.test",
                                       "https://d.test", "https://e.test", "https://f.test"};
    const char *url = urls[s->calls % ARRAY_LEN(urls)];
    s->meanwhile = many;
    AUTO_ERR e = get(s, url, HTTP_GUARDED);
    s->meanwhile = NULL;
    if (e != NULL)
        assert_string_equal(e->reason, "Busy");
    expect_ok(get(s, "https://cluster.test", 0));
    return NULL;
}

static void a_quarter_of_the_threads_is_kept_free(void **state)
{
    (void)state;
    static const struct {
        unsigned threads, tenants;
    } rows[] = {{12, 9}, {8, 6}, {4, 3}, {5, 3}, {2, 1}, {1, 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s;
        scene_open(&s);
        http_share_set_threads(s.share, rows[i].threads);
        s.meanwhile = many;
        expect_ok(get(&s, "https://z.test", HTTP_GUARDED));
        /* each of them made a call that is nobody's share */
        assert_int_equal(s.calls, 2 * rows[i].tenants);
    }
}

/* ---- strikes ---- */

static void hang(struct scene *s, unsigned times)
{
    s->peer = HANGS;
    for (unsigned i = 0; i < times; i++)
        expect_err(get(s, CA, 0), ERR_TRANSIENT, "Timeout", NULL);
}

static int64_t pause_of(struct scene *s)
{
    AUTO_ERR e = get(s, CA, 0);
    assert_non_null(e);
    assert_string_equal(e->reason, "NotAnswering");
    assert_int_equal(e->kind, ERR_TRANSIENT);
    assert_true(http_share_held_back(e));
    return e->retry_at - clock_wall(&s->hands.clock);
}

static void three_time_outs_make_a_pause(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    hang(&s, 3);
    assert_int_equal(pause_of(&s), 5 * NS_PER_SEC + 50 * NS_PER_MS);
    assert_int_equal(pause_of(&s), 5 * NS_PER_SEC + 100 * NS_PER_MS);
    assert_int_equal(s.calls, 3);
    s.peer = ANSWERS;
    expect_ok(get(&s, OTHER, 0));
    clock_manual_advance(&s.hands, 5 * NS_PER_SEC);
    expect_ok(get(&s, CA, 0));
    hang(&s, 3); /* one answer wipes the slate */
    assert_int_equal(pause_of(&s), 5 * NS_PER_SEC + 50 * NS_PER_MS);
}

/* A tenant that dials the host of a CA, which only the proxy reaches, does not have the CA paused for all. */
static void the_way_to_a_host_belongs_to_it(void **state)
{
    (void)state;
    static const unsigned ways[] = {HTTP_PROXIED, HTTP_GUARDED | HTTP_PROXIED, 0};
    SCENE s;
    scene_open(&s);
    s.peer = HANGS;
    for (int i = 0; i < 3; i++)
        expect_err(get(&s, CA, HTTP_GUARDED), ERR_TRANSIENT, "Timeout", NULL);
    expect_err(get(&s, CA, HTTP_GUARDED), ERR_TRANSIENT, "NotAnswering", NULL);
    s.peer = ANSWERS;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        expect_ok(get(&s, CA, ways[i]));
}

static void pauses_grow_to_five_minutes(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    hang(&s, 3);
    static const int pauses[] = {5, 10, 20, 40, 80, 160, 300, 300};
    for (size_t i = 0; i < ARRAY_LEN(pauses); i++) {
        int64_t pause = pause_of(&s);
        assert_true(pause > pauses[i] * NS_PER_SEC && pause <= (pauses[i] + 1) * NS_PER_SEC);
        clock_manual_advance(&s.hands, pauses[i] * NS_PER_SEC);
        hang(&s, 1);
    }
}

static struct err *another_meanwhile(struct scene *s)
{
    expect_err(get(s, CA, 0), ERR_TRANSIENT, "NotAnswering", "ca.test");
    return NULL;
}

static void who_did_not_answer_is_asked_by_one(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    hang(&s, 3);
    clock_manual_advance(&s.hands, 6 * NS_PER_SEC);
    s.peer = ANSWERS;
    s.meanwhile = another_meanwhile;
    expect_ok(get(&s, CA, 0));
    assert_int_equal(s.calls, 4);
}

static void only_silence_is_a_strike(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    hang(&s, 2);
    s.peer = IS_CANCELLED; /* says nothing */
    expect_err(get(&s, CA, 0), ERR_CANCELLED, NULL, NULL);
    hang(&s, 1);
    (void)pause_of(&s);
    clock_manual_advance(&s.hands, 5 * NS_PER_SEC);
    s.peer = IS_DOWN; /* fails at once, so it holds nobody up */
    expect_err(get(&s, CA, 0), ERR_TRANSIENT, "ConnectFailed", NULL);
    expect_err(get(&s, CA, 0), ERR_TRANSIENT, "ConnectFailed", NULL);
}

/* ---- who was silent ---- */

static const char *const silent[] = {"https://a.test", "https://b.test", "https://c.test",
                                     "https://d.test"};

/* Calls each of them within the call of the one before. Three are a quarter of twelve threads. */
static struct err *next_silent(struct scene *s)
{
    size_t under_way = s->calls - ARRAY_LEN(silent);
    s->meanwhile = next_silent;
    AUTO_ERR e = get(s, silent[under_way], HTTP_GUARDED);
    s->meanwhile = NULL;
    if (under_way < 3) {
        assert_null(e);
        return NULL;
    }
    assert_non_null(e);
    assert_string_equal(e->reason, "Busy");
    expect_ok(get(s, OTHER, HTTP_GUARDED));
    expect_ok(get(s, "https://cluster.test", 0));                      /* named by the operator */
    expect_ok(get_within(s, silent[3], HTTP_GUARDED, 2 * NS_PER_SEC)); /* is over soon */
    return NULL;
}

static void the_silent_have_a_quarter_of_the_threads(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    http_share_set_threads(s.share, 12);
    s.peer = HANGS;
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        expect_err(get(&s, silent[i], HTTP_GUARDED), ERR_TRANSIENT, "Timeout", NULL);
    s.peer = ANSWERS;
    s.meanwhile = next_silent;
    expect_ok(get(&s, silent[0], HTTP_GUARDED));
    assert_int_equal(s.calls, 10);
}

/* What a call like this is given. */
static int64_t patience(struct scene *s, unsigned flags, int64_t timeout)
{
    err_drop(get_within(s, CA, flags, timeout));
    return s->timeout / NS_PER_SEC;
}

static void the_first_answer_is_not_waited_for_long(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    s.peer = HANGS;
    assert_int_equal(patience(&s, HTTP_GUARDED, 0), 5);
    assert_int_equal(patience(&s, HTTP_GUARDED, 60 * NS_PER_SEC), 10);
    assert_int_equal(patience(&s, HTTP_GUARDED, 60 * NS_PER_SEC), 20);
    clock_manual_advance(&s.hands, HTTP_SHARE_PAUSE_MAX);
    assert_int_equal(patience(&s, HTTP_GUARDED, 0), 30); /* which is less than 40 */
    clock_manual_advance(&s.hands, HTTP_SHARE_PAUSE_MAX);
    s.peer = ANSWERS;
    assert_int_equal(patience(&s, HTTP_GUARDED, 2 * NS_PER_SEC), 2);
    assert_int_equal(patience(&s, HTTP_GUARDED, 0), 5); /* so short an answer was not noted */
    assert_int_equal(patience(&s, HTTP_GUARDED, 60 * NS_PER_SEC), 60);
    s.peer = HANGS;
    assert_int_equal(patience(&s, HTTP_GUARDED, 0), 30);
    assert_int_equal(patience(&s, HTTP_GUARDED, 0), 30);
}

static void some_calls_have_their_time(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    s.peer = HANGS;
    assert_int_equal(patience(&s, 0, 0), 30); /* named by the operator */
    assert_int_equal(patience(&s, HTTP_GUARDED | HTTP_MUTATES, 60 * NS_PER_SEC), 60);
}

/* Many names that do not answer are forgotten before they are too many. */
static void hosts_are_bounded(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    hang(&s, 3);
    for (int i = 0; i < 5000; i++) {
        auto_free char *url = x_printf("https://n%d.test/", i);
        expect_err(get(&s, url, HTTP_GUARDED), ERR_TRANSIENT, "Timeout", NULL);
    }
    expect_err(get(&s, CA, 0), ERR_TRANSIENT, "Timeout", NULL);
}

static void what_is_no_url_is_left_to_the_client(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    expect_ok(get(&s, "no url", HTTP_GUARDED));
    assert_int_equal(s.calls, 1);
    assert_false(http_share_held_back(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_of_tenants_has_two_calls),
        cmocka_unit_test(it_is_known_before_a_call),
        cmocka_unit_test(a_quarter_of_the_threads_is_kept_free),
        cmocka_unit_test(three_time_outs_make_a_pause),
        cmocka_unit_test(the_way_to_a_host_belongs_to_it),
        cmocka_unit_test(pauses_grow_to_five_minutes),
        cmocka_unit_test(who_did_not_answer_is_asked_by_one),
        cmocka_unit_test(only_silence_is_a_strike),
        cmocka_unit_test(the_silent_have_a_quarter_of_the_threads),
        cmocka_unit_test(the_first_answer_is_not_waited_for_long),
        cmocka_unit_test(some_calls_have_their_time),
        cmocka_unit_test(hosts_are_bounded),
        cmocka_unit_test(what_is_no_url_is_left_to_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
