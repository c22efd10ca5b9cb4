/* SPDX-License-Identifier: Apache-2.0 */
/* The step Preflight: which request comes first, what it takes to pass, and what follows when it does not. */
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
#include "pki/cert.h"
#include "reconciler_scene.h"
#include "reconcilers/certificate.h"
#include "support/scripted_kube.h"

#define REQUESTS "https://api/apis/certroll.dev/v1/namespaces/shop/certificaterequests"
#define STATUS "PUT https://api/apis/certroll.dev/v1/namespaces/shop/certificates/web/status"
#define STALE "{\"kind\":\"Status\",\"reason\":\"Conflict\",\"code\":409}"
#define BY_STAGING "\"preflight\":{\"issuerRef\":{\"name\":\"staging\"}},"
#define READY "{\"type\":\"Ready\",\"status\":\"True\"}"

/* The state of the world before one pass. */
struct story {
    const char *spec;    /* members with a comma; NULL = BY_STAGING */
    const char *status;  /* of the Certificate: members with a comma */
    const char *trial;   /* "pending", "failed", "issued"; NULL: there is none */
    const char *names;   /* of the trial's certificate; NULL = a.test */
    bool other_key;      /* it is not that of the CSR */
    const char *asked;   /* name in the trial's CSR; NULL = a.test */
    int64_t passed_at;   /* wall ns; 0 = a second ago */
    bool has_request;    /* of the attempt itself */
    const char *staging; /* spec of Issuer staging; NULL: another CA's */
    const char *ready;   /* conditions of Issuer staging; NULL = READY */
};

/* ---- the world ---- */

static void make_pair(const char *asked, const char *issued, bool own_key, char **ret_csr,
                      char **ret_certificate)
{
    AUTO_KEY key = NULL;
    AUTO_KEY other = NULL;
    const struct pki_key_spec spec = {.algorithm = PKI_ECDSA, .size = 256};
    AUTO(pki_names_release) struct pki_names want = {0}, have = {0};
    auto_free char *pem = NULL, *signed_for = NULL, *crt = NULL;
    strlist_add(&want.dns, asked);
    strlist_add(&have.dns, issued);
    expect_ok(pki_key_generate(&spec, &key));
    expect_ok(pki_key_generate(&spec, &other));
    struct pki_key *signer = own_key ? key : other;
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &want}, key, &pem));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &have}, signer, &signed_for));
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    expect_ok(pki_csr_parse(signed_for, strlen(signed_for), &csr));
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    expect_ok(pki_usages_build(&(struct bind_strings){0}, false, &usages));
    expect_ok(
        pki_cert_self_sign(&(struct pki_self_sign_spec){.csr = &csr,
                                                        .key = signer,
                                                        .usages = &usages,
                                                        .not_before = SCENE_NOW - NS_PER_DAY,
                                                        .not_after = SCENE_NOW + 10 * NS_PER_DAY},
                           &crt));
    *ret_csr = base64_encode(pem, strlen(pem));
    *ret_certificate = base64_encode(crt, strlen(crt));
}

#define SPEC_HEAD "\"spec\":{\"secretName\":\"web-tls\","
#define SPEC_TAIL                                                                                  \
    "\"dnsNames\":[\"a.test\"],\"issuerRef\":{\"name\":\"self\"},\"privateKey\":{\"algorithm\":"   \
    "\"ECDSA\"}}"
#define OWNED                                                                                      \
    "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"Certificate\",\"name\":"  \
    "\"web\",\"uid\":\"crt\",\"controller\":true}]"

static void put_certificate(struct scene *s, const struct story *t)
{
    auto_free char *text =
        x_printf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
                 "\"resourceVersion\":\"5\",\"generation\":1}," SPEC_HEAD "%s" SPEC_TAIL
                 ",\"status\":{%s\"conditions\":[]}}",
                 str_or(t->spec, t->spec == NULL ? BY_STAGING : ""), str_or(t->status, ""));
    scene_put(&s->env->certificates, text);
}

static void put_request(struct scene *s, const char *name, const char *issuer, const char *csr,
                        const char *status)
{
    auto_free char *text =
        x_printf("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"%s-uid\","
                 "\"resourceVersion\":\"5\",\"creationTimestamp\":\"2025-12-31T22:00:00Z\"," OWNED
                 "},\"spec\":{\"request\":\"%s\",\"issuerRef\":{\"name\":\"%s\"},\"usages\":["
                 "\"digital signature\",\"key encipherment\"]},\"status\":{%s}}",
                 name, name, csr, issuer, status);
    scene_put(&s->env->requests, text);
}

static char *trial_status(const struct story *t, const char *certificate)
{
    char when[RFC3339_MAX];
    rfc3339_format(t->passed_at != 0 ? t->passed_at : SCENE_NOW - NS_PER_SEC, when);
    bool issued = str_eq(t->trial, "issued");
    return x_printf("\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\",\"reason\":\"%s\","
                    "\"message\":\"said the staging CA\",\"lastTransitionTime\":\"%s\"}]%s%s%s",
                    issued ? "True" : "False",
                    issued ? "Issued" : (str_eq(t->trial, "failed") ? "Failed" : "Pending"), when,
                    issued ? ",\"certificate\":\"" : "", issued ? certificate : "",
                    issued ? "\"" : "");
}

static void open_story(struct scene *s, const struct story *t)
{
    auto_free char *csr = NULL, *certificate = NULL;
    scene_open(s);
    make_pair(str_or(t->asked, "a.test"), str_or(t->names, "a.test"), !t->other_key, &csr,
              &certificate);
    scene_put(&s->env->issuers, "{\"metadata\":{\"name\":\"self\",\"namespace\":\"shop\","
                                "\"uid\":\"i\",\"resourceVersion\":\"2\"},\"spec\":{"
                                "\"selfSigned\":{}},\"status\":{\"conditions\":[" READY "]}}");
    auto_free char *staging = x_printf(
        "{\"metadata\":{\"name\":\"staging\",\"namespace\":\"shop\",\"uid\":\"i2\","
        "\"resourceVersion\":\"3\"},\"spec\":%s,\"status\":{\"conditions\":[%s]}}",
        str_or(t->staging, "{\"acme\":{\"server\":\"https://staging/dir\",\"privateKeySecretRef\":{"
                           "\"name\":\"k\"},\"solvers\":[]}}"),
        t->ready == NULL ? READY : t->ready);
    scene_put(&s->env->issuers, staging);
    put_certificate(s, t);
    auto_free char *status = trial_status(t, certificate);
    if (t->trial != NULL)
        put_request(s, "web-1-preflight", "staging", csr, status);
    if (t->has_request)
        put_request(s, "web-1", "self", csr, "");
}

static struct err *reconcile(struct scene *s, int64_t *ret_next)
{
    const struct object_name name = {.ns = "shop", .name = "web"};
    return certificate_reconcile((void *)(uintptr_t)s->env, &name, ret_next);
}

static void plan_status(struct scene *s)
{
    scripted_plan(&s->world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
                  "\"resourceVersion\":\"6\"}," SPEC_HEAD SPEC_TAIL "}");
}

/* What the last request wrote into status. Owned. */
static json_t *last_status(struct scene *s)
{
    json_auto_t *sent = scripted_json(&s->world, s->world.done - 1);
    return json_copy_deep(JGET(sent, "status"));
}

/* One pass that writes nothing but status. Owned. */
static json_t *pass(const struct story *t, int64_t *ret_next)
{
    SCENE s = {0};
    open_story(&s, t);
    plan_status(&s);
    expect_ok(reconcile(&s, ret_next));
    return last_status(&s);
}

static const json_t *issuing(const json_t *status)
{
    const json_t *all = JGET(status, "conditions");
    for (size_t i = 0; i < json_count(all); i++)
        if (str_eq(JSTR(json_item(all, i), "type"), "Issuing"))
            return json_item(all, i);
    return NULL;
}

/* ---- the tests ---- */

static void the_staging_ca_is_asked_first(void **state)
{
    (void)state;
    SCENE s = {0};
    open_story(&s, &(struct story){0});
    scripted_plan(&s.world, "POST " REQUESTS, 201,
                  "{\"metadata\":{\"name\":\"web-1-preflight\",\"namespace\":\"shop\",\"uid\":"
                  "\"r\",\"resourceVersion\":\"6\"},\"spec\":{\"request\":\"\",\"issuerRef\":{"
                  "\"name\":\"staging\"}}}");
    plan_status(&s);
    int64_t next = 0;
    expect_ok(reconcile(&s, &next));
    json_auto_t *body = scripted_json(&s.world, 0);
    assert_string_equal(JSTR(body, "metadata", "name"), "web-1-preflight");
    assert_string_equal(JSTR(body, "metadata", "annotations", API_PREFLIGHT), "attempt");
    assert_string_equal(JSTR(body, "spec", "issuerRef", "name"), "staging");
    assert_string_equal(JSTR(body, "metadata", "ownerReferences", "0", "uid"), "crt");
    /* Neither a revision nor a key that anyone could find. */
    assert_int_equal(json_count(JGET(body, "metadata", "annotations")), 2);
    json_auto_t *status = last_status(&s);
    assert_string_equal(JSTR(status, "nextAction"),
                        "preflight: CertificateRequest web-1-preflight to be answered");
    assert_string_equal(JSTR(issuing(status), "status"), "True");
    assert_null(JGET(status, "nextPrivateKeySecretName"));
}

static void it_is_waited_for(void **state)
{
    (void)state;
    int64_t next = 0;
    json_auto_t *status = pass(&(struct story){.trial = "pending"}, &next);
    assert_string_equal(JSTR(status, "nextAction"),
                        "preflight: CertificateRequest web-1-preflight: said the staging CA");
    assert_null(JGET(status, "lastFailureTime"));
}

static void what_has_passed_leads_to_the_request(void **state)
{
    (void)state;
    SCENE s = {0};
    open_story(&s, &(struct story){.trial = "issued"});
    scripted_plan(&s.world, "POST " REQUESTS, 409, STALE);
    int64_t next = 0;
    expect_err(reconcile(&s, &next), ERR_CONFLICT, NULL, NULL);
    json_auto_t *body = scripted_json(&s.world, 0);
    assert_string_equal(JSTR(body, "metadata", "name"), "web-1");
    assert_string_equal(JSTR(body, "spec", "issuerRef", "name"), "self");
    assert_null(JGET(body, "metadata", "annotations", API_PREFLIGHT));
}

/* From here on nothing reads it: it must not stand for the next attempt. */
static void the_request_ends_the_preflight(void **state)
{
    (void)state;
    SCENE s = {0};
    open_story(&s, &(struct story){.trial = "issued", .has_request = true});
    scripted_plan(&s.world, "DELETE " REQUESTS "/web-1-preflight", 200, "{}");
    scripted_plan(&s.world, "DELETE " REQUESTS "/web-1", 409, STALE); /* its key is lost */
    int64_t next = 0;
    expect_err(reconcile(&s, &next), ERR_CONFLICT, NULL, NULL);
}

/* The trial is given up; what the next POST is for is returned. The pass ends there. */
static void expect_given_up(const struct story *t, const char *posted)
{
    SCENE s = {0};
    open_story(&s, t);
    scripted_plan(&s.world, "DELETE " REQUESTS "/web-1-preflight", 200, "{}");
    scripted_plan(&s.world, "POST " REQUESTS, 409, STALE);
    int64_t next = 0;
    expect_err(reconcile(&s, &next), ERR_CONFLICT, NULL, NULL);
    json_auto_t *body = scripted_json(&s.world, 1);
    assert_string_equal(JSTR(body, "metadata", "name"), posted);
}

static void another_spec_is_another_preflight(void **state)
{
    (void)state;
    expect_given_up(&(struct story){.trial = "pending", .asked = "b.test"}, "web-1-preflight");
    expect_given_up(&(struct story){.trial = "issued", .asked = "b.test", .names = "b.test"},
                    "web-1-preflight");
    expect_given_up(&(struct story){.trial = "issued", .passed_at = SCENE_NOW - 2 * NS_PER_HOUR},
                    "web-1-preflight");
    expect_given_up(&(struct story){.trial = "pending", .spec = ""}, "web-1");
}

static void a_failure_counts_and_no_real_order_is_made(void **state)
{
    (void)state;
    int64_t next = 0;
    json_auto_t *status = pass(&(struct story){.trial = "failed"}, &next);
    assert_int_equal(next, SCENE_NOW + NS_PER_HOUR);
    assert_int_equal(JINT(status, 0, "failedIssuanceAttempts"), 1);
    assert_int_equal(JINT(status, 0, "failedPreflights"), 1);
    assert_string_equal(JSTR(issuing(status), "status"), "False");
    assert_string_equal(JSTR(issuing(status), "reason"), "PreflightFailed");
    assert_string_equal(JSTR(issuing(status), "message"), "said the staging CA");
    /* Once. */
    const struct story counted = {.trial = "failed",
                                  .status = "\"lastFailureTime\":\"2025-12-31T23:30:00Z\","
                                            "\"failedIssuanceAttempts\":1,\"failedRequestUID\":"
                                            "\"web-1-preflight-uid\","};
    json_auto_t *again = pass(&counted, &next);
    assert_int_equal(JINT(again, 0, "failedIssuanceAttempts"), 1);
    assert_int_equal(next, SCENE_NOW + NS_PER_HOUR / 2);
    /* And tried again when the wait is over. */
    expect_given_up(&(struct story){.trial = "failed",
                                    .status = "\"lastFailureTime\":\"2025-12-31T22:30:00Z\","
                                              "\"failedIssuanceAttempts\":1,\"failedRequestUID\":"
                                              "\"web-1-preflight-uid\","},
                    "web-1-preflight");
}

static void a_wrong_certificate_is_a_failure(void **state)
{
    (void)state;
    static const struct {
        struct story story;
        const char *text;
    } rows[] = {
        {{.trial = "issued", .names = "b.test"},
         "preflight: the staging CA's certificate differs from the spec"},
        {{.trial = "issued", .other_key = true},
         "preflight: the staging CA's certificate has another key than the request"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t next = 0;
        json_auto_t *status = pass(&rows[i].story, &next);
        assert_string_equal(JSTR(issuing(status), "reason"), "PreflightFailed");
        assert_true(str_starts(JSTR(issuing(status), "message"), rows[i].text));
        assert_int_equal(JINT(status, 0, "failedIssuanceAttempts"), 1);
    }
}

static void its_issuer_must_be_there_and_another(void **state)
{
    (void)state;
    int64_t next = 0;
    json_auto_t *away = pass(&(struct story){.ready = ""}, &next);
    assert_string_equal(JSTR(issuing(away), "reason"), "IssuerNotReady");
    json_auto_t *gone =
        pass(&(struct story){.spec = "\"preflight\":{\"issuerRef\":{\"name\":\"nope\"}},"}, &next);
    assert_string_equal(JSTR(issuing(gone), "reason"), "IssuerNotFound");
    assert_non_null(strstr(JSTR(gone, "nextAction"), "correct spec.preflight.issuerRef"));
}

static void two_issuers_of_one_ca_are_no_preflight(void **state)
{
    (void)state;
    SCENE s = {0};
    open_story(&s, &(struct story){0});
    scene_put(&s.env->issuers,
              "{\"metadata\":{\"name\":\"self\",\"namespace\":\"shop\",\"uid\":\"i\","
              "\"resourceVersion\":\"4\"},\"spec\":{\"acme\":{\"server\":\"https://staging/dir\","
              "\"privateKeySecretRef\":{\"name\":\"x\"},\"solvers\":[]}},\"status\":{"
              "\"conditions\":[" READY "]}}");
    plan_status(&s);
    int64_t next = 0;
    expect_ok(reconcile(&s, &next));
    json_auto_t *status = last_status(&s);
    assert_string_equal(JSTR(issuing(status), "reason"), "InvalidPreflight");
    assert_non_null(strstr(JSTR(status, "nextAction"), "https://staging/dir"));
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
        cmocka_unit_test(the_staging_ca_is_asked_first),
        cmocka_unit_test(it_is_waited_for),
        cmocka_unit_test(what_has_passed_leads_to_the_request),
        cmocka_unit_test(the_request_ends_the_preflight),
        cmocka_unit_test(another_spec_is_another_preflight),
        cmocka_unit_test(a_failure_counts_and_no_real_order_is_made),
        cmocka_unit_test(a_wrong_certificate_is_a_failure),
        cmocka_unit_test(its_issuer_must_be_there_and_another),
        cmocka_unit_test(two_issuers_of_one_ca_are_no_preflight),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
