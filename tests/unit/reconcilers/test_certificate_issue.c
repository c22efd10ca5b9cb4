/* SPDX-License-Identifier: Apache-2.0 */
/* From the issuer's answer to the Secret, and what status tells meanwhile. */
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
#include "base/turns.h"
#include "pki/cert.h"
#include "pki/csr.h"
#include "reconciler_scene.h"
#include "reconcilers/certificate.h"
#include "support/scripted_kube.h"

#define SECRET "https://api/api/v1/namespaces/shop/secrets/web-tls"

static char *certificate_text(const struct pki_names *names, struct pki_key *key)
{
    auto_free char *request = NULL, *pem = NULL;
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    const struct pki_usages usages = {0};
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = names}, key, &request));
    expect_ok(pki_csr_parse(request, strlen(request), &csr));
    const struct pki_self_sign_spec spec = {.csr = &csr,
                                            .key = key,
                                            .usages = &usages,
                                            .not_before = SCENE_NOW,
                                            .not_after = SCENE_NOW + 90 * NS_PER_DAY};
    expect_ok(pki_cert_self_sign(&spec, &pem));
    return base64_encode(pem, strlen(pem));
}

/* A pass with an issued attempt for a.test at the step Secret. */
struct stage {
    struct scene s;
    struct pki_key *key;
    char *text;
    struct certificate crt;
    struct certificate_request attempt;
    struct certificate_pass p;
};

static void stage_close(struct stage *g)
{
    pki_names_release(&g->p.wanted.names);
    condition_set_release(&g->p.conditions);
    free(g->p.waiting);
    pki_key_free(g->key);
    free(g->text);
    scene_close(&g->s);
}
#define STAGE __attribute__((cleanup(stage_close))) struct stage

static void stage_open(struct stage *g)
{
    scene_open(&g->s);
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA}, &g->key));
    g->p = (struct certificate_pass){
        .env = g->s.env, .now = SCENE_NOW + NS_PER_SEC, .key = g->key, .crt = &g->crt};
    strlist_add(&g->p.wanted.names.dns, "a.test");
    g->text = certificate_text(&g->p.wanted.names, g->key);
    g->crt = (struct certificate){
        .obj.meta = {.name = "web", .namespace = "shop", .uid = "crt"},
        .spec = {.secret_name = "web-tls"},
        .status = {.fingerprint = "before", .not_before = 1, .not_after = SCENE_NOW},
    };
    g->attempt =
        (struct certificate_request){.obj.meta.uid = "request", .status.certificate = g->text};
    g->p.attempt = &g->attempt;
    g->p.status = g->crt.status;
}

/* What follows the write may fail; a pass that ends there writes the status that it has. With the new fingerprint in it
 * the old dates would be believed, and the certificate renewed at once. */
static void status_tells_of_the_last_one_until_it_is_recorded(void **state)
{
    (void)state;
    STAGE g = {0};
    stage_open(&g);
    struct certificate_pass *p = &g.p;
    str_copy(p->held.fingerprint, sizeof(p->held.fingerprint), "before");
    p->status.fingerprint = p->held.fingerprint; /* as the step Needed left it */
    scripted_plan(&g.s.world, "PATCH " SECRET, 200,
                  "{\"metadata\":{\"name\":\"web-tls\",\"namespace\":\"shop\",\"uid\":\"s\","
                  "\"resourceVersion\":\"9\"}}");
    expect_ok(ensure_secret(p));
    assert_string_equal(p->status.fingerprint, "before");
    assert_int_equal(p->status.not_after, SCENE_NOW);
    assert_int_equal(p->held.not_after, SCENE_NOW + 90 * NS_PER_DAY);
    assert_string_not_equal(p->held.fingerprint, "before");
}

/* A label that cannot be, or an admission policy: the certificate is as good as before, and waits for that to change. A
 * new one would meet the same refusal, and cost another order. */
static void a_secret_that_is_refused_does_not_waste_the_certificate(void **state)
{
    (void)state;
    STAGE g = {0};
    stage_open(&g);
    scripted_plan(&g.s.world, "PATCH " SECRET, 422,
                  "{\"kind\":\"Status\",\"reason\":\"Invalid\",\"code\":422,\"message\":"
                  "\"metadata.labels: Invalid value\"}");
    expect_err(ensure_secret(&g.p), ERR_INVALID, NULL, "metadata.labels");
    assert_int_equal(g.p.status.failed_issuance_attempts, 0);
    assert_ptr_equal(g.p.attempt, &g.attempt);
    assert_false(g.p.stop);
}

/* What no TLS server could use is the issuer's fault, and another attempt may bring a better one. */
static void a_certificate_for_other_names_fails_the_attempt(void **state)
{
    (void)state;
    STAGE g = {0};
    stage_open(&g);
    strlist_add(&g.p.wanted.names.dns, "b.test");
    expect_ok(ensure_secret(&g.p));
    assert_int_equal(g.p.status.failed_issuance_attempts, 1);
    assert_true(g.p.stop);
}

/* ---- the step Key ---- */

#define NEXT_KEY "https://api/api/v1/namespaces/shop/secrets/web-key-1"

/* Of the attempt web-1. data: what it holds when the step reads it; NULL: it does not. */
static void put_stored_key(struct stage *g, const char *data)
{
    scene_put(&g->s.env->secrets,
              "{\"metadata\":{\"name\":\"web-key-1\",\"namespace\":\"shop\",\"uid\":\"k\","
              "\"resourceVersion\":\"3\",\"labels\":{\"certroll.dev/next-private-key\":\"true\"},"
              "\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"Certificate\","
              "\"name\":\"web\",\"uid\":\"crt\",\"controller\":true}]}}");
    if (data == NULL)
        return;
    auto_free char *read = x_printf("{\"metadata\":{\"name\":\"web-key-1\"},\"data\":{%s}}", data);
    scripted_plan(&g->s.world, "GET " NEXT_KEY, 200, read);
}

static void plan_new_key(struct stage *g)
{
    scripted_plan(&g->s.world, "POST https://api/api/v1/namespaces/shop/secrets", 201,
                  "{\"metadata\":{\"name\":\"web-key-1\",\"namespace\":\"shop\",\"uid\":\"k2\","
                  "\"resourceVersion\":\"4\"}}");
}

/* Nobody but a person writes there, and nobody else would notice: the attempt waited for ever. */
static void a_stored_key_that_cannot_be_read_is_made_anew(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "\"tls.key\":\"bm8ga2V5\""};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        STAGE g = {0};
        stage_open(&g);
        g.p.key = NULL;
        g.p.attempt = NULL;
        g.p.wanted.key = (struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256};
        g.p.wanted.rotate = true;
        put_stored_key(&g, rows[i]);
        scripted_plan(&g.s.world, "DELETE " NEXT_KEY, 200, "{}");
        plan_new_key(&g);
        expect_ok(ensure_key(&g.p));
        assert_non_null(g.p.key);
        pki_key_free(g.p.key);
    }
}

/* What was stored a moment ago is not asked for, unless the Secret is another version by now. */
static void a_key_is_read_again_when_its_secret_has_changed(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        bool is_read;
    } rows[] = {{"3", false}, {"2", true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        STAGE g = {0};
        stage_open(&g);
        g.p.key = NULL;
        g.p.attempt = NULL;
        g.p.wanted.key = (struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256};
        put_stored_key(&g, rows[i].is_read ? "\"tls.key\":\"bm8ga2V5\"" : NULL);
        AUTO(secret_release) struct secret pem = {0};
        expect_ok(pki_key_pem(g.key, PKI_PKCS8, &pem));
        fresh_keys_put(g.s.env->fresh_keys, "k", rows[i].version, &pem);
        if (rows[i].is_read) {
            scripted_plan(&g.s.world, "DELETE " NEXT_KEY, 200, "{}");
            plan_new_key(&g);
        }
        expect_ok(ensure_key(&g.p));
        assert_int_equal(pki_key_equal(g.p.key, g.key), !rows[i].is_read);
        pki_key_free(g.p.key);
    }
}

/* It is made, stored, and there when the certificate for it comes. */
static void a_key_that_was_stored_is_at_hand(void **state)
{
    (void)state;
    STAGE g = {0};
    stage_open(&g);
    AUTO(secret_release) struct secret pem = {0};
    g.p.key = NULL;
    g.p.attempt = NULL;
    g.p.wanted.key = (struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256};
    g.p.wanted.rotate = true;
    plan_new_key(&g);
    expect_ok(ensure_key(&g.p));
    assert_true(fresh_keys_take(g.s.env->fresh_keys, "k2", "4", &pem));
    AUTO_KEY stored = NULL;
    expect_ok(pki_key_parse(pem.data, pem.len, &stored));
    assert_true(pki_key_equal(stored, g.p.key));
    pki_key_free(g.p.key);
}

/* An answer that got lost: the request may be there, with the first key in it, and is the Certificate's. */
static void a_key_in_memory_is_that_of_the_request_that_may_be_there(void **state)
{
    (void)state;
    static const struct issuer_driver in_process = {.in_process = true};
    static const struct {
        int size;
        bool same;
    } rows[] = {{256, true}, {384, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        STAGE g = {0};
        stage_open(&g);
        g.p.driver = &in_process;
        g.p.key = NULL;
        g.p.attempt = NULL;
        g.p.wanted.rotate = true;
        g.p.wanted.key = (struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256};
        expect_ok(ensure_key(&g.p));
        AUTO_KEY first = TAKE(g.p.key);
        g.p.wanted.key.size = rows[i].size;
        expect_ok(ensure_key(&g.p));
        assert_int_equal(pki_key_equal(first, g.p.key), rows[i].same);
        assert_true(pki_key_matches(g.p.key, &g.p.wanted.key));
        pki_key_free(g.p.key);
    }
}

/* Whoever asks for large keys, by the hundred, leaves the other workers to the others. */
static void large_keys_are_made_one_after_the_other(void **state)
{
    (void)state;
    STAGE g = {0};
    stage_open(&g);
    g.p.key = NULL;
    g.p.attempt = NULL;
    g.p.wanted.rotate = true;
    g.p.wanted.key = (struct pki_key_spec){.algorithm = PKI_RSA, .size = 4096};
    assert_true(turns_take(g.s.env->turns, "large key", 1));
    expect_ok(ensure_key(&g.p));
    assert_null(g.p.key);
    assert_true(g.p.stop);
    assert_true(g.p.next > g.p.now && g.p.next <= g.p.now + 5 * NS_PER_SEC);
    assert_non_null(strstr(g.p.waiting, "3072"));
    /* Others have nothing to do with that. */
    g.p.wanted.key = (struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256};
    plan_new_key(&g);
    expect_ok(ensure_key(&g.p));
    assert_non_null(g.p.key);
    pki_key_free(g.p.key);
    turns_give(g.s.env->turns, "large key");
}

/* Nobody can serve what was issued for it. */
static void the_request_goes_with_its_key(void **state)
{
    (void)state;
    STAGE g = {0};
    stage_open(&g);
    auto_free char *issued = x_printf(
        "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"request\","
        "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"\",\"issuerRef\":{\"name\":\"acme\"}},"
        "\"status\":{\"certificate\":\"%s\",\"conditions\":[{\"type\":\"Ready\",\"status\":"
        "\"True\"}]}}",
        g.text);
    g.p.key = NULL;
    g.p.attempt = scene_object(&kind_certificate_request, issued);
    g.p.wanted.key = (struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256};
    put_stored_key(&g, "");
    scripted_plan(&g.s.world,
                  "DELETE https://api/apis/certroll.dev/v1/namespaces/shop/certificaterequests/"
                  "web-1",
                  200, "{}");
    scripted_plan(&g.s.world, "DELETE " NEXT_KEY, 200, "{}");
    plan_new_key(&g);
    expect_ok(ensure_key(&g.p));
    assert_null(g.p.attempt);
    pki_key_free(g.p.key);
}

/* ---- while there is no answer ---- */

#define ASKED "CertificateRequest web-1 to be answered"
#define WAITS "Waiting for Order web-1-o"

/* Seconds before now; -1: not at all. */
struct wait {
    int asked;           /* the request was made */
    const char *message; /* of its condition Ready; NULL: none */
    int ordered, placed; /* its Order was made, and, when that was placed, its Challenge */
    const char *told;    /* status.nextAction before */
    const char *want;
    int next; /* seconds from now; -1: whatever changes */
};

static int64_t ago(int seconds)
{
    return SCENE_NOW - seconds * NS_PER_SEC;
}

#define OWNED_BY(uid)                                                                              \
    "\"ownerReferences\":[{\"apiVersion\":\"x/v1\",\"kind\":\"X\",\"name\":\"x\",\"uid\":\"" uid   \
    "\",\"controller\":true}]"
#define ORDER                                                                                      \
    "{\"metadata\":{\"name\":\"web-1-o\",\"namespace\":\"shop\",\"uid\":\"o\","                    \
    "\"resourceVersion\":\"5\"," OWNED_BY(                                                         \
        "r") "},\"spec\":{\"request\":\"\",\"issuerRef\":{\"name\":"                               \
             "\"acme\"}}}"
#define CHALLENGE                                                                                  \
    "{\"metadata\":{\"name\":\"web-1-o-c\",\"namespace\":\"shop\",\"uid\":\"c\","                  \
    "\"resourceVersion\":\"5\"," OWNED_BY(                                                         \
        "o") "},\"spec\":{\"url\":\"u\",\"authorizationURL\":\"a\","                               \
             "\"dnsName\":\"a.test\",\"type\":\"HTTP-01\",\"token\":\"t\",\"key\":\"k\","          \
             "\"solver\":{},"                                                                      \
             "\"issuerRef\":{\"name\":\"acme\"}}}"

static void put_made(const struct store *store, const char *text, int seconds)
{
    char made[RFC3339_MAX];
    rfc3339_format(ago(seconds), made);
    json_auto_t *object = parsed(text);
    json_put_str(JGET(object, "metadata"), "creationTimestamp", made);
    auto_free char *dated = NULL;
    expect_ok(json_to_string(object, 4096, &dated));
    scene_put(store, dated);
}

static void expect_told(const struct wait *w)
{
    SCENE s = {0};
    scene_open(&s);
    if (w->ordered >= 0)
        put_made(&s.env->orders, ORDER, w->ordered);
    if (w->placed >= 0)
        put_made(&s.env->challenges, CHALLENGE, w->placed);
    struct condition ready = {
        .type = "Ready", .status = "False", .reason = "Pending", .message = w->message};
    const struct certificate crt = {
        .obj.meta = {.name = "web", .namespace = "shop", .uid = "crt"},
        .status.next_action = w->told,
    };
    const struct certificate_request attempt = {
        .obj.meta = {.name = "web-1",
                     .namespace = "shop",
                     .uid = "r",
                     .creation_timestamp = ago(w->asked)},
        .status.conditions = {&ready, w->message != NULL ? 1 : 0},
    };
    struct certificate_pass p = {.env = s.env, .now = SCENE_NOW, .crt = &crt, .attempt = &attempt};
    condition_set_init(&p.conditions, NULL, 0);
    expect_ok(ensure_answer(&p));
    assert_string_equal(p.waiting, w->want);
    assert_int_equal(p.next, w->next >= 0 ? SCENE_NOW + w->next * NS_PER_SEC : 0);
    condition_set_release(&p.conditions);
    free(p.waiting);
}

static void a_wait_is_told_when_there_is_something_to_tell(void **state)
{
    (void)state;
    static const struct wait rows[] = {
        {5, NULL, -1, -1, NULL, ASKED, 5},
        {10, NULL, -1, -1, ASKED,
         "CertificateRequest web-1: nobody has answered it: is its issuer running?", -1},
        /* Of another controller's, which may mean a person. */
        {10, "to be looked at", -1, -1, ASKED, "CertificateRequest web-1: to be looked at", -1},
        {10, WAITS ": the self-check", 9, 9, ASKED,
         "CertificateRequest web-1: " WAITS ": the self-check", -1},
        /* Nobody knows better: the issuer is gone, the Order has not heard of it. */
        {10, "no issuer", 9, 9, ASKED, "CertificateRequest web-1: no issuer", -1},
        /* It goes its way. */
        {5, WAITS, 4, 3, ASKED, ASKED, 5},
        {10, WAITS, 9, -1, ASKED, ASKED, 51},
        {59, WAITS, 59, 10, ASKED, ASKED, 50},
        {3600, WAITS, 3600, 10, "until 5 o'clock", ASKED, 50},
        {70, WAITS, 69, 60, ASKED, "CertificateRequest web-1: " WAITS, -1},
        {60, WAITS, 60, -1, ASKED, "CertificateRequest web-1: " WAITS, -1},
        /* What was told is not taken back. */
        {70, WAITS, 69, 1, "CertificateRequest web-1: " WAITS, "CertificateRequest web-1: " WAITS,
         -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect_told(&rows[i]);
}

/* The issuer may get another one: this Certificate, which does not name it, hears nothing of that. */
static void a_name_that_an_issuer_uses_is_looked_at_again(void **state)
{
    (void)state;
    SCENE s = {0};
    static const struct object_name name = {.ns = "shop", .name = "web"};
    int64_t next = 0;
    scene_open(&s);
    scene_put(&s.env->issuers,
              "{\"metadata\":{\"name\":\"other\",\"namespace\":\"shop\",\"uid\":\"i\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"acme\":{\"server\":\"https://ca\","
              "\"privateKeySecretRef\":{\"name\":\"web-tls\"}}}}");
    static const char crt[] =
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
        "\"resourceVersion\":\"5\"},\"spec\":{\"secretName\":\"web-tls\",\"dnsNames\":[\"a.test\"],"
        "\"issuerRef\":{\"name\":\"ca\"}}}";
    scene_put(&s.env->certificates, crt);
    scripted_plan(&s.world,
                  "PUT https://api/apis/certroll.dev/v1/namespaces/shop/certificates/web/status",
                  200, crt);
    expect_ok(certificate_reconcile((void *)(uintptr_t)s.env, &name, &next));
    assert_int_equal(next, SCENE_NOW + 3 * NS_PER_MIN);
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
        cmocka_unit_test(a_name_that_an_issuer_uses_is_looked_at_again),
        cmocka_unit_test(status_tells_of_the_last_one_until_it_is_recorded),
        cmocka_unit_test(a_secret_that_is_refused_does_not_waste_the_certificate),
        cmocka_unit_test(a_certificate_for_other_names_fails_the_attempt),
        cmocka_unit_test(a_stored_key_that_cannot_be_read_is_made_anew),
        cmocka_unit_test(a_key_is_read_again_when_its_secret_has_changed),
        cmocka_unit_test(a_key_that_was_stored_is_at_hand),
        cmocka_unit_test(a_key_in_memory_is_that_of_the_request_that_may_be_there),
        cmocka_unit_test(large_keys_are_made_one_after_the_other),
        cmocka_unit_test(the_request_goes_with_its_key),
        cmocka_unit_test(a_wait_is_told_when_there_is_something_to_tell),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
