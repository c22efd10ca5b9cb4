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
#include "json/json.h"
#include "kube/informer.h"
#include "widget.h"

#define OBJECT(name, rv, color)                                                                    \
    "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"" name "\",\"resourceVersion\":\"" rv          \
    "\"},\"color\":\"" color "\"}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"
#define BOOKMARK(rv, annotations)                                                                  \
    EVENT("BOOKMARK",                                                                              \
          "{\"metadata\":{\"resourceVersion\":\"" rv "\",\"annotations\":{" annotations "}}}")
#define END_MARK "\"k8s.io/initial-events-end\":\"true\""
#define ERROR_EVENT(code, reason)                                                                  \
    EVENT("ERROR", "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"" reason              \
                   "\",\"message\":\"words\",\"code\":" code "}")

struct scene {
    struct cache *cache;
    struct cache_fill *fill;
};

static void open_scene(struct scene *s)
{
    s->cache = cache_new(&widget_kind);
    s->fill = cache_fill(s->cache, NULL);
}

static void close_scene(struct scene *s)
{
    cache_free(s->cache);
}

static struct err *expect_verdict(struct scene *s, const char *line, enum watch_verdict want)
{
    struct watch_line w = watch_apply_line(s->fill, line, strlen(line));
    assert_int_equal(w.verdict, want);
    return w.err;
}

static void apply(struct scene *s, const char *line)
{
    assert_null(expect_verdict(s, line, WATCH_GO_ON));
}

static void expect_color(struct scene *s, const char *name, const char *want)
{
    AUTO_OBJECT(struct widget) w = cache_peek(s->cache, "ns", name);
    if (want == NULL)
        assert_null(w);
    else
        assert_string_equal(w->color, want);
}

static void expect_rv(struct scene *s, const char *want)
{
    assert_true(str_eq(cache_fill_rv(s->fill), want));
}

static void test_events_change_the_cache(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    apply(&s, EVENT("ADDED", OBJECT("a", "5", "red")));
    expect_color(&s, "a", "red");
    expect_rv(&s, "5");
    apply(&s, EVENT("MODIFIED", OBJECT("a", "9", "blue")));
    expect_color(&s, "a", "blue");
    apply(&s, BOOKMARK("12", ""));
    expect_rv(&s, "12");
    apply(&s, EVENT("DELETED", OBJECT("a", "13", "blue")));
    expect_color(&s, "a", NULL);
    expect_rv(&s, "13");
    close_scene(&s);
}

/* Nothing else of such an event is looked at: neither a color that changed without a version nor what is cut off. */
static void test_events_of_versions_that_are_here_are_not_read(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    apply(&s, EVENT("ADDED", OBJECT("a", "5", "red")));
    apply(&s, EVENT("MODIFIED", OBJECT("a", "5", "blue")));
    apply(&s, EVENT("MODIFIED", OBJECT("a", "4", "blue")));
    apply(&s, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\","
              "\"resourceVersion\":\"5\"},\"color\":");
    expect_color(&s, "a", "red");
    expect_rv(&s, "5");
    /* But the stream is as far as they say, and what is newer is read, however it is written. */
    apply(&s, EVENT("MODIFIED", OBJECT("a", "6", "blue")));
    apply(&s, "{\"type\": \"MODIFIED\", \"object\": " OBJECT("a", "7", "green") "}");
    expect_color(&s, "a", "green");
    expect_rv(&s, "7");
    close_scene(&s);
}

/* Nor is what it was like at the end; who says it in another way is understood, too. */
static void test_what_was_deleted_is_not_read(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    apply(&s, EVENT("ADDED", OBJECT("a", "5", "red")));
    apply(&s, EVENT("ADDED", OBJECT("b", "6", "red")));
    apply(&s, EVENT("DELETED", OBJECT("a", "4", "red")));
    expect_color(&s, "a", "red");
    apply(&s, "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"a\",\"namespace\":\"ns\","
              "\"resourceVersion\":\"7\"},\"color\":");
    expect_color(&s, "a", NULL);
    expect_rv(&s, "7");
    apply(&s, "{\"type\": \"DELETED\", \"object\": " OBJECT("b", "8", "red") "}");
    expect_color(&s, "b", NULL);
    expect_rv(&s, "8");
    close_scene(&s);
}

/* The answer to our own write is in the cache before the event comes, which moves the stream on. */
static void test_events_of_our_own_writes_move_the_stream(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    apply(&s, BOOKMARK("3", ""));
    static const char ours[] = OBJECT("a", "8", "red");
    json_auto_t *answer = NULL;
    assert_null(json_parse(ours, sizeof(ours) - 1, &answer));
    assert_null(cache_note_write(s.cache, answer));
    expect_rv(&s, "3");
    apply(&s, EVENT("ADDED", OBJECT("a", "8", "red")));
    expect_rv(&s, "8");
    close_scene(&s);
}

static void test_initial_events_become_one_swap(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    cache_fill_replace_begin(s.fill);
    apply(&s, EVENT("ADDED", OBJECT("b", "30", "red")));
    apply(&s, EVENT("ADDED", OBJECT("a", "20", "red")));
    apply(&s, BOOKMARK("25", ""));
    apply(&s, EVENT("MODIFIED", OBJECT("a", "31", "blue")));
    expect_rv(&s, NULL); /* synthetic events are in no order */
    expect_color(&s, "a", NULL);
    assert_null(expect_verdict(&s, BOOKMARK("40", END_MARK), WATCH_SYNCED));
    expect_rv(&s, "40");
    expect_color(&s, "a", "blue");
    expect_color(&s, "b", "red");
    /* Later it is a bookmark like any other. */
    apply(&s, BOOKMARK("41", END_MARK));
    expect_rv(&s, "41");
    close_scene(&s);
}

static void expect_error(const char *line, enum watch_verdict want, int http_status,
                         const char *reason)
{
    struct scene s;
    open_scene(&s);
    AUTO_ERR err = expect_verdict(&s, line, want);
    assert_non_null(err);
    assert_int_equal(err->http_status, http_status);
    assert_string_equal(err->reason, reason);
    close_scene(&s);
}

static void test_errors_in_the_stream(void **state)
{
    (void)state;
    expect_error(ERROR_EVENT("410", "Expired"), WATCH_GONE, 410, "Expired");
    expect_error(ERROR_EVENT("410", "Gone"), WATCH_GONE, 410, "Gone");
    expect_error(ERROR_EVENT("429", "TooManyRequests"), WATCH_LATER, 429, "TooManyRequests");
    expect_error(ERROR_EVENT("401", "Unauthorized"), WATCH_DENIED, 401, "Unauthorized");
    expect_error(ERROR_EVENT("403", "Forbidden"), WATCH_DENIED, 403, "Forbidden");
    expect_error(ERROR_EVENT("500", "InternalError"), WATCH_BROKEN, 500, "InternalError");
    expect_error(EVENT("ERROR", "{}"), WATCH_BROKEN, 500, "InternalError");
    expect_error(ERROR_EVENT("7", "<script>"), WATCH_BROKEN, 500, "InternalError");
    expect_error(EVENT("ERROR", "{\"code\":504,\"reason\":\"Timeout\",\"details\":{\"causes\":[{"
                                "\"reason\":\"ResourceVersionTooLarge\"}]}}"),
                 WATCH_BROKEN, 504, "ResourceVersionTooLarge");
    expect_error(EVENT("ERROR", "{\"code\":504,\"message\":\"Too large resource version: 9\"}"),
                 WATCH_BROKEN, 504, "ResourceVersionTooLarge");
}

static void test_lines_that_are_no_events(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "garbage",
        "<html></html>",
        "{\"type\":\"ADDED\",\"object\":",
        EVENT("ADDED", OBJECT("a", "5", "red")) "x",
        "[]",
        "{}",
        "{\"type\":\"ADDED\"}",
        "{\"object\":{}}",
        "{\"type\":7,\"object\":{}}",
        EVENT("RENAMED", "{}"),
        EVENT("DELETED", "{}"),
        EVENT("BOOKMARK", "{}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct scene s;
        open_scene(&s);
        AUTO_ERR err = expect_verdict(&s, lines[i], WATCH_BROKEN);
        assert_int_equal(err->http_status, 0);
        assert_int_equal(cache_len(s.cache), 0);
        close_scene(&s);
    }
}

/* One object of one tenant must not stop the stream for all others. */
static void test_unreadable_objects_are_left_out(void **state)
{
    (void)state;
    static const char *const lines[] = {
        EVENT("ADDED", "{\"metadata\":{\"name\":\"a\"},\"color\":7}"),
        EVENT("ADDED", OBJECT("a", "5", "nul \\u0000 byte")),
        EVENT("ADDED", "{\"metadata\":{\"name\":\"a\"},\"n\":99999999999999999999999}"),
        EVENT("ADDED", "{\"metadata\":{\"name\":\"a\"},\"n\":1,\"n\":2}"),
        EVENT("MODIFIED", "{\"metadata\":{}}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct scene s;
        open_scene(&s);
        AUTO_ERR err = expect_verdict(&s, lines[i], WATCH_GO_ON);
        assert_non_null(err);
        assert_int_equal(cache_len(s.cache), 0);
        apply(&s, EVENT("ADDED", OBJECT("b", "6", "red")));
        expect_color(&s, "b", "red");
        close_scene(&s);
    }
}

int main(void)
{
    json_room_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_change_the_cache),
        cmocka_unit_test(test_events_of_versions_that_are_here_are_not_read),
        cmocka_unit_test(test_what_was_deleted_is_not_read),
        cmocka_unit_test(test_events_of_our_own_writes_move_the_stream),
        cmocka_unit_test(test_initial_events_become_one_swap),
        cmocka_unit_test(test_errors_in_the_stream),
        cmocka_unit_test(test_lines_that_are_no_events),
        cmocka_unit_test(test_unreadable_objects_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
