/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/acme_key.h"

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
#include "kube/secret.h"
#include "pki/jws.h"
#include "support/scripted_kube.h"

#define PATCH_KEY "PATCH https://api/api/v1/namespaces/shop/secrets/account"
#define ROOM (24 * NS_PER_HOUR)
#define UNKNOWN PROBLEM("accountDoesNotExist", "no")
#define WITH_CONTACT "{\"status\":\"valid\",\"contact\":[\"mailto:a@b.test\"]}"

static const struct bind_pair wish[] = {{API_ROTATE_ACCOUNT_KEY, "1"}};

static void ask(struct subject *x)
{
    x->issuer.obj.meta.annotations = (struct bind_map){wish, 1};
}

/* ---- the script ---- */

static void plan_keys(struct issuer_scene *s, const struct pki_key *key, const struct pki_key *next)
{
    AUTO(secret_release) struct secret one = {0}, two = {0};
    expect_ok(pki_key_pem(key, PKI_PKCS8, &one));
    expect_ok(pki_key_pem(next, PKI_PKCS8, &two));
    auto_free char *a = base64_encode(one.data, one.len);
    auto_free char *b = base64_encode(two.data, two.len);
    auto_free char *body = x_printf("{\"metadata\":{\"name\":\"account\",\"uid\":\"u\","
                                    "\"resourceVersion\":\"7\"},\"data\":{\"tls.key\":"
                                    "\"%s\",\"tls.key.next\":\"%s\"}}",
                                    a, b);
    scripted_plan(&s->world, GET_KEY, 200, body);
}

/* An apply, and the version it leaves. */
static void plan_apply(struct issuer_scene *s)
{
    scripted_plan(&s->world, PATCH_KEY, 200, "{\"metadata\":{\"resourceVersion\":\"8\"}}");
}

static void plan_post(struct issuer_scene *s, const char *url, int status, const char *body)
{
    auto_free char *post = x_printf("POST %s", url);
    scripted_plan_headers(&s->world, post, status, JSON "replay-nonce: nonce-abcdefghij\n", body);
}

static void plan_nonce(struct issuer_scene *s)
{
    scripted_plan_headers(&s->world, "HEAD " CA "/nonce", 200, "replay-nonce: nonce-0123456789\n",
                          "");
}

static void scene_init(struct issuer_scene *s, struct subject *x)
{
    scene_open(s);
    subject_init(x);
}

/* The present key is read, and the account is given another; *ret_done says so. */
static void change_key(struct issuer_scene *s, const struct subject *x, const struct pki_key *old,
                       struct issuer_readiness *ret_done)
{
    plan_key(s, old);
    if (x->acme.external_account_binding != NULL)
        plan_account(s, CA, 200, WITH_CONTACT); /* does the CA say which key it knows? */
    plan_apply(s);
    plan_account(s, CA, 400, UNKNOWN);      /* does it know the next one? */
    plan_account(s, CA, 200, WITH_CONTACT); /* the present one */
    plan_post(s, CA "/key", 200, "");
    plan_apply(s);
    plan_account(s, CA, 200, WITH_CONTACT);
    ensured(s, x, ret_done);
}

/* The key under name in what the i-th request applied, or NULL; and how many keys there are. */
static struct pki_key *applied(const struct issuer_scene *s, size_t i, const char *name,
                               size_t count)
{
    json_auto_t *body = scripted_json(&s->world, i);
    assert_true(scripted_seen(&s->world, i)->flags & HTTP_SECRET);
    assert_int_equal(json_count(JGET(body, "data")), count);
    AUTO(secret_release) struct secret pem = {0};
    struct pki_key *key = NULL;
    expect_ok(secret_json_value(body, name, &pem));
    expect_ok(pki_key_parse(pem.data, pem.len, &key));
    return key;
}

static json_t *decoded(const json_t *jws, const char *member)
{
    const char *text = JSTR(jws, member);
    auto_free char *raw = NULL;
    size_t len = 0;
    expect_ok(base64url_decode(text, strlen(text), &raw, &len));
    return parsed(raw);
}

/* ---- the change ---- */

/* The status has room for 1024 characters: a longer wish was done, and its Issuer could not say so, nor which key it has
 * now. */
static void a_long_wish_is_remembered_as_far_as_there_is_room(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    READINESS r = {0}, done = {0}, later = {0};
    registered(&s, &x, old, &r);
    char text[3001];
    memset(text, 'w', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    const struct bind_pair one[] = {{API_ROTATE_ACCOUNT_KEY, text}};
    x.issuer.obj.meta.annotations = (struct bind_map){one, 1};
    change_key(&s, &x, old, &done);
    assert_int_equal(strlen(done.acme.key_rotation), 1024);
    AUTO_KEY now = applied(&s, 9, "tls.key", 1);
    adopt(&x, &done);
    plan_key(&s, now);
    ensured(&s, &x, &later); /* it is done */
}

static void a_key_is_changed_on_demand(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    READINESS r = {0}, done = {0}, later = {0};
    registered(&s, &x, old, &r);
    assert_null(r.acme.key_rotation);
    ask(&x);
    change_key(&s, &x, old, &done);
    AUTO_KEY next = applied(&s, 5, "tls.key.next", 2);
    AUTO_KEY still = applied(&s, 5, "tls.key", 2); /* or this write would take it away */
    assert_true(pki_key_equal(still, old));
    AUTO_KEY kept = applied(&s, 9, "tls.key", 1); /* the next one goes in the same write */
    assert_true(pki_key_equal(next, kept));
    assert_false(pki_key_equal(next, old));
    assert_string_equal(done.acme.uri, CA "/acct/1");
    assert_string_equal(done.acme.key_rotation, "1");
    assert_int_equal(done.acme.key_since, SCENE_NOW);
    assert_string_not_equal(done.acme.last_private_key_hash, r.acme.last_private_key_hash);
    assert_string_not_equal(done.acme.thumbprint, r.acme.thumbprint);

    /* RFC 8555 section 7.3.5. */
    json_auto_t *outer = scripted_json(&s.world, 8);
    json_auto_t *outer_header = decoded(outer, "protected");
    assert_string_equal(JSTR(outer_header, "kid"), CA "/acct/1");
    json_auto_t *inner = payload(&s, 8);
    json_auto_t *header = decoded(inner, "protected");
    assert_int_equal(json_count(header), 3);
    assert_string_equal(JSTR(header, "url"), CA "/key");
    json_auto_t *jwk = pki_jwk(next);
    assert_true(json_same(JGET(header, "jwk"), jwk));
    json_auto_t *says = decoded(inner, "payload");
    json_auto_t *old_jwk = pki_jwk(old);
    assert_string_equal(JSTR(says, "account"), CA "/acct/1");
    assert_true(json_same(JGET(says, "oldKey"), old_jwk));

    /* The same wish is not granted twice, and the account is used with the new key. */
    adopt(&x, &done);
    AUTO_ACME_HANDLE handle = {0};
    expect_ok(acme_account_get(&s.env, &x.issuer, &handle));
    assert_true(pki_key_equal(handle.account.key, next));
    plan_key(&s, next);
    ensured(&s, &x, &later);
}

static void a_key_is_changed_by_its_age(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    x.acme.account_key = (struct acme_account_key){.algorithm = "ES384", .rotate_after = ROOM};
    AUTO_KEY old = scene_key();
    READINESS r = {0}, young = {0}, done = {0};
    registered(&s, &x, old, &r);
    assert_int_equal(r.acme.key_since, SCENE_NOW);
    clock_manual_advance(&s.hands, ROOM - NS_PER_SEC);
    plan_key(&s, old);
    ensured(&s, &x, &young);
    assert_int_equal(young.next, SCENE_NOW + ROOM);
    adopt(&x, &young);
    clock_manual_advance(&s.hands, NS_PER_SEC);
    plan_key(&s, old);
    plan_directory(&s, CA); /* the daily look */
    plan_account(&s, CA, 200, WITH_CONTACT);
    plan_apply(&s);
    plan_account(&s, CA, 400, UNKNOWN);
    plan_account(&s, CA, 200, WITH_CONTACT);
    plan_post(&s, CA "/key", 200, "");
    plan_apply(&s);
    plan_account(&s, CA, 200, WITH_CONTACT);
    ensured(&s, &x, &done);
    assert_int_equal(done.acme.key_since, SCENE_NOW + ROOM);
    AUTO_KEY made = applied(&s, 13, "tls.key", 1);
    assert_true(pki_key_matches(made, &(struct pki_key_spec){PKI_ECDSA, 384}));
}

/* Each signs with its own algorithm, the old one outside, and a binding is neither read nor sent again. */
static void the_next_key_may_be_of_another_kind(void **state)
{
    (void)state;
    static const struct acme_external_account external = {
        .key_id = "kid-1", .key_secret_ref = {.name = "eab", .key = "secret"}};
    static const struct {
        struct pki_key_spec old;
        const char *alg, *next;
        const struct acme_external_account *binding;
    } rows[] = {{{PKI_ECDSA, 256}, "ES256", "RS256", NULL},
                {{PKI_RSA, 2048}, "RS256", "ES256", NULL},
                {{PKI_RSA, 2048}, "RS256", "ES384", &external}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        struct subject x;
        scene_init(&s, &x);
        AUTO_KEY old = NULL;
        expect_ok(pki_key_generate(&rows[i].old, &old));
        READINESS r = {0}, done = {0};
        registered(&s, &x, old, &r);
        x.acme.account_key.algorithm = rows[i].next;
        x.acme.external_account_binding = rows[i].binding;
        ask(&x);
        change_key(&s, &x, old, &done);
        size_t sent = s.world.done - 3;
        json_auto_t *outer = scripted_json(&s.world, sent);
        json_auto_t *header = decoded(outer, "protected");
        json_auto_t *inner = payload(&s, sent);
        json_auto_t *inner_header = decoded(inner, "protected");
        assert_string_equal(JSTR(header, "alg"), rows[i].alg);
        assert_string_equal(JSTR(inner_header, "alg"), rows[i].next);
    }
}

/* ---- crashes: two keys in the Secret ---- */

static void a_crash_after_the_change_is_ended(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    AUTO_KEY next = scene_key();
    READINESS r = {0}, done = {0};
    registered(&s, &x, old, &r);
    ask(&x);
    plan_keys(&s, old, next);
    plan_account(&s, CA, 200, WITH_CONTACT); /* it knows the next one */
    plan_apply(&s);
    plan_account(&s, CA, 200, WITH_CONTACT);
    ensured(&s, &x, &done);
    AUTO_KEY kept = applied(&s, 6, "tls.key", 1);
    assert_true(pki_key_equal(kept, next));
    assert_string_equal(done.acme.key_rotation, "1");
    json_auto_t *body = scripted_json(&s.world, 6);
    assert_string_equal(JSTR(body, "metadata", "uid"), "u");
    assert_string_equal(JSTR(body, "metadata", "resourceVersion"), "7");
}

/* Also without the wish: what has begun is ended. */
static void a_crash_before_the_change_is_ended(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    AUTO_KEY next = scene_key();
    READINESS r = {0}, done = {0};
    registered(&s, &x, old, &r);
    plan_keys(&s, old, next);
    plan_account(&s, CA, 400, UNKNOWN);
    plan_account(&s, CA, 200, WITH_CONTACT);
    plan_post(&s, CA "/key", 200, "");
    plan_apply(&s);
    plan_account(&s, CA, 200, WITH_CONTACT);
    ensured(&s, &x, &done);
    AUTO_KEY kept = applied(&s, 8, "tls.key", 1);
    assert_true(pki_key_equal(kept, next));
}

/* The Secret holds the new key, and the status does not know it. */
static void a_crash_before_the_status_is_ended(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    AUTO_KEY next = scene_key();
    READINESS r = {0}, done = {0};
    registered(&s, &x, old, &r);
    ask(&x);
    plan_key(&s, next);
    plan_account(&s, CA, 200, WITH_CONTACT);
    ensured(&s, &x, &done);
    assert_string_equal(done.acme.uri, CA "/acct/1");
    assert_string_equal(done.acme.key_rotation, "1");
}

static void nobody_signs_while_it_is_open_which_key_it_is(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    AUTO_KEY next = scene_key();
    READINESS r = {0}, open = {0};
    registered(&s, &x, old, &r);
    AUTO_ACME_HANDLE before = {0}, after = {0};
    expect_ok(acme_account_get(&s.env, &x.issuer, &before));
    assert_false(acme_account_key_changed(&s.env, &x.issuer, &before));
    plan_keys(&s, old, next);
    plan_account(&s, CA, 400, UNKNOWN);
    plan_account(&s, CA, 200, WITH_CONTACT);
    scripted_plan_error(&s.world, "POST " CA "/key", err_new(ERR_TRANSIENT, "Timeout", "gone"));
    plan_nonce(&s);
    plan_account(&s, CA, 503, "{}");
    expect_err(acme_account_ensure(&s.env, &x.issuer, &open), ERR_TRANSIENT, NULL,
               "changing the account key");
    assert_true(acme_account_key_changed(&s.env, &x.issuer, &before));
    plan_keys(&s, old, next);
    expect_err(acme_account_get(&s.env, &x.issuer, &after), ERR_NOT_FOUND, "IssuerNotReady",
               "being given another key");
}

/* The answer was lost, and the change was made. */
static void an_unanswered_change_is_looked_up(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    READINESS r = {0}, done = {0};
    registered(&s, &x, old, &r);
    ask(&x);
    plan_key(&s, old);
    plan_apply(&s);
    plan_account(&s, CA, 400, UNKNOWN);
    plan_account(&s, CA, 200, WITH_CONTACT);
    scripted_plan_error(&s.world, "POST " CA "/key", err_new(ERR_TRANSIENT, "Timeout", "gone"));
    plan_nonce(&s);
    plan_account(&s, CA, 200, WITH_CONTACT);
    plan_apply(&s);
    plan_account(&s, CA, 200, WITH_CONTACT);
    ensured(&s, &x, &done);
    assert_string_equal(done.acme.key_rotation, "1");
}

/* ---- refusals ---- */

static void key_is_refused(int status, const char *problem)
{
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    READINESS r = {0}, refused = {0}, held = {0};
    registered(&s, &x, old, &r);
    ask(&x);
    plan_key(&s, old);
    plan_apply(&s);
    plan_account(&s, CA, 400, UNKNOWN);
    plan_account(&s, CA, 200, WITH_CONTACT);
    plan_post(&s, CA "/key", status, problem);
    plan_account(&s, CA, 400, UNKNOWN);
    plan_apply(&s);
    ensured(&s, &x, &refused);
    assert_non_null(strstr(refused.message, "its key was not changed"));
    assert_non_null(strstr(refused.message, "not this one"));
    assert_string_equal(refused.acme.last_private_key_hash, r.acme.last_private_key_hash);
    assert_null(refused.acme.key_rotation);
    AUTO_KEY kept = applied(&s, 10, "tls.key", 1);
    assert_true(pki_key_equal(kept, old));
    adopt(&x, &refused);
    AUTO_ACME_HANDLE handle = {0};
    expect_ok(acme_account_get(&s.env, &x.issuer, &handle));
    /* Not again before a day has passed, unless something else is asked for. */
    plan_key(&s, old);
    ensured(&s, &x, &held);
    assert_string_equal(held.message, refused.message);
}

static void a_refused_key_is_removed_and_the_account_goes_on(void **state)
{
    (void)state;
    key_is_refused(400, PROBLEM("badPublicKey", "not this one"));
    key_is_refused(409, PROBLEM("malformed", "not this one"));
    key_is_refused(409, PROBLEM("conflict", "not this one"));
}

/* Some CAs say of keys that they do not know what they say of keys whose account has ended. */
static void an_ambiguous_answer_does_not_cost_the_account(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    AUTO_KEY next = scene_key();
    READINESS r = {0}, done = {0};
    registered(&s, &x, old, &r);
    plan_keys(&s, old, next);
    plan_account(&s, CA, 401, PROBLEM("unauthorized", "who are you"));
    plan_account(&s, CA, 200, WITH_CONTACT);
    plan_account(&s, CA, 200, WITH_CONTACT);
    plan_post(&s, CA "/key", 200, "");
    plan_apply(&s);
    plan_account(&s, CA, 200, WITH_CONTACT);
    ensured(&s, &x, &done);
}

/* A CA that has lost the account gets another one, with the next key. */
static void a_lost_account_begins_with_the_next_key(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    AUTO_KEY next = scene_key();
    READINESS r = {0}, done = {0};
    registered(&s, &x, old, &r);
    plan_keys(&s, old, next);
    plan_account(&s, CA, 400, UNKNOWN);
    plan_account(&s, CA, 400, UNKNOWN);
    plan_apply(&s);
    plan_account(&s, CA, 201, VALID);
    ensured(&s, &x, &done);
    AUTO_KEY kept = applied(&s, 7, "tls.key", 1);
    assert_true(pki_key_equal(kept, next));
}

static void a_ca_without_key_change_is_not_asked(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, refused = {0};
    plan_key(&s, key);
    scripted_plan_headers(&s.world, "GET " CA "/dir", 200, JSON,
                          "{\"newNonce\":\"" CA "/nonce\",\"newAccount\":\"" CA "/account\","
                          "\"newOrder\":\"" CA "/order\"}");
    scripted_plan_headers(&s.world, "HEAD " CA "/nonce", 200, "replay-nonce: nonce-0123456789\n",
                          "");
    plan_account(&s, CA, 201, VALID);
    ensured(&s, &x, &r);
    adopt(&x, &r);
    ask(&x);
    plan_key(&s, key);
    ensured(&s, &x, &refused);
    assert_non_null(strstr(refused.message, "the CA offers no keyChange"));
}

/* The daily look found the CA away: what it offers is not known, so the wish is not refused for a day. */
static void a_ca_that_is_away_is_asked_again_soon(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, later = {0};
    registered(&s, &x, key, &r);
    adopt(&x, &r);
    ask(&x);
    clock_manual_advance(&s.hands, 2 * NS_PER_DAY);
    plan_key(&s, key);
    scripted_plan(&s.world, "GET " CA "/dir", 503, "");
    scripted_plan(&s.world, "GET " CA "/dir", 503, "");
    ensured(&s, &x, &later);
    assert_null(strstr(later.message, "was not changed"));
    assert_int_equal(later.next, clock_wall(&s.hands.clock) + NS_PER_MIN);
}

static void a_key_of_two_cas_is_not_changed(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, refused = {0};
    registered(&s, &x, key, &r);
    ask(&x);
    scene_put(
        s.env.issuers.cache,
        "{\"metadata\":{\"name\":\"other\",\"namespace\":\"shop\",\"uid\":\"o\","
        "\"resourceVersion\":\"2\"},\"spec\":{\"acme\":{\"server\":\"https://other.test/dir\","
        "\"privateKeySecretRef\":{\"name\":\"account\"}}}}");
    plan_key(&s, key);
    ensured(&s, &x, &refused);
    assert_non_null(strstr(refused.message, "an Issuer of another CA uses the same Secret"));
}

/* ---- orders under way ---- */

#define ORDER(state)                                                                               \
    "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\",\"resourceVersion\":"      \
    "\"3\"},\"spec\":{\"request\":\"eA==\",\"issuerRef\":{\"name\":\"ca\"}},\"status\":"           \
    "{\"state\":\"" state "\"}}"

static void orders_are_waited_for_but_not_for_ever(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    READINESS r = {0}, waits = {0}, done = {0};
    registered(&s, &x, old, &r);
    ask(&x);
    scene_put(s.env.orders.cache, ORDER("pending"));
    plan_key(&s, old);
    ensured(&s, &x, &waits);
    assert_int_equal(waits.next, SCENE_NOW + 10 * NS_PER_SEC);
    clock_manual_advance(&s.hands, 10 * NS_PER_MIN);
    plan_key(&s, old);
    plan_apply(&s);
    plan_nonce(&s);
    plan_account(&s, CA, 400, UNKNOWN);
    plan_account(&s, CA, 200, WITH_CONTACT);
    plan_post(&s, CA "/key", 200, "");
    plan_apply(&s);
    plan_account(&s, CA, 200, WITH_CONTACT);
    ensured(&s, &x, &done);
    assert_string_equal(done.acme.key_rotation, "1");
}

static void orders_that_ended_are_not_waited_for(void **state)
{
    (void)state;
    SCENE s = {0};
    struct subject x;
    scene_init(&s, &x);
    AUTO_KEY old = scene_key();
    READINESS r = {0}, done = {0};
    registered(&s, &x, old, &r);
    ask(&x);
    scene_put(s.env.orders.cache, ORDER("valid"));
    change_key(&s, &x, old, &done);
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
        cmocka_unit_test(a_key_is_changed_on_demand),
        cmocka_unit_test(a_long_wish_is_remembered_as_far_as_there_is_room),
        cmocka_unit_test(a_key_is_changed_by_its_age),
        cmocka_unit_test(the_next_key_may_be_of_another_kind),
        cmocka_unit_test(a_crash_after_the_change_is_ended),
        cmocka_unit_test(a_crash_before_the_change_is_ended),
        cmocka_unit_test(a_crash_before_the_status_is_ended),
        cmocka_unit_test(nobody_signs_while_it_is_open_which_key_it_is),
        cmocka_unit_test(an_unanswered_change_is_looked_up),
        cmocka_unit_test(a_refused_key_is_removed_and_the_account_goes_on),
        cmocka_unit_test(an_ambiguous_answer_does_not_cost_the_account),
        cmocka_unit_test(a_lost_account_begins_with_the_next_key),
        cmocka_unit_test(a_ca_without_key_change_is_not_asked),
        cmocka_unit_test(a_ca_that_is_away_is_asked_again_soon),
        cmocka_unit_test(a_key_of_two_cas_is_not_changed),
        cmocka_unit_test(orders_are_waited_for_but_not_for_ever),
        cmocka_unit_test(orders_that_ended_are_not_waited_for),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
