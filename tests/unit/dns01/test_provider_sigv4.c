/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"

/* What AWS publishes: the test suite of Signature Version 4 (aws-sig-v4-test-suite), and the worked example of the IAM user
 * guide. All are of this key and this moment. */
#define ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define NOW (INT64_C(1440938160) * NS_PER_SEC)
#define DATE "20150830T123600Z"
#define SESSION                                                                                    \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfp"   \
    "SPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQ"   \
    "DYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+s"   \
    "cqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
#define SUITE "service", "us-east-1"
#define HOST "example.amazonaws.com"

static const struct {
    const char *name;
    struct sigv4_request request;
    const char *session, *headers, *signature;
} vectors[] = {
    {"get-vanilla",
     {SUITE, "GET", HOST, "/", "", NULL, NULL, 0},
     NULL,
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-empty-query-key",
     {SUITE, "GET", HOST, "/", "Param1=value1", NULL, NULL, 0},
     NULL,
     "host;x-amz-date",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-query-order-key-case",
     {SUITE, "GET", HOST, "/", "Param1=value1&Param2=value2", NULL, NULL, 0},
     NULL,
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"post-vanilla",
     {SUITE, "POST", HOST, "/", "", NULL, NULL, 0},
     NULL,
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-x-www-form-urlencoded",
     {SUITE, "POST", HOST, "/", "", "application/x-www-form-urlencoded", "Param1=value1", 13},
     NULL,
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
    {"post-sts-header-before",
     {SUITE, "POST", HOST, "/", "", NULL, NULL, 0},
     SESSION,
     "host;x-amz-date;x-amz-security-token",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
    {"IAM user guide",
     {"iam", "us-east-1", "GET", "iam.amazonaws.com", "/", "Action=ListUsers&Version=2010-05-08",
      "application/x-www-form-urlencoded; charset=utf-8", NULL, 0},
     NULL,
     "content-type;host;x-amz-date",
     "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
};

static struct sigv4_keys keys_of(const char *id, const char *secret, const char *session)
{
    return (struct sigv4_keys){secret_copy(id, strlen(id)), secret_copy(secret, strlen(secret)),
                               secret_copy(str_or(session, ""), strlen(str_or(session, "")))};
}

static void published_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct sigv4_request *r = &vectors[i].request;
        AUTO_SIGV4_KEYS keys = keys_of(ID, SECRET, vectors[i].session);
        AUTO(sigv4_headers_release) struct sigv4_headers h = {0};
        expect_ok(sigv4_sign(&keys, r, NOW, &h));
        auto_free char *expected =
            x_printf("AWS4-HMAC-SHA256 Credential=" ID "/20150830/us-east-1/%s/aws4_request, "
                     "SignedHeaders=%s, Signature=%s",
                     r->service, vectors[i].headers, vectors[i].signature);
        if (!str_eq(h.authorization, expected))
            fail_msg("%s: %s", vectors[i].name, h.authorization);
        assert_string_equal(h.date, DATE);
    }
}

static void a_body_counts(void **state)
{
    (void)state;
    AUTO_SIGV4_KEYS keys = keys_of(ID, SECRET, NULL);
    struct sigv4_request r = {SUITE, "POST", HOST, "/", "", NULL, "a", 1};
    AUTO(sigv4_headers_release) struct sigv4_headers one = {0}, two = {0};
    expect_ok(sigv4_sign(&keys, &r, NOW, &one));
    r.body = "b";
    expect_ok(sigv4_sign(&keys, &r, NOW, &two));
    assert_string_not_equal(one.authorization, two.authorization);
}

static void what_is_no_key_signs_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *id, *secret, *session, *complaint;
    } bad[] = {
        {"", SECRET, NULL, "access key id"},
        {"AKID EXAMPLE", SECRET, NULL, "access key id"},
        {"AKID\r\nX: y", SECRET, NULL, "access key id"},
        {ID, "", NULL, "secret access key"},
        {ID, "with space", NULL, "secret access key"},
        {ID, "line\nbreak", NULL, "secret access key"},
        {ID, SECRET, "line\r\nX: y", "session token"},
    };
    static const struct sigv4_request r = {SUITE, "GET", HOST, "/", "", NULL, NULL, 0};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_SIGV4_KEYS keys = keys_of(bad[i].id, bad[i].secret, bad[i].session);
        struct sigv4_headers h = {0};
        expect_err(sigv4_sign(&keys, &r, NOW, &h), ERR_INVALID, "InvalidSecret", bad[i].complaint);
        assert_null(h.authorization);
    }
}

static void keys_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char text[9000];
    memset(text, 'A', sizeof(text));
    static const struct sigv4_request r = {SUITE, "GET", HOST, "/", "", NULL, NULL, 0};
    for (unsigned i = 0; i < 3; i++) {
        AUTO_SIGV4_KEYS keys = {
            secret_copy(text, i == 0 ? sizeof(text) : 20),
            secret_copy(text, i == 1 ? sizeof(text) : 40),
            secret_copy(text, i == 2 ? sizeof(text) : 0),
        };
        struct sigv4_headers h = {0};
        expect_err(sigv4_sign(&keys, &r, NOW, &h), ERR_INVALID, "InvalidSecret", NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(a_body_counts),
        cmocka_unit_test(what_is_no_key_signs_nothing),
        cmocka_unit_test(keys_that_are_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
