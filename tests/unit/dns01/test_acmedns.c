/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_acmedns.h"

#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"

#define ZONE "example.com"
#define NAME "_acme-challenge.example.com"
#define SECRET_REF "\"accountSecretRef\":{\"name\":\"acme-dns\",\"key\":\"accounts.json\"}"

static const struct provider_contract contract = {
    .provider = "acmeDNS",
    .config = "{\"host\":\"" FAKE_ACMEDNS "\"," SECRET_REF "}",
    .open = fake_acmedns_open,
    .without = CONTRACT_NO_ZONES | CONTRACT_NO_CLEAN_UP | CONTRACT_NO_OTHERS,
};

static void a_host_is_a_url(void **state)
{
    static const char *const good[] = {FAKE_ACMEDNS, FAKE_ACMEDNS "/", "http://10.0.0.1:8080/dns"};
    static const char *const bad[] = {"auth.example.test", "ftp://x", "https://u:p@x",
                                      "https://x/?q", "https://x y"};
    SCENE s;
    scene_open(&s, state);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        auto_free char *config = x_printf("{\"host\":\"%s\"," SECRET_REF "}", good[i]);
        expect_ok(scene_configure(&s, config));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auto_free char *config = x_printf("{\"host\":\"%s\"," SECRET_REF "}", bad[i]);
        expect_err(scene_configure(&s, config), ERR_INVALID, NULL, "host: write the URL");
    }
}

static void a_slash_at_the_end_is_one(void **state)
{
    SCENE s;
    scene_open(&s, state);
    expect_ok(scene_configure(&s, "{\"host\":\"" FAKE_ACMEDNS "/\"," SECRET_REF "}"));
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, ZONE, NAME, "text");
}

/* The server has room for two: what is sent again, after a crash, must not take the other one's. */
static void a_value_that_is_repeated_pushes_none_out(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value one = scene_value(NAME, ZONE, "one");
    const struct dns_value two = scene_value(NAME, ZONE, "two");
    const struct dns_value three = scene_value(NAME, ZONE, "three");
    expect_ok(scene_present(&s, &one, NULL));
    expect_ok(scene_present(&s, &two, NULL));
    expect_ok(scene_present(&s, &two, NULL));
    expect_ok(scene_present(&s, &one, NULL));
    expect_values(&s, ZONE, NAME, "one, two");
    assert_int_equal(s.fake.calls(s.fake.state), 2);
    expect_ok(scene_present(&s, &three, NULL));
    expect_ok(scene_present(&s, &one, NULL));
    expect_values(&s, ZONE, NAME, "one, three");
    expect_ok(scene_clean_up(&s, &one));
}

static void an_account_is_found_by_where_the_alias_leads(void **state)
{
    SCENE s;
    scene_open(&s, state);
    struct dns_value v = scene_value(FAKE_ACMEDNS_FULL, "auth.example.test", "text");
    v.domain = "www.example.org";
    expect_ok(scene_present(&s, &v, NULL));
    expect_values(&s, ZONE, NAME, "text");
    v.name = "_acme-challenge.www.example.org";
    expect_err(scene_present(&s, &v, NULL), ERR_NOT_FOUND, "AccountNotFound", "www.example.org");
}

static void what_is_no_account_is_said_so(void **state)
{
    static const struct {
        const char *value, *complaint;
    } rows[] = {
        {"no", "not JSON"},
        {"{\"example.com\":{\"username\":\"u\",\"password\":\"p\"}}", "no subdomain"},
        {"{\"example.com\":{\"username\":\"u\",\"subdomain\":\"s\"}}", "no password"},
        {"{\"example.com\":{\"username\":\"u\\r\\nX: y\",\"password\":\"p\",\"subdomain\":\"s\"}}",
         "username"},
        {"[]", "no account for example.com"},
    };
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        s.secret_value = rows[i].value;
        struct err *e = scene_present(&s, &v, NULL);
        assert_non_null(e);
        if (strstr(e->message, rows[i].complaint) == NULL)
            fail_msg("%s: %s", rows[i].value, e->message);
        err_free(e);
    }
    assert_int_equal(s.fake.calls(s.fake.state), 0);
}

/* A tenant names the host: what it answers is not for his eyes. */
static void no_answer_is_shown(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct dns_value v = scene_value(NAME, ZONE, "text");
    s.fake.fail_next(s.fake.state, 500, NULL, 0);
    struct err *e = scene_present(&s, &v, NULL);
    assert_non_null(e);
    assert_null(strstr(e->message, "db_error"));
    err_free(e);
}

static struct err *call_stranger(void *ctx, const struct http_request *req, const struct stop *stop,
                                 struct http_response *ret_response)
{
    (void)ctx, (void)req, (void)stop, (void)ret_response;
    return err_new(ERR_TRANSIENT, "TLSFailed", "unable to get local issuer certificate");
}

static void whom_the_system_does_not_trust_may_be_trusted(void **state)
{
    SCENE s;
    scene_open(&s, state);
    const struct http_transport strangers = {.call = call_stranger};
    s.env.http = &strangers;
    const struct dns_value v = scene_value(NAME, "example.com", "text");
    expect_err(scene_present(&s, &v, NULL), ERR_TRANSIENT, "TLSFailed", "set SSL_CERT_DIR");
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_host_is_a_url),
        cmocka_unit_test(a_slash_at_the_end_is_one),
        cmocka_unit_test(a_value_that_is_repeated_pushes_none_out),
        cmocka_unit_test(an_account_is_found_by_where_the_alias_leads),
        cmocka_unit_test(what_is_no_account_is_said_so),
        cmocka_unit_test(no_answer_is_shown),
        cmocka_unit_test(whom_the_system_does_not_trust_may_be_trusted),
    };
    return CONTRACT_RUN(&contract, own);
}
