/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/responder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define THUMBPRINT "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
#define TOKEN "0123456789abcdef"

/* The status for a path; a 200 must be the key authorization of the token. */
static int status_of(const char *path)
{
    char thumbprint[] = THUMBPRINT;
    const struct httpd_request req = {.path = path, .host = "a.test"};
    struct httpd_reply reply = {.status = 404, .body = BUF_INIT(16 * 1024)};
    http01_respond(thumbprint, &req, &reply);
    if (reply.status == 200) {
        auto_free char *want = x_printf("%s." THUMBPRINT, strrchr(path, '/') + 1);
        assert_string_equal(buf_str(&reply.body), want);
    } else {
        assert_int_equal(reply.body.len, 0);
    }
    buf_release(&reply.body);
    return reply.status;
}

static void only_the_exact_path_is_answered(void **state)
{
    (void)state;
    assert_int_equal(status_of(HTTP01_PATH TOKEN), 200);
    assert_int_equal(status_of(HTTP01_PATH "certroll-readiness-probe"), 200);
    static const char *const others[] = {
        "",
        "/",
        TOKEN,
        "/" TOKEN,
        HTTP01_PATH,
        "/.well-known/acme-challenge",
        "/.well-known/acme-challenge" TOKEN,
        "/.well-known/" TOKEN,
        "/x" HTTP01_PATH TOKEN,
        "/.WELL-KNOWN/acme-challenge/" TOKEN,
        HTTP01_PATH TOKEN "/",
        HTTP01_PATH "/" TOKEN,
        HTTP01_PATH "../" TOKEN,
        HTTP01_PATH "a/" TOKEN,
        HTTP01_PATH TOKEN ";x",
        HTTP01_PATH TOKEN "&x",
        "/" HTTP01_PATH TOKEN,
        "/x/.." HTTP01_PATH TOKEN,
        "/%2ewell-known/acme-challenge/" TOKEN,
        HTTP01_PATH "%30123456789abcdef",
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (status_of(others[i]) != 404)
            fail_msg("%s was answered", others[i]);
    char thumbprint[] = THUMBPRINT;
    const struct httpd_request asked = {
        .path = HTTP01_PATH TOKEN, .has_query = true, .host = "a.test"};
    struct httpd_reply reply = {.status = 404, .body = BUF_INIT(1024)};
    http01_respond(thumbprint, &asked, &reply);
    assert_int_equal(reply.status, 404);
}

static void hostile_tokens_are_not_echoed(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "0123456789abcde",  /* too short */
        "0123456789abcde=", /* padding */
        "0123456789abcde.", /* another thumbprint's beginning */
        "0123456789abcde+", /* base64, not base64url */
        "<script>alert(1)</script>", "0123456789abcdef\r\nX: y", "0123456789abcdef ",
        "0123456789abcde\xc3\xa4",   "0123456789abcdef%2e",      "0123456789abcdef?x",
    };
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        auto_free char *path = x_printf(HTTP01_PATH "%s", tokens[i]);
        assert_int_equal(status_of(path), 404);
        assert_false(http01_token_is_valid(tokens[i]));
    }
}

static void tokens_have_a_length(void **state)
{
    (void)state;
    char token[HTTP01_TOKEN_MAX + 2];
    memset(token, 'A', sizeof(token));
    token[HTTP01_TOKEN_MAX + 1] = '\0';
    assert_false(http01_token_is_valid(token));
    token[HTTP01_TOKEN_MAX] = '\0';
    assert_true(http01_token_is_valid(token));
    token[HTTP01_TOKEN_MIN] = '\0';
    assert_true(http01_token_is_valid(token));
    token[HTTP01_TOKEN_MIN - 1] = '\0';
    assert_false(http01_token_is_valid(token));
    assert_false(http01_token_is_valid(""));
    assert_false(http01_token_is_valid(NULL));
}

static void thumbprints_are_sha256_in_base64url(void **state)
{
    (void)state;
    assert_true(http01_thumbprint_is_valid(THUMBPRINT));
    assert_false(http01_thumbprint_is_valid(THUMBPRINT "F"));
    assert_false(http01_thumbprint_is_valid(THUMBPRINT "="));
    assert_false(http01_thumbprint_is_valid(THUMBPRINT " "));
    assert_false(http01_thumbprint_is_valid("abcdefghijklmnopqrstuvwxyz0123456789-_ABCD"));
    assert_false(http01_thumbprint_is_valid("abcdefghijklmnopqrstuvwxyz0123456789-_ABCD="));
    assert_false(http01_thumbprint_is_valid("abcdefghijklmnopqrstuvwxyz0123456789-_ABCD/"));
    assert_false(http01_thumbprint_is_valid(""));
    assert_false(http01_thumbprint_is_valid(NULL));
}

static void addresses_are_told_from_names(void **state)
{
    (void)state;
    assert_true(http01_host_is_ip("192.0.2.1"));
    assert_true(http01_host_is_ip("2001:db8::1"));
    assert_false(http01_host_is_ip("a.test"));
    assert_false(http01_host_is_ip("192.0.2"));
    assert_false(http01_host_is_ip("192.0.2.1.test"));
    assert_false(http01_host_is_ip(""));
}

/* The Location for a path, "" for 404. Owned. */
static char *sent_to(const char *url, const char *path)
{
    auto_free char *base = x_strdup(url);
    const struct httpd_request req = {.path = path, .host = "a.test"};
    struct httpd_reply reply = {.status = 404, .body = BUF_INIT(1024)};
    http01_forward(base, &req, &reply);
    assert_int_equal(reply.status, reply.location[0] != '\0' ? 301 : 404);
    assert_int_equal(reply.body.len, 0);
    buf_release(&reply.body);
    return x_strdup(reply.location);
}

static void only_tokens_are_sent_on(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *want;
    } rows[] = {
        {HTTP01_PATH TOKEN, "http://acme.test" HTTP01_PATH TOKEN},
        {HTTP01_PATH "short", ""},
        {HTTP01_PATH, ""},
        {"/", ""},
        {"/x" HTTP01_PATH TOKEN, ""},
        {HTTP01_PATH TOKEN "/", ""},
        {HTTP01_PATH TOKEN "\r\nX: y", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *got = sent_to("http://acme.test", rows[i].path);
        assert_string_equal(got, rows[i].want);
    }
    /* The longest of both fit. */
    char url[300] = "https://";
    for (size_t i = 8; i < 8 + DNS_NAME_MAX; i++)
        url[i] = (i - 8) % 64 == 63 ? '.' : 'x';
    assert_null(http01_forward_check(url));
    char path[sizeof(HTTP01_PATH) + HTTP01_TOKEN_MAX] = HTTP01_PATH;
    memset(path + strlen(path), 'x', HTTP01_TOKEN_MAX);
    auto_free char *got = sent_to(url, path);
    assert_int_equal(strlen(got), strlen(url) + strlen(path));
}

static void forwarding_goes_where_a_ca_follows(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *host; /* NULL: refused */
    } rows[] = {
        {"http://acme.test", "acme.test"},
        {"https://acme.test", "acme.test"},
        {"http://acme.test:80", "acme.test"},
        {"https://acme.test:443", "acme.test"},
        {"http://192.0.2.1", "192.0.2.1"},
        {"http://[2001:db8::1]:80", "2001:db8::1"},
        {"http://[2001:db8::1]", "2001:db8::1"},
        {NULL, NULL},
        {"", NULL},
        {"acme.test", NULL},
        {"ftp://acme.test", NULL},
        {"http://", NULL},
        {"http://acme.test/", NULL},
        {"http://acme.test/x", NULL},
        {"http://acme.test?x", NULL},
        {"http://acme.test:8080", NULL},
        {"http://u@acme.test", NULL},
        {"http://*.test", NULL},
        {"http://[2001:db8::1", NULL},
        {"http://[]", NULL},
        {"http://acme test", NULL},
        {"http://acme.test\r\nX: y", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_ERR e = http01_forward_check(rows[i].url);
        if ((e == NULL) != (rows[i].host != NULL))
            fail_msg("%s", rows[i].url);
        char host[DNS_NAME_MAX + 1];
        if (e == NULL) {
            http01_forward_host(rows[i].url, host);
            assert_string_equal(host, rows[i].host);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_exact_path_is_answered),
        cmocka_unit_test(hostile_tokens_are_not_echoed),
        cmocka_unit_test(only_tokens_are_sent_on),
        cmocka_unit_test(forwarding_goes_where_a_ca_follows),
        cmocka_unit_test(tokens_have_a_length),
        cmocka_unit_test(thumbprints_are_sha256_in_base64url),
        cmocka_unit_test(addresses_are_told_from_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
