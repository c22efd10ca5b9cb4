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
#include "kube/event_queue.h"

#define WALL (INT64_C(1790000000) * NS_PER_SEC)

static const struct kube_resource res_certificate = {"certroll.dev", "v1", "certificates",
                                                     "Certificate", true};

struct scene {
    struct clock_manual hands;
    struct fake_api api;
    struct kube_client *client;
    struct event_queue *q;
};

static struct err *accept_all(void *arg, const struct fake_request *req, struct http_response *ret)
{
    (void)arg;
    fake_answer(ret, str_starts(req->line, "POST ") ? 201 : 200, "{}");
    return NULL;
}

static void open_scene(struct scene *s)
{
    *s = (struct scene){0};
    clock_manual_init(&s->hands, WALL);
    fake_api_init(&s->api);
    s->api.handler = accept_all;
    s->client = fake_api_client(&s->api, &s->hands.clock);
    s->q = event_queue_new(s->client, &s->hands.clock, "certroll.dev/certroll", "pod-1");
}

static void close_scene(struct scene *s)
{
    event_queue_free(s->q);
    kube_client_free(s->client);
    fake_api_release(&s->api);
}

static void add(struct scene *s, const char *name, const char *note)
{
    auto_free char *uid = x_printf("uid-of-%s", name);
    const struct object_meta meta = {
        .name = name, .namespace = "shop", .uid = uid, .resource_version = "77"};
    event_queue_add(s->q, &(struct event){.res = &res_certificate,
                                          .regarding = &meta,
                                          .reason = "Issued",
                                          .action = "Issuing",
                                          .note = note});
}

/* Writes what is due; returns how many requests that took. */
static size_t drain(struct scene *s)
{
    size_t before = s->api.count;
    int64_t due;
    while (event_queue_write(s->q, false, &due))
        continue;
    return s->api.count - before;
}

static int64_t next_due(struct scene *s)
{
    int64_t due = 0;
    assert_false(event_queue_write(s->q, false, &due));
    return due == INT64_MAX ? INT64_MAX : due - clock_mono(&s->hands.clock);
}

static const char *last_line(struct scene *s)
{
    return fake_api_request(&s->api, s->api.count - 1)->line;
}

static void test_what_is_sent(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    assert_true(next_due(&s) == INT64_MAX);
    add(&s, "web", "all is well");
    assert_int_equal(drain(&s), 1);
    assert_string_equal(last_line(&s), "POST /apis/events.k8s.io/v1/namespaces/shop/events");
    json_auto_t *e = fake_api_sent(&s.api, 0);
    assert_string_equal(JSTR(e, "apiVersion"), "events.k8s.io/v1");
    assert_string_equal(JSTR(e, "kind"), "Event");
    assert_string_equal(JSTR(e, "metadata", "namespace"), "shop");
    const char *name = JSTR(e, "metadata", "name");
    assert_true(str_starts(name, "web."));
    assert_int_equal(strlen(name), strlen("web.") + 16);
    assert_string_equal(JSTR(e, "eventTime"), "2026-09-21T14:13:20.000000Z");
    assert_string_equal(JSTR(e, "reportingController"), "certroll.dev/certroll");
    assert_string_equal(JSTR(e, "reportingInstance"), "pod-1");
    assert_string_equal(JSTR(e, "action"), "Issuing");
    assert_string_equal(JSTR(e, "reason"), "Issued");
    assert_string_equal(JSTR(e, "note"), "all is well");
    assert_string_equal(JSTR(e, "type"), "Normal");
    assert_string_equal(JSTR(e, "regarding", "apiVersion"), "certroll.dev/v1");
    assert_string_equal(JSTR(e, "regarding", "kind"), "Certificate");
    assert_string_equal(JSTR(e, "regarding", "name"), "web");
    assert_string_equal(JSTR(e, "regarding", "namespace"), "shop");
    assert_string_equal(JSTR(e, "regarding", "uid"), "uid-of-web");
    assert_string_equal(JSTR(e, "regarding", "resourceVersion"), "77");
    assert_null(JGET(e, "series"));
    close_scene(&s);
}

static void test_what_waits_tells_of_its_first_time(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    add(&s, "web", "all is well");
    clock_manual_advance(&s.hands, NS_PER_MIN);
    add(&s, "web", "all is well");
    assert_int_equal(drain(&s), 1);
    json_auto_t *e = fake_api_sent(&s.api, 0);
    assert_string_equal(JSTR(e, "eventTime"), "2026-09-21T14:13:20.000000Z");
    assert_int_equal(JINT(e, 0, "series", "count"), 2);
    assert_string_equal(JSTR(e, "series", "lastObservedTime"), "2026-09-21T14:14:20.000000Z");
    close_scene(&s);
}

static void test_cluster_scoped_and_long(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    char name[KUBE_NAME_MAX + 1], note[1100], action[200];
    memset(name, 'n', KUBE_NAME_MAX);
    name[235] = '.'; /* where it is cut */
    name[234] = '-';
    name[KUBE_NAME_MAX] = '\0';
    memset(note, 'x', sizeof(note));
    memcpy(note + 1022, "\xe2\x82\xac", 3); /* a euro sign across the limit */
    note[sizeof(note) - 1] = '\0';
    memset(action, 'A', sizeof(action) - 1);
    action[sizeof(action) - 1] = '\0';
    const struct object_meta meta = {.name = name, .uid = "u"};
    event_queue_add(s.q, &(struct event){.res = &res_certificate,
                                         .regarding = &meta,
                                         .warning = true,
                                         .reason = action,
                                         .action = action,
                                         .note = note});
    assert_int_equal(drain(&s), 1);
    assert_string_equal(last_line(&s), "POST /apis/events.k8s.io/v1/namespaces/default/events");
    json_auto_t *e = fake_api_sent(&s.api, 0);
    const char *event_name = JSTR(e, "metadata", "name");
    assert_true(name_is_subdomain(event_name));
    assert_int_equal(strlen(event_name), 234 + 17);
    assert_null(JGET(e, "regarding", "namespace"));
    assert_int_equal(strlen(JSTR(e, "note")), 1022);
    assert_int_equal(strlen(JSTR(e, "action")), 128);
    assert_int_equal(strlen(JSTR(e, "reason")), 128);
    assert_string_equal(JSTR(e, "type"), "Warning");
    close_scene(&s);
}

/* A thousand repeats in a minute are seven writes. */
static void test_repeats(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    size_t writes = 0;
    for (int i = 0; i < 1000; i++) {
        add(&s, "web", "again");
        writes += drain(&s);
        clock_manual_advance(&s.hands, 60 * NS_PER_MS);
    }
    assert_int_equal(writes, 6);
    assert_int_equal(next_due(&s), 100 * NS_PER_MS); /* after the last write, at 50.1 s */
    clock_manual_advance(&s.hands, 100 * NS_PER_MS);
    assert_int_equal(drain(&s), 1);
    assert_true(next_due(&s) == INT64_MAX);
    json_auto_t *first = fake_api_sent(&s.api, 0), *patch = fake_api_sent(&s.api, 6);
    auto_free char *line = x_printf("PATCH /apis/events.k8s.io/v1/namespaces/shop/events/%s",
                                    JSTR(first, "metadata", "name"));
    assert_string_equal(last_line(&s), line);
    assert_non_null(strstr(fake_api_request(&s.api, 6)->headers, "application/merge-patch+json"));
    assert_int_equal(JINT(patch, 0, "series", "count"), 1000);
    assert_string_equal(JSTR(patch, "series", "lastObservedTime"), "2026-09-21T14:14:19.940000Z");
    assert_int_equal(json_count(patch), 1);
    close_scene(&s);
}

static void test_repeats_before_the_first_write(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int i = 0; i < 3; i++)
        add(&s, "web", "again");
    assert_int_equal(drain(&s), 1);
    json_auto_t *e = fake_api_sent(&s.api, 0);
    assert_int_equal(JINT(e, 0, "series", "count"), 3);
    clock_manual_advance(&s.hands, NS_PER_MIN);
    assert_int_equal(drain(&s), 0);
    close_scene(&s);
}

static void test_what_is_another_series(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    add(&s, "web", "one");
    add(&s, "web", "two");
    add(&s, "mail", "one");
    assert_int_equal(drain(&s), 3);
    clock_manual_advance(&s.hands, EVENT_SERIES_GAP - 1);
    add(&s, "web", "one"); /* still the same */
    clock_manual_advance(&s.hands, 1);
    add(&s, "web", "two"); /* silent for too long */
    assert_int_equal(drain(&s), 2);
    assert_true(str_starts(fake_api_request(&s.api, 3)->line, "PATCH "));
    assert_true(str_starts(fake_api_request(&s.api, 4)->line, "POST "));
    close_scene(&s);
}

/* What is cut off is told to nobody: it makes no other Event. */
static void test_notes_that_differ_where_they_are_cut(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    char note[2000];
    memset(note, 'x', sizeof(note));
    note[sizeof(note) - 1] = '\0';
    add(&s, "web", note);
    note[1500] = 'y';
    add(&s, "web", note);
    assert_int_equal(drain(&s), 1);
    close_scene(&s);
}

static void test_queue_is_bounded(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int i = 0; i < EVENT_WAITING_MAX + 5; i++) {
        auto_free char *name = x_printf("n%d", i);
        add(&s, name, "x");
    }
    assert_int_equal(event_queue_dropped(s.q), 5);
    add(&s, "n0", "x"); /* waits already: costs nothing */
    assert_int_equal(event_queue_dropped(s.q), 5);
    assert_int_equal(drain(&s), EVENT_WAITING_MAX);
    add(&s, "n1004", "x");
    assert_int_equal(drain(&s), 1);
    close_scene(&s);
}

static void test_series_are_bounded(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int i = 0; i < EVENT_SERIES_MAX + 1; i++) {
        auto_free char *name = x_printf("n%d", i);
        add(&s, name, "x");
        if (i == 10)
            add(&s, "n0", "x"); /* used lately: n1 is the oldest */
        assert_int_equal(drain(&s), 1);
    }
    clock_manual_advance(&s.hands, NS_PER_MIN);
    drain(&s);
    add(&s, "n0", "x");
    add(&s, "n1", "x");
    assert_int_equal(drain(&s), 1);
    assert_true(str_starts(last_line(&s), "POST "));
    clock_manual_advance(&s.hands, EVENT_REPEAT_PERIOD);
    assert_int_equal(drain(&s), 1);
    assert_true(str_starts(last_line(&s), "PATCH "));
    assert_int_equal(event_queue_dropped(s.q), 0);
    close_scene(&s);
}

static void test_transient_failures(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    fake_api_fail(&s.api, ERR_TRANSIENT, "ConnectFailed");
    fake_api_reply(&s.api, 429, "retry-after: 20\n", "{}");
    add(&s, "web", "x");
    assert_int_equal(drain(&s), 1);
    assert_in_range(next_due(&s), NS_PER_SEC, 1500 * NS_PER_MS);
    clock_manual_advance(&s.hands, 1500 * NS_PER_MS);
    assert_int_equal(drain(&s), 1);
    assert_int_equal(next_due(&s), 20 * NS_PER_SEC);
    clock_manual_advance(&s.hands, 20 * NS_PER_SEC);
    assert_int_equal(drain(&s), 1);
    assert_true(next_due(&s) == INT64_MAX);
    assert_int_equal(event_queue_dropped(s.q), 0);
    json_auto_t *first = fake_api_sent(&s.api, 0), *last = fake_api_sent(&s.api, 2);
    assert_true(json_same(first, last)); /* the same name: never two objects */
    close_scene(&s);
}

static void test_three_tries(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int i = 0; i < 3; i++)
        fake_api_reply(&s.api, 503, NULL, "");
    add(&s, "web", "x");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(drain(&s), 1);
        clock_manual_advance(&s.hands, NS_PER_MIN);
    }
    assert_int_equal(drain(&s), 0);
    assert_int_equal(event_queue_dropped(s.q), 1);
    add(&s, "web", "x"); /* begins anew */
    assert_int_equal(drain(&s), 1);
    assert_true(str_starts(last_line(&s), "POST "));
    close_scene(&s);
}

/* Each write has its own tries. */
static void test_tries_start_anew(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int write = 0; write < 3; write++) {
        fake_api_reply(&s.api, 503, NULL, "");
        fake_api_reply(&s.api, 503, NULL, "");
        fake_api_reply(&s.api, 201, NULL, "{}");
        add(&s, "web", "x");
        for (int i = 0; i < 3; i++) {
            clock_manual_advance(&s.hands, 30 * NS_PER_SEC);
            assert_int_equal(drain(&s), 1);
        }
    }
    assert_int_equal(event_queue_dropped(s.q), 0);
    close_scene(&s);
}

/* What still waits is not forgotten, however old. */
static void test_long_wait(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    fake_api_reply(&s.api, 429, "retry-after: 600\n", "{}");
    add(&s, "web", "x");
    assert_int_equal(drain(&s), 1);
    clock_manual_advance(&s.hands, 2 * EVENT_SERIES_GAP);
    add(&s, "mail", "x");
    assert_int_equal(drain(&s), 2);
    assert_int_equal(event_queue_dropped(s.q), 0);
    close_scene(&s);
}

static struct err *repeat_meanwhile(void *arg, const struct fake_request *req,
                                    struct http_response *ret)
{
    struct scene *s = arg;
    if (str_starts(req->line, "POST "))
        add(s, "web", "x");
    return accept_all(NULL, req, ret);
}

/* It happens again while it is being written. */
static void test_repeat_during_the_write(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    s.api.handler = repeat_meanwhile;
    s.api.arg = &s;
    add(&s, "web", "x");
    assert_int_equal(drain(&s), 1);
    assert_int_equal(next_due(&s), EVENT_REPEAT_PERIOD);
    clock_manual_advance(&s.hands, EVENT_REPEAT_PERIOD);
    assert_int_equal(drain(&s), 1);
    json_auto_t *patch = fake_api_sent(&s.api, 1);
    assert_int_equal(JINT(patch, 0, "series", "count"), 2);
    close_scene(&s);
}

static void test_refusals_drop(void **state)
{
    (void)state;
    static const int refusals[] = {403, 404, 422};
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct scene s;
        open_scene(&s);
        fake_api_reply(&s.api, refusals[i], NULL, "{}");
        add(&s, "web", "x");
        assert_int_equal(drain(&s), 1);
        assert_true(next_due(&s) == INT64_MAX);
        assert_int_equal(event_queue_dropped(s.q), 1);
        close_scene(&s);
    }
}

/* The Event is there already: our try arrived, its answer did not. */
static void test_lost_answer(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    fake_api_fail(&s.api, ERR_TRANSIENT, "Timeout");
    fake_api_reply(&s.api, 409, NULL, "{\"reason\":\"AlreadyExists\"}");
    add(&s, "web", "x");
    assert_int_equal(drain(&s), 1);
    clock_manual_advance(&s.hands, NS_PER_MIN);
    assert_int_equal(drain(&s), 1);
    assert_int_equal(event_queue_dropped(s.q), 0);

    fake_api_fail(&s.api, ERR_TRANSIENT, "Timeout");
    fake_api_reply(&s.api, 409, NULL, "{\"reason\":\"AlreadyExists\"}");
    add(&s, "mail", "x");
    assert_int_equal(drain(&s), 1);
    add(&s, "mail", "x"); /* the count that arrived is behind */
    clock_manual_advance(&s.hands, NS_PER_MIN);
    assert_int_equal(drain(&s), 2);
    assert_true(str_starts(last_line(&s), "PATCH "));
    close_scene(&s);
}

static void test_event_expired_on_the_server(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    add(&s, "web", "x");
    drain(&s);
    fake_api_reply(&s.api, 404, NULL, "{}");
    add(&s, "web", "x");
    clock_manual_advance(&s.hands, EVENT_REPEAT_PERIOD);
    assert_int_equal(drain(&s), 1);
    add(&s, "web", "x");
    assert_int_equal(drain(&s), 1);
    assert_true(str_starts(last_line(&s), "POST "));
    close_scene(&s);
}

/* At the end all that waits gets one try, also what would have waited longer. */
static void test_flush(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    add(&s, "web", "x");
    drain(&s);
    add(&s, "web", "x");
    add(&s, "mail", "x");
    fake_api_reply(&s.api, 200, NULL, "{}");
    fake_api_reply(&s.api, 503, NULL, "{}");
    int64_t due;
    assert_true(event_queue_write(s.q, true, &due));
    assert_true(event_queue_write(s.q, true, &due));
    assert_false(event_queue_write(s.q, true, &due));
    assert_int_equal(s.api.count, 3);
    assert_int_equal(event_queue_dropped(s.q), 1);
    close_scene(&s);
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_what_waits_tells_of_its_first_time),
        cmocka_unit_test(test_cluster_scoped_and_long),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_repeats_before_the_first_write),
        cmocka_unit_test(test_what_is_another_series),
        cmocka_unit_test(test_notes_that_differ_where_they_are_cut),
        cmocka_unit_test(test_queue_is_bounded),
        cmocka_unit_test(test_series_are_bounded),
        cmocka_unit_test(test_transient_failures),
        cmocka_unit_test(test_three_tries),
        cmocka_unit_test(test_tries_start_anew),
        cmocka_unit_test(test_long_wait),
        cmocka_unit_test(test_repeat_during_the_write),
        cmocka_unit_test(test_refusals_drop),
        cmocka_unit_test(test_lost_answer),
        cmocka_unit_test(test_event_expired_on_the_server),
        cmocka_unit_test(test_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
