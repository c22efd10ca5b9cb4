/* SPDX-License-Identifier: Apache-2.0 */
/* A failed attempt: counted once, waited for 1 h x 2^n up to 32 h, and what overrides the wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "pki/csr.h"
#include "reconciler_scene.h"
#include "reconcilers/certificate.h"
#include "support/scripted_kube.h"

#define REQUESTS "https://api/apis/certroll.dev/v1/namespaces/shop/certificaterequests"
#define STATUS "PUT https://api/apis/certroll.dev/v1/namespaces/shop/certificates/web/status"
#define STALE "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"code\":409}"
#define RENEW(value) "\"certroll.dev/renew\":\"" value "\""

/* The state of the world before one pass. */
struct story {
    int64_t failures;        /* status.failedIssuanceAttempts */
    int64_t failed_at;       /* status.lastFailureTime, wall ns; 0 = none */
    int64_t made_at;         /* creation of the attempt */
    const char *ready;       /* reason of the attempt's Ready=False */
    const char *wish;        /* annotations of the Certificate */
    const char *wish_before; /* annotations of the attempt */
    const char *issuing;     /* status of the condition Issuing; NULL = none */
};

static char *request_text(void)
{
    AUTO_KEY key = NULL;
    struct pki_names names = {0};
    auto_free char *pem = NULL;
    strlist_add(&names.dns, "a.test");
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &pem));
    pki_names_release(&names);
    return base64_encode(pem, strlen(pem));
}

#define SPEC                                                                                       \
    "\"spec\":{\"secretName\":\"web-tls\",\"dnsNames\":[\"a.test\"],\"issuerRef\":{"               \
    "\"name\":\"self\"},\"privateKey\":{\"algorithm\":\"ECDSA\"}}"

static void put_certificate(struct scene *s, const struct story *t)
{
    char when[RFC3339_MAX];
    rfc3339_format(t->failed_at, when);
    auto_free char *last =
        t->failed_at == 0
            ? x_strdup("")
            : x_printf("\"lastFailureTime\":\"%s\",\"failedRequestUID\":\"request\",", when);
    auto_free char *text =
        x_printf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
                 "\"resourceVersion\":\"5\",\"generation\":1,\"annotations\":{%s}}," SPEC
                 ",\"status\":{%s\"failedIssuanceAttempts\":%lld,\"conditions\":[{\"type\":\"%s\","
                 "\"status\":\"%s\",\"reason\":\"R\",\"message\":\"M\"}]}}",
                 str_or(t->wish, ""), last, (long long)t->failures,
                 t->issuing != NULL ? "Issuing" : "Other", str_or(t->issuing, "True"));
    scene_put(&s->env->certificates, text);
}

static void put_attempt(struct scene *s, const struct story *t)
{
    char made[RFC3339_MAX];
    rfc3339_format(t->made_at, made);
    auto_free char *csr = request_text();
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"request\","
        "\"resourceVersion\":\"5\",\"creationTimestamp\":\"%s\",\"annotations\":{%s},"
        "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"Certificate\","
        "\"name\":\"web\",\"uid\":\"crt\",\"controller\":true}]},\"spec\":{\"request\":\"%s\","
        "\"issuerRef\":{\"name\":\"self\"},\"usages\":[\"digital signature\",\"key "
        "encipherment\"]},"
        "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"%s\","
        "\"message\":\"the CA said no\"}]}}",
        made, str_or(t->wish_before, ""), csr, str_or(t->ready, "Failed"));
    scene_put(&s->env->requests, text);
}

static void open_story(struct scene *s, const struct story *t)
{
    scene_open(s);
    scene_put(
        &s->env->issuers,
        "{\"metadata\":{\"name\":\"self\",\"namespace\":\"shop\",\"uid\":\"i\","
        "\"resourceVersion\":\"2\"},\"spec\":{\"selfSigned\":{}},\"status\":{\"conditions\":[{"
        "\"type\":\"Ready\",\"status\":\"True\"}]}}");
    put_certificate(s, t);
    put_attempt(s, t);
}

static struct err *reconcile(struct scene *s, int64_t *ret_next)
{
    const struct object_name name = {.ns = "shop", .name = "web"};
    return certificate_reconcile((void *)(uintptr_t)s->env, &name, ret_next);
}

/* One pass that only writes status; returns what it wrote. Owned. */
static json_t *pass(struct scene *s, int64_t *ret_next)
{
    scripted_plan(&s->world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
                  "\"resourceVersion\":\"6\"}," SPEC "}");
    expect_ok(reconcile(s, ret_next));
    json_auto_t *sent = scripted_json(&s->world, s->world.done - 1);
    return json_copy_deep(JGET(sent, "status"));
}

static const json_t *condition_of(const json_t *status, const char *type)
{
    const json_t *all = JGET(status, "conditions");
    for (size_t i = 0; i < json_count(all); i++)
        if (str_eq(JSTR(json_item(all, i), "type"), type))
            return json_item(all, i);
    return NULL;
}

static void a_failure_is_counted_once(void **state)
{
    (void)state;
    SCENE s = {0};
    open_story(&s, &(struct story){.made_at = SCENE_NOW - NS_PER_MIN, .issuing = "True"});
    clock_manual_advance(&s.hands, 700 * NS_PER_MS);
    int64_t next = 0;
    json_auto_t *status = pass(&s, &next);
    assert_int_equal(next, SCENE_NOW + NS_PER_HOUR);
    assert_int_equal(JINT(status, 0, "failedIssuanceAttempts"), 1);
    assert_string_equal(JSTR(status, "lastFailureTime"), "2026-01-01T00:00:00Z");
    const json_t *issuing = condition_of(status, "Issuing");
    assert_string_equal(JSTR(issuing, "status"), "False");
    assert_string_equal(JSTR(issuing, "message"), "the CA said no");
    assert_string_equal(JSTR(condition_of(status, "Ready"), "reason"), "DoesNotExist");
    assert_string_equal(JSTR(status, "nextAction"),
                        "next attempt at 2026-01-01T01:00:00Z, after 1 failed");
    assert_int_equal(s.told, 1);
}

static void the_wait_doubles_up_to_32_hours(void **state)
{
    (void)state;
    static const int64_t hours[] = {1, 2, 4, 8, 16, 32, 32, 32};
    for (size_t i = 0; i < ARRAY_LEN(hours); i++) {
        SCENE s = {0};
        open_story(&s, &(struct story){.failures = (int64_t)i + 1,
                                       .failed_at = SCENE_NOW - NS_PER_MIN,
                                       .made_at = SCENE_NOW - 2 * NS_PER_MIN,
                                       .issuing = "False"});
        int64_t next = 0;
        json_auto_t *status = pass(&s, &next);
        assert_int_equal(next, SCENE_NOW - NS_PER_MIN + hours[i] * NS_PER_HOUR);
        assert_int_equal(JINT(status, 0, "failedIssuanceAttempts"), i + 1);
        assert_int_equal(s.told, 0);
    }
}

/* The API server's clock is ahead of ours: the attempt was made after it failed. Found by the simulator,
 * where each pass counted it again. */
static void a_clock_that_is_behind_does_not_count_again(void **state)
{
    (void)state;
    SCENE s = {0};
    open_story(&s, &(struct story){.failures = 1,
                                   .failed_at = SCENE_NOW - NS_PER_MIN,
                                   .made_at = SCENE_NOW + 10 * NS_PER_MIN,
                                   .issuing = "False"});
    int64_t next = 0;
    json_auto_t *status = pass(&s, &next);
    assert_int_equal(next, SCENE_NOW - NS_PER_MIN + NS_PER_HOUR);
    assert_int_equal(JINT(status, 0, "failedIssuanceAttempts"), 1);
    assert_int_equal(s.told, 0);
}

/* The attempt is given up and another is begun: DELETE, then POST. The pass ends there. */
static void expect_new_attempt(const struct story *t)
{
    SCENE s = {0};
    open_story(&s, t);
    scripted_plan(&s.world, "DELETE " REQUESTS "/web-1", 200, "{}");
    scripted_plan(&s.world, "POST " REQUESTS, 409, STALE);
    int64_t next = 0;
    expect_err(reconcile(&s, &next), ERR_CONFLICT, NULL, NULL); /* not shown: no write of status */
    json_auto_t *body = scripted_json(&s.world, 1);
    assert_string_equal(JSTR(body, "metadata", "name"), "web-1");
    if (t->wish == NULL)
        assert_null(JGET(body, "metadata", "annotations", "certroll.dev/renew"));
    else
        assert_string_equal(JSTR(body, "metadata", "annotations", "certroll.dev/renew"), "2");
}

static void after_the_wait_it_is_tried_again(void **state)
{
    (void)state;
    expect_new_attempt(&(struct story){.failures = 2,
                                       .failed_at = SCENE_NOW - 2 * NS_PER_HOUR,
                                       .made_at = SCENE_NOW - 3 * NS_PER_HOUR,
                                       .issuing = "False"});
}

static void whoever_asks_does_not_wait(void **state)
{
    (void)state;
    struct story t = {.failures = 5,
                      .failed_at = SCENE_NOW - NS_PER_MIN,
                      .made_at = SCENE_NOW - 2 * NS_PER_MIN,
                      .issuing = "True"};
    expect_new_attempt(&t);
    t.issuing = "False";
    t.wish = RENEW("2");
    expect_new_attempt(&t);
    t.wish_before = RENEW("1");
    expect_new_attempt(&t);
}

/* The wish that the failed attempt was made for is no new one: else it would be tried without end. */
static void the_same_wish_waits(void **state)
{
    (void)state;
    SCENE s = {0};
    open_story(&s, &(struct story){.failures = 1,
                                   .failed_at = SCENE_NOW - NS_PER_MIN,
                                   .made_at = SCENE_NOW - 2 * NS_PER_MIN,
                                   .wish = RENEW("2"),
                                   .wish_before = RENEW("2"),
                                   .issuing = "False"});
    int64_t next = 0;
    json_auto_t *status = pass(&s, &next);
    assert_int_equal(next, SCENE_NOW - NS_PER_MIN + NS_PER_HOUR);
    assert_int_equal(JINT(status, 0, "failedIssuanceAttempts"), 1);
}

/* What cannot be answered is a failure as well; what is pending is none. */
static void verdicts_are_failures(void **state)
{
    (void)state;
    SCENE denied = {0};
    open_story(&denied, &(struct story){.made_at = SCENE_NOW, .ready = "Denied"});
    int64_t next = 0;
    json_auto_t *status = pass(&denied, &next);
    assert_int_equal(JINT(status, 0, "failedIssuanceAttempts"), 1);
    assert_int_equal(next, SCENE_NOW + NS_PER_HOUR);
}

/* An error may be long, and the schema has a maximum: the status must not be refused for it. */
static void the_next_action_fits_the_schema(void **state)
{
    (void)state;
    struct certificate_pass p = {0};
    char text[4000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text + 1023, "\xc3\xa4", 2); /* not cut in half */
    pass_wait(&p, 0, "%s", text);
    assert_int_equal(strlen(p.waiting), 1023);
    pass_wait(&p, 0, "short");
    assert_string_equal(p.waiting, "short");
    free(p.waiting);
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
        cmocka_unit_test(a_failure_is_counted_once),
        cmocka_unit_test(the_wait_doubles_up_to_32_hours),
        cmocka_unit_test(a_clock_that_is_behind_does_not_count_again),
        cmocka_unit_test(after_the_wait_it_is_tried_again),
        cmocka_unit_test(whoever_asks_does_not_wait),
        cmocka_unit_test(the_same_wish_waits),
        cmocka_unit_test(verdicts_are_failures),
        cmocka_unit_test(the_next_action_fits_the_schema),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
