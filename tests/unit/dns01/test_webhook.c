/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider.h"
#include "support/expect.h"

#define CONFIG                                                                                     \
    "{\"groupName\":\"acme.example.com\",\"solverName\":\"dns\","                                  \
    "\"config\":{\"zone\":\"b\",\"apiKeySecretRef\":{\"name\":\"k\",\"key\":\"v\"},\"a\":[1,true]" \
    "}}"
#define DONE "{\"response\":{\"uid\":\"\",\"success\":true}}"

/* The API server: what it was asked, and what it says. */
struct server {
    int status;
    const char *reply; /* NULL = no body */
    struct err *err;
    char *path;
    char *body;
};

static struct err *post(const struct dns_env *env, const char *path, const json_t *body,
                        int *ret_status, json_t **ret_reply)
{
    struct server *s = env->ctx;
    free(s->path);
    free(s->body);
    s->path = x_strdup(path);
    s->body = NULL;
    TRY(json_to_string(body, 65536, &s->body));
    TRY(TAKE(s->err));
    *ret_status = s->status;
    return s->reply != NULL ? json_parse(s->reply, strlen(s->reply), ret_reply) : NULL;
}

static void server_release(struct server *s)
{
    free(s->path);
    free(s->body);
}

static const struct dns_value value = {
    .name = "_acme-challenge.www.example.com",
    .zone = "example.com",
    .text = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ",
    .domain = "www.example.com",
};

static struct err *act(struct server *s, const char *config, bool clean_up)
{
    const struct dns_provider *p = dns_provider_of("webhook");
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    const struct dns_env env = {.clock = clock_system(),
                                .rng = &rng.rng,
                                .resource_namespace = "shop",
                                .cluster_post = post,
                                .ctx = s};
    json_auto_t *json = NULL;
    auto_free void *decoded = NULL;
    auto_free char *id = NULL;
    expect_ok(json_parse(config, strlen(config), &json));
    TRY(bind_decode(p->config, json, &decoded));
    TRY(p->check(decoded));
    struct err *e =
        clean_up ? p->clean_up(&env, decoded, &value) : p->present(&env, decoded, &value, &id);
    assert_null(id);
    return e;
}

/* What cert-manager's own client sends, with a uid where it leaves "". */
static void the_payload_is_that_of_cert_manager(void **state)
{
    (void)state;
    AUTO(server_release) struct server s = {.status = 201, .reply = DONE};
    expect_ok(act(&s, CONFIG, false));
    assert_string_equal(s.path, "/apis/acme.example.com/v1alpha1/dns");
    char *uid = strstr(s.body, "\"uid\":\"");
    assert_non_null(uid);
    uid += strlen("\"uid\":\"");
    assert_int_equal(strcspn(uid, "\""), 36);
    assert_int_equal(strspn(uid, "0123456789abcdef-"), 36);
    assert_true(uid[14] == '4' && strchr("89ab", uid[19]) != NULL);
    memmove(uid, uid + 36, strlen(uid + 36) + 1);
    assert_string_equal(
        s.body,
        "{\"kind\":\"ChallengePayload\",\"apiVersion\":\"webhook.acme.cert-manager.io/v1alpha1\","
        "\"request\":{\"uid\":\"\",\"action\":\"Present\",\"type\":\"dns-01\","
        "\"dnsName\":\"www.example.com\",\"key\":\"LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ\","
        "\"resourceNamespace\":\"shop\",\"resolvedFQDN\":\"_acme-challenge.www.example.com.\","
        "\"resolvedZone\":\"example.com.\",\"allowAmbientCredentials\":false,"
        "\"config\":{\"zone\":\"b\",\"apiKeySecretRef\":{\"name\":\"k\",\"key\":\"v\"},\"a\":[1,"
        "true]}}}");
    expect_ok(act(&s, CONFIG, true));
    assert_non_null(strstr(s.body, "\"action\":\"CleanUp\""));
    expect_ok(act(&s, "{\"groupName\":\"a.b\",\"solverName\":\"c\"}", false));
    assert_null(strstr(s.body, "config"));
}

static void what_goes_wrong_is_said(void **state)
{
    static const struct {
        int status;
        const char *reply;
        enum err_kind kind;
        const char *reason, *says;
    } rows[] = {
        {403, "{\"kind\":\"Status\"}", ERR_DENIED, "Unauthorized", "dns01.webhookGroups"},
        {401, NULL, ERR_DENIED, "Unauthorized", "certroll may not create dns.acme.example.com"},
        {404, "{}", ERR_NOT_FOUND, "WebhookNotFound", "no APIService v1alpha1.acme.example.com"},
        {422, "{\"message\":\"bad\"}", ERR_INVALID, "InvalidRequest", "HTTP 422: bad"},
        {429, "{\"message\":\"busy\"}", ERR_TRANSIENT, "ProviderFailed", "HTTP 429: busy"},
        {500, "[]", ERR_TRANSIENT, "ProviderFailed", "HTTP 500: no message"},
        {503, "{\"message\":\"service unavailable\"}", ERR_TRANSIENT, "ProviderFailed",
         "service unavailable): look at kubectl get apiservice v1alpha1.acme.example.com;"},
        {201, "{\"response\":{\"success\":false,\"status\":{\"message\":\"no zone\"}}}",
         ERR_TRANSIENT, "ProviderFailed",
         "solver dns, Present of _acme-challenge.www.example.com: no zone"},
        {201, "{\"response\":{\"success\":\"true\"}}", ERR_TRANSIENT, "ProviderFailed",
         "failed without a message"},
        {201, "{\"request\":{}}", ERR_TRANSIENT, "ProviderFailed", "acme.example.com"},
        {200, NULL, ERR_TRANSIENT, "ProviderFailed", "acme.example.com"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(server_release) struct server s = {.status = rows[i].status, .reply = rows[i].reply};
        expect_err(act(&s, CONFIG, false), rows[i].kind, rows[i].reason, rows[i].says);
    }
    AUTO(server_release)
    struct server gone = {.err = err_new(ERR_TRANSIENT, "ConnectFailed", "the API server is away")};
    expect_err(act(&gone, CONFIG, false), ERR_TRANSIENT, "ConnectFailed",
               "webhook acme.example.com: the API server is away");
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    char reply[2048] = "{\"response\":{\"success\":false,\"status\":{\"message\":\"";
    size_t len = strlen(reply);
    memset(reply + len, 'x', 1000);
    str_copy(reply + len + 1000, sizeof(reply) - len - 1000, "\"}}}");
    AUTO(server_release) struct server s = {.status = 201, .reply = reply};
    AUTO_ERR e = act(&s, CONFIG, false);
    assert_non_null(e);
    assert_true(strlen(e->message) < 500);
}

static void names_go_into_a_path_and_are_checked(void **state)
{
    static const char *const rows[] = {
        "{\"groupName\":\"nodots\",\"solverName\":\"dns\"}",
        "{\"groupName\":\"a.b/../../api/v1\",\"solverName\":\"dns\"}",
        "{\"groupName\":\"A.example\",\"solverName\":\"dns\"}",
        "{\"groupName\":\"a..b\",\"solverName\":\"dns\"}",
        "{\"groupName\":\"a.b\",\"solverName\":\"dns/status\"}",
        "{\"groupName\":\"a.b\",\"solverName\":\"dns?x=y\"}",
        "{\"groupName\":\"a.b\",\"solverName\":\"..\"}",
        "{\"groupName\":\"a.b\",\"solverName\":\"\"}",
        "{\"groupName\":\"a.b\"}",
        "{\"solverName\":\"dns\"}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(server_release) struct server s = {.status = 201, .reply = DONE};
        expect_err(act(&s, rows[i], false), ERR_INVALID, NULL, NULL);
        assert_null(s.path);
    }
}

int main(void)
{
    json_room_init();
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_payload_is_that_of_cert_manager),
        cmocka_unit_test(what_goes_wrong_is_said),
        cmocka_unit_test(a_long_message_is_cut),
        cmocka_unit_test(names_go_into_a_path_and_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
