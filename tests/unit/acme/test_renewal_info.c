/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/renewal_info.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "fake_ca.h"

#define ENDPOINTS                                                                                  \
    "\"newNonce\":\"" FAKE_HOST "/nonce\",\"newAccount\":\"" FAKE_HOST "/new-acct\","              \
    "\"newOrder\":\"" FAKE_HOST "/new-order\""
#define DIRECTORY "{" ENDPOINTS ",\"renewalInfo\":\"" FAKE_HOST "/ari\"}"
#define ID "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"
#define WINDOW(start, end) "\"suggestedWindow\":{\"start\":\"" start "\",\"end\":\"" end "\"}"
#define GOOD WINDOW("2026-02-01T00:00:00.250Z", "2026-02-03T00:00:00Z")

static void a_window_is_read(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = DIRECTORY};
    fake_ca_init(&f);
    AUTO(acme_renewal_info_release) struct acme_renewal_info i = {0};
    fake_answer(&f, 200, "retry-after: 21600\n",
                "{" GOOD ",\"explanationURL\":\"https://ca.test/why\",\"more\":1}");
    assert_ok(acme_renewal_info_get(f.ca, ID, &i));
    assert_string_equal(f.method, "GET");
    assert_string_equal(f.url, FAKE_HOST "/ari/" ID);
    assert_int_equal(i.start, FAKE_NOW + 31 * NS_PER_DAY + 250 * NS_PER_MS);
    assert_int_equal(i.end, FAKE_NOW + 33 * NS_PER_DAY);
    assert_string_equal(i.explanation_url, "https://ca.test/why");
    assert_int_equal(i.retry_at, FAKE_NOW + 6 * NS_PER_HOUR);
    assert_int_equal(f.posts, 0);
}

static void a_slash_is_not_doubled(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = "{" ENDPOINTS ",\"renewalInfo\":\"" FAKE_HOST "/draft/ari/\"}"};
    fake_ca_init(&f);
    AUTO(acme_renewal_info_release) struct acme_renewal_info i = {0};
    fake_answer(&f, 200, "", "{" GOOD "}");
    assert_ok(acme_renewal_info_get(f.ca, ID, &i));
    assert_string_equal(f.url, FAKE_HOST "/draft/ari/" ID);
    assert_null(i.explanation_url);
    assert_int_equal(i.retry_at, 0);
}

/* Section 4.2: an end that is not after the start is as good as no answer. */
static void what_is_no_window_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"", "not two times"},
        {"[]", "not two times"},
        {"{}", "not two times"},
        {"{\"suggestedWindow\":7}", "not two times"},
        {"{" WINDOW("soon", "2026-02-03T00:00:00Z") "}", "not two times"},
        {"{\"suggestedWindow\":{\"start\":\"2026-02-03T00:00:00Z\"}}", "not two times"},
        {"{" WINDOW("2026-02-03T00:00:00Z", "2026-02-03T00:00:00Z") "}", "ends before"},
        {"{" WINDOW("2026-02-03T00:00:00Z", "2026-02-02T00:00:00Z") "}", "ends before"},
    };
    FAKE_CA f = {.directory = DIRECTORY};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct acme_renewal_info info = {0};
        fake_answer(&f, 200, "", cases[i].body);
        assert_error(acme_renewal_info_get(f.ca, ID, &info), ERR_TRANSIENT, "InvalidAnswer",
                     cases[i].says);
    }
}

static void only_web_addresses_explain(void **state)
{
    (void)state;
    static const char *const bad[] = {"\"javascript:alert(1)\"", "\"\"", "7", "\"ftp://x\""};
    FAKE_CA f = {.directory = DIRECTORY};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO(acme_renewal_info_release) struct acme_renewal_info info = {0};
        auto_free char *body = x_printf("{" GOOD ",\"explanationURL\":%s}", bad[i]);
        fake_answer(&f, 200, "", body);
        assert_ok(acme_renewal_info_get(f.ca, ID, &info));
        assert_null(info.explanation_url);
    }
}

static void a_ca_need_not_offer_it(void **state)
{
    (void)state;
    FAKE_CA f = {.directory = "{" ENDPOINTS "}"};
    fake_ca_init(&f);
    struct acme_renewal_info i = {0};
    assert_error(acme_renewal_info_get(f.ca, ID, &i), ERR_NOT_FOUND, "NotOffered", NULL);
}

static void only_certificate_ids_become_urls(void **state)
{
    (void)state;
    char longest[ACME_CERTIFICATE_ID_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    longest[4] = '.';
    longest[ACME_CERTIFICATE_ID_MAX + 1] = '\0';
    const char *const bad[] = {"",         ".",     "a.",   ".a",    "a",    "a.b.c",
                               "a/../b.c", "a.b?c", "a.b=", "a.b\n", longest};
    FAKE_CA f = {.directory = DIRECTORY};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct acme_renewal_info info = {0};
        assert_false(acme_certificate_id_is_valid(bad[i]));
        assert_error(acme_renewal_info_get(f.ca, bad[i], &info), ERR_INVALID,
                     "InvalidCertificateID", NULL);
    }
    longest[ACME_CERTIFICATE_ID_MAX] = '\0';
    assert_true(acme_certificate_id_is_valid(longest));
    assert_true(acme_certificate_id_is_valid(ID));
    assert_false(acme_certificate_id_is_valid(NULL));
}

/* Section 4.3.3. */
static void some_errors_pass_soon(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool temporary;
    } rows[] = {{500, true}, {503, true}, {429, true}, {404, false}, {400, false}, {403, false}};
    FAKE_CA f = {.directory = DIRECTORY};
    fake_ca_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct acme_renewal_info info = {0};
        fake_answer(&f, rows[i].status, "", "");
        AUTO_ERR e = acme_renewal_info_get(f.ca, ID, &info);
        assert_non_null(e);
        assert_int_equal(acme_renewal_info_is_temporary(e), rows[i].temporary);
    }
    static const struct {
        const char *reason;
        bool temporary;
    } lost[] = {{"Timeout", true},        {"ConnectionLost", true}, {"NotAnswering", true},
                {"ConnectFailed", false}, {"TLSFailed", false},     {"InvalidAnswer", false}};
    for (size_t i = 0; i < ARRAY_LEN(lost); i++) {
        AUTO_ERR e = err_new(ERR_TRANSIENT, lost[i].reason, "x");
        assert_int_equal(acme_renewal_info_is_temporary(e), lost[i].temporary);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_read),
        cmocka_unit_test(a_slash_is_not_doubled),
        cmocka_unit_test(what_is_no_window_is_refused),
        cmocka_unit_test(only_web_addresses_explain),
        cmocka_unit_test(a_ca_need_not_offer_it),
        cmocka_unit_test(only_certificate_ids_become_urls),
        cmocka_unit_test(some_errors_pass_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
