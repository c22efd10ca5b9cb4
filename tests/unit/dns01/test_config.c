/* SPDX-License-Identifier: Apache-2.0 */
/* The dns01 member of a solver: what is read of it, and what is refused with which words. */
#include "dns01/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/expect.h"

#define PROVIDER "\"cloudflare\":{\"apiTokenSecretRef\":{\"name\":\"cf\",\"key\":\"token\"}}"

static void the_usual_is_read(void **state)
{
    (void)state;
    AUTO_DNS_CONFIG c = {0};
    expect_ok(dns_config_parse("{" PROVIDER "}", NULL, &c));
    assert_string_equal(c.provider->name, "cloudflare");
    assert_non_null(c.provider_config);
    assert_true(c.follow);
    assert_int_equal(c.mode, DNS_CHECK_AUTHORITATIVE);
}

static void all_of_it_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        const char *wait_instead;
        enum dns_check_mode mode;
        int64_t wait;
    } rows[] = {
        {"", "30s", DNS_CHECK_WAIT, 30 * NS_PER_SEC},
        {"", "0s", DNS_CHECK_NONE, 0},
        {",\"selfCheck\":{\"mode\":\"wait\",\"wait\":\"2m\"}", NULL, DNS_CHECK_WAIT,
         2 * NS_PER_MIN},
        {",\"selfCheck\":{\"mode\":\"none\"}", NULL, DNS_CHECK_NONE, 0},
        {",\"selfCheck\":{\"nameservers\":[\"192.0.2.1\"]}", NULL, DNS_CHECK_AUTHORITATIVE, 0},
        {",\"selfCheck\":{\"mode\":\"resolvers\",\"nameservers\":[\"192.0.2.1\"]}", NULL,
         DNS_CHECK_RESOLVERS, 0},
        {",\"selfCheck\":{\"mode\":\"https\",\"url\":\"https://r.test/q\"}", NULL, DNS_CHECK_HTTPS,
         0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_DNS_CONFIG c = {0};
        auto_free char *text =
            x_printf("{\"cnameStrategy\":\"None\"," PROVIDER "%s}", rows[i].more);
        expect_ok(dns_config_parse(text, rows[i].wait_instead, &c));
        assert_int_equal(c.mode, rows[i].mode);
        assert_int_equal(c.wait, rows[i].wait);
        assert_false(c.follow);
    }
}

static void the_challenge_type_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        bool by_account;
    } rows[] = {
        {"", false},
        {",\"challengeType\":\"dns-01\"", false},
        {",\"challengeType\":\"dns-account-01\"", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_DNS_CONFIG c = {0};
        auto_free char *text = x_printf("{" PROVIDER "%s}", rows[i].more);
        expect_ok(dns_config_parse(text, NULL, &c));
        assert_int_equal(c.by_account, rows[i].by_account);
        assert_int_equal(dns_config_is_by_account(text), rows[i].by_account);
    }
    assert_false(dns_config_is_by_account("{"));
}

static void what_is_wrong_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wait_instead, *told;
    } rows[] = {
        {"{}", NULL, "dns01: write a provider, one of"},
        {"{\"cnameStrategy\":\"None\"}", NULL, "write a provider"},
        {"{" PROVIDER ",\"other\":{}}", NULL, "write one provider"},
        {"{\"nobody\":{}}", NULL, "dns01.nobody: this version knows no such provider"},
        {"{\"cloudflare\":{\"apiTokenSecretRef\":7}}", NULL, "dns01.cloudflare: "},
        {"{" PROVIDER ",\"cnameStrategy\":\"Maybe\"}", NULL, "cnameStrategy"},
        {"{" PROVIDER ",\"challengeType\":\"dns-02\"}", NULL, "challengeType"},
        {"{" PROVIDER ",\"selfCheck\":{\"mode\":\"resolvers\"}}", NULL, "selfCheck.nameservers"},
        {"{" PROVIDER ",\"selfCheck\":{\"mode\":\"https\"}}", NULL, "selfCheck.url"},
        {"{" PROVIDER ",\"selfCheck\":{\"mode\":\"https\",\"url\":\"http://r.test\"}}", NULL,
         "selfCheck.url"},
        {"{" PROVIDER ",\"selfCheck\":{\"mode\":\"wait\"}}", NULL, "selfCheck.wait"},
        {"{" PROVIDER "}", "-3s", "waitInsteadOfSelfCheck"},
        {"{" PROVIDER, NULL, "dns01"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_DNS_CONFIG c = {0};
        expect_err(dns_config_parse(rows[i].text, rows[i].wait_instead, &c), ERR_INVALID,
                   "InvalidSolver", rows[i].told);
        assert_null(c.provider);
    }
}

static void a_record_that_stays_is_read(void **state)
{
    (void)state;
    AUTO(dns_persist_config_release) struct dns_persist_config usual = {0};
    expect_ok(dns_persist_config_parse("{}", NULL, &usual));
    assert_false(usual.wildcard);
    assert_int_equal(usual.until, 0);
    assert_null(usual.issuer);
    assert_true(usual.look.follow);
    assert_int_equal(usual.look.mode, DNS_CHECK_AUTHORITATIVE);
    AUTO(dns_persist_config_release) struct dns_persist_config c = {0};
    expect_ok(dns_persist_config_parse("{\"wildcardPolicy\":true,\"persistUntil\":"
                                       "\"1970-01-01T00:00:05Z\",\"issuerDomainName\":\"ca.test\","
                                       "\"selfCheck\":{\"mode\":\"none\"}}",
                                       NULL, &c));
    assert_true(c.wildcard);
    assert_int_equal(c.until, 5 * NS_PER_SEC);
    assert_string_equal(c.issuer, "ca.test");
    assert_int_equal(c.look.mode, DNS_CHECK_NONE);
    AUTO(dns_persist_config_release) struct dns_persist_config waits = {0};
    expect_ok(dns_persist_config_parse("{}", "3s", &waits));
    assert_int_equal(waits.look.mode, DNS_CHECK_WAIT);
    static const char *const bad[] = {"{", "{\"persistUntil\":\"soon\"}",
                                      "{\"selfCheck\":{\"mode\":\"https\"}}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct dns_persist_config other = {0};
        expect_err(dns_persist_config_parse(bad[i], NULL, &other), ERR_INVALID, "InvalidSolver",
                   "spec.acme.solvers[].dnsPersist01");
    }
}

static struct err *note(void *arg, const char *field, const struct dns_secret_ref *ref)
{
    struct buf *b = arg;
    buf_putf(b, "%s=%s/%s ", field, ref->name, ref->key);
    return NULL;
}

static void its_secrets_are_found(void **state)
{
    (void)state;
    AUTO_DNS_CONFIG c = {0};
    AUTO(buf_release) struct buf seen = BUF_INIT(4096);
    expect_ok(dns_config_parse("{" PROVIDER "}", NULL, &c));
    expect_ok(dns_config_secrets(&c, note, &seen));
    assert_string_equal(buf_str(&seen), "apiTokenSecretRef=cf/token ");
}

#define RESOLVERS(list) "\"selfCheck\":{\"mode\":\"resolvers\",\"nameservers\":[" list "]},"
#define HTTPS(host) "\"selfCheck\":{\"mode\":\"https\",\"url\":\"https://" host "/\"},"

static void those_who_ask_the_same_are_alike(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool alike;
    } rows[] = {
        {"", "", true},
        {"", "\"cnameStrategy\":\"None\",", false},
        {"", RESOLVERS("\"192.0.2.1\""), false},
        {RESOLVERS("\"192.0.2.1\""), RESOLVERS("\"192.0.2.1\""), true},
        {RESOLVERS("\"192.0.2.1\""), RESOLVERS("\"192.0.2.2\""), false},
        {RESOLVERS("\"192.0.2.1\""), RESOLVERS("\"192.0.2.1\",\"192.0.2.2\""), false},
        {HTTPS("r.test"), HTTPS("r.test"), true},
        {HTTPS("r.test"), HTTPS("s.test"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_DNS_CONFIG a = {0};
        AUTO_DNS_CONFIG b = {0};
        auto_free char *text_a = x_printf("{%s" PROVIDER "}", rows[i].a);
        auto_free char *text_b = x_printf("{%s" PROVIDER "}", rows[i].b);
        expect_ok(dns_config_parse(text_a, NULL, &a));
        expect_ok(dns_config_parse(text_b, NULL, &b));
        if (dns_config_asks_alike(&a, &b) != rows[i].alike ||
            dns_config_asks_alike(&b, &a) != rows[i].alike)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
    }
}

static void those_that_may_be_none_are_found(void **state)
{
    (void)state;
    AUTO_DNS_CONFIG c = {0};
    AUTO(buf_release) struct buf seen = BUF_INIT(4096);
    expect_ok(dns_config_parse("{\"route53\":{\"accessKeyID\":\"a\",\"secretAccessKeySecretRef\":"
                               "{\"name\":\"aws\",\"key\":\"secret\"}}}",
                               NULL, &c));
    expect_ok(dns_config_secrets(&c, note, &seen));
    assert_string_equal(buf_str(&seen), "secretAccessKeySecretRef=aws/secret ");
}

/* As typed clients of cert-manager's API write what is left out. */
static void a_reference_to_nothing_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"route53\":{\"secretAccessKeySecretRef\":{\"name\":\"\"}}}",
        "{\"rfc2136\":{\"nameserver\":\"ns1\",\"tsigSecretSecretRef\":{\"name\":\"\"}}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO_DNS_CONFIG c = {0};
        AUTO(buf_release) struct buf seen = BUF_INIT(4096);
        expect_ok(dns_config_parse(texts[i], NULL, &c));
        expect_ok(dns_config_secrets(&c, note, &seen));
        assert_string_equal(buf_str(&seen), "");
    }
}

static int prepare(void **state)
{
    (void)state;
    json_room_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_is_read),
        cmocka_unit_test(all_of_it_is_read),
        cmocka_unit_test(the_challenge_type_is_read),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(a_record_that_stays_is_read),
        cmocka_unit_test(its_secrets_are_found),
        cmocka_unit_test(those_who_ask_the_same_are_alike),
        cmocka_unit_test(those_that_may_be_none_are_found),
        cmocka_unit_test(a_reference_to_nothing_is_none),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
