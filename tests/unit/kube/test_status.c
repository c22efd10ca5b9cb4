/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kube/client.h"
#include "kube/status.h"

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum err_kind kind;
        const char *reason;
    } rows[] = {
        {400, ERR_INVALID, "BadRequest"},
        {401, ERR_DENIED, "Unauthorized"},
        {403, ERR_DENIED, "Forbidden"},
        {404, ERR_NOT_FOUND, "NotFound"},
        {405, ERR_INVALID, "MethodNotAllowed"},
        {406, ERR_INVALID, "NotAcceptable"},
        {409, ERR_CONFLICT, "Conflict"},
        {410, ERR_NOT_FOUND, "Gone"},
        {413, ERR_INVALID, "RequestEntityTooLarge"},
        {415, ERR_INVALID, "UnsupportedMediaType"},
        {422, ERR_INVALID, "Invalid"},
        {429, ERR_RATE_LIMITED, "TooManyRequests"},
        {500, ERR_TRANSIENT, "InternalError"},
        {503, ERR_TRANSIENT, "ServiceUnavailable"},
        {504, ERR_TRANSIENT, "Timeout"},
        /* From something in between. */
        {301, ERR_TRANSIENT, "UnexpectedStatus"},
        {407, ERR_TRANSIENT, "UnexpectedStatus"},
        {431, ERR_TRANSIENT, "UnexpectedStatus"},
        {502, ERR_TRANSIENT, "UnexpectedStatus"},
        {0, ERR_TRANSIENT, "UnexpectedStatus"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_ERR e = kube_status_error("GET x", rows[i].status, NULL, 42);
        assert_int_equal(e->kind, rows[i].kind);
        assert_string_equal(e->reason, rows[i].reason);
        assert_int_equal(e->http_status, rows[i].status);
        assert_true(e->by_api_server);
        assert_int_equal(e->retry_at, 42);
        assert_non_null(strstr(e->message, "GET x: "));
    }
}

static struct err *of_json(int status, const char *text)
{
    json_auto_t *body = NULL;
    assert_null(json_parse(text, strlen(text), &body));
    return kube_status_error("GET x", status, body, 0);
}

static void expect_reason(int status, const char *text, const char *reason)
{
    AUTO_ERR e = of_json(status, text);
    assert_string_equal(e->reason, reason);
}

static void test_reasons(void **state)
{
    (void)state;
    expect_reason(409, "{\"reason\":\"AlreadyExists\"}", "AlreadyExists");
    expect_reason(410, "{\"reason\":\"Expired\"}", "Expired");
    expect_reason(409, "{\"reason\":\"\"}", "Conflict");
    expect_reason(409, "{\"reason\":\"two words\"}", "Conflict");
    expect_reason(409, "{\"reason\":\"a\\nb\"}", "Conflict");
    expect_reason(409, "{\"reason\":7}", "Conflict");
    expect_reason(409, "[]", "Conflict");
    expect_reason(409, "\"Expired\"", "Conflict");
    char text[300];
    memset(text, 'A', sizeof(text));
    memcpy(text, "{\"reason\":\"", 11);
    memcpy(text + 250, "\"}", 3);
    expect_reason(409, text, "Conflict");
}

static void test_version_too_large(void **state)
{
    (void)state;
    expect_reason(504,
                  "{\"reason\":\"Timeout\",\"details\":{\"causes\":[{\"reason\":\"Other\"},"
                  "{\"reason\":\"ResourceVersionTooLarge\"}]}}",
                  "ResourceVersionTooLarge");
    expect_reason(504,
                  "{\"reason\":\"Timeout\",\"message\":\"Too large resource version: 9, current: "
                  "8\"}",
                  "ResourceVersionTooLarge");
    expect_reason(504, "{\"reason\":\"Timeout\",\"details\":{\"causes\":[{}]}}", "Timeout");
}

static void test_terminating_namespace(void **state)
{
    (void)state;
    const char *body = "{\"reason\":\"Forbidden\",\"details\":{\"causes\":[{\"reason\":"
                       "\"NamespaceTerminating\"}]}}";
    expect_reason(403, body, "NamespaceTerminating");
    json_auto_t *status = NULL;
    assert_null(json_parse(body, strlen(body), &status));
    AUTO_ERR e = kube_status_error("POST secrets x/y", 403, status, 0);
    assert_int_equal(e->kind, ERR_CANCELLED);
    assert_true(kube_namespace_is_ending(e));
    AUTO_ERR other = kube_status_error("POST secrets x/y", 403, NULL, 0);
    assert_false(kube_namespace_is_ending(other));
    assert_false(kube_namespace_is_ending(NULL));
}

/* What a server says is quoted, but cannot forge a log line. */
static void test_message(void **state)
{
    (void)state;
    AUTO_ERR e = of_json(403, "{\"message\":\"no\\nlevel=error\"}");
    assert_non_null(strstr(e->message, "no?level=error"));
    AUTO_ERR none = of_json(403, "{}");
    assert_non_null(strstr(none->message, "403 Forbidden"));
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_version_too_large),
        cmocka_unit_test(test_terminating_namespace),
        cmocka_unit_test(test_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
