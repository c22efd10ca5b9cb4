/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a registered account: looks at it, and its end. */
#include "issuers/acme_account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "account_scene.h"
#include "api/group.h"
#include "support/scripted_kube.h"

/* ---- once a day ---- */

static void the_ca_is_asked_once_a_day(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, day = {0}, then = {0}, down = {0};
    registered(&s, &x, key, &r);
    assert_int_equal(r.next, SCENE_NOW + NS_PER_DAY);
    clock_manual_advance(&s.hands, NS_PER_DAY);
    plan_key(&s, key);
    plan_directory_meta(&s, CA, "{\"termsOfService\":\"" CA "/terms-2\"}");
    plan_account(&s, CA, 200, VALID);
    ensured(&s, &x, &day);
    assert_string_equal(day.acme.terms_of_service, CA "/terms-2");
    assert_string_equal(day.acme.uri, CA "/acct/1");
    adopt(&x, &day);
    plan_key(&s, key);
    ensured(&s, &x, &then);
    assert_int_equal(then.next, day.next);
    /* Nothing depends on the answer. */
    clock_manual_advance(&s.hands, NS_PER_DAY);
    plan_key(&s, key);
    scripted_plan_error(&s.world, "GET " CA "/dir", err_new(ERR_TRANSIENT, "TLSFailed", "down"));
    ensured(&s, &x, &down);
    assert_string_equal(down.acme.terms_of_service, CA "/terms-2");
}

static void a_loss_is_found_before_it_hurts(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, again = {0}, ended = {0};
    registered(&s, &x, key, &r);
    clock_manual_advance(&s.hands, NS_PER_DAY);
    plan_key(&s, key);
    plan_directory(&s, CA);
    for (int i = 0; i < 2; i++)
        plan_account(&s, CA, 400, PROBLEM("accountDoesNotExist", "no"));
    plan_account(&s, CA, 201, VALID);
    ensured(&s, &x, &again);
    clock_manual_advance(&s.hands, NS_PER_DAY);
    plan_key(&s, key);
    plan_directory(&s, CA);
    for (int i = 0; i < 2; i++)
        plan_account(&s, CA, 401, PROBLEM("unauthorized", "deactivated"));
    expect_err(acme_account_ensure(&s.env, &x.issuer, &ended), ERR_DENIED, "AccountNotValid",
               "delete Secret shop/account");
}

/* ---- the end ---- */

static void give_up(struct subject *x)
{
    static const struct bind_pair wish[] = {{API_DEACTIVATE_ACCOUNT, "true"}};
    x->issuer.obj.meta.annotations = (struct bind_map){wish, 1};
}

static void an_account_is_given_up_when_asked(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, end = {0}, later = {0};
    registered(&s, &x, key, &r);
    give_up(&x);
    plan_key(&s, key);
    plan_account(&s, CA, 200, VALID);
    scripted_plan_headers(&s.world, "POST " CA "/acct/1", 200, JSON,
                          "{\"status\":\"deactivated\"}");
    expect_ok(acme_account_ensure(&s.env, &x.issuer, &end));
    assert_false(end.ready);
    assert_true(end.has_acme);
    assert_string_equal(end.reason, "AccountDeactivated");
    assert_non_null(strstr(end.message, "delete Secret shop/account, then remove the annotation"));
    assert_null(end.acme.uri);
    json_auto_t *sent = payload(&s, 6);
    assert_string_equal(JSTR(sent, "status"), "deactivated");
    adopt(&x, &end);
    AUTO_ACME_HANDLE handle = {0};
    expect_err(acme_account_get(&s.env, &x.issuer, &handle), ERR_NOT_FOUND, "IssuerNotReady", NULL);
    expect_ok(acme_account_ensure(&s.env, &x.issuer, &later)); /* nothing is asked */
    assert_string_equal(later.message, end.message);
}

/* A crash before the status was written, or somebody else: it is not valid, and that is enough. */
static void an_account_that_is_gone_is_given_up(void **state)
{
    (void)state;
    static const char *const answers[] = {PROBLEM("unauthorized", "deactivated"),
                                          PROBLEM("accountDoesNotExist", "no")};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        SCENE s = {0};
        scene_open(&s);
        struct subject x;
        subject_init(&x);
        AUTO_KEY key = scene_key();
        READINESS r = {0}, end = {0};
        registered(&s, &x, key, &r);
        give_up(&x);
        plan_key(&s, key);
        plan_account(&s, CA, 401, answers[i]);
        expect_ok(acme_account_ensure(&s.env, &x.issuer, &end));
        assert_string_equal(end.reason, "AccountDeactivated");
    }
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, end = {0};
    registered(&s, &x, key, &r);
    give_up(&x);
    plan_key(&s, key);
    plan_account(&s, CA, 503, "{}");
    expect_err(acme_account_ensure(&s.env, &x.issuer, &end), ERR_TRANSIENT, NULL,
               "deactivating the account");
}

/* With the annotation gone and the key still there, the CA refuses the key. */
static void a_given_up_key_is_of_no_more_use(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0};
    plan_key(&s, key);
    plan_directory(&s, CA);
    plan_account(&s, CA, 401, PROBLEM("unauthorized", "exists but is deactivated"));
    expect_err(acme_account_ensure(&s.env, &x.issuer, &r), ERR_DENIED, "AccountNotValid",
               "delete Secret shop/account");
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
        cmocka_unit_test(the_ca_is_asked_once_a_day),
        cmocka_unit_test(a_loss_is_found_before_it_hurts),
        cmocka_unit_test(an_account_is_given_up_when_asked),
        cmocka_unit_test(an_account_that_is_gone_is_given_up),
        cmocka_unit_test(a_given_up_key_is_of_no_more_use),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
