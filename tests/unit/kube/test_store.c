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
#include "kube/store.h"
#include "widget.h"

#define PATH "/apis/example.com/v1/namespaces/ns/widgets"

struct status {
    const char *phase;
};
static const struct bind_field status_fields[] = {
    BIND_ROW(struct status, STRING, phase, "phase", .flags = 0),
};
static const struct bind_table status_table = BIND_TABLE("Status", struct status, status_fields);

struct scene {
    struct fake_api api;
    struct store store;
};

/* One widget, "a", is in the cache. */
static void open_scene(struct scene *s)
{
    *s = (struct scene){0};
    fake_api_init(&s->api);
    s->store =
        (struct store){.client = fake_api_client(&s->api, NULL), .cache = cache_new(&widget_kind)};
    cache_replace_begin(s->store.cache);
    cache_put(s->store.cache, widget_new("ns", "a", "5", "red"));
    cache_replace_end(s->store.cache, "5");
}

static void close_scene(struct scene *s)
{
    cache_free(s->store.cache);
    kube_client_free(s->store.client);
    fake_api_release(&s->api);
}

static void reply(struct scene *s, const char *name, const char *rv, const char *color)
{
    json_auto_t *object = widget_json("ns", name, rv, color);
    auto_free char *text = NULL;
    assert_null(json_to_string(object, 4096, &text));
    fake_api_reply(&s->api, 200, NULL, text);
}

static void expect_color(struct scene *s, const char *name, const char *color)
{
    AUTO_OBJECT(struct widget) w = NULL;
    assert_null(store_get(&s->store, "ns", name, (const void **)&w));
    assert_non_null(w);
    assert_string_equal(w->color, color);
}

static void test_get(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    expect_color(&s, "a", "red");
    AUTO_OBJECT(struct widget) w = NULL;
    assert_null(store_get(&s.store, "ns", "none", (const void **)&w));
    assert_null(w);
    assert_int_equal(s.api.count, 0);
    close_scene(&s);
}

static void test_create(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    reply(&s, "b", "6", "blue");
    json_auto_t *object = json_build("{s:{s:s},s:s}", "metadata", "name", "b", "color", "blue");
    assert_null(store_create(&s.store, "ns", "b", object));
    assert_string_equal(fake_api_request(&s.api, 0)->line, "POST " PATH);
    json_auto_t *sent = fake_api_sent(&s.api, 0);
    assert_string_equal(JSTR(sent, "apiVersion"), "example.com/v1");
    assert_string_equal(JSTR(sent, "kind"), "Widget");
    assert_string_equal(JSTR(sent, "color"), "blue");
    expect_color(&s, "b", "blue"); /* at once, without the stream */

    fake_api_reply(&s.api, 409, NULL, "{\"reason\":\"AlreadyExists\"}");
    AUTO_ERR e = store_create(&s.store, "ns", "a", object);
    assert_true(err_is(e, ERR_CONFLICT));
    assert_string_equal(e->reason, "AlreadyExists");
    expect_color(&s, "a", "red");
    close_scene(&s);
}

static struct err *put_status(struct scene *s, const char *old, const char *now)
{
    AUTO_OBJECT(struct widget) w = NULL;
    assert_null(store_get(&s->store, "ns", "a", (const void **)&w));
    const struct status before = {.phase = old}, after = {.phase = now};
    return store_put_status(&s->store, w, &status_table, &before, &after);
}

static void test_put_status(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    assert_null(put_status(&s, "Ready", "Ready"));
    assert_int_equal(s.api.count, 0);

    reply(&s, "a", "6", "green");
    assert_null(put_status(&s, "Pending", "Ready"));
    assert_string_equal(fake_api_request(&s.api, 0)->line, "PUT " PATH "/a/status");
    json_auto_t *sent = fake_api_sent(&s.api, 0);
    assert_string_equal(JSTR(sent, "apiVersion"), "example.com/v1");
    assert_string_equal(JSTR(sent, "kind"), "Widget");
    assert_string_equal(JSTR(sent, "metadata", "name"), "a");
    assert_string_equal(JSTR(sent, "metadata", "namespace"), "ns");
    assert_string_equal(JSTR(sent, "metadata", "uid"), "uid-a");
    assert_string_equal(JSTR(sent, "metadata", "resourceVersion"), "5");
    assert_string_equal(JSTR(sent, "status", "phase"), "Ready");
    expect_color(&s, "a", "green");

    close_scene(&s);
}

/* The next pass would act on what is not the last any more: it would order for an Order that has ended. */
static void test_what_may_be_stored_is_read(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool read;
    } rows[] = {{409, true}, {500, true}, {504, true}, {403, false}, {422, false}, {429, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;
        open_scene(&s);
        fake_api_reply(&s.api, rows[i].status, NULL, "{}");
        if (rows[i].read)
            reply(&s, "a", "7", "blue");
        AUTO_ERR e = put_status(&s, "Ready", "Failed");
        assert_int_equal(e->http_status, rows[i].status);
        assert_int_equal(s.api.count, rows[i].read ? 2 : 1);
        if (rows[i].read)
            assert_string_equal(fake_api_request(&s.api, 1)->line, "GET " PATH "/a");
        expect_color(&s, "a", rows[i].read ? "blue" : "red");
        close_scene(&s);
    }
}

/* Without an answer it stays at what is known; gone is gone. */
static void test_what_cannot_be_read(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    fake_api_reply(&s.api, 409, NULL, "{}");
    fake_api_reply(&s.api, 500, NULL, "{}");
    AUTO_ERR e = put_status(&s, "Ready", "Failed");
    assert_true(err_is(e, ERR_CONFLICT));
    expect_color(&s, "a", "red");
    fake_api_reply(&s.api, 409, NULL, "{}");
    fake_api_reply(&s.api, 404, NULL, "{}");
    AUTO_ERR again = put_status(&s, "Ready", "Failed");
    assert_true(err_is(again, ERR_CONFLICT));
    AUTO_OBJECT(struct widget) w = NULL;
    AUTO_ERR behind = store_get(&s.store, "ns", "a", (const void **)&w);
    assert_string_equal(behind->reason, "CacheBehind");
    close_scene(&s);
}

static struct err *delete_a(struct scene *s)
{
    AUTO_OBJECT(struct widget) w = NULL;
    assert_null(store_get(&s->store, "ns", "a", (const void **)&w));
    return store_delete(&s->store, w);
}

static void test_delete(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    fake_api_reply(&s.api, 500, NULL, "{}");
    AUTO_ERR e = delete_a(&s);
    assert_true(err_is(e, ERR_TRANSIENT));
    expect_color(&s, "a", "red");

    fake_api_reply(&s.api, 404, NULL, "{}");
    assert_null(delete_a(&s));
    assert_string_equal(fake_api_request(&s.api, 1)->line, "DELETE " PATH "/a");
    json_auto_t *sent = fake_api_sent(&s.api, 1);
    assert_string_equal(JSTR(sent, "preconditions", "uid"), "uid-a");
    /* The stream has not said so yet: nobody may decide on the old object. */
    const void *w = NULL;
    AUTO_ERR behind = store_get(&s.store, "ns", "a", &w);
    assert_true(err_is(behind, ERR_CONFLICT));
    assert_string_equal(behind->reason, "CacheBehind");
    cache_fill_delete(cache_fill(s.store.cache, NULL), "ns", "a", "7");
    assert_null(store_get(&s.store, "ns", "a", &w));
    assert_null(w);
    close_scene(&s);
}

/* The write took place, but what came back is no widget: an error, and nobody reads the old one. */
static void test_unreadable_answer(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    fake_api_reply(&s.api, 200, NULL,
                   "{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\",\"uid\":\"uid-a\","
                   "\"resourceVersion\":\"6\"},\"color\":7}");
    AUTO_ERR e = put_status(&s, "Pending", "Ready");
    assert_true(err_is(e, ERR_INVALID));
    const void *w = NULL;
    AUTO_ERR behind = store_get(&s.store, "ns", "a", &w);
    assert_true(err_is(behind, ERR_CONFLICT));
    close_scene(&s);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_put_status),
        cmocka_unit_test(test_what_may_be_stored_is_read),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_unreadable_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
