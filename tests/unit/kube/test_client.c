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
#include "fake_api.h"
#include "support/temp.h"

#define WALL (INT64_C(1790000000) * NS_PER_SEC)

static const struct kube_resource res_widget = {"example.com", "v1", "widgets", "Widget", true};
static const struct kube_ref one = {.res = &res_widget, .ns = "shop", .name = "w"};
static const struct kube_ref all = {.res = &res_widget, .ns = "shop"};

struct scene {
    struct clock_manual hands;
    struct fake_api api;
    struct kube_client *client;
};

static void open_scene(struct scene *s)
{
    *s = (struct scene){0};
    clock_manual_init(&s->hands, WALL);
    fake_api_init(&s->api);
    s->client = fake_api_client(&s->api, &s->hands.clock);
}

static void close_scene(struct scene *s)
{
    kube_client_free(s->client);
    fake_api_release(&s->api);
}

/* Of the last request. */
static const struct fake_request *last(struct scene *s)
{
    return fake_api_request(&s->api, s->api.count - 1);
}

static void expect_request(struct scene *s, const char *line, const char *content_type,
                           unsigned flags)
{
    assert_string_equal(last(s)->line, line);
    auto_free char *type = x_printf("Content-Type: %s\n", content_type);
    if (content_type == NULL)
        assert_null(strstr(last(s)->headers, "Content-Type"));
    else
        assert_non_null(strstr(last(s)->headers, type));
    assert_non_null(strstr(last(s)->headers, "Authorization: Bearer t0\n"));
    assert_int_equal(last(s)->flags, flags);
}

#define PATH "/apis/example.com/v1/namespaces/shop/widgets"

static void test_verbs(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    json_auto_t *body = json_build("{s:s}", "color", "red");
    for (int i = 0; i < 6; i++)
        fake_api_reply(&s.api, 200, NULL, "{\"a\":1}");

    json_auto_t *got = NULL;
    assert_null(kube_get(s.client, &one, 0, &got));
    assert_int_equal(JINT(got, 0, "a"), 1);
    expect_request(&s, "GET " PATH "/w", NULL, 0);
    assert_non_null(strstr(last(&s)->headers, "Accept: application/json\n"));
    assert_int_equal(last(&s)->timeout, 30 * NS_PER_SEC);
    assert_string_equal(last(&s)->body, "");

    assert_null(kube_create(s.client, &one, 0, body, NULL));
    expect_request(&s, "POST " PATH, "application/json", HTTP_MUTATES);
    assert_string_equal(last(&s)->body, "{\"color\":\"red\"}");

    assert_null(kube_update(s.client, &one, body, NULL));
    expect_request(&s, "PUT " PATH "/w", "application/json", HTTP_MUTATES);

    assert_null(kube_apply(s.client, &one, 0, "me&you", body, NULL));
    expect_request(&s, "PATCH " PATH "/w?fieldManager=me%26you&force=true",
                   "application/apply-patch+yaml", HTTP_MUTATES);

    struct kube_ref status = one;
    status.subresource = "status";
    assert_null(kube_merge_patch(s.client, &status, body, NULL));
    expect_request(&s, "PATCH " PATH "/w/status", "application/merge-patch+json", HTTP_MUTATES);

    assert_null(kube_delete(s.client, &one, "u1"));
    expect_request(&s, "DELETE " PATH "/w", "application/json", HTTP_MUTATES);
    assert_string_equal(last(&s)->body,
                        "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":"
                        "\"Background\",\"preconditions\":{\"uid\":\"u1\"}}");
    close_scene(&s);
}

static void test_flags(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    json_auto_t *body = json_new_object();
    for (int i = 0; i < 3; i++)
        fake_api_reply(&s.api, 200, NULL, "{}");
    assert_null(kube_get(s.client, &one, KUBE_SECRET | KUBE_METADATA, NULL));
    expect_request(&s, "GET " PATH "/w", NULL, HTTP_SECRET);
    assert_non_null(strstr(last(&s)->headers, "Accept: application/json;as=PartialObjectMetadata;"
                                              "g=meta.k8s.io;v=v1,"));
    assert_null(kube_create(s.client, &one, KUBE_SECRET, body, NULL));
    expect_request(&s, "POST " PATH, "application/json", HTTP_SECRET | HTTP_MUTATES);
    kube_client_set_timeout(s.client, 7);
    assert_null(kube_apply(s.client, &one, KUBE_SECRET, "x", body, NULL));
    assert_int_equal(last(&s)->flags, HTTP_SECRET | HTTP_MUTATES);
    assert_int_equal(last(&s)->timeout, 7);
    close_scene(&s);
}

static void test_errors_name_what_was_asked(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    json_auto_t *got = NULL;
    json_auto_t *body = json_new_object();

    fake_api_reply(&s.api, 409, NULL, "{\"reason\":\"AlreadyExists\",\"message\":\"is there\"}");
    struct err *e = kube_create(s.client, &one, 0, body, &got);
    assert_true(err_is(e, ERR_CONFLICT));
    assert_string_equal(e->reason, "AlreadyExists");
    assert_int_equal(e->http_status, 409);
    assert_non_null(strstr(e->message, "POST widgets.example.com shop/w: "));
    assert_non_null(strstr(e->message, "is there"));
    assert_null(got);
    err_free(e);

    /* A proxy in between speaks no JSON. */
    fake_api_reply(&s.api, 503, "retry-after: 12\n", "<html>");
    struct kube_ref status = one;
    status.subresource = "status";
    e = kube_get(s.client, &status, 0, &got);
    assert_true(err_is(e, ERR_TRANSIENT));
    assert_non_null(strstr(e->message, "GET widgets.example.com/status shop/w: "));
    assert_true(e->retry_at == WALL + 12 * NS_PER_SEC);
    err_free(e);

    fake_api_reply(&s.api, 429, "retry-after: soon\n", "{}");
    e = kube_get(s.client, &one, 0, &got);
    assert_true(err_is(e, ERR_RATE_LIMITED));
    assert_int_equal(e->retry_at, 0);
    err_free(e);

    fake_api_reply(&s.api, 200, NULL, "not JSON");
    e = kube_get(s.client, &one, 0, &got);
    assert_true(err_is(e, ERR_INVALID));
    assert_null(got);
    err_free(e);

    fake_api_fail(&s.api, ERR_TRANSIENT, "ConnectFailed");
    e = kube_get(s.client, &one, 0, &got);
    assert_true(err_is(e, ERR_TRANSIENT));
    assert_string_equal(e->reason, "ConnectFailed");
    assert_non_null(strstr(e->message, "GET widgets.example.com shop/w: API server: "));
    err_free(e);
    close_scene(&s);
}

static void test_delete_of_what_is_absent(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    fake_api_reply(&s.api, 404, NULL, "{}");
    assert_null(kube_delete(s.client, &one, NULL));
    assert_null(strstr(last(&s)->body, "preconditions"));
    fake_api_reply(&s.api, 409, NULL, "{}");
    AUTO_ERR e = kube_delete(s.client, &one, "old");
    assert_true(err_is(e, ERR_CONFLICT));
    close_scene(&s);
}

static void test_bad_names_are_not_sent(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    const struct kube_ref bad = {.res = &res_widget, .ns = "shop", .name = "../../secrets"};
    AUTO_ERR e = kube_get(s.client, &bad, 0, NULL);
    assert_true(err_is(e, ERR_INVALID));
    assert_int_equal(s.api.count, 0);
    close_scene(&s);
}

static void test_stop(void **state)
{
    (void)state;
    struct fake_api api;
    fake_api_init(&api);
    struct stop *stop = stop_new();
    stop_set(stop);
    char server[] = "https://api";
    const struct kube_config config = {.server = server};
    struct kube_client *c = NULL;
    assert_null(kube_client_new(&config, &api.transport, clock_system(), stop, &c));
    AUTO_ERR e = kube_get(c, &one, 0, NULL);
    assert_true(err_is(e, ERR_CANCELLED));
    assert_null(kube_client_authorization(c));
    kube_client_free(c);
    kube_client_free(NULL);
    stop_free(stop);
    fake_api_release(&api);
}

/* ---- 401 ---- */

static struct kube_client *client_of_file(struct fake_api *api, char *token_file)
{
    char server[] = "https://api";
    const struct kube_config config = {.server = server, .token_file = token_file};
    struct kube_client *c = NULL;
    assert_null(kube_client_new(&config, &api->transport, clock_system(), NULL, &c));
    return c;
}

/* The token was rotated: one retry with the new one. */
static void test_unauthorized_once(void **state)
{
    (void)state;
    AUTO(temp_release) struct temp t;
    temp_init(&t);
    auto_free char *file = temp_puts(&t, "token", "old");
    struct fake_api api;
    fake_api_init(&api);
    struct kube_client *c = client_of_file(&api, file);
    free(temp_puts(&t, "token", "new"));
    fake_api_reply(&api, 401, NULL, "{}");
    fake_api_reply(&api, 200, NULL, "{}");
    assert_null(kube_get(c, &one, 0, NULL));
    assert_non_null(strstr(fake_api_request(&api, 0)->headers, "Bearer old\n"));
    assert_non_null(strstr(fake_api_request(&api, 1)->headers, "Bearer new\n"));
    kube_client_free(c);
    fake_api_release(&api);
}

static void test_unauthorized_twice(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    json_auto_t *body = json_build("{s:s}", "color", "red");
    fake_api_reply(&s.api, 401, NULL, "{}");
    fake_api_reply(&s.api, 401, NULL, "{\"reason\":\"Unauthorized\"}");
    AUTO_ERR e = kube_update(s.client, &one, body, NULL);
    assert_true(err_is(e, ERR_DENIED));
    assert_int_equal(e->http_status, 401);
    assert_int_equal(s.api.count, 2);
    assert_string_equal(fake_api_request(&s.api, 0)->body, fake_api_request(&s.api, 1)->body);
    close_scene(&s);
}

/* For streams, which send their requests themselves. */
static void test_for_streams(void **state)
{
    (void)state;
    AUTO(temp_release) struct temp t;
    temp_init(&t);
    auto_free char *file = temp_puts(&t, "token", "old");
    struct fake_api api;
    fake_api_init(&api);
    struct kube_client *c = client_of_file(&api, file);
    auto_free char *url = kube_client_url(c, "/x?y=z");
    assert_string_equal(url, "https://api/x?y=z");
    assert_non_null(kube_client_tls(c));
    auto_free char *before = kube_client_authorization(c);
    assert_string_equal(before, "Bearer old");
    free(temp_puts(&t, "token", "new"));
    auto_free char *same = kube_client_authorization(c);
    assert_string_equal(same, "Bearer old");
    kube_client_unauthorized(c);
    auto_free char *after = kube_client_authorization(c);
    assert_string_equal(after, "Bearer new");
    kube_client_free(c);
    fake_api_release(&api);
}

/* ---- lists ---- */

struct names {
    char text[256];
    size_t count;
    size_t stop_at;
};

static struct err *take_name(void *arg, const json_t *item)
{
    struct names *n = arg;
    if (n->stop_at != 0 && n->count == n->stop_at)
        return err_new(ERR_BUG, "Enough", "enough");
    const char *name = JSTR(item, "name");
    if (name != NULL && strlen(n->text) + strlen(name) < sizeof(n->text))
        str_copy(n->text + strlen(n->text), sizeof(n->text) - strlen(n->text), name);
    n->count++;
    return NULL;
}

static void test_list_pages(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct names n = {0};
    fake_api_reply(&s.api, 200, NULL,
                   "{\"metadata\":{\"continue\":\"a+b/c=&d\"},\"items\":[{\"name\":\"a\"},"
                   "{\"name\":\"b\"}]}");
    fake_api_reply(&s.api, 200, NULL, "{\"metadata\":{\"continue\":\"2\"},\"items\":[]}");
    fake_api_reply(&s.api, 200, NULL,
                   "{\"metadata\":{\"continue\":\"\"},\"items\":[{\"name\":\"c\"}]}");
    assert_null(kube_list(s.client, &all, "app in (x,y)", take_name, &n));
    assert_string_equal(n.text, "abc");
    assert_string_equal(fake_api_request(&s.api, 0)->line,
                        "GET " PATH "?limit=500&labelSelector=app%20in%20%28x%2Cy%29");
    assert_string_equal(fake_api_request(&s.api, 1)->line,
                        "GET " PATH "?limit=500&labelSelector=app%20in%20%28x%2Cy%29"
                        "&continue=a%2Bb%2Fc%3D%26d");
    assert_int_equal(s.api.count, 3);

    const struct kube_ref everywhere = {.res = &res_widget};
    fake_api_reply(&s.api, 200, NULL, "{}");
    assert_null(kube_list(s.client, &everywhere, NULL, take_name, &n));
    assert_string_equal(last(&s)->line, "GET /apis/example.com/v1/widgets?limit=500");
    assert_int_equal(n.count, 3);
    close_scene(&s);
}

static void test_list_ends_where_it_is_told(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct names n = {.stop_at = 1};
    fake_api_reply(&s.api, 200, NULL,
                   "{\"metadata\":{\"continue\":\"1\"},\"items\":[{\"name\":\"a\"},"
                   "{\"name\":\"b\"}]}");
    AUTO_ERR e = kube_list(s.client, &all, NULL, take_name, &n);
    assert_true(err_is(e, ERR_BUG));
    assert_string_equal(n.text, "a");
    assert_int_equal(s.api.count, 1);
    close_scene(&s);
}

/* A token that expired does not mean that there is nothing. */
static void test_list_expires(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct names n = {0};
    fake_api_reply(&s.api, 200, NULL,
                   "{\"metadata\":{\"continue\":\"1\"},\"items\":[{\"name\":\"a\"}]}");
    fake_api_reply(&s.api, 410, NULL, "{\"reason\":\"Expired\"}");
    AUTO_ERR e = kube_list(s.client, &all, NULL, take_name, &n);
    assert_true(err_is(e, ERR_TRANSIENT));
    close_scene(&s);
}

static void test_list_of_big_objects(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct names n = {0};
    fake_api_fail(&s.api, ERR_TRANSIENT, "TooLarge");
    fake_api_fail(&s.api, ERR_TRANSIENT, "TooLarge");
    fake_api_reply(&s.api, 200, NULL,
                   "{\"metadata\":{\"continue\":\"1\"},\"items\":[{\"name\":\"a\"}]}");
    fake_api_reply(&s.api, 200, NULL, "{\"items\":[{\"name\":\"b\"}]}");
    assert_null(kube_list(s.client, &all, NULL, take_name, &n));
    assert_string_equal(n.text, "ab");
    assert_string_equal(fake_api_request(&s.api, 2)->line, "GET " PATH "?limit=7");
    assert_string_equal(last(&s)->line, "GET " PATH "?limit=7&continue=1");

    for (int i = 0; i < 4; i++)
        fake_api_fail(&s.api, ERR_TRANSIENT, "TooLarge");
    AUTO_ERR e = kube_list(s.client, &all, NULL, take_name, &n);
    assert_true(err_is(e, ERR_TRANSIENT));
    assert_string_equal(last(&s)->line, "GET " PATH "?limit=1");
    close_scene(&s);
}

struct endless {
    size_t per_page;
};

static struct err *answer_endless(void *arg, const struct fake_request *req,
                                  struct http_response *ret)
{
    const struct endless *endless = arg;
    (void)req;
    json_auto_t *page = json_build("{s:{s:s},s:[]}", "metadata", "continue", "more", "items");
    for (size_t i = 0; i < endless->per_page; i++)
        json_push(JGET(page, "items"), json_new_object());
    fake_answer_json(ret, 200, page);
    return NULL;
}

static void test_list_has_a_maximum(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    struct endless endless = {.per_page = 500};
    s.api.handler = answer_endless;
    s.api.arg = &endless;
    struct names n = {0};
    struct err *e = kube_list(s.client, &all, NULL, take_name, &n);
    assert_true(err_is(e, ERR_INVALID));
    assert_string_equal(e->reason, "TooLarge");
    assert_int_equal(n.count, 50000);
    assert_int_equal(s.api.count, 101);
    err_free(e);

    endless.per_page = 0; /* pages without objects end, too */
    e = kube_list(s.client, &all, NULL, take_name, &n);
    assert_true(err_is(e, ERR_INVALID));
    err_free(e);
    close_scene(&s);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verbs),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_errors_name_what_was_asked),
        cmocka_unit_test(test_delete_of_what_is_absent),
        cmocka_unit_test(test_bad_names_are_not_sent),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_unauthorized_once),
        cmocka_unit_test(test_unauthorized_twice),
        cmocka_unit_test(test_for_streams),
        cmocka_unit_test(test_list_pages),
        cmocka_unit_test(test_list_ends_where_it_is_told),
        cmocka_unit_test(test_list_expires),
        cmocka_unit_test(test_list_of_big_objects),
        cmocka_unit_test(test_list_has_a_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
