/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_ca.h"

#define LOCATION "location: " FAKE_ACCOUNT "\n"

static void assert_payload(struct fake_ca *f, const char *expected)
{
    json_auto_t *value = NULL;
    assert_ok(json_parse(expected, strlen(expected), &value));
    if (!json_same(f->payload, value)) {
        auto_free char *text = NULL;
        assert_ok(json_to_string(f->payload, 65536, &text));
        fail_msg("the payload is %s", text);
    }
}

/* A base64url member of a JWS as JSON. Owned. */
static json_t *member(const json_t *jws, const char *name)
{
    const char *text = JSTR(jws, name);
    auto_free char *raw = NULL;
    size_t len = 0;
    json_t *value = NULL;
    assert_ok(base64url_decode(text, strlen(text), &raw, &len));
    assert_ok(json_parse(raw, len, &value));
    return value;
}

static void a_new_account_is_registered(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_registration_release) struct acme_registration r = {0};
    fake_answer(&f, 201, LOCATION, "{\"status\":\"valid\",\"contact\":[\"mailto:a@b.test\"]}");
    assert_ok(acme_account_register(f.ca, f.key, "a@b.test", NULL, &r));
    assert_string_equal(r.url, FAKE_ACCOUNT);
    assert_string_equal(r.status, "valid");
    assert_string_equal(r.email, "a@b.test");
    assert_true(r.created);
    assert_string_equal(f.url, FAKE_HOST "/new-acct");
    assert_non_null(JGET(f.protected, "jwk"));
    assert_payload(&f, "{\"termsOfServiceAgreed\":true,\"contact\":[\"mailto:a@b.test\"]}");
}

static void an_account_needs_no_contact(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_registration_release) struct acme_registration r = {0};
    fake_answer(&f, 200, LOCATION, "{\"status\":\"valid\"}");
    assert_ok(acme_account_register(f.ca, f.key, NULL, NULL, &r));
    assert_null(r.email);
    assert_false(r.created);
    assert_payload(&f, "{\"termsOfServiceAgreed\":true}");
}

/* Whatever the user wrote, and without an address, too: the CA judges, and the user hears which field it is. */
static void addresses_are_the_cas_to_judge(void **state)
{
    (void)state;
    char longest[321]; /* as the CRD takes it */
    memset(longest, 'a', sizeof(longest));
    memcpy(longest + 308, "@example.com", 13);
    const struct {
        const char *email, *refusal;
    } rows[] = {
        {"a@b.test", NULL},
        {"a2345678901234567890123456789012345678901234567890@b.test", NULL},
        {longest, NULL},
        {NULL, "unsupportedContact"},
        {"mailto:a@b.test", "invalidContact"},
        {"a", "invalidContact"},
        {"@", "invalidContact"},
        {"a@", "invalidContact"},
        {"@b.test", "invalidContact"},
        {"a b@b.test", "invalidContact"},
        {"a@b.test\n", "invalidContact"},
        {"a@b.test,c@d.test", "unsupportedContact"},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(acme_registration_release) struct acme_registration r = {0};
        auto_free char *problem =
            x_printf(PROBLEM("%s", "not this one"), str_or(rows[i].refusal, ""));
        auto_free char *uri = rows[i].email != NULL ? x_printf("mailto:%s", rows[i].email) : NULL;
        bool good = rows[i].refusal == NULL;
        fake_answer(&f, good ? 201 : 400, good ? LOCATION : PROBLEM_HEADER,
                    good ? "{\"status\":\"valid\"}" : problem);
        struct err *e = acme_account_register(f.ca, f.key, rows[i].email, NULL, &r);
        assert_true(str_eq(JSTR(f.payload, "contact", "0"), uri));
        assert_int_equal(json_count(JGET(f.payload, "contact")), uri != NULL);
        if (good)
            assert_ok(e);
        else
            assert_error(e, ERR_INVALID, NULL, "not this one; correct spec.acme.email");
    }
}

static void contacts_are_read_with_care(void **state)
{
    (void)state;
    static const struct {
        const char *contact, *email;
    } cases[] = {
        {"[\"mailto:a@b.test\",\"mailto:c@d.test\"]", "a@b.test"},
        {"[\"MAILTO:a@b.test\"]", "a@b.test"},
        {"[\"mailto:a\\n@b.test\"]", "a?@b.test"},
        {"[\"tel:+491234\"]", NULL},
        {"[\"mail\"]", NULL},
        {"[7]", NULL},
        {"[]", NULL},
        {"{}", NULL},
        {"\"mailto:a@b.test\"", NULL},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(acme_registration_release) struct acme_registration r = {0};
        auto_free char *body = x_printf("{\"status\":\"valid\",\"contact\":%s}", cases[i].contact);
        fake_answer(&f, 200, LOCATION, body);
        assert_ok(acme_account_register(f.ca, f.key, NULL, NULL, &r));
        assert_true(str_eq(r.email, cases[i].email));
    }
    char address[507]; /* with mailto: one more than is looked at */
    memset(address, 'a', sizeof(address));
    address[sizeof(address) - 1] = '\0';
    auto_free char *body = x_printf("{\"status\":\"valid\",\"contact\":[\"mailto:%s\"]}", address);
    AUTO(acme_registration_release) struct acme_registration r = {0};
    fake_answer(&f, 200, LOCATION, body);
    assert_ok(acme_account_register(f.ca, f.key, NULL, NULL, &r));
    assert_null(r.email);
}

static void accounts_that_ended_are_denied(void **state)
{
    (void)state;
    static const char *const statuses[] = {"deactivated", "revoked", "frozen"};
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct acme_registration r = {0};
        auto_free char *body = x_printf("{\"status\":\"%s\"}", statuses[i]);
        fake_answer(&f, 200, LOCATION, body);
        assert_error(acme_account_register(f.ca, f.key, NULL, NULL, &r), ERR_DENIED,
                     "AccountNotValid", statuses[i]);
        assert_null(r.url);
    }
    struct acme_registration r;
    fake_answer(&f, 403, PROBLEM_HEADER, PROBLEM("unauthorized", "Account is deactivated"));
    assert_error(acme_account_register(f.ca, f.key, NULL, NULL, &r), ERR_DENIED, "Unauthorized",
                 NULL);
    fake_answer(&f, 403, PROBLEM_HEADER, PROBLEM("externalAccountRequired", "EAB"));
    assert_error(acme_account_register(f.ca, f.key, NULL, NULL, &r), ERR_DENIED,
                 "ExternalAccountRequired", NULL);
}

static void broken_answers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *headers, *body, *says;
    } cases[] = {
        {"", "{\"status\":\"valid\"}", "newAccount: the answer has no Location"},
        {"location: \n", "{\"status\":\"valid\"}", "no Location"},
        {LOCATION, "{}", "status is missing"},
        {LOCATION, "<html>", "status is missing"},
        {LOCATION, "", "status is missing"},
        {LOCATION, "{\"status\":\"\"}", "status is missing"},
        {LOCATION, "{\"status\":\"validvalidvalidvalidvalidvalidvalid\"}", "status has over 32"},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct acme_registration r = {0};
        fake_answer(&f, 201, cases[i].headers, cases[i].body);
        assert_error(acme_account_register(f.ca, f.key, NULL, NULL, &r), ERR_TRANSIENT,
                     "InvalidAnswer", cases[i].says);
        assert_null(r.url);
    }
}

static void without_a_directory_nothing_is_registered(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = ""};
    fake_ca_init(&f);
    struct acme_registration r = {0};
    fake_fail(&f, err_new(ERR_TRANSIENT, "ConnectFailed", "refused"));
    assert_error(acme_account_register(f.ca, f.key, NULL, NULL, &r), ERR_TRANSIENT, "ConnectFailed",
                 "directory: refused");
    assert_int_equal(f.directories, 1);
}

/* RFC 8555 section 7.3.4. */
static void a_binding_is_signed_for_this_key_and_url(void **state)
{
    (void)state;
    static const struct {
        int bits;
        const char *alg;
        size_t length; /* of the signature in base64url */
    } cases[] = {{256, "HS256", 43}, {384, "HS384", 64}, {512, "HS512", 86}};
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(acme_registration_release) struct acme_registration r = {0};
        const struct acme_binding binding = {"kid-1", {cases[i].bits, "secret", 6}};
        fake_answer(&f, 201, LOCATION, "{\"status\":\"valid\",\"orders\":\"" FAKE_HOST "/o\"}");
        assert_ok(acme_account_register(f.ca, f.key, NULL, &binding, &r));
        assert_string_equal(r.orders, FAKE_HOST "/o");
        const json_t *inner = JGET(f.payload, "externalAccountBinding");
        assert_int_equal(json_count(inner), 3);
        json_auto_t *header = member(inner, "protected");
        assert_int_equal(json_count(header), 3); /* no nonce */
        assert_string_equal(JSTR(header, "alg"), cases[i].alg);
        assert_string_equal(JSTR(header, "kid"), "kid-1");
        assert_string_equal(JSTR(header, "url"), FAKE_HOST "/new-acct");
        json_auto_t *jwk = member(inner, "payload");
        assert_true(json_same(jwk, JGET(f.protected, "jwk")));
        assert_int_equal(strlen(JSTR(inner, "signature")), cases[i].length);
    }
}

/* Section 7.3.1: nothing is agreed to and nothing is made. */
static void an_account_is_found_by_its_key(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_registration_release) struct acme_registration r = {0};
    fake_answer(&f, 200, LOCATION, "{\"status\":\"valid\"}");
    assert_ok(acme_account_find(f.ca, f.key, &r));
    assert_string_equal(r.url, FAKE_ACCOUNT);
    assert_null(r.orders);
    assert_payload(&f, "{\"onlyReturnExisting\":true}");
    struct acme_registration none = {0};
    fake_answer(&f, 400, PROBLEM_HEADER, PROBLEM("accountDoesNotExist", "no"));
    assert_error(acme_account_find(f.ca, f.key, &none), ERR_DENIED, "AccountDoesNotExist", NULL);
    fake_answer(&f, 401, PROBLEM_HEADER, PROBLEM("unauthorized", "it is deactivated"));
    assert_error(acme_account_find(f.ca, f.key, &none), ERR_DENIED, "AccountNotValid",
                 "it is deactivated");
    fake_answer(&f, 200, LOCATION, "{\"status\":\"revoked\"}");
    assert_error(acme_account_find(f.ca, f.key, &none), ERR_DENIED, "AccountNotValid", "revoked");
    fake_answer(&f, 503, "", "");
    assert_error(acme_account_find(f.ca, f.key, &none), ERR_TRANSIENT, NULL, NULL);
}

static void the_contact_is_replaced_and_removed(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    fake_answer(&f, 200, "", "{\"status\":\"valid\"}");
    assert_ok(acme_account_update(&f.account, "new@b.test"));
    assert_string_equal(f.url, FAKE_ACCOUNT);
    assert_string_equal(JSTR(f.protected, "kid"), FAKE_ACCOUNT);
    assert_payload(&f, "{\"contact\":[\"mailto:new@b.test\"]}");
    fake_answer(&f, 200, "", "{\"status\":\"valid\"}");
    assert_ok(acme_account_update(&f.account, NULL));
    assert_payload(&f, "{\"contact\":[]}");
    fake_answer(&f, 400, PROBLEM_HEADER, PROBLEM("invalidContact", "no MX"));
    assert_error(acme_account_update(&f.account, "x"), ERR_INVALID, "InvalidContact", "no MX");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_account_is_registered),
        cmocka_unit_test(an_account_needs_no_contact),
        cmocka_unit_test(addresses_are_the_cas_to_judge),
        cmocka_unit_test(contacts_are_read_with_care),
        cmocka_unit_test(accounts_that_ended_are_denied),
        cmocka_unit_test(broken_answers_are_refused),
        cmocka_unit_test(without_a_directory_nothing_is_registered),
        cmocka_unit_test(a_binding_is_signed_for_this_key_and_url),
        cmocka_unit_test(an_account_is_found_by_its_key),
        cmocka_unit_test(the_contact_is_replaced_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
