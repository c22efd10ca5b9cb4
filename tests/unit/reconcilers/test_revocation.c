/* SPDX-License-Identifier: Apache-2.0 */
/* From the annotation to the CA and back into status: bound to a serial number, asked once, told truly. */
#include "reconcilers/revocation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "acme_scene.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/workqueue.h"
#include "pki/cert.h"
#include "reconcilers/certificate.h"
#include "support/scripted_kube.h"

#define SECRET_URL "GET https://api/api/v1/namespaces/shop/secrets/web-tls"
#define STATUS "PUT https://api/apis/certroll.dev/v1/namespaces/shop/certificates/web/status"
#define SPEC                                                                                       \
    "\"spec\":{\"secretName\":\"web-tls\",\"dnsNames\":[\"a.test\"],\"issuerRef\":{"               \
    "\"name\":\"acme\"},\"privateKey\":{\"algorithm\":\"ECDSA\"}}"
#define READY                                                                                      \
    "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Ready\",\"message\":"    \
    "\"Certificate is up to date and has not expired\",\"observedGeneration\":1}]"
#define NAMES                                                                                      \
    "\"certroll.dev/certificate-name\":\"web\",\"certroll.dev/issuer-name\":\"acme\","             \
    "\"certroll.dev/issuer-kind\":\"Issuer\",\"certroll.dev/issuer-group\":\"certroll.dev\""

/* A certificate, its key, and what it is called. */
struct pair {
    char *crt;
    char *key;
    char *serial;
};

static void pair_release(struct pair *p)
{
    free(p->crt);
    free(p->key);
    free(p->serial);
}
#define PAIR __attribute__((cleanup(pair_release))) struct pair

static void pair_init(struct pair *p)
{
    AUTO_KEY key = NULL;
    AUTO(pki_names_release) struct pki_names names = {0};
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    AUTO(pki_usages_release) struct pki_usages usages = {0};
    AUTO(secret_release) struct secret pem = {0};
    AUTO(pki_cert_release) struct pki_cert cert = {0};
    auto_free char *request = NULL;
    strlist_add(&names.dns, "a.test");
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_csr_make(&(struct pki_csr_spec){.names = &names}, key, &request));
    expect_ok(pki_csr_parse(request, strlen(request), &csr));
    const struct pki_self_sign_spec spec = {.csr = &csr,
                                            .key = key,
                                            .usages = &usages,
                                            .not_before = SCENE_NOW,
                                            .not_after = SCENE_NOW + 90 * NS_PER_DAY};
    expect_ok(pki_cert_self_sign(&spec, &p->crt));
    expect_ok(pki_cert_parse(p->crt, strlen(p->crt), &cert));
    expect_ok(pki_key_pem(key, PKI_PKCS8, &pem));
    p->serial = x_strdup(cert.serial);
    p->key = x_strndup(pem.data, pem.len);
}

/* The Certificate with this annotation and status.revocation. */
static void put_certificate(struct scene *s, const char *annotations, const char *revocation)
{
    auto_free char *text =
        x_printf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
                 "\"resourceVersion\":\"5\",\"generation\":1,\"annotations\":{%s}}," SPEC
                 ",\"status\":{\"notBefore\":\"2025-12-31T00:00:00Z\",\"notAfter\":"
                 "\"2026-03-31T00:00:00Z\",\"revision\":1,\"fingerprint\":\"f1\"%s," READY "}}",
                 annotations, revocation);
    scene_put(&s->env->certificates, text);
}

/* ---- the certificate reconciler's part ---- */

/* The Secret in the cache holds a certificate with the serial number 0a1b2c. */
static void put_secret(struct scene *s)
{
    scene_put(&s->env->secrets,
              "{\"metadata\":{\"name\":\"web-tls\",\"namespace\":\"shop\",\"uid\":\"s\","
              "\"resourceVersion\":\"3\",\"annotations\":{" NAMES ",\"certroll.dev/fingerprint\":"
              "\"f1\",\"certroll.dev/certificate-id\":\"aYhba4dG.AAobLA\"},\"managedFields\":[{"
              "\"manager\":\"certroll\",\"operation\":\"Apply\",\"fieldsV1\":{\"f:data\":{"
              "\"f:tls.crt\":{},\"f:tls.key\":{}}}}]}}");
}

/* One pass that writes status; what it wrote of the wish. Owned. */
static json_t *pass(struct scene *s)
{
    const struct object_name name = {.ns = "shop", .name = "web"};
    int64_t next = 0;
    scripted_plan(&s->world, STATUS, 200,
                  "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"uid\":\"crt\","
                  "\"resourceVersion\":\"6\"}," SPEC "}");
    expect_ok(certificate_reconcile((void *)(uintptr_t)s->env, &name, &next));
    json_auto_t *sent = scripted_json(&s->world, s->world.done - 1);
    return json_copy_deep(JGET(sent, "status", "revocation"));
}

static void a_wish_is_bound_to_what_is_held(void **state)
{
    (void)state;
    static const struct {
        const char *wish, *serial;
    } rows[] = {{"superseded", "0a1b2c"}, {"superseded:0F:ff", "0fff"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        auto_free char *wish = x_printf("\"certroll.dev/revoke\":\"%s\"", rows[i].wish);
        put_certificate(&s, wish, "");
        put_secret(&s);
        json_auto_t *revocation = pass(&s);
        assert_string_equal(JSTR(revocation, "request"), rows[i].wish);
        assert_string_equal(JSTR(revocation, "serialNumber"), rows[i].serial);
        assert_string_equal(JSTR(revocation, "reason"), "superseded");
        assert_null(JGET(revocation, "time"));
        assert_int_equal(workqueue_len(controller_queue(s.env->controllers.revocation)), 0);
    }
}

static void a_wish_without_sense_is_refused_once(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    put_certificate(&s, "\"certroll.dev/revoke\":\"because\"", "");
    put_secret(&s);
    json_auto_t *revocation = pass(&s);
    assert_string_equal(JSTR(revocation, "request"), "because");
    assert_non_null(strstr(JSTR(revocation, "message"), "\"because\" is no reason"));
    assert_string_equal(JSTR(revocation, "time"), "2026-01-01T00:00:00Z");
    assert_int_equal(s.told, 1);
    /* The same one again is settled. */
    SCENE later = {0};
    scene_open(&later);
    put_certificate(&later, "\"certroll.dev/revoke\":\"because\"",
                    ",\"revocation\":{\"request\":\"because\",\"message\":\"no\",\"time\":"
                    "\"2026-01-01T00:00:00Z\"}");
    put_secret(&later);
    json_auto_t *unchanged = pass(&later); /* for the renewal time */
    assert_string_equal(JSTR(unchanged, "message"), "no");
    assert_int_equal(later.told, 0);
}

#define OPEN                                                                                       \
    ",\"revocation\":{\"request\":\"superseded\",\"serialNumber\":\"0a1b2c\",\"reason\":"          \
    "\"superseded\"}"

static void the_end_comes_into_status(void **state)
{
    (void)state;
    static const struct {
        const char *memo, *message;
        bool settled;
    } rows[] = {{"0a1b2c superseded\n", NULL, true},
                {"0a1b2c superseded\nthe CA said no", "the CA said no", true},
                {"0a1b2c unspecified\nthe CA said no", NULL, false}, /* of earlier wishes */
                {"ffff superseded\n", NULL, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        put_certificate(&s, "\"certroll.dev/revoke\":\"superseded\"", OPEN);
        put_secret(&s);
        memo_set_text(s.env->revoked, "crt", rows[i].memo);
        json_auto_t *revocation = pass(&s);
        assert_int_equal(JSTR(revocation, "time") != NULL, rows[i].settled);
        assert_int_equal(workqueue_len(controller_queue(s.env->controllers.revocation)),
                         !rows[i].settled);
        if (rows[i].message != NULL)
            assert_string_equal(JSTR(revocation, "message"), rows[i].message);
        else
            assert_null(JGET(revocation, "message"));
    }
}

#define DONE_BUT_FOR(message)                                                                      \
    ",\"revocation\":{\"request\":\"superseded\",\"serialNumber\":\"0a1b2c\",\"reason\":"          \
    "\"superseded\",\"time\":\"2025-12-31T12:00:00Z\"" message "}"

/* Else a refusal of the second wish would make a certificate Ready that is revoked. */
static void what_is_revoked_stays_so_with_another_wish(void **state)
{
    (void)state;
    static const struct {
        const char *was, *wish, *time, *reason;
    } rows[] = {{DONE_BUT_FOR(""), "keyCompromise", "2025-12-31T12:00:00Z", "superseded"},
                {DONE_BUT_FOR(""), "4:0A:1B:2C", "2025-12-31T12:00:00Z", "superseded"},
                {DONE_BUT_FOR(""), "keyCompromise:0fff", NULL, "keyCompromise"},
                {DONE_BUT_FOR(",\"message\":\"no\""), "keyCompromise", NULL, "keyCompromise"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        auto_free char *wish = x_printf("\"certroll.dev/revoke\":\"%s\"", rows[i].wish);
        put_certificate(&s, wish, rows[i].was);
        put_secret(&s);
        json_auto_t *revocation = pass(&s);
        assert_string_equal(JSTR(revocation, "request"), rows[i].wish);
        assert_string_equal(JSTR(revocation, "reason"), rows[i].reason);
        assert_null(JSTR(revocation, "message"));
        if (rows[i].time != NULL)
            assert_string_equal(JSTR(revocation, "time"), rows[i].time);
        else
            assert_null(JSTR(revocation, "time"));
    }
}

/* ---- the CA's part ---- */

static void answer_secret(struct scene *s, const char *crt, const char *key)
{
    auto_free char *crt64 = base64_encode(crt, strlen(crt));
    auto_free char *key64 = base64_encode(key, strlen(key));
    auto_free char *secret =
        x_printf("{\"type\":\"kubernetes.io/tls\",\"metadata\":{\"annotations\":{" NAMES
                 "}},\"data\":{\"tls.crt\":\"%s\",\"tls.key\":\"%s\"}}",
                 crt64, key64);
    scripted_plan(&s->world, SECRET_URL, 200, secret);
}

static void put_open(struct scene *s, const char *serial)
{
    auto_free char *open = x_printf(",\"revocation\":{\"request\":\"keyCompromise\","
                                    "\"serialNumber\":\"%s\",\"reason\":\"keyCompromise\"}",
                                    serial);
    put_certificate(s, "\"certroll.dev/revoke\":\"keyCompromise\"", open);
}

static struct err *revoke(struct scene *s)
{
    const struct object_name name = {.ns = "shop", .name = "web"};
    int64_t next = 0;
    return revocation_reconcile((void *)(uintptr_t)s->env, &name, &next);
}

/* "" or the message. Owned; NULL when there is none. */
static char *ended(struct scene *s)
{
    AUTO_OBJECT(struct certificate) crt = cache_peek(s->env->certificates.cache, "shop", "web");
    return revocation_end(s->env, crt);
}

/* The certificate of the wish is in the Secret, and its CA will revoke it. */
static void plan_revocation(struct scene *s, const struct pair *p)
{
    put_open(s, p->serial);
    answer_secret(s, p->crt, p->key);
    acme_scene_issuer(s, "");
    acme_scene_directory(s, "");
    acme_scene_post(s, "/revoke", 200, "", "");
}

static void the_account_revokes(void **state)
{
    (void)state;
    SCENE s = {0};
    PAIR p;
    pair_init(&p);
    scene_open(&s);
    plan_revocation(&s, &p);
    expect_ok(revoke(&s));
    json_auto_t *payload = acme_scene_payload(&s, s.world.done - 1);
    assert_int_equal(JINT(payload, -1, "reason"), 1);
    auto_free char *how = ended(&s);
    assert_string_equal(how, "");
    expect_ok(revoke(&s)); /* settled: nobody is asked again */
}

/* It was under way when the wish was changed: how it ended says nothing of the one that is in status now. */
static void the_end_of_another_wish_is_not_the_end_of_this_one(void **state)
{
    (void)state;
    SCENE s = {0};
    PAIR p;
    pair_init(&p);
    scene_open(&s);
    plan_revocation(&s, &p);
    memo_set_text(s.env->revoked, "crt", "ffff keyCompromise\n");
    expect_ok(revoke(&s));
    auto_free char *how = ended(&s);
    assert_string_equal(how, "");
    expect_ok(revoke(&s)); /* this one has ended: nobody is asked again */
}

static void the_own_key_revokes_what_another_account_ordered(void **state)
{
    (void)state;
    SCENE s = {0};
    PAIR p;
    pair_init(&p);
    scene_open(&s);
    put_open(&s, p.serial);
    answer_secret(&s, p.crt, p.key);
    acme_scene_issuer(&s, "");
    acme_scene_directory(&s, "");
    acme_scene_post(&s, "/revoke", 403, "content-type: application/problem+json\n",
                    ACME_PROBLEM("unauthorized"));
    acme_scene_post(&s, "/revoke", 200, "", "");
    expect_ok(revoke(&s));
    auto_free char *how = ended(&s);
    assert_string_equal(how, "");
}

/* Its key's Secret is gone, or the account was given up or is being rotated: a certificate that must go does not wait. */
static void the_own_key_revokes_without_an_account(void **state)
{
    (void)state;
    SCENE s = {0};
    PAIR p;
    pair_init(&p);
    scene_open(&s);
    put_open(&s, p.serial);
    answer_secret(&s, p.crt, p.key);
    scene_put(&s.env->issuers,
              "{\"metadata\":{\"name\":\"acme\",\"namespace\":\"shop\",\"uid\":\"i\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"acme\":{\"server\":\"" ACME_CA
              "/dir\",\"privateKeySecretRef\":{\"name\":\"key\"}}}}");
    acme_scene_directory(&s, "");
    acme_scene_post(&s, "/revoke", 403, "content-type: application/problem+json\n",
                    ACME_PROBLEM("unauthorized"));
    expect_err(revoke(&s), ERR_NOT_FOUND, "IssuerNotReady", NULL); /* the account may come back */
    assert_null(memo_text(s.env->revoked, "crt"));
    answer_secret(&s, p.crt, p.key);
    acme_scene_post(&s, "/revoke", 200, "", "");
    expect_ok(revoke(&s));
    json_auto_t *jws = scripted_json(&s.world, s.world.done - 1);
    const char *head = JSTR(jws, "protected");
    auto_free char *text = NULL;
    size_t len = 0;
    expect_ok(base64url_decode(head, strlen(head), &text, &len));
    assert_non_null(strstr(text, "\"jwk\""));
    auto_free char *how = ended(&s);
    assert_string_equal(how, "");
}

/* A certificate of somebody else, put into a Secret: our account might have ordered it, for another tenant. */
static void only_with_its_key_is_it_ours(void **state)
{
    (void)state;
    SCENE s = {0};
    PAIR mine, theirs;
    pair_init(&mine);
    pair_init(&theirs);
    scene_open(&s);
    put_open(&s, theirs.serial);
    answer_secret(&s, theirs.crt, mine.key);
    expect_ok(revoke(&s));
    auto_free char *how = ended(&s);
    assert_non_null(strstr(how, "neither Secret web-tls nor a CertificateRequest"));
}

static void what_is_refused_is_told_and_what_passes_is_repeated(void **state)
{
    (void)state;
    SCENE s = {0};
    PAIR p;
    pair_init(&p);
    scene_open(&s);
    put_open(&s, p.serial);
    answer_secret(&s, p.crt, p.key);
    acme_scene_issuer(&s, "");
    acme_scene_directory(&s, "");
    acme_scene_post(&s, "/revoke", 503, "", "");
    expect_err(revoke(&s), ERR_TRANSIENT, NULL, NULL);
    assert_null(memo_text(s.env->revoked, "crt"));
    scripted_plan(&s.world, SECRET_URL, 403, "{}");
    expect_err(revoke(&s), ERR_DENIED, "Forbidden", NULL);
    assert_null(memo_text(s.env->revoked, "crt"));
    answer_secret(&s, p.crt, p.key);
    acme_scene_post(&s, "/revoke", 400, "content-type: application/problem+json\n",
                    ACME_PROBLEM("badRevocationReason"));
    expect_ok(revoke(&s));
    auto_free char *how = ended(&s);
    assert_non_null(strstr(how, "badRevocationReason"));
}

/* Each pass of the Certificate brings the key here again. */
static void the_ca_is_not_asked_before_it_allows_it(void **state)
{
    (void)state;
    static const int rows[] = {429, 503};
    static const struct object_name name = {.ns = "shop", .name = "web"};
    PAIR p;
    pair_init(&p);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        int64_t next = 0;
        scene_open(&s);
        put_open(&s, p.serial);
        answer_secret(&s, p.crt, p.key);
        acme_scene_issuer(&s, "");
        acme_scene_directory(&s, "");
        acme_scene_post(&s, "/revoke", rows[i], "retry-after: 600\n", "");
        AUTO_ERR e = revoke(&s);
        assert_non_null(e);
        expect_ok(revocation_reconcile((void *)(uintptr_t)s.env, &name, &next));
        assert_int_equal(next, SCENE_NOW + 10 * NS_PER_MIN);
        clock_manual_advance(&s.hands, 10 * NS_PER_MIN);
        answer_secret(&s, p.crt, p.key);
        acme_scene_post(&s, "/revoke", 200, "", "");
        expect_ok(revoke(&s));
    }
}

static void other_issuers_are_not_told(void **state)
{
    (void)state;
    SCENE s = {0};
    PAIR p;
    pair_init(&p);
    scene_open(&s);
    put_open(&s, p.serial);
    answer_secret(&s, p.crt, p.key);
    expect_ok(revoke(&s));
    auto_free char *how = ended(&s);
    assert_non_null(strstr(how, "Issuer acme is not an ACME issuer"));
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
        cmocka_unit_test(a_wish_is_bound_to_what_is_held),
        cmocka_unit_test(a_wish_without_sense_is_refused_once),
        cmocka_unit_test(the_end_comes_into_status),
        cmocka_unit_test(what_is_revoked_stays_so_with_another_wish),
        cmocka_unit_test(the_account_revokes),
        cmocka_unit_test(the_end_of_another_wish_is_not_the_end_of_this_one),
        cmocka_unit_test(the_own_key_revokes_what_another_account_ordered),
        cmocka_unit_test(the_own_key_revokes_without_an_account),
        cmocka_unit_test(only_with_its_key_is_it_ours),
        cmocka_unit_test(what_is_refused_is_told_and_what_passes_is_repeated),
        cmocka_unit_test(the_ca_is_not_asked_before_it_allows_it),
        cmocka_unit_test(other_issuers_are_not_told),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
