/* SPDX-License-Identifier: Apache-2.0 */
/* Informers on servers without WatchList: pages, then watches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "informer_fixture.h"

static int setup(void **state)
{
    struct informer_fixture *f = x_calloc(1, sizeof(*f));
    informer_fixture_init(f, &widget_kind, NULL);
    informer_fixture_start(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    informer_fixture_release(*state);
    free(*state);
    return 0;
}

static void refuse_watchlist(struct informer_fixture *f)
{
    expect_request(f, "sendInitialEvents=true");
    send_answer(f, 422, "", STATUS("422", "Invalid"));
    wait_events(f, "list fallback:Invalid list");
}

static void test_refused_watchlist_becomes_pages(void **state)
{
    struct informer_fixture *f = *state;
    expect_request(f, "sendInitialEvents=true");
    send_answer(f, 400, "", STATUS("400", "BadRequest"));
    expect_request(f, "/widgets?limit=500 !continue !resourceVersion !watch");
    static const char page[] =
        LIST("30", "to/ken+=", OBJECT("ns", "a", "3", "red") "," OBJECT("ns", "b", "4", "red"));
    assert_true(scripted_stream_head(f->conn, 200, "Connection: close\r\n"));
    for (size_t i = 0; i < sizeof(page) - 1; i += 3)
        assert_true(scripted_stream_chunk(f->conn, page + i,
                                          sizeof(page) - 1 - i < 3 ? sizeof(page) - 1 - i : 3));
    end_stream(f);
    expect_request(f, "limit=500 continue=to%2Fken%2B%3D");
    send_answer(f, 200, "", LIST("31", "", OBJECT("ns", "c", "5", "blue")));
    expect_request(f, "watch=true resourceVersion=30 !sendInitialEvents");
    assert_int_equal(cache_len(f->cache), 3);
    send_head(f);
    send_line(f, EVENT("MODIFIED", OBJECT("ns", "c", "32", "green")));
    wait_color(f, "ns", "c", "green");
    wait_events(f, "list fallback:BadRequest list synced");
}

static void test_error_before_the_end_bookmark_falls_back(void **state)
{
    struct informer_fixture *f = *state;
    expect_request(f, "sendInitialEvents=true");
    send_head(f);
    send_line(f, EVENT("ADDED", OBJECT("ns", "a", "3", "red")));
    send_line(f, EVENT("ERROR", STATUS("500", "InternalError")));
    expect_request(f, "limit=500 !watch");
    send_answer(f, 200, "", LIST("30", "", ""));
    expect_request(f, "watch=true resourceVersion=30");
    assert_int_equal(cache_len(f->cache), 0);
    wait_events(f, "list fallback:InternalError list synced");
}

static void test_some_errors_keep_watchlist(void **state)
{
    struct informer_fixture *f = *state;
    static const char *const lines[] = {
        EVENT("ERROR", STATUS("401", "Unauthorized")),
        EVENT("ERROR", STATUS("403", "Forbidden")),
        EVENT("ERROR", STATUS("410", "Expired")),
        EVENT("ERROR", STATUS("429", "TooManyRequests")),
        "garbage",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        expect_request(f, "sendInitialEvents=true");
        send_head(f);
        send_line(f, lines[i]);
    }
    static const int statuses[] = {401, 403, 404, 410, 429, 500, 503};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        expect_request(f, "sendInitialEvents=true");
        send_answer(f, statuses[i], "", "");
    }
    expect_request(f, "sendInitialEvents=true");
}

static void test_expired_continue_token(void **state)
{
    struct informer_fixture *f = *state;
    refuse_watchlist(f);
    expect_request(f, "limit=500");
    send_answer(f, 200, "", LIST("30", "token", OBJECT("ns", "a", "3", "red")));
    expect_request(f, "continue=token");
    send_answer(f, 410, "", STATUS("410", "Expired"));
    expect_request(f, "/widgets !limit !continue !resourceVersion");
    send_answer(f, 200, "", LIST("40", "", OBJECT("ns", "b", "35", "red")));
    expect_request(f, "watch=true resourceVersion=40");
    wait_color(f, "ns", "a", NULL);
    wait_color(f, "ns", "b", "red");
    wait_events(f, "list synced");
}

/* It fits into no URL: there are no pages, then. */
static void test_endless_continue_token(void **state)
{
    struct informer_fixture *f = *state;
    refuse_watchlist(f);
    expect_request(f, "limit=500");
    char token[9000];
    memset(token, '=', sizeof(token));
    token[sizeof(token) - 1] = '\0';
    auto_free char *page = x_printf(
        "{\"metadata\":{\"resourceVersion\":\"30\",\"continue\":\"%s\"},\"items\":[]}", token);
    send_answer(f, 200, "", page);
    expect_request(f, "/widgets !limit !continue !resourceVersion");
    send_answer(f, 200, "", LIST("40", "", OBJECT("ns", "b", "35", "red")));
    wait_color(f, "ns", "b", "red");
}

static void test_relist_notices_deletions(void **state)
{
    struct informer_fixture *f = *state;
    refuse_watchlist(f);
    expect_request(f, "limit=500");
    send_answer(f, 200, "",
                LIST("30", "", OBJECT("ns", "a", "3", "red") "," OBJECT("ns", "b", "4", "red")));
    expect_request(f, "watch=true resourceVersion=30");
    send_head(f);
    send_line(f, BOOKMARK("35"));
    send_line(f, EVENT("ERROR", STATUS("410", "Expired")));
    expect_request(f, "resourceVersion=35 resourceVersionMatch=NotOlderThan !limit !watch");
    send_answer(f, 410, "", STATUS("410", "Expired"));
    expect_request(f, "limit=500 !resourceVersion !watch");
    send_answer(f, 200, "", LIST("50", "", OBJECT("ns", "b", "45", "blue")));
    wait_color(f, "ns", "a", NULL);
    wait_color(f, "ns", "b", "blue");
    expect_request(f, "watch=true resourceVersion=50");
    wait_events(f, "synced list list synced");
}

static void test_broken_lists_start_anew(void **state)
{
    struct informer_fixture *f = *state;
    refuse_watchlist(f);
    static const char *const bodies[] = {
        "<html>",
        "{\"kind\":\"WidgetList\",\"items\":[",
        "{\"kind\":\"WidgetList\",\"items\":[]}",
        "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[7]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        expect_request(f, "limit=500 !continue");
        send_answer(f, 200, "", bodies[i]);
    }
    expect_request(f, "limit=500 !continue");
    assert_true(scripted_stream_head(f->conn, 200, "Connection: close\r\n"));
    assert_true(scripted_stream_chunk(f->conn, "{\"items\":", 9)); /* then the peer is gone */
    expect_request(f, "limit=500 !continue");
    send_answer(f, 200, "", LIST("30", "next", OBJECT("ns", "a", "3", "red")));
    expect_request(f, "limit=500 continue=next");
    send_answer(f, 500, "", STATUS("500", "InternalError"));
    expect_request(f, "limit=500 !continue");
    send_answer(f, 200, "",
                LIST("31", "",
                     "{\"metadata\":{\"name\":\"bad\"},\"color\":{}},"
                     "{\"metadata\":{\"name\":\"nul\"},\"color\":\"\\u0000\"}," OBJECT(
                         "ns", "b", "3", "red")));
    expect_request(f, "watch=true resourceVersion=31");
    assert_int_equal(cache_len(f->cache), 1);
    wait_color(f, "ns", "b", "red");
}

int main(void)
{
    json_room_init();
    http_global_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refused_watchlist_becomes_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_error_before_the_end_bookmark_falls_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_some_errors_keep_watchlist, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expired_continue_token, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless_continue_token, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relist_notices_deletions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_lists_start_anew, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
