/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is to issue: the issuer of the spec, or one that it fails over to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme/problem.h"
#include "acme_scene.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "pki/csr.h"
#include "reconcilers/certificate.h"
#include "reconcilers/outage.h"
#include "support/scripted_kube.h"

#define REQUESTS "https://api/apis/certroll.dev/v1/namespaces/shop/certificaterequests"
#define WEB "https://api/apis/certroll.dev/v1/namespaces/shop/certificates/web"
#define STATUS "PUT " WEB "/status"
#define STALE "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"code\":409}"
#define SPEC                                                                                       \
    "\"spec\":{\"secretName\":\"web-tls\",\"dnsNames\":[\"a.test\"],\"issuerRef\":{"               \
    "\"name\":\"acme\"},\"privateKey\":{\"algorithm\":\"ECDSA\"}}"

/* The state of the world before one pass. "acme" fails over to "one", then to "two"; these sign by themselves, so that
 * a request is all that is written. */
struct story {
    int64_t failures;    /* status.failedIssuanceAttempts */
    int64_t trials;      /* status.failedPreflights */
    int64_t not_ready;   /* ns that "acme" is not Ready; 0 = it is */
    int64_t silent;      /* ns that a CA does not answer; 0 = all do */
    int64_t asked;       /* ns since it was asked last; 0 = a second */
    const char *whose;   /* the issuer with that CA; NULL = "acme" */
    bool one_is_missing; /* there is no such issuer */
    const char *attempt; /* issuer of an attempt that runs; NULL = there is none */
    int64_t begun;       /* ns that it does; 0 = a day */
    bool placed;         /* the CA has its order */
    struct {
        const char *whose;
        int64_t ago;
    } forbidden[3]; /* by CAA, for the name; whose NULL = nobody */
};

static void put_issuer(struct scene *s, const char *name, const char *spec, int64_t not_ready)
{
    char since[RFC3339_MAX];
    rfc3339_format(SCENE_NOW - not_ready, since);
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"%s\",\"resourceVersion\":"
        "\"2\"},\"spec\":{%s},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\","
        "\"lastTransitionTime\":\"%s\"}]}}",
        name, name, spec, not_ready != 0 ? "False" : "True", since);
    scene_put(&s->env->issuers, text);
}

static char *request_text(void)
{
    AUTO_KEY key = NULL;
    AUTO(pki_names_release) struct pki_names names = {0};
    auto_free char *pem = NULL;
    strlist_add(&names.dns, "a.test");
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem));
    return base64_encode(pem, strlen(pem));
}

static void put_attempt(struct scene *s, const struct story *t)
{
    auto_free char *csr = request_text();
    char begun[RFC3339_MAX];
    rfc3339_format(SCENE_NOW - (t->begun != 0 ? t->begun : NS_PER_DAY), begun);
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"request\","
        "\"resourceVersion\":\"5\",\"creationTimestamp\":\"%s\","
        "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"Certificate\","
        "\"name\":\"web\",\"uid\":\"crt\",\"controller\":true}]},\"spec\":{\"request\":\"%s\","
        "\"issuerRef\":{\"name\":\"%s\"},\"usages\":[\"digital signature\",\"key "
        "encipherment\"]}}",
        begun, csr, t->attempt);
    scene_put(&s->env->requests, text);
}

#define ORDER(state, more)                                                                         \
    "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\",\"resourceVersion\":"      \
    "\"2\","                                                                                       \
    "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"CertificateRequest\","    \
    "\"name\":\"web-1\",\"uid\":\"request\",\"controller\":true}]},\"spec\":{\"request\":"         \
    "\"Q1NS\",\"issuerRef\":{\"name\":\"acme\"}},\"status\":{\"state\":\"" state "\"," more "}}"

static void note_caa(struct scene *s, const char *whose, const char *name, int64_t ago)
{
    AUTO_OBJECT(struct issuer) issuer = cache_peek(s->env->issuers.cache, "shop", whose);
    int64_t now = s->hands.wall_ns;
    s->hands.wall_ns = now - ago;
    outage_note_caa(s->env, issuer, "shop", name, true);
    s->hands.wall_ns = now;
}

static void open_story(struct scene *s, const struct story *t)
{
    scene_open(s);
    put_issuer(s, "acme",
               "\"acme\":{\"server\":\"https://ca.test/dir\",\"privateKeySecretRef\":{\"name\":"
               "\"key\"},\"failover\":[{\"name\":\"one\"},{\"name\":\"two\"},{\"name\":\"x\","
               "\"kind\":\"StepIssuer\",\"group\":\"step.sm\"}]}",
               t->not_ready);
    if (!t->one_is_missing)
        put_issuer(s, "one", "\"selfSigned\":{}", 0);
    put_issuer(s, "two", "\"selfSigned\":{}", 0);
    auto_free char *crt =
        x_printf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
                 "\"resourceVersion\":\"5\",\"generation\":1}," SPEC
                 ",\"status\":{\"failedIssuanceAttempts\":%lld,\"failedPreflights\":%lld,"
                 "\"conditions\":[{\"type\":"
                 "\"Issuing\",\"status\":\"False\",\"reason\":\"R\",\"message\":\"M\"}]}}",
                 (long long)t->failures, (long long)t->trials);
    scene_put(&s->env->certificates, crt);
    if (t->attempt != NULL)
        put_attempt(s, t);
    if (t->placed)
        scene_put(&s->env->orders, ORDER("pending", "\"url\":\"https://ca.test/order/1\""));
    for (size_t i = 0; i < ARRAY_LEN(t->forbidden) && t->forbidden[i].whose != NULL; i++)
        note_caa(s, t->forbidden[i].whose, "a.test", t->forbidden[i].ago);
    if (t->silent == 0)
        return;
    auto_free char *uid = x_strdup(str_or(t->whose, "acme"));
    const struct issuer mute = {.obj.meta.uid = uid};
    AUTO_ERR e = err_new(ERR_TRANSIENT, "Timeout", "nobody there");
    int64_t now = s->hands.wall_ns;
    s->hands.wall_ns = now - t->silent;
    outage_note(s->env, &mute, e);
    s->hands.wall_ns = now - (t->asked != 0 ? t->asked : NS_PER_SEC);
    outage_note(s->env, &mute, e);
    s->hands.wall_ns = now;
}

static struct err *reconcile(struct scene *s, int64_t *ret_next)
{
    const struct object_name name = {.ns = "shop", .name = "web"};
    return certificate_reconcile((void *)(uintptr_t)s->env, &name, ret_next);
}

/* A request goes to that issuer; a running attempt is deleted before. */
static void expect_request(struct scene *s, const struct story *t, const char *want)
{
    int64_t next = 0;
    if (t->attempt != NULL)
        scripted_plan(&s->world, "DELETE " REQUESTS "/web-1", 200, "{}");
    if (str_eq(want, "acme")) /* what takes its time has its key stored */
        scripted_plan(&s->world, "POST https://api/api/v1/namespaces/shop/secrets", 201,
                      "{\"metadata\":{\"name\":\"web-key-1\",\"namespace\":\"shop\",\"uid\":\"k\","
                      "\"resourceVersion\":\"2\"}}");
    scripted_plan(&s->world, "POST " REQUESTS, 409, STALE);
    expect_err(reconcile(s, &next), ERR_CONFLICT, NULL, NULL);
    json_auto_t *body = scripted_json(&s->world, s->world.done - 1);
    assert_string_equal(JSTR(body, "spec", "issuerRef", "name"), want);
    assert_int_equal(s->told, str_eq(want, "acme") ? 0 : 1); /* FailedOver */
}

static void expect_issuer(const struct story *t, const char *want)
{
    SCENE s = {0};
    open_story(&s, t);
    expect_request(&s, t, want);
}

/* The pass waits for "acme" and does not take it for a wish. */
static void expect_wait(const struct story *t)
{
    SCENE s = {0};
    open_story(&s, t);
    int64_t next = 0;
    scripted_plan(&s.world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
                  "\"resourceVersion\":\"6\"}," SPEC "}");
    expect_ok(reconcile(&s, &next));
    assert_int_equal(next, SCENE_NOW + NS_PER_MIN);
    assert_int_equal(s.told, 0);
    json_auto_t *sent = scripted_json(&s.world, 0);
    const json_t *all = JGET(sent, "status", "conditions");
    for (size_t i = 0; i < json_count(all); i++)
        if (str_eq(JSTR(json_item(all, i), "type"), "Issuing"))
            assert_string_equal(JSTR(json_item(all, i), "status"), "False");
}

static void failures_move_it_on(void **state)
{
    (void)state;
    static const struct {
        int64_t failures, trials;
        const char *want;
    } rows[] = {{3, 0, "one"},  {5, 0, "one"}, {6, 0, "two"}, {8, 0, "two"}, {12, 0, "one"},
                {15, 0, "two"}, {6, 3, "one"}, {9, 3, "two"}, {8, 5, "one"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_issuer(&(struct story){.failures = rows[i].failures, .trials = rows[i].trials},
                      rows[i].want);
}

/* A staging CA that finds fault is no reason to have another one sign; its failures only make the pauses longer. */
static void failures_of_a_preflight_move_nothing(void **state)
{
    (void)state;
    expect_wait(&(struct story){.failures = 9, .trials = 9, .not_ready = NS_PER_MIN});
    expect_wait(&(struct story){.failures = 5, .trials = 3, .not_ready = NS_PER_MIN});
    expect_wait(&(struct story){.failures = 1, .trials = 2, .not_ready = NS_PER_MIN});
}

static void an_outage_moves_it_on(void **state)
{
    (void)state;
    expect_issuer(&(struct story){.not_ready = 10 * NS_PER_MIN}, "one");
    expect_issuer(&(struct story){.not_ready = NS_PER_DAY, .one_is_missing = true}, "two");
    expect_issuer(&(struct story){.silent = 10 * NS_PER_MIN}, "one");
    /* An attempt that runs is given up; a wait that is short is waited. */
    expect_issuer(&(struct story){.silent = 11 * NS_PER_MIN, .attempt = "acme"}, "one");
    expect_wait(&(struct story){.not_ready = 9 * NS_PER_MIN});
}

/* An outage ends without a word: who begins asks again after ten minutes, and goes by what comes of that. */
static void a_silence_that_is_old_is_tried(void **state)
{
    (void)state;
    struct story begins = {.failures = 3, .whose = "one", .silent = 30 * NS_PER_MIN};
    begins.asked = 10 * NS_PER_MIN + NS_PER_SEC;
    expect_issuer(&begins, "one");
    begins.asked -= NS_PER_SEC;
    expect_issuer(&begins, "two");
    struct story runs = {.attempt = "one", .whose = "one", .silent = 30 * NS_PER_MIN};
    runs.asked = runs.begun = 5 * NS_PER_MIN;
    runs.begun -= NS_PER_SEC;
    expect_issuer(&runs, "one");
    runs = (struct story){.attempt = "acme", .silent = 50 * NS_PER_MIN, .asked = 40 * NS_PER_MIN};
    expect_issuer(&runs, "one");
}

/* Nobody has issued yet: an attempt that CAA holds has no order. Where it is permitted it stays, however long ago the first
 * issuer was looked at; whoever begins looks at that one again. */
static void caa_moves_it_on(void **state)
{
    (void)state;
#define NOW NS_PER_SEC
#define HALF (30 * NS_PER_MIN)
    static const struct {
        struct story story;
        const char *want;
    } rows[] = {
        {{.forbidden = {{"acme", NOW}}}, "one"},
        {{.forbidden = {{"acme", NOW}, {"one", NOW}}}, "two"},
        {{.forbidden = {{"acme", 10 * NS_PER_MIN}}}, "one"},
        {{.forbidden = {{"acme", 10 * NS_PER_MIN + NOW}}}, "acme"},
        {{.forbidden = {{"acme", NOW}, {"one", NOW}, {"two", NOW}}}, "acme"},
        {{.forbidden = {{"one", NOW}}, .failures = 3}, "two"},
        {{.attempt = "acme", .forbidden = {{"acme", NOW}}}, "one"},
        {{.attempt = "acme", .forbidden = {{"acme", HALF}}, .begun = HALF - NOW}, "acme"},
        {{.attempt = "acme", .forbidden = {{"acme", NOW}}, .placed = true}, "acme"},
        {{.attempt = "one", .forbidden = {{"acme", NOW}}}, "one"},
        {{.attempt = "one", .forbidden = {{"acme", 2 * NS_PER_HOUR}}}, "one"},
        {{.attempt = "one"}, "one"},
        {{.attempt = "one", .forbidden = {{"one", NOW}}}, "two"},
        {{.attempt = "one", .forbidden = {{"one", NOW}, {"two", HALF}}}, "acme"},
        {{.attempt = "one", .forbidden = {{"one", NOW}, {"two", HALF}, {"acme", HALF}}}, "one"},
        {{.attempt = "one", .forbidden = {{"one", NOW}, {"two", HALF}, {"acme", 3 * HALF}}},
         "acme"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_issuer(&rows[i].story, rows[i].want);
}

/* Of another name, namespace or account nothing follows. */
static void what_caa_forbade_is_for_one_name(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    AUTO(pki_names_release) struct pki_names names = {0};
    struct issuer acme = {.obj.meta = {.uid = "acme", .generation = 1}};
    const struct issuer other = {.obj.meta = {.uid = "other", .generation = 1}};
    strlist_add(&names.dns, "a.test");
    outage_note_caa(s.env, &acme, "shop", "*.a.test", true);
    assert_int_equal(outage_forbidden(s.env, &acme, "shop", &names), 0);
    names.common_name = x_strdup("*.a.test");
    assert_int_equal(outage_forbidden(s.env, &acme, "shop", &names), SCENE_NOW);
    assert_int_equal(outage_forbidden(s.env, &acme, "blog", &names), 0);
    assert_int_equal(outage_forbidden(s.env, &other, "shop", &names), 0);
    acme.obj.meta.generation = 2;
    assert_int_equal(outage_forbidden(s.env, &acme, "shop", &names), 0);
    acme.obj.meta.generation = 1;
    outage_note_caa(s.env, &acme, "shop", "*.a.test", false);
    assert_int_equal(outage_forbidden(s.env, &acme, "shop", &names), 0);
}

/* Whose failures are its own is not given up for the one that is back. */
static void a_running_attempt_stays(void **state)
{
    (void)state;
    SCENE s = {0};
    open_story(&s, &(struct story){.failures = 3, .attempt = "one"});
    int64_t next = 0;
    scripted_plan(&s.world, "DELETE " REQUESTS "/web-1", 200, "{}"); /* its key was in memory */
    scripted_plan(&s.world, "POST " REQUESTS, 409, STALE);
    expect_err(reconcile(&s, &next), ERR_CONFLICT, NULL, NULL);
    json_auto_t *body = scripted_json(&s.world, 1);
    assert_string_equal(JSTR(body, "spec", "issuerRef", "name"), "one");
}

/* Its Order has the certificate, and the request is about to: nothing is deleted. */
static void what_is_issued_is_not_given_up(void **state)
{
    (void)state;
    static const struct story rows[] = {{.attempt = "acme", .silent = 11 * NS_PER_MIN},
                                        {.attempt = "acme", .not_ready = 11 * NS_PER_MIN}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        open_story(&s, &rows[i]);
        scene_put(&s.env->orders, ORDER("valid", "\"certificate\":\"eA==\""));
        scene_put(&s.env->secrets,
                  "{\"metadata\":{\"name\":\"web-key-1\",\"namespace\":\"shop\",\"uid\":\"k\","
                  "\"resourceVersion\":\"2\"}}");
        int64_t next = 0;
        scripted_plan(&s.world, STATUS, 409, STALE);
        scripted_plan(&s.world, "GET " WEB, 503, "{}");
        expect_err(reconcile(&s, &next), ERR_CONFLICT, NULL, NULL);
        json_auto_t *sent = scripted_json(&s.world, 0);
        assert_non_null(strstr(JSTR(sent, "status", "nextAction"), "CertificateRequest web-1"));
    }
}

static void silence_is_forgotten(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    const struct issuer acme = {.obj.meta.uid = "acme"};
    AUTO_ERR timeout = err_new(ERR_TRANSIENT, "Timeout", "x");
    AUTO_ERR refusal = err_new(ERR_INVALID, "BadCSR", "x");
    AUTO_ERR local = err_new(ERR_INVALID, "InvalidRequest", "x");
    AUTO_ERR busy = err_new(ERR_TRANSIENT, "HTTP503", "x");
    refusal->http_status = 400;
    busy->http_status = 503;
    assert_int_equal(outage_since(s.env, &acme), 0);
    outage_note(s.env, &acme, busy);
    clock_manual_advance(&s.hands, NS_PER_MIN);
    outage_note(s.env, &acme, timeout);
    outage_note(s.env, &acme, local);
    assert_int_equal(outage_since(s.env, &acme), SCENE_NOW);
    clock_manual_advance(&s.hands, NS_PER_HOUR);
    assert_int_equal(outage_since(s.env, &acme), 0);
    outage_note(s.env, &acme, timeout); /* the first of another */
    assert_int_equal(outage_since(s.env, &acme), SCENE_NOW + NS_PER_HOUR + NS_PER_MIN);
    outage_note(s.env, &acme, refusal);
    assert_int_equal(outage_since(s.env, &acme), 0);
}

/* A page of a proxy, or a redirect to one: neither is the CA's word, and what was silent is so still. */
static void only_the_ca_breaks_a_silence(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *problem;
        bool nonce, answers;
    } rows[] = {
        {403, NULL, false, false},
        {404, NULL, false, false},
        {302, NULL, false, false},
        {400, NULL, false, false},
        {404, NULL, true, true},
        {403, ACME_PROBLEM("unauthorized"), false, true},
        {404, ACME_PROBLEM("malformed"), false, true},
        {400, ACME_PROBLEM("badNonce"), true, true},
        {429, NULL, false, true},
        {500, ACME_PROBLEM("serverInternal"), true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        const struct issuer acme = {.obj.meta.uid = "acme"};
        json_auto_t *body = rows[i].problem != NULL ? parsed(rows[i].problem) : NULL;
        AUTO_ERR e = acme_problem_error(&(struct acme_refusal){.action = "authz",
                                                               .url = ACME_CA "/authz/1",
                                                               .status = rows[i].status,
                                                               .body = body,
                                                               .from_ca = rows[i].nonce});
        AUTO_ERR timeout = err_new(ERR_TRANSIENT, "Timeout", "x");
        outage_note(s.env, &acme, timeout);
        clock_manual_advance(&s.hands, NS_PER_MIN);
        outage_note(s.env, &acme, e);
        assert_int_equal(outage_since(s.env, &acme), rows[i].answers ? 0 : SCENE_NOW);
        assert_int_equal(outage_last(s.env, &acme), rows[i].answers ? 0 : SCENE_NOW + NS_PER_MIN);
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
        cmocka_unit_test(failures_move_it_on),
        cmocka_unit_test(failures_of_a_preflight_move_nothing),
        cmocka_unit_test(an_outage_moves_it_on),
        cmocka_unit_test(a_silence_that_is_old_is_tried),
        cmocka_unit_test(caa_moves_it_on),
        cmocka_unit_test(what_caa_forbade_is_for_one_name),
        cmocka_unit_test(a_running_attempt_stays),
        cmocka_unit_test(what_is_issued_is_not_given_up),
        cmocka_unit_test(silence_is_forgotten),
        cmocka_unit_test(only_the_ca_breaks_a_silence),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
