/* SPDX-License-Identifier: Apache-2.0 */
#include "net/url.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/net_fixture.h"

static void test_shown(void **state)
{
    static const struct {
        const char *url, *shown;
    } rows[] = {
        {"https://h/p?token=x#f", "https://h/p"},
        {"https://user:pw@h:1/p", "https://h:1/p"},
        {"https://a@b@h/p@q", "https://h/p@q"},
        {"http://h?x=/@y", "http://h"},
        {"http://h#x", "http://h"},
        {"h/p?x", "h/p"},
        {"http://h/a\nb\x1b[31m", "http://h/a?b?[31m"},
        {"://", "://"},
        {"", "(no URL)"},
        {NULL, "(no URL)"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *shown = url_shown(rows[i].url);
        assert_string_equal(shown, rows[i].shown);
    }
    auto_free char *origin = url_shown_origin("http://u:p@h:1/leak?x");
    assert_string_equal(origin, "http://h:1");
    char long_url[2000];
    memset(long_url, 'a', sizeof(long_url) - 1);
    long_url[sizeof(long_url) - 1] = '\0';
    memcpy(long_url, "http://", 7);
    auto_free char *shown = url_shown(long_url);
    assert_int_equal(strlen(shown), 7 + 512);
}

static void test_origins(void **state)
{
    static const struct {
        const char *url, *origin;
    } rows[] = {
        {"https://CA.test/dir?x", "https://ca.test:443"},
        {"https://ca.test:443", "https://ca.test:443"},
        {"HTTP://u:p@[::1]/", "http://[::1]:80"},
        {"http://h:8080/p", "http://h:8080"},
        {"://", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *origin = url_origin(rows[i].url);
        assert_string_equal(str_or(origin, "none"), str_or(rows[i].origin, "none"));
    }
}

static void test_redirects(void **state)
{
    static const struct {
        const char *from, *to;
        bool host, port, origin;
    } rows[] = {
        {"http://a/x", "http://a/y", true, true, true},
        {"http://a/x", "http://A:80/", true, true, true},
        {"http://a:8080/", "http://a/", true, false, false},
        {"http://a/", "https://a/", true, false, false},
        {"http://a:443/", "https://a/", true, true, false},
        {"http://a/", "http://b/", false, true, false},
        {"http://a/", "http://[::1]/", false, true, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redirect r;
        assert_null(url_redirect(rows[i].from, rows[i].to, &r));
        assert_int_equal(r.same_host, rows[i].host);
        assert_int_equal(r.same_port, rows[i].port);
        assert_int_equal(r.same_origin, rows[i].origin);
    }
}

static void test_forbidden_redirects(void **state)
{
    static const char *const rows[] = {
        "http://a:81/",  "https://a:8443/", "ftp://a/", "file:///x", "http://u@a/",
        "http://u:p@a/", "javascript:x",    "//a/",     "",          "http://a:0080x/"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redirect r;
        AUTO_ERR e = url_redirect("http://a/", rows[i], &r);
        if (!err_is(e, ERR_DENIED))
            fail_msg("%s is followed", rows[i]);
        assert_string_equal(e->reason, "RedirectForbidden");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_forbidden_redirects),
    };
    return cmocka_run_group_tests(tests, net_group_setup, NULL);
}
