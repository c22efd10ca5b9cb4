/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fake_api.h"
#include "kube/secret.h"

static json_t *secret_of(const char *key, const char *text)
{
    return json_build("{s:{s:s,s:s},s:{s:s}}", "metadata", "name", "s", "namespace", "shop", "data",
                      key, text);
}

static void expect_decoded(const char *text, const char *want, size_t want_len)
{
    json_auto_t *json = secret_of("tls.key", text);
    AUTO(secret_release) struct secret value = {0};
    assert_null(secret_json_value(json, "tls.key", &value));
    assert_int_equal(value.len, want_len);
    assert_memory_equal(value.data, want, want_len);
}

static void expect_refused(const json_t *json, enum err_kind kind, const char *reason)
{
    struct secret value = {0};
    AUTO_ERR e = secret_json_value(json, "tls.key", &value);
    assert_true(err_is(e, kind));
    if (reason != NULL)
        assert_string_equal(e->reason, reason);
    assert_non_null(strstr(e->message, "shop/s"));
    assert_non_null(strstr(e->message, "tls.key"));
    assert_null(value.data);
}

static void test_values(void **state)
{
    (void)state;
    expect_decoded("S0VZ", "KEY", 3);
    expect_decoded("AAE=", "\0\1", 2);
}

static void test_absent_and_bad(void **state)
{
    (void)state;
    json_auto_t *other = secret_of("tls.crt", "S0VZ");
    expect_refused(other, ERR_NOT_FOUND, "MissingData");
    json_auto_t *empty = secret_of("tls.key", "");
    expect_refused(empty, ERR_NOT_FOUND, "MissingData");
    json_auto_t *bad = secret_of("tls.key", "c2VjcmV0!!");
    expect_refused(bad, ERR_INVALID, NULL);
    struct secret value = {0};
    AUTO_ERR leaks = secret_json_value(bad, "tls.key", &value);
    assert_null(strstr(leaks->message, "c2Vj")); /* positions, never content */
}

static void test_maximum(void **state)
{
    (void)state;
    size_t len = (KUBE_SECRET_VALUE_MAX + 2) / 3 * 4;
    auto_free char *text = x_alloc(len + 5);
    memset(text, 'A', len + 4);
    text[len + 4] = '\0';
    json_auto_t *over = secret_of("tls.key", text);
    expect_refused(over, ERR_INVALID, "TooLarge");
    text[len] = '\0';
    json_auto_t *most = secret_of("tls.key", text);
    AUTO(secret_release) struct secret value = {0};
    assert_null(secret_json_value(most, "tls.key", &value));
    assert_int_equal(value.len, len / 4 * 3);
}

static void test_get(void **state)
{
    (void)state;
    struct fake_api api;
    fake_api_init(&api);
    struct kube_client *c = fake_api_client(&api, NULL);
    fake_api_reply(&api, 200, NULL,
                   "{\"metadata\":{\"name\":\"s\"},\"data\":{\"password\":\"cHc=\"}}");
    AUTO(secret_release) struct secret value = {0};
    assert_null(kube_secret_value(c, "shop", "s", "password", &value));
    assert_string_equal(value.data, "pw");
    assert_string_equal(fake_api_request(&api, 0)->line, "GET /api/v1/namespaces/shop/secrets/s");
    assert_int_equal(fake_api_request(&api, 0)->flags, HTTP_SECRET);

    fake_api_reply(&api, 404, NULL, "{\"reason\":\"NotFound\"}");
    struct secret unset = {0};
    AUTO_ERR e = kube_secret_value(c, "shop", "s", "password", &unset);
    assert_true(err_is(e, ERR_NOT_FOUND));
    assert_string_equal(e->reason, "NotFound");
    assert_null(unset.data);
    kube_client_free(c);
    fake_api_release(&api);
}

static void test_put(void **state)
{
    (void)state;
    json_auto_t *data = json_new_object();
    secret_json_put(data, "a", "\0\1", 2);
    secret_json_put(data, "b", "", 0);
    assert_string_equal(JSTR(data, "a"), "AAE=");
    assert_string_equal(JSTR(data, "b"), "");
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_absent_and_bad),
        cmocka_unit_test(test_maximum), cmocka_unit_test(test_get),
        cmocka_unit_test(test_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
