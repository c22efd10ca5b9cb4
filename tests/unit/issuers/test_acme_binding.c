/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/acme_binding.h"

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
#include "support/scripted_kube.h"

#define GET_MAC "GET https://api/api/v1/namespaces/shop/secrets/eab"
#define REQUIRED "{\"externalAccountRequired\":true}"

static const struct acme_external_account external = {
    .key_id = "kid-1", .key_secret_ref = {.name = "eab", .key = "secret"}};

static void plan_mac(struct issuer_scene *s, const char *text)
{
    auto_free char *data = base64_encode(text, strlen(text));
    auto_free char *body = x_printf("{\"data\":{\"secret\":\"%s\"}}", data);
    scripted_plan(&s->world, GET_MAC, 200, body);
}

static void bound_subject(struct subject *x)
{
    subject_init(x);
    x->acme.external_account_binding = &external;
}

/* ---- the MAC key ---- */

static void keys_are_read_as_cas_and_tools_write_them(void **state)
{
    (void)state;
    static const char bytes[] = "\xfb\xff\xfe\x01"; /* "-__-AQ" in base64url */
    static const char *const texts[] = {"-__-AQ",   "-__-AQ==", "-__-AQ\n",   "-__-AQ==\r\n",
                                        "+//+AQ==", "+//+AQ",   "+//+AQ== \n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        SCENE s = {0};
        scene_open(&s);
        struct subject x;
        bound_subject(&x);
        plan_mac(&s, texts[i]);
        AUTO_ACME_BINDING b = {0};
        expect_ok(acme_binding_read(&s.env, &x.issuer, &b));
        assert_string_equal(b.binding.key_id, "kid-1");
        assert_int_equal(b.binding.mac.bits, 256);
        assert_int_equal(b.binding.mac.len, 4);
        assert_memory_equal(b.binding.mac.secret, bytes, 4);
        assert_true(scripted_seen(&s.world, 0)->flags & HTTP_SECRET);
    }
}

static void algorithms_are_those_of_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm;
        int bits;
    } rows[] = {{NULL, 256}, {"", 256}, {"HS256", 256}, {"HS384", 384}, {"HS512", 512}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        struct subject x;
        bound_subject(&x);
        struct acme_external_account own = external;
        own.key_algorithm = rows[i].algorithm;
        x.acme.external_account_binding = &own;
        plan_mac(&s, "AQID");
        AUTO_ACME_BINDING b = {0};
        expect_ok(acme_binding_read(&s.env, &x.issuer, &b));
        assert_int_equal(b.binding.mac.bits, rows[i].bits);
    }
}

static void other_keys_are_refused_and_not_shown(void **state)
{
    (void)state;
    char long_text[1100];
    memset(long_text, 'A', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    const char *const texts[] = {"=", "\n", "hush!hush", "+/-_", "A", "a b", long_text};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        SCENE s = {0};
        scene_open(&s);
        struct subject x;
        bound_subject(&x);
        plan_mac(&s, texts[i]);
        AUTO_ACME_BINDING b = {0};
        struct err *e = acme_binding_read(&s.env, &x.issuer, &b);
        assert_non_null(e);
        assert_null(strstr(e->message, "hush"));
        expect_err(e, ERR_INVALID, NULL, "externalAccountBinding.keySecretRef, Secret shop/eab");
        assert_null(b.binding.key_id);
    }
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    bound_subject(&x);
    AUTO_ACME_BINDING b = {0};
    scripted_plan(&s.world, GET_MAC, 404, "{}");
    expect_err(acme_binding_read(&s.env, &x.issuer, &b), ERR_NOT_FOUND, NULL,
               "put the MAC key of the CA into Secret shop/eab");
    scripted_plan(&s.world, GET_MAC, 200, "{\"data\":{\"other\":\"eA==\"}}");
    expect_err(acme_binding_read(&s.env, &x.issuer, &b), ERR_NOT_FOUND, "MissingData",
               "data[\"secret\"]");
}

static void without_the_field_nothing_is_read(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_ACME_BINDING b = {0};
    expect_ok(acme_binding_read(&s.env, &x.issuer, &b));
    assert_null(b.binding.key_id);
}

/* ---- registration with it ---- */

/* Who says nothing without a binding is given it at once (HARICA). */
static void is_bound_after(int status, const char *problem)
{
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    bound_subject(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, again = {0};
    plan_key(&s, key);
    plan_directory_meta(&s, CA, REQUIRED);
    plan_account(&s, CA, status, problem);
    plan_mac(&s, "AQID");
    plan_account(&s, CA, 201, VALID);
    ensured(&s, &x, &r);
    adopt(&x, &r);
    json_auto_t *asked = payload(&s, 3);
    assert_true(JBOOL(asked, "onlyReturnExisting"));
    assert_null(JGET(asked, "externalAccountBinding"));
    json_auto_t *sent = payload(&s, 5);
    assert_non_null(JGET(sent, "externalAccountBinding", "signature"));
    /* Nor when it is another one later, or none: the account is there. */
    static const struct acme_external_account other = {
        .key_id = "kid-2", .key_secret_ref = {.name = "eab", .key = "secret"}};
    const struct acme_external_account *const later[] = {&external, &other, NULL};
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        x.acme.external_account_binding = later[i];
        plan_key(&s, key);
        ensured(&s, &x, &again);
    }
}

/* Each has its own binding, or none, though the CA is one. */
static void issuers_are_bound_one_by_one(void **state)
{
    (void)state;
    static const char *const kids[] = {"kid-1", "kid-2", NULL};
    SCENE s = {0};
    scene_open(&s);
    for (size_t i = 0; i < ARRAY_LEN(kids); i++) {
        struct acme_external_account own = external;
        struct subject x;
        bound_subject(&x);
        own.key_id = kids[i];
        x.acme.external_account_binding = kids[i] != NULL ? &own : NULL;
        x.issuer.obj.meta.uid = str_or(kids[i], "unbound");
        AUTO_KEY key = scene_key();
        READINESS r = {0};
        plan_key(&s, key);
        if (i == 0)
            plan_directory_meta(&s, CA, REQUIRED);
        plan_account(&s, CA, 400, PROBLEM("accountDoesNotExist", "no"));
        if (kids[i] == NULL) {
            expect_err(acme_account_ensure(&s.env, &x.issuer, &r), ERR_INVALID,
                       "ExternalAccountRequired", "write spec.acme.externalAccountBinding");
            continue;
        }
        plan_mac(&s, "AQID");
        plan_account(&s, CA, 201, VALID);
        ensured(&s, &x, &r);
        json_auto_t *sent = payload(&s, s.world.done - 1);
        const char *text = JSTR(sent, "externalAccountBinding", "protected");
        auto_free char *raw = NULL;
        size_t len = 0;
        expect_ok(base64url_decode(text, strlen(text), &raw, &len));
        json_auto_t *header = parsed(raw);
        assert_string_equal(JSTR(header, "kid"), kids[i]);
    }
}

static void the_binding_is_sent_once(void **state)
{
    (void)state;
    is_bound_after(400, PROBLEM("accountDoesNotExist", "no"));
    is_bound_after(400, PROBLEM("externalAccountRequired", "who are you"));
}

/* Two keys in the Secret would stay two for ever, and nobody could sign. */
static void a_key_is_not_changed_where_nothing_can_be_looked_up(void **state)
{
    (void)state;
    static const struct bind_pair wish[] = {{API_ROTATE_ACCOUNT_KEY, "1"}};
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    bound_subject(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, refused = {0};
    registered(&s, &x, key, &r);
    x.issuer.obj.meta.annotations = (struct bind_map){wish, 1};
    plan_key(&s, key);
    plan_account(&s, CA, 400, PROBLEM("externalAccountRequired", "who are you"));
    ensured(&s, &x, &refused);
    assert_non_null(strstr(refused.message, "its key was not changed: the CA does not say"));
}

/* A status that was lost, or a crash before it was written: the CA knows the key, and the binding,
 * which may be good for one account only, is neither read nor sent. */
static void a_known_key_is_not_bound_again(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    bound_subject(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0};
    plan_key(&s, key);
    plan_directory_meta(&s, CA, REQUIRED);
    plan_account(&s, CA, 200, "{\"status\":\"valid\",\"contact\":[\"mailto:a@b.test\"]}");
    ensured(&s, &x, &r);
    assert_string_equal(r.acme.uri, CA "/acct/1");
}

/* Another contact is not another account, and a lost one is looked for before the binding is spent. */
static void neither_contact_nor_loss_send_it_to_a_ca_that_knows_the_key(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    bound_subject(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0}, again = {0};
    plan_key(&s, key);
    plan_directory_meta(&s, CA, REQUIRED);
    plan_account(&s, CA, 200, "{\"status\":\"valid\",\"contact\":[\"mailto:a@b.test\"]}");
    ensured(&s, &x, &r);
    adopt(&x, &r);
    x.acme.email = "new@b.test";
    acme_account_doubt(&s.env, &x.issuer);
    plan_key(&s, key);
    plan_account(&s, CA, 200, "{\"status\":\"valid\",\"contact\":[\"mailto:a@b.test\"]}");
    scripted_plan_headers(&s.world, "POST " CA "/acct/1", 200, JSON, VALID);
    ensured(&s, &x, &again);
    assert_string_equal(again.acme.last_registered_email, "new@b.test");
}

static void a_ca_that_needs_it_says_so(void **state)
{
    (void)state;
    SCENE s = {0};
    scene_open(&s);
    struct subject x;
    subject_init(&x);
    AUTO_KEY key = scene_key();
    READINESS r = {0};
    plan_key(&s, key);
    plan_directory_meta(&s, CA, REQUIRED);
    plan_account(&s, CA, 400, PROBLEM("accountDoesNotExist", "no"));
    expect_err(acme_account_ensure(&s.env, &x.issuer, &r), ERR_INVALID, "ExternalAccountRequired",
               "write spec.acme.externalAccountBinding");
    /* One that does not announce it. */
    SCENE quiet = {0};
    scene_open(&quiet);
    plan_key(&quiet, key);
    plan_directory(&quiet, CA);
    plan_account(&quiet, CA, 403, PROBLEM("externalAccountRequired", "customers only"));
    expect_err(acme_account_ensure(&quiet.env, &x.issuer, &r), ERR_INVALID,
               "ExternalAccountRequired", "customers only");
}

static void a_refused_binding_says_what_to_look_at(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
    } rows[] = {{401, PROBLEM("unauthorized", "unknown key")},
                {400, PROBLEM("malformed", "unknown key")},
                {403, PROBLEM("externalAccountRequired", "unknown key")},
                {403, "{\"detail\":\"unknown key\"}"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        struct subject x;
        bound_subject(&x);
        AUTO_KEY key = scene_key();
        READINESS r = {0};
        plan_key(&s, key);
        plan_directory_meta(&s, CA, REQUIRED);
        plan_account(&s, CA, 400, PROBLEM("accountDoesNotExist", "no"));
        plan_mac(&s, "AQID");
        plan_account(&s, CA, rows[i].status, rows[i].body);
        expect_err(acme_account_ensure(&s.env, &x.issuer, &r), ERR_DENIED, "ExternalAccountRefused",
                   ": do spec.acme.externalAccountBinding");
    }
}

/* Nothing is wrong with the binding. */
static void what_the_ca_wants_done_is_said_as_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *body, *reason, *told;
        enum err_kind kind;
    } rows[] = {
        /* RFC 8555 section 7.3.3: the CA wants its terms accepted. */
        {PROBLEM("userActionRequired", "accept the terms"), "UserActionRequired",
         "do there what the CA asks for, then it goes on by itself", ERR_DENIED},
        {PROBLEM("invalidContact", "no MX"), "InvalidContact", "no MX; correct spec.acme.email",
         ERR_INVALID},
        {PROBLEM("unsupportedContact", "no"), "UnsupportedContact", "correct spec.acme.email",
         ERR_INVALID},
        {PROBLEM("badPublicKey", "no"), "BadPublicKey", "use a key of another", ERR_INVALID},
        {PROBLEM("badSignatureAlgorithm", "no"), "BadSignatureAlgorithm",
         "use an account key for an algorithm that the CA takes", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SCENE s = {0};
        scene_open(&s);
        struct subject x;
        bound_subject(&x);
        AUTO_KEY key = scene_key();
        READINESS r = {0};
        plan_key(&s, key);
        plan_directory_meta(&s, CA, REQUIRED);
        plan_account(&s, CA, 400, PROBLEM("accountDoesNotExist", "no"));
        plan_mac(&s, "AQID");
        plan_account(&s, CA, 400, rows[i].body);
        expect_err(acme_account_ensure(&s.env, &x.issuer, &r), rows[i].kind, rows[i].reason,
                   rows[i].told);
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
        cmocka_unit_test(keys_are_read_as_cas_and_tools_write_them),
        cmocka_unit_test(algorithms_are_those_of_the_field),
        cmocka_unit_test(other_keys_are_refused_and_not_shown),
        cmocka_unit_test(without_the_field_nothing_is_read),
        cmocka_unit_test(the_binding_is_sent_once),
        cmocka_unit_test(issuers_are_bound_one_by_one),
        cmocka_unit_test(a_key_is_not_changed_where_nothing_can_be_looked_up),
        cmocka_unit_test(a_known_key_is_not_bound_again),
        cmocka_unit_test(neither_contact_nor_loss_send_it_to_a_ca_that_knows_the_key),
        cmocka_unit_test(a_ca_that_needs_it_says_so),
        cmocka_unit_test(a_refused_binding_says_what_to_look_at),
        cmocka_unit_test(what_the_ca_wants_done_is_said_as_it_is),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
