/* SPDX-License-Identifier: Apache-2.0 */
/* CertificateRequests: read, judged, approved and answered. */
#include "reconcilers/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/cert.h"
#include "reconciler_scene.h"
#include "support/scripted_kube.h"

#define STATUS                                                                                     \
    "PUT https://api/apis/certroll.dev/v1/namespaces/shop/certificaterequests/web-1/status"

/* The CSR of a.test as spec.request has it, signed by key; owned. */
static char *request_text(const struct pki_key *key, bool is_ca, const char *usage)
{
    struct pki_names names = {0};
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    auto_free char *pem = NULL;
    strlist_add(&names.dns, "a.test");
    if (usage != NULL)
        expect_ok(pki_usages_add(&usages, usage));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names,
                                                  .is_ca = is_ca,
                                                  .usages = usage != NULL ? &usages : NULL},
                           key, &pem));
    pki_names_release(&names);
    return base64_encode(pem, strlen(pem));
}

/* more: members of spec; conditions: of status. Owned. */
static char *object_text(const char *request, const char *more, const char *conditions)
{
    return x_printf("{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"request\","
                    "\"resourceVersion\":\"5\",\"ownerReferences\":[{\"apiVersion\":"
                    "\"certroll.dev/v1\",\"kind\":\"Certificate\",\"name\":\"web\",\"uid\":\"crt\","
                    "\"controller\":true}],\"annotations\":{\"certroll.dev/certificate-revision\":"
                    "\"1\"}},\"spec\":{\"request\":\"%s\",\"issuerRef\":{\"name\":\"self\"}%s},"
                    "\"status\":{\"conditions\":[%s]}}",
                    request, more, conditions);
}

#define CONDITION(type, status, reason)                                                            \
    "{\"type\":\"" type "\",\"status\":\"" status "\",\"reason\":\"" reason                        \
    "\",\"message\":\"because\"}"

static void verdicts_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *conditions;
        bool failed;
    } rows[] = {
        {"", false},
        {CONDITION("Ready", "False", "Pending"), false},
        {CONDITION("Ready", "True", "Issued"), false},
        {CONDITION("Approved", "True", "x"), false},
        {CONDITION("Denied", "False", "x"), false},
        {CONDITION("Denied", "True", "x"), true},
        {CONDITION("InvalidRequest", "True", "x"), true},
        {CONDITION("Ready", "False", "Failed"), true},
        {CONDITION("Ready", "False", "Denied"), true},
        {CONDITION("Ready", "Unknown", "Failed"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *text = object_text("Q1NS", "", rows[i].conditions);
        AUTO_OBJECT(struct certificate_request) r = scene_object(&kind_certificate_request, text);
        const char *why = NULL;
        assert_int_equal(request_has_failed(r, &why), rows[i].failed);
        assert_string_equal(str_or(why, ""), rows[i].failed ? "because" : "");
        assert_false(request_is_issued(r)); /* there is no certificate */
    }
}

/* One pass with the issuer selfSigned, the key of the Certificate in memory; returns the status that
 * was written. Owned. */
static json_t *answered_with(bool trusting, const char *request, const char *more,
                             const char *conditions, struct pki_key *key)
{
    SCENE s = {0};
    scene_open(&s);
    ((struct env *)(uintptr_t)s.env)->config.trust_requesters = trusting;
    auto_free char *text = object_text(request, more, conditions);
    scene_put(&s.env->requests, text);
    scene_put(
        &s.env->issuers,
        "{\"metadata\":{\"name\":\"self\",\"namespace\":\"shop\",\"uid\":\"i\","
        "\"resourceVersion\":\"2\"},\"spec\":{\"selfSigned\":{}},\"status\":{\"conditions\":[{"
        "\"type\":\"Ready\",\"status\":\"True\"}]}}");
    keyring_put(s.env->issuer_env.keyring, "crt", 1, key);
    scripted_plan(&s.world, STATUS, 200, text);
    const struct object_name name = {.ns = "shop", .name = "web-1"};
    int64_t next = 0;
    expect_ok(request_reconcile((void *)(uintptr_t)s.env, &name, &next));
    json_auto_t *sent = scripted_json(&s.world, 0);
    return json_copy_deep(JGET(sent, "status"));
}

static json_t *answered(const char *request, const char *more, const char *conditions,
                        struct pki_key *key)
{
    return answered_with(false, request, more, conditions, key);
}

static const json_t *condition_of(const json_t *status, const char *type)
{
    const json_t *all = JGET(status, "conditions");
    for (size_t i = 0; i < json_count(all); i++)
        if (str_eq(JSTR(json_item(all, i), "type"), type))
            return json_item(all, i);
    return NULL;
}

static void approval_and_answer_are_one_write(void **state)
{
    (void)state;
    AUTO_KEY key = NULL;
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    auto_free char *request = request_text(key, false, NULL);
    json_auto_t *status = answered(request, ",\"duration\":\"24h\"", "", key);
    assert_string_equal(JSTR(condition_of(status, "Approved"), "status"), "True");
    assert_string_equal(JSTR(condition_of(status, "Ready"), "status"), "True");
    assert_string_equal(JSTR(condition_of(status, "Ready"), "reason"), "Issued");
    const char *text = JSTR(status, "certificate");
    auto_free char *pem = NULL;
    size_t len = 0;
    expect_ok(base64_decode(text, strlen(text), &pem, &len));
    AUTO(pki_cert_release) struct pki_cert cert = {0};
    expect_ok(pki_cert_parse(pem, len, &cert));
    assert_int_equal(cert.not_after, SCENE_NOW + NS_PER_DAY);
    assert_string_equal(JSTR(status, "ca"), text);
}

/* What can never be answered: said once, never approved, never sent to an issuer. */
static void what_contradicts_itself_is_invalid(void **state)
{
    (void)state;
    AUTO_KEY key = NULL;
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    auto_free char *plain = request_text(key, false, NULL);
    auto_free char *ca = request_text(key, true, NULL);
    auto_free char *client = request_text(key, false, "client auth");
    const char *const rows[][3] = {
        {plain, ",\"username\":\"root\"", "must be empty"},
        {plain, ",\"uid\":\"0\"", "must be empty"},
        {plain, ",\"groups\":[\"system:masters\"]", "must be empty"},
        {plain, ",\"extra\":{\"a\":[\"b\"]}", "must be empty"},
        {ca, "", "spec.isCA is not set"},
        {client, ",\"usages\":[\"server auth\"]", "differ from spec.usages"},
        {client, ",\"usages\":[\"fly\"]", "spec.usages"},
        {"***", "", "spec.request"},
        {"bm8gQ1NS", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_auto_t *status = answered(rows[i][0], rows[i][1], "", key);
        const json_t *invalid = condition_of(status, "InvalidRequest");
        assert_string_equal(JSTR(invalid, "status"), "True");
        if (strstr(JSTR(invalid, "message"), rows[i][2]) == NULL)
            fail_msg("%s: %s", rows[i][2], JSTR(invalid, "message"));
        assert_string_equal(JSTR(condition_of(status, "Ready"), "reason"), "Failed");
        assert_string_equal(JSTR(status, "failureTime"), "2026-01-01T00:00:00Z");
        assert_null(condition_of(status, "Approved"));
        assert_null(JGET(status, "certificate"));
    }
}

static void a_requester_that_was_checked_is_no_hindrance(void **state)
{
    (void)state;
    AUTO_KEY key = NULL;
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    auto_free char *request = request_text(key, false, NULL);
    json_auto_t *status =
        answered_with(true, request, ",\"username\":\"ann\",\"groups\":[\"team\"]", "", key);
    assert_string_equal(JSTR(condition_of(status, "Ready"), "reason"), "Issued");
}

static void a_denied_request_gets_no_certificate(void **state)
{
    (void)state;
    AUTO_KEY key = NULL;
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    auto_free char *request = request_text(key, false, NULL);
    json_auto_t *status = answered(request, "", CONDITION("Denied", "True", "policy"), key);
    assert_string_equal(JSTR(condition_of(status, "Ready"), "reason"), "Denied");
    assert_null(JGET(status, "certificate"));
    assert_null(condition_of(status, "Approved"));
}

/* Decided ones, and those of other issuers, are left alone: no request is made. */
static void what_is_decided_stays(void **state)
{
    (void)state;
    static const char *const conditions[] = {
        CONDITION("Ready", "False", "Failed"), CONDITION("InvalidRequest", "True", "x"),
        CONDITION("Denied", "True", "x") "," CONDITION("Ready", "False", "Denied")};
    const struct object_name name = {.ns = "shop", .name = "web-1"};
    for (size_t i = 0; i <= ARRAY_LEN(conditions); i++) {
        SCENE s = {0};
        scene_open(&s);
        bool foreign = i == ARRAY_LEN(conditions);
        auto_free char *text =
            foreign ? x_strdup("{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":"
                               "\"u\",\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"x\","
                               "\"issuerRef\":{\"name\":\"i\",\"group\":\"other.example.org\"}}}")
                    : object_text("Q1NS", "", conditions[i]);
        scene_put(&s.env->requests, text);
        int64_t next = 0;
        expect_ok(request_reconcile((void *)(uintptr_t)s.env, &name, &next));
        assert_int_equal(next, 0);
    }
}

#define ORDERS "https://api/apis/acme.certroll.dev/v1/namespaces/shop/orders"
#define ACME_ISSUER(ready)                                                                         \
    "{\"metadata\":{\"name\":\"self\",\"namespace\":\"shop\",\"uid\":\"i\","                       \
    "\"resourceVersion\":\"2\"},\"spec\":{\"acme\":{\"server\":\"https://ca\","                    \
    "\"privateKeySecretRef\":{\"name\":\"k\"}}},\"status\":{\"conditions\":[{"                     \
    "\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"

/* One pass in which the Order cannot be made; what was written then of Ready, NULL for nothing. Owned. */
static json_t *held_up(const char *request, const char *told, int status)
{
    SCENE s = {0};
    scene_open(&s);
    auto_free char *text = object_text(request, "", told);
    scene_put(&s.env->requests, text);
    scene_put(&s.env->issuers, ACME_ISSUER("True"));
    scripted_plan(&s.world, "POST " ORDERS, status, "{\"message\":\"exceeded quota\"}");
    if (status == 403 && *told == '\0')
        scripted_plan(&s.world, STATUS, 200, text);
    const struct object_name name = {.ns = "shop", .name = "web-1"};
    int64_t next = 0;
    AUTO_ERR e = request_reconcile((void *)(uintptr_t)s.env, &name, &next);
    assert_int_equal(e->http_status, status);
    if (s.world.done < 2)
        return NULL;
    json_auto_t *sent = scripted_json(&s.world, 1);
    return json_copy_deep(condition_of(JGET(sent, "status"), "Ready"));
}

static void what_people_have_to_put_right_is_told(void **state)
{
    (void)state;
    AUTO_KEY key = NULL;
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    auto_free char *request = request_text(key, false, NULL);
    json_auto_t *ready = held_up(request, "", 403);
    assert_string_equal(JSTR(ready, "reason"), "Pending");
    assert_non_null(strstr(JSTR(ready, "message"), "raise the quota: issuer self: POST orders"));
    assert_non_null(strstr(JSTR(ready, "message"), "exceeded quota"));
    assert_null(held_up(request, "", 503)); /* it passes */
    assert_null(held_up(request,
                        "{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"Pending\","
                        "\"message\":\"" DENIED_HERE "used 1\"}",
                        403)); /* told already */
}

static void put_its_order(struct scene *s, const char *status)
{
    char name[KUBE_NAME_MAX + 1];
    order_name(&(struct object_meta){.name = "web-1", .uid = "request"}, name);
    auto_free char *text =
        x_printf("{\"metadata\":{\"name\":\"%s\",\"namespace\":\"shop\",\"uid\":\"o\","
                 "\"resourceVersion\":\"2\",\"ownerReferences\":[{\"apiVersion\":"
                 "\"certroll.dev/v1\",\"kind\":\"CertificateRequest\",\"name\":\"web-1\",\"uid\":"
                 "\"request\",\"controller\":true}]},\"spec\":{\"request\":\"Q1NS\",\"issuerRef\":{"
                 "\"name\":\"self\"}},\"status\":{%s}}",
                 name, status);
    scene_put(&s->env->orders, text);
}

/* Nothing is begun, and what has come of an Order is taken all the same. */
static void an_issuer_that_is_not_ready_begins_nothing(void **state)
{
    (void)state;
    AUTO_KEY key = NULL;
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &key));
    auto_free char *request = request_text(key, false, NULL);
    auto_free char *text = object_text(request, "", "");
    static const struct {
        const char *order, *reason, *message;
    } rows[] = {
        {NULL, "Pending", "Referenced issuer does not have a Ready status condition"},
        {"\"state\":\"pending\"", "Pending", "Referenced issuer does not have a Ready status"},
        {"\"state\":\"errored\",\"reason\":\"r\"", "Failed", "is errored: r"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        scene_put(&s.env->requests, text);
        scene_put(&s.env->issuers, ACME_ISSUER("False"));
        if (rows[i].order != NULL)
            put_its_order(&s, rows[i].order);
        scripted_plan(&s.world, STATUS, 200, text);
        const struct object_name name = {.ns = "shop", .name = "web-1"};
        int64_t next = 0;
        expect_ok(request_reconcile((void *)(uintptr_t)s.env, &name, &next));
        json_auto_t *sent = scripted_json(&s.world, 0);
        const json_t *ready = condition_of(JGET(sent, "status"), "Ready");
        assert_string_equal(JSTR(ready, "reason"), rows[i].reason);
        assert_non_null(strstr(JSTR(ready, "message"), rows[i].message));
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
        cmocka_unit_test(verdicts_are_read),
        cmocka_unit_test(approval_and_answer_are_one_write),
        cmocka_unit_test(what_contradicts_itself_is_invalid),
        cmocka_unit_test(a_requester_that_was_checked_is_no_hindrance),
        cmocka_unit_test(a_denied_request_gets_no_certificate),
        cmocka_unit_test(what_is_decided_stays),
        cmocka_unit_test(what_people_have_to_put_right_is_told),
        cmocka_unit_test(an_issuer_that_is_not_ready_begins_nothing),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
