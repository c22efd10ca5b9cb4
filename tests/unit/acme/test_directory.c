/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
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

#define REQUIRED                                                                                   \
    "\"newNonce\":\"https://ca.test/nonce\",\"newAccount\":\"https://ca.test/acct\","              \
    "\"newOrder\":\"https://ca.test/order\""

static void all_that_is_there_is_read(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = "{" REQUIRED ",\"revokeCert\":\"https://ca.test/revoke\","
                              "\"keyChange\":\"https://ca.test/key\","
                              "\"renewalInfo\":\"https://ca.test/ari\",\"Zj7rS\":\"a random key\","
                              "\"newAuthz\":\"http://ca.test/unused\","
                              "\"meta\":{\"termsOfService\":\"https://ca.test/tos\\u0007\","
                              "\"externalAccountRequired\":true,\"caaIdentities\":[\"ca.test\"],"
                              "\"profiles\":{\"default\":\"90 days\",\"short\":\"6 days\"}}}"};
    fake_ca_init(&f);
    AUTO(acme_directory_release) struct acme_directory d = {0};
    assert_ok(acme_ca_directory(f.ca, &d));
    assert_string_equal(d.new_nonce, "https://ca.test/nonce");
    assert_string_equal(d.new_account, "https://ca.test/acct");
    assert_string_equal(d.new_order, "https://ca.test/order");
    assert_string_equal(d.revoke_cert, "https://ca.test/revoke");
    assert_string_equal(d.key_change, "https://ca.test/key");
    assert_string_equal(d.renewal_info, "https://ca.test/ari");
    assert_string_equal(d.terms_of_service, "https://ca.test/tos?");
    assert_true(d.external_account_required);
    assert_int_equal(d.profiles.len, 2);
    assert_true(strlist_has(&d.profiles, "short"));
    assert_string_equal(f.method, "GET");
    assert_string_equal(f.accept, "application/json");
}

static void what_is_optional_may_be_absent(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = "{" REQUIRED "}"};
    fake_ca_init(&f);
    AUTO(acme_directory_release) struct acme_directory d = {0};
    assert_ok(acme_ca_directory(f.ca, &d));
    assert_null(d.revoke_cert);
    assert_null(d.key_change);
    assert_null(d.renewal_info);
    assert_null(d.terms_of_service);
    assert_false(d.external_account_required);
    assert_int_equal(d.profiles.len, 0);
}

static void what_is_no_directory_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *directory, *says;
    } cases[] = {
        {"{}", "newNonce is missing: is this the URL of an ACME directory?"},
        {"[]", "newNonce is missing"},
        {"<html>", "newNonce is missing"},
        {"null", "newNonce is missing"},
        {"{\"newNonce\":7}", "newNonce is missing"},
        {"{\"newNonce\":\"https://ca.test/n\",\"newOrder\":\"https://ca.test/o\"}",
         "newAccount is missing"},
        {"{\"newNonce\":\"https://ca.test/n\",\"newAccount\":\"https://ca.test/a\"}",
         "newOrder is missing"},
        {"{\"newNonce\":\"http://ca.test/n\"}", "newNonce: only https URLs are used"},
        {"{" REQUIRED ",\"renewalInfo\":\"http://ca.test/ari\"}", "renewalInfo: only https"},
        {"{" REQUIRED ",\"revokeCert\":\"https://x@ca.test/\"}", "revokeCert: user information"},
        {"{" REQUIRED ",\"keyChange\":\"\"}", "keyChange: a URL has"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FAKE_CA f = {.directory = cases[i].directory};
        fake_ca_init(&f);
        struct acme_directory d = {0};
        assert_error(acme_ca_directory(f.ca, &d), ERR_TRANSIENT, "InvalidAnswer", cases[i].says);
        assert_null(d.new_nonce);
        /* A failure is not remembered. */
        assert_error(acme_ca_directory(f.ca, &d), ERR_TRANSIENT, "InvalidAnswer", NULL);
        assert_int_equal(f.directories, 2);
    }
}

static void its_answer_brings_a_nonce_too(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = ""};
    fake_ca_init(&f);
    fake_answer(&f, 200, "", "{" REQUIRED "}");
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 200, "", "{}");
    assert_ok(acme_post(&f.account, "order", FAKE_HOST "/order/1", NULL, &a));
    assert_int_equal(f.nonces, 0);
    assert_int_equal(f.nonce, 1);
}

static void texts_are_bounded(void **state)
{
    (void)state;
    char terms[2050];
    memset(terms, 'a', sizeof(terms));
    for (int len = 2048; len <= 2049; len++) {
        auto_free char *directory =
            x_printf("{" REQUIRED ",\"meta\":{\"termsOfService\":\"%.*s\"}}", len, terms);
        FAKE_CA f = {.directory = directory};
        fake_ca_init(&f);
        AUTO(acme_directory_release) struct acme_directory d = {0};
        struct err *e = acme_ca_directory(f.ca, &d);
        if (len > 2048)
            assert_error(e, ERR_TRANSIENT, "InvalidAnswer", "termsOfService has over 2048 bytes");
        else
            assert_ok(e);
    }
}

static void profiles_are_bounded(void **state)
{
    (void)state;
    AUTO(buf_release) struct buf b = BUF_INIT(1 << 20);
    buf_puts(&b, "{" REQUIRED ",\"meta\":{\"profiles\":{\"");
    for (int i = 0; i < 256; i++)
        buf_puts(&b, "x");
    buf_puts(&b, "\":\"\",\"");
    for (int i = 0; i < 255; i++)
        buf_puts(&b, "y");
    buf_puts(&b, "\":\"\"");
    for (int i = 0; i < 5000; i++)
        buf_putf(&b, ",\"p%d\":\"\"", i);
    buf_puts(&b, "}}}");
    FAKE_CA f = {.directory = buf_str(&b)};
    fake_ca_init(&f);
    AUTO(acme_directory_release) struct acme_directory d = {0};
    assert_ok(acme_ca_directory(f.ca, &d));
    assert_int_equal(d.profiles.len, 64);
    assert_int_equal(strlen(d.profiles.items[0]), 255);
    assert_string_equal(d.profiles.items[1], "p0");
}

static void only_https_directories_are_asked(void **state)
{
    (void)state;
    static const char *const urls[] = {"http://ca.test/dir", "", NULL, "https://u:p@ca.test/dir",
                                       "file:///etc/passwd"};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        FAKE_CA f = {0};
        fake_ca_init(&f);
        struct acme_ca_options o = fake_ca_options(&f);
        o.directory_url = urls[i];
        struct acme_ca *ca = acme_ca_new(&o);
        struct acme_directory d;
        assert_error(acme_ca_directory(ca, &d), ERR_INVALID, "InvalidURL", "ACME server");
        assert_int_equal(f.directories, 0);
        acme_ca_free(ca);
    }
}

static void errors_of_the_server_are_told(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = ""};
    fake_ca_init(&f);
    struct acme_directory d;
    fake_answer(&f, 503, "retry-after: 30\n", "<html>maintenance, secret</html>");
    struct err *e = acme_ca_directory(f.ca, &d);
    assert_true(err_is(e, ERR_TRANSIENT));
    assert_int_equal(e->retry_at, FAKE_NOW + 30 * NS_PER_SEC);
    assert_null(strstr(e->message, "secret"));
    err_free(e);
    fake_answer(&f, 302, "location: https://evil.test/dir\n", "");
    assert_error(acme_ca_directory(f.ca, &d), ERR_TRANSIENT, "HTTP302", "redirects elsewhere");
    fake_answer(&f, 404, "", "");
    assert_error(acme_ca_directory(f.ca, &d), ERR_NOT_FOUND, "HTTP404",
                 "directory " FAKE_DIRECTORY);
    /* JSON that is no problem document is somebody else's. */
    fake_answer(&f, 403, "content-type: application/json\n", "{\"detail\":\"internal secret\"}");
    e = acme_ca_directory(f.ca, &d);
    assert_true(err_is(e, ERR_DENIED));
    assert_null(strstr(e->message, "secret"));
    err_free(e);
    fake_fail(&f, err_new(ERR_TRANSIENT, "ConnectFailed", "no route"));
    assert_error(acme_ca_directory(f.ca, &d), ERR_TRANSIENT, "ConnectFailed",
                 "directory: no route");
}

static void it_is_fetched_once_an_hour(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    for (int i = 0; i < 3; i++) {
        AUTO(acme_directory_release) struct acme_directory d = {0};
        assert_ok(acme_ca_directory(f.ca, &d));
    }
    assert_int_equal(f.directories, 1);
    clock_manual_advance(&f.clock, NS_PER_HOUR - 1);
    assert_ok(acme_ca_check_url(f.ca, FAKE_HOST "/x"));
    assert_int_equal(f.directories, 1);
    f.directory = "{" REQUIRED ",\"renewalInfo\":\"https://new.ca.test/\"}";
    assert_error(acme_ca_check_url(f.ca, "https://new.ca.test/x"), ERR_DENIED, NULL, NULL);
    clock_manual_advance(&f.clock, 1);
    assert_ok(acme_ca_check_url(f.ca, "https://new.ca.test/x"));
    assert_int_equal(f.directories, 2);
}

static void a_404_puts_it_in_doubt(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 404, "", "");
    assert_error(acme_post(&f.account, "newOrder", FAKE_HOST "/new-order", NULL, &a), ERR_NOT_FOUND,
                 NULL, NULL);
    assert_int_equal(f.directories, 1);
    f.directory = "{" REQUIRED "}";
    AUTO(acme_directory_release) struct acme_directory d = {0};
    assert_ok(acme_ca_directory(f.ca, &d));
    assert_int_equal(f.directories, 2);
    assert_string_equal(d.new_order, "https://ca.test/order");
}

static void a_404_of_an_order_says_nothing_about_it(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    AUTO(acme_answer_release) struct acme_answer a = {0};
    fake_answer(&f, 404, PROBLEM_HEADER, PROBLEM("malformed", "no such order"));
    assert_error(acme_post(&f.account, "order", FAKE_HOST "/order/1", NULL, &a), ERR_NOT_FOUND,
                 "Malformed", "no such order");
    assert_ok(acme_ca_check_url(f.ca, FAKE_HOST "/x"));
    assert_int_equal(f.directories, 1);
}

static void *look(void *arg)
{
    struct acme_ca *ca = arg;
    for (int i = 0; i < 200; i++) {
        AUTO(acme_directory_release) struct acme_directory d = {0};
        AUTO_ERR e = acme_ca_directory(ca, &d);
        AUTO_ERR foreign = acme_ca_check_url(ca, FAKE_HOST "/order/1");
        if (e != NULL || foreign != NULL || d.new_nonce == NULL)
            return arg;
        acme_directory_doubt(ca, d.new_nonce);
    }
    return NULL;
}

static void many_threads_may_look(void **state)
{
    (void)state;
    FAKE_CA f = {0};
    fake_ca_init(&f);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, look, f.ca), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_there_is_read),
        cmocka_unit_test(what_is_optional_may_be_absent),
        cmocka_unit_test(what_is_no_directory_is_refused),
        cmocka_unit_test(its_answer_brings_a_nonce_too),
        cmocka_unit_test(texts_are_bounded),
        cmocka_unit_test(profiles_are_bounded),
        cmocka_unit_test(only_https_directories_are_asked),
        cmocka_unit_test(errors_of_the_server_are_told),
        cmocka_unit_test(it_is_fetched_once_an_hour),
        cmocka_unit_test(a_404_puts_it_in_doubt),
        cmocka_unit_test(a_404_of_an_order_says_nothing_about_it),
        cmocka_unit_test(many_threads_may_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
