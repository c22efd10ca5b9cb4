/* SPDX-License-Identifier: Apache-2.0 */
/* Self-checks of an HTTP-01 challenge: how often, and what their reports cost; what is heard of the CA. */
#include "reconcilers/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "acme_scene.h"
#include "base/mem.h"
#include "reconcilers/outage.h"
#include "support/scripted_kube.h"

#define TOKEN "0123456789abcdef"
#define STATUS "PUT https://api/apis/acme.certroll.dev/v1/namespaces/shop/challenges/c/status"
#define URL "GET http://a.test/.well-known/acme-challenge/" TOKEN

static char *challenge_text(int version, const char *status)
{
    return x_printf(
        "{\"metadata\":{\"name\":\"c\",\"namespace\":\"shop\",\"uid\":\"c\",\"creationTimestamp\":"
        "\"2025-12-31T23:00:00Z\",\"resourceVersion\":\"%d\"," ACME_OWNED(
            "Order", "o",
            "o") "},\"spec\":{\"url\":\"" ACME_CA "/chall/1\",\"authorizationURL\":\"" ACME_CA
                 "/authz/1\",\"dnsName\":\"a.test\",\"type\":\"HTTP-01\",\"token\":"
                 "\"" TOKEN "\",\"key\":\"k\",\"solver\":{}," ACME_REF "},\"status\":%s}",
        version, status);
}

#define PENDING                                                                                    \
    "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},"              \
    "\"challenges\":[{\"type\":\"http-01\",\"url\":\"" ACME_CA "/chall/1\",\"token\":\"" TOKEN     \
    "\",\"status\":\"pending\"}]}"

/* Its authorization is read first. */
static void open_challenge(struct scene *s)
{
    scene_open(s);
    acme_scene_issuer(s, ",\"solvers\":[{\"http01\":{\"ingress\":{}}}]");
    acme_scene_pending_order(s);
    auto_free char *text = challenge_text(2, "{}");
    scene_put(&s->env->challenges, text);
    scripted_dns_address(&s->dns, "a.test", "192.0.2.1");
    acme_scene_directory(s, "");
}

/* Its self-checks have failed for an hour. */
static void open_failing(struct scene *s)
{
    open_challenge(s);
    acme_scene_post(s, "/authz/1", 200, "", PENDING);
}

static int64_t reconcile(struct scene *s)
{
    static const struct object_name name = {.ns = "shop", .name = "c"};
    int64_t next = 0;
    expect_ok(challenge_reconcile((void *)(uintptr_t)s->env, &name, &next));
    return next - clock_wall(&s->hands.clock);
}

/* A load balancer's servers may fail in different ways: each new sentence is a write, and that write's arrival is no
 * reason to look. */
static void what_is_written_starts_no_look(void **state)
{
    (void)state;
    SCENE s = {0};
    open_failing(&s);
    for (int version = 3; version < 9; version++) {
        auto_free char *text = NULL, *object = NULL;
        scripted_plan(&s.world, URL, version % 2 == 0 ? 404 : 503, "");
        auto_free char *any = challenge_text(version, "{}");
        scripted_plan(&s.world, STATUS, 200, any);
        int64_t wait = reconcile(&s);
        json_auto_t *sent = scripted_json(&s.world, s.world.done - 1);
        expect_ok(json_to_string(JGET(sent, "status"), 8192, &text));
        object = challenge_text(version, text);
        scene_put(&s.env->challenges, object);
        assert_true(wait >= 50 * NS_PER_MS);
        assert_int_equal(reconcile(&s), wait);
        clock_manual_advance(&s.hands, wait);
    }
}

static int64_t silent_since(struct scene *s)
{
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s->env->issuers.cache, "shop", "acme");
    return outage_since(s->env, issuer);
}

/* While names are proven the Order does not talk to the CA: what its Challenges hear is all that fail-over has. */
static void a_ca_that_goes_away_is_noted(void **state)
{
    (void)state;
    static const struct object_name name = {.ns = "shop", .name = "c"};
    static const struct {
        int authz, accept; /* 0 = the CA is not asked that */
    } rows[] = {{503, 0}, {404, 0}, {200, 503}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        int64_t next = 0;
        open_challenge(&s);
        memo_set(s.env->polls, "c/seen", SCENE_NOW);
        acme_scene_post(&s, "/authz/1", rows[i].authz, "", rows[i].authz == 200 ? PENDING : "");
        if (rows[i].accept != 0)
            acme_scene_post(&s, "/chall/1", rows[i].accept, "", "");
        expect_err(challenge_reconcile((void *)(uintptr_t)s.env, &name, &next), ERR_TRANSIENT, NULL,
                   NULL);
        assert_int_equal(silent_since(&s), SCENE_NOW);
    }
}

/* Whoever answers for the name is not the CA. */
static void a_self_check_says_nothing_of_the_ca(void **state)
{
    (void)state;
    SCENE s = {0};
    open_failing(&s);
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s.env->issuers.cache, "shop", "acme");
    AUTO_ERR timeout = err_new(ERR_TRANSIENT, "Timeout", "x");
    outage_note(s.env, issuer, timeout);
    scripted_plan(&s.world, URL, 503, "");
    auto_free char *any = challenge_text(3, "{}");
    scripted_plan(&s.world, STATUS, 200, any);
    reconcile(&s);
    assert_int_equal(silent_since(&s), 0); /* the authorization could be read */
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
        cmocka_unit_test(what_is_written_starts_no_look),
        cmocka_unit_test(a_ca_that_goes_away_is_noted),
        cmocka_unit_test(a_self_check_says_nothing_of_the_ca),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
