/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "kube/status.h"

static struct err *from(int http_status, const char *body)
{
    json_auto_t *status = NULL;
    if (body != NULL)
        assert_null(json_parse(body, strlen(body), &status));
    return kube_status_error("GET pods ns/a", http_status, status, 7);
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        int http_status;
        enum err_kind kind;
    } rows[] = {
        {400, ERR_INVALID},   {401, ERR_DENIED},    {403, ERR_DENIED},       {404, ERR_NOT_FOUND},
        {405, ERR_INVALID},   {409, ERR_CONFLICT},  {410, ERR_NOT_FOUND},    {413, ERR_INVALID},
        {415, ERR_INVALID},   {422, ERR_INVALID},   {429, ERR_RATE_LIMITED}, {500, ERR_TRANSIENT},
        {503, ERR_TRANSIENT}, {504, ERR_TRANSIENT}, {302, ERR_TRANSIENT},    {418, ERR_TRANSIENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_ERR err = from(rows[i].http_status, NULL);
        assert_int_equal(err->kind, rows[i].kind);
        assert_int_equal(err->http_status, rows[i].http_status);
        assert_int_equal(err->retry_at, 7);
    }
}

static void test_the_servers_words_are_quoted(void **state)
{
    (void)state;
    AUTO_ERR err = from(409, "{\"reason\":\"AlreadyExists\",\"message\":\"pods a exists\"}");
    assert_string_equal(err->reason, "AlreadyExists");
    assert_string_equal(err->message,
                        "GET pods ns/a: the API server answered 409 AlreadyExists: pods a exists");
    AUTO_ERR bare = from(403, NULL);
    assert_string_equal(bare->message, "GET pods ns/a: the API server answered 403 Forbidden");
}

static void test_what_is_no_reason_is_replaced(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"reason\":\"not one\"}",
        "{\"reason\":\"\"}",
        "{\"reason\":5}",
        "[]",
        "{\"reason\":\"AReasonThatIsLongerThanAnyReasonOfAnyKubernetesVersionEverWasOrWillBe\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        AUTO_ERR err = from(409, bodies[i]);
        assert_string_equal(err->reason, "Conflict");
    }
}

static void test_too_large_versions_are_known_in_each_form(void **state)
{
    (void)state;
    AUTO_ERR cause =
        from(504, "{\"reason\":\"Timeout\",\"details\":{\"causes\":[{\"reason\":\"X\"},"
                  "{\"reason\":\"ResourceVersionTooLarge\"}]}}");
    assert_string_equal(cause->reason, "ResourceVersionTooLarge");
    AUTO_ERR words = from(504, "{\"message\":\"Too large resource version: 5, current: 3\"}");
    assert_string_equal(words->reason, "ResourceVersionTooLarge");
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_the_servers_words_are_quoted),
        cmocka_unit_test(test_what_is_no_reason_is_replaced),
        cmocka_unit_test(test_too_large_versions_are_known_in_each_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
