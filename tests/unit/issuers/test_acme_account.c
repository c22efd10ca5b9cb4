/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/acme_account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "account_scene.h"
#include "api/group.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_key.h"
#include "kube/secret.h"
#include "metrics/metrics.h"
#include "pki/jws.h"
#include "support/scripted_kube.h"

/* ---- the key ---- */

static void a_new_issuer_makes_a_key_and_registers(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    scripted_plan(&s.world, GET_KEY, 404, "{}");
    scripted_plan(&s.world, POST_KEY, 201, "{}");
    plan_key(&s, key);
    plan_directory(&s, CA);
    plan_account(&s, CA, 201, "{\"status\":\"valid\"}");
    READINESS r = {0};
    ensured(&s, &x, &r);
    assert_string_equal(r.reason, "ACMEAccountRegistered");
    assert_string_equal(r.acme.uri, CA "/acct/1");
    assert_string_equal(r.acme.last_registered_email, "a@b.test");
    assert_string_equal(r.acme.terms_of_service, CA "/terms");
    assert_int_equal(strlen(r.acme.last_private_key_hash), 64);
    auto_free char *thumbprint = pki_jwk_thumbprint(key);
    assert_string_equal(r.acme.thumbprint, thumbprint);
    json_auto_t *secret = scripted_json(&s.world, 1);
    assert_true(scripted_seen(&s.world, 1)->flags & HTTP_SECRET);
    assert_string_equal(JSTR(secret, "type"), "Opaque");
    assert_string_equal(JSTR(secret, "metadata", "name"), "account");
    AUTO(secret_release) struct secret pem = {0};
    AUTO_KEY made = NULL;
    expect_ok(secret_json_value(secret, "tls.key", &pem));
    expect_ok(pki_key_parse(pem.data, pem.len, &made));
    assert_true(pki_key_matches(made, &(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}));
    json_auto_t *sent = payload(&s, 5);
    assert_true(JBOOL(sent, "termsOfServiceAgreed"));
    assert_string_equal(JSTR(sent, "contact", "0"), "mailto:a@b.test");
}

static void count_deletion(void *arg, const struct cache_change *change)
{
    *(size_t *)arg += change->now == NULL;
}

/* The stream may have brought neither that the Secret was made nor that it was deleted, when it lists again. */
static void a_key_that_is_used_is_missed_by_the_next_list(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    size_t deleted = 0;
    cache_add_handler(s.env.secrets.cache, count_deletion, &deleted);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0};
    registered(&s, &x, key, &r);
    cache_replace_begin(s.env.secrets.cache);
    cache_replace_end(s.env.secrets.cache, "3");
    assert_int_equal(deleted, 1);
}

/* Of two writers one wins, and both register the winner's key. */
static void a_lost_race_reads_the_winners_key(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY winner = scene_key();
    scripted_plan(&s.world, GET_KEY, 404, "{}");
    scripted_plan(&s.world, POST_KEY, 409, EXISTS);
    plan_key(&s, winner);
    plan_directory(&s, CA);
    plan_account(&s, CA, 201, "{\"status\":\"valid\"}");
    READINESS r = {0};
    ensured(&s, &x, &r);
    adopt(&x, &r);
    AUTO_ACME_HANDLE handle = {0};
    expect_ok(acme_account_get(&s.env, &x.issuer, &handle));
    assert_true(pki_key_equal(handle.account.key, winner));
}

static void no_key_is_made_when_that_is_forbidden(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    x.acme.disable_account_key_generation = true;
    scripted_plan(&s.world, GET_KEY, 404, "{}");
    READINESS r = {0};
    expect_err(acme_account_ensure(&s.env, &x.issuer, &r), ERR_NOT_FOUND, NULL,
               "disableAccountKeyGeneration");
    assert_false(r.ready);
}

/* A Secret without the key is somebody's: it is not written into. */
static void a_secret_without_the_key_is_left_alone(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    scripted_plan(&s.world, GET_KEY, 200, "{\"data\":{\"other\":\"eA==\"}}");
    READINESS r = {0};
    expect_err(acme_account_ensure(&s.env, &x.issuer, &r), ERR_NOT_FOUND, "MissingData", "tls.key");
    scripted_plan(&s.world, GET_KEY, 200, "{\"data\":{\"tls.key\":\"bm8ga2V5\"}}");
    expect_err(acme_account_ensure(&s.env, &x.issuer, &r), ERR_INVALID, NULL,
               "privateKeySecretRef");
}

static void the_reference_names_the_data_key(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    x.acme.private_key_secret_ref.key = "k";
    AUTO_KEY key = scene_key();
    auto_free char *secret = scene_key_secret(key, "k");
    scripted_plan(&s.world, GET_KEY, 404, "{}");
    scripted_plan(&s.world, POST_KEY, 201, "{}");
    scripted_plan(&s.world, GET_KEY, 200, secret);
    plan_directory(&s, CA);
    plan_account(&s, CA, 201, "{\"status\":\"valid\"}");
    READINESS r = {0};
    ensured(&s, &x, &r);
    json_auto_t *sent = scripted_json(&s.world, 1);
    assert_non_null(JSTR(sent, "data", "k"));
    assert_int_equal(json_count(JGET(sent, "data")), 1);
}

static void expect_metrics(const char *line)
{
    AUTO(buf_release) struct buf text = BUF_INIT((size_t)1 << 20);
    expect_ok(metrics_write(metrics_default(), &text));
    if (strstr(buf_str(&text), line) == NULL)
        fail_msg("%s is not in:\n%s", line, buf_str(&text));
}

/* Tenants may name any number of hosts. */
static void requests_are_counted_by_host_for_cluster_issuers_only(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        SCENE s = {0};
        scene_open(&s);
        s.env.cluster_resource_namespace = "shop";
        struct subject x;
        subject_init(&x);
        x.acme.server = "https://counted.test/dir";
        if (i == 0)
            x.issuer.obj.meta.namespace = NULL;
        AUTO_KEY key = scene_key();
        plan_key(&s, key);
        plan_directory(&s, "https://counted.test");
        plan_account(&s, "https://counted.test", 418 + i, "{}");
        READINESS r = {0};
        err_drop(acme_account_ensure(&s.env, &x.issuer, &r));
    }
    expect_metrics("certroll_acme_requests_total{host=\"counted.test\",action=\"newAccount\","
                   "status=\"418\"} 1\n");
    expect_metrics(
        "certroll_acme_requests_total{host=\"\",action=\"newAccount\",status=\"419\"} 1\n");
    expect_metrics("certroll_acme_request_duration_seconds_count{host=\"counted.test\"} 3\n");
}

static void a_cluster_issuers_key_is_in_its_namespace(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    x.issuer.obj.meta.namespace = NULL;
    AUTO_KEY key = scene_key();
    auto_free char *secret = scene_key_secret(key, "tls.key");
    scripted_plan(&s.world, "GET https://api/api/v1/namespaces/certroll/secrets/account", 200,
                  secret);
    plan_directory(&s, CA);
    plan_account(&s, CA, 201, "{\"status\":\"valid\"}");
    READINESS r = {0};
    ensured(&s, &x, &r);
    /* An administrator named the server: only a tenant's is guarded. */
    assert_false(scripted_seen(&s.world, 1)->flags & HTTP_GUARDED);
}

/* ---- the registration ---- */

static void what_is_registered_stays(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, again = {0};
    registered(&s, &x, key, &r);
    plan_key(&s, key);
    ensured(&s, &x, &again);
    assert_string_equal(again.acme.uri, r.acme.uri);
    assert_string_equal(again.acme.last_private_key_hash, r.acme.last_private_key_hash);
    assert_string_equal(again.acme.terms_of_service, CA "/terms");
}

static void another_key_is_another_account(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    AUTO_KEY other = scene_key();
    READINESS r = {0}, again = {0};
    registered(&s, &x, key, &r);
    plan_key(&s, other);
    plan_account(&s, CA, 201, "{\"status\":\"valid\"}");
    ensured(&s, &x, &again);
    assert_string_not_equal(again.acme.last_private_key_hash, r.acme.last_private_key_hash);
    json_auto_t *jws = scripted_json(&s.world, 5);
    const char *text = JSTR(jws, "protected");
    auto_free char *raw = NULL;
    size_t len = 0;
    expect_ok(base64url_decode(text, strlen(text), &raw, &len));
    json_auto_t *header = parsed(raw);
    json_auto_t *jwk = pki_jwk(other);
    assert_true(json_same(JGET(header, "jwk"), jwk));
}

static void another_server_is_another_account(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, again = {0};
    registered(&s, &x, key, &r);
    x.acme.server = "https://other.test/dir";
    plan_key(&s, key);
    plan_directory(&s, "https://other.test");
    plan_account(&s, "https://other.test", 201, "{\"status\":\"valid\"}");
    ensured(&s, &x, &again);
    assert_string_equal(again.acme.uri, "https://other.test/acct/1");
    assert_string_not_equal(again.acme.last_private_key_hash, r.acme.last_private_key_hash);
}

static void another_address_updates_the_account(void **state)
{
    (void)state;
    static const struct {
        const char *email;
        const char *contact; /* JSON */
    } rows[] = {{"new@b.test", "[\"mailto:new@b.test\"]"}, {NULL, "[]"}, {"", "[]"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        struct subject x;
        subject_init(&x);
        AUTO_KEY key = scene_key();
        READINESS r = {0}, again = {0};
        registered(&s, &x, key, &r);
        x.acme.email = rows[i].email;
        plan_key(&s, key);
        plan_account(&s, CA, 200, "{\"status\":\"valid\",\"contact\":[\"mailto:a@b.test\"]}");
        scripted_plan_headers(&s.world, "POST " CA "/acct/1", 200, JSON, "{\"status\":\"valid\"}");
        ensured(&s, &x, &again);
        json_auto_t *sent = payload(&s, 6);
        json_auto_t *want = parsed(rows[i].contact);
        assert_true(json_same(JGET(sent, "contact"), want));
        assert_string_equal(str_or(again.acme.last_registered_email, ""),
                            str_or(rows[i].email, ""));
    }
}

/* A CA that lost its accounts (RFC 8555 section 7.3): the same key is registered again, once. */
static void a_lost_account_is_registered_again(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, again = {0}, then = {0};
    registered(&s, &x, key, &r);
    acme_account_doubt(&s.env, &x.issuer);
    plan_key(&s, key);
    plan_account(&s, CA, 400, PROBLEM("accountDoesNotExist", "no"));
    plan_account(&s, CA, 201, VALID);
    ensured(&s, &x, &again);
    plan_key(&s, key);
    ensured(&s, &x, &then);
}

/* A refusal that was about something else: the account is there, and nothing changes. */
static void a_doubt_ends_when_the_account_is_found(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, again = {0}, then = {0};
    registered(&s, &x, key, &r);
    acme_account_doubt(&s.env, &x.issuer);
    plan_key(&s, key);
    plan_account(&s, CA, 200, "{\"status\":\"valid\",\"contact\":[\"mailto:a@b.test\"]}");
    ensured(&s, &x, &again);
    json_auto_t *sent = payload(&s, 5);
    assert_true(JBOOL(sent, "onlyReturnExisting"));
    plan_key(&s, key);
    ensured(&s, &x, &then);
}

/* Deactivated or revoked while in use: said with what to do. */
static void an_account_that_ended_is_shown(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, again = {0};
    registered(&s, &x, key, &r);
    acme_account_doubt(&s.env, &x.issuer);
    plan_key(&s, key);
    plan_account(&s, CA, 401, PROBLEM("unauthorized", "Account has been deactivated"));
    expect_err(acme_account_ensure(&s.env, &x.issuer, &again), ERR_DENIED, "AccountNotValid",
               "deactivated): use another key: delete Secret shop/account");
    assert_false(again.ready);
}

/* CAs and keys of Issuers that are no more, or have another server now, are forgotten. */
static void what_nobody_uses_is_forgotten(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x, y;
    subject_init(&x);
    subject_init(&y);
    y.issuer.spec.acme = &y.acme;
    y.issuer.obj.meta.uid = "other";
    AUTO_KEY key = scene_key();
    READINESS r = {0}, of_y = {0}, again = {0};
    registered(&s, &x, key, &r);
    plan_key(&s, key);
    plan_account(&s, CA, 200, VALID);
    scripted_plan_headers(&s.world, "POST " CA "/acct/1", 200, JSON, VALID);
    ensured(&s, &y, &of_y); /* the same server: one CA, and its directory is known */
    size_t cas = 0, keys = 0;
    acme_accounts_count(s.env.accounts, &cas, &keys);
    assert_int_equal(cas, 1);
    assert_int_equal(keys, 2);
    x.acme.server = "https://other.test/dir";
    plan_key(&s, key);
    plan_directory(&s, "https://other.test");
    plan_account(&s, "https://other.test", 201, VALID);
    ensured(&s, &x, &again);
    acme_accounts_count(s.env.accounts, &cas, &keys);
    assert_int_equal(cas, 2);
    acme_accounts_forget(s.env.accounts, "other");
    acme_accounts_forget(s.env.accounts, "other");
    acme_accounts_count(s.env.accounts, &cas, &keys);
    assert_int_equal(cas, 1);
    assert_int_equal(keys, 1);
    acme_accounts_forget(s.env.accounts, "issuer");
    acme_accounts_count(s.env.accounts, &cas, &keys);
    assert_int_equal(cas + keys, 0);
}

static void a_refusal_is_an_error(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0};
    plan_key(&s, key);
    scripted_plan_error(&s.world, "GET " CA "/dir", err_new(ERR_TRANSIENT, "TLSFailed", "unknown"));
    expect_err(acme_account_ensure(&s.env, &x.issuer, &r), ERR_TRANSIENT, "TLSFailed",
               "spec.acme.caBundle");
    plan_key(&s, key);
    plan_directory(&s, CA);
    plan_account(&s, CA, 200, "{\"status\":\"deactivated\"}");
    expect_err(acme_account_ensure(&s.env, &x.issuer, &r), ERR_DENIED, "AccountNotValid",
               "deactivated");
    x.acme.ca_bundle = "***";
    plan_key(&s, key);
    expect_err(acme_account_ensure(&s.env, &x.issuer, &r), ERR_INVALID, NULL, "spec.acme.caBundle");
    assert_false(r.ready);
}

/* ---- the kinds of keys ---- */

static void a_key_is_made_as_the_spec_says(void **state)
{
    (void)state;
    static const struct {
        struct acme_account_key wish;
        struct pki_key_spec made;
    } rows[] = {
        {{NULL, 0, 0}, {PKI_ECDSA, 256}},      {{"ES256", 0, 0}, {PKI_ECDSA, 256}},
        {{"ES384", 0, 0}, {PKI_ECDSA, 384}},   {{"RS256", 0, 0}, {PKI_RSA, 2048}},
        {{"RS256", 3072, 0}, {PKI_RSA, 3072}}, {{"EdDSA", 0, 0}, {PKI_ED25519, 0}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct subject x;
        subject_init(&x);
        x.acme.account_key = rows[i].wish;
        AUTO_KEY key = NULL;
        expect_ok(acme_key_make(&x.issuer, &key));
        assert_true(pki_key_matches(key, &rows[i].made));
    }
}

/* Whatever spec.acme.accountKey says: a key that is there is used. */
static void a_key_of_the_user_is_used_as_it_is(void **state)
{
    (void)state;
    static const struct {
        struct pki_key_spec spec;
        const char *alg;
    } rows[] = {{{PKI_RSA, 2048}, "RS256"},
                {{PKI_ECDSA, 384}, "ES384"},
                {{PKI_ECDSA, 521}, "ES512"},
                {{PKI_ED25519, 0}, "EdDSA"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        struct subject x;
        subject_init(&x);
        AUTO_KEY key = NULL;
        expect_ok(pki_key_generate(&rows[i].spec, &key));
        READINESS r = {0};
        registered(&s, &x, key, &r);
        json_auto_t *jws = scripted_json(&s.world, 3);
        const char *text = JSTR(jws, "protected");
        auto_free char *raw = NULL;
        size_t len = 0;
        expect_ok(base64url_decode(text, strlen(text), &raw, &len));
        json_auto_t *header = parsed(raw);
        assert_string_equal(JSTR(header, "alg"), rows[i].alg);
    }
}

/* ---- use ---- */

static void an_account_is_used_by_its_status(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_ACME_HANDLE early = {0};
    expect_err(acme_account_get(&s.env, &x.issuer, &early), ERR_NOT_FOUND, "IssuerNotReady",
               "no ACME account");
    AUTO_KEY key = scene_key();
    READINESS r = {0};
    registered(&s, &x, key, &r);
    AUTO_ACME_HANDLE handle = {0};
    expect_ok(acme_account_get(&s.env, &x.issuer, &handle)); /* no request: the key is known */
    assert_string_equal(handle.url, CA "/acct/1");
    auto_free char *thumbprint = pki_jwk_thumbprint(key);
    assert_string_equal(handle.thumbprint, thumbprint);
}

/* A new process knows the status and reads the key once. */
static void a_new_process_reads_the_key(void **state)
{
    (void)state;
    SCENE before = {0};
    scene_open(&before);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    AUTO_KEY other = scene_key();
    READINESS r = {0};
    registered(&before, &x, key, &r);
    SCENE s = {0};
    scene_open(&s);
    AUTO_ACME_HANDLE none = {0}, first = {0}, second = {0};
    scripted_plan(&s.world, GET_KEY, 404, "{}");
    expect_err(acme_account_get(&s.env, &x.issuer, &none), ERR_NOT_FOUND, "IssuerNotReady", NULL);
    plan_key(&s, other);
    expect_err(acme_account_get(&s.env, &x.issuer, &none), ERR_NOT_FOUND, "IssuerNotReady",
               "registered again");
    scripted_plan(&s.world, GET_KEY, 503, "{}");
    expect_err(acme_account_get(&s.env, &x.issuer, &none), ERR_TRANSIENT, NULL, NULL);
    plan_key(&s, key);
    expect_ok(acme_account_get(&s.env, &x.issuer, &first));
    expect_ok(acme_account_get(&s.env, &x.issuer, &second));
    assert_true(pki_key_equal(second.account.key, key));
}

/* Any CA may answer with any URL. */
static void an_account_is_told_by_its_ca(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *server, *name;
    } rows[] = {
        {NULL, CA "/dir", NULL},
        {"", CA "/dir", NULL},
        {CA "/acct/1", CA "/dir", CA "/acct/1"},
        {CA "/acct/1", "https://CA.test:443/other", CA "/acct/1"},
        {CA "/acct/1", CA ":444/dir", CA "/acct/1 of " CA ":444/dir"},
        {CA "/acct/1", "https://evil.test/dir", CA "/acct/1 of https://evil.test/dir"},
        {"nonsense", "nonsense", "nonsense of nonsense"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct subject x;
        subject_init(&x);
        x.acme.server = rows[i].server;
        x.issuer.status.acme.uri = rows[i].uri;
        auto_free char *name = acme_account_name(&x.issuer);
        assert_true(str_eq(name, rows[i].name));
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
        cmocka_unit_test(a_new_issuer_makes_a_key_and_registers),
        cmocka_unit_test(a_key_that_is_used_is_missed_by_the_next_list),
        cmocka_unit_test(a_lost_race_reads_the_winners_key),
        cmocka_unit_test(no_key_is_made_when_that_is_forbidden),
        cmocka_unit_test(a_secret_without_the_key_is_left_alone),
        cmocka_unit_test(the_reference_names_the_data_key),
        cmocka_unit_test(requests_are_counted_by_host_for_cluster_issuers_only),
        cmocka_unit_test(a_cluster_issuers_key_is_in_its_namespace),
        cmocka_unit_test(what_is_registered_stays),
        cmocka_unit_test(another_key_is_another_account),
        cmocka_unit_test(another_server_is_another_account),
        cmocka_unit_test(another_address_updates_the_account),
        cmocka_unit_test(a_lost_account_is_registered_again),
        cmocka_unit_test(a_doubt_ends_when_the_account_is_found),
        cmocka_unit_test(an_account_that_ended_is_shown),
        cmocka_unit_test(what_nobody_uses_is_forgotten),
        cmocka_unit_test(a_refusal_is_an_error),
        cmocka_unit_test(a_key_is_made_as_the_spec_says),
        cmocka_unit_test(a_key_of_the_user_is_used_as_it_is),
        cmocka_unit_test(an_account_is_used_by_its_status),
        cmocka_unit_test(an_account_is_told_by_its_ca),
        cmocka_unit_test(a_new_process_reads_the_key),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
