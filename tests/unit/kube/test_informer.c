/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "informer_fixture.h"

static int64_t now_ns(void)
{
    return clock_mono(clock_system());
}

static void wait_synced(struct informer_fixture *f)
{
    assert_null(informers_wait(f->informers, NULL, now_ns() + 20 * NS_PER_SEC));
    assert_true(informers_synced(f->informers));
    assert_true(cache_synced(f->cache));
}

static int setup(void **state)
{
    struct informer_fixture *f = x_calloc(1, sizeof(*f));
    informer_fixture_init(f, &widget_kind, NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    informer_fixture_release(*state);
    free(*state);
    return 0;
}

/* ---- the way it should go ---- */

static void test_watchlist_then_watch(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    expect_request(f, "/apis/example.com/v1/widgets?watch=true allowWatchBookmarks=true "
                      "sendInitialEvents=true resourceVersionMatch=NotOlderThan "
                      "timeoutSeconds=1 !resourceVersion= !labelSelector");
    static const char stream[] = EVENT("ADDED", OBJECT("ns", "b", "7", "red")) "\n" EVENT(
        "ADDED", OBJECT("ns", "a", "5", "red")) "\n" END_BOOKMARK("9") "\n";
    send_head(f);
    assert_false(informers_synced(f->informers));
    /* Byte by byte: lines are put together from any pieces. */
    for (size_t i = 0; i < sizeof(stream) - 1; i++)
        assert_true(scripted_stream_chunk(f->conn, &stream[i], 1));
    wait_synced(f);
    assert_int_equal(cache_len(f->cache), 2);
    send_line(f, EVENT("MODIFIED", OBJECT("ns", "a", "11", "blue")));
    wait_color(f, "ns", "a", "blue");
    send_line(f, EVENT("DELETED", OBJECT("ns", "b", "12", "red")));
    wait_color(f, "ns", "b", NULL);
    send_line(f, BOOKMARK("20"));
    end_stream(f);
    expect_request(f, "watch=true resourceVersion=20 allowWatchBookmarks=true !sendInitialEvents");
    send_head(f);
    send_line(f, EVENT("ADDED", OBJECT("ns", "c", "21", "green")));
    wait_color(f, "ns", "c", "green");
    wait_events(f, "list synced");
}

static void test_selector_and_namespace_are_in_the_request(void **state)
{
    struct informer_fixture *f = *state;
    informers_add(f->informers, f->cache, "team-a", "app in (x,y),b=c d");
    assert_null(informers_start(f->informers));
    expect_request(f, "/apis/example.com/v1/namespaces/team-a/widgets? "
                      "labelSelector=app%20in%20%28x%2Cy%29%2Cb%3Dc%20d");
}

static void test_bad_namespace_is_refused(void **state)
{
    struct informer_fixture *f = *state;
    informers_add(f->informers, f->cache, "../../secrets", NULL);
    AUTO_ERR err = informers_start(f->informers);
    assert_true(err_is(err, ERR_INVALID));
}

static void test_two_namespaces_fill_one_cache(void **state)
{
    struct informer_fixture *f = *state;
    informers_add(f->informers, f->cache, "x", NULL);
    informers_add(f->informers, f->cache, "y", NULL);
    assert_null(informers_start(f->informers));
    struct scripted_conn *first = NULL;
    for (int i = 0; i < 2; i++) {
        expect_request(f, "sendInitialEvents=true");
        send_head(f);
        if (i == 0)
            first = TAKE(f->conn);
    }
    /* Which of them came first is open: each line says where it belongs. */
    static const char one[] = EVENT("ADDED", OBJECT("x", "a", "3", "red")) "\n";
    assert_true(scripted_stream_chunk(first, one, sizeof(one) - 1));
    static const char end[] = END_BOOKMARK("5") "\n";
    assert_true(scripted_stream_chunk(first, end, sizeof(end) - 1));
    wait_events(f, "list list synced");
    assert_false(informers_synced(f->informers));
    assert_false(cache_synced(f->cache));
    send_line(f, END_BOOKMARK("6"));
    wait_synced(f);
    wait_color(f, "x", "a", "red");
    scripted_close(first);
}

static const char *accept_header_of(const char *head, char out[200])
{
    const char *at = strcasestr(head, "\r\naccept:");
    assert_non_null(at);
    str_copy(out, 200, at + strlen("\r\naccept: "));
    out[strcspn(out, "\r")] = '\0';
    return out;
}

static void test_metadata_only_kinds(void **state)
{
    (void)state;
    struct kube_kind kind = widget_kind;
    kind.metadata_only = true;
    struct informer_fixture f;
    informer_fixture_init(&f, &kind, NULL);
    informer_fixture_start(&f);
    char accept[200];
    auto_free char *head = next_request(&f, "sendInitialEvents");
    assert_string_equal(accept_header_of(head, accept),
                        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
    send_answer(&f, 400, "", STATUS("400", "BadRequest"));
    auto_free char *list_head = next_request(&f, "limit=500");
    assert_string_equal(accept_header_of(list_head, accept),
                        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
    informer_fixture_release(&f);
}

/* ---- 410 ---- */

static void test_gone_in_the_stream(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    expect_request(f, "sendInitialEvents=true");
    send_head(f);
    send_line(f, EVENT("ADDED", OBJECT("ns", "old", "5", "red")));
    send_line(f, END_BOOKMARK("9"));
    wait_color(f, "ns", "old", "red");
    send_line(f, EVENT("ERROR", STATUS("410", "Expired")));
    /* At the last version, and when that is gone as well, at the head. */
    expect_request(f, "sendInitialEvents=true resourceVersion=9");
    send_answer(f, 410, "", STATUS("410", "Expired"));
    expect_request(f, "sendInitialEvents=true !resourceVersion=");
    send_head(f);
    send_line(f, EVENT("ADDED", OBJECT("ns", "new", "15", "blue")));
    send_line(f, END_BOOKMARK("20"));
    wait_color(f, "ns", "old", NULL); /* deleted while nobody looked */
    wait_color(f, "ns", "new", "blue");
    wait_events(f, "list synced list list synced");
}

static void test_gone_at_open_and_again(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    sync_at(f, "9");
    end_stream(f);
    expect_request(f, "resourceVersion=9 !sendInitialEvents");
    send_answer(f, 410, "", STATUS("410", "Gone"));
    expect_request(f, "resourceVersion=9 sendInitialEvents");
    send_head(f);
    send_line(f, END_BOOKMARK("12"));
    /* A server that refuses its own newest version is not asked again at once. */
    send_line(f, EVENT("ERROR", STATUS("410", "Gone")));
    expect_request(f, "resourceVersion=12 sendInitialEvents");
    wait_events(f, "list synced failed:Gone list");
}

static void test_version_too_large(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    sync_at(f, "9");
    send_line(f, EVENT("ERROR", STATUS("410", "Expired")));
    expect_request(f, "resourceVersion=9 sendInitialEvents");
    send_answer(f, 504, "",
                "{\"code\":504,\"reason\":\"Timeout\",\"details\":{\"causes\":[{\"reason\":"
                "\"ResourceVersionTooLarge\"}]}}");
    expect_request(f, "!resourceVersion= sendInitialEvents");
    wait_events(f, "list list");
}

/* ---- trouble that must not lead to a list ---- */

static void test_too_many_requests(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    sync_at(f, "9");
    end_stream(f);
    expect_request(f, "resourceVersion=9");
    int64_t start = now_ns();
    send_answer(f, 429, "Retry-After: 1\r\n", STATUS("429", "TooManyRequests"));
    expect_request(f, "resourceVersion=9 !sendInitialEvents");
    /* Retry-After has whole seconds of the wall clock. */
    assert_true(now_ns() - start >= NS_PER_SEC - 20 * NS_PER_MS);
    send_head(f);
    send_line(f, EVENT("ERROR", STATUS("429", "TooManyRequests")));
    expect_request(f, "resourceVersion=9 !sendInitialEvents");
    wait_events(f, "failed:TooManyRequests failed:TooManyRequests");
}

static void test_resets_do_not_cost_a_list(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    sync_at(f, "9");
    for (int i = 10; i < 15; i++) {
        char name[16], line[200], want[64];
        snprintf(name, sizeof(name), "w%d", i);
        snprintf(line, sizeof(line),
                 "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"namespace\":\"ns\",\"name\":"
                 "\"%s\",\"resourceVersion\":\"%d\"},\"color\":\"red\"}}",
                 name, i);
        send_line(f, line);
        wait_color(f, "ns", name, "red");
        scripted_reset_on_close(f->conn);
        snprintf(want, sizeof(want), "resourceVersion=%d !sendInitialEvents", i);
        expect_request(f, want);
        send_head(f);
    }
    wait_events(f, ""); /* not even a pause: each watch was good for something */
}

static void test_very_short_watches_pause(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    sync_at(f, "9");
    end_stream(f);
    int64_t start = now_ns();
    for (int i = 0; i < 3; i++) {
        expect_request(f, "resourceVersion=9 !sendInitialEvents");
        /* 20 ms, then 40 ms. */
        assert_true(now_ns() - start >= i * 20 * NS_PER_MS);
        start = now_ns();
        send_head(f);
        end_stream(f);
    }
    wait_events(f, "failed:ShortWatch failed:ShortWatch failed:ShortWatch");
}

static void test_server_errors_at_open(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    sync_at(f, "9");
    end_stream(f);
    expect_request(f, "resourceVersion=9");
    send_answer(f, 503, "", "<html>no backend</html>");
    expect_request(f, "resourceVersion=9 !sendInitialEvents");
    scripted_reset_on_close(f->conn);
    expect_request(f, "resourceVersion=9 !sendInitialEvents");
    wait_events(f, "failed:ServiceUnavailable failed:ConnectionLost");
}

static void test_stalled_watch_is_opened_again(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    sync_at(f, "9");
    int64_t start = now_ns();
    struct scripted_conn *stalled = TAKE(f->conn);
    expect_request(f, "resourceVersion=9 !sendInitialEvents");
    int64_t took = now_ns() - start;
    assert_true(took > NS_PER_SEC && took < 10 * NS_PER_SEC);
    wait_events(f, "");
    scripted_close(stalled);
}

/* ---- broken streams ---- */

static void test_garbage_watches_again_then_lists(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    sync_at(f, "9");
    send_line(f, "garbage");
    expect_request(f, "resourceVersion=9 !sendInitialEvents");
    send_head(f);
    send_line(f, "{\"type\":\"ADDED\",\"object\":");
    expect_request(f, "resourceVersion=9 sendInitialEvents=true");
    wait_events(f, "failed:BadJSON failed:BadJSON list");
}

static void test_errors_in_the_watch(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    sync_at(f, "9");
    send_line(f, EVENT("ERROR", STATUS("500", "InternalError")));
    expect_request(f, "resourceVersion=9 !sendInitialEvents");
    send_head(f);
    send_line(f, BOOKMARK("10"));
    send_line(f, EVENT("ERROR", STATUS("500", "InternalError")));
    expect_request(f, "resourceVersion=10 !sendInitialEvents"); /* there was progress */
    send_head(f);
    send_line(f, EVENT("ERROR", STATUS("500", "InternalError")));
    expect_request(f, "resourceVersion=10 sendInitialEvents=true");
    wait_events(f, "failed:InternalError failed:InternalError failed:InternalError list");
}

static void test_unreadable_object_is_told_and_left_out(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    expect_request(f, "sendInitialEvents=true");
    send_head(f);
    send_line(f, EVENT("ADDED", "{\"metadata\":{\"name\":\"bad\"},\"color\":1}"));
    send_line(f, EVENT("ADDED", OBJECT("ns", "good", "5", "red")));
    send_line(f, END_BOOKMARK("9"));
    wait_synced(f);
    assert_int_equal(cache_len(f->cache), 1);
    wait_events(f, "list unreadable:InvalidField synced");
}

static void test_cut_initial_list_starts_anew(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    expect_request(f, "sendInitialEvents=true");
    send_head(f);
    send_line(f, EVENT("ADDED", OBJECT("ns", "a", "5", "red")));
    end_stream(f);
    expect_request(f, "sendInitialEvents=true !resourceVersion=");
    send_head(f);
    send_line(f, EVENT("ADDED", OBJECT("ns", "b", "6", "red")));
    send_line(f, END_BOOKMARK("9"));
    wait_synced(f);
    wait_color(f, "ns", "a", NULL);
    wait_events(f, "list failed:CutShort list synced");
}

static void test_slow_lists_are_told(void **state)
{
    struct informer_fixture *f = *state;
    f->timing.slow_sync = 5 * NS_PER_MS;
    informer_fixture_start(f);
    expect_request(f, "sendInitialEvents=true");
    int64_t deadline = now_ns() + 20 * NS_PER_SEC;
    pthread_mutex_lock(&f->lock);
    while (strstr(f->events, "list waiting waiting") == NULL)
        assert_true(cond_wait_until(&f->changed, &f->lock, deadline));
    pthread_mutex_unlock(&f->lock);
}

/* ---- credentials, waiting, stopping ---- */

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static void test_unauthorized_reads_the_token_again(void **state)
{
    (void)state;
    char path[] = "/tmp/certroll-token-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    write_file(path, "first");
    struct informer_fixture f;
    informer_fixture_init(&f, &widget_kind, path);
    informer_fixture_start(&f);
    auto_free char *head = next_request(&f, "sendInitialEvents");
    assert_non_null(strcasestr(head, "authorization: Bearer first\r\n"));
    write_file(path, "second");
    send_answer(&f, 401, "", STATUS("401", "Unauthorized"));
    auto_free char *head2 = next_request(&f, "sendInitialEvents");
    assert_non_null(strcasestr(head2, "authorization: Bearer second\r\n"));
    informer_fixture_release(&f);
    unlink(path);
}

static void test_wait_names_what_is_missing(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    expect_request(f, "sendInitialEvents");
    AUTO_ERR early = informers_wait(f->informers, NULL, now_ns());
    assert_true(err_is(early, ERR_TRANSIENT));
    assert_non_null(strstr(early->message, "widgets (no answer yet)"));
    send_answer(f, 403, "", STATUS("403", "Forbidden"));
    wait_events(f, "list failed:Forbidden");
    AUTO_ERR err = informers_wait(f->informers, NULL, now_ns());
    assert_non_null(strstr(err->message, "403 Forbidden: words"));

    struct stop *stop = stop_new();
    stop_set(stop);
    AUTO_ERR cancelled = informers_wait(f->informers, stop, INT64_MAX);
    assert_true(err_is(cancelled, ERR_CANCELLED));
    stop_free(stop);
}

static void *set_stop(void *stop)
{
    stop_set(stop);
    return NULL;
}

static void test_wait_ends_with_the_stop(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    struct stop *stop = stop_new();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, set_stop, stop), 0);
    AUTO_ERR err = informers_wait(f->informers, stop, now_ns() + 20 * NS_PER_SEC);
    assert_true(err_is(err, ERR_CANCELLED));
    pthread_join(thread, NULL);
    stop_free(stop);
}

static void test_stop_is_quick_in_any_state(void **state)
{
    struct informer_fixture *f = *state;
    informer_fixture_start(f);
    sync_at(f, "9");
    int64_t start = now_ns();
    informers_stop(f->informers);
    informers_stop(f->informers);
    assert_true(now_ns() - start < 5 * NS_PER_SEC);
    assert_true(cache_synced(f->cache));
}

int main(void)
{
    json_room_init();
    http_global_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_watchlist_then_watch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_selector_and_namespace_are_in_the_request, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_bad_namespace_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_namespaces_fill_one_cache, setup, teardown),
        cmocka_unit_test(test_metadata_only_kinds),
        cmocka_unit_test_setup_teardown(test_gone_in_the_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gone_at_open_and_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_version_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resets_do_not_cost_a_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_very_short_watches_pause, setup, teardown),
        cmocka_unit_test_setup_teardown(test_server_errors_at_open, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stalled_watch_is_opened_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage_watches_again_then_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_in_the_watch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unreadable_object_is_told_and_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_cut_initial_list_starts_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_lists_are_told, setup, teardown),
        cmocka_unit_test(test_unauthorized_reads_the_token_again),
        cmocka_unit_test_setup_teardown(test_wait_names_what_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait_ends_with_the_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_is_quick_in_any_state, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
