/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"
#include "support/scripted_transport.h"

#define NOW (INT64_C(1767225600) * NS_PER_SEC)
#define URL "https://api.test/records"

struct scene {
    struct scripted_transport script;
    struct clock_manual hands;
    struct dns_env env;
    const char *secret;
};

static struct err *secret(const struct dns_env *env, const struct dns_secret_ref *ref,
                          const char *field, struct secret *ret_secret)
{
    (void)ref;
    const struct scene *s = env->ctx;
    if (s->secret == NULL)
        return err_new(ERR_NOT_FOUND, "SecretNotFound", "%s: no Secret", field);
    *ret_secret = secret_copy(s->secret, strlen(s->secret));
    return NULL;
}

static void scene_open(struct scene *s)
{
    *s = (struct scene){
        .env = {
            .clock = &s->hands.clock, .http = &s->script.transport, .secret = secret, .ctx = s}};
    clock_manual_init(&s->hands, NOW);
    scripted_init(&s->script);
}

static void scene_close(struct scene *s)
{
    scripted_finish(&s->script);
}
#define SCENE AUTO(scene_close) struct scene

static struct err *call(struct scene *s, const char *method, const char *body, json_t **ret_reply)
{
    const struct dns_http_request r = {.method = method, .url = URL};
    json_auto_t *json = body != NULL ? json_build("{s:s}", "text", body) : NULL;
    return dns_http_json(&s->env, &r, json, "record x.test", ret_reply);
}

static void requests_are_guarded_bounded_and_wiped(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        unsigned flags;
    } rows[] = {
        {"GET", HTTP_GUARDED | HTTP_SECRET},
        {"POST", HTTP_GUARDED | HTTP_SECRET | HTTP_MUTATES | HTTP_ONCE},
        {"PUT", HTTP_GUARDED | HTTP_SECRET | HTTP_MUTATES},
        {"PATCH", HTTP_GUARDED | HTTP_SECRET | HTTP_MUTATES},
        {"DELETE", HTTP_GUARDED | HTTP_SECRET | HTTP_MUTATES},
    };
    SCENE s;
    scene_open(&s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *expected = x_printf("%s " URL, rows[i].method);
        scripted_plan(&s.script, expected, 200, "{\"a\":1}");
        json_auto_t *reply = NULL;
        expect_ok(call(&s, rows[i].method, i > 0 ? "v" : NULL, &reply));
        assert_int_equal(JINT(reply, 0, "a"), 1);
        const struct scripted_exchange *x = scripted_seen(&s.script, i);
        assert_int_equal(x->flags, rows[i].flags);
        assert_int_equal(x->timeout, DNS_HTTP_TIMEOUT);
        assert_int_equal(x->max_body, 1024 * 1024);
        assert_string_equal(x->sent, i > 0 ? "{\"text\":\"v\"}" : "");
    }
}

static void an_answer_may_be_empty_but_not_nonsense(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    json_auto_t *reply = NULL;
    scripted_plan(&s.script, "DELETE " URL, 204, "");
    expect_ok(call(&s, "DELETE", NULL, &reply));
    assert_null(reply);
    scripted_plan(&s.script, "GET " URL, 200, "<html>");
    expect_err(call(&s, "GET", NULL, &reply), ERR_TRANSIENT, "ProviderFailed",
               "record x.test: the answer is not JSON");
    scripted_plan(&s.script, "GET " URL, 502, "<html>");
    expect_err(call(&s, "GET", NULL, &reply), ERR_TRANSIENT, "ProviderFailed", "HTTP 502");
    scripted_plan_error(&s.script, "GET " URL, err_new(ERR_TRANSIENT, "Timeout", "too slow"));
    expect_err(call(&s, "GET", NULL, &reply), ERR_TRANSIENT, "Timeout", "record x.test: too slow");
    assert_null(reply);
}

static void statuses_are_errors(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum err_kind kind;
        const char *reason;
    } rows[] = {
        {400, ERR_INVALID, "InvalidRequest"},   {401, ERR_DENIED, "Unauthorized"},
        {403, ERR_DENIED, "Unauthorized"},      {404, ERR_NOT_FOUND, "RecordNotFound"},
        {405, ERR_INVALID, "InvalidRequest"},   {408, ERR_TRANSIENT, "ProviderFailed"},
        {409, ERR_CONFLICT, "Changed"},         {412, ERR_CONFLICT, "Changed"},
        {422, ERR_INVALID, "InvalidRequest"},   {423, ERR_CONFLICT, "Changed"},
        {429, ERR_RATE_LIMITED, "RateLimited"}, {500, ERR_TRANSIENT, "ProviderFailed"},
        {503, ERR_TRANSIENT, "ProviderFailed"}, {599, ERR_TRANSIENT, "ProviderFailed"},
        {302, ERR_TRANSIENT, "ProviderFailed"}, {100, ERR_TRANSIENT, "ProviderFailed"},
    };
    SCENE s;
    scene_open(&s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct http_response r = {.status = rows[i].status};
        struct err *e = dns_http_error(&s.env, &r, "zone z.test", "E1", "no\ngood \xc3\xa4");
        assert_int_equal(e->http_status, rows[i].status);
        assert_int_equal(e->retry_at, 0);
        auto_free char *told = x_printf("(HTTP %d, E1: nogood )", rows[i].status);
        assert_non_null(strstr(e->message, "zone z.test: "));
        expect_err(e, rows[i].kind, rows[i].reason, told);
    }
    const struct http_response fine = {.status = 204};
    assert_null(dns_http_error(&s.env, &fine, "zone z.test", NULL, NULL));
}

static void what_a_provider_says_is_bounded(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    char text[2000];
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    const struct http_response r = {.status = 400};
    AUTO_ERR e = dns_http_error(&s.env, &r, "zone z.test", text, text);
    assert_int_equal(strspn(strchr(e->message, '(') + strlen("(HTTP 400, "), "x"), 64);
    assert_int_equal(strspn(strrchr(e->message, ' ') + 1, "x"), 200);
    AUTO_ERR bare = dns_http_error(&s.env, &r, "zone z.test", NULL, "");
    assert_non_null(strstr(bare->message, "(HTTP 400)"));
    AUTO_ERR quota = dns_http_quota("zone z.test", text);
    assert_int_equal(quota->kind, ERR_DENIED);
    assert_string_equal(quota->reason, "QuotaReached");
    assert_int_equal(strspn(strchr(quota->message, '(') + 1, "x"), 200);
}

static void a_wait_is_taken_from_the_answer(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *header;
        int64_t wait; /* s; 0 = none */
    } rows[] = {
        {429, "12", 12},  {429, "Thu, 01 Jan 2026 00:02:00 GMT", 120},
        {503, "5", 5},    {500, "5", 0},
        {429, "soon", 0}, {429, "-5", 0},
        {429, "", 0},     {429, "99999999999", 86400},
    };
    SCENE s;
    scene_open(&s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_free char *headers = x_printf("retry-after: %s\n", rows[i].header);
        const struct http_response r = {.status = rows[i].status, .headers = headers};
        AUTO_ERR e = dns_http_error(&s.env, &r, "x", NULL, NULL);
        assert_int_equal(e->retry_at, rows[i].wait > 0 ? NOW + rows[i].wait * NS_PER_SEC : 0);
    }
}

static void a_token_is_one_line_of_text(void **state)
{
    (void)state;
    static const struct {
        const char *token, *scheme, *value; /* value NULL = refused */
    } rows[] = {
        {"abc", "Bearer", "Bearer abc"}, {"abc", NULL, "abc"},  {"a b~", "Token", "Token a b~"},
        {"a\nb", "Bearer", NULL},        {"", "Bearer", NULL},  {"\xc3\xa4", "Bearer", NULL},
        {"a\r\nX: y", NULL, NULL},       {"a\x7f", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(secret_release)
        struct secret token = secret_copy(rows[i].token, strlen(rows[i].token));
        AUTO(secret_release) struct secret value = {0};
        struct err *e = dns_http_authorization(rows[i].scheme, &token, "tokenSecretRef", &value);
        if (rows[i].value == NULL) {
            expect_err(e, ERR_INVALID, "InvalidSecret", "tokenSecretRef");
            continue;
        }
        expect_ok(e);
        assert_string_equal(value.data, rows[i].value);
    }
    char big[4098];
    memset(big, 'x', sizeof(big));
    const struct secret token = {.data = big, .len = 4097};
    struct secret value = {0};
    expect_err(dns_http_authorization("Bearer", &token, "f", &value), ERR_INVALID, "InvalidSecret",
               "4097 bytes");
}

static struct err *refusal(const struct dns_env *env, const struct dns_http_answer *a,
                           const char *what)
{
    if (str_eq(JSTR(a->json, "code"), "exists"))
        return NULL;
    return dns_http_error(env, &a->response, what, JSTR(a->json, "code"), NULL);
}

static void a_session_has_the_credential_and_the_providers_words(void **state)
{
    (void)state;
    SCENE s;
    scene_open(&s);
    const struct dns_secret_ref ref = {"s", "k"};
    const struct dns_credential c = {&ref, "keySecretRef", "X-Key", NULL};
    AUTO_DNS_SESSION session = {0};
    expect_err(dns_session_open(&s.env, &c, &session), ERR_NOT_FOUND, "SecretNotFound",
               "keySecretRef");
    s.secret = "abc";
    expect_ok(dns_session_open(&s.env, &c, &session));
    assert_string_equal(session.headers[0].name, "X-Key");
    assert_string_equal(session.headers[0].value, "abc");
    json_auto_t *reply = NULL;
    scripted_plan(&s.script, "GET " URL, 404, "{\"code\":\"E7\"}");
    expect_err(dns_session_call(&session, "GET", URL, NULL, "x", &reply), ERR_NOT_FOUND, NULL,
               "(HTTP 404)");
    session.refusal = refusal;
    scripted_plan(&s.script, "GET " URL, 404, "{\"code\":\"E7\"}");
    expect_err(dns_session_call(&session, "GET", URL, NULL, "x", &reply), ERR_NOT_FOUND, NULL,
               "(HTTP 404, E7)");
    scripted_plan(&s.script, "POST " URL, 400, "{\"code\":\"exists\"}");
    expect_ok(dns_session_call(&session, "POST", URL, NULL, "x", &reply));
    scripted_plan(&s.script, "DELETE " URL, 404, "{}");
    expect_ok(dns_session_delete(&session, URL, "x"));
    scripted_plan(&s.script, "DELETE " URL, 404, "<html>no such page</html>");
    expect_err(dns_session_delete(&session, URL, "x"), ERR_TRANSIENT, "ProviderFailed",
               "not the API's");
    scripted_plan(&s.script, "DELETE " URL, 403, "{}");
    expect_err(dns_session_delete(&session, URL, "x"), ERR_DENIED, NULL, NULL);
}

static void answers_are_looked_into(void **state)
{
    (void)state;
    static const char text[] = "[{\"d\":1},null,{\"d\":\"b\"},{\"d\":\"\\\"a\\\"\",\"id\":7}]";
    json_auto_t *list = NULL;
    expect_ok(json_parse(text, strlen(text), &list));
    assert_int_equal(JINT(dns_record_with(list, "d", "a"), 0, "id"), 7);
    assert_null(dns_record_with(list, "d", "c"));
    assert_null(dns_record_with(NULL, "d", "a"));
    AUTO(strlist_release) struct strlist ids = {0};
    expect_ok(dns_record_ids(list, "d", "a", &ids));
    expect_ok(dns_record_ids(list, "d", "a", &ids));
    assert_int_equal(ids.len, 2);
    assert_string_equal(ids.items[1], "7");
    expect_err(dns_record_ids(list, "d", "b", &ids), ERR_TRANSIENT, "ProviderFailed", NULL);
    while (ids.len < DNS_RECORD_IDS_MAX)
        expect_ok(dns_record_ids(list, "d", "a", &ids));
    expect_err(dns_record_ids(list, "d", "a", &ids), ERR_TRANSIENT, "ProviderFailed", "16 times");
    expect_ok(dns_http_expect(list, JSON_ARRAY, "x"));
    expect_err(dns_http_expect(list, JSON_OBJECT, "x"), ERR_TRANSIENT, "ProviderFailed", "x: ");
    expect_err(dns_http_expect(NULL, JSON_ARRAY, "x"), ERR_TRANSIENT, "ProviderFailed", NULL);
}

static void values_of_others_are_carried_along(void **state)
{
    (void)state;
    static const char before[] = "[\"\\\"a\\\"\",\"b c\",7]";
    json_auto_t *values = NULL;
    expect_ok(json_parse(before, strlen(before), &values));
    json_auto_t *with = dns_values_with(values, "d");
    auto_free char *text = NULL;
    expect_ok(json_to_string(with, 100, &text));
    assert_string_equal(text, "[\"\\\"a\\\"\",\"b c\",7,\"\\\"d\\\"\"]");
    assert_null(dns_values_with(values, "a"));
    json_auto_t *without = dns_values_without(values, "a");
    auto_free char *rest = NULL;
    expect_ok(json_to_string(without, 100, &rest));
    assert_string_equal(rest, "[\"b c\",7]");
    assert_null(dns_values_without(values, "d"));
    assert_null(dns_values_without(NULL, "d"));
    json_auto_t *first = dns_values_with(NULL, "d");
    assert_int_equal(json_count(first), 1);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_guarded_bounded_and_wiped),
        cmocka_unit_test(an_answer_may_be_empty_but_not_nonsense),
        cmocka_unit_test(statuses_are_errors),
        cmocka_unit_test(what_a_provider_says_is_bounded),
        cmocka_unit_test(a_wait_is_taken_from_the_answer),
        cmocka_unit_test(a_token_is_one_line_of_text),
        cmocka_unit_test(a_session_has_the_credential_and_the_providers_words),
        cmocka_unit_test(answers_are_looked_into),
        cmocka_unit_test(values_of_others_are_carried_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
