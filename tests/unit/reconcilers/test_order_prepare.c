/* SPDX-License-Identifier: Apache-2.0 */
/* The prepare hook's edges: where it may run, what is written first, and that it never holds an Order for good. */
#include "reconcilers/order_prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/csr.h"
#include "reconciler_scene.h"
#include "support/scripted_kube.h"

#define ORDER "https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders/o"
#define JOBS "https://api/apis/batch/v1/namespaces/shop/jobs"
#define HOOK "https://fw.test/acme"

static char *csr; /* for the names cn.test and a.test, and 192.0.2.1 */

static char *order_text(int version, const char *meta, const char *status)
{
    return x_printf("{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"u\","
                    "\"resourceVersion\":\"%d\"%s},\"spec\":{\"request\":\"%s\",\"issuerRef\":{"
                    "\"name\":\"ca\"},\"dnsNames\":[\"a.test\"]},\"status\":{%s}}",
                    version, meta, csr, status);
}

/* Without a hook for "". */
static void put_issuer_of(struct scene *s, int version, const char *prepare)
{
    auto_free char *text =
        x_printf("{\"metadata\":{\"name\":\"ca\",\"namespace\":\"shop\",\"uid\":\"i\","
                 "\"resourceVersion\":\"%d\"},\"spec\":{\"acme\":{\"server\":\"https://ca\","
                 "\"privateKeySecretRef\":{\"name\":\"k\"}%s%s}}}",
                 version, *prepare != '\0' ? ",\"prepare\":" : "", prepare);
    scene_put(&s->env->issuers, text);
}

#define BY_CALL "{\"http\":{\"url\":\"" HOOK "\"}}"
#define BY_ANOTHER_CALL "{\"http\":{\"url\":\"https://fw2.test/acme\"}}"
#define BY_SECRET_CALL "{\"http\":{\"url\":\"" HOOK "?token=x\"}}"
#define BY_JOBS "{\"job\":{\"template\":{},\"undo\":{}}}"

static void put_issuer(struct scene *s)
{
    put_issuer_of(s, 2, BY_CALL);
}

struct pass {
    struct order_pass p;
    struct env env;
    const struct order *order;
};

static void pass_open(struct scene *s, struct pass *t, const char *namespaces, const char *meta,
                      const char *status)
{
    auto_free char *text = order_text(5, meta, status);
    t->order = scene_object(&kind_order, text);
    t->env = *s->env;
    t->env.config.prepare_namespaces = namespaces;
    t->p = (struct order_pass){.env = &t->env,
                               .order = t->order,
                               .now = clock_wall(&s->hands.clock),
                               .status = t->order->status};
    t->p.chain.issuer = cache_peek(s->env->issuers.cache, "shop", "ca");
}

static void pass_close(struct pass *t)
{
    for (size_t i = 0; i < ARRAY_LEN(t->p.owned); i++)
        free(t->p.owned[i]);
    object_unref(t->p.chain.issuer);
    object_unref(t->order);
}
#define PASS __attribute__((cleanup(pass_close))) struct pass

#define FINALIZER ",\"finalizers\":[\"x/y\",\"certroll.dev/prepare\"]"
#define DELETED ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""
#define BEGUN(how) "\"prepare\":{\"state\":\"Started\",\"since\":\"2026-01-01T00:00:00Z\"" how "}"
#define STARTED BEGUN(",\"kind\":\"HTTP\",\"http\":{\"url\":\"" HOOK "\"}")
#define STARTED_JOB BEGUN(",\"kind\":\"Job\"")
#define STARTED_JOBS BEGUN(",\"kind\":\"Job\",\"undo\":{}")
#define STARTED_SECRET BEGUN(",\"kind\":\"HTTP\",\"hook\":\"00\"")
#define STARTED_EARLIER BEGUN("") /* as an earlier version wrote it */
#define JOB(status)                                                                                \
    "{\"metadata\":{\"annotations\":{\"certroll.dev/prepare-order\":\"u\"}},\"status\":" status "}"
#define RUNNING JOB("{}")
#define READY JOB("{\"ready\":1}")
#define COMPLETE JOB("{\"conditions\":[{\"type\":\"Complete\",\"status\":\"True\"}]}")

static void it_runs_where_it_is_allowed(void **state)
{
    (void)state;
    static const char *const lists[] = {NULL, "", "sho", "shop2", "a,b", "shoppe,a"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_issuer(&s);
        PASS t = {0};
        pass_open(&s, &t, lists[i], "", "");
        expect_err(ensure_prepared(&t.p), ERR_INVALID, "PrepareNotAllowed", "nothing was ordered");
    }
}

/* Finalizer, then status, each in a pass of its own; then the call, once. */
static void it_is_written_before_it_is_done(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_issuer(&s);
    PASS first = {0}, second = {0}, third = {0}, fourth = {0};
    auto_free char *held = order_text(6, FINALIZER, "");
    scripted_plan(&s.world, "PATCH " ORDER, 200, held);
    pass_open(&s, &first, "a,shop", ",\"finalizers\":[\"x/y\"]", "");
    expect_ok(ensure_prepared(&first.p));
    assert_true(first.p.stop);
    json_auto_t *patch = scripted_json(&s.world, 0);
    assert_string_equal(JSTR(patch, "metadata", "finalizers", "0"), "x/y");
    assert_string_equal(JSTR(patch, "metadata", "finalizers", "1"), "certroll.dev/prepare");
    assert_string_equal(JSTR(patch, "metadata", "resourceVersion"), "5");
    pass_open(&s, &second, "shop", FINALIZER, "");
    expect_ok(ensure_prepared(&second.p));
    assert_true(second.p.stop); /* and the pass writes that */
    assert_string_equal(second.p.status.prepare.state, "Started");
    assert_string_equal(second.p.status.prepare.kind, "HTTP");
    assert_string_equal(second.p.status.prepare.http->url, HOOK);
    assert_int_equal(strlen(second.p.status.prepare.hook), 64);
    scripted_plan(&s.world, "POST " HOOK, 200, "{}");
    pass_open(&s, &third, "shop", FINALIZER, STARTED);
    expect_ok(ensure_prepared(&third.p));
    assert_false(third.p.stop);
    pass_open(&s, &fourth, "shop", FINALIZER, STARTED);
    expect_ok(ensure_prepared(&fourth.p));
    assert_false(fourth.p.stop);
}

/* As the CA is told them; the same to undo it, when the request may be gone. */
static void it_is_told_all_names_that_are_ordered(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_issuer(&s);
    PASS before = {0}, after = {0};
    scripted_plan(&s.world, "POST " HOOK, 200, "{}");
    pass_open(&s, &before, "shop", FINALIZER, STARTED);
    expect_ok(ensure_prepared(&before.p));
    auto_free char *undone = order_text(9, FINALIZER, "\"state\":\"valid\"");
    scripted_plan(&s.world, "POST " HOOK, 200, "{}");
    scripted_plan(&s.world, "PUT " ORDER "/status", 200, undone);
    pass_open(&s, &after, "shop", FINALIZER, "\"state\":\"valid\"," STARTED);
    expect_ok(order_prepare_undo(&after.p));
    for (size_t i = 0; i < 2; i++) {
        json_auto_t *sent = scripted_json(&s.world, i);
        assert_int_equal(json_count(JGET(sent, "names")), 3);
        assert_string_equal(JSTR(sent, "names", "0"), "cn.test");
        assert_string_equal(JSTR(sent, "names", "1"), "a.test");
        assert_string_equal(JSTR(sent, "names", "2"), "192.0.2.1");
    }
}

static void a_hook_that_keeps_failing_ends_the_order(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_issuer(&s);
    PASS early = {0}, late = {0};
    scripted_plan(&s.world, "POST " HOOK, 500, "{}");
    pass_open(&s, &early, "shop", FINALIZER, STARTED);
    expect_err(ensure_prepared(&early.p), ERR_TRANSIENT, "HookFailed", "500");
    clock_manual_advance(&s.hands, 3 * NS_PER_MIN);
    scripted_plan(&s.world, "POST " HOOK, 500, "{}");
    pass_open(&s, &late, "shop", FINALIZER, STARTED);
    expect_err(ensure_prepared(&late.p), ERR_INVALID, "PrepareFailed", "nothing was ordered");
}

/* The order waits for a rate limit, say, and certroll is started anew: what was done is done again. */
static void one_failure_after_a_restart_is_one_failure(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_issuer(&s);
    PASS first = {0}, again = {0};
    clock_manual_advance(&s.hands, 3 * NS_PER_HOUR);
    scripted_plan(&s.world, "POST " HOOK, 503, "{}");
    pass_open(&s, &first, "shop", FINALIZER, STARTED);
    expect_err(ensure_prepared(&first.p), ERR_TRANSIENT, "HookFailed", "503");
    clock_manual_advance(&s.hands, NS_PER_MIN);
    scripted_plan(&s.world, "POST " HOOK, 200, "{}");
    pass_open(&s, &again, "shop", FINALIZER, STARTED);
    expect_ok(ensure_prepared(&again.p));
    assert_false(again.p.stop);
}

static void a_deleted_order_is_held_until_it_is_undone(void **state)
{
    (void)state;
    static const struct {
        int64_t after;
        int status;
        bool goes;
        unsigned told;
    } rows[] = {
        {0, 200, true, 0}, {0, 500, false, 0}, {11 * NS_PER_MIN, 500, true, 1}, /* not for ever */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_issuer(&s);
        clock_manual_advance(&s.hands, rows[i].after);
        scripted_plan(&s.world, "POST " HOOK, rows[i].status, "{}");
        auto_free char *gone = order_text(9, DELETED, STARTED);
        if (rows[i].goes)
            scripted_plan(&s.world, "PATCH " ORDER, 200, gone);
        PASS t = {0};
        pass_open(&s, &t, "shop", FINALIZER DELETED, STARTED);
        AUTO_ERR e = order_prepare_undo(&t.p);
        assert_int_equal(e == NULL, rows[i].goes);
        assert_int_equal(s.told, rows[i].told);
    }
}

/* It would keep the namespace from going, and no Job can be made there any more. */
static void a_namespace_that_is_ending_is_not_held(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    scripted_plan(&s.world, "GET " JOBS "/o-prepare", 404, "{}");
    scripted_plan(&s.world, "GET " JOBS "/o-undo", 404, "{}");
    scripted_plan(&s.world, "POST " JOBS, 403,
                  "{\"reason\":\"Forbidden\",\"details\":{\"causes\":[{\"reason\":"
                  "\"NamespaceTerminating\"}]}}");
    auto_free char *gone = order_text(9, DELETED, STARTED);
    scripted_plan(&s.world, "PATCH " ORDER, 200, gone);
    PASS t = {0};
    pass_open(&s, &t, "shop", FINALIZER DELETED, STARTED_JOBS);
    expect_ok(order_prepare_undo(&t.p));
    assert_int_equal(s.told, 1);
}

/* A firewall is not left open because an API server has just started; of a namespace that is ending the rights may go
 * first. */
static void rights_may_come_back(void **state)
{
    (void)state;
    static const struct {
        int64_t after;
        int namespace;
        const char *is;
        bool goes;
    } rows[] = {{0, 200, "", false},
                {0, 200, DELETED, true},
                {0, 404, "", true},
                {0, 403, DELETED, false},
                {11 * NS_PER_MIN, 200, "", true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        clock_manual_advance(&s.hands, rows[i].after);
        scripted_plan(&s.world, "GET " JOBS "/o-prepare", 403, "{}");
        auto_free char *ns = x_printf("{\"metadata\":{\"name\":\"shop\"%s}}", rows[i].is);
        scripted_plan(&s.world, "GET https://api/api/v1/namespaces/shop", rows[i].namespace, ns);
        auto_free char *gone = order_text(9, DELETED, STARTED);
        if (rows[i].goes)
            scripted_plan(&s.world, "PATCH " ORDER, 200, gone);
        PASS t = {0};
        pass_open(&s, &t, "shop", FINALIZER DELETED, STARTED_JOBS);
        AUTO_ERR e = order_prepare_undo(&t.p);
        assert_int_equal(e == NULL, rows[i].goes);
        assert_int_equal(s.told, rows[i].goes);
    }
}

/* From the first try to undo it, and not from the beginning: names may take hours to be proven, and a firewall that is
 * away for a moment just then would stay open. */
static void what_took_long_is_undone_as_patiently(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_issuer(&s);
    PASS first = {0}, again = {0}, last = {0};
    clock_manual_advance(&s.hands, 3 * NS_PER_HOUR);
    scripted_plan(&s.world, "POST " HOOK, 503, "{}");
    pass_open(&s, &first, "shop", FINALIZER, "\"state\":\"valid\"," STARTED);
    expect_err(order_prepare_undo(&first.p), ERR_TRANSIENT, "HookFailed", "503");
    clock_manual_advance(&s.hands, 9 * NS_PER_MIN);
    scripted_plan(&s.world, "POST " HOOK, 503, "{}");
    pass_open(&s, &again, "shop", FINALIZER, "\"state\":\"valid\"," STARTED);
    expect_err(order_prepare_undo(&again.p), ERR_TRANSIENT, "HookFailed", "503");
    assert_int_equal(s.told, 0);
    clock_manual_advance(&s.hands, 2 * NS_PER_MIN);
    auto_free char *undone = order_text(9, FINALIZER, "\"state\":\"valid\"");
    scripted_plan(&s.world, "POST " HOOK, 503, "{}");
    scripted_plan(&s.world, "PUT " ORDER "/status", 200, undone);
    pass_open(&s, &last, "shop", FINALIZER, "\"state\":\"valid\"," STARTED);
    expect_ok(order_prepare_undo(&last.p));
    assert_int_equal(s.told, 1);
}

static void plan(struct scene *s, const char *request, const char *answer)
{
    if (request != NULL)
        scripted_plan(&s->world, request, 200, answer);
}

/* And not what the issuer wants by then, if it is there at all; also where the chart allows no hooks any more. */
static void what_was_begun_is_undone(void **state)
{
    (void)state;
    static const char call[] = "POST " HOOK, job[] = "GET " JOBS "/o-prepare",
                      removal[] = "DELETE " JOBS "/o-prepare", undoing[] = "GET " JOBS "/o-undo";
    static const struct {
        const char *issuer; /* NULL: gone */
        const char *meta, *begun;
        const char *first, *second, *third; /* what is asked */
        const char *state;
    } rows[] = {
        {NULL, FINALIZER, STARTED, call, NULL, NULL, "Undone"},
        {"", FINALIZER, STARTED, call, NULL, NULL, "Undone"},
        {BY_ANOTHER_CALL, FINALIZER, STARTED, call, NULL, NULL, "Undone"},
        {BY_JOBS, FINALIZER, STARTED, call, NULL, NULL, "Undone"},
        {NULL, "", STARTED_JOB, job, removal, NULL, "Undone"},
        {BY_CALL, "", STARTED_JOB, job, removal, NULL, "Undone"},
        {NULL, FINALIZER, STARTED_JOBS, job, removal, undoing, "Undone"},
        {BY_CALL, FINALIZER, STARTED_JOBS, job, removal, undoing, "Undone"},
        {NULL, FINALIZER, STARTED_SECRET, NULL, NULL, NULL, "NotUndone"},
        {BY_SECRET_CALL, FINALIZER, STARTED_SECRET, NULL, NULL, NULL, "NotUndone"},
        {BY_CALL, FINALIZER, STARTED_EARLIER, call, NULL, NULL, "Undone"},
        {NULL, "", STARTED_EARLIER, job, removal, NULL, "Undone"}, /* the Job was all */
        {NULL, FINALIZER, STARTED_EARLIER, job, removal, NULL, "NotUndone"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        if (rows[i].issuer != NULL)
            put_issuer_of(&s, 2, rows[i].issuer);
        plan(&s, rows[i].first, READY);
        plan(&s, rows[i].second, "{}");
        plan(&s, rows[i].third, COMPLETE);
        auto_free char *undone = order_text(9, rows[i].meta, "\"state\":\"valid\"");
        scripted_plan(&s.world, "PUT " ORDER "/status", 200, undone);
        PASS t = {0};
        pass_open(&s, &t, NULL, rows[i].meta, rows[i].begun);
        expect_ok(order_prepare_undo(&t.p));
        json_auto_t *told = scripted_json(&s.world, s.world.done - 1);
        assert_string_equal(JSTR(told, "status", "prepare", "state"), rows[i].state);
        assert_int_equal(s.told, str_eq(rows[i].state, "NotUndone"));
    }
}

/* Orders are read by more people than issuers are: the process knows it, and the issuer while it is the same. */
static void a_url_that_may_hold_a_secret_is_not_recorded(void **state)
{
    (void)state;
    static const bool edited[] = {true, false};
    for (size_t i = 0; i < ARRAY_LEN(edited); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_issuer_of(&s, 2, BY_SECRET_CALL);
        PASS first = {0}, second = {0}, last = {0};
        pass_open(&s, &first, "shop", FINALIZER, "");
        expect_ok(ensure_prepared(&first.p));
        assert_null(first.p.status.prepare.http);
        auto_free char *started =
            x_printf(BEGUN(",\"kind\":\"HTTP\",\"hook\":\"%s\""), first.p.status.prepare.hook);
        if (edited[i]) {
            scripted_plan(&s.world, "POST " HOOK "?token=x", 200, "{}");
            pass_open(&s, &second, "shop", FINALIZER, started);
            expect_ok(ensure_prepared(&second.p));
            put_issuer_of(&s, 3, BY_ANOTHER_CALL);
        }
        auto_free char *undone = order_text(9, FINALIZER, "\"state\":\"valid\"");
        scripted_plan(&s.world, "POST " HOOK "?token=x", 200, "{}");
        scripted_plan(&s.world, "PUT " ORDER "/status", 200, undone);
        pass_open(&s, &last, "shop", FINALIZER, started);
        expect_ok(order_prepare_undo(&last.p));
        assert_int_equal(s.told, 0);
    }
}

/* It would be found out when it is too late. */
static void what_could_not_be_undone_is_not_begun(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    auto_free char *long_text = x_calloc(70000, 1);
    memset(long_text, 'x', 69999);
    auto_free char *prepare = x_printf(
        "{\"job\":{\"template\":{},\"undo\":{\"metadata\":{\"name\":\"%s\"}}}}", long_text);
    put_issuer_of(&s, 2, prepare);
    PASS t = {0};
    pass_open(&s, &t, "shop", FINALIZER, "");
    expect_err(ensure_prepared(&t.p), ERR_INVALID, "InvalidHook", "nothing was ordered");
}

/* Certroll was started anew, and somebody has written another URL. */
static void another_hook_is_begun_when_the_first_is_undone(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_issuer_of(&s, 2, BY_ANOTHER_CALL);
    PASS t = {0};
    scripted_plan(&s.world, "POST " HOOK, 200, "{}");
    pass_open(&s, &t, "shop", FINALIZER,
              BEGUN(",\"kind\":\"HTTP\",\"hook\":\"00\",\"http\":{\"url\":\"" HOOK "\"}"));
    expect_ok(ensure_prepared(&t.p));
    json_auto_t *sent = scripted_json(&s.world, 0);
    assert_string_equal(JSTR(sent, "action"), "undo");
    assert_string_equal(t.p.status.prepare.state, "Undone");
    assert_true(t.p.stop);
    assert_int_equal(t.p.next, t.p.now);
}

/* It would close what the next one opens, and stand for the one that closes that. */
static void a_job_waits_for_one_that_undoes(void **state)
{
    (void)state;
    static const char *const rows[] = {RUNNING, COMPLETE};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_issuer_of(&s, 2, BY_JOBS);
        scripted_plan(&s.world, "GET " JOBS "/o-prepare", 404, "{}");
        scripted_plan(&s.world, "GET " JOBS "/o-undo", 200, rows[i]);
        if (i == 1) {
            scripted_plan(&s.world, "DELETE " JOBS "/o-undo", 200, "{}");
            scripted_plan(&s.world, "POST " JOBS, 201, "{}");
        }
        PASS t = {0};
        pass_open(&s, &t, "shop", FINALIZER, STARTED_JOBS);
        expect_ok(ensure_prepared(&t.p));
        assert_true(t.p.stop);
    }
}

/* A name that nobody grants yet, a rate limit, an issuer that is gone: the firewall is not open for as long as that takes. */
static void an_order_that_waits_long_keeps_nothing_open(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        int64_t next, since; /* from now; since it could have been placed last */
        bool fails, undone;
    } rows[] = {
        {STARTED, 5 * NS_PER_SEC, 5 * NS_PER_SEC, false, false},
        {STARTED, NS_PER_HOUR, 0, false, true},
        {STARTED, NS_PER_HOUR, 0, true, true}, /* a CA that says when to come again */
        {STARTED, 5 * NS_PER_SEC, 2 * NS_PER_MIN, false, true},
        {STARTED, 0, 0, true, false},
        {STARTED, 0, 2 * NS_PER_MIN, true, true},
        {"\"state\":\"pending\",\"url\":\"https://ca/order/1\"," STARTED, NS_PER_HOUR, 0, false,
         false},
        {"\"state\":\"errored\"," STARTED, NS_PER_HOUR, 0, false, false}, /* it is settled */
        {"", NS_PER_HOUR, 0, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        PASS t = {0};
        pass_open(&s, &t, "shop", FINALIZER, rows[i].status);
        auto_free char *text = order_text(5, FINALIZER, rows[i].status);
        auto_free char *undone = order_text(6, FINALIZER, "");
        scene_put(&s.env->orders, text);
        memo_set(s.env->polls, "u/prepare-reached", t.p.now - rows[i].since);
        t.p.next = rows[i].next != 0 ? t.p.now + rows[i].next : 0;
        if (rows[i].undone) {
            scripted_plan(&s.world, "POST " HOOK, 200, "{}");
            scripted_plan(&s.world, "PUT " ORDER "/status", 200, undone);
        }
        struct err *failed = rows[i].fails ? err_new(ERR_TRANSIENT, "X", "away") : NULL;
        AUTO_ERR e = order_prepare_pause(&t.p, failed);
        assert_ptr_equal(e, failed);
    }
}

/* The Job that undoes is looked at, whatever the order waits for. */
static void a_job_that_undoes_is_not_waited_for_as_long(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    PASS t = {0};
    auto_free char *text = order_text(5, FINALIZER, STARTED_JOBS);
    scene_put(&s.env->orders, text);
    pass_open(&s, &t, "shop", FINALIZER, STARTED_JOBS);
    t.p.next = t.p.now + NS_PER_HOUR;
    scripted_plan(&s.world, "GET " JOBS "/o-prepare", 404, "{}");
    scripted_plan(&s.world, "GET " JOBS "/o-undo", 200, RUNNING);
    expect_ok(order_prepare_pause(&t.p, err_new(ERR_RATE_LIMITED, "RateLimited", "later")));
    assert_int_equal(t.p.next, t.p.now + 2 * NS_PER_SEC);
}

static void an_order_without_a_hook_costs_nothing(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    PASS t = {0};
    pass_open(&s, &t, NULL, DELETED, "\"state\":\"valid\"");
    expect_ok(order_prepare_undo(&t.p));
}

static int prepare(void **state)
{
    (void)state;
    scene_prepare();
    AUTO(pki_names_release) struct pki_names names = {.common_name = x_strdup("cn.test")};
    AUTO_KEY key = NULL;
    auto_free char *pem = NULL;
    strlist_add(&names.dns, "a.test");
    strlist_add(&names.ips, "192.0.2.1");
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem));
    csr = base64_encode(pem, strlen(pem));
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(csr);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_where_it_is_allowed),
        cmocka_unit_test(it_is_written_before_it_is_done),
        cmocka_unit_test(it_is_told_all_names_that_are_ordered),
        cmocka_unit_test(a_hook_that_keeps_failing_ends_the_order),
        cmocka_unit_test(one_failure_after_a_restart_is_one_failure),
        cmocka_unit_test(a_deleted_order_is_held_until_it_is_undone),
        cmocka_unit_test(a_namespace_that_is_ending_is_not_held),
        cmocka_unit_test(rights_may_come_back),
        cmocka_unit_test(what_took_long_is_undone_as_patiently),
        cmocka_unit_test(what_was_begun_is_undone),
        cmocka_unit_test(a_url_that_may_hold_a_secret_is_not_recorded),
        cmocka_unit_test(what_could_not_be_undone_is_not_begun),
        cmocka_unit_test(another_hook_is_begun_when_the_first_is_undone),
        cmocka_unit_test(a_job_waits_for_one_that_undoes),
        cmocka_unit_test(an_order_that_waits_long_keeps_nothing_open),
        cmocka_unit_test(a_job_that_undoes_is_not_waited_for_as_long),
        cmocka_unit_test(an_order_without_a_hook_costs_nothing),
    };
    return cmocka_run_group_tests(tests, prepare, end);
}
