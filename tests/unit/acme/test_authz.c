/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acme/order.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_ca.h"
#include "pki/jws.h"

#define AUTHZ_URL FAKE_HOST "/authz/1"
#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define CHALLENGE(type, more)                                                                      \
    "{\"type\":\"" type "\",\"url\":\"https://ca.test/" type "\",\"status\":\"pending\"" more "}"
#define AUTHZ(challenges)                                                                          \
    "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},"              \
    "\"challenges\":[" challenges "]}"

static void get(struct fake_ca *f, const char *body, struct acme_authz *ret_authz)
{
    fake_answer(f, 200, "", body);
    assert_ok(acme_authz_get(&f->account, AUTHZ_URL, ret_authz));
}

static void an_authorization_is_read(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_authz_release) struct acme_authz a = {0};
    fake_answer(&f, 200, "retry-after: 3\n",
                "{\"status\":\"pending\",\"expires\":\"2026-01-01T01:00:00+01:00\","
                "\"wildcard\":true,\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"},"
                "\"challenges\":[" CHALLENGE("dns-01", ",\"token\":\"" TOKEN "\"") "," CHALLENGE(
                    "http-01", ",\"token\":\"" TOKEN "x\"") "]}");
    assert_ok(acme_authz_get(&f.account, AUTHZ_URL, &a));
    assert_null(f.payload);
    assert_string_equal(a.identifier_type, "dns");
    assert_string_equal(a.identifier, "a.test");
    assert_string_equal(a.status, "pending");
    assert_true(a.wildcard);
    assert_int_equal(a.expires, FAKE_NOW);
    assert_int_equal(a.retry_at, FAKE_NOW + 3 * NS_PER_SEC);
    assert_int_equal(a.challenge_count, 2);
    const struct acme_challenge *c = acme_authz_challenge(&a, "http-01");
    assert_string_equal(c->type, "http-01");
    assert_string_equal(c->url, "https://ca.test/http-01");
    assert_string_equal(c->token, TOKEN "x");
    assert_string_equal(c->status, "pending");
    assert_null(c->error);
    assert_null(acme_authz_challenge(&a, "tls-alpn-01"));
}

static void challenges_need_no_token(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_authz_release) struct acme_authz a = {0};
    get(&f,
        AUTHZ(CHALLENGE("dns-persist-01", ",\"issuer-domain-names\":[\"ca.test\"]") "," CHALLENGE(
            "device-attest-01", ",\"token\":7") "," CHALLENGE("http-01",
                                                              ",\"token\":\"" TOKEN "\"")),
        &a);
    assert_int_equal(a.challenge_count, 3);
    assert_false(a.wildcard);
    assert_null(acme_authz_challenge(&a, "dns-persist-01")->token);
    assert_null(acme_authz_challenge(&a, "device-attest-01")->token);
    assert_string_equal(acme_authz_challenge(&a, "http-01")->token, TOKEN);
}

/* draft-ietf-acme-dns-persist-01 section 3.1: 1 to 10 names, in lower case and without a final dot. */
static void issuers_are_names_or_absent(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        size_t count;
    } rows[] = {
        {"[\"ca.test\"]", 1},
        {"[\"ca.test\",\"xn--bcher-kva.example\"]", 2},
        {"[\"0.t\",\"1.t\",\"2.t\",\"3.t\",\"4.t\",\"5.t\",\"6.t\",\"7.t\",\"8.t\",\"9.t\"]", 10},
        {"[\"0.t\",\"1.t\",\"2.t\",\"3.t\",\"4.t\",\"5.t\",\"6.t\",\"7.t\",\"8.t\",\"9.t\",\"a."
         "t\"]",
         0},
        {"[]", 0},
        {"null", 0},
        {"\"ca.test\"", 0},
        {"{\"a\":\"ca.test\"}", 0},
        {"[7]", 0},
        {"[\"ca.test\",null]", 0},
        {"[\"CA.test\"]", 0},
        {"[\"ca.test.\"]", 0},
        {"[\"*.ca.test\"]", 0},
        {"[\"\"]", 0},
        {"[\"ca.test; accounturi=x\"]", 0},
        {"[\"b\xc3\xbc"
         "cher.test\"]",
         0},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(acme_authz_release) struct acme_authz a = {0};
        auto_free char *body = x_printf(
            AUTHZ(CHALLENGE("dns-persist-01",
                            ",\"accounturi\":\"https://ca.test/1\",\"issuer-domain-names\":%s")),
            rows[i].list);
        get(&f, body, &a);
        if (a.challenges[0].issuers.len != rows[i].count)
            fail_msg("%s", rows[i].list);
        assert_string_equal(a.challenges[0].account_uri, "https://ca.test/1");
    }
}

static void incomplete_challenges_are_left_out(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_authz_release) struct acme_authz a = {0};
    get(&f,
        AUTHZ("null,7,[],{},{\"type\":\"x\"},{\"type\":\"x\",\"url\":\"https://ca.test/\"},"
              "{\"url\":\"https://ca.test/\",\"status\":\"pending\"},"
              "{\"type\":\"x\",\"status\":\"pending\"},"
              "{\"type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"url\":\"https://ca.test/\","
              "\"status\":\"pending\"}," CHALLENGE("http-01", "")),
        &a);
    assert_int_equal(a.challenge_count, 1);
    assert_string_equal(a.challenges[0].type, "http-01");
}

static void tokens_are_base64url_or_absent(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        bool good;
    } cases[] = {
        {"0123456789abcdef", true},
        {"-_AZaz0123456789", true},
        {"0123456789abcde", false},
        {"", false},
        {"0123456789abcdef=", false},
        {"../../../../etc/passwd", false},
        {"0123456789abcde/", false},
        {"0123456789 abcdef", false},
        {"0123456789abcdef\\r\\nx", false},
        {"0123456789abcdef%2e", false},
        {"0123456789abcdef.", false},
        {"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", false},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(acme_authz_release) struct acme_authz a = {0};
        auto_free char *body =
            x_printf(AUTHZ(CHALLENGE("http-01", ",\"token\":\"%s\"")), cases[i].token);
        get(&f, body, &a);
        assert_int_equal(a.challenges[0].token != NULL, cases[i].good);
    }
    char token[514];
    memset(token, 'a', sizeof(token));
    for (size_t len = 512; len <= 513; len++) {
        AUTO(acme_authz_release) struct acme_authz a = {0};
        auto_free char *body =
            x_printf(AUTHZ(CHALLENGE("http-01", ",\"token\":\"%.*s\"")), (int)len, token);
        get(&f, body, &a);
        assert_int_equal(a.challenges[0].token != NULL, len == 512);
    }
}

static void a_failed_challenge_says_why(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_authz_release) struct acme_authz a = {0};
    get(&f, AUTHZ(CHALLENGE("http-01", ",\"error\":" PROBLEM("connection", "refused\\u0007"))), &a);
    assert_string_equal(a.challenges[0].error, "connection: refused?");
}

static void broken_authorizations_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"", "authz " AUTHZ_URL ": identifier: type is missing"},
        {"{\"status\":\"valid\"}", "identifier: type is missing"},
        {"{\"status\":\"valid\",\"identifier\":{\"type\":\"dns\"}}",
         "identifier: value is missing"},
        {"{\"identifier\":{\"type\":\"dns\",\"value\":\"a.test\"}}", "status is missing"},
    };
    FAKE_CA f = {0};
    fake_ca_init(&f);
    struct acme_authz a = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        fake_answer(&f, 200, "", cases[i].body);
        assert_error(acme_authz_get(&f.account, AUTHZ_URL, &a), ERR_TRANSIENT, "InvalidAnswer",
                     cases[i].says);
        assert_null(a.challenges);
    }
}

static void errors_of_the_server_are_told(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    struct acme_authz a = {0};
    fake_answer(&f, 404, PROBLEM_HEADER, PROBLEM("malformed", "expired authorization"));
    assert_error(acme_authz_get(&f.account, AUTHZ_URL, &a), ERR_NOT_FOUND, "Malformed",
                 "authz " AUTHZ_URL ": HTTP 404: malformed: expired");
    assert_error(acme_challenge_accept(&f.account, "https://evil.test/chall/1"), ERR_DENIED,
                 "ForeignURL", NULL);
    assert_null(a.identifier);
}

static void authorizations_are_bounded(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (int count = 32; count <= 33; count++) {
        AUTO(buf_release) struct buf b = BUF_INIT(1 << 20);
        for (int i = 0; i < count; i++)
            buf_putf(&b, "%s" CHALLENGE("x-%d", ""), i > 0 ? "," : "", i, i);
        auto_free char *body = x_printf(AUTHZ("%s"), buf_str(&b));
        AUTO(acme_authz_release) struct acme_authz a = {0};
        fake_answer(&f, 200, "", body);
        struct err *e = acme_authz_get(&f.account, AUTHZ_URL, &a);
        if (count > 32)
            assert_error(e, ERR_TRANSIENT, "InvalidAnswer", "33 challenges");
        else
            assert_ok(e);
        assert_int_equal(a.challenge_count, count > 32 ? 0 : 32);
    }
    char name[257];
    memset(name, 'a', sizeof(name));
    name[256] = '\0';
    auto_free char *body =
        x_printf("{\"status\":\"valid\",\"identifier\":{\"type\":\"dns\",\"value\":\"%s\"}}", name);
    struct acme_authz a = {0};
    fake_answer(&f, 200, "", body);
    assert_error(acme_authz_get(&f.account, AUTHZ_URL, &a), ERR_TRANSIENT, "InvalidAnswer",
                 "value has over 255 bytes");
}

static void a_challenge_is_accepted_with_an_empty_object(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    fake_answer(&f, 200, "", CHALLENGE("http-01", ""));
    assert_ok(acme_challenge_accept(&f.account, FAKE_HOST "/chall/1"));
    json_auto_t *empty = json_new_object();
    assert_true(json_same(f.payload, empty));
    assert_string_equal(f.url, FAKE_HOST "/chall/1");
    fake_answer(&f, 400, PROBLEM_HEADER, PROBLEM("malformed", "not pending"));
    assert_error(acme_challenge_accept(&f.account, FAKE_HOST "/chall/1"), ERR_INVALID, "Malformed",
                 "not pending");
}

static void the_key_authorization_is_token_and_thumbprint(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    auto_free char *text = acme_key_authorization(f.key, TOKEN);
    auto_free char *thumbprint = pki_jwk_thumbprint(f.key);
    auto_free char *expected = x_printf(TOKEN ".%s", thumbprint);
    assert_string_equal(text, expected);
}

/* The example of draft-ietf-acme-dns-account-label. */
static void an_account_has_a_label(void **state)
{
    (void)state;
    auto_free char *label = acme_dns_account_label("https://example.com/acme/acct/ExampleAccount");
    assert_string_equal(label, "_ujmmovf2vn55tgye");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_authorization_is_read),
        cmocka_unit_test(challenges_need_no_token),
        cmocka_unit_test(issuers_are_names_or_absent),
        cmocka_unit_test(incomplete_challenges_are_left_out),
        cmocka_unit_test(tokens_are_base64url_or_absent),
        cmocka_unit_test(a_failed_challenge_says_why),
        cmocka_unit_test(broken_authorizations_are_refused),
        cmocka_unit_test(errors_of_the_server_are_told),
        cmocka_unit_test(authorizations_are_bounded),
        cmocka_unit_test(a_challenge_is_accepted_with_an_empty_object),
        cmocka_unit_test(the_key_authorization_is_token_and_thumbprint),
        cmocka_unit_test(an_account_has_a_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
