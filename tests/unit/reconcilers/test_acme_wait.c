/* SPDX-License-Identifier: Apache-2.0 */
/* When the CA is asked again, while it works and after a failure. */
#include "reconcilers/acme_wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "reconciler_scene.h"
#include "support/expect.h"

/* ---- polling ---- */

static int64_t next_poll(struct scene *s, const char *polling, const char *key, int64_t retry_at)
{
    const struct acme_issuer acme = {.polling = polling};
    const struct issuer issuer = {.spec.acme = &acme};
    int64_t at = acme_next_poll(s->env, &issuer, key, retry_at == 0 ? 0 : SCENE_NOW + retry_at);
    return at - SCENE_NOW;
}

static void early_polls_come_before_the_hint(void **state)
{
    (void)state;
    static const char *const words[] = {NULL, "", "early"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        SCENE s = {0};
        scene_open(&s);
        assert_int_equal(next_poll(&s, words[i], "o", 5 * NS_PER_SEC), 100 * NS_PER_MS);
        assert_int_equal(next_poll(&s, words[i], "o", 5 * NS_PER_SEC), 400 * NS_PER_MS);
        assert_int_equal(next_poll(&s, words[i], "o", 5 * NS_PER_SEC), 5 * NS_PER_SEC);
        assert_int_equal(next_poll(&s, words[i], "o", 7 * NS_PER_SEC), 7 * NS_PER_SEC);
        assert_int_equal(next_poll(&s, words[i], "o", 0), 3 * NS_PER_SEC);
        assert_int_equal(next_poll(&s, words[i], "o", -5 * NS_PER_SEC), 3 * NS_PER_SEC);
        /* Each key counts for itself. */
        assert_int_equal(next_poll(&s, words[i], "other", 0), 100 * NS_PER_MS);
    }
}

static void hints_are_all_there_is_when_asked_for(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(next_poll(&s, "hint", "o", 5 * NS_PER_SEC), 5 * NS_PER_SEC);
        assert_int_equal(next_poll(&s, "hint", "p", 0), 3 * NS_PER_SEC);
    }
}

/* A CA that says nothing is asked as often as at first for 20 s, and then ever less often. */
static void polls_without_a_hint_grow(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    int64_t total = 0;
    for (int i = 0; i < 8; i++)
        total += next_poll(&s, NULL, "o", 0);
    assert_int_equal(total, 500 * NS_PER_MS + 6 * 3 * NS_PER_SEC);
    assert_int_equal(next_poll(&s, NULL, "o", 0), 6 * NS_PER_SEC);
    for (int i = 0; i < 40; i++)
        next_poll(&s, NULL, "o", 0);
    assert_int_equal(next_poll(&s, NULL, "o", 0), NS_PER_MIN);
    assert_int_equal(next_poll(&s, NULL, "o", 3 * NS_PER_SEC), 3 * NS_PER_SEC);
}

/* ---- an end ---- */

static void an_order_is_not_waited_for_without_end(void **state)
{
    (void)state;
    static const struct {
        int64_t expires, after; /* from now; 0 = the CA does not say */
        const char *told;
    } rows[] = {
        {NS_PER_MIN, NS_PER_HOUR, NULL},
        {NS_PER_MIN, NS_PER_HOUR + NS_PER_MIN, "processing still, and expired at 2026-01-01T00:01"},
        {7 * NS_PER_DAY, 6 * NS_PER_DAY, NULL},
        {0, NS_PER_DAY - NS_PER_SEC, NULL},
        {0, NS_PER_DAY, "processing still, after a day"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        const struct acme_order o = {.status = (char[]){"processing"},
                                     .expires =
                                         rows[i].expires != 0 ? SCENE_NOW + rows[i].expires : 0};
        assert_null(acme_overdue(s.env, "o/finalize", &o));
        clock_manual_advance(&s.hands, rows[i].after);
        auto_free char *told = acme_overdue(s.env, "o/finalize", &o);
        if (rows[i].told == NULL)
            assert_null(told);
        else
            assert_non_null(strstr(told, rows[i].told));
    }
}

/* ---- Retry-After ---- */

static void what_a_server_asks_for_binds(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool binds;
    } rows[] = {{429, true}, {503, true}, {500, true}, {403, false}, {0, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        int64_t next = 0;
        struct err *e = err_new(ERR_TRANSIENT, "HTTP503", "later");
        e->http_status = rows[i].status;
        e->retry_at = SCENE_NOW + NS_PER_MIN;
        expect_err(acme_hold(s.env, "u", e), ERR_TRANSIENT, "HTTP503", NULL);
        assert_int_equal(acme_is_held(s.env, "u", &next), rows[i].binds);
        assert_int_equal(next, rows[i].binds ? SCENE_NOW + NS_PER_MIN : 0);
        assert_false(acme_is_held(s.env, "other", &next));
        clock_manual_advance(&s.hands, NS_PER_MIN);
        assert_false(acme_is_held(s.env, "u", &next));
    }
    SCENE s = {0};
    scene_open(&s);
    int64_t next = 0;
    assert_null(acme_hold(s.env, "u", NULL));
    assert_false(acme_is_held(s.env, "u", &next));
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_polls_come_before_the_hint),
        cmocka_unit_test(hints_are_all_there_is_when_asked_for),
        cmocka_unit_test(polls_without_a_hint_grow),
        cmocka_unit_test(an_order_is_not_waited_for_without_end),
        cmocka_unit_test(what_a_server_asks_for_binds),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
