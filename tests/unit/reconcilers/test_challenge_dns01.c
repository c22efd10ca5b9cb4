/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a DNS-01 challenge: recorded before it is put anywhere, looked at, proven, and taken out again. */
#include "reconcilers/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/turns.h"
#include "challenge_stage.h"
#include "reconcilers/challenge_record.h"
#include "reconcilers/order.h"
#include "support/scripted_kube.h"

#define OVH_ZONE "https://eu.api.ovh.com/1.0/domain/zone/a.test"
#define OVH_SOLVERS                                                                                \
    ",\"solvers\":[{\"dns01\":{\"ovh\":{\"clientID\":\"c\",\"clientSecretSecretRef\":{\"name\":"   \
    "\"cf\",\"key\":\"token\"}}}}]"

static void it_is_recorded_presented_seen_proven_and_removed(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    assert_int_equal(t.next, SCENE_NOW + 100 * NS_PER_MS); /* not seen yet: nothing is written */
    scripted_zones_add(&t.net, RECORD, DNS_TXT, t.value);
    acme_scene_post(&t.s, "/chall/1", 200, "", "{\"status\":\"processing\"}");
    reconcile(&t);
    assert_int_equal(t.next, SCENE_NOW + 100 * NS_PER_MS);
    plan_authz(&t, "valid");
    reconcile(&t);
    AUTO_OBJECT(struct challenge) c = cache_peek(t.s.env->challenges.cache, "shop", "c");
    assert_string_equal(challenge_state(t.s.env, c), "valid");
    auto_free char *record = record_text(t.value);
    plan_clean_up(&t, 200);
    plan_let_go(&t, 5, "", record);
    reconcile(&t);
    json_auto_t *patch = scripted_json(&t.s.world, t.s.world.done - 1);
    assert_int_equal(json_count(JGET(patch, "metadata", "finalizers")), 0);
    reconcile(&t); /* the Order, which was told, takes it away */
    assert_true(t.next > SCENE_NOW);
}

/* And the Order is told. */
static void go_to_proven(struct stage *t)
{
    go_to_presented(t);
    scripted_zones_add(&t->net, RECORD, DNS_TXT, t->value);
    acme_scene_post(&t->s, "/chall/1", 200, "", "{\"status\":\"processing\"}");
    reconcile(t);
    plan_authz(t, "valid");
    reconcile(t);
}

static void expect_passing_failure(struct stage *t)
{
    static const struct object_name name = {.ns = "shop", .name = "c"};
    expect_err(challenge_reconcile((void *)(uintptr_t)t->s.env, &name, &t->next), ERR_TRANSIENT,
               NULL, NULL);
}

/* The Order has other troubles and does not take it: what is proven is not put into the zone once more, where nobody would
 * take it out. */
static void what_is_proven_is_not_presented_again(void **state)
{
    (void)state;
    STAGE(t);
    go_to_proven(&t);
    auto_free char *record = record_text(t.value);
    plan_clean_up(&t, 200);
    plan_let_go(&t, 5, "", record);
    reconcile(&t);
    clock_manual_advance(&t.s.hands, 31 * NS_PER_SEC);
    turn_page(&t);
    plan_authz(&t, "valid");
    scripted_plan(&t.s.world, "PUT " CHALLENGE "/status", 500, "{}");
    scripted_plan(&t.s.world, "GET " CHALLENGE, 503, "{}");
    expect_passing_failure(&t);
    clock_manual_advance(&t.s.hands, 31 * NS_PER_SEC);
    plan_authz(&t, "valid");
    auto_free char *proven = challenge_text(6, "", record);
    scripted_plan(&t.s.world, "PUT " CHALLENGE "/status", 200, proven);
    reconcile(&t);
    json_auto_t *status = written(&t);
    assert_string_equal(JSTR(status, "state"), "valid");
}

/* Nor is it when nobody heard that it was let go: what was known of the record is not known any more. */
static void what_is_removed_is_not_presented_again(void **state)
{
    (void)state;
    STAGE(t);
    go_to_proven(&t);
    auto_free char *record = record_text(t.value);
    plan_clean_up(&t, 200);
    scripted_plan(&t.s.world, "PATCH " CHALLENGE, 504, "{}");
    expect_passing_failure(&t);
    put_challenge(&t, 6, "", record);
    clock_manual_advance(&t.s.hands, 31 * NS_PER_SEC);
    turn_page(&t);
    plan_authz(&t, "valid");
    auto_free char *proven = challenge_text(7, "", record);
    scripted_plan(&t.s.world, "PUT " CHALLENGE "/status", 200, proven);
    reconcile(&t);
    json_auto_t *status = written(&t);
    assert_string_equal(JSTR(status, "state"), "valid");
}

/* The account has another key meanwhile: what was seen is another value. */
static void what_replaces_a_seen_value_is_looked_for(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    scripted_zones_add(&t.net, RECORD, DNS_TXT, t.value);
    acme_scene_post(&t.s, "/chall/1", 503, "", "{}");
    expect_passing_failure(&t);
    scripted_zones_remove(&t.net, RECORD, DNS_TXT);
    auto_free char *record = record_text(ANY_VALUE);
    put_challenge(&t, 6, FINALIZERS, record);
    scripted_plan(&t.s.world, "GET " API "/zones/z1/dns_records", 200,
                  "{\"success\":true,\"result\":[],\"result_info\":{\"total_pages\":1}}");
    plan_status(&t, 7, record);
    reconcile(&t);
    keep_written(&t, 8);
    plan_secret(&t);
    scripted_plan(&t.s.world, "POST " API "/zones/z1/dns_records", 200,
                  "{\"success\":true,\"result\":{\"id\":\"r2\"}}");
    reconcile(&t); /* and the CA is not asked */
    assert_true(t.next > SCENE_NOW);
}

/* What a process before us put there is presented again, and nothing is written. */
static void a_restart_presents_again(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    AUTO_OBJECT(struct challenge) c = cache_peek(t.s.env->challenges.cache, "shop", "c");
    const struct challenge_pass p = {.env = t.s.env, .challenge = c};
    for (int n = 0; n < NOTES; n++)
        challenge_forget(&p, (enum challenge_note)n);
    dns_held_drop(t.s.env->dns_held, "shop/c");
    plan_authz(&t, "pending");
    plan_secret(&t);
    scripted_plan(&t.s.world, "POST " API "/zones/z1/dns_records", 200,
                  "{\"success\":true,\"result\":{\"id\":\"r1\"}}");
    reconcile(&t);
    assert_true(t.next > SCENE_NOW);
}

/* Without a finalizer nobody waits for us; credentials are kept no longer than the Challenge. */
static void one_that_is_gone_is_not_held(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    assert_non_null(dns_held_get(t.s.env->dns_held, "shop/c", "c"));
    AUTO_OBJECT(struct challenge) c = cache_peek(t.s.env->challenges.cache, "shop", "c");
    cache_delete(t.s.env->challenges.cache, c);
    reconcile(&t);
    assert_null(dns_held_get(t.s.env->dns_held, "shop/c", "c"));
}

static void a_provider_that_refuses_is_told_and_asked_again(void **state)
{
    (void)state;
    STAGE(t);
    go_to_recorded(&t);
    plan_present(&t, 403);
    plan_status(&t, 5, "");
    reconcile(&t);
    json_auto_t *status = written(&t);
    assert_non_null(
        strstr(JSTR(status, "reason"), "cloudflare: TXT record " RECORD " in zone a.test"));
    assert_null(strstr(JSTR(status, "reason"), "secret"));
    assert_string_equal(JSTR(status, "state"), "pending");
    assert_int_equal(t.s.told, 1);
    assert_true(t.next >= SCENE_NOW + 5 * NS_PER_SEC && t.next < SCENE_NOW + 6 * NS_PER_SEC);
    /* Its own status write wakes it: it waits on. */
    auto_free char *record = record_text(t.value);
    put_challenge(&t, 6, FINALIZERS, record);
    reconcile(&t);
    assert_true(t.next > SCENE_NOW);
    /* Another credential is tried at once. */
    AUTO_OBJECT(struct issuer) issuer = cache_peek(t.s.env->issuers.cache, "shop", "acme");
    challenge_retry_all(t.s.env, issuer);
    plan_secret(&t);
    scripted_plan(&t.s.world, "GET " API "/zones", 200,
                  "{\"success\":true,\"result\":[{\"id\":\"z1\",\"name\":\"a.test\"}]}");
    scripted_plan(&t.s.world, "POST " API "/zones/z1/dns_records", 200,
                  "{\"success\":true,\"result\":{\"id\":\"r1\"}}");
    reconcile(&t);
    assert_int_equal(t.next, SCENE_NOW + 100 * NS_PER_MS);
}

/* OVH's API is one where looking is dear. Returns the status, owned; what comes next reads the credential and the zone. */
static char *go_to_recorded_at_ovh(struct stage *t)
{
    char *status = NULL;
    stage_open_solvers(t, OVH_SOLVERS);
    put_challenge(t, 2, FINALIZERS, "");
    acme_scene_directory(&t->s, "");
    plan_authz(t, "pending");
    plan_status(t, 3, "");
    reconcile(t);
    json_auto_t *sent = written(t);
    expect_ok(json_to_string(sent, 8192, &status));
    keep_written(t, 4);
    plan_secret(t);
    scripted_plan(&t->s.world, "POST https://www.ovh.com/auth/oauth2/token", 200,
                  "{\"access_token\":\"t\",\"token_type\":\"Bearer\",\"expires_in\":3599}");
    scripted_plan(&t->s.world, "GET " OVH_ZONE, 200, "{\"name\":\"a.test\"}");
    return status;
}

static void plan_look_and_present(struct stage *t)
{
    scripted_plan(&t->s.world, "GET " OVH_ZONE "/record?fieldType=TXT&subDomain=_acme-challenge",
                  200, "[]");
    scripted_plan(&t->s.world, "POST " OVH_ZONE "/record", 200, "{\"id\":7}");
    scripted_plan(&t->s.world, "POST " OVH_ZONE "/refresh", 200, "null");
}

/* And what this process was told of it is all that is needed to take it out. */
static void what_nobody_has_put_there_is_not_looked_for(void **state)
{
    (void)state;
    AUTO(stage_close) struct stage t;
    auto_free char *recorded = go_to_recorded_at_ovh(&t);
    scripted_plan(&t.s.world, "POST " OVH_ZONE "/record", 500, "{}");
    plan_status(&t, 5, "");
    reconcile(&t);
    keep_written(&t, 6);
    AUTO_OBJECT(struct issuer) issuer = cache_peek(t.s.env->issuers.cache, "shop", "acme");
    challenge_retry_all(t.s.env, issuer);
    plan_secret(&t);
    plan_look_and_present(&t);
    reconcile(&t);
    put_order(&t, 6, ",\"state\":\"invalid\"");
    scripted_plan(&t.s.world, "DELETE " OVH_ZONE "/record/7", 200, "null");
    scripted_plan(&t.s.world, "POST " OVH_ZONE "/refresh", 200, "null");
    plan_let_go(&t, 7, "", "");
    reconcile(&t);
}

/* Else it would be there twice, and one of them stay. */
static void what_another_order_may_have_put_there_is_looked_for(void **state)
{
    (void)state;
    AUTO(stage_close) struct stage t;
    auto_free char *recorded = go_to_recorded_at_ovh(&t);
    recorded[strlen(recorded) - 1] = '\0';
    put_another(&t, FINALIZERS, recorded + 1);
    plan_look_and_present(&t);
    reconcile(&t);
}

static void a_missing_secret_is_waited_for(void **state)
{
    (void)state;
    STAGE(t);
    go_to_recorded(&t);
    scripted_plan(&t.s.world, SECRET, 404, "{\"kind\":\"Status\",\"reason\":\"NotFound\"}");
    plan_status(&t, 5, "");
    reconcile(&t);
    json_auto_t *status = written(&t);
    assert_non_null(
        strstr(JSTR(status, "reason"), "apiTokenSecretRef: there is no Secret shop/cf"));
    assert_int_equal(t.s.told, 1);
}

/* What is held in memory takes the record out when Issuer and Secret are gone already. */
static void a_namespace_can_go_while_it_is_pending(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    auto_free char *record = record_text(t.value);
    remove_issuer(&t);
    put_challenge(&t, 9, FINALIZERS DELETED, record);
    plan_clean_up(&t, 200);
    plan_let_go(&t, 10, DELETED, record);
    reconcile(&t);
    assert_int_equal(t.s.told, 0);
}

static void what_nobody_can_remove_is_told_and_let_go(void **state)
{
    (void)state;
    STAGE(t);
    auto_free char *record = record_text(ANY_VALUE);
    remove_issuer(&t);
    put_challenge(&t, 9, FINALIZERS DELETED, record);
    t.s.world.done = t.s.world.planned; /* the account's key is not read */
    plan_let_go(&t, 10, DELETED, record);
    reconcile(&t);
    assert_int_equal(t.s.told, 1);
}

static void a_provider_that_is_down_holds_it_for_ten_minutes(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    auto_free char *record = record_text(t.value);
    put_challenge(&t, 9, FINALIZERS DELETED, record);
    for (int i = 0; i < 2; i++) {
        if (i == 0)                 /* then its zone is not remembered any more */
            plan_clean_up(&t, 500); /* with what is held */
        else
            scripted_plan(&t.s.world, "GET " API "/zones", 500, "{}");
        plan_secret(&t);
        if (i == 0)
            plan_clean_up(&t, 500); /* with what the Issuer says */
        else
            scripted_plan(&t.s.world, "GET " API "/zones", 500, "{}");
        if (i == 0)
            plan_status(&t, 10, record);
        else
            plan_let_go(&t, 11, DELETED, record);
        reconcile(&t);
        put_challenge(&t, 12, FINALIZERS DELETED, record);
        clock_manual_advance(&t.s.hands, 11 * NS_PER_MIN);
    }
    assert_int_equal(t.s.told, 2);
}

/* A conflict within Kubernetes passes by itself and is told to nobody; one at a provider may last. */
static void a_conflict_at_the_provider_is_told_and_does_not_hold_it(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    auto_free char *record = record_text(t.value);
    put_challenge(&t, 9, FINALIZERS DELETED, record);
    for (int i = 0; i < 2; i++) {
        for (int with = 0; with < 2; with++) { /* with what is held, with what the Issuer says */
            if (with == 1)
                plan_secret(&t);
            if (i == 1 && with == 0) /* the zone is not remembered any more */
                scripted_plan(
                    &t.s.world, "GET " API "/zones", 200,
                    "{\"success\":true,\"result\":[{\"id\":\"z1\",\"name\":\"a.test\"}]}");
            plan_clean_up(&t, 409);
        }
        if (i == 0)
            plan_status(&t, 10, record);
        else
            plan_let_go(&t, 11, DELETED, record);
        reconcile(&t);
        put_challenge(&t, 12, FINALIZERS DELETED, record);
        clock_manual_advance(&t.s.hands, 11 * NS_PER_MIN);
    }
    assert_int_equal(t.s.told, 2);
}

/* Whoever may write a status cannot have another record removed. */
static void only_what_looks_like_ours_is_removed(void **state)
{
    (void)state;
    STAGE(t);
    auto_free char *record = record_text("v=spf1 -all");
    put_challenge(&t, 9, FINALIZERS DELETED, record);
    t.s.world.done = t.s.world.planned;
    plan_let_go(&t, 10, DELETED, record);
    reconcile(&t);
}

/* The apex beside the wildcard: a resolver that was told of one value would not hear of the other. */
static void values_at_one_name_are_shown_together(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    scripted_zones_add(&t.net, RECORD, DNS_TXT, t.value);
    auto_free char *record = record_text(ANY_VALUE);
    auto_free char *text = challenge_text(7, FINALIZERS, record);
    json_auto_t *apex = parsed(text);
    json_put_str(JGET(apex, "metadata"), "name", "d");
    json_put_str(JGET(apex, "metadata"), "uid", "d");
    const void *other = NULL;
    expect_ok(object_decode(&kind_challenge, apex, &other));
    const struct challenge_pass p = {.env = t.s.env, .challenge = other};
    cache_put(t.s.env->challenges.cache, other);
    reconcile(&t); /* seen, and the CA is not asked */
    assert_int_equal(t.next, SCENE_NOW + 200 * NS_PER_MS);
    clock_manual_advance(&t.s.hands, 10 * NS_PER_SEC);
    reconcile(&t); /* the other one lags: it says so itself */
    assert_int_equal(t.next, SCENE_NOW + 15 * NS_PER_SEC);
    t.s.hands.wall_ns -= NS_PER_HOUR;
    reconcile(&t); /* nor more often when the clock is set back */
    assert_int_equal(t.next, SCENE_NOW - NS_PER_HOUR + 15 * NS_PER_SEC);
    t.s.hands.wall_ns += NS_PER_HOUR;
    challenge_note(&p, NOTE_SEEN, SCENE_NOW);
    acme_scene_post(&t.s, "/chall/1", 200, "", "{\"status\":\"processing\"}");
    reconcile(&t);
}

/* Somebody else writes at that name: it comes back soon, and then ever more seldom. */
static void a_name_that_is_written_is_waited_for(void **state)
{
    (void)state;
    STAGE(t);
    go_to_recorded(&t);
    assert_true(turns_take(t.s.env->turns, "record " RECORD, 1));
    for (int i = 0; i < 8; i++) {
        plan_secret(&t);
        reconcile(&t);
        int64_t least = i < 5 ? (50 * NS_PER_MS) << i : NS_PER_SEC;
        assert_true(t.next >= SCENE_NOW + least && t.next <= SCENE_NOW + 3 * NS_PER_SEC);
    }
    turns_give(t.s.env->turns, "record " RECORD);
    plan_present(&t, 200);
    reconcile(&t);
}

/* Its Order is over: the record goes before the Challenge is deleted. */
static void an_order_that_is_over_ends_it(void **state)
{
    (void)state;
    STAGE(t);
    go_to_presented(&t);
    auto_free char *record = record_text(t.value);
    put_order(&t, 3, ",\"state\":\"invalid\"");
    plan_clean_up(&t, 200);
    plan_let_go(&t, 10, "", record);
    reconcile(&t);
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
        cmocka_unit_test(it_is_recorded_presented_seen_proven_and_removed),
        cmocka_unit_test(what_is_proven_is_not_presented_again),
        cmocka_unit_test(what_is_removed_is_not_presented_again),
        cmocka_unit_test(what_replaces_a_seen_value_is_looked_for),
        cmocka_unit_test(a_restart_presents_again),
        cmocka_unit_test(one_that_is_gone_is_not_held),
        cmocka_unit_test(a_provider_that_refuses_is_told_and_asked_again),
        cmocka_unit_test(what_nobody_has_put_there_is_not_looked_for),
        cmocka_unit_test(what_another_order_may_have_put_there_is_looked_for),
        cmocka_unit_test(a_missing_secret_is_waited_for),
        cmocka_unit_test(a_namespace_can_go_while_it_is_pending),
        cmocka_unit_test(what_nobody_can_remove_is_told_and_let_go),
        cmocka_unit_test(a_provider_that_is_down_holds_it_for_ten_minutes),
        cmocka_unit_test(a_conflict_at_the_provider_is_told_and_does_not_hold_it),
        cmocka_unit_test(only_what_looks_like_ours_is_removed),
        cmocka_unit_test(values_at_one_name_are_shown_together),
        cmocka_unit_test(a_name_that_is_written_is_waited_for),
        cmocka_unit_test(an_order_that_is_over_ends_it),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
