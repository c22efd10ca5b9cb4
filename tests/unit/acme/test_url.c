/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_ca.h"

static void urls_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *url, *origin;
    } cases[] = {
        {"https://ca.test", "ca.test:443"},
        {"https://ca.test/", "ca.test:443"},
        {"HTTPS://CA.Test/x?y=z@1", "ca.test:443"},
        {"https://ca.test?q", "ca.test:443"},
        {"https://ca.test:14000/dir", "ca.test:14000"},
        {"https://ca.test:443/dir", "ca.test:443"},
        {"https://192.0.2.1:65535", "192.0.2.1:65535"},
        {"https://[2001:DB8::1]/x", "[2001:db8::1]:443"},
        {"https://[::ffff:192.0.2.1]:8443/x", "[::ffff:192.0.2.1]:8443"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct acme_url u;
        assert_ok(acme_url_parse(cases[i].url, &u));
        auto_free char *origin = acme_url_origin(&u);
        assert_string_equal(origin, cases[i].origin);
    }
}

static const char *const bad[] = {
    "",
    "https://",
    "https:///x",
    "https://?x",
    "http://ca.test/x",
    "ftp://ca.test/x",
    "//ca.test/x",
    "/x",
    "https:/ca.test/x",
    "https://user@ca.test/x",
    "https://user:password@ca.test/x",
    "https://ca.test:1@evil.test/x",
    "https://ca.test#@evil.test/",
    "https://ca.test/x#y",
    "https://ca.test\\@evil.test/x",
    "https://evil.test\\.ca.test/x",
    "https://ca.test/a b",
    "https://ca.test/a\tb",
    "https://ca.test/a\r\nHost: evil.test",
    "https://ca.test/\x7f",
    "https://ca.test/\xc3\xa4",
    "https://c\xc3\xa4.test/",
    " https://ca.test/",
    "https://ca%2etest/",
    "https://ca.test:/x",
    "https://ca.test:0/x",
    "https://ca.test:65536/x",
    "https://ca.test:-1/x",
    "https://ca.test:123456/x",
    "https://ca.test:44a/x",
    "https://[2001:db8::1/x",
    "https://[2001:db8::1]x/",
    "https://[fe80::1%25eth0]/",
    "https://[v1.x]/",
    "https://2001:db8::1/",
};

static void what_is_no_https_url_is_refused(void **state)
{
    (void)state;
    struct acme_url untouched = {.port = 7};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err *e = acme_url_parse(bad[i], &untouched);
        if (e == NULL)
            fail_msg("%s was accepted", bad[i]);
        assert_error(e, ERR_INVALID, "InvalidURL", NULL);
    }
    assert_error(acme_url_parse(NULL, &untouched), ERR_INVALID, "InvalidURL", NULL);
    assert_int_equal(untouched.port, 7);
}

static char *url_of(size_t len, const char *prefix)
{
    char *url = x_alloc(len + 1);
    memset(url, 'a', len);
    memcpy(url, prefix, strlen(prefix));
    url[len] = '\0';
    return url;
}

static void lengths_are_bounded(void **state)
{
    (void)state;
    struct acme_url u;
    auto_free char *longest = url_of(ACME_URL_MAX, "https://ca.test/");
    auto_free char *too_long = url_of(ACME_URL_MAX + 1, "https://ca.test/");
    auto_free char *host = url_of(strlen("https://") + ACME_HOST_MAX, "https://");
    auto_free char *long_host = url_of(strlen("https://") + ACME_HOST_MAX + 1, "https://");
    assert_ok(acme_url_parse(longest, &u));
    assert_error(acme_url_parse(too_long, &u), ERR_INVALID, "InvalidURL", "2048");
    assert_ok(acme_url_parse(host, &u));
    assert_error(acme_url_parse(long_host, &u), ERR_INVALID, "InvalidURL", "host");
}

static void only_what_the_directory_names_is_ours(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = "{\"newNonce\":\"https://ca.test/nonce\","
                              "\"newAccount\":\"https://CA.test:443/acct\","
                              "\"newOrder\":\"https://orders.ca.test:8443/new\","
                              "\"renewalInfo\":\"https://ari.ca.test/ari\","
                              "\"meta\":{\"termsOfService\":\"https://tos.ca.test/\","
                              "\"website\":\"https://www.ca.test/\"}}"};
    fake_ca_init(&f);
    static const char *const ours[] = {
        "https://ca.test/anything/else?x",
        "https://Ca.TEST:443/",
        "https://orders.ca.test:8443/order/1",
        "https://ari.ca.test/",
    };
    static const char *const foreign[] = {
        "https://ca.test:8443/", "https://orders.ca.test/",   "https://evil.test/",
        "https://ca.test.evil/", "https://tos.ca.test/",      "https://www.ca.test/",
        "https://ca.test./",     "https://a.ca.test/",        "http://ca.test/",
        "https://x@ca.test/",    "https://ca.test:8443@evil", "/order/1",
    };
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        assert_ok(acme_ca_check_url(f.ca, ours[i]));
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        assert_error(acme_ca_check_url(f.ca, foreign[i]), ERR_DENIED, "ForeignURL", NULL);
    assert_error(acme_ca_check_url(f.ca, NULL), ERR_DENIED, "ForeignURL", NULL);
    assert_int_equal(f.directories, 1);
}

static void a_bad_url_needs_no_directory(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_error(acme_ca_check_url(f.ca, bad[i]), ERR_DENIED, "ForeignURL", NULL);
    assert_int_equal(f.directories, 0);
}

static void without_a_directory_no_url_is_ours(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = ""};
    fake_ca_init(&f);
    fake_answer(&f, 500, "", "");
    assert_error(acme_ca_check_url(f.ca, FAKE_HOST "/x"), ERR_TRANSIENT, "HTTP500", "directory");
}

static void messages_quote_no_line_breaks_and_not_everything(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    auto_free char *url = url_of(100000, "https://evil.test/\r\nlevel=error");
    struct err *e = acme_ca_check_url(f.ca, url);
    assert_non_null(e);
    assert_true(strlen(e->message) < 500);
    assert_null(strpbrk(e->message, "\r\n"));
    err_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(what_is_no_https_url_is_refused),
        cmocka_unit_test(lengths_are_bounded),
        cmocka_unit_test(only_what_the_directory_names_is_ours),
        cmocka_unit_test(a_bad_url_needs_no_directory),
        cmocka_unit_test(without_a_directory_no_url_is_ours),
        cmocka_unit_test(messages_quote_no_line_breaks_and_not_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
