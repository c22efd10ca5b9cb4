/* SPDX-License-Identifier: Apache-2.0 */
/* A DNS-01 challenge while things stay wrong for long, or change under it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "challenge_stage.h"
#include "reconcilers/challenge.h"
#include "support/expect.h"

/* It is told once, asked ever more seldom, and goes on by itself with the order that it has. */
static void a_provider_may_be_down_for_an_hour(void **state)
{
    (void)state;
    STAGE(t);
    go_to_recorded(&t);
    int tries = 0;
    while (clock_wall(&t.s.hands.clock) < SCENE_NOW + NS_PER_HOUR) {
        turn_page(&t);
        plan_read_again(&t);
        plan_secret(&t);
        scripted_plan(&t.s.world, "GET " API "/zones", 503, "{}");
        if (tries == 0)
            plan_status(&t, 5, "");
        reconcile(&t);
        if (tries++ == 0)
            keep_written(&t, 6);
        int64_t wait = t.next - clock_wall(&t.s.hands.clock);
        assert_true(wait >= 5 * NS_PER_SEC && wait <= 330 * NS_PER_SEC);
        clock_manual_advance(&t.s.hands, wait);
    }
    assert_true(tries >= 12 && tries <= 20);
    assert_int_equal(t.s.told, 1);
    turn_page(&t);
    acme_scene_directory(&t.s, ""); /* which is read once an hour */
    plan_read_again(&t);
    plan_present(&t, 200);
    reconcile(&t);
    assert_int_equal(t.next, clock_wall(&t.s.hands.clock) + 100 * NS_PER_MS);
}

static void a_zone_that_is_full_is_told(void **state)
{
    (void)state;
    STAGE(t);
    go_to_recorded(&t);
    plan_present(&t, 400);
    free(t.s.world.exchanges[t.s.world.planned - 1].body);
    t.s.world.exchanges[t.s.world.planned - 1].body =
        x_strdup("{\"success\":false,\"errors\":[{\"code\":81045,\"message\":\"quota\"}]}");
    plan_status(&t, 5, "");
    reconcile(&t);
    json_auto_t *status = written(&t);
    const char *reason = JSTR(status, "reason");
    assert_non_null(strstr(reason, "cloudflare: TXT record " RECORD " in zone a.test"));
    assert_non_null(strstr(reason, "remove some, or have the limit raised"));
    assert_string_equal(JSTR(status, "state"), "pending");
    assert_true(t.next >= SCENE_NOW + 5 * NS_PER_SEC);
}

/* What is not seen for five minutes is put there again, and what servers lack is told. */
static void a_record_that_somebody_removed_is_put_there_again(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    clock_manual_advance(&t.s.hands, 4 * NS_PER_MIN);
    plan_authz(&t, "pending");
    plan_status(&t, 5, "");
    reconcile(&t);
    json_auto_t *status = written(&t);
    assert_non_null(strstr(JSTR(status, "reason"), "192.0.2.1 has no such record"));
    keep_written(&t, 6);
    clock_manual_advance(&t.s.hands, 2 * NS_PER_MIN);
    plan_authz(&t, "pending");
    reconcile(&t);
    plan_secret(&t);
    scripted_plan(&t.s.world, "POST " API "/zones/z1/dns_records", 200,
                  "{\"success\":true,\"result\":{\"id\":\"r2\"}}");
    reconcile(&t);
    scripted_zones_add(&t.net, RECORD, DNS_TXT, t.value);
    acme_scene_post(&t.s, "/chall/1", 200, "", "{\"status\":\"processing\"}");
    reconcile(&t);
}

/* The credential that put it there is good no more: that which the Secret has now takes it out. */
static void a_credential_may_be_rotated_meanwhile(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    auto_free char *record = record_text(t.value);
    put_challenge(&t, 9, FINALIZERS DELETED, record);
    plan_clean_up(&t, 403);
    scripted_plan(&t.s.world, SECRET, 200, "{\"data\":{\"token\":\"YW5vdGhlcg==\"}}");
    scripted_plan(&t.s.world, "GET " API "/zones", 200,
                  "{\"success\":true,\"result\":[{\"id\":\"z1\",\"name\":\"a.test\"}]}");
    plan_clean_up(&t, 200);
    plan_let_go(&t, 10, DELETED, record);
    reconcile(&t);
    assert_int_equal(t.s.told, 0);
}

static void servers_that_contradict_themselves_are_not_asked_without_end(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    clock_manual_advance(&t.s.hands, 11 * NS_PER_SEC);
    for (int look = 0; look < 4; look++) {
        turn_page(&t);
        plan_status(&t, 20 + 2 * look, "");
        scripted_zones_remove(&t.net, RECORD, DNS_TXT);
        if (look % 2 == 0)
            scripted_zones_add(&t.net, RECORD, DNS_TXT, ANY_VALUE);
        reconcile(&t);
        keep_written(&t, 21 + 2 * look);
        int64_t next = t.next;
        unsigned asked = t.net.asks;
        reconcile(&t);
        if (look > 0) { /* the first time there was nothing told */
            assert_int_equal(t.net.asks, asked);
            assert_int_equal(t.next, next);
        }
        clock_manual_advance(&t.s.hands, next - clock_wall(&t.s.hands.clock));
    }
}

/* The account's key may not be read for a while, nor is it there: the CA has said nothing of the kind. */
static void what_the_api_server_refuses_settles_nothing(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum err_kind kind;
    } rows[] = {{403, ERR_DENIED}, {404, ERR_NOT_FOUND}};
    static const struct object_name name = {.ns = "shop", .name = "c"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        STAGE(t);
        go_to_recorded(&t);
        scene_put(&t.s.env->issuers,
                  "{\"metadata\":{\"name\":\"acme\",\"namespace\":\"shop\",\"uid\":\"i\","
                  "\"resourceVersion\":\"3\"},\"spec\":{\"acme\":{\"server\":\"" ACME_CA
                  "/dir\",\"privateKeySecretRef\":{\"name\":\"key\"}}},\"status\":{\"acme\":{"
                  "\"uri\":\"" ACME_ACCOUNT "\",\"lastPrivateKeyHash\":\"another\"}}}");
        turn_page(&t);
        scripted_plan(&t.s.world, "GET https://api/api/v1/namespaces/shop/secrets/key",
                      rows[i].status, "{}");
        expect_err(challenge_reconcile((void *)(uintptr_t)t.s.env, &name, &t.next), rows[i].kind,
                   NULL, NULL);
    }
}

/* Nobody gets a token there any more, and the finalizer would keep the namespace. */
static void a_namespace_that_is_ending_is_not_held(void **state)
{
    (void)state;
    STAGE(t);
    go_to_recorded(&t);
    turn_page(&t);
    auto_free char *record = record_text(t.value);
    put_challenge(&t, 9, FINALIZERS DELETED, record);
    scripted_plan(&t.s.world, SECRET, 403,
                  "{\"reason\":\"Forbidden\",\"details\":{\"causes\":[{\"reason\":"
                  "\"NamespaceTerminating\"}]}}");
    plan_let_go(&t, 10, DELETED, record);
    reconcile(&t);
    assert_int_equal(t.s.told, 1);
}

/* Two orders were given one authorization, and one of them is removed. */
static void a_record_that_another_order_needs_stays(void **state)
{
    (void)state;
    static const struct {
        const char *meta, *state; /* of the other one */
        bool same, stays;
    } rows[] = {
        {FINALIZERS, "", true, true},
        {FINALIZERS, "\"state\":\"valid\",", true, false},
        {DELETED FINALIZERS, "", true, false},
        {FINALIZERS, "", false, false},
        {"", "", true, false}, /* let go: it may be gone */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        STAGE(t);
        go_to_presented(&t);
        auto_free char *record = record_text(t.value);
        auto_free char *others =
            x_printf("%s\"dns01\":{\"name\":\"" RECORD "\",\"zone\":\"a.test\",\"value\":\"%s\","
                     "\"provider\":\"cloudflare\",\"since\":\"2026-01-01T00:00:00Z\"}",
                     rows[i].state, rows[i].same ? t.value : ANY_VALUE);
        put_another(&t, rows[i].meta, others);
        put_challenge(&t, 9, FINALIZERS DELETED, record);
        if (!rows[i].stays)
            plan_clean_up(&t, 200);
        plan_let_go(&t, 10, DELETED, record);
        reconcile(&t);
    }
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
        cmocka_unit_test(a_provider_may_be_down_for_an_hour),
        cmocka_unit_test(a_zone_that_is_full_is_told),
        cmocka_unit_test(a_record_that_somebody_removed_is_put_there_again),
        cmocka_unit_test(a_credential_may_be_rotated_meanwhile),
        cmocka_unit_test(a_namespace_that_is_ending_is_not_held),
        cmocka_unit_test(servers_that_contradict_themselves_are_not_asked_without_end),
        cmocka_unit_test(what_the_api_server_refuses_settles_nothing),
        cmocka_unit_test(a_record_that_another_order_needs_stays),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
